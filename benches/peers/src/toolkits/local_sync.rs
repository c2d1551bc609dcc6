//! `local-sync`: channels and a semaphore for one thread, by the author of monoio.

use local_sync::mpsc::bounded;
use local_sync::oneshot;
use local_sync::semaphore::Semaphore;

use crate::rows::tools::{Channels, Oneshots, Permits};

pub(crate) struct LocalSync;

impl Permits for LocalSync {
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire().await.expect("nobody closes it");
        inside.await
    }
}

impl Channels for LocalSync {
    type Sender<T: 'static> = bounded::Tx<T>;
    type Receiver<T: 'static> = bounded::Rx<T>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        bounded::channel(room)
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
    }

    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>> {
        receiver.recv()
    }
}

impl Oneshots for LocalSync {
    type Sender<T: 'static> = oneshot::Sender<T>;
    type Receiver<T: 'static> = oneshot::Receiver<T>;

    fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        oneshot::channel()
    }

    fn answer<T: 'static>(sender: Self::Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "whoever asked waits for the answer");
    }

    async fn answered<T: 'static>(receiver: Self::Receiver<T>) -> T {
        receiver.await.expect("every question is answered")
    }
}

//! `async-unsync`: channels and a semaphore for one thread.

use async_unsync::semaphore::Semaphore;
use async_unsync::{bounded, oneshot};

use crate::rows::tools::{Channels, Oneshots, Permits};

pub(crate) struct AsyncUnsync;

impl Permits for AsyncUnsync {
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire().await.expect("nobody closes it");
        inside.await
    }
}

impl Channels for AsyncUnsync {
    type Sender<T: 'static> = bounded::Sender<T>;
    type Receiver<T: 'static> = bounded::Receiver<T>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        bounded::channel(room).into_split()
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
    }

    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>> {
        receiver.recv()
    }
}

impl Oneshots for AsyncUnsync {
    type Sender<T: 'static> = oneshot::Sender<T>;
    type Receiver<T: 'static> = oneshot::Receiver<T>;

    fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        oneshot::channel().into_split()
    }

    fn answer<T: 'static>(sender: Self::Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "whoever asked waits for the answer");
    }

    async fn answered<T: 'static>(receiver: Self::Receiver<T>) -> T {
        receiver.await.expect("every question is answered")
    }
}

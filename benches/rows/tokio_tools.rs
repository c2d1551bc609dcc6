//! Tokio's locks and channels, and what its users join with.

use futures::future;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};

use crate::rows::tools::{Channels, Events, Joins, Locks, Oneshots, Permits};

pub(crate) struct TokioTools;

impl Locks for TokioTools {
    type Mutex = Mutex<()>;

    fn mutex() -> Self::Mutex {
        Mutex::new(())
    }

    async fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> F::Output {
        let _guard = mutex.lock().await;
        inside.await
    }
}

impl Permits for TokioTools {
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire().await.expect("nobody closes it");
        inside.await
    }
}

impl Events for TokioTools {
    type Event = Notify;

    fn event() -> Self::Event {
        Notify::new()
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.notified()
    }

    fn fire(event: &Self::Event) {
        event.notify_waiters();
    }
}

impl Channels for TokioTools {
    type Sender<T: 'static> = mpsc::Sender<T>;
    type Receiver<T: 'static> = mpsc::Receiver<T>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        mpsc::channel(room)
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
    }

    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>> {
        receiver.recv()
    }
}

impl Oneshots for TokioTools {
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

/// Tokio has no `join_all`: its users take that of the futures crate.
impl Joins for TokioTools {
    fn all<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        future::join_all(futures)
    }

    async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
        tokio::join!(a, b)
    }

    async fn first<T, A: Future<Output = T>, B: Future<Output = T>>(a: A, b: B) -> T {
        tokio::select! {
            first = a => first,
            second = b => second,
        }
    }
}

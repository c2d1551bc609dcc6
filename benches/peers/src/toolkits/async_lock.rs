//! What users of `async-executor` and smol use: `async-lock`, `async-channel`, `event-listener` and `futures-lite`.

use async_channel::{Receiver, Sender};
use async_lock::{Mutex, Semaphore};
use event_listener::Event;
use futures_lite::future;

use crate::rows::tools::{Channels, Events, Joins, Oneshots, Permits};
use crate::rows::usual::usual;

pub(crate) struct AsyncLock;

usual!(Locks for AsyncLock: Mutex<()>);

impl Permits for AsyncLock {
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire().await;
        inside.await
    }
}

impl Events for AsyncLock {
    type Event = Event;

    fn event() -> Self::Event {
        Event::new()
    }

    async fn wait(event: &Self::Event) {
        event.listen().await;
    }

    fn fire(event: &Self::Event) {
        event.notify(usize::MAX);
    }
}

impl Channels for AsyncLock {
    type Sender<T: 'static> = Sender<T>;
    type Receiver<T: 'static> = Receiver<T>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        async_channel::bounded(room)
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
    }

    async fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> Option<T> {
        receiver.recv().await.ok()
    }
}

/// None of these crates has one; a channel with room for one value is used instead.
impl Oneshots for AsyncLock {
    type Sender<T: 'static> = Sender<T>;
    type Receiver<T: 'static> = Receiver<T>;

    fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        async_channel::bounded(1)
    }

    fn answer<T: 'static>(sender: Self::Sender<T>, value: T) {
        assert!(sender.try_send(value).is_ok(), "the client waits for the answer");
    }

    async fn answered<T: 'static>(receiver: Self::Receiver<T>) -> T {
        receiver.recv().await.expect("every question is answered")
    }
}

impl Joins for AsyncLock {
    fn all<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        // `futures-lite` has none.
        futures::future::join_all(futures)
    }

    fn both<A: Future, B: Future>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> {
        future::zip(a, b)
    }

    fn first<T, A: Future<Output = T>, B: Future<Output = T>>(
        a: A,
        b: B,
    ) -> impl Future<Output = T> {
        future::or(a, b)
    }
}

//! What the rows need of a crate of locks and channels, and turnwise's own.

use turnwise::channel::{mpsc, oneshot};
use turnwise::sync::{Event, Mutex, Semaphore};

/// A lock.
pub(crate) trait Locks: 'static {
    type Mutex: 'static;

    fn mutex() -> Self::Mutex;

    /// Locks it, does what is to be done inside, and lets it go.
    fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> impl Future<Output = F::Output>;
}

/// Permits.
pub(crate) trait Permits: 'static {
    type Semaphore: 'static;

    fn semaphore(permits: usize) -> Self::Semaphore;

    /// Takes a permit, does what is to be done with it, and gives it back.
    fn permitted<F: Future>(
        semaphore: &Self::Semaphore,
        inside: F,
    ) -> impl Future<Output = F::Output>;
}

/// Something for which many wait.
pub(crate) trait Events: 'static {
    type Event: 'static;

    fn event() -> Self::Event;

    fn wait(event: &Self::Event) -> impl Future<Output = ()>;

    /// Lets all go on that wait, and nobody who comes later.
    fn fire(event: &Self::Event);
}

/// A channel with several senders and one receiver.
pub(crate) trait Channels: 'static {
    type Sender<T: 'static>: Clone + 'static;
    type Receiver<T: 'static>: 'static;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>);

    fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) -> impl Future<Output = ()>;

    /// `None` when all senders are gone.
    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>>;
}

/// A channel for one value.
pub(crate) trait Oneshots: 'static {
    type Sender<T: 'static>: 'static;
    type Receiver<T: 'static>: 'static;

    fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>);

    fn answer<T: 'static>(sender: Self::Sender<T>, value: T);

    fn answered<T: 'static>(receiver: Self::Receiver<T>) -> impl Future<Output = T>;
}

/// Several futures at once.
pub(crate) trait Joins: 'static {
    fn all<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>>;

    fn both<A: Future, B: Future>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)>;

    fn first<T, A: Future<Output = T>, B: Future<Output = T>>(
        a: A,
        b: B,
    ) -> impl Future<Output = T>;
}

/// Turnwise's own.
pub(crate) struct Own;

impl Locks for Own {
    type Mutex = Mutex<()>;

    fn mutex() -> Self::Mutex {
        Mutex::new(())
    }

    async fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> F::Output {
        let _guard = mutex.lock().await;
        inside.await
    }
}

impl Permits for Own {
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire().await.expect("nobody closes it");
        inside.await
    }
}

impl Events for Own {
    type Event = Event;

    fn event() -> Self::Event {
        Event::new()
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.wait()
    }

    fn fire(event: &Self::Event) {
        event.set();
        event.clear();
    }
}

impl Channels for Own {
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

impl Oneshots for Own {
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

impl Joins for Own {
    fn all<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        turnwise::join_all(futures)
    }

    async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
        turnwise::join!(a, b)
    }

    fn first<T, A: Future<Output = T>, B: Future<Output = T>>(
        a: A,
        b: B,
    ) -> impl Future<Output = T> {
        turnwise::race((a, b))
    }
}

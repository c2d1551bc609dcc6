//! What the rows need from a crate of locks, channels and groups, and turnwise's implementation.

use std::cell::Cell;
use std::ops::Range;

use turnwise::channel::mpsc::{self, Receiver, Sender};
use turnwise::channel::oneshot;
use turnwise::sync::{Event, Mutex, Semaphore};
use turnwise::task;

use super::usual::usual;

/// A lock.
pub(crate) trait Locks: 'static {
    type Mutex: 'static;

    fn mutex() -> Self::Mutex;

    /// Locks the mutex, awaits `inside`, and unlocks the mutex.
    fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> impl Future<Output = F::Output>;
}

/// Permits.
pub(crate) trait Permits: 'static {
    type Semaphore: 'static;

    fn semaphore(permits: usize) -> Self::Semaphore;

    /// Acquires a permit, awaits `inside`, and releases the permit.
    fn permitted<F: Future>(
        semaphore: &Self::Semaphore,
        inside: F,
    ) -> impl Future<Output = F::Output>;
}

/// An event that many tasks wait for.
pub(crate) trait Events: 'static {
    type Event: 'static;

    fn event() -> Self::Event;

    fn wait(event: &Self::Event) -> impl Future<Output = ()>;

    /// Releases all tasks that wait now, but none that wait later.
    fn fire(event: &Self::Event);
}

/// A channel with several senders and one receiver.
pub(crate) trait Channels: 'static {
    type Sender<T: 'static>: Clone + 'static;
    type Receiver<T: 'static>: 'static;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>);

    fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) -> impl Future<Output = ()>;

    /// Returns `None` when all senders are gone.
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

/// Tasks that are awaited as a group.
pub(crate) trait Groups: 'static {
    /// Spawns a task for each of these numbers, waits for all of them, and returns the sum of the numbers.
    fn sum(numbers: Range<u64>) -> impl Future<Output = u64>;
}

/// Turnwise's own.
pub(crate) struct Own;

usual!(Locks for Own: Mutex<()>);
usual!(Permits for Own: Semaphore);
usual!(Channels for Own: Sender, Receiver, |room| mpsc::channel(room), recv);
usual!(Oneshots for Own: oneshot, || oneshot::channel());

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

impl Groups for Own {
    async fn sum(numbers: Range<u64>) -> u64 {
        let sum = &Cell::new(0);
        let all = task::scope(async |scope| {
            for number in numbers {
                scope.spawn(async move { sum.set(sum.get() + number) });
            }
        });
        all.await.expect("nothing panics");
        sum.get()
    }
}

//! Tokio's locks, channels and groups, and the joins that its users take.

use std::ops::Range;

use futures::future;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex, Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::rows::tools::{Events, Groups, Joins};
use crate::rows::usual::usual;

pub(crate) struct TokioTools;

usual!(Locks for TokioTools: Mutex<()>);
usual!(Permits for TokioTools: Semaphore);
usual!(Channels for TokioTools: Sender, Receiver, |room| mpsc::channel(room), recv);
usual!(Oneshots for TokioTools: oneshot, || oneshot::channel());

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

/// Tokio has no `join_all`: its users take the one of the futures crate.
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

/// Tokio's tasks cannot borrow, so they return their numbers.
impl Groups for TokioTools {
    async fn sum(numbers: Range<u64>) -> u64 {
        let mut group = JoinSet::new();
        for number in numbers {
            group.spawn_local(async move { number });
        }
        let mut sum = 0;
        while let Some(number) = group.join_next().await {
            sum += number.expect("nothing panics");
        }
        sum
    }
}

//! The locks and channels of `futures`. It has no semaphore and no event.

use std::pin::pin;

use futures::channel::mpsc::{self, Receiver, Sender};
use futures::channel::oneshot;
use futures::lock::Mutex;
use futures::{SinkExt, StreamExt, future};

use crate::rows::tools::Joins;
use crate::rows::usual::usual;

pub(crate) struct Futures;

usual!(Locks for Futures: Mutex<()>);
usual!(Channels for Futures: Sender, Receiver, |room| mpsc::channel(room), next);
usual!(Oneshots for Futures: oneshot, || oneshot::channel());

impl Joins for Futures {
    fn all<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        future::join_all(futures)
    }

    fn both<A: Future, B: Future>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> {
        future::join(a, b)
    }

    async fn first<T, A: Future<Output = T>, B: Future<Output = T>>(a: A, b: B) -> T {
        future::select(pin!(a), pin!(b)).await.factor_first().0
    }
}

//! The locks and channels of `futures`. It has no semaphore and no event.

use std::pin::pin;

use futures::channel::{mpsc, oneshot};
use futures::lock::Mutex;
use futures::{SinkExt, StreamExt, future};

use crate::rows::tools::{Channels, Joins, Locks, Oneshots};

pub(crate) struct Futures;

impl Locks for Futures {
    type Mutex = Mutex<()>;

    fn mutex() -> Self::Mutex {
        Mutex::new(())
    }

    async fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> F::Output {
        let _guard = mutex.lock().await;
        inside.await
    }
}

impl Channels for Futures {
    type Sender<T: 'static> = mpsc::Sender<T>;
    type Receiver<T: 'static> = mpsc::Receiver<T>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        mpsc::channel(room)
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
    }

    fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>> {
        receiver.next()
    }
}

impl Oneshots for Futures {
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

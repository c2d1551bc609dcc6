//! `futures-intrusive`: locks, events and channels for one thread, whose waits are nodes in the futures themselves.
//!
//! Its owned halves of channels are for several threads only. Its channels for one thread are used by reference, so
//! here they are wrapped in an `Rc`, and the last sender closes the channel.

use std::rc::Rc;

use futures_intrusive::channel::{LocalChannel, LocalOneshotChannel};
use futures_intrusive::sync::{LocalManualResetEvent, LocalMutex, LocalSemaphore};

use crate::rows::tools::{Channels, Events, Locks, Oneshots, Permits};

pub(crate) struct Intrusive;

impl Locks for Intrusive {
    type Mutex = LocalMutex<()>;

    fn mutex() -> Self::Mutex {
        LocalMutex::new((), true)
    }

    async fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> F::Output {
        let _guard = mutex.lock().await;
        inside.await
    }
}

impl Permits for Intrusive {
    type Semaphore = LocalSemaphore;

    fn semaphore(permits: usize) -> Self::Semaphore {
        LocalSemaphore::new(true, permits)
    }

    async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
        let _permit = semaphore.acquire(1).await;
        inside.await
    }
}

impl Events for Intrusive {
    type Event = LocalManualResetEvent;

    fn event() -> Self::Event {
        LocalManualResetEvent::new(false)
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.wait()
    }

    fn fire(event: &Self::Event) {
        event.set();
        event.reset();
    }
}

/// The room of a channel is a part of its type.
pub(crate) enum Channel<T: 'static> {
    Of1(LocalChannel<T, [T; 1]>),
    Of16(LocalChannel<T, [T; 16]>),
}

/// All senders of a channel.
pub(crate) struct Senders<T: 'static>(Rc<Channel<T>>);

impl<T> Drop for Senders<T> {
    fn drop(&mut self) {
        match &*self.0 {
            Channel::Of1(channel) => channel.close(),
            Channel::Of16(channel) => channel.close(),
        };
    }
}

impl Channels for Intrusive {
    type Sender<T: 'static> = Rc<Senders<T>>;
    type Receiver<T: 'static> = Rc<Channel<T>>;

    fn channel<T: 'static>(room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        let channel = Rc::new(match room {
            1 => Channel::Of1(LocalChannel::new()),
            16 => Channel::Of16(LocalChannel::new()),
            _ => unreachable!("no row uses another room"),
        });
        (Rc::new(Senders(Rc::clone(&channel))), channel)
    }

    async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
        let sent = match &*sender.0 {
            Channel::Of1(channel) => channel.send(value).await,
            Channel::Of16(channel) => channel.send(value).await,
        };
        assert!(sent.is_ok(), "only the last sender closes it");
    }

    async fn receive<T: 'static>(receiver: &mut Self::Receiver<T>) -> Option<T> {
        match &**receiver {
            Channel::Of1(channel) => channel.receive().await,
            Channel::Of16(channel) => channel.receive().await,
        }
    }
}

impl Oneshots for Intrusive {
    type Sender<T: 'static> = Rc<LocalOneshotChannel<T>>;
    type Receiver<T: 'static> = Rc<LocalOneshotChannel<T>>;

    fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        let channel = Rc::new(LocalOneshotChannel::new());
        (Rc::clone(&channel), channel)
    }

    fn answer<T: 'static>(sender: Self::Sender<T>, value: T) {
        assert!(sender.send(value).is_ok(), "it is the only answer");
    }

    async fn answered<T: 'static>(receiver: Self::Receiver<T>) -> T {
        receiver.receive().await.expect("every question is answered")
    }
}

//! Loom models of the remote count, for every interleaving of the threads. See `kernel/models.rs`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::thread::{self, Thread};

use crate::kernel::{Letter, Mailbox};
use crate::task::remote::RemoteCount;

fn one_remote() -> (Arc<Mailbox>, Arc<RemoteCount>) {
    let mailbox = Arc::new(Mailbox::new(NonZeroU32::MAX, |_, _| false));
    let remotes = Arc::new(RemoteCount::new(Arc::clone(&mailbox)));
    remotes.add();
    (mailbox, remotes)
}

/// Unparks a thread, like the wakers of the thread parker.
struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_call_posted_just_before_the_last_remote_is_dropped_is_seen() {
    loom::model(|| {
        let (mailbox, remotes) = one_remote();
        let caller = {
            let (mailbox, remotes) = (Arc::clone(&mailbox), Arc::clone(&remotes));
            thread::spawn(move || {
                assert!(mailbox.post(Letter::Call(Box::new(|| ()))).is_ok());
                remotes.remove();
            })
        };
        let certain = remotes.count() == 0 && mailbox.is_empty();
        caller.join().unwrap();
        assert!(!certain, "a false alarm");
    });
}

#[test]
fn dropping_the_last_remote_wakes_a_sleeping_scheduler() {
    loom::model(|| {
        let (mailbox, remotes) = one_remote();
        let holder = {
            let remotes = Arc::clone(&remotes);
            thread::spawn(move || remotes.remove())
        };
        while remotes.count() > 0 {
            let unparker = Waker::from(Arc::new(Unparker(thread::current())));
            if mailbox.wake_me(unparker) {
                thread::park();
            }
        }
        holder.join().unwrap();
    });
}

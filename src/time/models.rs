//! Loom models of the holds on a clock, for every interleaving of the threads. See `kernel/models.rs`.

use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::thread::{self, Thread};

use crate::kernel::{Key, Letter, Mailbox};
use crate::time::holds::Holds;

fn one_hold() -> (Arc<Mailbox>, Arc<Holds>, u64) {
    let mailbox = Arc::new(Mailbox::new(NonZeroU32::MAX, |_, _| false));
    let holds = Arc::new(Holds::new(Arc::clone(&mailbox)));
    let number = holds.add(None, Location::caller());
    (mailbox, holds, number)
}

/// Unparks a thread, like the wakers of the thread parker.
struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_clock_whose_last_hold_is_dropped_after_the_answer_does_not_jump_past_it() {
    loom::model(|| {
        let (mailbox, holds, number) = one_hold();
        let answers = {
            let (mailbox, holds) = (Arc::clone(&mailbox), Arc::clone(&holds));
            thread::spawn(move || {
                assert!(mailbox.post(Letter::Wake(Key::from_word(1))).is_ok());
                holds.remove(number);
            })
        };
        let jumps = holds.count() == 0 && mailbox.is_empty();
        answers.join().unwrap();
        assert!(!jumps, "the answer has come before the deadline");
    });
}

#[test]
fn a_hold_that_is_dropped_between_two_looks_leaves_a_letter() {
    loom::model(|| {
        let (mailbox, holds, number) = one_hold();
        let holder = {
            let holds = Arc::clone(&holds);
            thread::spawn(move || holds.remove(number))
        };
        // First it decides that the clock stands still, then it looks whether anything could end that.
        let stands_still = holds.count() > 0;
        let is_stuck = stands_still && holds.count() == 0 && mailbox.is_empty();
        holder.join().unwrap();
        assert!(!is_stuck, "a false alarm");
    });
}

#[test]
fn dropping_the_last_hold_wakes_a_sleeping_scheduler() {
    loom::model(|| {
        let (mailbox, holds, number) = one_hold();
        let holder = {
            let holds = Arc::clone(&holds);
            thread::spawn(move || holds.remove(number))
        };
        while holds.count() > 0 {
            let unparker = Waker::from(Arc::new(Unparker(thread::current())));
            if mailbox.wake_me(unparker) {
                thread::park();
            }
        }
        holder.join().unwrap();
    });
}

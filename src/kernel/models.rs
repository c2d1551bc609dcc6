//! Models of how threads interact through the kernel, run by loom in every possible order.
//!
//! ```text
//! RUSTFLAGS="--cfg turnwise_loom" LOOM_MAX_PREEMPTIONS=3 cargo test --lib models
//! ```
//!
//! The mailbox and the word on a bell are the real ones. The count of a bell's clones is that of std's `Arc`, which
//! loom does not see, so it is modeled by an atomic with the orderings that `Arc` uses.
//!
//! Each promise that depends on a subtle line is next to the fault that the line prevents: the same model with that
//! line wrong, which loom must reject.

use std::num::NonZeroU32;
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::thread::{self, JoinHandle, Thread};

use crate::kernel::id::Key;
use crate::kernel::mailbox::{Letter, Mailbox};
use crate::kernel::waker::Bell;

/// A scheduler that is not on this thread's list, so that every ring is a remote one.
fn mailbox() -> StdArc<Mailbox> {
    StdArc::new(Mailbox::new(NonZeroU32::MAX, |_, _| false))
}

fn key(slot: u32) -> Key {
    Key::from_word(u64::from(slot))
}

/// A labeled bell, shared by the scheduler and the threads that hold clones of its waker.
struct Lent {
    bell: Bell,
    clones: AtomicUsize,
}

impl Lent {
    fn new(mailbox: &StdArc<Mailbox>, clones: usize) -> Arc<Self> {
        let bell = Bell::new(mailbox);
        bell.label(key(1));
        Arc::new(Lent { bell, clones: AtomicUsize::new(clones) })
    }

    fn ring(&self) {
        self.bell.waker().wake_by_ref();
    }

    /// What `wake` by value does: the clone is dropped after the ring.
    fn ring_and_drop(&self) {
        self.ring();
        self.clones.fetch_sub(1, Ordering::Release);
    }

    fn is_home(&self) -> bool {
        let home = self.clones.load(Ordering::Relaxed) == 0;
        fence(Ordering::Acquire);
        home
    }
}

/// Spawns a thread that holds a clone of the waker, and calls `act` with it.
fn elsewhere(lent: &Arc<Lent>, act: fn(&Lent)) -> JoinHandle<()> {
    let lent = Arc::clone(lent);
    thread::spawn(move || act(&lent))
}

/// Takes the wakes out of the mailbox.
fn letters(mailbox: &Mailbox) -> Vec<Key> {
    let mut letters = Vec::new();
    mailbox.collect(&mut letters);
    let keys = letters.into_iter().map(|letter| match letter {
        Letter::Wake(key) => key,
        Letter::Call(_) | Letter::Last => panic!("bells only wake"),
    });
    keys.collect()
}

/// Unparks a thread, as the thread parker does.
struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

/// Waits for mail as the scheduler does when nothing is ready.
fn sleep_until_mail(mailbox: &Mailbox) {
    while !mailbox.may_have_mail() {
        let unparker = Waker::from(StdArc::new(Unparker(thread::current())));
        if mailbox.wake_me(unparker) {
            thread::park();
            drop(mailbox.sleeper());
        }
    }
}

/// A thread writes and rings, twice; the scheduler answers each letter with `answer`.
fn write_and_ring(answer: fn(&Bell, turn: &mut dyn FnMut())) {
    loom::model(move || {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 1);
        let data = Arc::new(AtomicUsize::new(0));
        let ringer = {
            let (lent, data) = (Arc::clone(&lent), Arc::clone(&data));
            thread::spawn(move || {
                for value in 1..=2 {
                    data.store(value, Ordering::Relaxed);
                    lent.ring();
                }
            })
        };
        let mut seen = 0;
        let mut look = || {
            for _ in letters(&mailbox) {
                answer(&lent.bell, &mut || seen = data.load(Ordering::Relaxed));
            }
        };
        look();
        ringer.join().unwrap();
        look();
        assert_eq!(seen, 2, "a write before a ring was seen by no turn");
    });
}

#[test]
fn every_write_before_a_ring_is_seen_by_a_turn() {
    write_and_ring(|bell, turn| {
        bell.silence();
        turn();
    });
}

#[test]
#[should_panic(expected = "seen by no turn")]
fn fault_silencing_with_a_store_loses_a_wake() {
    write_and_ring(|bell, turn| {
        bell.label(key(1)); // A relaxed store of the same key, which silences the bell.
        turn();
    });
}

#[test]
#[should_panic(expected = "seen by no turn")]
fn fault_silencing_after_the_turn_loses_a_wake() {
    write_and_ring(|bell, turn| {
        turn();
        bell.silence();
    });
}

#[test]
fn a_storm_of_rings_posts_one_letter_per_answer() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 2);
        let ringers = [(); 2].map(|()| elsewhere(&lent, Lent::ring));
        assert!(letters(&mailbox).len() <= 1, "not answered yet, so there is no second ring");
        for ringer in ringers {
            ringer.join().unwrap();
        }
        assert!(letters(&mailbox).len() <= 1);
    });
}

#[test]
fn no_old_ring_carries_a_new_label() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 2);
        let ringers = [(); 2].map(|()| elsewhere(&lent, Lent::ring_and_drop));
        if lent.is_home() {
            lent.bell.label(key(2));
        }
        for ringer in ringers {
            ringer.join().unwrap();
        }
        assert_eq!(letters(&mailbox), [key(1)], "one wake, for the task whose clones they were");
    });
}

/// A thread rings and drops its clone; the scheduler makes the checks for its verdict in some order.
fn verdict(is_certain: fn(&Lent, &Mailbox) -> bool) {
    loom::model(move || {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 1);
        let ringer = elsewhere(&lent, Lent::ring_and_drop);
        let certain = is_certain(&lent, &mailbox);
        ringer.join().unwrap();
        let missed = !letters(&mailbox).is_empty();
        assert!(!(certain && missed), "a false alarm");
    });
}

#[test]
fn a_certain_deadlock_is_a_deadlock() {
    verdict(|lent, mailbox| lent.is_home() && mailbox.is_empty());
}

#[test]
#[should_panic(expected = "a false alarm")]
fn fault_checking_the_mailbox_first_raises_a_false_alarm() {
    verdict(|lent, mailbox| mailbox.is_empty() && lent.is_home());
}

#[test]
fn no_scheduler_sleeps_through_a_letter() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 1);
        let ringer = elsewhere(&lent, Lent::ring);
        sleep_until_mail(&mailbox); // Forever, if a wake could fall between the check and the sleep.
        assert_eq!(letters(&mailbox), [key(1)]);
        ringer.join().unwrap();
    });
}

/// A waker that records that it was woken.
struct Recorder(AtomicUsize);

impl Wake for Recorder {
    fn wake(self: StdArc<Self>) {
        self.0.store(1, Ordering::Relaxed);
    }
}

#[test]
#[should_panic(expected = "sleeps forever")]
fn fault_checking_before_registering_sleeps_forever() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 1);
        let ringer = elsewhere(&lent, Lent::ring);
        // What `wake_me` does under one lock, done under two.
        let falls_asleep = mailbox.is_empty();
        let recorder = StdArc::new(Recorder(AtomicUsize::new(0)));
        let _ignored = mailbox.wake_me(Waker::from(StdArc::clone(&recorder)));
        ringer.join().unwrap();
        let woken = recorder.0.load(Ordering::Relaxed) == 1;
        assert!(!falls_asleep || woken, "sleeps forever");
    });
}

#[test]
fn a_second_wake_is_not_lost_while_the_first_is_in_flight() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 2);
        let done = Arc::new(AtomicUsize::new(0));
        let ringers = [(); 2].map(|()| {
            let (lent, done) = (Arc::clone(&lent), Arc::clone(&done));
            thread::spawn(move || {
                done.fetch_add(1, Ordering::Relaxed);
                lent.ring();
            })
        });
        let mut seen = 0;
        while seen < 2 {
            sleep_until_mail(&mailbox); // Forever, if the second wake relied on the first.
            for _ in letters(&mailbox) {
                lent.bell.silence();
                seen = done.load(Ordering::Relaxed);
            }
        }
        for ringer in ringers {
            ringer.join().unwrap();
        }
    });
}

#[test]
fn a_dropped_scheduler_leaves_no_letter_behind() {
    loom::model(|| {
        let mailbox = mailbox();
        let lent = Lent::new(&mailbox, 1);
        let ringer = elsewhere(&lent, Lent::ring_and_drop);
        let unread = mailbox.close();
        lent.bell.disconnect();
        assert!(unread.len() <= 1);
        ringer.join().unwrap();
        assert!(mailbox.is_empty(), "no reader is left");
    });
}

//! A wait list against a plain model: which waits are in it, in which order, and what each is woken with.

use super::*;
use proptest::prelude::*;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::task::Wake;

/// Logs its number when it is woken.
struct Recorder(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Recorder {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("no thread panics").push(self.0);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Join,
    Leave(usize),
    WakeFirst,
    ServeFirst,
    WakeAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Join),
        3 => (0_usize..64).prop_map(Step::Leave),
        2 => Just(Step::WakeFirst),
        2 => Just(Step::ServeFirst),
        1 => Just(Step::WakeAll),
    ]
}

/// The list under test, and its model.
struct Both {
    waiters: Waiters,
    log: Arc<Mutex<Vec<usize>>>,
    tickets: Vec<(usize, Ticket, Left)>,
    expected: Vec<usize>,
    made: usize,
}

impl Both {
    fn release_first(&mut self, outcome: Left) -> bool {
        let first = self.tickets.iter_mut().find(|(_, _, left)| *left == Left::Waiting);
        let Some((number, _, left)) = first else { return false };
        *left = outcome;
        self.expected.push(*number);
        true
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Join => {
                let waker = Waker::from(Arc::new(Recorder(self.made, Arc::clone(&self.log))));
                let waiter = Waiter::of(&Context::from_waker(&waker));
                let (round, place) = (self.waiters.round(), Location::caller());
                let ticket = self.waiters.join(waiter, round, place);
                self.tickets.push((self.made, ticket, Left::Waiting));
                self.made += 1;
            }
            Step::Leave(which) if !self.tickets.is_empty() => {
                let (_, ticket, left) = self.tickets.remove(which % self.tickets.len());
                let found = self.waiters.leave(ticket);
                assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&left));
            }
            Step::Leave(_) => {}
            Step::WakeFirst => {
                let any = self.release_first(Left::Woken(7));
                assert_eq!(self.waiters.wake_first(7), any);
            }
            Step::ServeFirst => {
                let any = self.release_first(Left::Holding(0));
                assert_eq!(self.waiters.serve_first(true, |_| true), any);
            }
            Step::WakeAll => {
                while self.release_first(Left::Woken(9)) {}
                self.waiters.wake_all(9);
            }
        }
        let waiting = self.tickets.iter().any(|(_, _, left)| *left == Left::Waiting);
        assert_eq!(self.waiters.is_empty(), !waiting);
        assert_eq!(*self.log.lock().expect("no thread panics"), self.expected);
    }
}

proptest! {
    #[test]
    fn a_wait_list_behaves_like_its_model(steps in prop::collection::vec(step(), 0..200)) {
        let log = Arc::default();
        let waiters = Waiters::new(&"list");
        let mut both = Both { waiters, log, tickets: Vec::new(), expected: Vec::new(), made: 0 };
        steps.iter().for_each(|step| both.step(step));
        drop(both); // With nodes of tickets that never left.
        prop_assert!(with_waits(|waits| waits.is_empty()));
    }
}

#[test]
fn a_wait_that_joins_during_wake_all_is_not_woken() {
    struct Joins(&'static std::thread::LocalKey<(Waiters, Cell<u32>)>);

    thread_local! {
        static LIST: (Waiters, Cell<u32>) = const { (Waiters::new(&"list"), Cell::new(0)) };
    }

    impl Wake for Joins {
        fn wake(self: Arc<Self>) {
            let list = self.0;
            list.with(|(_, woken)| woken.set(woken.get() + 1));
            join(self);
        }
    }

    fn join(waker: Arc<Joins>) {
        let list = waker.0;
        let waiter = Waiter::of(&Context::from_waker(&Waker::from(waker)));
        list.with(|(waiters, _)| waiters.join(waiter, waiters.round(), Location::caller()));
    }

    for _ in 0..3 {
        join(Arc::new(Joins(&LIST)));
    }
    LIST.with(|(waiters, woken)| {
        waiters.wake_all(0);
        assert_eq!(woken.get(), 3);
        waiters.wake_all(0);
        assert_eq!(woken.get(), 6);
    });
}

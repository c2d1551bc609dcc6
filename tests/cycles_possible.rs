//! Which cycles a report shows while a wake may still come: none of a task that could be woken otherwise.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::future::select;
use turnwise::channel::mpsc;
use turnwise::scheduler::{DeadlockReport, Observer, RunError};
use turnwise::sync::{Event, Mutex, Semaphore};
use turnwise::{Scheduler, Transition, join, spawn, task, yield_now};

/// Something outside the scheduler that holds a task's waker, and uses it when the scheduler has stalled.
#[derive(Clone, Default)]
struct Outside {
    waker: Rc<RefCell<Option<Waker>>>,
    has_answered: Rc<Cell<bool>>,
    report: Rc<RefCell<Option<DeadlockReport>>>,
}

impl Outside {
    /// Waits for the answer from outside.
    fn answer(&self) -> impl Future<Output = ()> + use<> {
        let outside = self.clone();
        poll_fn(move |cx| {
            if outside.has_answered.get() {
                return Poll::Ready(());
            }
            outside.waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

impl Observer for Outside {
    fn transition(&self, _: &Transition) {}

    fn stalled(&self, report: &DeadlockReport) {
        self.report.replace(Some(report.clone()));
        self.has_answered.set(true);
        self.waker.take().expect("a stall has a waker outside").wake();
    }
}

/// Runs a program that stalls until the answer comes. Returns the cycles of the report of that stall, and those of the
/// deadlock after it, if there is one.
fn cycles(program: impl AsyncFnOnce(Outside)) -> (Vec<String>, Option<Vec<String>>) {
    let outside = Outside::default();
    let scheduler = Scheduler::builder().observer(outside.clone()).build();
    let result = scheduler.try_block_on(program(outside.clone()));
    let printed = |report: &DeadlockReport| {
        let cycles = report.cycles.iter().map(|cycle| {
            trace::with_marks(&cycle.to_string(), file!(), include_str!("cycles_possible.rs"))
        });
        cycles.collect()
    };
    let possible = outside.report.take().expect("it has stalled");
    let certain = match &result {
        Ok(()) => None,
        Err(RunError::Deadlock(report)) => Some(printed(report)),
        Err(other) => panic!("{other}"),
    };
    (printed(&possible), certain)
}

const NONE: Vec<String> = Vec::new();

#[test]
fn a_task_that_waits_for_one_of_two_permits_is_in_no_cycle_if_the_other_holder_can_be_woken() {
    let program = async |outside: Outside| {
        let slots = Rc::new(Semaphore::new(2));
        let theirs = Rc::clone(&slots);
        let holds = async move {
            let _one = theirs.acquire().await.unwrap();
            outside.answer().await;
        };
        spawn(holds);
        yield_now().await;
        drop((slots.acquire().await.unwrap(), slots.acquire().await.unwrap()));
    };
    assert_eq!(cycles(program), (NONE, None));
}

#[test]
fn the_same_holds_if_the_other_holder_only_waits_for_a_task_that_can_be_woken() {
    let program = async |outside: Outside| {
        let (slots, lock) = (Rc::new(Semaphore::new(2)), Rc::new(Mutex::new(())));
        let theirs = Rc::clone(&lock);
        spawn(async move {
            let _guard = theirs.lock().await;
            outside.answer().await;
        });
        yield_now().await;
        let theirs = Rc::clone(&slots);
        spawn(async move {
            let _one = theirs.acquire().await.unwrap();
            drop(lock.lock().await);
        });
        yield_now().await;
        drop((slots.acquire().await.unwrap(), slots.acquire().await.unwrap()));
    };
    assert_eq!(cycles(program), (NONE, None));
}

#[test]
fn a_cycle_of_tasks_that_only_wait_for_each_other_is_reported_though_other_tasks_can_be_woken() {
    let program = async |outside: Outside| {
        let slots = Rc::new(Semaphore::new(2));
        for _ in 0..2 {
            let theirs = Rc::clone(&slots);
            spawn(async move {
                let _one = theirs.acquire().await.unwrap();
                yield_now().await;
                drop(theirs.acquire().await);
            });
        }
        outside.answer().await;
        drop(slots.acquire().await);
    };
    let cycle = "cycle: #2 -> semaphore -> #2; 1 more task forms cycles with these".to_owned();
    assert_eq!(cycles(program), (vec![cycle.clone()], Some(vec![cycle])));
}

#[test]
fn a_task_that_also_waits_for_what_any_task_may_do_is_in_a_cycle_once_none_can() {
    let program = async |outside: Outside| {
        let (left, right) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let stop = Rc::new(Event::new());
        for [first, then] in [[&left, &right], [&right, &left]] {
            let (first, then, stop) = (Rc::clone(first), Rc::clone(then), Rc::clone(&stop));
            spawn(async move {
                let _first = first.lock().await;
                yield_now().await;
                select(pin!(then.lock()), pin!(stop.wait())).await;
            });
        }
        outside.answer().await;
        drop(left.lock().await);
    };
    let cycle = "cycle: #2 -> mutex -> #3 -> mutex -> #2".to_owned();
    assert_eq!(cycles(program), (NONE, Some(vec![cycle])));
}

#[test]
fn a_cycle_names_every_end_that_must_have_been_kept() {
    // The clone was moved to a task that can be woken, so this is none.
    let program = async |outside: Outside| {
        let (sender, mut receiver) = mpsc::channel::<u32>(1); // [channel]
        let clone = sender.clone(); // [clone]
        let sends = async move {
            outside.answer().await;
            clone.send(1).await.unwrap();
        };
        spawn(sends);
        receiver.recv().await.unwrap();
        drop(sender);
    };
    let cycle = "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel], if #1 has kept the sender created at [clone]";
    assert_eq!(cycles(program), (vec![cycle.to_owned()], None));
}

#[test]
fn an_end_that_was_only_created_beside_a_used_one_makes_a_cycle_depend_on_it() {
    let program = async |outside: Outside| {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        let clone = sender.clone(); // [clone]
        sender.send(1).await.unwrap();
        spawn(async move {
            outside.answer().await;
            clone.send(2).await.unwrap();
        });
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        drop(sender);
    };
    let cycle =
        "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [clone]";
    assert_eq!(cycles(program), (vec![cycle.to_owned()], None));
}

#[test]
fn an_owner_that_has_finished_may_have_given_what_it_held_to_a_task_that_can_be_woken() {
    let program = async |outside: Outside| {
        let slots = Rc::new(Semaphore::new(2));
        let theirs = Rc::clone(&slots);
        let hands_on = async move {
            let permit = theirs.acquire_owned().await.unwrap();
            spawn(async move {
                outside.answer().await;
                drop(permit);
            });
        };
        spawn(hands_on).await.unwrap();
        drop((slots.acquire().await.unwrap(), slots.acquire().await.unwrap()));
    };
    assert_eq!(cycles(program), (NONE, None));
}

#[test]
fn an_end_or_a_permit_that_no_task_is_known_to_have_may_be_with_one_that_can_be_woken() {
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let slots = Rc::new(Semaphore::new(2));
    let permit = Rc::clone(&slots).try_acquire_owned().unwrap();
    let program = async |outside: Outside| {
        let clone = sender.clone();
        clone.send(1).await.unwrap();
        let waits: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            receiver.recv().await;
            assert_eq!(receiver.recv().await, Some(2));
            drop(clone);
        });
        let acquires = async {
            let _one = slots.acquire().await.unwrap();
            drop(slots.acquire().await.unwrap());
        };
        task::Builder::new().name("holds").spawn(async move {
            outside.answer().await;
            drop(permit);
            sender.send(2).await.unwrap();
        });
        join!(waits, acquires);
    };
    assert_eq!(cycles(program), (NONE, None));
}

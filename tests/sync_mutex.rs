//! The mutex: order, hand-off, cancelled waits, and what reports say about it.

mod gate_model;
mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use turnwise::sync::{Mutex, MutexGuard};
use turnwise::{JoinHandle, RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

use gate_model::{Asked, Pass, Subject, foreign};
use probe::{Count, Log, Token, poll_with, virtual_time};

impl Pass for MutexGuard<'_, Token> {}

impl Subject for Mutex<Token> {
    fn ask(&self, _: u32) -> Asked<'_> {
        self.lock().map(|guard| Some(Box::new(guard) as Box<dyn Pass>)).boxed_local()
    }

    fn try_ask(&self, _: u32) -> Option<Box<dyn Pass + '_>> {
        Some(Box::new(self.try_lock().ok()?))
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }

    fn free(&self) -> Option<u32> {
        Some(u32::from(!self.is_locked()))
    }
}

/// The report of a run that cannot make progress, with marks in place of the locations in this file.
fn stuck(future: impl Future<Output = ()>) -> String {
    let Err(RunError::Deadlock(report)) = Scheduler::new().try_block_on(future) else {
        panic!("expected a deadlock")
    };
    assert!(report.certain, "{report}");
    trace::with_marks(&report.to_string(), file!(), include_str!("sync_mutex.rs"))
}

// ----- order -----

#[test]
fn the_lock_is_handed_over_in_fifo_order() {
    let log = Log::default();
    virtual_time().block_on(async {
        let mutex = Rc::new(Mutex::new(0));
        let guard = mutex.lock().await;
        let visitors = ["a", "b", "c"].map(|name| {
            let (mutex, log) = (Rc::clone(&mutex), log.clone());
            spawn(async move {
                let mut count = mutex.lock().await;
                log.note(format!("{name} enters"));
                *count += 1;
                sleep(Duration::from_secs(1)).await;
                log.note(format!("{name} leaves after {count}"));
            })
        });
        yield_now().await;
        drop(guard);
        // It has been handed over: a later caller does not overtake, not even with `try_lock`.
        assert!(mutex.is_locked());
        assert!(mutex.try_lock().is_err());
        for visitor in visitors {
            visitor.await.unwrap();
        }
        assert!(!mutex.is_locked());
    });
    let expected = ["a enters", "a leaves after 1", "b enters", "b leaves after 2"];
    assert_eq!(log.take()[..4], expected);
}

#[test]
fn a_free_lock_is_taken_in_the_same_turn() {
    let mutex = Mutex::new(7);
    assert!(mutex.lock().now_or_never().is_some_and(|guard| *guard == 7));
    assert!(!mutex.is_locked());
}

#[test]
fn the_value_comes_out_and_is_dropped_once() {
    let drops = Count::default();
    let mut mutex = Mutex::new(drops.token());
    *mutex.get_mut() = drops.token();
    assert_eq!(drops.get(), 1);
    let token = mutex.into_inner();
    assert_eq!(drops.get(), 1);
    drop(token);
    drop(Mutex::from(drops.token()));
    assert_eq!(drops.get(), 3);
    assert_eq!(*Mutex::<u8>::default().try_lock().unwrap(), 0);
}

#[test]
fn values_need_not_be_static_or_sized() {
    let text = String::from("text");
    let mutex: &Mutex<[&str]> = &Mutex::new([text.as_str(); 2]);
    block_on(async {
        let mut guard = mutex.lock().await;
        guard[0] = "other";
        assert_eq!(format!("{guard:?}"), r#"["other", "text"]"#);
    });
}

// ----- giving up -----

// tokio#1898, cats-effect#3554, lwt#202, futures-locks#1: the lock was lost with a wait that owned it already.
#[test]
fn a_lock_handed_to_a_dropped_wait_goes_to_the_next() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut second, mut third) = (mutex.lock(), mutex.lock());
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert!(poll_with(&mut third, Waker::noop()).is_pending());
    drop(guard); // Now the second wait owns it,
    drop(second); // but is dropped before it is polled.
    assert!(poll_with(&mut third, Waker::noop()).is_ready());
    assert!(mutex.try_lock().is_ok());
}

// The same with a task that is aborted in between.
#[test]
fn a_task_that_is_aborted_with_the_lock_in_flight_passes_it_on() {
    block_on(async {
        let mutex = Rc::new(Mutex::new(0));
        let guard = mutex.lock().await;
        let [second, third] = [2, 3].map(|number| {
            let mutex = Rc::clone(&mutex);
            spawn(async move { *mutex.lock().await = number })
        });
        yield_now().await;
        drop(guard);
        second.abort();
        third.await.unwrap();
        assert!(second.await.unwrap_err().is_cancelled());
        assert_eq!(*mutex.lock().await, 3);
    });
}

// async-lock#91: a future that had been handed the lock and was no longer polled blocked all other waits, and nothing
// explained why. Here the report names it, with its place.
#[test]
fn a_lock_owned_by_a_future_that_is_no_longer_polled_is_named_in_the_report() {
    let report = stuck(async {
        let mutex = Mutex::new(()).named("file");
        let guard = mutex.lock().await;
        let mut first = pin!(mutex.lock()); // [first]
        let mut second = pin!(mutex.lock()); // [second]
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        drop(guard);
        drop(second.await);
    });
    let line = "#1 main  waits for mutex \"file\" at [second], held by #1 main (locked at [first])";
    assert!(report.contains(line), "{report}");
    assert!(report.contains("cycle: #1 -> mutex \"file\" -> #1"), "{report}");
}

// repoprompt-ce#492: a wait that had been cancelled entered anyway.
#[test]
fn a_task_that_is_aborted_as_the_lock_is_released_never_enters() {
    for release_first in [false, true] {
        let entered = Rc::new(Cell::new(false));
        block_on(async {
            let mutex = Rc::new(Mutex::new(()));
            let guard = mutex.lock().await;
            let (inside, theirs) = (Rc::clone(&entered), Rc::clone(&mutex));
            let visitor = spawn(async move {
                let _guard = theirs.lock().await;
                inside.set(true);
            });
            yield_now().await;
            if release_first {
                drop(guard);
                visitor.abort();
            } else {
                visitor.abort();
                drop(guard);
            }
            assert!(visitor.await.unwrap_err().is_cancelled());
            assert!(mutex.try_lock().is_ok());
        });
        assert!(!entered.get());
    }
}

#[test]
fn ten_thousand_wait_and_the_half_that_is_not_cancelled_enters_in_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    Scheduler::new().block_on(async {
        let mutex = Rc::new(Mutex::new(0));
        let guard = mutex.lock().await;
        let tasks: Vec<JoinHandle<()>> = (0..10_000)
            .map(|number| {
                let (mutex, order) = (Rc::clone(&mutex), Rc::clone(&order));
                spawn(async move {
                    *mutex.lock().await += 1;
                    order.borrow_mut().push(number);
                })
            })
            .collect();
        yield_now().await;
        // Some while they wait, and some that are dropped only after the lock has been handed to them.
        tasks.iter().step_by(4).for_each(JoinHandle::abort);
        yield_now().await;
        tasks.iter().skip(1).step_by(4).for_each(JoinHandle::abort);
        drop(guard);
        for task in tasks {
            drop(task.await);
        }
        assert_eq!(*mutex.lock().await, 5_000);
    });
    let expected: Vec<i32> = (0..10_000).filter(|number| number % 4 > 1).collect();
    assert_eq!(*order.borrow(), expected);
}

// ----- panics -----

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    block_on(async {
        let mutex = Rc::new(Mutex::new(1));
        let theirs = Rc::clone(&mutex);
        let guard = mutex.lock().await;
        let clumsy = spawn(async move {
            let mut value = theirs.lock().await;
            *value = 2;
            panic!("while holding the lock");
        });
        let theirs = Rc::clone(&mutex);
        let next = spawn(async move { *theirs.lock().await });
        yield_now().await;
        drop(guard);
        assert!(clumsy.await.unwrap_err().is_panic());
        assert_eq!(next.await.unwrap(), 2);
    });
}

#[test]
fn a_value_whose_debug_locks_the_mutex_or_panics_is_harmless() {
    struct Odd(Rc<RefCell<Option<Rc<Mutex<Odd>>>>>);
    impl std::fmt::Debug for Odd {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &*self.0.borrow() {
                Some(mutex) => write!(f, "{}", mutex.try_lock().is_ok()),
                None => panic!("in Debug"),
            }
        }
    }
    let spot = Rc::default();
    let mutex = Rc::new(Mutex::new(Odd(Rc::clone(&spot))));
    spot.replace(Some(Rc::clone(&mutex)));
    assert_eq!(format!("{mutex:?}"), "Mutex { value: false }");
    spot.replace(None);
    assert!(catch_unwind(AssertUnwindSafe(|| format!("{mutex:?}"))).is_err());
    assert!(mutex.try_lock().is_ok());
}

// ----- reports -----

#[test]
fn two_tasks_that_lock_in_opposite_order_are_explained() {
    let report = stuck(async {
        let left = Rc::new(Mutex::new(()).named("left"));
        let right = Rc::new(Mutex::new(()).named("right"));
        let both = |first: &Rc<Mutex<()>>, second: &Rc<Mutex<()>>| {
            let (first, second) = (Rc::clone(first), Rc::clone(second));
            async move {
                let _one = first.lock().await; // [one]
                yield_now().await;
                let _two = second.lock().await; // [two]
            }
        };
        let alice = task::Builder::new().name("alice").spawn(both(&left, &right)); // [spawned]
        let _bob = task::Builder::new().name("bob").spawn(both(&right, &left));
        alice.await.unwrap();
    });
    let expected = [
        "deadlock at turn 5: 3 tasks can never run again",
        "  #2 \"alice\"  waits for mutex \"right\" at [two], held by #3 \"bob\" (locked at [one]), since turn 4",
        "  #3 \"bob\"    waits for mutex \"left\"  at [two], held by #2 \"alice\" (locked at [one]), since turn 5",
        "  #1 main     waits for task #2 \"alice\", spawned at [spawned], since turn 1",
        "cycle: #2 -> mutex \"right\" -> #3 -> mutex \"left\" -> #2",
    ];
    assert!(report.starts_with(&expected.join("\n")), "{report}");
}

#[test]
fn a_task_that_locks_a_mutex_twice_waits_for_itself() {
    let report = stuck(async {
        let account = Mutex::new(100).named("account");
        let _once = account.lock().await; // [once]
        let _twice = account.lock().await; // [twice]
    });
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1 main  waits for mutex \"account\" at [twice], held by #1 main (locked at [once]), since turn 1",
        "cycle: #1 -> mutex \"account\" -> #1",
    ];
    assert!(report.starts_with(&expected.join("\n")), "{report}");
}

#[test]
fn debug_output_shows_owner_and_waiters() {
    block_on(async {
        let mutex = Rc::new(Mutex::new(5).named("account"));
        assert_eq!(format!("{mutex:?}"), r#"Mutex { value: 5, name: "account" }"#);
        let guard = mutex.lock().await; // [main]
        let theirs = Rc::clone(&mutex);
        let bob = async move { *theirs.lock().await += 1 }; // [bob]
        let bob = task::Builder::new().name("bob").spawn(bob);
        yield_now().await;
        let text = trace::with_marks(
            &format!("{mutex:?}").replace(']', " ]"), // to tell the bracket from a mark
            file!(),
            include_str!("sync_mutex.rs"),
        );
        let expected = r#"Mutex { value: <locked>, name: "account", held_by: [#1 main at [main] ], waiters: [#2 "bob" at [bob] ] }"#;
        assert_eq!(text, expected);
        assert_eq!((format!("{guard}"), format!("{guard:?}")), ("5".into(), "5".into()));
        drop(guard);
        bob.await.unwrap();
    });
}

#[test]
fn a_forgotten_guard_keeps_the_lock_and_nothing_else() {
    let mutex = Mutex::new(1);
    std::mem::forget(mutex.try_lock());
    assert!(mutex.is_locked() && mutex.try_lock().is_err());
    let mut wait = mutex.lock();
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    std::mem::forget(wait);
    assert_eq!(mutex.into_inner(), 1);
}

// ----- any order, foreign executors and wakers -----

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_matches_the_gate_model_with_one_permit(steps in prop::collection::vec(gate_model::asking(Just(1)), 0..120)) {
        let drops = Count::default();
        let mutex = Mutex::new(drops.token());
        gate_model::check(&mutex, 1, &steps);
        prop_assert_eq!(drops.get(), 0);
        drop(mutex);
        prop_assert_eq!(drops.get(), 1);
    }
}

#[test]
fn it_works_in_foreign_combinators_and_executors() {
    let mutex = Mutex::new(Count::default().token());
    foreign::works_in_foreign_combinators_and_executors(&mutex, 1);
}

#[test]
fn foreign_wakers_that_panic_affect_nothing_else() {
    foreign::foreign_wakers_that_panic_affect_nothing_else(
        &Mutex::new(Count::default().token()),
        1,
    );
}

#[test]
fn foreign_wakers_may_call_back_when_woken_and_when_dropped() {
    let mutex: Rc<dyn Subject> = Rc::new(Mutex::new(Count::default().token()));
    foreign::foreign_wakers_may_call_back(&mutex, 1);
}

#[test]
fn a_foreign_waker_may_poll_a_wait_on_a_forgotten_mutex() {
    let mutex = Mutex::new(Count::default().token());
    foreign::a_foreign_waker_may_poll_its_wait(mutex, (1, 1), |guard| {
        drop(guard);
        None
    });
}

//! The readers-writer lock: order, fairness, cancelled waits, and what reports say about it.

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
use turnwise::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use turnwise::{JoinHandle, RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

use gate_model::{Asked, Pass, Step, Subject, foreign};
use probe::{Count, Log, Token, poll_with, virtual_time};

/// The number of permits that a writer takes in the model.
const ALL: u32 = u32::MAX / 2;

/// A guard of either kind.
enum Either<'a> {
    Reads(#[allow(dead_code, reason = "it is held")] RwLockReadGuard<'a, Token>),
    Writes(RwLockWriteGuard<'a, Token>),
}

impl Pass for Either<'_> {
    fn keep_one<'a>(self: Box<Self>) -> Box<dyn Pass + 'a>
    where
        Self: 'a,
    {
        match *self {
            Either::Writes(guard) => Box::new(Either::Reads(guard.downgrade())),
            reads @ Either::Reads(_) => Box::new(reads),
        }
    }
}

impl Subject for RwLock<Token> {
    fn ask(&self, wanted: u32) -> Asked<'_> {
        let some = |guard| Some(Box::new(guard) as Box<dyn Pass>);
        if wanted == ALL {
            self.write().map(Either::Writes).map(some).boxed_local()
        } else {
            self.read().map(Either::Reads).map(some).boxed_local()
        }
    }

    fn try_ask(&self, wanted: u32) -> Option<Box<dyn Pass + '_>> {
        Some(Box::new(if wanted == ALL {
            Either::Writes(self.try_write().ok()?)
        } else {
            Either::Reads(self.try_read().ok()?)
        }))
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// The report of a run that cannot make progress, with marks in place of the locations in this file.
fn stuck(future: impl Future<Output = ()>) -> String {
    let Err(RunError::Deadlock(report)) = Scheduler::new().try_block_on(future) else {
        panic!("expected a deadlock")
    };
    assert!(report.certain, "{report}");
    trace::with_marks(&report.to_string(), file!(), include_str!("sync_rwlock.rs"))
}

/// A task that reads or writes for a second of virtual time, and notes when.
fn visitor(lock: &Rc<RwLock<u32>>, log: &Log, name: &'static str) -> JoinHandle<()> {
    let (lock, log) = (Rc::clone(lock), log.clone());
    spawn(async move {
        if name.starts_with('w') {
            let mut value = lock.write().await;
            log.note(format!("{name} enters"));
            *value += 1;
            sleep(Duration::from_secs(1)).await;
        } else {
            let value = lock.read().await;
            log.note(format!("{name} reads {value}"));
            sleep(Duration::from_secs(1)).await;
        }
        log.note(format!("{name} leaves"));
    })
}

// ----- order -----

#[test]
fn readers_enter_together_up_to_the_next_queued_writer() {
    let log = Log::default();
    virtual_time().block_on(async {
        let lock = Rc::new(RwLock::new(0));
        let names = ["r1", "r2", "w3", "r4", "r5", "w6", "w7"];
        for visitor in names.map(|name| visitor(&lock, &log, name)) {
            visitor.await.unwrap();
        }
    });
    let expected = [
        "r1 reads 0, r2 reads 0, r1 leaves, r2 leaves",
        "w3 enters, w3 leaves",
        "r4 reads 1, r5 reads 1, r4 leaves, r5 leaves",
        "w6 enters, w6 leaves, w7 enters, w7 leaves",
    ];
    assert_eq!(log.take().join(", "), expected.join(", "));
}

#[test]
fn a_free_lock_is_taken_in_the_same_turn() {
    let lock = RwLock::new(7);
    let one = lock.read().now_or_never().unwrap();
    let other = lock.read().now_or_never().unwrap();
    assert_eq!(*one + *other, 14);
    assert!(lock.write().now_or_never().is_none());
    drop((one, other));
    *lock.write().now_or_never().unwrap() += 1;
    assert_eq!(*lock.try_read().unwrap(), 8);
}

#[test]
fn the_value_comes_out_and_is_dropped_once() {
    let drops = Count::default();
    let mut lock = RwLock::new(drops.token());
    *lock.get_mut() = drops.token();
    assert_eq!(drops.get(), 1);
    drop(lock.into_inner());
    drop(RwLock::from(drops.token()));
    assert_eq!(drops.get(), 3);
    assert_eq!(*RwLock::<u8>::default().try_read().unwrap(), 0);
    let unsized_one: &RwLock<[u8]> = &RwLock::new([1, 2]);
    unsized_one.try_write().unwrap()[0] = 3;
    assert_eq!(*unsized_one.try_read().unwrap(), [3, 2]);
}

// ----- fairness and giving up -----

// A class of faults: readers that kept coming starved the writer.
#[test]
fn a_writer_that_waits_holds_back_later_readers_and_is_not_starved() {
    let lock = Rc::new(RwLock::new(false));
    let rounds = Rc::new(Cell::new(0));
    block_on(async {
        let readers = [(); 3].map(|()| {
            let (lock, rounds) = (Rc::clone(&lock), Rc::clone(&rounds));
            spawn(async move {
                loop {
                    let is_written = lock.read().await;
                    yield_now().await; // There is always a reader inside.
                    if *is_written {
                        return;
                    }
                    rounds.set(rounds.get() + 1);
                }
            })
        });
        yield_now().await;
        *lock.write().await = true;
        for reader in readers {
            reader.await.unwrap();
        }
    });
    assert!(rounds.get() <= 6, "the writer waited for {} readings", rounds.get());
}

// A class of faults: the readers behind a cancelled writer kept waiting, with only readers inside.
#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in_immediately() {
    let lock = RwLock::new(());
    let reading = lock.try_read().unwrap();
    let mut writer = lock.write();
    let mut readers = [(); 3].map(|()| lock.read());
    let (rings, waker) = probe::Rings::new();
    assert!(poll_with(&mut writer, Waker::noop()).is_pending());
    for reader in &mut readers {
        assert!(poll_with(reader, &waker).is_pending());
    }
    assert!(lock.try_read().is_err());
    drop(writer);
    assert_eq!(rings.get(), 3, "with the first reader still inside");
    let guards = readers.map(|mut reader| poll_with(&mut reader, Waker::noop()));
    assert!(guards.iter().all(std::task::Poll::is_ready));
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    drop((reading, guards));
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_lock_handed_to_a_dropped_writer_goes_to_the_waits_behind_it() {
    let lock = RwLock::new(());
    let reading = lock.try_read().unwrap();
    let (mut writer, mut one, mut other) = (lock.write(), lock.read(), lock.read());
    assert!(poll_with(&mut writer, Waker::noop()).is_pending());
    assert!(poll_with(&mut one, Waker::noop()).is_pending());
    assert!(poll_with(&mut other, Waker::noop()).is_pending());
    drop(reading); // Now the writer owns it,
    drop(writer); // but is dropped before it is polled.
    assert!(poll_with(&mut one, Waker::noop()).is_ready());
    assert!(poll_with(&mut other, Waker::noop()).is_ready());
}

#[test]
fn a_downgraded_writer_keeps_writers_out_and_lets_the_next_readers_in() {
    let lock = RwLock::new(1);
    let mut writer = lock.try_write().unwrap();
    let (mut reader, mut second, mut late) = (lock.read(), lock.write(), lock.read());
    assert!(poll_with(&mut reader, Waker::noop()).is_pending());
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert!(poll_with(&mut late, Waker::noop()).is_pending());
    *writer = 2;
    let kept = writer.downgrade();
    let std::task::Poll::Ready(read) = poll_with(&mut reader, Waker::noop()) else {
        panic!("it was next in the queue")
    };
    assert_eq!((*kept, *read), (2, 2));
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    drop((kept, read));
    assert!(poll_with(&mut late, Waker::noop()).is_pending());
    assert!(poll_with(&mut second, Waker::noop()).is_ready());
    assert!(poll_with(&mut late, Waker::noop()).is_ready());
}

#[test]
fn ten_thousand_wait_and_the_half_that_is_not_cancelled_enters_in_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    Scheduler::new().block_on(async {
        let lock = Rc::new(RwLock::new(0));
        let guard = lock.write().await;
        let tasks: Vec<JoinHandle<()>> = (0..10_000)
            .map(|number| {
                let (lock, order) = (Rc::clone(&lock), Rc::clone(&order));
                spawn(async move {
                    if number % 3 == 0 {
                        *lock.write().await += 1;
                    } else {
                        drop(lock.read().await);
                    }
                    order.borrow_mut().push(number);
                })
            })
            .collect();
        yield_now().await;
        tasks.iter().step_by(4).for_each(JoinHandle::abort);
        yield_now().await;
        tasks.iter().skip(1).step_by(4).for_each(JoinHandle::abort);
        drop(guard);
        for task in tasks {
            drop(task.await);
        }
        assert!(lock.try_write().is_ok());
    });
    let expected: Vec<i32> = (0..10_000).filter(|number| number % 4 > 1).collect();
    assert_eq!(*order.borrow(), expected);
}

// ----- panics -----

#[test]
fn a_panic_of_a_reader_or_writer_unlocks_and_poisons_nothing() {
    block_on(async {
        let lock = Rc::new(RwLock::new(1));
        for writes in [false, true] {
            let theirs = Rc::clone(&lock);
            let clumsy = spawn(async move {
                if writes {
                    let mut value = theirs.write().await;
                    *value = 2;
                    panic!("while holding the lock");
                }
                let _value = theirs.read().await;
                panic!("while holding the lock");
            });
            yield_now().await;
            let value = *lock.write().await;
            assert_eq!(value, if writes { 2 } else { 1 });
            assert!(clumsy.await.unwrap_err().is_panic());
        }
    });
}

#[test]
fn a_value_whose_debug_writes_or_panics_is_harmless() {
    struct Odd(Rc<RefCell<Option<Rc<RwLock<Odd>>>>>);
    impl std::fmt::Debug for Odd {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &*self.0.borrow() {
                Some(lock) => write!(f, "{} {}", lock.try_write().is_ok(), lock.try_read().is_ok()),
                None => panic!("in Debug"),
            }
        }
    }
    let spot = Rc::default();
    let lock = Rc::new(RwLock::new(Odd(Rc::clone(&spot))));
    spot.replace(Some(Rc::clone(&lock)));
    assert_eq!(format!("{lock:?}"), "RwLock { value: false true }");
    spot.replace(None);
    assert!(catch_unwind(AssertUnwindSafe(|| format!("{lock:?}"))).is_err());
    assert!(lock.try_write().is_ok());
}

// ----- reports -----

#[test]
fn a_writer_that_waits_for_readers_in_stuck_tasks_names_all_of_them() {
    let report = stuck(async {
        let lock = Rc::new(RwLock::new(()).named("prices"));
        let never = Rc::new(RwLock::new(()).named("never"));
        let closed = never.write().await; // [never]
        let reader = |name: &str| {
            let (lock, never) = (Rc::clone(&lock), Rc::clone(&never));
            let reads = async move {
                let _reading = lock.read().await; // [read]
                drop(never.read().await); // [stuck]
            };
            task::Builder::new().name(name).spawn(reads)
        };
        let _readers = [reader("alice"), reader("bob")];
        yield_now().await;
        drop(lock.write().await); // [write]
        drop(closed);
    });
    let line = "#1 main     waits for rwlock \"prices\" at [write], held by #2 \"alice\" (locked at [read]), #3 \"bob\" (locked at [read])";
    assert!(report.contains(line), "{report}");
    let cycle = "cycle: #1 -> rwlock \"prices\" -> #2 -> rwlock \"never\" -> #1";
    assert!(report.contains(cycle), "{report}");
}

#[test]
fn a_task_that_reads_twice_with_a_writer_in_between_is_found_by_the_report() {
    let report = stuck(async {
        let lock = RwLock::new(()).named("prices");
        let _first = lock.read().await; // [first]
        let mut writer = pin!(lock.write()); // [write]
        assert!(futures::poll!(&mut writer).is_pending());
        drop(lock.read().await); // [second]
    });
    let line =
        "#1 main  waits for rwlock \"prices\" at [write], held by #1 main (locked at [first])";
    assert!(report.contains(line), "{report}");
    assert!(report.contains("waits for rwlock \"prices\" at [second]"), "{report}");
}

#[test]
fn debug_output_shows_owners_and_waiters() {
    let lock = RwLock::new(5).named("prices");
    assert_eq!(format!("{lock:?}"), "RwLock { value: 5, name: \"prices\" }");
    let mut guard = lock.try_write().unwrap(); // [writes]
    let mut wait = lock.read(); // [waits]
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    let text = format!("{lock:?}").replace(']', " ]"); // to tell the bracket from a mark
    let text = trace::with_marks(&text, file!(), include_str!("sync_rwlock.rs"));
    let expected = "RwLock { value: <locked>, name: \"prices\", held_by: [unknown at [writes] ], \
                    waiters: [unknown at [waits] ] }";
    assert_eq!(text, expected);
    *guard += 1;
    assert_eq!((format!("{guard}"), format!("{guard:?}")), ("6".into(), "6".into()));
    let guard = guard.downgrade();
    assert_eq!((format!("{guard}"), format!("{guard:?}")), ("6".into(), "6".into()));
}

// ----- any order, foreign executors and wakers -----

fn step() -> impl Strategy<Value = Step> {
    let wanted = prop_oneof![2 => Just(1), 1 => Just(ALL)];
    prop_oneof![
        14 => gate_model::asking(wanted),
        1 => (0_usize..64).prop_map(Step::KeepOne),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_matches_the_gate_model_in_which_a_writer_takes_all_permits(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let drops = Count::default();
        let lock = RwLock::new(drops.token());
        gate_model::check(&lock, ALL, &steps);
        prop_assert_eq!(drops.get(), 0);
        drop(lock);
        prop_assert_eq!(drops.get(), 1);
    }
}

#[test]
fn it_works_in_foreign_combinators_and_executors() {
    let lock = RwLock::new(Count::default().token());
    foreign::works_in_foreign_combinators_and_executors(&lock, ALL);
}

#[test]
fn foreign_wakers_that_panic_affect_nothing_else() {
    foreign::foreign_wakers_that_panic_affect_nothing_else(
        &RwLock::new(Count::default().token()),
        ALL,
    );
}

#[test]
fn foreign_wakers_may_call_back_when_woken_and_when_dropped() {
    let lock: Rc<dyn Subject> = Rc::new(RwLock::new(Count::default().token()));
    foreign::foreign_wakers_may_call_back(&lock, ALL);
}

#[test]
fn a_foreign_waker_may_poll_a_wait_on_a_forgotten_lock() {
    for wanted in [1, ALL] {
        let lock = RwLock::new(Count::default().token());
        foreign::a_foreign_waker_may_poll_its_wait(lock, (ALL, wanted), |guard| {
            drop(guard);
            None
        });
    }
    let lock = RwLock::new(Count::default().token());
    let downgrade = |guard: Box<dyn Pass>| Some(guard.keep_one());
    foreign::a_foreign_waker_may_poll_its_wait(lock, (ALL, 1), downgrade);
}

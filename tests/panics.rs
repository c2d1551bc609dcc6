//! Panics: whatever panics, nothing else is affected, and everything is dropped exactly once.

mod probe;

use std::any::Any;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use probe::{Bomb, Count, Log, Spot, poll_with, text, virtual_time};
use turnwise::{JoinHandle, RunError, Scheduler, sleep, spawn, task, yield_now};

/// Runs a closure that panics, and returns the payload.
fn caught<R>(run: impl FnOnce() -> R) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(run)).err().expect("it panics")
}

/// A future that completes in its second turn, and panics when it is dropped.
fn armed<T: 'static>(bomb: Bomb, mut end: impl FnMut() -> T) -> impl Future<Output = T> {
    let mut turns = 0;
    poll_fn(move |cx: &mut Context<'_>| {
        let _armed = &bomb;
        turns += 1;
        if turns == 2 {
            return Poll::Ready(end());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// A task that proves at the end of a test that other tasks still run.
fn witness(scheduler: &Scheduler) -> JoinHandle<&'static str> {
    scheduler.spawn(async {
        for _ in 0..10 {
            yield_now().await;
        }
        "unharmed"
    })
}

// ----- in a turn -----

#[test]
fn a_panic_drops_what_is_in_scope_from_the_inside_out_and_then_the_handle_is_ready() {
    struct Says(Log, &'static str);
    impl Drop for Says {
        fn drop(&mut self) {
            self.0.note(self.1);
        }
    }
    let (scheduler, log) = (virtual_time(), Log::default());
    let says = |text| Says(log.clone(), text);
    let (outer, argument, beside) = (says("outer"), says("argument"), says("beside"));
    let (first, second) = (says("first"), says("second"));
    let panics = async move |_argument: Says| {
        let _first = first;
        yield_now().await;
        let _second = second;
        panic!("on purpose");
    };
    let handle = scheduler.spawn(async move {
        let _outer = outer;
        turnwise::join!(panics(argument), async move {
            let _beside = beside;
            pending::<()>().await;
        });
    });
    let waiter = log.clone();
    scheduler.block_on(async move {
        assert!(handle.await.unwrap_err().is_panic());
        waiter.note("the handle is ready");
    });
    let expected = ["second", "first", "argument", "beside", "outer", "the handle is ready"];
    assert_eq!(log.take(), expected);
}

// async-executor#136, async-executor#55: a task that panicked left the executor unusable.
#[test]
fn one_task_in_a_hundred_panics_and_the_others_finish() {
    let scheduler = virtual_time();
    let dropped = Count::default();
    let task = |number: u64, held: probe::Token| async move {
        let _held = held;
        sleep(Duration::from_secs(number % 3)).await;
        if number == 37 {
            panic_any(number);
        }
        yield_now().await;
        number
    };
    let handles: Vec<_> =
        (0..100).map(|number| scheduler.spawn(task(number, dropped.token()))).collect();
    scheduler.run().unwrap();
    assert_eq!(dropped.get(), 100);
    for (number, handle) in (0..).zip(handles) {
        match scheduler.block_on(handle) {
            Ok(output) => assert_eq!(output, number),
            Err(error) => {
                assert!(error.is_panic() && !error.is_cancelled() && number == 37);
                assert_eq!(error.into_panic().downcast_ref::<u64>(), Some(&37));
            }
        }
    }
    assert_eq!(task::try_id(), None);
}

#[test]
fn a_panic_is_an_error_for_the_joiner_which_continues() {
    let error = turnwise::block_on(async {
        let outer = spawn(async { spawn(async { panic!("deep down") }).await });
        outer.await.unwrap().unwrap_err()
    });
    assert_eq!(error.to_string(), "task #3 panicked: deep down");
}

// ----- in the destructor of a future -----

// futures-rs#2886: a use after free when a future panicked as it was dropped.
#[test]
fn a_future_that_panics_when_dropped_after_completion_keeps_its_output() {
    let (scheduler, bombs) = (virtual_time(), Count::default());
    let handle = scheduler.spawn(armed(Bomb(bombs.clone()), || "kept"));
    let witness = witness(&scheduler);
    scheduler.run().unwrap();
    assert_eq!(bombs.get(), 1);
    assert_eq!(scheduler.block_on(handle).unwrap(), "kept");
    assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
    drop(scheduler);
    assert_eq!(bombs.get(), 1);
}

#[test]
fn a_future_that_panics_when_dropped_by_an_abort_is_aborted() {
    for turns in 0..2 {
        let (scheduler, bombs) = (virtual_time(), Count::default());
        let handle = scheduler.spawn(armed(Bomb(bombs.clone()), || ()));
        let witness = witness(&scheduler);
        for _ in 0..turns {
            scheduler.step();
        }
        handle.abort();
        assert_eq!(bombs.get(), 0);
        scheduler.run().unwrap();
        assert_eq!(bombs.get(), 1);
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
        assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
    }
}

#[test]
fn futures_that_panic_when_dropped_do_not_stop_the_drop_of_their_scheduler() {
    let (scheduler, bombs, log) = (virtual_time(), Count::default(), Log::default());
    let mut handles = Vec::new();
    for number in 0..3 {
        let end = log.on_drop(&number.to_string());
        let future = armed(Bomb(bombs.clone()), move || _ = &end);
        handles.push(scheduler.spawn(future));
    }
    scheduler.step();
    drop(scheduler);
    assert_eq!((bombs.get(), log.take()), (3, vec!["0".into(), "1".into(), "2".into()]));
    for mut handle in handles {
        let Poll::Ready(Err(error)) = poll_with(&mut handle, Waker::noop()) else {
            panic!("the task has ended");
        };
        assert!(error.is_cancelled());
    }
    assert_eq!(bombs.get(), 3);
}

// tokio#4430: a panic, and then another one while things are dropped because of it.
#[test]
fn of_a_panic_and_another_in_the_destructor_the_first_is_reported() {
    let (scheduler, bombs) = (virtual_time(), Count::default());
    let handle = scheduler.spawn(armed(Bomb(bombs.clone()), || panic!("the first")));
    let witness = witness(&scheduler);
    scheduler.run().unwrap();
    assert_eq!(bombs.get(), 1);
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(text(&*error.into_panic()), "the first");
    assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
}

// ----- in the destructor of an output -----

#[test]
fn an_unread_output_that_panics_when_dropped_affects_nothing_else() {
    for detach_first in [false, true] {
        let (scheduler, bombs) = (virtual_time(), Count::default());
        let bomb = Bomb(bombs.clone());
        let handle = scheduler.spawn(async move {
            yield_now().await;
            bomb
        });
        let witness = witness(&scheduler);
        if detach_first {
            drop(handle);
            scheduler.run().unwrap();
        } else {
            scheduler.run().unwrap();
            assert_eq!(bombs.get(), 0, "it is kept for the handle");
            drop(handle); // This does not panic: the owner of a handle is not responsible for the output.
        }
        assert_eq!(bombs.get(), 1);
        assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
    }
}

// tokio#4430 again: the handle is dropped while its owner unwinds.
#[test]
fn a_handle_dropped_by_a_panic_may_hold_an_output_that_panics_too() {
    let (scheduler, bombs) = (virtual_time(), Count::default());
    let bomb = Bomb(bombs.clone());
    let handle = scheduler.spawn(async move { bomb });
    let owner = scheduler.spawn(async move {
        yield_now().await;
        let _handle = handle;
        panic!("the owner");
    });
    let error = scheduler.block_on(owner).unwrap_err();
    assert_eq!((error.to_string().as_str(), bombs.get()), ("task #2 panicked: the owner", 1));
}

// ----- a payload whose destructor panics -----

/// Panics when it is dropped, with another grenade as the payload until none is left.
struct Grenade {
    left: usize,
    thrown: Arc<AtomicUsize>,
}

impl Drop for Grenade {
    fn drop(&mut self) {
        self.thrown.fetch_add(1, Ordering::Relaxed);
        if self.left > 0 {
            panic_any(Grenade { left: self.left - 1, thrown: Arc::clone(&self.thrown) });
        }
    }
}

#[test]
fn a_payload_that_panics_when_dropped_is_handed_over_intact() {
    let thrown = Arc::new(AtomicUsize::new(0));
    let (scheduler, grenade) = (virtual_time(), Grenade { left: 1, thrown: Arc::clone(&thrown) });
    let handle = scheduler.spawn(async move { panic_any(grenade) });
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.to_string(), "task #1 panicked");
    let payload = error.into_panic();
    assert_eq!(thrown.load(Ordering::Relaxed), 0);
    let second = caught(|| drop(payload));
    assert_eq!(thrown.load(Ordering::Relaxed), 1);
    assert_eq!(second.downcast_ref::<Grenade>().map(|grenade| grenade.left), Some(0));
}

#[test]
fn a_payload_that_panics_again_and_again_is_forgotten_and_affects_nothing_else() {
    for (detach_first, left) in [(false, 1), (false, 5), (true, 1), (true, 5)] {
        let thrown = Arc::new(AtomicUsize::new(0));
        let (scheduler, grenade) = (virtual_time(), Grenade { left, thrown: Arc::clone(&thrown) });
        let handle = scheduler.spawn(async move {
            yield_now().await;
            panic_any(grenade);
        });
        let witness = witness(&scheduler);
        let mut handle = Some(handle);
        if detach_first {
            handle = None;
        }
        scheduler.run().unwrap();
        drop(handle);
        assert!(thrown.load(Ordering::Relaxed) >= 1);
        assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
    }
}

// ----- in the root -----

/// Checks that the thread is outside all runs.
fn assert_outside_all_runs() {
    assert_eq!(task::try_id(), None);
    assert_eq!(task::name(), None);
    assert!(text(&*caught(|| spawn(async {}))).starts_with("`spawn` needs a running scheduler"));
}

#[test]
fn a_panic_of_the_root_propagates_from_block_on_and_leaves_other_tasks_intact() {
    for turns in [0, 1, 7] {
        let (scheduler, dropped) = (virtual_time(), Count::default());
        let spot = Spot::default();
        let waiting = scheduler.spawn(spot.wait());
        let sleeping = scheduler.spawn(sleep(Duration::from_secs(1)));
        let witness = witness(&scheduler);
        let held = dropped.token();
        let payload = caught(|| {
            scheduler.block_on(async {
                let _held = held;
                for _ in 0..turns {
                    yield_now().await;
                }
                panic!("the root");
            })
        });
        assert_eq!((text(&*payload).as_str(), dropped.get()), ("the root", 1));
        assert_outside_all_runs();
        assert_eq!(scheduler.metrics().alive, 3);
        spot.open();
        scheduler.run().unwrap();
        let outputs = scheduler.block_on(async {
            waiting.await.unwrap();
            sleeping.await.unwrap();
            witness.await.unwrap()
        });
        assert_eq!(outputs, "unharmed");
    }
}

#[test]
fn a_root_that_panics_when_dropped_leaves_the_scheduler_usable() {
    let (scheduler, bombs) = (virtual_time(), Count::default());
    let witness = witness(&scheduler);
    let payload = caught(|| scheduler.block_on(armed(Bomb(bombs.clone()), || ())));
    assert_eq!((text(&*payload).as_str(), bombs.get()), ("the bomb went off", 1));
    assert_outside_all_runs();
    assert_eq!(scheduler.block_on(witness).unwrap(), "unharmed");
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_waker_of_a_root_that_panicked_wakes_no_task_and_no_longer_counts() {
    let scheduler = virtual_time();
    let stuck = scheduler.spawn(pending::<()>());
    let mut kept = None;
    for _ in 0..2 {
        caught(|| {
            scheduler.block_on(poll_fn(|cx| -> Poll<()> {
                let second_turn = kept.replace(cx.waker().clone()).is_some();
                assert!(!second_turn, "the root");
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
        });
    }
    kept.take().unwrap().wake();
    assert_eq!(scheduler.run_until_stalled(), 0);
    // If a waker were still counted, the deadlock would be merely possible, and the run would sleep forever.
    assert!(matches!(scheduler.run(), Err(RunError::Deadlock(report)) if report.alive == 1));
    drop(stuck);
}

// ----- in letters -----

#[test]
fn a_letter_that_panics_when_dropped_unread_does_not_keep_others_from_being_dropped() {
    let (scheduler, thrown) = (virtual_time(), Arc::new(AtomicUsize::new(0)));
    let remote = scheduler.remote();
    let answers = [0, 1, 0].map(|left| {
        let cargo = Grenade { left, thrown: Arc::clone(&thrown) };
        remote.spawn(move || async move { drop(cargo) })
    });
    assert_eq!(thrown.load(Ordering::Relaxed), 0);
    drop(scheduler);
    assert_eq!(
        thrown.load(Ordering::Relaxed),
        4,
        "three letters, and the payload of the second one's panic"
    );
    for answer in answers {
        assert!(answer.wait().unwrap_err().is_cancelled());
    }
}

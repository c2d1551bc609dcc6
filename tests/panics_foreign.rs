//! Panics of code from outside: foreign wakers, observers, hooks; when they are called and when they are dropped.

mod probe;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use probe::{Acting, Bomb, Count, Rings, Spot, poll_with, text, virtual_time};
use turnwise::time::Sleep;
use turnwise::{Scheduler, Transition, sleep, spawn, yield_now};

fn nothing() {}

fn explode() {
    panic!("a foreign waker");
}

/// Wakers that panic: one when it is woken, one when its last clone is dropped.
fn panicking_wakers() -> [Waker; 2] {
    [Acting::waker(explode, nothing), Acting::waker(nothing, explode)]
}

/// Polls with a foreign waker and drops it, so that the scheduler holds its only clone.
fn poll_and_give_away<F: Future + Unpin>(future: &mut F, foreign: Waker) {
    assert!(poll_with(future, &foreign).is_pending());
    drop(foreign);
}

fn second() -> Duration {
    Duration::from_secs(1)
}

fn created_here(scheduler: &Scheduler, length: Duration) -> Sleep {
    scheduler.block_on(poll_fn(|_| Poll::Ready(sleep(length))))
}

// tokio#3689, tokio#4055: a waker that panicked kept the others from being woken.
#[test]
fn a_joiner_that_panics_when_woken_or_dropped_does_not_keep_others_from_being_woken() {
    for foreign in panicking_wakers() {
        let (scheduler, spots) = (virtual_time(), [(); 3].map(|()| Spot::default()));
        let mut handles = spots.each_ref().map(|spot| scheduler.spawn(spot.wait()));
        let (rings, waker) = Rings::new();
        scheduler.run_until_stalled();
        assert!(poll_with(&mut handles[0], &waker).is_pending());
        poll_and_give_away(&mut handles[1], foreign);
        assert!(poll_with(&mut handles[2], &waker).is_pending());
        spots.iter().for_each(Spot::open);
        assert_eq!(scheduler.run_until_stalled(), 3);
        assert_eq!(rings.get(), 2);
        for handle in handles {
            scheduler.block_on(handle).unwrap();
        }
    }
}

#[test]
fn a_sleeper_that_panics_when_woken_or_dropped_does_not_keep_others_from_being_woken() {
    for foreign in panicking_wakers() {
        let scheduler = virtual_time();
        let (rings, waker) = Rings::new();
        let mut naps = [(); 3].map(|()| created_here(&scheduler, second()));
        let task = scheduler.spawn(sleep(second()));
        assert!(poll_with(&mut naps[0], &waker).is_pending());
        poll_and_give_away(&mut naps[1], foreign);
        assert!(poll_with(&mut naps[2], &waker).is_pending());
        scheduler.run().unwrap();
        assert_eq!(rings.get(), 2);
        assert!(task.is_finished());
        for mut nap in naps {
            assert!(poll_with(&mut nap, Waker::noop()).is_ready());
        }
    }
}

#[test]
fn a_joiner_that_panics_while_the_scheduler_is_dropped_does_not_keep_others_from_being_woken() {
    for foreign in panicking_wakers() {
        let (scheduler, dropped) = (virtual_time(), Count::default());
        let mut handles = [(); 3].map(|()| {
            let held = dropped.token();
            scheduler.spawn(async move {
                let _held = held;
                pending::<()>().await;
            })
        });
        let (rings, waker) = Rings::new();
        assert!(poll_with(&mut handles[0], &waker).is_pending());
        poll_and_give_away(&mut handles[1], foreign);
        assert!(poll_with(&mut handles[2], &waker).is_pending());
        drop(scheduler);
        assert_eq!((dropped.get(), rings.get()), (3, 2));
        assert!(handles.iter().all(turnwise::JoinHandle::is_finished));
    }
}

/// Drops a value, and returns whether that panicked.
fn panics_when_dropped<T>(value: T) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(value)));
    outcome.is_err_and(|payload| text(&*payload) == "a foreign waker")
}

#[test]
fn a_waker_that_panics_when_dropped_panics_in_the_drop_of_the_wait() {
    let [_, foreign] = panicking_wakers();
    let (scheduler, spot) = (virtual_time(), Spot::default());
    let mut handle = scheduler.spawn(spot.wait());
    let abort = handle.abort_handle();
    scheduler.run_until_stalled();
    poll_and_give_away(&mut handle, foreign);
    assert!(panics_when_dropped(handle));
    assert!(!abort.is_finished(), "it is detached anyway");
    spot.open();
    scheduler.run().unwrap();
    assert!(abort.is_finished());

    let [_, foreign] = panicking_wakers();
    let mut nap = created_here(&scheduler, second());
    poll_and_give_away(&mut nap, foreign);
    assert!(panics_when_dropped(nap));
    assert_eq!(scheduler.next_deadline(), None, "the timer is gone anyway");
}

#[test]
fn a_waker_that_panics_when_replaced_is_replaced_anyway() {
    let [_, foreign] = panicking_wakers();
    let scheduler = virtual_time();
    let (rings, waker) = Rings::new();
    let mut nap = created_here(&scheduler, second());
    poll_and_give_away(&mut nap, foreign);
    let outcome = catch_unwind(AssertUnwindSafe(|| poll_with(&mut nap, &waker)));
    assert!(outcome.is_err());
    scheduler.advance(second());
    scheduler.run_until_stalled();
    assert_eq!(rings.get(), 1, "the new one is woken");
    assert!(poll_with(&mut nap, Waker::noop()).is_ready());

    let [_, foreign] = panicking_wakers();
    let (rings, waker) = Rings::new();
    let mut handle = scheduler.spawn(async { 5 });
    poll_and_give_away(&mut handle, foreign);
    let outcome = catch_unwind(AssertUnwindSafe(|| poll_with(&mut handle, &waker)));
    assert!(outcome.is_err());
    scheduler.run_until_stalled();
    assert_eq!(rings.get(), 1, "the new one is woken");
    assert_eq!(scheduler.block_on(handle).unwrap(), 5);
}

#[test]
fn a_task_that_owns_a_wait_with_a_panicking_foreign_waker_ends_alone() {
    for (abort, drop_scheduler) in [(true, false), (false, true)] {
        let [_, foreign] = panicking_wakers();
        let (scheduler, dropped) = (virtual_time(), Count::default());
        let mut nap = created_here(&scheduler, second());
        poll_and_give_away(&mut nap, foreign);
        let held = dropped.token();
        let owner = scheduler.spawn(async move {
            let (_held, _nap) = (held, nap);
            pending::<()>().await;
        });
        let held = dropped.token();
        let other = scheduler.spawn(async move {
            let _held = held;
            sleep(second()).await;
        });
        scheduler.run_until_stalled();
        if abort {
            owner.abort();
            scheduler.run().unwrap();
            assert!(other.is_finished());
        }
        if drop_scheduler {
            drop(scheduler);
        }
        assert_eq!(dropped.get(), 2);
        assert!(owner.is_finished());
    }
}

// A foreign waker may also be woken in a task's turn: then the panic is that task's alone.
#[test]
fn a_task_that_wakes_a_panicking_foreign_waker_panics_itself() {
    let scheduler = virtual_time();
    let failing = scheduler.spawn(poll_fn(|_| -> Poll<()> {
        Acting::waker(explode, nothing).wake();
        Poll::Pending
    }));
    let other = scheduler.spawn(async { "unharmed" });
    assert!(scheduler.block_on(failing).unwrap_err().is_panic());
    assert_eq!(scheduler.block_on(other).unwrap(), "unharmed");
}

// ----- in observers and hooks -----

#[test]
fn an_observer_that_panics_at_any_transition_is_removed_and_changes_nothing() {
    let program = |panic_at: usize| {
        let (seen, dropped) = (Rc::new(Cell::new(0)), Count::default());
        let (count, held) = (Rc::clone(&seen), dropped.token());
        let observer = move |_: &Transition| {
            let _held = &held;
            count.set(count.get() + 1);
            assert!(count.get() != panic_at, "on purpose");
        };
        let scheduler = Scheduler::builder().virtual_time().observer(observer).build();
        let sum = scheduler.block_on(async {
            let slow = spawn(async { sleep(Duration::from_secs(1)).await });
            let endless = spawn(pending::<()>());
            let failing = spawn(async { panic!("on purpose") });
            yield_now().await;
            endless.abort();
            let ends = (slow.await.is_ok(), endless.await.is_err());
            (ends, failing.await.unwrap_err().is_panic())
        });
        assert_eq!(sum, ((true, true), true));
        (seen.get(), dropped.get())
    };
    let (all, dropped) = program(usize::MAX);
    assert!(all > 25 && dropped == 0);
    for panic_at in 1..=all {
        assert_eq!(program(panic_at), (panic_at, 1), "it is not called again, and it is dropped");
    }
}

/// A scheduler whose hook counts its calls and panics; and a task that waits.
fn with_panicking_hook() -> (Scheduler, Spot, Arc<AtomicUsize>) {
    let (scheduler, spot) = (Scheduler::new(), Spot::default());
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    scheduler.on_wake(move || {
        count.fetch_add(1, Ordering::Relaxed);
        panic!("the hook");
    });
    (scheduler, spot, calls)
}

#[test]
fn a_hook_that_panics_is_removed_and_the_wake_arrives() {
    let (scheduler, spot, calls) = with_panicking_hook();
    for _ in 0..3 {
        spot.waker().wake();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(scheduler.run_until_stalled(), 1);
    }
    assert_eq!(Arc::strong_count(&calls), 1, "it is dropped");
}

#[test]
fn a_hook_that_panics_on_another_thread_is_removed_and_the_wake_arrives() {
    let (scheduler, spot, calls) = with_panicking_hook();
    for _ in 0..3 {
        let waker = spot.waker();
        let ringer = thread::spawn(move || waker.wake());
        let outcome = ringer.join();
        assert_eq!(scheduler.run_until_stalled(), 1, "the letter was posted before the hook");
        assert!(outcome.is_ok(), "a panic of the hook does not reach the waking thread");
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn an_observer_that_panics_again_when_dropped_is_removed_anyway() {
    let bombs = Count::default();
    let bomb = Bomb(bombs.clone());
    let observer = move |transition: &Transition| {
        let _armed = &bomb;
        assert!(!matches!(transition, Transition::TurnBegan { .. }), "on purpose");
    };
    let scheduler = Scheduler::builder().virtual_time().observer(observer).build();
    let handle = scheduler.spawn(async { "unharmed" });
    let run = catch_unwind(AssertUnwindSafe(|| scheduler.run()));
    assert_eq!(bombs.get(), 1);
    assert!(run.is_ok_and(|run| run.is_ok()), "the observer's panic does not end the run");
    assert_eq!(scheduler.block_on(handle).unwrap(), "unharmed");
}

//! Nothing is borrowed while user code runs, so that code may call everything, wherever it is called from.
#![allow(clippy::async_yields_async, reason = "a sleep is created in a run and polled elsewhere")]

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use probe::{Acting, OnDrop, Spot, poll_with, virtual_time};
use turnwise::scheduler::Park;
use turnwise::{
    DeadlockReport, JoinHandle, RunError, Scheduler, Transition, sleep, spawn, time, yield_now,
};

thread_local! {
    /// The scheduler for code that cannot carry it: wakers are `Send`.
    static SCHEDULER: RefCell<Option<Rc<Scheduler>>> = const { RefCell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// How many of the calls completed: the kernel catches panics, so nothing else would reveal one.
    static ENDED: Cell<usize> = const { Cell::new(0) };
}

/// Calls everything that can be called on a scheduler from anywhere.
fn call_everything() {
    CALLS.set(CALLS.get() + 1);
    let Some(scheduler) = SCHEDULER.with_borrow(Clone::clone) else { return };
    let handle = scheduler.spawn(async {});
    handle.abort();
    let _ = (handle.is_finished(), handle.name(), format!("{handle:?}"));
    drop(handle);
    drop(scheduler.spawn(yield_now()));
    let _ = (scheduler.snapshot().to_string(), scheduler.metrics(), scheduler.next_deadline());
    scheduler.advance(Duration::from_nanos(1));
    scheduler.on_wake(|| ());
    drop(scheduler.remote().spawn(|| async {}));
    let other = Scheduler::new();
    other.spawn(pending::<()>());
    other.run_until_stalled();
    drop((other, time::now(), turnwise::task::try_id()));
    ENDED.set(ENDED.get() + 1);
}

/// Installs a scheduler for `call_everything`, returns it, and resets the counters.
fn installed() -> Rc<Scheduler> {
    install(virtual_time())
}

fn install(scheduler: Scheduler) -> Rc<Scheduler> {
    let scheduler = Rc::new(scheduler);
    SCHEDULER.set(Some(Rc::clone(&scheduler)));
    CALLS.set(0);
    ENDED.set(0);
    scheduler
}

/// Ends the test: the scheduler must not live until the end of the thread.
fn removed(scheduler: Rc<Scheduler>, at_least: usize) {
    scheduler.run_until_stalled();
    SCHEDULER.take();
    assert!(CALLS.get() >= at_least, "{} calls", CALLS.get());
    assert_eq!(CALLS.get(), ENDED.get(), "none of them has panicked");
    drop(scheduler);
}

#[test]
fn a_task_may_call_everything_in_its_turn() {
    let scheduler = installed();
    scheduler.block_on(async {
        call_everything();
        spawn(async { call_everything() }).await.unwrap();
        yield_now().await;
        call_everything();
    });
    removed(scheduler, 3);
}

#[test]
fn destructors_may_call_everything() {
    let scheduler = installed();
    // Destructors of a finished future, an aborted one, outputs that are never read, and one that is joined.
    drop(scheduler.spawn(async {
        let _guard = OnDrop(call_everything);
        yield_now().await;
    }));
    let aborted = scheduler.spawn(async {
        let _guard = OnDrop(call_everything);
        pending::<()>().await;
    });
    drop(scheduler.spawn(async { OnDrop(call_everything) }));
    let unwanted = scheduler.spawn(async { OnDrop(call_everything) });
    let joined = scheduler.spawn(async { OnDrop(call_everything) });
    scheduler.run_until_stalled();
    aborted.abort();
    scheduler.run_until_stalled();
    drop(unwanted);
    drop(scheduler.block_on(joined).unwrap());
    removed(scheduler, 5);
}

#[test]
fn destructors_may_call_everything_while_the_scheduler_is_dropped() {
    let scheduler = installed();
    for _ in 0..3 {
        scheduler.spawn(async {
            let _guard = OnDrop(|| {
                let handle = spawn(pending::<()>());
                handle.abort();
                drop((handle, sleep(Duration::from_secs(1)), time::now()));
                assert_eq!(turnwise::block_on(async { spawn(async { 7 }).await }).unwrap(), 7);
                CALLS.set(CALLS.get() + 1); // Last, because a panic in here is swallowed.
            });
            pending::<()>().await;
        });
    }
    scheduler.run_until_stalled();
    SCHEDULER.take();
    drop(scheduler);
    assert_eq!(CALLS.get(), 3);
}

#[test]
fn an_observer_may_call_everything() {
    let scheduler = Scheduler::builder()
        .virtual_time()
        .observer(|transition: &Transition| {
            // Not for the spawns that it causes itself, or it would never end.
            if CALLS.get() < 50 && !matches!(transition, Transition::Spawned { .. }) {
                call_everything();
            }
        })
        .build();
    let scheduler = install(scheduler);
    scheduler.block_on(async {
        let child = spawn(async { yield_now().await });
        sleep(Duration::from_secs(1)).await;
        child.await.unwrap();
    });
    removed(scheduler, 10);
}

#[test]
fn a_hook_may_call_everything() {
    let scheduler = installed();
    scheduler.on_wake(call_everything);
    let spot = Spot::default();
    drop(scheduler.spawn(spot.wait())); // This is the first call; it installs another hook.
    assert_eq!(CALLS.get(), 1);
    scheduler.run_until_stalled();
    scheduler.on_wake(call_everything);
    spot.open();
    removed(scheduler, 2);
}

#[test]
fn a_parker_and_a_stall_callback_may_call_everything() {
    /// Counts how often it is parked.
    struct Calling(Rc<Cell<usize>>);
    impl Park for Calling {
        fn park(&mut self, _: Option<Duration>) {
            self.0.set(self.0.get() + 1);
            call_everything();
        }
        fn unparker(&self) -> Waker {
            call_a_few_times();
            Waker::noop().clone()
        }
        fn may_wake(&self) -> bool {
            call_a_few_times();
            false
        }
    }
    /// Each call makes tasks ready, and the scheduler must park at some point.
    fn call_a_few_times() {
        if CALLS.get() < 10 {
            call_everything();
        }
    }
    let (sleeps, spot, stalls) = (Rc::new(Cell::new(0)), Spot::default(), Cell::new(0));
    let end = spot.clone();
    let on_stall = move |_: &DeadlockReport| {
        stalls.set(stalls.get() + 1);
        match stalls.get() {
            1 => call_everything(),
            2 => {} // It parks.
            _ => end.open(),
        }
    };
    let builder = Scheduler::builder().virtual_time().park(Calling(Rc::clone(&sleeps)));
    let scheduler = install(builder.on_stall(Duration::ZERO, on_stall).build());
    scheduler.block_on(spot.wait());
    assert!(sleeps.get() > 0);
    removed(scheduler, 3);
}

// tokio#5471, #5475, #5578, #4129: a waker was cloned, woken or dropped under a lock that it needed itself.
#[test]
fn a_foreign_waker_may_call_everything_when_woken_and_when_dropped() {
    let scheduler = installed();
    let spot = Spot::default();
    let mut handle: JoinHandle<()> = scheduler.spawn(spot.wait());
    let mut nap = Box::pin(scheduler.block_on(async { sleep(Duration::from_secs(1)) }));
    for round in 1..=3 {
        // Each replaces the previous one, which is dropped.
        let waker = Acting::waker(call_everything, call_everything);
        assert!(poll_with(&mut handle, &waker).is_pending());
        assert!(poll_with(&mut nap, &waker).is_pending());
        drop(waker);
        assert_eq!(CALLS.get(), round - 1);
        scheduler.run_until_stalled();
    }
    spot.open();
    scheduler.advance(Duration::from_secs(1));
    scheduler.run_until_stalled();
    assert!(CALLS.get() >= 4, "woken by the task's end and by the timer: {}", CALLS.get());
    drop((handle, nap));
    removed(scheduler, 5);
}

// tokio#5578: the last clone of a waker is dropped where another replaces it, or where the wait is given up.
#[test]
fn a_foreign_waker_may_call_everything_wherever_its_last_clone_is_dropped() {
    let scheduler = installed();
    let mut handle = scheduler.spawn(pending::<()>());
    let mut answer = scheduler.remote().spawn(pending::<()>);
    let mut nap = Box::pin(sleep(Duration::from_secs(1)));
    scheduler.run_until_stalled();
    let waker = || Acting::waker(|| (), call_everything);
    for calls in [0, 3, 6] {
        // A waker for each, so that each drops the last clone of its own.
        assert!(poll_with(&mut handle, &waker()).is_pending());
        assert!(poll_with(&mut answer, &waker()).is_pending());
        let poll = scheduler.block_on(poll_fn(|_| Poll::Ready(poll_with(&mut nap, &waker()))));
        assert!(poll.is_pending());
        assert_eq!(CALLS.get(), calls);
    }
    drop(handle);
    assert_eq!(CALLS.get(), 7);
    drop(answer);
    assert_eq!(CALLS.get(), 8);
    drop(nap);
    assert_eq!(CALLS.get(), 9);
    // And a task's own waker replaces a foreign one.
    let mut handle = scheduler.spawn(yield_now());
    assert!(poll_with(&mut handle, &waker()).is_pending());
    scheduler.block_on(handle).unwrap();
    assert_eq!(CALLS.get(), 10);
    removed(scheduler, 10);
}

// async-executor#55: a waker ran the executor that was waking it.
#[test]
fn a_waker_that_runs_the_scheduler_runs_it_or_is_refused_and_breaks_nothing() {
    fn drive() {
        let Some(scheduler) = SCHEDULER.with_borrow(Clone::clone) else { return };
        CALLS.set(CALLS.get() + 1);
        assert!(matches!(scheduler.try_block_on(async {}), Err(RunError::Nested(_))));
        assert!(catch_unwind(AssertUnwindSafe(|| scheduler.step())).is_err());
        ENDED.set(ENDED.get() + 1);
    }
    let scheduler = installed();
    let mut handle = scheduler.spawn(async {});
    let waker = Acting::waker(drive, || ());
    assert!(poll_with(&mut handle, &waker).is_pending());
    scheduler.run_until_stalled();
    assert_eq!(CALLS.get(), 1);
    assert!(scheduler.block_on(handle).is_ok());
    removed(scheduler, 1);
}

//! How late a sleep may be beside tasks that are always ready: up to 64 turns, but not if turns are long.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::Cell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use turnwise::scheduler::FailurePolicy;
use turnwise::sync::Event;
use turnwise::task::catch_cancel;
use turnwise::time::Sleep;
use turnwise::{
    JoinHandle, RunError, Scheduler, Transition, sleep, sleep_until, spawn, time, timeout,
    yield_now,
};

const MILLI: Duration = Duration::from_millis(1);

/// What tasks that are always ready share.
#[derive(Default)]
struct Busy {
    /// How long their turns take.
    length: Cell<Duration>,
    /// The length of a sleep that has just been created: its deadline is not later than this length after the start of
    /// the next turn of one of the tasks, however long the thread is held up.
    awaited: Cell<Option<Duration>>,
    /// When the sleep is due whose delay is measured.
    due: Cell<Option<Instant>>,
    /// How many of their turns started after that.
    late: Cell<u32>,
}

impl Busy {
    /// Spawns two tasks that are always ready.
    fn spawn(length: Duration) -> Rc<Busy> {
        let busy = Rc::new(Busy::default());
        busy.length.set(length);
        for _ in 0..2 {
            let busy = Rc::clone(&busy);
            spawn(async move {
                loop {
                    busy.turn();
                    yield_now().await;
                }
            });
        }
        busy
    }

    fn turn(&self) {
        let start = Instant::now();
        if let Some(length) = self.awaited.take() {
            self.due.set(Some(start + length));
        }
        if self.due.get().is_some_and(|due| due <= start) {
            self.late.set(self.late.get() + 1);
        }
        while start.elapsed() < self.length.get() {}
    }

    /// Waits by `wait`, which is due after `length`; returns how many turns late it was.
    async fn lateness(&self, length: Duration, wait: impl Future) -> u32 {
        self.late.set(0);
        self.due.set(None);
        self.awaited.set(Some(length));
        wait.await;
        self.late.get()
    }

    /// Waits by `wait`, which is due at `due`, but not before now.
    async fn lateness_at(&self, due: Instant, wait: impl Future) -> u32 {
        self.late.set(0);
        self.due.set(Some(due.max(Instant::now())));
        wait.await;
        self.late.get()
    }
}

/// A timer that is due in a pass fires at its end, so its task has its turn after the two others in the next pass. The
/// first of the two turns before that may have started between the measured point in time and the deadline.
const TWO_PASSES: u32 = 4;

// turnwise#15: a sleep of 10 ms took 337 ms beside two tasks whose turns took 5 ms.
#[test]
fn beside_long_turns_no_sleep_waits_for_more_than_two_passes() {
    let length = 5 * MILLI;
    for way in ["sleep", "sleep_until", "timeout", "interval"] {
        Scheduler::new().block_on(async {
            let busy = Busy::spawn(2 * MILLI);
            yield_now().await;
            let mut interval = time::interval(length);
            for round in 0..3 {
                let late = match way {
                    "sleep" => busy.lateness(length, sleep(length)).await,
                    "sleep_until" => {
                        busy.lateness(length, sleep_until(Instant::now() + length)).await
                    }
                    "timeout" => busy.lateness(length, timeout(length, pending::<()>())).await,
                    _ => {
                        interval.tick().await;
                        busy.lateness(length, interval.tick()).await
                    }
                };
                assert!(late <= TWO_PASSES, "{way} was {late} turns late in round {round}");
                // For a while no timer is armed, so nothing times the turns.
                for _ in 0..10 {
                    yield_now().await;
                }
            }
        });
    }
}

/// Awaits a sleep on behalf of a task, but with a waker of its own.
async fn wrapped(sleep: Pin<Box<Sleep>>) {
    FuturesUnordered::from_iter([sleep]).next().await;
}

// turnwise#15: only the creation of a timer started the measurement, and it ended before the timer was awaited.
#[test]
fn a_sleep_that_is_awaited_long_after_its_creation_is_not_late_by_64_long_turns() {
    for way in ["awaited", "wrapped", "reset", "nested"] {
        let scheduler = Scheduler::new();
        scheduler.block_on(async {
            let busy = Busy::spawn(2 * MILLI);
            for round in 0..2 {
                let due = Instant::now() + 250 * MILLI;
                let mut sleep = Box::pin(sleep_until(due));
                // Seventy turns without a timer that is waited for.
                for _ in 0..35 {
                    yield_now().await;
                }
                let late = match way {
                    "awaited" => busy.lateness_at(due, sleep).await,
                    "wrapped" => busy.lateness_at(due, wrapped(sleep)).await,
                    "reset" => {
                        sleep.as_mut().reset(due + MILLI);
                        busy.lateness_at(due + MILLI, sleep).await
                    }
                    _ => {
                        // In a task of another scheduler.
                        let inner = Scheduler::new();
                        let sleeper = inner.spawn(sleep);
                        let wait = async {
                            while !sleeper.is_finished() {
                                inner.run_until_stalled();
                                yield_now().await;
                            }
                        };
                        busy.lateness_at(due, wait).await
                    }
                };
                // A busy machine may add some; the fault was 64.
                assert!(late <= 4 * TWO_PASSES, "{way} was {late} turns late in round {round}");
            }
        });
    }
}

#[test]
fn when_turns_become_long_a_sleep_is_late_by_64_of_them_once() {
    Scheduler::new().block_on(async {
        let busy = Busy::spawn(Duration::ZERO);
        spawn(sleep(Duration::from_secs(3600))); // A timer is always armed.
        for _ in 0..1000 {
            yield_now().await;
        }
        busy.length.set(MILLI);
        let late = busy.lateness(MILLI, sleep(MILLI)).await;
        assert!(late <= 64 + TWO_PASSES, "{late} turns late");
        for _ in 0..10 {
            let late = busy.lateness(3 * MILLI, sleep(3 * MILLI)).await;
            assert!(late <= TWO_PASSES, "{late} turns late");
        }
    });
}

#[test]
fn what_an_advance_inside_a_turn_makes_due_fires_at_the_end_of_the_pass() {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let sleeper = spawn(sleep(Duration::from_secs(60)));
        for _ in 0..100 {
            yield_now().await;
        }
        scheduler.advance(Duration::from_secs(60));
        yield_now().await;
        assert!(!sleeper.is_finished(), "its turn is after this one, in this pass");
        yield_now().await;
        assert!(sleeper.is_finished());
    });
}

// turnwise#15: during a whole shutdown no look was brought forward, not only the first one.
#[test]
fn in_a_shutdown_a_sleep_is_no_later_than_in_any_other_run() {
    for grace in [Duration::MAX, Duration::from_secs(3600)] {
        let scheduler = Scheduler::new();
        let latest = Rc::new(Cell::new(None));
        let seen = Rc::clone(&latest);
        scheduler.spawn(async move {
            let _cancelled = catch_cancel(pending::<()>()).await;
            // What a clean-up spawns is not cancelled before this ends.
            let busy = Busy::spawn(2 * MILLI);
            for _ in 0..3 {
                for _ in 0..35 {
                    yield_now().await;
                }
                let late = busy.lateness(10 * MILLI, sleep(10 * MILLI)).await;
                seen.set(seen.get().max(Some(late)));
            }
        });
        scheduler.run_until_stalled();
        assert_eq!(scheduler.shutdown(grace).unwrap().finished.len(), 1);
        let late = latest.get().unwrap();
        assert!(late <= TWO_PASSES, "{late} turns late with a grace period of {grace:?}");
    }
}

#[test]
fn in_a_shutdown_too_what_an_advance_makes_due_fires_at_the_end_of_the_pass() {
    for grace in [Duration::MAX, Duration::from_secs(3600)] {
        let scheduler = Rc::new(Scheduler::builder().virtual_time().build());
        let inside = Rc::downgrade(&scheduler);
        scheduler.spawn(async move {
            let _cancelled = catch_cancel(pending::<()>()).await;
            let sleeper = spawn(sleep(Duration::from_secs(60)));
            for _ in 0..3 {
                yield_now().await;
            }
            inside.upgrade().unwrap().advance(Duration::from_secs(60));
            yield_now().await;
            assert!(!sleeper.is_finished(), "its turn is after this one, in this pass");
            yield_now().await;
            assert!(sleeper.is_finished());
        });
        scheduler.run_until_stalled();
        assert_eq!(scheduler.shutdown(grace).unwrap().finished.len(), 2);
    }
}

// The timer of a grace period of zero is due from the start.
#[test]
fn nothing_brings_the_first_look_of_a_shutdown_forward() {
    for scheduler in [Scheduler::new(), Scheduler::builder().virtual_time().build()] {
        let gate = Rc::new(Event::new());
        for number in 0..3 {
            let gate = Rc::clone(&gate);
            scheduler.spawn(async move {
                let waits = async {
                    gate.wait().await;
                    pending::<()>().await;
                };
                let _cancelled = catch_cancel(waits).await;
                if number == 1 {
                    sleep(Duration::ZERO).await;
                }
            });
        }
        scheduler.run_until_stalled();
        gate.set();
        scheduler.step().unwrap(); // The others are left in this pass, and the first gets its request in the next.
        let report = scheduler.shutdown(Duration::ZERO).unwrap();
        assert_eq!((report.finished.len(), report.aborted.len()), (2, 1), "{report}");
    }
}

// The end of a run after a failure is part of a look, which must not be put off by timers that fire.
#[test]
fn a_failure_that_an_observer_causes_at_a_jump_ends_the_run_before_the_next_pass() {
    let unread = Rc::new(Cell::new(None::<JoinHandle<()>>));
    let kept = Rc::clone(&unread);
    let observer = move |transition: &Transition| {
        if matches!(transition, Transition::ClockJumped { .. }) {
            drop(kept.take());
        }
    };
    let scheduler = Scheduler::builder()
        .virtual_time()
        .observer(observer)
        .on_failure(FailurePolicy::Shutdown)
        .on_report(|_| {})
        .build();
    unread.set(Some(scheduler.spawn(async { panic!("on purpose") })));
    let turns = Rc::new(Cell::new(0));
    let count = Rc::clone(&turns);
    scheduler.spawn(async move {
        sleep(MILLI).await;
        loop {
            count.set(count.get() + 1);
            yield_now().await;
        }
    });
    assert!(matches!(scheduler.run(), Err(RunError::Failed(_))));
    assert_eq!(turns.get(), 0);
}

//! How late a sleep may be beside tasks that are always ready: up to 64 turns, but not if turns are long.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use turnwise::scheduler::FailurePolicy;
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

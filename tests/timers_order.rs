//! Sleeps complete by deadline, then in the order in which they were created: whatever has fired before, on every clock.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest,
};
use turnwise::time::Sleep;
use turnwise::{Scheduler, sleep, sleep_until, spawn, time, timeout, yield_now};

use trace::Log;

const MILLI: Duration = Duration::from_millis(1);

/// The ways in which time passes.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// A real clock; the thread is blocked.
    Blocked,
    /// A real clock; the thread sleeps because nothing is ready.
    Slept,
    /// A virtual clock that jumps because nothing is ready.
    Jumped,
    /// A virtual clock that a task advances.
    Advanced,
    /// A virtual clock that is advanced inside a turn, without a look at the timers.
    Moved,
}

const CLOCKS: [Clock; 5] =
    [Clock::Blocked, Clock::Slept, Clock::Jumped, Clock::Advanced, Clock::Moved];

impl Clock {
    fn is_real(self) -> bool {
        matches!(self, Clock::Blocked | Clock::Slept)
    }

    fn scheduler(self) -> Rc<Scheduler> {
        let builder = Scheduler::builder();
        let builder = if self.is_real() { builder } else { builder.virtual_time() };
        Rc::new(builder.timer_slack(Duration::ZERO).build())
    }

    /// Lets time pass, at least this much.
    async fn pass(self, scheduler: &Scheduler, length: Duration) {
        match self {
            Clock::Blocked => thread::sleep(length),
            Clock::Slept | Clock::Jumped => sleep(length).await,
            Clock::Advanced => time::advance(length).await,
            Clock::Moved => scheduler.advance(length),
        }
    }
}

// turnwise#15: "now 9 5 3" on a real clock and after a jump, "3 5 9 now" after `advance`.
#[test]
fn overdue_sleeps_complete_by_deadline_whatever_the_clock_is_and_has_fired() {
    for clock in CLOCKS {
        let (log, scheduler) = (Log::default(), clock.scheduler());
        scheduler.block_on(async {
            let start = time::now();
            clock.pass(&scheduler, 10 * MILLI).await;
            let mut handles = Vec::new();
            for past in [None, Some(9), Some(5), Some(3)] {
                let log = log.clone();
                handles.push(spawn(async move {
                    match past {
                        None => sleep(Duration::ZERO).await,
                        Some(millis) => sleep_until(start + millis * MILLI).await,
                    }
                    log.say(past.map_or("now".to_owned(), |millis| millis.to_string()));
                }));
            }
            for handle in handles {
                handle.await.unwrap();
            }
        });
        assert_eq!(log.take(), ["3", "5", "9", "now"], "{clock:?}");
    }
}

#[test]
fn deadlines_from_before_the_scheduler_keep_their_order() {
    for clock in CLOCKS {
        let start = Instant::now();
        thread::sleep(10 * MILLI);
        let (log, scheduler) = (Log::default(), clock.scheduler());
        for past in [9, 5, 3, 5] {
            let log = log.clone();
            scheduler.spawn(async move {
                let sleep = sleep_until(start + past * MILLI);
                assert_eq!(sleep.deadline(), Some(start + past * MILLI));
                sleep.await;
                log.say(past.to_string());
            });
        }
        scheduler.run().unwrap();
        assert_eq!(log.take(), ["3", "5", "5", "9"], "{clock:?}");
    }
}

// On a real clock, time passes within a turn, and a sleep does not read the clock. What does read it in that turn gives
// the earlier sleeps their deadlines, so a deadline that is computed from the reading is not before theirs.
#[test]
fn sleeps_of_equal_length_complete_in_the_order_of_creation_however_they_are_written() {
    for clock in CLOCKS {
        let (log, scheduler) = (Log::default(), clock.scheduler());
        scheduler.block_on(async {
            clock.pass(&scheduler, 2 * MILLI).await;
            let mut sleeps: Vec<Sleep> = Vec::new();
            for number in 0..12 {
                sleeps.push(match number % 3 {
                    0 => sleep_until(time::now() + MILLI),
                    1 => sleep(MILLI),
                    _ => {
                        let mut moved = Box::pin(sleep(Duration::from_secs(3600)));
                        moved.as_mut().reset(time::now() + MILLI);
                        *Pin::into_inner(moved)
                    }
                });
            }
            let tasks: Vec<_> = sleeps
                .into_iter()
                .enumerate()
                .rev()
                .map(|(number, sleep)| {
                    let log = log.clone();
                    spawn(async move {
                        sleep.await;
                        log.say(number.to_string());
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let expected: Vec<String> = (0..12).map(|number: u32| number.to_string()).collect();
        assert_eq!(log.take(), expected, "{clock:?}");
    }
}

// ----- beside other turns -----

/// What a task does between two lines in the log. No sleep here has to wait for time to pass.
#[derive(Clone, Copy, Debug)]
enum Act {
    Yield,
    Zero,
    /// A deadline this many milliseconds ago.
    Past(u32),
    /// Creates a sleep, yields this often, and awaits it.
    Ahead(u32, Option<u32>),
    /// Awaits a sleep that was reset to this many milliseconds ago.
    Reset(u32),
    /// Awaits a sleep through another waker.
    Wrapped(Option<u32>),
    /// A timeout whose deadline comes in its first poll.
    Timeout,
    /// Yields in a loop beside a sleep; the log says how often.
    Beside(u32),
}

impl Act {
    async fn perform(self, start: Instant) -> u32 {
        let past = |millis: u32| start.checked_sub(millis * MILLI).unwrap();
        let sleep_for = |millis: Option<u32>| match millis {
            None => sleep(Duration::ZERO),
            Some(millis) => sleep_until(past(millis)),
        };
        match self {
            Act::Yield => yield_now().await,
            Act::Zero => sleep(Duration::ZERO).await,
            Act::Past(millis) => sleep_until(past(millis)).await,
            Act::Ahead(yields, millis) => {
                let sleep = sleep_for(millis);
                for _ in 0..yields {
                    yield_now().await;
                }
                sleep.await;
            }
            Act::Reset(millis) => {
                let mut moved = pin!(sleep(Duration::from_secs(3600)));
                assert!(futures::poll!(moved.as_mut()).is_pending());
                moved.as_mut().reset(past(millis));
                moved.await;
            }
            Act::Wrapped(millis) => {
                FuturesUnordered::from_iter([sleep_for(millis)]).next().await;
            }
            Act::Timeout => {
                timeout(Duration::ZERO, pending::<()>()).await.unwrap_err();
            }
            Act::Beside(millis) => {
                let mut sleep = pin!(sleep_until(past(millis)));
                let mut yields = 0;
                while futures::poll!(sleep.as_mut()).is_pending() {
                    yields += 1;
                    yield_now().await;
                }
                return yields;
            }
        }
        0
    }
}

/// Runs one task for each list, and returns what each did, in order.
fn performed(clock: Clock, tasks: &[Vec<Act>]) -> Vec<String> {
    let (log, scheduler) = (Log::default(), clock.scheduler());
    scheduler.block_on(async {
        clock.pass(&scheduler, 2 * MILLI).await;
        let start = time::now();
        let tasks = tasks.iter().cloned().enumerate().map(|(number, acts)| {
            let log = log.clone();
            spawn(async move {
                for (at, act) in acts.into_iter().enumerate() {
                    let yields = act.perform(start).await;
                    log.say(format!("{number}.{at} {act:?} {yields}"));
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    log.take()
}

// turnwise#15: beside ten yields, a sleep of zero came last on a virtual clock and first on a real one; a past deadline
// came last on both.
#[test]
fn a_timer_that_is_due_fires_at_the_end_of_the_pass_in_which_it_is_awaited() {
    for clock in CLOCKS {
        for due in [Act::Zero, Act::Past(0), Act::Past(5), Act::Ahead(0, None), Act::Reset(1)] {
            let log = performed(clock, &[vec![due], vec![Act::Yield; 10]]);
            // In the next pass, after the task that was ready before it.
            assert_eq!(log[..2], ["1.0 Yield 0".to_owned(), format!("0.0 {due:?} 0")], "{clock:?}");
        }
        let log = performed(clock, &[vec![Act::Yield; 2], vec![Act::Beside(1)]]);
        assert_eq!(log, ["0.0 Yield 0", "1.0 Beside(1) 1", "0.1 Yield 0"], "{clock:?}");
    }
}

fn acts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    let millis = || prop::option::of(1_u32..5);
    let act = prop_oneof![
        4 => Just(Act::Yield),
        2 => Just(Act::Zero),
        2 => (1_u32..5).prop_map(Act::Past),
        2 => (0_u32..80, millis()).prop_map(|(yields, millis)| Act::Ahead(yields, millis)),
        1 => (1_u32..5).prop_map(Act::Reset),
        1 => millis().prop_map(Act::Wrapped),
        1 => Just(Act::Timeout),
        1 => (1_u32..5).prop_map(Act::Beside),
    ];
    prop::collection::vec(prop::collection::vec(act, 0..12), 1..6)
}

// ----- random programs -----

/// One sleep of a program. Lengths are in units of 100 µs.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// `sleep`
    For(u32),
    /// `sleep_until`, counted from the start of the program; usually in the past.
    Until(u32),
    /// `sleep_until`, this long before the scheduler was created.
    Before(u32),
    /// `reset` of the sleep with this number, counted like `Until`.
    Reset(usize, u32),
    /// Drops the sleep with this number.
    Drop(usize),
}

/// Some sleeps, and how long after the last round they are created.
#[derive(Clone, Debug)]
struct Round {
    pass: u32,
    ops: Vec<Op>,
    /// Seeds the order in which the sleeps are first polled.
    shuffle: usize,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let op = prop_oneof![
        4 => prop_oneof![Just(0), 0_u32..20].prop_map(Op::For),
        4 => (0_u32..40).prop_map(Op::Until),
        1 => (0_u32..40).prop_map(Op::Before),
        3 => (any::<usize>(), 0_u32..40).prop_map(|(number, at)| Op::Reset(number, at)),
        2 => any::<usize>().prop_map(Op::Drop),
    ];
    let round = (0_u32..20, prop::collection::vec(op, 0..12), any::<usize>())
        .prop_map(|(pass, ops, shuffle)| Round { pass, ops, shuffle });
    prop::collection::vec(round, 1..5)
}

/// A sleep, and the number of its creation, which a reset renews.
struct Made(Pin<Box<Sleep>>, usize);

/// Performs the operations of a round in one turn.
fn make(ops: &[Op], start: Instant, made: &Cell<usize>) -> Vec<Made> {
    let unit = |count: u32| count * MILLI / 10;
    let mut sleeps: Vec<Made> = Vec::new();
    for &op in ops {
        made.set(made.get() + 1);
        let at = |number: usize| number % sleeps.len();
        match op {
            Op::For(length) => sleeps.push(Made(Box::pin(sleep(unit(length))), made.get())),
            Op::Until(after) => {
                sleeps.push(Made(Box::pin(sleep_until(start + unit(after))), made.get()));
            }
            Op::Before(length) => {
                let before = start.checked_sub(Duration::from_secs(1) + unit(length)).unwrap();
                sleeps.push(Made(Box::pin(sleep_until(before)), made.get()));
            }
            Op::Reset(number, after) if !sleeps.is_empty() => {
                let chosen = at(number);
                sleeps[chosen].0.as_mut().reset(start + unit(after));
                sleeps[chosen].1 = made.get();
            }
            Op::Drop(number) if !sleeps.is_empty() => drop(sleeps.remove(at(number))),
            Op::Reset(..) | Op::Drop(_) => {}
        }
    }
    sleeps
}

/// Runs a program. Returns for each round the order in which the sleeps completed, and the order in which they should
/// have, by their deadlines and their creation.
fn run(clock: Clock, rounds: &[Round]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let scheduler = clock.scheduler();
    let made = Cell::new(0);
    scheduler.block_on(async {
        let start = time::now();
        let mut outcomes = Vec::new();
        for round in rounds {
            clock.pass(&scheduler, round.pass * MILLI / 10).await;
            let mut sleeps = make(&round.ops, start, &made);
            yield_now().await; // At the end of the turn a real clock is read.
            let deadline = |made: &Made| made.0.deadline().expect("none has been awaited yet");
            let mut expected: Vec<_> = sleeps.iter().map(|made| (deadline(made), made.1)).collect();
            expected.sort_unstable();
            // All are polled in one pass, so all wait when the timers are next looked at.
            let completed = Rc::new(RefCell::new(Vec::new()));
            let mut tasks = Vec::new();
            while !sleeps.is_empty() {
                let Made(sleep, number) = sleeps.swap_remove(round.shuffle % sleeps.len());
                let completed = Rc::clone(&completed);
                tasks.push(spawn(async move {
                    sleep.await;
                    completed.borrow_mut().push(number);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            outcomes.push((completed.take(), expected.into_iter().map(|made| made.1).collect()));
        }
        outcomes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where no task has to wait for time to pass, the kind of clock makes no difference to the order of the turns.
    #[test]
    fn due_timers_fire_in_the_same_passes_on_every_clock(tasks in acts()) {
        let expected = performed(Clock::Moved, &tasks);
        for clock in CLOCKS {
            prop_assert_eq!(performed(clock, &tasks), &expected[..], "{:?}", clock);
        }
    }

    #[test]
    fn random_sleeps_complete_by_deadline_and_creation_on_every_clock(rounds in rounds()) {
        for clock in CLOCKS {
            for (completed, expected) in run(clock, &rounds) {
                prop_assert_eq!(completed, expected, "{:?}", clock);
            }
        }
    }
}

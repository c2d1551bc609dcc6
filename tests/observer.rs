//! An observer sees every transition, in order, with its cause; and its presence changes nothing.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use turnwise::scheduler::{Builder, Cause, Ending, TurnResult};
use turnwise::{
    DeadlockReport, Observer, Policy, Scheduler, Transition, sleep, spawn, task, time, yield_now,
};

use trace::{Log, Signal, leave_waker};

/// A scheduler with a virtual clock, and a log of all its transitions.
fn watched() -> (Scheduler, Log) {
    let log = Log::default();
    let lines = log.clone();
    let observer = move |transition: &Transition| lines.say(transition.to_string());
    (Scheduler::builder().virtual_time().observer(observer).build(), log)
}

#[test]
fn a_spawn_and_its_turns() {
    let (scheduler, log) = watched();
    scheduler.spawn(yield_now());
    assert_eq!(log.take(), ["spawn #1", "schedule #1 (new)"], "though it is not running yet");
    scheduler.run().unwrap();
    let expected =
        ["turn #1", "#1 yields", "schedule #1 (by #1)", "turn #1", "#1 returned", "exit #1"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_join_is_woken_by_the_exit() {
    let (scheduler, log) = watched();
    scheduler.block_on(async { spawn(async {}).await.unwrap() });
    let expected = [
        "spawn #1",
        "schedule #1 (new)",
        "turn #1",
        "spawn #2",
        "schedule #2 (new)",
        "#1 waits",
        "turn #2",
        "#2 returned",
        "exit #2",
        "schedule #1 (by #2)",
        "turn #1",
        "#1 returned",
        "exit #1",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn sleeps_and_jumps_of_the_clock() {
    let (scheduler, log) = watched();
    let second = Duration::from_secs(1);
    scheduler.spawn(sleep(second));
    scheduler.spawn(sleep(second));
    scheduler.run().unwrap();
    let lines = log.take();
    let expected = [
        "turn #1",
        "#1 waits",
        "turn #2",
        "#2 waits",
        "clock jumps to the next deadline",
        "timer",
        "schedule #1 (by a timer)",
        "timer",
        "schedule #2 (by a timer)",
        "turn #1",
        "#1 returned",
        "exit #1",
        "turn #2",
        "#2 returned",
        "exit #2",
    ];
    assert_eq!(lines[4..], expected);
}

#[test]
fn panics_and_aborts() {
    let (scheduler, log) = watched();
    let error = scheduler.block_on(async {
        let stuck = spawn(pending::<()>());
        let failed = spawn(async { panic!("on purpose") });
        yield_now().await;
        stuck.abort();
        let _ = stuck.await;
        failed.await.unwrap_err()
    });
    assert!(error.is_panic());
    let lines = log.take();
    let expected = [
        "turn #2",
        "#2 waits",
        "turn #3",
        "#3 panicked",
        "exit #3 (panicked)",
        "turn #1",
        "schedule #2 (by #1)",
        "#1 waits",
        "turn #2",
        "#2 aborted",
        "exit #2 (aborted)",
        "schedule #1 (by #2)",
        "turn #1",
        "#1 returned",
        "exit #1",
    ];
    let start = lines.iter().position(|line| line == "turn #2").unwrap();
    assert_eq!(lines[start..], expected);
}

#[test]
fn wakes_from_other_threads_and_from_outside() {
    let (scheduler, log) = watched();
    let place = Rc::new(RefCell::new(None));
    scheduler.spawn(leave_waker(Rc::clone(&place)));
    let signal = Signal::default();
    scheduler.spawn(signal.wait());
    scheduler.run_until_stalled();
    log.take();
    signal.set();
    let waker: Waker = place.take().unwrap();
    thread::spawn(move || waker.wake()).join().unwrap();
    scheduler.run().unwrap();
    let expected = [
        "schedule #2 (from outside)",
        "schedule #1 (from another thread)",
        "turn #2",
        "#2 returned",
        "exit #2",
        "turn #1",
        "#1 returned",
        "exit #1",
    ];
    assert_eq!(log.take(), expected);
}

/// Keeps the transitions themselves.
#[derive(Clone, Default)]
struct Keeper(Rc<RefCell<Vec<Transition>>>);

impl Observer for Keeper {
    fn transition(&self, transition: &Transition) {
        self.0.borrow_mut().push(transition.clone());
    }
}

#[test]
fn a_transition_carries_its_details_as_data() {
    let keeper = Keeper::default();
    let scheduler = Scheduler::builder().virtual_time().observer(keeper.clone()).build();
    let handle = task::Builder::new().name("n").spawn_on(&scheduler, yield_now());
    let end = scheduler.block_on(async {
        sleep(Duration::from_secs(3)).await;
        time::now()
    });
    let seen = keeper.0.take();
    let Transition::Spawned { task, name, place, .. } = &seen[0] else { panic!("{:?}", seen[0]) };
    assert_eq!((*task, name.as_deref(), place.file()), (handle.id(), Some("n"), file!()));
    let own = Cause::Task(handle.id());
    let is = |wanted: fn(&Transition) -> bool| seen.iter().filter(|each| wanted(each)).count();
    assert_eq!(is(|each| matches!(each, Transition::Scheduled { cause: Cause::Spawn, .. })), 2);
    assert_eq!(is(|each| matches!(each, Transition::Scheduled { cause: Cause::Timer, .. })), 1);
    let yielded =
        |each: &&Transition| matches!(each, Transition::Scheduled { cause, .. } if *cause == own);
    assert_eq!(seen.iter().filter(yielded).count(), 1);
    let mut turns = Vec::new();
    for each in &seen {
        match each {
            Transition::TurnBegan { turn, .. } => turns.push(*turn),
            Transition::TurnEnded { turn, result, .. } => {
                assert_eq!(turns.last(), Some(turn), "a turn ends before the next one starts");
                assert_eq!(*result == TurnResult::Yielded, *turn == 1);
            }
            Transition::Exited { ending, .. } => assert_eq!(*ending, Ending::Returned),
            Transition::ClockJumped { to, .. } => {
                assert_eq!(*to, end);
            }
            _ => {}
        }
    }
    assert_eq!(turns, [1, 2, 3, 4]);
}

#[test]
fn parking_and_unparking_the_thread_are_reported() {
    let log = Log::default();
    let lines = log.clone();
    let observer = move |transition: &Transition| {
        if let Transition::Parked { until, .. } = transition {
            assert!(until.is_some());
        }
        lines.say(transition.to_string());
    };
    let scheduler = Scheduler::builder().timer_slack(Duration::ZERO).observer(observer).build();
    scheduler.block_on(sleep(Duration::from_millis(1)));
    let lines = log.take();
    let parked = lines.iter().filter(|line| *line == "park until the next deadline").count();
    assert!(parked >= 1);
    assert_eq!(lines.iter().filter(|line| *line == "unpark").count(), parked);
    let end = lines.iter().rposition(|line| line == "unpark").unwrap();
    assert_eq!(
        lines[end + 1..],
        ["timer", "schedule #1 (by a timer)", "turn #1", "#1 returned", "exit #1"]
    );
}

/// On a stall, hands the waker that it finds to another thread.
struct Rescuer {
    reports: Rc<RefCell<Vec<DeadlockReport>>>,
    place: Rc<RefCell<Option<Waker>>>,
    thread: mpsc::Sender<Waker>,
}

impl Observer for Rescuer {
    fn transition(&self, _: &Transition) {}

    fn stalled(&self, report: &DeadlockReport) {
        self.reports.borrow_mut().push(report.clone());
        self.thread.send(self.place.take().expect("each stall is reported once")).unwrap();
    }
}

#[test]
fn a_stall_is_reported_once_and_not_as_certain() {
    let (reports, place) = (Rc::default(), Rc::default());
    let (sender, wakers) = mpsc::channel();
    let rescuer =
        Rescuer { reports: Rc::clone(&reports), place: Rc::clone(&place), thread: sender };
    let helper = thread::spawn(move || wakers.iter().for_each(Waker::wake));
    let scheduler = Scheduler::builder().observer(rescuer).build();
    scheduler.spawn(pending::<()>());
    let waits = || leave_waker(Rc::clone(&place));
    scheduler.block_on(async {
        waits().await;
        waits().await;
    });
    scheduler.block_on(waits());
    assert_eq!(reports.borrow().len(), 3);
    for report in &*reports.borrow() {
        assert!(!report.certain);
        assert_eq!(report.alive, 2);
        // The thread may not yet have dropped the waker that it has just used.
        assert!(report.wakers_held == 1 || report.wakers_held == 2);
    }
    drop(scheduler);
    helper.join().unwrap();
}

#[test]
fn without_an_observer_everything_is_the_same() {
    let program = |builder: Builder| {
        let scheduler = builder.virtual_time().policy(Policy::Random(5)).build();
        let order = Rc::new(RefCell::new(Vec::new()));
        for number in 0..10_u32 {
            let order = Rc::clone(&order);
            scheduler.spawn(async move {
                sleep(Duration::from_millis(u64::from(number % 3))).await;
                yield_now().await;
                order.borrow_mut().push(number);
            });
        }
        scheduler.run().unwrap();
        (order.take(), scheduler.metrics())
    };
    let keeper = Keeper::default();
    let watched = program(Scheduler::builder().observer(keeper.clone()));
    assert_eq!(program(Scheduler::builder()), watched);
    assert!(keeper.0.borrow().len() > 100);
}

#[test]
fn an_observer_may_spawn_and_take_snapshots_and_is_removed_if_it_panics() {
    let scheduler = Rc::new(RefCell::new(None::<Scheduler>));
    let own = Rc::clone(&scheduler);
    let seen = Rc::new(Cell::new(0));
    let count = Rc::clone(&seen);
    let observer = move |transition: &Transition| {
        count.set(count.get() + 1);
        let own = own.borrow();
        let (Some(own), Transition::Exited { task, .. }) = (own.as_ref(), transition) else {
            return;
        };
        assert_eq!(own.snapshot().turn, own.metrics().turns);
        assert!(task.as_u64() < 3, "on purpose");
        own.spawn(async {});
    };
    *scheduler.borrow_mut() = Some(Scheduler::builder().observer(observer).build());
    let scheduler = scheduler.borrow();
    let scheduler = scheduler.as_ref().unwrap();
    scheduler.spawn(async {});
    scheduler.run().unwrap();
    assert_eq!(scheduler.metrics().spawned, 3);
    let before = seen.get();
    scheduler.spawn(async {});
    scheduler.run().unwrap();
    assert_eq!(seen.get(), before, "it was removed when it panicked");
}

#[test]
fn all_observers_receive_everything_in_one_order_even_what_an_observer_does() {
    let (place, logs) = (Rc::new(RefCell::new(None::<Waker>)), [Log::default(), Log::default()]);
    let watches = |log: &Log| {
        let lines = log.clone();
        move |transition: &Transition| lines.say(transition.to_string())
    };
    let (first, slot) = (watches(&logs[0]), Rc::clone(&place));
    let wakes_too = move |transition: &Transition| {
        first(transition);
        if matches!(transition, Transition::Spawned { .. })
            && let Some(waker) = slot.take()
        {
            waker.wake();
        }
    };
    let second = watches(&logs[1]);
    let scheduler = Scheduler::builder().observer(wakes_too).observer(second).build();
    scheduler.spawn(leave_waker(Rc::clone(&place)));
    scheduler.run_until_stalled();
    logs.iter().for_each(|log| drop(log.take()));
    scheduler.spawn(async {});
    let expected = ["spawn #2", "schedule #1 (from outside)", "schedule #2 (new)"];
    assert_eq!(logs.each_ref().map(Log::take), [expected, expected]);
}

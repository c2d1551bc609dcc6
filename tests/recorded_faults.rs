//! Recordings of runs that go wrong: panics, deadlocks, observers that fail, and recorders that end early.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use turnwise::combine::join_all;
use turnwise::record::{
    Actor, Awaited, EndReason, Entry, Event, Outcome, Recorder, Recording, Replay, State,
};
use turnwise::scheduler::{Builder, Cause, Detail};
use turnwise::sync::Mutex;
use turnwise::{
    Observer, Scheduler, Transition, note, say, select, sleep, spawn, task, timeout, yield_now,
};

mod folded;

use folded::compare::assert_folds;

fn ms(length: u64) -> Duration {
    Duration::from_millis(length)
}

fn virtual_time(recorder: &Recorder) -> Scheduler {
    recorder.attach(Scheduler::builder().virtual_time()).build()
}

fn sentences(recording: &Recording) -> Vec<String> {
    Replay::new(recording.clone()).steps().map(|step| step.to_string()).collect()
}

fn last_state(recording: Recording) -> State {
    let mut replay = Replay::new(recording);
    replay.seek(replay.len());
    replay.state().clone()
}

/// Runs all turns, and compares after each.
fn steps(scheduler: &Scheduler, recorder: &Recorder) {
    while scheduler.step().is_some() {
        assert_folds(recorder, &scheduler.snapshot());
    }
}

/// How a task has ended, and its message.
fn done(recording: &Recording, task: u64) -> Option<(Outcome, Option<String>)> {
    recording.entries().iter().find_map(|entry| match entry.event {
        Event::Done { task: other, outcome, message } if other == task => {
            Some((outcome, message.map(|message| recording.text(message).to_owned())))
        }
        _ => None,
    })
}

// ----- panics -----

#[test]
fn a_panic_is_recorded_with_its_message() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    let joined = scheduler.spawn(async { panic!("index {} is out of bounds", 7) });
    drop(scheduler.spawn(async { panic!("nothing reads this") })); // detached
    scheduler.spawn(async {
        let failed = task::scope(async |s| {
            s.spawn(async { panic!("a child fails") });
        });
        assert!(failed.await.is_err());
    });
    let silent = scheduler.spawn(async { std::panic::panic_any(7) });
    steps(&scheduler, &recorder);
    drop((joined, silent));
    let recording = recorder.finish();
    let panicked = |message: &str| Some((Outcome::Panic, Some(message.to_owned())));
    assert_eq!(done(&recording, 1), panicked("index 7 is out of bounds"));
    assert_eq!(done(&recording, 2), panicked("nothing reads this"));
    assert_eq!(done(&recording, 5), panicked("a child fails"));
    assert_eq!(done(&recording, 3), Some((Outcome::Ready, None)));
    assert_eq!(done(&recording, 4), Some((Outcome::Panic, None)), "its payload is no text");
}

#[test]
fn the_panic_of_a_root_ends_its_turn_and_the_run() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    let run = || {
        scheduler.block_on(async {
            drop(spawn(pending::<()>()));
            yield_now().await;
            panic!("the root fails");
        });
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    let recording = recorder.so_far();
    assert_eq!(done(&recording, 1), Some((Outcome::Panic, None)));
    let told = sentences(&recording);
    let expected = [
        "The poll ends: main has panicked.",
        "main is out of the task map: panicked.",
        "A panic ends the run.",
    ];
    assert_eq!(told[told.len() - 3..], expected);
    assert_folds(&recorder, &scheduler.snapshot());
    scheduler.block_on(yield_now());
    assert_folds(&recorder, &scheduler.snapshot());
    assert_eq!(last_state(recorder.finish()).ended, Some(EndReason::Done));
}

// ----- deadlocks -----

#[test]
fn a_deadlock_is_recorded_with_its_cycle_before_the_end() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    let forks = [Rc::new(Mutex::new(())), Rc::new(Mutex::new(()))];
    // Both have no name: only the tasks tell which is which. And another one is of no account.
    let spare = Mutex::new(());
    let error = scheduler.try_block_on(async {
        drop(spare.lock().await);
        for number in 0..2 {
            let (first, second) = (forks[number].clone(), forks[1 - number].clone());
            drop(spawn(async move {
                let _first = first.lock().await;
                sleep(ms(1)).await;
                let _second = second.lock().await;
            }));
        }
        pending::<()>().await;
    });
    assert!(error.is_err());
    let recording = recorder.finish();
    let entries = recording.entries();
    let is_deadlock = |entry: &Entry| matches!(entry.event, Event::Deadlock { .. });
    let at = entries.iter().position(is_deadlock).unwrap();
    let Event::Deadlock { cycle } = &entries[at].event else { unreachable!() };
    let mut cycle = cycle.to_vec();
    let first = cycle.iter().position(|step| *step == Awaited::Task(2)).unwrap();
    cycle.rotate_left(first);
    let [Awaited::Task(2), Awaited::Resource(one), Awaited::Task(3), Awaited::Resource(other)] =
        cycle[..]
    else {
        panic!("{cycle:?}")
    };
    // The root is dropped after that, so the state at the deadlock has everything that is part of it.
    assert_eq!(entries[at + 1].event, Event::End { why: EndReason::Deadlock });
    let mut replay = Replay::new(recording.clone());
    replay.seek(at);
    assert!(replay.state().task(1).is_some());
    let state = last_state(recording);
    let owner = |resource| state.resource(resource).unwrap().owners.clone();
    assert_eq!((owner(one), owner(other)), (vec![(3, 1)], vec![(2, 1)]));
}

#[test]
fn a_cycle_goes_through_the_lock_that_it_goes_through_even_if_others_look_the_same() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    let (own, of_other, of_third) = (lock(), lock(), lock());
    let (held, wanted) = (of_other.clone(), own.clone());
    let error = scheduler.try_block_on(async move {
        let _own = own.lock().await;
        drop(spawn(async move {
            let _held = held.lock().await;
            yield_now().await;
            drop(wanted.lock().await);
        }));
        let third = of_third.clone();
        drop(spawn(async move {
            let _third = third.lock().await;
            pending::<()>().await;
        }));
        yield_now().await;
        // At one place, and the one of the cycle is neither the first nor the last.
        join_all([&of_third, &of_other, &of_third].map(|lock| async { drop(lock.lock().await) }))
            .await;
    });
    assert!(error.is_err());
    let recording = recorder.finish();
    let is_deadlock = |entry: &Entry| matches!(entry.event, Event::Deadlock { .. });
    let at = recording.entries().iter().position(is_deadlock).unwrap();
    let Event::Deadlock { cycle } = recording.entries()[at].event.clone() else { unreachable!() };
    let mut replay = Replay::new(recording);
    replay.seek(at);
    let state = replay.state();
    let locks = cycle.iter().filter_map(|step| match step {
        Awaited::Resource(lock) => Some(state.resource(*lock).unwrap().owners[0].0),
        _ => None,
    });
    let mut owners: Vec<u64> = locks.collect();
    owners.sort_unstable();
    assert_eq!((cycle.len(), owners), (4, vec![1, 2]));
}

fn lock() -> Rc<Mutex<()>> {
    Rc::new(Mutex::new(()))
}

#[test]
fn an_abort_and_a_shutdown_are_recorded_with_what_made_them() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    scheduler.block_on(async {
        let aborted = spawn(pending::<()>());
        yield_now().await;
        aborted.abort();
        assert!(aborted.await.is_err());
        drop(spawn(task::mask(pending::<()>())));
        yield_now().await;
    });
    drop(scheduler.shutdown(ms(5)).unwrap());
    let told = sentences(&recorder.finish());
    let at = |sentence: &str| {
        told.iter().position(|told| told == sentence).unwrap_or_else(|| panic!("{told:#?}"))
    };
    at("main aborts task 2, to be dropped at its next turn without a clean-up.");
    let began = at("A shutdown begins: every task is asked to end.");
    let dropped = at("The future of task 3 is dropped outside of a turn.");
    let ended = at("The shutdown has ended.");
    assert!(began < dropped && dropped < ended, "{told:#?}");
}

// ----- observers and recorders that end early -----

/// Panics at one of its transitions.
struct Fails(Cell<u32>);

impl Observer for Fails {
    fn transition(&self, _: &Transition) {
        let left = self.0.get();
        self.0.set(left.wrapping_sub(1));
        assert!(left > 0, "an observer fails");
    }
}

fn with_failing(builder: Builder, left: u32, is_detailed: bool) -> Builder {
    let fails = Fails(Cell::new(left));
    if is_detailed { builder.detailed_observer(fails) } else { builder.observer(fails) }
}

#[test]
fn an_observer_that_panics_takes_nothing_from_the_recording() {
    for (left, is_detailed) in (0..60).flat_map(|left| [(left, false), (left, true)]) {
        let recorder = Recorder::new();
        // One before the recorder, and one after it.
        let builder = with_failing(Scheduler::builder().virtual_time(), left, is_detailed);
        let builder = with_failing(recorder.attach(builder), left / 2, is_detailed);
        let scheduler = builder.build();
        let lock = Rc::new(Mutex::new(0));
        for number in 0..3 {
            let lock = lock.clone();
            scheduler.spawn(async move {
                let guard = lock.lock().await;
                sleep(ms(number)).await;
                drop(guard);
                let _ = timeout(ms(1), pending::<()>()).await;
            });
        }
        steps(&scheduler, &recorder);
        assert!(last_state(recorder.finish()).tasks.is_empty());
    }
}

#[test]
fn a_recorder_may_be_dropped_or_finished_in_the_middle_of_a_run() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    let recording = Rc::new(RefCell::new(None));
    let (inside, own) = (recording.clone(), recorder.clone());
    scheduler.block_on(async move {
        let lock = Mutex::new(());
        let guard = lock.lock().await;
        let _ = timeout(ms(1), lock.lock()).await;
        inside.replace(Some(own.finish()));
        // All of this is recorded no more.
        drop(guard);
        spawn(sleep(ms(1))).await.unwrap();
        say!("still there");
    });
    let state = last_state(recording.take().unwrap());
    assert_eq!((state.running, state.tasks.len(), state.ended), (vec![1], 1, None));
    assert!(recorder.finish().entries().is_empty());

    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    scheduler.spawn(async move {
        yield_now().await;
        drop(recorder);
        sleep(ms(1)).await;
    });
    scheduler.run().unwrap();
}

#[test]
fn a_recorder_records_one_scheduler() {
    let recorder = Recorder::new();
    let _scheduler = recorder.attach(Scheduler::builder()).build();
    let again = || drop(recorder.clone().attach(Scheduler::builder()));
    let panic = catch_unwind(AssertUnwindSafe(again)).unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    assert!(message.ends_with("create a recorder for each scheduler"), "{message}");
}

#[test]
fn two_recorders_of_one_scheduler_have_the_same_events() {
    let (one, other) = (Recorder::new().program("p"), Recorder::new().program("p"));
    let scheduler = other.attach(one.attach(Scheduler::builder().virtual_time())).build();
    scheduler.block_on(async {
        say!("to both");
        note!("of the author");
        let _ = timeout(ms(1), pending::<()>()).await;
    });
    let (one, other) = (one.finish().to_jsonl(), other.finish().to_jsonl());
    assert_eq!(one, other);
    assert!(one.contains(r#""text":"to both""#) && one.contains(r#""text":"of the author""#));
}

#[test]
fn what_is_said_without_a_recorder_is_only_printed() {
    say!("outside of a scheduler");
    note!("nothing reads this");
    Scheduler::new().block_on(async {
        say!("in a scheduler that is not recorded");
        note!("nothing reads this");
    });
    // On the same thread as one that is.
    let recorder = Recorder::new();
    let _recorded = virtual_time(&recorder);
    Scheduler::new().block_on(async { say!("in another one") });
    say!("between runs");
    assert!(recorder.finish().entries().is_empty());
}

// ----- causes -----

#[test]
fn a_timeout_asks_by_its_own_timer() {
    let recorder = Recorder::new();
    let scheduler = virtual_time(&recorder);
    for _ in 0..3 {
        // All are due at the same time, and each has a second timer, which does not ask.
        scheduler.spawn(async {
            select! {
                _ = timeout(ms(5), task::catch_cancel(pending::<()>())) => {}
                () = sleep(ms(5)) => {}
            }
        });
    }
    steps(&scheduler, &recorder);
    let recording = recorder.finish();
    let (mut timers, mut asks) = (Vec::new(), Vec::new());
    for entry in recording.entries() {
        match &entry.event {
            Event::TimerSet { timer, task, .. } => timers.push((*timer, *task, entry.place)),
            Event::Ask(ask) if ask.part.is_some() => asks.push(**ask),
            _ => {}
        }
    }
    let by_timers: Vec<_> = asks.iter().filter(|ask| matches!(ask.by, Actor::Timer(_))).collect();
    assert_eq!(by_timers.len(), 3, "{asks:?}");
    for ask in by_timers {
        let Actor::Timer(timer) = ask.by else { panic!() };
        assert!(timers.contains(&(timer, ask.task, ask.part)), "{ask:?}");
    }
}

#[test]
fn a_reason_that_reads_like_a_deadline_is_none() {
    let causes = Rc::new(RefCell::new(Vec::new()));
    let log = causes.clone();
    let observer = move |transition: &Transition| {
        if let Transition::Detail(Detail::PartAsked { cause, .. }) = transition {
            log.borrow_mut().push(*cause);
        }
    };
    let scheduler = Scheduler::builder().virtual_time().detailed_observer(observer).build();
    scheduler.block_on(async {
        let token = Rc::new(task::CancelToken::new());
        let other = token.clone();
        drop(spawn(async move { other.cancel_with("the deadline has passed") }));
        let _ = token.run_until_cancelled(task::catch_cancel(pending::<()>())).await;
        let _ = timeout(ms(1), task::catch_cancel(pending::<()>())).await;
    });
    let causes = causes.take();
    assert!(matches!(causes[..], [Cause::Task(_), Cause::Timer]), "{causes:?}");
}

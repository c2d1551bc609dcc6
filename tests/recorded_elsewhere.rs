//! Recordings, and what happens elsewhere: in other threads, and in another scheduler, whose ids are no ids here.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use turnwise::channel::mpsc;
use turnwise::record::{Actor, Awaited, ClockKind, Event, Recorder, Recording, Replay};
use turnwise::sync::{Mutex, Notify};
use turnwise::{JoinHandle, Scheduler, note, say, sleep, spawn, task, timeout, yield_now};

mod folded;

use folded::compare::assert_folds;

/// All tasks that the events of a recording name, as whatever.
fn named(recording: &Recording) -> BTreeSet<u64> {
    let mut named = BTreeSet::new();
    for entry in recording.entries() {
        named.extend(entry.event.task());
        match &entry.event {
            Event::Spawn { by: Actor::Task(task), .. }
            | Event::Wake { by: Actor::Task(task), .. }
            | Event::Wait { on: Awaited::Task(task), .. }
            | Event::Unwait { on: Awaited::Task(task), .. } => named.extend([*task]),
            Event::Ask(ask) => named.extend(match ask.by {
                Actor::Task(task) => Some(task),
                _ => None,
            }),
            Event::Order { tasks } => named.extend(tasks),
            Event::Deadlock { cycle } => named.extend(cycle.iter().filter_map(|step| match step {
                Awaited::Task(task) => Some(*task),
                _ => None,
            })),
            _ => {}
        }
    }
    named
}

/// Asserts that a recording has no numbers that lead nowhere.
fn assert_known(recording: &Recording) {
    for entry in recording.entries() {
        let (Event::Wait { on, .. } | Event::Unwait { on, .. }) = entry.event else { continue };
        let nothing = [
            Awaited::Task(0),
            Awaited::Timer(0),
            Awaited::Resource(0),
            Awaited::Scope(0),
            Awaited::Job(0),
        ];
        assert!(!nothing.contains(&on), "{entry:?}");
    }
}

// ----- threads -----

#[test]
fn wakes_from_other_threads_are_recorded_as_such() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder()).build();
    let (sender, mut receiver) = turnwise::channel::remote::channel::<u32>(4);
    let sum = scheduler.block_on(async {
        let other = thread::spawn(move || {
            for number in 0..100 {
                sender.blocking_send(number).unwrap();
            }
        });
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        other.join().unwrap();
        yield_now().await;
        sum
    });
    assert_eq!(sum, 4950);
    assert_folds(&recorder, &scheduler.snapshot());
    let recording = recorder.finish();
    assert_eq!(recording.clock(), ClockKind::Real);
    assert!(recording.entries().is_sorted_by_key(|entry| entry.time));
    // How many there are depends on the threads; a wake of a task that waits is by another thread or by itself.
    for entry in recording.entries() {
        if let Event::Wake { by, .. } | Event::Unpark { by } = entry.event {
            assert!(matches!(by, Actor::Remote | Actor::Task(1)), "{entry:?}");
        }
    }
}

#[test]
fn a_task_that_only_another_thread_wakes_is_woken_by_it() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder()).build();
    let (sender, receiver) = std::sync::mpsc::channel();
    scheduler.block_on(async {
        let other = thread::spawn(move || {
            let waker: std::task::Waker = receiver.recv().unwrap();
            waker.wake();
        });
        let mut is_sent = false;
        std::future::poll_fn(|cx| {
            if is_sent {
                return std::task::Poll::Ready(());
            }
            is_sent = true;
            sender.send(cx.waker().clone()).unwrap();
            std::task::Poll::Pending
        })
        .await;
        other.join().unwrap();
    });
    let recording = recorder.finish();
    let is_wake = |by: &Actor| matches!(by, Actor::Remote);
    let wakes = recording.entries().iter().filter_map(|entry| match entry.event {
        Event::Wake { task: 1, by } => Some(by),
        _ => None,
    });
    let wakes: Vec<Actor> = wakes.collect();
    assert!(wakes.len() == 1 && wakes.iter().all(is_wake), "{wakes:?}");
}

#[test]
fn tasks_that_live_for_the_whole_run_are_in_every_state() {
    let recorder = Recorder::ring(100);
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    let (sender, mut receiver) = mpsc::channel(1);
    let handles: [JoinHandle<()>; 2] = [
        scheduler.spawn(async move { while receiver.recv().await.is_some() {} }),
        scheduler.spawn(std::future::pending()),
    ];
    scheduler.block_on(async {
        for number in 0..1000 {
            sender.send(number).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert_folds(&recorder, &scheduler.snapshot());
    let mut replay = Replay::new(recorder.finish());
    for position in 1..=replay.len() {
        replay.seek(position);
        assert!(handles.iter().all(|task| replay.state().task(task.id().as_u64()).is_some()));
    }
}

// ----- another scheduler -----

/// Two schedulers, each with its recorder. The inner one has tasks with ids that the outer one does not have.
struct Two {
    outer: Scheduler,
    inner: Rc<Scheduler>,
    recorders: [Recorder; 2],
}

const FIRST_INNER: u64 = 100;

fn two() -> Two {
    let recorders = [Recorder::new(), Recorder::new()];
    let build = |recorder: &Recorder| recorder.attach(Scheduler::builder().virtual_time()).build();
    let (outer, inner) = (build(&recorders[0]), Rc::new(build(&recorders[1])));
    for _ in 1..FIRST_INNER {
        drop(inner.spawn(async {}));
    }
    inner.run_until_stalled();
    Two { outer, inner, recorders }
}

impl Two {
    /// Runs a program of the outer one, turn by turn, and checks both.
    fn check(self, program: impl Future<Output = ()> + 'static) -> [Recording; 2] {
        let task = self.outer.spawn(program);
        while self.outer.step().is_some() {
            assert_folds(&self.recorders[0], &self.outer.snapshot());
            assert_folds(&self.recorders[1], &self.inner.snapshot());
        }
        assert!(task.is_finished(), "{}", self.outer.snapshot());
        drop(task);
        let recordings = self.recorders.map(|recorder| recorder.finish());
        recordings.iter().for_each(assert_known);
        let tasks = named(&recordings[0]);
        assert!(tasks.iter().all(|&task| task < FIRST_INNER), "{tasks:?}");
        let has_inner = named(&recordings[1]).iter().any(|&task| task >= FIRST_INNER);
        assert!(has_inner);
        recordings
    }
}

fn texts(recording: &Recording) -> Vec<&str> {
    let texts = recording.entries().iter().filter_map(|entry| match entry.event {
        Event::Out { text, .. } | Event::Note { text, .. } => Some(recording.text(text)),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_scheduler_inside_a_turn_of_another_has_its_own_recording() {
    let two = two();
    let inner = two.inner.clone();
    let recordings = two.check(async move {
        say!("outer");
        let task = inner.spawn(async {
            note!("inner");
            sleep(Duration::from_millis(1)).await;
            yield_now().await;
        });
        inner.run_until_stalled();
        inner.advance(Duration::from_millis(5));
        inner.run_until_stalled();
        assert!(task.is_finished());
        yield_now().await;
        drop(task);
    });
    assert_eq!(texts(&recordings[0]), ["outer"]);
    assert_eq!(texts(&recordings[1]), ["inner"]);
    let spawns = recordings[1].entries().iter().filter_map(|entry| match entry.event {
        Event::Spawn { task, by, .. } if task >= FIRST_INNER => Some(by),
        _ => None,
    });
    assert_eq!(spawns.collect::<Vec<_>>(), [Actor::Outside], "a task of the outer one is outside");
}

#[test]
fn a_wait_for_a_task_of_another_scheduler_names_none() {
    let two = two();
    let inner = two.inner.clone();
    two.check(async move {
        let notify = Rc::new(Notify::new());
        let own = notify.clone();
        let target = inner.spawn(async move { own.notified().await });
        let waits = spawn(target);
        yield_now().await;
        inner.run_until_stalled();
        notify.notify_one();
        inner.run_until_stalled();
        waits.await.unwrap().unwrap();

        // Given up, and cancelled from the other one.
        let forever = inner.spawn(std::future::pending::<()>());
        assert!(timeout(Duration::from_millis(1), forever).await.is_err());
        let own = spawn(task::catch_cancel(std::future::pending::<()>()));
        let abort = own.abort_handle();
        let asks = inner.spawn(async move { abort.cancel() });
        inner.run_until_stalled();
        drop(asks);
        assert!(own.await.unwrap().is_err());
    });
}

#[test]
fn locks_and_channels_between_schedulers_have_owners_in_their_own_recordings() {
    let two = two();
    let inner = two.inner.clone();
    let recordings = two.check(async move {
        let lock = Rc::new(Mutex::new(0).named("shared"));
        let (sender, mut receiver) = mpsc::channel(1);
        let (own, go) = (lock.clone(), Rc::new(Notify::new()));
        let gone = go.clone();
        drop(inner.spawn(async move {
            let guard = own.lock().await;
            gone.notified().await;
            drop(guard);
            sender.send(1).await.unwrap();
            sender.send(2).await.unwrap();
        }));
        inner.run_until_stalled();
        let waits = spawn(async move { *lock.lock().await += 1 });
        yield_now().await;
        go.notify_one();
        inner.run_until_stalled();
        waits.await.unwrap();
        let reads = spawn(async move { while receiver.recv().await.is_some() {} });
        yield_now().await;
        inner.run_until_stalled();
        reads.await.unwrap();
    });
    let has_owner = |recording: &Recording, least: u64| {
        recording
            .entries()
            .iter()
            .any(|entry| matches!(entry.event, Event::Acquire { task, .. } if task >= least))
    };
    assert!(has_owner(&recordings[1], FIRST_INNER) && !has_owner(&recordings[0], FIRST_INNER));
}

#[test]
fn timers_and_jobs_of_another_scheduler_have_no_waiters_here() {
    let two = two();
    let (inner, go_on) = (two.inner.clone(), Rc::new(RefCell::new(None)));
    let kept = go_on.clone();
    two.check(async move {
        let made = Rc::new(RefCell::new(None));
        let place = made.clone();
        drop(inner.spawn(async move {
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let job = turnwise::spawn_blocking(move || _ = wait.recv());
            place.replace(Some((Box::pin(sleep(Duration::from_millis(1))), job, go)));
            yield_now().await;
        }));
        inner.run_until_stalled();
        let (mut timer, mut job, go) = made.take().unwrap();
        kept.replace(Some(go)); // The job goes on until everything is compared.
        assert!(futures::poll!(&mut timer).is_pending());
        assert!(futures::poll!(&mut job).is_pending());
        drop(job);
        inner.advance(Duration::from_millis(2));
        inner.run_until_stalled();
        timer.await;
    });
    drop(go_on.take());
}

//! What a recording says is true: which task waits for what, and where; which request is open; what a policy has changed.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use turnwise::channel::{Queue, broadcast, mpsc, watch};
use turnwise::record::{Awaited, Entry, Event, Recorder, Recording, Replay};
use turnwise::scheduler::{Builder, Policy};
use turnwise::sync::{RwLock, Semaphore};
use turnwise::{Scheduler, Transition, note, sleep, spawn, spawn_blocking, task, yield_now};

mod folded;

fn ms(length: u64) -> Duration {
    Duration::from_millis(length)
}

/// Runs a program under the virtual clock to its end.
fn record(builder: Builder, program: impl Future<Output = ()> + 'static) -> Recording {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(builder.virtual_time()).build();
    scheduler.block_on(program);
    drop(scheduler);
    recorder.finish()
}

/// Returns the state before the first event that `is_it`.
fn before(recording: Recording, is_it: impl Fn(&Event) -> bool) -> Replay {
    let at = recording.entries().iter().position(|entry| is_it(&entry.event)).unwrap();
    let mut replay = Replay::new(recording);
    replay.seek(at);
    replay
}

#[test]
fn the_task_that_polls_a_scope_waits_for_its_children() {
    let recording = record(Scheduler::builder(), async {
        task::scope(async |s| {
            task::Builder::new().name("a").spawn_in(s, sleep(ms(1)));
            task::Builder::new().name("b").spawn_in(s, sleep(ms(2)));
        })
        .await
        .unwrap();
    });
    assert!(recording.to_svg().contains("main: waits for scope s1"), "{}", recording.to_svg());
    let replay = before(recording, |event| matches!(event, Event::Park { .. }));
    let tree = replay.await_tree().to_string();
    let roots: Vec<&str> =
        tree.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    assert!(roots.len() == 1 && roots[0].starts_with("main"), "{tree}");
    assert!(tree.contains("\n└─ scope s1\n   ├─ a, waiting"), "{tree}");
    let diagram = replay.wait_diagram().to_dot();
    for edge in ["main", "scope s1", "a", "b"] {
        assert!(diagram.contains(&format!("label=\"{edge}\"")), "{diagram}");
    }
}

#[test]
#[allow(
    clippy::async_yields_async,
    reason = "the handle is awaited by another task than the one that spawned it"
)]
fn a_wait_for_a_task_or_a_job_says_no_place_and_the_waiter_stays_where_it_was() {
    let recording = record(Scheduler::builder(), async {
        let inner = spawn(async {
            let deepest = spawn(sleep(ms(1)));
            yield_now().await;
            deepest
        });
        let deepest = inner.await.unwrap();
        let job = spawn_blocking(|| ());
        note!("here");
        deepest.await.unwrap();
        job.await.unwrap();
    });
    let waits = recording.entries().iter().filter(|entry| {
        let Event::Wait { on, .. } = entry.event else { return false };
        matches!(on, Awaited::Task(_) | Awaited::Job(_))
    });
    let places: Vec<_> = waits.map(|entry| entry.place).collect();
    assert!(places.len() >= 2 && places.iter().all(Option::is_none), "{places:?}");
    let note = recording.entries().iter().find(|entry| matches!(entry.event, Event::Note { .. }));
    let noted = note.unwrap().place;
    let replay = before(recording, |event| matches!(event, Event::TimerFire { .. }));
    assert_eq!(replay.state().task(1).unwrap().place, noted);
}

#[test]
fn a_request_that_nothing_holds_is_open_until_the_task_has_ended() {
    for cancels in [true, false] {
        let recorder = Recorder::new();
        let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
        let task = scheduler.spawn(sleep(ms(50)));
        scheduler.run_until_stalled();
        if cancels {
            task.cancel();
            scheduler.run_until_stalled();
        } else {
            drop(scheduler.shutdown(ms(1)));
        }
        let recording = recorder.so_far();
        let answers =
            recording.entries().iter().filter(|entry| matches!(entry.event, Event::Answer(_)));
        assert_eq!(answers.count(), 0, "{}", recording.to_jsonl());
        let replay = before(recording, |event| matches!(event, Event::Done { .. }));
        assert_eq!(replay.state().task(1).unwrap().requests.len(), 1);
    }
}

#[test]
fn an_order_is_recorded_only_if_the_policy_has_changed_that_of_the_ready_queue() {
    let orders = |recording: Recording| {
        let is_order = |event: &Event| matches!(event, Event::Order { .. });
        recording.entries().iter().filter(|entry| is_order(&entry.event)).count()
    };
    let lifo = || Scheduler::builder().policy(Policy::Lifo);
    let alone = record(lifo(), async {
        yield_now().await;
        sleep(ms(1)).await;
    });
    assert_eq!(orders(alone), 0);
    let scope = record(lifo(), async {
        task::scope(async |s| {
            s.spawn(yield_now());
            s.spawn(yield_now());
        })
        .await
        .unwrap();
    });
    assert_eq!(orders(scope), 0, "a scope has a queue of its own");
    let several = record(lifo(), async {
        spawn(yield_now());
        spawn(yield_now()).await.unwrap();
    });
    assert!(orders(several) > 0);
}

#[test]
fn the_end_of_a_wait_comes_after_what_it_follows_from() {
    let recording = record(Scheduler::builder(), async {
        let task = spawn(sleep(ms(1)));
        task.await.unwrap();
    });
    let at = |is_it: &dyn Fn(&Event) -> bool| {
        recording.entries().iter().position(|entry| is_it(&entry.event)).unwrap()
    };
    let done = at(&|event| matches!(event, Event::Done { task: 2, .. }));
    let unwait = at(&|event| matches!(event, Event::Unwait { task: 1, on: Awaited::Task(2) }));
    assert!(done < unwait, "{}", recording.to_jsonl());
}

#[test]
fn a_timer_that_is_cancelled_after_a_sleep_of_the_scheduler_leaves_the_heap_awake() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder()).build();
    let wait = async {
        sleep(ms(1)).await;
        let mut later = Box::pin(sleep(ms(5000)));
        let _ = futures::poll!(&mut later);
        yield_now().await;
        drop(later);
    };
    scheduler.block_on(wait);
    let mut is_asleep = false;
    for entry in recorder.finish().entries() {
        match entry.event {
            Event::Park { .. } => is_asleep = true,
            Event::Unpark { .. } => is_asleep = false,
            Event::TimerCancel { .. } => assert!(!is_asleep),
            _ => {}
        }
    }
}

#[test]
fn the_closing_of_a_channel_is_recorded_once() {
    let closed = |recording: Recording| {
        let is_closing = |event: &Event| matches!(event, Event::Close { is_gone: false, .. });
        recording.entries().iter().filter(|entry| is_closing(&entry.event)).count()
    };
    let by_receiver = record(Scheduler::builder(), async {
        let (sender, mut receiver) = mpsc::unbounded();
        sender.send(1).unwrap();
        receiver.close();
        assert!(sender.send(2).is_err());
        drop(receiver);
    });
    assert_eq!(closed(by_receiver), 1);
    let by_senders = record(Scheduler::builder(), async {
        let (news, mut reader) = broadcast::channel(2);
        let (level, mut levels) = watch::channel(0);
        news.send(1).unwrap();
        let waits = spawn(async move { levels.changed().await });
        yield_now().await;
        drop((news, level));
        assert_eq!(reader.recv().await, Ok(1));
        assert!(reader.recv().await.is_err() && waits.await.unwrap().is_err());
    });
    assert_eq!(closed(by_senders), 2);
    let queue = record(Scheduler::builder(), async {
        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        queue.shutdown();
        queue.shutdown();
    });
    assert_eq!(closed(queue), 1);
}

#[test]
fn the_kind_of_a_channel_is_a_noun_that_a_name_can_follow() {
    let recording = record(Scheduler::builder(), async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        let other = spawn(async move { sender.send(2).await });
        yield_now().await;
        assert_eq!(receiver.recv().await, Some(1));
        let _ = other.await.unwrap();
    });
    let kinds = recording.entries().iter().filter_map(|entry| match entry.event {
        Event::Resource { kind, .. } => Some(recording.text(kind)),
        _ => None,
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["channel", "room in channel"]);
}

#[test]
fn a_mask_goes_with_the_future_that_it_is_around_to_another_task() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    let masked = Rc::new(RefCell::new(Some(Box::pin(task::mask(sleep(ms(5)))))));
    let lent = masked.clone();
    scheduler.spawn(async move {
        let mut masked = lent.borrow_mut().take().unwrap();
        poll_fn(|cx| {
            assert!(masked.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        lent.replace(Some(masked));
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    let masked = masked.borrow_mut().take().unwrap();
    scheduler.spawn(masked);
    scheduler.step();
    let mut replay = Replay::new(recorder.so_far());
    replay.seek(replay.len());
    let masks = |task| replay.state().task(task).unwrap().masks;
    assert_eq!((masks(1), masks(2)), (0, 1));
    folded::compare::assert_folds(&recorder, &scheduler.snapshot());
}

#[test]
fn a_writer_holds_a_lock_once_and_a_guard_of_no_permits_is_not_recorded() {
    let recording = record(Scheduler::builder(), async {
        drop(RwLock::new(()).write().await);
        drop(Semaphore::new(1).acquire_many(0).await.unwrap());
    });
    let counts = recording.entries().iter().filter_map(|entry| match entry.event {
        Event::Acquire { count, .. } | Event::Release { count, .. } => Some(count),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn details_have_the_time_at_which_they_happened() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder()).build();
    scheduler.block_on(async {
        note!("first");
        let begun = Instant::now();
        while begun.elapsed() < ms(2) {
            std::hint::spin_loop(); // A long turn: both notes reach the recorder at its end.
        }
        note!("second");
    });
    let recording = recorder.finish();
    let notes =
        recording.entries().iter().filter(|entry| matches!(entry.event, Event::Note { .. }));
    let times: Vec<u64> = notes.map(|entry| entry.time).collect();
    assert!(times[1] - times[0] >= 2_000_000, "{times:?}");
}

#[test]
fn what_an_observer_says_is_not_recorded_and_has_no_end_otherwise() {
    let recorder = Recorder::new();
    let calls = Rc::new(Cell::new(0));
    let counts = calls.clone();
    let says = move |_: &Transition| {
        counts.set(counts.get() + 1);
        note!("call {}", counts.get());
    };
    let builder = Scheduler::builder().virtual_time().detailed_observer(says);
    recorder.attach(builder).build().block_on(yield_now());
    let recording = recorder.finish();
    let is_note = |entry: &&Entry| matches!(entry.event, Event::Note { .. });
    assert_eq!(recording.entries().iter().filter(is_note).count(), 0);
    assert!((5..50).contains(&calls.get()), "{}", calls.get());
}

#[test]
fn an_idle_scheduler_with_a_policy_records_nothing() {
    let recorder = Recorder::new();
    let scheduler =
        recorder.attach(Scheduler::builder().virtual_time().policy(Policy::Lifo)).build();
    scheduler.block_on(yield_now());
    let before = recorder.so_far().entries().len();
    for _ in 0..10 {
        scheduler.run_until_stalled();
    }
    assert_eq!(recorder.so_far().entries().len(), before);
}

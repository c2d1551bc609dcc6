//! A ring keeps the last events of a long run in bounded memory.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::alloc::System;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use turnwise::channel::mpsc;
use turnwise::record::{Actor, Awaited, Event, Outcome, Recorder, Recording, Replay, State};
use turnwise::sync::Mutex;
use turnwise::{Scheduler, note, sleep, spawn, task, timeout};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds of everything, about 50 events each: tasks, timers, locks, messages, scopes, requests, and new texts.
async fn rounds(count: u64) {
    let (lock, (sender, mut receiver)) = (Rc::new(Mutex::new(0)), mpsc::channel(1));
    for number in 0..count {
        let own = Rc::clone(&lock);
        let named = task::Builder::new().name(format!("worker {number}"));
        let worker = named.spawn(async move {
            let _guard = own.lock().await;
            sleep(Duration::from_micros(2)).await;
        });
        note!("round {number}");
        let waits = lock.lock();
        let _ = timeout(Duration::from_micros(1), task::catch_cancel(waits)).await;
        sender.send(number).await.unwrap();
        receiver.recv().await.unwrap();
        task::scope(async |s| {
            s.spawn(sleep(Duration::from_micros(1)));
        })
        .await
        .unwrap();
        worker.await.unwrap();
        let fresh = Mutex::new(0).named(format!("lock {number}"));
        let asked = spawn(pending::<()>());
        asked.cancel_with(format!("reason {number}"));
        drop(fresh.lock().await);
        assert!(asked.await.is_err());
        let ends =
            async { timeout(Duration::from_micros(1), task::catch_cancel(pending::<()>())).await };
        assert!(spawn(ends).await.unwrap().is_ok());
    }
}

#[test]
fn any_number_of_events_in_a_ring_takes_bounded_memory() {
    const KEPT: usize = 1000;
    let recorder = Recorder::ring(KEPT);
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    scheduler.block_on(rounds(1000));
    let region = Region::new(ALLOCATOR);
    // A million events, or a tenth of them if nothing is optimized.
    let count = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    scheduler.block_on(rounds(count));
    let change = region.change();
    let grown = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(grown < 20_000, "{grown} bytes");

    let recording = recorder.finish();
    assert_eq!(recording.entries().len(), KEPT + 1);
    assert!(recording.dropped() > 45 * count, "{}", recording.dropped());
    assert!(matches!(recording.entries()[0].event, Event::Snapshot { .. }));
    let read = Recording::parse(recording.to_jsonl()).unwrap();
    let mut replay = Replay::new(read);
    replay.seek(usize::MAX);
    assert!(replay.state().tasks.is_empty() && replay.state().timers.is_empty());
}

#[test]
fn a_task_with_many_waits_is_not_copied_when_it_is_scheduled() {
    const WAITS: u64 = 10_000;
    let recorder = Recorder::new();
    recorder.spawn(1, "joins", Actor::Outside);
    (1..=WAITS).for_each(|timer| recorder.wait(1, Awaited::Timer(timer)));
    let entries = recorder.so_far().entries().to_vec();
    let mut state = State::default();
    entries.iter().for_each(|entry| state.apply(entry));
    let rest = Recorder::new();
    rest.schedule(1);
    rest.poll(1);
    rest.returned(1, Outcome::Pending);
    let turn = rest.finish();
    let region = Region::new(ALLOCATOR);
    for _ in 0..10 {
        turn.entries().iter().for_each(|entry| state.apply(entry));
    }
    let allocated = region.change().bytes_allocated;
    assert!(allocated < 10_000, "{allocated} bytes");
}

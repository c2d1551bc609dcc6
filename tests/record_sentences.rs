//! The sentences of a recording that depend on what happened before.

use std::time::Duration;

use turnwise::record::{Actor, Awaited, ClockKind, EndReason, Outcome, Recorder, Replay};
use turnwise::{Scheduler, sleep};

/// Asserts that these are the last sentences.
fn assert_ends(recorder: &Recorder, expected: &[&str]) {
    let replay = Replay::new(recorder.finish());
    let sentences: Vec<String> = replay.steps().map(|step| step.to_string()).collect();
    let start = sentences.len().saturating_sub(expected.len());
    assert_eq!(sentences[start..], *expected, "{sentences:#?}");
}

/// A recorder that knows these tasks, numbered from 1.
fn with_tasks(names: &[&str]) -> Recorder {
    let recorder = Recorder::new();
    for (task, name) in (1..).zip(names) {
        recorder.spawn(task, name, Actor::Outside);
    }
    recorder
}

// ----- what tasks share -----

#[test]
fn permits_are_counted() {
    let recorder = with_tasks(&["main", "w", "z"]);
    recorder.resource(1, "semaphore", "slots");
    recorder.wait(3, Awaited::Resource(1));
    recorder.acquire(1, 1, 1);
    recorder.wait(3, Awaited::Resource(1));
    recorder.acquire(2, 1, 2);
    recorder.wait(2, Awaited::Resource(1));
    recorder.release(2, 1, 2);
    recorder.release(1, 1, 1);
    assert_ends(
        &recorder,
        &[
            "z waits for semaphore \"slots\", and leaves its waker with it.",
            "main gets 1 permit of semaphore \"slots\".",
            "z waits for permits of semaphore \"slots\": main holds some.",
            "w gets 2 permits of semaphore \"slots\".",
            "w waits for permits of semaphore \"slots\": main and w hold some.",
            "w gives 2 permits of semaphore \"slots\" back.",
            "main gives 1 permit of semaphore \"slots\" back.",
        ],
    );
}

#[test]
fn a_lock_is_held_to_read_or_to_write() {
    let recorder = with_tasks(&["A", "B", "C", "D"]);
    recorder.resource(1, "rwlock", "db");
    recorder.acquire(1, 1, 1000);
    recorder.wait(1, Awaited::Resource(1));
    recorder.release(1, 1, 999);
    recorder.acquire(2, 1, 1);
    recorder.acquire(3, 1, 1);
    recorder.wait(4, Awaited::Resource(1));
    recorder.release(1, 1, 1);
    assert_ends(
        &recorder,
        &[
            "A has rwlock \"db\" now, to write.",
            "A holds rwlock \"db\" itself: it leaves its waker in the line for it, and waits.",
            "A gives rwlock \"db\" back, but keeps it to read.",
            "B has rwlock \"db\" now, to read.",
            "C has rwlock \"db\" now, to read.",
            "Rwlock \"db\" is held by A and 2 others: D leaves its waker in the line for it, and waits.",
            "A gives rwlock \"db\" back.",
        ],
    );
}

#[test]
fn a_channel_is_full_or_empty() {
    let recorder = with_tasks(&["producer", "consumer"]);
    recorder.resource(1, "channel", "");
    recorder.send_bounded(1, 1, 1, 2);
    recorder.send_bounded(1, 1, 2, 2);
    recorder.receive(2, 1, 1);
    recorder.receive(2, 1, 0);
    recorder.close(1);
    recorder.gone(1);
    assert_ends(
        &recorder,
        &[
            "producer sends a value into channel r1, which holds 1 of 2 now.",
            "producer sends a value into channel r1, which is full now, 2 of 2.",
            "consumer takes a value out of channel r1, which holds 1 now.",
            "consumer takes a value out of channel r1, which is empty now.",
            "Channel r1 is closed.",
            "Channel r1 is dropped.",
        ],
    );
}

#[test]
fn what_gets_a_name_has_none_before() {
    let recorder = with_tasks(&["t"]);
    recorder.resource(3, "mutex", "");
    recorder.acquire(1, 3, 1);
    recorder.resource(3, "mutex", "db");
    recorder.release(1, 3, 1);
    recorder.gone(3);
    let expected = [
        "Mutex r3 is used for the first time.",
        "t has mutex r3 now.",
        "Mutex r3 is called mutex \"db\" from now on.",
        "t gives mutex \"db\" back.",
        "Mutex \"db\" is dropped.",
    ];
    let mut replay = Replay::new(recorder.so_far());
    replay.seek(3);
    assert_eq!(replay.awaited_label(Awaited::Resource(3)), "mutex r3");
    assert_ends(&recorder, &expected);
}

// ----- turns and timers -----

#[test]
fn a_wake_that_changes_nothing_says_so() {
    let recorder = with_tasks(&["t", "u"]);
    recorder.schedule(1);
    recorder.wake(1, Actor::Timer(4));
    recorder.poll(1);
    recorder.wake(1, Actor::Task(1));
    recorder.wake(1, Actor::Task(1));
    recorder.wake(2, Actor::Task(2));
    recorder.wake(9, Actor::Task(1));
    assert_ends(
        &recorder,
        &[
            "Timer 4 wakes t: t is ready already, so nothing changes.",
            "Turn 1: the scheduler takes t from the front of the ready queue and polls it.",
            "t wakes itself during its turn, so it will be polled again.",
            "t wakes itself: t was woken already, so nothing changes.",
            "u wakes itself.",
            "t wakes task 9: task 9 is not in the task map, so nothing changes.",
        ],
    );
}

#[test]
fn a_timer_has_one_name() {
    let recorder = with_tasks(&["t", "u"]);
    let at = |milliseconds| Duration::from_millis(milliseconds);
    recorder.at(Duration::ZERO);
    recorder.timer_set(1, 1, at(10));
    recorder.timer_set(1, 1, at(20));
    recorder.timer_set(1, 2, at(20));
    recorder.wait(2, Awaited::Timer(1));
    recorder.park_until(at(20));
    recorder.at(at(20));
    recorder.unpark(Actor::Timer(1));
    recorder.timer_fire(1);
    recorder.wake(2, Actor::Timer(1));
    recorder.wake(1, Actor::Timer(1));
    recorder.unwait(2, Awaited::Timer(1));
    assert_ends(
        &recorder,
        &[
            "t puts timer 1 into the heap, due at +10 ms.",
            "t sets timer 1 anew, due at +20 ms.",
            "u takes timer 1 over, due at +20 ms.",
            "u waits for timer 1, and leaves its waker with it.",
            "No task is ready, so the scheduler sleeps until +20 ms, when timer 1 of u is due.",
            "It is +20 ms: timer 1 of u wakes the scheduler.",
            "Timer 1 of u is due, and leaves the heap.",
            "Timer 1 wakes u.",
            "Timer 1 of u wakes t.",
            "u no longer waits for timer 1.",
        ],
    );
}

// ----- the start and the end -----

#[test]
fn a_ring_says_how_much_is_lost() {
    let recorder = Recorder::ring(1);
    recorder.note(0, "one");
    recorder.note(0, "two");
    let first = |recorder: &Recorder| {
        let replay = Replay::new(recorder.so_far());
        replay.event(0).map(|step| step.to_string()).unwrap_or_default()
    };
    assert_eq!(first(&recorder), "The recording starts here: 1 earlier event was not kept.");
    recorder.note(0, "three");
    assert_eq!(first(&recorder), "The recording starts here: 2 earlier events were not kept.");
}

#[test]
fn a_run_may_leave_tasks() {
    let recorder = with_tasks(&["main", "t"]);
    recorder.done(1, Outcome::Ready);
    recorder.end(EndReason::Done);
    recorder.spawn(3, "", Actor::Outside);
    recorder.end(EndReason::Done);
    assert_ends(
        &recorder,
        &[
            "main is out of the task map: finished.",
            "The future of the `block_on` has ended: the run ends, with 1 task left.",
            "Code outside the tasks spawns task 3: a new entry in the task map.",
            "The future of the `block_on` has ended: the run ends, with 2 tasks left.",
        ],
    );
}

// ----- by hand, besides a scheduler -----

#[test]
fn a_remark_by_hand_has_the_time_of_the_scheduler() {
    let recorder = Recorder::new();
    let builder = recorder.attach(Scheduler::builder().virtual_time());
    recorder.note(0, "before");
    let scheduler = builder.build();
    let inside = recorder.clone();
    scheduler.block_on(async move {
        sleep(Duration::from_millis(5)).await;
        inside.at(Duration::from_secs(60));
        inside.note(0, "inside");
        sleep(Duration::from_millis(5)).await;
    });
    recorder.note(0, "after");
    drop(scheduler);
    recorder.out(0, "without the scheduler");

    let recording = recorder.finish();
    assert_eq!(recording.clock(), ClockKind::Virtual);
    let replay = Replay::new(recording);
    let time_of = |sentence: &str| {
        let step = replay.steps().find(|step| step.to_string() == sentence);
        step.map(|step| step.entry.time)
    };
    assert_eq!(time_of("before"), Some(0));
    assert_eq!(time_of("inside"), Some(5_000_000));
    assert_eq!(time_of("Timer 2 of main is due, and leaves the heap."), Some(10_000_000));
    assert_eq!(time_of("after"), Some(10_000_000));
    let last = "Code outside the tasks prints \"without the scheduler\".";
    assert_eq!(time_of(last), Some(10_000_000));
}

//! What an operating system built from generators gets wrong, and this crate does not: `examples/pyos` shows both.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod probe;
mod trace;

use std::future::pending;

use futures::FutureExt;
use probe::{Count, Log};
use turnwise::channel::oneshot;
use turnwise::scheduler::TaskState;
use turnwise::{JoinHandle, RunError, Scheduler, spawn, task, yield_now};

const CERTAIN: &str = "certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` \
                       held outside the scheduler";

/// Runs until no task can run; returns the report, with marks in place of the locations in this file.
fn stuck(scheduler: &Scheduler) -> String {
    let Err(RunError::Deadlock(report)) = scheduler.run() else {
        panic!("expected a deadlock");
    };
    trace::with_marks(&report.to_string(), file!(), include_str!("pyos_defects.rs"))
}

/// Waits for the task whose handle it receives.
async fn waits(other: oneshot::Receiver<JoinHandle<()>>) {
    other.await.unwrap().await.unwrap();
}

#[test]
fn a_waiting_task_that_is_killed_is_gone_before_its_event_comes() {
    let scheduler = Scheduler::new();
    let dropped = Count::default();
    let event = scheduler.spawn(pending::<()>());
    let event_id = event.id();
    let held = dropped.token();
    let victim = scheduler.spawn(async move {
        let _held = held;
        event.await.unwrap();
    });
    scheduler.run_until_stalled();

    victim.abort();
    assert_eq!(dropped.get(), 0, "not inside the call");
    assert_eq!(scheduler.run_until_stalled(), 1, "one turn is enough");
    assert_eq!(dropped.get(), 1);
    assert!(victim.is_finished());
    let task = &scheduler.snapshot().tasks[1];
    assert_eq!((task.label.id, task.state), (victim.id(), TaskState::Finished));
    drop(victim);
    let left = scheduler.snapshot().tasks;
    assert_eq!(left.iter().map(|task| task.label.id).collect::<Vec<_>>(), [event_id]);
}

#[test]
fn a_joiner_of_a_killed_task_is_woken_though_the_event_never_comes() {
    let (to_victim, for_victim) = oneshot::channel();
    let scheduler = Scheduler::new();
    let victim = scheduler.spawn(waits(for_victim));
    let killer = scheduler.spawn(async move {
        yield_now().await;
        victim.abort();
        assert!(victim.await.unwrap_err().is_cancelled());
    });
    let watch = killer.abort_handle();
    assert!(
        to_victim.send(killer).is_ok(),
        "the victim waits for its killer, and the killer for the victim"
    );
    assert!(scheduler.run().is_ok());
    assert!(watch.is_finished());
}

#[test]
fn a_killed_task_is_dropped_with_all_that_it_awaits() {
    async fn subroutine(log: Log) {
        let _held = log.on_drop("subroutine");
        loop {
            yield_now().await;
        }
    }

    let scheduler = Scheduler::new();
    let log = Log::default();
    let inside = log.clone();
    let victim = scheduler.spawn(async move {
        let _held = inside.on_drop("caller");
        subroutine(inside.clone()).await;
        inside.note("the caller continued");
    });
    scheduler.step();
    victim.abort();
    scheduler.run().unwrap();
    assert_eq!(log.take(), ["subroutine", "caller"]);
}

#[test]
fn two_tasks_that_wait_for_each_other_are_a_certain_deadlock_with_both_names() {
    let scheduler = Scheduler::new();
    let (to_alice, for_alice) = oneshot::channel();
    let (to_bob, for_bob) = oneshot::channel();
    let [alice, bob] = ["alice", "bob"].map(|name| task::Builder::new().name(name));
    let alice = alice.spawn_on(&scheduler, waits(for_alice)); // [alice]
    let bob = bob.spawn_on(&scheduler, waits(for_bob)); // [bob]
    to_alice.send(bob).unwrap();
    to_bob.send(alice).unwrap();
    let expected = [
        "deadlock at turn 2: 2 tasks can never run again",
        "  #1 \"alice\"  waits for task #2 \"bob\", spawned at [bob], since turn 1",
        "  #2 \"bob\"    waits for task #1 \"alice\", spawned at [alice], since turn 2",
        "cycle: #1 -> #2 -> #1",
        CERTAIN,
    ];
    assert_eq!(stuck(&scheduler), expected.join("\n"));
}

#[test]
fn a_task_that_waits_for_itself_is_a_certain_deadlock_too() {
    let scheduler = Scheduler::new();
    let (to_narcissus, for_narcissus) = oneshot::channel();
    let narcissus = task::Builder::new().name("narcissus");
    let narcissus = narcissus.spawn_on(&scheduler, waits(for_narcissus)); // [narcissus]
    to_narcissus.send(narcissus).unwrap();
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1 \"narcissus\"  waits for task #1 \"narcissus\", spawned at [narcissus], since turn 1",
        "cycle: #1 -> #1",
        CERTAIN,
    ];
    assert_eq!(stuck(&scheduler), expected.join("\n"));
}

#[test]
fn a_wait_for_a_finished_task_is_ready_immediately() {
    turnwise::block_on(async {
        let [ended, killed] = [spawn(async {}), spawn(pending())];
        killed.abort();
        yield_now().await;
        assert!(ended.now_or_never().unwrap().is_ok());
        assert!(killed.now_or_never().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn the_loop_ends_with_the_last_task_though_handles_are_kept() {
    let scheduler = Scheduler::new();
    let ends = scheduler.spawn(yield_now());
    let killed = scheduler.spawn(pending::<()>());
    killed.abort();
    assert!(scheduler.run().is_ok());
    assert_eq!((scheduler.metrics().alive, scheduler.metrics().parks), (0, 0));
    assert!(ends.is_finished() && killed.is_finished());
    assert!(scheduler.run().is_ok(), "and there is nothing left to run");
}

//! `wait`: until all tasks, the first, the first error, or a deadline; pending tasks are handed back alive.

mod probe;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Count, Spot, poll_with, text, virtual_time};
use turnwise::combine::Done;
use turnwise::sync::Mutex;
use turnwise::{JoinHandle, RunError, Scheduler, block_on, sleep, spawn, time, wait, yield_now};

async fn after(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    seconds
}

fn tasks<const N: usize>(seconds: [u64; N]) -> [JoinHandle<u64>; N] {
    seconds.map(|seconds| spawn(after(seconds)))
}

/// The outputs, and the number of pending tasks.
fn summary(ended: &Done<u64>) -> (Vec<Option<u64>>, usize) {
    let outputs = ended.done.iter().map(|(_, output)| output.as_ref().ok().copied());
    (outputs.collect(), ended.pending.len())
}

#[test]
fn a_wait_for_nothing_is_ready_immediately() {
    let ended = turnwise::block_on(wait(Vec::<JoinHandle<()>>::new()).first_completed());
    assert!(ended.done.is_empty() && ended.pending.is_empty());
}

#[test]
fn by_default_it_waits_for_all() {
    virtual_time().block_on(async {
        let handles = tasks([3, 1, 2]);
        let ids = handles.each_ref().map(JoinHandle::id);
        let ended = wait(handles).await;
        assert_eq!(summary(&ended), (vec![Some(1), Some(2), Some(3)], 0));
        let seen: Vec<_> = ended.done.iter().map(|&(id, _)| id).collect();
        assert_eq!(seen, [ids[1], ids[2], ids[0]]);
        assert_eq!(summary(&wait(tasks([2, 1])).all().await), (vec![Some(1), Some(2)], 0));
    });
}

#[test]
fn first_completed_returns_all_that_completed_by_then_and_the_others_alive() {
    virtual_time().block_on(async {
        let start = time::now();
        let ended = wait(tasks([3, 1, 2, 1])).first_completed().await;
        assert_eq!(summary(&ended), (vec![Some(1), Some(1)], 2));
        assert_eq!(time::now() - start, Duration::from_secs(1));
        let mut left = Vec::new();
        for handle in ended.pending {
            left.push(handle.await.unwrap());
        }
        assert_eq!(left, [3, 2], "in the order in which they were given");
    });
}

#[test]
fn first_failure_ends_at_a_panic_or_an_abort() {
    virtual_time().block_on(async {
        let [slow, quick, other] = tasks([9, 1, 8]);
        let fails = spawn(async {
            after(2).await;
            panic!("a bug")
        });
        let ended = wait([slow, quick, fails, other]).first_failure().await;
        assert_eq!(summary(&ended), (vec![Some(1), None], 2));
        assert!(ended.done[1].1.as_ref().unwrap_err().is_panic());
        ended.pending[0].abort();
        let ended = wait(ended.pending).first_failure().await;
        assert_eq!(summary(&ended), (vec![None], 1));
        assert_eq!(
            summary(&wait(tasks([1, 2])).first_failure().await),
            (vec![Some(1), Some(2)], 0)
        );
    });
}

#[test]
fn until_ends_at_an_output_that_fits() {
    virtual_time().block_on(async {
        let ended = wait(tasks([5, 1, 3])).until(|output| matches!(output, Ok(2..))).await;
        assert_eq!(summary(&ended), (vec![Some(1), Some(3)], 1));
    });
}

#[test]
fn a_timeout_ends_it_and_aborts_nothing() {
    virtual_time().block_on(async {
        let start = time::now();
        let ended = wait(tasks([3, 1, 2])).timeout(Duration::from_millis(1500)).await;
        assert_eq!(summary(&ended), (vec![Some(1)], 2));
        assert_eq!(time::now() - start, Duration::from_millis(1500));
        // A task that completes at exactly that time counts.
        let ended = wait(ended.pending).timeout(Duration::from_millis(500)).await;
        assert_eq!(summary(&ended), (vec![Some(2)], 1));
        let ended = wait(ended.pending).timeout(Duration::MAX).await;
        assert_eq!(summary(&ended), (vec![Some(3)], 0));
    });
}

#[test]
fn tasks_that_have_already_completed_are_returned_immediately_in_completion_order() {
    for count in [3, 100] {
        let scheduler = Scheduler::new();
        let spots: Vec<Spot> = (0..count).map(|_| Spot::default()).collect();
        let handles: Vec<_> = spots.iter().map(|spot| scheduler.spawn(spot.wait())).collect();
        let ids: Vec<_> = handles.iter().rev().map(JoinHandle::id).collect();
        scheduler.run_until_stalled();
        spots.iter().rev().for_each(Spot::open);
        scheduler.run().unwrap();
        let turns = scheduler.metrics().turns;
        let ended = scheduler.block_on(wait(handles).first_completed());
        assert_eq!(ended.done.iter().map(|&(id, _)| id).collect::<Vec<_>>(), ids);
        assert_eq!(scheduler.metrics().turns, turns + 1);
    }
}

#[test]
fn waiting_for_no_tasks_ends_immediately() {
    let ended = block_on(async { wait(Vec::<JoinHandle<()>>::new()).first_completed().await });
    assert!(ended.done.is_empty() && ended.pending.is_empty());
}

#[test]
fn dropping_it_detaches_the_tasks() {
    let scheduler = Scheduler::new();
    let done = Count::default();
    scheduler.block_on(async {
        let counted = done.clone();
        let mut waits = wait([spawn(async move {
            yield_now().await;
            counted.add();
        })]);
        assert!(poll_with(&mut waits, Waker::noop()).is_pending());
    });
    scheduler.run().unwrap();
    assert_eq!(done.get(), 1);
}

#[test]
fn waiting_for_many_takes_at_most_one_turn_per_completion() {
    let scheduler = Scheduler::new();
    let ended = scheduler.block_on(async {
        let handles = (0..10_000).map(|_| spawn(yield_now()));
        wait(handles).first_failure().await
    });
    assert_eq!((ended.done.len(), ended.pending.len()), (10_000, 0));
    assert!(scheduler.metrics().turns <= 30_001);
}

#[test]
fn polling_again_after_it_was_ready_says_so() {
    let mut waits = wait(Vec::<JoinHandle<()>>::new());
    assert!(poll_with(&mut waits, Waker::noop()).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut waits, Waker::noop()).is_ready()));
    assert!(text(&*again.unwrap_err()).contains("polled after completion"));
}

#[test]
fn a_timeout_outside_of_a_scheduler_says_where_it_was_created() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(pending::<()>());
    let mut waits = wait([handle]).timeout(Duration::from_secs(1));
    let refused =
        catch_unwind(AssertUnwindSafe(|| poll_with(&mut waits, Waker::noop()).is_ready()));
    let text = text(&*refused.unwrap_err());
    assert!(
        text.contains("tests/combine_wait.rs:") && text.contains("needs a running scheduler"),
        "{text}"
    );
}

#[test]
fn a_report_names_the_tasks_and_the_cycle() {
    let outcome = Scheduler::new().try_block_on(async {
        let lock = Rc::new(Mutex::new(()).named("accounts"));
        let _guard = lock.lock().await;
        let theirs = Rc::clone(&lock);
        let idle = spawn(pending());
        let wants = spawn(async move { drop(theirs.lock().await) });
        wait([idle, wants]).await.done.len()
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(
        report.certain && text.contains("cycle: #1 -> #3 -> mutex \"accounts\" -> #1"),
        "{text}"
    );
}

#[test]
fn it_works_on_other_executors_and_inside_their_combinators() {
    let scheduler = Scheduler::new();
    let handles = [1, 2].map(|number| scheduler.spawn(async move { number }));
    scheduler.run().unwrap();
    let ended = futures::executor::block_on(wait(handles));
    assert_eq!(summary(&ended), (vec![Some(1), Some(2)], 0));
    virtual_time().block_on(async {
        let group: FuturesUnordered<_> =
            (1..4).map(|n| wait(tasks([n, n + 1])).first_completed()).collect();
        let all = group.map(|ended| summary(&ended)).collect::<Vec<_>>().await;
        assert_eq!(all, [(vec![Some(1)], 1), (vec![Some(2)], 1), (vec![Some(3)], 1)]);
    });
}

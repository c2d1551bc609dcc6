//! Tokens: any holder can cancel, and all that wait for the token or for a child of it are woken.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::task::Context;

use notes::{ms, started, world};
use probe::{Acting, Count, on_stack};
use turnwise::sync::Semaphore;
use turnwise::task::CancelToken;
use turnwise::{JoinHandle, Scheduler, join_all, sleep, timeout, yield_now};

#[test]
fn all_waiters_are_woken_in_fifo_order() {
    let (scheduler, notes) = world();
    let token = CancelToken::new();
    for name in ["a", "b", "c"] {
        let (token, log) = (token.clone(), notes.clone());
        started(&scheduler, async move {
            token.cancelled().await;
            log.add(format!("{name}: {}", token.reason().unwrap()));
        });
    }
    token.cancel_with("closing time");
    token.cancel_with("too late to say something else");
    scheduler.run().unwrap();
    let expected = ["0 a: closing time", "0 b: closing time", "0 c: closing time"];
    assert_eq!(notes.take(), expected);
    scheduler.block_on(token.cancelled());
}

#[test]
fn a_token_cancels_its_children_and_grandchildren_but_not_the_other_way_round() {
    let parent = CancelToken::new();
    let children = [parent.child_token(), parent.child_token()];
    let grandchild = children[0].child_token();
    children[1].cancel_with("alone");
    assert!(!parent.is_cancelled() && !children[0].is_cancelled());
    parent.cancel_with("all");
    assert_eq!(grandchild.reason(), Some("all"));
    assert_eq!(children[1].reason(), Some("alone"));
    assert_eq!(children[1].child_token().reason(), Some("alone"), "it is created cancelled");
}

#[test]
fn a_grandchild_is_cancelled_even_if_the_token_between_was_dropped() {
    let parent = CancelToken::new();
    let grandchild = parent.child_token().child_token();
    parent.cancel();
    assert!(grandchild.is_cancelled());
}

#[test]
fn a_token_can_have_a_million_children_that_are_dropped() {
    let token = CancelToken::new();
    let kept = token.child_token();
    for _ in 0..1_000_000 {
        drop(token.child_token());
    }
    token.cancel();
    assert!(kept.is_cancelled());
}

#[test]
fn a_long_line_of_tokens_is_cancelled_and_dropped_without_recursion() {
    on_stack(256 << 10, || {
        let first = CancelToken::new();
        let mut last = first.clone();
        for _ in 0..100_000 {
            last = last.child_token();
        }
        first.cancel();
        assert!(last.is_cancelled());
        drop(first);
        drop(last);
    });
}

#[test]
fn a_waiter_that_is_dropped_leaves_no_trace() {
    let (scheduler, _) = world();
    let token = CancelToken::new();
    scheduler.block_on(async {
        assert!(timeout(ms(1), token.cancelled()).await.is_err());
        token.cancel();
        token.cancelled().await;
    });
}

// ----- running until the token is cancelled -----

#[test]
fn a_future_that_runs_until_the_token_is_cancelled_may_clean_up() {
    let (scheduler, notes) = world();
    let token = CancelToken::new();
    let (own, log) = (token.clone(), notes.clone());
    let handle = started(&scheduler, async move {
        let work = log.guard_and_resume("work", 10, pending::<()>());
        own.run_until_cancelled(work).await
    });
    token.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), None);
    assert_eq!(notes.take(), ["0 work caught", "10 work resumes"]);
}

/// Only what is dropped is lost, and this future returns after its clean-up.
#[test]
fn a_value_that_comes_after_the_clean_up_is_returned() {
    let (scheduler, notes) = world();
    let token = CancelToken::new();
    let (own, log) = (token.clone(), notes.clone());
    let handle = started(&scheduler, async move {
        let work = log.guard("work", 10, pending::<()>());
        own.run_until_cancelled(work).await
    });
    token.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), Some(()));
    assert_eq!(notes.take(), ["0 work caught", "10 work cleaned up"]);
}

#[test]
fn a_future_that_is_ready_in_the_turn_in_which_the_token_is_cancelled_wins() {
    let (scheduler, _) = world();
    let token = CancelToken::new();
    let own = token.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            sleep(ms(5)).await;
            own.cancel();
            "ready"
        };
        own.run_until_cancelled(work).await
    });
    assert_eq!(scheduler.block_on(handle).unwrap(), Some("ready"));
}

#[test]
fn with_a_token_that_is_already_cancelled_nothing_is_polled() {
    let (scheduler, _) = world();
    let token = CancelToken::new();
    token.cancel();
    let polls = Count::default();
    let outcome = scheduler.block_on(token.run_until_cancelled(async { polls.add() }));
    assert_eq!((outcome, polls.get()), (None, 0));
}

#[test]
fn a_thousand_futures_that_run_until_one_token_is_cancelled_all_end() {
    let (scheduler, _) = world();
    let token = CancelToken::new();
    let own = token.clone();
    let handle = started(&scheduler, async move {
        let all = (0..1000).map(|_| own.run_until_cancelled(pending::<()>()));
        join_all(all).await.into_iter().filter(Option::is_none).count()
    });
    token.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), 1000);
}

#[test]
fn a_request_to_the_task_reaches_a_future_that_runs_until_the_token_is_cancelled() {
    let (scheduler, notes) = world();
    let token = CancelToken::new();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = log.guard("work", 10, pending::<()>());
        token.run_until_cancelled(work).await
    });
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), Some(()));
    assert_eq!(notes.take(), ["0 work caught", "10 work cleaned up"]);
}

// ----- guards, reports, foreign wakers -----

#[test]
fn a_guard_cancels_when_it_is_dropped_even_by_a_panic() {
    let (scheduler, _) = world();
    let token = CancelToken::new();
    let guard = token.clone().drop_guard();
    let handle = started(&scheduler, async move {
        let _guard = guard;
        yield_now().await;
        panic!("a bug");
    });
    assert!(scheduler.block_on::<JoinHandle<()>>(handle).unwrap_err().is_panic());
    assert!(token.is_cancelled());
    let other = CancelToken::new();
    let same = other.clone().drop_guard().disarm();
    drop(other);
    assert!(!same.is_cancelled());
}

#[test]
fn a_wait_for_a_token_is_named_in_the_report() {
    let scheduler = Scheduler::new();
    let token = CancelToken::new();
    scheduler.spawn(async move { token.cancelled().await });
    let report = scheduler.run().unwrap_err().to_string();
    assert!(report.contains("waits for cancel token at tests/cancel_token.rs"), "{report}");
}

thread_local! {
    static TOKEN: RefCell<Option<CancelToken>> = const { RefCell::new(None) };
}

#[test]
fn a_waker_may_cancel_again_and_make_children() {
    fn again() {
        let token = TOKEN.with_borrow(|token| token.clone().unwrap());
        assert!(token.is_cancelled() && token.child_token().is_cancelled());
        token.cancel_with("once more");
    }
    let token = CancelToken::new();
    TOKEN.set(Some(token.clone()));
    let child = Rc::new(token.child_token());
    let waker = Acting::waker(again, || {});
    let mut waits = Box::pin(child.cancelled());
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    token.cancel();
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(child.reason(), Some("cancelled"));
    TOKEN.set(None);
}

// ----- a budget -----

#[test]
fn a_future_that_uses_up_the_budget_of_each_turn_sees_the_cancellation() {
    let scheduler = Scheduler::builder().virtual_time().budget(3).build();
    let token = CancelToken::new();
    let (own, results) = (token.clone(), Count::default());
    let count = results.clone();
    let handle = scheduler.spawn(async move {
        let semaphore = Semaphore::new(1);
        let busy = async {
            loop {
                drop(semaphore.acquire().await.unwrap());
                count.add();
            }
        };
        own.run_until_cancelled(busy).await
    });
    (0..10).for_each(|_| drop(scheduler.step()));
    token.cancel();
    let before = results.get();
    assert_eq!(scheduler.block_on(handle).unwrap(), None);
    assert!(results.get() - before <= 3, "it has one more turn");
}

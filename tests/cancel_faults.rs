//! Faults that real executors had, repeated with `cancel` in place of `abort` and `drop`.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use notes::started;
use probe::{Count, Log, OnDrop, Token, poll_with, virtual_time};
use turnwise::task::{self, AbortHandle, CancelToken, catch_cancel, mask, scope, shield};
use turnwise::{JoinHandle, RunError, Scheduler, sleep, spawn, timeout, yield_now};

const SECOND: Duration = Duration::from_secs(1);

// ----- handles that are awaited at odd times -----

// async-task#73: a handle that is awaited after completion, twice, or after an abort.
#[test]
fn a_handle_that_is_awaited_after_a_cancel_gives_the_error_immediately() {
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let handle = spawn(pending::<()>());
        yield_now().await;
        handle.cancel_with("why");
        yield_now().await;
        assert!(handle.is_finished());
        handle.cancel();
        handle.abort();
        let before = scheduler.metrics().turns;
        let error = handle.await.unwrap_err();
        assert_eq!(error.reason(), Some("why"), "requests after the end change nothing");
        assert_eq!(scheduler.metrics().turns, before, "in the same turn");
    });
}

#[test]
fn a_handle_that_was_given_up_before_a_cancel_can_be_awaited_after_it() {
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let mut handle = spawn(async { catch_cancel(pending::<()>()).await.is_err() });
        assert!(timeout(SECOND, &mut handle).await.is_err());
        handle.cancel();
        assert!((&mut handle).await.unwrap());
        let polled = catch_unwind(AssertUnwindSafe(|| poll_with(&mut handle, Waker::noop())));
        assert!(polled.is_err(), "polled after it was ready");
    });
}

#[test]
fn a_handle_of_a_cancelled_task_that_is_dropped_unread_is_not_a_failure() {
    let reports = Rc::new(Cell::new(0));
    let count = Rc::clone(&reports);
    let scheduler = Scheduler::builder()
        .slow_poll(Duration::MAX)
        .on_report(move |_| count.set(count.get() + 1))
        .build();
    let handle = started(&scheduler, pending::<()>());
    handle.cancel();
    drop(handle);
    scheduler.run().unwrap();
    assert_eq!(reports.get(), 0);
}

// ----- a request and completion in one turn -----

// tokio#3934, tokio#3965, tokio#3672, tokio#3159: completion that races with an abort.
#[test]
fn a_request_before_the_turn_wins_over_a_ready_future_unless_it_is_masked() {
    let scheduler = virtual_time();
    let both = |wrap: fn(Waits) -> Boxed| {
        let is_open = Rc::new(Cell::new(false));
        let place = Rc::default();
        let handle = started(&scheduler, wrap(Waits(Rc::clone(&is_open), Rc::clone(&place))));
        // It cancels itself and is ready in the same turn.
        place.replace(Some(handle.abort_handle()));
        is_open.set(true);
        handle.abort_handle().cancel();
        scheduler.block_on(handle)
    };
    // The request came before the turn, so it wins: only a mask keeps the value.
    assert!(both(|waits| Box::pin(waits)).unwrap_err().is_cancelled());
    assert_eq!(both(|waits| Box::pin(mask(waits))).unwrap(), 7);
    assert_eq!(both(|waits| Box::pin(timeout_of(waits))).unwrap_err().reason(), Some("cancelled"));
    assert_eq!(both(|waits| Box::pin(caught(waits))).unwrap(), 0);
}

#[test]
fn a_future_that_cancels_its_task_and_is_ready_in_that_turn_keeps_its_value() {
    let scheduler = virtual_time();
    let own = |wrap: fn(Waits) -> Boxed| {
        let place = Rc::default();
        let handle = scheduler.spawn(wrap(Waits(Rc::new(Cell::new(true)), Rc::clone(&place))));
        place.replace(Some(handle.abort_handle()));
        scheduler.block_on(handle)
    };
    assert_eq!(own(|waits| Box::pin(waits)).unwrap(), 7);
    assert_eq!(own(|waits| Box::pin(mask(waits))).unwrap(), 7);
    assert_eq!(own(|waits| Box::pin(timeout_of(waits))).unwrap(), 7);
    assert_eq!(own(|waits| Box::pin(caught(waits))).unwrap(), 7);
}

type Boxed = std::pin::Pin<Box<dyn Future<Output = u32>>>;

async fn timeout_of(waits: Waits) -> u32 {
    timeout(SECOND, waits).await.unwrap()
}

async fn caught(waits: Waits) -> u32 {
    catch_cancel(waits).await.unwrap_or(0)
}

/// Waits until it is open; then cancels its own task and is ready.
struct Waits(Rc<Cell<bool>>, Rc<RefCell<Option<AbortHandle>>>);

impl Future for Waits {
    type Output = u32;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<u32> {
        if !self.0.get() {
            return Poll::Pending;
        }
        self.1.borrow().iter().for_each(AbortHandle::cancel);
        Poll::Ready(7)
    }
}

#[test]
fn an_abort_and_a_cancel_in_either_order_end_a_task_once() {
    let scheduler = virtual_time();
    let ways: [fn(&JoinHandle<()>); 4] = [
        |handle| {
            handle.cancel();
            handle.abort();
        },
        |handle| {
            handle.abort();
            handle.cancel();
        },
        |handle| {
            handle.cancel();
            handle.cancel();
        },
        |handle| {
            handle.abort();
            handle.cancel_with("too late");
            handle.abort();
        },
    ];
    for (end, catches) in ways.into_iter().flat_map(|end| [(end, false), (end, true)]) {
        let drops = Count::default();
        let held = drops.token();
        let handle = started(&scheduler, async move {
            let _held = held;
            if catches {
                let _cancelled = catch_cancel(pending::<()>()).await;
            } else {
                pending::<()>().await;
            }
        });
        end(&handle);
        assert_eq!(drops.get(), 0, "never inside the call");
        let _outcome = scheduler.block_on(handle);
        assert_eq!(drops.get(), 1);
    }
}

// ----- what a task does to itself in its turn -----

// async-task's tests `cancel_during_run`, `detach_during_run`, `join_during_run`.
#[test]
fn a_task_that_cancels_itself_and_drops_its_own_handle_runs_until_it_waits() {
    for catches in [false, true] {
        let scheduler = virtual_time();
        let (log, drops) = (Log::default(), Count::default());
        let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let (place, inside, held) = (Rc::clone(&own), log.clone(), drops.token());
        let handle = scheduler.spawn(async move {
            let _held = held;
            let handle = place.take().unwrap();
            handle.cancel();
            assert!(!handle.is_finished());
            drop(handle);
            inside.note("continues");
            if catches {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                inside.note(format!("caught {}", cancelled.requests()));
            } else {
                pending::<()>().await;
            }
        });
        own.replace(Some(handle));
        scheduler.run().unwrap();
        let expected: &[&str] = if catches { &["continues", "caught 1"] } else { &["continues"] };
        assert_eq!(log.take(), expected);
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn a_task_that_is_cancelled_while_it_joins_another_does_not_affect_the_other() {
    let scheduler = virtual_time();
    let other = scheduler.spawn(async {
        sleep(SECOND).await;
        7
    });
    let other = Rc::new(RefCell::new(other));
    let theirs = Rc::clone(&other);
    let joins = started(
        &scheduler,
        poll_fn(move |cx| {
            let mut other = theirs.borrow_mut();
            std::pin::Pin::new(&mut *other).poll(cx).map(drop)
        }),
    );
    joins.cancel();
    assert!(scheduler.block_on(joins).unwrap_err().is_cancelled());
    let other = Rc::into_inner(other).unwrap().into_inner();
    assert_eq!(scheduler.block_on(other).unwrap(), 7);
}

// ----- cycles -----

#[test]
fn a_cycle_of_joins_is_broken_by_one_request() {
    let scheduler = virtual_time();
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let place = Rc::clone(&own);
    let handle = scheduler.spawn(async move {
        let own = place.take().unwrap();
        let _never = own.await;
    });
    let canceller = handle.abort_handle();
    own.replace(Some(handle));
    assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
    canceller.cancel();
    scheduler.run().unwrap();
    // Two tasks that wait for each other; when the first is cancelled, the other's join returns and it ends too.
    let first: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let place = Rc::clone(&first);
    let second = scheduler.spawn(async move {
        let first = place.take().unwrap();
        first.await.unwrap_err().is_cancelled()
    });
    let outcome = Rc::new(Cell::new(None));
    let inside = Rc::clone(&outcome);
    let handle = scheduler.spawn(async move {
        inside.set(second.await.ok());
    });
    let canceller = handle.abort_handle();
    first.replace(Some(handle));
    assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
    canceller.cancel();
    scheduler.run().unwrap();
    assert_eq!((outcome.get(), scheduler.metrics().alive), (None, 0));
}

#[test]
fn a_catch_around_its_own_handle_breaks_the_cycle_and_the_task_continues() {
    let scheduler = virtual_time();
    let own: Rc<RefCell<Option<JoinHandle<bool>>>> = Rc::default();
    let place = Rc::clone(&own);
    let seen = Rc::new(Cell::new(false));
    let inside = Rc::clone(&seen);
    let handle = scheduler.spawn(async move {
        let own = place.take().unwrap();
        inside.set(catch_cancel(own).await.is_err());
        true
    });
    let canceller = handle.abort_handle();
    own.replace(Some(handle));
    scheduler.run_until_stalled();
    canceller.cancel();
    scheduler.run().unwrap();
    assert!(seen.get());
}

// ----- destructors that spawn -----

/// When dropped, spawns and cancels a task that owns the next of its kind, to the given depth.
struct Spawns(u32, Count);

impl Drop for Spawns {
    fn drop(&mut self) {
        self.1.add();
        if self.0 > 0 {
            let next = Spawns(self.0 - 1, self.1.clone());
            let handle = spawn(async move {
                let _next = next;
                pending::<()>().await;
            });
            handle.cancel();
        }
    }
}

// tokio#3752, tokio#1892: destructors that spawn while everything is dropped.
#[test]
fn destructors_of_cancelled_tasks_may_spawn_and_cancel_a_thousand_deep() {
    for grace in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
        let scheduler = virtual_time();
        let drops = Count::default();
        let first = Spawns(1000, drops.clone());
        let handle = started(&scheduler, async move {
            let _first = first;
            pending::<()>().await;
        });
        match grace {
            None => {
                handle.cancel();
                scheduler.run().unwrap();
            }
            Some(grace) => drop(scheduler.shutdown(grace).unwrap()),
        }
        assert_eq!((drops.get(), scheduler.metrics().alive), (1001, 0));
        assert_eq!(scheduler.metrics().spawned, 1001);
    }
}

#[test]
fn a_task_spawned_by_a_destructor_in_a_cancelled_scope_is_cancelled_too() {
    let scheduler = virtual_time();
    let drops = Count::default();
    let counted = drops.clone();
    let handle = started(&scheduler, async move {
        let counted = &counted;
        let _never = scope(async |s| {
            s.spawn(async {
                let _spawns = OnDrop(|| {
                    let held = counted.token();
                    s.spawn(async move {
                        let _held = held;
                        unreachable!("it is never polled");
                    });
                });
                pending::<()>().await;
            });
            pending::<()>().await;
        })
        .await;
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!((drops.get(), scheduler.metrics().alive), (1, 0));
}

// ----- ownership cycles -----

#[test]
fn a_request_ends_a_task_that_owns_its_scheduler() {
    for shuts_down in [false, true] {
        let scheduler = Rc::new(virtual_time());
        let drops = Count::default();
        let (owned, held) = (Rc::clone(&scheduler), drops.token());
        let handle = started(&scheduler, async move {
            let _held = held;
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            // The scheduler may be used during the clean-up, and is released after it.
            owned.spawn(async {});
            cancelled.resume().await;
        });
        if shuts_down {
            assert!(scheduler.shutdown(SECOND).unwrap().is_clean());
        } else {
            handle.cancel();
            scheduler.run().unwrap();
        }
        assert_eq!((Rc::strong_count(&scheduler), drops.get()), (1, 1));
        assert!(handle.is_finished());
    }
}

#[test]
fn tasks_that_own_the_handles_of_each_other_end_with_one_request_each() {
    let scheduler = virtual_time();
    let drops = Count::default();
    let places: [Rc<RefCell<Option<JoinHandle<()>>>>; 2] = Default::default();
    let handles: Vec<_> = (0..2)
        .map(|number: usize| {
            let (place, held) = (Rc::clone(&places[1 - number]), drops.token());
            scheduler.spawn(async move {
                let _held = held;
                let other = place.take();
                pending::<()>().await;
                drop(other);
            })
        })
        .collect();
    let cancellers: Vec<_> = handles.iter().map(JoinHandle::abort_handle).collect();
    for (place, handle) in places.iter().zip(handles) {
        place.replace(Some(handle));
    }
    scheduler.run_until_stalled();
    cancellers.iter().for_each(AbortHandle::cancel);
    scheduler.run().unwrap();
    assert_eq!(drops.get(), 2);
}

// ----- forgotten futures and handles -----

/// Polls every future of this part of the crate `polls` times and forgets it. What they hold is never dropped.
async fn forget_everything(polls: usize, held: impl Fn() -> Token) {
    let endless = || {
        let held = held();
        async move {
            let _held = held;
            pending::<()>().await;
        }
    };
    let token = CancelToken::new();
    let mut all: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = vec![
        Box::pin(forgettable(catch_cancel(endless()))),
        Box::pin(forgettable(mask(endless()))),
        Box::pin(forgettable(shield(endless()))),
        Box::pin(forgettable(timeout(SECOND, endless()))),
        Box::pin(forgettable(timeout(SECOND, catch_cancel(mask(endless()))))),
        Box::pin(forgettable(scope({
            let child = endless();
            async move |s| drop(s.spawn(child))
        }))),
        Box::pin({
            let (token, endless) = (token.clone(), endless());
            async move { forgettable(token.run_until_cancelled(endless)).await }
        }),
        Box::pin({
            let token = token.clone();
            async move { token.cancelled().await }
        }),
    ];
    for _ in 0..polls {
        for one in &mut all {
            assert!(futures::poll!(one).is_pending());
        }
    }
    mem::forget(all);
    mem::forget(token.child_token().drop_guard());
}

async fn forgettable(future: impl Future) {
    let _output = future.await;
}

// glommio#335, tokio#3162: a forgotten value cannot clean up after itself, and nothing else may be affected by that.
#[test]
fn forgotten_catches_masks_timeouts_scopes_and_tokens_keep_no_task_from_ending() {
    for polls in 0..=2 {
        let scheduler = virtual_time();
        let drops = Count::default();
        let counted = drops.clone();
        let handle = started(&scheduler, async move {
            forget_everything(polls, || counted.token()).await;
            match catch_cancel(pending::<()>()).await {
                Ok(()) => unreachable!("it waits forever"),
                Err(cancelled) => {
                    sleep(SECOND).await;
                    cancelled.requests()
                }
            }
        });
        handle.cancel();
        assert_eq!(scheduler.block_on(handle).unwrap(), 1, "after {polls} polls");
        // And without a catch beside them, which would take the request in their place.
        let counted = drops.clone();
        let handle = started(&scheduler, async move {
            forget_everything(polls, || counted.token()).await;
            pending::<()>().await;
        });
        handle.cancel();
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled(), "after {polls} polls");
        assert_eq!(scheduler.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
        assert_eq!(drops.get(), 0, "forgotten values are not dropped");
        let report = scheduler.shutdown(SECOND).unwrap();
        assert_eq!(scheduler.metrics().alive, 0, "{report}");
    }
}

#[test]
fn a_forgotten_cancelled_or_resume_affects_only_its_own_task() {
    for resumes in [false, true] {
        let scheduler = virtual_time();
        let handle = started(&scheduler, async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            if resumes {
                let mut resume = Box::pin(cancelled.resume());
                assert!(poll_fn(|cx| Poll::Ready(resume.as_mut().poll(cx).is_pending())).await);
                mem::forget(resume);
            } else {
                mem::forget(cancelled);
            }
            pending::<()>().await;
        });
        handle.cancel();
        scheduler.run_until_stalled();
        if resumes {
            assert!(handle.is_finished(), "it was passed on");
        } else {
            handle.cancel();
            scheduler.run_until_stalled();
            assert!(!handle.is_finished(), "the clean-up never ends");
            handle.abort();
        }
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_forgotten_handle_of_a_child_holds_up_neither_the_child_nor_the_scope() {
    for polls in 0..=1 {
        let scheduler = virtual_time();
        let drops = Count::default();
        let result = scheduler.block_on(scope(async |s| {
            let held = drops.token();
            let mut handle = s.spawn(async move {
                let _held = held;
                catch_cancel(pending::<()>()).await.is_err()
            });
            for _ in 0..polls {
                assert!(futures::poll!(&mut handle).is_pending());
            }
            let abort = handle.abort_handle();
            mem::forget(handle);
            yield_now().await;
            abort.cancel();
        }));
        assert!(result.is_ok());
        assert_eq!((drops.get(), scheduler.metrics().alive), (1, 0));
    }
}

// async_ui#6: a child that borrows, in a group that is polled once and forgotten.
#[test]
fn children_of_a_forgotten_scope_are_never_polled_again_and_their_borrows_stay_valid() {
    let scheduler = virtual_time();
    let polls = Cell::new(0);
    let data = RefCell::new(vec![1, 2, 3]);
    scheduler.block_on(async {
        let mut lost = Box::pin(scope(async |s| {
            s.spawn(poll_fn(|cx| {
                polls.set(polls.get() + 1);
                data.borrow_mut().push(4);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
        }));
        assert!(futures::poll!(&mut lost).is_pending());
        mem::forget(lost);
        yield_now().await;
    });
    // The data can be changed freely now: no child accesses it any more.
    data.borrow_mut().clear();
    scheduler.run_until_stalled();
    assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    assert_eq!((polls.get(), report.aborted.len()), (1, 1));
    assert!(data.into_inner().is_empty());
    assert!(task::try_id().is_none());
}

//! Futures that are lent to a catch, masks around a resume, and chains of catches.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use futures::stream::{FuturesUnordered, StreamExt};
use notes::{Notes, ms, started, world};
use probe::on_stack;
use turnwise::generator::AsyncGenerator;
use turnwise::task::{self, CancelToken, catch_cancel, mask, scope};
use turnwise::{Policy, Scheduler, gather, join, join_all, sleep, timeout, yield_now};

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// A future that has a region of its own, and is pending.
async fn waits() {
    let _ = timeout(ms(3_600_000), async {
        drop(catch_cancel(yield_now()).await);
        pending::<()>().await;
    })
    .await;
}

/// The inner timeout acts in the turn of the resume; the place of the resume still has the lent future below it.
#[test]
fn a_resume_after_a_catch_of_a_lent_future_reaches_the_next_catch() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = timeout(ms(1000), async {
            let mut lent = pin!(waits());
            if let Err(cancelled) = catch_cancel(&mut lent).await {
                sleep(ms(1)).await;
                cancelled.resume().await;
            }
        });
        let more = async {
            let _ = work.await;
            sleep(ms(5)).await;
        };
        log.guard("outer", 0, more).await;
    });
    cancel_after(&scheduler, &handle, 999);
    scheduler.run().unwrap();
    assert!(scheduler.block_on(handle).is_ok());
    assert_eq!(notes.take(), ["1000 outer caught", "1000 outer cleaned up"]);
    assert!(task::__has_no_regions());
}

#[test]
fn a_lent_future_outlives_the_place_where_its_request_was_resumed() {
    for is_cancelled_too in [false, true] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let handle = started(&scheduler, async move {
            let mut lent = pin!(waits());
            for _ in 0..3 {
                let work = timeout(ms(1000), async {
                    if let Err(cancelled) = catch_cancel(&mut lent).await {
                        cancelled.resume().await;
                    }
                });
                log.guard("outer", 1, work).await;
            }
        });
        let own = handle.abort_handle();
        scheduler.spawn(async move {
            sleep(ms(1000)).await;
            if is_cancelled_too {
                own.cancel();
            }
        });
        scheduler.run().unwrap();
        assert!(scheduler.block_on(handle).is_ok());
        let caught = notes.take().iter().filter(|line| line.ends_with("caught")).count();
        assert_eq!(caught, usize::from(is_cancelled_too));
        assert!(task::__has_no_regions());
    }
}

/// The catch between the mask and the yield takes the request: after that, the mask protects as before.
#[test]
fn a_mask_holds_again_when_what_was_resumed_inside_it_is_taken() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let generator = started(&scheduler, async move {
        let mut values = AsyncGenerator::new(async |co| {
            let masked = async {
                drop(catch_cancel(co.yield_(1)).await);
                sleep(ms(10)).await;
                log.add("the masked end of the generator");
            };
            mask(masked).await;
        });
        assert_eq!(values.next().await, Some(1));
        values.close().await.unwrap();
    });
    cancel_after(&scheduler, &generator, 5);
    scheduler.run().unwrap();
    assert!(scheduler.block_on(generator).is_ok());
    assert_eq!(notes.take(), ["10 the masked end of the generator"]);
}

fn cancel_after(scheduler: &turnwise::Scheduler, handle: &turnwise::JoinHandle<()>, after: u64) {
    let own = handle.abort_handle();
    scheduler.spawn(async move {
        sleep(ms(after)).await;
        own.cancel();
    });
}

/// Without a scheduler there is no turn, so that nothing says when everything that was woken has been polled.
#[test]
fn a_group_that_yields_outside_of_a_scheduler_loses_no_clean_up() {
    let token = CancelToken::new();
    let caught = std::cell::Cell::new(0);
    let mut group: FuturesUnordered<_> = (0..100)
        .map(|_| async {
            drop(catch_cancel(pending::<()>()).await);
            caught.set(caught.get() + 1);
        })
        .collect();
    let mut work = pin!(token.run_until_cancelled(async { while group.next().await.is_some() {} }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(work.as_mut().poll(&mut cx).is_pending());
    token.cancel();
    let mut polls = 0;
    while work.as_mut().poll(&mut cx).is_pending() {
        polls += 1;
        assert!(polls < 10_000);
    }
    assert_eq!(caught.get(), 100);
}

/// A generator that yields once, and whose body then waits for a request and resumes it.
fn rows(log: Notes) -> AsyncGenerator<'static, u8> {
    AsyncGenerator::new(async move |co| {
        co.yield_(1).await;
        log.guard_and_resume("body", 0, pending::<()>()).await;
    })
}

/// The mask beside the generator keeps the asker from acting; until then no code after the generator may run.
#[test]
fn no_code_runs_after_a_generator_that_has_resumed_before_the_asker_has_acted() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let mut rows = rows(log.clone());
        let reads = async {
            while rows.next().await.is_some() {}
            log.add("the rows are complete");
        };
        let masked = async {
            mask(sleep(ms(5))).await;
            log.add("the mask has ended");
        };
        join!(reads, masked);
    });
    cancel_after(&scheduler, &handle, 1);
    scheduler.run().unwrap();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["1 body caught", "1 body resumes", "5 the mask has ended"]);
}

/// A clean-up may read on: the generator is over, and does not wait for anything.
#[test]
fn a_clean_up_around_a_generator_that_has_resumed_reads_its_end() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let mut rows = rows(log.clone());
        let caught = catch_cancel(async { while rows.next().await.is_some() {} }).await;
        assert_eq!(rows.next().await, None);
        log.add(format!("caught: {}", caught.is_err()));
        drop(caught);
    });
    cancel_after(&scheduler, &handle, 1);
    scheduler.run().unwrap();
    assert!(scheduler.block_on(handle).is_ok());
    assert_eq!(notes.take(), ["1 body caught", "1 body resumes", "1 caught: true"]);
}

/// Nested catches, each of which takes a turn for its clean-up and resumes.
fn nested(depth: usize) -> Boxed {
    let inner: Boxed = if depth == 0 { Box::pin(pending()) } else { nested(depth - 1) };
    Box::pin(async {
        if let Err(cancelled) = catch_cancel(inner).await {
            yield_now().await;
            cancelled.resume().await;
        }
    })
}

const DEPTH: usize = 300;

/// Each clean-up takes turns, and in each of them the task looks at all catches.
#[test]
fn a_request_passes_through_many_catches_that_all_clean_up() {
    on_stack(64 << 20, || {
        let (scheduler, _) = world();
        let handle = started(&scheduler, nested(DEPTH));
        handle.cancel();
        scheduler.run().unwrap();
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
        assert!(task::__has_no_regions());
    });
}

/// Polls a future once.
async fn polled_once<F: Future + Unpin>(mut future: F) -> bool {
    poll_fn(|cx| Poll::Ready(pin!(&mut future).poll(cx).is_pending())).await
}

#[test]
fn a_generator_that_has_resumed_inside_a_timeout_has_ended_outside_of_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let mut rows = rows(log.clone());
        assert_eq!(rows.next().await, Some(1));
        assert!(polled_once(rows.next()).await);
        assert!(timeout(ms(1), rows.next()).await.is_err());
        assert_eq!(rows.next().await, None);
    });
    scheduler.run().unwrap();
    assert!(scheduler.block_on(handle).is_ok());
    assert_eq!(notes.take(), ["1 body caught", "1 body resumes"]);
}

/// A group of this size that two tasks share.
fn shared_group(mut members: Vec<Boxed>, size: usize) -> Shared<LocalBoxFuture<'static, ()>> {
    members.resize_with(size, || Box::pin(async {}));
    async { drop(join_all(members).await) }.boxed_local().shared()
}

/// The group has moved to the other task, but not polled the scope there.
#[test]
fn a_scope_in_a_shared_group_is_ready_when_the_request_of_one_task_is_closed() {
    for policy in [Policy::Fifo, Policy::Lifo, Policy::Random(4)] {
        for (size, is_gather, is_other_first) in
            [(2, false, true), (31, false, true), (31, true, false)]
        {
            let scheduler = Scheduler::builder().virtual_time().policy(policy).build();
            let member: Boxed = if is_gather {
                Box::pin(async { drop(gather([sleep(ms(3000))]).await) })
            } else {
                Box::pin(async { drop(scope(async |s| drop(s.spawn(sleep(ms(3000))))).await) })
            };
            let group = shared_group(vec![member], size);
            let own = group.clone();
            let asked = async {
                let _ = timeout(ms(55), catch_cancel(own)).await;
            };
            let other = if is_other_first {
                let other = scheduler.spawn(group);
                scheduler.spawn(asked);
                other
            } else {
                scheduler.spawn(asked);
                scheduler.spawn(group)
            };
            while scheduler.step().is_some() {}
            assert!(other.is_finished(), "{policy:?}, {size}, {is_gather}");
        }
    }
}

/// Two requests were made around the group, and both are told that it has moved.
#[test]
fn a_group_that_is_shared_by_a_task_that_was_asked_twice_does_not_move_back_and_forth() {
    for size in [2, 31] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let clean_up = async move { log.guard("member", 2000, pending::<()>()).await };
        let timed = Box::pin(async { timeout(ms(5), clean_up).await.unwrap_or(()) });
        let group = shared_group(vec![timed, Box::pin(mask(sleep(ms(9000))))], size);
        let own = group.clone();
        let asked = scheduler.spawn(async { timeout(ms(15), own).await.unwrap_or(()) });
        let other = scheduler.spawn(group);
        cancel_after(&scheduler, &asked, 15);
        let turns = (0..1000).take_while(|_| scheduler.step().is_some()).count();
        assert!(turns < 100, "{turns} turns with {size} members");
        assert!(other.is_finished() && asked.is_finished());
    }
}

/// Another task's request is pending, so the group enters the tree before its first poll.
#[test]
fn a_group_that_panics_in_its_first_poll_leaves_no_region() {
    let (scheduler, _) = world();
    let held = started(&scheduler, mask(sleep(ms(1000))));
    held.cancel();
    for _ in 0..10 {
        let task =
            started(&scheduler, async { drop(join_all([async { panic!("in a poll") }]).await) });
        assert!(scheduler.block_on(task).unwrap_err().is_panic());
    }
    scheduler.run().unwrap();
    drop((held, scheduler));
    assert!(task::__has_no_regions());
}

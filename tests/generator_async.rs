//! Generators whose bodies wait.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use turnwise::generator::{AsyncGenerator, Co, IgnoredExit, Thrown};
use turnwise::task::{self, CancelToken, catch_cancel};
use turnwise::{
    JoinHandle, Scheduler, block_on, join, join_all, select, sleep, spawn, time, timeout, yield_now,
};

mod elsewhere;
mod notes;

const SECOND: Duration = Duration::from_secs(1);

fn virtually<F: Future>(future: F) -> F::Output {
    Scheduler::builder().virtual_time().build().block_on(future)
}

/// Sets a flag when it is dropped.
struct Flag<'a>(&'a Cell<bool>);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        assert!(!self.0.replace(true), "it is dropped once");
    }
}

fn countdown(n: u32) -> AsyncGenerator<'static, u32> {
    AsyncGenerator::new(async move |co| {
        for i in (1..=n).rev() {
            sleep(SECOND).await;
            co.yield_(i).await;
        }
    })
}

async fn rest<Y>(generator: &mut AsyncGenerator<'_, Y>) -> Vec<Y> {
    let mut values = Vec::new();
    while let Some(value) = generator.next().await {
        values.push(value);
    }
    values
}

#[test]
fn it_waits_between_two_values_and_only_while_it_is_polled() {
    virtually(async {
        let start = time::now();
        let mut generator = countdown(2);
        sleep(SECOND * 10).await;
        assert_eq!(generator.next().await, Some(2));
        assert_eq!(time::now() - start, SECOND * 11);
        sleep(SECOND * 10).await;
        assert_eq!(generator.next().await, Some(1));
        assert_eq!(time::now() - start, SECOND * 22);
        assert_eq!(generator.next().await, None);
        assert_eq!(generator.next().await, None);
        assert!(generator.is_over());
    });
}

#[test]
fn it_works_on_any_executor() {
    let values = elsewhere::everywhere(|| async {
        let mut generator = AsyncGenerator::new(async |co| {
            for n in 0..3 {
                yield_now().await;
                co.yield_(n).await;
            }
        });
        rest(&mut generator).await
    });
    assert_eq!(values, [[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
}

#[test]
fn a_next_that_is_dropped_half_way_loses_nothing() {
    virtually(async {
        let start = time::now();
        let mut generator = countdown(2);
        assert!(timeout(SECOND / 2, generator.next()).await.is_err());
        assert_eq!(generator.next().await, Some(2));
        assert_eq!(time::now() - start, SECOND, "and it did not start again");
        assert_eq!(rest(&mut generator).await, [1]);
    });
}

#[test]
fn it_may_move_to_another_task_between_two_values_and_within_one() {
    virtually(async {
        let mut generator = countdown(3);
        assert_eq!(generator.next().await, Some(3));
        assert!(timeout(SECOND / 2, generator.next()).await.is_err());
        let values = spawn(async move { rest(&mut generator).await }).await.unwrap();
        assert_eq!(values, [2, 1]);
    });
}

#[test]
fn several_generators_wait_concurrently() {
    let seen = RefCell::new(Vec::new());
    virtually(async {
        let consume = async |name, n| {
            let mut generator = countdown(n);
            while let Some(value) = generator.next().await {
                seen.borrow_mut().push((name, value));
            }
        };
        join!(consume('a', 2), consume('b', 2));
    });
    assert_eq!(*seen.borrow(), [('a', 2), ('b', 2), ('a', 1), ('b', 1)]);
}

#[test]
fn a_yield_inside_of_a_combinator_that_polls_only_woken_futures_is_woken() {
    let values = virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            let other = async {
                sleep(SECOND).await;
                0
            };
            let yields = async {
                co.yield_(1).await;
                sleep(SECOND * 2).await;
                co.yield_(2).await;
                3
            };
            let both: [Pin<Box<dyn Future<Output = i32>>>; 2] = [Box::pin(other), Box::pin(yields)];
            let last = join_all(both).await;
            co.yield_(last[1]).await;
        });
        rest(&mut generator).await
    });
    assert_eq!(values, [1, 2, 3]);
}

#[test]
fn a_yield_keeps_no_waker_and_wakes_nothing() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut generator = AsyncGenerator::new(async |co| co.yield_all(0..3).await);
    for expected in [Some(0), Some(1), Some(2), None] {
        let next = Pin::new(&mut generator.next()).poll(&mut Context::from_waker(&waker));
        assert_eq!(next, Poll::Ready(expected));
        assert_eq!(Arc::strong_count(&count), 2);
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
}

#[test]
fn sends_and_throws_arrive_as_in_a_plain_generator() {
    block_on(async {
        let mut generator = AsyncGenerator::new(async |co| {
            let mut sum = 0;
            loop {
                yield_now().await;
                match co.try_yield(sum).await {
                    Ok(number) => sum += number,
                    Err(thrown) if thrown.to_string() == "reset" => sum = 0,
                    Err(other) => co.raise(other).await,
                }
            }
        });
        assert!(generator.send(1).await.unwrap_err().is_just_started());
        assert_eq!(generator.start().await, Ok(Some(0)));
        assert!(generator.start().await.is_err());
        assert_eq!(generator.send(5).await, Ok(Some(5)));
        assert_eq!(generator.throw("reset").await.unwrap(), Some(0));
        assert_eq!(generator.send(2).await, Ok(Some(2)));
        assert_eq!(generator.throw("stop").await.unwrap_err().to_string(), "stop");
        assert!(generator.send(9).await.unwrap_err().is_over());
    });
}

#[test]
fn a_sent_value_is_not_lost_if_the_send_is_dropped() {
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            let mut sent = 0;
            loop {
                sent = co.yield_(sent).await;
                sleep(SECOND).await;
            }
        });
        assert_eq!(generator.start().await, Ok(Some(0)));
        assert!(timeout(SECOND / 2, generator.send(7)).await.is_err());
        let refused = generator.send(8).await.unwrap_err();
        assert_eq!((refused.is_running(), refused.value), (true, 8));
        assert_eq!(generator.resume().await, Some(7));
        assert_eq!(generator.resume().await, None, "it waits in its yield");
        assert_eq!(generator.send(8).await, Ok(Some(8)));
    });
}

#[test]
fn closing_awaits_the_clean_up() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let start = time::now();
        let mut generator = AsyncGenerator::new(async |co| {
            while co.try_yield(1).await.is_ok() {}
            sleep(SECOND).await;
            log.borrow_mut().push("clean");
        });
        assert_eq!(generator.next().await, Some(1));
        generator.close().await.unwrap();
        assert_eq!(time::now() - start, SECOND);
        assert_eq!(generator.next().await, None);
        generator.close().await.unwrap();
    });
    assert_eq!(*log.borrow(), ["clean"]);
}

#[test]
fn closing_drops_a_body_that_waits_in_a_plain_yield_or_elsewhere_or_has_not_started() {
    virtually(async {
        for seconds in [0, 1, 2] {
            let dropped = Cell::new(false);
            let flag = Flag(&dropped);
            let mut generator = AsyncGenerator::new(async move |co| {
                let _flag = flag;
                co.yield_(1).await;
                sleep(SECOND * 10).await;
                unreachable!("it is closed before");
            });
            if seconds > 0 {
                assert_eq!(generator.next().await, Some(1));
            }
            if seconds > 1 {
                assert!(timeout(SECOND, generator.next()).await.is_err());
            }
            generator.close().await.unwrap();
            assert!(dropped.get());
            assert_eq!(generator.next().await, None);
        }
    });
}

#[test]
fn a_yield_during_a_close_is_an_error() {
    block_on(async {
        let mut generator = AsyncGenerator::new(async |co| {
            loop {
                let _ = co.try_yield(1).await;
            }
        });
        assert_eq!(generator.next().await, Some(1));
        assert!(generator.close().await.unwrap_err().is::<IgnoredExit>());
        assert_eq!(generator.next().await, None);
    });
}

#[test]
fn a_panic_comes_out_once_and_then_it_is_closed() {
    let mut generator = AsyncGenerator::new(async |co| {
        co.yield_(1).await;
        yield_now().await;
        panic!("out of cheese");
    });
    assert_eq!(block_on(generator.next()), Some(1));
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(generator.next()))).is_err());
    assert!(generator.is_over());
    assert_eq!(block_on(generator.next()), None);
}

#[test]
fn dropped_half_way_its_destructors_run() {
    let dropped = Cell::new(false);
    let mut generator = AsyncGenerator::new(async |co| {
        let _flag = Flag(&dropped);
        co.yield_(1).await;
    });
    assert_eq!(block_on(generator.next()), Some(1));
    drop(generator);
    assert!(dropped.get());
}

#[test]
fn a_request_to_end_reaches_a_wait_in_the_body() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            co.yield_(1).await;
            match catch_cancel(pending::<()>()).await {
                Ok(()) => unreachable!("it waits forever"),
                Err(cancelled) => {
                    sleep(SECOND).await;
                    log.borrow_mut().push(cancelled.reason().to_owned());
                    cancelled.resume().await;
                }
            }
        });
        let consumed = timeout(SECOND, rest(&mut generator)).await;
        assert!(consumed.is_err());
    });
    assert_eq!(*log.borrow(), ["the deadline has passed"]);
}

#[test]
fn a_catch_around_a_yield_is_not_affected_by_a_timeout_of_next() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            for n in 0..3 {
                let caught = catch_cancel(co.yield_(n)).await;
                log.borrow_mut().push(caught.is_err());
                drop(caught);
                sleep(SECOND).await;
            }
        });
        assert_eq!(generator.next().await, Some(0));
        assert_eq!(generator.next().await, Some(1));
        assert!(timeout(SECOND / 2, generator.next()).await.is_err());
        assert_eq!(generator.next().await, Some(2));
        assert_eq!(generator.next().await, None);
    });
    assert_eq!(*log.borrow(), [false, false, false]);
}

#[test]
fn debug_output_shows_the_state() {
    let mut generator = AsyncGenerator::new(async |co| co.yield_(1).await);
    assert_eq!(format!("{generator:?}"), "AsyncGenerator { state: Created }");
    assert!(format!("{:?}", generator.next()).starts_with("Next { generator: AsyncGenerator"));
}

// ----- what is lent to timeouts -----

/// A generator that holds a resource, and yields 2 seconds after it was resumed.
fn rows<'a>(log: &'a RefCell<Vec<&'static str>>) -> AsyncGenerator<'a, u32> {
    AsyncGenerator::new(async move |co| {
        let query = async |(): &mut ()| {
            for row in 0.. {
                sleep(SECOND * 2).await;
                co.yield_(row).await;
            }
        };
        task::with((), query, async |(), _| {
            sleep(SECOND).await;
            log.borrow_mut().push("closed");
        })
        .await;
    })
}

#[test]
fn a_generator_that_a_timeout_has_ended_is_over() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let mut rows = rows(&log);
        let start = time::now();
        assert!(timeout(SECOND, rows.next()).await.is_err());
        assert_eq!(time::now() - start, SECOND * 2, "it is closed first");
        for _ in 0..3 {
            assert_eq!(timeout(SECOND, rows.next()).await, Ok(None));
        }
        assert!(rows.is_over());
        assert_eq!(time::now() - start, SECOND * 2);
    });
    assert_eq!(log.take(), ["closed"]);
}

#[test]
fn a_next_that_is_lent_to_timeouts_is_over_too() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let mut rows = rows(&log);
        let mut next = rows.next();
        assert!(timeout(SECOND, &mut next).await.is_err());
        assert_eq!(timeout(SECOND, &mut next).await, Ok(None));
    });
    assert_eq!(log.take(), ["closed"]);
}

#[test]
fn a_timeout_ends_a_generator_when_every_with_in_it_has_closed() {
    let story = Story::default();
    virtually(async {
        let mut generator: AsyncGenerator<'_, u32> = AsyncGenerator::new(async |_co| {
            story.with("outer", story.with("inner", pending())).await;
        });
        let start = time::now();
        assert!(timeout(SECOND, generator.next()).await.is_err());
        assert_eq!(time::now() - start, SECOND * 3);
        assert_eq!(timeout(SECOND, generator.next()).await, Ok(None));
    });
    let deadline = "the deadline has passed";
    assert_eq!(story.0.take(), [format!("inner: {deadline}"), format!("outer: {deadline}")]);
    assert!(task::__has_no_regions());
}

#[test]
fn a_generator_that_was_lent_to_a_timeout_which_is_gone_is_over() {
    let story = Story::default();
    virtually(async {
        let mut generator: AsyncGenerator<'_, u32> = AsyncGenerator::new(async |_co| {
            story.with("outer", story.with("inner", pending())).await;
        });
        let mut next = generator.next();
        let mut limited = Box::pin(timeout(SECOND, &mut next));
        // Until the inner one has resumed the request, and the outer one has not taken it.
        while story.0.borrow().is_empty() {
            assert!(notes::poll_once(&mut limited).await.is_pending());
            sleep(SECOND / 10).await;
        }
        drop(limited);
        assert_eq!(next.await, None);
        assert!(generator.is_over());
    });
    assert_eq!(story.0.take(), ["inner: the deadline has passed"]);
    assert!(task::__has_no_regions());
}

#[test]
fn a_heartbeat_keeps_a_generator_alive() {
    let log = RefCell::new(Vec::new());
    virtually(async {
        let mut rows = rows(&log);
        let mut beats = 0;
        let mut next = rows.next();
        let row = loop {
            select! {
                row = &mut next => break row,
                () = sleep(SECOND * 3 / 4) => beats += 1,
            }
        };
        assert_eq!((row, beats), (Some(0), 2));
        assert_eq!(rows.next().await, Some(1));
        rows.close().await.unwrap();
    });
    assert_eq!(log.take(), ["closed"]);
}

// ----- closing: what is around a plain yield cleans up -----

/// Notes in which order things happen, and when.
#[derive(Default)]
struct Story(RefCell<Vec<String>>);

impl Story {
    fn say(&self, what: &str) {
        self.0.borrow_mut().push(what.to_owned());
    }

    /// Runs `body` with a resource that takes a second to close.
    async fn with(&self, name: &str, body: impl Future<Output = ()>) {
        let close = async |(), exit: task::Exit<'_, ()>| {
            sleep(SECOND).await;
            self.say(&match exit {
                task::Exit::Returned(()) => format!("{name}: returned"),
                task::Exit::Cancelled(cancelled) => format!("{name}: {}", cancelled.reason()),
                task::Exit::Panicked => format!("{name}: panicked"),
            });
        };
        task::with((), async |(): &mut ()| body.await, close).await;
    }
}

/// Creates a generator, takes its first value, and closes it. Returns the story, and the seconds that the close took.
fn closed<F>(body: F) -> (Vec<String>, u64)
where
    F: AsyncFnOnce(Co<u32>, &Story),
{
    let story = Story::default();
    let took = virtually(async {
        let mut generator = AsyncGenerator::new(async |co| body(co, &story).await);
        assert_eq!(generator.next().await, Some(1));
        let start = time::now();
        let outcome = timeout(SECOND * 1000, generator.close()).await.expect("it ends");
        if let Err(thrown) = outcome {
            story.say(&thrown.to_string());
        }
        assert!(generator.is_over());
        assert_eq!(generator.next().await, None);
        generator.close().await.unwrap();
        (time::now() - start).as_secs()
    });
    assert!(task::__has_no_regions());
    (story.0.take(), took)
}

const EXIT: &str = "the generator is being closed";

#[test]
fn closing_runs_the_closing_part_of_every_with_around_a_plain_yield() {
    let (story, took) = closed(async |co, story| {
        let inner = story.with("inner", async {
            co.yield_(1).await;
            unreachable!("it is closed");
        });
        story.with("outer", inner).await;
        unreachable!("the request goes on");
    });
    assert_eq!(story, [format!("inner: {EXIT}"), format!("outer: {EXIT}")]);
    assert_eq!(took, 2);
}

#[test]
fn a_catch_around_a_yield_may_deal_with_the_close_and_the_body_goes_on_to_its_end() {
    let (story, took) = closed(async |co, story| {
        let cancelled = catch_cancel(co.yield_(1)).await.unwrap_err();
        sleep(SECOND).await;
        story.say(cancelled.reason());
        drop(cancelled);
        sleep(SECOND).await;
        story.say("the end");
    });
    assert_eq!(story, [EXIT, "the end"]);
    assert_eq!(took, 2);
}

#[test]
fn a_mask_around_a_yield_does_not_hold_a_close_back() {
    let (story, took) = closed(async |co, story| {
        let masked = task::mask(story.with("inner", task::mask(co.yield_(1))));
        story.with("outer", task::mask(masked)).await;
    });
    assert_eq!(story, [format!("inner: {EXIT}"), format!("outer: {EXIT}")]);
    assert_eq!(took, 2);
}

#[test]
fn a_mask_beside_a_yield_is_waited_for() {
    let (story, took) = closed(async |co, story| {
        let masked = task::mask(async {
            sleep(SECOND * 3).await;
            story.say("the mask has ended");
        });
        let both = async {
            join!(co.yield_(1), masked);
        };
        story.with("both", both).await;
    });
    assert_eq!(story, ["the mask has ended".to_owned(), format!("both: {EXIT}")]);
    assert_eq!(took, 4);
}

#[test]
fn a_neighbour_that_deals_with_the_close_does_not_leave_the_yield_waiting() {
    let (story, took) = closed(async |co, story| {
        let neighbour = async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(SECOND).await;
            story.say(cancelled.reason());
        };
        let both = async {
            join!(neighbour, co.yield_(1));
        };
        story.with("both", both).await;
    });
    assert_eq!(story, [EXIT.to_owned(), format!("both: {EXIT}")]);
    assert_eq!(took, 2);
}

#[test]
fn the_children_of_a_scope_around_a_yield_clean_up() {
    let (story, took) = closed(async |co, story| {
        let children = task::scope(async |s| {
            s.spawn(story.with("child", pending()));
            story.with("body", async { co.yield_(1).await }).await;
        });
        Box::pin(story.with("outer", async { drop(children.await) })).await;
    });
    assert_eq!(story.len(), 3);
    assert!(story.contains(&format!("child: {EXIT}")) && story.contains(&format!("body: {EXIT}")));
    assert_eq!((story[2].as_str(), took), (&*format!("outer: {EXIT}"), 2));
}

#[test]
fn a_yield_in_the_child_of_a_scope_is_closed() {
    for masks in 0..4 {
        let (is_masked_inside, is_masked_outside) = (masks & 1 > 0, masks & 2 > 0);
        let (story, took) = closed(async |co, story| {
            let yields = async {
                if is_masked_inside {
                    task::mask(co.yield_(1)).await;
                } else {
                    co.yield_(1).await;
                }
            };
            let children = task::scope(async |s| {
                s.spawn(story.with("child", yields));
                if !is_masked_outside {
                    pending::<()>().await;
                }
            });
            let outer = async {
                if is_masked_outside {
                    drop(task::mask(children).await);
                } else {
                    drop(children.await);
                }
            };
            story.with("outer", outer).await;
        });
        // A mask around the scope ends with the child, and only then there is something else to deliver to.
        let outer = if is_masked_outside { "returned" } else { EXIT };
        assert_eq!(story, [format!("child: {EXIT}"), format!("outer: {outer}")]);
        assert_eq!(took, 2);
    }
}

#[test]
fn the_body_of_a_scope_receives_one_request() {
    for is_masked in [false, true] {
        let (story, _) = closed(async |co, story| {
            let scope = task::scope(async |s| {
                s.spawn(sleep(SECOND * 7));
                let cancelled = catch_cancel(co.yield_(1)).await.unwrap_err();
                story.say(&format!("{} request", cancelled.requests()));
                cancelled.resume().await;
            });
            if is_masked {
                drop(task::mask(scope).await);
            } else {
                drop(scope.await);
            }
        });
        assert_eq!(story, ["1 request"]);
    }
}

#[test]
fn a_generator_whose_body_yields_from_another_one_closes_both() {
    let (story, took) = closed(async |co, story| {
        let mut inner: AsyncGenerator<'_, ()> = AsyncGenerator::new(async |_co| {
            story.with("inner", task::mask(co.yield_(1))).await;
        });
        story.with("outer", async { assert_eq!(inner.next().await, None) }).await;
    });
    assert_eq!(story, [format!("inner: {EXIT}"), format!("outer: {EXIT}")]);
    assert_eq!(took, 2);
}

#[test]
fn a_yield_in_any_group_is_closed() {
    const MANY: usize = 40;
    for count in [2, MANY] {
        for is_foreign in [false, true] {
            for is_masked in [false, true] {
                let (story, took) = closed(async |co, story| {
                    type Member<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
                    let masked = async { task::mask(co.yield_(1)).await };
                    let plain = async { co.yield_(1).await };
                    let yields: Member<'_> =
                        if is_masked { Box::pin(masked) } else { Box::pin(plain) };
                    let mut members: Vec<Member<'_>> = vec![Box::pin(story.with("yield", yields))];
                    members.push(Box::pin(story.with("neighbour", pending())));
                    members.resize_with(count, || Box::pin(pending()));
                    if is_foreign {
                        members.into_iter().collect::<FuturesUnordered<_>>().collect::<()>().await;
                    } else {
                        join_all(members).await;
                    }
                });
                let mut story = story;
                story.sort();
                assert_eq!(story, [format!("neighbour: {EXIT}"), format!("yield: {EXIT}")]);
                assert_eq!(took, 1);
            }
        }
    }
}

#[test]
fn a_yield_in_a_clean_up_during_a_close_is_an_error() {
    let (story, took) = closed(async |co, story| {
        let careless = async {
            let _cancelled = catch_cancel(co.yield_(1)).await.unwrap_err();
            story.say("yields again");
            co.yield_(2).await;
            unreachable!("it is dropped");
        };
        careless.await;
    });
    assert_eq!(story, ["yields again".to_owned(), IgnoredExit.to_string()]);
    assert_eq!(took, 0);
}

#[test]
fn a_try_yield_that_ignores_the_close_is_left_by_its_with() {
    let (story, took) = closed(async |co, story| {
        let ignores = async {
            loop {
                let _ignored = co.try_yield(1).await;
            }
        };
        story.with("resource", ignores).await;
    });
    assert_eq!(story, [format!("resource: {IgnoredExit}"), IgnoredExit.to_string()]);
    assert_eq!(took, 1);
}

#[test]
fn a_raise_in_a_with_runs_its_closing_part() {
    let (story, took) = closed(async |co, story| {
        let raises = async {
            let thrown = co.try_yield(1).await.unwrap_err();
            task::mask(co.raise(thrown)).await;
        };
        story.with("resource", raises).await;
    });
    assert_eq!(story, [format!("resource: {EXIT}")]);
    assert_eq!(took, 1);
    let (story, _) = closed(async |co, story| {
        let raises = async {
            let _thrown = co.try_yield(1).await;
            co.raise(Thrown::new("out of paper")).await;
        };
        story.with("resource", raises).await;
    });
    assert_eq!(story, ["resource: out of paper", "out of paper"]);
}

#[test]
fn throwing_at_a_plain_yield_runs_the_closing_part_of_a_with_around_it() {
    let story = Story::default();
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            story.with("resource", async { co.yield_(1).await }).await;
        });
        assert_eq!(generator.next().await, Some(1));
        assert_eq!(generator.throw("no").await.unwrap_err().to_string(), "no");
        assert!(generator.is_over());
    });
    assert_eq!(story.0.take(), ["resource: no"]);
}

/// A clean-up that was under way before may be the one that waits in the yield.
#[test]
fn a_yield_in_a_clean_up_of_something_else_does_not_hold_a_close_up() {
    let (story, took) = closed(async |co, story| {
        let caught = catch_cancel(timeout(SECOND, pending::<()>())).await;
        assert!(caught.is_ok());
        let token = CancelToken::new();
        let stopped = token.run_until_cancelled(async {
            let cleans_up = async {
                token.cancel();
                let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                story.with("inner", task::mask(co.yield_(1))).await;
            };
            story.with("outer", cleans_up).await;
        });
        stopped.await;
    });
    assert_eq!(story, [format!("inner: {EXIT}"), format!("outer: {EXIT}")]);
    assert_eq!(took, 2);
}

// ----- closing: between two yields -----

#[test]
fn closing_between_two_yields_runs_the_clean_ups_too() {
    let story = Story::default();
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            co.yield_(1).await;
            story.with("resource", pending()).await;
        });
        assert_eq!(generator.next().await, Some(1));
        select! {
            _ = generator.next() => unreachable!("it waits forever"),
            () = sleep(SECOND) => {}
        }
        generator.close().await.unwrap();
        assert!(generator.is_over());
    });
    assert_eq!(story.0.take(), [format!("resource: {EXIT}")]);
}

#[test]
fn a_body_that_reaches_a_yield_while_it_is_closed_ends_there() {
    let story = Story::default();
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            co.yield_(1).await;
            let slow = async {
                task::mask(sleep(SECOND * 5)).await;
                co.yield_(2).await;
                unreachable!("it is closed");
            };
            story.with("resource", slow).await;
        });
        assert_eq!(generator.next().await, Some(1));
        select! {
            _ = generator.next() => unreachable!("it takes five seconds"),
            () = sleep(SECOND) => {}
        }
        let start = time::now();
        generator.close().await.unwrap();
        assert_eq!(time::now() - start, SECOND * 5, "four for the mask and one for the clean-up");
    });
    assert_eq!(story.0.take(), [format!("resource: {EXIT}")]);
}

#[test]
fn a_close_that_was_dropped_half_way_is_continued_by_the_next_one() {
    for is_closed in [false, true] {
        let story = Story::default();
        virtually(async {
            let mut generator = AsyncGenerator::new(async |co| {
                let both = story.with("inner", async { co.yield_(1).await });
                story.with("outer", both).await;
            });
            assert_eq!(generator.next().await, Some(1));
            select! {
                _ = generator.close() => unreachable!("it takes two seconds"),
                () = sleep(SECOND / 2) => {}
            }
            assert!(story.0.borrow().is_empty() && !generator.is_over());
            if is_closed {
                generator.close().await.unwrap();
            } else {
                assert_eq!(generator.next().await, None);
            }
            assert!(generator.is_over());
        });
        assert_eq!(story.0.take(), [format!("inner: {EXIT}"), format!("outer: {EXIT}")]);
        assert!(task::__has_no_regions());
    }
}

#[test]
fn a_close_that_was_dropped_after_its_first_poll_is_continued_too() {
    let story = Story::default();
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            story.with("resource", task::mask(co.yield_(1))).await;
        });
        assert_eq!(generator.next().await, Some(1));
        select! {
            biased;
            _ = generator.close() => unreachable!("it takes a second"),
            () = async {} => {}
        }
        sleep(SECOND).await;
        generator.close().await.unwrap();
    });
    assert_eq!(story.0.take(), [format!("resource: {EXIT}")]);
}

// ----- closing, and requests from elsewhere -----

#[test]
fn a_close_is_not_interrupted_by_a_timeout() {
    let story = Story::default();
    virtually(async {
        let mut generator = AsyncGenerator::new(async |co| {
            story.with("resource", async { co.yield_(1).await }).await;
        });
        assert_eq!(generator.next().await, Some(1));
        let start = time::now();
        timeout(SECOND / 2, generator.close()).await.expect("it ends by itself").unwrap();
        assert_eq!(time::now() - start, SECOND);
    });
    assert_eq!(story.0.take(), [format!("resource: {EXIT}")]);
}

#[test]
fn the_clean_up_of_a_cancelled_task_closes_its_generator() {
    let ways: [fn(&Scheduler, &JoinHandle<()>); 2] = [
        |scheduler, handle| {
            handle.cancel();
            scheduler.run().unwrap();
        },
        |scheduler, _| {
            assert!(scheduler.shutdown(SECOND * 60).unwrap().is_clean());
        },
    ];
    for way in ways {
        let story = Rc::new(Story::default());
        let scheduler = Scheduler::builder().virtual_time().build();
        let own = Rc::clone(&story);
        let handle = scheduler.spawn(async move {
            let mut generator = AsyncGenerator::new(async |co| {
                own.with("resource", async { co.yield_(1).await }).await;
            });
            let work = async {
                assert_eq!(generator.next().await, Some(1));
                pending::<()>().await;
            };
            match catch_cancel(work).await {
                Ok(()) => unreachable!("it waits forever"),
                Err(cancelled) => {
                    generator.close().await.unwrap();
                    own.say(cancelled.reason());
                }
            }
        });
        scheduler.run_until_stalled();
        way(&scheduler, &handle);
        let story = story.0.take();
        assert_eq!(story[0], format!("resource: {EXIT}"));
        assert_eq!(story.len(), 2);
        assert!(task::__has_no_regions());
    }
}

#[test]
fn a_generator_that_moved_to_another_task_is_closed_there() {
    let story = Rc::new(Story::default());
    virtually(async {
        let own = Rc::clone(&story);
        let mut generator = AsyncGenerator::new(async move |co| {
            own.with("resource", async { co.yield_(1).await }).await;
        });
        assert_eq!(timeout(SECOND, generator.next()).await, Ok(Some(1)));
        spawn(async move { generator.close().await.unwrap() }).await.unwrap();
    });
    assert_eq!(story.0.take(), [format!("resource: {EXIT}")]);
}

#[test]
fn a_close_awaits_the_clean_up_on_any_executor() {
    let steps = elsewhere::everywhere(|| async {
        let steps = Cell::new(0);
        let mut generator = AsyncGenerator::new(async |co| {
            let body = async |(): &mut ()| task::mask(co.yield_(1)).await;
            task::with((), body, async |(), _| {
                yield_now().await;
                steps.set(steps.get() + 1);
            })
            .await;
        });
        assert_eq!(generator.next().await, Some(1));
        generator.close().await.unwrap();
        drop(generator);
        steps.get()
    });
    assert_eq!(steps, [1; 3]);
    assert!(task::__has_no_regions());
}

// ----- random bodies -----

/// A part of a body. Without its yield, it ends by itself, or it waits forever and nothing holds a request back for it.
#[derive(Clone, Debug)]
enum Part {
    Sleep(u32),
    Forever,
    With(Box<Part>),
    /// The sleep in it is a mask.
    Masked(u32),
    Timeout(u32, Box<Part>),
    Then(Box<Part>, Box<Part>),
    Group(bool, Vec<Part>),
    Scope(Vec<Part>),
}

/// The way from the body to its yield.
#[derive(Clone, Debug)]
enum Way {
    Yield,
    With(Box<Way>),
    Mask(Box<Way>),
    Timeout(Box<Way>),
    /// After some seconds.
    After(u32, Box<Way>),
    Group(bool, Vec<Part>, Box<Way>),
    /// In a clean-up of something else.
    Caught(Box<Way>),
    Scope(Vec<Part>, Box<Way>),
}

/// For each resource that was opened, whether it was closed.
#[derive(Default)]
struct Resources(RefCell<Vec<bool>>);

type Local<'a, T = ()> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Resources {
    async fn with(&self, body: Local<'_>) {
        let number = self.0.borrow().len();
        self.0.borrow_mut().push(false);
        let close = async |(), _: task::Exit<'_, ()>| {
            sleep(SECOND).await;
            self.0.borrow_mut()[number] = true;
        };
        task::with((), async |(): &mut ()| body.await, close).await;
    }

    fn part<'a>(&'a self, part: &'a Part) -> Local<'a> {
        Box::pin(async move {
            match part {
                Part::Sleep(seconds) => sleep(SECOND * *seconds).await,
                Part::Forever => pending().await,
                Part::With(inner) => self.with(self.part(inner)).await,
                Part::Masked(seconds) => task::mask(sleep(SECOND * *seconds)).await,
                Part::Timeout(seconds, inner) => {
                    let _outcome = timeout(SECOND * *seconds, self.part(inner)).await;
                }
                Part::Then(first, second) => {
                    self.part(first).await;
                    self.part(second).await;
                }
                Part::Group(is_large, parts) => self.group(*is_large, parts, None).await,
                Part::Scope(parts) => {
                    let scope = task::scope(async |s| {
                        for part in parts {
                            s.spawn(self.part(part));
                        }
                    });
                    drop(scope.await);
                }
            }
        })
    }

    async fn group<'a>(&'a self, is_large: bool, parts: &'a [Part], way: Option<Local<'a>>) {
        let mut members: Vec<Local<'_>> = parts.iter().map(|part| self.part(part)).collect();
        members.extend(way);
        if is_large {
            members.extend((0..35).map(|_| Box::pin(async {}) as Local<'_>));
        }
        join_all(members).await;
    }

    fn way<'a>(&'a self, way: &'a Way, co: &'a Co<u32>) -> Local<'a> {
        Box::pin(async move {
            match way {
                Way::Yield => co.yield_(1).await,
                Way::With(inner) => self.with(self.way(inner, co)).await,
                Way::Mask(inner) => task::mask(self.way(inner, co)).await,
                Way::Timeout(inner) => {
                    let _outcome = timeout(SECOND * 100, self.way(inner, co)).await;
                }
                Way::After(seconds, inner) => {
                    sleep(SECOND * *seconds).await;
                    self.way(inner, co).await;
                }
                Way::Group(is_large, parts, inner) => {
                    self.group(*is_large, parts, Some(self.way(inner, co))).await;
                }
                Way::Caught(inner) => {
                    let token = CancelToken::new();
                    let stopped = token.run_until_cancelled(async {
                        token.cancel();
                        let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                        self.way(inner, co).await;
                    });
                    stopped.await;
                }
                Way::Scope(parts, inner) => {
                    let scope = task::scope(async |s| {
                        for part in parts {
                            s.spawn(self.part(part));
                        }
                        self.way(inner, co).await;
                    });
                    drop(scope.await);
                }
            }
        })
    }
}

fn any_part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![(0..5_u32).prop_map(Part::Sleep), Just(Part::Forever)];
    let parts = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Part::With(inner.into())),
            (0..5_u32, inner.clone())
                .prop_map(|(seconds, inner)| Part::Timeout(seconds, inner.into())),
            (inner.clone(), inner.clone())
                .prop_map(|(first, second)| Part::Then(first.into(), second.into())),
            (any::<bool>(), vec(inner.clone(), 1..3))
                .prop_map(|(is_large, parts)| Part::Group(is_large, parts)),
            vec(inner, 1..3).prop_map(Part::Scope),
        ]
    });
    // Not within a resource: if a neighbour takes the request before the mask has ended, none is left to deliver.
    prop_oneof![4 => parts, 1 => (0..5_u32).prop_map(Part::Masked)]
}

fn any_way() -> impl Strategy<Value = Way> {
    Just(Way::Yield).prop_recursive(6, 12, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Way::With(inner.into())),
            inner.clone().prop_map(|inner| Way::Mask(inner.into())),
            inner.clone().prop_map(|inner| Way::Timeout(inner.into())),
            inner.clone().prop_map(|inner| Way::Caught(inner.into())),
            (0..5_u32, inner.clone())
                .prop_map(|(seconds, inner)| Way::After(seconds, inner.into())),
            (any::<bool>(), vec(any_part(), 1..3), inner.clone())
                .prop_map(|(is_large, parts, inner)| Way::Group(is_large, parts, inner.into())),
            (vec(any_part(), 1..3), inner)
                .prop_map(|(parts, inner)| Way::Scope(parts, inner.into())),
        ]
    })
}

proptest! {
    /// Whether the body waits in its yield or elsewhere, and whatever is around that and beside it.
    #[test]
    fn a_close_ends_and_every_resource_that_was_open_is_closed(way in any_way(), patience in 0..12_u32) {
        let resources = Resources::default();
        let scheduler = Scheduler::builder().virtual_time().build();
        let took = scheduler.block_on(async {
            let mut generator =
                AsyncGenerator::new(async |co| resources.way(&way, &co).await);
            let is_at_yield = select! {
                _value = generator.next() => true,
                () = sleep(SECOND * patience) => false,
            };
            let (start, opened) = (time::now(), resources.0.borrow().len());
            let outcome = generator.close().await;
            prop_assert!(generator.is_over());
            // What is opened after a neighbour has taken the request does not receive it; and a branch that reaches its
            // first yield after that cannot be told from a clean-up that yields.
            if is_at_yield || outcome.is_ok() {
                prop_assert!(outcome.is_ok());
                prop_assert!(resources.0.borrow()[..opened].iter().all(|&is_closed| is_closed));
            }
            Ok(time::now() - start)
        })?;
        prop_assert!(took < SECOND * 100, "no timeout of the way has passed");
        drop(scheduler);
        prop_assert!(task::__has_no_regions());
    }
}

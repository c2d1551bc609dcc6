//! Generators whose bodies wait.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use turnwise::generator::{AsyncGenerator, IgnoredExit};
use turnwise::task::catch_cancel;
use turnwise::{Scheduler, block_on, join, join_all, sleep, spawn, time, timeout, yield_now};

mod elsewhere;

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

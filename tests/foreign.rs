//! Foreign futures on our scheduler, and our futures on foreign executors.
#![allow(clippy::async_yields_async, reason = "a sleep is created in a run and awaited elsewhere")]

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::future::{Either, FutureExt, abortable, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{SinkExt, pin_mut};

use probe::{Log, Rings, Shared, Spot, poll_with, virtual_time};
use turnwise::time::Sleep;
use turnwise::{JoinHandle, Scheduler, block_on, sleep, spawn, time, yield_now};

// ----- foreign futures on our scheduler -----

#[test]
fn futures_channels_carry_values_between_our_tasks() {
    for bound in [0, 1, 10] {
        let sum = block_on(async move {
            let (mut sender, mut receiver) = mpsc::channel(bound);
            let mut second = sender.clone();
            spawn(async move {
                for number in 0..100 {
                    sender.send(number).await.unwrap();
                }
            });
            spawn(async move {
                for number in 0..100 {
                    second.send(number).await.unwrap();
                    yield_now().await;
                }
            });
            let mut sum = 0;
            while let Some(number) = receiver.next().await {
                sum += number;
            }
            sum
        });
        assert_eq!(sum, 2 * 4950);
    }
}

#[test]
fn a_futures_oneshot_wakes_its_receiver_for_a_value_and_for_a_dropped_sender() {
    block_on(async {
        let (sender, receiver) = oneshot::channel();
        let receiver = spawn(receiver);
        yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(receiver.await.unwrap(), Ok(7));
        let (sender, receiver) = oneshot::channel::<i32>();
        let receiver = spawn(receiver);
        yield_now().await;
        drop(sender);
        assert!(receiver.await.unwrap().is_err());
    });
}

#[test]
fn futures_unordered_gives_handles_in_the_order_in_which_their_tasks_end() {
    let scheduler = virtual_time();
    let order = scheduler.block_on(async {
        let handles: FuturesUnordered<JoinHandle<u64>> = [3, 1, 2, 5, 4]
            .into_iter()
            .map(|seconds| {
                spawn(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    seconds
                })
            })
            .collect();
        handles.map(Result::unwrap).collect::<Vec<_>>().await
    });
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn join_all_waits_for_every_handle_and_keeps_their_order() {
    // With more than 30 futures, it is a `FuturesOrdered` with wakers of its own.
    for count in [3, 100] {
        let scheduler = virtual_time();
        let outputs = scheduler.block_on(async move {
            let task = |number: u64| async move {
                sleep(Duration::from_secs(count - number)).await;
                number
            };
            join_all((0..count).map(|number| spawn(task(number)))).await
        });
        let outputs: Vec<u64> = outputs.into_iter().map(Result::unwrap).collect();
        assert_eq!(outputs, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn select_gives_the_first_and_the_other_can_be_awaited_again() {
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let start = time::now();
        let slow = spawn(async {
            sleep(Duration::from_secs(5)).await;
            "slow"
        });
        let nap = sleep(Duration::from_secs(1));
        pin_mut!(nap);
        let Either::Left(((), slow)) = select(nap, slow).await else {
            panic!("the sleep is shorter");
        };
        assert_eq!(time::now() - start, Duration::from_secs(1));
        assert_eq!(slow.await.unwrap(), "slow");
        assert_eq!(time::now() - start, Duration::from_secs(5));
    });
}

#[test]
fn a_shared_handle_wakes_all_waiters() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    let waited = spot.wait();
    let handle = scheduler.spawn(async move {
        waited.await;
        5
    });
    let shared = handle.map(Result::unwrap).shared();
    let sum = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (shared, sum) = (shared.clone(), Rc::clone(&sum));
        scheduler.spawn(async move {
            let output = shared.await;
            sum.set(sum.get() + output);
        });
    }
    scheduler.run_until_stalled();
    assert_eq!(sum.get(), 0);
    spot.open();
    scheduler.run().unwrap();
    assert_eq!(sum.get(), 15);
}

#[test]
fn the_abort_handle_of_futures_ends_a_wait() {
    let scheduler = Scheduler::new();
    let (endless, abort) = abortable(pending::<()>());
    let handle = scheduler.spawn(endless);
    scheduler.run_until_stalled();
    abort.abort();
    assert!(scheduler.block_on(handle).unwrap().is_err());
}

#[test]
fn tokio_channels_carry_values_between_our_tasks() {
    block_on(async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let (done, answer) = tokio::sync::oneshot::channel();
        spawn(async move {
            for number in 0..1000 {
                sender.send(number).await.unwrap();
            }
        });
        spawn(async move {
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            done.send(sum).unwrap();
        });
        assert_eq!(answer.await, Ok(499_500));
    });
}

#[test]
fn tokio_notify_and_semaphore_wake_our_tasks_in_order() {
    let log = Log::default();
    let scheduler = Scheduler::new();
    let notify = Rc::new(tokio::sync::Notify::new());
    let semaphore = Rc::new(tokio::sync::Semaphore::new(1));
    for number in 0..3 {
        let (notify, semaphore, log) = (Rc::clone(&notify), Rc::clone(&semaphore), log.clone());
        scheduler.spawn(async move {
            notify.notified().await;
            log.note(format!("{number} notified"));
            let _permit = semaphore.acquire().await.unwrap();
            yield_now().await;
            log.note(format!("{number} let in"));
        });
    }
    scheduler.run_until_stalled();
    notify.notify_waiters();
    scheduler.run().unwrap();
    let expected = ["0 notified", "1 notified", "2 notified", "0 let in", "1 let in", "2 let in"];
    assert_eq!(log.take(), expected);
}

// ----- our futures on foreign executors -----

/// Runs a future on tokio, on this thread.
fn on_tokio<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// Gives tokio's other tasks a few turns.
async fn let_tokio_run() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_handle_is_awaited_on_another_executor() {
    let scheduler = virtual_time();
    on_tokio(async {
        let handle = scheduler.spawn(async {
            sleep(Duration::from_secs(1)).await;
            "slept"
        });
        let output = tokio::task::spawn_local(async { handle.await.unwrap() });
        for _ in 0..3 {
            let_tokio_run().await;
            scheduler.run_until_stalled();
            assert!(!output.is_finished());
        }
        scheduler.advance(Duration::from_secs(1));
        scheduler.run_until_stalled();
        assert_eq!(output.await.unwrap(), "slept");
    });
}

#[test]
fn a_sleep_is_awaited_on_another_executor() {
    let scheduler = virtual_time();
    on_tokio(async {
        let nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
        let sleeper = tokio::task::spawn_local(nap);
        let_tokio_run().await;
        scheduler.advance(Duration::from_secs(1));
        let_tokio_run().await;
        assert!(!sleeper.is_finished(), "the timer fires when its scheduler runs");
        scheduler.run_until_stalled();
        sleeper.await.unwrap();
    });
}

#[test]
fn another_executor_drives_the_scheduler_from_one_of_its_tasks() {
    let scheduler = Scheduler::new();
    let (wake, mut woken) = mpsc::unbounded();
    scheduler.on_wake(move || wake.unbounded_send(()).unwrap_or_default());
    let (question, mut asked) = mpsc::unbounded();
    let answers = scheduler.spawn(async move {
        let mut sum = 0;
        while let Some(number) = asked.next().await {
            sum += number;
        }
        sum
    });
    let sum = on_tokio(async {
        tokio::task::spawn_local(async move {
            for number in 0..10 {
                question.unbounded_send(number).unwrap();
                tokio::task::yield_now().await;
            }
        });
        while !answers.is_finished() {
            woken.next().await;
            scheduler.run_until_stalled();
        }
        answers.await.unwrap()
    });
    assert_eq!(sum, 45);
}

// RUSTSEC-2020-0060, -0061, futures-rs#2830: a static or noop waker was mistaken for one with an owner.
#[test]
fn handles_and_sleeps_may_be_polled_with_a_noop_waker() {
    let scheduler = virtual_time();
    let spot = Spot::default();
    let mut handle = scheduler.spawn(spot.wait());
    let mut nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
    for _ in 0..3 {
        assert!(poll_with(&mut handle, Waker::noop()).is_pending());
        assert!(poll_with(&mut nap, Waker::noop()).is_pending());
        scheduler.run_until_stalled();
    }
    spot.open();
    scheduler.run_until_stalled();
    assert!(matches!(poll_with(&mut handle, Waker::noop()), Poll::Ready(Ok(()))));
    scheduler.advance(Duration::from_secs(1));
    scheduler.run_until_stalled();
    assert!(poll_with(&mut nap, Waker::noop()).is_ready());
    assert!(poll_with(&mut nap, Waker::noop()).is_ready(), "a sleep that has ended stays ended");
}

// A sleep that is polled elsewhere has no task; it fires when it is due, whether the last task ends or not.
#[test]
fn a_run_that_ends_the_last_task_fires_due_timers() {
    let scheduler = virtual_time();
    let (rings, waker) = Rings::new();
    let mut nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
    assert!(poll_with(&mut nap, &waker).is_pending());
    scheduler.advance(Duration::from_secs(1));
    scheduler.spawn(async {});
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!(rings.get(), 1);
}

// tokio#8095, #7886, #6986: a waker was kept in a dead receiver, registration or handle.
#[test]
fn a_waker_is_dropped_as_soon_as_nothing_waits() {
    let scheduler = virtual_time();
    let (rings, waker) = Rings::new();
    let held = || Arc::strong_count(&rings) - 2;
    let mut handle = scheduler.spawn(pending::<()>());
    let mut nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
    for _ in 0..3 {
        assert!(poll_with(&mut handle, &waker).is_pending());
        assert!(poll_with(&mut nap, &waker).is_pending());
    }
    assert_eq!(held(), 2, "one clone for each, however often it is polled");
    drop(handle);
    assert_eq!(held(), 1);
    drop(nap);
    assert_eq!(held(), 0);

    let spot = Spot::default();
    let mut handle = scheduler.spawn(spot.wait());
    let mut nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
    assert!(poll_with(&mut handle, &waker).is_pending());
    assert!(poll_with(&mut nap, &waker).is_pending());
    scheduler.run_until_stalled();
    spot.open();
    scheduler.run_until_stalled();
    scheduler.advance(Duration::from_secs(1));
    scheduler.run_until_stalled();
    assert_eq!((held(), rings.get()), (0, 2), "the wake consumed it");
    drop((handle, nap));

    let mut nap = scheduler.block_on(async { sleep(Duration::from_secs(1)) });
    let mut handle = scheduler.spawn(pending::<()>());
    assert!(poll_with(&mut handle, &waker).is_pending());
    assert!(poll_with(&mut nap, &waker).is_pending());
    drop(scheduler);
    assert_eq!(held(), 1, "the task has ended, and only the sleep still holds it");
    drop(nap);
    assert_eq!((held(), rings.get()), (0, 3));
    drop(handle);
}

// ----- polled by one, then by another -----

#[derive(Clone, Copy, Debug, PartialEq)]
enum Poller {
    /// A task of the scheduler that the polled future belongs to.
    Own,
    /// A task of another scheduler on this thread.
    Other,
    /// A waker that belongs to no task.
    Foreign,
}

/// Polls something as `poller`, and returns a function that counts its wakes since then.
fn poll_as<F>(
    poller: Poller,
    both: &[Rc<Scheduler>; 2],
    shared: &Shared<F>,
) -> Box<dyn Fn() -> usize>
where
    F: Future + Unpin + 'static,
{
    if poller == Poller::Foreign {
        let (rings, waker) = Rings::new();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(shared.poll(&mut cx).is_pending());
        return Box::new(move || rings.get());
    }
    let scheduler = Rc::clone(&both[usize::from(poller == Poller::Other)]);
    let (turns, shared) = (Rc::new(Cell::new(0)), shared.clone());
    let count = Rc::clone(&turns);
    scheduler.spawn(poll_fn(move |cx| {
        count.set(count.get() + 1);
        shared.poll(cx).map(drop)
    }));
    scheduler.run_until_stalled();
    Box::new(move || {
        scheduler.run_until_stalled();
        turns.get() - 1
    })
}

/// Polls something by one poller and then by another, makes it ready, and checks which one was woken.
fn last_one_is_woken<F: Future + Unpin + 'static>(
    make: impl Fn(&Rc<Scheduler>) -> F,
    ready: impl Fn(&Scheduler),
) {
    let all = [Poller::Own, Poller::Other, Poller::Foreign];
    for (first, second) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
        let both = [Rc::new(virtual_time()), Rc::new(virtual_time())];
        let shared = Shared::new(make(&both[0]));
        let first_woken = poll_as(first, &both, &shared);
        let second_woken = poll_as(second, &both, &shared);
        ready(&both[0]);
        both[0].run_until_stalled();
        assert_eq!(second_woken(), 1, "{first:?}, then {second:?}: the last one is woken");
        assert_eq!(first_woken(), 0, "{first:?}, then {second:?}: and only the last one");
    }
}

// event-listener, "always keep the last waker": the first poller was woken, and the last one was not.
#[test]
fn a_handle_polled_by_one_and_then_by_another_wakes_the_last_one() {
    let target: Rc<RefCell<Spot>> = Rc::default();
    let make = |scheduler: &Rc<Scheduler>| {
        let spot = Spot::default();
        target.replace(spot.clone());
        let handle = scheduler.spawn(spot.wait());
        scheduler.run_until_stalled();
        handle
    };
    last_one_is_woken(make, |_| target.borrow().open());
}

#[test]
fn a_sleep_polled_by_one_and_then_by_another_wakes_the_last_one() {
    let make = |scheduler: &Rc<Scheduler>| -> Sleep {
        scheduler.block_on(async { sleep(Duration::from_secs(1)) })
    };
    last_one_is_woken(make, |scheduler| scheduler.advance(Duration::from_secs(1)));
}

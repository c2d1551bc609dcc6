//! The condition variable: no notification is lost, none is spurious, and they are delivered in order.

mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{join, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use turnwise::sync::{Condvar, CondvarWait, Mutex};
use turnwise::time::now;
use turnwise::{JoinHandle, RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

use probe::{Acting, Log, Rings, poll_with, text, virtual_time};

/// A value, and a condvar beside it.
type Pair<T> = Rc<(Mutex<T>, Condvar)>;

fn pair<T>(value: T) -> Pair<T> {
    Rc::new((Mutex::new(value), Condvar::new().named("changed")))
}

/// Polls once, with a no-op waker.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// A wait that has started.
fn waiting<'a, T>(mutex: &'a Mutex<T>, condvar: &'a Condvar) -> CondvarWait<'a, T> {
    let mut wait = condvar.wait(mutex.try_lock().expect("it is free"));
    assert!(poll(&mut wait).is_pending());
    wait
}

/// A task that waits for one notification, and logs that it has received it.
fn waiter(pair: &Pair<u32>, log: &Log, name: &'static str) -> JoinHandle<()> {
    let (pair, log) = (Rc::clone(pair), log.clone());
    spawn(async move {
        let (mutex, condvar) = &*pair;
        let guard = mutex.lock().await;
        let guard = condvar.wait(guard).await;
        log.note(format!("{name} {guard}"));
    })
}

// ----- order -----

/// Like asyncio's condition: the notifier keeps the lock, and a notified wait queues for it.
#[test]
fn waits_are_notified_in_order_and_get_the_lock_in_turn() {
    let log = Log::default();
    virtual_time().block_on(async {
        let pair = pair(());
        let (mutex, condvar) = &*pair;
        let start = now();
        let tasks = ["a", "b", "c"].map(|name| {
            let (pair, log) = (Rc::clone(&pair), log.clone());
            spawn(async move {
                let guard = pair.0.lock().await;
                log.note(format!("{} {name} waits", (now() - start).as_secs()));
                let _guard = pair.1.wait(guard).await;
                assert!(pair.0.is_locked());
                log.note(format!("{} {name} woken", (now() - start).as_secs()));
                sleep(Duration::from_secs(1)).await;
            })
        });
        sleep(Duration::from_secs(1)).await;
        let guard = mutex.lock().await;
        condvar.notify_one();
        sleep(Duration::from_secs(1)).await;
        drop(guard);
        sleep(Duration::from_secs(3)).await;
        condvar.notify_all();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected = "0 a waits, 0 b waits, 0 c waits, 2 a woken, 5 b woken, 6 c woken";
    assert_eq!(log.take().join(", "), expected);
}

#[test]
fn the_mutex_is_unlocked_when_the_wait_starts_and_not_before() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    let mut wait = condvar.wait(mutex.try_lock().unwrap());
    assert!(mutex.is_locked(), "a future does nothing until it is awaited");
    condvar.notify_all(); // There is no waiter yet.
    assert!(poll(&mut wait).is_pending());
    *mutex.try_lock().unwrap() += 1;
    assert!(poll(&mut wait).is_pending());
    condvar.notify_one();
    assert!(!mutex.is_locked());
    let Poll::Ready(guard) = poll(&mut wait) else { panic!("it was notified") };
    assert_eq!((*guard, mutex.is_locked()), (2, true));
    drop(guard);
    drop(condvar.wait(mutex.try_lock().unwrap()));
    assert!(!mutex.is_locked(), "a wait that was never polled unlocks it, too");
}

#[test]
fn a_wait_polled_after_its_end_panics_and_says_so() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    let mut wait = waiting(&mutex, &condvar);
    condvar.notify_one();
    drop(poll(&mut wait));
    let again = catch_unwind(AssertUnwindSafe(|| drop(poll(&mut wait))));
    assert_eq!(text(&*again.unwrap_err()), "`Condvar::wait` was polled after completion");
    let mut wait = condvar.wait_while(mutex.try_lock().unwrap(), |_| false);
    drop(poll(&mut wait));
    let again = catch_unwind(AssertUnwindSafe(|| drop(poll(&mut wait))));
    assert_eq!(text(&*again.unwrap_err()), "`Condvar::wait_while` was polled after completion");
}

#[test]
fn a_notified_wait_queues_for_the_lock_behind_earlier_waiters() {
    let log = Log::default();
    block_on(async {
        let pair = pair(0);
        let first = waiter(&pair, &log, "notified");
        yield_now().await;
        let mut guard = pair.0.lock().await;
        let (theirs, noted) = (Rc::clone(&pair), log.clone());
        let other = spawn(async move {
            let mut value = theirs.0.lock().await;
            noted.note(format!("queued before {value}"));
            *value = 2;
        });
        yield_now().await;
        pair.1.notify_one();
        *guard = 1;
        drop(guard);
        first.await.unwrap();
        other.await.unwrap();
    });
    assert_eq!(log.take(), ["queued before 1", "notified 2"]);
}

// ----- which waits are notified -----

#[test]
fn spurious_polls_end_no_wait() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut wait = waiting(&mutex, &condvar);
    for _ in 0..100 {
        assert!(poll(&mut wait).is_pending());
        drop(mutex.try_lock().unwrap());
    }
}

// tokio#7996: a task that waited again while all were being woken could be woken a second time.
#[test]
fn only_waits_that_exist_at_the_call_are_notified() {
    thread_local! {
        static AGAIN: RefCell<Option<(Pair<()>, u32)>> = const { RefCell::new(None) };
    }
    /// Starts another wait, which never ends, and counts it.
    fn wait_again() {
        let (pair, _) = AGAIN
            .with_borrow_mut(|again| {
                let again = again.as_mut()?;
                again.1 += 1;
                Some(again.clone())
            })
            .expect("it was put there");
        let mut wait = pair.1.wait(pair.0.try_lock().expect("it is free"));
        assert!(poll_with(&mut wait, &Acting::waker(wait_again, || ())).is_pending());
        std::mem::forget(wait);
    }
    let pair = pair(());
    AGAIN.set(Some((Rc::clone(&pair), 0)));
    let turns = || AGAIN.with_borrow(|again| again.as_ref().map(|(_, count)| *count));
    for _ in 0..3 {
        wait_again();
    }
    pair.1.notify_all();
    assert_eq!(turns(), Some(6), "three started, and each of them started one more");
    pair.1.notify_one();
    assert_eq!(turns(), Some(7));
    pair.1.notify_all();
    assert_eq!(turns(), Some(10));
    AGAIN.set(None);
}

#[test]
fn a_notification_without_waiters_is_not_kept() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    condvar.notify_one();
    condvar.notify_all();
    let mut wait = waiting(&mutex, &condvar);
    assert!(poll(&mut wait).is_pending());
}

// ----- giving up -----

// Like tokio#4618 and tokio#3652, in condition variables: a notification was lost with the wait that had received it.
#[test]
fn a_notification_of_a_dropped_wait_goes_to_the_next() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut waits = [(); 3].map(|()| Some(waiting(&mutex, &condvar)));
    condvar.notify_one();
    drop(waits[0].take()); // Before it sees that it was notified.
    let guard = mutex.try_lock().unwrap();
    let second = waits[1].as_mut().unwrap();
    assert!(poll(second).is_pending(), "it is notified, and waits for the lock now");
    drop(waits[1].take());
    let third = waits[2].as_mut().unwrap();
    assert!(poll(third).is_pending());
    drop(guard); // Now the third wait owns the lock.
    assert!(mutex.is_locked());
    assert!(poll(third).is_ready());
}

#[test]
fn a_notified_wait_that_is_dropped_with_the_lock_in_flight_passes_both_on() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let (mut first, mut second) = (waiting(&mutex, &condvar), waiting(&mutex, &condvar));
    let guard = mutex.try_lock().unwrap();
    let mut asks = mutex.lock();
    condvar.notify_one();
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut asks).is_pending());
    drop(guard); // Now the first wait owns the lock,
    drop(first); // but is dropped before it is polled.
    assert!(
        poll(&mut second).is_pending(),
        "notified, but behind the other in the queue for the lock"
    );
    assert!(poll(&mut asks).is_ready());
    assert!(poll(&mut second).is_ready());
}

#[test]
fn a_dropped_wait_that_was_notified_with_all_others_passes_nothing_on() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let first = waiting(&mutex, &condvar);
    condvar.notify_all();
    let mut later = waiting(&mutex, &condvar);
    let mut last = waiting(&mutex, &condvar);
    condvar.notify_one();
    drop(first);
    assert!(poll(&mut last).is_pending());
    assert!(poll(&mut later).is_ready());
}

#[test]
fn a_notification_that_is_passed_on_does_not_reach_a_wait_that_started_after_it() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let first = waiting(&mutex, &condvar);
    condvar.notify_one();
    let mut later = waiting(&mutex, &condvar);
    drop(first);
    assert!(poll(&mut later).is_pending());
    // But it does receive one that was sent while it waited.
    let second = waiting(&mutex, &condvar);
    condvar.notify_one();
    drop(second);
    assert!(poll(&mut later).is_ready());
}

#[test]
fn a_wait_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let first = waiting(&mutex, &condvar);
    let mut second = waiting(&mutex, &condvar);
    drop(first);
    assert!(!mutex.is_locked());
    condvar.notify_one();
    assert!(poll(&mut second).is_ready());
}

#[test]
fn ten_thousand_wait_and_the_half_that_is_not_cancelled_is_notified_in_order() {
    let log = Log::default();
    Scheduler::new().block_on(async {
        let pair = pair(0);
        let tasks: Vec<_> = (0..10_000).map(|_| waiter(&pair, &log, "ended")).collect();
        yield_now().await;
        tasks.iter().step_by(4).for_each(JoinHandle::abort);
        yield_now().await;
        for _ in 0..2_500 {
            pair.1.notify_one(); // 1, 2, 3, 5, 6, …
        }
        // Already notified, and aborted before they have the lock: others take their places.
        tasks.iter().skip(1).step_by(4).for_each(JoinHandle::abort);
        yield_now().await;
        yield_now().await;
        assert_eq!(log.take().len(), 2_500);
        pair.1.notify_all();
        for task in tasks {
            drop(task.await);
        }
        assert_eq!(log.take().len(), 2_500);
    });
}

// ----- the condition -----

#[test]
fn the_condition_is_checked_under_the_lock_immediately_and_after_each_notification() {
    let checks = Rc::new(Cell::new(0));
    block_on(async {
        let pair = pair(0);
        let (theirs, count) = (Rc::clone(&pair), Rc::clone(&checks));
        let reader = spawn(async move {
            let guard = theirs.0.lock().await;
            let check = |value: &mut u32| {
                count.set(count.get() + 1);
                assert!(theirs.0.is_locked());
                *value < 3
            };
            *theirs.1.wait_while(guard, check).await
        });
        for _ in 0..3 {
            yield_now().await;
            *pair.0.lock().await += 1;
            pair.1.notify_one();
        }
        assert_eq!(reader.await.unwrap(), 3);
    });
    assert_eq!(checks.get(), 4);
}

#[test]
fn a_condition_that_panics_unlocks_the_mutex() {
    block_on(async {
        let pair = pair(0);
        let theirs = Rc::clone(&pair);
        let clumsy = spawn(async move {
            let guard = theirs.0.lock().await;
            let check = |value: &mut u32| *value == 0 || panic!("in the condition");
            drop(theirs.1.wait_while(guard, check).await);
        });
        yield_now().await;
        *pair.0.lock().await = 1;
        pair.1.notify_one();
        assert!(clumsy.await.unwrap_err().is_panic());
        assert_eq!(*pair.0.lock().await, 1);
    });
}

#[test]
fn a_task_that_panics_with_the_lock_after_its_wait_passes_it_on() {
    let log = Log::default();
    block_on(async {
        let pair = pair(7);
        let theirs = Rc::clone(&pair);
        let clumsy = spawn(async move {
            let guard = theirs.0.lock().await;
            let _guard = theirs.1.wait(guard).await;
            panic!("while holding the lock");
        });
        let next = waiter(&pair, &log, "next");
        yield_now().await;
        pair.1.notify_all();
        assert!(clumsy.await.unwrap_err().is_panic());
        next.await.unwrap();
    });
    assert_eq!(log.take(), ["next 7"]);
}

// ----- reports -----

#[test]
fn a_lost_notification_is_explained_by_the_report() {
    let scheduler = Scheduler::new();
    let outcome = scheduler.try_block_on(async {
        let pair = pair(false);
        pair.1.notify_one(); // There is no waiter yet: it is lost.
        let theirs = Rc::clone(&pair);
        let waits = async move {
            let guard = theirs.0.lock().await;
            drop(theirs.1.wait(guard).await); // [waits]
        };
        let waits = task::Builder::new().name("late").spawn(waits); // [spawned]
        waits.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("{outcome:?}") };
    assert!(report.certain);
    let report = trace::with_marks(&report.to_string(), file!(), include_str!("sync_condvar.rs"));
    let line = "#2 \"late\"  waits for condvar \"changed\" at [waits], since turn 2";
    assert!(report.contains(line), "{report}");
}

#[test]
fn a_notified_task_that_waits_for_the_lock_is_shown_with_the_owner() {
    let outcome = Scheduler::new().try_block_on(async {
        let pair = Rc::new((Mutex::new(()).named("account"), Condvar::new()));
        let theirs = Rc::clone(&pair);
        let waits = spawn(async move {
            let guard = theirs.0.lock().await;
            let _guard = theirs.1.wait_while(guard, |()| true).await; // [waits]
        });
        yield_now().await;
        let _guard = pair.0.lock().await; // [locks]
        pair.1.notify_one();
        waits.await.unwrap();
    });
    let report = outcome.unwrap_err().to_string();
    let report: Vec<&str> = report.lines().filter(|line| line.contains("mutex")).collect();
    let report = trace::with_marks(&report.join("\n"), file!(), include_str!("sync_condvar.rs"));
    let line =
        "#2       waits for mutex \"account\" at [waits], held by #1 main (locked at [locks])";
    assert!(report.contains(line), "{report}");
}

#[test]
fn debug_output_shows_the_waiters() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::default().named("changed"));
    assert_eq!(format!("{condvar:?}"), "Condvar { name: \"changed\" }");
    let mut wait = condvar.wait(mutex.try_lock().unwrap()); // [waits]
    assert!(poll(&mut wait).is_pending());
    let shown = format!("{condvar:?}").replace(']', " ]"); // to tell the bracket from a mark
    let shown = trace::with_marks(&shown, file!(), include_str!("sync_condvar.rs"));
    assert_eq!(shown, "Condvar { name: \"changed\", waiters: [unknown at [waits] ] }");
    assert!(format!("{wait:?}").starts_with("CondvarWait { place: "));
}

// ----- foreign combinators, executors and wakers -----

/// Consumers and producers inside foreign combinators.
async fn in_combinators() {
    let pair = pair(VecDeque::new());
    let (mutex, condvar) = &*pair;
    let consume = async || {
        let guard = mutex.lock().await;
        let mut guard = condvar.wait_while(guard, |queue| queue.is_empty()).await;
        guard.pop_front().expect("the condition was that it is not empty")
    };
    let produce = async |items: std::ops::Range<u32>| {
        for item in items {
            mutex.lock().await.push_back(item);
            condvar.notify_one();
        }
    };
    let (consumed, ()) = join(join_all((0..20).map(|_| consume())), produce(0..20)).await;
    assert_eq!(consumed, (0..20).collect::<Vec<_>>());

    let consumers: FuturesUnordered<_> = (0..20).map(|_| consume()).collect();
    let (mut consumed, ()) = join(consumers.collect::<Vec<_>>(), produce(0..20)).await;
    consumed.sort_unstable();
    assert_eq!(consumed, (0..20).collect::<Vec<_>>());

    let (mut loser, mut winner) = (pin!(consume().fuse()), pin!(consume().fuse()));
    assert!(futures::poll!(&mut loser).is_pending());
    assert!(futures::poll!(&mut winner).is_pending());
    produce(0..1).await; // The loser is notified, and then dropped by the select.
    let mut quits = pin!(async {}.fuse());
    futures::select_biased! {
        () = quits => {}
        _ = loser => panic!("it is polled second"),
    }
}

#[test]
fn it_works_in_foreign_combinators_and_executors() {
    block_on(in_combinators());
    futures::executor::block_on(in_combinators());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    runtime.block_on(in_combinators());
}

/// Three waits, the second with a foreign waker; each is notified although the foreign waker misbehaves.
fn notify_three(pair: &Pair<()>, foreign: &dyn Fn() -> Waker) {
    let (mutex, condvar) = &**pair;
    for round in 0..3 {
        let mut waits = [(); 3].map(|()| waiting(mutex, condvar));
        let (rings, waker) = Rings::new();
        for wait in &mut waits {
            assert!(poll_with(wait, &waker).is_pending());
        }
        assert!(poll_with(&mut waits[1], &foreign()).is_pending());
        assert!(poll_with(&mut waits[1], &foreign()).is_pending());
        let [mut one, mut two, mut three] = waits;
        match round {
            0 => condvar.notify_all(),
            1 => (0..3).for_each(|_| condvar.notify_one()),
            _ => {
                condvar.notify_one();
                drop(poll(&mut one));
                drop(two); // While it waits.
                condvar.notify_one();
                drop(poll(&mut three));
                assert_eq!(rings.get(), 2);
                continue;
            }
        }
        assert_eq!(rings.get(), 2);
        drop(poll(&mut one));
        drop(poll(&mut two));
        drop(poll(&mut three));
        assert!(!mutex.is_locked());
    }
}

#[test]
fn foreign_wakers_that_panic_affect_nothing_else() {
    fn nothing() {}
    fn explode() {
        panic!("a foreign waker");
    }
    notify_three(&pair(()), &|| Acting::waker(explode, nothing));
    notify_three(&pair(()), &|| Acting::waker(nothing, explode));
}

#[test]
fn foreign_wakers_may_call_back_when_woken_and_when_dropped() {
    thread_local! {
        static CALLED_BACK: RefCell<Option<(Pair<()>, u32)>> = const { RefCell::new(None) };
    }
    fn call_back() {
        let (pair, _) = CALLED_BACK
            .with_borrow_mut(|back| {
                let back = back.as_mut()?;
                back.1 += 1;
                Some(back.clone())
            })
            .expect("it was put there");
        if let Ok(guard) = pair.0.try_lock() {
            let mut wait = pair.1.wait(guard);
            drop(poll(&mut wait));
        }
        assert!(!format!("{pair:?}").is_empty());
    }
    let pair = pair(());
    CALLED_BACK.set(Some((Rc::clone(&pair), 0)));
    notify_three(&pair, &|| Acting::waker(call_back, call_back));
    let calls = CALLED_BACK.take().map(|(_, calls)| calls);
    assert!(calls > Some(5));
}

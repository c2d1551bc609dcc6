//! A budget bounds the results per turn: when it is used up, a task's waits yield, and nothing is lost by that.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use proptest::prelude::{any, prop, proptest};
use turnwise::channel::{LifoQueue, broadcast, mpsc, oneshot, remote, watch};
use turnwise::sync::{
    Barrier, Condvar, Event, Mutex, Notify, OnceCell, Promise, RwLock, Semaphore,
};
use turnwise::task::{CancelToken, JoinError, JoinSet, scope};
use turnwise::{
    JoinHandle, Scheduler, as_completed, gather_handles, join, join_all, sleep, spawn, time,
    timeout, try_join, try_join_all, wait, yield_now,
};

#[derive(Debug)]
struct TaskError(u64);

impl From<JoinError> for TaskError {
    fn from(error: JoinError) -> Self {
        panic!("{error}")
    }
}

fn with_budget(results: u32) -> Scheduler {
    Scheduler::builder().virtual_time().budget(results).build()
}

/// The number of turns a future takes, on a scheduler of its own.
fn turns(budget: u32, future: impl Future) -> u64 {
    let scheduler = with_budget(budget);
    scheduler.block_on(future);
    scheduler.metrics().turns
}

/// Awaits something that is ready immediately, ten times.
async fn ten(mut ready: impl AsyncFnMut()) {
    for _ in 0..10 {
        ready().await;
    }
}

#[test]
fn every_sync_primitive_counts_when_it_is_ready_immediately() {
    // Ten results with a budget of three take four turns.
    let mutex = Mutex::new(());
    assert_eq!(turns(3, ten(async || drop(mutex.lock().await))), 4);
    let lock = RwLock::new(());
    assert_eq!(turns(3, ten(async || drop(lock.read().await))), 4);
    assert_eq!(turns(3, ten(async || drop(lock.write().await))), 4);
    let semaphore = Semaphore::new(1);
    assert_eq!(turns(3, ten(async || drop(semaphore.acquire().await.unwrap()))), 4);
    let event = Event::new();
    event.set();
    assert_eq!(turns(3, ten(async || event.wait().await)), 4);
    let notify = Notify::new();
    assert_eq!(
        turns(
            3,
            ten(async || {
                notify.notify_one();
                notify.notified().await;
            })
        ),
        4
    );
    let cell = OnceCell::from(1);
    assert_eq!(turns(3, ten(async || assert_eq!(cell.get_or_init(async || 2).await, &1))), 4);
    let promise = Promise::new();
    promise.set(1).unwrap();
    assert_eq!(turns(3, ten(async || assert_eq!(promise.get().await.unwrap(), 1))), 4);
    let barrier = Barrier::new(1);
    assert_eq!(turns(3, ten(async || assert!(barrier.wait().await.unwrap().is_leader()))), 4);
}

#[test]
fn every_channel_counts_when_it_is_ready_immediately() {
    let (sender, mut receiver) = mpsc::channel(10);
    assert_eq!(turns(3, ten(async || sender.send(()).await.unwrap())), 4);
    assert_eq!(turns(3, ten(async || receiver.recv().await.unwrap())), 4);
    let queue = LifoQueue::new(10);
    assert_eq!(turns(3, ten(async || queue.put(()).await.unwrap())), 4);
    assert_eq!(turns(3, ten(async || queue.get().await.unwrap())), 4);
    let (sender, mut receiver) = broadcast::channel(16);
    (0..10).for_each(|number| assert!(sender.send(number).is_ok()));
    assert_eq!(turns(3, ten(async || assert!(receiver.recv().await.is_ok()))), 4);
    let (sender, mut receiver) = watch::channel(0);
    assert_eq!(
        turns(
            3,
            ten(async || {
                sender.send(1).unwrap();
                receiver.changed().await.unwrap();
            })
        ),
        4
    );
    assert_eq!(
        turns(
            3,
            ten(async || {
                let (sender, receiver) = oneshot::channel();
                sender.send(()).unwrap();
                receiver.await.unwrap();
            })
        ),
        4
    );
    let (sender, mut receiver) = remote::channel(10);
    assert_eq!(turns(3, ten(async || sender.send(()).await.unwrap())), 4);
    assert_eq!(turns(3, ten(async || receiver.recv().await.unwrap())), 4);
}

#[test]
fn handles_and_ticks_count_when_they_are_ready_immediately() {
    let scheduler = with_budget(3);
    let handles: Vec<_> = (0..10).map(|_| scheduler.spawn(async {})).collect();
    scheduler.run().unwrap();
    let before = scheduler.metrics().turns;
    scheduler.block_on(async {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    assert_eq!(scheduler.metrics().turns - before, 4);

    let late = with_budget(3);
    late.block_on(async {
        let second = Duration::from_secs(1);
        let mut interval = time::interval(second).missed(time::Missed::Burst);
        interval.tick().await;
        time::advance(10 * second).await;
        ten(async || assert!(interval.tick().await <= time::now())).await;
    });
    assert_eq!(late.metrics().turns, 1 + 4);
}

#[test]
fn without_a_budget_no_wait_yields() {
    let mutex = Mutex::new(());
    assert_eq!(turns(0, ten(async || drop(mutex.lock().await))), 1);
    let scheduler = Scheduler::new();
    scheduler.block_on(ten(async || drop(mutex.lock().await)));
    assert_eq!(scheduler.metrics().turns, 1);
}

#[test]
fn other_tasks_take_turns_in_between() {
    let scheduler = with_budget(2);
    let log = Rc::new(RefCell::new(String::new()));
    for name in ["a", "b"] {
        let (log, semaphore) = (Rc::clone(&log), Semaphore::new(1));
        scheduler.spawn(async move {
            for _ in 0..4 {
                drop(semaphore.acquire().await.unwrap());
                log.borrow_mut().push_str(name);
            }
        });
    }
    scheduler.run().unwrap();
    assert_eq!(*log.borrow(), "aabbaabb");
}

#[test]
fn the_budget_is_reset_in_each_turn() {
    let mutex = Mutex::new(());
    let ten_and_yield = ten(async || {
        drop(mutex.lock().await);
        drop(mutex.lock().await);
        yield_now().await;
    });
    assert_eq!(turns(2, ten_and_yield), 11);
}

#[test]
fn pending_waits_cost_nothing() {
    // Waits that are not ready must not make the task yield forever.
    let scheduler = with_budget(3);
    let event = Rc::new(Event::new());
    let set = Rc::clone(&event);
    scheduler.spawn(async move {
        sleep(Duration::from_secs(1)).await;
        set.set();
    });
    scheduler.block_on(async { join_all((0..9).map(|_| event.wait())).await });
    // One turn to start, two for the sleep, then three results in each turn.
    assert_eq!(scheduler.metrics().turns, 1 + 2 + 3);
}

#[test]
fn a_granted_lock_is_not_lost_by_yielding() {
    let scheduler = with_budget(1);
    let mutex = Rc::new(Mutex::new(0));
    let order = Rc::new(RefCell::new(Vec::new()));
    for number in 0..4 {
        let (mutex, order) = (Rc::clone(&mutex), Rc::clone(&order));
        scheduler.spawn(async move {
            for _ in 0..3 {
                let mut guard = mutex.lock().await;
                *guard += 1;
                yield_now().await;
                order.borrow_mut().push(number);
            }
        });
    }
    scheduler.run().unwrap();
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], "first come, first served");
    assert_eq!(*mutex.try_lock().unwrap(), 12);
}

#[test]
fn a_wait_that_yielded_and_is_dropped_loses_nothing() {
    let scheduler = with_budget(1);
    scheduler.block_on(async {
        let (sender, mut receiver) = mpsc::unbounded();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(receiver.recv().await, Some(1));
        {
            let mut yields = pin!(receiver.recv());
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(yields.as_mut().poll(&mut cx), Poll::Pending);
        }
        yield_now().await;
        assert_eq!(receiver.recv().await, Some(2));
    });
}

#[test]
fn a_condvar_and_a_notify_enqueue_their_waiters_whatever_budget_is_left() {
    let scheduler = with_budget(1);
    let shared = Rc::new((Mutex::new(false), Condvar::new(), Notify::new()));
    let theirs = Rc::clone(&shared);
    let waiter = scheduler.spawn(async move {
        let (mutex, condvar, notify) = &*theirs;
        let guard = mutex.lock().await; // This uses the budget up.
        let mut notified = notify.notified();
        assert!(!notified.enable());
        let guard = condvar.wait_while(guard, |is_set| !*is_set).await;
        drop(guard);
        notified.await;
    });
    scheduler.spawn(async move {
        let (mutex, condvar, notify) = &*shared;
        *mutex.lock().await = true;
        condvar.notify_all();
        notify.notify_waiters();
    });
    scheduler.block_on(waiter).unwrap();
}

#[test]
fn a_barrier_counts_only_the_tasks_that_have_arrived() {
    let scheduler = with_budget(1);
    let barrier = Rc::new(Barrier::new(2));
    let leaders = Rc::new(Cell::new(0));
    for _ in 0..2 {
        let (barrier, leaders) = (Rc::clone(&barrier), Rc::clone(&leaders));
        scheduler.spawn(async move {
            let mutex = Mutex::new(());
            for _ in 0..3 {
                drop(mutex.lock().await);
                let result = barrier.wait().await.unwrap();
                leaders.set(leaders.get() + u32::from(result.is_leader()));
            }
        });
    }
    scheduler.run().unwrap();
    assert_eq!(leaders.get(), 3);
}

#[test]
fn foreign_wakers_are_rung_too() {
    let scheduler = with_budget(2);
    let count = scheduler.block_on(async {
        let mutex = Mutex::new(());
        let locks: FuturesUnordered<_> = (0..100).map(|_| mutex.lock()).collect();
        locks.map(drop).count().await
    });
    assert_eq!(count, 100);
    assert!(scheduler.metrics().turns >= 50);
}

#[test]
fn outside_of_a_turn_there_is_no_budget() {
    let scheduler = with_budget(1);
    let mutex = Mutex::new(());
    scheduler.block_on(async { drop(mutex.lock().await) });
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(pin!(mutex.lock()).poll(&mut cx).is_ready());
    }
    // Nor in a turn of a scheduler without a budget, inside a turn of one that has a budget.
    scheduler.block_on(async {
        let inner = Scheduler::new();
        inner.spawn(async { ten(async || drop(Mutex::new(()).lock().await)).await });
        assert_eq!(inner.run_until_stalled(), 1);
        let spent = ten(async || drop(mutex.lock().await));
        spent.await;
    });
}

#[test]
fn an_abort_reaches_a_task_that_yielded() {
    let scheduler = with_budget(1);
    let handle = scheduler.spawn(async {
        let mutex = Mutex::new(());
        drop(mutex.lock().await);
        drop(mutex.lock().await);
        pending::<()>().await;
    });
    assert_eq!(scheduler.step().unwrap().to_string(), "turn 1: #1 yields");
    handle.abort();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

proptest! {
    /// Whatever the budget, the same values come out, in the same order.
    #[test]
    fn a_budget_changes_the_order_of_tasks_only(
        budget in 0..5_u32,
        numbers in prop::collection::vec(any::<u8>(), 0..50),
        room in 1..5_usize,
    ) {
        let scheduler = with_budget(budget);
        let (sender, mut receiver) = mpsc::channel(room);
        let sent = numbers.clone();
        scheduler.spawn(async move {
            let lock = Mutex::new(());
            for number in sent {
                let _guard = lock.lock().await;
                sender.send(number).await.unwrap();
            }
        });
        let received = scheduler.block_on(async {
            let mut received = Vec::new();
            while let Some(number) = receiver.recv().await {
                let number = spawn(async move { number }).await.unwrap();
                received.push(number);
            }
            received
        });
        assert_eq!(received, numbers);
    }
}

// ----- children of scopes, whose turns are nested -----

/// Takes `results` results that are ready immediately, and counts the turns that this needs.
async fn takes(results: u32, turns: &Cell<u32>) {
    let lock = Mutex::new(());
    let mut work = pin!(async {
        for _ in 0..results {
            drop(lock.lock().await);
        }
    });
    std::future::poll_fn(|cx| {
        turns.set(turns.get() + 1);
        work.as_mut().poll(cx)
    })
    .await;
}

#[test]
fn each_child_has_a_budget_of_its_own_in_each_turn() {
    let counts = [(); 4].map(|()| Cell::new(0));
    let [first, second, grandchild, body] = &counts;
    with_budget(3)
        .block_on(scope(async |s| {
            s.spawn(takes(10, first));
            s.spawn(async {
                scope(async |inner| {
                    inner.spawn(takes(10, grandchild));
                    takes(10, second).await;
                })
                .await
                .unwrap();
            });
            takes(10, body).await;
        }))
        .unwrap();
    assert_eq!(counts.map(Cell::into_inner), [4; 4]);
}

#[test]
fn the_children_of_a_parent_do_not_use_up_its_budget() {
    for (results, expected) in [(0, 1), (3, 1), (4, 2)] {
        let (own, children) = (Cell::new(0), Cell::new(0));
        let scheduler = with_budget(3);
        scheduler.block_on(async {
            // In one turn: a scope whose children use up their budgets, and then some results of the parent's own.
            let ready = scope(async |s| {
                s.spawn(takes(3, &children));
                s.spawn(takes(3, &children));
            });
            let mut both = pin!(async {
                ready.await.unwrap();
                takes(results, &own).await;
            });
            std::future::poll_fn(|cx| both.as_mut().poll(cx)).await;
        });
        assert_eq!((children.get(), own.get()), (2, expected));
    }
}

#[test]
fn results_that_a_parent_took_before_its_children_count_after_them() {
    let scheduler = with_budget(3);
    let (turns, others) = (Cell::new(0), Cell::new(0));
    scheduler.block_on(async {
        takes(2, &others).await;
        scope(async |s| {
            s.spawn(takes(3, &others));
        })
        .await
        .unwrap();
        takes(2, &turns).await;
    });
    assert_eq!(turns.get(), 2, "one of the three was left");
}

#[test]
fn a_child_that_yielded_is_cancelled_like_any_other() {
    let scheduler = with_budget(2);
    let result = scheduler.block_on(scope(async |s| {
        let child = s.spawn(async {
            let lock = Mutex::new(());
            let endless = async {
                loop {
                    drop(lock.lock().await);
                }
            };
            let cancelled = turnwise::task::catch_cancel(endless).await.unwrap_err();
            for _ in 0..5 {
                drop(lock.lock().await);
            }
            assert!(lock.try_lock().is_ok(), "{cancelled}");
            "cleaned up"
        });
        yield_now().await;
        child.cancel();
        child.await.unwrap()
    }));
    assert_eq!(result.unwrap(), "cleaned up");
}

// ----- results that need no wait -----

#[test]
fn every_result_that_needs_no_wait_counts() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(
        turns(3, ten(async || assert_eq!(*receiver.wait_for(|_| true).await.unwrap(), 1))),
        4
    );
    drop(sender);
    let (_sender, mut receiver) = mpsc::channel::<u8>(1);
    let mut buffer = Vec::new();
    assert_eq!(turns(3, ten(async || assert_eq!(receiver.recv_many(&mut buffer, 0).await, 0))), 4);
    let mut set = JoinSet::<u8>::new();
    assert_eq!(turns(3, ten(async || assert!(set.join_next().await.is_none()))), 4);
    assert_eq!(turns(3, ten(async || assert!(set.join_next_with_id().await.is_none()))), 4);
    assert_eq!(turns(3, ten(async || set.shutdown().await)), 4);
    assert_eq!(
        turns(3, ten(async || assert!(JoinSet::<u8>::new().join_all().await.is_empty()))),
        4
    );
    let nothing = Vec::<JoinHandle<u8>>::new;
    assert_eq!(turns(3, ten(async || assert!(join_all(nothing()).await.is_empty()))), 4);
    assert_eq!(turns(3, ten(async || assert!(gather_handles(nothing()).await.is_empty()))), 4);
    assert_eq!(turns(3, ten(async || assert!(wait(nothing()).await.done.is_empty()))), 4);
    let mut completed = as_completed(nothing());
    assert_eq!(turns(3, ten(async || assert!(completed.next().await.is_none()))), 4);
    let token = CancelToken::new();
    token.cancel();
    let cancelled = async || assert!(token.run_until_cancelled(pending::<()>()).await.is_none());
    assert_eq!(turns(3, ten(cancelled)), 4);
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut guard = mutex.try_lock().ok();
    let looks = async || guard = Some(condvar.wait_while(guard.take().unwrap(), |()| false).await);
    assert_eq!(turns(3, ten(looks)), 4);
}

#[test]
fn timeouts_that_elapse_immediately_count_and_yield_at_most_once() {
    // One that yields elapses in the next turn, whatever is left of its budget: so three turns have 3 + 4 + 3 of them.
    let elapsed = async || assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    assert_eq!(turns(3, ten(elapsed)), 3);
    let elapsed = async || assert!(time::timeout_at(time::now(), pending::<()>()).await.is_err());
    assert_eq!(turns(3, ten(elapsed)), 3);
    let beside_a_busy_branch = async {
        let log = RefCell::default();
        turnwise::select! {
            () = busy(0, &log) => {}
            result = timeout(Duration::ZERO, pending::<()>()) => assert!(result.is_err()),
        }
    };
    assert_eq!(turns(3, beside_a_busy_branch), 2);
}

#[test]
fn handles_of_children_that_have_ended_count() {
    let scheduler = with_budget(3);
    let counts = scheduler.block_on(scope(async |s| {
        let children: Vec<_> = (0..10).map(|_| s.spawn(async {})).collect();
        yield_now().await;
        let polls = Cell::new(0);
        let mut joins = pin!(async {
            for child in children {
                child.await.unwrap();
            }
        });
        std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            joins.as_mut().poll(cx)
        })
        .await;
        polls.get()
    }));
    assert_eq!(counts.unwrap(), 4);
}

#[cfg(feature = "jobs")]
#[test]
fn jobs_of_which_none_is_due_count() {
    let jobs = turnwise::jobs::Jobs::new();
    assert_eq!(turns(3, ten(async || jobs.run_pending().await)), 4);
    assert_eq!(turns(3, ten(async || jobs.run_all().await)), 4);
}

#[cfg(feature = "stream")]
#[test]
fn streams_count_as_the_methods_do() {
    let second = Duration::from_secs(1);
    let late = with_budget(3);
    late.block_on(async {
        let mut interval = time::interval(second).missed(time::Missed::Burst);
        interval.tick().await;
        time::advance(10 * second).await;
        ten(async || assert!(interval.next().await.unwrap() <= time::now())).await;
    });
    assert_eq!(late.metrics().turns, 1 + 4);
    let mut set = JoinSet::<u8>::new();
    assert_eq!(turns(3, ten(async || assert!(set.next().await.is_none()))), 4);
}

#[test]
fn a_tick_that_was_waited_for_counts_once() {
    let scheduler = with_budget(2);
    let turns = Cell::new(0);
    scheduler.block_on(async {
        let mut interval = time::interval(Duration::from_secs(1));
        interval.tick().await;
        let lock = Mutex::new(());
        let mut both = pin!(async {
            interval.tick().await; // waits
            drop(lock.lock().await);
            yield_now().await;
        });
        std::future::poll_fn(|cx| {
            turns.set(turns.get() + 1);
            both.as_mut().poll(cx)
        })
        .await;
    });
    assert_eq!(turns.get(), 3, "to wait, for the tick and the lock, and after the yield");
}

#[test]
fn a_value_that_was_refused_for_lack_of_budget_is_not_marked_as_seen() {
    let scheduler = with_budget(1);
    scheduler.block_on(async {
        let (sender, mut receiver) = watch::channel(0);
        sender.send(1).unwrap();
        drop(Mutex::new(()).lock().await); // This uses the budget up.
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(receiver.wait_for(|&value| value == 1)).poll(&mut cx).is_pending());
        assert_eq!(receiver.has_changed(), Ok(true));
        assert_eq!(*receiver.wait_for(|&value| value == 1).await.unwrap(), 1);
        assert_eq!(receiver.has_changed(), Ok(false));
    });
}

// ----- methods that do not wait -----

/// Every method whose name starts with `try_` and that may return what is there. Each is called when the budget of the
/// turn is used up, and must return what it returns otherwise.
#[test]
fn methods_that_do_not_wait_never_ask_the_budget() {
    let scheduler = with_budget(1);
    scheduler.block_on(async {
        let mut set = JoinSet::new();
        (0..4).for_each(|number| drop(set.spawn(async move { number })));
        yield_now().await;
        let mutex = Mutex::new(());
        drop(mutex.lock().await); // This uses the budget up.
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(mutex.lock()).poll(&mut cx).is_pending());

        assert_eq!(set.try_join_next().unwrap().unwrap(), 0);
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap().1, 1);
        assert_eq!(set.try_join_next().unwrap().unwrap(), 2);
        assert_eq!(set.try_join_next().unwrap().unwrap(), 3);
        assert!(set.try_join_next().is_none());
        assert!(mutex.try_lock().is_ok());
        let lock = RwLock::new(());
        assert!(lock.try_read().is_ok() && lock.try_write().is_ok());
        assert!(Semaphore::new(1).try_acquire().is_ok());
        let (sender, mut receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        sender.try_reserve().unwrap().send(2);
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
        let queue = LifoQueue::new(1);
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get().ok(), Some(1));
        let (sender, mut receiver) = oneshot::channel();
        sender.send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        let (sender, mut receiver) = broadcast::channel(1);
        sender.send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        let (sender, mut receiver) = remote::channel(1);
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        let notify = Notify::new();
        notify.notify_one();
        assert!(notify.notified().enable());
        let promise = Promise::new();
        promise.set(1).unwrap();
        assert_eq!(promise.try_get().unwrap().ok(), Some(1));
    });
}

// ----- groups of futures that share the budget -----

/// Takes results that are there forever, and writes its name for each.
async fn busy(name: usize, log: &RefCell<String>) {
    let lock = Mutex::new(());
    loop {
        drop(lock.lock().await);
        log.borrow_mut().push_str(&name.to_string());
    }
}

/// What the futures of a group have taken in this many turns.
fn shares(budget: u32, turns: usize, group: impl AsyncFnOnce(&RefCell<String>)) -> String {
    let log = RefCell::new(String::new());
    let scheduler = with_budget(budget);
    scheduler.block_on(async {
        let mut group = pin!(group(&log));
        let mut left = turns;
        std::future::poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            log.borrow_mut().push(' ');
            assert!(group.as_mut().poll(cx).is_pending());
            Poll::Pending
        })
        .await;
    });
    log.into_inner()
}

#[test]
fn a_join_goes_on_where_the_budget_ended() {
    let three = async |log: &RefCell<String>| {
        join!(busy(0, log), busy(1, log), busy(2, log));
    };
    assert_eq!(shares(2, 4, three), " 00 11 22 00");
    let fallible = async |name, log: &RefCell<String>| {
        busy(name, log).await;
        Ok::<(), ()>(())
    };
    let three = async |log: &RefCell<String>| {
        let _ = try_join!(fallible(0, log), fallible(1, log), fallible(2, log));
    };
    assert_eq!(shares(2, 4, three), " 00 11 22 00");
    let with_a_short_one = async |log: &RefCell<String>| {
        let one = async {
            drop(Mutex::new(()).lock().await);
            log.borrow_mut().push('s');
            pending::<()>().await;
        };
        join!(busy(0, log), one, busy(2, log));
    };
    assert_eq!(
        shares(2, 4, with_a_short_one),
        " 00 s2 00 22",
        "the third used the second turn up, so the first is next"
    );
}

#[test]
fn biased_joins_start_with_the_first_in_every_turn() {
    let three = async |log: &RefCell<String>| {
        join!(biased; busy(0, log), busy(1, log));
    };
    assert_eq!(shares(2, 3, three), " 00 00 00");
    let fallible = async |name, log: &RefCell<String>| {
        busy(name, log).await;
        Ok::<(), ()>(())
    };
    let three = async |log: &RefCell<String>| {
        let _ = try_join!(biased; fallible(0, log), fallible(1, log));
    };
    assert_eq!(shares(2, 3, three), " 00 00 00");
}

#[test]
fn groups_of_few_and_of_many_go_on_where_the_budget_ended() {
    let expected = |count: usize, turns: usize| {
        let names = (0..count).cycle().take(turns);
        names
            .flat_map(|name| [" ".to_owned(), name.to_string(), name.to_string()])
            .collect::<String>()
    };
    for (count, turns) in [(3, 7), (30, 70), (31, 70), (100, 250)] {
        let all = async |log: &RefCell<String>| {
            join_all((0..count).map(|name| busy(name, log))).await;
        };
        assert_eq!(shares(2, turns, all), expected(count, turns), "{count}");
        let all = async |log: &RefCell<String>| {
            let fallible = async |name| {
                busy(name, log).await;
                Ok::<(), ()>(())
            };
            drop(try_join_all((0..count).map(fallible)).await);
        };
        assert_eq!(shares(2, turns, all), expected(count, turns), "{count}");
        let all = async |log: &RefCell<String>| {
            as_completed((0..count).map(|name| busy(name, log))).next().await;
        };
        assert_eq!(shares(2, turns, all), expected(count, turns), "{count}");
    }
}

#[test]
fn a_budget_that_was_not_used_up_changes_no_order() {
    let few = async |log: &RefCell<String>| {
        let one = async |name: usize| loop {
            drop(Mutex::new(()).lock().await);
            log.borrow_mut().push_str(&name.to_string());
            yield_now().await;
        };
        join!(one(0), one(1));
    };
    assert_eq!(shares(3, 3, few), " 01 01 01");
}

#[test]
fn no_future_starves_in_a_group_inside_a_group() {
    for budget in [1, 2, 3, 16] {
        let pairs = shares(budget, 60, async |log| {
            let inner = async { join!(busy(1, log), busy(2, log)) };
            join!(busy(0, log), inner);
        });
        let many = shares(budget, 600, async |log| {
            let names = (0..40).map(|name| busy(1 + name % 9, log));
            join!(busy(0, log), join_all(names));
        });
        for (shares, names) in [(pairs, "012"), (many, "0123456789")] {
            assert!(
                names.chars().all(|name| shares.matches(name).count() > 10),
                "{budget}: {shares}"
            );
        }
    }
}

#[test]
fn handles_that_are_waited_for_together_come_in_the_order_in_which_the_tasks_ended() {
    for budget in [0, 1, 2] {
        with_budget(budget).block_on(async {
            let fails = async |length: u64| {
                sleep(Duration::from_millis(length)).await;
                Err::<(), _>(TaskError(length))
            };
            let tasks = || [20, 30, 10].map(|length| spawn(fails(length)));
            let ended = async || {
                let tasks = tasks();
                sleep(Duration::from_millis(50)).await;
                tasks
            };
            let all = wait(ended().await).await.done;
            let errors: Vec<u64> =
                all.into_iter().map(|(_, output)| output.unwrap().unwrap_err().0).collect();
            assert_eq!(errors, [10, 20, 30]);
            let first = wait(ended().await).first_completed().await;
            assert_eq!(
                (first.done.len(), first.pending.len()),
                (3, 0),
                "all that have finished by then"
            );
            let first = gather_handles(ended().await).first_error().await;
            assert_eq!(first.unwrap_err().0, 10);
        });
    }
}

#[test]
fn a_loop_of_waits_for_ended_tasks_yields() {
    let scheduler = with_budget(3);
    let handles: Vec<_> = (0..12).map(|_| scheduler.spawn(async {})).collect();
    scheduler.run().unwrap();
    let before = scheduler.metrics().turns;
    scheduler.block_on(async {
        let mut handles = handles.into_iter();
        while handles.len() > 0 {
            assert_eq!(wait(handles.by_ref().take(2)).await.done.len(), 2);
        }
    });
    // Two waits use the budget up, the second one beyond it; the next one yields first.
    assert_eq!(scheduler.metrics().turns - before, 3);
}

proptest! {
    /// Whatever the group and the budget, no future gets two results more than a whole round ahead of another.
    #[test]
    fn no_future_of_a_group_starves(count in 2..60_usize, budget in 1..9_u32, rounds in 1..5_usize) {
        let counts = RefCell::new(vec![0_usize; count]);
        let scheduler = with_budget(budget);
        scheduler.block_on(async {
            let takes = async |number: usize| {
                let lock = Mutex::new(());
                loop {
                    drop(lock.lock().await);
                    counts.borrow_mut()[number] += 1;
                }
            };
            let mut all = pin!(join_all((0..count).map(takes)));
            let mut left = rounds * count;
            std::future::poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                assert!(all.as_mut().poll(cx).is_pending());
                Poll::Pending
            })
            .await;
        });
        let counts = counts.into_inner();
        assert!(counts.iter().all(|&count| count == rounds * budget as usize), "{counts:?}");
    }
}

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
use turnwise::task::scope;
use turnwise::{Scheduler, join_all, sleep, spawn, time, yield_now};

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

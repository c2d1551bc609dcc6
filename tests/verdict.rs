//! A deadlock is reported as certain when it is, and never when anything anywhere could still wake a task.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use turnwise::scheduler::WaitsFor;
use turnwise::{RunError, Scheduler, sleep, spawn, yield_now};

use trace::lock::Lock;
use trace::{Signal, leave_waker};

/// Ends the stall: the holder of the waker uses it now.
type Release = Box<dyn FnOnce()>;

/// Runs a task that gives its waker to `hold` and waits. Nothing but that waker can wake it, and it is used only after
/// the scheduler has reported a possible deadlock. The deadlock must not be reported as certain.
fn is_only_possible(hold: impl FnOnce(&Waker) -> Release) {
    let release: Rc<RefCell<Option<Release>>> = Rc::default();
    let stalls = Rc::new(Cell::new(0));
    let (end, count) = (Rc::clone(&release), Rc::clone(&stalls));
    let on_stall = move |report: &turnwise::DeadlockReport| {
        assert!(!report.certain);
        assert!(report.wakers_held >= 1);
        assert!(matches!(report.tasks[0].waits[..], [WaitsFor::Foreign { wakers: 1.., .. }]));
        count.set(count.get() + 1);
        let release = end.take().expect("the stall is reported once");
        release();
    };
    let mut hold = Some(hold);
    let wait = poll_fn(|cx| match hold.take() {
        Some(hold) => {
            let end = hold(cx.waker());
            release.replace(Some(end));
            Poll::Pending
        }
        None => Poll::Ready(()),
    });
    let scheduler = Scheduler::builder().on_stall(Duration::ZERO, on_stall).build();
    scheduler.try_block_on(wait).unwrap();
    assert_eq!(stalls.get(), 1);
}

/// A thread that keeps the waker, and calls `then` with it when it is released.
fn held_by_a_thread(waker: Waker, then: impl FnOnce(Waker) + Send + 'static) -> Release {
    let (go, gone) = mpsc::channel();
    let holder = thread::spawn(move || {
        gone.recv().unwrap();
        then(waker);
    });
    Box::new(move || {
        go.send(()).unwrap();
        holder.join().unwrap();
    })
}

#[test]
fn a_waker_held_by_a_thread() {
    is_only_possible(|waker| held_by_a_thread(waker.clone(), Waker::wake));
    is_only_possible(|waker| {
        held_by_a_thread(waker.clone(), |waker| {
            waker.wake_by_ref();
            drop(waker);
        })
    });
}

#[test]
fn the_clone_of_a_clone_that_was_dropped() {
    is_only_possible(|waker| {
        let clone = waker.clone();
        let second = clone.clone();
        drop(clone);
        held_by_a_thread(second, Waker::wake)
    });
}

#[test]
fn a_waker_in_a_static() {
    static HELD: Mutex<Option<Waker>> = Mutex::new(None);
    is_only_possible(|waker| {
        *HELD.lock().unwrap() = Some(waker.clone());
        Box::new(|| HELD.lock().unwrap().take().unwrap().wake())
    });
}

#[test]
fn a_waker_in_the_buffer_of_a_channel() {
    is_only_possible(|waker| {
        let (sender, receiver) = mpsc::sync_channel(1);
        sender.send(waker.clone()).unwrap();
        Box::new(move || {
            let _sender = sender;
            receiver.recv().unwrap().wake();
        })
    });
}

#[test]
fn a_waker_that_was_forgotten() {
    is_only_possible(|waker| {
        mem::forget(waker.clone());
        // The leak alone makes it uncertain; another clone ends the test.
        held_by_a_thread(waker.clone(), Waker::wake)
    });
}

#[test]
fn a_waker_cloned_by_a_scoped_thread_and_given_to_another() {
    is_only_possible(|waker| {
        let clone = thread::scope(|scope| scope.spawn(|| waker.clone()).join().unwrap());
        held_by_a_thread(clone, Waker::wake)
    });
}

#[test]
fn a_waker_that_is_used_when_a_thread_ends() {
    struct WakesOnDrop(Waker);
    impl Drop for WakesOnDrop {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    thread_local!(static KEPT: RefCell<Option<WakesOnDrop>> = const { RefCell::new(None) });
    is_only_possible(|waker| {
        held_by_a_thread(waker.clone(), |waker| {
            KEPT.with(|kept| kept.replace(Some(WakesOnDrop(waker))));
        })
    });
}

#[test]
fn a_waker_held_by_a_task_of_another_threads_scheduler() {
    is_only_possible(|waker| {
        held_by_a_thread(waker.clone(), |waker| {
            turnwise::block_on(async {
                let task = spawn(async move {
                    yield_now().await;
                    waker.wake();
                });
                task.await.unwrap();
            });
        })
    });
}

#[test]
fn a_waker_held_by_a_task_of_another_scheduler_of_this_thread() {
    let other = Rc::new(Scheduler::new());
    let place: Rc<RefCell<Option<Waker>>> = Rc::default();
    is_only_possible(|waker| {
        place.replace(Some(waker.clone()));
        let (other, place) = (Rc::clone(&other), Rc::clone(&place));
        Box::new(move || {
            other.spawn(async move { place.take().unwrap().wake() });
            assert_eq!(other.run_until_stalled(), 1);
        })
    });
}

#[test]
fn a_group_that_holds_the_waker_of_its_task() {
    let signal = Signal::default();
    let wait = signal.wait();
    let on_stall = move |report: &turnwise::DeadlockReport| {
        assert!(!report.certain, "the group itself could be woken from anywhere");
        signal.set();
    };
    let scheduler = Scheduler::builder().on_stall(Duration::ZERO, on_stall).build();
    scheduler.block_on(async move {
        let mut group: FuturesUnordered<_> = [wait].into_iter().collect();
        group.next().await.unwrap();
    });
}

#[test]
fn what_a_foreign_group_waits_for_is_shown_anyway() {
    let lock = Lock::named("inside");
    let reports = Rc::new(RefCell::new(Vec::new()));
    let (log, abort) = (Rc::clone(&reports), Signal::default());
    let wait = abort.wait();
    let on_stall = move |report: &turnwise::DeadlockReport| {
        log.borrow_mut().push(report.to_string());
        abort.set();
    };
    let scheduler = Scheduler::builder().on_stall(Duration::ZERO, on_stall).build();
    scheduler.block_on(async move {
        let _kept = lock.lock().await;
        let mut group: FuturesUnordered<_> = [lock.lock()].into_iter().collect();
        futures::future::select(pin!(group.next()), pin!(wait)).await;
    });
    let report = &reports.borrow()[0];
    assert!(report.contains("#1 main  waits for mutex \"inside\" at "), "{report}");
    // The group has a waker of the task, and might wait for something else too: so this is no cycle.
    assert!(!report.contains("cycle: "), "{report}");
}

/// Another thread wakes the task immediately, so that the ring may arrive at any moment of the verdict.
fn races(rounds: u32, race: impl Fn(Waker)) {
    for _ in 0..rounds {
        let scheduler = Scheduler::new();
        let place = Rc::new(RefCell::new(None));
        let mut wait = pin!(leave_waker(Rc::clone(&place)));
        let result = scheduler.try_block_on(poll_fn(|cx: &mut Context<'_>| {
            let poll = wait.as_mut().poll(cx);
            if let Some(waker) = place.take() {
                race(waker);
            }
            poll
        }));
        assert!(result.is_ok(), "{result:?}");
    }
}

#[test]
fn a_ring_during_the_verdict_is_not_missed() {
    races(500, |waker| drop(thread::spawn(move || waker.wake())));
    races(500, |waker| {
        drop(thread::spawn(move || {
            waker.wake_by_ref();
            drop(waker);
        }));
    });
    races(200, |waker| {
        let second = waker.clone();
        drop(thread::spawn(move || drop(second)));
        drop(thread::spawn(move || waker.wake()));
    });
}

#[test]
fn channels_of_other_crates_fed_by_threads_wake_the_scheduler() {
    for _ in 0..200 {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        thread::spawn(move || sender.send(1).unwrap());
        assert_eq!(Scheduler::new().try_block_on(receiver).unwrap(), Ok(1));
    }
    for _ in 0..50 {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        for _ in 0..2 {
            let sender = sender.clone();
            thread::spawn(move || {
                for number in 0..10 {
                    sender.unbounded_send(number).unwrap();
                }
            });
        }
        drop(sender);
        let sum = receiver.fold(0, |sum, number| async move { sum + number });
        assert_eq!(Scheduler::new().try_block_on(sum).unwrap(), 90);
    }
}

#[test]
fn a_task_that_only_sleeps_is_not_deadlocked() {
    Scheduler::new().try_block_on(sleep(Duration::from_millis(1))).unwrap();
    Scheduler::builder()
        .virtual_time()
        .build()
        .try_block_on(sleep(Duration::from_secs(1)))
        .unwrap();
}

#[test]
fn a_task_woken_by_the_destructor_of_an_exiting_task_is_not_deadlocked() {
    struct SetsWhenDropped(Signal);
    impl Drop for SetsWhenDropped {
        fn drop(&mut self) {
            self.0.set();
        }
    }
    let scheduler = Scheduler::new();
    let signal = Signal::default();
    let waits = scheduler.spawn(signal.wait());
    let sets_signal = SetsWhenDropped(signal);
    scheduler.spawn(async move { sets_signal }); // The output is dropped after the last turn.
    scheduler.run().unwrap();
    assert!(waits.is_finished());
}

/// Nothing can ever wake this future.
fn is_certain(future: impl Future<Output = ()>) {
    match Scheduler::new().try_block_on(future) {
        Err(RunError::Deadlock(report)) => {
            assert!(report.certain);
            assert_eq!(report.wakers_held, 0);
        }
        other => panic!("expected a deadlock, not {other:?}"),
    }
}

#[test]
fn a_deadlock_without_any_outside_waker_is_certain() {
    is_certain(pending());
    is_certain(sleep(Duration::MAX));
    is_certain(Signal::default().wait());
    is_certain(async { spawn(pending::<()>()).await.unwrap() });
    is_certain(async {
        let lock = Lock::named("lock");
        let _kept = lock.lock().await;
        drop(lock.lock().await);
    });
    is_certain(async {
        let (_sender, receiver) = mpsc::channel::<()>();
        let _ = receiver.try_recv(); // A channel that is not awaited holds no waker.
        pending::<()>().await;
    });
}

#[test]
fn wakers_that_are_dropped_or_used_up_do_not_make_a_deadlock_uncertain() {
    is_certain(poll_fn(|cx| {
        drop(cx.waker().clone());
        Poll::Pending
    }));
    // A thread had one, and dropped it without a ring.
    is_certain(async {
        let place = Rc::new(RefCell::new(None));
        let mut wait = pin!(leave_waker(Rc::clone(&place)));
        assert!(futures::poll!(wait.as_mut()).is_pending());
        let waker = place.take().unwrap();
        thread::spawn(move || drop(waker)).join().unwrap();
        wait.await;
        pending::<()>().await;
    });
    // A finished task's waker can do nothing.
    let kept = Rc::new(RefCell::new(Vec::new()));
    let wakers = Rc::clone(&kept);
    is_certain(async move {
        let finished = poll_fn(move |cx| {
            wakers.borrow_mut().push(cx.waker().clone());
            Poll::Ready(())
        });
        spawn(finished).await.unwrap();
        pending::<()>().await;
    });
    assert_eq!(kept.borrow().len(), 1);
}

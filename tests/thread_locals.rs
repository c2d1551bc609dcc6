//! Schedulers and what belongs to them in thread-locals, which are destroyed in an order that nobody chose.
//!
//! A panic in such a destructor ends the process, so a broken promise here is seen at once.
#![allow(clippy::async_yields_async, reason = "a sleep is made inside a run and kept elsewhere")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use turnwise::time::Sleep;
use turnwise::{JoinHandle, Remote, Scheduler, sleep, spawn, task, time, yield_now};

thread_local! {
    static SCHEDULER: Scheduler = Scheduler::builder().virtual_time().build();
    static HELD: RefCell<Held> = RefCell::default();
}

/// What outlives its scheduler, or goes before it.
#[derive(Default)]
struct Held {
    handles: Vec<JoinHandle<()>>,
    sleeps: Vec<Sleep>,
    wakers: Vec<Waker>,
    remote: Option<Remote>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // What may be asked outside of all turns may be asked here.
        assert_eq!(task::try_id(), None);
        let _now = time::now();
        for handle in &self.handles {
            handle.abort();
            let _ = (handle.is_finished(), handle.name());
        }
        for waker in &self.wakers {
            waker.wake_by_ref();
        }
        if let Some(remote) = &self.remote {
            let _ = remote.spawn(|| async {}).is_finished();
        }
    }
}

/// Fills `HELD` with all there is, some of it waited for by a waker that is no task's.
fn fill(scheduler: &Scheduler) {
    let finished = scheduler.spawn(async {});
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let given = Rc::clone(&wakers);
    let waits = scheduler.spawn(std::future::poll_fn(move |cx| {
        given.borrow_mut().push(cx.waker().clone());
        std::task::Poll::<()>::Pending
    }));
    let nap = scheduler.block_on(async { sleep(Duration::from_secs(9)) });
    let mut endless = scheduler.spawn(pending::<()>());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(&mut endless).poll(&mut cx).is_pending());
    scheduler.run_until_stalled();
    HELD.with_borrow_mut(|held| {
        held.handles.extend([finished, waits, endless]);
        held.sleeps.push(nap);
        held.wakers.append(&mut wakers.borrow_mut());
        held.remote = Some(scheduler.remote());
    });
}

// tokio#593, #5162, #5179, #6091: a thread-local was used after its destruction, which ends the process.
#[test]
fn the_scheduler_may_go_before_what_belongs_to_it_and_after() {
    let scheduler_first = thread::spawn(|| {
        SCHEDULER.with(fill);
    });
    let held_first = thread::spawn(|| {
        HELD.with_borrow(|held| assert!(held.handles.is_empty()));
        SCHEDULER.with(fill);
    });
    scheduler_first.join().unwrap();
    held_first.join().unwrap();
}

#[test]
fn a_scheduler_in_a_thread_local_is_used_again_and_again() {
    let sum = Rc::new(Cell::new(0));
    for number in 0..3 {
        let sum = Rc::clone(&sum);
        SCHEDULER.with(|scheduler| {
            scheduler.block_on(async move {
                sleep(Duration::from_secs(1)).await;
                sum.set(sum.get() + number);
            });
        });
    }
    assert_eq!(sum.get(), 3);
}

#[test]
fn tasks_that_die_with_their_thread_may_spawn_and_wake() {
    struct Spawns(Waker);
    impl Drop for Spawns {
        fn drop(&mut self) {
            drop(spawn(yield_now()));
            self.0.wake_by_ref();
        }
    }
    thread::spawn(|| {
        SCHEDULER.with(|scheduler| {
            scheduler.spawn(async {
                let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone()));
                let _spawns = Spawns(waker.await);
                pending::<()>().await;
            });
            scheduler.run_until_stalled();
        });
    })
    .join()
    .unwrap();
}

#[test]
fn a_waker_used_at_the_end_of_another_thread_arrives() {
    thread_local!(static LAST: RefCell<Option<LastWords>> = const { RefCell::new(None) });
    struct LastWords(Waker);
    impl Drop for LastWords {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    let mut given = false;
    Scheduler::new().block_on(std::future::poll_fn(|cx| {
        if given {
            return std::task::Poll::Ready(());
        }
        given = true;
        let waker = cx.waker().clone();
        let thread = thread::spawn(move || LAST.set(Some(LastWords(waker))));
        drop(thread);
        std::task::Poll::Pending
    }));
}

//! Schedulers, and what belongs to them, in thread-locals, which are destroyed in an unspecified order.
//!
//! A panic in such a destructor ends the process, so a violation is noticed immediately.
#![allow(clippy::async_yields_async, reason = "a sleep is created in a run and kept elsewhere")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turnwise::task::RemoteHandle;
use turnwise::time::Sleep;
use turnwise::{JoinHandle, Remote, Scheduler, sleep, spawn, task, time, yield_now};

thread_local! {
    static SCHEDULER: Scheduler = Scheduler::builder().virtual_time().build();
    static HELD: RefCell<Held> = RefCell::default();
}

/// Values that may be dropped before or after their scheduler.
#[derive(Default)]
struct Held {
    handles: Vec<JoinHandle<()>>,
    sleeps: Vec<Sleep>,
    wakers: Vec<Waker>,
    remote: Option<Remote>,
    answers: Vec<RemoteHandle<()>>,
    report: Option<mpsc::Sender<bool>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // What may be called outside all turns may be called here.
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
            let is_dropped = remote.spawn(|| async {}).is_finished();
            assert!(self.answers.iter().all(|answer| answer.is_finished() == is_dropped));
            assert_eq!(is_dropped, self.handles.iter().all(JoinHandle::is_finished));
            self.report
                .take()
                .expect("the test is listening")
                .send(is_dropped)
                .expect("the test is still listening");
        }
    }
}

/// Fills `HELD` with values of all kinds, one of them polled with a waker that belongs to no task.
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
        let remote = scheduler.remote();
        held.answers = vec![remote.spawn(|| async {}), remote.spawn(pending)];
        held.remote = Some(remote);
    });
}

/// Runs a closure on a thread, and returns whether `SCHEDULER` was dropped before `HELD` when the thread ended.
fn scheduler_is_dropped_first(run: impl FnOnce() + Send + 'static) -> bool {
    let (report, reports) = mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        HELD.with_borrow_mut(|held| held.report = Some(report));
    });
    thread.join().expect("the thread does not panic");
    reports.recv().expect("its thread-local has reported")
}

// tokio#593, #5162, #5179, #6091: a thread-local was used after its destruction, which ends the process.
#[test]
fn the_scheduler_may_be_dropped_before_what_belongs_to_it_and_after() {
    let orders: [fn(); 2] = [
        || SCHEDULER.with(fill),
        || {
            HELD.with_borrow(|held| assert!(held.handles.is_empty()));
            SCHEDULER.with(fill);
        },
    ];
    let mut seen = orders.map(scheduler_is_dropped_first);
    seen.sort_unstable();
    assert_eq!(
        seen,
        [false, true],
        "thread-locals are dropped in the order of their first use, or in reverse"
    );
}

#[test]
fn a_scheduler_in_a_thread_local_can_be_used_repeatedly() {
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
fn tasks_that_end_with_their_thread_may_spawn_and_wake() {
    struct Spawns(Waker, mpsc::Sender<()>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            drop(spawn(yield_now()));
            self.0.wake_by_ref();
            drop(sleep(Duration::from_secs(1)));
            self.1.send(()).unwrap(); // Last, because a panic in here is swallowed.
        }
    }
    let (report, reports) = mpsc::channel();
    thread::spawn(|| {
        SCHEDULER.with(|scheduler| {
            scheduler.spawn(async {
                let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone()));
                let _spawns = Spawns(waker.await, report);
                pending::<()>().await;
            });
            scheduler.run_until_stalled();
        });
    })
    .join()
    .unwrap();
    assert_eq!(reports.iter().count(), 1);
}

#[test]
fn a_scheduler_may_be_created_run_and_slept_in_while_its_thread_ends() {
    struct LastRun(mpsc::Sender<Duration>);
    impl Drop for LastRun {
        fn drop(&mut self) {
            let start = Instant::now();
            let slept = turnwise::block_on(async move {
                let child = spawn(sleep(Duration::from_millis(1)));
                child.await.map(|()| start.elapsed())
            });
            self.0.send(slept.unwrap()).unwrap();
        }
    }
    thread_local!(static LAST: RefCell<Option<LastRun>> = const { RefCell::new(None) });
    for used_before in [false, true] {
        let (report, reports) = mpsc::channel();
        let thread = thread::spawn(move || {
            LAST.set(Some(LastRun(report)));
            if used_before {
                turnwise::block_on(sleep(Duration::from_millis(1)));
            }
        });
        thread.join().unwrap();
        assert!(reports.recv().unwrap() >= Duration::from_millis(1));
    }
}

//! Wakers, and wakes from another thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use super::{Executor, Kind, Row, Setup, Work, hidden};

pub(crate) fn rows<E: Executor>() -> Vec<Row> {
    let row = |name, size, kind, work| Row { name, batch: 1, size, kind, work };
    vec![
        row("waker_clone", 100_000, Kind::Computes, clones::<E> as Setup),
        row("wake_own", 100_000, Kind::Computes, wakes::<E>),
        row("wake_remote", 200, Kind::TwoThreads, remote::<E>),
        row("wake_storm", 1_000_000, Kind::TwoThreads, storm::<E>),
    ]
}

/// Runs a future as a task, since the waker of the root is not always one of the executor's.
fn in_a_task<E: Executor, T: 'static>(
    executor: &E,
    future: impl Future<Output = T> + 'static,
) -> T {
    executor.block_on(async move { E::spawn(future).await.expect("nothing panics") })
}

/// Clones the waker of the current turn and drops the clone, repeatedly.
fn clones<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let cloned = in_a_task(&executor, poll_fn(move |cx| Poll::Ready(clone(cx, n))));
        assert_eq!(cloned, n);
    })
}

pub(super) fn bare_clones() -> Work {
    Box::new(|n| assert_eq!(clone(&mut Context::from_waker(Waker::noop()), n), n))
}

fn clone(cx: &mut Context<'_>, n: u64) -> u64 {
    for _ in 0..n {
        drop(hidden(cx.waker().clone()));
    }
    n
}

/// Wakes its own task in its turn, repeatedly, which results in one more turn.
fn wakes<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let mut turns = 0;
        let task = poll_fn(move |cx| {
            turns += 1;
            if turns > 1 {
                return Poll::Ready(turns);
            }
            wake(cx, n);
            Poll::Pending
        });
        assert_eq!(in_a_task(&executor, task), 2);
    })
}

pub(super) fn bare_wakes() -> Work {
    Box::new(|n| wake(&mut Context::from_waker(Waker::noop()), n))
}

fn wake(cx: &mut Context<'_>, n: u64) {
    for _ in 0..n {
        hidden(cx.waker()).wake_by_ref();
    }
}

/// Shared by all executors: how long a round trip takes depends most of all on the processor on which the operating
/// system runs the other thread.
static ECHO: LazyLock<Echo> = LazyLock::new(Echo::new);

/// A thread that wakes every waker that it is sent.
struct Echo {
    wakers: Sender<Waker>,
    /// How many wakers it has woken.
    answers: Arc<AtomicU64>,
}

impl Echo {
    fn new() -> Self {
        let (wakers, inbox) = mpsc::channel::<Waker>();
        let answers = Arc::new(AtomicU64::new(0));
        let answered = Arc::clone(&answers);
        thread::spawn(move || {
            for waker in inbox {
                answered.fetch_add(1, Ordering::Release);
                waker.wake();
            }
        });
        Echo { wakers, answers }
    }

    /// Sends its waker to the thread, and waits until it is woken.
    async fn round_trip(&self) {
        let before = self.answers.load(Ordering::Acquire);
        let mut sent = false;
        poll_fn(|cx| {
            if !sent {
                sent = true;
                self.wakers.send(cx.waker().clone()).expect("the other thread lives");
            } else if self.answers.load(Ordering::Acquire) > before {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    async fn round_trips(&self, n: u64) {
        let before = self.answers.load(Ordering::Acquire);
        for _ in 0..n {
            self.round_trip().await;
        }
        assert_eq!(self.answers.load(Ordering::Acquire) - before, n);
    }
}

/// Round trips to another thread, one after another.
fn remote<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| in_a_task(&executor, ECHO.round_trips(n)))
}

/// The same with nothing but `park` and `unpark`.
pub(super) fn bare_remote() -> Work {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    Box::new(move |n| {
        let mut trips = Box::pin(ECHO.round_trips(n));
        while trips.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
    })
}

/// How many tasks are woken in rotation.
pub(crate) const TASKS: u64 = 1_000;

/// Another thread wakes a thousand tasks in rotation; a task that has a turn in between waits again.
fn storm<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let storm = Arc::new(Storm::default());
        let ended = executor.block_on(async move {
            let wait = |_| E::spawn(Arc::clone(&storm).wait(n));
            let handles: Vec<_> = (0..TASKS).map(wait).collect();
            let mut ended = 0;
            for handle in handles {
                ended += handle.await.expect("nothing panics");
            }
            // Some executors make the other thread wait until its wakes have been processed.
            while !storm.is_over() {
                E::yield_now().await;
            }
            ended
        });
        assert_eq!(ended, TASKS);
    })
}

/// The tasks that the storm wakes, until they may stop.
#[derive(Default)]
pub(crate) struct Storm {
    stop: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Storm {
    /// Adds its waker to the storm, and waits until that has ended. The last task to do so starts the storm.
    pub(crate) async fn wait(self: Arc<Self>, n: u64) -> u64 {
        let mut given = false;
        poll_fn(move |cx| {
            if self.stop.load(Ordering::Acquire) {
                return Poll::Ready(1);
            }
            if !given {
                given = true;
                self.give(cx.waker().clone(), n);
            }
            Poll::Pending
        })
        .await
    }

    fn give(self: &Arc<Self>, waker: Waker, n: u64) {
        let mut wakers = self.wakers.lock().expect("nothing panics");
        wakers.push(waker);
        if wakers.len() as u64 == TASKS {
            let (wakers, storm) = (std::mem::take(&mut *wakers), Arc::clone(self));
            let thread = thread::spawn(move || storm.blow(&wakers, n));
            *self.thread.lock().expect("nothing panics") = Some(thread);
        }
    }

    fn blow(&self, wakers: &[Waker], n: u64) {
        wakers.iter().cycle().zip(0..n).for_each(|(waker, _)| waker.wake_by_ref());
        self.stop.store(true, Ordering::Release);
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread.lock().expect("nothing panics").as_ref().is_some_and(JoinHandle::is_finished)
    }
}

/// The least that a wake consists of: one atomic exchange of a flag, which this thread checks.
pub(super) fn bare_storm() -> Work {
    Box::new(|n| {
        let flags: Arc<[AtomicBool]> = (0..TASKS).map(|_| AtomicBool::new(false)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let (rung, ended) = (Arc::clone(&flags), Arc::clone(&stop));
        let storm = thread::spawn(move || {
            for (flag, _) in rung.iter().cycle().zip(0..n) {
                flag.swap(true, Ordering::AcqRel);
            }
            ended.store(true, Ordering::Release);
        });
        let mut turns = 0;
        while !stop.load(Ordering::Acquire) {
            for flag in &*flags {
                if flag.load(Ordering::Relaxed) {
                    turns += u64::from(flag.swap(false, Ordering::AcqRel));
                }
            }
        }
        storm.join().expect("nothing panics");
        assert!(turns <= n);
    })
}

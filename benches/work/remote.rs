//! Wakers, and wakes from another thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::{Executor, Kind, Row, Tokio, Turnwise, Work, hidden};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "waker_clone",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: clones::<Turnwise>,
        tokio: Some(clones::<Tokio>),
        bare: Some(bare_clones),
    },
    Row {
        name: "wake_own",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: wakes::<Turnwise>,
        tokio: Some(wakes::<Tokio>),
        bare: Some(bare_wakes),
    },
    Row {
        name: "wake_remote",
        size: 200,
        kind: Kind::TwoThreads,
        turnwise: remote::<Turnwise>,
        tokio: Some(remote::<Tokio>),
        bare: Some(bare_remote),
    },
    Row {
        name: "wake_storm",
        size: 1_000_000,
        kind: Kind::TwoThreads,
        turnwise: storm::<Turnwise>,
        tokio: Some(storm::<Tokio>),
        bare: Some(bare_storm),
    },
];

/// Clones the waker of its turn and drops the clone.
fn clones<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let cloned = executor.block_on(poll_fn(|cx| Poll::Ready(clone(cx, n))));
        assert_eq!(cloned, n);
    })
}

fn bare_clones() -> Work {
    Box::new(|n| assert_eq!(clone(&mut Context::from_waker(Waker::noop()), n), n))
}

fn clone(cx: &mut Context<'_>, n: u64) -> u64 {
    for _ in 0..n {
        drop(hidden(cx.waker().clone()));
    }
    n
}

/// Wakes its own task in its turn, again and again: one more turn comes of it.
fn wakes<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let mut turns = 0;
        executor.block_on(poll_fn(|cx| {
            turns += 1;
            if turns == 2 {
                return Poll::Ready(());
            }
            wake(cx, n);
            Poll::Pending
        }));
        assert_eq!(turns, 2);
    })
}

fn bare_wakes() -> Work {
    Box::new(|n| wake(&mut Context::from_waker(Waker::noop()), n))
}

fn wake(cx: &mut Context<'_>, n: u64) {
    for _ in 0..n {
        hidden(cx.waker()).wake_by_ref();
    }
}

/// One for all executors: how long a trip takes depends more than all else on the processor on which the
/// operating system has put the other thread.
static ECHO: LazyLock<Echo> = LazyLock::new(Echo::new);

/// A thread that wakes every waker that it is sent.
struct Echo {
    wakers: Sender<Waker>,
    /// How many it has answered.
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

    /// Sends a waker over, and waits until that is woken.
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

/// One wake over there and back again, after another.
fn remote<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| executor.block_on(ECHO.round_trips(n)))
}

/// The same with nothing but `park` and `unpark`.
fn bare_remote() -> Work {
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

/// So many tasks are woken by turns.
const TASKS: u64 = 1_000;

/// Another thread wakes a thousand tasks by turns; those that have a turn meanwhile wait again.
fn storm<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let (stop, wakers) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let ended = executor.block_on(async {
            let wait = |_| E::spawn(wait(Arc::clone(&stop), Arc::clone(&wakers), n));
            let handles: Vec<_> = (0..TASKS).map(wait).collect();
            let mut ended = 0;
            for handle in handles {
                ended += handle.await.expect("nothing panics");
            }
            ended
        });
        assert_eq!(ended, TASKS);
    })
}

/// Gives its waker to the storm, which the last of the tasks lets loose; waits until the storm is over.
async fn wait(stop: Arc<AtomicBool>, wakers: Arc<Mutex<Vec<Waker>>>, n: u64) -> u64 {
    let mut given = false;
    poll_fn(|cx| {
        if stop.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !given {
            given = true;
            let mut wakers = wakers.lock().expect("nothing panics");
            wakers.push(cx.waker().clone());
            if wakers.len() as u64 == TASKS {
                let (wakers, stop) = (std::mem::take(&mut *wakers), Arc::clone(&stop));
                thread::spawn(move || blow(&wakers, &stop, n));
            }
        }
        Poll::Pending
    })
    .await;
    1
}

fn blow(wakers: &[Waker], stop: &AtomicBool, n: u64) {
    wakers.iter().cycle().zip(0..n).for_each(|(waker, _)| waker.wake_by_ref());
    stop.store(true, Ordering::Release);
    wakers.iter().for_each(Waker::wake_by_ref);
}

/// The least that a wake can be: one exchange of a flag, which this thread looks at.
fn bare_storm() -> Work {
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

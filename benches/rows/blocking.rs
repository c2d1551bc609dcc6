//! Blocking jobs, run on other threads.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::{Executor, Kind, Row, Setup, Turnwise, Work, hidden};

/// An executor that hands blocking calls to other threads.
pub(crate) trait Blocks: Executor {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static;
}

impl Blocks for Turnwise {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let handle = turnwise::spawn_blocking(job);
        async { handle.await.expect("nothing panics") }
    }
}

pub(crate) fn rows<E: Blocks>() -> Vec<Row> {
    let row = |name, size, work| Row { name, batch: 1, size, kind: Kind::TwoThreads, work };
    vec![
        row("blocking_round_trip", 2_000, round_trips::<E> as Setup),
        row("blocking_busy", 500, busy_round_trips::<E>),
        row("blocking_burst", 10_000, burst::<E>),
    ]
}

/// One job after another, each awaited.
fn round_trips<E: Blocks>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async move {
            let trips = async move {
                let mut sum = 0;
                for number in 0..n {
                    sum += E::spawn_blocking(move || hidden(number)).await;
                }
                sum
            };
            E::spawn(trips).await.expect("nothing panics")
        });
        assert_eq!(sum, (0..n).sum::<u64>());
    })
}

/// The same while other threads use all processors, as many as there are.
fn busy_round_trips<E: Blocks>() -> Work {
    let mut work = round_trips::<E>();
    Box::new(move |n| {
        let _others = Busy::start();
        work(n);
    })
}

/// Threads that use every processor while this exists.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            }
        };
        let count = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..count).map(|_| thread::spawn(spin(Arc::clone(&stop)))).collect();
        Busy { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("it only spins");
        }
    }
}

/// All jobs are submitted, and then awaited.
fn burst<E: Blocks>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async move {
            let jobs = (0..n).map(|number| Box::pin(E::spawn_blocking(move || hidden(number))));
            let jobs: Vec<_> = jobs.collect();
            let mut sum = 0;
            for job in jobs {
                sum += job.await;
            }
            sum
        });
        assert_eq!(sum, (0..n).sum::<u64>());
    })
}

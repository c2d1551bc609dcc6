//! The limit: each row as a loop that does that row and nothing else.
//!
//! Boxed futures in a queue, polled with a waker that does nothing: no ids, no handles, no wakes, no panics caught. It
//! is of no practical use, but shows what an executor could reach at best.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::generators::{self, ByHand};
use super::remote::{bare_clones, bare_remote, bare_storm, bare_wakes};
use super::spawn::CROWD;
use super::timers::LIVE;
use super::turn::DEPTH;
use super::waits::JOINED;
use super::{Random, Setup, Work, batches, hidden, work};

/// Returns the loop for the row of that name.
pub(crate) fn on(row: &str) -> Option<Setup> {
    Some(match row {
        "spawn_join" | "scope_1000" => spawn_join,
        "spawn_detached" => spawn_detached,
        "yield_1" | "catch_yield" => yields::<1>,
        "yield_1000" | "self_wake_1000" => yields::<1_000>,
        "yield_100000" => yields::<100_000>,
        "deep_await" => deep,
        "block_on_warm" => block_on,
        "create_drop" => create,
        "timers_1k" => timers::<1_000>,
        "timers_10k" => timers::<10_000>,
        "timers_100k" => timers::<100_000>,
        "timers_1m" => timers::<1_000_000>,
        "timers_10m" => timers::<10_000_000>,
        "timers_virtual_10k" => timers_virtual::<10_000>,
        "timers_virtual_1m" => timers_virtual::<1_000_000>,
        "timers_cancel" | "timers_cancel_later" | "timeouts_10k" => timers_cancel,
        "timeout_ready" | "catch_ready" => poll_ready,
        "waker_clone" => bare_clones,
        "wake_own" => bare_wakes,
        "wake_remote" => bare_remote,
        "wake_storm" => bare_storm,
        // Each task is polled once for each event.
        "event_10000" => yields::<10_000>,
        "join_all_1000" => join_all,
        "join_2" => join,
        "race_2" => race,
        _ => return work(&generators::rows::<ByHand>(), row),
    })
}

type Boxed = Pin<Box<dyn Future<Output = u64>>>;

/// Polls all futures in turn until all are ready; returns the sum of their outputs.
fn run(queue: &mut VecDeque<Boxed>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut sum = 0;
    while let Some(mut future) = queue.pop_front() {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => sum += output,
            Poll::Pending => queue.push_back(future),
        }
    }
    sum
}

fn spawn_join() -> Work {
    let mut queue = VecDeque::new();
    Box::new(move |n| {
        let mut sum = 0;
        for first in batches(n, CROWD) {
            queue.extend((first..first + CROWD).map(|i| Box::pin(async move { i }) as Boxed));
            sum += run(&mut queue);
        }
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

fn spawn_detached() -> Work {
    let mut queue = VecDeque::new();
    Box::new(move |n| {
        let counted = Rc::new(Cell::new(0));
        for _ in batches(n, CROWD) {
            queue.extend((0..CROWD).map(|_| {
                let counted = Rc::clone(&counted);
                let target = async move {
                    counted.set(counted.get() + 1);
                    0_u64
                };
                Box::pin(target) as Boxed
            }));
            run(&mut queue);
        }
        assert_eq!(counted.get(), n);
    })
}

fn yields<const TASKS: u64>() -> Work {
    let mut queue = VecDeque::new();
    Box::new(move |n| {
        let rounds = n / TASKS;
        queue.extend((0..TASKS).map(|_| Box::pin(pend(rounds)) as Boxed));
        assert_eq!(run(&mut queue), rounds * TASKS);
    })
}

/// Returns a future that is pending for this many turns.
fn pend(turns: u64) -> impl Future<Output = u64> {
    let mut left = turns;
    poll_fn(move |_| {
        if left == 0 {
            return Poll::Ready(turns);
        }
        left -= 1;
        Poll::Pending
    })
}

fn deep() -> Work {
    fn nest(depth: u64, rounds: u64) -> Boxed {
        Box::pin(async move {
            if depth > 0 { nest(depth - 1, rounds).await + 1 } else { pend(rounds).await }
        })
    }
    let mut queue = VecDeque::new();
    Box::new(move |n| {
        queue.push_back(nest(DEPTH, n));
        assert_eq!(run(&mut queue), n + DEPTH);
    })
}

fn block_on() -> Work {
    Box::new(|n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        for i in 0..n {
            let future = pin!(async { hidden(i) });
            if let Poll::Ready(output) = future.poll(&mut cx) {
                sum += output;
            }
        }
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

/// Polls a future that is ready.
fn poll_ready() -> Work {
    Box::new(|n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        for number in 0..n {
            if let Poll::Ready(output) = pin!(ready(hidden(number))).poll(&mut cx) {
                sum += output;
            }
        }
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
    })
}

/// A queue with room is the least that a scheduler consists of.
fn create() -> Work {
    Box::new(|n| {
        for _ in 0..n {
            drop(hidden(VecDeque::<Boxed>::with_capacity(16)));
        }
    })
}

/// A clock that is read once per check, and a heap with 16 bytes per timer.
struct Timers {
    now: Cell<u64>,
    heap: RefCell<BinaryHeap<Reverse<(u64, u32)>>>,
}

impl Timers {
    async fn sleep(&self, task: u32, duration: Duration) {
        let deadline = self.now.get() + nanos(duration);
        poll_fn(|_| {
            if self.now.get() >= deadline {
                return Poll::Ready(());
            }
            self.heap.borrow_mut().push(Reverse((deadline, task)));
            Poll::Pending
        })
        .await;
    }

    /// Waits for the next deadline, and returns its task.
    fn next(&self, clock: &mut impl FnMut(u64) -> u64) -> Option<usize> {
        let mut heap = self.heap.borrow_mut();
        let deadline = heap.peek()?.0.0;
        while self.now.get() < deadline {
            self.now.set(clock(deadline));
        }
        heap.pop().map(|Reverse((_, task))| task as usize)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("less than 585 years")
}

/// Spawns `TASKS` tasks at a time, each of which sleeps for a random time.
fn sleepers<const TASKS: u64>(mut clock: impl FnMut(u64) -> u64 + 'static) -> Work {
    let mut tasks = Vec::new();
    let timers = Rc::new(Timers { now: Cell::new(0), heap: RefCell::default() });
    Box::new(move |n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        for _ in batches(n, TASKS) {
            let mut random = Random::new();
            timers.now.set(clock(0));
            tasks.clear();
            for task in 0..TASKS {
                let (nap, timers) = (random.nap(), Rc::clone(&timers));
                let task = u32::try_from(task).expect("fewer than 2^32 tasks");
                tasks.push(Some(Box::pin(async move {
                    timers.sleep(task, nap).await;
                    1_u64
                }) as Boxed));
            }
            for task in tasks.iter_mut().flatten() {
                assert!(task.as_mut().poll(&mut cx).is_pending());
            }
            while let Some(task) = timers.next(&mut clock) {
                let future = tasks[task].as_mut().expect("fires once");
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    sum += output;
                    tasks[task] = None;
                }
            }
        }
        assert_eq!(sum, n);
    })
}

fn timers<const TASKS: u64>() -> Work {
    let start = Instant::now();
    sleepers::<TASKS>(move |deadline| {
        let now = nanos(start.elapsed());
        if now >= deadline {
            return now;
        }
        // Like turnwise and tokio, it rounds up to the next whole millisecond.
        let until = Duration::from_nanos(deadline.next_multiple_of(1_000_000));
        std::thread::sleep(until.saturating_sub(start.elapsed()));
        nanos(start.elapsed())
    })
}

fn timers_virtual<const TASKS: u64>() -> Work {
    let mut now = 0;
    sleepers::<TASKS>(move |deadline| {
        now = deadline.max(now);
        now
    })
}

/// Writes an entry for each timer, and removes the cancelled ones when they outnumber the live ones.
fn timers_cancel() -> Work {
    let mut entries: Vec<(u64, bool)> = (0..LIVE).map(|timer| (timer, true)).collect();
    Box::new(move |n| {
        for timer in 0..n {
            entries.push(hidden((timer, false)));
            if entries.len() as u64 > 2 * LIVE {
                entries.retain(|entry| entry.1);
            }
        }
        assert!(entries.len() as u64 >= LIVE);
    })
}

/// Polls a thousand futures in turn until all are ready.
fn join_all() -> Work {
    Box::new(|n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut done = 0;
        for _ in 0..n / JOINED {
            let mut futures: Vec<_> = (0..JOINED).map(|_| hidden(pend(1))).collect();
            let mut left = JOINED;
            let mut outputs = vec![0; futures.len()];
            while left > 0 {
                for (future, output) in futures.iter_mut().zip(&mut outputs) {
                    if let Poll::Ready(turns) = Pin::new(future).poll(&mut cx) {
                        *output = turns;
                        left -= 1;
                    }
                }
            }
            done += outputs.iter().sum::<u64>();
        }
        assert_eq!(done, n);
    })
}

/// Polls two futures, and uses both outputs.
fn join() -> Work {
    Box::new(|n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        for number in 0..n {
            let (a, b) = (pin!(ready(hidden(number))), pin!(ready(hidden(1))));
            if let (Poll::Ready(a), Poll::Ready(b)) = (a.poll(&mut cx), b.poll(&mut cx)) {
                sum += a + b;
            }
        }
        assert_eq!(sum, n * (n + 1) / 2);
    })
}

/// Polls the first of two futures, and the second only if the first is not ready.
fn race() -> Work {
    Box::new(|n| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        for number in 0..n {
            let (a, b) = (pin!(ready(hidden(number))), pin!(ready(hidden(number))));
            match a.poll(&mut cx) {
                Poll::Ready(first) => sum += first,
                Poll::Pending => {
                    if let Poll::Ready(first) = b.poll(&mut cx) {
                        sum += first;
                    }
                }
            }
        }
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
    })
}

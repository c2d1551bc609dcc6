//! Load: wakes, spawns, panics and drops by the million, a task that never waits, five idle seconds, and snapshots and
//! reports of ten thousand tasks. Each runs once, asserts what must hold, and prints one row of a table.
//!
//! ```text
//! cargo bench --bench load            # everything, in about a minute
//! cargo bench --bench load -- --test  # the same, a hundred times smaller
//! cargo bench --bench load -- reports # only the snapshots and reports of ten thousand tasks
//! cargo bench --bench load -- gap_4m  # the longest time without a turn while four million tasks are spawned
//! cargo bench --bench load -- gap_4m_wakers  # the same with all their wakers held elsewhere
//! ```

#[path = "load/reports.rs"]
mod reports;

use std::alloc::System;
use std::cell::{Cell, RefCell};
use std::fs;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use turnwise::{JoinError, Scheduler, sleep, time, yield_now};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Returns how many bytes are allocated and not freed.
fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let scale = |count: u64| if is_test { count / 100 } else { count };
    println!("| load | count | time | result |");
    println!("|---|---:|---:|---|");
    // One per process: whether glibc moves a growing vector depends on what was freed before.
    for argument in std::env::args() {
        match argument.as_str() {
            "gap_4m" => return row("tasks that wait", scale(4_000_000), |n| gap(n, false)),
            "gap_4m_wakers" => {
                return row("tasks with wakers held elsewhere", scale(4_000_000), |n| gap(n, true));
            }
            "reports" => return reports::rows(scale),
            _ => {}
        }
    }
    row("wakes of one task, by 4 threads", scale(10_000_000), |n| storm(n, 1));
    row("wakes of 1,000 tasks, by 4 threads", scale(10_000_000), |n| storm(n, 1_000));
    row("wakes of 1,000 running tasks, by 4 threads", scale(10_000_000), running_storm);
    row("tasks spawned by 16 threads", scale(1_600_000), spawners);
    row("tasks of which every 10th panics", scale(1_000_000), panics);
    row("idle tasks dropped at once", scale(1_000_000), dropped);
    row("timers beside a task that never waits", scale(100_000), beside_a_busy_task);
    row("ms of idling", scale(5_000), idle);
    reports::rows(scale);
}

/// Runs one load, which returns its result.
fn row(name: &str, count: u64, run: impl FnOnce(u64) -> String) {
    let start = Instant::now();
    let seen = run(count);
    println!("| {name} | {count} | {:.2?} | {seen} |", start.elapsed());
}

// ----- wakes -----

/// Tasks that each put their waker on a shared list, and wait until they may stop.
struct Crowd {
    scheduler: Scheduler,
    wakers: Arc<Mutex<Vec<Waker>>>,
    stop: Arc<AtomicBool>,
    turns: Rc<Cell<u64>>,
}

impl Crowd {
    fn new(tasks: u64) -> Self {
        let scheduler = Scheduler::new();
        let (wakers, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let turns = Rc::new(Cell::new(0));
        for _ in 0..tasks {
            let (wakers, stop, turns) = (Arc::clone(&wakers), Arc::clone(&stop), Rc::clone(&turns));
            let mut given = false;
            scheduler.spawn(poll_fn(move |cx| {
                turns.set(turns.get() + 1);
                if stop.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !given {
                    given = true;
                    wakers.lock().expect("nothing panics").push(cx.waker().clone());
                }
                Poll::Pending
            }));
        }
        scheduler.run_until_stalled();
        Crowd { scheduler, wakers, stop, turns }
    }

    /// Four threads wake the tasks in rotation, this many times in total; then all tasks may stop.
    fn blow(&self, wakes: u64) -> Vec<thread::JoinHandle<()>> {
        let given = std::mem::take(&mut *self.wakers.lock().expect("nothing panics"));
        let threads = (0..4).map(|_| {
            let (all, stop) = (given.clone(), Arc::clone(&self.stop));
            thread::spawn(move || {
                all.iter().cycle().zip(0..wakes / 4).for_each(|(waker, _)| waker.wake_by_ref());
                stop.store(true, Ordering::Release);
                all.iter().for_each(Waker::wake_by_ref);
            })
        });
        threads.collect()
    }
}

/// No letter is collected until the threads have ended, so the final number of letters is the highest.
fn storm(wakes: u64, tasks: u64) -> String {
    let crowd = Crowd::new(tasks);
    let live = live_bytes();
    for thread in crowd.blow(wakes) {
        thread.join().expect("nothing panics");
    }
    let grown = live_bytes().saturating_sub(live);
    crowd.scheduler.run_until_stalled();
    let letters = crowd.scheduler.metrics().letters;
    assert_eq!((letters, crowd.scheduler.metrics().alive), (tasks, 0));
    format!("{letters} letters, {grown} bytes more")
}

fn running_storm(wakes: u64) -> String {
    let crowd = Crowd::new(1_000);
    let threads = crowd.blow(wakes);
    crowd.scheduler.run().expect("every task is woken once all may stop");
    threads.into_iter().for_each(|thread| thread.join().expect("nothing panics"));
    let turns = crowd.turns.get();
    assert!(turns <= wakes + 5_000, "a turn for a wake at most");
    format!("{turns} turns, {} letters", crowd.scheduler.metrics().letters)
}

// ----- spawns -----

fn spawners(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let each = tasks / 16;
    let threads = (0..16).map(|_| {
        let remote = scheduler.remote();
        thread::spawn(move || {
            let ask = |number: u64| remote.spawn(move || async move { number * 2 });
            let answers: Vec<_> = (0..each).map(ask).collect();
            drop(remote);
            answers.into_iter().map(|answer| answer.wait().expect("nothing panics")).sum::<u64>()
        })
    });
    let threads: Vec<_> = threads.collect();
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        scheduler.run().expect("tasks that never wait cannot deadlock");
        thread::yield_now();
    }
    let sum: u64 = threads.into_iter().map(|thread| thread.join().expect("nothing panics")).sum();
    assert_eq!(sum, 16 * each * (each - 1));
    format!("{} turns", scheduler.metrics().turns)
}

fn panics(tasks: u64) -> String {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let scheduler = Scheduler::new();
    let round = |tasks: u64| {
        let mut panicked = 0;
        for first in (0..tasks).step_by(1_000) {
            let handles: Vec<_> = (first..(first + 1_000).min(tasks))
                .map(|number| {
                    scheduler.spawn(async move {
                        yield_now().await;
                        assert!(number % 10 != 0, "every 10th");
                    })
                })
                .collect();
            scheduler.run().expect("all tasks end");
            let failed = handles.into_iter().map(|handle| scheduler.block_on(handle));
            panicked +=
                failed.filter(|result| result.as_ref().is_err_and(JoinError::is_panic)).count();
        }
        panicked
    };
    round(2_000); // Warms up: memory that is kept for reuse is allocated now.
    let live = live_bytes();
    let panicked = round(tasks);
    let left = live_bytes().abs_diff(live);
    std::panic::set_hook(hook);
    assert_eq!(panicked as u64, tasks.div_ceil(10));
    assert!(left < 1_024, "{left} bytes more or less are live");
    format!("{panicked} panics, {left} bytes left")
}

fn dropped(tasks: u64) -> String {
    let live = live_bytes();
    let scheduler = Scheduler::new();
    for _ in 0..tasks {
        scheduler.spawn(pending::<()>());
    }
    scheduler.run_until_stalled();
    let each = live_bytes().abs_diff(live) / usize::try_from(tasks).expect("they fit in memory");
    let start = Instant::now();
    drop(scheduler);
    let took = start.elapsed();
    assert_eq!(live_bytes(), live);
    format!("{each} bytes each, dropped in {took:.2?}")
}

// ----- gaps -----

/// The time of the last event, and the longest gap before an event of each kind.
struct Gaps {
    last: Cell<Instant>,
    /// How long this thread had waited for a processor when that was last read.
    delayed: Cell<Duration>,
    spawned: Cell<usize>,
    spawn: Cell<(Duration, usize)>,
    turn: Cell<(Duration, usize)>,
}

impl Gaps {
    fn new() -> Self {
        let none = || Cell::new((Duration::ZERO, 0));
        let (last, delayed) =
            (Cell::new(Instant::now()), Cell::new(account(1).unwrap_or_default()));
        Gaps { last, delayed, spawned: Cell::new(0), spawn: none(), turn: none() }
    }

    /// Ends a gap: records the time since the last event, if it is the longest of its kind.
    fn end(&self, longest: &Cell<(Duration, usize)>) {
        let mut gap = self.last.get().elapsed();
        // Reading the statistics takes microseconds, so it is done only where other programs may have run.
        if gap > Duration::from_micros(200) {
            let delayed = account(1).unwrap_or_default();
            let before = self.delayed.replace(delayed);
            gap = gap.saturating_sub(delayed.saturating_sub(before));
        }
        longest.set(longest.get().max((gap, self.spawned.get())));
        self.last.set(Instant::now());
    }
}

/// Spawns tasks that have one turn soon, and then wait forever, so the storage of the tasks only grows.
fn gap(tasks: u64, gives_wakers: bool) -> String {
    let tasks = usize::try_from(tasks).expect("they fit in memory");
    let scheduler = Scheduler::new();
    // Allocated in advance, so that only the scheduler's storage grows.
    let places = if gives_wakers { tasks } else { 0 };
    let wakers = Rc::new(RefCell::new(vec![Waker::noop().clone(); places]));
    let gaps = Rc::new(Gaps::new());
    scheduler.block_on(async {
        for number in 0..tasks {
            let (in_task, wakers) = (Rc::clone(&gaps), Rc::clone(&wakers));
            drop(turnwise::spawn(poll_fn(move |cx| {
                if let Some(waker) = wakers.borrow_mut().get_mut(number) {
                    waker.clone_from(cx.waker());
                }
                in_task.end(&in_task.turn);
                Poll::<()>::Pending
            })));
            gaps.spawned.set(number + 1);
            gaps.end(&gaps.spawn);
            if number % 1_000 == 999 {
                yield_now().await;
            }
        }
        yield_now().await;
    });
    assert_eq!(scheduler.metrics().alive, tasks);
    let show = |(longest, spawned): (Duration, usize)| {
        format!("{:.1} ms (of task {spawned})", longest.as_secs_f64() * 1_000.0)
    };
    format!(
        "longest gap before a spawn returned {}, before a turn started {}",
        show(gaps.spawn.get()),
        show(gaps.turn.get())
    )
}

// ----- time -----

fn beside_a_busy_task(timers: u64) -> String {
    let scheduler = Scheduler::new();
    let worst = Rc::new(Cell::new(Duration::ZERO));
    let left = Rc::new(Cell::new(timers));
    for number in 0..timers {
        let (worst, left) = (Rc::clone(&worst), Rc::clone(&left));
        scheduler.spawn(async move {
            let nap = Duration::from_micros(1_000 * (number % 100));
            let deadline = time::now() + nap;
            sleep(nap).await;
            worst.set(worst.get().max(time::now() - deadline));
            left.set(left.get() - 1);
        });
    }
    let mut turns = 0_u64;
    scheduler.block_on(async {
        while left.get() > 0 {
            turns += 1;
            yield_now().await;
        }
    });
    format!("{turns} turns of the busy task; the latest timer {:.2?} late", worst.get())
}

fn idle(millis: u64) -> String {
    let scheduler = Scheduler::new();
    for _ in 0..1_000 {
        scheduler.spawn(sleep(Duration::from_secs(3_600)));
        scheduler.spawn(pending::<()>());
    }
    let before = processor_time();
    scheduler.block_on(sleep(Duration::from_millis(millis)));
    let parks = scheduler.metrics().parks;
    let Some(took) = before.and_then(|before| processor_time()?.checked_sub(before)) else {
        return format!("{parks} parks"); // The processor time is available on Linux only.
    };
    assert!(took < Duration::from_millis(20), "{took:?} on a processor");
    format!("{took:.2?} on a processor, {parks} parks")
}

/// Returns how long this thread has run on a processor.
fn processor_time() -> Option<Duration> {
    thread::yield_now(); // The statistics are updated when the thread is scheduled.
    account(0)
}

/// Reads from Linux how long this thread has run (field 0), or how long it was ready while others ran (field 1).
fn account(field: usize) -> Option<Duration> {
    let account = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(account.split_whitespace().nth(field)?.parse().ok()?))
}

//! The scheduler of the lecture, slide by slide: `Task`, `Scheduler`, `exit`, and how asyncio continues from there.
//! Each section prints what the Python program on its slide prints.
//!
//! Run it with `cargo run --example slides`. The terms of the lecture, and their counterparts here:
//!
//! | lecture | turnwise |
//! |---|---|
//! | `Task(target)`, `task.run()` | a future with an id; a turn, which is one poll |
//! | `yield` | `yield_now().await` |
//! | `StopIteration` | `Poll::Ready` |
//! | `sched.new(foo())` | `scheduler.spawn(foo())` |
//! | `schedule(task)` | the same, but called by the task's waker |
//! | `mainloop()` | `scheduler.run()` |
//! | `exit(task)` | the same; an observer sees it as `Transition::Exited` |
//! | `gather(a, b)` | spawn both, await both |
//! | `loop.run_until_complete(main())` | `scheduler.block_on(main())` |
//! | `loop.close()` | `drop(scheduler)` |

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use turnwise::{JoinError, RunError, Scheduler, Transition};
use turnwise::{block_on, sleep, spawn, time, yield_now};

fn main() -> Result<(), Box<dyn Error>> {
    a_task_is_run_by_hand();
    a_scheduler_without_exit();
    a_scheduler_with_exit()?;
    asyncio_counts()?;
    an_event_loop_is_run_twice();
    Ok(())
}

// ----- 46: Task -----

/// The lecture's `Task`: a target and a number. A future is the closest thing that stable Rust has to a generator: a
/// poll runs it to its next `.await` that is pending.
struct Task {
    tid: u32,
    target: Pin<Box<dyn Future<Output = ()>>>,
}

/// What a generator raises when it has finished.
#[derive(Debug)]
struct StopIteration;

/// The lecture's `Task.task_id`, a counter that all tasks share.
static TASK_ID: AtomicU32 = AtomicU32::new(0);

impl Task {
    fn new(target: impl Future<Output = ()> + 'static) -> Self {
        let tid = TASK_ID.fetch_add(1, Ordering::Relaxed) + 1;
        Task { tid, target: Box::pin(target) }
    }

    /// The lecture's `run`: continues to the next yield. The waker does nothing, since the caller runs the task again
    /// anyway.
    fn run(&mut self) -> Result<(), StopIteration> {
        match self.target.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(StopIteration),
        }
    }
}

fn a_task_is_run_by_hand() {
    /// `yield_now` carries no value, so the value is passed through a shared cell.
    async fn foo(yielded: Rc<Cell<u32>>) {
        for i in 0..2 {
            yielded.set(i);
            yield_now().await;
        }
    }

    println!("== 46: a task is run by hand");
    let yielded = Rc::new(Cell::new(0));
    let mut t1 = Task::new(foo(Rc::clone(&yielded)));
    while let Ok(()) = t1.run() {
        println!("{}", yielded.get());
    }
    println!("over");
    let t2 = Task::new(foo(yielded));
    println!("ids: {} {}", t1.tid, t2.tid);
}

// ----- 47: Scheduler -----

/// The lecture's first `Scheduler`, nearly word for word.
#[derive(Default)]
struct FirstScheduler {
    ready: VecDeque<Rc<RefCell<Task>>>,
    taskmap: BTreeMap<u32, Rc<RefCell<Task>>>,
}

impl FirstScheduler {
    fn new_task(&mut self, target: impl Future<Output = ()> + 'static) -> u32 {
        let task = Task::new(target);
        let tid = task.tid;
        let task = Rc::new(RefCell::new(task));
        self.taskmap.insert(tid, Rc::clone(&task));
        self.schedule(task);
        tid
    }

    fn schedule(&mut self, task: Rc<RefCell<Task>>) {
        self.ready.push_back(task);
    }

    /// What the lecture forgets is visible in the `?`: the end of any task ends the main loop.
    fn mainloop(&mut self) -> Result<(), StopIteration> {
        while !self.taskmap.is_empty() {
            let task = self.ready.pop_front().expect("every task in the taskmap is ready");
            task.borrow_mut().run()?;
            self.schedule(task);
        }
        Ok(())
    }
}

fn a_scheduler_without_exit() {
    async fn endless(name: &str) {
        loop {
            println!("I'm {name}");
            yield_now().await;
        }
    }

    async fn once() {
        println!("I'm once");
        yield_now().await;
    }

    println!("== 47: a scheduler without exit");
    // These tasks never end, so the lecture's main loop would not return. The real scheduler can run single turns:
    // four for each task.
    let scheduler = Scheduler::new();
    scheduler.spawn(endless("foo"));
    scheduler.spawn(endless("bar"));
    for _ in 0..8 {
        scheduler.step();
    }
    println!("cut");

    let mut scheduler = FirstScheduler::default();
    scheduler.new_task(once());
    scheduler.new_task(endless("foo"));
    if let Err(StopIteration) = scheduler.mainloop() {
        println!("the end of one task ended the mainloop");
    }
}

// ----- 48: exit -----

/// From here on everything is turnwise. Its main loop calls `exit` when a poll returns `Poll::Ready`, and ends when the
/// task map is empty. It differs from the lecture in one line: it does not call `schedule` for a task that waits, but
/// leaves that to the task's waker.
fn a_scheduler_with_exit() -> Result<(), RunError> {
    async fn foo(n: u32) {
        for _ in 0..n {
            println!("I'm foo");
            yield_now().await;
        }
    }

    async fn bar(n: u32) {
        for _ in 0..n {
            println!("I'm bar");
            yield_now().await;
        }
    }

    println!("== 48: a scheduler with exit");
    let scheduler = Scheduler::builder().observer(print_exits).build();
    scheduler.spawn(foo(2));
    scheduler.spawn(bar(2));
    scheduler.run()?;

    // The lecture creates a new scheduler, and ids keep counting. Here ids are per scheduler, so this one is reused.
    println!("-- uneven, and one that never yields");
    scheduler.spawn(foo(1));
    scheduler.spawn(bar(3));
    scheduler.spawn(foo(0));
    scheduler.run()?;
    println!("mainloop ended");
    Ok(())
}

/// The lecture's `exit` prints; turnwise's does not, but notifies the observer.
fn print_exits(transition: &Transition) {
    if let Transition::Exited { task, .. } = transition {
        println!("Task {} terminated", task.as_u64());
    }
}

// ----- 49: AsyncIO -----

fn asyncio_counts() -> Result<(), JoinError> {
    async fn count() {
        println!("One");
        sleep(Duration::from_secs(1)).await;
        println!("Two");
    }

    println!("== 49: asyncio counts");
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let both = [spawn(count()), spawn(count())];
        for one in both {
            one.await?;
        }
        Ok(())
    })?;
    log(scheduler.snapshot().elapsed, "end");
    Ok(())
}

/// Prints a line with the time of a virtual clock, in milliseconds.
fn log(elapsed: Duration, text: impl Display) {
    println!("[{}] {text}", elapsed.as_millis());
}

// ----- 50: the event loop -----

/// A scheduler may be run repeatedly. Tasks that have not finished when `block_on` returns stay as they are, and
/// continue in the next run.
fn an_event_loop_is_run_twice() {
    async fn ticker(start: Instant) {
        loop {
            log(time::now() - start, "tick");
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn nap(seconds: f64) -> f64 {
        sleep(Duration::from_secs_f64(seconds)).await;
        seconds
    }

    println!("== 50: an event loop is run twice, and closed");
    let scheduler = Scheduler::builder().virtual_time().build();
    let elapsed = || scheduler.snapshot().elapsed;
    let start = scheduler.block_on(async { time::now() });
    let task = scheduler.spawn(ticker(start));
    log(elapsed(), "made; nothing has run");
    let first = scheduler.block_on(nap(2.5));
    log(elapsed(), format_args!("first run: {first}"));
    let second = scheduler.block_on(nap(1.0));
    log(elapsed(), format_args!("second run: {second}"));
    task.abort();
    if scheduler.block_on(task).is_err_and(|error| error.is_cancelled()) {
        log(elapsed(), "ticker cancelled");
    }

    // asyncio's loop can be called after `close`, and raises "Event loop is closed". Here `close` is `drop`, and
    // `scheduler.block_on(…)` after it does not compile: "borrow of moved value". Only a handle can outlive the
    // scheduler, and it reports how its task ended.
    let late = scheduler.spawn(nap(1.0));
    let closed_at = elapsed();
    drop(scheduler);
    if let Err(error) = block_on(late) {
        log(closed_at, format_args!("after close: {error}"));
    }
}

// Output:
//
// == 46: a task is run by hand
// 0
// 1
// over
// ids: 1 2
// == 47: a scheduler without exit
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// cut
// I'm once
// I'm foo
// the end of one task ended the mainloop
// == 48: a scheduler with exit
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// Task 1 terminated
// Task 2 terminated
// -- uneven, and one that never yields
// I'm foo
// I'm bar
// Task 5 terminated
// Task 3 terminated
// I'm bar
// I'm bar
// Task 4 terminated
// mainloop ended
// == 49: asyncio counts
// One
// One
// Two
// Two
// [1000] end
// == 50: an event loop is run twice, and closed
// [0] made; nothing has run
// [0] tick
// [1000] tick
// [2000] tick
// [2500] first run: 2.5
// [3000] tick
// [3500] second run: 1
// [3500] ticker cancelled
// [3500] after close: task #6 was aborted

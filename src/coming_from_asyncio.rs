//! Coming from asyncio: its calls beside their forms here, what differs, and why.
//!
//! A coroutine is a future, and an `async fn` is an `async def`: calling it runs nothing. A task is a task, the
//! event loop is a [`Scheduler`](crate::Scheduler), and `await` is `.await`. Whole programs that print what their
//! Python prints are sections of the examples; `examples/seeds/README.md` lists them.
//!
//! # Running
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.run(main())` | [`block_on(main())`](crate::block_on) | |
//! | `loop = asyncio.new_event_loop()` | [`Scheduler::new()`](crate::Scheduler::new) | one per thread or several |
//! | `loop.run_until_complete(main())` | [`scheduler.block_on(main())`](crate::Scheduler::block_on) | may borrow; tasks that are left go on at the next call |
//! | `loop.run_forever()` | [`scheduler.run()`](crate::Scheduler::run) | ends when no task is left, and is an error if none can ever run again |
//! | `loop.call_soon(f)`, `call_later(1, f)` | `spawn(async { f() })`, with a [`sleep`](crate::sleep) before it | |
//! | `loop.close()` | `drop(scheduler)`, or first [`shutdown`](crate::Scheduler::shutdown) | the compiler sees that nobody uses it afterwards |
//! | `asyncio.get_running_loop()` | not needed: [`spawn`](crate::spawn) and the others find it | |
//! | a loop inside of a running loop: `RuntimeError` | [`RunError::Nested`](crate::RunError::Nested), with both places | `await` instead |
//! | `loop.set_debug(True)`, `slow_callback_duration` | [`Builder::slow_poll`](crate::scheduler::Builder::slow_poll) | on in debug builds |
//! | `loop.set_exception_handler(f)` | [`Builder::on_report`](crate::scheduler::Builder::on_report) | |
//!
//! ```
//! use turnwise::{Scheduler, sleep, spawn, time};
//! use std::time::Duration;
//!
//! // async def main(): ...                        asyncio.run(main())
//! async fn main() -> &'static str {
//!     sleep(Duration::from_secs(1)).await;
//!     "done"
//! }
//! let scheduler = Scheduler::builder().virtual_time().build(); // no second passes
//! assert_eq!(scheduler.block_on(main()), "done");
//! ```
//!
//! What the slides call the phases of an event loop can be watched, each by a [`Transition`](crate::Transition):
//!
//! | phase | transition |
//! |---|---|
//! | initialization: tasks are added | `Spawned` |
//! | task scheduling: one gets into the ready queue | `Scheduled` |
//! | execution, until it waits | `TurnBegan` |
//! | task switching | `TurnEnded` |
//! | completion | `Exited` |
//!
//! ```
//! use turnwise::{Scheduler, Transition, yield_now};
//! use std::cell::RefCell;
//! use std::rc::Rc;
//!
//! let phases = Rc::new(RefCell::new(Vec::new()));
//! let seen = Rc::clone(&phases);
//! let watch = move |transition: &Transition| {
//!     seen.borrow_mut().push(match transition {
//!         Transition::Spawned { .. } => "initialization",
//!         Transition::Scheduled { .. } => "scheduling",
//!         Transition::TurnBegan { .. } => "execution",
//!         Transition::TurnEnded { .. } => "switching",
//!         Transition::Exited { .. } => "completion",
//!         _ => "idle",
//!     });
//! };
//! let scheduler = Scheduler::builder().observer(watch).build();
//! scheduler.spawn(yield_now()); // waits once, as for a socket
//! scheduler.run().unwrap();
//! let phases = phases.borrow();
//! assert_eq!(phases[0], "initialization");
//! assert_eq!(phases[1..4], ["scheduling", "execution", "switching"]);
//! assert_eq!(phases[4..7], ["scheduling", "execution", "switching"]); // it was woken at once
//! assert_eq!(phases[7..], ["completion"]);
//! ```
//!
//! # Tasks
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.create_task(f())`, `ensure_future` | [`spawn(f())`](crate::spawn) | the task is kept by its scheduler: no handle need be kept, none is collected |
//! | `name=` | [`task::Builder::name`](crate::task::Builder::name) | |
//! | `await task` | `handle.await` | a [`JoinError`](crate::JoinError) says that it panicked or was cancelled; what it returns is your own `Result` |
//! | `task.done()` | [`is_finished`](crate::JoinHandle::is_finished) | |
//! | `task.cancel()` | [`cancel`](crate::JoinHandle::cancel) | see below |
//! | `asyncio.current_task()` | [`task::id`](crate::task::id()), [`task::name`](crate::task::name()) | |
//! | `asyncio.all_tasks()` | [`scheduler.snapshot()`](crate::Scheduler::snapshot) | with what each waits for, and where |
//! | `asyncio.sleep(1)` | [`sleep(duration)`](crate::sleep) | |
//! | `asyncio.sleep(0)` | [`yield_now()`](crate::yield_now) | |
//! | `time.sleep(1)` in a coroutine | `thread::sleep` | as wrong here as there: all tasks wait. Debug builds tell who it was |
//! | `contextvars.ContextVar` | [`task_local!`](crate::task_local), `inherit` | |
//! | "Task exception was never retrieved" | [`task::try_spawn`](crate::task::try_spawn) | a panic that nobody reads is reported in any case |
//!
//! A task begins when its turn comes and not when it is made, in both; so what is printed between `create_task` and
//! the next `await` comes first. There is no eager kind as in Python 3.12: what is to begin at once is awaited, or
//! is the first of a [`join!`](crate::join!).
//!
//! ```
//! use turnwise::{block_on, spawn};
//! use std::cell::RefCell;
//! use std::rc::Rc;
//!
//! // task = asyncio.create_task(say("task")); print("main"); await task
//! let said = Rc::new(RefCell::new(Vec::new()));
//! let says = Rc::clone(&said);
//! block_on(async {
//!     let task = spawn(async move { says.borrow_mut().push("task") });
//!     said.borrow_mut().push("main");
//!     task.await
//! })?;
//! assert_eq!(*said.borrow(), ["main", "task"]);
//! # Ok::<(), turnwise::JoinError>(())
//! ```
//!
//! # Waiting for several
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `await asyncio.gather(a(), b())` | [`join!(a(), b())`](crate::join!), [`gather`](crate::gather) of a list | `join!` makes no tasks; a failure is one of the results, and no exception; if whoever waits is cancelled, the tasks of a `gather` are aborted, and cannot clean up |
//! | `gather(…)`: the first exception | [`try_join!`](crate::try_join!), [`gather(…).first_error()`](crate::combine::Gather::first_error) | `try_join!` drops the others, `first_error` lets them go on as asyncio does |
//! | `gather(…, return_exceptions=True)` | what [`gather`](crate::gather) gives: a `Vec` of results | |
//! | `asyncio.TaskGroup()` | [`task::scope`](crate::task::scope()) | children may borrow; all errors are in one [`ScopeError`](crate::task::ScopeError) |
//! | `asyncio.as_completed` | [`as_completed`](crate::as_completed) | |
//! | `asyncio.wait(…, FIRST_COMPLETED)` | [`wait`](crate::wait) | |
//! | | [`race`](crate::race), [`select!`](crate::select!) | the first wins and the others are dropped |
//!
//! If one of a `gather` fails the others *do* go on, in asyncio as here, though it is often told otherwise; those of
//! a `TaskGroup` and of a scope are cancelled. Why is a failure a value here, and `return_exceptions` the rule? In Rust
//! an error is a value everywhere, and one that is thrown away has to be so visibly. Three ways of waiting, then:
//!
//! | | takes | gives | when one fails | when the time is over |
//! |---|---|---|---|---|
//! | [`gather`](crate::gather) | futures, and makes tasks of them | all results, in the order of the list | the others go on | |
//! | [`wait`](crate::wait) | handles | those that are over, and the handles of the others | as it was told | the others go on |
//! | [`timeout`](crate::timeout) | one future | its output, or `Elapsed` | that is its output | it is cancelled, and waited for |
//!
//! ```
//! use turnwise::{Scheduler, gather, sleep};
//! use std::time::Duration;
//!
//! // lines = await asyncio.gather(*[my_task(2), my_task(1), my_task(3)])
//! async fn my_task(seconds: u64) -> String {
//!     sleep(Duration::from_secs(seconds)).await;
//!     format!("Slept for {seconds} seconds")
//! }
//! let lines = Scheduler::builder().virtual_time().build().block_on(async {
//!     gather([2, 1, 3].map(my_task)).await
//! });
//! let lines: Vec<String> = lines.into_iter().collect::<Result<_, _>>()?;
//! assert_eq!(lines, ["Slept for 2 seconds", "Slept for 1 seconds", "Slept for 3 seconds"]);
//! # Ok::<(), turnwise::JoinError>(())
//! ```
//!
//! ```
//! use turnwise::{Scheduler, gather, sleep};
//! use std::cell::Cell;
//! use std::error::Error;
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! // try: await asyncio.gather(*map(page, [1, 2, 3]))
//! // except OSError: print("page 1 is down")         # 2 and 3 are answered all the same
//! let answered = Rc::new(Cell::new(0));
//! let page = |number: u64| {
//!     let answered = Rc::clone(&answered);
//!     async move {
//!         sleep(Duration::from_secs(number)).await;
//!         if number == 1 {
//!             return Err::<(), Box<dyn Error>>("down".into());
//!         }
//!         answered.set(answered.get() + 1);
//!         Ok(())
//!     }
//! };
//! let scheduler = Scheduler::builder().virtual_time().build();
//! scheduler.block_on(async {
//!     let error = gather([1, 2, 3].map(page)).flatten().first_error().await.unwrap_err();
//!     assert_eq!((&*error.to_string(), answered.get()), ("down", 0));
//! });
//! scheduler.run().unwrap();
//! assert_eq!(answered.get(), 2);
//! ```
//!
//! # Cancelling
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `task.cancel()`, `CancelledError` | [`handle.cancel()`](crate::JoinHandle::cancel) | a request, and no exception: it reaches the innermost [`catch_cancel`](crate::task::catch_cancel) |
//! | `try: await f() except CancelledError: …` | `if let Err(cancelled) = catch_cancel(f()).await { … }` | what was wrapped is dropped; the clean-up may wait |
//! | `raise` again | [`cancelled.resume().await`](crate::task::Cancelled::resume) | |
//! | `finally` without an `await` | a destructor | |
//! | `asyncio.wait_for(f(), 1)`, `asyncio.timeout(1)` | [`timeout(d, f())`](crate::timeout) | `Err(Elapsed)` even if the inner one swallows the request, as the older Pythons had it |
//! | `asyncio.shield(f())` | [`task::shield(f())`](crate::task::shield) | |
//! | `task.uncancel()`, `cancelling()` | [`task::cancelling()`](crate::task::cancelling) | |
//! | | [`mask`](crate::task::mask): no request until it is done | |
//! | | [`abort`](crate::JoinHandle::abort): no clean-up, always works | |
//!
//! Why is it no exception? A future that is being dropped cannot await, and a panic is no way to end a task. So a task
//! is *asked*, and where it catches the request it is left alone until the [`Cancelled`](crate::task::Cancelled) is
//! dropped or resumed: a clean-up is never cut off by a second request, as it is in asyncio. Why does `timeout` fail even
//! if the inner future returns something after all? Because the time *is* over: since Python 3.9 a coroutine that
//! swallows its cancellation makes `wait_for` as late as it likes, and nobody is told.
//!
//! A future is also cancelled by being dropped: its destructors run, and nothing in it can await. In Python that becomes of
//! a coroutine to which nobody refers any more (`GeneratorExit`); here it is the usual way. So `select!` and `race` need no
//! task, and what each wait does when it is dropped is in its documentation.
//!
//! ```
//! use turnwise::{Scheduler, sleep, timeout};
//! use std::time::Duration;
//!
//! // try: await asyncio.wait_for(eternity(), timeout=1.0)
//! // except asyncio.TimeoutError: print('timeout!')
//! let scheduler = Scheduler::builder().virtual_time().build();
//! scheduler.block_on(async {
//!     let eternity = sleep(Duration::from_secs(3600));
//!     assert!(timeout(Duration::from_secs(1), eternity).await.is_err());
//! });
//! ```
//!
//! ```
//! use turnwise::{Scheduler, sleep, spawn, task::catch_cancel, yield_now};
//! use std::time::Duration;
//!
//! // async def eternity():
//! //     try: await asyncio.sleep(3600)
//! //     except asyncio.CancelledError:
//! //         await asyncio.sleep(5)                  # closing takes its time
//! //         return "closed"
//! async fn eternity() -> &'static str {
//!     let hour = sleep(Duration::from_secs(3600));
//!     match catch_cancel(hour).await {
//!         Ok(()) => "yay!",
//!         Err(_cancelled) => {
//!             sleep(Duration::from_secs(5)).await;
//!             "closed"
//!         }
//!     }
//! }
//! Scheduler::builder().virtual_time().build().block_on(async {
//!     let task = spawn(eternity());
//!     yield_now().await; // it begins to wait
//!     task.cancel();
//!     assert_eq!(task.await.unwrap(), "closed");
//! });
//! ```
//!
//! # Locks, queues, threads
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.Lock`, `Event`, `Semaphore`, `Condition`, `Barrier` | [`Mutex`](crate::sync::Mutex), [`Event`](crate::sync::Event), [`Semaphore`](crate::sync::Semaphore), [`Condvar`](crate::sync::Condvar), [`Barrier`](crate::sync::Barrier) | a lock has a value inside, and a guard gives it back |
//! | `asyncio.Queue`, `PriorityQueue`, `LifoQueue` | the same in [`channel`](crate::channel), with `join` and `shutdown` | [`mpsc`](crate::channel::mpsc) is the usual way in Rust |
//! | `BoundedSemaphore` | [`Semaphore`](crate::sync::Semaphore) | a permit gives itself back, so none can be given back twice |
//! | `loop.create_future()` | [`Promise`](crate::sync::Promise); [`oneshot`](crate::channel::oneshot) if one waits | |
//! | `asyncio.to_thread(f)` | [`blocking::to_thread(f)`](crate::blocking::to_thread), [`spawn_blocking(f)`](crate::spawn_blocking) | the second starts at once |
//! | `loop.run_in_executor(pool, f)` | [`pool.submit(f)`](crate::ThreadPool::submit) | |
//! | `ThreadPoolExecutor(3)` | [`ThreadPool::new(3)`](crate::ThreadPool::new) | |
//! | `ProcessPoolExecutor(3)` | the example `processes`: a pool of threads, each of which waits for a child | |
//! | `future.result()` | [`handle.wait()`](crate::blocking::BlockingHandle::wait) | |
//! | `future.add_done_callback(f)` | [`handle.on_done(f)`](crate::blocking::BlockingHandle::on_done) | |
//! | `asyncio.run_coroutine_threadsafe(f(), loop)` | [`Remote::spawn`](crate::Remote::spawn) | |
//! | `loop.call_soon_threadsafe(f)` | [`Remote::spawn`](crate::Remote::spawn) too; to send values, [`channel::remote`](crate::channel::remote) | |
//!
//! There is no GIL, so threads do run at the same time: three factorials on three of them take as long as one, if there
//! are three processors, and no process is needed for that. What they share is guarded by the compiler: only what is
//! `Send` goes to a thread. Tasks of one scheduler take turns on one thread all the same, so between two awaits nobody
//! disturbs them, and what they share may be an `Rc` and a `Cell`. But across an `await` anything may have changed, in
//! both languages; that is what locks are for.
//!
//! ```
//! use turnwise::{block_on, join, spawn_blocking};
//!
//! // one, two = await asyncio.gather(asyncio.to_thread(f, 10), asyncio.to_thread(f, 20))
//! let f = |number: u64| move || (1..=number).sum::<u64>();
//! let (one, two) = block_on(async { join!(spawn_blocking(f(10)), spawn_blocking(f(20))) });
//! assert_eq!((one?, two?), (55, 210));
//! # Ok::<(), turnwise::blocking::BlockingError>(())
//! ```
//!
//! # Generators, `async for`, `async with`
//!
//! | Python | here | differs |
//! |---|---|---|
//! | a function with `yield` | [`Generator`](crate::Generator), an [`Iterator`] | the table of the module [`generator`](crate::generator) has all its methods |
//! | an `async def` with `yield`, `async for` | [`AsyncGenerator`](crate::generator::AsyncGenerator), `while let Some(x) = g.next().await` | |
//! | `async with` | [`task::with`](crate::task::with()) | closes on success, error, cancel and panic |
//! | `with` | a guard, whose `Drop` ends it | |
//!
//! ```
//! use turnwise::Generator;
//!
//! // def countdown(n):                               for i in countdown(3): ...
//! //     while n > 0: yield n; n -= 1
//! fn countdown(n: u32) -> Generator<'static, u32> {
//!     Generator::new(async move |co| {
//!         for i in (1..=n).rev() {
//!             co.yield_(i).await;
//!         }
//!     })
//! }
//! assert_eq!(countdown(3).collect::<Vec<_>>(), [3, 2, 1]);
//! ```
//!
//! # Periodic jobs
//!
//! With the feature `jobs`. The names are those of the library `schedule`, of which `aioschedule` is a copy.
//!
//! | schedule, aioschedule | the module `jobs` | differs |
//! |---|---|---|
//! | `aioschedule.every(10).minutes.do(job)` | `jobs.every(10).minutes().run(job)` | a timetable is a value, and there may be several |
//! | `every().day.at("10:30")`, `every().monday` | `every(1).day().at("10:30")?`, `every(1).monday()` | a wrong time is a `Result`, and summer time is known |
//! | `every(5).to(10).seconds`, `.until(t)`, `.tag(t)` | the same | |
//! | `clear(tag)`, `cancel_job(job)`, `return CancelJob` | `jobs.clear(tag)`, `job.cancel()`, `return Done` | |
//! | `next_run`, `idle_seconds` | the same | while a job is overdue, `idle_seconds` is zero, and not negative |
//! | `run_all` | the same | the next run stays what it was; there it is counted anew |
//! | the next run is a period after the end of the last one | it is the next point of a grid | a slow job does not shift |
//! | `while True: await run_pending(); await sleep(0.1)` | `jobs.run_forever().await` | sleeps until a job is due, instead of asking ten times a second |
//!
//! # The scheduler of the lecture
//!
//! | the lecture | here | differs |
//! |---|---|---|
//! | `Task(target)`, `task.run()` | a task, and one turn of it: [`scheduler.step()`](crate::Scheduler::step) | |
//! | `sched.new(target)` | [`scheduler.spawn(future)`](crate::Scheduler::spawn) | |
//! | `sched.mainloop()` | [`scheduler.run()`](crate::Scheduler::run) | a task that ends does not end the loop |
//! | `sched.schedule`, `sched.exit`, `taskmap`, `ready` | inside: files and functions of the kernel have these names | |
//! | `yield` | [`yield_now().await`](crate::yield_now) | |
//! | `tid = yield GetTid()` | [`task::id()`](crate::task::id()) | |
//! | `yield NewTask(f())`, `yield KillTask(tid)`, `yield WaitTask(tid)` | [`spawn`](crate::spawn), [`abort`](crate::JoinHandle::abort), `handle.await` | whoever is killed is gone at its next turn, which is soon, whatever it waits for; and two that wait for each other are told |
//!
//! ```
//! use turnwise::{RunError, Scheduler, yield_now};
//!
//! // sched = Scheduler(); sched.new(foo(2)); sched.new(bar(2)); sched.mainloop()
//! async fn say(what: &str, times: u32) {
//!     for _ in 0..times {
//!         println!("{what}");
//!         yield_now().await;
//!     }
//! }
//! let scheduler = Scheduler::new();
//! scheduler.spawn(say("I'm foo", 2));
//! scheduler.spawn(say("I'm bar", 2));
//! scheduler.run()?;
//! # Ok::<(), RunError>(())
//! ```
//!
//! # What has no counterpart
//!
//! * **Time in tests.** [`virtual_time`](crate::scheduler::Builder::virtual_time): a program that sleeps for an hour
//!   ends at once, and prints exact times.
//! * **A deadlock is an answer.** asyncio waits for ever; here [`run`](crate::Scheduler::run) says who waits for what,
//!   where, and who holds it.
//! * **Single turns.** [`step`](crate::Scheduler::step) gives one and tells what happened in it.

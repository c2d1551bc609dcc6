//! Coming from asyncio: lists each asyncio call with its turnwise equivalent, what differs, and why.
//!
//! Read this page if you know Python's asyncio. A coroutine is a future, and an `async fn` is an `async def`: calling
//! it runs nothing. A task is a task, the event loop is a [`Scheduler`](crate::Scheduler), and `await` is `.await`. The
//! examples contain whole programs that print what their Python originals print; `examples/seeds/README.md` lists them.
//!
//! # Running
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.run(main())` | [`block_on(main())`](crate::block_on) | at its end both cancel the tasks that are left, and wait for them; here, tasks that a clean-up spawns are cancelled too, when the task that cleans up has ended |
//! | `loop = asyncio.new_event_loop()` | [`Scheduler::new()`](crate::Scheduler::new) | one per thread or several |
//! | `loop.run_until_complete(main())` | [`scheduler.block_on(main())`](crate::Scheduler::block_on) | may borrow; tasks that are left continue at the next call |
//! | `loop.run_forever()` | [`scheduler.run()`](crate::Scheduler::run) | ends when no task is left, and is an error if none can ever run again |
//! | `loop.call_soon(f)`, `call_later(1, f)` | `spawn(async { f() })`, with a [`sleep`](crate::sleep) before it | |
//! | `for t in asyncio.all_tasks(loop): t.cancel()`, and wait | [`scheduler.shutdown(grace)`](crate::Scheduler::shutdown) | has a time limit, and reports how each task ended; a certain deadlock ends it immediately |
//! | `loop.close()` | `drop(scheduler)` | the compiler rejects any use after that |
//! | `asyncio.get_running_loop()` | not needed: [`spawn`](crate::spawn) and the other functions find it | |
//! | a loop inside a running loop: `RuntimeError` | [`RunError::Nested`](crate::RunError::Nested), with both places | `await` instead |
//! | `loop.set_debug(True)`, `slow_callback_duration` | [`Builder::slow_poll`](crate::scheduler::Builder::slow_poll) | on in debug builds |
//! | `PYTHONASYNCIODEBUG=1`, to see what happens in the loop | the module `record` (feature `record`), or `spans::TaskSpans` (feature `tracing`) | a recording is drawn, or replayed event by event |
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
//! The phases of an event loop, as introductions to asyncio name them, can be observed, each as a
//! [`Transition`](crate::Transition):
//!
//! | phase | transition |
//! |---|---|
//! | initialization: tasks are added | `Spawned` |
//! | task scheduling: a task is put on the ready queue | `Scheduled` |
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
//! scheduler.spawn(yield_now()); // waits once, as if for a socket
//! scheduler.run().unwrap();
//! let phases = phases.borrow();
//! assert_eq!(phases[0], "initialization");
//! assert_eq!(phases[1..4], ["scheduling", "execution", "switching"]);
//! assert_eq!(phases[4..7], ["scheduling", "execution", "switching"]); // it was woken immediately
//! assert_eq!(phases[7..], ["completion"]);
//! ```
//!
//! # Tasks
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.create_task(f())`, `ensure_future` | [`spawn(f())`](crate::spawn) | the scheduler keeps the task: you need not keep a handle, and no task is garbage-collected |
//! | `name=` | [`task::Builder::name`](crate::task::Builder::name) | |
//! | `await task` | `handle.await` | a [`JoinError`](crate::JoinError) means that it panicked or was cancelled; an error of your own is in the output |
//! | `task.done()` | [`is_finished`](crate::JoinHandle::is_finished) | |
//! | `task.cancel()` | [`cancel`](crate::JoinHandle::cancel) | see below |
//! | `asyncio.current_task()` | [`task::id`](crate::task::id()), [`task::name`](crate::task::name()) | |
//! | `asyncio.all_tasks()` | [`scheduler.snapshot()`](crate::Scheduler::snapshot) | with what each task waits for, and where |
//! | `asyncio.print_call_graph()`, `capture_call_graph()` | [`snapshot.await_tree()`](crate::Snapshot::await_tree) | shows waits for locks, channels and timers too, and what holds them; it has no frames of the functions in between |
//! | `python -m asyncio ps PID`, `pstree PID` | [`scheduler.dump_handle(writer)`](crate::Scheduler::dump_handle) | the program creates the handle beforehand, and a thread of it asks, for example on a signal |
//! | `asyncio.sleep(1)` | [`sleep(duration)`](crate::sleep) | |
//! | `asyncio.sleep(0)` | [`yield_now()`](crate::yield_now) | |
//! | `time.sleep(1)` in a coroutine | `thread::sleep` | blocks all tasks here too. Debug builds report the task |
//! | `contextvars.ContextVar` | [`task_local!`](crate::task_local), `inherit` | |
//! | "Task exception was never retrieved" | [`task::try_spawn`](crate::task::try_spawn) | a panic that nothing reads is reported in any case |
//!
//! In both, a task starts at its first turn and not when it is created, so output printed between `create_task` and the
//! next `await` comes first. There are no eager tasks as in Python 3.12: a future that has to start immediately is
//! awaited, or is the first of a [`join!`](crate::join!).
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
//! | `await asyncio.gather(a(), b())` | [`join!(a(), b())`](crate::join!), [`gather`](crate::gather) of a list | `join!` spawns no tasks; a failure is one of the results, not an exception; if the waiting task is cancelled, so are the tasks of a `gather`, and it waits for their clean-ups |
//! | `gather(…)`: the first exception | [`try_join!`](crate::try_join!), [`gather(…).first_error()`](crate::combine::Gather::first_error) | `try_join!` drops the others, `first_error` lets them continue, as asyncio does |
//! | `gather(*tasks)` | [`gather_handles`](crate::gather_handles) | `gather` takes futures, and spawns them |
//! | `gather(…, return_exceptions=True)` | [`gather`](crate::gather), which returns a `Vec` of results | |
//! | `asyncio.TaskGroup()` | [`task::scope`](crate::task::scope()), [`task::try_scope`](crate::task::try_scope()) | children may borrow; all errors are in one [`ScopeError`](crate::task::ScopeError) |
//! | an exception in its body | an `Err` of the body of a `try_scope`, or [`s.fail(error)`](crate::task::Scope::fail) | to a plain `scope`, an `Err` of its body is a value, and the children continue |
//! | `asyncio.as_completed` | [`as_completed`](crate::as_completed) of handles | of bare futures, too, but these are no tasks: they make progress only while the next output is awaited |
//! | `asyncio.wait(…, FIRST_COMPLETED)` | [`wait`](crate::wait) | of nothing, it is ready immediately, where asyncio raises a `ValueError` |
//! | | [`race`](crate::race), [`select!`](crate::select!) | the first wins, and the others are dropped |
//!
//! If one task of a `gather` fails, the others *do* continue, in asyncio as here, although the opposite is often
//! claimed; the tasks of a `TaskGroup` and of a scope are cancelled. Why is a failure a value here, and
//! `return_exceptions` the rule? In Rust an error is a value everywhere, and discarding one has to be visible. So there
//! are three ways to wait:
//!
//! | | takes | returns | when one fails | when the time has expired |
//! |---|---|---|---|---|
//! | [`gather`](crate::gather) | futures, and spawns them | all results, in the order of the list | the others continue | |
//! | [`wait`](crate::wait) | handles | the finished tasks, and the handles of the others | as configured | the others continue |
//! | [`timeout`](crate::timeout) | one future | its output, or `Elapsed` | that is its output | it is cancelled, and awaited |
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
//! // except OSError: print("page 1 is down")         # 2 and 3 are answered anyway
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
//!     let error = gather([1, 2, 3].map(page)).first_error().await.unwrap_err();
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
//! | `task.cancel()`, `CancelledError` | [`handle.cancel()`](crate::JoinHandle::cancel) | a request, not an exception: it goes to the innermost [`catch_cancel`](crate::task::catch_cancel) |
//! | `try: await f() except CancelledError: …` | `if let Err(cancelled) = catch_cancel(f()).await { … }` | the wrapped future is dropped; the clean-up may await |
//! | `raise` | [`cancelled.resume().await`](crate::task::Cancelled::resume) | |
//! | `finally` without an `await` | a destructor | |
//! | `asyncio.wait_for(f(), 1)`, `asyncio.timeout(1)` | [`timeout(d, f())`](crate::timeout) | `Ok` if the inner future ends by itself after all, as since Python 3.9; for `Elapsed` after a clean-up, resume the request |
//! | `asyncio.wait_for(task, 1)` of a task | [`timeout(d, handle)`](crate::timeout) | asyncio cancels the task; here only the wait ends, and the task continues, detached, unless the handle is a [`CancelOnDrop`](crate::CancelOnDrop) |
//! | `asyncio.shield(f())` | [`task::shield(f())`](crate::task::shield) | [`try_shield`](crate::task::try_shield) also reports an `Err` when nothing waits for it any longer |
//! | `await task`, and its waiter is cancelled | `handle.await` | asyncio cancels the task too; here it continues, unless the handle is a [`CancelOnDrop`](crate::CancelOnDrop) |
//! | `task.cancelling()` | [`task::cancelling()`](crate::task::cancelling) | |
//! | `task.uncancel()` | not needed | dropping the [`Cancelled`](crate::task::Cancelled) says that the request was dealt with |
//! | | [`mask`](crate::task::mask) | holds requests back until its future has finished |
//! | | [`abort`](crate::JoinHandle::abort) | no clean-up, always works |
//!
//! Why is it not an exception? In Rust that would be a panic, and code that unwinds or is being dropped cannot await
//! its clean-up. So cancelling is a *request*. A task that catches it is not cancelled again until the
//! [`Cancelled`](crate::task::Cancelled) is dropped or resumed: unlike in asyncio, a second request never cuts off a
//! clean-up, and a `catch_cancel` opened in a clean-up is not cancelled from outside either. A future that catches the
//! request of a `timeout` and still returns a value gives that value, however late, as in Python since 3.9.
//! [`Timeout::is_elapsed`](crate::time::Timeout::is_elapsed) says that the deadline has passed. And where Python's
//! `CancelledError` ends every task that awaits the cancelled one, a request only ever ends what it was made on. [The
//! rules](crate::task#the-rules) fit on a page, with a table of [what asyncio does
//! differently](crate::task#what-asyncio-does-differently).
//!
//! A future is also cancelled by being dropped: its destructors run, and nothing in it can await. In Python this
//! happens to a coroutine without references (`GeneratorExit`); here it is the usual way. So `select!` and `race` need
//! no task, and the documentation of each wait says what dropping it does.
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
//!     yield_now().await; // it starts to wait
//!     task.cancel();
//!     assert_eq!(task.await.unwrap(), "closed");
//! });
//! ```
//!
//! # Locks, queues, threads
//!
//! | asyncio | here | differs |
//! |---|---|---|
//! | `asyncio.Lock`, `Event`, `Semaphore`, `Condition`, `Barrier` | [`Mutex`](crate::sync::Mutex), [`Event`](crate::sync::Event), [`Semaphore`](crate::sync::Semaphore), [`Condvar`](crate::sync::Condvar), [`Barrier`](crate::sync::Barrier) | a lock contains a value, and a guard releases it; `Barrier::new(0)` is one of a single task, where asyncio raises a `ValueError` |
//! | `asyncio.Queue`, `PriorityQueue`, `LifoQueue` | the same in [`channel`](crate::channel), with `join` and `shutdown` | [`mpsc`](crate::channel::mpsc) is more usual in Rust |
//! | `BoundedSemaphore` | [`Semaphore`](crate::sync::Semaphore) | a permit releases itself, so it cannot be released twice |
//! | `loop.create_future()` | [`Promise`](crate::sync::Promise); [`oneshot`](crate::channel::oneshot) if one task waits | an error that nothing reads is reported, as there |
//! | `asyncio.to_thread(f)` | [`blocking::to_thread(f)`](crate::blocking::to_thread), [`spawn_blocking(f)`](crate::spawn_blocking) | the second starts immediately |
//! | `loop.run_in_executor(pool, f)` | [`pool.submit(f)`](crate::ThreadPool::submit) | |
//! | `ThreadPoolExecutor(3)` | [`ThreadPool::new(3)`](crate::ThreadPool::new) | |
//! | `ProcessPoolExecutor(3)` | the example `processes`: a pool of threads, each of which waits for a child process | |
//! | `future.result()` | [`handle.wait()`](crate::blocking::BlockingHandle::wait) | |
//! | `future.add_done_callback(f)` | [`handle.on_done(f)`](crate::blocking::BlockingHandle::on_done) | |
//! | `asyncio.run_coroutine_threadsafe(f(), loop)` | [`Remote::spawn`](crate::Remote::spawn) | |
//! | `loop.call_soon_threadsafe(f)` | [`Remote::spawn`](crate::Remote::spawn) too; to send values, [`channel::remote`](crate::channel::remote) | |
//!
//! There is no GIL, so threads do run in parallel: three factorials on three threads take as long as one, given three
//! processors, and need no processes. The compiler guards what threads share: only values that are `Send` can go to
//! another thread. The tasks of one scheduler still take turns on one thread, so between two awaits no other task runs,
//! and they may share data with `Rc` and `Cell`. But across an `await` anything may have changed, in both languages;
//! that is what locks are for.
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
//! | a function with `yield` | [`Generator`](crate::Generator), an [`Iterator`] | the module [`generator`](crate::generator) has a table of all methods |
//! | an `async def` with `yield`, `async for` | [`AsyncGenerator`](crate::generator::AsyncGenerator), `while let Some(x) = g.next().await` | |
//! | `await g.aclose()` | [`g.close().await`](crate::generator::AsyncGenerator::close) | runs the clean-up of each `task::with` and `catch_cancel` around the current yield; a drop runs only destructors |
//! | `async with` | [`task::with`](crate::task::with()) | closes after success, error, cancel and panic |
//! | `with` | a guard with a `Drop` | |
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
//! Requires the feature `jobs`. The names are those of the library `schedule`, from which `aioschedule` is derived.
//!
//! | schedule, aioschedule | the module `jobs` | differs |
//! |---|---|---|
//! | `aioschedule.every(10).minutes.do(job)` | `jobs.every(10).minutes().run(job)` | a timetable is a value, and a program may have several |
//! | `every().day.at("10:30")`, `every().monday` | `every(1).day().at("10:30")?`, `every(1).monday()` | a wrong time is an `Err`, and daylight saving time is handled |
//! | `every(5).to(10).seconds`, `.until(t)`, `.tag(t)` | the same | |
//! | `clear(tag)`, `cancel_job(job)`, `return CancelJob` | `jobs.clear(tag)`, `job.cancel()`, `return Done` | |
//! | `next_run`, `idle_seconds` | the same | while a job is overdue, `idle_seconds` is zero, not negative |
//! | `run_all` | the same | does not move the next run; `schedule` computes it anew |
//! | the next run is one period after the end of the last one | it is the next point of a fixed grid | a slow job does not shift |
//! | `while True: await run_pending(); await sleep(0.1)` | `jobs.run_forever().await` | sleeps until a job is due, instead of checking ten times a second |
//!
//! # The generator-based scheduler
//!
//! Introductions to asyncio often build a scheduler from generators first. It comes from David Beazley's
//! [A Curious Course on Coroutines and Concurrency](http://www.dabeaz.com/coroutines/).
//!
//! | Beazley's course | here | differs |
//! |---|---|---|
//! | `Task(target)`, `task.run()` | a task, and one turn of it: [`scheduler.step()`](crate::Scheduler::step) | |
//! | `sched.new(target)` | [`scheduler.spawn(future)`](crate::Scheduler::spawn) | |
//! | `sched.mainloop()` | [`scheduler.run()`](crate::Scheduler::run) | a task that ends does not end the loop |
//! | `sched.schedule`, `sched.exit`, `taskmap`, `ready` | inside: the kernel's files and functions have these names | |
//! | `yield` | [`yield_now().await`](crate::yield_now) | |
//! | `tid = yield GetTid()` | [`task::id()`](crate::task::id()) | |
//! | `yield NewTask(f())`, `yield KillTask(tid)`, `yield WaitTask(tid)` | [`spawn`](crate::spawn), [`abort`](crate::JoinHandle::abort), `handle.await` | an aborted task ends at its next turn, which comes soon, whatever the task waits for; and two tasks that wait for each other are reported as a deadlock |
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
//!   ends immediately, and prints exact times.
//! * **A deadlock is an error.** asyncio waits forever; here [`run`](crate::Scheduler::run) returns which task waits
//!   for what, where, and which task holds it.
//! * **Single turns.** [`step`](crate::Scheduler::step) gives one turn, and returns what happened in it.

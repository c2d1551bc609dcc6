//! A single-threaded async executor, written by hand: it runs tasks strictly in turn, and can explain every step.
//!
//! A **task** is a future with an id. A **turn** is one poll of one task. The **scheduler** gives each ready task its
//! turn, first in, first out. A task that is not ready stays off the ready queue until its waker puts it back.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{block_on, sleep, spawn};
//!
//! let sum = block_on(async {
//!     let slow = spawn(async { sleep(Duration::from_millis(20)).await; 40 });
//!     let quick = spawn(async { 2 });
//!     Ok::<i32, turnwise::JoinError>(slow.await? + quick.await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), turnwise::JoinError>(())
//! ```
//!
//! When it is certain that nothing can make progress, a run does not hang: it ends with a [`DeadlockReport`] that names
//! each task, what it waits for, since when, where in the source, and which task holds it.
//!
//! ```
//! use turnwise::{RunError, Scheduler, sync::Mutex};
//!
//! let scheduler = Scheduler::new();
//! scheduler.spawn(async {
//!     let door = Mutex::new(()).named("door");
//!     let _first = door.lock().await;
//!     let _second = door.lock().await; // waits for itself
//! });
//! let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("the door is locked") };
//! assert!(report.to_string().contains("#1  waits for mutex \"door\""));
//! ```
//!
//! * [What to write](#what-to-write): every call on one page, by module
//! * [From a wake to a turn](#from-a-wake-to-a-turn): how a task gets back onto the ready queue
//! * [What it promises](#what-it-promises), and [what it does not do](#what-it-does-not-do)
//! * [Crate features](#crate-features)
//! * [Reading the source](#reading-the-source)
//! * [`coming_from_asyncio`]: lists each asyncio call with its turnwise equivalent
//!
//! # What to write
//!
//! | the crate root, and [`scheduler`] | |
//! |---|---|
//! | run a future to its end | [`block_on(future)`](block_on) |
//! | keep a scheduler, and run it again and again | [`Scheduler::new()`](Scheduler::new), then [`run()`](Scheduler::run) or [`block_on(future)`](Scheduler::block_on) |
//! | get a deadlock as an error instead of a panic | [`run()`](Scheduler::run) and [`try_block_on(future)`](Scheduler::try_block_on) return [`RunError::Deadlock`] |
//! | test code that sleeps, without really sleeping | [`Scheduler::builder().virtual_time().build()`](scheduler::Builder::virtual_time) |
//! | test with other orders of turns | [`.policy(Policy::Random(seed))`](scheduler::Builder::policy), [`Policy::Lifo`], [`Policy::Priority`] |
//! | watch a scheduler | [`scheduler.step()`](Scheduler::step), [`scheduler.snapshot()`](Scheduler::snapshot), [`.observer(…)`](scheduler::Builder::observer) |
//! | be notified of a possible deadlock | [`.on_stall(after, callback)`](scheduler::Builder::on_stall) |
//! | ask a live scheduler what its tasks wait for | [`scheduler.dump_handle(writer)`](Scheduler::dump_handle), then [`request()`](scheduler::DumpHandle::request) on any thread |
//! | drive it from a loop of your own | [`run_until_stalled()`](Scheduler::run_until_stalled), [`next_deadline()`](Scheduler::next_deadline), [`on_wake(hook)`](Scheduler::on_wake) |
//! | end all tasks, each with a chance to clean up | [`scheduler.shutdown(grace)`](Scheduler::shutdown) |
//!
//! | [`task`] | |
//! |---|---|
//! | run a future beside the others | [`spawn(future)`](spawn), and await the [`JoinHandle`] for a `Result<T, JoinError>` |
//! | give it a name or a priority | [`task::Builder::new().name("poller").priority(3).spawn(future)`](task::Builder) |
//! | yield to the other tasks | [`yield_now().await`](yield_now) |
//! | request that a task ends | [`handle.cancel()`](JoinHandle::cancel) |
//! | clean up when cancelled | `match` [`catch_cancel(work)`](task::catch_cancel)`.await { … }` |
//! | end a task without clean-up | [`handle.abort()`](JoinHandle::abort) |
//! | end a task when its handle is dropped | [`CancelOnDrop`], [`AbortOnDrop`] |
//! | keep work going when its waiter is dropped | [`task::shield(future)`](task::shield), [`task::try_shield`] |
//! | run tasks that borrow, and end together | [`task::scope(async \|s\| { s.spawn(…); }).await`](task::scope()) |
//! | stop such tasks when the code that spawns them fails | [`task::try_scope(…)`](task::try_scope()), [`s.fail(error)`](task::Scope::fail) |
//! | keep a set of tasks that grows | [`task::JoinSet`] |
//! | always close a resource, with async clean-up | [`task::with(resource, async \|r\| …, async \|r, exit\| r.close().await).await`](task::with()) |
//! | pass a value down | [`task_local! { static USER: String }`](task_local!), then `USER.scope(name, future)` |
//! | spawn from another thread | [`scheduler.remote()`](Scheduler::remote), then [`remote.spawn(\|\| async { … })`](Remote::spawn) |
//!
//! | [`time`] | |
//! |---|---|
//! | wait | [`sleep(duration).await`](sleep), [`sleep_until(instant).await`](sleep_until) |
//! | repeat | [`time::interval(period)`](time::interval), then `interval.tick().await` |
//! | hold a virtual clock until an answer from outside has come | [`time::hold()`](time::hold) |
//! | limit how long something takes | [`timeout(duration, future).await`](timeout), [`time::timeout_at(instant, future)`](time::timeout_at) |
//!
//! | [`combine`] | |
//! |---|---|
//! | wait for all of several futures | [`join!`], [`try_join!`], [`join_all`], [`try_join_all`] |
//! | wait for the first | [`select!`], [`race`] |
//! | spawn several, and wait for all | [`gather`]; for handles, [`gather_handles`] |
//! | wait for some of several tasks, or for each as it ends | [`wait`], [`as_completed`] |
//!
//! | [`sync`] and [`channel`] | |
//! |---|---|
//! | share data across an `.await` | [`Mutex`](sync::Mutex), [`RwLock`](sync::RwLock), [`OnceCell`](sync::OnceCell) |
//! | limit concurrency | [`Semaphore`](sync::Semaphore) |
//! | rendezvous, signal, wait for a condition | [`Barrier`](sync::Barrier), [`Event`](sync::Event), [`Notify`](sync::Notify), [`Condvar`](sync::Condvar), [`Promise`](sync::Promise) |
//! | send values | [`mpsc`](channel::mpsc), [`oneshot`](channel::oneshot), [`broadcast`](channel::broadcast), [`watch`](channel::watch) |
//! | share work among tasks | [`Queue`](channel::Queue), [`PriorityQueue`](channel::PriorityQueue), [`LifoQueue`](channel::LifoQueue) |
//! | send from another thread | [`channel::remote`] |
//!
//! | [`blocking`] | |
//! |---|---|
//! | make a call that blocks | [`spawn_blocking(\|\| …).await`](spawn_blocking) |
//! | start it lazily, when it is awaited | [`blocking::to_thread(\|\| …).await`](blocking::to_thread) |
//! | have threads of your own | [`ThreadPool::new(3)`](ThreadPool::new), then [`pool.submit(\|\| …)`](ThreadPool::submit) |
//! | get the result without `.await` | [`handle.wait()`](blocking::BlockingHandle::wait), [`handle.on_done(callback)`](blocking::BlockingHandle::on_done) |
//! | bound the queue of a pool | [`ThreadPool::builder().threads(3).queue_limit(100)`](blocking::PoolBuilder::queue_limit), then [`submit_async`](ThreadPool::submit_async) |
//!
//! | `record` (feature `record`) and `spans` (feature `tracing`) | |
//! |---|---|
//! | record a run | `recorder.attach(Scheduler::builder()).build()`, then `recorder.finish()` |
//! | draw it | `recording.timeline()`, `to_svg()`, `to_mermaid()`; `to_chrome_trace()` opens in [ui.perfetto.dev](https://ui.perfetto.dev) |
//! | see any moment of it | `Replay::new(recording)`, then `seek(position)` and `state()`, `await_tree()` or `wait_diagram()` |
//! | have what a task logs in a span of that task | `.observer(TaskSpans::new())` |
//!
//! | [`generator`], `jobs` (feature `jobs`) and [`waiting`] | |
//! |---|---|
//! | yield values one by one | [`Generator::new(async \|co\| { co.yield_(1).await; })`](Generator::new), an `Iterator` |
//! | push values, or await between them | [`generator::Coroutine`], [`generator::AsyncGenerator`] |
//! | run something periodically | `jobs.every(10).minutes().run(job)`, `.every(1).day().at("10:30")?`, then `jobs.run_forever().await` |
//! | show your own primitive in reports | [`waiting::register`] |
//!
//! # From a wake to a turn
//!
//! ```text
//!                           a task's waker is called
//!            ┌───────────────────────┼───────────────────────┐
//!     in its own turn        by other code on         on another thread
//!            │               the task's thread               │
//!            ▼                       │                       ▼
//!     flag RUNG is set               │               a letter is posted;
//!     until the turn ends            │               the thread reads it
//!            │                       │               between two passes
//!            ▼                       ▼                       ▼
//!         put_back                schedule                schedule
//!            └───────────────────────┼───────────────────────┘
//!                                    ▼
//!           ready: queued for the next pass, once however often woken
//!                                    │ the pass starts
//!                                    ▼
//!           turn: taken out of the taskmap, and polled once
//!                                    │
//!                     Pending ┌──────┴──────┐ Ready
//!                             ▼             ▼
//!           back into the taskmap,        exit: the output stays in the
//!           until its waker is called     taskmap until the handle takes it
//! ```
//!
//! A lock, a channel, a sleep or a handle of this crate remembers the task's key instead of a waker, and calls
//! `schedule` with that. A child of a scope is queued by its scope, and takes its turns inside those of the scope's
//! task. If no task is ready, the thread sleeps until the next deadline or letter. If there is no deadline, and
//! nothing outside the scheduler could send a letter, no task can ever run again.
//!
//! # What it promises
//!
//! * **Order.** Tasks run in the order in which they became ready, and timers due together fire by deadline, then in
//!   the order in which they were created; given the same inputs and a virtual clock, a program has the same order in
//!   every run. Another order can be [chosen](Policy).
//! * **Futures need not be `Send`**, and a `block_on` may borrow. Tasks, [`JoinHandle`]s, locks and schedulers stay on
//!   their thread. Wakers, [`Remote`]s, [`RemoteHandle`](task::RemoteHandle)s, [`ThreadPool`]s, [holds](time::Hold) on
//!   the clock, [`BlockingHandle`](blocking::BlockingHandle)s and the senders of [`channel::remote`] may be used and
//!   dropped on any thread, at any time.
//! * **A panic in a task is that task's [`JoinError`]**, and does not affect any other task.
//! * **No `unsafe`** anywhere in the crate.
//! * **A future may do anything in its turn**: it may spawn, wake, abort, drop, take snapshots, or run another
//!   scheduler by steps. No user code runs while anything of the scheduler is borrowed.
//!
//! # What it does not do
//!
//! It runs tasks on one thread, and only hands blocking calls to others. It has no sockets in this version. Futures
//! that bring a reactor of their own work unchanged, such as those of `async-io` and `async-net`; those of tokio's
//! `net` need a tokio runtime.
//!
//! # Crate features
//!
//! * `stream` implements `Stream` for everything that returns one value after another: receivers, intervals, sets,
//!   [`AsyncGenerator`](generator::AsyncGenerator). Adds `futures-core`. Their own methods (`recv`, `next`, `tick`)
//!   need no feature.
//! * `jobs` adds the module `jobs`, which runs jobs every ten minutes, or on Mondays at half past ten. Adds `jiff`.
//! * `record` adds the module `record`, and the macros `say!` and `note!`: recordings of runs, to be kept, replayed and
//!   drawn. Adds `serde` and `serde_json`.
//! * `tracing` adds the module `spans`: a span of the crate `tracing` for each task. Adds `tracing`.
//!
//! # Reading the source
//!
//! The executor is `src/kernel`, and imports nothing from the other folders. Read it in this order: `mainloop.rs` (turn
//! and exit), then what that uses: `turn.rs` (a task is taken out and put back), `task.rs` (a future, then its output,
//! in one box), `ready.rs` (the queue), `waker.rs` (the bell that puts a task on the queue), `taskmap.rs` (where tasks
//! live), `scheduler.rs` (spawn, schedule, and the trait `Hooks`); beside them `now.rs` (whose turn it is, and the
//! flags), `join.rs` (a task's end, and its output), `root.rs` and `idle.rs`. The first plug-in is the timers,
//! `src/time/heap.rs` and `src/time/timers.rs`. That is an executor.
//!
//! Everything else plugs in the same way, and `src/scheduler/layers.rs` lists it. Cancelling is in `src/cancel`: read
//! `tree.rs`, `settle.rs`, `region.rs`, `clean_up.rs` and `root.rs`, in this order. Scopes are in `src/scope`:
//! `hosts.rs` (which child belongs to which scope), `pass.rs` (their turns) and `run.rs` (the scope as a future).
//! Reports are plain data in `src/report`; `src/scheduler/snapshot.rs` collects them from every layer, and
//! `src/scheduler/verdict.rs` gives the verdict that nothing can ever run again. A recording is made by
//! `src/record/observe.rs`, from what observers receive, and `src/record/fold.rs` has the effect of each event; read
//! these two first.
//!
//! The names `taskmap`, `ready`, `schedule`, `mainloop` and `exit` are those of the generator-based scheduler in David
//! Beazley's [A Curious Course on Coroutines and Concurrency](http://www.dabeaz.com/coroutines/).

#![forbid(unsafe_code)]

mod kernel;
mod slab;
mod random;
mod machine;
mod wait_here;
mod report;
mod watch;
mod limits;
pub mod sync;
mod cancel;
pub mod time;
pub mod task;
mod scope;
pub mod channel;
pub mod combine;
pub mod blocking;
pub mod scheduler;
pub mod generator;
#[cfg(feature = "jobs")]
pub mod jobs;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "tracing")]
pub mod spans;
pub mod coming_from_asyncio;

pub mod waiting {
    //! Waits: which task waits for what, for locks, channels and other primitives that should appear in reports.
    //!
    //! Use it to write a primitive of your own. The primitive does three things. It keeps a [`Waiter`] for each wait,
    //! to wake it later. It also stores the source location. At the first wait it [`register`]s itself, as something
    //! that is [`Waited`] for; from then on it appears in snapshots and deadlock reports. Here is a gate:
    //!
    //! ```
    //! use std::cell::{Cell, OnceCell, RefCell};
    //! use std::future::poll_fn;
    //! use std::panic::Location;
    //! use std::rc::{Rc, Weak};
    //! use std::task::Poll;
    //! use turnwise::waiting::{Registration, Resource, Wait, Waited, Waiter, register};
    //! use turnwise::{Scheduler, yield_now};
    //!
    //! #[derive(Default)]
    //! struct Gate {
    //!     is_open: Cell<bool>,
    //!     waits: RefCell<Vec<(Waiter, &'static Location<'static>)>>,
    //!     registration: OnceCell<Registration>,
    //! }
    //!
    //! impl Gate {
    //!     #[track_caller]
    //!     fn pass(self: &Rc<Self>) -> impl Future<Output = ()> {
    //!         let place = Location::caller();
    //!         poll_fn(move |cx| {
    //!             if self.is_open.get() {
    //!                 return Poll::Ready(());
    //!             }
    //!             let waiter = Waiter::of(cx); // before the borrow: cloning a foreign waker may run any code
    //!             self.waits.borrow_mut().push((waiter, place));
    //!             self.registration.get_or_init(|| register(Rc::downgrade(self) as Weak<dyn Waited>));
    //!             Poll::Pending
    //!         })
    //!     }
    //!
    //!     fn open(&self) {
    //!         self.is_open.set(true);
    //!         let waits = self.waits.take(); // the borrow ends here
    //!         waits.into_iter().for_each(|(waiter, _)| waiter.wake());
    //!     }
    //! }
    //!
    //! impl Waited for Gate {
    //!     fn describe(&self, each: &mut dyn FnMut(Wait)) {
    //!         for (waiter, place) in &*self.waits.borrow() {
    //!             each(Wait::new(waiter.task(), Resource::new("gate").named("garden"), place));
    //!         }
    //!     }
    //! }
    //!
    //! let scheduler = Scheduler::new();
    //! let gate = Rc::new(Gate::default());
    //! let inside = Rc::clone(&gate);
    //! scheduler.spawn(async move { inside.pass().await });
    //! let report = scheduler.run().unwrap_err().to_string();
    //! assert!(report.contains("#1  waits for gate \"garden\""));
    //!
    //! gate.open();
    //! assert!(scheduler.run().is_ok());
    //! ```
    //!
    //! A primitive that tasks can own adds its owners to each wait, with [`Wait::owned_by`]. If there may be many of
    //! both, the waits should share one list: the field [`Wait::owners`].
    //!
    //! The wait lists *are* the record: nothing is recorded anywhere else, so nothing can be out of date.

    pub use crate::kernel::{TaskKey, Waiter};
    pub use crate::report::{Registration, Resource, Wait, Waited, register};
}

#[doc(inline)]
pub use blocking::{ThreadPool, spawn_blocking};
#[doc(inline)]
pub use combine::{as_completed, gather, gather_handles, join_all, race, try_join_all, wait};
#[doc(inline)]
pub use generator::Generator;
#[doc(inline)]
pub use kernel::TaskId;
#[doc(inline)]
pub use report::{DeadlockReport, Metrics, Observer, Snapshot, Transition};
#[doc(inline)]
pub use scheduler::{Policy, RunError, Scheduler, Turn};
#[doc(inline)]
pub use task::{AbortOnDrop, CancelOnDrop, JoinError, JoinHandle, Remote, spawn, yield_now};
#[doc(inline)]
pub use time::{sleep, sleep_until, timeout};

/// Runs a future to its end on a fresh scheduler, and returns its output.
///
/// The future may borrow from its surroundings and need not be `Send`. Tasks that it has spawned and that have not
/// ended when it does are cancelled, as by [`JoinHandle::cancel`], with the reason "shutdown", and may take as long as
/// they need to clean up; tasks that can never run again are dropped immediately. [`Scheduler::block_on`] keeps
/// unfinished tasks for its next call instead, and [`Scheduler::shutdown`] sets a time limit.
///
/// # Panics
///
/// If the future panics; if a scheduler already runs on this thread; and, with the whole [`DeadlockReport`], if nothing
/// can ever run again. [`Scheduler::try_block_on`] returns the last two as errors.
///
/// # Example
///
/// ```
/// let name = String::from("turnwise");
/// let length = turnwise::block_on(async { name.len() });
/// assert_eq!(length, 8);
/// ```
///
/// # Cancelling
///
/// The future itself has no handle, so nothing can cancel it from outside. If it panics, the tasks that it has spawned
/// are dropped without a request.
#[track_caller]
#[doc(alias = "run")]
#[doc(alias = "run_until_complete")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let scheduler = Scheduler::new();
    let output = scheduler.block_on(future);
    scheduler.clean_up();
    output
}

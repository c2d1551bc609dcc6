//! The scheduler: what it has on its desk, and how a task gets there.
//!
//! `spawn` puts a task into the task map and on ready, `schedule` puts a waiting one on ready again. What
//! happens next is in `mainloop.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;

use crate::blocking::{Jobs, Patience};
use crate::kernel::heritage::Heritage;
use crate::kernel::id::{Key, TaskId, TaskKey};
use crate::kernel::mailbox::{Letter, Mailbox};
use crate::kernel::mainloop::Run;
use crate::kernel::marks::Marks;
use crate::kernel::ready::Ready;
use crate::kernel::root::RootFuture;
use crate::kernel::task::Boxed;
use crate::kernel::taskmap::{Birth, Put, Slot, TaskMap};
use crate::kernel::thread;
use crate::kernel::waker::Bells;
use crate::limits::Meter;
use crate::report::Place;
use crate::report::{Cause, Observer};
use crate::report::{Report, Reporter};
use crate::scheduler::Dealer;
use crate::scheduler::Ledger;
use crate::scheduler::Park;
use crate::scheduler::RunError;
use crate::scheduler::{Builder, Settings, StallAlarm};
use crate::scope::Hosting;
use crate::time::Clock;
use crate::time::Timers;
use crate::watch::Notes;

/// Owns tasks and gives them turns, on the thread that it was made on.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, yield_now};
///
/// let scheduler = Scheduler::new();
/// for name in ["foo", "bar"] {
///     scheduler.spawn(async move {
///         for _ in 0..2 {
///             println!("I'm {name}");
///             yield_now().await;
///         }
///     });
/// }
/// scheduler.run()?; // foo, bar, foo, bar
/// # Ok::<(), turnwise::RunError>(())
/// ```
///
/// # It stays on its thread
///
/// ```compile_fail,E0277
/// let scheduler = turnwise::Scheduler::new();
/// std::thread::spawn(move || scheduler.run()); // a `Remote` can cross, a scheduler cannot
/// ```
///
/// # Dropping it
///
/// Tasks that are not over are dropped in the order in which they were spawned, as if aborted. What their
/// destructors spawn is dropped too; a destructor that panics does not stop the others. Handles of
/// finished tasks keep their outputs. Blocking jobs that are not over go on, on their own threads, and are not
/// waited for; what they return is dropped there. [`Scheduler::shutdown`] waits for them, for a limited time.
#[doc(alias = "EventLoop")]
#[doc(alias = "Runtime")]
#[doc(alias = "LocalSet")]
#[doc(alias = "get_event_loop")]
pub struct Scheduler {
    pub(crate) kernel: Rc<Kernel>,
}

impl Scheduler {
    /// Makes a scheduler with a real clock that serves its tasks first in, first out.
    #[doc(alias = "new_event_loop")]
    pub fn new() -> Self {
        Builder::new().build()
    }

    /// Returns a builder, for everything that is not the default.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs until every task is over: the slides' `mainloop`.
    ///
    /// Waits for timers and for other threads as long as need be.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that the tasks that are left can never run again;
    /// [`RunError::Nested`] if a scheduler runs on this thread already; [`RunError::Failed`] if a failure went
    /// unread and the [policy](crate::scheduler::FailurePolicy) is to shut down then.
    #[track_caller]
    #[doc(alias = "mainloop")]
    #[doc(alias = "run_forever")]
    pub fn run(&self) -> Result<(), RunError> {
        Run::outermost(&self.kernel, Location::caller(), None)
    }

    /// Runs until this future is ready, and returns its output.
    ///
    /// The future becomes a task like any other, with the name "main" and the next free id, and has its
    /// turns when they come; but it stays in the caller's frame, so it may borrow what it likes. The other
    /// tasks have turns too, and those that are not over yet are there again at the next run.
    ///
    /// # Panics
    ///
    /// If the future panics; with the text of the [`RunError`] where
    /// [`try_block_on`](Scheduler::try_block_on) returns one.
    ///
    /// # Example
    ///
    /// ```
    /// let mut borrowed = String::from("tick");
    /// let scheduler = turnwise::Scheduler::new();
    /// let length = scheduler.block_on(async {
    ///     borrowed.push_str(" tock");
    ///     borrowed.len()
    /// });
    /// assert_eq!((length, borrowed.as_str()), (9, "tick tock"));
    /// ```
    #[track_caller]
    #[doc(alias = "run_until_complete")]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// Does what [`block_on`](Scheduler::block_on) does, and returns an error where that panics.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that the future can never go on, though other tasks may be
    /// waiting as well; [`RunError::Nested`] if a scheduler runs on this thread already. The future is
    /// dropped then; all other tasks are as they were. [`RunError::Failed`] if a failure went unread and the
    /// [policy](crate::scheduler::FailurePolicy) is to shut down then.
    ///
    /// # Panics
    ///
    /// If the future panics.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError> {
        let future = pin!(Some(future));
        let mut root = RootFuture::new(future);
        Run::outermost(&self.kernel, Location::caller(), Some(&mut root))?;
        Ok(root.output.expect("the main loop ends when the root is done"))
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Scheduler::new()
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("id", &self.kernel.id).finish_non_exhaustive()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.kernel.close();
    }
}

/// What the scheduler, its handles and its thread share.
pub(crate) struct Kernel {
    pub(crate) id: NonZeroU32,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Never borrowed while code of the user runs: not his polls, destructors, wakers or callbacks.
    pub(crate) board: RefCell<Board>,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    /// Where it was told to run, while it runs.
    pub(crate) running: Cell<Option<Place>>,
    /// The turn at which clock and I/O are looked at again even though tasks are ready.
    pub(crate) look_again: Cell<u64>,
    /// Whether anyone wants to know of transitions. The one thing that is looked at when nobody does.
    pub(crate) watched: Cell<bool>,
    /// Whether turns are watched or metered.
    pub(crate) in_full: Cell<bool>,
    /// What is counted in each turn, if anything is.
    pub(crate) meter: Option<Box<Meter>>,
    pub(crate) observer: RefCell<Option<Rc<dyn Observer>>>,
    /// What `step` reads.
    pub(crate) trail: RefCell<Option<Box<Notes>>>,
    /// What `on_wake` installed.
    pub(crate) hook: RefCell<Option<Waker>>,
    /// What the thread sleeps in; made at the first sleep, and out of its place during one.
    pub(crate) park: RefCell<Option<Box<dyn Park>>>,
    /// What `on_stall` installed; out of its place while it is told.
    pub(crate) stall_alarm: RefCell<Option<StallAlarm>>,
    /// What `on_report` installed; out of its place while it is told.
    pub(crate) reporter: RefCell<Option<Reporter>>,
    /// The failure for which it shuts down, until a run has told of it.
    pub(crate) failure: RefCell<Option<Box<Report>>>,
    /// The blocking jobs that are counted here.
    pub(crate) jobs: RefCell<Jobs>,
    /// How long they are waited for while it shuts down.
    pub(crate) patience: Cell<Option<Patience>>,
    /// What is noted while it shuts down.
    pub(crate) ledger: RefCell<Option<Box<Ledger>>>,
    /// The time for that is over.
    pub(crate) time_is_over: Cell<bool>,
    /// All tasks are being dropped: nothing new is begun.
    pub(crate) is_ending: Cell<bool>,
    /// The scheduler was dropped; what is left serves its handles.
    pub(crate) is_closed: Cell<bool>,
    /// Outputs that nobody wants are being dropped, further up the stack.
    pub(crate) discarding: Cell<bool>,
}

/// Everything that changes from turn to turn.
pub(crate) struct Board {
    pub(crate) taskmap: TaskMap,
    pub(crate) ready: Ready,
    pub(crate) timers: Timers,
    pub(crate) bells: Bells,
    pub(crate) hosting: Hosting,
    /// Finished tasks, by slot, whose outputs are to be dropped.
    pub(crate) discarded: Vec<(u32, Boxed)>,
    pub(crate) turns: u64,
    pub(crate) parks: u64,
    pub(crate) letters: u64,
    /// An empty vector, to be exchanged for the letters in the mailbox.
    pub(crate) read_letters: Vec<Letter>,
}

impl Board {
    /// The slides' `schedule`: puts a task on ready, once.
    ///
    /// If it was put at its host, [`Kernel::announce`] or [`Kernel::ring_host`] is the caller's next step.
    #[allow(clippy::inline_always, reason = "every wake goes through here, from several places")]
    #[inline(always)]
    pub(crate) fn schedule(&mut self, key: Key) -> Put {
        let put = self.taskmap.wake(key);
        match put {
            Put::Nowhere => {}
            Put::OnReady => self.ready.push(key.slot),
            Put::AtHost => self.hosting.push(key.slot),
        }
        put
    }
}

impl Kernel {
    pub(crate) fn new(
        settings: Settings,
        observer: Option<Rc<dyn Observer>>,
        park: Option<Box<dyn Park>>,
        alarm: Option<StallAlarm>,
        reporter: Option<Reporter>,
    ) -> Rc<Self> {
        static SCHEDULERS: AtomicU32 = AtomicU32::new(1);
        let id = loop {
            // Relaxed: only the number itself has to be different.
            if let Some(id) = NonZeroU32::new(SCHEDULERS.fetch_add(1, Ordering::Relaxed)) {
                break id;
            }
        };
        let meter = Meter::new(&settings);
        let kernel = Rc::new(Kernel {
            id,
            mailbox: Arc::new(Mailbox::new(id)),
            board: RefCell::new(Board {
                taskmap: TaskMap::default(),
                ready: Ready::new(Dealer::new(settings.policy)),
                timers: Timers::default(),
                bells: Bells::default(),
                hosting: Hosting::default(),
                discarded: Vec::new(),
                turns: 0,
                parks: 0,
                letters: 0,
                read_letters: Vec::new(),
            }),
            clock: Clock::new(settings.virtual_time),
            settings,
            running: Cell::new(None),
            look_again: Cell::new(0),
            watched: Cell::new(observer.is_some()),
            in_full: Cell::new(observer.is_some() || meter.is_some()),
            meter,
            observer: RefCell::new(observer),
            trail: RefCell::new(None),
            hook: RefCell::new(None),
            park: RefCell::new(park),
            stall_alarm: RefCell::new(alarm),
            reporter: RefCell::new(reporter),
            failure: RefCell::new(None),
            jobs: RefCell::default(),
            patience: Cell::new(None),
            ledger: RefCell::new(None),
            time_is_over: Cell::new(false),
            is_ending: Cell::new(false),
            is_closed: Cell::new(false),
            discarding: Cell::new(false),
        });
        thread::move_in(Rc::clone(&kernel));
        kernel
    }

    /// Makes a task and puts it on ready; its first turn comes when it comes.
    #[inline]
    pub(crate) fn spawn<F>(
        &self,
        target: F,
        birth: Birth,
        name: Option<Arc<str>>,
        heritage: Option<Box<dyn Heritage>>,
    ) -> (u32, TaskId)
    where
        F: Future + 'static,
    {
        let (key, id) = {
            let mut board = self.board.borrow_mut();
            let (key, id) = board.taskmap.insert(target, birth);
            board.taskmap.endow(key.slot, name, heritage);
            board.ready.push(key.slot);
            (key, id)
        };
        if self.watched.get() {
            self.tell_spawned(key);
        }
        (key.slot, id)
    }

    /// Puts a waiting task on ready. The way in for everything that wakes.
    #[inline]
    pub(crate) fn schedule(&self, key: Key) {
        let put = self.board.borrow_mut().schedule(key);
        self.announce(key, put, || {
            let cause = match thread::current_task() {
                Some(task) if task.scheduler == self.id => self.id_of(task.key).map(Cause::Task),
                _ => None,
            };
            cause.unwrap_or(Cause::Outside)
        });
    }

    /// What is left to do, with nothing borrowed, for a task that was scheduled: whoever watches is told, and
    /// its host is rung if it has one.
    #[inline]
    pub(crate) fn announce(&self, key: Key, put: Put, cause: impl FnOnce() -> Cause) {
        if put != Put::Nowhere && self.watched.get() {
            self.tell_scheduled(key, cause());
        }
        if put == Put::AtHost {
            self.ring_host(key);
        }
    }

    /// Marks a task to be dropped at its next turn, which comes soon.
    pub(crate) fn abort(&self, slot: u32, id: TaskId) {
        let key = Key { slot, serial: id.serial() };
        {
            let mut board = self.board.borrow_mut();
            match board.taskmap.tenant(key) {
                Some(tenant) if tenant.id() == Some(id) && tenant.is_alive() => {
                    tenant.marks.set(Marks::ABORT);
                }
                _ => return,
            }
        }
        self.schedule(key);
    }

    pub(crate) fn id_of(&self, key: Key) -> Option<TaskId> {
        self.board.borrow().taskmap.look(key).and_then(Slot::id)
    }
}

impl Scheduler {
    /// What a handle shares with the scheduler.
    pub(crate) fn kernel(&self) -> Rc<Kernel> {
        Rc::clone(&self.kernel)
    }
}

impl TaskKey {
    pub(crate) fn new(scheduler: NonZeroU32, key: Key) -> Self {
        TaskKey { scheduler, key }
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;

    /// The allocator of most Linux programs keeps freed blocks of up to 1,032 bytes in its quickest list. A kernel that
    /// is larger makes it a quarter dearer to make a scheduler and to drop it.
    #[test]
    fn a_scheduler_is_not_too_large_for_the_quickest_list_of_the_allocator() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Kernel>() + counts <= 1032, "{}", size_of::<Kernel>());
    }
}

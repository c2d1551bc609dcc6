//! The scheduler builder: everything that differs from the defaults.

use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use crate::kernel::Kernel;
use crate::report::{DeadlockReport, FailurePolicy, Observer, Report};
use crate::scheduler::park::Park;
use crate::scheduler::parts::Layers;
use crate::scheduler::policy::Policy;
use crate::scheduler::settings::Settings;
use crate::scheduler::stall::StallAlarm;
use crate::watch::{Installed, Reporter};

/// Creates an observer for a scheduler.
type LateObserver = Box<dyn FnOnce(&Kernel) -> Rc<dyn Observer>>;

/// Configures and builds a [`Scheduler`](crate::Scheduler).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(sleep(Duration::from_secs(3600))); // returns immediately
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    settings: Settings,
    observers: Vec<Installed>,
    /// Create observers that need the scheduler.
    late_observers: Vec<LateObserver>,
    park: Option<Box<dyn Park>>,
    alarm: Option<Box<StallAlarm>>,
    reporter: Option<Reporter>,
}

impl Builder {
    /// Creates a builder with the defaults: FIFO order, a real clock, 1 ms of timer slack, no observers.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Uses a virtual clock: it jumps to the next deadline when nothing is ready, and otherwise stands still. Programs
    /// that sleep finish immediately, and print the same times in every run.
    ///
    /// [`Scheduler::advance`](crate::Scheduler::advance) and [`time::advance`](crate::time::advance) move it by hand.
    ///
    /// The clock stands still while a job of [`spawn_blocking`](crate::spawn_blocking) or of a
    /// [`ThreadPool`](crate::ThreadPool) is unfinished. The scheduler cannot see anything else that answers from
    /// outside: another thread, or another crate's socket. A timeout around such an answer would elapse immediately,
    /// unless a [`time::hold`](crate::time::hold) makes the clock stand still:
    ///
    /// ```
    /// use std::{thread, time::Duration};
    /// use turnwise::{Scheduler, channel::remote, time, timeout};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// scheduler.block_on(async {
    ///     let hour = Duration::from_secs(3600);
    ///     let (sender, mut answers) = remote::channel(1);
    ///     let hold = time::hold();
    ///     let answering = thread::spawn(move || {
    ///         sender.blocking_send("in time").unwrap();
    ///         drop(hold); // after the answer
    ///         sender
    ///     });
    ///     assert_eq!(timeout(hour, answers.recv()).await, Ok(Some("in time")));
    ///
    ///     let _sender = answering.join().unwrap(); // no answer comes any more
    ///     assert!(timeout(hour, answers.recv()).await.is_err());
    /// });
    /// ```
    #[doc(alias = "start_paused")]
    pub fn virtual_time(mut self) -> Self {
        self.settings.virtual_time = true;
        self
    }

    /// Sets the order in which ready tasks take their turns; [`Policy::Fifo`] by default.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Sets how far past a deadline the thread may sleep, so that timers close together share one wake-up; 1 ms by
    /// default, zero for exact deadlines.
    ///
    /// The slack affects only how long the thread sleeps, and what counts as [late](crate::time::Missed) for an
    /// interval, never a deadline. It has no effect under a virtual clock.
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.settings.timer_slack = slack;
        self
    }

    /// Adds an observer, which receives every [`Transition`](crate::Transition). Several observers are called in the
    /// order in which they were added.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Installed { observer: Rc::new(observer), is_detailed: false });
        self
    }

    /// Adds an observer that receives details too: waits, timers, ownership, messages, jobs and cancelling, as
    /// [`Transition::Detail`](crate::Transition::Detail).
    ///
    /// The details of what the observer itself does reach it too: one that uses a lock of the crate for each detail never
    /// ends.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use turnwise::{Scheduler, Transition, scheduler::Detail, sync::Mutex};
    ///
    /// let trace = Rc::new(RefCell::new(Vec::new()));
    /// let seen = Rc::clone(&trace);
    /// let scheduler = Scheduler::builder()
    ///     .detailed_observer(move |transition: &Transition| {
    ///         if let Transition::Detail(detail @ (Detail::Acquired { .. } | Detail::Released { .. })) = transition {
    ///             seen.borrow_mut().push(detail.to_string());
    ///         }
    ///     })
    ///     .build();
    /// scheduler.block_on(async { drop(Mutex::new(()).lock().await) });
    /// assert_eq!(*trace.borrow(), ["#1 acquires 1 of mutex (resource 0)", "#1 releases 1 of resource 0"]);
    /// ```
    pub fn detailed_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Installed { observer: Rc::new(observer), is_detailed: true });
        self
    }

    /// Sets how the thread sleeps when nothing is ready; [`ThreadParker`](crate::scheduler::ThreadParker) by default.
    pub fn park(mut self, park: impl Park + 'static) -> Self {
        self.park = Some(Box::new(park));
        self
    }

    /// Calls `callback` when nothing can run, no timer is set (or a [hold](crate::time::hold) keeps a virtual clock from
    /// moving to it), and nothing has come from outside for the duration `after`, in real time: a *possible* deadlock. It
    /// is called once per stall. If it panics, so does the run. A certain deadlock is an error of the run instead. Without
    /// a callback, a debug build [prints](Builder::stall_warning) a possible deadlock after 5 s.
    ///
    /// It is also called if the future of a [`block_on`](crate::Scheduler::block_on) waits for a cycle of tasks while
    /// other tasks run: the future, or the tasks that it waits for, wait for locks or for each other's end, and nothing
    /// but these tasks can end that. This is looked for when the future has waited for a second by the scheduler's
    /// clock, and again after two seconds, four seconds and so on until it has been reported, once. Each time the work
    /// grows with the number of tasks and waits. Without `on_stall` or an [`Observer`], it is not looked for.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{sync::mpsc, task::Poll, time::Duration};
    /// use turnwise::Scheduler;
    ///
    /// let (sender, receiver) = mpsc::channel::<std::task::Waker>();
    /// let scheduler = Scheduler::builder()
    ///     .on_stall(Duration::from_millis(1), move |report| {
    ///         assert_eq!(report.wakers_held, 1);
    ///         receiver.recv().unwrap().wake(); // the wake that was missing
    ///     })
    ///     .build();
    /// let mut first = true;
    /// scheduler.block_on(std::future::poll_fn(|cx| {
    ///     if !std::mem::take(&mut first) { return Poll::Ready(()) }
    ///     sender.send(cx.waker().clone()).unwrap();
    ///     Poll::Pending
    /// }));
    /// ```
    pub fn on_stall(
        mut self,
        after: Duration,
        callback: impl FnMut(&DeadlockReport) + 'static,
    ) -> Self {
        self.alarm = Some(Box::new(StallAlarm { after, callback: Box::new(callback) }));
        self
    }

    /// Sets how long a run may be stalled before a warning is printed on stderr, once per scheduler: nothing can run,
    /// and only wakers held elsewhere, or a [hold](crate::time::hold) on the clock, could change that.
    /// The warning names the tasks, what they wait for, and how to silence it. [`Duration::MAX`] turns this off.
    ///
    /// The default is 5 s, in real time, if this crate is built with debug assertions, and off otherwise. Nothing is
    /// printed if there is an [`on_stall`](Builder::on_stall), which receives the report instead; while a
    /// [`Remote`](crate::Remote) exists, a blocking job is unfinished or any I/O is armed, since then it is usual to
    /// wait; and in any scheduler if the environment variable `TURNWISE_NO_STALL_WARNING` is set, and not to the empty
    /// string.
    ///
    /// # Example
    ///
    /// A program that waits for a key to be pressed, through a channel of another crate:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let scheduler = turnwise::Scheduler::builder().stall_warning(Duration::MAX).build();
    /// # let _ = scheduler;
    /// ```
    pub fn stall_warning(mut self, after: Duration) -> Self {
        self.settings.stall_warning = Some(after).filter(|&after| after != Duration::MAX);
        self
    }

    /// Calls `callback` with each [`Report`], instead of printing it on stderr.
    ///
    /// The callback runs on the scheduler's thread with nothing borrowed: it may spawn, wake, and take a snapshot.
    /// Anything reported while it runs, or after the scheduler was dropped, is printed. A callback that panics is
    /// removed.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use turnwise::{Scheduler, scheduler::Report, spawn};
    ///
    /// let lost = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&lost);
    /// let count_panics = move |report: &Report| {
    ///     count.set(count.get() + u32::from(matches!(report, Report::UnreadPanic { .. })));
    /// };
    /// let scheduler = Scheduler::builder().on_report(count_panics).build();
    /// scheduler.block_on(async {
    ///     spawn(async { panic!("its handle is dropped") });
    ///     let awaited = spawn(async { panic!("its handle is awaited") });
    ///     assert!(awaited.await.is_err());
    /// });
    /// assert_eq!(lost.get(), 1);
    /// ```
    #[doc(alias = "set_exception_handler")]
    pub fn on_report(mut self, callback: impl FnMut(&Report) + 'static) -> Self {
        self.reporter = Some(Box::new(callback));
        self
    }

    /// Sets what happens when a task fails and its failure will never be read: the task panicked, or it was spawned by
    /// [`try_spawn`](crate::task::try_spawn) and returned an `Err`, and its handle was dropped before or after that.
    /// The failures of a [`scope`](crate::task::scope()) count too if it does not return its
    /// [`ScopeError`](crate::task::ScopeError): it was dropped, a cancel request continued outward from it, or its body
    /// panicked. So do the panics that a [`gather`](crate::gather) does not return. [`FailurePolicy::Report`] by
    /// default.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::scheduler::FailurePolicy;
    /// use turnwise::{RunError, Scheduler, spawn, task};
    ///
    /// let scheduler = Scheduler::builder().on_failure(FailurePolicy::Shutdown).build();
    /// let ended = scheduler.try_block_on(async {
    ///     drop(task::try_spawn(async { Err::<(), _>("out of paper") }));
    ///     std::future::pending::<()>().await
    /// });
    /// assert!(matches!(ended, Err(RunError::Failed(_))));
    /// ```
    #[doc(alias = "unhandled_panic")]
    pub fn on_failure(mut self, policy: FailurePolicy) -> Self {
        self.settings.on_failure = policy;
        self
    }

    /// Sets how long a turn may take: a turn that takes `limit` or longer is [reported](Report::SlowTurn), with the
    /// task and the wait that preceded the slow code. [`Duration::MAX`] turns this off.
    ///
    /// The default is 100 ms if this crate is built with debug assertions, and off otherwise. While it is on, each turn
    /// reads the clock twice. The limit is in real time, even under a virtual clock: there a slow turn takes no virtual
    /// time, but it still delays the program. The turns of a scope's children are nested in the turn of the task that
    /// polls the scope, but are timed separately. On a target without a clock the limit has no effect.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, scheduler::Report};
    ///
    /// let limit = Duration::from_millis(2);
    /// let scheduler = Scheduler::builder()
    ///     .slow_poll(limit)
    ///     .on_report(move |report| match report {
    ///         Report::SlowTurn { took, .. } => assert!(*took >= limit),
    ///         other => panic!("{other}"),
    ///     })
    ///     .build();
    /// scheduler.block_on(async { std::thread::sleep(Duration::from_millis(5)) });
    /// ```
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_poll(mut self, limit: Duration) -> Self {
        self.settings.slow_poll = Some(limit).filter(|&limit| limit != Duration::MAX);
        self
    }

    /// Sets how many results a task may get in one turn from this crate's own waits: locks, channels, task handles,
    /// sleeps. Once they are used up, the next wait yields, ready or not, and takes nothing before the next turn. 0,
    /// the default, sets no limit. Each child of a scope has a budget of its own. The futures of a `join!`, a
    /// [`join_all`](crate::join_all) or another group share that of their task: the next turn goes on with the future
    /// after the one that used it up. A [`select!`](crate::select!) and a [`race`](crate::race()) do not do that: a
    /// future that uses up the budget of each turn starves those that are written after it.
    ///
    /// Methods whose names start with `try_` do not wait, so they neither use nor check the budget.
    ///
    /// Without a budget, a task whose waits are always ready (the receiver of a channel that is never empty) keeps its
    /// turn while they are, and the order in which tasks run is simpler to explain.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, channel::mpsc, spawn};
    ///
    /// let turns = |budget| {
    ///     let scheduler = Scheduler::builder().budget(budget).build();
    ///     scheduler.block_on(async {
    ///         let (sender, mut receiver) = mpsc::unbounded();
    ///         (1..=100).for_each(|number| sender.send(number).unwrap());
    ///         drop(sender);
    ///         while receiver.recv().await.is_some() {}
    ///     });
    ///     scheduler.metrics().turns
    /// };
    /// assert_eq!(turns(0), 1);
    /// assert_eq!(turns(10), 11);
    /// ```
    #[doc(alias = "coop")]
    #[doc(alias = "unconstrained")]
    pub fn budget(mut self, results: u32) -> Self {
        self.settings.budget = NonZeroU32::new(results);
        self
    }

    /// Adds a detailed observer that is created with the scheduler.
    #[allow(dead_code, reason = "for the feature `record`")]
    pub(crate) fn late_observer(
        mut self,
        create: impl FnOnce(&Kernel) -> Rc<dyn Observer> + 'static,
    ) -> Self {
        self.late_observers.push(Box::new(create));
        self
    }

    /// Starts a scheduler, on the current thread.
    #[inline]
    pub(super) fn open(self) -> (Rc<Layers>, Rc<Kernel>) {
        let Builder { settings, observers, late_observers, park, alarm, reporter } = self;
        let layers = Layers::new(settings, park, alarm);
        let kernel = layers.open(observers, reporter);
        for create in late_observers {
            let observer = create(&kernel);
            layers.watch().add(&kernel, Installed { observer, is_detailed: true });
        }
        (layers, kernel)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

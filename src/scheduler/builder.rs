//! The builder of schedulers: everything that is not the default.

use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use crate::report::{DeadlockReport, FailurePolicy, Observer, Report};
use crate::scheduler::park::Park;
use crate::scheduler::parts::Layers;
use crate::scheduler::policy::Policy;
use crate::scheduler::settings::Settings;
use crate::scheduler::stall::StallAlarm;
use crate::watch::Reporter;

/// Makes a [`Scheduler`](crate::Scheduler) that differs from the default.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(sleep(Duration::from_secs(3600))); // returns at once
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    settings: Settings,
    observers: Vec<Rc<dyn Observer>>,
    park: Option<Box<dyn Park>>,
    alarm: Option<Box<StallAlarm>>,
    reporter: Option<Reporter>,
}

impl Builder {
    /// Starts from the defaults: FIFO, the real clock, a slack of 1 ms, nobody watching.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Uses a virtual clock: when nothing is ready it jumps to the next deadline, and it stands still
    /// otherwise. Programs that sleep run at once, and print the same times at every run.
    ///
    /// [`Scheduler::advance`](crate::Scheduler::advance) and [`time::advance`](crate::time::advance) move it by hand.
    #[doc(alias = "start_paused")]
    pub fn virtual_time(mut self) -> Self {
        self.settings.virtual_time = true;
        self
    }

    /// Sets which ready task goes next; [`Policy::Fifo`] unless set.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Sets how far the thread's sleep may reach beyond a deadline, so that timers close together are one
    /// wake-up; 1 ms unless set, zero for exact.
    ///
    /// It moves the sleep of the thread only, never a deadline, and means nothing under a virtual clock.
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.settings.timer_slack = slack;
        self
    }

    /// Adds an observer, which is told of every [`Transition`](crate::Transition). Several are told in the order in which
    /// they were added.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Rc::new(observer));
        self
    }

    /// Sets what the thread sleeps in; [`ThreadParker`](crate::scheduler::ThreadParker) unless set.
    pub fn park(mut self, park: impl Park + 'static) -> Self {
        self.park = Some(Box::new(park));
        self
    }

    /// Calls `tell` when nothing can run, no timer is set, and nothing has come from outside for so long, in real
    /// time: a *possible* deadlock. Once for each stall. A certain deadlock is an error of the run instead.
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
    ///         receiver.recv().unwrap().wake(); // the one who forgot to
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
        self.alarm = Some(Box::new(StallAlarm::new(after, Box::new(callback))));
        self
    }

    /// Calls `tell` with each [`Report`], instead of printing it on stderr.
    ///
    /// It runs on the scheduler's thread with nothing borrowed: it may spawn, wake, and take a snapshot. What is
    /// reported while it runs, or after the scheduler was dropped, is printed. If it panics it is removed.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use turnwise::{Scheduler, spawn, yield_now};
    ///
    /// let lost = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&lost);
    /// let scheduler = Scheduler::builder().on_report(move |_| count.set(count.get() + 1)).build();
    /// scheduler.block_on(async {
    ///     spawn(async { panic!("nobody will know") });
    ///     let awaited = spawn(async { panic!("somebody will") });
    ///     assert!(awaited.await.is_err());
    /// });
    /// assert_eq!(lost.get(), 1);
    /// ```
    #[doc(alias = "set_exception_handler")]
    pub fn on_report(mut self, callback: impl FnMut(&Report) + 'static) -> Self {
        self.reporter = Some(Box::new(callback));
        self
    }

    /// Sets what happens when a task fails and nobody will ever read that: it panicked, or it was made by
    /// [`try_spawn`](crate::task::try_spawn) and returned an `Err`, and its handle was dropped, before or
    /// after. [`FailurePolicy::Report`] unless set.
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

    /// Sets how long a turn may take: one that takes so long, or longer, is [reported](Report::SlowTurn), with
    /// the task and the wait that it came from. [`Duration::MAX`] turns that off.
    ///
    /// Unless set it is 100 ms if this crate is built with debug assertions, and off if not. While it is on,
    /// each turn reads the clock twice. It counts real time, under a virtual clock too: what a turn
    /// takes there is no time of the program's, but of whoever waits for it. The turns of a scope's children are
    /// nested in those of its task, and are counted for themselves.
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

    /// Sets how many results a task may get in one turn from this crate's own waits: locks, channels, handles of
    /// tasks, sleeps. The next one that it waits for makes it give way, whether or not that is ready, and
    /// nothing is taken before. 0, the default, sets no limit. A child of a scope has a budget of its own.
    ///
    /// Without one a task whose waits are always ready (the receiver of a channel that is never empty) keeps
    /// its turn for as long as that is so, and the order in which tasks run is simpler to explain.
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

    /// The layers of the scheduler, and what they begin with.
    #[inline]
    pub(super) fn into_layers(self) -> (Rc<Layers>, Vec<Rc<dyn Observer>>, Option<Reporter>) {
        let Builder { settings, observers, park, alarm, reporter } = self;
        (Layers::new(settings, park, alarm), observers, reporter)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

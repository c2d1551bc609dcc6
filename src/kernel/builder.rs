//! The builder of schedulers: everything that is not the default.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::kernel::park::Park;
use crate::kernel::policy::Policy;
use crate::kernel::scheduler::{Kernel, Scheduler};
use crate::kernel::snapshot::DeadlockReport;
use crate::kernel::transition::Observer;

/// Makes a [`Scheduler`] that differs from the default.
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
    observer: Option<Rc<dyn Observer>>,
    park: Option<Box<dyn Park>>,
    alarm: Option<StallAlarm>,
}

/// What stays as it was set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) virtual_time: bool,
    pub(crate) timer_slack: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let timer_slack = Duration::from_millis(1);
        Settings { policy: Policy::Fifo, virtual_time: false, timer_slack }
    }
}

/// Whom to tell when nothing has happened for a while and it is only possible that something will.
pub(crate) struct StallAlarm {
    after: Duration,
    pub(crate) tell: Box<dyn FnMut(&DeadlockReport)>,
    /// After which turn nothing has happened, since when, and whether that was told.
    stall: Option<(u64, Instant, bool)>,
}

impl StallAlarm {
    /// How long to wait until it is to be told that nothing has happened since this turn: zero if it is now,
    /// `None` if it was told already. Counts in real time, and from the first time that it is asked.
    pub(crate) fn time_left(&mut self, turn: u64) -> Option<Duration> {
        let now = Instant::now();
        let stall = self.stall.take_if(|(of, ..)| *of == turn);
        let (_, since, told) = stall.unwrap_or((turn, now, false));
        let left = self.after.saturating_sub(now.saturating_duration_since(since));
        self.stall = Some((turn, since, left.is_zero()));
        if told { None } else { Some(left) }
    }
}

impl Builder {
    /// Starts from the defaults: FIFO, the real clock, a slack of 1 ms, nobody watching.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Uses a virtual clock: when nothing is ready it jumps to the next deadline, and it stands still
    /// otherwise. Programs that sleep run at once, and print the same times at every run.
    ///
    /// [`Scheduler::advance`] and [`time::advance`](crate::time::advance) move it by hand.
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

    /// Installs an observer, which is told of every [`Transition`](crate::Transition).
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Rc::new(observer));
        self
    }

    /// Sets what the thread sleeps in; [`ThreadParker`](crate::scheduler::ThreadParker) unless set.
    pub fn park(mut self, park: impl Park + 'static) -> Self {
        self.park = Some(Box::new(park));
        self
    }

    /// Calls `tell` when nothing can run, no timer is set, and nothing has come from outside for so long:
    /// a *possible* deadlock. Once for each stall. A certain deadlock is an error of the run instead.
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
        tell: impl FnMut(&DeadlockReport) + 'static,
    ) -> Self {
        self.alarm = Some(StallAlarm { after, tell: Box::new(tell), stall: None });
        self
    }

    /// Makes the scheduler, on this thread.
    pub fn build(self) -> Scheduler {
        let kernel = Kernel::new(self.settings, self.observer, self.park, self.alarm);
        Scheduler { kernel }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

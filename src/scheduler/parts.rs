//! What each layer keeps with a scheduler, created when it is first needed.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking::JobRegistry;
use crate::cancel::{EmittedRequests, Roots};
use crate::kernel::Kernel;
use crate::limits::Meter;
use crate::machine::{Instant, real_time};
use crate::report::DeadlockReport;
use crate::scheduler::dumps::Dumps;
use crate::scheduler::newcomers::Newcomers;
use crate::scheduler::park::Park;
use crate::scheduler::policy::PolicyState;
use crate::scheduler::root_wait::RootWait;
use crate::scheduler::settings::Settings;
use crate::scheduler::stall::{Stall, StallAlarm};
use crate::scope::Hosts;
use crate::task::Remotes;
use crate::time::{Clock, Time};
use crate::watch::{Failures, Watch};

/// A scheduler's layers above the kernel.
pub(crate) struct Layers {
    pub(super) settings: Settings,
    /// When the scheduler was built: its clock counts from then.
    began: Instant,
    pub(super) policy_state: RefCell<PolicyState>,
    pub(super) meter: Option<Rc<Meter>>,
    pub(super) watch: OnceCell<Rc<Watch>>,
    pub(super) failures: OnceCell<Rc<Failures>>,
    pub(super) time: OnceCell<Rc<Time>>,
    pub(super) roots: OnceCell<Rc<Roots>>,
    /// The cancel requests that detailed observers know.
    pub(super) emitted_requests: OnceCell<Box<EmittedRequests>>,
    pub(super) hosts: OnceCell<Rc<Hosts>>,
    pub(super) remotes: OnceCell<Rc<Remotes>>,
    pub(super) jobs: OnceCell<Rc<JobRegistry>>,
    /// How the thread sleeps. Created at the first sleep, and taken out during each.
    pub(super) park: RefCell<Option<Box<dyn Park>>>,
    /// How often the thread has slept.
    pub(super) parks: Cell<u64>,
    /// `on_stall` has installed something.
    pub(super) has_stall_alarm: bool,
    /// What `on_stall` installed; taken out while it is in use.
    pub(super) stall_alarm: RefCell<Option<Box<StallAlarm>>>,
    /// The last stall of this run.
    pub(super) stall: Cell<Option<Stall>>,
    /// A stall was printed.
    pub(super) has_warned: Cell<bool>,
    /// The last wait of a root that was seen, if anything is to be notified of a long one.
    pub(super) root_wait: Cell<RootWait>,
    /// Why nothing can ever run again, from the verdict to the end of the run.
    pub(super) verdict: RefCell<Option<Box<DeadlockReport>>>,
    /// All tasks are cancelled.
    pub(super) is_shutting_down: Cell<bool>,
    /// One of the timers ends the grace period of a shutdown.
    pub(super) has_grace_alarm: Cell<bool>,
    /// Where `dump_handle` writes.
    dumps: OnceCell<Rc<Dumps>>,
    /// The tasks that were spawned during a shutdown and are cancelled later.
    pub(super) newcomers: OnceCell<Rc<Newcomers>>,
}

impl Layers {
    #[inline]
    pub(super) fn new(
        settings: Settings,
        park: Option<Box<dyn Park>>,
        stall_alarm: Option<Box<StallAlarm>>,
    ) -> Rc<Self> {
        Rc::new(Layers {
            settings,
            began: real_time(),
            policy_state: RefCell::new(PolicyState::new(settings.policy)),
            meter: Meter::new(settings.slow_poll, settings.budget),
            watch: OnceCell::new(),
            failures: OnceCell::new(),
            time: OnceCell::new(),
            roots: OnceCell::new(),
            emitted_requests: OnceCell::new(),
            hosts: OnceCell::new(),
            remotes: OnceCell::new(),
            jobs: OnceCell::new(),
            park: RefCell::new(park),
            parks: Cell::new(0),
            has_stall_alarm: stall_alarm.is_some(),
            stall_alarm: RefCell::new(stall_alarm),
            stall: Cell::new(None),
            has_warned: Cell::new(false),
            root_wait: Cell::default(),
            verdict: RefCell::default(),
            is_shutting_down: Cell::new(false),
            has_grace_alarm: Cell::new(false),
            dumps: OnceCell::new(),
            newcomers: OnceCell::new(),
        })
    }

    pub(super) fn watch(&self) -> &Rc<Watch> {
        self.watch.get_or_init(|| Rc::new(Watch::new(self.meter.is_some())))
    }

    /// Returns the watch, if anything has ever needed it.
    pub(super) fn has_watch(&self) -> Option<&Rc<Watch>> {
        self.watch.get()
    }

    pub(super) fn failures(&self) -> &Rc<Failures> {
        let make = || Rc::new(Failures::new(self.settings.on_failure, None));
        self.failures.get_or_init(make)
    }

    /// Returns the failures, if there ever was one.
    pub(super) fn has_failures(&self) -> Option<&Rc<Failures>> {
        self.failures.get()
    }

    pub(super) fn time(&self, kernel: &Kernel) -> &Rc<Time> {
        let Settings { virtual_time, timer_slack, .. } = self.settings;
        let slack = if virtual_time { Duration::ZERO } else { timer_slack };
        let make = || Time::new(kernel.id, Clock::new(self.began, virtual_time), slack);
        self.time.get_or_init(|| Rc::new(make()))
    }

    pub(super) fn dumps(&self) -> &Rc<Dumps> {
        self.dumps.get_or_init(Rc::default)
    }

    pub(super) fn newcomers(&self) -> &Rc<Newcomers> {
        self.newcomers.get_or_init(Rc::default)
    }

    /// Returns the clock and the timers, if anything has ever needed them.
    pub(super) fn has_time(&self) -> Option<&Rc<Time>> {
        self.time.get()
    }

    pub(super) fn jobs(&self, kernel: &Kernel) -> &Rc<JobRegistry> {
        self.jobs.get_or_init(|| Rc::new(JobRegistry::new(Arc::clone(&kernel.mailbox))))
    }

    /// Returns the blocking jobs, if there ever was one.
    pub(super) fn has_jobs(&self) -> Option<&Rc<JobRegistry>> {
        self.jobs.get()
    }

    /// Returns the number of remotes.
    pub(super) fn remotes(&self) -> usize {
        self.remotes.get().map_or(0, |remotes| remotes.count())
    }

    /// Returns the scopes, if there ever was one.
    pub(super) fn has_hosts(&self) -> Option<&Rc<Hosts>> {
        self.hosts.get()
    }
}

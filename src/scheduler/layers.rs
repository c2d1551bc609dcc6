//! The composition: which layers a scheduler has, and in which order they are asked.
//!
//! This is the one file that knows all layers. The executor calls it through [`Hooks`], where a flag says so; a layer
//! finds what it keeps with a scheduler by `kernel.part::<Type>()`. A part is made when it is first needed.

use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::blocking::Jobs;
use crate::cancel::{self, Reason, Roots};
use crate::kernel::{
    Boxed, By, Ending, Event, Flags, Hooks, Idle, Kernel, Key, TaskMap, has_schedulers,
};
use crate::limits::{Meter, report_slow_turn};
use crate::report::{DeadlockReport, Observer};
use crate::scheduler::idle::{self, StallAlarm};
use crate::scheduler::park::Park;
use crate::scheduler::policy::{Dealer, Policy};
use crate::scheduler::settings::Settings;
use crate::scope::Hosts;
use crate::sync;
use crate::task::Remotes;
use crate::time::{Clock, Time};
use crate::watch::{Failures, Reporter, Watch};

/// What a scheduler has beside the executor.
pub(crate) struct Layers {
    pub(super) settings: Settings,
    /// When it was made: its clock counts from then.
    began: Instant,
    dealer: RefCell<Dealer>,
    meter: Option<Rc<Meter>>,
    watch: OnceCell<Rc<Watch>>,
    failures: OnceCell<Rc<Failures>>,
    time: OnceCell<Rc<Time>>,
    roots: OnceCell<Rc<Roots>>,
    hosts: OnceCell<Rc<Hosts>>,
    remotes: OnceCell<Rc<Remotes>>,
    jobs: OnceCell<Rc<Jobs>>,
    /// What the thread sleeps in; made at the first sleep, and out of its place during one.
    pub(super) park: RefCell<Option<Box<dyn Park>>>,
    /// How often it has slept.
    pub(super) parks: Cell<u64>,
    /// What `on_stall` installed; out of its place while it is told.
    pub(super) stall_alarm: RefCell<Option<Box<StallAlarm>>>,
    /// The turn after which nothing could run, if that was told in this run already.
    pub(super) stalled: Cell<Option<u64>>,
    /// Why nothing can ever run again, from the verdict to the end of the run.
    pub(super) verdict: RefCell<Option<Box<DeadlockReport>>>,
    /// All tasks are asked to end, new ones too.
    pub(super) is_shutting_down: Cell<bool>,
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
            began: Instant::now(),
            dealer: RefCell::new(Dealer::new(settings.policy)),
            meter: Meter::new(settings.slow_poll, settings.budget),
            watch: OnceCell::new(),
            failures: OnceCell::new(),
            time: OnceCell::new(),
            roots: OnceCell::new(),
            hosts: OnceCell::new(),
            remotes: OnceCell::new(),
            jobs: OnceCell::new(),
            park: RefCell::new(park),
            parks: Cell::new(0),
            stall_alarm: RefCell::new(stall_alarm),
            stalled: Cell::new(None),
            verdict: RefCell::default(),
            is_shutting_down: Cell::new(false),
        })
    }

    /// A scheduler with these layers begins.
    #[inline]
    pub(super) fn open(
        self: &Rc<Self>,
        observers: Vec<Rc<dyn Observer>>,
        reporter: Option<Reporter>,
    ) -> Rc<Kernel> {
        let kernel = Kernel::new(Rc::clone(self) as Rc<dyn Hooks>);
        sync::warm();
        cancel::warm();
        if self.settings.policy != Policy::Fifo {
            kernel.set_flag_of_all(Flags::ARRANGE, true);
        }
        if self.meter.is_some() {
            kernel.set_flag_of_all(Flags::TELL, true);
        }
        if reporter.is_some() {
            let failures = Failures::new(self.settings.on_failure, reporter);
            drop(self.failures.set(Rc::new(failures)));
        }
        for observer in observers {
            self.watch().add(&kernel, observer);
        }
        kernel
    }

    /// It ends. Its tasks are gone; what is left of it serves its handles.
    pub(super) fn close(&self) {
        if let Some(watch) = self.watch.get() {
            watch.close();
        }
        if let Some(failures) = self.failures.get() {
            failures.close();
        }
        if !has_schedulers() {
            sync::cool();
            cancel::cool();
        }
    }

    pub(super) fn watch(&self) -> &Rc<Watch> {
        self.watch.get_or_init(|| Rc::new(Watch::new(self.meter.is_some())))
    }

    /// The watch, if anything has ever watched.
    pub(super) fn has_watch(&self) -> Option<&Rc<Watch>> {
        self.watch.get()
    }

    pub(super) fn failures(&self) -> &Rc<Failures> {
        let make = || Rc::new(Failures::new(self.settings.on_failure, None));
        self.failures.get_or_init(make)
    }

    /// The failures, if there ever was one.
    pub(super) fn has_failures(&self) -> Option<&Rc<Failures>> {
        self.failures.get()
    }

    pub(super) fn time(&self, kernel: &Kernel) -> &Rc<Time> {
        let clock = || Clock::new(self.began, self.settings.virtual_time);
        self.time.get_or_init(|| Rc::new(Time::new(kernel.id, clock())))
    }

    /// Clock and timers, if anything has ever asked for the time.
    pub(super) fn has_time(&self) -> Option<&Rc<Time>> {
        self.time.get()
    }

    pub(super) fn jobs(&self, kernel: &Kernel) -> &Rc<Jobs> {
        self.jobs.get_or_init(|| Rc::new(Jobs::new(Arc::clone(&kernel.mailbox))))
    }

    /// The blocking jobs, if there ever was one.
    pub(super) fn has_jobs(&self) -> Option<&Rc<Jobs>> {
        self.jobs.get()
    }

    /// How many remotes there are.
    pub(super) fn remotes(&self) -> usize {
        self.remotes.get().map_or(0, |remotes| remotes.count())
    }

    /// The scopes, if there ever was one.
    pub(super) fn has_hosts(&self) -> Option<&Rc<Hosts>> {
        self.hosts.get()
    }

    /// The parts that are asked for once a scope, a request, a job: apart, or each sleep would pay for them.
    #[cold]
    fn rare_part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>> {
        let is = |other: TypeId| kind == other;
        if is(TypeId::of::<Meter>()) {
            return self.meter.clone().map(|meter| meter as Rc<dyn Any>);
        }
        let part: Rc<dyn Any> = if is(TypeId::of::<Hosts>()) {
            Rc::clone(self.hosts.get_or_init(Rc::default)) as _
        } else if is(TypeId::of::<Roots>()) {
            Rc::clone(self.roots.get_or_init(Rc::default)) as _
        } else if is(TypeId::of::<Watch>()) {
            Rc::clone(self.watch()) as _
        } else if is(TypeId::of::<Failures>()) {
            Rc::clone(self.failures()) as _
        } else if is(TypeId::of::<Jobs>()) {
            Rc::clone(self.jobs(kernel)) as _
        } else if is(TypeId::of::<Remotes>()) {
            let make = || Rc::new(Remotes::new(Arc::clone(&kernel.mailbox)));
            Rc::clone(self.remotes.get_or_init(make)) as _
        } else {
            return None;
        };
        Some(part)
    }
}

impl Hooks for Layers {
    fn told(&self, kernel: &Kernel, key: Key, event: Event) {
        let is_end = matches!(event, Event::TurnEnds { .. } | Event::LastTurnEnds(_));
        let slow = self.meter.as_ref().filter(|_| is_end).and_then(|meter| meter.end());
        if let Some(watch) = self.watch.get() {
            watch.told(kernel, key, event);
        }
        if let Some(meter) = &self.meter {
            match (event, slow) {
                (Event::TurnBegins, _) => meter.begin(),
                // A panic takes its time to be printed, and is told of anyway.
                (Event::LastTurnEnds(Ending::Panicked), _) | (_, None) => {}
                (_, Some(slow)) => report_slow_turn(kernel, key, slow),
            }
        }
        if matches!(event, Event::Spawned) && self.is_shutting_down.get() {
            cancel_newcomer(kernel, key);
        }
    }

    fn scheduled(&self, kernel: &Kernel, key: Key, by: By) {
        // A loop and not a recursion: the waiter that polls a scope may be the child of another one.
        let (mut key, mut by) = (key, by);
        loop {
            // First plain data, then observers, which see the task queued; foreign wakers last.
            let child = self.hosts.get().and_then(|hosts| Some((hosts, hosts.queue(kernel, key)?)));
            if let Some(watch) = self.watch.get() {
                watch.scheduled(kernel, key, by);
            }
            let Some((hosts, id)) = child else { return };
            let Some(next) = hosts.ring(kernel, key) else { return };
            (key, by) = (next, By::Task(id));
        }
    }

    fn after_turn(&self, kernel: &Kernel, key: Key, flags: Flags, is_over: bool) {
        if let Some(time) = self.time.get() {
            time.settle();
        }
        if is_over {
            cancel::after_last_turn();
        } else {
            cancel::after_turn(kernel, key, flags);
        }
    }

    fn exits(&self, kernel: &Kernel, key: Key) {
        cancel::exits(kernel, key);
        if kernel.is_ending.get()
            && let Some(hosts) = self.hosts.get()
        {
            hosts.desert(kernel, key);
        }
    }

    fn unread(&self, kernel: &Kernel, slot: u32, left: &mut Boxed) {
        self.failures().unread(kernel, slot, left);
    }

    fn arrange(&self, taskmap: &TaskMap, pass: &mut Vec<u32>, _next: &mut Vec<u32>) {
        self.dealer.borrow_mut().arrange(pass, |slot| taskmap.priority(slot));
    }

    fn look_around(&self, kernel: &Kernel) -> u64 {
        idle::look_around(self, kernel)
    }

    fn idle(&self, kernel: &Kernel, has_root: bool, may_wait: bool) -> Idle {
        idle::decide(self, kernel, has_root, may_wait)
    }

    fn part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>> {
        if kind == TypeId::of::<Time>() {
            return Some(Rc::clone(self.time(kernel)) as _);
        }
        self.rare_part(kernel, kind)
    }
}

/// Asks a task to end that was spawned during a shutdown.
fn cancel_newcomer(kernel: &Kernel, key: Key) {
    if let Some(id) = kernel.id_of(key) {
        cancel::cancel(kernel, key.slot, id, &shutdown_reason());
    }
}

/// Why tasks are asked to end by a shutdown.
pub(super) fn shutdown_reason() -> Reason {
    Reason::Said(Arc::from("shutdown"))
}

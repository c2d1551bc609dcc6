//! The composition: the order in which the layers of a scheduler are called.
//!
//! This is the only file that names all layers. The kernel calls it through [`Hooks`]; a layer looks up what it keeps
//! with a scheduler by `kernel.part::<Type>()`.

use std::any::{Any, TypeId};
use std::rc::Rc;
use std::sync::Arc;

use crate::blocking::JobRegistry;
use crate::cancel::{self, Roots};
use crate::kernel::{
    Boxed, By, Ending, Flags, Hooks, Idle, Kernel, Key, TaskEvent, TaskId, TaskMap, Word,
    has_schedulers, set_word,
};
use crate::limits::{Meter, report_slow_turn};
use crate::report::{DeadlockReport, Detail, text_of};
use crate::scheduler::dumps::Dumps;
use crate::scheduler::idle;
use crate::scheduler::order_details;
use crate::scheduler::parts::Layers;
use crate::scheduler::policy::Policy;
use crate::scope::Hosts;
use crate::sync;
use crate::task::Remotes;
use crate::time::{Time, forget};
use crate::watch::{
    Failures, Installed, Reporter, Watch, detail, emit_details, is_detailed, panicked, woken_again,
};

impl Layers {
    /// Starts a scheduler with these layers.
    #[inline]
    pub(super) fn open(
        self: &Rc<Self>,
        observers: Vec<Installed>,
        reporter: Option<Reporter>,
    ) -> Rc<Kernel> {
        let kernel = Kernel::new(Rc::clone(self) as Rc<dyn Hooks>);
        sync::warm();
        cancel::warm();
        if self.settings.policy != Policy::Fifo {
            kernel.board.borrow_mut().flags.set(Flags::ARRANGE, true);
        }
        if self.meter.is_some() {
            kernel.board.borrow_mut().flags.set(Flags::TRACE, true);
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

    /// Ends the scheduler: its tasks are gone, and what is left of it serves its handles.
    pub(super) fn close(&self, kernel: &Kernel) {
        if let Some(watch) = self.watch.get() {
            watch.close(kernel);
        }
        if let Some(failures) = self.failures.get() {
            failures.close();
        }
        if let Some(time) = self.has_time() {
            forget(time.scheduler);
        }
        if !has_schedulers() {
            sync::cool();
            cancel::cool();
        }
    }

    /// Records that a run ends, for the observers that receive details; runs none of them.
    #[cold]
    pub(super) fn record_run_end(&self, kernel: &Kernel, report: Option<&DeadlockReport>) {
        if let Some(jobs) = self.has_jobs() {
            jobs.emit_ended(kernel);
        }
        let deadlock = report.map(|report| report.cycles.as_slice().into());
        detail(kernel.id, || Detail::RunEnded { deadlock });
    }

    /// Emits what can only be found by comparing, before the end of a turn is emitted; and sees to it that details are
    /// emitted in the turn.
    #[cold]
    fn trace_details(&self, kernel: &Kernel, event: TaskEvent, is_end: bool) {
        if let Some(roots) = self.roots.get().filter(|_| is_end) {
            self.emitted_requests.get_or_init(Box::default).emit_changes(kernel, roots);
        }
        if let Some(jobs) = self.jobs.get() {
            jobs.emit_ended(kernel);
        }
        if self.meter.is_none() {
            set_word(Word::Limits, u32::from(matches!(event, TaskEvent::TurnBegins)));
        }
        emit_details();
    }

    /// The parts that are looked up once per scope, request or job, kept out of line so that sleeps don't pay for them.
    #[cold]
    fn rare_part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>> {
        let is = |other: TypeId| kind == other;
        let part: Rc<dyn Any> = if is(TypeId::of::<Roots>()) {
            Rc::clone(self.roots.get_or_init(Rc::default)) as _
        } else if is(TypeId::of::<Hosts>()) {
            Rc::clone(self.hosts.get_or_init(Rc::default)) as _
        } else if is(TypeId::of::<Watch>()) {
            Rc::clone(self.watch()) as _
        } else if is(TypeId::of::<Failures>()) {
            Rc::clone(self.failures()) as _
        } else if is(TypeId::of::<JobRegistry>()) {
            Rc::clone(self.jobs(kernel)) as _
        } else if is(TypeId::of::<Remotes>()) {
            let make = || Rc::new(Remotes::new(Arc::clone(&kernel.mailbox)));
            Rc::clone(self.remotes.get_or_init(make)) as _
        } else if is(TypeId::of::<Dumps>()) {
            Rc::clone(self.dumps()) as _
        } else if is(TypeId::of::<Meter>()) {
            Rc::clone(self.meter.as_ref()?) as _
        } else {
            return None;
        };
        Some(part)
    }
}

impl Hooks for Layers {
    fn trace(&self, kernel: &Kernel, key: Key, event: TaskEvent) {
        let is_end = matches!(event, TaskEvent::TurnEnds(_) | TaskEvent::LastTurnEnds(_));
        let slow = self.meter.as_ref().filter(|_| is_end).and_then(|meter| meter.end());
        if is_detailed() {
            self.trace_details(kernel, event, is_end);
        }
        if let Some(watch) = self.watch.get() {
            watch.trace(kernel, key, event);
        }
        if let Some(meter) = &self.meter {
            match (event, slow) {
                (TaskEvent::TurnBegins, _) => meter.begin(),
                // Printing a panic takes time, and the panic is reported anyway.
                (TaskEvent::LastTurnEnds(Ending::Panicked), _) | (_, None) => {}
                (_, Some(slow)) => report_slow_turn(kernel, key, slow),
            }
        }
        if self.is_shutting_down.get() {
            match event {
                TaskEvent::Spawned => self.newcomers().spawned(kernel, key),
                TaskEvent::Exited(task, _) => self.newcomers().exited(kernel, task),
                _ => {}
            }
        }
    }

    fn panicked(&self, kernel: &Kernel, task: Option<TaskId>, payload: &(dyn Any + Send)) {
        if is_detailed() {
            panicked(kernel.id, task, text_of(payload));
        }
    }

    fn scheduled(&self, kernel: &Kernel, key: Key, by: By) {
        // A loop, not a recursion: the task that polls a scope may be the child of another scope.
        let (mut key, mut by) = (key, by);
        loop {
            if is_woken_again(kernel, key, by) {
                return;
            }
            // First plain data, then observers, which must see the task queued, and foreign wakers last.
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
            time.plan_look(kernel);
        }
        if !is_over && flags.has(Flags::CALL_EXIT) {
            cancel::after_turn(kernel, self.roots.get_or_init(Rc::default), key, flags);
        }
    }

    fn exits(&self, kernel: &Kernel, key: Key) {
        if let Some(roots) = self.roots.get() {
            roots.exits(kernel, key);
        }
        if kernel.is_ending.get()
            && let Some(hosts) = self.hosts.get()
        {
            hosts.orphan(kernel, key);
        }
    }

    fn unread(&self, kernel: &Kernel, slot: u32, left: &mut Boxed) {
        self.failures().unread(kernel, slot, left);
    }

    fn arrange(
        &self,
        kernel: &Kernel,
        taskmap: &TaskMap,
        pass: &mut Vec<u32>,
        _next: &mut Vec<u32>,
    ) {
        if is_detailed() {
            return order_details::arrange(&self.policy_state, kernel, taskmap, pass);
        }
        self.policy_state.borrow_mut().arrange(pass, |slot| taskmap.at(slot).priority);
    }

    fn look_around(&self, kernel: &Kernel, root: Option<Key>) {
        idle::look_around(self, kernel, root);
    }

    fn idle(&self, kernel: &Kernel, root: Option<Key>, may_wait: bool) -> Idle {
        idle::decide(self, kernel, root, may_wait)
    }

    fn part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>> {
        if kind == TypeId::of::<Time>() {
            return Some(Rc::clone(self.time(kernel)) as _);
        }
        self.rare_part(kernel, kind)
    }
}

/// Returns whether the wake that the hook was called for has changed nothing, as is emitted then.
#[inline]
fn is_woken_again(kernel: &Kernel, key: Key, by: By) -> bool {
    let is_again = kernel.board.borrow().flags.has(Flags::AGAIN);
    if is_again {
        kernel.board.borrow_mut().flags.set(Flags::AGAIN, false);
        woken_again(kernel, key, by);
    }
    is_again
}

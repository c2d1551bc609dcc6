//! The fold: what each event changes in a [`State`]. Nothing else changes one.
//!
//! Events that contradict the state, as a damaged recording may have, change nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::record::event::{Entry, Event};
use crate::record::state::{
    LiveJob, LiveResource, LiveScope, LiveTask, LiveTimer, LiveWait, State, TaskPhase,
};
use crate::record::values::{Ask, Awaited, Outcome, TextId};

impl State {
    /// Moves on by one event. An event that contradicts the state, as a damaged recording may have, changes nothing.
    pub fn apply(&mut self, entry: &Entry) {
        self.time = self.time.max(entry.time);
        if let (Some(_), Some(actor)) = (entry.place, entry.event.actor())
            && let Some(task) = self.tasks.get_mut(&actor)
            && task.place != entry.place
        {
            Arc::make_mut(task).place = entry.place;
        }
        match &entry.event {
            Event::Spawn { .. }
            | Event::Schedule { .. }
            | Event::Poll { .. }
            | Event::Return { .. }
            | Event::Wake { .. }
            | Event::Order { .. }
            | Event::Done { .. } => self.apply_turn(entry),
            Event::Wait { .. }
            | Event::Unwait { .. }
            | Event::TimerSet { .. }
            | Event::TimerFire { .. }
            | Event::TimerCancel { .. }
            | Event::Park { .. }
            | Event::Unpark { .. } => self.apply_wait(entry),
            Event::Ask(_)
            | Event::Answer(_)
            | Event::Catch { .. }
            | Event::Resume { .. }
            | Event::Cleaned { .. }
            | Event::Mask { .. } => self.apply_request(entry),
            Event::Scope { .. }
            | Event::Child { .. }
            | Event::Block { .. }
            | Event::JobDone { .. } => self.apply_scope_or_job(entry),
            Event::Snapshot { state } => {
                let time = self.time.max(state.time);
                *self = State { time, ..(**state).clone() };
            }
            Event::End { why } => {
                (self.ended, self.parked) = (Some(*why), None);
            }
            _ => self.apply_resource(entry),
        }
    }

    fn change(&mut self, task: u64, change: impl FnOnce(&mut LiveTask)) {
        if let Some(task) = self.tasks.get_mut(&task) {
            change(Arc::make_mut(task));
        }
    }

    fn change_resource(&mut self, resource: u64, change: impl FnOnce(&mut LiveResource)) {
        if let Some(resource) = self.resources.get_mut(&resource) {
            change(Arc::make_mut(resource));
        }
    }

    // ----- turns -----

    fn apply_turn(&mut self, entry: &Entry) {
        match entry.event {
            Event::Spawn { task, name, .. } if task != 0 && !self.tasks.contains_key(&task) => {
                let place = entry.place;
                let new = LiveTask { name, place, spawned_at: place, ..LiveTask::default() };
                self.tasks.insert(task, Arc::new(new));
            }
            Event::Schedule { task, at } => self.schedule(task, at),
            Event::Order { ref tasks } => self.order(tasks),
            Event::Poll { task, turn } => self.poll(task, turn),
            Event::Return { task, outcome: Outcome::Pending } => {
                // One that was woken in its turn stays where it is until its `schedule`.
                let goes = |task: &LiveTask| task.phase == TaskPhase::Running && !task.is_woken;
                if self.task(task).is_some_and(goes) {
                    self.leave_running(task);
                    self.change(task, |task| task.phase = TaskPhase::Waiting);
                }
            }
            Event::Wake { task, .. } => {
                let is_new = |task: &LiveTask| task.phase == TaskPhase::Running && !task.is_woken;
                if self.task(task).is_some_and(is_new) {
                    self.change(task, |task| task.is_woken = true);
                }
            }
            Event::Done { task, .. } => self.remove_task(task),
            _ => {}
        }
    }

    fn schedule(&mut self, task: u64, at: Option<u32>) {
        let Some(known) = self.task(task) else { return };
        let (phase, is_child) = (known.phase, known.scope.is_some());
        match phase {
            TaskPhase::Ready => return,
            TaskPhase::Running => self.leave_running(task),
            TaskPhase::Spawned | TaskPhase::Waiting => {}
        }
        if !is_child {
            let at = at.map_or(usize::MAX, |at| at as usize).min(self.ready.len());
            self.ready.insert(at, task);
        }
        self.change(task, |task| (task.phase, task.is_woken) = (TaskPhase::Ready, false));
    }

    fn poll(&mut self, task: u64, turn: u64) {
        let Some(known) = self.task(task) else { return };
        match known.phase {
            TaskPhase::Ready => self.leave_ready(task),
            TaskPhase::Running => self.leave_running(task),
            TaskPhase::Spawned | TaskPhase::Waiting => {}
        }
        (self.turn, self.ended) = (turn, None);
        self.running.push(task);
        self.change(task, |task| {
            (task.phase, task.is_woken) = (TaskPhase::Running, false);
            (task.turns, task.last_turn) = (task.turns.saturating_add(1), turn);
        });
    }

    /// The tasks that are listed come first, in this order.
    fn order(&mut self, tasks: &[u64]) {
        if tasks.is_empty() {
            return;
        }
        let mut ranks: BTreeMap<u64, usize> = BTreeMap::new();
        for (rank, &task) in tasks.iter().enumerate() {
            ranks.entry(task).or_insert(rank);
        }
        let rank = |task: &u64| ranks.get(task).copied().unwrap_or(usize::MAX);
        self.ready.make_contiguous().sort_by_key(rank);
    }

    fn leave_ready(&mut self, task: u64) {
        if let Some(at) = self.ready.iter().position(|&other| other == task) {
            self.ready.remove(at);
        }
    }

    fn leave_running(&mut self, task: u64) {
        if let Some(at) = self.running.iter().rposition(|&other| other == task) {
            self.running.remove(at);
        }
    }

    /// A task has ended: no list has it any more.
    fn remove_task(&mut self, task: u64) {
        let Some(gone) = self.tasks.remove(&task) else { return };
        match gone.phase {
            TaskPhase::Ready => self.leave_ready(task),
            TaskPhase::Running => self.leave_running(task),
            TaskPhase::Spawned | TaskPhase::Waiting => {}
        }
        for wait in &gone.waits {
            self.leave_line(task, wait.on, 0);
        }
        self.leave_scope(task, gone.scope);
    }

    // ----- waits -----

    fn apply_wait(&mut self, entry: &Entry) {
        match entry.event {
            Event::Wait { task, on } if self.tasks.contains_key(&task) => {
                if let Awaited::Resource(resource) = on {
                    self.change_resource(resource, |resource| resource.waiters.push_back(task));
                }
                let wait = LiveWait { on, place: entry.place };
                self.change(task, |task| task.waits.push_back(wait));
            }
            Event::Unwait { task, on } => {
                let Some(known) = self.task(task) else { return };
                let waits = || known.waits.iter().enumerate().filter(|(_, wait)| wait.on == on);
                let own = waits().position(|(_, wait)| wait.place == entry.place).unwrap_or(0);
                let Some((at, _)) = waits().nth(own) else { return };
                self.leave_line(task, on, own);
                self.change(task, |task| {
                    task.waits.remove(at);
                });
            }
            Event::TimerSet { timer, task, at } => {
                self.timers.insert(timer, LiveTimer { task, at, place: entry.place });
            }
            Event::TimerFire { timer } | Event::TimerCancel { timer } => {
                self.timers.remove(&timer);
            }
            Event::Park { until } => self.parked = Some(until),
            Event::Unpark { .. } => self.parked = None,
            _ => {}
        }
    }

    /// A task no longer waits in the line of a resource: this one of its waits there is over.
    fn leave_line(&mut self, task: u64, on: Awaited, wait: usize) {
        let Awaited::Resource(resource) = on else { return };
        self.change_resource(resource, |resource| {
            let own = resource.waiters.iter().enumerate().filter(|&(_, &other)| other == task);
            if let Some((at, _)) = own.into_iter().nth(wait) {
                resource.waiters.remove(at);
            }
        });
    }

    // ----- cancelling -----

    fn apply_request(&mut self, entry: &Entry) {
        match entry.event {
            Event::Ask(ref ask) => self.change(ask.task, |task| task.requests.push(**ask)),
            Event::Answer(ref answer) => self.change(answer.task, |task| {
                let is_it = |ask: &Ask| ask.part == answer.part && ask.why == answer.why;
                if let Some(at) = task.requests.iter().position(is_it) {
                    task.requests.remove(at);
                }
            }),
            Event::Catch { task, .. } => self.change(task, |task| {
                task.clean_ups = task.clean_ups.saturating_add(1);
            }),
            Event::Cleaned { task } => self.change(task, |task| {
                task.clean_ups = task.clean_ups.saturating_sub(1);
            }),
            Event::Mask { task, on } => self.change(task, |task| {
                let masks = task.masks;
                task.masks = if on { masks.saturating_add(1) } else { masks.saturating_sub(1) };
            }),
            _ => {}
        }
    }

    // ----- scopes and jobs -----

    fn apply_scope_or_job(&mut self, entry: &Entry) {
        match entry.event {
            Event::Scope { scope, task, is_open: true } => {
                let new = LiveScope { task, children: BTreeSet::new(), place: entry.place };
                self.scopes.entry(scope).or_insert(new).task = task;
            }
            Event::Scope { scope, is_open: false, .. } => {
                let gone = self.scopes.remove(&scope);
                gone.into_iter()
                    .flat_map(|gone| gone.children)
                    .for_each(|child| self.orphan(child));
            }
            Event::Child { scope, task }
                if self.scopes.contains_key(&scope) && self.tasks.contains_key(&task) =>
            {
                let before = self.task(task).and_then(|task| task.scope);
                self.leave_scope(task, before);
                self.change(task, |task| task.scope = Some(scope));
                self.scopes.entry(scope).and_modify(|scope| {
                    scope.children.insert(task);
                });
            }
            Event::Block { job, task, name } => {
                self.jobs.insert(job, LiveJob { task, name, place: entry.place });
            }
            Event::JobDone { job } => {
                self.jobs.remove(&job);
            }
            _ => {}
        }
    }

    /// The scope of a task has ended before the task, as it never does in a run: so a ready task has no queue any more.
    fn orphan(&mut self, task: u64) {
        self.change(task, |task| task.scope = None);
        let is_ready = self.task(task).is_some_and(|task| task.phase == TaskPhase::Ready);
        if is_ready && !self.ready.contains(&task) {
            self.ready.push_back(task);
        }
    }

    fn leave_scope(&mut self, task: u64, scope: Option<u64>) {
        if let Some(scope) = scope.and_then(|scope| self.scopes.get_mut(&scope)) {
            scope.children.remove(&task);
        }
    }

    // ----- locks and channels -----

    fn apply_resource(&mut self, entry: &Entry) {
        match entry.event {
            Event::Resource { resource, kind, name } => self.name_resource(resource, kind, name),
            Event::Acquire { task, resource, count } => self.change_resource(resource, |all| {
                // Most tasks that get it hold none of it yet, so the list is not searched for each.
                let is_owner = !all.owner_ids.insert(task);
                match all.owners.iter_mut().find(|owner| is_owner && owner.0 == task) {
                    Some(owner) => owner.1 = owner.1.saturating_add(count),
                    None => all.owners.push((task, count)),
                }
            }),
            Event::Release { task, resource, count } => self.change_resource(resource, |all| {
                let Some(at) = all.owners.iter().position(|owner| owner.0 == task) else { return };
                all.owners[at].1 = all.owners[at].1.saturating_sub(count);
                if all.owners[at].1 == 0 {
                    all.owners.remove(at);
                    all.owner_ids.remove(&task);
                }
            }),
            Event::Send { resource, length, capacity, .. } => {
                self.change_resource(resource, |channel| {
                    (channel.length, channel.capacity) = (Some(length), capacity);
                });
            }
            Event::Receive { resource, length, .. } => {
                self.change_resource(resource, |channel| channel.length = Some(length));
            }
            Event::Close { resource, is_gone: true } => {
                self.resources.remove(&resource);
            }
            Event::Close { resource, is_gone: false } => {
                self.change_resource(resource, |channel| channel.is_closed = true);
            }
            _ => {}
        }
    }

    fn name_resource(&mut self, resource: u64, kind: TextId, name: Option<TextId>) {
        if self.resources.contains_key(&resource) {
            self.change_resource(resource, |known| (known.kind, known.name) = (kind, name));
            return;
        }
        let new = LiveResource {
            kind,
            name,
            owners: Vec::new(),
            owner_ids: BTreeSet::new(),
            waiters: VecDeque::new(),
            length: None,
            capacity: None,
            is_closed: false,
        };
        self.resources.insert(resource, Arc::new(new));
    }

    /// Makes what a snapshot says consistent, as the fold keeps it: see [`State`].
    pub(crate) fn repair(&mut self) {
        let mut seen = BTreeSet::new();
        let tasks = &self.tasks;
        let mut is_first = |task: &u64, phase| {
            tasks.get(task).is_some_and(|known| known.phase == phase) && seen.insert(*task)
        };
        self.running.retain(|task| is_first(task, TaskPhase::Running));
        self.ready.retain(|task| is_first(task, TaskPhase::Ready));
        for (id, task) in &mut self.tasks {
            let task = Arc::make_mut(task);
            match task.scope.and_then(|scope| self.scopes.get_mut(&scope)) {
                Some(scope) => {
                    scope.children.insert(*id);
                }
                None => task.scope = None,
            }
            let is_in_scope = task.scope.is_some() && task.phase == TaskPhase::Ready;
            let is_listed = is_in_scope
                || matches!(task.phase, TaskPhase::Spawned | TaskPhase::Waiting)
                || seen.contains(id);
            if !is_listed {
                task.phase = TaskPhase::Waiting;
            }
        }
    }
}

//! The names of everything that a recording ever had, the last one of each: a sentence may be about a task that has
//! ended.

use std::collections::HashMap;

use crate::record::event::{Entry, Event};
use crate::record::printable::{printable, quoted};
use crate::record::tables::Tables;
use crate::record::values::{Awaited, TextId};

/// The names of tasks, resources and jobs, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Names {
    tasks: HashMap<u64, Option<TextId>>,
    /// How many tasks have a name.
    same_name: HashMap<TextId, u32>,
    resources: HashMap<u64, (TextId, Option<TextId>)>,
    jobs: HashMap<u64, TextId>,
    /// The tasks of timers.
    timers: HashMap<u64, u64>,
    /// The tasks that poll scopes.
    scopes: HashMap<u64, u64>,
}

impl Names {
    /// Takes the names in an event.
    pub(crate) fn add(&mut self, entry: &Entry) {
        match entry.event {
            Event::Spawn { task, name, .. } => self.add_task(task, name),
            Event::Resource { resource, kind, name } => {
                self.resources.insert(resource, (kind, name));
            }
            Event::Block { job, name: Some(name), .. } => {
                self.jobs.insert(job, name);
            }
            Event::TimerSet { timer, task, .. } => {
                self.timers.insert(timer, task);
            }
            Event::Scope { scope, task, is_open: true } => {
                self.scopes.insert(scope, task);
            }
            Event::Snapshot { ref state } => {
                state.tasks.iter().for_each(|(&id, task)| self.add_task(id, task.name));
                let resources = state.resources.iter();
                self.resources.extend(resources.map(|(&id, known)| (id, (known.kind, known.name))));
                let jobs = state.jobs.iter();
                self.jobs.extend(jobs.filter_map(|(&id, job)| Some((id, job.name?))));
                self.timers.extend(state.timers.iter().map(|(&id, timer)| (id, timer.task)));
                self.scopes.extend(state.scopes.iter().map(|(&id, scope)| (id, scope.task)));
            }
            _ => {}
        }
    }

    fn add_task(&mut self, task: u64, name: Option<TextId>) {
        let before = self.tasks.insert(task, name);
        if before != Some(name)
            && let Some(name) = name
        {
            *self.same_name.entry(name).or_default() += 1;
        }
    }

    pub(crate) fn name(&self, task: u64) -> Option<TextId> {
        self.tasks.get(&task).copied().flatten()
    }

    pub(crate) fn timer_task(&self, timer: u64) -> Option<u64> {
        self.timers.get(&timer).copied().filter(|&task| task != 0)
    }

    pub(crate) fn scope_task(&self, scope: u64) -> Option<u64> {
        self.scopes.get(&scope).copied().filter(|&task| task != 0)
    }

    /// Returns a task's name, with its id if other tasks have the same name, or "task 7".
    pub(crate) fn task(&self, tables: &Tables, task: u64) -> String {
        self.task_named(tables, task, self.name(task))
    }

    /// The same, of a task with this name.
    pub(crate) fn task_named(&self, tables: &Tables, task: u64, name: Option<TextId>) -> String {
        let name = name.map(|name| (name, tables.get_text(name)));
        let Some((id, name)) = name.filter(|(_, name)| !name.is_empty()) else {
            return format!("task {task}");
        };
        let name = printable(name);
        match self.same_name.get(&id) {
            Some(2..) => format!("{name} #{task}"),
            _ => name.to_string(),
        }
    }

    pub(crate) fn kind(&self, resource: u64) -> Option<TextId> {
        self.resources.get(&resource).map(|&(kind, _)| kind)
    }

    pub(crate) fn resource(&self, tables: &Tables, resource: u64) -> String {
        match self.resources.get(&resource) {
            Some(&(kind, name)) => named_resource(tables, resource, kind, name),
            None => format!("resource r{resource}"),
        }
    }

    pub(crate) fn job(&self, tables: &Tables, job: u64) -> String {
        named_job(tables, job, self.jobs.get(&job).copied())
    }

    /// Returns what something is called that a task waits for, by its last name.
    pub(crate) fn awaited(&self, tables: &Tables, on: Awaited) -> String {
        match on {
            Awaited::Task(task) => self.task(tables, task),
            Awaited::Timer(timer) => format!("timer {timer}"),
            Awaited::Resource(resource) => self.resource(tables, resource),
            Awaited::Scope(scope) => format!("scope s{scope}"),
            Awaited::Job(job) => self.job(tables, job),
            Awaited::Io(io) => format!("I/O {io}"),
        }
    }
}

/// Returns the kind and name of a resource: `mutex "db"`, or `mutex r7` if it has no name.
pub(crate) fn named_resource(
    tables: &Tables,
    resource: u64,
    kind: TextId,
    name: Option<TextId>,
) -> String {
    let kind = printable(tables.get_text(kind));
    match name {
        Some(name) => format!("{kind} {}", quoted(tables.get_text(name))),
        None => format!("{kind} r{resource}"),
    }
}

pub(crate) fn named_job(tables: &Tables, job: u64, name: Option<TextId>) -> String {
    match name {
        Some(name) => format!("job {}", quoted(tables.get_text(name))),
        None => format!("job {job}"),
    }
}

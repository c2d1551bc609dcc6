//! What sentences are made of: the names of tasks, timers, locks and texts.

use crate::record::names::{Names, named_job, named_resource};
use crate::record::printable::printable;
use crate::record::state::State;
use crate::record::tables::Tables;
use crate::record::values::{Actor, Awaited, TextId};

/// What sentences are made of: names, and the state just before the event.
///
/// The state is asked first, since a name may change in a run; it does not know what has ended.
pub(crate) struct Wording<'r> {
    pub(crate) tables: &'r Tables,
    pub(crate) names: &'r Names,
    pub(crate) state: &'r State,
}

impl Wording<'_> {
    pub(crate) fn task(&self, task: u64) -> String {
        match task {
            0 => "code outside the tasks".into(),
            task => self.names.task_named(self.tables, task, self.name(task)),
        }
    }

    /// Returns a task as the first words of a sentence: its name is not changed for that.
    pub(crate) fn subject(&self, task: u64) -> String {
        let name = self.task(task);
        let is_named = task != 0 && self.name(task).is_some_and(|name| !self.text(name).is_empty());
        if is_named { name } else { capitalized(&name) }
    }

    fn name(&self, task: u64) -> Option<TextId> {
        self.state.task(task).map_or_else(|| self.names.name(task), |known| known.name)
    }

    pub(crate) fn by(&self, by: Actor) -> String {
        match by {
            Actor::Task(task) => self.task(task),
            Actor::Timer(timer) => self.timer(timer),
            Actor::Remote => "another thread".into(),
            Actor::Io(io) => format!("I/O {io}"),
            Actor::Request => "a cancel request that was held back".into(),
            Actor::Outside => self.task(0),
        }
    }

    pub(crate) fn subject_by(&self, by: Actor) -> String {
        match by {
            Actor::Task(task) => self.subject(task),
            by => capitalized(&self.by(by)),
        }
    }

    /// Returns "timer 3 of main".
    pub(crate) fn timer(&self, timer: u64) -> String {
        match self.timer_task(timer) {
            Some(task) => format!("timer {timer} of {}", self.task(task)),
            None => format!("timer {timer}"),
        }
    }

    pub(crate) fn timer_task(&self, timer: u64) -> Option<u64> {
        match self.state.timers.get(&timer) {
            Some(known) => Some(known.task).filter(|&task| task != 0),
            None => self.names.timer_task(timer),
        }
    }

    /// Returns the kind and name of a resource: `mutex "db"`, or `mutex r7` if it has no name.
    pub(crate) fn resource(&self, resource: u64) -> String {
        match self.state.resource(resource) {
            Some(known) => named_resource(self.tables, resource, known.kind, known.name),
            None => self.names.resource(self.tables, resource),
        }
    }

    /// Returns the kind of a resource; empty if that is not known.
    pub(crate) fn kind(&self, resource: u64) -> &str {
        let known = self.state.resource(resource).map(|known| known.kind);
        known.or_else(|| self.names.kind(resource)).map_or("", |kind| self.text(kind))
    }

    pub(crate) fn scope(&self, scope: u64) -> String {
        let task = match self.state.scopes.get(&scope) {
            Some(known) => Some(known.task).filter(|&task| task != 0),
            None => self.names.scope_task(scope),
        };
        match task {
            Some(task) => format!("scope s{scope} of {}", self.task(task)),
            None => format!("scope s{scope}"),
        }
    }

    pub(crate) fn job(&self, job: u64) -> String {
        match self.state.jobs.get(&job) {
            Some(known) => named_job(self.tables, job, known.name),
            None => self.names.job(self.tables, job),
        }
    }

    /// Returns what something is called that a task waits for.
    pub(crate) fn awaited(&self, on: Awaited) -> String {
        match on {
            Awaited::Task(task) => self.task(task),
            Awaited::Timer(timer) => format!("timer {timer}"),
            Awaited::Resource(resource) => self.resource(resource),
            Awaited::Scope(scope) => format!("scope s{scope}"),
            Awaited::Job(job) => self.job(job),
            Awaited::Io(io) => format!("I/O {io}"),
        }
    }

    pub(crate) fn text(&self, text: TextId) -> &str {
        self.tables.get_text(text)
    }

    /// Returns a remark as its author wrote it, without control characters.
    pub(crate) fn remark(&self, text: TextId) -> String {
        printable(self.text(text)).to_string()
    }
}

/// Returns a text with a capital as its first letter.
pub(crate) fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().to_string() + rest.as_str())
}

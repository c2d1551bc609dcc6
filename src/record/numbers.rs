//! The numbers of a recording: timers, resources, scopes and jobs are numbered in the order in which they appear, since
//! the numbers of the scheduler are reused, and differ from run to run.

use std::collections::HashMap;
use std::mem;

use crate::kernel::Place;
use crate::record::values::Awaited;
use crate::report::{self, Awaited as Watched, Resource};

/// The numbers in the recording of what has other numbers in the scheduler.
#[derive(Default)]
pub(super) struct Numbers {
    timers: HashMap<u64, KnownTimer>,
    resources: HashMap<u32, (u64, Resource)>,
    scopes: HashMap<u32, u64>,
    /// With the task that waits for the job; 0 if none does.
    jobs: HashMap<u64, (u64, u64)>,
    last_timer: u64,
    last_resource: u64,
    last_scope: u64,
    last_job: u64,
}

/// A timer that is waited for.
#[derive(Clone, Copy)]
pub(super) struct KnownTimer {
    /// Its number in the recording.
    pub(super) number: u64,
    /// The task that waits for it; 0 if that is not known.
    pub(super) task: u64,
    pub(super) place: Place,
}

fn next(last: &mut u64) -> u64 {
    *last += 1;
    *last
}

impl Numbers {
    /// Returns the number of a resource, and whether the recording must be told what it is.
    pub(super) fn resource(
        &mut self,
        resource: report::ResourceId,
        what: &Resource,
    ) -> (u64, bool) {
        if let Some((number, known)) = self.resources.get_mut(&resource.0) {
            let is_new = known != what;
            if is_new {
                *known = what.clone();
            }
            return (*number, is_new);
        }
        let number = next(&mut self.last_resource);
        self.resources.insert(resource.0, (number, what.clone()));
        (number, true)
    }

    /// The number of a resource that was recorded before.
    pub(super) fn known_resource(&self, resource: report::ResourceId) -> Option<u64> {
        self.resources.get(&resource.0).map(|known| known.0)
    }

    pub(super) fn remove_resource(&mut self, resource: report::ResourceId) -> Option<u64> {
        self.resources.remove(&resource.0).map(|known| known.0)
    }

    /// The number of what a task waits for; `None` if the recording does not have it, as a job that another scheduler
    /// counts.
    pub(super) fn awaited(&self, on: Watched) -> Option<Awaited> {
        Some(match on {
            Watched::Task(task) => Awaited::Task(task.as_u64()),
            Watched::Resource(resource) => Awaited::Resource(self.known_resource(resource)?),
            Watched::Job(job) => Awaited::Job(self.jobs.get(&job.0)?.0),
        })
    }

    /// A task waits for a timer; returns the timer's number, and the task that waited for it before.
    pub(super) fn set_timer(
        &mut self,
        timer: report::TimerId,
        task: u64,
        place: Place,
    ) -> (u64, Option<u64>) {
        let before = self.timers.get(&timer.0).copied();
        let number = before.map_or_else(|| next(&mut self.last_timer), |known| known.number);
        self.timers.insert(timer.0, KnownTimer { number, task, place });
        (number, before.map(|known| known.task))
    }

    pub(super) fn remove_timer(&mut self, timer: report::TimerId) -> Option<KnownTimer> {
        self.timers.remove(&timer.0)
    }

    pub(super) fn scope(&mut self, scope: report::ScopeId) -> u64 {
        *self.scopes.entry(scope.0).or_insert_with(|| next(&mut self.last_scope))
    }

    pub(super) fn known_scope(&self, scope: report::ScopeId) -> Option<u64> {
        self.scopes.get(&scope.0).copied()
    }

    pub(super) fn remove_scope(&mut self, scope: report::ScopeId) -> Option<u64> {
        self.scopes.remove(&scope.0)
    }

    pub(super) fn job(&mut self, job: report::JobId) -> u64 {
        let number = next(&mut self.last_job);
        self.jobs.insert(job.0, (number, 0));
        number
    }

    /// A task waits for a job, or none does; returns the one that did before.
    pub(super) fn set_job_waiter(&mut self, job: report::JobId, task: u64) -> u64 {
        self.jobs.get_mut(&job.0).map_or(0, |known| mem::replace(&mut known.1, task))
    }

    /// Returns the job's number, and the task that waited for it.
    pub(super) fn remove_job(&mut self, job: report::JobId) -> Option<(u64, u64)> {
        self.jobs.remove(&job.0)
    }
}

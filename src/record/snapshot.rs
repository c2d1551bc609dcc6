//! The state as a line of the file has it, for the event `snapshot`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::id::Id;
use crate::record::state::{
    LiveJob, LiveResource, LiveScope, LiveTask, LiveTimer, LiveWait, State, TaskPhase,
};
use crate::record::tables::Tables;
use crate::record::values::{Ask, PlaceId, TextId};
use crate::record::words::{
    actor_text, awaited_text, phase_word, read_actor, read_awaited, read_phase, read_reason,
    read_resource, read_spot, reason_word, resource_text, spot_text,
};

/// A state. Lists that are empty and numbers that are 0 are left out.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StateLine {
    pub(crate) t: Id,
    pub(crate) turn: Id,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) running: Vec<Id>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ready: Vec<Id>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<TaskLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) timers: Vec<TimerLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) res: Vec<ResourceLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<ScopeLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) jobs: Vec<JobLine>,
    /// Whether the scheduler sleeps.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) parked: bool,
    /// Until when it sleeps, if not for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Id>,
    /// Why the run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TaskLine {
    pub(crate) task: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) woken: bool,
    #[serde(skip_serializing_if = "Id::is_zero")]
    pub(crate) turns: Id,
    #[serde(skip_serializing_if = "Id::is_zero")]
    pub(crate) last: Id,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits: Vec<WaitLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) requests: Vec<AskLine>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) clean_ups: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) masks: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spawned: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WaitLine {
    pub(crate) on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AskLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<String>,
    pub(crate) why: String,
    pub(crate) by: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TimerLine {
    pub(crate) timer: Id,
    #[serde(skip_serializing_if = "Id::is_zero")]
    pub(crate) task: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceLine {
    pub(crate) res: String,
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owners: Vec<OwnerLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiters: Vec<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) len: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) closed: bool,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OwnerLine {
    pub(crate) task: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<u32>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScopeLine {
    pub(crate) scope: Id,
    pub(crate) task: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct JobLine {
    pub(crate) job: Id,
    #[serde(skip_serializing_if = "Id::is_zero")]
    pub(crate) task: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<String>,
}

// `skip_serializing_if` passes references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// A time that may never come: `u64::MAX` is left out.
fn time(time: u64) -> Option<Id> {
    (time != u64::MAX).then_some(Id(time))
}

// ----- to the file -----

impl StateLine {
    pub(crate) fn of(tables: &Tables, state: &State) -> Self {
        let ids = |ids: &mut dyn Iterator<Item = &u64>| ids.map(|&id| Id(id)).collect();
        let name = |name: Option<TextId>| name.map(|name| tables.get_text(name).to_owned());
        let loc = |place: Option<PlaceId>| place.and_then(|place| spot_text(tables, place));
        StateLine {
            t: Id(state.time),
            turn: Id(state.turn),
            running: ids(&mut state.running.iter()),
            ready: ids(&mut state.ready.iter()),
            tasks: state.tasks.iter().map(|(&id, task)| TaskLine::of(tables, id, task)).collect(),
            timers: (state.timers.iter())
                .map(|(&id, timer)| TimerLine {
                    timer: Id(id),
                    task: Id(timer.task),
                    at: time(timer.at),
                    loc: loc(timer.place),
                })
                .collect(),
            res: (state.resources.iter())
                .map(|(&id, resource)| ResourceLine::of(tables, id, resource))
                .collect(),
            scopes: (state.scopes.iter())
                .map(|(&id, scope)| ScopeLine {
                    scope: Id(id),
                    task: Id(scope.task),
                    loc: loc(scope.place),
                })
                .collect(),
            jobs: (state.jobs.iter())
                .map(|(&id, job)| JobLine {
                    job: Id(id),
                    task: Id(job.task),
                    name: name(job.name),
                    loc: loc(job.place),
                })
                .collect(),
            parked: state.parked.is_some(),
            until: state.parked.and_then(time),
            why: state.ended.map(|why| reason_word(why).to_owned()),
        }
    }
}

impl TaskLine {
    fn of(tables: &Tables, id: u64, task: &LiveTask) -> Self {
        let loc = |place: Option<PlaceId>| place.and_then(|place| spot_text(tables, place));
        let wait = |wait: &LiveWait| WaitLine { on: awaited_text(wait.on), loc: loc(wait.place) };
        let ask = |ask: &Ask| AskLine {
            part: loc(ask.part),
            why: tables.get_text(ask.why).to_owned(),
            by: actor_text(ask.by, Some(id)).into_owned(),
        };
        TaskLine {
            task: Id(id),
            name: task.name.map(|name| tables.get_text(name).to_owned()),
            state: phase_word(task.phase).to_owned(),
            woken: task.is_woken,
            turns: Id(task.turns),
            last: Id(task.last_turn),
            waits: task.waits.iter().map(wait).collect(),
            requests: task.requests.iter().map(ask).collect(),
            clean_ups: task.clean_ups,
            masks: task.masks,
            scope: task.scope.map(Id),
            loc: loc(task.place),
            spawned: loc(task.spawned_at),
        }
    }
}

impl ResourceLine {
    fn of(tables: &Tables, id: u64, resource: &LiveResource) -> Self {
        let owner =
            |&(task, n): &(u64, u32)| OwnerLine { task: Id(task), n: (n != 1).then_some(n) };
        ResourceLine {
            res: resource_text(id),
            kind: tables.get_text(resource.kind).to_owned(),
            name: resource.name.map(|name| tables.get_text(name).to_owned()),
            owners: resource.owners.iter().map(owner).collect(),
            waiters: resource.waiters.iter().map(|&task| Id(task)).collect(),
            len: resource.length,
            cap: resource.capacity,
            closed: resource.is_closed,
        }
    }
}

// ----- from the file -----

impl StateLine {
    /// Reads a state. What it says of unknown kinds is left out, and the rest is made consistent.
    pub(crate) fn read(&self, tables: &mut Tables) -> State {
        let parked = self.until.map_or(u64::MAX, |Id(until)| until);
        let mut state = State {
            time: self.t.0,
            turn: self.turn.0,
            running: self.running.iter().map(|id| id.0).collect(),
            ready: self.ready.iter().map(|id| id.0).collect(),
            parked: self.parked.then_some(parked),
            ended: self.why.as_deref().and_then(read_reason),
            ..State::default()
        };
        for task in self.tasks.iter().filter(|task| task.task.0 != 0) {
            state.tasks.insert(task.task.0, Arc::new(task.read(tables)));
        }
        for timer in &self.timers {
            let at = timer.at.map_or(u64::MAX, |Id(at)| at);
            let place = read_place(tables, timer.loc.as_deref());
            state.timers.insert(timer.timer.0, LiveTimer { task: timer.task.0, at, place });
        }
        for resource in &self.res {
            if let Some(id) = read_resource(&resource.res) {
                state.resources.insert(id, Arc::new(resource.read(tables)));
            }
        }
        for scope in &self.scopes {
            let place = read_place(tables, scope.loc.as_deref());
            let scope_read = LiveScope { task: scope.task.0, children: BTreeSet::new(), place };
            state.scopes.insert(scope.scope.0, scope_read);
        }
        for job in &self.jobs {
            let name = job.name.as_deref().map(|name| tables.text(name));
            let place = read_place(tables, job.loc.as_deref());
            state.jobs.insert(job.job.0, LiveJob { task: job.task.0, name, place });
        }
        state.repair();
        state
    }
}

impl TaskLine {
    fn read(&self, tables: &mut Tables) -> LiveTask {
        let mut task = LiveTask {
            name: self.name.as_deref().map(|name| tables.text(name)),
            phase: read_phase(&self.state).unwrap_or(TaskPhase::Waiting),
            is_woken: self.woken,
            turns: self.turns.0,
            last_turn: self.last.0,
            place: read_place(tables, self.loc.as_deref()),
            spawned_at: read_place(tables, self.spawned.as_deref()),
            clean_ups: self.clean_ups,
            masks: self.masks,
            scope: self.scope.map(|Id(scope)| scope),
            ..LiveTask::default()
        };
        for wait in &self.waits {
            let Some(on) = read_awaited(&wait.on) else { continue };
            task.waits.push_back(LiveWait { on, place: read_place(tables, wait.loc.as_deref()) });
        }
        for ask in &self.requests {
            let (id, why) = (self.task.0, tables.text(&ask.why));
            let part = read_place(tables, ask.part.as_deref());
            task.requests.push(Ask { task: id, part, why, by: read_actor(Some(&ask.by), id) });
        }
        task
    }
}

impl ResourceLine {
    fn read(&self, tables: &mut Tables) -> LiveResource {
        LiveResource {
            kind: tables.text(&self.kind),
            name: self.name.as_deref().map(|name| tables.text(name)),
            owners: self.owners.iter().map(|owner| (owner.task.0, owner.n.unwrap_or(1))).collect(),
            owner_ids: self.owners.iter().map(|owner| owner.task.0).collect(),
            waiters: self.waiters.iter().map(|id| id.0).collect(),
            length: self.len,
            capacity: self.cap,
            is_closed: self.closed,
        }
    }
}

fn read_place(tables: &mut Tables, text: Option<&str>) -> Option<PlaceId> {
    read_spot(tables, text?)
}

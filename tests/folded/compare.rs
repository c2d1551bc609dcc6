//! The invariant that recordings rest on: what the events add up to is what a snapshot shows.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]
#![allow(dead_code, reason = "not every test program needs all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::Location;
use std::time::Duration;

use turnwise::Snapshot;
use turnwise::record::{
    Ask, Awaited, LiveJob, LiveTask, PlaceId, Recorder, Recording, Replay, State, TaskPhase,
};
use turnwise::scheduler::{BlockingJob, RequestHolder, TaskInfo, TaskState, WaitsFor};

/// Compares what was recorded so far with a snapshot that was taken after the latest turn.
///
/// # Panics
///
/// If they differ, with both.
pub(crate) fn assert_folds(recorder: &Recorder, snapshot: &Snapshot) {
    let recording = recorder.so_far();
    let mut replay = Replay::new(recording);
    replay.seek(replay.len());
    snapshot.tasks.iter().for_each(|task| assert_held(replay.state(), task));
    assert_scopes(&replay);
    let (folded, seen) = (folded(&replay, snapshot), seen(snapshot));
    if folded != seen {
        let steps = replay.steps().map(|step| format!("  {}: {step}\n", step.index));
        let steps: Vec<String> = steps.collect();
        let last = steps[steps.len().saturating_sub(60)..].concat();
        panic!("the events add up to\n{folded}\nand not to\n{seen}\nafter\n{last}\n{snapshot}");
    }
}

/// What holds the requests on a task was recorded: the snapshot has only those masks and clean-ups that hold one.
fn assert_held(state: &State, task: &TaskInfo) {
    let count = |is_it: fn(&RequestHolder) -> bool| {
        let each = task.requests.iter().map(|asked| asked.holders.iter().filter(|one| is_it(one)));
        u32::try_from(each.map(Iterator::count).max().unwrap_or(0)).unwrap()
    };
    let masks = count(|holder| matches!(holder, RequestHolder::Mask { .. }));
    let clean_ups = count(|holder| matches!(holder, RequestHolder::CleanUp { .. }));
    let known = state.task(task.label.id.as_u64());
    let held = known.map_or((0, 0), |task| (task.masks, task.clean_ups));
    assert!(held.0 >= masks && held.1 >= clean_ups, "{held:?} is recorded of {task:?}");
}

/// The graph of waits has each scope with children: the task that polls it waits for them.
fn assert_scopes(replay: &Replay) {
    let state = replay.state();
    let scopes = state.scopes.iter().filter(|(_, scope)| !scope.children.is_empty());
    let awaited: Vec<String> = scopes
        .filter(|(_, scope)| state.task(scope.task).is_some())
        .map(|(scope, _)| format!("label=\"scope s{scope}\""))
        .collect();
    if awaited.is_empty() {
        return;
    }
    let graph = replay.wait_diagram().to_dot();
    if !graph.contains(" more edges") {
        assert!(awaited.iter().all(|label| graph.contains(label)), "{awaited:?} in\n{graph}");
    }
}

/// Everything that a snapshot and a folded state have in common, as text.
struct Text {
    turn: u64,
    ready: Vec<u64>,
    /// By id.
    tasks: BTreeMap<u64, String>,
    timers: Vec<String>,
    jobs: Vec<String>,
}

impl Text {
    fn print(mut self) -> String {
        self.timers.sort();
        self.jobs.sort();
        let mut text = format!("turn {}, ready {:?}\n", self.turn, self.ready);
        let lines = self.tasks.values().chain(&self.timers).chain(&self.jobs);
        lines.for_each(|line| writeln!(text, "{line}").unwrap());
        text
    }
}

/// A deadline; one that has passed counts as now.
fn due(at: Option<Duration>) -> String {
    at.map_or("never".to_owned(), |at| format!("at {at:?}"))
}

// ----- the snapshot -----

fn seen(snapshot: &Snapshot) -> String {
    let now = snapshot.elapsed;
    let alive = snapshot.tasks.iter().filter(|task| task.state != TaskState::Finished);
    Text {
        turn: snapshot.turn,
        ready: snapshot.ready.iter().map(|task| task.id.as_u64()).collect(),
        tasks: alive.map(|task| (task.label.id.as_u64(), seen_task(now, task))).collect(),
        timers: (snapshot.timers.iter())
            .map(|timer| {
                let task = timer.task.as_ref().filter(|task| !task.is_elsewhere);
                let task = task.map_or(0, |task| task.id.as_u64());
                format!(
                    "timer of #{task}, {}, {}",
                    due(timer.left.map(|left| now + left)),
                    timer.place
                )
            })
            .collect(),
        jobs: snapshot.blocking.iter().map(seen_job).collect(),
    }
    .print()
}

/// A place as a recording has it: those of the standard library are somewhere else on each machine.
fn relative(place: &Location<'_>) -> String {
    let place = place.to_string();
    match place.find("/library/") {
        Some(at) => place[at + 1..].to_owned(),
        None => place,
    }
}

fn seen_job(job: &BlockingJob) -> String {
    format!("job {} {}", job.name.as_deref().unwrap_or("-"), job.place)
}

fn seen_task(now: Duration, task: &TaskInfo) -> String {
    let phase = match task.state {
        TaskState::Ready => "ready",
        TaskState::Running => "running",
        _ => "waiting",
    };
    let mut parts: Vec<String> =
        task.waits.iter().filter_map(|wait| seen_wait(now, wait)).collect();
    parts.extend(task.requests.iter().map(|request| {
        let part = request.part.map_or(String::new(), |part| format!(" at {part}"));
        format!("asked ({}){part}", request.reason)
    }));
    parts.push(format!("spawned {}", relative(task.spawned_at)));
    let name = task.label.name.as_deref().unwrap_or("-");
    line(task.label.id.as_u64(), name, phase, (task.turns, task.last_turn), &mut parts)
}

fn line(id: u64, name: &str, phase: &str, turns: (u64, u64), parts: &mut [String]) -> String {
    parts.sort();
    format!("#{id} {name} {phase}, {} turns, the last {}: {}", turns.0, turns.1, parts.join("; "))
}

/// Locks and permits, whose owners are those that hold them. Channels have others: the tasks that used their ends.
fn is_held(kind: &str) -> bool {
    ["mutex", "semaphore", "lock"].iter().any(|held| kind.contains(held))
}

fn seen_wait(now: Duration, wait: &WaitsFor) -> Option<String> {
    Some(match wait {
        WaitsFor::Join { task, .. } if task.is_elsewhere => return None,
        WaitsFor::Join { task, spawned_at, .. } => {
            format!("joins {}, spawned {}, at ?", task.id, relative(spawned_at))
        }
        WaitsFor::Sleep { left: time, place, .. } => {
            format!("sleeps {} {place}", due(time.map(|left| now + left)))
        }
        WaitsFor::Resource { resource, place, owners, .. } => {
            // The tasks of other schedulers have no numbers in the recording.
            let owners = owners.iter().filter(|owner| !owner.task.is_elsewhere);
            let mut held: Vec<u64> = owners.map(|owner| owner.task.id.as_u64()).collect();
            held.sort_unstable();
            held.dedup();
            if !is_held(resource.kind()) {
                held.clear();
            }
            let text = resource.to_string();
            let values = ["a message on ", "a change on ", "an item in ", "the "];
            let text = values.iter().find_map(|values| text.strip_prefix(values)).unwrap_or(&text);
            format!("{text} {place} of {held:?}")
        }
        WaitsFor::Children { count, place, .. } => format!("{count} children {place}"),
        WaitsFor::Blocking { job, .. } => format!("waits for {} at ?", seen_job(job)),
        _ => return None, // What holds a waker elsewhere is known to the snapshot only.
    })
}

// ----- the state -----

/// The tasks that may be about to end, since they were asked to and nothing can take the request. The recording keeps it
/// until their `done`, the snapshot has it no more.
fn ending(snapshot: &Snapshot) -> BTreeSet<u64> {
    let asked = |task: &&TaskInfo| task.requests.iter().any(|request| request.part.is_none());
    let tasks = snapshot.tasks.iter().filter(|task| task.state == TaskState::Ready);
    tasks.filter(|task| !asked(task)).map(|task| task.label.id.as_u64()).collect()
}

fn folded(replay: &Replay, snapshot: &Snapshot) -> String {
    let (state, recording, now) = (replay.state(), replay.recording(), snapshot.elapsed);
    let ending = ending(snapshot);
    Text {
        turn: state.turn,
        ready: state.ready.iter().copied().collect(),
        tasks: state
            .tasks
            .iter()
            .map(|(&id, task)| (id, folded_task(now, state, recording, &ending, (id, task))))
            .collect(),
        timers: (state.timers.values())
            .map(|timer| {
                let place = place(recording, timer.place);
                format!("timer of #{}, {}, {place}", timer.task, due(until(now, timer.at)))
            })
            .collect(),
        jobs: state.jobs.values().map(|job| folded_job(recording, job)).collect(),
    }
    .print()
}

fn folded_job(recording: &Recording, job: &LiveJob) -> String {
    let name = job.name.map_or("-", |name| recording.text(name));
    format!("job {name} {}", place(recording, job.place))
}

fn place(recording: &Recording, place: Option<PlaceId>) -> String {
    place.and_then(|place| recording.place(place)).map_or("?".to_owned(), |place| place.to_string())
}

fn until(now: Duration, at: u64) -> Option<Duration> {
    (at != u64::MAX).then(|| Duration::from_nanos(at).max(now))
}

fn folded_task(
    now: Duration,
    state: &State,
    recording: &Recording,
    ending: &BTreeSet<u64>,
    (id, task): (u64, &LiveTask),
) -> String {
    let phase = match task.phase {
        TaskPhase::Ready => "ready",
        TaskPhase::Running => "running",
        TaskPhase::Waiting => "waiting",
        TaskPhase::Spawned => "spawned",
        _ => "?",
    };
    let waits = task.waits.iter();
    let mut parts: Vec<String> =
        waits.filter_map(|wait| folded_wait(now, state, recording, wait.on, wait.place)).collect();
    for scope in state.scopes.values().filter(|scope| scope.task == id) {
        if !scope.children.is_empty() {
            let place = place(recording, scope.place);
            parts.push(format!("{} children {place}", scope.children.len()));
        }
    }
    let is_shown = |ask: &&Ask| ask.part.is_some() || !ending.contains(&id);
    parts.extend(task.requests.iter().filter(is_shown).map(|ask| {
        let part =
            ask.part.map_or(String::new(), |part| format!(" at {}", place(recording, Some(part))));
        format!("asked ({}){part}", recording.text(ask.why))
    }));
    parts.push(format!("spawned {}", place(recording, task.spawned_at)));
    let name = task.name.map_or("-", |name| recording.text(name));
    line(id, name, phase, (task.turns, task.last_turn), &mut parts)
}

fn folded_wait(
    now: Duration,
    state: &State,
    recording: &Recording,
    on: Awaited,
    at: Option<PlaceId>,
) -> Option<String> {
    Some(match on {
        Awaited::Task(task) => {
            let spawned = state.task(task).and_then(|task| task.spawned_at);
            let (spawned, at) = (place(recording, spawned), place(recording, at));
            format!("joins #{task}, spawned {spawned}, at {at}")
        }
        Awaited::Timer(timer) => {
            let Some(timer) = state.timers.get(&timer) else { return Some("no timer".to_owned()) };
            format!("sleeps {} {}", due(until(now, timer.at)), place(recording, timer.place))
        }
        Awaited::Resource(number) => {
            let Some(resource) = state.resource(number) else { return Some("nothing".to_owned()) };
            let kind = recording.text(resource.kind);
            let name = resource.name.map(|name| format!(" {:?}", recording.text(name)));
            let mut held: Vec<u64> = resource.owners.iter().map(|owner| owner.0).collect();
            held.sort_unstable();
            if !is_held(kind) {
                held.clear();
            }
            format!("{kind}{} {} of {held:?}", name.unwrap_or_default(), place(recording, at))
        }
        Awaited::Job(job) => match state.jobs.get(&job) {
            Some(job) => {
                let at = place(recording, at);
                format!("waits for {} at {at}", folded_job(recording, job))
            }
            None => "waits for no job".to_owned(),
        },
        _ => return None,
    })
}

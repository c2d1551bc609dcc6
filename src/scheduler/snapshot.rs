//! Inspecting a scheduler: what waits for what, the snapshot, and the deadlock report with its cycles.
//!
//! Each layer lists its waits in one plain call. Together they are the graph that is searched for cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::time::Duration;

use crate::kernel::{
    Board, Flags, Kernel, Key, Place, Slot, SlotState, TaskId, TaskKey, Waiter, find,
};
use crate::report::{
    self, BlockingJob, Cycle, DeadlockReport, Edges, Metrics, PendingRequest, Snapshot, Steps,
    StuckTask, TaskInfo, TaskLabel, TaskState, TimerInfo, Wait, WaitEdge, WaitsFor, cycles, label,
};
use crate::scheduler::parts::Layers;
use crate::sync::with_waits;

/// Collects all waits of a scheduler's tasks. Joins come from the slots, the rest from the layers.
fn edges(layers: &Layers, kernel: &Kernel) -> Edges {
    // First, and with nothing borrowed, since `describe` is user code.
    let mut waits: Vec<Wait> = Vec::new();
    report::waits(&mut |wait| waits.push(wait));
    waits.extend(with_waits(|waits| waits.all()));
    let board = kernel.board.borrow();
    let mut edges = Edges::new();
    let mut add =
        |task: Option<TaskKey>, waits: WaitsFor, holders: &mut dyn Iterator<Item = TaskKey>| {
            let Some(task) = task.filter(|task| is_alive(kernel, &board, *task)) else { return };
            let of_task = edges.entry(task.key.slot).or_default();
            let mut holders = holders.filter(|holder| is_alive(kernel, &board, *holder));
            let holder = holders.next().map(|holder| holder.key);
            of_task.push(WaitEdge { waits: waits.clone(), holder, is_extra: false });
            of_task.extend(holders.map(|holder| WaitEdge {
                waits: waits.clone(),
                holder: Some(holder.key),
                is_extra: true,
            }));
        };
    for (key, slot) in board.taskmap.tasks().filter(|(_, slot)| slot.is_alive()) {
        let joiner = slot.joiner.map(|joiner| TaskKey { scheduler: kernel.id, key: joiner });
        let foreign = board.taskmap.extra(key.slot).and_then(|extra| extra.joiner.as_ref());
        for joiner in [joiner, foreign.and_then(Waiter::task)].into_iter().flatten() {
            let Some(task) = label(&board, key) else { continue };
            let waits = WaitsFor::Join { task, spawned_at: slot.spawned_at };
            add(Some(joiner), waits, &mut iter::once(TaskKey { scheduler: kernel.id, key }));
        }
    }
    for PolledScope { poller, place, children } in polled_scopes(layers, kernel, &board) {
        let waits = WaitsFor::Children { count: children.len(), place };
        add(poller, waits, &mut children.into_iter());
    }
    if let Some(time) = layers.has_time() {
        time.waits(|left, task, place| {
            add(task, WaitsFor::Sleep { left, place }, &mut iter::empty());
        });
    }
    if let Some(jobs) = layers.has_jobs() {
        jobs.waits(|task, waits| add(task, waits, &mut iter::empty()));
    }
    for Wait { task, resource, place, owners: holders } in waits {
        let owners = holders
            .iter()
            .filter_map(|&(task, place)| Some((label_anywhere(kernel, &board, task)?, place)));
        let waits = WaitsFor::Resource { resource, place, owners: owners.collect() };
        add(task, waits, &mut holders.iter().map(|&(task, _)| task));
    }
    edges
}

/// A scope, as reports see it.
struct PolledScope {
    /// The task that polled it last.
    poller: Option<TaskKey>,
    place: Place,
    children: Vec<TaskKey>,
}

/// Returns the scopes of a scheduler that have unfinished children.
fn polled_scopes(layers: &Layers, kernel: &Kernel, board: &Board) -> Vec<PolledScope> {
    let Some(hosts) = layers.has_hosts() else { return Vec::new() };
    let mut polled_scopes: BTreeMap<u32, PolledScope> = BTreeMap::new();
    let is_child = |slot: &Slot| slot.is_alive() && slot.flags.has(Flags::ROUTED);
    for (key, _) in board.taskmap.tasks().filter(|(_, slot)| is_child(slot)) {
        let (queue, poller, place) = hosts.host_of(key.slot);
        let scope = polled_scopes.entry(queue).or_insert(PolledScope {
            poller,
            place,
            children: Vec::new(),
        });
        scope.children.push(TaskKey { scheduler: kernel.id, key });
    }
    polled_scopes.into_values().collect()
}

fn is_alive(kernel: &Kernel, board: &Board, task: TaskKey) -> bool {
    task.scheduler == kernel.id && board.taskmap.get(task.key).is_some_and(Slot::is_alive)
}

fn label_of_slot(board: &Board, slot: u32) -> Option<TaskLabel> {
    label(board, board.taskmap.at(slot).id()?.key(slot))
}

/// Returns the labels of tasks of this scheduler, for those that still have a slot.
pub(super) fn labels(kernel: &Kernel, ids: &[TaskId]) -> Vec<TaskLabel> {
    if ids.is_empty() {
        return Vec::new();
    }
    let board = kernel.board.borrow();
    let tasks = board.taskmap.tasks();
    let keys: BTreeMap<TaskId, Key> =
        tasks.filter_map(|(key, slot)| Some((slot.id()?, key))).collect();
    ids.iter().filter_map(|id| label(&board, *keys.get(id)?)).collect()
}

/// Returns the label of a task of any scheduler on this thread.
fn label_anywhere(kernel: &Kernel, board: &Board, task: TaskKey) -> Option<TaskLabel> {
    if task.scheduler == kernel.id {
        return label(board, task.key);
    }
    let other = find(task.scheduler)?;
    let board = other.board.try_borrow().ok()?;
    label(&board, task.key)
}

/// Returns the cancel requests in a task that have not had their effect yet.
fn requests_of(layers: &Layers, board: &Board, key: Key) -> Vec<PendingRequest> {
    let (Some(roots), Some(slot)) = (layers.roots.get(), board.taskmap.get(key)) else {
        return Vec::new();
    };
    roots.requests(key, slot.flags)
}

/// Returns what a task waits for. If no wait is known, that is something that holds its waker, or nothing at all. But a
/// task with a pending cancel request waits for what holds that.
fn waits_of(layers: &Layers, board: &Board, edges: &Edges, key: Key) -> Vec<WaitsFor> {
    let of_task = edges.get(&key.slot).into_iter().flatten();
    let known: Vec<WaitsFor> =
        of_task.filter(|edge| !edge.is_extra).map(|edge| edge.waits.clone()).collect();
    let Some(slot) = board.taskmap.get(key) else { return known };
    let is_left = slot.state == SlotState::Queued && board.ready.is_empty();
    if is_left
        && slot.flags.has(Flags::ROUTED)
        && let Some(hosts) = layers.has_hosts()
    {
        return vec![WaitsFor::Scope { place: hosts.host_of(key.slot).2 }];
    }
    if !known.is_empty() || slot.state != SlotState::Idle {
        return known;
    }
    match board.bells.clones(slot.bell) {
        0 if requests_of(layers, board, key).is_empty() => vec![WaitsFor::Nothing],
        0 => known,
        wakers => vec![WaitsFor::Foreign { wakers }],
    }
}

/// Returns what these tasks wait for now, for those that still have a slot.
pub(super) fn waits_of_tasks(
    layers: &Layers,
    kernel: &Kernel,
    ids: &[TaskId],
) -> Vec<(TaskId, Vec<WaitsFor>)> {
    if ids.is_empty() {
        return Vec::new();
    }
    let ids: BTreeSet<TaskId> = ids.iter().copied().collect();
    let edges = edges(layers, kernel);
    let board = kernel.board.borrow();
    let tasks = board.taskmap.tasks();
    let asked =
        tasks.filter_map(|(key, slot)| Some((slot.id().filter(|id| ids.contains(id))?, key)));
    asked.map(|(id, key)| (id, waits_of(layers, &board, &edges, key))).collect()
}

pub(super) fn snapshot(layers: &Layers, kernel: &Kernel) -> Snapshot {
    let edges = edges(layers, kernel);
    let elapsed = layers.time(kernel).clock.elapsed();
    let board = kernel.board.borrow();
    Snapshot {
        turn: board.turns,
        elapsed,
        ready: board.ready.iter().filter_map(|slot| label_of_slot(&board, slot)).collect(),
        tasks: task_infos(layers, &board, &edges),
        timers: timer_infos(layers, kernel, &board),
        blocking: blocking(layers),
    }
}

fn task_infos(layers: &Layers, board: &Board, edges: &Edges) -> Vec<TaskInfo> {
    let tasks = board.taskmap.tasks();
    let infos = tasks.filter_map(|(key, slot)| {
        Some(TaskInfo {
            label: label(board, key)?,
            state: match slot.state {
                SlotState::Queued => TaskState::Ready,
                SlotState::Turn | SlotState::Notified => TaskState::Running,
                SlotState::Idle => TaskState::Waiting,
                SlotState::Done => TaskState::Finished,
                SlotState::Vacant => return None,
            },
            waits: waits_of(layers, board, edges, key),
            requests: requests_of(layers, board, key),
            turns: slot.turns,
            last_turn: slot.last_turn,
            priority: slot.priority,
            spawned_at: slot.spawned_at,
        })
    });
    let mut infos: Vec<TaskInfo> = infos.collect();
    infos.sort_by_key(|info| info.label.id);
    infos
}

fn timer_infos(layers: &Layers, kernel: &Kernel, board: &Board) -> Vec<TimerInfo> {
    let mut infos: Vec<TimerInfo> = Vec::new();
    if let Some(time) = layers.has_time() {
        time.waits(|left, task, place| {
            let task = task.and_then(|task| label_anywhere(kernel, board, task));
            infos.push(TimerInfo { left, task, place });
        });
    }
    infos.sort_by_key(|timer| timer.left.unwrap_or(Duration::MAX));
    infos
}

fn blocking(layers: &Layers) -> Vec<BlockingJob> {
    layers.has_jobs().map_or_else(Vec::new, |jobs| jobs.open())
}

pub(super) fn metrics(layers: &Layers, kernel: &Kernel) -> Metrics {
    let board = kernel.board.borrow();
    Metrics {
        spawned: board.taskmap.spawned,
        alive: board.taskmap.alive(),
        ready: board.ready.iter().count(),
        timers: layers.has_time().map_or(0, |time| time.armed()),
        blocking: blocking(layers).len(),
        wakers_held: board.bells.kept_count(),
        turns: board.turns,
        parks: layers.parks.get(),
        letters: board.letters,
    }
}

/// Creates the report of why nothing can run.
pub(super) fn deadlock(layers: &Layers, kernel: &Kernel, certain: bool) -> DeadlockReport {
    let edges = edges(layers, kernel);
    let alive = kernel.alive(|_| true);
    let board = kernel.board.borrow();
    let cycles = cycles(&alive, &edges);
    DeadlockReport {
        turn: board.turns,
        alive: alive.len(),
        tasks: stuck_tasks(layers, &board, &edges, &alive, &cycles),
        cycles: cycles.iter().map(|steps| named_cycle(&board, steps)).collect(),
        certain,
        wakers_held: board.bells.all_clones(),
        remotes_held: layers.remotes(),
        blocking: blocking(layers),
    }
}

/// The tasks of a cycle come first: they are the cause, and the others only wait for them.
fn stuck_tasks(
    layers: &Layers,
    board: &Board,
    edges: &Edges,
    alive: &[Key],
    cycles: &[Steps],
) -> Vec<StuckTask> {
    let in_cycles = cycles.iter().flatten().map(|&(key, _)| key);
    let mut seen = BTreeSet::new();
    let order = in_cycles.chain(alive.iter().copied()).filter(|key| seen.insert(key.slot));
    let stuck = order.filter_map(|key| {
        let slot = board.taskmap.get(key)?;
        Some(StuckTask {
            label: label(board, key)?,
            waits: waits_of(layers, board, edges, key),
            requests: requests_of(layers, board, key),
            since: slot.last_turn,
            spawned_at: slot.spawned_at,
        })
    });
    stuck.collect()
}

fn named_cycle(board: &Board, steps: &Steps) -> Cycle {
    let named = |(key, waits): &(Key, WaitsFor)| Some((label(board, *key)?, waits.clone()));
    Cycle { steps: steps.iter().filter_map(named).collect() }
}

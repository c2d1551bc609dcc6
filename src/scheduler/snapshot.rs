//! Inspecting a scheduler: what waits for what, the snapshot, and the deadlock report with its cycles.
//!
//! Each layer lists its waits in one plain call. Together they are the graph that is searched for cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::kernel::{
    Board, Flags, Kernel, Key, Place, Slot, SlotState, TaskId, TaskKey, Waiter, schedulers,
};
use crate::report::{
    self, BlockingJob, ClockHold, Holder, HolderList, ListedOwners, Metrics, Owner, Ownership,
    PendingRequest, ResourceWait, ResourceWaits, Snapshot, TaskInfo, TaskLabel, TaskState,
    TimerInfo, WaitGraph, WaitsFor, label, label_anywhere,
};
use crate::scheduler::parts::Layers;
use crate::sync::with_waits;
use crate::time::TimerOrder;

/// Collects all waits of a scheduler's tasks.
pub(super) fn wait_graph(layers: &Layers, kernel: &Kernel) -> WaitGraph {
    wait_graph_of(layers, kernel, &|_| true)
}

/// Collects the waits of the wanted tasks. Joins come from the slots, the rest from the layers.
fn wait_graph_of(
    layers: &Layers,
    kernel: &Kernel,
    is_wanted: &dyn Fn(TaskKey) -> bool,
) -> WaitGraph {
    // First, and with nothing borrowed, since `describe` is user code.
    let mut resources = ResourceWaits::default();
    report::waits(&mut |wait| {
        if wait.task.is_some_and(is_wanted) {
            resources.add(wait);
        }
    });
    with_waits(|waits| waits.describe(&mut resources, is_wanted));
    let board = kernel.board.borrow();
    let mut graph = WaitGraph::new();
    add_joins(&mut graph, kernel, &board, is_wanted);
    let alive =
        |task: TaskKey| (is_wanted(task) && is_alive(kernel, &board, task)).then_some(task.key);
    let mut add = |task: Option<TaskKey>, waits: WaitsFor, holders: &[Key]| {
        let Some(task) = task.and_then(alive) else { return };
        let holders = holders.iter().map(|&task| Holder { task, is_assumed: false });
        let holders = graph.add_holders(holders, false);
        graph.add(task, waits, holders);
    };
    for PolledScope { poller, place, children } in polled_scopes(layers, &board) {
        add(poller, WaitsFor::Children { count: children.len(), place }, &children);
    }
    if let Some(time) = layers.has_time() {
        time.waits(|_, left, task, place| add(task, WaitsFor::Sleep { left, place }, &[]));
    }
    if let Some(jobs) = layers.has_jobs() {
        jobs.waits(|task, waits| add(task, waits, &[]));
    }
    add_resources(&mut graph, kernel, &board, resources);
    graph
}

/// Adds the joins of a scheduler's tasks, with tasks of its own or of another scheduler.
fn add_joins(
    graph: &mut WaitGraph,
    kernel: &Kernel,
    board: &Board,
    is_wanted: &dyn Fn(TaskKey) -> bool,
) {
    let mut add = |task: TaskLabel, slot: &Slot, joiner: TaskKey, holder: Option<Key>| {
        if is_alive(kernel, board, joiner) {
            let holder = holder.map(|task| Holder { task, is_assumed: false });
            let holders = graph.add_holders(holder.into_iter(), false);
            let waits = WaitsFor::Join { task, spawned_at: slot.spawned_at };
            graph.add(joiner.key, waits, holders);
        }
    };
    for (key, slot) in board.taskmap.tasks().filter(|(_, slot)| slot.is_alive()) {
        let joiner = slot.joiner.map(|joiner| TaskKey { scheduler: kernel.id, key: joiner });
        let joiners = [joiner, foreign_joiner(board, key)].into_iter().flatten();
        for joiner in joiners.filter(|&joiner| is_wanted(joiner)) {
            let Some(task) = label(board, key) else { continue };
            add(task, slot, joiner, Some(key));
        }
    }
    for other in schedulers().iter().filter(|other| other.id != kernel.id) {
        let Ok(others) = other.board.try_borrow() else { continue };
        for (key, slot) in others.taskmap.tasks().filter(|(_, slot)| slot.is_alive()) {
            let joiner = foreign_joiner(&others, key).filter(|&joiner| is_wanted(joiner));
            let Some(joiner) = joiner else { continue };
            let Some(task) = label(&others, key) else { continue };
            add(TaskLabel { is_elsewhere: true, ..task }, slot, joiner, None);
        }
    }
}

/// Returns the task that joins this one with another waker than its own, if it is known.
fn foreign_joiner(board: &Board, key: Key) -> Option<TaskKey> {
    board.taskmap.extra(key.slot)?.joiner.as_ref().and_then(Waiter::task)
}

/// Adds the waits for resources. Each list of owners is made once.
fn add_resources(graph: &mut WaitGraph, kernel: &Kernel, board: &Board, resources: ResourceWaits) {
    let mut lists: Vec<(HolderList, Arc<[Owner]>)> = Vec::new();
    for ListedOwners { owners, is_open } in &resources.owners {
        let alive = owners.iter().filter(|owner| is_alive(kernel, board, owner.task));
        let holders =
            alive.map(|owner| Holder { task: owner.task.key, is_assumed: owner.is_assumed() });
        // An owner that is not a task of this scheduler, or has given away what it owned, may be able to run.
        let is_elsewhere = |owner: &Ownership| !is_alive(kernel, board, owner.task);
        let is_open = *is_open || owners.iter().any(is_elsewhere);
        let list = graph.add_holders(holders, is_open);
        lists.push((list, owners.iter().map(|owner| owner_of(kernel, board, owner)).collect()));
    }
    for ResourceWait { task, resource, place, owners } in resources.waits {
        if is_alive(kernel, board, task) {
            let (holders, owners) = (lists[owners].0, Arc::clone(&lists[owners].1));
            graph.add(task.key, WaitsFor::Resource { resource, place, owners }, holders);
        }
    }
}

fn owner_of(kernel: &Kernel, board: &Board, owner: &Ownership) -> Owner {
    let (task, has_finished) = label_anywhere(kernel, board, owner.task);
    Owner { task, place: owner.place, has_finished, how: owner.how }
}

/// A scope, as reports see it.
struct PolledScope {
    /// The task that polled it last.
    poller: Option<TaskKey>,
    place: Place,
    children: Vec<Key>,
}

/// Returns the scopes of a scheduler that have unfinished children.
fn polled_scopes(layers: &Layers, board: &Board) -> Vec<PolledScope> {
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
        scope.children.push(key);
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
    let keys = keys_of(&board, ids);
    ids.iter().filter_map(|id| label(&board, *keys.get(id)?)).collect()
}

/// Returns the keys of these tasks, for those that still have a slot.
fn keys_of(board: &Board, ids: &[TaskId]) -> BTreeMap<TaskId, Key> {
    let ids: BTreeSet<TaskId> = ids.iter().copied().collect();
    let tasks = board.taskmap.tasks();
    let wanted =
        tasks.filter_map(|(key, slot)| Some((slot.id().filter(|id| ids.contains(id))?, key)));
    wanted.collect()
}

/// Returns the cancel requests in a task that have not had their effect yet.
pub(super) fn requests_of(layers: &Layers, board: &Board, key: Key) -> Vec<PendingRequest> {
    let (Some(roots), Some(slot)) = (layers.roots.get(), board.taskmap.get(key)) else {
        return Vec::new();
    };
    roots.requests(key, slot.flags)
}

/// Returns what a task waits for. If no wait is known, that is something that holds its waker, or nothing at all. But a
/// task with a pending cancel request waits for what holds that.
pub(super) fn waits_of(
    layers: &Layers,
    board: &Board,
    graph: &WaitGraph,
    key: Key,
) -> Vec<WaitsFor> {
    let known: Vec<WaitsFor> = graph.waits_of(key).cloned().collect();
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
    let keys = keys_of(&kernel.board.borrow(), ids);
    let slots: BTreeSet<u32> = keys.values().map(|key| key.slot).collect();
    let is_wanted = |task: TaskKey| slots.contains(&task.key.slot); // Perhaps of another scheduler: that is checked later.
    let graph = wait_graph_of(layers, kernel, &is_wanted);
    let board = kernel.board.borrow();
    keys.into_iter().map(|(id, key)| (id, waits_of(layers, &board, &graph, key))).collect()
}

pub(super) fn snapshot(layers: &Layers, kernel: &Kernel) -> Snapshot {
    let graph = wait_graph(layers, kernel);
    let elapsed = layers.time(kernel).clock.elapsed();
    let board = kernel.board.borrow();
    Snapshot {
        turn: board.turns,
        elapsed,
        ready: board.ready.iter().filter_map(|slot| label_of_slot(&board, slot)).collect(),
        tasks: task_infos(layers, &board, &graph),
        timers: timer_infos(layers, kernel, &board),
        blocking: blocking(layers),
        holds: holds(layers, kernel, &board, &graph),
    }
}

fn task_infos(layers: &Layers, board: &Board, graph: &WaitGraph) -> Vec<TaskInfo> {
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
            waits: waits_of(layers, board, graph, key),
            requests: requests_of(layers, board, key),
            parent: parent_of(layers, board, key, slot),
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

/// Returns the task that polls the scope of a child, if it is one of this scheduler.
fn parent_of(layers: &Layers, board: &Board, child: Key, slot: &Slot) -> Option<TaskId> {
    let is_child = slot.is_alive() && slot.flags.has(Flags::ROUTED);
    let hosts = layers.has_hosts().filter(|_| is_child)?;
    let parent = hosts.host_of(child.slot).1?;
    board.taskmap.get(parent.key)?.id()
}

fn timer_infos(layers: &Layers, kernel: &Kernel, board: &Board) -> Vec<TimerInfo> {
    let mut infos: Vec<(TimerOrder, TimerInfo)> = Vec::new();
    if let Some(time) = layers.has_time() {
        time.waits(|order, left, task, place| {
            let task = task.map(|task| label_anywhere(kernel, board, task).0);
            infos.push((order, TimerInfo { left, task, place }));
        });
    }
    infos.sort_unstable_by_key(|&(order, _)| order);
    infos.into_iter().map(|(_, info)| info).collect()
}

pub(super) fn blocking(layers: &Layers) -> Vec<BlockingJob> {
    layers.has_jobs().map_or_else(Vec::new, |jobs| jobs.open())
}

/// Returns the holds on the clock.
pub(super) fn holds(
    layers: &Layers,
    kernel: &Kernel,
    board: &Board,
    graph: &WaitGraph,
) -> Vec<ClockHold> {
    let made = layers.has_holds().map_or_else(Vec::new, |holds| holds.made_by());
    let is_sleep = |waits: &WaitsFor| matches!(waits, WaitsFor::Sleep { .. });
    let holds = made.into_iter().map(|(task, place)| {
        let label = task.map(|task| label_anywhere(kernel, board, task));
        let has_finished = label.as_ref().is_some_and(|(_, has_finished)| *has_finished);
        let own = task.filter(|task| task.scheduler == kernel.id && !has_finished);
        let waits_for_timer = own.is_some_and(|task| graph.waits_of(task.key).any(is_sleep));
        ClockHold { task: label.map(|(label, _)| label), place, has_finished, waits_for_timer }
    });
    holds.collect()
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

//! Reading the desk: who waits for what, the snapshot, and the deadlock report with its cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::time::Duration;

use crate::kernel::Marks;
use crate::kernel::thread;
use crate::kernel::{Board, Kernel};
use crate::kernel::{Doing, Slot};
use crate::kernel::{Key, TaskId, TaskKey};
use crate::report::{
    Cycle, DeadlockReport, Metrics, Place, Snapshot, StuckTask, TaskInfo, TaskLabel, TaskState,
    TimerInfo, WaitsFor,
};
use crate::report::{Wait, Waiter};
use crate::time::{NEVER, Nanos};

/// One arrow of the graph: a task waits for something, which perhaps another task holds.
struct Edge {
    waits: WaitsFor,
    holder: Option<Key>,
    /// One more arrow for a wait that was told of already: what it waits for has several holders.
    is_further: bool,
}

/// All arrows, by the task that waits. Keyed by the task's slot.
type Edges = BTreeMap<u32, Vec<Edge>>;

/// Collects all waits of a scheduler's tasks. Joins come from the slots, sleeps from the timers, and the
/// rest from whatever has registered itself on this thread.
fn edges(kernel: &Kernel) -> Edges {
    // Asked first and with nothing borrowed, since describing is code of the user's.
    let mut waits: Vec<Wait> = Vec::new();
    for waited in thread::all_waited() {
        waited.describe(&mut |wait| waits.push(wait));
    }
    waits.extend(thread::with_waits(|waits| waits.all()));
    let now = kernel.clock.now();
    let board = kernel.board.borrow();
    let mut edges = Edges::new();
    let mut add =
        |task: Option<TaskKey>, waits: WaitsFor, holders: &mut dyn Iterator<Item = TaskKey>| {
            let Some(task) = task.filter(|task| is_alive(kernel, &board, *task)) else { return };
            let of_task = edges.entry(task.key.slot).or_default();
            let mut holders = holders.filter(|holder| is_alive(kernel, &board, *holder));
            let holder = holders.next().map(|holder| holder.key);
            of_task.push(Edge { waits: waits.clone(), holder, is_further: false });
            of_task.extend(holders.map(|holder| Edge {
                waits: waits.clone(),
                holder: Some(holder.key),
                is_further: true,
            }));
        };
    for (key, slot) in board.taskmap.tenants().filter(|(_, slot)| slot.is_alive()) {
        let joiner = slot.joiner.map(|joiner| TaskKey::new(kernel.id, joiner));
        let foreign = board.taskmap.foreign_joiner(key.slot).and_then(Waiter::task);
        for joiner in [joiner, foreign].into_iter().flatten() {
            let Some(task) = label(&board, key) else { continue };
            let waits = WaitsFor::Join { task, spawned_at: slot.spawned_at };
            add(Some(joiner), waits, &mut iter::once(TaskKey::new(kernel.id, key)));
        }
    }
    for Family { poller, place, children } in families(kernel, &board) {
        let waits = WaitsFor::Children { count: children.len(), place };
        add(poller, waits, &mut children.into_iter());
    }
    for (deadline, sleeper, place) in board.timers.waits() {
        let left = time_left(deadline, now);
        add(sleeper.task(kernel.id), WaitsFor::Sleep { left, place }, &mut iter::empty());
    }
    for (task, waits) in kernel.job_waits() {
        add(task, waits, &mut iter::empty());
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

/// A scope, as far as reports are concerned.
struct Family {
    /// The task that polled it last.
    poller: Option<TaskKey>,
    place: Place,
    children: Vec<TaskKey>,
}

/// The scopes of a scheduler whose children are not all over.
fn families(kernel: &Kernel, board: &Board) -> impl Iterator<Item = Family> {
    let mut families: BTreeMap<u32, Family> = BTreeMap::new();
    let tenants = board.taskmap.tenants();
    for (key, _) in tenants.filter(|(_, slot)| slot.is_alive() && slot.marks.has(Marks::HOSTED)) {
        let (desk, poller, place) = board.hosting.host_of(key.slot);
        let family = families.entry(desk).or_insert(Family { poller, place, children: Vec::new() });
        family.children.push(TaskKey::new(kernel.id, key));
    }
    families.into_values()
}

/// How long until a deadline; `None` if that never comes, or is a length of time that has not begun.
fn time_left(deadline: Option<Nanos>, now: Nanos) -> Option<Duration> {
    let deadline = deadline.filter(|&deadline| deadline != NEVER)?;
    Some(Duration::from_nanos(deadline.saturating_sub(now)))
}

fn is_alive(kernel: &Kernel, board: &Board, task: TaskKey) -> bool {
    task.scheduler == kernel.id && board.taskmap.look(task.key).is_some_and(Slot::is_alive)
}

pub(crate) fn label(board: &Board, key: Key) -> Option<TaskLabel> {
    let slot = board.taskmap.look(key)?;
    let (name, is_root) = (board.taskmap.name(key.slot), slot.marks.has(Marks::MAIN));
    Some(TaskLabel { id: slot.id()?, name, is_root })
}

fn label_of_slot(board: &Board, slot: u32) -> Option<TaskLabel> {
    label(board, board.taskmap.key_of(slot)?)
}

/// The labels of tasks of this scheduler, for those that still have a slot.
pub(crate) fn labels(kernel: &Kernel, ids: &[TaskId]) -> Vec<TaskLabel> {
    if ids.is_empty() {
        return Vec::new();
    }
    let board = kernel.board.borrow();
    let tenants = board.taskmap.tenants();
    let keys: BTreeMap<TaskId, Key> =
        tenants.filter_map(|(key, slot)| Some((slot.id()?, key))).collect();
    ids.iter().filter_map(|id| label(&board, *keys.get(id)?)).collect()
}

/// The label of a task of any scheduler on this thread.
fn label_anywhere(kernel: &Kernel, board: &Board, task: TaskKey) -> Option<TaskLabel> {
    if task.scheduler == kernel.id {
        return label(board, task.key);
    }
    let other = thread::find(task.scheduler)?;
    let board = other.board.try_borrow().ok()?;
    label(&board, task.key)
}

/// The label of a task of any scheduler on this thread, asked from outside of all of them.
pub(crate) fn label_of(task: TaskKey) -> Option<TaskLabel> {
    let kernel = thread::find(task.scheduler)?;
    let board = kernel.board.try_borrow().ok()?;
    label(&board, task.key)
}

/// What a task waits for. If it is nothing that is known, then its waker, or nothing at all.
fn waits_of(board: &Board, edges: &Edges, key: Key) -> Vec<WaitsFor> {
    let of_task = edges.get(&key.slot).into_iter().flatten();
    let known: Vec<WaitsFor> =
        of_task.filter(|edge| !edge.is_further).map(|edge| edge.waits.clone()).collect();
    let Some(slot) = board.taskmap.look(key) else { return known };
    let is_left = slot.doing == Doing::Queued && board.ready.is_empty();
    if is_left && slot.marks.has(Marks::HOSTED) {
        return vec![WaitsFor::Scope { place: board.hosting.host_of(key.slot).2 }];
    }
    if !known.is_empty() || slot.doing != Doing::Idle {
        return known;
    }
    match board.bells.clones(slot.bell) {
        0 => vec![WaitsFor::Nothing],
        wakers => vec![WaitsFor::Foreign { wakers }],
    }
}

/// What these tasks wait for now; those that still have a slot.
pub(crate) fn waits_of_tasks(kernel: &Kernel, ids: &[TaskId]) -> Vec<(TaskId, Vec<WaitsFor>)> {
    if ids.is_empty() {
        return Vec::new();
    }
    let ids: BTreeSet<TaskId> = ids.iter().copied().collect();
    let edges = edges(kernel);
    let board = kernel.board.borrow();
    let tenants = board.taskmap.tenants();
    let asked =
        tenants.filter_map(|(key, slot)| Some((slot.id().filter(|id| ids.contains(id))?, key)));
    asked.map(|(id, key)| (id, waits_of(&board, &edges, key))).collect()
}

pub(crate) fn snapshot(kernel: &Kernel) -> Snapshot {
    let edges = edges(kernel);
    let now = kernel.clock.now();
    let board = kernel.board.borrow();
    Snapshot {
        turn: board.turns,
        elapsed: Duration::from_nanos(now),
        ready: board.ready.iter().filter_map(|slot| label_of_slot(&board, slot)).collect(),
        tasks: task_infos(&board, &edges),
        timers: timer_infos(kernel, &board, now),
        blocking: kernel.blocking_jobs(),
    }
}

fn task_infos(board: &Board, edges: &Edges) -> Vec<TaskInfo> {
    let tenants = board.taskmap.tenants();
    let infos = tenants.filter_map(|(key, slot)| {
        Some(TaskInfo {
            label: label(board, key)?,
            state: match slot.doing {
                Doing::Queued => TaskState::Ready,
                Doing::Turn | Doing::Again => TaskState::Running,
                Doing::Idle => TaskState::Waiting,
                Doing::Done => TaskState::Finished,
                Doing::Vacant => return None,
            },
            waits: waits_of(board, edges, key),
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

fn timer_infos(kernel: &Kernel, board: &Board, now: Nanos) -> Vec<TimerInfo> {
    let timers = board.timers.waits();
    let infos = timers.map(|(deadline, sleeper, place)| TimerInfo {
        left: time_left(deadline, now),
        task: sleeper.task(kernel.id).and_then(|task| label_anywhere(kernel, board, task)),
        place,
    });
    let mut infos: Vec<TimerInfo> = infos.collect();
    infos.sort_by_key(|timer| timer.left.unwrap_or(Duration::MAX));
    infos
}

pub(crate) fn metrics(kernel: &Kernel) -> Metrics {
    let board = kernel.board.borrow();
    Metrics {
        spawned: board.taskmap.spawned(),
        alive: board.taskmap.alive(),
        ready: board.ready.len(),
        timers: board.timers.armed(),
        blocking: kernel.blocking_jobs().len(),
        wakers_held: board.bells.kept_count(),
        turns: board.turns,
        parks: board.parks,
        letters: board.letters,
    }
}

/// Explains why nothing can run.
pub(crate) fn deadlock(kernel: &Kernel, certain: bool) -> DeadlockReport {
    let edges = edges(kernel);
    let board = kernel.board.borrow();
    let mut alive: Vec<(Option<TaskId>, Key)> = board
        .taskmap
        .tenants()
        .filter(|(_, slot)| slot.is_alive())
        .map(|(key, slot)| (slot.id(), key))
        .collect();
    alive.sort_unstable_by_key(|&(id, _)| id);
    let alive: Vec<Key> = alive.into_iter().map(|(_, key)| key).collect();
    let cycles = cycles(&alive, &edges);
    DeadlockReport {
        turn: board.turns,
        alive: alive.len(),
        tasks: stuck_tasks(&board, &edges, &alive, &cycles),
        cycles: cycles.iter().map(|steps| named_cycle(&board, steps)).collect(),
        certain,
        wakers_held: board.bells.all_clones(),
        remotes_held: kernel.mailbox.remotes(),
        blocking: kernel.blocking_jobs(),
    }
}

/// The tasks of a cycle come first: they are the reason, the others only wait for them.
fn stuck_tasks(board: &Board, edges: &Edges, alive: &[Key], cycles: &[Steps]) -> Vec<StuckTask> {
    let in_cycles = cycles.iter().flatten().map(|&(key, _)| key);
    let mut seen = BTreeSet::new();
    let order = in_cycles.chain(alive.iter().copied()).filter(|key| seen.insert(key.slot));
    let stuck = order.filter_map(|key| {
        let slot = board.taskmap.look(key)?;
        Some(StuckTask {
            label: label(board, key)?,
            waits: waits_of(board, edges, key),
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

/// A circle: each task with what it waits for, which the next one holds.
type Steps = Vec<(Key, WaitsFor)>;

/// Finds circles by walking along the arrows, depth first. A task that is met again while it is still on
/// the path closes a circle. The path is a vector, since a million tasks may wait in a row.
fn cycles(keys: &[Key], edges: &Edges) -> Vec<Steps> {
    let mut found = Vec::new();
    let mut done: BTreeSet<u32> = BTreeSet::new();
    for &start in keys {
        if done.contains(&start.slot) {
            continue;
        }
        // Each step: the task, and how many of its arrows were followed.
        let mut path: Vec<(Key, usize)> = vec![(start, 0)];
        let mut on_path = BTreeSet::from([start.slot]);
        while let Some((task, followed)) = path.last_mut() {
            let (task, number) = (*task, *followed);
            *followed += 1;
            let Some(edge) = edges.get(&task.slot).and_then(|edges| edges.get(number)) else {
                path.pop();
                on_path.remove(&task.slot);
                done.insert(task.slot);
                continue;
            };
            let Some(holder) = edge.holder else { continue };
            if on_path.contains(&holder.slot) {
                let closed = path.iter().skip_while(|(key, _)| key.slot != holder.slot);
                let steps = closed.filter_map(|&(key, followed)| {
                    let edge = edges.get(&key.slot)?.get(followed - 1)?;
                    Some((key, edge.waits.clone()))
                });
                found.push(steps.collect());
            } else if !done.contains(&holder.slot) {
                on_path.insert(holder.slot);
                path.push((holder, 0));
            }
        }
    }
    found
}

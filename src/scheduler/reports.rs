//! The report of a deadlock, with its cycles.

use std::collections::BTreeSet;

use crate::kernel::{Board, Kernel, Key, SlotState};
use crate::report::{
    Condition, Cycle, DeadlockReport, FoundCycle, StuckTask, WaitGraph, WaitsFor, label,
};
use crate::scheduler::parts::Layers;
use crate::scheduler::snapshot::{blocking, holds, requests_of, wait_graph, waits_of};

/// Creates the report of why nothing can run.
pub(super) fn deadlock(layers: &Layers, kernel: &Kernel, certain: bool) -> DeadlockReport {
    let graph = wait_graph(layers, kernel);
    let alive = kernel.alive(|_| true);
    report_of(layers, kernel, &graph, &alive, certain)
}

/// Creates the report of a root that waits for tasks which wait for each other, although other tasks may run; `None` if
/// that is not certain. The work grows with the number of tasks and waits.
pub(super) fn stuck_root(layers: &Layers, kernel: &Kernel, root: Key) -> Option<DeadlockReport> {
    let graph = wait_graph(layers, kernel);
    let alive = kernel.alive(|_| true);
    let stuck = graph.stuck(&alive, |task| may_run(&kernel.board.borrow(), task));
    stuck.contains(&root).then(|| report_of(layers, kernel, &graph, &stuck, false))
}

/// Returns whether a task is ready or running, or may be woken by something unknown.
fn may_run(board: &Board, task: Key) -> bool {
    let Some(slot) = board.taskmap.get(task) else { return true };
    slot.state != SlotState::Idle || board.bells.clones(slot.bell) > 0
}

/// Creates the report of these tasks.
fn report_of(
    layers: &Layers,
    kernel: &Kernel,
    graph: &WaitGraph,
    tasks: &[Key],
    certain: bool,
) -> DeadlockReport {
    let is_held = layers.is_clock_held();
    let board = kernel.board.borrow();
    let cycles = if certain {
        graph.cycles(tasks)
    } else {
        graph.cycles_of_stuck(tasks, |task| may_run(&board, task))
    };
    DeadlockReport {
        turn: board.turns,
        alive: board.taskmap.alive(),
        tasks: stuck_tasks(layers, &board, graph, tasks, &cycles),
        cycles: cycles.iter().map(|cycle| named_cycle(&board, cycle)).collect(),
        certain,
        wakers_held: board.bells.all_clones(),
        remotes_held: layers.remotes(),
        blocking: blocking(layers),
        holds: if is_held { holds(layers, kernel, &board, graph) } else { Vec::new() },
    }
}

/// The tasks of a cycle come first: they are the cause, and the others only wait for them. But not if it depends on an
/// assumption.
fn stuck_tasks(
    layers: &Layers,
    board: &Board,
    graph: &WaitGraph,
    tasks: &[Key],
    cycles: &[FoundCycle<'_>],
) -> Vec<StuckTask> {
    let certain = cycles.iter().filter(|cycle| cycle.condition == Condition::None);
    let in_cycles = certain.flat_map(|cycle| &cycle.steps).map(|&(key, _)| key);
    let mut seen = BTreeSet::new();
    let order = in_cycles.chain(tasks.iter().copied()).filter(|key| seen.insert(key.slot));
    let mut stuck = Vec::with_capacity(tasks.len());
    stuck.extend(order.filter_map(|key| {
        let slot = board.taskmap.get(key)?;
        Some(StuckTask {
            label: label(board, key)?,
            waits: waits_of(layers, board, graph, key),
            requests: requests_of(layers, board, key),
            since: slot.last_turn,
            spawned_at: slot.spawned_at,
        })
    }));
    stuck
}

fn named_cycle(board: &Board, cycle: &FoundCycle<'_>) -> Cycle {
    let named = |&(key, waits): &(Key, &WaitsFor)| Some((label(board, key)?, waits.clone()));
    let steps = cycle.steps.iter().filter_map(named).collect();
    Cycle { steps, others: cycle.others, condition: cycle.condition }
}

//! Cycles of tasks that wait for each other, found in the graph of all waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::Key;
use crate::report::wait::WaitsFor;

/// An edge of the graph: a task waits for something that another task may hold.
pub(crate) struct WaitEdge {
    pub(crate) waits: WaitsFor,
    pub(crate) holder: Option<Key>,
    /// A further edge of a wait that is already listed: what it waits for has several holders.
    pub(crate) is_extra: bool,
}

/// All edges, by the slot of the task that waits.
pub(crate) type Edges = BTreeMap<u32, Vec<WaitEdge>>;

/// A cycle: each task with what it waits for, which the next one holds.
pub(crate) type Steps = Vec<(Key, WaitsFor)>;

/// Finds cycles by a depth-first walk along the edges. A task that is reached again while it is still on the path
/// closes a cycle. The path is a vector and not the stack, since a million tasks may wait in a row.
pub(crate) fn cycles(keys: &[Key], edges: &Edges) -> Vec<Steps> {
    let mut found = Vec::new();
    let mut done: BTreeSet<u32> = BTreeSet::new();
    for &start in keys {
        if done.contains(&start.slot) {
            continue;
        }
        // Each step: the task, and how many of its edges were followed.
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

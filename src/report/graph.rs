//! The waits of all tasks as a graph, and the cycles in it.
//!
//! An edge leads from a task to each wait of it, and from there to each task that holds what is waited for. The waits
//! for one resource share the list of its holders. So the graph, and the work of searching it, grow with the number of
//! tasks and waits, also if thousands of tasks hold permits of one semaphore and thousands wait for them.

use std::iter;

use crate::kernel::Key;
use crate::report::digraph::{CycleSearch, Digraph};
use crate::report::wait::WaitsFor;

/// What the tasks of a scheduler wait for, and which tasks hold it.
pub(crate) struct WaitGraph {
    waits: Vec<ListedWait>,
    /// By the slot of the task that waits: its first and its last wait in `waits`.
    of_slots: Vec<Option<(usize, usize)>>,
    /// By list: where its holders start in `holders`. One more entry ends the last list.
    starts: Vec<usize>,
    /// By list: whether something else may also end the waits.
    is_open: Vec<bool>,
    holders: Vec<Holder>,
}

struct ListedWait {
    waits: WaitsFor,
    holders: HolderList,
    /// The next wait of the same task.
    next: Option<usize>,
}

/// A task that holds what others wait for.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) task: Key,
    /// It may have given away what it holds.
    pub(crate) is_assumed: bool,
}

/// A list of holders in a graph.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HolderList(usize);

impl HolderList {
    /// The list of what no task holds.
    pub(crate) const EMPTY: HolderList = HolderList(0);
}

/// A cycle: each task with what it waits for, which the next one holds.
pub(crate) struct FoundCycle<'g> {
    pub(crate) steps: Vec<(Key, &'g WaitsFor)>,
    /// How many other tasks are in cycles with these.
    pub(crate) others: usize,
}

impl WaitGraph {
    pub(crate) fn new() -> Self {
        let (waits, of_slots, holders) = (Vec::new(), Vec::new(), Vec::new());
        WaitGraph { waits, of_slots, starts: vec![0, 0], is_open: vec![true], holders }
    }

    /// Adds a list of holders. It is open if something else may also end the waits for what they hold.
    pub(crate) fn add_holders(
        &mut self,
        holders: impl Iterator<Item = Holder>,
        is_open: bool,
    ) -> HolderList {
        let before = self.holders.len();
        self.holders.extend(holders);
        if self.holders.len() == before {
            return HolderList::EMPTY;
        }
        self.starts.push(self.holders.len());
        self.is_open.push(is_open);
        HolderList(self.starts.len() - 2)
    }

    /// Adds a wait of a task, for what these tasks hold.
    pub(crate) fn add(&mut self, task: Key, waits: WaitsFor, holders: HolderList) {
        let (slot, number) = (task.slot as usize, self.waits.len());
        if slot >= self.of_slots.len() {
            self.of_slots.resize(slot + 1, None);
        }
        let first = match self.of_slots[slot] {
            Some((first, last)) => {
                self.waits[last].next = Some(number);
                first
            }
            None => number,
        };
        self.of_slots[slot] = Some((first, number));
        self.waits.push(ListedWait { waits, holders, next: None });
    }

    fn of(&self, task: Key) -> impl Iterator<Item = &ListedWait> {
        let first = self.of_slots.get(task.slot as usize).copied().flatten();
        let first = first.map(|(first, _)| &self.waits[first]);
        iter::successors(first, |listed| Some(&self.waits[listed.next?]))
    }

    /// Returns what a task waits for.
    pub(crate) fn waits_of(&self, task: Key) -> impl Iterator<Item = &WaitsFor> {
        self.of(task).map(|listed| &listed.waits)
    }

    /// Returns a cycle for each set of tasks that are in cycles with each other: the shortest one.
    ///
    /// First those whose tasks certainly have acquired what they hold; then those that depend on an assumption, if no
    /// task of them is in one of the others.
    pub(crate) fn cycles(&self, tasks: &[Key]) -> Vec<FoundCycle<'_>> {
        let mut is_shown = vec![false; tasks.len()];
        let mut found = self.search(tasks, &mut is_shown, |holder| !holder.is_assumed);
        if self.holders.iter().any(|holder| holder.is_assumed) {
            found.extend(self.search(tasks, &mut is_shown, |_| true));
        }
        found
    }

    /// Returns the tasks that only others of them can wake: each waits, and everything that it waits for is held by
    /// others of them alone. So each is in a cycle, or behind one. `may_run` returns `true` for a task that may run
    /// whatever it waits for.
    ///
    /// If a task waits for several things, or for something that several tasks hold, one of these is assumed to be
    /// enough. So none of the tasks is missing that can run, as by a timeout.
    pub(crate) fn stuck(&self, tasks: &[Key], may_run: impl Fn(Key) -> bool) -> Vec<Key> {
        let is_free = |&task: &Key| self.of(task).next().is_none() || may_run(task);
        let free = (0..).zip(tasks).filter(|(_, task)| is_free(task)).map(|(number, _)| number);
        let lists = (0..).zip(&self.is_open).filter(|(_, is_open)| **is_open);
        let open = lists.filter_map(|(list, _)| node_of(tasks, HolderList(list)));
        let may_go_on = self.digraph(tasks, |_| true).leading_to(free.chain(open).collect());
        let stuck = tasks.iter().zip(may_go_on).filter(|(_, may_go_on)| !may_go_on);
        stuck.map(|(&task, _)| task).collect()
    }

    /// Searches for cycles through these holders. Marks the tasks that are in cycles, and passes over the sets that
    /// have a task which was marked before.
    fn search(
        &self,
        tasks: &[Key],
        is_shown: &mut [bool],
        is_meant: impl Fn(&Holder) -> bool,
    ) -> Vec<FoundCycle<'_>> {
        let graph = self.digraph(tasks, is_meant);
        let mut search = CycleSearch::new(&graph);
        let mut found = Vec::new();
        for component in graph.cyclic_components() {
            // The nodes of tasks have the lowest numbers.
            let of_tasks =
                component.iter().copied().take_while(|&node| (node as usize) < tasks.len());
            let count = of_tasks.clone().count();
            if of_tasks.clone().any(|task| is_shown[task as usize]) {
                continue;
            }
            of_tasks.clone().for_each(|task| is_shown[task as usize] = true);
            let steps = self.steps(tasks, &search.shortest(&component, of_tasks));
            found.push(FoundCycle { others: count - steps.len(), steps });
        }
        found
    }

    /// The tasks are the first nodes, in this order, and the lists of holders are the others.
    fn digraph(&self, tasks: &[Key], is_meant: impl Fn(&Holder) -> bool) -> Digraph {
        let slots = tasks.iter().map(|task| task.slot as usize + 1).max().unwrap_or(0);
        let mut numbers: Vec<Option<u32>> = vec![None; slots];
        for (number, task) in (0..).zip(tasks) {
            numbers[task.slot as usize] = Some(number);
        }
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for (number, &task) in (0..).zip(tasks) {
            let lists = self.of(task).map(|listed| listed.holders);
            edges.extend(lists.filter_map(|list| Some((number, node_of(tasks, list)?))));
        }
        for (list, range) in self.starts.windows(2).enumerate() {
            let Some(node) = node_of(tasks, HolderList(list)) else { continue };
            let holders = self.holders[range[0]..range[1]].iter().filter(|holder| is_meant(holder));
            let numbers = holders.filter_map(|holder| *numbers.get(holder.task.slot as usize)?);
            edges.extend(numbers.map(|number| (node, number)));
        }
        Digraph::new(tasks.len() + self.starts.len() - 1, &edges)
    }

    /// Translates a cycle of nodes, which starts with a task.
    fn steps(&self, tasks: &[Key], cycle: &[u32]) -> Vec<(Key, &WaitsFor)> {
        let pairs = cycle.chunks_exact(2);
        let steps = pairs.filter_map(|pair| {
            let task = *tasks.get(pair[0] as usize)?;
            let list = HolderList((pair[1] as usize).checked_sub(tasks.len())?);
            let listed = self.of(task).find(|listed| listed.holders == list)?;
            Some((task, &listed.waits))
        });
        steps.collect()
    }
}

/// Returns the node of a list of holders, after those of the tasks.
fn node_of(tasks: &[Key], list: HolderList) -> Option<u32> {
    u32::try_from(tasks.len() + list.0).ok()
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: usize) -> Key {
        Key::from_word((1 << 32) + number as u64)
    }

    /// The waits of a task: the number of the list of holders that each is for.
    type Waits = Vec<usize>;

    /// Whether each task may run, by repetition: a task may run if it waits for nothing, or if one of the tasks that
    /// hold something that it waits for may run.
    fn may_run(tasks: &[(Waits, bool)], lists: &[(Vec<usize>, bool)]) -> Vec<bool> {
        let mut runs: Vec<bool> =
            tasks.iter().map(|(waits, runs)| waits.is_empty() || *runs).collect();
        for _ in 0..tasks.len() {
            for (number, (waits, _)) in tasks.iter().enumerate() {
                runs[number] |= waits.iter().any(|&list| {
                    let (holders, is_open) = &lists[list];
                    *is_open || holders.is_empty() || holders.iter().any(|&holder| runs[holder])
                });
            }
        }
        runs
    }

    proptest! {
        #[test]
        fn tasks_are_stuck_that_only_stuck_tasks_can_wake(
            (tasks, lists) in (1_usize..8, 1_usize..6).prop_flat_map(|(tasks, lists)| {
                let waits = prop::collection::vec(0..lists, 0..3);
                let holders = prop::collection::vec(0..tasks, 0..3);
                (
                    prop::collection::vec((waits, prop::bool::weighted(0.1)), tasks),
                    prop::collection::vec((holders, prop::bool::weighted(0.1)), lists),
                )
            }),
        ) {
            let mut graph = WaitGraph::new();
            let numbers: Vec<HolderList> = lists.iter().map(|(holders, is_open)| {
                let holders = holders.iter().map(|&task| {
                    Holder { task: key(task), is_assumed: false }
                });
                graph.add_holders(holders, *is_open)
            }).collect();
            for (number, (waits, _)) in tasks.iter().enumerate() {
                for &list in waits {
                    graph.add(key(number), WaitsFor::Nothing, numbers[list]);
                }
            }
            let keys: Vec<Key> = (0..tasks.len()).map(key).collect();
            let stuck = graph.stuck(&keys, |task| tasks[task.slot as usize].1);
            let runs = may_run(&tasks, &lists);
            let expected: Vec<Key> = keys.iter().filter(|key| !runs[key.slot as usize]).copied().collect();
            prop_assert!(stuck == expected);
            // Each of them is in a cycle or behind one.
            prop_assert_eq!(stuck.is_empty(), graph.cycles(&stuck).is_empty());
        }
    }
}

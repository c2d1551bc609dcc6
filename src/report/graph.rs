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
        WaitGraph { waits, of_slots, starts: vec![0, 0], holders }
    }

    /// Adds a list of holders.
    pub(crate) fn add_holders(&mut self, holders: impl Iterator<Item = Holder>) -> HolderList {
        let before = self.holders.len();
        self.holders.extend(holders);
        if self.holders.len() == before {
            return HolderList::EMPTY;
        }
        self.starts.push(self.holders.len());
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
        let node_of = |list: HolderList| u32::try_from(tasks.len() + list.0).ok();
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for (number, &task) in (0..).zip(tasks) {
            let lists = self.of(task).map(|listed| listed.holders);
            edges.extend(lists.filter_map(|list| Some((number, node_of(list)?))));
        }
        for (list, range) in self.starts.windows(2).enumerate() {
            let Some(node) = node_of(HolderList(list)) else { continue };
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

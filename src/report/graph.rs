//! The waits of all tasks as a graph, and the cycles in it.
//!
//! An edge leads from a task to each wait of it, and from there to each task that holds what is waited for. The waits
//! for one resource share the list of its holders. So the graph, and the work of searching it, grow with the number of
//! tasks and waits, also if thousands of tasks hold permits of one semaphore and thousands wait for them.

use std::collections::HashSet;
use std::iter;

use crate::kernel::Key;
use crate::report::Digraph;
use crate::report::deadlock::Condition;
use crate::report::digraph::CycleSearch;
use crate::report::wait::WaitsFor;

/// What the tasks of a scheduler wait for, and which tasks hold it.
pub(crate) struct WaitGraph {
    waits: Vec<ListedWait>,
    /// By the slot of the task that waits: its first and its last wait in `waits`.
    of_slots: Vec<Option<(usize, usize)>>,
    /// By list: where its holders start in `holders`. One more entry ends the last list.
    starts: Vec<usize>,
    /// By list: what else may end the waits.
    others: Vec<Others>,
    holders: Vec<Holder>,
}

/// What may end the waits for something besides the tasks that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nothing.
    Nothing,
    /// A task to which an assumed holder has given what it held.
    NewHolders,
    /// Something unknown.
    Unknown,
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
    pub(crate) condition: Condition,
}

impl WaitGraph {
    pub(crate) fn new() -> Self {
        let (waits, of_slots, holders) = (Vec::new(), Vec::new(), Vec::new());
        WaitGraph { waits, of_slots, starts: vec![0, 0], others: vec![Others::Unknown], holders }
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
        self.others.push(match is_open {
            true => Others::Unknown,
            false if self.holders[before..].iter().any(|holder| holder.is_assumed) => {
                Others::NewHolders
            }
            false => Others::Nothing,
        });
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

    /// Returns a cycle for each group of tasks that are in cycles with each other, if nothing can run.
    ///
    /// First those whose tasks certainly have acquired what they hold. Then, among the other tasks, those that depend on
    /// an assumption.
    pub(crate) fn cycles(&self, tasks: &[Key]) -> Vec<FoundCycle<'_>> {
        self.cycles_among(tasks, tasks, Condition::OneOfEach)
    }

    /// Returns the cycles of those tasks that can only be woken by each other: see [`stuck`](WaitGraph::stuck).
    pub(crate) fn cycles_of_stuck(
        &self,
        tasks: &[Key],
        may_run: impl Fn(Key) -> bool,
    ) -> Vec<FoundCycle<'_>> {
        let stuck = self.stuck(tasks, &may_run);
        self.cycles_among(&stuck, &self.stuck_if_kept(tasks, may_run), Condition::All)
    }

    /// Searches for cycles among the tasks that are certainly stuck; then for cycles that depend on an assumption, among
    /// the tasks that are stuck if it is true.
    fn cycles_among(
        &self,
        stuck: &[Key],
        stuck_if_kept: &[Key],
        condition: Condition,
    ) -> Vec<FoundCycle<'_>> {
        let mut in_cycles = HashSet::new();
        let mut found =
            self.search(stuck, Condition::None, &mut in_cycles, |holder| !holder.is_assumed);
        if self.holders.iter().any(|holder| holder.is_assumed) {
            let mut rest = stuck_if_kept.to_vec();
            rest.retain(|task| !in_cycles.contains(&task.slot));
            found.extend(self.search(&rest, condition, &mut in_cycles, |_| true));
        }
        found
    }

    /// Returns the tasks that only others of them can wake: each waits, and everything that it waits for is held by
    /// others of them alone. So each is in a cycle, or behind one. `may_run` returns `true` for a task that may run
    /// whatever it waits for.
    ///
    /// If a task waits for several things, or for something that several tasks hold, one of these is assumed to be
    /// enough: the OR model of deadlocks in E. Knapp, *Deadlock detection in distributed databases*, ACM Computing
    /// Surveys 19 (1987). So none of the tasks is missing that can run, as by a timeout; but if all of these are needed,
    /// a deadlock is found only once none of their holders can run.
    pub(crate) fn stuck(&self, tasks: &[Key], may_run: impl Fn(Key) -> bool) -> Vec<Key> {
        self.stuck_unless(tasks, may_run, |others| others != Others::Nothing)
    }

    /// The same, if all assumed holders have kept what they held; but a task that waits for several things is not stuck
    /// if that depends on more assumptions than a cycle shows.
    fn stuck_if_kept(&self, tasks: &[Key], may_run: impl Fn(Key) -> bool) -> Vec<Key> {
        let is_assumed = |listed: &ListedWait| self.others[listed.holders.0] == Others::NewHolders;
        let may_run = |task| {
            may_run(task) || (self.of(task).nth(1).is_some() && self.of(task).any(is_assumed))
        };
        self.stuck_unless(tasks, may_run, |others| others == Others::Unknown)
    }

    fn stuck_unless(
        &self,
        tasks: &[Key],
        may_run: impl Fn(Key) -> bool,
        is_open: impl Fn(Others) -> bool,
    ) -> Vec<Key> {
        let is_free = |&task: &Key| self.of(task).next().is_none() || may_run(task);
        let free = (0..).zip(tasks).filter(|(_, task)| is_free(task)).map(|(number, _)| number);
        let lists = (0..).zip(&self.others).filter(|(_, others)| is_open(**others));
        let open = lists.filter_map(|(list, _)| node_of(tasks, HolderList(list)));
        let may_go_on = self.digraph(tasks, |_| true).leading_to(free.chain(open).collect());
        let stuck = tasks.iter().zip(may_go_on).filter(|(_, may_go_on)| !may_go_on);
        stuck.map(|(&task, _)| task).collect()
    }

    /// Searches for cycles of these tasks through these holders. Adds the slots of all tasks that are in cycles.
    fn search(
        &self,
        tasks: &[Key],
        condition: Condition,
        in_cycles: &mut HashSet<u32>,
        is_meant: impl Fn(&Holder) -> bool,
    ) -> Vec<FoundCycle<'_>> {
        let graph = self.digraph(tasks, is_meant);
        let mut search = CycleSearch::new(&graph);
        let mut found = Vec::new();
        for component in graph.cyclic_components() {
            // The nodes of tasks have the lowest numbers.
            let of_tasks =
                component.iter().copied().take_while(|&node| (node as usize) < tasks.len());
            in_cycles.extend(of_tasks.clone().map(|task| tasks[task as usize].slot));
            let count = of_tasks.clone().count();
            let steps = self.steps(tasks, &search.shortest(&component, of_tasks));
            found.push(FoundCycle { others: count - steps.len(), steps, condition });
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
    /// A list of holders: the tasks, and whether each is assumed; and whether something else may end the waits.
    type List = (Vec<(usize, bool)>, bool);

    /// Whether each task may run, by repetition: a task may run if it waits for nothing, or if one of the tasks that
    /// hold something that it waits for may run. Or else because an assumed holder has given that away.
    fn may_run(tasks: &[(Waits, bool)], lists: &[List], are_kept: bool) -> Vec<bool> {
        let is_assumed = |&list: &usize| lists[list].0.iter().any(|&(_, is_assumed)| is_assumed);
        let is_free = |(waits, runs): &(Waits, bool)| {
            let has_others = are_kept && waits.len() > 1 && waits.iter().any(is_assumed);
            waits.is_empty() || *runs || has_others
        };
        let mut runs: Vec<bool> = tasks.iter().map(is_free).collect();
        for _ in 0..tasks.len() {
            for (number, (waits, _)) in tasks.iter().enumerate() {
                runs[number] |= waits.iter().any(|list| {
                    let (holders, is_open) = &lists[*list];
                    let is_open = *is_open || holders.is_empty() || (!are_kept && is_assumed(list));
                    is_open || holders.iter().any(|&(holder, _)| runs[holder])
                });
            }
        }
        runs
    }

    fn program() -> impl Strategy<Value = (Vec<(Waits, bool)>, Vec<List>)> {
        (1_usize..8, 1_usize..6).prop_flat_map(|(tasks, lists)| {
            let waits = prop::collection::vec(0..lists, 0..3);
            let holders = prop::collection::vec((0..tasks, prop::bool::weighted(0.2)), 0..3);
            (
                prop::collection::vec((waits, prop::bool::weighted(0.1)), tasks),
                prop::collection::vec((holders, prop::bool::weighted(0.1)), lists),
            )
        })
    }

    proptest! {
        #[test]
        fn tasks_are_stuck_that_only_stuck_tasks_can_wake((tasks, lists) in program()) {
            let mut graph = WaitGraph::new();
            let numbers: Vec<HolderList> = lists.iter().map(|(holders, is_open)| {
                let holders = holders.iter().map(|&(task, is_assumed)| {
                    Holder { task: key(task), is_assumed }
                });
                graph.add_holders(holders, *is_open)
            }).collect();
            for (number, (waits, _)) in tasks.iter().enumerate() {
                for &list in waits {
                    graph.add(key(number), WaitsFor::Nothing, numbers[list]);
                }
            }
            let keys: Vec<Key> = (0..tasks.len()).map(key).collect();
            let runs = |task: Key| tasks[task.slot as usize].1;
            let stuck_by_model = |are_kept| -> Vec<Key> {
                let runs = may_run(&tasks, &lists, are_kept);
                keys.iter().filter(|key| !runs[key.slot as usize]).copied().collect()
            };
            let (stuck, stuck_if_kept) = (graph.stuck(&keys, runs), graph.stuck_if_kept(&keys, runs));
            prop_assert!(stuck == stuck_by_model(false));
            prop_assert!(stuck_if_kept == stuck_by_model(true));
            // Each of them is in a cycle or behind one.
            prop_assert_eq!(stuck.is_empty(), graph.cycles(&stuck).is_empty());
            let cycles = graph.cycles_of_stuck(&keys, runs);
            prop_assert_eq!(cycles.is_empty(), stuck.is_empty() && stuck_if_kept.is_empty());
            for FoundCycle { steps, condition, .. } in cycles {
                let among = if condition == Condition::None { &stuck } else { &stuck_if_kept };
                prop_assert!(steps.iter().all(|(task, _)| among.contains(task)));
            }
        }
    }
}

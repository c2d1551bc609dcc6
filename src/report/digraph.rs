//! Directed graphs: which nodes are in cycles, and a short cycle among them, in linear time.

use std::collections::VecDeque;
use std::mem;

/// A directed graph; its nodes are numbered from 0.
pub(crate) struct Digraph {
    /// By node: where its edges start in `targets`. One more entry ends the last node's.
    starts: Vec<usize>,
    targets: Vec<u32>,
}

/// Not a node.
const NO_NODE: u32 = u32::MAX;

impl Digraph {
    /// Creates a graph. The edges of each node keep their order.
    pub(crate) fn new(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let mut starts = vec![0; nodes + 1];
        for &(from, _) in edges {
            starts[from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut ends = starts.clone();
        let mut targets = vec![0; edges.len()];
        for &(from, to) in edges {
            let end = &mut ends[from as usize];
            targets[*end] = to;
            *end += 1;
        }
        Digraph { starts, targets }
    }

    fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the nodes that edges lead to from here.
    fn next(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.starts[node]..self.starts[node + 1]]
    }

    /// Returns, by node, whether it is one of these nodes or has a path to one.
    pub(crate) fn leading_to(&self, nodes: Vec<u32>) -> Vec<bool> {
        let from = (0..self.nodes()).map(node_number);
        let edges = from.flat_map(|from| self.next(from).iter().map(move |&to| (to, from)));
        let back = Digraph::new(self.nodes(), &edges.collect::<Vec<_>>());
        let mut leads = vec![false; self.nodes()];
        let mut open = nodes;
        while let Some(node) = open.pop() {
            if !mem::replace(&mut leads[node as usize], true) {
                open.extend_from_slice(back.next(node));
            }
        }
        leads
    }

    /// Returns the strongly connected components that have a cycle, each sorted, in the order of their lowest nodes.
    ///
    /// By the algorithm in R. Tarjan, *Depth-first search and linear graph algorithms*, SIAM Journal on Computing 1
    /// (1972). The path is a vector and not the stack, since a million tasks may wait in a row.
    pub(crate) fn cyclic_components(&self) -> Vec<Vec<u32>> {
        let mut search = ComponentSearch::new(self.nodes());
        for node in 0..self.nodes() {
            search.walk(self, node_number(node));
        }
        search
            .components
            .retain(|nodes| nodes.len() > 1 || self.next(nodes[0]).contains(&nodes[0]));
        search.components.iter_mut().for_each(|nodes| nodes.sort_unstable());
        search.components.sort_unstable_by_key(|nodes| nodes[0]);
        search.components
    }
}

fn node_number(node: usize) -> u32 {
    u32::try_from(node).expect("memory runs out before the numbers do")
}

/// A walk along the edges, depth first.
struct ComponentSearch {
    /// By node: its number in the order of the walk; 0 if it was not reached yet, [`NO_NODE`] once it is in a
    /// component.
    order: Vec<u32>,
    /// By node: the lowest such number that is known to be reachable from it, among nodes in no component yet.
    lowest: Vec<u32>,
    reached: u32,
    /// The nodes that were reached and are in no component yet.
    open: Vec<u32>,
    components: Vec<Vec<u32>>,
}

impl ComponentSearch {
    fn new(nodes: usize) -> Self {
        let (order, lowest) = (vec![0; nodes], vec![0; nodes]);
        ComponentSearch { order, lowest, reached: 0, open: Vec::new(), components: Vec::new() }
    }

    fn reach(&mut self, node: u32) {
        self.reached += 1;
        self.order[node as usize] = self.reached;
        self.lowest[node as usize] = self.reached;
        self.open.push(node);
    }

    fn lower(&mut self, node: u32, to: u32) {
        let lowest = &mut self.lowest[node as usize];
        *lowest = to.min(*lowest);
    }

    /// Walks to everything that can be reached from a node, unless it was reached already.
    fn walk(&mut self, graph: &Digraph, start: u32) {
        if self.order[start as usize] != 0 {
            return;
        }
        self.reach(start);
        // Each step: the node, and how many of its edges were followed.
        let mut path = vec![(start, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            if let Some(&to) = graph.next(node).get(*followed) {
                *followed += 1;
                match self.order[to as usize] {
                    0 => {
                        self.reach(to);
                        path.push((to, 0));
                    }
                    NO_NODE => {}
                    order => self.lower(node, order),
                }
                continue;
            }
            path.pop();
            let lowest = self.lowest[node as usize];
            if lowest == self.order[node as usize] {
                self.close(node);
            }
            if let Some(&(before, _)) = path.last() {
                self.lower(before, lowest);
            }
        }
    }

    /// Makes a component of the nodes that were reached since this one, and are still in none.
    fn close(&mut self, first: u32) {
        let start = self.open.iter().rposition(|&node| node == first).unwrap_or(0);
        let component = self.open.split_off(start);
        for &node in &component {
            self.order[node as usize] = NO_NODE;
        }
        self.components.push(component);
    }
}

// ----- short cycles -----

/// Searches components for their shortest cycles.
pub(crate) struct CycleSearch<'g> {
    graph: &'g Digraph,
    /// By node: the component that is being searched, if the node is in it.
    component: Vec<u32>,
    /// By node: the last search that has reached it, and the node that it came from.
    reached: Vec<(u32, u32)>,
    searches: u32,
    /// Of the current component: how many more edges may be followed.
    left: usize,
}

/// How many edges may be followed in a component of any size; and in addition, for each of its nodes.
const EDGES: usize = 100_000;
const EDGES_PER_NODE: usize = 16;

impl<'g> CycleSearch<'g> {
    pub(crate) fn new(graph: &'g Digraph) -> Self {
        let nodes = graph.nodes();
        let (component, reached) = (vec![NO_NODE; nodes], vec![(0, NO_NODE); nodes]);
        CycleSearch { graph, component, reached, searches: 0, left: 0 }
    }

    /// Returns the shortest cycle of a component. It starts with its lowest node; of several, it is the one with the
    /// lowest such node among `starts`, which must include a node of every cycle.
    ///
    /// The shortest cycle through one node takes a breadth-first search, and through all nodes one for each. So that
    /// the work stays linear, no further search starts in a large component once the first ones have followed some
    /// edges for each node: then it is the shortest cycle through the nodes that were tried.
    pub(crate) fn shortest(
        &mut self,
        component: &[u32],
        starts: impl Iterator<Item = u32>,
    ) -> Vec<u32> {
        for &node in component {
            self.component[node as usize] = component[0];
        }
        self.left = EDGES + EDGES_PER_NODE * component.len();
        let mut best: Vec<u32> = Vec::new();
        for start in starts {
            let limit = if best.is_empty() { usize::MAX } else { best.len() };
            if let Some(shorter) = self.through(start, limit) {
                best = shorter;
            }
            if self.left == 0 {
                break;
            }
        }
        best
    }

    /// Returns the shortest cycle through a node, if it has fewer nodes than `limit`.
    fn through(&mut self, start: u32, limit: usize) -> Option<Vec<u32>> {
        self.searches += 1;
        self.reached[start as usize] = (self.searches, NO_NODE);
        let mut queue = VecDeque::from([(start, 1)]);
        while let Some((node, length)) = queue.pop_front() {
            if length >= limit {
                return None;
            }
            let next = self.graph.next(node);
            self.left = self.left.saturating_sub(next.len());
            for &to in next
                .iter()
                .filter(|&&to| self.component[to as usize] == self.component[start as usize])
            {
                if to == start {
                    return Some(self.path_to(node));
                }
                if self.reached[to as usize].0 != self.searches {
                    self.reached[to as usize] = (self.searches, node);
                    queue.push_back((to, length + 1));
                }
            }
        }
        None
    }

    /// Returns the nodes from the start of the search to this one.
    fn path_to(&self, node: u32) -> Vec<u32> {
        let before =
            |&node: &u32| Some(self.reached[node as usize].1).filter(|&node| node != NO_NODE);
        let mut path: Vec<u32> = std::iter::successors(Some(node), before).collect();
        path.reverse();
        path
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The length of the shortest way from each node to each, by Floyd and Warshall's algorithm.
    fn distances(nodes: usize, edges: &[(u32, u32)]) -> Vec<Vec<usize>> {
        let mut all = vec![vec![usize::MAX / 2; nodes]; nodes];
        for &(from, to) in edges {
            all[from as usize][to as usize] = 1;
        }
        for through in 0..nodes {
            for from in 0..nodes {
                for to in 0..nodes {
                    all[from][to] = all[from][to].min(all[from][through] + all[through][to]);
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn components_and_shortest_cycles_are_those_of_the_definition(
            (nodes, edges) in (1_u32..9).prop_flat_map(|nodes| {
                (Just(nodes), prop::collection::vec((0..nodes, 0..nodes), 0..20))
            }),
        ) {
            let graph = Digraph::new(nodes as usize, &edges);
            let far = distances(nodes as usize, &edges);
            let is_way = |from: u32, to: u32| far[from as usize][to as usize] < usize::MAX / 2;
            let components = graph.cyclic_components();
            let in_cycles: Vec<u32> = (0..nodes).filter(|&node| is_way(node, node)).collect();
            let mut found: Vec<u32> = components.concat();
            found.sort_unstable();
            prop_assert_eq!(found, in_cycles);
            let mut search = CycleSearch::new(&graph);
            for component in &components {
                let first = component[0];
                let together: Vec<u32> =
                    (0..nodes).filter(|&node| is_way(first, node) && is_way(node, first)).collect();
                prop_assert_eq!(component, &together);
                let cycle = search.shortest(component, component.iter().copied());
                let shortest = component.iter().map(|&node| far[node as usize][node as usize]).min();
                prop_assert_eq!(Some(cycle.len()), shortest);
                let next = cycle.iter().cycle().skip(1);
                prop_assert!(cycle.iter().zip(next).all(|(&from, &to)| edges.contains(&(from, to))));
            }
        }
    }
}

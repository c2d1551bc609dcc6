//! What tasks wait for, and which tasks hold it, as a graph in DOT or Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::record::readers::escape::{dot, mermaid};
use crate::record::replay::Replay;
use crate::record::state::State;
use crate::record::values::Awaited;
use crate::report::Digraph;

/// What tasks wait for, and which tasks hold it, at one moment: a picture of a graph, as [`Replay::wait_diagram`] returns
/// it.
///
/// An edge leads from a task to what it waits for, and from there to the tasks that hold it, or that must end. An edge in
/// a cycle is bold: such tasks wait for each other.
#[derive(Clone, Debug)]
#[must_use = "it is drawn by `to_dot` or `to_mermaid`"]
pub struct WaitDiagram {
    nodes: Vec<WaitNode>,
    edges: Vec<WaitEdge>,
    /// How many more edges there are.
    more: usize,
}

#[derive(Clone, Debug)]
struct WaitNode {
    label: String,
    is_task: bool,
}

#[derive(Clone, Copy, Debug)]
struct WaitEdge {
    from: usize,
    to: usize,
    is_in_cycle: bool,
}

/// There are at most this many edges: a larger graph cannot be read, and Mermaid refuses it.
const MOST_EDGES: usize = 400;

impl Replay {
    /// Returns a picture of what the tasks wait for at the position. Of a large graph, it has the edges in cycles first,
    /// and 400 in all.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Awaited, Recorder, Replay};
    ///
    /// let recorder = Recorder::new();
    /// recorder.resource(1, "mutex", "db");
    /// recorder.spawn(1, "A", Actor::Outside);
    /// recorder.spawn(2, "B", Actor::Outside);
    /// recorder.acquire(1, 1, 1);
    /// recorder.wait(2, Awaited::Resource(1));
    ///
    /// let mut replay = Replay::new(recorder.finish());
    /// replay.seek(replay.len());
    /// let expected = r#"digraph waits {
    ///   rankdir=LR;
    ///   n0 [label="B", shape=ellipse];
    ///   n1 [label="mutex \"db\"", shape=box];
    ///   n2 [label="A", shape=ellipse];
    ///   n0 -> n1;
    ///   n1 -> n2;
    /// }
    /// "#;
    /// assert_eq!(replay.wait_diagram().to_dot(), expected);
    /// ```
    #[doc(alias = "wait-for graph")]
    pub fn wait_diagram(&self) -> WaitDiagram {
        let (keys, edges) = graph(self.state());
        let pairs: Vec<(u32, u32)> =
            edges.iter().map(|&(from, to)| (short(from), short(to))).collect();
        let mut components = vec![None; keys.len()];
        for (number, component) in
            Digraph::new(keys.len(), &pairs).cyclic_components().iter().enumerate()
        {
            component.iter().for_each(|&node| components[node as usize] = Some(number));
        }
        let with_cycle = |&(from, to): &(usize, usize)| {
            let is_in_cycle = components[from].is_some() && components[from] == components[to];
            WaitEdge { from, to, is_in_cycle }
        };
        let mut edges: Vec<WaitEdge> = edges.iter().map(with_cycle).collect();
        let more = edges.len().saturating_sub(MOST_EDGES);
        if more > 0 {
            edges.sort_by_key(|edge| !edge.is_in_cycle);
            edges.truncate(MOST_EDGES);
        }
        self.diagram(&keys, edges, more)
    }

    /// Numbers the nodes that the edges have, in the order in which they need them.
    fn diagram(&self, keys: &[Awaited], mut edges: Vec<WaitEdge>, more: usize) -> WaitDiagram {
        let (mut nodes, mut numbers) = (Vec::new(), vec![None; keys.len()]);
        let mut number = |key: usize| {
            *numbers[key].get_or_insert_with(|| {
                let is_task = matches!(keys[key], Awaited::Task(_));
                nodes.push(WaitNode { label: self.awaited_label(keys[key]), is_task });
                nodes.len() - 1
            })
        };
        for edge in &mut edges {
            (edge.from, edge.to) = (number(edge.from), number(edge.to));
        }
        WaitDiagram { nodes, edges, more }
    }
}

/// Returns the nodes, and the edges by their numbers.
fn graph(state: &State) -> (Vec<Awaited>, Vec<(usize, usize)>) {
    let (mut keys, mut numbers) = (Vec::new(), BTreeMap::new());
    let mut number = |key: Awaited| {
        *numbers.entry(key).or_insert_with(|| {
            keys.push(key);
            keys.len() - 1
        })
    };
    let (mut edges, mut seen, mut expanded) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let scopes = state.scope_waits();
    for (&task, known) in &state.tasks {
        let scopes = scopes.get(&task).into_iter().flatten().copied();
        for on in known.waits.iter().map(|wait| wait.on).chain(scopes) {
            let (from, to) = (number(Awaited::Task(task)), number(on));
            if seen.insert((from, to)) {
                edges.push((from, to));
            }
            if expanded.insert(on) {
                let holders = holders(state, on).into_iter();
                edges.extend(holders.map(|holder| (to, number(Awaited::Task(holder)))));
            }
        }
    }
    (keys, edges)
}

/// Returns the tasks on which the end of a wait depends, other than a task that is waited for itself.
pub(crate) fn holders(state: &State, on: Awaited) -> Vec<u64> {
    match on {
        Awaited::Resource(resource) => {
            let owners = state.resource(resource).map_or(&[][..], |resource| &resource.owners);
            owners.iter().map(|owner| owner.0).filter(|&task| task != 0).collect()
        }
        Awaited::Scope(scope) => {
            let children = state.scopes.get(&scope).map(|scope| scope.children.iter().copied());
            children.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// Returns whether there are any [`holders`].
pub(crate) fn has_holders(state: &State, on: Awaited) -> bool {
    match on {
        Awaited::Resource(resource) => {
            let owners = state.resource(resource).map_or(&[][..], |resource| &resource.owners);
            owners.iter().any(|owner| owner.0 != 0)
        }
        Awaited::Scope(scope) => {
            state.scopes.get(&scope).is_some_and(|scope| !scope.children.is_empty())
        }
        _ => false,
    }
}

fn short(node: usize) -> u32 {
    u32::try_from(node).expect("memory runs out before the numbers do")
}

impl WaitDiagram {
    /// Returns the graph in DOT, the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut text = "digraph waits {\n  rankdir=LR;\n".to_owned();
        for (number, node) in self.nodes.iter().enumerate() {
            let shape = if node.is_task { "ellipse" } else { "box" };
            let _ = writeln!(text, "  n{number} [label={}, shape={shape}];", dot(&node.label));
        }
        for edge in &self.edges {
            let style = if edge.is_in_cycle { " [style=bold, color=\"#b42318\"]" } else { "" };
            let _ = writeln!(text, "  n{} -> n{}{style};", edge.from, edge.to);
        }
        if self.more > 0 {
            let _ = writeln!(text, "  more [label=\"{} more edges\", shape=plaintext];", self.more);
        }
        text + "}\n"
    }

    /// Returns the graph in Mermaid, as a flowchart.
    pub fn to_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (number, node) in self.nodes.iter().enumerate() {
            let label = mermaid(&node.label);
            let _ = if node.is_task {
                writeln!(text, "  n{number}([\"{label}\"])")
            } else {
                writeln!(text, "  n{number}[\"{label}\"]")
            };
        }
        for edge in &self.edges {
            let arrow = if edge.is_in_cycle { "==>" } else { "-->" };
            let _ = writeln!(text, "  n{} {arrow} n{}", edge.from, edge.to);
        }
        if self.more > 0 {
            let _ = writeln!(text, "  more[\"{} more edges\"]", self.more);
        }
        text
    }
}

//! The await tree: which task waits for what, and what that waits for.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::record::printable::span;
use crate::record::readers::waits_for::{has_holders, holders};
use crate::record::replay::Replay;
use crate::record::state::{LiveTimer, State};
use crate::record::values::Awaited;
use crate::record::words::phase_word;

/// The await tree at one moment, as [`Replay::await_tree`] returns it. `Display` prints it: below a task, what it waits
/// for, and below that the tasks that hold it.
///
/// A task is a root if no other task waits for it, or only in a cycle. A task is printed once with what is below it. The
/// tree is printed to a depth of 50, and 1000 lines of it.
///
/// The await tree of a scheduler that lives is [`scheduler::AwaitTree`](crate::scheduler::AwaitTree).
#[derive(Clone, Copy, Debug)]
#[must_use = "it prints itself"]
pub struct AwaitTree<'r> {
    replay: &'r Replay,
}

impl Replay {
    /// Returns the await tree at the position.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Recording, Replay};
    ///
    /// let file = r#"{"turnwise":1}
    /// {"e":"spawn","task":1,"name":"main"}
    /// {"e":"spawn","task":2,"name":"A"}
    /// {"e":"spawn","task":3,"name":"B"}
    /// {"e":"res","res":"r1","kind":"mutex","name":"db"}
    /// {"e":"acquire","task":2,"res":"r1"}
    /// {"e":"wait","task":1,"on":"task:3"}
    /// {"e":"wait","task":3,"on":"r1"}
    /// {"e":"schedule","task":2}
    /// "#;
    /// let mut replay = Replay::new(Recording::parse(file)?);
    /// replay.seek(replay.len());
    /// let tree = "
    /// main, spawned
    /// └─ B, spawned
    ///    └─ mutex \"db\"
    ///       └─ A, ready
    /// ";
    /// assert_eq!(replay.await_tree().to_string(), tree.trim_start());
    /// # Ok::<(), turnwise::record::RecordingError>(())
    /// ```
    pub fn await_tree(&self) -> AwaitTree<'_> {
        AwaitTree { replay: self }
    }
}

const MOST_DEPTH: usize = 50;
const MOST_LINES: usize = 1000;

/// A line that is yet to be printed.
struct TreeBranch {
    node: Awaited,
    depth: usize,
    is_last: bool,
}

impl fmt::Display for AwaitTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.replay.state();
        let scopes = state.scope_waits();
        let roots = roots(state, &scopes);
        let mut print = TreePrint {
            replay: self.replay,
            scopes,
            lines: 0,
            path: Vec::new(),
            are_last: Vec::new(),
            seen: HashSet::new(),
        };
        for root in roots {
            print.tree(f, root)?;
        }
        // What is left is in cycles, or below them.
        for &task in state.tasks.keys() {
            if !print.seen.contains(&Awaited::Task(task)) {
                print.tree(f, task)?;
            }
        }
        if print.lines > MOST_LINES { writeln!(f, "…") } else { Ok(()) }
    }
}

/// Returns the tasks that no task waits for.
fn roots(state: &State, scopes: &BTreeMap<u64, Vec<Awaited>>) -> Vec<u64> {
    let (mut awaited, mut expanded) = (HashSet::new(), HashSet::new());
    let waits = state.tasks.values().flat_map(|task| &task.waits);
    for on in waits.map(|wait| wait.on).chain(scopes.values().flatten().copied()) {
        if let Awaited::Task(task) = on {
            awaited.insert(task);
        } else if expanded.insert(on) {
            awaited.extend(holders(state, on));
        }
    }
    state.tasks.keys().copied().filter(|task| !awaited.contains(task)).collect()
}

struct TreePrint<'r> {
    replay: &'r Replay,
    /// The scopes that tasks wait for.
    scopes: BTreeMap<u64, Vec<Awaited>>,
    lines: usize,
    /// The nodes above the current line.
    path: Vec<Awaited>,
    /// By depth: whether the branch above the current line is the last one of its node.
    are_last: Vec<bool>,
    seen: HashSet<Awaited>,
}

impl TreePrint<'_> {
    fn tree(&mut self, f: &mut fmt::Formatter<'_>, root: u64) -> fmt::Result {
        // A stack and not recursion, since a million tasks may wait in a row.
        let mut stack = vec![TreeBranch { node: Awaited::Task(root), depth: 0, is_last: true }];
        while let Some(branch) = stack.pop() {
            self.lines += 1;
            self.path.truncate(branch.depth);
            self.are_last.truncate(branch.depth);
            let is_cycle = self.path.contains(&branch.node);
            let is_new = self.seen.insert(branch.node);
            let children = if is_new { self.children(branch.node) } else { Vec::new() };
            self.are_last.push(branch.is_last);
            self.path.push(branch.node);
            let is_too_deep = branch.depth == MOST_DEPTH && !children.is_empty();
            let end = match (is_cycle, is_new) {
                (true, _) => ": a cycle",
                (_, false) if self.has_children(branch.node) => ": see above",
                _ if is_too_deep => ": …",
                _ => "",
            };
            if self.lines <= MOST_LINES {
                self.line(f, &branch, end)?;
            }
            if is_too_deep {
                self.hide(children);
                continue;
            }
            let count = children.len();
            let branches = children.into_iter().enumerate().map(|(at, node)| TreeBranch {
                node,
                depth: branch.depth + 1,
                is_last: at + 1 == count,
            });
            stack.extend(branches.rev());
        }
        Ok(())
    }

    /// What is too deep is not printed as a root instead.
    fn hide(&mut self, mut nodes: Vec<Awaited>) {
        while let Some(node) = nodes.pop() {
            if self.seen.insert(node) {
                nodes.extend(self.children(node));
            }
        }
    }

    /// Returns whether there is something below a node.
    fn has_children(&self, node: Awaited) -> bool {
        let state = self.replay.state();
        match node {
            Awaited::Task(task) => {
                let has_waits = state.task(task).is_some_and(|task| !task.waits.is_empty());
                has_waits || self.scopes.contains_key(&task)
            }
            on => has_holders(state, on),
        }
    }

    fn children(&self, node: Awaited) -> Vec<Awaited> {
        let state = self.replay.state();
        match node {
            Awaited::Task(task) => {
                let waits = state.task(task).into_iter().flat_map(|task| &task.waits);
                let scopes = self.scopes.get(&task).into_iter().flatten().copied();
                waits.map(|wait| wait.on).chain(scopes).collect()
            }
            on => holders(state, on).into_iter().map(Awaited::Task).collect(),
        }
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, branch: &TreeBranch, end: &str) -> fmt::Result {
        for &is_last in self.are_last.iter().take(branch.depth).skip(1) {
            f.write_str(if is_last { "   " } else { "│  " })?;
        }
        if branch.depth > 0 {
            f.write_str(if branch.is_last { "└─ " } else { "├─ " })?;
        }
        f.write_str(&self.replay.awaited_label(branch.node))?;
        match branch.node {
            Awaited::Task(task) => self.task_details(f, task)?,
            Awaited::Timer(timer) => match self.replay.state().timers.get(&timer) {
                Some(LiveTimer { at: u64::MAX, .. }) => f.write_str(", never due")?,
                Some(timer) => write!(f, ", due at +{}", span(timer.at))?,
                None => {}
            },
            _ => {}
        }
        writeln!(f, "{end}")
    }

    fn task_details(&self, f: &mut fmt::Formatter<'_>, task: u64) -> fmt::Result {
        let Some(known) = self.replay.state().task(task) else { return f.write_str(", ended") };
        write!(f, ", {}", phase_word(known.phase))?;
        match known.place.and_then(|place| self.replay.recording().place(place)) {
            Some(place) => write!(f, " at {place}"),
            None => Ok(()),
        }
    }
}

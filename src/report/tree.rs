//! The await tree: which task waits for which, drawn with indentation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::kernel::TaskId;
use crate::report::snapshot::{Snapshot, TaskInfo};
use crate::report::wait::WaitsFor;

/// The tasks of a [`Snapshot`] as a tree: below each task what it waits for, and below that the tasks that could end
/// the wait. Created by [`Snapshot::await_tree`].
///
/// A task that several others wait for is drawn below the first of them; elsewhere it is only named. So is a task that
/// waits, in the end, for itself, and one that is 20 waits deep, which starts again at the left. Of thousands of tasks
/// some are drawn, and the others counted.
///
/// The await tree of a moment of a recording is `record::AwaitTree`, with the feature `record`.
#[derive(Clone, Copy, Debug)]
pub struct AwaitTree<'s>(&'s Snapshot);

impl Snapshot {
    /// Returns the tasks as a tree, which `Display` prints.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, spawn, task};
    ///
    /// let scheduler = Scheduler::new();
    /// let inner = task::Builder::new().name("inner");
    /// scheduler.spawn(async move { inner.spawn(std::future::pending::<()>()).await });
    /// scheduler.run_until_stalled();
    /// let tree = scheduler.snapshot().await_tree().to_string();
    /// let first_words: Vec<&str> = tree.lines().map(|line| line.split(", spawned").next().unwrap()).collect();
    /// assert_eq!(first_words, [
    ///     "#1 waiting",
    ///     "└─ waits for task #2 \"inner\"",
    ///     "   └─ #2 \"inner\" waiting",
    ///     "      └─ waits for nothing that could wake it: no waker was kept",
    /// ]);
    /// ```
    #[doc(alias = "pstree")]
    #[doc(alias = "print_call_graph")]
    pub fn await_tree(&self) -> AwaitTree<'_> {
        AwaitTree(self)
    }
}

impl fmt::Display for AwaitTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut drawing = Drawing {
            tasks: self.0.tasks.iter().map(|task| (task.label.id, task)).collect(),
            children: BTreeMap::new(),
            drawn: BTreeSet::new(),
            deeper: VecDeque::new(),
        };
        for task in &self.0.tasks {
            if let Some(parent) = task.parent {
                drawing.children.entry(parent).or_default().push(task.label.id);
            }
        }
        let below: BTreeSet<TaskId> =
            self.0.tasks.iter().flat_map(|task| drawing.below(task)).collect();
        let (roots, rest): (Vec<&TaskInfo>, Vec<&TaskInfo>) =
            self.0.tasks.iter().partition(|task| !below.contains(&task.label.id));
        // What is left after the roots waits in a circle.
        let mut next = roots.into_iter().chain(rest);
        while let Some(task) = drawing.deeper.pop_front().or_else(|| next.next()) {
            if drawing.drawn.contains(&task.label.id) {
                continue;
            }
            if drawing.drawn.len() >= TASKS {
                let more = self.0.tasks.len() - drawing.drawn.len();
                return writeln!(f, "… and {more} more tasks");
            }
            drawing.draw(f, task)?;
        }
        Ok(())
    }
}

/// About how many tasks are drawn; the others are counted. (Those below the last of them are drawn too.)
const TASKS: usize = 500;

/// How deep a task is drawn below another one. What is deeper starts again at the left.
const DEPTH: usize = 20;

struct Drawing<'s> {
    tasks: BTreeMap<TaskId, &'s TaskInfo>,
    /// The children of scopes, by the task that polls the scope.
    children: BTreeMap<TaskId, Vec<TaskId>>,
    drawn: BTreeSet<TaskId>,
    /// Those that were too deep, to be drawn from the left.
    deeper: VecDeque<&'s TaskInfo>,
}

/// One line that is still to be drawn.
struct TreeLine<'s> {
    /// What stands before the branch.
    indent: String,
    /// The branch; none for a root.
    branch: &'static str,
    depth: usize,
    item: TreeItem<'s>,
}

enum TreeItem<'s> {
    Task(&'s TaskInfo),
    Wait(TaskId, &'s WaitsFor),
}

impl<'s> Drawing<'s> {
    /// Draws a task with everything below it. With a stack of its own, since chains of tasks can be long.
    fn draw(&mut self, f: &mut fmt::Formatter<'_>, root: &'s TaskInfo) -> fmt::Result {
        let root =
            TreeLine { indent: String::new(), branch: "", depth: 0, item: TreeItem::Task(root) };
        let mut stack = vec![root];
        while let Some(TreeLine { mut indent, branch, depth, item }) = stack.pop() {
            let below = match item {
                TreeItem::Task(task) => {
                    let note = self.note(task, depth);
                    writeln!(f, "{indent}{branch}{} {}{note}", task.label, task.state)?;
                    let waits = task.waits.iter().filter(|_| note.is_empty());
                    waits.map(|wait| TreeItem::Wait(task.label.id, wait)).collect()
                }
                TreeItem::Wait(task, wait) => {
                    writeln!(f, "{indent}{branch}{}", wait.sentence())?;
                    let tasks = self.ending(task, wait).into_iter();
                    tasks
                        .filter_map(|id| self.tasks.get(&id).copied())
                        .map(TreeItem::Task)
                        .collect()
                }
            };
            indent.push_str(match branch {
                "" => "",
                LAST => "   ",
                _ => "│  ",
            });
            stack.extend(lines(below, &indent, depth + 1));
        }
        Ok(())
    }

    /// Returns why a task is only named here; empty if it is drawn here, with what it waits for.
    fn note(&mut self, task: &'s TaskInfo, depth: usize) -> &'static str {
        if self.drawn.contains(&task.label.id) {
            return ", drawn above";
        }
        if depth > 2 * DEPTH {
            self.deeper.push_back(task);
            return ", drawn below";
        }
        self.drawn.insert(task.label.id);
        ""
    }

    /// The tasks that could end a wait of this task.
    fn ending(&self, task: TaskId, wait: &WaitsFor) -> Vec<TaskId> {
        match wait {
            WaitsFor::Join { task, .. } if !task.is_elsewhere => vec![task.id],
            WaitsFor::Children { .. } => self.children.get(&task).cloned().unwrap_or_default(),
            WaitsFor::Resource { owners, .. } => {
                let owners = owners.iter().filter(|owner| !owner.has_finished);
                let own = owners.filter(|owner| !owner.task.is_elsewhere);
                own.map(|owner| owner.task.id).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The tasks that are drawn below a task.
    fn below(&self, task: &TaskInfo) -> Vec<TaskId> {
        let id = task.label.id;
        let ending = task.waits.iter().flat_map(|wait| self.ending(id, wait));
        ending.filter(|&other| other != id).collect()
    }
}

const LAST: &str = "└─ ";

/// Returns the lines for what is below a line, the first one last.
fn lines<'s>(below: Vec<TreeItem<'s>>, indent: &str, depth: usize) -> Vec<TreeLine<'s>> {
    let mut branch = LAST;
    let items = below.into_iter().rev();
    let lines = items.map(|item| {
        let branch = std::mem::replace(&mut branch, "├─ ");
        TreeLine { indent: indent.to_owned(), branch, depth, item }
    });
    lines.collect()
}

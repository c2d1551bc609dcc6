//! What happened in one turn, as `step` returns it, built from the transitions that were logged in the turn.

use std::collections::BTreeMap;
use std::fmt;

use crate::kernel::TaskId;
use crate::report::{Cause, DETAILS, TaskLabel, Transition, TurnResult, WaitsFor, and_more};

/// What happened in one turn; see [`Scheduler::step`](crate::Scheduler::step). `Display` prints it in one line, with up to
/// eight items of each list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Turn {
    /// The number of the turn, among all turns of the scheduler.
    pub number: u64,
    /// The task that took it.
    pub task: TaskLabel,
    /// Its result.
    pub result: TurnResult,
    /// The other tasks that it put on the ready queue, in that order.
    pub woke: Vec<TaskLabel>,
    /// What the task waits for now, and where: one entry for each branch of a join or select.
    pub waits: Vec<WaitsFor>,
    /// The turns nested in it: those of the children of scopes that the task polled.
    pub nested: Vec<Turn>,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn {}: {} {}", self.number, self.task, self.result)?;
        list(f, &self.waits, [" for ", ", and for "])?;
        list(f, &self.woke, ["; woke ", ", "])?;
        list(f, &self.nested, [" (", ", "])?;
        if self.nested.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// Prints some of these, after these words before the first one and between them, and counts the others.
fn list(f: &mut fmt::Formatter<'_>, all: &[impl fmt::Display], words: [&str; 2]) -> fmt::Result {
    for (number, item) in all.iter().take(DETAILS).enumerate() {
        write!(f, "{}{item}", words[number.min(1)])?;
    }
    and_more(all.len(), DETAILS).map_or(Ok(()), |more| write!(f, ", {more}"))
}

/// The log of a turn that `step` gives.
#[derive(Default)]
pub(crate) struct TurnLog {
    transitions: Vec<Transition>,
    /// The tasks that took the turns among them, in that order: some no longer exist when this is read.
    turns: Vec<TaskLabel>,
}

impl TurnLog {
    pub(crate) fn begin_turn(&mut self, task: Option<TaskLabel>) {
        self.turns.extend(task);
    }

    pub(crate) fn add(&mut self, transition: &Transition) {
        self.transitions.push(transition.clone());
    }

    /// Builds a [`Turn`] from the log; `None` if no turn was logged. `labels` returns the labels of tasks that still
    /// exist, `waits` what they wait for.
    pub(crate) fn read(
        self,
        labels: impl Fn(&[TaskId]) -> Vec<TaskLabel>,
        waits: impl FnOnce(&[TaskId]) -> Vec<(TaskId, Vec<WaitsFor>)>,
    ) -> Option<Turn> {
        let mut drafts = drafts(self);
        let waiting = drafts.iter().filter(|draft| draft.turn.result == TurnResult::Waiting);
        let waiting: Vec<TaskId> = waiting.map(|draft| draft.turn.task.id).collect();
        let mut waits: BTreeMap<TaskId, Vec<WaitsFor>> = waits(&waiting).into_iter().collect();
        for Draft { turn, woke, .. } in &mut drafts {
            turn.woke = labels(woke);
            turn.waits = waits.remove(&turn.task.id).unwrap_or_default();
        }
        // From the last one: a nested turn comes after the turn that it is nested in.
        while let Some(Draft { mut turn, inside, .. }) = drafts.pop() {
            turn.nested.reverse();
            match inside.and_then(|outer| drafts.get_mut(outer)) {
                Some(outer) => outer.turn.nested.push(turn),
                None => return Some(turn),
            }
        }
        None
    }
}

/// A turn, as far as the log has been read.
struct Draft {
    turn: Turn,
    woke: Vec<TaskId>,
    /// The index of the draft that it is nested in.
    inside: Option<usize>,
}

/// Returns the turns among these transitions, in the order in which they began.
fn drafts(log: TurnLog) -> Vec<Draft> {
    let mut labels = log.turns.into_iter();
    let mut drafts: Vec<Draft> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for transition in log.transitions {
        match transition {
            Transition::TurnBegan { turn: number, .. } => {
                let Some(task) = labels.next() else { break };
                let inside = open.last().copied();
                open.push(drafts.len());
                let (result, nested) = (TurnResult::Waiting, Vec::new());
                let turn = Turn { number, task, result, woke: vec![], waits: vec![], nested };
                drafts.push(Draft { turn, woke: Vec::new(), inside });
            }
            Transition::TurnEnded { result, .. } => {
                if let Some(draft) = open.pop().and_then(|number| drafts.get_mut(number)) {
                    draft.turn.result = result;
                }
            }
            Transition::Scheduled { task, cause } => {
                let by = match cause {
                    Cause::Spawn => open.last().and_then(|&number| drafts.get_mut(number)),
                    Cause::Task(by) => {
                        drafts.iter_mut().rev().find(|draft| draft.turn.task.id == by)
                    }
                    _ => None,
                };
                if let Some(draft) = by.filter(|draft| draft.turn.task.id != task) {
                    draft.woke.push(task);
                }
            }
            _ => {}
        }
    }
    drafts
}

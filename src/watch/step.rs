//! The story of one turn, as `step` tells it: made from the transitions that were written down in it.

use std::collections::BTreeMap;
use std::fmt;

use crate::kernel::Kernel;
use crate::kernel::TaskId;
use crate::report::{Cause, Transition, TurnResult};
use crate::report::{TaskLabel, WaitsFor};
use crate::scheduler::snapshot;

/// What happened in one turn; see [`Scheduler::step`](crate::Scheduler::step).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Turn {
    /// The number of the turn, among all turns of the scheduler.
    pub number: u64,
    /// Whose turn it was.
    pub task: TaskLabel,
    /// What came of it.
    pub result: TurnResult,
    /// The other tasks that were put on the ready queue by it, in that order.
    pub woke: Vec<TaskLabel>,
    /// What the task waits for now, and where: one entry for each branch of a join or select.
    pub waits: Vec<WaitsFor>,
    /// The turns that took place inside of it: those of the children of scopes that it polled.
    pub nested: Vec<Turn>,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn {}: {} {}", self.number, self.task, self.result)?;
        for (number, wait) in self.waits.iter().enumerate() {
            write!(f, "{} {wait}", if number == 0 { " for" } else { ", and for" })?;
        }
        for (number, woke) in self.woke.iter().enumerate() {
            write!(f, "{} {woke}", if number == 0 { "; woke" } else { "," })?;
        }
        for (number, nested) in self.nested.iter().enumerate() {
            write!(f, "{}{nested}", if number == 0 { " (" } else { ", " })?;
        }
        if self.nested.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// What was written down in a turn.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) transitions: Vec<Transition>,
    /// Who began the turns among them, in that order: some are gone when this is read.
    pub(crate) turns: Vec<TaskLabel>,
}

/// While it exists, transitions are written down.
pub(crate) struct Trail<'a>(&'a Kernel);

impl<'a> Trail<'a> {
    pub(crate) fn begin(kernel: &'a Kernel) -> Self {
        kernel.trail.replace(Some(Box::default()));
        kernel.look_who_watches();
        Trail(kernel)
    }

    /// Makes the story of the turn that was written down; `None` if there was none.
    pub(crate) fn read(self) -> Option<Turn> {
        let notes = self.0.trail.take()?;
        let mut chapters = chapters(*notes);
        let waiting = chapters.iter().filter(|chapter| chapter.turn.result == TurnResult::Waiting);
        let waiting: Vec<TaskId> = waiting.map(|chapter| chapter.turn.task.id).collect();
        let mut waits: BTreeMap<TaskId, Vec<WaitsFor>> =
            snapshot::waits_of_tasks(self.0, &waiting).into_iter().collect();
        for Chapter { turn, woke, .. } in &mut chapters {
            turn.woke = snapshot::labels(self.0, woke);
            turn.waits = waits.remove(&turn.task.id).unwrap_or_default();
        }
        // From the last one: who is nested comes after the one that it is nested in.
        while let Some(Chapter { mut turn, inside, .. }) = chapters.pop() {
            turn.nested.reverse();
            match inside.and_then(|outer| chapters.get_mut(outer)) {
                Some(outer) => outer.turn.nested.push(turn),
                None => return Some(turn),
            }
        }
        None
    }
}

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        self.0.trail.replace(None);
        self.0.look_who_watches();
    }
}

/// A turn, while its story is being made.
struct Chapter {
    turn: Turn,
    woke: Vec<TaskId>,
    /// The number of the chapter that it is nested in.
    inside: Option<usize>,
}

/// The turns among these transitions, in the order in which they began.
fn chapters(notes: Notes) -> Vec<Chapter> {
    let mut labels = notes.turns.into_iter();
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for transition in notes.transitions {
        match transition {
            Transition::TurnBegan { turn: number, .. } => {
                let Some(task) = labels.next() else { break };
                let inside = open.last().copied();
                open.push(chapters.len());
                let (result, nested) = (TurnResult::Waiting, Vec::new());
                let turn = Turn { number, task, result, woke: vec![], waits: vec![], nested };
                chapters.push(Chapter { turn, woke: Vec::new(), inside });
            }
            Transition::TurnEnded { result, .. } => {
                if let Some(chapter) = open.pop().and_then(|number| chapters.get_mut(number)) {
                    chapter.turn.result = result;
                }
            }
            Transition::Scheduled { task, cause } => {
                let by = match cause {
                    Cause::Spawn => open.last().and_then(|&number| chapters.get_mut(number)),
                    Cause::Task(by) => {
                        chapters.iter_mut().rev().find(|chapter| chapter.turn.task.id == by)
                    }
                    _ => None,
                };
                if let Some(chapter) = by.filter(|chapter| chapter.turn.task.id != task) {
                    chapter.woke.push(task);
                }
            }
            _ => {}
        }
    }
    chapters
}

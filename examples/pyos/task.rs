//! A task of the course: a generator, run from one `yield` to the next.

use std::mem;

use thiserror::Error;
use turnwise::{Generator, generator};

use crate::os::SystemCall;

/// The number of a task: all that one task ever sees of another, or of the system.
pub(crate) type Tid = u32;

/// What a task is sent in return for a `yield`. As in a real machine it is one word: an id, or 1 for Python's
/// `True`, or 0 for its `False` and its `None`.
pub(crate) type Word = u32;

/// What runs: the course's "target coroutine".
pub(crate) type Target = Generator<'static, Trap, (), Word>;

/// What a target yields through.
pub(crate) type Co = generator::Co<Trap, Word>;

/// What a target yields. Python looks with `isinstance` which of them it is.
#[derive(Debug)]
pub(crate) enum Trap {
    /// `yield`: others may run.
    Nothing,
    /// `yield x + y`: the return of a subroutine. Added by `pyos8`.
    Value(Word),
    /// `yield GetTid()`: the system is to do something. Added by `pyos4`.
    System(SystemCall),
    /// `yield add(2, 2)`: the call of a subroutine. Added by `pyos8`.
    Subroutine(Target),
}

/// What a generator raises when it is over.
#[derive(Debug, Error)]
#[error("StopIteration")]
pub(crate) struct StopIteration;

/// A target, and what is sent to it next. The course has the id in here too; here the task map knows it.
pub(crate) struct Task {
    target: Target,
    /// Callers, each in the `yield` of its call; the innermost is last. Added by `pyos8`.
    stack: Vec<Target>,
    pub(crate) sendval: Word,
}

impl Task {
    pub(crate) fn new(target: Target) -> Self {
        Task { target, stack: Vec::new(), sendval: 0 }
    }

    /// Runs the task until it wants something of the system, or lets others run (`None`).
    ///
    /// In `pyos1` this is only the line with `resume`. The loop is the trampoline of `pyos8`: targets do not call
    /// each other, but come back to here for every call and every return, and are thrown up again.
    pub(crate) fn run(&mut self) -> Result<Option<SystemCall>, StopIteration> {
        loop {
            let returned = match self.resume() {
                Some(Trap::System(call)) => return Ok(Some(call)),
                Some(Trap::Subroutine(subroutine)) => {
                    self.stack.push(mem::replace(&mut self.target, subroutine));
                    self.sendval = 0;
                    continue;
                }
                Some(Trap::Nothing | Trap::Value(_)) if self.stack.is_empty() => return Ok(None),
                Some(Trap::Value(value)) => value,
                Some(Trap::Nothing) | None => 0,
            };
            self.target = self.stack.pop().ok_or(StopIteration)?;
            self.sendval = returned;
        }
    }

    /// Runs the target to its next `yield`; `None` if it is over, or was closed.
    fn resume(&self) -> Option<Trap> {
        match self.target.start() {
            Ok(first) => first,
            // Not its first turn. What cannot be sent to is over.
            Err(_) => self.target.send(self.sendval).ok().flatten(),
        }
    }

    /// Ends the target where it waits. Those on the stack are forgotten, as in the course.
    pub(crate) fn close(&self) {
        self.target.close().expect("none of the targets here catches what closes it");
    }
}

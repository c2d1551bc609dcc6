//! A task of Beazley's course: a generator, run from one `yield` to the next.

use std::mem;

use thiserror::Error;
use turnwise::{Generator, generator};

use crate::os::SystemCall;

/// The number of a task: all that a task can see of another task.
pub(crate) type Tid = u32;

/// What a `yield` returns to a task. As on a real machine it is one word: an id, or 1 for Python's `True`, or 0 for its
/// `False` and its `None`.
pub(crate) type Word = u32;

/// What runs: Beazley's "target coroutine".
pub(crate) type Target = Generator<'static, Trap, (), Word>;

/// What a target yields through.
pub(crate) type Co = generator::Co<Trap, Word>;

/// What a target yields. Python distinguishes these with `isinstance`.
#[derive(Debug)]
pub(crate) enum Trap {
    /// `yield`: lets other tasks run.
    Nothing,
    /// `yield x + y`: the return of a subroutine. Added by `pyos8`.
    Value(Word),
    /// `yield GetTid()`: a system call. Added by `pyos4`.
    System(SystemCall),
    /// `yield add(2, 2)`: the call of a subroutine. Added by `pyos8`.
    Subroutine(Target),
}

/// What a generator raises when it has finished.
#[derive(Debug, Error)]
#[error("StopIteration")]
pub(crate) struct StopIteration;

/// A target, and the value to send it next. Beazley's has the id here too; here it is the key in the task map.
pub(crate) struct Task {
    target: Target,
    /// The callers, each suspended in the `yield` of its call; the innermost is last. Added by `pyos8`.
    stack: Vec<Target>,
    pub(crate) sendval: Word,
}

impl Task {
    pub(crate) fn new(target: Target) -> Self {
        Task { target, stack: Vec::new(), sendval: 0 }
    }

    /// Runs the task until it makes a system call, or lets other tasks run (`None`).
    ///
    /// In `pyos1` this is only the line with `resume`. The loop is the trampoline of `pyos8`: targets do not call each
    /// other, but come back here for every call and every return, and are resumed from here.
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

    /// Runs the target to its next `yield`; `None` if it has finished, or was closed.
    fn resume(&self) -> Option<Trap> {
        match self.target.start() {
            Ok(first) => first,
            // Not its first turn. If it cannot be sent to, it has finished.
            Err(_) => self.target.send(self.sendval).ok().flatten(),
        }
    }

    /// Ends the target where it waits. The callers on the stack are forgotten, as in Beazley's version.
    pub(crate) fn close(&self) {
        self.target.close().expect("no target here catches the close");
    }
}

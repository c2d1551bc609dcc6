//! The operating system of Beazley's course: a scheduler that runs a task until it traps, serves the trap, and runs the
//! next task. `yield` is the trap.
//!
//! This is the final version. What each step added is noted where it is:
//!
//! | step | adds |
//! |---|---|
//! | `pyos1` | `Task`, in `task.rs` |
//! | `pyos2` | `Scheduler` with `new_task`, `schedule` and a main loop that ends with the first task |
//! | `pyos3` | `exit` |
//! | `pyos4` | system calls, and `GetTid` |
//! | `pyos5` | `NewTask`, `KillTask` |
//! | `pyos6` | `exit_waiting`, `waitforexit`, `WaitTask` |
//! | `pyos8` | the stack of a task, in `task.rs` |
//!
//! (`pyos7` is for sockets.) It has the defects of Beazley's version: they are not mistakes of this port.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use thiserror::Error;

use crate::task::{StopIteration, Target, Task, Tid};

/// The system calls.
///
/// In Beazley's course each call is a class whose `handle` accesses the task and the scheduler. An enum and one `match`
/// are equivalent, and the match shows everything that tasks can do to each other.
#[derive(Debug)]
pub(crate) enum SystemCall {
    GetTid,
    NewTask(Target),
    KillTask(Tid),
    WaitTask(Tid),
}

/// No task is ready. Beazley's `self.ready.get()` then blocks forever, silently; this version returns an error, so
/// that the example continues.
#[derive(Debug, Error)]
#[error("nobody is ready, and the main loop waits for ever")]
pub(crate) struct Hang;

/// Beazley's queues and dictionaries hold the tasks themselves. Here the task map owns them; the others hold ids.
#[derive(Default)]
pub(crate) struct Scheduler {
    last_tid: Tid,
    ready: VecDeque<Tid>,
    taskmap: BTreeMap<Tid, Task>,
    /// The tasks that wait for each task to end. Added by `pyos6`.
    exit_waiting: BTreeMap<Tid, Vec<Tid>>,
}

impl Scheduler {
    /// Beazley's `new`, which is the name of a constructor in Rust.
    pub(crate) fn new_task(&mut self, target: Target) -> Tid {
        self.last_tid += 1;
        self.taskmap.insert(self.last_tid, Task::new(target));
        self.schedule(self.last_tid);
        self.last_tid
    }

    fn schedule(&mut self, tid: Tid) {
        self.ready.push_back(tid);
    }

    /// The main loop of `pyos2`, which has no `exit`: with `?` the end of any task ends the loop.
    pub(crate) fn mainloop_without_exit(&mut self) -> Result<(), StopIteration> {
        while let Some(tid) = self.ready.pop_front() {
            self.task(tid).run()?;
            self.schedule(tid);
        }
        Ok(())
    }

    /// The main loop from `pyos3` on. `pyos4` added the system calls.
    pub(crate) fn mainloop(&mut self) -> Result<(), Hang> {
        while !self.taskmap.is_empty() {
            let tid = self.ready.pop_front().ok_or(Hang)?;
            match self.task(tid).run() {
                Ok(Some(call)) => self.handle(tid, call),
                Ok(None) => self.schedule(tid),
                Err(StopIteration) => self.exit(tid),
            }
        }
        Ok(())
    }

    fn task(&mut self, tid: Tid) -> &mut Task {
        self.taskmap.get_mut(&tid).expect("every ready task is in the task map")
    }

    /// Added by `pyos3`; waking the tasks that wait was added by `pyos6`.
    fn exit(&mut self, tid: Tid) {
        println!("Task {tid} terminated");
        self.taskmap.remove(&tid);
        for waiting in self.exit_waiting.remove(&tid).unwrap_or_default() {
            self.schedule(waiting);
        }
    }

    /// Returns whether there is a task to wait for. Added by `pyos6`.
    fn waitforexit(&mut self, waiting: Tid, tid: Tid) -> bool {
        let exists = self.taskmap.contains_key(&tid);
        if exists {
            self.exit_waiting.entry(tid).or_default().push(waiting);
        }
        exists
    }

    /// Serves a system call. A task that waits is not scheduled here: `exit` does it.
    fn handle(&mut self, tid: Tid, call: SystemCall) {
        let mut waits = false;
        let answer = match call {
            SystemCall::GetTid => tid,
            SystemCall::NewTask(target) => self.new_task(target),
            SystemCall::KillTask(victim) => {
                let victim = self.taskmap.get(&victim);
                victim.inspect(|victim| victim.close());
                victim.is_some().into()
            }
            SystemCall::WaitTask(other) => {
                waits = self.waitforexit(tid, other);
                waits.into()
            }
        };
        self.task(tid).sendval = answer;
        if !waits {
            self.schedule(tid);
        }
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scheduler { ready, taskmap, exit_waiting, .. } = self;
        let tids: Vec<&Tid> = taskmap.keys().collect();
        write!(f, "taskmap {tids:?}, ready {ready:?}, exit_waiting {exit_waiting:?}")
    }
}

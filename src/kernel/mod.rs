//! The executor.
//!
//! ```text
//!              spawn                        ┌──────────────┐
//!    future ───────────▶ taskmap            │ other thread │
//!                           │ schedule      └──────┬───────┘
//!                           ▼                      ▼ ring
//!                     ┌───────────┐  collect mail ┌─────────┐
//!                     │   ready   │◀──────────────│ mailbox │
//!                     └─────┬─────┘               └─────────┘
//!            reorder        │        ▲
//!         (Hooks::arrange)  ▼        │ ring (same thread: straight in)
//!                     ┌───────────┐  │
//!                     │   turn    │──┴──▶ wakers of others: join, timers, registered primitives
//!                     └─────┬─────┘
//!              Ready │             │ Pending
//!                    ▼             ▼
//!                  exit         back to the taskmap, waiting for its bell
//!
//!    ready empty:  Hooks::idle: fire due timers, or sleep until the next deadline or a letter;
//!                  no deadline, and no waker held anywhere: nothing can ever run again
//! ```
//!
//! Everything here runs on the scheduler's thread, except the wakes of a `Doorbell`, and `Mailbox::post` and
//! `post_with`. No user code (polls, destructors, wakers, callbacks) runs while the `RefCell` of the board is borrowed,
//! so nothing that user code does can re-enter a borrow, and there are no rules for it to follow.
//!
//! This folder is the executor and nothing else: it imports std, pin-project-lite and itself, and
//! `tests/kernel_alone.rs` compiles it alone. Timers, cancelling, scopes, observers, blocking jobs and shutdown are
//! folders above it. They plug in through one trait, [`Hooks`], which is called where a flag of [`Flags`] says so, when
//! nothing is ready, and between passes.
//!
//! # Where to start
//!
//! Read `mainloop.rs` first, then what it uses: `turn.rs` (a task is taken out and put back), `task.rs` (a future, then
//! its output, in one box), `ready.rs` (the queue), `waker.rs` (the bell that puts a task on the queue), `taskmap.rs`
//! (where tasks live), `scheduler.rs` (spawn, schedule, and `Hooks`). These call `now.rs` (whose turn it is, and the
//! flags), `join.rs` (a task's end, and its output), `root.rs` (the future of a `block_on`) and `idle.rs` (the mail,
//! and sleep). The first plug-in is the timers: `time/heap.rs` and `time/timers.rs`. That is an executor.
//!
//! # Three walkthroughs
//!
//! Three paths through the source, step by step: each step names functions and the file they are in.
//!
//! ## A wake, to its turn
//!
//! 1. `kernel/waker.rs`: `wake_by_ref`, `ring` – the waker is a bell; in the task's own turn the ring is only recorded
//! 2. `kernel/now.rs`: `ring_own` – checks whether this is the bell lent for the current turn
//! 3. `kernel/scheduler.rs`: `schedule_here`, `find`, `schedule` – finds the bell's scheduler, if it is on this thread
//! 4. `kernel/taskmap.rs`: `get_mut` – the slot of the task, if it still has one
//! 5. `kernel/ready.rs`: `push`, `pop` – the task waits in the queue for the next pass
//! 6. `kernel/mainloop.rs`: `mainloop`, `turn` – the loop takes it from there
//! 7. `kernel/turn.rs`: `begin_turn` – the task is taken out of the map, with a bell
//!
//! ## A task, from spawn to join
//!
//! 1. `task/spawn.rs`: `spawn` – finds the running scheduler
//! 2. `task/join.rs`: `spawn` – creates the handle
//! 3. `task/inherit.rs`: `spawn` – wraps the future if it inherits task-locals
//! 4. `kernel/scheduler.rs`: `spawn` – into the task map, and on ready
//! 5. `kernel/taskmap.rs`: `insert`, `occupy` – a slot
//! 6. `kernel/boxes.rs`: `take` – and a box: an empty one of the same type, if there is one
//! 7. `kernel/ready.rs`: `push`, `pop` – its turn comes
//! 8. `kernel/mainloop.rs`: `turn`, `exit` – one poll after another, and the exit
//! 9. `kernel/turn.rs`: `begin_turn`, `put_back`, `take_last_bell` – out of the map and back
//! 10. `kernel/task.rs`: `turn`, `hand_over` – the future is polled; its output takes its place, until step 13
//! 11. `kernel/waker.rs`: `label`, `is_home` – the bell that is lent to it
//! 12. `kernel/now.rs`: `begin_turn`, `end_poll` – whose turn it is
//! 13. `kernel/join.rs`: `exit`, `poll_join` – the output waits in the slot until the handle takes it
//!
//! ## A sleep
//!
//! 1. `time/sleep.rs`: `sleep`, `start` – creates a timer on the running scheduler
//! 2. `time/layer.rs`: `create_timer`, `poll_timer`, `settle`, `fire_due` – created in a turn, settled after it
//! 3. `time/timers.rs`: `create`, `arm`, `settle`, `fire` – the timer's slot, and the task that waits for it
//! 4. `time/heap.rs`: `push`, `take_due` – where it waits for its deadline
//! 5. `kernel/now.rs`: `set_turn_flag`, `owner_of` – records that the turn created a timer; which task polls
//! 6. `kernel/mainloop.rs`: `end_turn_slow_path`, `idle` – after the turn, and when nothing is ready
//! 7. `scheduler/layers.rs`: `after_turn`, `idle` – calls the time layer
//! 8. `scheduler/idle.rs`: `decide`, `sleep` – the thread sleeps until the deadline
//! 9. `scheduler/park.rs`: `park` – puts the thread to sleep
//! 10. `kernel/scheduler.rs`: `schedule` – the deadline has passed: the task is put on ready
//!
//! Layers above import only what this module re-exports.

#![allow(clippy::inline_always, reason = "measured: see `mainloop.rs`")]

mod atomic;
mod id;
mod mailbox;
mod now;
mod waker;
mod boxes;
mod task;
mod taskmap;
mod ready;
mod scheduler;
mod turn;
mod join;
mod root;
mod idle;
mod mainloop;
#[cfg(all(test, turnwise_loom))]
mod models;

pub(crate) use atomic::{AtomicUsize, Ordering};
pub(crate) use id::Key;
#[allow(unused_imports, reason = "`NoHooks` is for this folder alone")]
pub(crate) use idle::{NoHooks, Unparker};
pub(crate) use mailbox::{Letter, Mailbox};
pub(crate) use mainloop::{Run, Stop};
pub(crate) use now::{
    Entered, Flags, Place, Word, begin_turn, current_task, end_poll, enter, in_poll, owner_of,
    run_place, running, scheduler as current_scheduler, set_turn_flag, set_word, word,
};
pub(crate) use ready::Ready;
pub(crate) use root::{Root, RootFuture};
pub(crate) use scheduler::{
    Board, By, Hooks, Idle, Kernel, TaskEvent, current, find, has_schedulers, schedule, schedulers,
};
pub(crate) use task::{Boxed, Failure, Target, Task, drop_quietly, run_quietly};
pub(crate) use taskmap::{Slot, SlotState, SpawnMeta, TaskMap};
pub(crate) use turn::ActiveTurn;
pub(crate) use waker::Bell;

pub use id::{TaskId, TaskKey};
pub use task::Ending;
pub use waker::Waiter;

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
//!               pick        │        ▲
//!         (Hooks::arrange)  ▼        │ ring (same thread: straight in)
//!                     ┌───────────┐  │
//!                     │   turn    │──┴──▶ wakers of others: join, timers, anything Waited
//!                     └─────┬─────┘
//!              Ready │             │ Pending
//!                    ▼             ▼
//!                  exit         back to the taskmap, waiting for its bell
//!
//!    ready empty:  Hooks::idle: fire due timers, or sleep until the next deadline or a letter;
//!                  no deadline, and no waker held anywhere: nothing can ever run again
//! ```
//!
//! Everything here runs on the thread of the scheduler, except `Doorbell::wake` and `Mailbox::post`. No user code (polls,
//! destructors, wakers, callbacks) ever runs while the `RefCell` of the board is borrowed, so nothing that it does can
//! re-enter a borrow, and there are no rules for it to keep.
//!
//! This folder is the executor and nothing else: it imports std, pin-project-lite and itself, and
//! `tests/kernel_alone.rs` compiles it alone. Timers, cancelling, scopes, observers, blocking jobs and shutdown are
//! folders above it, which plug in through one trait, [`Hooks`], at the points that a flag of [`Flags`] marks.
//!
//! # Where to begin
//!
//! Read `mainloop.rs` first, then what it uses: `turn.rs` (a task is taken out and put back), `task.rs` (a future, then
//! its output, in one box), `ready.rs` (the queue), `waker.rs` (the bell that puts a task on it), `taskmap.rs` (where
//! tasks live), `scheduler.rs` (spawn, schedule, and `Hooks`). The first plug is the timer heap: `time/heap.rs` and
//! `time/timers.rs`. That is an executor.
//!
//! This module is the one door: the layers above import from here.

#![allow(
    clippy::inline_always,
    reason = "what a turn goes through is inlined by force: a call costs a tenth of a turn"
)]

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
#[allow(unused_imports, reason = "for this folder by itself")]
pub(crate) use idle::NoHooks;
pub(crate) use idle::Unparker;
pub(crate) use join::wake_safely;
pub(crate) use mailbox::{Letter, Mailbox};
pub(crate) use mainloop::{Run, Stop};
pub(crate) use now::{
    Entered, Flags, Place, Word, begin_turn, current_task, end_poll, enter, in_poll, note,
    owner_of, run_place, scheduler as current_scheduler, set_word, word,
};
pub(crate) use ready::Ready;
pub(crate) use root::{Root, RootFuture};
pub(crate) use scheduler::{
    Board, By, Event, Hooks, Idle, Kernel, current, find, has_schedulers, schedule,
};
pub(crate) use task::{Boxed, Failure, Target, drop_quietly, drop_quietly as burn};
pub(crate) use taskmap::{Birth, Doing, Slot, TaskMap};
pub(crate) use turn::Turn;
pub(crate) use waker::Bell;

pub use id::{TaskId, TaskKey};
pub use task::Ending;
pub use waker::Waiter;

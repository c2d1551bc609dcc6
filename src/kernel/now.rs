//! Whose turn it is on this thread, and what has happened in it.
//!
//! Plain cells in thread-locals without destructors, so they can be used at any time, also while other thread-locals
//! are being destroyed.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::panic::Location;
use std::task::Waker;

use crate::kernel::id::{Key, TaskKey};

/// A point in a source file.
pub(crate) type Place = &'static Location<'static>;

/// What is unusual about a turn, a task or a whole scheduler, in one word. The main loop tests all of them together:
/// once before a poll, and once after it.
///
/// The core acts upon the first five itself. The others are the points at which layers plug in: each says that
/// [`Hooks`](crate::kernel::scheduler::Hooks) has to be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const NONE: Flags = Flags(0);
    /// Of a turn: the task was woken by its own bell.
    pub(crate) const RUNG: Flags = Flags(1);
    /// Of a task: it is dropped at its next turn, instead of polled.
    pub(crate) const ABORT: Flags = Flags(1 << 1);
    /// Of a task: its handle is gone, so its output is not wanted.
    pub(crate) const DETACHED: Flags = Flags(1 << 2);
    /// Of a task: it has an entry among the [extras](crate::kernel::taskmap::Extra).
    pub(crate) const EXTRA: Flags = Flags(1 << 3);
    /// Of a task: it is the root of a `block_on`, and its future lives in the caller's frame.
    pub(crate) const MAIN: Flags = Flags(1 << 4);
    /// Of a task: a wake does not put it on ready; `Hooks::scheduled` puts it where its turns are given.
    pub(crate) const ROUTED: Flags = Flags(1 << 5);
    /// Of a turn or a task: `Hooks::after_turn` is called after the turn.
    pub(crate) const CALL_AFTER: Flags = Flags(1 << 6);
    /// Of a task: `Hooks::exits` is called when it ends, in its turn or not.
    pub(crate) const CALL_EXIT: Flags = Flags(1 << 7);
    /// Of a task: `Hooks::unread` is called before its output is dropped unread.
    pub(crate) const CALL_UNREAD: Flags = Flags(1 << 8);
    /// Of a scheduler: `Hooks::trace` and `Hooks::scheduled` are called for every task.
    pub(crate) const TRACE: Flags = Flags(1 << 9);
    /// Of a scheduler: `Hooks::arrange` is called for every pass.
    pub(crate) const ARRANGE: Flags = Flags(1 << 10);

    /// What matters before a turn, after it, at a wake and at an exit.
    pub(crate) const BEFORE_TURN: Flags = Flags::ABORT.with(Flags::TRACE);
    pub(crate) const AFTER_TURN: Flags = Flags::BEFORE_TURN.with(Flags::CALL_AFTER);
    pub(crate) const AT_WAKE: Flags = Flags::ROUTED.with(Flags::TRACE);
    pub(crate) const AT_EXIT: Flags =
        Flags::DETACHED.with(Flags::EXTRA).with(Flags::CALL_EXIT).with(Flags::TRACE);

    /// Returns whether any of these is set.
    pub(crate) const fn has(self, any: Flags) -> bool {
        self.0 & any.0 != 0
    }

    /// These, and those.
    pub(crate) const fn with(self, more: Flags) -> Flags {
        Flags(self.0 | more.0)
    }

    /// Sets a flag, or clears it.
    pub(crate) fn set(&mut self, flag: Flags, on: bool) {
        *self = if on { self.with(flag) } else { Flags(self.0 & !flag.0) };
    }
}

/// What changes from turn to turn, and is put back when nested turns are over.
#[derive(Clone)]
struct Now {
    /// The scheduler that runs, or whose tasks are being dropped.
    scheduler: Cell<Option<NonZeroU32>>,
    /// Where the innermost run was entered; `None` outside of all runs.
    run: Cell<Option<Place>>,
    /// The task of that scheduler whose turn it is, or just was.
    task: Cell<Option<Key>>,
    /// The address of the bell that is lent to this turn. 0 as soon as the poll has returned: a ring by a destructor
    /// that runs then must not be taken for one inside the turn, or it would be lost.
    bell: Cell<usize>,
    /// What has happened in this turn.
    flags: Cell<Flags>,
    /// One word for each layer that needs one; 0 at the beginning of nested turns. The core gives them no meaning.
    words: [Cell<u32>; 3],
}

/// A word of a turn that belongs to one layer.
pub(crate) enum Word {
    Cancel,
    Limits,
    Time,
}

thread_local! {
    static NOW: Now = const {
        Now {
            scheduler: Cell::new(None),
            run: Cell::new(None),
            task: Cell::new(None),
            bell: Cell::new(0),
            flags: Cell::new(Flags::NONE),
            words: [const { Cell::new(0) }; 3],
        }
    };
    /// The address of the bells' vtable: a foreign waker may carry any number as its data.
    static VTABLE: Cell<usize> = const { Cell::new(0) };
}

/// Notes that a turn begins, with this waker lent to this task.
#[inline]
pub(crate) fn begin_turn(task: Key, waker: &Waker) {
    NOW.with(|now| {
        now.task.set(Some(task));
        now.flags.set(Flags::NONE);
        now.bell.set(waker.data().addr());
    });
}

/// Notes that the poll has returned; says what has happened in it.
#[inline]
pub(crate) fn end_poll() -> Flags {
    NOW.with(|now| {
        now.bell.set(0);
        now.flags.get()
    })
}

/// Notes that the turn is over.
#[inline]
pub(crate) fn end_turn() {
    NOW.with(|now| now.task.set(None));
}

/// Returns whether a task is being polled, and what has happened in its turn so far.
pub(crate) fn in_poll() -> Option<Flags> {
    NOW.with(|now| (now.bell.get() != 0).then(|| now.flags.get()))
}

/// Notes something for the end of this turn.
#[inline]
pub(crate) fn set_turn_flag(flag: Flags) {
    NOW.with(|now| now.flags.set(now.flags.get().with(flag)));
}

/// Rings a bell if it is the one that is lent to the turn on this thread.
#[inline]
pub(crate) fn ring_own(address: usize) -> bool {
    NOW.with(|now| {
        let own = now.bell.get() == address;
        if own {
            now.flags.set(now.flags.get().with(Flags::RUNG));
        }
        own
    })
}

/// The task whose turn it is, if this is the waker lent to it. Only ever inside that turn's poll.
#[inline]
pub(crate) fn owner_of(waker: &Waker) -> Option<TaskKey> {
    NOW.with(|now| {
        let own = waker.data().addr() == now.bell.get()
            && std::ptr::from_ref(waker.vtable()).addr() == VTABLE.get();
        if own { current_task() } else { None }
    })
}

/// The task whose turn it is, or just was.
pub(crate) fn current_task() -> Option<TaskKey> {
    NOW.with(|now| Some(TaskKey { scheduler: now.scheduler.get()?, key: now.task.get()? }))
}

/// The scheduler that runs on this thread, or whose tasks are being dropped.
pub(crate) fn scheduler() -> Option<NonZeroU32> {
    NOW.with(|now| now.scheduler.get())
}

/// Where the innermost run on this thread was entered.
pub(crate) fn run_place() -> Option<Place> {
    NOW.with(|now| now.run.get())
}

/// Notes which vtable bells have. All of them are made in one place, so it is the same for all.
pub(crate) fn set_vtable(waker: &Waker) {
    VTABLE.set(std::ptr::from_ref(waker.vtable()).addr());
}

/// Reads the word of a layer.
#[inline]
pub(crate) fn word(layer: Word) -> u32 {
    NOW.with(|now| now.words[layer as usize].get())
}

/// Sets the word of a layer.
#[inline]
pub(crate) fn set_word(layer: Word, word: u32) {
    NOW.with(|now| now.words[layer as usize].set(word));
}

/// A stretch of time in which a scheduler is the current one. Its end puts back what was before, also when a panic
/// ends it.
pub(crate) struct Entered {
    before: Now,
}

/// Makes a scheduler the current one. `run` is the place where it was told to run, if a run begins.
pub(crate) fn enter(scheduler: NonZeroU32, run: Option<Place>) -> Entered {
    NOW.with(|now| {
        let before = now.clone();
        now.scheduler.set(Some(scheduler));
        now.run.set(run.or(before.run.get()));
        now.task.set(None);
        now.bell.set(0);
        now.words.iter().for_each(|word| word.set(0));
        Entered { before }
    })
}

impl Drop for Entered {
    fn drop(&mut self) {
        NOW.with(|now| {
            now.scheduler.set(self.before.scheduler.get());
            now.run.set(self.before.run.get());
            now.task.set(self.before.task.get());
            now.bell.set(self.before.bell.get());
            now.flags.set(self.before.flags.get());
            for (word, before) in now.words.iter().zip(&self.before.words) {
                word.set(before.get());
            }
        });
    }
}

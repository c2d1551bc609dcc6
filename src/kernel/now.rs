//! Whose turn it is on this thread, and what has happened in it.
//!
//! Plain cells in thread-locals without destructors, so they can be used at any time, even while other thread-locals
//! are being destroyed.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::panic::Location;
use std::task::Waker;

use crate::kernel::id::{Key, TaskKey};

/// A source location.
pub(crate) type Place = &'static Location<'static>;

/// What is unusual about a turn, a task or a whole scheduler, in one word. The main loop tests all flags together: once
/// before a poll, and once after it.
///
/// The kernel acts on the first five itself. The others are the points where layers plug in: each means that
/// [`Hooks`](crate::kernel::scheduler::Hooks) must be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const NONE: Flags = Flags(0);
    /// Of a turn: the task was woken by its own bell.
    pub(crate) const RUNG: Flags = Flags(1);
    /// Of a task: it is dropped at its next turn instead of polled.
    pub(crate) const ABORT: Flags = Flags(1 << 1);
    /// Of a task: its handle was dropped, so its output will not be read.
    pub(crate) const DETACHED: Flags = Flags(1 << 2);
    /// Of a task: it has [extra data](crate::kernel::taskmap::Extra).
    pub(crate) const EXTRA: Flags = Flags(1 << 3);
    /// Of a task: it is the root of a `block_on`, and its future lives in the caller's frame.
    pub(crate) const MAIN: Flags = Flags(1 << 4);
    /// Of a task: a wake does not put it on ready; `Hooks::scheduled` queues it elsewhere.
    pub(crate) const ROUTED: Flags = Flags(1 << 5);
    /// Of a turn or a task: `Hooks::after_turn` is called after the turn.
    pub(crate) const CALL_AFTER: Flags = Flags(1 << 6);
    /// Of a task: `Hooks::exits` is called when it ends, in its turn or outside of it.
    pub(crate) const CALL_EXIT: Flags = Flags(1 << 7);
    /// Of a task: `Hooks::unread` is called before its output is dropped unread.
    pub(crate) const CALL_UNREAD: Flags = Flags(1 << 8);
    /// Of a scheduler: `Hooks::trace` and `Hooks::scheduled` are called for every task.
    pub(crate) const TRACE: Flags = Flags(1 << 9);
    /// Of a scheduler: `Hooks::arrange` is called for every pass.
    pub(crate) const ARRANGE: Flags = Flags(1 << 10);
    /// Of a scheduler: `Hooks::scheduled` is called even for a wake that changes nothing.
    pub(crate) const DETAIL: Flags = Flags(1 << 11);
    /// Of a scheduler: the wake that `Hooks::scheduled` is called for has changed nothing.
    pub(crate) const AGAIN: Flags = Flags(1 << 12);

    /// The flags that are tested before a turn, after it, at a wake and at an exit.
    pub(crate) const BEFORE_TURN: Flags = Flags::ABORT.with(Flags::TRACE);
    pub(crate) const AFTER_TURN: Flags = Flags::BEFORE_TURN.with(Flags::CALL_AFTER);
    pub(crate) const AT_WAKE: Flags = Flags::ROUTED.with(Flags::TRACE);
    pub(crate) const AT_EXIT: Flags =
        Flags::DETACHED.with(Flags::EXTRA).with(Flags::CALL_EXIT).with(Flags::TRACE);

    /// Returns whether any flag of `any` is set.
    pub(crate) const fn has(self, any: Flags) -> bool {
        self.0 & any.0 != 0
    }

    /// Returns the flags of both.
    pub(crate) const fn with(self, more: Flags) -> Flags {
        Flags(self.0 | more.0)
    }

    /// Sets or clears a flag.
    pub(crate) fn set(&mut self, flag: Flags, on: bool) {
        *self = if on { self.with(flag) } else { Flags(self.0 & !flag.0) };
    }
}

/// What changes from turn to turn, and is restored when nested turns end.
#[derive(Clone)]
struct Now {
    /// The scheduler that is running, or whose tasks are being dropped.
    scheduler: Cell<Option<NonZeroU32>>,
    /// Where the innermost run was started; `None` outside of a run.
    run: Cell<Option<Place>>,
    /// The task of that scheduler whose turn it is, or just was.
    task: Cell<Option<Key>>,
    /// The address of the bell that is lent for this turn. 0 as soon as the poll has returned: a destructor that runs
    /// after that may ring the bell, and if that counted as a ring inside the turn, it would be lost.
    bell: Cell<usize>,
    /// What has happened in this turn.
    flags: Cell<Flags>,
    /// One word for each layer that needs one, zeroed when nested turns start. The kernel gives them no meaning.
    words: [Cell<u32>; 3],
}

/// Which layer a word belongs to.
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
    /// The address of the bells' vtable. A waker's data does not suffice to identify a bell: a foreign waker may carry
    /// any number there.
    static VTABLE: Cell<usize> = const { Cell::new(0) };
}

/// Records that a turn starts, with this waker lent to this task.
#[inline]
pub(crate) fn begin_turn(task: Key, waker: &Waker) {
    NOW.with(|now| {
        now.task.set(Some(task));
        now.flags.set(Flags::NONE);
        now.bell.set(waker.data().addr());
    });
}

/// Records that the poll has returned, and returns what has happened in it.
#[inline]
pub(crate) fn end_poll() -> Flags {
    NOW.with(|now| {
        now.bell.set(0);
        now.flags.get()
    })
}

/// Records that the turn has ended.
#[inline]
pub(crate) fn end_turn() {
    NOW.with(|now| now.task.set(None));
}

/// Returns the flags set so far in the current turn, if a task is being polled.
pub(crate) fn in_poll() -> Option<Flags> {
    NOW.with(|now| (now.bell.get() != 0).then(|| now.flags.get()))
}

/// Sets a flag that is read at the end of this turn.
#[inline]
pub(crate) fn set_turn_flag(flag: Flags) {
    NOW.with(|now| now.flags.set(now.flags.get().with(flag)));
}

/// Rings the bell at this address if it is the one lent for the current turn; returns whether it is.
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

/// Returns the task whose turn it is, if this is the waker lent to it; `None` outside of that turn's poll.
#[inline]
pub(crate) fn owner_of(waker: &Waker) -> Option<TaskKey> {
    NOW.with(|now| {
        let own = waker.data().addr() == now.bell.get()
            && std::ptr::from_ref(waker.vtable()).addr() == VTABLE.get();
        if own { current_task() } else { None }
    })
}

/// Returns the task whose turn it is, or just was.
pub(crate) fn current_task() -> Option<TaskKey> {
    NOW.with(|now| Some(TaskKey { scheduler: now.scheduler.get()?, key: now.task.get()? }))
}

/// Returns the scheduler that is running on this thread, or whose tasks are being dropped.
pub(crate) fn scheduler() -> Option<NonZeroU32> {
    NOW.with(|now| now.scheduler.get())
}

/// Returns the scheduler, and the task of it whose turn it is, or just was: the parts of [`current_task`], unchecked.
#[inline]
pub(crate) fn running() -> (Option<NonZeroU32>, Option<Key>) {
    NOW.with(|now| (now.scheduler.get(), now.task.get()))
}

/// Returns where the innermost run on this thread was started.
pub(crate) fn run_place() -> Option<Place> {
    NOW.with(|now| now.run.get())
}

/// Records the vtable of bells. They are all created in one place, so it is the same for all.
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

/// A scheduler is the current one while this exists. Dropping it restores the previous state, also when unwinding.
pub(crate) struct Entered {
    before: Now,
}

/// Makes a scheduler the current one. `run` is the place where a run starts, if one does.
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
            std::iter::zip(&now.words, &self.before.words).for_each(|(to, old)| to.set(old.get()));
        });
    }
}

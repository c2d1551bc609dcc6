//! The scheduler: its board, how a task gets onto ready, and the hooks for the layers above.
//!
//! `spawn` puts a task into the task map and on ready; `schedule` puts a waiting task on ready again. What happens next
//! is in `mainloop.rs`.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell, RefMut};
use std::mem::{self, ManuallyDrop};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kernel::id::{Key, TaskId, TaskKey};
use crate::kernel::mailbox::{Letter, Mailbox};
use crate::kernel::now::{self, Flags, Place};
use crate::kernel::ready::Ready;
use crate::kernel::task::{Boxed, Ending, Failure};
use crate::kernel::taskmap::{SlotState, SpawnMeta, TaskMap};
use crate::kernel::waker::{Bells, Waiter};

/// The state that a scheduler, its handles and its thread share.
pub(crate) struct Kernel {
    pub(crate) id: NonZeroU32,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Never borrowed while user code runs: polls, destructors, wakers, callbacks.
    pub(crate) board: RefCell<Board>,
    pub(crate) hooks: Rc<dyn Hooks>,
    /// Where the current run was started; `None` between runs.
    pub(crate) running: Cell<Option<Place>>,
    /// From this turn on, [`Hooks::look_around`] is due, even if tasks are ready.
    pub(crate) look_again: Cell<u64>,
    /// The run ends at the next `look_around`.
    pub(crate) stop: Cell<bool>,
    /// All tasks are being dropped: nothing new is started.
    pub(crate) is_ending: Cell<bool>,
    /// The scheduler was dropped; the rest is kept for its handles.
    pub(crate) is_closed: Cell<bool>,
    /// Unwanted outputs are being dropped, further up the stack.
    pub(crate) discarding: Cell<bool>,
}

/// Everything that changes from turn to turn.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) taskmap: TaskMap,
    pub(crate) ready: Ready,
    pub(crate) bells: Bells,
    /// The flags that hold for every task.
    pub(crate) flags: Flags,
    /// The number of turns given so far.
    pub(crate) turns: u64,
    /// The number of letters received so far.
    pub(crate) letters: u64,
    /// An empty vector, swapped with the mailbox's letters to reuse its capacity.
    pub(crate) read_letters: Vec<Letter>,
    /// Finished tasks whose outputs are waiting to be dropped, with their slots.
    pub(crate) discarded: Vec<(u32, Boxed)>,
}

/// The board while it is borrowed, as between two turns.
pub(crate) type Held<'k> = RefMut<'k, Board>;

/// What the layers above add to the executor. Called out of line and, unless noted otherwise, with nothing borrowed.
/// Most methods are called only if a flag is set; `idle` is called when nothing is ready, `look_around` between passes,
/// `part` when a layer looks up its data.
pub(crate) trait Hooks {
    /// A task was spawned, starts a turn, has ended one, or has exited ([`Flags::TRACE`]).
    fn trace(&self, _kernel: &Kernel, _key: Key, _event: TaskEvent) {}

    /// A task has panicked, with this payload, and is about to exit ([`Flags::TRACE`]). Not called for a root, whose
    /// panic unwinds, and for the child of a scope, which has the payload. The board is borrowed.
    fn panicked(&self, _kernel: &Kernel, _task: Option<TaskId>, _payload: &(dyn Any + Send)) {}

    /// A task was woken. With [`Flags::ROUTED`], it is on no queue yet; with [`Flags::TRACE`], the wake is traced; if
    /// the scheduler has [`Flags::AGAIN`], which the hook clears, the wake has changed nothing.
    fn scheduled(&self, _kernel: &Kernel, _key: Key, _by: By) {}

    /// A turn has ended, and perhaps the task ([`Flags::CALL_AFTER`]). `flags` are those of the turn and, unless the
    /// task has ended, of the task. To end the task now, the hook [flags](Kernel::mark) it.
    fn after_turn(&self, _kernel: &Kernel, _key: Key, _flags: Flags, _is_over: bool) {}

    /// A task has ended, in its turn or outside of it, and is about to leave the map ([`Flags::CALL_EXIT`]).
    fn exits(&self, _kernel: &Kernel, _key: Key) {}

    /// The output of a task is about to be dropped unread ([`Flags::CALL_UNREAD`], or the task panicked).
    fn unread(&self, _kernel: &Kernel, _slot: u32, _left: &mut Boxed) {}

    /// Reorders a pass ([`Flags::ARRANGE`]). It may move tasks from the pass to the next one, but not all of them. The
    /// board is borrowed.
    fn arrange(&self, _: &Kernel, _: &TaskMap, _pass: &mut Vec<u32>, _next: &mut Vec<u32>) {}

    /// Checks every source of wakes except the mailbox, although tasks may be ready, and sets the turn of the next call
    /// (`Kernel::look_again`). A run with a root passes its key.
    fn look_around(&self, kernel: &Kernel, root: Option<Key>);

    /// Nothing is ready: waits for a wake, or ends the run. Unless `may_wait`, it neither sleeps nor moves a clock. A
    /// run without a root ends with its last task.
    fn idle(&self, kernel: &Kernel, root: Option<Key>, may_wait: bool) -> Idle;

    /// Returns what a layer keeps with a scheduler, by its type.
    fn part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>>;
}

/// What a run does when nothing is ready.
pub(crate) enum Idle {
    /// Continue: a task may be ready now.
    Go,
    /// End the run.
    Over,
    /// Nothing can ever run again.
    Stuck,
}

/// What [`Hooks::trace`] receives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TaskEvent {
    Spawned,
    TurnBegins,
    /// `true` if the task yields, `false` if it waits.
    TurnEnds(bool),
    /// The task has had its last turn, and is still in the map.
    LastTurnEnds(Ending),
    /// The task has left the map, or will when its output is taken. Its key may be stale.
    Exited(TaskId, Ending),
}

/// What woke a task.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// The task whose turn it is on this thread, if there is one.
    Current,
    Task(TaskId),
    Timer,
    Mail,
}

impl Board {
    /// The slides' `schedule`: puts a waiting task on ready, once however often it is woken. If it returns `true`, the
    /// caller must call [`Kernel::after_schedule`] next, with nothing borrowed.
    #[inline(always)]
    #[must_use]
    pub(crate) fn schedule(&mut self, key: Key) -> bool {
        let Some(slot) = self.taskmap.get_mut(key) else { return false };
        match slot.state {
            SlotState::Idle => {
                slot.state = SlotState::Queued;
                let flags = slot.flags.with(self.flags);
                if !slot.flags.has(Flags::ROUTED) {
                    self.ready.push(key.slot);
                }
                flags.has(Flags::AT_WAKE)
            }
            SlotState::Turn => {
                slot.state = SlotState::Notified;
                false
            }
            SlotState::Queued | SlotState::Notified | SlotState::Done | SlotState::Vacant => {
                self.flags.set(Flags::AGAIN, self.flags.has(Flags::DETAIL));
                self.flags.has(Flags::AGAIN)
            }
        }
    }
}

impl Kernel {
    pub(crate) fn new(hooks: Rc<dyn Hooks>) -> Rc<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        // Relaxed: all that matters is that the numbers differ.
        let next = || NonZeroU32::new(NUMBERS.fetch_add(1, Ordering::Relaxed));
        let id = next().or_else(next).expect("no two numbers in a row are zero");
        let kernel = Rc::new(Kernel {
            id,
            mailbox: Arc::new(Mailbox::new(id, schedule_here)),
            board: RefCell::default(),
            hooks,
            running: Cell::new(None),
            look_again: Cell::new(0),
            stop: Cell::new(false),
            is_ending: Cell::new(false),
            is_closed: Cell::new(false),
            discarding: Cell::new(false),
        });
        SCHEDULERS.with(|all| all.borrow_mut().push(Rc::clone(&kernel)));
        kernel
    }

    /// Creates a task and puts it on ready.
    #[inline]
    pub(crate) fn spawn<F: Future + 'static>(
        &self,
        target: F,
        meta: SpawnMeta,
        name: Option<Arc<str>>,
    ) -> (u32, TaskId) {
        let (key, id, is_traced) = {
            let board = &mut *self.board.borrow_mut();
            let (key, id) = board.taskmap.insert(target, meta);
            if name.is_some() {
                board.taskmap.extra_mut(key.slot).name = name;
            }
            board.ready.push(key.slot);
            (key, id, board.flags.has(Flags::TRACE))
        };
        if is_traced {
            self.trace(key, TaskEvent::Spawned);
        }
        (key.slot, id)
    }

    /// Creates a task whose future lives elsewhere; the caller queues it.
    pub(crate) fn insert_external(&self, meta: SpawnMeta, name: Option<Arc<str>>) -> (Key, TaskId) {
        let board = &mut *self.board.borrow_mut();
        let (key, id) = board.taskmap.insert_external(meta);
        if name.is_some() {
            board.taskmap.extra_mut(key.slot).name = name;
        }
        (key, id)
    }

    /// Puts a waiting task on ready, for callers that have the scheduler at hand; the function [`schedule`] finds it by
    /// the task's key. Both end in [`Board::schedule`], as do an exit, a timer and a letter.
    #[inline]
    pub(crate) fn schedule(&self, key: Key, by: By) {
        let needs_slow_path = self.board.borrow_mut().schedule(key);
        if needs_slow_path {
            self.after_schedule(key, by);
        }
    }

    /// Completes a wake for which [`Board::schedule`] returned `true`: a flag requires a call to the layers.
    #[cold]
    pub(crate) fn after_schedule(&self, key: Key, by: By) {
        self.hooks.scheduled(self, key, by);
    }

    #[cold]
    pub(crate) fn trace(&self, key: Key, event: TaskEvent) {
        self.hooks.trace(self, key, event);
    }

    /// Flags a task to be dropped at its next turn, and puts it on ready for that.
    pub(crate) fn abort(&self, slot: u32, id: TaskId) {
        {
            let mut board = self.board.borrow_mut();
            let task = board.taskmap.get_by_id(slot, id).filter(|task| task.is_alive());
            let Some(task) = task else { return };
            task.flags.set(Flags::ABORT, true);
        }
        self.schedule(id.key(slot), By::Current);
    }

    /// Flags a task to be dropped with this failure instead of having another turn. Returns `false` if it is already
    /// flagged, has ended, or is the root of a `block_on`, whose caller waits for its output.
    pub(crate) fn mark(&self, key: Key, failure: Failure) -> bool {
        let mut board = self.board.borrow_mut();
        let spared = Flags::ABORT.with(Flags::MAIN);
        match board.taskmap.get_mut(key) {
            Some(task) if task.is_alive() && !task.flags.has(spared) => {
                task.flags.set(Flags::ABORT, true);
            }
            _ => return false,
        }
        board.taskmap.extra_mut(key.slot).failure = Some(failure);
        true
    }

    /// Ends the run at its next `look_around`, which comes after the current pass.
    pub(crate) fn stop_run(&self) {
        self.stop.set(true);
        self.look_again.set(0);
    }

    /// Sets or clears a flag of a task.
    pub(crate) fn set_flag(&self, key: Key, flag: Flags, on: bool) {
        if let Some(slot) = self.board.borrow_mut().taskmap.get_mut(key) {
            slot.flags.set(flag, on);
        }
    }

    /// Returns whether every task is traced.
    pub(crate) fn is_traced(&self) -> bool {
        self.board.borrow().flags.has(Flags::TRACE)
    }

    /// Returns what a layer above keeps with this scheduler.
    pub(crate) fn part<T: 'static>(&self) -> Option<Rc<T>> {
        self.hooks.part(self, TypeId::of::<T>())?.downcast().ok()
    }
}

impl Waiter {
    /// Wakes the task, or calls the foreign waker. That may run any code, so nothing should be borrowed.
    ///
    /// Does nothing if the task or its scheduler is gone.
    ///
    /// # Panics
    ///
    /// If a foreign waker panics.
    pub fn wake(self) {
        match (self.waker, self.task) {
            (Some(waker), _) => waker.wake(),
            (None, Some(task)) => schedule(task),
            (None, None) => {}
        }
    }
}

// ----- the schedulers of this thread -----

thread_local! {
    /// Has no destructor, so that it can be used while other thread-locals are being destroyed.
    static SCHEDULERS: RefCell<ManuallyDrop<Schedulers>> = const {
        RefCell::new(ManuallyDrop::new(Schedulers { last: None, others: Vec::new() }))
    };
}

/// The schedulers of a thread, in the order in which they were created.
struct Schedulers {
    /// Usually the only one, and usually the one that is running.
    last: Option<Rc<Kernel>>,
    others: Vec<Rc<Kernel>>,
}

impl Schedulers {
    #[inline]
    fn find(&self, scheduler: NonZeroU32) -> Option<&Rc<Kernel>> {
        match &self.last {
            Some(last) if last.id == scheduler => Some(last),
            _ => self.others.iter().rev().find(|kernel| kernel.id == scheduler),
        }
    }

    fn push(&mut self, kernel: Rc<Kernel>) {
        self.others.extend(self.last.replace(kernel));
    }

    fn remove(&mut self, scheduler: NonZeroU32) -> Option<Rc<Kernel>> {
        let gone = if self.last.as_ref().is_some_and(|last| last.id == scheduler) {
            mem::replace(&mut self.last, self.others.pop())
        } else {
            let position = self.others.iter().position(|kernel| kernel.id == scheduler)?;
            Some(self.others.remove(position))
        };
        if self.others.is_empty() && self.others.capacity() > 0 {
            self.others = Vec::new(); // No destructor will free the buffer.
        }
        gone
    }
}

/// Returns the scheduler that is running on this thread.
#[inline]
pub(crate) fn current() -> Option<Rc<Kernel>> {
    find(now::scheduler()?)
}

/// Returns the scheduler of this thread with this number.
#[inline]
pub(crate) fn find(scheduler: NonZeroU32) -> Option<Rc<Kernel>> {
    SCHEDULERS.with(|all| all.borrow().find(scheduler).cloned())
}

/// Returns the schedulers of this thread, in the order in which they were created.
pub(crate) fn schedulers() -> Vec<Rc<Kernel>> {
    SCHEDULERS.with_borrow(|all| all.others.iter().chain(&all.last).cloned().collect())
}

/// Puts a waiting task of any scheduler on this thread on ready; does nothing if the task or the scheduler is gone.
#[inline]
pub(crate) fn schedule(task: TaskKey) {
    let more = SCHEDULERS.with(|all| {
        let all = all.borrow();
        let kernel = all.find(task.scheduler)?;
        let needs_slow_path = kernel.board.borrow_mut().schedule(task.key);
        needs_slow_path.then(|| Rc::clone(kernel))
    });
    if let Some(kernel) = more {
        kernel.after_schedule(task.key, By::Current);
    }
}

/// Schedules a task for its bell; returns `false` if this is not the scheduler's thread, or the scheduler is gone.
fn schedule_here(scheduler: NonZeroU32, key: Key) -> bool {
    find(scheduler).map(|kernel| kernel.schedule(key, By::Current)).is_some()
}

/// Returns whether there is a scheduler on this thread.
pub(crate) fn has_schedulers() -> bool {
    SCHEDULERS.with(|all| all.borrow().last.is_some())
}

/// Removes a scheduler that is being dropped from its thread's list.
pub(crate) fn unregister(scheduler: NonZeroU32) {
    let gone = SCHEDULERS.with(|all| all.borrow_mut().remove(scheduler));
    drop(gone);
}

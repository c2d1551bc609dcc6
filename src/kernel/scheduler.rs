//! The scheduler: what it has on its board, how a task gets on ready, and where the layers above plug in.
//!
//! `spawn` puts a task into the task map and on ready, `schedule` puts a waiting one on ready again. What happens next
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

/// What a scheduler, its handles and its thread share.
pub(crate) struct Kernel {
    pub(crate) id: NonZeroU32,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Never borrowed while user code runs: polls, destructors, wakers, callbacks.
    pub(crate) board: RefCell<Board>,
    pub(crate) hooks: Rc<dyn Hooks>,
    /// Where it was told to run, while it runs.
    pub(crate) running: Cell<Option<Place>>,
    /// The turn at which hooks look around even though tasks are ready.
    pub(crate) look_again: Cell<u64>,
    /// The run ends at the next look.
    pub(crate) stop: Cell<bool>,
    /// All tasks are being dropped: nothing new is begun.
    pub(crate) is_ending: Cell<bool>,
    /// The scheduler was dropped; what is left serves its handles.
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
    /// What is unusual about all tasks alike.
    pub(crate) flags: Flags,
    /// How many turns were given.
    pub(crate) turns: u64,
    /// How many letters came.
    pub(crate) letters: u64,
    /// An empty vector, to be exchanged for the letters in the mailbox.
    pub(crate) read_letters: Vec<Letter>,
    /// Finished tasks, by slot, whose outputs are to be dropped.
    pub(crate) discarded: Vec<(u32, Boxed)>,
}

/// The board while it is held, as between two turns.
pub(crate) type Held<'k> = RefMut<'k, Board>;

/// What the layers above add to the executor. Called out of line, with nothing borrowed unless it says so. Most
/// methods are called only where a flag says so; `idle` when nothing is ready, `look_around` between passes, `part` when a
/// layer asks.
pub(crate) trait Hooks {
    /// A task was made, begins a turn, has ended one, or is over ([`Flags::TRACE`]).
    fn trace(&self, _kernel: &Kernel, _key: Key, _event: TaskEvent) {}

    /// A task was woken. [`Flags::ROUTED`]: it is on no queue yet. [`Flags::TRACE`]: the wake is traced.
    fn scheduled(&self, _kernel: &Kernel, _key: Key, _by: By) {}

    /// A turn is over, and perhaps the task ([`Flags::CALL_AFTER`]). `flags` are those of the turn, and of the task
    /// if it is not over. A task that has to end now is [marked](Kernel::mark).
    fn after_turn(&self, _kernel: &Kernel, _key: Key, _flags: Flags, _is_over: bool) {}

    /// A task is over, in its turn or not, and is about to leave the map ([`Flags::CALL_EXIT`]).
    fn exits(&self, _kernel: &Kernel, _key: Key) {}

    /// What a task has left is about to be dropped unread ([`Flags::CALL_UNREAD`], or it panicked).
    fn unread(&self, _kernel: &Kernel, _slot: u32, _left: &mut Boxed) {}

    /// Puts a pass in order ([`Flags::ARRANGE`]). It may move tasks from the pass to the next one, but not all of them.
    /// The board is borrowed.
    fn arrange(&self, _taskmap: &TaskMap, _pass: &mut Vec<u32>, _next: &mut Vec<u32>) {}

    /// Looks at everything but the mailbox from which a wake can come, although tasks are ready. Returns how many turns
    /// may be given until the next look.
    fn look_around(&self, kernel: &Kernel) -> u64;

    /// Nothing is ready. Unless the run `may_wait`, this neither sleeps nor moves a clock. If the run has no root, it
    /// ends with its last task.
    fn idle(&self, kernel: &Kernel, has_root: bool, may_wait: bool) -> Idle;

    /// What a layer keeps with a scheduler, by its type.
    fn part(&self, kernel: &Kernel, kind: TypeId) -> Option<Rc<dyn Any>>;
}

/// What a run does when nothing is ready.
pub(crate) enum Idle {
    /// Something may be ready by now.
    Go,
    /// The run is over.
    Over,
    /// Nothing can ever run again.
    Stuck,
}

/// What the hooks trace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TaskEvent {
    Spawned,
    TurnBegins,
    /// The task yields, if this is `true`, or else waits.
    TurnEnds(bool),
    /// That was the last turn of the task, which is still in the map.
    LastTurnEnds(Ending),
    /// The task has left the map, or will as soon as its output is taken. It may be gone.
    Exited(TaskId, Ending),
}

/// What has woken a task.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// The task whose turn it is on this thread, if there is one.
    Current,
    Task(TaskId),
    Timer,
    Mail,
}

impl Board {
    /// The slides' `schedule`: puts a task on ready, once. `true` if that is not all: [`Kernel::after_schedule`] is the
    /// caller's next step, with nothing borrowed.
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
            SlotState::Queued | SlotState::Notified | SlotState::Done | SlotState::Vacant => false,
        }
    }
}

impl Kernel {
    pub(crate) fn new(hooks: Rc<dyn Hooks>) -> Rc<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        let id = loop {
            // Relaxed: only the number itself has to be different.
            if let Some(id) = NonZeroU32::new(NUMBERS.fetch_add(1, Ordering::Relaxed)) {
                break id;
            }
        };
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

    /// Makes a task and puts it on ready; its first turn comes when it comes.
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

    /// Makes a task whose future lives elsewhere; the caller queues it.
    pub(crate) fn insert_external(&self, meta: SpawnMeta, name: Option<Arc<str>>) -> (Key, TaskId) {
        let board = &mut *self.board.borrow_mut();
        let (key, id) = board.taskmap.insert_external(meta);
        if name.is_some() {
            board.taskmap.extra_mut(key.slot).name = name;
        }
        (key, id)
    }

    /// Puts a waiting task on ready, for what has the scheduler at hand; [`schedule`] finds it by the task's key. Both
    /// come down to [`Board::schedule`], as an exit, a timer and a letter do.
    #[inline]
    pub(crate) fn schedule(&self, key: Key, by: By) {
        let has_more = self.board.borrow_mut().schedule(key);
        if has_more {
            self.after_schedule(key, by);
        }
    }

    /// What is left to do for a task that was put on ready, if a flag says that there is something.
    #[cold]
    pub(crate) fn after_schedule(&self, key: Key, by: By) {
        self.hooks.scheduled(self, key, by);
    }

    #[cold]
    pub(crate) fn trace(&self, key: Key, event: TaskEvent) {
        self.hooks.trace(self, key, event);
    }

    /// Marks a task to be dropped at its next turn, and puts it on ready for that.
    pub(crate) fn abort(&self, slot: u32, id: TaskId) {
        {
            let mut board = self.board.borrow_mut();
            let task = board.taskmap.get_by_id(slot, id).filter(|task| task.is_alive());
            let Some(task) = task else { return };
            task.flags.set(Flags::ABORT, true);
        }
        self.schedule(id.key(slot), By::Current);
    }

    /// Marks a task to be dropped with this failure instead of having another turn; `false` if it is marked already, or
    /// is over. The root of a `block_on` is not ended so: its output is waited for.
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

    /// Ends the run at its next look, which comes after the turn under way.
    pub(crate) fn stop_run(&self) {
        self.stop.set(true);
        self.look_again.set(0);
    }

    /// Sets a flag of a task, or clears it.
    pub(crate) fn set_flag(&self, key: Key, flag: Flags, on: bool) {
        if let Some(slot) = self.board.borrow_mut().taskmap.get_mut(key) {
            slot.flags.set(flag, on);
        }
    }

    /// Whether the hooks trace every task.
    pub(crate) fn is_traced(&self) -> bool {
        self.board.borrow().flags.has(Flags::TRACE)
    }

    /// What a layer above keeps with this scheduler.
    pub(crate) fn part<T: 'static>(&self) -> Option<Rc<T>> {
        self.hooks.part(self, TypeId::of::<T>())?.downcast().ok()
    }
}

impl Waiter {
    /// Wakes it. May run a foreign waker's code, so nothing should be borrowed.
    ///
    /// A task or scheduler that is gone is woken in vain.
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
    /// Without a destructor, so that it can be used while other thread-locals are being destroyed.
    static SCHEDULERS: RefCell<ManuallyDrop<Schedulers>> = const {
        RefCell::new(ManuallyDrop::new(Schedulers { last: None, others: Vec::new() }))
    };
}

/// The schedulers that live on a thread, in the order in which they were made.
struct Schedulers {
    /// Mostly the only one, and mostly the one that runs.
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
            self.others = Vec::new(); // No destructor frees the buffer.
        }
        gone
    }
}

/// The scheduler that runs on this thread.
#[inline]
pub(crate) fn current() -> Option<Rc<Kernel>> {
    find(now::scheduler()?)
}

/// A scheduler of this thread by its number.
#[inline]
pub(crate) fn find(scheduler: NonZeroU32) -> Option<Rc<Kernel>> {
    SCHEDULERS.with(|all| all.borrow().find(scheduler).cloned())
}

/// Puts a waiting task of any scheduler on this thread on ready; in vain if the task or the scheduler is gone.
#[inline]
pub(crate) fn schedule(task: TaskKey) {
    let more = SCHEDULERS.with(|all| {
        let all = all.borrow();
        let kernel = all.find(task.scheduler)?;
        let has_more = kernel.board.borrow_mut().schedule(task.key);
        has_more.then(|| Rc::clone(kernel))
    });
    if let Some(kernel) = more {
        kernel.after_schedule(task.key, By::Current);
    }
}

/// What a bell rings when it is on the thread of its scheduler.
fn schedule_here(scheduler: NonZeroU32, key: Key) -> bool {
    find(scheduler).map(|kernel| kernel.schedule(key, By::Current)).is_some()
}

/// Returns whether there is a scheduler on this thread.
pub(crate) fn has_schedulers() -> bool {
    SCHEDULERS.with(|all| all.borrow().last.is_some())
}

/// Removes a scheduler that is being dropped.
pub(crate) fn move_out(scheduler: NonZeroU32) {
    let gone = SCHEDULERS.with(|all| all.borrow_mut().remove(scheduler));
    drop(gone);
}

//! What a thread knows about turnwise: whose turn it is, and which schedulers live here.
//!
//! Plain cells in one thread-local without a destructor, so it can be used at any time, also while other
//! thread-locals are being destroyed.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::num::NonZeroU32;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::task::Waker;

use crate::cancel::Regions;
use crate::kernel::id::{Key, TaskKey};
use crate::kernel::now::{Noted, Now};
use crate::kernel::scheduler::Kernel;
use crate::kernel::taskmap::Put;
use crate::report::Place;
use crate::report::Waited;
use crate::sync::Waits;

struct Thread {
    now: Now,
    /// Address of the bells' vtable: a foreign waker may carry any number as its data.
    vtable: Cell<usize>,
    /// The schedulers that live on this thread, the running one mostly last. The last one to leave frees
    /// the buffer, since there is no destructor to do it.
    schedulers: RefCell<ManuallyDrop<Vec<Rc<Kernel>>>>,
    waited: RefCell<ManuallyDrop<Registry>>,
    waits: RefCell<ManuallyDrop<Waits>>,
    /// The turn in which a task ended that was joined since somebody looked; 0 if none was.
    ended: Cell<u64>,
    regions: RefCell<ManuallyDrop<Regions>>,
    /// How often a region was left unhung: a copy, since combinators look at it before each poll.
    left: Cell<u32>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            now: Now::new(),
            vtable: Cell::new(0),
            schedulers: RefCell::new(ManuallyDrop::new(Vec::new())),
            waited: RefCell::new(ManuallyDrop::new(Registry { entries: Vec::new(), vacant: Vec::new() })),
            waits: RefCell::new(ManuallyDrop::new(Waits::new())),
            ended: Cell::new(0),
            regions: RefCell::new(ManuallyDrop::new(Regions::new())),
            left: Cell::new(0),
        }
    };
}

// ----- whose turn it is -----

/// Notes that a turn begins, with this waker lent to this task.
#[inline]
pub(crate) fn begin_turn(task: Key, waker: &Waker) {
    THREAD.with(|thread| {
        thread.now.task.set(Some(task));
        thread.now.noted.set(Noted::NOTHING);
        thread.now.bell.set(waker.data().addr());
    });
}

/// Notes that the poll has returned; tells what has happened in it.
#[inline]
pub(crate) fn end_poll() -> Noted {
    THREAD.with(|thread| {
        thread.now.bell.set(0);
        thread.now.noted.get()
    })
}

/// What has happened in this turn up to now.
pub(crate) fn noted() -> Noted {
    THREAD.with(|thread| thread.now.noted.get())
}

/// Notes that the turn is over.
#[inline]
pub(crate) fn end_turn() {
    THREAD.with(|thread| thread.now.task.set(None));
}

/// Rings a bell if it is the one that is lent to the turn on this thread.
#[inline]
pub(crate) fn ring_own(address: usize) -> bool {
    THREAD.with(|thread| {
        let own = thread.now.bell.get() == address;
        if own {
            let noted = thread.now.noted.get();
            thread.now.noted.set(noted.rung());
        }
        own
    })
}

/// The task whose turn it is, if this is the waker lent to it. Only true inside that turn's poll.
#[inline]
pub(crate) fn owner_of(waker: &Waker) -> Option<TaskKey> {
    THREAD.with(|thread| {
        let now = &thread.now;
        let own = waker.data().addr() == now.bell.get()
            && std::ptr::from_ref(waker.vtable()).addr() == thread.vtable.get();
        if own { now.task() } else { None }
    })
}

/// The task whose turn it is.
pub(crate) fn current_task() -> Option<TaskKey> {
    THREAD.with(|thread| thread.now.task())
}

/// Notes the turn in which a task ended whose output is being taken.
#[inline]
pub(crate) fn note_end(turn: u64) {
    THREAD.with(|thread| thread.ended.set(turn));
}

/// The turn that was noted last, if there was one since the last call. So whoever polls several futures, some
/// of which are handles, knows which of their tasks ended first.
pub(crate) fn take_end() -> Option<u64> {
    THREAD.with(|thread| thread.ended.replace(0)).checked_sub(1)
}

/// Sets whether the waits that are over from now on are counted.
pub(crate) fn set_metered(metered: bool) {
    THREAD.with(|thread| thread.now.metered.set(metered));
}

/// Returns whether the waits that are over are counted.
#[inline]
pub(crate) fn is_metered() -> bool {
    THREAD.with(|thread| thread.now.metered.get())
}

// ----- runs -----

/// A stretch of time in which a scheduler is the current one. Its end puts back what was before, also
/// when a panic ends it.
pub(crate) struct Entered {
    before: Now,
}

/// Makes a scheduler the current one. `run` is the place where it was told to run.
pub(crate) fn enter(scheduler: NonZeroU32, run: Option<&'static Location<'static>>) -> Entered {
    THREAD.with(|thread| {
        let before = thread.now.clone();
        thread.now.scheduler.set(Some(scheduler));
        thread.now.run.set(run.or(before.run.get()));
        thread.now.task.set(None);
        thread.now.bell.set(0);
        thread.now.metered.set(false);
        thread.now.due.set(0);
        Entered { before }
    })
}

/// The same for turns that are nested in the present one: a timeout further up the stack concerns them too.
pub(crate) fn enter_nested(scheduler: NonZeroU32, run: Place) -> Entered {
    let entered = enter(scheduler, Some(run));
    THREAD.with(|thread| thread.now.due.set(entered.before.due.get()));
    entered
}

/// Notes which vtable bells have. All of them are made in one place, so it is the same for all.
pub(crate) fn set_vtable(waker: &Waker) {
    THREAD.with(|thread| thread.vtable.set(std::ptr::from_ref(waker.vtable()).addr()));
}

impl Drop for Entered {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.now.put_back(&self.before));
    }
}

/// Returns whether this scheduler runs on this thread, and no other inside of it.
pub(crate) fn is_current(scheduler: NonZeroU32) -> bool {
    THREAD.with(|thread| thread.now.scheduler.get()) == Some(scheduler)
}

/// Where the innermost run on this thread was entered.
pub(crate) fn run_place() -> Option<&'static Location<'static>> {
    THREAD.with(|thread| thread.now.run.get())
}

// ----- the schedulers of this thread -----

/// The scheduler that runs on this thread.
pub(crate) fn current() -> Option<Rc<Kernel>> {
    find(THREAD.with(|thread| thread.now.scheduler.get())?)
}

/// A scheduler of this thread by its number. Searched from the end, where the running one mostly is.
pub(crate) fn find(scheduler: NonZeroU32) -> Option<Rc<Kernel>> {
    THREAD.with(|thread| {
        let schedulers = thread.schedulers.borrow();
        schedulers.iter().rev().find(|kernel| kernel.id == scheduler).cloned()
    })
}

/// Schedules a task of any scheduler on this thread; in vain if one or the other is gone.
#[inline]
pub(crate) fn schedule(task: TaskKey) {
    let rest = THREAD.with(|thread| {
        let schedulers = thread.schedulers.borrow();
        let kernel = match schedulers.last() {
            Some(last) if last.id == task.scheduler => last, // Mostly it is this one.
            _ => schedulers.iter().find(|kernel| kernel.id == task.scheduler)?,
        };
        if kernel.watched.get() {
            // Whoever watches runs code of his own, so nothing may be borrowed.
            return Some((Rc::clone(kernel), Put::Nowhere));
        }
        // The same for whoever polls a scope, whose child this may be.
        let put = kernel.board.borrow_mut().schedule(task.key);
        (put == Put::AtHost).then(|| (Rc::clone(kernel), put))
    });
    match rest {
        None => {}
        Some((kernel, Put::AtHost)) => kernel.ring_host(task.key),
        Some((kernel, _)) => kernel.schedule(task.key),
    }
}

/// Adds a new scheduler to this thread.
pub(crate) fn move_in(kernel: Rc<Kernel>) {
    THREAD.with(|thread| {
        thread.schedulers.borrow_mut().push(kernel);
        thread.waits.borrow_mut().warm();
        thread.regions.borrow_mut().warm();
    });
}

/// Removes a scheduler that is being dropped.
pub(crate) fn move_out(scheduler: NonZeroU32) {
    let gone = THREAD.with(|thread| {
        let mut schedulers = thread.schedulers.borrow_mut();
        let position = schedulers.iter().rposition(|kernel| kernel.id == scheduler);
        let kernel = position.map(|position| schedulers.remove(position));
        if schedulers.is_empty() {
            // `ManuallyDrop` frees nothing by itself: the old buffer is taken out and dropped.
            drop(mem::take(&mut **schedulers));
            thread.waits.borrow_mut().cool();
            thread.regions.borrow_mut().cool();
        }
        kernel
    });
    drop(gone);
}

// ----- what is waited for -----

/// Everything on this thread that was ever waited for and still exists.
struct Registry {
    entries: Vec<Option<Weak<dyn Waited>>>,
    vacant: Vec<usize>,
}

/// Adds something that tasks wait for; the number is for [`unregister`].
pub(crate) fn register(waited: Weak<dyn Waited>) -> usize {
    THREAD.with(|thread| {
        let mut registry = thread.waited.borrow_mut();
        if let Some(number) = registry.vacant.pop() {
            registry.entries[number] = Some(waited);
            return number;
        }
        registry.entries.push(Some(waited));
        registry.entries.len() - 1
    })
}

/// Removes it again.
pub(crate) fn unregister(number: usize) {
    let gone = THREAD.with(|thread| {
        let mut registry = thread.waited.borrow_mut();
        let gone = registry.entries.get_mut(number).and_then(Option::take);
        registry.vacant.push(number);
        if registry.vacant.len() == registry.entries.len() {
            // Nothing is left: the buffers are freed, since no destructor will do it.
            registry.entries = Vec::new();
            registry.vacant = Vec::new();
        }
        gone
    });
    drop(gone);
}

/// Everything that is registered, held so that it can be asked with nothing borrowed.
pub(crate) fn all_waited() -> Vec<Rc<dyn Waited>> {
    THREAD.with(|thread| {
        let registry = thread.waited.borrow();
        registry.entries.iter().flatten().filter_map(Weak::upgrade).collect()
    })
}

// ----- who waits for locks, channels and events -----

/// Reads or changes the record. No code of the user's may run in `call`.
#[inline]
pub(crate) fn with_waits<R>(call: impl FnOnce(&mut Waits) -> R) -> R {
    THREAD.with(|thread| call(&mut thread.waits.borrow_mut()))
}

// ----- what requests to cancel can reach -----

/// How often a region was left unhung on this thread: to be noted before a poll.
#[inline]
pub(crate) fn left() -> u32 {
    THREAD.with(|thread| thread.left.get())
}

/// Reads or changes the regions. No code of the user's may run in `call`.
pub(crate) fn with_regions<R>(call: impl FnOnce(&mut Regions) -> R) -> R {
    THREAD.with(|thread| {
        let regions = &mut thread.regions.borrow_mut();
        let result = call(regions);
        let before = thread.left.replace(regions.left());
        let noted = thread.now.noted.get();
        if before != regions.left() && !noted.has_left() {
            thread.now.noted.set(noted.left());
            thread.now.since.set(before);
        }
        result
    })
}

/// How often a region had been left unhung before this turn, if one was left in it.
pub(crate) fn since() -> u32 {
    THREAD.with(|thread| thread.now.since.get())
}

/// While it exists, a timeout whose deadline has come is polling what it wraps: those inside give way to it.
pub(crate) struct Due {
    _not_send: PhantomData<*const ()>,
}

impl Due {
    pub(crate) fn begin() -> Self {
        THREAD.with(|thread| thread.now.due.set(thread.now.due.get() + 1));
        Due { _not_send: PhantomData }
    }

    /// Returns whether there is one further up the stack.
    pub(crate) fn is_any() -> bool {
        THREAD.with(|thread| thread.now.due.get() > 0)
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.now.due.set(thread.now.due.get() - 1));
    }
}

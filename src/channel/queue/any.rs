//! What all queues have in common, except for the methods that wait: those are in `futures.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use crate::channel::queue::error::{TaskDoneError, TryGetError, TryPutError};
use crate::channel::queue::order::Order;
use crate::kernel::Place;
use crate::sync::gate::{CLOSED, Gate, MAX_PERMITS};
use crate::sync::queued::{Grant, Source};
use crate::sync::waiters::{Left, Waiters};
use crate::watch::is_detailed;

/// The type behind [`Queue`](super::Queue), [`LifoQueue`](super::LifoQueue) and
/// [`PriorityQueue`](super::PriorityQueue), with all their methods.
///
/// Waits are served in FIFO order, for room as well as for items. Which item a task gets is decided when it takes its
/// turn, not when it is woken: an item put in between may come first.
pub struct AnyQueue<T, O> {
    /// Borrowed while the `Ord` of an item runs, but never while other user code does.
    items: RefCell<O>,
    /// 0 means unbounded.
    maxsize: usize,
    /// One permit for each free slot.
    pub(super) slots: Gate,
    /// One permit for each item that is not yet handed to a wait.
    pub(super) unclaimed: Gate,
    /// The number of items that were put and not yet reported done.
    unfinished: Cell<usize>,
    /// Where [`join`](AnyQueue::join) waits.
    done: Waiters,
    is_shut_down: Cell<bool>,
    _items: PhantomData<T>,
}

impl<T, O: Order<T>> AnyQueue<T, O> {
    #[track_caller]
    pub(super) fn new(maxsize: usize, order: O) -> Self {
        let slots = match u32::try_from(maxsize) {
            Ok(0) => MAX_PERMITS,
            Ok(slots) if slots <= MAX_PERMITS => slots,
            _ => panic!(
                "a queue has room for at most {MAX_PERMITS} items, not {maxsize}: use \
                 `unbounded()`"
            ),
        };
        AnyQueue {
            items: RefCell::new(order),
            maxsize,
            slots: Gate::consumed(&"room in queue", slots),
            unclaimed: Gate::consumed(&"an item in queue", 0),
            unfinished: Cell::new(0),
            done: Waiters::new(&"the last task_done of queue"),
            is_shut_down: Cell::new(false),
            _items: PhantomData,
        }
    }

    pub(super) fn set_name(&self, name: Arc<str>) {
        self.slots.waiters().set_name(Arc::clone(&name));
        self.unclaimed.waiters().set_name(Arc::clone(&name));
        self.done.set_name(name);
    }

    /// Puts the item without waiting, if there is room and no wait for room is queued.
    ///
    /// # Errors
    ///
    /// [`TryPutError`] with the item, if the queue is full or was shut down.
    ///
    /// # Panics
    ///
    /// If the `Ord` of an item panics. The item is in the queue nevertheless.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::{Queue, queue::TryPutError};
    ///
    /// let queue = Queue::new(1);
    /// assert_eq!(queue.try_put(1), Ok(()));
    /// assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    /// ```
    #[track_caller]
    #[doc(alias = "put_nowait")]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        match self.slots.try_take(1, Location::caller()) {
            Err(_) => Err(TryPutError::Full(item)),
            Ok(grant) => self.put_into(&grant, item).map_err(TryPutError::ShutDown),
        }
    }

    /// Takes the next item without waiting, if there is one and no wait for an item is queued.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] if there is no item now, or there will never be another one.
    ///
    /// # Panics
    ///
    /// If the `Ord` of an item panics. One item is lost.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::{Queue, queue::TryGetError};
    ///
    /// let queue = Queue::unbounded();
    /// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// ```
    #[track_caller]
    #[doc(alias = "get_nowait")]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        match self.unclaimed.try_take(1, Location::caller()) {
            Err(_) => Err(TryGetError::Empty),
            Ok(grant) => self.get_for(&grant).ok_or(TryGetError::ShutDown),
        }
    }

    /// Reports that an item taken from the queue is done.
    ///
    /// # Errors
    ///
    /// [`TaskDoneError`] if all items were already reported done.
    ///
    /// # Example
    ///
    /// ```
    /// let queue = turnwise::channel::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// queue.try_get().unwrap();
    /// assert!(queue.task_done().is_ok());
    /// assert!(queue.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let left = self.unfinished.get().checked_sub(1).ok_or(TaskDoneError(()))?;
        self.finish(left);
        Ok(())
    }

    /// Shuts the queue down: no more items can be put, not even by waits for room that are queued. The items in it can
    /// still be taken; after that, taking one fails too.
    ///
    /// # Example
    ///
    /// ```
    /// let queue = turnwise::channel::Queue::unbounded();
    /// queue.try_put("last").unwrap();
    /// queue.shutdown();
    /// turnwise::block_on(async {
    ///     assert_eq!(queue.put("late").await.unwrap_err().0, "late");
    ///     assert_eq!(queue.get().await, Ok("last"));
    ///     assert!(queue.get().await.is_err());
    /// });
    /// ```
    #[doc(alias = "close")]
    pub fn shutdown(&self) {
        if is_detailed() && !self.is_shut_down.get() {
            self.unclaimed.waiters().closed();
            self.slots.waiters().closed();
        }
        self.is_shut_down.set(true);
        self.slots.close();
        self.unclaimed.close(); // A wait there means that no item is left.
    }

    /// Shuts the queue down and drops the items in it, which count as done.
    ///
    /// # Panics
    ///
    /// If the destructor of an item panics.
    ///
    /// # Example
    ///
    /// ```
    /// let queue = turnwise::channel::Queue::unbounded();
    /// queue.try_put("unwanted").unwrap();
    /// queue.shutdown_now();
    /// turnwise::block_on(async {
    ///     assert!(queue.get().await.is_err());
    ///     queue.join().await;
    /// });
    /// ```
    #[doc(alias = "immediate")]
    pub fn shutdown_now(&self) {
        self.shutdown();
        let items = self.items.replace(O::new()); // The borrow ends here.
        self.unclaimed.remove(MAX_PERMITS);
        self.finish(self.unfinished.get().saturating_sub(items.count()));
        drop(items);
    }

    /// Returns the number of items in the queue.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.items.borrow().count()
    }

    /// Returns whether the queue is empty.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the queue is full.
    #[doc(alias = "full")]
    pub fn is_full(&self) -> bool {
        self.maxsize > 0 && self.len() >= self.maxsize
    }

    /// Returns the maximum number of items; 0 means unbounded.
    pub fn maxsize(&self) -> usize {
        self.maxsize
    }

    /// Returns whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down.get()
    }

    /// Puts an item into the slot that a wait was granted; hands it back if the queue was shut down.
    pub(super) fn put_into(&self, grant: &Grant, item: T) -> Result<(), T> {
        if matches!(grant, Grant::Word(CLOSED)) || self.is_shut_down.get() {
            return Err(item);
        }
        self.refuse_within_ord(&self.slots);
        self.unfinished.set(self.unfinished.get() + 1);
        let _added = PermitGuard(&self.unclaimed);
        self.items.borrow_mut().push(item);
        if is_detailed() {
            let capacity = (self.maxsize > 0).then_some(self.maxsize);
            self.unclaimed.waiters().sent(self.len(), capacity);
        }
        Ok(())
    }

    /// Takes the item that a wait was granted; `None` if there will never be one.
    pub(super) fn get_for(&self, grant: &Grant) -> Option<T> {
        // After a shutdown every wait ends with `CLOSED`, but the remaining items can still be taken.
        if matches!(grant, Grant::Word(CLOSED)) && self.unclaimed.remove(1) == 0 {
            return None;
        }
        self.refuse_within_ord(&self.unclaimed);
        let _freed = PermitGuard(&self.slots);
        let item = self.items.borrow_mut().pop();
        if is_detailed() {
            self.unclaimed.waiters().received(self.len());
        }
        item
    }

    /// Panics if called in the `Ord` of an item while this queue compares its items; `taken` gets its permit back.
    fn refuse_within_ord(&self, taken: &Gate) {
        if self.items.try_borrow_mut().is_err() {
            taken.add(1);
            panic!(
                "the `Ord` of an item used the queue that holds the item: compare only the items"
            );
        }
    }

    fn finish(&self, left: usize) {
        self.unfinished.set(left);
        if left == 0 {
            self.done.wake_all(0);
        }
    }

    pub(super) fn debug(&self, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut queue = f.debug_struct(kind);
        queue.field("maxsize", &self.maxsize);
        queue.field("unfinished", &self.unfinished.get());
        match self.items.try_borrow() {
            Ok(items) => queue.field("len", &items.count()),
            Err(_) => queue.field("len", &format_args!("<changing>")),
        };
        // At most one of them has waits: no queue is both full and empty.
        let gate = if self.unclaimed.waiters().is_empty() { &self.slots } else { &self.unclaimed };
        gate.waiters().debug(&mut queue);
        queue.finish()
    }
}

/// Adds a permit when dropped, even if an `Ord` panics.
struct PermitGuard<'a>(&'a Gate);

impl Drop for PermitGuard<'_> {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

/// The wait of `join`.
impl<T, O> Source for AnyQueue<T, O> {
    fn waiters(&self) -> &Waiters {
        &self.done
    }

    fn try_take(&self, _wanted: u32, _place: Place) -> Result<Grant, u32> {
        if self.unfinished.get() == 0 { Ok(Grant::Word(0)) } else { Err(self.done.round()) }
    }

    fn give_back(&self, _grant: Left) {}
}

impl<T, O: Order<T>> fmt::Debug for AnyQueue<T, O> {
    /// Prints the number of items, and the tasks that wait.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("AnyQueue", f)
    }
}

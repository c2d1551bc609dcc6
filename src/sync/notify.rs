//! Notifications: wake one task, or store a permit if none is waiting; or wake all waiting tasks.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::kernel::Place;
use crate::limits::Limited;
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Waiters};

/// Notifies one waiting task or all of them, without carrying any data.
///
/// [`notify_one`](Notify::notify_one) wakes the task that has waited longest. If no task is waiting it stores
/// a permit for the next one; there is at most one permit, however many calls there were. If a wait is
/// dropped after it got the permit, the permit goes to the next one. [`notify_waiters`](Notify::notify_waiters)
/// wakes all waits that exist at that moment and stores nothing; for it, a [`Notified`] waits from its
/// creation on, polled or not.
///
/// It is `!Send` and uses no atomics.
///
/// # Example
///
/// A mailbox:
///
/// ```
/// use std::{cell::RefCell, collections::VecDeque, rc::Rc};
/// use turnwise::{block_on, spawn, sync::Notify};
///
/// #[derive(Default)]
/// struct Mailbox { letters: RefCell<VecDeque<&'static str>>, arrived: Notify }
///
/// block_on(async {
///     let mailbox = Rc::new(Mailbox::default());
///     let theirs = Rc::clone(&mailbox);
///     let reader = spawn(async move {
///         loop {
///             let letter = theirs.letters.borrow_mut().pop_front();
///             if let Some(letter) = letter {
///                 return letter;
///             }
///             theirs.arrived.notified().await;
///         }
///     });
///     mailbox.letters.borrow_mut().push_back("hello");
///     mailbox.arrived.notify_one();
///     assert_eq!(reader.await.unwrap(), "hello");
/// });
/// ```
#[doc(alias = "AutoResetEvent")]
pub struct Notify {
    /// Never set while the list has a wait in it: a new wait takes the permit.
    has_permit: Cell<bool>,
    waiters: Waiters,
}

impl Notify {
    /// Creates a `Notify` without a permit.
    pub const fn new() -> Self {
        Notify { has_permit: Cell::new(false), waiters: Waiters::new(&"notify") }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Wakes the task that has waited longest, or stores a permit for the next one that waits.
    ///
    /// There is at most one permit. For this call a [`Notified`] waits only once it has been polled or
    /// [enabled](Notified::enable).
    #[doc(alias = "set")]
    #[doc(alias = "unpark")]
    pub fn notify_one(&self) {
        if !self.waiters.wake_first(ONE) {
            self.has_permit.set(true);
        }
    }

    /// Wakes all tasks that are waiting at this moment, in FIFO order, and none that wait later.
    ///
    /// Every [`Notified`] created before this call counts as waiting, even if it has not been polled yet.
    /// This neither stores nor takes a permit.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Notify;
    ///
    /// turnwise::block_on(async {
    ///     let notify = Notify::new();
    ///     let notified = notify.notified();
    ///     notify.notify_waiters();
    ///     notified.await;
    /// });
    /// ```
    #[doc(alias = "notify_all")]
    pub fn notify_waiters(&self) {
        self.waiters.wake_all(ALL);
    }

    /// Waits for a notification.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue. If [`notify_one`](Notify::notify_one) has already
    /// notified it, the next in line is notified instead, or the permit is stored again.
    #[track_caller]
    #[inline]
    #[doc(alias = "wait")]
    pub fn notified(&self) -> Notified<'_> {
        self.notified_at(Location::caller())
    }

    /// Like [`notified`](Notify::notified), for a wait that started at `place`.
    #[inline]
    pub(crate) fn notified_at(&self, place: &'static Location<'static>) -> Notified<'_> {
        // A later poll compares rounds to detect a call of `notify_waiters` since.
        let queued = Queued::new(self, self.waiters.round(), place);
        Notified { queued, is_notified: false }
    }
}

/// The word of a wait that `notify_waiters` has notified.
const ALL: u32 = 0;
/// The word of a wait that got a permit.
const ONE: u32 = 1;

impl Source for Notify {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// `made_in` is the round in which the future was created.
    #[inline]
    fn try_take(&self, made_in: u32, _: Place) -> Result<Grant, u32> {
        // Checked first: a wait that `notify_waiters` has notified must leave the permit for another.
        if self.waiters.round() != made_in {
            return Ok(Grant::Word(ALL));
        }
        if self.has_permit.replace(false) {
            return Ok(Grant::Word(ONE));
        }
        Err(made_in)
    }

    fn give_back(&self, grant: Left) {
        if grant == Left::Woken(ONE) {
            self.notify_one();
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notify = f.debug_struct("Notify");
        notify.field("has_permit", &self.has_permit.get());
        self.waiters.debug(&mut notify);
        notify.finish()
    }
}

/// The future of [`Notify::notified`].
///
/// Once notified, it stays ready.
#[must_use = "a future does nothing until it is awaited"]
pub struct Notified<'a> {
    queued: Queued<'a, Notify>,
    is_notified: bool,
}

impl Notified<'_> {
    /// Enters the queue now, before the first poll; returns whether it has been notified.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Notify;
    ///
    /// turnwise::block_on(async {
    ///     let notify = Notify::new();
    ///     let (mut first, mut second) = (notify.notified(), notify.notified());
    ///     assert!(!first.enable());
    ///     notify.notify_one();
    ///     assert!(!second.enable());
    ///     first.await;
    /// });
    /// ```
    pub fn enable(&mut self) -> bool {
        self.is_notified = self.is_notified
            || self.queued.poll_now(&Context::from_waker(Waker::noop())).is_ready();
        self.is_notified
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_notified {
            ready!(Pin::new(&mut self.queued).poll(cx));
            self.is_notified = true;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notified = f.debug_struct("Notified");
        notified.field("is_notified", &self.is_notified).field("place", &self.queued.place());
        notified.finish_non_exhaustive()
    }
}

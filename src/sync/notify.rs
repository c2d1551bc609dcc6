//! Notifications: a wake-up call for one, which is kept if nobody waits, or for all who are there.

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

/// Wakes one task or all, without saying anything.
///
/// [`notify_one`](Notify::notify_one) wakes whoever has waited longest. If nobody waits it is kept for the
/// next who does: one such permit, however often it was called. A permit that reached a wait which is then
/// dropped goes to the next one. [`notify_waiters`](Notify::notify_waiters) wakes all who are there and keeps
/// nothing; a [`Notified`] is there from the moment it is made, polled or not.
///
/// It belongs to its thread and needs no atomics.
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
    /// Never while somebody is in the list: whoever comes takes it.
    has_permit: Cell<bool>,
    waiters: Waiters,
}

impl Notify {
    /// Makes one without a permit.
    pub const fn new() -> Self {
        Notify { has_permit: Cell::new(false), waiters: Waiters::new("notify") }
    }

    /// Gives it a name, for reports.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Wakes whoever has waited longest, or keeps a permit for the next who waits.
    ///
    /// There is at most one permit. Only those wait who were polled, or [enabled](Notified::enable).
    #[doc(alias = "set")]
    #[doc(alias = "unpark")]
    pub fn notify_one(&self) {
        if !self.waiters.wake_first(ONE) {
            self.has_permit.set(true);
        }
    }

    /// Wakes all who wait at this moment, in the order of their coming, and no one who comes later.
    ///
    /// Every [`Notified`] that was made before counts as waiting, also one that was not polled yet. Keeps
    /// no permit, and takes none.
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
    /// Dropping the future gives up the place in the line. If [`notify_one`](Notify::notify_one) had reached
    /// it already, the next in the line is notified, or the permit is kept again.
    #[track_caller]
    #[inline]
    #[doc(alias = "wait")]
    pub fn notified(&self) -> Notified<'_> {
        self.notified_at(Location::caller())
    }

    /// The same; a report says that the wait began at `place`.
    #[inline]
    pub(crate) fn notified_at(&self, place: &'static Location<'static>) -> Notified<'_> {
        // The round tells later whether `notify_waiters` was called since.
        let queued = Queued::new(self, self.waiters.round(), place);
        Notified { queued, is_notified: false }
    }
}

/// The word of a wait that `notify_waiters` ended.
const ALL: u32 = 0;
/// The word of a wait that has a permit.
const ONE: u32 = 1;

impl Source for Notify {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// `made_in` is the round in which the future was made.
    #[inline]
    fn try_take(&self, made_in: u32, _: Place) -> Result<Grant, u32> {
        // First: who was notified with all others leaves the permit to somebody else.
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
/// Once it was notified it stays so.
#[must_use = "a future does nothing until it is awaited"]
pub struct Notified<'a> {
    queued: Queued<'a, Notify>,
    is_notified: bool,
}

impl Notified<'_> {
    /// Enters the line now, before the first poll; returns whether it is notified already.
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

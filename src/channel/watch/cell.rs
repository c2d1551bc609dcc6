//! The watched value, its version, and the waiting receivers.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::end::{Closed, End};
use crate::channel::handle::HasSenders;
use crate::channel::used::ChannelNumber;
use crate::kernel::Place;
use crate::report::ChannelEnd;
use crate::sync::EndedBy;
use crate::sync::waiters::Waiters;
use crate::watch::is_detailed;

/// The state that both sides share.
pub(super) struct WatchShared<T> {
    /// `None` while it is being modified in place. Borrowed only to clone or replace the `Rc`.
    value: RefCell<Option<Rc<T>>>,
    /// The number of changes.
    version: Cell<u64>,
    pub(super) senders: Cell<usize>,
    pub(super) receivers: Cell<usize>,
    /// Where receivers wait.
    pub(super) changes: Waiters,
    /// Set while there is no receiver.
    pub(super) end: End,
    number: ChannelNumber,
}

impl<T> WatchShared<T> {
    pub(super) fn new(init: T) -> Self {
        WatchShared {
            value: RefCell::new(Some(Rc::new(init))),
            version: Cell::new(0),
            senders: Cell::new(0),
            receivers: Cell::new(0),
            changes: Waiters::new(&"a change on watch channel"),
            end: End::new(&"the closing of watch channel"),
            number: ChannelNumber::new(),
        }
    }

    /// What may end a wait for a change, for reports.
    pub(super) fn by_senders(&self) -> EndedBy {
        EndedBy::Ends(self.number.get(), ChannelEnd::Sender)
    }

    /// Waits until there is no receiver.
    pub(super) fn closed(&self, place: Place) -> Closed<'_> {
        self.end.wait(place, EndedBy::Ends(self.number.get(), ChannelEnd::Receiver))
    }

    pub(super) fn set_name(&self, name: Arc<str>) {
        self.changes.begin_ended_by(|| self.by_senders());
        self.changes.set_name(Arc::clone(&name));
        self.end.set_name(name);
    }

    pub(super) fn version(&self) -> u64 {
        self.version.get()
    }

    /// Returns the current value.
    #[track_caller]
    pub(super) fn get(&self) -> Ref<T> {
        let value = self.value.borrow().clone();
        let Some(value) = value else {
            panic!(
                "a watched value was read inside the closure that modifies it: use the closure's argument"
            )
        };
        Ref::new(value)
    }

    /// Replaces the value and notifies all receivers. Returns the old value, without its `Rc` if no [`Ref`] to it
    /// exists.
    #[track_caller]
    pub(super) fn replace(&self, value: T) -> Replaced<T> {
        let mut old = self.take();
        let replaced = if let Some(place) = Rc::get_mut(&mut old) {
            let value = mem::replace(place, value);
            self.value.replace(Some(old));
            Replaced::Unshared(value)
        } else {
            self.value.replace(Some(Rc::new(value)));
            Replaced::Shared(old)
        };
        self.notify();
        replaced
    }

    /// Modifies the value in place; notifies all receivers if the closure returns `true`.
    #[track_caller]
    pub(super) fn modify(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        // The value is taken out while the closure runs, so nothing is borrowed.
        let mut taken = PutBack { shared: self, value: Some(self.take()) };
        let Some(value) = taken.value.as_mut().and_then(Rc::get_mut) else {
            drop(taken);
            panic!(
                "a watched value cannot be modified in place while a `Ref` to it exists: drop the `Ref` first, \
                 or send a new value"
            )
        };
        let is_changed = change(value);
        drop(taken);
        if is_changed {
            self.notify();
        }
        is_changed
    }

    #[track_caller]
    fn take(&self) -> Rc<T> {
        let value = self.value.take();
        value.expect(
            "a watched value was replaced inside the closure that modifies it: use the closure's \
             argument",
        )
    }

    fn notify(&self) {
        self.version.set(self.version.get() + 1);
        if !self.changes.is_empty() {
            self.changes.wake_all(0);
        }
    }

    pub(super) fn add_receiver(&self) {
        self.receivers.set(self.receivers.get() + 1);
        self.end.reopen();
    }

    pub(super) fn remove_receiver(&self) {
        let left = self.receivers.get() - 1;
        self.receivers.set(left);
        if left == 0 {
            self.end.close();
        }
    }

    pub(super) fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        f.field("version", &self.version.get());
        f.field("senders", &self.senders.get()).field("receivers", &self.receivers.get());
        self.changes.debug(f);
    }
}

impl<T> HasSenders for WatchShared<T> {
    fn senders(&self) -> &Cell<usize> {
        &self.senders
    }

    fn number(&self) -> &ChannelNumber {
        &self.number
    }

    fn senders_are_gone(&self) {
        if is_detailed() {
            self.changes.closed();
        }
        self.changes.wake_all(0);
    }
}

/// The value that was replaced.
pub(super) enum Replaced<T> {
    Unshared(T),
    /// A `Ref` to it exists.
    Shared(Rc<T>),
}

/// Puts the value back when dropped, even if the closure panics.
struct PutBack<'a, T> {
    shared: &'a WatchShared<T>,
    /// `None` only while it is being dropped.
    value: Option<Rc<T>>,
}

impl<T> Drop for PutBack<'_, T> {
    fn drop(&mut self) {
        self.shared.value.replace(self.value.take());
    }
}

/// The watched value as it was when it was borrowed. Later sends do not affect it, nor does it block them; but it keeps
/// the value alive, and prevents it from being [modified in place](super::Sender::send_modify).
pub struct Ref<T> {
    value: Rc<T>,
}

impl<T> Ref<T> {
    pub(super) fn new(value: Rc<T>) -> Self {
        Ref { value }
    }

    /// Returns the value itself if this is the only reference to it: neither the channel nor another `Ref` has one.
    ///
    /// # Errors
    ///
    /// The `Ref`, if it is not the only reference.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::watch::{self, Ref};
    ///
    /// let (sender, _receiver) = watch::channel(String::from("old"));
    /// let old = sender.send_replace(String::from("new"));
    /// assert_eq!(Ref::try_unwrap(old).unwrap(), "old");
    /// ```
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        Rc::try_unwrap(this.value).map_err(Ref::new)
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Display> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

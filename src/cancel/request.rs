//! A cancel request: its reason, its count and its state. `requests.rs` decides what happens to it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// Why a request was made.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    /// No reason was given.
    Unsaid,
    /// A deadline has passed.
    Deadline,
    Said(Arc<str>),
}

impl Reason {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Reason::Unsaid => "cancelled",
            Reason::Deadline => "the deadline has passed",
            Reason::Said(reason) => reason,
        }
    }

    /// Returns the reason that a finished task keeps: `None` if none was given.
    pub(crate) fn text(&self) -> Option<Arc<str>> {
        match self {
            Reason::Unsaid => None,
            Reason::Deadline => Some(self.as_str().into()),
            Reason::Said(reason) => Some(Arc::clone(reason)),
        }
    }
}

/// A request to cancel what a region wraps.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) reason: Reason,
    /// How often it was made.
    pub(crate) count: Cell<u32>,
    /// The region that it was made on; must not be used once the request is over.
    pub(crate) region: u32,
    /// It was dealt with, or its region was removed.
    pub(crate) is_over: Cell<bool>,
    /// The number of catches that were notified of it and have not taken it yet, plus that of clean-ups that have taken
    /// it and have not ended.
    pub(crate) shares: Cell<u32>,
    pub(crate) is_taken: Cell<bool>,
    /// It was delivered before.
    pub(crate) is_known: Cell<bool>,
    /// A clean-up that had taken it passed it on.
    pub(crate) is_resumed: Cell<bool>,
}

impl Request {
    pub(crate) fn new(region: u32, reason: Reason) -> Rc<Self> {
        Rc::new(Request {
            reason,
            count: Cell::new(1),
            region,
            is_over: Cell::new(false),
            shares: Cell::new(0),
            is_taken: Cell::new(false),
            is_known: Cell::new(false),
            is_resumed: Cell::new(false),
        })
    }

    /// Marks it as over, since its region was removed.
    pub(crate) fn close(&self) {
        self.is_over.set(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Returns whether a catch has taken it.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    /// Returns whether no catch has taken it and its region still exists to act.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_taken() && !self.is_over()
    }

    /// Returns whether every clean-up that had taken it has ended, and at least one resumed it: the region acts as soon
    /// as nothing holds the request up, and no further catch is notified.
    pub(crate) fn has_come_back(&self) -> bool {
        self.is_resumed.get() && self.shares.get() == 0
    }
}

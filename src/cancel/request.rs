//! A request to end: why, how often, and how far it has come. What becomes of it is in `requests.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// Why something should end.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    /// Nobody said.
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

    /// The reason as a task that has ended keeps it: `None` if nothing was said.
    pub(crate) fn text(&self) -> Option<Arc<str>> {
        match self {
            Reason::Unsaid => None,
            Reason::Deadline => Some(self.as_str().into()),
            Reason::Said(reason) => Some(Arc::clone(reason)),
        }
    }
}

/// A wish that something should end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) reason: Reason,
    /// How often it was made.
    pub(crate) count: Cell<u32>,
    /// The region that it was made on; not to be used once it is over.
    pub(crate) region: u32,
    /// It is closed, or its region is gone.
    pub(crate) is_over: Cell<bool>,
    /// How many have been told and not taken it yet, or have taken it and are not done with it.
    pub(crate) shares: Cell<u32>,
    pub(crate) is_taken: Cell<bool>,
    /// It was delivered before.
    pub(crate) is_known: Cell<bool>,
    /// Somebody who had taken it passed it on.
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

    /// It is over, since its region is gone.
    pub(crate) fn close(&self) {
        self.is_over.set(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Somebody has taken it.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    /// Nobody has taken it, and its region is still there to act.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_taken() && !self.is_over()
    }

    /// Everybody who had taken it is done with it, and somebody resumed: the region acts as soon as nothing
    /// holds it up, and no catch is told any more.
    pub(crate) fn has_come_back(&self) -> bool {
        self.is_resumed.get() && self.shares.get() == 0
    }
}

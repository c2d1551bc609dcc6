//! A request to end: why, how often, and how far it has come. `settle.rs` decides what happens to it.

use std::cell::{Cell, RefCell};
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

/// A request that something should end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) reason: Reason,
    /// The region that it was made on. Not to be used once it is closed.
    pub(super) region: u32,
    /// How often it was made.
    pub(super) count: Cell<u32>,
    /// How often it was looked at since it was made last.
    pub(super) looks: Cell<u32>,
    /// When it was looked at last.
    pub(super) looked: Cell<u64>,
    /// The same, as of the last look whose number was a multiple of `PATIENCE`.
    pub(super) looked_long_ago: Cell<u64>,
    /// How many clean-ups after it are under way.
    pub(super) clean_ups: Cell<u32>,
    /// A catch has taken it.
    pub(super) is_taken: Cell<bool>,
    /// At how many places it was resumed and no catch has taken it since.
    pub(super) resumed: Cell<u32>,
    /// It was resumed outside of what was asked, where no catch can take it.
    pub(super) is_resumed: Cell<bool>,
    /// The tree's time at which it was passed on at a yield, else 0. Clean-ups of other requests that started earlier
    /// do not hold it: the yield may be inside one of them, and then that clean-up can never end (`body_region.rs`).
    pub(super) waits_from: Cell<u64>,
    /// The regions that wait for its end, wherever they are: scopes that were offered it, places where it was resumed,
    /// and generators that are over. Some may be gone.
    pub(super) waiting: RefCell<Vec<u32>>,
    /// It was dealt with, or acted upon, or the region that was asked is gone.
    pub(super) is_closed: Cell<bool>,
}

impl Request {
    pub(super) fn new(region: u32, reason: Reason) -> Rc<Self> {
        Rc::new(Request {
            reason,
            region,
            count: Cell::new(1),
            looks: Cell::new(0),
            looked: Cell::new(0),
            looked_long_ago: Cell::new(0),
            clean_ups: Cell::new(0),
            is_taken: Cell::new(false),
            resumed: Cell::new(0),
            is_resumed: Cell::new(false),
            waits_from: Cell::new(0),
            waiting: RefCell::default(),
            is_closed: Cell::new(false),
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Returns whether catches have taken it, it was not resumed, and all clean-ups have ended.
    pub(super) fn is_dealt_with(&self) -> bool {
        !self.is_open() && self.clean_ups.get() == 0
    }

    /// Returns whether nothing has dealt with it: no catch has taken it, or it was resumed.
    pub(super) fn is_open(&self) -> bool {
        !self.is_taken.get() || self.is_resumed.get() || self.resumed.get() > 0
    }
}

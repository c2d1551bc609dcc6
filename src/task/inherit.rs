//! What a task inherits from whoever spawns it: clones of the task-locals that are declared so.
//!
//! `spawn` looks at one flag, which says whether any such value is set on this thread. If so it clones them, and
//! hands them to the kernel, which sets them for the length of each of the task's turns.

use std::cell::{Cell, RefCell};
use std::ptr;

use crate::kernel::Heritage;

thread_local! {
    /// Whether anything is set that a child inherits: the one thing that a plain spawn looks at.
    static ANY: Cell<bool> = const { Cell::new(false) };
    /// The inherited keys that are set, each as often as there are scopes of it around.
    static HEIRLOOMS: RefCell<Vec<&'static dyn Inherit>> = const { RefCell::new(Vec::new()) };
}

/// A key whose value is handed down.
pub(super) trait Inherit {
    /// A clone of the value, for a child.
    fn hand_down(&'static self) -> Option<Box<dyn Heritage>>;
}

/// Notes that a key is set from now on. If the thread is being destroyed, nothing is inherited any more.
pub(crate) fn begin(key: &'static dyn Inherit) {
    let noted = HEIRLOOMS.try_with(|keys| keys.borrow_mut().push(key)).is_ok();
    ANY.set(noted);
}

/// Notes that the key that was set last is not any more.
pub(crate) fn end() {
    let are_left = HEIRLOOMS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        keys.pop();
        !keys.is_empty()
    });
    ANY.set(are_left.unwrap_or(false));
}

/// What a task that is spawned now inherits; `None` if that is nothing.
#[inline]
pub(crate) fn heritage() -> Option<Box<dyn Heritage>> {
    if ANY.get() { collect() } else { None }
}

#[cold]
fn collect() -> Option<Box<dyn Heritage>> {
    // Copied, for cloning the values is code of the user's.
    let set = HEIRLOOMS.try_with(|keys| keys.borrow().clone()).unwrap_or_default();
    let mut keys: Vec<&'static dyn Inherit> = Vec::new();
    for key in set {
        if !keys.iter().any(|&other| ptr::addr_eq(other, key)) {
            keys.push(key);
        }
    }
    let mut values: Vec<_> = keys.into_iter().filter_map(Inherit::hand_down).collect();
    match values.len() {
        0 | 1 => values.pop(),
        _ => Some(Box::new(Several(values))),
    }
}

/// The values of several keys.
struct Several(Vec<Box<dyn Heritage>>);

impl Heritage for Several {
    fn put(&mut self) {
        self.0.iter_mut().for_each(|value| value.put());
    }

    fn take_back(&mut self) {
        self.0.iter_mut().rev().for_each(|value| value.take_back());
    }
}

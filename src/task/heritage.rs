//! What a task inherits from whoever spawns it: clones of the task-locals that are declared so.
//!
//! `spawn` looks at one flag, which says whether any such value is set on this thread. If so it clones them,
//! and wraps the task's future in an [`Heir`], which sets them for the length of each of its turns.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use crate::task::local::{Set, Settable};

thread_local! {
    /// Whether anything is set that a child inherits: the one thing that a plain spawn looks at.
    static ANY: Cell<bool> = const { Cell::new(false) };
    /// The inherited keys that are set, each as often as there are scopes of it around.
    static HEIRLOOMS: RefCell<Vec<&'static dyn Inherit>> = const { RefCell::new(Vec::new()) };
}

/// A key whose value is handed down.
pub(super) trait Inherit {
    /// A clone of the value, for a child.
    fn hand_down(&'static self) -> Option<Box<dyn Settable>>;
}

/// Notes that a key is set from now on. If the thread is being destroyed, nothing is inherited any more.
pub(super) fn begin(key: &'static dyn Inherit) {
    let noted = HEIRLOOMS.try_with(|keys| keys.borrow_mut().push(key)).is_ok();
    ANY.set(noted);
}

/// Notes that the key that was set last is not any more.
pub(super) fn end() {
    let are_left = HEIRLOOMS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        keys.pop();
        !keys.is_empty()
    });
    ANY.set(are_left.unwrap_or(false));
}

/// What a task that is spawned now inherits: one value for each key.
pub(crate) struct Heritage(Vec<Box<dyn Settable>>);

/// What a task that is spawned now inherits; `None` if that is nothing.
#[inline]
pub(crate) fn heritage() -> Option<Heritage> {
    if ANY.get() { Heritage::collect() } else { None }
}

impl Heritage {
    #[cold]
    fn collect() -> Option<Self> {
        // Copied, for cloning the values is code of the user's.
        let set = HEIRLOOMS.try_with(|keys| keys.borrow().clone()).unwrap_or_default();
        let mut keys: Vec<&'static dyn Inherit> = Vec::new();
        for key in set {
            if !keys.iter().any(|&other| ptr::addr_eq(other, key)) {
                keys.push(key);
            }
        }
        let values: Vec<_> = keys.into_iter().filter_map(Inherit::hand_down).collect();
        if values.is_empty() { None } else { Some(Heritage(values)) }
    }
}

impl Settable for Heritage {
    fn put(&mut self) {
        self.0.iter_mut().for_each(|value| value.put());
    }

    fn take_back(&mut self) {
        self.0.iter_mut().rev().for_each(|value| value.take_back());
    }
}

/// The future of a task that has inherited something.
///
/// The task's own future is in a box, so that spawning is not compiled twice for every type of future.
pub(crate) struct Heir<'a, T> {
    heritage: Heritage,
    /// `None` once it is over.
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
}

impl<'a, T> Heir<'a, T> {
    pub(crate) fn new(heritage: Heritage, future: impl Future<Output = T> + 'a) -> Self {
        Heir { heritage, future: Some(Box::pin(future)) }
    }
}

/// Nothing in it is pinned but what is in a box.
impl<T> Unpin for Heir<'_, T> {}

impl<T> Future for Heir<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Heir { heritage, future, .. } = &mut *self;
        let _set = Set::of(heritage);
        let Some(running) = future else {
            unreachable!("a task has no turn after its last one");
        };
        let poll = running.as_mut().poll(cx);
        if poll.is_ready() {
            *future = None;
        }
        poll
    }
}

impl<T> Drop for Heir<'_, T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            let _set = Set::of(&mut self.heritage);
            drop(future);
        }
    }
}

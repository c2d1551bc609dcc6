//! Inheriting: clones of the task-locals declared `inherit`, set while the task is polled and dropped.
//!
//! `spawn` checks one flag: whether any such value is set on this thread. Only then does it clone the values and wrap
//! the task's future in an [`Inherited`]. To the kernel that is a future like any other.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::{Kernel, SpawnMeta, TaskId, drop_quietly};

thread_local! {
    /// Whether any inherited key is set: all that a plain spawn checks.
    static ANY: Cell<bool> = const { Cell::new(false) };
    /// The inherited keys that are set, once for each enclosing scope of the key.
    static KEYS: RefCell<Vec<&'static dyn Inherit>> = const { RefCell::new(Vec::new()) };
}

/// A key whose value is inherited.
pub(super) trait Inherit {
    /// Clones the value for a child, if it is set.
    fn hand_down(&'static self) -> Option<Box<dyn Values>>;
}

/// Records that a key is set. If the thread is exiting, nothing is inherited any more.
pub(super) fn begin(key: &'static dyn Inherit) {
    let is_recorded = KEYS.try_with(|keys| keys.borrow_mut().push(key)).is_ok();
    ANY.set(is_recorded);
}

/// Removes the key that was set last.
pub(super) fn end() {
    let are_left = KEYS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        keys.pop();
        !keys.is_empty()
    });
    ANY.set(are_left.unwrap_or(false));
}

/// Returns whether a task spawned now inherits anything.
#[inline]
pub(crate) fn inherits() -> bool {
    ANY.get()
}

/// Spawns a task, which inherits the values that are set.
#[inline]
pub(super) fn spawn<F>(
    kernel: &Kernel,
    future: F,
    meta: SpawnMeta,
    name: Option<Arc<str>>,
) -> (u32, TaskId)
where
    F: Future + 'static,
    F::Output: 'static,
{
    if inherits() {
        return spawn_inheriting(kernel, Box::pin(future), meta, name);
    }
    kernel.spawn(future, meta, name)
}

/// A type-erased future: inheriting is then compiled once per output type, not once per spawned future.
type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

#[cold]
fn spawn_inheriting<T: 'static>(
    kernel: &Kernel,
    future: BoxFuture<T>,
    meta: SpawnMeta,
    name: Option<Arc<str>>,
) -> (u32, TaskId) {
    kernel.spawn(Inherited::new(future), meta, name)
}

/// The boxed future of a task, or the boxed child of a scope, with its inherited values. They are set during everything
/// that is done to it, including its drop; then the values are dropped, with nothing set.
pub(crate) struct Inherited<P> {
    values: ValueList,
    /// `None` once it is dropped.
    target: Option<P>,
}

impl<P> Inherited<P> {
    /// Clones the values that are set now.
    ///
    /// # Panics
    ///
    /// If a clone panics.
    #[cold]
    pub(crate) fn new(target: P) -> Self {
        Inherited { values: collect(), target: Some(target) }
    }

    /// Calls `call` with the values set, and unsets them even if it panics.
    pub(crate) fn with<R>(&mut self, call: impl FnOnce(&mut P) -> R) -> R {
        let _set = Set::of(&mut self.values);
        call(self.target.as_mut().expect("a dropped target is not used again"))
    }

    /// Drops the target with the values set, then the values. A second call does nothing.
    ///
    /// A panicking destructor is silenced, because more destructors follow: a panic during a panic would abort the
    /// process.
    pub(crate) fn end(&mut self) {
        if let Some(target) = self.target.take() {
            let _set = Set::of(&mut self.values);
            drop_quietly(target);
        }
        self.values.end();
    }
}

impl<T> Future for Inherited<BoxFuture<T>> {
    type Output = T;

    /// Does not drop the future when it is ready: the task then drops all of this.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.get_mut().with(|future| future.as_mut().poll(cx))
    }
}

impl<P> Drop for Inherited<P> {
    fn drop(&mut self) {
        self.end();
    }
}

// ----- values -----

/// Values that are put into the places of their keys. No method runs user code.
pub(super) trait Values {
    /// Puts the values into their places.
    fn put(&mut self);

    /// Takes the values out again.
    fn take_back(&mut self);
}

/// Keeps the values in their places until it is dropped.
pub(super) struct Set<'a, V: Values>(&'a mut V);

impl<'a, V: Values> Set<'a, V> {
    pub(super) fn of(values: &'a mut V) -> Self {
        values.put();
        Set(values)
    }
}

impl<V: Values> Drop for Set<'_, V> {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

/// The values of several keys.
struct ValueList(Vec<Box<dyn Values>>);

impl ValueList {
    /// Drops the values one by one.
    fn end(&mut self) {
        self.0.drain(..).for_each(drop_quietly);
    }
}

impl Values for ValueList {
    fn put(&mut self) {
        self.0.iter_mut().for_each(|value| value.put());
    }

    fn take_back(&mut self) {
        self.0.iter_mut().rev().for_each(|value| value.take_back());
    }
}

/// Clones all inherited values that are set, one per key.
fn collect() -> ValueList {
    // Copied first, because cloning a value runs user code.
    let set = KEYS.try_with(|keys| keys.borrow().clone()).unwrap_or_default();
    let mut keys: Vec<&'static dyn Inherit> = Vec::new();
    for key in set {
        if !keys.iter().any(|&other| ptr::addr_eq(other, key)) {
            keys.push(key);
        }
    }
    ValueList(keys.into_iter().filter_map(Inherit::hand_down).collect())
}

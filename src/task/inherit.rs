//! What a task inherits: clones of the task-locals that are declared so, set while it is polled and dropped.
//!
//! `spawn` looks at one flag, which says whether any such value is set on this thread. Only if one is, it clones
//! them and wraps the task's future in an [`Inherited`]. The kernel sees a future like any other.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::{Kernel, SpawnMeta, TaskId, drop_quietly};

thread_local! {
    /// Whether anything is set that a child inherits: the one thing that a plain spawn looks at.
    static ANY: Cell<bool> = const { Cell::new(false) };
    /// The inherited keys that are set, each as often as there are scopes of it around.
    static KEYS: RefCell<Vec<&'static dyn Inherit>> = const { RefCell::new(Vec::new()) };
}

/// A key whose value is handed down.
pub(super) trait Inherit {
    /// A clone of the value, for a child.
    fn hand_down(&'static self) -> Option<Box<dyn Values>>;
}

/// Notes that a key is set from now on. If the thread is being destroyed, nothing is inherited any more.
pub(super) fn begin(key: &'static dyn Inherit) {
    let is_recorded = KEYS.try_with(|keys| keys.borrow_mut().push(key)).is_ok();
    ANY.set(is_recorded);
}

/// Notes that the key that was set last is not any more.
pub(super) fn end() {
    let are_left = KEYS.try_with(|keys| {
        let mut keys = keys.borrow_mut();
        keys.pop();
        !keys.is_empty()
    });
    ANY.set(are_left.unwrap_or(false));
}

/// Returns whether what is spawned now inherits anything.
#[inline]
pub(crate) fn inherits() -> bool {
    ANY.get()
}

/// Makes a task, which inherits what is set.
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

/// A future whose type is forgotten: so what inherits costs code for each type of output, and not once more for
/// each future that is spawned anywhere.
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

/// The boxed future of a task, or the boxed child of a scope, with what it has inherited. That is set around
/// everything that is done to it, its drop included; then the values are dropped, with nothing set.
pub(crate) struct Inherited<P> {
    values: Several,
    /// `None` once it is dropped.
    target: Option<P>,
}

impl<P> Inherited<P> {
    /// Clones what is set now.
    ///
    /// # Panics
    ///
    /// If a clone panics.
    #[cold]
    pub(crate) fn new(target: P) -> Self {
        Inherited { values: collect(), target: Some(target) }
    }

    /// Calls `call` with the values set, also if it panics.
    pub(crate) fn with<R>(&mut self, call: impl FnOnce(&mut P) -> R) -> R {
        let _set = Set::of(&mut self.values);
        call(self.target.as_mut().expect("it is over, and used no more"))
    }

    /// Drops the target with the values set, then the values. Does nothing the second time.
    ///
    /// A destructor that panics is not heard of here, for more of them follow: two panics at once would end the
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

    /// The task drops this when it is ready: that is where the future is dropped.
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

/// Values, and the places of their keys. None of these methods runs code of the user's.
pub(super) trait Values {
    /// Puts the values into their places.
    fn put(&mut self);

    /// Takes them back.
    fn take_back(&mut self);
}

/// While it exists the values are in their places.
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
struct Several(Vec<Box<dyn Values>>);

impl Several {
    /// Drops the values, each by itself.
    fn end(&mut self) {
        self.0.drain(..).for_each(drop_quietly);
    }
}

impl Values for Several {
    fn put(&mut self) {
        self.0.iter_mut().for_each(|value| value.put());
    }

    fn take_back(&mut self) {
        self.0.iter_mut().rev().for_each(|value| value.take_back());
    }
}

/// Clones of all that is set, one for each key.
fn collect() -> Several {
    // Copied, for cloning the values is code of the user's.
    let set = KEYS.try_with(|keys| keys.borrow().clone()).unwrap_or_default();
    let mut keys: Vec<&'static dyn Inherit> = Vec::new();
    for key in set {
        if !keys.iter().any(|&other| ptr::addr_eq(other, key)) {
            keys.push(key);
        }
    }
    Several(keys.into_iter().filter_map(Inherit::hand_down).collect())
}

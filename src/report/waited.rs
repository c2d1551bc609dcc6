//! Waits on primitives that the crate does not know: a primitive registers itself, and describes its waits.
//!
//! The wait lists *are* the record. There is no copy of them that could be out of date. A `select` that drops a branch
//! removes that branch's wait from its list, and a report made afterwards does not see it.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

use crate::report::wait::Wait;

/// Something that tasks wait for, and that can list their waits.
pub trait Waited {
    /// Calls `each` once for every wait in its list.
    ///
    /// Called when a report or snapshot is made, on the thread that it was registered on, with nothing of the scheduler
    /// borrowed.
    fn describe(&self, each: &mut dyn FnMut(Wait));
}

/// Registers something that tasks on this thread wait for, until the returned value is dropped.
///
/// Do this at the first wait that cannot complete immediately: then an uncontended lock costs nothing.
pub fn register(waited: Weak<dyn Waited>) -> Registration {
    Registration { number: enter(waited), _not_send: PhantomData }
}

/// An entry in the list of what tasks on this thread wait for; dropping it removes the entry.
#[derive(Debug)]
#[must_use = "dropping it removes the entry"]
pub struct Registration {
    number: usize,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        leave(self.number);
    }
}

/// Everything on this thread that was ever waited for and still exists.
struct Registry {
    entries: Vec<Option<Weak<dyn Waited>>>,
    vacant: Vec<usize>,
}

thread_local! {
    /// Without a destructor, so that it can be used while other thread-locals are being destroyed. Its buffers are
    /// freed with the last entry.
    static REGISTRY: RefCell<ManuallyDrop<Registry>> =
        const { RefCell::new(ManuallyDrop::new(Registry { entries: Vec::new(), vacant: Vec::new() })) };
}

fn enter(waited: Weak<dyn Waited>) -> usize {
    REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        if let Some(number) = registry.vacant.pop() {
            registry.entries[number] = Some(waited);
            return number;
        }
        registry.entries.push(Some(waited));
        registry.entries.len() - 1
    })
}

fn leave(number: usize) {
    let gone = REGISTRY.with(|registry| {
        let mut registry = registry.borrow_mut();
        let gone = registry.entries.get_mut(number).and_then(Option::take);
        registry.vacant.push(number);
        if registry.vacant.len() == registry.entries.len() {
            registry.entries = Vec::new();
            registry.vacant = Vec::new();
        }
        gone
    });
    drop(gone);
}

/// Calls `each` for every wait described by what is registered on this thread.
pub(crate) fn waits(each: &mut dyn FnMut(Wait)) {
    // All are kept alive while they are called, but the registry is not borrowed: `describe` is user code.
    let all: Vec<Rc<dyn Waited>> = REGISTRY.with(|registry| {
        registry.borrow().entries.iter().flatten().filter_map(Weak::upgrade).collect()
    });
    all.iter().for_each(|waited| waited.describe(each));
}

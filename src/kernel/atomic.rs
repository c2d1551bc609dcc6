//! What threads share: the atomics and the lock of std or, for models, of loom, which tries every order of events.

#[cfg(turnwise_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
};
pub(crate) use std::sync::PoisonError;
#[cfg(not(turnwise_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
};

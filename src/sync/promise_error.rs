//! The error of a promise without a value.

use std::error::Error;
use std::sync::Arc;

/// Why a [`Promise`](crate::sync::Promise) has no value: the error of awaiting it.
///
/// Clones share the inner error, so all waiters get the same one.
///
/// # Example
///
/// ```
/// use std::num::ParseIntError;
/// use turnwise::sync::Promise;
///
/// turnwise::block_on(async {
///     let promise = Promise::<i32>::new();
///     promise.fail("x".parse::<i32>().unwrap_err()).unwrap();
///     let error = promise.get().await.unwrap_err();
///     assert_eq!(error.to_string(), "invalid digit found in string");
///     assert!(error.downcast_ref::<ParseIntError>().is_some());
/// });
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct PromiseError(PromiseCause);

#[derive(Clone, Debug, thiserror::Error)]
enum PromiseCause {
    #[error(transparent)]
    Failed(Arc<dyn Error + Send + Sync>),
    #[error("the promise was cancelled")]
    Cancelled,
    #[error("the promise was abandoned: every handle was dropped before it was settled")]
    Abandoned,
}

impl PromiseError {
    pub(super) fn failed(error: Arc<dyn Error + Send + Sync>) -> Self {
        PromiseError(PromiseCause::Failed(error))
    }

    pub(super) fn cancelled() -> Self {
        PromiseError(PromiseCause::Cancelled)
    }

    pub(super) fn abandoned() -> Self {
        PromiseError(PromiseCause::Abandoned)
    }

    /// Returns whether the promise was [cancelled](crate::sync::Promise::cancel).
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, PromiseCause::Cancelled)
    }

    /// Returns whether every handle was dropped before the promise was settled.
    pub fn is_abandoned(&self) -> bool {
        matches!(self.0, PromiseCause::Abandoned)
    }

    /// Returns the error that the promise [failed](crate::sync::Promise::fail) with, if it did.
    #[doc(alias = "exception")]
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.0 {
            PromiseCause::Failed(error) => Some(&**error),
            _ => None,
        }
    }

    /// Returns the error that the promise failed with, if it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error()?.downcast_ref()
    }
}

//! The peers as [`Executor`]s, each set up as its own documentation does it.

pub(crate) mod async_executor;
#[cfg(target_os = "linux")]
pub(crate) mod compio;
pub(crate) mod futures;
#[cfg(target_os = "linux")]
pub(crate) mod glommio;
#[cfg(target_os = "linux")]
pub(crate) mod monoio;
pub(crate) mod smol;
pub(crate) mod tokio;
pub(crate) mod tokio_spawn;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A handle whose task cannot fail: if it panics, the panic is not returned as an error.
pub(crate) struct Certain<F>(pub(crate) F);

impl<F: Future + Unpin> Future for Certain<F> {
    type Output = Result<F::Output, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Ok)
    }
}

//! Waiting outside of async code: parks the thread until a future is ready.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::kernel::Unparker;
use crate::machine;

/// Blocks this thread until the future is ready.
pub(crate) fn wait_here<F: Future + Unpin>(mut future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparker(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => machine::park(None), // May return spuriously; then the future is polled again.
        }
    }
}

//! A log with virtual timestamps, and helpers for the tests of cancellation.
#![allow(dead_code, reason = "each test program uses only a part of it")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use turnwise::task::catch_cancel;
use turnwise::{JoinHandle, Scheduler, sleep, time};

/// A duration in milliseconds.
pub(crate) const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A log whose lines start with the virtual time in milliseconds. Clones share it.
#[derive(Clone)]
pub(crate) struct Notes {
    lines: Rc<RefCell<Vec<String>>>,
    start: Instant,
}

impl Notes {
    pub(crate) fn add(&self, what: impl AsRef<str>) {
        let passed = (time::now() - self.start).as_millis();
        self.lines.borrow_mut().push(format!("{passed} {}", what.as_ref()));
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.take()
    }

    /// A value that logs a line when it is dropped.
    pub(crate) fn on_drop(&self, what: &'static str) -> NoteOnDrop {
        NoteOnDrop { notes: self.clone(), what }
    }

    /// Runs `work`. If that is cancelled, cleans up for `clean_up` milliseconds.
    pub(crate) async fn guard(&self, name: &str, clean_up: u64, work: impl Future) {
        match catch_cancel(work).await {
            Ok(_) => self.add(format!("{name} done")),
            Err(cancelled) => {
                self.add(format!("{name} caught"));
                sleep(ms(clean_up)).await;
                self.add(format!("{name} cleaned up"));
                drop(cancelled);
            }
        }
    }

    /// Like `guard`, but passes the request on after the clean-up.
    pub(crate) async fn guard_and_resume(&self, name: &str, clean_up: u64, work: impl Future) {
        match catch_cancel(work).await {
            Ok(_) => self.add(format!("{name} done")),
            Err(cancelled) => {
                self.add(format!("{name} caught"));
                sleep(ms(clean_up)).await;
                self.add(format!("{name} resumes"));
                cancelled.resume().await;
            }
        }
    }
}

pub(crate) struct NoteOnDrop {
    notes: Notes,
    what: &'static str,
}

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        self.notes.add(self.what);
    }
}

/// A scheduler with a virtual clock, and an empty log.
pub(crate) fn world() -> (Scheduler, Notes) {
    let scheduler = Scheduler::builder().virtual_time().build();
    let start = scheduler.block_on(async { time::now() });
    (scheduler, Notes { lines: Rc::default(), start })
}

/// Spawns a task, and runs the scheduler until it stalls.
pub(crate) fn started<T: 'static>(
    scheduler: &Scheduler,
    future: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    let handle = scheduler.spawn(future);
    scheduler.run_until_stalled();
    handle
}

/// Polls a future once.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx))).await
}

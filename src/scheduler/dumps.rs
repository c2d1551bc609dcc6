//! Asking a live scheduler from outside what its tasks are doing.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kernel::{Kernel, Letter, Mailbox, drop_quietly, find};

/// Requests, from any thread, that a scheduler writes what its tasks are doing; created by
/// [`Scheduler::dump_handle`](crate::Scheduler::dump_handle).
///
/// It may outlive the scheduler; a request then does nothing. Unlike a [`Remote`](crate::Remote), it keeps no deadlock
/// from being certain, since it wakes no task.
#[derive(Clone)]
pub struct DumpHandle {
    mailbox: Arc<Mailbox>,
    /// Which of the scheduler's writers.
    writer: usize,
    /// A letter is in the mailbox.
    is_requested: Arc<AtomicBool>,
}

impl DumpHandle {
    /// Requests a dump. The scheduler writes it between two passes; a thread that sleeps is woken for it, and a scheduler
    /// that is not running writes it in its next run. While one request waits for that, others add nothing to it.
    ///
    /// A task that is taking a long turn, or blocks the thread, is not interrupted: the dump comes after that turn.
    pub fn request(&self) {
        if self.is_requested.swap(true, Ordering::AcqRel) {
            return;
        }
        let DumpHandle { writer, ref is_requested, ref mailbox } = *self;
        let (scheduler, is_requested) = (mailbox.scheduler, Arc::clone(is_requested));
        let unread = mailbox.post(Letter::Call(Box::new(move || {
            is_requested.store(false, Ordering::Release);
            let kernel = find(scheduler);
            if let Some((kernel, dumps)) = kernel.and_then(|kernel| {
                let dumps = kernel.part::<Dumps>()?;
                Some((kernel, dumps))
            }) {
                dumps.write(&kernel, writer);
            }
        })));
        drop(unread);
    }
}

impl fmt::Debug for DumpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("DumpHandle");
        handle.field("scheduler", &self.mailbox.scheduler).finish_non_exhaustive()
    }
}

/// Writes what the tasks of a scheduler are doing.
pub(super) type Describe = Rc<dyn Fn(&Kernel) -> String>;

/// Where a scheduler writes its dumps, and how.
#[derive(Default)]
pub(crate) struct Dumps(RefCell<Vec<Option<Dump>>>);

struct Dump {
    writer: Box<dyn Write>,
    describe: Describe,
    /// That of the handles. Once there are none, the dump is not needed any more.
    is_requested: Arc<AtomicBool>,
}

impl Dumps {
    pub(super) fn add(
        &self,
        kernel: &Kernel,
        writer: Box<dyn Write>,
        describe: Describe,
    ) -> DumpHandle {
        let (mailbox, is_requested) = (Arc::clone(&kernel.mailbox), Arc::<AtomicBool>::default());
        let dump = Some(Dump { writer, describe, is_requested: Arc::clone(&is_requested) });
        let (number, old) = {
            let mut all = self.0.borrow_mut();
            let has_handles = |dump: &Dump| Arc::strong_count(&dump.is_requested) > 1;
            let unused = all.iter().position(|dump| !dump.as_ref().is_some_and(has_handles));
            let number = unused.unwrap_or(all.len());
            if number == all.len() {
                all.push(None);
            }
            (number, mem::replace(&mut all[number], dump))
        };
        drop_quietly(old);
        DumpHandle { mailbox, writer: number, is_requested }
    }

    fn write(&self, kernel: &Kernel, number: usize) {
        // Taken out, since a writer is user code. One that panics is not put back.
        let Some(mut dump) = self.0.borrow_mut()[number].take() else { return };
        let text = (dump.describe)(kernel);
        let written = catch_unwind(AssertUnwindSafe(|| {
            dump.writer.write_all(text.as_bytes()).and_then(|()| dump.writer.flush())
        }));
        match written {
            // There is nothing else to which an error could be reported.
            Ok(_written) => self.0.borrow_mut()[number] = Some(dump),
            Err(payload) => {
                drop_quietly(payload);
                drop_quietly(dump);
            }
        }
    }
}

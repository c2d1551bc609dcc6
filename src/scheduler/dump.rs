//! Creating a handle by which any thread can ask a live scheduler what its tasks are doing.

use std::io::Write;
use std::rc::Rc;

use crate::kernel::Kernel;
use crate::scheduler::Scheduler;
use crate::scheduler::dumps::DumpHandle;
use crate::scheduler::snapshot::snapshot;

impl Scheduler {
    /// Creates a handle by which any thread can ask what the tasks are doing: the scheduler then writes its
    /// [snapshot](Scheduler::snapshot) and its [await tree](crate::Snapshot::await_tree) to `writer`, such as
    /// `std::io::stderr()`, on its own thread.
    ///
    /// The handle is meant for a program that seems to hang: a thread that waits for a signal asks, or one that has seen
    /// nothing happen for a minute, as in the example `dump`. Until there is a request, it costs nothing.
    ///
    /// Errors of the writer are ignored. A writer that panics is not used again.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{thread, time::Duration};
    /// use turnwise::{Scheduler, sync::Event};
    ///
    /// let (written, reader) = std::sync::mpsc::channel();
    /// # struct Lines(std::sync::mpsc::Sender<String>);
    /// # impl std::io::Write for Lines {
    /// #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
    /// #         let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
    /// #         Ok(bytes.len())
    /// #     }
    /// #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
    /// # }
    /// # let writer = Lines(written);
    /// let scheduler = Scheduler::new();
    /// let dump = scheduler.dump_handle(writer);
    /// let remote = scheduler.remote();
    /// let asker = thread::spawn(move || {
    ///     dump.request();
    ///     let text: String = reader.recv_timeout(Duration::from_secs(60)).into_iter().chain(reader.try_iter()).collect();
    ///     drop(remote);
    ///     text
    /// });
    /// let stuck = scheduler.try_block_on(async { Event::new().named("go").wait().await });
    /// assert!(stuck.is_err(), "nothing sets the event, once the remote is gone");
    /// assert!(!asker.join().unwrap().is_empty());
    /// ```
    pub fn dump_handle(&self, writer: impl Write + 'static) -> DumpHandle {
        let layers = Rc::downgrade(&self.layers);
        let describe = move |kernel: &Kernel| {
            let snapshot = layers.upgrade().map(|layers| snapshot(&layers, kernel));
            snapshot.map_or_else(String::new, |snapshot| {
                format!("{snapshot}\n\n{}", snapshot.await_tree())
            })
        };
        self.layers.dumps().add(&self.kernel, Box::new(writer), Rc::new(describe))
    }
}

//! The root: the future of a `block_on`. It is a task like any other, except that it lives in the caller's frame.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::now::{Flags, Place};
use crate::kernel::scheduler::{Kernel, TaskEvent};
use crate::kernel::task::Ending;
use crate::kernel::taskmap::SpawnMeta;

/// What the main loop sees of a root: a future of unknown type, which may borrow and may panic.
pub(crate) trait Root {
    /// Gives the root one turn. If this returns ready, the future has been dropped.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the future.
    fn give_up(&mut self);
}

/// A future pinned in the caller's frame, and later its output.
pub(crate) struct RootFuture<'a, F: Future> {
    future: Pin<&'a mut Option<F>>,
    pub(crate) output: Option<F::Output>,
}

impl<'a, F: Future> RootFuture<'a, F> {
    pub(crate) fn new(future: Pin<&'a mut Option<F>>) -> Self {
        RootFuture { future, output: None }
    }
}

impl<F: Future> Root for RootFuture<'_, F> {
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(running) = self.future.as_mut().as_pin_mut() else {
            unreachable!("the root has no turn after it has finished");
        };
        let poll = running.poll(cx).map(|output| self.output = Some(output));
        if poll.is_ready() {
            self.give_up(); // Its destructors run inside the run, like those of any task.
        }
        poll
    }

    fn give_up(&mut self) {
        self.future.set(None);
    }
}

/// The slot of a root. It is vacated when `block_on` ends, also by unwinding.
pub(crate) struct RootGuard<'k, 'r> {
    kernel: &'k Kernel,
    root: &'r mut dyn Root,
    pub(crate) key: Key,
    /// The root has completed, and has left its slot.
    is_done: bool,
}

impl<'k, 'r> RootGuard<'k, 'r> {
    /// Gives a root its slot and puts it on ready.
    #[inline]
    pub(crate) fn new(kernel: &'k Kernel, place: Place, root: &'r mut dyn Root) -> Self {
        let meta = SpawnMeta { flags: Flags::MAIN, ..SpawnMeta::at(place) };
        let (key, is_traced) = {
            let board = &mut *kernel.board.borrow_mut();
            let (key, _) = board.taskmap.insert_external(meta);
            board.ready.push(key.slot);
            (key, board.flags.has(Flags::TRACE))
        };
        if is_traced {
            kernel.trace(key, TaskEvent::Spawned);
        }
        RootGuard { kernel, root, key, is_done: false }
    }

    /// Gives the root one turn.
    #[inline]
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let poll = self.root.turn(cx);
        self.is_done = poll.is_ready();
        poll.map(|()| Ending::Returned)
    }
}

impl Drop for RootGuard<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_done {
            self.kernel.give_up(self.key);
            self.root.give_up();
        }
    }
}

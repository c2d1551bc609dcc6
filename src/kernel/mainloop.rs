//! The main loop: take a task from ready, give it its turn, and if it is over, let it exit.
//!
//! This is the loop of the slides, with the one difference that makes an executor of it: the slide puts a
//! task back on ready after every run, here its waker does. What the loop does when nothing is ready is
//! in `idle.rs`.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use crate::kernel::error::{NestedRun, RunError};
use crate::kernel::id::{Key, TaskId, TaskKey};
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::snapshot::Place;
use crate::kernel::task::{Boxed, Ending, burn};
use crate::kernel::taskmap::{Doing, Marks};
use crate::kernel::thread::{self, Entered};
use crate::kernel::transition::{Cause, Transition, TurnResult};
use crate::kernel::waiting::Waiter;
use crate::kernel::waker::{Bell, BellIndex};

/// A run: from entering the scheduler to leaving it.
pub(crate) struct Run<'k, 'r> {
    pub(crate) kernel: &'k Kernel,
    /// The bell that is lent to each task for its turn.
    bell: Bell,
    pub(crate) root: Option<Root<'r>>,
    /// The turn at which clock and I/O are looked at again even though tasks are ready.
    pub(crate) look_again: u64,
    /// The turn after which nothing could run, if that was reported already.
    pub(crate) stalled: Option<u64>,
    _running: Running<'k>,
}

/// The future of a `block_on`, which lives in the caller's frame.
pub(crate) struct Root<'a> {
    pub(crate) poll: &'a mut dyn FnMut(&mut Context<'_>) -> Poll<()>,
    pub(crate) done: bool,
}

/// A task that is out of the task map, for its turn.
pub(crate) struct Turn {
    task: TaskKey,
    id: TaskId,
    /// `None` for the root.
    target: Option<Boxed>,
    /// Its own bell, if it has one.
    bell: BellIndex,
    number: u64,
    aborted: bool,
}

impl<'k> Run<'k, '_> {
    /// Begins a run that nothing on this thread may enclose.
    pub(crate) fn outermost(kernel: &'k Kernel, place: Place) -> Result<Self, RunError> {
        match thread::run_place() {
            Some(outer) => Err(RunError::Nested(NestedRun { outer, inner: place })),
            None => Ok(Run::begin(kernel, place)),
        }
    }

    /// Begins a run that may take place inside a turn of another scheduler.
    ///
    /// # Panics
    ///
    /// If this scheduler runs already.
    pub(crate) fn inner(kernel: &'k Kernel, place: Place) -> Self {
        if let Some(outer) = kernel.running.get() {
            panic!("{}", NestedRun { outer, inner: place });
        }
        Run::begin(kernel, place)
    }

    fn begin(kernel: &'k Kernel, place: Place) -> Self {
        let running = Running { _entered: thread::enter(kernel.id, Some(place)), kernel };
        kernel.running.set(Some(place));
        let bell = kernel.board.borrow_mut().bells.take(&kernel.mailbox);
        thread::set_vtable(bell.waker());
        Run { kernel, bell, root: None, look_again: 0, stalled: None, _running: running }
    }

    /// Ends a run in peace; its bell serves the next one.
    pub(crate) fn leave(self) {
        let Run { kernel, bell, .. } = self;
        kernel.board.borrow_mut().bells.give_back(bell);
    }

    /// The slides' `mainloop`. Runs until the root is done, or without one until every task is over.
    pub(crate) fn mainloop(&mut self) -> Result<(), RunError> {
        while !self.is_over() {
            let Some(slot) = self.next_ready() else {
                self.idle()?;
                continue;
            };
            match self.turn(slot) {
                Poll::Ready((turn, ending)) => self.exit(turn, ending),
                // Here we leave the slide. It says `self.schedule(task)`, and so asks every task again and
                // again whether it can go on; we leave that to its waker, which knows.
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// The slides' `while self.taskmap`.
    fn is_over(&self) -> bool {
        match &self.root {
            Some(root) => root.done,
            None => self.kernel.board.borrow().taskmap.alive() == 0,
        }
    }

    /// The slides' `self.ready.get()`: the next task of this pass, or the first one of the next.
    pub(crate) fn next_ready(&mut self) -> Option<u32> {
        if let Some(slot) = self.kernel.board.borrow_mut().pop_ready() {
            return Some(slot);
        }
        thread::end_turn();
        self.collect_mail();
        if self.kernel.board.borrow().turns >= self.look_again {
            self.look();
        }
        let mut board = self.kernel.board.borrow_mut();
        board.begin_pass();
        board.pop_ready()
    }

    /// Gives one task its turn; gives it back if that was the last one.
    pub(crate) fn turn(&mut self, slot: u32) -> Poll<(Turn, Ending)> {
        let mut turn = self.begin_turn(slot);
        let mut cx = Context::from_waker(self.bell.waker());
        thread::begin_turn(turn.task, self.bell.waker());
        let poll = match &mut turn.target {
            Some(target) if turn.aborted => abort(target),
            Some(target) => target.as_mut().turn(&mut cx),
            None => poll_root(self.root.as_mut(), &mut cx),
        };
        let again = thread::end_poll();
        match poll {
            Poll::Ready(ending) => Poll::Ready((turn, ending)),
            Poll::Pending => self.end_turn(turn, again),
        }
    }

    /// Takes a task out of the task map and puts its key on the bell.
    fn begin_turn(&mut self, slot: u32) -> Turn {
        let kernel = self.kernel;
        let mut guard = kernel.board.borrow_mut();
        let board = &mut *guard;
        board.turns += 1;
        let number = board.turns;
        let place = board.taskmap.slot(slot);
        let id = place.id().expect("a queued slot has a tenant");
        let key = Key { slot, serial: id.serial() };
        // Before the poll, never after it: a wake from now on is one for another turn.
        place.doing = Doing::Turn;
        place.turns += 1;
        place.last_turn = number;
        let (target, bell) = (place.target.take(), place.bell);
        let aborted = place.marks.has(Marks::ABORT);
        if bell.is_none() {
            self.bell.label(key);
        } else {
            mem::swap(&mut self.bell, board.bells.kept(bell));
        }
        drop(guard);
        if kernel.watched.get() {
            kernel.emit(Transition::TurnBegan { task: id, turn: number });
        }
        Turn { task: TaskKey::new(kernel.id, key), id, target, bell, number, aborted }
    }

    /// Puts a task back into the task map to wait for its bell, or gives it back if it is to be aborted.
    fn end_turn(&mut self, mut turn: Turn, again: bool) -> Poll<(Turn, Ending)> {
        let kernel = self.kernel;
        let slot = turn.task.key.slot;
        let mut guard = kernel.board.borrow_mut();
        let board = &mut *guard;
        let place = board.taskmap.slot(slot);
        if let Some(target) = &mut turn.target
            && place.marks.has(Marks::ABORT)
        {
            drop(guard);
            return abort(target).map(|ending| (turn, ending));
        }
        let yields = again || place.doing == Doing::Again;
        place.doing = if yields { Doing::Queued } else { Doing::Idle };
        place.target = turn.target.take();
        if yields {
            board.ready.push(slot);
        }
        self.take_bell_back(board, &turn);
        self.settle_sleeps(board);
        drop(guard);
        if kernel.watched.get() {
            kernel.tell_turn_ended(
                &turn,
                if yields { TurnResult::Yielded } else { TurnResult::Waiting },
            );
        }
        Poll::Pending
    }

    /// The slides' `exit`: the task leaves the task map, and whoever waits for its end is woken.
    pub(crate) fn exit(&mut self, turn: Turn, ending: Ending) {
        let kernel = self.kernel;
        {
            let mut board = kernel.board.borrow_mut();
            self.take_bell_for_good(&mut board, &turn);
            self.settle_sleeps(&mut board);
        }
        if kernel.watched.get() {
            kernel.tell_turn_ended(&turn, TurnResult::Exited(ending));
        }
        kernel.exit(turn.task.key, turn.target, ending);
    }

    /// After a turn: a bell that is home serves the next task, one that is not stays with this one.
    fn take_bell_back(&mut self, board: &mut Board, turn: &Turn) {
        match (turn.bell.is_none(), self.bell.is_home()) {
            (true, true) => {}
            (true, false) => {
                let next = board.bells.take(&self.kernel.mailbox);
                let own = mem::replace(&mut self.bell, next);
                board.taskmap.slot(turn.task.key.slot).bell = board.bells.keep(own);
            }
            (false, home) => {
                mem::swap(&mut self.bell, board.bells.kept(turn.bell));
                if home {
                    board.release_bell(turn.task.key.slot);
                }
            }
        }
    }

    /// After the last turn: a bell that others still hold is muffled.
    fn take_bell_for_good(&mut self, board: &mut Board, turn: &Turn) {
        if !turn.bell.is_none() {
            mem::swap(&mut self.bell, board.bells.kept(turn.bell));
            board.release_bell(turn.task.key.slot);
        } else if !self.bell.is_home() {
            self.bell.muffle();
            self.bell = board.bells.take(&self.kernel.mailbox);
        }
    }

    /// Sleeps made in one turn share one reading of the clock, at its end: so none is ever early.
    #[inline]
    fn settle_sleeps(&self, board: &mut Board) {
        if board.timers.has_fresh() {
            board.timers.settle(self.kernel.clock.now());
        }
    }
}

/// While it exists the scheduler runs.
struct Running<'a> {
    kernel: &'a Kernel,
    _entered: Entered,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.kernel.running.set(None);
        self.kernel.arm_hook();
    }
}

fn abort(target: &mut Boxed) -> Poll<Ending> {
    target.as_mut().abort();
    Poll::Ready(Ending::Aborted)
}

fn poll_root(root: Option<&mut Root<'_>>, cx: &mut Context<'_>) -> Poll<Ending> {
    let root = root.expect("only a root has its future elsewhere, and it runs while it has a slot");
    root.done = (root.poll)(cx).is_ready();
    if root.done { Poll::Ready(Ending::Returned) } else { Poll::Pending }
}

impl Board {
    /// Takes the next task of the pass from ready.
    fn pop_ready(&mut self) -> Option<u32> {
        while let Some(slot) = self.ready.pop() {
            // Only a root can have left its slot while it was queued, when its `block_on` was unwound.
            if self.taskmap.slot(slot).doing == Doing::Queued {
                return Some(slot);
            }
        }
        None
    }

    fn begin_pass(&mut self) {
        let taskmap = &mut self.taskmap;
        self.ready.begin_pass(|slot| taskmap.priority(slot));
    }

    /// Takes a task's own bell from it.
    pub(crate) fn release_bell(&mut self, slot: u32) {
        let index = mem::take(&mut self.taskmap.slot(slot).bell);
        if index.is_none() {
            return;
        }
        let (bell, moved) = self.bells.remove(index);
        if let Some(tenant) = moved.and_then(|key| self.taskmap.tenant(key)) {
            tenant.bell = index;
        }
        if bell.is_home() {
            self.bells.give_back(bell);
        } else {
            bell.muffle();
        }
    }
}

impl Kernel {
    /// Takes a task that is over out of the task map; its output stays if somebody may ask for it.
    pub(crate) fn exit(&self, key: Key, target: Option<Boxed>, ending: Ending) {
        let (id, finished, woken) = {
            let mut guard = self.board.borrow_mut();
            let board = &mut *guard;
            let id = board.taskmap.slot(key.slot).id();
            let finished = board.taskmap.finish(key.slot, target);
            let woken = finished.joiner.filter(|joiner| board.schedule(*joiner));
            (id, finished, woken)
        };
        if self.watched.get()
            && let Some(task) = id
        {
            self.emit(Transition::Exited { task, ending });
            if let Some(joiner) = woken {
                self.tell_scheduled(joiner, Cause::Task(task));
            }
        }
        if let Some(unwanted) = finished.unwanted {
            self.discard(unwanted);
        }
        if let Some(waiter) = finished.foreign {
            wake_safely(waiter);
        }
    }

    #[cold]
    fn tell_turn_ended(&self, turn: &Turn, result: TurnResult) {
        self.emit(Transition::TurnEnded { task: turn.id, turn: turn.number, result });
        if result == TurnResult::Yielded {
            self.tell_scheduled(turn.task.key, Cause::Task(turn.id));
        }
    }
}

/// Wakes whoever waits; if that is a stranger whose waker panics, the scheduler goes on all the same.
pub(crate) fn wake_safely(waiter: Waiter) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waiter.wake())) {
        burn(payload);
    }
}

//! The main loop: take a task from ready, give it its turn, and if it is over, let it exit.
//!
//! This is the loop of the slides, with the one difference that makes an executor of it: the slide puts a
//! task back on ready after every run, here its waker does. What the loop does when nothing is ready is
//! in `idle.rs`.

use std::cell::RefMut;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::mailbox::Mailbox;
use crate::kernel::marks::Marks;
use crate::kernel::now::Noted;
use crate::kernel::root::{Root, Seat};
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::task::{Boxed, Ending};
use crate::kernel::taskmap::Doing;
use crate::kernel::thread;
use crate::kernel::thread::Entered;
use crate::kernel::waker::Bell;
use crate::report::Place;
use crate::report::TurnResult;
use crate::scheduler::{NestedRun, RunError};

/// A run: from entering the scheduler to leaving it.
pub(crate) struct Run<'k, 'r> {
    pub(crate) kernel: &'k Kernel,
    /// The bell that is lent to each task for its turn. A run that ends in peace gives it back.
    pub(crate) bell: Bell,
    pub(crate) root: Option<Seat<'k, 'r>>,
    /// Whether the thread may sleep, and a virtual clock jump, when nothing is ready.
    pub(crate) may_wait: bool,
    /// The root is done; or there is none, and no task is left; or nothing is ready and it may not wait.
    pub(crate) is_over: bool,
    /// The turn after which nothing could run, if that was reported already.
    pub(crate) stalled: Option<u64>,
    _running: Running<'k>,
}

/// A task that is out of the task map, for its turn.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) key: Key,
    /// It has a bell of its own. Which one that is may change: in nested turns bells move.
    has_bell: bool,
    /// It is marked to be dropped, or has inherited something.
    pub(crate) is_special: bool,
}

/// A task that had its last turn.
pub(crate) struct Over {
    turn: Turn,
    /// `None` for the root.
    target: Option<Boxed>,
    ending: Ending,
}

/// What a turn leaves behind. Between two turns the board is held.
pub(crate) enum Turned<'k> {
    /// The task waits, or is on ready again.
    Waits(RefMut<'k, Board>),
    /// That was its last turn.
    Over(Over),
}

impl<'k, 'r> Run<'k, 'r> {
    /// Runs until every task is over, or until the root is done, if there is one. Nothing on this thread may
    /// enclose such a run.
    pub(crate) fn outermost(
        kernel: &'k Kernel,
        place: Place,
        root: Option<&'r mut dyn Root>,
    ) -> Result<(), RunError> {
        if let Some(outer) = thread::run_place() {
            return Err(RunError::Nested(NestedRun { outer, inner: place }));
        }
        let mut run = Run::begin(kernel, place);
        run.root = root.map(|root| Seat::take(kernel, place, root));
        run.mainloop()?;
        kernel.give_back(run.bell);
        match kernel.failure.take() {
            None => Ok(()),
            Some(failure) => {
                kernel.end_everyone(run.root.as_ref().map(Seat::key));
                Err(RunError::Failed(failure))
            }
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

    #[inline]
    pub(crate) fn begin(kernel: &'k Kernel, place: Place) -> Self {
        if kernel.watched.get() {
            drop(kernel.mailbox.sleeper()); // No hook is called while it runs.
        }
        let bell = kernel.board.borrow_mut().bells.take(&kernel.mailbox);
        kernel.running.set(Some(place));
        Run {
            kernel,
            bell,
            root: None,
            may_wait: true,
            is_over: false,
            stalled: None,
            _running: Running {
                kernel,
                discarding: kernel.discarding.replace(false),
                _entered: thread::enter(kernel.id, Some(place)),
            },
        }
    }

    /// The slides' `mainloop`: while the taskmap is not empty, or until the root is done.
    pub(crate) fn mainloop(&mut self) -> Result<(), RunError> {
        let mut board = self.kernel.board.borrow_mut();
        while !self.is_over {
            // The slides' `self.ready.get()`.
            let Some(slot) = board.ready.pop() else {
                board = self.next_pass(board);
                if board.ready.pass_is_over() {
                    drop(board);
                    self.idle()?;
                    board = self.kernel.board.borrow_mut();
                }
                continue;
            };
            board = match self.turn(board, slot) {
                Turned::Over(over) => self.exit(over),
                // Here we leave the slide. It says `self.schedule(task)`, and so asks every task again and
                // again whether it can go on; we leave that to its waker, which knows.
                Turned::Waits(board) => board,
            };
        }
        Ok(())
    }

    /// Looks into the mailbox, now and then at the clock, and begins the next pass.
    pub(crate) fn next_pass(&mut self, mut board: RefMut<'k, Board>) -> RefMut<'k, Board> {
        thread::end_turn();
        if self.is_time_to_look(&board) {
            drop(board);
            self.look_around();
            board = self.kernel.board.borrow_mut();
        }
        board.begin_pass();
        board
    }

    /// Gives one task its turn; gives it back if that was the last one.
    #[allow(
        clippy::inline_always,
        reason = "the main loop is one of two callers; calls cost a third of a turn"
    )]
    #[inline(always)]
    pub(crate) fn turn(&mut self, mut board: RefMut<'k, Board>, slot: u32) -> Turned<'k> {
        let (turn, mut target) = board.begin_turn(&mut self.bell, slot);
        drop(board); // The user's code runs with nothing borrowed.
        if self.kernel.in_full.get() {
            self.kernel.begin_in_full(turn.key);
        }
        let mut cx = Context::from_waker(self.bell.waker());
        thread::begin_turn(turn.key, self.bell.waker());
        let poll = match &mut target {
            Some(target) if turn.is_special => self.kernel.special_turn(turn.key, target, &mut cx),
            Some(target) => target.as_mut().turn(&mut cx),
            None => self.root.as_mut().map_or(Poll::Pending, |seat| {
                let poll = seat.turn(&mut cx);
                self.is_over = poll.is_ready();
                poll
            }),
        };
        let noted = thread::end_poll();
        match poll {
            Poll::Pending => self.end_turn(turn, target, noted),
            Poll::Ready(ending) => {
                if noted.has_left() {
                    Kernel::after_last_turn();
                }
                Turned::Over(Over { turn, target, ending })
            }
        }
    }

    /// Puts a task back into the task map to wait for its bell; unless it was aborted in its own turn, or
    /// cancelled and nothing catches that.
    #[allow(clippy::inline_always, reason = "as for `turn`")]
    #[inline(always)]
    fn end_turn(&mut self, turn: Turn, mut target: Option<Boxed>, noted: Noted) -> Turned<'k> {
        let mut guard = self.kernel.board.borrow_mut();
        let marks = guard.taskmap.slot(turn.key.slot).marks;
        if noted.has_left() || marks.has_any([Marks::ABORT, Marks::ASKED]) {
            drop(guard);
            // The root of a `block_on` is not ended from outside: somebody waits for its output.
            if let Some(failure) = self.kernel.after_turn(turn.key, noted)
                && let Some(ended) = &mut target
            {
                let ending = self.kernel.drop_target(turn.key, ended, failure);
                return Turned::Over(Over { turn, target, ending });
            }
            guard = self.kernel.board.borrow_mut();
        }
        let slot = turn.key.slot;
        let board = &mut *guard;
        let place = board.taskmap.slot(slot);
        let yields = noted.is_rung() || place.doing == Doing::Again;
        place.doing = if yields { Doing::Queued } else { Doing::Idle };
        place.target = target;
        if yields {
            board.ready.push(slot);
        }
        board.take_bell_back(&mut self.bell, turn, &self.kernel.mailbox);
        self.kernel.settle_sleeps(board);
        if self.kernel.in_full.get() {
            drop(guard);
            let result = if yields { TurnResult::Yielded } else { TurnResult::Waiting };
            self.kernel.end_in_full(turn.key, result);
            guard = self.kernel.board.borrow_mut();
        }
        Turned::Waits(guard)
    }

    /// The slides' `exit`: the task leaves the task map, and whoever waits for its end is woken.
    pub(crate) fn exit(&mut self, over: Over) -> RefMut<'k, Board> {
        let Over { turn, target, ending } = over;
        let kernel = self.kernel;
        let mut board = kernel.board.borrow_mut();
        board.take_bell_for_good(&mut self.bell, turn, &kernel.mailbox);
        kernel.settle_sleeps(&mut board);
        if kernel.in_full.get() {
            drop(board);
            kernel.end_in_full(turn.key, TurnResult::Exited(ending));
            board = kernel.board.borrow_mut();
        }
        kernel.exit(board, turn.key, target, ending)
    }
}

/// While it exists the scheduler runs.
struct Running<'a> {
    kernel: &'a Kernel,
    /// The run takes place in the destructor of an output that is being discarded; its own outputs must not
    /// wait for the end of that.
    discarding: bool,
    _entered: Entered,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.kernel.running.set(None);
        self.kernel.discarding.set(self.discarding);
        if self.kernel.watched.get() {
            self.kernel.arm_hook();
        }
    }
}

impl Board {
    fn begin_pass(&mut self) {
        let taskmap = &mut self.taskmap;
        self.ready.begin_pass(|slot| taskmap.priority(slot));
    }

    /// Takes a task out of the task map and puts its key on the bell.
    #[allow(clippy::inline_always, reason = "as for `Run::turn`")]
    #[inline(always)]
    pub(crate) fn begin_turn(&mut self, lent: &mut Bell, slot: u32) -> (Turn, Option<Boxed>) {
        self.turns += 1;
        let place = self.taskmap.slot(slot);
        // Before the poll, never after it: a wake from now on is one for another turn.
        place.doing = Doing::Turn;
        place.turns += 1;
        place.last_turn = self.turns;
        let key = place.key(slot);
        let (target, bell) = (place.target.take(), place.bell);
        let is_special = place.marks.has_any([Marks::ABORT, Marks::HEIR]);
        // Also the bell that lies in the place of the task's own meanwhile says whose place that is.
        lent.label(key);
        let has_bell = !bell.is_none();
        if has_bell {
            mem::swap(lent, self.bells.kept(bell));
        }
        (Turn { key, has_bell, is_special }, target)
    }

    /// After a turn: a bell that is home serves the next task, one that is not stays with this one.
    #[allow(
        clippy::inline_always,
        reason = "as for `Run::turn`; a second caller must not cost the first"
    )]
    #[inline(always)]
    pub(crate) fn take_bell_back(&mut self, lent: &mut Bell, turn: Turn, mailbox: &Arc<Mailbox>) {
        match (turn.has_bell, lent.is_home()) {
            (false, true) => {}
            (false, false) => {
                let next = self.bells.take(mailbox);
                let own = mem::replace(lent, next);
                self.taskmap.slot(turn.key.slot).bell = self.bells.keep(own);
            }
            (true, home) => {
                let bell = self.taskmap.slot(turn.key.slot).bell;
                mem::swap(lent, self.bells.kept(bell));
                if home {
                    self.release_bell(turn.key.slot);
                }
            }
        }
    }

    /// After the last turn: a bell that others still hold is muffled.
    #[allow(
        clippy::inline_always,
        reason = "as for `Run::turn`; a second caller must not cost the first"
    )]
    #[inline(always)]
    pub(crate) fn take_bell_for_good(
        &mut self,
        lent: &mut Bell,
        turn: Turn,
        mailbox: &Arc<Mailbox>,
    ) {
        if turn.has_bell {
            let bell = self.taskmap.slot(turn.key.slot).bell;
            mem::swap(lent, self.bells.kept(bell));
            self.release_bell(turn.key.slot);
        } else if !lent.is_home() {
            lent.muffle();
            *lent = self.bells.take(mailbox);
        }
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
    /// Takes back the bell of a run that ends in peace; it serves the next one.
    #[inline]
    pub(crate) fn give_back(&self, bell: Bell) {
        self.board.borrow_mut().bells.give_back(bell);
    }

    /// Sleeps made in one turn share one reading of the clock, at its end: so none is ever early.
    #[inline]
    pub(crate) fn settle_sleeps(&self, board: &mut Board) {
        if board.timers.has_fresh() {
            board.timers.settle(self.clock.now());
        }
    }
}

//! A pass of a scope: a turn for each of its children that is ready, as the main loop gives them to tasks.

use std::cell::RefMut;
use std::task::{Context, Poll};

use crate::kernel::hosting::Host;
use crate::kernel::mainloop::Turn;
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::task::{Ending, Failure};
use crate::kernel::taskmap::{Doing, Marks};
use crate::kernel::thread::{self, Entered};
use crate::kernel::transition::TurnResult;
use crate::kernel::waker::Bell;

impl Host {
    /// Gives a turn to every child that is ready now.
    pub(crate) fn pass(&self, children: &mut dyn Hosted) {
        let mut pass = Pass::begin(self);
        while pass.as_mut().is_some_and(|pass| pass.give_turn(children)) {}
        if let Some(pass) = pass {
            pass.end();
        }
    }
}

/// What the kernel sees of the children of a scope. None of these methods unwinds.
///
/// Scopes are nested on the stack. So whatever calls a turn, and is called by one, has few variables of its
/// own here; and what comes before and after is done elsewhere.
pub(crate) trait Hosted {
    /// Polls the child with this number. If it is ready, it is forgotten.
    fn turn(&mut self, number: u32, cx: &mut Context<'_>) -> Poll<Ending>;

    /// Drops the child with this number, and leaves the failure for its handle.
    fn end(&mut self, number: u32, failure: Failure);
}

/// The turns of the children in one poll of their scope.
struct Pass<'h> {
    kernel: &'h Kernel,
    desk: u32,
    /// Lent to each child for its turn, as in a run.
    bell: Bell,
    /// Between two turns the board is held, as in a run.
    board: Option<RefMut<'h, Board>>,
    _entered: Entered,
}

/// A child that has its turn.
#[derive(Clone, Copy)]
struct InTurn {
    turn: Turn,
    number: u32,
}

impl<'h> Pass<'h> {
    /// Begins a pass, if any child is ready.
    fn begin(host: &'h Host) -> Option<Self> {
        let kernel = &*host.kernel;
        let mut guard = kernel.board.borrow_mut();
        let Board { hosting, taskmap, bells, .. } = &mut *guard;
        let ready = hosting.ready(host.desk);
        if ready.is_empty() {
            return None;
        }
        ready.begin_pass(|slot| taskmap.priority(slot));
        // On a foreign executor no run encloses this one: then it is one by itself.
        let run = thread::run_place().unwrap_or(hosting.place(host.desk));
        let bell = bells.take(&kernel.mailbox);
        Some(Pass {
            kernel,
            desk: host.desk,
            bell,
            board: Some(guard),
            _entered: thread::enter(kernel.id, Some(run)),
        })
    }

    /// Gives the next child its turn; `false` if there is none.
    #[inline]
    fn give_turn(&mut self, children: &mut dyn Hosted) -> bool {
        let Some(InTurn { turn, number }) = self.next() else { return false };
        let since = thread::begin_turn(turn.key, self.bell.waker());
        if turn.aborted {
            self.end_child(InTurn { turn, number }, self.kernel.why(turn.key), children);
            return true;
        }
        let poll = children.turn(number, &mut Context::from_waker(self.bell.waker()));
        self.after(InTurn { turn, number }, poll, since, children);
        true
    }

    /// Begins the turn of the next child. The user's code runs with nothing borrowed, so the board is let go.
    #[inline]
    fn next(&mut self) -> Option<InTurn> {
        let mut guard = self.board.take()?;
        let board = &mut *guard;
        let child = loop {
            let Some(slot) = board.hosting.ready(self.desk).pop() else {
                self.board = Some(guard);
                return None;
            };
            let place = board.taskmap.slot(slot);
            // Else its scheduler was dropped in this pass, and the slot is perhaps another's.
            if place.doing == Doing::Queued
                && place.marks.has(Marks::HOSTED)
                && let Some(number) = board.hosting.number_in(self.desk, slot)
            {
                let (turn, _) = board.begin_turn(&mut self.bell, slot);
                break InTurn { turn, number };
            }
        };
        drop(guard);
        if self.kernel.watched.get() {
            self.kernel.tell_turn_began(child.turn.key);
        }
        Some(child)
    }

    /// Ends a turn.
    #[inline]
    fn after(&mut self, child: InTurn, poll: Poll<Ending>, since: u32, children: &mut dyn Hosted) {
        let (again, left) = thread::end_poll();
        if let Poll::Ready(ending) = poll {
            return self.exit(child.turn, ending);
        }
        let left = (left != since).then_some(since);
        if let Err(failure) = self.end_turn(child.turn, again, left) {
            self.end_child(child, failure, children);
        }
    }

    #[cold]
    fn end_child(&mut self, child: InTurn, failure: Failure, children: &mut dyn Hosted) {
        let ending = failure.ending();
        children.end(child.number, failure);
        thread::end_poll();
        self.exit(child.turn, ending);
    }

    /// Ends in peace; the bell serves others.
    fn end(mut self) {
        if let Some(mut board) = self.board.take() {
            board.bells.give_back(self.bell);
        }
    }

    /// Lets a child wait for its bell, or for its next turn. It is an error if it is to end now: as in a run, if
    /// it was aborted in its own turn, or cancelled and nothing catches that.
    #[inline]
    fn end_turn(&mut self, child: Turn, again: bool, left: Option<u32>) -> Result<(), Failure> {
        let kernel = self.kernel;
        let slot = child.key.slot;
        let mut guard = kernel.board.borrow_mut();
        let Some(place) = guard.taskmap.tenant(child.key) else { return Err(Failure::Aborted) };
        if left.is_some() || place.marks.has_any([Marks::ABORT, Marks::ASKED]) {
            drop(guard);
            if let Some(failure) = kernel.must_end(child.key, again, left) {
                return Err(failure);
            }
            guard = kernel.board.borrow_mut();
        }
        let board = &mut *guard;
        let place = board.taskmap.slot(slot);
        let yields = again || place.doing == Doing::Again;
        place.doing = if yields { Doing::Queued } else { Doing::Idle };
        if yields {
            board.hosting.ready(self.desk).push(slot);
        }
        board.take_bell_back(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(board);
        if kernel.watched.get() {
            drop(guard);
            let result = if yields { TurnResult::Yielded } else { TurnResult::Waiting };
            kernel.tell_turn_ended(child.key, result);
            guard = kernel.board.borrow_mut();
        }
        self.board = Some(guard);
        Ok(())
    }

    /// Lets a child leave the task map.
    #[inline]
    fn exit(&mut self, child: Turn, ending: Ending) {
        let kernel = self.kernel;
        let mut board = kernel.board.borrow_mut();
        if board.taskmap.tenant(child.key).is_none() {
            return self.board = Some(board); // Its scheduler was dropped in its turn.
        }
        board.take_bell_for_good(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(&mut board);
        if kernel.watched.get() {
            drop(board);
            kernel.tell_turn_ended(child.key, TurnResult::Exited(ending));
            board = kernel.board.borrow_mut();
        }
        self.board = Some(kernel.exit(board, child.key, None, ending));
    }
}

//! A pass of a scope: a turn for each of its children that is ready, as the main loop gives them to tasks.
//!
//! Read `mainloop.rs` first; this is the same with three differences. The future is not taken out of the task map,
//! for it lives in the scope. The pass is run inside of somebody's turn, so the thread's notes of whose turn it
//! is, and the meter, are put aside for it. And a child leaves nothing in its slot when it is over: its output is
//! with its handle already.
//!
//! What becomes ready during a pass has its turn in the next one; so a child that wakes itself for ever keeps
//! neither its scope nor the other tasks from their turns.

use std::cell::RefMut;
use std::task::{Context, Poll};

use crate::kernel::Bell;
use crate::kernel::Doing;
use crate::kernel::Marks;
use crate::kernel::Noted;
use crate::kernel::Turn;
use crate::kernel::{Board, Kernel};
use crate::kernel::{Ending, Failure};
use crate::kernel::{Entered, thread};
use crate::limits::Paused;
use crate::report::TurnResult;
use crate::scope::hosts::Host;

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
    /// The meter of the turn that all this is nested in, if there is one.
    paused: Option<Box<Paused>>,
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
            paused: kernel.meter.as_ref().map(|meter| meter.pause()),
            _entered: thread::enter_nested(kernel.id, run),
        })
    }

    /// Gives the next child its turn; `false` if there is none.
    #[inline]
    fn give_turn(&mut self, children: &mut dyn Hosted) -> bool {
        let Some(InTurn { turn, number }) = self.next() else { return false };
        thread::begin_turn(turn.key, self.bell.waker());
        if turn.is_special {
            return self.give_special_turn(InTurn { turn, number }, children);
        }
        let poll = children.turn(number, &mut Context::from_waker(self.bell.waker()));
        self.after(InTurn { turn, number }, poll, children);
        true
    }

    /// The same for a child that has inherited something, or is marked to be dropped instead.
    #[cold]
    fn give_special_turn(&mut self, child: InTurn, children: &mut dyn Hosted) -> bool {
        let key = child.turn.key;
        if self.kernel.is_marked(key) {
            self.end_child(child, self.kernel.why(key), children);
            return true;
        }
        let poll = self.kernel.turn_of_heir(key, || {
            children.turn(child.number, &mut Context::from_waker(self.bell.waker()))
        });
        self.after(child, poll, children);
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
        if self.kernel.in_full.get() {
            self.kernel.begin_in_full(child.turn.key);
        }
        Some(child)
    }

    /// Ends a turn.
    #[inline]
    fn after(&mut self, child: InTurn, poll: Poll<Ending>, children: &mut dyn Hosted) {
        let noted = thread::end_poll();
        if let Poll::Ready(ending) = poll {
            return self.exit(child.turn, noted, ending);
        }
        if let Err(failure) = self.end_turn(child.turn, noted) {
            self.end_child(child, failure, children);
        }
    }

    #[cold]
    fn end_child(&mut self, child: InTurn, failure: Failure, children: &mut dyn Hosted) {
        let ending = failure.ending();
        self.kernel.end_of_heir(child.turn.key, || children.end(child.number, failure));
        let noted = thread::end_poll();
        self.exit(child.turn, noted, ending);
    }

    /// Ends in peace; the bell serves others.
    fn end(mut self) {
        if let Some(mut board) = self.board.take() {
            board.bells.give_back(self.bell);
        }
        if let (Some(meter), Some(paused)) = (&self.kernel.meter, self.paused) {
            meter.go_on(*paused);
        }
    }

    /// Lets a child wait for its bell, or for its next turn. It is an error if it is to end now: as in a run, if
    /// it was aborted in its own turn, or cancelled and nothing catches that.
    #[inline]
    fn end_turn(&mut self, child: Turn, noted: Noted) -> Result<(), Failure> {
        let kernel = self.kernel;
        let slot = child.key.slot;
        let mut guard = kernel.board.borrow_mut();
        let Some(place) = guard.taskmap.tenant(child.key) else { return Err(Failure::Aborted) };
        if noted.has_left() || place.marks.has_any([Marks::ABORT, Marks::ASKED]) {
            drop(guard);
            if let Some(failure) = kernel.after_turn(child.key, noted) {
                return Err(failure);
            }
            guard = kernel.board.borrow_mut();
        }
        let board = &mut *guard;
        let place = board.taskmap.slot(slot);
        let yields = noted.is_rung() || place.doing == Doing::Again;
        place.doing = if yields { Doing::Queued } else { Doing::Idle };
        if yields {
            board.hosting.ready(self.desk).push(slot);
        }
        board.take_bell_back(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(board);
        if kernel.in_full.get() {
            drop(guard);
            let result = if yields { TurnResult::Yielded } else { TurnResult::Waiting };
            kernel.end_in_full(child.key, result);
            guard = kernel.board.borrow_mut();
        }
        self.board = Some(guard);
        Ok(())
    }

    /// Lets a child leave the task map.
    #[inline]
    fn exit(&mut self, child: Turn, noted: Noted, ending: Ending) {
        let kernel = self.kernel;
        if noted.has_left() {
            Kernel::after_last_turn();
        }
        let mut board = kernel.board.borrow_mut();
        if board.taskmap.tenant(child.key).is_none() {
            return self.board = Some(board); // Its scheduler was dropped in its turn.
        }
        board.take_bell_for_good(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(&mut board);
        if kernel.in_full.get() {
            drop(board);
            kernel.end_in_full(child.key, TurnResult::Exited(ending));
            board = kernel.board.borrow_mut();
        }
        self.board = Some(kernel.exit(board, child.key, None, ending));
    }
}

//! A pass of a scope: a turn for each of its children that is ready, as the main loop gives them to tasks.
//!
//! Read `kernel/mainloop.rs` first; this is the same with three differences. The future is not taken out of the task map,
//! for it lives in the scope. The pass is run inside another turn, so the thread's notes of whose turn it is, and the
//! meter, are put aside for it. And a child leaves nothing in its slot when it is over: its output is with its handle
//! already.
//!
//! What becomes ready during a pass has its turn in the next one; so a child that wakes itself forever keeps neither its
//! scope nor the other tasks from their turns.

use std::cell::RefMut;
use std::task::{Context, Poll};

use crate::kernel::{
    ActiveTurn, Bell, Board, Ending, Entered, Failure, Flags, Kernel, SlotState, TaskEvent, Word,
    begin_turn, end_poll, enter, run_place, set_word, word,
};
use crate::limits::Pause;
use crate::scope::hosts::Host;

impl Host {
    /// Gives a turn to every child that is ready now.
    pub(crate) fn pass(&self, children: &mut dyn Children) {
        let mut pass = Pass::begin(self);
        while pass.as_mut().is_some_and(|pass| pass.give_turn(children)) {}
        if let Some(pass) = pass {
            pass.end();
        }
    }
}

/// What a pass sees of the children of a scope. None of these methods unwinds.
///
/// Scopes are nested on the stack. So whatever calls a turn, and is called by one, has few variables of its own here; and
/// what comes before and after is done elsewhere.
pub(crate) trait Children {
    /// Polls the child with this number. If it is ready, it is forgotten.
    fn turn(&mut self, number: u32, cx: &mut Context<'_>) -> Poll<Ending>;

    /// Drops the child with this number, and leaves the failure for its handle.
    fn end(&mut self, number: u32, failure: Failure);
}

/// The turns of the children in one poll of their scope.
struct Pass<'h> {
    host: &'h Host,
    kernel: &'h Kernel,
    /// Lent to each child for its turn, as in a run.
    bell: Bell,
    /// Between two turns the board is held, as in a run.
    board: Option<RefMut<'h, Board>>,
    /// What was counted of the turn that all this is nested in, if anything was.
    paused: Option<Pause>,
    _entered: Entered,
}

/// A child that has its turn.
#[derive(Clone, Copy)]
struct InTurn {
    turn: ActiveTurn,
    number: u32,
}

impl<'h> Pass<'h> {
    /// Begins a pass, if any child is ready.
    fn begin(host: &'h Host) -> Option<Self> {
        let kernel = &*host.kernel;
        let mut board = kernel.board.borrow_mut();
        let Board { taskmap, flags, .. } = &mut *board;
        let has_begun = host.begin_pass(|pass, next| {
            if flags.has(Flags::ARRANGE) {
                kernel.hooks.arrange(taskmap, pass, next);
            }
        });
        if !has_begun {
            return None;
        }
        let bell = board.bells.take(&kernel.mailbox);
        drop(board);
        let paused = Pause::begin(kernel);
        // On a foreign executor no run encloses this one: then it is one by itself.
        let run = run_place().unwrap_or_else(|| host.place());
        let due = word(Word::Time);
        let entered = enter(kernel.id, Some(run));
        set_word(Word::Time, due); // A timeout further up the stack concerns these turns too.
        let board = Some(kernel.board.borrow_mut());
        Some(Pass { host, kernel, bell, board, paused, _entered: entered })
    }

    /// Gives the next child its turn; `false` if there is none.
    #[inline]
    fn give_turn(&mut self, children: &mut dyn Children) -> bool {
        let Some(child) = self.next() else { return false };
        if child.turn.flags.has(Flags::BEFORE_TURN) && !self.begin_slow_path(child, children) {
            return true;
        }
        begin_turn(child.turn.key, self.bell.waker());
        let poll = children.turn(child.number, &mut Context::from_waker(self.bell.waker()));
        self.after(child, poll, children);
        true
    }

    /// Begins the turn of a child that is told of; or ends one that is dropped instead: then this is `false`.
    #[cold]
    fn begin_slow_path(&mut self, child: InTurn, children: &mut dyn Children) -> bool {
        let key = child.turn.key;
        if child.turn.flags.has(Flags::TRACE) {
            self.kernel.trace(key, TaskEvent::TurnBegins);
        }
        if child.turn.flags.has(Flags::ABORT) {
            begin_turn(key, self.bell.waker());
            self.end_child(child, Flags::NONE, children);
            return false;
        }
        true
    }

    /// Begins the turn of the next child. User code runs with nothing borrowed, so the board is let go.
    #[inline]
    fn next(&mut self) -> Option<InTurn> {
        let mut board = self.board.take()?;
        loop {
            let Some((slot, number)) = self.host.next() else {
                self.board = Some(board);
                return None;
            };
            let place = board.taskmap.slot(slot);
            // Else its scheduler was dropped in this pass, and the slot is perhaps another's.
            if place.state == SlotState::Queued
                && place.flags.has(Flags::ROUTED)
                && let Some(number) = number
            {
                let (turn, _) = board.begin_turn(&mut self.bell, slot);
                return Some(InTurn { turn, number });
            }
        }
    }

    /// Ends a turn.
    #[inline]
    fn after(&mut self, child: InTurn, poll: Poll<Ending>, children: &mut dyn Children) {
        let flags = end_poll();
        match poll {
            Poll::Ready(ending) => self.exit(child.turn, flags, ending),
            Poll::Pending => self.end_turn(child, flags, children),
        }
    }

    /// Lets a child wait for its bell, or for its next turn.
    #[inline]
    fn end_turn(&mut self, child: InTurn, flags: Flags, children: &mut dyn Children) {
        let kernel = self.kernel;
        let turn = child.turn;
        let mut board = kernel.board.borrow_mut();
        // It is gone if its scheduler was dropped in its turn: then the scope drops it.
        let own = board.taskmap.get(turn.key).map_or(Flags::ABORT, |slot| slot.flags);
        let all = flags.with(own).with(turn.flags);
        if all.has(Flags::AFTER_TURN) {
            drop(board);
            return self.end_turn_slow_path(child, all, children);
        }
        if board.put_back(&mut self.bell, turn, None, flags) {
            self.host.push(turn.key.slot);
        }
        self.board = Some(board);
    }

    /// The same for a child that has to end although it waits, or about which a layer has something to say.
    #[cold]
    fn end_turn_slow_path(&mut self, child: InTurn, flags: Flags, children: &mut dyn Children) {
        let kernel = self.kernel;
        let turn = child.turn;
        if kernel.must_end(turn.key, flags) {
            return self.end_child(child, flags, children);
        }
        let mut board = kernel.board.borrow_mut();
        let yields = board.put_back(&mut self.bell, turn, None, flags);
        if yields {
            self.host.push(turn.key.slot);
        }
        if turn.flags.has(Flags::TRACE) {
            drop(board);
            kernel.trace(turn.key, TaskEvent::TurnEnds(yields));
            board = kernel.board.borrow_mut();
        }
        self.board = Some(board);
    }

    /// Drops a child in its turn.
    #[cold]
    fn end_child(&mut self, child: InTurn, flags: Flags, children: &mut dyn Children) {
        let failure = self.kernel.why(child.turn.key);
        let ending = failure.ending();
        children.end(child.number, failure);
        self.exit(child.turn, flags.with(end_poll()), ending);
    }

    /// Lets a child leave the task map.
    #[inline]
    fn exit(&mut self, turn: ActiveTurn, flags: Flags, ending: Ending) {
        let kernel = self.kernel;
        let mut board = kernel.board.borrow_mut();
        if board.taskmap.get(turn.key).is_none() {
            return self.board = Some(board); // Its scheduler was dropped in its turn.
        }
        board.take_last_bell(&mut self.bell, turn);
        let all = flags.with(turn.flags);
        if all.has(Flags::CALL_AFTER.with(Flags::TRACE)) {
            drop(board);
            kernel.end_last_turn(turn.key, all, ending);
            board = kernel.board.borrow_mut();
            if board.taskmap.get(turn.key).is_none() {
                return self.board = Some(board); // It was dropped by what was told of its last turn.
            }
        }
        self.board = Some(kernel.exit(board, turn.key, None, ending));
    }

    /// Ends in peace; the bell serves others.
    fn end(mut self) {
        if let Some(mut board) = self.board.take() {
            board.bells.give_back(self.bell);
        }
        if let Some(paused) = self.paused {
            paused.end();
        }
    }
}

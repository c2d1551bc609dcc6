//! A pass of a scope: one turn for each of its ready children, as the main loop gives them to tasks.
//!
//! Read `kernel/mainloop.rs` first; this is the same with three differences. The future is not taken out of the
//! taskmap, because it lives in the scope. The pass runs inside another turn, so the thread's record of whose turn it
//! is, and the meter, are saved for its duration. And a finished child leaves nothing in its slot: its handle already
//! has the output.
//!
//! A child that becomes ready during a pass takes its turn in the next one, so a child that keeps waking itself starves
//! neither its scope nor the other tasks.

use std::cell::RefMut;
use std::task::{Context, Poll};

use crate::kernel::{
    ActiveTurn, Bell, Board, Ending, Entered, Flags, SlotState, TaskEvent, Word, begin_turn,
    end_poll, enter, run_place, set_word, word,
};
use crate::limits::Pause;
use crate::scope::hosts::Host;
use crate::scope::spawning::Scope;

impl Host {
    /// Gives a turn to every child that is ready now.
    pub(super) fn pass(&self, scope: &Scope<'_, '_>) {
        let mut pass = Pass::begin(self, scope);
        while pass.as_mut().is_some_and(Pass::give_turn) {}
        if let Some(pass) = pass {
            pass.end();
        }
    }
}

/// The turns of the children in one poll of their scope.
///
/// Scopes nest on the stack, so the functions on the recursive path have few local variables; what comes before and
/// after a turn is in functions of its own.
struct Pass<'h, 'scope, 'env> {
    host: &'h Host,
    scope: &'h Scope<'scope, 'env>,
    /// Lent to each child for its turn, as in a run.
    bell: Bell,
    /// Held between turns, as in a run.
    board: Option<RefMut<'h, Board>>,
    /// The counts of the enclosing turn, if it is metered.
    paused: Option<Pause>,
    _entered: Entered,
}

impl<'h, 'scope, 'env> Pass<'h, 'scope, 'env> {
    /// Starts a pass, if a child is ready.
    fn begin(host: &'h Host, scope: &'h Scope<'scope, 'env>) -> Option<Self> {
        let kernel = &*host.kernel;
        let mut board = kernel.board.borrow_mut();
        let Board { taskmap, flags, .. } = &mut *board;
        let has_begun = host.begin_pass(|pass, next| {
            if flags.has(Flags::ARRANGE) {
                kernel.hooks.arrange(kernel, taskmap, pass, next);
            }
        });
        if !has_begun {
            return None;
        }
        let bell = board.bells.take(&kernel.mailbox);
        drop(board);
        let paused = Pause::begin(kernel);
        // On a foreign executor there is no enclosing run, so the pass is a run of its own.
        let run = run_place().unwrap_or(scope.members.place);
        let due = word(Word::Time);
        let entered = enter(kernel.id, Some(run));
        set_word(Word::Time, due); // A timeout further up the stack covers these turns too.
        let board = Some(kernel.board.borrow_mut());
        Some(Pass { host, scope, bell, board, paused, _entered: entered })
    }

    /// Gives the next child its turn; `false` if there is none.
    #[inline]
    fn give_turn(&mut self) -> bool {
        let Some((turn, number)) = self.next() else { return false };
        if turn.flags.has(Flags::BEFORE_TURN) && !self.begin_slow_path(turn, number) {
            return true;
        }
        begin_turn(turn.key, self.bell.waker());
        let poll = self.scope.turn(number, &mut Context::from_waker(self.bell.waker()));
        let flags = end_poll();
        match poll {
            Poll::Ready(ending) => self.exit(turn, flags, ending),
            Poll::Pending => self.end_turn(turn, number, flags),
        }
        true
    }

    /// Starts the turn of a traced child; or ends a child that must be dropped instead, and returns `false`.
    #[cold]
    fn begin_slow_path(&mut self, turn: ActiveTurn, number: u32) -> bool {
        if turn.flags.has(Flags::TRACE) {
            self.host.kernel.trace(turn.key, TaskEvent::TurnBegins);
        }
        if turn.flags.has(Flags::ABORT) {
            begin_turn(turn.key, self.bell.waker());
            self.end_child(turn, number, Flags::NONE);
            return false;
        }
        true
    }

    /// Starts the turn of the next child, and returns its number in the scope. User code runs with nothing borrowed, so
    /// the board is released.
    #[inline]
    fn next(&mut self) -> Option<(ActiveTurn, u32)> {
        let mut board = self.board.take()?;
        loop {
            let Some((slot, number)) = self.host.next() else {
                self.board = Some(board);
                return None;
            };
            let place = board.taskmap.slot(slot);
            // Otherwise its scheduler was dropped in this pass, and the slot may belong to another task.
            if place.state == SlotState::Queued
                && place.flags.has(Flags::ROUTED)
                && let Some(number) = number
            {
                let (turn, _) = board.begin_turn(&mut self.bell, slot);
                return Some((turn, number));
            }
        }
    }

    /// Lets a child wait for its bell, or queues it again if it yields; or drops it although it is pending.
    #[inline]
    fn end_turn(&mut self, turn: ActiveTurn, number: u32, flags: Flags) {
        let kernel = &*self.host.kernel;
        let mut board = kernel.board.borrow_mut();
        // It is gone if its scheduler was dropped during this turn. The scope then drops it.
        let own = board.taskmap.get(turn.key).map_or(Flags::ABORT, |slot| slot.flags);
        let all = flags.with(own).with(turn.flags);
        if all.has(Flags::AFTER_TURN) {
            drop(board);
            if kernel.must_end(turn.key, all) {
                return self.end_child(turn, number, all);
            }
            board = kernel.board.borrow_mut();
        }
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
    fn end_child(&mut self, turn: ActiveTurn, number: u32, flags: Flags) {
        let failure = self.host.kernel.why(turn.key);
        let ending = failure.ending();
        self.scope.end(number, failure);
        self.scope.ask_to_end();
        self.exit(turn, flags.with(end_poll()), ending);
    }

    /// Removes a child from the taskmap.
    #[inline]
    fn exit(&mut self, turn: ActiveTurn, flags: Flags, ending: Ending) {
        let kernel = &*self.host.kernel;
        let mut board = kernel.board.borrow_mut();
        if board.taskmap.get(turn.key).is_none() {
            return self.board = Some(board); // Its scheduler was dropped during its turn.
        }
        board.take_last_bell(&mut self.bell, turn);
        let all = flags.with(turn.flags);
        if all.has(Flags::CALL_AFTER.with(Flags::TRACE)) {
            drop(board);
            kernel.end_last_turn(turn.key, all, ending);
            board = kernel.board.borrow_mut();
            if board.taskmap.get(turn.key).is_none() {
                return self.board = Some(board); // A layer that was notified of its last turn removed it.
            }
        }
        self.board = Some(kernel.exit(board, turn.key, None, ending));
    }

    /// Ends the pass normally, and returns the bell for reuse.
    fn end(mut self) {
        if let Some(mut board) = self.board.take() {
            board.bells.give_back(self.bell);
        }
        if let Some(paused) = self.paused {
            paused.end();
        }
    }
}

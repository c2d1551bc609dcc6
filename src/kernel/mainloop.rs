//! The main loop: take a task from ready, give it its turn, and if it is over, let it exit.
//!
//! This is the loop of the slides, with the one difference that makes an executor of it: the slide puts a task back on
//! ready after every run, here its waker does. What is unusual about a turn is found by one test of one word before the
//! poll, and one after it; the functions named `…_slow_path` stand behind these tests, and call the layers above.
//!
//! What a turn goes through is inlined here by force, in this folder: a call costs a tenth of a turn.

use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::now::{self, Entered, Flags, Place};
use crate::kernel::root::{Root, RootGuard};
use crate::kernel::scheduler::{Board, Held, Idle, Kernel, TaskEvent};
use crate::kernel::task::{Boxed, Ending, Failure};
use crate::kernel::turn::ActiveTurn;
use crate::kernel::waker::Bell;

/// A run: from entering the scheduler to leaving it.
pub(crate) struct Run<'k, 'r> {
    kernel: &'k Kernel,
    /// The bell that is lent to each task for its turn.
    bell: Bell,
    root: Option<RootGuard<'k, 'r>>,
    /// Whether the thread may sleep, and a virtual clock jump, when nothing is ready.
    pub(crate) may_wait: bool,
    /// The root is done; or there is none, and no task is left; or the run was stopped.
    is_over: bool,
    _running: Running<'k>,
}

/// Why a run ended without having done its work.
pub(crate) enum Stop {
    /// A scheduler runs on this thread already, since this place.
    Nested { outer: Place },
    /// Nothing can ever run again.
    Stuck,
}

impl<'k, 'r> Run<'k, 'r> {
    /// Runs until every task is over, or until the root is done, if there is one. Nothing on this thread may enclose
    /// such a run.
    pub(crate) fn outermost(
        kernel: &'k Kernel,
        place: Place,
        root: Option<&'r mut dyn Root>,
    ) -> Result<(), Stop> {
        if let Some(outer) = now::run_place() {
            return Err(Stop::Nested { outer });
        }
        let mut run = Run::begin(kernel, place);
        run.root = root.map(|root| RootGuard::new(kernel, place, root));
        run.mainloop()?;
        kernel.board.borrow_mut().bells.give_back(run.bell); // It serves the next run.
        Ok(())
    }

    /// Begins a run, which may take place inside a turn of another scheduler.
    #[inline]
    pub(crate) fn begin(kernel: &'k Kernel, place: Place) -> Self {
        let bell = kernel.board.borrow_mut().bells.take(&kernel.mailbox);
        kernel.running.set(Some(place));
        let discarding = kernel.discarding.replace(false);
        let running = Running { kernel, discarding, _entered: now::enter(kernel.id, Some(place)) };
        Run { kernel, bell, root: None, may_wait: true, is_over: false, _running: running }
    }

    /// Ends in peace: the bell serves the next run.
    #[inline]
    pub(crate) fn end(self) {
        self.kernel.board.borrow_mut().bells.give_back(self.bell);
    }

    /// The slides' `mainloop`: while the taskmap is not empty, or until the root is done.
    pub(crate) fn mainloop(&mut self) -> Result<(), Stop> {
        let mut board = self.kernel.board.borrow_mut();
        while !self.is_over {
            // The slides' `self.ready.get()`.
            let Some(slot) = board.ready.pop() else {
                board = self.next_pass(board);
                if board.ready.pass_is_over() {
                    drop(board);
                    self.idle()?; // Nothing is ready: sleep until something is.
                    board = self.kernel.board.borrow_mut();
                }
                continue;
            };
            board = self.turn(board, slot);
        }
        Ok(())
    }

    /// Gives exactly one turn; `false` if no task is ready.
    pub(crate) fn step(&mut self) -> bool {
        let mut board = self.kernel.board.borrow_mut();
        if board.ready.pass_is_over() {
            board = self.next_pass(board);
        }
        let Some(slot) = board.ready.pop() else { return false };
        drop(self.turn(board, slot));
        true
    }

    /// Looks into the mailbox, now and then around, and begins the next pass.
    fn next_pass(&mut self, mut board: Held<'k>) -> Held<'k> {
        now::end_turn();
        let kernel = self.kernel;
        if kernel.mailbox.looks_full() || board.turns >= kernel.look_again.get() {
            drop(board);
            self.look_around();
            board = kernel.board.borrow_mut();
        }
        let Board { ready, taskmap, flags, .. } = &mut *board;
        let (pass, next) = ready.begin_pass();
        if flags.has(Flags::ARRANGE) {
            kernel.hooks.arrange(taskmap, pass, next);
        }
        board
    }

    /// Collects the mail; lets the layers look at what else can wake a task, if it is time for that.
    #[cold]
    fn look_around(&mut self) {
        let kernel = self.kernel;
        kernel.collect_mail();
        let turns = kernel.board.borrow().turns;
        if turns >= kernel.look_again.get() {
            let until_next = kernel.hooks.look_around(kernel);
            if !kernel.stop.get() {
                kernel.look_again.set(turns.saturating_add(until_next));
            }
        }
        self.is_over |= kernel.stop.get();
    }

    fn idle(&mut self) -> Result<(), Stop> {
        if self.is_over {
            return Ok(()); // The look around has ended the run.
        }
        match self.kernel.hooks.idle(self.kernel, self.root.is_some(), self.may_wait) {
            Idle::Go => {}
            Idle::Over => self.is_over = true,
            Idle::Stuck => return Err(Stop::Stuck),
        }
        Ok(())
    }

    /// Gives one task its turn. Between two turns the board is held.
    #[inline(always)]
    fn turn(&mut self, mut board: Held<'k>, slot: u32) -> Held<'k> {
        let (turn, mut target) = board.begin_turn(&mut self.bell, slot);
        drop(board); // User code runs with nothing borrowed.
        let poll = if turn.flags.has(Flags::BEFORE_TURN) {
            self.turn_slow_path(turn, &mut target)
        } else {
            now::begin_turn(turn.key, self.bell.waker());
            self.poll(&mut target)
        };
        let flags = now::end_poll();
        match poll {
            // Here we leave the slide. It says `self.schedule(task)`, and so asks every task again and again whether it
            // can go on; we leave that to its waker, which knows.
            Poll::Pending => self.end_turn(turn, target, flags),
            Poll::Ready(ending) => self.exit(turn, target, ending, flags),
        }
    }

    #[inline(always)]
    fn poll(&mut self, target: &mut Option<Boxed>) -> Poll<Ending> {
        let mut cx = Context::from_waker(self.bell.waker());
        match (target, &mut self.root) {
            (Some(target), _) => target.as_mut().turn(&mut cx),
            (None, Some(root)) => {
                let poll = root.turn(&mut cx);
                self.is_over = poll.is_ready();
                poll
            }
            (None, None) => Poll::Pending,
        }
    }

    /// The turn of a task that is dropped instead of polled, or that is traced.
    #[cold]
    fn turn_slow_path(&mut self, turn: ActiveTurn, target: &mut Option<Boxed>) -> Poll<Ending> {
        if turn.flags.has(Flags::TRACE) {
            // Before the turn begins: what an observer does is not done by the task.
            self.kernel.trace(turn.key, TaskEvent::TurnBegins);
        }
        now::begin_turn(turn.key, self.bell.waker());
        match target {
            Some(target) if turn.flags.has(Flags::ABORT) => {
                Poll::Ready(target.as_mut().abort(self.kernel.why(turn.key)))
            }
            target => self.poll(target),
        }
    }

    /// Puts a task back into the task map to wait for its bell.
    #[inline(always)]
    fn end_turn(&mut self, turn: ActiveTurn, target: Option<Boxed>, flags: Flags) -> Held<'k> {
        let mut board = self.kernel.board.borrow_mut();
        let all = flags.with(board.taskmap.slot(turn.key.slot).flags).with(turn.flags);
        if all.has(Flags::AFTER_TURN) {
            drop(board);
            return self.end_turn_slow_path(turn, target, all);
        }
        if board.put_back(&mut self.bell, turn, target, flags) {
            board.ready.push(turn.key.slot);
        }
        board
    }

    /// The same for a task that has to end although it waits, or about which a layer has something to say.
    #[cold]
    fn end_turn_slow_path(
        &mut self,
        turn: ActiveTurn,
        mut target: Option<Boxed>,
        flags: Flags,
    ) -> Held<'k> {
        let kernel = self.kernel;
        if kernel.must_end(turn.key, flags)
            && let Some(ended) = &mut target
        {
            let ending = ended.as_mut().abort(kernel.why(turn.key));
            return self.exit(turn, target, ending, flags.with(now::end_poll()));
        }
        let mut board = kernel.board.borrow_mut();
        let yields = board.put_back(&mut self.bell, turn, target, flags);
        if yields {
            board.ready.push(turn.key.slot);
        }
        if turn.flags.has(Flags::TRACE) {
            drop(board);
            kernel.trace(turn.key, TaskEvent::TurnEnds(yields));
            board = kernel.board.borrow_mut();
        }
        board
    }

    /// The slides' `exit`: the task is over. Its output stays in its slot for the handle, and the task that waits for
    /// its end is woken.
    #[inline(always)]
    fn exit(
        &mut self,
        turn: ActiveTurn,
        target: Option<Boxed>,
        ending: Ending,
        flags: Flags,
    ) -> Held<'k> {
        let kernel = self.kernel;
        let mut board = kernel.board.borrow_mut();
        board.take_last_bell(&mut self.bell, turn);
        let all = flags.with(turn.flags);
        if all.has(Flags::CALL_AFTER.with(Flags::TRACE)) {
            drop(board);
            kernel.end_last_turn(turn.key, all, ending);
            board = kernel.board.borrow_mut();
        }
        kernel.exit(board, turn.key, target, ending)
    }
}

impl Kernel {
    /// Lets the layers look at a task after a turn. `true` if it has to end now.
    pub(crate) fn must_end(&self, key: Key, flags: Flags) -> bool {
        if flags.has(Flags::CALL_AFTER) {
            self.hooks.after_turn(self, key, flags, false);
        }
        // A child of a scope is gone if its scheduler was dropped in its turn.
        self.board.borrow().taskmap.get(key).is_none_or(|slot| slot.flags.has(Flags::ABORT))
    }

    /// Lets the layers know that a task has had its last turn.
    #[cold]
    pub(crate) fn end_last_turn(&self, key: Key, flags: Flags, ending: Ending) {
        if flags.has(Flags::CALL_AFTER) {
            self.hooks.after_turn(self, key, flags, true);
        }
        if flags.has(Flags::TRACE) {
            self.trace(key, TaskEvent::LastTurnEnds(ending));
        }
    }

    /// Why a task that is marked has to end.
    #[cold]
    pub(crate) fn why(&self, key: Key) -> Failure {
        let taskmap = &mut self.board.borrow_mut().taskmap;
        let has_extra = taskmap.get(key).is_some_and(|slot| slot.flags.has(Flags::EXTRA));
        let failure = if has_extra { taskmap.extra_mut(key.slot).failure.take() } else { None };
        failure.unwrap_or(Failure::Aborted)
    }
}

/// While it exists the scheduler runs.
struct Running<'a> {
    kernel: &'a Kernel,
    /// The run takes place in the destructor of an output that is being discarded; its own outputs must not wait for
    /// the end of that.
    discarding: bool,
    _entered: Entered,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.kernel.running.set(None);
        self.kernel.discarding.set(self.discarding);
    }
}

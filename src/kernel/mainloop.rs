//! The main loop: take a task from ready, give it its turn and, if it has completed, let it exit.
//!
//! This is the loop of the slides, with the one difference that makes it an executor: the slide puts a task back on
//! ready after every run; here its waker does that. Anything unusual about a turn is found by one test of one word
//! before the poll, and one after it. The functions named `…_slow_path` are behind these tests and call the layers
//! above.
//!
//! Everything on the path of an ordinary turn is forcibly inlined in this folder: a call costs a tenth of a turn.

use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::now::{self, Entered, Flags, Place};
use crate::kernel::root::{Root, RootGuard};
use crate::kernel::scheduler::{Board, Held, Idle, Kernel, TaskEvent};
use crate::kernel::task::{Boxed, Ending, Failure};
use crate::kernel::turn::ActiveTurn;
use crate::kernel::waker::Bell;

/// One run of the scheduler, from entering it to leaving it.
pub(crate) struct Run<'k, 'r> {
    kernel: &'k Kernel,
    /// The bell that is lent to each task for its turn.
    bell: Bell,
    root: Option<RootGuard<'k, 'r>>,
    /// Whether the thread may sleep, or a virtual clock jump, when nothing is ready.
    pub(crate) may_wait: bool,
    /// The root has completed; or there is no root and no task is left; or the run was stopped.
    is_over: bool,
    _running: Running<'k>,
}

/// Why a run ended before its work was done.
pub(crate) enum Stop {
    /// A scheduler is already running on this thread; that run was started at `outer`.
    Nested { outer: Place },
    /// Nothing can ever run again.
    Stuck,
}

impl<'k, 'r> Run<'k, 'r> {
    /// Runs until the root has completed or, if there is none, until every task has ended. Fails if a run is already in
    /// progress on this thread.
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
        kernel.board.borrow_mut().bells.give_back(run.bell); // The next run uses it.
        Ok(())
    }

    /// Starts a run, possibly inside a turn of another scheduler.
    #[inline]
    pub(crate) fn begin(kernel: &'k Kernel, place: Place) -> Self {
        let bell = kernel.board.borrow_mut().bells.take(&kernel.mailbox);
        kernel.running.set(Some(place));
        let discarding = kernel.discarding.replace(false);
        let running = Running { kernel, discarding, _entered: now::enter(kernel.id, Some(place)) };
        Run { kernel, bell, root: None, may_wait: true, is_over: false, _running: running }
    }

    /// Ends the run normally, and returns the bell for the next run. A run that unwinds drops it.
    #[inline]
    pub(crate) fn end(self) {
        self.kernel.board.borrow_mut().bells.give_back(self.bell);
    }

    /// The slides' `mainloop`: runs while the taskmap is not empty or, if there is a root, until that has completed.
    pub(crate) fn mainloop(&mut self) -> Result<(), Stop> {
        let mut board = self.kernel.board.borrow_mut();
        while !self.is_over {
            // The slides' `self.ready.get()`.
            let Some(slot) = board.ready.pop() else {
                board = self.next_pass(board);
                if board.ready.pass_is_over() {
                    drop(board);
                    self.idle()?; // Nothing is ready: sleep until a task is.
                    board = self.kernel.board.borrow_mut();
                }
                continue;
            };
            board = self.turn(board, slot);
        }
        Ok(())
    }

    /// Gives exactly one turn; returns `false` if no task is ready.
    pub(crate) fn step(&mut self) -> bool {
        let mut board = self.kernel.board.borrow_mut();
        if board.ready.pass_is_over() {
            board = self.next_pass(board);
        }
        let Some(slot) = board.ready.pop() else { return false };
        drop(self.turn(board, slot));
        true
    }

    /// Starts the next pass. Before that, collects the mail and, from time to time, lets the layers check for other
    /// wakes.
    fn next_pass(&mut self, mut board: Held<'k>) -> Held<'k> {
        now::end_turn();
        let kernel = self.kernel;
        if kernel.mailbox.may_have_mail() || board.turns >= kernel.look_again.get() {
            drop(board);
            self.look_around();
            board = kernel.board.borrow_mut();
        }
        let Board { ready, taskmap, flags, .. } = &mut *board;
        let (pass, next) = ready.begin_pass();
        if flags.has(Flags::ARRANGE) {
            kernel.hooks.arrange(kernel, taskmap, pass, next);
        }
        board
    }

    /// Collects the mail and, if it is time, lets the layers check everything else that can wake a task.
    #[cold]
    fn look_around(&mut self) {
        let kernel = self.kernel;
        kernel.collect_mail();
        if kernel.board.borrow().turns >= kernel.look_again.get() {
            kernel.hooks.look_around(kernel, self.root.as_ref().map(|root| root.key));
        }
        self.is_over |= kernel.stop.get();
    }

    fn idle(&mut self) -> Result<(), Stop> {
        if self.is_over {
            return Ok(()); // `look_around` has ended the run.
        }
        let root = self.root.as_ref().map(|root| root.key);
        match self.kernel.hooks.idle(self.kernel, root, self.may_wait) {
            Idle::Go => {}
            Idle::Over => self.is_over = true,
            Idle::Stuck => return Err(Stop::Stuck),
        }
        Ok(())
    }

    /// Gives one task its turn. The board stays borrowed from one turn to the next.
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
            // This is where we depart from the slide. It calls `self.schedule(task)` here, so a waiting task is polled
            // again and again until its event has happened. Here the task stays in the task map until its waker
            // schedules it.
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

    /// Gives a turn to a task that is traced, or that is dropped instead of polled.
    #[cold]
    fn turn_slow_path(&mut self, turn: ActiveTurn, target: &mut Option<Boxed>) -> Poll<Ending> {
        if turn.flags.has(Flags::TRACE) {
            // Before the turn starts, so that nothing an observer does is attributed to the task.
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

    /// Puts a pending task back into the task map, where it waits for its bell.
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

    /// Does the same for a task that is traced, that must end although it is pending, or whose turn needs a call to the
    /// layers.
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

    /// The slides' `exit`: the task has ended. Its output stays in its slot for the handle, and the task that waits to
    /// join it is woken.
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
    /// Calls the layers after a turn, if a flag requires it. Returns whether the task must end now.
    pub(crate) fn must_end(&self, key: Key, flags: Flags) -> bool {
        if flags.has(Flags::CALL_AFTER) {
            self.hooks.after_turn(self, key, flags, false);
        }
        // A task that is not found was a child of a scope whose scheduler was dropped during this turn.
        self.board.borrow().taskmap.get(key).is_none_or(|slot| slot.flags.has(Flags::ABORT))
    }

    /// Notifies the layers that a task has had its last turn.
    #[cold]
    pub(crate) fn end_last_turn(&self, key: Key, flags: Flags, ending: Ending) {
        if flags.has(Flags::CALL_AFTER) {
            self.hooks.after_turn(self, key, flags, true);
        }
        if flags.has(Flags::TRACE) {
            self.trace(key, TaskEvent::LastTurnEnds(ending));
        }
    }

    /// Takes the failure with which a task flagged [`Flags::ABORT`] ends.
    #[cold]
    pub(crate) fn why(&self, key: Key) -> Failure {
        let taskmap = &mut self.board.borrow_mut().taskmap;
        let has_extra = taskmap.get(key).is_some_and(|slot| slot.flags.has(Flags::EXTRA));
        let failure = if has_extra { taskmap.extra_mut(key.slot).failure.take() } else { None };
        failure.unwrap_or(Failure::Aborted)
    }
}

/// The scheduler is running while this exists.
struct Running<'a> {
    kernel: &'a Kernel,
    /// The previous value of `Kernel::discarding`: `true` if this run is nested in the destructor of a discarded
    /// output. Outputs that are discarded during the run must not be queued until that destructor returns.
    discarding: bool,
    _entered: Entered,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.kernel.running.set(None);
        self.kernel.discarding.set(self.discarding);
    }
}

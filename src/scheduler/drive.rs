//! Driving a scheduler by hand: one turn at a time, or from somebody else's loop; and looking at it.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::kernel::burn;
use crate::kernel::{Kernel, Scheduler};
use crate::kernel::{Run, Turned};
use crate::report::{Metrics, Snapshot};
use crate::scheduler::snapshot;
use crate::time::{later, nanos};
use crate::watch::{Trail, Turn};

impl Scheduler {
    /// Gives exactly one turn, and says what happened in it; `None` if nothing can have a turn now.
    ///
    /// Letters are looked at between passes, timers as in a run. It never sleeps; a virtual clock jumps if
    /// need be, unless a blocking job runs.
    ///
    /// # Panics
    ///
    /// If this scheduler runs already: a task cannot step the scheduler that gives it its turn.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, yield_now};
    ///
    /// let scheduler = Scheduler::new();
    /// let handle = scheduler.spawn(yield_now());
    /// scheduler.spawn(handle);
    /// assert_eq!(scheduler.step().unwrap().to_string(), "turn 1: #1 yields");
    /// let second = scheduler.step().unwrap();
    /// assert!(second.to_string().starts_with("turn 2: #2 waits for task #1, spawned at "));
    /// assert_eq!(scheduler.step().unwrap().to_string(), "turn 3: #1 returned; woke #2");
    /// assert_eq!(scheduler.step().unwrap().to_string(), "turn 4: #2 returned");
    /// assert!(scheduler.step().is_none());
    /// ```
    #[track_caller]
    pub fn step(&self) -> Option<Turn> {
        let kernel = &*self.kernel;
        let mut run = Run::inner(kernel, Location::caller());
        let slot = loop {
            let mut board = kernel.board.borrow_mut();
            if board.ready.pass_is_over() {
                board = run.next_pass(board);
            }
            if let Some(slot) = board.ready.pop() {
                break slot;
            }
            drop(board);
            let may_jump = kernel.clock.is_virtual() && kernel.mailbox.jobs() == 0;
            let moved = run.fire_timers() || (may_jump && run.jump());
            if !moved {
                kernel.give_back(run.bell);
                return None;
            }
        };
        let trail = Trail::begin(kernel);
        match run.turn(kernel.board.borrow_mut(), slot) {
            Turned::Over(over) => drop(run.exit(over)),
            Turned::Waits(board) => drop(board),
        }
        kernel.give_back(run.bell);
        trail.read()
    }

    /// Gives turns until nothing is ready; returns how many. For a loop that is not ours: a window
    /// system's, a game's, another executor's.
    ///
    /// Letters and due timers are looked at too. It never sleeps, and a virtual clock stands still. Call it
    /// again when [`next_deadline`](Scheduler::next_deadline) has come or [`on_wake`](Scheduler::on_wake)
    /// says so. Tasks that wake themselves for ever keep it from returning.
    ///
    /// # Panics
    ///
    /// If this scheduler runs already. It may be called inside a turn of another one.
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// scheduler.spawn(turnwise::yield_now());
    /// assert_eq!(scheduler.run_until_stalled(), 2);
    /// assert_eq!(scheduler.run_until_stalled(), 0);
    /// ```
    #[track_caller]
    pub fn run_until_stalled(&self) -> usize {
        let mut run = Run::inner(&self.kernel, Location::caller());
        let before = self.kernel.board.borrow().turns;
        run.may_wait = false;
        let ran = run.mainloop();
        debug_assert!(ran.is_ok(), "only a run that waits can find that it waits for nothing");
        self.kernel.give_back(run.bell);
        let turns = self.kernel.board.borrow().turns - before;
        usize::try_from(turns).unwrap_or(usize::MAX)
    }

    /// Returns the next deadline of a timer that a task waits for; `None` if there is none.
    ///
    /// Sleeps that were made outside of all turns count from the next look at the timers.
    pub fn next_deadline(&self) -> Option<Instant> {
        let mut board = self.kernel.board.borrow_mut();
        if board.timers.has_fresh() {
            board.timers.settle(self.kernel.clock.now());
        }
        let deadline = board.timers.next_deadline()?;
        Some(self.kernel.clock.instant(deadline))
    }

    /// Sets what to call when a task is woken, or spawned, while this scheduler does not run: the signal
    /// for a foreign loop to call [`run_until_stalled`](Scheduler::run_until_stalled) again.
    ///
    /// Called from whatever thread the wake comes from, at most once between two runs, and from inside
    /// whatever code wakes: let it send a message or set a flag. Called at once if a task is ready when it is
    /// set, or when a run ends; and when the last [`Remote`](crate::Remote) is gone, or the last blocking job is
    /// over. If it panics it is removed.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let scheduler = turnwise::Scheduler::new();
    /// scheduler.on_wake(move || sender.send(()).unwrap());
    /// scheduler.spawn(async {});
    /// scheduler.spawn(async {});
    /// assert_eq!(receiver.try_iter().count(), 1); // once is enough
    /// assert_eq!(scheduler.run_until_stalled(), 2);
    /// ```
    pub fn on_wake(&self, hook: impl Fn() + Send + Sync + 'static) {
        let hook = Hook { call: Mutex::new(Some(Arc::new(hook))) };
        let old = self.kernel.hook.replace(Some(Waker::from(Arc::new(hook))));
        self.kernel.look_who_watches();
        if self.kernel.running.get().is_none() {
            self.kernel.arm_hook();
        }
        drop(old);
    }

    /// Moves a virtual clock forward. Timers that are due then fire at the next run.
    ///
    /// # Panics
    ///
    /// If the clock is a real one.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, sleep};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let handle = scheduler.spawn(sleep(Duration::from_secs(5)));
    /// scheduler.run_until_stalled();
    /// scheduler.advance(Duration::from_secs(4));
    /// scheduler.run_until_stalled();
    /// assert!(!handle.is_finished());
    /// scheduler.advance(Duration::from_secs(1));
    /// scheduler.run_until_stalled();
    /// assert!(handle.is_finished());
    /// ```
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.kernel.advance(by);
    }

    /// Returns everything about this scheduler at this moment; `Display` prints it as a table.
    ///
    /// May be called at any time, also by a task about its own scheduler.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, scheduler::TaskState, sleep, task};
    /// use std::time::Duration;
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// task::Builder::new().name("sleepy").spawn_on(&scheduler, sleep(Duration::from_secs(1)));
    /// scheduler.run_until_stalled();
    /// let snapshot = scheduler.snapshot();
    /// assert_eq!(snapshot.tasks[0].label.to_string(), "#1 \"sleepy\"");
    /// assert_eq!(snapshot.tasks[0].state, TaskState::Waiting);
    /// assert_eq!(snapshot.timers.len(), 1);
    /// println!("{snapshot}");
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        snapshot::snapshot(&self.kernel)
    }

    /// Returns counts of what this scheduler did and has.
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// scheduler.spawn(turnwise::yield_now());
    /// scheduler.run()?;
    /// let metrics = scheduler.metrics();
    /// assert_eq!((metrics.spawned, metrics.alive, metrics.turns), (1, 0, 2));
    /// # Ok::<(), turnwise::RunError>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        snapshot::metrics(&self.kernel)
    }
}

/// What `on_wake` installed. It catches its own panics, since they would hit whoever wakes, on any thread.
struct Hook<F> {
    /// `None` after a panic.
    call: Mutex<Option<Arc<F>>>,
}

impl<F: Fn() + Send + Sync + 'static> Wake for Hook<F> {
    fn wake(self: Arc<Self>) {
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(call) = call else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(move || call())) {
            let gone = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
            burn(payload);
            burn(gone);
        }
    }
}

impl Kernel {
    #[track_caller]
    pub(crate) fn advance(&self, by: Duration) {
        assert!(
            self.clock.is_virtual(),
            "only a virtual clock can be advanced; build the scheduler with `virtual_time()`"
        );
        let mut board = self.board.borrow_mut();
        if board.timers.has_fresh() {
            board.timers.settle(self.clock.now()); // They were made before the clock moved.
        }
        self.clock.jump(later(self.clock.now(), nanos(by)));
    }
}

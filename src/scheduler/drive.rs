//! Driving a scheduler by hand, turn by turn or from a foreign event loop, and inspecting it.

use std::panic::Location;
use std::time::Duration;

use crate::kernel::Run;
use crate::machine::Instant;
use crate::report::{Metrics, Snapshot};
use crate::scheduler::error::NestedRun;
use crate::scheduler::idle::{fire_timers, jump};
use crate::scheduler::scheduler::Scheduler;
use crate::scheduler::snapshot;
use crate::watch::{Turn, TurnLog, hook_waker};

impl Scheduler {
    /// Gives exactly one turn, and returns what happened in it; `None` if no task can take a turn now.
    ///
    /// Cross-thread wakes are checked between passes, timers as in a run. It never sleeps; a virtual clock jumps if
    /// nothing is ready, unless a blocking job is unfinished or a [hold](crate::time::hold) makes it stand still.
    ///
    /// # Panics
    ///
    /// If this scheduler is already running: a task cannot step the scheduler that is polling it.
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
        self.refuse_nested(Location::caller());
        let Scheduler { kernel, layers } = self;
        let _paused = self.pause_hook();
        let mut run = Run::begin(kernel, Location::caller());
        let log = TurnLogGuard::begin(self);
        while !run.step() {
            let may_jump = layers.settings.virtual_time;
            let moved = fire_timers(layers, kernel) || (may_jump && jump(layers, kernel));
            if !moved {
                run.end();
                return None;
            }
        }
        run.end();
        log.read()
    }

    /// Gives turns until nothing is ready, and returns how many. For embedding in a foreign loop: a window system's, a
    /// game's, another executor's.
    ///
    /// It also checks cross-thread wakes and due timers. It never sleeps, and a virtual clock stands still. Call it
    /// again when [`next_deadline`](Scheduler::next_deadline) has passed, or when the [`on_wake`](Scheduler::on_wake)
    /// hook is called. Tasks that wake themselves forever keep it from returning.
    ///
    /// # Panics
    ///
    /// If this scheduler is already running. It may be called inside a turn of another scheduler.
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
        self.refuse_nested(Location::caller());
        let _paused = self.pause_hook();
        let mut run = Run::begin(&self.kernel, Location::caller());
        let before = self.kernel.board.borrow().turns;
        run.may_wait = false;
        let ran = run.mainloop();
        debug_assert!(ran.is_ok(), "only a run that may wait can end in a deadlock");
        run.end();
        let turns = self.kernel.board.borrow().turns - before;
        usize::try_from(turns).unwrap_or(usize::MAX)
    }

    /// Panics if this scheduler is already running. A run inside a turn of another scheduler is allowed.
    fn refuse_nested(&self, inner: &'static Location<'static>) {
        if let Some(outer) = self.kernel.running.get() {
            panic!("{}", NestedRun { outer, inner });
        }
    }

    /// Returns the next deadline of a timer that a task waits for; `None` if there is none.
    ///
    /// A sleep that was started outside of all turns counts from the next check of the timers, such as this one.
    pub fn next_deadline(&self) -> Option<Instant> {
        let time = self.layers.has_time()?;
        Some(time.clock.instant(time.next_deadline()?))
    }

    /// Sets a hook to call when a task is woken or spawned while this scheduler is not running: the signal for a
    /// foreign loop to call [`run_until_stalled`](Scheduler::run_until_stalled) again.
    ///
    /// The hook is called on the thread that the wake comes from, inside the code that wakes, and at most once between
    /// two runs: let it send a message or set a flag. It is called immediately if a task is ready when it is set or
    /// when a run ends. It is also called when the last [`Remote`](crate::Remote) or [hold](crate::time::hold) on the
    /// clock is dropped, or the last blocking job finishes. A hook that panics is removed.
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
        let old = self.layers.watch().set_hook(&self.kernel, hook_waker(hook));
        drop(old);
    }

    /// Moves a virtual clock forward. Timers that become due fire when the next run starts or, if the scheduler is
    /// running, at the end of the current pass: after each task that was ready when it began has had its turn.
    ///
    /// # Panics
    ///
    /// If the clock is real.
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
        let time = self.layers.time(&self.kernel);
        time.advance(by);
        time.look_soon(&self.kernel);
    }

    /// Returns the state of this scheduler at this moment; `Display` prints it as a table.
    ///
    /// May be called at any time, even by a task of this scheduler.
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
        snapshot::snapshot(&self.layers, &self.kernel)
    }

    /// Returns the counters of this scheduler.
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
        snapshot::metrics(&self.layers, &self.kernel)
    }
}

/// While this exists, transitions are logged.
struct TurnLogGuard<'s>(&'s Scheduler);

impl<'s> TurnLogGuard<'s> {
    fn begin(scheduler: &'s Scheduler) -> Self {
        let Scheduler { kernel, layers } = scheduler;
        layers.watch().set_log(kernel, Some(Box::<TurnLog>::default()));
        TurnLogGuard(scheduler)
    }

    /// Returns the logged turn; `None` if there was none.
    fn read(self) -> Option<Turn> {
        let Scheduler { kernel, layers } = self.0;
        let log = layers.watch().set_log(kernel, None)?;
        let labels = |ids: &[_]| snapshot::labels(kernel, ids);
        log.read(labels, |ids| snapshot::waits_of_tasks(layers, kernel, ids))
    }
}

impl Drop for TurnLogGuard<'_> {
    fn drop(&mut self) {
        let Scheduler { kernel, layers } = self.0;
        layers.watch().set_log(kernel, None);
    }
}

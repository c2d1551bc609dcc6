//! The ways to run jobs: those that are due, all, or each whenever it is due.

use std::panic::Location;
use std::rc::Rc;

use crate::jobs::Jobs;
use crate::jobs::running::{JobRuns, StopWhen};

/// Running jobs. Each run is a task, so jobs that are due run concurrently.
impl Jobs {
    /// Starts every job that is due, and waits until these runs have ended. If none is due, this completes
    /// immediately.
    ///
    /// Jobs start in the order in which they were due, and those due together in the order in which they were
    /// created. A job that is already running, started by another call, is not started again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the runs that it has started; their jobs run again when they are next due. A
    /// [cancel request](crate::task#cancelling) is passed on to the runs, and the future waits for their clean-ups.
    ///
    /// # Panics
    ///
    /// If a job is due and no scheduler is running.
    ///
    /// # Example
    ///
    /// In the style of a `schedule` program:
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, jobs::Jobs, sleep};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// jobs.every(2).seconds().run(async || println!("Heh"));
    /// scheduler.block_on(async {
    ///     for _ in 0..50 {
    ///         jobs.run_pending().await;
    ///         sleep(Duration::from_millis(100)).await;
    ///     }
    /// });
    /// ```
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_pending(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).pending()
    }

    /// Starts every job, due or not, in the order in which they were created, and waits until these runs have ended.
    /// For a job that is not due this is an extra run: its next one stays as it was.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_pending`](Jobs::run_pending).
    ///
    /// # Panics
    ///
    /// If there is a job and no scheduler is running.
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_all(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).all()
    }

    /// Runs every job whenever it is due, until [`stop`](Jobs::stop) is called.
    ///
    /// The future sleeps until the next job is due, with one timer, and wakes early when a job is created or removed.
    /// Jobs that take long do not delay others. If the wall clock can be set, it is checked once a minute while a job
    /// waits for a time of day.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the runs that it has started; their jobs run again when they are next due, if
    /// another call runs them. A [cancel request](crate::task#cancelling) is passed on to the runs, and the future
    /// waits for their clean-ups. After that it is over: one that is lent to a [`timeout`](crate::timeout) again and
    /// again, as `&mut forever`, ends at the first deadline, and panics at the next poll. To do something in between,
    /// wait beside it, as in the second example.
    ///
    /// # Panics
    ///
    /// If it is polled while no scheduler is running, or again after a cancel request has ended it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, jobs::Jobs, timeout};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// jobs.every(1).hour().run(async || println!("cuckoo"));
    /// let day = Duration::from_secs(86400);
    /// assert!(scheduler.block_on(timeout(day, jobs.run_forever())).is_err());
    /// ```
    ///
    /// The jobs continue to run while a `select!` beside them looks after something else:
    ///
    /// ```
    /// use std::{pin::pin, time::Duration};
    /// use turnwise::{Scheduler, jobs::Jobs, select, sleep};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// jobs.every(1).hour().run(async || println!("cuckoo"));
    /// let mut days = 0;
    /// scheduler.block_on(async {
    ///     let mut forever = pin!(jobs.run_forever());
    ///     while days < 2 {
    ///         select! {
    ///             () = &mut forever => unreachable!("it was not stopped"),
    ///             () = sleep(Duration::from_secs(86400)) => days += 1,
    ///         }
    ///     }
    /// });
    /// assert_eq!(days, 2);
    /// ```
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_forever(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).forever(StopWhen::Stopped)
    }

    /// Runs every job whenever it is due, like [`run_forever`](Jobs::run_forever), until no job is left.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_forever`](Jobs::run_forever).
    ///
    /// # Panics
    ///
    /// If there is a job and no scheduler is running.
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_until_empty(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).forever(StopWhen::Empty)
    }

    /// Stops every [`run_forever`](Jobs::run_forever) and [`run_until_empty`](Jobs::run_until_empty) that was called
    /// before: they start nothing more, and complete when their runs have ended. The jobs remain.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, jobs::Jobs};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// let me = jobs.clone();
    /// jobs.every(3).seconds().run(async move || me.stop());
    /// scheduler.block_on(jobs.run_forever());
    /// # jobs.clear_all();
    /// ```
    pub fn stop(&self) {
        self.shared.stops.set(self.shared.stops.get() + 1);
        self.shared.changed.notify_waiters();
    }

    fn running(&self, place: &'static Location<'static>) -> JobRuns {
        JobRuns::new(Rc::clone(&self.shared), place)
    }
}

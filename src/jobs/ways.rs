//! The ways to run jobs: those that are due, all, and whenever they are due.

use std::panic::Location;
use std::rc::Rc;

use crate::jobs::Jobs;
use crate::jobs::running::{JobRuns, StopWhen};

/// Runs them. Each run is a task of its own, so the jobs that are due run at the same time.
impl Jobs {
    /// Starts every job that is due, and waits until these runs have ended. Nothing waits if none is due.
    ///
    /// They start in the order in which they were due, and those that were due together in the order in which they
    /// were made. A job that runs already, started by another call, is not started again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the runs that it has started; their jobs run again when they are next due. If it is
    /// [asked to end](crate::task#cancelling), so are they, and it waits for their clean-ups.
    ///
    /// # Panics
    ///
    /// If a job is due and no scheduler runs.
    ///
    /// # Example
    ///
    /// As the programs of `schedule` do it:
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

    /// Starts every job, whether it is due or not, in the order in which they were made, and waits until these runs
    /// have ended. For a job that is not due it is a run in between: its next one stays what it was.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_pending`](Jobs::run_pending).
    ///
    /// # Panics
    ///
    /// If there is a job and no scheduler runs.
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_all(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).all()
    }

    /// Runs every job whenever it is due, until [`stop`](Jobs::stop) is called.
    ///
    /// It sleeps until the next one is due, with one timer, and wakes when a job is made or cleared meanwhile. Jobs
    /// that take long do not hold up others. By a wall clock that can be set it looks once a minute, while a job waits
    /// for a time of day.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the runs that it has started; their jobs run again when they are next due, if
    /// somebody runs them. If it is [asked to end](crate::task#cancelling), so are the runs, and it waits for their
    /// clean-ups.
    ///
    /// # Panics
    ///
    /// If it is polled while no scheduler runs.
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
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_forever(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).forever(StopWhen::Stopped)
    }

    /// Runs every job whenever it is due, like [`run_forever`](Jobs::run_forever), until there is none any more.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_forever`](Jobs::run_forever).
    ///
    /// # Panics
    ///
    /// If there is a job and no scheduler runs.
    #[track_caller]
    #[must_use = "a future does nothing until it is awaited"]
    pub fn run_until_empty(&self) -> impl Future<Output = ()> + use<> {
        self.running(Location::caller()).forever(StopWhen::Empty)
    }

    /// Tells every [`run_forever`](Jobs::run_forever) and [`run_until_empty`](Jobs::run_until_empty) that was called
    /// before to start nothing more, and to end when the runs have. The jobs stay.
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

//! Periodic jobs: every ten minutes, every day at 10:30, every Monday. Feature `jobs`.
//!
//! Use it when work has to run on a schedule, by the clock or by the calendar. The names are those of Python's
//! `schedule` and `aioschedule`:
//!
//! ```
//! use std::time::Duration;
//! use turnwise::jobs::{Jobs, jiff::civil::date};
//! use turnwise::{Scheduler, timeout};
//!
//! async fn job() {
//!     println!("HaHa");
//! }
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! let jobs = Jobs::starting_at(&date(2026, 11, 25).at(9, 0, 0, 0).in_tz("Europe/Berlin")?);
//! jobs.every(1).hour().run(job);
//! jobs.every(1).day().at("10:30")?.tag("tea").run(async || println!("tea time"));
//! jobs.every(2).to(5).days().until(date(2026, 12, 24).at(18, 0, 0, 0)).run(job);
//!
//! let week = Duration::from_secs(7 * 86400);
//! let _ = scheduler.block_on(timeout(week, jobs.run_forever())); // takes no real time
//! assert_eq!(jobs.clear("tea"), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a job runs
//!
//! **Seconds, minutes and hours** are counted on the scheduler's clock from the moment when the job is created, so
//! setting the wall clock does not affect them. For jobs created before a scheduler runs, counting starts when a
//! scheduler first runs them or reads their clock.
//!
//! **Days, weeks, days of the week, and everything with an `at`** follow the wall clock.
//!
//! **A job never runs twice at the same time.** One that takes longer than its period skips the points that it misses,
//! and so does one that is not run for a while. Missed runs are not made up for, and the grid does not shift: a job of
//! every 10 seconds whose run took 25 seconds runs at 0, 30 and 40. A point that coincides with the end of a run is not
//! missed.
//!
//! **Order.** Jobs start in the order in which they were due, and those due together in the order in which they were
//! created. They run concurrently, each in a task that has the job's name.
//!
//! # The wall clock
//!
//! A job's next point in time is fixed when the run before it starts. From then on:
//!
//! * **If the clock is set forward** beyond that point, the job runs immediately, and only once, however many points
//!   were passed.
//! * **If it is set back**, the job waits until the clock shows that time again. A run that took place is not repeated.
//! * **A time that a day does not have**, because clocks are put forward, is moved by the same amount: a job of 02:30
//!   runs at 03:30.
//! * **A time that a day has twice**, because clocks are put back, counts the first time only.
//! * **A day lasts from a time of day to the same time of day**, whether that is 23, 24 or 25 hours. Hours and minutes
//!   are of equal length: with `every(1).hour().at(":30")` the second 02:30 counts too.
//!
//! # What it costs
//!
//! Waiting jobs are kept in two sorted sets, one for each clock. A thousand of them cost nothing but memory, and
//! together they need one timer. Starting, clearing and creating a job takes time logarithmic in the number of jobs.

mod unit;
mod at;
mod outcome;
mod failure;
mod clock;
mod until;
mod rhythm;
mod random;
mod entries;
mod shared;
mod job;
mod every;
mod timetable;
mod running;
mod ways;

pub use jiff;

pub use at::AtError;
pub use every::{Every, Plan};
pub use failure::JobFailure;
pub use job::Job;
pub use outcome::{Done, Outcome};
pub use timetable::Jobs;
pub use until::Until;

//! Periodic jobs: every ten minutes, every day at 10:30, every Monday. Feature `jobs`.
//!
//! What Python's `schedule` and `aioschedule` do, with the same words:
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
//! let _ = scheduler.block_on(timeout(week, jobs.run_forever())); // which takes no time
//! assert_eq!(jobs.clear("tea"), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a job runs
//!
//! **Seconds, minutes and hours** are counted by the scheduler's clock from the moment when the job is made; nobody who
//! sets the wall clock disturbs them. Those that are made before a scheduler runs count from the first moment
//! at which one runs them, or looks at their clock.
//!
//! **Days, weeks, days of the week, and whatever has an `at`** go by the wall clock.
//!
//! **A job runs once at a time.** One that takes longer than its period skips the points that it misses; so does one that
//! nobody runs for a while. Missed runs are not made up for, and the grid does not shift: a job of every 10 seconds that
//! took 25 runs at 0, 30 and 40. A point that comes at the very moment when a run ends is not missed.
//!
//! **Order.** Jobs start in the order in which they were due; those due together in the order in which they were made.
//! They run at the same time, each in a task that has the job's name.
//!
//! # The wall clock
//!
//! A point in time is fixed when the run before it begins. From then on it does not matter who sets the clock:
//!
//! * **Set forward** beyond the point, the job runs at once, and one run only, however many points were passed.
//! * **Set back**, it waits until the clock shows that time again. A run that was is not repeated.
//! * **A time that a day does not have**, when the clocks are put forward, comes as much later as they were: a job of
//!   02:30 runs at 03:30.
//! * **A time that a day has twice**, when they are put back, counts the first time.
//! * **A day is from one time of day to the same**, be it 23, 24 or 25 hours. Hours and minutes are of equal length:
//!   with `every(1).hour().at(":30")` the second 02:30 counts too.
//!
//! # What it costs
//!
//! Jobs that wait are in two sets in order, one for each clock; a thousand of them cost no more than the memory, and all together
//! need one timer. Starting, clearing and making one takes time that grows with the logarithm of their number.

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

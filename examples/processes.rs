//! The slides' `ProcessPoolExecutor`: jobs in child processes, so many at a time. A thread of a pool waits for each
//! child, so the pool of threads bounds that of processes. The first section is a Python program of the course, and
//! prints what that prints; a second of the course takes a fifth of one here.
//!
//! Run it with `cargo run --example processes`.

use std::env;
use std::fmt::Display;
use std::io;
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use turnwise::blocking::{BlockingError, BlockingHandle};
use turnwise::{ThreadPool, block_on};

fn main() -> Result<(), BlockingError> {
    // The children are this very program, called with what they are to do.
    let mut arguments = env::args().skip(1);
    if let Some(job) = arguments.next() {
        work(&job, arguments.next().as_deref());
        return Ok(());
    }
    println!("--- ProcessPoolExecutor");
    block_on(five_jobs_on_three_processes(Clock(Instant::now())))?;
    println!("--- two that fail");
    block_on(two_that_fail())
}

const SECOND: Duration = Duration::from_millis(200);

/// The course's time. No sleep ends early, so it is rounded down.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    /// The course's `log`.
    fn log(self, line: impl Display) {
        println!("[{}] {line}", self.0.elapsed().as_millis() / SECOND.as_millis() * 1000);
    }
}

// ----- the children -----

fn work(job: &str, argument: Option<&str>) {
    let duration = argument.and_then(|argument| argument.parse().ok());
    if let ("sleep", Some(duration)) = (job, duration) {
        thread::sleep(SECOND * duration);
        println!("Slept for {duration} seconds");
    } else {
        eprintln!("no such job: {job}");
        process::exit(2);
    }
}

// ----- the parent -----

/// So many processes at a time.
struct ProcessPool(ThreadPool);

impl ProcessPool {
    fn new(processes: usize) -> Self {
        ProcessPool(ThreadPool::new(processes))
    }

    /// Starts a job as soon as a process may be started. The handle gives what it prints.
    fn submit(
        &self,
        job: &'static str,
        argument: &'static str,
    ) -> BlockingHandle<io::Result<String>> {
        self.0.submit(move || {
            let output = Command::new(env::current_exe()?).args([job, argument]).output()?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
            if output.status.success() {
                Ok(text(&output.stdout))
            } else {
                Err(io::Error::other(text(&output.stderr)))
            }
        })
    }
}

// 01: the results are read in the order in which the jobs were submitted.
async fn five_jobs_on_three_processes(clock: Clock) -> Result<(), BlockingError> {
    let pool = ProcessPool::new(3);
    let jobs = [(); 5].map(|()| pool.submit("sleep", "2"));
    for job in jobs {
        match job.await? {
            Ok(line) => clock.log(line),
            Err(error) => clock.log(error),
        }
    }
    clock.log("end");
    Ok(())
}

/// What fails in a child is an error here, and the others go on.
async fn two_that_fail() -> Result<(), BlockingError> {
    let pool = ProcessPool::new(2);
    let jobs = [("sleep", "1"), ("dance", "1"), ("sleep", "for ever")];
    for job in jobs.map(|(job, argument)| pool.submit(job, argument)) {
        match job.await? {
            Ok(line) => println!("{line}"),
            Err(error) => println!("error: {error}"),
        }
    }
    Ok(())
}

// Output:
//
// --- ProcessPoolExecutor
// [2000] Slept for 2 seconds
// [2000] Slept for 2 seconds
// [2000] Slept for 2 seconds
// [4000] Slept for 2 seconds
// [4000] Slept for 2 seconds
// [4000] end
// --- two that fail
// Slept for 1 seconds
// error: no such job: dance
// error: no such job: sleep

//! The lecture's `ProcessPoolExecutor`: jobs in child processes, a limited number at a time. A pool thread waits for
//! each child, so the size of the thread pool bounds the number of processes. The first section ports a Python program
//! of the lecture and prints the same lines; one second of the lecture takes a fifth of a second here.
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
    // A child is this same program, with its job as arguments.
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

/// The lecture's time, rounded down, since no sleep ends early.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    /// The lecture's `log`.
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

/// Runs a limited number of processes at a time.
struct ProcessPool(ThreadPool);

impl ProcessPool {
    fn new(processes: usize) -> Self {
        ProcessPool(ThreadPool::new(processes))
    }

    /// Starts a job in a process as soon as the limit allows it. The handle's output is what the job prints.
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

/// A failure in a child is an error here, and the other jobs continue.
async fn two_that_fail() -> Result<(), BlockingError> {
    let pool = ProcessPool::new(2);
    let jobs = [("sleep", "1"), ("dance", "1"), ("sleep", "forever")];
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

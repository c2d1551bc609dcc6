//! Races executors: each in its own process, interleaved round by round, so that the noise of the machine affects all
//! alike, and none runs in another's heap.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::clock::time;
use crate::rows::{Row, Work};

/// Runs this many rounds of a row on each executor, after a round of warm-up. An executor that fails is left out, with
/// a message, unless it is the first: then the race fails.
pub(crate) fn race(row: &Row, executors: &[&'static str], rounds: usize) -> io::Result<Vec<Times>> {
    let mut racers = Vec::new();
    for executor in executors {
        racers.push(Racer::start(row.name, executor)?);
    }
    for round in 0..=rounds {
        // The executors take turns at being the first of a round.
        for number in 0..racers.len() {
            let next = (round + number) % racers.len();
            if !racers[next].has_failed {
                racers[next].round();
            }
        }
    }
    if racers.first().is_some_and(|racer| racer.has_failed) {
        return Err(io::Error::other(format!("{} fails at {}", executors[0], row.name)));
    }
    let times = racers.into_iter().map(|racer| racer.end(row));
    Ok(times.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Nanoseconds per operation.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) executor: &'static str,
    pub(crate) median: f64,
    pub(crate) least: f64,
}

/// One executor at one row, in a process of its own.
struct Racer {
    executor: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    nanos: Vec<f64>,
    has_failed: bool,
}

impl Racer {
    fn start(row: &str, executor: &'static str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([row, executor])
            // Otherwise glibc returns memory and requests it again, and it is chance which executor pays for that.
            .env("MALLOC_TRIM_THRESHOLD_", "4294967296")
            .env("MALLOC_MMAP_THRESHOLD_", "4294967296")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Racer { executor, child, orders, answers, nanos: Vec::new(), has_failed: false })
    }

    fn round(&mut self) {
        match self.ask() {
            Ok(nanos) => self.nanos.push(nanos),
            Err(error) => {
                self.has_failed = true;
                eprintln!("{} fails, and is left out: {error}", self.executor);
            }
        }
    }

    fn ask(&mut self) -> io::Result<f64> {
        writeln!(self.orders, "go")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| io::Error::other("its process has ended"))
    }

    /// The times of all rounds but the first, which was the warm-up.
    fn end(mut self, row: &Row) -> io::Result<Option<Times>> {
        self.child.kill()?;
        self.child.wait()?;
        if self.has_failed {
            return Ok(None);
        }
        #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
        let size = row.size as f64;
        let mut times: Vec<f64> = self.nanos.drain(..).skip(1).map(|nanos| nanos / size).collect();
        times.sort_unstable_by(f64::total_cmp);
        let (median, least) = (times[times.len() / 2], times[0]);
        Ok(Some(Times { executor: self.executor, median, least }))
    }
}

/// The child: does a round for every line of its input, and prints how long it took.
pub(crate) fn run_rounds(row: &Row, mut work: Work) -> io::Result<()> {
    for order in io::stdin().lines() {
        order?;
        println!("{}", time(row, &mut work).as_nanos());
    }
    Ok(())
}

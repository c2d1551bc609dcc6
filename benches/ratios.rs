//! Every row on every executor, each in a process of its own, interleaved round by round: so the noise of the
//! machine meets all alike, and none lives in another's memory. Prints medians, and their ratio.
//!
//! ```text
//! cargo bench --bench ratios -- [ROUNDS] [ROW...]
//! ```

#[path = "work/clock.rs"]
mod clock;
mod work;

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clock::time;
use work::{EXECUTORS, Kind, Row, rows};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [name, executor] = &args[..]
        && let Some(row) = rows(|_| true).find(|row| row.name == name)
        && EXECUTORS.contains(&executor.as_str())
    {
        return run_rounds(row, executor);
    }
    let (numbers, names): (Vec<_>, Vec<_>) =
        args.iter().partition(|arg| arg.parse::<usize>().is_ok());
    let rounds = numbers.first().and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    println!("ns per operation: median of {rounds} rounds, and the least in brackets\n");
    println!("| row | turnwise | tokio | tokio / turnwise | bare |");
    println!("|---|---:|---:|---:|---:|");
    for row in
        rows(|_| true).filter(|row| names.is_empty() || names.iter().any(|name| *name == row.name))
    {
        // A round of a million takes a second.
        print_row(row, if row.size >= 1_000_000 { rounds.min(7) } else { rounds })?;
    }
    Ok(())
}

fn print_row(row: &Row, rounds: usize) -> io::Result<()> {
    let mut racers = Vec::new();
    for executor in EXECUTORS.into_iter().filter(|executor| row.on(executor).is_some()) {
        racers.push(Racer::start(row, executor)?);
    }
    for round in 0..=rounds {
        // Each of them is the first of a round by turns.
        for number in 0..racers.len() {
            let next = (round + number) % racers.len();
            racers[next].round()?;
        }
    }
    let mut cells = EXECUTORS.map(|_| "-".to_owned());
    let mut typical = [f64::NAN; EXECUTORS.len()];
    for mut racer in racers {
        let times = racer.sorted(row);
        let (median, least) = (times[times.len() / 2], times[0]);
        let column = EXECUTORS.iter().position(|executor| *executor == racer.executor);
        let column = column.expect("it was started for one of them");
        cells[column] = format!("{median:.1} ({least:.1})");
        // With two threads it is chance on which processors they are.
        typical[column] = if row.kind == Kind::TwoThreads { least } else { median };
        racer.child.kill()?;
        racer.child.wait()?;
    }
    let ratio = typical[1] / typical[0];
    println!("| {} | {} | {} | {ratio:.2} | {} |", row.name, cells[0], cells[1], cells[2]);
    Ok(())
}

/// One executor at one row, in a process of its own.
struct Racer {
    executor: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    nanos: Vec<f64>,
}

impl Racer {
    fn start(row: &Row, executor: &'static str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([row.name, executor])
            // Else glibc gives memory back and asks for it again, and who does it is chance.
            .env("MALLOC_TRIM_THRESHOLD_", "4294967296")
            .env("MALLOC_MMAP_THRESHOLD_", "4294967296")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Racer { executor, child, orders, answers, nanos: Vec::new() })
    }

    fn round(&mut self) -> io::Result<()> {
        writeln!(self.orders, "go")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        self.nanos.push(answer.trim().parse().map_err(io::Error::other)?);
        Ok(())
    }

    /// Nanoseconds per operation of all rounds but the first, which warmed it up; from least to most.
    fn sorted(&mut self, row: &Row) -> Vec<f64> {
        #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
        let size = row.size as f64;
        let mut times: Vec<f64> = self.nanos.drain(..).skip(1).map(|nanos| nanos / size).collect();
        times.sort_unstable_by(f64::total_cmp);
        times
    }
}

/// The child: does a round for every line that comes, and tells how long it took.
fn run_rounds(row: &Row, executor: &str) -> io::Result<()> {
    let mut work = row.on(executor).expect("the parent asked for what there is")();
    for order in io::stdin().lines() {
        order?;
        println!("{}", time(row, &mut work).as_nanos());
    }
    Ok(())
}

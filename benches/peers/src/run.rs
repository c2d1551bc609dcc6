//! Runs the rows: each executor in a process of its own.

use std::process::{Command, ExitCode};
use std::{fs, io};

use crate::build::{self, BUILD_TIME, Beside, CODE_SIZE};
use crate::options::{Options, USAGE};
use crate::peers::{Peer, columns, generator_rows, peer, rows, wait_rows};
use crate::race::{Times, race, run_rounds};
use crate::rows::Row;
use crate::{memory, picture, table};

/// Rows with at least this many operations run only if they are named, on one executor after another.
const HUGE: u64 = 10_000_000;

/// The entry point of the program.
pub fn main() -> io::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [row, executor] = &args[..]
        && let Some(peer) = peer(executor)
    {
        return child(row, peer);
    }
    let Some(options) = Options::read(args.into_iter()) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    };
    if let Some(name) = options.rows.iter().find(|name| !is_row(name)) {
        eprintln!("there is no row {name}\n{USAGE}");
        return Ok(ExitCode::FAILURE);
    }
    if let Some(name) = options.columns.iter().find(|name| peer(name).is_none()) {
        eprintln!("there is no column {name}\n{USAGE}");
        return Ok(ExitCode::FAILURE);
    }
    let mut peers = able()?;
    peers.retain(|peer| {
        let is_selected = options.columns.iter().any(|name| name == peer.name);
        options.columns.is_empty() || is_selected || peer.name == "turnwise"
    });
    if options.test {
        return test(&peers);
    }
    measure(&peers, &options)?;
    Ok(ExitCode::SUCCESS)
}

fn is_row(name: &str) -> bool {
    all_rows().iter().any(|row| row.name == name)
        || memory::ROWS.iter().any(|row| row.0 == name)
        || [CODE_SIZE, BUILD_TIME].contains(&name)
}

/// The rows of all tables.
fn all_rows() -> Vec<Row> {
    [rows(), wait_rows(), generator_rows()].concat()
}

/// The first argument of a child that does something other than a row.
const TRY: &str = "try";
const TEST: &str = "test";
const HABITS: &str = "habits";
const ORDERS: &str = "orders";

/// What this program does when it is started as a child: one row, or one of the above, on one executor.
fn child(word: &str, peer: &Peer) -> io::Result<ExitCode> {
    match word {
        TRY => (peer.runs)().map_err(io::Error::other)?,
        TEST => {
            for row in all_rows().iter().filter(|row| row.batch < 1_000_000) {
                if let Some(setup) = (peer.on)(row.name) {
                    // Fewer than three batches would not show that an event also releases later waiters.
                    setup()(3 * row.batch.max(10));
                }
            }
        }
        HABITS => {
            if let Some(habits) = peer.habits {
                println!("{}", habits().join("\n"));
            }
        }
        ORDERS => {
            if let Some(tools) = &peer.tools {
                println!("{}", (tools.orders)().join("\n"));
            }
        }
        name => {
            let rows = all_rows();
            let row = rows.iter().find(|row| row.name == name);
            let (row, setup) = row.zip((peer.on)(name)).ok_or(io::ErrorKind::NotFound)?;
            run_rounds(row, setup())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the columns that run on this machine; prints which do not, and why. Each is tried in its own process, since
/// some would abort it.
fn able() -> io::Result<Vec<&'static Peer>> {
    let mut able = Vec::new();
    for peer in columns() {
        let tried = Command::new(std::env::current_exe()?).args([TRY, peer.name]).output()?;
        if tried.status.success() {
            able.push(peer);
        } else {
            let why = String::from_utf8_lossy(&tried.stderr);
            eprintln!("{} does not run on this machine: {}", peer.name, why.trim());
        }
    }
    Ok(able)
}

/// Runs each row once on each executor.
fn test(peers: &[&Peer]) -> io::Result<ExitCode> {
    let mut failed = 0;
    for peer in peers {
        let status = Command::new(std::env::current_exe()?).args([TEST, peer.name]).status()?;
        println!("{}: {}", peer.name, if status.success() { "ok" } else { "failed" });
        failed += usize::from(!status.success());
    }
    println!("{} passed, {failed} failed", peers.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(all: &[&'static Peer], options: &Options) -> io::Result<()> {
    let (rows, wait_rows, generator_rows) = (rows(), wait_rows(), generator_rows());
    let peers = having(all, &rows);
    let waiting = having(all, &wait_rows);
    let yielding = having(all, &generator_rows);
    let results = times(&rows, &peers, options)?;
    let waits = times(&wait_rows, &waiting, options)?;
    let yields = times(&generator_rows, &yielding, options)?;
    if options.rows.is_empty() {
        table::print_habits(&peers, &answers(&peers, HABITS)?);
    }
    if !results.is_empty() {
        table::print_times(&peers, &results);
    }
    if !waits.is_empty() {
        println!();
        table::print_tools(&waiting, &answers(&waiting, ORDERS)?);
        table::print_times(&waiting, &waits);
    }
    if !yields.is_empty() {
        println!();
        table::print_setups(&yielding);
        table::print_times(&yielding, &yields);
    }
    table::print_beside(&peers, &beside(&peers, options)?);
    if let Some(file) = &options.svg {
        let svg = picture::draw(&[(&peers, &results), (&waiting, &waits)]);
        fs::write(file, svg.map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// The columns that have any of these rows.
fn having(peers: &[&'static Peer], rows: &[Row]) -> Vec<&'static Peer> {
    peers.iter().copied().filter(|peer| peer.has(rows)).collect()
}

/// Runs those of the rows that the options select.
fn times(
    rows: &[Row],
    peers: &[&'static Peer],
    options: &Options,
) -> io::Result<Vec<(Row, Vec<Times>)>> {
    let mut results = Vec::new();
    for row in rows {
        if options.selects(row.name) && (row.size < HUGE || options.names(row.name)) {
            eprintln!("{}", row.name);
            let times = race_row(row, peers, options.rounds.unwrap_or(9))?;
            results.push((*row, times));
        }
    }
    Ok(results)
}

/// Runs a child for each column, and returns the lines that it prints, if any.
fn answers(peers: &[&'static Peer], what: &str) -> io::Result<Vec<(&'static str, Vec<String>)>> {
    let mut answers = Vec::new();
    for peer in peers {
        let ran = Command::new(std::env::current_exe()?).args([what, peer.name]).output()?;
        let lines: Vec<_> =
            String::from_utf8_lossy(&ran.stdout).lines().map(str::to_owned).collect();
        if !lines.is_empty() {
            answers.push((peer.name, lines));
        }
    }
    Ok(answers)
}

/// The rows that are not times.
fn beside(peers: &[&Peer], options: &Options) -> io::Result<Vec<Beside>> {
    let mut rows = Vec::new();
    if memory::ROWS.iter().any(|(name, _)| options.selects(name)) {
        rows.extend(build::memory(peers)?.into_iter().filter(|row| options.selects(row.name)));
    }
    if options.selects(CODE_SIZE) {
        rows.push(build::code_size(peers)?);
    }
    if options.build || options.names(BUILD_TIME) {
        rows.push(build::build_time(peers)?);
    }
    Ok(rows)
}

fn race_row(row: &Row, peers: &[&'static Peer], rounds: usize) -> io::Result<Vec<Times>> {
    let able = peers.iter().filter(|peer| (peer.on)(row.name).is_some());
    let names: Vec<_> = able.map(|peer| peer.name).collect();
    if row.size < HUGE {
        // A round of a million takes seconds.
        return race(row, &names, if row.size >= 1_000_000 { rounds.min(5) } else { rounds });
    }
    // All of them together do not fit in memory.
    let alone = names.chunks(1).map(|name| race(row, name, rounds.min(3)));
    Ok(alone.collect::<io::Result<Vec<_>>>()?.concat())
}

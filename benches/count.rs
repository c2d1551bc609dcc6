//! Does one row on one executor, so many operations long, for a tool that counts instructions.
//!
//! ```text
//! count ROW turnwise|tokio|bare N
//! ```
//!
//! What it costs to set the row up and to warm it up drops out of the difference of two lengths. See
//! `benches/instructions.sh`.

mod work;

use std::process::ExitCode;

use work::{EXECUTORS, Kind, Row, rows};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` runs it with `--bench`: then there is nothing to do.
    if args.iter().any(|arg| arg.starts_with("--")) {
        return ExitCode::SUCCESS;
    }
    let [name, executor, n] = &args[..] else {
        println!("usage: count ROW {} N", EXECUTORS.join("|"));
        countable().for_each(|row| println!("{} {}", row.name, row.size));
        return ExitCode::FAILURE;
    };
    let work = countable().find(|row| row.name == name).and_then(|row| row.on(executor));
    let (Some(work), Ok(n)) = (work, n.parse()) else {
        eprintln!("no such row, or not on this executor");
        return ExitCode::FAILURE;
    };
    work()(n);
    ExitCode::SUCCESS
}

/// All rows whose instructions can be counted.
fn countable() -> impl Iterator<Item = &'static Row> {
    rows(|_| true).filter(|row| row.kind != Kind::TwoThreads)
}

//! Runs N operations of one row on one executor, for a tool that counts instructions.
//!
//! ```text
//! count ROW turnwise|tokio|bare N
//! ```
//!
//! The cost of setup and warm-up cancels out in the difference of two runs. See `benches/instructions.sh`.

#[path = "rows/columns.rs"]
mod columns;
mod rows;

use std::process::ExitCode;

use columns::COLUMNS;
use rows::{Kind, Row, Setup, rows};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` runs it with `--bench`, which does nothing.
    if args.iter().any(|arg| arg.starts_with("--")) {
        return ExitCode::SUCCESS;
    }
    let [name, executor, n] = &args[..] else {
        println!("usage: count ROW {} N", COLUMNS.map(|column| column.name).join("|"));
        countable().for_each(|row| println!("{} {}", row.name, row.batch));
        return ExitCode::FAILURE;
    };
    let (Some(work), Ok(n)) = (work(name, executor), n.parse()) else {
        eprintln!("no such row, or not on this executor");
        return ExitCode::FAILURE;
    };
    work()(n);
    ExitCode::SUCCESS
}

fn work(name: &str, executor: &str) -> Option<Setup> {
    countable().find(|row| row.name == name)?;
    let column = COLUMNS.iter().find(|column| column.name == executor)?;
    (column.on)(name)
}

/// All rows whose instructions can be counted.
fn countable() -> impl Iterator<Item = Row> {
    rows().into_iter().filter(|row| row.kind != Kind::TwoThreads)
}

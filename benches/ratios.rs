//! Every row on every executor, each in its own process, interleaved round by round: the noise of the machine then
//! affects all alike, and none runs in another's heap. Prints medians, and their ratio.
//!
//! ```text
//! cargo bench --bench ratios -- [ROUNDS] [ROW...]
//! ```

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/race.rs"]
mod race;
mod rows;

use std::io;

use columns::COLUMNS;
use race::{race, run_rounds};
use rows::{Row, rows};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let rows = rows();
    if let [name, executor] = &args[..]
        && let Some(row) = rows.iter().find(|row| row.name == name)
        && let Some(column) = COLUMNS.iter().find(|column| column.name == executor)
    {
        let work = (column.on)(name).expect("the parent only starts existing rows");
        return run_rounds(row, work());
    }
    let (numbers, names): (Vec<_>, Vec<_>) =
        args.iter().partition(|arg| arg.parse::<usize>().is_ok());
    let rounds = numbers.first().and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    println!("ns per operation: median of {rounds} rounds, and the minimum in brackets\n");
    println!("| row | turnwise | tokio | tokio / turnwise | bare |");
    println!("|---|---:|---:|---:|---:|");
    for row in &rows {
        if names.is_empty() || names.iter().any(|name| *name == row.name) {
            // A round of a million takes a second.
            print_row(row, if row.size >= 1_000_000 { rounds.min(7) } else { rounds })?;
        }
    }
    Ok(())
}

fn print_row(row: &Row, rounds: usize) -> io::Result<()> {
    let executors: Vec<_> = COLUMNS
        .iter()
        .filter(|column| (column.on)(row.name).is_some())
        .map(|column| column.name)
        .collect();
    let times = race(row, &executors, rounds)?;
    let mut cells = COLUMNS.map(|_| "-".to_owned());
    let mut medians = [f64::NAN; COLUMNS.len()];
    for (number, column) in COLUMNS.iter().enumerate() {
        let Some(times) = times.iter().find(|times| times.executor == column.name) else {
            continue;
        };
        cells[number] = format!("{:.1} ({:.1})", times.median, times.least);
        medians[number] = times.median;
    }
    let ratio = medians[1] / medians[0];
    let ratio = if ratio.is_nan() { "-".to_owned() } else { format!("{ratio:.2}") };
    println!("| {} | {} | {} | {ratio} | {} |", row.name, cells[0], cells[1], cells[2]);
    Ok(())
}

//! What the next value of a generator costs, beside that of a boxed iterator written by hand.
//!
//! ```text
//! cargo bench --bench generator
//! benches/generator-instructions.sh      # the same in instructions, by valgrind's callgrind
//! ```

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use turnwise::Generator;
use turnwise::generator::Coroutine;

/// How many values one round takes.
const VALUES: u64 = 10_000;

/// Has so many values produced, or taken, and returns their sum.
type Work = fn(u64) -> u64;

const ROWS: [(&str, [(&str, Work); 2]); 2] = [
    ("generator_next", [("boxed_iterator", iterator), ("turnwise", generator)]),
    ("coroutine_send", [("boxed_closure", closure), ("turnwise", coroutine)]),
];

struct Countdown(u64);

impl Iterator for Countdown {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

fn iterator(n: u64) -> u64 {
    let mut values: Box<dyn Iterator<Item = u64>> = Box::new(Countdown(n));
    let mut sum = 0;
    while let Some(value) = black_box(&mut values).next() {
        sum += value;
    }
    sum
}

fn generator(n: u64) -> u64 {
    let mut values = Generator::new(async |co| {
        for value in (0..n).rev() {
            co.yield_(value).await;
        }
    });
    let mut sum = 0;
    while let Some(value) = black_box(&mut values).next() {
        sum += value;
    }
    sum
}

fn closure(n: u64) -> u64 {
    let mut sum = 0;
    let mut sink: Box<dyn FnMut(u64)> = Box::new(|value| sum += value);
    (0..n).for_each(|value| black_box(&mut sink)(value));
    drop(sink);
    sum
}

fn coroutine(n: u64) -> u64 {
    let sink = Coroutine::new(async |co| {
        let mut sum = 0;
        while let Ok(value) = co.try_yield(()).await {
            sum += value;
        }
        sum
    });
    (0..n).for_each(|value| assert!(black_box(&sink).send(value).is_ok()));
    sink.close().expect("it returns");
    sink.take_result().expect("it has returned")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `generator ROW COLUMN N` does it once, for a tool that counts instructions.
    if let [row, column, n] = &arguments[..]
        && !row.starts_with('-')
    {
        return once(row, column, n);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (row, columns) in ROWS {
        let mut group = criterion.benchmark_group(row);
        group.warm_up_time(Duration::from_millis(300));
        group.measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements(VALUES));
        for (column, work) in columns {
            group.bench_function(column, |bencher| bencher.iter(|| checked(work, VALUES)));
        }
        group.finish();
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn checked(work: Work, n: u64) {
    assert_eq!(work(black_box(n)), n * (n - 1) / 2);
}

fn once(row: &str, column: &str, n: &str) -> ExitCode {
    let columns = ROWS.iter().find(|(name, _)| *name == row).map(|(_, columns)| columns);
    let work = columns.and_then(|columns| columns.iter().find(|(name, _)| *name == column));
    let (Some((_, work)), Ok(n)) = (work, n.parse()) else {
        eprintln!("usage: generator ROW COLUMN N");
        return ExitCode::FAILURE;
    };
    checked(*work, n);
    ExitCode::SUCCESS
}

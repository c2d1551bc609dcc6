//! Rows under criterion, one after another: `ROW/turnwise`, `ROW/tokio`, `ROW/bare`.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use crate::clock::time;
use crate::columns::COLUMNS;
use crate::rows::{Kind, Row, Setup};

/// Runs some rows; `cargo bench` shows the time of one operation as the inverse of `thrpt`.
pub(crate) fn compare(rows: &[Row]) {
    let mut criterion = Criterion::default().configure_from_args();
    for row in rows {
        compare_row(&mut criterion, row);
    }
    criterion.final_summary();
}

fn compare_row(criterion: &mut Criterion, row: &Row) {
    let mut group = criterion.benchmark_group(row.name);
    group.sample_size(10);
    group.sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(row.size));
    for column in COLUMNS {
        if let Some(work) = (column.on)(row.name) {
            bench(&mut group, column.name, row, work);
        }
    }
    group.finish();
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, row: &Row, work: Setup) {
    let mut prepared = None;
    group.bench_function(name, |bencher| {
        let work = prepared.get_or_insert_with(work);
        if row.kind == Kind::Sleeps {
            bencher.iter_custom(|times| (0..times).map(|_| time(row, work)).sum());
        } else {
            bencher.iter(|| work(row.size));
        }
    });
}

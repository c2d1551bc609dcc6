//! Recordings: an event recorded by hand; a million events folded, written and read.
//!
//! `cargo bench --features record --bench record` prints the time of one iteration; beside the rows, the limits that
//! this machine has to keep.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use turnwise::record::{Actor, Awaited, Outcome, Recorder, Recording, Replay, State};
use turnwise::sync::Mutex;
use turnwise::{Scheduler, spawn, yield_now};

const TASKS: u64 = 200;
const MILLION: usize = 1_000_000;

/// One task takes a turn, with a timer, a lock and a wake of the next one: 16 events.
fn turn(recorder: &Recorder, number: u64) {
    let (task, timer) = (1 + number % TASKS, number + 1);
    recorder.at(Duration::from_micros(number));
    recorder.poll(task);
    recorder.unwait(task, Awaited::Timer(timer.saturating_sub(TASKS)));
    recorder.acquire(task, 1, 1);
    recorder.out(task, "has the lock");
    recorder.release(task, 1, 1);
    recorder.wait(task, Awaited::Timer(timer));
    recorder.timer_set(timer, task, Duration::from_micros(number + 100));
    recorder.returned(task, Outcome::Pending);
    recorder.park_until(Duration::from_micros(number + 100));
    recorder.unpark(Actor::Timer(timer));
    recorder.timer_fire(timer);
    recorder.wake(task, Actor::Timer(timer));
    recorder.schedule(task);
    recorder.wake(task, Actor::Task(task));
    recorder.slow(task, Duration::from_micros(3));
    recorder.send(task, 2, 1);
}

fn start(recorder: Recorder) -> Recorder {
    recorder.at(Duration::ZERO);
    recorder.resource(1, "mutex", "db");
    recorder.resource(2, "mpsc", "lines");
    for task in 1..=TASKS {
        recorder.spawn(task, &format!("worker {task}"), Actor::Outside);
        recorder.schedule(task);
    }
    recorder
}

fn million() -> Recording {
    let recorder = start(Recorder::new());
    (0..).take(MILLION / 16).for_each(|number| turn(&recorder, number));
    recorder.finish()
}

/// The limit is 150 ns an event.
fn record(c: &mut Criterion) {
    const EVENTS: u64 = 16_000;
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(EVENTS));
    let turns = |recorder: &Recorder| (0..EVENTS / 16).for_each(|number| turn(recorder, number));
    group.bench_function("all", |b| {
        b.iter_batched(|| start(Recorder::new()), |all| turns(&all), BatchSize::LargeInput);
    });
    group.bench_function("last_thousand", |b| {
        b.iter_batched(|| start(Recorder::ring(1000)), |ring| turns(&ring), BatchSize::LargeInput);
    });
    group.bench_function("real_clock", |b| {
        let turns = |recorder: Recorder| (0..EVENTS).for_each(|task| recorder.poll(1 + task % 8));
        b.iter_batched(Recorder::new, turns, BatchSize::LargeInput);
    });
    group.finish();
}

/// Programs of about 16,000 events on a scheduler, with a recorder and without one. The limit is 150 ns an event.
fn attached(c: &mut Criterion) {
    let mut group = c.benchmark_group("program");
    for is_recorded in [false, true] {
        let name = if is_recorded { "recorded" } else { "not_recorded" };
        group.bench_function(format!("yields_{name}"), |b| {
            b.iter_batched(|| scheduler(is_recorded), |it| yields(&it.0), BatchSize::LargeInput);
        });
        group.bench_function(format!("mutex_{name}"), |b| {
            b.iter_batched(|| scheduler(is_recorded), |it| contend(&it.0), BatchSize::LargeInput);
        });
    }
    group.finish();
    for (name, program) in [("yields", yields as fn(&Scheduler)), ("mutex", contend)] {
        let (scheduler, recorder) = scheduler(true);
        program(&scheduler);
        println!("{name}: {} events", recorder.so_far().entries().len());
    }
}

fn scheduler(is_recorded: bool) -> (Scheduler, Recorder) {
    let (recorder, builder) = (Recorder::new(), Scheduler::builder().virtual_time());
    let builder = if is_recorded { recorder.attach(builder) } else { builder };
    (builder.build(), recorder)
}

fn yields(scheduler: &Scheduler) {
    scheduler.block_on(async {
        for _ in 0..4_000 {
            yield_now().await;
        }
    });
}

fn contend(scheduler: &Scheduler) {
    let lock = Rc::new(Mutex::new(0));
    scheduler.block_on(async {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                spawn(async move {
                    for _ in 0..400 {
                        *lock.lock().await += 1;
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not fail");
        }
    });
}

/// The limits are 2 s for the fold and the index, and 5 s for the file.
fn replay(c: &mut Criterion) {
    let recording = million();
    let file = recording.to_jsonl();
    println!("{} events, {} bytes", recording.entries().len(), file.len());
    let mut group = c.benchmark_group("million_events");
    group.sample_size(10);
    group.bench_function("fold", |b| {
        b.iter(|| {
            let mut state = State::default();
            recording.entries().iter().for_each(|entry| state.apply(entry));
            black_box(state)
        });
    });
    group.bench_function("replay", |b| {
        b.iter_batched(|| recording.clone(), Replay::new, BatchSize::PerIteration);
    });
    group.bench_function("write", |b| b.iter(|| black_box(recording.to_jsonl())));
    group.bench_function("read", |b| b.iter(|| black_box(Recording::parse(&file))));
    group.finish();

    let mut replay = Replay::new(recording);
    let mut position = 0;
    c.bench_function("seek_anywhere", |b| {
        b.iter(|| {
            position = (position + 618_033) % replay.len();
            replay.seek(position);
        });
    });
}

type Reader = fn(&Recording) -> String;

/// The limit is 5 s for each.
fn export(c: &mut Criterion) {
    let recording = million();
    let mut group = c.benchmark_group("million_events_to");
    group.sample_size(10);
    let readers: [(&str, Reader); 8] = [
        ("turns", |recording| recording.timeline().width(120).to_string()),
        ("events", |recording| recording.timeline().events().times(true).to_string()),
        ("svg", Recording::to_svg),
        ("chrome_trace", Recording::to_chrome_trace),
        ("mermaid", Recording::to_mermaid),
        ("busy_times", |recording| recording.busy_times().to_string()),
        ("turns_unicode", |recording| recording.timeline().ascii(false).to_string()),
        ("events_in_blocks", |recording| recording.timeline().events().width(120).to_string()),
    ];
    for (name, read) in readers {
        println!("{name}: {} bytes", read(&recording).len());
        group.bench_function(name, |b| b.iter(|| black_box(read(&recording))));
    }
    group.finish();
}

criterion_group!(benches, record, attached, replay, export);
criterion_main!(benches);

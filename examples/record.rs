//! One run, recorded, and then looked at in every way: timelines, sentences, a moment in the middle, times, a picture,
//! diagrams, and a trace that Perfetto opens.
//!
//! Run it with `cargo run --features record --example record`. It writes its files into the folder `target/record`, and
//! its output is at the end of this file.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use turnwise::record::{Recorder, Recording, Replay};
use turnwise::{JoinError, Scheduler, note, say, sleep, sync::Mutex, task};

fn main() -> Result<(), Box<dyn Error>> {
    let recorder = Recorder::new().title("two workers and one lock");
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    scheduler.block_on(two_workers())?;

    let recording = recorder.finish();
    the_whole_run(&recording);
    let mut replay = Replay::new(recording);
    step_by_step(&replay);
    a_moment(&mut replay);
    files(&replay)
}

// ----- the run -----

fn named(name: &str) -> task::Builder {
    task::Builder::new().name(name)
}

async fn two_workers() -> Result<(), JoinError> {
    let db = Rc::new(Mutex::new(0).named("db"));
    let ticker = named("ticker").spawn(tick());
    let [a, b] = ["A", "B"].map(|name| named(name).spawn(work(name, Rc::clone(&db))));
    a.await?;
    b.await?;
    note!("Both workers have ended, so the ticker is asked to end.");
    ticker.cancel();
    assert!(ticker.await.is_err_and(|error| error.is_cancelled()));
    Ok(())
}

async fn work(name: &str, db: Rc<Mutex<u32>>) {
    let mut rows = db.lock().await;
    say!("{name} has the lock");
    sleep(Duration::from_millis(100)).await;
    *rows += 1;
}

async fn tick() {
    loop {
        sleep(Duration::from_millis(60)).await;
    }
}

// ----- what can be seen -----

/// What did each task do, and when? A timeline. Which task kept the others waiting? The times.
fn the_whole_run(recording: &Recording) {
    println!("-- turn by turn");
    print!("{}", recording.timeline().times(true));
    println!("-- event by event");
    print!("{}", recording.timeline().events().ascii(false).width(100));
    println!("-- times");
    print!("{}", recording.busy_times());
}

/// Why did that happen? The sentences, with their places.
fn step_by_step(replay: &Replay) {
    println!("-- the turn in which A gets the lock");
    let turn = 3;
    for step in replay.steps().filter(|step| step.turn == turn) {
        let place = step.place.map(|place| format!(" ({place})")).unwrap_or_default();
        println!("{step}{place}");
    }
}

/// What does each task wait for? The await tree.
fn a_moment(replay: &mut Replay) {
    println!("-- after 50 ms");
    replay.seek(replay.at_time(Duration::from_millis(50)));
    print!("{}", replay.await_tree());
}

/// Files for other programs.
fn files(replay: &Replay) -> Result<(), Box<dyn Error>> {
    println!("-- files");
    let (recording, waits) = (replay.recording(), replay.wait_diagram());
    write("run.svg", &recording.to_svg(), "a timeline, for a browser")?;
    write("run.trace.json", &recording.to_chrome_trace(), "opens in ui.perfetto.dev")?;
    write("run.mmd", &recording.to_mermaid(), "a sequence diagram, in Mermaid")?;
    write("waits.mmd", &waits.to_mermaid(), "what waited for what after 50 ms, in Mermaid")?;
    write("waits.dot", &waits.to_dot(), "the same, for Graphviz: dot -Tsvg waits.dot")?;
    let file = write("run.turnwise.jsonl", &recording.to_jsonl(), "the recording itself")?;
    let again = Recording::open(file)?;
    assert_eq!(again.to_jsonl(), recording.to_jsonl());
    Ok(())
}

fn write(name: &str, text: &str, what: &str) -> io::Result<PathBuf> {
    let folder = Path::new("target/record");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(name);
    std::fs::write(&file, text)?;
    println!("{name:18}  {what}");
    Ok(file)
}

// Output:
//
// A has the lock
// B has the lock
// -- turn by turn
// turn      1 2 3 4 z5 z6 7 8 z9 z10 z11 12 13 14
// time      +0ns    +60ms     +120ms +200ms
// 1 main    # . . .  .  . - #  .   .   .  #  .  *
// 2 ticker    # . .  #  . . .  #   #   .  .  x
// 3 A         - # .  .  *
// 4 B         - - #  .  . # .  .   .   *
// -- event by event
// turn     |  1        2   3      4  z     5   z     6          7    8  z     9   z     10  z     11
// 1 main   | ─████████┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑──────██┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
// 2 ticker |    ───────███┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑─███┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑─███┄┄┄┄┄↑─███┄┄┄┄┄┄┄┄┄┄┄
// 3 A      |      ─────────██████┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑─███████●
// 4 B      |        ──────────────██┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑──────████┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄↑─███●
//
// turn     |   12     13      14
// 1 main   |┄↑─██████┄┄┄┄┄┄┄↑─███●
// 2 ticker |┄┄┄┄┄┄↑───████✕
// -- times
// task      turns  running  ready  waiting
// 1 main        4     0 ns   0 ns   200 ms
// 2 ticker      5     0 ns   0 ns   200 ms
// 3 A           2     0 ns   0 ns   100 ms
// 4 B           3     0 ns   0 ns   200 ms
// 14 turns in 200 ms: busy for 0 ns, asleep for 200 ms
// -- the turn in which A gets the lock
// Turn 3: the scheduler takes A from the front of the ready queue and polls it.
// Mutex "db" is used for the first time.
// A has mutex "db" now. (examples/record.rs:48:23)
// A prints "A has the lock". (examples/record.rs:49:5)
// A puts timer 2 into the heap, due at +100 ms. (examples/record.rs:50:5)
// A waits for timer 2, and leaves its waker with it. (examples/record.rs:50:5)
// The poll returns Pending: A goes to wait, and no task is running.
// -- after 50 ms
// main, waiting at examples/record.rs:38:52
// └─ A, waiting at examples/record.rs:50:5
//    └─ timer 2, due at +100 ms
// ticker, waiting at examples/record.rs:56:9
// └─ timer 1, due at +60 ms
// B, waiting at examples/record.rs:48:23
// └─ mutex "db"
//    └─ A, waiting at examples/record.rs:50:5: see above
// -- files
// run.svg             a timeline, for a browser
// run.trace.json      opens in ui.perfetto.dev
// run.mmd             a sequence diagram, in Mermaid
// waits.mmd           what waited for what after 50 ms, in Mermaid
// waits.dot           the same, for Graphviz: dot -Tsvg waits.dot
// run.turnwise.jsonl  the recording itself

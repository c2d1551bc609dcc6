//! Pictures of recordings, character by character: timelines, diagrams, tables and trees.

use std::fs;
use std::path::Path;
use std::time::Duration;

use turnwise::record::{Actor, Awaited, EndReason, Outcome, Recorder, Recording, Replay};
use turnwise::{Scheduler, say, task, yield_now};

/// Asserts that a picture has these lines.
fn assert_lines(picture: &str, lines: &[&str]) {
    let found: Vec<&str> = picture.lines().collect();
    assert_eq!(found, lines, "\n{picture}");
}

// ----- the runs -----

/// Two tasks that print and yield: the scheduler of the slides.
fn foo_bar() -> Recording {
    let recorder = Recorder::new();
    for (task, name) in [(1, "foo"), (2, "bar")] {
        recorder.spawn(task, name, Actor::Outside);
        recorder.schedule(task);
    }
    for task in [1, 2, 1, 2] {
        recorder.poll(task);
        recorder.out(task, "I'm here");
        recorder.wake(task, Actor::Task(task));
        recorder.returned(task, Outcome::Pending);
        recorder.schedule(task);
    }
    for task in [1, 2] {
        recorder.poll(task);
        recorder.returned(task, Outcome::Ready);
        recorder.done(task, Outcome::Ready);
        recorder.out(0, &format!("Task {task} terminated"));
    }
    recorder.end(EndReason::Done);
    recorder.finish()
}

const MAIN: u64 = 1;
const TICKER: u64 = 2;
const A: u64 = 3;
const B: u64 = 4;

struct Run(Recorder);

impl Run {
    fn poll(&self, task: u64) -> &Recorder {
        self.0.poll(task);
        &self.0
    }

    fn waits(&self, task: u64, on: Awaited) {
        self.0.wait(task, on);
        self.0.returned(task, Outcome::Pending);
    }

    fn sleeps(&self, task: u64, timer: u64, milliseconds: u64) {
        self.0.timer_set(timer, task, Duration::from_millis(milliseconds));
        self.waits(task, Awaited::Timer(timer));
    }

    fn fires(&self, task: u64, timer: u64, milliseconds: u64) {
        let time = Duration::from_millis(milliseconds);
        self.0.park_until(time);
        self.0.at(time);
        self.0.unpark(Actor::Timer(timer));
        self.0.timer_fire(timer);
        self.wakes(task, Actor::Timer(timer));
        self.0.poll(task);
        self.0.unwait(task, Awaited::Timer(timer));
    }

    fn wakes(&self, task: u64, by: Actor) {
        self.0.wake(task, by);
        self.0.schedule(task);
    }

    fn ends(&self, task: u64, outcome: Outcome) {
        self.0.returned(task, outcome);
        self.0.done(task, outcome);
    }
}

/// Two workers, one lock, and a ticker, which is cancelled at the end.
fn lock_and_ticker() -> Recording {
    let run = Run(Recorder::new().program("examples/lock.rs"));
    run.0.at(Duration::ZERO);
    run.0.spawn(MAIN, "main", Actor::Outside);
    run.0.schedule(MAIN);
    run.poll(MAIN).resource(1, "lock", "db");
    for (task, name) in [(TICKER, "ticker"), (A, "A"), (B, "B")] {
        run.0.spawn(task, name, Actor::Task(MAIN));
        run.0.schedule(task);
    }
    run.waits(MAIN, Awaited::Task(A));
    run.0.poll(TICKER);
    run.sleeps(TICKER, 1, 60);
    run.poll(A).acquire(A, 1, 1);
    run.sleeps(A, 2, 100);
    run.0.poll(B);
    run.waits(B, Awaited::Resource(1));
    run.fires(TICKER, 1, 60);
    run.sleeps(TICKER, 3, 120);
    run.fires(A, 2, 100);
    run.0.release(A, 1, 1);
    run.0.acquire(B, 1, 1);
    run.wakes(B, Actor::Task(A));
    run.ends(A, Outcome::Ready);
    run.wakes(MAIN, Actor::Task(A));
    run.poll(B).unwait(B, Awaited::Resource(1));
    run.sleeps(B, 4, 200);
    run.poll(MAIN).unwait(MAIN, Awaited::Task(A));
    run.waits(MAIN, Awaited::Task(B));
    run.fires(TICKER, 3, 120);
    run.sleeps(TICKER, 5, 300);
    run.fires(B, 4, 200);
    run.0.release(B, 1, 1);
    run.ends(B, Outcome::Ready);
    run.wakes(MAIN, Actor::Task(B));
    run.0.poll(MAIN);
    run.0.ask(TICKER, "main has ended", Actor::Task(MAIN));
    run.wakes(TICKER, Actor::Task(MAIN));
    run.ends(MAIN, Outcome::Ready);
    run.poll(TICKER).timer_cancel(5);
    run.ends(TICKER, Outcome::Cancelled);
    run.0.end(EndReason::Done);
    run.0.finish()
}

// ----- timelines -----

#[test]
fn foo_and_bar_take_turns() {
    let recording = foo_bar();
    assert_eq!(recording.entries().len(), 33);
    assert_lines(
        &recording.timeline().to_string(),
        &["turn   1 2 3 4 5 6", "1 foo  # - # - *", "2 bar  - # - # - *"],
    );
    assert_lines(
        &recording.timeline().events().to_string(),
        &[
            "turn  |    1    2    3    4    5   6",
            "1 foo | ---##@#------##@#------##*",
            "2 bar |   ------##@#------##@#-----##*",
        ],
    );
}

#[test]
fn a_lock_and_a_ticker_turn_by_turn() {
    assert_lines(
        &lock_and_ticker().timeline().to_string(),
        &[
            "turn      1 2 3 4 z5 z6 7 8 z9 z10 11 12",
            "1 main    # . . .  .  . - #  .   .  *",
            "2 ticker    # . .  #  . . .  #   .  .  x",
            "3 A         - # .  .  *",
            "4 B         - - #  .  . # .  .   *",
        ],
    );
}

#[test]
fn a_timeline_has_times_lines_and_blocks() {
    assert_lines(
        &lock_and_ticker().timeline().ascii(false).times(true).width(30).to_string(),
        &[
            "turn      1 2 3 4 z5 z6 7 8 z9",
            "time      +0ns    +60ms",
            "1 main    █ ┄ ┄ ┄  ┄  ┄ ─ █  ┄",
            "2 ticker    █ ┄ ┄  █  ┄ ┄ ┄  █",
            "3 A         ─ █ ┄  ┄  ●",
            "4 B         ─ ─ █  ┄  ┄ █ ┄  ┄",
            "",
            "turn      z10 11 12",
            "time      +200ms",
            "1 main      ┄  ●",
            "2 ticker    ┄  ┄  ✕",
            "4 B         ●",
        ],
    );
    assert_lines(
        &foo_bar().timeline().events().ascii(false).width(26).to_string(),
        &[
            "turn  |    1    2    3",
            "1 foo | ───██↺█──────██↺█─",
            "2 bar |   ──────██↺█──────",
            "",
            "turn  |4    5   6",
            "1 foo |─────██●",
            "2 bar |██↺█─────██●",
        ],
    );
}

#[test]
fn of_many_tasks_the_busiest_are_shown() {
    let recorder = Recorder::new();
    (1..=200).for_each(|task| recorder.spawn(task, "", Actor::Outside));
    for task in [200, 1, 200] {
        recorder.schedule(task);
        recorder.poll(task);
        recorder.returned(task, Outcome::Pending);
    }
    let picture = recorder.finish().timeline().to_string();
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 1 + 39 + 1);
    assert_eq!(lines[0], "turn  1 2 3");
    assert_eq!(lines[1], "1       # .");
    assert_eq!(lines[39], "200   # . #");
    assert_eq!(lines[40], "... 161 more");
}

// ----- diagrams -----

#[test]
fn a_sequence_diagram_of_lock_and_ticker() {
    let diagram = lock_and_ticker().to_mermaid();
    let lines: Vec<&str> = diagram.lines().map(str::trim_start).collect();
    assert_eq!(
        lines[..12],
        [
            "sequenceDiagram",
            "participant S as scheduler",
            "participant T1 as 1 main",
            "participant T2 as 2 ticker",
            "participant T3 as 3 A",
            "participant T4 as 4 B",
            "S->>+T1: poll (turn 1)",
            "T1-->>-S: Pending",
            "S->>+T2: poll (turn 2)",
            "T2-->>-S: Pending",
            "S->>+T3: poll (turn 3)",
            "T3-->>-S: Pending",
        ]
    );
    assert_eq!(
        lines[14..24],
        [
            "Note over S: asleep until +60 ms",
            "S-)T2: wake by a timer",
            "S->>+T2: poll (turn 5)",
            "T2-->>-S: Pending",
            "Note over S: asleep until +100 ms",
            "S-)T3: wake by a timer",
            "S->>+T3: poll (turn 6)",
            "T3-)T4: wake",
            "T3-->>-S: Ready",
            "T3-)T1: wake",
        ]
    );
}

#[test]
fn a_sequence_diagram_is_cut_after_sixty_messages() {
    let recorder = Recorder::new();
    recorder.spawn(1, "a;b #1: <end>", Actor::Outside);
    for _ in 0..50 {
        recorder.schedule(1);
        recorder.poll(1);
        recorder.returned(1, Outcome::Pending);
    }
    let diagram = recorder.finish().to_mermaid();
    assert!(diagram.contains("participant T1 as 1 a#59;b #35;1#58; #60;end#62;\n"), "{diagram}");
    assert!(diagram.ends_with("T1-->>-S: Pending\n    Note over S: and 40 more messages\n"));
    assert_eq!(diagram.lines().count(), 3 + 60 + 1);
}

/// Two diners, each with the fork that the other one waits for, and a cook, which waits for one of them.
fn diners() -> Replay {
    let file = r#"{"turnwise":1}
        {"e":"res","res":"r1","kind":"lock","name":"left"}
        {"e":"res","res":"r2","kind":"lock","name":"right"}
        {"e":"spawn","task":1,"name":"main"}
        {"e":"spawn","task":2,"name":"alice"}
        {"e":"spawn","task":3,"name":"bob"}
        {"e":"spawn","task":4,"name":"clock"}
        {"e":"acquire","task":2,"res":"r1"}
        {"e":"acquire","task":3,"res":"r2"}
        {"e":"wait","task":1,"on":"task:2"}
        {"e":"wait","task":2,"on":"r2"}
        {"e":"wait","task":3,"on":"r1"}
        {"e":"timer_set","task":4,"timer":9,"at":60000000}
        {"e":"wait","task":4,"on":"timer:9"}
        {"e":"schedule","task":4}
"#;
    let mut replay = Replay::new(Recording::parse(file).expect("a recording"));
    replay.seek(replay.len());
    replay
}

#[test]
fn a_cycle_of_waits_is_bold() {
    let bold = |from: u32, to: u32| format!("  n{from} -> n{to} [style=bold, color=\"#b42318\"];");
    assert_lines(
        &diners().wait_diagram().to_dot(),
        &[
            "digraph waits {",
            "  rankdir=LR;",
            "  n0 [label=\"main\", shape=ellipse];",
            "  n1 [label=\"alice\", shape=ellipse];",
            "  n2 [label=\"lock \\\"right\\\"\", shape=box];",
            "  n3 [label=\"bob\", shape=ellipse];",
            "  n4 [label=\"lock \\\"left\\\"\", shape=box];",
            "  n5 [label=\"clock\", shape=ellipse];",
            "  n6 [label=\"timer 9\", shape=box];",
            "  n0 -> n1;",
            &bold(1, 2),
            &bold(2, 3),
            &bold(3, 4),
            &bold(4, 1),
            "  n5 -> n6;",
            "}",
        ],
    );
    let mermaid = diners().wait_diagram().to_mermaid();
    assert!(mermaid.contains("  n2[\"lock #34;right#34;\"]\n"), "{mermaid}");
    assert!(mermaid.contains("  n0 --> n1\n  n1 ==> n2\n  n2 ==> n3\n"), "{mermaid}");
}

#[test]
fn the_await_tree_shows_what_each_task_waits_for() {
    assert_lines(
        &diners().await_tree().to_string(),
        &[
            "main, spawned",
            "└─ alice, spawned",
            "   └─ lock \"right\"",
            "      └─ bob, spawned",
            "         └─ lock \"left\"",
            "            └─ alice, spawned: a cycle",
            "clock, ready",
            "└─ timer 9, due at +60 ms",
        ],
    );
}

// ----- times, and the other formats -----

#[test]
fn busy_times_of_lock_and_ticker() {
    assert_lines(
        &lock_and_ticker().busy_times().to_string(),
        &[
            "task      turns  running  ready  waiting",
            "1 main        3     0 ns   0 ns   200 ms",
            "2 ticker      4     0 ns   0 ns   200 ms",
            "3 A           2     0 ns   0 ns   100 ms",
            "4 B           3     0 ns   0 ns   200 ms",
            "12 turns in 200 ms: busy for 0 ns, asleep for 200 ms",
        ],
    );
}

#[test]
fn a_trace_of_lock_and_ticker() {
    let trace = lock_and_ticker().to_chrome_trace();
    let lines: Vec<&str> = trace.lines().collect();
    assert_eq!(
        lines[..5],
        [
            r#"{"otherData":{"turnwise":1,"program":"examples/lock.rs"},"traceEvents":["#,
            r#"{"ph":"M","pid":1,"name":"process_name","args":{"name":"turnwise examples/lock.rs"}},"#,
            r#"{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"scheduler"}},"#,
            r#"{"ph":"M","pid":1,"tid":1,"name":"thread_sort_index","args":{"sort_index":0}},"#,
            r##"{"ph":"M","pid":1,"tid":101,"name":"thread_name","args":{"name":"#1 main"}},"##,
        ]
    );
    let place = |line: &str| line.split(",\"loc\":").next().unwrap_or_default().to_owned();
    for expected in [
        r#"{"ph":"X","pid":1,"tid":102,"name":"ready","cat":"ready","ts":5,"dur":7,"args":{"event":6}},"#,
        r#"{"ph":"X","pid":1,"tid":1,"name":"turn 2: ticker","cat":"turn","ts":12,"dur":3,"args":{"returned":"pending"}},"#,
        r#"{"ph":"X","pid":1,"tid":104,"name":"wait lock \"db\"","cat":"wait","ts":23,"dur":100021,"args":{"event":24,"on":"r1""#,
        r#"{"ph":"X","pid":1,"tid":1,"name":"asleep","cat":"park","ts":24,"dur":60001,"args":{"until_ns":60000000}},"#,
        r#"{"ph":"X","pid":1,"tid":1,"name":"wake by timer:1","cat":"wake","ts":60027,"dur":0.5},"#,
        r#"{"ph":"s","pid":1,"tid":103,"name":"wake","cat":"wake","id":3,"ts":100043.25},"#,
        r#"{"ph":"f","pid":1,"tid":104,"name":"wake","cat":"wake","id":3,"bp":"e","ts":100049.25},"#,
    ] {
        assert!(lines.iter().any(|line| place(line) == expected), "{expected}\n{trace}");
    }
}

#[test]
fn an_svg_picture_of_foo_and_bar() {
    let picture = foo_bar().to_svg();
    for expected in [
        "width=\"528\" height=\"124\" viewBox=\"0 0 528 124\"",
        "@media(prefers-color-scheme:dark)",
        ">1 foo<title>1 foo</title></text>",
        "<rect class=\"run t1\" x=\"180\" y=\"38\" width=\"48\" height=\"22\" rx=\"4\"><title>1 foo: turn 1, events 5 to 8</title></rect>",
        "<text class=\"on\" x=\"204\" y=\"53\">1</text>",
        "<title>wakes itself</title>",
        "<title>finished</title>",
    ] {
        assert!(picture.contains(expected), "{expected}\n{picture}");
    }
}

// ----- the picture in the docs -----

/// The scheduler of the slides, with the tasks `foo(2)` and `bar(2)`.
fn slides() -> Recording {
    let recorder = Recorder::new().title("foo and bar");
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    for name in ["foo", "bar"] {
        task::Builder::new().name(name).spawn_on(&scheduler, async move {
            for _ in 0..2 {
                say!("I'm {name}");
                yield_now().await;
            }
        });
    }
    scheduler.run().expect("both end");
    recorder.finish()
}

/// If it fails, its message is the command that makes the picture anew.
#[test]
fn the_picture_in_the_docs_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shown = fs::read_to_string(root.join("docs/foo_bar.svg")).unwrap_or_default();
    let picture = slides().to_svg();
    if shown.replace("\r\n", "\n") != picture {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foo_bar.svg");
        fs::write(&made, &picture).expect("the folder can be written to");
        panic!("the picture has changed; see it, then: cp {} docs/foo_bar.svg", made.display());
    }
    // A blank line would end the picture in the docs, which are Markdown.
    assert!(picture.lines().all(|line| !line.trim().is_empty()));
}

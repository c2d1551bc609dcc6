//! The readers, given random events, most of which contradict each other, and hostile or large recordings.

use std::time::Duration;

use proptest::prelude::*;

use crate::record::readers::checkers::{check_svg, check_trace};
use crate::record::recorder::Recorder;
use crate::record::recording::Recording;
use crate::record::replay::Replay;
use crate::record::tests::{made, recorded};
use crate::record::values::{Actor, Awaited, Outcome};

fn golden(name: &str) -> Recording {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let file = format!("{folder}/{name}.turnwise.jsonl");
    Recording::open(file).expect("a recording")
}

/// Asserts what holds for every recording.
fn check(recording: &Recording) {
    check_trace(&recording.to_chrome_trace());
    check_svg(&recording.to_svg());
    check_texts(recording);
    let times = recording.busy_times();
    assert!(times.busy + times.idle <= times.total, "{times:?}");
    let mut replay = Replay::new(recording.clone());
    replay.seek(replay.len());
    let (tree, diagram) = (replay.await_tree().to_string(), replay.wait_diagram());
    for text in [tree, times.to_string(), diagram.to_dot(), diagram.to_mermaid()] {
        assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text:?}");
    }
    for task in replay.state().tasks.keys() {
        let label = replay.task_label(*task);
        assert!(replay.await_tree().to_string().contains(&label), "{label} is in the tree");
    }
}

fn check_texts(recording: &Recording) {
    for timeline in [recording.timeline(), recording.timeline().events()] {
        for timeline in [timeline, timeline.times(true).width(30)] {
            let text = timeline.to_string();
            assert!(text.is_ascii() && text.lines().all(|line| !line.ends_with(' ')), "{text:?}");
            let text = timeline.ascii(false).to_string();
            assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text:?}");
        }
    }
    let mermaid = recording.to_mermaid();
    assert!(mermaid.lines().count() < 2 + 2 * 60 + 61 + 1, "{mermaid}");
    assert!(!mermaid.contains(|c: char| c.is_control() && c != '\n'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_recording_can_be_drawn(
        events in prop::collection::vec(made(), 0..200),
        is_virtual in any::<bool>(),
        capacity in 0..200_usize,
    ) {
        let all = Recorder::new();
        let ring = Recorder::ring(capacity);
        if is_virtual {
            all.at(Duration::ZERO);
            ring.at(Duration::ZERO);
        }
        check(&recorded(&all, &events));
        check(&recorded(&ring, &events));
    }
}

#[test]
fn the_golden_recordings_are_drawn_with_arrows() {
    for (name, arrows) in
        [("foo-bar", 4), ("lock", 5), ("every-event", 0), ("ring", 0), ("snapshot", 0)]
    {
        let recording = golden(name);
        check(&recording);
        let found = check_trace(&recording.to_chrome_trace());
        assert!(found >= arrows, "{name}: {found}");
    }
}

#[test]
fn an_empty_recording_can_be_drawn() {
    check(&Recorder::new().finish());
}

#[test]
fn hostile_names_stay_names() {
    let recorder = Recorder::new().title("</title><script>alert(1)</script>");
    let recorder = recorder.program("\"><img onerror=x>");
    let name = "</text><script>;\"'\\--><!--]]>\u{2028}\u{202e}\u{0}\u{ffff}end\n#";
    recorder.resource(1, name, name);
    for task in [1, u64::MAX] {
        recorder.spawn(task, name, Actor::Outside);
        recorder.schedule(task);
        recorder.poll(task);
        recorder.out(task, name);
        recorder.ask(task, name, Actor::Outside);
        recorder.wait(task, Awaited::Resource(1));
        recorder.returned(task, Outcome::Pending);
    }
    (0..50).for_each(|_| recorder.note(0, name));
    recorder.done_with(1, Outcome::Panic, name);
    let recording = recorder.finish();
    check(&recording);
    assert!(!recording.to_svg().contains("<script"));
}

#[test]
fn long_rows_of_tasks_are_no_problem() {
    let recorder = Recorder::new();
    recorder.resource(1, "semaphore", "");
    for task in 1..=20_000 {
        recorder.spawn(task, "", Actor::Outside);
        recorder.wait(task, Awaited::Task(task + 1));
        recorder.wait(task, Awaited::Resource(1));
        if task <= 1000 {
            recorder.acquire(task, 1, 1);
        }
    }
    let mut replay = Replay::new(recorder.finish());
    replay.seek(replay.len());
    // Down to task 51, and the semaphore below each of the others.
    assert_eq!(replay.await_tree().to_string().lines().count(), 51 + 50);
    let diagram = replay.wait_diagram();
    assert!(diagram.to_dot().ends_with("more [label=\"40600 more edges\", shape=plaintext];\n}\n"));
    assert_eq!(diagram.to_mermaid().matches(" ==> ").count(), 400);
}

#[test]
fn an_await_tree_has_a_thousand_lines() {
    let recorder = Recorder::new();
    (1..=2000).for_each(|task| recorder.spawn(task, "", Actor::Outside));
    let mut replay = Replay::new(recorder.finish());
    replay.seek(replay.len());
    let tree = replay.await_tree().to_string();
    assert_eq!(tree.lines().count(), 1001);
    assert!(tree.ends_with("…\n"));
}

#[test]
fn a_long_run_is_drawn_on_little_space() {
    let recorder = Recorder::new();
    recorder.at(Duration::ZERO);
    (1..=100).for_each(|task| recorder.spawn(task, "worker", Actor::Outside));
    for turn in 0..30_000 {
        let task = 1 + turn % 100;
        recorder.at(Duration::from_millis(turn));
        recorder.schedule(task);
        recorder.poll(task);
        recorder.returned(task, Outcome::Pending);
        recorder.park();
        recorder.unpark(Actor::Remote);
    }
    let recording = recorder.finish();
    let svg = recording.to_svg();
    check_svg(&svg);
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1600\""));
    assert!(svg.len() < 10_000_000, "{}", svg.len());
    assert!(svg.contains("… 61 more"));
    check_trace(&recording.to_chrome_trace());
}

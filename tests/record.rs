//! Recordings made by hand: the file, its errors, and what a replay says of it. The random ones are in
//! `src/record/tests.rs`.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use proptest::prelude::*;
use turnwise::record::{
    Actor, Awaited, ClockKind, EndReason, Event, Outcome, Recorder, Recording, Replay, TaskPhase,
};

/// The scheduler of the slides: two tasks that yield.
fn foo_and_bar() -> Recorder {
    let recorder = Recorder::new().program("examples/foo_bar.rs").title("foo & bar");
    recorder.at(Duration::ZERO);
    for (task, name) in [(1, "foo"), (2, "bar")] {
        recorder.spawn(task, name, Actor::Outside);
        recorder.schedule(task);
    }
    for (task, name) in [(1, "foo"), (2, "bar")] {
        recorder.poll(task);
        recorder.out(task, &format!("I'm {name}"));
        recorder.wake(task, Actor::Task(task));
        recorder.returned(task, Outcome::Pending);
        recorder.schedule(task);
    }
    for task in [1, 2] {
        recorder.poll(task);
        recorder.returned(task, Outcome::Ready);
        recorder.done(task, Outcome::Ready);
    }
    recorder.end(EndReason::Done);
    recorder
}

fn sentences(recording: &Recording) -> Vec<String> {
    let replay = Replay::new(recording.clone());
    replay.steps().map(|step| step.to_string()).collect()
}

#[test]
fn a_run_reads_as_a_story() {
    let expected = "\
Code outside the tasks spawns foo: a new entry in the task map.
foo joins the back of the ready queue, place 1 of 1.
Code outside the tasks spawns bar: a new entry in the task map.
bar joins the back of the ready queue, place 2 of 2.
Turn 1: the scheduler takes foo from the front of the ready queue and polls it.
foo prints \"I'm foo\".
foo wakes itself during its turn, so it will be polled again.
The poll returns Pending, but foo is woken already.
foo joins the back of the ready queue, place 2 of 2.
Turn 2: the scheduler takes bar from the front of the ready queue and polls it.
bar prints \"I'm bar\".
bar wakes itself during its turn, so it will be polled again.
The poll returns Pending, but bar is woken already.
bar joins the back of the ready queue, place 2 of 2.
Turn 3: the scheduler takes foo from the front of the ready queue and polls it.
The poll returns Ready: foo has run to its end.
foo is out of the task map: finished.
Turn 4: the scheduler takes bar from the front of the ready queue and polls it.
The poll returns Ready: bar has run to its end.
bar is out of the task map: finished.
The task map is empty: the run ends.";
    assert_eq!(sentences(&foo_and_bar().finish()).join("\n"), expected);
}

#[test]
fn a_replay_goes_to_turns_and_times() {
    let recorder = foo_and_bar();
    recorder.at(Duration::from_millis(5));
    recorder.note(0, "five milliseconds later");
    let mut replay = Replay::new(recorder.finish());
    let starts: Vec<_> = (0..6).map(|turn| replay.turn_start(turn)).collect();
    assert_eq!(starts, [None, Some(4), Some(9), Some(14), Some(17), None]);
    replay.seek(starts[3].unwrap());
    assert_eq!((replay.state().turn, &replay.state().ready), (2, &[1, 2].into()));
    assert_eq!(replay.state().task(1).unwrap().phase, TaskPhase::Ready);
    assert_eq!(replay.at_time(Duration::ZERO), replay.len() - 1);
    assert_eq!(replay.at_time(Duration::MAX), replay.len());
    replay.seek(usize::MAX);
    assert_eq!((replay.position(), replay.state().time), (replay.len(), 5_000_000));
}

// ----- the file -----

const HEADER: &str = "{\"turnwise\":1}\n";

#[test]
fn the_file_has_a_header_and_an_event_a_line() {
    let file = foo_and_bar().finish().to_jsonl();
    let mut lines = file.lines();
    let header = r#"{"turnwise":1,"program":"examples/foo_bar.rs","title":"foo & bar","clock":"virtual","files":[{"path":"tests/record.rs"}]}"#;
    assert_eq!(lines.next(), Some(header));
    let first = lines.next().unwrap();
    assert!(first.starts_with(r#"{"e":"spawn","task":1,"name":"foo","by":"outside","loc":"0:"#));
    assert_eq!(lines.count(), 20);
}

#[test]
fn two_runs_have_equal_files() {
    let files = [foo_and_bar(), foo_and_bar()].map(|recorder| recorder.finish().to_jsonl());
    assert_eq!(files[0], files[1]);
}

#[test]
fn a_file_is_written_and_opened() {
    let path = std::env::temp_dir().join(format!("turnwise-{}.jsonl", std::process::id()));
    let recording = foo_and_bar().finish();
    recording.write_to(fs::File::create(&path).unwrap()).unwrap();
    let replay = Replay::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(replay.recording().to_jsonl(), recording.to_jsonl());
    assert_eq!(replay.recording().title(), Some("foo & bar"));
    assert_eq!(replay.recording().clock(), ClockKind::Virtual);
}

#[test]
fn what_is_not_a_recording_is_refused() {
    for file in ["", "\n", "hello", "{}", "[1]", "{\"turnwise\":0}", "{\"turnwise\":\"1\"}"] {
        assert!(Recording::parse(file).unwrap_err().is_not_a_recording(), "{file}");
    }
    assert!(Recording::parse([0xff, 0xfe]).unwrap_err().is_not_a_recording());
    let error = Recording::open("there/is/no/such/file").unwrap_err();
    assert!(error.to_string().starts_with("the recording cannot be read: "), "{error}");
    assert!(!error.is_not_a_recording());
}

#[test]
fn a_newer_version_is_refused_whatever_else_it_says() {
    let error = Recording::parse("{\"turnwise\":2,\"files\":7}\n").unwrap_err();
    assert_eq!(error.newer_version(), Some(2));
    let expected = "this recording has version 2 of the format, and this version of turnwise reads \
                    up to version 1";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    for (line, expected) in [
        ("hello", "line 3 of the recording cannot be read: it is not an object"),
        ("[1]", "line 3 of the recording cannot be read: it is not an object"),
        ("{2}", "line 3 of the recording cannot be read: key must be a string at column 2"),
        (
            r#"{"e":"poll","task":1}"#,
            "line 3 of the recording cannot be read: the key `turn` is missing, or has a value \
             that it cannot have",
        ),
        (
            r#"{"e":"acquire","task":1,"res":"lock"}"#,
            "line 3 of the recording cannot be read: the key `res` is missing, or has a value \
             that it cannot have",
        ),
        (
            r#"{"task":1}"#,
            "line 3 of the recording cannot be read: the key `e` is missing, or has a value that \
             it cannot have",
        ),
        (
            r#"{"e":"poll","task":-1,"turn":1}"#,
            "line 3 of the recording cannot be read: invalid type: integer `-1`, expected an id: \
             a number, or a number in a string at column 21",
        ),
    ] {
        let file = format!("{HEADER}{{\"e\":\"park\"}}\n{line}\n{{\"e\":\"park\"}}\n");
        let error = Recording::parse(file).unwrap_err();
        assert_eq!(error.line(), Some(3));
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_file_that_is_cut_off_is_read_up_to_its_last_whole_line() {
    let file = foo_and_bar().finish().to_jsonl();
    for end in 0..file.len() {
        let cut = &file[..end];
        let lines = cut.matches('\n').count();
        let Ok(recording) = Recording::parse(cut) else {
            assert!(lines == 0, "only without a header");
            continue;
        };
        // A line may be whole without its end.
        let is_whole = cut.ends_with(['\n', '}']) && !recording.is_cut_off();
        assert_eq!(recording.is_cut_off(), !is_whole, "{cut}");
        let whole = lines.saturating_sub(1);
        assert!((whole..=whole + 1).contains(&recording.entries().len()));
    }
}

#[test]
fn events_keys_and_words_of_a_newer_writer_are_ignored() {
    let file = "{\"turnwise\":1,\"mood\":[\"good\"]}\r\n\
                {\"e\":\"spawn\",\"task\":1,\"colour\":{\"red\":1},\"by\":\"signal:9\"}\r\n\
                \r\n\
                {\"e\":\"constructor\",\"task\":1}\r\n\
                {\"e\":\"wait\",\"task\":1,\"on\":\"moon:full\"}\r\n\
                {\"e\":\"end\",\"why\":\"bored\"}\r\n\
                {\"e\":\"schedule\",\"task\":1}\r\n";
    let recording = Recording::parse(format!("\u{feff}{file}")).unwrap();
    let expected = [
        "Code outside the tasks spawns task 1: a new entry in the task map.",
        "This version of turnwise does not know the event \"constructor\".",
        "This version of turnwise does not know the event \"wait\".",
        "This version of turnwise does not know the event \"end\".",
        "Task 1 joins the back of the ready queue, place 1 of 1.",
    ];
    assert_eq!(sentences(&recording), expected);
    let Event::Unknown { line, .. } = recording.entries()[2].event else { panic!("unknown") };
    assert_eq!(recording.text(line), r#"{"e":"wait","task":1,"on":"moon:full"}"#);
    let again = Recording::parse(recording.to_jsonl()).unwrap();
    assert_eq!(sentences(&again), expected, "what is unknown is kept");
}

#[test]
fn ids_up_to_the_largest_keep_their_value() {
    let recorder = Recorder::new();
    for task in [1, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, u64::MAX] {
        recorder.spawn(task, "", Actor::Task(task));
        recorder.wait(task, Awaited::Task(u64::MAX));
        recorder.timer_set(task, task, Duration::MAX);
        recorder.poll(task);
    }
    let file = recorder.finish().to_jsonl();
    assert!(file.contains(r#""task":9007199254740992,"#), "exact in a floating point number");
    assert!(file.contains(r#""task":"9007199254740993","#), "not exact");
    assert!(file.contains(r#""on":"task:18446744073709551615""#));
    assert_eq!(Recording::parse(&file).unwrap().to_jsonl(), file);
}

#[test]
fn hostile_texts_stay_texts() {
    let texts = [
        "</script><script>alert(1)</script>",
        "\"},{\"e\":\"end\"}\n{\"e\":\"end\"}",
        "\u{202e}turned\u{2028}\u{0}\u{1b}[2J",
        "constructor",
    ];
    let recorder = Recorder::new().title(texts[0]).program(texts[1]);
    for (task, text) in (1..).zip(texts) {
        recorder.spawn(task, text, Actor::Outside);
        recorder.resource(task, text, text);
        recorder.out(task, text);
        recorder.note(task, text);
        recorder.ask(task, text, Actor::Task(task));
        recorder.done_with(task, Outcome::Panic, text);
    }
    let recording = recorder.finish();
    let file = recording.to_jsonl();
    assert_eq!(file.lines().count(), 1 + recording.entries().len());
    let read = Recording::parse(&file).unwrap();
    assert_eq!(read.title(), Some(texts[0]));
    let is_printable = |c: char| !c.is_control() && c != '\u{202e}' && c != '\u{2028}';
    assert!(sentences(&read).iter().all(|sentence| sentence.chars().all(is_printable)));
    let Event::Spawn { name: Some(name), .. } = read.entries()[6].event else { panic!("a spawn") };
    assert_eq!(read.text(name), texts[1]);
}

#[test]
fn sources_are_part_of_the_file_on_request() {
    let recording = foo_and_bar().finish().with_sources(|path| Some(format!("// {path}\n")));
    let read = Recording::parse(recording.to_jsonl()).unwrap();
    assert_eq!(read.files()[0].text.as_deref(), Some("// tests/record.rs\n"));
}

#[test]
fn places_have_no_paths_of_the_machine() {
    let here = env!("CARGO_MANIFEST_DIR");
    let file = Recorder::new().program(&format!("{here}/examples/tour.rs")).finish().to_jsonl();
    assert!(file.contains("\"examples/tour.rs\"") && !file.contains(here), "{file}");
    let recording = foo_and_bar().finish();
    let place = recording.place(recording.entries()[0].place.unwrap()).unwrap();
    assert!(place.to_string().starts_with("tests/record.rs:"), "{place}");
}

// ----- the golden recordings -----

/// The files that were once written with version 1 of the format. Events are added to them, but none is changed. Their
/// sentences are written anew with `TURNWISE_WRITE=1`.
fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect();
    files.sort();
    assert!(files.len() >= 5, "the files were not found");
    files
}

#[test]
fn golden_recordings_are_read_and_written_as_ever() {
    for path in golden() {
        let file = fs::read_to_string(&path).unwrap();
        let recording = Recording::parse(&file).unwrap();
        assert_eq!(recording.to_jsonl(), file, "{}", path.display());
        let (told, story) = (sentences(&recording).join("\n") + "\n", path.with_extension("txt"));
        if env::var_os("TURNWISE_WRITE").is_some() {
            fs::write(&story, &told).unwrap();
        }
        let story = fs::read_to_string(story).unwrap();
        assert!(told == story, "{}: see what `TURNWISE_WRITE=1` makes of it", path.display());
    }
}

proptest! {
    /// Whatever is damaged, reading it returns an error or a recording that can be replayed.
    #[test]
    fn a_damaged_file_does_no_harm(
        which in 0..5_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        shuffle in any::<u64>(),
    ) {
        let mut file = fs::read(&golden()[which]).unwrap();
        if shuffle % 4 == 0 {
            // The lines in another order.
            let mut lines: Vec<&[u8]> = file.split_inclusive(|&byte| byte == b'\n').collect();
            lines[1..].sort_by_key(|line| shuffle.wrapping_mul(line.len() as u64) % 97);
            file = lines.concat();
        }
        for (at, byte) in damage {
            // A digit for a digit, so that lines are still read; elsewhere, bytes of JSON do more harm than others.
            let at = at.index(file.len());
            file[at] = match file[at] {
                b'0'..=b'9' => b'0' + byte % 10,
                _ => *b"0129\",:}{[]\n".get(usize::from(byte) % 16).unwrap_or(&byte),
            };
        }
        if let Ok(recording) = Recording::parse(&file) {
            let mut replay = Replay::new(recording);
            let steps = replay.steps().filter(|step| !step.to_string().is_empty()).count();
            assert!(steps <= replay.len());
            replay.seek(usize::MAX);
            replay.seek(0);
            assert_eq!(Recording::parse(replay.recording().to_jsonl()).unwrap().entries().len(), replay.len());
        }
    }
}

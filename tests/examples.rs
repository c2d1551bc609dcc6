//! Runs the examples, which must print exactly what the comment at their end says.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod running;

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use running::{Example, OUTPUT, build, examples, program, read, root, run, run_until};
use running::{can_be_built, needs_a_feature};

// ----- comparing -----

/// Shows two texts as one: missing lines with a minus, the lines printed instead with a plus.
fn difference(expected: &str, printed: &str) -> String {
    let expected: Vec<&str> = expected.split_inclusive('\n').collect();
    let printed: Vec<&str> = printed.split_inclusive('\n').collect();
    let pairs = expected.iter().zip(&printed);
    let head = pairs.take_while(|(one, other)| one == other).count();
    let (missing, instead) = (&expected[head..], &printed[head..]);
    let pairs = missing.iter().rev().zip(instead.iter().rev());
    let tail = pairs.take_while(|(one, other)| one == other).count();
    let (missing, same) = missing.split_at(missing.len() - tail);
    let instead = &instead[..instead.len() - tail];

    let mut text = String::new();
    for (mark, lines) in [(' ', &expected[..head]), ('-', missing), ('+', instead), (' ', same)] {
        for line in lines {
            let end = if line.ends_with('\n') { "" } else { " (and no line end)\n" };
            write!(text, "{mark} {line}{end}").unwrap();
        }
    }
    text
}

#[test]
fn a_difference_shows_what_is_missing_and_what_came_instead() {
    let shown = difference("one\ntwo\nthree\n", "one\n2\n2\nthree\n");
    assert_eq!(shown, "  one\n- two\n+ 2\n+ 2\n  three\n");
    assert_eq!(difference("one\n", "one\none\n"), "  one\n+ one\n");
    assert_eq!(difference("one\n", ""), "- one\n");
    assert_eq!(difference("one\n", "one"), "- one\n+ one (and no line end)\n");
}

// ----- the rules -----

#[test]
fn every_example_prints_what_its_last_comment_says() {
    compare(|example| !needs_a_feature(&example.name));
}

#[test]
fn every_example_that_needs_a_feature_prints_what_its_last_comment_says() {
    compare(|example| needs_a_feature(&example.name) && can_be_built(&example.name));
}

/// Runs the selected examples, and compares their output.
fn compare(is_selected: impl FnMut(&Example) -> bool) {
    let mut selected = examples();
    selected.retain(is_selected);
    build(&selected);
    let mut wrong = String::new();
    for Example { name, output, .. } in selected {
        let expected = output.unwrap_or_default();
        let ran = run_until(&name, |ran| ran.stdout == expected.as_bytes());
        let printed = String::from_utf8(ran.stdout).unwrap();
        if printed != expected {
            let shown = difference(&expected, &printed);
            writeln!(wrong, "{name} prints something else (- its comment, + what it prints):")
                .unwrap();
            writeln!(wrong, "{shown}").unwrap();
        }
        if !ran.status.success() {
            writeln!(wrong, "{name} ended with {}", ran.status).unwrap();
            writeln!(wrong, "{}", String::from_utf8_lossy(&ran.stderr)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_example_says_first_what_it_shows_and_last_what_it_prints() {
    let mut wrong = String::new();
    for Example { name, program, output, .. } in examples() {
        if !program.starts_with("//! ") {
            writeln!(wrong, "{name} does not start with a sentence that says what it shows")
                .unwrap();
        }
        match output.as_deref() {
            Some("") => writeln!(wrong, "the output at the end of {name} is empty").unwrap(),
            Some(_) => {}
            None => writeln!(wrong, "{name} does not end with a comment {OUTPUT:?}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_example_is_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for Example { name, file, .. } in examples() {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        assert!(readme.contains(&format!("]({path})")), "{name} is not in the README as {path}");
    }
}

/// The example `timeline` runs the tour, and its output is compared with its last comment.
#[test]
fn the_readme_shows_the_timelines_of_the_tour() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let output = read(&root().join("examples/timeline.rs")).output.unwrap();
    let (_, timelines) = output.split_once("-- timelines\n").unwrap();
    let shown = format!("```text\n{}\n```", timelines.trim());
    assert!(readme.contains(&shown), "the README does not contain the timelines:\n{shown}");
}

/// The command in the README has the feature that the example needs.
#[test]
fn the_readme_has_the_whole_command_of_each_example_that_needs_a_feature() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (example, feature) in running::WITH_FEATURES {
        let command = format!("`cargo run --features {feature} --example {example}`");
        assert!(readme.contains(&command), "the README does not contain {command}");
    }
}

#[test]
fn the_tour_has_fewer_than_100_lines() {
    let tour = read(&root().join("examples/tour.rs"));
    let length = tour.program.lines().count();
    assert!(length < 100, "the tour has {length} lines before its output");
}

// ----- the example that takes arguments -----

fn follower() -> PathBuf {
    build([&read(&root().join("examples/follow_grep.rs"))]);
    program("follow_grep")
}

#[test]
fn the_follower_prints_its_usage() {
    for arguments in [&["file"] as &[&str], &["file", "pattern", "more"]] {
        let ran = run(&follower(), arguments);
        assert_eq!(ran.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "usage: follow_grep [FILE PATTERN]\n");
        assert!(ran.stdout.is_empty());
    }
}

#[test]
fn the_follower_names_the_file_that_is_missing() {
    let ran = run(&follower(), &["no/such/file", "pattern"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).starts_with("follow_grep: no/such/file: "));
}

/// A program that is killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs in real time, but nothing here waits for a fixed time: each line is waited for.
#[test]
fn the_follower_follows_a_real_file_until_its_output_is_closed() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("followed.txt");
    let add = |text: &str| {
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    fs::write(&path, "an error of yesterday\n").unwrap();
    let mut follower = Command::new(follower());
    follower.arg(&path).arg("Error").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follower = Running(follower.spawn().unwrap());
    let mut notes = BufReader::new(follower.0.stderr.take().unwrap());
    let mut output = BufReader::new(follower.0.stdout.take().unwrap());

    assert!(next_line(&mut notes).starts_with("following "), "it is at the end of the file");
    add("all is well\nan ERROR\nall is well ag");
    assert_eq!(next_line(&mut output), "an ERROR\n");
    add("ain, without error\n");
    assert_eq!(next_line(&mut output), "all is well again, without error\n");
    File::create(&path).unwrap();
    add("an error in the emptied file\n");
    assert_eq!(next_line(&mut output), "an error in the emptied file\n");

    drop(output);
    add("an error that is not read\n");
    assert!(follower.0.wait().unwrap().success(), "like grep, it ends when its reader is gone");
    assert_eq!(next_line(&mut notes), "", "and prints nothing about it");
    fs::remove_file(&path).unwrap();
}

fn next_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line
}

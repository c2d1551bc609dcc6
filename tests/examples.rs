//! Runs the examples, which must print exactly what the comment at their end says.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example: its name, the file of its `main`, and the text of that file before and after the `Output` line.
struct Example {
    name: String,
    file: PathBuf,
    program: String,
    output: Option<String>,
}

/// The examples that need the feature `jobs`.
const WITH_JOBS: [&str; 2] = ["beep_bot", "jobs"];

/// The examples in which threads sleep in real time. They print rounded times, and a busy machine may be later than
/// that.
const REAL_TIME: [&str; 3] = ["blocking", "pages", "processes"];

const OUTPUT: &str = "\n// Output:\n//\n";

/// All examples in the folder, files or folders, so that a new one must follow the rules too.
fn examples() -> Vec<Example> {
    let entries = fs::read_dir(root().join("examples")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension == "rs") || main_of(path).exists()
    });
    paths.sort();
    assert!(paths.len() >= 6, "the examples were not found");
    paths.iter().map(|path| read(path)).collect()
}

fn main_of(folder: &Path) -> PathBuf {
    folder.join("main.rs")
}

fn read(path: &Path) -> Example {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let file = if path.is_dir() { main_of(path) } else { path.to_owned() };
    let text = fs::read_to_string(&file).unwrap().replace("\r\n", "\n");
    let (program, output) = match text.split_once(OUTPUT) {
        Some((program, output)) => (program.to_owned(), Some(uncomment(output))),
        None => (text, None),
    };
    Example { name, file, program, output }
}

/// The text of a block of comments. A line that is not a comment stays as it is, so that the comparison fails.
fn uncomment(block: &str) -> String {
    let text = |line: &str| match line.strip_prefix("//") {
        Some(text) => format!("{}\n", text.strip_prefix(' ').unwrap_or(text)),
        None => format!("{line}\n"),
    };
    block.lines().map(text).collect()
}

// ----- running them -----

/// The path of the program of an example.
fn program(name: &str) -> PathBuf {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    profile().join("examples").join(file)
}

fn profile() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).expect("tests are built in <target>/<profile>/deps").to_owned()
}

/// Builds the examples that are missing or older than a source.
///
/// `cargo test` has built them, except those that need a feature; `cargo test --test examples` has not. Cargo holds no
/// lock while tests run, so it can be called.
fn build<'a>(examples: impl IntoIterator<Item = &'a Example>) {
    let library = newest(&root().join("src"));
    let is_stale = |example: &&Example| {
        let is_folder = example.file.ends_with("main.rs");
        let source = if is_folder { example.file.parent().unwrap() } else { &example.file };
        let built = program(&example.name);
        !built.exists() || newest(&built) < library.max(newest(source))
    };
    let stale: Vec<_> = examples.into_iter().filter(is_stale).collect();
    if !stale.is_empty() {
        build_now(&stale);
    }
}

/// Builds examples with the profile of this test, into the same folder.
fn build_now(examples: &[&Example]) {
    let profile = profile();
    let (target, name) = (profile.parent().unwrap(), profile.file_name().unwrap());
    let name = if name == "debug" { "dev".as_ref() } else { name };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--locked", "--offline"]);
    if cfg!(feature = "jobs") {
        cargo.args(["--features", "jobs"]);
    }
    for example in examples {
        cargo.arg("--example").arg(&example.name);
    }
    let status = cargo.arg("--profile").arg(name).arg("--target-dir").arg(target).status();
    assert!(status.unwrap().success(), "the examples could not be built");
}

/// When a file was last changed, or the newest one in a folder.
fn newest(path: &Path) -> SystemTime {
    if path.is_file() {
        return path.metadata().unwrap().modified().unwrap();
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
    entries.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Runs an example. One in real time is run again if it prints something else: on a busy machine it may print later
/// times, but not three times in a row.
fn run_to_print(name: &str, expected: &str) -> Output {
    let runs = if REAL_TIME.contains(&name) { 3 } else { 1 };
    let is_right = |ran: &Output| ran.status.success() && ran.stdout == expected.as_bytes();
    let program = program(name);
    let mut ran = run(&program, &[]);
    for _ in 1..runs {
        if !is_right(&ran) {
            ran = run(&program, &[]);
        }
    }
    ran
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(root()).args(arguments).output().unwrap()
}

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
    compare(|example| !WITH_JOBS.contains(&&*example.name));
}

#[test]
#[cfg(feature = "jobs")]
fn every_example_that_needs_a_feature_prints_what_its_last_comment_says() {
    compare(|example| WITH_JOBS.contains(&&*example.name));
}

/// Runs the selected examples, and compares their output.
fn compare(is_selected: impl FnMut(&Example) -> bool) {
    let mut selected = examples();
    selected.retain(is_selected);
    build(&selected);
    let mut wrong = String::new();
    for Example { name, output, .. } in selected {
        let expected = output.unwrap_or_default();
        let ran = run_to_print(&name, &expected);
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

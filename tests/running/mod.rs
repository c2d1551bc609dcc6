//! The examples: which there are, and how a test builds and runs them.
#![allow(dead_code, reason = "not every test that includes this uses all of it")]

pub(crate) mod slides;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example: its name, the file of its `main`, and the text of that file before and after the `Output` line.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) program: String,
    pub(crate) output: Option<String>,
}

/// The examples that need a feature.
pub(crate) const WITH_FEATURES: [(&str, &str); 5] = [
    ("beep_bot", "jobs"),
    ("jobs", "jobs"),
    ("record", "record"),
    ("spans", "tracing"),
    ("timeline", "record"),
];

/// The features that this test was built with.
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    for (feature, is_on) in [
        ("jobs", cfg!(feature = "jobs")),
        ("record", cfg!(feature = "record")),
        ("stream", cfg!(feature = "stream")),
        ("tracing", cfg!(feature = "tracing")),
    ] {
        if is_on {
            features.push(feature);
        }
    }
    features
}

/// Whether an example needs a feature.
pub(crate) fn needs_a_feature(example: &str) -> bool {
    WITH_FEATURES.iter().any(|(name, _)| *name == example)
}

/// Whether an example can be built with the features that this test was built with.
pub(crate) fn can_be_built(example: &str) -> bool {
    let needed = WITH_FEATURES.iter().find(|(name, _)| *name == example);
    needed.is_none_or(|(_, feature)| features().contains(feature))
}

/// The examples in which threads sleep in real time. A busy machine may be so late that they print something else.
pub(crate) const REAL_TIME: [&str; 4] = ["blocking", "dump", "pages", "processes"];

pub(crate) const OUTPUT: &str = "\n// Output:\n//\n";

/// All examples in the folder, files or folders, so that a new one must follow the rules too.
pub(crate) fn examples() -> Vec<Example> {
    let entries = fs::read_dir(root().join("examples")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension == "rs") || main_of(path).exists()
    });
    paths.sort();
    assert!(paths.len() >= 6, "the examples were not found");
    paths.iter().map(|path| read(path)).collect()
}

pub(crate) fn main_of(folder: &Path) -> PathBuf {
    folder.join("main.rs")
}

pub(crate) fn read(path: &Path) -> Example {
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
pub(crate) fn uncomment(block: &str) -> String {
    let text = |line: &str| match line.strip_prefix("//") {
        Some(text) => format!("{}\n", text.strip_prefix(' ').unwrap_or(text)),
        None => format!("{line}\n"),
    };
    block.lines().map(text).collect()
}

// ----- running them -----

/// The path of the program of an example.
pub(crate) fn program(name: &str) -> PathBuf {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    profile().join("examples").join(file)
}

pub(crate) fn profile() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).expect("tests are built in <target>/<profile>/deps").to_owned()
}

/// Builds the examples that are missing or older than a source.
///
/// `cargo test` has built them, except those that need a feature; `cargo test --test examples` has not. Cargo holds no
/// lock while tests run, so it can be called.
pub(crate) fn build<'a>(examples: impl IntoIterator<Item = &'a Example>) {
    let library = newest(&root().join("src"));
    let is_stale = |example: &&Example| {
        let is_folder = example.file.ends_with("main.rs");
        let source = if is_folder { example.file.parent().unwrap() } else { &example.file };
        let source = newest(source).max(newest_included(example));
        let built = program(&example.name);
        !built.exists() || newest(&built) < library.max(source)
    };
    let stale: Vec<_> = examples.into_iter().filter(is_stale).collect();
    if !stale.is_empty() {
        build_now(&stale);
    }
}

/// Builds examples with the profile of this test, into the same folder.
pub(crate) fn build_now(examples: &[&Example]) {
    let profile = profile();
    let (target, name) = (profile.parent().unwrap(), profile.file_name().unwrap());
    let name = if name == "debug" { "dev".as_ref() } else { name };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--locked", "--offline"]);
    cargo.args(["--features", &features().join(",")]);
    for example in examples {
        cargo.arg("--example").arg(&example.name);
    }
    let status = cargo.arg("--profile").arg(name).arg("--target-dir").arg(target).status();
    assert!(status.unwrap().success(), "the examples could not be built");
}

/// When a file was last changed, or the newest one in a folder.
pub(crate) fn newest(path: &Path) -> SystemTime {
    if path.is_file() {
        return path.metadata().unwrap().modified().unwrap();
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
    entries.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When the newest of the files was changed that an example includes by their paths.
fn newest_included(example: &Example) -> SystemTime {
    let paths = example.program.lines().filter_map(|line| line.strip_prefix("#[path = \""));
    let paths = paths.filter_map(|line| line.split_once('"'));
    let files = paths.map(|(path, _)| newest(&example.file.with_file_name(path)));
    files.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Builds the examples with these names.
pub(crate) fn build_all<'a>(names: impl IntoIterator<Item = &'a String>) {
    let names: Vec<&String> = names.into_iter().collect();
    let mut examples = examples();
    examples.retain(|example| names.contains(&&example.name));
    assert_eq!(examples.len(), names.len(), "there is no example of some name");
    build(&examples);
}

/// Runs an example. One in real time is run again if it prints something wrong: on a busy machine it may print later
/// times, but not three times in a row.
pub(crate) fn run_until(name: &str, is_right: impl Fn(&Output) -> bool) -> Output {
    let runs = if REAL_TIME.contains(&name) { 3 } else { 1 };
    let is_right = |ran: &Output| ran.status.success() && is_right(ran);
    let program = program(name);
    let mut ran = run(&program, &[]);
    for _ in 1..runs {
        if !is_right(&ran) {
            ran = run(&program, &[]);
        }
    }
    ran
}

pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(root()).args(arguments).output().unwrap()
}

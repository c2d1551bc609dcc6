//! Would the comparison with Python notice a wrong scheduler? Builds the crate with the ready queue in another order,
//! with sleeps of another length, or with one thread in each pool, and checks that the programs of the slides fail. A
//! section that only prints what is expected, and runs nothing, would not.
//!
//! Takes a minute, so it is run by `.ci/slides`.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use running::root;
use running::slides::{by_example, expected, programs, section, tables};

/// A change of the crate: its name, and in which file what is replaced by what.
struct Change {
    name: &'static str,
    file: &'static str,
    replaced: &'static str,
    by: &'static str,
}

const CHANGES: [Change; 3] = [
    Change {
        name: "order",
        file: "src/kernel/ready.rs",
        replaced: "mem::swap(&mut self.pass, &mut self.next);",
        by: "mem::swap(&mut self.pass, &mut self.next); self.pass.reverse();",
    },
    Change {
        name: "length",
        file: "src/time/layer.rs",
        replaced: "let when = match when {\n            When::After(length) if",
        by: "let when = match when {
            When::After(length) => When::After(length.saturating_mul(2)),
            When::At(at) => When::At(later(at, (at - self.clock.now()).max(0))),
        };
        let when = match when {\n            When::After(length) if",
    },
    Change {
        name: "threads",
        file: "src/blocking/queue.rs",
        replaced: "slots: max_threads.saturating_add(limit),\n            max_threads,",
        by: "slots: limit.saturating_add(1),\n            max_threads: max_threads.min(1),",
    },
];

/// What the README says: with which changes each program fails, or why it fails with none.
fn claims() -> BTreeMap<String, Result<Vec<String>, String>> {
    let rows = tables("tests/slides", 2).into_iter();
    let claim = |text: &str| match text.strip_prefix("none: ") {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(text.split(", ").map(str::to_owned).collect()),
    };
    rows.map(|row| (row[0].clone(), claim(&row[1]))).collect()
}

#[test]
fn every_program_fails_with_some_change_or_has_a_reason() {
    let claims = claims();
    let listed: BTreeSet<_> = claims.keys().cloned().collect();
    assert_eq!(listed, programs().into_iter().map(|program| program.name).collect());
    let mut used = BTreeSet::new();
    for (program, claim) in &claims {
        match claim {
            Ok(changes) => used.extend(changes.iter().map(String::as_str)),
            Err(reason) => assert!(reason.len() > 20, "{program}: {reason:?}"),
        }
    }
    assert_eq!(used, CHANGES.iter().map(|change| change.name).collect());
}

#[test]
#[ignore = "builds the crate three times: `.ci/slides`"]
fn a_changed_scheduler_makes_the_programs_of_the_slides_fail() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changed");
    let claims = claims();
    let mut wrong = Vec::new();
    for change in &CHANGES {
        build(&folder, change);
        for (example, programs) in by_example() {
            let printed = run(&folder, &example);
            for program in programs {
                let printed = section(&printed, &program.section);
                let name = &program.name;
                // If the example has not come this far, nothing is known.
                assert!(printed.is_some(), "{name} was not run, with another {}", change.name);
                let fails = printed.is_some_and(|printed| printed != expected(name));
                let claim = claims[name].as_ref();
                let should = claim.is_ok_and(|claim| claim.iter().any(|name| name == change.name));
                println!(
                    "{name} {} with another {}",
                    if fails { "fails" } else { "passes" },
                    change.name
                );
                if should && !fails {
                    wrong.push(format!("{name} does not notice another {}", change.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Copies the crate, changes it, and builds the examples.
fn build(folder: &Path, change: &Change) {
    let _ = fs::remove_dir_all(folder.join("src"));
    for name in ["src", "examples"] {
        copy(&root().join(name), &folder.join(name));
    }
    for name in ["README.md", "Cargo.lock"] {
        fs::copy(root().join(name), folder.join(name)).unwrap();
    }
    fs::write(folder.join("Cargo.toml"), manifest()).unwrap();
    let file = folder.join(change.file);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text.matches(change.replaced).count(),
        1,
        "{} has changed: see CHANGES",
        change.file
    );
    fs::write(&file, text.replace(change.replaced, change.by)).unwrap();

    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder).env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo.args(["build", "--quiet", "--offline", "--target-dir"]).arg(folder.join("target"));
    if cfg!(feature = "jobs") {
        cargo.args(["--features", "jobs"]);
    }
    for example in by_example().keys() {
        cargo.arg("--example").arg(example);
    }
    assert!(cargo.status().unwrap().success(), "the changed crate could not be built");
}

/// The manifest without what the examples do not need: that would be built again.
fn manifest() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let sections = manifest.split("\n[").filter(|section| {
        let heads = ["[package]", "features]", "dependencies]", "[example]]", "lints.rust]"];
        heads.iter().any(|head| section.starts_with(head))
    });
    sections.collect::<Vec<_>>().join("\n[")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to): (PathBuf, _) =
            (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Runs an example of the changed crate; returns what it has printed within 30 seconds.
fn run(folder: &Path, example: &str) -> Vec<u8> {
    let program = folder.join("target/debug/examples").join(example);
    let output = folder.join("printed");
    let mut command = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION));
    command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(fs::File::create(&output).unwrap()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    fs::read(output).unwrap()
}

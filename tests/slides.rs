//! The programs of the slides, and of the course that the slides link to, print here what they print in Python.
//! `examples/seeds/README.md` says where each is. `tests/slides_changed.rs` checks that they run the scheduler.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod running;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use running::slides::{by_example, differences, expected, folder, programs, section};
use running::{REAL_TIME, build_all, program, run};

/// Compares the standard output of each example with what Python has printed; no comment stands between them. An example
/// in real time may be late on a busy machine, so of its sections each is right once in several runs.
#[test]
fn every_program_of_the_slides_prints_its_lines() {
    let examples = by_example();
    build_all(examples.keys());
    for (example, mut programs) in examples {
        let runs = if REAL_TIME.contains(&&*example) { 5 } else { 1 };
        for left in (0..runs).rev() {
            let ran = run(&program(&example), &[]);
            assert!(ran.status.success(), "{example}: {}", String::from_utf8_lossy(&ran.stderr));
            programs.retain(|program| {
                let name = &program.name;
                let printed = section(&ran.stdout, &program.section);
                let printed =
                    printed.unwrap_or_else(|| panic!("{example} lacks the section of {name}"));
                let is_right = printed == expected(name);
                assert!(
                    is_right || left > 0,
                    "{name}, in {example}, prints\n{}\nand not\n{}",
                    printed.join("\n"),
                    expected(name).join("\n")
                );
                !is_right
            });
            if programs.is_empty() {
                break;
            }
        }
    }
}

/// The recorded outputs: all programs, and those of the course.
fn recorded() -> (BTreeSet<String>, BTreeSet<String>) {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let outputs = files.filter(|file| file.extension().is_some_and(|extension| extension == "out"));
    let outputs = outputs.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let all: BTreeSet<String> = outputs.collect();
    let of_the_course = all.iter().filter(|name| !name.starts_with(|c: char| c.is_ascii_digit()));
    let of_the_course = of_the_course.cloned().collect();
    (all, of_the_course)
}

#[test]
fn every_program_is_in_a_table_once_and_every_difference_has_a_reason() {
    let mut listed = BTreeSet::new();
    for program in programs() {
        assert!(listed.insert(program.name.clone()), "{} is listed twice", program.name);
    }
    let (all, of_the_course) = recorded();
    assert_eq!(listed, all);
    assert_eq!((of_the_course.len(), all.len()), (22, 22 + 53));
    for difference in differences() {
        assert!(listed.contains(&difference[0]) && difference[3].len() > 20, "{difference:?}");
    }
}

/// They can be recorded again with `tests/slides/record.sh`.
#[test]
fn every_program_of_the_course_prints_in_python_what_was_recorded() {
    let (_, of_the_course) = recorded();
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: python3 is not installed, so the programs of the course were not run");
    }
    for name in of_the_course {
        let program = format!("{name}.py");
        assert!(folder().join(&program).exists(), "{program} is missing");
        if is_there {
            let mut python = Command::new("python3");
            python.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder()).arg(&program);
            let ran = python.output().unwrap();
            let stderr = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success() && stderr.is_empty(), "{program}: {stderr}");
            let recorded = fs::read_to_string(folder().join(format!("{name}.out"))).unwrap();
            let printed = String::from_utf8(ran.stdout).unwrap().replace("\r\n", "\n");
            assert_eq!(printed, recorded, "{program}");
        }
    }
}

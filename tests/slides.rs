//! The programs of the course print here what they print in Python; `tests/slides/README.md` says where they are.
#![allow(clippy::unwrap_used, reason = "what tests call is part of the tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("tests/slides")
}

/// The rows of the table below a heading of the README, each as its cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder().join("README.md")).unwrap();
    let Some((_, section)) = text.split_once(heading) else { return Vec::new() };
    let lines = section.lines().skip(1).skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().into()).collect();
    rows.map(cells).collect()
}

/// What a section of an example prints, as the comment at the end of the example has it: `tests/examples.rs` sees to
/// it that this is what it prints.
fn section(example: &str, title: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(format!("examples/{example}.rs"))).unwrap();
    let (_, output) = text.split_once("\n// Output:\n//\n").unwrap();
    let lines = output.lines().map(|line| line.trim_start_matches("//"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let is_title = |line: &str| line.starts_with("--- ") || line.starts_with("== ");
    let mut section = lines
        .skip_while(|line| !is_title(line) || line.trim_start_matches(['-', '=']).trim() != title);
    assert!(section.next().is_some(), "{example} has no section {title:?}");
    section.take_while(|line| !is_title(line)).map(str::to_owned).collect()
}

fn course(program: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(format!("{program}.out"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_program_of_the_course_prints_its_lines() {
    let differences = table("## Where a line differs");
    for row in table("# The programs of the course") {
        let [program, example, title] = &row[..] else { panic!("three cells: {row:?}") };
        let mut expected = course(program);
        for difference in differences.iter().filter(|difference| &difference[0] == program) {
            let place = expected.iter().position(|line| *line == difference[1]).unwrap();
            match &*difference[2] {
                "(nothing)" => drop(expected.remove(place)),
                here => expected[place] = here.to_owned(),
            }
        }
        assert_eq!(section(example, title), expected, "{program}, in {example}");
    }
}

#[test]
fn every_program_is_in_the_table_once_and_every_difference_has_a_reason() {
    let mut listed = BTreeSet::new();
    for row in table("# The programs of the course").into_iter().chain(table("## Not here yet")) {
        assert!(listed.insert(row[0].clone()), "{} is there twice", row[0]);
    }
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let programs =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "out"));
    let programs: BTreeSet<String> =
        programs.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(programs.len(), 53);
    assert_eq!(listed, programs);
    let differences = table("## Where a line differs");
    assert!(differences.iter().all(|row| row.len() == 4 && row[3].len() > 20), "{differences:?}");
}

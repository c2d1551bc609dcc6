//! The programs of the slides, and of the course that the slides link to, print here what they print in Python.
//! `examples/seeds/README.md` says where each is.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("tests/slides")
}

/// The rows of all tables of a README with the given number of columns, each as its cells.
fn tables(readme: &str, columns: usize) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(readme).join("README.md")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |line: usize| lines.get(line + 1).is_some_and(|next| next.starts_with("|---"));
    let is_row = |line: &usize| lines[*line].starts_with("| ") && !is_head(*line);
    let cells =
        |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().into()).collect();
    let rows = (0..lines.len()).filter(is_row).map(|line| cells(lines[line]));
    rows.filter(|row: &Vec<String>| row.len() == columns).collect()
}

/// Where each program is: its name, the file of the example, and the section.
fn programs() -> Vec<[String; 3]> {
    let rows = tables("examples/seeds", 3).into_iter();
    let rows = rows.map(|row| <[String; 3]>::try_from(row).unwrap());
    let file = |link: &str| link.split_once("](../").unwrap().1.trim_end_matches(')').to_owned();
    rows.map(|[program, link, section]| [program, file(&link), section]).collect()
}

/// The lines in which a program differs: its name, what Python prints, what is printed here, and why.
fn differences() -> Vec<Vec<String>> {
    tables("tests/slides", 4)
}

/// What a section of an example prints, according to the comment at the end of the example; `tests/examples.rs` checks
/// that comment against the real output.
fn section(file: &str, title: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("examples").join(file)).unwrap();
    let (_, output) = text.split_once("\n// Output:\n//\n").unwrap();
    let lines = output.lines().map(|line| line.trim_start_matches("//"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let is_title = |line: &str| line.starts_with("--- ") || line.starts_with("== ");
    let mut section = lines
        .skip_while(|line| !is_title(line) || line.trim_start_matches(['-', '=']).trim() != title);
    assert!(section.next().is_some(), "{file} has no section {title:?}");
    section.take_while(|line| !is_title(line)).map(str::to_owned).collect()
}

fn python(program: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(format!("{program}.out"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_program_of_the_slides_prints_its_lines() {
    let differences = differences();
    for [program, file, title] in programs() {
        let mut expected = python(&program);
        for difference in differences.iter().filter(|difference| difference[0] == program) {
            let place = expected.iter().position(|line| *line == difference[1]).unwrap();
            match &*difference[2] {
                "(nothing)" => drop(expected.remove(place)),
                here => expected[place] = here.to_owned(),
            }
        }
        assert_eq!(section(&file, &title), expected, "{program}, in {file}");
    }
}

#[test]
fn every_program_is_in_a_table_once_and_every_difference_has_a_reason() {
    let mut listed = BTreeSet::new();
    for [program, ..] in programs() {
        assert!(listed.insert(program.clone()), "{program} is listed twice");
    }
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let outputs = files.filter(|file| file.extension().is_some_and(|extension| extension == "out"));
    let outputs: BTreeSet<String> =
        outputs.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(listed, outputs);
    let of_the_slides =
        listed.iter().filter(|program| program.starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(of_the_slides.count(), 53);
    for difference in differences() {
        assert!(listed.contains(&difference[0]) && difference[3].len() > 20, "{difference:?}");
    }
}

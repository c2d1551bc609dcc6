//! The programs of the slides and of the course: where each is, and what it must print.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{can_be_built, root};

pub(crate) fn folder() -> PathBuf {
    root().join("tests/slides")
}

/// The rows of all tables of a README with the given number of columns, each as its cells.
pub(crate) fn tables(readme: &str, columns: usize) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(readme).join("README.md")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |line: usize| lines.get(line + 1).is_some_and(|next| next.starts_with("|---"));
    let is_row = |line: &usize| lines[*line].starts_with("| ") && !is_head(*line);
    let cells =
        |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().into()).collect();
    let rows = (0..lines.len()).filter(is_row).map(|line| cells(lines[line]));
    rows.filter(|row: &Vec<String>| row.len() == columns).collect()
}

/// A program: its name, and the example and the section that port it.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) example: String,
    pub(crate) section: String,
}

pub(crate) fn programs() -> Vec<Program> {
    let rows = tables("examples/seeds", 3).into_iter();
    let rows = rows.map(|row| <[String; 3]>::try_from(row).unwrap());
    let example = |link: &str| {
        let file = link.split_once("](../").unwrap().1.trim_end_matches(')');
        Path::new(file.trim_end_matches("/main.rs")).file_stem().unwrap().to_str().unwrap().into()
    };
    rows.map(|[name, link, section]| Program { name, example: example(&link), section }).collect()
}

/// The programs of each example that can be built with these features.
pub(crate) fn by_example() -> BTreeMap<String, Vec<Program>> {
    let mut examples = BTreeMap::<String, Vec<Program>>::new();
    for program in programs() {
        if can_be_built(&program.example) {
            examples.entry(program.example.clone()).or_default().push(program);
        }
    }
    examples
}

/// The lines in which a program differs: its name, what Python prints, what is printed here, and why.
pub(crate) fn differences() -> Vec<Vec<String>> {
    tables("tests/slides", 4)
}

/// What Python has printed, with those differences.
pub(crate) fn expected(program: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(format!("{program}.out"))).unwrap();
    let mut expected: Vec<String> = text.lines().map(str::to_owned).collect();
    for difference in differences().iter().filter(|difference| difference[0] == program) {
        let place = expected.iter().position(|line| *line == difference[1]).unwrap();
        match &*difference[2] {
            "(nothing)" => drop(expected.remove(place)),
            here => here.clone_into(&mut expected[place]),
        }
    }
    expected
}

/// What an example has printed in a section; `None` if there is no such section.
pub(crate) fn section(printed: &[u8], title: &str) -> Option<Vec<String>> {
    let printed = String::from_utf8_lossy(printed);
    let is_title = |line: &str| line.starts_with("--- ") || line.starts_with("== ");
    let mut section = printed
        .lines()
        .skip_while(|line| !is_title(line) || line.trim_start_matches(['-', '=']).trim() != title);
    section.next()?;
    Some(section.take_while(|line| !is_title(line)).map(str::to_owned).collect())
}

//! The house keeps its order: the sources are read, and a breach of the rules that can be checked fails.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `src`, as path and text.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() { collect(&path, into) } else { into.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "the sources were not found");
    let read = |path: PathBuf| {
        let name =
            path.strip_prefix(root).expect("it is inside").to_string_lossy().replace('\\', "/");
        (name, fs::read_to_string(path).expect("sources are text"))
    };
    paths.into_iter().map(read).collect()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    let tests = ["\n#[cfg(test)]\n", "\n#[cfg(all(test, not(turnwise_loom)))]\n"];
    let end = tests.iter().filter_map(|tests| text.find(tests)).min();
    &text[..end.unwrap_or(text.len())]
}

/// Lines that are code: neither blank nor comment.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_has_at_most_400_lines() {
    let mut breaches = Vec::new();
    for (name, text) in sources() {
        let lines = without_tests(&text).lines().count();
        if lines > 400 {
            breaches.push(format!("{name} has {lines} lines without its tests"));
        }
        if !text.starts_with("//! ") {
            breaches.push(format!("{name} does not begin with a sentence that says what it is"));
        }
    }
    assert_none(&breaches);
}

fn opens_a_function(line: &str) -> bool {
    let is_head = line.contains("fn ") && !line.trim_start().starts_with("//");
    is_head && !line.trim_end().ends_with(['}', ';'])
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let mut breaches = Vec::new();
    for (name, text) in sources() {
        let mut open: Option<(String, usize, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            match &open {
                Some((head, from, depth)) if indent == *depth && line.trim_start() == "}" => {
                    let length = number - from + 1;
                    if length > 60 {
                        breaches.push(format!("{name}:{from} {head} has {length} lines"));
                    }
                    open = None;
                }
                None if opens_a_function(line) => {
                    open = Some((line.trim().to_owned(), number, indent));
                }
                _ => {}
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn there_is_no_unsafe_and_no_condition() {
    let mut breaches = Vec::new();
    for (name, text) in sources() {
        for line in code(&text) {
            let allowed = line == "#![forbid(unsafe_code)]";
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.clone().any(|word| word == "unsafe") && !allowed {
                breaches.push(format!("{name}: {line}"));
            }
            let conditional = line.contains("cfg(") || line.contains("cfg_attr(");
            // Tests have conditions, and so has `mod atomic` at the door of the kernel.
            let is_test = line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test, ");
            let at_the_door = name == "src/lib.rs" || name == "src/kernel/atomic.rs";
            if conditional && !is_test && !at_the_door {
                breaches.push(format!("{name}: {line}"));
            }
        }
        if name == "src/lib.rs" {
            assert!(text.contains("#![forbid(unsafe_code)]"));
        }
    }
    assert_none(&breaches);
}

#[test]
fn the_main_loop_fits_on_a_card() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel/mainloop.rs"));
    let text = text.unwrap();
    let start = text.find("fn mainloop(").expect("the main loop is in mainloop.rs");
    let length = text[start..].lines().position(|line| line == "    }").unwrap() + 1;
    assert!(length <= 25, "the main loop has {length} lines");
    for word in ["taskmap", "ready", "schedule", "mainloop", "exit"] {
        assert!(text.contains(word), "the main loop has lost the word `{word}`");
    }
}

/// The table names tests as `file::name`; a test that was renamed must be renamed there.
#[test]
fn every_test_in_the_table_of_faults_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("tests/FAULTS.md")).unwrap();
    let sources = sources();
    let mut missing = Vec::new();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| F")) {
        rows += 1;
        let words = row.split([' ', ';', '(']).filter(|word| !word.starts_with('`'));
        for (file, name) in words.filter_map(|word| word.split_once("::")) {
            let name = name.trim_end_matches([')', ',']);
            let has_test = |text: &str| text.contains(&format!("fn {name}("));
            let in_tests = fs::read_to_string(root.join("tests").join(format!("{file}.rs")));
            let in_source = || {
                let end = format!("/{file}.rs");
                sources.iter().any(|(path, text)| path.ends_with(&end) && has_test(text))
            };
            if !(in_tests.is_ok_and(|text| has_test(&text)) || in_source()) {
                missing.push(format!("{file}::{name}"));
            }
        }
    }
    assert!(rows >= 50, "the table was not found");
    assert_none(&missing);
}

#[test]
fn the_readme_shows_real_programs_and_their_real_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for name in ["hello", "goodbye"] {
        let example = fs::read_to_string(root.join(format!("examples/{name}.rs"))).unwrap();
        let (program, output) = example.split_once("\n// Output:\n//\n").expect("it ends so");
        let program = program.split_once("\n\n").unwrap().1.trim();
        assert!(readme.contains(program), "the README has not the program of {name}.rs");
        let output: Vec<&str> = output.lines().map(|line| line.trim_start_matches("// ")).collect();
        assert!(readme.contains(&output.join("\n")), "the README has not what {name}.rs prints");
    }
}

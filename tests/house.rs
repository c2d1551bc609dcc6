//! The house keeps its order: the sources are read, and a breach of the rules that can be checked fails.

#[path = "house/arrows.rs"]
mod arrows;
#[path = "house/fixtures.rs"]
mod fixtures;
#[path = "house/modules.rs"]
mod modules;
#[path = "house/rules.rs"]
mod rules;
#[path = "house/tokens.rs"]
mod tokens;
#[path = "house/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use modules::House;

// ----- debts: known breaches. These lists may only shrink, and are to be empty -----

const UPWARD: &[&str] = &[];
const LAYERS: &[&str] = &[];
const MOD_LINES: &[&str] = &[];
const FACES: &[&str] = &[];
const CIRCLES: &[&str] = &[];
const ABROAD: &[&str] = &[];
const KERNEL: &[&str] = &[];
const DOORS: &[&str] = &[];
const WALKS: &[&str] = &[];

/// A breach that is not listed fails, and so does a listed one that is gone.
fn settle(debts: &[&str], breaches: &[String]) {
    let is_new = |breach: &&String| !debts.contains(&breach.as_str());
    let is_paid = |debt: &&&str| !breaches.iter().any(|breach| breach == **debt);
    let new: Vec<String> = breaches.iter().filter(is_new).map(|new| format!("{new}\n")).collect();
    let paid: Vec<String> = debts
        .iter()
        .filter(is_paid)
        .map(|debt| format!("{debt}: paid: remove it from the list\n"))
        .collect();
    let all: Vec<String> = breaches.iter().map(|breach| format!("    {breach:?},\n")).collect();
    assert!(
        new.is_empty() && paid.is_empty(),
        "\n{}{}\nthe present breaches:\n{}",
        new.concat(),
        paid.concat(),
        all.concat()
    );
}

// ----- the layers -----

/// The sources by their paths below `src`.
fn by_path(sources: &[(String, String)]) -> BTreeMap<&str, &str> {
    sources.iter().map(|(path, text)| (path.trim_start_matches("src/"), text.as_str())).collect()
}

fn house(sources: &[(String, String)]) -> House {
    House::read(&by_path(sources).into_iter().collect::<Vec<_>>())
}

#[test]
fn imports_point_down() {
    settle(UPWARD, &rules::imports_that_point_up(&house(&sources())));
}

#[test]
fn lib_declares_the_layers_in_order() {
    settle(LAYERS, &rules::layers_out_of_order(&house(&sources())));
}

#[test]
fn mod_lines_stand_in_order() {
    settle(MOD_LINES, &rules::mod_lines_out_of_order(&house(&sources())));
}

/// What `lib.rs` and `task/mod.rs` show of other layers is for users.
#[test]
fn no_import_goes_through_the_face_of_another_layer() {
    settle(FACES, &rules::imports_through_faces(&house(&sources())));
}

#[test]
fn no_circle_of_files() {
    let (circles, arrows) = rules::circles_of_files(&house(&sources()));
    println!("the arrows within the circles:\n{}", arrows.join("\n"));
    settle(CIRCLES, &circles);
}

#[test]
fn no_impl_abroad() {
    settle(ABROAD, &rules::impls_abroad(&house(&sources())));
}

/// `tests/kernel_alone.rs` compiles it by itself.
#[test]
fn the_executor_is_one_folder() {
    let sources = sources();
    let mut breaches = rules::imports_of_the_kernel(&house(&sources));
    let (mut files, mut total) = (0, 0);
    for (path, text) in by_path(&sources) {
        if !path.starts_with("kernel/") || path == "kernel/models.rs" {
            continue;
        }
        let lines = code(without_tests(text)).count();
        (files, total) = (files + 1, total + lines);
        if lines > 300 {
            breaches.push(format!("{path} has more than 300 lines of code"));
        }
    }
    println!("the kernel: {files} files, {total} lines of code");
    if files > 16 {
        breaches.push("the kernel has more than 16 files".to_owned());
    }
    if total > 2_000 {
        breaches.push("the kernel has more than 2,000 lines of code".to_owned());
    }
    settle(KERNEL, &breaches);
}

#[test]
fn every_door_is_a_face() {
    let sources = sources();
    let doors = by_path(&sources).into_iter().filter(|(path, _)| path.ends_with("/mod.rs"));
    let breaches = doors.flat_map(|(path, text)| rules::more_than_a_face(path, text));
    settle(DOORS, &breaches.collect::<Vec<_>>());
}

#[test]
fn the_walks_are_true() {
    let sources = sources();
    let files = by_path(&sources);
    let page = files["kernel/mod.rs"];
    let walks = rules::WALKS.into_iter();
    let breaches = walks.flat_map(|walk| rules::untrue_steps(page, walk, &files));
    settle(WALKS, &breaches.collect::<Vec<_>>());
}

// ----- words -----

/// The sources without their tests, by their paths below `src`.
fn without_any_tests(sources: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let files = by_path(sources).into_iter();
    let files =
        files.filter(|(path, _)| !path.ends_with("tests.rs") && !path.ends_with("models.rs"));
    files.map(|(path, text)| (path, without_tests(text)))
}

fn beside(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it is there")
}

#[test]
fn no_name_has_a_word_that_was_given_up() {
    let sources = sources();
    let breaches =
        by_path(&sources).into_iter().flat_map(|(path, text)| words::given_up(path, text));
    assert_none(&breaches.collect::<Vec<_>>());
}

/// A word that a reader of Rust's futures does not know costs more than the logic. See `tests/words.txt`.
#[test]
fn every_word_in_a_name_is_of_the_field_or_plain_or_explained() {
    let sources = sources();
    let mut used = BTreeMap::new();
    for (path, text) in without_any_tests(&sources) {
        for word in words::words(text) {
            used.entry(word).or_insert_with(|| path.to_owned());
        }
    }
    let (vocabulary, reasons, design) =
        (beside("tests/vocabulary.txt"), beside("tests/words.txt"), beside("DESIGN.md"));
    let (reasons, glossary) = (words::reasons(&reasons), words::glossary(&design));
    assert_none(&words::unknown_or_unused(&used, &vocabulary, &glossary, &reasons));
}

/// One name for one thing: a type that is not public has its name for itself.
#[test]
fn no_two_types_share_a_name() {
    let sources = sources();
    assert_none(&rules::types_of_one_name(without_any_tests(&sources)));
}

// ----- files and functions -----

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
            // Tests have conditions; so have the features in `lib.rs`, and the kernel's atomics for loom.
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

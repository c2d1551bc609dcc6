//! Checks the sources: the layers and imports of modules, the words in names, and the size of files and functions.

#[path = "house/edges.rs"]
mod edges;
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

use modules::ModuleGraph;

/// Fails with one violation per line.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

// ----- the layers -----

/// The sources by their paths relative to `src`.
fn by_path(sources: &[(String, String)]) -> BTreeMap<&str, &str> {
    sources.iter().map(|(path, text)| (path.trim_start_matches("src/"), text.as_str())).collect()
}

fn module_graph(sources: &[(String, String)]) -> ModuleGraph {
    ModuleGraph::read(&by_path(sources).into_iter().collect::<Vec<_>>())
}

#[test]
fn imports_point_down() {
    assert_none(&rules::upward_imports(&module_graph(&sources())));
}

#[test]
fn lib_declares_the_layers_in_order() {
    assert_none(&rules::layers_out_of_order(&module_graph(&sources())));
}

#[test]
fn mod_lines_are_in_order() {
    assert_none(&rules::mod_lines_out_of_order(&module_graph(&sources())));
}

/// What `lib.rs` and `task/mod.rs` re-export from other layers is for users only.
#[test]
fn no_import_goes_through_a_reexport_of_another_layer() {
    assert_none(&rules::imports_through_reexports(&module_graph(&sources())));
}

#[test]
fn no_import_cycles() {
    let (cycles, edges) = rules::import_cycles(&module_graph(&sources()));
    println!("the imports within the cycles:\n{}", edges.join("\n"));
    assert_none(&cycles);
}

#[test]
fn kernel_types_have_impls_only_in_the_kernel() {
    assert_none(&rules::impls_outside_the_kernel(&module_graph(&sources())));
}

/// It imports only a few crates and stays small; `tests/kernel_alone.rs` compiles it on its own.
#[test]
fn the_kernel_is_self_contained_and_small() {
    let sources = sources();
    let mut violations = rules::forbidden_kernel_imports(&module_graph(&sources));
    let (mut files, mut total) = (0, 0);
    for (path, text) in by_path(&sources) {
        if !path.starts_with("kernel/") || path == "kernel/models.rs" {
            continue;
        }
        let lines = code(without_tests(text)).count();
        (files, total) = (files + 1, total + lines);
        if lines > 300 {
            violations.push(format!("{path} has more than 300 lines of code"));
        }
    }
    println!("the kernel: {files} files, {total} lines of code");
    if files > 16 {
        violations.push("the kernel has more than 16 files".to_owned());
    }
    if total > 2_000 {
        violations.push("the kernel has more than 2,000 lines of code".to_owned());
    }
    assert_none(&violations);
}

/// Both are mechanisms that a reader must be able to take in as a whole.
#[test]
fn cancelling_and_scopes_are_small() {
    let sources = sources();
    let lines = |is_counted: &dyn Fn(&str) -> bool| -> usize {
        let files = by_path(&sources).into_iter().filter(|(path, _)| is_counted(path));
        files.map(|(_, text)| code(without_tests(text)).count()).sum()
    };
    let files =
        ["request", "tree", "settle", "region", "root"].map(|name| format!("cancel/{name}.rs"));
    let (cancel, scope) = (
        lines(&|path| files.iter().any(|file| file == path)),
        lines(&|path| path.starts_with("scope/")),
    );
    println!("cancelling: {cancel} lines of code; scopes: {scope}");
    assert!(cancel <= 900 && scope <= 1_200, "{cancel} and {scope} lines of code");
}

#[test]
fn every_mod_rs_only_declares_and_reexports() {
    let sources = sources();
    let files = by_path(&sources).into_iter().filter(|(path, _)| path.ends_with("/mod.rs"));
    let violations = files.flat_map(|(path, text)| rules::other_items_in_mod_rs(path, text));
    assert_none(&violations.collect::<Vec<_>>());
}

#[test]
fn the_walkthroughs_name_existing_files_and_functions() {
    let sources = sources();
    let files = by_path(&sources);
    let page = files["kernel/mod.rs"];
    let walkthroughs = rules::WALKTHROUGHS.into_iter();
    let violations =
        walkthroughs.flat_map(|walkthrough| rules::wrong_steps(page, walkthrough, &files));
    assert_none(&violations.collect::<Vec<_>>());
}

// ----- words -----

/// The sources without their tests, by their paths relative to `src`.
fn non_test_sources(sources: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let files = by_path(sources).into_iter();
    let files =
        files.filter(|(path, _)| !path.ends_with("tests.rs") && !path.ends_with("models.rs"));
    files.map(|(path, text)| (path, without_tests(text)))
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the file exists")
}

#[test]
fn no_name_contains_a_retired_word() {
    let sources = sources();
    let violations =
        by_path(&sources).into_iter().flat_map(|(path, text)| words::retired_in(path, text));
    assert_none(&violations.collect::<Vec<_>>());
}

/// A word that a reader of async Rust does not know costs more than the logic. See `tests/words.txt`.
#[test]
fn every_word_in_a_name_is_listed_or_explained() {
    let sources = sources();
    let mut used = BTreeMap::new();
    for (path, text) in non_test_sources(&sources) {
        for word in words::words(text) {
            used.entry(word).or_insert_with(|| path.to_owned());
        }
    }
    let (vocabulary, reasons, design) =
        (read("tests/vocabulary.txt"), read("tests/words.txt"), read("DESIGN.md"));
    let (reasons, glossary) = (words::reasons(&reasons), words::glossary(&design));
    assert_none(&words::unknown_or_unused(&used, &vocabulary, &glossary, &reasons));
}

/// One name per concept: no private type shares its name with another type.
#[test]
fn no_two_types_share_a_name() {
    let sources = sources();
    assert_none(&rules::types_that_share_a_name(non_test_sources(&sources)));
}

// ----- files and functions -----

/// Every file in `src`, as path and text.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder exists") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() { collect(&path, into) } else { into.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "the sources were not found");
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(root)
            .expect("it is below the root")
            .to_string_lossy()
            .replace('\\', "/");
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

/// The lines of code: neither blank nor comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn every_file_starts_with_a_summary_and_has_at_most_400_lines() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        let lines = without_tests(&text).lines().count();
        if lines > 400 {
            violations.push(format!("{name} has {lines} lines without its tests"));
        }
        if !text.starts_with("//! ") {
            violations.push(format!("{name} does not start with a `//!` summary"));
        }
    }
    assert_none(&violations);
}

fn starts_function(line: &str) -> bool {
    let is_signature = line.contains("fn ") && !line.trim_start().starts_with("//");
    is_signature && !line.trim_end().ends_with(['}', ';'])
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        let mut open: Option<(String, usize, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            match &open {
                Some((head, from, depth)) if indent == *depth && line.trim_start() == "}" => {
                    let length = number - from + 1;
                    if length > 60 {
                        violations.push(format!("{name}:{from} {head} has {length} lines"));
                    }
                    open = None;
                }
                None if starts_function(line) => {
                    open = Some((line.trim().to_owned(), number, indent));
                }
                _ => {}
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn there_is_no_unsafe_and_no_conditional_compilation() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        for line in code(&text) {
            let allowed = line == "#![forbid(unsafe_code)]";
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.clone().any(|word| word == "unsafe") && !allowed {
                violations.push(format!("{name}: {line}"));
            }
            let conditional = line.contains("cfg(") || line.contains("cfg_attr(");
            // Allowed for tests, for the features in `lib.rs`, for the kernel's atomics under loom, and for what a
            // target lacks.
            let is_test = line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test, ");
            let files = ["src/lib.rs", "src/kernel/atomic.rs", "src/machine.rs"];
            let is_allowed_here = files.contains(&&*name);
            if conditional && !is_test && !is_allowed_here {
                violations.push(format!("{name}: {line}"));
            }
        }
        if name == "src/lib.rs" {
            assert!(text.contains("#![forbid(unsafe_code)]"));
        }
    }
    assert_none(&violations);
}

/// Everything else calls `real_time` or reads a scheduler's clock, so that it works on a target without a clock.
#[test]
fn only_the_machine_reads_the_clock_of_std() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        let text = without_tests(&text);
        let is_test = name.ends_with("/tests.rs");
        if name.starts_with("src/machine") || is_test {
            continue;
        }
        for line in code(text) {
            let names_instant = ["Instant", "SystemTime"].iter().any(|name| line.contains(name));
            let reads = line.contains("Instant::now(") || line.contains("Zoned::now(");
            if (names_instant && line.contains("std::time")) || reads {
                violations.push(format!("{name}: {line}"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn the_main_loop_has_at_most_25_lines() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel/mainloop.rs"));
    let text = text.unwrap();
    let start = text.find("fn mainloop(").expect("the main loop is in mainloop.rs");
    let length = text[start..].lines().position(|line| line == "    }").unwrap() + 1;
    assert!(length <= 25, "the main loop has {length} lines");
    for word in ["taskmap", "ready", "schedule", "mainloop", "exit"] {
        assert!(text.contains(word), "the main loop no longer contains the word `{word}`");
    }
}

/// The least of many rounds is the best mode of a row that has several, so it is shown beside the median and compared
/// with nothing.
#[test]
fn the_figures_of_the_benches_are_medians() {
    for file in ["benches/ratios.rs", "benches/peers/src/table.rs", "benches/peers/src/picture.rs"]
    {
        let text = read(file);
        let uses = text.lines().filter(|line| line.contains(".least"));
        let beside = |line: &&str| !line.contains("times.median, times.least");
        assert_none(&uses.filter(beside).map(|line| format!("{file}: {line}")).collect::<Vec<_>>());
    }
}

/// The table refers to tests as `file::name`, so a renamed test must be renamed there.
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
                let ends = [format!("/{file}.rs"), format!("/{file}/tests.rs")];
                let is_named = |path: &Path| {
                    ends.iter().any(|end| path.to_string_lossy().ends_with(end.as_str()))
                };
                sources.iter().any(|(path, text)| is_named(path.as_ref()) && has_test(text))
            };
            if !(in_tests.is_ok_and(|text| has_test(&text)) || in_source()) {
                missing.push(format!("{file}::{name}"));
            }
        }
    }
    assert!(rows >= 50, "the table was not found");
    assert_none(&missing);
}

/// The program of an example, and the output in its last comment.
fn split_output(example: &str) -> (&str, String) {
    let (program, output) =
        example.split_once("\n// Output:\n//\n").expect("an example ends with its output");
    let output: Vec<&str> =
        output.lines().map(|line| line.strip_prefix("// ").unwrap_or_default()).collect();
    (program, output.join("\n"))
}

#[test]
fn the_readme_shows_real_programs_and_their_real_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for name in ["hello", "goodbye"] {
        let example = fs::read_to_string(root.join(format!("examples/{name}.rs"))).unwrap();
        let (program, output) = split_output(&example);
        let program = program.split_once("\n\n").unwrap().1.trim();
        assert!(readme.contains(program), "the README does not contain the program of {name}.rs");
        assert!(readme.contains(&output), "the README does not contain the output of {name}.rs");
    }
    // Only the deadlock report, which is printed first.
    let example = fs::read_to_string(root.join("examples/philosophers.rs")).unwrap();
    let (_, output) = split_output(&example);
    let (report, _) = output.split_once("\n\n").expect("a blank line follows the report");
    assert!(report.starts_with("deadlock at turn "), "the example prints another output: {report}");
    assert!(
        readme.contains(&format!("```text\n{report}\n```")),
        "the README does not contain the deadlock report of philosophers.rs"
    );
}

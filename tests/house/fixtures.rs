//! Tests of the rules: small crates, valid or with one violation each.

use std::collections::{BTreeMap, BTreeSet};

use crate::edges::Resolution;
use crate::modules::ModuleGraph;
use crate::rules::{
    forbidden_kernel_imports, impls_outside_the_kernel, import_cycles, imports_through_reexports,
    layers_out_of_order, mod_lines_out_of_order, other_items_in_mod_rs, types_that_share_a_name,
    upward_imports, wrong_steps,
};
use crate::words;

/// A valid crate of four layers, with one file replaced or added. `task/mod.rs` re-exports items of the layer above it.
fn with(file: &'static str, text: &'static str) -> ModuleGraph {
    let mut files = BTreeMap::from([
        ("lib.rs", "mod kernel; mod time; pub mod task; mod scope;\npub use task::scope;"),
        ("kernel/mod.rs", "mod a; mod b;\npub(crate) use a::{Kernel, other as another};"),
        ("kernel/a.rs", "pub struct Kernel;\npub fn other() {}"),
        ("kernel/b.rs", "use std::rc::Rc;\n\nuse crate::kernel::a::Kernel;"),
        ("time/mod.rs", "mod sleep;\npub use sleep::sleep;"),
        ("time/sleep.rs", "use crate::kernel::{Kernel, another};\npub fn sleep() {}"),
        ("task/mod.rs", "mod join;\npub use crate::scope::{Scope, scope};\npub use join::join;"),
        ("task/join.rs", "use crate::time::sleep;\npub fn join() {}"),
        ("scope/mod.rs", "mod run;\npub use run::{Scope, scope};"),
        ("scope/run.rs", "use crate::task::join;\npub struct Scope;\npub fn scope() {}"),
    ]);
    files.insert(file, text);
    ModuleGraph::read(&files.into_iter().collect::<Vec<_>>())
}

#[test]
fn a_valid_crate_has_no_violation() {
    let graph = with("random.rs", "");
    assert_eq!(upward_imports(&graph), [""; 0]);
    assert_eq!(imports_through_reexports(&graph), [""; 0]);
    assert_eq!(mod_lines_out_of_order(&graph), [""; 0]);
    assert_eq!(import_cycles(&graph).0, [""; 0]);
    assert_eq!(impls_outside_the_kernel(&graph), [""; 0]);
    assert_eq!(forbidden_kernel_imports(&graph), [""; 0]);
}

#[test]
fn reexports_are_resolved_to_the_declaring_file() {
    let graph = with("random.rs", "");
    let resolve =
        |path: &str| graph.resolve(0, &path.split("::").map(str::to_owned).collect::<Vec<_>>());
    let item = |file: &str, name: &str| Resolution::Item { file: file.into(), name: name.into() };
    assert_eq!(resolve("crate::scope"), item("scope/run.rs", "scope"));
    assert_eq!(resolve("crate::task::Scope::new"), item("scope/run.rs", "Scope"));
    assert_eq!(resolve("crate::kernel::another"), item("kernel/a.rs", "other"));
    assert_eq!(resolve("crate::time::wake"), Resolution::Unresolved);
    assert_eq!(resolve("std::mem"), Resolution::External);
}

#[test]
fn an_upward_import_through_a_reexport_is_found() {
    let up = ["task/join.rs -> scope/run.rs: Scope"];
    for text in [
        "use crate::task::Scope; fn join() {}",
        "use crate::{\n    time::{self, sleep as nap},\n    task::{Scope as Room},\n}; fn join() {}",
        "fn join() { crate::task::Scope::new() }",
        "use crate::task; fn join() { task::Scope::new() }",
        "use super::Scope; fn join() {}",
    ] {
        let violations = upward_imports(&with("task/join.rs", text));
        assert_eq!(violations, up, "{text}");
    }
    for text in [
        "//! `crate::scope::Scope`\nfn join() { \"crate::scope::Scope\"; /* crate::scope::Scope */ }",
        "fn join() {}\n#[cfg(test)]\nmod tests { use crate::scope::Scope; }",
        "fn join() {}\nmacro_rules! m { () => { $crate::scope::Scope } }",
        "pub(in crate::scope) fn join<'a>(c: char) { c == '\"'; b'\\''; r#\"\"crate::scope\"\"#; }",
    ] {
        let violations = upward_imports(&with("task/join.rs", text));
        assert_eq!(violations, [""; 0], "{text}");
    }
}

#[test]
fn a_macro_is_resolved_to_its_module() {
    let graph = ModuleGraph::read(&[
        ("lib.rs", "mod kernel; mod time;"),
        ("kernel.rs", "use crate::pick;"),
        ("time.rs", "#[macro_export] macro_rules! pick { () => {} }"),
    ]);
    assert_eq!(upward_imports(&graph), ["kernel.rs -> time.rs: pick"]);
}

#[test]
fn an_unresolved_path_and_a_file_without_a_layer_are_found() {
    let graph = with("task/join.rs", "use crate::time::wake; fn join() {}");
    assert_eq!(upward_imports(&graph), ["task/join.rs: `crate::time::wake` cannot be resolved"]);
    let graph = ModuleGraph::read(&[("lib.rs", "mod misc;"), ("misc.rs", "")]);
    assert_eq!(upward_imports(&graph), ["misc.rs is in no layer"]);
}

#[test]
fn an_import_through_a_reexport_of_another_layer_is_found() {
    for (text, path) in [
        ("use crate::task::{Scope, join};", "crate::task::Scope"),
        ("fn f() { crate::task::Scope::new() }", "crate::task::Scope"),
        ("use crate::task; fn f() { task::Scope::new() }", "task::Scope"),
        ("use crate::scope;", "crate::scope"),
    ] {
        let graph = with("time/sleep.rs", text);
        let violations = imports_through_reexports(&graph);
        assert_eq!(
            violations,
            [format!("time/sleep.rs: {path} is declared in scope/run.rs")],
            "{text}"
        );
    }
}

#[test]
fn mod_lines_out_of_order_are_found() {
    let graph =
        with("kernel/mod.rs", "mod b; mod a; pub(crate) use a::{Kernel, other as another};");
    let violation = "kernel/mod.rs: kernel/b.rs -> kernel/a.rs: Kernel";
    assert_eq!(mod_lines_out_of_order(&graph), [violation]);
    let graph = ModuleGraph::read(&[
        ("lib.rs", "mod time; mod kernel;\nmod waiting {}"),
        ("kernel.rs", ""),
        ("time.rs", ""),
    ]);
    let violations = layers_out_of_order(&graph);
    assert!(violations.contains(&"lib.rs: time is declared before kernel".to_owned()));
    assert!(violations.contains(&"there is no layer task".to_owned()));
    assert_eq!(violations.len(), 1 + 21);
}

#[test]
fn a_generator_imports_little() {
    let graph = ModuleGraph::read(&[
        ("lib.rs", "mod cancel; mod kernel; mod generator;"),
        ("cancel.rs", "pub struct BodyRegion;"),
        ("kernel.rs", "pub struct Kernel;"),
        ("generator.rs", "use crate::cancel::BodyRegion; use crate::kernel::Kernel;"),
    ]);
    assert_eq!(upward_imports(&graph), ["generator.rs -> kernel.rs: Kernel"]);
}

#[test]
fn an_import_cycle_is_found() {
    let graph = with("kernel/a.rs", "use crate::kernel::b; pub struct Kernel; pub fn other() {}");
    assert_eq!(import_cycles(&graph).0, ["kernel/a.rs, kernel/b.rs"]);
    // Through a re-export, and of three files.
    let graph = with(
        "time/sleep.rs",
        "use crate::task::Scope; use crate::kernel::Kernel; pub fn sleep() {}",
    );
    assert_eq!(import_cycles(&graph).0, ["scope/run.rs, task/join.rs, time/sleep.rs"]);
}

#[test]
fn an_impl_outside_the_kernel_is_found() {
    for text in [
        "use crate::kernel::Kernel; impl Kernel {} pub fn sleep() {}",
        "use crate::kernel::Kernel as K; impl<T: Fn() -> u8> More<T> for K {} pub fn sleep() {}",
        "pub fn sleep() {} impl Clone for &'static crate::kernel::Kernel {}",
    ] {
        let violations = impls_outside_the_kernel(&with("time/sleep.rs", text));
        assert_eq!(violations, ["time/sleep.rs: impl Kernel"], "{text}");
    }
    // Another type of the same name, and `impl`s that only mention it.
    let text = "struct Kernel; impl Kernel {} impl From<crate::kernel::Kernel> for Time {} \
                fn sleep(f: impl Fn(&crate::kernel::Kernel)) {}";
    assert_eq!(impls_outside_the_kernel(&with("time/sleep.rs", text)), [""; 0]);
}

#[test]
fn a_forbidden_import_of_the_kernel_is_found() {
    let text =
        "use jiff::Zoned; use crate::time::sleep; fn b() { loom::model(); std::mem::swap() }";
    assert_eq!(
        forbidden_kernel_imports(&with("kernel/b.rs", text)),
        ["kernel/b.rs: crate::time::sleep", "kernel/b.rs: jiff::Zoned", "kernel/b.rs: loom::model"]
    );
}

#[test]
fn another_item_in_a_mod_rs_is_found() {
    let allowed = "//! A folder.\n#![allow(\n    dead_code,\n)]\nmod a;\n#[doc(hidden)]\npub(crate) use a::{b,\n c};\n\
                pub mod __private { pub use super::a; }";
    assert_eq!(other_items_in_mod_rs("x/mod.rs", allowed), [""; 0]);
    let more = "mod a; pub fn one() {} #[derive(Debug)] struct Two(u8); impl Three for Two { fn f() {} } use a::b;";
    assert_eq!(
        other_items_in_mod_rs("x/mod.rs", more),
        ["x/mod.rs: fn one", "x/mod.rs: struct Two", "x/mod.rs: impl Three for Two"]
    );
}

#[test]
fn a_wrong_step_is_found() {
    let files =
        BTreeMap::from([("a.rs", "fn one() {}\nfn two<T>() {}"), ("b.rs", "// fn three()")]);
    let check = |page: &str, max| wrong_steps(page, ("A sleep", max), &files);
    let page = "//! ## A sleep\n//!\n//! It goes so:\n//! 1. `a.rs`: `one`, `A::two` – as `it` goes\n//!    on\n\
                //! ## Another\n//! 1. `c.rs`: `none` – no\n";
    assert_eq!(check(page, 1), [""; 0]);
    assert_eq!(check(page, 0), ["A sleep: 1 files, and at most 0 are allowed"]);
    assert_eq!(check("//! none", 1), ["A sleep: the heading is missing"]);
    assert_eq!(check("//! ## A sleep\n\nmod a;", 1), ["A sleep: there are no steps"]);
    let page =
        "//! ## A sleep\n//! 1. `b.rs`: `three` – no\n//! 3. `c.rs`: `four` – no\n//! 3. five";
    assert_eq!(
        check(page, 2),
        [
            "A sleep: b.rs has no `fn three`",
            "A sleep: step 2 has the number 3",
            "A sleep: there is no file c.rs",
            "A sleep: step 3 is not \"`file`: `function` – words\"",
        ]
    );
}

#[test]
fn retired_words_are_found_in_names_only() {
    assert_eq!(
        words::retired_in("a.rs", "// the tenant\nfn f() { \"tenant\"; retell(again) }"),
        [""; 0]
    );
    for text in ["struct TenantOf;", "fn last_tenant() {}", "let TENANT = 1;"] {
        assert_eq!(words::retired_in("a.rs", text), ["a.rs: `tenant` is retired: use `occupant`"]);
    }
    assert_eq!(words::retired_in("a.rs", "Rare"), ["a.rs: `Rare` is retired: use `Extra`"]);
}

#[test]
fn unlisted_and_unused_words_are_found() {
    let design =
        "\n## Glossary\n\nText.\n\n| word | means |\n|---|---|\n| turn | a poll |\n\n| x | y |";
    let glossary = words::glossary(design);
    assert_eq!(glossary, BTreeSet::from(["turn".to_owned()]));
    let reasons = words::reasons("# head\n\nlane: no better one");
    let violations = |vocabulary, text| {
        let used = words::words(text).into_iter().map(|word| (word, "a.rs".to_owned())).collect();
        words::unknown_or_unused(&used, vocabulary, &glossary, &reasons)
    };
    let text = "fn give_turn(lane: MyLane)";
    assert_eq!(violations("# head\nfn give my", text), [""; 0]);
    assert_eq!(
        violations("fn my", text),
        ["a.rs: `give` is not in any word list: see tests/words.txt"]
    );
    let unused = ["`no` is listed but unused: remove it"];
    assert_eq!(violations("fn give my no", text), unused);
    assert_eq!(violations("give fn my", text), ["the vocabulary is not in alphabetical order"]);
}

#[test]
fn two_types_that_share_a_name_are_found() {
    let found = |a, b| types_that_share_a_name([("a.rs", a), ("b.rs", b)].into_iter());
    assert_eq!(found("struct One;", "enum Two {}\n// struct One\n    type One = u8;"), [""; 0]);
    assert_eq!(found("pub struct One;", "pub enum One {}"), [""; 0]);
    let violation = ["`One` is the name of 2 types: [\"a.rs\", \"b.rs\"]"];
    assert_eq!(found("pub struct One;", "pub(crate) trait One {}"), violation);
}

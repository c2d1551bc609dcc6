//! The rules can fail: small crates with one breach each, and without.

use std::collections::{BTreeMap, BTreeSet};

use crate::arrows::Found;
use crate::modules::House;
use crate::rules::{
    circles_of_files, impls_abroad, imports_of_the_kernel, imports_that_point_up,
    imports_through_faces, layers_out_of_order, mod_lines_out_of_order, more_than_a_face,
    types_of_one_name, untrue_steps,
};
use crate::words;

/// Three layers; `task/mod.rs` shows what is above it.
fn with(file: &'static str, text: &'static str) -> House {
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
    House::read(&files.into_iter().collect::<Vec<_>>())
}

#[test]
fn a_crate_in_order_has_no_breach() {
    let house = with("random.rs", "");
    assert_eq!(imports_that_point_up(&house), [""; 0]);
    assert_eq!(imports_through_faces(&house), [""; 0]);
    assert_eq!(mod_lines_out_of_order(&house), [""; 0]);
    assert_eq!(circles_of_files(&house).0, [""; 0]);
    assert_eq!(impls_abroad(&house), [""; 0]);
    assert_eq!(imports_of_the_kernel(&house), [""; 0]);
}

#[test]
fn doors_are_followed_to_the_file_that_declares() {
    let house = with("random.rs", "");
    let resolve =
        |path: &str| house.resolve(0, &path.split("::").map(str::to_owned).collect::<Vec<_>>());
    let item = |file: &str, name: &str| Found::Item { file: file.into(), name: name.into() };
    assert_eq!(resolve("crate::scope"), item("scope/run.rs", "scope"));
    assert_eq!(resolve("crate::task::Scope::new"), item("scope/run.rs", "Scope"));
    assert_eq!(resolve("crate::kernel::another"), item("kernel/a.rs", "other"));
    assert_eq!(resolve("crate::time::wake"), Found::Nothing);
    assert_eq!(resolve("std::mem"), Found::Foreign);
}

#[test]
fn an_upward_arrow_through_a_door_is_found() {
    let up = ["task/join.rs -> scope/run.rs: Scope"];
    for text in [
        "use crate::task::Scope; fn join() {}",
        "use crate::{\n    time::{self, sleep as nap},\n    task::{Scope as Room},\n}; fn join() {}",
        "fn join() { crate::task::Scope::new() }",
        "use crate::task; fn join() { task::Scope::new() }",
        "use super::Scope; fn join() {}",
    ] {
        let breaches = imports_that_point_up(&with("task/join.rs", text));
        assert_eq!(breaches, up, "{text}");
    }
    for text in [
        "//! `crate::scope::Scope`\nfn join() { \"crate::scope::Scope\"; /* crate::scope::Scope */ }",
        "fn join() {}\n#[cfg(test)]\nmod tests { use crate::scope::Scope; }",
        "fn join() {}\nmacro_rules! m { () => { $crate::scope::Scope } }",
        "pub(in crate::scope) fn join<'a>(c: char) { c == '\"'; b'\\''; r#\"\"crate::scope\"\"#; }",
    ] {
        let breaches = imports_that_point_up(&with("task/join.rs", text));
        assert_eq!(breaches, [""; 0], "{text}");
    }
}

#[test]
fn a_macro_is_found_where_it_is_written() {
    let house = House::read(&[
        ("lib.rs", "mod kernel; mod time;"),
        ("kernel.rs", "use crate::pick;"),
        ("time.rs", "#[macro_export] macro_rules! pick { () => {} }"),
    ]);
    assert_eq!(imports_that_point_up(&house), ["kernel.rs -> time.rs: pick"]);
}

#[test]
fn what_leads_nowhere_and_what_has_no_layer_is_found() {
    let house = with("task/join.rs", "use crate::time::wake; fn join() {}");
    assert_eq!(imports_that_point_up(&house), ["task/join.rs: `crate::time::wake` leads nowhere"]);
    let house = House::read(&[("lib.rs", "mod misc;"), ("misc.rs", "")]);
    assert_eq!(imports_that_point_up(&house), ["misc.rs is in no layer"]);
}

#[test]
fn an_import_through_the_face_of_another_layer_is_found() {
    for (text, path) in [
        ("use crate::task::{Scope, join};", "crate::task::Scope"),
        ("fn f() { crate::task::Scope::new() }", "crate::task::Scope"),
        ("use crate::task; fn f() { task::Scope::new() }", "task::Scope"),
        ("use crate::scope;", "crate::scope"),
    ] {
        let house = with("time/sleep.rs", text);
        let breaches = imports_through_faces(&house);
        assert_eq!(breaches, [format!("time/sleep.rs: {path} is of scope/run.rs")], "{text}");
    }
}

#[test]
fn mod_lines_out_of_order_are_found() {
    let house =
        with("kernel/mod.rs", "mod b; mod a; pub(crate) use a::{Kernel, other as another};");
    let breach = "kernel/mod.rs: kernel/b.rs -> kernel/a.rs: Kernel";
    assert_eq!(mod_lines_out_of_order(&house), [breach]);
    let house = House::read(&[
        ("lib.rs", "mod time; mod kernel;\nmod waiting {}"),
        ("kernel.rs", ""),
        ("time.rs", ""),
    ]);
    let breaches = layers_out_of_order(&house);
    assert!(breaches.contains(&"lib.rs: time stands before kernel".to_owned()));
    assert!(breaches.contains(&"there is no layer task".to_owned()));
    assert_eq!(breaches.len(), 1 + 18);
}

#[test]
fn a_generator_imports_little() {
    let house = House::read(&[
        ("lib.rs", "mod cancel; mod kernel; mod generator;"),
        ("cancel.rs", "pub struct Region;"),
        ("kernel.rs", "pub struct Kernel;"),
        ("generator.rs", "use crate::cancel::Region; use crate::kernel::Kernel;"),
    ]);
    assert_eq!(imports_that_point_up(&house), ["generator.rs -> kernel.rs: Kernel"]);
}

#[test]
fn a_circle_is_found() {
    let house = with("kernel/a.rs", "use crate::kernel::b; pub struct Kernel; pub fn other() {}");
    assert_eq!(circles_of_files(&house).0, ["kernel/a.rs, kernel/b.rs"]);
    // Behind a door, and of three.
    let house = with(
        "time/sleep.rs",
        "use crate::task::Scope; use crate::kernel::Kernel; pub fn sleep() {}",
    );
    assert_eq!(circles_of_files(&house).0, ["scope/run.rs, task/join.rs, time/sleep.rs"]);
}

#[test]
fn an_impl_abroad_is_found() {
    for text in [
        "use crate::kernel::Kernel; impl Kernel {} pub fn sleep() {}",
        "use crate::kernel::Kernel as K; impl<T: Fn() -> u8> More<T> for K {} pub fn sleep() {}",
        "pub fn sleep() {} impl Clone for &'static crate::kernel::Kernel {}",
    ] {
        let breaches = impls_abroad(&with("time/sleep.rs", text));
        assert_eq!(breaches, ["time/sleep.rs: impl Kernel"], "{text}");
    }
    // Another type of that name, and one that only has to do with it.
    let text = "struct Kernel; impl Kernel {} impl From<crate::kernel::Kernel> for Time {} \
                fn sleep(f: impl Fn(&crate::kernel::Kernel)) {}";
    assert_eq!(impls_abroad(&with("time/sleep.rs", text)), [""; 0]);
}

#[test]
fn what_the_kernel_must_not_import_is_found() {
    let text =
        "use jiff::Zoned; use crate::time::sleep; fn b() { loom::model(); std::mem::swap() }";
    assert_eq!(
        imports_of_the_kernel(&with("kernel/b.rs", text)),
        ["kernel/b.rs: crate::time::sleep", "kernel/b.rs: jiff::Zoned", "kernel/b.rs: loom::model"]
    );
}

#[test]
fn more_than_a_face_is_found() {
    let face = "//! A door.\n#![allow(\n    dead_code,\n)]\nmod a;\n#[doc(hidden)]\npub(crate) use a::{b,\n c};\n\
                pub mod __private { pub use super::a; }";
    assert_eq!(more_than_a_face("x/mod.rs", face), [""; 0]);
    let more = "mod a; pub fn one() {} #[derive(Debug)] struct Two(u8); impl Three for Two { fn f() {} } use a::b;";
    assert_eq!(
        more_than_a_face("x/mod.rs", more),
        ["x/mod.rs: fn one", "x/mod.rs: struct Two", "x/mod.rs: impl Three for Two"]
    );
}

#[test]
fn an_untrue_step_is_found() {
    let files =
        BTreeMap::from([("a.rs", "fn one() {}\nfn two<T>() {}"), ("b.rs", "// fn three()")]);
    let walk = |page: &str, most| untrue_steps(page, ("A sleep", most), &files);
    let page = "//! ## A sleep\n//!\n//! It goes so:\n//! 1. `a.rs`: `one`, `A::two` – as `it` goes\n//!    on\n\
                //! ## Another\n//! 1. `c.rs`: `none` – no\n";
    assert_eq!(walk(page, 1), [""; 0]);
    assert_eq!(walk(page, 0), ["A sleep: 1 files, and 0 are allowed"]);
    assert_eq!(walk("//! none", 1), ["A sleep: the heading is missing"]);
    assert_eq!(walk("//! ## A sleep\n\nmod a;", 1), ["A sleep: there are no steps"]);
    let page =
        "//! ## A sleep\n//! 1. `b.rs`: `three` – no\n//! 3. `c.rs`: `four` – no\n//! 3. five";
    assert_eq!(
        walk(page, 2),
        [
            "A sleep: b.rs has no `fn three`",
            "A sleep: step 2 has the number 3",
            "A sleep: there is no file c.rs",
            "A sleep: step 3 is not \"`file`: `function` – words\"",
        ]
    );
}

#[test]
fn given_up_words_are_found_in_names_and_in_no_other_text() {
    assert_eq!(
        words::given_up("a.rs", "// the tenant\nfn f() { \"tenant\"; retell(again) }"),
        [""; 0]
    );
    for text in ["struct TenantOf;", "fn last_tenant() {}", "let TENANT = 1;"] {
        assert_eq!(words::given_up("a.rs", text), ["a.rs: `tenant` was given up for: occupant"]);
    }
    assert_eq!(words::given_up("a.rs", "Rare"), ["a.rs: `Rare` was given up for: Extra"]);
}

#[test]
fn a_word_that_is_in_no_list_is_found_and_so_is_one_that_is_in_no_name() {
    let design =
        "\n## Glossary\n\nText.\n\n| word | means |\n|---|---|\n| turn | a poll |\n\n| x | y |";
    let glossary = words::glossary(design);
    assert_eq!(glossary, BTreeSet::from(["turn".to_owned()]));
    let reasons = words::reasons("# head\n\nlane: no better one");
    let breaches = |vocabulary, text| {
        let used = words::words(text).into_iter().map(|word| (word, "a.rs".to_owned())).collect();
        words::unknown_or_unused(&used, vocabulary, &glossary, &reasons)
    };
    let text = "fn give_turn(lane: MyLane)";
    assert_eq!(breaches("# head\nfn give my", text), [""; 0]);
    assert_eq!(
        breaches("fn my", text),
        ["a.rs: `give` is a new word in names: see tests/words.txt"]
    );
    let unused = ["`no` is listed and in no name any more: remove it"];
    assert_eq!(breaches("fn give my no", text), unused);
    assert_eq!(breaches("give fn my", text), ["the vocabulary is not in alphabetical order"]);
}

#[test]
fn two_types_of_one_name_are_found() {
    let found = |a, b| types_of_one_name([("a.rs", a), ("b.rs", b)].into_iter());
    assert_eq!(found("struct One;", "enum Two {}\n// struct One\n    type One = u8;"), [""; 0]);
    assert_eq!(found("pub struct One;", "pub enum One {}"), [""; 0]);
    let breach = ["`One` is the name of 2 types: [\"a.rs\", \"b.rs\"]"];
    assert_eq!(found("pub struct One;", "pub(crate) trait One {}"), breach);
}

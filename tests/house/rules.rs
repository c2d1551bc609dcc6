//! The rules of the layers. Each returns its breaches, one line for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::arrows::{Arrow, Found, circles};
use crate::modules::{House, is_door};
use crate::tokens::{behind, is_name, tokens};

/// The layers, the lowest first: folders of `src`, and files at its root. `lib.rs` is above all.
const LAYERS: [&str; 20] = [
    "kernel",
    "slab",
    "random",
    "wait_here",
    "report",
    "watch",
    "limits",
    "sync",
    "cancel",
    "time",
    "task",
    "scope",
    "channel",
    "combine",
    "blocking",
    "scheduler",
    "generator",
    "jobs",
    "stream",
    "coming_from_asyncio",
];

/// Layers that may import only this of the others: a generator needs no executor, but is cancelled in a region.
const NARROW: [(&str, &[&str]); 1] =
    [("generator", &["cancel::Region", "cancel::Role", "cancel::left"])];

/// Types that are written in one folder, and nowhere else.
const TYPES_OF_THE_KERNEL: [&str; 4] = ["Kernel", "Board", "Run", "TaskMap"];

/// What the executor imports, and what it must not name without an import either.
const CRATES_OF_THE_KERNEL: [&str; 3] = ["std", "core", "pin_project_lite"];
const OTHER_CRATES: [&str; 4] = ["loom", "thiserror", "futures_core", "jiff"];

fn layer(file: &str) -> &str {
    file.split('/').next().expect("it has a part").trim_end_matches(".rs")
}

fn height(file: &str) -> usize {
    LAYERS.iter().position(|name| *name == layer(file)).unwrap_or(LAYERS.len())
}

pub(crate) fn imports_that_point_up(house: &House) -> Vec<String> {
    let (arrows, mut breaches) = house.arrows();
    for module in &house.modules {
        if height(&module.file) == LAYERS.len() && module.file != "lib.rs" {
            breaches.push(format!("{} is in no layer", module.file));
        }
    }
    for Arrow { from, to, name } in &arrows {
        let is_narrow = |(layer_of_it, allowed): &(&str, &[&str])| {
            let what = format!("{}::{name}", layer(to));
            layer(from) == *layer_of_it && layer(to) != layer(from) && !allowed.contains(&&*what)
        };
        if height(to) > height(from) || NARROW.iter().any(is_narrow) {
            breaches.push(format!("{from} -> {to}: {name}"));
        }
    }
    breaches
}

/// Whether `lib.rs` declares the layers, all of them and in their order.
pub(crate) fn layers_out_of_order(house: &House) -> Vec<String> {
    let declared = mod_lines(house, 0);
    let mut breaches = Vec::new();
    for name in LAYERS.iter().filter(|name| !declared.contains(name)) {
        breaches.push(format!("there is no layer {name}"));
    }
    for pair in declared.windows(2) {
        if height(pair[0]) > height(pair[1]) {
            breaches.push(format!("lib.rs: {} stands before {}", pair[0], pair[1]));
        }
    }
    breaches
}

/// The names of the modules that have files of their own, in the order in which they are declared.
fn mod_lines(house: &House, number: usize) -> Vec<&str> {
    let module = &house.modules[number];
    let has_file = |child: &usize| house.modules[*child].file != module.file;
    let children = module.children.iter().filter(|(_, child)| has_file(child));
    let mut children: Vec<_> = children.map(|(name, child)| (*child, name.as_str())).collect();
    // Modules are numbered as they are read.
    children.sort_unstable();
    children.into_iter().map(|(_, name)| name).collect()
}

/// Within a folder a file imports only those whose `mod` lines stand above its own.
pub(crate) fn mod_lines_out_of_order(house: &House) -> Vec<String> {
    let (arrows, _) = house.arrows();
    let mut breaches = Vec::new();
    let within = arrows.iter().filter(|arrow| layer(&arrow.from) == layer(&arrow.to));
    for Arrow { from, to, name } in within {
        let (from_parts, to_parts) = (parts(from), parts(to));
        let pairs = from_parts.iter().zip(&to_parts);
        let common = pairs.take_while(|(one, other)| one == other).count();
        let folder = from_parts[..common].join("/");
        let doors = [format!("{folder}/mod.rs"), format!("{folder}.rs")];
        let door = house.modules.iter().position(|module| doors.contains(&module.file));
        let Some(number) = door else { continue };
        let lines = mod_lines(house, number);
        let line = |parts: &[&str]| {
            let part = parts.get(common)?;
            lines.iter().position(|line| line == part)
        };
        if let (Some(above), Some(below)) = (line(&from_parts), line(&to_parts))
            && below > above
        {
            breaches.push(format!("{}: {from} -> {to}: {name}", house.modules[number].file));
        }
    }
    breaches
}

fn parts(file: &str) -> Vec<&str> {
    file.trim_end_matches(".rs").split('/').collect()
}

/// Imports of what a door shows of another layer: that is for users, and inside it would hide where things are.
pub(crate) fn imports_through_faces(house: &House) -> Vec<String> {
    let mut breaches = BTreeSet::new();
    for (number, module) in house.modules.iter().enumerate() {
        let imports =
            module.uses.iter().filter(|found| !(is_door(&module.file) && found.is_public));
        for path in imports.map(|found| &found.path).chain(&module.paths) {
            for end in 1..path.len() {
                let Found::Module(door) = house.resolve(number, &path[..end]) else { break };
                let Found::Item { file, .. } = house.resolve(number, &path[..=end]) else {
                    continue;
                };
                let is_macro = door == 0 && house.macros.contains_key(&path[end]);
                let door = &house.modules[door].file;
                if is_door(door) && layer(door) != layer(&file) && !is_macro {
                    breaches.insert(format!(
                        "{}: {} is of {file}",
                        module.file,
                        path[..=end].join("::")
                    ));
                }
            }
        }
    }
    breaches.into_iter().collect()
}

/// The circles, and the arrows within them.
pub(crate) fn circles_of_files(house: &House) -> (Vec<String>, Vec<String>) {
    let (arrows, _) = house.arrows();
    let (mut found, mut within) = (Vec::new(), Vec::new());
    for circle in circles(&arrows) {
        let is_in = |file: &str| circle.contains(&file);
        let inner = arrows.iter().filter(|arrow| is_in(&arrow.from) && is_in(&arrow.to));
        within.extend(inner.map(|Arrow { from, to, name }| format!("{from} -> {to}: {name}")));
        found.push(circle.join(", "));
    }
    (found, within)
}

pub(crate) fn impls_abroad(house: &House) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, module) in house.modules.iter().enumerate() {
        for path in module.impls.iter().filter(|path| !path.is_empty()) {
            let Found::Item { file, name } = house.resolve(number, path) else { continue };
            let is_the_kernels = layer(&file) == "kernel" && layer(&module.file) != "kernel";
            if is_the_kernels && TYPES_OF_THE_KERNEL.contains(&name.as_str()) {
                breaches.push(format!("{}: impl {name}", module.file));
            }
        }
    }
    breaches
}

pub(crate) fn imports_of_the_kernel(house: &House) -> Vec<String> {
    let mut breaches = BTreeSet::new();
    for (number, module) in house.below("kernel/") {
        let is_allowed = |name: &str| {
            CRATES_OF_THE_KERNEL.contains(&name)
                || name == "loom" && module.file == "kernel/atomic.rs"
        };
        let imports = module.uses.iter().map(|found| (&found.path, true));
        for (path, is_import) in imports.chain(module.paths.iter().map(|path| (path, false))) {
            let (first, whole) = (path[0].as_str(), path.join("::"));
            let is_breach = match house.resolve(number, path) {
                Found::Module(to) => layer(&house.modules[to].file) != "kernel",
                Found::Item { file, .. } => layer(&file) != "kernel",
                Found::Foreign if is_import => !is_allowed(first),
                Found::Foreign => OTHER_CRATES.contains(&first) && !is_allowed(first),
                Found::Nothing => true,
            };
            if is_breach {
                breaches.insert(format!("{}: {whole}", module.file));
            }
        }
    }
    breaches.into_iter().collect()
}

/// What a door has beside `mod`, `use` and attributes: each with its first words.
pub(crate) fn more_than_a_face(file: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let (mut breaches, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let word = |by: usize| tokens.get(at + by).map_or("", String::as_str);
        at = match word(0) {
            "#" if word(1) == "!" => behind(&tokens, at + 2),
            "#" => behind(&tokens, at + 1),
            "pub" if word(1) == "(" => behind(&tokens, at + 1),
            "pub" | "}" => at + 1,
            // A module within is a face as well.
            "mod" if is_name(word(1)) => at + 3,
            "use" => end_of_item(&tokens, at),
            _ => {
                let end = end_of_item(&tokens, at);
                let head = tokens[at..end].iter().map(String::as_str);
                let is_impl = word(0) == "impl";
                let head = head.take_while(|token| is_name(token) || is_impl && *token != "{");
                let head: Vec<&str> = head.filter(|token| is_name(token)).collect();
                breaches.push(format!("{file}: {}", head.join(" ")));
                end
            }
        };
    }
    breaches
}

/// The place behind the next `;`, or behind the next braces.
fn end_of_item(tokens: &[String], mut at: usize) -> usize {
    let is_use = tokens[at] == "use";
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "{" if !is_use => return behind(tokens, at),
            "{" | "(" | "[" => at = behind(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The walks that the front page of the kernel describes, and how many files each may lead through.
pub(crate) const WALKS: [(&str, usize); 3] =
    [("A wake, to its turn", 7), ("A task, from spawn to join", 13), ("A sleep", 10)];

/// Checks a walk: lines ``//! 1. `folder/file.rs`: `function`, `other` – words`` below its heading.
pub(crate) fn untrue_steps(
    page: &str,
    (title, most): (&str, usize),
    files: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let heading = format!("//! ## {title}");
    let mut lines = page.lines().skip_while(|line| *line != heading);
    if lines.next().is_none() {
        return vec![format!("{title}: the heading is missing")];
    }
    let (mut breaches, mut walked, mut steps) = (Vec::new(), BTreeSet::new(), 0);
    for line in lines.take_while(|line| line.starts_with("//!") && !line.starts_with("//! #")) {
        let Some(number) = number_of_step(line) else { continue };
        steps += 1;
        let Some((file, functions)) = step(line) else {
            breaches.push(format!("{title}: step {number} is not \"`file`: `function` – words\""));
            continue;
        };
        if number != steps {
            breaches.push(format!("{title}: step {steps} has the number {number}"));
        }
        walked.insert(file);
        match files.get(file) {
            None => breaches.push(format!("{title}: there is no file {file}")),
            Some(text) => {
                let declared = tokens(text);
                let is_declared = |name: &str| {
                    declared.windows(2).any(|words| words[0] == "fn" && words[1] == name)
                };
                let missing = functions.into_iter().filter(|name| !is_declared(name));
                breaches.extend(missing.map(|name| format!("{title}: {file} has no `fn {name}`")));
            }
        }
    }
    if steps == 0 {
        breaches.push(format!("{title}: there are no steps"));
    }
    if walked.len() > most {
        breaches.push(format!("{title}: {} files, and {most} are allowed", walked.len()));
    }
    breaches
}

fn number_of_step(line: &str) -> Option<usize> {
    line.strip_prefix("//! ")?.split_once(". ")?.0.parse().ok()
}

/// The file and the functions of a step.
fn step(line: &str) -> Option<(&str, Vec<&str>)> {
    let (_, rest) = line.split_once(". `")?;
    let (file, rest) = rest.split_once("`: ")?;
    let (functions, _) = rest.split_once(" – ")?;
    let functions = functions.split(", ").map(|function| {
        let name = function.strip_prefix('`')?.strip_suffix('`')?.trim_end_matches("()");
        Some(name.rsplit("::").next().unwrap_or(name))
    });
    Some((file, functions.collect::<Option<Vec<&str>>>()?))
}

/// Types that are declared under a name which another has too. Public ones are told apart by their paths; those of
/// `cancel` keep their names until it is founded anew.
pub(crate) fn types_of_one_name<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let mut declared: BTreeMap<String, Vec<(&str, bool)>> = BTreeMap::new();
    for (path, text) in files.filter(|(path, _)| !path.starts_with("cancel/")) {
        for line in text.lines() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let is_comment = line.trim_start().starts_with("//");
            let kind = words
                .iter()
                .take(4)
                .position(|word| matches!(*word, "struct" | "enum" | "trait" | "type"));
            let is_nested_type = line.starts_with(' ') && words.contains(&"type");
            let (Some(kind), false, false) = (kind, is_comment, is_nested_type) else { continue };
            let Some(name) = words.get(kind + 1).filter(|name| is_name(name)) else { continue };
            let is_public = line.trim_start().starts_with("pub ");
            declared.entry((*name).to_owned()).or_default().push((path, is_public));
        }
    }
    let mut breaches = Vec::new();
    for (name, places) in &declared {
        if places.len() > 1 && places.iter().any(|(_, is_public)| !is_public) {
            let places: Vec<&str> = places.iter().map(|(path, _)| *path).collect();
            breaches.push(format!("`{name}` is the name of {} types: {places:?}", places.len()));
        }
    }
    breaches
}

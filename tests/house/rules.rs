//! The rules of the layers. Each function returns the violations of one rule, a line for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::edges::{Edge, Resolution, cycles};
use crate::modules::{ModuleGraph, is_module_root};
use crate::tokens::{after, is_name, tokens};

/// The layers, lowest first: folders of `src`, and files at its root. `lib.rs` is above all of them.
const LAYERS: [&str; 23] = [
    "kernel",
    "slab",
    "random",
    "machine",
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
    "record",
    "stream",
    "spans",
    "coming_from_asyncio",
];

/// Layers that may import only this of the others: a generator needs no executor, but is cancelled in a region.
const NARROW: [(&str, &[&str]); 1] = [("generator", &["cancel::BodyRegion", "cancel::Closing"])];

/// Types that have `impl`s only in the kernel.
const KERNEL_TYPES: [&str; 4] = ["Kernel", "Board", "Run", "TaskMap"];

/// Crates that the kernel may import, and crates that it must not name even without an import.
const KERNEL_CRATES: [&str; 3] = ["std", "core", "pin_project_lite"];
const FORBIDDEN_CRATES: [&str; 6] =
    ["loom", "thiserror", "futures_core", "jiff", "serde", "serde_json"];

fn layer(file: &str) -> &str {
    file.split('/').next().expect("`split` yields a part").trim_end_matches(".rs")
}

fn rank(file: &str) -> usize {
    LAYERS.iter().position(|name| *name == layer(file)).unwrap_or(LAYERS.len())
}

pub(crate) fn upward_imports(graph: &ModuleGraph) -> Vec<String> {
    let (edges, mut violations) = graph.edges();
    for module in &graph.modules {
        if rank(&module.file) == LAYERS.len() && module.file != "lib.rs" {
            violations.push(format!("{} is in no layer", module.file));
        }
    }
    for Edge { from, to, name } in &edges {
        let is_narrow = |(narrow, allowed): &(&str, &[&str])| {
            let item = format!("{}::{name}", layer(to));
            layer(from) == *narrow && layer(to) != layer(from) && !allowed.contains(&&*item)
        };
        if rank(to) > rank(from) || NARROW.iter().any(is_narrow) {
            violations.push(format!("{from} -> {to}: {name}"));
        }
    }
    violations
}

/// `lib.rs` declares all layers, in order.
pub(crate) fn layers_out_of_order(graph: &ModuleGraph) -> Vec<String> {
    let declared = mod_lines(graph, 0);
    let mut violations = Vec::new();
    for name in LAYERS.iter().filter(|name| !declared.contains(name)) {
        violations.push(format!("there is no layer {name}"));
    }
    for pair in declared.windows(2) {
        if rank(pair[0]) > rank(pair[1]) {
            violations.push(format!("lib.rs: {} is declared before {}", pair[0], pair[1]));
        }
    }
    violations
}

/// The names of the modules that have files of their own, in the order in which they are declared.
fn mod_lines(graph: &ModuleGraph, number: usize) -> Vec<&str> {
    let module = &graph.modules[number];
    let has_file = |child: &usize| graph.modules[*child].file != module.file;
    let children = module.children.iter().filter(|(_, child)| has_file(child));
    let mut children: Vec<_> = children.map(|(name, child)| (*child, name.as_str())).collect();
    // Modules are numbered in the order in which they are read.
    children.sort_unstable();
    children.into_iter().map(|(_, name)| name).collect()
}

/// Within a folder, a file imports only from files whose `mod` lines are above its own.
pub(crate) fn mod_lines_out_of_order(graph: &ModuleGraph) -> Vec<String> {
    let (edges, _) = graph.edges();
    let mut violations = Vec::new();
    let within = edges.iter().filter(|edge| layer(&edge.from) == layer(&edge.to));
    for Edge { from, to, name } in within {
        let (from_parts, to_parts) = (parts(from), parts(to));
        let pairs = from_parts.iter().zip(&to_parts);
        let common = pairs.take_while(|(one, other)| one == other).count();
        let folder = from_parts[..common].join("/");
        let roots = [format!("{folder}/mod.rs"), format!("{folder}.rs")];
        let root = graph.modules.iter().position(|module| roots.contains(&module.file));
        let Some(number) = root else { continue };
        let lines = mod_lines(graph, number);
        let line = |parts: &[&str]| {
            let part = parts.get(common)?;
            lines.iter().position(|line| line == part)
        };
        if let (Some(above), Some(below)) = (line(&from_parts), line(&to_parts))
            && below > above
        {
            violations.push(format!("{}: {from} -> {to}: {name}", graph.modules[number].file));
        }
    }
    violations
}

fn parts(file: &str) -> Vec<&str> {
    file.trim_end_matches(".rs").split('/').collect()
}

/// Imports through a re-export of another layer. Those are for users; within the crate they would hide dependencies.
pub(crate) fn imports_through_reexports(graph: &ModuleGraph) -> Vec<String> {
    let mut violations = BTreeSet::new();
    for (number, module) in graph.modules.iter().enumerate() {
        let imports =
            module.uses.iter().filter(|found| !(is_module_root(&module.file) && found.is_public));
        for path in imports.map(|found| &found.path).chain(&module.paths) {
            for end in 1..path.len() {
                let Resolution::Module(root) = graph.resolve(number, &path[..end]) else { break };
                let Resolution::Item { file, .. } = graph.resolve(number, &path[..=end]) else {
                    continue;
                };
                let is_macro = root == 0 && graph.macros.contains_key(&path[end]);
                let root = &graph.modules[root].file;
                if is_module_root(root) && layer(root) != layer(&file) && !is_macro {
                    violations.insert(format!(
                        "{}: {} is declared in {file}",
                        module.file,
                        path[..=end].join("::")
                    ));
                }
            }
        }
    }
    violations.into_iter().collect()
}

/// The import cycles, and the imports within them.
pub(crate) fn import_cycles(graph: &ModuleGraph) -> (Vec<String>, Vec<String>) {
    let (edges, _) = graph.edges();
    let (mut found, mut within) = (Vec::new(), Vec::new());
    for cycle in cycles(&edges) {
        let is_in = |file: &str| cycle.contains(&file);
        let inner = edges.iter().filter(|edge| is_in(&edge.from) && is_in(&edge.to));
        within.extend(inner.map(|Edge { from, to, name }| format!("{from} -> {to}: {name}")));
        found.push(cycle.join(", "));
    }
    (found, within)
}

pub(crate) fn impls_outside_the_kernel(graph: &ModuleGraph) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, module) in graph.modules.iter().enumerate() {
        for path in module.impls.iter().filter(|path| !path.is_empty()) {
            let Resolution::Item { file, name } = graph.resolve(number, path) else { continue };
            let is_kernel_type = layer(&file) == "kernel" && layer(&module.file) != "kernel";
            if is_kernel_type && KERNEL_TYPES.contains(&name.as_str()) {
                violations.push(format!("{}: impl {name}", module.file));
            }
        }
    }
    violations
}

pub(crate) fn forbidden_kernel_imports(graph: &ModuleGraph) -> Vec<String> {
    let mut violations = BTreeSet::new();
    for (number, module) in graph.below("kernel/") {
        let is_allowed = |name: &str| {
            KERNEL_CRATES.contains(&name) || name == "loom" && module.file == "kernel/atomic.rs"
        };
        let imports = module.uses.iter().map(|found| (&found.path, true));
        for (path, is_import) in imports.chain(module.paths.iter().map(|path| (path, false))) {
            let (first, whole) = (path[0].as_str(), path.join("::"));
            let is_violation = match graph.resolve(number, path) {
                Resolution::Module(to) => layer(&graph.modules[to].file) != "kernel",
                Resolution::Item { file, .. } => layer(&file) != "kernel",
                Resolution::External if is_import => !is_allowed(first),
                Resolution::External => FORBIDDEN_CRATES.contains(&first) && !is_allowed(first),
                Resolution::Unresolved => true,
            };
            if is_violation {
                violations.insert(format!("{}: {whole}", module.file));
            }
        }
    }
    violations.into_iter().collect()
}

/// The items of a `mod.rs` other than `mod`, `use` and attributes, by their first words.
pub(crate) fn other_items_in_mod_rs(file: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let (mut violations, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let word = |by: usize| tokens.get(at + by).map_or("", String::as_str);
        at = match word(0) {
            "#" if word(1) == "!" => after(&tokens, at + 2),
            "#" => after(&tokens, at + 1),
            "pub" if word(1) == "(" => after(&tokens, at + 1),
            "pub" | "}" => at + 1,
            // An inline module may contain the same items.
            "mod" if is_name(word(1)) => at + 3,
            "use" => end_of_item(&tokens, at),
            _ => {
                let end = end_of_item(&tokens, at);
                let head = tokens[at..end].iter().map(String::as_str);
                let is_impl = word(0) == "impl";
                let head = head.take_while(|token| is_name(token) || is_impl && *token != "{");
                let head: Vec<&str> = head.filter(|token| is_name(token)).collect();
                violations.push(format!("{file}: {}", head.join(" ")));
                end
            }
        };
    }
    violations
}

/// The index after the next `;`, or after the next braces.
fn end_of_item(tokens: &[String], mut at: usize) -> usize {
    let is_use = tokens[at] == "use";
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "{" if !is_use => return after(tokens, at),
            "{" | "(" | "[" => at = after(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The walkthroughs in the module docs of the kernel, and how many files each may visit.
pub(crate) const WALKTHROUGHS: [(&str, usize); 3] =
    [("A wake, to its turn", 7), ("A task, from spawn to join", 13), ("A sleep", 10)];

/// Checks a walkthrough: lines ``//! 1. `folder/file.rs`: `function`, `other` – words`` below its heading.
pub(crate) fn wrong_steps(
    page: &str,
    (title, max): (&str, usize),
    files: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let heading = format!("//! ## {title}");
    let mut lines = page.lines().skip_while(|line| *line != heading);
    if lines.next().is_none() {
        return vec![format!("{title}: the heading is missing")];
    }
    let (mut violations, mut visited, mut steps) = (Vec::new(), BTreeSet::new(), 0);
    for line in lines.take_while(|line| line.starts_with("//!") && !line.starts_with("//! #")) {
        let Some(number) = number_of_step(line) else { continue };
        steps += 1;
        let Some((file, functions)) = step(line) else {
            violations
                .push(format!("{title}: step {number} is not \"`file`: `function` – words\""));
            continue;
        };
        if number != steps {
            violations.push(format!("{title}: step {steps} has the number {number}"));
        }
        visited.insert(file);
        match files.get(file) {
            None => violations.push(format!("{title}: there is no file {file}")),
            Some(text) => {
                let declared = tokens(text);
                let is_declared = |name: &str| {
                    declared.windows(2).any(|words| words[0] == "fn" && words[1] == name)
                };
                let missing = functions.into_iter().filter(|name| !is_declared(name));
                violations
                    .extend(missing.map(|name| format!("{title}: {file} has no `fn {name}`")));
            }
        }
    }
    if steps == 0 {
        violations.push(format!("{title}: there are no steps"));
    }
    if visited.len() > max {
        violations.push(format!("{title}: {} files, and at most {max} are allowed", visited.len()));
    }
    violations
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

/// Type names that are declared more than once. Public types may share a name, since their paths differ.
pub(crate) fn types_that_share_a_name<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let mut declared: BTreeMap<String, Vec<(&str, bool)>> = BTreeMap::new();
    for (path, text) in files {
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
    let mut violations = Vec::new();
    for (name, types) in &declared {
        if types.len() > 1 && types.iter().any(|(_, is_public)| !is_public) {
            let paths: Vec<&str> = types.iter().map(|(path, _)| *path).collect();
            violations.push(format!("`{name}` is the name of {} types: {paths:?}", paths.len()));
        }
    }
    violations
}

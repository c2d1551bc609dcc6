//! Edges of the module graph: each import and path, resolved through re-exports to the file that declares the item.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{ModuleGraph, Path, is_module_root};

/// What a path resolves to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Module(usize),
    Item {
        file: String,
        name: String,
    },
    /// Outside the crate.
    External,
    Unresolved,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// The imported item, by the name of its declaration.
    pub(crate) name: String,
}

/// The longest chain of re-exports that is followed; a longer one is taken for a cycle.
const MAX_DEPTH: usize = 20;

impl ModuleGraph {
    /// Resolves a path that is written in this module.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Resolution {
        self.resolve_within(module, path, 0)
    }

    fn resolve_within(&self, module: usize, path: &[String], depth: usize) -> Resolution {
        if depth > MAX_DEPTH {
            return Resolution::External;
        }
        let is_last = path.len() == 1;
        let mut found = match path[0].as_str() {
            "crate" => Resolution::Module(0),
            "self" => Resolution::Module(module),
            "super" => Resolution::Module(self.modules[module].parent),
            name => match self.look_up(module, name, is_last, depth) {
                // A crate, a prelude item, `Self`, or a type parameter.
                Resolution::Unresolved => Resolution::External,
                found => found,
            },
        };
        for (at, name) in path.iter().enumerate().skip(1) {
            let Resolution::Module(here) = found else { return found };
            found = match name.as_str() {
                "super" => Resolution::Module(self.modules[here].parent),
                name => match self.look_up(here, name, at + 1 == path.len(), depth) {
                    // A re-export of an external item counts as its declaration.
                    Resolution::External => self.item(here, name),
                    found => found,
                },
            };
        }
        found
    }

    /// Looks up a name in a module. A path continues through modules, and ends at a re-export.
    fn look_up(&self, number: usize, name: &str, is_last: bool, depth: usize) -> Resolution {
        let module = &self.modules[number];
        let child = module.children.get(name).map(|&child| Resolution::Module(child));
        let through = |is_public: bool| {
            let mut uses = module.uses.iter();
            let found = uses.find(|found| found.name == name && found.is_public == is_public)?;
            let is_itself = found.path[0] == name && found.path.len() == 1;
            Some(if is_itself {
                Resolution::External
            } else {
                self.resolve_within(number, &found.path, depth + 1)
            })
        };
        let declared = || module.declares.contains(name).then(|| self.item(number, name));
        let found = if is_last {
            through(true).or_else(declared).or(child).or_else(|| through(false))
        } else {
            child.or_else(|| through(true)).or_else(declared).or_else(|| through(false))
        };
        let defined = || self.macros.get(name).filter(|_| number == 0);
        let found = found.or_else(|| defined().map(|&module| self.item(module, name)));
        found.unwrap_or(Resolution::Unresolved)
    }

    fn item(&self, module: usize, name: &str) -> Resolution {
        Resolution::Item { file: self.modules[module].file.clone(), name: name.to_owned() }
    }

    /// All edges between two files, and the paths that cannot be resolved. A re-export in a `mod.rs` is not an edge.
    pub(crate) fn edges(&self) -> (BTreeSet<Edge>, Vec<String>) {
        let (mut edges, mut unresolved) = (BTreeSet::new(), Vec::new());
        for (number, module) in self.modules.iter().enumerate() {
            let is_root = is_module_root(&module.file);
            let imports = module.uses.iter().filter(|found| !(is_root && found.is_public));
            let imports = imports.map(|found| &found.path);
            for path in imports.chain(module.paths.iter()) {
                let Some((to, name)) = self.file_and_name(number, path) else {
                    unresolved.push(format!(
                        "{}: `{}` cannot be resolved",
                        module.file,
                        path.join("::")
                    ));
                    continue;
                };
                if !to.is_empty() && to != module.file {
                    edges.insert(Edge { from: module.file.clone(), to, name });
                }
            }
        }
        (edges, unresolved)
    }

    /// File and name; the file is empty for an external item.
    fn file_and_name(&self, module: usize, path: &Path) -> Option<(String, String)> {
        match self.resolve(module, path) {
            Resolution::Module(to) => Some((self.modules[to].file.clone(), "self".to_owned())),
            Resolution::Item { file, name } => Some((file, name)),
            Resolution::External => Some((String::new(), String::new())),
            Resolution::Unresolved => None,
        }
    }
}

/// Import cycles, each sorted: the strongly connected components of two files or more, by Tarjan's algorithm.
pub(crate) fn cycles(edges: &BTreeSet<Edge>) -> Vec<Vec<&str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in edges {
        next.entry(&edge.from).or_default().push(&edge.to);
    }
    let mut search = Search { next: &next, seen: BTreeMap::new(), open: Vec::new(), done: vec![] };
    for &file in next.keys() {
        if !search.seen.contains_key(file) {
            search.visit(file);
        }
    }
    search.done.retain(|cycle| cycle.len() > 1);
    search.done.sort();
    search.done
}

struct Search<'n, 'a> {
    next: &'n BTreeMap<&'a str, Vec<&'a str>>,
    /// The visited files, numbered in the order of their visits.
    seen: BTreeMap<&'a str, usize>,
    /// Visited, and not yet in a component.
    open: Vec<&'a str>,
    done: Vec<Vec<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    /// Returns the lowest number of an open file that can be reached from here.
    fn visit(&mut self, file: &'a str) -> usize {
        let number = self.seen.len();
        self.seen.insert(file, number);
        let start = self.open.len();
        self.open.push(file);
        let mut lowest = number;
        for &to in self.next.get(file).into_iter().flatten() {
            match self.seen.get(to) {
                None => lowest = lowest.min(self.visit(to)),
                Some(&seen) if self.open.contains(&to) => lowest = lowest.min(seen),
                Some(_) => {}
            }
        }
        if lowest == number {
            let mut cycle = self.open.split_off(start);
            cycle.sort_unstable();
            self.done.push(cycle);
        }
        lowest
    }
}

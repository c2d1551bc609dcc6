//! Arrows from file to file: each import and each path, followed through the doors to the file that declares it.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{House, Path, is_door};

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Module(usize),
    Item {
        file: String,
        name: String,
    },
    /// Out of the crate.
    Foreign,
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    /// What is imported, as it is called where it is declared.
    pub(crate) name: String,
}

/// More doors behind each other than any house has.
const TOO_DEEP: usize = 20;

impl House {
    /// Follows a path that stands in this module.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Found {
        self.resolve_within(module, path, 0)
    }

    fn resolve_within(&self, module: usize, path: &[String], depth: usize) -> Found {
        if depth > TOO_DEEP {
            return Found::Foreign;
        }
        let is_last = path.len() == 1;
        let mut found = match path[0].as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(module),
            "super" => Found::Module(self.modules[module].parent),
            name => match self.look_up(module, name, is_last, depth) {
                // A crate, a name of the prelude, or an own type's.
                Found::Nothing => Found::Foreign,
                found => found,
            },
        };
        for (at, name) in path.iter().enumerate().skip(1) {
            let Found::Module(here) = found else { return found };
            found = match name.as_str() {
                "super" => Found::Module(self.modules[here].parent),
                name => match self.look_up(here, name, at + 1 == path.len(), depth) {
                    // A door that gives what is not ours stands for it.
                    Found::Foreign => self.item(here, name),
                    found => found,
                },
            };
        }
        found
    }

    /// Looks for a name in a module. A path goes on through modules, and ends at what a door shows.
    fn look_up(&self, number: usize, name: &str, is_last: bool, depth: usize) -> Found {
        let module = &self.modules[number];
        let child = module.children.get(name).map(|&child| Found::Module(child));
        let through = |is_public: bool| {
            let mut uses = module.uses.iter();
            let found = uses.find(|found| found.name == name && found.is_public == is_public)?;
            let is_itself = found.path[0] == name && found.path.len() == 1;
            Some(if is_itself {
                Found::Foreign
            } else {
                self.resolve_within(number, &found.path, depth + 1)
            })
        };
        let own = || module.declares.contains(name).then(|| self.item(number, name));
        let found = if is_last {
            through(true).or_else(own).or(child).or_else(|| through(false))
        } else {
            child.or_else(|| through(true)).or_else(own).or_else(|| through(false))
        };
        let written = || self.macros.get(name).filter(|_| number == 0);
        let found = found.or_else(|| written().map(|&module| self.item(module, name)));
        found.unwrap_or(Found::Nothing)
    }

    fn item(&self, module: usize, name: &str) -> Found {
        Found::Item { file: self.modules[module].file.clone(), name: name.to_owned() }
    }

    /// Every arrow between two files, and the paths that lead nowhere. What a door shows is no arrow of its own.
    pub(crate) fn arrows(&self) -> (BTreeSet<Arrow>, Vec<String>) {
        let (mut arrows, mut lost) = (BTreeSet::new(), Vec::new());
        for (number, module) in self.modules.iter().enumerate() {
            let is_face = is_door(&module.file);
            let imports = module.uses.iter().filter(|found| !(is_face && found.is_public));
            let imports = imports.map(|found| &found.path);
            for path in imports.chain(module.paths.iter()) {
                let Some((to, name)) = self.place_of(number, path) else {
                    lost.push(format!("{}: `{}` leads nowhere", module.file, path.join("::")));
                    continue;
                };
                if !to.is_empty() && to != module.file {
                    arrows.insert(Arrow { from: module.file.clone(), to, name });
                }
            }
        }
        (arrows, lost)
    }

    /// File and name; an empty file is outside of the crate.
    fn place_of(&self, module: usize, path: &Path) -> Option<(String, String)> {
        match self.resolve(module, path) {
            Found::Module(to) => Some((self.modules[to].file.clone(), "self".to_owned())),
            Found::Item { file, name } => Some((file, name)),
            Found::Foreign => Some((String::new(), String::new())),
            Found::Nothing => None,
        }
    }
}

/// The circles of files, each sorted: Tarjan's strongly connected components of two or more.
pub(crate) fn circles(arrows: &BTreeSet<Arrow>) -> Vec<Vec<&str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(&arrow.to);
    }
    let mut search = Search { next: &next, seen: BTreeMap::new(), open: Vec::new(), done: vec![] };
    for &file in next.keys() {
        if !search.seen.contains_key(file) {
            search.visit(file);
        }
    }
    search.done.retain(|circle| circle.len() > 1);
    search.done.sort();
    search.done
}

struct Search<'n, 'a> {
    next: &'n BTreeMap<&'a str, Vec<&'a str>>,
    /// The number of each file that was visited, in that order.
    seen: BTreeMap<&'a str, usize>,
    /// Visited, and in no component yet.
    open: Vec<&'a str>,
    done: Vec<Vec<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    /// Returns the lowest number of an open file that can be reached from here.
    fn visit(&mut self, file: &'a str) -> usize {
        let number = self.seen.len();
        self.seen.insert(file, number);
        let place = self.open.len();
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
            let mut circle = self.open.split_off(place);
            circle.sort_unstable();
            self.done.push(circle);
        }
        lowest
    }
}

//! The modules of a crate, read from its sources: what each declares, imports and names, without its tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Tokens, after, is_name, tokens};

/// Keywords that are followed by the name of the item they declare.
const DECLARES: [&str; 10] =
    ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "macro_rules", "mod"];

pub(crate) type Path = Vec<String>;

pub(crate) struct Use {
    /// The name in this module, which an `as` may have changed.
    pub(crate) name: String,
    pub(crate) path: Path,
    /// Whether it is a re-export: `pub`, or `pub` with a restriction.
    pub(crate) is_public: bool,
}

#[derive(Default)]
pub(crate) struct Module {
    /// Relative to `src`. An inline module has the file that contains it.
    pub(crate) file: String,
    pub(crate) parent: usize,
    pub(crate) children: BTreeMap<String, usize>,
    pub(crate) uses: Vec<Use>,
    /// All other paths of two names or more.
    pub(crate) paths: Vec<Path>,
    /// The type that each `impl` is for.
    pub(crate) impls: Vec<Path>,
    pub(crate) declares: BTreeSet<String>,
}

/// The modules of the crate; the first is the root.
pub(crate) struct ModuleGraph {
    pub(crate) modules: Vec<Module>,
    /// The module that defines each macro. The macro itself is named by a path from the root.
    pub(crate) macros: BTreeMap<String, usize>,
}

impl ModuleGraph {
    /// Reads the modules that can be reached from `lib.rs`. Each file is a path relative to `src` and a text.
    pub(crate) fn read(files: &[(&str, &str)]) -> ModuleGraph {
        let files = files.iter().copied().collect();
        let mut builder = Builder { files, modules: Vec::new(), macros: BTreeMap::new() };
        builder.read_file("lib.rs", 0);
        ModuleGraph { modules: builder.modules, macros: builder.macros }
    }

    /// The modules in files whose path has this prefix.
    pub(crate) fn below<'h>(
        &'h self,
        prefix: &'h str,
    ) -> impl Iterator<Item = (usize, &'h Module)> {
        self.modules.iter().enumerate().filter(move |(_, module)| module.file.starts_with(prefix))
    }
}

/// Whether this file is a `mod.rs`, or `lib.rs`.
pub(crate) fn is_module_root(file: &str) -> bool {
    file == "lib.rs" || file.ends_with("/mod.rs")
}

struct Builder<'t> {
    files: BTreeMap<&'t str, &'t str>,
    modules: Vec<Module>,
    macros: BTreeMap<String, usize>,
}

impl Builder<'_> {
    fn read_file(&mut self, file: &str, parent: usize) -> usize {
        let tokens = tokens(self.files[file]);
        self.read_module(file, parent, &tokens)
    }

    fn read_module(&mut self, file: &str, parent: usize, tokens: &[String]) -> usize {
        let number = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        let mut at = 0;
        while at < tokens.len() {
            at = self.read_item(number, tokens, at);
        }
        number
    }

    /// Reads the item that starts at `at`, and returns the index at which to continue.
    fn read_item(&mut self, number: usize, tokens: &[String], at: usize) -> usize {
        let word = |by: usize| tokens.get(at + by).map_or("", String::as_str);
        let before = at.checked_sub(1).map_or(";", |before| tokens[before].as_str());
        match word(0) {
            "#" if word(1) == "[" && is_test_only(&tokens[at + 2..]) => after_item(tokens, at),
            "#" if word(1) == "[" => after(tokens, at + 1),
            "#" if word(1) == "!" && word(2) == "[" => after(tokens, at + 2),
            "mod" if word(2) == "{" => {
                let end = after(tokens, at + 2);
                let file = self.modules[number].file.clone();
                let child = self.read_module(&file, number, &tokens[at + 3..end - 1]);
                self.modules[number].children.insert(word(1).to_owned(), child);
                end
            }
            "mod" if word(2) == ";" => {
                let file = self.file_of(&self.modules[number].file, word(1));
                let child = self.read_file(&file, number);
                self.modules[number].children.insert(word(1).to_owned(), child);
                at + 3
            }
            // `use<'a>` lists the lifetimes that a type captures.
            "use" if word(1) != "<" => self.read_use(number, tokens, at, false),
            "pub" => {
                let next = if word(1) == "(" { after(tokens, at + 1) } else { at + 1 };
                let is_use = tokens.get(next).is_some_and(|token| token == "use");
                if is_use { self.read_use(number, tokens, next, true) } else { next }
            }
            "impl" if matches!(before, ";" | "}" | "{" | "]") => {
                self.modules[number].impls.push(type_of_impl(&tokens[at + 1..]));
                at + 1
            }
            "macro_rules" if word(1) == "!" => {
                self.macros.insert(word(2).to_owned(), number);
                at + 2
            }
            declares if DECLARES.contains(&declares) && is_name(word(1)) => {
                self.modules[number].declares.insert(word(1).to_owned());
                at + 1
            }
            name if is_name(name) && word(1) == "::" && !matches!(before, "::" | "$") => {
                let path = path_at(tokens, at);
                let next = at + 2 * path.len() - 1;
                self.modules[number].paths.push(path);
                next
            }
            _ => at + 1,
        }
    }

    fn read_use(&mut self, number: usize, tokens: &[String], at: usize, is_public: bool) -> usize {
        let length =
            tokens[at..].iter().position(|token| token == ";").expect("a `use` ends with `;`");
        let mut found = Vec::new();
        read_tree(&tokens[at + 1..at + length], &[], &mut found);
        let uses = found.into_iter().map(|(name, path)| Use { name, path, is_public });
        self.modules[number].uses.extend(uses);
        at + length
    }

    /// The file of a module that is declared in this file.
    fn file_of(&self, file: &str, name: &str) -> String {
        let folder = match file.rsplit_once('/') {
            _ if !is_module_root(file) => format!("{}/", file.trim_end_matches(".rs")),
            Some((folder, _)) => format!("{folder}/"),
            None => String::new(),
        };
        let candidates = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
        let found = candidates.into_iter().find(|path| self.files.contains_key(path.as_str()));
        found.unwrap_or_else(|| panic!("`mod {name}` of {file} has no file"))
    }
}

/// Whether this is the content of `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_test_only(attribute: &[String]) -> bool {
    let starts = |words: &[&str]| attribute.iter().zip(words).all(|(token, word)| token == word);
    starts(&["cfg", "(", "test"]) || starts(&["cfg", "(", "all", "(", "test"])
}

/// The index after the item whose attributes start at `at`.
fn after_item(tokens: &[String], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token == "#") {
        at = after(tokens, at + 1);
    }
    let head = tokens[at..].iter().position(|token| !matches!(token.as_str(), "pub" | "unsafe"));
    let head = head.map_or("", |by| tokens[at + by].as_str());
    let is_item = head == "use" || head == "impl" || head == "(" || DECLARES.contains(&head);
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" | ")" | "]" => return at,
            "{" if head != "use" => return after(tokens, at),
            "{" | "(" | "[" => at = after(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The path that starts at `at`: names joined by `::`.
fn path_at(tokens: &[String], at: usize) -> Path {
    let mut path = vec![tokens[at].clone()];
    let mut rest = tokens[at + 1..].iter();
    while rest.next().is_some_and(|token| token == "::") {
        match rest.next() {
            Some(name) if is_name(name) => path.push(name.clone()),
            _ => break,
        }
    }
    path
}

/// The names and paths that a `use` imports. `a::{self, b as c, d::*}` gives `a`, `c` and `*`.
fn read_tree(tree: &[String], before: &[String], found: &mut Vec<(String, Path)>) {
    let mut path = before.to_vec();
    let mut alias = None;
    let mut at = 0;
    while at < tree.len() {
        match tree[at].as_str() {
            "::" => {}
            "{" => {
                let end = after(tree, at);
                for branch in branches(&tree[at + 1..end - 1]) {
                    read_tree(branch, &path, found);
                }
                return;
            }
            "as" => {
                alias = tree.get(at + 1).cloned();
                at += 1;
            }
            "self" if !path.is_empty() => {}
            "*" => alias = Some("*".to_owned()),
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = alias.or_else(|| path.last().cloned()) {
        found.push((name, path));
    }
}

/// Splits at the commas that are not within inner braces.
fn branches(list: &[String]) -> Vec<&[String]> {
    let (mut branches, mut start, mut at) = (Vec::new(), 0, 0);
    while at < list.len() {
        match list[at].as_str() {
            "{" => at = after(list, at),
            "," => {
                branches.push(&list[start..at]);
                (start, at) = (at + 1, at + 1);
            }
            _ => at += 1,
        }
    }
    branches.push(&list[start..]);
    branches.retain(|branch| !branch.is_empty());
    branches
}

/// The type that an `impl` is for: `impl<T> Trait<T> for &Name<T> {` gives `Name`.
fn type_of_impl(tokens: &[String]) -> Path {
    let mut depth = 0;
    let mut head: Tokens = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "<" => depth += 1,
            // Not the end of a `->`.
            ">" if at == 0 || tokens[at - 1] != "-" => depth -= 1,
            "{" | "where" | ";" if depth == 0 => break,
            "for" if depth == 0 => head.clear(),
            _ if depth == 0 => head.push(token.clone()),
            _ => {}
        }
    }
    head.into_iter().filter(|token| is_name(token) && token != "mut" && token != "dyn").collect()
}

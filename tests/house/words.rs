//! The words in the names of `src`: terms of the field, plain English, the glossary, and a few more with reasons.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{is_name, tokens};

/// Retired words, and their replacements.
const RETIRED: [(&str, &str); 34] = [
    ("birth", "spawn metadata"),
    ("burn", "drop_quietly"),
    ("chapter", "log"),
    ("crowd", "group"),
    ("deaf", "abandoned"),
    ("dealer", "policy"),
    ("desert", "orphan"),
    ("deserted", "orphaned"),
    ("endow", "extra"),
    ("farewell", "last"),
    ("furnished", "boxes"),
    ("heir", "inherited"),
    ("heirlooms", "inherited"),
    ("heritage", "inherited"),
    ("insist", "ask"),
    ("ledger", "log"),
    ("marks", "flags"),
    ("muffle", "disconnect"),
    ("nobody", "none"),
    ("noted", "flags"),
    ("parcel", "request"),
    ("parcels", "requests"),
    ("resident", "occupant"),
    ("seat", "root guard"),
    ("somebody", "task, caller, …"),
    ("story", "log"),
    ("stranger", "foreign"),
    ("telling", "trace"),
    ("tenant", "occupant"),
    ("trail", "trace"),
    ("unhung", "unlinked"),
    ("vacancies", "free list"),
    ("whistle", "alarm"),
    ("whoever", "task, caller, …"),
];

/// Retired names whose words are still in use.
const RETIRED_NAMES: [(&str, &str); 2] = [("Again", "Notified"), ("Rare", "Extra")];

/// The budget for words that are neither plain nor terms of the field.
const MAX_REASONS: usize = 15;
const MAX_GLOSSARY: usize = 25;

/// The words of all names in a source text: `snake_case` and `CamelCase` are split.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    tokens(text).iter().filter(|token| is_name(token)).flat_map(|name| parts(name)).collect()
}

fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && before.is_lowercase()) {
            parts.push(String::new());
        }
        if c.is_alphabetic() {
            parts.last_mut().expect("it starts with one").extend(c.to_lowercase());
        }
        before = c;
    }
    parts.retain(|part| part.len() > 1);
    parts
}

/// The retired words and names in a file.
pub(crate) fn retired_in(path: &str, text: &str) -> Vec<String> {
    let (words, names) = (words(text), tokens(text));
    let is_used = |(word, _): &&(&str, &str)| words.contains(*word);
    let is_named = |(name, _): &&(&str, &str)| names.iter().any(|token| token == name);
    let used = RETIRED.iter().filter(is_used).chain(RETIRED_NAMES.iter().filter(is_named));
    used.map(|(word, better)| format!("{path}: `{word}` is retired: use `{better}`")).collect()
}

/// The first column of the table under the heading `## Glossary`.
pub(crate) fn glossary(design: &str) -> BTreeSet<String> {
    let table = design.split_once("\n## Glossary\n").expect("DESIGN.md has a glossary").1;
    let rows = table.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).map(|word| word.trim().to_owned()).collect()
}

/// Lines of `word: reason`.
pub(crate) fn reasons(list: &str) -> BTreeMap<&str, &str> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(": ").expect("each line is `word: reason`")).collect()
}

/// Compares the words in use with the lists: the vocabulary, the glossary, and the words with reasons.
pub(crate) fn unknown_or_unused(
    used: &BTreeMap<String, String>,
    vocabulary: &str,
    glossary: &BTreeSet<String>,
    reasons: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let plain = vocabulary.lines().filter(|line| !line.starts_with('#'));
    let plain: Vec<&str> = plain.flat_map(str::split_whitespace).collect();
    let mut violations = Vec::new();
    for (word, path) in used {
        let is_known = plain.contains(&word.as_str())
            || glossary.contains(word)
            || reasons.contains_key(word.as_str());
        if !is_known {
            violations
                .push(format!("{path}: `{word}` is not in any word list: see tests/words.txt"));
        }
    }
    for word in plain.iter().chain(reasons.keys()).filter(|word| !used.contains_key(**word)) {
        violations.push(format!("`{word}` is listed but unused: remove it"));
    }
    for word in plain.iter().filter(|word| RETIRED.iter().any(|(retired, _)| retired == *word)) {
        violations.push(format!("`{word}` is listed but retired: remove it"));
    }
    if !plain.is_sorted() {
        violations.push("the vocabulary is not in alphabetical order".to_owned());
    }
    if reasons.len() > MAX_REASONS || glossary.len() > MAX_GLOSSARY {
        violations
            .push("the budget of words with reasons or in the glossary is exceeded".to_owned());
    }
    violations
}

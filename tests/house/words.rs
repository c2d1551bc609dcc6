//! The words of the names in `src`: the field's, plain English, those of the glossary, and a few more with reasons.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{is_name, tokens};

/// Words that were given up, and what the field says.
const GIVEN_UP: [(&str, &str); 29] = [
    ("birth", "spawn metadata"),
    ("burn", "drop_quietly"),
    ("chapter", "log"),
    ("crowd", "group"),
    ("dealer", "policy"),
    ("desert", "orphan"),
    ("deserted", "orphaned"),
    ("endow", "extra"),
    ("farewell", "last"),
    ("furnished", "boxes"),
    ("heir", "inherited"),
    ("heirlooms", "inherited"),
    ("heritage", "inherited"),
    ("ledger", "log"),
    ("marks", "flags"),
    ("muffle", "disconnect"),
    ("nobody", "none"),
    ("noted", "flags"),
    ("resident", "occupant"),
    ("seat", "root guard"),
    ("somebody", "name it"),
    ("story", "log"),
    ("stranger", "foreign"),
    ("telling", "trace"),
    ("tenant", "occupant"),
    ("trail", "trace"),
    ("vacancies", "free list"),
    ("whistle", "alarm"),
    ("whoever", "name it"),
];

/// Names that were given up, though their words are good ones.
const GIVEN_UP_NAMES: [(&str, &str); 2] = [("Again", "Notified"), ("Rare", "Extra")];

/// At most so many words have a reason of their own.
const MOST_REASONS: usize = 15;
const MOST_IN_GLOSSARY: usize = 25;

/// The words of all names of a source text: `Single`, `snake_case` and `CamelCase` are taken apart.
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
            parts.last_mut().expect("there is one").extend(c.to_lowercase());
        }
        before = c;
    }
    parts.retain(|part| part.len() > 1);
    parts
}

/// Given-up words and names of a file.
pub(crate) fn given_up(path: &str, text: &str) -> Vec<String> {
    let (words, names) = (words(text), tokens(text));
    let is_used = |(word, _): &&(&str, &str)| words.contains(*word);
    let is_named = |(name, _): &&(&str, &str)| names.iter().any(|token| token == name);
    let used = GIVEN_UP.iter().filter(is_used).chain(GIVEN_UP_NAMES.iter().filter(is_named));
    used.map(|(word, better)| format!("{path}: `{word}` was given up for: {better}")).collect()
}

/// The first column of the table below the heading `## Glossary`.
pub(crate) fn glossary(design: &str) -> BTreeSet<String> {
    let table = design.split_once("\n## Glossary\n").expect("DESIGN.md has a glossary").1;
    let rows = table.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).map(|word| word.trim().to_owned()).collect()
}

/// `word: reason`, one on a line.
pub(crate) fn reasons(list: &str) -> BTreeMap<&str, &str> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(": ").expect("a word, a colon, its reason")).collect()
}

/// Compares the words in use with those that are known: the vocabulary, the glossary, and words with reasons.
pub(crate) fn unknown_or_unused(
    used: &BTreeMap<String, String>,
    vocabulary: &str,
    glossary: &BTreeSet<String>,
    reasons: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let plain = vocabulary.lines().filter(|line| !line.starts_with('#'));
    let plain: Vec<&str> = plain.flat_map(str::split_whitespace).collect();
    let mut breaches = Vec::new();
    for (word, path) in used {
        let is_known = plain.contains(&word.as_str())
            || glossary.contains(word)
            || reasons.contains_key(word.as_str());
        if !is_known {
            breaches.push(format!("{path}: `{word}` is a new word in names: see tests/words.txt"));
        }
    }
    for word in plain.iter().chain(reasons.keys()).filter(|word| !used.contains_key(**word)) {
        breaches.push(format!("`{word}` is listed and in no name any more: remove it"));
    }
    for word in plain.iter().filter(|word| GIVEN_UP.iter().any(|(given_up, _)| given_up == *word)) {
        breaches.push(format!("`{word}` was given up: it is not plain"));
    }
    if !plain.is_sorted() {
        breaches.push("the vocabulary is not in alphabetical order".to_owned());
    }
    if reasons.len() > MOST_REASONS || glossary.len() > MOST_IN_GLOSSARY {
        breaches.push("too many words of our own".to_owned());
    }
    breaches
}

//! The texts that a reader meets first: every error, and the panics that are the caller's mistakes, in one table each.
#![allow(clippy::unwrap_used, reason = "what tests call is part of the tests")]

#[path = "messages/errors.rs"]
mod errors;
#[path = "messages/panics.rs"]
mod panics;
mod probe;
#[path = "messages/tables.rs"]
mod tables;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use tables::{ERRORS, ERRORS_OF_JOBS, ERRORS_OF_RECORD, PANICS, PANICS_OF_JOBS};

/// The type or the call, and the text.
type Text = (&'static str, String);

fn of(name: &'static str, error: impl Error) -> Text {
    (name, error.to_string())
}

/// Writes `[here]` for each place in these tests.
fn without_places(text: &str) -> String {
    let mut parts = text.split("tests/messages/");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        let (_, part) = part.split_once(".rs:").unwrap();
        let (_line, part) = part.split_once(':').unwrap();
        text + "[here]" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[track_caller]
fn assert_texts(provoked: Vec<Text>, table: &[(&str, &str)]) {
    let provoked = provoked.into_iter().map(|(name, text)| (name, without_places(&text)));
    let provoked: Vec<(&str, String)> = provoked.collect();
    for (provoked, row) in provoked.iter().zip(table) {
        assert_eq!((provoked.0, provoked.1.as_str()), *row);
    }
    assert_eq!(provoked.len(), table.len(), "each text has one row");
}

#[test]
fn every_error_reads_as_the_table_says() {
    assert_texts(errors::provoked(), ERRORS);
    #[cfg(feature = "jobs")]
    assert_texts(errors::jobs(), ERRORS_OF_JOBS);
    #[cfg(feature = "record")]
    assert_texts(errors::record(), ERRORS_OF_RECORD);
}

#[test]
fn every_panic_that_is_the_callers_mistake_reads_as_the_table_says() {
    assert_texts(panics::provoked(), PANICS);
    #[cfg(feature = "jobs")]
    assert_texts(panics::jobs(), PANICS_OF_JOBS);
}

#[test]
fn texts_are_lower_case_without_a_full_stop() {
    for (name, text) in [ERRORS, ERRORS_OF_JOBS, ERRORS_OF_RECORD, PANICS, PANICS_OF_JOBS].concat()
    {
        assert!(!text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{name}: {text}");
    }
}

// ----- nothing is missing -----

/// Calls `read` with the lines of each file of `src` that are not comments.
fn each_source(folder: &Path, read: &mut impl FnMut(&[&str])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, read);
        } else {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(str::trim);
            read(&lines.filter(|line| !line.starts_with("//")).collect::<Vec<_>>());
        }
    }
}

fn sources(mut read: impl FnMut(&[&str])) {
    each_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut read);
}

/// The name behind `pub struct` or `pub enum`.
fn public_type(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
    Some(line.chars().take_while(|&c| is_of_name(c)).collect())
}

fn is_item(line: &str) -> bool {
    ["struct ", "enum "].iter().any(|item| line.contains(item))
}

#[test]
fn every_public_error_type_is_in_the_table() {
    let mut public = Vec::new();
    sources(|lines| {
        for (number, line) in lines.iter().enumerate() {
            let derived = line.starts_with("#[derive(") && line.ends_with("Error)]");
            if derived {
                let item = lines[number..].iter().find(|line| is_item(line)).unwrap();
                public.extend(public_type(item));
            } else if let Some((_, name)) = line.split_once("impl Error for ") {
                let name = name.split(['<', ' ']).next().unwrap();
                let is_it = |line: &&str| public_type(line).is_some_and(|public| public == name);
                public.extend(lines.iter().find(|line| is_it(line)).map(|_| name.to_owned()));
            }
        }
    });
    assert!(public.len() > 30, "the sources were not read");
    let listed: BTreeSet<&str> =
        [ERRORS, ERRORS_OF_JOBS, ERRORS_OF_RECORD].concat().iter().map(|(name, _)| *name).collect();
    let listed = listed.iter().map(|name| name.rsplit("::").next().unwrap().to_owned());
    let mut listed: Vec<String> = listed.collect();
    public.sort();
    listed.sort();
    assert_eq!(listed, public, "left: the table; right: the sources");
}

#[test]
fn every_fixed_text_of_an_error_is_in_the_table() {
    let table = [ERRORS, ERRORS_OF_JOBS, ERRORS_OF_RECORD].concat();
    let mut fixed = 0;
    sources(|lines| {
        let code = lines.concat();
        for text in code.split("#[error(\"").skip(1) {
            let (text, _) = text.split_once('"').unwrap();
            if !text.contains('{') {
                fixed += 1;
                assert!(table.iter().any(|row| row.1 == text), "{text:?} is not in the table");
            }
        }
    });
    assert!(fixed > 30, "the sources were not read");
}

#[test]
fn no_message_refers_to_people() {
    let people = ["somebody", "nobody", "anybody", "someone", "whoever"];
    sources(|lines| {
        for line in lines {
            let text = line.split_once('"').and_then(|(_, text)| text.rsplit_once('"'));
            let words = text.map_or("", |(text, _)| text).split(|c: char| !c.is_alphabetic());
            let odd: Vec<&str> = words.filter(|word| people.contains(word)).collect();
            assert!(odd.is_empty(), "{odd:?} in {line}");
        }
    });
}

//! Checkers for what the readers write: the rules of Perfetto's importer, and well-formed XML.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Asserts that Perfetto would draw a trace as it is meant: its lines are in order, slices nest, tracks have one name
/// each, and both ends of each arrow are within slices. Returns how many arrows there are.
pub(super) fn check_trace(trace: &str) -> usize {
    let whole: Value = serde_json::from_str(trace).unwrap();
    assert!(whole.get("displayTimeUnit").is_none(), "Perfetto ignores it, with a warning");
    let events = whole["traceEvents"].as_array().unwrap();
    let lines: Vec<&str> = trace.lines().filter(|line| line.starts_with("{\"ph\"")).collect();
    assert_eq!(events.len(), lines.len());
    let (mut names, mut open): (HashSet<u64>, HashMap<u64, Vec<i128>>) = Default::default();
    let (mut arrows, mut ended): (HashMap<String, i128>, usize) = Default::default();
    let mut last = (-1, 0);
    for (event, line) in events.iter().zip(lines) {
        let kind = event["ph"].as_str().unwrap();
        assert_eq!(event["pid"], 1);
        let thread = event["tid"].as_u64().unwrap_or(0);
        assert!(i32::try_from(thread).is_ok(), "a number of a thread: {line}");
        assert!(event["name"].is_string(), "it has a name: {line}");
        if kind == "M" {
            assert_eq!(last.0, -1, "names come first");
            let is_thread = event["name"] == "thread_name";
            assert!(!is_thread || names.insert(thread), "one name: {line}");
            continue;
        }
        let (start, length) = (nanoseconds(line, "ts").unwrap(), nanoseconds(line, "dur"));
        let order = (start, -length.unwrap_or(0));
        assert!(last <= order, "in order, the longer slice first: {line}");
        let end = i64::try_from(start + length.unwrap_or(0));
        assert!(end.is_ok(), "a time in nanoseconds has 64 bits: {line}");
        last = order;
        assert!(kind == "C" || names.contains(&thread), "the thread has a name: {line}");
        let slices = open.entry(thread).or_default();
        while slices.last().is_some_and(|&end| end <= start) {
            slices.pop();
        }
        let flow = format!("{} {} {}", event["cat"], event["name"], event["id"]);
        match kind {
            "X" => {
                let end = start + length.unwrap();
                assert!(end > start, "it can be seen: {line}");
                assert!(slices.last().is_none_or(|&outer| end <= outer), "slices nest: {line}");
                assert!(thread == 1 || slices.is_empty(), "a task does one thing: {line}");
                slices.push(end);
            }
            "s" => {
                assert!(event["id"].is_u64() && !slices.is_empty(), "within a slice: {line}");
                assert!(arrows.insert(flow, start).is_none(), "one arrow: {line}");
            }
            "f" => {
                assert!(event["bp"] == "e" && !slices.is_empty(), "within a slice: {line}");
                let began = arrows.remove(&flow).expect("an arrow has one start and one end");
                assert!(began < start, "forwards: {line}");
                ended += 1;
            }
            "i" => assert_eq!(event["s"], "t"),
            "C" => assert!(event["args"].as_object().unwrap().values().all(Value::is_u64)),
            _ => panic!("{line}"),
        }
    }
    assert!(arrows.is_empty(), "each arrow has two ends");
    ended
}

/// Reads a number of microseconds exactly, which floating point does not.
fn nanoseconds(line: &str, key: &str) -> Option<i128> {
    let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
    let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
    Some(whole.parse::<i128>().unwrap() * 1000 + format!("{part:0<3}").parse::<i128>().unwrap())
}

/// Asserts that a picture is well-formed XML, of the elements and attributes that the pictures have and no others.
pub(super) fn check_svg(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "tags nest");
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let known = ["svg", "title", "style", "rect", "line", "circle", "path", "text"];
        assert!(known.contains(&name), "{name}");
        assert!(!open.contains(&"title") && !open.contains(&"style"), "only text in a {open:?}");
        while !attributes.is_empty() {
            let (name, value) = attributes.split_once("=\"").unwrap();
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
            assert!(!name.starts_with("on") && name != "href", "{name}");
            let (value, more) = value.split_once('"').unwrap();
            check_text(value);
            attributes = more.trim_start();
        }
        if !is_empty {
            open.push(name);
        }
    }
    check_text(rest);
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
}

fn check_text(text: &str) {
    let is_hidden = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(is_hidden) && !text.contains('>'), "{text:?}");
    for entity in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
        assert!(known.iter().any(|name| entity.starts_with(name)), "{text:?}");
    }
}

//! The documents of the format, against the code and the golden recordings: `docs/recording-v1.md` and its JSON Schema.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&read("docs/recording-v1.schema.json")).unwrap()
}

/// The words in quotes after `=>`, in the function that names the kinds of events.
fn kinds() -> BTreeSet<String> {
    let source = read("src/record/line.rs");
    let (_, names) = source.split_once("fn kind_of(").unwrap();
    let names = names.lines().filter_map(|line| line.split_once("=> \""));
    let kinds: BTreeSet<String> =
        names.map(|(_, name)| name.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(kinds.len(), 39, "{kinds:?}");
    kinds
}

/// The fields of a structure of the file, which are its keys.
fn keys(file: &str, structure: &str) -> BTreeSet<String> {
    let source = read(&format!("src/record/{file}.rs"));
    let (_, fields) = source.split_once(&format!("pub(crate) struct {structure}")).unwrap();
    let fields = fields.split_once("\n}").unwrap().0.lines();
    let fields = fields.filter_map(|line| line.strip_prefix("    pub(crate) "));
    fields.map(|field| field.split(':').next().unwrap().to_owned()).collect()
}

/// The first cells of the tables in a section, without their back-ticks.
fn rows(section: &str) -> Vec<(String, String)> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("\n## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

fn names(rows: &[(String, String)]) -> BTreeSet<String> {
    rows.iter().map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_key_and_event_is_described() {
    let page = read("docs/recording-v1.md");
    assert_eq!(names(&rows(section(&page, "Header"))), keys("header", "HeaderLine"));
    assert_eq!(names(&rows(section(&page, "Keys of events"))), keys("line", "Line<"));
    assert_eq!(names(&rows(section(&page, "Events"))), kinds());

    let state = section(&page, "The state");
    let structures =
        ["StateLine", "TaskLine", "WaitLine", "AskLine", "TimerLine", "ResourceLine", "OwnerLine"];
    for structure in structures.into_iter().chain(["ScopeLine", "JobLine"]) {
        for key in keys("snapshot", structure) {
            assert!(state.contains(&format!("`{key}`")), "{structure}: {key}");
        }
    }
    for key in keys("header", "FileLine") {
        assert!(section(&page, "Header").contains(&format!("`{key}`")), "{key}");
    }
    let words = read("src/record/words.rs");
    for word in words.lines().filter_map(|line| line.split_once("=> \"")?.1.split('"').next()) {
        assert!(page.contains(&format!("\"{word}\"")), "{word}");
    }
}

#[test]
fn the_schema_has_every_key_and_event() {
    let schema = schema();
    let properties = |name: &str| -> BTreeSet<String> {
        schema["$defs"][name]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    for (name, file, structure) in [
        ("header", "header", "HeaderLine"),
        ("event", "line", "Line<"),
        ("state", "snapshot", "StateLine"),
        ("task", "snapshot", "TaskLine"),
        ("timer", "snapshot", "TimerLine"),
        ("resource", "snapshot", "ResourceLine"),
        ("scope", "snapshot", "ScopeLine"),
        ("job", "snapshot", "JobLine"),
    ] {
        assert_eq!(properties(name), keys(file, structure), "{name}");
    }
    let variants = schema["$defs"]["event"]["anyOf"].as_array().unwrap();
    let described = variants.iter().filter_map(|kind| kind["properties"]["e"]["const"].as_str());
    assert_eq!(described.map(str::to_owned).collect::<BTreeSet<_>>(), kinds());
}

/// The keys that the page lists for an event are those that events of this kind have.
#[test]
fn golden_recordings_have_every_event_with_the_keys_that_are_described() {
    let page = read("docs/recording-v1.md");
    let described = rows(section(&page, "Events"));
    let (mut kinds, mut all_keys) = (BTreeSet::new(), BTreeSet::from(["e".to_owned()]));
    for line in golden().iter().filter(|line| line.get("e").is_some()) {
        let kind = line["e"].as_str().unwrap();
        let (_, row) = described.iter().find(|(name, _)| name == kind).unwrap();
        let listed = row.split(" | ").next().unwrap();
        for key in line.as_object().unwrap().keys().filter(|key| !["e", "t"].contains(&&***key)) {
            // By hand, every event has a place.
            assert!(key == "loc" || listed.contains(&format!("`{key}`")), "{kind}: {key}");
        }
        kinds.insert(kind.to_owned());
        all_keys.extend(line.as_object().unwrap().keys().cloned());
    }
    assert_eq!(kinds, self::kinds());
    assert_eq!(all_keys, keys("line", "Line<"));
}

/// All lines of all golden recordings.
fn golden() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let texts = files.map(|path| fs::read_to_string(path).unwrap());
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

#[test]
fn golden_recordings_follow_the_schema() {
    let schema = schema();
    for line in golden() {
        assert!(follows(&line, &schema, &schema), "{line}");
    }
    for wrong in [
        r#"{"turnwise":2}"#,
        r#"{"e":"poll","task":1}"#,
        r#"{"e":"poll","task":-1,"turn":1}"#,
        r#"{"e":"return","task":1,"r":"perhaps"}"#,
        r#"{"e":"acquire","res":"lock"}"#,
        r#"{"e":"snapshot","state":{"tasks":[{"task":1}]}}"#,
        "[]",
    ] {
        assert!(!follows(&serde_json::from_str(wrong).unwrap(), &schema, &schema), "{wrong}");
    }
}

/// Whether a value follows a schema: as much of JSON Schema as ours has.
fn follows(value: &Value, schema: &Value, root: &Value) -> bool {
    let rules = schema.as_object().unwrap();
    rules.iter().all(|(rule, argument)| match rule.as_str() {
        "$ref" => {
            let name = argument.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            follows(value, &root["$defs"][name], root)
        }
        "type" => match argument.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            other => panic!("{other}"),
        },
        "const" => value == argument,
        "enum" => argument.as_array().unwrap().contains(value),
        "anyOf" => argument.as_array().unwrap().iter().any(|one| follows(value, one, root)),
        "not" => !follows(value, argument, root),
        "minimum" => value.as_u64().is_some_and(|value| value >= argument.as_u64().unwrap()),
        "maximum" => value.as_u64().is_some_and(|value| value <= argument.as_u64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
        "pattern" => value.as_str().is_none_or(|text| matches(text, argument.as_str().unwrap())),
        "required" => {
            let keys = argument.as_array().unwrap();
            keys.iter().all(|key| value.get(key.as_str().unwrap()).is_some())
        }
        "properties" => {
            argument.as_object().unwrap().iter().all(|(key, schema)| {
                value.get(key).is_none_or(|value| follows(value, schema, root))
            })
        }
        "items" => {
            let items = value.as_array().map_or(&[][..], |items| items);
            items.iter().all(|item| follows(item, argument, root))
        }
        "$schema" | "$defs" | "title" | "description" => true,
        other => panic!("{other}"),
    })
}

/// The three patterns of the schema.
fn matches(text: &str, pattern: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match pattern {
        "^r[0-9]+$" => text.strip_prefix('r').is_some_and(is_number),
        "^[0-9]{16,20}$" => is_number(text) && (16..=20).contains(&text.len()),
        "^[0-9]+:[0-9]+(:[0-9]+)?$" => {
            let parts: Vec<&str> = text.split(':').collect();
            (2..=3).contains(&parts.len()) && parts.into_iter().all(is_number)
        }
        other => panic!("{other}"),
    }
}

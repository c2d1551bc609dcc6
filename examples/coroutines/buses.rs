//! Buses in a document: its elements are pushed as events, a coroutine builds buses from them, others filter the buses,
//! and the last one prints them. The state that a callback would have to keep is the place where a coroutine waits.

use std::collections::BTreeMap;
use std::mem;

use thiserror::Error;
use turnwise::generator::{Co, Coroutine, SendError};

pub(crate) const DOCUMENT: &str = r#"<?xml version="1.0"?>
<buses>
  <bus>
    <id>7574</id>
    <route>147</route>
    <direction>North Bound</direction>
    <latitude>41.925682</latitude>
    <longitude>-87.630928</longitude>
  </bus>
  <bus>
    <id>1485</id>
    <route>22</route>
    <direction>North Bound</direction>
    <latitude>41.880481</latitude>
    <longitude>-87.629482</longitude>
  </bus>
  <bus>
    <id>6140</id>
    <route>22</route>
    <direction>South Bound</direction>
    <latitude>41.900150</latitude>
    <longitude>-87.631247</longitude>
  </bus>
  <bus>
    <id>1629</id>
    <route>22</route>
    <direction>North Bound</direction>
    <latitude>42.012781</latitude>
    <longitude>-87.674613</longitude>
  </bus>
</buses>
"#;

/// What the reader finds in a document, from start to end.
#[derive(PartialEq, Eq)]
pub(crate) enum Event {
    Start(&'static str),
    Text(&'static str),
    End(&'static str),
}

#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("a tag has no end")]
    Unclosed,
    #[error("the pipeline has ended")]
    Ended(#[from] SendError<Event>),
}

/// The source. It reads tags without attributes, and skips declarations.
pub(crate) fn read_elements(
    document: &'static str,
    target: &Coroutine<'_, Event>,
) -> Result<(), ReadError> {
    let mut rest = document;
    while let Some((text, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').ok_or(ReadError::Unclosed)?;
        if !text.is_empty() {
            target.send(Event::Text(text))?;
        }
        match tag.strip_prefix('/') {
            Some(name) => drop(target.send(Event::End(name))?),
            None if tag.starts_with('?') => {}
            None => drop(target.send(Event::Start(tag))?),
        }
        rest = after;
    }
    Ok(())
}

/// The texts of its elements, by name.
pub(crate) type Bus = BTreeMap<String, String>;

pub(crate) fn to_buses(target: Coroutine<'static, Bus>) -> Coroutine<'static, Event> {
    Coroutine::new(async move |co| {
        loop {
            if co.receive().await != Event::Start("bus") {
                continue;
            }
            if target.send(inside_a_bus(&co).await).is_err() {
                return;
            }
        }
    })
}

/// A part of the coroutine, as a separate function.
async fn inside_a_bus(co: &Co<(), Event>) -> Bus {
    let mut bus = Bus::new();
    let mut text = String::new();
    loop {
        match co.receive().await {
            Event::Start(_) => text.clear(),
            Event::Text(fragment) => text.push_str(fragment),
            Event::End("bus") => return bus,
            Event::End(name) => drop(bus.insert(name.to_owned(), mem::take(&mut text))),
        }
    }
}

fn filter_on_field(
    field: &'static str,
    value: &'static str,
    target: Coroutine<'static, Bus>,
) -> Coroutine<'static, Bus> {
    Coroutine::new(async move |co| {
        loop {
            let bus: Bus = co.receive().await;
            let passes = bus.get(field).is_some_and(|found| found == value);
            if passes && target.send(bus).is_err() {
                return;
            }
        }
    })
}

/// The sink: a table.
fn bus_locations() -> Coroutine<'static, Bus> {
    Coroutine::new(async |co| {
        loop {
            let bus: Bus = co.receive().await;
            let [route, id, direction, latitude, longitude] =
                ["route", "id", "direction", "latitude", "longitude"]
                    .map(|field| bus.get(field).map_or("unknown", String::as_str));
            println!("{route},{id},\"{direction}\",{latitude},{longitude}");
        }
    })
}

pub(crate) fn north_on_22() -> Coroutine<'static, Bus> {
    let north = filter_on_field("direction", "North Bound", bus_locations());
    filter_on_field("route", "22", north)
}

//! The chart for the README: a panel for each of some rows, with a bar for each executor.

use std::fmt::{self, Write};

use crate::peers::Peer;
use crate::race::Times;
use crate::rows::Row;
use crate::table::ratio;

/// The rows that are drawn, and their titles.
const PICTURED: &[(&str, &str)] = &[
    ("spawn_join", "spawn and join"),
    ("yield_1000", "yield, 1,000 tasks"),
    ("yield_100000", "yield, 100,000 tasks"),
    ("timers_10k", "10,000 timers fire"),
    ("timers_1m", "1,000,000 timers fire"),
    ("timers_cancel", "a timer made and cancelled"),
    ("wake_storm", "wakes by another thread"),
    ("block_on_warm", "block_on"),
    ("create_use_drop", "an executor made and used once"),
    ("mutex", "a mutex, 10 tasks"),
    ("semaphore", "a semaphore, 10 tasks"),
    ("event_10000", "an event, 10,000 tasks"),
    ("ping_pong", "a message there and back"),
    ("mpsc_10", "a full channel, 10 senders"),
    ("request", "a question and its answer"),
    ("join_all_1000", "join_all of 1,000"),
    ("join_2", "join of two that are ready"),
    ("race_2", "race of two that are ready"),
];

const STYLE: &str = "\
text { font: 11px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; font-size: 12px; fill: #24292f }
rect { stroke-width: 1 }
.turnwise { fill: #1f6feb; stroke: #1f6feb } .slower { fill: #8c959f; stroke: #8c959f }
.quicker { fill: #d4792a; stroke: #d4792a } .limit { fill: #57a85a; stroke: #57a85a }
.less { fill: none }
line { stroke: #8c959f; stroke-dasharray: 2 2 }
@media (prefers-color-scheme: dark) {
text { fill: #9da7b1 } .title { fill: #e6edf3 }
}
";

const COLUMNS: usize = 3;
const PANEL_WIDTH: usize = 316;
const LINE_HEIGHT: usize = 15;
const TITLE_HEIGHT: usize = 30;
/// Where a ratio of one is drawn, and how wide a factor of ten is.
const ONE: f64 = 152.0;
const DECADE: f64 = 38.0;

/// A table: its columns, and the results.
type Table<'a> = (&'a [&'a Peer], &'a [(Row, Vec<Times>)]);

/// Draws those of the rows that are [`PICTURED`], one table below the other.
pub(crate) fn draw(tables: &[Table<'_>]) -> Result<String, fmt::Error> {
    let mut panels = String::new();
    let mut height = 0;
    for (peers, results) in tables {
        let pictured = |(name, title): &(&str, &'static str)| {
            let (row, times) = results.iter().find(|(row, _)| row.name == *name)?;
            Some((*title, row, times))
        };
        let of_table: Vec<_> = PICTURED.iter().filter_map(pictured).collect();
        let panel_height = TITLE_HEIGHT + LINE_HEIGHT * peers.len() + 16;
        for (number, (title, row, times)) in of_table.iter().enumerate() {
            let x = 16 + number % COLUMNS * PANEL_WIDTH;
            let y = height + number / COLUMNS * panel_height;
            writeln!(panels, r#"<g transform="translate({x} {y})">"#)?;
            panel(&mut panels, peers, row, title, times)?;
            writeln!(panels, "</g>")?;
        }
        height += of_table.len().div_ceil(COLUMNS) * panel_height;
    }
    let (width, height) = (COLUMNS * PANEL_WIDTH + 16, height + 24);
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="Time of each executor relative to turnwise">"#
    )?;
    writeln!(svg, "<style>\n{STYLE}</style>")?;
    svg += &panels;
    let foot = height - 10;
    writeln!(
        svg,
        r#"<text x="16" y="{foot}">Time relative to turnwise (the dashed line), logarithmic: to the right is slower. Hollow bars do less than the row asks. “bare” is a loop written by hand, the limit.</text>"#
    )?;
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn panel(
    svg: &mut String,
    peers: &[&Peer],
    row: &Row,
    title: &str,
    times: &[Times],
) -> fmt::Result {
    let of = |peer: &Peer| {
        times.iter().find(|times| times.executor == peer.name).map(|times| times.median)
    };
    let Some(own) = of(peers[0]) else { return Ok(()) };
    writeln!(svg, r#"<text class="title" y="20">{title}: {own:.0} ns</text>"#)?;
    for (number, peer) in peers.iter().enumerate() {
        let y = TITLE_HEIGHT + LINE_HEIGHT * number;
        writeln!(svg, r#"<text x="104" y="{}" text-anchor="end">{}</text>"#, y + 11, peer.name)?;
        match of(peer) {
            Some(median) => bar(svg, peer, row, y, median / own)?,
            None => writeln!(svg, r#"<text x="{ONE}" y="{}" dx="4">–</text>"#, y + 11)?,
        }
    }
    let bottom = TITLE_HEIGHT + LINE_HEIGHT * peers.len();
    writeln!(svg, r#"<line x1="{ONE}" y1="{TITLE_HEIGHT}" x2="{ONE}" y2="{bottom}"/>"#)
}

fn bar(svg: &mut String, peer: &Peer, row: &Row, y: usize, over_own: f64) -> fmt::Result {
    let class = match peer.name {
        "turnwise" => "turnwise",
        "bare" => "limit",
        _ if over_own < 1.0 => "quicker",
        _ => "slower",
    };
    let does_less = peer.notes.iter().any(|note| note.is_less && note.is_about(row.name));
    let less = if does_less { " less" } else { "" };
    // Bars end at ten times faster, and at five hundred times slower.
    let length = over_own.log10().clamp(-1.0, 2.7) * DECADE;
    let (from, to) = (ONE + length.min(0.0), ONE + length.max(0.0));
    let width = (to - from).max(2.0);
    writeln!(
        svg,
        r#"<rect class="{class}{less}" x="{from:.0}" y="{}" width="{width:.0}" height="9" rx="1"/><text x="{:.0}" y="{}">{}</text>"#,
        y + 3,
        to + 4.0,
        y + 11,
        ratio(over_own),
    )
}

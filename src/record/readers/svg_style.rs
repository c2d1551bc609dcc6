//! The colours and sizes of the SVG timeline.

/// So wide is the column of labels.
pub(crate) const LABELS: f64 = 132.0;
/// So high is the rule with the times.
pub(crate) const RULE: f64 = 26.0;
/// So wide is an event, if all of them fit.
pub(crate) const EVENT: f64 = 12.0;
/// A picture is at most this wide.
pub(crate) const MOST_WIDTH: f64 = 1600.0;
/// A row is at least and at most this high.
pub(crate) const ROWS: (f64, f64) = (28.0, 46.0);
/// The rows together have this height, if that is within the limits.
pub(crate) const ALL_ROWS: f64 = 480.0;

/// The style sheet: the light colours, then the dark ones. A task has one of eight colours by its number, and always its
/// number too. An element takes it as `currentColor`. Each rule holds only within the picture, which may be a part of a
/// page.
pub(crate) const STYLE: &str = "\
.turnwise text{font:12px system-ui,sans-serif;fill:#1b1f24}\
.turnwise .label{font-size:13px}\
.turnwise .muted{fill:#4b5563}\
.turnwise .panel{fill:#ffffff}\
.turnwise .asleep{fill:#eceff3}\
.turnwise .line{stroke:#d5d9e0}\
.turnwise .run{fill:currentColor}\
.turnwise .ready{fill:currentColor;opacity:.42}\
.turnwise .wait{stroke:currentColor;stroke-width:2;stroke-dasharray:2 4}\
.turnwise .wake{stroke:currentColor;stroke-width:2;fill:none}\
.turnwise .head{fill:currentColor}\
.turnwise .ring{stroke:currentColor;stroke-width:2;fill:#ffffff}\
.turnwise .cross{stroke:currentColor;stroke-width:3;fill:none}\
.turnwise .switch{stroke:#4b5563;stroke-dasharray:1 3}\
.turnwise .on{fill:#ffffff;text-anchor:middle}\
.turnwise .reason{text-anchor:middle}\
.turnwise .t0{color:#4b5563}.turnwise .t1{color:#0b63ce}.turnwise .t2{color:#b5450b}\
.turnwise .t3{color:#0b7a53}.turnwise .t4{color:#7a3db8}.turnwise .t5{color:#b3246b}\
.turnwise .t6{color:#0a6b7d}.turnwise .t7{color:#7c5b00}.turnwise .t8{color:#4a5568}\
@media(prefers-color-scheme:dark){\
.turnwise text{fill:#e8ebf0}\
.turnwise .muted{fill:#a7b0bd}\
.turnwise .panel{fill:#191d24}\
.turnwise .asleep{fill:#222832}\
.turnwise .line{stroke:#333a45}\
.turnwise .ring{fill:#191d24}\
.turnwise .switch{stroke:#a7b0bd}\
.turnwise .on{fill:#0e1116}\
.turnwise .t0{color:#a7b0bd}.turnwise .t1{color:#7db4ff}.turnwise .t2{color:#ff9d6b}\
.turnwise .t3{color:#56d39f}.turnwise .t4{color:#c8a2ff}.turnwise .t5{color:#ff93c4}\
.turnwise .t6{color:#5fd3e3}.turnwise .t7{color:#e6c15c}.turnwise .t8{color:#aeb8c6}\
}";

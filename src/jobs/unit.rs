//! The units of time in which a job counts: seconds, minutes, hours, days, weeks.

/// The unit of `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

impl Unit {
    /// Returns the length of the unit in seconds. Days and weeks have this length only where the clocks do not
    /// change; their jobs do not use it.
    pub(super) fn seconds(self) -> u32 {
        match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86400,
            Unit::Week => 7 * 86400,
        }
    }

    pub(super) fn days(self) -> i64 {
        if self == Unit::Week { 7 } else { 1 }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Second => "second",
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
        }
    }
}

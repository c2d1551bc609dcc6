//! Parsing the argument of `.at(…)`: a time of day, a minute of the hour, a second of the minute.

use jiff::civil::Time;
use thiserror::Error;

use crate::jobs::unit::Unit;

/// When a job runs within its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Seconds into the hour, or into the minute.
    Second(i64),
    Time(Time),
}

/// The argument of [`at`](crate::jobs::Plan::at) is not a time, or not one for this unit.
///
/// # Example
///
/// ```
/// use turnwise::jobs::Jobs;
///
/// let jobs = Jobs::new();
/// let error = jobs.every(1).day().at("25:00").unwrap_err();
/// assert_eq!(error.to_string(), r#""25:00" is not a time of day: use HH:MM or HH:MM:SS, up to 23:59:59"#);
/// let error = jobs.every(5).seconds().at(":30").unwrap_err();
/// assert!(error.is_wrong_unit());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(transparent)]
#[doc(alias = "ScheduleValueError")]
pub struct AtError(AtProblem);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum AtProblem {
    #[error("`at({0:?})` needs a unit of minutes or longer")]
    Unit(String),
    #[error("{0:?} is not a time of day: use HH:MM or HH:MM:SS, up to 23:59:59")]
    Time(String),
    #[error("{0:?} is not a time within an hour: use :MM or MM:SS, up to 59:59")]
    Hour(String),
    #[error("{0:?} is not a second of a minute: use :00 to :59")]
    Minute(String),
}

impl AtError {
    /// Returns whether the unit is seconds, for which there is no `at`.
    pub fn is_wrong_unit(&self) -> bool {
        matches!(self.0, AtProblem::Unit(_))
    }

    /// Returns the text that could not be parsed.
    pub fn text(&self) -> &str {
        let (AtProblem::Unit(text)
        | AtProblem::Time(text)
        | AtProblem::Hour(text)
        | AtProblem::Minute(text)) = &self.0;
        text
    }
}

/// Parses a time for a job of this unit.
pub(super) fn parse(text: &str, unit: Unit) -> Result<At, AtError> {
    let parts: Vec<&str> = text.split(':').collect();
    let (read, wrong): (Option<At>, fn(String) -> AtProblem) = match unit {
        Unit::Second => (None, AtProblem::Unit),
        Unit::Minute => (second_of_minute(&parts), AtProblem::Minute),
        Unit::Hour => (second_of_hour(&parts), AtProblem::Hour),
        Unit::Day | Unit::Week => (time_of_day(&parts), AtProblem::Time),
    };
    read.ok_or_else(|| AtError(wrong(text.to_owned())))
}

fn second_of_minute(parts: &[&str]) -> Option<At> {
    match parts {
        ["", second] => Some(At::Second(number(second, 60)?.into())),
        _ => None,
    }
}

fn second_of_hour(parts: &[&str]) -> Option<At> {
    let (minute, second) = match parts {
        ["", minute] => (minute, 0),
        [minute, second] => (minute, number(second, 60)?),
        _ => return None,
    };
    Some(At::Second(i64::from(number(minute, 60)?) * 60 + i64::from(second)))
}

fn time_of_day(parts: &[&str]) -> Option<At> {
    let (hour, minute, second) = match parts {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, number(second, 60)?),
        _ => return None,
    };
    // "9:30" is accepted, too: people write it.
    let hour = if hour.len() == 1 { &format!("0{hour}") } else { *hour };
    Time::new(number(hour, 24)?, number(minute, 60)?, second, 0).ok().map(At::Time)
}

/// Parses a number of two digits that is less than `below`.
fn number(text: &str, below: i8) -> Option<i8> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number < below)
}

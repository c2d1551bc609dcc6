//! Why a recording cannot be read.

use std::io;

use thiserror::Error;

use crate::record::header::VERSION;
use crate::record::line::LineError;

/// Why a recording cannot be read.
///
/// Returned by [`Recording::open`](crate::record::Recording::open),
/// [`Recording::parse`](crate::record::Recording::parse) and [`Replay::open`](crate::record::Replay::open).
///
/// # Example
///
/// ```
/// use turnwise::record::Recording;
///
/// let error = Recording::parse("hello").unwrap_err();
/// assert!(error.is_not_a_recording());
/// assert_eq!(error.to_string(), "this is not a recording of turnwise: its first line is not a header");
/// ```
#[derive(Debug, Error)]
#[error(transparent)]
pub struct RecordingError(#[from] Problem);

#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("the recording cannot be read: {0}")]
    Io(io::Error),
    #[error("this is not a recording of turnwise: its first line is not a header")]
    NoHeader,
    #[error(
        "this recording has version {0} of the format, and this version of turnwise reads up to version {VERSION}"
    )]
    Newer(u64),
    #[error("line {0} of the recording cannot be read: {1}")]
    Line(usize, LineError),
}

impl RecordingError {
    /// Returns `true` if the file or text has something other than a recording.
    pub fn is_not_a_recording(&self) -> bool {
        matches!(self.0, Problem::NoHeader)
    }

    /// Returns the version of the format that the recording has, if it is too new to be read.
    pub fn newer_version(&self) -> Option<u64> {
        match self.0 {
            Problem::Newer(version) => Some(version),
            _ => None,
        }
    }

    /// Returns the number of the line that cannot be read, from 1: the header is line 1.
    pub fn line(&self) -> Option<usize> {
        match self.0 {
            Problem::Line(line, _) => Some(line),
            _ => None,
        }
    }
}

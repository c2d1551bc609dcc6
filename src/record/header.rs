//! The header: the first line of the file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::tables::SourceFile;

/// The version of the format.
pub(crate) const VERSION: u64 = 1;

/// By what clock the times of a recording are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClockKind {
    /// A virtual clock: the same program has the same recording in every run.
    Virtual,
    /// The real clock.
    #[default]
    Real,
}

/// What the first line says of the recording as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Header {
    pub(crate) program: String,
    pub(crate) title: Option<String>,
    pub(crate) clock: ClockKind,
    pub(crate) link: Option<String>,
    pub(crate) dropped: u64,
}

/// The first line, as it is in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HeaderLine {
    pub(crate) turnwise: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) program: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) clock: String,
    pub(crate) files: Vec<FileLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dropped: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FileLine {
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) src: Option<String>,
}

/// The version alone: what a newer version has besides it is not for this one to read.
#[derive(Deserialize)]
pub(crate) struct VersionLine {
    pub(crate) turnwise: u64,
}

impl HeaderLine {
    pub(crate) fn of(header: &Header, files: &[SourceFile]) -> Self {
        let file = |file: &SourceFile| FileLine {
            path: file.path.to_string(),
            src: file.text.as_deref().map(str::to_owned),
        };
        let clock = match header.clock {
            ClockKind::Virtual => "virtual",
            ClockKind::Real => "real",
        };
        HeaderLine {
            turnwise: VERSION,
            program: header.program.clone(),
            title: header.title.clone(),
            clock: clock.to_owned(),
            files: files.iter().map(file).collect(),
            link: header.link.clone(),
            dropped: (header.dropped > 0).then_some(header.dropped),
        }
    }

    pub(crate) fn read(self) -> (Header, Vec<SourceFile>) {
        let file =
            |file: FileLine| SourceFile { path: file.path.into(), text: file.src.map(Arc::from) };
        let header = Header {
            program: self.program,
            title: self.title,
            clock: if self.clock == "virtual" { ClockKind::Virtual } else { ClockKind::Real },
            link: self.link,
            dropped: self.dropped.unwrap_or(0),
        };
        (header, self.files.into_iter().map(file).collect())
    }
}

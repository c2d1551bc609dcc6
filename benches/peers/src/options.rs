//! The command line.

use std::path::PathBuf;

/// Printed when the arguments are invalid.
pub const USAGE: &str = "\
usage: turnwise-peers [--test] [--svg FILE] [--only COLUMN,...] [ROUNDS] [ROW...]
  ROUNDS      how many rounds of each row; 9 by default
  ROW         only these rows; by default all but those that take minutes (timers_10m, build_time)
  --only ...  only these columns, and turnwise
  --svg FILE  also draws a chart of the rows
  --build     also measures how long each takes to build
  --test      runs each row once on each executor, as small as possible, and prints no figures";

/// The options of one run.
#[derive(Debug, Default)]
pub struct Options {
    pub rounds: Option<usize>,
    /// Only these rows; all if empty.
    pub rows: Vec<String>,
    /// Only these columns, and turnwise; all if empty.
    pub columns: Vec<String>,
    pub svg: Option<PathBuf>,
    pub build: bool,
    pub test: bool,
}

impl Options {
    /// Reads the arguments; returns `None` if one is invalid.
    pub fn read(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Options::default();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--test" => options.test = true,
                "--build" => options.build = true,
                "--only" => options.columns = args.next()?.split(',').map(str::to_owned).collect(),
                "--svg" => options.svg = Some(args.next()?.into()),
                option if option.starts_with('-') => return None,
                word => match word.parse() {
                    Ok(rounds) => options.rounds = Some(rounds),
                    Err(_) => options.rows.push(word.to_owned()),
                },
            }
        }
        Some(options)
    }

    pub(crate) fn selects(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|name| name == row)
    }

    /// Whether this row was given by name.
    pub(crate) fn names(&self, row: &str) -> bool {
        self.rows.iter().any(|name| name == row)
    }
}

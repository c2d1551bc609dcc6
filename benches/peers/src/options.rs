//! What the command line says.

use std::path::PathBuf;

/// Said when it cannot be understood.
pub const USAGE: &str = "\
usage: turnwise-peers [--test] [--svg FILE] [ROUNDS] [ROW...]
  ROUNDS      so many rounds of each row; 9 if nothing is said
  ROW         only these rows; without any, all but those that take minutes (timers_10m, build_time)
  --svg FILE  draws a picture of the rows, too
  --build     also measures how long each takes to build
  --test      does each row once on each executor, as small as can be, and prints no figures";

/// The options of one run.
#[derive(Debug, Default)]
pub struct Options {
    pub rounds: Option<usize>,
    /// Only these rows; all if empty.
    pub rows: Vec<String>,
    pub svg: Option<PathBuf>,
    pub build: bool,
    pub test: bool,
}

impl Options {
    /// Reads the arguments; `None` if one is not understood.
    pub fn read(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Options::default();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--test" => options.test = true,
                "--build" => options.build = true,
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

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|name| name == row)
    }

    /// Whether it asks for this row by its name.
    pub(crate) fn names(&self, row: &str) -> bool {
        self.rows.iter().any(|name| name == row)
    }
}

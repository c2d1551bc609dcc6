//! Measures turnwise beside its peers; `README.md` says how.

use std::io;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    turnwise_peers::run::main()
}

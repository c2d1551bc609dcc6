//! Measures turnwise and its peers: see `README.md`.

use std::io;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    turnwise_peers::run::main()
}

//! What is measured by building: memory, by a program that counts it; the sizes of small programs; and build times.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, io};

use crate::memory::ROWS;
use crate::peers::Peer;

/// A row that is not a time: a figure for each of some executors.
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) figures: Vec<(&'static str, f64)>,
}

pub(crate) const CODE_SIZE: &str = "code_size";
pub(crate) const BUILD_TIME: &str = "build_time";

/// Live bytes and allocations, counted by the binary `memory`.
pub(crate) fn memory(peers: &[&Peer]) -> io::Result<Vec<Beside>> {
    let folder = build(&["--bin", "memory"])?;
    let mut rows = ROWS.map(|(name, what)| Beside { name, what, figures: Vec::new() });
    for peer in peers.iter().filter(|peer| peer.memory.is_some()) {
        let counted = Command::new(folder.join("memory")).arg(peer.name).output()?;
        let text = String::from_utf8_lossy(&counted.stdout);
        for (row, figure) in rows.iter_mut().zip(text.split_whitespace()) {
            row.figures.push((peer.name, figure.parse().map_err(io::Error::other)?));
        }
    }
    Ok(rows.into())
}

/// By how much a program that prints hello is larger than an empty one, in KiB.
pub(crate) fn code_size(peers: &[&Peer]) -> io::Result<Beside> {
    let folder = build(&["--examples"])?.join("examples");
    let size = |name: &str| {
        let file = format!("hello_{}", name.replace('-', "_"));
        fs::metadata(folder.join(file)).map(|file| file.len())
    };
    let empty = size("empty")?;
    let mut figures = Vec::new();
    for peer in peers.iter().filter(|peer| peer.dependency.is_some()) {
        #[allow(clippy::cast_precision_loss, reason = "programs are smaller than 2^52 bytes")]
        figures.push((peer.name, (size(peer.name)? - empty) as f64 / 1024.0));
    }
    let what = "KiB of a stripped program that spawns a task that prints hello, less those of an empty one";
    Ok(Beside { name: CODE_SIZE, what, figures })
}

/// Builds a part of this package in the target folder of this program; returns the folder with the binaries.
fn build(what: &[&str]) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.parent().ok_or(io::ErrorKind::NotFound)?;
    let target = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut cargo = cargo(&["build", "--release", "--locked"]);
    cargo.args(what).arg("--target-dir").arg(target);
    run(cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]))?;
    Ok(folder.to_owned())
}

/// The seconds that it takes to build a package with nothing but a dependency.
pub(crate) fn build_time(peers: &[&Peer]) -> io::Result<Beside> {
    let folder = env::temp_dir().join(format!("turnwise-peers-{}", std::process::id()));
    let figures = clean_builds(&folder, peers);
    fs::remove_dir_all(folder)?;
    let what = "seconds to build a package with this dependency alone, by `cargo build`";
    Ok(Beside { name: BUILD_TIME, what, figures: figures? })
}

/// Builds each dependency once, even if several columns share it.
fn clean_builds(folder: &Path, peers: &[&Peer]) -> io::Result<Vec<(&'static str, f64)>> {
    let mut built: Vec<(&str, f64)> = Vec::new();
    let mut figures = Vec::new();
    for peer in peers {
        let Some(dependency) = peer.dependency else { continue };
        let seconds = match built.iter().find(|(name, _)| *name == dependency) {
            Some((_, seconds)) => *seconds,
            None => clean_build(&folder.join(peer.name), dependency)?,
        };
        built.push((dependency, seconds));
        figures.push((peer.name, seconds));
    }
    Ok(figures)
}

fn clean_build(folder: &Path, dependency: &str) -> io::Result<f64> {
    let manifest = format!(
        "[workspace]\n[package]\nname = \"alone\"\nedition = \"2024\"\n[dependencies]\n{dependency}\n"
    );
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/main.rs"), "fn main() {}\n")?;
    // The same versions as in the other rows.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"), folder.join("Cargo.lock"))?;
    run(cargo(&["fetch"]).current_dir(folder))?;
    let start = Instant::now();
    let target = folder.join("target");
    run(cargo(&["build", "--offline", "--target-dir"]).arg(target).current_dir(folder))?;
    Ok(start.elapsed().as_secs_f64())
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).stdout(Stdio::null());
    cargo
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

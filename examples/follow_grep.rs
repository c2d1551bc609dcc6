//! `tail -f FILE | grep -i PATTERN` as three tasks connected by two channels: one follows a growing file, one filters
//! the lines that match, one prints them.
//!
//! Run it with `cargo run --example follow_grep -- /var/log/syslog error`, and stop it with Ctrl-C. Without arguments
//! it creates a temporary file and a fourth task that writes to it, all in virtual time.
//!
//! The channels are those of the `futures` crate, which does not depend on turnwise: the two interact through wakers
//! only. The channels are bounded, so a task that is too fast waits, as in a real pipe.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::{SinkExt, StreamExt};
use turnwise::{JoinHandle, Scheduler, block_on, sleep, spawn};

/// How long to sleep between checks for new lines, as in the lecture.
const POLL: Duration = Duration::from_millis(100);

/// How many lines a channel holds.
const LINES: usize = 16;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [] => demonstrate(),
        [path, pattern] => watch(path, pattern),
        _ => {
            eprintln!("usage: follow_grep [FILE PATTERN]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // As in a real pipe, it is not a failure if the reader stops reading.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("follow_grep: {error}");
            ExitCode::FAILURE
        }
    }
}

// ----- the three tasks -----

/// Sends each line that is appended to the file from now on, once it is complete.
///
/// A file that has become shorter was truncated, and is read again from its start. Reading blocks the thread, but no
/// longer than a disk access takes; the wait for new lines does not block.
async fn follow(mut file: BufReader<File>, mut lines: Sender<String>) -> io::Result<()> {
    let mut position = file.stream_position()?;
    let mut line = Vec::new();
    loop {
        position += file.read_until(b'\n', &mut line)? as u64;
        if line.ends_with(b"\n") {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if lines.send(text).await.is_err() {
                return Ok(()); // The receiver is gone.
            }
            line.clear();
            continue;
        }
        sleep(POLL).await;
        if file.get_ref().metadata()?.len() < position {
            position = file.seek(SeekFrom::Start(0))?;
            line.clear();
        }
    }
}

/// Passes on the lines that contain the pattern, ignoring case.
async fn grep(pattern: String, mut lines: Receiver<String>, mut matches: Sender<String>) {
    let pattern = pattern.to_lowercase();
    while let Some(line) = lines.next().await {
        if line.to_lowercase().contains(&pattern) && matches.send(line).await.is_err() {
            return;
        }
    }
}

/// Prints lines until the channel is closed.
async fn printer(mut matches: Receiver<String>) -> io::Result<()> {
    while let Some(line) = matches.next().await {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

/// Spawns the three tasks, and returns the handles of the first and the last.
///
/// Each ends by itself once a neighbor has ended, since that closes the channel between them.
fn pipeline(file: BufReader<File>, pattern: &str) -> [JoinHandle<io::Result<()>>; 2] {
    let (lines, all) = channel(LINES);
    let (matches, found) = channel(LINES);
    let follow = spawn(follow(file, lines));
    spawn(grep(pattern.to_owned(), all, matches));
    [follow, spawn(printer(found))]
}

/// Opens a file at its end: the lecture's `fd.seek(0, 2)`.
fn open_at_end(path: &Path) -> io::Result<BufReader<File>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(0))?;
    Ok(BufReader::new(file))
}

// ----- a real file -----

fn watch(path: &OsStr, pattern: &OsStr) -> io::Result<()> {
    let (path, pattern) = (Path::new(path), pattern.to_string_lossy());
    let file = open_at_end(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    eprintln!("following {} for {pattern:?}; press Ctrl-C to stop", path.display());
    block_on(async {
        let [follow, printer] = pipeline(file, &pattern);
        printer.await.map_err(io::Error::other)??;
        follow.await.map_err(io::Error::other)?
    })
}

// ----- a temporary file -----

fn demonstrate() -> io::Result<()> {
    let file = TemporaryFile::create(b"an old line about python\n")?;
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let [follow, printer] = pipeline(open_at_end(&file.0)?, "python");
        spawn(writer(file.0.clone())).await.map_err(io::Error::other)??;
        sleep(POLL).await; // By then the last line has been found.
        follow.abort();
        printer.await.map_err(io::Error::other)?
    })
}

enum Change {
    Add(&'static [u8]),
    Empty,
}

const CHANGES: [Change; 7] = [
    Change::Add(b"hello\n"),
    Change::Add(b"I like Python\n"),
    Change::Add(b"half a line about pyt"),
    Change::Add(b"hon, and its end\n"),
    Change::Empty,
    Change::Add(b"PYTHON after a new beginning\n"),
    Change::Add(b"f\xfcr python, in Latin-1\r\n"),
];

async fn writer(path: PathBuf) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(&path)?;
    for change in CHANGES {
        sleep(Duration::from_millis(250)).await;
        match change {
            Change::Add(bytes) => {
                writeln!(io::stdout(), "  writer: adds {}", bytes.escape_ascii())?;
                file.write_all(bytes)?;
            }
            Change::Empty => {
                writeln!(io::stdout(), "  writer: empties the file")?;
                File::create(&path)?;
            }
        }
    }
    Ok(())
}

/// A file that is removed when this is dropped, also by a panic.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn create(content: &[u8]) -> io::Result<Self> {
        let name = format!("turnwise-follow-grep-{}.txt", process::id());
        let file = TemporaryFile(env::temp_dir().join(name));
        fs::write(&file.0, content)?;
        Ok(file)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

// Output:
//
//   writer: adds hello\n
//   writer: adds I like Python\n
// I like Python
//   writer: adds half a line about pyt
//   writer: adds hon, and its end\n
// half a line about python, and its end
//   writer: empties the file
//   writer: adds PYTHON after a new beginning\n
// PYTHON after a new beginning
//   writer: adds f\xfcr python, in Latin-1\r\n
// f�r python, in Latin-1

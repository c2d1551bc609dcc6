//! Pipelines of generators, from which the consumer pulls, and of coroutines, to which the source pushes. Each section
//! ports a Python program of the lecture and prints the same lines.
//!
//! Run it with `cargo run --example pipelines`. The growing file is scripted, and so is the clock, in milliseconds. For
//! a real file, followed by tasks, see `follow_grep.rs`.

use std::cell::Cell;
use std::error::Error;
use std::iter::from_fn;

use thiserror::Error;
use turnwise::Generator;
use turnwise::generator::Coroutine;

fn main() -> Result<(), Box<dyn Error>> {
    println!("--- follow, with a callback");
    callback();
    println!("--- grep what follow yields: the consumer pulls");
    pull()?;
    println!("--- follow sends to a printer: the source pushes");
    push()?;
    println!("--- two printers, then three, one of which ends");
    fan_out()
}

// ----- a scripted growing file -----

/// A clock that only `sleep` advances.
#[derive(Default)]
struct Clock(Cell<u32>);

impl Clock {
    fn sleep(&self, milliseconds: u32) {
        self.0.set(self.0.get() + milliseconds);
    }

    fn log(&self, line: &str) {
        println!("[{}] {line}", self.0.get());
    }
}

/// The lines of a file, each with the time at which it is written.
type Script = [(u32, &'static str)];

struct GrowingFile<'a> {
    script: &'a Script,
    clock: &'a Clock,
    position: usize,
    logs_its_close: bool,
}

#[derive(Debug, Error)]
#[error("end of script")]
struct EndOfScript;

impl<'a> GrowingFile<'a> {
    /// Opens the file at its end: existing lines are skipped.
    fn open(script: &'a Script, clock: &'a Clock) -> Self {
        let position = script.iter().filter(|(at, _)| *at <= clock.0.get()).count();
        GrowingFile { script, clock, position, logs_its_close: true }
    }

    /// Returns `None` if there is no new line yet.
    fn read_line(&mut self) -> Result<Option<&'static str>, EndOfScript> {
        let (at, line) = self.script.get(self.position).ok_or(EndOfScript)?;
        if *at > self.clock.0.get() {
            return Ok(None);
        }
        self.position += 1;
        Ok(Some(line))
    }
}

impl Drop for GrowingFile<'_> {
    fn drop(&mut self) {
        if self.logs_its_close {
            self.clock.log("file closed");
        }
    }
}

// ----- 39: a callback -----

fn follow_and_call(
    mut file: GrowingFile<'_>,
    mut found: impl FnMut(&'static str),
) -> Result<(), EndOfScript> {
    loop {
        match file.read_line()? {
            Some(line) => found(line),
            None => file.clock.sleep(100),
        }
    }
}

fn callback() {
    let script = [
        (0, "old python line"),
        (250, "hello"),
        (500, "I like Python"),
        (500, "PYTHON 2"),
        (1000, "bye"),
    ];
    let clock = Clock::default();
    let ended = follow_and_call(GrowingFile::open(&script, &clock), |line| {
        let found = if line.to_lowercase().contains("python") { "match" } else { "other" };
        clock.log(&format!("{found}: {line}"));
    });
    if let Err(EndOfScript) = ended {
        clock.log("end");
    }
}

// ----- 40: pulled -----

fn follow<'a>(script: &'a Script, clock: &'a Clock) -> Generator<'a, &'static str> {
    Generator::new(async move |co| {
        let mut file = GrowingFile::open(script, clock);
        while let Ok(line) = file.read_line() {
            match line {
                Some(line) => co.yield_(line).await,
                None => clock.sleep(100),
            }
        }
    })
}

fn grep<'a>(
    pattern: &'a str,
    lines: impl Iterator<Item = &'static str> + 'a,
) -> Generator<'a, &'static str> {
    Generator::new(async move |co| {
        let pattern = pattern.to_lowercase();
        for line in lines {
            if line.to_lowercase().contains(&pattern) {
                co.yield_(line).await;
            }
        }
    })
}

fn pull() -> Result<(), Box<dyn Error>> {
    let script = [
        (0, "old python line"),
        (250, "hello"),
        (500, "I like Python"),
        (750, "pure"),
        (1000, "python again"),
        (2000, "python for ever"),
    ];
    let clock = Clock::default();
    let source = follow(&script, &clock);
    // The source is only borrowed, so closing the matches does not close it.
    let mut matches = grep("python", from_fn(|| source.try_next().ok().flatten()));
    for line in &mut matches {
        clock.log(line);
        if line.contains("again") {
            break;
        }
    }
    clock.log("enough");
    matches.close()?;
    source.close()?;
    clock.log("end");
    Ok(())
}

// ----- 44: pushed -----

fn follow_into(
    mut file: GrowingFile<'_>,
    target: &Coroutine<'_, &'static str>,
) -> Result<(), Box<dyn Error>> {
    loop {
        match file.read_line()? {
            Some(line) => drop(target.send(line)?),
            None => file.clock.sleep(100),
        }
    }
}

fn timed_printer(clock: &Clock) -> Coroutine<'_, &'static str> {
    struct Closed<'a>(&'a Clock);
    impl Drop for Closed<'_> {
        fn drop(&mut self) {
            self.0.log("printer closed");
        }
    }
    Coroutine::new(async move |co| {
        clock.log("printer ready");
        let _closed = Closed(clock);
        loop {
            let line = co.receive().await;
            clock.log(line);
        }
    })
}

fn push() -> Result<(), Box<dyn Error>> {
    let script = [(0, "old"), (250, "one"), (500, "two"), (500, "three")];
    let clock = Clock::default();
    let sink = timed_printer(&clock);
    let mut file = GrowingFile::open(&script, &clock);
    file.logs_its_close = false;
    if let Err(error) = follow_into(file, &sink) {
        clock.log(&error.to_string());
    }
    sink.close()?;
    Ok(())
}

// ----- 45: each item to every target -----

fn printer(name: &str, limit: Option<u32>) -> Coroutine<'_, &'static str> {
    Coroutine::new(async move |co| {
        let mut count = 0;
        while limit != Some(count) {
            let line = co.receive().await;
            count += 1;
            println!("{name} {line}");
        }
    })
}

/// Ends as soon as one target does, in the middle of a round: the targets after it miss the item.
fn broadcast<'a>(targets: Vec<Coroutine<'a, &'static str>>) -> Coroutine<'a, &'static str> {
    Coroutine::new(async move |co| {
        loop {
            let item = co.receive().await;
            for target in &targets {
                if target.send(item) != Ok(true) {
                    return;
                }
            }
        }
    })
}

fn source(
    lines: [&'static str; 3],
    target: &Coroutine<'_, &'static str>,
) -> Result<(), Box<dyn Error>> {
    for line in lines {
        if !target.send(line)? {
            return Err("generator raised StopIteration".into());
        }
    }
    Ok(())
}

fn fan_out() -> Result<(), Box<dyn Error>> {
    let lines = ["one", "two", "three"];
    source(lines, &broadcast(vec![printer("A", None), printer("B", None)]))?;
    println!("-- B takes two lines only");
    let three = vec![printer("A", None), printer("B", Some(2)), printer("C", None)];
    if let Err(error) = source(lines, &broadcast(three)) {
        println!("stopped: {error}");
    }
    Ok(())
}

// Output:
//
// --- follow, with a callback
// [300] other: hello
// [500] match: I like Python
// [500] match: PYTHON 2
// [1000] other: bye
// [1000] file closed
// [1000] end
// --- grep what follow yields: the consumer pulls
// [500] I like Python
// [1000] python again
// [1000] enough
// [1000] file closed
// [1000] end
// --- follow sends to a printer: the source pushes
// [0] printer ready
// [300] one
// [500] two
// [500] three
// [500] end of script
// [500] printer closed
// --- two printers, then three, one of which ends
// A one
// B one
// A two
// B two
// A three
// B three
// -- B takes two lines only
// A one
// B one
// C one
// A two
// B two
// stopped: generator raised StopIteration

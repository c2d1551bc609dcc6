//! Coroutines as in Beazley's course: they are sent values, closed, misused, connected to pipelines, threads and
//! processes, and made to send in a cycle. Each section ports a Python program of it and prints the same lines.
//!
//! Run it with `cargo run --example coroutines`. `buses.rs` has the pipeline of buses, and `elsewhere.rs` its variants
//! on another thread and in another process. Generators are in `generators.rs`, simple pipelines in `pipelines.rs`.

mod buses;
mod elsewhere;

use std::env;
use std::error::Error;
use std::rc::{Rc, Weak};

use turnwise::Generator;
use turnwise::generator::{AlreadyRunning, Coroutine, IgnoredExit};

fn main() -> Result<(), Box<dyn Error>> {
    // The child process is this same program.
    if env::args().nth(1).as_deref() == Some(elsewhere::CHILD) {
        return Ok(elsewhere::child()?);
    }
    println!("--- grep as a coroutine");
    grep_is_sent_lines()?;
    println!("--- grep is closed");
    grep_is_closed()?;
    println!("--- iteration and send, mixed");
    mixed()?;
    println!("--- three greps and one printer");
    fan_in()?;
    println!("--- buses");
    buses::read_elements(buses::DOCUMENT, &buses::to_buses(buses::north_on_22()))?;
    println!("--- buses, read by another thread");
    elsewhere::another_thread()?;
    println!("--- buses, shown by another process");
    elsewhere::another_process()?;
    println!("--- a cycle");
    cycle()?;
    Ok(())
}

type Line = &'static str;

// ----- it receives lines, and runs to its first `receive` immediately; Python needs a decorator for that -----

fn grep(pattern: Line) -> Coroutine<'static, Line> {
    Coroutine::new(async move |co| {
        println!("Looking for {pattern}");
        loop {
            show_match(pattern, co.receive().await);
        }
    })
}

fn show_match(pattern: Line, line: Line) {
    if line.contains(pattern) {
        println!("{line}");
    }
}

fn grep_is_sent_lines() -> Result<(), Box<dyn Error>> {
    let g = grep("python");
    for line in ["Yeah, but no, but yeah, but no", "A series of tubes", "python generators rock!"] {
        g.send(line)?;
    }
    Ok(())
}

// ----- it sees that it is closed if it uses `try_yield`; otherwise it is dropped where it waits -----

fn polite_grep(pattern: Line) -> Coroutine<'static, Line> {
    Coroutine::new(async move |co| {
        println!("Looking for {pattern}");
        loop {
            match co.try_yield(()).await {
                Ok(line) => show_match(pattern, line),
                Err(thrown) if thrown.is_exit() => break,
                Err(other) => co.raise(other).await,
            }
        }
        println!("Going away. Goodbye");
    })
}

fn stubborn_grep(pattern: Line) -> Coroutine<'static, Line> {
    Coroutine::new(async move |co| {
        println!("Looking for {pattern}");
        loop {
            match co.try_yield(()).await {
                Ok(line) => show_match(pattern, line),
                Err(thrown) if thrown.is_exit() => println!("I stay"),
                Err(other) => co.raise(other).await,
            }
        }
    })
}

fn tidy_grep(pattern: Line) -> Coroutine<'static, Line> {
    /// Python's `finally`.
    struct CleanUp;
    impl Drop for CleanUp {
        fn drop(&mut self) {
            println!("clean up!");
        }
    }
    Coroutine::new(async move |co| {
        println!("Looking for {pattern}");
        let _clean_up = CleanUp;
        loop {
            show_match(pattern, co.receive().await);
        }
    })
}

fn grep_is_closed() -> Result<(), Box<dyn Error>> {
    let polite = polite_grep("python");
    polite.send("Yeah, but no, but yeah, but no")?;
    polite.send("python generators rock!")?;
    polite.close()?;
    if let Err(error) = polite.send("python is too late") {
        assert!(error.is_over());
        println!("nobody looks any more");
    }

    println!("-- it ignores that it is closed");
    match stubborn_grep("python").close() {
        Err(thrown) if thrown.is::<IgnoredExit>() => {
            println!("error: generator ignored GeneratorExit");
        }
        _ => return Err("it should ignore that".into()),
    }

    println!("-- finally");
    let tidy = tidy_grep("python");
    tidy.send("python generators rock!")?;
    drop(tidy);
    if let Err(thrown) = tidy_grep("python").throw("You're hosed!") {
        println!("error: {thrown}");
    }
    Ok(())
}

// ----- a trap: a send makes it yield too, and the loop misses that value -----

fn countdown(n: i32) -> Generator<'static, i32, (), Option<i32>> {
    Generator::new(async move |co| {
        println!("Counting down from {n}");
        let mut n = n;
        while n >= 0 {
            n = match co.yield_(n).await {
                Some(new_value) => new_value,
                None => n - 1,
            };
        }
    })
}

fn mixed() -> Result<(), Box<dyn Error>> {
    let c = countdown(5);
    while let Some(n) = c.try_next()? {
        println!("{n}");
        if n == 5 {
            c.send(Some(3))?; // It yields the 3 here, where it is not printed.
        }
    }
    Ok(())
}

// ----- several coroutines may send to one -----

fn printer() -> Coroutine<'static, Line> {
    Coroutine::new(async |co| {
        loop {
            println!("{}", co.receive().await);
        }
    })
}

fn grep_into<'a>(pattern: Line, target: &'a Coroutine<'static, Line>) -> Coroutine<'a, Line> {
    Coroutine::new(async move |co| {
        loop {
            let line: Line = co.receive().await;
            if line.contains(pattern) && target.send(line).is_err() {
                return;
            }
        }
    })
}

fn broadcast(targets: [Coroutine<'_, Line>; 3]) -> Coroutine<'_, Line> {
    Coroutine::new(async move |co| {
        loop {
            let line = co.receive().await;
            if targets.iter().any(|target| target.send(line).is_err()) {
                return;
            }
        }
    })
}

fn fan_in() -> Result<(), Box<dyn Error>> {
    let p = printer();
    let target = broadcast(["python", "ply", "swig"].map(|pattern| grep_into(pattern, &p)));
    let lines = [
        "python is a language",
        "ply parses, written in python",
        "swig wraps C",
        "nothing here",
        "python calls what swig has wrapped, and what ply has parsed",
    ];
    for line in lines {
        target.send(line)?;
    }
    Ok(())
}

// ----- a send in a cycle reaches a coroutine that is running: an error, and nothing else -----

struct Players {
    ping: Coroutine<'static, Line>,
    pong: Coroutine<'static, Line>,
}

fn player(
    name: Line,
    players: &Weak<Players>,
    other: fn(&Players) -> &Coroutine<'static, Line>,
) -> Coroutine<'static, Line> {
    let players = Weak::clone(players);
    Coroutine::new(async move |co| {
        loop {
            let ball = co.receive().await;
            println!("{name} passes {ball}");
            // They hold each other weakly, or neither would ever be dropped.
            let Some(players) = players.upgrade() else { return };
            match other(&players).send(ball) {
                Ok(_) => {}
                Err(error) if error.is_running() => println!("{name}: {EXECUTING}"),
                Err(error) => println!("{name}: {error}"),
            }
        }
    })
}

const EXECUTING: &str = "generator already executing";

fn cycle() -> Result<(), Box<dyn Error>> {
    let players = Rc::new_cyclic(|players| Players {
        ping: player("ping", players, |players| &players.pong),
        pong: player("pong", players, |players| &players.ping),
    });
    players.ping.send("ball 1")?;
    players.pong.send("ball 2")?;

    let impatient = Rc::new_cyclic(|this: &Weak<Generator<'_, Line>>| {
        let this = Weak::clone(this);
        Generator::new(async move |co| {
            if let Some(Err(AlreadyRunning)) = this.upgrade().map(|this| this.try_next()) {
                co.yield_(EXECUTING).await;
            }
        })
    });
    println!("impatient: {}", impatient.try_next()?.ok_or("it runs")?);
    Ok(())
}

// Output:
//
// --- grep as a coroutine
// Looking for python
// python generators rock!
// --- grep is closed
// Looking for python
// python generators rock!
// Going away. Goodbye
// nobody looks any more
// -- it ignores that it is closed
// Looking for python
// I stay
// error: generator ignored GeneratorExit
// -- finally
// Looking for python
// python generators rock!
// clean up!
// Looking for python
// clean up!
// error: You're hosed!
// --- iteration and send, mixed
// Counting down from 5
// 5
// 2
// 1
// 0
// --- three greps and one printer
// python is a language
// ply parses, written in python
// ply parses, written in python
// swig wraps C
// python calls what swig has wrapped, and what ply has parsed
// python calls what swig has wrapped, and what ply has parsed
// python calls what swig has wrapped, and what ply has parsed
// --- buses
// 22,1485,"North Bound",41.880481,-87.629482
// 22,1629,"North Bound",42.012781,-87.674613
// --- buses, read by another thread
// 22,1485,"North Bound",41.880481,-87.629482
// 22,1629,"North Bound",42.012781,-87.674613
// --- buses, shown by another process
// 22,1485,"North Bound",41.880481,-87.629482
// 22,1629,"North Bound",42.012781,-87.674613
// --- a cycle
// ping passes ball 1
// pong passes ball 1
// pong: generator already executing
// pong passes ball 2
// ping passes ball 2
// ping: generator already executing
// impatient: generator already executing

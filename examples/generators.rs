//! The generators of the lecture: `next`, exhaustion, `send`, `throw`, a context manager, and async generators. Each
//! section ports a Python program of the lecture and prints the same lines.
//!
//! Run it with `cargo run --example generators`. Pipelines of them are in `pipelines.rs`.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use thiserror::Error;
use turnwise::generator::{AsyncGenerator, GeneratorState};
use turnwise::task::{self, Exit};
use turnwise::{Generator, Scheduler, sleep, time};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("--- a generator expression, and a loop over a generator");
    expression_and_loop()?;
    println!("--- it starts at the first next");
    starts_with_next()?;
    println!("--- StopIteration");
    stop_iteration();
    println!("--- a context manager");
    in_virtual_time(context_manager());
    println!("--- chained filters");
    filters();
    println!("--- send");
    send()?;
    println!("--- throw");
    throw()?;
    println!("--- async for, async with");
    in_virtual_time(async_for_async_with());
    println!("--- an async generator, from a plain function");
    print_all(5);
    Ok(())
}

/// Runs a program on its own scheduler, with a virtual clock.
fn in_virtual_time<F: Future<Output = ()>>(program: F) {
    Scheduler::builder().virtual_time().build().block_on(program);
}

/// How Python prints a generator that has not started; those of turnwise print by `{:?}`.
fn python<Y, R>(name: &str, generator: &Generator<'_, Y, R>) -> String {
    assert_eq!(generator.state(), GeneratorState::Created);
    format!("<generator object {name}")
}

// ----- 35: an object that has not computed anything yet -----

fn expression_and_loop() -> io::Result<()> {
    let texts = Generator::new(async |co| {
        for x in 0..10 {
            co.yield_(x.to_string()).await;
        }
    });
    println!("{}", python("<genexpr>", &texts));

    let countdown = Generator::new(async |co| {
        let mut n = 3;
        while n > 0 {
            co.yield_(n).await;
            n -= 1;
        }
    });
    for i in countdown {
        print!("{i}...");
    }
    println!();
    io::stdout().flush()
}

// ----- 36, 37: when the body runs, and the value that it returns -----

fn countdown(n: u32) -> Generator<'static, u32, &'static str> {
    Generator::new(async move |co| {
        println!("Обратный отсёт для {n}");
        let mut n = n;
        while n > 0 {
            co.yield_(n).await;
            // It stops here until the next value is requested.
            n -= 1;
        }
        "liftoff"
    })
}

fn starts_with_next() -> Result<(), Box<dyn std::error::Error>> {
    let mut g = countdown(3);
    println!("{}", python("countdown", &g));
    println!("now next");
    println!("{}", g.next().ok_or("it has three values")?);
    Ok(())
}

fn stop_iteration() {
    let mut g = countdown(2);
    for _ in 0..4 {
        match g.next() {
            Some(n) => println!("{n}"),
            None => println!("КОНЕЦ {}", g.take_result().unwrap_or("None")),
        }
    }
}

// ----- 38: a destructor runs however the block is left -----

struct Timeit {
    start: Instant,
}

impl Timeit {
    fn new() -> Self {
        Timeit { start: time::now() }
    }
}

impl Drop for Timeit {
    fn drop(&mut self) {
        println!("{:.2}", (time::now() - self.start).as_secs_f64());
    }
}

async fn context_manager() {
    let epoch = time::now();
    {
        let _timeit = Timeit::new();
        sleep(Duration::from_secs(2)).await;
    }
    let failing = async {
        let timeit = Timeit::new();
        sleep(Duration::from_millis(1500)).await;
        Err::<(), String>(format!("started at {:.2}", (timeit.start - epoch).as_secs_f64()))
    };
    if let Err(error) = failing.await {
        println!("error: {error}");
    }
}

// ----- 41: a line must pass both filters -----

const LINES: &str = "\
This package was put together by a maintainer.
It was downloaded from https://www.python.org/downloads/
Python is a programming language.
See http://example.org/other for something else.
The licence: HTTP://DOCS.PYTHON.ORG/license
";

fn grep<'a>(pattern: &'a str, lines: impl Iterator<Item = &'a str> + 'a) -> Generator<'a, &'a str> {
    Generator::new(async move |co| {
        let pattern = pattern.to_lowercase();
        for line in lines {
            if line.to_lowercase().contains(&pattern) {
                co.yield_(line).await;
            }
        }
    })
}

fn filters() {
    let found: Vec<&str> = grep("http", grep("python", LINES.lines())).collect();
    println!("{}", found.join("\n"));
}

// ----- 42: a yield returns the value that is sent, or None after next -----

fn shifted(n: u32) -> Generator<'static, u32, (), Option<u32>> {
    Generator::new(async move |co| {
        let mut n = n;
        while n > 0 {
            let shift = co.yield_(n).await;
            n -= 1;
            if let Some(shift) = shift {
                n += shift;
            }
        }
    })
}

fn send() -> Result<(), Box<dyn std::error::Error>> {
    let g = shifted(1);
    for value in [g.try_next()?, g.send(Some(10))?, g.try_next()?, g.send(Some(1))?] {
        println!("{}", value.ok_or("it has not finished")?);
    }
    if let Err(error) = shifted(1).send(Some(10)) {
        assert!(error.is_just_started());
        println!("error: can't send non-None value to a just-started generator");
    }
    Ok(())
}

// ----- 43: an error is thrown into a generator, and its yield may catch it -----

#[derive(Debug, Error)]
#[error("{0}")]
struct ValueError(&'static str);

#[derive(Debug, Error)]
#[error("'{0}'")]
struct KeyError(&'static str);

fn cor(n: u32) -> Generator<'static, u32> {
    Generator::new(async move |co| {
        let mut n = n;
        while n > 0 {
            match co.try_yield(n).await {
                Ok(()) => n -= 1,
                Err(thrown) if thrown.is::<ValueError>() => println!("Поймал!"),
                Err(other) => co.raise(other).await,
            }
        }
    })
}

fn throw() -> Result<(), Box<dyn std::error::Error>> {
    let mut g = cor(3);
    println!("{}", g.next().ok_or("it has three values")?);
    println!("{}", g.throw(ValueError("foobar"))?.ok_or("it catches that")?);
    println!("{}", g.next().ok_or("it has two more values")?);
    match g.throw(KeyError("other")) {
        Err(thrown) if thrown.is::<KeyError>() => println!("came out: {thrown}"),
        _ => return Err("it does not catch that".into()),
    }
    if g.next().is_none() {
        println!("the generator is over");
    }
    Ok(())
}

// ----- 31: values that take time to produce, and a connection that is always closed -----

async fn async_for_async_with() {
    let epoch = time::now();
    let log = |line: &str| println!("[{}] {line}", (time::now() - epoch).as_millis());
    let half = Duration::from_millis(500);
    let open = async || {
        sleep(half).await;
        log("open");
        "connection"
    };
    let close = async |_: &str, exit: Exit<'_, Result<(), &str>>| {
        sleep(half).await;
        match exit {
            Exit::Returned(Err(error)) => log(&format!("closed; error: {error}")),
            _ => log("closed; no error"),
        }
    };

    let count = async |_: &mut &str| {
        let mut countdown = AsyncGenerator::new(async |co| {
            for n in (1..=3).rev() {
                sleep(half * 2).await;
                co.yield_(n).await;
            }
        });
        while let Some(n) = countdown.next().await {
            log(&n.to_string());
        }
        Ok(())
    };
    let fail = async |_: &mut &str| Err("inside");

    let _ = task::with(open().await, count, close).await;
    if let Err(error) = task::with(open().await, fail, close).await {
        log(&format!("outside: {error}"));
    }
}

// ----- 52: a plain function that drives an async generator -----

fn print_all(n: u32) {
    turnwise::block_on(async {
        let mut numbers = AsyncGenerator::new(async |co| co.yield_all(0..n).await);
        while let Some(i) = numbers.next().await {
            println!("{i}");
        }
    });
}

// Output:
//
// --- a generator expression, and a loop over a generator
// <generator object <genexpr>
// 3...2...1...
// --- it starts at the first next
// <generator object countdown
// now next
// Обратный отсёт для 3
// 3
// --- StopIteration
// Обратный отсёт для 2
// 2
// 1
// КОНЕЦ liftoff
// КОНЕЦ None
// --- a context manager
// 2.00
// 1.50
// error: started at 2.00
// --- chained filters
// It was downloaded from https://www.python.org/downloads/
// The licence: HTTP://DOCS.PYTHON.ORG/license
// --- send
// 1
// 10
// 9
// 9
// error: can't send non-None value to a just-started generator
// --- throw
// 3
// Поймал!
// 3
// 2
// came out: 'other'
// the generator is over
// --- async for, async with
// [500] open
// [1500] 3
// [2500] 2
// [3500] 1
// [4000] closed; no error
// [4500] open
// [5000] closed; error: inside
// [5000] outside: inside
// --- an async generator, from a plain function
// 0
// 1
// 2
// 3
// 4

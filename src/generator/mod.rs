//! Generators: functions that stop half-way to hand a value out, and go on when they are asked to.
//!
//! | you want | use |
//! |---|---|
//! | values that are computed when somebody wants them | [`Generator`], an [`Iterator`] |
//! | to hand all values of an iterator, or of another generator, on | [`Co::yield_all`], [`Co::yield_from`] |
//! | to send something back at every value | [`Generator::send`] |
//! | to stop one with an error, which it may take | [`Generator::throw`], [`Co::try_yield`] |
//! | to push values at something that takes them | [`Coroutine`] |
//! | to wait between two values | [`AsyncGenerator`] |
//! | the code before a value and that after it around a block: a context manager | a guard that has a `Drop`; one that waits: [`task::with`](crate::task::with()) |
//!
//! This is how Python has them, on stable Rust: the body is an async closure, whose argument yields.
//!
//! | Python | here |
//! |---|---|
//! | `def g(): …` with a `yield`, `g()` | `Generator::new(async \|co\| …)` |
//! | `x = yield y` | `let x = co.yield_(y).await` |
//! | `try: x = yield y` … `except` | `match co.try_yield(y).await` |
//! | `raise`, of what was caught | `co.raise(thrown).await` |
//! | `yield from other()` | `co.yield_from(other()).await`, `co.yield_all(iterator).await` |
//! | `next(g)`, `for y in g` | `g.next()`, `for y in g` |
//! | `next(g)` where values are sent too | `g.start()`, then `g.send(None)`; or [`g.try_next()`](Generator::try_next) |
//! | `g.send(x)`, `g.throw(e)`, `g.close()` | the same |
//! | `StopIteration`, and its `value` | `None`, and [`g.take_result()`](Generator::take_result) |
//! | `TypeError`, `ValueError`, `RuntimeError` of the generator itself | [`SendError`], [`AlreadyRunning`], [`IgnoredExit`] |
//! | `finally` | a destructor |
//! | `inspect.getgeneratorstate(g)` | [`g.state()`](Generator::state) |
//! | `async def` with a `yield`, `async for` | [`AsyncGenerator`], `while let Some(y) = g.next().await` |
//! | `asend`, `athrow`, `aclose` | [`send`](AsyncGenerator::send), [`throw`](AsyncGenerator::throw), [`close`](AsyncGenerator::close) |
//!
//! None of them needs a scheduler, nor knows of one. All belong to their thread.
//!
//! # Example
//!
//! `tail -f file | grep python`, in which whoever wants the next line sets all in motion:
//!
//! ```
//! use turnwise::Generator;
//!
//! fn follow(file: &str) -> Generator<'_, &str> {
//!     Generator::new(async move |co| co.yield_all(file.lines()).await)
//! }
//!
//! fn grep<'a>(pattern: &'a str, lines: impl Iterator<Item = &'a str> + 'a) -> Generator<'a, &'a str> {
//!     Generator::new(async move |co| {
//!         for line in lines {
//!             if line.contains(pattern) {
//!                 co.yield_(line).await;
//!             }
//!         }
//!     })
//! }
//!
//! let file = String::from("a python\na boa\ntwo pythons");
//! assert_eq!(grep("python", follow(&file)).collect::<Vec<_>>(), ["a python", "two pythons"]);
//! ```

mod status;
mod error;
mod thrown;
mod lazy;
mod exchange;
mod yielding;
mod co;
#[allow(clippy::module_inception, reason = "it is what the folder is named for")]
mod generator;
mod resume;
mod pull;
mod delegate;
mod push;
mod asynchronous;

pub use asynchronous::{AsyncGenerator, Next};
pub use co::Co;
pub use error::{AlreadyRunning, AlreadyStarted, SendError};
pub use generator::Generator;
pub use push::Coroutine;
pub use status::GeneratorState;
pub use thrown::{GeneratorExit, IgnoredExit, Thrown};
pub use yielding::{TryYield, Yield};

//! Generators: functions that pause at each value they yield, and continue when the next one is requested.
//!
//! Use one to write an iterator as straight-line code, to push values into a function that keeps its place, or, with
//! [`AsyncGenerator`], to await between two values. Here is `tail -f file | grep python`, where each request for a line
//! pulls one through all stages:
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
//!
//! | to | use |
//! |---|---|
//! | compute values on demand | [`Generator`], an [`Iterator`] |
//! | yield all values of an iterator, or of another generator | [`Co::yield_all`], [`Co::yield_from`] |
//! | send something back at every value | [`Generator::send`] |
//! | throw an error into the body, which may catch it | [`Generator::throw`], [`Co::try_yield`] |
//! | push values into a function | [`Coroutine`] |
//! | await between two values | [`AsyncGenerator`] |
//! | run code before and after a block (a context manager) | a guard with a `Drop`; if that has to await, [`task::with`](crate::task::with()) |
//!
//! None of them needs a scheduler. All stay on their thread.
//!
//! # Compared with Python
//!
//! These are Python's generators on stable Rust: the body is an async closure, and its argument yields.
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
//! | `finally` | a destructor; one that awaits: [`task::with`](crate::task::with()), which [`close`](AsyncGenerator::close) runs |
//! | `inspect.getgeneratorstate(g)` | [`g.state()`](Generator::state) |
//! | `async def` with a `yield`, `async for` | [`AsyncGenerator`], `while let Some(y) = g.next().await` |
//! | `asend`, `athrow`, `aclose` | [`send`](AsyncGenerator::send), [`throw`](AsyncGenerator::throw), [`close`](AsyncGenerator::close) |

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
mod closing;

pub use asynchronous::{AsyncGenerator, Next};
pub use co::Co;
pub use error::{AlreadyRunning, AlreadyStarted, SendError};
pub use generator::Generator;
pub use push::Coroutine;
pub use status::GeneratorState;
pub use thrown::{GeneratorExit, IgnoredExit, Thrown};
pub use yielding::{TryYield, Yield};

//! A generator: a body that is run from yield to yield, by the caller that requests the next value.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::generator::co::Co;
use crate::generator::exchange::Exchange;
use crate::generator::lazy::{Body, Lazy};
use crate::generator::status::{GeneratorState, Status};

/// A function that yields values one after the other, and is suspended in between.
///
/// `Y` is the type of the yielded values, `R` that of the result, and `S` that of the values that can be sent. The body
/// is an async closure: each `co.yield_(value).await` hands out a value and suspends the body until the generator is
/// resumed. No part of the body runs before the first `next`, and no scheduler is needed. The body may borrow from its
/// environment, for the lifetime `'a`.
///
/// If nothing is sent to it (`S = ()`), it is an [`Iterator`]. All other methods take `&self`, so a generator can be
/// shared, in an [`Rc`], with the code that it calls; if its body resumes it, that is an error.
///
/// ```text
///         1                 2                  1  start, next, try_next: to the first yield
/// Created ──▶ running ─────────▶ Suspended     2  the body yields
///    │         │   ▲                 │         3  next, try_next, send; throw, close at a `try_yield`
///    │         │   └─────── 3 ───────┤         4  the body returns, raises or panics
///    │         └────── 4 ──┐         │         5  throw, close at a `yield_`: the body is dropped
///    └────────────────── 5 ▼ ◀── 5 ──┘
///                       Closed
/// ```
///
/// A panic in the body propagates to the call that resumed it, and the generator is closed. Dropping a suspended
/// generator drops the body at its current yield.
///
/// # Example
///
/// ```
/// use turnwise::Generator;
///
/// fn countdown(n: u32) -> Generator<'static, u32, &'static str> {
///     Generator::new(async move |co| {
///         for i in (1..=n).rev() {
///             co.yield_(i).await;
///         }
///         "liftoff"
///     })
/// }
///
/// let mut rocket = countdown(2);
/// assert_eq!(rocket.next(), Some(2));
/// assert_eq!(rocket.next(), Some(1));
/// assert_eq!(rocket.next(), None);
/// assert_eq!(rocket.take_result(), Some("liftoff"));
/// assert_eq!(countdown(3).sum::<u32>(), 6);
/// ```
#[must_use = "a generator does nothing until it is resumed"]
#[doc(alias = "coroutine")]
pub struct Generator<'a, Y, R = (), S = ()> {
    /// `None` while `run` polls it, and once it has finished.
    pub(super) body: Cell<Option<Body<'a, R>>>,
    pub(super) exchange: Rc<Exchange<Y, S>>,
    pub(super) result: Cell<Option<R>>,
    pub(super) made_at: &'static Location<'static>,
}

impl<'a, Y, R, S> Generator<'a, Y, R, S> {
    /// Creates a generator from an async closure.
    ///
    /// The compiler infers `S` from the values that are sent, or from the use as an iterator. Otherwise, for example if
    /// the generator is only closed, annotate the type: `let generator: Generator<'_, u32> = …`.
    ///
    /// # Panics
    ///
    /// Not here, but in the call that resumes it, if the body awaits a pending future that is not one of its own
    /// yields: nothing would wake it. Use an [`AsyncGenerator`](super::AsyncGenerator) for a body that waits. Use one
    /// also if the body awaits ready futures in a task whose scheduler has a
    /// [budget](crate::scheduler::Builder::budget): once the budget is used up, those are pending too.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let words = ["to", "be", "or"];
    /// let lengths = Generator::new(async |co| {
    ///     for word in &words {
    ///         co.yield_(word.len()).await; // it may borrow
    ///     }
    /// });
    /// assert_eq!(lengths.collect::<Vec<_>>(), [2, 2, 2]);
    /// ```
    #[track_caller]
    pub fn new<F>(body: F) -> Self
    where
        F: AsyncFnOnce(Co<Y, S>) -> R + 'a,
        Y: 'a,
        S: 'a,
    {
        let exchange = Exchange::new();
        let co = Co::new(&exchange);
        Generator {
            body: Cell::new(Some(Box::pin(Lazy::new(move || body(co))))),
            exchange,
            result: Cell::new(None),
            made_at: Location::caller(),
        }
    }

    /// Takes the value that the body returned; `None` if it has not returned, or if the value was taken already.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let mut short: Generator<'_, u32, &str> = Generator::new(async |_| "the end");
    /// assert_eq!(short.take_result(), None);
    /// assert_eq!(short.next(), None);
    /// assert_eq!(short.take_result(), Some("the end"));
    /// assert_eq!(short.take_result(), None);
    /// ```
    #[doc(alias = "StopIteration")]
    pub fn take_result(&self) -> Option<R> {
        self.result.take()
    }

    /// Returns the state of the generator.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Generator, generator::GeneratorState};
    ///
    /// let mut generator = Generator::new(async |co| co.yield_(1).await);
    /// assert_eq!(generator.state(), GeneratorState::Created);
    /// generator.next();
    /// assert_eq!(generator.state(), GeneratorState::Suspended);
    /// generator.next();
    /// assert_eq!(generator.state(), GeneratorState::Closed);
    /// ```
    #[doc(alias = "getgeneratorstate")]
    pub fn state(&self) -> GeneratorState {
        self.status().shown()
    }

    /// Returns the internal state.
    #[inline]
    pub(super) fn status(&self) -> Status {
        if self.exchange.is_polled.get() { Status::Running } else { self.exchange.status.get() }
    }
}

/// The body is boxed, and the result is moved: nothing is pinned.
impl<Y, R, S> Unpin for Generator<'_, Y, R, S> {}

impl<Y, R, S> fmt::Debug for Generator<'_, Y, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("{}", self.made_at);
        f.debug_struct("Generator")
            .field("state", &self.state())
            .field("created_at", &place)
            .finish()
    }
}

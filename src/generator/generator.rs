//! A generator: a body that is run from yield to yield, by the caller that wants its next value.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::generator::co::Co;
use crate::generator::exchange::Exchange;
use crate::generator::lazy::{Body, Lazy};
use crate::generator::status::{GeneratorState, Status};

/// A function that yields values one after the other, and stops meanwhile.
///
/// `Y` is what it yields, `R` what it returns in the end, and `S` what can be sent to it. Its body is an async
/// closure, in which every `co.yield_(value).await` hands out a value and waits until it is asked to go on. Nothing
/// of it runs before the first `next`, and it needs no scheduler. It may borrow from around it: that is the
/// lifetime.
///
/// If nothing is sent to it (`S = ()`), it is an [`Iterator`]. All other methods take `&self`, so that a
/// generator can be shared, in an [`Rc`], with what it calls; that it asks itself to go on is an error then.
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
/// A panic in the body comes out of whatever made it run; then the generator is over. A generator that is dropped
/// half-way drops its body where it waits.
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
#[must_use = "a generator does nothing until it is asked for a value"]
#[doc(alias = "coroutine")]
pub struct Generator<'a, Y, R = (), S = ()> {
    /// `None` while it runs, and when it is over.
    pub(super) body: Cell<Option<Body<'a, R>>>,
    pub(super) exchange: Rc<Exchange<Y, S>>,
    pub(super) result: Cell<Option<R>>,
    pub(super) made_at: &'static Location<'static>,
}

impl<'a, Y, R, S> Generator<'a, Y, R, S> {
    /// Makes a generator out of an async closure.
    ///
    /// What can be sent to it the compiler finds out by what is sent, or by its use as an iterator. One that is
    /// only closed, say, has to say it: `let generator: Generator<'_, u32> = …`.
    ///
    /// # Panics
    ///
    /// Not here, but in the `next` that comes upon it, if the body awaits something that is not ready and is no
    /// yield of its own: nothing would wake it. A body that waits for something is for an
    /// [`AsyncGenerator`](super::AsyncGenerator). So is one that awaits what is ready, if it runs in a task whose
    /// scheduler has a [budget](crate::scheduler::Builder::budget): when that is used up, nothing is ready any more.
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

    /// Takes what the body has returned: `None` before that, and when it was taken.
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

    /// Returns whether it has not been started, runs, waits or is over.
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

    /// What the generator is doing.
    #[inline]
    pub(super) fn status(&self) -> Status {
        if self.exchange.is_polled.get() { Status::Running } else { self.exchange.status.get() }
    }
}

/// The body has a box of its own, and the result is moved.
impl<Y, R, S> Unpin for Generator<'_, Y, R, S> {}

impl<Y, R, S> fmt::Debug for Generator<'_, Y, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("{}", self.made_at);
        f.debug_struct("Generator").field("state", &self.state()).field("made_at", &place).finish()
    }
}

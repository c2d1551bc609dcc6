//! A generator: a body that is run from yield to yield, by whoever wants its next value.

use std::cell::Cell;
use std::error::Error;
use std::panic::Location;
use std::rc::Rc;

use crate::generator::error::{AlreadyRunning, AlreadyStarted, Refusal, SendError};
use crate::generator::exchange::{Exchange, Status};
use crate::generator::lazy::Lazy;
use crate::generator::resume::Body;
use crate::generator::{Co, GeneratorState, Thrown};

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
    /// yield of its own: nobody would wake it. A body that waits for something is for an
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

    /// Runs it to its first yield: `None` if there is none.
    ///
    /// What takes values has to be started before anything can be sent to it. If nothing is sent, `next` does it.
    ///
    /// # Errors
    ///
    /// If it was started before.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let adder = Generator::new(async |co| {
    ///     let mut sum = 0;
    ///     while sum < 100 {
    ///         sum += co.yield_(sum).await;
    ///     }
    ///     "enough"
    /// });
    /// assert_eq!(adder.start()?, Some(0));
    /// assert_eq!(adder.send(30)?, Some(30));
    /// assert_eq!(adder.send(70)?, None);
    /// assert_eq!(adder.take_result(), Some("enough"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn start(&self) -> Result<Option<Y>, AlreadyStarted> {
        match self.status() {
            Status::Created => Ok(self.run_first()),
            _ => Err(AlreadyStarted),
        }
    }

    /// Runs it to its next yield, and returns the value: `None` if it ends instead, or has before.
    ///
    /// The `next` of an iterator, for generators that are shared. The yield in which it waits gives `S::default()`;
    /// so to a generator of `S = Option<_>` this is what `next` is in Python: it sends `None`.
    ///
    /// # Errors
    ///
    /// If it runs just now.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let countdown = Generator::new(async |co| {
    ///     let mut n: u32 = 1;
    ///     while n > 0 {
    ///         let shift: Option<u32> = co.yield_(n).await;
    ///         n = n - 1 + shift.unwrap_or(0);
    ///     }
    /// });
    /// assert_eq!(countdown.try_next()?, Some(1));
    /// assert_eq!(countdown.send(Some(10))?, Some(10));
    /// assert_eq!(countdown.try_next()?, Some(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn try_next(&self) -> Result<Option<Y>, AlreadyRunning>
    where
        S: Default,
    {
        match self.status() {
            status if status.is_waiting() => Ok(self.run_with(S::default())),
            Status::Created => Ok(self.run_first()),
            Status::Closed => Ok(None),
            _ => Err(AlreadyRunning),
        }
    }

    /// Sends a value to the yield in which it waits, and runs it to its next one: `None` if it ends instead.
    ///
    /// # Errors
    ///
    /// If it has not been [started](Generator::start), is over, or runs just now. The value is handed back.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
    ///
    /// # Example
    ///
    /// A value that is sent makes the body yield one as well, which is not one for the loop. So it is a trap to
    /// send to a generator over which one loops: here `3` goes astray.
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let countdown = Generator::new(async |co| {
    ///     let mut n: u32 = 5;
    ///     while n > 0 {
    ///         let again: Option<u32> = co.yield_(n).await;
    ///         n = again.unwrap_or(n - 1);
    ///     }
    /// });
    /// let mut seen = Vec::new();
    /// while let Some(n) = countdown.try_next()? {
    ///     seen.push(n);
    ///     if n == 5 {
    ///         assert_eq!(countdown.send(Some(3))?, Some(3));
    ///     }
    /// }
    /// assert_eq!(seen, [5, 2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn send(&self, value: S) -> Result<Option<Y>, SendError<S>> {
        let reason = match self.status() {
            status if status.is_waiting() => return Ok(self.run_with(value)),
            Status::Created => Refusal::JustStarted,
            Status::Closed => Refusal::Over,
            _ => Refusal::Running,
        };
        Err(SendError { value, reason })
    }

    /// Throws an error at the yield in which it waits.
    ///
    /// If that is a [`try_yield`](Co::try_yield), the body is given the error and runs to its next yield, whose value is
    /// returned: `None` if it ends instead. In any other case it is closed, and the error comes out: if it
    /// waits in a plain [`yield_`](Co::yield_), where it is dropped; if it has not been started, or is over.
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not take it; or what it [raises](Co::raise) instead. If it runs just now,
    /// [`AlreadyRunning`], and the error is lost.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let mut stubborn = Generator::new(async |co| {
    ///     let mut n = 3;
    ///     while n > 0 {
    ///         match co.try_yield(n).await {
    ///             Ok(()) => n -= 1,
    ///             Err(thrown) if thrown.to_string() == "again" => {}
    ///             Err(other) => co.raise(other).await,
    ///         }
    ///     }
    /// });
    /// assert_eq!(stubborn.next(), Some(3));
    /// assert_eq!(stubborn.throw("again")?, Some(3));
    /// assert_eq!(stubborn.next(), Some(2));
    /// assert_eq!(stubborn.throw("stop").unwrap_err().to_string(), "stop");
    /// assert_eq!(stubborn.next(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn throw(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<Option<Y>, Thrown> {
        self.throw_on(Thrown::new(error))
    }

    /// Ends it where it waits, in a plain [`yield_`](Co::yield_), or before its start: the body is dropped there.
    ///
    /// If it waits in a [`try_yield`](Co::try_yield), that gives it [`GeneratorExit`](super::GeneratorExit). It may clean up then, and has to
    /// end: by returning, or by [raising](Co::raise) that. If it is over, nothing happens.
    ///
    /// # Errors
    ///
    /// If it yields another value: [`IgnoredExit`](super::IgnoredExit). It is dropped in that yield, so closed all the same. If it
    /// raises something else: that. If it runs just now: [`AlreadyRunning`].
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use std::cell::Cell;
    /// use turnwise::Generator;
    ///
    /// struct CleanUp<'a>(&'a Cell<bool>);
    /// impl Drop for CleanUp<'_> {
    ///     fn drop(&mut self) {
    ///         self.0.set(true);
    ///     }
    /// }
    ///
    /// let cleaned_up = Cell::new(false);
    /// let mut generator = Generator::new(async |co| {
    ///     let _clean_up = CleanUp(&cleaned_up);
    ///     co.yield_(1).await;
    /// });
    /// assert_eq!(generator.next(), Some(1));
    /// generator.close()?;
    /// assert!(cleaned_up.get());
    /// assert_eq!(generator.next(), None);
    /// # Ok::<(), turnwise::generator::Thrown>(())
    /// ```
    #[track_caller]
    pub fn close(&self) -> Result<(), Thrown> {
        match self.status() {
            Status::Closed => Ok(()),
            Status::Running | Status::Raised => Err(Thrown::new(AlreadyRunning)),
            Status::Created | Status::Suspended => {
                self.drop_body();
                Ok(())
            }
            Status::Careful => self.exit(),
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
}

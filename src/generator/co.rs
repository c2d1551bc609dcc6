//! The body's side of a generator: yielding.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::generator::exchange::Exchange;
use crate::generator::thrown::Thrown;
use crate::generator::yielding::{TryYield, Yield};

/// The handle through which the body of a generator yields: its only argument.
///
/// By convention it is named `co`, for *coroutine*. The body can lend it to the functions that it calls.
///
/// # Example
///
/// ```
/// use turnwise::Generator;
/// use turnwise::generator::Co;
///
/// async fn twice(co: &Co<u32>, value: u32) {
///     co.yield_(value).await;
///     co.yield_(value).await;
/// }
///
/// let numbers = Generator::new(async |co| {
///     for n in 1..=2 {
///         twice(&co, n).await;
///     }
/// });
/// assert_eq!(numbers.collect::<Vec<_>>(), [1, 1, 2, 2]);
/// ```
pub struct Co<Y, S = ()> {
    exchange: Rc<Exchange<Y, S>>,
}

impl<Y, S> Co<Y, S> {
    pub(super) fn new(exchange: &Rc<Exchange<Y, S>>) -> Self {
        Co { exchange: Rc::clone(exchange) }
    }

    /// Yields a value, and waits for the one that is sent in return.
    ///
    /// The body is suspended here until the generator is resumed. If an error is [thrown](super::Generator::throw), or
    /// the generator is [closed](super::Generator::close), the body is dropped here, and its destructors run, like
    /// Python's `finally`. In an [`AsyncGenerator`](super::AsyncGenerator::close), each `task::with` and `catch_cancel`
    /// around the yield cleans up first. A body that handles errors uses [`try_yield`](Co::try_yield).
    ///
    /// # Cancel safety
    ///
    /// A yield that is dropped before it completes, for example by a `select!` in the body, is withdrawn. If its value
    /// was handed out already, then what is sent in return is lost.
    ///
    /// # Panics
    ///
    /// When polled, if another yield of the same body is pending.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let echo = Generator::new(async |co| {
    ///     let mut heard = String::new();
    ///     loop {
    ///         heard = co.yield_(heard).await;
    ///     }
    /// });
    /// assert_eq!(echo.start()?.unwrap(), "");
    /// assert_eq!(echo.send("hello".to_string())?.unwrap(), "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn yield_(&self, value: Y) -> Yield<'_, Y, S> {
        Yield::new(&self.exchange, value)
    }

    /// Yields a value, and waits for the value or the error that is sent or thrown in return.
    ///
    /// This is Python's `yield` in a `try`. An error that the body does not handle should be passed on with
    /// [`raise`](Co::raise). If the error means that the generator [is being closed](Thrown::is_exit), the body may
    /// clean up, but must not yield again.
    ///
    /// # Errors
    ///
    /// The error that was thrown.
    ///
    /// # Cancel safety
    ///
    /// The same as [`yield_`](Co::yield_); an error that is thrown in return is lost too.
    ///
    /// # Panics
    ///
    /// When polled, if another yield of the same body is pending.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let careful: Generator<'_, u32, &str> = Generator::new(async |co| {
    ///     match co.try_yield(1).await {
    ///         Ok(()) => "all is well",
    ///         Err(thrown) if thrown.to_string() == "out of paper" => "printed on the wall",
    ///         Err(other) => co.raise(other).await,
    ///     }
    /// });
    /// assert_eq!(careful.try_next()?, Some(1));
    /// assert_eq!(careful.throw("out of paper")?, None);
    /// assert_eq!(careful.take_result(), Some("printed on the wall"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[doc(alias = "except")]
    pub fn try_yield(&self, value: Y) -> TryYield<'_, Y, S> {
        TryYield::new(&self.exchange, value)
    }

    /// Ends the generator with an error, which the current [`throw`](super::Generator::throw) returns. The body is
    /// dropped here.
    ///
    /// Never returns, so it fits the end of any `match` arm. It is meant for an error that a
    /// [`try_yield`](Co::try_yield) returned and the body does not handle. Only `throw` and `close` can return an
    /// error: if the generator was resumed by `next` or `send`, that call panics. A body that fails on its own should
    /// return or yield a `Result` instead. Raising a [`GeneratorExit`](super::GeneratorExit) while the generator is
    /// being closed closes it without an error.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let strict: Generator<'_, u32> = Generator::new(async |co| {
    ///     let thrown = co.try_yield(1).await.unwrap_err();
    ///     co.raise(thrown).await
    /// });
    /// assert_eq!(strict.try_next(), Ok(Some(1)));
    /// assert_eq!(strict.throw("no").unwrap_err().to_string(), "no");
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the error back.
    pub async fn raise(&self, thrown: Thrown) -> ! {
        self.exchange.raise(thrown);
        let never = poll_fn(|cx| {
            self.exchange.wait(cx);
            Poll::<Infallible>::Pending
        });
        match never.await {}
    }
}

impl<Y> Co<Y> {
    /// Yields every value of an iterator.
    ///
    /// For a generator, use [`yield_from`](Co::yield_from), which also returns its result.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the iterator.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::Generator;
    ///
    /// let flat = Generator::new(async |co| {
    ///     for row in [vec![1, 2], vec![3]] {
    ///         co.yield_all(row).await;
    ///     }
    /// });
    /// assert_eq!(flat.collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    #[doc(alias = "yield from")]
    pub async fn yield_all(&self, values: impl IntoIterator<Item = Y>) {
        for value in values {
            self.yield_(value).await;
        }
    }
}

impl<S> Co<(), S> {
    /// Waits for the next value that is sent: `yield_(())`, for the body of a [`Coroutine`](super::Coroutine).
    ///
    /// # Cancel safety
    ///
    /// The same as [`yield_`](Co::yield_).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::Coroutine;
    ///
    /// let printer = Coroutine::new(async |co| {
    ///     loop {
    ///         let line: &str = co.receive().await;
    ///         println!("{line}");
    ///     }
    /// });
    /// assert_eq!(printer.send("hello"), Ok(true));
    /// ```
    #[inline]
    pub fn receive(&self) -> Yield<'_, (), S> {
        self.yield_(())
    }
}

impl<Y, S> fmt::Debug for Co<Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Co").finish_non_exhaustive()
    }
}

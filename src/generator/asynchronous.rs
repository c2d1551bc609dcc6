//! A generator whose body may await.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::generator::co::Co;
use crate::generator::error::{AlreadyStarted, ResumeRefusal, SendError};
use crate::generator::exchange::{Exchange, Over};
use crate::generator::lazy::{Body, Lazy};
use crate::generator::status::Status;
use crate::generator::thrown::{GeneratorExit, IgnoredExit, Thrown};

/// A generator whose body may await any future, not only its own yields. Its values are awaited too:
/// `while let Some(value) = generator.next().await`, like Python's `async for`.
///
/// The body runs in the turns of the task that awaits the next value, and only then: it is not a task itself. It runs
/// on any executor. With the feature `stream` it implements `Stream`.
///
/// Dropping it drops the body at its current await, with all destructors. A destructor cannot await; for clean-up that
/// has to, see [`close`](AsyncGenerator::close) or [`task::with`](crate::task::with()).
///
/// # Cancel safety
///
/// Dropping the future of [`next`](AsyncGenerator::next) loses nothing: the body stays where it is, and the following
/// call continues from there. The same holds for the other methods; but the value or error that they pass in is
/// delivered at their first poll, and the following `next` or [`resume`](AsyncGenerator::resume) returns what the body
/// yields in return.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::generator::AsyncGenerator;
/// use turnwise::{Scheduler, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let mut countdown = AsyncGenerator::new(async |co| {
///         for n in (1..=3).rev() {
///             sleep(Duration::from_secs(1)).await;
///             co.yield_(n).await;
///         }
///     });
///     let mut seen = Vec::new();
///     while let Some(n) = countdown.next().await {
///         seen.push(n);
///     }
///     assert_eq!(seen, [3, 2, 1]);
/// });
/// ```
#[must_use = "a generator does nothing until it is resumed"]
#[doc(alias = "async for")]
#[doc(alias = "stream")]
pub struct AsyncGenerator<'a, Y, S = ()> {
    /// `None` once it has finished.
    body: Option<Body<'a, ()>>,
    /// Its status is `Running` from each resumption to the following yield, even between polls.
    exchange: Rc<Exchange<Y, S>>,
}

impl<'a, Y, S> AsyncGenerator<'a, Y, S> {
    /// Creates a generator from an async closure. No part of it runs before the first `next`.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    /// use turnwise::generator::AsyncGenerator;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded();
    /// ["a python", "a boa"].map(|line| sender.send(line).unwrap());
    /// drop(sender);
    /// turnwise::block_on(async {
    ///     let mut pythons = AsyncGenerator::new(async |co| {
    ///         while let Some(line) = receiver.recv().await {
    ///             if line.contains("python") {
    ///                 co.yield_(line).await;
    ///             }
    ///         }
    ///     });
    ///     assert_eq!(pythons.next().await, Some("a python"));
    ///     assert_eq!(pythons.next().await, None);
    /// });
    /// ```
    pub fn new<F>(body: F) -> Self
    where
        F: AsyncFnOnce(Co<Y, S>) + 'a,
        Y: 'a,
        S: 'a,
    {
        let exchange = Exchange::new();
        let co = Co::new(&exchange);
        let body: Body<'a, ()> = Box::pin(Lazy::new(move || body(co)));
        AsyncGenerator { body: Some(body), exchange }
    }

    /// Runs the body to its first yield, and returns the value; `None` if the body ends first.
    ///
    /// # Errors
    ///
    /// [`AlreadyStarted`] if it was already started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after its first poll, the generator stays started; [`resume`](AsyncGenerator::resume)
    /// continues it.
    pub async fn start(&mut self) -> Result<Option<Y>, AlreadyStarted> {
        if self.status() != Status::Created {
            return Err(AlreadyStarted);
        }
        self.exchange.begin();
        Ok(self.resume().await)
    }

    /// Sends a value to the current yield, and runs the body to its next one. Returns the value that it yields, or
    /// `None` if it ends instead.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, if the generator has not been [started](AsyncGenerator::start) or has finished,
    /// or if it is between two yields because a call was dropped before it completed: then
    /// [`resume`](AsyncGenerator::resume) runs it to its next yield.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after its first poll, the value has been sent; [`resume`](AsyncGenerator::resume)
    /// returns what is yielded in return.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::AsyncGenerator;
    /// use turnwise::yield_now;
    ///
    /// turnwise::block_on(async {
    ///     let mut adder = AsyncGenerator::new(async |co| {
    ///         let mut sum = 0;
    ///         loop {
    ///             sum += co.yield_(sum).await;
    ///             yield_now().await;
    ///         }
    ///     });
    ///     assert_eq!(adder.start().await?, Some(0));
    ///     assert_eq!(adder.send(2).await?, Some(2));
    ///     assert_eq!(adder.send(3).await?, Some(5));
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "asend")]
    pub async fn send(&mut self, value: S) -> Result<Option<Y>, SendError<S>> {
        let reason = match self.status() {
            Status::Suspended | Status::Careful => {
                self.exchange.send(value);
                return Ok(self.resume().await);
            }
            Status::Created => ResumeRefusal::JustStarted,
            Status::Running | Status::Raised => ResumeRefusal::Running,
            Status::Closed => ResumeRefusal::Over,
        };
        Err(SendError { value, reason })
    }

    /// Continues to the next yield after a call that was dropped before it completed, and returns the value. Does
    /// nothing and returns `None` if the generator has not been started, is suspended at a yield, or has finished.
    ///
    /// # Panics
    ///
    /// If the body panics, or raises an error when none was thrown into it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn resume(&mut self) -> Option<Y> {
        if self.status() != Status::Running {
            return None;
        }
        poll_fn(|cx| self.poll_undisturbed(cx)).await
    }

    /// Throws an error at the current yield.
    ///
    /// Like [`Generator::throw`](super::Generator::throw): a body at a [`try_yield`](Co::try_yield) receives the error,
    /// and any other body is dropped, even one that is between two yields because a call was dropped before it
    /// completed.
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not handle it, or the error that the body [raises](Co::raise) instead.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after its first poll, the error has been thrown.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::AsyncGenerator;
    ///
    /// turnwise::block_on(async {
    ///     let mut generator = AsyncGenerator::new(async |co| {
    ///         let thrown = co.try_yield(String::new()).await.unwrap_err();
    ///         co.yield_(format!("caught: {thrown}")).await;
    ///     });
    ///     generator.next().await;
    ///     assert_eq!(generator.throw("one").await.unwrap().unwrap(), "caught: one");
    ///     assert_eq!(generator.throw("two").await.unwrap_err().to_string(), "two");
    /// });
    /// ```
    #[doc(alias = "athrow")]
    pub async fn throw(
        &mut self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<Option<Y>, Thrown> {
        let thrown = Thrown::new(error);
        if self.status() != Status::Careful {
            self.drop_body();
            return Err(thrown);
        }
        self.exchange.throw(thrown);
        poll_fn(|cx| self.poll_yield(cx)).await
    }

    /// Closes the generator: drops its body, or, at a [`try_yield`](Co::try_yield), throws [`GeneratorExit`] into it.
    /// Then the body may clean up, with awaits, and must end.
    ///
    /// # Errors
    ///
    /// [`IgnoredExit`] if the body yields another value; it is dropped at that yield. If the body raises another error,
    /// that error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the clean-up stops where it is; another `close` drops the body there.
    ///
    /// # Example
    ///
    /// ```
    /// use std::cell::Cell;
    /// use turnwise::generator::AsyncGenerator;
    /// use turnwise::yield_now;
    ///
    /// let is_closed = Cell::new(false);
    /// turnwise::block_on(async {
    ///     let mut lines = AsyncGenerator::new(async |co| {
    ///         while co.try_yield("line").await.is_ok() {}
    ///         yield_now().await; // the file is being closed
    ///         is_closed.set(true);
    ///     });
    ///     assert_eq!(lines.next().await, Some("line"));
    ///     lines.close().await
    /// })?;
    /// assert!(is_closed.get());
    /// # Ok::<(), turnwise::generator::Thrown>(())
    /// ```
    #[doc(alias = "aclose")]
    pub async fn close(&mut self) -> Result<(), Thrown> {
        if self.status() != Status::Careful {
            self.drop_body();
            return Ok(());
        }
        self.exchange.throw(Thrown::new(GeneratorExit));
        match poll_fn(|cx| self.poll_yield(cx)).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => {
                self.drop_body();
                Err(Thrown::new(IgnoredExit))
            }
            Err(thrown) if thrown.is_exit() => Ok(()),
            Err(thrown) => Err(thrown),
        }
    }
}

impl<Y> AsyncGenerator<'_, Y> {
    /// Runs the body to its next yield, and returns the value; `None` if the body ends instead, or has ended before.
    ///
    /// # Panics
    ///
    /// If the body panics, or raises an error when none was thrown into it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call continues where this one stopped. But a cancel request, as by a
    /// `timeout`, reaches the body; if the body catches it and yields in return, that value is lost with the future.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::AsyncGenerator;
    ///
    /// async fn range(n: u32) -> Vec<u32> {
    ///     let mut numbers = AsyncGenerator::new(async |co| co.yield_all(0..n).await);
    ///     let mut seen = Vec::new();
    ///     while let Some(number) = numbers.next().await {
    ///         seen.push(number);
    ///     }
    ///     seen
    /// }
    /// assert_eq!(turnwise::block_on(range(3)), [0, 1, 2]);
    /// ```
    #[allow(clippy::should_implement_trait, reason = "it is what streams call it")]
    #[doc(alias = "anext")]
    #[doc(alias = "StopAsyncIteration")]
    pub fn next(&mut self) -> Next<'_, Self> {
        Next { generator: self }
    }

    pub(crate) fn poll_next_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        match self.status() {
            Status::Suspended | Status::Careful => self.exchange.send(()),
            Status::Created => self.exchange.begin(),
            Status::Running | Status::Raised => {}
            Status::Closed => return Poll::Ready(None),
        }
        self.poll_undisturbed(cx)
    }
}

impl<Y, S> AsyncGenerator<'_, Y, S> {
    /// Returns whether the generator has finished: `next` returns `None`.
    pub fn is_over(&self) -> bool {
        self.status() == Status::Closed
    }

    fn status(&self) -> Status {
        self.exchange.status.get()
    }

    fn poll_yield(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Y>, Thrown>> {
        let Some(mut body) = self.body.take() else { return Poll::Ready(Ok(None)) };
        let over = Over(&self.exchange);
        self.exchange.ask(cx);
        let poll = body.as_mut().poll(cx);
        self.exchange.clear_caller();
        if poll.is_ready() {
            return Poll::Ready(Ok(None));
        }
        if let Some(thrown) = self.exchange.raised() {
            return Poll::Ready(Err(thrown));
        }
        let left = match self.exchange.yielded() {
            Some(value) => Poll::Ready(Ok(Some(value))),
            None => Poll::Pending,
        };
        mem::forget(over);
        self.body = Some(body);
        left
    }

    fn poll_undisturbed(&mut self, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        match ready!(self.poll_yield(cx)) {
            Ok(value) => Poll::Ready(value),
            Err(thrown) => panic!(
                "the body of an async generator raised an error, but none was thrown into it (return a `Result` \
                 instead): {thrown}"
            ),
        }
    }

    fn drop_body(&mut self) {
        self.exchange.status.set(Status::Closed);
        self.body = None;
    }
}

impl<Y, S> fmt::Debug for AsyncGenerator<'_, Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncGenerator").field("state", &self.status().shown()).finish()
    }
}

/// The future of [`AsyncGenerator::next`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Next<'g, G> {
    generator: &'g mut G,
}

impl<Y> Future for Next<'_, AsyncGenerator<'_, Y>> {
    type Output = Option<Y>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.generator.poll_next_value(cx)
    }
}

impl<G: fmt::Debug> fmt::Debug for Next<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("generator", &self.generator).finish()
    }
}

//! A generator whose body may await.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::cancel::BodyRegion;
use crate::generator::co::Co;
use crate::generator::error::{AlreadyStarted, ResumeRefusal, SendError};
use crate::generator::exchange::{Exchange, Over};
use crate::generator::lazy::{Body, Lazy};
use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

/// A generator whose body may await any future, not only its own yields. Its values are awaited too:
/// `while let Some(value) = generator.next().await`, like Python's `async for`.
///
/// The body runs in the turns of the task that awaits the next value, and only then: it is not a task itself. It runs
/// on any executor. With the feature `stream` it implements `Stream`.
///
/// Dropping it drops the body at its current await, with all destructors. A destructor cannot await: if a clean-up
/// must, put it into a [`task::with`](crate::task::with()) in the body, and [close](AsyncGenerator::close) the
/// generator.
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
    pub(super) body: Option<Body<'a, ()>>,
    /// A request that the body resumes goes through it, and then the generator is over.
    pub(super) region: BodyRegion,
    /// Its status is `Running` from each resumption to the following yield, even between polls.
    pub(super) exchange: Rc<Exchange<Y, S>>,
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
    #[track_caller]
    pub fn new<F>(body: F) -> Self
    where
        F: AsyncFnOnce(Co<Y, S>) + 'a,
        Y: 'a,
        S: 'a,
    {
        let exchange = Exchange::new();
        let co = Co::new(&exchange);
        let body: Body<'a, ()> = Box::pin(Lazy::new(move || body(co)));
        AsyncGenerator { body: Some(body), region: BodyRegion::at(Location::caller()), exchange }
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
    /// [`timeout`](crate::timeout), reaches the body. If the body [resumes](crate::task::Cancelled::resume) it, as
    /// [`task::with`](crate::task::with()) does after closing its resource, the generator is over, and every following
    /// call returns `None`. (A call inside what was asked to end stays pending instead, until that has acted.) To limit
    /// the wait without ending the generator, wait beside it, as in the second example.
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
    ///
    /// A heartbeat: the same `next` is polled on, so that a slow row neither ends the query nor goes unnoticed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::generator::AsyncGenerator;
    /// use turnwise::{Scheduler, select, sleep, task};
    ///
    /// let second = Duration::from_secs(1);
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let beats = scheduler.block_on(async {
    ///     let mut rows = AsyncGenerator::new(async |co| {
    ///         let query = async |_: &mut &str| {
    ///             sleep(second * 5 / 2).await;
    ///             co.yield_("a row").await;
    ///         };
    ///         task::with("a connection", query, async |_connection, _exit| sleep(second).await).await;
    ///     });
    ///     let mut beats = 0;
    ///     let mut next = rows.next();
    ///     let row = loop {
    ///         select! {
    ///             row = &mut next => break row,
    ///             () = sleep(second) => beats += 1, // tells the client to be patient
    ///         }
    ///     };
    ///     assert_eq!(row, Some("a row"));
    ///     rows.close().await?; // closes the connection
    ///     Ok::<_, turnwise::generator::Thrown>(beats)
    /// })?;
    /// assert_eq!(beats, 2);
    /// # Ok::<(), turnwise::generator::Thrown>(())
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
            Status::Running | Status::Raised | Status::Closed => {}
        }
        self.poll_undisturbed(cx)
    }
}

impl<Y, S> AsyncGenerator<'_, Y, S> {
    /// Returns whether the generator has finished: `next` returns `None`.
    pub fn is_over(&self) -> bool {
        self.status() == Status::Closed
    }

    pub(super) fn status(&self) -> Status {
        self.exchange.status.get()
    }

    /// Polls the body until it yields, ends or raises.
    pub(super) fn poll_yield(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Y>, Thrown>> {
        let Some(mut body) = self.body.take() else {
            return if self.region.must_wait(cx) { Poll::Pending } else { Poll::Ready(Ok(None)) };
        };
        let over = Over(&self.exchange);
        self.exchange.ask(cx);
        let poll = self.region.poll(cx, |cx| body.as_mut().poll(cx));
        self.exchange.clear_caller();
        if self.region.has_ended() {
            drop(body); // It has resumed a request, so the generator is over.
            return if self.region.must_wait(cx) { Poll::Pending } else { Poll::Ready(Ok(None)) };
        }
        if poll.is_ready() {
            return Poll::Ready(Ok(None));
        }
        let left = match (self.exchange.raised(), self.exchange.yielded()) {
            (Some(thrown), _) => Poll::Ready(Err(thrown)),
            (None, Some(value)) => Poll::Ready(Ok(Some(value))),
            (None, None) => Poll::Pending,
        };
        mem::forget(over);
        self.body = Some(body);
        if left.is_pending() && self.region.settle() {
            self.drop_body(); // It is being closed, and its clean-ups have ended.
            return Poll::Ready(Ok(None));
        }
        left
    }

    fn poll_undisturbed(&mut self, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        match ready!(self.poll_yield(cx)) {
            Ok(value) => Poll::Ready(value),
            Err(thrown) => {
                self.drop_body();
                panic!(
                    "the body of an async generator raised an error, but none was thrown into it (return a \
                     `Result` instead): {thrown}"
                )
            }
        }
    }

    /// Drops the body, wherever it waits.
    pub(super) fn drop_body(&mut self) {
        self.exchange.status.set(Status::Closed);
        self.body = None;
        self.region.remove();
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

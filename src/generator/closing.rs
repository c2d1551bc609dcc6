//! Ending an async generator from outside: an error that is thrown at its body, and closing it.
//!
//! A clean-up in the body may await. So the body is not dropped where it waits, but asked to end, by a request that
//! goes outward from there: see `cancel/body_region.rs`.

use std::error::Error;
use std::future::poll_fn;

use crate::generator::asynchronous::AsyncGenerator;
use crate::generator::status::Status;
use crate::generator::thrown::{GeneratorExit, IgnoredExit, Thrown};

impl<Y, S> AsyncGenerator<'_, Y, S> {
    /// Throws an error at the current yield.
    ///
    /// Like [`Generator::throw`](super::Generator::throw): a body at a [`try_yield`](super::Co::try_yield) receives the
    /// error, and any other body ends, even one that is between two yields because a call was dropped before it
    /// completed. A body that ends, also by [`raise`](super::Co::raise), cleans up first, as by
    /// [`close`](AsyncGenerator::close).
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not handle it, or the error that the body [raises](super::Co::raise) instead.
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
        let mut thrown = Thrown::new(error);
        if self.status() == Status::Careful {
            self.exchange.throw(thrown);
            match poll_fn(|cx| self.poll_yield(cx)).await {
                Err(raised) => thrown = raised,
                outcome => return outcome,
            }
        }
        let _ended = self.end_body(&thrown.to_string()).await;
        Err(thrown)
    }

    /// Closes the generator, and waits until its body has cleaned up.
    ///
    /// A body at a [`try_yield`](super::Co::try_yield) receives a [`GeneratorExit`]; it may clean up, with awaits, and
    /// must end. Any other body ends where it waits: it receives a [cancel request](crate::task#cancelling), so every
    /// [`task::with`](crate::task::with()) and [`catch_cancel`](crate::task::catch_cancel) around that place cleans up,
    /// from the inside out. A [`mask`](crate::task::mask) around a yield does not hold the request back, since nothing
    /// will be sent to that yield. The body is dropped when the last clean-up has ended; immediately, if there is none.
    ///
    /// Dropping a generator without closing it runs only destructors.
    ///
    /// # Errors
    ///
    /// [`IgnoredExit`] if the body yields another value, at a `try_yield` or in a clean-up; it ends at that yield. If
    /// the body raises another error, that error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the clean-up stops where it is. The next `close` or [`next`](AsyncGenerator::next)
    /// continues the clean-up of a `with` or a `catch_cancel`; any other clean-up, such as code after a `try_yield`, is
    /// dropped by the next `close`. A cancel request from outside waits until the clean-ups have ended. `close` does
    /// not wait for a clean-up of an earlier request: the yield may be inside it, and then it could never end.
    ///
    /// # Example
    ///
    /// ```
    /// use std::cell::Cell;
    /// use turnwise::generator::AsyncGenerator;
    /// use turnwise::{task, yield_now};
    ///
    /// let is_closed = Cell::new(false);
    /// turnwise::block_on(async {
    ///     let mut lines = AsyncGenerator::new(async |co| {
    ///         let read = async |_: &mut &str| {
    ///             loop {
    ///                 co.yield_("line").await;
    ///             }
    ///         };
    ///         task::with("a file", read, async |_file, _exit| {
    ///             yield_now().await; // the file is being closed
    ///             is_closed.set(true);
    ///         })
    ///         .await;
    ///     });
    ///     assert_eq!(lines.next().await, Some("line"));
    ///     lines.close().await
    /// })?;
    /// assert!(is_closed.get());
    /// # Ok::<(), turnwise::generator::Thrown>(())
    /// ```
    #[doc(alias = "aclose")]
    pub async fn close(&mut self) -> Result<(), Thrown> {
        let mut outcome = Ok(());
        if self.status() == Status::Careful {
            self.exchange.throw(Thrown::new(GeneratorExit));
            match poll_fn(|cx| self.poll_yield(cx)).await {
                Ok(None) => {}
                Ok(Some(_)) => outcome = Err(Thrown::new(IgnoredExit)),
                Err(thrown) if thrown.is_exit() => {}
                Err(thrown) => outcome = Err(thrown),
            }
        }
        let reason = match &outcome {
            Ok(()) => GeneratorExit.to_string(),
            Err(thrown) => thrown.to_string(),
        };
        let ended = self.end_body(&reason).await;
        outcome.and(ended)
    }

    /// Ends the body where it waits: asks it to end, runs the clean-ups, and drops it. Fails if the body yields in a
    /// clean-up, or raises an error there.
    async fn end_body(&mut self, reason: &str) -> Result<(), Thrown> {
        match self.region.close(reason) {
            Some(closing) => self.exchange.close(closing),
            None => self.drop_body(), // Nothing in it cleans up.
        }
        while self.body.is_some() {
            self.exchange.begin();
            let failed = match poll_fn(|cx| self.poll_yield(cx)).await {
                Ok(None) => continue,
                Ok(Some(_)) if self.exchange.must_end() => continue,
                Ok(Some(_)) => Thrown::new(IgnoredExit),
                Err(thrown) => thrown,
            };
            self.drop_body();
            return Err(failed);
        }
        Ok(())
    }
}

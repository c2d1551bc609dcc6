//! Resuming a generator: for its next value, with a value or an error for its current yield, or to close it.

use std::error::Error;
use std::iter::FusedIterator;

use crate::generator::error::{AlreadyRunning, AlreadyStarted, ResumeRefusal, SendError};
use crate::generator::generator::Generator;
use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

impl<Y, R, S> Generator<'_, Y, R, S> {
    /// Runs the body to its first yield, and returns the value; `None` if the body returns first.
    ///
    /// A generator must be started before a value can be sent to it. If nothing is sent, `next` starts it.
    ///
    /// # Errors
    ///
    /// [`AlreadyStarted`] if it was already started.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
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

    /// Runs the body to its next yield, and returns the value; `None` if the body returns instead, or has finished
    /// before.
    ///
    /// This is the `next` of an iterator, for a generator that is shared. The current yield returns `S::default()`: if
    /// `S` is an `Option`, this sends `None`, like Python's `next`.
    ///
    /// # Errors
    ///
    /// [`AlreadyRunning`] if the generator is running.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
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

    /// Sends a value to the current yield, and runs the body to its next one. Returns the value that it yields, or
    /// `None` if it returns instead.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, if the generator has not been [started](Generator::start), is running, or has
    /// finished.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
    ///
    /// # Example
    ///
    /// `send` also returns a yielded value, which a loop over the generator then does not see. Sending inside such a
    /// loop is therefore a trap: here the loop misses `3`.
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
            Status::Created => ResumeRefusal::JustStarted,
            Status::Closed => ResumeRefusal::Over,
            _ => ResumeRefusal::Running,
        };
        Err(SendError { value, reason })
    }

    /// Throws an error at the current yield.
    ///
    /// If that is a [`try_yield`](super::Co::try_yield), the body receives the error and runs to its next yield, whose
    /// value is returned; `None` if the body returns instead. If it is a plain [`yield_`](super::Co::yield_), the body
    /// is dropped there. Then, and also if the generator has not been started or has finished, the generator is closed
    /// and the error is returned.
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not handle it, or the error that the body [raises](super::Co::raise) instead.
    /// [`AlreadyRunning`] if the generator is running; then the error that was thrown is lost.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
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

    /// Closes the generator: drops its body, at a plain [`yield_`](super::Co::yield_) or before the start.
    ///
    /// If the body is at a [`try_yield`](super::Co::try_yield), that returns [`GeneratorExit`](super::GeneratorExit)
    /// instead. The body may then clean up, and must end: by returning, or by [raising](super::Co::raise) that error.
    /// If the generator has finished, nothing happens.
    ///
    /// # Errors
    ///
    /// [`IgnoredExit`](super::IgnoredExit) if the body yields another value; it is dropped at that yield, so the
    /// generator is closed nevertheless. If the body raises another error, that error. [`AlreadyRunning`] if the
    /// generator is running.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
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
}

/// For generators to which nothing is sent.
impl<Y, R> Iterator for Generator<'_, Y, R> {
    type Item = Y;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<Y> {
        if self.exchange.status.get().is_waiting() {
            self.exchange.send(());
            return self.run_alone();
        }
        self.try_next().expect("a running generator cannot be borrowed mutably")
    }
}

impl<Y, R> FusedIterator for Generator<'_, Y, R> {}

//! Asking a generator: for its next value, with a value or an error for the yield in which it waits, or to end.

use std::error::Error;
use std::iter::FusedIterator;

use crate::generator::error::{AlreadyRunning, AlreadyStarted, ResumeRefusal, SendError};
use crate::generator::generator::Generator;
use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

impl<Y, R, S> Generator<'_, Y, R, S> {
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
            Status::Created => ResumeRefusal::JustStarted,
            Status::Closed => ResumeRefusal::Over,
            _ => ResumeRefusal::Running,
        };
        Err(SendError { value, reason })
    }

    /// Throws an error at the yield in which it waits.
    ///
    /// If that is a [`try_yield`](super::Co::try_yield), the body is given the error and runs to its next yield, whose value is
    /// returned: `None` if it ends instead. In any other case it is closed, and the error comes out: if it
    /// waits in a plain [`yield_`](super::Co::yield_), where it is dropped; if it has not been started, or is over.
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not take it; or what it [raises](super::Co::raise) instead. If it runs just now,
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

    /// Ends it where it waits, in a plain [`yield_`](super::Co::yield_), or before its start: the body is dropped there.
    ///
    /// If it waits in a [`try_yield`](super::Co::try_yield), that gives it [`GeneratorExit`](super::GeneratorExit). It may clean up then, and has to
    /// end: by returning, or by [raising](super::Co::raise) that. If it is over, nothing happens.
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
}

/// If nothing can be sent to it.
impl<Y, R> Iterator for Generator<'_, Y, R> {
    type Item = Y;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<Y> {
        if self.exchange.status.get().is_waiting() {
            self.exchange.send(());
            return self.run_alone();
        }
        self.try_next().expect("what runs is borrowed, so no other caller can borrow it mutably")
    }
}

impl<Y, R> FusedIterator for Generator<'_, Y, R> {}

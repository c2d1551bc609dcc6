//! Delegating to another generator: its values are passed out; sent values and thrown errors are passed in.

use crate::generator::co::Co;
use crate::generator::generator::Generator;

impl<Y, S> Co<Y, S> {
    /// Yields all values of another generator, and returns its result.
    ///
    /// Sent values and thrown errors are passed to the inner generator, and closing the outer generator closes the
    /// inner one. An error that the inner one returns also ends the outer one.
    ///
    /// An inner generator that was already started continues with its next value, as by
    /// [`try_next`](Generator::try_next).
    ///
    /// # Panics
    ///
    /// When polled, if the inner generator was closed, or has finished and its result was taken. A panic of the inner
    /// body propagates.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner generator.
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
    /// let twice = Generator::new(async |co| {
    ///     let first = co.yield_from(countdown(2)).await;
    ///     let second = co.yield_from(countdown(1)).await;
    ///     assert_eq!([first, second], ["liftoff"; 2]);
    /// });
    /// assert_eq!(twice.collect::<Vec<_>>(), [2, 1, 1]);
    /// ```
    #[doc(alias = "yield from")]
    pub async fn yield_from<R>(&self, inner: Generator<'_, Y, R, S>) -> R
    where
        S: Default,
    {
        let running = "a running generator is borrowed, so it cannot be moved";
        let mut outcome = Ok(inner.try_next().expect(running));
        loop {
            outcome = match outcome {
                Ok(Some(value)) => match self.try_yield(value).await {
                    Ok(sent) => Ok(inner.run_with(sent)),
                    Err(thrown) if thrown.is_exit() => inner.close().and(Err(thrown)),
                    Err(thrown) => inner.throw_on(thrown),
                },
                Ok(None) => {
                    return inner
                        .take_result()
                        .expect("`yield_from` needs a generator whose result has not been taken");
                }
                Err(thrown) => self.raise(thrown).await,
            }
        }
    }
}

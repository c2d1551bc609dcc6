//! Handing all values of another generator on, and what is sent and thrown in between.

use crate::generator::co::Co;
use crate::generator::generator::Generator;

impl<Y, S> Co<Y, S> {
    /// Yields all that another generator yields, and gives what that returns.
    ///
    /// What is sent goes to the inner one, what is thrown too, and when the outer one is closed, so is the inner.
    /// An error that comes out of the inner one ends the outer one too.
    ///
    /// An inner one that was started already is asked for its next value, as by
    /// [`try_next`](Generator::try_next).
    ///
    /// # Panics
    ///
    /// When it is polled, if the inner generator was closed, or is over and its result was taken. What panics in the
    /// inner one panics in the outer.
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
        let running = "what runs is borrowed, so it cannot be given away";
        let mut outcome = Ok(inner.try_next().expect(running));
        loop {
            outcome = match outcome {
                Ok(Some(value)) => match self.try_yield(value).await {
                    Ok(sent) => Ok(inner.run_with(sent)),
                    Err(thrown) if thrown.is_exit() => inner.close().and(Err(thrown)),
                    Err(thrown) => inner.throw_on(thrown),
                },
                Ok(None) => {
                    return inner.take_result().expect(
                        "`yield_from` needs a generator whose result was not taken before",
                    );
                }
                Err(thrown) => self.raise(thrown).await,
            }
        }
    }
}

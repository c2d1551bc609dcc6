//! Errors that are thrown into a generator, or returned by it.

use std::error::Error;

use thiserror::Error;

/// An error that was thrown into a generator. [`try_yield`](super::Co::try_yield) returns it to the body, and
/// [`throw`](super::Generator::throw) returns it if the body does not handle it.
///
/// It holds an error of any type, and has the message and source of that error.
///
/// # Example
///
/// ```
/// use std::num::ParseIntError;
/// use turnwise::Generator;
/// use turnwise::generator::Thrown;
///
/// let generator: Generator<'_, u32> = Generator::new(async |co| co.yield_(1).await);
/// let error = "x".parse::<i32>().unwrap_err();
/// let thrown: Thrown = generator.throw(error).unwrap_err();
/// assert!(thrown.is::<ParseIntError>());
/// assert_eq!(thrown.to_string(), "invalid digit found in string");
/// ```
#[derive(Debug, Error)]
#[error(transparent)]
#[doc(alias = "exception")]
pub struct Thrown(Box<dyn Error + Send + Sync>);

impl Thrown {
    /// Creates one from any error or text, for [`raise`](super::Co::raise). A `Thrown` is not wrapped again.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::Thrown;
    ///
    /// assert_eq!(Thrown::new("out of paper").to_string(), "out of paper");
    /// ```
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match error.into().downcast() {
            Ok(thrown) => *thrown,
            Err(error) => Thrown(error),
        }
    }

    /// Returns whether the generator is being closed: see [`GeneratorExit`].
    pub fn is_exit(&self) -> bool {
        self.is::<GeneratorExit>()
    }

    /// Returns whether the error is of type `E`.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.is::<E>()
    }

    /// Returns a reference to the error, if it is of type `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// Returns the error by value, if it is of type `E`.
    ///
    /// # Errors
    ///
    /// The `Thrown` itself, if its error is of another type.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use turnwise::generator::{GeneratorExit, Thrown};
    ///
    /// let thrown = Thrown::new("x".parse::<i32>().unwrap_err());
    /// let thrown = thrown.downcast::<GeneratorExit>().unwrap_err();
    /// let error: ParseIntError = thrown.downcast().unwrap();
    /// assert_eq!(error, "y".parse::<i32>().unwrap_err());
    /// ```
    pub fn downcast<E: Error + 'static>(self) -> Result<E, Thrown> {
        self.0.downcast().map(|error| *error).map_err(Thrown)
    }

    /// Returns the boxed error.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

/// The error that a [`try_yield`](super::Co::try_yield) returns when the generator is being
/// [closed](super::Generator::close).
///
/// # Example
///
/// ```
/// use turnwise::Generator;
///
/// let generator: Generator<'_, u32, &str> = Generator::new(async |co| {
///     let thrown = co.try_yield(1).await.unwrap_err();
///     if thrown.is_exit() { "going away" } else { "something else" }
/// });
/// assert_eq!(generator.try_next(), Ok(Some(1)));
/// generator.close()?;
/// assert_eq!(generator.take_result(), Some("going away"));
/// # Ok::<(), turnwise::generator::Thrown>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("the generator is being closed")]
pub struct GeneratorExit;

/// A generator that was being closed yielded another value.
///
/// The value is lost, and the generator is closed nevertheless: its body is dropped at that yield.
///
/// # Example
///
/// ```
/// use turnwise::Generator;
/// use turnwise::generator::IgnoredExit;
///
/// let stubborn: Generator<'_, u32> = Generator::new(async |co| {
///     loop {
///         let _ = co.try_yield(1).await;
///     }
/// });
/// assert_eq!(stubborn.try_next(), Ok(Some(1)));
/// assert!(stubborn.close().unwrap_err().is::<IgnoredExit>());
/// assert_eq!(stubborn.try_next(), Ok(None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("the generator ignored `GeneratorExit`: it yielded a value while it was being closed")]
#[doc(alias = "RuntimeError")]
pub struct IgnoredExit;

//! A coroutine: a body that receives values.

use std::error::Error;
use std::fmt;

use crate::generator::co::Co;
use crate::generator::error::SendError;
use crate::generator::generator::Generator;
use crate::generator::status::GeneratorState;
use crate::generator::thrown::Thrown;

/// A function that receives values one after the other, and is suspended in between: the sink or a filter of a pipeline
/// that is driven by its source.
///
/// It is a [`Generator`] that yields nothing and receives values, and is started on creation, as by the decorator
/// `@coroutine` in Python. For a pipeline that is driven by its consumer, use generators or other iterators.
///
/// All methods take `&self`, so there can be many senders: share it by reference, or in an [`Rc`](std::rc::Rc). A cycle
/// of sends is an error.
///
/// # Example
///
/// ```
/// use std::cell::RefCell;
/// use turnwise::generator::Coroutine;
///
/// let printed = RefCell::new(Vec::new());
/// let printer = Coroutine::new(async |co| {
///     loop {
///         let line: String = co.receive().await;
///         printed.borrow_mut().push(line);
///     }
/// });
/// let grep = Coroutine::new(async |co| {
///     loop {
///         let line: &str = co.receive().await;
///         if line.contains("python") {
///             printer.send(line.to_uppercase()).expect("it never ends");
///         }
///     }
/// });
/// for line in ["a python", "a boa", "two pythons"] {
///     grep.send(line)?;
/// }
/// assert_eq!(*printed.borrow(), ["A PYTHON", "TWO PYTHONS"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a coroutine that is dropped receives nothing"]
pub struct Coroutine<'a, T, R = ()> {
    generator: Generator<'a, (), R, T>,
}

impl<'a, T, R> Coroutine<'a, T, R> {
    /// Creates a coroutine from an async closure, and runs it until it waits for its first value.
    ///
    /// # Panics
    ///
    /// If the body panics before that, or waits for anything but its own yields.
    #[track_caller]
    pub fn new<F>(body: F) -> Self
    where
        F: AsyncFnOnce(Co<(), T>) -> R + 'a,
        T: 'a,
    {
        let generator = Generator::new(body);
        let _ = generator.start();
        Coroutine { generator }
    }

    /// Sends a value, and returns whether the coroutine waits for another one.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, if the coroutine has finished, or is running: it sent a value to itself, directly
    /// or through other code.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::Coroutine;
    ///
    /// let pair = Coroutine::new(async |co| (co.receive().await, co.receive().await));
    /// assert_eq!(pair.send("one"), Ok(true));
    /// assert_eq!(pair.send("two"), Ok(false));
    /// assert_eq!(pair.send("three").unwrap_err().value, "three");
    /// assert_eq!(pair.take_result(), Some(("one", "two")));
    /// ```
    #[track_caller]
    #[inline]
    pub fn send(&self, value: T) -> Result<bool, SendError<T>> {
        self.generator.send(value).map(|yielded| yielded.is_some())
    }

    /// Throws an error into the coroutine, and returns whether it waits for another value: see [`Generator::throw`].
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not handle it, or the error that the body raises instead.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::Coroutine;
    ///
    /// let numbers = Coroutine::new(async |co| {
    ///     let mut numbers = Vec::new();
    ///     loop {
    ///         match co.try_yield(()).await {
    ///             Ok(number) => numbers.push(number),
    ///             Err(thrown) if thrown.to_string() == "done" => return numbers,
    ///             Err(other) => co.raise(other).await,
    ///         }
    ///     }
    /// });
    /// assert_eq!(numbers.send(7), Ok(true));
    /// assert!(!numbers.throw("done")?);
    /// assert_eq!(numbers.take_result(), Some(vec![7]));
    /// # Ok::<(), turnwise::generator::Thrown>(())
    /// ```
    #[track_caller]
    pub fn throw(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Result<bool, Thrown> {
        self.generator.throw(error).map(|yielded| yielded.is_some())
    }

    /// Closes the coroutine: see [`Generator::close`].
    ///
    /// # Errors
    ///
    /// If the body waits for another value or raises another error, or if it is running.
    ///
    /// # Panics
    ///
    /// If the body panics, or waits for anything but its own yields.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::generator::Coroutine;
    ///
    /// let sum = Coroutine::new(async |co| {
    ///     let mut sum = 0;
    ///     while let Ok(number) = co.try_yield(()).await {
    ///         sum += number;
    ///     }
    ///     sum
    /// });
    /// (1..=4).try_for_each(|number| sum.send(number).map(drop))?;
    /// sum.close()?;
    /// assert_eq!(sum.take_result(), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn close(&self) -> Result<(), Thrown> {
        self.generator.close()
    }

    /// Takes the value that the body returned; `None` if it has not returned, or if the value was taken already.
    #[doc(alias = "StopIteration")]
    pub fn take_result(&self) -> Option<R> {
        self.generator.take_result()
    }

    /// Returns the state of the coroutine.
    pub fn state(&self) -> GeneratorState {
        self.generator.state()
    }
}

impl<T, R> fmt::Debug for Coroutine<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("{}", self.generator.made_at);
        f.debug_struct("Coroutine")
            .field("state", &self.state())
            .field("created_at", &place)
            .finish()
    }
}

//! A coroutine: a body that takes what is pushed at it.

use std::error::Error;
use std::fmt;

use crate::generator::co::Co;
use crate::generator::error::SendError;
use crate::generator::generator::Generator;
use crate::generator::status::GeneratorState;
use crate::generator::thrown::Thrown;

/// A function that takes values one after the other, and waits for the next one meanwhile: the sink or a filter
/// of a pipeline that is driven by its source.
///
/// It is a [`Generator`] that yields nothing and is sent something, and it is started when it is made: that is what
/// the decorator `@coroutine` does in Python. A pipeline that is driven from its other end, by whoever wants the next
/// value, is made of generators, or of any iterators.
///
/// All methods take `&self`, so that many can send to it: share it by reference, or in an [`Rc`](std::rc::Rc). Who
/// sends in a circle gets an error.
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
#[must_use = "a coroutine that is dropped takes nothing"]
pub struct Coroutine<'a, T, R = ()> {
    generator: Generator<'a, (), R, T>,
}

impl<'a, T, R> Coroutine<'a, T, R> {
    /// Makes a coroutine out of an async closure, and runs it until it waits for its first value.
    ///
    /// # Panics
    ///
    /// If the body does before that, or awaits anything but its own yields.
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

    /// Sends a value, and returns whether it waits for another one.
    ///
    /// # Errors
    ///
    /// If it was over before, or runs just now: it has sent something to itself, perhaps by way of others. The
    /// value is handed back.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
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

    /// Throws an error at it, and returns whether it waits for another value: see [`Generator::throw`].
    ///
    /// # Errors
    ///
    /// The error itself, if the body does not take it; or what it raises instead.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
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

    /// Ends it where it waits: see [`Generator::close`].
    ///
    /// # Errors
    ///
    /// If it waits for another value, or raises something; or runs just now.
    ///
    /// # Panics
    ///
    /// If the body does, or awaits anything but its own yields.
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

    /// Takes what the body has returned: `None` before that, and when it was taken.
    #[doc(alias = "StopIteration")]
    pub fn take_result(&self) -> Option<R> {
        self.generator.take_result()
    }

    /// Returns whether it runs, waits or is over.
    pub fn state(&self) -> GeneratorState {
        self.generator.state()
    }
}

impl<T, R> fmt::Debug for Coroutine<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("{}", self.generator.made_at);
        f.debug_struct("Coroutine").field("state", &self.state()).field("made_at", &place).finish()
    }
}

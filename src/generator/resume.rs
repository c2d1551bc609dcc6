//! How a generator is made to run, and the three ways in which it stops.

use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::generator::error::AlreadyRunning;
use crate::generator::exchange::Parcel;
use crate::generator::{Generator, GeneratorExit, IgnoredExit, Thrown};

/// What a body is when it is called.
pub(super) type Body<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

/// What a generator is doing, and in which kind of yield it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    /// In a `yield_`.
    Suspended,
    /// In a `try_yield`.
    Careful,
    Running,
    Closed,
}

impl Status {
    pub(super) fn shown(self) -> GeneratorState {
        match self {
            Status::Created => GeneratorState::Created,
            Status::Suspended | Status::Careful => GeneratorState::Suspended,
            Status::Running => GeneratorState::Running,
            Status::Closed => GeneratorState::Closed,
        }
    }
}

/// What a generator is doing: [`Generator::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "getgeneratorstate")]
pub enum GeneratorState {
    /// Nothing of it has run.
    #[doc(alias = "GEN_CREATED")]
    Created,
    /// It runs just now: whoever asks is called by it.
    #[doc(alias = "GEN_RUNNING")]
    Running,
    /// It waits in a yield.
    #[doc(alias = "GEN_SUSPENDED")]
    Suspended,
    /// It is over: it has returned, or was closed, or an error came out of it, or a panic.
    #[doc(alias = "GEN_CLOSED")]
    Closed,
}

/// Makes it over, however its turn ends; whoever finds it in a yield after that says so.
struct Over<'g, 'a, Y, R, S>(&'g Generator<'a, Y, R, S>);

impl<Y, R, S> Drop for Over<'_, '_, Y, R, S> {
    #[inline]
    fn drop(&mut self) {
        self.0.status.set(Status::Closed);
    }
}

impl<Y, R, S> Generator<'_, Y, R, S> {
    /// Leaves something for the body, and runs it until it yields, ends or raises.
    ///
    /// While it runs, the body is here on the stack, and nothing is borrowed but the generator itself.
    #[track_caller]
    #[inline]
    pub(super) fn resume(&self, parcel: Parcel<Y, S>) -> Result<Option<Y>, Thrown> {
        let body = self.body.take();
        let mut body = body.expect("a generator that is neither running nor over has a body");
        self.exchange.send(parcel);
        self.status.set(Status::Running);
        let over = Over(self);
        let poll = body.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(over);
        if let Poll::Ready(result) = poll {
            self.result.set(Some(result));
            return Ok(None);
        }
        let (status, value) = match self.exchange.take() {
            Parcel::Yielded(value) => (Status::Suspended, value),
            Parcel::Offered(value) => (Status::Careful, value),
            Parcel::Raised(thrown) => return Err(thrown),
            _ => self.waits_for_something_else(body),
        };
        self.body.set(Some(body));
        self.status.set(status);
        Ok(Some(value))
    }

    /// As `resume`, where nobody throws, so that no error can come out.
    #[track_caller]
    #[inline]
    pub(super) fn undisturbed(&self, parcel: Parcel<Y, S>) -> Option<Y> {
        match self.resume(parcel) {
            Ok(value) => value,
            Err(thrown) => self.raised(&thrown),
        }
    }

    #[track_caller]
    pub(super) fn throw_on(&self, thrown: Thrown) -> Result<Option<Y>, Thrown> {
        match self.status.get() {
            Status::Careful => self.resume(Parcel::Thrown(thrown)),
            Status::Running => Err(Thrown::new(AlreadyRunning)),
            Status::Created | Status::Suspended | Status::Closed => {
                self.drop_body();
                Err(thrown)
            }
        }
    }

    /// Closes a generator that waits in a `try_yield`.
    #[track_caller]
    pub(super) fn exit(&self) -> Result<(), Thrown> {
        match self.resume(Parcel::Thrown(Thrown::new(GeneratorExit))) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => {
                self.drop_body();
                Err(Thrown::new(IgnoredExit))
            }
            Err(thrown) if thrown.is_exit() => Ok(()),
            Err(thrown) => Err(thrown),
        }
    }

    pub(super) fn drop_body(&self) {
        self.status.set(Status::Closed);
        drop(self.body.take());
    }

    #[track_caller]
    #[cold]
    fn waits_for_something_else(&self, body: Body<'_, impl Sized>) -> ! {
        // Now, and not while the panic unwinds: its destructors may panic too.
        drop(body);
        let place = self.made_at;
        panic!(
            "the body of the generator made at {place} awaits something that is not ready and none of its own \
             yields: what has to wait is an `AsyncGenerator`"
        );
    }

    #[track_caller]
    #[cold]
    fn raised(&self, thrown: &Thrown) -> ! {
        let place = self.made_at;
        panic!(
            "the body of the generator made at {place} raised an error when nobody threw one: {thrown}"
        );
    }
}

/// If nothing can be sent to it.
impl<Y, R> Iterator for Generator<'_, Y, R> {
    type Item = Y;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<Y> {
        self.try_next().expect("what runs is borrowed, so nobody else can borrow it mutably")
    }
}

impl<Y, R> FusedIterator for Generator<'_, Y, R> {}

impl<Y, R, S> fmt::Debug for Generator<'_, Y, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("{}", self.made_at);
        f.debug_struct("Generator").field("state", &self.state()).field("made_at", &place).finish()
    }
}

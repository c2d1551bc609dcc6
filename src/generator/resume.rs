//! Running the body of a generator until it yields, ends or raises.

use std::mem;
use std::task::{Context, Poll};

use crate::generator::error::AlreadyRunning;
use crate::generator::exchange::{NO_WAKER, Over};
use crate::generator::generator::Generator;
use crate::generator::lazy::Body;
use crate::generator::status::Status;
use crate::generator::thrown::{GeneratorExit, IgnoredExit, Thrown};

/// Closes an exclusively borrowed generator whose body panics, and drops the body, which was polled in place.
struct OverAlone<'g, 'a, Y, R, S>(&'g mut Generator<'a, Y, R, S>);

impl<Y, R, S> Drop for OverAlone<'_, '_, Y, R, S> {
    fn drop(&mut self) {
        self.0.drop_body();
    }
}

const HAS_BODY: &str = "a generator that is neither running nor finished has a body";

impl<Y, R, S> Generator<'_, Y, R, S> {
    /// Runs the body until it yields, ends or raises. The input of its current yield has been stored already.
    ///
    /// While it runs, the body is owned by this stack frame, and nothing is borrowed but the generator itself.
    #[allow(clippy::inline_always, reason = "a call costs a quarter of a `send`")]
    #[track_caller]
    #[inline(always)]
    pub(super) fn run(&self) -> Result<Option<Y>, Thrown> {
        let mut body = self.body.take().expect(HAS_BODY);
        let over = Over(&self.exchange);
        self.exchange.is_polled.set(true);
        let polled = body.as_mut().poll(&mut Context::from_waker(NO_WAKER));
        self.exchange.is_polled.set(false);
        if polled.is_pending()
            && let Some(value) = self.exchange.yielded()
        {
            mem::forget(over);
            // The old value is `None`, which need not be dropped.
            mem::forget(self.body.replace(Some(body)));
            return Ok(Some(value));
        }
        self.end(polled, body)
    }

    /// Like `run`, with an exclusive borrow. No other call can reach the generator, so the body stays in place.
    #[track_caller]
    #[inline]
    pub(super) fn run_alone(&mut self) -> Option<Y> {
        let over = OverAlone(self);
        let body = over.0.body.get_mut().as_mut().expect(HAS_BODY);
        let polled = body.as_mut().poll(&mut Context::from_waker(NO_WAKER));
        if polled.is_pending()
            && let Some(value) = over.0.exchange.yielded()
        {
            mem::forget(over);
            return Some(value);
        }
        let body = over.0.body.take().expect(HAS_BODY);
        over.0.end(polled, body).unwrap_or_else(|thrown| over.0.raised(&thrown))
    }

    /// Handles a body that has not yielded.
    #[track_caller]
    #[cold]
    fn end(&self, polled: Poll<R>, body: Body<'_, R>) -> Result<Option<Y>, Thrown> {
        let outcome = match polled {
            Poll::Ready(result) => {
                self.result.set(Some(result));
                Ok(None)
            }
            Poll::Pending => match self.exchange.raised() {
                Some(thrown) => Err(thrown),
                None => self.waits_for_something_else(body),
            },
        };
        // Destructors in the body see a closed generator.
        self.exchange.status.set(Status::Closed);
        drop(body);
        outcome
    }

    /// Like `run` when no error was thrown, so none can be returned.
    #[allow(clippy::inline_always, reason = "a call costs a quarter of a `send`")]
    #[track_caller]
    #[inline(always)]
    pub(super) fn run_undisturbed(&self) -> Option<Y> {
        match self.run() {
            Ok(value) => value,
            Err(thrown) => self.raised(&thrown),
        }
    }

    /// Runs the body from its start.
    #[track_caller]
    #[inline]
    pub(super) fn run_first(&self) -> Option<Y> {
        self.exchange.begin();
        self.run_undisturbed()
    }

    /// Resumes the body at its current yield.
    #[track_caller]
    #[inline]
    pub(super) fn run_with(&self, sent: S) -> Option<Y> {
        self.exchange.send(sent);
        self.run_undisturbed()
    }

    /// Resumes the body at its current `try_yield`, with an error.
    #[track_caller]
    fn run_against(&self, thrown: Thrown) -> Result<Option<Y>, Thrown> {
        self.exchange.throw(thrown);
        self.run()
    }

    #[track_caller]
    pub(super) fn throw_on(&self, thrown: Thrown) -> Result<Option<Y>, Thrown> {
        match self.status() {
            Status::Careful => self.run_against(thrown),
            Status::Running | Status::Raised => Err(Thrown::new(AlreadyRunning)),
            Status::Created | Status::Suspended | Status::Closed => {
                self.drop_body();
                Err(thrown)
            }
        }
    }

    /// Closes a generator that is suspended at a `try_yield`.
    #[track_caller]
    pub(super) fn exit(&self) -> Result<(), Thrown> {
        match self.run_against(Thrown::new(GeneratorExit)) {
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
        self.exchange.status.set(Status::Closed);
        drop(self.body.take());
    }

    #[track_caller]
    #[cold]
    fn waits_for_something_else(&self, body: Body<'_, impl Sized>) -> ! {
        // Now, and not during the unwind: its destructors may panic too.
        drop(body);
        let place = self.made_at;
        panic!(
            "the body of the generator created at {place} awaited a pending future that is not one of its own \
             yields: use an `AsyncGenerator` to await other futures"
        );
    }

    #[track_caller]
    #[cold]
    fn raised(&self, thrown: &Thrown) -> ! {
        let place = self.made_at;
        panic!(
            "the body of the generator created at {place} raised an error, but none was thrown into it (return a \
             `Result` instead): {thrown}"
        );
    }
}

//! Where a generator and its body meet: whose turn it is, and what goes from one to the other.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Waker};

use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

/// What a body is polled with that nobody is to wake. A static, since it is known by its place.
pub(super) static NO_WAKER: &Waker = Waker::noop();

/// What the two share. Whoever finds something takes it out, so no code of users runs while it is looked at.
pub(super) struct Exchange<Y, S> {
    pub(super) status: Cell<Status>,
    /// A shared generator is in the midst of a poll of its body. That may have yielded by now, and not returned.
    pub(super) is_polled: Cell<bool>,
    /// On its way from a yield.
    yielded: Cell<Option<Y>>,
    /// On its way to a yield.
    sent: Cell<Option<S>>,
    /// On its way from `raise`, or to a `try_yield`.
    thrown: Cell<Option<Thrown>>,
    /// Where the waker is that the body is polled with, to be compared and nothing else: while it lives there, no
    /// other one can.
    caller: Cell<*const Waker>,
    /// Left by a yield that is polled with another one: what stands between it and the generator polls only
    /// what was woken.
    waker: Cell<Option<Waker>>,
    has_waker: Cell<bool>,
}

impl<Y, S> Exchange<Y, S> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Exchange {
            status: Cell::new(Status::Created),
            is_polled: Cell::new(false),
            yielded: Cell::new(None),
            sent: Cell::new(None),
            thrown: Cell::new(None),
            caller: Cell::new(NO_WAKER),
            waker: Cell::new(None),
            has_waker: Cell::new(false),
        })
    }

    // ----- the side of the generator -----

    /// Says with which waker the body will be polled; if nothing is said, it is `NO_WAKER`.
    pub(super) fn ask(&self, cx: &Context<'_>) {
        self.caller.set(cx.waker());
    }

    /// Takes that back, when the body was polled.
    pub(super) fn clear_caller(&self) {
        self.caller.set(NO_WAKER);
    }

    /// Lets the body run, from its beginning, or from a yield that is given something next.
    #[inline]
    pub(super) fn begin(&self) {
        if self.has_waker.get() {
            self.wake(); // First. If that panics, nothing has happened.
        }
        self.status.set(Status::Running);
    }

    /// As `begin`, with a value for the yield in which it waits.
    #[inline]
    pub(super) fn send(&self, value: S) {
        self.begin();
        self.sent.set(Some(value));
    }

    /// As `begin`, with an error for the `try_yield` in which it waits.
    pub(super) fn throw(&self, thrown: Thrown) {
        self.begin();
        self.thrown.set(Some(thrown));
    }

    /// Meanwhile the generator counts as running: a waker is code of others.
    #[cold]
    fn wake(&self) {
        struct Back<'a>(&'a Cell<Status>, Status);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        self.has_waker.set(false);
        let _back = Back(&self.status, self.status.replace(Status::Running));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes what the body has left in a yield, if it waits there.
    #[inline]
    pub(super) fn yielded(&self) -> Option<Y> {
        self.yielded.take()
    }

    /// Takes the error that the body has raised, if it has.
    pub(super) fn raised(&self) -> Option<Thrown> {
        match self.status.get() {
            Status::Raised => self.thrown.take(),
            _ => None,
        }
    }

    // ----- the side of the body -----

    /// Leaves the value of a yield.
    #[inline]
    pub(super) fn hand_over(&self, value: Y, status: Status, cx: &Context<'_>) {
        self.must_run();
        self.status.set(status);
        self.yielded.set(Some(value));
        self.note(cx);
    }

    /// Leaves an error, after which the body is not polled any more.
    pub(super) fn raise(&self, thrown: Thrown) {
        self.must_run();
        self.status.set(Status::Raised);
        self.thrown.set(Some(thrown));
    }

    #[inline]
    fn must_run(&self) {
        if self.status.get() != Status::Running {
            not_running();
        }
    }

    /// Takes what was sent to a yield, if it was.
    #[inline]
    pub(super) fn sent(&self, cx: &Context<'_>) -> Option<S> {
        let sent = self.sent.take();
        if sent.is_none() {
            self.note(cx);
        }
        sent
    }

    /// Takes what was thrown at a yield, if it was.
    #[inline]
    pub(super) fn thrown(&self) -> Option<Thrown> {
        self.thrown.take()
    }

    #[inline]
    fn note(&self, cx: &Context<'_>) {
        if !ptr::eq(cx.waker(), self.caller.get()) {
            self.keep(cx.waker());
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
        self.has_waker.set(true);
    }

    /// Takes back what a yield has left, or what was left for it.
    #[cold]
    pub(super) fn clear(&self) {
        if let Some(value) = self.yielded.take() {
            self.status.set(Status::Running);
            drop(value);
        }
        drop((self.sent.take(), self.waker.take()));
        if self.status.get() != Status::Raised {
            drop(self.thrown.take());
        }
    }
}

/// Makes a generator over, if its body panics.
pub(super) struct Over<'g, Y, S>(pub(super) &'g Exchange<Y, S>);

impl<Y, S> Drop for Over<'_, Y, S> {
    fn drop(&mut self) {
        self.0.status.set(Status::Closed);
        self.0.is_polled.set(false);
    }
}

#[cold]
#[inline(never)]
fn not_running() -> ! {
    panic!(
        "a generator yields one value after the other, while it runs; here are two at the same time, or one whose \
         generator does not run"
    )
}

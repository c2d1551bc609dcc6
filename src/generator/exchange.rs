//! The state shared by a generator and its body: which of them is running, and what is passed between them.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Waker};

use crate::cancel::Closing;
use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

/// The waker for a body that need not be woken. A static, because it is recognized by its address.
pub(super) static NO_WAKER: &Waker = Waker::noop();

/// The shared state. Values are taken out before they are used, so no user code runs while a cell is accessed.
pub(super) struct Exchange<Y, S> {
    pub(super) status: Cell<Status>,
    /// A shared generator is polling its body. The body may have yielded already, without having returned from the
    /// poll.
    pub(super) is_polled: Cell<bool>,
    /// In flight from a yield.
    yielded: Cell<Option<Y>>,
    /// In flight to a yield.
    sent: Cell<Option<S>>,
    /// In flight from `raise`, or to a `try_yield`.
    thrown: Cell<Option<Thrown>>,
    /// The address of the waker that the body is polled with. Only compared: while that waker lives, no other one has
    /// the same address.
    caller: Cell<*const Waker>,
    /// Left by a yield that was polled with a different waker: a combinator between it and the generator may poll only
    /// futures that were woken.
    waker: Cell<Option<Waker>>,
    has_waker: Cell<bool>,
    /// Set while the body is being closed: it ends at its current yield, or at the next one.
    closing: Cell<Option<Box<Closing>>>,
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
            closing: Cell::new(None),
        })
    }

    // ----- the side of the generator -----

    /// Records the waker that the body will be polled with; the default is `NO_WAKER`.
    pub(super) fn ask(&self, cx: &Context<'_>) {
        self.caller.set(cx.waker());
    }

    /// Resets it to the default, after the body was polled.
    pub(super) fn clear_caller(&self) {
        self.caller.set(NO_WAKER);
    }

    /// Switches the status to running: the body starts, or its current yield is about to receive something.
    #[inline]
    pub(super) fn begin(&self) {
        if self.has_waker.get() {
            self.wake(); // First: if it panics, nothing has changed.
        }
        self.status.set(Status::Running);
    }

    /// Like `begin`, with a value for the current yield.
    #[inline]
    pub(super) fn send(&self, value: S) {
        self.begin();
        self.sent.set(Some(value));
    }

    /// Like `begin`, with an error for the current `try_yield`.
    pub(super) fn throw(&self, thrown: Thrown) {
        self.begin();
        self.thrown.set(Some(thrown));
    }

    /// From now on, the body ends at its yield.
    pub(super) fn close(&self, closing: Closing) {
        let before = self.closing.take().filter(|before| before.is_same(&closing));
        self.closing.set(Some(before.unwrap_or_else(|| Box::new(closing))));
    }

    /// Returns whether the body, which is being closed and has just yielded, must end at this yield.
    pub(super) fn must_end(&self) -> bool {
        let closing = self.closing.take();
        let is_due = closing.as_ref().is_some_and(|closing| closing.is_due());
        self.closing.set(closing);
        is_due
    }

    /// Wakes the waker that a yield left. Until it returns, the generator counts as running: a waker is foreign code.
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

    /// Takes the value that the body has yielded, if it is suspended at a yield.
    #[inline]
    pub(super) fn yielded(&self) -> Option<Y> {
        self.yielded.take()
    }

    /// Takes the error that the body has raised, if any.
    pub(super) fn raised(&self) -> Option<Thrown> {
        match self.status.get() {
            Status::Raised => self.thrown.take(),
            _ => None,
        }
    }

    // ----- the side of the body -----

    /// Stores the value of a yield.
    #[inline]
    pub(super) fn hand_over(&self, value: Y, status: Status, cx: &Context<'_>) {
        self.must_run();
        self.status.set(status);
        self.yielded.set(Some(value));
        self.note(cx);
    }

    /// Stores an error, after which the body is not polled again.
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

    /// Takes the value that was sent to a yield, if any.
    #[inline]
    pub(super) fn sent(&self, cx: &Context<'_>) -> Option<S> {
        let sent = self.sent.take();
        if sent.is_none() {
            self.wait(cx);
        }
        sent
    }

    /// Called in each poll of a yield that has received nothing, and of `raise`.
    #[cold]
    #[inline(never)]
    pub(super) fn wait(&self, cx: &Context<'_>) {
        self.note(cx);
        if let Some(mut closing) = self.closing.take() {
            closing.poll();
            self.closing.set(Some(closing));
        }
    }

    /// Takes the error that was thrown at a yield, if any.
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

    /// Drops what a yield has stored, or what was stored for it.
    #[cold]
    pub(super) fn clear(&self) {
        if let Some(value) = self.yielded.take() {
            self.status.set(Status::Running);
            drop(value);
        }
        drop((self.sent.take(), self.waker.take()));
        if let Some(mut closing) = self.closing.take() {
            closing.end_leaf();
            self.closing.set(Some(closing));
        }
        if self.status.get() != Status::Raised {
            drop(self.thrown.take());
        }
    }
}

/// Closes a generator whose body panics.
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
        "a generator can have one pending yield, and only while it runs: two yields were polled at once, or one \
         outside its generator"
    )
}

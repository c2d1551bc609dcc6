//! Where a generator and its body meet: one place for whatever goes from one to the other.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, RawWakerVTable, Waker};

use crate::generator::Thrown;

/// What is on its way.
pub(super) enum Parcel<Y, S> {
    Nothing,
    /// From the body, by a `yield_`: what it waits for is a value.
    Yielded(Y),
    /// From the body, by a `try_yield`: what it waits for is a value or an error.
    Offered(Y),
    /// From the body, which will not go on.
    Raised(Thrown),
    /// To the body.
    Sent(S),
    /// To the body, which waits in a `try_yield`.
    Thrown(Thrown),
}

/// The place. Whoever finds something in it takes it out, so no code of users runs while it is looked at.
pub(super) struct Exchange<Y, S> {
    parcel: Cell<Parcel<Y, S>>,
    /// The waker that the body is polled with, to be compared and nothing else.
    asker: Cell<(*const (), &'static RawWakerVTable)>,
    /// Left by a yield that is polled with another one: what stands between it and the generator polls only
    /// what was woken.
    waker: Cell<Option<Waker>>,
}

impl<Y, S> Exchange<Y, S> {
    pub(super) fn new() -> Rc<Self> {
        let nobody = Waker::noop();
        Rc::new(Exchange {
            parcel: Cell::new(Parcel::Nothing),
            asker: Cell::new((nobody.data(), nobody.vtable())),
            waker: Cell::new(None),
        })
    }

    // ----- the side of the generator -----

    /// Says with which waker the body will be polled; if nothing is said, with one that does nothing.
    #[inline]
    pub(super) fn ask(&self, cx: &Context<'_>) {
        self.asker.set((cx.waker().data(), cx.waker().vtable()));
    }

    /// Leaves something for the yield in which the body waits.
    #[inline]
    pub(super) fn send(&self, parcel: Parcel<Y, S>) {
        self.parcel.set(parcel);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    #[inline]
    pub(super) fn take(&self) -> Parcel<Y, S> {
        self.parcel.replace(Parcel::Nothing)
    }

    #[inline]
    pub(super) fn put_back(&self, parcel: Parcel<Y, S>) {
        self.parcel.set(parcel);
    }

    // ----- the side of the body -----

    /// Leaves something for the generator.
    #[inline]
    pub(super) fn hand_over(&self, parcel: Parcel<Y, S>, cx: &Context<'_>) {
        let before = self.parcel.replace(parcel);
        assert!(
            matches!(before, Parcel::Nothing),
            "a generator yields one value after the other: two of its yields were polled at the same time"
        );
        self.note(cx);
    }

    #[inline]
    fn note(&self, cx: &Context<'_>) {
        let (data, vtable) = self.asker.get();
        if !std::ptr::eq(cx.waker().data(), data) || !std::ptr::eq(cx.waker().vtable(), vtable) {
            self.waker.set(Some(cx.waker().clone()));
        }
    }

    /// Takes the answer to a yield, if there is one.
    #[inline]
    pub(super) fn answer(&self, cx: &Context<'_>) -> Option<Result<S, Thrown>> {
        match self.take() {
            Parcel::Sent(value) => Some(Ok(value)),
            Parcel::Thrown(thrown) => Some(Err(thrown)),
            // It was polled before the generator has looked.
            parcel => {
                self.put_back(parcel);
                self.note(cx);
                None
            }
        }
    }

    /// Takes back what a yield has left, or what was left for it.
    pub(super) fn clear(&self) {
        self.parcel.set(Parcel::Nothing);
        self.waker.set(None);
    }
}

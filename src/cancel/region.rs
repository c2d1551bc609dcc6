//! A combinator's handle to its region: the region is created when it is first needed, and removed with the handle.
//!
//! Every combinator that takes part in cancelling holds one of three: a [`Region`] in a catch, a mask or a scope, a
//! [`Passage`] around a future that can be requested to end, a [`CleanUp`] in a `Cancelled`. The first two poll in the
//! same way:
//!
//! ```text
//! let since = left();                        how many regions had been left unlinked before
//! match inner.poll(cx) {
//!     Ready(_) => region.leave(),            finished: leaves the tree
//!     Pending => region.stay(since, cx),     adopts the regions left since then, and is left unlinked itself
//! }
//! ```
//!
//! The first pending poll creates the region. They differ in how they handle a request that they were notified of: a
//! catch takes it in its next poll, before it polls the wrapped future; a mask does nothing; a scope passes it to its
//! tasks.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::regions::{Regions, Ring, Role, wake_all};
use crate::cancel::request::{Reason, Request};
use crate::cancel::requests::{Delivery, Polled};
use crate::cancel::thread::{left, with_regions};
use crate::kernel::{Flags, current_task, drop_quietly, find, in_poll, owner_of};
use crate::report::Transition;
use crate::report::id_of;
use crate::slab::NO_ENTRY;
use crate::watch::emit;

/// The region of a combinator. Dropping it takes it out of the tree.
///
/// Before each poll of the wrapped future, a combinator reads [`left`]. After it, the combinator calls
/// [`stay`](Region::stay) if the future is pending, and [`leave`](Region::leave) if it is ready.
pub(crate) struct Region {
    /// [`NO_ENTRY`] until it is needed.
    number: u32,
    role: Role,
    _not_send: PhantomData<*const ()>,
}

impl Region {
    pub(crate) const fn new(role: Role) -> Self {
        Region { number: NO_ENTRY, role, _not_send: PhantomData }
    }

    /// Returns whether it is in the tree.
    #[inline]
    pub(crate) fn is_in_tree(&self) -> bool {
        self.number != NO_ENTRY
    }

    /// Returns the number of the region, which is created if there is none yet.
    fn number(&mut self) -> u32 {
        if self.number == NO_ENTRY {
            self.number = with_regions(|regions| regions.create(self.role, Ring::default()));
        }
        self.number
    }

    /// Called when the wrapped future was polled and stays pending: adopts the regions that were left since `since`,
    /// and is left unlinked for the region that polls with `cx`.
    pub(crate) fn stay(&mut self, since: u32, cx: &Context<'_>) {
        let number = self.number();
        let waker = cx.waker();
        let own = owner_of(waker);
        let is_known = Regions::change(|regions, rings| {
            regions.leave(number, since, rings);
            let poller = &mut regions.slab[number].poller;
            let is_known = poller.is_for(own, waker);
            match own {
                Some(task) if !is_known => Err(std::mem::replace(poller, Ring::of_task(task))),
                _ => Ok(is_known),
            }
        });
        let old = match is_known {
            Ok(true) => return,
            Ok(false) => {
                let ring = Ring::of_foreign(waker.clone());
                Regions::change(|regions, _| {
                    std::mem::replace(&mut regions.slab[number].poller, ring)
                })
            }
            Err(old) => old,
        };
        drop_quietly(old);
    }

    /// Makes a request on it, or counts it if there is one. It is delivered after the next poll.
    pub(crate) fn ask(&mut self, reason: Reason) {
        let number = self.number();
        Regions::change(|regions, rings| regions.ask(number, reason, rings));
    }

    /// Called at the end of the combinator's own pending poll: delivers the request on it, if there is one.
    pub(crate) fn deliver(&self) -> Delivery {
        if self.number == NO_ENTRY {
            return Delivery::Waits;
        }
        let polled = match in_poll() {
            Some(flags) if flags.has(Flags::RUNG) => Polled::Woken,
            _ => Polled::AtRest,
        };
        Regions::change(|regions, rings| match regions.slab[self.number].request {
            Some(_) => regions.deliver(self.number, polled, rings),
            None => Delivery::Waits,
        })
    }

    /// Returns the request from above that it was last notified of. A scope passes it to its tasks.
    pub(crate) fn told(&self) -> Option<Rc<Request>> {
        if self.number == NO_ENTRY {
            return None;
        }
        Regions::change(|regions, _| regions.slab[self.number].told.clone())
    }

    /// Called when a scope has ended its tasks after a request: from now on it does not hold the request up.
    pub(crate) fn let_go(&self) {
        if self.number != NO_ENTRY {
            Regions::change(|regions, rings| {
                let record = &mut regions.slab[self.number];
                // Only once: if something else holds the request up, a wake at each poll would loop forever.
                if !std::mem::replace(&mut record.is_given_up, true) {
                    let parent = record.parent;
                    regions.ring_above(parent, rings);
                }
            });
        }
    }

    /// Takes the request that a catch was notified of. From then on the region belongs to the clean-up.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<CleanUp> {
        if self.number == NO_ENTRY { None } else { self.take_by(Regions::take) }
    }

    /// Called at the end of a catch's own pending poll: takes the request that was resumed inside it, unless something
    /// holds that request up.
    pub(crate) fn take_resumed(&mut self) -> Option<CleanUp> {
        match self.deliver() {
            Delivery::Waits => None,
            Delivery::Acts => self.take_by(|regions, number, _| regions.take_resumed(number)),
        }
    }

    fn take_by(
        &mut self,
        take: impl FnOnce(&mut Regions, u32, &mut Vec<Ring>) -> Option<Rc<Request>>,
    ) -> Option<CleanUp> {
        let request = Regions::change(|regions, rings| take(regions, self.number, rings))?;
        let number = std::mem::replace(&mut self.number, NO_ENTRY);
        let region = Region { number, role: Role::CleanUp, _not_send: PhantomData };
        let clean_up = CleanUp { request: Some(request), region };
        tell_caught(&clean_up.request().reason);
        Some(clean_up)
    }

    /// Takes it out of the tree. Requests that it has held up continue.
    #[inline]
    pub(crate) fn leave(&mut self) {
        if self.number != NO_ENTRY {
            self.leave_tree();
        }
    }

    fn leave_tree(&mut self) {
        let number = std::mem::replace(&mut self.number, NO_ENTRY);
        let in_turn = current_task().is_some();
        drop_quietly(Regions::change(|regions, rings| regions.remove(number, in_turn, rings)));
    }
}

impl Drop for Region {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Regions {
    /// Runs a change, and then wakes the pollers that must react to it.
    fn change<R>(call: impl FnOnce(&mut Regions, &mut Vec<Ring>) -> R) -> R {
        let mut rings = Vec::new();
        let result = with_regions(|regions| call(regions, &mut rings));
        wake_all(rings);
        result
    }
}

/// Emits that the task that is taking its turn has caught a request.
fn tell_caught(reason: &Reason) {
    let Some(task) = current_task() else { return };
    let Some(kernel) = find(task.scheduler) else { return };
    if let Some(task) = id_of(&kernel, task.key) {
        emit(&kernel, || Transition::Caught { task, reason: reason.as_str().into() });
    }
}

/// The clean-up after a request that was taken: it lasts until this is dropped.
#[derive(Debug)]
pub(crate) struct CleanUp {
    /// `None` once it was passed on.
    request: Option<Rc<Request>>,
    region: Region,
}

impl CleanUp {
    /// Returns the request.
    pub(crate) fn request(&self) -> &Request {
        self.request.as_ref().expect("a clean-up has its request until it passes it on")
    }

    /// Ends by passing the request on to the region around the poll in which this is called. The returned region must
    /// stay alive until that one has acted.
    pub(crate) fn resume(mut self) -> Region {
        let request = self.request.take().expect("a clean-up passes its request on once");
        let region = std::mem::replace(&mut self.region, Region::new(Role::CleanUp));
        Regions::change(|regions, rings| regions.resume(region.number, request, rings));
        region
    }
}

impl Drop for CleanUp {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            Regions::change(|regions, rings| regions.release(&request, false, rings));
        }
    }
}

pin_project! {
    /// A future that can be requested to end, such as that of a timeout or the body of a scope.
    ///
    /// Poll it; if it is pending, [`settle`](Passage::settle) in the same poll.
    pub(crate) struct Passage<F> {
        // Fields are dropped in order: the regions inside leave the tree before this one.
        #[pin]
        future: Option<F>,
        region: Region,
    }
}

impl<F: Future> Passage<F> {
    pub(crate) fn new(future: F) -> Self {
        Passage { future: Some(future), region: Region::new(Role::Passage) }
    }

    /// Polls the wrapped future. Pending forever if that was dropped.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }

    /// Adopts the regions that were left unlinked since before the poll, makes a request if there is a reason, and
    /// delivers it. If nothing can take it, the wrapped future is dropped, and this is ready.
    pub(crate) fn settle(
        self: Pin<&mut Self>,
        since: u32,
        cx: &Context<'_>,
        reason: Option<Reason>,
    ) -> Poll<()> {
        let mut this = self.project();
        let is_needed = this.region.is_in_tree()
            || left() != since && with_regions(|regions| regions.has_unlinked(since));
        let acts = if is_needed {
            this.region.stay(since, cx);
            if let Some(reason) = reason {
                this.region.ask(reason);
            }
            this.region.deliver() == Delivery::Acts
        } else {
            reason.is_some()
        };
        if !acts {
            return Poll::Pending;
        }
        this.future.set(None);
        this.region.leave();
        Poll::Ready(())
    }
}

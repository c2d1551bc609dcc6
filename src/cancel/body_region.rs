//! The region of the body of a generator, which may be polled by one task now and by another later, or never again.
//!
//! **When a request ends the body.** A body that has resumed a request is over, unless a catch inside it is about to
//! take that request.
//!
//! **Closing the body.** A request is made on its region. When the yield where the body waits is polled next, the
//! request goes outward from there, as if a clean-up had resumed it there: to the next catch around the yield, whatever
//! masks are in between, or else to the body itself, which is dropped. So nothing waits for the yield. Like any
//! request, it also goes to the catches in other branches of the body; masks and clean-ups there are waited for.
//!
//! A yield may also be in the body of a scope, or in a child of one. A scope asks its body and its children by requests
//! of their own. In that case it is their request that goes outward from the yield.

use std::rc::Rc;
use std::task::{Context, Poll};

use crate::cancel::clean_up::CleanUp;
use crate::cancel::region::Region;
use crate::cancel::request::{Reason, Request};
use crate::cancel::root::cancel;
use crate::cancel::thread::with_regions;
use crate::cancel::tree::{Regions, Role};
use crate::kernel::{Flags, Place, Slot, find};
use crate::slab::NO_ENTRY;

/// The region of a body.
#[derive(Debug)]
pub(crate) struct BodyRegion {
    region: Region,
    /// The request that was resumed in the body, as of the last poll. If its asker is not around the body at the next
    /// poll, the body is over.
    resumed: Option<Rc<Request>>,
    has_ended: bool,
    /// Where it waits for the end of a request, after the body is gone.
    waits_for: Option<Rc<Request>>,
}

/// The request that closes a body. It goes outward from the yield at which the body waits, since nothing will resume
/// that yield.
#[derive(Debug)]
pub(crate) struct Closing {
    request: Rc<Request>,
    /// The region of that place, once it was polled.
    leaf: Option<CleanUp>,
}

impl BodyRegion {
    /// Makes a region for a generator that was created at this place.
    pub(crate) const fn at(place: Place) -> Self {
        BodyRegion {
            region: Region::at(Role::Passage, place),
            resumed: None,
            has_ended: false,
            waits_for: None,
        }
    }

    /// Polls the body, unless it has [ended](BodyRegion::has_ended).
    #[inline]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        let frame = self.region.begin_poll();
        let is_lost = |request: Rc<Request>| !self.region.is_asked(&request);
        self.has_ended = self.resumed.take().is_some_and(is_lost);
        let poll = if self.has_ended { Poll::Pending } else { poll(cx) };
        self.region.end_poll(frame, poll.is_pending(), cx);
        if let Some(number) = self.region.number().filter(|_| !self.has_ended) {
            let (resumed, has_ended) = with_regions(|regions| regions.resumed_in(number));
            (self.resumed, self.has_ended) = (resumed, has_ended);
        }
        poll
    }

    /// Returns whether, at the last poll, the body was over because it has resumed a request: no catch inside it will
    /// take that, or what was asked to end no longer polls the body.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns, after the body is gone, whether the generator must stay pending: the body has resumed a request that
    /// nothing has dealt with, and no code after the generator may run before the asker has acted.
    pub(crate) fn must_wait(&mut self, cx: &mut Context<'_>) -> bool {
        let _pending = self.region.poll(cx, |_| Poll::<()>::Pending);
        let Some(number) = self.region.number() else { return false };
        let (resumed, must_wait) = with_regions(|regions| regions.resumed_in(number));
        let resumed = resumed.filter(|_| must_wait);
        match (&resumed, &self.waits_for) {
            (Some(request), Some(known)) if Rc::ptr_eq(request, known) => {}
            (Some(request), _) => request.waiting.borrow_mut().push(number),
            (None, _) => self.region.remove(),
        }
        self.waits_for = resumed;
        must_wait
    }

    /// Asks the body to end; the request is [settled](BodyRegion::settle) after the next poll. Returns `None` if
    /// nothing inside can take or hold the request: then the body must be dropped.
    pub(crate) fn close(&self, reason: &str) -> Option<Closing> {
        let number = self.region.number()?;
        with_regions(|regions| {
            regions.revive(number);
            regions.ask(number, Reason::Said(reason.into()));
            let request = regions[number].request.clone()?;
            Some(Closing { request, leaf: None })
        })
    }

    /// Returns, after a pending poll, whether the body was asked to end and must be dropped now.
    pub(crate) fn settle(&self) -> bool {
        self.region.settle()
    }

    /// The body is gone.
    pub(crate) fn remove(&mut self) {
        self.region.remove();
    }
}

impl Closing {
    /// In a poll of the place: the request goes outward from there.
    pub(crate) fn poll(&mut self) {
        match &mut self.leaf {
            Some(leaf) => leaf.attach(),
            None if self.request.is_closed() => {}
            None => self.leaf = self.pass_on(),
        }
    }

    fn pass_on(&self) -> Option<CleanUp> {
        let mut region = Region::new(Role::Resumed);
        region.attach();
        let leaf = region.number()?;
        let outermost = with_regions(|regions| regions.outermost(leaf, self.request.region));
        ask_child(outermost, &self.request.reason);
        let request = with_regions(|regions| regions.pass_on(leaf, &self.request))?;
        Some(CleanUp::resumed(region, request))
    }

    /// The place is gone. The request goes outward from the next one.
    pub(crate) fn end_leaf(&mut self) {
        self.leaf = None;
    }

    /// Returns whether no place was polled yet, and the request is still open.
    pub(crate) fn is_due(&self) -> bool {
        self.leaf.is_none() && !self.request.is_closed() && self.request.is_open()
    }

    /// Returns whether both are about the same request.
    pub(crate) fn is_same(&self, other: &Closing) -> bool {
        Rc::ptr_eq(&self.request, &other.request)
    }
}

/// Asks the child of a scope whose root region this is, unless that was done before.
fn ask_child(root: u32, reason: &Reason) {
    let task = with_regions(|regions| {
        let record = &regions[root];
        record.poller.task.filter(|_| record.role == Role::Root && record.request.is_none())
    });
    let Some(task) = task else { return };
    let Some(kernel) = find(task.scheduler) else { return };
    let id = {
        let board = kernel.board.borrow();
        let slot = board.taskmap.get(task.key);
        slot.filter(|slot| slot.flags.has(Flags::ROUTED)).and_then(Slot::id)
    };
    if let Some(id) = id {
        cancel(&kernel, task.key.slot, id, reason);
    }
}

impl Regions {
    /// Returns a request on something around a body that was resumed inside the body; and whether there is one that no
    /// catch in the body will take.
    fn resumed_in(&mut self, body: u32) -> (Option<Rc<Request>>, bool) {
        let mut found = (None, false);
        let mut next = if self[body].is_let_go { self[body].first } else { NO_ENTRY };
        while next != NO_ENTRY {
            let resumed = self[next].offered.as_ref().filter(|request| {
                self[next].role == Role::Resumed
                    && !request.is_closed()
                    && request.region != body
                    && self.is_in(body, request.region)
            });
            if let Some(request) = resumed {
                found = (Some(Rc::clone(request)), found.1 || !self.has_catch_between(next, body));
            }
            next = self.after(next, body, true);
        }
        self[body].is_let_go = found.0.is_some();
        found
    }

    /// Forgets which regions below this one seemed to be abandoned: they will be polled from now on.
    fn revive(&mut self, region: u32) {
        let mut next = self[region].first;
        while next != NO_ENTRY {
            let record = &mut self[next];
            (record.woken, record.is_abandoned) = (0, false);
            next = self.after(next, region, true);
        }
    }

    /// Returns the region `outer` if that is around a leaf, or else the outermost one around it: the root of a task.
    fn outermost(&self, leaf: u32, outer: u32) -> u32 {
        let mut region = leaf;
        while region != outer && self[region].parent != NO_ENTRY {
            region = self[region].parent;
        }
        region
    }

    /// A request goes outward from a leaf. Masks between the leaf and the asker hold nothing any more, and the bodies
    /// of scopes in between are asked. Returns the request that goes outward first: the one on the innermost body, on
    /// the child of a scope, or this one.
    fn pass_on(&mut self, leaf: u32, outer: &Rc<Request>) -> Option<Rc<Request>> {
        let now = self.now();
        let mut innermost = None;
        let mut region = self[leaf].parent;
        while region != NO_ENTRY {
            let (role, parent) = (self[region].role, self[region].parent);
            let is_outer = region == outer.region;
            let is_body = parent != NO_ENTRY && self[parent].role == Role::Scope;
            if is_body && !is_outer && self[region].request.is_none() {
                self.ask(region, outer.reason.clone());
                if let Some(request) = &self[region].request {
                    request.count.set(0); // The scope, when it is polled, makes the same request, and counts it.
                }
            }
            if let Some(request) = &self[region].request
                && (is_outer || is_body || role == Role::Root)
            {
                request.waits_from.set(now);
                innermost.get_or_insert_with(|| Rc::clone(request));
            }
            if is_outer {
                break;
            }
            self[region].is_let_go |= matches!(role, Role::Mask | Role::Passage);
            region = parent;
        }
        self[leaf].offered.clone_from(&innermost);
        if let Some(request) = &innermost {
            request.waiting.borrow_mut().push(leaf);
            request.resumed.set(request.resumed.get() + 1);
        }
        innermost
    }
}

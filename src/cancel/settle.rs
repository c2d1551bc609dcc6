//! What happens to a request: which catch takes it, what holds it, and when the region that was asked acts on it.
//!
//! Whether the region that was asked, the *asker*, acts is decided only in [`settle`](Regions::settle). It is called
//! after each pending poll of the asker and, for a task that waits, by `cancel` itself (`root.rs`). It walks once
//! through everything below the asker, and offers the request. Anything else that happens only wakes the asker, if that is not being polled, so that it looks again.
//! There are two other ways to an offer: a region that moves to another asker takes over the request of that
//! (`check_move`), and a generator that is closed passes a request on from its yield (`body_region.rs`).
//!
//! ```text
//! open ──1──▶ taken ──2──▶ closed     1 a catch takes it, and its clean-up starts
//!   ▲ │         │            ▲        2 every clean-up has ended, and no catch is offered it any more
//!   │ └─────────┼──────4─────┘        3 a clean-up resumes it
//!   └─────3─────┘                     4 nothing below holds it: the asker acts, by dropping what it wraps
//! ```
//!
//! An open request is offered to each catch that is pending and has nothing below it that holds; a resumed one to those
//! around the place where it was resumed. A catch takes it in its next poll, if it is still below the asker then.

use std::rc::Rc;

use crate::cancel::poller::Poller;
use crate::cancel::request::{Reason, Request};
use crate::cancel::tree::{Record, Regions, Role};
use crate::slab::NO_ENTRY;
use crate::watch::is_detailed;

/// For a task that never comes to rest, this many looks count as one rest. (`FuturesUnordered` yields before it has
/// reached all its members that were woken, so a single poll proves nothing.)
const PATIENCE: u32 = 1024;

/// What a look at the regions below an asker has found.
#[derive(Default)]
struct Findings {
    /// Something keeps the asker from acting.
    holds: bool,
    /// A catch is offered the request.
    is_offered: bool,
    /// Something was woken and not polled since.
    is_unseen: bool,
    /// When the oldest clean-up started.
    oldest_clean_up: u64,
}

/// Whether a region is offered a request.
#[derive(PartialEq, Eq)]
pub(super) enum Offer {
    Now,
    /// Perhaps when something below the asker has ended.
    Later,
    Never,
}

impl Regions {
    /// Makes a request on a region, or counts it if there is one; the caller settles it. If it is counted, the next
    /// look wakes whatever holds it, to see whether that is still polled.
    pub(super) fn ask(&mut self, region: u32, reason: Reason) {
        if is_detailed() {
            self.record_touch(region, true);
        }
        if let Some(request) = &self[region].request {
            request.count.set(request.count.get().saturating_add(1));
            request.looks.set(0);
            return;
        }
        self[region].request = Some(Request::new(region, reason));
        self.requests += 1;
    }

    /// Looks at the request on a region that is not being polled. Returns it if the region must act; then it is closed.
    ///
    /// Regions that were woken at the last look or earlier, and not polled although the task has come to rest since,
    /// are not polled by anything any more: they are passed over.
    pub(super) fn settle(
        &mut self,
        asker: u32,
        is_at_rest: bool,
        woken: &mut Vec<Poller>,
    ) -> Option<Rc<Request>> {
        let request = self[asker].request.clone()?;
        self.touch(asker);
        let looks = request.looks.get().saturating_add(1);
        request.looks.set(looks);
        let now = self.now();
        let last_look = request.looked.replace(now);
        // A scope settles its body's request before it polls the body: at that first look, nothing could be polled yet.
        let is_at_rest = is_at_rest && looks > 1;
        let silent = if is_at_rest {
            last_look
        } else if looks.is_multiple_of(PATIENCE) {
            request.looked_long_ago.replace(now)
        } else {
            0
        };
        let oldest_clean_up = self.prepare(asker, &request, silent);
        let mut found = Findings { oldest_clean_up, ..Findings::default() };
        let mut next = self[asker].first;
        while next != NO_ENTRY {
            let is_entered = self.look(next, &request, &mut found, woken);
            next = self.after(next, asker, is_entered);
        }
        if request.is_open() && !found.holds {
            self.close(asker, woken);
            return Some(request);
        }
        if found.is_unseen {
            woken.push(self[asker].poller.clone());
        }
        if !found.is_offered && request.is_dealt_with() {
            self.close(asker, woken);
        }
        None
    }

    /// Looks at one region below an asker. Returns whether the walk goes on below it.
    fn look(
        &mut self,
        one: u32,
        request: &Rc<Request>,
        found: &mut Findings,
        woken: &mut Vec<Poller>,
    ) -> bool {
        let record = &self[one];
        if record.is_abandoned {
            return false;
        }
        if record.role == Role::CleanUp {
            found.holds |= record.holds_up(request);
            return false;
        }
        if !record.holds() {
            found.holds |= self.has_ended_for_another(one, request);
            return true;
        }
        let is_catch = record.role == Role::Catch;
        if record.has_moved_away_from(request) {
            return is_catch;
        }
        let has_offer = record.offer().is_some();
        let offer = if has_offer {
            Offer::Never
        } else {
            self.may_offer(one, request, found.oldest_clean_up, request.looked.get())
        };
        match offer {
            Offer::Never if is_catch && !has_offer => return true,
            Offer::Later => {
                found.holds = true;
                return false;
            }
            Offer::Now | Offer::Never => {}
        }
        found.holds = true;
        let is_asked_again =
            has_offer && request.looks.get() == 1 && (request.is_open() || is_catch);
        if offer == Offer::Now {
            self.set_offer(one, request);
        }
        let record = &mut self[one];
        if offer == Offer::Now || is_asked_again && record.woken == 0 {
            record.woken = request.looked.get();
            woken.push(record.poller.clone());
        }
        found.is_offered |= is_catch && record.is_offered(request);
        found.is_unseen |= record.woken != 0;
        is_catch
    }

    /// Decides whether a region that has no offer, and holds, is offered a request. `look` is the time of the look, if
    /// this is part of one.
    pub(super) fn may_offer(
        &mut self,
        region: u32,
        request: &Rc<Request>,
        oldest_clean_up: u64,
        look: u64,
    ) -> Offer {
        let offer = match self[region].role {
            Role::Catch => self.may_offer_catch(region, request, look),
            Role::Mask | Role::Scope | Role::Gather if request.is_open() => Offer::Now,
            _ => Offer::Never,
        };
        // It may be part of a clean-up, and is asked when that has ended.
        let is_later = self[region].since > oldest_clean_up;
        if offer == Offer::Now && is_later { Offer::Later } else { offer }
    }

    /// Returns whether a region is a scope or `gather` whose tasks have ended for another request, made further out
    /// than this one. That other request is acted on first.
    pub(super) fn has_ended_for_another(&self, region: u32, request: &Rc<Request>) -> bool {
        let record = &self[region];
        let other = record.open_offer();
        let is_further_out = |other: &Rc<Request>| {
            !Rc::ptr_eq(other, request) && self.is_in(request.region, other.region)
        };
        record.has_tasks() && record.is_let_go && other.is_some_and(is_further_out)
    }

    /// Marks the regions below an asker that were woken up to `silent` and not polled since. Returns when the oldest
    /// clean-up there started: what has become pending since then may be part of it, and is not asked by others until
    /// that has ended.
    pub(super) fn prepare(&mut self, asker: u32, request: &Rc<Request>, silent: u64) -> u64 {
        let mut oldest_clean_up = u64::MAX;
        let is_needed = self.clean_ups > 0 || silent > 0;
        let mut next = if is_needed { self[asker].first } else { NO_ENTRY };
        while next != NO_ENTRY {
            let record = &mut self[next];
            if record.woken != 0 && record.woken <= silent {
                (record.woken, record.is_abandoned, record.offered) = (0, true, None);
            }
            if record.role == Role::CleanUp && record.holds_up(request) {
                oldest_clean_up = oldest_clean_up.min(record.since);
            }
            next = self.after(next, asker, true);
        }
        oldest_clean_up
    }

    /// Decides whether a catch is offered a request: it is, if nothing below the catch holds it, and if it was taken
    /// before, it was resumed there.
    fn may_offer_catch(&mut self, catch: u32, request: &Rc<Request>, look: u64) -> Offer {
        if look > 0 && self[catch].passed_over == look {
            return Offer::Never;
        }
        let is_taken = request.is_taken.get();
        let (mut comes_from_here, mut comes_another) = (!is_taken, false);
        let mut offer = None;
        let mut passed_over = Vec::new();
        let mut next = self.after(catch, catch, true);
        while next != NO_ENTRY {
            let record = &self[next];
            if record.holds_up(request) && !record.is_passed_by(request) {
                offer = Some(Offer::Never);
                break;
            }
            comes_another |= record.role == Role::Resumed
                && record.open_offer().is_some_and(|other| {
                    !Rc::ptr_eq(other, request) && self.is_in(catch, other.region)
                });
            if is_taken && record.role == Role::Catch {
                passed_over.push(next);
            }
            let (passes_on, is_entered) = (record.passes_on(request), !record.is_abandoned);
            if passes_on && self.pass_over_between(next, catch, look) {
                return Offer::Never; // A catch between them takes it.
            }
            comes_from_here |= passes_on;
            next = self.after(next, catch, is_entered);
        }
        if comes_another {
            return offer.unwrap_or(Offer::Later); // The other request comes first.
        }
        if comes_from_here {
            return offer.unwrap_or(Offer::Now);
        }
        // The request cannot reach the catches inside either. They are marked, so that this look does not walk through
        // a chain of catches again for each of them.
        passed_over.into_iter().for_each(|inner| self[inner].passed_over = look);
        Offer::Never
    }

    /// Returns whether a catch lies between a place from which a request goes outward and a region further out. Only
    /// the innermost such catch is offered the request; the others are marked as passed over.
    fn pass_over_between(&mut self, place: u32, outer: u32, look: u64) -> bool {
        let mut has_found = false;
        let mut above = self[place].parent;
        while above != outer {
            if self[above].role == Role::Catch {
                if has_found {
                    self[above].passed_over = look;
                }
                has_found = true;
            }
            above = self[above].parent;
        }
        has_found
    }

    pub(super) fn set_offer(&mut self, region: u32, request: &Rc<Request>) {
        let record = &mut self[region];
        (record.offered, record.is_let_go) = (Some(Rc::clone(request)), false);
        if let Some(moves) = &mut record.moves {
            moves.away_from.retain(|known| !known.is_closed() && !Rc::ptr_eq(known, request));
        }
        if record.has_tasks() {
            request.waiting.borrow_mut().push(region);
        }
    }

    /// Returns whether there is a catch around a region below another one.
    pub(super) fn has_catch_between(&self, region: u32, outer: u32) -> bool {
        let mut above = self[region].parent;
        while above != outer && self[above].role != Role::Catch {
            above = self[above].parent;
        }
        above != outer
    }
}

impl Record {
    /// The request that it was offered, unless that is closed.
    pub(super) fn open_offer(&self) -> Option<&Rc<Request>> {
        self.offered.as_ref().filter(|offered| !offered.is_closed())
    }

    /// The request that it was offered and may take.
    pub(super) fn offer(&self) -> Option<Rc<Request>> {
        self.open_offer().cloned()
    }

    pub(super) fn is_offered(&self, request: &Rc<Request>) -> bool {
        self.offered.as_ref().is_some_and(|offered| Rc::ptr_eq(offered, request))
    }

    /// Returns whether this request goes outward from here: it was resumed here and not taken since, or a scope has
    /// ended its tasks for it.
    fn passes_on(&self, request: &Rc<Request>) -> bool {
        let has_ended = self.has_tasks() && self.is_let_go;
        (has_ended || self.role == Role::Resumed) && self.is_offered(request)
    }

    pub(super) fn has_tasks(&self) -> bool {
        matches!(self.role, Role::Scope | Role::Gather)
    }

    /// Returns whether it is a catch that was not offered this request before another catch took it.
    fn is_passed_by(&self, request: &Request) -> bool {
        self.role == Role::Catch && request.is_taken.get() && self.offer().is_none()
    }

    /// Returns whether it can keep the asker of this request from acting.
    pub(super) fn holds_up(&self, request: &Rc<Request>) -> bool {
        let is_of_another = self.role == Role::CleanUp && !self.is_offered(request);
        let is_older = is_of_another && self.since < request.waits_from.get();
        self.holds() && !self.is_abandoned && !is_older && !self.has_moved_away_from(request)
    }

    /// Returns whether it can keep an asker from acting.
    pub(super) fn holds(&self) -> bool {
        match self.role {
            Role::Root | Role::Passage | Role::Resumed => false,
            Role::Catch | Role::CleanUp => true,
            Role::Mask => !self.is_let_go,
            // One that has ended its tasks waits for what happens to the request, and holds nothing.
            Role::Scope | Role::Gather => !self.is_let_go || self.open_offer().is_none(),
        }
    }
}

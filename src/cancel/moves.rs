//! What happens when a region moves while there are requests: something was lent or shared.

use std::rc::Rc;

use crate::cancel::poller::Poller;
use crate::cancel::request::Request;
use crate::cancel::settle::Offer;
use crate::cancel::tree::{Moves, Record, Regions, Role};
use crate::slab::NO_ENTRY;

impl Regions {
    /// A region moves away: what was asked further out looks again, but once for each request. (Otherwise two tasks
    /// that share the region would wake each other in turns forever: each looks after a turn of its own, and that moves
    /// the region back.)
    pub(super) fn wake_left(&mut self, region: u32, woken: &mut Vec<Poller>) {
        if self.requests == 0 || self.askers_above(self[region].parent).next().is_none() {
            return;
        }
        let mut moves = self[region].moves.take().unwrap_or_default();
        moves.left.retain(|request| !request.is_closed());
        for (asker, request) in self.askers_above(self[region].parent) {
            if !moves.left.iter().any(|known| Rc::ptr_eq(known, request)) {
                moves.left.push(Rc::clone(request));
                woken.push(self[asker].poller.clone());
            }
        }
        self[region].moves = Some(moves);
    }

    /// A poll of a region starts. If that comes from outside of the asker of the request that the region was offered,
    /// this is recorded; and if something around the region was asked too, the region is offered the request of that
    /// instead. (If that were left to the next look, two tasks that share the region would wake it in turns forever.)
    pub(super) fn check_move(&mut self, region: u32) {
        if matches!(self[region].role, Role::CleanUp | Role::Resumed) {
            return;
        }
        let is_outside = |offered: &&Rc<Request>| !self.is_in(region, offered.region);
        if let Some(offered) = self[region].open_offer().filter(is_outside).cloned() {
            self[region].offered = None;
            self[region].moves.get_or_insert_default().away_from.push(offered);
        }
        let has_moved = self[region].moves.as_mut().is_some_and(|moves| {
            moves.away_from.retain(|request| !request.is_closed());
            !moves.away_from.is_empty()
        });
        let mut above = if has_moved { self[region].parent } else { NO_ENTRY };
        while above != NO_ENTRY {
            if let Some(request) = self[above].request.clone() {
                let oldest_clean_up = self.prepare(above, &request, 0);
                if self.may_offer(region, &request, oldest_clean_up, 0) == Offer::Now {
                    return self.set_offer(region, &request);
                }
            }
            let record = &self[above];
            let is_end = record.is_abandoned || record.holds() && record.role != Role::Catch;
            above = if is_end { NO_ENTRY } else { record.parent };
        }
    }
}

impl Record {
    /// Returns whether something outside of the asker of this request, which it was offered, has polled it since.
    pub(super) fn has_moved_away_from(&self, request: &Rc<Request>) -> bool {
        let is_known =
            |moves: &Moves| moves.away_from.iter().any(|known| Rc::ptr_eq(known, request));
        self.moves.as_deref().is_some_and(is_known)
    }
}

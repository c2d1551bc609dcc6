//! The requests in a task, as reports describe them: what was asked to end, and what holds that up.
//!
//! This reads the tree as `settle.rs` does, and changes nothing.

use std::rc::Rc;

use crate::cancel::request::Request;
use crate::cancel::root::Roots;
use crate::cancel::thread::with_regions;
use crate::cancel::tree::{Regions, Role};
use crate::kernel::{Flags, Key};
use crate::report::{PendingRequest, RequestHolder};
use crate::slab::NO_ENTRY;

impl Roots {
    /// Returns the requests in a task with these flags that are not closed, the outermost first.
    pub(crate) fn requests(&self, key: Key, flags: Flags) -> Vec<PendingRequest> {
        let root = self.get(key, flags);
        root.map_or_else(Vec::new, |root| with_regions(|regions| regions.requests_in(root)))
    }
}

impl Regions {
    fn requests_in(&self, root: u32) -> Vec<PendingRequest> {
        let mut found = Vec::new();
        let mut next = if self.requests > 0 { root } else { NO_ENTRY };
        while next != NO_ENTRY {
            let record = &self[next];
            if let Some(request) = record.request.as_ref().filter(|_| !record.is_abandoned) {
                found.push(PendingRequest {
                    reason: request.reason.as_str().into(),
                    part: (next != root).then_some(record.place),
                    holders: self.holders(next, request),
                });
            }
            next = self.after(next, root, !record.is_abandoned);
        }
        found
    }

    /// Returns what keeps a region from acting on its request, in the order in which it entered the tree.
    fn holders(&self, asker: u32, request: &Rc<Request>) -> Vec<RequestHolder> {
        let mut holders = Vec::new();
        let mut next = self.after(asker, asker, true);
        while next != NO_ENTRY {
            let holder = self.holder(next, request);
            let is_entered = match holder {
                Some(RequestHolder::Catch { .. } | RequestHolder::Ended { .. }) => true,
                Some(_) => false,
                None => !self[next].is_abandoned,
            };
            holders.extend(holder.map(|holder| (self[next].since, holder)));
            next = self.after(next, asker, is_entered);
        }
        holders.sort_by_key(|&(since, _)| since);
        holders.into_iter().map(|(_, holder)| holder).collect()
    }

    /// Returns how a region holds this request, if it does.
    fn holder(&self, region: u32, request: &Rc<Request>) -> Option<RequestHolder> {
        let record = &self[region];
        let place = record.place;
        if record.is_abandoned {
            return None;
        }
        if !record.holds_up(request) {
            let is_ended = self.has_ended_for_another(region, request);
            return is_ended.then_some(RequestHolder::Ended { place });
        }
        match record.role {
            Role::Mask => Some(RequestHolder::Mask { place }),
            Role::Scope => Some(RequestHolder::Scope { place }),
            Role::Gather => Some(RequestHolder::Gather { place }),
            Role::CleanUp => Some(RequestHolder::CleanUp { place }),
            Role::Catch => record.offer().map(|_| RequestHolder::Catch { place }),
            Role::Root | Role::Passage | Role::Resumed => None,
        }
    }
}

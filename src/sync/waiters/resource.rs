//! What a list waits for, as reports name it.

use std::sync::Arc;

use crate::kernel::{Place, TaskKey, drop_quietly};
use crate::report::{Resource, WaitsFor};
use crate::slab::NO_ENTRY;
use crate::sync::ends::EndedBy;
use crate::sync::record::{ListedResource, OWN_ONESHOT, Waits, with_waits};
use crate::sync::waiters::Waiters;
use crate::watch::is_detailed;

impl Waiters {
    /// Sets the name of the resource.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        let resource = Resource::new(self.kind).named(name);
        let old = with_waits(|waits| {
            let listed = self.listed(waits);
            std::mem::replace(&mut listed.resource, resource)
        });
        drop(old);
    }

    /// Returns the name of the resource, if it has one.
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        if !self.is_listed() {
            return None;
        }
        with_waits(|waits| waits.resources[self.resource.get()].resource.shared_name())
    }

    /// Sets what may end a wait, besides the tasks that hold the resource.
    pub(crate) fn set_ended_by(&self, ended_by: EndedBy) {
        with_waits(|waits| self.listed(waits).ended_by = ended_by);
    }

    /// The same, before the first wait.
    #[inline]
    pub(crate) fn begin_ended_by(&self, ended_by: impl FnOnce() -> EndedBy) {
        if self.resource.get() == NO_ENTRY {
            self.set_ended_by(ended_by());
        }
    }

    /// Returns the task of the first wait.
    pub(crate) fn first_task(&self) -> Option<TaskKey> {
        let first = self.first.get();
        if first == NO_ENTRY { None } else { with_waits(|waits| waits.node(first).task) }
    }

    /// Returns whether the record has an entry for the resource.
    #[inline]
    pub(crate) fn is_listed(&self) -> bool {
        self.resource.get() < OWN_ONESHOT
    }

    /// Returns what ends a wait elsewhere that ends with the holders of this resource.
    pub(crate) fn by_holders(&self) -> EndedBy {
        EndedBy::Reserved(self.resource.get())
    }

    /// Makes the first wait refer to the entry, in case it joined before there was one.
    pub(crate) fn list_first(&self) {
        with_waits(|waits| {
            self.listed(waits);
        });
    }

    /// Returns the entry of the resource in the record, which it creates on first use.
    fn listed<'w>(&self, waits: &'w mut Waits) -> &'w mut ListedResource {
        if self.resource.get() == OWN_ONESHOT {
            self.resource.set(NO_ENTRY);
        }
        let number = self.number(&mut waits.resources);
        // A node of an own oneshot channel has no entry yet.
        if self.first.get() != NO_ENTRY {
            waits.node(self.first.get()).resource = number;
        }
        &mut waits.resources[number]
    }

    /// Describes a wait in this list for reports, without the holders of the resource.
    pub(crate) fn describe(&self, place: Place) -> WaitsFor {
        let resource = match self.resource.get() {
            NO_ENTRY | OWN_ONESHOT => Resource::new(self.kind),
            number => with_waits(|waits| waits.resources[number].resource.clone()),
        };
        WaitsFor::Resource { resource, place, owners: Arc::default() }
    }
}

impl Drop for Waiters {
    #[inline]
    fn drop(&mut self) {
        if self.is_listed() {
            self.remove_resource();
        }
    }
}

impl Waiters {
    fn remove_resource(&self) {
        if is_detailed() {
            self.resource_gone();
        }
        let number = self.resource.get();
        let forgotten = if self.nodes.get() == 0 {
            Vec::new()
        } else {
            // A future or guard was leaked by `mem::forget`: its node must not refer to another
            // resource that reuses this number.
            with_waits(|waits| waits.remove_all(number))
        };
        drop_quietly(forgotten);
        drop(with_waits(|waits| waits.remove_resource(number)));
    }
}

//! The waits for resources, collected for a report: those of this crate's primitives, and those of user code.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::kernel::{Place, TaskKey};
use crate::report::owner::{How, Ownership};
use crate::report::wait::{Resource, Wait};

/// All waits for resources on a thread. The waits for one resource share the list of its owners.
#[derive(Default)]
pub(crate) struct ResourceWaits {
    pub(crate) waits: Vec<ResourceWait>,
    pub(crate) owners: Vec<Vec<Ownership>>,
    /// The lists of waits in user code, by their addresses.
    shared: HashMap<*const Vec<(TaskKey, Place)>, OwnerList>,
    /// Keeps these lists alive, so that no other one gets the same address.
    kept: Vec<Arc<Vec<(TaskKey, Place)>>>,
}

/// The number of a list of owners.
pub(crate) type OwnerList = usize;

/// A wait for a resource.
pub(crate) struct ResourceWait {
    pub(crate) task: TaskKey,
    pub(crate) resource: Resource,
    pub(crate) place: Place,
    pub(crate) owners: OwnerList,
}

impl ResourceWaits {
    /// Adds a list of owners. One that acquired several permits at one place is listed once.
    pub(crate) fn add_owners(&mut self, mut owners: Vec<Ownership>) -> OwnerList {
        if owners.len() > 1 {
            let mut seen = HashSet::new();
            owners.retain(|&Ownership { task, place, how }| {
                seen.insert((task.scheduler, task.key.to_word(), std::ptr::from_ref(place), how))
            });
        }
        self.owners.push(owners);
        self.owners.len() - 1
    }

    /// Adds a wait that a primitive in user code has described.
    pub(crate) fn add(&mut self, wait: Wait) {
        let Wait { task: Some(task), resource, place, owners } = wait else { return };
        let owners = match self.shared.get(&Arc::as_ptr(&owners)) {
            Some(&list) => list,
            None => self.add_shared(owners),
        };
        self.waits.push(ResourceWait { task, resource, place, owners });
    }

    fn add_shared(&mut self, owners: Arc<Vec<(TaskKey, Place)>>) -> OwnerList {
        let how = How::Acquired;
        let list = owners.iter().map(|&(task, place)| Ownership { task, place, how }).collect();
        let list = self.add_owners(list);
        self.shared.insert(Arc::as_ptr(&owners), list);
        self.kept.push(owners);
        list
    }
}

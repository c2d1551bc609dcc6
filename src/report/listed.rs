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
    pub(crate) owners: Vec<ListedOwners>,
    /// The lists of waits in user code, by their addresses; kept alive, so that no other one gets the same address.
    shared: HashMap<*const Vec<(TaskKey, Place)>, SharedOwners>,
}

/// A list of owners that waits in user code share, and its number.
struct SharedOwners {
    number: OwnerList,
    _kept: Arc<Vec<(TaskKey, Place)>>,
}

/// The owners of a resource.
#[derive(Default)]
pub(crate) struct ListedOwners {
    pub(crate) owners: Vec<Ownership>,
    /// There are others, which are not known.
    pub(crate) is_open: bool,
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
    pub(crate) fn add_owners(&mut self, mut listed: ListedOwners) -> OwnerList {
        if listed.owners.len() > 1 {
            let mut seen = HashSet::new();
            listed.owners.retain(|&Ownership { task, place, how }| {
                seen.insert((task.scheduler, task.key.to_word(), std::ptr::from_ref(place), how))
            });
        }
        self.owners.push(listed);
        self.owners.len() - 1
    }

    /// Adds a wait that a primitive in user code has described.
    pub(crate) fn add(&mut self, wait: Wait) {
        let Wait { task: Some(task), resource, place, owners } = wait else { return };
        let owners = match self.shared.get(&Arc::as_ptr(&owners)) {
            Some(shared) => shared.number,
            None => self.add_shared(owners),
        };
        self.waits.push(ResourceWait { task, resource, place, owners });
    }

    fn add_shared(&mut self, owners: Arc<Vec<(TaskKey, Place)>>) -> OwnerList {
        let how = How::Acquired;
        let listed = owners.iter().map(|&(task, place)| Ownership { task, place, how }).collect();
        let number = self.add_owners(ListedOwners { owners: listed, is_open: false });
        self.shared.insert(Arc::as_ptr(&owners), SharedOwners { number, _kept: owners });
        number
    }
}

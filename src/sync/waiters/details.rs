//! The details of waits and ownership, for the observers that receive them.
//!
//! A wait list *is* the record of which task waits for what, so there is a detail for each change of a list, and for
//! nothing else: what the details add up to is what a snapshot shows.

use crate::kernel::{Place, TaskKey};
use crate::report::{Awaited, Detail, Resource, ResourceId, id_anywhere};
use crate::sync::record::{ALL_PERMITS, Node, OWN_ONESHOT, WaitStage, with_waits};
use crate::watch::detail;

/// What a listed resource is.
pub(super) fn what(resource: u32) -> Resource {
    with_waits(|waits| waits.resources[resource].resource.clone())
}

/// A task waits for a resource.
#[cold]
pub(super) fn wait_began(resource: u32, task: Option<TaskKey>, place: Place) {
    let Some(task) = task else { return };
    detail(task.scheduler, || Detail::WaitBegan {
        task: id_anywhere(task),
        on: Awaited::Resource(ResourceId(resource)),
        what: Some(what(resource)),
        place: Some(place),
    });
}

/// A task that was in the list of a resource has left it, whatever the reason.
#[cold]
pub(super) fn wait_ended(resource: u32, task: Option<TaskKey>, place: Place) {
    let Some(task) = task else { return };
    let on = Awaited::Resource(ResourceId(resource));
    detail(task.scheduler, || Detail::WaitEnded {
        task: id_anywhere(task),
        on,
        place: Some(place),
    });
}

/// How much a node with this word holds; `None` for nothing. All permits together are one: the writer's.
pub(super) fn held(word: u32) -> Option<u32> {
    match word {
        0 => None,
        ALL_PERMITS => Some(1),
        count => Some(count),
    }
}

/// A task holds this much more of a resource.
#[cold]
pub(super) fn acquired(resource: u32, task: Option<TaskKey>, word: u32, place: Place) {
    let (Some(task), Some(count)) = (task, held(word)) else { return };
    detail(task.scheduler, || Detail::Acquired {
        task: id_anywhere(task),
        resource: ResourceId(resource),
        what: what(resource),
        count,
        place,
    });
}

/// A task holds this much less of a resource.
#[cold]
pub(super) fn released(resource: u32, task: Option<TaskKey>, word: u32) {
    let (Some(task), Some(count)) = (task, held(word)) else { return };
    let resource = ResourceId(resource);
    detail(task.scheduler, || Detail::Released { task: id_anywhere(task), resource, count });
}

/// The node with this number is about to be removed.
#[cold]
pub(super) fn left(number: u32) {
    with_waits(|waits| left_node(waits.node(number)));
}

/// A node leaves its list, or is removed.
#[cold]
pub(super) fn left_node(node: &Node) {
    match node.stage {
        WaitStage::Waiting => wait_ended(node.resource, node.task, node.place),
        WaitStage::Holding => released(node.resource, node.task, node.word),
        WaitStage::Woken | WaitStage::Due | WaitStage::Vacant => {}
    }
}

/// The wait with this node has a new waker, and perhaps another task.
#[cold]
pub(super) fn wait_goes_on(number: u32) {
    let (resource, task, place) = with_waits(|waits| {
        let node = waits.node(number);
        (node.resource, node.task, node.place)
    });
    if resource != OWN_ONESHOT {
        wait_began(resource, task, place);
    }
}

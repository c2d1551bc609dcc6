//! What a list of waits tells the observers that receive details.

use crate::kernel::{Place, TaskKey};
use crate::report::{Detail, Resource, ResourceId, id_anywhere};
use crate::slab::NO_ENTRY;
use crate::sync::record::{OWN_ONESHOT, WaitStage, with_waits};
use crate::sync::waiters::{Waiters, details, wake};
use crate::watch::{detail, detail_everywhere};

impl Waiters {
    /// The number of the resource, which is listed now if it was not before, and what it is.
    #[cold]
    fn resource(&self) -> (ResourceId, Resource) {
        if matches!(self.resource.get(), NO_ENTRY | OWN_ONESHOT) {
            self.list_first();
        }
        (ResourceId(self.resource.get()), details::what(self.resource.get()))
    }

    /// The current task has put a value into the channel whose values this list waits for.
    #[cold]
    pub(crate) fn sent(&self, length: usize, capacity: Option<usize>) {
        let Some(task) = TaskKey::current() else { return };
        let (channel, what) = self.resource();
        let id = id_anywhere(task);
        detail(task.scheduler, || Detail::Sent { task: id, channel, what, length, capacity });
    }

    /// The current task has taken a value out of the channel.
    #[cold]
    pub(crate) fn received(&self, length: usize) {
        let Some(task) = TaskKey::current() else { return };
        let (channel, what) = self.resource();
        let id = id_anywhere(task);
        detail(task.scheduler, || Detail::Received { task: id, channel, what, length });
    }

    /// A task has joined the list.
    #[cold]
    pub(super) fn wait_began(&self, task: Option<TaskKey>, place: Place) {
        let (ResourceId(number), _) = self.resource();
        details::wait_began(number, task, place);
    }

    /// The first wait has left the list, and its node tells how.
    #[cold]
    pub(super) fn released_first(&self, first: u32) {
        let (stage, task, word, place) = with_waits(|waits| {
            let node = waits.node(first);
            (node.stage, node.task, node.word, node.place)
        });
        details::wait_ended(self.resource.get(), task, place);
        if stage == WaitStage::Holding {
            details::acquired(self.resource.get(), task, word, place);
        }
    }

    /// The channel that this list belongs to is closed.
    #[cold]
    pub(crate) fn closed(&self) {
        if self.is_listed() {
            let channel = ResourceId(self.resource.get());
            detail_everywhere(|| Detail::Closed { channel });
        }
    }

    /// The resource is dropped.
    #[cold]
    pub(super) fn resource_gone(&self) {
        let resource = ResourceId(self.resource.get());
        detail_everywhere(|| Detail::ResourceGone { resource });
    }

    /// Removes the first wait from the list and wakes it, if `take` accepts its word.
    #[cold]
    pub(super) fn release_first_detailed(
        &self,
        stage: WaitStage,
        word: Option<u32>,
        take: impl FnOnce(u32) -> bool,
    ) -> bool {
        let first = self.first.get();
        let Some((waker, task)) = self.take_first::<true>(stage, word, take) else { return false };
        self.released_first(first);
        wake(waker, task)
    }
}

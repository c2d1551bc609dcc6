//! The region of something that has tasks of its own, and ends them when a request from outside reaches it.

use std::rc::Rc;
use std::task::Context;

use crate::cancel::region::{Frame, Region};
use crate::cancel::request::{Reason, Request};
use crate::cancel::tree::Role;
use crate::kernel::Place;

/// A region that asks its tasks to end, and holds a request until they have.
pub(crate) struct TaskRegion {
    region: Region,
    /// The requests from outside that were passed on to the tasks, the latest last.
    passed_on: Vec<Rc<Request>>,
    /// For the latest of them.
    tasks_have_ended: bool,
}

impl TaskRegion {
    pub(crate) fn at(role: Role, place: Place) -> Self {
        TaskRegion {
            region: Region::at(role, place),
            passed_on: Vec::new(),
            tasks_have_ended: false,
        }
    }

    /// A poll starts.
    pub(crate) fn begin_poll(&mut self) -> Frame {
        self.region.begin_poll()
    }

    /// The poll has ended.
    pub(crate) fn end_poll(&mut self, frame: Frame, is_pending: bool, cx: &Context<'_>) {
        self.region.end_poll(frame, is_pending, cx);
    }

    /// Returns the reason of a request from outside that must be passed on to the tasks, if there is a new one.
    pub(crate) fn new_request(&mut self) -> Option<Reason> {
        let request = self.region.offer()?;
        if self.tasks_have_ended && self.passed_on.iter().all(|known| known.is_closed()) {
            return None; // What the tasks have ended for is closed: it is ready now.
        }
        // The request remains in the region until something takes it, and a region that is shared is offered those of
        // several tasks in turns. So this may be one that was passed on before.
        let is_known = self.passed_on.iter().any(|known| Rc::ptr_eq(known, &request));
        self.passed_on.retain(|known| !known.is_closed() && !Rc::ptr_eq(known, &request));
        let reason = (!is_known).then(|| request.reason.clone());
        self.passed_on.push(request);
        reason
    }

    /// Returns whether a request from outside was passed on to the tasks and is not closed.
    pub(crate) fn is_asked(&self) -> bool {
        self.passed_on.iter().any(|request| self.region.is_asked(request))
    }

    /// All tasks have ended. Returns `true` if a request from outside is still open: then this stays pending until its
    /// asker acts, so that no code that follows runs, or until the request is dealt with.
    pub(crate) fn must_wait(&mut self) -> bool {
        let must_wait = self.is_asked();
        if must_wait {
            self.tasks_have_ended = true;
            self.region.let_go();
        }
        must_wait
    }
}

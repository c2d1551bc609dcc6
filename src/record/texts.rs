//! The texts that events and states have, to renumber them.

use std::sync::Arc;

use crate::record::event::Event;
use crate::record::state::State;
use crate::record::values::TextId;

/// Calls `visit` with each text of an event.
pub(crate) fn texts_of_event(event: &mut Event, visit: &mut dyn FnMut(&mut TextId)) {
    match event {
        Event::Spawn { name, .. } | Event::Block { name, .. } => name.iter_mut().for_each(visit),
        Event::Done { message, .. } => message.iter_mut().for_each(visit),
        Event::Ask(ask) | Event::Answer(ask) => visit(&mut ask.why),
        Event::Catch { why, .. } | Event::Resume { why, .. } => visit(why),
        Event::Resource { kind, name, .. } => {
            visit(kind);
            name.iter_mut().for_each(visit);
        }
        Event::Out { text, .. } | Event::Note { text, .. } => visit(text),
        Event::Unknown { kind, line } => {
            visit(kind);
            visit(line);
        }
        Event::Snapshot { state } => texts_of_state(state, visit),
        _ => {}
    }
}

/// Calls `visit` with each text of a state.
pub(crate) fn texts_of_state(state: &mut State, visit: &mut dyn FnMut(&mut TextId)) {
    for task in state.tasks.values_mut() {
        let task = Arc::make_mut(task);
        task.name.iter_mut().for_each(&mut *visit);
        task.requests.iter_mut().for_each(|ask| visit(&mut ask.why));
    }
    for resource in state.resources.values_mut() {
        let resource = Arc::make_mut(resource);
        visit(&mut resource.kind);
        resource.name.iter_mut().for_each(&mut *visit);
    }
    state.jobs.values_mut().filter_map(|job| job.name.as_mut()).for_each(visit);
}

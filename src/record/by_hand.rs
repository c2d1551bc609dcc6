//! The events of a recorder that is fed by hand: a method for each.

use std::num::NonZeroU32;
use std::panic::Location;
use std::time::Duration;

use crate::record::event::Event;
use crate::record::printable::nanoseconds;
use crate::record::recorder::Recorder;
use crate::record::values::{Actor, Ask, Awaited, EndReason, Outcome, TextId};

/// Each event, by its name. What it means, and what it does to the [`State`](crate::record::State), is described at
/// [`Event`]. Tasks, timers and the like have numbers of your choice, from 1; the task 0 stands for code outside of all
/// tasks. An empty name is none.
impl Recorder {
    /// `spawn`: a task was spawned.
    #[track_caller]
    pub fn spawn(&self, task: u64, name: &str, by: Actor) {
        let name = self.name(name);
        self.record_now(Location::caller(), Event::Spawn { task, name, by });
    }

    /// `schedule`: a task was put at the end of the ready queue; or, as the child of an open scope, is ready.
    #[track_caller]
    pub fn schedule(&self, task: u64) {
        self.record_now(Location::caller(), Event::Schedule { task, at: None });
    }

    /// `schedule`: a task was put into the ready queue, at an index.
    #[track_caller]
    pub fn schedule_at(&self, task: u64, index: u32) {
        self.record_now(Location::caller(), Event::Schedule { task, at: Some(index) });
    }

    /// `order`: a policy has put the ready queue into this order, the front first.
    #[track_caller]
    pub fn order(&self, tasks: &[u64]) {
        self.record_now(Location::caller(), Event::Order { tasks: tasks.into() });
    }

    /// `poll`: the turn of a task starts. Turns are counted from 1.
    #[track_caller]
    pub fn poll(&self, task: u64) {
        let turn = self.next_turn();
        self.record_now(Location::caller(), Event::Poll { task, turn });
    }

    /// `return`: the turn of a task has ended.
    #[track_caller]
    pub fn returned(&self, task: u64, outcome: Outcome) {
        self.record_now(Location::caller(), Event::Return { task, outcome });
    }

    /// `wake`: the waker of a task was called.
    #[track_caller]
    pub fn wake(&self, task: u64, by: Actor) {
        self.record_now(Location::caller(), Event::Wake { task, by });
    }

    /// `wait`: a task waits for something.
    #[track_caller]
    pub fn wait(&self, task: u64, on: Awaited) {
        self.record_now(Location::caller(), Event::Wait { task, on });
    }

    /// `unwait`: a task no longer waits for something.
    #[track_caller]
    pub fn unwait(&self, task: u64, on: Awaited) {
        self.record_now(Location::caller(), Event::Unwait { task, on });
    }

    /// `done`: a task has ended.
    #[track_caller]
    pub fn done(&self, task: u64, outcome: Outcome) {
        self.record_now(Location::caller(), Event::Done { task, outcome, message: None });
    }

    /// `done`: a task has ended with a message, such as that of its panic.
    #[track_caller]
    pub fn done_with(&self, task: u64, outcome: Outcome, message: &str) {
        let message = Some(self.text(message));
        self.record_now(Location::caller(), Event::Done { task, outcome, message });
    }

    /// `drop`: the future of a task was dropped outside of a turn.
    #[track_caller]
    pub fn dropped(&self, task: u64) {
        self.record_now(Location::caller(), Event::Drop { task });
    }

    /// `abort`: a task is to be dropped at its next turn, without a clean-up.
    #[track_caller]
    pub fn abort(&self, task: u64, by: Actor) {
        self.record_now(Location::caller(), Event::Abort { task, by });
    }

    /// `shutdown`: a shutdown has begun, or has ended.
    #[track_caller]
    pub fn shutdown(&self, has_begun: bool) {
        self.record_now(Location::caller(), Event::Shutdown { has_begun });
    }

    /// `ask`: a cancel request was made on a task.
    #[track_caller]
    pub fn ask(&self, task: u64, why: &str, by: Actor) {
        let why = self.text(why);
        self.record_now(
            Location::caller(),
            Event::Ask(Box::new(Ask { task, part: None, why, by })),
        );
    }

    /// `ask`: a cancel request was made on a part of a task, such as a `timeout`: the one that was created at `part`.
    #[track_caller]
    pub fn ask_part(&self, task: u64, part: &'static Location<'static>, why: &str, by: Actor) {
        let (part, why) = (Some(self.place(part)), self.text(why));
        self.record_now(Location::caller(), Event::Ask(Box::new(Ask { task, part, why, by })));
    }

    /// `answer`: a cancel request on a task has had its effect.
    #[track_caller]
    pub fn answer(&self, task: u64, why: &str) {
        let why = self.text(why);
        let ask = Ask { task, part: None, why, by: Actor::Outside };
        self.record_now(Location::caller(), Event::Answer(Box::new(ask)));
    }

    /// `answer`: a cancel request on a part of a task has had its effect: on the one that was created at `part`.
    #[track_caller]
    pub fn answer_part(&self, task: u64, part: &'static Location<'static>, why: &str) {
        let (part, why) = (Some(self.place(part)), self.text(why));
        let ask = Ask { task, part, why, by: Actor::Outside };
        self.record_now(Location::caller(), Event::Answer(Box::new(ask)));
    }

    /// `catch`: a task has caught a cancel request.
    #[track_caller]
    pub fn catch(&self, task: u64, why: &str) {
        let why = self.text(why);
        self.record_now(Location::caller(), Event::Catch { task, why });
    }

    /// `resume`: a clean-up is about to end, and passes its request on.
    #[track_caller]
    pub fn resume(&self, task: u64, why: &str) {
        let why = self.text(why);
        self.record_now(Location::caller(), Event::Resume { task, why });
    }

    /// `cleaned`: a clean-up has ended.
    #[track_caller]
    pub fn cleaned(&self, task: u64) {
        self.record_now(Location::caller(), Event::Cleaned { task });
    }

    /// `mask`: a task holds cancel requests back.
    #[track_caller]
    pub fn mask(&self, task: u64) {
        self.record_now(Location::caller(), Event::Mask { task, on: true });
    }

    /// `mask`: a task no longer holds cancel requests back.
    #[track_caller]
    pub fn unmask(&self, task: u64) {
        self.record_now(Location::caller(), Event::Mask { task, on: false });
    }

    /// `scope`: a task has opened a scope.
    #[track_caller]
    pub fn scope(&self, scope: u64, task: u64) {
        self.record_now(Location::caller(), Event::Scope { scope, task, is_open: true });
    }

    /// `scope`: a scope has ended.
    #[track_caller]
    pub fn scope_end(&self, scope: u64, task: u64) {
        self.record_now(Location::caller(), Event::Scope { scope, task, is_open: false });
    }

    /// `child`: a task belongs to a scope.
    #[track_caller]
    pub fn child(&self, scope: u64, task: u64) {
        self.record_now(Location::caller(), Event::Child { scope, task });
    }

    /// `timer_set`: a timer was put into the heap. Its deadline is counted from the start of the recording.
    #[track_caller]
    pub fn timer_set(&self, timer: u64, task: u64, deadline: Duration) {
        let at = nanoseconds(deadline);
        self.record_now(Location::caller(), Event::TimerSet { timer, task, at });
    }

    /// `timer_fire`: a timer is due, and leaves the heap.
    #[track_caller]
    pub fn timer_fire(&self, timer: u64) {
        self.record_now(Location::caller(), Event::TimerFire { timer });
    }

    /// `timer_cancel`: a timer leaves the heap before its deadline.
    #[track_caller]
    pub fn timer_cancel(&self, timer: u64) {
        self.record_now(Location::caller(), Event::TimerCancel { timer });
    }

    /// `park`: no task is ready, and the scheduler sleeps until something wakes it.
    #[track_caller]
    pub fn park(&self) {
        self.record_now(Location::caller(), Event::Park { until: u64::MAX });
    }

    /// `park`: no task is ready, and the scheduler sleeps until a time, counted from the start of the recording.
    #[track_caller]
    pub fn park_until(&self, time: Duration) {
        let until = nanoseconds(time);
        self.record_now(Location::caller(), Event::Park { until });
    }

    /// `unpark`: the scheduler is awake again.
    #[track_caller]
    pub fn unpark(&self, by: Actor) {
        self.record_now(Location::caller(), Event::Unpark { by });
    }

    /// `res`: a lock, a channel or the like was created, or got its name. Its kind is any text, such as "lock".
    #[track_caller]
    pub fn resource(&self, resource: u64, kind: &str, name: &str) {
        let (kind, name) = (self.text(kind), self.name(name));
        self.record_now(Location::caller(), Event::Resource { resource, kind, name });
    }

    /// `acquire`: a task holds a resource, or `count` more permits of it.
    #[track_caller]
    pub fn acquire(&self, task: u64, resource: u64, count: u32) {
        self.record_now(Location::caller(), Event::Acquire { task, resource, count });
    }

    /// `release`: a task gives a resource back, or `count` permits of it.
    #[track_caller]
    pub fn release(&self, task: u64, resource: u64, count: u32) {
        self.record_now(Location::caller(), Event::Release { task, resource, count });
    }

    /// `send`: a value was put into a channel, which has `length` values now, and room for any number.
    #[track_caller]
    pub fn send(&self, task: u64, resource: u64, length: u32) {
        self.record_now(Location::caller(), Event::Send { task, resource, length, capacity: None });
    }

    /// `send`: a value was put into a channel, which has `length` values now, and room for `capacity`.
    #[track_caller]
    pub fn send_bounded(&self, task: u64, resource: u64, length: u32, capacity: u32) {
        let capacity = NonZeroU32::new(capacity);
        self.record_now(Location::caller(), Event::Send { task, resource, length, capacity });
    }

    /// `recv`: a value was taken out of a channel, which has `length` values now.
    #[track_caller]
    pub fn receive(&self, task: u64, resource: u64, length: u32) {
        self.record_now(Location::caller(), Event::Receive { task, resource, length });
    }

    /// `close`: a channel was closed.
    #[track_caller]
    pub fn close(&self, resource: u64) {
        self.record_now(Location::caller(), Event::Close { resource, is_gone: false });
    }

    /// `close`: a resource was dropped.
    #[track_caller]
    pub fn gone(&self, resource: u64) {
        self.record_now(Location::caller(), Event::Close { resource, is_gone: true });
    }

    /// `block`: a blocking job was handed to a pool.
    #[track_caller]
    pub fn block(&self, job: u64, task: u64, name: &str) {
        let name = self.name(name);
        self.record_now(Location::caller(), Event::Block { job, task, name });
    }

    /// `job_done`: a blocking job has ended.
    #[track_caller]
    pub fn job_done(&self, job: u64) {
        self.record_now(Location::caller(), Event::JobDone { job });
    }

    /// `out`: the program has printed a line.
    #[track_caller]
    pub fn out(&self, task: u64, line: &str) {
        let text = self.text(line);
        self.record_now(Location::caller(), Event::Out { task, text });
    }

    /// `note`: a remark for the reader of the recording.
    #[track_caller]
    pub fn note(&self, task: u64, remark: &str) {
        let text = self.text(remark);
        self.record_now(Location::caller(), Event::Note { task, text });
    }

    /// `slow`: a turn took too long.
    #[track_caller]
    pub fn slow(&self, task: u64, took: Duration) {
        let took = nanoseconds(took);
        self.record_now(Location::caller(), Event::Slow { task, took });
    }

    /// `deadlock`: tasks and what they wait for, in turns, as a cycle.
    #[track_caller]
    pub fn deadlock(&self, cycle: &[Awaited]) {
        self.record_now(Location::caller(), Event::Deadlock { cycle: cycle.into() });
    }

    /// `end`: the run has ended.
    #[track_caller]
    pub fn end(&self, why: EndReason) {
        self.record_now(Location::caller(), Event::End { why });
    }

    fn name(&self, name: &str) -> Option<TextId> {
        (!name.is_empty()).then(|| self.text(name))
    }
}

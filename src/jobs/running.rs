//! Running jobs: those that are due become tasks, and the future of `run_forever` waits for these to end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cancel::catch_cancel_at;
use crate::jobs::clock::ClockReading;
use crate::jobs::entries::Number;
use crate::jobs::failure::JobFailure;
use crate::jobs::outcome::JobError;
use crate::jobs::shared::JobsShared;
use crate::limits::poll_at_once;
use crate::report::text_of;
use crate::select;
use crate::task::{Builder, JoinHandle};
use crate::time::{Sleep, now};

/// When a future that runs jobs completes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StopWhen {
    /// When it is stopped.
    Stopped,
    /// Also when no job is left.
    Empty,
}

/// The runs that one call has started.
pub(super) struct JobRuns {
    shared: Rc<JobsShared>,
    /// Where that call was made.
    place: &'static Location<'static>,
    runs: BTreeMap<u64, Started>,
    started: u64,
    /// How often `stop` had been called when that call was made.
    stops: u64,
    /// The numbers of runs that have ended, or are in their last turn.
    ended: Rc<RefCell<Vec<u64>>>,
}

struct Started {
    handle: JoinHandle<Result<(), JobError>>,
    /// What is reported if the run fails; the message is still missing.
    failure: JobFailure,
}

impl JobRuns {
    pub(super) fn new(shared: Rc<JobsShared>, place: &'static Location<'static>) -> Self {
        let stops = shared.stops.get();
        JobRuns { shared, place, runs: BTreeMap::new(), started: 0, stops, ended: Rc::default() }
    }

    // ----- the three ways to run jobs -----

    /// Runs the jobs that are due, and waits until these runs have ended.
    pub(super) async fn pending(mut self) {
        let now = self.shared.clock.now();
        self.start_due(now);
        self.finish().await;
    }

    /// Runs all jobs, due or not, and waits until these runs have ended.
    pub(super) async fn all(mut self) {
        let now = self.shared.clock.now();
        let numbers = self.shared.entries.borrow().numbers();
        numbers.into_iter().for_each(|number| self.start(number, now));
        self.finish().await;
    }

    /// Runs jobs whenever they are due.
    pub(super) async fn forever(mut self, done: StopWhen) {
        match catch_cancel_at(self.place, self.run_until(done)).await {
            Ok(()) => self.finish().await,
            Err(cancelled) => {
                self.cancel(cancelled.reason());
                self.wait_for_all().await;
                cancelled.resume().await;
            }
        }
    }

    /// Waits until all runs have ended. A cancel request is passed on to them.
    async fn finish(&mut self) {
        if self.started == 0 {
            poll_fn(|cx| poll_at_once(cx)).await;
        }
        match catch_cancel_at(self.place, self.wait_for_all()).await {
            Ok(()) => {}
            Err(cancelled) => {
                self.cancel(cancelled.reason());
                self.wait_for_all().await;
                cancelled.resume().await;
            }
        }
    }

    // ----- waiting -----

    async fn run_until(&mut self, done: StopWhen) {
        loop {
            self.settle().await;
            let is_empty = || self.shared.entries.borrow().len() == 0 && self.runs.is_empty();
            if self.shared.stops.get() != self.stops || (done == StopWhen::Empty && is_empty()) {
                return;
            }
            let now = self.shared.clock.now();
            self.start_due(now);
            self.wait(now).await;
        }
    }

    /// Waits until the next job is due, or something has changed.
    async fn wait(&self, at: ClockReading) {
        let sleep = self.shared.sleep(at).map(|wait| now().checked_add(wait));
        let changed = self.shared.changed.notified_at(self.place);
        match sleep.flatten() {
            None => changed.await,
            Some(deadline) => select! {
                () = changed => {}
                () = Sleep::until(deadline, self.place) => {}
            },
        }
    }

    async fn wait_for_all(&mut self) {
        loop {
            self.settle().await;
            if self.runs.is_empty() {
                return;
            }
            self.shared.changed.notified_at(self.place).await;
        }
    }

    // ----- starting -----

    /// Spawns a task for each job that is due, in the order in which they were due.
    fn start_due(&mut self, now: ClockReading) {
        let due = self.shared.entries.borrow().due(now);
        due.into_iter().for_each(|number| self.start(number, now));
    }

    fn start(&mut self, number: Number, now: ClockReading) {
        let (start, failure) = {
            let mut entries = self.shared.entries.borrow_mut();
            let until = entries.get(number).and_then(|entry| entry.until);
            if until.is_some_and(|until| until < now.wall) {
                drop(entries);
                self.shared.remove(&[number]);
                return;
            }
            let zone = &self.shared.clock.zone;
            let Some(entry) = entries.begin(number, now, zone) else { return };
            let failure = JobFailure {
                name: Arc::clone(&entry.name),
                tags: entry.tags.clone(),
                place: entry.place,
                is_panic: false,
                message: String::new(),
            };
            (Rc::clone(&entry.start), failure)
        };
        self.started += 1;
        let ending = RunGuard {
            shared: Rc::clone(&self.shared),
            job: number,
            run: self.started,
            ended: Rc::clone(&self.ended),
            is_last: false,
        };
        let run = async move {
            // The whole guard moves in here, not just the field that is set.
            let mut ending = ending;
            ending.is_last = start().await?.is_break();
            Ok(())
        };
        let builder = Builder::new().name(Arc::clone(&failure.name));
        let handle = builder.try_spawn_at(run, failure.place);
        self.runs.insert(self.started, Started { handle, failure });
    }

    // ----- ending -----

    /// Removes the runs that have ended, and reports those that failed.
    async fn settle(&mut self) {
        poll_fn(|cx| {
            self.settle_with(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn settle_with(&mut self, cx: &mut Context<'_>) {
        let ended = self.ended.take();
        for number in ended {
            let Some(mut started) = self.runs.remove(&number) else { continue };
            if !started.handle.is_finished() {
                // It is in its last turn, and this poll is nested in that.
                self.ended.borrow_mut().push(number);
                self.runs.insert(number, started);
                continue;
            }
            let hook = self.shared.on_failure.borrow().clone();
            // Without a hook the handle is dropped unread, so the scheduler reports the failure.
            let Some(hook) = hook else { continue };
            match Pin::new(&mut started.handle).poll(cx) {
                Poll::Pending | Poll::Ready(Ok(Ok(()))) => {}
                Poll::Ready(Ok(Err(error))) => {
                    hook(&JobFailure { message: error.0, ..started.failure });
                }
                Poll::Ready(Err(error)) => {
                    let Ok(payload) = error.try_into_panic() else { continue };
                    let message =
                        text_of(&*payload).unwrap_or("a payload that is not a string").to_owned();
                    hook(&JobFailure { message, is_panic: true, ..started.failure });
                }
            }
        }
    }

    /// Requests cancellation of every run.
    fn cancel(&self, reason: &str) {
        let reason: Arc<str> = reason.into();
        self.runs.values().for_each(|run| run.handle.cancel_with(Arc::clone(&reason)));
    }
}

/// Dropping the future aborts the runs that it has started.
impl Drop for JobRuns {
    fn drop(&mut self) {
        self.runs.values().for_each(|run| run.handle.abort());
    }
}

/// Part of the future of a run, and dropped with it however it ends: then the job waits again.
struct RunGuard {
    shared: Rc<JobsShared>,
    job: Number,
    run: u64,
    ended: Rc<RefCell<Vec<u64>>>,
    is_last: bool,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.ended.borrow_mut().push(self.run);
        self.shared.end(self.job, self.is_last);
    }
}

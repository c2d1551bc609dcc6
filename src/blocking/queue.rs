//! The queue of a pool, and the count of its threads: plain data, to be used under a lock.
//!
//! Jobs have numbers, and are served in that order. As many as there may be threads, and so many more as the limit
//! allows, have a place; whoever can wait for one waits behind.

use std::collections::BTreeMap;
use std::hint;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::blocking::record::JobRecord;
use crate::blocking::work::Work;

pub(super) struct JobQueue {
    /// Jobs that have a place and wait for a thread.
    queued: BTreeMap<u64, Arc<dyn Work>>,
    /// Jobs that wait for a place. There are none while a place is free.
    waiting: BTreeMap<u64, Arc<dyn Work>>,
    running: BTreeMap<u64, Arc<JobRecord>>,
    /// How many jobs may be queued or running.
    places: usize,
    /// How many threads there may be.
    most: usize,
    /// How many there are, those included that are being started.
    pub(super) threads: usize,
    /// One was called or is being started, and has not come yet. When it has, it calls the next if there is need of
    /// one: short jobs are done sooner than a thread is there. If there is a job, and anybody who could be called,
    /// then somebody is coming.
    is_coming: bool,
    /// Those that sleep. The last one is called first: it has been awake last, and those at the bottom sleep until
    /// they end.
    sleepers: Vec<Arc<IdleThread>>,
    /// How many are waiting, inside of a job, for the end of the others.
    pub(super) leaving: usize,
    /// Nothing is taken any more.
    pub(super) is_closed: bool,
}

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub(super) struct IdleThread {
    thread: Thread,
    is_called: AtomicBool,
}

impl IdleThread {
    /// This thread, as one that can sleep.
    pub(super) fn here() -> Arc<Self> {
        Arc::new(IdleThread { thread: thread::current(), is_called: AtomicBool::new(false) })
    }

    /// Wakes it. To be called once, by whoever has taken it out of the line, with the lock let go.
    pub(super) fn call(&self) {
        self.is_called.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Returns whether it was called since the last time that this said so.
    pub(super) fn was_called(&self) -> bool {
        self.is_called.load(Ordering::Acquire) && self.is_called.swap(false, Ordering::Acquire)
    }

    /// Waits for a call without sleeping, for so long since then; returns whether it was called.
    pub(super) fn watch(&self, since: Instant, length: Duration) -> bool {
        while !self.was_called() {
            if since.elapsed() >= length {
                return false;
            }
            hint::spin_loop();
        }
        true
    }

    /// Waits until it is called.
    pub(super) fn await_call(&self) {
        while !self.was_called() {
            thread::park();
        }
    }
}

/// What has become of a job at the entrance.
#[derive(Debug)]
pub(super) enum Admission {
    /// It has a place; this is to be done for it.
    Placed(Call),
    /// It waits for one.
    Waits,
    Full,
    Closed,
}

/// Who is to be called for a job.
#[derive(Debug)]
pub(super) enum Call {
    /// Nobody: all are busy or on their way, and whoever is free first takes it.
    None,
    /// One that sleeps.
    IdleThread(Arc<IdleThread>),
    /// A new thread, which is counted already.
    NewThread,
}

/// Jobs that have got a place, with what is to be done for each.
pub(super) type Admitted = Vec<(Arc<dyn Work>, Call)>;

impl JobQueue {
    pub(super) fn new(most: usize, limit: usize) -> Self {
        JobQueue {
            queued: BTreeMap::new(),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            places: most.saturating_add(limit),
            most,
            threads: 0,
            is_coming: false,
            sleepers: Vec::new(),
            leaving: 0,
            is_closed: false,
        }
    }

    /// Lets a job in, or lets it wait for a place, if it can.
    pub(super) fn enter(&mut self, job: Arc<dyn Work>, can_wait: bool) -> Admission {
        if self.is_closed {
            return Admission::Closed;
        }
        if self.has_place() {
            self.queued.insert(job.number(), job);
            return Admission::Placed(self.call());
        }
        if !can_wait {
            return Admission::Full;
        }
        self.waiting.insert(job.number(), job);
        Admission::Waits
    }

    fn has_place(&self) -> bool {
        self.queued.len() + self.running.len() < self.places
    }

    /// Decides who comes for one more job.
    fn call(&mut self) -> Call {
        if self.is_coming {
            return Call::None;
        }
        if let Some(sleeper) = self.sleepers.pop() {
            self.is_coming = true;
            return Call::IdleThread(sleeper);
        }
        if self.threads == self.most {
            return Call::None;
        }
        self.is_coming = true;
        self.threads += 1;
        Call::NewThread
    }

    /// Gives a thread that has come its job, if that is still there, and calls another for those behind it.
    pub(super) fn arrive(&mut self) -> Option<(Arc<dyn Work>, Call)> {
        self.is_coming = false;
        let job = self.next()?;
        let call = if self.queued.is_empty() { Call::None } else { self.call() };
        Some((job, call))
    }

    /// Puts a thread to sleep.
    pub(super) fn add_idle(&mut self, sleeper: &Arc<IdleThread>) {
        self.sleepers.push(Arc::clone(sleeper));
    }

    /// Takes a thread out of those that sleep; `false` if it has been called.
    pub(super) fn remove_idle(&mut self, sleeper: &Arc<IdleThread>) -> bool {
        let place = self.sleepers.iter().rposition(|other| Arc::ptr_eq(other, sleeper));
        place.map(|place| self.sleepers.remove(place)).is_some()
    }

    /// Takes out all that sleep, to be called.
    pub(super) fn call_all(&mut self) -> Vec<Arc<IdleThread>> {
        mem::take(&mut self.sleepers)
    }

    pub(super) fn idle(&self) -> usize {
        self.sleepers.len()
    }

    /// Gives the places that are free to those who have waited longest.
    fn admit(&mut self) -> Admitted {
        let mut admitted = Vec::new();
        while self.has_place()
            && let Some((number, job)) = self.waiting.pop_first()
        {
            self.queued.insert(number, Arc::clone(&job));
            admitted.push((job, self.call()));
        }
        admitted
    }

    /// Takes the next job, to be run.
    pub(super) fn next(&mut self) -> Option<Arc<dyn Work>> {
        let (number, job) = self.queued.pop_first()?;
        self.running.insert(number, Arc::clone(job.record()));
        Some(job)
    }

    /// Notes that a job was run, and gives its place away.
    pub(super) fn finish(&mut self, number: u64) -> Admitted {
        self.running.remove(&number);
        self.admit()
    }

    /// Takes a job out that was given up, and gives its place away.
    pub(super) fn give_up(&mut self, number: u64) -> (Option<Arc<dyn Work>>, Admitted) {
        if let Some(job) = self.waiting.remove(&number) {
            return (Some(job), Vec::new());
        }
        let job = self.queued.remove(&number);
        (job, self.admit())
    }

    pub(super) fn is_waiting(&self, number: u64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// Takes nothing any more; hands out those that wait for a place.
    pub(super) fn close(&mut self) -> Vec<Arc<dyn Work>> {
        self.is_closed = true;
        mem::take(&mut self.waiting).into_values().collect()
    }

    /// Hands out everything that nobody runs.
    pub(super) fn clear(&mut self) -> Vec<Arc<dyn Work>> {
        let queued = mem::take(&mut self.queued).into_values();
        queued.chain(mem::take(&mut self.waiting).into_values()).collect()
    }

    /// Notes that a thread could not be started. If there is no other, nobody will ever come for the jobs: those
    /// are handed out. If one has fallen asleep meanwhile, it is to be called.
    pub(super) fn lose_thread(&mut self) -> (Vec<Arc<dyn Work>>, Option<Arc<IdleThread>>) {
        self.is_coming = false;
        self.threads -= 1;
        if self.threads == 0 {
            return (self.clear(), None);
        }
        let sleeper = if self.queued.is_empty() { None } else { self.sleepers.pop() };
        self.is_coming = sleeper.is_some();
        (Vec::new(), sleeper)
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = &Arc<JobRecord>> {
        self.running.values()
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

//! The queue of a pool, and the count of its threads: plain data, used under a lock.
//!
//! Jobs are numbered, and served in that order. There is a slot for each possible thread, and as many more as the
//! limit allows; a job without a slot waits for one, if its caller can wait.

use std::collections::BTreeMap;
use std::hint;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::blocking::record::JobRecord;
use crate::blocking::work::Work;
use crate::machine::{Instant, real_time_since};

pub(super) struct JobQueue {
    /// Jobs that have a slot and wait for a thread.
    queued: BTreeMap<u64, Arc<dyn Work>>,
    /// Jobs that wait for a slot. There are none while a slot is free.
    waiting: BTreeMap<u64, Arc<dyn Work>>,
    running: BTreeMap<u64, Arc<JobRecord>>,
    /// The number of slots: how many jobs may be queued or running.
    slots: usize,
    /// The maximum number of threads.
    max_threads: usize,
    /// The number of threads, including those that are being started.
    pub(super) threads: usize,
    /// A thread was called or is being started, and has not arrived yet. When it arrives, it calls the next one if
    /// jobs are left: short jobs finish sooner than a thread arrives. This is always set while a job is queued and a
    /// thread could be called.
    is_coming: bool,
    /// Idle threads. The last one is called first: it was awake most recently, and those at the bottom sleep until
    /// they end.
    sleepers: Vec<Arc<IdleThread>>,
    /// How many threads wait, inside of a job, for the others to end.
    pub(super) leaving: usize,
    /// No more jobs are accepted.
    pub(super) is_closed: bool,
}

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub(super) struct IdleThread {
    thread: Thread,
    is_called: AtomicBool,
}

impl IdleThread {
    /// The current thread.
    pub(super) fn here() -> Arc<Self> {
        Arc::new(IdleThread { thread: thread::current(), is_called: AtomicBool::new(false) })
    }

    /// Wakes it. Must be called once, after it was taken out of the idle threads, with the lock released.
    pub(super) fn call(&self) {
        self.is_called.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Returns whether it was called since this last returned `true`.
    pub(super) fn was_called(&self) -> bool {
        self.is_called.load(Ordering::Acquire) && self.is_called.swap(false, Ordering::Acquire)
    }

    /// Spins until it is called, at most until `length` after `since`; returns whether it was called.
    pub(super) fn watch(&self, since: Instant, length: Duration) -> bool {
        while !self.was_called() {
            if real_time_since(since) >= length {
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

/// Whether a job was accepted.
#[derive(Debug)]
pub(super) enum EnterOutcome {
    /// It has a slot; this thread must be called for it.
    HasSlot(Call),
    /// It waits for a slot.
    Waits,
    Full,
    Closed,
}

/// The thread that must be called for a job.
#[derive(Debug)]
pub(super) enum Call {
    /// None: all are busy or a call is in flight, and the first one that is free takes the job.
    None,
    /// An idle thread.
    IdleThread(Arc<IdleThread>),
    /// A new thread, which is counted already.
    NewThread,
}

/// Jobs that were given a slot, each with the thread that must be called for it.
pub(super) type AdmittedJobs = Vec<(Arc<dyn Work>, Call)>;

impl JobQueue {
    pub(super) fn new(max_threads: usize, limit: usize) -> Self {
        JobQueue {
            queued: BTreeMap::new(),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            slots: max_threads.saturating_add(limit),
            max_threads,
            threads: 0,
            is_coming: false,
            sleepers: Vec::new(),
            leaving: 0,
            is_closed: false,
        }
    }

    /// Gives a job a slot; if none is free, queues it for one if `can_wait`.
    pub(super) fn enter(&mut self, job: Arc<dyn Work>, can_wait: bool) -> EnterOutcome {
        if self.is_closed {
            return EnterOutcome::Closed;
        }
        if self.has_slot() {
            self.queued.insert(job.number(), job);
            return EnterOutcome::HasSlot(self.call());
        }
        if !can_wait {
            return EnterOutcome::Full;
        }
        self.waiting.insert(job.number(), job);
        EnterOutcome::Waits
    }

    fn has_slot(&self) -> bool {
        self.queued.len() + self.running.len() < self.slots
    }

    /// Picks the thread to call for one more job.
    fn call(&mut self) -> Call {
        if self.is_coming {
            return Call::None;
        }
        if let Some(sleeper) = self.sleepers.pop() {
            self.is_coming = true;
            return Call::IdleThread(sleeper);
        }
        if self.threads == self.max_threads {
            return Call::None;
        }
        self.is_coming = true;
        self.threads += 1;
        Call::NewThread
    }

    /// Gives a thread that has arrived a job, if one is left, and picks another thread to call for the jobs behind it.
    pub(super) fn arrive(&mut self) -> Option<(Arc<dyn Work>, Call)> {
        self.is_coming = false;
        let job = self.next()?;
        let call = if self.queued.is_empty() { Call::None } else { self.call() };
        Some((job, call))
    }

    /// Adds a thread to the idle ones.
    pub(super) fn add_idle(&mut self, sleeper: &Arc<IdleThread>) {
        self.sleepers.push(Arc::clone(sleeper));
    }

    /// Takes a thread out of the idle ones; `false` if it has been called.
    pub(super) fn remove_idle(&mut self, sleeper: &Arc<IdleThread>) -> bool {
        let index = self.sleepers.iter().rposition(|other| Arc::ptr_eq(other, sleeper));
        index.map(|index| self.sleepers.remove(index)).is_some()
    }

    /// Takes out all idle threads, to be called.
    pub(super) fn call_all(&mut self) -> Vec<Arc<IdleThread>> {
        mem::take(&mut self.sleepers)
    }

    pub(super) fn idle(&self) -> usize {
        self.sleepers.len()
    }

    /// Gives the free slots to the jobs that have waited longest.
    fn admit(&mut self) -> AdmittedJobs {
        let mut admitted = Vec::new();
        while self.has_slot()
            && let Some((number, job)) = self.waiting.pop_first()
        {
            self.queued.insert(number, Arc::clone(&job));
            admitted.push((job, self.call()));
        }
        admitted
    }

    /// Takes the next job, to run it.
    pub(super) fn next(&mut self) -> Option<Arc<dyn Work>> {
        let (number, job) = self.queued.pop_first()?;
        self.running.insert(number, Arc::clone(job.record()));
        Some(job)
    }

    /// Removes a job that has run, and gives its slot away.
    pub(super) fn finish(&mut self, number: u64) -> AdmittedJobs {
        self.running.remove(&number);
        self.admit()
    }

    /// Removes a job that was aborted, and gives its slot away.
    pub(super) fn give_up(&mut self, number: u64) -> (Option<Arc<dyn Work>>, AdmittedJobs) {
        if let Some(job) = self.waiting.remove(&number) {
            return (Some(job), Vec::new());
        }
        let job = self.queued.remove(&number);
        (job, self.admit())
    }

    pub(super) fn is_waiting(&self, number: u64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// Accepts no more jobs; returns those that wait for a slot.
    pub(super) fn close(&mut self) -> Vec<Arc<dyn Work>> {
        self.is_closed = true;
        mem::take(&mut self.waiting).into_values().collect()
    }

    /// Removes and returns all jobs that are not running.
    pub(super) fn clear(&mut self) -> Vec<Arc<dyn Work>> {
        let queued = mem::take(&mut self.queued).into_values();
        queued.chain(mem::take(&mut self.waiting).into_values()).collect()
    }

    /// Records that a thread could not be started. If it was the only one, no thread will ever take the jobs, so they
    /// are returned. If another one has become idle in the meantime, it is returned, and must be called.
    pub(super) fn thread_failed(&mut self) -> (Vec<Arc<dyn Work>>, Option<Arc<IdleThread>>) {
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

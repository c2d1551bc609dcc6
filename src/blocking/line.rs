//! The queue of a pool, and the count of its threads: plain data, to be used under a lock.
//!
//! Jobs have numbers, and are served in that order. As many as there may be threads, and so many more as the limit
//! allows, have a place; whoever can wait for one waits behind.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use crate::blocking::job::Work;
use crate::kernel::Record;

pub(super) struct Line {
    /// Jobs that have a place and wait for a thread.
    queued: BTreeMap<u64, Arc<dyn Work>>,
    /// Jobs that wait for a place. There are none while a place is free.
    waiting: BTreeMap<u64, Arc<dyn Work>>,
    running: BTreeMap<u64, Arc<Record>>,
    /// How many jobs may be queued or running.
    places: usize,
    /// How many threads there may be.
    most: usize,
    /// How many there are, those included that are being started.
    pub(super) threads: usize,
    /// How many of them sleep.
    pub(super) idle: usize,
    /// How many of those have been called, and have not woken yet.
    pub(super) called: usize,
    /// How many are waiting, inside of a job, for the end of the others.
    pub(super) leaving: usize,
    /// Nothing is taken any more.
    pub(super) is_closed: bool,
}

/// What has become of a job at the entrance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It has a place; this is to be done for it.
    Placed(Call),
    /// It waits for one.
    Waits,
    Full,
    Closed,
}

/// Who is to be called for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Nobody: all are busy, and whoever is free first takes it.
    Nobody,
    /// One that sleeps.
    Sleeper,
    /// A new thread, which is counted already.
    NewThread,
}

/// Jobs that have got a place, with what is to be done for each.
pub(super) type Admitted = Vec<(Arc<dyn Work>, Call)>;

impl Line {
    pub(super) fn new(most: usize, limit: usize) -> Self {
        Line {
            queued: BTreeMap::new(),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            places: most.saturating_add(limit),
            most,
            threads: 0,
            idle: 0,
            called: 0,
            leaving: 0,
            is_closed: false,
        }
    }

    /// Lets a job in, or lets it wait for a place, if it can.
    pub(super) fn enter(&mut self, job: Arc<dyn Work>, can_wait: bool) -> Entered {
        if self.is_closed {
            return Entered::Closed;
        }
        if self.has_place() {
            self.queued.insert(job.number(), job);
            return Entered::Placed(self.call());
        }
        if !can_wait {
            return Entered::Full;
        }
        self.waiting.insert(job.number(), job);
        Entered::Waits
    }

    fn has_place(&self) -> bool {
        self.queued.len() + self.running.len() < self.places
    }

    /// Decides who comes for one more job.
    fn call(&mut self) -> Call {
        if self.idle > self.called {
            self.called += 1;
            Call::Sleeper
        } else if self.threads < self.most {
            self.threads += 1;
            Call::NewThread
        } else {
            Call::Nobody
        }
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

    /// Notes that a thread has gone, or could not be started. Hands out the jobs that are stranded: if there is
    /// no thread any more, nobody will ever come for them.
    pub(super) fn lose_thread(&mut self) -> Vec<Arc<dyn Work>> {
        self.threads -= 1;
        if self.threads == 0 { self.clear() } else { Vec::new() }
    }

    /// Returns whether no job is waiting for a thread.
    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = &Arc<Record>> {
        self.running.values()
    }

    /// Returns whether no thread is left but those that wait for this very moment.
    pub(super) fn is_deserted(&self) -> bool {
        self.threads <= self.leaving
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

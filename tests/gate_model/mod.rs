//! A model of `sync::gate`, for every primitive that counts permits: a FIFO queue and a number of free permits. A
//! driver applies random operations to the model and the primitive, and compares them after each.
#![allow(dead_code, reason = "each test program uses only a part of it")]

pub(crate) mod foreign;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

/// A primitive under test.
pub(crate) trait Subject {
    /// Waits for `wanted` permits. The output is `None` if the primitive was closed.
    fn ask(&self, wanted: u32) -> Asked<'_>;

    fn try_ask(&self, wanted: u32) -> Option<Box<dyn Pass + '_>>;

    /// The output of `Debug`.
    fn show(&self) -> String;

    /// The number of free permits, if the primitive exposes it.
    fn free(&self) -> Option<u32> {
        None
    }

    fn add(&self, _permits: u32) {
        unreachable!("its number of permits is fixed")
    }

    fn remove(&self, _permits: u32) -> u32 {
        unreachable!("its number of permits is fixed")
    }

    fn close(&self) {
        unreachable!("it cannot be closed")
    }
}

/// A wait.
pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Option<Box<dyn Pass + 'a>>> + 'a>>;

/// Held permits.
pub(crate) trait Pass {
    fn forget(self: Box<Self>) {
        unreachable!("it cannot be forgotten")
    }

    /// Releases all permits but one.
    fn keep_one<'a>(self: Box<Self>) -> Box<dyn Pass + 'a>
    where
        Self: 'a,
    {
        unreachable!("it cannot be split")
    }
}

/// One operation. A party's number wraps around at the number of parties.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Ask(u32),
    TryAsk(u32),
    /// A party, and which of its two wakers to use.
    Poll(usize, usize),
    /// Drops a party, at any stage.
    Drop(usize),
    Forget(usize),
    KeepOne(usize),
    Add(u32),
    Remove(u32),
    Close,
}

/// Requests, polls (some spurious) and drops, at any moment.
pub(crate) fn asking(wanted: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => wanted.clone().prop_map(Step::Ask),
        1 => wanted.prop_map(Step::TryAsk),
        6 => (0_usize..64, 0_usize..2).prop_map(|(which, waker)| Step::Poll(which, waker)),
        4 => (0_usize..64).prop_map(Step::Drop),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not polled yet.
    Fresh,
    Waiting,
    /// Owns its permits, and has not been polled since.
    Granted,
    /// The primitive was closed, and the wait has not been polled since.
    Refused,
    Held,
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One wait, then its permits, with the model's record of it.
struct Party<'a> {
    number: usize,
    wanted: u32,
    stage: Stage,
    asked: Option<Asked<'a>>,
    pass: Option<Box<dyn Pass + 'a>>,
    bells: [Arc<Bell>; 2],
    /// The index of the bell it was last polled with.
    last: usize,
    /// How often each bell should have rung.
    rings: [usize; 2],
}

/// The queue, and the parties: waiting, or holding permits.
struct Model<'a> {
    subject: &'a dyn Subject,
    free: u32,
    is_closed: bool,
    queue: VecDeque<usize>,
    parties: Vec<Party<'a>>,
    created: usize,
}

/// Applies the steps to the subject, which has this many permits, and compares it with the model after each.
pub(crate) fn check(subject: &dyn Subject, permits: u32, steps: &[Step]) {
    let (queue, parties) = (VecDeque::new(), Vec::new());
    let mut model = Model { subject, free: permits, is_closed: false, queue, parties, created: 0 };
    for step in steps {
        model.step(step);
        model.compare();
    }
    while !model.parties.is_empty() {
        model.drop_party(0);
        model.compare();
    }
    let (free, is_closed) = (model.free, model.is_closed);
    assert_eq!(subject.try_ask(free).is_some(), !is_closed, "all permits were returned");
}

impl<'a> Model<'a> {
    fn step(&mut self, step: &Step) {
        let count = self.parties.len();
        match *step {
            Step::Ask(wanted) => self.enter(wanted),
            Step::TryAsk(wanted) => self.try_enter(wanted),
            Step::Add(permits) => {
                self.subject.add(permits);
                self.free += permits;
                self.serve();
            }
            Step::Remove(permits) => {
                let removed = permits.min(self.free);
                assert_eq!(self.subject.remove(permits), removed);
                self.free -= removed;
            }
            Step::Close => self.close(),
            _ if count == 0 => {}
            Step::Poll(which, waker) => self.poll(which % count, waker),
            Step::Drop(which) => self.drop_party(which % count),
            Step::Forget(which) => {
                if let Some(pass) = self.parties[which % count].pass.take() {
                    pass.forget();
                    self.parties.remove(which % count);
                }
            }
            Step::KeepOne(which) => {
                let party = &mut self.parties[which % count];
                if party.wanted > 1
                    && let Some(pass) = party.pass.take()
                {
                    party.pass = Some(pass.keep_one());
                    self.free += party.wanted - 1;
                    party.wanted = 1;
                    self.serve();
                }
            }
        }
    }

    fn party(&mut self, wanted: u32) -> Party<'a> {
        self.created += 1;
        Party {
            number: self.created,
            wanted,
            stage: Stage::Fresh,
            asked: None,
            pass: None,
            bells: [(); 2].map(|()| Arc::default()),
            last: 0,
            rings: [0; 2],
        }
    }

    fn enter(&mut self, wanted: u32) {
        let asked = Some(self.subject.ask(wanted));
        let party = Party { asked, ..self.party(wanted) };
        self.parties.push(party);
    }

    fn try_enter(&mut self, wanted: u32) {
        let is_granted = !self.is_closed && self.queue.is_empty() && wanted <= self.free;
        let pass = self.subject.try_ask(wanted);
        assert_eq!(pass.is_some(), is_granted);
        if pass.is_some() {
            self.free -= wanted;
            let party = Party { pass, stage: Stage::Held, ..self.party(wanted) };
            self.parties.push(party);
        }
    }

    fn poll(&mut self, which: usize, waker: usize) {
        let is_next = self.queue.is_empty();
        let party = &mut self.parties[which];
        let Some(asked) = &mut party.asked else { return };
        let bell = Waker::from(Arc::clone(&party.bells[waker]));
        let poll = asked.as_mut().poll(&mut Context::from_waker(&bell));
        if party.stage == Stage::Fresh {
            party.stage = if self.is_closed {
                Stage::Refused
            } else if is_next && party.wanted <= self.free {
                self.free -= party.wanted;
                Stage::Granted
            } else {
                self.queue.push_back(party.number);
                Stage::Waiting
            };
        }
        party.last = waker;
        match (party.stage, poll) {
            (Stage::Waiting, Poll::Pending) => {}
            (Stage::Granted, Poll::Ready(Some(pass))) => {
                (party.asked, party.pass, party.stage) = (None, Some(pass), Stage::Held);
            }
            (Stage::Refused, Poll::Ready(None)) => drop(self.parties.remove(which)),
            (stage, poll) => {
                let seen = poll.map(|pass| pass.is_some());
                panic!("#{} should be {stage:?} and was {seen:?}", party.number);
            }
        }
    }

    fn drop_party(&mut self, which: usize) {
        let party = self.parties.remove(which);
        let (number, wanted, stage) = (party.number, party.wanted, party.stage);
        drop(party.asked);
        drop(party.pass);
        match stage {
            Stage::Waiting => self.queue.retain(|&waiting| waiting != number),
            Stage::Granted | Stage::Held => self.free += wanted,
            Stage::Fresh | Stage::Refused => {}
        }
        self.serve();
        // Its bells are no longer compared: a party that was dropped is not rung again.
        let held: usize = party.bells.iter().map(|bell| Arc::strong_count(bell) - 1).sum();
        assert_eq!(held, 0, "a waker was kept");
    }

    fn serve(&mut self) {
        while let Some(&first) = self.queue.front() {
            let party = self.parties.iter_mut().find(|party| party.number == first);
            let party = party.expect("a party in the queue exists");
            if party.wanted > self.free {
                return;
            }
            self.free -= party.wanted;
            (party.stage, party.rings[party.last]) = (Stage::Granted, party.rings[party.last] + 1);
            self.queue.pop_front();
        }
    }

    fn close(&mut self) {
        self.subject.close();
        self.is_closed = true;
        self.queue.clear();
        for party in self.parties.iter_mut().filter(|party| party.stage == Stage::Waiting) {
            (party.stage, party.rings[party.last]) = (Stage::Refused, party.rings[party.last] + 1);
        }
    }

    fn compare(&self) {
        if let Some(free) = self.subject.free() {
            assert_eq!(free, self.free);
        }
        for party in &self.parties {
            let rings = party.bells.each_ref().map(|bell| bell.0.load(Ordering::Relaxed));
            assert_eq!(rings, party.rings, "#{} is {:?}", party.number, party.stage);
        }
    }
}

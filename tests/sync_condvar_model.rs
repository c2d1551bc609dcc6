//! Random programs with a condition variable: polled by hand against a model, and as tasks under random schedules,
//! where no produced item may be left while a consumer waits for one.

mod folded;
mod probe;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use turnwise::sync::{Condvar, Mutex, MutexGuard};
use turnwise::{JoinHandle, Policy, Scheduler, yield_now};

use folded::Recorded;
use probe::{Count, Rings, Token, poll_with};

/// One operation. The numbers of parties wrap around.
#[derive(Clone, Debug)]
enum Step {
    /// Asks for the lock.
    Ask,
    /// A party that has the lock creates a wait with it.
    Wait(usize),
    Poll(usize),
    /// At any stage.
    Drop(usize),
    NotifyOne,
    NotifyAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Ask),
        6 => (0_usize..64).prop_map(Step::Wait),
        12 => (0_usize..64).prop_map(Step::Poll),
        4 => (0_usize..64).prop_map(Step::Drop),
        2 => Just(Step::NotifyOne),
        2 => Just(Step::NotifyAll),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not polled yet: will ask for the lock.
    Asks,
    /// Not polled yet: has the lock, and will wait.
    Starts,
    /// Waits for a notification, and started after this many of them.
    Waits(usize),
    Notified,
    /// In the queue for the lock.
    Locks,
    /// Owns the lock, and has not been polled since.
    Granted,
    Holds,
}

type Locking<'a> = Pin<Box<dyn Future<Output = MutexGuard<'a, Token>> + 'a>>;

struct Party<'a> {
    number: usize,
    stage: Stage,
    /// It was notified by `notify_one`, so it must pass the notification on if it is dropped.
    owes: bool,
    future: Option<Locking<'a>>,
    guard: Option<MutexGuard<'a, Token>>,
    bell: Arc<Rings>,
    waker: std::task::Waker,
    rings: usize,
}

/// The mutex and the condvar, what the model has recorded about them, and the parties.
struct Model<'a> {
    mutex: &'a Mutex<Token>,
    condvar: &'a Condvar,
    is_locked: bool,
    /// The parties in the queue for the lock, and those that wait for a notification.
    queue: VecDeque<usize>,
    waiting: VecDeque<usize>,
    calls: usize,
    parties: Vec<Party<'a>>,
    created: usize,
}

impl<'a> Model<'a> {
    fn step(&mut self, step: &Step) {
        let count = self.parties.len();
        match *step {
            Step::Ask => self.ask(),
            Step::NotifyOne => {
                self.condvar.notify_one();
                self.calls += 1;
                self.notify(true);
            }
            Step::NotifyAll => {
                self.condvar.notify_all();
                self.calls += 1;
                while self.notify(false) {}
            }
            _ if count == 0 => {}
            Step::Wait(which) => {
                let party = &mut self.parties[which % count];
                if let Some(guard) = party.guard.take() {
                    party.future = Some(Box::pin(self.condvar.wait(guard)));
                    party.stage = Stage::Starts;
                }
            }
            Step::Poll(which) => self.poll(which % count),
            Step::Drop(which) => self.leave(which % count),
        }
    }

    fn ask(&mut self) {
        let (bell, waker) = Rings::new();
        self.created += 1;
        self.parties.push(Party {
            number: self.created,
            stage: Stage::Asks,
            owes: false,
            future: Some(Box::pin(self.mutex.lock())),
            guard: None,
            bell,
            waker,
            rings: 0,
        });
    }

    fn party(&mut self, number: usize) -> &mut Party<'a> {
        let party = self.parties.iter_mut().find(|party| party.number == number);
        party.expect("a party that has left is in no list")
    }

    /// Notifies the party that has waited longest.
    fn notify(&mut self, owes: bool) -> bool {
        let Some(first) = self.waiting.pop_front() else { return false };
        let party = self.party(first);
        (party.stage, party.owes) = (Stage::Notified, owes);
        party.rings += 1;
        true
    }

    fn unlock(&mut self) {
        self.is_locked = false;
        if let Some(next) = self.queue.pop_front() {
            self.is_locked = true;
            let party = self.party(next);
            party.stage = Stage::Granted;
            party.rings += 1;
        }
    }

    fn poll(&mut self, which: usize) {
        let party = &mut self.parties[which];
        let Some(future) = &mut party.future else { return };
        let poll = poll_with(future, &party.waker);
        match party.stage {
            Stage::Asks | Stage::Notified if self.is_locked => {
                party.stage = Stage::Locks;
                self.queue.push_back(party.number);
            }
            Stage::Asks | Stage::Notified => {
                self.is_locked = true;
                party.stage = Stage::Granted;
            }
            Stage::Starts => {
                party.stage = Stage::Waits(self.calls);
                self.waiting.push_back(party.number);
                self.unlock();
            }
            Stage::Waits(_) | Stage::Locks | Stage::Granted | Stage::Holds => {}
        }
        let party = &mut self.parties[which];
        match (party.stage, poll) {
            (Stage::Waits(_) | Stage::Locks, Poll::Pending) => {}
            (Stage::Granted, Poll::Ready(guard)) => {
                (party.future, party.guard) = (None, Some(guard));
                (party.stage, party.owes) = (Stage::Holds, false);
            }
            (stage, poll) => panic!("{stage:?}, and ready: {}", poll.is_ready()),
        }
    }

    fn leave(&mut self, which: usize) {
        let Party { number, stage, owes, future, guard, .. } = self.parties.remove(which);
        drop(future);
        drop(guard);
        self.queue.retain(|&other| other != number);
        self.waiting.retain(|&other| other != number);
        if matches!(stage, Stage::Starts | Stage::Granted | Stage::Holds) {
            self.unlock();
        }
        let calls = self.calls;
        if owes
            && let Some(&first) = self.waiting.front()
            && matches!(self.party(first).stage, Stage::Waits(since) if since < calls)
        {
            self.notify(true);
        }
    }

    fn compare(&self) {
        assert_eq!(self.mutex.is_locked(), self.is_locked);
        for party in &self.parties {
            assert_eq!(party.bell.get(), party.rings, "#{} {:?}", party.number, party.stage);
        }
    }
}

fn check(steps: &[Step], mutex: &Mutex<Token>) {
    let condvar = Condvar::new();
    let mut model = Model {
        mutex,
        condvar: &condvar,
        is_locked: false,
        queue: VecDeque::new(),
        waiting: VecDeque::new(),
        calls: 0,
        parties: Vec::new(),
        created: 0,
    };
    for step in steps {
        model.step(step);
        model.compare();
    }
    while !model.parties.is_empty() {
        model.leave(0);
        model.compare();
    }
    assert!(!mutex.is_locked());
}

/// Consumers take one item each, producers add some, and some of the consumers are aborted.
fn consume(seed: u64, consumers: usize, batches: &[usize], aborts: &[usize]) {
    let (builder, recorded) = Recorded::attach(Scheduler::builder().policy(Policy::Random(seed)));
    let scheduler = builder.build();
    let shared = Rc::new((Mutex::new(0), Condvar::new()));
    let taken = Count::default();
    let waits: Vec<JoinHandle<()>> = (0..consumers)
        .map(|_| {
            let (shared, taken) = (Rc::clone(&shared), taken.clone());
            scheduler.spawn(async move {
                let guard = shared.0.lock().await;
                let mut items = shared.1.wait_while(guard, |items| *items == 0).await;
                *items -= 1;
                taken.add();
                yield_now().await;
            })
        })
        .collect();
    for &batch in batches {
        let shared = Rc::clone(&shared);
        scheduler.spawn(async move {
            for _ in 0..batch {
                *shared.0.lock().await += 1;
                shared.1.notify_one();
            }
            yield_now().await;
        });
    }
    for &abort in aborts {
        for _ in 0..abort % 7 {
            scheduler.step();
            recorded.check(&scheduler);
        }
        waits[abort % consumers].abort();
    }
    scheduler.run_until_stalled();
    let left = *shared.0.try_lock().expect("no task is running");
    assert_eq!(taken.get() + left, batches.iter().sum::<usize>());
    let waiting = waits.iter().filter(|task| !task.is_finished()).count();
    assert!(
        left == 0 || waiting == 0,
        "{left} items are left, and {waiting} consumers wait for one"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_model_does(steps in prop::collection::vec(step(), 0..150)) {
        let drops = Count::default();
        let mutex = Mutex::new(drops.token());
        check(&steps, &mutex);
        prop_assert_eq!(drops.get(), 0);
        drop(mutex);
        prop_assert_eq!(drops.get(), 1);
    }

    #[test]
    fn no_item_is_left_while_a_consumer_waits(
        seed in any::<u64>(),
        consumers in 1_usize..12,
        batches in prop::collection::vec(0_usize..5, 0..5),
        aborts in prop::collection::vec(0_usize..100, 0..8),
    ) {
        consume(seed, consumers, &batches, &aborts);
    }
}

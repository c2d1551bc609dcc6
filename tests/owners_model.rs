//! The owners that a snapshot shows, against a plain list: tasks acquire, hand on, take over and give back permits, and
//! create, use and drop senders, and end while others still have what they acquired.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use folded::Recorded;
use proptest::prelude::*;
use turnwise::Scheduler;
use turnwise::channel::mpsc;
use turnwise::scheduler::WaitsFor;
use turnwise::sync::{Notify, OwnedSemaphorePermit, Semaphore};

const TASKS: usize = 4;
const PERMITS: usize = 6;

/// What a task does in a step. Numbers are taken modulo the number of what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire,
    TakeOver(usize),
    GiveBack(usize),
    Clone(usize),
    Send(usize),
    DropSender(usize),
    End,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let number = || 0..8_usize;
    let step = prop_oneof![
        4 => Just(Step::Acquire),
        3 => number().prop_map(Step::TakeOver),
        2 => number().prop_map(Step::GiveBack),
        3 => number().prop_map(Step::Clone),
        4 => number().prop_map(Step::Send),
        2 => number().prop_map(Step::DropSender),
        1 => Just(Step::End),
    ];
    (0..TASKS, step)
}

/// What is passed from task to task, each with the number of the task that owns it: for a sender, that is the one that
/// has used it, if any has.
#[derive(Default)]
struct Shared {
    permits: RefCell<Vec<(OwnedSemaphorePermit, usize)>>,
    senders: RefCell<Vec<(mpsc::UnboundedSender<u32>, usize, bool)>>,
}

impl Shared {
    /// Does a step in the current task, which has this number.
    fn act(&self, slots: &Rc<Semaphore>, step: Step, task: usize) {
        let (mut permits, mut senders) = (self.permits.borrow_mut(), self.senders.borrow_mut());
        match step {
            Step::Acquire => {
                let permit = Rc::clone(slots).try_acquire_owned();
                permits.extend(permit.ok().map(|permit| (permit, task)));
            }
            Step::TakeOver(number) if !permits.is_empty() => {
                let number = number % permits.len();
                permits[number].0.take_over();
                permits[number].1 = task;
            }
            Step::GiveBack(number) if !permits.is_empty() => {
                let number = number % permits.len();
                drop(permits.remove(number));
            }
            Step::Clone(number) if !senders.is_empty() => {
                let number = number % senders.len();
                let clone = senders[number].0.clone();
                senders.push((clone, task, false));
            }
            Step::Send(number) if !senders.is_empty() => {
                let number = number % senders.len();
                senders[number].0.send(1).unwrap();
                (senders[number].1, senders[number].2) = (task, true);
            }
            Step::DropSender(number) if senders.len() > 1 => {
                let number = number % senders.len();
                senders.remove(number);
            }
            _ => {}
        }
    }
}

/// An owner: the number of the task, whether it has finished, and whether it has only created what it owns.
type Seen = BTreeSet<(usize, bool, bool)>;

fn owners(waits: &[WaitsFor]) -> Seen {
    let [WaitsFor::Resource { owners, .. }] = waits else { panic!("one wait, not {waits:?}") };
    let number = |id: u64| usize::try_from(id).unwrap() - 1;
    let owners = owners.iter();
    owners
        .map(|owner| (number(owner.task.id.as_u64()), owner.has_finished, owner.is_creator_only()))
        .collect()
}

fn check(steps: &[(usize, Step)]) {
    let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
    let (scheduler, shared) = (builder.build(), Rc::new(Shared::default()));
    let slots = Rc::new(Semaphore::new(PERMITS));
    let orders: Vec<Rc<(Notify, Cell<Option<Step>>)>> = (0..TASKS).map(|_| Rc::default()).collect();
    let (sender, mut receiver) = mpsc::unbounded();
    shared.senders.borrow_mut().push((sender, TASKS, true)); // It belongs to no task.
    for (task, order) in orders.iter().enumerate() {
        let (order, shared, slots) = (Rc::clone(order), Rc::clone(&shared), Rc::clone(&slots));
        scheduler.spawn(async move {
            loop {
                order.0.notified().await;
                match order.1.take() {
                    Some(Step::End) => return,
                    Some(step) => shared.act(&slots, step, task),
                    None => {}
                }
            }
        });
    }
    let reads = scheduler.spawn(async move { while receiver.recv().await.is_some() {} });
    scheduler.run_until_stalled();
    let mut has_ended = [false; TASKS];
    for &(task, step) in steps {
        orders[task].1.set(Some(step));
        orders[task].0.notify_one();
        scheduler.run_until_stalled();
        // A waiter at each check, since none acquires a permit while another one waits.
        let all = Rc::clone(&slots);
        let more = u32::try_from(PERMITS).unwrap() + 1;
        let waits = scheduler.spawn(async move { drop(all.acquire_many(more).await) });
        scheduler.run_until_stalled();
        has_ended[task] |= matches!(step, Step::End);
        recorded.check(&scheduler);
        let snapshot = scheduler.snapshot();
        let of = |id| snapshot.tasks.iter().find(|task| task.label.id == id).unwrap();
        let permits = shared.permits.borrow();
        let expected = permits.iter().map(|&(_, owner)| (owner, has_ended[owner], false));
        assert_eq!(owners(&of(waits.id()).waits), expected.collect::<Seen>());
        assert_eq!(permits.len() + slots.available_permits(), PERMITS);
        waits.abort();
        let senders = shared.senders.borrow();
        let of_tasks = senders.iter().filter(|&&(_, owner, _)| owner < TASKS);
        let expected = of_tasks.map(|&(_, owner, is_used)| (owner, has_ended[owner], !is_used));
        assert_eq!(owners(&of(reads.id()).waits), expected.collect::<Seen>());
    }
}

proptest! {
    #[test]
    fn owners_are_the_tasks_that_acquired_or_used_what_they_own_last(steps in prop::collection::vec(step(), 1..60)) {
        check(&steps);
    }
}

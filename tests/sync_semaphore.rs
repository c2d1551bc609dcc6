//! The semaphore: order, cancelled waits, the number of permits, and what reports say about it.

mod gate_model;
mod probe;
mod trace;

use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use turnwise::sync::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
use turnwise::time::now;
use turnwise::{JoinHandle, RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

use gate_model::{Asked, Pass, Step, Subject, foreign};
use probe::{Log, Rings, poll_with, text, virtual_time};

impl Pass for SemaphorePermit<'_> {
    fn forget(self: Box<Self>) {
        SemaphorePermit::forget(*self);
    }
}

impl Pass for OwnedSemaphorePermit {
    fn forget(self: Box<Self>) {
        OwnedSemaphorePermit::forget(*self);
    }
}

impl Subject for Semaphore {
    fn ask(&self, wanted: u32) -> Asked<'_> {
        let asked = self.acquire_many(wanted);
        asked.map(|permit| Some(Box::new(permit.ok()?) as Box<dyn Pass>)).boxed_local()
    }

    fn try_ask(&self, wanted: u32) -> Option<Box<dyn Pass + '_>> {
        Some(Box::new(self.try_acquire_many(wanted).ok()?))
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }

    fn free(&self) -> Option<u32> {
        u32::try_from(self.available_permits()).ok()
    }

    fn add(&self, permits: u32) {
        self.add_permits(permits as usize).expect("it is far from the limit");
    }

    fn remove(&self, permits: u32) -> u32 {
        u32::try_from(self.forget_permits(permits as usize)).expect("no more than were asked for")
    }

    fn close(&self) {
        Semaphore::close(self);
    }
}

/// The same semaphore, through the calls whose futures and permits own it.
struct Owned(Rc<Semaphore>);

impl Subject for Owned {
    fn ask(&self, wanted: u32) -> Asked<'_> {
        let asked = Rc::clone(&self.0).acquire_many_owned(wanted);
        asked.map(|permit| Some(Box::new(permit.ok()?) as Box<dyn Pass>)).boxed_local()
    }

    fn try_ask(&self, wanted: u32) -> Option<Box<dyn Pass + '_>> {
        Some(Box::new(Rc::clone(&self.0).try_acquire_many_owned(wanted).ok()?))
    }

    fn show(&self) -> String {
        self.0.show()
    }

    fn free(&self) -> Option<u32> {
        self.0.free()
    }

    fn add(&self, permits: u32) {
        self.0.add(permits);
    }

    fn remove(&self, permits: u32) -> u32 {
        self.0.remove(permits)
    }

    fn close(&self) {
        self.0.close();
    }
}

/// The report of a run that cannot make progress, with marks in place of the locations in this file.
fn stuck(future: impl Future<Output = ()>) -> String {
    let Err(RunError::Deadlock(report)) = Scheduler::new().try_block_on(future) else {
        panic!("expected a deadlock")
    };
    assert!(report.certain, "{report}");
    trace::with_marks(&report.to_string(), file!(), include_str!("sync_semaphore.rs"))
}

// ----- order -----

/// Five users of two permits, in the order in which asyncio serves them.
#[test]
fn users_enter_in_order_of_arrival_and_never_more_than_there_are_permits() {
    let log = Log::default();
    virtual_time().block_on(async {
        let slots = Rc::new(Semaphore::new(2));
        let start = now();
        let users = [("a", 3), ("b", 1), ("c", 1), ("d", 2), ("e", 1)].map(|(name, seconds)| {
            let (slots, log) = (Rc::clone(&slots), log.clone());
            spawn(async move {
                let _slot = slots.acquire().await.unwrap();
                log.note(format!("{} {name} enters", (now() - start).as_secs()));
                sleep(Duration::from_secs(seconds)).await;
                log.note(format!("{} {name} leaves", (now() - start).as_secs()));
            })
        });
        for user in users {
            user.await.unwrap();
        }
    });
    let expected = "0 a enters, 0 b enters, 1 b leaves, 1 c enters, 2 c leaves, 2 d enters, \
                    3 a leaves, 3 e enters, 4 d leaves, 4 e leaves";
    assert_eq!(log.take().join(", "), expected);
}

#[test]
fn available_permits_are_taken_in_the_same_turn() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.acquire_many(2).now_or_never().unwrap().unwrap();
    let one = semaphore.acquire().now_or_never().unwrap().unwrap();
    assert_eq!((two.num_permits(), one.num_permits(), semaphore.available_permits()), (2, 1, 0));
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert!(semaphore.try_acquire_many(0).is_ok());
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
}

// A class of faults: a wait for many permits was starved by waits for few, or never woken.
#[test]
fn a_wait_for_many_permits_holds_back_those_behind_it_and_is_served_first() {
    let semaphore = Semaphore::new(4);
    let mut held = Vec::from([(); 4].map(|()| semaphore.try_acquire().unwrap()));
    let mut many = semaphore.acquire_many(3);
    let mut few = [(); 3].map(|()| semaphore.acquire());
    assert!(poll_with(&mut many, Waker::noop()).is_pending());
    few.iter_mut().for_each(|few| assert!(poll_with(few, Waker::noop()).is_pending()));
    held.truncate(2);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    few.iter_mut().for_each(|few| assert!(poll_with(few, Waker::noop()).is_pending()));
    held.truncate(1);
    let poll = poll_with(&mut many, Waker::noop());
    assert!(poll.is_ready());
    few.iter_mut().for_each(|few| assert!(poll_with(few, Waker::noop()).is_pending()));
    drop(poll);
    few.iter_mut().for_each(|few| assert!(poll_with(few, Waker::noop()).is_ready()));
}

#[test]
fn a_wait_for_many_permits_that_gives_up_lets_those_behind_it_proceed_immediately() {
    let semaphore = Semaphore::new(2);
    let (rings, waker) = Rings::new();
    let mut many = semaphore.acquire_many(10);
    let mut few = [(); 3].map(|()| semaphore.acquire());
    assert!(poll_with(&mut many, Waker::noop()).is_pending());
    few.iter_mut().for_each(|few| assert!(poll_with(few, &waker).is_pending()));
    drop(many);
    assert_eq!(rings.get(), 2, "there are two permits for the three");
    let permits = few.map(|mut few| poll_with(&mut few, Waker::noop()));
    assert!(permits[0].is_ready() && permits[1].is_ready() && permits[2].is_pending());
}

// ----- giving up -----

// tokio#3644, tokio#3188: permits were lost, or a wait was never woken, when another was cancelled.
#[test]
fn permits_handed_to_a_dropped_wait_go_to_the_next() {
    let semaphore = Rc::new(Semaphore::new(2));
    let both = semaphore.try_acquire_many(2).unwrap();
    let mut second = semaphore.acquire_many(2);
    let mut third = Rc::clone(&semaphore).acquire_owned();
    let mut fourth = semaphore.acquire();
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert!(poll_with(&mut third, Waker::noop()).is_pending());
    assert!(poll_with(&mut fourth, Waker::noop()).is_pending());
    drop(both); // Now the second wait owns them,
    drop(second); // but is dropped before it is polled.
    assert!(poll_with(&mut fourth, Waker::noop()).is_ready());
    drop(third);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn ten_thousand_wait_and_the_half_that_is_not_cancelled_enters_in_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    Scheduler::new().block_on(async {
        let semaphore = Rc::new(Semaphore::new(3));
        let permit = semaphore.acquire_many(3).await.unwrap();
        let tasks: Vec<JoinHandle<()>> = (0..10_000)
            .map(|number| {
                let (semaphore, order) = (Rc::clone(&semaphore), Rc::clone(&order));
                spawn(async move {
                    let _permit = semaphore.acquire_owned().await.unwrap();
                    order.borrow_mut().push(number);
                    yield_now().await;
                })
            })
            .collect();
        yield_now().await;
        tasks.iter().step_by(4).for_each(JoinHandle::abort);
        yield_now().await;
        tasks.iter().skip(1).step_by(4).for_each(JoinHandle::abort);
        drop(permit);
        for task in tasks {
            drop(task.await);
        }
        assert_eq!(semaphore.available_permits(), 3);
    });
    let expected: Vec<i32> = (0..10_000).filter(|number| number % 4 > 1).collect();
    assert_eq!(*order.borrow(), expected);
}

// ----- how many there are -----

// tokio#8021, tokio#8260: the limit was not enforced, or could be exceeded silently.
#[test]
fn more_permits_than_the_maximum_are_an_error_and_held_ones_count() {
    const MAX: usize = Semaphore::MAX_PERMITS;
    let semaphore = Rc::new(Semaphore::new(MAX - 1));
    let held = semaphore.try_acquire_many(u32::try_from(MAX).unwrap() - 1).unwrap();
    let error = semaphore.add_permits(2).unwrap_err();
    assert_eq!(error.to_string(), "the semaphore would exceed its maximum of 2147483647 permits");
    assert_eq!(semaphore.add_permits(MAX).unwrap_err(), error);
    assert_eq!(semaphore.add_permits(usize::MAX).unwrap_err(), error);
    assert_eq!(semaphore.available_permits(), 0, "nothing was added in part");
    semaphore.add_permits(1).unwrap();
    assert!(semaphore.add_permits(1).is_err());
    // Permits no longer count once they are forgotten, in whichever way.
    Rc::clone(&semaphore).try_acquire_owned().unwrap().forget();
    semaphore.add_permits(1).unwrap();
    semaphore.try_acquire().unwrap().forget();
    semaphore.add_permits(1).unwrap();
    assert_eq!(semaphore.forget_permits(usize::MAX), 1);
    semaphore.add_permits(1).unwrap();
    assert!(semaphore.add_permits(1).is_err());
    drop(held);
    assert_eq!(semaphore.available_permits(), MAX);
    // A leaked permit is held forever.
    mem::forget(semaphore.try_acquire());
    assert!(semaphore.add_permits(1).is_err());
}

#[test]
fn acquiring_more_than_the_maximum_panics_in_the_call() {
    let semaphore = Rc::new(Semaphore::new(1));
    let too_many = u32::try_from(Semaphore::MAX_PERMITS).unwrap() + 1;
    let message =
        "a semaphore has at most 2147483647 permits; a wait for 2147483648 would never end";
    let asked = catch_unwind(AssertUnwindSafe(|| drop(semaphore.acquire_many(too_many))));
    assert_eq!(text(&*asked.unwrap_err()), message);
    let owned = Rc::clone(&semaphore);
    let asked = catch_unwind(AssertUnwindSafe(|| drop(owned.acquire_many_owned(too_many))));
    assert_eq!(text(&*asked.unwrap_err()), message);
    assert_eq!(semaphore.try_acquire_many(u32::MAX).unwrap_err(), TryAcquireError::NoPermits);
    let created = catch_unwind(|| Semaphore::new(too_many as usize));
    let message = "a semaphore has at most 2147483647 permits, not 2147483648";
    assert_eq!(text(&*created.unwrap_err()), message);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn added_permits_go_to_waiting_tasks() {
    block_on(async {
        let semaphore = Rc::new(Semaphore::new(0));
        let theirs = Rc::clone(&semaphore);
        let waits = spawn(async move { theirs.acquire_many(3).await.unwrap().forget() });
        yield_now().await;
        semaphore.add_permits(2).unwrap();
        assert_eq!(semaphore.available_permits(), 2);
        semaphore.add_permits(2).unwrap();
        assert_eq!(semaphore.available_permits(), 1);
        waits.await.unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

// ----- closing -----

#[test]
fn closing_ends_every_wait_but_leaves_permits_that_were_handed_over() {
    let semaphore = Rc::new(Semaphore::new(1));
    let permit = semaphore.try_acquire().unwrap();
    let mut second = semaphore.acquire();
    let mut third = Rc::clone(&semaphore).acquire_owned();
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert!(poll_with(&mut third, Waker::noop()).is_pending());
    drop(permit);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(second.now_or_never().unwrap().is_ok(), "it was handed over before");
    let error: AcquireError = third.now_or_never().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the semaphore is closed");
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    let owned = Rc::clone(&semaphore).try_acquire_owned();
    assert_eq!(owned.unwrap_err().to_string(), "the semaphore is closed");
    assert_eq!(semaphore.acquire().now_or_never().unwrap().unwrap_err(), error);
    let text = "Semaphore { permits: 1 of 1, is_closed: true }";
    assert_eq!(format!("{semaphore:?}"), text);
}

#[test]
fn a_future_that_owns_its_semaphore_keeps_it_alive_and_panics_if_polled_after_its_end() {
    let semaphore = Rc::new(Semaphore::new(0));
    let mut wait = Rc::clone(&semaphore).acquire_owned();
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    semaphore.add_permits(1).unwrap();
    drop(semaphore);
    let std::task::Poll::Ready(permit) = poll_with(&mut wait, Waker::noop()) else {
        panic!("a permit was added")
    };
    let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut wait, Waker::noop()).is_ready()));
    assert!(again.is_err());
    drop(wait);
    let permit = permit.unwrap();
    assert_eq!(permit.semaphore().available_permits(), 0);
    let semaphore = Rc::clone(permit.semaphore());
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

// ----- panics -----

#[test]
fn a_panic_gives_the_permits_back() {
    block_on(async {
        let semaphore = Rc::new(Semaphore::new(2));
        let theirs = Rc::clone(&semaphore);
        let clumsy = spawn(async move {
            let _one = theirs.acquire().await.unwrap();
            let _other = Rc::clone(&theirs).acquire_owned().await.unwrap();
            panic!("while holding both");
        });
        yield_now().await;
        assert_eq!(semaphore.acquire_many(2).await.unwrap().num_permits(), 2);
        assert!(clumsy.await.unwrap_err().is_panic());
    });
}

// ----- reports -----

#[test]
fn permits_held_by_stuck_tasks_are_named_with_the_places_where_they_were_taken() {
    let report = stuck(async {
        let connections = Rc::new(Semaphore::new(2).named("connections"));
        let clients = ["alice", "bob", "carol"].map(|name| {
            let connections = Rc::clone(&connections);
            let client = async move {
                let _first = connections.acquire().await.unwrap(); // [first]
                yield_now().await;
                let second = Rc::clone(&connections).acquire_owned(); // [second]
                drop(second.await);
            };
            task::Builder::new().name(name).spawn(client) // [spawned]
        });
        let [alice, ..] = clients;
        alice.await.unwrap();
    });
    let both = "held by #2 \"alice\" (taken at [first]), #3 \"bob\" (taken at [first])";
    for (task, place) in
        [("#2 \"alice\"", "[second]"), ("#3 \"bob\"  ", "[second]"), ("#4 \"carol\"", "[first]")]
    {
        let resource = "semaphore \"connections\"";
        let line = format!("  {task}  waits for {resource} at {place}, {both}");
        assert!(report.contains(&line), "{report}");
    }
    assert!(report.contains("cycle: #2 -> semaphore \"connections\" -> "), "{report}");
}

#[test]
fn debug_output_shows_holders_and_waiters() {
    let semaphore = Rc::new(Semaphore::new(3).named("slots"));
    let permit = Rc::clone(&semaphore).try_acquire_many_owned(2).unwrap(); // [takes]
    let mut wait = semaphore.acquire_many(2); // [waits]
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    let shown = format!("{semaphore:?}").replace(']', " ]"); // to tell the bracket from a mark
    let shown = trace::with_marks(&shown, file!(), include_str!("sync_semaphore.rs"));
    let expected = "Semaphore { permits: 1 of 3, name: \"slots\", held_by: [unknown at [takes] ], \
                    waiters: [unknown at [waits] ] }";
    assert_eq!(shown, expected);
    assert_eq!(format!("{permit:?}"), "OwnedSemaphorePermit { permits: 2, .. }");
    assert!(format!("{wait:?}").starts_with("Acquire { place: "));
}

// ----- any order, foreign executors and wakers -----

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        28 => gate_model::asking(0_u32..6),
        2 => (0_usize..64).prop_map(Step::Forget),
        2 => (0_u32..6).prop_map(Step::Add),
        1 => (0_u32..6).prop_map(Step::Remove),
    ]
}

/// Steps, one of which may close the semaphore.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let close = prop::option::of(0_usize..200);
    (prop::collection::vec(step(), 0..120), close).prop_map(|(mut steps, close)| {
        if let Some(at) = close.filter(|&at| at < steps.len()) {
            steps.insert(at, Step::Close);
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_permit_is_lost_or_doubled(permits in 0_u32..6, steps in steps()) {
        gate_model::check(&Semaphore::new(permits as usize), permits, &steps);
        gate_model::check(&Owned(Rc::new(Semaphore::new(permits as usize))), permits, &steps);
    }
}

#[test]
fn it_works_in_foreign_combinators_and_executors() {
    let semaphore = Rc::new(Semaphore::new(3));
    foreign::works_in_foreign_combinators_and_executors(&*semaphore, 3);
    foreign::works_in_foreign_combinators_and_executors(&Owned(semaphore), 3);
}

#[test]
fn foreign_wakers_that_panic_affect_nothing_else() {
    let semaphore = Rc::new(Semaphore::new(3));
    foreign::foreign_wakers_that_panic_affect_nothing_else(&*semaphore, 3);
    foreign::foreign_wakers_that_panic_affect_nothing_else(&Owned(semaphore), 3);
}

#[test]
fn foreign_wakers_may_call_back_when_woken_and_when_dropped() {
    let semaphore: Rc<dyn Subject> = Rc::new(Semaphore::new(3));
    foreign::foreign_wakers_may_call_back(&semaphore, 3);
    let semaphore: Rc<dyn Subject> = Rc::new(Owned(Rc::new(Semaphore::new(3))));
    foreign::foreign_wakers_may_call_back(&semaphore, 3);
}

#[test]
fn a_foreign_waker_may_poll_a_wait_on_a_forgotten_semaphore() {
    let let_go = |permit| {
        drop::<Box<dyn Pass>>(permit);
        None
    };
    foreign::a_foreign_waker_may_poll_its_wait(Semaphore::new(3), (3, 2), let_go);
    let semaphore = Owned(Rc::new(Semaphore::new(3)));
    foreign::a_foreign_waker_may_poll_its_wait(semaphore, (3, 2), let_go);
}

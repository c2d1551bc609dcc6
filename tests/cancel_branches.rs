//! Requests and the combinators: every catch in a waiting branch receives the request once, and a request that was
//! delivered to a losing branch is not lost.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use notes::{Notes, ms, poll_once, started, world};
use turnwise::task::{JoinSet, catch_cancel, mask};
use turnwise::{
    Scheduler, as_completed, join, join_all, race, select, sleep, spawn, timeout, try_join,
    try_join_all, yield_now,
};

/// The branches that received a request, each with the number of requests.
#[derive(Clone, Default)]
struct Received(Rc<RefCell<Vec<(usize, u32)>>>);

impl Received {
    /// Waits forever; when that is cancelled, cleans up for `clean_up` milliseconds.
    async fn branch(&self, number: usize, clean_up: u64) -> usize {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        let place = self.0.borrow().len();
        self.0.borrow_mut().push((number, 0));
        sleep(ms(clean_up)).await;
        self.0.borrow_mut()[place].1 = cancelled.requests();
        number
    }

    async fn fallible(&self, number: usize, clean_up: u64) -> Result<usize, ()> {
        Ok(self.branch(number, clean_up).await)
    }

    fn take(&self) -> Vec<(usize, u32)> {
        let mut received = self.0.take();
        received.sort_unstable();
        received
    }
}

/// Every branch once, each with the given number of requests.
fn once(branches: usize, requests: u32) -> Vec<(usize, u32)> {
    (0..branches).map(|number| (number, requests)).collect()
}

/// Cancels a task twice, the second time during the clean-ups, and checks that every branch receives it once.
fn all_receive_it<F, T>(branches: usize, work: impl FnOnce(Received) -> F)
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    let (scheduler, _) = world();
    let received = Received::default();
    let handle = started(&scheduler, work(received.clone()));
    handle.cancel();
    scheduler.block_on(sleep(ms(1)));
    assert_eq!(received.0.borrow().len(), branches, "all in the same turn");
    handle.cancel();
    assert!(scheduler.block_on(handle).is_ok(), "the request was dealt with");
    assert_eq!(received.take(), once(branches, 2));
}

#[test]
fn every_awaited_branch_receives_the_request_once() {
    all_receive_it(3, |received| async move {
        join!(received.branch(0, 9), received.branch(1, 3), received.branch(2, 6))
    });
    all_receive_it(3, |received| async move {
        try_join!(received.fallible(0, 9), received.fallible(1, 3), received.fallible(2, 6)).is_ok()
    });
    for branches in [2, 30, 31, 32, 33, 200] {
        all_receive_it(branches, move |received| async move {
            let all = (0..branches).map(|number| received.branch(number, 3 + number as u64 % 7));
            join_all(all).await
        });
        all_receive_it(branches, move |received| async move {
            let all = (0..branches).map(|number| received.fallible(number, 3 + number as u64 % 7));
            try_join_all(all).await.is_ok()
        });
        all_receive_it(branches, move |received| async move {
            let all = (0..branches).map(|number| received.branch(number, 3 + number as u64 % 7));
            let mut all = as_completed(all);
            while all.next().await.is_some() {}
        });
    }
}

#[test]
fn all_racing_branches_receive_it_and_the_first_to_finish_its_clean_up_wins() {
    for branches in [2_usize, 30, 31, 64] {
        let (scheduler, _) = world();
        let received = Received::default();
        let held = received.clone();
        let handle = started(&scheduler, async move {
            let all: Vec<_> =
                (0..branches).map(|number| held.branch(number, 100 - number as u64)).collect();
            race(all).await
        });
        handle.cancel();
        assert_eq!(scheduler.block_on(handle).unwrap(), branches - 1);
        let mut expected = once(branches, 0);
        expected[branches - 1].1 = 1;
        assert_eq!(received.take(), expected, "the others were dropped while they cleaned up");
    }
    let (scheduler, _) = world();
    let received = Received::default();
    let held = received.clone();
    let handle = started(&scheduler, async move {
        let first = select! {
            number = held.branch(0, 9) => number,
            number = held.branch(1, 3) => number,
            number = held.branch(2, 6) => number,
        };
        yield_now().await;
        first
    });
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), 1);
    assert_eq!(received.take(), [(0, 0), (1, 1), (2, 0)]);
}

/// The catches that received the request but did not take it are dropped in the turn in which the first one takes it.
#[test]
fn a_branch_that_is_dropped_as_its_sibling_takes_the_request_leaves_none_pending() {
    for branches in [2, 40] {
        let (scheduler, _) = world();
        let handle = started(&scheduler, async move {
            let all: Vec<_> = (0..branches).map(|_| catch_cancel(pending::<()>())).collect();
            let is_caught = race(all).await.is_err();
            yield_now().await;
            sleep(ms(1)).await;
            (is_caught, turnwise::task::cancelling())
        });
        handle.cancel();
        assert_eq!(scheduler.block_on(handle).unwrap(), (true, 0));
    }
}

#[test]
fn a_request_that_was_delivered_to_a_branch_is_not_lost_if_another_branch_wins() {
    for branches in [1, 40] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let (sender, receiver) = turnwise::channel::oneshot::channel::<()>();
        let handle = started(&scheduler, async move {
            let all = (0..branches).map(|_| catch_cancel(pending::<()>()));
            select! {
                _ = receiver => log.add("the message"),
                _ = race(all.collect::<Vec<_>>()) => log.add("a catch"),
            }
            sleep(ms(0)).await;
            yield_now().await;
            log.add("not here");
        });
        sender.send(()).unwrap();
        handle.cancel();
        let error = scheduler.block_on(handle).unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(notes.take(), ["0 the message"]);
    }
}

#[test]
fn a_branch_that_resumes_ends_its_task_after_its_siblings() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        join!(
            log.guard_and_resume("first", 2, pending::<()>()),
            log.guard("second", 5, pending::<()>()),
        );
        log.add("unreachable");
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    let expected = ["0 first caught", "0 second caught", "2 first resumes", "5 second cleaned up"];
    assert_eq!(notes.take(), expected);
}

// ----- groups of tasks -----

/// A task that logs its drop, and panics if it receives a request.
async fn member(notes: Notes, name: &'static str) {
    let _dropped = notes.on_drop(name);
    let _cancelled = catch_cancel(pending::<()>()).await;
    unreachable!("the set is dropped, which is not a request");
}

#[test]
fn a_task_that_waits_for_a_set_gets_the_request_and_the_members_are_aborted() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let joins = started(&scheduler, async move {
        let work = async {
            let mut set = JoinSet::new();
            set.spawn(member(log.clone(), "first"));
            set.spawn(member(log.clone(), "second"));
            set.join_next().await
        };
        log.guard("set", 5, work).await;
    });
    joins.cancel();
    scheduler.block_on(joins).unwrap();
    assert_eq!(notes.take(), ["0 set caught", "0 first", "0 second", "5 set cleaned up"]);
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_member_of_a_group_that_is_cancelled_cleans_up_and_the_group_waits_for_it() {
    let (scheduler, _) = world();
    let received = Received::default();
    scheduler.block_on(async {
        let mut set = JoinSet::new();
        let mut handles = Vec::new();
        for number in 0..40 {
            let received = received.clone();
            handles.push(set.spawn(async move { received.branch(number, 3).await }));
        }
        yield_now().await;
        for handle in &handles {
            handle.cancel();
            handle.cancel();
        }
        let mut ended: Vec<usize> =
            set.join_all().await.into_iter().map(|outcome| outcome.unwrap()).collect();
        ended.sort_unstable();
        assert_eq!(ended, (0..40).collect::<Vec<_>>());
    });
    assert_eq!(received.take(), once(40, 2));
}

// ----- timeouts around -----

#[test]
fn a_timeout_around_branches_that_catch_returns_what_they_give_after_their_clean_ups() {
    for branches in [2, 40] {
        let (scheduler, _) = world();
        let received = Received::default();
        let began = turnwise_now(&scheduler);
        let outcome = scheduler.block_on(async {
            let all = (0..branches).map(|number| received.branch(number, 1 + number as u64 % 5));
            timeout(ms(10), join_all(all)).await
        });
        assert_eq!(outcome, Ok((0..branches).collect()), "nothing was dropped");
        assert_eq!(received.take(), once(branches, 1));
        let longest = 1 + (branches as u64 - 1).min(4);
        assert_eq!(turnwise_now(&scheduler) - began, ms(10 + longest));
    }
}

fn turnwise_now(scheduler: &Scheduler) -> std::time::Instant {
    scheduler.block_on(async { turnwise::time::now() })
}

/// One branch takes the request; the other catches nothing, so nothing stops it. In the end both have returned.
#[test]
fn a_timeout_around_a_branch_that_catches_and_one_that_does_not_waits_for_both() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let plain = async {
            sleep(ms(50)).await;
            notes.add("the plain branch");
        };
        let both = async { join!(notes.guard("branch", 5, pending::<()>()), plain) };
        let outcome = timeout(ms(10), both).await;
        notes.add(if outcome.is_ok() { "in time" } else { "elapsed" });
    });
    let expected =
        ["10 branch caught", "15 branch cleaned up", "50 the plain branch", "50 in time"];
    assert_eq!(notes.take(), expected);
}

// ----- where what is caught is dropped -----

/// A catch drops the future it wraps in its own poll: in the turn of its task, never inside the call to `cancel`.
#[test]
fn a_catch_drops_the_future_it_wraps_in_the_turn_of_its_task_without_polling_it() {
    struct Looks(Rc<Cell<Option<u64>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.set(turnwise::task::try_id().map(turnwise::task::TaskId::as_u64));
        }
    }
    let (scheduler, _) = world();
    let seen = Rc::new(Cell::new(None));
    let looks = Looks(Rc::clone(&seen));
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let handle = started(&scheduler, async move {
        let mut caught = Box::pin(catch_cancel(async move {
            let _looks = looks;
            std::future::poll_fn(|_| {
                counted.set(counted.get() + 1);
                std::task::Poll::<()>::Pending
            })
            .await;
        }));
        assert!(poll_once(&mut caught).await.is_pending());
        caught.await.is_err()
    });
    let id = handle.id().as_u64();
    let before = polls.get();
    let canceller = handle.abort_handle();
    scheduler.block_on(async {
        spawn(async move { canceller.cancel() }).await.unwrap();
        assert!(handle.await.unwrap());
    });
    assert_eq!((seen.get(), polls.get()), (Some(id), before));
}

/// That catch is not offered a request that a neighbour has taken before; and what the neighbour resumes goes past it.
#[test]
fn a_resume_goes_to_the_catch_around_it_past_one_that_started_to_wait_in_another_branch() {
    for is_held_back in [false, true] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let handle = started(&scheduler, async move {
            let later = async {
                if is_held_back {
                    let held = async {
                        mask(sleep(ms(5))).await;
                        pending::<()>().await;
                    };
                    log.guard("later", 0, held).await;
                } else {
                    mask(sleep(ms(5))).await;
                    log.guard("later", 0, pending::<()>()).await;
                }
            };
            let first = log.guard_and_resume("first", 10, pending::<()>());
            log.guard("around", 0, async { join!(first, later) }).await;
        });
        handle.cancel();
        scheduler.block_on(handle).unwrap();
        let expected =
            ["0 first caught", "10 first resumes", "10 around caught", "10 around cleaned up"];
        assert_eq!(notes.take(), expected);
    }
}

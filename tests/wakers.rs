//! Wakers on the scheduler's own thread: a wake is one turn of the right task, whenever and wherever it comes.
#![allow(clippy::waker_clone_wake, reason = "waking a clone by value is what is tested")]
#![allow(clippy::async_yields_async, reason = "a sleep is created in a run and awaited elsewhere")]

mod probe;

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use probe::{Count, Log, OnDrop, Shared, Spot, poll_with, traced, virtual_time};
use turnwise::{Scheduler, Transition, sleep, spawn, yield_now};

/// Every way to use a waker through a reference.
const WAYS: [fn(&Waker); 5] = [
    |waker| waker.wake_by_ref(),
    |waker| waker.clone().wake(),
    |waker| waker.clone().wake_by_ref(),
    |waker| waker.clone().clone().wake(),
    |waker| (0..3).for_each(|_| waker.wake_by_ref()),
];

#[test]
fn woken_twice_is_queued_once() {
    let (scheduler, log) = traced();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    log.take();
    let waker = spot.waker();
    waker.wake_by_ref();
    waker.clone().wake();
    waker.wake();
    assert_eq!(log.take(), ["schedule #1 (from outside)"]);
    assert_eq!(scheduler.metrics().ready, 1);
    assert_eq!(scheduler.run_until_stalled(), 1);
}

// A wake that comes while its task is being polled is the classic one to lose: the flag that says "queued"
// must be cleared before the poll, not after it.
#[test]
fn a_ring_in_its_own_turn_gives_one_more_turn() {
    for way in WAYS {
        let scheduler = Scheduler::new();
        let mut turns = 0;
        scheduler.block_on(poll_fn(|cx| {
            turns += 1;
            if turns == 2 {
                return Poll::Ready(());
            }
            way(cx.waker());
            Poll::Pending
        }));
        assert_eq!(turns, 2);
        assert_eq!(scheduler.metrics().turns, 2);
    }
}

#[test]
fn a_task_that_was_woken_may_ring_itself_again_in_its_turn() {
    for way in WAYS {
        let scheduler = Scheduler::new();
        let spot = Spot::default();
        let mut wait = Box::pin(spot.wait());
        let mut turns = 0;
        scheduler.spawn(poll_fn(move |cx| {
            turns += 1;
            if turns == 2 {
                way(cx.waker());
            }
            wait.as_mut().poll(cx)
        }));
        scheduler.run_until_stalled();
        spot.waker().wake();
        assert_eq!(scheduler.run_until_stalled(), 2);
    }
}

// embassy#3622: a waker of a finished task woke the task that occupied its slot by then.
#[test]
fn a_waker_of_a_finished_task_causes_no_turn() {
    for abort in [false, true] {
        let scheduler = Scheduler::new();
        let spot = Spot::default();
        let handle = scheduler.spawn(spot.wait());
        scheduler.run_until_stalled();
        let waker = spot.waker();
        if abort {
            handle.abort();
        } else {
            spot.open();
        }
        scheduler.run_until_stalled();
        assert!(handle.is_finished());
        (0..1000).for_each(|_| waker.wake_by_ref());
        assert_eq!(scheduler.metrics().ready, 0, "the finished task is not queued");

        drop(handle); // Now the slot is free for the next one.
        let occupant = Spot::default();
        scheduler.spawn(occupant.wait());
        scheduler.run_until_stalled();
        (0..1000).for_each(|_| waker.wake_by_ref());
        waker.wake();
        assert_eq!((scheduler.metrics().ready, scheduler.run_until_stalled()), (0, 0));
        assert_eq!(occupant.turns(), 1);
        occupant.open();
        assert_eq!(scheduler.run_until_stalled(), 1);
    }
}

// embassy#3876: the timer of a finished task woke the task that occupied its slot by then.
#[test]
fn a_timer_of_a_finished_task_does_not_wake_the_next_occupant() {
    let scheduler = virtual_time();
    let nap = Shared::new(scheduler.block_on(async { sleep(Duration::from_secs(10)) }));
    let kept = nap.clone();
    let handle = scheduler.spawn(poll_fn(move |cx| kept.poll(cx)));
    let aborted = scheduler.spawn(sleep(Duration::from_secs(10)));
    scheduler.run_until_stalled();
    for handle in [handle.abort_handle(), aborted.abort_handle()] {
        handle.abort();
    }
    drop((handle, aborted));
    scheduler.run_until_stalled();
    assert_eq!(scheduler.metrics().timers, 1, "the sleep that outlives its task is still there");

    let occupants = [Spot::default(), Spot::default()];
    occupants.iter().for_each(|occupant| drop(scheduler.spawn(occupant.wait())));
    scheduler.run_until_stalled();
    scheduler.advance(Duration::from_secs(20));
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert!(occupants.iter().all(|occupant| occupant.turns() == 1));
}

// tokio#2045, futures-rs#2865: `will_wake` was wrong, so futures kept a stale waker, or cloned at each poll.
#[test]
fn will_wake_is_true_for_one_task_through_clones_and_turns() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    let mut chain = vec![spot.waker()];
    for _ in 0..10 {
        let next = chain.last().unwrap().clone();
        assert!(next.will_wake(&chain[0]) && chain[0].will_wake(&next));
        chain.push(next);
        chain[0].wake_by_ref();
        scheduler.run_until_stalled();
        assert!(spot.waker().will_wake(&chain[0]), "a later turn is lent the same bell");
    }
}

#[test]
fn will_wake_is_false_for_different_tasks_and_for_the_next_occupant() {
    let scheduler = Scheduler::new();
    let spots: Vec<Spot> = (0..10).map(|_| Spot::default()).collect();
    spots.iter().for_each(|spot| drop(scheduler.spawn(spot.wait())));
    scheduler.run_until_stalled();
    let wakers: Vec<Waker> = spots.iter().map(Spot::waker).collect();
    for (a, one) in wakers.iter().enumerate() {
        for (b, other) in wakers.iter().enumerate() {
            assert_eq!(one.will_wake(other), a == b);
        }
    }
    spots.iter().for_each(Spot::open);
    scheduler.run_until_stalled();
    let occupants: Vec<Spot> = (0..10).map(|_| Spot::default()).collect();
    occupants.iter().for_each(|spot| drop(scheduler.spawn(spot.wait())));
    scheduler.run_until_stalled();
    for occupant in &occupants {
        assert!(wakers.iter().all(|waker| !waker.will_wake(&occupant.waker())));
    }
}

#[test]
fn a_wake_between_two_runs_causes_a_turn_in_the_next() {
    for way in WAYS {
        let scheduler = Scheduler::new();
        let spot = Spot::default();
        scheduler.spawn(spot.wait());
        scheduler.run_until_stalled();
        way(&spot.waker());
        assert_eq!(scheduler.run_until_stalled(), 1);
        assert_eq!(
            scheduler.metrics().letters,
            0,
            "on its own thread a wake goes straight to ready"
        );
    }
}

// glommio#320, #379: a waker woken while another executor was polling was lost, or hit the wrong one.
#[test]
fn a_wake_from_inside_another_schedulers_task_arrives() {
    for way in WAYS {
        let (first, second) = (Scheduler::new(), Scheduler::new());
        let spot = Spot::default();
        first.spawn(spot.wait());
        first.run_until_stalled();
        let there = spot.clone();
        second.block_on(async move { way(&there.waker()) });
        assert_eq!((first.metrics().ready, second.metrics().ready), (1, 0));
        assert_eq!(first.run_until_stalled(), 1);
    }
}

#[test]
fn a_wake_from_a_destructor_after_the_run_arrives() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    let there = spot.clone();
    let output = scheduler.spawn(async move { OnDrop(move || there.waker().wake()) });
    scheduler.run_until_stalled();
    drop(output);
    assert_eq!(scheduler.metrics().ready, 1);
    assert_eq!(scheduler.run_until_stalled(), 1);
}

// The destructors of a task's future run after its last poll, but before the next turn: a ring of the same bell in
// there does not count as one in its own turn.
#[test]
fn a_wake_from_a_destructor_between_two_turns_arrives() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    let there = spot.clone();
    scheduler.spawn(async move { OnDrop(move || there.waker().wake()) });
    assert_eq!(
        scheduler.run_until_stalled(),
        2,
        "the output of a detached task is dropped immediately"
    );
    assert_eq!(spot.turns(), 2);
}

// A ring of the bell whose turn has just ended must not be mistaken for one inside that turn.
#[test]
fn a_ring_right_after_the_turn_gives_another_turn() {
    let spot = Spot::default();
    let there = spot.clone();
    let scheduler = Scheduler::builder()
        .observer(move |transition: &Transition| match transition {
            Transition::TurnEnded { .. } if there.turns() == 1 => there.waker().wake(),
            _ => {}
        })
        .build();
    scheduler.spawn(spot.wait());
    assert_eq!(scheduler.run_until_stalled(), 2);
}

#[test]
fn a_clone_used_to_poll_by_hand_in_another_tasks_turn_wakes_its_owner() {
    let scheduler = virtual_time();
    let (owner, target, other) = (Spot::default(), Spot::default(), Spot::default());
    scheduler.spawn(owner.wait());
    scheduler.run_until_stalled();
    let (awaited, theirs, rest) = (scheduler.spawn(target.wait()), owner.clone(), other.clone());
    scheduler.spawn(async move {
        let mut awaited = awaited;
        let mut nap = Box::pin(sleep(Duration::from_secs(1)));
        assert!(poll_with(&mut awaited, &theirs.waker()).is_pending());
        assert!(poll_with(&mut nap, &theirs.waker()).is_pending());
        rest.wait().await;
    });
    scheduler.run_until_stalled();
    assert_eq!((owner.turns(), other.turns()), (1, 1));
    target.open();
    assert_eq!(scheduler.run_until_stalled(), 2);
    assert_eq!((owner.turns(), other.turns()), (2, 1), "the join woke the waker's owner");
    scheduler.advance(Duration::from_secs(1));
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!((owner.turns(), other.turns()), (3, 1), "so did the sleep");
}

#[test]
fn a_sleep_polled_by_one_task_and_then_by_another_wakes_the_other() {
    let scheduler = virtual_time();
    let nap = Shared::new(scheduler.block_on(async { sleep(Duration::from_secs(1)) }));
    let turns = [Count::default(), Count::default()];
    for count in &turns {
        let (nap, count) = (nap.clone(), count.clone());
        scheduler.spawn(poll_fn(move |cx| {
            count.add();
            nap.poll(cx)
        }));
    }
    scheduler.run_until_stalled();
    scheduler.advance(Duration::from_secs(1));
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!((turns[0].get(), turns[1].get()), (1, 2));
}

// The scheduler keeps the bells of all tasks whose wakers are held elsewhere in one list, and closes gaps by moving the
// last one: each task must find its own bell afterwards, or that is never silenced and cannot ring again.
#[test]
fn when_one_bell_comes_home_the_others_still_ring() {
    for gone in 0..4 {
        let scheduler = Scheduler::new();
        let spots: Vec<Spot> = (0..4).map(|_| Spot::default()).collect();
        spots.iter().for_each(|spot| drop(scheduler.spawn(spot.wait())));
        scheduler.run_until_stalled();
        assert_eq!(scheduler.metrics().wakers_held, 4);
        spots[gone].open();
        scheduler.run_until_stalled();
        assert_eq!(scheduler.metrics().wakers_held, 3);
        for round in 2..4 {
            for (number, spot) in spots.iter().enumerate().filter(|&(number, _)| number != gone) {
                let waker = spot.waker();
                std::thread::scope(|scope| drop(scope.spawn(|| waker.wake())));
                assert_eq!(scheduler.run_until_stalled(), 1, "task {number}, round {round}");
                assert_eq!(spot.turns(), round);
            }
        }
    }
}

#[test]
fn a_waker_that_was_dropped_is_no_longer_held() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    assert_eq!(scheduler.metrics().wakers_held, 1);
    drop(spot.take_waker());
    let report = scheduler.run().unwrap_err().to_string();
    assert!(report.contains("certain"), "{report}");
    assert_eq!(scheduler.metrics().wakers_held, 0);
}

#[test]
fn a_schedule_names_the_task_that_woke_the_other() {
    let log = Log::default();
    let seen = log.clone();
    let scheduler = Scheduler::builder()
        .observer(move |transition: &Transition| {
            if let Transition::Scheduled { .. } = transition {
                seen.note(transition.to_string());
            }
        })
        .build();
    let spot = Rc::new(Spot::default());
    let there = Rc::clone(&spot);
    scheduler.spawn(spot.wait());
    scheduler.spawn(async move {
        yield_now().await;
        there.waker().wake();
        let idle = spawn(pending::<()>());
        idle.abort();
    });
    scheduler.run_until_stalled();
    let expected = ["#1 (new)", "#2 (new)", "#2 (by #2)", "#1 (by #2)", "#3 (new)"];
    assert_eq!(log.take(), expected.map(|line| format!("schedule {line}")));
}

#[test]
fn a_noop_waker_in_a_turn_takes_no_bell_and_wakes_no_task() {
    let scheduler = virtual_time();
    let handle = scheduler.spawn(async {
        let mut nap = Box::pin(sleep(Duration::from_secs(1)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(nap.as_mut().poll(&mut cx).is_pending());
        assert!(nap.as_mut().poll(&mut cx).is_pending());
        nap.await; // The task's own waker replaces it.
    });
    assert!(scheduler.block_on(handle).is_ok());
}

//! Wakers on other threads: no wake is lost, a storm is one letter, and a waker is harmless when the task or the
//! scheduler is gone.
#![allow(clippy::waker_clone_wake, reason = "waking a clone by value is what is tested")]

mod probe;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use probe::{Count, Spot, guarded};
use turnwise::{Scheduler, spawn, task};

/// Runs a closure on another thread, and waits until it has returned.
fn elsewhere<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(run).join().expect("the thread does not panic"))
}

// monoio#117, #120, #121: a wake from another thread panicked, or moved the future there.
#[test]
fn a_ring_from_a_thread_inside_the_turn_gives_one_more_turn_on_the_scheduler_thread() {
    let ways: [fn(&Waker); 4] = [
        |waker| elsewhere(|| waker.wake_by_ref()),
        |waker| elsewhere(|| waker.clone().wake()),
        |waker| {
            let moved = waker.clone();
            elsewhere(move || moved.wake());
        },
        |waker| elsewhere(|| (0..100).for_each(|_| waker.wake_by_ref())),
    ];
    for way in ways {
        let scheduler = Scheduler::new();
        let home = thread::current().id();
        let not_send = Rc::new(());
        let mut turns = 0;
        scheduler.block_on(poll_fn(|cx| {
            assert_eq!(thread::current().id(), home);
            let _here = Rc::clone(&not_send);
            turns += 1;
            if turns == 2 {
                return Poll::Ready(());
            }
            way(cx.waker());
            Poll::Pending
        }));
        assert_eq!((turns, scheduler.metrics().letters), (2, 1));
    }
}

#[test]
fn a_wake_from_a_thread_that_runs_another_scheduler_arrives() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    scheduler.spawn(spot.wait());
    scheduler.run_until_stalled();
    let waker = spot.waker();
    elsewhere(move || turnwise::block_on(async move { waker.wake() }));
    assert_eq!(scheduler.run_until_stalled(), 1);
    let waker = spot.waker();
    elsewhere(move || {
        let there = Scheduler::new();
        there.spawn(async move { waker.wake() });
        there.run_until_stalled();
        assert_eq!(there.metrics().ready, 0, "it wakes no task of the other scheduler");
    });
    assert_eq!(scheduler.run_until_stalled(), 1);
}

// async-executor#163: a use after free when a waker fired while the executor was being dropped.
#[test]
fn a_thread_may_ring_while_the_scheduler_is_dropped() {
    let rounds = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let (give, take) = mpsc::channel::<(Vec<Waker>, Arc<Barrier>)>();
    let is_gone = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_gone);
    let ringer = thread::spawn(move || {
        for (wakers, barrier) in take {
            barrier.wait();
            while !seen.load(Ordering::Acquire) {
                wakers.iter().for_each(Waker::wake_by_ref);
            }
            wakers.into_iter().for_each(Waker::wake);
            barrier.wait();
        }
    });
    let dropped = Count::default();
    for round in 1..=rounds {
        let scheduler = Scheduler::new();
        let spots = [Spot::default(), Spot::default()];
        for spot in &spots {
            let (wait, held) = (spot.wait(), dropped.token());
            scheduler.spawn(async move {
                let _held = held;
                wait.await;
            });
        }
        scheduler.run_until_stalled();
        let barrier = Arc::new(Barrier::new(2));
        is_gone.store(false, Ordering::Release);
        give.send((spots.iter().map(Spot::take_waker).collect(), Arc::clone(&barrier))).unwrap();
        barrier.wait();
        if round % 2 == 0 {
            scheduler.run_until_stalled();
        }
        drop(scheduler);
        assert_eq!(dropped.get(), 2 * round);
        is_gone.store(true, Ordering::Release);
        barrier.wait();
    }
    drop(give);
    ringer.join().unwrap();
}

// nostd_async#4: a waker that outlived its executor pointed to freed memory.
#[test]
fn a_waker_outlives_task_and_scheduler_and_does_nothing() {
    let dropped = Count::default();
    let spots = [Spot::default(), Spot::default()];
    let scheduler = Scheduler::new();
    for spot in &spots {
        let (wait, held) = (spot.wait(), dropped.token());
        scheduler.spawn(async move {
            let _held = held;
            wait.await;
        });
    }
    scheduler.run_until_stalled();
    let wakers = spots.each_ref().map(Spot::take_waker);
    spots[0].open();
    wakers[0].wake_by_ref();
    scheduler.run_until_stalled();
    assert_eq!(dropped.get(), 1, "one task has finished");
    drop(scheduler);
    assert_eq!(
        dropped.get(),
        2,
        "the other future is dropped with the scheduler, not with its last waker"
    );
    let use_up = move || {
        assert!(!wakers[0].will_wake(&wakers[1]));
        for waker in wakers {
            let clone = waker.clone();
            assert!(clone.will_wake(&waker));
            clone.wake_by_ref();
            clone.wake();
            drop(waker.clone());
            waker.wake_by_ref();
            waker.wake();
        }
    };
    use_up.clone()();
    thread::spawn(use_up).join().unwrap();
}

#[test]
fn a_waker_of_a_finished_task_posts_no_letter() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    drop(scheduler.spawn(spot.wait()));
    scheduler.run_until_stalled();
    let waker = spot.waker();
    spot.open();
    scheduler.run_until_stalled();
    let occupant = Spot::default();
    scheduler.spawn(occupant.wait());
    scheduler.run_until_stalled();
    let letters = scheduler.metrics().letters;
    elsewhere(|| (0..1000).for_each(|_| waker.wake_by_ref()));
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert_eq!(scheduler.metrics().letters, letters, "no letter is posted to a finished task");
    assert_eq!(occupant.turns(), 1);
}

// A letter may be in flight to a task that has finished when it arrives, with another task in its slot.
#[test]
fn a_letter_to_a_finished_task_is_not_delivered_to_the_next_occupant() {
    let scheduler = Scheduler::new();
    let (old, new) = (Spot::default(), Spot::default());
    drop(scheduler.spawn(old.wait()));
    scheduler.run_until_stalled();
    let (waker, late) = (old.waker(), new.clone());
    // In one pass: the letter is posted, the old task takes its last turn, and a new one takes its slot.
    drop(scheduler.spawn(async move { elsewhere(|| waker.wake()) }));
    old.open();
    drop(scheduler.spawn(async move { drop(spawn(late.wait())) }));
    assert_eq!(scheduler.run_until_stalled(), 4);
    assert_eq!((old.turns(), new.turns()), (2, 1));
    assert_eq!(scheduler.metrics().letters, 1, "it was read, and had no recipient");
}

// compio#948: of two wakes, the second was dropped while the first was half done; the task slept forever.
// tokio#2044, #7622, futures-rs#2608: orderings of a waker's atomics that were too weak.
#[test]
fn two_threads_wake_one_task_and_no_wake_is_lost() {
    let rounds: usize = if cfg!(debug_assertions) { 5_000 } else { 50_000 };
    let scheduler = guarded();
    let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (mut answers, mut questions) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (answer, question) = mpsc::channel::<usize>();
        answers.push(answer);
        questions.push(question);
    }
    let spot = Spot::default();
    let mut wait = Box::pin(spot.wait());
    let seen = Arc::clone(&written);
    let mut answered = [0, 0];
    let handle = scheduler.spawn(poll_fn(move |cx| {
        let _ = wait.as_mut().poll(cx);
        for thread in 0..2 {
            let value = seen[thread].load(Ordering::Relaxed);
            if value > answered[thread] {
                answered[thread] = value;
                answers[thread].send(value).unwrap();
            }
        }
        if answered == [rounds; 2] { Poll::Ready(()) } else { Poll::Pending }
    }));
    scheduler.run_until_stalled();
    let mut threads = Vec::new();
    for (thread, question) in questions.into_iter().enumerate() {
        let (waker, written) = (spot.waker(), Arc::clone(&written));
        threads.push(thread::spawn(move || {
            for round in 1..=rounds {
                // A write before a wake is visible to a turn after it, and only the wake orders them.
                written[thread].store(round, Ordering::Relaxed);
                if (round + thread) % 2 == 0 {
                    waker.wake_by_ref();
                } else {
                    waker.clone().wake();
                }
                while question.recv().unwrap() < round {}
            }
        }));
    }
    scheduler.block_on(handle).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
}

// A wake by value consumes the waker, so the bell comes home while its letter is still in flight; it is then lent to
// the next task, and neither may get the other's wake.
#[test]
fn wakers_that_are_used_up_on_another_thread_wake_the_right_task() {
    let tasks = 8;
    let rounds: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let scheduler = guarded();
    let (give, take) = mpsc::channel::<(usize, Waker)>();
    let signals: Arc<Vec<AtomicUsize>> =
        Arc::new((0..tasks).map(|_| AtomicUsize::new(0)).collect());
    let written = Arc::clone(&signals);
    let ringer = thread::spawn(move || {
        for (task, waker) in take {
            let second = waker.clone();
            written[task].fetch_add(1, Ordering::Relaxed);
            waker.wake();
            drop(second);
        }
    });
    let handles: Vec<_> = (0..tasks)
        .map(|task| {
            let (give, signals) = (give.clone(), Arc::clone(&signals));
            let mut asked = 0;
            scheduler.spawn(poll_fn(move |cx| {
                if signals[task].load(Ordering::Relaxed) == asked {
                    if asked == rounds {
                        return Poll::Ready(());
                    }
                    asked += 1;
                    give.send((task, cx.waker().clone())).unwrap();
                }
                Poll::Pending
            }))
        })
        .collect();
    drop(give);
    scheduler.block_on(async {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    ringer.join().unwrap();
    let turns = scheduler.metrics().turns;
    let least = (tasks * rounds) as u64;
    assert!(turns < 2 * least + 100, "{turns} turns for {least} wakes: some wakes were spurious");
}

#[test]
fn a_storm_of_wakes_is_one_letter_and_one_turn() {
    let scheduler = Scheduler::new();
    let spots = [Spot::default(), Spot::default(), Spot::default()];
    for spot in &spots {
        scheduler.spawn(spot.wait());
    }
    scheduler.run_until_stalled();
    for storm in 1..=3 {
        let wakers = spots.each_ref().map(Spot::waker);
        elsewhere(move || {
            for _ in 0..100_000 {
                wakers.iter().for_each(Waker::wake_by_ref);
            }
        });
        assert_eq!(scheduler.run_until_stalled(), 3);
        assert_eq!(scheduler.metrics().letters, 3 * storm);
    }
}

/// A scope that was created on one scheduler and is polled on another gives its child a turn while the first scheduler
/// is not running, so the first may run, and read its letters, in the middle of that turn.
#[test]
fn a_ring_whose_letter_is_read_in_the_turn_of_its_task_does_not_silence_the_bell() {
    let (own, other) = (Rc::new(Scheduler::new()), Scheduler::new());
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let turns = Rc::new(RefCell::new(0));
    let (kept, counted, inner) = (Rc::clone(&waker), Rc::clone(&turns), Rc::clone(&own));
    let mut scope = Box::pin(async move {
        task::scope(async |scope| {
            let child = scope.spawn(poll_fn(move |cx| {
                *counted.borrow_mut() += 1;
                match *counted.borrow() {
                    1 => cx.waker().wake_by_ref(), // On its own scheduler.
                    2 => {
                        let waker = cx.waker().clone();
                        elsewhere(|| waker.wake_by_ref());
                        *kept.borrow_mut() = Some(waker);
                        inner.run_until_stalled();
                    }
                    3 => {} // Waits for the second ring.
                    _ => return Poll::Ready(7),
                }
                Poll::Pending
            }));
            child.await.unwrap()
        })
        .await
    });
    assert!(own.block_on(poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_pending()))));
    let handle = other.spawn(scope);
    other.run_until_stalled();
    assert_eq!(*turns.borrow(), 3);
    let waker = waker.take().unwrap();
    elsewhere(|| waker.wake_by_ref());
    own.run_until_stalled();
    assert_eq!(other.block_on(handle).unwrap().unwrap(), 7);
    assert_eq!(*turns.borrow(), 4);
}

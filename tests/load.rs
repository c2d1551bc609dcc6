//! Large numbers: a million of everything, and wake storms. Debug builds are slow, so they do a tenth of it.

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use turnwise::{Scheduler, sleep, spawn, time, yield_now};

use trace::leave_waker;

const MILLION: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

struct CountsDrops(Rc<Cell<u64>>);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_million_idle_tasks_take_one_turn_each_and_are_dropped_once() {
    let dropped = Rc::new(Cell::new(0));
    let scheduler = Scheduler::new();
    for _ in 0..MILLION {
        let counts = CountsDrops(Rc::clone(&dropped));
        scheduler.spawn(async move {
            let _held = counts;
            pending::<()>().await;
        });
    }
    assert_eq!(scheduler.run_until_stalled() as u64, MILLION);
    let metrics = scheduler.metrics();
    assert_eq!((metrics.alive as u64, metrics.turns, metrics.ready), (MILLION, MILLION, 0));
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert_eq!(dropped.get(), 0);
    drop(scheduler);
    assert_eq!(dropped.get(), MILLION);
}

#[test]
fn a_million_timers_fire_once_each_and_in_order() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let start = scheduler.block_on(async { time::now() });
    let fired: Rc<RefCell<Vec<(Duration, u64)>>> = Rc::default();
    for number in 0..MILLION {
        // Shuffled, with about four timers per deadline.
        let wait = Duration::from_micros(number.wrapping_mul(2_654_435_761) % (MILLION / 4));
        let fired = Rc::clone(&fired);
        scheduler.spawn(async move {
            sleep(wait).await;
            assert_eq!(time::now() - start, wait);
            fired.borrow_mut().push((wait, number));
        });
    }
    scheduler.run_until_stalled(); // The zero-length ones have fired.
    let metrics = scheduler.metrics();
    assert_eq!((metrics.timers as u64) + (fired.borrow().len() as u64), MILLION);
    scheduler.run().unwrap();
    assert_eq!(fired.borrow().len() as u64, MILLION);
    assert!(fired.borrow().is_sorted(), "by deadline, and equal ones in creation order");
    assert_eq!(scheduler.metrics().timers, 0);
}

#[test]
fn a_million_sleeps_given_up_leave_nothing_behind() {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let hour = Duration::from_secs(3600);
        for number in 0..MILLION {
            let mut given_up = Box::pin(sleep(hour));
            assert!(futures::poll!(given_up.as_mut()).is_pending());
            if number % 16 == 0 {
                yield_now().await;
            }
        }
    });
    assert_eq!((scheduler.metrics().timers, scheduler.next_deadline()), (0, None));
}

#[test]
fn a_million_yields_are_a_million_turns() {
    let scheduler = Scheduler::new();
    for _ in 0..1000 {
        scheduler.spawn(async {
            for _ in 0..MILLION / 1000 {
                yield_now().await;
            }
        });
    }
    scheduler.run().unwrap();
    assert_eq!(scheduler.metrics().turns, MILLION + 1000);
}

#[test]
fn a_million_tasks_come_and_go_through_the_same_few_slots() {
    let scheduler = Scheduler::new();
    let sum = scheduler.block_on(async {
        let mut sum = 0;
        for number in 0..MILLION {
            sum += spawn(async move { number }).await.unwrap();
        }
        sum
    });
    assert_eq!(sum, MILLION * (MILLION - 1) / 2);
    assert_eq!((scheduler.metrics().spawned, scheduler.metrics().alive), (MILLION + 1, 0));
}

#[test]
fn every_tenth_task_panics_and_the_others_finish() {
    let scheduler = Scheduler::new();
    let count = MILLION / 10;
    let handles: Vec<_> = (0..count)
        .map(|number| {
            scheduler.spawn(async move {
                yield_now().await;
                if number % 10 == 3 {
                    resume_unwind(Box::new(number)); // A panic, without the message.
                }
                number
            })
        })
        .collect();
    scheduler.run().unwrap();
    for (number, handle) in (0..count).zip(handles) {
        match scheduler.block_on(handle) {
            Ok(output) => assert!(output == number && number % 10 != 3),
            Err(error) => {
                assert_eq!(*error.into_panic().downcast::<u64>().unwrap(), number);
                assert_eq!(number % 10, 3);
            }
        }
    }
}

// Wake storms: a queue that grew by one entry for each wake from another thread.
#[test]
fn a_storm_of_wakes_from_other_threads_is_one_letter() {
    let scheduler = Scheduler::new();
    let place = Rc::new(RefCell::new(None));
    let handle = scheduler.spawn(leave_waker(Rc::clone(&place)));
    scheduler.run_until_stalled();
    let waker = place.take().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50_000).for_each(|_| waker.wake_by_ref()));
        }
    });
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!(scheduler.metrics().letters, 1);
    assert!(handle.is_finished());
}

#[test]
fn a_storm_takes_one_turn_per_pass_and_starves_no_other_task() {
    const PASSES: u64 = 300;
    let scheduler = Scheduler::new();
    let (sender, receiver) = mpsc::channel::<Waker>();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let storm = thread::spawn(move || {
        let waker = receiver.recv().unwrap();
        while !stopped.load(Ordering::Relaxed) {
            waker.wake_by_ref();
        }
    });
    let stormed = Rc::new(Cell::new(0));
    let turns = Rc::clone(&stormed);
    scheduler.spawn(poll_fn(move |cx| {
        turns.set(turns.get() + 1);
        let _ = sender.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    for _ in 0..100 {
        scheduler.spawn(async {
            loop {
                yield_now().await;
            }
        });
    }
    scheduler.block_on(async {
        for _ in 0..PASSES {
            yield_now().await;
        }
    });
    stop.store(true, Ordering::Relaxed);
    storm.join().unwrap();
    assert!(stormed.get() <= PASSES + 1, "{} turns in {PASSES} passes", stormed.get());
    assert!(scheduler.metrics().letters <= PASSES + 1);
}

//! A virtual clock stands still while it is held, for answers that come from outside, and reports say by what.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::stream::{FuturesUnordered, StreamExt};
use turnwise::blocking::to_thread;
use turnwise::channel::remote;
use turnwise::scheduler::DeadlockReport;
use turnwise::{
    RunError, Scheduler, ThreadPool, Transition, sleep, spawn, spawn_blocking, task, time, timeout,
    yield_now,
};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn virtual_time() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

/// How often a scheduler has gone to sleep, for other threads.
#[derive(Clone, Default)]
struct Parks(Arc<(Mutex<u32>, Condvar)>);

impl Parks {
    /// A scheduler under virtual time, whose sleeps are counted.
    fn counted() -> (Scheduler, Parks) {
        let parks = Parks::default();
        let counted = parks.clone();
        let count = move |transition: &Transition| {
            if matches!(transition, Transition::Parked { .. }) {
                *counted.0.0.lock().unwrap() += 1;
                counted.0.1.notify_all();
            }
        };
        (Scheduler::builder().virtual_time().observer(count).build(), parks)
    }

    /// Blocks the thread until the scheduler goes to sleep once more.
    fn wait(&self) -> impl FnOnce() + Send + 'static {
        let (counted, before) = (self.clone(), *self.0.0.lock().unwrap());
        move || {
            let parks = counted.0.0.lock().unwrap();
            drop(counted.0.1.wait_while(parks, |parks| *parks == before).unwrap());
        }
    }
}

// ----- answers from outside -----

#[test]
fn an_answer_of_another_thread_comes_before_the_deadline_while_the_clock_is_held() {
    // To a scheduler that sleeps, and at any moment.
    for (rounds, is_asleep) in [(20, true), (300, false)] {
        for _ in 0..rounds {
            let (scheduler, parks) = Parks::counted();
            let answer = scheduler.block_on(async {
                let (sender, receiver) = oneshot::channel();
                let (hold, park) = (time::hold(), parks.wait());
                thread::spawn(move || {
                    if is_asleep {
                        park();
                    }
                    sender.send(7).unwrap();
                    drop(hold);
                });
                timeout(HOUR, receiver).await
            });
            assert_eq!(answer, Ok(Ok(7)));
            assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO);
        }
    }
}

#[test]
fn a_thread_with_a_remote_sender_answers_in_time_by_single_steps_too() {
    for _ in 0..100 {
        let scheduler = virtual_time();
        let answer = scheduler.spawn(async {
            let (sender, mut receiver) = remote::channel(1);
            let hold = time::hold();
            thread::spawn(move || {
                sender.blocking_send(7).unwrap();
                drop(hold);
            });
            timeout(HOUR, receiver.recv()).await
        });
        while !answer.is_finished() {
            scheduler.step();
        }
        assert_eq!(scheduler.block_on(answer).unwrap(), Ok(Some(7)));
    }
}

#[test]
fn dropping_the_last_of_several_holds_wakes_the_scheduler_and_the_clock_moves() {
    let (scheduler, parks) = Parks::counted();
    let are_others_gone = Arc::new(AtomicBool::new(false));
    scheduler.block_on(async {
        let (holds, park) = ([time::hold(), time::hold(), time::hold()], parks.wait());
        let others = Arc::clone(&are_others_gone);
        thread::spawn(move || {
            park();
            let [first, second, last] = holds;
            drop((first, second)); // Without an answer.
            thread::yield_now();
            others.store(true, Ordering::SeqCst);
            drop(last);
        });
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        assert!(are_others_gone.load(Ordering::SeqCst), "it waits for the last one");
    });
    assert_eq!(scheduler.snapshot().elapsed, HOUR);
}

#[test]
fn held_it_moves_by_hand_only() {
    let scheduler = virtual_time();
    let hold = scheduler.block_on(async { time::hold() });
    let sleeper = scheduler.spawn(sleep(HOUR));
    assert!(scheduler.step().is_some());
    assert!(scheduler.step().is_none() && scheduler.step().is_none());
    scheduler.advance(HOUR / 2);
    assert!(scheduler.step().is_none());
    scheduler.advance(HOUR / 2);
    assert!(scheduler.step().is_some() && sleeper.is_finished());

    let sleeper = scheduler.spawn(sleep(HOUR));
    assert!(scheduler.step().is_some() && scheduler.step().is_none());
    let wakes = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&wakes);
    scheduler.on_wake(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    drop(hold);
    assert_eq!(wakes.load(Ordering::Relaxed), 1, "a foreign loop is notified");
    assert!(scheduler.step().is_some() && sleeper.is_finished());
    assert_eq!(scheduler.snapshot().elapsed, 2 * HOUR);
}

#[test]
fn a_hold_on_a_real_clock_has_no_effect() {
    let scheduler = Scheduler::new();
    let hold = scheduler.block_on(async {
        let hold = time::hold();
        sleep(5 * MS).await;
        hold
    });
    assert!(scheduler.snapshot().holds.is_empty());
    drop(scheduler);
    drop(hold);
}

#[test]
fn a_hold_may_outlive_its_scheduler_on_any_thread() {
    let hold = virtual_time().block_on(async { time::hold() });
    thread::spawn(move || drop(hold)).join().unwrap();
}

#[test]
#[should_panic(expected = "`time::hold` needs a running scheduler: call it inside `block_on`")]
fn outside_of_a_scheduler_there_is_no_clock_to_hold() {
    let _hold = time::hold();
}

// ----- blocking jobs -----

#[test]
fn jobs_of_the_crates_own_pools_hold_the_clock_by_themselves() {
    for _ in 0..20 {
        let (scheduler, parks) = Parks::counted();
        let pool = ThreadPool::new(1);
        // A job that runs until the scheduler sleeps.
        let slow = || {
            let park = parks.wait();
            move || {
                park();
                7
            }
        };
        scheduler.block_on(async {
            assert_eq!(timeout(HOUR, spawn_blocking(slow())).await.unwrap().unwrap(), 7);
            assert_eq!(timeout(HOUR, to_thread(slow())).await.unwrap().unwrap(), 7);
            assert_eq!(timeout(HOUR, pool.submit(slow())).await.unwrap().unwrap(), 7);
            let mut group: FuturesUnordered<_> = [pool.submit(slow())].into_iter().collect();
            assert_eq!(timeout(HOUR, group.next()).await.unwrap().unwrap().unwrap(), 7);
        });
        assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO);
    }
}

#[test]
fn single_steps_do_not_jump_past_the_end_of_a_job() {
    for _ in 0..200 {
        let scheduler = virtual_time();
        let answer = scheduler.spawn(async { timeout(HOUR, spawn_blocking(|| 7)).await });
        while !answer.is_finished() {
            scheduler.step();
        }
        assert_eq!(scheduler.block_on(answer).unwrap().unwrap().unwrap(), 7);
    }
}

// ----- reports -----

/// Runs `root` until the run stalls, and returns the report, with marks for places. Then the hold in `place` is dropped.
fn report_of<H: 'static>(root: impl AsyncFnOnce(Rc<RefCell<Option<H>>>)) -> String {
    let (place, reports) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(Vec::new())));
    let (held, log) = (Rc::clone(&place), Rc::clone(&reports));
    let on_stall = move |report: &DeadlockReport| {
        assert!(!report.certain);
        log.borrow_mut().push(report.to_string());
        drop(held.take().expect("a stall is reported once"));
    };
    let builder = Scheduler::builder().virtual_time().on_stall(20 * MS, on_stall);
    let scheduler = builder.build();
    scheduler.try_block_on(root(place)).unwrap();
    assert_eq!(reports.borrow().len(), 1);
    trace::with_marks(&reports.borrow()[0], file!(), include_str!("hold.rs"))
}

#[test]
fn a_stall_report_names_a_hold_of_a_task_that_waits_for_a_timer_itself() {
    let report = report_of(async |place| {
        place.replace(Some(time::hold())); // [held]
        sleep(HOUR).await; // [sleep]
    });
    let expected = [
        "possible deadlock at turn 1: 1 task may never run again",
        "  #1 main  waits for a sleep with 3600s left at [sleep], since turn 1",
        "the clock is held at [held], by #1 main, which waits for a timer itself",
        "possible: 1 hold on the clock may still be dropped",
    ];
    assert_eq!(report, expected.join("\n"));
}

#[test]
fn a_stall_report_names_a_hold_whose_task_has_finished_or_waits_for_something_else() {
    let report = report_of(async |place| {
        let finished = Rc::clone(&place);
        let holds = async move { drop(finished.replace(Some((time::hold(), None)))) }; // [held]
        task::Builder::new().name("leaks").spawn(holds).await.unwrap();
        let waits = Rc::clone(&place);
        let waits = async move {
            waits.borrow_mut().as_mut().unwrap().1 = Some(time::hold()); // [second]
            pending::<()>().await;
        };
        drop(task::Builder::new().name("waits").spawn(waits));
        sleep(HOUR).await; // [sleep]
    });
    let lines: Vec<&str> = report.lines().collect();
    let first = "the clock is held at [held], by #2, which has finished";
    let second = "the clock is held at [second], by #3 \"waits\"";
    assert!(
        lines.ends_with(&[first, second, "possible: 2 holds on the clock may still be dropped"]),
        "{report}"
    );
}

#[test]
fn a_forgotten_hold_is_no_hope_where_no_timer_is_waited_for() {
    let scheduler = virtual_time();
    let stuck = scheduler.try_block_on(async {
        mem::forget(time::hold());
        pending::<()>().await;
    });
    let Err(RunError::Deadlock(report)) = stuck else { panic!("nothing can wake it") };
    assert!(report.certain && report.holds.is_empty(), "{report}");
    assert_eq!(scheduler.snapshot().holds.len(), 1, "it would matter for a timer");
}

#[test]
fn a_shutdown_waits_for_forgotten_holds_as_long_as_its_grace_period_in_real_time() {
    let scheduler = virtual_time();
    scheduler.block_on(async { mem::forget(time::hold()) });
    scheduler.spawn(async {
        let _cancelled = task::catch_cancel(pending::<()>()).await;
        sleep(HOUR).await;
    });
    scheduler.run_until_stalled();
    let started = Instant::now();
    let report = scheduler.shutdown(30 * MS).unwrap();
    assert_eq!((report.aborted.len(), report.took), (1, 30 * MS));
    assert!(started.elapsed() >= 30 * MS);
}

#[test]
fn beside_a_held_clock_other_tasks_run_on() {
    let scheduler = virtual_time();
    let turns = Rc::new(Cell::new(0));
    let count = Rc::clone(&turns);
    scheduler.block_on(async {
        let hold = time::hold();
        let sleeper = spawn(sleep(MS));
        for _ in 0..100 {
            yield_now().await;
            count.set(count.get() + 1);
        }
        assert!(!sleeper.is_finished());
        drop(hold);
        let mut hold = None;
        poll_fn(|_| {
            hold.get_or_insert_with(time::hold);
            Poll::Ready(())
        })
        .await;
        drop(hold); // In a turn, so the clock moves when nothing is ready.
        sleeper.await.unwrap();
    });
    assert_eq!((turns.get(), scheduler.snapshot().elapsed), (100, MS));
}

//! A scheduler may be driven by hand: step by step, from another loop, or by one `block_on` after another.

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::mpsc::unbounded;
use futures::{FutureExt, StreamExt};
use turnwise::scheduler::{Ending, TaskState, TurnResult};
use turnwise::{RunError, Scheduler, Turn, sleep, spawn, task, time, yield_now};

use trace::{Signal, leave_waker};

const SECOND: Duration = Duration::from_secs(1);

fn virtual_scheduler() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

fn woke(turn: &Turn) -> Vec<u64> {
    turn.woke.iter().map(|label| label.id.as_u64()).collect()
}

#[test]
fn a_step_is_exactly_one_turn_and_reports_what_happened_in_it() {
    let scheduler = virtual_scheduler();
    let signals = [Signal::default(), Signal::default()];
    for signal in &signals {
        scheduler.spawn(signal.wait());
    }
    task::Builder::new().name("waker").spawn_on(&scheduler, async move {
        signals[1].set();
        spawn(async {});
        signals[0].set();
        yield_now().await;
        sleep(SECOND).await;
        panic!("it ends badly");
    });

    let first = scheduler.step().unwrap();
    assert_eq!((first.number, first.task.id.as_u64()), (1, 1));
    assert_eq!((first.result, woke(&first)), (TurnResult::Waiting, vec![]));
    assert_eq!(scheduler.step().unwrap().number, 2);

    let third = scheduler.step().unwrap();
    assert_eq!((third.number, third.result), (3, TurnResult::Yielded));
    assert_eq!(third.task.to_string(), "#3 \"waker\"");
    assert_eq!(woke(&third), [2, 4, 1], "in the order of the calls");
    assert_eq!(third.to_string(), "turn 3: #3 \"waker\" yields; woke #2, #4, #1");

    let others: Vec<String> = (0..3).map(|_| scheduler.step().unwrap().to_string()).collect();
    assert_eq!(others, ["turn 4: #2 returned", "turn 5: #4 returned", "turn 6: #1 returned"]);
    let seventh = scheduler.step().unwrap();
    assert_eq!(seventh.result, TurnResult::Waiting);
    let waits = seventh.waits[0].to_string();
    assert!(waits.starts_with("a sleep with 1s left at tests/drive.rs:"), "{waits}");

    let last = scheduler.step().unwrap(); // The clock jumps.
    assert_eq!(scheduler.snapshot().elapsed, SECOND);
    assert_eq!(last.result, TurnResult::Exited(Ending::Panicked));
    assert_eq!(scheduler.metrics().turns, 8);
    assert!(scheduler.step().is_none());
}

#[test]
fn a_step_shows_each_branch_and_the_tasks_that_an_exit_wakes() {
    let scheduler = Scheduler::new();
    let child = scheduler.spawn(yield_now());
    scheduler.spawn(async move { futures::future::join(child, sleep(Duration::MAX)).await });
    scheduler.step().unwrap();
    let both = scheduler.step().unwrap();
    assert_eq!(both.waits.len(), 2);
    assert!(both.to_string().contains("waits for task #1"), "{both}");
    assert!(both.to_string().contains(", and for a sleep that never ends"), "{both}");
    assert_eq!(woke(&scheduler.step().unwrap()), [2]);
}

#[test]
fn there_is_no_step_if_no_task_can_run_now() {
    assert!(Scheduler::new().step().is_none());
    let real = Scheduler::new();
    real.spawn(sleep(Duration::from_secs(3600)));
    assert!(real.step().is_some());
    assert!(real.step().is_none(), "it never sleeps");
    let stuck = virtual_scheduler();
    stuck.spawn(pending::<()>());
    assert!(stuck.step().is_some());
    assert!(stuck.step().is_none());
}

#[test]
fn a_step_collects_the_letters_of_other_threads() {
    let scheduler = Scheduler::new();
    let place = Rc::new(RefCell::new(None));
    scheduler.spawn(leave_waker(Rc::clone(&place)));
    scheduler.step().unwrap();
    assert!(scheduler.step().is_none());
    let waker = place.take().unwrap();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(scheduler.step().unwrap().to_string(), "turn 2: #1 returned");
}

#[test]
fn run_until_stalled_counts_its_turns_and_leaves_the_clock_alone() {
    let scheduler = virtual_scheduler();
    assert_eq!(scheduler.run_until_stalled(), 0);
    let sleeper = scheduler.spawn(sleep(SECOND));
    scheduler.spawn(yield_now());
    assert_eq!(scheduler.run_until_stalled(), 3);
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert_eq!((scheduler.snapshot().elapsed, scheduler.metrics().parks), (Duration::ZERO, 0));
    scheduler.advance(SECOND);
    assert!(!sleeper.is_finished());
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert!(sleeper.is_finished());
}

#[test]
fn run_until_stalled_does_not_sleep_for_a_real_timer() {
    let scheduler = Scheduler::new();
    scheduler.spawn(sleep(Duration::from_secs(3600)));
    let place = Rc::new(RefCell::new(None));
    scheduler.spawn(leave_waker(place));
    assert_eq!(scheduler.run_until_stalled(), 2);
    assert_eq!(scheduler.metrics().parks, 0);
}

#[test]
fn the_next_deadline_is_that_of_the_earliest_timer_that_is_waited_for() {
    let scheduler = virtual_scheduler();
    let start = scheduler.block_on(async { time::now() });
    assert_eq!(scheduler.next_deadline(), None);
    scheduler.spawn(sleep(5 * SECOND));
    assert_eq!(scheduler.next_deadline(), None, "it has not started");
    scheduler.run_until_stalled();
    assert_eq!(scheduler.next_deadline(), Some(start + 5 * SECOND));
    let near = scheduler.spawn(sleep(2 * SECOND));
    scheduler.run_until_stalled();
    assert_eq!(scheduler.next_deadline(), Some(start + 2 * SECOND));
    near.abort();
    scheduler.run_until_stalled();
    assert_eq!(scheduler.next_deadline(), Some(start + 5 * SECOND));
    scheduler.advance(5 * SECOND);
    assert_eq!(scheduler.next_deadline(), Some(start + 5 * SECOND), "due, and not yet fired");
    scheduler.run_until_stalled();
    assert_eq!(scheduler.next_deadline(), None);
}

/// A scheduler whose hook counts its calls, and the count.
fn hooked() -> (Scheduler, Arc<AtomicUsize>) {
    let scheduler = Scheduler::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    scheduler.on_wake(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    (scheduler, calls)
}

#[test]
fn the_hook_is_called_once_between_two_runs() {
    let (scheduler, calls) = hooked();
    let calls = || calls.load(Ordering::Relaxed);
    let signal = Signal::default();
    scheduler.spawn(signal.wait());
    scheduler.spawn(pending::<()>()).abort();
    assert_eq!(calls(), 1, "for a spawn");
    scheduler.run_until_stalled();
    assert_eq!(calls(), 1);
    signal.set();
    assert_eq!(calls(), 2, "for a wake on this thread");
    scheduler.run_until_stalled();
    scheduler.block_on(async {
        spawn(yield_now()).await.unwrap();
        yield_now().await;
    });
    assert!(scheduler.step().is_none());
    assert_eq!(calls(), 2, "not for what happens in a run");
}

#[test]
fn the_hook_is_called_for_wakes_from_other_threads_once() {
    let (scheduler, calls) = hooked();
    let places = [Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None))];
    for place in &places {
        scheduler.spawn(leave_waker(Rc::clone(place)));
    }
    scheduler.run_until_stalled();
    calls.store(0, Ordering::Relaxed);
    let wakers = places.map(|place| place.take().unwrap());
    thread::spawn(move || wakers.map(Waker::wake)).join().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(scheduler.run_until_stalled(), 2);
}

#[test]
fn a_letter_that_arrives_as_a_run_ends_calls_the_hook_too() {
    let (scheduler, calls) = hooked();
    let place = Rc::new(RefCell::new(None));
    scheduler.spawn(leave_waker(Rc::clone(&place)));
    scheduler.run_until_stalled();
    calls.store(0, Ordering::Relaxed);
    scheduler.block_on(async move {
        // The root's last turn: the mailbox is not checked after it.
        let waker = place.take().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
    });
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(scheduler.run_until_stalled(), 1);
}

#[test]
fn a_hook_that_was_replaced_is_no_longer_called() {
    let (scheduler, old) = hooked();
    let (sender, receiver) = mpsc::channel();
    scheduler.on_wake(move || sender.send(()).unwrap());
    assert_eq!(Arc::strong_count(&old), 1, "the old one is dropped");
    scheduler.spawn(async {});
    assert_eq!((old.load(Ordering::Relaxed), receiver.try_iter().count()), (0, 1));
}

#[test]
fn another_executor_can_drive_it() {
    let (signal, mut signals) = unbounded();
    let scheduler = Scheduler::new();
    scheduler.on_wake(move || {
        let _ = signal.unbounded_send(());
    });
    let (number, numbers) = unbounded();
    let sum = scheduler.spawn(numbers.fold(0, |sum, number| async move { sum + number }));
    let feeder = thread::spawn(move || {
        (1..=100).for_each(|each| number.unbounded_send(each).unwrap());
    });
    let foreign = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum = foreign.block_on(async {
        loop {
            scheduler.run_until_stalled();
            if sum.is_finished() {
                return sum.now_or_never().unwrap();
            }
            signals.next().await;
        }
    });
    feeder.join().unwrap();
    assert_eq!(sum.unwrap(), 5050);
}

#[test]
fn all_runs_of_a_scheduler_see_the_same_tasks() {
    let scheduler = Scheduler::new();
    let count = Rc::new(Cell::new(0));
    let counter = Rc::clone(&count);
    let mut background = None;
    scheduler.block_on(async {
        background = Some(spawn(async move {
            loop {
                counter.set(counter.get() + 1);
                yield_now().await;
            }
        }));
    });
    let background = background.unwrap();
    for run in 0..10 {
        scheduler.block_on(yield_now());
        assert!(count.get() > run);
    }
    background.abort();
    scheduler.run().unwrap();
    assert!(scheduler.block_on(background).unwrap_err().is_cancelled());
    assert_eq!(scheduler.metrics().spawned, 13);
}

#[test]
fn the_root_may_borrow_from_its_caller() {
    let mut words = vec![String::from("one")];
    let length = turnwise::block_on(async {
        words.push(spawn(async { String::from("two") }).await.unwrap());
        words.len()
    });
    assert_eq!((length, words.join(" ").as_str()), (2, "one two"));
}

// tokio#7910, tokio#6551: counters that were wrong once some or all tasks had ended.
#[test]
fn the_counts_add_up_at_every_step() {
    let scheduler = virtual_scheduler();
    for number in 0..5_u32 {
        scheduler.spawn(async move {
            let child = spawn(sleep(number * SECOND));
            yield_now().await;
            if number == 3 {
                child.abort();
            }
            let _ = child.await;
            assert_ne!(number, 4);
        });
    }
    let mut exits = 0;
    while let Some(turn) = scheduler.step() {
        exits += usize::from(matches!(turn.result, TurnResult::Exited(_)));
        let (metrics, snapshot) = (scheduler.metrics(), scheduler.snapshot());
        assert_eq!(metrics.turns, turn.number);
        assert_eq!(usize::try_from(metrics.spawned).unwrap(), metrics.alive + exits);
        assert_eq!((metrics.ready, metrics.timers), (snapshot.ready.len(), snapshot.timers.len()));
        let waiting = snapshot.tasks.iter().filter(|task| task.state == TaskState::Waiting).count();
        assert_eq!(metrics.alive, metrics.ready + waiting);
    }
    let metrics = scheduler.metrics();
    assert_eq!((metrics.spawned, metrics.alive, metrics.ready, metrics.timers), (10, 0, 0, 0));
    assert_eq!((metrics.wakers_held, metrics.letters, metrics.parks), (0, 0, 0));
}

// tokio#5837, tokio#5772: a run inside a run hung, or broke the outer one.
#[test]
fn a_task_cannot_drive_the_scheduler_that_drives_it() {
    let scheduler = Rc::new(Scheduler::new());
    let own = Rc::clone(&scheduler);
    let text = scheduler.block_on(async move {
        let nested = [own.run().unwrap_err(), own.try_block_on(async {}).unwrap_err()];
        assert!(nested.iter().all(|error| matches!(error, RunError::Nested(_))));
        let step = catch_unwind(AssertUnwindSafe(|| own.step())).unwrap_err();
        assert!(catch_unwind(AssertUnwindSafe(|| own.run_until_stalled())).is_err());
        *step.downcast::<String>().unwrap()
    });
    let start = "cannot run a scheduler at tests/drive.rs:";
    assert!(text.starts_with(start) && text.contains("inside the one started at"), "{text}");
    assert_eq!(scheduler.block_on(async { spawn(async { 3 }).await.unwrap() }), 3);
}

// async-executor#55: a waker that ran the executor that had called it.
#[test]
fn a_waker_that_steps_its_scheduler_is_refused_and_affects_nothing() {
    struct Steps(Scheduler, Cell<u32>);
    thread_local!(static STEPS: Steps = Steps(Scheduler::new(), Cell::new(0)));
    struct Stepper;
    impl Wake for Stepper {
        fn wake(self: Arc<Self>) {
            STEPS.with(|steps| {
                let refused = catch_unwind(AssertUnwindSafe(|| steps.0.step())).is_err();
                steps.1.set(steps.1.get() + u32::from(refused));
            });
        }
    }
    STEPS.with(|steps| {
        let mut handle = steps.0.spawn(async { 1 });
        let waker = Waker::from(Arc::new(Stepper));
        let mut cx = Context::from_waker(&waker);
        assert!(handle.poll_unpin(&mut cx).is_pending());
        steps.0.run().unwrap(); // The exit wakes the stepper.
        assert_eq!(steps.1.get(), 1);
        assert!(matches!(handle.poll_unpin(&mut cx), Poll::Ready(Ok(1))));
    });
}

// async-executor#136: an iterator that panicked during spawning broke the executor.
#[test]
fn a_panic_during_spawning_leaves_the_spawned_tasks() {
    let scheduler = Scheduler::new();
    let count = Rc::new(Cell::new(0));
    let spawner = scheduler.spawn({
        let count = Rc::clone(&count);
        async move {
            for number in 0..10 {
                assert!(number < 4, "four are enough");
                let count = Rc::clone(&count);
                spawn(async move { count.set(count.get() + 1) });
            }
        }
    });
    scheduler.run().unwrap();
    assert_eq!(count.get(), 4);
    assert!(scheduler.block_on(spawner).unwrap_err().is_panic());
}

#[test]
fn a_step_and_a_run_may_alternate() {
    let scheduler = virtual_scheduler();
    let before = Instant::now();
    let mut slept = pin!(sleep(3600 * SECOND));
    let handle = scheduler.spawn(async {
        for _ in 0..5 {
            yield_now().await;
        }
    });
    assert!(scheduler.step().is_some());
    scheduler.block_on(poll_fn(|cx| slept.as_mut().poll(cx)));
    assert!(handle.is_finished());
    assert!(scheduler.step().is_none());
    assert!(before.elapsed() < 3600 * SECOND);
}

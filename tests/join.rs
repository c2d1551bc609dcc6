//! Joining: a handle gives its task's output once, to the last poller, which may be anywhere on the thread.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use probe::{Count, Log, Spot, poll_with, text, virtual_time};
use turnwise::{
    AbortOnDrop, CancelOnDrop, JoinHandle, Scheduler, block_on, sleep, spawn, task, timeout,
    yield_now,
};

#[test]
fn a_handle_awaited_after_the_end_gives_the_output_in_the_same_turn() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(async { 5 });
    scheduler.run().unwrap();
    let turns = scheduler.metrics().turns;
    assert_eq!(scheduler.block_on(handle).unwrap(), 5);
    assert_eq!(scheduler.metrics().turns, turns + 1);
}

#[test]
fn a_handle_that_was_given_up_can_be_awaited_again() {
    block_on(async {
        let spot = Spot::default();
        let waited = spot.wait();
        let mut handle = spawn(async move {
            waited.await;
            "output"
        });
        for _ in 0..3 {
            let given_up = poll_fn(|cx| Poll::Ready(Pin::new(&mut handle).poll(cx).is_pending()));
            assert!(given_up.await);
            yield_now().await;
        }
        spot.open();
        assert_eq!((&mut handle).await.unwrap(), "output");
    });
}

#[test]
fn a_task_that_gave_up_a_join_is_woken_spuriously_once_by_its_end() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    let handle = Rc::new(RefCell::new(scheduler.spawn(spot.wait())));
    let turns = Count::default();
    let (held, counted) = (Rc::clone(&handle), turns.clone());
    scheduler.spawn(poll_fn(move |cx| {
        counted.add();
        if counted.get() == 1 {
            let _ = Pin::new(&mut *held.borrow_mut()).poll(cx);
        }
        Poll::<()>::Pending
    }));
    scheduler.run_until_stalled();
    spot.open();
    scheduler.run_until_stalled();
    assert_eq!(turns.get(), 2);
    assert!(matches!(poll_with(&mut *handle.borrow_mut(), Waker::noop()), Poll::Ready(Ok(()))));
}

// async-task#73: a handle that is awaited after it was done must have a defined result.
#[test]
fn a_handle_polled_after_it_was_ready_panics_and_names_the_task() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {});
    let mut handle = scheduler.spawn(async {});
    scheduler.run().unwrap();
    assert!(poll_with(&mut handle, Waker::noop()).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut handle, Waker::noop()).is_ready()));
    let text = text(&*again.unwrap_err());
    assert!(text.contains("task #2") && text.contains("polled after completion"), "{text}");
    assert!(handle.is_finished());
}

#[test]
fn a_handle_is_awaited_in_another_task_and_in_another_scheduler() {
    let (first, second) = (Scheduler::new(), Scheduler::new());
    let spot = Spot::default();
    let waited = spot.wait();
    let handle = first.spawn(async move {
        waited.await;
        vec![1, 2, 3]
    });
    let passed_on = first.spawn(async move { handle.await.unwrap() });
    let there = second.spawn(async move { passed_on.await.unwrap().len() });
    first.run_until_stalled();
    second.run_until_stalled();
    spot.open();
    first.run().unwrap();
    assert_eq!(second.metrics().ready, 1, "completion on one scheduler is a wake on the other");
    assert_eq!(second.block_on(there).unwrap(), 3);
}

#[test]
fn a_task_continues_without_its_handle() {
    let scheduler = Scheduler::new();
    let (spot, done) = (Spot::default(), Count::default());
    let (waited, counted) = (spot.wait(), done.clone());
    let mut handle = scheduler.spawn(async move {
        waited.await;
        counted.add();
    });
    scheduler.run_until_stalled();
    assert!(poll_with(&mut handle, Waker::noop()).is_pending());
    drop(handle);
    spot.open();
    scheduler.run().unwrap();
    assert_eq!(done.get(), 1);
}

#[test]
fn the_output_of_a_finished_task_is_dropped_once_with_its_handle() {
    let scheduler = Scheduler::new();
    let dropped = Count::default();
    let held = dropped.token();
    let handle = scheduler.spawn(async move { held });
    scheduler.run().unwrap();
    assert_eq!(dropped.get(), 0, "it is kept for the handle");
    drop(handle);
    assert_eq!(dropped.get(), 1);
    let held = dropped.token();
    drop(scheduler.spawn(async move { held }));
    scheduler.run().unwrap();
    assert_eq!(dropped.get(), 2, "no handle can read it");
}

#[test]
fn is_finished_is_correct_in_every_stage() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    let mut handle = scheduler.spawn(spot.wait());
    let aborter = handle.abort_handle();
    let is_finished = |handle: &JoinHandle<()>| {
        assert_eq!(handle.is_finished(), aborter.is_finished());
        handle.is_finished()
    };
    assert!(!is_finished(&handle), "new");
    scheduler.run_until_stalled();
    assert!(!is_finished(&handle), "waiting");
    spot.open();
    assert!(!is_finished(&handle), "woken");
    scheduler.run().unwrap();
    assert!(is_finished(&handle), "finished");
    assert!(poll_with(&mut handle, Waker::noop()).is_ready());
    assert!(is_finished(&handle), "taken");
    scheduler.spawn(pending::<()>());
    assert!(is_finished(&handle), "its slot belongs to another task");

    let handle = scheduler.spawn(pending::<()>());
    handle.abort();
    assert!(!handle.is_finished(), "about to be dropped");
    scheduler.run_until_stalled();
    assert!(handle.is_finished(), "aborted");
    let panicked = scheduler.spawn(async { panic!("on purpose") });
    scheduler.run_until_stalled();
    assert!(panicked.is_finished(), "panicked");
    let left = scheduler.spawn(pending::<()>());
    drop(scheduler);
    assert!(left.is_finished(), "dropped with its scheduler");
}

#[test]
fn a_task_is_not_finished_in_its_own_turn() {
    let scheduler = Scheduler::new();
    let place: Rc<RefCell<Option<JoinHandle<bool>>>> = Rc::default();
    let own = Rc::clone(&place);
    let handle = scheduler.spawn(async move { own.borrow().as_ref().unwrap().is_finished() });
    place.replace(Some(handle));
    scheduler.run().unwrap();
    let handle = place.take().unwrap();
    assert!(handle.is_finished());
    assert!(!scheduler.block_on(handle).unwrap());
}

#[allow(clippy::large_stack_arrays, reason = "a large output is what is tested")]
#[test]
fn outputs_of_all_sizes_arrive() {
    #[derive(Debug, PartialEq)]
    struct Nothing;
    block_on(async {
        assert_eq!(spawn(async { Nothing }).await.unwrap(), Nothing);
        let big = spawn(async { [7u8; 64 * 1024] }).await.unwrap();
        assert!(big.iter().all(|&byte| byte == 7) && big.len() == 65_536);
        let shared = Rc::new(5);
        let held = Rc::clone(&shared);
        let not_send = spawn(async move { held }).await.unwrap();
        assert!(Rc::ptr_eq(&shared, &not_send));
        drop(not_send);
        assert_eq!(Rc::strong_count(&shared), 1);
        let aligned = spawn(async { Aligned([1; 256]) }).await.unwrap();
        assert_eq!(std::ptr::from_ref(&aligned).addr() % 256, 0);
        assert_eq!(aligned, Aligned([1; 256]));
    });
}

#[derive(Debug, PartialEq)]
#[repr(align(256))]
struct Aligned([u8; 256]);

thread_local! {
    /// The number of zero-sized values that were dropped on this thread.
    static ZERO_SIZED_DROPPED: Cell<usize> = const { Cell::new(0) };
}

struct ZeroSized;

impl Drop for ZeroSized {
    fn drop(&mut self) {
        ZERO_SIZED_DROPPED.set(ZERO_SIZED_DROPPED.get() + 1);
    }
}

/// Makes outputs in tasks that are joined, dropped unread before and after the end, or left behind.
fn every_output_is_dropped_once<T: 'static>(make: impl Fn() -> T, dropped: impl Fn() -> usize) {
    let scheduler = Scheduler::new();
    let give = || {
        let output = make();
        scheduler.spawn(async move {
            yield_now().await;
            output
        })
    };
    let output = scheduler.block_on(give()).expect("it ends");
    assert_eq!(dropped(), 0);
    drop(output);
    assert_eq!(dropped(), 1);
    drop(give());
    scheduler.run().expect("all tasks end");
    assert_eq!(dropped(), 2, "dropped unread before the end");
    let handle = give();
    scheduler.run().expect("all tasks end");
    assert_eq!(dropped(), 2);
    drop(handle);
    assert_eq!(dropped(), 3, "dropped unread after the end");
    let handle = give();
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(dropped(), 3);
    drop(handle);
    assert_eq!(dropped(), 4, "dropped unread after the end of the scheduler");
}

#[allow(clippy::large_stack_arrays, reason = "a large output is what is tested")]
#[test]
fn outputs_of_every_size_are_dropped_once() {
    every_output_is_dropped_once(|| ZeroSized, || ZERO_SIZED_DROPPED.get());
    let small = Count::default();
    every_output_is_dropped_once(|| small.token(), || small.get());
    let large = Count::default();
    every_output_is_dropped_once(|| ([7_u8; 64 * 1024], large.token()), || large.get());
}

#[test]
fn a_handle_reports_where_its_task_was_spawned() {
    let scheduler = Scheduler::new();
    let on = (line!(), scheduler.spawn(async {}));
    let by_builder = (line!(), task::Builder::new().spawn_on(&scheduler, async {}));
    let inside = scheduler.block_on(async { (line!(), spawn(async {})) });
    for (line, handle) in [on, by_builder, inside] {
        let place = handle.spawned_at();
        assert_eq!((place.file(), place.line()), (file!(), line));
        drop(scheduler.block_on(handle));
    }
}

#[test]
fn the_accessors_of_the_error_are_correct() {
    let scheduler = Scheduler::new();
    let endless = scheduler.spawn(pending::<()>());
    endless.abort();
    let cancelled = scheduler.block_on(endless).unwrap_err();
    assert!(cancelled.is_cancelled() && !cancelled.is_panic());
    assert_eq!(
        (cancelled.id().as_u64(), cancelled.to_string().as_str()),
        (1, "task #1 was aborted")
    );
    assert_eq!(format!("{cancelled:?}"), "JoinError(task #1 was aborted)");
    let same = cancelled.try_into_panic().unwrap_err();
    let wrong = catch_unwind(AssertUnwindSafe(|| drop(same.into_panic()))).unwrap_err();
    assert!(text(&*wrong).contains("task #1 was aborted"));

    let formatted = scheduler.spawn(async { panic!("{}", 1 + 1) });
    let panicked = scheduler.block_on(formatted).unwrap_err();
    assert!(panicked.is_panic() && !panicked.is_cancelled());
    assert!(panicked.to_string().ends_with("panicked: 2"));
    assert_eq!(text(&*panicked.try_into_panic().unwrap()), "2");
    let odd = scheduler.spawn(async { std::panic::panic_any(5) });
    let odd = scheduler.block_on(odd).unwrap_err();
    assert!(odd.to_string().ends_with("panicked"), "a payload that is not a text has none: {odd}");

    let sendable: Box<dyn std::error::Error + Send + Sync> = Box::new(odd);
    std::thread::spawn(move || drop(sendable)).join().unwrap();
}

// tokio#3477, #3564, glommio#335, tokio#3162: a forgotten handle must not affect other tasks.
#[test]
fn forgotten_handles_affect_no_other_task() {
    for polls in 0..2 {
        let dropped = Count::default();
        let scheduler = Scheduler::new();
        let spots = [Spot::default(), Spot::default()];
        let tasks = spots.each_ref().map(|spot| {
            let (wait, held) = (spot.wait(), dropped.token());
            async move {
                wait.await;
                held
            }
        });
        let [first, second] = tasks;
        let mut handle = scheduler.spawn(first);
        let mut aborting = AbortOnDrop::new(scheduler.spawn(second));
        for _ in 0..polls {
            assert!(poll_with(&mut handle, Waker::noop()).is_pending());
            assert!(poll_with(&mut aborting, Waker::noop()).is_pending());
        }
        std::mem::forget(handle);
        std::mem::forget(aborting);
        scheduler.run_until_stalled();
        spots.iter().for_each(Spot::open);
        scheduler.run().unwrap();
        assert_eq!(scheduler.block_on(scheduler.spawn(async { 3 })).unwrap(), 3);
        assert_eq!(dropped.get(), 0, "the outputs are kept for handles that no longer exist");
    }
}

// ----- handles that cancel -----

const SECOND: Duration = Duration::from_secs(1);

/// Waits until it is cancelled, cleans up for a second, and counts that.
async fn careful(cleaned: Count) -> &'static str {
    match task::catch_cancel(pending::<()>()).await {
        Ok(()) => unreachable!("it never ends"),
        Err(_cancelled) => {
            sleep(SECOND).await;
            cleaned.add();
            "cleaned up"
        }
    }
}

#[test]
fn cancel_on_drop_cancels_unless_it_was_detached() {
    let (scheduler, cleaned) = (virtual_time(), Count::default());
    let kept = CancelOnDrop::new(scheduler.spawn(careful(cleaned.clone())));
    let detached = CancelOnDrop::new(scheduler.spawn(careful(cleaned.clone())));
    assert!(!kept.handle().is_finished());
    scheduler.run_until_stalled();
    let handle = detached.detach();
    assert_eq!(scheduler.run_until_stalled(), 0, "detaching wakes no task");
    drop(kept);
    assert_eq!(scheduler.metrics().alive, 2, "not inside the drop");
    scheduler.run_until_stalled();
    scheduler.advance(SECOND);
    scheduler.run_until_stalled();
    assert_eq!((cleaned.get(), handle.is_finished()), (1, false));
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), "cleaned up");
}

#[test]
fn awaiting_a_cancel_on_drop_returns_the_output_and_asks_nothing() {
    let (scheduler, cleaned) = (virtual_time(), Count::default());
    let inside = cleaned.clone();
    scheduler.block_on(async {
        assert_eq!(CancelOnDrop::new(spawn(async { 9 })).await.unwrap(), 9);
        let mut careful = CancelOnDrop::new(spawn(careful(inside)));
        assert!(timeout(SECOND, &mut careful).await.is_err());
        assert!(!careful.handle().is_finished(), "only the borrow was dropped");
        careful.handle().cancel();
        assert_eq!(careful.await.unwrap(), "cleaned up");
        let finished = CancelOnDrop::new(spawn(async {}));
        yield_now().await;
        drop(finished);
    });
    assert_eq!(cleaned.get(), 1);
}

#[test]
fn if_the_waiter_is_cancelled_a_cancel_on_drop_asks_and_nothing_waits_for_the_clean_up() {
    let (scheduler, cleaned) = (virtual_time(), Count::default());
    let inner = scheduler.spawn(careful(cleaned.clone()));
    let outer = scheduler.spawn(async { CancelOnDrop::new(inner).await });
    scheduler.run_until_stalled();
    outer.cancel();
    scheduler.run_until_stalled();
    assert!(outer.is_finished(), "the waiter has ended first");
    assert_eq!((cleaned.get(), scheduler.metrics().alive), (0, 1));
    scheduler.run().unwrap();
    assert_eq!(cleaned.get(), 1, "the clean-up was not interrupted");
}

#[test]
fn a_clean_up_that_panics_after_a_cancel_on_drop_is_reported() {
    let reports = Log::default();
    let log = reports.clone();
    let scheduler =
        Scheduler::builder().on_report(move |report| log.note(report.to_string())).build();
    let panics = async {
        let _cancelled = task::catch_cancel(pending::<()>()).await;
        panic!("on purpose");
    };
    let handle = CancelOnDrop::new(scheduler.spawn(panics));
    scheduler.run_until_stalled();
    drop(handle);
    scheduler.run().unwrap();
    // A turn that panics may be slow enough for a report of its own, as under valgrind.
    let is_unread = |report: &&String| report.ends_with("panicked, and nothing read that");
    assert_eq!(reports.take().iter().filter(is_unread).count(), 1);
}

//! Aborting: a task is dropped at its next turn, never inside the call to `abort`, and no other task is affected.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use probe::{Count, OnDrop, Spot, traced};
use turnwise::task::AbortHandle;
use turnwise::{AbortOnDrop, JoinHandle, Scheduler, block_on, spawn, yield_now};

/// A task that holds a token, and waits until the spot is open.
fn holding(count: &Count, spot: &Spot) -> impl Future<Output = ()> + use<> {
    let (held, wait) = (count.token(), spot.wait());
    async move {
        let _held = held;
        wait.await;
    }
}

#[test]
fn an_aborted_task_is_dropped_at_its_next_turn_and_not_inside_the_caller() {
    let (scheduler, log) = traced();
    let (dropped, spot) = (Count::default(), Spot::default());
    let handle = scheduler.spawn(holding(&dropped, &spot));
    scheduler.run_until_stalled();
    log.take();
    handle.abort();
    assert_eq!(dropped.get(), 0);
    scheduler.run().unwrap();
    assert_eq!((dropped.get(), spot.turns()), (1, 1), "it was dropped without being polled");
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    let expected = ["schedule #1 (from outside)", "turn #1", "#1 aborted", "exit #1 (aborted)"];
    assert_eq!(log.take()[..4], expected);
}

#[test]
fn a_task_aborted_before_its_first_turn_is_never_polled() {
    let (scheduler, dropped, spot) = (Scheduler::new(), Count::default(), Spot::default());
    let handle = scheduler.spawn(holding(&dropped, &spot));
    handle.abort();
    assert_eq!(dropped.get(), 0);
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!((dropped.get(), spot.turns()), (1, 0));
}

#[test]
fn aborting_twice_or_too_late_changes_nothing() {
    let (scheduler, dropped, spot) = (Scheduler::new(), Count::default(), Spot::default());
    let twice = scheduler.spawn(holding(&dropped, &spot));
    scheduler.run_until_stalled();
    twice.abort();
    twice.abort();
    twice.abort_handle().abort();
    scheduler.run().unwrap();
    twice.abort();
    assert_eq!(dropped.get(), 1);
    assert!(scheduler.block_on(twice).unwrap_err().is_cancelled());
    let late = scheduler.spawn(async { "output" });
    scheduler.run().unwrap();
    late.abort();
    assert_eq!(scheduler.metrics().ready, 0);
    assert_eq!(scheduler.block_on(late).unwrap(), "output");
}

#[test]
fn aborting_a_task_that_was_woken_wins_over_the_wake() {
    let (scheduler, dropped, spot) = (Scheduler::new(), Count::default(), Spot::default());
    let handle = scheduler.spawn(holding(&dropped, &spot));
    scheduler.run_until_stalled();
    spot.open();
    handle.abort();
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(spot.turns(), 1);
}

/// Spawns a task that receives its own abort handle.
fn with_own_handle<F>(scheduler: &Scheduler, task: F) -> JoinHandle<&'static str>
where
    F: AsyncFnOnce(AbortHandle) -> &'static str + 'static,
{
    let place: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
    let own = Rc::clone(&place);
    let handle = scheduler.spawn(async move {
        let own = own.borrow_mut().take().expect("it was put there");
        task(own).await
    });
    place.replace(Some(handle.abort_handle()));
    handle
}

// tokio#3934, #3965, #3672, #3159: an abort that raced with completion dropped the task twice, or did neither.
#[test]
fn a_task_that_aborts_itself_runs_until_it_waits() {
    let scheduler = Scheduler::new();
    let (reached, dropped) = (Rc::new(Cell::new(0)), Count::default());
    let (there, held) = (Rc::clone(&reached), dropped.token());
    let handle = with_own_handle(&scheduler, async move |own: AbortHandle| {
        let _held = held;
        own.abort();
        there.set(1);
        assert!(!own.is_finished());
        yield_now().await;
        there.set(2);
        "never"
    });
    assert_eq!(scheduler.run_until_stalled(), 1, "it ends in the turn in which it waits");
    assert_eq!((reached.get(), dropped.get()), (1, 1));
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn a_task_that_aborts_itself_and_returns_gives_its_output() {
    let scheduler = Scheduler::new();
    let handle = with_own_handle(&scheduler, async |own: AbortHandle| {
        own.abort();
        "returned"
    });
    assert_eq!(scheduler.block_on(handle).unwrap(), "returned");
}

#[test]
fn a_task_that_aborts_itself_in_its_own_drop_gives_its_output() {
    let scheduler = Scheduler::new();
    let dropped = Count::default();
    let held = dropped.token();
    let handle = with_own_handle(&scheduler, async move |own: AbortHandle| {
        let _held = held;
        let _last = OnDrop(move || own.abort());
        "returned"
    });
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!((dropped.get(), scheduler.metrics().ready), (1, 0));
    assert_eq!(scheduler.block_on(handle).unwrap(), "returned");
}

#[test]
fn a_task_that_is_aborted_and_aborts_itself_again_while_dropped_is_dropped_once() {
    let scheduler = Scheduler::new();
    let dropped = Count::default();
    let held = dropped.token();
    let handle = with_own_handle(&scheduler, async move |own: AbortHandle| {
        let _held = held;
        let _last = OnDrop(move || own.abort());
        pending().await
    });
    scheduler.run_until_stalled();
    handle.abort();
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!((dropped.get(), scheduler.metrics().ready), (1, 0));
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

// async-task's tests `detach_during_run` and `join_during_run`.
#[test]
fn a_task_may_drop_its_own_handle_in_its_turn() {
    let scheduler = Scheduler::new();
    let (place, dropped) = (Rc::new(RefCell::new(None::<JoinHandle<_>>)), Count::default());
    let (own, held) = (Rc::clone(&place), dropped.token());
    let handle = scheduler.spawn(async move {
        drop(own.borrow_mut().take());
        yield_now().await;
        held
    });
    place.replace(Some(handle));
    assert_eq!(scheduler.run_until_stalled(), 2);
    assert_eq!(dropped.get(), 1, "no handle is left, so the output is dropped");
}

#[test]
fn an_abort_in_the_turn_in_which_the_handle_is_polled_reaches_the_joiner() {
    let error = block_on(async {
        let handle = spawn(pending::<()>());
        let aborter = handle.abort_handle();
        let mut handle = Box::pin(handle);
        poll_fn(move |cx: &mut Context<'_>| {
            let poll = handle.as_mut().poll(cx);
            aborter.abort();
            poll
        })
        .await
        .unwrap_err()
    });
    assert!(error.is_cancelled());
}

// embassy#3876: an old handle must not reach the next occupant of its task's slot.
#[test]
fn an_abort_handle_of_a_finished_task_does_not_touch_the_next_occupant() {
    let scheduler = Scheduler::new();
    let mut old = Vec::new();
    for number in 0..20 {
        let handle = scheduler.spawn(async {});
        let aborter = handle.abort_handle();
        old.extend([aborter.clone(), aborter]);
        if number % 2 == 0 {
            drop(handle);
        } else {
            scheduler.block_on(handle).unwrap();
        }
        scheduler.run().unwrap();
    }
    let spot = Spot::default();
    let occupants: Vec<_> = (0..20).map(|_| scheduler.spawn(spot.wait())).collect();
    scheduler.run_until_stalled();
    old.iter().for_each(AbortHandle::abort);
    assert!(old.iter().all(AbortHandle::is_finished));
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert!(occupants.iter().all(|occupant| !occupant.is_finished()));
}

#[test]
fn an_abort_handle_outlives_the_scheduler() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(pending::<()>());
    let aborter = handle.abort_handle();
    drop(scheduler);
    aborter.abort();
    handle.abort();
    assert!(aborter.is_finished());
}

#[test]
fn abort_on_drop_aborts_unless_it_was_detached() {
    let (scheduler, dropped, spot) = (Scheduler::new(), Count::default(), Spot::default());
    let kept = AbortOnDrop::new(scheduler.spawn(holding(&dropped, &spot)));
    let detached = AbortOnDrop::new(scheduler.spawn(holding(&dropped, &spot)));
    assert!(!kept.handle().is_finished());
    scheduler.run_until_stalled();
    let handle = detached.detach();
    assert_eq!(scheduler.run_until_stalled(), 0, "detaching wakes no task");
    drop(kept);
    assert_eq!(dropped.get(), 0, "not inside the drop");
    scheduler.run_until_stalled();
    assert_eq!(dropped.get(), 1);
    spot.open();
    assert!(scheduler.block_on(handle).is_ok());
    assert_eq!(dropped.get(), 2);
}

#[test]
fn abort_on_drop_can_be_awaited_and_dropped_halfway() {
    let (scheduler, dropped, spot) = (Scheduler::new(), Count::default(), Spot::default());
    let inner = scheduler.spawn(holding(&dropped, &spot));
    let outer = scheduler.spawn(async { AbortOnDrop::new(inner).await });
    scheduler.run_until_stalled();
    outer.abort();
    scheduler.run().unwrap();
    assert_eq!(dropped.get(), 1, "the inner task was aborted with the outer one");
    assert_eq!(scheduler.block_on(AbortOnDrop::new(scheduler.spawn(async { 9 }))).unwrap(), 9);
}

#[test]
fn a_task_that_ignores_its_wakes_cannot_ignore_an_abort() {
    struct Stubborn(Count);
    impl Future for Stubborn {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.add();
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
    let turns = Count::default();
    let counted = turns.clone();
    let error = block_on(async move {
        let handle = spawn(Stubborn(counted));
        yield_now().await;
        handle.abort();
        handle.await.unwrap_err()
    });
    assert!(error.is_cancelled());
    assert!(turns.get() <= 2, "it took {} turns", turns.get());
}

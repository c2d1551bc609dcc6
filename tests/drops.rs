//! Dropping a scheduler, and what is dropped with it, after it or inside of it.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use probe::{Bomb, Count, Log, OnDrop, Rings, Spot, Token, poll_with, text, traced, virtual_time};
use turnwise::task::AbortHandle;
use turnwise::time::Sleep;
use turnwise::{AbortOnDrop, CancelOnDrop, JoinHandle, Scheduler, sleep, spawn, task};

const SECOND: Duration = Duration::from_secs(1);

/// A future that never ends, and owns something.
async fn owning<T>(owned: T) {
    let _owned = owned;
    pending::<()>().await;
}

/// A sleep of a second that belongs to this scheduler, created outside of its tasks.
fn nap_of(scheduler: &Scheduler) -> Sleep {
    scheduler.block_on(poll_fn(|_| Poll::Ready(sleep(SECOND))))
}

// ----- a scheduler with tasks -----

#[test]
fn a_scheduler_drops_its_tasks_in_the_order_in_which_they_were_spawned() {
    let (scheduler, log) = (virtual_time(), Log::default());
    // Two finished tasks leave their slots to later ones, so slots are not in the order of the ids.
    let early = [(); 2].map(|()| scheduler.spawn(owning(log.on_drop("early"))));
    for number in 0..3 {
        scheduler.spawn(owning(log.on_drop(&number.to_string())));
    }
    early.iter().for_each(JoinHandle::abort);
    scheduler.run_until_stalled();
    drop(early);
    log.take();
    for number in 3..6 {
        scheduler.spawn(owning(log.on_drop(&number.to_string())));
    }
    drop(scheduler);
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5"]);
}

/// When dropped, spawns a task that owns the next of its kind, until none is left.
struct Nest {
    left: usize,
    dropped: Count,
}

impl Drop for Nest {
    fn drop(&mut self) {
        self.dropped.add();
        if self.left > 0 {
            spawn(owning(Nest { left: self.left - 1, dropped: self.dropped.clone() }));
        }
    }
}

// tokio#1892, tokio#3752: a drop that never ended, and one that leaked what was spawned in it.
#[test]
fn tasks_that_destructors_spawn_a_thousand_deep_are_dropped_too() {
    let (scheduler, dropped) = (virtual_time(), Count::default());
    scheduler.spawn(owning(Nest { left: 1000, dropped: dropped.clone() }));
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(dropped.get(), 1001);
    assert_eq!(task::try_id(), None);
}

#[test]
fn destructors_may_wake_abort_detach_and_panic_while_the_scheduler_is_dropped() {
    let (scheduler, dropped, bombs) = (virtual_time(), Count::default(), Count::default());
    let spots = [(); 2].map(|()| Spot::default());
    let handles: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let victims: Rc<RefCell<Vec<AbortHandle>>> = Rc::default();
    let waiting = |spot: &Spot| {
        let (wait, held) = (spot.wait(), dropped.token());
        scheduler.spawn(async move {
            let _held = held;
            wait.await;
        })
    };
    let meddle = || {
        let (spots, handles, victims) = (spots.clone(), Rc::clone(&handles), Rc::clone(&victims));
        OnDrop(move || {
            spots.iter().for_each(Spot::open);
            victims.borrow().iter().for_each(AbortHandle::abort);
            drop(handles.take());
        })
    };
    // One task before the meddlers and one after them, so that both dropped and live tasks are meddled with.
    let before = waiting(&spots[0]);
    let meddlers =
        [(); 2].map(|()| scheduler.spawn(owning((meddle(), Bomb(bombs.clone()), dropped.token()))));
    let after = waiting(&spots[1]);
    victims
        .borrow_mut()
        .extend([&before, &meddlers[0], &meddlers[1], &after].map(JoinHandle::abort_handle));
    handles.borrow_mut().extend([before, after]);
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!((dropped.get(), bombs.get()), (4, 2));
    assert_eq!([1, 1], spots.map(|spot| spot.turns()), "no task took another turn");
}

#[test]
fn a_scheduler_dropped_inside_a_task_of_another_leaves_the_outer_one_as_it_was() {
    let (outer, log) = traced();
    let id_at_the_end = Rc::new(Cell::new(None));
    let seen = Rc::clone(&id_at_the_end);
    let output = outer.block_on(async move {
        let own = task::id();
        let inner = Scheduler::new();
        // Makes the ids in the inner scheduler differ from the outer ones, so that a mix-up would show.
        (0..50).for_each(|_| drop(inner.spawn(async {})));
        let dropped = Count::default();
        let nest = Nest { left: 3, dropped: dropped.clone() };
        let look = OnDrop(move || seen.set(Some(task::try_id())));
        inner.spawn(owning((look, nest)));
        inner.run_until_stalled();
        drop(inner);
        assert_eq!(dropped.get(), 4);
        assert_eq!(task::id(), own);
        spawn(async { sleep(SECOND).await }).await.unwrap();
        "done"
    });
    assert_eq!(output, "done");
    assert_eq!(id_at_the_end.get(), Some(None), "a destructor that runs at the end is in no turn");
    let spawned = log.take().into_iter().filter(|line| line.starts_with("spawn"));
    assert_eq!(spawned.collect::<Vec<_>>(), ["spawn #1", "spawn #2"]);
}

// ----- what outlives its scheduler -----

#[test]
fn handles_outlive_their_scheduler_and_give_the_results_that_exist() {
    let (scheduler, dropped) = (virtual_time(), Count::default());
    let token = dropped.token();
    let mut finished = scheduler.spawn(async move { token });
    let mut panicked = scheduler.spawn(async { panic!("before the end") });
    let mut unfinished = task::Builder::new().name("late").spawn_on(&scheduler, pending::<()>());
    scheduler.run_until_stalled();
    let mut never_started = scheduler.spawn(async {});
    let unwanted = {
        let token = dropped.token();
        scheduler.spawn(owning(token))
    };
    drop(scheduler);
    assert_eq!(dropped.get(), 1, "the output is kept, the future is not");
    let all_finished =
        finished.is_finished() && unfinished.is_finished() && never_started.is_finished();
    assert!(all_finished && unwanted.is_finished());
    for handle in [&mut unfinished, &mut never_started] {
        handle.abort();
        assert!(
            matches!(poll_with(handle, Waker::noop()), Poll::Ready(Err(error)) if error.is_cancelled())
        );
    }
    let Poll::Ready(Ok(token)) = poll_with(&mut finished, Waker::noop()) else {
        panic!("the output is there");
    };
    assert_eq!(dropped.get(), 1);
    drop(token);
    assert_eq!(dropped.get(), 2);
    let Poll::Ready(Err(error)) = poll_with(&mut panicked, Waker::noop()) else {
        panic!("the payload is there");
    };
    assert_eq!(text(&*error.into_panic()), "before the end");
    drop((finished, unfinished, unwanted));
    assert_eq!(dropped.get(), 2);
}

#[test]
fn an_unread_output_is_dropped_with_its_handle_after_the_scheduler() {
    let (scheduler, dropped) = (virtual_time(), Count::default());
    let token = dropped.token();
    let handle = scheduler.spawn(async move { token });
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(dropped.get(), 0);
    drop(handle);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_sleep_polled_after_its_scheduler_is_gone_panics_and_says_why() {
    let scheduler = virtual_time();
    let mut naps = [(); 2].map(|()| nap_of(&scheduler));
    assert!(poll_with(&mut naps[0], Waker::noop()).is_pending());
    drop(scheduler);
    for nap in &mut naps {
        let outcome = catch_unwind(AssertUnwindSafe(|| poll_with(nap, Waker::noop())));
        let expected = "a sleep was polled after its scheduler was dropped";
        assert_eq!(text(&*outcome.unwrap_err()), expected);
        assert!(!nap.is_elapsed());
    }
}

#[test]
fn a_sleep_that_had_fired_in_time_is_ready_though_its_scheduler_is_gone() {
    let scheduler = virtual_time();
    let mut nap = nap_of(&scheduler);
    assert!(poll_with(&mut nap, Waker::noop()).is_pending());
    scheduler.advance(SECOND);
    scheduler.run_until_stalled();
    drop(scheduler);
    assert!(poll_with(&mut nap, Waker::noop()).is_ready());
}

// ----- with timers and letters in flight -----

#[test]
fn a_scheduler_may_be_dropped_with_timers_armed_and_letters_in_the_mailbox() {
    let (scheduler, dropped, spot) = (virtual_time(), Count::default(), Spot::default());
    let held = dropped.token();
    scheduler.spawn(async move {
        let _held = held;
        sleep(SECOND).await;
    });
    let (wait, held) = (spot.wait(), dropped.token());
    scheduler.spawn(async move {
        let _held = held;
        wait.await;
    });
    scheduler.run_until_stalled();
    let (remote, waker) = (scheduler.remote(), spot.take_waker());
    let cargo = Arc::new(());
    let carried = Arc::clone(&cargo);
    let asker = thread::spawn(move || {
        waker.wake();
        let answer = remote.spawn(move || async move { drop(carried) });
        (remote, answer)
    });
    let (remote, answer) = asker.join().unwrap();
    drop(scheduler);
    assert_eq!((dropped.get(), spot.turns()), (2, 1));
    assert_eq!(Arc::strong_count(&cargo), 1, "what the letter carried is dropped");
    assert!(answer.wait().unwrap_err().is_cancelled());
    assert!(remote.spawn(|| async {}).wait().unwrap_err().is_cancelled());
}

// ----- tasks that own themselves -----

#[test]
fn a_task_that_owns_its_own_handle_is_dropped_with_its_scheduler() {
    let (scheduler, dropped) = (virtual_time(), Count::default());
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let handle = scheduler.spawn(owning((Rc::clone(&own), dropped.token())));
    own.replace(Some(handle));
    scheduler.run_until_stalled();
    let weak = Rc::downgrade(&own);
    drop(own);
    assert_eq!((dropped.get(), weak.strong_count()), (0, 1));
    drop(scheduler);
    assert_eq!((dropped.get(), weak.strong_count()), (1, 0));
}

#[test]
fn tasks_that_own_the_handles_of_each_other_are_dropped_with_their_scheduler() {
    for turns in 0..3 {
        let (scheduler, dropped) = (virtual_time(), Count::default());
        let places: [Rc<RefCell<Option<JoinHandle<()>>>>; 2] = Default::default();
        for number in 0..2 {
            let (place, held) = (Rc::clone(&places[1 - number]), dropped.token());
            let handle = scheduler.spawn(async move {
                let _held = held;
                let other = place.take().expect("the other one is spawned before the first turn");
                _ = other.await;
            });
            places[number].replace(Some(handle));
        }
        (0..turns).for_each(|_| drop(scheduler.step()));
        drop(places);
        drop(scheduler);
        assert_eq!(dropped.get(), 2);
    }
}

// ----- wakers in registrations -----

/// The number of clones of a waker that are held elsewhere.
fn clones_of(rings: &Arc<Rings>) -> usize {
    Arc::strong_count(rings) - 2 // Not counting the test's own, and the one inside its waker.
}

// tokio#8095, tokio#7886: a dead registration kept a waker, and everything that it owned.
#[test]
fn a_waker_is_dropped_with_the_wait_or_as_soon_as_another_takes_its_place() {
    fn check<F: Future + Unpin>(make: impl Fn() -> F) {
        let [(first, waker), (second, other)] = [Rings::new(), Rings::new()];
        let mut wait = make();
        assert!(poll_with(&mut wait, &waker).is_pending());
        assert_eq!(clones_of(&first), 1);
        assert!(poll_with(&mut wait, &other).is_pending());
        assert_eq!((clones_of(&first), clones_of(&second)), (0, 1));
        assert!(poll_with(&mut wait, &waker).is_pending());
        assert_eq!((clones_of(&first), clones_of(&second)), (1, 0));
        drop(wait);
        assert_eq!((clones_of(&first), clones_of(&second)), (0, 0));
        assert_eq!((first.get(), second.get()), (0, 0), "nothing was woken");
    }
    let scheduler = virtual_time();
    check(|| scheduler.spawn(pending::<()>()));
    check(|| AbortOnDrop::new(scheduler.spawn(pending::<()>())));
    check(|| CancelOnDrop::new(scheduler.spawn(pending::<()>())));
    check(|| nap_of(&scheduler));
}

#[test]
fn a_foreign_waker_is_dropped_when_a_task_waits_in_its_place() {
    let scheduler = virtual_time();
    let (rings, waker) = Rings::new();
    let mut handle = scheduler.spawn(pending::<()>());
    let mut nap = nap_of(&scheduler);
    assert!(poll_with(&mut handle, &waker).is_pending());
    assert!(poll_with(&mut nap, &waker).is_pending());
    assert_eq!(clones_of(&rings), 2);
    scheduler.spawn(handle);
    scheduler.spawn(nap);
    scheduler.run_until_stalled();
    assert_eq!((clones_of(&rings), rings.get()), (0, 0));
}

// ----- forgotten values -----

/// Forgets a value of each kind, after the given number of polls.
fn forget_everything(scheduler: &Scheduler, polls: usize, held: impl Fn() -> Token) {
    let mut handle: JoinHandle<()> = scheduler.spawn(owning(held()));
    let mut guard = AbortOnDrop::new(scheduler.spawn(owning(held())));
    let mut nap = nap_of(scheduler);
    let (_, waker) = Rings::new();
    for _ in 0..polls {
        assert!(poll_with(&mut handle, &waker).is_pending());
        assert!(poll_with(&mut guard, &waker).is_pending());
        assert!(poll_with(&mut nap, &waker).is_pending());
    }
    mem::forget((handle, guard, nap));
}

// glommio#335: a forgotten value cannot clean up after itself, and nothing else may be affected by that.
#[test]
fn forgotten_values_keep_no_task_from_continuing() {
    for polls in 0..=1 {
        let (scheduler, dropped) = (virtual_time(), Count::default());
        forget_everything(&scheduler, polls, || dropped.token());
        let own = scheduler.spawn(async move {
            // And the same inside a task that ends before what it forgot becomes ready.
            let mut nap = sleep(SECOND);
            let mut child = spawn(sleep(SECOND));
            if polls > 0 {
                assert!(futures::poll!(&mut nap).is_pending());
                assert!(futures::poll!(&mut child).is_pending());
            }
            mem::forget((nap, child));
        });
        let others: Vec<_> = (0..3).map(|number| scheduler.spawn(sleep(number * SECOND))).collect();
        let ended = scheduler.block_on(async {
            own.await.unwrap();
            for other in others {
                other.await.unwrap();
            }
            sleep(5 * SECOND).await;
            "all"
        });
        assert_eq!(ended, "all");
        assert_eq!((scheduler.metrics().alive, dropped.get()), (2, 0), "forgetting aborts nothing");
        assert_eq!(scheduler.next_deadline(), None);
        drop(scheduler);
        assert_eq!(
            dropped.get(),
            2,
            "a future is dropped with its scheduler, whatever happened to its handle"
        );
    }
}

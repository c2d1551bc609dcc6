//! Schedulers inside schedulers: what is refused, and what works.

mod probe;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use probe::{Count, Log, OnDrop, Spot, text};
use turnwise::scheduler::{Park, TurnResult};
use turnwise::{RunError, Scheduler, block_on, spawn, yield_now};

// tokio#5837, tokio#5772: a run inside a run hung, or left the outer one unusable.
#[test]
fn a_run_inside_a_run_is_an_error_that_names_both_places() {
    let outer = Scheduler::new();
    let inner = Scheduler::new();
    inner.spawn(async {});
    outer.block_on(async {
        let outermost = line!() - 1;
        for error in [inner.run(), inner.try_block_on(async {}), outer.run()] {
            let Err(RunError::Nested(nested)) = error else { panic!("it was not refused") };
            assert_eq!((nested.outer.line(), nested.outer.file()), (outermost, file!()));
            assert_eq!(nested.inner.line(), outermost + 2);
        }
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7, "the outer scheduler still works");
    });
    inner.run().unwrap();
    assert_eq!(inner.metrics().alive, 0);
}

#[test]
fn the_free_block_on_panics_with_the_same_message() {
    let payload = catch_unwind(|| block_on(async { block_on(async {}) })).unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(text.contains("tests/nested.rs") && text.contains("`spawn` the future"), "{text}");
    block_on(async {}); // The thread can run a scheduler again.
}

#[test]
fn a_task_cannot_drive_the_scheduler_that_is_polling_it() {
    let scheduler = Rc::new(Scheduler::new());
    let own = Rc::clone(&scheduler);
    let outermost = line!() + 1;
    scheduler.block_on(async move {
        let ways: [fn(&Scheduler); 2] =
            [|own| drop(own.step()), |own| assert_eq!(own.run_until_stalled(), 0)];
        for way in ways {
            let message = catch_unwind(AssertUnwindSafe(|| way(&own))).unwrap_err();
            let message = text(&*message);
            let start = format!("cannot run a scheduler at {}:{}:", file!(), outermost + 2);
            let end = format!(
                " inside the one started at {}:{outermost}:15: it would block that one; \
                 `spawn` the future and await its handle instead",
                file!()
            );
            assert!(message.starts_with(&start) && message.ends_with(&end), "{message}");
        }
        yield_now().await; // The task still gets its turns.
    });
    assert!(scheduler.run().is_ok());
    assert_eq!(scheduler.metrics().turns, 2);
}

// glommio#320, glommio#379: with two executors on a thread, a waker of one reached the other.
#[test]
fn a_task_drives_another_scheduler_and_wakes_go_both_ways() {
    let (outer, inner) = (Scheduler::new(), Rc::new(Scheduler::new()));
    let (to_inner, asked) = futures::channel::oneshot::channel::<u32>();
    let (to_outer, answered) = futures::channel::oneshot::channel::<u32>();
    inner.spawn(async move { to_outer.send(asked.await.unwrap() + 1).unwrap() });
    let driven = Rc::clone(&inner);
    let task = outer.spawn(async move {
        assert_eq!(driven.run_until_stalled(), 1, "it waits for the question");
        to_inner.send(41).unwrap();
        yield_now().await;
        assert!(driven.step().is_some());
        assert!(driven.step().is_none());
    });
    assert_eq!(outer.block_on(answered), Ok(42));
    assert!(outer.block_on(task).is_ok());
}

#[test]
fn an_inner_scheduler_wakes_the_very_task_that_runs_it() {
    let (outer, inner) = (Scheduler::new(), Scheduler::new());
    let turns = Cell::new(0);
    outer.block_on(std::future::poll_fn(|cx| {
        turns.set(turns.get() + 1);
        if turns.get() == 3 {
            return Poll::Ready(());
        }
        // The task is woken during its own turn, by a task whose turn is nested in it.
        let waker = cx.waker().clone();
        inner.spawn(async move { waker.wake() });
        assert_eq!(inner.run_until_stalled(), 1);
        Poll::Pending
    }));
    assert_eq!(turns.get(), 3);
}

#[test]
fn the_outer_task_is_current_again_after_an_inner_run() {
    let (outer, inner) = (Scheduler::new(), Scheduler::new());
    outer.spawn(async {});
    outer.block_on(async {
        let own = turnwise::task::id();
        inner.spawn(async move { assert_ne!(turnwise::task::id(), own) });
        inner.run_until_stalled();
        assert_eq!(turnwise::task::id(), own);
        let child = spawn(async {});
        assert_eq!(child.id().as_u64(), own.as_u64() + 1, "and `spawn` uses the outer scheduler");
    });
}

#[test]
fn a_run_in_a_destructor_inside_a_turn_is_refused_too() {
    struct Runs(Rc<Cell<bool>>);
    impl Drop for Runs {
        fn drop(&mut self) {
            self.0.set(matches!(Scheduler::new().run(), Err(RunError::Nested(_))));
        }
    }
    let refused = Rc::new(Cell::new(false));
    let runs = Runs(Rc::clone(&refused));
    block_on(async move { drop(runs) });
    assert!(refused.get());
}

#[test]
fn an_outer_task_wakes_an_inner_one() {
    let (outer, inner) = (Scheduler::new(), Scheduler::new());
    let spot = Spot::default();
    drop(inner.spawn(spot.wait()));
    outer.block_on(async {
        assert_eq!(inner.run_until_stalled(), 1);
        spot.waker().wake();
        assert_eq!((inner.metrics().ready, outer.metrics().ready), (1, 0));
        assert_eq!(inner.step().unwrap().result, TurnResult::Waiting);
        yield_now().await;
        spot.open();
    });
    assert_eq!(inner.run_until_stalled(), 1);
    assert_eq!(inner.metrics().alive, 0);
}

/// Panics in `may_wake`, and so in the run that calls it.
struct Broken;

impl Park for Broken {
    fn park(&mut self, _: Option<Duration>) {}
    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
    fn may_wake(&self) -> bool {
        panic!("the parker is broken")
    }
}

#[test]
fn a_panic_that_ends_an_inner_run_leaves_both_as_they_were() {
    let (outer, inner) = (Scheduler::new(), Scheduler::builder().park(Broken).build());
    inner.spawn(async {});
    outer.block_on(async {
        let own = turnwise::task::id();
        assert!(catch_unwind(AssertUnwindSafe(|| inner.run_until_stalled())).is_err());
        assert_eq!(turnwise::task::id(), own);
        assert_eq!(inner.run_until_stalled(), 1, "its parker is gone, but its task is not");
        spawn(async {}).await.unwrap();
        assert_eq!(
            outer.metrics().wakers_held,
            0,
            "the join recognizes the task's own bell, so it keeps only its key"
        );
    });
    inner.run().unwrap();
}

#[test]
fn a_destructor_outside_all_turns_may_run_its_scheduler() {
    let scheduler = Rc::new(Scheduler::new());
    let (inside, runs) = (Rc::clone(&scheduler), Count::default());
    let ran = runs.clone();
    let output = scheduler.spawn(async move {
        OnDrop(move || {
            assert_eq!(inside.block_on(async { spawn(async { 7 }).await }).unwrap(), 7);
            inside.spawn(yield_now());
            assert_eq!(inside.run_until_stalled(), 2);
            inside.run().unwrap();
            ran.add(); // Last, because a panic in here is swallowed.
        })
    });
    scheduler.run().unwrap();
    drop(output);
    assert_eq!(runs.get(), 1);
}

// Otherwise a task of that run would wait forever for something that such an output releases when it is dropped.
#[test]
fn a_run_in_a_destructor_drops_the_outputs_of_its_tasks_like_any_other() {
    let scheduler = Rc::new(Scheduler::new());
    let (inside, log) = (Rc::clone(&scheduler), Log::default());
    let seen = log.clone();
    let output = scheduler.spawn(async move {
        OnDrop(move || {
            let unwanted = seen.on_drop("the output of its task is dropped");
            drop(inside.spawn(async move { unwanted }));
            inside.run_until_stalled();
            seen.note("the run has ended");
        })
    });
    scheduler.run().unwrap();
    drop(output);
    assert_eq!(log.take(), ["the output of its task is dropped", "the run has ended"]);
}

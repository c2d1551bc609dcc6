//! Inherited task-locals of scope children: set in their turns and in their destructors, however they end.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use notes::{ms, poll_once, world};
use turnwise::task::{ScopeError, catch_cancel, scope};
use turnwise::{Scheduler, block_on, sleep, spawn, task_local, yield_now};

task_local! {
    static OWN: u32;
    inherit static TRACE: u32;
}

/// The values that were seen, and where.
type Seen = Rc<RefCell<Vec<(&'static str, Option<u32>)>>>;

fn record(seen: &Seen, place: &'static str) {
    seen.borrow_mut().push((place, TRACE.try_get().ok()));
}

/// Records the value when it is dropped.
struct RecordsDrop(Seen);

impl Drop for RecordsDrop {
    fn drop(&mut self) {
        record(&self.0, "drop");
    }
}

/// Records the value in each turn and when it is dropped; if it is cancelled, also in a clean-up of two turns.
async fn inheritor(seen: Seen, turns: usize) {
    let _records = RecordsDrop(Rc::clone(&seen));
    let work = async {
        for _ in 0..turns {
            record(&seen, "turn");
            yield_now().await;
        }
        pending::<()>().await;
    };
    let _cancelled = catch_cancel(work).await.unwrap_err();
    record(&seen, "clean-up");
    sleep(ms(1)).await;
    record(&seen, "clean-up");
}

/// The same, without a clean-up.
async fn plain_inheritor(seen: Seen) {
    let _records = RecordsDrop(Rc::clone(&seen));
    record(&seen, "turn");
    pending::<()>().await;
}

const TURN: (&str, Option<u32>) = ("turn", Some(7));
const CLEAN_UP: (&str, Option<u32>) = ("clean-up", Some(7));
const DROP: (&str, Option<u32>) = ("drop", Some(7));

#[test]
fn a_child_inherits_what_is_set_in_the_body_and_passes_it_on() {
    let seen = Seen::default();
    block_on(scope(async |s| {
        let child = async {
            record(&seen, "child");
            assert!(OWN.try_get().is_err(), "a key without `inherit` is not passed on");
            s.spawn(async { record(&seen, "sibling of a child") }).await.unwrap();
            let inner = scope(async |inner| {
                inner.spawn(async { record(&seen, "grandchild") });
            });
            inner.await.unwrap();
            spawn({
                let seen = Rc::clone(&seen);
                async move { record(&seen, "task of a child") }
            })
            .await
            .unwrap();
        };
        OWN.sync_scope(1, || TRACE.sync_scope(7, || s.spawn(child))).await.unwrap();
        s.spawn(async { record(&seen, "outside") });
    }))
    .unwrap();
    let expected = [
        ("child", Some(7)),
        ("sibling of a child", Some(7)),
        ("grandchild", Some(7)),
        ("task of a child", Some(7)),
        ("outside", None),
    ];
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn turns_of_children_and_of_the_body_do_not_see_each_others_values() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = |place| seen.borrow_mut().push((place, TRACE.try_get().ok()));
    block_on(TRACE.scope(1, async {
        scope(async |s| {
            s.spawn(async {
                note("inheritor");
                yield_now().await;
                note("inheritor");
            });
            s.spawn(TRACE.scope(2, async {
                note("own value");
                yield_now().await;
                note("own value");
            }));
            yield_now().await;
            note("body");
        })
        .await
        .unwrap();
    }));
    let expected = [
        ("inheritor", Some(1)),
        ("own value", Some(2)),
        ("body", Some(1)),
        ("inheritor", Some(1)),
        ("own value", Some(2)),
    ];
    assert_eq!(*seen.borrow(), expected);
    assert!(TRACE.try_get().is_err());
}

#[test]
fn a_child_that_is_cancelled_sees_the_value_until_its_end() {
    let (scheduler, _) = world();
    let seen = Seen::default();
    scheduler.block_on(async {
        scope(async |s| {
            let child = TRACE.sync_scope(7, || s.spawn(inheritor(Rc::clone(&seen), 2)));
            sleep(ms(1)).await;
            child.cancel();
            child.await.unwrap();
            assert_eq!(seen.take(), [TURN, TURN, CLEAN_UP, CLEAN_UP, DROP]);
            let child = TRACE.sync_scope(7, || s.spawn(plain_inheritor(Rc::clone(&seen))));
            sleep(ms(1)).await;
            child.cancel();
            assert!(child.await.unwrap_err().is_cancelled());
            assert_eq!(seen.take(), [TURN, DROP]);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_is_cancelled_before_its_first_turn_sees_the_value_in_its_destructor() {
    let seen = Seen::default();
    block_on(scope(async |s| {
        for cancels in [false, true] {
            let child = TRACE
                .sync_scope(7, || s.spawn(inheritor_that_holds(RecordsDrop(Rc::clone(&seen)))));
            if cancels {
                child.cancel();
            } else {
                child.abort();
            }
            assert!(child.await.unwrap_err().is_cancelled());
            assert_eq!(seen.take(), [DROP]);
        }
    }))
    .unwrap();
}

async fn inheritor_that_holds(_records: RecordsDrop) {
    pending::<()>().await;
}

#[test]
fn a_child_that_is_aborted_or_aborts_itself_sees_the_value_in_its_destructor() {
    let seen = Seen::default();
    let own = &Cell::new(None);
    block_on(scope(async |s| {
        let child = TRACE.sync_scope(7, || s.spawn(inheritor(Rc::clone(&seen), 1)));
        yield_now().await;
        child.abort();
        assert!(child.await.unwrap_err().is_cancelled());
        assert_eq!(seen.take(), [TURN, DROP]);
        let aborts = {
            let records = RecordsDrop(Rc::clone(&seen));
            async move {
                let _records = records;
                let own: turnwise::task::AbortHandle = own.take().unwrap();
                own.abort();
                pending::<()>().await;
            }
        };
        let child = TRACE.sync_scope(7, || s.spawn(aborts));
        own.set(Some(child.abort_handle()));
        assert!(child.await.unwrap_err().is_cancelled());
        assert_eq!(seen.take(), [DROP]);
    }))
    .unwrap();
}

#[test]
fn children_of_a_scope_that_is_stopped_see_the_value_until_their_end() {
    let (scheduler, _) = world();
    for fails in [false, true] {
        let seen = Seen::default();
        let result: Result<(), ScopeError> = scheduler.block_on(scope(async |s| {
            TRACE.sync_scope(7, || {
                s.spawn(inheritor(Rc::clone(&seen), 1));
                s.spawn(plain_inheritor(Rc::clone(&seen)));
            });
            yield_now().await;
            if fails {
                s.try_spawn(async { Err::<(), _>("on purpose") });
            } else {
                s.cancel("enough");
            }
            pending::<()>().await;
        }));
        assert!(result.is_err());
        assert_eq!(seen.take(), [TURN, TURN, CLEAN_UP, DROP, CLEAN_UP, DROP]);
    }
}

#[test]
fn children_of_a_scope_that_is_dropped_see_the_value_in_their_destructors() {
    let seen = Seen::default();
    block_on(async {
        let mut scope = Box::pin(scope(async |s| {
            TRACE.sync_scope(7, || {
                s.spawn(inheritor(Rc::clone(&seen), 1));
                s.spawn(plain_inheritor(Rc::clone(&seen)));
            });
            pending::<()>().await;
        }));
        assert!(poll_once(&mut scope).await.is_pending());
        assert_eq!(seen.take(), [TURN, TURN]);
        TRACE.sync_scope(1, || drop(scope));
        assert_eq!(seen.take(), [DROP, DROP], "their own value, not that of the dropping task");
    });
}

#[test]
fn a_child_that_its_scope_has_not_yet_adopted_sees_the_value_when_it_is_dropped() {
    let seen = Seen::default();
    block_on(async {
        let mut scope = Box::pin(scope(async |s| {
            let seen = &seen;
            let spawns = async move {
                let _late = OnDrop(|| {
                    let records = RecordsDrop(Rc::clone(seen));
                    TRACE.sync_scope(7, || drop(s.spawn(inheritor_that_holds(records))));
                });
                pending::<()>().await;
            };
            s.spawn(spawns);
        }));
        assert!(poll_once(&mut scope).await.is_pending());
    });
    assert_eq!(seen.take(), [DROP]);
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn children_in_tasks_that_are_aborted_cancelled_or_dropped_with_their_scheduler_see_the_value() {
    for how in ["abort", "cancel", "drop", "shutdown"] {
        let (scheduler, _) = world();
        let seen = Seen::default();
        let held = Rc::clone(&seen);
        let handle = scheduler.spawn(async move {
            let never = scope(async |s| {
                TRACE.sync_scope(7, || s.spawn(plain_inheritor(held)));
                pending::<()>().await;
            });
            let _never = never.await;
        });
        scheduler.run_until_stalled();
        match how {
            "abort" => handle.abort(),
            "cancel" => handle.cancel(),
            "shutdown" => assert!(scheduler.shutdown(ms(5)).unwrap().is_clean()),
            _ => {}
        }
        scheduler.run_until_stalled();
        drop::<Scheduler>(scheduler);
        assert_eq!(seen.take(), [TURN, DROP], "{how}");
        assert!(TRACE.try_get().is_err());
    }
}

#[test]
fn a_child_that_panics_leaves_nothing_behind() {
    block_on(async {
        let result = scope(async |s| {
            TRACE.sync_scope(7, || s.spawn(async { std::panic::resume_unwind(Box::new(())) }));
            yield_now().await;
            assert!(TRACE.try_get().is_err());
        });
        assert!(result.await.unwrap_err().failures()[0].is_panic());
        assert!(TRACE.try_get().is_err());
        assert!(spawn(async { TRACE.try_get() }).await.unwrap().is_err());
    });
}

/// Panics when it is cloned.
struct Brittle;

impl Clone for Brittle {
    fn clone(&self) -> Self {
        std::panic::resume_unwind(Box::new(()))
    }
}

task_local! { inherit static BRITTLE: Brittle }

#[test]
fn a_clone_that_panics_in_spawn_leaves_the_scope_as_it_was() {
    let result = block_on(scope(async |s| {
        let spawns = AssertUnwindSafe(|| BRITTLE.sync_scope(Brittle, || drop(s.spawn(async {}))));
        assert!(catch_unwind(spawns).is_err());
        s.spawn(async { 1 }).await.unwrap()
    }));
    assert_eq!(result.unwrap(), 1);
}

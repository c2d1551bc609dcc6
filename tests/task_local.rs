//! Task-locals: a future awaited inside a scope sees its value, and nothing else does; some keys are inherited.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use turnwise::{Scheduler, block_on, sleep, spawn, task, task_local, yield_now};

task_local! {
    static OWN: u32;
    static COUNT: Cell<u32>;
    inherit static HANDED_DOWN: u32;
    inherit static SECOND: Rc<str>;
}

#[test]
fn a_value_is_seen_inside_its_scope_only() {
    block_on(async {
        assert!(OWN.try_get().is_err());
        assert_eq!(OWN.scope(1, async { OWN.get() }).await, 1);
        assert!(OWN.try_get().is_err());
    });
    assert_eq!(OWN.sync_scope(2, || OWN.with(|value| *value)), 2);
    let error = OWN.try_with(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the task-local key has no value here: it was read outside of its `scope`"
    );
}

#[test]
fn the_innermost_scope_wins() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let seen = scheduler.block_on(OWN.scope(1, async {
        let inner = OWN.scope(2, async {
            sleep(Duration::from_secs(1)).await;
            OWN.get()
        });
        (OWN.get(), inner.await, OWN.get())
    }));
    assert_eq!(seen, (1, 2, 1));
}

#[test]
fn tasks_that_take_turns_do_not_see_each_others_values() {
    let scheduler = Scheduler::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    for number in 0..3 {
        let seen = Rc::clone(&seen);
        scheduler.spawn(OWN.scope(number, async move {
            for _ in 0..2 {
                seen.borrow_mut().push(OWN.get());
                yield_now().await;
            }
        }));
    }
    scheduler.spawn(async { assert!(OWN.try_get().is_err()) });
    scheduler.run().unwrap();
    assert_eq!(*seen.borrow(), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_child_inherits_a_clone_of_keys_declared_with_inherit() {
    let seen = block_on(OWN.scope(
        1,
        HANDED_DOWN.scope(2, async {
            let child = spawn(async {
                yield_now().await;
                let grandchild = spawn(async { HANDED_DOWN.get() });
                (HANDED_DOWN.get(), OWN.try_get().is_ok(), grandchild.await.unwrap())
            });
            let own = HANDED_DOWN.sync_scope(3, || spawn(async { HANDED_DOWN.get() }));
            (child.await.unwrap(), own.await.unwrap())
        }),
    ));
    assert_eq!(seen, ((2, false, 2), 3));
    assert!(block_on(spawn_outside()).is_err());
}

async fn spawn_outside() -> Result<u32, task::AccessError> {
    spawn(async { HANDED_DOWN.try_get() }).await.unwrap()
}

#[test]
fn a_child_keeps_its_value_after_the_scope_has_ended() {
    block_on(async {
        let child = HANDED_DOWN.sync_scope(1, || {
            spawn(async {
                for _ in 0..3 {
                    yield_now().await;
                }
                HANDED_DOWN.get()
            })
        });
        assert!(HANDED_DOWN.try_get().is_err());
        assert_eq!(child.await.unwrap(), 1);
    });
}

#[test]
fn several_keys_are_inherited_at_once_and_each_once() {
    let text: Rc<str> = Rc::from("text");
    let inside = Rc::clone(&text);
    let seen = block_on(SECOND.scope(
        Rc::from("outer"),
        HANDED_DOWN.scope(
            1,
            SECOND.scope(inside, async {
                spawn(async { (HANDED_DOWN.get(), SECOND.get()) }).await.unwrap()
            }),
        ),
    ));
    assert_eq!(seen, (1, Rc::clone(&text)));
    drop(seen);
    assert_eq!(Rc::strong_count(&text), 1, "nothing is left of a scope");
}

#[test]
fn every_way_of_spawning_passes_values_on() {
    let scheduler = Scheduler::new();
    let handles = HANDED_DOWN.sync_scope(5, || {
        let future = || async { HANDED_DOWN.get() };
        [
            scheduler.spawn(future()),
            task::Builder::new().name("named").spawn_on(&scheduler, future()),
        ]
    });
    for handle in handles {
        assert_eq!(scheduler.block_on(handle).unwrap(), 5);
    }
}

/// Records which value its destructor sees.
struct RecordsDrop(Rc<Cell<Option<u32>>>);

impl Drop for RecordsDrop {
    fn drop(&mut self) {
        self.0.set(OWN.try_get().or_else(|_| HANDED_DOWN.try_get()).ok());
    }
}

#[test]
fn destructors_see_the_value_too() {
    let held = |seen: &Rc<Cell<Option<u32>>>| {
        let records = RecordsDrop(Rc::clone(seen));
        async move {
            let _records = records;
            std::future::pending::<()>().await;
        }
    };
    let seen = Rc::new(Cell::new(None));
    block_on(async {
        assert!(OWN.scope(1, held(&seen)).now_or_never().is_none());
        assert_eq!(seen.take(), Some(1), "a scope that is dropped midway");
        drop(OWN.scope(2, held(&seen)));
        assert_eq!(seen.take(), Some(2), "a scope that was never polled");
        let aborted = HANDED_DOWN.sync_scope(3, || spawn(held(&seen)));
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!(seen.take(), Some(3), "a task that inherits and is aborted");
    });
}

#[test]
fn the_destructors_of_a_task_see_what_it_inherits_however_it_ends() {
    let scheduler = Scheduler::new();
    let seen = Rc::new(Cell::new(None));
    let inheritor = |future: Box<dyn FnOnce() -> bool>| {
        let records = RecordsDrop(Rc::clone(&seen));
        HANDED_DOWN.sync_scope(4, || {
            scheduler.spawn(async move {
                let _records = records;
                yield_now().await;
                if future() {
                    std::future::pending::<()>().await;
                }
            })
        })
    };
    let returned = inheritor(Box::new(|| false));
    scheduler.block_on(returned).unwrap();
    assert_eq!(seen.take(), Some(4), "it returns");
    let panicked = inheritor(Box::new(|| panic!("on purpose")));
    assert!(scheduler.block_on(panicked).unwrap_err().is_panic());
    assert_eq!(seen.take(), Some(4), "it panics");
    let cancelled = inheritor(Box::new(|| true));
    scheduler.run_until_stalled();
    cancelled.cancel();
    scheduler.run_until_stalled();
    assert_eq!(seen.take(), Some(4), "it is cancelled");
    let place = Rc::new(RefCell::new(None::<turnwise::task::AbortHandle>));
    let own = Rc::clone(&place);
    let aborts_itself = inheritor(Box::new(move || {
        own.borrow().as_ref().unwrap().abort();
        true
    }));
    place.replace(Some(aborts_itself.abort_handle()));
    scheduler.run_until_stalled();
    assert_eq!(seen.take(), Some(4), "it aborts itself in its turn");
    let left = inheritor(Box::new(|| true));
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(seen.take(), Some(4), "its scheduler is dropped");
    assert!(left.is_finished());
}

/// Spawns when it is dropped, which works only if nothing of the scheduler is borrowed.
#[derive(Clone)]
struct Spawns(Rc<Cell<u32>>);

impl Drop for Spawns {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        if task::try_id().is_some() {
            drop(spawn(async {}));
        }
    }
}

task_local! { inherit static SPAWNS: Spawns }

#[test]
fn an_inherited_value_is_dropped_with_nothing_borrowed() {
    let drops = Rc::new(Cell::new(0));
    let value = Spawns(Rc::clone(&drops));
    block_on(SPAWNS.scope(value, async {
        let stuck = spawn(std::future::pending::<()>());
        spawn(async {}).await.unwrap();
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_cancelled());
        drop(spawn(async { panic!("on purpose") }));
        yield_now().await;
    }));
    assert!(
        drops.get() >= 4,
        "three that inherit, and the scope's own; and what they have spawned"
    );
}

/// For each dropped value: its name, and whether each of the two keys was set.
type Drops = Rc<RefCell<Vec<(&'static str, [bool; 2])>>>;

/// Its clones panic when they are dropped.
struct Fragile(&'static str, Option<Drops>, Drops);

impl Fragile {
    fn new(name: &'static str, drops: &Drops) -> Self {
        Fragile(name, None, Rc::clone(drops))
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        Fragile(self.0, Some(Rc::clone(&self.2)), Rc::clone(&self.2))
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let Some(drops) = &self.1 else { return };
        let are_set = [&FRAGILE, &FRAGILE_TOO].map(|key| key.try_with(|_| ()).is_ok());
        drops.borrow_mut().push((self.0, are_set));
        panic!("on purpose");
    }
}

task_local! {
    inherit static FRAGILE: Fragile;
    inherit static FRAGILE_TOO: Fragile;
}

#[test]
fn the_output_is_kept_though_the_future_and_its_inherited_values_panic_when_dropped() {
    let drops = Drops::default();
    let with_both = |call: &mut dyn FnMut()| {
        FRAGILE.sync_scope(Fragile::new("one", &drops), || {
            FRAGILE_TOO.sync_scope(Fragile::new("two", &drops), call);
        });
    };
    let seven = |held: Fragile| {
        std::future::poll_fn(move |_| {
            let _still_there = &held;
            Poll::Ready(7)
        })
    };
    let bomb = Fragile::new("future", &drops);
    let mut outputs = Vec::new();
    block_on(async {
        let mut handle = None;
        with_both(&mut || handle = Some(spawn(seven(bomb.clone()))));
        outputs.push(handle.unwrap().await.ok());
        let child = task::scope(async |s| {
            let mut handle = None;
            with_both(&mut || handle = Some(s.spawn(seven(bomb.clone()))));
            handle.unwrap().await.ok()
        });
        outputs.push(child.await.unwrap());
    });
    assert_eq!(outputs, [Some(7), Some(7)]);
    let once = [("future", [true; 2]), ("one", [false; 2]), ("two", [false; 2])];
    assert_eq!(*drops.borrow(), [once, once].concat());
}

#[test]
fn the_error_of_a_task_that_inherits_is_reported_if_it_is_not_read() {
    let reports = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&reports);
    let scheduler = Scheduler::builder()
        .slow_poll(Duration::MAX)
        .on_report(move |report| log.borrow_mut().push(report.to_string()))
        .build();
    HANDED_DOWN.sync_scope(6, || {
        drop(scheduler.try_spawn(async { Err::<(), _>(HANDED_DOWN.get()) }));
    });
    scheduler.run().unwrap();
    assert!(reports.borrow()[0].ends_with(", returned an error, and nothing read that: 6"));
}

#[test]
fn a_panic_leaves_nothing_behind() {
    block_on(async {
        let panics = HANDED_DOWN.scope(1, OWN.scope(2, async { panic!("on purpose") }));
        let outcome = AssertUnwindSafe(panics).catch_unwind().await;
        assert!(outcome.is_err());
        assert!(OWN.try_get().is_err() && HANDED_DOWN.try_get().is_err());
        assert!(spawn(async { HANDED_DOWN.try_get() }).await.unwrap().is_err());
        let inheritor = HANDED_DOWN.sync_scope(1, || spawn(async { panic!("on purpose") }));
        assert!(inheritor.await.unwrap_err().is_panic());
        assert!(HANDED_DOWN.try_get().is_err());
    });
    let outcome = catch_unwind(|| OWN.sync_scope(1, || panic!("on purpose")));
    assert!(outcome.is_err() && OWN.try_get().is_err());
}

#[test]
fn reading_borrows_nothing() {
    let depth = OWN.sync_scope(1, || {
        OWN.with(|outer| OWN.sync_scope(outer + 1, || OWN.with(|inner| (*outer, *inner))))
    });
    assert_eq!(depth, (1, 2));
}

#[test]
fn the_value_can_be_taken_out() {
    block_on(async {
        let mut counting = pin!(COUNT.scope(Cell::new(0), async {
            for _ in 0..3 {
                COUNT.with(|count| count.set(count.get() + 1));
                yield_now().await;
            }
        }));
        counting.as_mut().await;
        assert_eq!(counting.as_mut().take_value().unwrap().get(), 3);
        assert!(counting.take_value().is_none());
    });
}

/// Panics when it is cloned.
struct Brittle;

impl Clone for Brittle {
    fn clone(&self) -> Self {
        panic!("cannot be cloned")
    }
}

task_local! { inherit static BRITTLE: Brittle }

#[test]
fn a_clone_that_panics_does_so_in_spawn() {
    block_on(BRITTLE.scope(Brittle, async {
        assert!(catch_unwind(|| spawn(async {})).is_err());
        BRITTLE.with(|_| ());
    }));
    block_on(async { spawn(async {}).await.unwrap() });
}

#[test]
fn a_clone_may_spawn() {
    // The inner scheduler is a different one, and its task inherits too: once is enough.
    thread_local! { static ONCE: Cell<bool> = const { Cell::new(false) } }
    struct Once;
    impl Clone for Once {
        fn clone(&self) -> Self {
            if !ONCE.replace(true) {
                drop(Scheduler::new().spawn(async {}));
            }
            Once
        }
    }
    task_local! { inherit static SPAWNS_ONCE: Once }
    block_on(SPAWNS_ONCE.scope(Once, async { spawn(async {}).await.unwrap() }));
    assert!(ONCE.get());
}

#[test]
fn a_scope_of_a_forgotten_future_is_forgotten_too() {
    block_on(async {
        let mut scope = Box::pin(HANDED_DOWN.scope(1, yield_now()));
        assert!(scope.as_mut().now_or_never().is_none());
        std::mem::forget(scope);
        assert!(HANDED_DOWN.try_get().is_err());
        assert!(spawn(async { HANDED_DOWN.try_get() }).await.unwrap().is_err());
    });
}

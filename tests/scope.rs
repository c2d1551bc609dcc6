//! Scopes: children that borrow, and that have all ended when the scope ends.

mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::time::Duration;

use futures::future::{FutureExt as _, LocalBoxFuture};
use turnwise::task::{self, Scope, scope};
use turnwise::{Scheduler, block_on, sleep, yield_now};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn children_borrow_what_lives_around_the_scope() {
    let words = [String::from("one"), String::from("three")];
    let mut longest = 0;
    let sum = block_on(scope(async |s| {
        let first = s.spawn(async { words[0].len() });
        let second = s.spawn(async { words[1].len() });
        s.spawn(async { longest = words.iter().map(String::len).max().unwrap() });
        first.await.unwrap() + second.await.unwrap()
    }));
    assert_eq!(sum.unwrap(), 8);
    assert_eq!(longest, 5);
}

#[test]
fn children_spawn_into_the_scope_and_into_outer_ones() {
    let seen = RefCell::new(Vec::new());
    block_on(scope(async |outer| {
        outer.spawn(async {
            scope(async |inner| {
                inner.spawn(async {
                    outer.spawn(async { seen.borrow_mut().push("outer") });
                    inner.spawn(async { seen.borrow_mut().push("inner") });
                });
            })
            .await
            .unwrap();
            seen.borrow_mut().push("inner scope is over");
        });
    }))
    .unwrap();
    assert_eq!(*seen.borrow(), ["inner", "inner scope is over", "outer"]);
}

fn tree<'scope>(
    s: &'scope Scope<'scope, '_>,
    depth: u32,
    leaves: &'scope Cell<u32>,
) -> LocalBoxFuture<'scope, ()> {
    async move {
        if depth == 0 {
            leaves.set(leaves.get() + 1);
            return;
        }
        s.spawn(tree(s, depth - 1, leaves));
        s.spawn(tree(s, depth - 1, leaves));
    }
    .boxed_local()
}

#[test]
fn a_function_takes_the_scope_and_recurses() {
    let leaves = Cell::new(0);
    block_on(scope(async |s| tree(s, 6, &leaves).await)).unwrap();
    assert_eq!(leaves.get(), 64);
}

#[test]
fn the_scope_ends_after_its_children() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let ended = Cell::new(0);
    scheduler.block_on(async {
        let value = scope(async |s| {
            for seconds in 1..=3 {
                s.spawn({
                    let ended = &ended;
                    async move {
                        sleep(SECOND * seconds).await;
                        ended.set(seconds);
                    }
                });
            }
            "the body is over"
        });
        assert_eq!(value.await.unwrap(), "the body is over");
        assert_eq!(ended.get(), 3);
    });
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn the_first_failure_stops_the_others() {
    let error = block_on(scope(async |s| {
        s.spawn(pending::<()>());
        let failing = s.try_spawn(async {
            yield_now().await;
            "x".parse::<i32>()
        });
        assert!(!failing.is_finished());
        pending::<()>().await;
    }))
    .unwrap_err();
    assert_eq!(error.to_string(), "a child of the scope failed: #3: invalid digit found in string");
    assert_eq!(error.reason(), Some("#3 failed"));
    let _ = task::id;
}

mod probe;

fn nested<'a>(depth: u32, reached: &'a Cell<u32>) -> LocalBoxFuture<'a, ()> {
    async move {
        reached.set(reached.get() + 1);
        if depth == 1 {
            return yield_now().await;
        }
        scope(async |s| {
            s.spawn(nested(depth - 1, reached));
        })
        .await
        .unwrap();
    }
    .boxed_local()
}

#[test]
fn deep() {
    for depth in [100, 200, 300, 500, 800, 1000] {
        let reached = probe::on_stack(2 << 20, move || {
            let reached = Cell::new(0);
            block_on(nested(depth, &reached));
            reached.get()
        });
        println!("{reached}");
    }
}

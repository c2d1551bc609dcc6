//! Scopes that do not end in the usual way: dropped, forgotten, moved, or polled elsewhere.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on as foreign_block_on;
use futures::stream::{FuturesUnordered, StreamExt};
use notes::{ms, poll_once, world};
use probe::{Bomb, Count, OnDrop, Rings, poll_with, text};
use turnwise::task::{self, ScopeError, scope};
use turnwise::{RunError, Scheduler, Transition, block_on, race, sleep, spawn, yield_now};

type Log = RefCell<Vec<&'static str>>;

fn log_on_drop<'a>(log: &'a Log, line: &'static str) -> OnDrop<impl FnMut() + use<'a>> {
    OnDrop(move || log.borrow_mut().push(line))
}

// ----- dropped -----

#[test]
fn dropping_a_scope_drops_the_body_then_the_children_then_what_they_spawn() {
    let log = &Log::default();
    block_on(async {
        let mut scope = Box::pin(scope(async |s| {
            s.spawn(async {
                let _second = log_on_drop(log, "first child");
                let _spawns = OnDrop(|| {
                    s.spawn({
                        let held = log_on_drop(log, "spawned by the first child");
                        async move {
                            let _held = held;
                            log.borrow_mut().push("polled");
                        }
                    });
                });
                pending::<()>().await;
            });
            s.spawn(async {
                let _dropped = log_on_drop(log, "second child");
                pending::<()>().await;
            });
            let _spawns = OnDrop(|| {
                s.spawn({
                    let held = log_on_drop(log, "spawned by the body");
                    async move { drop(held) }
                });
            });
            let _dropped = log_on_drop(log, "body");
            pending::<()>().await;
        }));
        assert!(poll_once(&mut scope).await.is_pending());
        drop(scope);
        assert_eq!(task::try_id().unwrap().as_u64(), 1);
    });
    let expected = [
        "body",
        "first child",
        "second child",
        "spawned by the body",
        "spawned by the first child",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn the_slots_of_dropped_children_are_free_and_their_timers_and_wakers_do_nothing() {
    let (scheduler, _) = world();
    let mut wakers = Vec::new();
    scheduler.block_on(async {
        let waker = RefCell::new(None);
        let mut scope = Box::pin(scope(async |s| {
            s.spawn(sleep(ms(5)));
            s.spawn(std::future::poll_fn(|cx| {
                waker.replace(Some(cx.waker().clone()));
                Poll::<()>::Pending
            }));
        }));
        assert!(poll_once(&mut scope).await.is_pending());
        drop(scope);
        wakers.extend(waker.take());
        sleep(ms(10)).await;
    });
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(scheduler.metrics().alive, 0);
    assert_eq!(scheduler.snapshot().tasks.len(), 0);
    assert_eq!(scheduler.run_until_stalled(), 0);
}

#[test]
fn a_destructor_that_panics_does_not_stop_the_others() {
    let bombs = Count::default();
    let log = &Log::default();
    block_on(async {
        let mut scope = Box::pin(scope(async |s| {
            for _ in 0..2 {
                let bomb = Bomb(bombs.clone());
                s.spawn(async move {
                    let _armed = bomb;
                    pending::<()>().await;
                });
            }
            s.spawn(async {
                let _dropped = log_on_drop(log, "the last one");
                pending::<()>().await;
            });
        }));
        assert!(poll_once(&mut scope).await.is_pending());
        drop(scope);
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    });
    assert_eq!((bombs.get(), log.take()), (2, vec!["the last one"]));
}

#[test]
fn a_scope_that_loses_a_race_is_dropped_with_its_children() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let loser = async {
            let _never = scope(async |s| {
                s.spawn(async {
                    let _dropped = notes.on_drop("dropped");
                    sleep(ms(100)).await;
                });
            })
            .await;
            1
        };
        let winner = async {
            sleep(ms(10)).await;
            2
        };
        let first: [Pin<Box<dyn Future<Output = i32> + '_>>; 2] =
            [Box::pin(loser), Box::pin(winner)];
        assert_eq!(race(first).await, 2);
    });
    assert_eq!(notes.take(), ["10 dropped"]);
}

#[test]
fn an_aborted_task_drops_its_scope() {
    let log = Rc::new(Log::default());
    let scheduler = Scheduler::new();
    let held = Rc::clone(&log);
    let handle = scheduler.spawn(async move {
        let held = &*held;
        let _never = scope(async |s| {
            s.spawn(async {
                let _dropped = log_on_drop(held, "child");
                pending::<()>().await;
            });
        })
        .await;
    });
    scheduler.run_until_stalled();
    handle.abort();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(log.take(), ["child"]);
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_scheduler_that_is_dropped_drops_its_scopes() {
    let log = Rc::new(Log::default());
    let scheduler = Scheduler::new();
    let held = Rc::clone(&log);
    scheduler.spawn(async move {
        let held = &*held;
        let _never = scope(async |s| {
            for _ in 0..2 {
                s.spawn(async {
                    let _dropped = log_on_drop(held, "child");
                    let _spawns = OnDrop(|| drop(spawn(async {})));
                    pending::<()>().await;
                });
            }
            let _dropped = log_on_drop(held, "body");
            pending::<()>().await;
        })
        .await;
    });
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(log.take(), ["body", "child", "child"]);
}

#[test]
fn an_awaited_handle_that_is_dropped_is_in_no_report() {
    let (scheduler, _) = world();
    let error = scheduler.try_block_on(scope(async |s| {
        let mut handle = task::Builder::new().name("child").spawn_in(s, pending::<()>());
        assert!(poll_once(&mut handle).await.is_pending());
        drop(handle);
        pending::<()>().await;
    }));
    let Err(RunError::Deadlock(report)) = error else { panic!("it is a deadlock") };
    let main = report.tasks.iter().find(|task| task.label.is_root).unwrap();
    let waits: Vec<String> = main.waits.iter().map(ToString::to_string).collect();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(waits[0].starts_with("a child of the scope at tests/scope_drop.rs:"), "{waits:?}");
}

// ----- forgotten -----

#[test]
fn a_forgotten_scope_is_reported_and_does_not_keep_the_run_spinning() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        let mut scope = Box::pin(scope(async |s| {
            task::Builder::new().name("lost").spawn_in(s, sleep(ms(5)));
            task::Builder::new().name("idle").spawn_in(s, pending::<()>());
        }));
        assert!(poll_once(&mut scope).await.is_pending());
        std::mem::forget(scope);
    });
    let turns = scheduler.metrics().turns;
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("it is a deadlock") };
    assert_eq!(scheduler.metrics().turns, turns, "no task takes a turn");
    assert!(report.certain);
    let waits: Vec<String> =
        report.tasks.iter().map(|task| format!("{} {}", task.label, task.waits[0])).collect();
    let start = "#3 \"lost\" no task polls its scope at tests/scope_drop.rs:";
    assert!(waits[0].starts_with(start), "{waits:?}");
    assert!(report.to_string().contains("\"lost\"  is ready, but no task polls its scope at"));
    assert_eq!(waits[1], "#4 \"idle\" nothing that could wake it: no waker was kept");
    assert_eq!(scheduler.block_on(async { 7 }), 7, "other tasks still run");
}

// ----- polled elsewhere -----

#[test]
fn scopes_in_futures_unordered_make_progress() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let mut crowd: FuturesUnordered<_> = (1..=3)
            .map(|number| {
                scope(async move |s| {
                    let slow = s.spawn(async move {
                        sleep(ms(10 * (4 - number))).await;
                        number
                    });
                    yield_now().await;
                    slow.await.unwrap()
                })
            })
            .collect();
        while let Some(number) = crowd.next().await {
            notes.add(format!("{}", number.unwrap()));
        }
    });
    assert_eq!(notes.take(), ["10 3", "20 2", "30 1"]);
}

#[test]
fn a_scope_moves_to_another_task() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async move {
        let held = log.clone();
        let mut moving = Box::pin(scope(async move |s| {
            let held = &held;
            s.spawn({
                let held = held.clone();
                async move {
                    sleep(ms(10)).await;
                    held.add("child has ended");
                }
            });
            yield_now().await;
            held.add("body has returned");
        }));
        assert!(poll_once(&mut moving).await.is_pending());
        let other = spawn(async move {
            moving.await.unwrap();
        });
        yield_now().await;
        sleep(ms(5)).await;
        log.add("other things");
        other.await.unwrap();
    });
    assert_eq!(notes.take(), ["0 body has returned", "5 other things", "10 child has ended"]);
}

#[test]
fn the_last_waker_is_woken() {
    let scheduler = Scheduler::new();
    let (rings, waker) = Rings::new();
    let (second_rings, second_waker) = Rings::new();
    let (sender, receiver) = futures::channel::oneshot::channel::<()>();
    let scope = scope(async |s| {
        s.spawn(receiver);
    });
    let mut scope = Box::pin(scope);
    scheduler.block_on(async {
        assert!(poll_with(&mut scope, &waker).is_pending());
        assert!(poll_with(&mut scope, &second_waker).is_pending());
        sender.send(()).unwrap();
    });
    assert_eq!((rings.get(), second_rings.get()), (0, 1));
    assert!(matches!(poll_with(&mut scope, Waker::noop()), Poll::Ready(Ok(()))));
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_scope_without_children_needs_no_scheduler() {
    let sum = foreign_block_on(scope(async |_| 1 + 1));
    assert_eq!(sum.unwrap(), 2);
}

#[test]
fn a_child_without_a_scheduler_is_a_panic_with_a_remedy() {
    let message = catch_unwind(|| {
        foreign_block_on(scope(async |s| {
            s.spawn(async {});
        }))
    })
    .unwrap_err();
    let message = text(&*message);
    assert!(
        message.contains("needs a running scheduler") && message.contains("`block_on`"),
        "{message}"
    );
}

#[test]
fn children_that_have_a_scheduler_continue_when_another_executor_polls_their_scope() {
    let scheduler = Scheduler::new();
    let ids = RefCell::new(Vec::new());
    let mut moving = Box::pin(scope(async |s| {
        s.spawn(async {
            ids.borrow_mut().push(task::id().as_u64());
            yield_now().await;
            ids.borrow_mut().push(task::id().as_u64());
            s.spawn(async { ids.borrow_mut().push(task::id().as_u64()) });
        });
    }));
    scheduler.block_on(async { assert!(poll_once(&mut moving).await.is_pending()) });
    foreign_block_on(moving).unwrap();
    assert_eq!(*ids.borrow(), [2, 2, 3]);
    assert_eq!(task::try_id(), None);
}

#[test]
fn children_cannot_run_their_scheduler_on_another_executor_either() {
    let scheduler = Scheduler::new();
    let refused = Cell::new(false);
    let mut moving = Box::pin(scope(async |s| {
        s.spawn(async {
            yield_now().await;
            refused.set(matches!(scheduler.run(), Err(RunError::Nested(_))));
        });
    }));
    scheduler.block_on(async { assert!(poll_once(&mut moving).await.is_pending()) });
    foreign_block_on(moving).unwrap();
    assert!(refused.get());
}

#[test]
fn a_scope_that_outlives_its_scheduler_drops_its_children_at_its_next_poll() {
    let log = &Log::default();
    let scheduler = Scheduler::new();
    let mut orphan = Box::pin(scope(async |s| {
        let child = s.spawn(async {
            let _dropped = log_on_drop(log, "child");
            pending::<()>().await;
        });
        child.await.unwrap_err().is_cancelled()
    }));
    scheduler.block_on(async { assert!(poll_once(&mut orphan).await.is_pending()) });
    drop(scheduler);
    assert!(log.borrow().is_empty(), "the scope owns the future");
    assert!(foreign_block_on(orphan).unwrap());
    assert_eq!(log.take(), ["child"]);
}

#[test]
fn spawning_into_a_scope_that_outlived_its_scheduler_panics_with_the_reason() {
    let scheduler = Scheduler::new();
    let mut orphan = Box::pin(scope(async |s| {
        s.spawn(pending::<()>());
        yield_now().await;
        s.spawn(async {});
    }));
    scheduler.block_on(async { assert!(poll_once(&mut orphan).await.is_pending()) });
    drop(scheduler);
    let message = catch_unwind(AssertUnwindSafe(|| foreign_block_on(orphan))).unwrap_err();
    assert!(text(&*message).contains("let the scope end before its scheduler does"));
}

#[test]
fn dropping_an_orphaned_scope_does_not_panic() {
    let log = &Log::default();
    let scheduler = Scheduler::new();
    let mut orphan = Box::pin(scope(async |s| {
        s.spawn(async {
            let _dropped = log_on_drop(log, "child");
            pending::<()>().await;
        });
    }));
    scheduler.block_on(async { assert!(poll_once(&mut orphan).await.is_pending()) });
    drop(scheduler);
    drop(orphan);
    assert_eq!(log.take(), ["child"]);
}

#[test]
fn a_child_may_drop_the_last_scheduler_in_its_turn() {
    let scheduler = Rc::new(Scheduler::new());
    let place = Rc::new(RefCell::new(Some(Rc::clone(&scheduler))));
    let polls = Cell::new(0);
    let mut orphan = Box::pin(scope(async |s| {
        s.spawn(async {
            yield_now().await;
            drop(place.take());
            polls.set(polls.get() + 1);
            pending::<()>().await;
        });
        s.spawn(async {
            yield_now().await;
            polls.set(polls.get() + 1);
        });
    }));
    scheduler.block_on(async { assert!(poll_once(&mut orphan).await.is_pending()) });
    drop(scheduler);
    let mut cx = Context::from_waker(Waker::noop());
    let mut polled = orphan.as_mut().poll(&mut cx);
    if polled.is_pending() {
        polled = orphan.as_mut().poll(&mut cx);
    }
    let result: Poll<Result<(), ScopeError>> = polled;
    assert!(matches!(result, Poll::Ready(Ok(()))));
    assert_eq!(polls.get(), 1, "the second one was never polled again");
}

#[test]
fn bells_of_children_may_move_during_the_turn_of_their_parent() {
    // Wakers of the parent and of three children are held elsewhere; a child that ends gives its bell back, and the
    // last bell moves into its place while the parent is taking its turn.
    let scheduler = Scheduler::new();
    let wakers = RefCell::new(Vec::new());
    let keep = |cx: &mut Context<'_>| wakers.borrow_mut().push(cx.waker().clone());
    let rounds = Cell::new(0);
    let value = scheduler.block_on(async {
        scope(async |s| {
            for number in 0..3 {
                let (keep, rounds) = (&keep, &rounds);
                s.spawn(std::future::poll_fn(move |cx| {
                    keep(cx);
                    if rounds.get() > number { Poll::Ready(()) } else { Poll::Pending }
                }));
            }
            std::future::poll_fn(|cx| {
                keep(cx);
                rounds.set(rounds.get() + 1);
                let all = wakers.take();
                all.into_iter().for_each(Waker::wake);
                keep(cx);
                if rounds.get() > 6 { Poll::Ready(7) } else { Poll::Pending }
            })
            .await
        })
        .await
    });
    assert_eq!(value.unwrap(), 7);
    assert_eq!(scheduler.metrics().alive, 0);
}

/// The wake of a child is reported before its scope is rung, and by then the scope may be gone.
#[test]
fn an_observer_may_drop_a_scope_whose_child_was_just_woken() {
    type Shared = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;
    let (shared, waker) = (Shared::default(), Rc::new(RefCell::new(None::<Waker>)));
    let is_armed = Rc::new(Cell::new(false));
    let (watched, armed) = (Rc::clone(&shared), Rc::clone(&is_armed));
    let observer = move |transition: &Transition| {
        if matches!(transition, Transition::Scheduled { .. }) && armed.replace(false) {
            drop(watched.take());
        }
    };
    let scheduler = Scheduler::builder().observer(observer).build();
    let kept = Rc::clone(&waker);
    shared.replace(Some(Box::pin(async move {
        let child = async move {
            poll_fn(|cx| {
                kept.replace(Some(cx.waker().clone()));
                Poll::<()>::Pending
            })
            .await;
        };
        let _ended = scope(async |s| drop(s.spawn(child).await)).await;
    })));
    let polled = Rc::clone(&shared);
    scheduler.spawn(poll_fn(move |cx| match &mut *polled.borrow_mut() {
        Some(scope) => scope.as_mut().poll(cx),
        None => Poll::Ready(()),
    }));
    scheduler.run_until_stalled();
    is_armed.set(true);
    waker.take().unwrap().wake();
    assert!(!is_armed.get() && shared.borrow().is_none(), "the wake was reported");
    assert_eq!(scheduler.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
}

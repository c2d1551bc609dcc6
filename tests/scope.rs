//! Scopes: children may borrow, and all of them have ended when the scope ends.

mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures::future::{FutureExt as _, LocalBoxFuture};
use turnwise::scheduler::TaskState;
use turnwise::task::{self, Scope, ScopeError, TaskId, scope};
use turnwise::{
    JoinError, Policy, RunError, Scheduler, Transition, block_on, sleep, spawn, yield_now,
};

use trace::Log;

const SECOND: Duration = Duration::from_secs(1);

fn virtual_time() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

// ----- borrowing, spawning, results -----

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
fn outputs_may_borrow_too() {
    let text = String::from("a b");
    let parts = block_on(scope(async |s| {
        let first = s.spawn(async { &text[..1] });
        let second = s.spawn(async { &text[2..] });
        [first.await.unwrap(), second.await.unwrap()]
    }));
    assert_eq!(parts.unwrap(), ["a", "b"]);
}

#[test]
fn children_spawn_into_the_scope_and_into_outer_ones() {
    let log = Log::default();
    block_on(scope(async |outer| {
        outer.spawn(async {
            scope(async |inner| {
                inner.spawn(async {
                    outer.spawn(async { log.say("grandchild of the outer one") });
                    inner.spawn(async { log.say("grandchild of the inner one") });
                });
            })
            .await
            .unwrap();
            log.say("the inner one has ended");
        });
    }))
    .unwrap();
    let expected =
        ["grandchild of the outer one", "grandchild of the inner one", "the inner one has ended"];
    assert_eq!(log.take(), expected);
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
    let scheduler = virtual_time();
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
            "the body has returned"
        });
        assert_eq!(value.await.unwrap(), "the body has returned");
        assert_eq!(ended.get(), 3);
    });
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn an_output_is_kept_for_its_handle_and_dropped_without_one() {
    let dropped = probe::Count::default();
    block_on(scope(async |s| {
        let kept = s.spawn(async { probe::OnDrop(|| dropped.add()) });
        s.spawn(async { probe::OnDrop(|| dropped.add()) });
        yield_now().await;
        assert!(kept.is_finished());
        assert_eq!(dropped.get(), 1);
        drop(kept);
        assert_eq!(dropped.get(), 2);
    }))
    .unwrap();
}

#[test]
fn a_handle_describes_its_child() {
    block_on(scope(async |s| {
        let place = line!() + 1;
        let handle = task::Builder::new().name("poller").spawn_in(s, async { task::id() });
        assert_eq!(handle.spawned_at().line(), place);
        assert_eq!(handle.name().as_deref(), Some("poller"));
        assert!(!handle.is_finished());
        let text = format!("{handle:?} {s:?}");
        assert_eq!(
            text,
            "ScopedHandle { id: #2, name: Some(\"poller\"), is_finished: false, .. } \
             Scope { is_stopped: false, .. }"
        );
        let id = handle.id();
        assert_eq!(handle.await.unwrap(), id);
    }))
    .unwrap();
}

#[test]
fn a_handle_that_was_given_up_can_be_awaited_again() {
    let scheduler = virtual_time();
    let value = scheduler.block_on(scope(async |s| {
        let mut handle = s.spawn(async {
            sleep(SECOND).await;
            7
        });
        let given_up = turnwise::timeout(SECOND / 2, &mut handle).await;
        assert!(given_up.is_err());
        handle.await.unwrap()
    }));
    assert_eq!(value.unwrap(), 7);
}

#[test]
#[should_panic = "was polled after completion"]
fn a_handle_that_was_ready_is_not_polled_again() {
    let _ended = block_on(scope(async |s| {
        let mut handle = s.spawn(async {});
        (&mut handle).await.unwrap();
        (&mut handle).await.unwrap();
    }));
}

#[test]
fn children_await_each_other() {
    let log = Log::default();
    block_on(scope(async |s| {
        let first = s.spawn(async {
            yield_now().await;
            log.say("first");
            1
        });
        s.spawn(async {
            let one = first.await.unwrap();
            log.say(format!("after {one}"));
        });
    }))
    .unwrap();
    assert_eq!(log.take(), ["first", "after 1"]);
}

// ----- turns -----

#[test]
fn turns_of_children_are_nested_in_those_of_the_task() {
    let log = Log::default();
    let scheduler = Scheduler::builder().observer(observer(&log)).build();
    scheduler.spawn(async {
        scope(async |s| {
            s.spawn(yield_now());
            s.spawn(async {});
        })
        .await
        .unwrap();
    });
    scheduler.run().unwrap();
    let expected = [
        "spawn #1",
        "turn 1 of #1",
        "spawn #2",
        "spawn #3",
        "turn 2 of #2",
        "end of turn 2 of #2",
        "turn 3 of #3",
        "end of turn 3 of #3",
        "exit #3",
        "end of turn 1 of #1",
        "turn 4 of #1",
        "turn 5 of #2",
        "end of turn 5 of #2",
        "exit #2",
        "end of turn 4 of #1",
        "exit #1",
    ];
    assert_eq!(log.take(), expected);
}

fn observer(log: &Log) -> impl Fn(&Transition) + use<> {
    let log = log.clone();
    move |transition| match transition {
        Transition::TurnBegan { task, turn, .. } => log.say(format!("turn {turn} of {task}")),
        Transition::TurnEnded { task, turn, .. } => {
            log.say(format!("end of turn {turn} of {task}"));
        }
        Transition::Spawned { .. } | Transition::Exited { .. } => log.say(transition.to_string()),
        _ => {}
    }
}

#[test]
fn a_step_reports_the_turns_inside() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        scope(async |s| {
            task::Builder::new().name("first").spawn_in(s, async {});
            s.spawn(async { spawn(async {}).await.unwrap() });
        })
        .await
        .unwrap();
    });
    let turn = scheduler.step().expect("it is ready");
    assert_eq!(turn.nested.len(), 2);
    assert_eq!(turn.nested[0].to_string(), "turn 2: #2 \"first\" returned");
    assert_eq!(turn.nested[1].task.to_string(), "#3");
    assert_eq!(turn.nested[1].woke[0].to_string(), "#4");
    assert!(turn.nested[1].to_string().starts_with("turn 3: #3 waits for task #4, spawned at "));
    let text = turn.to_string();
    assert!(
        text.starts_with("turn 1: #1 waits for a child of the scope at tests/scope.rs:"),
        "{text}"
    );
    assert!(text.ends_with("; woke #4)"), "{text}");
    scheduler.run().unwrap();
}

#[test]
fn only_children_that_were_woken_take_turns() {
    let scheduler = virtual_time();
    let turns = Cell::new(0);
    scheduler.block_on(async {
        scope(async |s| {
            s.spawn(async {
                let mut sleeping = Box::pin(sleep(SECOND * 2));
                std::future::poll_fn(|cx| {
                    turns.set(turns.get() + 1);
                    sleeping.poll_unpin(cx)
                })
                .await;
            });
            s.spawn(async {
                for _ in 0..100 {
                    yield_now().await;
                }
            });
        })
        .await
        .unwrap();
    });
    assert_eq!(turns.get(), 2);
}

#[test]
fn children_are_woken_by_timers_channels_joins_and_other_threads() {
    let scheduler = Scheduler::new();
    let (remote, received) = futures::channel::oneshot::channel::<u8>();
    let (giver, mut taker) = turnwise::channel::mpsc::channel(1);
    let sum = scheduler.block_on(scope(async |s| {
        let by_thread = s.spawn(async { received.await.unwrap() });
        let by_channel = s.spawn(async { taker.recv().await.unwrap() });
        let by_timer = s.spawn(async {
            sleep(Duration::from_millis(1)).await;
            giver.send(2_u8).await.unwrap();
            4_u8
        });
        let by_join = s.spawn(async { spawn(async { 8_u8 }).await.unwrap() });
        yield_now().await;
        std::thread::spawn(move || remote.send(1).unwrap());
        let mut sum = 0;
        for handle in [by_thread.boxed_local(), by_channel.boxed_local(), by_timer.boxed_local()] {
            sum += handle.await.unwrap();
        }
        sum + by_join.await.unwrap()
    }));
    assert_eq!(sum.unwrap(), 15);
}

// A nested turn could lose wakes: while a child takes its turn, "the current bell" is the child's.
#[test]
fn a_child_that_wakes_its_parent_in_its_turn_wakes_it() {
    let scheduler = virtual_time();
    let turns = Cell::new(0);
    scheduler.block_on(async {
        let parent = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
        let mut scope = std::pin::pin!(scope(async |s| {
            s.spawn(async {
                parent.wake_by_ref();
                pending::<()>().await;
            });
        }));
        std::future::poll_fn(|cx| {
            turns.set(turns.get() + 1);
            assert!(scope.as_mut().poll(cx).is_pending());
            if turns.get() == 2 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    });
    assert_eq!(turns.get(), 2);
}

#[test]
fn a_policy_orders_the_children_too() {
    for (policy, expected) in [
        (Policy::Fifo, ["a", "b", "c"]),
        (Policy::Lifo, ["c", "b", "a"]),
        (Policy::Priority, ["c", "a", "b"]),
    ] {
        let log = Log::default();
        let scheduler = Scheduler::builder().policy(policy).build();
        scheduler
            .block_on(scope(async |s| {
                for (name, priority) in [("a", 1), ("b", 0), ("c", 2)] {
                    let log = &log;
                    task::Builder::new()
                        .priority(priority)
                        .spawn_in(s, async move { log.say(name) });
                }
            }))
            .unwrap();
        assert_eq!(log.take(), expected);
    }
}

#[test]
fn snapshots_show_the_children() {
    let scheduler = virtual_time();
    let snapshot = RefCell::new(None);
    scheduler
        .block_on(scope(async |s| {
            let sleeper = task::Builder::new().name("sleeper").spawn_in(s, sleep(SECOND));
            s.spawn(async { snapshot.replace(Some(scheduler.snapshot())) });
            sleeper.await.unwrap();
        }))
        .unwrap();
    let snapshot = snapshot.take().expect("it was taken");
    let states: Vec<_> =
        snapshot.tasks.iter().map(|task| (task.label.to_string(), task.state)).collect();
    let expected = [
        ("#1 main".to_owned(), TaskState::Running),
        ("#2 \"sleeper\"".to_owned(), TaskState::Waiting),
        ("#3".to_owned(), TaskState::Running),
    ];
    assert_eq!(states, expected);
    assert!(snapshot.tasks[1].waits[0].to_string().starts_with("a sleep with 1s left at "));
}

#[test]
fn a_deadlock_between_child_and_parent_is_a_cycle() {
    let lock = turnwise::sync::Mutex::new(()).named("account");
    let error = Scheduler::new()
        .try_block_on(async {
            let _held = lock.lock().await;
            scope(async |s| {
                task::Builder::new().name("child").spawn_in(s, async { drop(lock.lock().await) });
            })
            .await
        })
        .unwrap_err();
    let RunError::Deadlock(report) = error else { panic!("it is a deadlock") };
    assert!(report.certain);
    let text = report.to_string();
    let cycle = "cycle: #1 -> a child of the scope -> #2 -> mutex \"account\" -> #1";
    assert!(text.contains(cycle), "{text}");
}

// ----- failures -----

#[test]
fn the_first_failure_stops_the_other_children_and_is_returned() {
    let log = Log::default();
    let place = Cell::new(0);
    let error = block_on(scope(async |s| {
        s.spawn(async {
            let _guard = probe::OnDrop(|| log.say("dropped"));
            pending::<()>().await;
        });
        let builder = task::Builder::new().name("parser");
        place.set(line!() + 1);
        builder.try_spawn_in(s, async {
            yield_now().await;
            "x".parse::<i32>()
        });
        pending::<()>().await;
    }))
    .unwrap_err();
    assert_eq!(log.take(), ["dropped"]);
    assert_eq!(
        error.to_string(),
        "a child of the scope failed: #3 \"parser\": invalid digit found in string"
    );
    assert_eq!(error.reason(), Some("#3 \"parser\" failed"));
    assert!(!error.is_cancelled());
    let [failure] = error.failures() else { panic!("there is one failure") };
    assert_eq!(failure.id().map(TaskId::as_u64), Some(3));
    assert_eq!((failure.name(), failure.is_body()), (Some("parser"), false));
    assert_eq!(failure.spawned_at().line(), place.get());
    assert!(!failure.is_panic());
    assert!(error.downcast::<std::num::ParseIntError>().is_ok());
}

#[test]
fn a_panic_of_a_child_is_a_failure_and_its_payload_is_kept() {
    let error = block_on(scope(async |s| {
        s.spawn(async { std::panic::panic_any(7_u8) });
        s.spawn(pending::<()>());
    }))
    .unwrap_err();
    assert_eq!(error.to_string(), "a child of the scope failed: #2 panicked");
    let failure = error.into_iter().next().expect("there is one failure");
    assert!(failure.is_panic() && failure.error().is_none());
    let payload = failure.try_into_panic().expect("it is a panic");
    assert_eq!(payload.downcast_ref(), Some(&7_u8));
}

#[test]
fn collect_all_lets_the_other_children_continue() {
    let error = block_on(scope(async |s| {
        s.collect_all();
        let failed = s.try_spawn(async { Err::<(), _>("no") });
        let bug = s.spawn(async { panic!("a bug") });
        let fine = s.spawn(async {
            yield_now().await;
            3
        });
        let failed: JoinError = failed.await.unwrap_err();
        assert!(failed.is_failure() && !failed.is_panic() && !failed.is_cancelled());
        assert_eq!(
            failed.to_string(),
            "task #2 failed: the `ScopeError` of its scope has the error"
        );
        let bug = bug.await.unwrap_err();
        assert_eq!(bug.to_string(), "task #3 panicked: a bug");
        assert_eq!(fine.await.unwrap(), 3);
    }))
    .unwrap_err();
    assert_eq!(error.to_string(), "2 children of the scope failed: #2: no; #3 panicked: a bug");
    assert_eq!(error.reason(), None);
    assert_eq!((&error).into_iter().count(), 2);
    let error = error.downcast::<std::io::Error>().unwrap_err();
    assert_eq!(error.failures().len(), 2, "errors of other types are kept");
}

#[test]
fn a_failure_takes_precedence_over_the_value_of_the_body() {
    let result = block_on(scope(async |s| {
        s.try_spawn(async { Err::<(), _>("no") });
        "a value"
    }));
    assert!(result.is_err());
}

#[test]
fn a_panic_of_the_body_propagates_after_the_children_have_ended() {
    let log = Log::default();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        block_on(scope(async |s| {
            s.spawn(async {
                let _guard = probe::OnDrop(|| log.say("the child is dropped"));
                pending::<()>().await;
            });
            yield_now().await;
            panic!("the body has a bug");
        }))
    }))
    .unwrap_err();
    assert_eq!(probe::text(&*payload), "the body has a bug");
    assert_eq!(log.take(), ["the child is dropped"]);
}

#[test]
fn a_destructor_that_panics_affects_nothing_else() {
    let bombs = probe::Count::default();
    let error = block_on(scope(async |s| {
        let returned = s.spawn({
            let bomb = probe::Bomb(bombs.clone());
            std::future::poll_fn(move |_| {
                let _armed = &bomb;
                std::task::Poll::Ready(7)
            })
        });
        s.spawn({
            let bomb = probe::Bomb(bombs.clone());
            async move {
                let _armed = &bomb;
                pending::<()>().await;
            }
        });
        assert_eq!(returned.await.unwrap(), 7, "an output survives the drop of its future");
        s.cancel("enough");
        pending::<()>().await;
    }))
    .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(bombs.get(), 2);
}

#[test]
fn an_error_converts_into_other_error_types() {
    fn fails() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        block_on(scope(async |s| {
            s.try_spawn(async { std::fs::read("/no/such/file") });
        }))?;
        Ok(())
    }
    let error = fails().unwrap_err();
    let error = error.downcast_ref::<ScopeError>().expect("it is still a `ScopeError`");
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    let source = std::error::Error::source(error).expect("the first failure");
    assert!(source.to_string().starts_with("#2: "), "{source}");
}

// ----- sizes -----

#[test]
fn a_hundred_thousand_siblings() {
    let sum = Cell::new(0_u64);
    let scheduler = Scheduler::new();
    scheduler
        .block_on(scope(async |s| {
            for number in 0..100_000 {
                let sum = &sum;
                s.spawn(async move {
                    yield_now().await;
                    sum.set(sum.get() + number);
                });
            }
        }))
        .unwrap();
    assert_eq!(sum.get(), 100_000 * 99_999 / 2);
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_hundred_thousand_siblings_are_metered_separately() {
    let reports = Rc::new(Cell::new(0));
    let seen = Rc::clone(&reports);
    let scheduler = Scheduler::builder()
        .slow_poll(Duration::from_secs(60))
        .budget(1)
        .on_report(move |_| seen.set(seen.get() + 1))
        .build();
    let cleaned = Cell::new(0);
    scheduler
        .block_on(scope(async |s| {
            for _ in 0..100_000 {
                s.spawn(async {
                    if task::catch_cancel(pending::<()>()).await.is_err() {
                        yield_now().await;
                        cleaned.set(cleaned.get() + 1);
                    }
                });
            }
            yield_now().await;
            s.cancel("enough");
        }))
        .unwrap();
    assert_eq!((cleaned.get(), reports.get()), (100_000, 0));
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_hundred_thousand_siblings_are_stopped() {
    let result = block_on(scope(async |s| {
        for _ in 0..100_000 {
            s.spawn(pending::<()>());
        }
        yield_now().await;
        s.cancel("enough");
        pending::<()>().await;
    }));
    assert!(result.unwrap_err().is_cancelled());
}

fn nested(depth: u32, reached: &Cell<u32>) -> LocalBoxFuture<'_, ()> {
    async move {
        reached.set(reached.get() + 1);
        if depth == 1 {
            return yield_now().await;
        }
        let result = scope(async |s| {
            s.spawn(nested(depth - 1, reached));
        });
        result.await.expect("no child fails");
    }
    .boxed_local()
}

#[test]
fn five_hundred_nested_scopes_on_two_mebibytes() {
    // By default the per-turn meters are on with debug assertions, and off without.
    let counts_all = || Scheduler::builder().slow_poll(SECOND).budget(1);
    let counts_none = || Scheduler::builder().slow_poll(Duration::MAX);
    for builder in [Scheduler::builder, counts_all, counts_none] {
        let reached = probe::on_stack(2 << 20, move || {
            let reached = Cell::new(0);
            builder().build().block_on(nested(500, &reached));
            reached.get()
        });
        assert_eq!(reached, 500);
    }
}

fn nested_forever(depth: u32, reached: Rc<Cell<u32>>) -> LocalBoxFuture<'static, ()> {
    async move {
        reached.set(reached.get() + 1);
        if depth == 1 {
            return pending().await;
        }
        let _never = scope(async |s| {
            s.spawn(nested_forever(depth - 1, Rc::clone(&reached)));
        })
        .await;
    }
    .boxed_local()
}

#[test]
fn five_hundred_nested_scopes_are_dropped_and_cancelled_on_two_mebibytes() {
    for cancels in [false, true] {
        let is_cancelled = probe::on_stack(2 << 20, move || {
            let reached = Rc::new(Cell::new(0));
            let scheduler = Scheduler::new();
            let handle = scheduler.spawn(nested_forever(500, Rc::clone(&reached)));
            scheduler.run_until_stalled();
            assert_eq!(reached.get(), 500);
            if cancels {
                handle.cancel();
            } else {
                handle.abort();
            }
            let outcome = scheduler.block_on(handle);
            assert_eq!(Rc::strong_count(&reached), 1);
            outcome.unwrap_err().is_cancelled()
        });
        assert!(is_cancelled);
    }
}

#[test]
fn an_error_crosses_threads() {
    fn crosses<T: Send + Sync + std::error::Error>() {}
    crosses::<ScopeError>();
    crosses::<task::ChildError>();
}

#[test]
fn slots_and_names_of_children_are_reused() {
    let scheduler = Scheduler::new();
    scheduler.block_on(async {
        for _ in 0..1000 {
            scope(async |s| {
                let named = task::Builder::new().name("again").spawn_in(s, async { task::name() });
                assert_eq!(named.await.unwrap().as_deref(), Some("again"));
                assert_eq!(s.spawn(async { task::name() }).await.unwrap(), None);
            })
            .await
            .unwrap();
        }
    });
    assert_eq!(scheduler.snapshot().tasks.len(), 0);
}

#[test]
fn endings_are_reported() {
    let log = Log::default();
    let seen = log.clone();
    let scheduler = Scheduler::builder()
        .observer(move |transition: &Transition| {
            if let Transition::Exited { task, ending, .. } = transition {
                seen.say(format!("{task} {ending}"));
            }
        })
        .build();
    let _ended = scheduler.block_on(scope(async |s| {
        s.spawn(async {});
        s.spawn(pending::<()>()).abort();
        s.spawn(pending::<()>()).cancel();
        s.spawn(pending::<()>());
        yield_now().await;
        s.spawn(async { panic!("a bug") });
    }));
    let expected =
        ["#2 returned", "#3 aborted", "#4 cancelled", "#6 panicked", "#5 cancelled", "#1 returned"];
    assert_eq!(log.take(), expected);
}

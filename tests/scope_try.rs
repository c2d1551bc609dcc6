//! `try_scope` and `Scope::fail`: the body, and any code in a scope, can stop it with an error.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::pending;
use std::num::ParseIntError;
use std::panic::{AssertUnwindSafe, catch_unwind};

use notes::{ms, world};
use probe::{OnDrop, text};
use turnwise::task::{Builder, ScopeError, TaskId, catch_cancel, mask, scope, try_scope};
use turnwise::{JoinError, Scheduler, block_on, sleep, timeout, yield_now};

/// The failures of a scope, as they print themselves.
fn lines(error: &ScopeError) -> Vec<String> {
    error.failures().iter().map(ToString::to_string).collect()
}

// ----- the body -----

#[test]
fn a_body_that_returns_a_value_gives_that_of_the_scope() {
    let number = block_on(try_scope(async |s| {
        let two = s.spawn(async { 2 });
        Ok::<u32, JoinError>(40 + two.await?)
    }));
    assert_eq!(number.unwrap(), 42);
}

#[test]
fn an_error_of_the_body_stops_the_children_and_is_the_first_failure() {
    let (scheduler, notes) = world();
    let place = Cell::new(0);
    let error = scheduler.block_on(async {
        place.set(line!() + 1);
        let failing = try_scope(async |s| {
            s.spawn(notes.guard("child", 10, pending::<()>()));
            Builder::new().name("odd").try_spawn_in(s, async {
                let _cancelled = catch_cancel(pending::<()>()).await;
                Err::<(), _>("in the clean-up")
            });
            yield_now().await;
            let number: u32 = "4 2".parse()?;
            Ok::<u32, ParseIntError>(number)
        });
        failing.await.unwrap_err()
    });
    assert_eq!(notes.take(), ["0 child caught", "10 child cleaned up"]);
    let expected = ["the body: invalid digit found in string", "#4 \"odd\": in the clean-up"];
    assert_eq!(lines(&error), expected);
    assert_eq!(error.to_string(), format!("the scope failed: {}; {}", expected[0], expected[1]));
    assert_eq!(error.reason(), Some("the body failed"));
    assert!(!error.is_cancelled());
    let [body, child] = error.failures() else { panic!("there are two failures") };
    assert!(body.is_body() && body.id().is_none() && body.name().is_none());
    assert!(!body.is_panic() && body.error().is_some());
    assert_eq!((body.spawned_at().file(), body.spawned_at().line()), (file!(), place.get()));
    assert!(!child.is_body());
    assert_eq!(child.id().map(TaskId::as_u64), Some(4));
    assert!(error.downcast::<ParseIntError>().is_ok());
}

#[test]
fn in_a_plain_scope_an_error_of_the_body_is_a_value_and_stops_nothing() {
    let (scheduler, notes) = world();
    let result = scheduler.block_on(scope(async |s| {
        s.spawn(notes.guard("child", 0, sleep(ms(10))));
        yield_now().await;
        Err::<(), _>("a value")
    }));
    assert_eq!(result.unwrap(), Err("a value"));
    assert_eq!(notes.take(), ["10 child done"]);
}

#[test]
fn a_child_that_fails_first_stops_the_body_and_its_error_comes_second() {
    let error = block_on(try_scope(async |s| {
        s.try_spawn(async { Err::<(), _>("no answer") });
        match catch_cancel(pending::<()>()).await {
            Ok(()) => Ok(()),
            Err(cancelled) => Err(cancelled.reason().to_owned()),
        }
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["#2: no answer", "the body: #2 failed"]);
    assert_eq!(error.reason(), Some("#2 failed"));
}

#[test]
fn a_body_that_awaits_a_child_that_fails_adds_nothing_to_its_failure() {
    let error = block_on(try_scope(async |s| {
        let child = s.try_spawn(async {
            yield_now().await;
            Err::<(), _>("no answer")
        });
        child.await?;
        Ok::<(), JoinError>(())
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["#2: no answer"]);
}

#[test]
fn after_collect_all_the_children_continue_and_every_failure_is_returned() {
    let (scheduler, notes) = world();
    let error = scheduler.block_on(async {
        let failing = try_scope(async |s| {
            s.collect_all();
            s.spawn(notes.guard("child", 0, sleep(ms(10))));
            s.try_spawn(async {
                sleep(ms(20)).await;
                Err::<(), _>("no answer")
            });
            Err::<(), _>("out of paper")
        });
        failing.await.unwrap_err()
    });
    assert_eq!(lines(&error), ["the body: out of paper", "#4: no answer"]);
    assert_eq!(error.reason(), None, "nothing was stopped");
    assert_eq!(notes.take(), ["10 child done"]);
}

#[test]
fn an_error_of_the_body_after_a_cancel_is_a_failure() {
    let error = block_on(try_scope(async |s| {
        s.cancel("one is enough");
        Err::<(), _>("out of paper")
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["the body: out of paper"]);
    assert_eq!(error.reason(), Some("one is enough"));
}

#[test]
fn a_scope_that_is_cancelled_before_its_body_returns_has_no_failure() {
    let error = block_on(try_scope(async |s| {
        s.cancel("one is enough");
        pending::<Result<(), String>>().await
    }))
    .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), "the scope was cancelled: one is enough");
}

#[test]
fn a_panic_of_the_body_propagates_after_the_children_have_ended() {
    let has_ended = Cell::new(false);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let failing = try_scope(async |s| {
            s.spawn(async {
                let _ends = OnDrop(|| has_ended.set(true));
                pending::<()>().await;
            });
            yield_now().await;
            assert!(has_ended.get(), "the body has a bug");
            Err::<(), _>("not reached")
        });
        block_on(failing).is_ok()
    }));
    assert_eq!(text(&*unwound.unwrap_err()), "the body has a bug");
    assert!(has_ended.get());
}

#[test]
fn a_conversion_of_the_error_that_panics_is_a_panic_of_the_body() {
    struct Brittle;
    impl From<Brittle> for Box<dyn Error + Send + Sync> {
        fn from(_: Brittle) -> Self {
            panic!("in the conversion")
        }
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        block_on(try_scope(async |_| Err::<(), _>(Brittle))).is_ok()
    }));
    assert_eq!(text(&*unwound.unwrap_err()), "in the conversion");
}

#[test]
fn the_error_of_a_scope_is_the_error_of_the_body_around_it() {
    let error = block_on(try_scope(async |_| {
        let inner = try_scope(async |s| {
            s.spawn(pending::<()>());
            Err::<(), _>("out of paper")
        });
        inner.await
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["the body: the scope failed: the body: out of paper"]);
    assert_eq!(lines(error.downcast_ref::<ScopeError>().unwrap()), ["the body: out of paper"]);
}

#[test]
fn a_body_needs_no_scheduler_to_fail() {
    let failing = try_scope(async |_| Err::<(), _>("out of paper"));
    let error = futures::executor::block_on(failing).unwrap_err();
    assert_eq!(lines(&error), ["the body: out of paper"]);
}

// ----- from outside -----

#[test]
fn a_request_takes_precedence_over_an_error_of_the_body_and_a_catch_gets_both() {
    let (scheduler, notes) = world();
    let failing = || {
        try_scope(async |s| {
            s.spawn(mask(sleep(ms(50))));
            yield_now().await;
            Err::<(), _>("out of paper")
        })
    };
    scheduler.block_on(async {
        assert!(timeout(ms(20), failing()).await.is_err());
        notes.add("elapsed");
        let late = timeout(ms(20), mask(failing())).await;
        let error = late.expect("a late value is a value").unwrap_err();
        notes.add(error.to_string());
    });
    assert_eq!(notes.take(), ["50 elapsed", "100 the scope failed: the body: out of paper"]);
}

#[test]
fn in_a_shutdown_a_body_may_fail_in_its_clean_up_and_a_catch_around_it_has_dealt_with_that() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let failing = async {
            let result = try_scope(async |s| {
                s.spawn(log.guard("child", 20, pending::<()>()));
                let _cancelled = catch_cancel(pending::<()>()).await;
                sleep(ms(10)).await;
                log.add("the body fails");
                Err::<(), _>("out of paper")
            });
            result.await.is_err()
        };
        catch_cancel(failing).await.is_err()
    });
    scheduler.run_until_stalled();
    assert!(scheduler.shutdown(ms(1000)).unwrap().is_clean());
    assert_eq!(notes.take(), ["0 child caught", "10 the body fails", "20 child cleaned up"]);
    assert_eq!(scheduler.block_on(handle).ok(), Some(true));
}

// ----- `fail` -----

#[test]
fn any_code_in_the_body_can_stop_the_scope_with_an_error() {
    let reached = Cell::new(0);
    let error = block_on(scope(async |s| {
        let check = |number: u32| {
            if number > 1 {
                s.fail(format!("{number} is too much"));
            }
            reached.set(number);
        };
        s.spawn(pending::<()>());
        for number in 0.. {
            check(number);
            yield_now().await;
        }
    }))
    .unwrap_err();
    assert_eq!(reached.get(), 2, "the caller continues up to its next wait");
    assert_eq!(lines(&error), ["the body: 2 is too much"]);
    assert_eq!(error.reason(), Some("the body failed"));
}

#[test]
fn a_failure_is_that_of_the_task_in_which_it_happens() {
    let error = block_on(scope(async |s| {
        Builder::new().name("child").spawn_in(s, async { s.fail("in a child") });
        let continues = mask(async {
            yield_now().await;
            let inner = scope(async |inner| {
                let fails = async { s.fail("in a grandchild") };
                Builder::new().name("grandchild").spawn_in(inner, fails);
                s.fail("in the body of a scope in the body");
            });
            inner.await.unwrap();
        });
        continues.await;
    }))
    .unwrap_err();
    let expected = [
        "#2 \"child\": in a child",
        "the body: in the body of a scope in the body",
        "#3 \"grandchild\": in a grandchild",
    ];
    assert_eq!(lines(&error), expected);
    assert_eq!(error.to_string(), format!("the scope failed: {}", expected.join("; ")));
}

#[test]
fn a_child_that_fails_the_scope_keeps_its_value() {
    let value = RefCell::new(None);
    let error = block_on(scope(async |s| {
        let child = s.spawn(async {
            s.fail("no answer");
            7
        });
        if catch_cancel(pending::<()>()).await.is_err() {
            *value.borrow_mut() = Some(child.await.unwrap());
        }
    }))
    .unwrap_err();
    assert_eq!(value.take(), Some(7));
    assert_eq!(error.to_string(), "a child of the scope failed: #2: no answer");
    assert!(error.failures()[0].spawned_at().file().ends_with("scope_try.rs"));
}

#[test]
fn a_failure_takes_precedence_over_the_value_of_the_body_and_stops_even_after_collect_all() {
    let (scheduler, notes) = world();
    let error = scheduler.block_on(async {
        let failing = scope(async |s| {
            s.collect_all();
            s.spawn(notes.guard("child", 10, pending::<()>()));
            s.spawn(async {
                sleep(ms(5)).await;
                s.fail("no answer");
                s.fail("twice");
            });
            "a value"
        });
        failing.await.unwrap_err()
    });
    assert_eq!(lines(&error), ["#4: no answer", "#4: twice"]);
    assert_eq!(notes.take(), ["5 child caught", "15 child cleaned up"]);
}

#[test]
fn a_destructor_may_fail_the_scope_that_drops_it() {
    let error = block_on(scope(async |s| {
        s.spawn(async {
            let _fails = OnDrop(|| s.fail("half written"));
            pending::<()>().await;
        });
        let _fails = OnDrop(|| s.fail("half read"));
        yield_now().await;
        s.cancel("enough");
        pending::<()>().await;
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["the body: half read", "#2: half written"]);
    assert_eq!(error.reason(), Some("enough"));
}

// ----- what a failure leaves -----

#[test]
fn children_leave_what_they_have_done_in_variables_around_the_scope() {
    let mut pages = [None; 3];
    let error = block_on(try_scope(async |s| {
        for (number, page) in pages.iter_mut().enumerate() {
            s.try_spawn(async move {
                match number {
                    0 => *page = Some(200),
                    1 => return Err("no answer"),
                    _ => *page = Some(pending().await),
                }
                Ok(())
            });
        }
        Ok::<(), String>(())
    }))
    .unwrap_err();
    assert_eq!(lines(&error), ["#3: no answer"]);
    assert_eq!(pages, [Some(200), None, None]);
}

#[test]
fn a_body_that_catches_the_request_has_the_outcome_of_every_child() {
    let (scheduler, _) = world();
    let outcomes = RefCell::new(Vec::new());
    let error = scheduler.block_on(async {
        let failing = scope(async |s| {
            let handles = [
                s.spawn(async { 1 }),
                s.try_spawn(async {
                    sleep(ms(10)).await;
                    Err("no answer")
                }),
                s.spawn(async {
                    let _cancelled = catch_cancel(pending::<()>()).await;
                    sleep(ms(10)).await;
                    3
                }),
                s.spawn(async {
                    let _cancelled = catch_cancel(pending::<()>()).await;
                    panic!("a bug")
                }),
                s.spawn(pending()),
            ];
            if let Err(cancelled) = catch_cancel(pending::<()>()).await {
                for handle in handles {
                    let outcome = handle.await.map_err(|error| error.to_string());
                    outcomes.borrow_mut().push(outcome);
                }
                cancelled.resume().await;
            }
        });
        failing.await.unwrap_err()
    });
    assert_eq!(lines(&error), ["#4: no answer", "#6 panicked: a bug"]);
    let expected = [
        Ok(1),
        Err("task #4 failed: the `ScopeError` of its scope has the error".to_owned()),
        Ok(3),
        Err("task #6 panicked: a bug".to_owned()),
        Err("task #7 was cancelled: #4 failed".to_owned()),
    ];
    assert_eq!(outcomes.take(), expected);
    assert_eq!(scheduler.metrics().alive, 0);
    drop::<Scheduler>(scheduler);
}

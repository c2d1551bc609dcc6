//! `select!`: the first ready branch as written wins, losers are dropped, handlers run in the enclosing function.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Count, Log, Rings, Spot, poll_with, text, virtual_time};
use turnwise::sync::Mutex;
use turnwise::{RunError, Scheduler, block_on, select, sleep, spawn, yield_now};

#[test]
fn of_several_ready_branches_the_one_written_first_wins_every_time() {
    let winners: Vec<i32> = block_on(async {
        let mut winners = Vec::new();
        for _ in 0..5 {
            winners.push(select! {
                value = ready(1) => value,
                value = ready(2) => value,
                value = ready(3) => value,
            });
        }
        winners
    });
    assert_eq!(winners, [1; 5]);
}

/// Gives its number once, and panics if it is polled again after that.
fn once(number: usize) -> impl Future<Output = usize> + Unpin {
    let mut is_done = false;
    poll_fn(move |_| {
        assert!(!std::mem::replace(&mut is_done, true), "{number} was polled after it was ready");
        Poll::Ready(number)
    })
}

// futures-rs#2649, #2635: a branch was polled again after it was ready, and one that was always ready starved
// the others. Here branches are tried in the order written; with conditions, each branch gets its round.
#[test]
fn in_a_loop_over_ready_branches_each_is_chosen_and_none_is_polled_again() {
    let chosen = block_on(async {
        let mut futures = [once(0), once(1), once(2)];
        let mut chosen: Vec<usize> = Vec::new();
        loop {
            let [first, second, third] = &mut futures;
            select! {
                number = first, if !chosen.contains(&0) => chosen.push(number),
                number = second, if !chosen.contains(&1) => chosen.push(number),
                number = third, if !chosen.contains(&2) => chosen.push(number),
                else => break chosen,
            }
        }
    });
    assert_eq!(chosen, [0, 1, 2]);
}

#[test]
fn a_branch_whose_pattern_does_not_fit_is_disabled_and_not_polled_again() {
    let polls = Count::default();
    let value = block_on(async {
        let counted = poll_fn(|_| {
            polls.add();
            Poll::Ready(None::<i32>)
        });
        let late = async {
            yield_now().await;
            yield_now().await;
            Some(7)
        };
        select! {
            Some(value) = counted => value,
            Some(value) = late => value,
        }
    });
    assert_eq!((value, polls.get()), (7, 1));
}

#[test]
fn patterns_of_every_kind_fit_or_do_not() {
    #[derive(Debug)]
    struct NotCopy(i32);
    block_on(async {
        let text = select! {
            (1 | 2, _) = ready((3, "three")) => "one or two".to_owned(),
            Ok(mut text) = ready(Ok::<_, ()>(String::from("moved"))) => {
                text.push_str(" and changed");
                text
            }
        };
        assert_eq!(text, "moved and changed");
        let number = select! {
            Some(NotCopy(..0)) = ready(Some(NotCopy(1))) => 0,
            Some(NotCopy(number @ 1..=5)) = ready(Some(NotCopy(4))) => number,
        };
        assert_eq!(number, 4);
        let all = select! { NotCopy(ref number) = ready(NotCopy(1)) => *number };
        assert_eq!(all, 1);
        let by_reference = [Some(5)];
        let number = select! { &[Some(number)] = ready(&by_reference) => number, else => 0 };
        assert_eq!(number, 5);
        select! { _ = ready(3) => (), }
        select! { "x" = ready("x") => {} else => panic!("it fits") }
    });
}

#[test]
fn the_futures_are_dropped_before_the_handler_runs() {
    let log = Log::default();
    block_on(async {
        let held = log.on_drop("the loser is dropped");
        let loser = async move {
            let _held = held;
            pending::<()>().await;
        };
        let held = log.on_drop("the winner is dropped");
        let winner = async move {
            let _held = held;
        };
        select! {
            () = loser => unreachable!(),
            () = winner => log.note("the handler runs"),
        }
    });
    assert_eq!(log.take(), ["the winner is dropped", "the loser is dropped", "the handler runs"]);
}

#[test]
fn a_handler_may_use_what_the_futures_have_borrowed() {
    async fn next(numbers: &mut Vec<i32>) -> Option<i32> {
        yield_now().await;
        numbers.pop()
    }
    let numbers = block_on(async {
        let mut numbers = vec![1, 2];
        select! {
            Some(number) = next(&mut numbers) => numbers.push(number * 10),
            else => {}
        }
        numbers
    });
    assert_eq!(numbers, [1, 20]);
}

#[test]
fn handlers_may_await_break_continue_return_and_use_question_marks() {
    async fn search(limit: i32) -> Result<&'static str, std::num::ParseIntError> {
        let mut round = 0;
        let found = 'outer: loop {
            round += 1;
            for text in ["1", "2", "three"] {
                select! {
                    () = pending::<()>() => {}
                    () = ready(()), if round < 3 => continue 'outer,
                    text = ready(text) => {
                        yield_now().await;
                        let number: i32 = text.parse()?;
                        if number == limit {
                            break 'outer "found";
                        }
                        if limit < 0 {
                            return Ok("returned");
                        }
                    }
                }
            }
        };
        Ok(found)
    }
    assert_eq!(block_on(search(2)), Ok("found"));
    assert_eq!(block_on(search(-1)), Ok("returned"));
    assert!(block_on(search(9)).is_err());
}

#[test]
fn a_question_mark_in_the_place_of_a_future_leaves_the_function_too() {
    async fn fails() -> Result<i32, String> {
        let made: Result<_, String> = Err("not made".to_owned());
        select! {
            value = made.map(|()| ready(1))? => Ok(value),
            value = ready(2) => Ok(value),
        }
    }
    assert_eq!(block_on(fails()), Err("not made".to_owned()));
}

#[test]
fn the_future_of_a_branch_whose_condition_is_false_is_not_created() {
    block_on(async {
        let mut absent: Option<std::future::Ready<i32>> = None;
        let value = select! {
            value = absent.as_mut().unwrap(), if absent.is_some() => value,
            value = ready(2) => value,
        };
        assert_eq!(value, 2);
    });
}

#[test]
fn conditions_are_evaluated_before_any_future_is_created() {
    let log = Log::default();
    let note = |what: &str| {
        log.note(what);
        true
    };
    block_on(async {
        select! {
            () = { note("future 1"); ready(()) }, if note("condition 1") => {}
            () = { note("future 2"); ready(()) } => {}
            () = { note("future 3"); ready(()) }, if note("condition 3") => {}
        }
    });
    assert_eq!(log.take(), ["condition 1", "condition 3", "future 1", "future 2", "future 3"]);
}

#[test]
fn without_an_else_it_panics_if_no_branch_can_win() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(async {
        select! {
            Some(()) = ready(None) => {}
            () = ready(()), if false => {}
        }
    });
    scheduler.run().unwrap();
    let payload = scheduler.block_on(handle).unwrap_err().into_panic();
    let text = text(&*payload);
    assert_eq!(text, "all branches of this `select!` are disabled, and it has no `else`");
    let only_else = block_on(async {
        select! { else => 3 }
    });
    assert_eq!(only_else, 3);
}

#[test]
fn the_keyword_biased_of_tokio_is_accepted() {
    let value = block_on(async {
        select! {
            biased;
            value = ready(1) => value,
            value = ready(2) => value,
        }
    });
    assert_eq!(value, 1);
}

#[test]
fn a_future_by_reference_survives_and_continues_in_the_next_round() {
    let scheduler = virtual_time();
    let seen = scheduler.block_on(async {
        let mut alarm = pin!(sleep(Duration::from_secs(6)));
        let mut task = spawn(async {
            sleep(Duration::from_secs(3)).await;
            "output"
        });
        let mut seen = Vec::new();
        let mut is_joined = false;
        loop {
            select! {
                () = &mut alarm => break seen,
                output = &mut task, if !is_joined => {
                    seen.push(output.unwrap());
                    is_joined = true;
                }
                () = sleep(Duration::from_secs(2)) => seen.push("round"),
            }
        }
    });
    assert_eq!(seen, ["round", "output", "round"]);
}

#[test]
fn twenty_branches_work() {
    let value = block_on(async {
        select! {
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = pending() => value, value = pending() => value,
            value = pending() => value, value = ready("the last") => value,
        }
    });
    assert_eq!(value, "the last");
}

#[test]
fn a_future_may_borrow_from_a_temporary() {
    async fn length(text: &str) -> usize {
        yield_now().await;
        text.len()
    }
    let value = block_on(async {
        select! { length = length(&String::from("abc")) => length }
    });
    assert_eq!(value, 3);
}

#[test]
fn all_branches_are_polled_with_the_waker_of_the_select() {
    let spots = [Spot::default(), Spot::default()];
    let [first, second] = &spots;
    let (rings, waker) = Rings::new();
    let mut selected = Box::pin(async {
        select! {
            () = first.wait() => 1,
            () = second.wait() => 2,
        }
    });
    assert!(poll_with(&mut selected, &waker).is_pending());
    assert!(spots.iter().all(|spot| spot.waker().will_wake(&waker)));
    second.open();
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut selected, &waker), Poll::Ready(2));
}

#[test]
fn a_report_shows_the_waiting_branches_and_none_of_earlier_selects() {
    let scheduler = Scheduler::new();
    let outcome = scheduler.try_block_on(async {
        let [first, second, third] =
            ["first", "second", "third"].map(|name| Mutex::new(()).named(name));
        for lock in [&first, &second, &third] {
            std::mem::forget(lock.lock().await);
        }
        select! {
            _guard = first.lock() => {}
            () = yield_now() => {}
        }
        select! {
            _guard = second.lock() => {}
            _guard = third.lock() => {}
        }
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain && !text.contains("\"first\""), "{text}");
    assert!(text.contains("\"second\"") && text.contains("\"third\""), "{text}");
}

// async-lock#91 and others: a loser that is only borrowed was handed a lock, and is not polled while the
// handler waits for that lock.
#[test]
fn a_handler_that_waits_for_a_lock_handed_to_a_borrowed_loser_is_reported_as_a_cycle() {
    let scheduler = Scheduler::new();
    let outcome = scheduler.try_block_on(async {
        let lock = Mutex::new(()).named("futurelock");
        let guard = lock.lock().await;
        let mut borrowed = pin!(lock.lock());
        let release = async {
            yield_now().await;
            drop(guard);
        };
        select! {
            _guard = &mut borrowed => {}
            () = release => {
                let _guard = lock.lock().await;
            }
        }
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(text.contains("cycle: #1 -> mutex \"futurelock\" -> #1"), "{text}");
    assert!(report.certain);
}

#[test]
fn a_loser_that_is_dropped_passes_on_a_lock_that_it_was_handed() {
    block_on(async {
        let lock = Mutex::new(1);
        let guard = lock.lock().await;
        let release = async {
            yield_now().await;
            drop(guard);
        };
        let value = select! {
            _guard = lock.lock() => 0,
            () = release => *lock.lock().await,
        };
        assert_eq!(value, 1);
    });
}

#[test]
fn a_panic_in_a_branch_reaches_the_caller_and_drops_the_others() {
    let dropped = Count::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let held = dropped.token();
            let loser = async {
                let _held = held;
                pending::<()>().await;
            };
            select! {
                () = loser => {}
                () = async { panic!("a bug") } => {}
            }
        });
    }));
    assert_eq!(text(&*outcome.unwrap_err()), "a bug");
    assert_eq!(dropped.get(), 1);
}

#[test]
fn it_works_on_other_executors_and_inside_their_combinators() {
    async fn first() -> i32 {
        let late = async {
            yield_now().await;
            1
        };
        select! {
            value = pending() => value,
            value = late => value,
        }
    }
    assert_eq!(futures::executor::block_on(first()), 1);
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(tokio.block_on(first()), 1);
    block_on(async {
        let group: FuturesUnordered<_> = (0..5).map(|_| first()).collect();
        assert_eq!(group.collect::<Vec<_>>().await, [1; 5]);
    });
}

#[test]
fn a_select_inside_a_select_and_in_a_handler() {
    let value = block_on(async {
        select! {
            value = async { select! { value = ready(1) => value + 1, () = pending() => 0 } } => {
                select! { more = ready(10) => value + more, }
            }
            () = pending() => 0,
        }
    });
    assert_eq!(value, 12);
}

#[test]
fn the_losers_of_a_select_in_a_task_that_is_aborted_are_dropped() {
    let scheduler = Scheduler::new();
    let dropped = Count::default();
    let held = RefCell::new(Some((dropped.token(), dropped.token())));
    let (first, second) = held.take().unwrap();
    let handle = scheduler.spawn(async move {
        select! {
            () = async move { let _first = first; pending().await } => {}
            () = async move { let _second = second; pending().await } => {}
        }
    });
    scheduler.run_until_stalled();
    handle.abort();
    scheduler.run().unwrap();
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_destructor_of_a_loser_may_spawn() {
    let log = Log::default();
    let rounds = Cell::new(0);
    block_on(async {
        let loser = async {
            let _wakes = probe::OnDrop(|| {
                rounds.set(rounds.get() + 1);
                drop(spawn(async {}));
            });
            pending::<()>().await;
        };
        select! {
            () = loser => {}
            () = yield_now() => log.note("won"),
        }
    });
    assert_eq!((log.take(), rounds.get()), (vec!["won".to_owned()], 1));
    assert!(
        poll_with(
            &mut Box::pin(async {
                select! { () = pending() => {} }
            }),
            Waker::noop()
        )
        .is_pending()
    );
}

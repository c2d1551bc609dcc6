//! Generators and coroutines: what next, send, throw and close guarantee. Async ones are in `generator_async.rs`.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::task::Poll;

use turnwise::Generator;
use turnwise::generator::{
    AlreadyRunning, AlreadyStarted, Coroutine, GeneratorExit, GeneratorState, IgnoredExit, Thrown,
};

/// Sets a flag when it is dropped.
struct Flag<'a>(&'a Cell<bool>);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        assert!(!self.0.replace(true), "it is dropped once");
    }
}

fn countdown(n: u32) -> Generator<'static, u32, &'static str> {
    Generator::new(async move |co| {
        for i in (1..=n).rev() {
            co.yield_(i).await;
        }
        "liftoff"
    })
}

fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(work)) else { panic!("it does not panic") };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

// ----- starting and ending -----

#[test]
fn nothing_runs_before_the_first_next() {
    let ran = Cell::new(0);
    let mut generator = Generator::new(|co: turnwise::generator::Co<u32>| {
        ran.set(1); // Not even the part of a function before it returns its future.
        let ran = &ran;
        async move {
            ran.set(2);
            co.yield_(7).await;
        }
    });
    assert_eq!((ran.get(), generator.state()), (0, GeneratorState::Created));
    assert_eq!(generator.next(), Some(7));
    assert_eq!((ran.get(), generator.state()), (2, GeneratorState::Suspended));
}

#[test]
fn it_runs_to_a_yield_and_no_further() {
    let log = RefCell::new(Vec::new());
    let mut generator = Generator::new(async |co| {
        for i in 0..2 {
            log.borrow_mut().push(i);
            co.yield_(i).await;
        }
    });
    assert_eq!(generator.next(), Some(0));
    assert_eq!(*log.borrow(), [0]);
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.next(), None);
    assert_eq!(*log.borrow(), [0, 1]);
}

#[test]
fn its_result_is_available_after_the_end_and_once() {
    let mut generator = countdown(1);
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.take_result(), None);
    assert_eq!(generator.next(), None);
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert_eq!(generator.take_result(), Some("liftoff"));
    assert_eq!(generator.take_result(), None);
    assert_eq!(generator.next(), None, "and it stays closed");
    assert_eq!(generator.throw("late").unwrap_err().to_string(), "late");
    assert!(generator.close().is_ok());
}

#[test]
fn it_is_an_iterator_like_any_other() {
    assert_eq!(countdown(5).filter(|n| n % 2 == 1).collect::<Vec<_>>(), [5, 3, 1]);
    let mut sum = 0;
    for n in countdown(3) {
        sum += n;
    }
    assert_eq!(sum, 6);
}

#[test]
fn it_is_started_once() {
    let generator = countdown(2);
    assert_eq!(generator.start(), Ok(Some(2)));
    assert_eq!(generator.start(), Err(AlreadyStarted));
    assert_eq!(generator.try_next(), Ok(Some(1)));
    let empty: Generator<'_, u32> = Generator::new(async |_| ());
    assert_eq!(empty.start(), Ok(None));
    assert_eq!(empty.start(), Err(AlreadyStarted));
}

#[test]
fn a_body_may_borrow_mutably_and_values_need_not_be_static() {
    let mut words = vec!["one".to_owned(), "two".to_owned()];
    let mut lengths = Generator::new(async |co| {
        for word in &mut words {
            word.push('!');
            co.yield_(&*word).await;
        }
    });
    assert_eq!(lengths.next().map(String::as_str), Some("one!"));
    drop(lengths);
    assert_eq!(words, ["one!", "two"]);
}

// ----- send -----

#[test]
fn a_yield_returns_what_is_sent() {
    let echo = Generator::new(async |co| {
        let mut received = 0;
        for _ in 0..3 {
            received = co.yield_(received * 10).await;
        }
        received
    });
    assert_eq!(echo.start(), Ok(Some(0)));
    assert_eq!(echo.send(1), Ok(Some(10)));
    assert_eq!(echo.send(2), Ok(Some(20)));
    assert_eq!(echo.send(3), Ok(None));
    assert_eq!(echo.take_result(), Some(3));
}

#[test]
fn a_value_that_no_yield_waits_for_is_handed_back() {
    let generator = Generator::new(async |co| {
        let _: String = co.yield_(1).await;
    });
    let error = generator.send("early".to_owned()).unwrap_err();
    assert!(error.is_just_started() && !error.is_over() && !error.is_running());
    assert_eq!(
        error.to_string(),
        "cannot send a value to a generator that was not started: call `start` first"
    );
    assert_eq!(error.value, "early");
    assert_eq!(generator.state(), GeneratorState::Created, "and nothing has happened");
    assert_eq!(generator.start(), Ok(Some(1)));
    assert_eq!(generator.send("in time".to_owned()), Ok(None));
    let error = generator.send("late".to_owned()).unwrap_err();
    assert!(error.is_over());
    assert_eq!(
        (error.to_string(), error.value),
        ("the generator has finished".to_owned(), "late".to_owned())
    );
}

#[test]
fn try_next_sends_the_default_to_a_generator_that_takes_values() {
    let generator = Generator::new(async |co| {
        let mut sent = None;
        loop {
            sent = co.yield_(sent).await;
            if sent == Some(0) {
                return;
            }
        }
    });
    assert_eq!(generator.try_next(), Ok(Some(None)));
    assert_eq!(generator.send(Some(5)), Ok(Some(Some(5))));
    assert_eq!(generator.try_next(), Ok(Some(None)));
    assert_eq!(generator.send(Some(0)), Ok(None));
    assert_eq!(generator.try_next(), Ok(None));
}

// ----- throw -----

#[test]
fn a_plain_yield_does_not_receive_an_error_and_ends_there() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        co.yield_(1).await;
        unreachable!("it is dropped in its yield");
    });
    assert_eq!(generator.next(), Some(1));
    let thrown = generator.throw(std::fmt::Error).unwrap_err();
    assert!(dropped.get() && thrown.is::<std::fmt::Error>());
    assert_eq!(generator.next(), None);
}

#[test]
fn a_try_yield_receives_the_error_and_continues() {
    let generator = Generator::new(async |co| {
        let mut log: Vec<String> = Vec::new();
        while log.len() < 3 {
            match co.try_yield(log.len()).await {
                Ok(sent) => log.push(sent),
                Err(thrown) => log.push(format!("error: {thrown}")),
            }
        }
        log
    });
    assert_eq!(generator.start(), Ok(Some(0)));
    assert_eq!(generator.throw("one").unwrap(), Some(1));
    assert_eq!(generator.send("two".to_owned()), Ok(Some(2)));
    assert_eq!(generator.throw("three").unwrap(), None);
    assert_eq!(generator.take_result().unwrap(), ["error: one", "two", "error: three"]);
}

#[test]
fn an_error_that_the_body_raises_comes_out_of_throw() {
    let dropped = Cell::new(false);
    let generator: Generator<'_, u32> = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        let thrown = co.try_yield(1).await.unwrap_err();
        co.raise(Thrown::new(format!("{thrown}, and more"))).await;
    });
    assert_eq!(generator.try_next(), Ok(Some(1)));
    assert_eq!(generator.throw("this").unwrap_err().to_string(), "this, and more");
    assert!(dropped.get());
    assert_eq!(generator.state(), GeneratorState::Closed);
}

#[test]
fn an_error_that_is_thrown_before_the_start_ends_it_unrun() {
    let dropped = Cell::new(false);
    let flag = Flag(&dropped);
    let mut generator = Generator::new(async move |co| {
        let _flag = flag;
        co.yield_(1).await;
        unreachable!("it never runs");
    });
    assert_eq!(generator.throw("no").unwrap_err().to_string(), "no");
    assert!(dropped.get());
    assert_eq!(generator.next(), None);
}

#[test]
fn an_error_that_is_raised_without_a_throw_is_a_panic_that_says_so() {
    for yields in 0..2 {
        let mut generator: Generator<'_, u32> = Generator::new(async |co| {
            co.yield_all(0..yields).await;
            co.raise(Thrown::new("out of paper")).await;
        });
        generator.by_ref().take(yields as usize).for_each(drop);
        let panic = panic_of(|| generator.next());
        assert!(panic.contains("tests/generator.rs"), "{panic}");
        assert!(
            panic.ends_with("raised an error, but none was thrown into it (return a `Result` instead): out of paper"),
            "{panic}"
        );
        assert_eq!((generator.next(), generator.state()), (None, GeneratorState::Closed));
    }
}

// ----- close -----

#[test]
fn closing_drops_the_body_in_its_yield() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        loop {
            co.yield_(1).await;
        }
    });
    assert_eq!(generator.next(), Some(1));
    assert!(generator.close().is_ok());
    assert!(dropped.get());
    assert!(generator.close().is_ok(), "closing twice is fine");
    assert_eq!(generator.next(), None);
}

#[test]
fn a_try_yield_may_clean_up_when_it_is_closed_and_return_something() {
    let mut generator = Generator::new(async |co| match co.try_yield(1).await {
        Ok(()) => "continued",
        Err(thrown) => {
            assert!(thrown.is_exit() && thrown.is::<GeneratorExit>());
            "Going away. Goodbye"
        }
    });
    assert_eq!(generator.next(), Some(1));
    assert!(generator.close().is_ok());
    assert_eq!(generator.take_result(), Some("Going away. Goodbye"));
}

#[test]
fn raising_the_exit_again_closes_it_too() {
    let mut generator: Generator<'_, u32> = Generator::new(async |co| {
        let thrown = co.try_yield(1).await.unwrap_err();
        co.raise(thrown).await;
    });
    assert_eq!(generator.next(), Some(1));
    assert!(generator.close().is_ok());
    assert_eq!(generator.take_result(), None);
}

#[test]
fn a_yield_during_a_close_is_an_error_and_closes_it_nevertheless() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        loop {
            let _ = co.try_yield(1).await;
        }
    });
    assert_eq!(generator.next(), Some(1));
    let error = generator.close().unwrap_err();
    assert!(error.is::<IgnoredExit>());
    assert_eq!(
        error.to_string(),
        "the generator ignored `GeneratorExit`: it yielded a value while it was being closed"
    );
    assert!(dropped.get());
    assert_eq!(generator.next(), None);
}

#[test]
fn an_error_that_is_raised_instead_of_the_exit_comes_out_of_close() {
    let mut generator: Generator<'_, u32> = Generator::new(async |co| {
        let _ = co.try_yield(1).await;
        co.raise(Thrown::new("the disk is full")).await;
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.close().unwrap_err().to_string(), "the disk is full");
    assert_eq!(generator.state(), GeneratorState::Closed);
}

#[test]
fn dropped_half_way_its_destructors_run_and_the_body_is_not_resumed() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        let _ = co.try_yield(1).await;
        unreachable!("a drop does not resume the body");
    });
    assert_eq!(generator.next(), Some(1));
    drop(generator);
    assert!(dropped.get());
}

// ----- reentrancy, panics and other waits -----

#[test]
fn a_generator_that_calls_itself_gets_an_error_each_time() {
    let generator = Rc::new_cyclic(|this: &Weak<Generator<'static, bool>>| {
        let this = this.clone();
        Generator::new(async move |co| {
            let this = this.upgrade().unwrap();
            assert_eq!(this.state(), GeneratorState::Running);
            let next = this.try_next() == Err(AlreadyRunning);
            let send = this.send(()).unwrap_err().is_running();
            let start = this.start() == Err(AlreadyStarted);
            let throw = this.throw("me").unwrap_err().is::<AlreadyRunning>();
            let close = this.close().unwrap_err().is::<AlreadyRunning>();
            co.yield_(next && send && start && throw && close).await;
        })
    });
    assert_eq!(generator.try_next(), Ok(Some(true)));
    assert_eq!(generator.try_next(), Ok(None));
}

#[test]
fn coroutines_that_send_in_a_cycle_get_an_error() {
    let other: RefCell<Weak<Coroutine<'_, u32>>> = RefCell::new(Weak::new());
    let error = Cell::new(None);
    let first = Rc::new(Coroutine::new(async |co| {
        loop {
            let number = co.receive().await;
            let next = other.borrow().upgrade().unwrap();
            if let Err(refused) = next.send(number + 1) {
                error.set(Some((refused.is_running(), refused.value)));
            }
        }
    }));
    *other.borrow_mut() = Rc::downgrade(&first);
    assert_eq!(first.send(1), Ok(true));
    assert_eq!(error.get(), Some((true, 2)));
}

#[test]
fn a_panic_comes_out_once_and_then_it_is_closed() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        co.yield_(1).await;
        panic!("out of cheese");
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(panic_of(|| generator.next()), "out of cheese");
    assert!(dropped.get());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert_eq!(generator.next(), None);
    assert!(generator.send(()).unwrap_err().is_over());
}

#[test]
fn a_body_that_waits_for_something_else_panics_and_says_what_to_use() {
    let dropped = Cell::new(false);
    let mut generator = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        co.yield_(1).await;
        pending::<()>().await;
    });
    assert_eq!(generator.next(), Some(1));
    let panic = panic_of(|| generator.next());
    assert!(
        panic.starts_with("the body of the generator created at tests/generator.rs:"),
        "{panic}"
    );
    assert!(panic.ends_with("use an `AsyncGenerator` to await other futures"), "{panic}");
    assert!(dropped.get());
    assert_eq!(generator.next(), None);
}

#[test]
fn a_ready_future_may_be_awaited() {
    let mut generator = Generator::new(async |co| {
        let n = std::future::ready(5).await;
        co.yield_(n).await;
    });
    assert_eq!(generator.next(), Some(5));
    assert_eq!(generator.next(), None);
}

#[test]
fn two_yields_at_the_same_time_are_a_panic() {
    let mut generator = Generator::new(async |co| {
        turnwise::join!(co.yield_(1), co.yield_(2));
    });
    let panic = panic_of(|| generator.next());
    assert!(panic.contains("two yields were polled at once"), "{panic}");
    assert_eq!(generator.next(), None);
}

#[test]
fn a_yield_that_is_given_up_immediately_is_taken_back() {
    let mut generator = Generator::new(async |co| {
        turnwise::select! {
            () = co.yield_(1) => unreachable!("the other one is ready"),
            () = async {} => {}
        }
        co.yield_(2).await;
    });
    assert_eq!(generator.next(), Some(2));
    assert_eq!(generator.next(), None);
}

#[test]
fn a_value_sent_to_a_yield_that_is_given_up_is_dropped_with_it() {
    let dropped = Cell::new(false);
    let generator = Generator::new(async |co| {
        let mut given_up = Box::pin(co.yield_(1));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 1 { given_up.as_mut().poll(cx).map(drop) } else { Poll::Ready(()) }
        })
        .await;
        drop(given_up);
        assert!(dropped.get());
        let _: Option<Flag<'_>> = co.yield_(2).await;
    });
    assert_eq!(generator.start(), Ok(Some(1)));
    assert_eq!(generator.send(Some(Flag(&dropped))).unwrap(), Some(2));
    assert_eq!(generator.send(None).unwrap(), None);
}

#[test]
fn a_yield_inside_of_a_combinator_that_polls_only_woken_futures_is_woken() {
    let mut generator = Generator::new(async |co| {
        for n in 0..3 {
            turnwise::join_all([co.yield_(n)]).await;
        }
    });
    assert_eq!(generator.next(), Some(0));
    assert_eq!(generator.by_ref().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_yield_that_outlives_its_body_is_refused() {
    let stash: RefCell<Option<turnwise::generator::Co<u32>>> = RefCell::new(None);
    let mut generator = Generator::new(async |co| {
        co.yield_(1).await;
        *stash.borrow_mut() = Some(co);
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.next(), None);
    let co = stash.take().unwrap();
    let panic = panic_of(|| {
        Generator::new(async |_: turnwise::generator::Co<u32>| co.yield_(2).await).next()
    });
    assert!(panic.contains("or one outside its generator"), "{panic}");
    assert_eq!((generator.next(), generator.state()), (None, GeneratorState::Closed));
}

#[test]
fn a_destructor_may_call_the_generator_that_it_belongs_to() {
    struct Calls(Weak<Generator<'static, u32>>, Rc<Cell<bool>>);
    impl Drop for Calls {
        fn drop(&mut self) {
            let this = self.0.upgrade().unwrap();
            self.1.set(this.try_next() == Ok(None) && this.close().is_ok());
        }
    }
    let called = Rc::new(Cell::new(false));
    let generator = Rc::new_cyclic(|this: &Weak<Generator<'static, u32>>| {
        let calls = Calls(this.clone(), Rc::clone(&called));
        Generator::new(async move |co| {
            let _calls = calls;
            co.yield_(1).await;
        })
    });
    assert_eq!(generator.try_next(), Ok(Some(1)));
    assert!(generator.close().is_ok());
    assert!(called.get());
}

#[test]
fn generators_run_inside_of_generators_and_of_tasks() {
    let mut outer = Generator::new(async |co| {
        for n in countdown(3) {
            co.yield_(countdown(n).sum::<u32>()).await;
        }
    });
    let sums = turnwise::block_on(async {
        let mut sums = Vec::new();
        for sum in &mut outer {
            sums.push(sum);
            turnwise::yield_now().await;
        }
        sums
    });
    assert_eq!(sums, [6, 3, 1]);
}

// ----- yield from -----

#[test]
fn sends_and_throws_reach_the_inner_generator_and_its_result_comes_back() {
    let inner = || {
        Generator::new(async |co| {
            let mut log: Vec<String> = Vec::new();
            while log.len() < 2 {
                match co.try_yield(log.len()).await {
                    Ok(sent) => log.push(sent),
                    Err(thrown) if thrown.is_exit() => co.raise(thrown).await,
                    Err(thrown) => log.push(format!("error: {thrown}")),
                }
            }
            log
        })
    };
    let outer = Generator::new(async |co| {
        let log = co.yield_from(inner()).await;
        co.yield_(99).await;
        log
    });
    assert_eq!(outer.start(), Ok(Some(0)));
    assert_eq!(outer.send("hello".to_owned()), Ok(Some(1)));
    assert_eq!(outer.throw("ouch").unwrap(), Some(99));
    assert_eq!(outer.send(String::new()), Ok(None));
    assert_eq!(outer.take_result().unwrap(), ["hello", "error: ouch"]);
}

#[test]
fn an_error_that_the_inner_generator_does_not_catch_ends_both() {
    let dropped = Cell::new(false);
    let mut outer = Generator::new(async |co| {
        let _flag = Flag(&dropped);
        co.yield_from(countdown(3)).await;
    });
    assert_eq!(outer.next(), Some(3));
    assert_eq!(outer.throw("stop").unwrap_err().to_string(), "stop");
    assert!(dropped.get());
    assert_eq!(outer.next(), None);
}

#[test]
fn closing_the_outer_generator_closes_the_inner_one_first() {
    let log = RefCell::new(Vec::new());
    let inner = || {
        Generator::new(async |co| {
            let exit = co.try_yield(1).await.is_err();
            log.borrow_mut().push(format!("inner, by an exit: {exit}"));
        })
    };
    let mut outer = Generator::new(async |co| {
        struct Last<'a>(&'a RefCell<Vec<String>>);
        impl Drop for Last<'_> {
            fn drop(&mut self) {
                self.0.borrow_mut().push("outer".to_owned());
            }
        }
        let _last = Last(&log);
        co.yield_from(inner()).await;
        unreachable!("it is closed in its inner generator");
    });
    assert_eq!(outer.next(), Some(1));
    assert!(outer.close().is_ok());
    assert_eq!(*log.borrow(), ["inner, by an exit: true", "outer"]);
}

#[test]
fn an_inner_generator_that_ignores_the_exit_is_an_error_of_the_outer_close() {
    let mut outer = Generator::new(async |co| {
        let stubborn = Generator::new(async |co| {
            while co.try_yield(1).await.is_ok() {}
            co.yield_(2).await;
        });
        co.yield_from(stubborn).await;
    });
    assert_eq!(outer.next(), Some(1));
    assert!(outer.close().unwrap_err().is::<IgnoredExit>());
}

#[test]
fn an_inner_generator_that_was_started_continues_and_one_that_has_ended_gives_its_result() {
    let mut started = countdown(3);
    assert_eq!(started.next(), Some(3));
    let mut ended = countdown(0);
    assert_eq!(ended.next(), None);
    let mut outer = Generator::new(async |co| {
        let first = co.yield_from(started).await;
        let second = co.yield_from(ended).await;
        [first, second]
    });
    assert_eq!(outer.by_ref().collect::<Vec<_>>(), [2, 1]);
    assert_eq!(outer.take_result(), Some(["liftoff"; 2]));
}

// ----- coroutines -----

#[test]
fn a_coroutine_is_primed_when_it_is_created() {
    let log = RefCell::new(Vec::new());
    let grep = Coroutine::new(async |co| {
        log.borrow_mut().push("Looking for python".to_owned());
        loop {
            let line: String = co.receive().await;
            if line.contains("python") {
                log.borrow_mut().push(line);
            }
        }
    });
    assert_eq!(*log.borrow(), ["Looking for python"]);
    assert_eq!(grep.state(), GeneratorState::Suspended);
    assert_eq!(grep.send("a boa".to_owned()), Ok(true));
    assert_eq!(grep.send("a python".to_owned()), Ok(true));
    assert_eq!(log.borrow().len(), 2);
}

#[test]
fn a_send_reports_that_a_coroutine_has_ended() {
    let two = Coroutine::new(async |co| (co.receive().await, co.receive().await));
    assert_eq!(two.send(1), Ok(true));
    assert_eq!(two.send(2), Ok(false));
    let error = two.send(3).unwrap_err();
    assert_eq!((error.is_over(), error.value), (true, 3));
    assert_eq!(two.take_result(), Some((1, 2)));
    let none = Coroutine::new(async |_| "nothing for me");
    assert!(none.send(1).unwrap_err().is_over());
    assert_eq!(none.take_result(), Some("nothing for me"));
}

#[test]
fn a_coroutine_supports_throw_and_close_like_a_generator() {
    let sum = Coroutine::new(async |co| {
        let mut sum = 0;
        loop {
            match co.try_yield(()).await {
                Ok(number) => sum += number,
                Err(thrown) if thrown.is_exit() => return sum,
                Err(_) => sum = 0,
            }
        }
    });
    assert_eq!(sum.send(5), Ok(true));
    assert!(sum.throw("reset").unwrap());
    assert_eq!(sum.send(7), Ok(true));
    assert!(sum.close().is_ok());
    assert_eq!(sum.take_result(), Some(7));
}

// ----- debug output and wakers -----

#[test]
fn debug_output_shows_the_state() {
    let mut generator = countdown(1);
    let shown = format!("{generator:?}");
    assert!(
        shown.starts_with("Generator { state: Created, created_at: tests/generator.rs:"),
        "{shown}"
    );
    generator.next();
    assert!(format!("{generator:?}").contains("Suspended"));
    let error = Coroutine::new(async |_| ()).send(Box::new(1)).unwrap_err();
    assert_eq!(format!("{error:?}"), "SendError { reason: Over, .. }");
}

#[test]
fn a_foreign_waker_that_is_left_behind_is_woken_once() {
    // A yield that is polled with a waker of its own, by code that never uses the generator's.
    let wakes = Rc::new(Cell::new(0));
    let mut generator = Generator::new(async |co| {
        let bell = bell::Bell::new();
        for n in 0..2 {
            let mut yielding = co.yield_(n);
            poll_fn(|_| bell.poll(&mut yielding)).await;
        }
        wakes.set(bell.wakes());
    });
    assert_eq!(generator.by_ref().count(), 2);
    assert_eq!(wakes.get(), 2);
}

#[test]
fn a_body_that_has_yielded_but_not_returned_is_still_running() {
    let this: Rc<RefCell<Weak<Generator<'static, u32>>>> = Rc::default();
    let inside = Rc::clone(&this);
    let answers = Rc::new(RefCell::new(Vec::new()));
    let inner_answers = Rc::clone(&answers);
    let generator = Rc::new(Generator::new(async move |co| {
        let calls = async {
            let this = inside.borrow().upgrade().unwrap();
            inner_answers.borrow_mut().push((
                this.state(),
                this.try_next(),
                this.send(()).is_err(),
            ));
            let throw = this.throw("me").unwrap_err().is::<AlreadyRunning>();
            inner_answers.borrow_mut().push((this.state(), this.try_next(), throw));
            assert!(this.close().unwrap_err().is::<AlreadyRunning>());
        };
        turnwise::join!(co.yield_(1), calls);
        co.yield_(2).await;
    }));
    *this.borrow_mut() = Rc::downgrade(&generator);
    assert_eq!(generator.try_next(), Ok(Some(1)));
    assert_eq!(answers.take(), [(GeneratorState::Running, Err(AlreadyRunning), true); 2]);
    assert_eq!(generator.state(), GeneratorState::Suspended);
    assert_eq!(generator.try_next(), Ok(Some(2)));
    assert_eq!(generator.try_next(), Ok(None));
}

#[test]
fn a_foreign_waker_that_panics_leaves_the_generator_where_it_waits() {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("in the waker");
        }
    }

    let mut generator = Generator::new(async |co| {
        let waker = Waker::from(Arc::new(Bad));
        let mut yielding = co.yield_(1);
        let poll =
            |_: &mut Context<'_>| Pin::new(&mut yielding).poll(&mut Context::from_waker(&waker));
        poll_fn(poll).await;
        co.yield_(2).await;
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(panic_of(|| generator.next()), "in the waker");
    assert_eq!(generator.state(), GeneratorState::Suspended);
    assert_eq!(generator.next(), Some(2));
    assert_eq!(generator.next(), None);
}

#[test]
fn an_error_that_is_thrown_again_keeps_its_type() {
    let one: Generator<'_, u32> = Generator::new(async |co| co.yield_(1).await);
    let other: Generator<'_, u32> = Generator::new(async |co| co.yield_(1).await);
    let thrown = one.throw("x".parse::<i32>().unwrap_err()).unwrap_err();
    assert!(other.throw(thrown).unwrap_err().is::<std::num::ParseIntError>());
    assert!(Thrown::new(Thrown::new(GeneratorExit)).is_exit());
}

mod bell {
    use super::Poll;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    pub(super) struct Bell(Arc<Count>);

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Bell {
        pub(super) fn new() -> Self {
            Bell(Arc::new(Count(AtomicUsize::new(0))))
        }

        pub(super) fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
            let waker = Waker::from(Arc::clone(&self.0));
            Pin::new(future).poll(&mut Context::from_waker(&waker))
        }

        pub(super) fn wakes(&self) -> usize {
            self.0.0.load(Ordering::Relaxed)
        }
    }
}

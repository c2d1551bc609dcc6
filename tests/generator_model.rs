//! Random bodies and random calls, on a generator, on an async one, and on a state machine written by hand.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use turnwise::Generator;
use turnwise::generator::{AsyncGenerator, Co, IgnoredExit, Thrown};

/// One step of a body. All kinds but the last yield a value, and they differ in what they do with an error.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Does not receive the error.
    Plain,
    Catch,
    Raise,
    Return,
    Panic,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Start,
    Send(u32),
    Throw,
    Close,
}

/// The result of a call.
#[derive(Debug, PartialEq)]
enum Outcome {
    Yielded(u32),
    Ended,
    Refused,
    Thrown,
    Closed,
    IgnoredExit,
    Panicked,
}

fn yielded(value: Option<u32>) -> Outcome {
    value.map_or(Outcome::Ended, Outcome::Yielded)
}

// ----- the body -----

/// Counts how often a body is dropped, which must be once.
struct Dropped<'a>(&'a Cell<u32>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

async fn body(steps: &[Step], co: Co<u32, u32>, _dropped: Dropped<'_>) -> u32 {
    let mut sum = 0;
    for step in steps {
        match step {
            Step::Plain => sum += co.yield_(sum).await,
            Step::Panic => panic!("as intended"),
            _ => match (co.try_yield(sum).await, step) {
                (Ok(sent), _) => sum += sent,
                (Err(_), Step::Catch) => sum += 1000,
                (Err(thrown), Step::Raise) => co.raise(thrown).await,
                (Err(_), _) => return sum,
            },
        }
    }
    sum
}

// ----- the model -----

struct Model<'a> {
    steps: &'a [Step],
    /// The step in which it waits; `None` before the start.
    at: Option<usize>,
    sum: u32,
    is_over: bool,
    result: Option<u32>,
}

impl Model<'_> {
    fn call(&mut self, call: Call) -> Outcome {
        let waits_in = self.at.map(|at| self.steps[at.min(self.steps.len() - 1)]);
        match (call, waits_in) {
            (Call::Start, None) if !self.is_over => self.go_to(0),
            (Call::Send(value), Some(_)) if !self.is_over => self.continue_with(value),
            (Call::Start | Call::Send(_), _) => Outcome::Refused,
            (Call::Close, _) if self.is_over => Outcome::Closed,
            (Call::Throw, _) if self.is_over => Outcome::Thrown,
            (_, Some(Step::Catch)) => match (call, self.continue_with(1000)) {
                (Call::Close, Outcome::Ended) => Outcome::Closed,
                (Call::Close, Outcome::Yielded(_)) => self.end(Outcome::IgnoredExit),
                (_, outcome) => outcome,
            },
            (Call::Throw, Some(Step::Return)) => self.finish(),
            (Call::Close, Some(Step::Return)) => {
                self.finish();
                Outcome::Closed
            }
            (Call::Throw, _) => self.end(Outcome::Thrown),
            (Call::Close, _) => self.end(Outcome::Closed),
        }
    }

    fn continue_with(&mut self, value: u32) -> Outcome {
        self.sum += value;
        self.go_to(self.at.unwrap() + 1)
    }

    fn go_to(&mut self, step: usize) -> Outcome {
        self.at = Some(step);
        match self.steps.get(step) {
            None => self.finish(),
            Some(Step::Panic) => self.end(Outcome::Panicked),
            Some(_) => Outcome::Yielded(self.sum),
        }
    }

    fn finish(&mut self) -> Outcome {
        self.result = Some(self.sum);
        self.end(Outcome::Ended)
    }

    fn end(&mut self, outcome: Outcome) -> Outcome {
        self.is_over = true;
        outcome
    }
}

// ----- the implementations -----

fn caught(work: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Outcome::Panicked)
}

fn closed(result: Result<(), Thrown>) -> Outcome {
    match result {
        Ok(()) => Outcome::Closed,
        Err(error) if error.is::<IgnoredExit>() => Outcome::IgnoredExit,
        Err(error) => panic!("no step raises this: {error}"),
    }
}

fn call(generator: &Generator<'_, u32, u32, u32>, call: Call) -> Outcome {
    match call {
        Call::Start => generator.start().map_or(Outcome::Refused, yielded),
        Call::Send(value) => generator.send(value).map_or(Outcome::Refused, yielded),
        Call::Throw => generator.throw("thrown").map_or(Outcome::Thrown, yielded),
        Call::Close => closed(generator.close()),
    }
}

async fn call_async(generator: &mut AsyncGenerator<'_, u32, u32>, call: Call) -> Outcome {
    match call {
        Call::Start => generator.start().await.map_or(Outcome::Refused, yielded),
        Call::Send(value) => generator.send(value).await.map_or(Outcome::Refused, yielded),
        Call::Throw => generator.throw("thrown").await.map_or(Outcome::Thrown, yielded),
        Call::Close => closed(generator.close().await),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Plain),
        4 => Just(Step::Catch),
        2 => Just(Step::Raise),
        2 => Just(Step::Return),
        1 => Just(Step::Panic),
    ];
    proptest::collection::vec(step, 1..8)
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        1 => Just(Call::Start),
        6 => (1..10_u32).prop_map(Call::Send),
        2 => Just(Call::Throw),
        1 => Just(Call::Close),
    ];
    proptest::collection::vec(call, 0..12)
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_generator_does_what_a_state_machine_does(
        steps in steps(),
        calls in calls(),
        starts in any::<bool>(),
        takes_turns in any::<bool>(),
    ) {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let first = starts.then_some(Call::Start);
        let calls: Vec<Call> = first.into_iter().chain(calls).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| compare(&steps, &calls, takes_turns)));
        std::panic::set_hook(hook);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

fn compare(steps: &[Step], calls: &[Call], takes_turns: bool) {
    let drops = [Cell::new(0), Cell::new(0)];
    let [dropped, dropped_async] = [&drops[0], &drops[1]].map(Dropped);
    let generator = Generator::new(async move |co| body(steps, co, dropped).await);
    let result = Cell::new(None);
    let mut waiting = AsyncGenerator::new(async |co| {
        if takes_turns {
            turnwise::yield_now().await;
        }
        result.set(Some(body(steps, co, dropped_async).await));
    });
    let mut model = Model { steps, at: None, sum: 0, is_over: false, result: None };
    for &next in calls {
        let expected = model.call(next);
        assert_eq!(caught(|| call(&generator, next)), expected, "{next:?}");
        let outcome = caught(|| turnwise::block_on(call_async(&mut waiting, next)));
        assert_eq!(outcome, expected, "{next:?}, of the async generator");
        assert_eq!(waiting.is_over(), model.is_over);
    }
    assert_eq!(generator.take_result(), model.result);
    assert_eq!(result.take(), model.result);
    if model.is_over {
        assert_eq!([drops[0].get(), drops[1].get()], [1, 1]);
    }
    drop((generator, waiting));
    assert_eq!([drops[0].get(), drops[1].get()], [1, 1]);
}

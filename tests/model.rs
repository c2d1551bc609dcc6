//! Random programs run exactly as a sixty-line model predicts: the same turns in the same order, the same outcomes.

mod folded;
mod trace;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest,
};
use proptest::strategy::ValueTree;
use turnwise::task::AbortHandle;
use turnwise::waiting::Waiter;
use turnwise::{JoinHandle, RunError, Scheduler, sleep, spawn, yield_now};

use folded::Recorded;
use trace::Log;

/// One operation of a task. Tasks are numbered in spawn order; a number that is too high wraps around.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Yields this many times.
    Yield(u32),
    /// Spawns the task with the next script, if there is one left.
    Spawn,
    /// Awaits the handle of a task, if it has not been taken yet.
    Join(usize),
    Sleep(u64),
    /// Wakes a task spuriously, whatever it waits for.
    Ring(usize),
    /// Waits for the task's own flag, and lowers it.
    Wait,
    /// Raises the flag of a task, and wakes it.
    Raise(usize),
    Abort(usize),
    Panic,
}

type Script = Vec<Op>;

// ----- the real thing -----

/// What the tasks of a program share, indexed by task number.
#[derive(Default)]
struct World {
    scripts: Vec<Script>,
    log: Log,
    waiters: RefCell<Vec<Option<Waiter>>>,
    flags: RefCell<Vec<bool>>,
    handles: RefCell<Vec<Option<JoinHandle<()>>>>,
    aborts: RefCell<Vec<AbortHandle>>,
}

impl World {
    fn ring(&self, task: usize) {
        let waiter = self.waiters.borrow_mut()[task].take();
        waiter.into_iter().for_each(Waiter::wake);
    }

    /// Spawns the next task with the given spawn function.
    fn spawn(self: &Rc<Self>, spawn: impl FnOnce(Play) -> JoinHandle<()>) {
        let number = self.aborts.borrow().len();
        if number == self.scripts.len() {
            return;
        }
        self.waiters.borrow_mut().push(None);
        self.flags.borrow_mut().push(false);
        let handle = spawn(play(Rc::clone(self), number));
        self.aborts.borrow_mut().push(handle.abort_handle());
        self.handles.borrow_mut().push(Some(handle));
    }
}

type Play = Pin<Box<dyn Future<Output = ()>>>;

/// Performs a script, and at the start of each turn publishes the task's waiter so that any task can ring it.
fn play(world: Rc<World>, task: usize) -> Play {
    let mut script = Box::pin(perform(Rc::clone(&world), task));
    Box::pin(poll_fn(move |cx| {
        let waiter = Waiter::of(cx);
        world.waiters.borrow_mut()[task] = Some(waiter);
        script.as_mut().poll(cx)
    }))
}

async fn perform(world: Rc<World>, task: usize) {
    for op in world.scripts[task].clone() {
        let at = |number: usize| number % world.aborts.borrow().len();
        match op {
            Op::Yield(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
            }
            Op::Spawn => world.spawn(spawn),
            Op::Join(number) => {
                let handle = world.handles.borrow_mut()[at(number)].take();
                if let Some(handle) = handle {
                    let id = handle.id();
                    let end = match handle.await {
                        Ok(()) => "returned",
                        Err(error) if error.is_panic() => "panicked",
                        Err(_) => "aborted",
                    };
                    world.log.say(format!("joined {id}: {end}"));
                }
            }
            Op::Sleep(millis) => sleep(Duration::from_millis(millis)).await,
            Op::Ring(number) => world.ring(at(number)),
            Op::Wait => {
                let raised = || mem::take(&mut world.flags.borrow_mut()[task]);
                poll_fn(|_| if raised() { Poll::Ready(()) } else { Poll::Pending }).await;
            }
            Op::Raise(number) => {
                world.flags.borrow_mut()[at(number)] = true;
                world.ring(at(number));
            }
            Op::Abort(number) => world.aborts.borrow()[at(number)].abort(),
            Op::Panic => resume_unwind(Box::new(())), // A panic, without the message.
        }
    }
}

/// Runs a program with its `first` tasks spawned up front, step by step or in one run; returns its trace.
fn run(scripts: &[Script], first: usize, by_steps: bool) -> Vec<String> {
    let log = Log::default();
    let world = Rc::new(World { scripts: scripts.to_vec(), log: log.clone(), ..World::default() });
    let builder = Scheduler::builder().virtual_time().observer(log.tracer());
    let (builder, recorded) = Recorded::attach(builder);
    let scheduler = builder.build();
    for _ in 0..first {
        world.spawn(|play| scheduler.spawn(play));
    }
    if by_steps {
        while scheduler.step().is_some() {
            recorded.check(&scheduler);
        }
    } else {
        match scheduler.run() {
            Ok(()) => assert_eq!(scheduler.metrics().alive, 0),
            Err(RunError::Deadlock(report)) => assert!(report.certain && report.alive > 0),
            Err(error) => panic!("{error}"),
        }
    }
    log.say(format!("after {:?}", scheduler.snapshot().elapsed));
    log.take()
}

// ----- the model -----

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Doing {
    #[default]
    Idle,
    Queued,
    Turn,
    Again,
    Over(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Waits {
    #[default]
    Nothing,
    Yield,
    Flag,
    Sleep,
    Join(usize),
}

#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
struct Task {
    script: VecDeque<Op>,
    doing: Doing,
    waits: Waits,
    /// Whether a ring has an effect: the task has not been rung since its last turn started.
    rings: bool,
    flag: bool,
    aborted: bool,
    taken: bool,
    joiner: Option<usize>,
}

#[derive(Default)]
struct Model {
    scripts: VecDeque<Script>,
    tasks: Vec<Task>,
    ready: VecDeque<usize>,
    timers: Vec<(u64, usize)>,
    now: u64,
    turns: u64,
    look_again: u64,
    trace: Vec<String>,
}

/// The scheduler of the model: sixty lines, none of them clever.
impl Model {
    fn spawn(&mut self) {
        let Some(script) = self.scripts.pop_front() else { return };
        self.tasks.push(Task { script: script.into(), doing: Doing::Queued, ..Task::default() });
        self.ready.push_back(self.tasks.len() - 1);
        self.trace.push(format!("spawn #{}", self.tasks.len()));
    }

    fn schedule(&mut self, number: usize) {
        match self.tasks[number].doing {
            Doing::Idle => {
                self.tasks[number].doing = Doing::Queued;
                self.ready.push_back(number);
            }
            Doing::Turn => self.tasks[number].doing = Doing::Again,
            _ => {}
        }
    }

    /// Fires the due timers; returns whether there were any.
    fn look(&mut self) -> bool {
        self.look_again = self.turns + 64;
        self.timers.sort_by_key(|timer| timer.0);
        let due: Vec<_> = self.timers.extract_if(.., |timer| timer.0 <= self.now).collect();
        for &(_, number) in &due {
            self.schedule(number);
        }
        !due.is_empty()
    }

    fn run(&mut self) {
        while self.tasks.iter().any(|task| !matches!(task.doing, Doing::Over(_))) {
            if self.turns >= self.look_again {
                self.look();
            }
            for number in mem::take(&mut self.ready) {
                self.turn(number);
            }
            if self.ready.is_empty() && !self.look() {
                let Some(next) = self.timers.iter().map(|timer| timer.0).min() else { return };
                self.now = next;
                self.look();
            }
        }
    }

    fn turn(&mut self, number: usize) {
        self.turns += 1;
        self.trace.push(format!("turn #{}", number + 1));
        self.tasks[number].doing = Doing::Turn;
        let aborted = self.tasks[number].aborted;
        let end = if aborted { Some("aborted") } else { self.perform(number) };
        let again = self.tasks[number].doing == Doing::Again;
        self.tasks[number].doing = if again { Doing::Queued } else { Doing::Idle };
        match end.or((again && self.tasks[number].aborted).then_some("aborted")) {
            Some(end) => self.exit(number, end),
            None if again => self.ready.push_back(number),
            None => {}
        }
    }

    fn exit(&mut self, number: usize, end: &'static str) {
        self.timers.retain(|timer| timer.1 != number);
        let note = if end == "returned" { String::new() } else { format!(" ({end})") };
        self.trace.push(format!("exit #{}{note}", number + 1));
        self.tasks[number].doing = Doing::Over(end);
        self.tasks[number].joiner.into_iter().for_each(|joiner| self.schedule(joiner));
    }
}

/// What the tasks of the model do in their turns.
impl Model {
    fn ring(&mut self, number: usize) {
        if mem::take(&mut self.tasks[number].rings) {
            self.schedule(number);
        }
    }

    /// Continues the script until the task waits (`None`) or ends.
    fn perform(&mut self, number: usize) -> Option<&'static str> {
        self.tasks[number].rings = true;
        loop {
            let waits = self.tasks[number].waits;
            match waits {
                Waits::Sleep if self.timers.iter().any(|timer| timer.1 == number) => return None,
                Waits::Flag if !mem::take(&mut self.tasks[number].flag) => return None,
                Waits::Join(other) => {
                    let Doing::Over(end) = self.tasks[other].doing else {
                        self.tasks[other].joiner = Some(number);
                        return None;
                    };
                    self.trace.push(format!("joined #{}: {end}", other + 1));
                }
                _ => {}
            }
            self.tasks[number].waits = Waits::Nothing;
            let Some(op) = self.tasks[number].script.pop_front() else { return Some("returned") };
            let count = self.tasks.len();
            match op {
                Op::Yield(0) => {}
                Op::Yield(times) => {
                    self.tasks[number].script.push_front(Op::Yield(times - 1));
                    self.tasks[number].waits = Waits::Yield;
                    self.schedule(number);
                    return None;
                }
                Op::Spawn => self.spawn(),
                Op::Join(other) => {
                    if !mem::replace(&mut self.tasks[other % count].taken, true) {
                        self.tasks[number].waits = Waits::Join(other % count);
                    }
                }
                Op::Sleep(millis) => {
                    self.timers.push((self.now + millis, number));
                    self.tasks[number].waits = Waits::Sleep;
                    if millis == 0 {
                        self.look_again = 0; // It is due, so it fires when the pass ends.
                    }
                }
                Op::Ring(other) => self.ring(other % count),
                Op::Wait => self.tasks[number].waits = Waits::Flag,
                Op::Raise(other) => {
                    self.tasks[other % count].flag = true;
                    self.ring(other % count);
                }
                Op::Abort(other) => {
                    self.tasks[other % count].aborted = true;
                    self.schedule(other % count);
                }
                Op::Panic => return Some("panicked"),
            }
        }
    }
}

fn model(scripts: &[Script], first: usize) -> Vec<String> {
    let mut model = Model { scripts: scripts.to_vec().into(), ..Model::default() };
    (0..first).for_each(|_| model.spawn());
    model.run();
    model.trace.push(format!("after {:?}", Duration::from_millis(model.now)));
    model.trace
}

/// The scripts of a program: about thirty operations.
fn programs() -> impl Strategy<Value = Vec<Script>> {
    prop::collection::vec(prop::collection::vec(op(), 0..=10), 3..=8)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        // Sometimes more than 64 turns, so that timers are checked while tasks are ready.
        6 => (0_u32..3).prop_map(Op::Yield),
        1 => (20_u32..80).prop_map(Op::Yield),
        6 => Just(Op::Spawn),
        4 => (0_usize..8).prop_map(Op::Join),
        5 => (0_u64..5).prop_map(Op::Sleep),
        3 => (0_usize..8).prop_map(Op::Ring),
        2 => Just(Op::Wait),
        4 => (0_usize..8).prop_map(Op::Raise),
        1 => (0_usize..8).prop_map(Op::Abort),
        1 => Just(Op::Panic),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_program_takes_its_turns_as_the_model_does(
        scripts in programs(),
        first in 1_usize..6,
    ) {
        let expected = model(&scripts, first);
        prop_assert_eq!(&run(&scripts, first, false), &expected);
        prop_assert_eq!(&run(&scripts, first, true), &expected, "by steps");
    }
}

#[test]
fn the_random_programs_cover_every_outcome() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut text = String::new();
    let mut longest = 0;
    for _ in 0..200 {
        let scripts = programs().new_tree(&mut runner).unwrap().current();
        let trace = model(&scripts, 3);
        longest = longest.max(trace.len());
        text.push_str(&trace.join("\n"));
    }
    for end in ["(aborted)", "(panicked)", "joined", ": aborted", ": panicked", "after 4ms"] {
        assert!(text.contains(end), "no trace contains {end:?}");
    }
    assert!(longest > 60, "the longest trace has {longest} lines");
}

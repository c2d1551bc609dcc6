//! A policy orders each pass. It starves no task, and the result of a sound program does not depend on it.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest,
};
use tokio::sync::mpsc;
use turnwise::scheduler::Builder;
use turnwise::{Policy, Scheduler, Transition, sleep, spawn, task, time, yield_now};

use folded::Recorded;
use trace::lock::Lock;
use trace::trace_of;

fn with(policy: Policy) -> Builder {
    Scheduler::builder().policy(policy)
}

/// The numbers of the tasks in the order of their turns.
fn turns(policy: Policy, program: impl FnOnce(&Scheduler)) -> Vec<u64> {
    let lines = trace_of(with(policy), program);
    let turns = lines.iter().filter_map(|line| line.strip_prefix("turn #"));
    turns.map(|number| number.parse().unwrap()).collect()
}

/// Spawns one task for each priority; each yields `times` times.
fn spawn_yielders(scheduler: &Scheduler, priorities: &[i8], times: u32) {
    for &priority in priorities {
        task::Builder::new().priority(priority).spawn_on(scheduler, async move {
            for _ in 0..times {
                yield_now().await;
            }
        });
    }
}

#[test]
fn first_in_first_out_is_the_default() {
    let default = trace_of(Scheduler::builder(), |s| spawn_yielders(s, &[0; 4], 1));
    let fifo = trace_of(with(Policy::Fifo), |s| spawn_yielders(s, &[0; 4], 1));
    assert_eq!(default, fifo);
    assert_eq!(turns(Policy::Fifo, |s| spawn_yielders(s, &[0; 4], 1)), [1, 2, 3, 4, 1, 2, 3, 4]);
}

#[test]
fn last_in_first_out_reverses_each_pass() {
    let turns = turns(Policy::Lifo, |s| spawn_yielders(s, &[0; 3], 2));
    // The tasks of a pass become ready in the order of the previous pass.
    assert_eq!(turns, [3, 2, 1, 1, 2, 3, 3, 2, 1]);
}

#[test]
fn the_highest_priority_goes_first_and_equals_keep_their_order() {
    let turns = turns(Policy::Priority, |s| spawn_yielders(s, &[0, -3, 5, 0, 5], 1));
    assert_eq!(turns, [3, 5, 1, 4, 2, 3, 5, 1, 4, 2]);
}

#[test]
fn a_high_priority_does_not_interrupt_a_pass() {
    let turns = turns(Policy::Priority, |scheduler| {
        scheduler.spawn(async {
            task::Builder::new().priority(i8::MAX).spawn(async {});
        });
        scheduler.spawn(yield_now());
        scheduler.spawn(async {});
    });
    assert_eq!(turns, [1, 2, 3, 4, 2]);
}

#[test]
fn priorities_mean_nothing_to_the_other_policies() {
    for policy in [Policy::Fifo, Policy::Lifo, Policy::Random(3)] {
        let plain = turns(policy, |s| spawn_yielders(s, &[0; 5], 3));
        assert_eq!(turns(policy, |s| spawn_yielders(s, &[1, 9, -9, 3, 0], 3)), plain, "{policy:?}");
    }
}

#[test]
fn a_seed_gives_one_order_and_another_seed_another() {
    let run = |seed| turns(Policy::Random(seed), |s| spawn_yielders(s, &[0; 8], 3));
    let first = run(0);
    assert_eq!(run(0), first);
    let mut runs: Vec<Vec<u64>> = (0..50).map(run).collect();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), 50, "two seeds gave the same one of (8!)^4 orders");
    let mut firsts: Vec<u64> = runs.iter().map(|run| run[0]).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts, [1, 2, 3, 4, 5, 6, 7, 8], "every task is the first under some seed");
}

#[test]
fn no_policy_starves_any_task() {
    let priorities = [-128, -5, 0, 0, 3, 7, 127, 127];
    for policy in [Policy::Fifo, Policy::Lifo, Policy::Random(1), Policy::Priority] {
        let turns = turns(policy, |s| spawn_yielders(s, &priorities, 100));
        assert_eq!(turns.len(), 8 * 101);
        for pass in turns.chunks(8) {
            let mut pass = pass.to_vec();
            pass.sort_unstable();
            assert_eq!(pass, [1, 2, 3, 4, 5, 6, 7, 8], "{policy:?}");
        }
    }
}

/// A program with locks, channels, joins, aborts and sleeps, whose result does not depend on the order.
async fn sound_program() -> (u64, u64, Vec<u64>, Duration) {
    let start = time::now();
    let lock = Lock::named("account");
    let account = Rc::new(Cell::new(0));
    let (sender, mut receiver) = mpsc::channel(2);
    let workers: Vec<_> = (1..=6)
        .map(|number| {
            let (lock, account, sender) = (lock.clone(), Rc::clone(&account), sender.clone());
            spawn(async move {
                for round in 0..5 {
                    let guard = lock.lock().await;
                    let before = account.get();
                    yield_now().await;
                    account.set(before + number);
                    drop(guard);
                    sender.send(number * round).await.unwrap();
                    sleep(Duration::from_millis(number)).await;
                }
                number * number
            })
        })
        .collect();
    drop(sender);
    let doomed = spawn(std::future::pending::<()>());
    let mut total = 0;
    while let Some(number) = receiver.recv().await {
        total += number;
    }
    doomed.abort();
    assert!(doomed.await.unwrap_err().is_cancelled());
    let mut results = Vec::new();
    for worker in workers {
        results.push(worker.await.unwrap());
    }
    (account.get(), total, results, time::now() - start)
}

#[test]
fn a_sound_program_has_the_same_result_under_200_seeds() {
    let expected = (105, 210, vec![1, 4, 9, 16, 25, 36], Duration::from_millis(30));
    let policies = (0..200).map(Policy::Random);
    for policy in policies.chain([Policy::Fifo, Policy::Lifo, Policy::Priority]) {
        let scheduler = with(policy).virtual_time().build();
        assert_eq!(scheduler.block_on(sound_program()), expected, "{policy:?}");
    }
}

#[test]
fn a_program_with_a_race_shows_it_under_some_seed() {
    let last_writer = |policy| {
        let scheduler = with(policy).build();
        let cell = Rc::new(Cell::new(0));
        for number in 1..=3 {
            let cell = Rc::clone(&cell);
            scheduler.spawn(async move { cell.set(number) });
        }
        scheduler.run().unwrap();
        cell.get()
    };
    let mut seen: Vec<i32> = (0..30).map(|seed| last_writer(Policy::Random(seed))).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [1, 2, 3]);
}

/// Wakes tasks spuriously: nine times out of ten, a random one at each turn.
#[derive(Default)]
struct Noise {
    /// A waker of every task whose future was wrapped by `around`.
    wakers: RefCell<Vec<Waker>>,
    random: Cell<u64>,
}

impl Noise {
    fn random(&self, below: usize) -> usize {
        // Marsaglia's xorshift64.
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        usize::try_from(x % below as u64).unwrap()
    }

    fn make(&self) {
        if self.random(10) == 0 {
            return;
        }
        let waker = {
            let wakers = self.wakers.borrow();
            let Some(last) = wakers.len().checked_sub(1) else { return };
            wakers[self.random(last + 1)].clone()
        };
        waker.wake();
    }

    /// Wraps a future so that its task is woken by the noise, and makes noise at each poll.
    fn around<F: Future>(self: &Rc<Self>, future: F) -> impl Future<Output = F::Output> + use<F> {
        let noise = Rc::clone(self);
        let mut future = Box::pin(future);
        let mut is_known = false;
        std::future::poll_fn(move |cx| {
            if !std::mem::replace(&mut is_known, true) {
                noise.wakers.borrow_mut().push(cx.waker().clone());
            }
            let poll = future.as_mut().poll(cx);
            noise.make();
            poll
        })
    }
}

/// Workers under noise: locks, a channel, joins and sleeps.
async fn noisy_program(noise: Option<Rc<Noise>>) -> (u64, u64, u64, Duration) {
    let start = time::now();
    let (lock, sum) = (Lock::named("sum"), Rc::new(Cell::new(0)));
    let (sender, mut receiver) = mpsc::channel(1);
    let mut workers = Vec::new();
    for number in 1..=8 {
        let (lock, sum, sender) = (lock.clone(), Rc::clone(&sum), sender.clone());
        let worker = async move {
            for _ in 0..10 {
                let guard = lock.lock().await;
                let before = sum.get();
                sleep(Duration::from_millis(1)).await;
                sum.set(before + number);
                drop(guard);
                sender.send(number).await.unwrap();
            }
            number
        };
        workers.push(match &noise {
            Some(noise) => spawn(noise.around(worker)),
            None => spawn(worker),
        });
    }
    drop(sender);
    let (mut total, mut joined) = (0, 0);
    while let Some(number) = receiver.recv().await {
        total += number;
    }
    for worker in workers {
        joined += worker.await.unwrap();
    }
    (sum.get(), total, joined, time::now() - start)
}

// tokio#3234, tokio#3244: a future that was polled once too often lost its place or its value.
#[test]
fn spurious_wakes_change_no_result() {
    let turns = Rc::new(Cell::new(0_u64));
    let run = |noise: Option<Rc<Noise>>| {
        turns.set(0);
        let count = Rc::clone(&turns);
        let observer = move |transition: &Transition| {
            if matches!(transition, Transition::TurnBegan { .. }) {
                count.set(count.get() + 1);
            }
        };
        let scheduler = Scheduler::builder().virtual_time().observer(observer).build();
        let result = match noise.clone() {
            Some(around) => scheduler.block_on(around.around(noisy_program(noise))),
            None => scheduler.block_on(noisy_program(None)),
        };
        (result, turns.get())
    };
    let (expected, calm) = run(None);
    assert_eq!(expected, (360, 360, 36, Duration::from_millis(80)));
    let mut disturbed = 0;
    for seed in 1..=10 {
        let noise = Noise { random: Cell::new(seed), ..Noise::default() };
        let (result, turns) = run(Some(Rc::new(noise)));
        assert_eq!(result, expected, "seed {seed}");
        disturbed += turns;
    }
    assert!(disturbed > 10 * 2 * calm, "not much noise: {disturbed} turns in ten runs");
}

// ----- programs whose result does not depend on the order -----

/// A tree of tasks that await only their own children.
#[derive(Clone, Debug)]
struct Tree {
    acts: Vec<Act>,
    panics: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Yield,
    Sleep(u64),
    Spawn(Tree),
    /// Awaits the oldest child.
    Join,
}

/// Returns a number that depends on the whole course of events.
fn grow(tree: Tree) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move {
        let (start, mut result, mut children) = (time::now(), 1_u64, VecDeque::new());
        let mut note = |number: u64| result = result.wrapping_mul(31).wrapping_add(number);
        for act in tree.acts.into_iter().chain(std::iter::repeat_n(Act::Join, 4)) {
            match act {
                Act::Yield => yield_now().await,
                Act::Sleep(millis) => sleep(Duration::from_millis(millis)).await,
                Act::Spawn(child) => children.push_back(spawn(grow(child))),
                Act::Join => {
                    if let Some(child) = children.pop_front() {
                        note(child.await.unwrap_or(7));
                        note(u64::try_from((time::now() - start).as_millis()).unwrap());
                    }
                }
            }
        }
        if tree.panics {
            resume_unwind(Box::new(()));
        }
        result
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    let act = prop_oneof![Just(Act::Yield), (0_u64..5).prop_map(Act::Sleep), Just(Act::Join)];
    let panics = || prop::bool::weighted(0.1);
    let leaf = (prop::collection::vec(act.clone(), 0..4), panics());
    let leaf = leaf.prop_map(|(acts, panics)| Tree { acts, panics });
    leaf.prop_recursive(4, 30, 5, move |child| {
        let act = prop_oneof![1 => act.clone(), 2 => child.prop_map(Act::Spawn)];
        let acts = prop::collection::vec(act, 0..6);
        (acts, panics()).prop_map(|(acts, panics)| Tree { acts, panics })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_of_tasks_has_the_same_result_under_every_policy(tree in tree(), seed: u64) {
        let run = |policy| {
            let builder = Scheduler::builder().virtual_time().policy(policy);
            let (builder, recorded) = Recorded::attach(builder);
            let scheduler = builder.build();
            let root = scheduler.spawn(grow(tree.clone()));
            for _ in 0..30 {
                scheduler.step();
                recorded.check(&scheduler);
            }
            scheduler.run().unwrap();
            recorded.check(&scheduler);
            let result = scheduler.block_on(root).ok();
            (result, scheduler.snapshot().elapsed, scheduler.metrics().spawned)
        };
        let expected = run(Policy::Fifo);
        for policy in [Policy::Lifo, Policy::Priority, Policy::Random(seed), Policy::Random(!seed)] {
            prop_assert_eq!(run(policy), expected, "{:?}", policy);
        }
    }
}

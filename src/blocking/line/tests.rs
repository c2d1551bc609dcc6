//! The queue against a model: a list of numbers, of which the first so many have a place.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, prop_assert_eq, proptest};

use crate::blocking::error::Refusal;
use crate::blocking::line::{Call, Entered, Line, Sleeper};
use crate::blocking::record::Record;
use crate::blocking::work::Work;

/// A job that does nothing.
struct Idle(u64, Arc<Record>);

impl Work for Idle {
    fn number(&self) -> u64 {
        self.0
    }
    fn record(&self) -> &Arc<Record> {
        &self.1
    }
    fn run(&self) {}
    fn refuse(&self, _: Refusal) {}
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Enter { can_wait: bool },
    Next,
    Finish,
    GiveUp(u64),
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => any::<bool>().prop_map(|can_wait| Op::Enter { can_wait }),
        4 => Just(Op::Next),
        4 => Just(Op::Finish),
        2 => (0_u64..40).prop_map(Op::GiveUp),
        1 => Just(Op::Close),
    ]
}

proptest! {
    /// The model is one list of numbers: the first so many of those that do not run have a place.
    #[test]
    fn jobs_are_served_first_come_first_served_and_places_are_never_lost(
        most in 1_usize..4, limit in 0_usize..4, ops in collection::vec(op(), 0..60),
    ) {
        let mut line = Line::new(most, limit);
        let (mut number, mut is_closed) = (0, false);
        let (mut model, mut running) = (VecDeque::new(), VecDeque::new());
        for op in ops {
            match op {
                Op::Enter { can_wait } => {
                    let job = Arc::new(Idle(number, Record::new(None, Location::caller())));
                    let is_free = model.len() + running.len() < most + limit;
                    match line.enter(job, can_wait) {
                        Entered::Placed(_) => prop_assert_eq!((is_closed, is_free), (false, true)),
                        Entered::Waits => prop_assert_eq!((is_closed, is_free, can_wait), (false, false, true)),
                        Entered::Full => prop_assert_eq!((is_closed, is_free, can_wait), (false, false, false)),
                        Entered::Closed => prop_assert_eq!(is_closed, true),
                    }
                    if !is_closed && (is_free || can_wait) {
                        model.push_back(number);
                    }
                    number += 1;
                }
                Op::Next if running.len() < most => {
                    let next = line.next().map(|job| job.number());
                    prop_assert_eq!(next, model.pop_front());
                    running.extend(next);
                }
                Op::Finish if !running.is_empty() => {
                    line.finish(running.pop_front().unwrap());
                }
                Op::GiveUp(number) => {
                    let gone = line.give_up(number).0.map(|job| job.number());
                    prop_assert_eq!(gone, model.iter().copied().find(|&queued| queued == number));
                    model.retain(|&queued| queued != number);
                }
                Op::Close => {
                    is_closed = true;
                    let refused: Vec<u64> = line.close().iter().map(|job| job.number()).collect();
                    prop_assert_eq!(model.split_off(model.len() - refused.len()), refused);
                }
                Op::Next | Op::Finish => {}
            }
            let placed = model.len().min(most + limit - running.len());
            prop_assert_eq!((line.queued(), line.waiting()), (placed, model.len() - placed));
            prop_assert_eq!(line.running().len(), running.len());
        }
    }
}

#[test]
fn a_sleeper_is_called_before_a_thread_is_started_and_one_is_started_at_a_time() {
    let mut line = Line::new(2, usize::MAX);
    let enter = |line: &mut Line, number| match line
        .enter(Arc::new(Idle(number, Record::new(None, Location::caller()))), false)
    {
        Entered::Placed(call) => call,
        other => panic!("{other:?}"),
    };
    assert!(matches!(enter(&mut line, 0), Call::NewThread));
    assert!(matches!(enter(&mut line, 1), Call::Nobody), "one is on its way");
    assert!(matches!(line.arrive(), Some((_, Call::NewThread))), "it starts the next");
    assert!(matches!(line.arrive(), Some((_, Call::Nobody))));
    line.finish(0);
    let (first, last) = (Sleeper::here(), Sleeper::here());
    line.lie_down(&first);
    line.lie_down(&last);
    let Call::Sleeper(called) = enter(&mut line, 2) else { panic!("there is one") };
    called.call();
    assert!(last.was_called() && !last.was_called() && !first.was_called());
    assert!(!line.get_up(&last) && line.get_up(&first));
    assert!(matches!(enter(&mut line, 3), Call::Nobody), "there may be no more");
    assert!(line.lose_thread().0.is_empty());
    assert_eq!(line.lose_thread().0.len(), 2, "nobody is left to come for them");
}

#[test]
fn one_that_watches_sees_a_call_of_before_and_a_call_of_now_and_has_enough_after_a_while() {
    let here = Sleeper::here();
    assert!(!here.watch(Instant::now(), Duration::ZERO));
    here.call();
    assert!(here.watch(Instant::now(), Duration::ZERO));
    assert!(!here.watch(Instant::now(), Duration::from_micros(1)), "a call is seen once");
    thread::scope(|threads| {
        threads.spawn(|| here.call());
        assert!(here.watch(Instant::now(), Duration::from_secs(600)));
    });
}

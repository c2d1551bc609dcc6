//! The queue against a model: a list of numbers, the first of which have a slot.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, prop_assert_eq, proptest};

use crate::blocking::error::JobRefusal;
use crate::blocking::queue::{Call, EnterOutcome, IdleThread, JobQueue};
use crate::blocking::record::JobRecord;
use crate::blocking::work::Work;

/// A job that does nothing.
struct Idle(u64, Arc<JobRecord>);

impl Work for Idle {
    fn number(&self) -> u64 {
        self.0
    }
    fn record(&self) -> &Arc<JobRecord> {
        &self.1
    }
    fn run(&self) {}
    fn refuse(&self, _: JobRefusal) {}
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
    /// The model is one list of the numbers that are not running: the first ones have a slot.
    #[test]
    fn jobs_are_served_in_fifo_order_and_no_slot_is_lost(
        max_threads in 1_usize..4, limit in 0_usize..4, ops in collection::vec(op(), 0..60),
    ) {
        let mut queue = JobQueue::new(max_threads, limit);
        let (mut number, mut is_closed) = (0, false);
        let (mut model, mut running) = (VecDeque::new(), VecDeque::new());
        for op in ops {
            match op {
                Op::Enter { can_wait } => {
                    let job = Arc::new(Idle(number, JobRecord::new(None, Location::caller())));
                    let is_free = model.len() + running.len() < max_threads + limit;
                    match queue.enter(job, can_wait) {
                        EnterOutcome::HasSlot(_) => prop_assert_eq!((is_closed, is_free), (false, true)),
                        EnterOutcome::Waits => prop_assert_eq!((is_closed, is_free, can_wait), (false, false, true)),
                        EnterOutcome::Full => prop_assert_eq!((is_closed, is_free, can_wait), (false, false, false)),
                        EnterOutcome::Closed => prop_assert_eq!(is_closed, true),
                    }
                    if !is_closed && (is_free || can_wait) {
                        model.push_back(number);
                    }
                    number += 1;
                }
                Op::Next if running.len() < max_threads => {
                    let next = queue.next().map(|job| job.number());
                    prop_assert_eq!(next, model.pop_front());
                    running.extend(next);
                }
                Op::Finish if !running.is_empty() => {
                    queue.finish(running.pop_front().unwrap());
                }
                Op::GiveUp(number) => {
                    let gone = queue.give_up(number).0.map(|job| job.number());
                    prop_assert_eq!(gone, model.iter().copied().find(|&queued| queued == number));
                    model.retain(|&queued| queued != number);
                }
                Op::Close => {
                    is_closed = true;
                    let refused: Vec<u64> = queue.close().iter().map(|job| job.number()).collect();
                    prop_assert_eq!(model.split_off(model.len() - refused.len()), refused);
                }
                Op::Next | Op::Finish => {}
            }
            let placed = model.len().min(max_threads + limit - running.len());
            prop_assert_eq!((queue.queued(), queue.waiting()), (placed, model.len() - placed));
            prop_assert_eq!(queue.running().len(), running.len());
        }
    }
}

#[test]
fn an_idle_thread_is_called_before_a_new_one_is_started_and_one_is_started_at_a_time() {
    let mut queue = JobQueue::new(2, usize::MAX);
    let enter = |queue: &mut JobQueue, number| match queue
        .enter(Arc::new(Idle(number, JobRecord::new(None, Location::caller()))), false)
    {
        EnterOutcome::HasSlot(call) => call,
        other => panic!("{other:?}"),
    };
    assert!(matches!(enter(&mut queue, 0), Call::NewThread));
    assert!(matches!(enter(&mut queue, 1), Call::None), "one is on its way");
    assert!(matches!(queue.arrive(), Some((_, Call::NewThread))), "it starts the next");
    assert!(matches!(queue.arrive(), Some((_, Call::None))));
    queue.finish(0);
    let (first, last) = (IdleThread::here(), IdleThread::here());
    queue.add_idle(&first);
    queue.add_idle(&last);
    let Call::IdleThread(called) = enter(&mut queue, 2) else { panic!("there is one") };
    called.call();
    assert!(last.was_called() && !last.was_called() && !first.was_called());
    assert!(!queue.remove_idle(&last) && queue.remove_idle(&first));
    assert!(matches!(enter(&mut queue, 3), Call::None), "there may be no more");
    assert!(queue.thread_failed().0.is_empty());
    assert_eq!(queue.thread_failed().0.len(), 2, "no thread is left to take them");
}

#[test]
fn a_spinning_thread_sees_earlier_and_concurrent_calls_and_stops_at_its_deadline() {
    let here = IdleThread::here();
    assert!(!here.watch(Instant::now(), Duration::ZERO));
    here.call();
    assert!(here.watch(Instant::now(), Duration::ZERO));
    assert!(!here.watch(Instant::now(), Duration::from_micros(1)), "a call is seen once");
    thread::scope(|threads| {
        threads.spawn(|| here.call());
        assert!(here.watch(Instant::now(), Duration::from_secs(600)));
    });
}

//! Broadcast: the exact number of lost values, linear time, and values that are dropped in time.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::everywhere;
use probe::{Acting, Count, Log, Rings, Token, poll_with, text, virtual_time};
use turnwise::channel::broadcast::{self, Receiver, RecvError, SendError, Sender, TryRecvError};
use turnwise::{RunError, Scheduler, block_on, spawn, task, yield_now};

#[test]
fn every_receiver_gets_everything_that_is_sent_while_it_exists() {
    let (sender, mut first) = broadcast::channel(4);
    assert_eq!(sender.send(1).unwrap(), 1);
    let mut second = sender.subscribe();
    let mut third = second.resubscribe();
    assert_eq!(sender.send(2).unwrap(), 3);
    assert_eq!((first.len(), second.len(), sender.len()), (2, 1, 2));
    assert_eq!([first.try_recv(), first.try_recv()], [Ok(1), Ok(2)]);
    assert_eq!([second.try_recv(), third.try_recv()], [Ok(2); 2]);
    assert_eq!((first.is_empty(), sender.is_empty()), (true, true));
}

// tokio#2135, tokio#5925: the number of lost values was wrong.
#[test]
fn a_slow_receiver_gets_the_exact_number_of_lost_values() {
    for capacity in 1..10 {
        for sent in 0..40 {
            let (sender, mut slow) = broadcast::channel(capacity);
            let mut quick = sender.subscribe();
            for number in 0..sent {
                sender.send(number).unwrap();
                assert_eq!(quick.try_recv(), Ok(number));
            }
            assert_eq!(slow.len(), sent);
            let lost = sent.saturating_sub(capacity);
            if lost > 0 {
                assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(lost as u64)));
            }
            for number in lost..sent {
                assert_eq!(slow.try_recv(), Ok(number));
            }
            assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn a_receiver_that_lags_again_before_it_receives_gets_a_new_count() {
    let (sender, mut receiver) = broadcast::channel(1);
    for number in 0..5 {
        sender.send(number).unwrap();
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(4)));
    sender.send(5).unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(receiver.try_recv(), Ok(5));
}

// tokio#3434: a channel that had lost its receivers and got a new one stayed closed forever, or hung.
#[test]
fn a_channel_without_receivers_refuses_values_until_one_subscribes() {
    let (sender, receiver) = broadcast::channel(2);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let (rings, waker) = Rings::new();
    let mut receiver = sender.subscribe();
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut recv, &waker), Poll::Ready(Ok(2)));
}

#[test]
fn all_waiting_receivers_are_woken_once_and_see_the_close() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = broadcast::channel(2);
    let second_sender = sender.clone();
    let mut receivers = [receiver.resubscribe(), receiver];
    let mut waits: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(rings.get(), 2);
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker) == Poll::Ready(Ok(1))));
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker) == Poll::Ready(Ok(2))));
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
    drop(sender);
    assert_eq!(rings.get(), 2);
    drop(second_sender);
    assert_eq!(rings.get(), 4);
    assert!(
        waits.iter_mut().all(|wait| poll_with(wait, &waker) == Poll::Ready(Err(RecvError::Closed)))
    );
    drop(waits);
    assert!(receivers.iter().all(Receiver::is_closed));
}

#[test]
fn a_recv_that_is_dropped_takes_no_value_with_it() {
    let (sender, mut receiver) = broadcast::channel(2);
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, Waker::noop()).is_pending());
    sender.send(1).unwrap();
    drop(recv);
    assert_eq!(receiver.try_recv(), Ok(1));
}

// tokio#4867: time that was quadratic in the number of receivers.
#[test]
fn a_thousand_receivers_take_a_thousand_times_the_time_of_one() {
    #[derive(Debug)]
    struct Counted(Count);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.add();
            Counted(self.0.clone())
        }
    }

    let clones = Count::default();
    let scheduler = Scheduler::new();
    let (sender, receiver) = broadcast::channel(4);
    drop(receiver);
    for _ in 0..1000 {
        let mut receiver = sender.subscribe();
        scheduler.spawn(async move { while receiver.recv().await.is_ok() {} });
    }
    let turns = scheduler.run_until_stalled();
    assert_eq!(turns, 1000);
    for _ in 0..50 {
        assert_eq!(sender.send(Counted(clones.clone())).unwrap(), 1000);
        assert_eq!(scheduler.run_until_stalled(), 1000, "one turn each");
    }
    assert_eq!(clones.get(), 50 * 999, "the last one gets the value itself");
    assert!(sender.is_empty());
}

#[test]
fn a_value_is_dropped_when_no_receiver_will_receive_it_any_more() {
    let dropped = Count::default();
    let value = || Rc::new(dropped.token());
    let (sender, mut first) = broadcast::channel(3);
    let second = sender.subscribe();
    for _ in 0..3 {
        sender.send(value()).unwrap();
    }
    for _ in 0..2 {
        first.try_recv().unwrap();
    }
    assert_eq!((dropped.get(), sender.len()), (0, 3));
    drop(second);
    assert_eq!((dropped.get(), sender.len()), (2, 1), "the first has received these two");
    sender.send(value()).unwrap();
    sender.send(value()).unwrap();
    sender.send(value()).unwrap();
    assert_eq!(dropped.get(), 3, "one was pushed out");
    drop(first);
    assert_eq!((dropped.get(), sender.len()), (6, 0));
}

#[test]
fn a_value_may_use_the_channel_when_it_is_cloned_or_dropped() {
    #[derive(Debug)]
    struct Meddler(Sender<Meddler>, Log);

    impl Clone for Meddler {
        fn clone(&self) -> Self {
            self.1.note(format!("cloned with {} kept", self.0.len()));
            Meddler(self.0.clone(), self.1.clone())
        }
    }

    impl Drop for Meddler {
        fn drop(&mut self) {
            self.1.note(format!("dropped with {} kept", self.0.len()));
        }
    }

    let log = Log::default();
    let (sender, mut receiver) = broadcast::channel(1);
    let second = sender.subscribe();
    sender.send(Meddler(sender.clone(), log.clone())).unwrap();
    drop(receiver.try_recv());
    sender.send(Meddler(sender.clone(), log.clone())).unwrap();
    drop(receiver);
    drop(second);
    let expected =
        ["cloned with 1 kept", "dropped with 1 kept", "dropped with 1 kept", "dropped with 0 kept"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_channel_of_capacity_0_panics_and_says_what_to_use() {
    let panic = std::panic::catch_unwind(|| broadcast::channel::<()>(0)).unwrap_err();
    assert!(text(&*panic).ends_with("use `broadcast::channel(1)`"));
}

// ----- against a model -----

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Subscribe,
    TryRecv(usize),
    /// Polls a `recv`, and drops it.
    Recv(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Send),
        2 => Just(Step::Subscribe),
        4 => (0_usize..8).prop_map(Step::TryRecv),
        4 => (0_usize..8).prop_map(Step::Recv),
        1 => (0_usize..8).prop_map(Step::Drop),
    ]
}

type Item = Rc<(u32, Token)>;

proptest! {
    #[test]
    fn each_receiver_is_a_queue_that_loses_its_oldest(
        capacity in 1_usize..5,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let dropped = Count::default();
        let (sender, receiver) = broadcast::channel::<Item>(capacity);
        // Each receiver with the values it should get and the number it has lost.
        let mut receivers = vec![(receiver, VecDeque::<u32>::new(), 0_u64)];
        let mut created = 0;
        for step in steps {
            let number = receivers.len().max(1);
            match step {
                Step::Send => {
                    created += 1;
                    let sent = sender.send(Rc::new((created, dropped.token())));
                    prop_assert_eq!(sent.ok(), Some(receivers.len()).filter(|&number| number > 0));
                    for (_, values, lost) in &mut receivers {
                        values.push_back(created);
                        if values.len() > capacity {
                            values.pop_front();
                            *lost += 1;
                        }
                    }
                }
                Step::Subscribe => receivers.push((sender.subscribe(), VecDeque::new(), 0)),
                Step::TryRecv(which) | Step::Recv(which) => {
                    let Some((receiver, values, lost)) = receivers.get_mut(which % number) else { continue };
                    let expected = match (std::mem::take(lost), values.is_empty()) {
                        (0, true) => Err(TryRecvError::Empty),
                        (0, false) => Ok(values.pop_front().expect("it is not empty")),
                        (lost, _) => Err(TryRecvError::Lagged(lost)),
                    };
                    let found = if matches!(step, Step::TryRecv(_)) {
                        receiver.try_recv()
                    } else {
                        match poll_with(&mut receiver.recv(), Waker::noop()) {
                            Poll::Ready(result) => result.map_err(TryRecvError::from),
                            Poll::Pending => Err(TryRecvError::Empty),
                        }
                    };
                    prop_assert_eq!(found.map(|item| item.0), expected);
                }
                Step::Drop(which) => {
                    if !receivers.is_empty() {
                        drop(receivers.swap_remove(which % number));
                    }
                }
            }
            let kept = receivers.iter().map(|(_, values, _)| values.len()).max().unwrap_or(0);
            prop_assert_eq!(sender.len(), kept);
            prop_assert_eq!(created as usize - dropped.get(), kept, "live payloads");
            for (receiver, values, lost) in &receivers {
                prop_assert_eq!(receiver.len() as u64, values.len() as u64 + lost);
            }
        }
    }
}

// ----- reports -----

#[test]
fn a_wait_for_a_message_that_is_never_sent_is_named() {
    let scheduler = virtual_time();
    let (sender, mut receiver) = broadcast::channel::<u32>(1);
    let sender = sender.named("news");
    task::Builder::new().name("reader").spawn_on(&scheduler, async move { receiver.recv().await });
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("a deadlock") };
    let text = report.to_string();
    let expected =
        "waits for a message on broadcast channel \"news\" at tests/channel_broadcast.rs";
    assert!(text.contains(expected), "{text}");
    assert!(report.certain);
    assert!(
        format!("{sender:?}")
            .starts_with("Sender { len: 0, receivers: 1, name: \"news\", waiters: [")
    );
}

// ----- other executors and combinators -----

async fn send_to_three() -> u32 {
    let (sender, receiver) = broadcast::channel(16);
    let listen = async |mut receiver: Receiver<u32>| {
        let mut sum = 0;
        while let Ok(number) = receiver.recv().await {
            sum += number;
        }
        sum
    };
    let (first, second) = (receiver.resubscribe(), receiver.resubscribe());
    let send = async move {
        for number in 1..=10 {
            sender.send(number).unwrap();
        }
        drop(sender);
    };
    let (one, two, three, ()) =
        futures::join!(listen(receiver), listen(first), listen(second), send);
    one + two + three
}

#[test]
fn it_works_on_any_executor() {
    assert_eq!(everywhere(send_to_three), [165; 3]);
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let (sender, receiver) = broadcast::channel(1);
        let mut receivers: Vec<_> = (0..40).map(|_| receiver.resubscribe()).collect();
        let task = spawn(async move {
            let waits: FuturesUnordered<_> = receivers.iter_mut().map(Receiver::recv).collect();
            let first: u32 = waits.map(Result::unwrap).collect::<Vec<_>>().await.into_iter().sum();
            let second = join_all(receivers.iter_mut().map(Receiver::recv)).await;
            first + second.into_iter().map(Result::unwrap).sum::<u32>()
        });
        yield_now().await;
        sender.send(1).unwrap();
        yield_now().await;
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), 120);
        let mut receiver = receiver.resubscribe();
        let lost = matches!(select(pin!(yield_now()), receiver.recv()).await, Either::Left(_));
        assert!(lost);
        sender.send(3).unwrap();
        assert_eq!(receiver.recv().await, Ok(3));
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<(Sender<u32>, Receiver<u32>)>> = const { RefCell::new(None) };
}

fn meddle() {
    let Some((sender, mut receiver)) = MEDDLED.take() else { return };
    assert_eq!(receiver.try_recv(), Ok(1));
    sender.send(2).unwrap();
    drop(receiver);
}

fn explode() {
    panic!("the foreign waker");
}

#[test]
fn a_waker_may_use_the_channel_that_it_is_woken_by() {
    let (sender, mut receiver) = broadcast::channel(4);
    MEDDLED.set(Some((sender.clone(), sender.subscribe())));
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &Acting::waker(meddle, || {})).is_pending());
    sender.send(1).unwrap();
    assert_eq!(poll_with(&mut recv, Waker::noop()), Poll::Ready(Ok(1)));
    drop(recv);
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    for foreign in [Acting::waker(explode, || {}), Acting::waker(|| {}, explode)] {
        let (rings, waker): (Arc<Rings>, Waker) = Rings::new();
        let (sender, receiver) = broadcast::channel(4);
        let mut receivers = [receiver.resubscribe(), receiver.resubscribe(), receiver];
        let mut waits: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
        assert!(poll_with(&mut waits[0], &waker).is_pending());
        assert!(poll_with(&mut waits[1], &foreign).is_pending());
        assert!(poll_with(&mut waits[2], &waker).is_pending());
        drop(foreign);
        sender.send(1).unwrap();
        assert_eq!(rings.get(), 2);
        for wait in &mut waits {
            assert_eq!(poll_with(wait, &waker), Poll::Ready(Ok::<_, RecvError>(1)));
        }
    }
}

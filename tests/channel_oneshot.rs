//! One value, once: every order of sending, receiving, closing and dropping.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::everywhere;
use probe::{Acting, Count, Log, Rings, Token, poll_with, text, virtual_time};
use turnwise::channel::oneshot::{self, Receiver, Sender, TryRecvError};
use turnwise::{RunError, block_on, spawn, task, yield_now};

#[test]
fn the_value_arrives_whether_sent_before_or_during_the_wait() {
    block_on(async {
        let (sender, receiver) = oneshot::channel();
        sender.send(1).unwrap();
        assert_eq!(receiver.await, Ok(1));
        let (sender, receiver) = oneshot::channel();
        let task = spawn(receiver);
        yield_now().await;
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(2));
    });
}

#[test]
fn a_sender_that_is_dropped_without_sending_wakes_the_receiver_once() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = oneshot::channel::<i32>();
    assert!(poll_with(&mut receiver, &waker).is_pending());
    drop(sender);
    assert_eq!(rings.get(), 1);
    let Poll::Ready(Err(error)) = poll_with(&mut receiver, &waker) else {
        panic!("no value can come")
    };
    let expected = "the sender was dropped without sending, or the receiver was closed";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_send_wakes_the_receiver_once_and_keeps_no_waker() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = oneshot::channel();
    assert!(poll_with(&mut receiver, &waker).is_pending());
    assert_eq!(Arc::strong_count(&rings), 3);
    sender.send(1).unwrap();
    assert_eq!((rings.get(), Arc::strong_count(&rings)), (1, 2));
    assert_eq!(poll_with(&mut receiver, &waker), Poll::Ready(Ok(1)));
}

// tokio#3674: a waker was kept after the receiver was dropped or done.
#[test]
fn no_waker_is_kept_by_a_receiver_that_is_dropped_or_was_polled_by_another() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = oneshot::channel::<i32>();
    assert!(poll_with(&mut receiver, &waker).is_pending());
    assert!(poll_with(&mut receiver, Waker::noop()).is_pending());
    assert_eq!(Arc::strong_count(&rings), 2, "the other waker has replaced it");
    assert!(poll_with(&mut receiver, &waker).is_pending());
    drop(receiver);
    assert_eq!(Arc::strong_count(&rings), 2);
    let mut closed = sender.closed();
    assert!(poll_with(&mut closed, &waker).is_ready());
}

// tokio#6558: a value that was not received was dropped with the sender, and not with the receiver.
#[test]
fn a_value_that_is_not_received_is_dropped_with_the_receiver() {
    let dropped = Count::default();
    let (sender, receiver) = oneshot::channel();
    sender.send(dropped.token()).unwrap();
    assert_eq!(dropped.get(), 0);
    drop(receiver);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_value_may_hold_its_own_channel_and_use_it_when_dropped() {
    struct Holder(Option<Sender<Holder>>, Log);

    impl Drop for Holder {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                self.1.note(format!("closed {}", sender.is_closed()));
            }
        }
    }

    let log = Log::default();
    let (first, receiver) = oneshot::channel();
    let (second, _kept) = oneshot::channel();
    assert!(first.send(Holder(Some(second), log.clone())).is_ok());
    drop(receiver);
    assert_eq!(log.take(), ["closed false"]);
}

#[test]
fn a_closed_receiver_still_gets_what_was_sent_before() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(block_on(&mut receiver), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn all_waits_for_the_close_are_woken() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = oneshot::channel::<()>();
    let mut waits = [sender.closed(), sender.closed()];
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
    drop(receiver);
    assert_eq!(rings.get(), 2);
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_ready()));
}

#[test]
fn a_receiver_that_was_ready_refuses_to_be_polled_again() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert!(poll_with(&mut receiver, Waker::noop()).is_ready());
    let again = std::panic::AssertUnwindSafe(|| poll_with(&mut receiver, Waker::noop()));
    let panic = std::panic::catch_unwind(again).unwrap_err();
    assert_eq!(text(&*panic), "a `oneshot::Receiver` was polled after completion");
}

// ----- all orders -----

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Poll,
    TryRecv,
    Close,
    DropSender,
    DropReceiver,
    PollClosed,
}

const STEPS: [Step; 7] = [
    Step::Send,
    Step::Poll,
    Step::TryRecv,
    Step::Close,
    Step::DropSender,
    Step::DropReceiver,
    Step::PollClosed,
];

/// A channel, next to a model of it.
struct Both {
    sender: Option<Sender<(u8, Token)>>,
    receiver: Option<Receiver<(u8, Token)>>,
    rings: Arc<Rings>,
    waker: Waker,
    dropped: Count,
    /// The number of rings when the receiver started to wait.
    waits_since: Option<usize>,

    has_value: bool,
    is_closed: bool,
    was_ready: bool,
}

impl Both {
    fn new() -> Self {
        let (sender, receiver) = oneshot::channel();
        let (rings, waker) = Rings::new();
        Both {
            sender: Some(sender),
            receiver: Some(receiver),
            rings,
            waker,
            dropped: Count::default(),
            waits_since: None,
            has_value: false,
            is_closed: false,
            was_ready: false,
        }
    }

    /// What a poll or a `try_recv` should find.
    fn look(&mut self) -> Poll<Result<u8, ()>> {
        if std::mem::take(&mut self.has_value) {
            return Poll::Ready(Ok(7));
        }
        if self.sender.is_none() || self.is_closed { Poll::Ready(Err(())) } else { Poll::Pending }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => {
                let Some(sender) = self.sender.take() else { return };
                let sent = sender.send((7, self.dropped.token()));
                assert_eq!(sent.is_ok(), !self.is_closed);
                self.has_value = sent.is_ok();
            }
            Step::Poll if !self.was_ready => {
                let expected = self.look();
                let Some(receiver) = &mut self.receiver else { return };
                let poll = Pin::new(receiver).poll(&mut Context::from_waker(&self.waker));
                assert_eq!(poll.map(|result| result.map(|item| item.0).map_err(|_| ())), expected);
                self.was_ready = expected.is_ready();
                if let (Some(since), true) = (self.waits_since, self.was_ready) {
                    assert!(self.rings.get() > since || self.is_closed, "a wake was lost");
                }
                self.waits_since = (!self.was_ready).then(|| self.rings.get());
            }
            Step::TryRecv => {
                let expected = self.look();
                let Some(receiver) = &mut self.receiver else { return };
                let found = receiver.try_recv();
                match expected {
                    Poll::Pending => assert_eq!(found.err(), Some(TryRecvError::Empty)),
                    Poll::Ready(Ok(value)) => {
                        assert_eq!(found.ok().map(|item| item.0), Some(value));
                    }
                    Poll::Ready(Err(())) => {
                        assert_eq!(found.err(), Some(TryRecvError::Disconnected));
                    }
                }
            }
            Step::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.is_closed = true;
                }
            }
            Step::DropSender => self.sender = None,
            Step::DropReceiver => {
                self.receiver = None;
                self.is_closed = true;
                self.has_value = false;
            }
            Step::PollClosed => {
                if let Some(sender) = &self.sender {
                    let is_closed = poll_with(&mut sender.closed(), Waker::noop()).is_ready();
                    assert_eq!((is_closed, sender.is_closed()), (self.is_closed, self.is_closed));
                }
            }
            Step::Poll => {}
        }
    }
}

// tokio#6558, tokio#3674, tokio#7886: a value dropped late, a waker kept, a `try_recv` that panicked.
#[test]
fn all_orders_of_sending_receiving_closing_and_dropping_are_as_the_model_says() {
    for length in 0..=6 {
        for order in 0..STEPS.len().pow(length) {
            let mut both = Both::new();
            let mut rest = order;
            for _ in 0..length {
                both.step(STEPS[rest % STEPS.len()]);
                rest /= STEPS.len();
            }
            let (sent, dropped) = (both.has_value, both.dropped.clone());
            let before = dropped.get();
            drop(both);
            assert_eq!(dropped.get(), before + usize::from(sent), "dropped once, and immediately");
        }
    }
}

proptest! {
    #[test]
    fn polls_with_other_wakers_change_nothing(
        steps in prop::collection::vec(prop::sample::select(&STEPS[..]), 0..40),
    ) {
        let mut both = Both::new();
        for step in steps {
            both.step(step);
            if let (Some(receiver), false) = (&mut both.receiver, both.was_ready) {
                // Another waker polls in between, and then ours again.
                let is_there = both.has_value || both.is_closed || both.sender.is_none();
                if !is_there {
                    prop_assert!(poll_with(receiver, Waker::noop()).is_pending());
                    prop_assert!(poll_with(receiver, &both.waker).is_pending());
                    both.waits_since = Some(both.rings.get());
                }
            }
        }
    }
}

// ----- reports -----

#[test]
fn a_request_that_is_never_answered_is_named() {
    let scheduler = virtual_time();
    let outcome = scheduler.try_block_on(async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let keeper = task::Builder::new().name("keeper").spawn(async move {
            sender.named("answer").closed().await;
        });
        receiver.await.unwrap();
        keeper.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    for expected in [
        "waits for a message on oneshot channel \"answer\"",
        "waits for the closing of oneshot channel \"answer\"",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(report.certain);
}

// ----- other executors and combinators -----

#[test]
fn it_works_on_any_executor() {
    let ask = || async {
        let (question, asked) = oneshot::channel::<(u32, oneshot::Sender<u32>)>();
        let answering = async {
            let (number, back) = asked.await.unwrap();
            back.send(number + 1).unwrap();
        };
        let asking = async {
            let (back, answer) = oneshot::channel();
            question.send((41, back)).unwrap();
            answer.await.unwrap()
        };
        futures::join!(answering, asking).1
    };
    assert_eq!(everywhere(ask), [42; 3]);
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let (senders, receivers): (Vec<_>, FuturesUnordered<_>) =
            (0..50).map(|_| oneshot::channel()).unzip();
        for (number, sender) in senders.into_iter().enumerate().rev() {
            sender.send(number).unwrap();
        }
        let mut received: Vec<usize> = receivers.map(Result::unwrap).collect().await;
        received.sort_unstable();
        assert_eq!(received, (0..50).collect::<Vec<_>>());

        let (senders, receivers): (Vec<_>, Vec<_>) = (0..50).map(|_| oneshot::channel()).unzip();
        let task = spawn(join_all(receivers));
        yield_now().await;
        senders.into_iter().zip(0..).for_each(|(sender, number)| sender.send(number).unwrap());
        assert_eq!(task.await.unwrap().into_iter().map(Result::unwrap).sum::<u32>(), 1225);

        let (sender, mut answer) = oneshot::channel();
        let lost = matches!(select(pin!(yield_now()), &mut answer).await, Either::Left(_));
        assert!(lost);
        sender.send(1).unwrap();
        assert_eq!(answer.await, Ok(1));
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<Receiver<u32>>> = const { RefCell::new(None) };
}

fn meddle() {
    if let Some(mut receiver) = MEDDLED.take() {
        let found = receiver.try_recv();
        assert_ne!(found, Err(TryRecvError::Empty), "it is only woken for a result");
        drop(receiver);
    }
}

fn explode() {
    panic!("the foreign waker");
}

#[test]
fn a_waker_may_receive_and_drop_what_it_is_woken_for() {
    for sends in [true, false] {
        let (sender, mut receiver) = oneshot::channel();
        assert!(poll_with(&mut receiver, &Acting::waker(meddle, || {})).is_pending());
        MEDDLED.set(Some(receiver));
        if sends {
            sender.send(7).unwrap();
        } else {
            drop(sender);
        }
        assert!(MEDDLED.take().is_none());
    }
}

#[test]
fn a_waker_that_panics_does_not_affect_the_sender() {
    for foreign in [Acting::waker(explode, || {}), Acting::waker(|| {}, explode)] {
        let (sender, mut receiver) = oneshot::channel();
        assert!(poll_with(&mut receiver, &foreign).is_pending());
        drop(foreign);
        sender.send(7).unwrap();
        assert_eq!(poll_with(&mut receiver, Waker::noop()), Poll::Ready(Ok(7)));
    }
}

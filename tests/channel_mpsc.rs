//! Many senders, one receiver: order, capacity, closing, and that nothing is lost or duplicated.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::ready;
use std::num::NonZeroU8;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::everywhere;
use probe::{Acting, Count, Log, Rings, Token, poll_with, text, traced, virtual_time};
use turnwise::channel::mpsc::{
    self, Receiver, SendError, Sender, Sending, TryRecvError, TrySendError,
};
use turnwise::{RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

fn poll_recv<T>(receiver: &mut Receiver<T>) -> Poll<Option<T>> {
    poll_with(&mut receiver.recv(), Waker::noop())
}

// ----- order and capacity -----

#[test]
fn values_keep_their_order_and_senders_are_served_in_fifo_order() {
    let scheduler = Scheduler::new();
    let arrived = scheduler.block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        for name in ["a", "b", "c"] {
            let sender = sender.clone();
            spawn(async move {
                for number in 1..=3 {
                    sender.send(format!("{name}{number}")).await.unwrap();
                }
            });
        }
        drop(sender);
        let mut arrived = Vec::new();
        while let Some(text) = receiver.recv().await {
            arrived.push(text);
        }
        arrived.join(" ")
    });
    assert_eq!(arrived, "a1 a2 b1 c1 a3 b2 c2 b3 c3");
}

#[test]
fn messages_sent_together_are_received_in_one_turn() {
    let (scheduler, log) = traced();
    let (sender, mut receiver) = mpsc::channel(4);
    let task = scheduler.spawn(async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    });
    scheduler.run_until_stalled();
    log.take();
    for number in 1..=3 {
        sender.try_send(number).unwrap();
    }
    scheduler.run_until_stalled();
    assert_eq!(log.take(), ["schedule #1 (from outside)", "turn #1", "#1 waits"]);
    drop(sender);
    assert_eq!(scheduler.block_on(task).unwrap(), 6);
}

#[test]
fn no_sender_overtakes_one_that_waits() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let mut second = sender.send(2);
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "the slot is granted");
    assert!(sender.try_reserve().unwrap_err().is_full());
    assert_eq!(poll_with(&mut second, Waker::noop()), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn recv_many_takes_what_is_there_and_makes_room_for_as_many() {
    block_on(async {
        let (sender, mut receiver) = mpsc::channel(3);
        let task = spawn(async move {
            for number in 0..7 {
                sender.send(number).await.unwrap();
            }
        });
        let (mut buffer, mut batches) = (Vec::new(), Vec::new());
        loop {
            match receiver.recv_many(&mut buffer, 5).await {
                0 => break,
                number => batches.push(number),
            }
        }
        assert_eq!(batches, [3, 3, 1]);
        assert_eq!(buffer, (0..7).collect::<Vec<_>>());
        assert_eq!(receiver.recv_many(&mut buffer, 0).await, 0);
        task.await.unwrap();
    });
}

#[test]
fn a_channel_of_capacity_0_panics_and_says_what_to_use() {
    let panic = std::panic::catch_unwind(|| mpsc::channel::<()>(0)).unwrap_err();
    assert!(text(&*panic).contains("use `mpsc::channel(1)`, or `mpsc::unbounded()`"));
    let panic = std::panic::catch_unwind(|| mpsc::channel::<()>(usize::MAX)).unwrap_err();
    assert!(text(&*panic).contains("use `mpsc::unbounded()`"));
}

#[test]
fn a_value_need_not_be_static() {
    let words = String::from("to and fro");
    let (sender, mut receiver) = mpsc::unbounded();
    block_on(async {
        for word in words.split(' ') {
            sender.send(word).unwrap();
        }
        drop(sender);
        assert_eq!(receiver.recv().await, Some("to"));
        assert_eq!(receiver.recv_many(&mut vec![], 9).await, 2);
        assert_eq!(receiver.recv().await, None);
    });
}

// ----- closing -----

#[test]
fn the_receiver_ends_when_the_last_sender_is_dropped_and_everything_was_received() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = mpsc::channel::<i32>(2);
    let second = sender.clone();
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    drop(sender);
    assert_eq!(rings.get(), 0);
    drop(second);
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut recv, &waker), Poll::Ready(None));
}

#[test]
fn waiting_senders_get_their_values_back_when_the_receiver_is_dropped() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let mut waits: Vec<Sending<'_, i32>> = (1..4).map(|number| sender.send(number)).collect();
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
    let mut closed = sender.closed();
    assert!(poll_with(&mut closed, &waker).is_pending());
    drop(receiver);
    assert_eq!(rings.get(), 4);
    assert!(poll_with(&mut closed, &waker).is_ready());
    for (wait, number) in waits.iter_mut().zip(1..) {
        assert_eq!(poll_with(wait, &waker), Poll::Ready(Err(SendError(number))));
    }
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
    assert!(sender.try_reserve().unwrap_err().is_closed());
}

// tokio#7991: a receiver that had closed the channel missed a value that was sent with a permit from before.
#[test]
fn a_permit_from_before_the_close_may_still_send_and_the_receiver_waits_for_it() {
    for sends in [true, false] {
        let (rings, waker) = Rings::new();
        let (sender, mut receiver) = mpsc::channel(2);
        let permit = sender.try_reserve().unwrap();
        receiver.close();
        let mut recv = receiver.recv();
        assert!(poll_with(&mut recv, &waker).is_pending());
        if sends {
            permit.send(7);
        } else {
            drop(permit);
        }
        assert_eq!(rings.get(), 1);
        assert_eq!(poll_with(&mut recv, &waker), Poll::Ready(sends.then_some(7)));
        drop(recv);
        assert_eq!(poll_recv(&mut receiver), Poll::Ready(None));
    }
}

#[test]
fn the_receiver_of_a_closed_channel_ends_when_a_granted_slot_is_given_up() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let mut second = sender.send(2);
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    receiver.close();
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending(), "a slot was granted before the close");
    drop(second);
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut recv, &waker), Poll::Ready(None));
}

#[test]
fn weak_senders_do_not_keep_the_channel_open() {
    let (sender, mut receiver) = mpsc::channel::<i32>(1);
    let weak = sender.downgrade();
    let again = weak.upgrade().unwrap();
    assert!(again.same_channel(&sender));
    drop((sender, again));
    assert_eq!(poll_recv(&mut receiver), Poll::Ready(None));
    assert!(weak.upgrade().is_none());
}

#[test]
fn values_left_by_a_receiver_are_dropped_immediately_and_may_use_the_channel() {
    struct Meddler(Option<Sender<Meddler>>, Log);

    impl Drop for Meddler {
        fn drop(&mut self) {
            let Some(sender) = self.0.take() else { return };
            let refused = sender.try_send(Meddler(None, self.1.clone())).is_err();
            self.1.note(format!("closed {}, refused {refused}", sender.is_closed()));
        }
    }

    let log = Log::default();
    let (sender, receiver) = mpsc::channel(3);
    for _ in 0..2 {
        assert!(sender.try_send(Meddler(Some(sender.clone()), log.clone())).is_ok());
    }
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    assert_eq!(log.take(), ["closed true, refused true"; 2]);
    permit.send(Meddler(Some(sender.clone()), log.clone()));
    assert_eq!(log.take(), ["closed true, refused true"], "also dropped immediately");
}

// ----- nothing is lost -----

// kanal#50, kanal#24, runng#65, mdk#712: a `recv` that lost a `select` took a value with it.
#[test]
fn a_recv_that_is_dropped_takes_no_value_with_it() {
    const ROUNDS: usize = 20_000;
    let arrived = block_on(async {
        let (sender, mut receiver) = mpsc::channel(2);
        spawn(async move {
            for number in 0..ROUNDS {
                sender.send(number).await.unwrap();
            }
        });
        let (mut arrived, mut turn) = (Vec::new(), 0);
        loop {
            turn += 1;
            // Sometimes the other branch is first, sometimes it is ready when the wait has already been granted.
            let other = async {
                for _ in 0..turn % 3 {
                    yield_now().await;
                }
            };
            match select(pin!(other), receiver.recv()).await {
                Either::Left(_) => {}
                Either::Right((Some(number), _)) => arrived.push(number),
                Either::Right((None, _)) => return arrived,
            }
        }
    });
    assert_eq!(arrived, (0..ROUNDS).collect::<Vec<_>>());
}

#[test]
fn a_forgotten_recv_does_not_block_the_next() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = mpsc::unbounded();
    let mut forgotten = receiver.recv();
    assert!(poll_with(&mut forgotten, Waker::noop()).is_pending());
    std::mem::forget(forgotten);
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut recv, &waker), Poll::Ready(Some(1)));
}

// tokio#5947, async-channel#87: what happens to the value of a `send` that is dropped.
#[test]
fn a_send_that_is_dropped_drops_its_value_and_a_reserve_has_none_to_lose() {
    let dropped = Count::default();
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(dropped.token()).unwrap();
    let mut send = sender.send(dropped.token());
    assert!(poll_with(&mut send, Waker::noop()).is_pending());
    drop(send);
    assert_eq!(dropped.get(), 1, "only the one that was not sent");

    let value = dropped.token();
    let mut reserve = sender.reserve();
    assert!(poll_with(&mut reserve, Waker::noop()).is_pending());
    drop(reserve);
    receiver.try_recv().unwrap();
    let mut reserve = sender.reserve();
    let Poll::Ready(permit) = poll_with(&mut reserve, Waker::noop()) else {
        panic!("no free slot")
    };
    permit.unwrap().send(value);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_slot_that_was_granted_to_a_send_that_is_dropped_goes_to_the_next() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let mut first = sender.send(2);
    let mut second = sender.reserve();
    assert!(poll_with(&mut first, Waker::noop()).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    receiver.try_recv().unwrap();
    assert_eq!(rings.get(), 0);
    drop(first);
    assert_eq!(rings.get(), 1);
    assert!(matches!(poll_with(&mut second, &waker), Poll::Ready(Ok(_))));
    drop(second);
    assert_eq!(sender.capacity(), 1);
}

// tokio#6603, tokio#7991: `len` and `is_empty` were wrong at a block boundary.
#[test]
fn len_is_that_of_a_queue_for_all_lengths_up_to_200() {
    let (sender, mut receiver) = mpsc::unbounded();
    let mut model = VecDeque::new();
    for length in (0..200).chain((0..200).rev()) {
        while model.len() < length {
            sender.send(model.len()).unwrap();
            model.push_back(model.len());
            assert_eq!(receiver.len(), model.len());
        }
        while model.len() > length / 2 {
            assert_eq!(receiver.try_recv().ok(), model.pop_front());
            assert_eq!((receiver.len(), receiver.is_empty()), (model.len(), model.is_empty()));
        }
        while let Ok(value) = receiver.try_recv() {
            assert_eq!(Some(value), model.pop_front());
        }
        assert!(receiver.is_empty() && model.is_empty());
    }
}

// ----- against a model -----

/// A payload with a niche, whose drop is counted.
type Item = (NonZeroU8, Box<u8>, Token);

type Waiting = Vec<std::pin::Pin<Box<dyn Future<Output = Result<(), SendError<Item>>>>>>;

/// A channel, next to a model of it.
struct Both {
    sender: Option<Sender<Item>>,
    receiver: Option<Receiver<Item>>,
    /// Sends that wait, each with a sender of its own.
    sends: Waiting,
    rings: Arc<Rings>,
    waker: Waker,
    /// The number of rings when the receiver started to wait.
    waits_since: Option<usize>,
    created: u8,
    dropped: Count,

    slots: usize,
    values: VecDeque<u8>,
    /// The numbers of the sends that wait.
    queue: VecDeque<u8>,
    is_closed: bool,
    has_receiver: bool,
    has_senders: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Recv,
    Close,
    DropSenders,
    DropReceiver,
    /// Drops one of the sends that wait.
    Cancel(usize),
    /// Polls everything spuriously.
    Spurious,
}

impl Both {
    fn new(slots: usize) -> Self {
        let (sender, receiver) = mpsc::channel(slots);
        let (rings, waker) = Rings::new();
        Both {
            sender: Some(sender),
            receiver: Some(receiver),
            sends: Vec::new(),
            rings,
            waker,
            waits_since: None,
            created: 0,
            dropped: Count::default(),
            slots,
            values: VecDeque::new(),
            queue: VecDeque::new(),
            is_closed: false,
            has_receiver: true,
            has_senders: true,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => self.send(),
            Step::Recv => self.recv(),
            Step::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.is_closed = true;
                }
            }
            Step::DropSenders => {
                self.sender = None;
                self.sends.clear();
                self.queue.clear();
                self.has_senders = false;
            }
            Step::DropReceiver => {
                self.receiver = None;
                self.waits_since = None;
                self.has_receiver = false;
                self.is_closed = true;
                self.values.clear();
            }
            Step::Cancel(which) => {
                if !self.sends.is_empty() {
                    let which = which % self.sends.len();
                    drop(self.sends.remove(which));
                    self.queue.remove(which);
                }
            }
            Step::Spurious => {}
        }
        self.settle();
        self.check();
    }

    fn send(&mut self) {
        let Some(sender) = self.sender.clone() else { return };
        self.created += 1;
        let created = self.created;
        let number = NonZeroU8::new(created).expect("it counts from one");
        let item = (number, Box::new(created), self.dropped.token());
        self.sends.push(Box::pin(async move { sender.send(item).await }));
        self.queue.push_back(created);
    }

    fn recv(&mut self) {
        if self.receiver.is_some() && self.waits_since.is_none() {
            self.waits_since = Some(self.rings.get());
            self.poll_recv(true);
        }
    }

    fn poll_recv(&mut self, is_first: bool) {
        let (Some(receiver), Some(since)) = (&mut self.receiver, self.waits_since) else { return };
        let poll = receiver.poll_recv(&mut Context::from_waker(&self.waker));
        let is_ended = self.is_closed || !self.has_senders;
        let expected = match self.values.pop_front() {
            Some(number) => Poll::Ready(Some(number)),
            None if is_ended => Poll::Ready(None),
            None => Poll::Pending,
        };
        let poll = poll.map(|item| item.map(|(number, boxed, _token)| (number.get(), *boxed)));
        assert_eq!(poll, expected.map(|item| item.map(|number| (number, number))));
        if poll.is_ready() {
            assert!(is_first || self.rings.get() > since, "a wake of the receiver was lost");
            self.waits_since = None;
        }
    }

    /// Polls everything until nothing makes progress any more.
    fn settle(&mut self) {
        loop {
            let before = (self.values.len(), self.queue.len(), self.waits_since);
            self.poll_sends();
            self.poll_recv(false);
            if (self.values.len(), self.queue.len(), self.waits_since) == before {
                return;
            }
        }
    }

    fn poll_sends(&mut self) {
        for mut send in std::mem::take(&mut self.sends) {
            let number = self.queue.pop_front().expect("each send is in the queue");
            let poll = send.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if self.is_closed {
                let Poll::Ready(Err(SendError(item))) = poll else { panic!("closed: {poll:?}") };
                assert_eq!(item.0.get(), number);
            } else if self.values.len() < self.slots {
                assert!(matches!(poll, Poll::Ready(Ok(()))), "there is a free slot: {poll:?}");
                self.values.push_back(number);
            } else {
                assert!(poll.is_pending(), "there is no free slot: {poll:?}");
                self.queue.push_back(number);
                self.sends.push(send);
            }
        }
    }

    fn check(&self) {
        if let Some(receiver) = &self.receiver {
            assert_eq!(receiver.len(), self.values.len());
            assert_eq!(receiver.is_closed(), self.is_closed || !self.has_senders);
        }
        if let Some(sender) = &self.sender {
            assert_eq!(sender.is_closed(), self.is_closed);
            if self.has_receiver {
                assert_eq!(sender.capacity(), self.slots - self.values.len());
            }
        }
        let alive = self.values.len() + self.queue.len();
        assert_eq!(usize::from(self.created) - self.dropped.get(), alive, "live payloads");
    }
}

// tokio#7991, async-channel#49, async-channel#60, futures-rs#2304, RUSTSEC-2021-0124: closing against sending
// and receiving, in an order that was not foreseen.
#[test]
fn all_orders_of_sending_receiving_closing_and_dropping_are_as_the_model_says() {
    const STEPS: [Step; 5] =
        [Step::Send, Step::Recv, Step::Close, Step::DropSenders, Step::DropReceiver];
    for slots in [1, 2] {
        for length in 0..=6 {
            for order in 0..5_usize.pow(length) {
                let mut both = Both::new(slots);
                let mut rest = order;
                for _ in 0..length {
                    both.step(STEPS[rest % 5]);
                    rest /= 5;
                }
                let (created, dropped) = (both.created, both.dropped.clone());
                drop(both);
                assert_eq!(usize::from(created), dropped.get());
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Send),
        8 => Just(Step::Recv),
        2 => (0_usize..8).prop_map(Step::Cancel),
        2 => Just(Step::Spurious),
        1 => Just(Step::Close),
        1 => Just(Step::DropSenders),
        1 => Just(Step::DropReceiver),
    ]
}

proptest! {
    // RUSTSEC-2018-0009, 2020-0052, 2022-0019 to -0021: values dropped twice, or never written.
    #[test]
    fn nothing_is_lost_or_duplicated(slots in 1_usize..4, steps in prop::collection::vec(step(), 0..100)) {
        let mut both = Both::new(slots);
        steps.iter().for_each(|&step| both.step(step));
        let (created, dropped) = (both.created, both.dropped.clone());
        drop(both);
        prop_assert_eq!(usize::from(created), dropped.get());
    }

    #[test]
    fn no_slot_is_lost_whichever_sends_are_dropped(
        slots in 1_usize..3,
        steps in prop::collection::vec((0_u8..5, 0_usize..8), 0..100),
    ) {
        queue_for_slots(slots, &steps);
    }
}

/// Sends that are polled, granted and dropped at any moment: no value and no slot is lost.
fn queue_for_slots(slots: usize, steps: &[(u8, usize)]) {
    let (sender, mut receiver) = mpsc::channel(slots);
    let (mut sends, mut created, mut sent, mut arrived) = (Vec::new(), 0, 0, 0);
    for &(what, which) in steps {
        match what {
            0 => {
                created += 1;
                sends.push(sender.send(created));
            }
            1 | 2 if !sends.is_empty() => {
                let which = which % sends.len();
                if let Poll::Ready(result) = poll_with(&mut sends[which], Waker::noop()) {
                    assert_eq!(result, Ok(()));
                    drop(sends.remove(which));
                    sent += 1;
                }
            }
            3 if !sends.is_empty() => drop(sends.remove(which % sends.len())),
            4 => arrived += usize::from(receiver.try_recv().is_ok()),
            _ => {}
        }
        assert_eq!(receiver.len(), sent - arrived);
        assert!(receiver.len() <= slots);
    }
    drop(sends);
    assert_eq!(sender.capacity() + receiver.len(), slots, "a slot was lost");
}

// ----- unbounded -----

#[test]
fn an_unbounded_channel_gives_back_the_memory_of_a_burst() {
    let (sender, mut receiver) = mpsc::unbounded();
    for number in 0..100_000 {
        sender.send(number).unwrap();
    }
    assert_eq!(receiver.len(), 100_000);
    for number in 0..100_000 {
        assert_eq!(receiver.try_recv(), Ok(number));
    }
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

// ----- reports -----

#[test]
fn a_channel_that_is_never_sent_on_is_named_in_a_certain_report() {
    let scheduler = virtual_time();
    let outcome = scheduler.try_block_on(async {
        let (jobs, mut inbox) = mpsc::channel::<u32>(1);
        let (results, outbox) = mpsc::unbounded::<u32>();
        let (jobs, mut outbox) = (jobs.named("jobs"), outbox.named("results"));
        let worker = task::Builder::new().name("worker").spawn(async move {
            while let Some(job) = inbox.recv().await {
                results.send(job).unwrap();
            }
        });
        // The first job is only sent once there is a result.
        let result = outbox.recv().await.unwrap();
        jobs.send(result + 1).await.unwrap();
        worker.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(
        text.contains("waits for a message on channel \"results\" at tests/channel_mpsc.rs"),
        "{text}"
    );
    assert!(
        text.contains("waits for a message on channel \"jobs\"    at tests/channel_mpsc.rs"),
        "{text}"
    );
    assert!(report.certain);
}

#[test]
fn a_full_channel_that_is_never_emptied_is_named_with_all_waiting_senders() {
    let scheduler = virtual_time();
    let (sender, _receiver) = mpsc::channel::<u32>(1);
    let sender = sender.named("jobs");
    for name in ["a", "b"] {
        let sender = sender.clone();
        task::Builder::new().name(name).spawn_on(&scheduler, async move {
            sender.send(1).await.unwrap();
            sender.send(2).await.unwrap();
        });
    }
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("a deadlock") };
    let text = report.to_string();
    assert_eq!(
        text.matches("waits for room in channel \"jobs\" at tests/channel_mpsc.rs").count(),
        2
    );
    let shown = format!("{sender:?}");
    assert!(
        shown.starts_with(
            "Sender { capacity: 0, len: 1, is_closed: false, name: \"jobs\", waiters: ["
        )
    );
    assert!(shown.contains("#1 \"a\" at tests/channel_mpsc.rs"), "{shown}");
}

#[test]
fn a_wait_that_lost_a_select_is_not_reported() {
    let scheduler = virtual_time();
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    scheduler.spawn(async move {
        let _sender = sender;
        drop(select(pin!(yield_now()), receiver.recv()).await);
        std::future::pending::<()>().await;
    });
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("a deadlock") };
    assert!(!report.to_string().contains("channel"), "{report}");
}

// ----- other executors and combinators -----

async fn to_and_fro() -> Vec<u32> {
    let (there, mut inbox) = mpsc::channel::<u32>(1);
    let (back, mut outbox) = mpsc::channel(1);
    let echo = async {
        while let Some(number) = inbox.recv().await {
            back.send(number * 2).await.unwrap();
        }
        drop(back);
    };
    let ask = async {
        for number in 0..5 {
            there.send(number).await.unwrap();
        }
        drop(there);
    };
    let collect = async {
        let mut all = Vec::new();
        while let Some(number) = outbox.recv().await {
            all.push(number);
        }
        all
    };
    futures::join!(echo, ask, collect).2
}

#[test]
fn it_works_on_any_executor() {
    assert_eq!(everywhere(to_and_fro), [[0, 2, 4, 6, 8]; 3]);
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let sends: FuturesUnordered<_> = (0..50).map(|number| sender.send(number)).collect();
        let collect = async {
            let mut all = Vec::new();
            while all.len() < 50 {
                all.extend(receiver.recv().await);
            }
            all
        };
        let (sent, all) = futures::join!(sends.collect::<Vec<_>>(), collect);
        assert!(sent.iter().all(Result::is_ok));
        assert_eq!(all, (0..50).collect::<Vec<_>>());

        let all = join_all((0..50).map(|number| sender.send(number)));
        let drain = async {
            let mut buffer = Vec::new();
            while buffer.len() < 50 {
                receiver.recv_many(&mut buffer, 7).await;
            }
            buffer
        };
        let (_, buffer) = futures::join!(all, drain);
        assert_eq!(buffer, (0..50).collect::<Vec<_>>());

        let mut recv = receiver.recv();
        futures::select_biased! {
            number = futures::FutureExt::fuse(&mut recv) => panic!("nothing is sent, but {number:?} came"),
            () = futures::FutureExt::fuse(sleep(Duration::from_millis(1))) => {}
        }
        drop(recv);
        assert_eq!(ready(()).await, ());
        sender.send(1).await.unwrap();
        assert_eq!(receiver.recv().await, Some(1));
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<(Sender<u32>, Receiver<u32>)>> = const { RefCell::new(None) };
}

/// Sends, receives, clones and drops senders, from inside a waker.
fn meddle() {
    let Some((sender, mut receiver)) = MEDDLED.take() else { return };
    let _ = sender.try_send(7);
    let _ = receiver.try_recv();
    drop(sender.clone());
    MEDDLED.set(Some((sender, receiver)));
}

fn explode() {
    panic!("the foreign waker");
}

// tokio#5471, async-channel: a waker was woken or dropped during a borrow that it needed itself.
#[test]
fn a_waker_may_use_the_channel_that_it_is_woken_by() {
    for waker in [Acting::waker(meddle, || {}), Acting::waker(|| {}, meddle)] {
        let (sender, receiver) = mpsc::channel(1);
        let again = sender.clone();
        MEDDLED.set(Some((sender, receiver)));
        again.try_send(1).unwrap();
        let mut waits: Vec<_> = (2..5).map(|number| again.send(number)).collect();
        assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
        drop(waker);
        let taken = MEDDLED.take();
        let (sender, mut receiver) = taken.unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        MEDDLED.set(Some((sender, receiver)));
        for wait in &mut waits {
            let _ = poll_with(wait, Waker::noop());
            meddle();
        }
        drop(waits);
        MEDDLED.take();
        assert!(again.is_closed());
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    for foreign in [Acting::waker(explode, || {}), Acting::waker(|| {}, explode)] {
        let (rings, waker) = Rings::new();
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let mut waits: Vec<_> = (1..4).map(|number| sender.send(number)).collect();
        assert!(poll_with(&mut waits[0], &waker).is_pending());
        assert!(poll_with(&mut waits[1], &foreign).is_pending());
        assert!(poll_with(&mut waits[2], &waker).is_pending());
        drop(foreign);
        drop(receiver);
        assert_eq!(rings.get(), 2);
        for wait in &mut waits {
            assert!(matches!(poll_with(wait, &waker), Poll::Ready(Err(_))));
        }
    }
}

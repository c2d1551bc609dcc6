//! Messages from other threads: none is lost in flight, no receiver sleeps through one, and reports stay true.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::{everywhere, on_a_bare_thread, on_tokio};
use probe::{Acting, Rings, guarded, poll_with, text, virtual_time};
use turnwise::channel::remote::{self, Receiver, SendError, Sender, TryRecvError, TrySendError};
use turnwise::{RunError, Scheduler, block_on, spawn, yield_now};

fn is_send_and_sync<T: Send + Sync>() {}

#[test]
fn senders_and_their_futures_cross_threads() {
    is_send_and_sync::<Sender<std::cell::Cell<u8>>>();
    is_send_and_sync::<remote::Sending<'_, u8>>();
}

#[test]
fn values_of_many_threads_arrive_once_and_in_order_per_thread() {
    const THREADS: usize = 4;
    const EACH: usize = 3_000;
    for slots in [1, 3, 100] {
        let (sender, mut receiver) = remote::channel(slots);
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let sender = sender.clone();
                thread::spawn(move || {
                    let send_all = async {
                        for value in 0..EACH {
                            sender.send((number, value)).await.unwrap();
                        }
                    };
                    match number {
                        0 => block_on(send_all),
                        1 => on_tokio(send_all),
                        2 => on_a_bare_thread(send_all),
                        _ => (0..EACH)
                            .for_each(|value| sender.blocking_send((number, value)).unwrap()),
                    }
                })
            })
            .collect();
        drop(sender);
        let next = guarded().block_on(async move {
            let mut next = [0; THREADS];
            while let Some((number, value)) = receiver.recv().await {
                assert_eq!(value, next[number]);
                next[number] += 1;
            }
            next
        });
        assert_eq!(next, [EACH; THREADS]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn the_receiver_sleeps_until_a_message_arrives_and_ends_with_the_last_sender() {
    let (sender, mut receiver) = remote::channel(1);
    let (go, may_go) = std::sync::mpsc::channel();
    let other = thread::spawn(move || {
        may_go.recv().unwrap();
        sender.blocking_send(7).unwrap();
    });
    let scheduler = guarded();
    let task = scheduler.spawn(async move { (receiver.recv().await, receiver.recv().await) });
    scheduler.run_until_stalled();
    go.send(()).unwrap();
    assert_eq!(scheduler.block_on(task).unwrap(), (Some(7), None));
    other.join().unwrap();
}

#[test]
fn a_sender_that_waits_for_a_slot_gets_its_value_back_when_the_receiver_is_dropped() {
    let (sender, receiver) = remote::channel(1);
    sender.try_send(0).unwrap();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    let blocked = sender.clone();
    let other = thread::spawn(move || blocked.blocking_send(2));
    let (rings, waker) = Rings::new();
    let mut wait = sender.send(3);
    assert!(poll_with(&mut wait, &waker).is_pending());
    drop(receiver);
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut wait, &waker), Poll::Ready(Err(SendError(3))));
    assert_eq!(other.join().unwrap(), Err(SendError(2)));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
    assert!(sender.is_closed());
}

#[test]
fn a_blocking_send_inside_a_run_panics_and_says_what_to_use() {
    let (sender, _receiver) = remote::channel(1);
    let attempt = || block_on(async { sender.blocking_send(1) });
    let panic = catch_unwind(AssertUnwindSafe(attempt)).unwrap_err();
    assert!(text(&*panic).contains("use `send(..).await` instead"));
    assert_eq!(
        sender.blocking_send(2),
        Ok(()),
        "outside it is allowed, and nothing was sent before"
    );
}

#[test]
fn a_recv_that_is_dropped_takes_neither_a_value_nor_a_waker_with_it() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = remote::channel(1);
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    assert_eq!(Arc::strong_count(&rings), 3);
    sender.try_send(1).unwrap();
    assert_eq!((rings.get(), Arc::strong_count(&rings)), (1, 2));
    drop(recv);
    assert_eq!(receiver.try_recv(), Ok(1));
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    drop(recv);
    assert_eq!(Arc::strong_count(&rings), 2);
}

#[test]
fn a_channel_of_capacity_0_panics_and_says_what_to_use() {
    let panic = catch_unwind(|| remote::channel::<()>(0)).unwrap_err();
    assert!(text(&*panic).ends_with("use `remote::channel(1)`"));
}

// ----- against a model -----

static DROPPED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// A payload that crosses threads and counts its drop.
#[derive(Debug)]
struct Item(u32, &'static AtomicUsize);

impl Drop for Item {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    TrySend,
    Recv,
    Cancel(usize),
    Close,
    DropSenders,
    DropReceiver,
}

const STEPS: [Step; 6] =
    [Step::Send, Step::TrySend, Step::Recv, Step::Close, Step::DropSenders, Step::DropReceiver];

type BoxedSend = Pin<Box<dyn Future<Output = Result<(), SendError<Item>>>>>;

/// A channel, next to a model of it: the values in the channel, and the sends that wait.
struct Both {
    sender: Option<Sender<Item>>,
    receiver: Option<Receiver<Item>>,
    sends: VecDeque<(u32, BoxedSend)>,
    created: u32,
    dropped: &'static AtomicUsize,
    dropped_before: usize,
    slots: usize,
    values: VecDeque<u32>,
    is_closed: bool,
    rings: Arc<Rings>,
    waker: Waker,
}

impl Both {
    fn new(slots: usize, dropped: &'static AtomicUsize) -> Self {
        let (sender, receiver) = remote::channel(slots);
        let (rings, waker) = Rings::new();
        Both {
            sender: Some(sender),
            receiver: Some(receiver),
            sends: VecDeque::new(),
            created: 0,
            dropped,
            dropped_before: dropped.load(Ordering::SeqCst),
            slots,
            values: VecDeque::new(),
            is_closed: false,
            rings,
            waker,
        }
    }

    fn item(&mut self) -> Item {
        self.created += 1;
        Item(self.created, self.dropped)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => {
                let item = self.item();
                if let Some(sender) = self.sender.clone() {
                    let send = Box::pin(async move { sender.send(item).await });
                    self.sends.push_back((self.created, send));
                }
            }
            Step::TrySend => {
                let item = self.item();
                let Some(sender) = &self.sender else { return };
                let expected = match () {
                    () if self.is_closed => "Err(Closed(..))",
                    () if self.values.len() >= self.slots => "Err(Full(..))",
                    () => "Ok(())",
                };
                assert_eq!(format!("{:?}", sender.try_send(item)), expected);
                if expected == "Ok(())" {
                    self.values.push_back(self.created);
                }
            }
            Step::Recv => self.recv(),
            Step::Cancel(which) => {
                if !self.sends.is_empty() {
                    drop(self.sends.remove(which % self.sends.len()));
                }
            }
            Step::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.is_closed = true;
                }
            }
            Step::DropSenders => {
                self.sends.clear();
                self.sender = None;
            }
            Step::DropReceiver => {
                self.receiver = None;
                self.is_closed = true;
                self.values.clear();
            }
        }
        self.poll_sends();
        let alive = self.values.len() + self.sends.len();
        let dropped = self.dropped.load(Ordering::SeqCst) - self.dropped_before;
        assert_eq!(self.created as usize - dropped, alive, "live payloads");
    }

    fn recv(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        let mut recv = receiver.recv();
        let poll = poll_with(&mut recv, &self.waker).map(|item| item.map(|item| item.0));
        let expected = match self.values.pop_front() {
            None if !self.is_closed && self.sender.is_some() => Poll::Pending,
            value => Poll::Ready(value),
        };
        assert_eq!(poll, expected);
        if let (true, Some(sender)) = (poll.is_pending(), &self.sender) {
            // It is woken when a value arrives, and receives it.
            let before = self.rings.get();
            assert!(sender.try_send(Item(0, self.dropped)).is_ok());
            assert_eq!(self.rings.get(), before + 1);
            assert!(matches!(poll_with(&mut recv, &self.waker), Poll::Ready(Some(Item(0, _)))));
            self.dropped_before += 1;
        }
    }

    fn poll_sends(&mut self) {
        for (number, mut send) in std::mem::take(&mut self.sends) {
            let poll = send.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if self.is_closed {
                assert!(
                    matches!(poll, Poll::Ready(Err(SendError(Item(back, _)))) if back == number)
                );
            } else if self.values.len() < self.slots {
                assert!(matches!(poll, Poll::Ready(Ok(()))));
                self.values.push_back(number);
            } else {
                assert!(poll.is_pending());
                self.sends.push_back((number, send));
            }
        }
    }

    fn end(self) -> bool {
        let (created, dropped, before) = (self.created as usize, self.dropped, self.dropped_before);
        drop(self);
        dropped.load(Ordering::SeqCst) - before == created
    }
}

#[test]
fn all_orders_of_sending_receiving_closing_and_dropping_are_as_the_model_says() {
    for slots in [1, 2] {
        for length in 0..=5 {
            for order in 0..STEPS.len().pow(length) {
                let mut both = Both::new(slots, &DROPPED[0]);
                let mut rest = order;
                for _ in 0..length {
                    both.step(STEPS[rest % STEPS.len()]);
                    rest /= STEPS.len();
                }
                assert!(both.end(), "each payload is dropped once");
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Send),
        4 => Just(Step::TrySend),
        8 => Just(Step::Recv),
        3 => (0_usize..8).prop_map(Step::Cancel),
        1 => prop::sample::select(&STEPS[3..]),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_duplicated(slots in 1_usize..4, steps in prop::collection::vec(step(), 0..100)) {
        let mut both = Both::new(slots, &DROPPED[1]);
        steps.iter().for_each(|&step| both.step(step));
        prop_assert!(both.end(), "each payload is dropped once");
    }
}

// ----- reports -----

#[test]
fn a_deadlock_is_uncertain_while_a_sender_can_end_a_wait_and_certain_without_the_wait() {
    let reports = std::rc::Rc::new(RefCell::new(Vec::new()));
    let (sender, mut receiver) = remote::channel::<u32>(1);
    let seen = std::rc::Rc::clone(&reports);
    let held = RefCell::new(Some(sender));
    let scheduler = Scheduler::builder()
        .on_stall(Duration::ZERO, move |report| {
            seen.borrow_mut().push(report.clone());
            drop(held.take()); // Drops the last sender, which wakes the receiver.
        })
        .build();
    receiver = receiver.named("orders");
    assert_eq!(scheduler.block_on(async { receiver.recv().await }), None);
    let reports = reports.take();
    assert!(!reports[0].certain && reports[0].wakers_held == 1, "{}", reports[0]);
    let text = reports[0].to_string();
    assert!(text.contains("waits for a message on remote channel \"orders\" at"), "{text}");

    let (_sender, mut receiver) = remote::channel::<u32>(1);
    let scheduler = virtual_time();
    scheduler.spawn(async move {
        drop(select(pin!(yield_now()), receiver.recv()).await);
        std::future::pending::<()>().await;
    });
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("a deadlock") };
    assert!(report.certain, "the wait was given up, and its waker with it");
}

// ----- other executors and combinators -----

async fn to_itself() -> Vec<u32> {
    let (sender, mut receiver) = remote::channel(2);
    let send = async move {
        for number in 0..10 {
            sender.send(number).await.unwrap();
        }
        drop(sender);
    };
    let receive = async {
        let mut all = Vec::new();
        while let Some(number) = receiver.recv().await {
            all.push(number);
        }
        all
    };
    futures::join!(send, receive).1
}

#[test]
fn it_works_on_any_executor() {
    assert_eq!(everywhere(to_itself), [(); 3].map(|()| (0..10).collect::<Vec<_>>()));
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let (sender, mut receiver) = remote::channel(3);
        let task = spawn(async move {
            let sends: FuturesUnordered<_> = (0..40).map(|number| sender.send(number)).collect();
            assert!(sends.collect::<Vec<_>>().await.iter().all(Result::is_ok));
            let sends = join_all((40..80).map(|number| sender.send(number))).await;
            assert!(sends.iter().all(Result::is_ok));
        });
        for expected in 0..80 {
            assert_eq!(receiver.recv().await, Some(expected));
        }
        task.await.unwrap();
        let (_sender, mut receiver) = remote::channel::<u32>(1);
        let lost = matches!(select(pin!(yield_now()), receiver.recv()).await, Either::Left(_));
        assert!(lost);
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<(Sender<u32>, Receiver<u32>)>> = const { RefCell::new(None) };
}

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

// A waker that was woken or dropped under the lock would take that lock again here.
#[test]
fn a_waker_may_use_the_channel_that_it_is_woken_by() {
    for waker in [Acting::waker(meddle, || {}), Acting::waker(|| {}, meddle)] {
        let (sender, mut receiver) = remote::channel(1);
        let again = sender.clone();
        again.try_send(1).unwrap();
        let mut waits: Vec<_> = (2..5).map(|number| again.send(number)).collect();
        assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
        drop(waker);
        assert_eq!(receiver.try_recv(), Ok(1));
        MEDDLED.set(Some((sender, receiver)));
        for wait in &mut waits {
            let _ = poll_with(wait, Waker::noop());
            meddle();
        }
        drop(waits);
        let (_, mut receiver) = MEDDLED.take().unwrap();
        while receiver.try_recv().is_ok() {}
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = remote::channel(1);
    sender.try_send(0).unwrap();
    let mut waits: Vec<_> = (1..4).map(|number| sender.send(number)).collect();
    assert!(poll_with(&mut waits[0], &waker).is_pending());
    assert!(poll_with(&mut waits[1], &Acting::waker(explode, || {})).is_pending());
    assert!(poll_with(&mut waits[2], &waker).is_pending());
    drop(receiver);
    assert_eq!(rings.get(), 2);
    assert!(waits.iter_mut().all(|wait| matches!(poll_with(wait, &waker), Poll::Ready(Err(_)))));
}

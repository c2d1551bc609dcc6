//! Latest value only: every change is seen once, and no reference holds up a sender or a receiver.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::everywhere;
use probe::{Acting, Count, Rings, Token, poll_with, text, virtual_time};
use turnwise::channel::watch::{self, Receiver, Ref, SendError, Sender};
use turnwise::{RunError, block_on, spawn, task, yield_now};

// tokio#3234: a change between looking and waiting was missed, or seen twice.
#[test]
fn a_change_between_looking_and_waiting_is_seen_once() {
    let (rings, waker) = Rings::new();
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(*receiver.borrow(), 1);
    sender.send(2).unwrap();
    assert!(poll_with(&mut receiver.changed(), &waker).is_ready());
    assert!(poll_with(&mut receiver.changed(), &waker).is_pending());
    assert_eq!(rings.get(), 0);

    sender.send(3).unwrap();
    assert_eq!(*receiver.borrow_and_update(), 3);
    let mut changed = receiver.changed();
    assert!(poll_with(&mut changed, &waker).is_pending(), "it was seen");
    sender.send(4).unwrap();
    sender.send(5).unwrap();
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut changed, &waker), Poll::Ready(Ok(())));
    drop(changed);
    assert!(poll_with(&mut receiver.changed(), &waker).is_pending(), "two changes count as one");
}

#[test]
fn a_wait_that_is_dropped_does_not_mark_a_change_as_seen() {
    let (sender, mut receiver) = watch::channel(1);
    let mut changed = receiver.changed();
    assert!(poll_with(&mut changed, Waker::noop()).is_pending());
    sender.send(2).unwrap();
    drop(changed);
    assert_eq!(receiver.has_changed(), Ok(true));
    assert!(poll_with(&mut receiver.changed(), Waker::noop()).is_ready());
}

#[test]
fn the_last_value_is_seen_although_the_sender_is_gone() {
    let (sender, mut receiver) = watch::channel(1);
    let second = sender.clone();
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.has_changed(), Ok(true));
    drop(second);
    assert!(receiver.has_changed().is_err());
    assert_eq!(block_on(receiver.changed()), Ok(()));
    assert!(block_on(receiver.changed()).is_err());
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn all_waiting_receivers_are_woken_when_the_last_sender_is_dropped() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = watch::channel(1);
    let mut receivers = [receiver.clone(), receiver];
    let mut waits: Vec<_> = receivers.iter_mut().map(Receiver::changed).collect();
    assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_pending()));
    drop(sender);
    assert_eq!(rings.get(), 2);
    assert!(waits.iter_mut().all(|wait| matches!(poll_with(wait, &waker), Poll::Ready(Err(_)))));
}

#[test]
fn a_clone_has_seen_what_its_receiver_has_and_a_subscriber_the_current_value() {
    let (sender, receiver) = watch::channel(1);
    sender.send(2).unwrap();
    assert_eq!(receiver.clone().has_changed(), Ok(true));
    let mut subscriber = sender.subscribe();
    assert_eq!(subscriber.has_changed(), Ok(false));
    subscriber.mark_changed();
    assert_eq!(subscriber.has_changed(), Ok(true));
    subscriber.mark_unchanged();
    assert_eq!(subscriber.has_changed(), Ok(false));
    assert_eq!(sender.receiver_count(), 2);
}

#[test]
fn without_a_receiver_a_send_gives_the_value_back_and_changes_nothing() {
    let (rings, waker) = Rings::new();
    let (sender, receiver) = watch::channel(1);
    let mut closed = sender.closed();
    assert!(poll_with(&mut closed, &waker).is_pending());
    drop(receiver);
    assert_eq!(rings.get(), 1);
    assert!(poll_with(&mut closed, &waker).is_ready());
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert_eq!(*sender.borrow(), 1);
    assert_eq!(*sender.send_replace(3), 1);
    let receiver = sender.subscribe();
    assert!(!sender.is_closed(), "it is open again");
    assert!(poll_with(&mut sender.closed(), &waker).is_pending());
    sender.send(4).unwrap();
    assert_eq!(*receiver.borrow(), 4);
}

#[test]
fn a_ref_keeps_its_value_and_holds_no_send_up() {
    let dropped = Count::default();
    let (sender, receiver) = watch::channel((1, dropped.token()));
    let first = receiver.borrow();
    assert!(sender.send((2, dropped.token())).is_ok());
    assert_eq!((first.0, receiver.borrow().0, dropped.get()), (1, 2, 0));
    drop(first);
    assert_eq!(dropped.get(), 1);
    let second = sender.send_replace((3, dropped.token()));
    let (number, token) = Ref::try_unwrap(second).ok().unwrap();
    drop(token);
    assert_eq!((number, dropped.get()), (2, 2));
}

#[test]
fn changing_in_place_while_a_ref_exists_panics_and_says_what_to_use() {
    let (sender, receiver) = watch::channel(1);
    let reference = receiver.borrow();
    let panic =
        catch_unwind(AssertUnwindSafe(|| sender.send_modify(|value| *value += 1))).unwrap_err();
    assert!(text(&*panic).ends_with("drop the `Ref` first, or send a new value"));
    drop(reference);
    sender.send_modify(|value| *value += 1);
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (2, Ok(true)));
}

#[test]
fn a_closure_that_changes_the_value_must_not_use_the_channel() {
    let (sender, mut receiver) = watch::channel(1);
    let attempts: [&dyn Fn(); 3] =
        [&|| drop(sender.borrow()), &|| sender.send(5).unwrap(), &|| sender.send_modify(|_| {})];
    for attempt in attempts {
        let change = AssertUnwindSafe(|| {
            sender.send_modify(|value| {
                *value += 1;
                attempt();
            });
        });
        let panic = catch_unwind(change).unwrap_err();
        assert!(text(&*panic).ends_with("use the closure's argument"));
    }
    assert_eq!(*receiver.borrow(), 4, "as the closures have left it");
    assert!(
        poll_with(&mut receiver.changed(), Waker::noop()).is_pending(),
        "no receiver was notified"
    );
}

#[test]
fn wait_for_checks_the_current_value_first_and_the_last_one_too() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(*block_on(receiver.wait_for(|&value| value == 1)).unwrap(), 1);
    let mut wait = receiver.wait_for(|&value| value == 3);
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    sender.send_replace(2);
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    sender.send_replace(3);
    drop(sender);
    let Poll::Ready(Ok(value)) = poll_with(&mut wait, Waker::noop()) else { panic!("it is 3") };
    assert_eq!(*value, 3);
    drop(wait);
    assert!(block_on(receiver.wait_for(|&value| value == 4)).is_err());
}

#[test]
fn a_condition_may_change_the_value_that_it_checks() {
    let (sender, mut receiver) = watch::channel(0);
    let raise = |&value: &i32| {
        if value < 5 {
            sender.send_replace(value + 1);
        }
        value == 5
    };
    let mut wait = receiver.wait_for(raise);
    let Poll::Ready(Ok(value)) = poll_with(&mut wait, Waker::noop()) else { panic!("it is 5") };
    assert_eq!(*value, 5);
}

// ----- against a model -----

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Modify(bool),
    Subscribe,
    Drop(usize),
    /// Waiting for a change with a fresh future, and keeps waiting or not.
    Changed(usize, bool),
    Look(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        2 => any::<bool>().prop_map(Step::Modify),
        2 => Just(Step::Subscribe),
        1 => (0_usize..8).prop_map(Step::Drop),
        6 => ((0_usize..8), any::<bool>()).prop_map(|(which, keeps)| Step::Changed(which, keeps)),
        2 => (0_usize..8).prop_map(Step::Look),
    ]
}

type Wait = Pin<Box<dyn Future<Output = (Receiver<(u32, Token)>, bool)>>>;

/// A receiver, idle or waiting, and the version that it should have seen.
enum Reader {
    Idle(Receiver<(u32, Token)>, u32),
    Waiting(Wait, u32, Arc<Rings>, Waker),
}

struct Both {
    sender: Option<Sender<(u32, Token)>>,
    readers: Vec<Reader>,
    version: u32,
    created: usize,
    dropped: Count,
}

impl Both {
    fn step(&mut self, step: Step) {
        let Some(sender) = &self.sender else { return };
        match step {
            Step::Send => {
                self.version += 1;
                self.created += 1;
                let sent = sender.send((self.version, self.dropped.token()));
                assert_eq!(sent.is_ok(), !self.readers.is_empty());
                if sent.is_err() {
                    self.version -= 1;
                }
            }
            Step::Modify(notifies) => {
                let has_notified = sender.send_if_modified(|value| {
                    value.0 += u32::from(notifies);
                    notifies
                });
                assert_eq!(has_notified, notifies);
                self.version += u32::from(notifies);
            }
            Step::Subscribe => self.readers.push(Reader::Idle(sender.subscribe(), self.version)),
            Step::Drop(which) if !self.readers.is_empty() => {
                drop(self.readers.swap_remove(which % self.readers.len()));
            }
            Step::Changed(which, keeps) if !self.readers.is_empty() => {
                let which = which % self.readers.len();
                let reader = self.readers.swap_remove(which);
                let reader = self.changed(reader, keeps);
                self.readers.push(reader);
            }
            Step::Look(which) if !self.readers.is_empty() => {
                let which = which % self.readers.len();
                if let Reader::Idle(receiver, seen) = &mut self.readers[which] {
                    assert_eq!(receiver.has_changed(), Ok(*seen != self.version));
                    assert_eq!(receiver.borrow_and_update().0, self.version);
                    *seen = self.version;
                }
            }
            Step::Drop(_) | Step::Changed(..) | Step::Look(_) => {}
        }
        assert_eq!(self.created - self.dropped.get(), 1, "one value is alive");
    }

    fn changed(&self, reader: Reader, keeps: bool) -> Reader {
        match reader {
            Reader::Idle(mut receiver, seen) if keeps => {
                let (rings, waker) = Rings::new();
                let wait = Box::pin(async move {
                    let is_ok = receiver.changed().await.is_ok();
                    (receiver, is_ok)
                });
                self.poll(wait, seen, rings, waker, true)
            }
            Reader::Idle(mut receiver, mut seen) => {
                let poll = poll_with(&mut receiver.changed(), Waker::noop());
                assert_eq!(poll.is_ready(), seen != self.version);
                seen = self.version;
                Reader::Idle(receiver, seen)
            }
            Reader::Waiting(wait, seen, rings, waker) => self.poll(wait, seen, rings, waker, false),
        }
    }

    fn poll(
        &self,
        mut wait: Wait,
        seen: u32,
        rings: Arc<Rings>,
        waker: Waker,
        is_first: bool,
    ) -> Reader {
        match poll_with(&mut wait, &waker) {
            Poll::Ready((receiver, is_ok)) => {
                assert!(is_ok && seen != self.version);
                assert!(is_first || rings.get() == 1, "woken {} times", rings.get());
                Reader::Idle(receiver, self.version)
            }
            Poll::Pending => {
                assert_eq!((seen, rings.get()), (self.version, 0));
                Reader::Waiting(wait, seen, rings, waker)
            }
        }
    }
}

proptest! {
    #[test]
    fn every_change_is_seen_once_by_every_receiver(steps in prop::collection::vec(step(), 0..100)) {
        let dropped = Count::default();
        let (sender, receiver) = watch::channel((0, dropped.token()));
        let readers = vec![Reader::Idle(receiver, 0)];
        let mut both = Both { sender: Some(sender), readers, version: 0, created: 1, dropped };
        steps.iter().for_each(|&step| both.step(step));
        both.sender = None;
        for reader in std::mem::take(&mut both.readers) {
            if let Reader::Waiting(mut wait, seen, _, waker) = reader {
                let Poll::Ready((_, is_ok)) = poll_with(&mut wait, &waker) else {
                    panic!("the sender is gone");
                };
                prop_assert_eq!(is_ok, seen != both.version);
            }
        }
        prop_assert_eq!(both.created, both.dropped.get());
    }
}

// ----- reports -----

#[test]
fn a_value_that_is_never_changed_is_named() {
    let scheduler = virtual_time();
    let outcome = scheduler.try_block_on(async {
        let (sender, mut receiver) = watch::channel(0);
        let sender = Rc::new(sender.named("level"));
        let theirs = Rc::clone(&sender);
        let keeper =
            task::Builder::new().name("keeper").spawn(async move { theirs.closed().await });
        receiver.changed().await.unwrap();
        keeper.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(
        text.contains("waits for a change on watch channel \"level\"    at tests/channel_watch.rs"),
        "{text}"
    );
    assert!(text.contains("waits for the closing of watch channel \"level\""), "{text}");
    assert!(report.certain);
}

// ----- other executors and combinators -----

async fn count_up() -> Vec<u32> {
    let (sender, mut receiver) = watch::channel(0);
    let (answers, mut answered) = watch::channel(0);
    let counts = async {
        for step in 1..=5 {
            sender.send(step).unwrap();
            answered.wait_for(|&seen| seen == step).await.unwrap();
        }
        drop(sender);
    };
    let reads = async {
        let mut seen = Vec::new();
        while receiver.changed().await.is_ok() {
            let step = *receiver.borrow();
            seen.push(step);
            answers.send_replace(step);
        }
        seen
    };
    futures::join!(counts, reads).1
}

#[test]
fn it_works_on_any_executor() {
    assert_eq!(everywhere(count_up), [(); 3].map(|()| vec![1, 2, 3, 4, 5]));
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let (sender, receiver) = watch::channel(0);
        let mut receivers: Vec<_> = (0..40).map(|_| receiver.clone()).collect();
        let task = spawn(async move {
            let waits: FuturesUnordered<_> = receivers.iter_mut().map(Receiver::changed).collect();
            let seen = waits.filter(|result| std::future::ready(result.is_ok())).count().await;
            let all = join_all(
                receivers.iter_mut().map(|receiver| receiver.wait_for(|&value| value == 2)),
            );
            seen + all.await.into_iter().flatten().count()
        });
        yield_now().await;
        sender.send(1).unwrap();
        yield_now().await;
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), 80);
        let mut receiver = receiver;
        receiver.mark_unchanged();
        let lost = matches!(select(pin!(yield_now()), receiver.changed()).await, Either::Left(_));
        assert!(lost);
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<(Sender<u32>, Receiver<u32>)>> = const { RefCell::new(None) };
}

fn meddle() {
    let Some((sender, receiver)) = MEDDLED.take() else { return };
    let value = *receiver.borrow();
    if value < 5 {
        sender.send(value + 1).unwrap();
    }
    drop(receiver);
    sender.send_modify(|value| *value += 10);
}

fn explode() {
    panic!("the foreign waker");
}

#[test]
fn a_waker_may_read_and_change_the_value_that_it_is_woken_for() {
    let (sender, mut receiver) = watch::channel(0);
    let (again, other) = (sender.clone(), sender.subscribe());
    MEDDLED.set(Some((sender, other)));
    let mut changed = receiver.changed();
    assert!(poll_with(&mut changed, &Acting::waker(meddle, || {})).is_pending());
    again.send(1).unwrap();
    assert_eq!(*again.borrow(), 12);
    assert!(poll_with(&mut changed, Waker::noop()).is_ready());
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    for foreign in [Acting::waker(explode, || {}), Acting::waker(|| {}, explode)] {
        let (rings, waker) = Rings::new();
        let (sender, receiver) = watch::channel(0);
        let mut receivers = [receiver.clone(), receiver.clone(), receiver];
        let mut waits: Vec<_> = receivers.iter_mut().map(Receiver::changed).collect();
        assert!(poll_with(&mut waits[0], &waker).is_pending());
        assert!(poll_with(&mut waits[1], &foreign).is_pending());
        assert!(poll_with(&mut waits[2], &waker).is_pending());
        drop(foreign);
        sender.send(1).unwrap();
        assert_eq!(rings.get(), 2);
        assert!(waits.iter_mut().all(|wait| poll_with(wait, &waker).is_ready()));
    }
}

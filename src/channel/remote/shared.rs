//! The state that the threads share: the values, and the wakers.
//!
//! A send that has to wait queues its value here, and the receiver moves it into the channel when a slot becomes free.
//! A free slot therefore never waits until the sending thread runs.
//!
//! Wakers are cloned, woken and dropped, and values dropped, only while the lock is not held: all of that may run
//! arbitrary code.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::channel::{TryRecvError, TrySendError};
use crate::kernel::{drop_quietly, run_quietly};

pub(super) struct RemoteShared<T> {
    buffer: Mutex<Buffer<T>>,
    capacity: usize,
}

struct Buffer<T> {
    values: VecDeque<T>,
    /// Values that wait for a slot, by the number of their wait, each with the waker of its send. Empty while a slot is
    /// free, unless the channel is closed: then the waiting sends take their values back.
    waiting: BTreeMap<u64, (T, Waker)>,
    /// The number of the next wait.
    next: u64,
    /// The waker of the receiver, set while it waits.
    receiver: Option<Waker>,
    senders: usize,
    is_closed: bool,
}

/// The stage of a send.
pub(super) enum SendStage<T> {
    Created(T),
    /// The value is queued under this number.
    Waiting(u64),
    Done,
}

/// The result of a send. An error hands the value back.
pub(super) type Sent<T> = Result<(), T>;

impl<T> RemoteShared<T> {
    pub(super) fn new(capacity: usize) -> Self {
        RemoteShared {
            buffer: Mutex::new(Buffer {
                values: VecDeque::new(),
                waiting: BTreeMap::new(),
                next: 0,
                receiver: None,
                senders: 0,
                is_closed: false,
            }),
            capacity,
        }
    }

    // ----- sending -----

    pub(super) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let receiver = {
            let mut buffer = self.lock();
            if buffer.is_closed {
                drop(buffer);
                return Err(TrySendError::Closed(value));
            }
            if buffer.values.len() >= self.capacity {
                drop(buffer);
                return Err(TrySendError::Full(value));
            }
            buffer.values.push_back(value);
            buffer.receiver.take()
        };
        wake(receiver);
        Ok(())
    }

    /// Sends the value, or queues it if there is a waker, or checks on a queued one. `None` if the wait continues, or
    /// cannot start without a waker.
    pub(super) fn poll_send(
        &self,
        stage: &mut SendStage<T>,
        waker: Option<Waker>,
    ) -> Option<Sent<T>> {
        match mem::replace(stage, SendStage::Done) {
            SendStage::Created(value) => match (self.try_send(value), waker) {
                (Ok(()), _) => Some(Ok(())),
                (Err(TrySendError::Closed(value)), _) => Some(Err(value)),
                (Err(TrySendError::Full(value)), Some(waker)) => self.enqueue(stage, value, waker),
                (Err(TrySendError::Full(value)), None) => {
                    *stage = SendStage::Created(value);
                    None
                }
            },
            SendStage::Waiting(number) => self.check_queued(stage, number, waker),
            SendStage::Done => panic!("`remote::Sender::send` was polled after completion"),
        }
    }

    fn enqueue(&self, stage: &mut SendStage<T>, value: T, waker: Waker) -> Option<Sent<T>> {
        let mut buffer = self.lock();
        if buffer.is_closed || buffer.values.len() < self.capacity {
            drop(buffer); // The state changed after `try_send` released the lock.
            *stage = SendStage::Created(value);
            return self.poll_send(stage, Some(waker));
        }
        let number = buffer.next;
        buffer.next += 1;
        buffer.waiting.insert(number, (value, waker));
        drop(buffer);
        *stage = SendStage::Waiting(number);
        None
    }

    /// Checks on a queued value, and registers the waker if the wait continues.
    fn check_queued(
        &self,
        stage: &mut SendStage<T>,
        number: u64,
        waker: Option<Waker>,
    ) -> Option<Sent<T>> {
        let mut buffer = self.lock();
        if buffer.is_closed {
            let value = buffer.waiting.remove(&number);
            drop(buffer);
            return Some(value.map_or(Ok(()), |(value, waker)| {
                drop_quietly(waker);
                Err(value)
            }));
        }
        let Some((_, stored)) = buffer.waiting.get_mut(&number) else { return Some(Ok(())) };
        let old = waker.map(|waker| mem::replace(stored, waker));
        drop(buffer);
        *stage = SendStage::Waiting(number);
        drop(old);
        None
    }

    /// Gives up a wait. If its value was already moved into the channel, it stays sent.
    pub(super) fn give_up(&self, stage: &mut SendStage<T>) {
        if let SendStage::Waiting(number) = *stage {
            *stage = SendStage::Done;
            let value = self.lock().waiting.remove(&number);
            drop(value);
        }
    }

    pub(super) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let receiver = {
            let mut buffer = self.lock();
            buffer.senders -= 1;
            if buffer.senders == 0 { buffer.receiver.take() } else { None }
        };
        wake(receiver);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    // ----- receiving -----

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let (value, sender) = {
            let mut buffer = self.lock();
            let Some(value) = buffer.values.pop_front() else {
                return Err(buffer.why_empty());
            };
            (value, buffer.admit_next())
        };
        wake(sender);
        Ok(value)
    }

    /// Stores the waker of the receiver. `false` if there is already a value, or there will never be one.
    pub(super) fn register_receiver(&self, receiver: Waker) -> bool {
        let mut buffer = self.lock();
        if !buffer.values.is_empty() || buffer.why_empty() == TryRecvError::Disconnected {
            drop(buffer);
            return false;
        }
        let old = buffer.receiver.replace(receiver);
        drop(buffer);
        drop(old);
        true
    }

    /// Removes the waker that [`RemoteShared::register_receiver`] stored.
    pub(super) fn unregister_receiver(&self) {
        let receiver = self.lock().receiver.take();
        drop(receiver);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().values.len()
    }

    pub(super) fn has_senders(&self) -> bool {
        self.lock().senders > 0
    }

    /// Closes the channel: sends fail, including those that wait.
    pub(super) fn close(&self) {
        let senders: Vec<Waker> = {
            let mut buffer = self.lock();
            buffer.is_closed = true;
            // The waiting sends take their values back themselves.
            let wakers = buffer.waiting.values_mut().map(|(_, waker)| waker);
            wakers.map(|waker| mem::replace(waker, Waker::noop().clone())).collect()
        };
        senders.into_iter().for_each(|sender| wake(Some(sender)));
    }

    /// Closes the channel and takes its values out: the receiver was dropped.
    pub(super) fn abandon(&self) -> VecDeque<T> {
        self.close();
        mem::take(&mut self.lock().values)
    }

    /// Nothing that runs under the lock can panic, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, Buffer<T>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Buffer<T> {
    /// Moves the first queued value into the slot that became free. Returns the waker of its send.
    fn admit_next(&mut self) -> Option<Waker> {
        if self.is_closed {
            return None;
        }
        let (_, (value, sender)) = self.waiting.pop_first()?;
        self.values.push_back(value);
        Some(sender)
    }

    /// Returns why there is no value. Only meaningful if there is none.
    fn why_empty(&self) -> TryRecvError {
        if self.is_closed || self.senders == 0 {
            TryRecvError::Disconnected
        } else {
            TryRecvError::Empty
        }
    }
}

/// Wakes the waker, if there is one. A panic in it must not reach the thread that happens to wake it.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        run_quietly(|| waker.wake());
    }
}

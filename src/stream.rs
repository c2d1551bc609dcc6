//! `futures_core::Stream` for whatever gives one value after the other. Feature `stream`.
//!
//! Each of these has a method of its own that needs no feature and does the same: `next`, `join_next`, `tick`,
//! `recv`. A stream that waits is reported with the place where it was made; a receiver with that of whatever
//! polls it, which may be an adaptor.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_core::{FusedStream, Stream};

use crate::channel::{broadcast, mpsc, remote, watch};
use crate::combine::AsCompleted;
use crate::generator::AsyncGenerator;
use crate::task::{JoinError, JoinSet};
use crate::time::Interval;

// ----- combine -----

/// The outputs as they come about, like [`next`](AsCompleted::next).
impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        self.poll_next_output(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<F: Future> FusedStream for AsCompleted<F> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

// ----- task -----

/// The outputs in the order in which the tasks end, like [`join_next`](JoinSet::join_next). It can go on after
/// `None`, when more tasks were spawned.
impl<T: 'static> Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let place = self.made_at();
        self.poll_next_ended(cx, place).map(|ended| ended.map(|ended| ended.output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

// ----- time -----

/// The ticks, like [`tick`](Interval::tick). It never ends.
impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        let place = self.made_at;
        self.poll_tick(cx, place).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

// ----- generator -----

/// The values that it yields, like [`next`](AsyncGenerator::next).
impl<Y> Stream for AsyncGenerator<'_, Y> {
    type Item = Y;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.poll_next_value(cx)
    }
}

impl<Y> FusedStream for AsyncGenerator<'_, Y> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

// ----- channel -----

/// The values, like [`recv`](mpsc::Receiver::recv).
impl<T> Stream for mpsc::Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(cx, Location::caller())
    }
}

/// The values, like [`recv`](remote::Receiver::recv).
impl<T> Stream for remote::Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(cx, Location::caller())
    }
}

/// The values, like [`recv`](broadcast::Receiver::recv); an error says how many were lost before the next one.
impl<T: Clone> Stream for broadcast::Receiver<T> {
    type Item = Result<T, broadcast::RecvError>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.poll_at(cx, Location::caller())) {
            Err(broadcast::RecvError::Closed) => Poll::Ready(None),
            value => Poll::Ready(Some(value)),
        }
    }
}

/// The value as it is after each change, like [`changed`](watch::Receiver::changed). Changes that follow one
/// another before anybody looks are one.
impl<T> Stream for watch::Receiver<T> {
    type Item = watch::Ref<T>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<watch::Ref<T>>> {
        match ready!(self.poll_changed(cx, Location::caller())) {
            Ok(()) => Poll::Ready(Some(self.borrow_and_update())),
            Err(_) => Poll::Ready(None),
        }
    }
}

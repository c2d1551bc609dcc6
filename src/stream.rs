//! `futures_core::Stream` for every type that produces a sequence of values. Feature `stream`.
//!
//! Each type has an equivalent method that needs no feature: `next`, `join_next`, `tick`, `recv`. Reports show a
//! waiting stream with the place where it was created, and a receiver with the place that polls it, which may be
//! in an adaptor.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::channel::{broadcast, mpsc, remote, watch};
use crate::combine::AsCompleted;
use crate::generator::AsyncGenerator;
use crate::machine::Instant;
use crate::task::{JoinError, JoinSet};
use crate::time::Interval;

// ----- combine -----

/// Yields the outputs in the order of completion, like [`next`](AsCompleted::next).
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

/// Yields the outputs in the order in which the tasks end, like [`join_next`](JoinSet::join_next). It can continue
/// after `None`, if more tasks are spawned.
impl<T: 'static> Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let place = self.made_at();
        self.poll_next_or_empty(cx, place).map(|ended| ended.map(|ended| ended.output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

// ----- time -----

/// Yields the ticks, like [`tick`](Interval::tick). It never ends.
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

/// Yields the generator's values, like [`next`](AsyncGenerator::next).
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

/// Yields the values, like [`recv`](mpsc::Receiver::recv).
impl<T> Stream for mpsc::Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(cx, Location::caller())
    }
}

/// Yields the values, like [`recv`](remote::Receiver::recv).
impl<T> Stream for remote::Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(cx, Location::caller())
    }
}

/// Yields the values, like [`recv`](broadcast::Receiver::recv). An error contains the number of values lost before
/// the next one.
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

/// Yields the value after each change, like [`changed`](watch::Receiver::changed). Changes between two polls
/// are merged into one.
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

//! Racing: waiting for the first of several futures.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Waits until the first of several futures is ready, and returns its output; the others are dropped.
///
/// Takes a tuple of up to twelve futures with the same output type, an array, or a `Vec`. The futures are
/// polled in the order in which they are given, by the task that awaits this: nothing is spawned, so they may
/// borrow. **If several are ready, the first of those wins**, every time.
///
/// With [`with_index`](Race::with_index), the output includes the index of the winner. For outputs of
/// different types, see [`select!`](crate::select).
///
/// # Cancel safety
///
/// Dropping the future drops all of them. When the first is ready, the losers are dropped, too, without a
/// cancel request: no [`catch_cancel`](crate::task::catch_cancel) in them is notified.
///
/// # Panics
///
/// If an array or a `Vec` is empty: such a race would never end. The future panics if it is polled again
/// after it has completed.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, race, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let after = |seconds| async move { sleep(Duration::from_secs(seconds)).await; seconds };
///     assert_eq!(race((after(3), after(1))).await, 1);
///     assert_eq!(race([after(3), after(1), after(2)]).with_index().await, (1, 1));
/// });
/// ```
#[track_caller]
#[doc(alias = "select_all")]
#[doc(alias = "FIRST_COMPLETED")]
pub fn race<R: Racers>(racers: R) -> Race<R> {
    Race { field: Some(racers.into_field()) }
}

pin_project! {
    /// The future of [`race`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Race<R: Racers> {
        // `None` after completion.
        #[pin]
        field: Option<R::Field>,
    }
}

impl<R: Racers> Race<R> {
    /// Adds the index of the winner to the output, counted from 0.
    pub fn with_index(self) -> RaceIndexed<R> {
        RaceIndexed { race: self }
    }

    #[inline]
    fn poll_first(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(usize, R::Output)> {
        let mut field = self.project().field;
        let racing = field.as_mut().as_pin_mut();
        let racing = racing.expect("a `race` was polled after completion");
        let first = ready!(racing.poll_first(0, cx));
        field.set(None);
        Poll::Ready(first)
    }
}

impl<R: Racers> Future for Race<R> {
    type Output = R::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Output> {
        self.poll_first(cx).map(|(_, output)| output)
    }
}

impl<R: Racers> fmt::Debug for Race<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("is_over", &self.field.is_none()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Race::with_index`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct RaceIndexed<R: Racers> {
        #[pin]
        race: Race<R>,
    }
}

impl<R: Racers> Future for RaceIndexed<R> {
    type Output = (usize, R::Output);

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().race.poll_first(cx)
    }
}

impl<R: Racers> fmt::Debug for RaceIndexed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.race, f)
    }
}

/// What [`race`] accepts: a tuple of futures with the same output type, an array or a `Vec` of futures.
/// Sealed.
pub trait Racers: field::Sealed {
    /// The output of each future.
    type Output;

    /// How the futures are stored.
    #[doc(hidden)]
    type Field: Field<Self::Output>;

    /// Stores the futures, ready to be polled.
    #[doc(hidden)]
    #[track_caller]
    fn into_field(self) -> Self::Field;
}

mod field {
    //! Futures that are polled in order until one is ready.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use pin_project_lite::pin_project;

    pub trait Sealed {}

    pub trait Field<T> {
        /// Polls one after the other; `number` is the index of the first.
        fn poll_first(
            self: Pin<&mut Self>,
            number: usize,
            cx: &mut Context<'_>,
        ) -> Poll<(usize, T)>;
    }

    pin_project! {
        /// One future, and the rest of the field.
        pub struct Lane<F, Rest> {
            #[pin]
            pub(super) future: F,
            #[pin]
            pub(super) rest: Rest,
        }
    }

    impl<F: Future, Rest: Field<F::Output>> Field<F::Output> for Lane<F, Rest> {
        #[inline]
        fn poll_first(
            self: Pin<&mut Self>,
            number: usize,
            cx: &mut Context<'_>,
        ) -> Poll<(usize, F::Output)> {
            let lane = self.project();
            match lane.future.poll(cx) {
                Poll::Ready(output) => Poll::Ready((number, output)),
                Poll::Pending => lane.rest.poll_first(number + 1, cx),
            }
        }
    }

    /// The end of the field.
    #[derive(Debug)]
    pub struct Edge;

    impl<T> Field<T> for Edge {
        #[inline]
        fn poll_first(self: Pin<&mut Self>, _: usize, _: &mut Context<'_>) -> Poll<(usize, T)> {
            Poll::Pending
        }
    }

    /// Any number of futures, each pinned in a box.
    impl<F: Future> Field<F::Output> for Vec<Pin<Box<F>>> {
        fn poll_first(
            mut self: Pin<&mut Self>,
            number: usize,
            cx: &mut Context<'_>,
        ) -> Poll<(usize, F::Output)> {
            for (number, future) in (number..).zip(self.iter_mut()) {
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready((number, output));
                }
            }
            Poll::Pending
        }
    }
}

use field::{Edge, Field, Lane};

impl<F: IntoFuture, const N: usize> field::Sealed for [F; N] {}

impl<F: IntoFuture, const N: usize> Racers for [F; N] {
    type Output = F::Output;
    type Field = Vec<Pin<Box<F::IntoFuture>>>;

    fn into_field(self) -> Self::Field {
        assert!(N > 0, "a `race` needs at least one future: this array is empty");
        self.into_iter().map(|future| Box::pin(future.into_future())).collect()
    }
}

impl<F: IntoFuture> field::Sealed for Vec<F> {}

impl<F: IntoFuture> Racers for Vec<F> {
    type Output = F::Output;
    type Field = Vec<Pin<Box<F::IntoFuture>>>;

    fn into_field(self) -> Self::Field {
        assert!(!self.is_empty(), "a `race` needs at least one future: this `Vec` is empty");
        self.into_iter().map(|future| Box::pin(future.into_future())).collect()
    }
}

/// The type of the lanes of these futures, and the lanes themselves.
macro_rules! lanes {
    (type) => { Edge };
    (type $first:ident $($rest:ident)*) => { Lane<$first::IntoFuture, lanes!(type $($rest)*)> };
    () => { Edge };
    ($first:ident $($rest:ident)*) => {
        Lane { future: $first.into_future(), rest: lanes!($($rest)*) }
    };
}

macro_rules! tuples_can_race {
    ($($first:ident $first_value:ident $($name:ident $value:ident)*;)*) => { $(
        impl<$first: IntoFuture, $($name: IntoFuture<Output = $first::Output>),*> field::Sealed
            for ($first, $($name,)*) {}

        impl<$first: IntoFuture, $($name: IntoFuture<Output = $first::Output>),*> Racers
            for ($first, $($name,)*)
        {
            type Output = $first::Output;
            type Field = lanes!(type $first $($name)*);

            #[inline]
            fn into_field(self) -> Self::Field {
                let ($first_value, $($value,)*) = self;
                lanes!($first_value $($value)*)
            }
        }
    )* };
}

tuples_can_race! {
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
    A a B b C c D d E e F f G g;
    A a B b C c D d E e F f G g H h;
    A a B b C c D d E e F f G g H h I i;
    A a B b C c D d E e F f G g H h I i J j;
    A a B b C c D d E e F f G g H h I i J j K k;
    A a B b C c D d E e F f G g H h I i J j K k L l;
}

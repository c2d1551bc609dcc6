//! What the parts of a program share: the log, the faults that were found, and how groups are
//! formed.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use turnwise::{as_completed, join_all, time};

pub(crate) type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// When something happened, in microseconds, and what.
pub(crate) type Line = (u128, String);

/// How the groups of a program are formed. None of this may change what happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Grouping {
    /// A `join_all` of a few, which polls all of them each time.
    Few,
    /// A `join_all` of so many that each has a waker of its own.
    Many,
    /// A group of another crate, which may yield before it has polled all members that were woken.
    Foreign,
    /// The same, polled until it has polled all of them.
    ForeignEager,
    /// An `as_completed` of many, of which most never end.
    AsCompleted,
}

impl Grouping {
    pub(crate) const ALL: [Grouping; 4] =
        [Grouping::Few, Grouping::Many, Grouping::Foreign, Grouping::AsCompleted];
}

/// Groups of more than 30 have a waker for each member.
const MANY: usize = 40;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) grouping: Grouping,
    lines: Rc<RefCell<Vec<Line>>>,
    faults: Rc<RefCell<Vec<String>>>,
    start: Rc<RefCell<Option<Instant>>>,
}

impl World {
    pub(crate) fn new(grouping: Grouping) -> Self {
        World { grouping, lines: Rc::default(), faults: Rc::default(), start: Rc::default() }
    }

    /// Starts the clock of the log, in a task, before anything is written. Later calls change
    /// nothing.
    pub(crate) fn start(&self) {
        self.start.borrow_mut().get_or_insert_with(time::now);
    }

    /// Writes a line into the log.
    pub(crate) fn note(&self, what: impl Into<String>) {
        let start = self.start.borrow().expect("the clock was started");
        self.lines.borrow_mut().push(((time::now() - start).as_micros(), what.into()));
    }

    /// Records that the crate has broken a promise.
    pub(crate) fn fault(&self, what: impl Into<String>) {
        self.faults.borrow_mut().push(what.into());
    }

    pub(crate) fn take_faults(&self) -> Vec<String> {
        self.faults.take()
    }

    /// All lines, in the order of time; what happens in one instant has no order.
    pub(crate) fn take_lines(&self) -> Vec<Line> {
        let mut lines = self.lines.take();
        lines.sort();
        lines
    }

    /// Waits until all members have ended.
    pub(crate) async fn group(&self, members: Vec<Boxed>) {
        match self.grouping {
            Grouping::Few => drop(join_all(members).await),
            Grouping::Many => {
                let mut members = members;
                members.resize_with(members.len() + MANY, || Box::pin(async {}));
                join_all(members).await;
            }
            Grouping::Foreign => {
                let mut members: FuturesUnordered<Boxed> = members.into_iter().collect();
                while members.next().await.is_some() {}
            }
            Grouping::ForeignEager => {
                let mut members: FuturesUnordered<Boxed> = members.into_iter().collect();
                while next_eager(&mut members).await.is_some() {}
            }
            Grouping::AsCompleted => {
                let number = members.len();
                let mut members = as_completed(with_idle(members));
                for _ in 0..number {
                    members.next().await;
                }
            }
        }
    }
}

async fn next_eager(members: &mut FuturesUnordered<Boxed>) -> Option<()> {
    poll_fn(|cx| {
        // Each of these polls reaches one member at least, if one was woken.
        for _ in 0..=members.len() {
            if let Poll::Ready(ended) = members.poll_next_unpin(cx) {
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    })
    .await
}

/// These members among many that never end.
pub(crate) fn with_idle(mut members: Vec<Boxed>) -> Vec<Boxed> {
    members.resize_with(members.len() + MANY, || Box::pin(pending()));
    members
}

pub(crate) fn us(number: u64) -> Duration {
    Duration::from_micros(number)
}

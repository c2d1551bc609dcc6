//! A trace: what a scheduler did, one line for each spawn, turn and exit; and the helpers to record one.

#![allow(dead_code, reason = "each test program uses only a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

pub(crate) mod lock;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use turnwise::scheduler::Builder;
use turnwise::waiting::Waiter;
use turnwise::{Scheduler, Transition};

/// Runs what `program` spawns, under virtual time, until every task has ended; returns the trace.
pub(crate) fn trace(program: impl FnOnce(&Scheduler)) -> Vec<String> {
    trace_of(Scheduler::builder(), program)
}

/// Like [`trace`], on a scheduler from `builder`.
pub(crate) fn trace_of(builder: Builder, program: impl FnOnce(&Scheduler)) -> Vec<String> {
    let log = Log::default();
    let scheduler = builder.virtual_time().observer(log.tracer()).build();
    program(&scheduler);
    scheduler.run().unwrap();
    log.take()
}

/// Replaces each place in the test file `file`, whose text is `source`, by the mark in the comment at the
/// end of that line: `at tests/deadlock.rs:12:9` becomes `at [first]` if line 12 ends with `// [first]`.
pub(crate) fn with_marks(text: &str, file: &str, source: &str) -> String {
    let file = format!("{file}:");
    let mut parts = text.split(&file);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(':').unwrap();
        let line = source.lines().nth(number.parse::<usize>().unwrap() - 1).unwrap();
        let (_, mark) = line.rsplit_once(" // ").expect("the line ends with a mark");
        out.push_str(mark);
        out.push_str(rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

/// Lines, written from many places and read at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn say(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    /// Everything since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// An observer that logs spawns, turns and exits.
    pub(crate) fn tracer(&self) -> impl Fn(&Transition) + use<> {
        let log = self.clone();
        move |transition| {
            use Transition::{Exited, Spawned, TurnBegan};
            if matches!(transition, Spawned { .. } | TurnBegan { .. } | Exited { .. }) {
                log.say(transition.to_string());
            }
        }
    }
}

/// An event that is set once, and that tasks wait for; their wakers never leave the scheduler.
#[derive(Clone, Default)]
pub(crate) struct Signal(Rc<SignalState>);

#[derive(Default)]
struct SignalState {
    is_set: Cell<bool>,
    waiters: RefCell<Vec<Waiter>>,
}

impl Signal {
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        let state = Rc::clone(&self.0);
        poll_fn(move |cx| {
            if state.is_set.get() {
                return Poll::Ready(());
            }
            state.waiters.borrow_mut().push(Waiter::of(cx));
            Poll::Pending
        })
    }

    pub(crate) fn set(&self) {
        self.0.is_set.set(true);
        let waiters = self.0.waiters.take();
        waiters.into_iter().for_each(Waiter::wake);
    }
}

/// Leaves its waker in `place`, and waits until that is woken once.
pub(crate) async fn leave_waker(place: Rc<RefCell<Option<Waker>>>) {
    let mut left = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut left, true) {
            return Poll::Ready(());
        }
        place.replace(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await;
}

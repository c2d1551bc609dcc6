//! The parts of a program as futures of the crate, with what each of them promises.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use futures::FutureExt;
use turnwise::generator::AsyncGenerator;
use turnwise::task::{self, AbortHandle, CancelToken, Cancelled, JoinHandle, catch_cancel};
use turnwise::time::Elapsed;
use turnwise::{
    AbortOnDrop, JoinError, as_completed, join, race, select, sleep, spawn, time, timeout,
    yield_now,
};

use crate::asked::{is_anything_asked, within, within_scope};
use crate::program::{Lending, Program, ScopeEnd, Sharers};
use crate::world::{Boxed, Grouping, World, us, with_idle};

/// The task that runs a program.
#[derive(Clone, Default)]
pub(crate) struct Own {
    handle: Rc<RefCell<Option<AbortHandle>>>,
    is_asked: Rc<Cell<bool>>,
}

impl Own {
    /// Sets the handle of the task.
    pub(crate) fn set(&self, handle: AbortHandle) {
        self.handle.replace(Some(handle));
    }

    pub(crate) fn cancel(&self) {
        self.is_asked.set(true);
        let handle = self.handle.borrow().clone().expect("the task was spawned");
        handle.cancel();
    }

    /// From now on the task counts as asked.
    pub(crate) fn will_be_asked(&self) {
        self.is_asked.set(true);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.get()
    }
}

/// One part of a program: its name in the log, and what it shares with the others.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) world: World,
    pub(crate) own: Own,
}

impl Part {
    /// The future of a program.
    pub(crate) fn future(self, program: Program) -> Boxed {
        Box::pin(async move {
            match program {
                Program::Sleep(time) => {
                    sleep(us(time)).await;
                    self.note("slept");
                }
                Program::Yield(times) => {
                    for _ in 0..times {
                        yield_now().await;
                    }
                }
                Program::CancelSelf(after) => {
                    sleep(us(after)).await;
                    self.note("cancels its task");
                    self.own.cancel();
                }
                Program::Sequence(all) => self.sequence(all).await,
                Program::Group(all) => {
                    self.world.group(self.members(all)).await;
                    self.note("joined");
                }
                Program::Race(all) => {
                    race(self.members(all)).await;
                    self.note("raced");
                }
                Program::Mask(inner) => {
                    task::mask(self.member(0, *inner)).await;
                    self.note("mask ended");
                }
                Program::Timeout(after, inner) => self.timeout(after, *inner).await,
                Program::Catch { inner, clean_up, resumes } => {
                    self.catch(*inner, *clean_up, resumes).await;
                }
                Program::Scope { children, body, end } => self.scope(children, *body, end).await,
                Program::Token(after, inner) => self.token(after, *inner).await,
                Program::Lent(after, inner, lending) => self.lent(after, *inner, lending).await,
                Program::Heartbeat(beat, all) => self.heartbeat(beat, all).await,
                Program::Shared { inner, after, beside, cancelled } => {
                    self.shared(*inner, after, beside, cancelled).await;
                }
                Program::Generator(beat, all) => self.generator(beat, all).await,
            }
        })
    }

    fn note(&self, what: impl AsRef<str>) {
        self.world.note(format!("{}: {}", self.name, what.as_ref()));
    }

    fn fault(&self, what: impl AsRef<str>) {
        self.world.fault(format!("{}: {}", self.name, what.as_ref()));
    }

    fn member(&self, number: usize, program: Program) -> Boxed {
        Part { name: format!("{}.{number}", self.name), ..self.clone() }.future(program)
    }

    fn members(&self, all: Vec<Program>) -> Vec<Boxed> {
        all.into_iter().enumerate().map(|(number, one)| self.member(number, one)).collect()
    }

    async fn sequence(&self, all: Vec<Program>) {
        for (number, one) in all.into_iter().enumerate() {
            self.member(number, one).await;
        }
    }

    // ----- what asks, and what is asked -----

    async fn timeout(&self, after: u64, inner: Program) {
        let has_returned = Rc::new(Cell::new(false));
        let (returned, inner) = (has_returned.clone(), self.member(0, inner));
        let deadline = time::now() + us(after);
        let outcome = timeout(
            us(after),
            until(deadline, async move {
                inner.await;
                returned.set(true);
            }),
        )
        .await;
        if outcome.is_err() && has_returned.get() {
            self.fault("a timeout has lost a value");
        }
        self.note(if outcome.is_ok() { "in time" } else { "elapsed" });
    }

    async fn token(&self, after: u64, inner: Program) {
        let token = CancelToken::new();
        let cancels = token.clone();
        let _cancels = AbortOnDrop::new(spawn(async move {
            sleep(us(after)).await;
            cancels.cancel();
        }));
        let has_returned = Rc::new(Cell::new(false));
        let (returned, inner) = (has_returned.clone(), self.member(0, inner));
        let asked = token.clone();
        let work = within(move || asked.is_cancelled(), async move {
            inner.await;
            returned.set(true);
        });
        let outcome = token.run_until_cancelled(work).await;
        if outcome.is_none() && has_returned.get() {
            self.fault("a token has lost a value");
        }
        self.note(if outcome.is_some() { "before the token" } else { "until the token" });
    }

    async fn catch(&self, inner: Program, clean_up: Program, resumes: bool) {
        let Err(cancelled) = catch_cancel(self.member(0, inner)).await else {
            return self.note("not cancelled");
        };
        if !is_anything_asked() && !is_from_elsewhere(&cancelled) {
            self.fault(format!("caught, and nothing was asked: {}", cancelled.reason()));
        }
        self.note("caught");
        self.member(1, clean_up).await;
        self.note("cleaned up");
        if resumes {
            cancelled.resume().await;
        }
    }

    async fn scope(&self, children: Vec<Program>, body: Program, end: ScopeEnd) {
        let (mut children, body) = (self.members(children), self.member(20, body));
        let first = (end == ScopeEnd::ChildFails).then(|| children.remove(0));
        let stops = Rc::new(Cell::new(false));
        let (child_stops, body_stops) = (stops.clone(), stops.clone());
        let scope = task::scope(async move |s| {
            if let Some(first) = first {
                s.try_spawn(async move {
                    first.await;
                    sleep(us(37)).await;
                    child_stops.set(true);
                    Err::<(), _>("fails".to_owned())
                });
            }
            children.into_iter().for_each(|child| drop(s.spawn(child)));
            body.await;
            if end == ScopeEnd::BodyCancels {
                sleep(us(41)).await;
                body_stops.set(true);
                s.cancel("stop");
            }
        });
        match within_scope(stops, scope).await {
            Ok(()) => self.note("scope ended"),
            Err(error) => self.note(format!("scope failed {} times", error.failures().len())),
        }
    }

    // ----- what is lent, kept and shared -----

    async fn lent(&self, after: u64, inner: Program, lending: Lending) {
        let mut inner = self.member(0, inner);
        let has_ended = lend(&mut inner, after, lending).await;
        self.note(if has_ended { "lent, and ended" } else { "lent" });
        if !has_ended {
            sleep(us(3)).await;
            if lending != Lending::Timeout {
                inner.await;
                self.note("ended after it was lent");
            }
        }
    }

    async fn heartbeat(&self, time: u64, all: Vec<Program>) {
        let (number, mut members) = (all.len(), self.members(all));
        if matches!(self.world.grouping, Grouping::Many | Grouping::AsCompleted) {
            members = with_idle(members);
        }
        let mut members = as_completed(members);
        let mut ended = 0;
        for _ in 0..60 {
            ended += usize::from(beat(time, members.next()).await.is_ok());
            if ended == number {
                break;
            }
        }
        self.note(format!("{ended} ended"));
    }

    async fn generator(&self, time: u64, all: Vec<Program>) {
        let all = self.members(all);
        let mut values = AsyncGenerator::new(async move |yields| {
            for one in all {
                one.await;
                yields.yield_(()).await;
            }
        });
        for _ in 0..40 {
            if let Ok(None) = beat(time, values.next()).await {
                break;
            }
        }
        self.note(if values.is_over() { "the generator is over" } else { "the generator is kept" });
    }

    async fn shared(&self, inner: Program, after: u64, beside: u64, cancelled: Sharers) {
        let inner = self.member(0, inner).shared();
        let flags: [Rc<Cell<bool>>; 2] = std::array::from_fn(|_| Rc::default());
        let tasks = flags.each_ref().map(|flag| {
            let (flag, inner) = (flag.clone(), inner.clone());
            let work = async move {
                join!(inner, task::mask(sleep(us(beside))));
            };
            spawn(within(move || flag.get(), work))
        });
        drop(inner);
        sleep(us(after)).await;
        for &number in cancelled.numbers() {
            flags[number].set(true);
            tasks[number].cancel();
        }
        for (number, task) in tasks.into_iter().enumerate() {
            self.check_sharer(number, flags[number].get(), task).await;
        }
    }

    /// One of the tasks that share a future.
    async fn check_sharer(&self, number: usize, is_asked: bool, task: JoinHandle<()>) {
        match task.await {
            Ok(()) => self.note(format!("sharer {number} returned")),
            Err(error) if error.is_cancelled() => {
                if !is_asked && error.reason() != Some("shutdown") {
                    self.fault("a sharer was cancelled, and not asked");
                }
                self.note(format!("sharer {number} was cancelled"));
            }
            Err(error) => {
                if !is_expected(&error.to_string()) {
                    self.fault(error.to_string());
                }
                self.note(format!("sharer {number} panicked"));
            }
        }
    }
}

/// Marks what is polled under a deadline.
fn until<F: Future>(deadline: Instant, future: F) -> impl Future<Output = F::Output> {
    within(move || time::now() >= deadline, future)
}

/// Lends a future. Returns whether it has ended.
async fn lend(inner: &mut Boxed, after: u64, lending: Lending) -> bool {
    match lending {
        Lending::Select => select! {
            () = &mut *inner => true,
            () = sleep(us(after)) => false,
        },
        Lending::Timeout => beat(after, inner).await.is_ok(),
        Lending::Timeouts => {
            for _ in 0..20 {
                if beat(after, &mut *inner).await.is_ok() {
                    return true;
                }
            }
            false
        }
    }
}

/// Lends a future to a timeout.
async fn beat<F: Future>(after: u64, future: F) -> Result<F::Output, Elapsed> {
    timeout(us(after), until(time::now() + us(after), future)).await
}

/// Returns whether a request was made by a shutdown, or by a scope because of a failure in it.
fn is_from_elsewhere(cancelled: &Cancelled) -> bool {
    let reason = cancelled.reason();
    reason == "shutdown" || reason.ends_with("failed") || reason.ends_with("panicked")
}

/// Returns whether a panic is one of those that the programs provoke: what has resumed is polled by
/// something that was not asked, and what has panicked is polled again.
pub(crate) fn is_expected(panic: &str) -> bool {
    let expected = [
        "was made on something other",
        "polled again after one had panicked",
        "inner future panicked",
        "poisoned",
    ];
    expected.iter().any(|text| panic.contains(text))
}

/// What became of the task that ran a program.
pub(crate) fn explain(outcome: Result<(), JoinError>, part: &Part) -> String {
    match outcome {
        Ok(()) => "the task returned".to_owned(),
        Err(error) if error.reason().is_some() => {
            if !part.own.is_asked() {
                part.fault("the task was cancelled, and not asked");
            }
            "the task was cancelled".to_owned()
        }
        Err(error) if error.is_cancelled() => "the task was aborted".to_owned(),
        Err(error) => {
            if !is_expected(&error.to_string()) {
                part.fault(error.to_string());
            }
            "the task panicked".to_owned()
        }
    }
}

//! Random trees of timeouts, masks and catches, with requests at every turn, against a model that has no wakers
//! and finds everything by walking a plain tree from the top.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;
mod notes;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use folded::Recorded;
use notes::ms;
use proptest::prelude::*;
use turnwise::task::{self, AbortHandle, catch_cancel};
use turnwise::time::timeout;
use turnwise::{JoinHandle, Scheduler, join_all, sleep, yield_now};

// ----- programs -----

#[derive(Clone, Debug)]
enum Program {
    Sleep(u64),
    Yield(u8),
    /// The task cancels itself.
    Cancel,
    Seq(Vec<Program>),
    Join(Vec<Program>),
    Mask(Box<Program>),
    Timeout(u64, Box<Program>),
    Catch {
        inner: Box<Program>,
        clean_up: Box<Program>,
        resumes: bool,
    },
}

fn program() -> BoxedStrategy<Program> {
    (2u32..5).prop_flat_map(program_of).boxed()
}

/// Programs of at most this depth, and mostly of exactly this depth: `prop_recursive` generates small ones, in
/// which little happens at the same time.
fn program_of(depth: u32) -> BoxedStrategy<Program> {
    let leaf = prop_oneof![
        6 => prop_oneof![Just(1u64), Just(2), Just(4), Just(40)].prop_map(Program::Sleep),
        2 => (1u8..4).prop_map(Program::Yield),
        1 => Just(Program::Cancel),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = program_of(depth - 1);
    let boxed = inner.clone().prop_map(Box::new);
    let after = prop_oneof![Just(0u64), Just(2), Just(4)];
    let catch = (boxed.clone(), boxed.clone(), any::<bool>());
    prop_oneof![
        2 => leaf,
        2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Program::Seq),
        4 => prop::collection::vec(inner, 2..4).prop_map(Program::Join),
        2 => boxed.clone().prop_map(Program::Mask),
        4 => (after, boxed).prop_map(|(after, inner)| Program::Timeout(after, inner)),
        6 => catch.prop_map(|(inner, clean_up, resumes)| {
            Program::Catch { inner, clean_up, resumes }
        }),
    ]
    .boxed()
}

/// When the task is cancelled, in milliseconds: before the timers of that moment fire, or after they fire but
/// before the task takes its turn.
#[derive(Clone, Debug, Default)]
struct Requests {
    before: BTreeSet<u64>,
    amid: BTreeSet<u64>,
}

fn requests() -> impl Strategy<Value = Requests> {
    let times = || prop::collection::btree_set(prop_oneof![1 => Just(0u64), 30 => 1u64..10], 0..4);
    (times(), times()).prop_map(|(before, amid)| Requests { before, amid })
}

/// A time by which every program has ended.
const END: u64 = 400;

type Line = (u64, String);

// ----- the implementation -----

#[derive(Clone, Default)]
struct World {
    now: Rc<RefCell<u64>>,
    lines: Rc<RefCell<Vec<Line>>>,
    own: Rc<RefCell<Option<AbortHandle>>>,
    uses_join_all: bool,
}

impl World {
    fn note(&self, what: impl Into<String>) {
        let now = *self.now.borrow();
        self.lines.borrow_mut().push((now, what.into()));
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

fn real(program: Program, world: World) -> Boxed {
    Box::pin(async move {
        match program {
            Program::Sleep(time) => {
                sleep(ms(time)).await;
                world.note("slept");
            }
            Program::Yield(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
                world.note("yielded");
            }
            Program::Cancel => {
                world.own.borrow().as_ref().unwrap().cancel();
                world.note(format!("cancels itself: {}", task::cancelling()));
            }
            Program::Seq(all) => {
                for one in all {
                    real(one, world.clone()).await;
                }
            }
            Program::Join(all) => {
                let all = all.into_iter().map(|one| real(one, world.clone()));
                if world.uses_join_all { drop(join_all(all).await) } else { in_order(all).await }
            }
            Program::Mask(inner) => {
                task::mask(real(*inner, world.clone())).await;
                world.note("mask ended");
            }
            Program::Timeout(after, inner) => {
                let outcome = timeout(ms(after), real(*inner, world.clone())).await;
                world.note(if outcome.is_ok() { "in time" } else { "elapsed" });
            }
            Program::Catch { inner, clean_up, resumes } => {
                let Err(cancelled) = catch_cancel(real(*inner, world.clone())).await else {
                    return world.note("not cancelled");
                };
                world.note(format!("caught: {}", cancelled.reason()));
                real(*clean_up, world.clone()).await;
                world.note(format!("cleaned up after {}", cancelled.requests()));
                if resumes {
                    cancelled.resume().await;
                }
            }
        }
    })
}

/// Polls all futures that are not ready, every time and in this order, as `join!` does.
async fn in_order(all: impl Iterator<Item = Boxed>) {
    let mut all: Vec<Option<Boxed>> = all.map(Some).collect();
    poll_fn(|cx| {
        for place in &mut all {
            if place.as_mut().is_some_and(|one| one.as_mut().poll(cx).is_ready()) {
                *place = None;
            }
        }
        if all.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn run_real(program: Program, requests: &Requests, uses_join_all: bool) -> Vec<Line> {
    let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
    let scheduler = builder.build();
    let world = World { uses_join_all, ..World::default() };
    // Their timers are created before any of the program's, so they fire first.
    for &time in &requests.amid {
        let own = Rc::clone(&world.own);
        scheduler.spawn(async move {
            if time > 0 {
                sleep(ms(time)).await;
            }
            own.borrow().as_ref().unwrap().cancel();
        });
    }
    let handle = scheduler.spawn(real(program, world.clone()));
    world.own.replace(Some(handle.abort_handle()));
    for time in 0..END {
        *world.now.borrow_mut() = time;
        if requests.before.contains(&time) {
            handle.cancel();
            if time > 0 {
                scheduler.run_until_stalled();
            }
        }
        if time > 0 {
            scheduler.advance(ms(1));
        }
        scheduler.run_until_stalled();
        recorded.check(&scheduler);
        if handle.is_finished() {
            world.note(end_of(&scheduler, handle));
            break;
        }
    }
    world.lines.take()
}

fn end_of(scheduler: &Scheduler, handle: JoinHandle<()>) -> String {
    match scheduler.block_on(handle) {
        Ok(()) => "returned".to_owned(),
        Err(error) => format!("ended: {}", error.reason().unwrap()),
    }
}

// ----- the model -----

/// The index of a request among all that were made.
type Number = usize;

struct Request {
    reason: &'static str,
    region: Option<u32>,
    count: u32,
    shares: u32,
    is_taken: bool,
    is_resumed: bool,
    is_closed: bool,
}

enum Live {
    Sleep { until: Option<u64>, time: u64 },
    Yield(u8),
    Seq { current: Box<Live>, rest: Vec<Program> },
    Join(Vec<Option<Live>>),
    Mask { inner: Box<Live>, is_given_up: bool },
    Timeout { id: u32, after: u64, until: Option<u64>, stage: Stage, inner: Box<Live> },
    Catch { id: u32, inner: Box<Live>, delivered: Option<Delivered>, spec: (Program, bool) },
    CleanUp { request: Number, body: Box<Live>, resumes: bool, since: u32 },
    Resuming { request: Option<Number> },
    Cancel,
}

/// A request that a catch takes in its next poll.
#[derive(Clone, Copy)]
struct Delivered {
    request: Number,
    /// It was resumed inside the catch.
    is_resumed: bool,
}

#[derive(PartialEq)]
enum Stage {
    New,
    Due,
    Elapsed,
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Target(u32),
    Holder,
}

#[derive(Default)]
struct Model {
    now: u64,
    lines: Vec<Line>,
    requests: Vec<Request>,
    /// The open request on each region; `None` is the root. Those on catches were resumed inside them.
    open: Vec<(Option<u32>, Number)>,
    ids: u32,
    due: u32,
    is_woken: bool,
}

impl Model {
    fn note(&mut self, what: impl Into<String>) {
        self.lines.push((self.now, what.into()));
    }

    fn request_on(&self, region: Option<u32>) -> Option<Number> {
        self.open.iter().find(|open| open.0 == region).map(|open| open.1)
    }

    fn make_request(&mut self, region: Option<u32>, reason: &'static str) -> Number {
        self.requests.push(Request {
            reason,
            region,
            count: 1,
            shares: 0,
            is_taken: false,
            is_resumed: false,
            is_closed: false,
        });
        let number = self.requests.len() - 1;
        self.open.push((region, number));
        number
    }

    /// Requests cancellation of the task. Returns `true` if no request was open before.
    fn request_end(&mut self) -> bool {
        let request = self.request_on(None);
        match request {
            Some(number) => self.requests[number].count += 1,
            None => {
                self.make_request(None, "cancelled");
            }
        }
        request.is_none()
    }

    fn release(&mut self, number: Number, resumed: bool) {
        self.is_woken = true;
        let request = &mut self.requests[number];
        request.shares -= 1;
        request.is_resumed |= resumed;
        if request.shares == 0 && request.is_taken && !request.is_resumed && !request.is_closed {
            request.is_closed = true;
            let region = request.region;
            self.open.retain(|open| *open != (region, number));
        }
    }

    fn start(&mut self, program: Program) -> Live {
        self.ids += 1;
        let id = self.ids;
        match program {
            Program::Sleep(time) => Live::Sleep { until: None, time },
            Program::Yield(times) => Live::Yield(times),
            Program::Cancel => Live::Cancel,
            Program::Seq(mut all) => {
                let first = all.remove(0);
                all.reverse();
                Live::Seq { current: Box::new(self.start(first)), rest: all }
            }
            Program::Join(all) => {
                Live::Join(all.into_iter().map(|one| Some(self.start(one))).collect())
            }
            Program::Mask(inner) => {
                Live::Mask { inner: Box::new(self.start(*inner)), is_given_up: false }
            }
            Program::Timeout(after, inner) => {
                let stage = if after == 0 { Stage::Due } else { Stage::New };
                let inner = Box::new(self.start(*inner));
                Live::Timeout { id, after, until: None, stage, inner }
            }
            Program::Catch { inner, clean_up, resumes } => {
                let inner = Box::new(self.start(*inner));
                Live::Catch { id, inner, delivered: None, spec: (*clean_up, resumes) }
            }
        }
    }

    /// Polls a live program once. Requests that are resumed in it are added to `out`. Returns whether it is ready.
    fn poll(&mut self, live: &mut Live, out: &mut Vec<Number>) -> bool {
        match live {
            Live::Sleep { until, time } => {
                let until = *until.get_or_insert(self.now + *time);
                if self.now >= until {
                    self.note("slept");
                }
                self.now >= until
            }
            Live::Yield(0) => {
                self.note("yielded");
                true
            }
            Live::Yield(left) => {
                *left -= 1;
                self.is_woken = true;
                false
            }
            Live::Cancel => {
                self.request_end();
                let number = self.request_on(None).unwrap();
                let count = self.requests[number].count;
                self.note(format!("cancels itself: {count}"));
                true
            }
            Live::Seq { current, rest } => {
                while self.poll(current, out) {
                    let Some(next) = rest.pop() else { return true };
                    **current = self.start(next);
                }
                false
            }
            Live::Join(all) => {
                for place in all.iter_mut() {
                    if place.as_mut().is_some_and(|one| self.poll(one, out)) {
                        *place = None;
                    }
                }
                all.iter().all(Option::is_none)
            }
            Live::Mask { inner, is_given_up } => {
                let mut resumed = Vec::new();
                let is_ready = self.poll(inner, &mut resumed);
                if is_ready {
                    self.is_woken = true;
                    out.extend(resumed);
                    self.note("mask ended");
                    return true;
                }
                *is_given_up |= !resumed.is_empty();
                let passing = self.merge(None, resumed);
                out.extend(passing);
                false
            }
            Live::Timeout { .. } => self.poll_timeout(live, out),
            Live::Catch { .. } => self.poll_catch(live, out),
            Live::CleanUp { .. } => self.poll_clean_up(live, out),
            Live::Resuming { request } => {
                out.extend(request.take());
                false
            }
        }
    }

    fn poll_timeout(&mut self, live: &mut Live, out: &mut Vec<Number>) -> bool {
        let Live::Timeout { id, after, until, stage, inner } = live else { unreachable!() };
        let region = Some(*id);
        if *stage == Stage::New && until.is_some_and(|until| self.now >= until) {
            *stage = Stage::Due;
        }
        let mut resumed = Vec::new();
        self.due += u32::from(*stage == Stage::Due);
        let is_ready = self.poll(inner, &mut resumed);
        self.due -= u32::from(*stage == Stage::Due);
        if is_ready {
            self.close_region(region);
            out.extend(resumed);
            self.note("in time"); // However late: only what is dropped is lost.
            return true;
        }
        until.get_or_insert(self.now + *after);
        let own = self.request_on(region);
        let (own, others): (Vec<_>, Vec<_>) =
            resumed.into_iter().partition(|resumed| Some(*resumed) == own);
        own.into_iter().for_each(|own| self.release(own, true));
        out.extend(self.merge(None, others));
        if *stage == Stage::Due {
            self.is_woken = true;
            if self.due == 0 {
                *stage = Stage::Elapsed;
                self.make_request(region, "the deadline has passed");
            }
        }
        if !self.deliver(region, inner, false) {
            return false;
        }
        self.close_region(region);
        self.drop_live(inner);
        self.note("elapsed");
        true
    }

    fn poll_catch(&mut self, live: &mut Live, out: &mut Vec<Number>) -> bool {
        let Live::Catch { id, inner, delivered, spec } = live else { unreachable!() };
        let region = Some(*id);
        let Some(Delivered { request, .. }) = delivered.take().filter(|it| self.is_live(it)) else {
            let mut resumed = Vec::new();
            if self.poll(inner, &mut resumed) {
                if let Some(resumed) = self.take_open(region) {
                    self.release(resumed, true);
                }
                out.extend(resumed);
                self.is_woken = true;
                self.note("not cancelled");
                return true;
            }
            let kept = self.take_open(region);
            let merged = self.merge(kept, resumed);
            self.open.extend(merged.map(|merged| (region, merged)));
            if self.deliver(region, inner, true) {
                let resumed = self.take_open(region);
                *delivered = resumed.map(|request| Delivered { request, is_resumed: true });
                self.is_woken = true;
            }
            return false;
        };
        if let Some(resumed) = self.take_open(region) {
            self.release(resumed, true);
        }
        self.requests[request].is_taken = true;
        self.drop_live(inner);
        self.note(format!("caught: {}", self.requests[request].reason));
        let (clean_up, resumes) = spec.clone();
        self.ids += 1;
        let since = self.ids;
        *live = Live::CleanUp { request, body: Box::new(self.start(clean_up)), resumes, since };
        self.poll(live, out)
    }

    fn is_live(&self, delivered: &Delivered) -> bool {
        !self.requests[delivered.request].is_closed
    }

    fn poll_clean_up(&mut self, live: &mut Live, out: &mut Vec<Number>) -> bool {
        let Live::CleanUp { request, body, resumes, .. } = live else { unreachable!() };
        if !self.poll(body, out) {
            return false;
        }
        let (request, resumes) = (*request, *resumes);
        self.note(format!("cleaned up after {}", self.requests[request].count));
        if resumes {
            *live = Live::Resuming { request: Some(request) };
            return self.poll(live, out);
        }
        self.release(request, false);
        true
    }

    /// Merges the requests that come out of one region: the last branch takes precedence, equal requests are passed
    /// on as one, and the others return to where they were made.
    fn merge(&mut self, mut kept: Option<Number>, resumed: Vec<Number>) -> Option<Number> {
        for resumed in resumed.into_iter().rev() {
            match kept {
                _ if self.requests[resumed].is_closed => {}
                None => kept = Some(resumed),
                Some(same) if same == resumed => self.requests[same].shares -= 1,
                Some(_) => self.release(resumed, true),
            }
        }
        kept
    }

    fn take_open(&mut self, region: Option<u32>) -> Option<Number> {
        let number = self.request_on(region)?;
        self.open.retain(|open| open.0 != region);
        Some(number)
    }

    fn close_region(&mut self, region: Option<u32>) {
        if let Some(number) = self.take_open(region) {
            self.requests[number].is_closed = true;
        }
    }

    /// Delivers the request on a region to what can take it below. Returns `true` if the region itself must act.
    fn deliver(&mut self, region: Option<u32>, below: &mut Live, is_catch: bool) -> bool {
        let Some(number) = self.request_on(region) else { return false };
        let request = &self.requests[number];
        let only_holders = is_catch || (request.is_resumed && request.shares == 0);
        if request.is_taken && !only_holders {
            return false;
        }
        let found = self.find(below, only_holders, oldest_clean_up(below));
        for target in &found {
            if let Found::Target(id) = target
                && self.deliver_to(below, *id, number)
            {
                self.is_woken = true;
            }
        }
        found.is_empty()
    }

    /// Finds what can take a request, and what holds it. A catch that is younger than the oldest clean-up may be part
    /// of that, and holds.
    fn find(&self, live: &Live, only_holders: bool, oldest: u32) -> Vec<Found> {
        match live {
            Live::Sleep { .. } | Live::Yield(_) | Live::Cancel | Live::Resuming { .. } => vec![],
            Live::Seq { current, .. } => self.find(current, only_holders, oldest),
            Live::Join(all) => {
                all.iter().flatten().flat_map(|one| self.find(one, only_holders, oldest)).collect()
            }
            Live::Mask { is_given_up: false, .. } => vec![Found::Holder],
            Live::Mask { inner, .. } | Live::Timeout { inner, .. } => {
                self.find(inner, only_holders, oldest)
            }
            Live::CleanUp { body, .. } => {
                let mut found = self.find(body, only_holders, oldest);
                found.push(Found::Holder);
                found
            }
            Live::Catch { id, inner, delivered, .. } => {
                let found = self.find(inner, only_holders, oldest);
                let is_delivered = delivered.is_some_and(|delivered| self.is_live(&delivered));
                if found.is_empty() && !is_delivered && !only_holders && *id > oldest {
                    return vec![Found::Holder];
                }
                if found.is_empty() && (is_delivered || !only_holders) {
                    return vec![Found::Target(*id)];
                }
                found
            }
        }
    }

    fn deliver_to(&mut self, live: &mut Live, target: u32, number: Number) -> bool {
        match live {
            Live::Catch { id, delivered, .. } if *id == target => {
                if delivered.is_some_and(|delivered| self.is_live(&delivered)) {
                    return false;
                }
                *delivered = Some(Delivered { request: number, is_resumed: false });
                self.requests[number].shares += 1;
                true
            }
            Live::Seq { current: inner, .. }
            | Live::Mask { inner, .. }
            | Live::Timeout { inner, .. }
            | Live::Catch { inner, .. }
            | Live::CleanUp { body: inner, .. } => self.deliver_to(inner, target, number),
            Live::Join(all) => {
                all.iter_mut().flatten().any(|one| self.deliver_to(one, target, number))
            }
            Live::Sleep { .. } | Live::Yield(_) | Live::Cancel | Live::Resuming { .. } => false,
        }
    }

    /// Drops a live program, which gives up its shares.
    fn drop_live(&mut self, live: &mut Live) {
        match live {
            Live::Sleep { .. } | Live::Yield(_) | Live::Cancel => {}
            Live::Seq { current: inner, .. } | Live::Mask { inner, .. } => self.drop_live(inner),
            Live::Join(all) => all.iter_mut().flatten().for_each(|one| self.drop_live(one)),
            Live::Timeout { id, inner, .. } => {
                self.drop_live(inner);
                self.close_region(Some(*id));
            }
            Live::Catch { id, inner, delivered, .. } => {
                self.drop_live(inner);
                if let Some(resumed) = self.take_open(Some(*id)) {
                    self.release(resumed, true);
                }
                if let Some(Delivered { request, is_resumed }) = delivered.take() {
                    self.release(request, is_resumed);
                }
            }
            Live::CleanUp { request, body, .. } => {
                self.drop_live(body);
                self.release(*request, false);
            }
            Live::Resuming { request } => {
                if let Some(request) = request.take() {
                    self.release(request, true);
                }
            }
        }
    }

    /// Takes turns until nothing is left to do at this moment. Returns how the task ended, if it did.
    fn turns(&mut self, live: &mut Live) -> Option<String> {
        self.is_woken = true;
        while std::mem::take(&mut self.is_woken) {
            let mut resumed = Vec::new();
            if self.poll(live, &mut resumed) {
                return Some("returned".to_owned());
            }
            resumed.retain(|number| !self.requests[*number].is_closed);
            for number in resumed.into_iter().rev() {
                self.release(number, true);
                if self.request_on(None).is_none() {
                    let reason = self.requests[number].reason;
                    let again = self.make_request(None, reason);
                    let again = &mut self.requests[again];
                    (again.is_taken, again.is_resumed) = (true, true);
                }
            }
            if let Some(end) = self.deliver_to_root(live) {
                return Some(end);
            }
        }
        None
    }

    fn deliver_to_root(&mut self, live: &mut Live) -> Option<String> {
        if !self.deliver(None, live, false) {
            return None;
        }
        let number = self.request_on(None).unwrap();
        Some(format!("ended: {}", self.requests[number].reason))
    }

    fn cancel(&mut self, live: &mut Live) -> Option<String> {
        if self.request_end() { self.deliver_to_root(live) } else { None }
    }
}

/// The number that the oldest clean-up in a live program started with.
fn oldest_clean_up(live: &Live) -> u32 {
    match live {
        Live::Seq { current: inner, .. }
        | Live::Mask { inner, .. }
        | Live::Timeout { inner, .. }
        | Live::Catch { inner, .. } => oldest_clean_up(inner),
        Live::Join(all) => all.iter().flatten().map(oldest_clean_up).min().unwrap_or(u32::MAX),
        Live::CleanUp { body, since, .. } => (*since).min(oldest_clean_up(body)),
        Live::Sleep { .. } | Live::Yield(_) | Live::Cancel | Live::Resuming { .. } => u32::MAX,
    }
}

fn run_model(program: Program, requests: &Requests) -> Vec<Line> {
    let mut model = Model::default();
    // Before its first turn the task has no regions, so nothing can take a request.
    if requests.before.contains(&0) || requests.amid.contains(&0) {
        return vec![(0, "ended: cancelled".to_owned())];
    }
    let mut live = model.start(program);
    let mut end = model.turns(&mut live);
    let mut time = 0;
    while end.is_none() && time + 1 < END {
        time += 1;
        if requests.before.contains(&time) {
            // Before the timers of this moment fire.
            let before = std::mem::replace(&mut model.now, time - 1);
            assert_eq!(before, time - 1);
            let from = model.lines.len();
            end = model.cancel(&mut live).or_else(|| model.turns(&mut live));
            model.lines[from..].iter_mut().for_each(|line| line.0 = time);
        }
        model.now = time;
        if end.is_none() && requests.amid.contains(&time) {
            end = model.cancel(&mut live);
        }
        end = end.or_else(|| model.turns(&mut live));
    }
    model.now = time;
    if let Some(end) = end {
        model.note(end);
    }
    model.lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn every_program_behaves_as_the_plain_tree_does(program in program(), requests in requests()) {
        let expected = run_model(program.clone(), &requests);
        prop_assert_eq!(run_real(program, &requests, false), expected);
    }

    /// Children that are polled only when they are woken produce the same events, up to their order.
    #[test]
    fn the_order_of_polls_does_not_matter(program in program(), requests in requests()) {
        let mut expected = run_real(program.clone(), &requests, false);
        let mut other = run_real(program, &requests, true);
        expected.sort();
        other.sort();
        prop_assert_eq!(other, expected);
    }
}

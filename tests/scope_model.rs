//! Random trees of scopes, timeouts, masks and catches, with failures, and with requests at any turn: the rules always
//! hold.
//!
//! The rules: every child ends before its scope; every failure is reported; every request is delivered once, and none
//! is lost; every clean-up runs to its end; nothing is left.

mod folded;
mod notes;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use folded::Recorded;
use futures::future::{FutureExt as _, LocalBoxFuture};
use notes::ms;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use turnwise::task::{AbortHandle, Scope, TaskId, catch_cancel, id, mask, scope};
use turnwise::{JoinHandle, Scheduler, sleep, timeout, yield_now};

/// One operation of a body or a child.
#[derive(Clone, Debug)]
enum Op {
    Yield,
    Sleep(u64),
    /// Spawns a child into the innermost scope, or into the one around it.
    Spawn {
        outer: bool,
        script: Vec<Op>,
    },
    /// Awaits the last child that this script spawned into the innermost scope.
    Join,
    Scope {
        collects: bool,
        body: Vec<Op>,
    },
    /// Catches requests inside, and cleans up for `clean_up` milliseconds.
    Catch {
        inside: Vec<Op>,
        clean_up: u64,
    },
    Mask(Vec<Op>),
    Timeout(u64, Vec<Op>),
    /// Two branches of one task.
    Both(Vec<Op>, Vec<Op>),
    CancelScope,
    /// Cancels the root task, in the middle of one of its turns.
    CancelAll,
    Fail,
    Panic,
}

type Script = Vec<Op>;

fn script() -> impl Strategy<Value = Script> {
    let leaf = prop_oneof![
        3 => Just(Op::Yield),
        3 => (0..4_u64).prop_map(|tens| Op::Sleep(10 * tens)),
        1 => Just(Op::Join),
        1 => Just(Op::CancelScope),
        1 => Just(Op::CancelAll),
        1 => Just(Op::Fail),
        1 => Just(Op::Panic),
    ];
    let op = leaf.prop_recursive(6, 160, 6, |inner| {
        let script = prop::collection::vec(inner, 0..5);
        prop_oneof![
            4 => (any::<bool>(), script.clone())
                .prop_map(|(outer, script)| Op::Spawn { outer, script }),
            4 => (any::<bool>(), script.clone())
                .prop_map(|(collects, body)| Op::Scope { collects, body }),
            2 => (script.clone(), 0..3_u64)
                .prop_map(|(inside, clean_up)| Op::Catch { inside, clean_up: 10 * clean_up }),
            1 => script.clone().prop_map(Op::Mask),
            1 => (script.clone(), script.clone()).prop_map(|(one, two)| Op::Both(one, two)),
            1 => (0..4_u64, script).prop_map(|(tens, inside)| Op::Timeout(10 * tens, inside)),
        ]
    });
    prop::collection::vec(op, 0..6)
}

/// What is known about one scope from outside.
#[derive(Debug, Default)]
struct Watch {
    /// How many futures of children exist.
    alive: Cell<usize>,
    /// The children that have failed.
    failed: RefCell<BTreeSet<TaskId>>,
    is_cancelled: Cell<bool>,
    /// The scope has ended, so no child may be polled any more.
    is_over: Cell<bool>,
}

/// Counts a child as long as its future exists.
struct Alive(Rc<Watch>);

impl Alive {
    fn new(watch: &Rc<Watch>) -> Self {
        watch.alive.set(watch.alive.get() + 1);
        Alive(Rc::clone(watch))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        assert!(!self.0.is_over.get(), "a child was dropped after the end of its scope");
        self.0.alive.set(self.0.alive.get() - 1);
    }
}

/// The end of a scope, however it comes about: every child must have ended before.
struct Ended(Rc<Watch>);

impl Drop for Ended {
    fn drop(&mut self) {
        assert_eq!(self.0.alive.get(), 0, "a child has outlived its scope");
        self.0.is_over.set(true);
    }
}

/// What is known about a whole program.
#[derive(Default)]
struct World {
    /// The root task, to which everything belongs.
    root: RefCell<Option<AbortHandle>>,
    /// The handles of all children.
    children: RefCell<Vec<AbortHandle>>,
    /// How often the root was cancelled, and a child.
    root_requests: Cell<u32>,
    child_requests: Cell<usize>,
    /// How many scopes there have been.
    bodies: Cell<u32>,
    /// The requests that were caught.
    caught: RefCell<Vec<Caught>>,
    /// Clean-ups that have started and not ended.
    clean_ups: Cell<u32>,
    /// A branch panicked, and its neighbor was dropped, perhaps in a clean-up.
    is_torn: Cell<bool>,
    /// The root has nothing left to do but wait for the last request.
    is_done: Cell<bool>,
}

/// A request that was caught.
struct Caught {
    task: TaskId,
    /// The scope whose body this is a part of; 0 outside all scopes.
    body: u32,
    branch: String,
    reason: String,
    /// How often it was made, up to the end of the clean-up.
    requests: u32,
}

impl World {
    /// Cancels the root, if it has not finished.
    fn cancel_root(&self) {
        if let Some(root) = &*self.root.borrow()
            && !root.is_finished()
        {
            self.root_requests.set(self.root_requests.get() + 1);
            root.cancel_with(format!("request {}", self.root_requests.get()));
        }
    }

    fn cancel_child(&self, number: usize) {
        let children = self.children.borrow();
        if let Some(child) = children.get(number % children.len().max(1)) {
            self.child_requests.set(self.child_requests.get() + 1);
            child.cancel_with(format!("child's request {}", self.child_requests.get()));
        }
    }

    /// Every request was delivered to a branch once.
    fn check_deliveries(&self) {
        let caught = self.caught.borrow();
        for (place, one) in caught.iter().enumerate() {
            let is_again = |other: &Caught| {
                let is_nested =
                    one.branch.starts_with(&other.branch) || other.branch.starts_with(&one.branch);
                let is_same = (other.task, other.body) == (one.task, one.body);
                is_same && other.reason == one.reason && is_nested
            };
            if one.reason.contains("request") {
                let again = caught[place + 1..].iter().any(is_again);
                assert!(!again, "{} was delivered twice to {}", one.reason, one.task);
            }
        }
    }

    /// How many of the requests were handled by catches of this task. A scope passes a request on to its body, and once
    /// the body has ended the request is still for the task.
    fn handled(&self, task: TaskId) -> u32 {
        let mut counts = BTreeMap::new();
        for Caught { reason, requests, .. } in
            self.caught.borrow().iter().filter(|caught| (caught.task, caught.body) == (task, 0))
        {
            if reason.starts_with("request") {
                let count: &mut u32 = counts.entry(reason.clone()).or_default();
                *count = (*count).max(*requests);
            }
        }
        counts.into_values().sum()
    }
}

/// Counts a clean-up until it ends, or is dropped.
struct CleaningUp<'a>(&'a World);

impl<'a> CleaningUp<'a> {
    fn start(world: &'a World) -> Self {
        world.clean_ups.set(world.clean_ups.get() + 1);
        CleaningUp(world)
    }

    fn end(self) {
        self.0.clean_ups.set(self.0.clean_ups.get() - 1);
    }
}

/// Where a script runs: in which body, and in which branch of its task.
#[derive(Clone)]
struct Position {
    world: Rc<World>,
    body: u32,
    branch: String,
    /// Whether a panic here drops a neighbor in the same task.
    has_neighbor: bool,
}

impl Position {
    fn new(world: &Rc<World>) -> Self {
        Position { world: Rc::clone(world), body: 0, branch: String::new(), has_neighbor: false }
    }

    /// In the body of a new scope.
    fn in_body(&self) -> Self {
        self.world.bodies.set(self.world.bodies.get() + 1);
        Position { body: self.world.bodies.get(), branch: String::new(), ..self.clone() }
    }

    fn branch(&self, name: &str) -> Self {
        Position { branch: format!("{}{name}", self.branch), has_neighbor: true, ..self.clone() }
    }

    /// Runs `inside`; if that is cancelled, cleans up for `clean_up` milliseconds.
    async fn guard(self, inside: Running<'_>, clean_up: u64) -> Result<(), &'static str> {
        match catch_cancel(inside).await {
            Ok(result) => result,
            Err(cancelled) => {
                let cleaning_up = CleaningUp::start(&self.world);
                let reason = cancelled.reason().to_owned();
                let place = {
                    let mut caught = self.world.caught.borrow_mut();
                    let Position { body, branch, .. } = self.clone();
                    caught.push(Caught { task: id(), body, branch, reason, requests: 0 });
                    caught.len() - 1
                };
                sleep(ms(clean_up)).await;
                self.world.caught.borrow_mut()[place].requests = cancelled.requests();
                cleaning_up.end();
                Ok(())
            }
        }
    }
}

/// A scope with what is known about it.
type Place<'s, 'e> = (&'s Scope<'s, 'e>, Rc<Watch>);

/// A running script; it ends with an error if it contains `Op::Fail`.
type Running<'s> = LocalBoxFuture<'s, Result<(), &'static str>>;

/// Runs a script in a scope, which may be inside another one.
fn run<'s, 'e: 's, 'o: 's, 'p: 'o>(
    script: &'s [Op],
    position: Position,
    here: Option<Place<'s, 'e>>,
    around: Option<Place<'o, 'p>>,
) -> Running<'s> {
    async move {
        let mut last = None;
        let again = |script, position| run(script, position, here.clone(), around.clone());
        for op in script {
            match op {
                Op::Yield => yield_now().await,
                Op::Sleep(time) => sleep(ms(*time)).await,
                Op::Spawn { outer: false, script } => {
                    if let Some((s, watch)) = &here {
                        let place = (*s, Rc::clone(watch));
                        let handle =
                            s.try_spawn(child(script, Position::new(&position.world), place));
                        position.world.children.borrow_mut().push(handle.abort_handle());
                        last = Some(handle);
                    }
                }
                Op::Spawn { outer: true, .. } => {
                    if let Some((s, watch)) = &around {
                        let (script, position) =
                            (&[Op::Yield, Op::Sleep(10), Op::Fail], Position::new(&position.world));
                        s.try_spawn(child(script, position, (*s, Rc::clone(watch))));
                    }
                }
                Op::Join => {
                    if let Some(handle) = last.take() {
                        let _outcome = handle.await;
                    }
                }
                Op::Scope { collects, body } => {
                    nested(body, *collects, position.clone(), here.clone()).await;
                }
                Op::Catch { inside, clean_up } => {
                    position.clone().guard(again(inside, position.clone()), *clean_up).await?;
                }
                Op::Mask(inside) => mask(again(inside, position.clone())).await?,
                Op::Timeout(after, inside) => {
                    let _outcome = timeout(ms(*after), again(inside, position.clone())).await;
                }
                Op::Both(one, two) => {
                    let one = again(one, position.branch("one "));
                    let two = again(two, position.branch("two "));
                    let (one, two) = turnwise::join!(one, two);
                    one.and(two)?;
                }
                Op::CancelScope => {
                    if let Some((s, watch)) = &here {
                        watch.is_cancelled.set(true);
                        s.cancel("by a script");
                    }
                }
                Op::CancelAll => position.world.cancel_root(),
                Op::Fail => return Err("a script failed"),
                Op::Panic => {
                    position
                        .world
                        .is_torn
                        .set(position.world.is_torn.get() || position.has_neighbor);
                    // Without a line on stderr.
                    std::panic::resume_unwind(Box::new("a script panicked"))
                }
            }
        }
        Ok(())
    }
    .boxed_local()
}

/// A child: counted, and its failure noted.
async fn child<'s>(
    script: &'s [Op],
    position: Position,
    place: Place<'s, '_>,
) -> Result<(), &'static str> {
    let watch = Rc::clone(&place.1);
    let _alive = Alive::new(&watch);
    let task = id();
    let _fails = OnPanic(&watch, task);
    let result = run(script, position, Some(place), None::<Place<'s, 's>>).await;
    if result.is_err() {
        watch.failed.borrow_mut().insert(task);
    }
    result
}

/// Notes that a child has failed, if it is dropped by a panic.
struct OnPanic<'a>(&'a Watch, TaskId);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.borrow_mut().insert(self.1);
        }
    }
}

/// Runs a scope with this body, and checks it when it has ended.
async fn nested<'s>(
    body: &'s [Op],
    collects: bool,
    position: Position,
    around: Option<Place<'s, '_>>,
) {
    let watch = Rc::new(Watch::default());
    let _ended = Ended(Rc::clone(&watch));
    let inside = Rc::clone(&watch);
    let has_neighbor = position.has_neighbor;
    let result = scope(async move |s| {
        if collects {
            s.collect_all();
        }
        run(body, position.in_body(), Some((s, inside)), around).await
    })
    .await;
    assert_eq!(watch.alive.get(), 0, "the scope ended before a child");
    let failed = watch.failed.borrow();
    match result {
        Ok(_) => assert!(failed.is_empty(), "a failure was lost"),
        Err(error) => {
            let reported: BTreeSet<TaskId> =
                error.iter().filter_map(turnwise::task::ChildError::id).collect();
            assert_eq!(reported, *failed, "exactly the failed children are reported");
            assert_eq!(reported.len(), error.failures().len());
            // Otherwise a request was meant for the scope and a neighbor, and the neighbor has taken it.
            assert!(!reported.is_empty() || watch.is_cancelled.get() || has_neighbor, "{error}");
        }
    }
}

/// A turn of the program.
type Turn = u8;

/// What is done from outside, and before which turns.
#[derive(Clone, Debug)]
struct Outside {
    cancels: BTreeSet<Turn>,
    cancels_child: BTreeMap<Turn, usize>,
    aborts: Option<Turn>,
}

fn outside() -> impl Strategy<Value = Outside> {
    let turns = || prop_oneof![4 => 0..8_u8, 1 => 0..40_u8];
    let cancels = prop::collection::btree_set(turns(), 0..4);
    let cancels_child = prop::collection::btree_map(turns(), 0..8_usize, 0..3);
    let aborts = prop_oneof![4 => Just(None), 1 => turns().prop_map(Some)];
    (cancels, cancels_child, aborts).prop_map(|(cancels, cancels_child, aborts)| Outside {
        cancels,
        cancels_child,
        aborts,
    })
}

/// Steps until the root has ended, or has nothing left to do.
fn play(
    (scheduler, recorded): (&Scheduler, &Recorded),
    world: &World,
    handle: &JoinHandle<()>,
    outside: &Outside,
) {
    let mut is_idle = false;
    for turn in 0..100_000_u32 {
        let turn = Turn::try_from(turn).unwrap_or(Turn::MAX);
        if outside.aborts == Some(turn) {
            handle.abort();
        }
        if outside.cancels.contains(&turn) && !world.is_done.get() {
            world.cancel_root();
        }
        if let Some(&number) = outside.cancels_child.get(&turn) {
            world.cancel_child(number);
        }
        is_idle = scheduler.step().is_none();
        recorded.check(scheduler);
        if is_idle {
            break;
        }
    }
    assert!(is_idle, "it never becomes idle");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, ..ProptestConfig::default() })]

    #[test]
    fn children_end_before_their_scope_requests_come_once_clean_ups_are_run_and_nothing_is_left(
        script in script(),
        outside in outside(),
    ) {
        let script: Rc<[Op]> = script.into();
        let world = Rc::new(World::default());
        let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
        let scheduler = builder.build();
        let (held, position) = (Rc::clone(&script), Position::new(&world));
        let handle = scheduler.spawn(async move {
            let world = Rc::clone(&position.world);
            let nowhere = None::<Place<'_, '_>>;
            let _outcome = run(&held, position, nowhere.clone(), nowhere).await;
            world.is_done.set(true);
            std::future::pending::<()>().await;
        });
        world.root.replace(Some(handle.abort_handle()));
        let root = handle.id();
        play((&scheduler, &recorded), &world, &handle, &outside);
        let is_finished = handle.is_finished();
        assert!(is_finished || world.is_done.get(), "it is stuck before its end");
        // If the task is still there, it must receive this request and no other.
        handle.cancel_with("the last one");
        let root_requests = world.root_requests.get();
        let error = scheduler.block_on(handle).unwrap_err();
        world.check_deliveries();
        let handled = world.handled(root);
        match error.reason() {
            Some("the last one") => assert_eq!(handled, root_requests, "a request was lost"),
            Some(_) => assert!(handled < root_requests, "a request came twice"),
            None => {}
        }
        let is_aborted = error.is_cancelled() && error.reason().is_none();
        if !is_aborted && !world.is_torn.get() {
            assert_eq!(world.clean_ups.get(), 0, "a clean-up was not run to its end");
        }
        // The checks above panic inside the task, and are rethrown here; panics of the script itself are not.
        if let Ok(payload) = error.try_into_panic()
            && payload.downcast_ref::<&str>() != Some(&"a script panicked")
        {
            std::panic::resume_unwind(payload);
        }
        assert_eq!(scheduler.metrics().alive, 0);
        assert_eq!(scheduler.snapshot().tasks.len(), 0);
        assert_eq!(scheduler.snapshot().timers.len(), 0);
    }
}

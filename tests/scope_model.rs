//! Random trees of scopes, timeouts, masks and catches, with failures and with requests at any turn: whatever
//! happens, the rules hold.
//!
//! The rules: every child ends before its scope; every failure is told; every request is delivered once, and none
//! is lost; every clean-up is run to its end; nothing is left.

mod notes;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures::future::{FutureExt as _, LocalBoxFuture};
use notes::ms;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use turnwise::task::{AbortHandle, Scope, TaskId, catch_cancel, id, mask, scope};
use turnwise::{JoinHandle, Scheduler, sleep, timeout, yield_now};

/// One thing that a body or a child does.
#[derive(Clone, Debug)]
enum Op {
    Yield,
    Sleep(u64),
    /// A child of the innermost scope, or of the one around that.
    Spawn {
        outer: bool,
        script: Vec<Op>,
    },
    /// Awaits the last child that it has spawned into the innermost scope.
    Join,
    Scope {
        collects: bool,
        body: Vec<Op>,
    },
    /// Catches requests inside, and cleans up for so long.
    Catch {
        inside: Vec<Op>,
        clean_up: u64,
    },
    Mask(Vec<Op>),
    Timeout(u64, Vec<Op>),
    /// Two branches of one task.
    Both(Vec<Op>, Vec<Op>),
    CancelScope,
    /// Asks the task that all this belongs to, in the middle of a turn of it.
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

/// What is known of one scope, by those outside of it.
#[derive(Debug, Default)]
struct Watch {
    /// Futures of children that exist.
    alive: Cell<usize>,
    /// Who has failed.
    failed: RefCell<BTreeSet<TaskId>>,
    is_cancelled: Cell<bool>,
    /// The scope is over, so that nobody may be polled any more.
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

/// The end of a scope, however it comes: everybody must have ended before.
struct Ended(Rc<Watch>);

impl Drop for Ended {
    fn drop(&mut self) {
        assert_eq!(self.0.alive.get(), 0, "a child has outlived its scope");
        self.0.is_over.set(true);
    }
}

/// What is known of a whole program.
#[derive(Default)]
struct World {
    /// The task that everything belongs to.
    root: RefCell<Option<AbortHandle>>,
    /// The handles of all children.
    children: RefCell<Vec<AbortHandle>>,
    /// How often the root was asked, and a child.
    asked: Cell<u32>,
    asked_children: Cell<usize>,
    /// How many scopes there were.
    bodies: Cell<u32>,
    /// Who has caught what.
    caught: RefCell<Vec<Caught>>,
    /// Clean-ups that were begun and are not over.
    clean_ups: Cell<u32>,
    /// A branch panicked, and its neighbour was dropped, perhaps in a clean-up.
    is_torn: Cell<bool>,
    /// The root has nothing more to do than to wait for the last request.
    is_done: Cell<bool>,
}

/// A request that was caught.
struct Caught {
    task: TaskId,
    /// The scope whose body this is a part of; 0 outside of all.
    body: u32,
    branch: String,
    reason: String,
    /// How often it was made, up to the end of the clean-up.
    requests: u32,
}

impl World {
    /// Asks the root, if it is not over.
    fn ask_root(&self) {
        if let Some(root) = &*self.root.borrow()
            && !root.is_finished()
        {
            self.asked.set(self.asked.get() + 1);
            root.cancel_with(format!("request {}", self.asked.get()));
        }
    }

    fn ask_child(&self, number: usize) {
        let children = self.children.borrow();
        if let Some(child) = children.get(number % children.len().max(1)) {
            self.asked_children.set(self.asked_children.get() + 1);
            child.cancel_with(format!("child's request {}", self.asked_children.get()));
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

    /// How many of the requests were dealt with by catches of this task. What a scope was told of it passes on
    /// to its body, and when that has ended it still is for the task.
    fn dealt_with(&self, task: TaskId) -> u32 {
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

/// Counts a clean-up until it is over, or dropped.
struct CleaningUp<'a>(&'a World);

impl<'a> CleaningUp<'a> {
    fn begin(world: &'a World) -> Self {
        world.clean_ups.set(world.clean_ups.get() + 1);
        CleaningUp(world)
    }

    fn end(self) {
        self.0.clean_ups.set(self.0.clean_ups.get() - 1);
    }
}

/// Who runs a script: in which branch of its task.
#[derive(Clone)]
struct Me {
    world: Rc<World>,
    body: u32,
    branch: String,
    /// A panic here drops a neighbour in the same task.
    has_neighbour: bool,
}

impl Me {
    fn new(world: &Rc<World>) -> Self {
        Me { world: Rc::clone(world), body: 0, branch: String::new(), has_neighbour: false }
    }

    /// In the body of a new scope.
    fn in_body(&self) -> Self {
        self.world.bodies.set(self.world.bodies.get() + 1);
        Me { body: self.world.bodies.get(), branch: String::new(), ..self.clone() }
    }

    fn branch(&self, name: &str) -> Self {
        Me { branch: format!("{}{name}", self.branch), has_neighbour: true, ..self.clone() }
    }

    /// Runs something, and cleans up for so long if that is cancelled.
    async fn guard(self, inside: Running<'_>, clean_up: u64) -> Result<(), &'static str> {
        match catch_cancel(inside).await {
            Ok(result) => result,
            Err(cancelled) => {
                let cleaning_up = CleaningUp::begin(&self.world);
                let reason = cancelled.reason().to_owned();
                let place = {
                    let mut caught = self.world.caught.borrow_mut();
                    let Me { body, branch, .. } = self.clone();
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

/// A scope with what is known of it.
type Place<'s, 'e> = (&'s Scope<'s, 'e>, Rc<Watch>);

/// What a script ends with: an error if it is to fail.
type Running<'s> = LocalBoxFuture<'s, Result<(), &'static str>>;

/// Runs a script in a scope, which may be inside of another one.
fn run<'s, 'e: 's, 'o: 's, 'p: 'o>(
    script: &'s [Op],
    me: Me,
    here: Option<Place<'s, 'e>>,
    around: Option<Place<'o, 'p>>,
) -> Running<'s> {
    async move {
        let mut last = None;
        let again = |script, me| run(script, me, here.clone(), around.clone());
        for op in script {
            match op {
                Op::Yield => yield_now().await,
                Op::Sleep(time) => sleep(ms(*time)).await,
                Op::Spawn { outer: false, script } => {
                    if let Some((s, watch)) = &here {
                        let place = (*s, Rc::clone(watch));
                        let handle = s.try_spawn(child(script, Me::new(&me.world), place));
                        me.world.children.borrow_mut().push(handle.abort_handle());
                        last = Some(handle);
                    }
                }
                Op::Spawn { outer: true, .. } => {
                    if let Some((s, watch)) = &around {
                        let (script, me) =
                            (&[Op::Yield, Op::Sleep(10), Op::Fail], Me::new(&me.world));
                        s.try_spawn(child(script, me, (*s, Rc::clone(watch))));
                    }
                }
                Op::Join => {
                    if let Some(handle) = last.take() {
                        let _outcome = handle.await;
                    }
                }
                Op::Scope { collects, body } => {
                    nested(body, *collects, me.clone(), here.clone()).await;
                }
                Op::Catch { inside, clean_up } => {
                    me.clone().guard(again(inside, me.clone()), *clean_up).await?;
                }
                Op::Mask(inside) => mask(again(inside, me.clone())).await?,
                Op::Timeout(after, inside) => {
                    let _outcome = timeout(ms(*after), again(inside, me.clone())).await;
                }
                Op::Both(one, two) => {
                    let one = again(one, me.branch("one "));
                    let two = again(two, me.branch("two "));
                    let (one, two) = turnwise::join!(one, two);
                    one.and(two)?;
                }
                Op::CancelScope => {
                    if let Some((s, watch)) = &here {
                        watch.is_cancelled.set(true);
                        s.cancel("by a script");
                    }
                }
                Op::CancelAll => me.world.ask_root(),
                Op::Fail => return Err("a script failed"),
                Op::Panic => {
                    me.world.is_torn.set(me.world.is_torn.get() || me.has_neighbour);
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
async fn child<'s>(script: &'s [Op], me: Me, place: Place<'s, '_>) -> Result<(), &'static str> {
    let watch = Rc::clone(&place.1);
    let _alive = Alive::new(&watch);
    let task = id();
    let _fails = OnPanic(&watch, task);
    let result = run(script, me, Some(place), None::<Place<'s, 's>>).await;
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

/// A scope with this body, and a look at it when it is over.
async fn nested<'s>(body: &'s [Op], collects: bool, me: Me, around: Option<Place<'s, '_>>) {
    let watch = Rc::new(Watch::default());
    let _ended = Ended(Rc::clone(&watch));
    let inside = Rc::clone(&watch);
    let has_neighbour = me.has_neighbour;
    let result = scope(async move |s| {
        if collects {
            s.collect_all();
        }
        run(body, me.in_body(), Some((s, inside)), around).await
    })
    .await;
    assert_eq!(watch.alive.get(), 0, "the scope ended before a child");
    let failed = watch.failed.borrow();
    match result {
        Ok(_) => assert!(failed.is_empty(), "a failure was lost"),
        Err(error) => {
            let told: BTreeSet<TaskId> = error.iter().map(turnwise::task::ChildError::id).collect();
            assert_eq!(told, *failed, "every failure is told, and no other");
            assert_eq!(told.len(), error.failures().len());
            // Else a request was meant for the scope and somebody beside it, who has taken it.
            assert!(!told.is_empty() || watch.is_cancelled.get() || has_neighbour, "{error}");
        }
    }
}

/// A turn of the program.
type Turn = u8;

/// What is done from outside, before which turns.
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

/// Steps until the root is over, or has nothing more to do.
fn play(scheduler: &Scheduler, world: &World, handle: &JoinHandle<()>, outside: &Outside) {
    let mut is_at_rest = false;
    for turn in 0..100_000_u32 {
        let turn = Turn::try_from(turn).unwrap_or(Turn::MAX);
        if outside.aborts == Some(turn) {
            handle.abort();
        }
        if outside.cancels.contains(&turn) && !world.is_done.get() {
            world.ask_root();
        }
        if let Some(&number) = outside.cancels_child.get(&turn) {
            world.ask_child(number);
        }
        is_at_rest = scheduler.step().is_none();
        if is_at_rest {
            break;
        }
    }
    assert!(is_at_rest, "it never comes to rest");
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
        let scheduler = Scheduler::builder().virtual_time().build();
        let (held, me) = (Rc::clone(&script), Me::new(&world));
        let handle = scheduler.spawn(async move {
            let world = Rc::clone(&me.world);
            let nowhere = None::<Place<'_, '_>>;
            let _outcome = run(&held, me, nowhere.clone(), nowhere).await;
            world.is_done.set(true);
            std::future::pending::<()>().await;
        });
        world.root.replace(Some(handle.abort_handle()));
        let root = handle.id();
        play(&scheduler, &world, &handle, &outside);
        let is_finished = handle.is_finished();
        assert!(is_finished || world.is_done.get(), "it waits for what never comes");
        // If it is there still, it must hear of this one and no other.
        handle.cancel_with("the last one");
        let asked = world.asked.get();
        let error = scheduler.block_on(handle).unwrap_err();
        world.check_deliveries();
        let dealt_with = world.dealt_with(root);
        match error.reason() {
            Some("the last one") => assert_eq!(dealt_with, asked, "a request was lost"),
            Some(_) => assert!(dealt_with < asked, "a request came twice"),
            None => {}
        }
        let is_aborted = error.is_cancelled() && error.reason().is_none();
        if !is_aborted && !world.is_torn.get() {
            assert_eq!(world.clean_ups.get(), 0, "a clean-up was not run to its end");
        }
        // Its own checks panic in the task; a panic of the script's is its own.
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

//! Random trees of scopes, with failures and requests at random times: whatever happens, the rules hold.

mod notes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use futures::future::{FutureExt as _, LocalBoxFuture};
use notes::ms;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use turnwise::task::{Scope, TaskId, catch_cancel, id, mask, scope};
use turnwise::{Scheduler, sleep, timeout, yield_now};

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
    CancelScope,
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
        1 => Just(Op::Fail),
        1 => Just(Op::Panic),
    ];
    let op = leaf.prop_recursive(4, 40, 5, |inner| {
        let script = prop::collection::vec(inner, 0..5);
        prop_oneof![
            4 => (any::<bool>(), script.clone())
                .prop_map(|(outer, script)| Op::Spawn { outer, script }),
            3 => (any::<bool>(), script.clone())
                .prop_map(|(collects, body)| Op::Scope { collects, body }),
            2 => (script.clone(), 0..3_u64)
                .prop_map(|(inside, clean_up)| Op::Catch { inside, clean_up: 10 * clean_up }),
            1 => script.clone().prop_map(Op::Mask),
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

/// A scope with what is known of it.
type Place<'s, 'e> = (&'s Scope<'s, 'e>, Rc<Watch>);

/// What a script ends with: an error if it is to fail.
type Running<'s> = LocalBoxFuture<'s, Result<(), &'static str>>;

/// Runs a script in a scope, which may be inside of another one.
fn run<'s, 'e: 's, 'o: 's, 'p: 'o>(
    script: &'s [Op],
    here: Option<Place<'s, 'e>>,
    around: Option<Place<'o, 'p>>,
) -> Running<'s>
where
    's: 's,
{
    async move {
        let mut last = None;
        for op in script {
            match op {
                Op::Yield => yield_now().await,
                Op::Sleep(time) => sleep(ms(*time)).await,
                Op::Spawn { outer: false, script } => {
                    if let Some((s, watch)) = &here {
                        last = Some(s.try_spawn(child(script, (*s, Rc::clone(watch)))));
                    }
                }
                Op::Spawn { outer: true, .. } => {
                    if let Some((s, watch)) = &around {
                        let place = (*s, Rc::clone(watch));
                        s.try_spawn(child(&[Op::Yield, Op::Sleep(10), Op::Fail], place));
                    }
                }
                Op::Join => {
                    if let Some(handle) = last.take() {
                        let _outcome = handle.await;
                    }
                }
                Op::Scope { collects, body } => nested(body, *collects, here.clone()).await,
                Op::Catch { inside, clean_up } => {
                    match catch_cancel(run(inside, here.clone(), around.clone())).await {
                        Ok(result) => result?,
                        Err(cancelled) => {
                            sleep(ms(*clean_up)).await;
                            drop(cancelled);
                        }
                    }
                }
                Op::Mask(inside) => mask(run(inside, here.clone(), around.clone())).await?,
                Op::Timeout(after, inside) => {
                    let inside = run(inside, here.clone(), around.clone());
                    let _outcome = timeout(ms(*after), inside).await;
                }
                Op::CancelScope => {
                    if let Some((s, watch)) = &here {
                        watch.is_cancelled.set(true);
                        s.cancel("by a script");
                    }
                }
                Op::Fail => return Err("a script failed"),
                // Without a line on stderr.
                Op::Panic => std::panic::resume_unwind(Box::new("a script panicked")),
            }
        }
        Ok(())
    }
    .boxed_local()
}

/// A child: counted, and its failure noted.
async fn child<'s>(script: &'s [Op], place: Place<'s, '_>) -> Result<(), &'static str> {
    let watch = Rc::clone(&place.1);
    let _alive = Alive::new(&watch);
    let task = id();
    let _fails = OnPanic(&watch, task);
    let result = run(script, Some(place), None::<Place<'s, 's>>).await;
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
async fn nested<'s>(body: &'s [Op], collects: bool, around: Option<Place<'s, '_>>) {
    let watch = Rc::new(Watch::default());
    let _ended = Ended(Rc::clone(&watch));
    let inside = Rc::clone(&watch);
    let result = scope(async move |s| {
        if collects {
            s.collect_all();
        }
        run(body, Some((s, inside)), around).await
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
            let is_explained = !told.is_empty() || watch.is_cancelled.get();
            assert!(is_explained || error.reason() == Some("from outside"), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_children_end_before_their_scope_and_no_failure_is_lost(
        body in script(),
        cancel_at in prop::option::of(0..8_u64),
        abort_at in prop::option::of(0..8_u64),
    ) {
        let body: Rc<[Op]> = body.into();
        let scheduler = Scheduler::builder().virtual_time().build();
        let held = Rc::clone(&body);
        let handle = scheduler.spawn(async move { nested(&held, false, None).await });
        scheduler.block_on(async {
            let abort = handle.abort_handle();
            let mut times = [(cancel_at, false), (abort_at, true)];
            times.sort();
            let mut now = 0;
            for (at, aborts) in times {
                let Some(at) = at else { continue };
                sleep(ms(5 * (at - now))).await;
                now = at;
                if aborts {
                    abort.abort();
                } else {
                    abort.cancel_with("from outside");
                }
            }
            // Its own checks panic in the task; a panic of the script's is its own.
            if let Err(error) = handle.await
                && let Ok(payload) = error.try_into_panic()
                && payload.downcast_ref::<&str>() != Some(&"a script panicked")
            {
                std::panic::resume_unwind(payload);
            }
        });
        assert_eq!(scheduler.metrics().alive, 0);
        assert_eq!(scheduler.snapshot().tasks.len(), 0);
        assert_eq!(scheduler.snapshot().timers.len(), 0);
    }
}

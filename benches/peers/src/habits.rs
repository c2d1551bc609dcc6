//! How executors behave where they differ: tried, not claimed.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;

use crate::rows::Executor;
use crate::rows::tools::{Locks, Permits};

/// The questions, in the order of the answers.
pub(crate) const QUESTIONS: [&str; 4] = [
    "a task that yields lets all others run first",
    "tasks start in the order of spawning",
    "the panic of a task becomes",
    "a task whose handle is dropped",
];

/// Answers the [`QUESTIONS`].
pub(crate) fn of<E: Executor>() -> [&'static str; 4] {
    let order = order::<E>();
    let gives_way = order.chunks(10).all(|round| (0..10).all(|task| round.contains(&task)));
    let mut firsts = Vec::new();
    for task in &order {
        if !firsts.contains(task) {
            firsts.push(*task);
        }
    }
    let yes_or_no = |yes| if yes { "yes" } else { "no" };
    [yes_or_no(gives_way), yes_or_no(firsts.is_sorted()), panics::<E>(), dropped::<E>()]
}

/// Which task had which turn, when ten tasks yield ten times each.
fn order<E: Executor>() -> Vec<u64> {
    let turns = Rc::new(RefCell::new(Vec::new()));
    E::new().block_on({
        let turns = Rc::clone(&turns);
        async move {
            let task = |number| {
                let turns = Rc::clone(&turns);
                E::spawn(async move {
                    for _ in 0..10 {
                        turns.borrow_mut().push(number);
                        E::yield_now().await;
                    }
                })
            };
            let handles: Vec<_> = (0..10).map(task).collect();
            for handle in handles {
                handle.await.expect("nothing panics");
            }
        }
    });
    turns.take()
}

/// What the panic of a task becomes.
fn panics<E: Executor>() -> &'static str {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let fails = || E::spawn(async { assert!(!panics_now(), "on purpose") });
    let joined =
        catch_unwind(AssertUnwindSafe(|| E::new().block_on(async move { fails().await.is_err() })));
    let alone = catch_unwind(AssertUnwindSafe(|| {
        E::new().block_on(async move {
            let handle = fails();
            for _ in 0..10 {
                E::yield_now().await;
            }
            // The handle is not joined, so it cannot report the panic.
            std::mem::forget(handle);
        });
    }));
    panic::set_hook(hook);
    match (joined, alone) {
        (Ok(true), Ok(())) => "an error when it is joined",
        (_, Ok(())) => "a panic when it is joined",
        (_, Err(_)) => "a panic of the executor",
    }
}

/// Hidden from the compiler, which would otherwise see that the code after it is unreachable.
fn panics_now() -> bool {
    std::hint::black_box(true)
}

/// What becomes of a task whose handle is dropped before its first turn.
fn dropped<E: Executor>() -> &'static str {
    let ran = Rc::new(Cell::new(false));
    E::new().block_on({
        let ran = Rc::clone(&ran);
        async move {
            drop(E::spawn(async move { ran.set(true) }));
            for _ in 0..10 {
                E::yield_now().await;
            }
        }
    });
    if ran.get() { "continues" } else { "is cancelled" }
}

/// The questions about locks, in the order of the answers.
pub(crate) const ORDERS: [&str; 2] =
    ["a mutex is first in, first out", "a semaphore is first in, first out"];

/// Answers [`ORDERS`].
pub(crate) fn orders<E: Executor, T: Locks + Permits>() -> [&'static str; 2] {
    [mutex::<E, T>(), semaphore::<E, T>()]
}

pub(crate) fn mutex<E: Executor, T: Locks>() -> &'static str {
    by_turns::<E, _, _>(T::mutex(), |mutex, inside| async move {
        T::locked(&mutex, inside).await;
    })
}

pub(crate) fn semaphore<E: Executor, T: Permits>() -> &'static str {
    by_turns::<E, _, _>(T::semaphore(1), |semaphore, inside| async move {
        T::permitted(&semaphore, inside).await;
    })
}

/// What a task does while it holds the lock or the permit.
type Inside = Pin<Box<dyn Future<Output = ()>>>;

/// Whether three tasks take turns, when each requests the lock again as soon as it has released it.
fn by_turns<E: Executor, S: 'static, F>(shared: S, once: fn(Rc<S>, Inside) -> F) -> &'static str
where
    F: Future<Output = ()> + 'static,
{
    let (shared, order) = (Rc::new(shared), Rc::new(RefCell::new(Vec::new())));
    E::new().block_on({
        let order = Rc::clone(&order);
        async move {
            let task = |number: u64| {
                let (shared, order) = (Rc::clone(&shared), Rc::clone(&order));
                E::spawn(async move {
                    for _ in 0..10 {
                        let order = Rc::clone(&order);
                        let inside = async move {
                            order.borrow_mut().push(number);
                            E::yield_now().await;
                        };
                        once(Rc::clone(&shared), Box::pin(inside)).await;
                    }
                })
            };
            let handles: Vec<_> = (0..3).map(task).collect();
            for handle in handles {
                handle.await.expect("nothing panics");
            }
        }
    });
    let order = order.take();
    let by_turns = order.chunks(3).all(|round| (0..3).all(|task| round.contains(&task)));
    if by_turns { "yes" } else { "no" }
}

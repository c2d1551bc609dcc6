//! Tasks that wait for each other: locks, permits, events, channels, joins and groups.

use std::fmt::Debug;
use std::future::ready;
use std::rc::Rc;

use super::tools::{Channels, Events, Groups, Joins, Locks, Oneshots, Permits};
use super::{Countdown, Executor, Kind, Row, Setup, Work, batches, hidden};

/// How many tasks contend for a lock, for permits, or for room in a channel.
const CROWD: u64 = 10;
const PERMITS: usize = 3;
const ROOM: usize = 16;
/// How many tasks wait for one event, and how many are joined by one `join_all` or one scope.
const WAITERS: u64 = 10_000;
pub(super) const JOINED: u64 = 1_000;

fn row(name: &'static str, batch: u64, size: u64, work: Setup) -> Row {
    Row { name, batch, size, kind: Kind::Computes, work }
}

/// All rows, for a toolkit that has all tools.
pub(crate) fn rows<E, T>() -> Vec<Row>
where
    E: Executor,
    T: Locks + Permits + Events + Channels + Oneshots + Joins + Groups,
{
    let locks = [locks::<E, T>(), permits::<E, T>(), events::<E, T>()].concat();
    [locks, channels::<E, T>(), requests::<E, T, T>(), joins::<E, T>(), groups::<E, T>()].concat()
}

pub(crate) fn locks<E: Executor, T: Locks>() -> Vec<Row> {
    vec![row("mutex", CROWD, 100_000, mutex::<E, T>)]
}

pub(crate) fn permits<E: Executor, T: Permits>() -> Vec<Row> {
    vec![row("semaphore", CROWD, 100_000, semaphore::<E, T>)]
}

pub(crate) fn events<E: Executor, T: Events>() -> Vec<Row> {
    vec![row("event_10000", WAITERS, 20 * WAITERS, event::<E, T>)]
}

pub(crate) fn channels<E: Executor, T: Channels>() -> Vec<Row> {
    vec![
        row("ping_pong", 1, 100_000, ping_pong::<E, T>),
        row("mpsc_10", CROWD, 100_000, mpsc::<E, T>),
    ]
}

pub(crate) fn requests<E: Executor, T: Channels, O: Oneshots>() -> Vec<Row> {
    vec![row("request", 1, 100_000, request::<E, T, O>)]
}

pub(crate) fn joins<E: Executor, T: Joins>() -> Vec<Row> {
    vec![
        row("join_all_1000", JOINED, 100 * JOINED, join_all::<E, T>),
        row("join_2", 1, 100_000, join::<E, T>),
        row("race_2", 1, 100_000, race::<E, T>),
    ]
}

pub(crate) fn groups<E: Executor, T: Groups>() -> Vec<Row> {
    vec![row("scope_1000", JOINED, 100 * JOINED, group::<E, T>)]
}

/// Ten tasks lock, yield while they hold the lock, and unlock, so all but one wait.
fn mutex<E: Executor, T: Locks>() -> Work {
    contend::<E, _, _>(T::mutex(), |mutex| async move {
        T::locked(&mutex, E::yield_now()).await;
    })
}

/// Ten tasks share three permits in the same way.
fn semaphore<E: Executor, T: Permits>() -> Work {
    contend::<E, _, _>(T::semaphore(PERMITS), |semaphore| async move {
        T::permitted(&semaphore, E::yield_now()).await;
    })
}

/// Divides `n` operations on one shared object among ten tasks.
fn contend<E: Executor, S: 'static, F>(shared: S, once: fn(Rc<S>) -> F) -> Work
where
    F: Future<Output = ()> + 'static,
{
    let (executor, shared) = (E::new(), Rc::new(shared));
    Box::new(move |n| {
        let rounds = n / CROWD;
        let done = executor.block_on(async {
            let task = |_| {
                let shared = Rc::clone(&shared);
                E::spawn(async move {
                    for _ in 0..rounds {
                        once(Rc::clone(&shared)).await;
                    }
                    rounds
                })
            };
            sum(&mut (0..CROWD).map(task).collect::<Vec<_>>()).await
        });
        assert_eq!(done, n);
    })
}

async fn sum<E: Debug>(handles: &mut Vec<impl Future<Output = Result<u64, E>>>) -> u64 {
    let mut sum = 0;
    for handle in handles.drain(..) {
        sum += handle.await.expect("no task fails");
    }
    sum
}

/// Ten thousand tasks wait for one event, again and again.
fn event<E: Executor, T: Events>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let rounds = n / WAITERS;
        let done = executor.block_on(async {
            let (event, all) = (Rc::new(T::event()), Rc::new(Countdown::default()));
            let waiter = |_| {
                let (event, all) = (Rc::clone(&event), Rc::clone(&all));
                E::spawn(async move {
                    for _ in 0..rounds {
                        all.count();
                        T::wait(&event).await;
                    }
                    rounds
                })
            };
            all.left.set(WAITERS);
            let mut waiters: Vec<_> = (0..WAITERS).map(waiter).collect();
            for round in 1..=rounds {
                // The last task has counted, so all of them wait after its turn.
                all.wait().await;
                E::yield_now().await;
                assert_eq!(all.counted.get(), round * WAITERS, "a later waiter waits");
                all.left.set(WAITERS);
                T::fire(&event);
            }
            sum(&mut waiters).await
        });
        assert_eq!(done, n);
    })
}

/// One task sends a number, another one sends it back.
fn ping_pong<E: Executor, T: Channels>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let last = executor.block_on(async {
            let (mut out, mut inbox) = T::channel::<u64>(1);
            let (mut back, mut answers) = T::channel::<u64>(1);
            let echo = E::spawn(async move {
                while let Some(number) = T::receive(&mut inbox).await {
                    T::send(&mut back, number + 1).await;
                }
            });
            let mut number = 0;
            for _ in 0..n {
                T::send(&mut out, number).await;
                number = T::receive(&mut answers).await.expect("the echo is there to the end");
            }
            drop(out);
            echo.await.expect("no task fails");
            number
        });
        assert_eq!(last, n);
    })
}

/// Ten tasks send to one, through a channel that is mostly full.
fn mpsc<E: Executor, T: Channels>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let each = n / CROWD;
        let sum = executor.block_on(async {
            let (sender, mut receiver) = T::channel::<u64>(ROOM);
            for _ in 0..CROWD {
                let mut sender = sender.clone();
                E::spawn_detached(async move {
                    for number in 0..each {
                        T::send(&mut sender, number).await;
                    }
                });
            }
            drop(sender);
            let mut sum = 0;
            while let Some(number) = T::receive(&mut receiver).await {
                sum += number;
            }
            sum
        });
        assert_eq!(sum, CROWD * (each * each.saturating_sub(1) / 2));
    })
}

/// A request over a channel carries the sender for its answer.
fn request<E: Executor, T: Channels, O: Oneshots>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let (mut ask, mut questions) = T::channel::<(u64, O::Sender<u64>)>(ROOM);
            let server = E::spawn(async move {
                while let Some((number, answer)) = T::receive(&mut questions).await {
                    O::answer(answer, number + 1);
                }
            });
            let mut sum = 0;
            for number in 0..n {
                let (answer, answered) = O::oneshot();
                T::send(&mut ask, (number, answer)).await;
                sum += O::answered(answered).await;
            }
            drop(ask);
            server.await.expect("no task fails");
            sum
        });
        assert_eq!(sum, n * (n + 1) / 2);
    })
}

/// A thousand futures that yield once each, joined by one task.
fn join_all<E: Executor, T: Joins>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let done = executor.block_on(async {
            let mut done = 0;
            for _ in 0..n / JOINED {
                let one = |number| async move {
                    E::yield_now().await;
                    number
                };
                let outputs = T::all((0..JOINED).map(one).collect()).await;
                assert_eq!(outputs.last(), Some(&(JOINED - 1)));
                done += outputs.len() as u64;
            }
            done
        });
        assert_eq!(done, n);
    })
}

/// Joins two futures that are ready immediately.
fn join<E: Executor, T: Joins>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut sum = 0;
            for number in 0..n {
                let (a, b) = T::both(ready(hidden(number)), ready(hidden(1))).await;
                sum += a + b;
            }
            sum
        });
        assert_eq!(sum, n * (n + 1) / 2);
    })
}

/// Races two futures that are ready immediately.
fn race<E: Executor, T: Joins>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut sum = 0;
            for number in 0..n {
                sum += T::first(ready(hidden(number)), ready(hidden(number))).await;
            }
            sum
        });
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
    })
}

/// Groups of a thousand tasks that are ready immediately, one after another.
fn group<E: Executor, T: Groups>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut sum = 0;
            for first in batches(n, JOINED) {
                sum += T::sum(first..first + JOINED).await;
            }
            sum
        });
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

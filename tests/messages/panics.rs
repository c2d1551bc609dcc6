//! Provokes the panics that are the caller's mistakes.

use std::cell::Cell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use turnwise::channel::{Queue, broadcast, mpsc, oneshot, remote, watch};
use turnwise::combine::wait;
use turnwise::generator::{AsyncGenerator, Generator, Thrown};
use turnwise::sync::{Condvar, Mutex, OnceCell, Promise, Semaphore};
use turnwise::task::{self, JoinSet, catch_cancel, scope, shield};
use turnwise::time::{advance, hold, interval};
use turnwise::{
    Scheduler, ThreadPool, block_on, gather, join_all, race, select, sleep, spawn, timeout,
    try_join_all,
};

use crate::Text;
use crate::probe::{poll_with, text};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn provoked() -> Vec<Text> {
    [
        without_a_scheduler(),
        on_a_scheduler(),
        arguments(),
        polled_after_completion(),
        awaited_after_completion(),
        watches(),
        generators(),
        after_a_request(),
        misuse(),
    ]
    .concat()
}

/// The text of the panic.
fn caught<R>(run: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).map(drop);
    text(&*panic.expect_err("it panics"))
}

/// The text of the panic when a future is polled for the first time, without a scheduler.
fn polled(future: impl Future) -> String {
    caught(|| pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())).map(drop))
}

// ----- the scheduler -----

fn without_a_scheduler() -> Vec<Text> {
    let pool = ThreadPool::new(1);
    let child = async {
        let _ = scope(async |s| drop(s.spawn(async {}))).await;
    };
    vec![
        ("spawn", caught(|| spawn(async {}))),
        ("task::try_spawn", caught(|| task::try_spawn(async { Ok::<(), ()>(()) }))),
        ("task::Builder::spawn", caught(|| task::Builder::new().spawn(async {}))),
        (
            "task::Builder::try_spawn",
            caught(|| task::Builder::new().try_spawn(async { Ok::<(), ()>(()) })),
        ),
        ("JoinSet::spawn", caught(|| JoinSet::new().spawn(async {}))),
        ("Scope::spawn", polled(child)),
        ("gather", caught(|| gather([async {}]))),
        ("task::shield", polled(shield(async {}))),
        ("task::id", caught(task::id)),
        ("sleep", polled(sleep(SECOND))),
        ("timeout", polled(timeout(SECOND, pending::<()>()))),
        ("time::advance", polled(advance(SECOND))),
        ("time::hold", caught(hold)),
        ("Promise::on_done", caught(|| Promise::<u8>::new().on_done(drop))),
        ("BlockingHandle::on_done_local", caught(|| pool.submit(|| ()).on_done_local(drop))),
    ]
}

fn on_a_scheduler() -> Vec<Text> {
    let scheduler = Scheduler::new();
    let remote = scheduler.remote();
    let own = || scheduler.block_on(async { remote.spawn(|| async {}).wait() });
    let blocking = || {
        let (sender, _receiver) = remote::channel(1);
        block_on(async { sender.blocking_send(1) })
    };
    let mut nap = Box::pin(sleep(SECOND));
    let gone = Scheduler::new();
    assert!(gone.block_on(async { poll_with(&mut nap, Waker::noop()) }).is_pending());
    drop(gone);
    vec![
        ("block_on in a task", caught(|| block_on(async { block_on(async {}) }))),
        ("RemoteHandle::wait", caught(own)),
        ("remote::Sender::blocking_send", caught(blocking)),
        ("time::advance", caught(|| block_on(advance(SECOND)))),
        ("Sleep of a dropped scheduler", caught(|| poll_with(&mut nap, Waker::noop()))),
    ]
}

// ----- arguments -----

fn arguments() -> Vec<Text> {
    let too_many = Semaphore::MAX_PERMITS + 1;
    let most = u32::try_from(too_many).unwrap();
    let none: [std::future::Ready<u8>; 0] = [];
    vec![
        ("mpsc::channel", caught(|| mpsc::channel::<u8>(0))),
        ("mpsc::channel", caught(|| mpsc::channel::<u8>(too_many))),
        ("broadcast::channel", caught(|| broadcast::channel::<u8>(0))),
        ("remote::channel", caught(|| remote::channel::<u8>(0))),
        ("Queue::new", caught(|| Queue::<u8>::new(too_many))),
        ("Semaphore::new", caught(|| Semaphore::new(too_many))),
        ("Semaphore::acquire_many", caught(|| drop(Semaphore::new(1).acquire_many(most)))),
        ("ThreadPool::new", caught(|| ThreadPool::new(0))),
        ("PoolBuilder::name", caught(|| ThreadPool::builder().name("a\0b").build())),
        ("time::interval", caught(|| interval(Duration::ZERO))),
        ("race", caught(|| race(none.clone()))),
        ("race", caught(|| race(Vec::from(none)))),
        (
            "select!",
            polled(async {
                select! { () = ready(()), if false => () }
            }),
        ),
    ]
}

#[cfg(feature = "jobs")]
pub(crate) fn jobs() -> Vec<Text> {
    let jobs = turnwise::jobs::Jobs::new();
    vec![
        ("Jobs::every", caught(|| drop(jobs.every(0)))),
        ("Every::to", caught(|| drop(jobs.every(5).to(4)))),
    ]
}

// ----- polled after completion -----

/// The text of the panic when a future is polled after it has completed; it needs no scheduler.
fn polled_again(future: impl Future) -> String {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(Waker::noop());
    while future.as_mut().poll(cx).is_pending() {}
    caught(|| future.as_mut().poll(cx).map(drop))
}

fn polled_after_completion() -> Vec<Text> {
    let (sender, _receiver) = mpsc::channel(2);
    let (remote_sender, _remote_receiver) = remote::channel(2);
    let (oneshot_sender, oneshot_receiver) = oneshot::channel();
    oneshot_sender.send(1).unwrap();
    let (queue, cell) = (Queue::unbounded(), OnceCell::new());
    let pool = ThreadPool::new(1);
    let semaphore = Rc::new(Semaphore::new(1));
    turnwise::task_local! { static KEY: u8 }
    let mut bomb = Box::pin(join_all([async { panic!("a bug") }]));
    let _ = caught(|| poll_with(&mut bomb, Waker::noop()));
    vec![
        ("mpsc::Sender::send", polled_again(sender.send(1))),
        ("remote::Sender::send", polled_again(remote_sender.send(1))),
        ("oneshot::Receiver", polled_again(oneshot_receiver)),
        ("Queue::put", polled_again(queue.put(1))),
        ("OnceCell::get_or_init", polled_again(cell.get_or_init(async || 1))),
        ("Semaphore::acquire_owned", polled_again(semaphore.acquire_owned())),
        ("Condvar::wait", condvar()),
        ("LocalKey::scope", polled_again(KEY.scope(1, async {}))),
        ("ThreadPool::submit_async", polled_again(pool.submit_async(|| ()))),
        ("join_all", polled_again(join_all([async {}]))),
        ("try_join_all", polled_again(try_join_all([async { Ok::<_, ()>(()) }]))),
        ("join_all", caught(|| poll_with(&mut bomb, Waker::noop()))),
        ("race", polled_again(race([async {}]))),
    ]
}

fn condvar() -> String {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    let mut wait = condvar.wait(mutex.try_lock().unwrap());
    assert!(poll_with(&mut wait, Waker::noop()).is_pending());
    condvar.notify_one();
    assert!(poll_with(&mut wait, Waker::noop()).is_ready());
    caught(|| drop(poll_with(&mut wait, Waker::noop())))
}

/// The text of the panic when a future is awaited again.
async fn awaited_again(mut future: impl Future + Unpin) {
    (&mut future).await;
    (&mut future).await;
}

fn awaited_after_completion() -> Vec<Text> {
    let pool = ThreadPool::new(1);
    let of_a_task = async { awaited_again(spawn(async {})).await };
    let of_a_child = scope(async |s| awaited_again(s.spawn(async {})).await);
    let of_a_job = async { awaited_again(pool.submit(|| ())).await };
    let of_a_gather = async { awaited_again(gather([async {}])).await };
    let of_a_wait = async { awaited_again(wait([spawn(async {})])).await };
    let scheduler = Scheduler::new();
    let handle = scheduler.remote().spawn(|| async {});
    vec![
        ("JoinHandle", caught(|| block_on(of_a_task))),
        ("ScopedHandle", caught(|| block_on(of_a_child))),
        ("RemoteHandle", caught(|| scheduler.block_on(awaited_again(handle)))),
        ("BlockingHandle", caught(|| block_on(of_a_job))),
        ("gather", caught(|| block_on(of_a_gather))),
        ("wait", caught(|| block_on(of_a_wait))),
    ]
}

// ----- watches and generators -----

fn watches() -> Vec<Text> {
    let (sender, receiver) = watch::channel(1);
    let reads = || sender.send_modify(|_| drop(sender.borrow()));
    let replaces = || sender.send_modify(|_| sender.send(2).unwrap());
    let modifies = || {
        let _shared = receiver.borrow();
        sender.send_modify(|value| *value = 3);
    };
    vec![
        ("watch::Sender::borrow", caught(reads)),
        ("watch::Sender::send", caught(replaces)),
        ("watch::Sender::send_modify", caught(modifies)),
    ]
}

fn generators() -> Vec<Text> {
    let waits: Generator<'_, u8> = Generator::new(async |_| pending().await);
    let raises: Generator<'_, u8> =
        Generator::new(async |co| co.raise(Thrown::new("out of paper")).await);
    let raises_async = || {
        block_on(async {
            let raises: AsyncGenerator<'_, u8> =
                AsyncGenerator::new(async |co| co.raise(Thrown::new("out of paper")).await);
            pin!(raises).next().await
        })
    };
    let doubles: Generator<'_, u8> = Generator::new(async |co| {
        futures::join!(co.yield_(1), co.yield_(2));
    });
    let taken: Generator<'_, u8, u8> = Generator::new(async |_| 7);
    taken.try_next().unwrap();
    taken.take_result().unwrap();
    let delegates: Generator<'_, u8> = Generator::new(async move |co| {
        co.yield_from(taken).await;
    });
    let again: Generator<'_, u8> = Generator::new(async |co| {
        let mut place = pin!(co.yield_(1));
        place.as_mut().await;
        place.as_mut().await;
    });
    again.try_next().unwrap();
    vec![
        ("Generator that waits", caught(|| waits.try_next())),
        ("Generator that raises", caught(|| raises.try_next())),
        ("AsyncGenerator that raises", caught(raises_async)),
        ("Generator with two yields", caught(|| doubles.try_next())),
        ("Co::yield_from", caught(|| delegates.try_next())),
        ("Co::yield_", caught(|| again.try_next())),
    ]
}

// ----- requests -----

fn after_a_request() -> Vec<Text> {
    let resumes_elsewhere = async {
        let mut lent = pin!(async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            cancelled.resume().await
        });
        assert!(timeout(Duration::ZERO, lent.as_mut()).await.is_err());
        lent.await
    };
    let catches_again = async {
        let mut catch = pin!(catch_cancel(pending::<()>()));
        drop(timeout(Duration::ZERO, catch.as_mut()).await);
        drop(catch.await);
    };
    vec![
        ("Cancelled::resume", caught(|| block_on(resumes_elsewhere))),
        ("catch_cancel", caught(|| block_on(catches_again))),
    ]
}

// ----- misuse -----

fn misuse() -> Vec<Text> {
    turnwise::task_local! { static KEY: Cell<u8> }
    let pool = ThreadPool::new(1);
    pool.shutdown();
    let job = pool.submit(|| ()).wait().unwrap_err();
    let aborted = block_on(async {
        let handle = spawn(pending::<()>());
        handle.abort();
        handle.await.unwrap_err()
    });
    vec![
        ("LocalKey::with", caught(|| KEY.with(Cell::get))),
        ("JoinError::into_panic", caught(|| aborted.into_panic())),
        ("BlockingError::into_panic", caught(|| job.into_panic())),
    ]
}

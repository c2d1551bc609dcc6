//! Provokes each error of the public API, once for each text that it can have.

use std::future::pending;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::mpsc::sync_channel;
use std::task::Waker;
use std::time::Duration;

use turnwise::blocking::Builder;
use turnwise::channel::{Queue, broadcast, mpsc, oneshot, watch};
use turnwise::generator::{AsyncGenerator, Generator};
use turnwise::scheduler::FailurePolicy;
use turnwise::sync::{Barrier, Mutex, OnceCell, Promise, RwLock, Semaphore};
use turnwise::task::{Builder as TaskBuilder, RemoteError, catch_cancel, scope, try_scope};
use turnwise::{JoinError, JoinHandle, RunError, Scheduler, ThreadPool, block_on, join, timeout};

use crate::probe::poll_with;
use crate::{Text, of};

pub(crate) fn provoked() -> Vec<Text> {
    let all = [
        blocking(),
        channels(),
        broadcasts_and_watches(),
        queues(),
        generators(),
        runs(),
        locks(),
        promises_and_barriers(),
        tasks(),
        scopes(),
        bodies_of_scopes(),
        ended_by_others(),
        requests(),
    ];
    all.concat()
}

// ----- threads -----

fn blocking() -> Vec<Text> {
    let name = "blocking::BlockingError";
    let full = "blocking::TrySubmitError";
    let pool = ThreadPool::builder().queue_limit(0).threads(1).build();
    let panicked = pool.submit(|| panic!("a bug")).wait();
    let odd = Builder::new().name("odd").spawn_on(&pool, || std::panic::panic_any(7)).wait();

    let (go, wait) = sync_channel::<()>(0);
    let stuck = pool.submit(move || wait.recv());
    let no_place = pool.try_submit(|| ()).unwrap_err();
    let refused = block_on(async { pool.submit(|| ()).wait() });
    drop(go);
    stuck.wait().unwrap().unwrap_err();
    pool.shutdown();
    let closed = pool.submit(|| ()).wait();
    let closed_now = pool.try_submit(|| ()).unwrap_err();

    let pool = ThreadPool::new(1);
    let (go, wait) = sync_channel::<()>(0);
    let stuck = pool.submit(move || wait.recv());
    let aborted = pool.submit(|| ());
    assert!(aborted.abort());
    drop(go);
    stuck.wait().unwrap().unwrap_err();

    let none = ThreadPool::builder().start_with(|_, _| Err(io::Error::other("no more"))).build();
    let no_thread = none.submit(|| ()).wait();
    vec![
        of(name, panicked.unwrap_err()),
        of(name, odd.unwrap_err()),
        of(name, aborted.wait().unwrap_err()),
        of(name, closed.unwrap_err()),
        of(name, refused.unwrap_err()),
        of(name, no_thread.unwrap_err()),
        of(full, no_place),
        of(full, closed_now),
    ]
}

// ----- channels -----

fn channels() -> Vec<Text> {
    let name = "channel::TrySendError";
    let (sender, mut receiver) = mpsc::channel(1);
    let empty = receiver.try_recv().unwrap_err();
    sender.try_send(1).unwrap();
    let full = sender.try_send(2).unwrap_err();
    receiver.close();
    let closed = sender.try_send(3).unwrap_err();
    let send = block_on(sender.send(4)).unwrap_err();
    receiver.try_recv().unwrap();
    let disconnected = receiver.try_recv().unwrap_err();
    let (sender, receiver) = oneshot::channel::<u8>();
    drop(sender);
    vec![
        of("channel::SendError", send),
        of(name, full),
        of(name, closed),
        of("channel::TryRecvError", empty),
        of("channel::TryRecvError", disconnected),
        of("channel::oneshot::RecvError", block_on(receiver).unwrap_err()),
    ]
}

fn broadcasts_and_watches() -> Vec<Text> {
    let (recv, try_recv) = ("channel::broadcast::RecvError", "channel::broadcast::TryRecvError");
    let lagging = |values: u8| {
        let (sender, receiver) = broadcast::channel(1);
        for value in 0..=values {
            sender.send(value).unwrap();
        }
        receiver
    };
    let one = block_on(lagging(1).recv()).unwrap_err();
    let mut receiver = lagging(3);
    let three = receiver.try_recv().unwrap_err();
    receiver.try_recv().unwrap();
    let closed = receiver.try_recv().unwrap_err();
    let recv_closed = block_on(receiver.recv()).unwrap_err();
    let (_sender, mut open) = broadcast::channel::<u8>(1);
    let (sender, mut watching) = watch::channel(1);
    drop(sender);
    vec![
        of(recv, recv_closed),
        of(recv, one),
        of(try_recv, open.try_recv().unwrap_err()),
        of(try_recv, closed),
        of(try_recv, three),
        of("channel::watch::RecvError", block_on(watching.changed()).unwrap_err()),
    ]
}

fn queues() -> Vec<Text> {
    let queue = Queue::new(1);
    let empty = queue.try_get().unwrap_err();
    let done = queue.task_done().unwrap_err();
    queue.try_put(1).unwrap();
    let full = queue.try_put(2).unwrap_err();
    queue.shutdown();
    queue.try_get().unwrap();
    vec![
        of("channel::queue::PutError", block_on(queue.put(3)).unwrap_err()),
        of("channel::queue::TryPutError", full),
        of("channel::queue::TryPutError", queue.try_put(3).unwrap_err()),
        of("channel::queue::GetError", block_on(queue.get()).unwrap_err()),
        of("channel::queue::TryGetError", empty),
        of("channel::queue::TryGetError", queue.try_get().unwrap_err()),
        of("channel::queue::TaskDoneError", done),
    ]
}

// ----- generators and jobs -----

fn generators() -> Vec<Text> {
    let name = "generator::SendError";
    let new = || -> Generator<'_, u8, (), u8> {
        Generator::new(async |co| {
            co.yield_(1).await;
        })
    };
    let running = |call: fn(&Generator<'_, String, (), u8>) -> String| {
        let this = Rc::new_cyclic(|this: &Weak<Generator<'_, String, (), u8>>| {
            let this = this.clone();
            Generator::new(async move |co| {
                // A statement of its own: across the `await` the body would own its generator.
                let text = call(&this.upgrade().unwrap());
                co.yield_(text).await;
            })
        });
        this.start().unwrap().unwrap()
    };
    let (started, over) = (new(), new());
    started.start().unwrap();
    over.start().unwrap();
    over.send(1).unwrap();
    let stubborn: Generator<'_, u8> = Generator::new(async |co| {
        loop {
            let _ = co.try_yield(1).await;
        }
    });
    stubborn.try_next().unwrap();
    let polite: Generator<'_, u8, String> =
        Generator::new(async |co| co.try_yield(1).await.unwrap_err().to_string());
    polite.try_next().unwrap();
    polite.close().unwrap();
    vec![
        ("generator::AlreadyRunning", running(|this| this.try_next().unwrap_err().to_string())),
        of("generator::AlreadyStarted", started.start().unwrap_err()),
        of(name, new().send(1).unwrap_err()),
        (name, running(|this| this.send(1).unwrap_err().to_string())),
        of(name, over.send(1).unwrap_err()),
        of("generator::Thrown", new().throw("out of paper").unwrap_err()),
        ("generator::GeneratorExit", polite.take_result().unwrap()),
        of("generator::IgnoredExit", stubborn.close().unwrap_err()),
    ]
}

#[cfg(feature = "jobs")]
pub(crate) fn jobs() -> Vec<Text> {
    let (name, jobs) = ("jobs::AtError", turnwise::jobs::Jobs::new());
    vec![
        of(name, jobs.every(2).seconds().at(":30").unwrap_err()),
        of(name, jobs.every(2).minutes().at(":60").unwrap_err()),
        of(name, jobs.every(2).hours().at("61:00").unwrap_err()),
        of(name, jobs.every(2).days().at("25:00").unwrap_err()),
    ]
}

#[cfg(feature = "record")]
pub(crate) fn record() -> Vec<Text> {
    let files = [
        "hello",
        "{\"turnwise\":2}",
        "{\"turnwise\":1}\n[]\n",
        "{\"turnwise\":1}\n{\"e\":\"poll\",\"task\":1}\n",
        "{\"turnwise\":1}\n{\"e\":7}\n",
    ];
    let read = |file: &str| turnwise::record::Recording::parse(file);
    files.map(|file| of("record::RecordingError", read(file).unwrap_err())).into()
}

// ----- runs -----

fn runs() -> Vec<Text> {
    let name = "RunError";
    let scheduler = Scheduler::new();
    let stuck = scheduler.try_block_on(pending::<()>()).unwrap_err();
    let nested = scheduler.block_on(async { Scheduler::new().run().unwrap_err() });
    let RunError::Nested(inner) = nested else { panic!("{nested}") };
    let builder = Scheduler::builder().on_failure(FailurePolicy::Shutdown);
    let scheduler = builder.on_report(|_| ()).build();
    let worker = TaskBuilder::new().name("worker");
    drop(worker.try_spawn_on(&scheduler, async { Err::<(), _>("out of paper") }));
    vec![
        of(name, stuck),
        of(name, nested),
        of(name, scheduler.run().unwrap_err()),
        of("scheduler::NestedRun", inner),
    ]
}

// ----- synchronization -----

fn locks() -> Vec<Text> {
    let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
    let held = mutex.try_lock().unwrap();
    let writer = lock.try_write().unwrap();
    let read = lock.try_read().unwrap_err();
    let write = lock.try_write().unwrap_err();
    let locked = mutex.try_lock().unwrap_err();
    drop((held, writer));

    let semaphore = Semaphore::new(0);
    let none = semaphore.try_acquire().unwrap_err();
    let full = Semaphore::new(Semaphore::MAX_PERMITS).add_permits(1).unwrap_err();
    semaphore.close();
    let closed = block_on(semaphore.acquire()).unwrap_err();

    let cell = OnceCell::new();
    let mut init = Box::pin(cell.get_or_init(pending::<u8>));
    assert!(poll_with(&mut init, Waker::noop()).is_pending());
    let initializing = cell.set(1).unwrap_err();
    drop(init);
    cell.set(1).unwrap();
    vec![
        of("sync::TryLockError", locked),
        of("sync::TryReadError", read),
        of("sync::TryWriteError", write),
        of("sync::AcquireError", closed),
        of("sync::TryAcquireError", semaphore.try_acquire().unwrap_err()),
        of("sync::TryAcquireError", none),
        of("sync::AddPermitsError", full),
        of("sync::SetError", cell.set(2).unwrap_err()),
        of("sync::SetError", initializing),
    ]
}

fn promises_and_barriers() -> Vec<Text> {
    let name = "sync::PromiseError";
    let [failed, cancelled, abandoned] = [(); 3].map(|()| Promise::<u8>::new());
    failed.fail("out of paper").unwrap();
    cancelled.cancel();
    let future = abandoned.get();
    drop(abandoned);
    let barrier = Barrier::new(2);
    barrier.abort();
    vec![
        of(name, block_on(failed.get()).unwrap_err()),
        of(name, block_on(cancelled.get()).unwrap_err()),
        of(name, block_on(future).unwrap_err()),
        of("sync::AlreadySet", cancelled.set(1).unwrap_err()),
        of("sync::BrokenBarrier", block_on(barrier.wait()).unwrap_err()),
    ]
}

// ----- tasks -----

turnwise::task_local! { static KEY: u8 }

fn tasks() -> Vec<Text> {
    let name = "task::RemoteError";
    let remote = Scheduler::new().remote();
    let gone = remote.spawn(|| async {}).wait().unwrap_err();
    let scheduler = Scheduler::new();
    let bug = scheduler.remote().spawn(|| async { panic!("a bug") });
    let bug: RemoteError = scheduler.block_on(bug).unwrap_err();
    vec![
        of("task::AccessError", KEY.try_with(|_| ()).unwrap_err()),
        of(name, bug),
        of(name, gone),
        of("time::Elapsed", block_on(timeout(Duration::ZERO, pending::<()>())).unwrap_err()),
    ]
}

fn scopes() -> Vec<Text> {
    let (name, child) = ("task::ScopeError", "task::ChildError");
    let bug = block_on(scope(async |s| {
        s.spawn(async { panic!("a bug") });
    }));
    let two = block_on(scope(async |s| {
        s.collect_all();
        s.try_spawn(async { Err::<(), _>("out of paper") });
        TaskBuilder::new().name("odd").spawn_in(s, async { std::panic::panic_any(7) });
    }));
    let stopped = block_on(scope(async |s| {
        s.cancel("one is enough");
        pending::<()>().await;
    }));
    let (bug, two) = (bug.unwrap_err(), two.unwrap_err());
    vec![
        of(child, &bug.failures()[0]),
        of(child, &two.failures()[0]),
        of(child, &two.failures()[1]),
        of(name, bug),
        of(name, two),
        of(name, stopped.unwrap_err()),
    ]
}

fn bodies_of_scopes() -> Vec<Text> {
    let (name, child) = ("task::ScopeError", "task::ChildError");
    let body = block_on(try_scope(async |_| Err::<(), _>("out of paper"))).unwrap_err();
    let both = block_on(try_scope(async |s| {
        s.collect_all();
        s.try_spawn(async { Err::<(), _>("no answer") });
        Err::<(), _>("out of paper")
    }));
    let scheduler = Scheduler::new();
    let beside_a_catch = scheduler.spawn(async {
        let catch = async { drop(catch_cancel(pending::<()>()).await) };
        join!(scope(async |_| pending::<()>().await), catch).0.unwrap_err()
    });
    scheduler.run_until_stalled();
    beside_a_catch.cancel();
    vec![
        of(child, &body.failures()[0]),
        of(name, body),
        of(name, both.unwrap_err()),
        of(name, scheduler.block_on(beside_a_catch).unwrap()),
    ]
}

/// A task that is ended by `end`, or ends before.
fn ended(end: impl Fn(&JoinHandle<()>), task: impl Future<Output = ()> + 'static) -> JoinError {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(task);
    scheduler.run_until_stalled();
    end(&handle);
    scheduler.block_on(handle).unwrap_err()
}

fn ended_by_others() -> Vec<Text> {
    let name = "JoinError";
    let mut texts = vec![
        of(name, ended(JoinHandle::abort, pending())),
        of(name, ended(JoinHandle::cancel, pending())),
        of(name, ended(|handle| handle.cancel_with("enough"), pending())),
        of(name, ended(|_| (), async { panic!("a bug") })),
        of(name, ended(|_| (), async { std::panic::panic_any(7) })),
    ];
    let failed = block_on(async {
        let mut given = None;
        let _ = scope(async |s| {
            s.collect_all();
            given = s.try_spawn(async { Err::<(), _>("out of paper") }).await.err();
        })
        .await;
        given
    });
    texts.push(of(name, failed.unwrap()));
    texts
}

/// Waits for a request, and returns its text.
async fn caught() -> String {
    catch_cancel(pending::<()>()).await.unwrap_err().to_string()
}

/// The text of the request that `ask` makes on a task.
fn asked(ask: impl Fn(&JoinHandle<String>)) -> String {
    let scheduler = Scheduler::new();
    let task = scheduler.spawn(caught());
    scheduler.run_until_stalled();
    ask(&task);
    scheduler.block_on(task).unwrap()
}

fn requests() -> Vec<Text> {
    let name = "task::Cancelled";
    let late = block_on(timeout(Duration::ZERO, caught())).unwrap();
    let mut of_a_body = String::new();
    let _failed = block_on(scope(async |s| {
        s.try_spawn(async { Err::<(), _>("out of paper") });
        of_a_body = caught().await;
    }));
    let mut of_a_generator = String::new();
    block_on(async {
        let mut generator = AsyncGenerator::new(async |co| {
            of_a_generator = catch_cancel(co.yield_(1)).await.unwrap_err().to_string();
        });
        generator.next().await;
        generator.close().await
    })
    .unwrap();
    vec![
        (name, asked(JoinHandle::cancel)),
        (name, asked(|task| task.cancel_with("enough"))),
        (name, late),
        (name, of_a_body),
        (name, of_a_generator),
    ]
}

//! Which public types are `Send`, `Sync`, `Unpin` and `UnwindSafe`: the compiler checks every one against a table.
//!
//! RUSTSEC-2020-0059, -0062, -0070, -0072, -0113, -0118, -0124, -0134, -0137, -0152, RUSTSEC-2024-0005: types
//! that could be sent or shared and must not be. RUSTSEC-2021-0072: a task's output was dropped on another thread.
#![allow(dead_code, reason = "of two constants with the same name, the compiler uses one")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::future::Ready;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::UnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use turnwise::blocking::{
    self, BlockingError, BlockingHandle, PoolBuilder, PoolReport, Submitting, ToThread,
    TrySubmitError,
};
use turnwise::channel::queue::{self, AnyQueue, Fifo, Lifo, SmallestFirst};
use turnwise::channel::{
    Closed, LifoQueue, PriorityQueue, Queue, SendError, TryRecvError, TrySendError, broadcast,
    mpsc, oneshot, remote, watch,
};
use turnwise::combine::{
    self, AsCompleted, Done, FirstError, Gather, JoinAll, NextCompleted, Race, RaceIndexed,
    TryJoinAll,
};
use turnwise::generator::{
    AlreadyRunning, AlreadyStarted, AsyncGenerator, Co, Coroutine, Generator, GeneratorExit,
    GeneratorState, IgnoredExit, Next, SendError as NotSent, Thrown, TryYield, Yield,
};
#[cfg(feature = "jobs")]
use turnwise::jobs;
#[cfg(feature = "record")]
use turnwise::record;
use turnwise::scheduler::{
    self, BlockingJob, Cause, ClockHold, Cycle, EndedTask, Ending, FailurePolicy, NestedRun,
    Observer, Owner, Park, PendingRequest, Report, RequestHolder, ShutdownReport, StuckTask,
    TaskInfo, TaskLabel, TaskState, ThreadParker, TimerInfo, TurnResult, WaitsFor,
};
use turnwise::sync::{self, Mutex, OnceCell, Promise, RwLock, Semaphore};
use turnwise::task::{
    self, AbortHandle, AccessError, CancelToken, Cancelled, CatchCancel, ChildError, DropGuard,
    Flatten, JoinNext, JoinNextWithId, JoinSet, JoinSetAll, LocalKey, Mask, RemoteError,
    RemoteHandle, RunUntilCancelled, Scope, ScopeError, ScopedHandle, Shield, Shutdown,
    TaskLocalFuture, TokenCancelled, YieldNow,
};
use turnwise::time::{Advance, Elapsed, Hold, Interval, Missed, Sleep, Tick, Timeout};
use turnwise::waiting::{Registration, Resource, TaskKey, Wait, Waited, Waiter};
use turnwise::{
    AbortOnDrop, CancelOnDrop, DeadlockReport, JoinError, JoinHandle, Metrics, Policy, Remote,
    RunError, Scheduler, Snapshot, TaskId, ThreadPool, Transition, Turn,
};

/// Which of four traits a type implements. An inherent constant takes precedence over a trait's, and exists only
/// where its bound holds.
macro_rules! traits {
    ($type:ty) => {{
        trait Fallback {
            const SEND: &str = "";
            const SYNC: &str = "";
            const UNPIN: &str = "";
            const UNWIND_SAFE: &str = "";
        }
        struct Checked<T: ?Sized>(PhantomData<T>);
        impl<T: ?Sized> Fallback for Checked<T> {}
        impl<T: ?Sized + Send> Checked<T> {
            const SEND: &str = "Send ";
        }
        impl<T: ?Sized + Sync> Checked<T> {
            const SYNC: &str = "Sync ";
        }
        impl<T: ?Sized + Unpin> Checked<T> {
            const UNPIN: &str = "Unpin ";
        }
        impl<T: ?Sized + UnwindSafe> Checked<T> {
            const UNWIND_SAFE: &str = "UnwindSafe ";
        }
        type This = Checked<$type>;
        [This::SEND, This::SYNC, This::UNPIN, This::UNWIND_SAFE].concat()
    }};
}

macro_rules! table {
    ($($type:ty => $has:literal,)*) => {
        let table = [$((stringify!($type), traits!($type), $has)),*];
        for (name, traits, has) in table {
            assert_eq!(traits.trim_end(), has, "{name}");
        }
    };
}

#[test]
fn thread_bound_types_are_not_send() {
    table! {
        Scheduler => "Unpin",
        scheduler::Builder => "Unpin",
        JoinHandle<u8> => "Unpin",
        AbortHandle => "Unpin",
        AbortOnDrop<u8> => "Unpin",
        CancelOnDrop<u8> => "Unpin",
        Sleep => "Unpin",
        Tick<'static> => "Unpin",
        Interval => "Unpin",
        Timeout<Ready<()>> => "Unpin",
        Flatten<u8, JoinError> => "Unpin",
        CatchCancel<Ready<()>> => "Unpin UnwindSafe",
        Cancelled => "Unpin",
        Mask<Ready<()>> => "Unpin UnwindSafe",
        Shield<Ready<()>> => "Unpin",
        CancelToken => "Unpin",
        TokenCancelled<'static> => "Unpin",
        RunUntilCancelled<'static, Ready<()>> => "Unpin",
        DropGuard => "Unpin",
        TaskLocalFuture<u8, Ready<()>> => "Unpin UnwindSafe",
        Scope<'static, 'static> => "Unpin",
        ScopedHandle<'static, u8> => "Unpin",
        Waiter => "Unpin UnwindSafe",
        Registration => "Unpin UnwindSafe",
        dyn Observer => "",
        dyn Park => "",
        dyn Waited => "",
    }
}

#[test]
fn plain_data_and_cross_thread_types_are_send() {
    table! {
        Turn => "Send Sync Unpin UnwindSafe",
        Transition => "Send Sync Unpin UnwindSafe",
        Snapshot => "Send Sync Unpin UnwindSafe",
        DeadlockReport => "Send Sync Unpin UnwindSafe",
        StuckTask => "Send Sync Unpin UnwindSafe",
        Cycle => "Send Sync Unpin UnwindSafe",
        PendingRequest => "Send Sync Unpin UnwindSafe",
        RequestHolder => "Send Sync Unpin UnwindSafe",
        TaskInfo => "Send Sync Unpin UnwindSafe",
        TimerInfo => "Send Sync Unpin UnwindSafe",
        TaskLabel => "Send Sync Unpin UnwindSafe",
        Owner => "Send Sync Unpin UnwindSafe",
        WaitsFor => "Send Sync Unpin UnwindSafe",
        RunError => "Send Sync Unpin UnwindSafe",
        task::Builder => "Send Sync Unpin UnwindSafe",
        Resource => "Send Sync Unpin UnwindSafe",
        Wait => "Send Sync Unpin UnwindSafe",
        Remote => "Send Sync Unpin UnwindSafe",
        RemoteHandle<u8> => "Send Sync Unpin UnwindSafe",
        RemoteHandle<Cell<u8>> => "Send Sync Unpin UnwindSafe",
        RemoteHandle<Rc<u8>> => "Unpin UnwindSafe",
        RemoteError => "Send Sync Unpin UnwindSafe",
        JoinError => "Send Sync Unpin UnwindSafe",
        NestedRun => "Send Sync Unpin UnwindSafe",
        Metrics => "Send Sync Unpin UnwindSafe",
        scheduler::DumpHandle => "Send Sync Unpin UnwindSafe",
        scheduler::Detail => "Send Sync Unpin UnwindSafe",
        scheduler::Awaited => "Send Sync Unpin UnwindSafe",
        scheduler::AwaitTree<'static> => "Send Sync Unpin UnwindSafe",
        scheduler::JobId => "Send Sync Unpin UnwindSafe",
        scheduler::ResourceId => "Send Sync Unpin UnwindSafe",
        scheduler::ScopeId => "Send Sync Unpin UnwindSafe",
        scheduler::TimerId => "Send Sync Unpin UnwindSafe",
        Policy => "Send Sync Unpin UnwindSafe",
        TaskId => "Send Sync Unpin UnwindSafe",
        TaskKey => "Send Sync Unpin UnwindSafe",
        TaskState => "Send Sync Unpin UnwindSafe",
        TurnResult => "Send Sync Unpin UnwindSafe",
        Cause => "Send Sync Unpin UnwindSafe",
        Ending => "Send Sync Unpin UnwindSafe",
        Elapsed => "Send Sync Unpin UnwindSafe",
        LocalKey<u8> => "Send Sync Unpin UnwindSafe",
        AccessError => "Send Sync Unpin UnwindSafe",
        ScopeError => "Send Sync Unpin",
        ChildError => "Send Sync Unpin",
        Report => "Send Sync Unpin UnwindSafe",
        FailurePolicy => "Send Sync Unpin UnwindSafe",
        ShutdownReport => "Send Sync Unpin UnwindSafe",
        EndedTask => "Send Sync Unpin UnwindSafe",
        BlockingJob => "Send Sync Unpin UnwindSafe",
        ClockHold => "Send Sync Unpin UnwindSafe",
        Missed => "Send Sync Unpin UnwindSafe",
        ThreadParker => "Send Sync Unpin UnwindSafe",
        YieldNow => "Send Sync Unpin UnwindSafe",
        Advance => "Send Sync Unpin UnwindSafe",
        Hold => "Send Sync Unpin UnwindSafe",
    }
}

#[test]
fn locks_and_channels_and_their_guards_and_futures_are_not_send() {
    table! {
        Mutex<u8> => "Unpin UnwindSafe",
        sync::MutexGuard<'static, u8> => "Unpin",
        sync::Lock<'static, u8> => "Unpin",
        RwLock<u8> => "Unpin UnwindSafe",
        sync::RwLockReadGuard<'static, u8> => "Unpin",
        sync::RwLockWriteGuard<'static, u8> => "Unpin",
        sync::Read<'static, u8> => "Unpin",
        sync::Write<'static, u8> => "Unpin",
        Semaphore => "Unpin UnwindSafe",
        sync::SemaphorePermit<'static> => "Unpin",
        sync::OwnedSemaphorePermit => "Unpin",
        sync::Acquire<'static> => "Unpin",
        sync::AcquireOwned => "Unpin",
        sync::Condvar => "Unpin UnwindSafe",
        sync::CondvarWait<'static, u8> => "Unpin",
        sync::CondvarWaitWhile<'static, u8, fn(&mut u8) -> bool> => "Unpin",
        sync::Barrier => "Unpin UnwindSafe",
        sync::BarrierWait<'static> => "Unpin",
        sync::Event => "Unpin UnwindSafe",
        sync::EventWait<'static> => "Unpin",
        sync::Notify => "Unpin UnwindSafe",
        sync::Notified<'static> => "Unpin",
        OnceCell<u8> => "Unpin UnwindSafe",
        sync::GetOrInit<'static, u8, fn() -> Pinned, Pinned> => "",
        sync::GetOrTryInit<'static, u8, fn() -> Pinned, Pinned> => "",
        Promise<u8> => "Unpin",
        sync::PromiseFuture<u8> => "Unpin",
        mpsc::Sender<u8> => "Unpin",
        mpsc::Sending<'static, PhantomPinned> => "Unpin",
        mpsc::WeakSender<u8> => "Unpin",
        mpsc::Receiver<u8> => "Unpin",
        mpsc::Recv<'static, u8> => "Unpin",
        mpsc::RecvMany<'static, u8> => "Unpin",
        mpsc::Permit<'static, u8> => "Unpin",
        mpsc::Reserve<'static, u8> => "Unpin",
        mpsc::UnboundedSender<u8> => "Unpin",
        mpsc::UnboundedReceiver<u8> => "Unpin",
        mpsc::WeakUnboundedSender<u8> => "Unpin",
        oneshot::Sender<u8> => "Unpin",
        oneshot::Receiver<u8> => "Unpin",
        broadcast::Sender<u8> => "Unpin",
        broadcast::Receiver<u8> => "Unpin",
        broadcast::Recv<'static, u8> => "Unpin",
        watch::Sender<u8> => "Unpin",
        watch::Receiver<u8> => "Unpin",
        watch::Ref<u8> => "Unpin UnwindSafe",
        watch::Changed<'static, u8> => "Unpin",
        watch::WaitFor<'static, u8, fn(&u8) -> bool> => "Unpin",
        Closed<'static> => "Unpin",
        Queue<u8> => "Unpin UnwindSafe",
        LifoQueue<u8> => "Unpin UnwindSafe",
        PriorityQueue<u8> => "Unpin UnwindSafe",
        AnyQueue<u8, Fifo<u8>> => "Unpin UnwindSafe",
        queue::Put<'static, u8, Fifo<u8>> => "Unpin",
        queue::Get<'static, u8, Lifo<u8>> => "Unpin",
        queue::Join<'static, u8, SmallestFirst<u8>> => "Unpin",
        remote::Receiver<u8> => "Unpin UnwindSafe",
        remote::Recv<'static, u8> => "Unpin",
    }
}

#[test]
fn results_of_locks_and_channels_are_send_and_so_is_a_remote_sender() {
    table! {
        sync::TryLockError => "Send Sync Unpin UnwindSafe",
        sync::TryReadError => "Send Sync Unpin UnwindSafe",
        sync::TryWriteError => "Send Sync Unpin UnwindSafe",
        sync::TryAcquireError => "Send Sync Unpin UnwindSafe",
        sync::AcquireError => "Send Sync Unpin UnwindSafe",
        sync::AddPermitsError => "Send Sync Unpin UnwindSafe",
        sync::BarrierWaitResult => "Send Sync Unpin UnwindSafe",
        sync::BrokenBarrier => "Send Sync Unpin UnwindSafe",
        sync::SetError<u8> => "Send Sync Unpin UnwindSafe",
        sync::AlreadySet<u8> => "Send Sync Unpin UnwindSafe",
        sync::PromiseError => "Send Sync Unpin",
        SendError<u8> => "Send Sync Unpin UnwindSafe",
        TrySendError<u8> => "Send Sync Unpin UnwindSafe",
        TryRecvError => "Send Sync Unpin UnwindSafe",
        oneshot::RecvError => "Send Sync Unpin UnwindSafe",
        oneshot::TryRecvError => "Send Sync Unpin UnwindSafe",
        broadcast::RecvError => "Send Sync Unpin UnwindSafe",
        watch::RecvError => "Send Sync Unpin UnwindSafe",
        queue::PutError<u8> => "Send Sync Unpin UnwindSafe",
        queue::TryPutError<u8> => "Send Sync Unpin UnwindSafe",
        queue::GetError => "Send Sync Unpin UnwindSafe",
        queue::TryGetError => "Send Sync Unpin UnwindSafe",
        queue::TaskDoneError => "Send Sync Unpin UnwindSafe",
        remote::Sender<u8> => "Send Sync Unpin UnwindSafe",
        remote::Sender<Cell<u8>> => "Send Sync Unpin UnwindSafe",
        remote::Sending<'static, u8> => "Send Sync Unpin UnwindSafe",
        remote::Sender<Rc<u8>> => "Unpin UnwindSafe",
    }
}

#[test]
fn pools_and_their_handles_are_send() {
    table! {
        ThreadPool => "Send Sync Unpin UnwindSafe",
        PoolBuilder => "Send Sync Unpin",
        PoolReport => "Send Sync Unpin UnwindSafe",
        blocking::Builder => "Send Sync Unpin UnwindSafe",
        BlockingHandle<u8> => "Send Sync Unpin UnwindSafe",
        BlockingHandle<Cell<u8>> => "Send Sync Unpin UnwindSafe",
        BlockingHandle<PhantomPinned> => "Send Sync Unpin UnwindSafe",
        BlockingError => "Send Sync Unpin",
        TrySubmitError<u8> => "Send Sync Unpin UnwindSafe",
        TrySubmitError<Rc<u8>> => "Unpin UnwindSafe",
        Submitting<'static, u8, u8> => "Send Sync Unpin UnwindSafe",
        Submitting<'static, Rc<u8>, u8> => "Unpin UnwindSafe",
        ToThread<u8, u8> => "Send Sync Unpin UnwindSafe",
        ToThread<Cell<u8>, u8> => "Send Unpin UnwindSafe",
    }
}

#[test]
fn groups_of_tasks_are_not_send_and_groups_of_futures_are_what_the_futures_are() {
    table! {
        JoinSet<u8> => "Unpin",
        JoinNext<'static, u8> => "Unpin",
        JoinNextWithId<'static, u8> => "Unpin",
        JoinSetAll<PhantomPinned> => "Unpin",
        Shutdown<'static, u8> => "Unpin",
        Gather<PhantomPinned> => "Unpin",
        FirstError<PhantomPinned> => "Unpin",
        combine::Wait<PhantomPinned> => "Unpin",
        Done<u8> => "Unpin",
        Race<(Ready<u8>, Ready<u8>)> => "Send Sync Unpin UnwindSafe",
        Race<(Pinned, Pinned)> => "UnwindSafe",
        RaceIndexed<[Pinned; 2]> => "Unpin UnwindSafe",
        JoinAll<Ready<u8>> => "Send Sync Unpin UnwindSafe",
        JoinAll<Pinned> => "Unpin UnwindSafe",
        TryJoinAll<Pinned, u8, u8> => "Unpin UnwindSafe",
        AsCompleted<Ready<u8>> => "Send Sync Unpin UnwindSafe",
        NextCompleted<'static, Pinned> => "Unpin",
    }
}

#[test]
fn generators_are_not_send_but_their_results_are() {
    table! {
        Generator<'static, u8> => "Unpin",
        Generator<'static, PhantomPinned, PhantomPinned, PhantomPinned> => "Unpin",
        Coroutine<'static, u8> => "Unpin",
        AsyncGenerator<'static, u8> => "Unpin",
        Next<'static, AsyncGenerator<'static, u8>> => "Unpin",
        Co<u8> => "Unpin",
        Yield<'static, PhantomPinned, ()> => "Unpin",
        TryYield<'static, PhantomPinned, ()> => "Unpin",
        GeneratorState => "Send Sync Unpin UnwindSafe",
        NotSent<u8> => "Send Sync Unpin UnwindSafe",
        AlreadyRunning => "Send Sync Unpin UnwindSafe",
        AlreadyStarted => "Send Sync Unpin UnwindSafe",
        GeneratorExit => "Send Sync Unpin UnwindSafe",
        IgnoredExit => "Send Sync Unpin UnwindSafe",
        Thrown => "Send Sync Unpin",
        task::Exit<'static, u8> => "Unpin",
    }
}

#[cfg(feature = "jobs")]
#[test]
fn jobs_and_their_handles_are_not_send_but_their_results_are() {
    table! {
        jobs::Jobs => "Unpin",
        jobs::Every<'static> => "Unpin",
        jobs::Plan<'static> => "Unpin",
        jobs::Job => "Unpin",
        dyn jobs::Outcome => "",
        jobs::Done => "Send Sync Unpin UnwindSafe",
        jobs::Until => "Send Sync Unpin UnwindSafe",
        jobs::AtError => "Send Sync Unpin UnwindSafe",
        jobs::JobFailure => "Send Sync Unpin UnwindSafe",
    }
}

#[cfg(feature = "tracing")]
#[test]
fn spans_stay_on_their_thread() {
    table! {
        turnwise::spans::TaskSpans => "Unpin",
    }
}

#[cfg(feature = "record")]
#[test]
fn recordings_can_be_sent_and_shared_but_recorders_cannot() {
    table! {
        record::Recorder => "Unpin",
        record::Recording => "Send Sync Unpin UnwindSafe",
        record::RecordingError => "Send Sync Unpin",
        record::Replay => "Send Sync Unpin UnwindSafe",
        record::Step<'static> => "Send Sync Unpin UnwindSafe",
        record::Steps<'static> => "Send Sync Unpin UnwindSafe",
        record::Timeline<'static> => "Send Sync Unpin UnwindSafe",
        record::WaitDiagram => "Send Sync Unpin UnwindSafe",
        record::AwaitTree<'static> => "Send Sync Unpin UnwindSafe",
        record::BusyTimes => "Send Sync Unpin UnwindSafe",
        record::TaskTimes => "Send Sync Unpin UnwindSafe",
        record::Entry => "Send Sync Unpin UnwindSafe",
        record::Event => "Send Sync Unpin UnwindSafe",
        record::State => "Send Sync Unpin UnwindSafe",
        record::LiveTask => "Send Sync Unpin UnwindSafe",
        record::LiveWait => "Send Sync Unpin UnwindSafe",
        record::LiveTimer => "Send Sync Unpin UnwindSafe",
        record::LiveResource => "Send Sync Unpin UnwindSafe",
        record::LiveScope => "Send Sync Unpin UnwindSafe",
        record::LiveJob => "Send Sync Unpin UnwindSafe",
        record::TaskPhase => "Send Sync Unpin UnwindSafe",
        record::Actor => "Send Sync Unpin UnwindSafe",
        record::Ask => "Send Sync Unpin UnwindSafe",
        record::Awaited => "Send Sync Unpin UnwindSafe",
        record::EndReason => "Send Sync Unpin UnwindSafe",
        record::Outcome => "Send Sync Unpin UnwindSafe",
        record::ClockKind => "Send Sync Unpin UnwindSafe",
        record::TextId => "Send Sync Unpin UnwindSafe",
        record::PlaceId => "Send Sync Unpin UnwindSafe",
        record::SourceFile => "Send Sync Unpin UnwindSafe",
        record::SourcePlace<'static> => "Send Sync Unpin UnwindSafe",
    }
}

/// A future that must be pinned and must stay on its thread.
struct Pinned(PhantomPinned, Rc<u8>);

impl Future for Pinned {
    type Output = Rc<u8>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Rc<u8>> {
        Poll::Ready(Rc::clone(&self.1))
    }
}

/// Public only because a macro or a bound needs them (traits, types without values, hidden paths), or only on wasm32.
const HIDDEN: [&str; 21] = [
    "Branch",
    "Edge",
    "Field",
    "FromJoinError",
    "Gatherable",
    "Instant",
    "JobError",
    "JoinEnd",
    "JoinLane",
    "Lane",
    "Lanes",
    "Order",
    "Racers",
    "Rotation",
    "Sealed",
    "Spawned",
    "Storage",
    "TaskResult",
    "TryJoin",
    "TryLanes",
    "UseGatherHandles",
];

/// The handles, guards and ends of channels that stay on their thread, by the file that declares them.
const THREAD_BOUND: [(&str, &[&str]); 20] = [
    ("scheduler/scheduler.rs", &["Scheduler"]),
    ("task/join.rs", &["JoinHandle", "AbortHandle"]),
    ("task/on_drop.rs", &["CancelOnDrop", "AbortOnDrop"]),
    ("task/join_set.rs", &["JoinSet"]),
    ("cancel/token.rs", &["CancelToken", "DropGuard"]),
    ("cancel/cancelled.rs", &["Cancelled"]),
    ("scope/spawning.rs", &["Scope"]),
    ("scope/handle.rs", &["ScopedHandle"]),
    ("sync/mutex.rs", &["Mutex", "MutexGuard"]),
    ("sync/rwlock.rs", &["RwLockReadGuard", "RwLockWriteGuard"]),
    ("sync/semaphore.rs", &["SemaphorePermit"]),
    ("sync/permits.rs", &["OwnedSemaphorePermit"]),
    ("sync/promise.rs", &["Promise"]),
    ("channel/mpsc/sender.rs", &["Sender"]),
    ("channel/mpsc/permit.rs", &["Permit"]),
    ("channel/mpsc/unbounded.rs", &["UnboundedSender"]),
    ("channel/oneshot.rs", &["Sender", "Receiver"]),
    ("channel/broadcast/sender.rs", &["Sender"]),
    ("channel/watch/sender.rs", &["Sender"]),
    ("channel/queue/kinds.rs", &["Queue", "LifoQueue", "PriorityQueue"]),
];

const RECEIVERS: [&str; 4] = ["mpsc", "broadcast", "watch", "remote"];

#[test]
fn what_stays_on_its_thread_shows_that_and_names_the_remedy() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let check = |file: &str, name: &str| {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let item = text.find(&format!("\npub struct {name}")).expect("it is declared there");
        let docs = text[..item].lines().rev();
        let docs = docs.take_while(|line| line.starts_with("///") || line.starts_with("#["));
        let docs: Vec<&str> = docs.collect();
        let has = |text: &str| docs.iter().any(|line| line.contains(text));
        assert!(has("# It is not `Send`") && has("```compile_fail,E0277"), "{file}: {name}");
        assert!(has("Remote") || has("channel::remote"), "{file}: {name} names no remedy");
    };
    for (file, names) in THREAD_BOUND {
        names.iter().for_each(|name| check(file, name));
    }
    RECEIVERS.iter().for_each(|kind| check(&format!("channel/{kind}/receiver.rs"), "Receiver"));
}

#[test]
fn every_public_type_is_in_a_table() {
    /// Collects the names of all public types that are declared below a folder.
    fn declared(folder: &Path, into: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                declared(&path, into);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for line in text.lines().map(str::trim) {
                let item = ["pub struct ", "pub enum ", "pub union ", "pub trait ", "pub type "];
                let Some(rest) = item.iter().find_map(|item| line.strip_prefix(item)) else {
                    continue;
                };
                into.extend(rest.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned));
            }
        }
    }
    let mut public = BTreeSet::new();
    declared(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut public);
    assert!(public.len() > 30, "the sources were not found");
    let rows = include_str!("bounds.rs").lines().filter_map(|line| line.split_once(" => \""));
    let words = |(name, _): (&'static str, _)| name.split(|c: char| !c.is_alphanumeric());
    let listed: BTreeSet<&str> = rows.flat_map(words).collect();
    let missing: Vec<&String> = public
        .iter()
        .filter(|name| !listed.contains(name.as_str()) && !HIDDEN.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn handles_are_unpin_and_futures_of_what_their_tasks_return() {
    fn output<F: Future + Unpin>(_: F) -> PhantomData<F::Output> {
        PhantomData
    }
    let scheduler = Scheduler::new();
    // The output is not `Unpin`, but the handle is: it pins nothing.
    let _: PhantomData<Result<PhantomPinned, JoinError>> =
        output(scheduler.spawn(async { PhantomPinned }));
    let remote = scheduler.remote().spawn(|| async { PhantomPinned });
    let _: PhantomData<Result<PhantomPinned, RemoteError>> = output(remote);
}

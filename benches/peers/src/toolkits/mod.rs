//! The columns that have only the rows of tasks that wait for each other: crates of locks and channels, on an executor
//! that has none of its own.

mod async_lock;
mod async_unsync;
mod futures;
mod intrusive;
mod local_sync;

use self::async_lock::AsyncLock;
use self::async_unsync::AsyncUnsync;
pub(crate) use self::futures::Futures;
use self::intrusive::Intrusive;
use self::local_sync::LocalSync;
use crate::executors::async_executor::{InLocalExecutor, InStaticLocalExecutor};
use crate::habits;
use crate::peers::{Note, Peer, Tools, everywhere};
use crate::rows::tools::{Channels, Events, Locks, Oneshots, Permits};
use crate::rows::{Executor, Setup, waits, work};

pub(crate) const NO_EVENT: Note = Note {
    rows: &["event_10000"],
    text: "has no event that stays set; one that releases only the current waiters is used instead",
    is_less: false,
};
pub(crate) const NO_JOIN_ALL: Note = Note {
    rows: &["join_all_1000"],
    text: "has no `join_all`: that of `futures` is used instead",
    is_less: false,
};
pub(crate) const BY_CHANCE: Note = Note {
    rows: &["race_2"],
    text: "decides at random which future it polls first; `biased` would disable that",
    is_less: false,
};
pub(crate) const NO_SCOPE: Note = Note {
    rows: &["scope_1000"],
    text: "has no scope: a `JoinSet` is used instead, whose tasks cannot borrow",
    is_less: true,
};
pub(crate) const UNFAIR_MUTEX: Note = Note {
    rows: &["mutex"],
    text: "is not first in, first out: a task that unlocks and locks again gets the lock before the task that was \
           woken, so the lock seldom changes hands",
    is_less: true,
};
const UNFAIR_FOR_A_WHILE: Note = Note {
    rows: &["mutex"],
    text: "is not first in, first out: a task that unlocks and locks again gets the lock before the task that was \
           woken, until a task has waited for half a millisecond",
    is_less: true,
};
const UNFAIR_SEMAPHORE: Note = Note {
    rows: &["semaphore"],
    text: "is not first in, first out: a task that releases a permit and acquires one again gets it before the task \
           that was woken",
    is_less: true,
};
const OVERTAKES: Note = Note {
    rows: &["mpsc_10"],
    text: "is not first in, first out: a sender that finds room overtakes those that wait",
    is_less: false,
};
const NO_ONESHOT: Note = Note {
    rows: &["request"],
    text: "has no oneshot channel: a channel with room for one value is used instead",
    is_less: false,
};
pub(crate) const ROOM_PER_SENDER: Note = Note {
    rows: &["ping_pong", "mpsc_10", "request"],
    text: "has room for one more value from each sender than requested",
    is_less: false,
};
const BY_REFERENCE: Note = Note {
    rows: &["ping_pong", "mpsc_10", "request"],
    text: "has owned halves only for several threads: the channel for one thread is wrapped in an `Rc` here",
    is_less: false,
};

const LOCAL: &str = "async-executor 1.14: `LocalExecutor`";
const STATIC: &str = "async-executor 1.14: `StaticLocalExecutor`";
const ASYNC_LOCK: &str = "async-lock 3.5, async-channel 2.5, event-listener 5.4, `zip` and `or` of futures-lite 2.6, \
                          `join_all` of futures";
const ASYNC_UNSYNC: &str = "async-unsync 0.3: a semaphore and channels";

/// Columns beside [`PEERS`](crate::peers::PEERS).
pub(crate) const TOOLKITS: &[Peer] = &[
    Peer {
        name: "async-lock",
        setup: LOCAL,
        on: async_lock::<InLocalExecutor>,
        tools: Some(Tools {
            names: ASYNC_LOCK,
            orders: habits::orders::<InLocalExecutor, AsyncLock>,
        }),
        notes: LIKE_ASYNC_LOCK,
        ..NEITHER
    },
    Peer {
        name: "async-lock-static",
        setup: STATIC,
        on: async_lock::<InStaticLocalExecutor>,
        tools: Some(Tools {
            names: ASYNC_LOCK,
            orders: habits::orders::<InStaticLocalExecutor, AsyncLock>,
        }),
        notes: LIKE_ASYNC_LOCK,
        ..NEITHER
    },
    Peer {
        name: "async-unsync",
        setup: LOCAL,
        on: few::<InLocalExecutor, AsyncUnsync>,
        tools: Some(Tools { names: ASYNC_UNSYNC, orders: permits::<InLocalExecutor, AsyncUnsync> }),
        ..NEITHER
    },
    Peer {
        name: "async-unsync-static",
        setup: STATIC,
        on: few::<InStaticLocalExecutor, AsyncUnsync>,
        tools: Some(Tools {
            names: ASYNC_UNSYNC,
            orders: permits::<InStaticLocalExecutor, AsyncUnsync>,
        }),
        ..NEITHER
    },
    Peer {
        name: "local-sync",
        setup: LOCAL,
        on: few::<InLocalExecutor, LocalSync>,
        tools: Some(Tools {
            names: "local-sync 0.1: a semaphore and channels",
            orders: permits::<InLocalExecutor, LocalSync>,
        }),
        ..NEITHER
    },
    Peer {
        name: "futures-intrusive",
        setup: LOCAL,
        on: most::<InLocalExecutor, Intrusive>,
        tools: Some(Tools {
            names: "futures-intrusive 0.5: `LocalMutex` and `LocalSemaphore`, made fair, `LocalManualResetEvent`, \
                    `LocalChannel`, `LocalOneshotChannel`",
            orders: habits::orders::<InLocalExecutor, Intrusive>,
        }),
        notes: &[BY_REFERENCE],
        ..NEITHER
    },
];

const LIKE_ASYNC_LOCK: &[Note] =
    &[UNFAIR_FOR_A_WHILE, UNFAIR_SEMAPHORE, NO_EVENT, OVERTAKES, NO_ONESHOT, NO_JOIN_ALL];

/// The base of a column that is not an executor: what is measured of an executor is measured in its own column.
pub(crate) const NEITHER: Peer = Peer {
    name: "",
    setup: "",
    on: |_| None,
    runs: everywhere,
    memory: None,
    habits: None,
    dependency: None,
    tools: None,
    notes: &[],
};

/// The answers of a toolkit without a mutex.
fn permits<E: Executor, T: Permits>() -> [&'static str; 2] {
    ["-", habits::semaphore::<E, T>()]
}

/// All rows but those of groups.
fn async_lock<E: Executor>(row: &str) -> Option<Setup> {
    most::<E, AsyncLock>(row).or_else(|| work(&waits::joins::<E, AsyncLock>(), row))
}

/// The rows of semaphores and channels.
fn few<E: Executor, T: Permits + Channels + Oneshots>(row: &str) -> Option<Setup> {
    let channels = [waits::channels::<E, T>(), waits::requests::<E, T, T>()].concat();
    work(&[waits::permits::<E, T>(), channels].concat(), row)
}

/// All rows but those of joins and groups.
fn most<E, T>(row: &str) -> Option<Setup>
where
    E: Executor,
    T: Locks + Permits + Events + Channels + Oneshots,
{
    let locks = [waits::locks::<E, T>(), waits::events::<E, T>()].concat();
    work(&locks, row).or_else(|| few::<E, T>(row))
}

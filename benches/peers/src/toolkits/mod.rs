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
    text: "has no event that stays set; what lets all go on that wait at that moment is used instead",
    is_less: false,
};
pub(crate) const NO_JOIN_ALL: Note = Note {
    rows: &["join_all_1000"],
    text: "has none: that of `futures` is used instead",
    is_less: false,
};
pub(crate) const BY_CHANCE: Note = Note {
    rows: &["race_2"],
    text: "decides by chance which of them it looks at first; `biased` would switch that off",
    is_less: false,
};
pub(crate) const NO_SCOPE: Note = Note {
    rows: &["scope_1000"],
    text: "has no scope: a `JoinSet` is used instead, whose tasks cannot borrow",
    is_less: true,
};
pub(crate) const UNFAIR_MUTEX: Note = Note {
    rows: &["mutex"],
    text: "is not first in, first out: who lets the lock go and wants it again has it before the one that was woken, so \
           that tasks seldom change",
    is_less: true,
};
const UNFAIR_FOR_A_WHILE: Note = Note {
    rows: &["mutex"],
    text: "is not first in, first out: who lets the lock go and wants it again has it before the one that was woken, \
           until one has waited for half a millisecond",
    is_less: true,
};
const UNFAIR_SEMAPHORE: Note = Note {
    rows: &["semaphore"],
    text: "is not first in, first out: who gives a permit back and wants it again has it before the one that was woken",
    is_less: true,
};
const OVERTAKES: Note = Note {
    rows: &["mpsc_10"],
    text: "is not first in, first out: a sender that comes when there is room overtakes those that wait",
    is_less: false,
};
const NO_ONESHOT: Note = Note {
    rows: &["request"],
    text: "has no channel for one value: one with room for one is used instead",
    is_less: false,
};
pub(crate) const ROOM_PER_SENDER: Note = Note {
    rows: &["ping_pong", "mpsc_10", "request"],
    text: "has room for one more from each sender than was asked for",
    is_less: false,
};
const BY_REFERENCE: Note = Note {
    rows: &["ping_pong", "mpsc_10", "request"],
    text: "has owned halves only for many threads: what it has for one stands in an `Rc` here",
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

/// What is measured of an executor is measured in its own column, and a crate of generators has none.
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

/// The answers of who has no mutex.
fn permits<E: Executor, T: Permits>() -> [&'static str; 2] {
    ["-", habits::semaphore::<E, T>()]
}

/// All but those of groups.
fn async_lock<E: Executor>(row: &str) -> Option<Setup> {
    most::<E, AsyncLock>(row).or_else(|| work(&waits::joins::<E, AsyncLock>(), row))
}

/// The rows of semaphores and channels.
fn few<E: Executor, T: Permits + Channels + Oneshots>(row: &str) -> Option<Setup> {
    let channels = [waits::channels::<E, T>(), waits::requests::<E, T, T>()].concat();
    work(&[waits::permits::<E, T>(), channels].concat(), row)
}

/// All but those of joins and groups.
fn most<E, T>(row: &str) -> Option<Setup>
where
    E: Executor,
    T: Locks + Permits + Events + Channels + Oneshots,
{
    let locks = [waits::locks::<E, T>(), waits::events::<E, T>()].concat();
    work(&locks, row).or_else(|| few::<E, T>(row))
}

//! The columns of the tables: the executors, how each is set up, and what each does not do.

use crate::executors::async_executor::{InLocalExecutor, InStaticLocalExecutor};
#[cfg(target_os = "linux")]
use crate::executors::compio::InCompio;
use crate::executors::futures::InLocalPool;
#[cfg(target_os = "linux")]
use crate::executors::glommio::{self, InGlommio};
#[cfg(target_os = "linux")]
use crate::executors::monoio::{InMonoio, Make, OnEpoll, OnUring};
use crate::executors::smol::InSmol;
use crate::executors::tokio::{InLocalRuntime, InLocalSet, WithTimeOnly};
use crate::executors::tokio_spawn;
use crate::generators::GENERATORS;
use crate::habits;
use crate::memory::{self, Counter};
use crate::rows::blocking::{self, Blocks};
use crate::rows::tools::{Channels, Events, Groups, Joins, Locks, Oneshots, Own, Permits};
use crate::rows::{
    Executor, Row, Setup, Sleeps, Turnwise, bare, generators, timers, waits, with_timers,
    without_timers, work,
};
use crate::tokio_tools::TokioTools;
use crate::toolkits::{
    BY_CHANCE, Futures, NO_EVENT, NO_JOIN_ALL, NO_SCOPE, ROOM_PER_SENDER, TOOLKITS, UNFAIR_MUTEX,
};

/// One column.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Which crate, and how it is set up.
    pub(crate) setup: &'static str,
    /// Returns the setup of the row of that name, or `None` if this column lacks the row.
    pub(crate) on: fn(&str) -> Option<Setup>,
    /// Whether it runs on this machine, or why not.
    pub(crate) runs: fn() -> Result<(), String>,
    /// The memory that its tasks take; `None` where another column has tasks of the same kind.
    pub(crate) memory: Option<fn(Counter) -> [f64; 4]>,
    /// How it behaves where executors differ.
    pub(crate) habits: Option<fn() -> [&'static str; 4]>,
    /// The dependency in the manifest of a package that uses it.
    pub(crate) dependency: Option<&'static str>,
    /// Its locks, channels and joins; `None` where those rows are left out.
    pub(crate) tools: Option<Tools>,
    /// What it does not do, or does differently than expected.
    pub(crate) notes: &'static [Note],
}

/// Crates of locks, channels and joins.
pub(crate) struct Tools {
    pub(crate) names: &'static str,
    /// How they behave where such crates differ.
    pub(crate) orders: fn() -> [&'static str; 2],
}

/// A footnote to some rows of a column.
pub(crate) struct Note {
    /// The names of the rows; a name that ends with `*` is a prefix.
    pub(crate) rows: &'static [&'static str],
    pub(crate) text: &'static str,
    /// Whether it does less than the others in these rows.
    pub(crate) is_less: bool,
}

impl Note {
    pub(crate) fn is_about(&self, row: &str) -> bool {
        self.rows.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => row.starts_with(start),
            None => *name == row,
        })
    }
}

const YIELDS_TO_ITSELF: Note = Note {
    rows: &["yield_1000", "yield_100000", "self_wake_1000"],
    text: "does not yield to other tasks: a task that yields goes to the front of the queue, and has its next turns \
           first",
    is_less: true,
};
const MADE_LATER: Note = Note {
    rows: &["create_drop"],
    text: "creates nothing yet: its parts are created on first use, as in create_use_drop",
    is_less: true,
};
const NEVER_DROPPED: Note = Note {
    rows: &["create_drop", "create_use_drop"],
    text: "is leaked: it cannot be dropped",
    is_less: true,
};
const EXACT_TIMERS: Note = Note {
    rows: &["timers_1*"],
    text: "does not round deadlines up to a millisecond: the thread is woken more often, and the task sooner",
    is_less: false,
};
const NO_TIMEOUT: Note = Note {
    rows: &["timeout*"],
    text: "has no timeout: `or` of futures-lite is used instead, with a `Timer`",
    is_less: false,
};
const LIMITS_WHAT_FAILS: Note = Note {
    rows: &["timeout*"],
    text: "accepts only futures that return its own error, so the future is wrapped in an `async` block",
    is_less: false,
};
const TIMER_BY_CHANCE: Note = Note {
    rows: &["timeout*"],
    text: "polls the future and the timer in random order",
    is_less: false,
};
const SPAWNS_SEND: Note = Note {
    rows: &["spawn*", "yield*", "self_wake*", "deep*", "timers*", "wake_storm"],
    text: "spawns only `Send` futures: its rows are written separately, with such futures",
    is_less: false,
};
const NO_COUNT: Note = Note {
    rows: &["waker_clone"],
    text: "counts the wakers of a task in 16 bits, and aborts at 32,767 of them",
    is_less: false,
};
const WAITS_FOR_ROOM: Note = Note {
    rows: &["wake_storm"],
    text: "makes a thread that wakes tasks spin while 64 of its wakes have not been processed",
    is_less: false,
};
const ENTRY_PER_WAKE: Note = Note {
    rows: &["wake_storm"],
    text: "keeps an entry for every wake from another thread, so its memory grows with their number",
    is_less: false,
};
const ENTERS_NOTHING: Note = Note {
    rows: &["block_on_warm"],
    text: "polls a root that is ready immediately, and checks nothing else",
    is_less: false,
};
const SYNC_ON: Note = Note {
    rows: &["wake_remote", "wake_storm"],
    text: "with its feature `sync`; without it, a wake on another thread panics",
    is_less: false,
};

const TURNWISE: &str = concat!("turnwise = { path = \"", env!("CARGO_MANIFEST_DIR"), "/../..\" }");
const TOKIO_TIME: &str = "tokio = { version = \"1.54\", features = [\"rt\", \"time\"] }";
const TOKIO: &str = "tokio = { version = \"1.54\", features = [\"rt\", \"time\", \"net\"] }";
const ASYNC_EXECUTOR: &str = "\
async-executor = { version = \"1.14\", features = [\"static\"] }
futures-lite = \"2\"";
const FUTURES: &str =
    "futures = { version = \"0.3\", default-features = false, features = [\"std\", \"executor\"] }";
const MONOIO: &str = "monoio = { version = \"0.2.4\", features = [\"sync\"] }";
const COMPIO: &str = "\
compio-runtime = { version = \"0.12.6\", features = [\"time\"] }
compio-driver = { version = \"0.12.5\", default-features = false, features = [\"io-uring\"] }";
const TOKIO_TOOLS: &str =
    "`tokio::sync`, `JoinSet`, `tokio::join!`, `tokio::select!`, `join_all` of futures";

/// The columns that can spawn, turnwise first and the limit last.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "turnwise",
        setup: "`Scheduler::new()`",
        on: everything,
        runs: everywhere,
        memory: Some(memory::measure::<Turnwise>),
        habits: Some(habits::of::<Turnwise>),
        dependency: Some(TURNWISE),
        tools: Some(Tools {
            names: "`turnwise::sync`, `turnwise::channel`, `join_all`, `join!`, `race`, `task::scope`",
            orders: habits::orders::<Turnwise, Own>,
        }),
        notes: &[],
    },
    Peer {
        name: "tokio-localset",
        setup: "tokio 1.54: `current_thread` runtime with `enable_all`, and a `LocalSet`",
        on: |row| offloading::<InLocalSet>(row).or_else(|| joining::<InLocalSet, TokioTools>(row)),
        runs: everywhere,
        memory: Some(memory::measure::<InLocalSet>),
        habits: Some(habits::of::<InLocalSet>),
        dependency: Some(TOKIO),
        tools: Some(Tools { names: TOKIO_TOOLS, orders: habits::orders::<InLocalSet, TokioTools> }),
        notes: &[NO_EVENT, NO_JOIN_ALL, BY_CHANCE, NO_SCOPE],
    },
    Peer {
        name: "tokio-time",
        setup: "tokio 1.54: `current_thread` runtime with `enable_time` only, and a `LocalSet`",
        on: |row| {
            offloading::<WithTimeOnly>(row).or_else(|| joining::<WithTimeOnly, TokioTools>(row))
        },
        runs: everywhere,
        memory: Some(memory::measure::<WithTimeOnly>),
        habits: Some(habits::of::<WithTimeOnly>),
        dependency: Some(TOKIO_TIME),
        tools: Some(Tools {
            names: TOKIO_TOOLS,
            orders: habits::orders::<WithTimeOnly, TokioTools>,
        }),
        notes: &[NO_EVENT, NO_JOIN_ALL, BY_CHANCE, NO_SCOPE],
    },
    Peer {
        name: "tokio-localrt",
        setup: "tokio 1.54: `LocalRuntime` with `enable_all`",
        on: |row| {
            offloading::<InLocalRuntime>(row).or_else(|| joining::<InLocalRuntime, TokioTools>(row))
        },
        runs: everywhere,
        memory: Some(memory::measure::<InLocalRuntime>),
        habits: Some(habits::of::<InLocalRuntime>),
        dependency: Some(TOKIO),
        tools: Some(Tools {
            names: TOKIO_TOOLS,
            orders: habits::orders::<InLocalRuntime, TokioTools>,
        }),
        notes: &[NO_EVENT, NO_JOIN_ALL, BY_CHANCE, NO_SCOPE],
    },
    Peer {
        name: "tokio-spawn",
        setup: "tokio 1.54: `current_thread` runtime with `enable_all`, and plain `spawn`",
        on: tokio_spawn::on,
        runs: everywhere,
        memory: None,
        habits: None,
        dependency: Some(TOKIO),
        tools: None,
        notes: &[SPAWNS_SEND],
    },
    Peer {
        name: "async-executor",
        setup: "async-executor 1.14: `LocalExecutor`, run by `futures_lite::future::block_on`",
        on: timeless::<InLocalExecutor>,
        runs: everywhere,
        memory: Some(memory::measure::<InLocalExecutor>),
        habits: Some(habits::of::<InLocalExecutor>),
        dependency: Some(ASYNC_EXECUTOR),
        tools: None,
        notes: &[MADE_LATER],
    },
    Peer {
        name: "async-exec-static",
        setup: "async-executor 1.14: `StaticLocalExecutor` (feature `static`), run by `futures_lite::future::block_on`",
        on: timeless::<InStaticLocalExecutor>,
        runs: everywhere,
        memory: Some(memory::measure::<InStaticLocalExecutor>),
        habits: Some(habits::of::<InStaticLocalExecutor>),
        dependency: Some(ASYNC_EXECUTOR),
        tools: None,
        notes: &[NEVER_DROPPED],
    },
    Peer {
        name: "smol",
        setup: "smol 2.0: `LocalExecutor`, run by `smol::block_on`, and `Timer`",
        on: |row| offloading::<InSmol>(row).or_else(|| sleeping::<InSmol>(row)),
        runs: everywhere,
        memory: Some(memory::measure::<InSmol>),
        habits: Some(habits::of::<InSmol>),
        dependency: Some("smol = \"2.0\""),
        tools: None,
        notes: &[MADE_LATER, EXACT_TIMERS, NO_TIMEOUT],
    },
    Peer {
        name: "futures",
        setup: "futures 0.3: `LocalPool`",
        on: in_local_pool,
        runs: everywhere,
        memory: Some(memory::measure::<InLocalPool>),
        habits: Some(habits::of::<InLocalPool>),
        dependency: Some(FUTURES),
        tools: Some(Tools {
            names: "futures 0.3: its mutex, channels and joins; it has no semaphore and no event",
            orders: || [habits::mutex::<InLocalPool, Futures>(), "-"],
        }),
        notes: &[ENTERS_NOTHING, UNFAIR_MUTEX, ROOM_PER_SENDER],
    },
    #[cfg(target_os = "linux")]
    Peer {
        name: "monoio-epoll",
        setup: "monoio 0.2: `LegacyDriver` with `enable_timer` (feature `sync`)",
        on: sleeping::<InMonoio<OnEpoll>>,
        runs: monoio_runs::<OnEpoll>,
        memory: Some(memory::measure::<InMonoio<OnEpoll>>),
        habits: Some(habits::of::<InMonoio<OnEpoll>>),
        dependency: Some(MONOIO),
        tools: None,
        notes: &[YIELDS_TO_ITSELF, SYNC_ON, ENTRY_PER_WAKE],
    },
    #[cfg(target_os = "linux")]
    Peer {
        name: "monoio-uring",
        setup: "monoio 0.2: `IoUringDriver` with `enable_timer` (feature `sync`)",
        on: sleeping::<InMonoio<OnUring>>,
        runs: monoio_runs::<OnUring>,
        memory: Some(memory::measure::<InMonoio<OnUring>>),
        habits: Some(habits::of::<InMonoio<OnUring>>),
        dependency: Some(MONOIO),
        tools: None,
        notes: &[YIELDS_TO_ITSELF, SYNC_ON, ENTRY_PER_WAKE],
    },
    #[cfg(target_os = "linux")]
    Peer {
        name: "glommio",
        setup: "glommio 0.9: `LocalExecutor`, unbound, with `io_memory` of 1 MiB",
        on: |row| offloading::<InGlommio>(row).or_else(|| sleeping::<InGlommio>(row)),
        runs: glommio_runs,
        memory: Some(memory::measure::<InGlommio>),
        habits: Some(habits::of::<InGlommio>),
        dependency: Some("glommio = \"0.9\""),
        tools: None,
        notes: &[EXACT_TIMERS, LIMITS_WHAT_FAILS, NO_COUNT, ENTRY_PER_WAKE],
    },
    #[cfg(target_os = "linux")]
    Peer {
        name: "compio",
        setup: "compio-runtime 0.12: `Runtime::new()` (feature `time`)",
        on: |row| offloading::<InCompio>(row).or_else(|| sleeping::<InCompio>(row)),
        runs: compio_runs,
        memory: Some(memory::measure::<InCompio>),
        habits: Some(habits::of::<InCompio>),
        dependency: Some(COMPIO),
        tools: None,
        notes: &[EXACT_TIMERS, TIMER_BY_CHANCE, WAITS_FOR_ROOM],
    },
    Peer {
        name: "bare",
        setup: "a loop written for each row alone: the limit, not an executor",
        on: bare::on,
        runs: everywhere,
        memory: None,
        habits: None,
        dependency: None,
        tools: Some(Tools { names: "none", orders: || ["-", "-"] }),
        notes: &[],
    },
];

/// All columns of all tables, turnwise first and the limit last.
pub(crate) fn columns() -> impl Iterator<Item = &'static Peer> {
    let (peers, limit) = PEERS.split_at(PEERS.len() - 1);
    peers.iter().chain(TOOLKITS).chain(GENERATORS).chain(limit)
}

/// The rows of executors, as they run on turnwise.
pub(crate) fn rows() -> Vec<Row> {
    let rows = with_timers::<Turnwise>();
    [rows, timers::huge_rows::<Turnwise>(), blocking::rows::<Turnwise>()].concat()
}

/// The rows of tasks that wait for each other.
pub(crate) fn wait_rows() -> Vec<Row> {
    waits::rows::<Turnwise, Own>()
}

/// The rows of generators.
pub(crate) fn generator_rows() -> Vec<Row> {
    generators::rows::<generators::Own>()
}

pub(crate) fn peer(name: &str) -> Option<&'static Peer> {
    columns().find(|peer| peer.name == name)
}

impl Peer {
    /// Whether it has one of these rows.
    pub(crate) fn has(&self, rows: &[Row]) -> bool {
        rows.iter().any(|row| (self.on)(row.name).is_some())
    }
}

/// The rows of executors and those of toolkits.
fn joining<E, T>(row: &str) -> Option<Setup>
where
    E: Sleeps,
    T: Locks + Permits + Events + Channels + Oneshots + Joins + Groups,
{
    sleeping::<E>(row).or_else(|| work(&waits::rows::<E, T>(), row))
}

/// All rows, which turnwise has.
fn everything(row: &str) -> Option<Setup> {
    work(&[rows(), wait_rows(), generator_rows()].concat(), row)
}

fn in_local_pool(row: &str) -> Option<Setup> {
    let locks = waits::locks::<InLocalPool, Futures>();
    let channels = waits::channels::<InLocalPool, Futures>();
    let requests = waits::requests::<InLocalPool, Futures, Futures>();
    let joins = waits::joins::<InLocalPool, Futures>();
    timeless::<InLocalPool>(row).or_else(|| work(&[locks, channels, requests, joins].concat(), row))
}

fn sleeping<E: Sleeps>(row: &str) -> Option<Setup> {
    work(&with_timers::<E>(), row).or_else(|| work(&timers::huge_rows::<E>(), row))
}

fn offloading<E: Blocks>(row: &str) -> Option<Setup> {
    work(&blocking::rows::<E>(), row)
}

fn timeless<E: Executor>(row: &str) -> Option<Setup> {
    work(&without_timers::<E>(), row)
}

#[allow(clippy::unnecessary_wraps, reason = "the others of this shape can fail")]
pub(crate) fn everywhere() -> Result<(), String> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn monoio_runs<D: Make>() -> Result<(), String> {
    D::make().map(drop).map_err(|error| error.to_string())
}

#[cfg(target_os = "linux")]
fn glommio_runs() -> Result<(), String> {
    glommio::build().map(drop).map_err(|error| error.to_string())
}

#[cfg(target_os = "linux")]
fn compio_runs() -> Result<(), String> {
    let runtime = compio_runtime::Runtime::new().map_err(|error| error.to_string())?;
    if runtime.driver_type().is_iouring() { Ok(()) } else { Err("no io_uring".to_owned()) }
}

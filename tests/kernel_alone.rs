//! The executor alone: its folder is compiled here without the rest of the crate, and runs.
//!
//! This proves that `src/kernel` imports nothing from the rest of the crate, and is an executor by itself.

#![forbid(unsafe_code)]

#[path = "../src/kernel/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the layers use what is not used here"
)]
mod kernel;

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use kernel::{Failure, Kernel, NoHooks, RootFuture, Run, SpawnMeta, Stop, TaskId};

type Log = Rc<RefCell<Vec<String>>>;

fn scheduler() -> Rc<Kernel> {
    Kernel::new(Rc::new(NoHooks))
}

/// Runs until every task has ended.
fn run(kernel: &Kernel) -> Result<(), Stop> {
    Run::outermost(kernel, Location::caller(), None)
}

/// Runs until this future is ready.
fn block_on<F: Future>(kernel: &Kernel, future: F) -> Option<F::Output> {
    let future = pin!(Some(future));
    let mut root = RootFuture::new(future);
    Run::outermost(kernel, Location::caller(), Some(&mut root)).ok()?;
    root.output
}

fn spawn<F: Future<Output = u32> + 'static>(kernel: &Rc<Kernel>, future: F) -> Handle {
    let (slot, id) = kernel.spawn(future, SpawnMeta::at(Location::caller()), None);
    Handle { kernel: Rc::clone(kernel), slot, id }
}

/// A minimal `JoinHandle`, for tasks that return a number.
struct Handle {
    kernel: Rc<Kernel>,
    slot: u32,
    id: TaskId,
}

impl Future for Handle {
    type Output = Result<u32, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut output: Option<Result<u32, Failure>> = None;
        let poll = self.kernel.poll_join(self.slot, self.id, cx, &mut output);
        poll.map(|_| output.expect("it is awaited once, and its scheduler exists"))
    }
}

/// Gives the other tasks a turn.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn foo_and_bar_take_turns() {
    let (kernel, log) = (scheduler(), Log::default());
    for name in ["foo", "bar"] {
        let log = Rc::clone(&log);
        drop(spawn(&kernel, async move {
            for turn in 1..=2 {
                log.borrow_mut().push(format!("{name} {turn}"));
                yield_now().await;
            }
            0
        }));
    }
    assert!(run(&kernel).is_ok());
    assert_eq!(*log.borrow(), ["foo 1", "bar 1", "foo 2", "bar 2"]);
    kernel.close();
}

#[test]
fn a_task_is_joined() {
    let kernel = scheduler();
    let handle = spawn(&kernel, async {
        yield_now().await;
        42
    });
    assert!(matches!(block_on(&kernel, handle), Some(Ok(42))));
    let panics = spawn(&kernel, async { panic!("in its turn") });
    assert!(matches!(block_on(&kernel, panics), Some(Err(Failure::Panicked(_)))));
    kernel.close();
}

#[test]
fn a_wake_comes_from_another_thread() {
    let kernel = scheduler();
    let (sender, receiver) = mpsc::channel::<std::task::Waker>();
    let waking = thread::spawn(move || receiver.recv().expect("it was sent").wake());
    let mut turns = 0;
    let woken = poll_fn(|cx| {
        turns += 1;
        if turns == 2 {
            return Poll::Ready(turns);
        }
        sender.send(cx.waker().clone()).expect("the thread waits for it");
        Poll::Pending
    });
    assert_eq!(block_on(&kernel, woken), Some(2));
    waking.join().expect("it has woken");
    kernel.close();
}

#[test]
fn a_task_that_can_never_run_again_ends_the_run() {
    let kernel = scheduler();
    drop(spawn(&kernel, std::future::pending::<u32>()));
    assert!(matches!(run(&kernel), Err(Stop::Stuck)));
    kernel.close();
}

//! Snapshots and reports of many tasks that wait: their time and memory grow with the number of tasks and waits, and not
//! with that of pairs of them.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use turnwise::channel::mpsc;
use turnwise::sync::{Event, Mutex, RwLock, Semaphore};
use turnwise::task::{JoinSet, scope};
use turnwise::{JoinHandle, RunError, Scheduler, yield_now};

use crate::{ALLOCATOR, row};

/// Runs all rows, each with this many tasks.
pub(crate) fn rows(scale: impl Fn(u64) -> u64) {
    let tasks = scale(10_000);
    row("tasks of one join set", tasks, join_set);
    row("children of one scope", tasks, children);
    row("waits of one task", tasks, waits_of_one_task);
    row("tasks that hold a permit and want a second", tasks, permits);
    row("readers of a lock that want to write", tasks, readers);
    row("tasks that join the next one, in a ring", tasks, ring_of_joins);
    row("pairs of tasks that lock in opposite order", tasks, pairs);
    row("senders to a channel that is full", tasks, senders);
    row("steps beside as many waiting tasks", tasks, steps);
}

/// The time for a snapshot or a report and its text, and the memory that it allocates, must stay below these.
const LONGEST: Duration = Duration::from_millis(100);
const LARGEST: usize = 20_000_000;

/// Runs the tasks until they wait; then makes a snapshot, and a report of why they can never run again.
fn inspected(scheduler: &Scheduler, expected_cycles: usize) -> String {
    scheduler.run_until_stalled();
    let snapshot = measured(|| {
        let snapshot = scheduler.snapshot();
        let text = snapshot.to_string();
        (snapshot, text)
    });
    let report = measured(|| {
        let Err(RunError::Deadlock(report)) = scheduler.run() else {
            panic!("no task can ever run again")
        };
        assert_eq!(report.cycles.len(), expected_cycles);
        let text = report.to_string();
        (report, text)
    });
    format!("snapshot {snapshot}, report {report}")
}

/// Measures what makes something to print.
fn measured<T>(make: impl FnOnce() -> (T, String)) -> String {
    let (before, start) = (ALLOCATOR.stats().bytes_allocated, Instant::now());
    let (result, text) = make();
    let (took, allocated) = (start.elapsed(), ALLOCATOR.stats().bytes_allocated - before);
    assert!(took < LONGEST, "it took {took:?}");
    assert!(allocated < LARGEST, "it allocated {allocated} bytes");
    assert!(text.len() < 100_000, "its text has {} bytes", text.len());
    drop(result);
    format!("{took:.1?} and {} kB", allocated / 1_000)
}

/// A step may take this long beside ten thousand tasks that wait.
const LONGEST_STEP: Duration = Duration::from_micros(100);

fn steps(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let lock: &Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    for _ in 0..tasks {
        scheduler.spawn(async {
            std::mem::forget(lock.lock().await);
        });
    }
    let start = Instant::now();
    let steps = std::iter::from_fn(|| scheduler.step()).count();
    let took = start.elapsed();
    assert_eq!(steps as u64, tasks);
    assert!(
        took < LONGEST_STEP * u32::try_from(steps).expect("it is a small number"),
        "it took {took:?}"
    );
    format!("{took:.1?}")
}

fn join_set(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    scheduler.spawn(async move {
        let mut set: JoinSet<()> = (0..tasks).map(|_| pending::<()>()).collect();
        set.join_next().await
    });
    inspected(&scheduler, 0)
}

fn children(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    scheduler.spawn(async move {
        scope(async |s| {
            for _ in 0..tasks {
                drop(s.spawn(pending::<()>()));
            }
        })
        .await
    });
    inspected(&scheduler, 0)
}

fn waits_of_one_task(waits: u64) -> String {
    let scheduler = Scheduler::new();
    scheduler.spawn(async move {
        let event = Event::new();
        let mut waits: Vec<_> = (0..waits).map(|_| event.wait()).collect();
        poll_fn(|cx| {
            waits.iter_mut().for_each(|wait| assert!(Pin::new(wait).poll(cx).is_pending()));
            Poll::<()>::Pending
        })
        .await;
    });
    inspected(&scheduler, 0)
}

fn permits(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let slots = Rc::new(Semaphore::new(usize::try_from(tasks).expect("it is a small number")));
    for _ in 0..tasks {
        let slots = Rc::clone(&slots);
        scheduler.spawn(async move {
            let _one = slots.acquire().await;
            yield_now().await;
            drop(slots.acquire().await);
        });
    }
    inspected(&scheduler, 1)
}

fn readers(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let lock = Rc::new(RwLock::new(()));
    for _ in 0..tasks {
        let lock = Rc::clone(&lock);
        scheduler.spawn(async move {
            let _reads = lock.read().await;
            yield_now().await;
            drop(lock.write().await);
        });
    }
    inspected(&scheduler, 1)
}

fn ring_of_joins(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let handles: Rc<RefCell<Vec<Option<JoinHandle<()>>>>> = Rc::default();
    for number in 0..usize::try_from(tasks).expect("it is a small number") {
        let ring = Rc::clone(&handles);
        let next = async move {
            let next = (number + 1) % ring.borrow().len();
            let handle = ring.borrow_mut()[next].take();
            handle.expect("each handle is taken once").await.expect("it never ends");
        };
        let handle = scheduler.spawn(next);
        handles.borrow_mut().push(Some(handle));
    }
    inspected(&scheduler, 1)
}

fn pairs(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    for _ in 0..tasks / 2 {
        let locks = Rc::new([Mutex::new(()), Mutex::new(())]);
        for first in 0..2 {
            let locks = Rc::clone(&locks);
            scheduler.spawn(async move {
                let _first = locks[first].lock().await;
                yield_now().await;
                drop(locks[1 - first].lock().await);
            });
        }
    }
    inspected(&scheduler, usize::try_from(tasks / 2).expect("it is a small number"))
}

fn senders(tasks: u64) -> String {
    let scheduler = Scheduler::new();
    let (sender, receiver) = mpsc::channel(1);
    for number in 0..tasks {
        let sender = sender.clone();
        scheduler.spawn(async move { sender.send(number).await });
    }
    scheduler.spawn(async move {
        let mut receiver = receiver;
        receiver.try_recv().unwrap_or_default();
        sender.closed().await;
    });
    inspected(&scheduler, 1)
}

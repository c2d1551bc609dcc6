//! Asking a live scheduler what its tasks are doing.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::future::pending;
use std::io::{self, Write};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use turnwise::channel::remote;
use turnwise::scheduler::DumpHandle;
use turnwise::{RunError, Scheduler, spawn, sync, task, yield_now};

/// What was written, one string for each dump.
#[derive(Clone, Default)]
struct Dumps(Arc<Mutex<Vec<String>>>);

impl Dumps {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Dumps {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn with_dumps() -> (Scheduler, DumpHandle, Dumps) {
    let (scheduler, dumps) = (Scheduler::new(), Dumps::default());
    let handle = scheduler.dump_handle(dumps.clone());
    (scheduler, handle, dumps)
}

#[test]
fn a_sleeping_scheduler_is_woken_for_a_dump_and_sleeps_again() {
    let (scheduler, handle, dumps) = with_dumps();
    let (sender, mut receiver) = remote::channel::<()>(1);
    let written = dumps.clone();
    let asker = thread::spawn(move || {
        for number in 1..=3 {
            handle.request();
            while written.lock().len() < number {
                thread::yield_now();
            }
        }
        drop(sender);
    });
    assert!(scheduler.block_on(async move { receiver.recv().await }).is_none());
    asker.join().unwrap();
    assert_eq!(dumps.lock().len(), 3);
    let is_waiting = |dump: &String| dump.contains("waits for a message on remote channel");
    assert!(dumps.lock()[1..].iter().all(is_waiting), "the first may come before the first turn");
}

#[test]
fn requests_before_the_look_are_one_dump() {
    let (scheduler, handle, dumps) = with_dumps();
    for _ in 0..1000 {
        handle.clone().request();
    }
    assert!(dumps.lock().is_empty(), "it is written by the scheduler, in a run");
    assert_eq!(scheduler.metrics().letters, 0);
    scheduler.block_on(yield_now());
    assert_eq!(dumps.lock().len(), 1);
    handle.request();
    scheduler.run_until_stalled();
    assert_eq!(dumps.lock().len(), 2);
}

#[test]
fn a_handle_is_neither_a_remote_nor_a_waker_so_a_deadlock_stays_certain() {
    let (scheduler, _handle, dumps) = with_dumps();
    scheduler.spawn(pending::<()>());
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("nothing can run") };
    assert!(report.certain);
    assert_eq!((report.remotes_held, report.wakers_held), (0, 0));
    assert!(dumps.lock().is_empty());
}

#[test]
fn a_request_after_the_scheduler_does_nothing() {
    let (scheduler, handle, dumps) = with_dumps();
    drop(scheduler);
    handle.request();
    thread::spawn(move || handle.request()).join().unwrap();
    assert!(dumps.lock().is_empty());
}

#[test]
fn a_writer_that_panics_is_not_used_again_and_stops_nothing() {
    struct Panics(u32);
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            assert_eq!(self.0, 0, "on purpose");
            Ok(0)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (scheduler, handle, dumps) = with_dumps();
    let panics = scheduler.dump_handle(Panics(0));
    for _ in 0..2 {
        panics.request();
        handle.request();
        assert_eq!(scheduler.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
    }
    assert_eq!(dumps.lock().len(), 2);
}

#[test]
fn a_writer_may_use_the_scheduler() {
    struct Nested(Weak<Scheduler>);
    impl Write for Nested {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let scheduler = self.0.upgrade().unwrap();
            scheduler.spawn(async {});
            assert!(!scheduler.snapshot().tasks.is_empty());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let scheduler = Rc::new(Scheduler::new());
    let handle = scheduler.dump_handle(Nested(Rc::downgrade(&scheduler)));
    handle.request();
    scheduler.block_on(yield_now());
    assert_eq!(scheduler.metrics().spawned, 2);
}

// ----- the await tree -----

fn first_words(tree: &str) -> Vec<&str> {
    tree.lines().map(|line| line.split(" at tests").next().unwrap()).collect()
}

#[test]
fn the_await_tree_draws_each_task_once() {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let lock = std::rc::Rc::new(sync::Mutex::new(()).named("lock"));
        let held = std::rc::Rc::clone(&lock);
        let holder = task::Builder::new().name("holder").spawn(async move {
            let _guard = held.lock().await;
            turnwise::sleep(Duration::from_secs(5)).await;
        });
        for name in ["one", "two"] {
            let lock = std::rc::Rc::clone(&lock);
            task::Builder::new().name(name).spawn(async move { drop(lock.lock().await) });
        }
        yield_now().await;
        yield_now().await;
        let _ = turnwise::timeout(Duration::from_secs(1), holder).await;
        let tree = scheduler.snapshot().await_tree().to_string();
        assert_eq!(
            first_words(&tree),
            [
                "#1 main running",
                "#3 \"one\" waiting",
                "└─ waits for mutex \"lock\"",
                "   └─ #2 \"holder\" waiting",
                "      └─ waits for a sleep with 4s left",
                "#4 \"two\" waiting",
                "└─ waits for mutex \"lock\"",
                "   └─ #2 \"holder\" waiting, drawn above",
            ]
        );
    });
}

#[test]
fn the_await_tree_of_a_circle_ends() {
    let scheduler = Scheduler::new();
    let locks = ["left", "right"].map(|name| std::rc::Rc::new(sync::Mutex::new(()).named(name)));
    for (first, second) in [(0, 1), (1, 0)] {
        let (first, second) = (locks[first].clone(), locks[second].clone());
        scheduler.spawn(async move {
            let _first = first.lock().await;
            yield_now().await;
            let _second = second.lock().await;
        });
    }
    assert!(scheduler.run().is_err());
    let tree = scheduler.snapshot().await_tree().to_string();
    assert_eq!(
        first_words(&tree),
        [
            "#1 waiting",
            "└─ waits for mutex \"right\"",
            "   └─ #2 waiting",
            "      └─ waits for mutex \"left\"",
            "         └─ #1 waiting, drawn above",
        ]
    );
}

#[test]
fn the_await_tree_of_a_long_chain_starts_again_at_the_left_and_counts_the_rest() {
    let scheduler = Scheduler::new();
    let mut handle = scheduler.spawn(pending::<()>());
    for _ in 0..3000 {
        handle = scheduler.spawn(async move { drop(handle.await) });
    }
    scheduler.run_until_stalled();
    let tree = scheduler.snapshot().await_tree().to_string();
    assert!(tree.lines().all(|line| line.chars().count() < 250));
    assert_eq!(tree.lines().filter(|line| line.ends_with(" waiting, drawn below")).count(), 24);
    assert!(tree.ends_with("… and 2497 more tasks\n"), "{}", &tree[tree.len() - 100..]);
}

#[test]
fn a_writer_that_panics_again_when_it_is_dropped_stops_nothing() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("on purpose")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose, too")
        }
    }
    let scheduler = Scheduler::new();
    scheduler.dump_handle(Panics).request();
    assert_eq!(scheduler.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
}

#[test]
fn a_writer_is_dropped_once_it_has_no_handle_and_its_place_is_needed() {
    let scheduler = Scheduler::new();
    let dumps: Vec<Dumps> = (0..10).map(|_| Dumps::default()).collect();
    for dump in &dumps {
        drop(scheduler.dump_handle(dump.clone()));
    }
    let kept = dumps.iter().filter(|dump| Arc::strong_count(&dump.0) > 1);
    assert_eq!(kept.count(), 1);
}

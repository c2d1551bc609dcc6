//! Tasks spawned from other threads: where they run, in which order, and how their answers come back.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use probe::{Acting, Log, OnDrop, Rings, Spot, guarded, poll_with, text, traced};
use turnwise::scheduler::{Ending, Park, ThreadParker};
use turnwise::{Remote, RunError, Scheduler, Transition, yield_now};

/// Runs a scheduler on a thread of its own while the closure uses its `Remote`.
fn with_server<R>(use_it: impl FnOnce(&Remote) -> R) -> R {
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let (sender, receiver) = mpsc::channel();
    let server = thread::spawn(move || {
        let scheduler = guarded();
        sender.send(scheduler.remote()).expect("the receiver waits for it");
        let _ = scheduler.block_on(stopped);
    });
    let result = use_it(&receiver.recv().expect("the server has started"));
    drop(stop);
    server.join().expect("it does not panic");
    result
}

#[test]
fn sixteen_threads_spawn_and_every_answer_is_right() {
    with_server(|remote| {
        let threads: Vec<_> = (0..16_u64)
            .map(|thread| {
                let remote = remote.clone();
                thread::spawn(move || {
                    let ask = |number: u64| {
                        remote.spawn(move || async move {
                            let local = Rc::new(number); // never leaves the other thread
                            yield_now().await;
                            *local * 2 + thread
                        })
                    };
                    let handles: Vec<_> = (0..1000).map(ask).collect();
                    for (number, handle) in (0..).zip(handles) {
                        assert_eq!(handle.wait().unwrap(), number * 2 + thread);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn closure_and_future_run_on_the_thread_of_the_scheduler() {
    with_server(|remote| {
        let ids = remote.spawn(|| {
            let closure = thread::current().id();
            async move { (closure, thread::current().id(), turnwise::task::id().as_u64() > 0) }
        });
        let (closure, future, is_task) = ids.wait().unwrap();
        assert_eq!(closure, future);
        assert_ne!(closure, thread::current().id());
        assert!(is_task);
    });
}

#[test]
fn letters_are_handled_in_order_of_arrival() {
    let scheduler = Scheduler::new();
    let log: Arc<std::sync::Mutex<Vec<u32>>> = Arc::default();
    let remote = scheduler.remote();
    let noted = Arc::clone(&log);
    thread::spawn(move || {
        for number in 0..100 {
            let noted = Arc::clone(&noted);
            drop(remote.spawn(move || async move { noted.lock().unwrap().push(number) }));
        }
    })
    .join()
    .unwrap();
    scheduler.run().unwrap();
    assert_eq!(*log.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_task_from_another_thread_is_queued_behind_tasks_woken_from_there_before() {
    let (scheduler, log) = traced();
    let (first, last) = (Spot::default(), Spot::default());
    drop(scheduler.spawn(first.wait()));
    drop(scheduler.spawn(last.wait()));
    scheduler.run_until_stalled();
    log.take();
    let (remote, wakers) = (scheduler.remote(), [first.waker(), last.waker()]);
    let place = line!() + 3;
    let there = thread::spawn(move || {
        wakers[0].wake_by_ref();
        drop(remote.spawn(|| async {}));
        wakers[1].wake_by_ref();
        remote
    });
    let remote = there.join().unwrap();
    scheduler.step();
    let tasks = scheduler.snapshot().tasks;
    let spawned_at = tasks[2].spawned_at;
    assert_eq!(
        (spawned_at.file(), spawned_at.line()),
        (file!(), place),
        "where the remote spawn was called"
    );
    scheduler.run_until_stalled();
    let order = [
        "schedule #1 (from another thread)",
        "spawn #3",
        "schedule #3 (new)",
        "schedule #2 (from another thread)",
    ];
    assert_eq!(log.take()[..4], order);
    drop(remote);
}

#[test]
fn a_run_with_an_empty_taskmap_finds_a_task_spawned_remotely_before_it() {
    let scheduler = Scheduler::new();
    let handle = scheduler.remote().spawn(|| async { 7 });
    scheduler.run().unwrap();
    assert!(handle.is_finished());
    assert_eq!(handle.wait().unwrap(), 7, "it has finished, so even this thread may wait");
}

#[test]
fn a_run_finds_a_task_spawned_remotely_while_its_last_task_ended() {
    let scheduler = Scheduler::new();
    let remote = scheduler.remote();
    let place = Rc::new(Cell::new(None));
    let answer = Rc::clone(&place);
    scheduler.spawn(async move { answer.set(Some(remote.spawn(|| async { 7 }))) });
    scheduler.run().unwrap();
    assert!(place.take().is_some_and(|answer| answer.is_finished()));
}

#[test]
fn an_answer_is_awaited_on_its_own_scheduler_on_another_one_and_on_another_executor() {
    let scheduler = Scheduler::new();
    let handle = scheduler.remote().spawn(|| async { 1 });
    assert_eq!(scheduler.block_on(handle).unwrap(), 1);
    with_server(|remote| {
        assert_eq!(guarded().block_on(remote.spawn(|| async { 2 })).unwrap(), 2);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(remote.spawn(|| async { 3 })).unwrap(), 3);
    });
}

#[test]
fn a_panic_reaches_the_handle_with_its_payload_and_the_scheduler_continues() {
    let log = Log::default();
    let seen = log.clone();
    let scheduler = Scheduler::builder()
        .observer(move |transition: &Transition| {
            if let Transition::Exited { task, ending, .. } = transition {
                seen.note(format!("{task} {ending}"));
                assert_eq!(*ending == Ending::Panicked, task.as_u64() < 3);
            }
        })
        .build();
    let remote = scheduler.remote();
    let in_closure = remote.spawn(|| -> std::future::Ready<()> { panic!("in the closure") });
    let in_future = remote.spawn(|| async { panic!("in the future") });
    let healthy = remote.spawn(|| async { 7 });
    scheduler.run().unwrap();
    assert_eq!(log.take(), ["#1 panicked", "#2 panicked", "#3 returned"]);
    for (handle, words) in [(in_closure, "in the closure"), (in_future, "in the future")] {
        let error = handle.wait().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled() && error.id().is_some());
        assert!(error.to_string().ends_with(words), "{error}");
        assert_eq!(text(&*error.try_into_panic().unwrap()), words);
    }
    assert_eq!(healthy.wait().unwrap(), 7);
}

#[test]
fn an_answer_survives_a_destructor_that_panics() {
    let scheduler = Scheduler::new();
    let handle = scheduler.remote().spawn(|| {
        let bomb = OnDrop(|| panic!("in the destructor"));
        std::future::poll_fn(move |_| {
            let _armed = &bomb;
            Poll::Ready(7)
        })
    });
    scheduler.run().unwrap();
    assert_eq!(handle.wait().unwrap(), 7);
}

#[test]
fn a_dropped_scheduler_gives_errors_and_no_hang() {
    let scheduler = Scheduler::new();
    let remote = scheduler.remote();
    let started = remote.spawn(std::future::pending::<()>);
    scheduler.run_until_stalled();
    let unread = remote.spawn(|| async {});
    let waits = thread::spawn(move || started.wait());
    drop(scheduler);
    assert_eq!(waits.join().unwrap().unwrap_err().to_string(), "task #1 was aborted");
    let too_late = remote.spawn(|| async {});
    for error in [unread.wait().unwrap_err(), too_late.wait().unwrap_err()] {
        assert!(error.is_cancelled() && error.id().is_none());
        assert_eq!(error.to_string(), "the task was never spawned: its scheduler was dropped");
        assert!(error.try_into_panic().is_err());
    }
}

#[test]
#[should_panic(expected = "would block forever: await the handle instead")]
fn waiting_on_the_scheduler_thread_panics_instead_of_hanging() {
    let scheduler = Scheduler::new();
    let _ = scheduler.remote().spawn(|| async {}).wait();
}

#[test]
#[should_panic(expected = "polled after completion")]
fn an_answer_is_given_once() {
    let scheduler = Scheduler::new();
    let mut handle = scheduler.remote().spawn(|| async {});
    scheduler.run().unwrap();
    assert!(poll_with(&mut handle, Waker::noop()).is_ready());
    let _ = poll_with(&mut handle, Waker::noop());
}

#[test]
fn a_waker_that_panics_does_not_affect_the_answering_task() {
    let scheduler = Scheduler::new();
    let mut handle = scheduler.remote().spawn(|| async { 7 });
    let panics = Acting::waker(|| panic!("a foreign waker"), || ());
    assert!(poll_with(&mut handle, &panics).is_pending());
    scheduler.run().unwrap();
    assert!(matches!(poll_with(&mut handle, Waker::noop()), Poll::Ready(Ok(7))));
}

#[test]
fn dropping_the_handle_detaches_the_task() {
    let scheduler = Scheduler::new();
    let (sender, receiver) = mpsc::channel();
    drop(scheduler.remote().spawn(move || async move {
        yield_now().await;
        sender.send(7).unwrap();
    }));
    scheduler.run().unwrap();
    assert_eq!(receiver.try_recv(), Ok(7));
}

/// Notifies another thread before each park.
struct Announcing(ThreadParker, mpsc::Sender<()>);

impl Park for Announcing {
    fn park(&mut self, timeout: Option<Duration>) {
        self.1.send(()).expect("the other thread counts until the end");
        self.0.park(timeout);
    }
    fn unparker(&self) -> Waker {
        self.0.unparker()
    }
}

#[test]
fn a_deadlock_is_only_possible_while_there_is_a_remote() {
    let (stalls, remotes) = (Log::default(), Rc::new(RefCell::new(Vec::new())));
    let (seen, held) = (stalls.clone(), Rc::clone(&remotes));
    let scheduler = Scheduler::builder()
        .on_stall(Duration::ZERO, move |report| {
            assert!(!report.certain);
            assert_eq!((report.wakers_held, report.remotes_held), (0, held.borrow().len()));
            seen.note(report.to_string().lines().last().unwrap());
            held.borrow_mut().clear();
        })
        .build();
    for count in [2, 1] {
        remotes.borrow_mut().extend((0..count).map(|_| scheduler.remote()));
        let Err(RunError::Deadlock(report)) = scheduler.try_block_on(pending::<()>()) else {
            panic!("nothing is left that could wake it");
        };
        assert!(report.certain);
        assert_eq!((report.tasks.len(), report.remotes_held), (1, 0));
    }
    let words = |held| format!("possible: {held} held outside the scheduler may still be used");
    assert_eq!(stalls.take(), [words("2 `Remote`s"), words("1 `Remote`")]);
}

#[test]
fn a_parked_scheduler_is_woken_by_the_drop_of_the_last_remote_and_no_other() {
    let (asleep, sleeps) = mpsc::channel();
    let scheduler = Scheduler::builder().park(Announcing(ThreadParker::new(), asleep)).build();
    let remotes = [scheduler.remote(), scheduler.remote()];
    let holder = thread::spawn(move || {
        sleeps.recv().unwrap();
        let [first, last] = remotes;
        drop(first);
        assert!(sleeps.try_recv().is_err(), "that was no reason to wake up");
        drop(last);
        sleeps.iter().count()
    });
    let stuck = scheduler.try_block_on(pending::<()>());
    assert!(matches!(stuck, Err(RunError::Deadlock(report)) if report.certain));
    drop(scheduler);
    assert_eq!(holder.join().unwrap(), 0, "it has parked once");
}

// tokio#8095, tokio#7886: a handle kept the waker of a wait that had been given up.
#[test]
fn a_handle_that_is_dropped_drops_its_waker() {
    let scheduler = Scheduler::new();
    let mut handle = scheduler.remote().spawn(pending::<()>);
    let (first, waker) = Rings::new();
    assert!(poll_with(&mut handle, &waker).is_pending());
    drop(waker);
    let (second, waker) = Rings::new();
    assert!(poll_with(&mut handle, &waker).is_pending());
    drop(waker);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    drop(handle);
    assert_eq!(Arc::strong_count(&second), 1);
}

#[test]
fn a_remote_spawn_calls_the_hook_of_a_foreign_loop() {
    let scheduler = Scheduler::new();
    let (sender, woken) = mpsc::channel();
    scheduler.on_wake(move || sender.send(()).unwrap());
    let remote = scheduler.remote();
    let handle = thread::spawn(move || remote.spawn(|| async { 7 })).join().unwrap();
    woken.recv().unwrap();
    assert_eq!(scheduler.run_until_stalled(), 1);
    assert_eq!(handle.wait().unwrap(), 7);
}

/// Panics when it is dropped, on any thread.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("dropped unread");
    }
}

// tokio#4430: a panic met another one in a destructor, and the process ended.
#[test]
fn unread_results_that_panic_when_dropped_affect_nothing_else() {
    let scheduler = Scheduler::new();
    let remote = scheduler.remote();
    drop(remote.spawn(|| async { Loud }));
    drop(remote.spawn(|| async { panic_any(Loud) }));
    drop(remote.spawn(|| {
        let target = OnDrop(|| panic!("in the destructor"));
        poll_fn(move |_| {
            let _held = &target;
            Poll::Ready(Loud)
        })
    }));
    let healthy = remote.spawn(|| async { 7 });
    scheduler.run().unwrap();
    assert_eq!(healthy.wait().unwrap(), 7);
}

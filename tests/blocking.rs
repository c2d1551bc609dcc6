//! Blocking jobs and the scheduler that counts them: the clock and the deadlock verdict wait for them, reports
//! name them, results come back, and a shutdown lists those still running.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod probe;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use probe::{OnDrop, Rings, guarded, poll_with, text, until, virtual_time};
use turnwise::blocking::{self, BlockingError, BlockingHandle};
use turnwise::scheduler::{Park, ThreadParker, WaitsFor};
use turnwise::task::catch_cancel;
use turnwise::{
    DeadlockReport, RunError, Scheduler, ThreadPool, gather, join, join_all, race, sleep, spawn,
    spawn_blocking, timeout, yield_now,
};

/// A job that reports when it has started, and runs until it is released.
struct Gate {
    go: Sender<()>,
    started: Receiver<()>,
}

impl Gate {
    fn new() -> (Gate, impl FnOnce() + Send + 'static) {
        let ((go, wait), (starts, started)) = (mpsc::channel(), mpsc::channel());
        let job = move || {
            let _ = starts.send(()); // Not every test listens.
            let _ = wait.recv();
        };
        (Gate { go, started }, job)
    }

    fn wait_for_start(&self) {
        self.started.recv().unwrap();
    }

    fn open(self) {
        drop(self.go);
    }
}

// ----- results -----

#[test]
fn a_job_runs_on_another_thread_and_its_result_comes_back() {
    let here = thread::current().id();
    let there = guarded().block_on(spawn_blocking(|| thread::current().id())).unwrap();
    assert_ne!(here, there);
}

#[test]
fn a_job_is_handed_over_when_spawn_blocking_is_called_and_not_when_it_is_awaited() {
    guarded().block_on(async {
        let (gate, job) = Gate::new();
        let handle = spawn_blocking(job);
        gate.wait_for_start(); // The handle has not been polled.
        gate.open();
        handle.await.unwrap();
    });
}

#[test]
fn to_thread_is_handed_over_at_its_first_poll() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let never = blocking::to_thread(move || count.fetch_add(1, Ordering::SeqCst));
    drop(never);
    let count = Arc::clone(&calls);
    // Created before there is a scheduler, as in the course.
    let lazy = blocking::to_thread(move || count.fetch_add(1, Ordering::SeqCst));
    assert_eq!(guarded().block_on(lazy).unwrap(), 0);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_of_a_job_is_an_error_with_its_payload() {
    let error = guarded().block_on(spawn_blocking(|| panic!("a bug"))).unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(error.place().file(), file!());
    assert!(error.to_string().contains("tests/blocking.rs:"), "{error}");
    assert_eq!(text(&*error.into_panic()), "a bug");
}

#[test]
fn jobs_on_several_threads_are_awaited_concurrently() {
    let gates: Vec<_> = (0..3).map(|_| Gate::new()).collect();
    let (gates, jobs): (Vec<_>, Vec<_>) = gates.into_iter().unzip();
    guarded().block_on(async {
        let handles = jobs.into_iter().map(spawn_blocking);
        let all = spawn(join_all(handles.collect::<Vec<_>>()));
        gates.iter().for_each(Gate::wait_for_start); // All of them run at the same time.
        gates.into_iter().for_each(Gate::open);
        assert!(all.await.unwrap().into_iter().all(|result| result.is_ok()));
    });
}

#[test]
fn results_are_gathered_in_the_order_of_the_arguments() {
    let jobs: Vec<_> = (0..20).map(|n| blocking::to_thread(move || n * n)).collect();
    let squares = guarded().block_on(async { gather(jobs).await });
    let squares: Result<Vec<i32>, BlockingError> =
        squares.into_iter().map(|square| square.unwrap()).collect();
    assert_eq!(squares.unwrap(), (0..20).map(|n| n * n).collect::<Vec<_>>());
}

#[test]
fn a_handle_may_be_given_up_and_awaited_again() {
    guarded().block_on(async {
        let (gate, job) = Gate::new();
        let mut handle = spawn_blocking(job);
        assert!(timeout(Duration::from_millis(5), &mut handle).await.is_err());
        gate.open();
        handle.await.unwrap();
    });
}

#[test]
fn a_handle_is_awaited_on_another_thread_and_on_another_executor() {
    let (gate, job) = Gate::new();
    let handle = spawn_blocking(job);
    let there = thread::spawn(move || futures::executor::block_on(handle));
    gate.open();
    there.join().unwrap().unwrap();

    let pool = ThreadPool::new(1);
    assert_eq!(futures::executor::block_on(pool.submit(|| 5)).unwrap(), 5);
    assert_eq!(turnwise::block_on(pool.submit(|| 6)).unwrap(), 6);
}

#[test]
fn the_last_waker_is_woken_and_a_replaced_one_is_dropped() {
    let pool = ThreadPool::new(1);
    let (gate, job) = Gate::new();
    let mut handle = pool.submit(job);
    let ((first, first_waker), (second, second_waker)) = (Rings::new(), Rings::new());
    assert!(poll_with(&mut handle, &first_waker).is_pending());
    assert!(poll_with(&mut handle, &second_waker).is_pending());
    assert_eq!(Arc::strong_count(&first), 2, "the replaced waker is dropped");
    gate.open();
    until(|| second.get() == 1);
    assert_eq!(first.get(), 0);
    assert!(matches!(poll_with(&mut handle, &first_waker), Poll::Ready(Ok(()))));
}

#[test]
fn a_race_drops_the_handle_and_the_job_continues() {
    let (gate, job) = Gate::new();
    let (sent, got) = mpsc::channel();
    guarded().block_on(async {
        let slow = spawn_blocking(move || {
            job();
            sent.send("it continued").unwrap();
        });
        race((async { drop(slow.await) }, yield_now())).await;
    });
    gate.open();
    assert_eq!(got.recv(), Ok("it continued"));
}

// ----- callbacks -----

#[test]
fn callbacks_are_called_on_the_thread_of_the_scheduler_in_a_later_turn() {
    let log: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (noted, here) = (Rc::clone(&log), thread::current().id());
    let scheduler = guarded();
    scheduler.block_on(async move {
        let handle = spawn_blocking(|| ());
        until(|| handle.is_finished());
        let noted_there = Rc::clone(&noted);
        let called = handle.on_done_local(move |result| {
            result.unwrap();
            assert_eq!(thread::current().id(), here);
            noted_there.borrow_mut().push("called");
        });
        noted.borrow_mut().push("registered");
        called.await.unwrap();
        noted.borrow_mut().push("finished");
    });
    assert_eq!(*log.borrow(), ["registered", "called", "finished"]);
}

#[test]
fn a_send_callback_is_called_on_this_thread_too_if_a_scheduler_runs_here() {
    let (sent, got) = mpsc::channel();
    let scheduler = guarded();
    scheduler.spawn(async move {
        let handle = spawn_blocking(|| 5);
        until(|| handle.is_finished());
        let reply = sent.clone();
        handle.on_done(move |result| {
            reply.send((result.unwrap(), thread::current().id())).unwrap();
        });
        sent.send((0, thread::current().id())).unwrap();
    });
    scheduler.run().unwrap();
    let here = thread::current().id();
    assert_eq!(got.iter().collect::<Vec<_>>(), [(0, here), (5, here)], "in a later turn");
}

#[test]
fn callbacks_are_called_in_the_order_in_which_the_jobs_end() {
    let log: Rc<RefCell<Vec<usize>>> = Rc::default();
    let scheduler = guarded();
    let gates: Vec<_> = (0..3).map(|_| Gate::new()).collect();
    let (mut gates, jobs): (Vec<_>, Vec<_>) =
        gates.into_iter().map(|(gate, job)| (Some(gate), job)).unzip();
    let noted = Rc::clone(&log);
    scheduler.block_on(async {
        for (number, job) in jobs.into_iter().enumerate() {
            let noted = Rc::clone(&noted);
            spawn_blocking(job).on_done_local(move |_| noted.borrow_mut().push(number));
        }
        yield_now().await;
    });
    for (called, number) in [1, 2, 0].into_iter().enumerate() {
        gates[number].take().unwrap().open();
        until(|| scheduler.run_until_stalled() > 0 && log.borrow().len() == called + 1);
    }
    assert_eq!(*log.borrow(), [1, 2, 0]);
}

#[test]
fn a_shutdown_waits_for_callbacks_as_it_does_for_their_jobs() {
    let (gate, job) = Gate::new();
    let (sent, got) = mpsc::channel();
    let scheduler = guarded();
    scheduler.spawn(async move {
        let callback = move |result: Result<(), BlockingError>| sent.send(result.is_ok()).unwrap();
        spawn_blocking(job).on_done(callback);
    });
    scheduler.run_until_stalled();
    let opener = thread::spawn(move || {
        gate.wait_for_start();
        gate.open();
    });
    assert!(scheduler.shutdown(Duration::from_secs(600)).unwrap().is_clean());
    assert_eq!(got.try_recv(), Ok(true));
    opener.join().unwrap();
}

#[test]
fn a_run_waits_for_callbacks() {
    let called = Rc::new(Cell::new(false));
    let note = Rc::clone(&called);
    let scheduler = guarded();
    scheduler.spawn(async move {
        spawn_blocking(|| ()).on_done_local(move |_| note.set(true));
    });
    scheduler.run().unwrap();
    assert!(called.get());
}

#[test]
#[should_panic(expected = "use `on_done`")]
fn a_local_callback_outside_of_a_scheduler_says_what_to_use() {
    spawn_blocking(|| ()).on_done_local(drop);
}

// ----- what the scheduler reports -----

fn one_blocking_wait(waits: &[WaitsFor]) -> String {
    match waits {
        [wait @ WaitsFor::Blocking { .. }] => wait.to_string(),
        _ => panic!("{waits:?}"),
    }
}

#[test]
fn a_snapshot_names_the_jobs_and_the_tasks_that_wait_for_them() {
    let scheduler = guarded();
    let (gate, job) = Gate::new();
    let task = scheduler.spawn(async {
        let handle = blocking::Builder::new().name("load").spawn(job);
        handle.await.unwrap();
    });
    let line = line!() - 3;
    scheduler.run_until_stalled();
    gate.wait_for_start();
    let snapshot = scheduler.snapshot();
    assert_eq!(snapshot.blocking.len(), 1);
    let seen = &snapshot.blocking[0];
    assert_eq!((seen.name.as_deref(), seen.place.line()), (Some("load"), line));
    until(|| scheduler.snapshot().blocking[0].has_begun);
    let waits = one_blocking_wait(&scheduler.snapshot().tasks[0].waits);
    assert!(waits.starts_with("blocking job \"load\" at tests/blocking.rs:"), "{waits}");
    assert!(scheduler.snapshot().to_string().contains("  blocking job \"load\", running for "));
    assert_eq!(scheduler.metrics().blocking, 1);
    assert_eq!(scheduler.metrics().wakers_held, 0, "it is woken by a letter, not by a waker");
    gate.open();
    scheduler.block_on(task).unwrap();
    assert!(scheduler.snapshot().blocking.is_empty());
    assert_eq!(scheduler.metrics().blocking, 0);
}

#[test]
fn a_task_that_has_the_result_no_longer_sees_the_job() {
    let scheduler = Rc::new(guarded());
    let inside = Rc::clone(&scheduler);
    scheduler.block_on(async move {
        for _ in 0..200 {
            spawn_blocking(|| ()).await.unwrap();
            assert!(inside.snapshot().blocking.is_empty());
            let (one, other) = join!(spawn_blocking(|| ()), spawn_blocking(|| ()));
            assert!(one.is_ok() && other.is_ok());
            assert!(inside.snapshot().blocking.is_empty());
        }
    });
}

#[test]
fn a_virtual_clock_stands_still_while_a_job_runs() {
    /// Opens the gate when the scheduler parks: by then it has decided not to jump.
    struct OpenOnPark(Option<Gate>, ThreadParker);

    impl Park for OpenOnPark {
        fn park(&mut self, timeout: Option<Duration>) {
            if let Some(gate) = self.0.take() {
                gate.wait_for_start();
                gate.open();
            }
            self.1.park(timeout);
        }

        fn unparker(&self) -> Waker {
            self.1.unparker()
        }
    }

    let (gate, job) = Gate::new();
    let park = OpenOnPark(Some(gate), ThreadParker::new());
    let scheduler = Scheduler::builder().virtual_time().park(park).build();
    let hour = Duration::from_secs(3600);
    let slow = scheduler.spawn(sleep(hour));
    let waits = scheduler.spawn(async move { spawn_blocking(job).await });
    scheduler.run_until_stalled();
    assert!(scheduler.step().is_none(), "otherwise the clock would be an hour ahead");
    assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO);
    scheduler.block_on(waits).unwrap().unwrap();
    assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO, "it waited and did not jump");
    assert!(!slow.is_finished());
    scheduler.run().unwrap();
    assert_eq!(scheduler.snapshot().elapsed, hour);
}

#[test]
fn a_virtual_clock_waits_for_a_job_that_was_handed_over_outside_and_is_awaited_inside() {
    let pool = ThreadPool::new(1);
    let (gate, job) = Gate::new();
    let handle = pool.submit(job);
    let scheduler = virtual_time();
    scheduler.spawn(sleep(Duration::from_secs(1)));
    let waits = scheduler.spawn(handle);
    scheduler.run_until_stalled();
    assert_eq!(scheduler.snapshot().blocking.len(), 1);
    gate.open();
    scheduler.block_on(waits).unwrap().unwrap();
    assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO);
}

#[test]
fn a_job_from_outside_that_is_awaited_through_a_foreign_waker_stops_a_virtual_clock_too() {
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    let (gate, job) = Gate::new();
    let handle = spawn_blocking(job);
    let scheduler = virtual_time();
    let waits = scheduler.spawn(async move {
        let mut handles = FuturesUnordered::from_iter([handle]);
        timeout(Duration::from_secs(3600), handles.next()).await.unwrap().unwrap()
    });
    scheduler.run_until_stalled();
    assert_eq!(scheduler.snapshot().blocking.len(), 1);
    gate.open();
    scheduler.block_on(waits).unwrap().unwrap();
    assert_eq!(scheduler.snapshot().elapsed, Duration::ZERO);
}

#[test]
fn a_virtual_clock_advances_when_a_job_that_is_not_awaited_has_finished() {
    let scheduler = virtual_time();
    let (gate, job) = Gate::new();
    scheduler.block_on(async { drop(spawn_blocking(job)) });
    let opener = thread::spawn(move || {
        gate.wait_for_start();
        gate.open();
    });
    scheduler.block_on(sleep(Duration::from_secs(5)));
    assert_eq!(scheduler.snapshot().elapsed, Duration::from_secs(5));
    assert!(scheduler.snapshot().blocking.is_empty(), "it jumped once the job had finished");
    opener.join().unwrap();
}

#[test]
fn a_stall_is_not_a_certain_deadlock_while_a_job_runs_and_the_report_names_the_job() {
    let reports: Rc<RefCell<Vec<DeadlockReport>>> = Rc::default();
    let (gate, job) = Gate::new();
    let mut gate = Some(gate);
    let seen = Rc::clone(&reports);
    let on_stall = move |report: &DeadlockReport| {
        seen.borrow_mut().push(report.clone());
        gate.take().into_iter().for_each(Gate::open);
    };
    let scheduler = Scheduler::builder().on_stall(Duration::ZERO, on_stall).build();
    scheduler.block_on(async { spawn_blocking(job).await.unwrap() });
    let reports = reports.borrow();
    let report = reports.first().expect("the stall was reported while the job ran");
    assert!(!report.certain);
    assert_eq!(report.blocking.len(), 1);
    let waits = one_blocking_wait(&report.tasks[0].waits);
    assert!(waits.starts_with("a blocking job"), "{waits}");
    assert!(report.to_string().ends_with("possible: 1 blocking job may still wake a task"));
}

#[test]
fn a_deadlock_is_certain_as_soon_as_the_last_job_has_finished() {
    for _ in 0..100 {
        let scheduler = Scheduler::new();
        let (gate, job) = Gate::new();
        drop(scheduler.spawn(pending::<()>()));
        scheduler.block_on(async { drop(spawn_blocking(job)) });
        let opener = thread::spawn(move || gate.open());
        let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("it is one") };
        assert!(report.certain && report.blocking.is_empty());
        opener.join().unwrap();
    }
}

#[test]
fn a_handle_that_is_kept_but_never_polled_does_not_prevent_the_verdict() {
    // The task that waited is gone and the handle is held elsewhere: the job's completion is a letter to no task.
    let scheduler = Scheduler::new();
    let kept: Rc<RefCell<Option<BlockingHandle<()>>>> = Rc::default();
    let (gate, job) = Gate::new();
    let place = Rc::clone(&kept);
    scheduler.block_on(async move {
        let mut handle = spawn_blocking(job);
        let _ = timeout(Duration::ZERO, &mut handle).await;
        place.replace(Some(handle));
    });
    drop(scheduler.spawn(pending::<()>()));
    let opener = thread::spawn(move || gate.open());
    assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
    opener.join().unwrap();
    assert!(kept.borrow().as_ref().unwrap().is_finished());
}

#[test]
fn a_hundred_thousand_jobs_leave_no_records_behind() {
    let jobs = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    let scheduler = guarded();
    let done = scheduler.block_on(async move {
        let mut done = 0;
        for _ in 0..jobs / 100 {
            let handles: Vec<_> = (0..100).map(|n| spawn_blocking(move || n)).collect();
            for handle in handles {
                handle.await.unwrap();
                done += 1;
            }
        }
        done
    });
    assert_eq!(done, jobs);
    assert!(scheduler.snapshot().blocking.is_empty());
}

// ----- shutdown -----

#[test]
fn a_shutdown_waits_for_jobs_within_its_grace_period() {
    for scheduler in [Scheduler::new(), virtual_time()] {
        let (gate, job) = Gate::new();
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        scheduler.block_on(async {
            drop(spawn_blocking(move || {
                job();
                count.fetch_add(1, Ordering::SeqCst);
            }));
        });
        let opener = thread::spawn(move || gate.open());
        let report = scheduler.shutdown(Duration::from_secs(30)).unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(done.load(Ordering::SeqCst), 1);
        opener.join().unwrap();
    }
}

#[test]
fn shutdown_returns_within_its_bound_and_reports_what_is_still_blocking() {
    for scheduler in [Scheduler::new(), virtual_time()] {
        let (gate, job) = Gate::new();
        let task = scheduler.spawn(async {
            let handle = blocking::Builder::new().name("stuck").spawn(job);
            handle.await
        });
        scheduler.run_until_stalled();
        gate.wait_for_start();
        for grace in [Duration::from_millis(50), Duration::ZERO] {
            let began = Instant::now();
            let report = scheduler.shutdown(grace).unwrap();
            assert!(began.elapsed() >= grace && began.elapsed() < Duration::from_secs(20));
            assert!(!report.is_clean());
            assert_eq!(report.still_blocking.len(), 1);
            let job = &report.still_blocking[0];
            assert_eq!((job.name.as_deref(), job.has_begun), (Some("stuck"), true));
            assert!(report.to_string().contains("1 still blocking"), "{report}");
            assert!(report.to_string().contains("blocking   blocking job \"stuck\", running for "));
        }
        assert!(scheduler.block_on(task).unwrap_err().is_cancelled());
        drop(scheduler); // Does not wait for the job.
        gate.open();
    }
}

#[test]
fn a_clean_up_in_virtual_time_ends_within_the_bound_though_a_job_hangs() {
    let scheduler = virtual_time();
    let (gate, job) = Gate::new();
    drop(scheduler.spawn(async move {
        drop(spawn_blocking(job));
        let _cancelled = catch_cancel(pending::<()>()).await;
        sleep(Duration::from_secs(3600)).await;
    }));
    scheduler.run_until_stalled();
    let began = Instant::now();
    let report = scheduler.shutdown(Duration::from_millis(50)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!((report.aborted.len(), report.still_blocking.len()), (1, 1));
    gate.open();
}

#[test]
fn a_clean_up_may_hand_jobs_over_and_wait_for_them() {
    let scheduler = guarded();
    let task = scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        spawn_blocking(|| "flushed").await.unwrap()
    });
    scheduler.run_until_stalled();
    assert!(scheduler.shutdown(Duration::from_secs(30)).unwrap().is_clean());
    assert_eq!(scheduler.block_on(task).unwrap(), "flushed");
}

#[test]
fn a_job_from_a_destructor_during_teardown_is_refused_immediately() {
    let results: Arc<Mutex<Vec<BlockingError>>> = Arc::default();
    let with_destructor = || {
        let scheduler = Scheduler::new();
        let results = Arc::clone(&results);
        drop(scheduler.spawn(async move {
            let _guard = OnDrop(move || {
                let handle = spawn_blocking(|| unreachable!("no new job is started"));
                assert!(handle.is_finished());
                results.lock().unwrap().push(handle.wait().unwrap_err());
            });
            // Masked against the request, so that it is still there at the end.
            turnwise::task::mask(pending::<()>()).await;
        }));
        scheduler.run_until_stalled();
        scheduler
    };
    drop(with_destructor());
    let report = with_destructor().shutdown(Duration::ZERO).unwrap();
    assert_eq!((report.aborted.len(), report.still_blocking.len()), (1, 0));
    let results = results.lock().unwrap();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|error| error.is_closed() && error.is_cancelled()));
}

#[test]
fn a_dropped_scheduler_waits_for_no_job_and_the_late_result_is_dropped_on_its_thread() {
    let (gate, job) = Gate::new();
    let (dropped, receiver) = mpsc::channel();
    let scheduler = Scheduler::new();
    drop(scheduler.spawn(spawn_blocking(move || {
        job();
        OnDrop(move || dropped.send(thread::current().id()).unwrap())
    })));
    scheduler.run_until_stalled();
    gate.wait_for_start();
    drop(scheduler);
    gate.open();
    assert_ne!(receiver.recv().unwrap(), thread::current().id());
    assert!(receiver.recv().is_err(), "it was dropped once");
}

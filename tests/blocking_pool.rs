//! The pool: its order, limits, threads and shutdown. Covers rows F83 to F88 of `FAULTS.md`.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod probe;

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use probe::{OnDrop, Rings, guarded, poll_with, until};
use turnwise::blocking::{self, BlockingHandle, TrySubmitError};
use turnwise::scheduler::WaitsFor;
use turnwise::{ThreadPool, block_on, join_all, spawn, yield_now};

/// A job that runs until it is released.
struct Gate {
    go: Option<Sender<()>>,
    started: Receiver<()>,
    handle: BlockingHandle<()>,
}

impl Gate {
    fn on(pool: &ThreadPool) -> Gate {
        let ((go, wait), (starts, started)) = (mpsc::channel(), mpsc::channel());
        let handle = pool.submit(move || {
            let _ = starts.send(()); // Not every test listens.
            let _ = wait.recv();
        });
        Gate { go: Some(go), started, handle }
    }

    /// A gate whose job is already running.
    fn running(pool: &ThreadPool) -> Gate {
        let gate = Gate::on(pool);
        gate.started.recv().unwrap();
        gate
    }

    fn open(mut self) {
        drop(self.go.take());
        self.handle.wait().unwrap();
    }
}

// ----- order and limits -----

#[test]
fn one_thread_runs_jobs_in_fifo_order() {
    let pool = ThreadPool::new(1);
    let log: Arc<Mutex<Vec<u32>>> = Arc::default();
    for number in 0..1000 {
        let log = Arc::clone(&log);
        drop(pool.submit(move || log.lock().unwrap().push(number)));
    }
    pool.shutdown();
    assert_eq!(*log.lock().unwrap(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn threads_are_started_on_demand_and_named() {
    let pool = ThreadPool::builder().threads(3).name("db").build();
    assert_eq!(pool.threads(), 0);
    let name = |pool: &ThreadPool| {
        pool.submit(|| thread::current().name().unwrap().to_owned()).wait().unwrap()
    };
    assert_eq!(name(&pool), "db-0");
    until(|| format!("{pool:?}").contains("idle: 1"));
    assert_eq!(name(&pool), "db-0", "the idle thread is woken, and no second one is started");
    assert_eq!(pool.threads(), 1);
    let gates: Vec<_> = (0..3).map(|_| Gate::running(&pool)).collect();
    assert_eq!((pool.threads(), pool.running().len(), pool.queued()), (3, 3, 0));
    let queued = pool.submit(|| ());
    assert_eq!((pool.threads(), pool.queued()), (3, 1));
    gates.into_iter().for_each(Gate::open);
    queued.wait().unwrap();
}

#[test]
fn idle_threads_exit_and_are_started_again() {
    let pool = ThreadPool::builder().threads(2).keep_alive(Duration::from_millis(1)).build();
    for round in 0..20 {
        assert_eq!(pool.submit(move || round).wait().unwrap(), round);
        until(|| pool.threads() == 0);
    }
}

#[test]
fn threads_that_exit_immediately_lose_no_job() {
    // Without a keep-alive a thread exits as soon as the queue is empty, just as the next job arrives.
    let pool = ThreadPool::builder().threads(1).keep_alive(Duration::ZERO).build();
    let rounds = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    for round in 0..rounds {
        assert_eq!(pool.submit(move || round).wait().unwrap(), round);
    }
}

#[test]
fn a_bounded_queue_refuses_a_caller_that_cannot_wait_and_gives_the_closure_back() {
    let pool = ThreadPool::builder().threads(1).queue_limit(1).build();
    let gate = Gate::running(&pool);
    let queued = pool.submit(|| 1);
    let error = pool.try_submit(|| 2).unwrap_err();
    assert!(error.is_full() && !error.is_closed());
    assert_eq!(error.to_string(), "the pool's queue is full");
    assert_eq!(error.into_job()(), 2);
    // Inside a task, `submit` never blocks.
    block_on(async { assert!(pool.submit(|| 3).await.unwrap_err().is_full()) });
    gate.open();
    assert_eq!(queued.wait().unwrap(), 1);
    assert_eq!(pool.try_submit(|| 2).unwrap().wait().unwrap(), 2);
}

#[test]
fn a_job_does_not_wait_for_a_slot_that_it_occupies_itself() {
    let pool = Arc::new(ThreadPool::builder().threads(1).queue_limit(0).build());
    let inside = Arc::clone(&pool);
    let nested = pool.submit(move || inside.submit(|| ()).wait()).wait().unwrap();
    assert!(nested.unwrap_err().is_full());
}

#[test]
fn outside_of_a_scheduler_submitting_to_a_full_queue_waits_for_a_slot() {
    let pool = Arc::new(ThreadPool::builder().threads(1).queue_limit(1).build());
    let gate = Gate::running(&pool);
    let first = pool.submit(|| "first");
    let (at_work, there) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let stage = Arc::clone(&there);
    let submitter = thread::spawn(move || {
        let second = at_work.submit(|| "second");
        stage.store(1, Ordering::SeqCst);
        second.wait().unwrap()
    });
    until(|| format!("{pool:?}").contains("waiting: 1"));
    assert_eq!(there.load(Ordering::SeqCst), 0);
    gate.open();
    assert_eq!(first.wait().unwrap(), "first");
    assert_eq!(submitter.join().unwrap(), "second");
}

#[test]
fn tasks_wait_for_slots_in_fifo_order() {
    let pool = ThreadPool::builder().threads(1).queue_limit(1).build();
    let log: Arc<Mutex<Vec<u32>>> = Arc::default();
    let scheduler = guarded();
    let gate = Gate::running(&pool);
    scheduler.block_on(async {
        let submit = |number| {
            let log = Arc::clone(&log);
            pool.submit_async(move || log.lock().unwrap().push(number))
        };
        let mut gate = Some(gate);
        turnwise::task::scope(async |s| {
            for number in 0..10 {
                let submit = &submit;
                s.spawn(async move { submit(number).await.await.unwrap() });
            }
            yield_now().await;
            s.spawn(async {
                let snapshot = format!("{pool:?}");
                assert!(snapshot.contains("queued: 1, waiting: 9"), "{snapshot}");
                gate.take().unwrap().open();
            });
        })
        .await
        .unwrap();
    });
    assert_eq!(*log.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_wait_for_a_slot_is_named_and_may_be_given_up() {
    let pool = Arc::new(ThreadPool::builder().threads(1).queue_limit(0).build());
    let scheduler = guarded();
    let gate = Gate::running(&pool);
    let (inside, dropped) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&dropped);
    let task = scheduler.spawn(async move {
        let on_drop = OnDrop(move || _ = count.fetch_add(1, Ordering::SeqCst));
        inside.submit_async(move || drop(on_drop)).await.await
    });
    scheduler.run_until_stalled();
    let waits = scheduler.snapshot().tasks[0].waits.clone();
    let [wait @ WaitsFor::Blocking { .. }] = &waits[..] else { panic!("{waits:?}") };
    assert!(wait.to_string().starts_with("a blocking job (not started) at tests/"), "{wait}");
    task.abort();
    assert!(scheduler.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "the closure was dropped with its wait");
    assert!(scheduler.snapshot().blocking.is_empty());
    assert!(format!("{pool:?}").contains("waiting: 0"));
    gate.open();
}

#[test]
fn a_job_that_is_aborted_leaves_its_slot_to_the_next() {
    let pool = ThreadPool::builder().threads(1).queue_limit(1).build();
    let gate = Gate::running(&pool);
    let queued = pool.submit(|| unreachable!("it was aborted in time"));
    let mut waits = pool.submit_async(|| "next");
    let (rings, waker) = Rings::new();
    assert!(poll_with(&mut waits, &waker).is_pending());
    assert!(queued.abort() && !queued.abort());
    assert_eq!(rings.get(), 1);
    let std::task::Poll::Ready(next) = poll_with(&mut waits, &waker) else {
        panic!("it has a slot")
    };
    let error = queued.wait().unwrap_err();
    assert!(error.to_string().ends_with(" never started: it was aborted"), "{error}");
    assert!(!gate.handle.abort(), "it is already running");
    gate.open();
    assert_eq!(next.wait().unwrap(), "next");
}

#[test]
fn without_a_scheduler_a_callback_runs_at_the_end_of_the_job_on_its_worker() {
    let (sent, got) = mpsc::channel();
    let pool = ThreadPool::builder().threads(1).name("there").build();
    let gate = Gate::running(&pool);
    let reply = sent.clone();
    pool.submit(|| 5).on_done(move |result| {
        reply.send((result.unwrap(), thread::current().name().unwrap().to_owned())).unwrap();
        panic!("this is ignored");
    });
    gate.open();
    assert_eq!(got.recv().unwrap(), (5, "there-0".to_owned()));
    let finished = pool.submit(|| 6);
    until(|| finished.is_finished());
    finished.on_done(move |result| sent.send((result.unwrap(), String::new())).unwrap());
    assert_eq!(got.try_recv().unwrap(), (6, String::new()), "called immediately, on this thread");
    pool.shutdown();
    let (refused, receiver) = mpsc::channel();
    pool.submit(|| ()).on_done(move |result| refused.send(result.is_err()).unwrap());
    assert_eq!(receiver.try_recv(), Ok(true));
}

// ----- concurrent shutdowns -----

#[test]
fn jobs_that_shut_their_pool_down_at_the_same_time_do_not_wait_for_each_other() {
    for count in [2, 3] {
        let pool = Arc::new(ThreadPool::new(count));
        let all = Arc::new(std::sync::Barrier::new(count));
        let jobs: Vec<_> = (0..count)
            .map(|_| {
                let (pool, all) = (Arc::downgrade(&pool), Arc::clone(&all));
                Arc::clone(&pool.upgrade().unwrap()).submit(move || {
                    all.wait();
                    pool.upgrade().unwrap().shutdown();
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| job.wait().unwrap());
        pool.shutdown();
        assert_eq!(pool.threads(), 0);
    }
}

#[test]
fn a_shutdown_in_limited_time_does_not_wait_for_a_job_that_has_shut_the_pool_down_itself() {
    let pool = Arc::new(ThreadPool::new(1));
    let (go, wait) = mpsc::channel::<()>();
    let inside = Arc::clone(&pool);
    let (is_shut, receiver) = mpsc::channel();
    let job = pool.submit(move || {
        inside.shutdown();
        is_shut.send(()).unwrap();
        wait.recv()
    });
    receiver.recv().unwrap();
    let report = pool.shutdown_timeout(Duration::from_millis(10));
    assert_eq!((report.still_running.len(), report.refused), (1, 0));
    drop(go);
    job.wait().unwrap().unwrap_err();
}

#[test]
fn a_shutdown_in_limited_time_does_not_wait_for_the_destructors_of_a_thread() {
    /// Its destructor blocks until it is released.
    struct Slow(Option<Receiver<()>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.take().map(|wait| wait.recv());
        }
    }
    thread_local! {
        static SLOW: std::cell::RefCell<Slow> = const { std::cell::RefCell::new(Slow(None)) };
    }
    let pool = ThreadPool::new(1);
    let (go, wait) = mpsc::channel();
    pool.submit(move || SLOW.with_borrow_mut(|slow| slow.0 = Some(wait))).wait().unwrap();
    assert!(pool.shutdown_timeout(Duration::from_secs(600)).is_clean());
    drop(go);
    drop(pool); // It joins.
}

#[test]
fn a_report_counts_jobs_that_were_waiting_for_a_slot() {
    let pool = Arc::new(ThreadPool::builder().threads(1).queue_limit(1).build());
    let gate = Gate::running(&pool);
    let queued = pool.submit(|| ());
    let mut waits = Box::pin(pool.submit_async(|| ()));
    let (_, waker) = Rings::new();
    assert!(poll_with(&mut waits, &waker).is_pending());
    let report = pool.shutdown_timeout(Duration::ZERO);
    assert_eq!((report.still_running.len(), report.refused), (1, 2));
    assert!(!report.is_clean() && queued.wait().unwrap_err().is_closed());
    gate.open();
}

#[test]
#[should_panic(expected = "a thread name cannot contain NUL: \"a\\0b\"")]
fn a_name_that_no_thread_can_have_is_refused() {
    ThreadPool::builder().name("a\0b").build();
}

// ----- faults of other executors -----

/// F83: tokio#8406, blocking#31.
#[test]
fn a_thread_that_cannot_be_started_is_an_error_to_the_caller() {
    let pool = ThreadPool::builder()
        .threads(2)
        .start_with(|_, _| Err(io::Error::from(io::ErrorKind::WouldBlock)))
        .build();
    for _ in 0..3 {
        let error = pool.submit(|| unreachable!("there is no thread")).wait().unwrap_err();
        assert_eq!(error.thread_error().unwrap().kind(), io::ErrorKind::WouldBlock);
        assert!(error.is_cancelled());
        assert!(error.to_string().contains(" never started: no thread could be started ("));
    }
    let error = guarded().block_on(async { pool.submit_async(|| ()).await.await.unwrap_err() });
    assert!(error.thread_error().is_some());
    pool.shutdown();

    // The operating system itself refuses a stack of this size.
    let pool = ThreadPool::builder().threads(1).stack_size(1 << 46).build();
    assert!(pool.submit(|| ()).wait().unwrap_err().thread_error().is_some());
}

/// F83: tokio#8406, blocking#31.
#[test]
fn a_job_whose_thread_cannot_be_started_runs_later_on_a_live_thread() {
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let pool = ThreadPool::builder()
        .threads(3)
        .start_with(move |builder, serve| match count.fetch_add(1, Ordering::SeqCst) {
            0 => builder.spawn(serve),
            _ => Err(io::Error::other("no more")),
        })
        .build();
    let gate = Gate::running(&pool);
    let later: Vec<_> = (0..5).map(|n| pool.submit(move || n)).collect();
    assert_eq!((pool.threads(), pool.queued()), (1, 5));
    assert_eq!(starts.load(Ordering::SeqCst), 6, "it is tried again for each job");
    gate.open();
    let results: Vec<i32> = later.into_iter().map(|handle| handle.wait().unwrap()).collect();
    assert_eq!(results, [0, 1, 2, 3, 4]);
}

/// F83: a thread that is being started for a job fails to start after another thread has gone idle.
#[test]
fn a_job_is_not_left_to_a_thread_that_fails_to_start_while_another_sleeps() {
    let ((asks, asked), (fail, failing)) = (mpsc::channel(), mpsc::channel::<()>());
    let (starts, failing) = (AtomicUsize::new(0), Mutex::new(failing));
    let start = move |builder: thread::Builder, serve: Box<dyn FnOnce() + Send>| {
        if starts.fetch_add(1, Ordering::SeqCst) == 0 {
            return builder.spawn(serve);
        }
        let _ = asks.send(());
        let _ = failing.lock().unwrap().recv();
        Err(io::Error::other("no more"))
    };
    let pool = Arc::new(ThreadPool::builder().threads(2).start_with(start).build());
    let gate = Gate::running(&pool);
    let at_work = Arc::clone(&pool);
    let submitter = thread::spawn(move || at_work.submit(|| "second").wait().unwrap());
    asked.recv().unwrap();
    gate.open();
    until(|| format!("{pool:?}").contains("idle: 1"));
    let third = pool.submit(|| "third"); // Left to the thread that is being started.
    fail.send(()).unwrap();
    assert_eq!((submitter.join().unwrap(), third.wait().unwrap()), ("second", "third"));
}

/// F83: a start function that returns `Ok` without running the worker, or panics.
#[test]
fn a_thread_that_never_serves_is_an_error_too() {
    let lies = |_: thread::Builder, serve: Box<dyn FnOnce() + Send>| {
        drop(serve);
        thread::Builder::new().spawn(|| ())
    };
    let pool = ThreadPool::builder().threads(1).start_with(lies).build();
    assert!(pool.submit(|| ()).wait().unwrap_err().thread_error().is_some());
    let pool = ThreadPool::builder().threads(1).start_with(|_, _| panic!("a bug")).build();
    assert!(pool.submit(|| ()).wait().unwrap_err().thread_error().is_some());
}

/// F84: tokio#1923, tokio#6463, tokio#3196.
#[test]
fn a_shutdown_with_a_bound_returns_within_it_and_the_late_result_is_discarded() {
    for timeout in [Duration::from_millis(50), Duration::ZERO] {
        let pool = ThreadPool::new(1);
        let ((go, wait), (starts, started)) = (mpsc::channel::<()>(), mpsc::channel());
        let (dropped, receiver) = mpsc::channel();
        let stuck = blocking::Builder::new().name("stuck").spawn_on(&pool, move || {
            starts.send(()).unwrap();
            let _ = wait.recv();
            OnDrop(move || dropped.send(()).unwrap())
        });
        started.recv().unwrap();
        let queued = pool.submit(|| unreachable!("it was refused"));
        let began = Instant::now();
        let report = pool.shutdown_timeout(timeout);
        assert!(began.elapsed() >= timeout && began.elapsed() < Duration::from_secs(20));
        assert_eq!(report.refused, 1);
        assert_eq!(report.still_running.len(), 1);
        assert_eq!(report.still_running[0].name.as_deref(), Some("stuck"));
        assert!(
            report
                .to_string()
                .starts_with("1 still running, 1 never started\n  blocking job \"stuck\", ")
        );
        assert!(queued.wait().unwrap_err().is_closed());
        drop(stuck);
        drop(pool); // No longer waits for the job.
        assert!(began.elapsed() < Duration::from_secs(20));
        drop(go);
        receiver.recv().unwrap();
        assert!(receiver.recv().is_err(), "it was dropped once");
    }
}

#[test]
fn a_shutdown_without_a_bound_waits_for_all_accepted_jobs() {
    let pool = Arc::new(ThreadPool::builder().threads(2).queue_limit(10).build());
    let gates = [Gate::running(&pool), Gate::running(&pool)];
    let done = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::new();
    for _ in 0..10 {
        let done = Arc::clone(&done);
        handles.push(pool.submit(move || done.fetch_add(1, Ordering::SeqCst)));
    }
    let closers: Vec<_> = (0..2)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.shutdown())
        })
        .collect();
    until(|| pool.is_closed());
    assert_eq!(done.load(Ordering::SeqCst), 0, "none has started when the pool is closed");
    gates.into_iter().for_each(Gate::open);
    closers.into_iter().for_each(|closer| closer.join().unwrap());
    assert_eq!((done.load(Ordering::SeqCst), pool.threads()), (10, 0));
    assert!(handles.iter().all(BlockingHandle::is_finished));
    assert!(pool.is_closed() && pool.shutdown_timeout(Duration::ZERO).is_clean());
}

#[test]
fn a_job_may_shut_its_own_pool_down_and_drop_the_last_reference() {
    let pool = Arc::new(ThreadPool::new(2));
    let (handed, taken) = mpsc::channel::<Arc<ThreadPool>>();
    let last = pool.submit(move || {
        let pool = taken.recv().unwrap();
        pool.shutdown();
        drop(pool);
        "gone"
    });
    handed.send(pool).unwrap();
    assert_eq!(last.wait().unwrap(), "gone");
}

/// F85: tokio#7499, tokio#1875.
#[test]
fn a_job_during_and_after_a_shutdown_is_refused_immediately() {
    let pool = Arc::new(ThreadPool::builder().threads(1).queue_limit(0).build());
    let gate = Gate::running(&pool);
    // One job waits for a slot, on a thread of its own.
    let waiting = Arc::clone(&pool);
    let waiter = thread::spawn(move || waiting.submit(|| ()).wait());
    until(|| format!("{pool:?}").contains("waiting: 1"));
    let closing = Arc::clone(&pool);
    let closer = thread::spawn(move || closing.shutdown());
    assert!(
        waiter.join().unwrap().unwrap_err().is_closed(),
        "it has no slot, and will not get one"
    );

    let refused = pool.submit(|| ());
    assert!(refused.is_finished());
    let error = refused.wait().unwrap_err();
    assert!(error.is_closed() && error.is_cancelled());
    assert!(
        error.to_string().ends_with(" never started: its pool or its scheduler was shut down"),
        "{error}"
    );
    let Err(TrySubmitError::Closed(job)) = pool.try_submit(|| 7) else { panic!("it is closed") };
    assert_eq!(job(), 7);
    block_on(async {
        assert!(pool.submit(|| ()).await.unwrap_err().is_closed());
        assert!(pool.submit_async(|| ()).await.await.unwrap_err().is_closed());
    });
    gate.open();
    closer.join().unwrap();
    assert!(pool.submit(|| ()).wait().unwrap_err().is_closed());
}

/// F85: from the destructor of a task that is dropped with its scheduler.
#[test]
fn a_job_for_a_closed_pool_from_a_destructor_is_refused_immediately() {
    let pool = Arc::new(ThreadPool::new(1));
    pool.shutdown();
    let (sent, got) = mpsc::channel();
    let scheduler = guarded();
    drop(scheduler.spawn(async move {
        let _guard = OnDrop(move || sent.send(pool.submit(|| ()).wait().is_err()).unwrap());
        std::future::pending::<()>().await;
    }));
    scheduler.run_until_stalled();
    drop(scheduler);
    assert_eq!(got.recv(), Ok(true));
}

/// F86: blocking's changelog ("panics are propagated").
#[test]
fn one_job_in_ten_panics_and_the_threads_survive() {
    std::panic::set_hook(Box::new(|_| {})); // Suppresses a hundred thousand lines of output.
    let jobs = if cfg!(debug_assertions) { 100_000 } else { 1_000_000_u32 };
    let started = Arc::new(AtomicUsize::new(0));
    let starts = Arc::clone(&started);
    let pool = ThreadPool::builder()
        .threads(2)
        .start_with(move |builder, serve| {
            starts.fetch_add(1, Ordering::SeqCst);
            builder.spawn(serve)
        })
        .build();
    let handles: Vec<_> = (0..jobs)
        .map(|number| pool.submit(move || if number % 10 == 0 { panic!("a bug") } else { number }))
        .collect();
    let mut panics = 0;
    for (number, handle) in (0..).zip(handles) {
        match handle.wait() {
            Ok(result) => assert_eq!(result, number),
            Err(error) => {
                assert!(error.is_panic() && number % 10 == 0);
                panics += 1;
            }
        }
    }
    assert_eq!((panics, pool.threads()), (jobs / 10, 2));
    assert_eq!(started.load(Ordering::SeqCst), 2);
    drop(std::panic::take_hook());
}

/// F87: no single report.
#[test]
fn a_handle_dropped_while_its_job_runs_wakes_no_task_and_the_result_is_dropped_once() {
    let pool = ThreadPool::new(1);
    let ((go, wait), (starts, started)) = (mpsc::channel::<()>(), mpsc::channel());
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let drops = Arc::clone(&dropped);
    let mut handle = pool.submit(move || {
        starts.send(()).unwrap();
        let _ = wait.recv();
        OnDrop(move || drops.lock().unwrap().push(thread::current().name().map(str::to_owned)))
    });
    let (rings, waker) = Rings::new();
    assert!(poll_with(&mut handle, &waker).is_pending());
    started.recv().unwrap();
    drop(handle);
    drop(waker);
    assert_eq!(Arc::strong_count(&rings), 1, "its waker is dropped with it");
    drop(go);
    pool.shutdown();
    assert_eq!(*dropped.lock().unwrap(), [Some("blocking-0".to_owned())]);
    assert_eq!(rings.get(), 0);
}

/// F87: the result of a job that is not awaited may panic when it is dropped.
#[test]
fn results_and_closures_that_panic_when_dropped_leave_the_thread_alive() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the bomb went off");
        }
    }
    let pool = ThreadPool::new(1);
    let gate = Gate::running(&pool);
    drop(pool.submit(|| Bomb));
    let bomb = Bomb;
    let aborted = pool.submit(move || std::mem::forget(bomb));
    assert!(aborted.abort());
    drop(pool.submit(|| std::panic::panic_any(Bomb)));
    gate.open();
    assert_eq!(
        pool.submit(|| thread::current().name().map(str::to_owned)).wait().unwrap().as_deref(),
        Some("blocking-0")
    );
}

/// F88: no single report.
#[test]
fn a_flood_of_jobs_is_bounded_by_a_limit_and_served_in_fifo_order() {
    thread_local! {
        /// The lowest job number that may still run on this thread.
        static LAST: Cell<usize> = const { Cell::new(0) };
    }
    let jobs = if cfg!(debug_assertions) { 50_000 } else { 1_000_000_usize };
    let pool = ThreadPool::builder().threads(2).queue_limit(64).build();
    let started = Arc::new(AtomicUsize::new(0));
    guarded().block_on(async {
        let mut most = 0;
        for number in 0..jobs {
            let started = Arc::clone(&started);
            let handle = pool
                .submit_async(move || {
                    let before = LAST.replace(number + 1);
                    assert!(before <= number, "{before} came before {number}");
                    started.fetch_add(1, Ordering::SeqCst);
                })
                .await;
            drop(handle);
            most = most.max(pool.queued());
        }
        assert!(most <= 66, "{most} jobs were queued");
    });
    pool.shutdown();
    assert_eq!(started.load(Ordering::SeqCst), jobs);
}

/// F88: no single report.
#[test]
fn a_flood_of_jobs_without_a_limit_is_completed() {
    let jobs = if cfg!(debug_assertions) { 100_000 } else { 1_000_000_u64 };
    let pool = Arc::new(ThreadPool::new(2));
    let inside = Arc::clone(&pool);
    let sum = guarded().block_on(async move {
        let handles: Vec<_> = (0..jobs).map(|n| inside.submit(move || n)).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, jobs * (jobs - 1) / 2);
    assert_eq!((pool.threads(), pool.queued()), (2, 0));
}

#[test]
fn several_schedulers_share_a_pool() {
    let pool = Arc::new(ThreadPool::new(2));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                guarded().block_on(async move {
                    let tasks = (0..50).map(|n| {
                        let pool = Arc::clone(&pool);
                        spawn(async move { pool.submit(move || n).await.unwrap() })
                    });
                    let results = join_all(tasks.collect::<Vec<_>>()).await;
                    results.into_iter().map(|result| result.unwrap()).sum::<u32>()
                })
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 49 * 50 / 2);
    }
}

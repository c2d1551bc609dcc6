//! A run that cannot continue is looked at again until a wake comes or a deadlock is certain, and is reported once; and
//! so is a root that waits for a cycle of tasks while other tasks run on.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turnwise::scheduler::{Builder, DeadlockReport, FailurePolicy, Park, ThreadParker};
use turnwise::sync::{Mutex, Semaphore};
use turnwise::task::AbortHandle;
use turnwise::{
    JoinHandle, Observer, RunError, Scheduler, Transition, sleep, spawn, task, time, timeout,
    yield_now,
};

use trace::{Log, leave_waker};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

// ----- the last waker is dropped unused -----

#[test]
fn the_last_waker_held_by_a_thread_may_be_dropped_unused_at_any_time() {
    for after in [0, 1, 15, 50] {
        let started = Instant::now();
        let error = Scheduler::new().try_block_on(poll_fn(|cx| -> Poll<()> {
            let waker = cx.waker().clone();
            thread::spawn(move || {
                thread::sleep(after * MS);
                drop(waker);
            });
            Poll::Pending
        }));
        let Err(RunError::Deadlock(report)) = error else { panic!("it runs, or is stuck") };
        assert!(report.certain);
        assert_eq!(report.wakers_held, 0);
        assert!(started.elapsed() < 10 * SECOND, "it was not noticed");
    }
}

/// Sleeps as it is told to, and remembers how long; then acts.
struct Sleeps<F>(ThreadParker, Rc<RefCell<Vec<Option<Duration>>>>, F);

impl<F: FnMut(usize)> Park for Sleeps<F> {
    fn park(&mut self, timeout: Option<Duration>) {
        self.1.borrow_mut().push(timeout);
        // Nothing wakes it, so it must not sleep for longer.
        self.0.park(Some(timeout.map_or(MS, |timeout| timeout.min(100 * MS))));
        (self.2)(self.1.borrow().len());
    }
    fn unparker(&self) -> Waker {
        self.0.unparker()
    }
}

/// Counts the stalls, and logs the sleeps that are announced.
struct Watches(Log, Rc<Cell<u32>>);

impl Observer for Watches {
    fn transition(&self, transition: &Transition) {
        if matches!(transition, Transition::Parked { .. } | Transition::Unparked) {
            self.0.say(transition.to_string());
        }
    }
    fn stalled(&self, report: &DeadlockReport) {
        assert!(!report.certain);
        self.1.set(self.1.get() + 1);
    }
}

/// Whether these sleeps were 10, 20, 40 ms and so on. The first ones count from the start of the stall, a little earlier.
fn are_doubling(sleeps: &[Option<Duration>]) -> bool {
    let mut expected = 10 * MS;
    sleeps.iter().all(|slept| {
        let is_right = slept.is_some_and(|slept| slept <= expected);
        expected *= 2;
        is_right
    })
}

#[test]
fn a_stall_is_looked_at_again_with_growing_pauses_and_reported_once() {
    let (kept, sleeps) = (Rc::new(RefCell::new(None)), Rc::default());
    let held = Rc::clone(&kept);
    let drops = move |number| {
        if number == 4 {
            held.take(); // The last waker is dropped unused.
        }
    };
    let (log, stalls, alarms) = (Log::default(), Rc::default(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&alarms);
    let scheduler = Scheduler::builder()
        .park(Sleeps(ThreadParker::new(), Rc::clone(&sleeps), drops))
        .observer(Watches(log.clone(), Rc::clone(&stalls)))
        .on_stall(Duration::ZERO, move |_| count.set(count.get() + 1))
        .build();
    let error = scheduler.try_block_on(leave_waker(kept)).unwrap_err();
    assert!(matches!(error, RunError::Deadlock(report) if report.certain));
    let sleeps = sleeps.take();
    assert_eq!(sleeps.len(), 4);
    assert!(are_doubling(&sleeps), "{sleeps:?}");
    assert_eq!((stalls.get(), alarms.get()), (1, 1));
    assert_eq!(log.take(), ["park until woken", "unpark"], "of the looks nothing is seen");
    assert_eq!(scheduler.metrics().parks, 4);
}

/// The sleeps of a scheduler whose root leaves a waker and waits, until that is woken in the third sleep.
fn sleeps_beside(build: impl FnOnce(Builder) -> Scheduler) -> Vec<Option<Duration>> {
    let (kept, sleeps) = (Rc::new(RefCell::new(None::<Waker>)), Rc::default());
    let held = Rc::clone(&kept);
    let wakes = move |number| {
        if number == 3 {
            held.take().unwrap().wake();
        }
    };
    let park = Sleeps(ThreadParker::new(), Rc::clone(&sleeps), wakes);
    build(Scheduler::builder().park(park)).block_on(leave_waker(kept));
    sleeps.take()
}

#[test]
fn nothing_is_looked_at_again_while_something_else_will_say_that_it_has_ended() {
    assert!(are_doubling(&sleeps_beside(Builder::build)));
    // The last `Remote` and the last job post a letter.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let sleeps = sleeps_beside(|builder| {
        let scheduler = builder.build();
        scheduler.spawn(async { turnwise::spawn_blocking(move || ended.recv()).await.unwrap() });
        scheduler
    });
    assert_eq!(sleeps, [None; 3]);
    drop(end);
    let mut remote = None;
    let sleeps = sleeps_beside(|builder| {
        let scheduler = builder.build();
        remote = Some(scheduler.remote());
        scheduler
    });
    assert_eq!(sleeps, [None; 3]);
    // A deadline ends the sleep anyway.
    let sleeps = sleeps_beside(|builder| {
        let scheduler = builder.build();
        scheduler.spawn(sleep(3600 * SECOND));
        scheduler
    });
    assert!(sleeps.iter().all(|slept| slept.is_some_and(|slept| slept > 3000 * SECOND)));
}

#[test]
fn a_waker_that_is_dropped_while_another_one_is_held_changes_nothing() {
    let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
    let holder = thread::spawn(move || {
        drop(receiver.recv().unwrap());
        let second = receiver.recv().unwrap();
        thread::sleep(25 * MS);
        second.wake();
    });
    let scheduler = Scheduler::new();
    let (first, second) = (sender.clone(), sender);
    scheduler.spawn(poll_fn(move |cx| {
        first.send(cx.waker().clone()).unwrap();
        Poll::<()>::Pending
    }));
    let mut is_first = true;
    scheduler
        .try_block_on(poll_fn(|cx| {
            if !mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            second.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }))
        .unwrap();
    holder.join().unwrap();
}

#[test]
fn a_stall_whose_root_waits_for_a_cycle_is_told_once_whichever_is_found_first() {
    let (calls, kept) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None)));
    let stalls = Rc::default();
    let (count, held) = (Rc::clone(&calls), Rc::clone(&kept));
    // The cycle is found after a second; the alarm is due then, and the last waker is dropped only after that.
    let started = Instant::now();
    let drops = move |_| {
        if started.elapsed() > 1200 * MS {
            held.take();
        }
    };
    let scheduler = Scheduler::builder()
        .park(Sleeps(ThreadParker::new(), Rc::default(), drops))
        .observer(Watches(Log::default(), Rc::clone(&stalls)))
        .on_stall(1050 * MS, move |_| count.set(count.get() + 1))
        .build();
    scheduler.spawn(leave_waker(Rc::clone(&kept)));
    let error = scheduler.try_block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let twice = async move {
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        };
        spawn(twice).await.unwrap();
    });
    assert!(matches!(error, Err(RunError::Deadlock(report)) if report.certain));
    assert_eq!((stalls.get(), calls.get()), (1, 1));
}

#[test]
fn a_callback_of_on_stall_that_panics_ends_the_run_and_is_called_again_in_the_next() {
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    let scheduler = Scheduler::builder()
        .on_stall(Duration::ZERO, move |_| {
            count.set(count.get() + 1);
            panic!("on purpose");
        })
        .build();
    for number in 1..=2 {
        let kept = Rc::default();
        let run = AssertUnwindSafe(|| scheduler.block_on(leave_waker(Rc::clone(&kept))));
        let payload = catch_unwind(run).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
        assert_eq!(calls.get(), number);
    }
}

// ----- a root that waits for a cycle of tasks -----

type Reports = Rc<RefCell<Vec<String>>>;

/// A scheduler with a heartbeat, which can always run. The callback of `on_stall` adds each report to `reports` and
/// aborts the task in `rescue`.
struct Beating {
    scheduler: Scheduler,
    reports: Reports,
    rescue: Rc<RefCell<Option<AbortHandle>>>,
}

impl Beating {
    fn new(builder: Builder, beats: impl Future<Output = ()> + 'static) -> Self {
        let (reports, rescue) = (Reports::default(), Rc::<RefCell<Option<AbortHandle>>>::default());
        let (log, aborts) = (Rc::clone(&reports), Rc::clone(&rescue));
        let on_stall = move |report: &DeadlockReport| {
            assert!(!report.certain);
            log.borrow_mut().push(report.to_string());
            if let Some(abort) = aborts.take() {
                abort.abort();
            }
        };
        let scheduler = builder.on_stall(3600 * SECOND, on_stall).build();
        task::Builder::new().name("heart").spawn_on(&scheduler, beats);
        Beating { scheduler, reports, rescue }
    }

    /// Runs a root that joins one of two tasks, each of which holds a lock that the other one wants. The callback aborts
    /// that task.
    fn run_crossed(&self) {
        let rescue = Rc::clone(&self.rescue);
        self.scheduler.block_on(async move {
            let [left, right] = ["left", "right"].map(|name| Rc::new(Mutex::new(()).named(name)));
            let crosses = |name, first: &Rc<Mutex<()>>, then: &Rc<Mutex<()>>| {
                let (first, then) = (Rc::clone(first), Rc::clone(then));
                let crosses = async move {
                    let _first = first.lock().await; // [first]
                    yield_now().await;
                    let _then = then.lock().await; // [then]
                };
                task::Builder::new().name(name).spawn(crosses) // [spawned]
            };
            let alice = crosses("alice", &left, &right);
            let _bob = crosses("bob", &right, &left);
            rescue.replace(Some(alice.abort_handle()));
            assert!(alice.await.unwrap_err().is_cancelled());
        });
    }
}

async fn beat(period: Duration) {
    loop {
        sleep(period).await;
    }
}

fn expected_report() -> String {
    [
        "possible deadlock at turn [turn]: 3 of 4 tasks may never run again",
        "  #3 \"alice\"  waits for mutex \"right\" at [then], held by #4 \"bob\" (locked at [first]), since turn 5",
        "  #4 \"bob\"    waits for mutex \"left\"  at [then], held by #3 \"alice\" (locked at [first]), since turn 6",
        "  #2 main     waits for task #3 \"alice\", spawned at [spawned], since turn 2",
        "cycle: #3 -> mutex \"right\" -> #4 -> mutex \"left\" -> #3",
        "possible: 1 other task may still run",
    ]
    .join("\n")
}

fn without_turn(report: &str) -> String {
    let report = trace::with_marks(report, file!(), include_str!("stalls.rs"));
    let (before, after) = report.split_once("turn ").unwrap();
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}turn [turn]{after}")
}

#[test]
fn a_root_that_has_waited_for_a_second_behind_a_cycle_of_locks_is_reported() {
    let beating = Beating::new(Scheduler::builder().virtual_time(), beat(100 * MS));
    beating.run_crossed();
    let reports = beating.reports.take();
    assert_eq!(reports.len(), 1);
    assert_eq!(without_turn(&reports[0]), expected_report());
    assert_eq!(beating.scheduler.snapshot().elapsed, SECOND);
}

#[test]
fn on_a_real_clock_too_though_the_next_deadline_is_far_away() {
    let beating = Beating::new(Scheduler::builder(), beat(3600 * SECOND));
    let started = Instant::now();
    beating.run_crossed();
    let elapsed = started.elapsed();
    assert!(elapsed >= SECOND && elapsed < 60 * SECOND, "{elapsed:?}");
    assert_eq!(without_turn(&beating.reports.borrow()[0]), expected_report());
}

#[test]
fn beside_tasks_that_are_always_ready_too() {
    let busy = async {
        loop {
            yield_now().await;
        }
    };
    let beating = Beating::new(Scheduler::builder(), busy);
    let started = Instant::now();
    beating.run_crossed();
    assert!(started.elapsed() >= SECOND);
    let reports = beating.reports.take();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("3 of 4 tasks may never run again"), "{}", reports[0]);
}

/// Stores the reports that it receives, and how many seconds after the start.
struct Receives(Rc<RefCell<Vec<(String, u64)>>>, Rc<Cell<Option<Instant>>>);

impl Observer for Receives {
    fn transition(&self, _: &Transition) {}
    fn stalled(&self, report: &DeadlockReport) {
        let start = self.1.get().unwrap();
        self.0.borrow_mut().push((report.to_string(), (time::now() - start).as_secs()));
    }
}

/// Runs `root` for an hour beside a heartbeat, under virtual time. Returns the reports of observers, and the seconds.
fn told(root: impl Future<Output = ()>) -> Vec<(String, u64)> {
    let (reports, start) = (Rc::default(), Rc::new(Cell::new(None)));
    let scheduler = Scheduler::builder()
        .virtual_time()
        .observer(Receives(Rc::clone(&reports), Rc::clone(&start)))
        .on_failure(FailurePolicy::Shutdown)
        .on_report(|_| ())
        .build();
    scheduler.spawn(beat(SECOND));
    let _ends_after_an_hour = scheduler.try_block_on(async {
        start.set(Some(time::now()));
        drop(task::try_spawn(async {
            sleep(3600 * SECOND).await;
            Err::<(), _>("the hour is over")
        }));
        root.await;
    });
    reports.take()
}

/// Locks the first one, and the second one after a while.
fn lock_both(first: &Rc<Mutex<()>>, second: &Rc<Mutex<()>>, after: Duration) -> JoinHandle<()> {
    let (first, second) = (Rc::clone(first), Rc::clone(second));
    spawn(async move {
        let _first = first.lock().await;
        sleep(after).await;
        let _second = second.lock().await;
    })
}

fn two_locks() -> [Rc<Mutex<()>>; 2] {
    ["left", "right"].map(|name| Rc::new(Mutex::new(()).named(name)))
}

#[test]
fn a_cycle_is_reported_once_per_wait_of_the_root_and_looked_for_when_that_is_twice_as_long() {
    let seconds = |reports: &[(String, u64)]| -> Vec<u64> {
        reports.iter().map(|(_, seconds)| *seconds).collect()
    };
    let at_once = told(async {
        let [left, right] = two_locks();
        let _second = lock_both(&left, &right, MS);
        lock_both(&right, &left, MS).await.unwrap();
    });
    assert_eq!(seconds(&at_once), [1]);
    let later = told(async {
        let [left, right] = two_locks();
        let _second = lock_both(&left, &right, 5 * SECOND);
        lock_both(&right, &left, 5 * SECOND).await.unwrap();
    });
    assert_eq!(seconds(&later), [8], "it is looked for after 1, 2, 4 and 8 seconds");
    let two_waits = told(async {
        let [left, right] = two_locks();
        let _second = lock_both(&left, &right, MS);
        let first = lock_both(&right, &left, MS);
        poll_fn(|cx| {
            let deadline = cx.waker().clone();
            drop(spawn(async move {
                sleep(10 * SECOND).await;
                deadline.wake();
            }));
            Poll::Ready(())
        })
        .await;
        first.await.unwrap();
    });
    // Its waker is held until then, so the root could be woken; after that it waits again.
    assert_eq!(seconds(&two_waits), [11]);
}

#[test]
fn a_root_in_a_cycle_of_its_own_is_reported_and_only_what_is_stuck_is_shown() {
    let reports = told(async {
        let lock = Mutex::new(()).named("own");
        let _first = lock.lock().await;
        let _second = lock.lock().await;
    });
    let [(report, 1)] = &reports[..] else { panic!("{reports:?}") };
    assert!(report.contains("1 of 3 tasks may never run again"), "{report}");
    assert!(report.contains("cycle: #2 -> mutex \"own\" -> #2"), "{report}");
    assert!(report.ends_with("possible: 2 other tasks may still run"), "{report}");
}

#[test]
fn a_root_that_something_may_wake_as_beside_a_forgotten_lock_is_not_reported() {
    // By a timeout, or another branch.
    let crossed = async {
        let [left, right] = two_locks();
        let _second = lock_both(&left, &right, MS);
        lock_both(&right, &left, MS).await.unwrap();
    };
    let timed_out = async {
        timeout(1000 * SECOND, crossed).await.unwrap_err();
        sleep(1000 * SECOND).await;
    };
    assert_eq!(told(timed_out), []);
    // By one of two holders of permits.
    let permits = async {
        let permits = Rc::new(Semaphore::new(2));
        let _own = permits.acquire().await;
        let other = Rc::clone(&permits);
        let _holder = spawn(async move {
            let _held = other.acquire().await;
            sleep(1000 * SECOND).await;
        });
        yield_now().await;
        let _third = permits.acquire().await;
    };
    assert_eq!(told(permits), []);
    // By the task that has got a guard from another one.
    let moved = async {
        let lock: &'static Mutex<()> = Box::leak(Box::default());
        let guard = spawn(async { lock.lock().await }).await.unwrap();
        drop(spawn(async move {
            sleep(1000 * SECOND).await;
            drop(guard);
        }));
        let _locked = lock.lock().await;
    };
    assert_eq!(told(moved), []);
    // By what holds its waker; by a task that runs; and by nothing at all, which is no cycle.
    let place = Rc::new(RefCell::new(None));
    assert_eq!(told(leave_waker(place)), []);
    assert_eq!(told(async { spawn(sleep(1000 * SECOND)).await.unwrap() }), []);
    assert_eq!(told(async { spawn(pending()).await.unwrap() }), []);
}

#[test]
fn without_a_root_or_a_listener_nothing_is_looked_for() {
    let (kept, sleeps) = (Rc::new(RefCell::new(None::<Waker>)), Rc::default());
    let held = Rc::clone(&kept);
    let wakes = move |number| {
        if number == 1 {
            held.take().unwrap().wake();
        }
    };
    let park = Sleeps(ThreadParker::new(), Rc::clone(&sleeps), wakes);
    let scheduler = Scheduler::builder().park(park).build();
    scheduler.spawn(beat(2 * SECOND));
    scheduler.block_on(leave_waker(kept));
    assert!(matches!(sleeps.take()[..], [Some(slept)] if slept > SECOND));
}

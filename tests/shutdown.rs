//! Shutdown: every task is cancelled and may clean up, the rest are aborted, and the report lists them all.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;
mod trace;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use proptest::prelude::{prop, proptest};
use turnwise::scheduler::{
    EndedTask, Ending, FailurePolicy, Park, ShutdownReport, ThreadParker, WaitsFor,
};
use turnwise::sync::{Event, Mutex};
use turnwise::task::catch_cancel;
use turnwise::{JoinHandle, RunError, Scheduler, gather, sleep, spawn, task, yield_now};

use folded::Recorded;
use trace::{Log, leave_waker, with_marks};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn virtual_time() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

/// Waits until it is cancelled, then cleans up for `needs`.
async fn cleans_up(needs: Duration) {
    if catch_cancel(pending::<()>()).await.is_err() {
        sleep(needs).await;
    }
}

/// The ids of `tasks`.
fn ids(tasks: &[EndedTask]) -> Vec<u64> {
    tasks.iter().map(|task| task.label.id.as_u64()).collect()
}

/// Logs its name when it is dropped.
struct LogsDrop(&'static str, Log);

impl Drop for LogsDrop {
    fn drop(&mut self) {
        self.1.say(self.0);
    }
}

#[test]
fn one_cleans_up_one_is_cancelled_and_one_never_ends() {
    let scheduler = virtual_time();
    scheduler.spawn(pending::<()>());
    scheduler.spawn(cleans_up(seconds(2)));
    scheduler.spawn(cleans_up(seconds(3600)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert_eq!(ids(&report.cancelled), [1]);
    assert_eq!(ids(&report.finished), [2]);
    assert_eq!(ids(&report.aborted), [3]);
    assert_eq!(report.cancelled[0].took, Duration::ZERO);
    assert_eq!(report.finished[0].took, seconds(2));
    assert_eq!((report.aborted[0].took, report.took), (seconds(5), seconds(5)));
    assert_eq!(report.cancelled[0].ending, Ending::Cancelled);
    assert_eq!(report.finished[0].ending, Ending::Returned);
    assert!(!report.is_clean());
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn it_ends_as_soon_as_every_task_has() {
    let scheduler = virtual_time();
    scheduler.spawn(cleans_up(seconds(1)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(3600)).unwrap();
    assert_eq!((report.took, report.is_clean()), (seconds(1), true));
    assert_eq!(scheduler.next_deadline(), None, "no timer is left of the grace period");
}

#[test]
fn the_grace_period_applies_on_a_real_clock_too() {
    let scheduler = Scheduler::new();
    scheduler.spawn(cleans_up(seconds(3600)));
    scheduler.run_until_stalled();
    let grace = Duration::from_millis(5);
    let report = scheduler.shutdown(grace).unwrap();
    assert_eq!(report.aborted.len(), 1);
    assert!(report.took >= grace);
}

#[test]
fn with_a_grace_of_zero_each_task_takes_the_turn_in_which_it_is_notified() {
    let scheduler = virtual_time();
    let notified = Rc::new(Cell::new(0));
    for _ in 0..1000 {
        let notified = Rc::clone(&notified);
        scheduler.spawn(async move {
            let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            notified.set(notified.get() + 1);
            sleep(seconds(1)).await;
        });
        scheduler.spawn(pending::<()>());
    }
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::ZERO).unwrap();
    assert_eq!(notified.get(), 1000);
    assert_eq!((report.finished.len(), report.cancelled.len()), (0, 1000));
    assert_eq!((report.aborted.len(), report.took), (1000, Duration::ZERO));
}

#[test]
fn without_a_limit_it_waits_for_every_clean_up() {
    let scheduler = virtual_time();
    scheduler.spawn(cleans_up(seconds(1_000_000)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    assert_eq!((report.took, report.is_clean()), (seconds(1_000_000), true));
}

#[test]
fn tasks_that_can_never_run_again_are_aborted_immediately_if_there_is_no_limit() {
    let scheduler = virtual_time();
    scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        pending::<()>().await;
    });
    scheduler.spawn(cleans_up(seconds(3)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    assert_eq!((ids(&report.finished), ids(&report.aborted)), (vec![2], vec![1]));
    assert_eq!(report.took, seconds(3));
}

#[test]
fn a_busy_task_does_not_hold_up_the_shutdown() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        loop {
            let _ignored = catch_cancel(yield_now()).await;
        }
    });
    let report = scheduler.shutdown(Duration::from_millis(2)).unwrap();
    assert_eq!(ids(&report.cancelled), [1], "it was cancelled before its first turn");
    scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        loop {
            yield_now().await;
        }
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::from_millis(2)).unwrap();
    assert_eq!(ids(&report.aborted), [2]);
}

#[test]
fn a_second_call_finds_nothing_to_do() {
    let scheduler = virtual_time();
    scheduler.spawn(pending::<()>());
    assert_eq!(scheduler.shutdown(seconds(1)).unwrap().cancelled.len(), 1);
    let again = scheduler.shutdown(seconds(1)).unwrap();
    assert!(again.finished.is_empty() && again.cancelled.is_empty() && again.is_clean());
    assert_eq!(again.took, Duration::ZERO);
    assert_eq!(
        again.to_string(),
        "shutdown after 0ns: 0 finished, 0 cancelled, 0 aborted, 0 still blocking"
    );
}

#[test]
fn the_scheduler_can_be_used_again() {
    let scheduler = virtual_time();
    scheduler.spawn(pending::<()>());
    scheduler.shutdown(Duration::ZERO).unwrap();
    assert_eq!(scheduler.block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
    let handle = scheduler.spawn(sleep(seconds(1)));
    scheduler.run().unwrap();
    assert!(handle.is_finished());
}

#[test]
fn a_task_cannot_shut_down_its_own_scheduler() {
    let scheduler = Rc::new(virtual_time());
    let own = Rc::clone(&scheduler);
    scheduler.block_on(async move {
        let Err(RunError::Nested(nested)) = own.shutdown(seconds(1)) else {
            panic!("it is nested")
        };
        assert_eq!(nested.inner.file(), file!());
        let other = Scheduler::new();
        assert!(matches!(other.shutdown(seconds(1)), Err(RunError::Nested(_))));
    });
}

#[test]
fn the_reason_is_reported() {
    let scheduler = virtual_time();
    let caught = scheduler
        .spawn(async { catch_cancel(pending::<()>()).await.unwrap_err().reason().to_owned() });
    let dropped = scheduler.spawn(pending::<()>());
    scheduler.run_until_stalled();
    scheduler.shutdown(seconds(1)).unwrap();
    assert_eq!(scheduler.block_on(caught).unwrap(), "shutdown");
    let error = scheduler.block_on(dropped).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), "task #2 was cancelled: shutdown");
}

#[test]
fn tasks_spawned_by_destructors_are_dropped_too() {
    struct Spawns;
    impl Drop for Spawns {
        fn drop(&mut self) {
            drop(spawn(async { unreachable!("it never takes a turn") }));
        }
    }
    let scheduler = virtual_time();
    scheduler.spawn(async {
        let _spawns = Spawns;
        pending::<()>().await;
    });
    scheduler.spawn(async {
        let _spawns = Spawns;
        let _cancelled = catch_cancel(pending::<()>()).await;
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(1)).unwrap();
    assert_eq!((report.cancelled.len(), report.aborted.len()), (2, 1));
    let metrics = scheduler.metrics();
    assert_eq!((metrics.spawned, metrics.alive, metrics.ready, metrics.timers), (4, 0, 0, 0));
}

#[test]
fn the_remaining_tasks_are_dropped_in_spawn_order() {
    let (scheduler, log) = (virtual_time(), Log::default());
    for name in ["first", "second", "third"] {
        let logs = LogsDrop(name, log.clone());
        scheduler.spawn(async move {
            let _logs = logs;
            let _cancelled = catch_cancel(pending::<()>()).await;
            sleep(Duration::MAX).await;
        });
    }
    scheduler.run_until_stalled();
    scheduler.shutdown(seconds(1)).unwrap();
    assert_eq!(log.take(), ["first", "second", "third"]);
}

#[test]
fn a_clean_up_that_panics_counts_as_finished() {
    let reports = Log::default();
    let lines = reports.clone();
    let builder = Scheduler::builder().virtual_time().on_failure(FailurePolicy::Shutdown);
    let scheduler = builder
        .slow_poll(Duration::MAX)
        .on_report(move |report| lines.say(report.to_string()))
        .build();
    drop(scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        panic!("on purpose");
    }));
    scheduler.spawn(cleans_up(seconds(1)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert_eq!(report.finished[0].ending, Ending::Panicked);
    assert_eq!(ids(&report.finished), [1, 2], "it is shutting down already");
    assert_eq!(reports.take().len(), 1);
    scheduler.run().unwrap();
}

#[test]
fn finished_tasks_keep_their_outputs_and_are_not_reported() {
    let scheduler = virtual_time();
    let finished = scheduler.spawn(async { 7 });
    scheduler.run().unwrap();
    let report = scheduler.shutdown(seconds(1)).unwrap();
    assert!(report.finished.is_empty());
    assert_eq!(scheduler.block_on(finished).unwrap(), 7);
}

#[test]
fn a_dropped_task_hands_its_lock_on() {
    let scheduler = virtual_time();
    let mutex = Rc::new(Mutex::new(()));
    let theirs = Rc::clone(&mutex);
    scheduler.spawn(async move {
        let _guard = theirs.lock().await;
        pending::<()>().await;
    });
    scheduler.spawn(async move {
        // Cancelled while it waits, and waits again in its clean-up.
        let _cancelled = catch_cancel(pending::<()>()).await;
        drop(mutex.lock().await);
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(1)).unwrap();
    assert_eq!((ids(&report.cancelled), ids(&report.finished)), (vec![1], vec![2]));
}

#[test]
fn the_report_can_be_printed() {
    let scheduler = virtual_time();
    let named = |name: &str| task::Builder::new().name(name);
    named("quick").spawn_on(&scheduler, pending::<()>()); // [quick]
    named("tidy").spawn_on(&scheduler, cleans_up(seconds(2))); // [tidy]
    let mutex = Rc::new(Mutex::new(()).named("log"));
    let theirs = Rc::clone(&mutex);
    let stubborn = async move {
        let _guard = theirs.lock().await; // [locked]
        let _cancelled = catch_cancel(pending::<()>()).await; // [catch]
        sleep(seconds(60)).await; // [sleep]
    };
    let locks = async move {
        let _cancelled = catch_cancel(pending::<()>()).await; // [catch]
        drop(mutex.lock().await); // [lock]
    };
    named("stubborn").spawn_on(&scheduler, stubborn); // [stubborn]
    scheduler.spawn(locks); // [unnamed]
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert!(matches!(report.aborted[0].waits[..], [WaitsFor::Sleep { .. }]));
    let expected = "\
shutdown after 5s: 1 finished, 1 cancelled, 2 aborted, 0 still blocking
  finished   #2 \"tidy\"      after 2s, spawned at [tidy]
  cancelled  #1 \"quick\"     after 0ns, spawned at [quick]
  aborted    #3 \"stubborn\"  after 5s, spawned at [stubborn]
                            waited for a sleep with 55s left at [sleep]
                            asked to end (shutdown); held by the clean-up of the catch at [catch]
  aborted    #4             after 5s, spawned at [unnamed]
                            waited for mutex \"log\" at [lock], held by #3 \"stubborn\" (locked at [locked])
                            asked to end (shutdown); held by the clean-up of the catch at [catch]";
    assert_eq!(with_marks(&report.to_string(), file!(), include_str!("shutdown.rs")), expected);
}

#[test]
fn an_observer_sees_it_all() {
    let log = Log::default();
    let scheduler = Scheduler::builder().virtual_time().observer(log.tracer()).build();
    scheduler.spawn(pending::<()>());
    scheduler.spawn(cleans_up(Duration::MAX));
    scheduler.run_until_stalled();
    log.take();
    scheduler.shutdown(seconds(1)).unwrap();
    let expected = ["turn #1", "exit #1 (cancelled)", "turn #2", "exit #2 (aborted)"];
    assert_eq!(log.take(), expected);
    scheduler.spawn(async {});
    scheduler.run().unwrap();
    assert_eq!(log.take().len(), 3, "and keeps observing");
}

#[test]
fn tasks_from_other_threads_are_refused_too() {
    let scheduler = virtual_time();
    let remote = scheduler.remote();
    scheduler.spawn(cleans_up(seconds(1)));
    scheduler.run_until_stalled();
    let handle = thread::spawn(move || remote.spawn(|| async { 1 })).join().unwrap();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert_eq!((ids(&report.finished), ids(&report.cancelled)), (vec![1], vec![2]));
    assert!(handle.wait().unwrap_err().is_cancelled());
}

// ----- tasks that are spawned during the shutdown -----

async fn after(time: Duration, output: u32) -> u32 {
    sleep(time).await;
    output
}

/// Waits until it is cancelled, and cleans up with the help of other tasks.
async fn cleans_up_with_help(log: Log, unit: Duration) {
    let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    log.say(format!("{:?}", spawn(after(unit, 1)).await.unwrap()));
    let outputs = gather([after(unit, 2), after(unit, 3)]).await;
    log.say(format!("{:?}", outputs.into_iter().map(Result::unwrap).collect::<Vec<_>>()));
    log.say(format!("{:?}", task::shield(after(unit, 4)).await.unwrap()));
    let output = task::scope(async |s| s.spawn(after(unit, 5)).await.unwrap()).await;
    log.say(format!("{:?}", output.unwrap()));
    #[expect(clippy::async_yields_async, reason = "its spawner has ended when it is awaited")]
    let output = spawn(async move { spawn(after(unit, 6)) }).await.unwrap().await;
    log.say(format!("{:?}", output.unwrap()));
}

#[test]
fn a_clean_up_may_spawn_in_a_shutdown_and_at_the_end_of_block_on_as_after_a_cancel() {
    let expected = ["1", "[2, 3]", "4", "5", "6"];
    let log = Log::default();
    let scheduler = virtual_time();
    let handle = scheduler.spawn(cleans_up_with_help(log.clone(), seconds(1)));
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.run().unwrap();
    assert_eq!(log.take(), expected);

    scheduler.spawn(cleans_up_with_help(log.clone(), seconds(1)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert_eq!(log.take(), expected);
    assert_eq!((report.took, report.is_clean()), (seconds(5), true));
    assert!(report.cancelled.is_empty(), "{report}");

    let inside = log.clone();
    turnwise::block_on(async move {
        spawn(cleans_up_with_help(inside, Duration::from_millis(1)));
        yield_now().await;
    });
    assert_eq!(log.take(), expected);
}

#[test]
fn what_a_clean_up_leaves_behind_is_cancelled_when_its_task_has_ended() {
    let scheduler = virtual_time();
    scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        spawn(cleans_up(seconds(1)));
        spawn(async {
            spawn(pending::<()>());
            pending::<()>().await;
        });
        sleep(seconds(2)).await;
    });
    scheduler.spawn(cleans_up(seconds(10)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    let ended = |tasks: &[EndedTask]| tasks.iter().map(|task| task.took).collect::<Vec<_>>();
    assert_eq!(ids(&report.finished), [1, 3, 2]);
    assert_eq!(ended(&report.finished), [seconds(2), seconds(3), seconds(10)]);
    assert_eq!(ids(&report.cancelled), [4, 5]);
    assert_eq!(ended(&report.cancelled), [seconds(2); 2]);
}

#[test]
fn what_a_clean_up_has_spawned_may_clean_up_with_help_too() {
    let (scheduler, log) = (virtual_time(), Log::default());
    let inner = log.clone();
    scheduler.spawn(async move {
        let _cancelled = catch_cancel(pending::<()>()).await;
        spawn(cleans_up_with_help(inner, seconds(1)));
        yield_now().await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert_eq!(log.take(), ["1", "[2, 3]", "4", "5", "6"]);
    assert_eq!((report.took, report.is_clean()), (seconds(5), true));
}

#[test]
fn a_mask_may_spawn_in_a_shutdown() {
    let scheduler = virtual_time();
    let output = Rc::new(Cell::new(0));
    let place = Rc::clone(&output);
    scheduler.spawn(async move {
        let work = async {
            sleep(seconds(1)).await;
            place.set(spawn(after(seconds(1), 7)).await.unwrap());
        };
        task::mask(work).await;
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert_eq!((output.get(), report.took), (7, seconds(2)));
    assert_eq!((ids(&report.finished), ids(&report.cancelled)), (vec![2], vec![1]));
}

#[test]
fn what_a_clean_up_has_spawned_is_aborted_when_the_grace_period_expires() {
    let scheduler = virtual_time();
    scheduler.spawn(async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        let handles = gather([after(seconds(1), 1), after(seconds(3600), 2)]);
        drop(handles.await);
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert_eq!((ids(&report.finished), ids(&report.aborted)), (vec![2], vec![1, 3]));
    assert_eq!((report.took, scheduler.metrics().alive), (seconds(5), 0));
}

#[test]
fn clean_ups_that_spawn_each_other_end_with_the_grace_period() {
    fn next() {
        spawn(async {
            let _cancelled = catch_cancel(pending::<()>()).await;
            next();
            yield_now().await;
        });
    }
    let scheduler = Scheduler::new();
    scheduler.block_on(async { next() });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::from_millis(5)).unwrap();
    assert!(report.took < seconds(5) && report.finished.len() > 1, "{}", report.finished.len());
    assert_eq!(scheduler.metrics().alive, 0);
}

// ----- a deadlock -----

/// Spawns two tasks, each of which holds the request back until the other one has received it.
fn spawn_circle(scheduler: &Scheduler) {
    let events = [Rc::new(Event::new()), Rc::new(Event::new())];
    for (own, other) in [(0, 1), (1, 0)] {
        let [own, other] = [own, other].map(|number: usize| Rc::clone(&events[number]));
        scheduler.spawn(async move {
            task::mask(own.wait()).await;
            other.set();
        });
    }
    scheduler.run_until_stalled();
}

#[test]
fn it_does_not_wait_out_its_grace_on_a_certain_deadlock() {
    let scheduler = virtual_time();
    spawn_circle(&scheduler);
    let report = scheduler.shutdown(seconds(2)).unwrap();
    assert_eq!((ids(&report.aborted), report.took), (vec![1, 2], Duration::ZERO));
    assert!(report.to_string().contains("waited for event"), "{report}");

    let scheduler = Scheduler::new();
    spawn_circle(&scheduler);
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert!(report.took < seconds(60) && report.aborted.len() == 2, "{report}");
}

#[test]
fn a_deadlock_is_noticed_once_the_last_clean_up_has_ended() {
    let scheduler = virtual_time();
    spawn_circle(&scheduler);
    scheduler.spawn(cleans_up(seconds(3)));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert_eq!((ids(&report.finished), ids(&report.aborted)), (vec![3], vec![1, 2]));
    assert_eq!(report.took, seconds(3));
    assert_eq!(scheduler.next_deadline(), None);
}

#[test]
fn it_waits_out_its_grace_while_a_wake_may_come_from_elsewhere() {
    let scheduler = virtual_time();
    let place = Rc::new(Cell::new(None));
    let kept = Rc::clone(&place);
    scheduler.spawn(task::mask(poll_fn(move |cx| {
        kept.set(Some(cx.waker().clone()));
        Poll::<()>::Pending
    })));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(2)).unwrap();
    assert_eq!((ids(&report.aborted), report.took), (vec![1], seconds(2)));
    drop(place);
}

/// Lets a job end when the scheduler sleeps: by then the shutdown has decided to wait for it.
struct EndOnPark(mpsc::Sender<()>, ThreadParker);

impl Park for EndOnPark {
    fn park(&mut self, timeout: Option<Duration>) {
        let _ended_before = self.0.send(());
        self.1.park(timeout);
    }

    fn unparker(&self) -> Waker {
        self.1.unparker()
    }
}

#[test]
fn it_waits_for_a_blocking_job_that_a_masked_task_needs() {
    let (end, ended) = mpsc::channel();
    let scheduler = Scheduler::builder().park(EndOnPark(end, ThreadParker::new())).build();
    scheduler.spawn(task::mask(async {
        turnwise::spawn_blocking(move || ended.recv()).await.unwrap().unwrap();
    }));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(60)).unwrap();
    assert_eq!((ids(&report.finished), report.is_clean()), (vec![1], true));
}

// ----- the free `block_on` -----

#[test]
fn block_on_lets_the_leftovers_clean_up() {
    let log = Log::default();
    let inside = log.clone();
    let output = turnwise::block_on(async move {
        let logs = LogsDrop("dropped", inside.clone());
        spawn(async move {
            let _logs = logs;
            pending::<()>().await;
        });
        spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_millis(1)).await;
            inside.say(format!("cleaned up after {:?}", cancelled.reason()));
        });
        yield_now().await;
        7
    });
    assert_eq!(output, 7);
    assert_eq!(log.take(), ["dropped", "cleaned up after \"shutdown\""]);
}

#[test]
fn block_on_does_not_wait_for_what_can_never_run_again() {
    let log = Log::default();
    let logs = LogsDrop("dropped", log.clone());
    turnwise::block_on(async move {
        spawn(async move {
            let _logs = logs;
            let _cancelled = catch_cancel(pending::<()>()).await;
            pending::<()>().await;
        });
        yield_now().await;
    });
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn block_on_drops_the_leftovers_of_a_root_that_panics() {
    let log = Log::default();
    let logs = LogsDrop("dropped", log.clone());
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        turnwise::block_on(async move {
            spawn(async move {
                let _logs = logs;
                let _cancelled = catch_cancel(pending::<()>()).await;
                unreachable!("there is no clean-up");
            });
            yield_now().await;
            panic!("on purpose");
        });
    }));
    assert!(outcome.is_err());
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn the_block_on_of_a_scheduler_leaves_the_leftovers_for_the_next_call() {
    let scheduler = virtual_time();
    let place = Cell::new(None);
    scheduler.block_on(async { place.set(Some(spawn(sleep(seconds(1))))) });
    let handle = place.take().unwrap();
    assert!(!handle.is_finished());
    scheduler.block_on(handle).unwrap();
}

#[test]
fn a_waker_held_elsewhere_does_not_keep_a_cancelled_task() {
    let place = Rc::default();
    let kept = Rc::clone(&place);
    turnwise::block_on(async move {
        spawn(leave_waker(kept));
        yield_now().await;
    });
    place.take().expect("it was left").wake(); // It has no effect.
}

// ----- random programs -----

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Catches nothing.
    Plain,
    /// Needs this many seconds to clean up.
    CleansUp(u64),
    /// Has a catch, but completes before any request.
    Done,
}

async fn live(kind: Kind, _alive: Rc<()>) {
    match kind {
        Kind::Plain => pending::<()>().await,
        Kind::CleansUp(needs) => cleans_up(seconds(needs)).await,
        Kind::Done => catch_cancel(async {}).await.unwrap(),
    }
}

proptest! {
    #[test]
    fn every_task_is_reported_once_and_in_the_right_list(
        kinds in prop::collection::vec(
            prop::sample::select(vec![
                Kind::Plain, Kind::CleansUp(0), Kind::CleansUp(3), Kind::CleansUp(10), Kind::Done,
            ]),
            0..30,
        ),
        grace in 0..15_u64,
        turns in 0..60_usize,
    ) {
        let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
        let scheduler = builder.build();
        let alive = Rc::new(());
        let mut expected = (Vec::new(), Vec::new(), Vec::new());
        let handles: Vec<_> =
            kinds.iter().map(|&kind| scheduler.spawn(live(kind, Rc::clone(&alive)))).collect();
        for _ in 0..turns {
            scheduler.step();
            recorded.check(&scheduler);
        }
        for (id, &kind) in (1..).zip(&kinds) {
            let has_run = usize::try_from(id).unwrap() <= turns;
            match kind {
                Kind::Done if has_run => {}
                Kind::CleansUp(needs) if has_run && needs < grace => expected.0.push(id),
                Kind::CleansUp(_) if has_run => expected.2.push(id),
                _ => expected.1.push(id),
            }
        }
        let report: ShutdownReport = scheduler.shutdown(seconds(grace)).unwrap();
        recorded.check(&scheduler);
        let sorted = |tasks: &[EndedTask]| {
            let mut ids = ids(tasks);
            ids.sort_unstable();
            ids
        };
        // A clean-up that would end at the very moment at which the grace period expires is too late: the shutdown set
        // its timer first.
        assert_eq!(
            (sorted(&report.finished), sorted(&report.cancelled), ids(&report.aborted)),
            expected
        );
        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(handles.iter().all(JoinHandle::is_finished));
        assert_eq!(scheduler.metrics().alive, 0);
    }
}

#[test]
fn an_aborted_task_shows_what_held_the_request() {
    let scheduler = virtual_time();
    let stubborn = async {
        let _cancelled = catch_cancel(pending::<()>()).await; // [catch]
        pending::<()>().await;
    };
    scheduler.spawn(stubborn); // [spawned]
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(seconds(5)).unwrap();
    assert_eq!(report.aborted[0].requests.len(), 1);
    let text = with_marks(&report.to_string(), file!(), include_str!("shutdown.rs"));
    let held = "asked to end (shutdown); held by the clean-up of the catch at [catch]";
    assert_eq!(text.lines().last().unwrap().trim_start(), held);
    assert!(!text.contains("nothing that could wake it"), "{text}");
}

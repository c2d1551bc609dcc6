//! Tasks that can never run again are reported: what each waits for, where, and which task holds it.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::thread;
use std::time::Duration;

use futures::future::{join, select};
use turnwise::scheduler::{DeadlockReport, RequestHolder, WaitsFor};
use turnwise::sync::Event;
use turnwise::task::{CancelToken, catch_cancel, mask, scope};
use turnwise::waiting::{Resource, TaskKey, Wait, Waited, register};
use turnwise::{JoinHandle, RunError, Scheduler, sleep, spawn, task, timeout, yield_now};

use trace::Signal;
use trace::lock::Lock;

const CERTAIN: &str = "certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` \
                       held outside the scheduler";

/// Runs until nothing can run any more, and returns the report.
fn stuck(scheduler: &Scheduler) -> DeadlockReport {
    match scheduler.run() {
        Err(RunError::Deadlock(report)) => *report,
        other => panic!("expected a deadlock, not {other:?}"),
    }
}

/// Replaces locations in this file by the marks at the ends of their lines.
fn with_marks(text: &str) -> String {
    trace::with_marks(text, file!(), include_str!("deadlock.rs"))
}

/// Takes two locks one after the other, and yields in between.
fn philosopher(name: &str, first: &Lock, then: &Lock) -> JoinHandle<()> {
    let (first, then) = (first.clone(), then.clone());
    let dinner = async move {
        let _first = first.lock().await; // [first]
        yield_now().await;
        let _then = then.lock().await; // [then]
    };
    task::Builder::new().name(name).spawn(dinner) // [spawned]
}

#[test]
fn crossed_locks_are_reported_word_for_word() {
    let error = Scheduler::new().try_block_on(async {
        let (left, right) = (Lock::named("left"), Lock::named("right"));
        let alice = philosopher("alice", &left, &right);
        let bob = philosopher("bob", &right, &left);
        alice.await.unwrap();
        bob.await.unwrap();
    });
    let expected = [
        "deadlock at turn 5: 3 tasks can never run again",
        "  #2 \"alice\"  waits for mutex \"right\" at [then], held by #3 \"bob\" (locked at [first]), since turn 4",
        "  #3 \"bob\"    waits for mutex \"left\"  at [then], held by #2 \"alice\" (locked at [first]), since turn 5",
        "  #1 main     waits for task #2 \"alice\", spawned at [spawned], since turn 1",
        "cycle: #2 -> mutex \"right\" -> #3 -> mutex \"left\" -> #2",
        CERTAIN,
    ];
    assert_eq!(with_marks(&error.unwrap_err().to_string()), expected.join("\n"));
}

#[test]
fn a_task_that_locks_twice_waits_for_itself() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        let lock = Lock::named("account");
        let _once = lock.lock().await; // [once]
        let _twice = lock.lock().await; // [twice]
    });
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1  waits for mutex \"account\" at [twice], held by #1 (locked at [once]), since turn 1",
        "cycle: #1 -> mutex \"account\" -> #1",
        CERTAIN,
    ];
    assert_eq!(with_marks(&stuck(&scheduler).to_string()), expected.join("\n"));
}

type Handles = Rc<RefCell<Vec<JoinHandle<()>>>>;

#[test]
fn a_task_that_awaits_its_own_handle_is_a_cycle_of_one() {
    let scheduler = Scheduler::new();
    let handles = Handles::default();
    let own = Rc::clone(&handles);
    let narcissus = async move {
        let handle = own.borrow_mut().pop().unwrap();
        handle.await.unwrap();
    };
    handles.borrow_mut().push(scheduler.spawn(narcissus)); // [spawned]
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1  waits for task #1, spawned at [spawned], since turn 1",
        "cycle: #1 -> #1",
        CERTAIN,
    ];
    assert_eq!(with_marks(&stuck(&scheduler).to_string()), expected.join("\n"));
}

/// Spawns a ring of tasks, each of which awaits the next one.
fn spawn_ring(scheduler: &Scheduler, count: usize) {
    let handles = Handles::default();
    for number in 0..count {
        let ring = Rc::clone(&handles);
        let waits = async move {
            let next = (number + 1) % count;
            // Each handle is taken once; a handle that is not needed fills its place.
            let handle = {
                let mut ring = ring.borrow_mut();
                std::mem::replace(&mut ring[next], spawn(async {}))
            };
            handle.await.unwrap();
        };
        handles.borrow_mut().push(scheduler.spawn(waits));
    }
}

#[test]
fn tasks_that_await_each_other_are_a_cycle() {
    let scheduler = Scheduler::new();
    spawn_ring(&scheduler, 2);
    let report = stuck(&scheduler);
    assert_eq!((report.alive, report.tasks.len()), (2, 2));
    let cycles: Vec<String> = report.cycles.iter().map(ToString::to_string).collect();
    assert_eq!(cycles, ["cycle: #1 -> #2 -> #1"]);
}

/// Holds a lock forever, in a task named "keeper".
fn keep(scheduler: &Scheduler, lock: &Lock) {
    let lock = lock.clone();
    let keeper = async move {
        let _kept = lock.lock().await; // [kept]
        pending::<()>().await;
    };
    task::Builder::new().name("keeper").spawn_on(scheduler, keeper);
}

#[test]
fn a_join_of_two_waits_shows_both_and_a_dropped_branch_is_not_shown() {
    let scheduler = Scheduler::new();
    let (a, b, c) = (Lock::named("a"), Lock::named("long"), Lock::named("c"));
    for lock in [&a, &b, &c] {
        keep(&scheduler, lock);
    }
    let error = scheduler.try_block_on(async {
        drop(select(Box::pin(c.lock()), pin!(yield_now())).await);
        let both = join(a.lock(), b.lock()); // [both]
        let kept = pin!(c.lock()); // [third]
        select(pin!(both), kept).await;
    });
    let error = with_marks(&error.unwrap_err().to_string());
    let main: Vec<&str> = error.lines().skip_while(|line| !line.contains("main")).collect();
    // The locks, in the order in which they were first waited for.
    let expected = [
        "  #4 main      waits for mutex \"c\"    at [third], held by #3 \"keeper\" (locked at [kept]), since turn 5",
        "               waits for mutex \"a\"    at [both], held by #1 \"keeper\" (locked at [kept]), since turn 5",
        "               waits for mutex \"long\" at [both], held by #2 \"keeper\" (locked at [kept]), since turn 5",
    ];
    assert_eq!(main[..3], expected);
}

#[test]
fn a_branch_that_was_dropped_is_no_longer_a_wait() {
    let scheduler = Scheduler::new();
    let lock = Lock::named("lock");
    keep(&scheduler, &lock);
    let inside = lock.clone();
    scheduler.spawn(async move {
        drop(select(Box::pin(inside.lock()), pin!(yield_now())).await);
        pending::<()>().await;
    });
    let report = stuck(&scheduler);
    assert!(matches!(report.tasks[1].waits[..], [WaitsFor::Nothing]));
}

#[test]
fn an_owner_on_another_scheduler_is_named_too() {
    let lock = Lock::named("shared");
    let other = Scheduler::new();
    keep(&other, &lock);
    other.run_until_stalled();
    let scheduler = Scheduler::new();
    let inside = lock.clone();
    scheduler.spawn(async move { drop(inside.lock().await) }); // [wait]
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1  waits for mutex \"shared\" at [wait], held by #1 \"keeper\" of another scheduler (locked at [kept]), since turn 1",
        CERTAIN,
    ];
    assert_eq!(with_marks(&stuck(&scheduler).to_string()), expected.join("\n"));
}

#[test]
fn after_a_deadlock_the_scheduler_continues_if_the_caller_helps() {
    let scheduler = Scheduler::new();
    let signal = Signal::default();
    let waits = scheduler.spawn(signal.wait());
    let dropped = Rc::new(());
    let held = Rc::clone(&dropped);
    let error = scheduler.try_block_on(async move {
        pending::<()>().await;
        drop(held);
    });
    assert!(matches!(error, Err(RunError::Deadlock(_))));
    assert_eq!(Rc::strong_count(&dropped), 1, "the root is dropped");
    assert!(!waits.is_finished(), "and no other task is");
    assert_eq!(scheduler.metrics().alive, 1);
    signal.set();
    scheduler.run().unwrap();
    assert!(waits.is_finished());
}

#[test]
fn block_on_panics_with_the_report() {
    let scheduler = Scheduler::new();
    let panic = catch_unwind(AssertUnwindSafe(|| scheduler.block_on(pending::<()>())));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1 main  waits for nothing that could wake it: no waker was kept, since turn 1",
        CERTAIN,
    ];
    assert_eq!(text, expected.join("\n"));
    assert_eq!(scheduler.block_on(async { 7 }), 7);
}

#[test]
fn a_finished_task_that_is_kept_by_its_handle_is_not_counted() {
    let scheduler = Scheduler::new();
    let zombie = scheduler.spawn(async { 5 });
    scheduler.run().unwrap();
    let stays = scheduler.spawn(async {
        let _zombie = spawn(async {});
        pending::<()>().await;
    });
    let report = stuck(&scheduler);
    assert_eq!((report.alive, report.tasks.len()), (1, 1));
    assert_eq!(report.tasks[0].label.id, stays.id());
    assert_eq!(scheduler.snapshot().tasks.len(), 3);
    stays.abort();
    scheduler.run().unwrap();
    assert_eq!(scheduler.block_on(zombie).unwrap(), 5);
}

#[test]
fn ten_thousand_waits_in_a_row_need_no_deep_stack() {
    let chain = || {
        let scheduler = Scheduler::new();
        let mut last = scheduler.spawn(pending::<()>());
        for _ in 1..10_000 {
            last = scheduler.spawn(async { last.await.unwrap() });
        }
        let report = stuck(&scheduler);
        assert_eq!((report.tasks.len(), report.cycles.len()), (10_000, 0));
        let text = report.to_string();
        assert_eq!(text.lines().count(), 103);
        assert!(text.contains("\n  … and 9900 more tasks\n"), "{text}");

        let scheduler = Scheduler::new();
        spawn_ring(&scheduler, 10_000);
        let report = stuck(&scheduler);
        assert_eq!(report.cycles[0].steps.len(), 10_000);
        assert!(report.to_string().contains("-> #19 -> #20 -> … and 9980 more -> #1\n"));
    };
    thread::Builder::new().stack_size(256 * 1024).spawn(chain).unwrap().join().unwrap();
}

#[test]
fn every_cycle_is_reported_and_its_tasks_come_first() {
    let scheduler = Scheduler::new();
    let idle = scheduler.spawn(pending::<()>());
    spawn_ring(&scheduler, 3);
    let locks = ["left", "right"].map(Lock::named);
    scheduler.spawn(async move {
        philosopher("alice", &locks[0], &locks[1]);
        philosopher("bob", &locks[1], &locks[0]);
    });
    let report = stuck(&scheduler);
    let cycles: Vec<String> = report.cycles.iter().map(ToString::to_string).collect();
    let crossed = "cycle: #9 -> mutex \"right\" -> #10 -> mutex \"left\" -> #9";
    assert_eq!(cycles, ["cycle: #2 -> #3 -> #4 -> #2", crossed]);
    let order: Vec<u64> = report.tasks.iter().map(|task| task.label.id.as_u64()).collect();
    assert_eq!(order, [2, 3, 4, 9, 10, idle.id().as_u64()]);
}

#[test]
fn a_sleep_that_never_ends_is_named_as_one() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async { sleep(Duration::MAX).await }); // [endless]
    let text = with_marks(&stuck(&scheduler).to_string());
    assert!(
        text.contains("  #1  waits for a sleep that never ends at [endless], since turn 1"),
        "{text}"
    );
}

#[test]
fn the_report_contains_the_same_as_data() {
    let scheduler = Scheduler::new();
    let place = Location::caller();
    let lock = Lock::named("lock");
    keep(&scheduler, &lock);
    scheduler.spawn(async move { drop(lock.lock().await) });
    let report = stuck(&scheduler);
    assert!(report.certain);
    assert_eq!((report.turn, report.alive, report.wakers_held), (2, 2, 0));
    let waits = &report.tasks[1];
    assert_eq!((waits.label.name.as_deref(), waits.label.is_root, waits.since), (None, false, 2));
    assert_eq!((waits.spawned_at.file(), waits.spawned_at.line()), (file!(), place.line() + 3));
    let [WaitsFor::Resource { resource, owners, .. }] = &waits.waits[..] else {
        panic!("expected a lock, not {:?}", waits.waits);
    };
    assert_eq!((resource.kind(), resource.name()), ("mutex", Some("lock")));
    let [owner] = &owners[..] else { panic!("expected one owner, not {owners:?}") };
    assert_eq!((&*owner.task.to_string(), owner.has_finished), ("#1 \"keeper\"", false));
    assert_eq!(with_marks(&owner.place.to_string()), "[kept]");
}

/// Describes its wait, and registers, spawns and takes snapshots while it does so.
struct Nosy {
    scheduler: Weak<Scheduler>,
    task: Cell<Option<TaskKey>>,
    rescue: Signal,
    calls: Cell<u32>,
}

impl Waited for Nosy {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        self.calls.set(self.calls.get() + 1);
        let place = Location::caller();
        each(Wait::new(self.task.get(), Resource::new("nosy"), place));
        if self.calls.get() > 1 {
            return;
        }
        let scheduler = self.scheduler.upgrade().unwrap();
        let other: Rc<dyn Waited> = Rc::new(Nosy { calls: Cell::new(1), ..Nosy::of(&scheduler) });
        let registration = register(Rc::downgrade(&other));
        assert_eq!(scheduler.snapshot().tasks.len(), 1);
        assert_eq!(scheduler.metrics().alive, 1);
        drop(registration);
        let rescue = self.rescue.clone();
        scheduler.spawn(async move { rescue.set() });
    }
}

impl Nosy {
    fn of(scheduler: &Rc<Scheduler>) -> Self {
        let scheduler = Rc::downgrade(scheduler);
        Nosy { scheduler, task: Cell::default(), rescue: Signal::default(), calls: Cell::default() }
    }
}

#[test]
fn a_description_may_take_snapshots_and_spawn_and_the_new_task_prevents_the_verdict() {
    let scheduler = Rc::new(Scheduler::new());
    let nosy = Rc::new(Nosy::of(&scheduler));
    let waited: Rc<dyn Waited> = Rc::clone(&nosy) as _;
    let _registration = register(Rc::downgrade(&waited));
    let inside = Rc::clone(&nosy);
    let waits = scheduler.spawn(async move {
        inside.task.set(TaskKey::current());
        inside.rescue.wait().await;
    });
    let first = scheduler.run();
    assert!(nosy.calls.get() > 1, "it was called again by its own snapshot");
    assert!(first.is_ok(), "a task was ready when the verdict was given: {first:?}");
    assert!(waits.is_finished());
}

// ----- tasks that were asked to end -----

/// Runs a task until it waits, cancels it with the reason "closing time", and returns the lines of the report about it.
fn stuck_after_a_cancel(future: impl Future<Output = ()> + 'static) -> Vec<String> {
    let scheduler = Scheduler::builder().virtual_time().build();
    let handle = scheduler.spawn(future);
    scheduler.run_until_stalled();
    handle.cancel_with("closing time");
    lines(&stuck(&scheduler))
}

/// The lines about the tasks. None of them says that a task which was asked to end waits for nothing.
fn lines(report: &DeadlockReport) -> Vec<String> {
    let text = with_marks(&report.to_string());
    let is_about_a_task = |line: &&str| line.starts_with("  ");
    let lines: Vec<String> = text.lines().filter(is_about_a_task).map(str::to_owned).collect();
    for task in &report.tasks {
        let is_nothing = |wait: &WaitsFor| matches!(wait, WaitsFor::Nothing);
        assert!(task.requests.is_empty() || !task.waits.iter().any(is_nothing), "{text}");
    }
    lines
}

#[test]
fn a_scope_beside_a_mask_that_needs_it_is_reported_with_the_mask_that_holds_the_request() {
    let lines = stuck_after_a_cancel(async {
        let ended = Event::new();
        let working = async {
            let _ = scope(async |s| drop(s.spawn(pending::<()>()))).await;
            ended.set();
        };
        let wait = ended.wait(); // [wait]
        let masked = mask(wait); // [mask]
        join(working, masked).await;
    });
    let expected = [
        "  #1  waits for event at [wait], since turn 3",
        "      asked to end (closing time); held by the mask at [mask]",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_holds_the_request_stands_in_place_of_a_wait_for_nothing() {
    let waits = mask(pending()); // [mask]
    let expected = ["  #1  asked to end (closing time); held by the mask at [mask], since turn 2"];
    assert_eq!(stuck_after_a_cancel(waits), expected);
}

#[test]
fn a_clean_up_that_never_ends_is_named_by_its_catch() {
    let expected = [
        "  #1  asked to end (closing time); held by the clean-up of the catch at [catch], since turn 2",
    ];
    let waits = async {
        let _cancelled = catch_cancel(pending::<()>()).await; // [catch]
        pending::<()>().await;
    };
    assert_eq!(stuck_after_a_cancel(waits), expected);
}

#[test]
fn a_scope_that_waits_for_its_tasks_is_named_and_so_is_what_holds_them() {
    let lines = stuck_after_a_cancel(async {
        let (body, child) = (mask(pending::<()>()), mask(pending::<()>())); // [masks]
        let work = scope(async |s| (drop(s.spawn(child)), body.await)); // [scope]
        let _ = work.await;
    });
    let lines: Vec<&str> = lines.iter().map(|line| without_turn(line.trim_start())).collect();
    let expected = [
        "#1  waits for a child of the scope at [scope]",
        "asked to end (closing time); held by the scope at [scope], whose tasks have not ended",
        "the part at [scope] was asked to end (closing time); held by the mask at [masks]",
        "#2  asked to end (closing time); held by the mask at [masks]",
    ];
    assert_eq!(lines, expected);
}

/// A line without the turn since which the task waits.
fn without_turn(line: &str) -> &str {
    line.split_once(", since turn").map_or(line, |(start, _)| start)
}

#[test]
fn a_part_that_was_asked_is_named_by_its_timeout_or_its_token() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let token = CancelToken::new();
    let cancelled = token.clone();
    scheduler.spawn(async move {
        let limited = timeout(Duration::from_secs(1), mask(pending::<()>())); // [timeout]
        limited.await.unwrap();
    });
    scheduler.spawn(async move {
        let stoppable = token.run_until_cancelled(mask(pending::<()>())); // [token]
        stoppable.await.unwrap();
    });
    scheduler.run_until_stalled();
    cancelled.cancel();
    let lines = lines(&stuck(&scheduler));
    let expected = [
        "  #1  the part at [timeout] was asked to end (the deadline has passed); held by the mask at [timeout]",
        "  #2  the part at [token] was asked to end (cancelled); held by the mask at [token]",
    ];
    assert_eq!(lines.iter().map(|line| without_turn(line)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_mask_that_was_polled_for_the_request_and_then_forgotten_is_named() {
    let ended = Rc::new(Event::new());
    let inside = Rc::clone(&ended);
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(async move {
        let kept = pin!(mask(pending::<()>())); // [kept]
        select(kept, pin!(inside.wait())).await;
        sleep(Duration::MAX).await; // [sleep]
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.run_until_stalled();
    ended.set();
    let expected = [
        "  #1  waits for a sleep that never ends at [sleep], since turn 3",
        "      asked to end (cancelled); held by the mask at [kept]",
    ];
    assert_eq!(lines(&stuck(&scheduler)), expected);
}

#[test]
fn closing_a_resource_that_never_ends_is_named_by_its_with() {
    let closes = async {
        let connection =
            task::with((), async |()| pending::<()>().await, async |(), _| pending().await); // [with]
        connection.await;
    };
    let expected =
        ["  #1  asked to end (closing time); held by the clean-up of the catch at [with]; \
         and by the mask at [with], since turn 2"];
    assert_eq!(stuck_after_a_cancel(closes), expected);
}

#[test]
fn of_many_holders_eight_are_named_and_all_are_data() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(async {
        futures::future::join_all((0..20).map(|_| mask(pending::<()>()))).await; // [masks]
    });
    scheduler.run_until_stalled();
    handle.cancel();
    let report = stuck(&scheduler);
    let [request] = &report.tasks[0].requests[..] else { panic!("{report}") };
    assert_eq!((&*request.reason, request.part, request.holders.len()), ("cancelled", None, 20));
    assert!(request.holders.iter().all(|holder| matches!(holder, RequestHolder::Mask { .. })));
    let line = &lines(&report)[0];
    assert_eq!(line.matches("the mask at [masks]").count(), 8);
    assert!(line.ends_with("; and by 12 more, since turn 2"), "{line}");
}

#[test]
fn a_request_that_was_dealt_with_is_not_reported() {
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(async {
        drop(catch_cancel(pending::<()>()).await);
        mask(pending::<()>()).await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    let report = stuck(&scheduler);
    assert!(report.tasks[0].requests.is_empty());
    assert!(matches!(report.tasks[0].waits[..], [WaitsFor::Nothing]));
}

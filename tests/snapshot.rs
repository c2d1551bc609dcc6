//! A snapshot shows the current state at any time, and every public type implements `Debug`.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::RefCell;
use std::fmt::Debug;
use std::future::{pending, poll_fn};
use std::panic::Location;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use turnwise::scheduler::{Builder, Snapshot, TaskState, ThreadParker, WaitsFor};
use turnwise::waiting::{Resource, TaskKey, Wait, Waiter};
use turnwise::{
    AbortOnDrop, CancelOnDrop, Policy, Scheduler, sleep, spawn, task, time, timeout, yield_now,
};

use trace::leave_waker;
use trace::lock::Lock;

const SECOND: Duration = Duration::from_secs(1);

fn virtual_scheduler() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

/// Replaces the places in this file by the marks at the ends of their lines.
fn with_marks(text: &str) -> String {
    trace::with_marks(text, file!(), include_str!("snapshot.rs"))
}

/// One task in each state, and one for each kind of wait.
fn colorful() -> (Scheduler, Vec<Box<dyn std::any::Any>>) {
    let scheduler = virtual_scheduler();
    let (lock, inside) = (Lock::named("left"), Lock::named("left"));
    drop(inside);
    let place = Rc::new(RefCell::new(None));
    let held = lock.clone();
    let owner = async move {
        let _kept = held.lock().await; // [kept]
        pending::<()>().await;
    };
    let owner = task::Builder::new().name("owner").priority(-3).spawn_on(&scheduler, owner); // [owner]
    let zombie = scheduler.spawn(async {}); // [zombie]
    let guest = async move { drop(lock.lock().await) }; // [lock]
    let guest = scheduler.spawn(guest); // [guest]
    let sleeper = async { sleep(5 * SECOND).await }; // [sleep]
    let sleeper = scheduler.spawn(sleeper); // [sleeper]
    scheduler.spawn(async move { sleeper.await.unwrap() }); // [joiner]
    scheduler.spawn(leave_waker(Rc::clone(&place))); // [foreign]
    let endless = async { sleep(Duration::MAX).await }; // [endless]
    scheduler.spawn(endless); // [never]
    scheduler.run_until_stalled();
    scheduler.advance(2 * SECOND);
    scheduler.spawn(async {}); // [fresh]
    (scheduler, vec![Box::new(owner), Box::new(zombie), Box::new(guest), Box::new(place)])
}

#[test]
fn the_table_word_for_word() {
    let (scheduler, _kept) = colorful();
    let expected = [
        "turn 7, 2s after the start; ready: #8",
        "  task        state     turns  spawned at, and what it waits for",
        "  #1 \"owner\"  waiting       1  [owner]",
        "                               waits for nothing that could wake it: no waker was kept",
        "  #2          finished      1  [zombie]",
        "  #3          waiting       1  [guest]",
        "                               waits for mutex \"left\" at [lock], held by #1 \"owner\" (locked at [kept])",
        "  #4          waiting       1  [sleeper]",
        "                               waits for a sleep with 3s left at [sleep]",
        "  #5          waiting       1  [joiner]",
        "                               waits for task #4, spawned at [sleeper]",
        "  #6          waiting       1  [foreign]",
        "                               waits for something unknown that holds its waker",
        "  #7          waiting       1  [never]",
        "                               waits for a sleep that never ends at [endless]",
        "  #8          ready         0  [fresh]",
        "  2 timers, the next one in 3s",
    ];
    assert_eq!(with_marks(&scheduler.snapshot().to_string()), expected.join("\n"));
}

#[test]
fn an_empty_scheduler_has_a_table_too() {
    let expected = [
        "turn 0, 0ns after the start; ready: none",
        "  task  state     turns  spawned at, and what it waits for",
        "  no timers",
    ];
    assert_eq!(virtual_scheduler().snapshot().to_string(), expected.join("\n"));
}

#[test]
fn a_snapshot_has_the_same_details_as_data() {
    let (scheduler, _kept) = colorful();
    let Snapshot { turn, elapsed, ready, tasks, timers, .. } = scheduler.snapshot();
    assert_eq!((turn, elapsed, ready.len()), (7, 2 * SECOND, 1));
    assert_eq!(ready[0].id, tasks[7].label.id);
    let states: Vec<TaskState> = tasks.iter().map(|task| task.state).collect();
    let (waiting, finished, ready) = (TaskState::Waiting, TaskState::Finished, TaskState::Ready);
    assert_eq!(states, [waiting, finished, waiting, waiting, waiting, waiting, waiting, ready]);
    assert_eq!((tasks[0].label.name.as_deref(), tasks[0].priority), (Some("owner"), -3));
    assert_eq!((tasks[3].turns, tasks[3].last_turn, tasks[3].priority), (1, 4, 0));
    assert_eq!((tasks[7].turns, tasks[7].last_turn), (0, 0));
    assert!(tasks[1].waits.is_empty() && tasks[7].waits.is_empty());
    assert!(matches!(tasks[0].waits[..], [WaitsFor::Nothing]));
    assert!(matches!(tasks[4].waits[..], [WaitsFor::Join { .. }]));
    assert!(matches!(tasks[5].waits[..], [WaitsFor::Foreign { wakers: 1, .. }]));
    assert_eq!(timers[0].left, Some(3 * SECOND));
    assert_eq!(timers[0].task.as_ref().unwrap().id, tasks[3].label.id);
    assert_eq!((timers[1].left, timers[1].place.file()), (None, file!()));
}

#[test]
fn spawned_at_is_where_spawn_was_called() {
    let scheduler = virtual_scheduler();
    let by_scheduler = scheduler.spawn(async {}); // [scheduler]
    let by_builder = task::Builder::new().spawn_on(&scheduler, async {}); // [builder]
    let mut inside = None;
    scheduler.block_on(async {
        inside = Some(spawn(pending::<()>())); // [inside]
    });
    let inside = inside.unwrap();
    let places = [by_scheduler.spawned_at(), by_builder.spawned_at(), inside.spawned_at()];
    let marks = places.map(|place| with_marks(&place.to_string()));
    assert_eq!(marks, ["[scheduler]", "[builder]", "[inside]"]);
    let looks = async { scheduler.snapshot().tasks.pop().unwrap() };
    let root = scheduler.block_on(looks); // [root]
    assert!(root.label.is_root);
    assert_eq!(with_marks(&root.spawned_at.to_string()), "[root]");
    assert_eq!(scheduler.snapshot().tasks[2].spawned_at, inside.spawned_at());
}

#[test]
fn timers_are_in_the_order_of_their_deadlines() {
    let scheduler = virtual_scheduler();
    for seconds in [30, 10, 20, 10] {
        scheduler.spawn(sleep(seconds * SECOND));
    }
    scheduler.spawn(sleep(Duration::MAX));
    scheduler.run_until_stalled();
    let left: Vec<_> = scheduler.snapshot().timers.iter().map(|timer| timer.left).collect();
    let ten = Some(10 * SECOND);
    assert_eq!(left, [ten, ten, Some(20 * SECOND), Some(30 * SECOND), None]);
}

// turnwise#15: nothing was left of any overdue timer, so they came in the order of their slots.
#[test]
fn timers_with_equal_or_past_deadlines_are_in_the_order_in_which_they_will_complete() {
    for scheduler in [virtual_scheduler(), Scheduler::new()] {
        let log = trace::Log::default();
        scheduler.block_on(async {
            let start = time::now();
            drop((sleep(SECOND), sleep(SECOND))); // Their slots are used again, the last one first.
            let past = |seconds: u32| start.checked_sub(seconds * SECOND).unwrap();
            let deadlines =
                [past(1), start, past(3), past(1), start, past(3), past(2), past(1)].into_iter();
            let endless = deadlines.clone().map(|_| Box::pin(sleep(Duration::MAX)));
            let endless: Vec<_> = endless.rev().collect();
            let sleeps = deadlines.zip(0..).map(|(deadline, number)| {
                let (sleep, log) = (time::sleep_until(deadline), log.clone());
                task::Builder::new().name(number.to_string()).spawn(async move {
                    sleep.await;
                    log.say(number.to_string());
                })
            });
            let handles: Vec<_> = sleeps.collect();
            yield_now().await; // Now all of them wait.
            let timers = scheduler.snapshot().timers.into_iter();
            let named: Vec<_> = timers.map(|timer| timer.task.unwrap().name.unwrap()).collect();
            for handle in handles {
                handle.await.unwrap();
            }
            assert_eq!(named.iter().map(|name| &**name).collect::<Vec<_>>(), log.take());
            drop(endless);
        });
    }
}

#[test]
fn the_deadline_of_a_timer_that_was_just_created_is_known() {
    let scheduler = Scheduler::new();
    scheduler.block_on(async {
        let mut sleep = std::pin::pin!(sleep(SECOND));
        assert!(futures::poll!(sleep.as_mut()).is_pending());
        let timers = scheduler.snapshot().timers;
        assert!(timers.len() == 1 && timers[0].left.is_some_and(|left| left <= SECOND));
    });
}

#[test]
fn ready_is_in_the_order_of_the_turns_to_come() {
    let scheduler = virtual_scheduler();
    for _ in 0..4 {
        scheduler.spawn(yield_now());
    }
    let mut orders = Vec::new();
    for _ in 0..4 {
        let ready = scheduler.snapshot().ready;
        orders.push(ready.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(" "));
        let turn = scheduler.step().unwrap();
        assert_eq!(turn.task, ready[0]);
    }
    assert_eq!(orders, ["#1 #2 #3 #4", "#2 #3 #4 #1", "#3 #4 #1 #2", "#4 #1 #2 #3"]);
}

#[test]
fn a_task_may_take_a_snapshot_of_its_own_scheduler() {
    let scheduler = Rc::new(virtual_scheduler());
    let own = Rc::clone(&scheduler);
    scheduler.spawn(yield_now());
    scheduler.spawn(pending::<()>());
    scheduler.block_on(async move {
        let snapshot = own.snapshot();
        let states: Vec<TaskState> = snapshot.tasks.iter().map(|task| task.state).collect();
        assert_eq!(states, [TaskState::Ready, TaskState::Waiting, TaskState::Running]);
        assert!(snapshot.tasks[2].label.is_root);
        assert_eq!(snapshot.tasks[2].label.to_string(), "#3 main");
        assert_eq!((snapshot.turn, snapshot.tasks[2].turns), (3, 1));
        assert_eq!(own.metrics().alive, 3);
    });
    assert_eq!(scheduler.snapshot().tasks.len(), 2, "the root has left");
}

#[test]
fn a_task_that_was_woken_in_its_turn_is_running_until_the_turn_ends() {
    let scheduler = Rc::new(virtual_scheduler());
    let own = Rc::clone(&scheduler);
    let mut looked = false;
    scheduler.block_on(poll_fn(move |cx| {
        if std::mem::replace(&mut looked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        let Snapshot { ready, tasks, .. } = own.snapshot();
        assert_eq!((ready.len(), tasks[0].state), (0, TaskState::Running));
        Poll::Pending
    }));
}

/// Formats a value with `{:?}`, after checking that `{:#?}` works too.
fn debug(value: &impl Debug) -> String {
    assert!(!format!("{value:#?}").is_empty());
    format!("{value:?}")
}

#[test]
fn every_public_type_implements_debug_and_shows_its_numbers() {
    let scheduler = virtual_scheduler();
    assert!(debug(&scheduler).starts_with("Scheduler"));
    assert!(debug(&Scheduler::builder().policy(Policy::Random(7))).contains("Random(7)"));
    assert!(debug(&Builder::new()).contains("Fifo"));
    assert!(debug(&ThreadParker::new()).starts_with("ThreadParker"));
    let builder = task::Builder::new().name("poller").priority(3);
    assert!(debug(&builder).contains("poller"));
    let handle = builder.spawn_on(&scheduler, pending::<()>());
    let text = debug(&handle);
    assert!(text.contains("#1") && text.contains("poller") && text.contains("false"), "{text}");
    assert!(debug(&handle.abort_handle()).contains("#1"));
    let guard = CancelOnDrop::new(AbortOnDrop::new(handle).detach());
    assert!(debug(&guard).contains("#1"));
    assert!(debug(&AbortOnDrop::new(guard.detach())).contains("#1"));
    let error = scheduler.block_on(scheduler.spawn(async { panic!("a bug") })).unwrap_err();
    assert_eq!(debug(&error), "JoinError(task #2 panicked: a bug)");

    let (busy, _kept) = colorful();
    let text = debug(&busy.snapshot());
    assert!(text.contains("#1") && text.contains("owner") && text.contains("Finished"), "{text}");
    assert!(debug(&busy.metrics()).contains("spawned: 8"));
    assert!(debug(&busy.step().unwrap()).contains("#8"));
    let report = virtual_scheduler().try_block_on(pending::<()>()).unwrap_err();
    assert_eq!(debug(&report), report.to_string());

    scheduler.block_on(async {
        assert!(debug(&TaskKey::current().unwrap()).contains("TaskKey"));
        let waiter = poll_fn(|cx| Poll::Ready(Waiter::of(cx))).await;
        assert!(debug(&waiter).contains("TaskKey"), "{waiter:?}");
        let wait = Wait::new(waiter.task(), Resource::new("event").named("go"), Location::caller());
        assert!(debug(&wait).contains("go"));
        assert!(debug(&sleep(SECOND)).contains("is_elapsed: false"));
        assert!(debug(&yield_now()).contains("yielded: false"));
        assert!(debug(&time::advance(SECOND)).contains("1s"));
        let mut interval = time::interval(SECOND);
        assert!(debug(&interval.tick()).contains("period: 1s"));
    });
}

/// The lines below the head and before the last one, without the columns.
fn rows(scheduler: &Scheduler) -> Vec<String> {
    let text = with_marks(&scheduler.snapshot().to_string());
    let rows: Vec<String> = text.lines().skip(2).map(|line| line.trim_start().to_owned()).collect();
    rows[..rows.len() - 1].to_vec()
}

#[test]
fn a_task_that_was_asked_to_end_shows_why_and_what_holds_the_request() {
    let scheduler = virtual_scheduler();
    let work = async {
        let sleeping = task::mask(sleep(SECOND)); // [mask]
        sleeping.await;
        let caught = task::catch_cancel(pending::<()>()); // [catch]
        if let Err(_cancelled) = caught.await {
            sleep(SECOND).await; // [clean-up]
        }
    };
    let handle = scheduler.spawn(work); // [spawned]
    scheduler.run_until_stalled();
    assert!(scheduler.snapshot().tasks[0].requests.is_empty());
    handle.cancel_with("closing time");
    let masked = "asked to end (closing time); held by the mask at [mask]";
    let rows = |expected: [&str; 3]| assert_eq!(self::rows(&scheduler), expected);
    rows(["#1    ready         1  [spawned]", "waits for a sleep with 1s left at [mask]", masked]);
    scheduler.run_until_stalled();
    rows(["#1    waiting       2  [spawned]", "waits for a sleep with 1s left at [mask]", masked]);
    scheduler.advance(SECOND);
    scheduler.step().unwrap();
    let caught = "asked to end (closing time); held by the catch at [catch], which will take it";
    assert_eq!(self::rows(&scheduler), ["#1    ready         3  [spawned]", caught]);
    scheduler.run_until_stalled();
    rows([
        "#1    waiting       4  [spawned]",
        "waits for a sleep with 1s left at [clean-up]",
        "asked to end (closing time); held by the clean-up of the catch at [catch]",
    ]);
    scheduler.advance(SECOND);
    scheduler.run_until_stalled();
    assert!(scheduler.snapshot().tasks[0].requests.is_empty());
}

#[test]
fn a_request_on_the_task_that_takes_its_turn_is_held_by_nothing_yet() {
    let scheduler = Rc::new(virtual_scheduler());
    let own = Rc::clone(&scheduler);
    let handles: Rc<RefCell<Vec<turnwise::JoinHandle<()>>>> = Rc::default();
    let inside = Rc::clone(&handles);
    handles.borrow_mut().push(scheduler.spawn(async move {
        inside.borrow()[0].cancel_with("enough");
        let snapshot = own.snapshot();
        let [request] = &snapshot.tasks[0].requests[..] else { panic!("{snapshot}") };
        assert_eq!(request.to_string(), "asked to end (enough)");
        assert!(request.holders.is_empty());
    }));
    scheduler.run().unwrap();
}

#[test]
fn a_timeout_that_has_elapsed_shows_what_it_waits_for() {
    let scheduler = virtual_scheduler();
    scheduler.spawn(async {
        let limited = timeout(SECOND, task::mask(sleep(3 * SECOND))); // [timeout]
        let _ = limited.await;
    });
    scheduler.run_until_stalled();
    scheduler.advance(SECOND);
    scheduler.run_until_stalled();
    let snapshot = scheduler.snapshot();
    let request = &snapshot.tasks[0].requests[0];
    let expected = "the part at [timeout] was asked to end (the deadline has passed); held by the mask at [timeout]";
    assert_eq!(with_marks(&request.to_string()), expected);
    assert_eq!(request.part.map(Location::file), Some(file!()));
}

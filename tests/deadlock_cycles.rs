//! Which cycles a report shows, of how many; and that it stays small and is made in linear time.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::RefCell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures::future::{join_all, select};
use turnwise::channel::{mpsc, oneshot};
use turnwise::scheduler::{DeadlockReport, WaitsFor};
use turnwise::sync::{Event, Mutex, RwLock, Semaphore};
use turnwise::task::JoinSet;
use turnwise::waiting::{Resource, TaskKey, Wait, Waited, register};
use turnwise::{RunError, Scheduler, join, spawn, task, yield_now};

/// Replaces locations in this file by the marks at the ends of their lines.
fn with_marks(text: &str) -> String {
    trace::with_marks(text, file!(), include_str!("deadlock_cycles.rs"))
}

/// The report of a scheduler whose tasks can never run again.
fn stuck(scheduler: &Scheduler) -> DeadlockReport {
    match scheduler.run() {
        Err(RunError::Deadlock(report)) => *report,
        other => panic!("expected a deadlock, not {other:?}"),
    }
}

/// The cycles of a report, as they are printed.
fn cycles(report: &DeadlockReport) -> Vec<String> {
    report.cycles.iter().map(|cycle| with_marks(&cycle.to_string())).collect()
}

/// Spawns tasks that each lock these two mutexes, by their numbers, one after the other.
fn lock_in_pairs(scheduler: &Scheduler, count: usize, pairs: &[[usize; 2]]) {
    let locks: Rc<Vec<Mutex<usize>>> = Rc::new((0..count).map(Mutex::new).collect());
    for &[first, then] in pairs {
        let locks = Rc::clone(&locks);
        scheduler.spawn(async move {
            let _first = locks[first].lock().await;
            yield_now().await;
            let _then = locks[then].lock().await;
        });
    }
}

// ----- which cycles -----

#[test]
fn a_cycle_is_printed_once_however_many_ways_lead_around_it() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        let door = Mutex::new(()).named("door");
        let _guard = door.lock().await; // [guard]
        drop(join!(door.lock(), door.lock())); // [both]
    });
    let expected = [
        "deadlock at turn 1: 1 task can never run again",
        "  #1  waits for mutex \"door\" at [both], held by #1 (locked at [guard]), since turn 1",
        "      waits for mutex \"door\" at [both], held by #1 (locked at [guard]), since turn 1",
        "cycle: #1 -> mutex \"door\" -> #1",
        "certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler",
    ];
    assert_eq!(with_marks(&stuck(&scheduler).to_string()), expected.join("\n"));
}

#[test]
fn a_task_that_holds_two_permits_and_awaits_a_third_is_one_cycle() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        let slots = Semaphore::new(2);
        let _two = (slots.acquire().await, slots.acquire().await); // [held]
        drop(join!(slots.acquire(), slots.acquire())); // [wait]
    });
    assert_eq!(cycles(&stuck(&scheduler)), ["cycle: #1 -> semaphore -> #1"]);
}

#[test]
fn of_cycles_that_share_tasks_the_shortest_is_shown_and_the_other_tasks_are_counted() {
    // Six tasks in a ring; the fourth waits for the fifth, and also for the third.
    let scheduler = Scheduler::new();
    let locks: Rc<Vec<Mutex<usize>>> = Rc::new((0..6).map(Mutex::new).collect());
    for own in 0..6 {
        let locks = Rc::clone(&locks);
        scheduler.spawn(async move {
            let _own = locks[own].lock().await;
            yield_now().await;
            let next = locks[(own + 1) % 6].lock();
            if own == 3 {
                drop(join!(next, locks[2].lock()));
            } else {
                drop(next.await);
            }
        });
    }
    let report = stuck(&scheduler);
    let expected = "cycle: #3 -> mutex -> #4 -> mutex -> #3; 4 more tasks form cycles with these";
    assert_eq!((cycles(&report), report.cycles[0].others), (vec![expected.to_owned()], 4));
}

#[test]
fn separate_cycles_are_all_reported_and_a_waiter_outside_is_not_counted() {
    let scheduler = Scheduler::new();
    lock_in_pairs(&scheduler, 4, &[[0, 1], [1, 0], [2, 3], [3, 2], [3, 0]]);
    let report = stuck(&scheduler);
    let expected =
        ["cycle: #1 -> mutex -> #2 -> mutex -> #1", "cycle: #3 -> mutex -> #4 -> mutex -> #3"];
    assert_eq!(cycles(&report), expected);
    assert!(report.cycles.iter().all(|cycle| cycle.others == 0));
    let order: Vec<u64> = report.tasks.iter().map(|task| task.label.id.as_u64()).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn a_cycle_that_certainly_exists_is_shown_in_place_of_an_assumed_one() {
    // The client has moved the sender of its answer to the server. So "it waits for itself" is only assumed; that both
    // want the same two locks is certain.
    let scheduler = Scheduler::new();
    let error = scheduler.try_block_on(async {
        let (left, right) =
            (Rc::new(Mutex::new(()).named("left")), Rc::new(Mutex::new(()).named("right")));
        let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<u32>>(1);
        let theirs = (Rc::clone(&left), Rc::clone(&right));
        let server = async move {
            let _right = theirs.1.lock().await;
            let answer = inbox.recv().await.unwrap();
            let _left = theirs.0.lock().await;
            answer.send(1).unwrap();
        };
        task::Builder::new().name("server").spawn(server);
        let _left = left.lock().await;
        let (sender, answer) = oneshot::channel(); // [channel]
        requests.send(sender).await.unwrap();
        yield_now().await;
        drop(join!(answer, right.lock()));
    });
    let Err(RunError::Deadlock(report)) = error else { panic!("expected a deadlock") };
    assert_eq!(cycles(&report), ["cycle: #1 -> mutex \"right\" -> #2 -> mutex \"left\" -> #1"]);
}

#[test]
fn a_cycle_that_is_only_assumed_is_shown_beside_a_certain_one_of_other_tasks() {
    let error = Scheduler::new().try_block_on(async {
        let (left, right) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let (_kept, mut inbox) = mpsc::channel::<()>(1);
        let locks = (Rc::clone(&left), Rc::clone(&right));
        let one = spawn(async move {
            let _left = locks.0.lock().await;
            yield_now().await;
            drop(select(pin!(locks.1.lock()), pin!(inbox.recv())).await);
        });
        let two = async move {
            let _right = right.lock().await;
            yield_now().await;
            drop(left.lock().await);
        };
        drop(spawn(two));
        let (_sender, mut receiver) = mpsc::channel::<()>(1); // [channel]
        drop(join!(one, receiver.recv()));
    });
    let Err(RunError::Deadlock(report)) = error else { panic!("expected a deadlock") };
    let expected = [
        "cycle: #2 -> mutex -> #3 -> mutex -> #2",
        "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel]",
    ];
    assert_eq!(cycles(&report), expected);
    let order: Vec<u64> = report.tasks.iter().map(|task| task.label.id.as_u64()).collect();
    assert_eq!(order, [2, 3, 1]);
}

#[test]
fn the_tasks_of_cycles_that_are_only_assumed_keep_their_places() {
    let scheduler = Scheduler::new();
    scheduler.spawn(pending::<()>());
    for _ in 0..2 {
        scheduler.spawn(async {
            let (sender, answer) = oneshot::channel::<()>(); // [channel]
            spawn(async move {
                pending::<()>().await;
                drop(sender);
            });
            answer.await
        });
    }
    let report = stuck(&scheduler);
    let cycle = |task| {
        format!(
            "cycle: #{task} -> a message on oneshot channel -> #{task}, if #{task} has kept the sender created at [channel]"
        )
    };
    assert_eq!(cycles(&report), [cycle(2), cycle(3)]);
    let order: Vec<u64> = report.tasks.iter().map(|task| task.label.id.as_u64()).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn of_many_conditions_eight_are_printed_and_the_others_are_counted() {
    let scheduler = Scheduler::new();
    let receivers: Rc<RefCell<Vec<Option<mpsc::Receiver<()>>>>> = Rc::default();
    for number in 0..20 {
        let receivers = Rc::clone(&receivers);
        scheduler.spawn(async move {
            let (_sender, receiver) = mpsc::channel(1); // [channel]
            receivers.borrow_mut().push(Some(receiver));
            yield_now().await;
            let mut next = receivers.borrow_mut()[(number + 1) % 20].take().unwrap();
            next.recv().await
        });
    }
    let [cycle] = &cycles(&stuck(&scheduler))[..] else { panic!("one cycle") };
    assert_eq!(cycle.matches("if #").count(), 8);
    let expected = "if #9 has kept the sender created at [channel], … and 12 more conditions";
    assert!(cycle.ends_with(expected), "{cycle}");
}

#[test]
fn a_task_that_has_ended_with_a_forgotten_guard_closes_no_cycle() {
    let scheduler = Scheduler::new();
    let door: &Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    let first = scheduler.spawn(async { std::mem::forget(door.lock().await) });
    scheduler.spawn(async {
        first.await.unwrap();
        drop(door.lock().await);
    });
    let report = stuck(&scheduler);
    assert!(report.cycles.is_empty(), "{report}");
    let [WaitsFor::Resource { owners, .. }] = &report.tasks[0].waits[..] else {
        panic!("{report}")
    };
    assert!(owners[0].has_finished);
}

// ----- the text has a limit -----

#[test]
fn one_hundred_and_fifty_tasks_that_share_a_semaphore_are_reported_in_a_hundred_lines() {
    let scheduler = Scheduler::new();
    let slots = Rc::new(Semaphore::new(150).named("slots"));
    for _ in 0..150 {
        let slots = Rc::clone(&slots);
        scheduler.spawn(async move {
            let _one = slots.acquire().await; // [one]
            yield_now().await;
            drop(slots.acquire().await); // [two]
        });
    }
    let report = stuck(&scheduler);
    assert_eq!((report.tasks.len(), report.cycles.len()), (150, 1));
    let text = with_marks(&report.to_string());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 100 + 1 + 1 + 1);
    let owners: Vec<String> = (1..=8).map(|owner| format!("#{owner} (taken at [one])")).collect();
    let owners = owners.join(", ");
    let expected = [
        "deadlock at turn 300: 150 tasks can never run again".to_owned(),
        format!(
            "  #1    waits for semaphore \"slots\" at [two], held by {owners}, … and 142 more, since turn 151"
        ),
    ];
    assert_eq!(lines[..2], expected);
    let expected = [
        "  … and 50 more tasks",
        "cycle: #1 -> semaphore \"slots\" -> #1; 149 more tasks form cycles with these",
        "certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler",
    ];
    assert_eq!(lines[101..], expected);
}

#[test]
fn of_many_cycles_and_waits_some_are_printed_and_all_are_data() {
    let scheduler = Scheduler::new();
    for _ in 0..25 {
        lock_in_pairs(&scheduler, 2, &[[0, 1], [1, 0]]);
    }
    let event = Rc::new(Event::new());
    scheduler.spawn(async move { join_all((0..20).map(|_| event.wait())).await }); // [event]
    let report = stuck(&scheduler);
    assert_eq!((report.cycles.len(), report.tasks[50].waits.len()), (25, 20));
    let text = report.to_string();
    assert_eq!(text.matches("\ncycle: ").count(), 20);
    assert!(text.contains("\n… and 5 more cycles\ncertain: "), "{text}");
    assert_eq!(text.matches("waits for event").count(), 8);
    assert!(text.contains("\n       … and 12 more waits\ncycle: "), "{text}");
}

#[test]
fn a_snapshot_prints_a_hundred_tasks_and_counts_the_others() {
    let scheduler = Scheduler::new();
    for _ in 0..103 {
        scheduler.spawn(pending::<()>()); // [spawned]
    }
    let text = with_marks(&scheduler.snapshot().to_string());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with(", #99, #100, … and 3 more"), "{}", lines[0]);
    let expected = ["  #100  ready         0  [spawned]", "  … and 3 more tasks", "  no timers"];
    assert_eq!(lines[101..], expected);
}

#[test]
fn the_name_of_a_forgotten_lock_may_have_any_length_and_is_cut_and_pads_no_other_line() {
    // 70,000 is more than the greatest width that std formats: that would be a panic.
    let long = "n".repeat(70_000);
    let name = format!("\"{}…\"", "n".repeat(100));
    let scheduler = Scheduler::builder().virtual_time().build();
    let lock: &Mutex<()> = Box::leak(Box::new(Mutex::new(()).named(long.clone())));
    std::mem::forget(scheduler.block_on(lock.lock())); // [lock]
    task::Builder::new().name(long).spawn_on(&scheduler, async { drop(lock.lock().await) }); // [wait]
    scheduler.spawn(pending::<()>());
    let handle = scheduler.spawn(task::mask(pending::<()>())); // [mask]
    scheduler.run_until_stalled();
    handle.cancel_with("r".repeat(70_000));
    let owner = "acquired by #1, which has finished (locked at [lock])";
    let report = with_marks(&stuck(&scheduler).to_string());
    let expected = [
        format!("  #2 {name}  waits for mutex {name} at [wait], {owner}, since turn 2"),
        format!(
            "  {:60}  waits for nothing that could wake it: no waker was kept, since turn 3",
            "#3"
        ),
        format!(
            "  {:60}  asked to end ({}…); held by the mask at [mask], since turn 5",
            "#4",
            "r".repeat(100)
        ),
    ];
    assert_eq!(report.lines().skip(1).take(3).collect::<Vec<_>>(), expected);
    let snapshot = scheduler.snapshot().to_string();
    assert!(snapshot.lines().all(|line| line.chars().count() < 400), "{snapshot}");
    let shutdown = scheduler.shutdown(std::time::Duration::ZERO).unwrap().to_string();
    assert!(shutdown.lines().all(|line| line.chars().count() < 400), "{shutdown}");
}

#[test]
fn a_shutdown_prints_a_hundred_tasks_of_each_kind_and_eight_waits_of_each() {
    let scheduler = Scheduler::builder().virtual_time().build();
    for _ in 0..103 {
        scheduler.spawn(pending::<()>());
    }
    let event = Rc::new(Event::new());
    for _ in 0..101 {
        let event = Rc::clone(&event);
        scheduler.spawn(task::mask(async move { join_all((0..9).map(|_| event.wait())).await }));
    }
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(std::time::Duration::ZERO).unwrap();
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((report.cancelled.len(), report.aborted.len()), (103, 101), "{}", lines[0]);
    assert_eq!(lines[101], "  cancelled  … and 3 more");
    assert_eq!(text.matches("\n  aborted ").count(), 101);
    assert_eq!(text.matches("waited for event").count(), 800);
    assert!(
        lines[111].trim() == "… and 1 more waits" && text.ends_with("\n  aborted    … and 1 more"),
        "{text}"
    );
}

#[test]
fn a_turn_prints_eight_of_the_tasks_that_it_has_woken_by_a_forgotten_event() {
    let scheduler = Scheduler::new();
    let event: &Event = Box::leak(Box::new(Event::new()));
    for _ in 0..10 {
        scheduler.spawn(event.wait());
    }
    scheduler.run_until_stalled();
    scheduler.spawn(async {
        event.set();
        event.clear();
        join_all((0..9).map(|_| event.wait())).await // [event]
    });
    let turn = with_marks(&scheduler.step().unwrap().to_string());
    let waits = ["event at [event]"; 8].join(", and for ");
    let woke = "#1, #2, #3, #4, #5, #6, #7, #8, … and 2 more";
    assert_eq!(turn, format!("turn 11: #11 waits for {waits}, … and 1 more; woke {woke}"));
}

#[test]
fn the_debug_output_of_a_wait_has_eight_owners_and_the_number_of_the_others() {
    let scheduler = Scheduler::new();
    let slots = Rc::new(Semaphore::new(50));
    for _ in 0..50 {
        let slots = Rc::clone(&slots);
        scheduler.spawn(async move {
            let _one = slots.acquire().await;
            yield_now().await;
            drop(slots.acquire().await);
        });
    }
    let report = stuck(&scheduler);
    let wait = format!("{:?}", report.tasks[0].waits[0]);
    assert_eq!(wait.matches("Owner {").count(), 8);
    assert!(
        wait.starts_with("Resource { resource: ") && wait.ends_with(", … and 42 more] }"),
        "{wait}"
    );
    assert_eq!(format!("{report:?}").matches("Owner {").count(), 51 * 8);
    assert_eq!(format!("{:?}", scheduler.snapshot()).matches("Owner {").count(), 50 * 8);
}

// ----- linear -----

/// How many there are of each: enough that work or memory for each pair would take minutes.
const MANY: usize = 3_000;

#[test]
fn a_join_set_of_thousands_is_one_wait_with_a_list_of_owners() {
    let scheduler = Scheduler::new();
    scheduler.spawn(async {
        let mut set = JoinSet::new();
        for _ in 0..MANY {
            set.spawn(pending::<()>());
        }
        set.join_next().await
    });
    scheduler.run_until_stalled();
    let snapshot = scheduler.snapshot();
    let [WaitsFor::Resource { owners, .. }] = &snapshot.tasks[0].waits[..] else { panic!() };
    assert_eq!(owners.len(), MANY);
    assert!(snapshot.to_string().len() < 20_000);
}

#[test]
fn thousands_of_waits_for_one_resource_share_the_list_of_its_owners() {
    let scheduler = Scheduler::new();
    let lock = Rc::new(RwLock::new(()));
    let slots = Rc::new(Semaphore::new(MANY));
    for _ in 0..MANY {
        let (lock, slots) = (Rc::clone(&lock), Rc::clone(&slots));
        scheduler.spawn(async move {
            let _reads = lock.read().await;
            let _slot = slots.acquire().await;
            yield_now().await;
            drop(join!(lock.write(), slots.acquire()));
        });
    }
    let report = stuck(&scheduler);
    let lists = report.tasks.iter().map(|task| match &task.waits[..] {
        [WaitsFor::Resource { owners: one, .. }, WaitsFor::Resource { owners: two, .. }] => {
            assert_eq!((one.len(), two.len()), (MANY, MANY));
            [Arc::as_ptr(one).addr(), Arc::as_ptr(two).addr()]
        }
        waits => panic!("{waits:?}"),
    });
    let lists: std::collections::BTreeSet<usize> = lists.flatten().collect();
    assert_eq!((lists.len(), report.tasks.len(), report.cycles.len()), (2, MANY, 1));
    assert_eq!(report.cycles[0].others, MANY - 1);
    assert!(report.to_string().len() < 200_000);
}

/// Thousands of waits in user code, for a resource with thousands of owners.
struct Crowd {
    tasks: RefCell<Vec<TaskKey>>,
}

impl Waited for Crowd {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        let place = std::panic::Location::caller();
        let tasks = self.tasks.borrow();
        let owners = Arc::new(tasks.iter().map(|&task| (task, place)).collect());
        for &task in &*tasks {
            let mut wait = Wait::new(Some(task), Resource::new("crowd"), place);
            wait.owners = Arc::clone(&owners);
            each(wait);
        }
    }
}

#[test]
fn waits_in_user_code_can_share_a_list_of_owners_too() {
    let crowd = Rc::new(Crowd { tasks: RefCell::default() });
    let waited: Rc<dyn Waited> = Rc::clone(&crowd) as _;
    let _registration = register(Rc::downgrade(&waited));
    let scheduler = Scheduler::new();
    for _ in 0..MANY {
        let crowd = Rc::clone(&crowd);
        scheduler.spawn(async move {
            crowd.tasks.borrow_mut().push(TaskKey::current().unwrap());
            pending::<()>().await;
        });
    }
    let report = stuck(&scheduler);
    assert_eq!(report.cycles[0].steps.len(), 1);
    assert_eq!(report.cycles[0].others, MANY - 1);
}

#[test]
fn thousands_of_senders_and_of_joins_are_reported_in_linear_time() {
    let scheduler = Scheduler::new();
    let error = scheduler.try_block_on(async {
        let (sender, mut receiver) = mpsc::channel(MANY); // [channel]
        let mut last = spawn(pending::<()>());
        for number in 0..MANY {
            let sender = sender.clone();
            last = spawn(async move {
                sender.send(number).await.unwrap();
                last.await.unwrap();
                drop(sender);
            });
        }
        while receiver.recv().await.is_some() {}
    });
    let Err(RunError::Deadlock(report)) = error else { panic!("expected a deadlock") };
    assert_eq!(report.tasks.len(), MANY + 2);
    // The root has kept the first sender.
    let cycle =
        "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel]";
    assert_eq!(cycles(&report), [cycle]);
}

//! What holds a resource, word for word: guards that were moved, tasks that have finished, and the ends of channels.
//!
//! Locks are leaked here, so that their guards can move into tasks: the check for leaks leaves this program out.

#![cfg(not(turnwise_leaks_checked))]
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use futures::future::select;
use turnwise::channel::{broadcast, mpsc, oneshot, watch};
use turnwise::scheduler::{DeadlockReport, WaitsFor};
use turnwise::sync::{
    Mutex, MutexGuard, OwnedSemaphorePermit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore,
    SemaphorePermit,
};
use turnwise::{RunError, Scheduler, join, spawn, task, yield_now};

/// The report of a future that can never complete.
fn stuck(future: impl Future) -> DeadlockReport {
    match Scheduler::new().try_block_on(future) {
        Err(RunError::Deadlock(report)) => *report,
        _ => panic!("expected a deadlock"),
    }
}

/// The lines about tasks and cycles, with marks in place of locations in this file.
fn lines(report: &DeadlockReport) -> Vec<String> {
    let text = trace::with_marks(&report.to_string(), file!(), include_str!("owners.rs"));
    let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    let [head, lines @ .., verdict] = &lines[..] else { panic!("{text}") };
    assert!(head.starts_with("deadlock at turn ") && verdict.starts_with("certain: "), "{text}");
    lines.to_vec()
}

/// Runs a future that can never complete, and compares the lines about tasks and cycles.
#[track_caller]
fn assert_stuck(future: impl Future, expected: &[&str]) {
    assert_eq!(lines(&stuck(future)), expected);
}

/// A value that lives as long as the program, so that its guards can move into tasks.
fn forever<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Keeps a guard in a task of its own, and never ends.
fn keep<G: 'static>(guard: G) {
    let keeper = async move {
        pending::<()>().await;
        drop(guard);
    };
    task::Builder::new().name("keeper").spawn(keeper);
}

// ----- guards and permits -----

#[test]
fn a_moved_permit_is_held_by_the_task_that_acquired_it_while_that_lives() {
    // So the cycle is not one: the crate cannot see that a permit moves.
    assert_stuck(
        async {
            let slots = Rc::new(Semaphore::new(1).named("slots"));
            keep(Rc::clone(&slots).acquire_owned().await.unwrap()); // [permit]
            drop(slots.acquire().await); // [wait]
        },
        &[
            "#1 main      waits for semaphore \"slots\" at [wait], held by #1 main (taken at [permit]), since turn 1",
            "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2",
            "cycle: #1 -> semaphore \"slots\" -> #1",
        ],
    );
}

#[test]
fn a_moved_permit_was_acquired_by_a_task_that_has_finished() {
    assert_stuck(
        async {
            let slots = Rc::new(Semaphore::new(1).named("slots"));
            let theirs = Rc::clone(&slots);
            let hands_on = async move { keep(theirs.acquire_owned().await.unwrap()) }; // [permit]
            spawn(hands_on).await.unwrap();
            drop(slots.acquire().await); // [wait]
        },
        &[
            "#1 main      waits for semaphore \"slots\" at [wait], acquired by #2, which has finished (taken at [permit]), since turn 4",
            "#3 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 3",
        ],
    );
}

#[test]
fn a_finished_task_keeps_its_name_while_its_handle_is_kept() {
    assert_stuck(
        async {
            let door = forever(Mutex::new(()).named("door"));
            let forgets = async { std::mem::forget(door.lock().await) }; // [lock]
            let _handle = task::Builder::new().name("porter").spawn(forgets);
            yield_now().await;
            drop(door.lock().await); // [wait]
        },
        &[
            "#1 main  waits for mutex \"door\" at [wait], acquired by #2 \"porter\", which has finished (locked at [lock]), since turn 3",
        ],
    );
}

#[test]
fn owners_that_live_come_before_those_that_have_finished() {
    assert_stuck(
        async {
            let slots = Rc::new(Semaphore::new(4).named("slots"));
            let one = Rc::clone(&slots);
            let hands_on = async move {
                for _ in 0..2 {
                    keep(Rc::clone(&one).acquire_owned().await.unwrap()); // [finished]
                }
            };
            spawn(hands_on).await.unwrap();
            let _mine = slots.acquire_many(2).await.unwrap(); // [mine]
            drop(slots.acquire().await); // [wait]
        },
        &[
            "#1 main      waits for semaphore \"slots\" at [wait], held by #1 main (taken at [mine]), acquired by #2, which has finished (taken at [finished]), since turn 5",
            "#3 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 3",
            "#4 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 4",
            "cycle: #1 -> semaphore \"slots\" -> #1",
        ],
    );
}

/// Moves a guard to a task that takes it over, then waits for what it guards: all on a line with the mark "here".
#[track_caller]
fn assert_taken_over<G: 'static>(
    guard: impl Future<Output = G>,
    take_over: impl Fn(&G) + 'static,
    wait: impl Future,
    resource: &str,
    verb: &str,
) {
    let report = stuck(async {
        let guard = guard.await;
        let keeper = async move {
            take_over(&guard);
            pending::<()>().await;
            drop(guard);
        };
        task::Builder::new().name("keeper").spawn(keeper);
        yield_now().await;
        drop(wait.await);
    });
    let wait = format!("waits for {resource} at [here], held by #2 \"keeper\" ({verb} at [here])");
    let expected = [
        format!("#1 main      {wait}, since turn 3"),
        "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2"
            .to_owned(),
    ];
    assert_eq!(lines(&report), expected);
}

#[test]
fn take_over_makes_the_current_task_the_owner_of_any_guard_or_permit() {
    let lock = forever(Mutex::new(()));
    let (guard, wait) = (lock.lock(), lock.lock()); // [here]
    assert_taken_over(guard, MutexGuard::take_over, wait, "mutex", "locked");

    let lock = forever(RwLock::new(()));
    let (guard, wait) = (lock.read(), lock.write()); // [here]
    assert_taken_over(guard, RwLockReadGuard::take_over, wait, "rwlock", "locked");

    let lock = forever(RwLock::new(()));
    let (guard, wait) = (lock.write(), lock.read()); // [here]
    assert_taken_over(guard, RwLockWriteGuard::take_over, wait, "rwlock", "locked");

    let slots = forever(Semaphore::new(3));
    let take_over = |permit: &Result<SemaphorePermit<'_>, _>| permit.as_ref().unwrap().take_over();
    let (permit, wait) = (slots.acquire_many(2), slots.acquire_many(2)); // [here]
    assert_taken_over(permit, take_over, wait, "semaphore", "taken");

    let slots = Rc::new(Semaphore::new(1));
    let theirs = Rc::clone(&slots);
    let take_over = |permit: &Result<OwnedSemaphorePermit, _>| permit.as_ref().unwrap().take_over();
    let (permit, wait) = (theirs.acquire_owned(), slots.acquire()); // [here]
    assert_taken_over(permit, take_over, wait, "semaphore", "taken");

    let (sender, _receiver) = mpsc::channel::<u32>(1);
    let sender = forever(sender);
    let take_over = |permit: &Result<mpsc::Permit<'_, _>, _>| permit.as_ref().unwrap().take_over();
    let (permit, wait) = (sender.reserve(), sender.reserve()); // [here]
    assert_taken_over(permit, take_over, wait, "room in channel", "reserved");
}

#[test]
fn a_guard_that_was_downgraded_keeps_the_owner_that_took_it_over() {
    let lock = forever(RwLock::new(()));
    assert_stuck(
        async {
            let guard = lock.write().await; // [write]
            let keeper = async move {
                guard.take_over();
                keep(guard.downgrade());
            };
            let keeper = task::Builder::new().name("reader").spawn(keeper);
            keeper.await.unwrap();
            drop(lock.write().await); // [wait]
        },
        &[
            "#1 main      waits for rwlock at [wait], acquired by #2, which has finished (locked at [write]), since turn 4",
            "#3 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 3",
        ],
    );
}

#[test]
fn a_guard_that_is_taken_over_outside_of_all_tasks_has_no_owner() {
    let lock = forever(Mutex::new(()));
    let scheduler = Scheduler::new();
    let guard = scheduler.block_on(lock.lock());
    guard.take_over();
    let Err(RunError::Deadlock(report)) = scheduler.try_block_on(lock.lock()) else { panic!() }; // [wait]
    assert_eq!(lines(&report), ["#2 main  waits for mutex at [wait], since turn 2"]);
    drop(guard);
}

#[test]
fn the_owner_may_be_a_task_of_another_scheduler_or_of_one_that_is_gone() {
    let (door, gate) =
        (forever(Mutex::new(()).named("door")), forever(Mutex::new(()).named("gate")));
    let other = Scheduler::new();
    let keeps = |lock: &'static Mutex<()>| async {
        std::mem::forget(lock.lock().await); // [lock]
        pending::<()>().await;
    };
    task::Builder::new().name("keeper").spawn_on(&other, keeps(door));
    other.run_until_stalled();
    let gone = Scheduler::new();
    task::Builder::new().name("keeper").spawn_on(&gone, keeps(gate));
    gone.run_until_stalled();
    drop(gone);
    assert_stuck(
        async { join!(door.lock(), gate.lock()) }, // [wait]
        &[
            "#1 main  waits for mutex \"door\" at [wait], held by #1 \"keeper\" of another scheduler (locked at [lock]), since turn 1",
            "waits for mutex \"gate\" at [wait], acquired by #1 of another scheduler, which has finished (locked at [lock]), since turn 1",
        ],
    );
}

#[test]
fn a_join_of_a_task_of_another_scheduler_is_named() {
    let other = Scheduler::new();
    let theirs = task::Builder::new().name("theirs").spawn_on(&other, pending::<()>()); // [spawned]
    assert_stuck(
        theirs,
        &[
            "#1 main  waits for task #1 \"theirs\" of another scheduler, spawned at [spawned], since turn 1",
        ],
    );
}

// ----- channels -----

#[test]
fn a_waiter_that_keeps_the_only_sender_is_a_cycle() {
    assert_stuck(
        async {
            let (_sender, mut receiver) = mpsc::channel::<u32>(1); // [channel]
            receiver.recv().await // [wait]
        },
        &[
            "#1 main  waits for a message on channel at [wait], sender created by #1 main (at [channel]), since turn 1",
            "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel]",
        ],
    );
}

#[test]
fn a_forgotten_sender_beside_clones_that_were_dropped_is_a_cycle_with_if() {
    // Tasks get clones; the original is not dropped, so the loop over the results does not end. That it was cloned does
    // not prove that it was kept.
    assert_stuck(
        async {
            let (sender, mut results) = mpsc::unbounded(); // [channel]
            for number in 0..3 {
                let sender = sender.clone();
                spawn(async move { sender.send(number) });
            }
            while results.recv().await.is_some() {} // [wait]
        },
        &[
            "#1 main  waits for a message on channel at [wait], sender created by #1 main (at [channel]), since turn 5",
            "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel]",
        ],
    );
}

#[test]
fn a_clone_is_no_proof_that_the_original_was_kept() {
    // The last worker gets the original sender, as is usual.
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel::<u32>(1); // [channel]
            let clone = sender.clone(); // [clone]
            for sender in [clone, sender] {
                keep(sender);
            }
            receiver.recv().await // [wait]
        },
        &[
            "#1 main      waits for a message on channel at [wait], sender created by #1 main (at [channel]), #1 main (at [clone]), since turn 1",
            "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2",
            "#3 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 3",
            "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at [channel]",
        ],
    );
    let receivers = async {
        let (level, watcher) = watch::channel(0); // [watch]
        let clone = watcher.clone(); // [clone]
        for watcher in [clone, watcher] {
            keep(watcher);
        }
        level.closed().await; // [closed]
    };
    let lines = lines(&stuck(receivers));
    let expected = "cycle: #1 -> the closing of watch channel -> #1, if #1 has kept the receiver created at [watch]";
    assert_eq!(lines.last().unwrap(), expected);
}

#[test]
fn a_sender_that_was_used_elsewhere_belongs_to_the_task_that_used_it() {
    assert_stuck(
        async {
            let (sender, receiver) = mpsc::channel(1); // [channel]
            let mut receiver = receiver.named("jobs");
            let producer = async move {
                sender.send(1).await.unwrap();
                pending::<()>().await;
            };
            task::Builder::new().name("producer").spawn(producer);
            while receiver.recv().await.is_some() {} // [wait]
        },
        &[
            "#1 main        waits for a message on channel \"jobs\" at [wait], held by #2 \"producer\" (sender created at [channel]), since turn 3",
            "#2 \"producer\"  waits for nothing that could wake it: no waker was kept, since turn 2",
        ],
    );
}

#[test]
fn a_full_channel_whose_receiver_joins_the_sender_is_a_cycle() {
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel(1); // [channel]
            let sends = async move {
                for number in 0..3 {
                    sender.send(number).await.unwrap(); // [send]
                }
            };
            let sends = spawn(sends); // [spawned]
            receiver.recv().await;
            sends.await.unwrap();
        },
        &[
            "#1 main  waits for task #2, spawned at [spawned], since turn 3",
            "#2       waits for room in channel at [send], held by #1 main (receiver created at [channel]), since turn 4",
            "cycle: #1 -> #2 -> room in channel -> #1",
        ],
    );
}

#[test]
fn a_receiver_that_has_only_been_created_is_a_cycle_with_if() {
    assert_stuck(
        async {
            let (sender, _receiver) = mpsc::channel(1); // [channel]
            let sends = async move {
                while sender.send(0).await.is_ok() {} // [send]
            };
            spawn(sends).await.unwrap(); // [spawned]
        },
        &[
            "#1 main  waits for task #2, spawned at [spawned], since turn 1",
            "#2       waits for room in channel at [send], receiver created by #1 main (at [channel]), since turn 2",
            "cycle: #1 -> #2 -> room in channel -> #1, if #1 has kept the receiver created at [channel]",
        ],
    );
}

#[test]
fn a_permit_to_send_is_held_by_its_task_and_the_receiver_cannot_help() {
    assert_stuck(
        async {
            let (sender, _receiver) = mpsc::channel::<u32>(2);
            let _permits = join!(sender.reserve(), sender.reserve()); // [permits]
            sender.send(1).await // [wait]
        },
        &[
            "#1 main  waits for room in channel at [wait], held by #1 main (reserved at [permits]), #1 main (reserved at [permits]), since turn 1",
            "cycle: #1 -> room in channel -> #1",
        ],
    );
}

#[test]
fn beside_a_value_a_permit_and_the_receiver_can_both_make_room() {
    assert_stuck(
        async {
            let (sender, receiver) = mpsc::channel(2); // [channel]
            keep(receiver);
            sender.try_send(1).unwrap();
            let _permit = sender.try_reserve().unwrap(); // [permit]
            sender.reserve().await.is_ok() // [wait]
        },
        &[
            "#1 main      waits for room in channel at [wait], held by #1 main (reserved at [permit]), receiver created by #1 main (at [channel]), since turn 1",
            "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2",
            "cycle: #1 -> room in channel -> #1",
        ],
    );
}

#[test]
fn an_end_whose_last_user_has_finished_says_so() {
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::unbounded(); // [channel]
            let hands_on = async move {
                sender.send(1).unwrap();
                keep(sender);
            };
            spawn(hands_on).await.unwrap();
            while receiver.recv().await.is_some() {} // [wait]
        },
        &[
            "#1 main      waits for a message on channel at [wait], acquired by #2, which has finished (sender created at [channel]), since turn 4",
            "#3 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 3",
        ],
    );
}

#[test]
fn a_clone_and_an_upgrade_belong_to_the_task_that_made_them() {
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel::<u32>(1);
            let weak = sender.downgrade();
            let copies = async move {
                let (_clone, _upgraded) = (sender.clone(), weak.upgrade()); // [copies]
                drop(sender);
                pending::<()>().await;
            };
            task::Builder::new().name("copier").spawn(copies);
            receiver.recv().await // [wait]
        },
        &[
            "#1 main      waits for a message on channel at [wait], sender created by #2 \"copier\" (at [copies]), #2 \"copier\" (at [copies]), since turn 1",
            "#2 \"copier\"  waits for nothing that could wake it: no waker was kept, since turn 2",
        ],
    );
}

#[test]
fn what_waits_for_the_closing_of_a_channel_waits_for_its_receiver() {
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel::<u32>(1); // [channel]
            let closed = async move { sender.closed().await }; // [closed]
            task::Builder::new().name("closed").spawn(closed);
            receiver.recv().await // [wait]
        },
        &[
            "#1 main      waits for a message on channel   at [wait], held by #2 \"closed\" (sender created at [channel]), since turn 1",
            "#2 \"closed\"  waits for the closing of channel at [closed], held by #1 main (receiver created at [channel]), since turn 2",
            "cycle: #1 -> a message on channel -> #2 -> the closing of channel -> #1",
        ],
    );
}

#[test]
fn of_a_closed_channel_only_reserved_slots_are_waited_for() {
    for waits_before in [false, true] {
        let report = stuck(async {
            let (sender, mut receiver) = mpsc::channel::<u32>(2);
            let theirs: &mpsc::Sender<u32> = forever(sender.clone());
            keep(theirs.reserve().await.unwrap()); // [reserve]
            if waits_before {
                select(pin!(yield_now()), pin!(receiver.recv())).await;
            }
            receiver.close();
            receiver.recv().await // [wait]
        });
        let since = if waits_before { 3 } else { 1 };
        let expected = [
            format!(
                "#1 main      waits for a message on channel at [wait], held by #1 main (reserved at [reserve]), since turn {since}"
            ),
            "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2"
                .to_owned(),
            "cycle: #1 -> a message on channel -> #1".to_owned(),
        ];
        assert_eq!(lines(&report), expected);
    }
}

#[test]
fn receivers_of_broadcast_and_watch_wait_for_their_senders() {
    assert_stuck(
        async {
            let (news, mut reader) = broadcast::channel::<u32>(1); // [broadcast]
            let (level, mut watcher) = watch::channel(0); // [watch]
            let watcher = async move { watcher.changed().await }; // [changed]
            let watcher = task::Builder::new().name("watcher").spawn(watcher);
            level.send(1).unwrap();
            news.send(1).unwrap();
            reader.recv().await.unwrap();
            watcher.await.unwrap().unwrap();
            join!(reader.recv(), level.closed()) // [both]
        },
        &[
            "#1 main  waits for a message on broadcast channel at [both], held by #1 main (sender created at [broadcast]), since turn 3",
            "cycle: #1 -> a message on broadcast channel -> #1",
        ],
    );
}

#[test]
fn a_receiver_of_watch_keeps_the_channel_from_closing() {
    assert_stuck(
        async {
            let (level, watcher) = watch::channel(0); // [watch]
            let copy = watcher.clone(); // [clone]
            let both = async move { join!(async { drop(copy.borrow()) }, pending::<()>()) };
            task::Builder::new().name("watcher").spawn(both);
            yield_now().await;
            level.closed().await; // [closed]
            drop(watcher);
        },
        &[
            "#1 main       waits for the closing of watch channel at [closed], held by #2 \"watcher\" (receiver created at [clone]), receiver created by #1 main (at [watch]), since turn 3",
            "#2 \"watcher\"  waits for nothing that could wake it: no waker was kept, since turn 2",
            "cycle: #1 -> the closing of watch channel -> #1, if #1 has kept the receiver created at [watch]",
        ],
    );
}

#[test]
fn a_slot_that_was_granted_to_a_wait_belongs_to_its_task_before_it_is_polled() {
    let first_of = |name: &str, wait: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let first = async move {
            let mut wait = wait;
            assert!(futures::poll!(wait.as_mut()).is_pending());
            pending::<()>().await;
        };
        task::Builder::new().name(name).spawn(first)
    };
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel(1);
            let sender = forever(sender);
            sender.send(0).await.unwrap();
            first_of("slow", Box::pin(async { drop(sender.reserve().await) })); // [reserve]
            yield_now().await;
            let sends = spawn(async { sender.send(3).await }); // [spawned]
            yield_now().await;
            receiver.recv().await;
            sends.await.unwrap().unwrap();
        },
        &[
            "#1 main    waits for task #3, spawned at [spawned], since turn 5",
            "#2 \"slow\"  waits for nothing that could wake it: no waker was kept, since turn 6",
            "#3         waits for room in channel at [spawned], held by #2 \"slow\" (reserved at [reserve]), since turn 4",
        ],
    );
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel(1);
            let sender = forever(sender);
            sender.send(0).await.unwrap();
            first_of("slow", Box::pin(async { sender.send(1).await.unwrap() })); // [send]
            yield_now().await;
            receiver.recv().await;
            receiver.close();
            receiver.recv().await // [wait]
        },
        &[
            "#1 main    waits for a message on channel at [wait], held by #2 \"slow\" (reserved at [send]), since turn 3",
            "#2 \"slow\"  waits for nothing that could wake it: no waker was kept, since turn 4",
        ],
    );
}

#[test]
fn a_wait_that_the_closing_has_ended_holds_no_slot() {
    assert_stuck(
        async {
            let (sender, mut receiver) = mpsc::channel(1);
            let sender = forever(sender);
            let permit = sender.reserve().await.unwrap(); // [permit]
            let slow = async {
                let mut wait = pin!(sender.send(1));
                assert!(futures::poll!(wait.as_mut()).is_pending());
                pending::<()>().await;
            };
            task::Builder::new().name("slow").spawn(slow);
            yield_now().await;
            receiver.close();
            receiver.recv().await; // [wait]
            drop(permit);
        },
        &[
            "#1 main    waits for a message on channel at [wait], held by #1 main (reserved at [permit]), since turn 3",
            "#2 \"slow\"  waits for nothing that could wake it: no waker was kept, since turn 4",
            "cycle: #1 -> a message on channel -> #1",
        ],
    );
}

#[test]
fn no_permits_are_held_by_no_task() {
    assert_stuck(
        async {
            let slots = forever(Semaphore::new(1));
            keep(slots.acquire().await.unwrap()); // [one]
            yield_now().await;
            let _none = slots.acquire_many(0).await.unwrap();
            drop(slots.acquire().await); // [wait]
        },
        &[
            "#1 main      waits for semaphore at [wait], held by #1 main (taken at [one]), since turn 3",
            "#2 \"keeper\"  waits for nothing that could wake it: no waker was kept, since turn 2",
            "cycle: #1 -> semaphore -> #1",
        ],
    );
    let waits = stuck(async {
        let slots = forever(Semaphore::new(1));
        let holds = async {
            let _one = slots.acquire().await.unwrap();
            pending::<()>().await;
        };
        task::Builder::new().name("holder").spawn(holds);
        yield_now().await;
        let _none = slots.acquire_many(0).await.unwrap();
        drop(slots.acquire().await);
    });
    assert!(waits.cycles.is_empty(), "{waits}");
}

#[test]
fn a_use_outside_of_all_tasks_leaves_an_end_without_a_known_owner() {
    let mut outside = None;
    let scheduler = Scheduler::new();
    let mut receiver = scheduler.block_on(async {
        let (sender, receiver) = mpsc::unbounded::<u32>();
        outside = Some(sender);
        receiver
    });
    let sender = outside.unwrap();
    sender.send(1).unwrap();
    scheduler.block_on(receiver.recv());
    let Err(RunError::Deadlock(report)) = scheduler.try_block_on(receiver.recv()) else { panic!() }; // [wait]
    assert_eq!(lines(&report), ["#3 main  waits for a message on channel at [wait], since turn 3"]);
    drop(sender);
}

// ----- oneshot channels -----

#[test]
fn a_waiter_that_keeps_the_sender_of_its_answer_is_a_cycle() {
    assert_stuck(
        async {
            let (_sender, answer) = oneshot::channel::<u32>(); // [channel]
            answer.await
        },
        &[
            "#1 main  waits for a message on oneshot channel at [channel], sender created by #1 main (at [channel]), since turn 1",
            "cycle: #1 -> a message on oneshot channel -> #1, if #1 has kept the sender created at [channel]",
        ],
    );
}

#[test]
fn a_oneshot_channel_belongs_to_the_task_that_created_it_wherever_it_is_awaited() {
    for is_named in [false, true] {
        let name = if is_named { " \"answer\"" } else { "" };
        let report = stuck(async {
            let (_sender, mut answer) = oneshot::channel::<u32>(); // [channel]
            // First a wait here, then one there, with the same node in the record.
            select(pin!(yield_now()), &mut answer).await;
            if is_named {
                answer = answer.named("answer");
            }
            let asks = task::Builder::new().name("asks").spawn(answer); // [spawned]
            asks.await
        });
        let expected = [
            "#1 main    waits for task #2 \"asks\", spawned at [spawned], since turn 2".to_owned(),
            format!(
                "#2 \"asks\"  waits for a message on oneshot channel{name} at [channel], sender created by #1 main (at [channel]), since turn 3"
            ),
            format!(
                "cycle: #1 -> #2 -> a message on oneshot channel{name} -> #1, if #1 has kept the sender created at [channel]"
            ),
        ];
        assert_eq!(lines(&report), expected);
    }
}

#[test]
fn both_ends_of_a_oneshot_channel_can_wait_for_each_other() {
    let waits = |answers_first: bool| async move {
        let (sender, answer) = oneshot::channel::<u32>(); // [channel]
        let closed = async move { sender.closed().await }; // [closed]
        let answer = async move { assert!(answer.await.is_err()) };
        let spawn = |name: &str, future| task::Builder::new().name(name).spawn(future);
        let closed: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(closed);
        let answer: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(answer);
        if answers_first {
            drop((spawn("asks", answer), spawn("closes", closed)));
        } else {
            drop((spawn("closes", closed), spawn("asks", answer)));
        }
        yield_now().await;
        pending::<()>().await;
    };
    for answers_first in [true, false] {
        let cycles = lines(&stuck(waits(answers_first)));
        let cycle = if answers_first {
            "cycle: #2 -> a message on oneshot channel -> #3 -> the closing of oneshot channel -> #2"
        } else {
            "cycle: #2 -> the closing of oneshot channel -> #3 -> a message on oneshot channel -> #2"
        };
        assert_eq!(cycles.last().unwrap(), cycle);
    }
}

#[test]
fn an_answer_that_was_created_outside_of_all_tasks_has_no_owner() {
    let (_sender, answer) = oneshot::channel::<u32>(); // [channel]
    assert_stuck(
        answer,
        &["#1 main  waits for a message on oneshot channel at [channel], since turn 1"],
    );
}

#[test]
fn the_debug_output_of_a_oneshot_channel_names_its_own_waiter_only() {
    turnwise::block_on(async {
        let (one, answer) = oneshot::channel::<u32>(); // [one]
        let (other, other_answer) = oneshot::channel::<u32>(); // [other]
        for answer in [answer, other_answer] {
            spawn(answer);
        }
        yield_now().await;
        for sender in [one, other] {
            let text = format!("{sender:?}");
            assert_eq!(text.matches(" at ").count(), 1, "{text}");
            sender.send(1).unwrap();
        }
    });
}

/// What a report shows of a oneshot channel, in every order of what may be done to it before it is stuck.
#[test]
fn a_oneshot_channel_is_described_alike_whatever_was_done_to_it_before() {
    for case in 0..32 {
        let does = |bit: u32| case & (1 << bit) != 0;
        let [outside, named, waited, late, used] = [0, 1, 2, 3, 4].map(does);
        let mut made = outside.then(oneshot::channel::<u32>);
        let report = stuck(async {
            let (mut sender, mut answer) = made.take().unwrap_or_else(oneshot::channel);
            if named && !late {
                sender = sender.named("answer");
            }
            if waited {
                select(pin!(yield_now()), &mut answer).await;
            }
            if named && late {
                sender = sender.named("answer");
            }
            if used {
                let closed = async move { sender.closed().await };
                task::Builder::new().name("closes").spawn(closed);
                yield_now().await;
                answer.await
            } else {
                let _kept = sender;
                task::Builder::new().name("asks").spawn(answer).await.unwrap()
            }
        });
        let waits = report.tasks.iter().flat_map(|task| &task.waits);
        let answers = waits.filter_map(|wait| match wait {
            WaitsFor::Resource { resource, owners, .. } => Some((resource, owners)),
            _ => None,
        });
        let of_kind = |kind| answers.clone().find(|(resource, _)| resource.kind() == kind);
        let (resource, owners) = of_kind("a message on oneshot channel").unwrap();
        assert_eq!(resource.name(), named.then_some("answer"), "case {case}");
        let owners: Vec<(String, bool)> =
            owners.iter().map(|owner| (owner.task.to_string(), owner.is_creator_only())).collect();
        let expected = match (used, outside) {
            (true, _) => vec![("#2 \"closes\"".to_owned(), false)],
            (false, true) => vec![],
            (false, false) => vec![("#1 main".to_owned(), true)],
        };
        assert_eq!(owners, expected, "case {case}");
        if let Some((_, owners)) = of_kind("the closing of oneshot channel") {
            assert_eq!(owners[0].task.to_string(), "#1 main", "case {case}");
            assert!(!owners[0].is_creator_only(), "case {case}");
        }
    }
}

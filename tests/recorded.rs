//! A recorded run: what its events add up to is what a snapshot shows, after every turn.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use turnwise::channel::{Queue, broadcast, mpsc, oneshot, watch};
use turnwise::record::Recorder;
use turnwise::scheduler::{Builder, Policy};
use turnwise::sync::{Barrier, Event, Mutex, RwLock, Semaphore};
use turnwise::task::JoinSet;
use turnwise::{Scheduler, gather, join, select, sleep, spawn, task, timeout, yield_now};

mod folded;

use folded::Recorded;

fn ms(length: u64) -> Duration {
    Duration::from_millis(length)
}

/// Runs a program turn by turn, and compares after each.
fn steps(builder: Builder, program: impl Future<Output = ()> + 'static) {
    let (builder, recorded) = Recorded::attach(builder.virtual_time());
    let scheduler = builder.build();
    scheduler.spawn(program);
    while scheduler.step().is_some() {
        recorded.check(&scheduler);
    }
}

#[test]
fn locks_and_permits() {
    steps(Scheduler::builder(), async {
        let lock = Rc::new(Mutex::new(0).named("lock"));
        let shared = Rc::new(RwLock::new(0).named("shared"));
        let permits = Rc::new(Semaphore::new(2).named("permits"));
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let (lock, shared, permits) = (lock.clone(), shared.clone(), permits.clone());
                spawn(async move {
                    let permit = permits.acquire().await.unwrap();
                    let guard = lock.lock().await;
                    sleep(ms(number)).await;
                    drop(guard);
                    if number % 2 == 0 {
                        let _read = shared.read().await;
                        yield_now().await;
                    } else {
                        let _write = shared.write().await;
                        sleep(ms(1)).await;
                    }
                    drop(permit);
                    let _ = timeout(ms(3), lock.lock()).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn channels() {
    steps(Scheduler::builder(), async {
        let (sender, mut receiver) = mpsc::channel(2);
        let (answer, answered) = oneshot::channel::<u32>();
        let (news, mut reader) = broadcast::channel(2);
        let (level, mut levels) = watch::channel(0);
        let queue = Rc::new(Queue::new(1));
        let put = queue.clone();
        let producer = spawn(async move {
            for number in 0..5 {
                sender.send(number).await.unwrap();
                news.send(number).unwrap();
                level.send(number).unwrap();
                put.put(number).await.unwrap();
            }
            answer.send(7).unwrap();
        });
        let consumer = spawn(async move {
            while let Some(number) = receiver.recv().await {
                assert_eq!(queue.get().await, Ok(number));
                let _ = reader.recv().await;
                let _ = levels.changed().await;
            }
        });
        assert_eq!(answered.await, Ok(7));
        producer.await.unwrap();
        consumer.await.unwrap();
    });
}

#[test]
fn waits_that_are_given_up() {
    steps(Scheduler::builder(), async {
        let event = Rc::new(Event::new().named("go"));
        let barrier = Rc::new(Barrier::new(2));
        let (waits, meets) = (event.clone(), barrier.clone());
        let slow = spawn(async move {
            waits.wait().await;
            let _ = meets.wait().await;
        });
        for _ in 0..3 {
            select! {
                () = event.wait() => {}
                () = sleep(ms(2)) => {}
            }
        }
        let _ = timeout(ms(1), slow).await;
        event.set();
        let _ = barrier.wait().await;
    });
}

#[test]
fn cancelling_and_scopes() {
    steps(Scheduler::builder(), async {
        let worker = spawn(async {
            let cancelled = task::catch_cancel(pending::<()>()).await.unwrap_err();
            task::mask(sleep(ms(5))).await;
            cancelled.resume().await;
        });
        yield_now().await;
        worker.cancel();
        let masked = spawn(task::mask(sleep(ms(3))));
        let outcome = timeout(
            ms(1),
            task::scope(async |s| {
                s.spawn(async {
                    let _ = task::catch_cancel(sleep(ms(50))).await;
                    sleep(ms(2)).await;
                });
                s.spawn(task::scope(async |inner| {
                    inner.spawn(sleep(ms(20)));
                    inner.spawn(pending::<()>());
                }));
                sleep(ms(100)).await;
            }),
        );
        assert!(outcome.await.is_err());
        masked.cancel_with("enough");
        let _ = worker.await;
        let _ = masked.await;
    });
}

#[test]
fn policies() {
    for policy in [Policy::Lifo, Policy::Random(3), Policy::Priority] {
        steps(Scheduler::builder().policy(policy), async {
            let tasks: Vec<_> = (0..6)
                .map(|number| {
                    task::Builder::new().priority(number).spawn(async move {
                        for _ in 0..number {
                            yield_now().await;
                        }
                        sleep(ms(1)).await;
                    })
                })
                .collect();
            task::scope(async |s| {
                for number in 0..4_u64 {
                    s.spawn(sleep(ms(number)));
                }
            })
            .await
            .unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn two_runs_under_the_virtual_clock_are_recorded_byte_for_byte_the_same() {
    let run = || {
        let recorder = Recorder::new().title("twice");
        let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
        scheduler.block_on(async {
            let lock = Rc::new(Mutex::new(0));
            let other = lock.clone();
            let task = spawn(async move {
                let _guard = other.lock().await;
                sleep(ms(3)).await;
            });
            yield_now().await;
            drop(lock.lock().await);
            task.await.unwrap();
        });
        recorder.finish().to_jsonl()
    };
    let first = run();
    assert_eq!(first, run());
    assert!(!first.contains(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn of_two_waits_of_a_task_for_one_resource_the_right_one_ends() {
    steps(Scheduler::builder(), async {
        let permits = Rc::new(Semaphore::new(0).named("permits"));
        let giver = permits.clone();
        drop(spawn(async move {
            sleep(ms(5)).await;
            giver.add_permits(1).unwrap();
        }));
        let (first, second) = (permits.clone(), permits);
        join!(async move { drop(first.acquire().await) }, async move {
            let late = timeout(ms(1), second.acquire()).await;
            assert!(late.is_err());
        });
    });
}

#[test]
fn groups_of_tasks_and_two_deadlines_at_one_place() {
    steps(Scheduler::builder(), async {
        let mut set = JoinSet::new();
        set.spawn(sleep(ms(3)));
        set.spawn(async {
            gather([sleep(ms(1)), sleep(ms(2))]).await;
        });
        while set.join_next().await.is_some() {}
        let limited = |length| timeout(ms(length), task::catch_cancel(pending::<()>()));
        let _ = join!(limited(2), limited(2));
    });
}

#[test]
fn a_guard_of_no_permits_holds_nothing_and_a_writer_holds_one_lock() {
    steps(Scheduler::builder(), async {
        let (permits, lock) = (Rc::new(Semaphore::new(1)), Rc::new(RwLock::new(0)));
        let none = permits.acquire_many(0).await.unwrap();
        let one = permits.acquire().await.unwrap();
        let other = permits.clone();
        let waits = spawn(async move { drop(other.acquire().await.unwrap()) });
        let written = lock.write().await;
        let other = lock.clone();
        let reads = spawn(async move { assert_eq!(*other.read().await, 0) });
        yield_now().await;
        drop((one, none));
        let read = written.downgrade();
        yield_now().await;
        drop(read);
        waits.await.unwrap();
        reads.await.unwrap();
    });
}

//! A lock, permit or message is handed to a task just as a deadline or a request ends its wait: either the task
//! receives it or it is passed on to the next waiter, and it is never lost.
//!
//! Each scenario has a holder that releases after 10 ms, a waiter that sits in two timeouts or is cancelled after
//! 10 ms, and a late waiter that must get it. It runs in every order in which these can meet.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use notes::{ms, world};
use turnwise::channel::mpsc;
use turnwise::sync::{Mutex, RwLock, Semaphore};
use turnwise::task::{catch_cancel, scope};
use turnwise::{Scheduler, sleep, time, timeout};

/// How the wait ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    BothTimeouts,
    OuterTimeout,
    InnerTimeout,
    /// The inner timeout is in a child of a scope, the outer one around the scope.
    TimeoutsOfParentAndChild,
    Request,
    RequestInTimeouts,
    RequestToAChild,
    Abort,
}

const ENDS: [End; 8] = [
    End::BothTimeouts,
    End::OuterTimeout,
    End::InnerTimeout,
    End::TimeoutsOfParentAndChild,
    End::Request,
    End::RequestInTimeouts,
    End::RequestToAChild,
    End::Abort,
];

/// Waits from the third millisecond until the wait is ended at the tenth. Returns `None` if it got nothing.
async fn ended<T>(end: End, wait: impl Future<Output = T>) -> Option<T> {
    let (here, later) = (ms(7), ms(20));
    match end {
        End::BothTimeouts => timeout(here, timeout(here, wait)).await.ok()?.ok(),
        End::OuterTimeout => timeout(here, timeout(later, wait)).await.ok()?.ok(),
        End::InnerTimeout => timeout(later, timeout(here, wait)).await.ok()?.ok(),
        End::TimeoutsOfParentAndChild => {
            let child = scope(async |s| s.spawn(timeout(here, wait)).await.ok()?.ok());
            timeout(here, child).await.ok()?.ok()?
        }
        End::Request => catch_cancel(wait).await.ok(),
        End::RequestInTimeouts => {
            let caught = timeout(here, timeout(here, catch_cancel(wait)));
            caught.await.ok()?.ok()?.ok()
        }
        End::RequestToAChild => {
            let child = scope(async |s| s.spawn(wait).await.ok());
            catch_cancel(child).await.ok()?.ok()?
        }
        End::Abort => Some(wait.await),
    }
}

/// Sleeps until the tenth millisecond, with a timer that is created after `made_after` milliseconds.
async fn until_tenth(start: Instant, made_after: u64) {
    time::sleep_until(start + ms(made_after)).await;
    time::sleep_until(start + ms(10)).await;
}

/// Runs a scenario in every order, for every end. The holder receives the start time and the moment at which it
/// should create its timer; `is_well` checks the result.
fn run_scenario<S: 'static, H, W, L>(
    make: impl Fn() -> Rc<S>,
    holds: impl Fn(Rc<S>, Instant, u64) -> H,
    waits: impl Fn(Rc<S>, End) -> W,
    comes_late: impl Fn(Rc<S>) -> L,
    is_well: impl Fn(&S, &str),
) where
    H: Future<Output = ()> + 'static,
    W: Future<Output = ()> + 'static,
    L: Future<Output = ()> + 'static,
{
    for end in ENDS {
        for (hold, cancel) in
            [1, 5].into_iter().flat_map(|hold| [0, 2, 4, 6].map(|cancel| (hold, cancel)))
        {
            let (scheduler, _) = world();
            let start = scheduler.block_on(async { time::now() });
            let shared = make();
            let holder = scheduler.spawn(holds(Rc::clone(&shared), start, hold));
            let wait = waits(Rc::clone(&shared), end);
            let waiter = scheduler.spawn(async move {
                time::sleep_until(start + ms(3)).await;
                wait.await;
            });
            end_the_wait(&scheduler, end, waiter.abort_handle(), start, cancel);
            let late = comes_late(Rc::clone(&shared));
            let late = scheduler.spawn(async move {
                time::sleep_until(start + ms(8)).await;
                late.await;
            });
            let scenario = format!("{end:?}, timers made at {hold} and {cancel}");
            assert!(scheduler.run().is_ok(), "{scenario}");
            scheduler.block_on(holder).unwrap();
            scheduler.block_on(late).unwrap();
            assert_eq!(scheduler.block_on(waiter).is_err(), end == End::Abort, "{scenario}");
            is_well(&shared, &scenario);
            assert_eq!(scheduler.metrics().alive, 0);
        }
    }
}

/// Cancels or aborts the waiting task after ten milliseconds, if that is how its wait ends.
fn end_the_wait(
    scheduler: &Scheduler,
    end: End,
    waiter: turnwise::task::AbortHandle,
    start: Instant,
    made_after: u64,
) {
    scheduler.spawn(async move {
        until_tenth(start, made_after).await;
        match end {
            End::Request | End::RequestInTimeouts | End::RequestToAChild => waiter.cancel(),
            End::Abort => waiter.abort(),
            _ => {}
        }
    });
}

#[test]
fn a_mutex_is_not_lost() {
    run_scenario(
        || Rc::new(Mutex::new(0)),
        |lock, start, made_after| async move {
            let _guard = lock.lock().await;
            until_tenth(start, made_after).await;
        },
        |lock, end| async move {
            if let Some(mut guard) = ended(end, lock.lock()).await {
                *guard += 1;
            }
            if end == End::Abort {
                std::future::pending::<()>().await;
            }
        },
        |lock| async move { *lock.lock().await += 1 },
        |lock, scenario| assert!(lock.try_lock().is_ok_and(|count| *count >= 1), "{scenario}"),
    );
}

#[test]
fn a_read_or_write_lock_is_not_lost() {
    for (holds_all, wants_all) in [(true, true), (true, false), (false, true)] {
        run_scenario(
            || Rc::new(RwLock::new(())),
            move |lock, start, made_after| async move {
                let (mut writes, mut reads) = (None, None);
                if holds_all {
                    writes = Some(lock.write().await);
                } else {
                    reads = Some(lock.read().await);
                }
                until_tenth(start, made_after).await;
                drop((writes, reads));
            },
            move |lock, end| async move {
                if wants_all {
                    drop(ended(end, lock.write()).await);
                } else {
                    drop(ended(end, lock.read()).await);
                }
                if end == End::Abort {
                    std::future::pending::<()>().await;
                }
            },
            move |lock| async move {
                // Behind a writer that gives up, a reader must not be forgotten, and the other way round.
                if wants_all { drop(lock.read().await) } else { drop(lock.write().await) }
            },
            |lock, scenario| assert!(lock.try_write().is_ok(), "{scenario}"),
        );
    }
}

#[test]
fn permits_of_a_semaphore_are_not_lost() {
    run_scenario(
        || Rc::new(Semaphore::new(3)),
        |permits, start, made_after| async move {
            let _held = permits.acquire_many(2).await.unwrap();
            until_tenth(start, made_after).await;
        },
        |permits, end| async move {
            drop(ended(end, permits.acquire_many(2)).await);
            if end == End::Abort {
                std::future::pending::<()>().await;
            }
        },
        |permits| async move { drop(permits.acquire_many(3).await.unwrap()) },
        |permits, scenario| assert_eq!(permits.available_permits(), 3, "{scenario}"),
    );
}

/// A channel, and what came through it.
struct Line {
    sender: RefCell<Option<mpsc::Sender<u32>>>,
    receiver: RefCell<Option<mpsc::Receiver<u32>>>,
    received: RefCell<Vec<u32>>,
    is_sent: Cell<bool>,
}

fn line() -> Rc<Line> {
    let (sender, receiver) = mpsc::channel(1);
    let (sender, receiver) = (RefCell::new(Some(sender)), RefCell::new(Some(receiver)));
    Rc::new(Line { sender, receiver, received: RefCell::default(), is_sent: Cell::new(false) })
}

/// Makes room in a full channel at the tenth millisecond, and later receives everything that arrives.
async fn makes_room(line: Rc<Line>, start: Instant, made_after: u64) {
    let mut receiver = line.receiver.take().unwrap();
    line.sender.borrow().as_ref().unwrap().try_send(1).unwrap();
    until_tenth(start, made_after).await;
    let first = receiver.recv().await;
    line.received.borrow_mut().extend(first);
    sleep(ms(100)).await;
    drop(line.sender.take());
    while let Some(message) = receiver.recv().await {
        line.received.borrow_mut().push(message);
    }
}

#[test]
fn a_message_that_arrives_as_the_wait_ends_is_not_lost() {
    run_scenario(
        line,
        |line, start, made_after| async move {
            let sender = line.sender.take().unwrap();
            until_tenth(start, made_after).await;
            sender.send(1).await.unwrap();
            sender.send(2).await.unwrap();
        },
        |line, end| async move {
            // The receiver outlives the wait, even if that is aborted.
            let back = &line.receiver;
            let mut receiver = Back { place: back, value: back.take() };
            let receiver = receiver.value.as_mut().unwrap();
            let work = async {
                let message = receiver.recv().await;
                // Recorded here, since the output of a child is lost if the body that awaits it is cancelled.
                line.received.borrow_mut().extend(message);
            };
            ended(end, work).await;
            if end == End::Abort {
                std::future::pending::<()>().await;
            }
        },
        |line| async move {
            sleep(ms(100)).await;
            let mut receiver = line.receiver.take().unwrap();
            while let Some(message) = receiver.recv().await {
                line.received.borrow_mut().push(message);
            }
        },
        |line, scenario| assert_eq!(*line.received.borrow(), [1, 2], "{scenario}"),
    );
}

/// Puts a value back when it is dropped.
struct Back<'a, T> {
    place: &'a RefCell<Option<T>>,
    value: Option<T>,
}

impl<T> Drop for Back<'_, T> {
    fn drop(&mut self) {
        self.place.replace(self.value.take());
    }
}

#[test]
fn room_in_a_channel_is_not_lost_and_an_unsent_message_does_not_arrive() {
    run_scenario(
        line,
        makes_room,
        |line, end| async move {
            let sender = line.sender.borrow().clone().unwrap();
            let sends = async {
                sender.send(2).await.unwrap();
                line.is_sent.set(true);
            };
            ended(end, sends).await;
            drop(sender);
            if end == End::Abort {
                std::future::pending::<()>().await;
            }
        },
        |line| async move {
            let sender = line.sender.borrow().clone().unwrap();
            sender.send(3).await.unwrap();
        },
        |line, scenario| {
            let expected: &[u32] = if line.is_sent.get() { &[1, 2, 3] } else { &[1, 3] };
            assert_eq!(*line.received.borrow(), expected, "{scenario}");
        },
    );
}

#[test]
fn a_reserved_place_in_a_channel_is_not_lost() {
    run_scenario(
        line,
        makes_room,
        |line, end| async move {
            let sender = line.sender.borrow().clone().unwrap();
            drop(ended(end, sender.reserve()).await); // It never sends.
            drop(sender);
            if end == End::Abort {
                std::future::pending::<()>().await;
            }
        },
        |line| async move {
            let sender = line.sender.borrow().clone().unwrap();
            sender.send(3).await.unwrap();
        },
        |line, scenario| assert_eq!(*line.received.borrow(), [1, 3], "{scenario}"),
    );
}

/// Checks that the scenarios cover both outcomes.
#[test]
fn some_waiters_get_it_in_time_and_some_do_not() {
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&outcomes);
    run_scenario(
        || Rc::new(Mutex::new(())),
        |lock, start, made_after| async move {
            let _guard = lock.lock().await;
            until_tenth(start, made_after).await;
        },
        move |lock, end| {
            let seen = Rc::clone(&seen);
            async move {
                let in_time = Cell::new(false);
                let locks = async {
                    let _guard = lock.lock().await;
                    in_time.set(true);
                };
                ended(end, locks).await;
                seen.borrow_mut().push((end, in_time.get()));
                if end == End::Abort {
                    std::future::pending::<()>().await;
                }
            }
        },
        |lock| async move { drop(lock.lock().await) },
        |_, _| (),
    );
    for end in ENDS {
        let saw = |in_time| outcomes.borrow().contains(&(end, in_time));
        // Without a timeout, the waiter is always cancelled before the turn in which it would take the lock.
        let is_always_cancelled = matches!(end, End::Request | End::RequestToAChild | End::Abort);
        assert_eq!(saw(true), !is_always_cancelled, "{end:?}");
        // An aborted waiter records nothing.
        assert_eq!(saw(false), end != End::Abort, "{end:?}");
    }
}

//! The order of turns is the order in which tasks became ready, and it is the same at every run.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn, ready};
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use turnwise::waiting::Waiter;
use turnwise::{Policy, Scheduler, sleep, sleep_until, spawn, task, time, yield_now};

use trace::{Log, Signal, leave_waker, trace, trace_of};

/// The lines about turns, and only those.
fn turns(trace: &[String]) -> Vec<&str> {
    trace.iter().filter_map(|line| line.strip_prefix("turn ")).collect()
}

#[test]
fn two_rings_give_one_turn() {
    let turns = trace(|scheduler| {
        let mut rung = false;
        scheduler.spawn(poll_fn(move |cx| {
            if mem::replace(&mut rung, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            let clone = cx.waker().clone();
            clone.wake();
            Poll::Pending
        }));
    });
    assert_eq!(turns, ["spawn #1", "turn #1", "turn #1", "exit #1"]);
}

#[test]
fn rings_by_others_give_one_turn_too() {
    let turns = trace(|scheduler| {
        let waker = Rc::new(RefCell::new(None));
        scheduler.spawn(leave_waker(Rc::clone(&waker)));
        scheduler.spawn(async move {
            let waker = waker.take().unwrap();
            waker.wake_by_ref();
            let clone = waker.clone();
            clone.wake();
            let far = waker.clone();
            thread::spawn(move || far.wake()).join().unwrap();
            waker.wake();
        });
    });
    let expected = ["spawn #1", "spawn #2", "turn #1", "turn #2", "exit #2", "turn #1", "exit #1"];
    assert_eq!(turns, expected);
}

#[test]
fn spawn_only_puts_the_task_at_the_end_of_ready() {
    let turns = trace(|scheduler| {
        scheduler.spawn(async {
            spawn(async {});
            spawn(async {});
        });
        scheduler.spawn(async {});
    });
    let expected = [
        "spawn #1", "spawn #2", "turn #1", "spawn #3", "spawn #4", "exit #1", "turn #2", "exit #2",
        "turn #3", "exit #3", "turn #4", "exit #4",
    ];
    assert_eq!(turns, expected);
}

// futures-rs#2333, futures-rs#2551: a future that woke itself was polled twice in one go.
#[test]
fn a_pass_gives_turns_only_to_tasks_that_were_ready_when_it_began() {
    let lines = trace(|scheduler| {
        scheduler.spawn(async {
            spawn(yield_now());
            yield_now().await;
            yield_now().await;
        });
        scheduler.spawn(yield_now());
    });
    assert_eq!(turns(&lines), ["#1", "#2", "#3", "#1", "#2", "#3", "#1"]);
}

// tokio#6521: the wakers of one batch were not called in the order of the waits.
#[test]
fn a_hundred_waiters_keep_their_order() {
    for at_once in [1, 3, 32, 33, 100] {
        let log = Log::default();
        let queue: Rc<RefCell<VecDeque<Waiter>>> = Rc::default();
        let scheduler = Scheduler::new();
        for number in 0..100 {
            let (log, queue, mut waits) = (log.clone(), Rc::clone(&queue), true);
            scheduler.spawn(poll_fn(move |cx| {
                if mem::take(&mut waits) {
                    queue.borrow_mut().push_back(Waiter::of(cx));
                    return Poll::Pending;
                }
                log.say(number.to_string());
                Poll::Ready(())
            }));
        }
        scheduler.spawn(async move {
            while !queue.borrow().is_empty() {
                for _ in 0..at_once {
                    let first = queue.borrow_mut().pop_front();
                    first.into_iter().for_each(Waiter::wake);
                }
                yield_now().await;
            }
        });
        scheduler.run().unwrap();
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(log.take(), expected, "{at_once} at once");
    }
}

#[test]
fn the_task_woken_first_runs_first_whatever_its_number() {
    let lines = trace(|scheduler| {
        let signals: Vec<Signal> = (0..5).map(|_| Signal::default()).collect();
        for signal in &signals {
            scheduler.spawn(signal.wait());
        }
        scheduler.spawn(async move {
            for number in [3, 0, 4, 2, 1] {
                signals[number].set();
            }
        });
    });
    assert_eq!(turns(&lines)[6..], ["#4", "#1", "#5", "#3", "#2"]);
}

#[test]
fn wakes_from_other_threads_join_at_the_back() {
    let lines = trace(|scheduler| {
        let waker = Rc::new(RefCell::new(None));
        scheduler.spawn(leave_waker(Rc::clone(&waker)));
        scheduler.spawn(async move {
            let waker = waker.take().unwrap();
            thread::spawn(move || waker.wake()).join().unwrap();
            yield_now().await;
        });
        scheduler.spawn(yield_now());
    });
    assert_eq!(turns(&lines), ["#1", "#2", "#3", "#2", "#3", "#1"]);
}

#[test]
fn letters_are_handled_in_order_of_arrival() {
    let lines = trace(|scheduler| {
        let places: Vec<_> = (0..4).map(|_| Rc::new(RefCell::new(None))).collect();
        for place in &places {
            scheduler.spawn(leave_waker(Rc::clone(place)));
        }
        scheduler.spawn(async move {
            let wakers: Vec<_> = [2, 0, 3, 1].map(|number| places[number].take().unwrap()).into();
            thread::spawn(move || wakers.into_iter().for_each(std::task::Waker::wake))
                .join()
                .unwrap();
        });
    });
    assert_eq!(turns(&lines)[5..], ["#3", "#1", "#4", "#2"]);
}

#[test]
fn timers_due_together_fire_in_creation_order() {
    let lines = trace(|scheduler| {
        // All are due after 10 s; #1 creates its second sleep immediately, #3 after 1 s, #2 after 3 s.
        for before in [0, 3, 1] {
            scheduler.spawn(async move {
                sleep(Duration::from_secs(before)).await;
                sleep(Duration::from_secs(10 - before)).await;
            });
        }
    });
    let lines = turns(&lines);
    assert_eq!(lines[lines.len() - 3..], ["#1", "#3", "#2"]);
}

/// A waker that only sends its name.
struct Named(std::sync::mpsc::Sender<&'static str>, &'static str);

impl Wake for Named {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.send(self.1).unwrap();
    }
}

#[test]
fn sleeps_of_one_turn_fire_in_creation_order_whichever_is_polled_first() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let waker = |name| std::task::Waker::from(std::sync::Arc::new(Named(sender.clone(), name)));
    let second = Duration::from_secs(1);
    Scheduler::builder().virtual_time().build().block_on(async {
        let mut first = pin!(sleep(second));
        let mut other = pin!(sleep_until(time::now() + second));
        let mut last = pin!(sleep(second));
        assert!(last.as_mut().poll(&mut Context::from_waker(&waker("last"))).is_pending());
        assert!(other.as_mut().poll(&mut Context::from_waker(&waker("other"))).is_pending());
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker("first"))).is_pending());
        sleep(2 * second).await;
    });
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["first", "other", "last"]);
}

#[test]
fn awaiting_a_ready_future_does_not_yield() {
    let lines = trace(|scheduler| {
        scheduler.spawn(async {
            let child = spawn(async { 7 });
            let mut slept = pin!(sleep(Duration::ZERO));
            slept.as_mut().await; // Turn 1 ends here.
            assert_eq!(child.await.unwrap(), 7);
            ready(()).await;
            slept.await;
        });
    });
    assert_eq!(turns(&lines), ["#1", "#2", "#1"]);
}

#[test]
fn a_program_has_the_same_trace_at_every_run() {
    let program = |scheduler: &Scheduler| {
        for number in 0..20 {
            scheduler.spawn(async move {
                let child = spawn(async move {
                    sleep(Duration::from_millis(number % 7)).await;
                    yield_now().await;
                });
                if number % 3 == 0 {
                    child.abort();
                }
                sleep(Duration::from_millis(number % 5)).await;
                let _ = child.await;
            });
        }
    };
    for policy in [Policy::Fifo, Policy::Lifo, Policy::Random(7), Policy::Priority] {
        let first = trace_of(Scheduler::builder().policy(policy), program);
        for _ in 0..10 {
            assert_eq!(trace_of(Scheduler::builder().policy(policy), program), first, "{policy:?}");
        }
    }
}

/// Runs an always-ready task next to `other`; returns how many turns it took until `other` finished.
fn turns_of_a_busy_task_until(other: impl Future<Output = ()> + 'static) -> u32 {
    Scheduler::new().block_on(async {
        let other = spawn(other);
        let mut turns = 0;
        while !other.is_finished() {
            turns += 1;
            assert!(turns < 10_000_000, "it starves");
            yield_now().await;
        }
        turns
    })
}

// futures-rs#2047, futures-rs#2049, tokio#5686, tokio#8254: a task that was always ready, or that only yielded, starved
// timers, I/O or other tasks.
#[test]
fn an_always_ready_task_starves_no_other() {
    assert!(turns_of_a_busy_task_until(yield_now()) <= 3, "another task");
    let by_thread = async {
        let place = Rc::new(RefCell::new(None));
        let mut waits = pin!(leave_waker(Rc::clone(&place)));
        assert!(futures::poll!(waits.as_mut()).is_pending());
        let waker = place.take().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        waits.await;
    };
    assert!(turns_of_a_busy_task_until(by_thread) <= 3, "a wake from another thread");
    let timer = turns_of_a_busy_task_until(sleep(Duration::ZERO));
    assert!(timer <= 64 + 2, "a timer that is due waited for {timer} turns");
    turns_of_a_busy_task_until(sleep(Duration::from_millis(2)));
}

#[test]
fn a_due_timer_waits_for_64_turns_and_a_pass_at_most() {
    let scheduler = Scheduler::new();
    for _ in 0..1000 {
        scheduler.spawn(async {
            loop {
                yield_now().await;
            }
        });
    }
    scheduler.block_on(yield_now());
    let before = scheduler.metrics().turns;
    scheduler.block_on(sleep(Duration::ZERO));
    let turns = scheduler.metrics().turns - before;
    // Its first turn is at the end of a pass, the timers are checked at the end of the next, its last turn is in a
    // third.
    assert!(turns <= 64 + 3 * 1001, "{turns} turns");
}

// futures-rs#2387: a group whose members are always ready kept its task from ever returning.
#[test]
fn a_group_of_busy_futures_starves_neither_its_task_nor_the_others() {
    let beside = Rc::new(Cell::new(0));
    let count = Rc::clone(&beside);
    let finished = turnwise::block_on(async move {
        spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        let mut group: FuturesUnordered<_> = (0..1000)
            .map(|_| async {
                for _ in 0..10 {
                    yield_now().await;
                }
            })
            .collect();
        let mut finished = 0;
        while group.next().await.is_some() {
            finished += 1;
        }
        finished
    });
    assert_eq!(finished, 1000);
    assert!(beside.get() >= 10, "the other task had {} turns", beside.get());
}

#[test]
fn the_root_takes_its_turns_like_any_other_task() {
    let log = Log::default();
    let scheduler = Scheduler::builder().observer(log.tracer()).build();
    scheduler.spawn(yield_now());
    scheduler.block_on(async {
        assert_eq!((task::id().as_u64(), task::name().as_deref()), (2, Some("main")));
        spawn(pending::<()>());
        yield_now().await;
    });
    let expected = [
        "spawn #1", "spawn #2", "turn #1", "turn #2", "spawn #3", "turn #1", "exit #1", "turn #3",
        "turn #2", "exit #2",
    ];
    assert_eq!(log.take(), expected);
}

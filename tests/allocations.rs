//! Once the thread's records have grown, a wait allocates nothing: a counting allocator checks this.
//!
//! There is only one test, because the allocator counts for the whole process.

use std::alloc::System;
use std::rc::Rc;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use turnwise::channel::{Queue, broadcast, mpsc, oneshot, watch};
use turnwise::generator::{AsyncGenerator, Coroutine};
use turnwise::sync::{Barrier, Condvar, Event, Mutex, Notify, RwLock, Semaphore};
use turnwise::{Generator, Scheduler, join, race, sleep, spawn, yield_now};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 100;

/// Runs two futures side by side, again and again, and returns the number of allocations after the warm-up.
fn allocations<A, B>(mut one: impl FnMut() -> A, mut other: impl FnMut() -> B) -> usize
where
    A: Future<Output = ()>,
    B: Future<Output = ()>,
{
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        for _ in 0..ROUNDS {
            join!(one(), other());
        }
        let region = Region::new(ALLOCATOR);
        for _ in 0..ROUNDS {
            join!(one(), other());
        }
        region.change().allocations
    })
}

/// The name of each primitive, with the number of allocations of its waits.
type Counted = Vec<(&'static str, usize)>;

#[test]
fn a_wait_allocates_nothing_once_it_is_warm() {
    let mut counted = Counted::new();
    locks(&mut counted);
    rendezvous(&mut counted);
    channels(&mut counted);
    tasks(&mut counted);
    generators(&mut counted);
    for (name, allocations) in counted {
        let values = match name {
            "broadcast of one message" => 1,
            "two oneshots" => 2,
            _ => 0,
        };
        assert_eq!(allocations, values, "{name}");
    }
}

fn locks(counted: &mut Counted) {
    let mutex = Mutex::new(());
    let hold = || async {
        let _guard = mutex.lock().await;
        yield_now().await;
    };
    counted.push(("mutex", allocations(hold, hold)));

    let lock = RwLock::new(());
    let read = || async {
        let _guard = lock.read().await;
        yield_now().await;
    };
    let write = || async {
        let _guard = lock.write().await;
        yield_now().await;
    };
    counted.push(("rwlock", allocations(read, write)));

    let semaphore = Semaphore::new(1);
    let take = || async {
        let _permit = semaphore.acquire().await.expect("it is open");
        yield_now().await;
    };
    counted.push(("semaphore", allocations(take, take)));

    let (guarded, changed) = (Mutex::new(()), Condvar::new());
    let wait = || async { drop(changed.wait(guarded.lock().await).await) };
    let notify = || async {
        yield_now().await;
        changed.notify_all();
    };
    counted.push(("condvar", allocations(wait, notify)));
}

fn rendezvous(counted: &mut Counted) {
    let event = Event::new();
    let wait = || event.wait();
    let fire = || async {
        yield_now().await;
        event.set();
        event.clear();
    };
    counted.push(("event", allocations(wait, fire)));

    let notify = Notify::new();
    let wait = || notify.notified();
    let one = || async {
        yield_now().await;
        notify.notify_one();
    };
    counted.push(("notify", allocations(wait, one)));

    let barrier = Barrier::new(2);
    let meet = || async { assert!(barrier.wait().await.is_ok()) };
    counted.push(("barrier", allocations(meet, meet)));
}

fn channels(counted: &mut Counted) {
    let (sender, receiver) = mpsc::channel(1);
    let receiver = Rc::new(Mutex::new(receiver));
    let send = || async {
        for number in 0..3 {
            sender.send(number).await.expect("it is open");
        }
    };
    let receive = || async {
        let mut receiver = receiver.lock().await;
        for _ in 0..3 {
            receiver.recv().await.expect("it is open");
        }
    };
    counted.push(("mpsc", allocations(send, receive)));

    let (sender, receiver) = broadcast::channel(4);
    let receiver = Mutex::new(receiver);
    let send = || async {
        yield_now().await;
        sender.send(1).expect("it is open");
    };
    let receive = || async {
        receiver.lock().await.recv().await.expect("it is open");
    };
    // A message is one allocation, shared by all receivers.
    counted.push(("broadcast of one message", allocations(send, receive) / ROUNDS));

    let (sender, receiver) = watch::channel(0);
    let receiver = Mutex::new(receiver);
    let send = || async {
        yield_now().await;
        sender.send(1).expect("it is open");
    };
    let receive = || async { receiver.lock().await.changed().await.expect("it is open") };
    counted.push(("watch", allocations(send, receive)));

    let queue = Queue::new(1);
    let put = || async {
        for number in 0..3 {
            queue.put(number).await.expect("it is open");
        }
    };
    let get = || async {
        for _ in 0..3 {
            queue.get().await.expect("it is open");
        }
    };
    counted.push(("queue", allocations(put, get)));
}

fn tasks(counted: &mut Counted) {
    // The timer heap has a bucket for each power of two of nanoseconds, and each bucket grows once.
    let nap = || sleep(Duration::from_millis(1));
    let naps = allocations(nap, nap);
    assert!(naps < 10, "200 sleeps made {naps} allocations");
    let two = || async { race((yield_now(), yield_now())).await };
    counted.push(("race", allocations(two, two)));
    let task = || async { spawn(yield_now()).await.expect("it completes") };
    counted.push(("spawn", allocations(task, task)));

    // Each value needs a new oneshot, which is one allocation; waiting for it adds none.
    let ask = || async {
        let (sender, receiver) = oneshot::channel();
        join!(
            async {
                yield_now().await;
                sender.send(1).expect("it is open");
            },
            async { assert!(receiver.await.is_ok()) }
        );
    };
    counted.push(("two oneshots", allocations(ask, ask) / ROUNDS));
}

fn generators(counted: &mut Counted) {
    // Both are created up front; a round takes one value from each.
    let number = || {
        Generator::new(async |co| {
            let mut number = 0;
            loop {
                co.yield_(number).await;
                number += 1;
            }
        })
    };
    let (one, other) = (number(), number());
    let next = |numbers: &Generator<'_, u32>| assert!(matches!(numbers.try_next(), Ok(Some(_))));
    counted.push(("generator", allocations(|| async { next(&one) }, || async { next(&other) })));
    let sink = Coroutine::new(async |co| {
        while let Ok(number) = co.try_yield(()).await {
            let _: u32 = number;
        }
    });
    let send = || async { assert_eq!(sink.send(1), Ok(true)) };
    counted.push(("coroutine", allocations(send, send)));
    let waiting = Mutex::new(AsyncGenerator::new(async |co| {
        loop {
            yield_now().await;
            co.yield_(1).await;
        }
    }));
    let next = || async { assert_eq!(waiting.lock().await.next().await, Some(1)) };
    counted.push(("async generator", allocations(next, next)));
}

//! What goes wrong in the operating system of Beazley's course, and what turnwise does instead.

use turnwise::channel::oneshot;
use turnwise::{JoinHandle, RunError, Scheduler, spawn, task, yield_now};

use crate::os::SystemCall::{GetTid, KillTask, NewTask, WaitTask};
use crate::programs::{boot, watched};
use crate::task::Trap::{Nothing, Subroutine, System};
use crate::task::{Target, Tid};

// ----- a killed task that waits -----

fn victim(waits_for: Tid) -> Target {
    Target::new(async move |co| {
        co.yield_(System(WaitTask(waits_for))).await;
        println!("never printed");
    })
}

/// `KillTask` closes the generator, which takes effect at the victim's next turn. A victim that waits has no next turn
/// until its event occurs. Until then it stays in the task map, and tasks that wait for it keep waiting.
pub(crate) fn zombie() {
    fn event() -> Target {
        Target::new(async |co| {
            for _ in 0..4 {
                println!("the event has not come");
                co.yield_(Nothing).await;
            }
        })
    }

    boot([Target::new(async |co| {
        let event = co.yield_(System(NewTask(event()))).await;
        let child = co.yield_(System(NewTask(victim(event)))).await;
        co.yield_(System(KillTask(child))).await;
        println!("main has killed task {child}");
        co.yield_(System(WaitTask(child))).await;
        println!("main has seen its end");
    })]);
}

/// And if the victim waits for its killer to end, both wait forever.
pub(crate) fn zombie_forever() {
    boot([Target::new(async |co| {
        let mytid = co.yield_(System(GetTid)).await;
        let child = co.yield_(System(NewTask(victim(mytid)))).await;
        co.yield_(System(KillTask(child))).await;
        println!("main has killed task {child}");
        co.yield_(System(WaitTask(child))).await;
        println!("never printed");
    })]);
}

/// An abort schedules its victim, whatever that waits for, so the victim's last turn comes soon.
pub(crate) fn no_zombie() -> Result<(), RunError> {
    let scheduler = watched();
    scheduler.spawn(async {
        let event = spawn(async {
            for _ in 0..4 {
                println!("the event has not come");
                yield_now().await;
            }
        });
        let child = spawn(async move {
            event.await.expect("it does not panic");
            println!("never printed");
        });
        yield_now().await;
        child.abort();
        println!("main has killed task {}", child.id());
        println!("main has seen its end: {}", child.await.expect_err("it was killed"));
    });
    scheduler.run()
}

// ----- tasks that wait for each other -----

fn waits(tid: Tid) -> Target {
    Target::new(async move |co| {
        let mytid = co.yield_(System(GetTid)).await;
        println!("task {mytid} waits for task {tid}");
        co.yield_(System(WaitTask(tid))).await;
        println!("never printed");
    })
}

/// The ready queue is empty, the task map is not: the main loop waits for a task that will never be scheduled.
pub(crate) fn mutual_wait() {
    boot([waits(2), waits(1)]);
}

async fn waits_here(other: oneshot::Receiver<JoinHandle<()>>) {
    let other = other.await.expect("it was sent before the run");
    println!("task {} waits for task {}", task::id(), other.id());
    other.await.expect("it never ends");
}

/// It takes some effort to give two tasks each other's handles. But it is possible, and the deadlock is found.
pub(crate) fn mutual_wait_is_explained() {
    let scheduler = Scheduler::new();
    let (to_alice, for_alice) = oneshot::channel();
    let (to_bob, for_bob) = oneshot::channel();
    let alice = task::Builder::new().name("alice").spawn_on(&scheduler, waits_here(for_alice));
    let bob = task::Builder::new().name("bob").spawn_on(&scheduler, waits_here(for_bob));
    to_alice.send(bob).expect("alice has its receiver");
    to_bob.send(alice).expect("bob has its receiver");
    println!("{}", scheduler.run().expect_err("they wait for each other"));
}

// ----- two small defects -----

/// A task keeps its `sendval` until the next system call, so every bare `yield` in between returns the last answer
/// again. On turnwise each future has its own output, and that of `yield_now` is `()`.
pub(crate) fn stale_answer() {
    boot([Target::new(async |co| {
        println!("GetTid gave {}", co.yield_(System(GetTid)).await);
        println!("a bare yield gave {}", co.yield_(Nothing).await);
    })]);
}

/// In `pyos8` only the victim's innermost subroutine is closed. To its caller that looks like an ordinary return.
pub(crate) fn half_killed() {
    fn endless() -> Target {
        Target::new(async |co| {
            loop {
                co.yield_(System(GetTid)).await;
            }
        })
    }

    fn caller() -> Target {
        Target::new(async |co| {
            co.yield_(Subroutine(endless())).await;
            println!("the subroutine was killed, and its caller goes on");
        })
    }

    boot([Target::new(async |co| {
        let child = co.yield_(System(NewTask(caller()))).await;
        co.yield_(Nothing).await;
        co.yield_(System(KillTask(child))).await;
        println!("main has killed task {child}");
    })]);
}

/// A future owns the futures that it awaits, so they are dropped together.
pub(crate) fn killed_as_a_whole() -> Result<(), RunError> {
    async fn endless() {
        loop {
            yield_now().await;
        }
    }

    let scheduler = watched();
    scheduler.spawn(async {
        let child = spawn(async {
            endless().await;
            println!("never printed");
        });
        yield_now().await;
        child.abort();
        println!("main has killed task {}", child.id());
    });
    scheduler.run()
}

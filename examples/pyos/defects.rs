//! What goes wrong in the operating system of the course, and what turnwise does instead.

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

/// `KillTask` closes the generator, and leaves it to the victim's next turn to find that out. One that waits has no
/// next turn before what it waits for has come. Until then it is on the task map, and whoever waits for it waits.
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

/// And if what the victim waited for is the end of its killer, that is for ever.
pub(crate) fn zombie_for_ever() {
    boot([Target::new(async |co| {
        let mytid = co.yield_(System(GetTid)).await;
        let child = co.yield_(System(NewTask(victim(mytid)))).await;
        co.yield_(System(KillTask(child))).await;
        println!("main has killed task {child}");
        co.yield_(System(WaitTask(child))).await;
        println!("never printed");
    })]);
}

/// An abort schedules its victim, whatever that waits for: the next turn is soon, and is its end.
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

/// The ready queue is empty, the task map is not: the main loop waits for a task that nobody will ever schedule.
pub(crate) fn mutual_wait() {
    boot([waits(2), waits(1)]);
}

async fn waits_here(other: oneshot::Receiver<JoinHandle<()>>) {
    let other = other.await.expect("it is sent before anything runs");
    println!("task {} waits for task {}", task::id(), other.id());
    other.await.expect("it never ends");
}

/// It takes some trouble to give two tasks the handles of each other. But it can be done, and is found.
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

// ----- two small ones -----

/// A task keeps its `sendval` until the next system call: the last answer is given to every bare `yield` after it, too.
/// On turnwise each wait has an output of its own, and that of `yield_now` is `()`.
pub(crate) fn stale_answer() {
    boot([Target::new(async |co| {
        println!("GetTid gave {}", co.yield_(System(GetTid)).await);
        println!("a bare yield gave {}", co.yield_(Nothing).await);
    })]);
}

/// In `pyos8` the victim's innermost subroutine is closed. To its caller that is a return like any other.
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

/// A future holds what it awaits, so they are dropped together.
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

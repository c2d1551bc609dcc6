//! The programs of the course, from `pyos1` to `pyos6`; and those with system calls once more, on turnwise.

use turnwise::{JoinError, RunError, Scheduler, Transition, spawn, task, yield_now};

use crate::os;
use crate::os::SystemCall::{GetTid, KillTask, NewTask, WaitTask};
use crate::task::Trap::{Nothing, System};
use crate::task::{StopIteration, Target, Task};

pub(crate) fn pyos1() -> Result<(), StopIteration> {
    fn foo() -> Target {
        Target::new(async |co| {
            println!("Part 1");
            co.yield_(Nothing).await;
            println!("Part 2");
            co.yield_(Nothing).await;
        })
    }

    let mut t1 = Task::new(foo());
    println!("Running foo()");
    t1.run()?;
    println!("Resuming foo()");
    t1.run()?;
    Ok(())
}

/// Says who it is, so often.
fn says(name: &'static str, times: usize) -> Target {
    Target::new(async move |co| {
        for _ in 0..times {
            println!("I'm {name}");
            co.yield_(Nothing).await;
        }
    })
}

/// This is `taskcrash`. In `pyos2` itself `foo` is as endless as `bar`, so there is nothing to go wrong.
pub(crate) fn pyos2() {
    let mut sched = os::Scheduler::default();
    sched.new_task(says("foo", 10));
    sched.new_task(says("bar", usize::MAX));
    if let Err(stop) = sched.mainloop_without_exit() {
        println!("{stop}");
    }
}

/// The end of every program from here on: a scheduler, its first tasks, and the main loop.
pub(crate) fn boot(targets: impl IntoIterator<Item = Target>) {
    let mut sched = os::Scheduler::default();
    for target in targets {
        sched.new_task(target);
    }
    if let Err(hang) = sched.mainloop() {
        println!("{hang}\n{sched}");
    }
}

pub(crate) fn pyos3() {
    boot([says("foo", 10), says("bar", 5)]);
}

/// Asks who it is, and says so.
fn says_with_id(name: &'static str, times: usize) -> Target {
    Target::new(async move |co| {
        let mytid = co.yield_(System(GetTid)).await;
        for _ in 0..times {
            println!("I'm {name} {mytid}");
            co.yield_(Nothing).await;
        }
    })
}

pub(crate) fn pyos4() {
    boot([says_with_id("foo", 5), says_with_id("bar", 10)]);
}

pub(crate) fn pyos5() {
    boot([Target::new(async |co| {
        let child = co.yield_(System(NewTask(says_with_id("foo", usize::MAX)))).await;
        for _ in 0..5 {
            co.yield_(Nothing).await;
        }
        co.yield_(System(KillTask(child))).await;
        println!("main done");
    })]);
}

/// The child has its first turn before its parent, which `NewTask` puts behind it.
pub(crate) fn pyos6() {
    boot([Target::new(async |co| {
        let child = co.yield_(System(NewTask(says("foo", 5)))).await;
        println!("Waiting for child");
        co.yield_(System(WaitTask(child))).await;
        println!("Child done");
    })]);
}

pub(crate) fn pyos6_with_an_id_of_nobody() {
    boot([Target::new(async |co| {
        let child = co.yield_(System(NewTask(says("foo", 1)))).await;
        for _ in 0..2 {
            match co.yield_(System(WaitTask(child))).await {
                0 => println!("nobody has that id, so there is no wait"),
                _ => println!("waited for the child"),
            }
        }
    })]);
}

// ----- on turnwise -----

/// A scheduler that says who is over; by itself `exit` prints nothing.
pub(crate) fn watched() -> Scheduler {
    let tell = |transition: &Transition| {
        if let Transition::Exited { task, .. } = transition {
            println!("Task {task} terminated");
        }
    };
    Scheduler::builder().observer(tell).build()
}

/// `GetTid` is a function: what a task may know of itself is no reason to give up its turn.
async fn says_with_id_here(name: &str, times: usize) {
    for _ in 0..times {
        println!("I'm {name} {}", task::id());
        yield_now().await;
    }
}

pub(crate) fn pyos4_here() -> Result<(), RunError> {
    let scheduler = watched();
    scheduler.spawn(says_with_id_here("foo", 5));
    scheduler.spawn(says_with_id_here("bar", 10));
    scheduler.run()
}

/// Nor are `NewTask` and `KillTask` turns of their own. An `abort` takes effect at the victim's next turn; awaiting
/// the handle waits for that.
pub(crate) fn pyos5_here() -> Result<(), RunError> {
    let scheduler = watched();
    scheduler.spawn(async {
        let child = spawn(says_with_id_here("foo", usize::MAX));
        for _ in 0..5 {
            yield_now().await;
        }
        child.abort();
        if child.await.is_err_and(|error| error.is_cancelled()) {
            println!("main done");
        }
    });
    scheduler.run()
}

/// To wait takes a handle, not an id: an id is for people, and nothing can be done with it. There is one handle for
/// each task, so one who waits; and it has the task's output, or how the task failed.
pub(crate) fn pyos6_here() -> Result<(), RunError> {
    async fn foo() -> u32 {
        for _ in 0..5 {
            println!("I'm foo");
            yield_now().await;
        }
        5
    }

    let scheduler = watched();
    scheduler.spawn(async {
        let child = spawn(foo());
        println!("Waiting for child");
        println!("Child done: {}", child.await?);

        // The wait for a task that is over is none.
        let child = spawn(async { 7 });
        yield_now().await;
        println!("Is the second one over? {}", child.is_finished());
        println!("Child done: {}", child.await?);
        Ok::<(), JoinError>(())
    });
    scheduler.run()
}

//! The programs of Beazley's course, from `pyos1` to `pyos6`; and those with system calls again, on turnwise.

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

/// Prints its name this many times.
fn says(name: &'static str, times: usize) -> Target {
    Target::new(async move |co| {
        for _ in 0..times {
            println!("I'm {name}");
            co.yield_(Nothing).await;
        }
    })
}

/// This is `taskcrash`. In `pyos2` itself `foo` is endless too, so nothing can go wrong.
pub(crate) fn pyos2() {
    let mut sched = os::Scheduler::default();
    sched.new_task(says("foo", 10));
    sched.new_task(says("bar", usize::MAX));
    if let Err(stop) = sched.mainloop_without_exit() {
        println!("{stop}");
    }
}

/// What every program from here on ends with: a scheduler, its first tasks, and the main loop.
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

/// Gets its id, and prints it with its name.
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

/// The child takes its first turn before the parent continues, since `NewTask` schedules the parent after it.
pub(crate) fn pyos6() {
    boot([Target::new(async |co| {
        let child = co.yield_(System(NewTask(says("foo", 5)))).await;
        println!("Waiting for child");
        co.yield_(System(WaitTask(child))).await;
        println!("Child done");
    })]);
}

pub(crate) fn pyos6_with_an_unknown_id() {
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

/// A scheduler that prints which task has ended; turnwise's own `exit` prints nothing.
pub(crate) fn watched() -> Scheduler {
    let print = |transition: &Transition| {
        if let Transition::Exited { task, .. } = transition {
            println!("Task {task} terminated");
        }
    };
    Scheduler::builder().observer(print).build()
}

/// `GetTid` is a function: a task need not end its turn to get its own id.
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

/// Nor do `NewTask` and `KillTask` end a turn. An `abort` takes effect at the victim's next turn; awaiting the handle
/// waits for that.
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

/// Waiting takes a handle, not an id: ids are for display only. There is one handle for each task, and so one waiter,
/// which receives the task's output, or its failure.
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

        // Awaiting a task that has finished returns immediately.
        let child = spawn(async { 7 });
        yield_now().await;
        println!("Has the second one finished? {}", child.is_finished());
        println!("Child done: {}", child.await?);
        Ok::<(), JoinError>(())
    });
    scheduler.run()
}

//! An operating system made of generators: `pyos1` to `pyos6` of David Beazley's "A Curious Course on Coroutines and
//! Concurrency", and the trampoline of its part 8. Each section prints what the Python program prints; after it comes
//! the same on turnwise. The last sections show what goes wrong in that system, and does not on turnwise.
//!
//! Run it with `cargo run --example pyos`. Read `task.rs` and `os.rs` first: they are the whole system. The terms of
//! Beazley's course, and their counterparts in turnwise:
//!
//! | Beazley's course | turnwise |
//! |---|---|
//! | `yield`, the trap | `.await` of anything that is not ready |
//! | a bare `yield` | `yield_now().await` |
//! | `yield GetTid()` | `task::id()` |
//! | `yield NewTask(target)` | `spawn(future)` |
//! | `yield KillTask(tid)` | `handle.abort()` |
//! | `yield WaitTask(tid)` | `handle.await` |
//! | the stack of a trampolined task | nested futures |
//!
//! Not all of them are traps here: only operations that wait are awaited. Beazley's sockets, `ReadWait` and
//! `WriteWait`, are left out.

mod task;
mod os;
mod programs;
mod trampoline;
mod defects;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    the_steps()?;
    subroutines()?;
    the_defects()?;
    Ok(())
}

fn the_steps() -> Result<(), Box<dyn Error>> {
    println!("--- pyos1: a task");
    programs::pyos1()?;
    println!("--- pyos2: a scheduler that ends with its first task");
    programs::pyos2();
    println!("--- pyos3: exit");
    programs::pyos3();
    println!("--- pyos4: GetTid");
    programs::pyos4();
    println!("--- pyos4, on turnwise");
    programs::pyos4_here()?;
    println!("--- pyos5: NewTask, KillTask");
    programs::pyos5();
    println!("--- pyos5, on turnwise");
    programs::pyos5_here()?;
    println!("--- pyos6: WaitTask");
    programs::pyos6();
    println!("--- pyos6: a wait for an unknown id");
    programs::pyos6_with_an_unknown_id();
    println!("--- pyos6, on turnwise");
    programs::pyos6_here()?;
    Ok(())
}

fn subroutines() -> Result<(), Box<dyn Error>> {
    println!("--- part 8: a trampoline");
    trampoline::by_hand()?;
    println!("--- pyos8: subroutines that make system calls");
    trampoline::pyos8();
    println!("--- part 8, with `.await` instead of a trampoline");
    trampoline::by_the_compiler();
    Ok(())
}

fn the_defects() -> Result<(), Box<dyn Error>> {
    println!("--- pyos6: a killed task keeps waiting");
    defects::zombie();
    println!("--- pyos6: a killed task and its killer wait for each other");
    defects::zombie_forever();
    println!("--- on turnwise a killed task is gone");
    defects::no_zombie()?;
    println!("--- pyos6: two tasks wait for each other");
    defects::mutual_wait();
    println!("--- on turnwise the run ends with a report");
    defects::mutual_wait_is_explained();
    println!("--- pyos4 to pyos8: an answer is given twice");
    defects::stale_answer();
    println!("--- pyos8: only half of a task is killed");
    defects::half_killed();
    println!("--- on turnwise it is killed as a whole");
    defects::killed_as_a_whole()?;
    Ok(())
}

// Output:
//
// --- pyos1: a task
// Running foo()
// Part 1
// Resuming foo()
// Part 2
// --- pyos2: a scheduler that ends with its first task
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// StopIteration
// --- pyos3: exit
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// I'm foo
// Task 2 terminated
// I'm foo
// I'm foo
// I'm foo
// I'm foo
// Task 1 terminated
// --- pyos4: GetTid
// I'm foo 1
// I'm bar 2
// I'm foo 1
// I'm bar 2
// I'm foo 1
// I'm bar 2
// I'm foo 1
// I'm bar 2
// I'm foo 1
// I'm bar 2
// Task 1 terminated
// I'm bar 2
// I'm bar 2
// I'm bar 2
// I'm bar 2
// I'm bar 2
// Task 2 terminated
// --- pyos4, on turnwise
// I'm foo #1
// I'm bar #2
// I'm foo #1
// I'm bar #2
// I'm foo #1
// I'm bar #2
// I'm foo #1
// I'm bar #2
// I'm foo #1
// I'm bar #2
// Task #1 terminated
// I'm bar #2
// I'm bar #2
// I'm bar #2
// I'm bar #2
// I'm bar #2
// Task #2 terminated
// --- pyos5: NewTask, KillTask
// I'm foo 2
// I'm foo 2
// I'm foo 2
// I'm foo 2
// I'm foo 2
// Task 2 terminated
// main done
// Task 1 terminated
// --- pyos5, on turnwise
// I'm foo #2
// I'm foo #2
// I'm foo #2
// I'm foo #2
// I'm foo #2
// Task #2 terminated
// main done
// Task #1 terminated
// --- pyos6: WaitTask
// I'm foo
// Waiting for child
// I'm foo
// I'm foo
// I'm foo
// I'm foo
// Task 2 terminated
// Child done
// Task 1 terminated
// --- pyos6: a wait for an unknown id
// I'm foo
// Task 2 terminated
// waited for the child
// nobody has that id, so there is no wait
// Task 1 terminated
// --- pyos6, on turnwise
// Waiting for child
// I'm foo
// I'm foo
// I'm foo
// I'm foo
// I'm foo
// Task #2 terminated
// Child done: 5
// Task #3 terminated
// Has the second one finished? true
// Child done: 7
// Task #1 terminated
// --- part 8: a trampoline
// 4
// --- pyos8: subroutines that make system calls
// I'm main 1
// I'm main again 1
// in all 2
// Task 1 terminated
// --- part 8, with `.await` instead of a trampoline
// 4
// I'm main 1
// I'm main again 1
// in all 2
// Task 1 terminated
// --- pyos6: a killed task keeps waiting
// the event has not come
// the event has not come
// the event has not come
// main has killed task 3
// the event has not come
// Task 2 terminated
// Task 3 terminated
// main has seen its end
// Task 1 terminated
// --- pyos6: a killed task and its killer wait for each other
// main has killed task 2
// nobody is ready, and the main loop waits for ever
// taskmap [1, 2], ready [], exit_waiting {1: [2], 2: [1]}
// --- on turnwise a killed task is gone
// the event has not come
// main has killed task #3
// the event has not come
// Task #3 terminated
// the event has not come
// main has seen its end: task #3 was aborted
// Task #1 terminated
// the event has not come
// Task #2 terminated
// --- pyos6: two tasks wait for each other
// task 1 waits for task 2
// task 2 waits for task 1
// nobody is ready, and the main loop waits for ever
// taskmap [1, 2], ready [], exit_waiting {1: [2], 2: [1]}
// --- on turnwise the run ends with a report
// task #1 waits for task #2
// task #2 waits for task #1
// deadlock at turn 2: 2 tasks can never run again
//   #1 "alice"  waits for task #2 "bob", spawned at examples/pyos/defects.rs:104:48, since turn 1
//   #2 "bob"    waits for task #1 "alice", spawned at examples/pyos/defects.rs:103:52, since turn 2
// cycle: #1 -> #2 -> #1
// certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler
// --- pyos4 to pyos8: an answer is given twice
// GetTid gave 1
// a bare yield gave 1
// Task 1 terminated
// --- pyos8: only half of a task is killed
// the subroutine was killed, and its caller goes on
// Task 2 terminated
// main has killed task 2
// Task 1 terminated
// --- on turnwise it is killed as a whole
// main has killed task #2
// Task #1 terminated
// Task #2 terminated

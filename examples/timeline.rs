//! The tour, recorded: a timeline for each of its parts, which shows what each task did in each turn.
//!
//! Run it with `cargo run --features record --example timeline`. Its output is at the end of this file; the README shows
//! the timelines, and how to read them.

use turnwise::Scheduler;
use turnwise::record::{Recorder, Recording};

#[path = "tour.rs"]
#[expect(dead_code, reason = "its `main` is not called, but its parts are")]
mod tour;

fn main() {
    let recordings = [
        recorded("taking turns", |scheduler| {
            tour::taking_turns(scheduler).expect("every task ends");
        }),
        recorded("sleeping and joining", |scheduler| {
            tour::sleeping_and_joining(scheduler).expect("no task fails");
        }),
        recorded("a panic is caught", tour::a_panic_is_caught),
        recorded("a deadlock is explained", tour::a_deadlock_is_explained),
    ];
    println!("-- timelines");
    for recording in recordings {
        let title = recording.title().unwrap_or_default();
        print!("\n{title}\n{}", recording.timeline());
    }
}

fn recorded(title: &str, part: impl FnOnce(&Scheduler)) -> Recording {
    let recorder = Recorder::new().title(title);
    let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    part(&scheduler);
    recorder.finish()
}

// Output:
//
// -- taking turns
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// -- sleeping and joining
// tea is ready
// bread is ready
// breakfast: 60 minutes' bread and 4 minutes' tea
// it took 3600s
// -- a panic is caught
// a share is 5
// task #3 panicked: attempt to divide by zero
// a share is 4
// -- a deadlock is explained
// alice: after you!
// bob: after you!
// deadlock at turn 2: 2 tasks can never run again
//   #1 "alice"  waits for task #2 "bob", spawned at examples/tour.rs:81:31, since turn 1
//   #2 "bob"    waits for task #1 "alice", spawned at examples/tour.rs:80:35, since turn 2
// cycle: #1 -> #2 -> #1
// certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler
// -- timelines
//
// taking turns
// turn   1 2 3 4 5 6
// 1 foo  # - # - *
// 2 bar  - # - # - *
//
// sleeping and joining
// turn     1 2 3 z4 z5 6
// 1 main   # . .  .  . *
// 2 bread    # .  .  *
// 3 tea      - #  *
//
// a panic is caught
// turn    1 2 3 4 5
// 1 main  # . - - *
// 2         *
// 3         - !
// 4         - - *
//
// a deadlock is explained
// turn     1 2
// 1 alice  # .
// 2 bob    - #

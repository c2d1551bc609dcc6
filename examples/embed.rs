//! A scheduler embedded in another event loop: here a window's, which waits for its own events and runs the tasks in
//! between. There is no busy polling, and the thread sleeps only where the loop waits for events.
//!
//! Run it with `cargo run --example embed`. Three calls are all it takes:
//!
//! * `run_until_stalled` runs tasks until none is ready, and returns;
//! * `next_deadline` returns the instant until which the loop may wait for its events;
//! * `on_wake` sets a hook for when a task is woken while the loop waits. It runs on the thread that wakes the task,
//!   and here it posts an event to the loop.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::channel::oneshot;
use turnwise::{Scheduler, sleep};

/// What the window's loop waits for.
enum Event {
    /// The user has pressed a key.
    Key(char),
    /// This thread has woken a task.
    Woken { by: ThreadId },
}

/// Work that a task hands to another thread.
type Job = Box<dyn FnOnce() + Send>;

fn main() {
    let (events, inbox) = mpsc::channel();
    let scheduler = Scheduler::new();
    let bell = events.clone();
    scheduler.on_wake(move || {
        let _ = bell.send(Event::Woken { by: thread::current().id() }); // The loop may have ended.
    });

    let (keys, keyboard) = unbounded();
    let (prompt, user) = start_user(events);
    let (jobs, submitted) = mpsc::channel();
    let program = scheduler.spawn(program(prompt, keyboard, jobs));
    // There is always a deadline, but this one is far away.
    scheduler.spawn(sleep(Duration::from_secs(3600)));

    while !program.is_finished() {
        match wait(&inbox, scheduler.next_deadline()) {
            Some(Event::Key(key)) => {
                println!("loop: key {key:?}");
                keys.unbounded_send(key).expect("the program reads keys until it ends");
                continue; // The send has woken the task that reads keys, so a `Woken` follows.
            }
            Some(Event::Woken { by }) if by == thread::current().id() => {
                println!("loop: a task was woken");
            }
            Some(Event::Woken { .. }) => println!("loop: a task was woken by another thread"),
            None => {} // The deadline has passed. A slow machine may miss this wait, so nothing is printed.
        }
        scheduler.run_until_stalled();
        // Only now that all tasks wait: the wake that a job causes then always finds the loop waiting, and the output
        // is the same on every run.
        for job in submitted.try_iter() {
            thread::spawn(job);
        }
    }
    println!("loop: done");
    user.join().expect("the user does not panic");
}

/// Waits for an event, but not beyond the deadline.
fn wait(inbox: &Receiver<Event>, deadline: Option<Instant>) -> Option<Event> {
    let Some(deadline) = deadline else { return inbox.recv().ok() };
    inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Starts the user, a plain thread that presses a key for every prompt.
fn start_user(events: Sender<Event>) -> (Sender<()>, JoinHandle<()>) {
    let (prompt, prompts) = mpsc::channel();
    let user = thread::spawn(move || {
        for () in prompts {
            events.send(Event::Key('y')).expect("the loop runs until the program ends");
        }
    });
    (prompt, user)
}

/// The program in the window: it draws, prompts and computes, and awaits each step. It has no reference to the loop.
async fn program(prompt: Sender<()>, mut keyboard: UnboundedReceiver<char>, jobs: Sender<Job>) {
    for frame in 1..=2 {
        println!("  program: frame {frame}");
        sleep(Duration::from_millis(16)).await;
    }

    println!("  program: shall I compute? (y/n)");
    prompt.send(()).expect("the user is there until the program ends");
    if keyboard.next().await == Some('y') {
        let (result, computed) = oneshot::channel();
        let job = move || {
            let sum: u64 = (1..=1_000_000).sum();
            // This wakes the task below, from this thread.
            result.send(sum).expect("the program waits for the result");
        };
        jobs.send(Box::new(job)).expect("the loop runs until the program ends");
        println!("  program: computing on another thread");
        let sum = computed.await.expect("the thread sends its result");
        println!("  program: the sum is {sum}");
    }
}

// Output:
//
// loop: a task was woken
//   program: frame 1
//   program: frame 2
//   program: shall I compute? (y/n)
// loop: key 'y'
// loop: a task was woken
//   program: computing on another thread
// loop: a task was woken by another thread
//   program: the sum is 500000500000
// loop: done

//! A scheduler inside somebody else's loop: here a window's, which waits for its own events and lets the
//! tasks have their turns in between. Nothing is polled for, and no thread sleeps but in the loop's wait.
//!
//! Run it with `cargo run --example embed`. Three calls are all it takes:
//!
//! * `run_until_stalled` gives turns until nothing is ready, and returns;
//! * `next_deadline` says how long the loop may wait for its events;
//! * `on_wake` says what to do when a task is woken while the loop waits, on whatever thread: here it posts
//!   an event, as anybody else would.

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
    /// A task has something to do, says a thread.
    Woken { by: ThreadId },
}

/// Something that a task wants done on a thread of its own.
type Errand = Box<dyn FnOnce() + Send>;

fn main() {
    let (events, inbox) = mpsc::channel();
    let scheduler = Scheduler::new();
    let bell = events.clone();
    scheduler.on_wake(move || {
        let _ = bell.send(Event::Woken { by: thread::current().id() }); // The loop may be over.
    });

    let (keys, keyboard) = unbounded();
    let (prompt, user) = start_user(events);
    let (errands, todo) = mpsc::channel();
    let program = scheduler.spawn(program(prompt, keyboard, errands));
    // There is always a deadline, but this one is far away.
    scheduler.spawn(sleep(Duration::from_secs(3600)));

    while !program.is_finished() {
        match wait(&inbox, scheduler.next_deadline()) {
            Some(Event::Key(key)) => {
                println!("loop: key {key:?}");
                keys.unbounded_send(key).expect("the program reads keys until it is over");
                continue; // That has woken the task which reads them, and so sent us `Woken`.
            }
            Some(Event::Woken { by }) if by == thread::current().id() => {
                println!("loop: a task was woken");
            }
            Some(Event::Woken { .. }) => println!("loop: a task was woken by another thread"),
            None => {} // The deadline has come. Nothing is printed: a slow machine may have passed it before.
        }
        scheduler.run_until_stalled();
        // Not before all tasks wait: so the wake that comes of it always finds the loop waiting, and what
        // is printed is the same at every run.
        for errand in todo.try_iter() {
            thread::spawn(errand);
        }
    }
    println!("loop: over");
    user.join().expect("users do not panic");
}

/// Waits for an event, but not beyond the deadline.
fn wait(inbox: &Receiver<Event>, deadline: Option<Instant>) -> Option<Event> {
    let Some(deadline) = deadline else { return inbox.recv().ok() };
    inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// The user, who knows nothing of tasks: asked for a key, he presses one.
fn start_user(events: Sender<Event>) -> (Sender<()>, JoinHandle<()>) {
    let (prompt, prompts) = mpsc::channel();
    let user = thread::spawn(move || {
        for () in prompts {
            events.send(Event::Key('y')).expect("the loop is there until the program is over");
        }
    });
    (prompt, user)
}

/// The program in the window, which knows nothing of loops: it draws, asks, computes, and waits each time.
async fn program(
    prompt: Sender<()>,
    mut keyboard: UnboundedReceiver<char>,
    errands: Sender<Errand>,
) {
    for frame in 1..=2 {
        println!("  program: frame {frame}");
        sleep(Duration::from_millis(16)).await;
    }

    println!("  program: shall I compute? (y/n)");
    prompt.send(()).expect("the user is there until the program is over");
    if keyboard.next().await == Some('y') {
        let (result, computed) = oneshot::channel();
        let errand = move || {
            let sum: u64 = (1..=1_000_000).sum();
            // This wakes the task below, from this thread.
            result.send(sum).expect("the program waits for the result");
        };
        errands.send(Box::new(errand)).expect("the loop is there until the program is over");
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
// loop: over

//! One turn at a time: `step` gives exactly one, and says whose it was, what came of it, what the task
//! waits for now, and whom it woke. Between two turns a snapshot shows everything there is.
//!
//! Run it with `cargo run --example step`. The four tasks are the four ways to wait: for one's next turn,
//! for another task, for a point in time, and for something that somebody made himself, here a gate.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use turnwise::waiting::{Registration, Resource, Wait, Waited, Waiter, register};
use turnwise::{Scheduler, sleep, task, yield_now};

fn main() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let gate = Gate::new("garden");

    let visitor = named("visitor").spawn_on(&scheduler, visit(Rc::clone(&gate)));
    named("host").spawn_on(&scheduler, async {
        visitor.await.expect("visitors do not panic");
    });
    named("gardener").spawn_on(&scheduler, async move {
        sleep(Duration::from_secs(60)).await;
        gate.open();
    });
    named("walker").spawn_on(&scheduler, async {
        yield_now().await;
        yield_now().await;
    });

    while let Some(turn) = scheduler.step() {
        println!("{turn}");
        if turn.number == 4 {
            println!("\n{}\n", scheduler.snapshot());
        }
    }
    println!("\n{}", scheduler.snapshot());
}

fn named(name: &str) -> task::Builder {
    task::Builder::new().name(name)
}

async fn visit(gate: Rc<Gate>) {
    gate.pass().await;
}

/// Lets everybody wait until somebody opens it. Turns, snapshots and reports name it, and the places where
/// it is waited for, because it can say who waits.
struct Gate {
    name: &'static str,
    is_open: Cell<bool>,
    waiting: RefCell<Vec<(Waiter, &'static Location<'static>)>>,
    /// Made at the first wait: a gate that nobody waits for is nobody's business.
    registration: OnceCell<Registration>,
}

impl Gate {
    fn new(name: &'static str) -> Rc<Self> {
        let (is_open, waiting) = (Cell::new(false), RefCell::default());
        Rc::new(Gate { name, is_open, waiting, registration: OnceCell::new() })
    }

    /// Waits until the gate is open.
    ///
    /// A wait that is given up stays on the list until then, and wakes its task for nothing. That is
    /// allowed; a gate for every day would take it off the list when its future is dropped.
    #[track_caller]
    fn pass(self: &Rc<Self>) -> impl Future<Output = ()> {
        let place = Location::caller();
        poll_fn(move |cx| {
            if self.is_open.get() {
                return Poll::Ready(());
            }
            // First the waiter, then the borrow: a strange waker may do anything when it is cloned.
            let waiter = Waiter::of(cx);
            let mut waiting = self.waiting.borrow_mut();
            waiting.retain(|(other, _)| !other.is_for(cx)); // Polled twice, it is still one wait.
            waiting.push((waiter, place));
            self.registration.get_or_init(|| register(Rc::downgrade(self) as Weak<dyn Waited>));
            Poll::Pending
        })
    }

    fn open(&self) {
        self.is_open.set(true);
        let waiting = self.waiting.take(); // The borrow ends here, before anybody is woken.
        for (waiter, _) in waiting {
            waiter.wake();
        }
    }
}

impl Waited for Gate {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        for (waiter, place) in &*self.waiting.borrow() {
            let gate = Resource::new("gate").named(self.name);
            each(Wait::new(waiter.task(), gate, place));
        }
    }
}

// Output:
//
// turn 1: #1 "visitor" waits for gate "garden" at examples/step.rs:48:10
// turn 2: #2 "host" waits for task #1 "visitor", spawned at examples/step.rs:21:36
// turn 3: #3 "gardener" waits for a sleep with 60s left at examples/step.rs:26:9
// turn 4: #4 "walker" yields
//
// turn 4, 0ns after the start; ready: #4
//   task           state     turns  spawned at, and what it waits for
//   #1 "visitor"   waiting       1  examples/step.rs:21:36
//                                   waits for gate "garden" at examples/step.rs:48:10
//   #2 "host"      waiting       1  examples/step.rs:22:19
//                                   waits for task #1 "visitor", spawned at examples/step.rs:21:36
//   #3 "gardener"  waiting       1  examples/step.rs:25:23
//                                   waits for a sleep with 60s left at examples/step.rs:26:9
//   #4 "walker"    ready         1  examples/step.rs:29:21
//   1 timer, the next one in 60s
//
// turn 5: #4 "walker" yields
// turn 6: #4 "walker" returned
// turn 7: #3 "gardener" returned; woke #1 "visitor"
// turn 8: #1 "visitor" returned; woke #2 "host"
// turn 9: #2 "host" returned
//
// turn 9, 60s after the start; ready: nobody
//   task  state     turns  spawned at, and what it waits for
//   no timers

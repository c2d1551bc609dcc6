//! One turn at a time: `step` runs exactly one, and returns which task took it, its outcome, what the task waits for
//! now, and which tasks it woke. Between two turns a snapshot shows the whole state.
//!
//! Run it with `cargo run --example step`. The four tasks show the four ways to wait: for the task's own next turn, for
//! another task, for a point in time, and for a primitive that is user code, here a gate.

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
        visitor.await.expect("the visitor does not panic");
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

/// Makes tasks wait until it is opened. Turns, snapshots and reports name it, and the places where it is awaited, since
/// it implements `Waited`.
struct Gate {
    name: &'static str,
    is_open: Cell<bool>,
    waiting: RefCell<Vec<(Waiter, &'static Location<'static>)>>,
    /// Created at the first wait: without waiters there is nothing to report.
    registration: OnceCell<Registration>,
}

impl Gate {
    fn new(name: &'static str) -> Rc<Self> {
        let (is_open, waiting) = (Cell::new(false), RefCell::default());
        Rc::new(Gate { name, is_open, waiting, registration: OnceCell::new() })
    }

    /// Waits until the gate is open.
    ///
    /// A dropped wait stays on the list until then, and its task is woken spuriously. That is allowed; a gate for
    /// production would remove the entry when the future is dropped.
    #[track_caller]
    fn pass(self: &Rc<Self>) -> impl Future<Output = ()> {
        let place = Location::caller();
        poll_fn(move |cx| {
            if self.is_open.get() {
                return Poll::Ready(());
            }
            // The waiter comes before the borrow: cloning a foreign waker may run any code.
            let waiter = Waiter::of(cx);
            let mut waiting = self.waiting.borrow_mut();
            waiting.retain(|(other, _)| !other.is_for(cx)); // A second poll is still the same wait.
            waiting.push((waiter, place));
            self.registration.get_or_init(|| register(Rc::downgrade(self) as Weak<dyn Waited>));
            Poll::Pending
        })
    }

    fn open(&self) {
        self.is_open.set(true);
        let waiting = self.waiting.take(); // The borrow ends here, before any task is woken.
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
// turn 9, 60s after the start; ready: none
//   task  state     turns  spawned at, and what it waits for
//   no timers

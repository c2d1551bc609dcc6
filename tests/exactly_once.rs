//! Every future and every output is dropped exactly once, in whatever order things end.

mod probe;

use std::task::Waker;

use probe::{Count, Spot, Token, poll_with};
use turnwise::{JoinHandle, Scheduler};

/// What can happen to a task, its handle and its scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The task may end, and its waker is rung.
    Finish,
    Abort,
    /// Nothing in the task catches it.
    Cancel,
    /// The scheduler runs until nothing is ready.
    Run,
    /// The handle is polled once; what comes out is dropped.
    Join,
    DropHandle,
    DropScheduler,
}

const EVENTS: [Event; 7] = [
    Event::Finish,
    Event::Abort,
    Event::Cancel,
    Event::Run,
    Event::Join,
    Event::DropHandle,
    Event::DropScheduler,
];

/// One task, whose future and whose output count their drops.
struct Scene {
    scheduler: Option<Scheduler>,
    handle: Option<JoinHandle<Token>>,
    spot: Spot,
    futures: Count,
    outputs: Count,
    /// Outputs that were ever created.
    created: Count,
}

impl Scene {
    fn new() -> Self {
        let (spot, futures, outputs, created) =
            (Spot::default(), Count::default(), Count::default(), Count::default());
        let scheduler = Scheduler::new();
        let (wait, held, output, counted) =
            (spot.wait(), futures.token(), outputs.clone(), created.clone());
        let handle = scheduler.spawn(async move {
            let _held = held;
            wait.await;
            counted.add();
            output.token()
        });
        Scene { scheduler: Some(scheduler), handle: Some(handle), spot, futures, outputs, created }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Finish => self.spot.open(),
            Event::Abort => self.handle.iter().for_each(JoinHandle::abort),
            Event::Cancel => self.handle.iter().for_each(JoinHandle::cancel),
            Event::Run => {
                if let Some(scheduler) = &self.scheduler {
                    scheduler.run_until_stalled();
                }
            }
            Event::Join => {
                let Some(handle) = &mut self.handle else { return };
                if poll_with(handle, Waker::noop()).is_ready() {
                    self.handle = None; // It must not be polled again.
                }
            }
            Event::DropHandle => self.handle = None,
            Event::DropScheduler => self.scheduler = None,
        }
    }

    fn check(&self, sequence: &[Event]) {
        assert!(self.futures.get() <= 1, "{sequence:?}: the future was dropped twice");
        assert!(
            self.outputs.get() <= self.created.get(),
            "{sequence:?}: the output was dropped twice"
        );
        assert!(self.created.get() <= 1, "{sequence:?}: the task ended twice");
        if let (Some(handle), None) = (&self.handle, &self.scheduler) {
            assert!(handle.is_finished(), "{sequence:?}: a task outlived its scheduler");
        }
    }

    /// Drops what is left, in one of the two orders.
    fn end(&mut self, handle_first: bool, sequence: &[Event]) {
        let rest = [Event::DropHandle, Event::DropScheduler];
        for number in [usize::from(!handle_first), usize::from(handle_first)] {
            self.apply(rest[number]);
            self.check(sequence);
        }
        assert_eq!(self.futures.get(), 1, "{sequence:?}: the future was never dropped");
        assert_eq!(
            self.outputs.get(),
            self.created.get(),
            "{sequence:?}: the output was never dropped"
        );
    }
}

/// Runs every sequence of events of a length, and checks after every event.
fn every_sequence(length: u32) -> usize {
    let sequences = EVENTS.len().pow(length);
    for number in 0..sequences {
        let events =
            (0..length).map(|place| EVENTS[number / EVENTS.len().pow(place) % EVENTS.len()]);
        let sequence: Vec<Event> = events.collect();
        for handle_first in [true, false] {
            let mut scene = Scene::new();
            for &event in &sequence {
                scene.apply(event);
                scene.check(&sequence);
            }
            scene.end(handle_first, &sequence);
        }
    }
    sequences
}

// tokio#3934, #3965, RUSTSEC-2021-0072: outputs that were dropped twice, never, or on another thread.
#[test]
fn futures_and_outputs_are_dropped_once_in_every_order_of_events() {
    let checked: usize = (0..=5).map(every_sequence).sum();
    assert_eq!(checked, 1 + 7 + 49 + 343 + 2401 + 16_807);
}

#[test]
fn a_task_that_finishes_gives_its_output() {
    let mut scene = Scene::new();
    [Event::Run, Event::Finish, Event::Run].into_iter().for_each(|event| scene.apply(event));
    assert_eq!((scene.created.get(), scene.futures.get(), scene.outputs.get()), (1, 1, 0));
    scene.apply(Event::Join);
    assert!(scene.handle.is_none());
    assert_eq!(scene.outputs.get(), 1);
}

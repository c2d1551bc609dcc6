//! A recorded run with blocking jobs: what its events add up to is what a snapshot shows, after every turn.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use proptest::prelude::*;
use turnwise::blocking::{self, BlockingHandle};
use turnwise::record::{Event, Recorder};
use turnwise::{Scheduler, ThreadPool, spawn_blocking, yield_now};

mod folded;

use folded::Recorded;

/// A step of a task. Numbers are taken modulo the number of jobs.
#[derive(Clone, Copy, Debug)]
enum Step {
    HandOver,
    /// A job ends, in the turn of the task.
    End(usize),
    /// The task polls a handle once, and keeps it.
    Poll(usize),
    DropHandle(usize),
    /// Waits for the end of a job that the task ends first.
    Await(usize),
    Yield,
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..8_usize;
    prop_oneof![
        3 => Just(Step::HandOver),
        2 => number().prop_map(Step::End),
        2 => number().prop_map(Step::Poll),
        1 => number().prop_map(Step::DropHandle),
        2 => number().prop_map(Step::Await),
        2 => Just(Step::Yield),
    ]
}

/// A job that runs until it is ended.
struct Job {
    go: Option<Sender<()>>,
    handle: Option<BlockingHandle<()>>,
}

impl Job {
    /// Hands a job over, and waits until it has started.
    fn new(pool: &ThreadPool, number: usize) -> Self {
        let ((go, wait), (starts, started)) = (mpsc::channel::<()>(), mpsc::channel());
        let builder = blocking::Builder::new();
        let builder = if number.is_multiple_of(2) { builder.name("even") } else { builder };
        let handle = builder.spawn_on(pool, move || {
            starts.send(()).unwrap();
            let _ = wait.recv();
        });
        started.recv().unwrap();
        Job { go: Some(go), handle: Some(handle) }
    }

    /// Ends it, and returns when its thread has done with it: the scheduler knows then that it has ended.
    fn end(&mut self, pool: &ThreadPool) {
        let running = pool.running().len();
        if self.go.take().is_some() {
            while pool.running().len() == running {
                thread::yield_now();
            }
        }
    }
}

/// The jobs of all tasks.
type Jobs = Rc<RefCell<Vec<Job>>>;

async fn play(steps: Vec<Step>, pool: Rc<ThreadPool>, jobs: Jobs) {
    for step in steps {
        let count = jobs.borrow().len();
        match step {
            Step::HandOver => jobs.borrow_mut().push(Job::new(&pool, count)),
            Step::Yield => yield_now().await,
            _ if count == 0 => {}
            Step::End(number) => jobs.borrow_mut()[number % count].end(&pool),
            Step::Poll(number) => {
                let handle = jobs.borrow_mut()[number % count].handle.take();
                let Some(mut handle) = handle else { continue };
                // A handle that has returned its result may not be polled again.
                if futures::poll!(&mut handle).is_pending() {
                    jobs.borrow_mut()[number % count].handle = Some(handle);
                }
            }
            Step::DropHandle(number) => {
                let mut job = jobs.borrow_mut().remove(number % count);
                job.end(&pool);
            }
            Step::Await(number) => {
                let mut job = jobs.borrow_mut().remove(number % count);
                let Some(mut handle) = job.handle.take() else { continue };
                let _ = futures::poll!(&mut handle);
                yield_now().await;
                job.end(&pool);
                drop(handle);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn jobs_of_random_programs_are_recorded(
        scripts in prop::collection::vec(prop::collection::vec(step(), 0..12), 1..4),
    ) {
        let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
        let scheduler = builder.build();
        let (pool, jobs) = (Rc::new(ThreadPool::new(40)), Jobs::default());
        for steps in scripts {
            scheduler.spawn(play(steps, Rc::clone(&pool), Rc::clone(&jobs)));
        }
        for _ in 0..200 {
            if scheduler.step().is_none() {
                break;
            }
            recorded.check(&scheduler);
        }
        scheduler.spawn(async move { jobs.borrow_mut().iter_mut().for_each(|job| job.end(&pool)) });
        scheduler.run_until_stalled();
        recorded.check(&scheduler);
    }
}

#[test]
fn the_end_of_a_job_ends_the_wait_for_it() {
    let recorder = Recorder::new();
    let scheduler = recorder.attach(Scheduler::builder()).build();
    scheduler.block_on(async {
        let (go, wait) = mpsc::channel::<()>();
        let mut handle = spawn_blocking(move || _ = wait.recv());
        assert!(futures::poll!(&mut handle).is_pending());
        drop(go);
        handle.await.unwrap();
        yield_now().await;
    });
    let recording = recorder.finish();
    let waits = recording.entries().iter().map(|entry| match entry.event {
        Event::Wait { on: turnwise::record::Awaited::Job(1), .. } => 1,
        Event::Unwait { on: turnwise::record::Awaited::Job(1), .. } => -1,
        _ => 0,
    });
    let waits: Vec<i32> = waits.filter(|&change| change != 0).collect();
    assert_eq!(waits, [1, -1]);
}

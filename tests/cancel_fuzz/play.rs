//! Plays a case: runs its program in one way to form groups, and ends it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use turnwise::scheduler::Report;
use turnwise::task::{self, __has_no_regions};
use turnwise::{JoinError, JoinHandle, Scheduler, select, sleep, spawn, yield_now};

use crate::asked::{self, within};
use crate::folded::Recorded;
use crate::parts::{Own, Part, explain, is_expected};
use crate::program::{Case, Ending, Program};
use crate::world::{Grouping, Line, World, us};

/// A program that has not ended by then never will.
const FOREVER: Duration = Duration::from_secs(100_000);
/// No clean-up takes this long.
const GRACE: Duration = Duration::from_secs(1_000);

/// What happened.
pub(crate) struct Played {
    pub(crate) lines: Vec<Line>,
    /// The promises that were broken.
    pub(crate) faults: Vec<String>,
}

impl Played {
    pub(crate) fn requests_caught(&self) -> usize {
        self.lines.iter().filter(|(_, what)| what.ends_with(": caught")).count()
    }
}

pub(crate) fn play(case: &Case, grouping: Grouping) -> Played {
    asked::reset();
    let world = World::new(grouping);
    let part = Part { name: "program".to_owned(), world: world.clone(), own: Own::default() };
    // Only a fault of the crate unwinds to here.
    if catch_unwind(AssertUnwindSafe(|| run(case, &part))).is_err() {
        world.fault("the scheduler panicked");
    }
    if !__has_no_regions() {
        world.fault("something is left in the tree");
    }
    Played { lines: world.take_lines(), faults: world.take_faults() }
}

fn run(case: &Case, part: &Part) {
    let world = part.world.clone();
    let check = move |report: &Report| {
        if let Report::UnreadPanic { message, .. } = report {
            let message = message.as_deref().unwrap_or_default();
            if !is_expected(message) {
                world.fault(format!("panics: {message}"));
            }
        }
    };
    let builder = Scheduler::builder().virtual_time().on_report(check);
    let (builder, recorded) = Recorded::attach(builder);
    let scheduler = builder.build();
    if case.ending == Ending::Shutdown {
        shut_down(&scheduler, &recorded, case, part);
    } else {
        run_to_the_end(&scheduler, case, part);
    }
}

/// The task that runs a program.
async fn run_program(part: Part, program: Program) {
    part.world.start();
    let _ends = NoteEnd(part.world.clone());
    let own = part.own.clone();
    within(move || own.is_asked(), part.future(program)).await;
}

/// Notes when the task ends, in whichever way.
struct NoteEnd(World);

impl Drop for NoteEnd {
    fn drop(&mut self) {
        // If the task hangs, it is dropped with its scheduler.
        if task::try_id().is_some() {
            self.0.note("the task ends");
        }
    }
}

/// Shuts the scheduler down after some turns.
fn shut_down(scheduler: &Scheduler, recorded: &Recorded, case: &Case, part: &Part) {
    let task = scheduler.spawn(run_program(part.clone(), case.program.clone()));
    part.own.set(task.abort_handle());
    for _ in 0..case.at % 40 {
        let _ = scheduler.step();
        recorded.check(scheduler);
    }
    part.own.will_be_asked();
    match scheduler.shutdown(GRACE) {
        Ok(report) if report.aborted.is_empty() => {}
        Ok(report) => part.world.fault(format!("shutdown had to abort {:?}", report.aborted)),
        Err(error) => part.world.fault(format!("shutdown failed: {error}")),
    }
}

fn run_to_the_end(scheduler: &Scheduler, case: &Case, part: &Part) {
    let own = part.clone();
    let case = case.clone();
    let outcome = scheduler.try_block_on(async move {
        let part = own;
        part.world.start();
        let task = spawn(run_program(part.clone(), case.program.clone()));
        part.own.set(task.abort_handle());
        let outcome = select! {
            outcome = end(task, &case, &part) => Some(outcome),
            () = sleep(FOREVER) => None,
        };
        match outcome {
            Some(outcome) => part.world.note(explain(outcome, &part)),
            None => part.world.fault("it hangs"),
        }
    });
    if let Err(error) = outcome {
        part.world.fault(format!("the run failed: {error}"));
    }
}

/// Ends the task as the case wants it, and awaits it.
async fn end(task: JoinHandle<()>, case: &Case, part: &Part) -> Result<(), JoinError> {
    if case.ending != Ending::None {
        for _ in 0..case.at % 5 {
            yield_now().await;
        }
        sleep(us(case.at)).await;
    }
    match case.ending {
        Ending::None | Ending::Shutdown => {}
        Ending::Abort => task.abort(),
        Ending::Cancel => part.own.cancel(),
        Ending::CancelTwice => {
            part.own.cancel();
            sleep(us(case.again)).await;
            part.own.cancel();
        }
    }
    task.await
}

//! A group of tasks that succeeds or fails as a unit, like the lecture's `TaskGroup`; and the same failing work run by
//! `gather`, by `try_join_all` and in a scope. The lecture says of `gather` that "if some coroutine raised an error,
//! the others will not be executed". That does not hold for `gather`, where they continue, but does for the other two.
//!
//! Run it with `cargo run --example groups`.

use std::num::ParseIntError;
use std::time::{Duration, Instant};

use thiserror::Error;
use turnwise::task::{Builder, ScopeError, catch_cancel, scope};
use turnwise::{JoinError, Scheduler, gather, sleep, time, try_join_all};

fn main() {
    section("TaskGroup", task_group);
    section("a page is down: gather lets the others continue", with_gather);
    section("a page is down: try_join_all drops the others", with_try_join_all);
    section("a page is down: a scope cancels the others, and waits for them", with_scope);
    section("a scope whose children borrow, collecting every error", with_every_error);
}

/// Runs one section on its own scheduler, whose virtual clock starts at 0, and shuts down what is left, as
/// `asyncio.run` does.
fn section<F: Future<Output = ()>>(title: &str, program: impl FnOnce(Clock) -> F) {
    println!("--- {title}");
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async { program(Clock(time::now())).await });
    scheduler.shutdown(Duration::MAX).expect("not called from a task");
}

/// Prints lines with the time since the section started: the lecture's `log`.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn log(self, line: impl AsRef<str>) {
        println!("[{}] {}", (time::now() - self.0).as_millis(), line.as_ref());
    }
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

// ----- 30: the block ends when all children have ended; the first failure cancels the others -----

#[derive(Debug, Error)]
#[error("{0}")]
struct ValueError(&'static str);

async fn child(clock: Clock, name: &'static str, after: u64) -> &'static str {
    match catch_cancel(seconds(after)).await {
        Ok(()) => clock.log(format!("{name} done")),
        Err(cancelled) => {
            clock.log(format!("{name} cancelled"));
            seconds(1).await;
            clock.log(format!("{name} cleaned up"));
            cancelled.resume().await;
        }
    }
    name
}

async fn task_group(clock: Clock) {
    let names = scope(async |group| {
        let children = [group.spawn(child(clock, "a", 2)), group.spawn(child(clock, "b", 1))];
        clock.log("body ends");
        try_join_all(children).await // A handle cannot leave the scope, so the body collects the results.
    });
    let names = names.await.expect("no child fails").expect("no child is cancelled");
    clock.log(format!("block ends: {}", names.join(" ")));

    let failed = scope(async |group| {
        group.try_spawn(async {
            seconds(1).await;
            Err::<(), _>(ValueError("c"))
        });
        group.spawn(child(clock, "d", 5));
    });
    if let Err(errors) = failed.await {
        let errors = errors.iter().filter_map(|error| error.downcast_ref::<ValueError>());
        let errors: Vec<String> = errors.map(|error| format!("'{error}'")).collect();
        clock.log(format!("errors: [{}]", errors.join(", ")));
    }
}

// ----- 19: four pages, the first of which is down -----

#[derive(Debug, Error)]
enum Failure {
    #[error("page {0} is down")]
    Down(u64),
    #[error(transparent)]
    Join(#[from] JoinError),
}

/// A page takes as many seconds as its number to answer.
async fn get_page(clock: Clock, number: u64) -> Result<u64, Failure> {
    match catch_cancel(seconds(number)).await {
        Ok(()) if number == 1 => return Err(Failure::Down(number)),
        Ok(()) => clock.log(format!("page {number} answered")),
        Err(cancelled) => {
            clock.log(format!("page {number} cancelled"));
            cancelled.resume().await;
        }
    }
    Ok(number)
}

const PAGES: [u64; 4] = [1, 2, 3, 9];

/// Like the lecture's program. Page 9 is cancelled when the program ends, not when another page fails.
async fn with_gather(clock: Clock) {
    let pages = gather(PAGES.map(|number| get_page(clock, number)));
    let error = pages.first_error().await.expect_err("the first page is down");
    clock.log(format!("gather raised: {error}"));
    seconds(4).await;
    clock.log("main returns");
}

/// The others are dropped where they wait. Nothing is delivered that they could catch, so they do not clean up.
async fn with_try_join_all(clock: Clock) {
    let pages = try_join_all(PAGES.map(|number| get_page(clock, number)));
    let error = pages.await.expect_err("the first page is down");
    clock.log(format!("try_join_all failed: {error}"));
    seconds(4).await;
    clock.log("main returns");
}

/// The others are cancelled, and have ended before the scope does.
async fn with_scope(clock: Clock) {
    let pages = scope(async |s| {
        for number in PAGES {
            s.try_spawn(get_page(clock, number));
        }
    });
    let error = pages.await.map_err(ScopeError::downcast::<Failure>);
    let error = error.expect_err("the first page is down").expect("a page only fails like this");
    clock.log(format!("the scope failed: {error}"));
    seconds(4).await;
    clock.log("main returns");
}

// ----- children that borrow: all read the text, and each writes its own number -----

async fn with_every_error(clock: Clock) {
    let text = String::from("one=12 two=seven three=30 four=");
    let mut numbers = [0; 4];
    let parsed = scope(async |s| {
        s.collect_all(); // A failure cancels no sibling.
        for (entry, number) in text.split(' ').zip(&mut numbers) {
            let (name, value) = entry.split_once('=').expect("each is a name and a value");
            let parse = async move {
                seconds(1).await;
                *number = value.parse()?;
                Ok::<(), ParseIntError>(())
            };
            Builder::new().name(name).try_spawn_in(s, parse);
        }
    });
    let errors = parsed.await.expect_err("two of them are not numbers");
    clock.log(format!("{numbers:?}"));
    for error in errors {
        let name = error.name().unwrap_or_default().to_owned();
        let error: ParseIntError = error.downcast().expect("they only fail like this");
        clock.log(format!("{name}: {error} ({:?})", error.kind()));
    }
}

// Output:
//
// --- TaskGroup
// [0] body ends
// [1000] b done
// [2000] a done
// [2000] block ends: a b
// [3000] d cancelled
// [4000] d cleaned up
// [4000] errors: ['c']
// --- a page is down: gather lets the others continue
// [1000] gather raised: page 1 is down
// [2000] page 2 answered
// [3000] page 3 answered
// [5000] main returns
// [5000] page 9 cancelled
// --- a page is down: try_join_all drops the others
// [1000] try_join_all failed: page 1 is down
// [5000] main returns
// --- a page is down: a scope cancels the others, and waits for them
// [1000] page 2 cancelled
// [1000] page 3 cancelled
// [1000] page 9 cancelled
// [1000] the scope failed: page 1 is down
// [5000] main returns
// --- a scope whose children borrow, collecting every error
// [1000] [12, 0, 30, 0]
// [1000] two: invalid digit found in string (InvalidDigit)
// [1000] four: cannot parse integer from empty string (Empty)

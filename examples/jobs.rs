//! Periodic jobs: the lecture's aioschedule program, which prints the same lines as in Python, and a week of others.
//!
//! Run it with `cargo run --features jobs --example jobs`. The clock is virtual, so it ends immediately.

use std::error::Error;
use std::time::Duration;

use turnwise::jobs::jiff::civil::date;
use turnwise::jobs::{Done, Jobs};
use turnwise::{Scheduler, sleep, time, timeout};

fn main() -> Result<(), Box<dyn Error>> {
    println!("--- aioschedule");
    aioschedule();
    println!("--- a week in Berlin");
    week()?;
    println!("--- beep");
    beep();
    Ok(())
}

// ----- 15: HaHa every second, Heh every two -----

/// As in the lecture: a loop checks ten times a second whether a job is due.
fn aioschedule() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let schedule = Jobs::new();
    scheduler.block_on(async {
        let start = time::now();
        let milliseconds = move || (time::now() - start).as_millis();
        schedule.every(1).second().run(async move || println!("[{}] HaHa", milliseconds()));
        schedule.every(2).seconds().run(async move || println!("[{}] Heh", milliseconds()));
        while milliseconds() < 6500 {
            schedule.run_pending().await;
            sleep(Duration::from_millis(100)).await;
        }
    });
}

// ----- times of day, and a night in which the clocks go back -----

/// Without polling: `run_forever` sleeps until the next job is due.
fn week() -> Result<(), Box<dyn Error>> {
    let scheduler = Scheduler::builder().virtual_time().build();
    let jobs = Jobs::starting_at(&date(2026, 10, 23).at(9, 0, 0, 0).in_tz("Europe/Berlin")?);
    let clock = jobs.clone();
    let say = move |what: &str| println!("{} {what}", clock.now().strftime("%a %F %H:%M %Z"));

    let says = say.clone();
    jobs.every(1).day().at("02:30")?.tag("home").name("backup").run(async move || says("backup"));
    let says = say.clone();
    jobs.every(1).monday().at("9:15")?.name("meeting").run(async move || says("meeting"));
    let says = say.clone();
    let until = date(2026, 10, 25).at(12, 0, 0, 0);
    jobs.every(24).hours().until(until).tag("home").name("pill").run(async move || says("pill"));
    let says = say.clone();
    jobs.every(2).to(3).days().at("18:00")?.name("call").run(async move || {
        says("call, no answer");
        Err::<(), _>("no answer")
    });
    jobs.on_failure(|failure| println!("{:?} has failed: {}", failure.name(), failure.message()));
    jobs.all().iter().for_each(|job| println!("{job:?}"));

    scheduler.block_on(async {
        let days = |count: u64| Duration::from_secs(count * 86400);
        timeout(days(4), jobs.run_forever()).await.expect_err("it never ends");
        say("home is sold");
        println!("cleared: {}", jobs.clear("home"));
        timeout(days(3), jobs.run_forever()).await.expect_err("it never ends");
    });
    jobs.all().iter().for_each(|job| println!("{job:?}"));
    jobs.clear_all();
    Ok(())
}

// ----- jobs that run once -----

fn beep() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let jobs = Jobs::new();
    for chat in [1, 2] {
        jobs.every(3 * chat).seconds().tag(chat).run(async move || {
            println!("chat {chat}: Beep!");
            Done
        });
    }
    scheduler.block_on(async {
        let start = time::now();
        jobs.run_until_empty().await;
        println!("silence after {:?}", time::now() - start);
    });
}

// Output:
//
// --- aioschedule
// [1000] HaHa
// [2000] HaHa
// [2000] Heh
// [3000] HaHa
// [4000] HaHa
// [4000] Heh
// [5000] HaHa
// [6000] HaHa
// [6000] Heh
// --- a week in Berlin
// every day at 02:30:00 do backup (last run: never, next run: 2026-10-24 02:30:00)
// every Monday at 09:15:00 do meeting (last run: never, next run: 2026-10-26 09:15:00)
// every 24 hours do pill (last run: never, next run: 2026-10-24 09:00:00)
// every 2 to 3 days at 18:00:00 do call (last run: never, next run: 2026-10-26 18:00:00)
// Sat 2026-10-24 02:30 CEST backup
// Sat 2026-10-24 09:00 CEST pill
// Sun 2026-10-25 02:30 CEST backup
// Sun 2026-10-25 08:00 CET pill
// Mon 2026-10-26 02:30 CET backup
// Mon 2026-10-26 09:15 CET meeting
// Mon 2026-10-26 18:00 CET call, no answer
// "call" has failed: "no answer"
// Tue 2026-10-27 02:30 CET backup
// Tue 2026-10-27 08:00 CET home is sold
// cleared: 1
// Wed 2026-10-28 18:00 CET call, no answer
// "call" has failed: "no answer"
// every Monday at 09:15:00 do meeting (last run: 2026-10-26 09:15:00, next run: 2026-11-02 09:15:00)
// every 2 to 3 days at 18:00:00 do call (last run: 2026-10-28 18:00:00, next run: 2026-10-30 18:00:00)
// --- beep
// chat 1: Beep!
// chat 2: Beep!
// silence after 6s

//! A scheduler without a clock: `.ci/wasm` runs this in node, where `Instant::now` panics, and compares what it prints.

use std::time::Duration;

use turnwise::{Scheduler, sleep, spawn, time, timeout};

/// A program on virtual time.
#[unsafe(no_mangle)]
pub extern "C" fn virtual_time() {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let start = time::now();
        let ticker = spawn(async move {
            let mut interval = time::interval(Duration::from_secs(10));
            for _ in 0..3 {
                let due = interval.tick().await;
                say(&format!("a tick after {:?}", due - start));
            }
        });
        let late = timeout(Duration::from_secs(15), sleep(Duration::from_secs(60))).await;
        say(&format!("{} after {:?}", late.unwrap_err(), time::now() - start));
        time::sleep_until(start + Duration::from_secs(3600)).await;
        ticker.await.unwrap();
        say(&format!("the end after {:?}", time::now() - start));
    });
}

// ----- what else works, and what panics, each in an instance of its own -----

/// The calendar follows the virtual clock too.
#[unsafe(no_mangle)]
pub extern "C" fn jobs_that_start_at_a_given_time() {
    use turnwise::jobs::{Jobs, jiff::civil::date, jiff::tz::TimeZone};
    let start = date(2026, 11, 30).at(9, 0, 0, 0).to_zoned_datetime(TimeZone::UTC).unwrap();
    let jobs = Jobs::starting_at(&start);
    jobs.every(1).day().at("10:30").unwrap().run(async || say("tea time"));
    let scheduler = Scheduler::builder().virtual_time().build();
    let days = Duration::from_secs(2 * 86400);
    scheduler.block_on(async { timeout(days, jobs.run_forever()).await.unwrap_err() });
    say(&jobs.now().to_string());
}

#[unsafe(no_mangle)]
pub extern "C" fn a_snapshot_and_a_shutdown() {
    let second = Duration::from_secs(1);
    let builder = Scheduler::builder().virtual_time().slow_poll(second);
    let scheduler = builder.on_stall(second, |report| say(&report.to_string())).build();
    scheduler.spawn(sleep(60 * second));
    scheduler.run_until_stalled();
    say(&scheduler.snapshot().to_string());
    say(&scheduler.shutdown(5 * second).unwrap().to_string());
}

/// Without time, a real clock is never read; nor for a deadlock report.
#[unsafe(no_mangle)]
pub extern "C" fn no_time_at_all() {
    let scheduler = Scheduler::new();
    say(&scheduler.block_on(async { spawn(async { 42 }).await.unwrap() }).to_string());
    scheduler.spawn(std::future::pending::<()>());
    say(&scheduler.run().unwrap_err().to_string());
}

#[unsafe(no_mangle)]
pub extern "C" fn a_blocking_job() {
    let error = turnwise::block_on(turnwise::spawn_blocking(|| 42)).unwrap_err();
    say(&format!("a blocking job: {error}"));
}

/// Std's own clock panics here, so none of the above reads it.
#[unsafe(no_mangle)]
pub extern "C" fn the_clock_of_std() {
    let _ = std::time::Instant::now();
}

#[unsafe(no_mangle)]
pub extern "C" fn now_outside_of_a_scheduler() {
    let _ = time::now();
}

#[unsafe(no_mangle)]
pub extern "C" fn now_on_a_real_clock() {
    turnwise::block_on(async { time::now() });
}

#[unsafe(no_mangle)]
pub extern "C" fn a_sleep_on_a_real_clock() {
    turnwise::block_on(sleep(Duration::from_millis(1)));
}

#[unsafe(no_mangle)]
pub extern "C" fn a_wake_that_cannot_come() {
    turnwise::block_on(std::future::poll_fn(|cx| {
        std::mem::forget(cx.waker().clone());
        std::task::Poll::<()>::Pending
    }));
}

#[unsafe(no_mangle)]
pub extern "C" fn jobs_by_the_wall_clock() {
    let _ = turnwise::jobs::Jobs::in_zone(turnwise::jobs::jiff::tz::TimeZone::UTC).now();
}

// ----- printing -----

unsafe extern "C" {
    fn print(text: *const u8, length: usize);
}

fn say(text: &str) {
    // SAFETY: JavaScript reads these bytes before it returns.
    unsafe { print(text.as_ptr(), text.len()) }
}

/// Called first: prints panics, which then trap.
#[unsafe(no_mangle)]
pub extern "C" fn print_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("?");
        say(&format!("panic in {}: {text}", panic.location().unwrap().file().rsplit('/').next().unwrap()));
    }));
}

//! Periodic jobs: when they run, what happens to jobs that fail or take long, and how clock changes affect them.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod probe;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use probe::{Count, Log, virtual_time};
use turnwise::jobs::jiff::civil::{Date, DateTime, Time, date};
use turnwise::jobs::jiff::tz::TimeZone;
use turnwise::jobs::jiff::{SignedDuration, Timestamp, ZonedDateTime};
use turnwise::jobs::{Done, Job, Jobs, Plan};
use turnwise::task::catch_cancel;
use turnwise::{Scheduler, join, sleep, spawn, time, timeout, yield_now};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86400);

fn at(date: Date, hour: i8, minute: i8) -> DateTime {
    date.to_datetime(Time::new(hour, minute, 0, 0).unwrap())
}

/// Wednesday, 25 November 2026, nine o'clock.
fn wednesday() -> ZonedDateTime {
    at(date(2026, 11, 25), 9, 0).in_tz("UTC").unwrap()
}

fn berlin(at: DateTime) -> ZonedDateTime {
    at.in_tz("Europe/Berlin").unwrap()
}

/// A job that logs each run with the wall clock time.
fn noted(jobs: &Jobs, log: &Log, name: &str) -> impl AsyncFn() + use<> {
    let (name, log, jobs) = (name.to_owned(), log.clone(), jobs.clone());
    async move || log.note(format!("{name} {}", jobs.now().strftime("%d %T")))
}

/// Runs jobs for this duration, then clears them.
fn run_for(jobs: &Jobs, length: Duration) {
    virtual_time().block_on(async {
        timeout(length, jobs.run_forever()).await.unwrap_err();
    });
    jobs.clear_all();
}

/// The wall clock times at which a job runs within this duration.
fn runs(
    start: &ZonedDateTime,
    length: Duration,
    plan: impl FnOnce(&Jobs) -> Plan<'_>,
) -> Vec<String> {
    let jobs = Jobs::starting_at(start);
    let log = Log::default();
    plan(&jobs).run(noted(&jobs, &log, "")).is_over();
    run_for(&jobs, length);
    log.take().into_iter().map(|line| line.trim().to_owned()).collect()
}

// ----- periods -----

#[test]
fn jobs_run_at_their_own_periods_in_the_order_in_which_they_are_due() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    jobs.every(1).second().run(noted(&jobs, &log, "HaHa"));
    jobs.every(2).seconds().run(noted(&jobs, &log, "Heh"));
    run_for(&jobs, Duration::from_millis(4500));
    let times = ["HaHa 25 09:00:01", "HaHa 25 09:00:02", "Heh 25 09:00:02", "HaHa 25 09:00:03"];
    assert_eq!(log.take()[..4], times);
}

#[test]
fn jobs_due_together_start_in_the_order_in_which_they_were_created() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    for name in ["a", "b"] {
        jobs.every(60).seconds().run(noted(&jobs, &log, name));
        jobs.every(1).minute().at(":00").unwrap().run(noted(&jobs, &log, name));
    }
    run_for(&jobs, Duration::from_secs(61));
    let names: Vec<String> = log.take().iter().map(|line| line[..1].to_owned()).collect();
    assert_eq!(names, ["a", "a", "b", "b"]);
}

#[test]
fn overdue_jobs_start_in_the_order_in_which_they_became_due() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    virtual_time().block_on(async {
        jobs.every(9).seconds().run(noted(&jobs, &log, "nine"));
        jobs.every(1).minute().at(":05").unwrap().run(noted(&jobs, &log, "five"));
        jobs.every(7).seconds().run(noted(&jobs, &log, "seven"));
        sleep(10 * SECOND).await;
        assert_eq!(jobs.idle_seconds(), Some(Duration::ZERO));
        jobs.run_pending().await;
    });
    jobs.clear_all();
    let names: Vec<String> =
        log.take().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["five", "seven", "nine"]);
}

#[test]
fn minutes_and_hours_are_counted_from_the_moment_the_job_is_created() {
    assert_eq!(
        runs(&wednesday(), 3 * HOUR, |jobs| jobs.every(50).minutes()),
        ["25 09:50:00", "25 10:40:00", "25 11:30:00"]
    );
    assert_eq!(
        runs(&wednesday(), 5 * HOUR, |jobs| jobs.every(2).hours()),
        ["25 11:00:00", "25 13:00:00"]
    );
}

#[test]
fn a_long_job_does_not_overlap_itself_and_skips_missed_runs() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    let (note, slow) = (noted(&jobs, &log, ""), Cell::new(true));
    jobs.every(10).seconds().run(async move || {
        note().await;
        if slow.replace(false) {
            sleep(25 * SECOND).await;
        }
    });
    run_for(&jobs, 55 * SECOND);
    assert_eq!(log.take(), [" 25 09:00:10", " 25 09:00:40", " 25 09:00:50"]);
}

#[test]
fn a_run_that_ends_when_the_next_one_is_due_delays_nothing() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    let note = noted(&jobs, &log, "");
    jobs.every(10).seconds().run(async move || {
        note().await;
        sleep(10 * SECOND).await;
    });
    run_for(&jobs, 35 * SECOND);
    assert_eq!(log.take(), [" 25 09:00:10", " 25 09:00:20", " 25 09:00:30"]);
}

#[test]
fn a_slow_job_holds_up_no_other() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    jobs.every(1).second().run(pending::<()>);
    jobs.every(2).seconds().run(noted(&jobs, &log, "quick"));
    run_for(&jobs, 5 * SECOND);
    assert_eq!(log.take().len(), 2);
}

#[test]
fn missed_runs_are_made_up_once_and_the_grid_stays() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    virtual_time().block_on(async {
        let job = jobs.every(10).seconds().run(noted(&jobs, &log, ""));
        sleep(35 * SECOND).await;
        jobs.run_pending().await;
        jobs.run_pending().await;
        assert_eq!(job.next_run().unwrap().time().second(), 40);
        assert_eq!(job.last_run().unwrap().time().second(), 35);
    });
    jobs.clear_all();
    assert_eq!(log.take(), [" 25 09:00:35"]);
}

#[test]
fn a_random_wait_is_within_its_bounds_and_the_same_for_the_same_seed() {
    let waits = |seed| {
        let jobs = Jobs::starting_at(&wednesday()).seeded(seed);
        let times = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&times);
        virtual_time().block_on(async {
            let start = time::now();
            jobs.every(5)
                .to(7)
                .seconds()
                .run(async move || noted.borrow_mut().push((time::now() - start).as_secs()));
            timeout(100 * SECOND, jobs.run_forever()).await.unwrap_err();
        });
        jobs.clear_all();
        times.take()
    };
    let one = waits(1);
    let mut lengths: Vec<u64> = one.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits(1), one);
    assert_ne!(waits(2), one);
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [5, 6, 7]);
}

// ----- times of day -----

#[test]
fn a_future_time_of_day_is_today_and_a_past_one_is_tomorrow() {
    let daily = |time: &'static str| {
        runs(&wednesday(), 2 * DAY, move |jobs| jobs.every(1).day().at(time).unwrap())
    };
    assert_eq!(daily("10:30"), ["25 10:30:00", "26 10:30:00"]);
    assert_eq!(daily("8:15:30"), ["26 08:15:30", "27 08:15:30"]);
    assert_eq!(daily("09:00"), ["26 09:00:00", "27 09:00:00"], "the current moment counts as past");
}

#[test]
fn every_n_days_starts_n_days_from_now_across_the_end_of_a_month() {
    let three = |jobs: &Jobs| jobs.every(3).days().at("10:30").unwrap().next_of();
    assert_eq!(three(&Jobs::starting_at(&wednesday())), at(date(2026, 11, 28), 10, 30));
    assert_eq!(
        runs(&wednesday(), 10 * DAY, |jobs| jobs.every(3).days()),
        ["28 09:00:00", "01 09:00:00", "04 09:00:00"]
    );
    assert_eq!(
        runs(&wednesday(), 15 * DAY, |jobs| jobs.every(1).week()),
        ["02 09:00:00", "09 09:00:00"]
    );
}

trait NextOf {
    fn next_of(self) -> DateTime;
}

impl NextOf for Plan<'_> {
    /// When a job that does nothing would run next.
    fn next_of(self) -> DateTime {
        let job = self.run(async || {});
        let next = job.next_run().unwrap().datetime();
        job.cancel();
        next
    }
}

#[test]
fn a_day_of_the_week_is_the_nearest_one() {
    let jobs = Jobs::starting_at(&wednesday());
    let day = |day| at(date(2026, 11, day), 9, 0);
    assert_eq!(jobs.every(1).thursday().next_of(), day(26));
    assert_eq!(jobs.every(1).friday().next_of(), day(27));
    assert_eq!(jobs.every(1).saturday().next_of(), day(28));
    assert_eq!(jobs.every(1).sunday().next_of(), day(29));
    assert_eq!(jobs.every(1).monday().next_of(), day(30));
    assert_eq!(jobs.every(1).tuesday().next_of(), at(date(2026, 12, 1), 9, 0));
    assert_eq!(
        jobs.every(1).wednesday().next_of(),
        at(date(2026, 12, 2), 9, 0),
        "now counts as past"
    );
    assert_eq!(
        jobs.every(1).wednesday().at("9:01").unwrap().next_of(),
        at(date(2026, 11, 25), 9, 1)
    );
    let second = runs(&wednesday(), 30 * DAY, |jobs| jobs.every(2).monday().at("07:00").unwrap());
    assert_eq!(second, ["30 07:00:00", "14 07:00:00"]);
}

#[test]
fn hours_run_at_a_minute_and_minutes_at_a_second() {
    let at_half = runs(&wednesday(), 2 * HOUR, |jobs| jobs.every(1).hour().at(":30").unwrap());
    assert_eq!(at_half, ["25 09:30:00", "25 10:30:00"]);
    let other = runs(&wednesday(), 5 * HOUR, |jobs| jobs.every(2).hours().at("15:10").unwrap());
    assert_eq!(other, ["25 11:15:10", "25 13:15:10"]);
    let minutes =
        runs(&wednesday(), 130 * SECOND, |jobs| jobs.every(1).minute().at(":17").unwrap());
    assert_eq!(minutes, ["25 09:00:17", "25 09:01:17"]);
    let third = runs(&wednesday(), 400 * SECOND, |jobs| jobs.every(3).minutes().at(":17").unwrap());
    assert_eq!(third, ["25 09:03:17", "25 09:06:17"]);
}

#[test]
fn an_invalid_time_is_refused_with_the_reason() {
    let jobs = Jobs::starting_at(&wednesday());
    for bad in [
        "",
        ":",
        "10",
        "24:00",
        "10:60",
        "10:30:60",
        "1030",
        "010:30",
        "+1:30",
        "10:3",
        "10:30:15:00",
        "-1:00",
    ] {
        let error = jobs.every(1).day().at(bad).unwrap_err();
        assert!(!error.is_wrong_unit() && error.text() == bad, "{bad}");
        assert!(error.to_string().contains("not a time of day"));
    }
    for bad in [":60", "30", "10:30:15", "60:00", ":5"] {
        assert!(
            jobs.every(1)
                .hour()
                .at(bad)
                .unwrap_err()
                .to_string()
                .contains("not a time within an hour")
        );
    }
    for bad in [":60", "30", "10:30", ":5"] {
        assert!(
            jobs.every(1)
                .minute()
                .at(bad)
                .unwrap_err()
                .to_string()
                .contains("not a second of a minute")
        );
    }
    assert!(jobs.every(1).second().at(":30").unwrap_err().is_wrong_unit());
    assert!(jobs.is_empty());
}

// ----- the wall clock -----

#[test]
fn a_time_that_a_clock_change_skips_comes_later_by_that_change() {
    let before = berlin(at(date(2026, 3, 28), 1, 0)); // clocks go forward on the 29th
    let days = runs(&before, 3 * DAY, |jobs| jobs.every(1).day().at("02:30").unwrap());
    assert_eq!(days, ["28 02:30:00", "29 03:30:00", "30 02:30:00", "31 02:30:00"][..days.len()]);
    assert!(days.len() >= 3);
    let hours = runs(&berlin(at(date(2026, 3, 29), 0, 45)), 3 * HOUR, |jobs| {
        jobs.every(1).hour().at(":30").unwrap()
    });
    assert_eq!(hours, ["29 01:30:00", "29 03:30:00", "29 04:30:00"]);
}

#[test]
fn a_time_that_occurs_twice_counts_once_for_days_and_twice_for_hours() {
    let before = berlin(at(date(2026, 10, 25), 0, 45)); // clocks go back that night
    let days = runs(&before, 2 * DAY, |jobs| jobs.every(1).day().at("02:30").unwrap());
    assert_eq!(days, ["25 02:30:00", "26 02:30:00"]);
    let hours = runs(&before, 4 * HOUR, |jobs| jobs.every(1).hour().at(":30").unwrap());
    assert_eq!(hours, ["25 01:30:00", "25 02:30:00", "25 02:30:00", "25 03:30:00"]);
}

#[test]
fn a_day_keeps_the_time_of_day_and_24_hours_do_not() {
    let before = berlin(at(date(2026, 10, 24), 12, 0));
    assert_eq!(
        runs(&before, 3 * DAY, |jobs| jobs.every(1).day())[..2],
        ["25 12:00:00", "26 12:00:00"]
    );
    assert_eq!(
        runs(&before, 3 * DAY, |jobs| jobs.every(24).hours())[..2],
        ["25 11:00:00", "26 11:00:00"]
    );
}

#[test]
fn clocks_put_forward_by_half_an_hour_do_not_change_the_minute() {
    let before = at(date(2026, 10, 4), 0, 45).in_tz("Australia/Lord_Howe").unwrap();
    let hours = runs(&before, 3 * HOUR, |jobs| jobs.every(1).hour().at(":15").unwrap());
    assert_eq!(hours, ["04 01:15:00", "04 03:15:00", "04 04:15:00"]);
}

#[test]
fn clocks_put_forward_or_back_by_half_an_hour_count_from_the_change_on() {
    let spring = at(date(2026, 10, 4), 1, 50).in_tz("Australia/Lord_Howe").unwrap(); // at 2:00 it is 2:30
    let hours = runs(&spring, 2 * HOUR, |jobs| jobs.every(1).hour().at(":45").unwrap());
    assert_eq!(hours, ["04 02:45:00", "04 03:45:00"]);
    let autumn = at(date(2026, 4, 5), 1, 40).in_tz("Australia/Lord_Howe").unwrap(); // at 2:00 it is 1:30
    let hours = runs(&autumn, 2 * HOUR, |jobs| jobs.every(1).hour().at(":45").unwrap());
    assert_eq!(hours, ["05 01:45:00", "05 01:45:00", "05 02:45:00"]);
    let caracas = at(date(2016, 5, 1), 2, 25).in_tz("America/Caracas").unwrap(); // at 2:30 it is 3:00
    let hours = runs(&caracas, HOUR, |jobs| jobs.every(1).hour().at(":05").unwrap());
    assert_eq!(hours, ["01 03:05:00"]);
}

#[test]
fn a_day_that_a_time_zone_has_skipped_gives_no_second_run() {
    let before = at(date(2011, 12, 29), 9, 0).in_tz("Pacific/Apia").unwrap(); // which skipped the 30th
    let days = runs(&before, 2 * DAY, |jobs| jobs.every(1).day().at("10:30").unwrap());
    assert_eq!(days, ["29 10:30:00", "31 10:30:00"]);
}

#[test]
fn midnight_and_the_end_of_a_leap_february_are_not_special() {
    let before = at(date(2028, 2, 28), 23, 59).in_tz("UTC").unwrap();
    let days = runs(&before, 3 * DAY, |jobs| jobs.every(1).day().at("00:00").unwrap());
    assert_eq!(days, ["29 00:00:00", "01 00:00:00", "02 00:00:00"]);
}

/// Jobs with a wall clock that can be set, in UTC.
fn settable() -> (Jobs, Rc<Cell<SignedDuration>>) {
    let offset = Rc::new(Cell::new(SignedDuration::ZERO));
    let (clock, start) = (Rc::clone(&offset), Cell::new(None));
    let shown = move || {
        let start = start.get().unwrap_or_else(|| {
            start.set(Some(time::now()));
            time::now()
        });
        wednesday().timestamp() + (time::now() - start) + clock.get()
    };
    (Jobs::with_clock(TimeZone::UTC, shown), offset)
}

#[test]
fn a_wall_clock_that_is_set_forward_gives_one_run_for_all_that_it_has_passed() {
    virtual_time().block_on(async {
        let ((jobs, offset), log) = (settable(), Log::default());
        jobs.every(1).hour().at(":30").unwrap().run(noted(&jobs, &log, "marked"));
        jobs.every(1).hour().run(noted(&jobs, &log, "counted"));
        let set = async {
            sleep(600 * SECOND).await;
            offset.set(SignedDuration::from_hours(5)); // 14:10
        };
        let ((), ended) = join!(set, timeout(Duration::from_secs(3700), jobs.run_forever()));
        ended.unwrap_err();
        jobs.clear_all();
        assert_eq!(log.take(), ["marked 25 14:10:00", "marked 25 14:30:00", "counted 25 15:00:00"]);
    });
}

/// However many points in time were passed, and even if the last of them is now.
#[test]
fn a_point_at_which_a_late_run_starts_gives_no_second_run() {
    virtual_time().block_on(async {
        let ((jobs, offset), log) = (settable(), Log::default());
        jobs.every(1).day().at("12:00").unwrap().run(noted(&jobs, &log, "noon"));
        jobs.every(10).seconds().run(noted(&jobs, &log, "counted"));
        sleep(30 * SECOND).await;
        offset.set(SignedDuration::from_hours(4 * 24 + 3) - SignedDuration::from_secs(30)); // noon, of Sunday
        for _ in 0..5 {
            jobs.run_pending().await;
        }
        assert_eq!(log.take(), ["noon 29 12:00:00", "counted 29 12:00:00"]);
        sleep(10 * SECOND).await;
        jobs.run_pending().await;
        assert_eq!(log.take(), ["counted 29 12:00:10"]);
        jobs.clear_all();
    });
}

#[test]
fn a_wall_clock_at_the_end_of_time_does_not_affect_counted_periods() {
    virtual_time().block_on(async {
        let end = Rc::new(Cell::new(false));
        let is_end = Rc::clone(&end);
        let shown = move || if is_end.get() { Timestamp::MAX } else { wednesday().timestamp() };
        let jobs = Jobs::with_clock(TimeZone::UTC, shown);
        let counted = Count::default();
        let count = counted.clone();
        jobs.every(10).seconds().run(async move || count.add());
        let set = async {
            for is_end in [true, false] {
                sleep(15 * SECOND).await;
                end.set(is_end);
            }
        };
        let ((), ended) = join!(set, timeout(101 * SECOND, jobs.run_forever()));
        ended.unwrap_err();
        assert_eq!(counted.get(), 10);
        jobs.clear_all();
    });
}

#[test]
fn a_wall_clock_that_is_set_back_repeats_no_run_and_does_not_stop_counted_periods() {
    virtual_time().block_on(async {
        let ((jobs, offset), log) = (settable(), Log::default());
        jobs.every(1).day().at("09:30").unwrap().run(noted(&jobs, &log, "daily"));
        let counted = Count::default();
        let count = counted.clone();
        jobs.every(10).minutes().run(async move || count.add());
        let set = async {
            sleep(HOUR).await;
            offset.set(SignedDuration::from_hours(-1)); // nine o'clock again
        };
        let ((), ended) = join!(set, timeout(2 * HOUR + SECOND, jobs.run_forever()));
        ended.unwrap_err();
        jobs.clear_all();
        assert_eq!(log.take(), ["daily 25 09:30:00"]);
        assert_eq!(counted.get(), 12);
    });
}

#[test]
fn under_a_virtual_clock_the_wall_clock_of_the_machine_moves_with_it() {
    let jobs = Jobs::in_zone(TimeZone::UTC);
    virtual_time().block_on(async {
        let before = jobs.now();
        sleep(30 * DAY).await;
        assert_eq!(jobs.now().duration_since(&before), SignedDuration::from_hours(30 * 24));
    });
}

#[test]
fn on_a_real_clock_jobs_run_in_real_time() {
    let jobs = Jobs::new();
    let before = Timestamp::now();
    jobs.every(1).second().run(async || Done);
    turnwise::block_on(jobs.run_until_empty());
    let took = Timestamp::now().duration_since(before);
    assert!(took >= SignedDuration::from_millis(999), "{took:?}");
}

// ----- until, tags, cancelling -----

#[test]
fn a_job_runs_at_its_last_moment_and_never_after_it() {
    assert_eq!(
        runs(&wednesday(), DAY, |jobs| jobs.every(1).hour().until(2 * HOUR)),
        ["25 10:00:00", "25 11:00:00"]
    );
    let noon = at(date(2026, 11, 25), 12, 0);
    assert_eq!(runs(&wednesday(), DAY, |jobs| jobs.every(2).hours().until(noon)), ["25 11:00:00"]);
    let jobs = Jobs::starting_at(&wednesday());
    let over = jobs.every(1).hour().until(wednesday()).run(async || {});
    assert!(over.is_over() && jobs.is_empty(), "it can never run");
    assert_eq!(format!("{over:?}"), "a_job_runs_at_its_last_moment_and_never_after_it (finished)");
    let timestamp = wednesday().timestamp() + HOUR;
    assert!(!jobs.every(1).hour().until(timestamp).run(async || {}).is_over());
}

#[test]
fn a_job_that_has_expired_when_it_is_checked_does_not_run() {
    let jobs = Jobs::starting_at(&wednesday());
    virtual_time().block_on(async {
        jobs.every(1)
            .hour()
            .until(90 * 60 * SECOND)
            .run(async || -> () { unreachable!("it is too late") });
        sleep(2 * HOUR).await;
        jobs.run_pending().await;
    });
    assert!(jobs.is_empty());
}

#[test]
fn a_tag_clears_its_jobs_and_no_others() {
    let jobs = Jobs::starting_at(&wednesday());
    let make = |tags: &[&str]| -> Job {
        let plan = tags.iter().fold(jobs.every(1).hour(), Plan::tag);
        plan.run(async || {})
    };
    let (one, both, none) = (make(&["c1"]), make(&["c1", "c2", "c1"]), make(&[]));
    assert_eq!(both.tags().iter().map(|tag| &**tag).collect::<Vec<_>>(), ["c1", "c2"]);
    assert_eq!(jobs.tagged("c1"), [one.clone(), both.clone()]);
    assert_eq!((jobs.clear("c2"), jobs.clear("c2"), jobs.clear("c3")), (1, 0, 0));
    assert_eq!(jobs.all(), [one.clone(), none.clone()]);
    assert!(both.is_over() && !both.cancel());
    assert!(one.cancel() && one.is_over() && !none.is_over());
    assert_eq!(jobs.clear_all(), 1);
    assert_eq!((jobs.len(), jobs.idle_seconds(), jobs.next_run()), (0, None, None));
    jobs.every(1).hour().tag(7).run(async || {});
    assert_eq!(jobs.clear(7), 1, "a number can be a tag");
}

#[test]
fn a_job_that_clears_itself_runs_to_its_end() {
    let (jobs, log) = (Jobs::new(), Log::default());
    let (me, notes) = (jobs.clone(), log.clone());
    virtual_time().block_on(async {
        jobs.every(3).seconds().tag("chat").run(async move || {
            me.clear("chat");
            sleep(SECOND).await;
            notes.note("Beep!");
        });
        jobs.run_until_empty().await;
    });
    assert_eq!(log.take(), ["Beep!"]);
}

#[test]
fn a_job_ends_itself_by_what_it_returns() {
    let jobs = Jobs::new();
    let left = Cell::new(3);
    jobs.every(1).second().run(async || Done);
    jobs.every(1).second().run(async || Ok::<_, ()>(Done));
    jobs.every(1).second().run(async || ControlFlow::Break(()));
    jobs.every(1).second().run(async move || -> Result<ControlFlow<()>, String> {
        left.set(left.get() - 1);
        Ok(if left.get() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    virtual_time().block_on(async {
        let start = time::now();
        jobs.run_until_empty().await;
        assert_eq!(time::now() - start, 3 * SECOND);
    });
}

#[test]
fn dropping_jobs_drops_what_they_hold_and_handles_report_it() {
    let (jobs, dropped) = (Jobs::new(), Count::default());
    let token = dropped.token();
    let job = jobs.every(1).hour().run(async move || {
        let _ = &token;
    });
    drop(jobs);
    assert_eq!(dropped.get(), 1);
    assert!(job.is_over() && !job.is_running() && !job.cancel());
    assert_eq!((job.next_run(), job.last_run()), (None, None));
}

#[test]
fn a_destructor_in_a_job_may_make_and_clear_jobs() {
    let jobs = Jobs::new();
    let mine = jobs.clone();
    let guard = probe::OnDrop(move || {
        mine.every(1).minute().name("new").run(async || {});
        mine.clear("nothing");
    });
    jobs.every(1).hour().run(async move || {
        let _ = &guard;
    });
    assert_eq!(jobs.clear_all(), 1);
    assert_eq!(jobs.all()[0].name(), "new");
}

// ----- running -----

#[test]
fn run_all_runs_jobs_that_are_not_due_and_keeps_their_next_times() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    virtual_time().block_on(async {
        let job = jobs.every(1).hour().run(noted(&jobs, &log, "a"));
        jobs.every(1).day().run(noted(&jobs, &log, "b"));
        sleep(SECOND).await;
        jobs.run_all().await;
        assert_eq!(job.next_run().unwrap().datetime(), at(date(2026, 11, 25), 10, 0));
        assert_eq!(job.last_run().unwrap().time().second(), 1);
    });
    jobs.clear_all();
    assert_eq!(log.take(), ["a 25 09:00:01", "b 25 09:00:01"]);
}

#[test]
fn jobs_that_are_due_together_run_at_the_same_time() {
    let jobs = Jobs::new();
    virtual_time().block_on(async {
        for _ in 0..3 {
            jobs.every(1).second().run(async || sleep(5 * SECOND).await);
        }
        sleep(SECOND).await;
        let start = time::now();
        jobs.run_pending().await;
        assert_eq!(time::now() - start, 5 * SECOND);
    });
}

#[test]
fn run_forever_notices_jobs_that_are_created_and_cleared_while_it_waits() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    virtual_time().block_on(async {
        let runner = spawn(jobs.run_forever());
        yield_now().await; // it waits without a job
        jobs.every(1).hour().tag("slow").run(noted(&jobs, &log, "slow"));
        sleep(SECOND).await;
        jobs.every(5).seconds().run(noted(&jobs, &log, "quick"));
        jobs.clear("slow");
        sleep(6 * SECOND).await;
        jobs.stop();
        runner.await.unwrap();
    });
    jobs.clear_all();
    assert_eq!(log.take(), ["quick 25 09:00:06"]);
}

#[test]
fn stopping_waits_for_current_runs_and_starts_no_more() {
    let (jobs, log) = (Jobs::new(), Log::default());
    let notes = log.clone();
    virtual_time().block_on(async {
        jobs.every(1).second().run(async move || {
            notes.note("starts");
            sleep(3 * SECOND).await;
            notes.note("ends");
        });
        let runner = spawn(jobs.run_forever());
        sleep(2 * SECOND).await;
        jobs.stop();
        assert!(jobs.all()[0].is_running());
        runner.await.unwrap();
        assert_eq!(log.take(), ["starts", "ends"]);
        assert_eq!(jobs.len(), 1, "the jobs stay");
    });
}

#[test]
fn two_runners_of_the_same_jobs_run_each_once() {
    let (jobs, count) = (Jobs::new(), Count::default());
    let runs = count.clone();
    virtual_time().block_on(async {
        jobs.every(10).seconds().run(async move || {
            runs.add();
            sleep(SECOND).await;
        });
        let both = async { join!(jobs.run_forever(), jobs.run_forever()) };
        timeout(35 * SECOND, both).await.unwrap_err();
    });
    assert_eq!(count.get(), 3);
}

#[test]
fn dropping_the_runner_aborts_the_runs_and_keeps_the_jobs() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    let notes = log.clone();
    virtual_time().block_on(async {
        let job = jobs.every(10).seconds().run(async move || {
            let _guard = notes.on_drop("dropped");
            pending::<()>().await;
        });
        let runner = spawn(jobs.run_forever());
        sleep(12 * SECOND).await;
        assert!(job.is_running());
        runner.abort();
        sleep(SECOND).await;
        assert_eq!(log.take(), ["dropped"]);
        assert!(!job.is_running() && !job.is_over());
        assert_eq!(job.next_run().unwrap().time().second(), 20);
    });
    jobs.clear_all();
}

#[test]
fn cancelling_a_runner_cancels_the_runs_and_waits_for_their_clean_ups() {
    let (jobs, log) = (Jobs::new(), Log::default());
    let notes = log.clone();
    virtual_time().block_on(async {
        jobs.every(1).second().run(async move || {
            if let Err(cancelled) = catch_cancel(pending::<()>()).await {
                sleep(5 * SECOND).await;
                notes.note(cancelled.reason());
                cancelled.resume().await;
            }
        });
        for pending_only in [false, true] {
            sleep(SECOND).await;
            let runner =
                if pending_only { spawn(jobs.run_pending()) } else { spawn(jobs.run_forever()) };
            sleep(SECOND / 2).await;
            let start = time::now();
            runner.cancel_with("closing time");
            let error = runner.await.unwrap_err();
            assert_eq!(error.reason(), Some("closing time"));
            assert_eq!(time::now() - start, 5 * SECOND);
            assert_eq!(log.take(), ["closing time"]);
        }
    });
}

#[test]
fn ten_thousand_jobs_that_are_not_due_cost_one_timer_and_no_turn() {
    let scheduler = virtual_time();
    let jobs = Jobs::starting_at(&wednesday());
    let count = Count::default();
    for number in 0..10_000 {
        let count = count.clone();
        let plan = if number % 2 == 0 {
            jobs.every(1).hour()
        } else {
            jobs.every(1).day().at("10:00").unwrap()
        };
        plan.tag(number).run(async move || count.add());
    }
    scheduler.block_on(async {
        let runner = spawn(jobs.run_forever());
        yield_now().await;
        let before = scheduler.metrics().turns;
        sleep(3599 * SECOND).await;
        let after = scheduler.metrics().turns;
        assert!(after - before <= 2, "{}", after - before);
        assert_eq!(count.get(), 0);
        sleep(2 * SECOND).await;
        assert_eq!(count.get(), 10_000);
        for number in 0..10_000 {
            assert_eq!(jobs.clear(number), 1);
        }
        runner.abort();
    });
}

#[test]
fn without_a_job_or_a_task_that_could_make_one_it_is_a_deadlock_that_names_the_jobs() {
    let jobs = Jobs::new();
    let error = virtual_time().try_block_on(jobs.run_forever()).unwrap_err().to_string();
    assert!(error.contains("notify \"jobs\" at tests/jobs.rs:"), "{error}");
}

#[test]
fn several_scheduler_runs_may_run_the_same_jobs() {
    let (jobs, count) = (Jobs::new(), Count::default());
    let runs = count.clone();
    jobs.every(1).second().run(async move || runs.add());
    let scheduler = virtual_time();
    for runs in 0..3 {
        scheduler.block_on(async {
            jobs.run_pending().await; // The first call starts the clock.
            sleep(SECOND).await;
        });
        assert_eq!(count.get(), runs);
    }
}

#[test]
fn under_another_virtual_clock_they_continue_from_the_last_reading() {
    let (jobs, log) = (Jobs::starting_at(&wednesday()), Log::default());
    jobs.every(1).hour().run(noted(&jobs, &log, ""));
    for _ in 0..3 {
        virtual_time().block_on(async {
            timeout(59 * 60 * SECOND, jobs.run_forever()).await.unwrap_err();
            jobs.now();
        });
    }
    jobs.clear_all();
    assert_eq!(log.take(), [" 25 10:00:00", " 25 11:00:00"]); // 177 minutes in all
}

// ----- failures -----

#[test]
fn a_failure_is_reported_by_the_scheduler_and_the_next_run_is_kept() {
    let log = Log::default();
    let reports = log.clone();
    let scheduler = Scheduler::builder()
        .virtual_time()
        .slow_poll(Duration::MAX)
        .on_report(move |report| reports.note(report.to_string()))
        .build();
    let jobs = Jobs::new();
    jobs.every(10).seconds().name("import").run(async || Err::<(), _>("no file"));
    jobs.every(10).seconds().name("broken").run(async || -> () { panic!("a bug") });
    scheduler.block_on(async { timeout(25 * SECOND, jobs.run_forever()).await.unwrap_err() });
    let lines = log.take();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].contains("\"import\", spawned at tests/jobs.rs:"), "{}", lines[0]);
    assert!(
        lines[0].ends_with("returned an error, and nothing read that: \"no file\""),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("\"broken\"") && lines[1].contains("panicked"), "{}", lines[1]);
}

#[test]
fn a_hook_receives_failures_instead() {
    let (log, reported) = (Log::default(), Count::default());
    let reports = reported.clone();
    let scheduler = Scheduler::builder()
        .virtual_time()
        .slow_poll(Duration::MAX)
        .on_report(move |_| reports.add())
        .build();
    let jobs = Jobs::new();
    let failures = log.clone();
    jobs.on_failure(move |failure| {
        let tags: Vec<&str> = failure.tags().collect();
        failures.note(format!(
            "{} {} {tags:?} {}",
            failure.name(),
            failure.message(),
            failure.is_panic()
        ));
        assert!(failure.to_string().contains("created at tests/jobs.rs:"));
        assert!(failure.place().file().ends_with("jobs.rs"));
    });
    jobs.every(10).seconds().name("import").tag("a").tag("b").run(async || Err::<(), _>("no file"));
    jobs.every(10).seconds().name("broken").run(async || -> () { panic!("a bug") });
    scheduler.block_on(async { timeout(15 * SECOND, jobs.run_forever()).await.unwrap_err() });
    assert_eq!(log.take(), ["import \"no file\" [\"a\", \"b\"] false", "broken a bug [] true"]);
    assert_eq!((reported.get(), jobs.len()), (0, 2));
}

#[test]
fn invalid_periods_panic_in_the_caller() {
    let jobs = Jobs::new();
    let zero = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(jobs.every(0))));
    assert!(zero.is_err());
    let less = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(jobs.every(5).to(4))));
    assert!(less.is_err());
}

// ----- debug output and limits -----

async fn sweep() {}

#[test]
fn debug_output_shows_the_schedule() {
    let jobs = Jobs::starting_at(&wednesday());
    let shown = |job: Job| {
        let shown = format!("{job:?}");
        shown.split_once(" (last run: never").unwrap().0.to_owned()
    };
    assert_eq!(shown(jobs.every(10).seconds().run(sweep)), "every 10 seconds do sweep");
    assert_eq!(
        shown(jobs.every(1).minute().at(":05").unwrap().run(sweep)),
        "every minute at :05 do sweep"
    );
    assert_eq!(
        shown(jobs.every(2).hours().at(":30").unwrap().run(sweep)),
        "every 2 hours at :30 do sweep"
    );
    assert_eq!(
        shown(jobs.every(1).to(3).weeks().at("7:00").unwrap().run(sweep)),
        "every 1 to 3 weeks at 07:00:00 do sweep"
    );
    assert_eq!(
        shown(jobs.every(1).monday().name("x").at("7:00").unwrap().run(sweep)),
        "every Monday at 07:00:00 do x"
    );
    jobs.clear_all();
    virtual_time().block_on(async {
        jobs.every(10).seconds().run(sweep);
        sleep(10 * SECOND).await;
        jobs.run_pending().await;
    });
    assert_eq!(
        format!("{jobs:?}"),
        "Jobs [every 10 seconds do sweep (last run: 2026-11-25 09:00:10, next run: 2026-11-25 09:00:20)]"
    );
}

#[test]
fn a_job_beyond_the_calendar_is_over() {
    let jobs = Jobs::starting_at(&wednesday());
    assert!(jobs.every(u32::MAX).weeks().run(async || {}).is_over());
    assert!(jobs.every(u32::MAX).hours().at(":30").unwrap().run(async || {}).is_over());
    // A counted period needs no calendar: the job waits for half a million years, unless it has an end.
    let patient = jobs.every(u32::MAX).hours().run(async || {});
    assert!(!patient.is_over() && patient.next_run().is_none());
    assert!(jobs.every(u32::MAX).hours().until(Timestamp::MAX).run(async || {}).is_over());
}

#[test]
fn an_end_before_the_calendar_is_past() {
    let jobs = Jobs::starting_at(&wednesday());
    for last in [DateTime::MIN, date(-9999, 1, 2).at(0, 0, 0, 0)] {
        assert!(jobs.every(1).hour().until(last).run(async || {}).is_over());
    }
    assert!(!jobs.every(1).hour().until(DateTime::MAX).run(async || {}).is_over());
    jobs.clear_all();
}

#[test]
fn a_stop_counts_for_an_earlier_call_that_has_not_yet_been_polled() {
    virtual_time().block_on(async {
        let jobs = Jobs::starting_at(&wednesday());
        jobs.every(1).hour().run(async || {});
        let before = spawn(jobs.run_forever());
        jobs.stop();
        before.await.unwrap();
        let later = timeout(SECOND, jobs.run_forever()).await;
        later.expect_err("it does not count for a later call");
        jobs.clear_all();
    });
}

#[test]
fn a_wait_for_the_last_job_ends_though_its_destructor_panics() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    virtual_time().block_on(async {
        let jobs = Jobs::starting_at(&wednesday());
        let bad = Bad;
        jobs.every(1).day().tag("bad").run(async move || {
            let _keep = &bad;
        });
        let waits = spawn(jobs.run_until_empty());
        sleep(SECOND).await;
        catch_unwind(AssertUnwindSafe(|| jobs.clear("bad"))).unwrap_err();
        timeout(SECOND, waits).await.unwrap().unwrap();
    });
}

#[test]
fn a_run_forever_that_a_timeout_has_ended_is_not_polled_again_in_silence() {
    let jobs = Jobs::new();
    let runs = Count::default();
    let counted = runs.clone();
    jobs.every(1).hour().run(async move || counted.add()).is_over();
    let message = virtual_time().block_on(async {
        let mut forever = Box::pin(jobs.run_forever());
        assert!(timeout(2 * HOUR + SECOND, &mut forever).await.is_err());
        let again = async { timeout(HOUR, &mut forever).await };
        let panic = AssertUnwindSafe(again).catch_unwind().await.unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    });
    assert!(message.contains("is lent, shared or kept cannot continue"), "{message}");
    assert!(message.contains("tests/jobs.rs"), "{message}");
    assert_eq!(runs.get(), 2);
    jobs.clear_all();
}

//! When a job runs, against a model: in UTC by whole numbers of seconds, which needs no calendar; elsewhere by the
//! two offsets that a time zone has around a clock change.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use folded::Recorded;
use proptest::prelude::*;
use turnwise::jobs::jiff::civil::{Date, Time, date};
use turnwise::jobs::jiff::tz::TimeZone;
use turnwise::jobs::jiff::{SignedDuration, Timestamp};
use turnwise::jobs::{Jobs, Plan};
use turnwise::{Scheduler, sleep};

// ----- in UTC -----

/// The unit of a job's period, and the time in that unit.
#[derive(Clone, Copy, Debug)]
enum Schedule {
    Seconds,
    SecondOfMinute(i64),
    SecondOfHour(i64),
    TimeOfDay(i64),
    /// The day of the week, where Monday is 0.
    TimeOnWeekday(i64, i64),
}

impl Schedule {
    fn plan(self, every: u32, jobs: &Jobs) -> Plan<'_> {
        let every = jobs.every(every);
        let time = |at: i64| format!("{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
        match self {
            Schedule::Seconds => every.seconds(),
            Schedule::SecondOfMinute(at) => every.minutes().at(format!(":{at:02}")).unwrap(),
            Schedule::SecondOfHour(at) => every.hours().at(&time(at)[3..]).unwrap(),
            Schedule::TimeOfDay(at) => every.days().at(time(at)).unwrap(),
            Schedule::TimeOnWeekday(day, at) => {
                let plan = match day {
                    0 => every.monday(),
                    1 => every.tuesday(),
                    2 => every.wednesday(),
                    3 => every.thursday(),
                    4 => every.friday(),
                    5 => every.saturday(),
                    _ => every.sunday(),
                };
                plan.at(time(at)).unwrap()
            }
        }
    }

    /// The length of the unit, and the offset in it at which the job runs.
    fn unit(self) -> (i64, i64) {
        const DAY: i64 = 86400;
        match self {
            Schedule::Seconds => (1, 0),
            Schedule::SecondOfMinute(at) => (60, at),
            Schedule::SecondOfHour(at) => (3600, at),
            Schedule::TimeOfDay(at) => (DAY, at),
            // The first of January 1970 was a Thursday.
            Schedule::TimeOnWeekday(day, at) => (7 * DAY, (day - 3).rem_euclid(7) * DAY + at),
        }
    }

    /// The first time after `start`, and the time from each to the next.
    fn first(self, every: u32, start: i64) -> (i64, i64) {
        let (unit, offset) = self.unit();
        let period = unit * i64::from(every);
        let here = start.div_euclid(unit) * unit + offset;
        let is_nearest = every == 1 || matches!(self, Schedule::TimeOnWeekday(..));
        let first = match is_nearest {
            true if here > start => here,
            // Weeks start on a Thursday here, so the nearest day may be in the next one.
            true => here + unit,
            false => here + period,
        };
        (first, period)
    }
}

/// The next time after `due` that is not before `now`.
fn after(due: i64, period: i64, now: i64) -> i64 {
    let mut next = due + period;
    while next < now {
        next += period;
    }
    next
}

/// The start times of the job, if it is checked after each pause and runs for each length; and when it is due next.
fn model(schedule: Schedule, every: u32, start: i64, checks: &[(u32, u32)]) -> (Vec<i64>, i64) {
    let (mut due, period) = schedule.first(every, start);
    let (mut now, mut starts) = (start, Vec::new());
    for &(pause, length) in checks {
        now += i64::from(pause);
        if due <= now {
            starts.push(now);
            due = after(due, period, now);
            if due == now {
                due += period; // This run serves it.
            }
            now += i64::from(length);
            if due < now {
                due = after(due, period, now);
            }
        }
    }
    (starts, due)
}

fn program(schedule: Schedule, every: u32, start: i64, checks: &[(u32, u32)]) -> (Vec<i64>, i64) {
    let point = Timestamp::from_second(start).unwrap().to_zoned_datetime(TimeZone::UTC);
    let jobs = Jobs::starting_at(&point);
    let (starts, length) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(0)));
    let (log, duration, clock) = (Rc::clone(&starts), Rc::clone(&length), jobs.clone());
    let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
    let scheduler = builder.build();
    let due = scheduler.block_on(async {
        let job = schedule.plan(every, &jobs).run(async move || {
            log.borrow_mut().push(clock.now().timestamp().as_second());
            sleep(Duration::from_secs(duration.get())).await;
        });
        for &(pause, seconds) in checks {
            length.set(seconds.into());
            sleep(Duration::from_secs(pause.into())).await;
            jobs.run_pending().await;
        }
        job.next_run().unwrap().timestamp().as_second()
    });
    recorded.check(&scheduler);
    jobs.clear_all();
    (starts.take(), due)
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::Seconds),
        (0..60i64).prop_map(Schedule::SecondOfMinute),
        (0..3600i64).prop_map(Schedule::SecondOfHour),
        (0..86400i64).prop_map(Schedule::TimeOfDay),
        (0..7i64, 0..86400i64).prop_map(|(day, at)| Schedule::TimeOnWeekday(day, at)),
    ]
}

/// Pauses of widely varying lengths, and the lengths of runs, a few of them long.
fn checks() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let pause = prop_oneof![0..90u32, 0..7200u32, 0..200_000u32, 0..2_000_000u32];
    let length = prop_oneof![3 => Just(0), 1 => 0..100u32, 1 => 0..200_000u32];
    prop::collection::vec((pause, length), 1..20)
}

proptest! {
    #[test]
    fn a_job_starts_when_the_model_says(
        schedule in schedule(),
        every in prop_oneof![3 => Just(1u32), 2 => 2..40u32],
        start in 0..4_000_000_000i64,
        checks in checks(),
    ) {
        prop_assert_eq!(program(schedule, every, start, &checks), model(schedule, every, start, &checks));
    }
}

// ----- in zones with clock changes -----

/// The timestamp of this date and time in a time zone. It uses the offset of the day before or after, whichever gives
/// the first valid time; if neither does, that of the day before.
fn when(zone: &TimeZone, day: Date, time: Time) -> Timestamp {
    let as_if = TimeZone::UTC.to_timestamp(day.to_datetime(time)).unwrap();
    let with = |shift: SignedDuration| {
        let offset = zone.to_offset(as_if + shift);
        let at = as_if - SignedDuration::from_secs(offset.seconds().into());
        (at, zone.to_offset(at) == offset)
    };
    let (before, after) =
        (with(SignedDuration::from_hours(-24)), with(SignedDuration::from_hours(24)));
    match (before, after) {
        ((before, _), (after, true)) if after < before => after,
        ((before, true), _) | ((before, false), (_, false)) => before,
        (_, (after, true)) => after,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_time_of_day_is_what_the_local_clock_shows(
        zone in prop::sample::select(vec![
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu",
            "America/St_Johns", "Africa/Casablanca",
        ]),
        day in 0..3000i64,
        (hour, minute) in (0..24i8, 0..60i8),
        every in 1..4u32,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let time = Time::new(hour, minute, 0, 0).unwrap();
        let today = date(2018, 1, 1) + SignedDuration::from_hours(24 * day);
        let start = today.to_datetime(Time::midnight()).to_zoned_datetime(zone.clone()).unwrap();
        let jobs = Jobs::starting_at(&start);
        let runs = Rc::new(RefCell::new(Vec::new()));
        let (log, clock) = (Rc::clone(&runs), jobs.clone());
        jobs.every(every).days().at(time.to_string()).unwrap().run(async move || {
            log.borrow_mut().push(clock.now().timestamp());
        });
        let year = Duration::from_secs(370 * 86400);
        let scheduler = Scheduler::builder().virtual_time().build();
        let ended = scheduler.block_on(turnwise::timeout(year, jobs.run_forever()));
        prop_assert!(ended.is_err());
        jobs.clear_all();

        let ahead = |count: i64| today + SignedDuration::from_hours(24 * count);
        let mut expected = Vec::new();
        for count in (0..).step_by(every as usize) {
            let at = when(&zone, ahead(count), time);
            if at > start.timestamp() + year {
                break;
            }
            if at > start.timestamp() && (every == 1 || count > 0) {
                expected.push(at);
            }
        }
        prop_assert_eq!(runs.take(), expected);
    }
}

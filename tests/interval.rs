//! Intervals tick at their period, and treat missed ticks by their policy.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use turnwise::time::{Interval, Missed, interval, now};
use turnwise::{RunError, Scheduler, sleep};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Runs an interval under virtual time whose owner is busy for `busy` seconds after each tick. Returns, for each
/// tick, when it was due and when it was seen.
fn ticks(mut interval: Interval, busy: &[u64]) -> Vec<(u64, u64)> {
    Scheduler::builder().virtual_time().build().block_on(async {
        let start = now();
        let mut seen = Vec::new();
        for &busy in busy {
            let due = interval.tick().await;
            seen.push(((due - start).as_secs(), (now() - start).as_secs()));
            if busy > 0 {
                sleep(seconds(busy)).await;
            }
        }
        seen
    })
}

#[test]
fn an_owner_in_time_sees_every_tick_in_time() {
    for missed in [Missed::Delay, Missed::Burst, Missed::Skip] {
        let ticks = ticks(interval(seconds(10)).missed(missed), &[0, 3, 9, 10, 0]);
        assert_eq!(ticks, [(0, 0), (10, 10), (20, 20), (30, 30), (40, 40)], "{missed:?}");
    }
}

#[test]
fn delay_shifts_the_schedule() {
    let ticks = ticks(interval(seconds(10)), &[25, 0, 3, 21, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (35, 35), (45, 45), (55, 66), (76, 76)]);
}

#[test]
fn burst_catches_up_with_the_schedule() {
    let ticks = ticks(interval(seconds(10)).missed(Missed::Burst), &[25, 0, 3, 21, 0, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (20, 25), (30, 30), (40, 51), (50, 51), (60, 60)]);
}

#[test]
fn skip_leaves_out_missed_ticks_and_keeps_the_schedule() {
    let ticks = ticks(interval(seconds(10)).missed(Missed::Skip), &[25, 3, 21, 0, 20, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (30, 30), (40, 51), (60, 60), (70, 80), (80, 80)]);
}

#[test]
fn with_delay_no_two_ticks_are_closer_than_a_period() {
    let ticks = ticks(interval(seconds(10)), &[14, 0, 20, 0, 5, 19, 0, 0]);
    for pair in ticks.windows(2) {
        assert!(pair[1].1 - pair[0].1 >= 10, "{} and {} in {ticks:?}", pair[0].1, pair[1].1);
    }
}

/// The number of ticks that an interval of one second gives immediately when its owner is 10 hours late, and the
/// delay of the next one.
fn ten_hours_late(missed: Missed) -> (u32, Duration) {
    Scheduler::builder().virtual_time().build().block_on(async {
        let mut interval = interval(seconds(1)).missed(missed);
        interval.tick().await;
        sleep(seconds(36_000) + Duration::from_millis(300)).await;
        let late = now();
        let mut immediate = 0;
        loop {
            interval.tick().await;
            if now() != late {
                return (immediate, now() - late);
            }
            immediate += 1;
        }
    })
}

// tokio#5553: after the machine had slept, an interval ticked without end.
#[test]
fn ten_hours_late_is_bounded_by_the_policy() {
    assert_eq!(ten_hours_late(Missed::Burst), (36_000, Duration::from_millis(700)));
    assert_eq!(ten_hours_late(Missed::Skip), (1, Duration::from_millis(700)));
    assert_eq!(ten_hours_late(Missed::Delay), (1, seconds(1)));
}

#[test]
#[should_panic(expected = "the period of an interval must not be zero")]
fn a_period_of_zero_is_refused() {
    let _ = interval(Duration::ZERO);
}

#[test]
fn the_shortest_period_ticks_too() {
    Scheduler::builder().virtual_time().build().block_on(async {
        let start = now();
        let mut interval = interval(Duration::from_nanos(1));
        for _ in 0..=1000 {
            interval.tick().await;
        }
        assert_eq!(now() - start, Duration::from_micros(1));
    });
}

// tokio#6612, tokio#6487: a huge period overflowed an `Instant`, which panics.
#[test]
fn an_interval_of_a_huge_period_ticks_once_and_never_again() {
    let huge = [1 << 34, 1 << 40, i64::MAX.unsigned_abs() - 1, u64::MAX].map(seconds);
    for period in huge.into_iter().chain([Duration::from_millis(u64::MAX), Duration::MAX]) {
        for missed in [Missed::Delay, Missed::Burst, Missed::Skip] {
            let scheduler = Scheduler::builder().virtual_time().build();
            let mut ticks = 0;
            let ended = scheduler.try_block_on(async {
                let mut interval = interval(period).missed(missed);
                while ticks < 5 {
                    interval.tick().await;
                    ticks += 1;
                    sleep(seconds(1)).await;
                }
            });
            assert_eq!(ticks, 1, "{period:?} {missed:?}");
            assert!(matches!(ended, Err(RunError::Deadlock(report)) if report.certain));
        }
    }
}

#[test]
fn a_tick_that_is_given_up_half_way_is_not_lost() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let start = scheduler.block_on(async { now() });
    let mut interval = interval(seconds(10)).missed(Missed::Burst);
    assert_eq!(scheduler.block_on(interval.tick()), start);
    scheduler.block_on(async {
        for _ in 0..3 {
            assert!(futures::poll!(interval.tick()).is_pending());
            sleep(seconds(2)).await;
        }
        assert_eq!(interval.tick().await - start, seconds(10));
        // Given up before and after it was due.
        let mut tick = pin!(interval.tick());
        assert!(futures::poll!(tick.as_mut()).is_pending());
        sleep(seconds(11)).await;
    });
    assert_eq!(scheduler.block_on(interval.tick()) - start, seconds(20));
    assert_eq!(scheduler.block_on(interval.tick()) - start, seconds(30));
}

#[test]
fn a_tick_that_was_given_up_is_no_longer_waited_for() {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.spawn(async {
        let mut interval = interval(seconds(10));
        interval.tick().await;
        assert!(futures::poll!(interval.tick()).is_pending());
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    assert_eq!(scheduler.metrics().timers, 0);
    assert_eq!(scheduler.next_deadline(), None);
    assert_eq!(scheduler.snapshot().tasks[0].waits.len(), 1);
    assert!(scheduler.snapshot().to_string().contains("waits for nothing"));
}

#[test]
fn it_reports_its_period() {
    let interval = interval(seconds(7)).missed(Missed::Skip);
    assert_eq!(interval.period(), seconds(7));
    let text = format!("{interval:?}");
    assert!(text.contains("7s") && text.contains("Skip"), "{text}");
}

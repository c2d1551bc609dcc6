//! Intervals tick at their period, and treat missed ticks by their policy.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, prop_oneof, proptest};
use turnwise::time::{Interval, Missed, interval, now};
use turnwise::{RunError, Scheduler, select, sleep, spawn, yield_now};

const MILLI: Duration = Duration::from_millis(1);
const POLICIES: [Missed; 3] = [Missed::Delay, Missed::Burst, Missed::Skip];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Runs an interval under virtual time whose owner is busy for a time of `busy` after each tick. Returns, for each tick,
/// when it was due and when it was seen.
fn ticks(mut interval: Interval, busy: &[Duration]) -> Vec<(Duration, Duration)> {
    Scheduler::builder().virtual_time().build().block_on(async {
        let start = now();
        let mut seen = Vec::new();
        for &busy in busy {
            let due = interval.tick().await;
            seen.push((due - start, now() - start));
            if !busy.is_zero() {
                sleep(busy).await;
            }
        }
        seen
    })
}

/// The same, all in seconds.
fn ticks_in_seconds(interval: Interval, busy: &[u64]) -> Vec<(u64, u64)> {
    let busy: Vec<Duration> = busy.iter().copied().map(seconds).collect();
    let ticks = ticks(interval, &busy).into_iter();
    ticks.map(|(due, seen)| (due.as_secs(), seen.as_secs())).collect()
}

#[test]
fn an_owner_in_time_sees_every_tick_in_time() {
    for missed in POLICIES {
        let ticks = ticks_in_seconds(interval(seconds(10)).missed(missed), &[0, 3, 9, 10, 0]);
        assert_eq!(ticks, [(0, 0), (10, 10), (20, 20), (30, 30), (40, 40)], "{missed:?}");
    }
}

#[test]
fn delay_shifts_the_schedule() {
    let ticks = ticks_in_seconds(interval(seconds(10)), &[25, 0, 3, 21, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (35, 35), (45, 45), (55, 66), (76, 76)]);
}

#[test]
fn burst_catches_up_with_the_schedule() {
    let ticks =
        ticks_in_seconds(interval(seconds(10)).missed(Missed::Burst), &[25, 0, 3, 21, 0, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (20, 25), (30, 30), (40, 51), (50, 51), (60, 60)]);
}

#[test]
fn skip_leaves_out_missed_ticks_and_keeps_the_schedule() {
    let ticks =
        ticks_in_seconds(interval(seconds(10)).missed(Missed::Skip), &[25, 3, 21, 0, 20, 0, 0]);
    assert_eq!(ticks, [(0, 0), (10, 25), (30, 30), (40, 51), (60, 60), (70, 80), (90, 90)]);
}

// turnwise#15: after 20 seconds in place of 10, the tick at 20 came twice.
#[test]
fn a_skipped_tick_that_is_due_now_does_not_come_in_addition() {
    for (late, expected) in [
        (9, [0, 10, 20, 30]),
        (10, [0, 10, 20, 30]),
        (20, [0, 20, 30, 40]),
        (30, [0, 30, 40, 50]),
        (35, [0, 35, 40, 50]),
    ] {
        let interval = || interval(seconds(10)).missed(Missed::Skip);
        let awaited = ticks_awaited(interval(), &[late, 0, 0, 0].map(seconds));
        let awaited: Vec<u64> = awaited.iter().map(|tick| tick.1.as_secs()).collect();
        assert_eq!(awaited[..4], expected, "{late} s late, awaited");
        let busy: Vec<u64> =
            ticks_in_seconds(interval(), &[late, 0, 0, 0]).iter().map(|tick| tick.1).collect();
        assert_eq!(busy, expected, "{late} s late, busy");
    }
}

#[test]
fn with_delay_no_two_ticks_are_closer_than_a_period() {
    let ticks = ticks_in_seconds(interval(seconds(10)), &[14, 0, 20, 0, 5, 19, 0, 0]);
    for pair in ticks.windows(2) {
        assert!(pair[1].1 - pair[0].1 >= 10, "{} and {} in {ticks:?}", pair[0].1, pair[1].1);
    }
}

// ----- late ticks -----

/// Runs an interval under virtual time whose owner always waits, while the clock is advanced by one of `stalls` at a
/// time. Returns, for each tick, when it was due and when it was seen.
fn ticks_awaited(mut interval: Interval, stalls: &[Duration]) -> Vec<(Duration, Duration)> {
    let scheduler = Scheduler::builder().virtual_time().build();
    let start = scheduler.block_on(async { now() });
    let seen = Rc::new(RefCell::new(Vec::new()));
    let ticks = Rc::clone(&seen);
    scheduler.spawn(async move {
        loop {
            let due = interval.tick().await;
            ticks.borrow_mut().push((due - start, now() - start));
        }
    });
    for &stall in stalls {
        let before = seen.borrow().len();
        scheduler.run_until_stalled();
        while seen.borrow().len() == before {
            let due = scheduler.next_deadline().unwrap() - start;
            scheduler.advance(due.saturating_sub(scheduler.snapshot().elapsed));
            scheduler.run_until_stalled();
        }
        scheduler.advance(stall); // The owner is waiting for the next tick.
    }
    seen.take()
}

// turnwise#15: an owner that waited was never late, so its next tick came at the same time.
#[test]
fn after_a_stall_in_an_awaited_tick_the_next_one_is_not_due_at_the_same_time() {
    for (missed, expected) in [
        (Missed::Delay, &[0, 35, 45, 55][..]),
        (Missed::Skip, &[0, 35, 40, 50]),
        (Missed::Burst, &[0, 35, 35, 35, 40]),
    ] {
        let stalls = [seconds(35), seconds(0), seconds(0), seconds(0)];
        let seen = ticks_awaited(interval(seconds(10)).missed(missed), &stalls);
        let seen: Vec<u64> = seen.iter().map(|tick| tick.1.as_secs()).collect();
        assert_eq!(seen[..expected.len()], *expected, "{missed:?}");
    }
}

/// The owner waits on a real clock while another task blocks the thread for three and a half periods.
#[test]
fn after_a_stall_on_a_real_clock_the_next_tick_is_a_period_away_or_on_the_old_schedule() {
    let period = 20 * MILLI;
    for missed in [Missed::Delay, Missed::Skip] {
        turnwise::block_on(async {
            let mut interval = interval(period).missed(missed);
            let start = interval.tick().await;
            spawn(async move { thread::sleep(period * 7 / 2) });
            let second = interval.tick().await;
            let seen = now();
            let next = interval.tick().await;
            assert!(seen >= start + period * 7 / 2);
            if missed == Missed::Delay {
                // The first tick may be late too.
                assert!(second - start >= period);
                assert!(next >= start + period * 9 / 2 && next <= seen + period);
            } else {
                assert_eq!(second - start, period);
                assert_eq!((next - start).as_nanos() % period.as_nanos(), 0);
                assert!(next > start + 3 * period);
            }
        });
    }
}

/// Gives the owner of an interval of two milliseconds other work in a `select!` loop, so that it takes many ticks late,
/// by less than a period. Returns how many ticks were due within one and a half seconds.
fn ticks_beside_other_work(missed: Missed) -> u32 {
    Scheduler::builder().virtual_time().build().block_on(async {
        let start = now();
        let mut interval = interval(2 * MILLI).missed(missed);
        let mut ticks = 0;
        let mut work = [19, 2].into_iter().cycle().map(|tenths| MILLI * tenths / 10);
        loop {
            select! {
                due = interval.tick() => {
                    if due - start >= 1500 * MILLI {
                        return ticks;
                    }
                    ticks += 1;
                }
                () = sleep(MILLI * 3 / 10) => sleep(work.next().unwrap()).await,
            }
        }
    })
}

// turnwise#15: 748 ticks for 750.
#[test]
fn an_interval_that_is_polled_a_little_late_does_not_drift() {
    for missed in POLICIES {
        assert_eq!(ticks_beside_other_work(missed), 750, "{missed:?}");
    }
}

// On a real clock too: whenever a tick was less than a period late, the next one is due a period after it.
#[test]
fn on_a_real_clock_a_little_delay_does_not_shift_the_schedule() {
    let kept = Cell::new(0);
    turnwise::block_on(async {
        let mut interval = interval(2 * MILLI);
        let mut due = interval.tick().await;
        let mut rounds = 0..100;
        // On a machine that is slow now, more rounds than that.
        while rounds.next().is_some() || kept.get() == 0 {
            let seen = now();
            let next = loop {
                select! {
                    next = interval.tick() => break next,
                    () = yield_now() => thread::sleep(MILLI * 3 / 10),
                }
            };
            if seen - due < 2 * MILLI {
                assert_eq!(next - due, 2 * MILLI);
                kept.set(kept.get() + 1);
            }
            due = next;
        }
    });
}

/// What [`ticks_awaited`] should return, or if the owner is busy instead of waiting, in units of 100 µs.
fn model(missed: Missed, period: u64, delays: &[u64], is_busy: bool) -> Vec<(u64, u64)> {
    let (mut now, mut due, mut seen) = (0, 0, Vec::new());
    for &delay in delays {
        loop {
            now = due.max(now);
            seen.push((due, now));
            let late = now - due;
            due = match missed {
                Missed::Delay if late >= period.min(50) => now + period,
                Missed::Skip => due + (late / period + 1) * period,
                _ => due + period,
            };
            if is_busy || due > now {
                break;
            }
        }
        now += delay;
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Lateness is judged by how late a tick is, not by which side waited.
    #[test]
    fn ticks_are_as_the_model_says_whether_the_owner_waits_or_is_busy(
        policy in 0_usize..3,
        period in prop_oneof![1_u64..10, 30_u64..200],
        delays in prop::collection::vec(prop_oneof![0_u64..5, 0_u64..300], 1..12),
        is_busy in any::<bool>(),
    ) {
        let unit = |count: u64| Duration::from_micros(100 * count);
        let interval = interval(unit(period)).missed(POLICIES[policy]);
        let lengths: Vec<Duration> = delays.iter().copied().map(unit).collect();
        let seen = if is_busy { ticks(interval, &lengths) } else { ticks_awaited(interval, &lengths) };
        let expected: Vec<_> = model(POLICIES[policy], period, &delays, is_busy)
            .into_iter()
            .map(|(due, seen)| (unit(due), unit(seen)))
            .collect();
        prop_assert_eq!(seen, expected);
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
        for missed in POLICIES {
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

//! Time: no sleep ends early, sleeps end in order, and a virtual clock advances only when all tasks wait.

mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use turnwise::time::Sleep;
use turnwise::{RunError, Scheduler, Transition, sleep, sleep_until, spawn, time, yield_now};

use trace::{Log, Signal};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn virtual_scheduler() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

/// Runs a future on a virtual clock, which stands still unless the future sleeps; returns how long it slept.
fn slept(future: impl Future<Output = ()>) -> Duration {
    virtual_scheduler().block_on(async {
        let start = time::now();
        future.await;
        time::now() - start
    })
}

// A virtual clock costs nothing to read, so the deadline is not deferred to the end of the turn.
#[test]
fn a_sleep_on_a_virtual_clock_has_its_deadline_immediately_and_keeps_it() {
    let scheduler = virtual_scheduler();
    scheduler.block_on(async {
        let start = time::now();
        let sleep = sleep(5 * SECOND);
        assert_eq!(sleep.deadline(), Some(start + 5 * SECOND));
        scheduler.advance(3 * SECOND);
        assert_eq!(sleep.deadline(), Some(start + 5 * SECOND));
        sleep.await;
        assert_eq!(time::now(), start + 5 * SECOND);
    });
}

// tokio#3069; polling: a timeout that was rounded down to zero caused a busy loop, or an early end.
#[test]
fn no_sleep_is_early_on_the_real_clock_and_none_is_polled_needlessly() {
    let lengths = [1, 999, 1_000, 100_000, 999_999, 1_000_000, 1_000_001, 1_500_000, 2_000_000];
    for slack in [Duration::ZERO, Duration::from_millis(1)] {
        let scheduler = Scheduler::builder().timer_slack(slack).build();
        for length in lengths.map(Duration::from_nanos) {
            let mut polls = 0;
            let start = Instant::now();
            let mut sleep = pin!(sleep(length));
            scheduler.block_on(poll_fn(|cx| {
                polls += 1;
                sleep.as_mut().poll(cx)
            }));
            assert!(start.elapsed() >= length, "{length:?} took {:?}", start.elapsed());
            assert!(polls <= 3, "{polls} polls in {length:?}");
        }
    }
}

/// Every way of sleeping that can never end.
fn endless() -> Vec<Pin<Box<dyn Future<Output = ()>>>> {
    let lengths = [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_nanos(1 << 63)];
    let mut all: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for length in lengths {
        all.push(Box::pin(sleep(length)));
        if let Some(far) = Instant::now().checked_add(length) {
            all.push(Box::pin(sleep_until(far)));
            let mut reset = Box::pin(sleep(SECOND));
            reset.as_mut().reset(far);
            all.push(reset);
        }
    }
    all
}

// tokio#3551, tokio#4495, tokio#6487, calloop#121, futures-timer#79, async-io#87, polling#71: the longest durations
// overflowed an `Instant`, which panics, or wrapped around and ended immediately.
#[test]
fn a_deadline_too_far_away_never_fires_and_never_panics() {
    for builder in [Scheduler::builder(), Scheduler::builder().virtual_time()] {
        let scheduler = builder.build();
        let far = endless();
        let count = far.len();
        for sleep in far {
            scheduler.spawn(sleep);
        }
        scheduler.spawn(async {
            for sleep in endless() {
                spawn(sleep);
            }
        });
        scheduler.spawn(sleep(Duration::from_millis(1)));
        let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("one has ended") };
        assert!(report.certain);
        assert_eq!(report.alive, 2 * count);
        assert_eq!(scheduler.next_deadline(), None);
        assert!(scheduler.snapshot().to_string().contains(" timers, which never fire"));
    }
}

#[test]
fn the_end_of_time_can_be_reached_without_a_panic() {
    let scheduler = virtual_scheduler();
    let finite = scheduler.spawn(sleep(Duration::from_nanos((1 << 63) - 2)));
    let endless = scheduler.spawn(sleep(Duration::MAX));
    scheduler.run_until_stalled();
    scheduler.advance(Duration::MAX);
    scheduler.advance(Duration::MAX);
    scheduler.run_until_stalled();
    assert!(finite.is_finished());
    assert!(!endless.is_finished());
    scheduler.block_on(async {
        time::advance(Duration::MAX).await;
        assert!(time::now() > Instant::now());
    });
}

#[test]
fn a_sleep_of_zero_ends_even_at_the_end_of_time() {
    let scheduler = virtual_scheduler();
    scheduler.advance(Duration::MAX);
    assert!(scheduler.try_block_on(sleep(Duration::ZERO)).is_ok());
}

// embassy#3204, tokio#5710: a huge length was mistaken for a small one, or for a sentinel.
#[test]
fn powers_of_two_keep_their_order() {
    for (unit, finite) in [(1, 63), (1_000, 54), (1_000_000, 44)] {
        let log = Log::default();
        let scheduler = virtual_scheduler();
        for power in (0..=64).rev() {
            let nanos = (1_u128 << power) * unit;
            let seconds = u64::try_from(nanos / 1_000_000_000).unwrap();
            let length = Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).unwrap());
            let log = log.clone();
            scheduler.spawn(async move {
                let start = time::now();
                sleep(length).await;
                assert_eq!(time::now() - start, length);
                log.say(power.to_string());
            });
        }
        // The others are longer than 292 years.
        assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
        let expected: Vec<String> = (0..finite).map(|power: u32| power.to_string()).collect();
        assert_eq!(log.take(), expected);
    }
}

// tokio#3069: sleeps that were too short, or in the past, waited for the next millisecond. turnwise#15: deadlines in the
// past fired in the order of creation, but only after a jump of the clock.
#[test]
fn past_deadlines_fire_at_the_next_check_in_the_order_of_deadlines() {
    let log = Log::default();
    let scheduler = virtual_scheduler();
    scheduler.block_on(sleep(HOUR));
    let now = scheduler.block_on(async { time::now() });
    for (number, past) in [0, 1, 2, 1, 0, 5].into_iter().enumerate() {
        let log = log.clone();
        scheduler.spawn(async move {
            sleep_until(now.checked_sub(past * SECOND).unwrap()).await;
            log.say(number.to_string());
        });
    }
    scheduler.spawn(sleep(SECOND));
    scheduler.run_until_stalled(); // The clock stands still here.
    assert_eq!(log.take(), ["5", "2", "1", "3", "0", "4"]);

    let lines = trace::trace(|scheduler| {
        (0..1000).for_each(|_| drop(scheduler.spawn(sleep(Duration::ZERO))));
    });
    let exits: Vec<u32> =
        lines.iter().filter_map(|line| line.strip_prefix("exit #")?.parse().ok()).collect();
    assert_eq!(exits, (1..=1000).collect::<Vec<_>>());
}

// tokio#3229, tokio#8252: a timer that was reset as it fired was lost, or fired too early.
#[test]
fn a_reset_takes_effect_whenever_it_comes() {
    let later = slept(async {
        let (start, mut sleep) = (time::now(), pin!(sleep(SECOND)));
        sleep.as_mut().reset(start + 5 * SECOND);
        sleep.as_mut().await;
    });
    assert_eq!(later, 5 * SECOND);
    let earlier = slept(async {
        let (start, mut far) = (time::now(), pin!(sleep(HOUR)));
        assert!(futures::poll!(far.as_mut()).is_pending());
        sleep(SECOND).await;
        far.as_mut().reset(start + 2 * SECOND);
        far.await;
    });
    assert_eq!(earlier, 2 * SECOND);
    let in_the_turn_in_which_it_fired = slept(async {
        let (start, mut first, mut twin) = (time::now(), pin!(sleep(SECOND)), pin!(sleep(SECOND)));
        assert!(futures::poll!(twin.as_mut()).is_pending());
        first.as_mut().await; // Both have fired, and only one was polled.
        twin.as_mut().reset(start + 3 * SECOND);
        assert!(futures::poll!(twin.as_mut()).is_pending());
        twin.await;
    });
    assert_eq!(in_the_turn_in_which_it_fired, 3 * SECOND);
    let after_its_end = slept(async {
        let (start, mut sleep) = (time::now(), pin!(sleep(SECOND)));
        sleep.as_mut().await;
        assert!(sleep.is_elapsed());
        sleep.as_mut().reset(start + 4 * SECOND);
        assert!(!sleep.is_elapsed());
        sleep.await;
    });
    assert_eq!(after_its_end, 4 * SECOND);
}

#[test]
fn a_cancelled_timer_is_gone() {
    let jumps = Rc::new(Cell::new(0));
    let count = Rc::clone(&jumps);
    let observer = move |transition: &Transition| {
        count.set(count.get() + u32::from(matches!(transition, Transition::ClockJumped { .. })));
    };
    let scheduler = Scheduler::builder().virtual_time().observer(observer).build();
    scheduler.block_on(async {
        for number in 0..1000 {
            let mut dropped = pin!(sleep(SECOND + Duration::from_millis(number)));
            assert!(futures::poll!(dropped.as_mut()).is_pending());
            yield_now().await;
        }
    });
    assert_eq!((scheduler.metrics().timers, scheduler.next_deadline()), (0, None));
    scheduler.block_on(sleep(10 * SECOND));
    assert_eq!(jumps.get(), 1, "the clock never stops at a cancelled timer");
}

#[test]
fn a_virtual_clock_stands_still_while_anything_is_ready() {
    let scheduler = virtual_scheduler();
    let sleeper = scheduler.spawn(sleep(Duration::from_nanos(1)));
    scheduler.block_on(async {
        let start = time::now();
        for _ in 0..1000 {
            yield_now().await;
        }
        assert_eq!(time::now(), start);
        assert!(!sleeper.is_finished());
    });
    scheduler.run().unwrap();
    assert_eq!(scheduler.snapshot().elapsed, Duration::from_nanos(1));
}

// tokio#2784: after the machine had slept, timers fired twice, out of order, or in one endless turn.
#[test]
fn a_jump_of_ten_hours_fires_everything_once_and_in_order() {
    let log = Log::default();
    let scheduler = virtual_scheduler();
    for number in 0..100_u32 {
        let minutes = number * 37 % 100; // Every number below 100, shuffled.
        let log = log.clone();
        scheduler.spawn(async move {
            let start = time::now();
            sleep(minutes * 6 * SECOND * 60).await;
            log.say(format!("{minutes:02}"));
            assert!(minutes == 0 || time::now() - start == 10 * HOUR);
        });
    }
    scheduler.block_on(async {
        yield_now().await;
        time::advance(10 * HOUR).await;
        yield_now().await;
    });
    let expected: Vec<String> = (0..100).map(|minutes| format!("{minutes:02}")).collect();
    assert_eq!(log.take(), expected);
    assert_eq!(scheduler.metrics().timers, 0);
}

#[test]
fn sleeps_of_one_turn_share_a_reading_of_the_clock() {
    Scheduler::new().block_on(async {
        let created = Instant::now();
        let first = sleep(SECOND);
        while Instant::now() == created {}
        let second = sleep(SECOND);
        assert_eq!((first.deadline(), second.deadline()), (None, None));
        let before = Instant::now();
        yield_now().await;
        assert_eq!(first.deadline(), second.deadline());
        assert!(
            first.deadline().unwrap() >= before + SECOND,
            "the clock is read at the end of the turn"
        );
    });
}

#[test]
fn a_sleep_created_outside_a_run_counts_from_its_first_poll() {
    let scheduler = virtual_scheduler();
    let start = scheduler.block_on(async { time::now() });
    let mut outside = pin!(sleep(5 * SECOND));
    assert_eq!((outside.deadline(), outside.is_elapsed()), (None, false));
    assert_eq!(sleep_until(start).deadline(), Some(start));
    scheduler.advance(3 * SECOND);
    scheduler.block_on(async {
        outside.as_mut().await;
        assert_eq!(time::now() - start, 8 * SECOND);
    });
    assert_eq!((outside.deadline(), outside.is_elapsed()), (None, true));
}

#[test]
fn a_sleep_may_continue_in_the_next_block_on() {
    let scheduler = virtual_scheduler();
    let (mut kept, start) = scheduler.block_on(async {
        let mut kept = Box::pin(sleep(5 * SECOND));
        assert!(futures::poll!(kept.as_mut()).is_pending());
        (kept, time::now())
    });
    assert_eq!(kept.deadline(), Some(start + 5 * SECOND));
    scheduler.block_on(sleep(2 * SECOND));
    scheduler.block_on(async {
        kept.as_mut().await;
        assert_eq!(time::now() - start, 5 * SECOND);
    });
}

#[test]
fn a_dropped_sleep_is_no_longer_a_wait() {
    let scheduler = virtual_scheduler();
    let drop_it = Signal::default();
    let wait = drop_it.wait();
    scheduler.spawn(async move {
        let mut sleep = Box::pin(sleep(SECOND));
        assert!(futures::poll!(sleep.as_mut()).is_pending());
        wait.await;
        drop(sleep);
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    let snapshot = scheduler.snapshot();
    assert_eq!((snapshot.tasks[0].waits.len(), snapshot.timers.len()), (1, 1));
    assert!(snapshot.tasks[0].waits[0].to_string().starts_with("a sleep with 1s left at "));
    drop_it.set();
    scheduler.run_until_stalled();
    let snapshot = scheduler.snapshot();
    assert!(snapshot.timers.is_empty());
    assert!(snapshot.tasks[0].waits[0].to_string().starts_with("nothing"));
}

struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counting() -> (Arc<Counts>, Waker) {
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    (Arc::clone(&counts), Waker::from(counts))
}

#[test]
fn the_last_of_two_wakers_is_woken() {
    let ((first, first_waker), (last, last_waker)) = (counting(), counting());
    virtual_scheduler().block_on(async {
        let mut twice = pin!(sleep(SECOND));
        assert!(twice.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(twice.as_mut().poll(&mut Context::from_waker(&last_waker)).is_pending());
        sleep(2 * SECOND).await;
        assert_eq!(twice.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
    });
    assert_eq!(first.0.load(Ordering::Relaxed), 0);
    assert_eq!(last.0.load(Ordering::Relaxed), 1);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&last)), (2, 2), "none is kept");
}

/// Starts a sleep when it is dropped.
struct SleepsAtTheEnd(Rc<RefCell<Option<Pin<Box<Sleep>>>>>, Waker);

impl Drop for SleepsAtTheEnd {
    fn drop(&mut self) {
        let mut late = Box::pin(sleep(SECOND));
        assert!(late.as_mut().poll(&mut Context::from_waker(&self.1)).is_pending());
        self.0.replace(Some(late));
    }
}

#[test]
fn a_sleep_created_by_a_destructor_between_two_turns_fires() {
    let (counts, waker) = counting();
    let kept = Rc::new(RefCell::new(None));
    let output = SleepsAtTheEnd(Rc::clone(&kept), waker);
    let scheduler = virtual_scheduler();
    let seen = scheduler.spawn(async move {
        sleep(5 * SECOND).await;
        counts.0.load(Ordering::Relaxed)
    });
    scheduler.spawn(async move { output }); // The output is never read: it is dropped after the last turn.
    scheduler.run().unwrap();
    assert_eq!(scheduler.block_on(seen).unwrap(), 1, "it ended before the one of five seconds");
    drop(kept);
}

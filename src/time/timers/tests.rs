//! Timers against a sorted list, and what cancelled ones leave behind.

use super::*;
use proptest::prelude::*;

fn fired(timers: &mut Timers) -> usize {
    std::iter::from_fn(|| timers.fire()).count()
}

fn arm(timers: &mut Timers, when: When) -> TimerKey {
    let key = timers.create(when, Location::caller());
    timers.arm(key, Key::from_word(1));
    key
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let mut timers = Timers::default();
    let keep = arm(&mut timers, When::At(1 << 40));
    for _ in 0..100_000 {
        let key = arm(&mut timers, When::After(1 << 50));
        timers.settle(0);
        assert!(!timers.cancel(key));
        assert!(timers.heap.len() <= 2 * timers.armed + 66);
    }
    assert_eq!(timers.armed(), 1);
    assert_eq!(timers.slots.len(), 2);
    assert_eq!(timers.next_deadline(), Some(1 << 40));
    assert!(!timers.cancel(keep));
    assert_eq!(timers.next_deadline(), None);
}

#[test]
fn a_timer_dropped_in_the_turn_that_made_it_never_enters_the_heap() {
    let mut timers = Timers::default();
    let key = arm(&mut timers, When::After(5));
    assert!(!timers.cancel(key));
    timers.settle(0);
    assert_eq!((timers.heap.len(), timers.armed()), (0, 0));
}

#[test]
fn equal_deadlines_keep_their_order_when_the_serials_wrap() {
    let mut timers = Timers { serials: u32::MAX - 3, ..Timers::default() };
    let mut keys = Vec::new();
    for _ in 0..8 {
        let dropped = arm(&mut timers, When::At(5));
        assert!(!timers.cancel(dropped));
        keys.push(timers.create(When::At(10), Location::caller()));
    }
    for &key in keys.iter().rev() {
        timers.arm(key, Key::from_word(1));
    }
    timers.collect_due(10);
    for key in keys {
        assert!(timers.fire().is_some());
        assert!(timers.forget_if_fired(key));
    }
}

proptest! {
    /// Random timers, cancellations, resets and steps of the clock, compared with a sorted list. A real clock gives
    /// a timer its deadline after the turn, a virtual one immediately.
    #[test]
    fn it_fires_in_the_order_of_a_sorted_list(
        is_virtual in any::<bool>(),
        steps in prop::collection::vec((0u8..6, any::<i64>(), 0u32..40), 1..300),
    ) {
        let mut timers = Timers::default();
        // Deadline and order of creation of every live timer.
        let mut model: Vec<(Nanos, usize, TimerKey)> = Vec::new();
        let mut now: Nanos = 0;
        for (made, (what, number, shift)) in steps.into_iter().enumerate() {
            let number = number >> 24 >> shift; // Negative in half of all cases.
            let length = number.unsigned_abs().cast_signed();
            if matches!(what, 2 | 3) && !model.is_empty() {
                let chosen = number.unsigned_abs() % model.len() as u64;
                let (.., key) = model.remove(usize::try_from(chosen).unwrap());
                assert!(!timers.cancel(key));
            }
            match what {
                0 => {
                    let deadline = now + length;
                    let when = if is_virtual { When::At(deadline) } else { When::After(length) };
                    model.push((deadline, made, arm(&mut timers, when)));
                    timers.settle(now);
                }
                // Case 2 is a reset. Half of the deadlines are in the past, some before the scheduler was created.
                1 | 2 => {
                    let when = When::At(now + number);
                    model.push((now + number, made, arm(&mut timers, when)));
                }
                3 => {}
                _ => {
                    now += length;
                    timers.collect_due(now);
                    model.sort_by_key(|&(deadline, made, _)| (deadline, made));
                    for (_, _, key) in model.extract_if(.., |timer| timer.0 <= now) {
                        prop_assert!(!timers.forget_if_fired(key));
                        prop_assert!(timers.fire().is_some());
                        prop_assert!(timers.forget_if_fired(key), "another one fired first");
                    }
                    prop_assert_eq!(fired(&mut timers), 0);
                }
            }
            prop_assert_eq!(timers.armed(), model.len());
            prop_assert_eq!(timers.next_deadline(), model.iter().map(|timer| timer.0).min());
        }
    }
}

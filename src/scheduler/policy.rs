//! Which ready task runs next: a policy orders the tasks of a pass.

use crate::random::SplitMix64;

/// The order in which the tasks of a pass take their turns.
///
/// A pass gives one turn to every task that was ready when it began. A policy only orders the pass and never skips a
/// task, so no policy can starve one: every ready task takes a turn before any of them takes a second one.
///
/// # Example
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use turnwise::{Policy, Scheduler};
///
/// let scheduler = Scheduler::builder().policy(Policy::Lifo).build();
/// let order = Rc::new(RefCell::new(Vec::new()));
/// for name in ["first", "second", "third"] {
///     let order = Rc::clone(&order);
///     scheduler.spawn(async move { order.borrow_mut().push(name) });
/// }
/// scheduler.run()?;
/// assert_eq!(*order.borrow(), ["third", "second", "first"]);
/// # Ok::<(), turnwise::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// First in, first out: in the order in which tasks became ready. The default.
    #[default]
    Fifo,
    /// Last in, first out: the task that became ready last runs first.
    Lifo,
    /// A fresh shuffle for every pass, drawn from this seed: the same seed gives the same run.
    ///
    /// Intended for tests: if the result of a program depends on the order of its tasks, some seed shows it.
    Random(u64),
    /// Highest [priority](crate::task::Builder::priority) first; tasks of equal priority in the order in which they
    /// became ready.
    Priority,
}

/// A policy, with the state that it keeps from pass to pass.
#[derive(Debug)]
pub(crate) struct PolicyState {
    policy: Policy,
    random: SplitMix64,
}

impl PolicyState {
    pub(crate) fn new(policy: Policy) -> Self {
        let seed = if let Policy::Random(seed) = policy { seed } else { 0 };
        PolicyState { policy, random: SplitMix64::new(seed) }
    }

    /// Orders a pass.
    #[inline]
    pub(crate) fn arrange(&mut self, pass: &mut [u32], priority: impl Fn(u32) -> i8) {
        if self.policy != Policy::Fifo {
            self.rearrange(pass, priority);
        }
    }

    #[cold]
    fn rearrange(&mut self, pass: &mut [u32], priority: impl Fn(u32) -> i8) {
        match self.policy {
            Policy::Fifo => {}
            Policy::Lifo => pass.reverse(),
            Policy::Random(_) => self.shuffle(pass),
            // The sort is stable, so tasks of equal priority keep their order.
            Policy::Priority => pass.sort_by_key(|&slot| std::cmp::Reverse(priority(slot))),
        }
    }

    /// The Fisher–Yates shuffle (Durstenfeld 1964).
    #[allow(clippy::cast_possible_truncation, reason = "what is drawn is at most `last`")]
    fn shuffle(&mut self, pass: &mut [u32]) {
        for last in (1..pass.len()).rev() {
            pass.swap(last, self.random.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(policy: Policy, priority: impl Fn(u32) -> i8) -> Vec<u32> {
        let mut pass: Vec<u32> = (0..8).collect();
        PolicyState::new(policy).arrange(&mut pass, priority);
        pass
    }

    #[test]
    fn each_policy_orders_the_pass_and_none_loses_a_task() {
        assert_eq!(arranged(Policy::Fifo, |_| 0), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(arranged(Policy::Lifo, |_| 0), [7, 6, 5, 4, 3, 2, 1, 0]);
        let by_parity = |slot: u32| i8::from(slot % 2 == 1);
        assert_eq!(arranged(Policy::Priority, by_parity), [1, 3, 5, 7, 0, 2, 4, 6]);
        for seed in 0..100 {
            let mut pass = arranged(Policy::Random(seed), |_| 0);
            assert_eq!(pass, arranged(Policy::Random(seed), |_| 0), "a seed is a run");
            pass.sort_unstable();
            assert_eq!(pass, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }
}

//! The random waits of `.to(…)`, which are the same on every run.

use crate::random::SplitMix64;

#[derive(Debug)]
pub(super) struct Random(SplitMix64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(SplitMix64::new(seed))
    }

    /// Returns a random number from `low` to `high`, both inclusive. Draws nothing if there is no choice.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        if low >= high {
            return low;
        }
        let drawn = self.0.below(u64::from(high - low) + 1);
        low + u32::try_from(drawn).expect("the drawn number is less than the width")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_between_the_bounds_is_drawn_and_no_other() {
        let mut random = Random::new(0);
        let mut drawn = [0; 10];
        (0..1000).for_each(|_| drawn[random.between(3, 6) as usize] += 1);
        assert!(drawn[3..=6].iter().all(|&times| times > 200), "{drawn:?}");
        assert_eq!(drawn.iter().sum::<i32>(), 1000);
        assert_eq!(random.between(7, 7), 7);
        random.between(0, u32::MAX);
    }
}

//! The numbers of `.to(…)`: by chance, and the same at every run.

/// The generator `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both of which it can be. Draws nothing if there is no choice.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        if low >= high {
            return low;
        }
        let width = u64::from(high - low) + 1;
        let drawn = (u128::from(self.next()) * u128::from(width)) >> 64;
        low + u32::try_from(drawn).expect("it is less than the width")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_between_the_bounds_is_drawn_and_no_other() {
        let mut random = Random(0);
        let mut drawn = [0; 10];
        (0..1000).for_each(|_| drawn[random.between(3, 6) as usize] += 1);
        assert!(drawn[3..=6].iter().all(|&times| times > 200), "{drawn:?}");
        assert_eq!(drawn.iter().sum::<i32>(), 1000);
        assert_eq!(random.between(7, 7), 7);
        random.between(0, u32::MAX);
    }
}

//! Pseudo-random numbers, reproducible from a seed.
//!
//! The generator is `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): enough for
//! drawing delays from ranges and for inventing identifiers that merely have to differ. Deliberately absent: secrecy.

use crate::time::Nanos;

/// A sequence of 64-bit numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform between `low` and `high`, both included; `low` where `high` is not above it.
    pub(super) const fn between(&mut self, low: Nanos, high: Nanos) -> Nanos {
        let steps = high.saturating_sub(low).get() as u128 + 1;
        let step = (self.next() as u128 * steps) >> 64;
        Nanos::new(low.get() + step as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_a_range_holds() {
        let draw = |seed| {
            let mut random = SplitMix64::new(seed);
            (0..1_000).map(|_| random.between(Nanos::new(250), Nanos::new(300)).get()).collect::<Vec<_>>()
        };
        let first = draw(7);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
        assert_eq!((first.iter().min(), first.iter().max()), (Some(&250), Some(&300)));
    }

    #[test]
    fn the_widest_range_and_an_empty_one_are_ranges_too() {
        let mut random = SplitMix64::new(1);
        let all: Vec<_> = (0..100).map(|_| random.between(Nanos::ZERO, Nanos::new(u64::MAX))).collect();
        assert!(all.iter().any(|length| length.get() > u64::MAX / 2));
        assert_eq!(random.between(Nanos::new(5), Nanos::new(5)), Nanos::new(5));
    }
}

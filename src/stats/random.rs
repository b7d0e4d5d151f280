//! Pseudo-random numbers, reproducible from a seed.
//!
//! The generator is `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): 64 bits of
//! state, equidistributed, enough for resampling and shuffling. Deliberately absent: secrecy.

/// A sequence of 64-bit numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The sequence of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, uniform over all of them.
    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let once = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        twice ^ (twice >> 31)
    }

    /// Uniform in `0..bound`, by multiplication (Lemire, "Fast random integer generation in an interval", 2019, without its
    /// rejection: the bias is below 2^-32 for any bound below 2^32); 0 where `bound` is 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts a slice into random order (Fisher and Yates, as in Knuth, TAOCP vol. 2, §3.4.2, algorithm P).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = usize::try_from(self.below(last as u64 + 1)).unwrap_or(last);
            items.swap(last, chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first numbers for seed 1234567, as the generator's reference implementation gives them.
        let mut random = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn ranges_hold_and_orders_are_equally_frequent() {
        let mut random = SplitMix64::new(7);
        let mut orders = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for _ in 0..6_000 {
            let mut items = [1, 2, 3];
            random.shuffle(&mut items);
            *orders.entry(items).or_default() += 1;
            assert!((0.0..1.0).contains(&random.unit()) && random.below(5) < 5);
        }
        assert_eq!((random.below(0), random.below(1)), (0, 0));
        // Six orders with a thousand each; five standard deviations are 144.
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|count| (856..1_144).contains(count)), "{orders:?}");
    }
}

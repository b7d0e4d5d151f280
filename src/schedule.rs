//! When which target is asked.
//!
//! Deliberately absent: waiting, and reading a clock. The caller does what the order says.

use crate::stats::SplitMix64;

/// The order in which `targets` targets are asked `each` times, as indices: blocks that hold every target once, each in a random
/// order of its own. Whatever drifts during a run (the network, the host, the time of day) then hits all targets alike, and no
/// target always follows the same other one.
#[must_use = "an iterator does nothing by itself"]
pub fn interleaved(targets: usize, each: usize, seed: u64) -> impl Iterator<Item = usize> {
    let mut random = SplitMix64::new(seed);
    (0..each).flat_map(move |_| {
        let mut block: Vec<usize> = (0..targets).collect();
        random.shuffle(&mut block);
        block
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let order = |seed| interleaved(5, 30, seed).collect::<Vec<_>>();
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_eq!(interleaved(0, 3, 1).count() + interleaved(3, 0, 1).count(), 0);
    }

    #[test]
    fn drift_hits_all_alike() {
        // Over many blocks, each target stands in each place about equally often.
        let mut places = [[0_u32; 3]; 3];
        for (at, target) in interleaved(3, 3_000, 9).enumerate() {
            places[target][at % 3] += 1;
        }
        assert!(places.iter().flatten().all(|count| (870..1_130).contains(count)), "{places:?}");
    }

    proptest! {
        #[test]
        fn every_block_has_every_target_once(targets in 0_usize..20, each in 0_usize..10, seed in any::<u64>()) {
            let order: Vec<usize> = interleaved(targets, each, seed).collect();
            prop_assert_eq!(order.len(), targets * each);
            for block in order.chunks(targets.max(1)) {
                let mut sorted = block.to_vec();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..targets).collect::<Vec<_>>());
            }
        }
    }
}

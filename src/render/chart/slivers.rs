//! How wide the parts of a bar are drawn, so that each is seen and the bar ends where its scale says.
//!
//! A part that is too short to be seen gets a least width. What that takes comes from the longest part, and from the next
//! longest once they are equal: the others keep their width, and no part is drawn wider than one that is longer. Invariant:
//! the widths' sum is that of the lengths, or a single least width where even all of them together have less.

use super::geometry::times;

/// The width of each part whose true width is given, in pixels; none below `least` unless the whole bar has no room for that.
pub(super) fn widths(lengths: &[f64], least: f64) -> Vec<f64> {
    if lengths.is_empty() {
        return Vec::new();
    }
    let total = lengths.iter().sum::<f64>().max(least);
    let least = least.min(total / times(lengths.len()));
    let raised: Vec<f64> = lengths.iter().map(|length| length.max(least)).collect();
    let most = cap(&raised, total);
    raised.into_iter().map(|width| width.min(most)).collect()
}

/// The width at which the longest are cut off, so that all together have `total`, which is no more than they have.
fn cap(widths: &[f64], total: f64) -> f64 {
    let mut longest_first = widths.to_vec();
    longest_first.sort_unstable_by(|one, other| other.total_cmp(one));
    let mut rest: f64 = longest_first.iter().sum();
    let mut level = 0.0;
    for (index, width) in longest_first.iter().enumerate() {
        rest -= width;
        level = (total - rest) / times(index + 1);
        // What is no longer than that stays as it is.
        if longest_first.get(index + 1).is_none_or(|next| *next <= level) {
            break;
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEAST: f64 = 2.0;

    fn check(lengths: &[f64], expect: &[f64]) {
        let widths = widths(lengths, LEAST);
        let close = widths.iter().zip(expect).all(|(width, expect)| (width - expect).abs() < 1e-9);
        assert!(close && widths.len() == expect.len(), "{lengths:?}: {widths:?}, expected {expect:?}");
    }

    #[test]
    fn slivers_are_paid_for_by_the_longest() {
        check(&[10.0, 20.0], &[10.0, 20.0]);
        check(&[0.1, 40.0, 59.9], &[2.0, 40.0, 58.0]);
        check(&[0.0, 0.0, 100.0], &[2.0, 2.0, 96.0]);
        // The longest gives until it is as short as the next, then both do.
        check(&[0.0, 2.01, 97.99], &[2.0, 2.01, 95.99]);
        check(&[0.0, 0.0, 4.0, 5.0], &[2.0, 2.0, 2.5, 2.5]);
        // A bar with less room than its slivers need ends where it should, too.
        check(&[0.5, 0.5, 2.0], &[1.0, 1.0, 1.0]);
        check(&[0.1, 0.2], &[1.0, 1.0]);
        check(&[0.0], &[2.0]);
        check(&[], &[]);
    }

    proptest! {
        #[test]
        fn bars_keep_their_length_and_their_order(lengths in proptest::collection::vec(0.0..900.0_f64, 1..8)) {
            let widths = widths(&lengths, LEAST);
            let (drawn, total): (f64, f64) = (widths.iter().sum(), lengths.iter().sum());
            prop_assert!((drawn - total.max(LEAST)).abs() < 1e-6, "{drawn} for {total}");
            let least = LEAST.min(total.max(LEAST) / times(lengths.len()));
            prop_assert!(widths.iter().all(|width| *width >= least - 1e-9), "{widths:?}");
            for (one, width) in lengths.iter().zip(&widths) {
                for (other, other_width) in lengths.iter().zip(&widths) {
                    prop_assert!(one > other || width <= &(other_width + 1e-9), "{lengths:?}: {widths:?}");
                }
            }
        }
    }
}

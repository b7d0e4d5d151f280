//! Whether one sample tends to lie above another: the rank-sum test of Mann and Whitney.
//!
//! Two-sided, as `scipy.stats.mannwhitneyu` computes it: exact where the smaller sample has at most eight lengths and none are
//! equal, else the normal approximation with the correction for ties and for continuity (H. B. Mann, D. R. Whitney, "On a test of
//! whether one of two random variables is stochastically larger than the other", 1947; Hollander, Wolfe, Chicken, "Nonparametric
//! Statistical Methods", 3rd ed., §4.1).

use super::Sample;
use crate::time::Nanos;

/// Exact up to this size of the smaller sample.
const EXACT_UP_TO: usize = 8;
/// And up to this product of both sizes, beyond which the approximation is as good and much faster.
const EXACT_PRODUCT: usize = 10_000;

/// Where neither method can tell probabilities apart any more.
const LEAST: f64 = 1e-13;

/// How often two samples of one distribution would differ in their ranks as much as these, between [`LEAST`] and 1, to nine digits:
/// such a number is read back from JSON as it was.
pub(super) fn p_value(one: &Sample, other: &Sample) -> f64 {
    let ranks = Ranks::of(one.sorted(), other.sorted());
    let (size, other_size) = (one.count(), other.count());
    let is_small = size.min(other_size) <= EXACT_UP_TO && size * other_size <= EXACT_PRODUCT;
    rounded(if is_small && ranks.ties == 0.0 {
        exact(ranks.twice_u, size, other_size)
    } else {
        approximate(&ranks, size, other_size)
    })
}

/// The smallest probability that samples of these sizes can have: that of two which do not overlap.
pub(super) fn least_p_value(size: usize, other_size: usize) -> f64 {
    if size.min(other_size) <= EXACT_UP_TO && size * other_size <= EXACT_PRODUCT {
        exact(0, size, other_size)
    } else {
        approximate(&Ranks { twice_u: 0, ties: 0.0 }, size, other_size)
    }
    .max(LEAST)
}

/// To nine digits.
pub(super) fn rounded(probability: f64) -> f64 {
    format!("{:.8e}", probability.clamp(LEAST, 1.0)).parse().unwrap_or(probability)
}

/// Two samples ranked together.
struct Ranks {
    /// Twice the statistic U of the first sample, which a tie makes a multiple of one half: pairs in which it has the longer one,
    /// and half of those in which both are equal.
    twice_u: u128,
    /// The sum of t³ - t over all sets of t equal lengths.
    ties: f64,
}

impl Ranks {
    /// By merging both, which are sorted.
    #[expect(clippy::cast_precision_loss, reason = "counts of lengths are far below 2^53")]
    fn of(one: &[Nanos], other: &[Nanos]) -> Self {
        let (mut at, mut other_at) = (0, 0);
        let mut ranks = Self { twice_u: 0, ties: 0.0 };
        while at < one.len() || other_at < other.len() {
            let length = one.get(at).into_iter().chain(other.get(other_at)).min();
            let run = |from: &[Nanos]| from.iter().take_while(|candidate| Some(*candidate) == length).count();
            let (equal, other_equal) = (run(&one[at..]), run(&other[other_at..]));
            ranks.twice_u += equal as u128 * (2 * other_at + other_equal) as u128;
            let tied = (equal + other_equal) as f64;
            ranks.ties += tied.powi(3) - tied;
            (at, other_at) = (at + equal, other_at + other_equal);
        }
        ranks
    }
}

/// By counting the arrangements that are at least as uneven.
#[expect(clippy::cast_precision_loss, reason = "the ratio of two counts needs no more digits than a float has")]
fn exact(twice_u: u128, size: usize, other_size: usize) -> f64 {
    let pairs = (size * other_size) as u128;
    let u = twice_u / 2;
    // The distribution is symmetric: as many arrangements have at most `small` as have at least `pairs - small`.
    let small = usize::try_from(u.min(pairs - u)).unwrap_or(usize::MAX);
    let counts = arrangements(size.min(other_size), size.max(other_size));
    let uneven: u128 = counts.iter().take(small + 1).sum();
    let all: u128 = counts.iter().sum();
    (2.0 * uneven as f64 / all as f64).min(1.0)
}

/// How many arrangements of `few` among `many` have each value of U: the coefficients of the Gaussian binomial, the product of
/// (1 - x^(many + i)) / (1 - x^i) for i up to `few`. Every factor leaves counts, so whole numbers are exact; with the limits above
/// the largest is below 2^70.
fn arrangements(few: usize, many: usize) -> Vec<u128> {
    let mut counts = vec![0_u128; few * many + 1];
    counts[0] = 1;
    for step in 1..=few {
        let mut product = counts.clone();
        for (index, count) in counts.iter().enumerate() {
            if let Some(cell) = product.get_mut(index + many + step) {
                *cell = cell.wrapping_sub(*count);
            }
        }
        for index in step..product.len() {
            product[index] = product[index].wrapping_add(product[index - step]);
        }
        counts = product;
    }
    counts
}

/// By the normal distribution.
#[expect(clippy::cast_precision_loss, reason = "counts of lengths are far below 2^53")]
fn approximate(ranks: &Ranks, size: usize, other_size: usize) -> f64 {
    let (size, other_size) = (size as f64, other_size as f64);
    let all = size + other_size;
    let mean = size * other_size / 2.0;
    let variance = size * other_size / 12.0 * (all + 1.0 - ranks.ties / (all * (all - 1.0)));
    let u = ranks.twice_u as f64 / 2.0;
    let beyond = (u - mean).abs() - 0.5;
    // All lengths equal: nothing tells the samples apart.
    if variance <= 0.0 { 1.0 } else { (2.0 * upper_tail(beyond / variance.sqrt())).min(1.0) }
}

/// The probability that a standard normal variable exceeds `z`, to twelve digits: the series of the lower half where it converges
/// fast, else the continued fraction of Laplace (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.11 and 26.2.14).
pub(super) fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z > 3.0 {
        let fraction = (1..=200).rev().fold(z, |below, term| z + f64::from(term) / below);
        return density / fraction;
    }
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(lengths: &[u64]) -> Sample {
        Sample::new(lengths.iter().map(|nanos| Nanos::new(*nanos))).unwrap()
    }

    #[test]
    fn small_samples_are_counted_out() {
        // Three against three: of twenty arrangements, two are as uneven as these.
        let (low, high) = (sample(&[1, 2, 3]), sample(&[4, 5, 6]));
        assert!((p_value(&low, &high) - 0.1).abs() < 1e-15);
        assert!((p_value(&high, &low) - 0.1).abs() < 1e-15);
        assert_eq!(arrangements(3, 3), [1, 1, 2, 3, 3, 3, 3, 2, 1, 1]);
        assert_eq!(arrangements(8, 1_250).iter().sum::<u128>() % 1_000_007, {
            let choose = (0..8_u128).fold(1_u128, |product, step| product * (1_258 - step) / (step + 1));
            choose % 1_000_007
        });
    }

    #[test]
    fn the_least_probability_is_that_of_samples_that_do_not_overlap() {
        for (size, other) in [(2_u64, 2_u64), (4, 4), (4, 30), (8, 8), (9, 9), (10, 40)] {
            let apart =
                p_value(&sample(&(0..size).collect::<Vec<_>>()), &sample(&(90..90 + other).collect::<Vec<_>>()));
            let least = least_p_value(usize::try_from(size).unwrap(), usize::try_from(other).unwrap());
            assert!((least - apart).abs() < apart * 1e-8, "{size} and {other}: {least} and {apart}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_sure_to_occur() {
        let same = sample(&[7; 20]);
        assert!((p_value(&same, &same) - 1.0).abs() < 1e-15);
        assert!((p_value(&sample(&[1]), &sample(&[2])) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_tail_is_that_of_the_tables() {
        for (z, expect) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (-1.0, 0.841_344_746_068_542_9),
            (1.959_963_984_540_054, 0.025),
            (2.999, 0.001_354_336_533_727_105_7),
            (3.001, 0.001_345_472_825_084_965_3),
            (10.0, 7.619_853_024_160_47e-24),
        ] {
            let found = upper_tail(z);
            assert!((found - expect).abs() < expect * 1e-11, "{z}: {found:e}");
        }
    }
}

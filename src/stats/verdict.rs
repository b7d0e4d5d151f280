//! What the comparison of two samples says: slower, faster, the same within a bound, or nothing yet.
//!
//! - **The same** at once, if the whole interval lies within the tolerance; for [`Tolerance::Spread`] within
//!   [`NEGLIGIBLE`](super::settings::NEGLIGIBLE).
//! - **Slower** or **faster**, if the interval of the difference of medians leaves out zero *and* the rank test says so as well. Its
//!   probabilities are adjusted for the number of measures that two rows are compared in (Benjamini, Hochberg, "Controlling the false
//!   discovery rate", 1995): with seven phases and the total, one in three comparisons of a target with itself would else find
//!   something.
//! - Else **the same within ±x**, where x is the largest difference that the interval holds, if x is at most the tolerance.
//!   [`Tolerance::Spread`] is what one request of each target typically differ by: the distances of the quartiles of both samples, as
//!   legs of a right angle, and at least [`INDISTINCT`]. "The same" then means: whatever the difference is, it is smaller than what two requests differ by anyway.
//!   Thirty requests of each are enough for that whatever the noise is, because interval and spread grow with it alike; ten mostly are
//!   not. Whoever wants to know more exactly chooses a tolerance, and gets as an answer how many requests it takes.
//! - Else **unclear**. With fewer than [`TELLING`] requests on either side, or fewer than the rank test needs to reach its level in
//!   one measure alone, that is all there is to say: these are too few. With more of them, how many more would tell, if there is
//!   a difference: nine of ten such estimates keep their word (the tests count), of those from six requests only four of five.
//!
//! With fewer than [`LEAST`] requests on either side nothing is called the same.
//!
//! Of a hundred comparisons of a target with itself, 30 requests each, about 97 say "the same" of every phase (the tests count).

use super::bootstrap::{Interval, difference, normal_quantile};
use super::rank::{least_p_value, p_value, rounded};
use super::settings::{INDISTINCT, NEGLIGIBLE};
use super::{Estimate, Sample, Settings, Tolerance, Verdict};
use crate::time::Nanos;

/// The smallest sample whose range holds the median in 95 % of cases: 1 - 2 · 2^-6.
const LEAST: usize = 6;
/// From fewer requests nobody can tell how many more it takes: their spread is too uncertain itself.
const TELLING: usize = 10;
/// No level that can be written down takes more requests than this to be reached by ranks that are as uneven as can be.
const MOST_NEEDED: usize = 100;
/// Estimates are multiples of this: they are no finer.
const STEP: u64 = 5;
/// More requests than this are no help to anybody.
const MOST: f64 = 1e6;

/// Two samples compared, before it is known what else their rows are compared in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) interval: Interval,
    pub(super) p_value: f64,
    /// The size of the smaller sample.
    size: usize,
    /// The size of the other.
    other_size: usize,
    /// Up to where a difference is none, even if it is shown.
    negligible: Nanos,
    /// Up to where a difference that is not shown is the same.
    tolerance: Nanos,
}

/// What follows from a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) within: Option<Nanos>,
    pub(super) least: Option<u64>,
    pub(super) more: Option<u64>,
}

/// Compares a sample with that of its baseline.
pub(super) fn compare(sample: &Sample, baseline: &Sample, settings: &Settings) -> Comparison {
    let (negligible, tolerance) = match settings.same_within {
        Tolerance::Spread => (NEGLIGIBLE, spread(sample, baseline).max(INDISTINCT)),
        Tolerance::PerMille(per_mille) => {
            let share = u128::from(baseline.median().get()) * u128::from(per_mille) / 1_000;
            let share = Nanos::new(u64::try_from(share).unwrap_or(u64::MAX));
            (share, share)
        }
        Tolerance::Absolute(length) => (length, length),
    };
    Comparison {
        interval: difference(sample, baseline, settings),
        p_value: p_value(sample, baseline),
        size: sample.count().min(baseline.count()),
        other_size: sample.count().max(baseline.count()),
        negligible,
        tolerance,
    }
}

/// What one request of each typically differ by.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a root of squares is not negative, and sixteen digits of it are enough"
)]
fn spread(sample: &Sample, baseline: &Sample) -> Nanos {
    let quartiles = |sample: &Sample| sample.percentile(750).saturating_sub(sample.percentile(250)).get() as f64;
    Nanos::new(quartiles(sample).hypot(quartiles(baseline)) as u64)
}

/// The probabilities as they are where all of them are looked at (Benjamini and Hochberg's step-up), in the same order.
#[expect(clippy::cast_precision_loss, reason = "there are eight measures")]
pub(super) fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*other].total_cmp(&p_values[*one]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (passed, index) in order.into_iter().enumerate() {
        let rank = (p_values.len() - passed) as f64;
        least = least.min(p_values[index] * p_values.len() as f64 / rank);
        adjusted[index] = rounded(least);
    }
    adjusted
}

impl Comparison {
    /// What of it stands in a summary.
    pub(super) fn estimate(&self, settings: &Settings) -> Estimate {
        let Interval { median, low, high } = self.interval;
        Estimate { median, low, high, confidence: settings.confidence, p_value: self.p_value }
    }

    /// The verdict, with the probability as it is among all `measures` that the two rows are compared in.
    pub(super) fn finding(&self, p_adjusted: f64, measures: usize, settings: &Settings) -> Finding {
        let reach = Nanos::new(self.interval.reach());
        let enough = self.size >= LEAST;
        let ranks_differ = p_adjusted < settings.confidence.level();
        let same = Finding { verdict: Verdict::Same, within: Some(reach), least: None, more: None };
        if enough && reach <= self.negligible {
            return same;
        }
        if self.interval.leaves_out_zero() && ranks_differ {
            let verdict = if self.interval.low.get() > 0 { Verdict::Slower } else { Verdict::Faster };
            return Finding { verdict, within: None, least: None, more: None };
        }
        if enough && reach <= self.tolerance {
            return same;
        }
        let least = self.least(measures, settings);
        if self.size < least {
            return Finding { verdict: Verdict::Unclear, within: None, least: Some(least as u64), more: None };
        }
        let more = [self.more_to_differ(p_adjusted, settings), self.more_to_be_same()].into_iter().flatten().min();
        Finding { verdict: Verdict::Unclear, within: None, least: None, more }
    }

    /// The smallest sample to ask for: one whose ranks can tell the two apart even where they differ in this measure alone, and at
    /// least [`TELLING`]. A level that no number reaches demands no more.
    #[expect(clippy::cast_precision_loss, reason = "there are eight measures")]
    fn least(&self, measures: usize, settings: &Settings) -> usize {
        let is_enough = |size: &usize| {
            least_p_value(*size, self.other_size.max(*size)) * (measures as f64) < settings.confidence.level()
        };
        (TELLING..MOST_NEEDED).find(is_enough).unwrap_or(TELLING)
    }

    /// So many more that an interval around the same difference would stay clear of zero in four of five cases (its half is then
    /// 0.7 of the difference: 1.96 of 1.96 + 0.84 standard errors), and that the rank test would say so as often.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn more_to_differ(&self, p_adjusted: f64, settings: &Settings) -> Option<u64> {
        let ranks_apart = normal_quantile(p_adjusted / 2.0);
        let wanted_apart = normal_quantile(settings.confidence.level() / 2.0) + 0.84;
        let for_ranks = self.size as f64 * (wanted_apart / ranks_apart).powi(2);
        self.more(self.wanted(0.7 * self.median())?.max(for_ranks))
    }

    /// So many more that an interval around the same difference would lie within the tolerance.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn more_to_be_same(&self) -> Option<u64> {
        self.more(self.wanted(self.tolerance.get() as f64 - self.median())?)
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn median(&self) -> f64 {
        self.interval.median.magnitude().get() as f64
    }

    /// How many it takes for half of the interval to be `half`: it shrinks with the root of the number.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn wanted(&self, half: f64) -> Option<f64> {
        let own = self.interval.high.get().abs_diff(self.interval.low.get()) as f64 / 2.0;
        (half > 0.0).then(|| self.size as f64 * (own / half).powi(2))
    }

    /// What is missing of the number that is wanted; nothing would tell a difference that is none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn more(&self, wanted: f64) -> Option<u64> {
        let missing = || (wanted.ceil() as u64).saturating_sub(self.size as u64).max(1).next_multiple_of(STEP);
        (wanted <= MOST && self.interval.median.get() != 0).then(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Confidence;

    /// Lengths in milliseconds, one apart, from `first` on.
    fn sample(first: u64, count: u64) -> Sample {
        Sample::new((first..first + count).map(Nanos::from_millis)).unwrap()
    }

    fn confident(share: f64) -> Settings {
        Settings { resamples: 200, ..Settings::default() }.with_confidence(Confidence::try_from(share).unwrap())
    }

    #[test]
    fn too_few_are_called_so_and_never_estimated_from() {
        // Two against two do not reach the level, four against four do so only if all else differs as well.
        for (size, other, measures, confidence, expect) in [
            (2, 2, 1, 0.95, Some(10)),
            (4, 4, 8, 0.95, Some(10)),
            (8, 8, 8, 0.95, None),
            (9, 9, 8, 0.95, None),
            (12, 12, 8, 0.999_999, Some(20)),
            (12, 12, 8, 0.999_999_999_999_999, None),
        ] {
            let settings = confident(confidence);
            let compared = compare(&sample(200, size), &sample(100, other), &settings);
            let p_adjusted = compared.p_value * f64::from(u8::try_from(measures).unwrap());
            let finding = compared.finding(p_adjusted, measures, &settings);
            let is_unclear = finding.verdict == Verdict::Unclear;
            assert_eq!(finding.least, expect, "{size} and {other}: {finding:?}");
            assert_eq!(is_unclear, expect.is_some() || confidence > 0.999_999_9, "{size} and {other}: {finding:?}");
            assert!(finding.least.is_none() || finding.more.is_none(), "{finding:?}");
        }
    }

    #[test]
    fn an_estimate_counts_what_the_rank_test_needs_and_none_is_of_nothing() {
        let settings = confident(0.95);
        let narrow = Comparison {
            interval: Interval {
                median: crate::stats::SignedNanos::new(8_245_000),
                low: crate::stats::SignedNanos::new(6_163_000),
                high: crate::stats::SignedNanos::new(10_328_000),
            },
            p_value: 0.02,
            size: 12,
            other_size: 12,
            negligible: NEGLIGIBLE,
            tolerance: Nanos::from_millis(1),
        };
        // 12 · (2.8 / z)² requests, where z is what this probability lies at.
        for (p_adjusted, expect) in [(0.06, Some(15)), (0.16, Some(40)), (0.5, Some(195)), (1.0, None)] {
            let finding = narrow.finding(p_adjusted, 8, &settings);
            assert_eq!((finding.verdict, finding.more), (Verdict::Unclear, expect), "{p_adjusted}");
        }
        let zero = Interval {
            median: crate::stats::SignedNanos::new(0),
            low: crate::stats::SignedNanos::new(-9_000_000),
            ..narrow.interval
        };
        let nothing = Comparison { interval: zero, ..narrow }.finding(0.9, 8, &settings);
        assert_eq!((nothing.verdict, nothing.more), (Verdict::Unclear, None));
    }

    /// As `scipy.stats.false_discovery_control` gives them.
    #[test]
    fn probabilities_are_adjusted_for_their_number() {
        for (p_values, expect) in [
            (&[][..], &[][..]),
            (&[0.03], &[0.03]),
            (&[0.01, 0.04, 0.03, 0.5], &[0.04, 0.053_333_333_3, 0.053_333_333_3, 0.5]),
            (&[0.2, 0.2, 0.001], &[0.2, 0.2, 0.003]),
        ] {
            let found = adjusted(p_values);
            assert_eq!(found.len(), expect.len());
            assert!(found.iter().zip(expect).all(|(one, other)| (one - other).abs() < 1e-9), "{found:?}");
        }
    }
}

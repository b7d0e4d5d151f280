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
//! - Else **unclear**, with how many more requests would tell. With fewer than [`LEAST`] requests on either side nothing is called
//!   the same.
//!
//! Of a hundred comparisons of a target with itself, 30 requests each, about 97 say "the same" of every phase (the tests count).

use super::bootstrap::{Interval, difference};
use super::rank::{p_value, rounded};
use super::settings::{INDISTINCT, NEGLIGIBLE};
use super::{Estimate, Sample, Settings, Tolerance, Verdict};
use crate::time::Nanos;

/// The smallest sample whose range holds the median in 95 % of cases: 1 - 2 · 2^-6.
const LEAST: usize = 6;
/// More requests than this are no help to anybody.
const MOST: f64 = 1e6;

/// Two samples compared, before it is known what else their rows are compared in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) interval: Interval,
    pub(super) p_value: f64,
    /// The size of the smaller sample.
    size: usize,
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

    /// The verdict, with the probability as it is among all measures of the two rows.
    pub(super) fn finding(&self, p_adjusted: f64, settings: &Settings) -> Finding {
        let reach = Nanos::new(self.interval.reach());
        let enough = self.size >= LEAST;
        let ranks_differ = p_adjusted < settings.confidence.level();
        let same = Finding { verdict: Verdict::Same, within: Some(reach), more: None };
        if enough && reach <= self.negligible {
            return same;
        }
        if self.interval.leaves_out_zero() && ranks_differ {
            let verdict = if self.interval.low.get() > 0 { Verdict::Slower } else { Verdict::Faster };
            return Finding { verdict, within: None, more: None };
        }
        if enough && reach <= self.tolerance {
            return same;
        }
        let more = [self.more_to_differ(), self.more_to_be_same()].into_iter().flatten().min();
        Finding { verdict: Verdict::Unclear, within: None, more }
    }

    /// So many more that an interval around the same difference would stay clear of zero in four of five cases: its half is then
    /// 0.7 of the difference (1.96 of 1.96 + 0.84 standard errors).
    fn more_to_differ(&self) -> Option<u64> {
        self.more(0.7 * self.median())
    }

    /// So many more that an interval around the same difference would lie within the tolerance.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn more_to_be_same(&self) -> Option<u64> {
        self.more(self.tolerance.get() as f64 - self.median())
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn median(&self) -> f64 {
        self.interval.median.magnitude().get() as f64
    }

    /// So many more that half of the interval is `half`: it shrinks with the root of the number.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, checked to be in range"
    )]
    fn more(&self, half: f64) -> Option<u64> {
        let own = self.interval.high.get().abs_diff(self.interval.low.get()) as f64 / 2.0;
        if half <= 0.0 {
            return None;
        }
        let wanted = (self.size as f64 * (own / half).powi(2)).ceil().max(LEAST as f64);
        (wanted <= MOST).then(|| (wanted as u64).saturating_sub(self.size as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! How sure a difference of two medians is: a bootstrap interval.
//!
//! The medians of both samples are drawn anew many times, each from a resample of its sample (B. Efron, "Bootstrap methods:
//! another look at the jackknife", 1979), and the interval is as wide as the middle share of their differences. It is centred on
//! the difference that was measured, not on the resampled ones.
//!
//! That choice was made by simulation, with a thousand and more pairs of samples each (the tests repeat it). At 95 %, intervals
//! hold the true difference in so many cases: 95 to 96 % for two samples of 30 from normal and log-normal distributions (sigma 0.1
//! to 1), also with 15 against 60 and with lengths rounded to a tenth, a quarter and half of their standard deviation. The usual
//! percentile interval, of the same width, holds it in 97 % and, with rounded lengths, in 99 %. Where one target varies four times as
//! much as the other it is 93 %; where that one also has the fewer requests (12 against 30, three times as much) it is 90 %: ask both
//! equally often. Samples below six are too small for any of it.
//!
//! A resample is not made length by length: the median of a resample of n is the length of some rank, each rank with a known
//! probability (J. S. Maritz, R. G. Jarrett, "A note on estimating the variance of the sample median", 1978), so one random number
//! draws it.

use super::{Sample, Settings, SignedNanos, SplitMix64};

/// A difference of medians with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    /// By how much the median is longer.
    pub(super) median: SignedNanos,
    /// The lower end.
    pub(super) low: SignedNanos,
    /// The upper end.
    pub(super) high: SignedNanos,
}

impl Interval {
    /// The largest difference, either way, that is in it.
    pub(super) fn reach(&self) -> u64 {
        self.low.magnitude().max(self.high.magnitude()).get()
    }

    /// Whether it holds no difference at all.
    pub(super) fn leaves_out_zero(&self) -> bool {
        self.low.get() > 0 || self.high.get() < 0
    }

    /// Whether the two have no difference in common.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.low > other.high || other.low > self.high
    }
}

/// By how much the median of `sample` is longer than that of `than`, and how sure that is.
pub(super) fn difference(sample: &Sample, than: &Sample, settings: &Settings) -> Interval {
    let median = SignedNanos::longer(sample.median(), than.median());
    let mut random = SplitMix64::new(settings.seed);
    let (ranks, other_ranks) = (MedianRanks::of(sample.count()), MedianRanks::of(than.count()));
    let mut drawn: Vec<i64> = (0..settings.resamples.max(1))
        .map(|_| {
            let one = sample.sorted()[ranks.draw(&mut random)];
            let other = than.sorted()[other_ranks.draw(&mut random)];
            SignedNanos::longer(one, other).get()
        })
        .collect();
    drawn.sort_unstable();
    let tail = settings.confidence.level() / 2.0;
    let (low, high) = (nearest(&drawn, tail), nearest(&drawn, 1.0 - tail));
    let half = i64::try_from(high.abs_diff(low) / 2).unwrap_or(i64::MAX);
    Interval {
        median,
        low: SignedNanos::new(median.get().saturating_sub(half)),
        high: SignedNanos::new(median.get().saturating_add(half)),
    }
}

/// The nearest-rank quantile of sorted values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among at most 2^32 resamples"
)]
fn nearest(sorted: &[i64], share: f64) -> i64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// With which probability the median of a resample is the length of which rank.
struct MedianRanks {
    /// The first rank that is not too improbable to ever be drawn.
    first: usize,
    /// For each rank from there on: how probable it or a lower one is.
    up_to: Vec<f64>,
}

impl MedianRanks {
    /// For samples of `count`, which is at least 1.
    ///
    /// The median has a rank of at most j where at least half of the n lengths of the resample (n/2 rounded up: nearest rank) come
    /// from the j shortest, of which each is drawn with probability j/n: a binomial tail.
    fn of(count: usize) -> Self {
        let half = count.div_ceil(2);
        // Ranks farther from the middle than this are rarer than 2^-64.
        let reach = 5 * count.isqrt() + 10;
        let (first, last) = (half.saturating_sub(reach).max(1), (half + reach).min(count));
        let up_to = (first..=last).map(|rank| binomial_tail(count, rank, half)).collect();
        Self { first: first - 1, up_to }
    }

    /// A rank, counted from 0.
    fn draw(&self, random: &mut SplitMix64) -> usize {
        let drawn = random.unit();
        let place = self.up_to.partition_point(|up_to| *up_to <= drawn);
        self.first + place.min(self.up_to.len() - 1)
    }
}

/// The probability of at least `least` successes in `count` trials, each of which succeeds with probability `rank / count`. Terms are
/// computed from the largest outwards, each from its neighbour, and divided by the sum of all.
#[expect(clippy::cast_precision_loss, reason = "counts of lengths are far below 2^53")]
fn binomial_tail(count: usize, rank: usize, least: usize) -> f64 {
    if rank >= count {
        return 1.0;
    }
    let odds = rank as f64 / (count - rank) as f64;
    // The most probable number of successes is the expected one, which is whole: `rank`.
    let (mut all, mut tail) = (0.0, 0.0);
    let mut add = |successes: usize, term: f64| {
        all += term;
        if successes >= least {
            tail += term;
        }
    };
    let mut term = 1.0;
    for successes in rank..=count {
        add(successes, term);
        term *= (count - successes) as f64 / (successes + 1) as f64 * odds;
        if term < f64::EPSILON * f64::EPSILON {
            break;
        }
    }
    let mut term = 1.0;
    for successes in (0..rank).rev() {
        term *= (successes + 1) as f64 / (count - successes) as f64 / odds;
        add(successes, term);
        if term < f64::EPSILON * f64::EPSILON {
            break;
        }
    }
    tail / all
}

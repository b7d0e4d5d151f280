//! The lengths of one measure over the requests of a group.

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// At least one length, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    sorted: Vec<Nanos>,
}

/// The numbers of a sample, as the contract names them. Percentiles are nearest rank, so each is a length that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// How many lengths.
    pub count: u64,
    /// The arithmetic mean, rounded to a nanosecond.
    #[serde(rename = "mean_ns")]
    pub mean: Nanos,
    /// The standard deviation of the sample (n - 1), rounded to a nanosecond; `None` for a single length.
    #[serde(rename = "sd_ns")]
    pub sd: Option<Nanos>,
    /// The shortest.
    #[serde(rename = "min_ns")]
    pub min: Nanos,
    /// The median.
    #[serde(rename = "p50_ns")]
    pub p50: Nanos,
    /// 66 % are not longer.
    #[serde(rename = "p66_ns")]
    pub p66: Nanos,
    /// 75 % are not longer.
    #[serde(rename = "p75_ns")]
    pub p75: Nanos,
    /// 80 % are not longer.
    #[serde(rename = "p80_ns")]
    pub p80: Nanos,
    /// 90 % are not longer.
    #[serde(rename = "p90_ns")]
    pub p90: Nanos,
    /// 95 % are not longer.
    #[serde(rename = "p95_ns")]
    pub p95: Nanos,
    /// 98 % are not longer.
    #[serde(rename = "p98_ns")]
    pub p98: Nanos,
    /// 99 % are not longer.
    #[serde(rename = "p99_ns")]
    pub p99: Nanos,
    /// 99.9 % are not longer.
    #[serde(rename = "p999_ns")]
    pub p999: Nanos,
    /// The longest.
    #[serde(rename = "max_ns")]
    pub max: Nanos,
}

impl Stats {
    /// Whether the lengths are so few that this nearest-rank percentile, in thousandths, is the longest of them: p95 of fewer than
    /// 20, p99 of fewer than 100.
    #[must_use]
    pub const fn is_maximum(&self, per_mille: u32) -> bool {
        let above = 1_000_u32.saturating_sub(per_mille);
        self.count.saturating_mul(above as u64) < 1_000
    }
}

impl Sample {
    /// From lengths in any order; `None` without any.
    #[must_use]
    pub fn new(lengths: impl IntoIterator<Item = Nanos>) -> Option<Self> {
        let mut sorted: Vec<Nanos> = lengths.into_iter().collect();
        sorted.sort_unstable();
        (!sorted.is_empty()).then_some(Self { sorted })
    }

    /// The lengths, shortest first; never empty.
    #[must_use]
    pub fn sorted(&self) -> &[Nanos] {
        &self.sorted
    }

    /// How many lengths.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The nearest-rank percentile in thousandths: the shortest length that at least `per_mille` ‰ of all are not longer than.
    /// 0 is the shortest, 1000 and above the longest.
    #[must_use]
    pub fn percentile(&self, per_mille: u32) -> Nanos {
        let rank = (self.sorted.len() as u128 * u128::from(per_mille)).div_ceil(1_000);
        let index = usize::try_from(rank).unwrap_or(usize::MAX).saturating_sub(1);
        self.sorted[index.min(self.sorted.len() - 1)]
    }

    /// The median: the nearest-rank 50th percentile, so that it is the `p50` of [`Stats`] wherever a median is spoken of.
    #[must_use]
    pub fn median(&self) -> Nanos {
        self.percentile(500)
    }

    /// The arithmetic mean, rounded to a nanosecond.
    #[must_use]
    pub fn mean(&self) -> Nanos {
        let count = self.sorted.len() as u128;
        let sum: u128 = self.sorted.iter().map(|length| u128::from(length.get())).sum();
        Nanos::new(u64::try_from((sum + count / 2) / count).unwrap_or(u64::MAX))
    }

    /// The standard deviation of the sample (dividing by n - 1), rounded to a nanosecond; `None` for a single length.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a root of squares is not negative, and sixteen digits of it are enough"
    )]
    pub fn sd(&self) -> Option<Nanos> {
        let count = self.sorted.len();
        if count < 2 {
            return None;
        }
        // Around the median, which is exact, so that lengths that differ little do not cancel out.
        let around = self.median().get();
        let from_it = |length: &Nanos| (i128::from(length.get()) - i128::from(around)) as f64;
        let sum: f64 = self.sorted.iter().map(from_it).sum();
        let mean = sum / count as f64;
        let squares: f64 = self.sorted.iter().map(|length| (from_it(length) - mean).powi(2)).sum();
        Some(Nanos::new((squares / (count - 1) as f64).sqrt().round() as u64))
    }

    /// All its numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            count: self.sorted.len() as u64,
            mean: self.mean(),
            sd: self.sd(),
            min: self.percentile(0),
            p50: self.median(),
            p66: self.percentile(660),
            p75: self.percentile(750),
            p80: self.percentile(800),
            p90: self.percentile(900),
            p95: self.percentile(950),
            p98: self.percentile(980),
            p99: self.percentile(990),
            p999: self.percentile(999),
            max: self.percentile(1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(lengths: &[u64]) -> Sample {
        Sample::new(lengths.iter().map(|nanos| Nanos::new(*nanos))).unwrap()
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let ten = sample(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        for (per_mille, expect) in [
            (0, 10),
            (1, 10),
            (100, 10),
            (101, 20),
            (500, 50),
            (501, 60),
            (660, 70),
            (950, 100),
            (1_000, 100),
            (5_000, 100),
        ] {
            assert_eq!(ten.percentile(per_mille), Nanos::new(expect), "{per_mille}");
        }
        assert_eq!(Sample::new([]), None);
    }

    #[test]
    fn percentiles_of_few_lengths_are_their_maximum() {
        for count in [1, 2, 19, 20, 49, 50, 99, 100, 999, 1_000] {
            let rising = sample(&(1..=count).collect::<Vec<u64>>());
            for per_mille in [500, 900, 950, 980, 990, 999] {
                let is_last = rising.percentile(per_mille) == rising.stats().max;
                assert_eq!(rising.stats().is_maximum(per_mille), is_last, "{per_mille} of {count}");
            }
        }
    }

    #[test]
    fn the_deviation_of_one_is_unknown_and_large_lengths_keep_their_digits() {
        assert_eq!(sample(&[5]).sd(), None);
        let far = u64::MAX - 10;
        let high = sample(&[far + 1, far + 2, far + 3]);
        assert_eq!((high.mean(), high.sd()), (Nanos::new(far + 2), Some(Nanos::new(1))));
    }

    #[test]
    fn json_has_the_keys_of_the_contract() {
        let text = serde_json::to_string(&sample(&[1, 2]).stats()).unwrap();
        let expect = "{\"count\":2,\"mean_ns\":2,\"sd_ns\":1,\"min_ns\":1,\"p50_ns\":1,\"p66_ns\":2,\"p75_ns\":2,\"p80_ns\":2,\
                      \"p90_ns\":2,\"p95_ns\":2,\"p98_ns\":2,\"p99_ns\":2,\"p999_ns\":2,\"max_ns\":2}";
        assert_eq!(text, expect);
        assert!(serde_json::to_string(&sample(&[1]).stats()).unwrap().contains("\"sd_ns\":null"));
    }

    proptest! {
        #[test]
        fn percentiles_are_members_and_rise(lengths in proptest::collection::vec(any::<u64>(), 1..50), shares in any::<(u16, u16)>()) {
            let sample = sample(&lengths);
            let (low, high) = (shares.0.min(shares.1), shares.0.max(shares.1));
            let (low, high) = (sample.percentile(low.into()), sample.percentile(high.into()));
            prop_assert!(low <= high && lengths.contains(&low.get()) && lengths.contains(&high.get()));
            let stats = sample.stats();
            prop_assert!(stats.min <= stats.mean && stats.mean <= stats.max);
            prop_assert_eq!(stats.sd.is_some(), lengths.len() > 1);
        }
    }
}

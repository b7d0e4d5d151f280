//! What of many lengths is limited.

use serde::{Deserialize, Serialize};

use crate::stats::Stats;
use crate::time::Nanos;

/// What of many lengths is meant; those of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// The shortest.
    Min,
    /// The median.
    P50,
    /// 66 % are not longer.
    P66,
    /// 75 % are not longer.
    P75,
    /// 80 % are not longer.
    P80,
    /// 90 % are not longer.
    P90,
    /// 95 % are not longer.
    P95,
    /// 98 % are not longer.
    P98,
    /// 99 % are not longer.
    P99,
    /// 99.9 % are not longer.
    P999,
    /// The longest.
    Max,
}

impl Statistic {
    pub(super) const WORDS: [(&'static str, Self); 14] = [
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("median", Self::P50),
        ("p50", Self::P50),
        ("p66", Self::P66),
        ("p75", Self::P75),
        ("p80", Self::P80),
        ("p90", Self::P90),
        ("p95", Self::P95),
        ("p98", Self::P98),
        ("p99", Self::P99),
        ("p99.9", Self::P999),
        ("p999", Self::P999),
        ("max", Self::Max),
    ];

    /// The word used in JSON and on the terminal: `p95`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let mut synonyms = Self::WORDS.iter().filter(|(_, statistic)| *statistic == self);
        // Of two words, the later one: the one in JSON.
        synonyms.next_back().map_or("", |(word, _)| word)
    }

    /// Of a percentile above the median, which share of lengths is not longer, in thousandths.
    pub(super) const fn tail(self) -> Option<u32> {
        Some(match self {
            Self::Mean | Self::Min | Self::Max | Self::P50 => return None,
            Self::P66 => 660,
            Self::P75 => 750,
            Self::P80 => 800,
            Self::P90 => 900,
            Self::P95 => 950,
            Self::P98 => 980,
            Self::P99 => 990,
            Self::P999 => 999,
        })
    }

    pub(super) const fn of(self, stats: &Stats) -> Nanos {
        match self {
            Self::Mean => stats.mean,
            Self::Min => stats.min,
            Self::P50 => stats.p50,
            Self::P66 => stats.p66,
            Self::P75 => stats.p75,
            Self::P80 => stats.p80,
            Self::P90 => stats.p90,
            Self::P95 => stats.p95,
            Self::P98 => stats.p98,
            Self::P99 => stats.p99,
            Self::P999 => stats.p999,
            Self::Max => stats.max,
        }
    }
}

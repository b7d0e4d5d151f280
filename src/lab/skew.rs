//! How far a clock is off.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::time::{Realtime, Timestamp};

/// A day: what a clock may be off at most.
const MOST_MS: f64 = 86_400_000.0;

/// How far a clock is ahead of the true time; behind it where negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    nanos: i64,
}

/// The text is not a skew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected milliseconds from -86400000 to 86400000, got {0:?}")]
pub struct SkewError(String);

impl Skew {
    /// What the clock shows at a moment.
    #[must_use]
    pub const fn shown(self, at: Timestamp<Realtime>) -> Timestamp<Realtime> {
        Timestamp::from_nanos(at.as_nanos().saturating_add_signed(self.nanos))
    }

    fn from_millis(millis: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "checked to lie within a day")]
        (-MOST_MS..=MOST_MS).contains(&millis).then(|| Self { nanos: (millis * 1e6).round() as i64 })
    }
}

impl FromStr for Skew {
    type Err = SkewError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::from_millis).ok_or_else(|| SkewError(text.to_owned()))
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let millis = self.nanos as f64 / 1e6;
        write!(f, "{millis:+} ms")
    }
}

impl<'de> Deserialize<'de> for Skew {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)?;
        Self::from_millis(millis).ok_or_else(|| serde::de::Error::custom(SkewError(millis.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_or_behind() {
        let at = Timestamp::from_nanos(10_000_000_000);
        for (text, expect) in
            [("5000", Some(15_000_000_000)), ("-0.5", Some(9_999_500_000)), ("1e9", None), ("x", None)]
        {
            let shown = text.parse::<Skew>().ok().map(|skew| skew.shown(at).as_nanos());
            assert_eq!(shown, expect, "{text}");
        }
        assert_eq!("-86400000".parse::<Skew>().unwrap().shown(at).as_nanos(), 0);
        assert_eq!("5000".parse::<Skew>().unwrap().to_string(), "+5000 ms");
    }
}

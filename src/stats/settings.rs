//! How sure a comparison has to be, and what counts as the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// A difference below this, in the middle of everything that happens on a host, is none: how far apart two measurements of the same
/// thing lie because a thread was woken a little later. It counts only where no tolerance was chosen.
pub(crate) const NEGLIGIBLE: Nanos = Nanos::from_micros(50);

/// A difference that is not shown, and cannot be larger than this, is the same: phases of a few hundred microseconds often come in two
/// kinds (the body has arrived with the head, or has not), between which their median jumps. It counts only where no tolerance was
/// chosen.
pub(crate) const INDISTINCT: Nanos = Nanos::from_micros(250);

/// How groups are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How often an interval is to hold the true difference.
    pub confidence: Confidence,
    /// How often medians are drawn anew for an interval.
    pub resamples: u32,
    /// What everything drawn at random depends on.
    pub seed: u64,
    /// How large a difference may be that is the same still.
    pub same_within: Tolerance,
}

impl Default for Settings {
    fn default() -> Self {
        Self { confidence: Confidence::default(), resamples: 4_000, seed: 1, same_within: Tolerance::Spread }
    }
}

impl Settings {
    /// With intervals of this confidence, and so many resamples that twenty of them lie beyond either end of one; at most a million.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 80 and a million")]
    pub fn with_confidence(self, confidence: Confidence) -> Self {
        let wanted = (40.0 / confidence.level()).ceil().min(1e6) as u32;
        Self { confidence, resamples: self.resamples.max(wanted), ..self }
    }
}

/// A share of all intervals, above 0.5 and below 1; 0.95 unless chosen otherwise.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Confidence(f64);

/// The number is no confidence.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("expected a confidence above 0.5 and below 1, such as 0.95, got {0}")]
pub struct ConfidenceError(f64);

impl Confidence {
    /// The share, between 0.5 and 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The share of intervals that miss, which is the level of the tests.
    #[must_use]
    pub const fn level(self) -> f64 {
        1.0 - self.0
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Self(0.95)
    }
}

impl TryFrom<f64> for Confidence {
    type Error = ConfidenceError;

    fn try_from(share: f64) -> Result<Self, Self::Error> {
        if share > 0.5 && share < 1.0 { Ok(Self(share)) } else { Err(ConfidenceError(share)) }
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

/// How large a difference may be that is the same still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Tolerance {
    /// What the requests of one target differ by among themselves, and at least a quarter of a millisecond.
    #[default]
    Spread,
    /// A share of the baseline's median in thousandths.
    PerMille(u32),
    /// A length.
    Absolute(Nanos),
}

/// The text is no tolerance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a share such as \"5%\", a length such as \"2ms\", \"50us\" or, in milliseconds, \"2\", or \"spread\", got {0:?}"
)]
pub struct ToleranceError(String);

impl FromStr for Tolerance {
    type Err = ToleranceError;

    /// Reads `spread`, `5%`, `0.5%`, `2ms`, `1.5ms`, `50us`, `50µs`, `1s`; a bare number is milliseconds, as in SLOs.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ToleranceError(text.to_owned());
        let text = text.trim();
        if text == "spread" {
            return Ok(Self::Spread);
        }
        let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let scale = match unit.trim() {
            "%" => 10.0,
            "ms" | "" => 1e6,
            "us" | "µs" => 1e3,
            "s" => 1e9,
            "ns" => 1.0,
            _ => return Err(wrong()),
        };
        let scaled = (number * scale).round();
        let most = if unit.trim() == "%" { 1e6 } else { 1e15 };
        if !(1.0..=most).contains(&scaled) {
            return Err(wrong());
        }
        if unit.trim() == "%" {
            Ok(Self::PerMille(scaled as u32))
        } else {
            Ok(Self::Absolute(Nanos::new(scaled as u64)))
        }
    }
}

impl TryFrom<String> for Tolerance {
    type Error = ToleranceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// To the nanosecond, which people need not read.
impl From<Tolerance> for String {
    fn from(tolerance: Tolerance) -> Self {
        match tolerance {
            Tolerance::Absolute(length) => format!("{}ns", length.get()),
            Tolerance::Spread | Tolerance::PerMille(_) => tolerance.to_string(),
        }
    }
}

/// As it can be read back.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spread => f.write_str("spread"),
            Self::PerMille(per_mille) if per_mille % 10 == 0 => write!(f, "{}%", per_mille / 10),
            Self::PerMille(per_mille) => write!(f, "{}.{}%", per_mille / 10, per_mille % 10),
            Self::Absolute(length) => write!(f, "{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_read() {
        use Tolerance::{Absolute, PerMille, Spread};
        for (text, expect, shown) in [
            ("spread", Spread, "spread"),
            ("5%", PerMille(50), "5%"),
            ("0.5 %", PerMille(5), "0.5%"),
            ("2ms", Absolute(Nanos::from_millis(2)), "2.000 ms"),
            ("1.5", Absolute(Nanos::from_micros(1_500)), "1.500 ms"),
            ("50us", Absolute(Nanos::from_micros(50)), "50 µs"),
            ("50µs", Absolute(Nanos::from_micros(50)), "50 µs"),
            ("1s", Absolute(Nanos::from_secs(1)), "1.000 s"),
        ] {
            assert_eq!(text.parse(), Ok(expect), "{text}");
            assert_eq!(expect.to_string(), shown);
            assert_eq!(shown.parse(), Ok(expect));
            assert_eq!(Tolerance::try_from(String::from(expect)), Ok(expect));
        }
        for text in ["", "%", "-1%", "0", "1e9ms", "5 parsecs", "NaN", "inf", "1.2.3ms", "99999999%"] {
            assert_eq!(text.parse::<Tolerance>(), Err(ToleranceError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn confidences_lie_between_a_half_and_one() {
        for share in [0.5, 1.0, 0.0, -1.0, 2.0, f64::NAN] {
            assert!(Confidence::try_from(share).is_err(), "{share}");
        }
        assert_eq!(Confidence::try_from(0.95), Ok(Confidence::default()));
        for (share, resamples) in [(0.6, 4_000), (0.95, 4_000), (0.999, 40_000), (0.999_999_9, 1_000_000)] {
            let confidence = Confidence::try_from(share).unwrap();
            let settings = Settings::default().with_confidence(confidence);
            assert_eq!((settings.confidence, settings.resamples), (confidence, resamples));
        }
    }
}

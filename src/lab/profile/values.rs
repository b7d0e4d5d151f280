//! The values that a profile may have: lengths, ranges, amounts, shares and words, each with its bounds.
//!
//! Invariant: whatever is out of bounds is an error that says what was expected; nothing is cut to fit.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::lab::link::Share;
use crate::time::Nanos;

/// A length of time between two bounds, both included; `low <= high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    low: Nanos,
    high: Nanos,
}

impl Range {
    /// The shortest.
    #[must_use]
    pub const fn low(self) -> Nanos {
        self.low
    }

    /// The longest.
    #[must_use]
    pub const fn high(self) -> Nanos {
        self.high
    }
}

/// The longest time a profile may name: a day.
const LONGEST_MS: f64 = 86_400_000.0;

fn to_nanos(millis: f64) -> Option<Nanos> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie within a day")]
    (0.0..=LONGEST_MS).contains(&millis).then(|| Nanos::new((millis * 1e6).round() as u64))
}

pub(super) fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
    let millis = f64::deserialize(deserializer)?;
    to_nanos(millis)
        .ok_or_else(|| D::Error::custom(format!("expected milliseconds from 0 to {LONGEST_MS}, got {millis}")))
}

/// A value that is milliseconds by itself, so that errors point at it and not at its table.
#[derive(Deserialize)]
struct Millis(#[serde(deserialize_with = "millis")] Nanos);

pub(super) fn millis_by_name<'de, D, Name>(deserializer: D) -> Result<BTreeMap<Name, Nanos>, D::Error>
where
    D: Deserializer<'de>,
    Name: Deserialize<'de> + Ord,
{
    let named = BTreeMap::<Name, Millis>::deserialize(deserializer)?;
    Ok(named.into_iter().map(|(name, Millis(length))| (name, length)).collect())
}

pub(super) fn millis_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
    range(deserializer, 1.0, "milliseconds")
}

pub(super) fn seconds_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
    range(deserializer, 1e3, "seconds")
}

fn range<'de, D: Deserializer<'de>>(deserializer: D, unit_ms: f64, unit: &str) -> Result<Range, D::Error> {
    let [low, high] = <[f64; 2]>::deserialize(deserializer)?;
    match (to_nanos(low * unit_ms), to_nanos(high * unit_ms)) {
        (Some(shortest), Some(longest)) if shortest <= longest => Ok(Range { low: shortest, high: longest }),
        _ => Err(D::Error::custom(format!(
            "expected [low, high] in {unit}, 0 <= low <= high <= a day, got [{low}, {high}]"
        ))),
    }
}

pub(super) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let sensible = (0.0..=100_000.0).contains(&number);
    sensible
        .then_some(number)
        .ok_or_else(|| D::Error::custom(format!("expected an amount from 0 to 100000, got {number}")))
}

pub(super) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let sensible = (0.0..=1.0).contains(&number);
    sensible.then_some(number).ok_or_else(|| D::Error::custom(format!("expected a share from 0 to 1, got {number}")))
}

pub(super) fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let percent = f64::deserialize(deserializer)?;
    percent.to_string().parse().map_err(D::Error::custom)
}

pub(super) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    (number > 0).then_some(number).ok_or_else(|| D::Error::custom("expected at least 1, got 0"))
}

/// Goes into a header field.
pub(super) fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain {
        return Ok(text);
    }
    Err(D::Error::custom(format!("expected letters, digits and hyphens, got {text:?}")))
}

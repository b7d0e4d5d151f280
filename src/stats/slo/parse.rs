//! Objectives as their users write them.

use std::str::FromStr;

use super::{Limit, MostFailures, Objective, Slo, Statistic};
use crate::stats::Measure;
use crate::time::Nanos;

/// Why a text is no [`Slo`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SloError {
    /// There is nothing in it.
    #[error("expected MEASURE=LIMIT[,…] such as total=500,wait.p95=200,failures=1%, got nothing")]
    Empty,
    /// No `=`.
    #[error("expected MEASURE=LIMIT such as total=500 or wait.p95=200, got {0:?}")]
    Form(String),
    /// What is limited is not known.
    #[error("expected one of {known} before \"=\", got {got:?}", known = measures())]
    Measure {
        /// What stands there.
        got: String,
    },
    /// The statistic is not known.
    #[error("expected one of {known} after {measure}, got {got:?}", known = statistics())]
    Statistic {
        /// Of what.
        measure: Measure,
        /// What stands there.
        got: String,
    },
    /// Failures are counted, and have no statistic.
    #[error("expected failures=COUNT or failures=SHARE%, got {0:?}")]
    Failures(String),
    /// The limit is no length.
    #[error("expected milliseconds such as 500 or 0.5, or a length such as 50us or 2s, in {objective:?}, got {got:?}")]
    Length {
        /// The whole objective.
        objective: String,
        /// The limit.
        got: String,
    },
}

fn measures() -> String {
    let all: Vec<&str> = Measure::all().map(Measure::as_str).chain(["failures"]).collect();
    all.join(", ")
}

fn statistics() -> String {
    Statistic::WORDS.iter().map(|(word, _)| format!(".{word}")).collect::<Vec<_>>().join(", ")
}

impl FromStr for Slo {
    type Err = SloError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let objectives = parts.map(str::parse).collect::<Result<Vec<Objective>, _>>()?;
        if objectives.is_empty() { Err(SloError::Empty) } else { Ok(Self(objectives)) }
    }
}

impl FromStr for Objective {
    type Err = SloError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, limit) = text.split_once('=').ok_or_else(|| SloError::Form(text.to_owned()))?;
        let (what, limit) = (what.trim(), limit.trim());
        let (measure, statistic) = match what.split_once('.') {
            Some((measure, statistic)) => (measure, Some(statistic)),
            None => (what, None),
        };
        if measure == "failures" {
            let most = failures(limit).filter(|_| statistic.is_none());
            let most = most.ok_or_else(|| SloError::Failures(text.to_owned()))?;
            return Ok(Self { text: text.to_owned(), limit: Limit::Failures(most) });
        }
        let measure: Measure = measure.parse().map_err(|_| SloError::Measure { got: measure.to_owned() })?;
        let statistic = match statistic {
            None => Statistic::P50,
            Some(wanted) => {
                let known = Statistic::WORDS.iter().find(|(word, _)| *word == wanted);
                let unknown = || SloError::Statistic { measure, got: wanted.to_owned() };
                known.map(|(_, statistic)| *statistic).ok_or_else(unknown)?
            }
        };
        let most =
            length(limit).ok_or_else(|| SloError::Length { objective: text.to_owned(), got: limit.to_owned() })?;
        Ok(Self { text: text.to_owned(), limit: Limit::Length { measure, statistic, most } })
    }
}

impl TryFrom<String> for Objective {
    type Error = SloError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Plain decimals, without sign or exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

fn failures(text: &str) -> Option<MostFailures> {
    let Some(share) = text.strip_suffix('%') else {
        return text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
            .map(MostFailures::Count);
    };
    let percent = decimal(share.trim()).filter(|percent| *percent <= 100.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a million")]
    Some(MostFailures::PerMillion((percent * 1e4).round() as u64))
}

/// A day is longer than any request may take.
const LONGEST_NANOS: f64 = 86_400e9;

pub(super) fn length(text: &str) -> Option<Nanos> {
    let units = [("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0), ("s", 1e9)];
    let with_unit = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (number, scale) = with_unit.unwrap_or((text, 1e6));
    let nanos = (decimal(number.trim_end())? * scale).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie within a day")]
    (nanos <= LONGEST_NANOS).then(|| Nanos::new(nanos as u64))
}

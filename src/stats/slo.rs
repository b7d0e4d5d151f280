//! Service level objectives: what a request, or the requests of a target, may take at most.
//!
//! `total=500,wait.p95=200,failures=1%`: lengths are milliseconds unless they say otherwise. Without a statistic, a summary's
//! median counts; of a single request every statistic is its own length.
//!
//! Invariant: an objective that cannot be judged is missed. A phase that never happened, and a target of which no request
//! succeeded, never pass silently.
//!
//! Deliberately absent: cumulative times. `tls=50` is the handshake alone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{Measure, Row, Stats, TargetSummary};
use crate::time::Nanos;
use crate::trace::Trace;

/// What may not be exceeded; at least one objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slo(Vec<Objective>);

/// One thing that may not be exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// As its user wrote it.
    text: String,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Length { measure: Measure, statistic: Statistic, most: Nanos },
    Failures(MostFailures),
}

/// How many requests may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MostFailures {
    Count(u64),
    /// In ten thousandths of a percent.
    PerMillion(u64),
}

impl MostFailures {
    fn allows(self, failures: u64, requests: u64) -> bool {
        match self {
            Self::Count(most) => failures <= most,
            Self::PerMillion(most) => u128::from(failures) * 1_000_000 <= u128::from(most) * u128::from(requests),
        }
    }
}

/// What of many lengths is meant; those of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistic {
    Mean,
    Min,
    P50,
    P66,
    P75,
    P80,
    P90,
    P95,
    P98,
    P99,
    P999,
    Max,
}

impl Statistic {
    const WORDS: [(&'static str, Self); 14] = [
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

    const fn of(self, stats: &Stats) -> Nanos {
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

fn length(text: &str) -> Option<Nanos> {
    let units = [("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0), ("s", 1e9)];
    let with_unit = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (number, scale) = with_unit.unwrap_or((text, 1e6));
    let nanos = (decimal(number.trim_end())? * scale).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie within a day")]
    (nanos <= LONGEST_NANOS).then(|| Nanos::new(nanos as u64))
}

/// As its user wrote it.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// An objective that was missed: with figures, or why it cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// What was missed.
    pub objective: Objective,
    /// By whom.
    pub label: String,
    /// How.
    pub shortfall: Shortfall,
}

/// How an objective was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// It took too long.
    TooLong {
        /// How long.
        took: Nanos,
        /// How long it may have taken.
        most: Nanos,
    },
    /// Too many requests failed.
    TooManyFailed {
        /// So many.
        failures: u64,
        /// Of so many.
        requests: u64,
    },
    /// Requests succeeded, and none of them has the phase.
    NeverHappened {
        /// The phase.
        measure: Measure,
    },
    /// No request succeeded.
    NoneSucceeded {
        /// Of so many; none at all is possible.
        requests: u64,
    },
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objective, label, shortfall } = self;
        match shortfall {
            Shortfall::TooLong { took, most } => {
                let over = took.saturating_sub(*most);
                write!(f, "SLO {objective} is missed by {label}: {took}, {over} over {most}")
            }
            Shortfall::TooManyFailed { failures, requests } => {
                write!(f, "SLO {objective} is missed by {label}: {failures} of {requests} requests failed")
            }
            Shortfall::NeverHappened { measure } => {
                write!(
                    f,
                    "SLO {objective} cannot be judged for {label}, which counts as missed: no request has {measure}"
                )
            }
            Shortfall::NoneSucceeded { requests } => {
                write!(
                    f,
                    "SLO {objective} cannot be judged for {label}, which counts as missed: none of {requests} requests succeeded"
                )
            }
        }
    }
}

/// Requests that are judged together.
#[derive(Clone, Debug, Default)]
struct Judged {
    requests: u64,
    failures: u64,
    /// What was measured, and of what.
    rows: Vec<(String, Measured)>,
}

#[derive(Clone, Debug)]
enum Measured {
    Many(BTreeMap<Measure, Stats>),
    One(BTreeMap<Measure, Nanos>),
}

impl Measured {
    fn value(&self, measure: Measure, statistic: Statistic) -> Option<Nanos> {
        match self {
            Self::Many(phases) => phases.get(&measure).map(|stats| statistic.of(stats)),
            Self::One(phases) => phases.get(&measure).copied(),
        }
    }
}

impl Slo {
    /// What the rows of a summary miss. Rows that differ in their connections alone are one target: each of them that has what
    /// is limited is held to it, and it is enough that one has.
    #[must_use]
    pub fn judge_rows<'r>(&self, rows: impl IntoIterator<Item = &'r TargetSummary>) -> Vec<Miss> {
        let mut targets: Vec<(Row, Judged)> = Vec::new();
        for summary in rows {
            let target = Row { connection: None, ..summary.row.clone() };
            let at = targets.iter().position(|(row, _)| *row == target).unwrap_or_else(|| {
                targets.push((target, Judged::default()));
                targets.len() - 1
            });
            let judged = &mut targets[at].1;
            judged.requests += summary.requests;
            judged.failures += summary.failures;
            judged.rows.push((summary.row.label(), Measured::Many(summary.phases.clone())));
        }
        targets.iter().flat_map(|(row, judged)| self.judge(&row.label(), judged)).collect()
    }

    /// What the requests of one target miss, each by itself: of the redirects and repetitions among them, those that have what
    /// is limited are held to it, and it is enough that one has.
    #[must_use]
    pub fn judge_traces(&self, traces: &[Trace]) -> Vec<Miss> {
        let Some(first) = traces.first() else { return Vec::new() };
        let succeeded = traces.iter().filter(|trace| trace.failure_name().is_none());
        let rows: Vec<(String, Measured)> = succeeded
            .map(|trace| {
                let phases = Measure::all().filter_map(|measure| Some((measure, measure.of(trace)?))).collect();
                (trace.label().to_owned(), Measured::One(phases))
            })
            .collect();
        let requests = traces.len() as u64;
        let judged = Judged { requests, failures: requests - rows.len() as u64, rows };
        self.judge(first.label(), &judged)
    }

    fn judge(&self, label: &str, judged: &Judged) -> Vec<Miss> {
        self.0.iter().flat_map(|objective| objective.judge(label, judged)).collect()
    }
}

impl Objective {
    fn judge(&self, target: &str, judged: &Judged) -> Vec<Miss> {
        let miss = |label: &str, shortfall| Miss { objective: self.clone(), label: label.to_owned(), shortfall };
        let Judged { requests, failures, rows } = judged;
        let (requests, failures) = (*requests, *failures);
        let (measure, statistic, most) = match self.limit {
            Limit::Failures(_) if requests == 0 => return vec![miss(target, Shortfall::NoneSucceeded { requests })],
            Limit::Failures(most) if most.allows(failures, requests) => return Vec::new(),
            Limit::Failures(_) => return vec![miss(target, Shortfall::TooManyFailed { failures, requests })],
            Limit::Length { measure, statistic, most } => (measure, statistic, most),
        };
        if failures == requests {
            return vec![miss(target, Shortfall::NoneSucceeded { requests })];
        }
        let values = rows.iter().filter_map(|(label, measured)| Some((label, measured.value(measure, statistic)?)));
        let values: Vec<(&String, Nanos)> = values.collect();
        if values.is_empty() {
            return vec![miss(target, Shortfall::NeverHappened { measure })];
        }
        let too_long = values.into_iter().filter(|(_, took)| *took > most);
        too_long.map(|(label, took)| miss(label, Shortfall::TooLong { took, most })).collect()
    }
}

#[cfg(test)]
mod tests;

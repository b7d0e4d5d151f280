//! Service level objectives: what a request, or the requests of a target, may take at most.
//!
//! `total=500,wait.p95=200,failures=1%`: lengths are milliseconds unless they say otherwise. Without a statistic, a summary's
//! median counts; of a single request every statistic is its own length.
//!
//! Invariant: an objective that cannot be judged is missed. A phase that never happened, and a target of which no request
//! succeeded, never pass silently.
//!
//! Deliberately absent: cumulative times. `tls=50` is the handshake alone.

mod outcome;
mod parse;
mod statistic;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Measure, Row, Stats, TargetSummary};
use crate::time::Nanos;
use crate::trace::Trace;

pub use outcome::{Held, Miss, Reading, Shortfall};
pub use parse::SloError;
pub use statistic::Statistic;

/// What may not be exceeded; at least one objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slo(Vec<Objective>);

/// One thing that may not be exceeded. In JSON it is the text that its user wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
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
    /// How many of so many requests.
    fn of(self, requests: u64) -> u64 {
        match self {
            Self::Count(most) => most,
            Self::PerMillion(most) => {
                u64::try_from(u128::from(most) * u128::from(requests) / 1_000_000).unwrap_or(u64::MAX)
            }
        }
    }
}

/// As its user wrote it.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.text
    }
}

/// Requests that are judged together; `K` is what they are called.
#[derive(Clone, Debug)]
struct Judged<K> {
    whole: K,
    requests: u64,
    failures: u64,
    /// What was measured, and of what.
    rows: Vec<(K, Measured)>,
}

#[derive(Clone, Debug)]
enum Measured {
    Many(BTreeMap<Measure, Stats>),
    One(BTreeMap<Measure, Nanos>),
}

impl Measured {
    fn value(&self, measure: Measure, statistic: Statistic) -> Option<Measurement> {
        match self {
            Self::Many(phases) => phases.get(&measure).map(|stats| Measurement {
                length: statistic.of(stats),
                of: stats.count,
                is_maximum: statistic.tail().is_some_and(|per_mille| stats.is_maximum(per_mille)),
            }),
            Self::One(phases) => {
                phases.get(&measure).map(|length| Measurement { length: *length, of: 1, is_maximum: true })
            }
        }
    }
}

impl Slo {
    /// How the rows of a summary keep each objective. Rows that differ in their connections alone are one target: each of them
    /// that has what is limited is held to it, and it is enough that one has.
    #[must_use]
    pub fn hold<'r>(&self, rows: impl IntoIterator<Item = &'r TargetSummary>) -> Vec<Held> {
        let mut targets: Vec<Judged<Row>> = Vec::new();
        for summary in rows {
            let whole = Row { connection: None, ..summary.row.clone() };
            let at = targets.iter().position(|target| target.whole == whole).unwrap_or_else(|| {
                targets.push(Judged { whole, requests: 0, failures: 0, rows: Vec::new() });
                targets.len() - 1
            });
            let judged = &mut targets[at];
            judged.requests += summary.requests;
            judged.failures += summary.failures;
            judged.rows.push((summary.row.clone(), Measured::Many(summary.phases.clone())));
        }
        targets.iter().flat_map(|judged| self.judge(judged)).map(Held::new).collect()
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
        let failures = requests - rows.len() as u64;
        let judged = Judged { whole: first.label().to_owned(), requests, failures, rows };
        self.judge(&judged).filter_map(|(label, objective, reading)| Miss::of(label, objective, reading)).collect()
    }

    /// Each objective with what was read for it.
    fn judge<'j, K: Clone>(&'j self, judged: &'j Judged<K>) -> impl Iterator<Item = (K, &'j Objective, Reading)> {
        self.0.iter().flat_map(|objective| {
            objective.judge(judged).into_iter().map(move |(of, reading)| (of, objective, reading))
        })
    }
}

impl Objective {
    fn judge<K: Clone>(&self, judged: &Judged<K>) -> Vec<(K, Reading)> {
        let Judged { whole, requests, failures, rows } = judged;
        let (measure, statistic, bound) = match self.limit {
            Limit::Failures(most) => {
                let measured = (*requests > 0).then_some(*failures);
                let reading = Reading::Failures { bound: most.of(*requests), measured, requests: *requests };
                return vec![(whole.clone(), reading)];
            }
            Limit::Length { measure, statistic, most } => (measure, statistic, most),
        };
        let succeeded = *requests - *failures;
        let reading = |measured: Option<Measurement>| Reading::Length {
            phase: measure,
            statistic,
            bound,
            measured: measured.map(|measured| measured.length),
            is_maximum_of: measured.filter(|measured| measured.is_maximum).map(|measured| measured.of),
            requests: *requests,
            succeeded,
        };
        let values: Vec<(K, Reading)> = rows
            .iter()
            .filter(|_| succeeded > 0)
            .filter_map(|(of, measured)| Some((of.clone(), reading(Some(measured.value(measure, statistic)?)))))
            .collect();
        if values.is_empty() { vec![(whole.clone(), reading(None))] } else { values }
    }
}

/// What is held against a bound.
#[derive(Clone, Copy, Debug)]
struct Measurement {
    length: Nanos,
    /// Of so many lengths.
    of: u64,
    /// Whether it is the longest of them for want of more, though a percentile was asked for.
    is_maximum: bool,
}

#[cfg(test)]
mod tests;

//! From groups of traces to their summary.

use std::collections::BTreeMap;

use super::outlier::far_out;
use super::verdict::{adjusted, compare};
use super::{
    Counts, Difference, Group, Measure, NotCompared, Row, Sample, Settings, Summary, SummarySchema, TargetSummary,
    layers,
};
use crate::time::{Nanos, Realtime, Timestamp};
use crate::trace::Trace;

/// Fewer lengths have no interval.
pub(super) const LEAST: usize = 2;

/// What groups are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Nothing.
    Absent,
    /// The target of this name. Where several runs, vantages or kinds of connection occur, each row is compared with the
    /// baseline's row of the same ones.
    Target(String),
    /// The run of this name: each target is compared with itself there, at the same vantage and over the same kind of connection. Where
    /// both runs have just one target, under two names, these two are compared.
    Run(String),
}

/// Why there is no summary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SummariseError {
    /// Nothing is called so.
    #[error("expected the baseline to be one of {}, got {wanted}", known.join(", "))]
    UnknownBaseline {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// Summarises each group, compares each with its baseline, and says what layers cost by the difference of paths.
///
/// # Errors
/// If no group is the baseline.
pub fn summarise(groups: &[Group<'_>], baseline: &Baseline, settings: &Settings) -> Result<Summary, SummariseError> {
    baseline.check(groups)?;
    let measured: Vec<Measured<'_>> = groups.iter().map(Measured::of).collect();
    let mut summary = Summary {
        schema: SummarySchema::Summary1,
        interrupted: false,
        targets: measured.iter().map(Measured::summary).collect(),
        baseline: baseline.name().map(str::to_owned),
        same_within: baseline.name().map(|_| settings.same_within),
        differences: Vec::new(),
        not_compared: Vec::new(),
        unmatched: Vec::new(),
        layers: Vec::new(),
        layer_notes: Vec::new(),
        slo: Vec::new(),
    };
    for one in measured.iter().filter(|one| baseline.compares(one.row())) {
        match measured.iter().find(|other| baseline.is_of(one.row(), other.row(), groups)) {
            Some(against) => summary.add_differences(one, against, settings),
            None => summary.unmatched.push(one.row().clone()),
        }
    }
    (summary.layers, summary.layer_notes) = layers::by_difference(&measured, settings);
    Ok(summary)
}

impl Baseline {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Target(name) | Self::Run(name) => Some(name),
        }
    }

    fn check(&self, groups: &[Group<'_>]) -> Result<(), SummariseError> {
        let known: Vec<String> = match self {
            Self::Absent => return Ok(()),
            Self::Target(_) => {
                groups.iter().filter(|group| group.row.redirects == 0).map(|group| group.row.name.clone()).collect()
            }
            Self::Run(_) => groups.iter().filter_map(|group| group.row.run.clone()).collect(),
        };
        let wanted = self.name().unwrap_or_default();
        if known.iter().any(|name| name == wanted) {
            return Ok(());
        }
        let mut distinct: Vec<String> = Vec::new();
        for name in known {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        Err(SummariseError::UnknownBaseline { wanted: wanted.to_owned(), known: distinct })
    }

    /// Whether a row has a baseline at all. What a redirect led to is compared with nothing but itself in another run.
    fn compares(&self, row: &Row) -> bool {
        match self {
            Self::Absent => false,
            Self::Target(name) => row.redirects == 0 && row.name != *name,
            Self::Run(run) => row.run.as_ref() != Some(run),
        }
    }

    /// Whether `other` is what `row` is to be compared with.
    fn is_of(&self, row: &Row, other: &Row, groups: &[Group<'_>]) -> bool {
        match self {
            Self::Absent => false,
            Self::Target(name) => {
                let is_in_place = other.vantage == row.vantage && other.connection == row.connection;
                is_in_place && other.run == row.run && other.redirects == 0 && other.name == *name
            }
            Self::Run(run) => {
                let is_at_place =
                    other.vantage == row.vantage || is_only_place(row, groups) && is_only_place(other, groups);
                let is_in_place = is_at_place && other.connection == row.connection;
                let is_in_run = is_in_place && other.run.as_ref() == Some(run) && other.redirects == row.redirects;
                is_in_run && (other.name == row.name || is_only_name(row, groups) && is_only_name(other, groups))
            }
        }
    }
}

/// Whether a run has one target only.
fn is_only_name(row: &Row, groups: &[Group<'_>]) -> bool {
    let same_run = groups.iter().filter(|group| group.row.run == row.run && group.row.redirects == row.redirects);
    same_run.map(|group| &group.row.name).all(|name| *name == row.name)
}

/// Whether a run asked its target from one place only: then the run says which, and two runs from two places can be compared.
fn is_only_place(row: &Row, groups: &[Group<'_>]) -> bool {
    let same = groups.iter().filter(|group| group.row.run == row.run && group.row.name == row.name);
    same.map(|group| &group.row.vantage).all(|vantage| *vantage == row.vantage)
}

impl Summary {
    /// Compares two rows in every measure that both have.
    fn add_differences(&mut self, one: &Measured<'_>, against: &Measured<'_>, settings: &Settings) {
        let mut comparisons = Vec::new();
        for phase in Measure::all() {
            let (sample, other) = (one.samples.get(&phase), against.samples.get(&phase));
            let count = |sample: Option<&Sample>| sample.map_or(0, Sample::count);
            let counts = Counts { target: count(sample) as u64, baseline: count(other) as u64 };
            match (sample, other) {
                (None, None) => {}
                (Some(sample), Some(other)) if sample.count().min(other.count()) >= LEAST => {
                    comparisons.push((phase, counts, compare(sample, other, settings)));
                }
                _ => self.not_compared.push(NotCompared {
                    row: one.row().clone(),
                    against: against.row().clone(),
                    phase,
                    counts,
                }),
            }
        }
        let p_values: Vec<f64> = comparisons.iter().map(|(_, _, comparison)| comparison.p_value).collect();
        for ((phase, counts, comparison), p_adjusted) in comparisons.into_iter().zip(adjusted(&p_values)) {
            let finding = comparison.finding(p_adjusted, p_values.len(), settings);
            self.differences.push(Difference {
                row: one.row().clone(),
                against: against.row().clone(),
                phase,
                counts,
                lacking: Counts {
                    target: one.completed().count() as u64 - counts.target,
                    baseline: against.completed().count() as u64 - counts.baseline,
                },
                estimate: comparison.estimate(settings),
                p_adjusted,
                verdict: finding.verdict,
                within: finding.within,
                least: finding.least,
                more: finding.more,
            });
        }
    }
}

/// A group and the samples of its measures.
pub(super) struct Measured<'g> {
    pub(super) group: &'g Group<'g>,
    pub(super) samples: BTreeMap<Measure, Sample>,
}

impl<'g> Measured<'g> {
    /// A request that failed has phases, too, but the last of them ends with the failure, and the total with it.
    fn of(group: &'g Group<'g>) -> Self {
        let mut measured = Self { group, samples: BTreeMap::new() };
        measured.samples = Measure::all()
            .filter_map(|measure| {
                Some((measure, Sample::new(measured.completed().filter_map(|trace| measure.of(trace)))?))
            })
            .collect();
        measured
    }

    pub(super) fn row(&self) -> &'g Row {
        &self.group.row
    }

    fn completed(&self) -> impl Iterator<Item = &'g Trace> + use<'g> {
        self.group.traces.iter().copied().filter(|trace| trace.failure_name().is_none())
    }

    fn summary(&self) -> TargetSummary {
        let traces = &self.group.traces;
        let counted = |words: &mut dyn Iterator<Item = String>| {
            let mut counts = BTreeMap::new();
            for word in words {
                *counts.entry(word).or_insert(0) += 1;
            }
            counts
        };
        let failure_codes: BTreeMap<String, u64> =
            counted(&mut traces.iter().filter_map(|trace| Some(trace.failure_name()?.to_owned())));
        TargetSummary {
            row: self.row().clone(),
            tags: self.group.tags.clone(),
            path: self.group.path.clone(),
            requests: traces.len() as u64,
            wanted: None,
            failures: failure_codes.values().sum(),
            failure_codes,
            throughput_rps: self.throughput(),
            status: counted(
                // Also of responses that nobody expected: they are whole.
                &mut traces
                    .iter()
                    .filter(|trace| trace.failure().is_none())
                    .filter_map(|trace| Some(trace.response.as_ref()?.status.to_string())),
            ),
            phases: self.samples.iter().map(|(measure, sample)| (*measure, sample.stats())).collect(),
            outliers: self
                .samples
                .iter()
                .flat_map(|(measure, sample)| far_out(*measure, sample, self.completed()))
                .collect(),
        }
    }

    /// Completed requests in a second, from the start of the first request (which may have failed) to the end of the last.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
    fn throughput(&self) -> Option<f64> {
        let first = self.group.traces.iter().map(|trace| trace.started_at).min()?;
        let end = |trace: &&Trace| -> Timestamp<Realtime> { trace.started_at + trace.total() };
        let last = self.group.traces.iter().map(end).max()?;
        let (completed, span) = (self.completed().count(), last.since(first));
        (completed >= 2 && span > Nanos::ZERO).then(|| (completed as f64 / span.as_secs_f64() * 1e6).round() / 1e6)
    }
}

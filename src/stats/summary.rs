//! The summary of many traces: the contract `wirefall/summary/1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Confidence, Connection, Held, LayerDifference, LayerNote, Measure, SignedNanos, Stats, Tolerance, Wanted};
use crate::target::LayerPath;
use crate::time::Nanos;
use crate::trace::TraceId;

/// Many traces as numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this form.
    pub schema: SummarySchema,
    /// Whether the run was ended before all its requests were made; [`TargetSummary::wanted`] says how many those were.
    #[serde(default, skip_serializing_if = "is_false")]
    pub interrupted: bool,
    /// A row for each group of traces.
    pub targets: Vec<TargetSummary>,
    /// The target, or the run, that the others are compared with; `None` where nothing is compared.
    pub baseline: Option<String>,
    /// How large a difference may be that is the same still: `spread`, `5%`, `2000000ns`; `None` where nothing is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_within: Option<Tolerance>,
    /// Each measure of each row against that of its baseline.
    pub differences: Vec<Difference>,
    /// Measures that only one of two rows has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
    /// Rows that have no baseline, because it was not measured at their vantage, in their run, or over their kind of connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<Row>,
    /// What each layer costs, by the difference of two paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerDifference>,
    /// Layers whose cost the paths do not tell, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layer_notes: Vec<LayerNote>,
    /// Each objective held against each row that has what it limits; none where there are no objectives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slo: Vec<Held>,
}

impl Summary {
    /// Marks it as that of a run that was ended early, and each target with the requests that were wanted.
    pub fn interrupt(&mut self, wanted: &[Wanted]) {
        self.interrupted = true;
        for row in self.targets.iter_mut().filter(|target| target.row.redirects == 0) {
            row.wanted = wanted.iter().find(|target| target.name == row.row.name).map(|target| target.requests);
        }
    }

    /// How far an interrupted run came; `None` where it was not interrupted.
    #[must_use]
    pub fn interruption(&self) -> Option<Interruption> {
        if !self.interrupted {
            return None;
        }
        let mut reached = Interruption { made: 0, wanted: 0 };
        let mut counted: Vec<&str> = Vec::new();
        for target in self.targets.iter().filter(|target| target.row.redirects == 0) {
            reached.made += target.requests;
            // Rows over new and over kept connections are of one target.
            if !counted.contains(&target.row.name.as_str()) {
                reached.wanted = reached.wanted.saturating_add(target.wanted.unwrap_or(target.requests));
                counted.push(&target.row.name);
            }
        }
        Some(reached)
    }
}

/// How far a run came that its user ended. What a redirect led to is not counted: it was part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// Requests that ended, well or not.
    pub made: u64,
    /// Requests that were to be made.
    pub wanted: u64,
}

/// The one version of the JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SummarySchema {
    /// `wirefall/summary/1`.
    #[serde(rename = "wirefall/summary/1")]
    Summary1,
}

/// Which group of traces: what tells one row of a summary from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The target's name, or else its URL.
    pub name: String,
    /// The run, where several are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Where it was measured from, where that was more than one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// Over which kind of connection, where the target was asked over both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// How many redirects led to these requests.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(redirects: &u32) -> bool {
    *redirects == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(interrupted: &bool) -> bool {
    !*interrupted
}

impl Row {
    /// The name with what else tells the row apart: `elb`, `elb @ berlin`, `elb (warm)`, `elb [new.jsonl]`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = self.name.clone();
        if let Some(run) = &self.run {
            _ = write!(label, " [{run}]");
        }
        if let Some(vantage) = &self.vantage {
            _ = write!(label, " @ {vantage}");
        }
        if let Some(connection) = self.connection {
            _ = write!(label, " ({})", connection.as_str());
        }
        label
    }
}

/// One group of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSummary {
    /// Which.
    #[serde(flatten)]
    pub row: Row,
    /// The tags that all traces carry.
    pub tags: BTreeMap<String, String>,
    /// The layers that its requests pass, where its user named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<LayerPath>,
    /// How many requests were made; none is possible where the run was interrupted.
    pub requests: u64,
    /// How many requests to the target were wanted, over all kinds of connection, where the run was interrupted; `None` where it
    /// was not, and of what redirects led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// How many of them failed: all that did not get a whole response.
    pub failures: u64,
    /// The failures by their code.
    pub failure_codes: BTreeMap<String, u64>,
    /// Completed requests in a second, from the start of the first request to the end of the last; `None` below two.
    pub throughput_rps: Option<f64>,
    /// The whole responses by their status.
    pub status: BTreeMap<String, u64>,
    /// The lengths of the completed requests; a measure that none of them has is absent.
    pub phases: BTreeMap<Measure, Stats>,
    /// Lengths that lie far out. They are counted in above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outliers: Vec<Outlier>,
}

/// A length that lies far from most others of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlier {
    /// Which measure.
    pub phase: Measure,
    /// On which side of the others.
    pub side: OutlierSide,
    /// How long.
    #[serde(rename = "duration_ns")]
    pub duration: Nanos,
    /// Which trace.
    pub trace_id: TraceId,
}

/// On which side of the others a length lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlierSide {
    /// Shorter.
    Low,
    /// Longer.
    High,
}

/// A measure of a row against that of its baseline: positive where the row takes longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The row that is compared.
    #[serde(flatten)]
    pub row: Row,
    /// What it is compared with.
    pub against: Row,
    /// Which measure.
    pub phase: Measure,
    /// How many lengths were compared.
    pub counts: Counts,
    /// How many completed requests lacked the measure, and took no part.
    pub lacking: Counts,
    /// By how much the medians differ, and how sure that is.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The same, adjusted for all measures that these two rows were compared in.
    pub p_adjusted: f64,
    /// What follows.
    pub verdict: Verdict,
    /// With [`Verdict::Same`]: no difference beyond this fits the interval.
    #[serde(rename = "within_ns", default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Nanos>,
    /// With [`Verdict::Unclear`], where the smaller of the two samples has fewer than any verdict takes: how many that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// With [`Verdict::Unclear`]: how many more requests of each of the two a verdict would need, roughly, if the medians stay where
    /// they are; `None` where no number of requests would help, and where there are too few to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
}

/// A difference of two medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The difference of the medians.
    #[serde(rename = "median_ns")]
    pub median: SignedNanos,
    /// The lower end of its interval.
    #[serde(rename = "low_ns")]
    pub low: SignedNanos,
    /// The upper end of its interval.
    #[serde(rename = "high_ns")]
    pub high: SignedNanos,
    /// How often such an interval holds the true difference.
    pub confidence: Confidence,
    /// How often two samples of one distribution would differ as much in their ranks (Mann and Whitney, two-sided).
    pub p_value: f64,
}

impl Estimate {
    /// Whether two intervals have no difference in common.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.low > other.high || other.low > self.high
    }
}

/// A count for each of two rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of the row that is compared.
    pub target: u64,
    /// Of its baseline.
    pub baseline: u64,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The row takes longer than its baseline.
    Slower,
    /// The row takes less time than its baseline.
    Faster,
    /// No difference is shown, and none beyond [`Difference::within`] fits the interval.
    Same,
    /// Neither can be said yet.
    Unclear,
}

impl Verdict {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Unclear => "unclear",
        }
    }
}

/// A measure that only one of two rows has, or has only once: on reused connections there is no `connect`, for IP literals no `dns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// The row that would be compared.
    #[serde(flatten)]
    pub row: Row,
    /// With what.
    pub against: Row,
    /// Which measure.
    pub phase: Measure,
    /// How many lengths each has: one of them none, or one.
    pub counts: Counts,
}

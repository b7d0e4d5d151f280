//! What became of objectives: kept or missed, and by how much.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Objective, Statistic};
use crate::stats::{Measure, Row};
use crate::time::Nanos;

/// An objective held against the requests of a row, or against all requests of a target where it speaks of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose requests.
    #[serde(flatten)]
    pub row: Row,
    /// What they were held to.
    pub objective: Objective,
    /// What was measured.
    #[serde(flatten)]
    pub reading: Reading,
    /// Whether the objective is met; `None` where that is unknown, which counts as missed.
    pub met: Option<bool>,
}

/// What was measured, beside the most that it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading {
    /// A length.
    Length {
        /// Of what.
        phase: Measure,
        /// What of many; all the same of a single one.
        statistic: Statistic,
        /// How long it may be.
        #[serde(rename = "bound_ns")]
        bound: Nanos,
        /// How long it is; `None` where no request that succeeded has it.
        #[serde(rename = "measured_ns")]
        measured: Option<Nanos>,
        /// A percentile above the median that is the longest of just so many lengths, because they are too few for it; `None` where
        /// they are enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is_maximum_of: Option<u64>,
        /// How many requests were made.
        requests: u64,
        /// How many of them succeeded.
        succeeded: u64,
    },
    /// A number of requests that failed.
    Failures {
        /// How many may fail.
        #[serde(rename = "bound_failures")]
        bound: u64,
        /// How many did; `None` where there were no requests.
        #[serde(rename = "measured_failures")]
        measured: Option<u64>,
        /// How many requests were made.
        requests: u64,
    },
}

impl Reading {
    /// Why it does not meet its objective; `None` where it does.
    #[must_use]
    pub fn shortfall(&self) -> Option<Shortfall> {
        match *self {
            Self::Length { bound, measured: Some(took), .. } => {
                (took > bound).then_some(Shortfall::TooLong { took, most: bound })
            }
            Self::Length { measured: None, requests, succeeded: 0, .. }
            | Self::Failures { measured: None, requests, .. } => Some(Shortfall::NoneSucceeded { requests }),
            Self::Length { measured: None, phase, .. } => Some(Shortfall::NeverHappened { measure: phase }),
            Self::Failures { bound, measured: Some(failures), requests } => {
                (failures > bound).then_some(Shortfall::TooManyFailed { failures, requests })
            }
        }
    }

    /// Whether it meets its objective; `None` where that is unknown.
    fn met(&self) -> Option<bool> {
        match self.shortfall() {
            None => Some(true),
            Some(Shortfall::TooLong { .. } | Shortfall::TooManyFailed { .. }) => Some(false),
            Some(Shortfall::NeverHappened { .. } | Shortfall::NoneSucceeded { .. }) => None,
        }
    }
}

impl Held {
    pub(super) fn new((row, objective, reading): (Row, &Objective, Reading)) -> Self {
        Self { row, objective: objective.clone(), reading, met: reading.met() }
    }

    /// The miss, if it is one.
    #[must_use]
    pub fn miss(&self) -> Option<Miss> {
        Miss::of(self.row.label(), &self.objective, self.reading)
    }
}

impl Miss {
    pub(super) fn of(label: String, objective: &Objective, reading: Reading) -> Option<Self> {
        Some(Self { objective: objective.clone(), label, shortfall: reading.shortfall()? })
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

//! Evidence that names this request and cannot belong to it.

use serde::{Deserialize, Serialize};

use super::{Layer, LayerEvidence};
use crate::time::Nanos;

/// Evidence that was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Who says it.
    pub evidence: LayerEvidence,
    /// The layer it speaks of; absent where all that it says is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Where it stands: `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why it was not used.
    #[serde(flatten)]
    pub because: RejectedBecause,
}

/// Why evidence was not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum RejectedBecause {
    /// It is longer than the wait by more than its last digit: it is of another request.
    LongerThanWait {
        /// What it says.
        #[serde(rename = "duration_ns")]
        duration: Nanos,
        /// The wait.
        #[serde(rename = "wait_ns")]
        wait: Nanos,
    },
    /// It is longer than the layer around it by more than both last digits.
    LongerThanOuter {
        /// What it says.
        #[serde(rename = "duration_ns")]
        duration: Nanos,
        /// The layer around it.
        outer: Layer,
        /// What is left of that layer's time.
        #[serde(rename = "outer_ns")]
        outer_duration: Nanos,
    },
    /// It is shorter than a layer inside it, of which better evidence speaks.
    ShorterThanInner {
        /// What it says.
        #[serde(rename = "duration_ns")]
        duration: Nanos,
        /// The layer inside it.
        inner: Layer,
        /// That layer's time.
        #[serde(rename = "inner_ns")]
        inner_duration: Nanos,
    },
    /// It is of another time.
    WrongTime {
        /// How far its stamp is from the request's.
        #[serde(rename = "away_ns")]
        away: Nanos,
    },
    /// It fits more than one request, or more than one record of this kind fits this request.
    Ambiguous {
        /// How many there are to choose from.
        candidates: u64,
    },
    /// It says something of the request that is not so.
    OtherRequest {
        /// What differs: `method`, `status`.
        what: String,
        /// What it says.
        theirs: String,
        /// What the trace says.
        ours: String,
    },
    /// A layer asked more than once; this is not what the answer came from.
    EarlierAttempt {
        /// How many there were.
        attempts: u64,
    },
    /// It covers the whole of a streamed response, not the time until its first byte.
    Streamed,
}

impl RejectedBecause {
    /// The word used in JSON and in summaries.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LongerThanWait { .. } => "longer_than_wait",
            Self::LongerThanOuter { .. } => "longer_than_outer",
            Self::ShorterThanInner { .. } => "shorter_than_inner",
            Self::WrongTime { .. } => "wrong_time",
            Self::Ambiguous { .. } => "ambiguous",
            Self::OtherRequest { .. } => "other_request",
            Self::EarlierAttempt { .. } => "earlier_attempt",
            Self::Streamed => "streamed",
        }
    }
}

impl std::fmt::Display for RejectedBecause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LongerThanWait { duration, wait } => write!(f, "{duration} is longer than the wait of {wait}"),
            Self::LongerThanOuter { duration, outer, outer_duration } => {
                write!(f, "{duration} is longer than the {outer_duration} of {outer} around it")
            }
            Self::ShorterThanInner { duration, inner, inner_duration } => {
                write!(f, "{duration} is shorter than the {inner_duration} of {inner} inside it")
            }
            Self::WrongTime { away } => write!(f, "it is {away} away from the request"),
            Self::Ambiguous { candidates } => write!(f, "{candidates} fit equally well"),
            Self::OtherRequest { what, theirs, ours } => write!(f, "its {what} is {theirs}, the request's {ours}"),
            Self::EarlierAttempt { attempts } => write!(f, "it is one of {attempts} attempts, and not the last"),
            Self::Streamed => f.write_str("it covers the whole of a streamed response"),
        }
    }
}

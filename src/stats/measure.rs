//! What is compared: a phase, or the whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Nanos;
use crate::trace::{Phase, Trace};

/// A length that every trace of a target may have. Ordered as on the wire, the total last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Measure {
    /// The length of one phase.
    Phase(Phase),
    /// The sum of all phases.
    Total,
}

impl Measure {
    /// All measures in their order.
    #[must_use = "an iterator does nothing by itself"]
    pub fn all() -> impl Iterator<Item = Self> {
        Phase::ALL.into_iter().map(Self::Phase).chain([Self::Total])
    }

    /// The word used in JSON and on the terminal: the phase's, or `total`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phase(phase) => phase.as_str(),
            Self::Total => "total",
        }
    }

    /// The length in this trace; `None` where the phase did not happen, or nothing did.
    #[must_use]
    pub fn of(self, trace: &Trace) -> Option<Nanos> {
        match self {
            Self::Phase(phase) => trace.span(phase).map(|span| span.duration),
            Self::Total => (trace.timeline.spans().len() > 0).then(|| trace.total()),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word is none of a measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a phase or \"total\", got {0:?}")]
pub struct MeasureError(String);

impl FromStr for Measure {
    type Err = MeasureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().find(|measure| measure.as_str() == text).ok_or_else(|| MeasureError(text.to_owned()))
    }
}

impl TryFrom<String> for Measure {
    type Error = MeasureError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Measure> for String {
    fn from(measure: Measure) -> Self {
        measure.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_stand_in_wire_order() {
        let all: Vec<Measure> = Measure::all().collect();
        assert!(all.is_sorted() && all.ends_with(&[Measure::Phase(Phase::Receive), Measure::Total]));
        for measure in all {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        assert_eq!("ttfb".parse::<Measure>().unwrap_err().to_string(), "expected a phase or \"total\", got \"ttfb\"");
    }
}

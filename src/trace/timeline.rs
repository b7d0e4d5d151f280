//! The phases of a request: contiguous, disjoint, and summing to the total by construction.
//!
//! Boundaries are stored, lengths derived. A phase that did not happen is absent.

use serde::{Deserialize, Serialize};

use crate::event::{Evidence, Mark, Phase};
use crate::time::{Monotonic, Nanos, Timestamp};

/// One phase that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Which phase.
    pub phase: Phase,
    /// Its start, from the trace's start.
    #[serde(rename = "start_ns")]
    pub start: Nanos,
    /// Its length.
    #[serde(rename = "duration_ns")]
    pub duration: Nanos,
    /// The weaker witness of its two boundaries; for the first phase that of its end.
    pub evidence: Evidence,
    /// How far the length may be off, either way: the error bounds of both boundaries together.
    #[serde(rename = "error_ns")]
    pub error: Nanos,
}

impl Span {
    /// Its end, from the trace's start.
    #[must_use]
    pub fn end(&self) -> Nanos {
        self.start + self.duration
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Boundary {
    phase: Phase,
    end: Nanos,
    evidence: Evidence,
    error: Nanos,
}

/// The boundaries of one request's phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Timeline {
    boundaries: Vec<Boundary>,
}

impl Timeline {
    /// From the start and the ends of the phases that happened, which must be in wire order ([`Phase`] is ordered) and each
    /// at most once; others are ignored. An end that lies before its predecessor (witnesses of different clocks may
    /// contradict each other by their errors) is moved up to it, and the move is added to its error.
    pub(super) fn new(start: Mark, ends: impl IntoIterator<Item = (Phase, Mark)>) -> Self {
        let mut boundaries: Vec<Boundary> = Vec::with_capacity(Phase::ALL.len());
        // The start is this program's own act, for which its own clock is witness enough.
        let mut earlier_evidence = Evidence::Wire;
        let (mut earlier, mut earlier_error) = (start.at, start.error);
        let mut last: Option<Phase> = None;
        for (phase, mark) in ends {
            if last >= Some(phase) {
                continue;
            }
            let at: Timestamp<Monotonic> = mark.at.max(earlier);
            let own_error = mark.error + at.since(mark.at);
            boundaries.push(Boundary {
                phase,
                end: at.since(start.at),
                evidence: mark.source.min(earlier_evidence),
                error: own_error + earlier_error,
            });
            (earlier, earlier_error, earlier_evidence) = (at, own_error, mark.source);
            last = Some(phase);
        }
        Self { boundaries }
    }

    /// The phases that happened, in wire order; each starts where the one before it ended.
    #[must_use = "the phases are computed here and nowhere else"]
    pub fn spans(&self) -> impl DoubleEndedIterator<Item = Span> + ExactSizeIterator + '_ {
        self.boundaries.iter().enumerate().map(|(index, boundary)| {
            let start = index.checked_sub(1).map_or(Nanos::ZERO, |before| self.boundaries[before].end);
            Span {
                phase: boundary.phase,
                start,
                duration: boundary.end.saturating_sub(start),
                evidence: boundary.evidence,
                error: boundary.error,
            }
        })
    }

    /// The phase, if it happened.
    #[must_use]
    pub fn span(&self, phase: Phase) -> Option<Span> {
        self.spans().find(|span| span.phase == phase)
    }

    /// The end of the last phase, which is the sum of all.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.boundaries.last().map_or(Nanos::ZERO, |boundary| boundary.end)
    }
}

/// The form in JSON.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "total_ns")]
    total: Nanos,
    phases: Vec<Span>,
}

impl From<Timeline> for Written {
    fn from(timeline: Timeline) -> Self {
        Self { total: timeline.total(), phases: timeline.spans().collect() }
    }
}

/// Phases read from a file are not a timeline.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// A phase does not start where the one before it ended.
    #[error("phase {phase} starts at {start} ns, expected {expected} ns: phases are contiguous")]
    Gap {
        /// The phase at fault.
        phase: Phase,
        /// Where it starts.
        start: u64,
        /// Where the phase before it ended.
        expected: u64,
    },
    /// Phases are in another order than on the wire, or one stands twice.
    #[error("phase {0} is out of order or stands twice")]
    Order(Phase),
    /// The phases do not sum to the total.
    #[error("total_ns is {total}, expected {sum}: the sum of the phases")]
    Total {
        /// The total as written.
        total: u64,
        /// The sum of the phases.
        sum: u64,
    },
}

impl TryFrom<Written> for Timeline {
    type Error = TimelineError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut boundaries: Vec<Boundary> = Vec::with_capacity(written.phases.len());
        let mut expected = Nanos::ZERO;
        for span in written.phases {
            if boundaries.last().is_some_and(|before| before.phase >= span.phase) {
                return Err(TimelineError::Order(span.phase));
            }
            if span.start != expected {
                return Err(TimelineError::Gap {
                    phase: span.phase,
                    start: span.start.get(),
                    expected: expected.get(),
                });
            }
            expected = span.end();
            boundaries.push(Boundary { phase: span.phase, end: expected, evidence: span.evidence, error: span.error });
        }
        if written.total != expected {
            return Err(TimelineError::Total { total: written.total.get(), sum: expected.get() });
        }
        Ok(Self { boundaries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: u64, error: u64, source: Evidence) -> Mark {
        Mark { at: Timestamp::from_nanos(at), error: Nanos::new(error), source }
    }

    fn timeline() -> Timeline {
        Timeline::new(
            mark(100, 1, Evidence::User),
            [
                (Phase::Dns, mark(150, 2, Evidence::Kernel)),
                (Phase::Connect, mark(140, 3, Evidence::Kernel)),
                (Phase::Wait, mark(400, 4, Evidence::Wire)),
            ],
        )
    }

    #[test]
    fn a_contradiction_between_witnesses_becomes_an_error_bound() {
        let spans: Vec<Span> = timeline().spans().collect();
        let expect = [
            (Phase::Dns, 0, 50, Evidence::Kernel, 3),
            (Phase::Connect, 50, 0, Evidence::Kernel, 15),
            (Phase::Wait, 50, 250, Evidence::Kernel, 17),
        ];
        for (span, (phase, start, duration, evidence, error)) in spans.iter().zip(expect) {
            let expect = Span {
                phase,
                start: Nanos::new(start),
                duration: Nanos::new(duration),
                evidence,
                error: Nanos::new(error),
            };
            assert_eq!(*span, expect);
        }
        assert_eq!(timeline().total(), Nanos::new(300));
    }

    #[test]
    fn what_is_written_can_be_read_and_what_does_not_add_up_cannot() {
        let text = serde_json::to_string(&timeline()).unwrap();
        assert_eq!(serde_json::from_str::<Timeline>(&text).unwrap(), timeline());
        for (from, to, expect) in [
            ("\"total_ns\":300", "\"total_ns\":301", "the sum of the phases"),
            ("\"start_ns\":50", "\"start_ns\":51", "phases are contiguous"),
            ("\"wait\"", "\"dns\"", "out of order"),
        ] {
            let error = serde_json::from_str::<Timeline>(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }
}

//! Traces and records in, traces with their wait by layers out; and how many had which evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Record, Where};
use super::statement::Statement;
use super::unsplit::{self, Unsplit, UnsplitBecause};
use super::{claims, headers, join, nest, passed, stated};
use crate::trace::{LayerEvidence, Rejected, Trace};

/// How many requests had which evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests in all.
    pub requests: u64,
    /// Those whose wait was split.
    pub split: u64,
    /// Those that ended before a response began: they have no wait to split.
    pub without_wait: u64,
    /// The others whose wait was not split, target by target in the order of the traces.
    pub unsplit: Vec<Unsplit>,
    /// Requests for which something of this witness counted.
    pub with: BTreeMap<LayerEvidence, u64>,
    /// Records that were refused, by why, each with the number of requests that they were refused for.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Inputs, by their numbers, of which some record was some request's, refused or not.
    pub files: BTreeSet<usize>,
    /// Records of which none was any request's.
    pub unmatched: u64,
}

/// Fills in what the response alone gives away: the layers passed, and those whose lengths it states.
pub fn from_response(trace: &mut Trace) {
    trace.passed = passed(trace);
    split(trace, stated::statements(trace));
}

/// Fills in the layers of all traces from these records, in place of what was there. `place` names where a record stands.
pub fn attribute(traces: &mut [Trace], records: &[Record], place: impl Fn(Where) -> String) -> Tally {
    let found = join::join(traces, records);
    let mut tally = Tally { requests: traces.len() as u64, ..Tally::default() };
    let mut used = BTreeSet::new();
    for (trace, found) in traces.iter_mut().zip(found) {
        trace.passed = passed(trace);
        let mut statements = stated::statements(trace);
        trace.phase_witnesses.clear();
        for joined in &found.matches {
            let record = &records[joined.record];
            let at = place(record.at);
            statements.extend(claims::statements(record, joined.record, &at, joined.joined));
            trace.phase_witnesses.extend(claims::phase_witnesses(record, &at));
        }
        used.extend(
            found.matches.iter().map(|found| found.record).chain(found.refused.iter().map(|refused| refused.0)),
        );
        let refused = found.refused.into_iter().map(|(record, because)| Rejected {
            evidence: claims::evidence(records[record].source),
            layer: None,
            at: Some(place(records[record].at)),
            because,
        });
        let refused: Vec<Rejected> = refused.collect();
        split(trace, statements);
        trace.rejected.splice(0..0, refused);
        tally.count(trace);
        let sources = found.matches.iter().map(|found| records[found.record].source).collect();
        if let Some(because) = UnsplitBecause::of(trace, sources) {
            unsplit::count(&mut tally.unsplit, trace.label(), because);
        }
    }
    tally.files = used.iter().map(|record| records[*record].at.file).collect();
    tally.unmatched = (records.len() - used.len()) as u64;
    tally
}

fn split(trace: &mut Trace, statements: Vec<Statement>) {
    let answered = trace.response.as_ref().and_then(headers::answered_by);
    let nested = nest::nest(trace, statements, answered.as_ref());
    (trace.layers, trace.rejected) = (nested.layers, nested.rejected);
}

impl Tally {
    fn count(&mut self, trace: &Trace) {
        self.split += u64::from(!trace.layers.is_empty());
        self.without_wait += u64::from(trace.response.is_none());
        let of_layers = trace.layers.iter().flat_map(|share| &share.witnesses).map(|witness| witness.evidence);
        let of_phases = trace.phase_witnesses.iter().map(|other| other.witness.evidence);
        let evidence: BTreeSet<LayerEvidence> = of_layers.chain(of_phases).collect();
        for witness in evidence {
            *self.with.entry(witness).or_default() += 1;
        }
        for rejected in &trace.rejected {
            *self.rejected.entry(rejected.because.as_str()).or_default() += 1;
        }
    }
}

//! Which requests' waits were not split, target by target, and why.
//!
//! Only what joining and nesting know: that no record is of the request, that none of its records counts, or that they say
//! nothing of the wait. Invariant: a request without a response is none of these, because it has no wait to split.

use std::collections::BTreeSet;
use std::fmt;

use super::record::Source;
use crate::trace::Trace;

/// Requests of one target whose waits were not split for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsplit {
    /// The target's label.
    pub target: String,
    /// Why not.
    pub because: UnsplitBecause,
    /// How many requests.
    pub requests: u64,
}

/// Why a wait was not split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnsplitBecause {
    /// No log that was read has a record of the request, and its response states no length.
    NoRecord,
    /// What speaks of it was refused; the trace says why.
    Refused,
    /// Its records say nothing that the wait could be split by.
    NoLength(BTreeSet<Source>),
}

impl fmt::Display for UnsplitBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("no log speaks of it"),
            Self::Refused => f.write_str("what speaks of it is not used"),
            Self::NoLength(sources) => {
                for (index, source) in sources.iter().enumerate() {
                    write!(f, "{}{source}", if index == 0 { "" } else { ", " })?;
                }
                let only_connections = sources.iter().all(|source| source.knows_connections_only());
                f.write_str(if only_connections { ": no time of the wait" } else { ": nothing to split the wait by" })
            }
        }
    }
}

impl UnsplitBecause {
    /// Why this trace, which these sources' records are of, has no layers; `None` where it has, or has no wait.
    pub(super) fn of(trace: &Trace, sources: BTreeSet<Source>) -> Option<Self> {
        if trace.response.is_none() || !trace.layers.is_empty() {
            return None;
        }
        Some(match (trace.rejected.is_empty(), sources.is_empty()) {
            (false, _) => Self::Refused,
            (true, true) => Self::NoRecord,
            (true, false) => Self::NoLength(sources),
        })
    }
}

/// Counts one more request.
pub(super) fn count(unsplit: &mut Vec<Unsplit>, target: &str, because: UnsplitBecause) {
    match unsplit.iter_mut().find(|known| known.target == target && known.because == because) {
        Some(known) => known.requests += 1,
        None => unsplit.push(Unsplit { target: target.to_owned(), because, requests: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::specimens::trace;

    #[test]
    fn a_wait_that_was_not_split_has_its_reason() {
        let with = |more: serde_json::Value| trace("https://a/", 1_000, 9_000, &more);
        let without = || with(json!({}));
        let rejected = json!([{"evidence": "alb log", "because": "ambiguous", "candidates": 2}]);
        let layers = json!([{"layer": "elb", "duration_ns": 10_000, "evidence": "alb log", "estimated": false}]);
        let nlb = || BTreeSet::from([Source::NlbTls]);
        let cases = [
            (without(), BTreeSet::new(), Some("no log speaks of it")),
            (without(), nlb(), Some("nlb tls log: no time of the wait")),
            (
                without(),
                BTreeSet::from([Source::NlbTls, Source::AlbConnection]),
                Some("alb connection log, nlb tls log: no time of the wait"),
            ),
            (
                without(),
                BTreeSet::from([Source::NlbTls, Source::ApiGateway]),
                Some("nlb tls log, apig log: nothing to split the wait by"),
            ),
            (with(json!({"rejected": rejected})), nlb(), Some("what speaks of it is not used")),
            (with(json!({"layers": layers, "rejected": rejected})), nlb(), None),
            (with(json!({"response": null})), nlb(), None),
        ];
        let mut unsplit = Vec::new();
        for (trace, sources, expect) in cases {
            let because = UnsplitBecause::of(&trace, sources);
            assert_eq!(because.as_ref().map(ToString::to_string).as_deref(), expect);
            let Some(because) = because else { continue };
            count(&mut unsplit, "a", because.clone());
            count(&mut unsplit, "a", because);
        }
        assert_eq!(unsplit.iter().map(|unsplit| unsplit.requests).collect::<Vec<_>>(), [2; 5]);
    }
}

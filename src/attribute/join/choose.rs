//! Of the records that name one request, those that have its answer.

use std::cmp::Reverse;

use super::{Found, Match};
use crate::attribute::record::{Key, Part, Record, Source};
use crate::attribute::statement::Joined;
use crate::attribute::wanted::keys_of;
use crate::trace::Trace;
use crate::trace::layers::RejectedBecause;

pub(super) fn choose(trace: &Trace, records: &[Record], mut found: Found) -> Found {
    collapse(&mut found.matches, records);
    prefer_ids(&mut found, records);
    last_attempts(&mut found, records);
    right_invocation(trace, &mut found, records);
    found.matches.sort_by_key(|found| found.record);
    found
}

/// Logs are delivered at least once: the same record twice is one.
fn collapse(matches: &mut Vec<Match>, records: &[Record]) {
    let same = |one: &Record, other: &Record| {
        one.source == other.source
            && one.keys == other.keys
            && one.claims == other.claims
            && one.time == other.time
            && one.request == other.request
    };
    let mut kept: Vec<Match> = Vec::with_capacity(matches.len());
    for found in matches.drain(..) {
        if !kept.iter().any(|other| same(&records[other.record], &records[found.record])) {
            kept.push(found);
        }
    }
    *matches = kept;
}

/// What was found by address only is another request of the same connection, where one was found by its id; and two that were
/// found so are nobody's.
fn prefer_ids(found: &mut Found, records: &[Record]) {
    let source = |found: &Match| records[found.record].source;
    let all = found.matches.clone();
    found.matches.retain(|one| {
        one.joined == Joined::ById
            || !all.iter().any(|other| other.joined == Joined::ById && source(other) == source(one))
    });
    let weak: Vec<Match> = found.matches.iter().copied().filter(|one| one.joined == Joined::ByAddress).collect();
    for one in &weak {
        let candidates = weak.iter().filter(|other| source(other) == source(one)).count() as u64;
        if candidates > 1 {
            found.matches.retain(|other| other != one);
            found.refused.push((one.record, RejectedBecause::Ambiguous { candidates }));
        }
    }
}

/// A layer that asks again logs each attempt: by its own clock the last one was answered.
fn last_attempts(found: &mut Found, records: &[Record]) {
    let once = [
        Source::AlbAccess,
        Source::ClassicElb,
        Source::CloudFrontStandard,
        Source::CloudFrontRealtime,
        Source::ApiGateway,
    ];
    for source in once {
        let of_source = |found: &&Match| records[found.record].source == source;
        let mut same: Vec<Match> = found.matches.iter().copied().filter(|found| of_source(&found)).collect();
        same.sort_by_key(|found| Reverse(records[found.record].time.map(|time| time.at)));
        let by = |found: &Match| records[found.record].request.as_ref().and_then(|facts| facts.by.clone());
        let Some((last, earlier)) = same.split_first() else { continue };
        // Another balancer on the way is another layer.
        let earlier: Vec<&Match> = earlier.iter().filter(|found| by(found) == by(last)).collect();
        let attempts = earlier.len() as u64 + 1;
        for attempt in earlier {
            found.matches.retain(|other| other != attempt);
            found.refused.push((attempt.record, RejectedBecause::EarlierAttempt { attempts }));
        }
    }
}

/// One trace root may be several invocations': the authorizer's and the backend's, or each attempt's. Which one answered, the
/// gateway says, or the response.
fn right_invocation(trace: &Trace, found: &mut Found, records: &[Record]) {
    let id = |found: &Match| {
        let record = &records[found.record];
        record.keys.iter().find_map(|key| match key {
            Key::InvocationId(id) if is_of_lambda(record) => Some(id.clone()),
            _ => None,
        })
    };
    let mut ids: Vec<String> = found.matches.iter().filter_map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < 2 {
        return;
    }
    let of_gateway = found.matches.iter().map(|found| &records[found.record]);
    let of_gateway = of_gateway.filter(|record| record.source == Source::ApiGateway).flat_map(|record| &record.keys);
    let of_response = keys_of(trace);
    let known = of_gateway.chain(&of_response).find_map(|key| match key {
        Key::InvocationId(id) if ids.contains(id) => Some(id.clone()),
        _ => None,
    });
    for one in found.matches.clone() {
        let Some(theirs) = id(&one) else { continue };
        let because = match &known {
            Some(ours) if *ours == theirs => continue,
            Some(ours) => RejectedBecause::OtherRequest { what: "invocation".to_owned(), theirs, ours: ours.clone() },
            None => RejectedBecause::Ambiguous { candidates: ids.len() as u64 },
        };
        found.matches.retain(|other| *other != one);
        found.refused.push((one.record, because));
    }
}

fn is_of_lambda(record: &Record) -> bool {
    let parts =
        [Part::LambdaSegment, Part::LambdaFunction, Part::LambdaDuration, Part::LambdaInit, Part::LambdaPlacement];
    matches!(record.source, Source::LambdaText | Source::LambdaJson)
        || (record.source == Source::XRay && parts.iter().any(|part| record.claim(*part).is_some()))
}

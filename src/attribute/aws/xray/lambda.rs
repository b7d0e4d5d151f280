//! What X-Ray shows of a call of a function: the service's view, `AWS::Lambda`, with the function's, `AWS::Lambda::Function`,
//! put into it.
//!
//! ```text
//! AWS::Lambda            |---------------------------------------------------|
//!                        | placement | init | gap |       function     | tail |
//! Initialization                     |------|
//! AWS::Lambda::Function                           |--------------------|
//! ```
//! `Initialization` hangs below the function but lies before it. Nothing has to be inside of anything: an attempt in the
//! background can end long after its caller did, and a sandbox provisioned in advance was initialised whenever that was. Such
//! pieces are left out, never cut to fit.

use super::document::{self, Segment, resolution};
use crate::attribute::record::{Claim, Part, Record, Remark};
use crate::time::{Nanos, Realtime, Timestamp};

const INITIALISATION: &[&str] = &["Initialization", "Init"];
const RESTORE: &[&str] = &["Restore"];
/// How far an initialisation may seem to begin before its request did: the service's view is in milliseconds.
const NEAR: Nanos = Nanos::from_millis(1);
const ACCEPTED: u16 = 202;

/// The claims of a call: `service` is `AWS::Lambda`, `functions` are what runs below it, in the order of their starts.
pub(super) fn claims(record: &mut Record, service: Option<&Segment>, functions: &[&Segment]) {
    let mut claims = Claims(record);
    let function = functions.first().copied();
    if functions.len() > 1 {
        claims.0.remarks.push(Remark::Attempts(functions.len()));
    }
    let before = [service, function].into_iter().flatten();
    let preparation = before.clone().find_map(|segment| {
        segment
            .find(INITIALISATION)
            .map(|part| (Part::LambdaInit, part))
            .or_else(|| segment.find(RESTORE).map(|part| (Part::LambdaRestore, part)))
    });
    if let Some(service) = service {
        claims.whole(Part::LambdaSegment, service);
        if service.facts.status == Some(ACCEPTED) {
            claims.0.remarks.push(Remark::Asynchronous);
        }
        claims.0.remarks.extend(service.end.is_none().then_some(Remark::InProgress));
        if let Some(dwell) = service.find(&["Dwell Time"]) {
            claims.whole(Part::LambdaDwell, dwell);
        }
    }
    let arrival = service.map(|service| service.start);
    let ready = match preparation {
        Some((_, preparation)) if arrival.is_some_and(|arrival| preparation.start + NEAR < arrival) => {
            claims.0.remarks.push(Remark::InitialisedBefore);
            arrival
        }
        Some((part, preparation)) => {
            if let Some(arrival) = arrival {
                // Within the milliseconds of the service's view, it may seem to begin a little before.
                claims.between(Part::LambdaPlacement, arrival, preparation.start.max(arrival));
            }
            claims.whole(part, preparation);
            preparation.end
        }
        None => arrival,
    };
    let Some(function) = function else { return };
    if let Some(ready) = ready {
        claims.between(Part::LambdaGap, ready, function.start);
    }
    claims.whole(Part::LambdaFunction, function);
    for (part, name) in [(Part::LambdaInvocation, "Invocation"), (Part::LambdaOverhead, "Overhead")] {
        if let Some(inner) = function.parts.iter().find(|inner| inner.name == name) {
            claims.whole(part, inner);
        }
    }
    if let (Some(end), Some(all), [_]) = (function.end, service.and_then(|service| service.end), functions) {
        claims.between(Part::LambdaTail, end, all);
    }
}

struct Claims<'r>(&'r mut Record);

impl Claims<'_> {
    fn whole(&mut self, part: Part, segment: &Segment) {
        if let Some(end) = segment.end {
            self.between(part, segment.start, end);
        }
    }

    /// Nothing where `to` is before `from`.
    fn between(&mut self, part: Part, from: Timestamp<Realtime>, to: Timestamp<Realtime>) {
        let duration = document::between(from, to);
        let resolution = resolution(&[from, to]);
        self.0.claims.extend(duration.map(|duration| Claim { part, duration, resolution }));
    }
}

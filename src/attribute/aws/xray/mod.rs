//! Traces of AWS X-Ray, as `aws xray batch-get-traces` prints them and as people store them: documents as strings, as objects,
//! or bare segments; in arrays, one after the other or one a line; trace summaries among them say nothing here and are skipped.
//!
//! A trace's segments may be spread over a file or several, so they are gathered until all is read.
//!
//! Invariants: only segments of wanted traces stay in memory; segments that X-Ray inferred from a caller's view are skipped.
//!
//! Deliberately absent: calls of other services that a function or a service makes; they are inside its own time.

mod document;
mod lambda;

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::{Map, Value};

use super::stream::{self, Broken};
use crate::attribute::record::{Claim, Key, Moment, MomentOf, Part, Record, Remark, Source, Where};
use crate::time::Nanos;
use crate::trace::TraceId;
use document::{Inferred, OnEc2, Segment, resolution};

const CONTAINERS: &[&str] = &["Traces", "Segments", "TraceSummaries"];
const KEPT: &[&str] = &[
    "Document",
    "id",
    "trace_id",
    "parent_id",
    "name",
    "origin",
    "namespace",
    "start_time",
    "end_time",
    "inferred",
    "aws",
    "http",
    "metadata",
    "subsegments",
];
const STAGE: &str = "AWS::ApiGateway::Stage";
const LAMBDA: &str = "AWS::Lambda";
const FUNCTION: &str = "AWS::Lambda::Function";
/// Callers above one another that are followed; more, and the documents name each other in a circle.
const MOST_CALLERS: u32 = 64;

/// Gathers the segments of traces.
#[derive(Debug, Default)]
pub(super) struct Collector {
    traces: BTreeMap<TraceId, Vec<Segment>>,
    segments: u64,
}

impl Collector {
    /// How many segments there were, kept or not.
    pub(super) const fn segments(&self) -> u64 {
        self.segments
    }

    /// Reads a file, and keeps the segments of the traces that `keep` wants; how many documents there were.
    pub(super) fn read(
        &mut self,
        file: usize,
        input: impl BufRead,
        keep: &dyn Fn(TraceId) -> bool,
        broken: &mut dyn FnMut(Broken),
    ) -> u64 {
        stream::objects(
            input,
            CONTAINERS,
            KEPT,
            &mut |number, object| {
                let at = Where { file, line: number };
                let parsed = match object.get("Document") {
                    Some(Value::String(text)) => serde_json::from_str::<Map<String, Value>>(text)
                        .ok()
                        .and_then(|inner| Segment::parse(&inner, at)),
                    Some(Value::Object(inner)) => Segment::parse(inner, at),
                    _ => Segment::parse(&object, at),
                };
                self.segments += u64::from(parsed.is_some());
                if let Some((trace, segment)) = parsed.filter(|(trace, _)| keep(*trace)) {
                    self.put(trace, segment);
                }
            },
            broken,
        )
    }

    /// A segment may come again when it is over.
    fn put(&mut self, trace: TraceId, segment: Segment) {
        if segment.inferred == Inferred::Yes {
            return;
        }
        let segments = self.traces.entry(trace).or_default();
        match segments.iter_mut().find(|known| known.id == segment.id) {
            Some(known) if known.end.is_none() || segment.end.is_some() => *known = segment,
            Some(_) => {}
            None => segments.push(segment),
        }
    }

    /// For each trace a record of each of its stages, calls of functions and services, the first called first.
    pub(super) fn records(&self) -> impl Iterator<Item = Vec<Record>> {
        self.traces.iter().map(|(trace, segments)| Tree::of(*trace, segments).records())
    }
}

/// The segments of one trace, and who called whom.
struct Tree<'s> {
    trace: TraceId,
    segments: &'s [Segment],
    /// Which segment holds a (sub)segment of this id, and that subsegment.
    holders: BTreeMap<&'s str, (&'s Segment, &'s Segment)>,
}

impl<'s> Tree<'s> {
    fn of(trace: TraceId, segments: &'s [Segment]) -> Self {
        let inner = segments.iter().flat_map(|holder| holder.walk().into_iter().map(move |part| (holder, part)));
        let holders = inner.map(|(holder, part)| (part.id.as_str(), (holder, part))).collect();
        Self { trace, segments, holders }
    }

    fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.segments.iter().filter_map(|segment| self.record(segment)).collect();
        records.sort_by_key(|record| (record.depth, record.time.map(|time| time.at)));
        records
    }

    /// The segment that a segment was called by, and the subsegment of the call.
    fn caller(&self, segment: &Segment) -> Option<(&'s Segment, &'s Segment)> {
        self.holders.get(segment.parent.as_deref()?).copied().filter(|(holder, _)| holder.id != segment.id)
    }

    fn callers(&self, segment: &'s Segment) -> impl Iterator<Item = (&'s Segment, &'s Segment)> {
        let above = std::iter::successors(self.caller(segment), |(holder, _)| self.caller(holder));
        above.zip(0..MOST_CALLERS).map(|(caller, _)| caller)
    }

    fn record(&self, segment: &'s Segment) -> Option<Record> {
        // What an authorizer's function costs is the authorizer's time.
        if self.callers(segment).any(|(_, call)| is_authorizer(call)) {
            return None;
        }
        let mut record = Record::new(Source::XRay, segment.at);
        record.keys.push(Key::TraceRoot(self.trace));
        let depth = self.callers(segment).filter(|(holder, _)| origin(holder) != FUNCTION).count();
        record.depth = u32::try_from(depth).unwrap_or(u32::MAX);
        record.time = Some(Moment { at: segment.start, of: MomentOf::Start, resolution: resolution(&[segment.start]) });
        record.request = Some(segment.facts.clone());
        let invocation = || segment.request_id.clone().map(Key::InvocationId);
        match origin(segment) {
            FUNCTION if self.caller(segment).is_some_and(|(holder, _)| origin(holder) == LAMBDA) => return None,
            FUNCTION => {
                record.keys.extend(invocation());
                lambda::claims(&mut record, None, &[segment]);
            }
            LAMBDA => {
                record.keys.extend(invocation());
                lambda::claims(&mut record, Some(segment), &self.functions(segment));
            }
            STAGE => {
                record.keys.extend(segment.gateway_id.clone().map(Key::AmznRequestId));
                record.keys.extend(segment.extended_id.clone().map(Key::ApigExtendedId));
                stage(&mut record, segment);
            }
            "AWS::EC2::Instance" => service(&mut record, Part::Ec2, segment),
            "AWS::ECS::Fargate" => service(&mut record, Part::Fargate, segment),
            _ if segment.on_ec2 == OnEc2::Said => service(&mut record, Part::Ec2, segment),
            _ => service(&mut record, Part::Service, segment),
        }
        Some(record)
    }

    /// What ran below a call of Lambda, by the order of their starts.
    fn functions(&self, service: &Segment) -> Vec<&'s Segment> {
        let mut functions: Vec<&Segment> = self
            .segments
            .iter()
            .filter(|segment| origin(segment) == FUNCTION)
            .filter(|segment| self.caller(segment).is_some_and(|(holder, _)| holder.id == service.id))
            .collect();
        functions.sort_by_key(|function| function.start);
        functions
    }
}

fn origin(segment: &Segment) -> &str {
    match &segment.origin {
        Some(origin) => origin,
        None if segment.gateway_id.is_some() => STAGE,
        None => "",
    }
}

fn is_authorizer(call: &Segment) -> bool {
    call.name.to_ascii_lowercase().contains("authorizer")
}

/// API Gateway's stage. Which of several calls is the backend's cannot be told, so then none is.
fn stage(record: &mut Record, stage: &Segment) {
    service(record, Part::ApigResponse, stage);
    let (authorizers, others): (Vec<&Segment>, Vec<&Segment>) =
        stage.parts.iter().partition(|call| is_authorizer(call));
    let backends: Vec<&Segment> = others.into_iter().filter(|call| call.namespace.is_some()).collect();
    if let [backend] = backends[..] {
        claim(record, Part::ApigIntegration, backend);
    }
    if let [authorizer] = authorizers[..] {
        claim(record, Part::ApigAuthorizer, authorizer);
    }
}

fn service(record: &mut Record, part: Part, segment: &Segment) {
    claim(record, part, segment);
    if segment.end.is_none() {
        record.remarks.push(Remark::InProgress);
    }
}

fn claim(record: &mut Record, part: Part, segment: &Segment) {
    let resolution = segment.end.map_or(Nanos::from_millis(1), |end| resolution(&[segment.start, end]));
    record.claims.extend(segment.length().map(|duration| Claim { part, duration, resolution }));
}

#[cfg(test)]
mod tests;

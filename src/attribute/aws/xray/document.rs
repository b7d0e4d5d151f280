//! A segment document of X-Ray (X-Ray developer guide, "X-Ray segment documents"), as far as times and identities go.

use serde_json::{Map, Value};

use crate::attribute::aws::written::{SECOND, Written, length};
use crate::attribute::record::{RequestFacts, Where};
use crate::attribute::root::x_ray_root;
use crate::time::{Nanos, Realtime, Timestamp};
use crate::trace::TraceId;

/// Subsegments in subsegments that are kept.
const DEEPEST: u32 = 32;

/// A segment, or a subsegment of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) at: Where,
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) name: String,
    pub(super) origin: Option<String>,
    /// `aws` or `remote`: a call of another service.
    pub(super) namespace: Option<String>,
    pub(super) start: Timestamp<Realtime>,
    /// Absent while it is in progress.
    pub(super) end: Option<Timestamp<Realtime>>,
    pub(super) inferred: Inferred,
    /// `aws.request_id`, of Lambda the invocation's.
    pub(super) request_id: Option<String>,
    /// `aws.api_gateway.request_id`.
    pub(super) gateway_id: Option<String>,
    /// API Gateway's `extended_request_id`.
    pub(super) extended_id: Option<String>,
    pub(super) on_ec2: OnEc2,
    pub(super) facts: RequestFacts,
    pub(super) parts: Vec<Segment>,
}

/// Whether X-Ray made a segment up from its caller's view: a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inferred {
    No,
    Yes,
}

/// Whether the service says which virtual machine it ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnEc2 {
    Unsaid,
    Said,
}

impl Segment {
    /// A segment and its trace; `None` of what has no id or no start.
    pub(super) fn parse(document: &Map<String, Value>, at: Where) -> Option<(TraceId, Self)> {
        let trace = x_ray_root(document.get("trace_id")?.as_str()?.as_bytes())?;
        Some((trace, Self::part(document, at, DEEPEST)?))
    }

    fn part(document: &Map<String, Value>, at: Where, depth: u32) -> Option<Self> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let deep = |path: &[&str]| {
            let (first, others) = path.split_first()?;
            others.iter().try_fold(document.get(*first)?, |value, key| value.get(key))
        };
        let deep_text = |path: &[&str]| deep(path)?.as_str().map(str::to_owned);
        let parts = document.get("subsegments").and_then(Value::as_array).into_iter().flatten();
        let parts = match depth.checked_sub(1) {
            Some(depth) => parts.filter_map(|part| Self::part(part.as_object()?, at, depth)).collect(),
            None => Vec::new(),
        };
        Some(Self {
            at,
            id: text("id")?,
            parent: text("parent_id"),
            name: text("name").unwrap_or_default(),
            origin: text("origin"),
            namespace: text("namespace"),
            start: stamp(document.get("start_time")?)?,
            end: document.get("end_time").and_then(stamp),
            inferred: if document.get("inferred") == Some(&Value::Bool(true)) { Inferred::Yes } else { Inferred::No },
            request_id: deep_text(&["aws", "request_id"]),
            gateway_id: deep_text(&["aws", "api_gateway", "request_id"]),
            extended_id: deep_text(&["metadata", "default", "extended_request_id"]),
            on_ec2: if deep(&["aws", "ec2"]).is_some() { OnEc2::Said } else { OnEc2::Unsaid },
            facts: RequestFacts {
                method: deep_text(&["http", "request", "method"]),
                url: deep_text(&["http", "request", "url"]),
                host: None,
                status: deep(&["http", "response", "status"])
                    .and_then(Value::as_u64)
                    .and_then(|code| code.try_into().ok()),
                client: deep_text(&["http", "request", "client_ip"]).and_then(|address| address.parse().ok()),
                agent: deep_text(&["http", "request", "user_agent"]),
                by: text("name"),
            },
            parts,
        })
    }

    /// How long it took, once it is over. A clock that stepped back in between gives no length.
    pub(super) fn length(&self) -> Option<Nanos> {
        between(self.start, self.end?)
    }

    /// It and everything inside it.
    pub(super) fn walk(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(segment) = all.get(next).copied() {
            all.extend(&segment.parts);
            next += 1;
        }
        all
    }

    /// The first of these names directly or deeper inside it.
    pub(super) fn find(&self, names: &[&str]) -> Option<&Self> {
        self.walk().into_iter().skip(1).find(|part| names.contains(&part.name.as_str()))
    }
}

/// From one instant to another of the same trace; `None` where that is not forward.
pub(super) fn between(from: Timestamp<Realtime>, to: Timestamp<Realtime>) -> Option<Nanos> {
    (to >= from).then(|| to.since(from))
}

/// Seconds since 1970 in floating point. A double tells a quarter of a microsecond at most, so what is that near to a whole
/// millisecond was written as one.
fn stamp(seconds: &Value) -> Option<Timestamp<Realtime>> {
    const MILLI: u64 = 1_000_000;
    const NOISE: u64 = 500;
    let Value::Number(number) = seconds else { return None };
    let Written::Length(since) = length(number.to_string().as_bytes(), SECOND) else { return None };
    let beyond = since.get() % MILLI;
    let nanos = match beyond {
        0..=NOISE => since.get() - beyond,
        _ if beyond >= MILLI - NOISE => since.get().saturating_add(MILLI - beyond),
        _ => since.get(),
    };
    Some(Timestamp::from_nanos(nanos))
}

/// In which steps instants of a trace are written: Lambda and API Gateway write milliseconds, programs microseconds.
pub(super) fn resolution(instants: &[Timestamp<Realtime>]) -> Nanos {
    let whole = instants.iter().all(|instant| instant.as_nanos().is_multiple_of(1_000_000));
    if whole { Nanos::from_millis(1) } else { Nanos::from_micros(1) }
}

//! X-Ray's traces, as `aws xray batch-get-traces` prints them (X-Ray developer guide, "Segment documents").
//!
//! A trace has what was sampled: REST APIs, and Lambda as service and as function. Load balancers, edges and HTTP APIs record no
//! segments. Times are seconds since the epoch with milliseconds, each layer's by its own clock. A function's `Initialization`
//! lies before the function's own segment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stamp::epoch_seconds;
use super::{ACCOUNT, field, lambda_text, region};
use crate::lab::lambda::Start;
use crate::lab::profile::Profile;
use crate::lab::random::SplitMix64;
use crate::lab::served::{LayerTime, SERVED_KEPT, Served};
use crate::time::{Nanos, Realtime, Timestamp};

/// Whether whoever sees this header records a segment.
pub(super) fn is_sampled(header: &str) -> bool {
    field(header, "Sampled") == Some("1")
}

/// The traces of the last [`SERVED_KEPT`] sampled requests.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    trace: String,
    id: String,
    start: Timestamp<Realtime>,
    end: Timestamp<Realtime>,
    document: String,
}

impl Traces {
    /// Adds what is sampled of a request; says whether anything was.
    pub fn add(&mut self, served: &Served, profile: &Profile) -> bool {
        let before = self.segments.len();
        let ids = Ids::of(served);
        for part in &served.layers {
            if !part.trace_header.as_deref().is_some_and(is_sampled) {
                continue;
            }
            match part.layer {
                // HTTP APIs have no extended id, and no X-Ray.
                "apig" if part.extended_request_id.is_some() => self.segments.push(stage(served, part, &ids, profile)),
                "lambda" => self.segments.extend(lambda(served, part, &ids, profile).into_iter().flatten()),
                _ => {}
            }
        }
        // Each request adds a few segments, so the oldest go a few at a time, too.
        let most = SERVED_KEPT * 3;
        self.segments.drain(..self.segments.len().saturating_sub(most));
        self.segments.len() != before
    }

    /// The document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut traces: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
        for segment in &self.segments {
            traces.entry(&segment.trace).or_default().push(segment);
        }
        let traces: Vec<Value> = traces.iter().map(|(id, segments)| trace(id, segments)).collect();
        let document = json!({ "Traces": traces, "UnprocessedTraceIds": [] });
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

fn trace(id: &str, segments: &[&Segment]) -> Value {
    let start = segments.iter().map(|segment| segment.start).min();
    let end = segments.iter().map(|segment| segment.end).max();
    let duration = start.zip(end).map_or(Nanos::ZERO, |(start, end)| end.since(start));
    let millis = duration.as_millis_f64().round();
    let segments: Vec<Value> =
        segments.iter().map(|segment| json!({ "Id": segment.id, "Document": segment.document })).collect();
    json!({ "Id": id, "Duration": millis / 1e3, "LimitExceeded": false, "Segments": segments })
}

/// Names of the segments of one request, 16 hexadecimal digits each.
struct Ids {
    stage: String,
    integration: String,
    service: String,
    initialisation: String,
    invocation: String,
    overhead: String,
}

impl Ids {
    /// The same for the same request.
    fn of(served: &Served) -> Self {
        let mut random = SplitMix64::new(served.number ^ served.arrived_at.as_nanos().rotate_left(20));
        let mut id = || format!("{:016x}", random.next());
        let (stage, integration, service) = (id(), id(), id());
        Self { stage, integration, service, initialisation: id(), invocation: id(), overhead: id() }
    }
}

fn segment(document: &Value, span: (Timestamp<Realtime>, Timestamp<Realtime>)) -> Segment {
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    Segment { trace: text("trace_id"), id: text("id"), start: span.0, end: span.1, document: document.to_string() }
}

fn trace_id(part: &LayerTime) -> Option<&str> {
    field(part.trace_header.as_deref()?, "Root")
}

fn stage(served: &Served, part: &LayerTime, ids: &Ids, profile: &Profile) -> Segment {
    let clock = profile.clocks.apig;
    let span = (clock.shown(part.entered_at), clock.shown(part.entered_at + part.total));
    let asked = &part.asked;
    let api = asked.authority.split('.').next().unwrap_or_default();
    let name = match served.layers.iter().find(|behind| behind.entered_at > part.entered_at) {
        Some(LayerTime { layer: "lambda", .. }) => "Lambda",
        _ => "HTTP",
    };
    let called = part.call.and_then(|call| Some((call.after, call.total?)));
    let subsegments: Vec<Value> = called
        .into_iter()
        .map(|(after, total)| {
            let start = clock.shown(part.entered_at + after);
            json!({
                "id": ids.integration,
                "name": name,
                "start_time": epoch_seconds(start),
                "end_time": epoch_seconds(start + total),
                "http": { "response": { "status": part.status } },
                "namespace": "aws",
            })
        })
        .collect();
    let document = json!({
        "id": ids.stage,
        "name": format!("{api}/prod"),
        "start_time": epoch_seconds(span.0),
        "end_time": epoch_seconds(span.1),
        "trace_id": trace_id(part),
        "parent_id": served.trace_header.as_deref().and_then(|header| field(header, "Parent")),
        "origin": "AWS::ApiGateway::Stage",
        "resource_arn": format!("arn:aws:apigateway:{}::/restapis/{api}/stages/prod", region(served)),
        "http": {
            "request": {
                "url": format!("{}://{}{}", asked.scheme, asked.authority, asked.target),
                "method": asked.method,
                "client_ip": asked.client.ip().to_string(),
                "user_agent": asked.user_agent,
            },
            "response": { "status": part.status, "content_length": 0 },
        },
        "aws": { "api_gateway": {
            "account_id": ACCOUNT,
            "rest_api_id": api,
            "stage": "prod",
            "request_id": part.request_id,
        } },
        "metadata": { "default": {
            "extended_request_id": part.extended_request_id,
            "request_id": part.request_id,
        } },
        "annotations": { "aws:api_id": api, "aws:api_stage": "prod" },
        "subsegments": subsegments,
    });
    segment(&document, span)
}

/// The service's segment, and the function's.
fn lambda(served: &Served, part: &LayerTime, ids: &Ids, profile: &Profile) -> Option<[Segment; 2]> {
    let invocation = part.invocation.as_ref()?;
    let clock = profile.clocks.lambda;
    // "Timing starts when Lambda first receives the request and ends when the request leaves the Lambda service" (Lambda
    // developer guide, "Lambda on the AWS X-Ray Service Map").
    let (entered_at, left_at) = (clock.shown(part.entered_at), clock.shown(part.entered_at + part.total));
    let placed_at = entered_at + invocation.reached_after + invocation.placed.unwrap_or_default();
    let ready_at = placed_at + invocation.started.unwrap_or_default();
    let done_at = ready_at + invocation.duration;
    let function = part.station;
    let arn = format!("arn:aws:lambda:{}:{ACCOUNT}:function:{function}", region(served));
    let caller = if served.layers.iter().any(|layer| layer.layer == "apig") {
        Some(ids.integration.clone())
    } else {
        served.trace_header.as_deref().and_then(|header| field(header, "Parent")).map(str::to_owned)
    };
    let service = json!({
        "id": ids.service,
        "name": function,
        "start_time": epoch_seconds(entered_at),
        "end_time": epoch_seconds(left_at),
        "trace_id": trace_id(part),
        "parent_id": caller,
        "origin": "AWS::Lambda",
        "resource_arn": arn,
        "http": { "response": { "status": part.status } },
        "aws": { "request_id": part.request_id },
    });
    let part_of = |id: &str, name: &str, start, end| {
        json!({
            "id": id,
            "name": name,
            "start_time": epoch_seconds(start),
            "end_time": epoch_seconds(end),
            "aws": { "function_arn": arn },
        })
    };
    let start = lambda_text::started(invocation).map(|(start, _)| match start {
        Start::Initialise { .. } => part_of(&ids.initialisation, "Initialization", placed_at, ready_at),
        Start::Restore(_) => part_of(&ids.initialisation, "Restore", placed_at, ready_at),
    });
    let run = [
        part_of(&ids.invocation, "Invocation", ready_at, done_at),
        part_of(&ids.overhead, "Overhead", done_at, done_at),
    ];
    let own = field(part.trace_header.as_deref()?, "Parent");
    let function = json!({
        "id": own,
        "name": function,
        "start_time": epoch_seconds(ready_at),
        "end_time": epoch_seconds(done_at),
        "trace_id": trace_id(part),
        "parent_id": ids.service,
        "origin": "AWS::Lambda::Function",
        "aws": { "account_id": ACCOUNT, "function_arn": arn, "resource_names": [function] },
        "subsegments": start.into_iter().chain(run).collect::<Vec<_>>(),
    });
    Some([segment(&service, (entered_at, left_at)), segment(&function, (ready_at, done_at))])
}

//! `platform.*` events of Lambda's JSON log and of the Telemetry API.

use serde_json::{Map, Value};

use crate::attribute::aws::error::{FieldName, LineError};
use crate::attribute::aws::written::{MILLISECOND, Written, instant, length};
use crate::attribute::record::{Claim, Key, Moment, MomentOf, Part, Record, Remark, Source, Where};
use crate::attribute::root::x_ray_root;
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_micros(10);

/// One event; `None` of an event that states no length, and of anything else.
pub(super) fn parse(event: &Map<String, Value>, at: Where) -> Result<Option<Record>, LineError> {
    let kind = event.get("type").and_then(Value::as_str).and_then(|kind| kind.strip_prefix("platform."));
    let (Some(kind), Some(body)) = (kind, event.get("record")) else { return Ok(None) };
    let mut record = Record::new(Source::LambdaJson, at);
    let metric = |name: &'static str, part| claim(name, part, body.pointer("/metrics").and_then(|all| all.get(name)));
    match kind {
        "report" => {
            record.claims.extend(metric("durationMs", Part::LambdaDuration)?);
            record.claims.extend(metric("initDurationMs", Part::LambdaInit)?);
            record.claims.extend(metric("restoreDurationMs", Part::LambdaRestore)?);
        }
        "runtimeDone" => {
            let spans = body.get("spans").and_then(Value::as_array).into_iter().flatten();
            let latency = spans.filter(|span| span.get("name").and_then(Value::as_str) == Some("responseLatency"));
            for span in latency {
                record.claims.extend(claim("durationMs", Part::LambdaResponseLatency, span.get("durationMs"))?);
            }
        }
        "initReport" => record.claims.extend(metric("durationMs", Part::LambdaInit)?),
        "restoreReport" => record.claims.extend(metric("durationMs", Part::LambdaRestore)?),
        _ => return Ok(None),
    }
    if record.claims.is_empty() {
        return Ok(None);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    record.keys.extend(text("requestId").map(|id| Key::InvocationId(id.to_owned())));
    let root = body.pointer("/tracing/value").and_then(Value::as_str);
    record.keys.extend(root.and_then(|root| x_ray_root(root.as_bytes())).map(Key::TraceRoot));
    record.time = event
        .get("time")
        .and_then(Value::as_str)
        .and_then(|time| instant(time.as_bytes()))
        .map(|at| Moment { at, of: MomentOf::End, resolution: Nanos::from_millis(1) });
    record.remarks.extend(text("initializationType").map(|kind| Remark::Initialisation(kind.to_owned())));
    let failure: Vec<&str> =
        text("status").filter(|status| *status != "success").into_iter().chain(text("errorType")).collect();
    if !failure.is_empty() {
        record.remarks.push(Remark::Failed(failure.join(": ")));
    }
    Ok(Some(record))
}

fn claim(name: &'static str, part: Part, value: Option<&Value>) -> Result<Option<Claim>, LineError> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match length(text.as_bytes(), MILLISECOND) {
        Written::Length(duration) => Ok(Some(Claim { part, duration, resolution: RESOLUTION })),
        Written::Absent => Ok(None),
        Written::NotANumber => Err(LineError::new(FieldName::Named(name), "milliseconds", text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str) -> Result<Option<Record>, LineError> {
        parse(serde_json::from_str::<Value>(event).unwrap().as_object().unwrap(), Where::default())
    }

    #[test]
    fn events_that_state_a_length_are_records() {
        type Expected = (Vec<(Part, u64)>, usize, Vec<Remark>);
        let cases: Vec<(&str, &str, Option<Expected>)> = vec![
            (
                "a cold call, traced",
                r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.report","record":{"requestId":"a-1","status":"success","metrics":{"durationMs":2599.4,"billedDurationMs":2600,"initDurationMs":549.04},"tracing":{"spanId":"x","type":"X-Amzn-Trace-Id","value":"Root=1-58337262-36d228ad5d99923122bbe354;Parent=35465b3a9e2f7c6a;Sampled=1"}}}"#,
                Some((vec![(Part::LambdaDuration, 2_599_400), (Part::LambdaInit, 549_040)], 2, vec![])),
            ),
            (
                "a restored one that failed",
                r#"{"type":"platform.report","record":{"requestId":"a-1","status":"error","errorType":"Runtime.Exit","metrics":{"durationMs":1,"restoreDurationMs":"7.5"}}}"#,
                Some((
                    vec![(Part::LambdaDuration, 1_000), (Part::LambdaRestore, 7_500)],
                    1,
                    vec![Remark::Failed("error: Runtime.Exit".to_owned())],
                )),
            ),
            (
                "the runtime's own view",
                r#"{"type":"platform.runtimeDone","record":{"requestId":"a-1","status":"success","spans":[{"name":"responseLatency","durationMs":2598.0},{"name":"responseDuration","durationMs":0.0}],"metrics":{"durationMs":2599.0}}}"#,
                Some((vec![(Part::LambdaResponseLatency, 2_598_000)], 1, vec![])),
            ),
            (
                "an initialisation ahead of need: it names its kind, and no call",
                r#"{"type":"platform.initReport","record":{"initializationType":"provisioned-concurrency","phase":"init","metrics":{"durationMs":500.0}}}"#,
                Some((
                    vec![(Part::LambdaInit, 500_000)],
                    0,
                    vec![Remark::Initialisation("provisioned-concurrency".to_owned())],
                )),
            ),
            ("a start", r#"{"type":"platform.start","record":{"requestId":"a-1"}}"#, None),
            ("one nobody knows yet", r#"{"type":"platform.dreamt","record":{"metrics":{"durationMs":1}}}"#, None),
            ("logs were dropped", r#"{"type":"platform.logsDropped","record":{"droppedBytes":12}}"#, None),
            ("the function speaks", r#"{"type":"function","record":"REPORT RequestId: x"}"#, None),
            ("no record", r#"{"type":"platform.report"}"#, None),
            ("another record", r#"{"type":"platform.report","record":7}"#, None),
        ];
        for (name, event, expected) in cases {
            let found = check(event).unwrap().map(|record| {
                let claims = record.claims.iter().map(|claim| (claim.part, claim.duration.get() / 1_000)).collect();
                (claims, record.keys.len(), record.remarks)
            });
            assert_eq!(found, expected, "{name}");
        }
        let error = check(r#"{"type":"platform.report","record":{"metrics":{"durationMs":[1]}}}"#).unwrap_err();
        assert_eq!(error.to_string(), r#"durationMs: expected milliseconds, got "[1]""#);
    }
}

//! A function's log in JSON (Lambda developer guide, "Lambda Telemetry API event schema reference").

use serde_json::{Value, json};

use super::field;
use super::lambda_text::{MEMORY_MB, MEMORY_USED_MB, RUNTIME, billed, started, whole_millis_begun};
use super::stamp::{hundredths_number, millis};
use crate::lab::lambda::Start;
use crate::lab::profile::Profile;
use crate::lab::served::LayerTime;

/// The events of one invocation, a line each, without the last one's end; `None` where no sandbox served it.
pub(super) fn lines(part: &LayerTime, profile: &Profile) -> Option<String> {
    let invocation = part.invocation.as_ref()?;
    let id = part.request_id.as_deref()?;
    let clock = profile.clocks.lambda;
    let event = |at, kind: &str, record: Value| {
        json!({ "time": millis(clock.shown(at)), "type": format!("platform.{kind}"), "record": record }).to_string()
    };
    let placed_at = part.entered_at + invocation.reached_after + invocation.placed.unwrap_or_default();
    let ready_at = placed_at + invocation.started.unwrap_or_default();
    let done_at = ready_at + invocation.duration;
    let mut events = match started(invocation) {
        Some((Start::Initialise { .. }, length)) => {
            let kind = json!({ "initializationType": "on-demand", "phase": "init", "runtimeVersion": RUNTIME });
            vec![
                event(placed_at, "initStart", kind.clone()),
                event(ready_at, "initRuntimeDone", with(&kind, "status", json!("success"))),
                event(
                    ready_at,
                    "initReport",
                    with(&kind, "metrics", json!({ "durationMs": hundredths_number(length) })),
                ),
            ]
        }
        Some((Start::Restore(_), length)) => {
            let done = json!({ "status": "success" });
            vec![
                event(placed_at, "restoreStart", json!({ "runtimeVersion": RUNTIME })),
                event(ready_at, "restoreRuntimeDone", done.clone()),
                event(
                    ready_at,
                    "restoreReport",
                    with(&done, "metrics", json!({ "durationMs": hundredths_number(length) })),
                ),
            ]
        }
        None => Vec::new(),
    };
    let call = json!({ "requestId": id, "tracing": tracing(part) });
    let duration = hundredths_number(invocation.duration);
    events.push(event(ready_at, "start", with(&call, "version", json!("$LATEST"))));
    let spans = json!([
        { "name": "responseLatency", "start": millis(clock.shown(ready_at)), "durationMs": duration },
        { "name": "responseDuration", "start": millis(clock.shown(done_at)), "durationMs": 0.0 },
    ]);
    let done = with(&with(&call, "status", json!("success")), "spans", spans);
    let produced = json!({ "durationMs": duration, "producedBytes": part.sent });
    events.push(event(done_at, "runtimeDone", with(&done, "metrics", produced)));
    let mut metrics = json!({
        "durationMs": duration,
        "billedDurationMs": billed(invocation),
        "memorySizeMB": MEMORY_MB,
        "maxMemoryUsedMB": MEMORY_USED_MB,
    });
    match started(invocation) {
        Some((Start::Initialise { .. }, length)) => metrics["initDurationMs"] = json!(hundredths_number(length)),
        Some((Start::Restore(_), length)) => {
            metrics["restoreDurationMs"] = json!(hundredths_number(length));
            metrics["billedRestoreDurationMs"] = json!(whole_millis_begun(length));
        }
        None => {}
    }
    let report = with(&with(&call, "status", json!("success")), "metrics", metrics);
    events.push(event(done_at, "report", report));
    Some(events.join("\n"))
}

fn with(record: &Value, name: &str, value: Value) -> Value {
    let mut record = record.clone();
    record[name] = value;
    record
}

fn tracing(part: &LayerTime) -> Value {
    let header = part.trace_header.as_deref().unwrap_or_default();
    json!({ "spanId": field(header, "Parent"), "type": "X-Amzn-Trace-Id", "value": header })
}

//! Traces to attribute in tests.

use serde_json::{Value, json};

use crate::trace::Trace;

/// A trace of one request with these parts of its wait in ns: the round trip, and the rest. `more` adds or replaces fields of
/// the JSON form.
pub(super) fn trace(url: &str, network: u64, server: u64, more: &Value) -> Trace {
    let phases = [
        ("connect", 0, 16_000_000, "kernel"),
        ("send", 16_000_000, 40_000, "kernel"),
        ("wait", 16_040_000, network + server, "kernel"),
        ("receive", 16_040_000 + network + server, 100_000, "kernel"),
    ];
    let spans: Vec<Value> = phases
        .iter()
        .map(|(phase, start, length, evidence)| {
            json!({"phase": phase, "start_ns": start, "duration_ns": length, "evidence": evidence, "error_ns": 1_000})
        })
        .collect();
    let mut trace = json!({
        "schema": "wirefall/trace/1", "trace_id": "6740000000000000000000000000000a", "url": url, "method": "GET",
        "started_at": "2024-11-22T04:00:00.5Z", "outcome": "complete", "failure": null, "redirected_from": null,
        "total_ns": 16_140_000 + network + server, "phases": spans, "client": {"lag_ns": 0},
        "connect": {"reused": false, "local": "192.0.2.10:51234", "remote": "198.51.100.2:443", "attempts": []},
        "request": {"version": "HTTP/1.1", "headers": [], "body_bytes": 0, "header_bytes": 90},
        "response": response(&[]),
        "wait": {"network_ns": network, "server_ns": server, "server_low_ns": 0, "server_high_ns": server,
            "method": "min_rtt"},
    });
    merge(&mut trace, more);
    serde_json::from_value(trace).unwrap()
}

/// A response of status 200 with these fields.
pub(super) fn response(headers: &[(&str, &str)]) -> Value {
    json!({"status": 200, "version": "HTTP/1.1", "header_bytes": 200, "body_bytes": 2, "informational": [],
        "headers": headers.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>()})
}

fn merge(value: &mut Value, more: &Value) {
    if let (Value::Object(fields), Value::Object(more)) = (value, more) {
        fields.extend(more.clone());
    }
}

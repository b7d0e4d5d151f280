//! Traces as an HTTP archive, HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), for the viewers of browsers.
//!
//! Times are milliseconds. HAR knows no absent handshake in `connect` and no failed request, so: `ssl` is included in
//! `connect`; a phase that did not happen is −1, except `send`, `wait` and `receive`, which must be numbers and are 0; a
//! request without a response has status 0 and says why in `_error`. What HAR has no field for is in `_wirefall`.
//!
//! Invariant: `time` is the sum of the timings that are not −1, `ssl` counted once.
//!
//! Deliberately absent: bodies and cookies. The former are not kept, the latter are secrets.

use serde_json::{Map, Value, json};

use crate::event::Headers;
use crate::time::Nanos;
use crate::trace::{Connect, Phase, Trace};

/// One archive with an entry for each trace; redirects are entries of their own. Indented, with a final newline.
#[must_use]
pub fn har(traces: &[Trace]) -> String {
    let entries: Vec<Value> = traces.iter().map(entry).collect();
    let archive = json!({"log": {
        "version": "1.2",
        "creator": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
        "entries": entries,
    }});
    format!("{archive:#}\n")
}

fn entry(trace: &Trace) -> Value {
    let mut entry = Map::new();
    entry.insert("startedDateTime".to_owned(), json!(trace.started_at.to_string()));
    entry.insert("time".to_owned(), json!(trace.total().as_millis_f64()));
    entry.insert("request".to_owned(), request(trace));
    entry.insert("response".to_owned(), response(trace));
    entry.insert("cache".to_owned(), json!({}));
    entry.insert("timings".to_owned(), timings(trace));
    if let Some(address) = trace.connect.as_ref().and_then(server_address) {
        entry.insert("serverIPAddress".to_owned(), json!(address));
    }
    if let Some(port) = trace.connect.as_ref().and_then(local_port) {
        entry.insert("connection".to_owned(), json!(port));
    }
    if let Some(failure) = trace.failure() {
        entry.insert("_error".to_owned(), json!(failure.to_string()));
    }
    entry.insert("_wirefall".to_owned(), own(trace));
    Value::Object(entry)
}

fn request(trace: &Trace) -> Value {
    let head = trace.request.as_ref();
    json!({
        "method": trace.subject.method,
        "url": trace.subject.url,
        "httpVersion": head.map_or("unknown", |head| &head.version),
        "cookies": [],
        "headers": head.map_or(json!([]), |head| headers(&head.headers)),
        "queryString": query_string(&trace.subject.url),
        "headersSize": head.map_or(json!(-1), |head| json!(head.header_bytes)),
        "bodySize": head.map_or(json!(-1), |head| json!(head.body_bytes)),
    })
}

/// The content's size is that of the body as transferred: how long it is decompressed is not part of a trace.
fn response(trace: &Trace) -> Value {
    let Some(response) = &trace.response else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "unknown", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let failed = trace.failure().is_some();
    let reason = http::StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    json!({
        "status": if failed { 0 } else { response.status },
        "statusText": reason.filter(|_| !failed).unwrap_or_default(),
        "httpVersion": response.version,
        "cookies": [],
        "headers": headers(&response.headers),
        "content": {
            "size": response.body_bytes,
            "mimeType": response.header("content-type").unwrap_or("x-unknown"),
        },
        "redirectURL": response.header("location").unwrap_or_default(),
        "headersSize": response.header_bytes,
        "bodySize": response.body_bytes,
    })
}

fn timings(trace: &Trace) -> Value {
    let length = |phase| trace.span(phase).map(|span| span.duration);
    let optional = |length: Option<Nanos>| length.map_or(json!(-1), |length| json!(length.as_millis_f64()));
    let required = |length: Option<Nanos>| json!(length.unwrap_or_default().as_millis_f64());
    let (connect, ssl) = (length(Phase::Connect), length(Phase::Tls));
    let both = (connect.is_some() || ssl.is_some()).then(|| connect.unwrap_or_default() + ssl.unwrap_or_default());
    json!({
        "blocked": optional(length(Phase::Blocked)),
        "dns": optional(length(Phase::Dns)),
        "connect": optional(both),
        "ssl": optional(ssl),
        "send": required(length(Phase::Send)),
        "wait": required(length(Phase::Wait)),
        "receive": required(length(Phase::Receive)),
    })
}

/// What HAR has no field for, named as in `wirefall/trace/1`.
fn own(trace: &Trace) -> Value {
    json!({
        "trace_id": trace.subject.trace_id,
        "name": trace.subject.name,
        "tags": trace.subject.tags,
        "vantage": trace.subject.vantage,
        "redirected_from": trace.subject.redirected_from,
        "failure": trace.failure(),
        "status": trace.response.as_ref().map(|response| response.status),
        "phases": trace.timeline.spans().collect::<Vec<_>>(),
        "wait": trace.wait,
        "passed": trace.passed,
        "layers": trace.layers,
        "wire": trace.wire,
        "client": trace.client,
    })
}

fn headers(headers: &Headers) -> Value {
    headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn query_string(url: &str) -> Value {
    let Ok(url) = url::Url::parse(url) else { return json!([]) };
    url.query_pairs().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// The other end's address without its port; none for the path of a unix socket.
fn server_address(connect: &Connect) -> Option<String> {
    let (host, _) = super::address::split(connect.remote.as_deref()?)?;
    Some(host.to_owned())
}

fn local_port(connect: &Connect) -> Option<String> {
    let (_, port) = super::address::split(connect.local.as_deref()?)?;
    Some(port.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample;

    /// The fields that HAR 1.2 requires, by object, with their JSON type.
    const REQUIRED: &[(&str, &[(&str, &str)])] = &[
        ("/log", &[("version", "string"), ("creator", "object"), ("entries", "array")]),
        ("/log/creator", &[("name", "string"), ("version", "string")]),
        (
            "/log/entries/0",
            &[
                ("startedDateTime", "string"),
                ("time", "number"),
                ("request", "object"),
                ("response", "object"),
                ("cache", "object"),
                ("timings", "object"),
            ],
        ),
        (
            "/log/entries/0/request",
            &[
                ("method", "string"),
                ("url", "string"),
                ("httpVersion", "string"),
                ("cookies", "array"),
                ("headers", "array"),
                ("queryString", "array"),
                ("headersSize", "number"),
                ("bodySize", "number"),
            ],
        ),
        (
            "/log/entries/0/response",
            &[
                ("status", "number"),
                ("statusText", "string"),
                ("httpVersion", "string"),
                ("cookies", "array"),
                ("headers", "array"),
                ("content", "object"),
                ("redirectURL", "string"),
                ("headersSize", "number"),
                ("bodySize", "number"),
            ],
        ),
        ("/log/entries/0/response/content", &[("size", "number"), ("mimeType", "string")]),
        ("/log/entries/0/timings", &[("send", "number"), ("wait", "number"), ("receive", "number")]),
    ];

    fn archive(trace: &Trace) -> Value {
        serde_json::from_str(&har(std::slice::from_ref(trace))).unwrap()
    }

    fn kind(value: &Value) -> &'static str {
        match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    fn check_required(archive: &Value) {
        for (object, fields) in REQUIRED {
            for (field, expect) in *fields {
                let found = archive.pointer(&format!("{object}/{field}")).map(kind);
                assert_eq!(found, Some(*expect), "{object}/{field}");
            }
        }
        let optional = ["/blocked", "/dns", "/connect", "/ssl"].map(|field| format!("/log/entries/0/timings{field}"));
        for field in optional {
            let length = archive.pointer(&field).and_then(Value::as_f64).unwrap();
            assert!(length >= 0.0 || length.to_string() == "-1", "{field}: {length}");
        }
    }

    fn check_sum(archive: &Value) {
        let timing =
            |name: &str| archive.pointer(&format!("/log/entries/0/timings/{name}")).and_then(Value::as_f64).unwrap();
        let counted = ["blocked", "dns", "connect", "send", "wait", "receive"].map(timing);
        let sum: f64 = counted.into_iter().filter(|length| *length >= 0.0).sum();
        let time = archive.pointer("/log/entries/0/time").and_then(Value::as_f64).unwrap();
        assert!((time - sum).abs() <= 1e-9 * time.max(1.0), "{time} is not {sum}");
        assert!(timing("ssl") <= timing("connect"));
        assert!(["send", "wait", "receive"].map(timing).into_iter().all(|length| length >= 0.0));
    }

    #[test]
    fn every_sample_has_the_required_fields_and_adds_up() {
        for trace in sample::all() {
            let archive = archive(&trace);
            check_required(&archive);
            check_sum(&archive);
        }
    }

    #[test]
    fn fields_hold_what_the_trace_says() {
        let first = |field: &str| format!("/log/entries/0{field}");
        for (trace, field, expect) in vec![
            (sample::secure(), "/startedDateTime", json!("2026-11-21T04:38:33.123456789Z")),
            (sample::secure(), "/serverIPAddress", json!("198.51.100.2")),
            (sample::secure(), "/connection", json!("51234")),
            (sample::secure(), "/timings/connect", json!(33.2134)),
            (sample::secure(), "/timings/ssl", json!(17.2014)),
            (sample::secure(), "/timings/blocked", json!(-1)),
            (sample::secure(), "/request/queryString/1", json!({"name": "q", "value": "a b"})),
            (sample::secure(), "/response/statusText", json!("OK")),
            (sample::secure(), "/response/headersSize", json!(312)),
            (sample::secure(), "/response/content/mimeType", json!("application/json")),
            (sample::secure(), "/_wirefall/phases/4/evidence", json!("wire")),
            (sample::secure(), "/_wirefall/wait/server_low_ns", json!(22_100_000)),
            (sample::secure(), "/_wirefall/trace_id", json!("00000000000000000000000000000001")),
            (sample::plain(), "/timings/dns", json!(-1)),
            (sample::plain(), "/timings/ssl", json!(-1)),
            (sample::reused(), "/timings/connect", json!(-1)),
            (sample::redirected().remove(0), "/response/redirectURL", json!("https://www.example.com/")),
            (sample::redirected().remove(1), "/serverIPAddress", json!("2001:db8::9")),
            (sample::refused(), "/response/status", json!(0)),
            (sample::refused(), "/timings/wait", json!(0.0)),
            (sample::refused(), "/_error", json!("connect.refused: cannot connect to 127.0.0.1:1: ECONNREFUSED")),
        ] {
            assert_eq!(archive(&trace).pointer(&first(field)), Some(&expect), "{field}");
        }
        for (trace, field) in
            [(sample::secure(), "/_error"), (sample::refused(), "/serverIPAddress"), (sample::refused(), "/connection")]
        {
            assert_eq!(archive(&trace).pointer(&first(field)), None, "{field}");
        }
    }

    #[test]
    fn redirects_are_entries_of_their_own() {
        let archive: Value = serde_json::from_str(&har(&sample::redirected())).unwrap();
        assert_eq!(archive.pointer("/log/entries").and_then(Value::as_array).map(Vec::len), Some(2));
        assert_eq!(
            archive.pointer("/log/entries/1/_wirefall/redirected_from"),
            archive.pointer("/log/entries/0/_wirefall/trace_id")
        );
    }

    proptest! {
        #[test]
        fn any_trace_is_a_valid_entry(trace in sample::any_trace()) {
            let archive = archive(&trace);
            check_required(&archive);
            check_sum(&archive);
        }
    }
}

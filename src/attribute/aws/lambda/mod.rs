//! Lambda's own log, in text and in JSON (Lambda developer guide, "Working with Lambda function logs", "Lambda Telemetry API
//! Event schema reference"), as the service writes it and as CloudWatch hands it out.
//!
//! A function's log holds what the function prints too, so a line that is none of the service's is skipped, whatever it is.
//!
//! Invariant: what was initialised is read from `Init Duration` alone. Since August 2025 initialisation is billed, so nothing
//! follows from what was billed.

mod json;
mod text;

use serde_json::Value;

use super::error::LineError;
use crate::attribute::record::{Record, Where};

/// Wrappers in wrappers that are opened: of a subscription's message with telemetry in it, each array and object counts.
const DEEPEST: u32 = 8;

/// Keys under which CloudWatch hands out what it keeps, and arrays of entries.
pub(super) const CONTAINERS: &[&str] = &["events", "logEvents", "results", "Events"];

/// All that a line tells: mostly nothing or one record, more where it wraps several entries.
pub(super) fn parse(line: &[u8], at: Where, each: &mut dyn FnMut(Record)) -> Result<(), LineError> {
    message(line, at, DEEPEST, each)
}

/// One entry that is JSON already.
pub(super) fn parse_value(value: &Value, at: Where, each: &mut dyn FnMut(Record)) -> Result<(), LineError> {
    entry(value, at, DEEPEST, each)
}

fn message(line: &[u8], at: Where, depth: u32, each: &mut dyn FnMut(Record)) -> Result<(), LineError> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    let line = line.trim_ascii();
    // CloudWatch's exports put a timestamp before what may be JSON.
    let json_at = match line.first() {
        Some(b'{' | b'[') => Some(0),
        _ => memchr::memmem::find(line, b" {").map(|at| at + 1),
    };
    if let Some(value) = json_at.and_then(|at| serde_json::from_slice::<Value>(line.get(at..)?).ok()) {
        return entry(&value, at, depth, each);
    }
    if let Some(record) = text::parse(line, at)? {
        each(record);
    }
    Ok(())
}

fn entry(value: &Value, at: Where, depth: u32, each: &mut dyn FnMut(Record)) -> Result<(), LineError> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    let fields = match value {
        Value::Array(entries) => return entries.iter().try_for_each(|value| entry(value, at, depth, each)),
        Value::Object(fields) => fields,
        _ => return Ok(()),
    };
    if let Some(record) = json::parse(fields, at)? {
        each(record);
        return Ok(());
    }
    for name in CONTAINERS {
        if let Some(entries @ Value::Array(_)) = fields.get(*name) {
            entry(entries, at, depth, each)?;
        }
    }
    match fields.get("message").or_else(|| fields.get("@message")) {
        Some(Value::String(text)) => message(text.as_bytes(), at, depth, each),
        Some(inner @ Value::Object(_)) => entry(inner, at, depth, each),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::record::{Key, Part, Source};
    use crate::time::Nanos;

    const REPORT: &str = "REPORT RequestId: f-1\tDuration: 2.50 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB";

    #[test]
    fn every_wrapping_is_opened() {
        let json_report = r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.report","record":{"requestId":"f-1","metrics":{"durationMs":2.5}}}"#;
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let cases = [
            ("bare", REPORT.to_owned(), Source::LambdaText, 1),
            ("exported: a timestamp before it", format!("2026-11-21T04:38:33.123Z {REPORT}"), Source::LambdaText, 1),
            (
                "tailed: timestamp and stream",
                format!("2026-11-21T04:38:33+00:00 2026/11/21/[$LATEST]ab {REPORT}"),
                Source::LambdaText,
                1,
            ),
            ("an event", format!(r#"{{"timestamp":1,"message":{}}}"#, quoted(REPORT)), Source::LambdaText, 1),
            ("a query's row", format!(r#"{{"@timestamp":"1","@message":{}}}"#, quoted(REPORT)), Source::LambdaText, 1),
            (
                "events of two streams",
                format!(r#"{{"events":[{{"message":{0}}},{{"message":"END"}},{{"message":{0}}}]}}"#, quoted(REPORT)),
                Source::LambdaText,
                2,
            ),
            (
                "a subscription's message",
                format!(
                    r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","message":{}}}]}}"#,
                    quoted(json_report)
                ),
                Source::LambdaJson,
                1,
            ),
            ("telemetry", json_report.to_owned(), Source::LambdaJson, 1),
            ("telemetry, an array", format!("[{json_report},{json_report}]"), Source::LambdaJson, 2),
            ("telemetry after a timestamp", format!("2026-11-21T04:38:33.123Z {json_report}"), Source::LambdaJson, 1),
            (
                "the function's own words",
                "2026-11-21T04:38:33.123Z\tf-1\tINFO\t{ not json".to_owned(),
                Source::LambdaText,
                0,
            ),
            (
                "the function's own JSON",
                r#"{"level":"INFO","message":"hello","requestId":"f-1"}"#.to_owned(),
                Source::LambdaJson,
                0,
            ),
            ("nothing", String::new(), Source::LambdaText, 0),
        ];
        for (name, line, source, count) in cases {
            let mut records = Vec::new();
            parse(line.as_bytes(), Where::default(), &mut |record| records.push(record)).unwrap();
            assert_eq!(records.len(), count, "{name}");
            for record in records {
                assert_eq!(record.source, source, "{name}");
                assert_eq!(record.keys, [Key::InvocationId("f-1".to_owned())], "{name}");
                assert_eq!(record.length(Part::LambdaDuration), Some(Nanos::from_micros(2_500)), "{name}");
            }
        }
    }
}

//! Traces to summarise in tests.

use serde_json::{Value, json};

use super::SplitMix64;
use crate::trace::Trace;

/// What a trace of a test is to be; times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Specimen<'a> {
    pub(crate) id: u32,
    pub(crate) from: Option<u32>,
    pub(crate) name: Option<&'a str>,
    pub(crate) url: &'a str,
    pub(crate) method: &'a str,
    pub(crate) vantage: Option<&'a str>,
    pub(crate) reused: bool,
    pub(crate) tags: &'a [(&'a str, &'a str)],
    pub(crate) path: Option<&'a str>,
    pub(crate) phases: &'a [(&'a str, u64)],
    pub(crate) failure: Option<&'a str>,
    pub(crate) status: u16,
    /// Milliseconds after the first.
    pub(crate) started: u32,
}

impl Default for Specimen<'_> {
    fn default() -> Self {
        Self {
            id: 0,
            from: None,
            name: None,
            url: "http://a/",
            method: "GET",
            vantage: None,
            reused: false,
            tags: &[],
            path: None,
            phases: &[("connect", 1_000), ("wait", 5_000)],
            failure: None,
            status: 200,
            started: 0,
        }
    }
}

/// The trace.
pub(crate) fn trace(specimen: &Specimen<'_>) -> Trace {
    let id = |id: u32| format!("{id:032x}");
    let mut end = 0;
    let mut spans = Vec::new();
    for (phase, micros) in specimen.phases {
        let length = micros * 1_000;
        spans
            .push(json!({"phase": phase, "start_ns": end, "duration_ns": length, "evidence": "kernel", "error_ns": 1}));
        end += length;
    }
    let failure = specimen.failure.map(|code| json!({"phase": "connect", "code": code, "message": "it failed"}));
    let tags: serde_json::Map<String, Value> =
        specimen.tags.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut value = json!({
        "schema": "wirefall/trace/1", "trace_id": id(specimen.id), "tags": tags, "url": specimen.url,
        "method": specimen.method, "redirected_from": specimen.from.map(id),
        "started_at": format!("2026-11-21T04:{:02}:{:02}.{:03}Z", specimen.started / 60_000, specimen.started / 1_000 % 60,
            specimen.started % 1_000),
        "outcome": if failure.is_some() { "failed" } else { "complete" }, "total_ns": end, "phases": spans,
        "connect": {"reused": specimen.reused, "attempts": []}, "client": {"lag_ns": 0},
    });
    value["failure"] = failure.clone().unwrap_or(Value::Null);
    if let Some(name) = specimen.name {
        value["name"] = json!(name);
    }
    if let Some(vantage) = specimen.vantage {
        value["vantage"] = json!(vantage);
    }
    if let Some(path) = specimen.path {
        value["path"] = json!(path.split(',').collect::<Vec<_>>());
    }
    if failure.is_none() {
        value["response"] = json!({"status": specimen.status, "version": "HTTP/1.1", "headers": [], "header_bytes": 0,
            "body_bytes": 0, "informational": []});
    }
    serde_json::from_value(value).unwrap()
}

/// Standard normal, by the method of Box and Muller.
pub(crate) fn normal(random: &mut SplitMix64) -> f64 {
    let (radius, angle) = (1.0 - random.unit(), random.unit());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Traces of a target whose phases have these medians in microseconds, each with log-normal noise of this sigma.
pub(crate) fn noisy(of: &Specimen<'_>, phases: &[(&str, f64)], sigma: f64, count: u32, seed: u64) -> Vec<Trace> {
    let mut random = SplitMix64::new(seed);
    let mut draw = |index: u32| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a test")]
        let phases: Vec<(&str, u64)> = phases
            .iter()
            .map(|(phase, median)| (*phase, (median * (sigma * normal(&mut random)).exp()).round() as u64))
            .collect();
        trace(&Specimen { id: of.id + index, started: of.started + index * 100, phases: &phases, ..*of })
    };
    (0..count).map(&mut draw).collect()
}

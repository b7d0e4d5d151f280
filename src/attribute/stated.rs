//! Lengths that the response itself states: `Server-Timing` and fields of its kind.
//!
//! They have no start times, and what they include only their makers know: CloudFront's `cdn-downstream-fbl` runs from the
//! request's arrival to the first byte to the viewer, `cdn-upstream-fbl` from the end of the request to the origin to the first
//! byte from there ("Server-Timing header", Amazon CloudFront Developer Guide). AWS's own example does not add up, so nothing is
//! made to. Names that anybody may use mean nothing here, but for `total`, the application's whole by convention.

use super::hint::named;
use super::statement::{Says, Statement};
use crate::time::Nanos;
use crate::trace::{Layer, LayerEvidence, Response, ServerMetric, Trace};

/// CloudFront, Envoy, Fastly and Akamai state whole milliseconds.
const MILLISECOND: Nanos = Nanos::from_millis(1);

/// What the response states of layers.
pub(super) fn statements(trace: &Trace) -> Vec<Statement> {
    let Some(response) = &trace.response else { return Vec::new() };
    let metrics = trace.server_timing.iter().filter_map(|metric| metric_says(metric, &trace.server_timing));
    metrics.chain(fields(response)).collect()
}

fn metric_says(metric: &ServerMetric, all: &[ServerMetric]) -> Option<Statement> {
    let is_akamai = || all.iter().any(|metric| metric.name == "ak_p");
    let (says, field, resolution) = match metric.name.as_str() {
        "cdn-downstream-fbl" => (Says::Inclusive(Layer::CloudFront), "cdn-downstream-fbl", MILLISECOND),
        "cdn-upstream-fbl" => (Says::Behind(Layer::CloudFront), "cdn-upstream-fbl", MILLISECOND),
        "edge" if is_akamai() => (Says::Part(named("akamai")), "edge", MILLISECOND),
        "origin" if is_akamai() => (Says::Behind(named("akamai")), "origin", MILLISECOND),
        "total" => (Says::Innermost, "total", finest(metric.duration?)),
        _ => return None,
    };
    Some(Statement::of_response(says, metric.duration?, resolution, LayerEvidence::ServerTiming, field))
}

fn fields(response: &Response) -> impl Iterator<Item = Statement> {
    let header = |says: Says, (duration, resolution): (Nanos, Nanos), field: &'static str| {
        Statement::of_response(says, duration, resolution, LayerEvidence::Header, field)
    };
    let envoy = response.header("x-envoy-upstream-service-time").and_then(|value| length(value, Unit::Milliseconds));
    let runtime = response.header("x-runtime").and_then(|value| length(value, Unit::Seconds));
    let response_time = response.header("x-response-time").and_then(|value| length(value, Unit::Milliseconds));
    let fastly = response.header("x-timer").and_then(fastly_timer);
    [
        envoy.map(|found| header(Says::Behind(named("envoy")), found, "x-envoy-upstream-service-time")),
        runtime.map(|found| header(Says::Innermost, found, "x-runtime")),
        response_time.map(|found| header(Says::Innermost, found, "x-response-time")),
        fastly.map(|found| header(Says::Inclusive(named("fastly")), (found, MILLISECOND), "x-timer")),
    ]
    .into_iter()
    .flatten()
}

/// The unit of a number that has none.
#[derive(Clone, Copy)]
enum Unit {
    Milliseconds,
    Seconds,
}

/// `12`, `12ms`, `0.012s`, `0.012345`, and the value of the last digit.
fn length(text: &str, unit: Unit) -> Option<(Nanos, Nanos)> {
    let text = text.trim();
    let (number, nanos) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1_000_000)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1_000_000_000)
    } else {
        (
            text,
            match unit {
                Unit::Milliseconds => 1_000_000,
                Unit::Seconds => 1_000_000_000,
            },
        )
    };
    decimal(number.trim(), nanos)
}

/// A decimal number of units of so many nanoseconds, read without floats, and the value of its last digit.
fn decimal(text: &str, unit: u64) -> Option<(Nanos, Nanos)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some((Nanos::new(total), Nanos::new(place.max(1))))
}

/// The value of the last decimal digit of a number of milliseconds that is not 0, at least a nanosecond's.
fn finest(duration: Nanos) -> Nanos {
    let mut place = 1_000_000_u64;
    while place > 1 && !duration.get().is_multiple_of(place) {
        place /= 10;
    }
    Nanos::new(place)
}

/// `S1732248000.1,VS0,VE12`: from the first to the last step of Fastly's own, in ms.
fn fastly_timer(value: &str) -> Option<Nanos> {
    let step = |name: &str| value.split(',').find_map(|part| part.trim().strip_prefix(name)?.parse::<u64>().ok());
    Some(Nanos::from_millis(step("VE")?.saturating_sub(step("VS").unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::specimens::{response, trace};

    fn check(headers: &[(&str, &str)], timing: &serde_json::Value, expect: &[(Says, u64, u64, &str)]) {
        let more = json!({"response": response(headers), "server_timing": timing});
        let found = statements(&trace("https://example.com/", 1, 1, &more));
        let found: Vec<_> = found
            .into_iter()
            .map(|found| (found.says, found.duration.get(), found.resolution.get(), found.field))
            .collect();
        assert_eq!(found, expect, "{headers:?} {timing}");
    }

    #[test]
    fn what_fields_state() {
        let behind_envoy = || Says::Behind(named("envoy"));
        for (name, value, says, duration, resolution) in [
            ("x-envoy-upstream-service-time", "12", behind_envoy(), 12_000_000, 1_000_000),
            ("x-runtime", "0.012345", Says::Innermost, 12_345_000, 1_000),
            ("x-response-time", "12.5ms", Says::Innermost, 12_500_000, 100_000),
            ("x-response-time", "0.012s", Says::Innermost, 12_000_000, 1_000_000),
            ("x-response-time", "7", Says::Innermost, 7_000_000, 1_000_000),
            ("x-timer", "S1732248000.1,VS2,VE12", Says::Inclusive(named("fastly")), 10_000_000, 1_000_000),
        ] {
            check(&[(name, value)], &json!([]), &[(says, duration, resolution, name)]);
        }
        for value in ["", "-1", "12 parsecs", "1e3", ".5", "99999999999999999999"] {
            check(
                &[("x-runtime", value), ("x-envoy-upstream-service-time", value), ("x-timer", value)],
                &json!([]),
                &[],
            );
        }
    }

    #[test]
    fn what_server_timing_states() {
        let ms = 1_000_000_u64;
        let cloudfront = json!([
            {"name": "cdn-upstream-layer", "description": "EDGE"}, {"name": "cdn-upstream-dns", "duration_ns": 0},
            {"name": "cdn-upstream-connect", "duration_ns": 114 * ms}, {"name": "cdn-upstream-fbl", "duration_ns": 177 * ms},
            {"name": "cdn-downstream-fbl", "duration_ns": 436 * ms}, {"name": "db", "duration_ns": ms},
        ]);
        check(
            &[],
            &cloudfront,
            &[
                (Says::Behind(Layer::CloudFront), 177 * ms, ms, "cdn-upstream-fbl"),
                (Says::Inclusive(Layer::CloudFront), 436 * ms, ms, "cdn-downstream-fbl"),
            ],
        );
        let edge = json!([{"name": "edge", "duration_ns": ms}, {"name": "origin", "duration_ns": 5 * ms}]);
        check(&[], &edge, &[]);
        let akamai =
            json!([{"name": "ak_p"}, {"name": "edge", "duration_ns": ms}, {"name": "origin", "duration_ns": 5 * ms}]);
        let akamai_says =
            [(Says::Part(named("akamai")), ms, ms, "edge"), (Says::Behind(named("akamai")), 5 * ms, ms, "origin")];
        check(&[], &akamai, &akamai_says);
        let total = json!([{"name": "total", "duration_ns": 12_340_000}]);
        check(&[], &total, &[(Says::Innermost, 12_340_000, 10_000, "total")]);
    }
}

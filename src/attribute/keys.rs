//! By which keys records of a trace's request are found.
//!
//! What the request carried, where it carried anything: the root of `X-Amzn-Trace-Id`, the trace-id of `traceparent`, the token
//! in `User-Agent`; all are made from the trace's own id unless its user set them. What the response names: API Gateway's,
//! CloudFront's and Lambda's request ids. And, weakly, this end of the connection.

use super::record::Key;
use crate::trace::{Trace, TraceId};

/// The keys of one request, each once.
pub(super) fn of(trace: &Trace) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut add = |key: Option<Key>| {
        if let Some(key) = key.filter(|key| !keys.contains(key)) {
            keys.push(key);
        }
    };
    let request = trace.request.iter().flat_map(|request| &request.headers);
    for (name, value) in request {
        match name.to_ascii_lowercase().as_str() {
            "x-amzn-trace-id" => add(x_ray_root(value).map(Key::TraceRoot)),
            "traceparent" => add(value.split('-').nth(1).and_then(hexadecimal).map(Key::TraceRoot)),
            "user-agent" => add(token(value).map(Key::AgentToken)),
            _ => {}
        }
    }
    // Also where a request's headers were not kept: the id is unique, and says nothing where it was not sent.
    add(Some(Key::TraceRoot(trace.subject.trace_id)));
    add(Some(Key::AgentToken(trace.subject.trace_id)));
    if let Some(response) = &trace.response {
        let header = |name: &str| response.header(name).map(str::to_owned);
        add(header("x-amz-apigw-id").map(Key::ApigExtendedId));
        add(header("apigw-requestid").map(Key::AmznRequestId));
        add(header("x-amz-cf-id").map(Key::CloudFrontId));
        if let Some(id) = header("x-amzn-requestid") {
            // API Gateway's own, a function URL's invocation, or another service's.
            if response.header("x-amz-apigw-id").is_none() {
                add(Some(Key::InvocationId(id.clone())));
            }
            add(Some(Key::AmznRequestId(id)));
        }
        let metrics = trace.server_timing.iter().filter(|metric| metric.name == "cdn-rid");
        metrics.for_each(|metric| add(metric.description.clone().map(Key::CloudFrontId)));
        let echoed = header("x-amzn-trace-id");
        add(echoed.and_then(|value| x_ray_root(&value)).map(Key::TraceRoot));
    }
    let local = trace.connect.as_ref().and_then(|connect| connect.local.as_ref());
    add(local.and_then(|local| local.parse().ok()).map(Key::ClientPort));
    keys
}

/// Whether the request itself told its layers who it is, so that a record with another root is another request's.
pub(super) fn carried_root(trace: &Trace) -> bool {
    let headers = trace.request.iter().flat_map(|request| &request.headers);
    headers.into_iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id"))
}

fn x_ray_root(value: &str) -> Option<TraceId> {
    let root = value.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let (epoch, rest) = root.strip_prefix("1-")?.split_once('-')?;
    (epoch.len() == 8).then(|| hexadecimal(&format!("{epoch}{rest}")))?
}

/// The first run of exactly 32 hexadecimal digits.
fn token(agent: &str) -> Option<TraceId> {
    agent.split(|character: char| !character.is_ascii_alphanumeric()).find_map(hexadecimal)
}

fn hexadecimal(digits: &str) -> Option<TraceId> {
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::specimens::{response, trace};

    const URL: &str = "https://example.com/";

    fn id(digits: &str) -> TraceId {
        digits.parse().unwrap()
    }

    #[test]
    fn a_request_is_known_by_what_it_carried_and_what_came_back() {
        let headers = [
            ["x-amzn-trace-id", "Self=1-1;Root=1-67400000-0123456789abcdef01234567;Parent=1"],
            ["traceparent", "00-674000000123456789abcdef01234568-00f067aa0ba902b7-01"],
            ["user-agent", "wirefall/0.1.0 (trace 674000000123456789abcdef01234569)"],
        ];
        let back = [
            ("x-amzn-requestid", "4f0b"),
            ("x-amz-apigw-id", "Bx1="),
            ("x-amz-cf-id", "Zz=="),
            ("x-amzn-trace-id", "Root=1-67400000-0123456789abcdef0123456a;Lineage=1:0a:0"),
        ];
        let more = json!({"request": {"version": "", "headers": headers, "body_bytes": 0, "header_bytes": 0},
            "response": response(&back)});
        let own = id("6740000000000000000000000000000a");
        let expect = [
            Key::TraceRoot(id("674000000123456789abcdef01234567")),
            Key::TraceRoot(id("674000000123456789abcdef01234568")),
            Key::AgentToken(id("674000000123456789abcdef01234569")),
            Key::TraceRoot(own),
            Key::AgentToken(own),
            Key::ApigExtendedId("Bx1=".to_owned()),
            Key::CloudFrontId("Zz==".to_owned()),
            Key::AmznRequestId("4f0b".to_owned()),
            Key::TraceRoot(id("674000000123456789abcdef0123456a")),
            Key::ClientPort("192.0.2.10:51234".parse().unwrap()),
        ];
        let trace = trace(URL, 1, 1, &more);
        assert_eq!(of(&trace), expect);
        assert!(carried_root(&trace));
    }

    #[test]
    fn a_function_url_names_its_invocation() {
        let more = json!({"response": response(&[("x-amzn-requestid", "4f0b"), ("x-amzn-trace-id", "odd")])});
        let keys = of(&trace(URL, 1, 1, &more));
        assert!(keys.contains(&Key::InvocationId("4f0b".to_owned())), "{keys:?}");
        assert!(!carried_root(&trace(URL, 1, 1, &more)));
    }
}

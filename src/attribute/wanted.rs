//! Which entries of a log may concern the traces at hand.
//!
//! Logs have millions of lines, of which a few are ours. [`Wanted`] knows the keys of the traces, and those learned from records
//! on the way, and answers two questions: may this line concern us, by a glance at its bytes (no false "no" for what a parser
//! would find, few false "yes"); and does this record ([`Wanted::wants`]: exact).
//!
//! A client's address and port are a weak key: they serve where a log has no better one, or where the request carried none.
//!
//! Deliberately absent: parsing lines, and deciding which trace a record belongs to.

use std::collections::HashSet;
use std::net::SocketAddr;

use memchr::memchr_iter;

use super::needles::Needles;
use super::record::{Key, Record};
use super::root::{agent_token, traceparent, x_ray_root};
use crate::trace::{Trace, TraceId};

/// The keys that are looked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    keys: HashSet<Key>,
    needles: Needles,
    /// Ports of all traces, and of those whose requests carried no key.
    ports: HashSet<u16>,
    ports_alone: HashSet<u16>,
    /// Clients whose requests carried no key.
    alone: HashSet<SocketAddr>,
}

impl Wanted {
    /// The keys of these traces.
    #[must_use]
    pub fn of(traces: &[Trace]) -> Self {
        let mut wanted = Self::default();
        for trace in traces {
            // A trace without a request sent nothing that a log could hold.
            let carried = trace.request.is_none() || sent_keys(trace).next().is_some();
            for key in keys_of(trace) {
                if let (Key::ClientPort(client), false) = (&key, carried) {
                    wanted.alone.insert(*client);
                    wanted.ports_alone.insert(client.port());
                }
                wanted.insert(key);
            }
        }
        wanted
    }

    /// Looks for this record's keys too, if it is one of ours: what it names, other logs may know by that name alone. A client's
    /// address and port are not learned: behind an edge they are the edge's.
    pub fn learn(&mut self, record: &Record) {
        if self.wants(record) {
            for key in record.keys.iter().filter(|key| !matches!(key, Key::ClientPort(_))) {
                self.insert(key.clone());
            }
        }
    }

    /// Whether a record has a key that is looked for.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        record.keys.iter().any(|key| match key {
            Key::ClientPort(client) if !record.source.knows_connections_only() => self.alone.contains(client),
            key => self.keys.contains(key),
        })
    }

    /// Whether a trace of X-Ray may be one of ours: by its root, or, where some request carried none, in any case.
    pub(super) fn wants_root(&self, root: TraceId) -> bool {
        !self.alone.is_empty() || self.keys.contains(&Key::TraceRoot(root))
    }

    /// Whether a line may hold a key that is looked for. `port` says where the line has the client's.
    pub(super) fn may_concern(&self, line: &[u8], port: Option<PortAt>) -> bool {
        let by_port = port.is_some_and(|place| {
            let ports = match place.trust {
                Trust::OnlyKey => &self.ports,
                Trust::LastResort => &self.ports_alone,
            };
            !ports.is_empty() && place.read(line).is_some_and(|port| ports.contains(&port))
        });
        by_port || self.needles.may_be_in(line)
    }

    fn insert(&mut self, key: Key) {
        match &key {
            Key::TraceRoot(id) => {
                let text = id.to_string();
                let (epoch, random) = text.split_at(8);
                self.needles.insert(format!("1-{epoch}-{random}").as_bytes());
            }
            Key::AgentToken(id) => self.needles.insert(id.to_string().as_bytes()),
            Key::AmznRequestId(id)
            | Key::ApigExtendedId(id)
            | Key::CloudFrontId(id)
            | Key::InvocationId(id)
            | Key::ConnectionTrace(id) => self.needles.insert(id.as_bytes()),
            Key::ClientPort(client) => {
                self.ports.insert(client.port());
            }
        }
        self.keys.insert(key);
    }
}

/// The keys by which records of a trace's request can be found: those it was sent with, those that came back, and its end of
/// the connection.
#[must_use]
pub fn keys_of(trace: &Trace) -> Vec<Key> {
    let mut keys = vec![Key::TraceRoot(trace.subject.trace_id), Key::AgentToken(trace.subject.trace_id)];
    keys.extend(sent_keys(trace));
    for (name, value) in trace.response.iter().flat_map(|response| &response.headers) {
        let owned = || value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            // API Gateway's id of the request, or, of a function URL, the invocation's.
            "x-amzn-requestid" | "x-amzn-remapped-x-amzn-requestid" => {
                keys.extend([Key::AmznRequestId(owned()), Key::InvocationId(owned())]);
            }
            "apigw-requestid" => keys.push(Key::AmznRequestId(owned())),
            "x-amz-apigw-id" => keys.push(Key::ApigExtendedId(owned())),
            "x-amz-cf-id" => keys.push(Key::CloudFrontId(owned())),
            "x-amzn-trace-id" => keys.extend(x_ray_root(value.as_bytes()).map(Key::TraceRoot)),
            _ => {}
        }
    }
    let edge = trace.server_timing.iter().filter(|metric| metric.name.eq_ignore_ascii_case("cdn-rid"));
    keys.extend(edge.filter_map(|metric| metric.description.clone()).map(Key::CloudFrontId));
    let local = trace.connect.as_ref().and_then(|connect| connect.local.as_deref());
    keys.extend(local.and_then(|local| local.parse().ok()).map(Key::ClientPort));
    // An empty header would match every absent field.
    keys.retain(|key| match key {
        Key::AmznRequestId(id) | Key::InvocationId(id) | Key::ApigExtendedId(id) | Key::CloudFrontId(id) => {
            !id.is_empty()
        }
        _ => true,
    });
    keys.sort();
    keys.dedup();
    keys
}

/// The keys that the request carried, as it was sent: the user's own headers win over ours.
fn sent_keys(trace: &Trace) -> impl Iterator<Item = Key> {
    let headers = trace.request.iter().flat_map(|request| &request.headers);
    headers.filter_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "x-amzn-trace-id" => x_ray_root(value.as_bytes()).map(Key::TraceRoot),
        "traceparent" => traceparent(value.as_bytes()).map(Key::TraceRoot),
        "user-agent" => agent_token(value.as_bytes()).map(Key::AgentToken),
        _ => None,
    })
}

/// Where a line of some format has the client's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortAt {
    /// What parts fields.
    pub(super) separator: u8,
    /// The field, counted from 0; the port is what follows its last colon, if it has one.
    pub(super) field: usize,
    pub(super) trust: Trust,
}

/// What a client's port is worth in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// There is no other key.
    OnlyKey,
    /// It counts where the request carried no better one.
    LastResort,
}

impl PortAt {
    fn read(self, line: &[u8]) -> Option<u16> {
        let mut ends = memchr_iter(self.separator, line);
        let start = match self.field.checked_sub(1) {
            None => 0,
            Some(before) => ends.nth(before)? + 1,
        };
        let field = line.get(start..ends.next().unwrap_or(line.len()))?;
        let digits = field.rsplit(|byte| *byte == b':').next()?;
        if digits.is_empty() || digits.len() > 5 {
            return None;
        }
        let number = digits
            .iter()
            .try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))?;
        number.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::attribute::record::{Source, Where};

    const OWN: &str = "5833726236d228ad5d99923122bbe354";
    const OTHER: &str = "6833726236d228ad5d99923122bbe354";

    fn trace(more: Value) -> Trace {
        let mut value = json!({
            "schema": "wirefall/trace/1", "trace_id": OWN, "url": "http://x.example/", "method": "GET",
            "started_at": "2026-11-21T04:38:33.123456789Z", "outcome": "complete", "failure": null,
            "redirected_from": null, "total_ns": 0, "phases": [], "client": {"lag_ns": 0},
            "connect": {"reused": false, "local": "192.0.2.10:51234", "remote": "198.51.100.2:80", "attempts": []},
        });
        if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
            fields.extend(more);
        }
        serde_json::from_value(value).unwrap()
    }

    fn sent(headers: &Value) -> Value {
        json!({"version": "HTTP/1.1", "headers": headers, "body_bytes": 0, "header_bytes": 1})
    }

    fn answered(headers: &Value) -> Value {
        json!({"status": 200, "version": "HTTP/1.1", "header_bytes": 1, "body_bytes": 1, "headers": headers,
            "informational": []})
    }

    fn record(source: Source, key: Key) -> Record {
        Record { keys: vec![key], ..Record::new(source, Where::default()) }
    }

    fn port() -> Key {
        Key::ClientPort("192.0.2.10:51234".parse().unwrap())
    }

    #[test]
    fn a_trace_is_known_by_what_it_sent_and_what_came_back() {
        let root = |text: &str| Key::TraceRoot(text.parse().unwrap());
        let text = |key: fn(String) -> Key, id: &str| key(id.to_owned());
        let cases = [
            ("the trace's own id", json!({}), vec![root(OWN)]),
            (
                "the user's own root wins",
                json!({"request": sent(&json!([["X-Amzn-Trace-Id", format!("Root=1-{}-{}", &OTHER[..8], &OTHER[8..])]]))}),
                vec![root(OTHER)],
            ),
            (
                "the user's traceparent",
                json!({"request": sent(&json!([["traceparent", format!("00-{OTHER}-00f067aa0ba902b7-01")]]))}),
                vec![root(OTHER)],
            ),
            (
                "a token in the agent",
                json!({"request": sent(&json!([["user-agent", format!("me trace/{OTHER}")]]))}),
                vec![Key::AgentToken(OTHER.parse().unwrap())],
            ),
            (
                "a REST API",
                json!({"response": answered(&json!([["x-amzn-requestid", "r-1"], ["x-amz-apigw-id", "xy="]]))}),
                vec![text(Key::AmznRequestId, "r-1"), text(Key::InvocationId, "r-1"), text(Key::ApigExtendedId, "xy=")],
            ),
            (
                "an HTTP API",
                json!({"response": answered(&json!([["apigw-requestid", "r-2="]]))}),
                vec![text(Key::AmznRequestId, "r-2=")],
            ),
            (
                "CloudFront, by a header or by its Server-Timing",
                json!({"response": answered(&json!([["x-amz-cf-id", "cf1=="]])),
                    "server_timing": [{"name": "cdn-rid", "description": "cf2=="}]}),
                vec![text(Key::CloudFrontId, "cf1=="), text(Key::CloudFrontId, "cf2==")],
            ),
            (
                "a function URL tells its root",
                json!({"response": answered(&json!([["x-amzn-trace-id", format!("Root=1-{}-{};Sampled=1", &OTHER[..8], &OTHER[8..])]]))}),
                vec![root(OTHER)],
            ),
            ("its end of the connection", json!({}), vec![port()]),
        ];
        for (name, more, expected) in cases {
            let keys = keys_of(&trace(more));
            assert!(expected.iter().all(|key| keys.contains(key)), "{name}: {keys:?}");
        }
        let empty = keys_of(&trace(json!({"response": answered(&json!([["x-amz-cf-id", ""]]))})));
        assert!(!empty.iter().any(|key| matches!(key, Key::CloudFrontId(_))), "{empty:?}");
    }

    #[test]
    fn a_port_counts_where_there_is_nothing_better() {
        let with_keys = trace(json!({"request": sent(&json!([["user-agent", format!("trace/{OWN}")]]))}));
        let without = trace(json!({"request": sent(&json!([]))}));
        let unsent = trace(json!({}));
        let cases = [
            (&with_keys, Source::AlbAccess, false),
            (&with_keys, Source::NlbTls, true),
            (&with_keys, Source::AlbConnection, true),
            (&without, Source::AlbAccess, true),
            (&without, Source::CloudFrontStandard, true),
            (&unsent, Source::AlbAccess, false),
        ];
        for (trace, source, expected) in cases {
            let wanted = Wanted::of(std::slice::from_ref(trace));
            assert_eq!(wanted.wants(&record(source, port())), expected, "{source}");
        }
    }

    #[test]
    fn what_a_record_names_is_learned_but_no_address_and_nothing_from_strangers() {
        let mut wanted = Wanted::of(&[trace(json!({}))]);
        let invocation = |id: &str| Key::InvocationId(id.to_owned());
        let edge = || Key::ClientPort("203.0.113.9:40000".parse().unwrap());
        let mut known = record(Source::AlbAccess, Key::TraceRoot(OWN.parse().unwrap()));
        known.keys.extend([invocation("f-000001"), edge()]);
        let mut stranger = record(Source::AlbAccess, Key::TraceRoot(OTHER.parse().unwrap()));
        stranger.keys.push(invocation("f-000002"));
        wanted.learn(&known);
        wanted.learn(&stranger);
        assert!(wanted.wants(&record(Source::LambdaText, invocation("f-000001"))));
        assert!(wanted.may_concern(b"REPORT RequestId: f-000001", None));
        assert!(!wanted.wants(&record(Source::LambdaText, invocation("f-000002"))));
        assert!(!wanted.may_concern(b"REPORT RequestId: f-000002", None));
        assert!(!wanted.wants(&record(Source::NlbTls, edge())));
    }

    #[test]
    fn the_port_is_found_in_its_field() {
        let place = |field| PortAt { separator: b' ', field, trust: Trust::OnlyKey };
        let cases = [
            ("a b 192.0.2.10:51234 c", 2, Some(51_234)),
            ("[2001:db8::1]:51234", 0, Some(51_234)),
            ("a 51234", 1, Some(51_234)),
            ("a b", 2, None),
            ("a -", 1, None),
            ("a 1.2.3.4:", 1, None),
            ("a 1.2.3.4:99999", 1, None),
            ("a 1.2.3.4:123456", 1, None),
            ("", 0, None),
        ];
        for (line, field, expected) in cases {
            assert_eq!(place(field).read(line.as_bytes()), expected, "{line}");
        }
        let wanted = Wanted::of(&[trace(json!({}))]);
        assert!(wanted.may_concern(b"a b 192.0.2.77:51234", Some(place(2))));
        assert!(!wanted.may_concern(b"a b 192.0.2.10:51235", Some(place(2))));
    }
}

//! Traces to render in tests: one of each kind that looks different, and a strategy for any trace at all.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::trace::Trace;

/// A phase's name, length in ns, witness and error in ns.
type Written = (&'static str, u64, &'static str, u64);

/// A trace with these phases; `more` adds or replaces fields of the JSON form.
pub(crate) fn trace(id: u32, url: &str, phases: &[Written], more: Value) -> Trace {
    let mut end = 0;
    let mut spans = Vec::new();
    for (phase, length, evidence, error) in phases {
        spans.push(
            json!({"phase": phase, "start_ns": end, "duration_ns": length, "evidence": evidence, "error_ns": error}),
        );
        end += length;
    }
    let mut value = json!({
        "schema": "wirefall/trace/1", "trace_id": format!("{id:032x}"), "url": url, "method": "GET",
        "started_at": "2026-11-21T04:38:33.123456789Z", "outcome": "complete", "failure": null,
        "redirected_from": null, "total_ns": end, "phases": spans, "client": {"lag_ns": 0},
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    serde_json::from_value(value).unwrap()
}

/// A request over HTTP/2 on a fresh connection, everything as usual.
pub(crate) fn secure() -> Trace {
    let phases = [
        ("dns", 812_345, "kernel", 1_200),
        ("connect", 16_012_000, "kernel", 1_900),
        ("tls", 17_201_400, "kernel", 1_100),
        ("send", 41_000, "kernel", 1_100),
        ("wait", 38_912_000, "wire", 900),
        ("receive", 1_234_000, "wire", 900),
    ];
    trace(
        1,
        "https://api.example.com/orders?id=42&q=a%20b",
        &phases,
        json!({
            "name": "orders", "tags": {"region": "us-east-1"}, "vantage": "laptop",
            "dns": {"source": "network", "queries": [
                query("127.0.0.53:53", "A", 0, Some(790_000), json!({"rcode": "NOERROR", "truncated": false, "ttl_s": 60,
                    "cname": ["d111.example.net"], "addresses": ["198.51.100.2", "198.51.100.3"]})),
                query("127.0.0.53:53", "AAAA", 21_000, Some(791_345), json!({"rcode": "NOERROR", "truncated": false,
                    "cname": ["d111.example.net"], "addresses": []})),
            ]},
            "connect": {"reused": false, "local": "192.0.2.10:51234", "remote": "198.51.100.2:443", "rtt_ns": 16_004_000,
                "attempts": [{"address": "198.51.100.2:443", "start_ns": 812_345, "duration_ns": 16_012_000,
                    "result": "won", "error": null}]},
            "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "group": "X25519", "alpn": "h2",
                "resumed": false, "round_trips": 1, "client_hello_ns": 16_900_000, "server_hello_ns": 33_100_000,
                "verified_ns": 33_700_000, "finished_ns": 34_025_745, "certificates": [{
                    "subject": "CN=api.example.com", "issuer": "CN=Example CA R11, O=Example Trust, C=US",
                    "not_before": "2026-10-01T00:00:00Z", "not_after": "2026-12-30T23:59:59Z"}]},
            "request": {"version": "HTTP/2", "headers": [["host", "api.example.com"], ["user-agent", "wirefall/0.1"]],
                "body_bytes": 0, "header_bytes": 96},
            "response": {"status": 200, "version": "HTTP/2", "header_bytes": 312, "body_bytes": 123_456,
                "headers": [["server", "nginx"], ["content-type", "application/json"], ["x-a", "1"], ["x-a", "2"]],
                "informational": [{"status": 103, "at_ns": 52_100_000}],
                "head_complete_ns": 72_990_000, "first_body_byte_ns": 73_000_000},
            "wait": {"network_ns": 16_004_000, "server_ns": 22_908_000, "server_low_ns": 22_100_000,
                "server_high_ns": 22_908_000, "method": "min_rtt_and_ack"},
            "transport": {"min_rtt_ns": 16_004_000, "rtt_ns": 16_300_000, "retransmits": 0, "lost": 0},
            "client": {"lag_ns": 36_000},
        }),
    )
}

/// Clear text to an address: no name to resolve, no handshake.
pub(crate) fn plain() -> Trace {
    let phases = [
        ("connect", 84_000, "kernel", 900),
        ("send", 400, "user", 2_000),
        ("wait", 1_205_000, "user", 44_000),
        ("receive", 9_000, "user", 44_000),
    ];
    trace(
        2,
        "http://127.0.0.1:8080/",
        &phases,
        json!({
            "connect": {"reused": false, "local": "127.0.0.1:40000", "remote": "127.0.0.1:8080", "rtt_ns": 80_000, "attempts":
                [{"address": "127.0.0.1:8080", "start_ns": 0, "duration_ns": 84_000, "result": "won", "error": null}]},
            "request": {"version": "HTTP/1.1", "headers": [["host", "127.0.0.1:8080"]], "body_bytes": 0, "header_bytes": 80},
            "response": {"status": 404, "version": "HTTP/1.1", "header_bytes": 153, "body_bytes": 5,
                "headers": [["content-type", "text/plain"]], "informational": []},
        }),
    )
}

/// A second request on the connection of [`secure`].
pub(crate) fn reused() -> Trace {
    let phases =
        [("send", 35_000, "kernel", 1_100), ("wait", 30_012_000, "kernel", 900), ("receive", 0, "kernel", 900)];
    trace(
        3,
        "https://api.example.com/orders?id=43",
        &phases,
        json!({
            "method": "POST",
            "connect": {"reused": true, "local": "192.0.2.10:51234", "remote": "198.51.100.2:443", "attempts": []},
            "request": {"version": "HTTP/2", "headers": [], "body_bytes": 17, "header_bytes": 41},
            "response": {"status": 204, "version": "HTTP/2", "header_bytes": 80, "body_bytes": 0, "headers": [],
                "informational": []},
            "wait": {"network_ns": 16_004_000, "server_ns": 14_008_000, "server_low_ns": 0, "server_high_ns": 14_008_000,
                "method": "min_rtt"},
        }),
    )
}

/// A resolver that does not answer, IPv6 that is refused, packets sent again, a late client.
pub(crate) fn troubled() -> Trace {
    let phases = [
        ("blocked", 3_000_000, "user", 50_000),
        ("dns", 2_003_100_000, "user", 44_000),
        ("connect", 266_000_000, "kernel", 2_000),
        ("tls", 33_000_000, "kernel", 2_000),
        ("send", 60_000, "user", 44_000),
        ("wait", 120_000_000, "kernel", 2_000),
        ("receive", 415_000_000, "kernel", 2_000),
    ];
    trace(
        4,
        "https://www.example.org/a/rather/long/path/that/does/not/end/early/index.html?with=a&long=query&and=more",
        &phases,
        json!({
            "dns": {"source": "network", "queries": [
                query("192.0.2.1:53", "A", 3_000_000, None, Value::Null),
                query("192.0.2.1:53", "AAAA", 3_040_000, None, Value::Null),
                with(query("192.0.2.2:53", "A", 2_003_000_000, Some(2_900_000), json!({"rcode": "NOERROR",
                    "truncated": false, "ttl_s": 20, "cname": [], "addresses": ["203.0.113.7"]})), "retries", json!(1)),
                with(query("192.0.2.2:53", "AAAA", 2_003_050_000, Some(3_050_000), json!({"rcode": "NOERROR",
                    "truncated": true, "ttl_s": 20, "cname": [], "addresses": ["2001:db8::7"]})), "retries", json!(1)),
            ]},
            "connect": {"reused": false, "local": "192.0.2.10:51300", "remote": "203.0.113.7:443", "rtt_ns": 16_000_000,
                "proxy": null, "attempts": [
                {"address": "[2001:db8::7]:443", "start_ns": 2_006_100_000_u64, "duration_ns": 250_000_000,
                    "result": "failed", "error": "ENETUNREACH"},
                {"address": "203.0.113.7:443", "start_ns": 2_256_100_000_u64, "duration_ns": 16_000_000, "result": "won",
                    "error": null},
                {"address": "203.0.113.8:443", "start_ns": 2_266_100_000_u64, "result": "abandoned", "error": null}]},
            "tls": {"version": "TLSv1.2", "cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "group": "secp256r1",
                "resumed": false, "round_trips": 2, "certificates": [{"subject": "CN=www.example.org", "issuer": "CN=R3",
                "not_before": "2026-09-01T00:00:00Z", "not_after": "2026-11-25T00:00:00Z"}]},
            "request": {"version": "HTTP/1.1", "headers": [["host", "www.example.org"]], "body_bytes": 0, "header_bytes": 180},
            "response": {"status": 503, "version": "HTTP/1.1", "header_bytes": 512, "body_bytes": 4_567_890,
                "headers": [["server", "awselb/2.0"], ["location", "/sorry"]], "informational": []},
            "wait": {"network_ns": 16_000_000, "server_ns": 104_000_000, "server_low_ns": 103_200_000,
                "server_high_ns": 104_000_000, "method": "min_rtt_and_ack"},
            "transport": {"min_rtt_ns": 16_000_000, "rtt_ns": 48_000_000, "retransmits": 3, "lost": 1},
            "client": {"lag_ns": 62_187_000},
        }),
    )
}

/// A request that was lost and sent again, as captured.
pub(crate) fn repeated() -> Trace {
    let phases = [
        ("connect", 1_016_012_000, "wire", 900),
        ("send", 41_000, "wire", 900),
        ("wait", 231_000_000, "wire", 900),
        ("receive", 25_000_000, "wire", 900),
    ];
    let counts = |packets: u64, bytes: u64, retransmitted: u64, out_of_order: u64| {
        json!({"packets": packets, "bytes": bytes, "retransmitted": retransmitted, "out_of_order": out_of_order,
            "duplicate_acks": 0, "zero_windows": 0})
    };
    let packet = |at: u64, direction: &str, flags: &str, sequence: u64, bytes: u32, note: Value| {
        json!({"at_ns": at, "direction": direction, "flags": flags, "sequence": sequence, "acknowledgement": 1,
            "bytes": bytes, "window": 64_256, "note": note})
    };
    trace(
        10,
        "http://192.0.2.80/report",
        &phases,
        json!({
            "connect": {"reused": false, "local": "192.0.2.10:51400", "remote": "192.0.2.80:80", "attempts": [
                {"address": "192.0.2.80:80", "start_ns": 0, "duration_ns": 1_016_012_000, "result": "won", "error": null}]},
            "response": {"status": 200, "version": "HTTP/1.1", "header_bytes": 120, "body_bytes": 30_000, "headers": [],
                "informational": []},
            "wait": {"network_ns": 16_012_000, "server_ns": 11_988_000, "server_low_ns": 11_900_000,
                "server_high_ns": 11_990_000, "retransmission_ns": 203_000_000, "method": "request_ack"},
            "wire": {"interface": "eth0", "side": "client", "captured": 42, "dropped": 0, "ttl": 57,
                "client": {"mss": 1460, "window_scale": 7, "sack": true, "timestamps": true, "ecn": true},
                "server": {"mss": 1400, "window_scale": 9, "sack": true, "timestamps": true, "ecn": true},
                "sent": counts(17, 400, 2, 0), "received": counts(25, 30_120, 0, 1),
                "phases": [{"phase": "connect", "sent_packets": 2, "sent_bytes": 0, "received_packets": 1, "received_bytes": 0}],
                "delays": [
                    {"phase": "connect", "cause": "lost_syn", "start_ns": 0, "duration_ns": 1_000_000_000, "recovery": "timeout"},
                    {"phase": "wait", "cause": "lost_request", "start_ns": 1_016_053_000, "duration_ns": 203_000_000,
                        "recovery": "timeout"},
                    {"phase": "receive", "cause": "reordering", "start_ns": 1_250_000_000, "duration_ns": 1_000_000},
                    {"phase": "receive", "cause": "reordering", "start_ns": 1_256_000_000, "duration_ns": 500_000},
                    {"phase": "receive", "cause": "zero_window", "start_ns": 1_260_000_000, "duration_ns": 4_000_000},
                ],
                "packets": [
                    packet(0, "sent", "S", 0, 0, Value::Null),
                    packet(1_000_000_000, "sent", "S", 0, 0, json!("retransmission")),
                    packet(1_016_012_000, "received", "SA", 0, 0, Value::Null),
                    packet(1_016_053_000, "sent", "PA", 1, 200, Value::Null),
                    packet(1_219_053_000, "sent", "PA", 1, 200, json!("retransmission")),
                    packet(1_235_065_000, "received", "A", 1, 0, Value::Null),
                    packet(1_247_053_000, "received", "PA", 1, 1_400, Value::Null),
                    packet(1_272_053_000, "received", "PA", 1_401, 1_400, Value::Null),
                ]},
        }),
    )
}

/// As [`plain`], with the path to the server: one router slow to answer, one silent, one that answers seldom.
pub(crate) fn with_hops() -> Trace {
    let mut trace = plain();
    let hop = |ttl: u8, more: Value| {
        let mut hop = json!({"ttl": ttl, "sent": 3, "received": 3, "loss": 0.0, "reply": "time_exceeded"});
        if let (Value::Object(fields), Value::Object(more)) = (&mut hop, more) {
            fields.extend(more);
        }
        hop
    };
    let times = |best: u64, median: u64, worst: u64, step: i64| json!({"best_ns": best, "median_ns": median, "worst_ns": worst, "step_ns": step});
    let both = |mut one: Value, more: Value| {
        if let (Value::Object(fields), Value::Object(more)) = (&mut one, more) {
            fields.extend(more);
        }
        one
    };
    let hops = json!([
        hop(
            1,
            both(
                times(412_000, 430_000, 2_900_000, 412_000),
                json!({"address": "192.0.2.1", "name": "gateway.example"})
            )
        ),
        json!({"ttl": 2, "sent": 3, "received": 0, "loss": 1.0}),
        hop(
            3,
            both(
                times(9_800_000, 9_800_000, 9_800_000, 9_388_000),
                json!({"address": "203.0.113.7", "received": 1, "loss": 0.667})
            )
        ),
        hop(
            4,
            both(
                times(9_100_000, 9_150_000, 9_400_000, -700_000),
                json!({"address": "203.0.113.9", "other_addresses": ["203.0.113.10"]})
            )
        ),
        hop(
            5,
            both(
                times(16_004_000, 16_100_000, 16_900_000, 6_904_000),
                json!({"address": "198.51.100.2", "reply": "syn_ack"})
            )
        ),
    ]);
    trace.hops = serde_json::from_value(hops).unwrap();
    let search = json!({"source": "192.0.2.10:40001", "destination": "198.51.100.2:443", "rounds": 3, "probes": 17,
        "ended": "destination", "evidence": "kernel"});
    trace.hop_search = Some(serde_json::from_value(search).unwrap());
    trace
}

/// Two requests: a redirect and what it leads to, on a new connection.
pub(crate) fn redirected() -> Vec<Trace> {
    let connect = |local: &str, remote: &str| {
        json!({"reused": false, "local": local, "remote": remote, "attempts":
            [{"address": remote, "start_ns": 500_000, "duration_ns": 10_000_000, "result": "won", "error": null}]})
    };
    let request =
        json!({"version": "HTTP/1.1", "headers": [["host", "example.com"]], "body_bytes": 3, "header_bytes": 80});
    let first = trace(
        5,
        "http://example.com/",
        &[
            ("dns", 500_000, "kernel", 900),
            ("connect", 10_000_000, "kernel", 900),
            ("send", 20_000, "kernel", 900),
            ("wait", 12_000_000, "kernel", 900),
            ("receive", 100_000, "kernel", 900),
        ],
        json!({
            "dns": {"source": "hosts", "queries": []},
            "connect": connect("192.0.2.10:50001", "198.51.100.9:80"), "request": request,
            "response": {"status": 301, "version": "HTTP/1.1", "header_bytes": 120, "body_bytes": 3, "informational": [],
                "headers": [["location", "https://www.example.com/"]]},
        }),
    );
    let second = trace(
        6,
        "https://www.example.com/",
        &[
            ("dns", 700_000, "kernel", 900),
            ("connect", 10_000_000, "kernel", 900),
            ("tls", 22_000_000, "kernel", 900),
            ("send", 30_000, "kernel", 900),
            ("wait", 15_000_000, "kernel", 900),
            ("receive", 3_000_000, "kernel", 900),
        ],
        json!({
            "redirected_from": first.subject.trace_id.to_string(),
            "dns": {"source": "override", "queries": []},
            "connect": connect("192.0.2.10:50002", "[2001:db8::9]:443"), "request": request,
            "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "resumed": true, "round_trips": 1,
                "certificates": []},
            "response": {"status": 200, "version": "HTTP/1.1", "header_bytes": 200, "body_bytes": 1_000, "informational": [],
                "headers": [["content-type", "text/html"]]},
        }),
    );
    vec![first, second]
}

/// Nothing listens.
pub(crate) fn refused() -> Trace {
    trace(
        7,
        "http://127.0.0.1:1/",
        &[("connect", 42_000, "user", 2_000)],
        json!({
            "outcome": "failed",
            "failure": {"phase": "connect", "code": "connect.refused", "message": "cannot connect to 127.0.0.1:1: ECONNREFUSED"},
            "connect": {"reused": false, "attempts": [{"address": "127.0.0.1:1", "start_ns": 0, "duration_ns": 42_000,
                "result": "failed", "error": "ECONNREFUSED"}]},
        }),
    )
}

/// The name does not exist.
pub(crate) fn unknown_name() -> Trace {
    trace(
        8,
        "https://nowhere.invalid/",
        &[("dns", 5_100_000, "kernel", 1_000)],
        json!({
            "outcome": "failed",
            "failure": {"phase": "dns", "code": "dns.nxdomain", "message": "nowhere.invalid does not exist (127.0.0.53:53)"},
            "dns": {"source": "network", "queries": [query("127.0.0.53:53", "A", 0, Some(5_100_000),
                json!({"rcode": "NXDOMAIN", "truncated": false, "cname": [], "addresses": []}))]},
        }),
    )
}

/// The handshake fails, and the certificate says why.
pub(crate) fn expired() -> Trace {
    let mut trace = secure();
    let failure = json!({"phase": "tls", "code": "tls.certificate_expired",
        "message": "the certificate of api.example.com was valid until 2026-11-01T00:00:00Z; \
                    renew it on the balancer that answers at 198.51.100.2:443"});
    trace.outcome = crate::trace::Outcome::Failed(serde_json::from_value(failure).unwrap());
    trace.timeline = timeline([None, Some(812_345), Some(16_012_000), Some(17_000_000), None, None, None]);
    (trace.request, trace.response, trace.wait) = (None, None, None);
    if let Some(tls) = &mut trace.tls {
        tls.session = None;
        tls.certificates[0].not_after = "2026-11-01T00:00:00Z".to_owned();
    }
    trace
}

/// A server that tries to write on the user's terminal.
pub(crate) fn hostile() -> Trace {
    let evil = "\x1b]0;owned\x07\x1b[2J\r\nHTTP/1.1 200 OK\u{202e}\u{9b}31m|`=";
    let mut trace = plain();
    trace.subject.url.push_str(evil);
    trace.subject.name = Some(evil.to_owned());
    trace.subject.method.push_str(evil);
    if let Some(response) = &mut trace.response {
        response.version.push_str(evil);
        response.headers =
            ["server", "location", "content-type", evil].map(|name| (name.to_owned(), evil.to_owned())).to_vec();
    }
    trace
}

/// A request whose packets were captured, one of them twice.
pub(crate) fn captured() -> Trace {
    let phases =
        [("connect", 16_000_000, "wire", 900), ("send", 41_000, "wire", 900), ("wait", 230_000_000, "wire", 900)];
    let row = |at: u64, direction: &str, flags: &str, numbers: (u64, u64), bytes: u32| {
        json!({"at_ns": at, "direction": direction, "flags": flags, "sequence": numbers.0, "acknowledgement": numbers.1,
            "bytes": bytes, "window": 64_240})
    };
    let again = with(row(246_000_000, "received", "PA", (1, 90), 1_448), "note", json!("fast_retransmission"));
    let counts = json!({"packets": 3, "bytes": 89, "retransmitted": 0, "out_of_order": 0, "duplicate_acks": 0,
        "zero_windows": 0});
    let wire = json!({"interface": "eth0", "side": "client", "captured": 6, "dropped": 0, "syn_rtt_ns": 16_000_000,
    "sent": counts, "received": counts, "phases": [], "delays": [], "packets": [
        row(0, "sent", "S", (0, 0), 0),
        row(16_000_000, "received", "SA", (0, 1), 0),
        row(16_041_000, "sent", "PA", (1, 1), 89),
        again,
        row(246_041_000, "sent", "A", (90, 1_449), 0),
    ]});
    trace(10, "http://192.0.2.80/", &phases, json!({"wire": wire}))
}

/// Every sample.
pub(crate) fn all() -> Vec<Trace> {
    let mut traces = vec![
        secure(),
        plain(),
        reused(),
        troubled(),
        refused(),
        unknown_name(),
        expired(),
        hostile(),
        captured(),
        with_hops(),
        trace(9, "http://a/", &[], json!({})),
        repeated(),
    ];
    traces.extend(redirected());
    traces
}

/// Any trace: phases of any length or none, any text in every text field, sections there or not.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    let lengths =
        proptest::array::uniform7(proptest::option::of(prop_oneof![0..2_000_u64, any::<u64>().prop_map(|n| n >> 8)]));
    let base = proptest::sample::select(all());
    let texts = proptest::collection::vec(any::<String>(), 8);
    (base, lengths, texts, any::<bool>()).prop_map(|(mut trace, lengths, texts, named)| {
        trace.timeline = timeline(lengths);
        trace.subject.url = texts[0].clone();
        trace.subject.name = named.then(|| texts[1].clone());
        trace.subject.method = texts[2].clone();
        trace.subject.vantage = Some(texts[2].clone());
        if let Some(response) = &mut trace.response {
            response.headers = vec![
                ("server".to_owned(), texts[3].clone()),
                ("location".to_owned(), texts[4].clone()),
                (texts[5].clone(), texts[6].clone()),
            ];
        }
        if let Some(connect) = &mut trace.connect {
            connect.remote = Some(texts[7].clone());
            for attempt in &mut connect.attempts {
                attempt.address = texts[6].clone();
            }
        }
        for row in trace.wire.iter_mut().filter_map(|wire| wire.packets.as_mut()).flatten() {
            row.flags = texts[6].clone();
        }
        for query in trace.dns.iter_mut().flat_map(|dns| &mut dns.queries) {
            query.question.name = texts[3].clone();
            query.question.server = texts[4].clone();
        }
        for certificate in trace.tls.iter_mut().flat_map(|tls| &mut tls.certificates) {
            certificate.subject = texts[5].clone();
            certificate.not_after = texts[6].clone();
        }
        for hop in &mut trace.hops {
            hop.name = Some(texts[3].clone());
        }
        trace
    })
}

fn timeline(lengths: [Option<u64>; 7]) -> crate::trace::Timeline {
    let names = crate::trace::Phase::ALL.map(crate::trace::Phase::as_str);
    let phases: Vec<Written> =
        names.into_iter().zip(lengths).filter_map(|(name, length)| Some((name, length?, "user", 44_000))).collect();
    trace(0, "", &phases, json!({})).timeline
}

fn query(server: &str, kind: &str, start: u64, length: Option<u64>, answer: Value) -> Value {
    let mut value = json!({"server": server, "transport": "udp", "name": "api.example.com", "type": kind, "start_ns": start, "retries": 0});
    if let (Value::Object(fields), Value::Object(answer)) = (&mut value, answer) {
        fields.extend(answer);
        fields.extend(length.map(|length| ("duration_ns".to_owned(), json!(length))));
    }
    value
}

fn with(mut value: Value, key: &str, field: Value) -> Value {
    value[key] = field;
    value
}

//! The access log of an Application Load Balancer (Elastic Load Balancing user guide, "Access log entries").
//!
//! A line has 34 fields; older ones have fewer, later ones will have more. Seconds are written with three digits; -1 means that
//! nothing was recorded. `time` is when the response was made.
//!
//! Invariant: the fields up to the status are required, everything after is taken where it stands.

use memchr::memmem;

use super::balancer::{Numbered, endpoint, request_line, status, text};
use super::error::LineError;
use super::written::SECOND;
use crate::attribute::record::{Key, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::attribute::root::{agent_token, x_ray_root};
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_millis(1);
const CLIENT_CLOSED: u16 = 460;

/// One line.
pub(super) fn parse(line: &[u8], at: Where) -> Result<Record, LineError> {
    let mut fields = Numbered::of(line);
    let mut record = Record::new(Source::AlbAccess, at);
    let mut facts = RequestFacts::default();
    fields.required("type")?;
    record.time = Some(fields.moment("time", MomentOf::End, Nanos::from_micros(1))?);
    facts.by = text(Some(fields.required("elb")?));
    let client = endpoint(fields.required("client:port")?);
    let target = fields.required("target:port")?;
    for (name, part) in [
        ("request_processing_time", Part::ElbRequest),
        ("target_processing_time", Part::ElbTarget),
        ("response_processing_time", Part::ElbResponse),
    ] {
        record.claims.extend(fields.claim(name, part, SECOND, RESOLUTION)?);
    }
    facts.status = status(fields.required("elb_status_code")?);
    // target_status_code, received_bytes, sent_bytes
    request_line(fields.after(3).unwrap_or_default(), &mut facts);
    let agent = fields.optional();
    // ssl_cipher, ssl_protocol, target_group_arn
    let root = fields.after(3).and_then(x_ray_root);
    if let Some(domain) = text(fields.optional()) {
        facts.host = Some(domain);
    }

    record.keys.extend(root.map(Key::TraceRoot));
    record.keys.extend(agent.and_then(agent_token).map(Key::AgentToken));
    record.keys.extend(connection(line).map(Key::ConnectionTrace));
    record.keys.extend(client.map(Key::ClientPort));
    facts.agent = text(agent);
    facts.client = client.map(|client| client.ip());
    if facts.status == Some(CLIENT_CLOSED) {
        record.remarks.push(Remark::ClientGone);
    }
    let answered = record.claim(Part::ElbTarget).is_some();
    match (target, answered) {
        (_, false) => record.remarks.push(Remark::NoTarget),
        (b"-", true) => record.remarks.push(Remark::FunctionTarget),
        _ => {}
    }
    record.request = Some(facts);
    Ok(record)
}

/// `conn_trace_id`. The lists before it may stand without quotes, so it is known by its beginning, not by its place.
fn connection(line: &[u8]) -> Option<String> {
    let at = memmem::rfind(line, b" TID_")?;
    text(line.get(at + 1..)?.split(|byte| matches!(byte, b' ' | b'"')).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything up to the request, with what the cases vary.
    fn line(client: &str, target: &str, times: &str, statuses: &str, rest: &str) -> String {
        format!(
            "https 2026-11-21T04:38:33.186641Z app/lb/50dc6c495c0c9188 {client} {target} {times} {statuses} 34 366 {rest}"
        )
    }

    /// One that was answered after a millisecond.
    fn ordinary(rest: &str) -> String {
        line("192.0.2.1:2817", "10.0.0.1:80", "0.000 0.001 0.000", "200 200", rest)
    }

    const REQUEST: &str = r#""GET https://www.example.com:443/ HTTP/1.1" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354""#;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn traps_of_the_format() {
        struct Expected {
            keys: Vec<&'static str>,
            claims: Vec<(Part, u64)>,
            remarks: Vec<Remark>,
        }
        let whole = |times: [u64; 3]| {
            [Part::ElbRequest, Part::ElbTarget, Part::ElbResponse].into_iter().zip(times).collect::<Vec<_>>()
        };
        let tail = r#""example.com" "arn:aws:acm:…" 0 2026-11-21T04:38:32.000000Z "forward" "-" "-""#;
        let root = "root 5833726236d228ad5d99923122bbe354";
        let tid = "connection TID_dc57cebed65b444ebc8177bb698fe166";
        let with_connection =
            || Expected { keys: vec![root, tid, "port 192.0.2.1:2817"], claims: whole([0, 1, 0]), remarks: vec![] };
        let cases = [
            (
                "IPv6 without brackets: split at the last colon",
                line("2001:db8::7:2817", "2001:db8::1:80", "0.001 0.002 0.003", "200 200", REQUEST),
                Expected { keys: vec![root, "port [2001:db8::7]:2817"], claims: whole([1, 2, 3]), remarks: vec![] },
            ),
            (
                "IPv6 with brackets",
                line("[2001:db8::7]:2817", "[2001:db8::1]:80", "0.001 0.002 0.003", "200 200", REQUEST),
                Expected { keys: vec![root, "port [2001:db8::7]:2817"], claims: whole([1, 2, 3]), remarks: vec![] },
            ),
            (
                "lists in quotes",
                ordinary(&format!(
                    r#"{REQUEST} {tail} "10.0.0.1:80 10.0.0.2:80" "200 200" "-" "-" TID_dc57cebed65b444ebc8177bb698fe166"#
                )),
                with_connection(),
            ),
            (
                "lists bare",
                ordinary(&format!(
                    "{REQUEST} {tail} 10.0.0.1:80 10.0.0.2:80 200 200 - - TID_dc57cebed65b444ebc8177bb698fe166"
                )),
                with_connection(),
            ),
            (
                "34 fields, and some that nobody knows yet",
                ordinary(&format!(
                    r#"{REQUEST} {tail} "10.0.0.1:80" "200" "-" "-" TID_dc57cebed65b444ebc8177bb698fe166 "-" "-" "-" 192.0.2.9 "new" 7"#
                )),
                with_connection(),
            ),
            (
                "a request that could not be read",
                line(
                    "192.0.2.1:2817",
                    "-",
                    "-1 -1 -1",
                    "400 -",
                    r#""- http://lb-1.example:80- -" "-" - - - "-" "-" "-" - 2026-11-21T04:38:32.000000Z "-" "-" "-" "-" "-" "-" "-""#,
                ),
                Expected { keys: vec!["port 192.0.2.1:2817"], claims: vec![], remarks: vec![Remark::NoTarget] },
            ),
            (
                "the certificate of an earlier session",
                ordinary(&format!(
                    r#"{REQUEST} "example.com" "session-reused" 0 2026-11-21T04:38:32.000000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_dc57cebed65b444ebc8177bb698fe166"#
                )),
                with_connection(),
            ),
            (
                "460: the client went away",
                line("192.0.2.1:2817", "10.0.0.1:80", "0.000 -1 -1", "460 -", REQUEST),
                Expected {
                    keys: vec![root, "port 192.0.2.1:2817"],
                    claims: vec![(Part::ElbRequest, 0)],
                    remarks: vec![Remark::ClientGone, Remark::NoTarget],
                },
            ),
            (
                "a function as target: the target is -",
                line("192.0.2.1:2817", "-", "0.020 0.148 0.000", "200 200", REQUEST),
                Expected {
                    keys: vec![root, "port 192.0.2.1:2817"],
                    claims: whole([20, 148, 0]),
                    remarks: vec![Remark::FunctionTarget],
                },
            ),
            (
                "an agent with a token and quotes",
                ordinary(
                    r#""GET http://x:80/ HTTP/1.1" "say \"hi\" trace/5833726236d228ad5d99923122bbe354" - - arn "-" "-""#,
                ),
                Expected {
                    keys: vec!["token 5833726236d228ad5d99923122bbe354", "port 192.0.2.1:2817"],
                    claims: whole([0, 1, 0]),
                    remarks: vec![],
                },
            ),
            (
                "nothing after the statuses",
                ordinary(""),
                Expected { keys: vec!["port 192.0.2.1:2817"], claims: whole([0, 1, 0]), remarks: vec![] },
            ),
        ];
        for (name, line, expected) in cases {
            let record = parse(line.as_bytes(), Where::default()).unwrap();
            let keys: Vec<String> = record.keys.iter().map(told).collect();
            assert_eq!(keys, expected.keys, "{name}");
            let claims: Vec<_> =
                record.claims.iter().map(|claim| (claim.part, claim.duration.get() / 1_000_000)).collect();
            assert_eq!(claims, expected.claims, "{name}");
            assert_eq!(record.remarks, expected.remarks, "{name}");
            assert!(record.claims.iter().all(|claim| claim.resolution == RESOLUTION), "{name}");
        }
    }

    fn told(key: &Key) -> String {
        match key {
            Key::TraceRoot(root) => format!("root {root}"),
            Key::AgentToken(token) => format!("token {token}"),
            Key::ConnectionTrace(id) => format!("connection {id}"),
            Key::ClientPort(client) => format!("port {client}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_line_of_something_else_says_where() {
        let cases = [
            ("", r#"field 1 (type): expected a field, got "the line's end""#),
            (
                "https yesterday app/lb",
                r#"field 2 (time): expected an instant such as 2018-07-02T22:23:00.186641Z, got "yesterday""#,
            ),
            (
                "h2 2026-11-21T04:38:33.186641Z app/lb 192.0.2.1:1 - 0.1 quick",
                r#"field 7 (target_processing_time): expected a number, or -1 or -, got "quick""#,
            ),
            (
                "h2 2026-11-21T04:38:33.186641Z app/lb 192.0.2.1:1 - 0.1 0.2",
                r#"field 8 (response_processing_time): expected a field, got "the line's end""#,
            ),
        ];
        for (line, expected) in cases {
            let error = parse(line.as_bytes(), Where::default()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

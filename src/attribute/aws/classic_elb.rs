//! The access log of a Classic Load Balancer (Elastic Load Balancing user guide, "Access log entries" of Classic Load
//! Balancers): 15 fields, seconds with six digits. `time` is when the request was RECEIVED.

use super::balancer::{Numbered, endpoint, request_line, status, text};
use super::error::LineError;
use super::written::SECOND;
use crate::attribute::record::{Key, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::attribute::root::agent_token;
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_micros(1);

/// One line.
pub(super) fn parse(line: &[u8], at: Where) -> Result<Record, LineError> {
    let mut fields = Numbered::of(line);
    let mut record = Record::new(Source::ClassicElb, at);
    let mut facts = RequestFacts::default();
    record.time = Some(fields.moment("time", MomentOf::Start, RESOLUTION)?);
    facts.by = text(Some(fields.required("elb")?));
    let client = endpoint(fields.required("client:port")?);
    fields.required("backend:port")?;
    for (name, part) in [
        ("request_processing_time", Part::ElbRequest),
        ("backend_processing_time", Part::ElbTarget),
        ("response_processing_time", Part::ElbResponse),
    ] {
        record.claims.extend(fields.claim(name, part, SECOND, RESOLUTION)?);
    }
    facts.status = status(fields.required("elb_status_code")?);
    // backend_status_code, received_bytes, sent_bytes
    request_line(fields.after(3).unwrap_or_default(), &mut facts);
    let agent = fields.optional();

    record.keys.extend(agent.and_then(agent_token).map(Key::AgentToken));
    record.keys.extend(client.map(Key::ClientPort));
    facts.agent = text(agent);
    facts.client = client.map(|client| client.ip());
    if record.claim(Part::ElbTarget).is_none() {
        record.remarks.push(Remark::NoTarget);
    }
    record.request = Some(facts);
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_kept_and_the_time_is_the_start() {
        let cases = [
            (
                "a whole line",
                r#"2026-11-21T04:38:33.945958Z lb 192.0.2.1:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "wirefall/0.1.0 trace/5833726236d228ad5d99923122bbe354" DHE-RSA-AES128-SHA TLSv1.2"#,
                ([Some(86), Some(1_048), Some(1_337)], 2, vec![]),
            ),
            (
                "an old line of TCP: no status, no agent",
                r#"2015-05-13T23:39:43.945958Z lb 192.0.2.1:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 "- - - ""#,
                ([Some(1_069), Some(28), Some(41)], 1, vec![]),
            ),
            (
                "no backend",
                r#"2015-05-13T23:39:43.945958Z lb 192.0.2.1:2817 - -1 -1 -1 503 0 0 0 "GET http://x:80/ HTTP/1.1" "-" - -"#,
                ([None, None, None], 1, vec![Remark::NoTarget]),
            ),
        ];
        for (name, line, (micros, keys, remarks)) in cases {
            let record = parse(line.as_bytes(), Where::default()).unwrap();
            let parts = [Part::ElbRequest, Part::ElbTarget, Part::ElbResponse];
            assert_eq!(
                parts.map(|part| record.length(part)),
                micros.map(|micros| micros.map(Nanos::from_micros)),
                "{name}"
            );
            assert_eq!(record.keys.len(), keys, "{name}");
            assert_eq!(record.remarks, remarks, "{name}");
            assert_eq!(record.time.map(|time| time.of), Some(MomentOf::Start), "{name}");
        }
    }
}

//! The TLS log of a Network Load Balancer (Elastic Load Balancing user guide, "Access logs for your Network Load Balancer"): 22
//! fields, one line a TLS connection, milliseconds, written when the connection ends. It knows of no requests, so the client's
//! address and port are its only key.

use super::balancer::{Numbered, endpoint, text};
use super::error::LineError;
use super::written::MILLISECOND;
use crate::attribute::record::{Key, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_millis(1);

/// One line.
pub(super) fn parse(line: &[u8], at: Where) -> Result<Record, LineError> {
    let mut fields = Numbered::of(line);
    let mut record = Record::new(Source::NlbTls, at);
    fields.required("type")?;
    fields.required("version")?;
    record.time = Some(fields.moment("time", MomentOf::End, Nanos::from_secs(1))?);
    let by = text(Some(fields.required("elb")?));
    fields.required("listener")?;
    let client = endpoint(fields.required("client:port")?);
    fields.required("destination:port")?;
    record.claims.extend(fields.claim("connection_time", Part::Connection, MILLISECOND, RESOLUTION)?);
    record.claims.extend(fields.claim("tls_handshake_time", Part::TlsHandshake, MILLISECOND, RESOLUTION)?);
    // received_bytes, sent_bytes
    let alert = text(fields.after(2));
    // chosen_cert_arn, chosen_cert_serial, tls_cipher, tls_protocol_version, tls_named_group
    let host = text(fields.after(5));

    record.keys.extend(client.map(Key::ClientPort));
    record.remarks.extend(alert.map(|alert| Remark::Failed(format!("tls alert {alert}"))));
    record.request =
        Some(RequestFacts { client: client.map(|client| client.ip()), host, by, ..RequestFacts::default() });
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_in_milliseconds_or_none() {
        let cases = [
            ("5 2 98 246 -", (Some(5), Some(2), vec![])),
            ("5 - 98 0 -", (Some(5), None, vec![])),
            ("3 -1 0 0 48", (Some(3), None, vec![Remark::Failed("tls alert 48".to_owned())])),
        ];
        for (times, (connection, handshake, remarks)) in cases {
            let line = format!(
                r#"tls 2.0 2020-04-01T08:51:42 net/lb/c6e77e28c25b2234 g3d4b5e8bb8464cd 192.0.2.154:51341 10.0.0.185:443 {times} arn - ECDHE-RSA-AES128-SHA tlsv12 - lb.example h2 h2 "h2","http/1.1" 2020-04-01T08:51:20"#
            );
            let record = parse(line.as_bytes(), Where::default()).unwrap();
            assert_eq!(record.length(Part::Connection), connection.map(Nanos::from_millis), "{times}");
            assert_eq!(record.length(Part::TlsHandshake), handshake.map(Nanos::from_millis), "{times}");
            assert_eq!(record.remarks, remarks, "{times}");
            assert_eq!(record.keys, [Key::ClientPort("192.0.2.154:51341".parse().unwrap())], "{times}");
            assert_eq!(record.request.unwrap().host.as_deref(), Some("lb.example"), "{times}");
        }
    }
}

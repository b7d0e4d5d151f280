//! The connection log of an Application Load Balancer (Elastic Load Balancing user guide, "Connection log entries"): 12 fields,
//! one line a connection. `conn_trace_id` joins it with the access log of the requests on that connection.

use super::balancer::{Numbered, text};
use super::error::LineError;
use super::written::SECOND;
use crate::attribute::record::{Key, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_millis(1);

/// One line.
pub(super) fn parse(line: &[u8], at: Where) -> Result<Record, LineError> {
    let mut fields = Numbered::of(line);
    let mut record = Record::new(Source::AlbConnection, at);
    record.time = Some(fields.moment("timestamp", MomentOf::End, Nanos::from_micros(1))?);
    let address = fields.required("client_ip")?;
    let port = fields.required("client_port")?;
    fields.required("listener_port")?;
    // tls_protocol
    fields.optional();
    // tls_cipher
    fields.optional();
    record.claims.extend(fields.claim("tls_handshake_latency", Part::TlsHandshake, SECOND, RESOLUTION)?);
    // leaf_client_cert_subject, leaf_client_cert_validity, leaf_client_cert_serial_number
    let verified = fields.after(3);
    let rest = std::iter::from_fn(|| fields.optional());
    let connection = rest.into_iter().find(|field| field.starts_with(b"TID_"));

    let parsed = |text: &[u8]| std::str::from_utf8(text).ok().map(str::to_owned);
    let address = parsed(address).and_then(|address| address.trim_matches(['[', ']']).parse().ok());
    let port = parsed(port).and_then(|port| port.parse().ok());
    record.keys.extend(text(connection).map(Key::ConnectionTrace));
    record.keys.extend(
        address.zip(port).map(|(address, port): (std::net::IpAddr, u16)| Key::ClientPort((address, port).into())),
    );
    record.request = Some(RequestFacts { client: address, ..RequestFacts::default() });
    if let Some(reason) = verified.filter(|reason| reason.starts_with(b"Failed")) {
        record.remarks.push(Remark::Failed(String::from_utf8_lossy(reason).into_owned()));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_give_handshakes_and_keys() {
        let tid = || Key::ConnectionTrace("TID_3180a73013c8ca4bac2f731159d4b0fe".to_owned());
        let port = |text: &str| Key::ClientPort(text.parse().unwrap());
        let cases = [
            (
                "a certificate whose subject has spaces",
                r#"2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=amazondomains.com,O=endEntity,L=Sea ttle" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_3180a73013c8ca4bac2f731159d4b0fe"#,
                (Some(4_036), vec![tid(), port("203.0.113.1:36280")], vec![]),
            ),
            (
                "IPv6, no client certificate",
                "2023-10-04T17:05:15.514108Z 2001:db8::1 36280 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 - - - - TID_3180a73013c8ca4bac2f731159d4b0fe",
                (Some(4), vec![tid(), port("[2001:db8::1]:36280")], vec![]),
            ),
            (
                "clear text: no handshake",
                "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 80 - - - - - - - TID_3180a73013c8ca4bac2f731159d4b0fe",
                (None, vec![tid(), port("203.0.113.1:36280")], vec![]),
            ),
            (
                "a failed verification",
                "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.100 \"CN=x\" - - Failed:ClientCertExpired TID_3180a73013c8ca4bac2f731159d4b0fe more",
                (
                    Some(100),
                    vec![tid(), port("203.0.113.1:36280")],
                    vec![Remark::Failed("Failed:ClientCertExpired".to_owned())],
                ),
            ),
        ];
        for (name, line, (handshake, keys, remarks)) in cases {
            let record = parse(line.as_bytes(), Where::default()).unwrap();
            assert_eq!(record.length(Part::TlsHandshake), handshake.map(Nanos::from_millis), "{name}");
            assert_eq!(record.keys, keys, "{name}");
            assert_eq!(record.remarks, remarks, "{name}");
        }
    }
}

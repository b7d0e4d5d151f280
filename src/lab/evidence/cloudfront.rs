//! `CloudFront`'s logs (developer guide, "Standard logging reference", "Use real-time access logs").
//!
//! The standard log names its columns in its head; of the real-time log, whoever sets it up knows the fields.

use std::fmt::Write as _;

use super::stamp::{date_and_time, epoch_millis, seconds};
use super::{client_connection, region};
use crate::lab::profile::Profile;
use crate::lab::served::{LayerTime, Served};

/// The columns of the standard log.
const STANDARD_FIELDS: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
     cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken \
     x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields \
     c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end";

/// The fields of the real-time log that the lab writes, in their order.
pub const REALTIME_FIELDS: &str = "timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host cs-uri-stem \
     cs-bytes x-edge-location x-edge-request-id x-host-header time-taken cs-protocol-version c-ip-version cs-user-agent cs-referer \
     cs-cookie cs-uri-query x-edge-response-result-type x-forwarded-for ssl-protocol ssl-cipher x-edge-result-type \
     fle-encrypted-fields fle-status sc-content-type sc-content-len sc-range-start sc-range-end c-port \
     x-edge-detailed-result-type c-country cs-accept-encoding cs-accept cache-behavior-path-pattern cs-headers cs-header-names \
     cs-headers-count primary-distribution-id primary-distribution-dns-name origin-fbl origin-lbl asn";

/// The head of a standard log.
pub(super) fn preamble() -> String {
    format!("#Version: 1.0\n#Fields: {STANDARD_FIELDS}\n")
}

/// One line of the standard log, without its end.
pub(super) fn standard(served: &Served, part: &LayerTime, profile: &Profile) -> String {
    line(STANDARD_FIELDS, served, part, profile)
}

/// One line of the real-time log, without its end.
pub(super) fn realtime(served: &Served, part: &LayerTime, profile: &Profile) -> String {
    line(REALTIME_FIELDS, served, part, profile)
}

fn line(fields: &str, served: &Served, part: &LayerTime, profile: &Profile) -> String {
    let view = View::new(served, part, profile);
    let values = fields.split(' ').map(|field| view.value(field).unwrap_or_else(|| "-".to_owned()));
    values.collect::<Vec<_>>().join("\t")
}

/// A request as the edge tells of it.
struct View<'a> {
    served: &'a Served,
    part: &'a LayerTime,
    profile: &'a Profile,
}

impl<'a> View<'a> {
    const fn new(served: &'a Served, part: &'a LayerTime, profile: &'a Profile) -> Self {
        Self { served, part, profile }
    }

    /// `None` stands for what is not there: `-`.
    fn value(&self, field: &str) -> Option<String> {
        let Self { served, part, profile } = self;
        let asked = &part.asked;
        let ended = profile.clocks.cloudfront.shown(part.entered_at + part.total);
        let tls = client_connection(served, part).and_then(|connection| connection.tls.as_ref());
        let (path, query) = asked.target.split_once('?').map_or((asked.target.as_str(), None), |(p, q)| (p, Some(q)));
        let owned = |text: &str| Some(text.to_owned());
        match field {
            "date" => Some(date_and_time(ended).0),
            "time" => Some(date_and_time(ended).1),
            "timestamp" => {
                let millis = epoch_millis(ended);
                Some(format!("{}.{:03}", millis / 1_000, millis % 1_000))
            }
            "x-edge-location" => owned(&profile.cloudfront.pop),
            "sc-bytes" => Some(part.sent.to_string()),
            "cs-bytes" => Some(asked.received.to_string()),
            "c-ip" => Some(asked.client.ip().to_string()),
            "c-port" => Some(asked.client.port().to_string()),
            "c-ip-version" => owned(if asked.client.is_ipv4() { "IPv4" } else { "IPv6" }),
            "cs-method" => owned(&asked.method),
            "cs(Host)" | "cs-host" | "primary-distribution-dns-name" => owned("d111111abcdef8.cloudfront.net"),
            "primary-distribution-id" => owned("EDFDVBD6EXAMPLE"),
            "x-host-header" => owned(&asked.authority),
            "cs-uri-stem" => Some(encoded(path)),
            "cs-uri-query" => query.map(encoded),
            "cs-protocol" => owned(asked.scheme),
            "cs-protocol-version" => owned(asked.version),
            "cs(User-Agent)" | "cs-user-agent" => asked.user_agent.as_deref().map(encoded),
            // What a viewer that has gone away is answered.
            "sc-status" => Some(part.status.map_or_else(|| "000".to_owned(), |status| status.to_string())),
            "x-edge-request-id" => part.request_id.clone(),
            "x-edge-result-type" | "x-edge-response-result-type" => owned(self.result("Error")),
            "x-edge-detailed-result-type" => owned(self.result("ClientCommError")),
            "ssl-protocol" => tls.map(|tls| tls.protocol.to_owned()),
            "ssl-cipher" => tls.map(|tls| tls.cipher.clone()),
            "time-taken" | "time-to-first-byte" => Some(seconds(part.total)),
            "origin-fbl" => part.call?.first_byte.map(seconds),
            "origin-lbl" => part.call?.total.map(seconds),
            "sc-content-type" => part.status.map(|_| "application/json".to_owned()),
            "cache-behavior-path-pattern" => owned("*"),
            "c-country" => owned(if region(served).starts_with("us-") { "US" } else { "ZZ" }),
            _ => None,
        }
    }

    const fn result(&self, of_a_viewer_gone: &'static str) -> &'static str {
        match self.part.status {
            None => of_a_viewer_gone,
            Some(status) if status >= 500 => "Error",
            Some(_) => "Miss",
        }
    }
}

/// As `CloudFront` encodes values: everything but printable ASCII, and what has a meaning in its logs or in URLs.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut written, byte| {
        if byte.is_ascii_graphic() && !b"\"#%'<>[\\]^`{|}~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
        written
    })
}

//! Identifiers in the forms that AWS gives them, and the `X-Amzn-Trace-Id` header.
//!
//! Forms only: the numbers are random and mean nothing. The header is kept as the list of its fields, so that what a client
//! put into it and this lab does not know is passed on.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::random::SplitMix64;
use crate::time::{Realtime, Timestamp};

/// Invents identifiers.
#[derive(Debug)]
pub(super) struct Inventor(Mutex<SplitMix64>);

impl Inventor {
    pub(super) const fn new(seed: u64) -> Self {
        Self(Mutex::new(SplitMix64::new(seed)))
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }

    /// `N` bytes as lower-case hexadecimal digits.
    pub(super) fn hex<const N: usize>(&self) -> String {
        hex(&self.bytes::<N>())
    }

    /// A request id of most services: a UUID of version 4 (RFC 9562 §5.4).
    pub(super) fn uuid(&self) -> String {
        let mut bytes = self.bytes::<16>();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let digits = hex(&bytes);
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// API Gateway's extended request id: 16 characters of base64, the last one `=`.
    pub(super) fn gateway_id(&self) -> String {
        STANDARD.encode(self.bytes::<11>())
    }

    /// A request id of CloudFront: 56 characters of URL-safe base64, ending in `==`.
    pub(super) fn cloudfront_id(&self) -> String {
        URL_SAFE.encode(self.bytes::<40>())
    }

    /// The value of a load balancer's stickiness cookie.
    pub(super) fn cookie(&self) -> String {
        STANDARD.encode(self.bytes::<96>())
    }

    /// The same of a classic load balancer.
    pub(super) fn classic_cookie(&self) -> String {
        self.hex::<79>().to_ascii_uppercase()
    }

    /// The identity of a new trace, or of a load balancer's part in one: `1-<8 hex: epoch seconds>-<24 hex>`.
    pub(super) fn trace_root(&self, now: Timestamp<Realtime>) -> String {
        format!("1-{:08x}-{}", now.as_nanos() / 1_000_000_000, self.hex::<12>())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The fields of an `X-Amzn-Trace-Id` header, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TraceHeader(Vec<(String, String)>);

impl TraceHeader {
    /// Lenient: what is not `name=value` is left out.
    pub(super) fn parse(text: &str) -> Self {
        let field =
            |part: &str| part.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        Self(text.split(';').filter_map(field).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// In its place if there is one, else as the last field.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// In its place if there is one, else as the first field.
    pub(super) fn set_first(&mut self, name: &str, value: String) {
        if self.get(name).is_some() {
            self.set(name, value);
        } else {
            self.0.insert(0, (name.to_owned(), value));
        }
    }
}

impl std::fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&fields.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_forms() {
        let inventor = Inventor::new(3);
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let uuid = inventor.uuid();
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(uuid.split('-').all(is_hex) && uuid.as_bytes()[14] == b'4', "{uuid}");
        assert_ne!(uuid, inventor.uuid());
        assert!(inventor.gateway_id().len() == 16 && inventor.gateway_id().ends_with('='));
        assert!(inventor.cloudfront_id().len() == 56 && inventor.cloudfront_id().ends_with("=="));
        let root = inventor.trace_root(Timestamp::from_nanos(0x6740_0000 * 1_000_000_000));
        assert!(root.starts_with("1-67400000-") && root.len() == 35, "{root}");
        assert_eq!(inventor.hex::<8>().len(), 16);
    }

    #[test]
    fn a_trace_header_keeps_what_it_does_not_know() {
        let mut header = TraceHeader::parse("Root=1-2-3; Parent=4;odd;CalledFrom=app");
        assert_eq!(header.get("Root"), Some("1-2-3"));
        header.set("Parent", "5".to_owned());
        header.set("Sampled", "0".to_owned());
        header.set_first("Self", "1-8-9".to_owned());
        header.set_first("Root", "1-2-3".to_owned());
        assert_eq!(header.to_string(), "Self=1-8-9;Root=1-2-3;Parent=5;CalledFrom=app;Sampled=0");
        assert_eq!(TraceHeader::parse(""), TraceHeader::default());
    }
}

//! What the logs of all load balancers have in common: addresses with ports, request lines, times in seconds.

use std::net::{IpAddr, SocketAddr};

use super::error::{FieldName, LineError};
use super::fields::Fields;
use super::written::{Written, instant, length};
use crate::attribute::record::{Claim, Moment, MomentOf, Part, RequestFacts};
use crate::time::Nanos;

/// A line's fields, asked for one after the other, with their number for errors.
pub(super) struct Numbered<'l> {
    fields: Fields<'l>,
    number: u16,
}

impl<'l> Numbered<'l> {
    pub(super) const fn of(line: &'l [u8]) -> Self {
        Self { fields: Fields::of(line), number: 0 }
    }

    /// The next field, which every line of the format has.
    pub(super) fn required(&mut self, name: &'static str) -> Result<&'l [u8], LineError> {
        self.optional().ok_or_else(|| LineError::new(FieldName::Field(self.number, name), "a field", b"the line's end"))
    }

    /// The next field, which older lines may lack; `-` is kept.
    pub(super) fn optional(&mut self) -> Option<&'l [u8]> {
        self.number = self.number.saturating_add(1);
        self.fields.next()
    }

    /// The field after `count` others that say nothing of interest.
    pub(super) fn after(&mut self, count: u16) -> Option<&'l [u8]> {
        for _ in 0..count {
            self.optional();
        }
        self.optional()
    }

    /// An instant, in the resolution of its format.
    pub(super) fn moment(&mut self, name: &'static str, of: MomentOf, resolution: Nanos) -> Result<Moment, LineError> {
        let text = self.required(name)?;
        let at = instant(text).ok_or_else(|| {
            LineError::new(FieldName::Field(self.number, name), "an instant such as 2018-07-02T22:23:00.186641Z", text)
        })?;
        Ok(Moment { at, of, resolution })
    }

    /// A length in units of `unit` nanoseconds; `None` where it was not recorded.
    pub(super) fn claim(
        &mut self,
        name: &'static str,
        part: Part,
        unit: u64,
        resolution: Nanos,
    ) -> Result<Option<Claim>, LineError> {
        let text = self.required(name)?;
        match length(text, unit) {
            Written::Length(duration) => Ok(Some(Claim { part, duration, resolution })),
            Written::Absent => Ok(None),
            Written::NotANumber => {
                Err(LineError::new(FieldName::Field(self.number, name), "a number, or -1 or -", text))
            }
        }
    }
}

/// `address:port`, split at the last colon, an IPv6 address with or without brackets.
pub(super) fn endpoint(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, port) = text.rsplit_once(':')?;
    let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, port.parse().ok()?))
}

/// `-` and nothing are nothing.
pub(super) fn text(field: Option<&[u8]>) -> Option<String> {
    match field {
        None | Some(b"" | b"-") => None,
        Some(field) => Some(String::from_utf8_lossy(field).into_owned()),
    }
}

/// A status; `-` is none.
pub(super) fn status(field: &[u8]) -> Option<u16> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// `GET https://host:443/path HTTP/1.1`; of a request that could not be read only `- http://host:80- -` is left.
pub(super) fn request_line(line: &[u8], facts: &mut RequestFacts) {
    let line = String::from_utf8_lossy(line);
    let (method, rest) = line.split_once(' ').unwrap_or((&line, ""));
    let url = rest.rsplit_once(' ').map_or(rest, |(url, _version)| url);
    facts.method = text(Some(method.as_bytes()));
    facts.url = text(Some(url.as_bytes()));
    let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let host = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.trim_end_matches('-').bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    });
    facts.host = host.filter(|host| !host.is_empty()).map(str::to_owned);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_split_at_the_last_colon() {
        let cases: &[(&str, Option<&str>)] = &[
            ("192.168.131.39:2817", Some("192.168.131.39:2817")),
            ("[fe80::202:b3ff:fe1e:8329]:443", Some("[fe80::202:b3ff:fe1e:8329]:443")),
            ("fe80::202:b3ff:fe1e:8329:443", Some("[fe80::202:b3ff:fe1e:8329]:443")),
            ("2001:db8::1:65535", Some("[2001:db8::1]:65535")),
            ("-", None),
            ("10.0.0.1", None),
            ("10.0.0.1:", None),
            ("10.0.0.1:70000", None),
            ("[::1:80", None),
            ("", None),
        ];
        for (field, expected) in cases {
            assert_eq!(endpoint(field.as_bytes()).map(|end| end.to_string()).as_deref(), *expected, "{field}");
        }
    }

    #[test]
    fn request_lines_give_what_they_have() {
        type Facts<'t> = (Option<&'t str>, Option<&'t str>, Option<&'t str>);
        let cases: &[(&str, Facts<'_>)] = &[
            (
                "GET https://www.example.com:443/a?b=c HTTP/1.1",
                (Some("GET"), Some("https://www.example.com:443/a?b=c"), Some("www.example.com")),
            ),
            (
                "GET http://[2001:db8::1]:80/ HTTP/2.0",
                (Some("GET"), Some("http://[2001:db8::1]:80/"), Some("[2001:db8::1]")),
            ),
            ("- http://lb-1.example:80- -", (None, Some("http://lb-1.example:80-"), Some("lb-1.example"))),
            ("GET / HTTP/1.1", (Some("GET"), Some("/"), None)),
            ("- - -", (None, None, None)),
            ("-", (None, None, None)),
            ("", (None, None, None)),
        ];
        for (line, (method, url, host)) in cases {
            let mut facts = RequestFacts::default();
            request_line(line.as_bytes(), &mut facts);
            assert_eq!(
                (facts.method.as_deref(), facts.url.as_deref(), facts.host.as_deref()),
                (*method, *url, *host),
                "{line}"
            );
        }
    }
}

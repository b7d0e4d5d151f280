//! Hosts and ports inside other texts: brackets, lower case, punycode.
//!
//! Invariant: two spellings of one host have one normal form, the one that [`url::Url`] uses, without brackets.

use std::net::{IpAddr, Ipv6Addr};

/// The form in which hosts are compared; `None` if `host` cannot be the host of an HTTP URL.
pub(super) fn normal_host(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return Some(address.to_string());
    }
    Some(match url::Host::parse(host).ok()? {
        url::Host::Domain(name) => name,
        url::Host::Ipv4(address) => address.to_string(),
        url::Host::Ipv6(address) => address.to_string(),
    })
}

/// `[::1]` → `::1`; anything else as it is.
pub(super) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// An address with or without brackets.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    without_brackets(text).parse().ok()
}

/// A port: one to five digits, and nothing else.
pub(super) fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `HOST:rest` → (`HOST`, `rest`); a host in brackets keeps its colons and its brackets. The rest is `None` where no colon
/// follows the host.
pub(super) fn split_host(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let (host, rest) = text.split_at(text.find(']')? + 1);
        return match rest.strip_prefix(':') {
            Some(rest) => Some((host, Some(rest))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    Some(text.split_once(':').map_or((text, None), |(host, rest)| (host, Some(rest))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_split_from_what_follows() {
        for (text, expect) in [
            ("a:80", Some(("a", Some("80")))),
            ("a:80:b", Some(("a", Some("80:b")))),
            ("a", Some(("a", None))),
            ("", Some(("", None))),
            (":80", Some(("", Some("80")))),
            ("[::1]:80", Some(("[::1]", Some("80")))),
            ("[::1]", Some(("[::1]", None))),
            ("[::1]80", None),
            ("[::1", None),
        ] {
            assert_eq!(split_host(text), expect, "{text}");
        }
    }

    #[test]
    fn a_host_has_one_normal_form() {
        for (host, expect) in [
            ("Example.COM", Some("example.com")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("[0:0::1]", Some("::1")),
            ("0:0::1", Some("::1")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("", None),
            ("a b", None),
            ("[a", None),
        ] {
            assert_eq!(normal_host(host).as_deref(), expect, "{host}");
        }
    }

    #[test]
    fn ports_are_digits() {
        for (text, expect) in [("80", Some(80)), ("65535", Some(65535)), ("65536", None), ("+80", None), ("", None)] {
            assert_eq!(port(text), expect, "{text}");
        }
    }
}

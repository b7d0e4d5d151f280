//! How names become addresses, as chosen by the user.
//!
//! Deliberately absent: asking. Servers, search lists and time-outs of the system are read where queries are sent.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use url::Url;

use super::host::{address, normal_host, port, split_host, without_brackets};

/// The port of DNS over UDP and TCP (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;
/// The port of DNS over TLS (RFC 7858 §3.1).
const DNS_OVER_TLS_PORT: u16 = 853;

/// How names become addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// Which addresses are wanted.
    pub family: Family,
    /// `--resolve`: addresses given by the user.
    pub overrides: Vec<ResolveOverride>,
    /// Whom to ask.
    pub servers: DnsServers,
}

/// Which address families are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both, raced (RFC 8305).
    #[default]
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// `--resolve HOST:PORT:ADDR[,ADDR]…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    /// In lower case; `*` matches any host.
    pub host: String,
    /// The port of the URL.
    pub port: u16,
    /// What the name stands for, in the order to try.
    pub addresses: Vec<IpAddr>,
}

/// Whom to ask for addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DnsServers {
    /// The hosts file, then the servers of resolv.conf with its search list, timeout and attempts.
    #[default]
    System,
    /// These servers, over UDP with TCP for what does not fit.
    Plain(Vec<SocketAddr>),
    /// These servers, over TLS (RFC 7858), with the name that their certificate must have.
    Tls(Vec<(SocketAddr, String)>),
    /// This server, over HTTPS (RFC 8484).
    Https(Url),
}

impl Resolution {
    /// The addresses that the user gave for this host and port. An entry for the host beats one for `*`; of several for
    /// the same host the last one counts. Brackets around `host` do not matter.
    #[must_use]
    pub fn override_for(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        override_for(&self.overrides, host, port)
    }
}

/// As [`Resolution::override_for`], of a list of overrides.
pub(crate) fn override_for<'o>(overrides: &'o [ResolveOverride], host: &str, port: u16) -> Option<&'o [IpAddr]> {
    let host = without_brackets(host);
    let last = |wanted: &str| {
        overrides.iter().rev().find(|entry| entry.port == port && entry.host.eq_ignore_ascii_case(wanted))
    };
    last(host).or_else(|| last("*")).map(|entry| entry.addresses.as_slice())
}

/// Why a text is not a [`ResolveOverride`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveOverrideError {
    /// Parts are missing.
    #[error("expected HOST:PORT:ADDR[,ADDR]…, got {0:?}")]
    Form(String),
    /// The first part is no host name.
    #[error("expected HOST:PORT:ADDR[,ADDR]…, got {0:?}, whose host is not one")]
    Host(String),
    /// The second part is no port.
    #[error("expected HOST:PORT:ADDR[,ADDR]…, got {0:?}, whose port is not a number up to 65535")]
    Port(String),
    /// One of the addresses is none.
    #[error("expected HOST:PORT:ADDR[,ADDR]…, got {text:?}, where {address:?} is not an IP address")]
    Address {
        /// The whole text.
        text: String,
        /// The part that should have been an address.
        address: String,
    },
}

/// Reads `[+]HOST:PORT:ADDR[,ADDR]…`. IPv6 addresses may stand in brackets, and must as `HOST`. The `+` (in curl: forget
/// the entry after a minute) has no effect, because a run is one name cache at most.
impl FromStr for ResolveOverride {
    type Err = ResolveOverrideError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ResolveOverrideError::Form(text.to_owned());
        let (host, rest) = split_host(text.strip_prefix('+').unwrap_or(text)).ok_or_else(form)?;
        let (entry_port, addresses) = rest.and_then(|rest| rest.split_once(':')).ok_or_else(form)?;
        if host.is_empty() || entry_port.is_empty() || addresses.is_empty() {
            return Err(form());
        }
        let host = match host {
            "*" => "*".to_owned(),
            _ => normal_host(host).ok_or_else(|| ResolveOverrideError::Host(text.to_owned()))?,
        };
        let port = port(entry_port).ok_or_else(|| ResolveOverrideError::Port(text.to_owned()))?;
        let no_address = |part: &str| ResolveOverrideError::Address { text: text.to_owned(), address: part.to_owned() };
        let addresses = addresses.split(',').map(|part| address(part).ok_or_else(|| no_address(part)));
        Ok(Self { host, port, addresses: addresses.collect::<Result<_, _>>()? })
    }
}

/// Why a text does not say whom to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsServersError {
    /// There is no server.
    #[error("expected IP[:PORT][,IP[:PORT]]… or tls://IP[:PORT]#NAME, got an empty list")]
    Empty,
    /// This one is not an address with an optional port.
    #[error("expected IP[:PORT] or tls://IP[:PORT]#NAME, got {0:?}")]
    Server(String),
    /// This certificate name is no host name.
    #[error("expected tls://IP[:PORT]#NAME with a host name after \"#\", got {0:?}")]
    Name(String),
    /// Some servers are to be asked over TLS, others not.
    #[error("expected all servers with tls:// or none, got {0:?}")]
    Mixed(String),
}

/// Reads `IP[:PORT][,…]` or `tls://IP[:PORT][#NAME][,…]`. Without `#NAME`, the certificate must name the address.
impl FromStr for DnsServers {
    type Err = DnsServersError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut plain, mut tls) = (Vec::new(), Vec::new());
        for server in text.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            let unreadable = || DnsServersError::Server(server.to_owned());
            match server.strip_prefix("tls://") {
                None => plain.push(server_address(server, DNS_PORT).ok_or_else(unreadable)?),
                Some(server_and_name) => {
                    let (socket, name) = server_and_name.split_once('#').unwrap_or((server_and_name, ""));
                    let socket = server_address(socket, DNS_OVER_TLS_PORT).ok_or_else(unreadable)?;
                    let name = if name.is_empty() { Some(socket.ip().to_string()) } else { normal_host(name) };
                    tls.push((socket, name.ok_or_else(|| DnsServersError::Name(server.to_owned()))?));
                }
            }
        }
        match (plain.is_empty(), tls.is_empty()) {
            (true, true) => Err(DnsServersError::Empty),
            (false, true) => Ok(Self::Plain(plain)),
            (true, false) => Ok(Self::Tls(tls)),
            (false, false) => Err(DnsServersError::Mixed(text.to_owned())),
        }
    }
}

/// `IP`, `IP:PORT`, `[IP]` or `[IP]:PORT`.
fn server_address(text: &str, default_port: u16) -> Option<SocketAddr> {
    if let Some(ip) = address(text) {
        return Some(SocketAddr::new(ip, default_port));
    }
    let (host, given) = split_host(text)?;
    Some(SocketAddr::new(address(host)?, port(given?).filter(|port| *port != 0)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(host: &str, port: u16, addresses: &[&str]) -> ResolveOverride {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        ResolveOverride { host: host.into(), port, addresses }
    }

    #[test]
    fn overrides_parse_as_curl_reads_them() {
        for (text, expect) in [
            ("h:443:127.0.0.1", entry("h", 443, &["127.0.0.1"])),
            ("+Ex.COM:80:127.0.0.1,::1,[::2]", entry("ex.com", 80, &["127.0.0.1", "::1", "::2"])),
            ("*:80:::1", entry("*", 80, &["::1"])),
            ("[::1]:80:[::2]", entry("::1", 80, &["::2"])),
        ] {
            assert_eq!(text.parse(), Ok(expect), "{text}");
        }
    }

    #[test]
    fn overrides_with_parts_missing_or_wrong_are_refused() {
        let form = |text: &str| ResolveOverrideError::Form(text.into());
        let address =
            |text: &str, address: &str| ResolveOverrideError::Address { text: text.into(), address: address.into() };
        for (text, expect) in [
            ("", form("")),
            ("h", form("h")),
            ("h:80", form("h:80")),
            ("h:80:", form("h:80:")),
            (":80:127.0.0.1", form(":80:127.0.0.1")),
            ("-h:80:x", address("-h:80:x", "x")),
            ("h:80:127.0.0.1,", address("h:80:127.0.0.1,", "")),
            ("h:x:127.0.0.1", ResolveOverrideError::Port("h:x:127.0.0.1".into())),
            ("h:65536:127.0.0.1", ResolveOverrideError::Port("h:65536:127.0.0.1".into())),
            ("h h:80:127.0.0.1", ResolveOverrideError::Host("h h:80:127.0.0.1".into())),
        ] {
            assert_eq!(text.parse::<ResolveOverride>(), Err(expect), "{text}");
        }
    }

    #[test]
    fn the_last_exact_override_beats_any_wildcard() {
        let overrides = vec![
            entry("h", 80, &["127.0.0.1"]),
            entry("h", 80, &["127.0.0.2"]),
            entry("*", 80, &["127.0.0.3"]),
            entry("::1", 80, &["127.0.0.4"]),
        ];
        let resolution = Resolution { overrides, ..Resolution::default() };
        for (host, port, expect) in [
            ("h", 80, Some("127.0.0.2")),
            ("H", 80, Some("127.0.0.2")),
            ("h", 81, None),
            ("i", 80, Some("127.0.0.3")),
            ("[::1]", 80, Some("127.0.0.4")),
        ] {
            let expect: Option<Vec<IpAddr>> = expect.map(|address| vec![address.parse().unwrap()]);
            assert_eq!(resolution.override_for(host, port), expect.as_deref(), "{host}:{port}");
        }
    }

    #[test]
    fn servers_are_plain_or_over_tls() {
        let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (text, expect) in [
            ("127.0.0.1", Ok(DnsServers::Plain(vec![socket("127.0.0.1:53")]))),
            (
                "127.0.0.1:5353, [::1]:54,::2,[::3]",
                Ok(DnsServers::Plain(vec![
                    socket("127.0.0.1:5353"),
                    socket("[::1]:54"),
                    socket("[::2]:53"),
                    socket("[::3]:53"),
                ])),
            ),
            ("tls://127.0.0.1#Dns.example", Ok(DnsServers::Tls(vec![(socket("127.0.0.1:853"), "dns.example".into())]))),
            ("tls://[::1]:8853#n", Ok(DnsServers::Tls(vec![(socket("[::1]:8853"), "n".into())]))),
            ("tls://127.0.0.1", Ok(DnsServers::Tls(vec![(socket("127.0.0.1:853"), "127.0.0.1".into())]))),
            ("", Err(DnsServersError::Empty)),
            (" , ", Err(DnsServersError::Empty)),
            ("dns.example", Err(DnsServersError::Server("dns.example".into()))),
            ("127.0.0.1:0", Err(DnsServersError::Server("127.0.0.1:0".into()))),
            ("tls://127.0.0.1#a b", Err(DnsServersError::Name("tls://127.0.0.1#a b".into()))),
            ("127.0.0.1,tls://127.0.0.1", Err(DnsServersError::Mixed("127.0.0.1,tls://127.0.0.1".into()))),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>(), near in "[+*a-z0-9:,#/.\\[\\]]{0,40}") {
            for text in [text, near] {
                let _ = text.parse::<ResolveOverride>();
                let _ = text.parse::<DnsServers>();
            }
        }
    }
}

//! How packets get to where the URL points.
//!
//! Deliberately absent: sockets, and which address of a name is tried when.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::host::{normal_host, port, split_host, without_brackets};
use super::{Proxies, Proxy};
use crate::time::Nanos;

/// How packets get there.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `--connect-to`, first match wins.
    pub connect_to: Vec<ConnectTo>,
    /// `--unix-socket`.
    pub unix_socket: Option<PathBuf>,
    /// `--interface`.
    pub interface: Option<Interface>,
    /// `-x`, `--noproxy` and the environment.
    pub proxies: Proxies,
    /// How long Happy Eyeballs gives an attempt before it starts the next one (RFC 8305 §8 recommends 250 ms; curl and this
    /// program use 200 ms).
    pub attempt_delay: Nanos,
}

/// `--connect-to HOST1:PORT1:HOST2:PORT2`; an empty part of the first pair matches anything, one of the second keeps what
/// the URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    /// The URL's host, in lower case.
    pub host: Option<String>,
    /// The URL's port.
    pub port: Option<u16>,
    /// Connect to this host instead.
    pub to_host: Option<String>,
    /// Connect to this port instead.
    pub to_port: Option<u16>,
}

/// What sockets are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// A device, by name.
    Device(String),
    /// A local address.
    Address(IpAddr),
}

impl Default for Route {
    fn default() -> Self {
        Self {
            connect_to: Vec::new(),
            unix_socket: None,
            interface: None,
            proxies: Proxies::default(),
            attempt_delay: Nanos::from_millis(200),
        }
    }
}

impl Route {
    /// The proxy that is to forward requests for `url`: clear text only, since TLS goes through a tunnel.
    #[must_use]
    pub fn forward_proxy(&self, url: &Url) -> Option<&Proxy> {
        let clear = url.scheme() == "http" && self.unix_socket.is_none();
        clear.then(|| self.proxies.for_url(url)).flatten()
    }

    /// The host and port to connect to for a URL's host and port, both without brackets: the first entry of `connect_to`
    /// that matches decides. An entry that would change nothing matches nothing, as in curl.
    #[must_use]
    pub fn endpoint<'a>(&'a self, host: &'a str, port: u16) -> (&'a str, u16) {
        let host = without_brackets(host);
        let applies = |entry: &&ConnectTo| {
            entry.host.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(host))
                && entry.port.is_none_or(|wanted| wanted == port)
                && (entry.to_host.is_some() || entry.to_port.is_some())
        };
        match self.connect_to.iter().find(applies) {
            Some(entry) => (entry.to_host.as_deref().unwrap_or(host), entry.to_port.unwrap_or(port)),
            None => (host, port),
        }
    }
}

/// Why a text is not a [`ConnectTo`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectToError {
    /// Parts are missing, or there are too many.
    #[error("expected HOST1:PORT1:HOST2:PORT2, got {0:?}")]
    Form(String),
    /// A host is none.
    #[error("expected HOST1:PORT1:HOST2:PORT2, got {text:?}, where {host:?} is not a host")]
    Host {
        /// The whole text.
        text: String,
        /// The part that should have been a host.
        host: String,
    },
    /// A port is none.
    #[error("expected HOST1:PORT1:HOST2:PORT2, got {text:?}, where {port:?} is not a number up to 65535")]
    Port {
        /// The whole text.
        text: String,
        /// The part that should have been a port.
        port: String,
    },
}

/// Reads `HOST1:PORT1:HOST2:PORT2`, IPv6 addresses in brackets; any part may be empty, and the last may be missing.
impl FromStr for ConnectTo {
    type Err = ConnectToError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ConnectToError::Form(text.to_owned());
        let host_part = |part: &str| match part {
            "" => Ok(None),
            _ => normal_host(part)
                .map(Some)
                .ok_or_else(|| ConnectToError::Host { text: text.to_owned(), host: part.to_owned() }),
        };
        let port_part = |part: &str| match part {
            "" => Ok(None),
            _ => port(part)
                .map(Some)
                .ok_or_else(|| ConnectToError::Port { text: text.to_owned(), port: part.to_owned() }),
        };
        let (from_host, rest) = split_host(text).ok_or_else(form)?;
        let (from_port, rest) = rest.and_then(|rest| rest.split_once(':')).ok_or_else(form)?;
        let (to_host, to_port) = split_host(rest).ok_or_else(form)?;
        Ok(Self {
            host: host_part(from_host)?,
            port: port_part(from_port)?,
            to_host: host_part(to_host)?,
            to_port: port_part(to_port.unwrap_or_default())?,
        })
    }
}

/// Why a text does not say what to bind to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// There is nothing.
    #[error("expected a device's name or a local IP address, got nothing")]
    Empty,
    /// `host!` with something that is no address; names are not resolved for this.
    #[error("expected an IP address after \"host!\", got {0:?}")]
    Address(String),
    /// `ifhost!` asks for both at once.
    #[error("expected a device or an address, got both in {0:?}")]
    Both(String),
}

/// Reads a device's name or a local address; `if!NAME` and `host!ADDRESS` say which of the two is meant.
impl FromStr for Interface {
    type Err = InterfaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = |text: &str| without_brackets(text).parse::<IpAddr>();
        let device =
            |name: &str| if name.is_empty() { Err(InterfaceError::Empty) } else { Ok(Self::Device(name.into())) };
        if text.starts_with("ifhost!") {
            Err(InterfaceError::Both(text.to_owned()))
        } else if let Some(given) = text.strip_prefix("host!") {
            address(given).map(Self::Address).map_err(|_| InterfaceError::Address(given.to_owned()))
        } else if let Some(name) = text.strip_prefix("if!") {
            device(name)
        } else {
            address(text).map_or_else(|_| device(text), |address| Ok(Self::Address(address)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(host: Option<&str>, port: Option<u16>, to_host: Option<&str>, to_port: Option<u16>) -> ConnectTo {
        ConnectTo { host: host.map(Into::into), port, to_host: to_host.map(Into::into), to_port }
    }

    #[test]
    fn connect_to_has_four_parts_of_which_any_may_be_empty() {
        let host = |text: &str, host: &str| Err(ConnectToError::Host { text: text.into(), host: host.into() });
        let port = |text: &str, port: &str| Err(ConnectToError::Port { text: text.into(), port: port.into() });
        for (text, expect) in [
            ("A:80:b:81", Ok(entry(Some("a"), Some(80), Some("b"), Some(81)))),
            ("::b:", Ok(entry(None, None, Some("b"), None))),
            ("a:80:b", Ok(entry(Some("a"), Some(80), Some("b"), None))),
            (":::81", Ok(entry(None, None, None, Some(81)))),
            ("[::1]:80:[::2]:81", Ok(entry(Some("::1"), Some(80), Some("::2"), Some(81)))),
            ("", Err(ConnectToError::Form(String::new()))),
            ("a:80", Err(ConnectToError::Form("a:80".into()))),
            ("a:x:b:81", port("a:x:b:81", "x")),
            ("a:80:b:81:82", port("a:80:b:81:82", "81:82")),
            ("a b:80:b:81", host("a b:80:b:81", "a b")),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }

    #[test]
    fn the_first_entry_that_matches_says_where_to_connect() {
        let entries = ["x:::", "a:80:b:81", "a::c:", "[::1]::[::2]:", ":443::8443"];
        let connect_to = entries.map(|text| text.parse().unwrap()).to_vec();
        let route = Route { connect_to, ..Route::default() };
        for (host, port, expect) in [
            ("a", 80, ("b", 81)),
            ("A", 81, ("c", 81)),
            ("[::1]", 80, ("::2", 80)),
            ("x", 443, ("x", 8443)),
            ("y", 80, ("y", 80)),
        ] {
            assert_eq!(route.endpoint(host, port), expect, "{host}:{port}");
        }
    }

    #[test]
    fn an_interface_is_a_device_or_an_address() {
        let device = |name: &str| Ok(Interface::Device(name.into()));
        let address = |text: &str| Ok(Interface::Address(text.parse().unwrap()));
        for (text, expect) in [
            ("eth0", device("eth0")),
            ("if!127.0.0.1", device("127.0.0.1")),
            ("127.0.0.1", address("127.0.0.1")),
            ("[::1]", address("::1")),
            ("host!::1", address("::1")),
            ("host!eth0", Err(InterfaceError::Address("eth0".into()))),
            ("ifhost!eth0!127.0.0.1", Err(InterfaceError::Both("ifhost!eth0!127.0.0.1".into()))),
            ("", Err(InterfaceError::Empty)),
            ("if!", Err(InterfaceError::Empty)),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>(), near in "[a-z0-9:.!\\[\\]]{0,30}") {
            for text in [text, near] {
                let _ = text.parse::<ConnectTo>();
                let _ = text.parse::<Interface>();
            }
        }
    }
}

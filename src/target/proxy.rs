//! Which proxy a URL goes through, and which hosts go through none.
//!
//! Deliberately absent: reading `http_proxy` and its kin (`cli` does), and proxies that are spoken to over TLS or SOCKS.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use super::host::{normal_host, port, split_host, without_brackets};
use super::location::percent_decoded;

/// The port of a proxy whose user named none, as in curl.
const PROXY_PORT: u16 = 1080;

/// Which proxy a URL goes through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Proxy>,
    /// For `https` URLs.
    pub https: Option<Proxy>,
    /// Hosts that are reached directly (`--noproxy`, `no_proxy`): names (with all below them), addresses, CIDR blocks, `*`.
    pub except: Vec<String>,
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// 1080 where the user gave none, as in curl.
    pub port: u16,
    /// User and password for `Proxy-Authorization: Basic`.
    pub credentials: Option<(String, String)>,
}

impl Proxies {
    /// The proxy that requests for `url` go through, or none.
    ///
    /// An entry of `except` matches as in curl from 7.86 on: a name matches itself and all names below it, with or without
    /// a leading dot; an address matches itself, a CIDR block the addresses in it; `*` matches every host, but only where
    /// it is the whole list.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        }?;
        let host = url.host()?;
        let excepted = self.except == ["*"] || self.except.iter().any(|entry| excepts(entry, &host));
        (!excepted).then_some(proxy)
    }

    /// The entries of a list like that of `no_proxy`: separated by commas or blanks.
    #[must_use]
    pub fn exceptions(list: &str) -> Vec<String> {
        list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }
}

fn excepts(entry: &str, host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => excepts_name(entry, name),
        Host::Ipv4(address) => excepts_address(entry, IpAddr::V4(*address)),
        Host::Ipv6(address) => excepts_address(entry, IpAddr::V6(*address)),
    }
}

fn excepts_name(entry: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let entry = entry.strip_suffix('.').unwrap_or(entry);
    let entry = entry.strip_prefix('.').unwrap_or(entry).to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    name.strip_suffix(&entry).is_some_and(|above| !entry.is_empty() && (above.is_empty() || above.ends_with('.')))
}

fn excepts_address(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, Some(bits)),
        None => (entry, None),
    };
    let Ok(network) = without_brackets(network).parse::<IpAddr>() else { return false };
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (u128::from(network.to_bits()), address.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let bits = match bits.map(str::parse::<u32>) {
        None => width,
        Some(Ok(bits)) if bits <= width => bits,
        Some(_) => return false,
    };
    let ignored = width - bits;
    network.checked_shr(ignored) == address.checked_shr(ignored)
}

/// Why a text is not a proxy. No variant repeats a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Only proxies that are spoken to in plain HTTP are known.
    #[error("expected [http://][USER:PASSWORD@]HOST[:PORT], got a proxy with {0}://, which is not supported")]
    Scheme(String),
    /// There is no host, or it is none.
    #[error("expected [http://][USER:PASSWORD@]HOST[:PORT], got {0:?} as HOST[:PORT]")]
    Host(String),
    /// The port is none.
    #[error("expected [http://][USER:PASSWORD@]HOST[:PORT] with a port up to 65535, got {0:?} as PORT")]
    Port(String),
    /// User or password are not UTF-8 once decoded.
    #[error("expected a user and password in UTF-8 for the proxy {0:?}")]
    UserInfo(String),
}

/// Reads `[http://][USER[:PASSWORD]@]HOST[:PORT]`, user and password percent-encoded; a path after it is ignored.
impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) => return Err(ProxyError::Scheme(scheme.to_ascii_lowercase())),
            None => text,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user_info, endpoint) = match authority.rsplit_once('@') {
            Some((user_info, endpoint)) => (Some(user_info), endpoint),
            None => (None, authority),
        };
        let no_host = || ProxyError::Host(endpoint.to_owned());
        let (host, given_port) = split_host(endpoint).ok_or_else(no_host)?;
        let host = normal_host(host).ok_or_else(no_host)?;
        let port = match given_port {
            None | Some("") => PROXY_PORT,
            Some(digits) => {
                port(digits).filter(|port| *port != 0).ok_or_else(|| ProxyError::Port(digits.to_owned()))?
            }
        };
        let credentials = user_info.map(|user_info| {
            let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
            percent_decoded(user).zip(percent_decoded(password)).ok_or_else(|| ProxyError::UserInfo(host.clone()))
        });
        Ok(Self { credentials: credentials.transpose()?, host, port })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxy(host: &str, port: u16, credentials: Option<(&str, &str)>) -> Proxy {
        let credentials = credentials.map(|(user, password)| (user.into(), password.into()));
        Proxy { host: host.into(), port, credentials }
    }

    #[test]
    fn proxies_parse_as_curl_reads_them() {
        for (text, expect) in [
            ("p", Ok(proxy("p", 1080, None))),
            ("P:3128", Ok(proxy("p", 3128, None))),
            ("HTTP://p:3128/", Ok(proxy("p", 3128, None))),
            ("p:", Ok(proxy("p", 1080, None))),
            ("127.0.0.1:3128/path", Ok(proxy("127.0.0.1", 3128, None))),
            ("[::1]:3128", Ok(proxy("::1", 3128, None))),
            ("http://u:p%40s@p", Ok(proxy("p", 1080, Some(("u", "p@s"))))),
            ("u@p", Ok(proxy("p", 1080, Some(("u", ""))))),
            ("u:a@b@p:1", Ok(proxy("p", 1, Some(("u", "a@b"))))),
            ("https://p", Err(ProxyError::Scheme("https".into()))),
            ("socks5h://u:p@p", Err(ProxyError::Scheme("socks5h".into()))),
            ("", Err(ProxyError::Host(String::new()))),
            ("http://", Err(ProxyError::Host(String::new()))),
            ("a b", Err(ProxyError::Host("a b".into()))),
            ("::1", Err(ProxyError::Host("::1".into()))),
            ("p:0", Err(ProxyError::Port("0".into()))),
            ("p:x", Err(ProxyError::Port("x".into()))),
            ("%ff@p", Err(ProxyError::UserInfo("p".into()))),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = Proxies { http: Some(proxy("a", 1, None)), https: Some(proxy("b", 2, None)), except: vec![] };
        for (url, expect) in [("http://h/", Some("a")), ("https://h/", Some("b"))] {
            let chosen = proxies.for_url(&Url::parse(url).unwrap());
            assert_eq!(chosen.map(|proxy| proxy.host.as_str()), expect, "{url}");
        }
        assert_eq!(Proxies::default().for_url(&Url::parse("http://h/").unwrap()), None);
    }

    #[test]
    fn excepted_hosts_are_reached_directly() {
        // (no_proxy, host of the URL, reached directly)
        for (list, host, direct) in [
            ("example.com", "example.com", true),
            ("example.com", "www.example.com", true),
            ("example.com", "nonexample.com", false),
            ("example.com", "example.com.evil", false),
            (".example.com", "example.com", true),
            (".example.com", "www.example.com", true),
            ("EXAMPLE.com.", "example.COM", true),
            ("example.com", "example.com.", true),
            ("a, b\tc d", "d", true),
            ("a,,b", "b", true),
            (".", "example.com", false),
            ("*", "example.com", true),
            ("*", "127.0.0.1", true),
            ("a,*", "example.com", false),
            ("*.example.com", "www.example.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("127.0.0.0/33", "127.0.0.1", false),
            ("127.0.0.0/x", "127.0.0.0", false),
            ("0.0.0.0/0", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.1", true),
            ("0.0.1", "127.0.0.1", false),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("fe80::/10", "[febf::1]", true),
            ("fe80::/10", "[fec0::1]", false),
            ("::/0", "127.0.0.1", false),
            ("::/0", "[::1]", true),
            ("", "example.com", false),
        ] {
            let proxies = Proxies { http: Some(proxy("p", 1, None)), https: None, except: Proxies::exceptions(list) };
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(proxies.for_url(&url).is_none(), direct, "{list:?} and {host}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>(), near in "[a-z0-9:@/%.*\\[\\]]{0,30}") {
            for text in [text, near] {
                let _ = text.parse::<Proxy>();
                let except = Proxies::exceptions(&text);
                let proxies = Proxies { http: Some(proxy("p", 1, None)), https: None, except };
                for url in ["http://h/", "http://127.0.0.1/", "http://[::1]/"] {
                    let _ = proxies.for_url(&Url::parse(url).unwrap());
                }
            }
        }
    }
}

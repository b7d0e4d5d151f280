//! Which flows are shown: `host 10.0.0.1 and port 443 and not sni example.com or name *.example.org`.
//!
//! Words in pairs, joined by `and` and `or` (which binds less), each pair with `not` before it or without. There are no
//! parentheses.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A filter. Invariant: it has at least one alternative, and each of them at least one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    alternatives: Vec<Vec<Condition>>,
}

/// What a filter is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The client's end; absent for a name that nobody connected to.
    pub client: Option<SocketAddr>,
    /// The server's end; absent likewise.
    pub server: Option<SocketAddr>,
    /// The name in the ClientHello.
    pub server_name: Option<&'a str>,
    /// The host of the URL.
    pub name: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Host(Network),
    Client(Network),
    Server(Network),
    Port(u16),
    ServerName(Pattern),
    Name(Pattern),
}

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// A name, or all below it (`*.example.com`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    Below(String),
}

/// The text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A word stands where another kind of word is expected.
    #[error("expected {expected}, got {word:?}")]
    Word {
        /// The offending word.
        word: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The text ends too early.
    #[error("expected {expected} behind {word:?}")]
    End {
        /// The last word.
        word: String,
        /// What is missing.
        expected: &'static str,
    },
    /// There are no words.
    #[error("expected {KEYS}")]
    Empty,
}

const KEYS: &str = "host, client, server, port, sni or name, each with a value, joined by and, or, not";
const ADDRESS: &str = "an address such as 10.0.0.1, ::1 or 10.0.0.0/8";
const PORT: &str = "a port from 0 to 65535";
const HOST_NAME: &str = "a name such as example.com, or *.example.com for all below it";

impl Filter {
    /// Whether it lets this through.
    #[must_use]
    pub fn lets_through(&self, candidate: &Candidate<'_>) -> bool {
        self.alternatives.iter().any(|all| all.iter().all(|condition| condition.holds(candidate)))
    }
}

impl Condition {
    fn holds(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { client, server, server_name, name } = candidate;
        let ends = || [client, server].into_iter().flatten();
        let holds = match &self.test {
            Test::Host(network) => ends().any(|end| network.contains(end.ip())),
            Test::Client(network) => client.is_some_and(|end| network.contains(end.ip())),
            Test::Server(network) => server.is_some_and(|end| network.contains(end.ip())),
            Test::Port(port) => ends().any(|end| end.port() == *port),
            Test::ServerName(pattern) => server_name.is_some_and(|name| pattern.fits(name)),
            Test::Name(pattern) => name.is_some_and(|name| pattern.fits(name)),
        };
        holds != self.negated
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| ()))?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(()) }
    }
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Exact(own) => own.eq_ignore_ascii_case(name),
            Self::Below(own) => name
                .len()
                .checked_sub(own.len())
                .and_then(|at| name.split_at_checked(at))
                .is_some_and(|(before, end)| end.eq_ignore_ascii_case(own) && before.ends_with('.')),
        }
    }
}

impl FromStr for Pattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|sign| sign.is_alphanumeric() || "-._".contains(sign));
        match text.strip_prefix("*.") {
            Some(below) if is_name(below) => Ok(Self::Below(below.to_owned())),
            None if is_name(text) => Ok(Self::Exact(text.to_owned())),
            _ => Err(()),
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_none() {
            return Err(FilterError::Empty);
        }
        let mut alternatives = vec![Vec::new()];
        let mut last = "";
        loop {
            let condition = condition(&mut words, &mut last)?;
            if let Some(all) = alternatives.last_mut() {
                all.push(condition);
            }
            match words.next() {
                None => return Ok(Self { alternatives }),
                Some("and" | "&&") => last = "and",
                Some("or" | "||") => {
                    last = "or";
                    alternatives.push(Vec::new());
                }
                Some(word) => return Err(wrong(word, "and or or")),
            }
        }
    }
}

fn condition<'t>(words: &mut impl Iterator<Item = &'t str>, last: &mut &'t str) -> Result<Condition, FilterError> {
    let mut negated = false;
    let key = loop {
        match words.next() {
            Some(word @ ("not" | "!")) => {
                negated = !negated;
                *last = word;
            }
            Some(word) => break word,
            None => return Err(FilterError::End { word: (*last).to_owned(), expected: KEYS }),
        }
    };
    *last = key;
    let expected = match key {
        "host" | "client" | "server" => ADDRESS,
        "port" => PORT,
        "sni" | "name" => HOST_NAME,
        _ => return Err(wrong(key, KEYS)),
    };
    let Some(word) = words.next() else { return Err(FilterError::End { word: key.to_owned(), expected }) };
    *last = word;
    let test = match key {
        "host" => word.parse().map(Test::Host),
        "client" => word.parse().map(Test::Client),
        "server" => word.parse().map(Test::Server),
        "port" => word.parse().map(Test::Port).map_err(|_| ()),
        "sni" => word.parse().map(Test::ServerName),
        _ => word.parse().map(Test::Name),
    };
    Ok(Condition { negated, test: test.map_err(|()| wrong(word, expected))? })
}

fn wrong(word: &str, expected: &'static str) -> FilterError {
    FilterError::Word { word: word.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(filter: &str, expect: [bool; 3]) {
        let filter: Filter = filter.parse().unwrap();
        let end = |text: &str| Some(text.parse().unwrap());
        let candidates = [
            Candidate {
                client: end("10.0.0.1:40000"),
                server: end("198.51.100.7:443"),
                server_name: Some("www.example.com"),
                name: Some("www.example.com"),
            },
            Candidate {
                client: end("[::1]:40000"),
                server: end("[2001:db8::7]:80"),
                server_name: None,
                name: Some("example.com"),
            },
            Candidate { client: None, server: None, server_name: None, name: Some("missing.example") },
        ];
        assert_eq!(candidates.map(|candidate| filter.lets_through(&candidate)), expect, "{filter:?}");
    }

    #[test]
    fn what_filters_let_through() {
        check("host 10.0.0.1", [true, false, false]);
        check("host 198.51.100.7 and port 443", [true, false, false]);
        check("client 198.51.100.7", [false, false, false]);
        check("server 198.51.100.0/24", [true, false, false]);
        check("host 2001:db8::/32", [false, true, false]);
        check("host 0.0.0.0/0", [true, false, false]);
        check("port 80 or port 443", [true, true, false]);
        check("sni www.EXAMPLE.com", [true, false, false]);
        check("sni *.example.com", [true, false, false]);
        check("name example.com", [false, true, false]);
        check("not port 443", [false, true, true]);
        check("not not port 443 && ! name x.example", [true, false, false]);
        check("name missing.example or port 80 and name example.com", [false, true, true]);
    }

    #[test]
    fn the_offending_word_is_named() {
        for (text, expect) in [
            ("", "expected host,"),
            ("hots 10.0.0.1", "\"hots\""),
            ("host", "behind \"host\""),
            ("host example.com", "\"example.com\""),
            ("host 10.0.0.0/33", "\"10.0.0.0/33\""),
            ("port 99999", "\"99999\""),
            ("port 80 port 81", "expected and or or, got \"port\""),
            ("port 80 and", "behind \"and\""),
            ("not", "behind \"not\""),
            ("sni a b", "\"b\""),
            ("sni *", "\"*\""),
        ] {
            let error = text.parse::<Filter>().unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_refused(text in any::<String>(), near in "((not |)(host|port|sni|name|x) (10.0.0.1(/[0-9]{1,3}|)|::1|80|a.b|\\*.b)( and | or |)){0,4}") {
            for text in [text, near] {
                if let Ok(filter) = text.parse::<Filter>() {
                    let _ = filter.lets_through(&Candidate { client: None, server: "[::1]:80".parse().ok(), server_name: None, name: None });
                }
            }
        }
    }
}

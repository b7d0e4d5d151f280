//! What is learned about a request besides its times.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{AttemptId, Failure, QueryId, Wire};
use crate::time::Nanos;

/// Header fields in the order they were sent or received, names in lower case.
pub type Headers = Vec<(String, String)>;

/// Something known about the request that has no time of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Where the addresses came from.
    Resolved(DnsSource),
    /// What a query asks, and whom.
    Question(QueryId, Question),
    /// What came back; a query without this was never answered.
    Answer(QueryId, Answer),
    /// How long the first address to be known waited for one of the preferred family (RFC 8305 §3).
    ResolutionDelay(Nanos),
    /// A connection attempt and how it ended.
    Attempt(AttemptId, Attempt),
    /// The connection in use.
    Connected(Endpoints),
    /// The connection's first round trip, SYN to SYN-ACK, as the kernel measured it or as it was captured.
    SynRoundTrip(Nanos),
    /// What the TLS handshake agreed on.
    Secured(TlsSession),
    /// The server's certificates, even where the handshake failed.
    Certificates(Vec<Certificate>),
    /// What was asked.
    Request(RequestHead),
    /// A 1xx response (counted from 0) and its status.
    Informational(u32, u16),
    /// The final response's head.
    Response(ResponseHead),
    /// Body bytes received, as transferred: after removal of chunk framing, before decompression.
    BodyBytes(u64),
    /// The kernel's counters for this connection over the trace.
    Transport(TransportCounters),
    /// What the packets of the connection in use told; boxed, because it is far larger than the rest.
    Wire(Box<Wire>),
    /// Why the trace ended early.
    Failed(Failure),
}

/// Where a name's addresses came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsSource {
    /// DNS servers were asked.
    Network,
    /// The hosts file had the name.
    Hosts,
    /// The user gave the address (`--resolve`).
    Override,
}

impl DnsSource {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Hosts => "hosts",
            Self::Override => "override",
        }
    }
}

/// What carried a DNS query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsTransport {
    /// A datagram (RFC 1035 §4.2.1).
    Udp,
    /// A TCP connection (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

impl DnsTransport {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
        }
    }
}

/// One DNS query: one sending of one question to one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// `address:port`, or the URL of a DNS-over-HTTPS server.
    pub server: String,
    /// What carries it.
    pub transport: DnsTransport,
    /// The name asked for, without the root's dot.
    pub name: String,
    /// `A`, `AAAA`.
    #[serde(rename = "type")]
    pub record_type: String,
    /// How often the same question had been sent before, to any server.
    pub retries: u32,
}

/// What a DNS server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `NOERROR`, `NXDOMAIN`, … (the IANA registry's mnemonics).
    pub rcode: String,
    /// The chain of canonical names that was followed, first alias target first.
    pub cname: Vec<String>,
    /// The addresses at the end of the chain.
    pub addresses: Vec<IpAddr>,
    /// The smallest time to live along the chain, in seconds; absent without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// The server set TC: the answer did not fit, and was asked again over TCP.
    pub truncated: bool,
}

/// One connection attempt of Happy Eyeballs (RFC 8305).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `address:port`, or the path of a unix socket.
    pub address: String,
    /// How it ended.
    pub result: AttemptResult,
    /// The error's name (`ECONNREFUSED`) for a failed attempt.
    pub error: Option<String>,
}

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// It was the first to be established.
    Won,
    /// It was refused, unreachable or timed out.
    Failed,
    /// It was still under way when another one won, or time was up.
    Abandoned,
}

impl AttemptResult {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Both ends of the connection in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// An earlier request had used this connection.
    pub reused: bool,
    /// `address:port` of this end; absent for a unix socket.
    pub local: Option<String>,
    /// `address:port` of the other end, or the path of a unix socket.
    pub remote: String,
    /// The proxy's URL, where the other end is a proxy.
    pub proxy: Option<String>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSession {
    /// `TLSv1.2`, `TLSv1.3`.
    pub version: String,
    /// The cipher suite's IANA name.
    pub cipher: String,
    /// The key exchange group (`X25519`, `secp256r1`); absent in a resumption without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The application protocol chosen (RFC 7301); absent where the server chose none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The handshake resumed an earlier session.
    pub resumed: bool,
    /// How often the client had to wait for the server before it could send its request: 1 for TLS 1.3, 2 with a
    /// HelloRetryRequest (RFC 8446 §4.1.4) or a full TLS 1.2 handshake.
    pub round_trips: u32,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The subject's distinguished name (RFC 4514 order as in the certificate).
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// Start of validity, RFC 3339.
    pub not_before: String,
    /// End of validity, RFC 3339.
    pub not_after: String,
}

/// The request as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHead {
    /// `HTTP/1.1`, `HTTP/2`.
    pub version: String,
    /// Its header fields.
    pub headers: Headers,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// Bytes of the head as written: the HTTP/1.1 head, or the HTTP/2 frames that carry it.
    pub header_bytes: u64,
}

/// The head of the final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`.
    pub version: String,
    /// Its header fields.
    pub headers: Headers,
    /// Bytes of the head as received: the HTTP/1.1 head, or the HTTP/2 frames that carry it.
    pub header_bytes: u64,
}

/// The kernel's view of the connection during the trace (`TCP_INFO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportCounters {
    /// The smallest round trip seen on the connection.
    #[serde(rename = "min_rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub min_rtt: Option<Nanos>,
    /// The smoothed round trip at the end (RFC 6298).
    #[serde(rename = "rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Nanos>,
    /// TCP segments sent again during the trace (`tcpi_total_retrans`, as a difference).
    pub retransmits: u32,
    /// TCP segments thought lost at the end (`tcpi_lost`).
    pub lost: u32,
}

//! The parts of a trace, as the JSON contract names them. All times count from the trace's start.

use serde::{Deserialize, Serialize};

use crate::event::{Answer, AttemptResult, Certificate, DnsSource, Headers, Question, TlsSession};
use crate::time::Nanos;

/// Name resolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Where the addresses came from.
    pub source: DnsSource,
    /// Every query, in the order of sending.
    pub queries: Vec<DnsQuery>,
}

/// One query and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsQuery {
    /// What was asked, and whom.
    #[serde(flatten)]
    pub question: Question,
    /// When it was handed to the kernel.
    #[serde(rename = "start_ns")]
    pub start: Nanos,
    /// Until the answer arrived or the query was given up; absent while it was still under way at the trace's end.
    #[serde(rename = "duration_ns", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Nanos>,
    /// What came back; absent without an answer.
    #[serde(flatten)]
    pub answer: Option<Answer>,
}

/// The connection and how it came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// An earlier request had used the connection: it cost this one nothing.
    pub reused: bool,
    /// `address:port` of this end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// `address:port` of the other end, or the path of a unix socket; absent where no attempt won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The proxy's URL, where the other end is a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// SYN to SYN-ACK, as the kernel measured it.
    #[serde(rename = "rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Nanos>,
    /// Every attempt, in the order of starting; none for a reused connection.
    pub attempts: Vec<ConnectAttempt>,
}

/// One attempt of Happy Eyeballs (RFC 8305).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectAttempt {
    /// `address:port`, or the path of a unix socket.
    pub address: String,
    /// When it began.
    #[serde(rename = "start_ns")]
    pub start: Nanos,
    /// Until it was won, lost or given up.
    #[serde(rename = "duration_ns", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Nanos>,
    /// How it ended.
    pub result: AttemptResult,
    /// The error's name (`ECONNREFUSED`).
    pub error: Option<String>,
}

/// The TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// What was agreed on; absent where the handshake failed.
    #[serde(flatten)]
    pub session: Option<TlsSession>,
    /// The first ClientHello has left.
    #[serde(rename = "client_hello_ns", default, skip_serializing_if = "Option::is_none")]
    pub client_hello: Option<Nanos>,
    /// The first byte of the server's first handshake record has arrived.
    #[serde(rename = "server_hello_ns", default, skip_serializing_if = "Option::is_none")]
    pub server_hello: Option<Nanos>,
    /// The certificate and its signature have been checked.
    #[serde(rename = "verified_ns", default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Nanos>,
    /// The client's Finished has left.
    #[serde(rename = "finished_ns", default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Nanos>,
    /// The server's certificates, its own first; empty in a resumption.
    pub certificates: Vec<Certificate>,
}

/// The final response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`.
    pub version: String,
    /// Header fields in order, names in lower case.
    pub headers: Headers,
    /// Bytes of the head as received.
    pub header_bytes: u64,
    /// Body bytes received so far, as transferred (before decompression).
    pub body_bytes: u64,
    /// The 1xx responses before it.
    pub informational: Vec<Informational>,
    /// The last byte of the head has arrived.
    #[serde(rename = "head_complete_ns", default, skip_serializing_if = "Option::is_none")]
    pub head_complete: Option<Nanos>,
    /// The first byte of the body has arrived; absent without a body.
    #[serde(rename = "first_body_byte_ns", default, skip_serializing_if = "Option::is_none")]
    pub first_body_byte: Option<Nanos>,
}

impl Response {
    /// The first value of a header field, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// A 1xx response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informational {
    /// 100, 103, …
    pub status: u16,
    /// When its first byte arrived.
    #[serde(rename = "at_ns")]
    pub at: Nanos,
}

/// What the measuring itself cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// What this program itself added, in all: the gaps between the end of a phase and its next act, which count to the later
    /// phase, and how late it noticed the first and the last byte of the response.
    #[serde(rename = "lag_ns")]
    pub lag: Nanos,
    /// How long the last byte of the request waited in this host's packet scheduler, inside `send`; absent without the
    /// kernel's stamps.
    #[serde(rename = "queue_ns", default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Nanos>,
    /// How long the first address to be known waited for an answer of the preferred family (RFC 8305 §3), inside `connect`;
    /// absent where that answer was there already.
    #[serde(rename = "resolution_delay_ns", default, skip_serializing_if = "Option::is_none")]
    pub resolution_delay: Option<Nanos>,
}

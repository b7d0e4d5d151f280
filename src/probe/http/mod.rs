//! HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113) with exact boundaries.
//!
//! Both write into an [`ExchangeLog`] what they see, as they see it: a request that fails half-way leaves the half it had.

mod coding;
mod frames;
mod h1;
mod h2;
mod head;
mod keys;
mod log;
mod sign;

use url::Url;

use super::deadline::Deadline;
use super::fault;
use super::socket::{Arrival, Left, StampedStream};
use super::stream::Stream;
use super::tap::FlowId;
use crate::event::{Failure, Headers, Phase, TransportCounters};
use crate::time::ClockSync;
pub(crate) use coding::BodySink;
pub(crate) use head::{Head, RequestContext};
pub(crate) use keys::JoinKeys;
pub(crate) use log::ExchangeLog;

/// One request to be made, and where what comes of it goes.
#[derive(Debug)]
pub(crate) struct Call<'a, 's> {
    pub(crate) head: &'a Head,
    pub(crate) body: &'a [u8],
    pub(crate) sink: &'a mut BodySink<'s>,
    pub(crate) log: &'a mut ExchangeLog,
    pub(crate) deadline: &'a Deadline,
}

/// A connection that HTTP is spoken on.
#[derive(Debug)]
pub(crate) enum Connection {
    /// HTTP/1.1.
    H1(h1::Session),
    /// HTTP/2.
    H2(Box<h2::Session>),
}

impl Connection {
    /// `protocol` is what ALPN chose, or what the user knows.
    pub(crate) fn new(stream: Stream, protocol: Protocol) -> Self {
        match protocol {
            Protocol::H1 => Self::H1(h1::Session::new(stream)),
            Protocol::H2 => Self::H2(Box::new(h2::Session::new(stream))),
        }
    }

    /// The version as it stands in a trace.
    pub(crate) const fn version(&self) -> &'static str {
        match self {
            Self::H1(_) => "HTTP/1.1",
            Self::H2(_) => "HTTP/2",
        }
    }

    /// One request and its response. The call's log has what was seen also where this fails.
    pub(crate) fn exchange(&mut self, mut call: Call<'_, '_>) -> Result<(), Failure> {
        match self {
            Self::H1(session) => session.exchange(&mut call),
            Self::H2(session) => session.exchange(&mut call),
        }
    }

    /// Whether another request may follow.
    pub(crate) fn is_reusable(&mut self) -> bool {
        match self {
            Self::H1(session) => session.is_reusable(),
            Self::H2(session) => session.is_reusable(),
        }
    }

    /// The request's fields as this version of HTTP writes them, names in lower case.
    pub(crate) fn fields_as_sent(&self, head: &Head) -> Headers {
        let host = ("host".to_owned(), head.authority.clone());
        match self {
            Self::H1(_) => {
                let fields = head.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
                std::iter::once(host).chain(fields).collect()
            }
            Self::H2(_) => head.h2_fields().map(|(name, value)| (name, value.to_owned())).collect(),
        }
    }

    /// The byte stream below, where it is in clear text and nothing is left unread: for a tunnel.
    pub(crate) fn into_clear_stream(self) -> Option<StampedStream> {
        match self {
            Self::H1(session) => session.into_stream().into_stamped(),
            Self::H2(_) => None,
        }
    }

    /// A new trace begins on this connection.
    pub(crate) fn start_trace(&mut self, sync: ClockSync) {
        match self {
            Self::H1(session) => session.stream_mut().start_trace(sync),
            Self::H2(session) => session.start_trace(sync),
        }
    }

    /// The flow that carries it, where that is watched.
    pub(crate) fn flow(&self) -> Option<FlowId> {
        match self {
            Self::H1(session) => session.stream().flow(),
            Self::H2(session) => session.flow(),
        }
    }

    /// The kernel's counters since the trace began.
    pub(crate) fn counters(&self) -> Option<TransportCounters> {
        match self {
            Self::H1(session) => session.stream().counters(),
            Self::H2(session) => session.counters(),
        }
    }
}

/// Which HTTP is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    H1,
    H2,
}

impl Protocol {
    /// What ALPN chose; a server that chose nothing speaks HTTP/1.1 (RFC 9113 §3.2).
    pub(crate) fn from_alpn(alpn: Option<&[u8]>) -> Self {
        if alpn == Some(b"h2") { Self::H2 } else { Self::H1 }
    }
}

/// What came of a DNS message posted over HTTPS.
pub(crate) struct Fetched {
    pub(crate) left: Option<Left>,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) arrival: Arrival,
}

/// Posts a DNS message (RFC 8484 §4.1) and reads the answer, of at most 64 KiB.
pub(crate) fn post_dns_message(
    stream: Stream,
    url: &Url,
    message: &[u8],
    deadline: &Deadline,
) -> Result<Fetched, Failure> {
    let protocol = match &stream {
        Stream::Tls(tls) => Protocol::from_alpn(tls.alpn()),
        Stream::Plain(_) => Protocol::H1,
    };
    let mut connection = Connection::new(stream, protocol);
    let mut log = ExchangeLog::default();
    let mut body = coding::Bounded::new(usize::from(u16::MAX));
    let mut sink = BodySink::as_is(Some(&mut body));
    let head = Head::dns_message(url, message.len());
    connection.exchange(Call { head: &head, body: message, sink: &mut sink, log: &mut log, deadline })?;
    let missing = || fault::closed(Phase::Dns, "waiting for a DNS answer");
    let arrival = log.last_byte.ok_or_else(missing)?;
    let status = log.head.as_ref().ok_or_else(missing)?.status;
    Ok(Fetched { left: log.sent, status, body: body.into_bytes(), arrival })
}

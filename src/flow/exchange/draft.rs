//! One exchange under way: what was seen of it so far, and the events that it becomes.
//!
//! Deliberately absent: reading bytes. The machines that do fill a draft in; this file only says which moment of a trace each
//! of its times is.

use std::net::SocketAddr;

use super::finished::Finished;
use super::lookup::Lookup;
use super::undeliverable::Undeliverable;
use super::{Exchange, Stamp, UNKNOWN_METHOD};
use crate::event::{
    Attempt, AttemptId, AttemptResult, DnsSource, Endpoints, Event, Evidence, Fact, Failure, FailureCode, Mark, Moment,
    Phase, QueryId, RequestHead, ResponseHead, Side, TlsSession,
};
use crate::message::http::RequestLine;
use crate::time::{Nanos, Timestamp};

/// How a connection came about: what the first exchange on it pays for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The name's resolution, where the capture has it.
    pub lookup: Option<Lookup>,
    /// The first SYN.
    pub syn: Option<Stamp>,
    /// The first SYN-ACK.
    pub syn_ack: Option<Stamp>,
    /// The client's first acknowledgement of it.
    pub ack: Option<Stamp>,
    /// SYNs and SYN-ACKs that were seen: with more than one of each it is open which one was answered.
    pub tries: u32,
    /// The first word of a router or host that a SYN cannot be delivered.
    pub undeliverable: Option<Undeliverable>,
}

impl Opening {
    /// When the connection was established as this side sees it: at the client by the SYN-ACK, at the server by the ACK that
    /// follows it, because SYN to SYN-ACK is the server's own time there.
    #[must_use]
    pub fn established(&self, side: Side) -> Option<Stamp> {
        match side {
            Side::Client => self.syn_ack.or(self.ack),
            Side::Server => self.ack,
        }
    }

    /// One round trip of the handshake as this side sees it: SYN to SYN-ACK at the client, SYN-ACK to ACK at the server.
    #[must_use]
    pub fn round_trip(&self, side: Side) -> Option<Nanos> {
        let (asked, answered) = match side {
            Side::Client => (self.syn, self.syn_ack),
            Side::Server => (self.syn_ack, self.ack),
        };
        asked.zip(answered).filter(|_| self.tries <= 2).map(|(asked, answered)| answered.since(asked))
    }
}

/// The marks of a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TlsSeen {
    pub(super) client_hello: Option<Stamp>,
    pub(super) server_hello: Option<Stamp>,
    pub(super) finished: Option<Stamp>,
    /// From here on a request may leave.
    pub(super) ready: Option<Stamp>,
    pub(super) session: Option<TlsSession>,
}

/// What is the same for all exchanges of a connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// Half the distance between two times that the capture can tell apart, or more.
    pub(super) resolution: Nanos,
    pub(super) side: Side,
    /// `http`, `https`, `tls`, `tcp`.
    pub(super) scheme: &'static str,
    /// The host that the client asks for, where it said so.
    pub(super) host: Option<String>,
}

/// An exchange under way. Times are those of the packets.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) opening: Option<Opening>,
    pub(super) tls: Option<TlsSeen>,
    pub(super) request: Option<RequestLine>,
    pub(super) request_body: u64,
    pub(super) sent_first: Option<Stamp>,
    pub(super) sent_last: Option<Stamp>,
    /// Offset behind the request's last byte so far.
    pub(super) sent_end: u64,
    pub(super) is_sent: bool,
    pub(super) acknowledged: Option<Stamp>,
    pub(super) informational: Vec<(u16, Stamp)>,
    pub(super) response: Option<ResponseHead>,
    pub(super) got_first: Option<Stamp>,
    pub(super) head_complete: Option<Stamp>,
    pub(super) first_body: Option<Stamp>,
    pub(super) got_last: Option<Stamp>,
    /// Offset of the response's first byte.
    pub(super) got_begin: u64,
    pub(super) response_body: u64,
}

/// Why an exchange is over without a whole response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server sent FIN.
    ServerClosed,
    /// The server sent RST.
    ServerReset,
    /// The client sent FIN or RST: it gave up.
    ClientLeft,
    /// Nothing more was seen of the flow until the capture ended, or for so long that it was given up.
    CaptureEnded,
}

impl Draft {
    /// Request bytes up to `end` were seen.
    pub(super) fn sent(&mut self, seen: Stamp, end: u64) {
        self.sent_first.get_or_insert(seen);
        self.sent_last = self.sent_last.max(Some(seen));
        if end > self.sent_end {
            self.sent_end = end;
            self.acknowledged = None;
        }
    }

    /// The server's TCP has acknowledged everything before `offset`.
    pub(super) fn acknowledge(&mut self, offset: u64, at: Stamp) {
        if self.sent_first.is_some() && self.acknowledged.is_none() && offset >= self.sent_end {
            self.acknowledged = Some(at);
        }
    }

    /// Response bytes were seen.
    pub(super) fn got(&mut self, offset: u64, seen: Stamp, delivered: Stamp) {
        if self.got_first.is_none() {
            self.got_first = Some(seen);
            self.got_begin = offset;
        }
        self.got_last = self.got_last.max(Some(delivered));
    }

    /// Nothing happened on the connection before this draft.
    pub(super) const fn is_first(&self) -> bool {
        self.opening.is_some()
    }

    /// The whole response was seen, as far as anybody can tell.
    pub(super) fn complete(self, connection: &Connection) -> Finished {
        let ended = self.last_boundary(connection.side);
        self.finish(connection, None, ended)
    }

    /// It failed, in this way, at this time.
    pub(super) fn failed(self, connection: &Connection, failure: Failure, at: Stamp) -> Finished {
        let at = self.last_seen(connection.side).map_or(at, |last| last.max(at));
        self.finish(connection, Some(failure), Some(at))
    }

    /// The connection ended before the exchange did.
    pub(super) fn cut_off(self, connection: &Connection, ending: Ending, at: Stamp) -> Finished {
        let phase = self.phase(connection.side);
        let word = self.opening.as_ref().and_then(|opening| opening.undeliverable);
        let word = word.filter(|_| phase == Phase::Connect && ending != Ending::ServerReset);
        match word.and_then(|word| Some((word.failure(connection.server)?, word.at))) {
            Some((failure, at)) => self.failed(connection, failure, at),
            None => self.failed(connection, cut_off(phase, ending, connection.server), at),
        }
    }

    /// The phase that is under way.
    pub(super) fn phase(&self, side: Side) -> Phase {
        let connected = |opening: &Opening| opening.established(side).is_some() || opening.syn.is_none();
        if !self.opening.as_ref().is_none_or(connected) {
            Phase::Connect
        } else if self.tls.as_ref().is_some_and(|tls| tls.ready.is_none()) {
            Phase::Tls
        } else if self.got_first.is_some() {
            Phase::Receive
        } else if self.is_sent || self.sent_first.is_none() {
            Phase::Wait
        } else {
            Phase::Send
        }
    }

    fn last_seen(&self, side: Side) -> Option<Stamp> {
        let hellos = self.tls.as_ref().and_then(|tls| tls.client_hello.max(tls.server_hello));
        self.last_boundary(side).max(hellos)
    }

    /// The end of the last phase: hellos are marks within one.
    fn last_boundary(&self, side: Side) -> Option<Stamp> {
        let opened = self.opening.as_ref().and_then(|opening| opening.syn.max(opening.established(side)));
        let ready = self.tls.as_ref().and_then(|tls| tls.ready);
        opened.max(ready).max(self.sent_last).max(self.got_last)
    }

    /// When it began, with what it pays for.
    pub(super) fn first_seen(&self) -> Option<Stamp> {
        let opening = self.opening.as_ref();
        let lookup = opening.and_then(|opening| opening.lookup.as_ref()).and_then(Lookup::began);
        let tls = self.tls.as_ref().and_then(|tls| tls.client_hello);
        lookup.or(opening.and_then(|opening| opening.syn)).or(tls).or(self.sent_first).or(self.got_first)
    }

    fn finish(mut self, connection: &Connection, failure: Option<Failure>, ended: Option<Stamp>) -> Finished {
        let host = self.request.as_ref().and_then(|line| line.header("host")).or(connection.host.as_deref());
        if let (Some(opening), Some(host)) = (&mut self.opening, host) {
            // An address may have several names; a lookup of another one belongs to another flow.
            let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
            opening.lookup = opening.lookup.take().filter(|lookup| lookup.is_of(host));
        }
        let started = self.first_seen().or(ended).unwrap_or_default();
        let ended = ended.unwrap_or(started);
        Finished { draft: self, connection: connection.clone(), failure, started, ended }
    }

    /// The exchange with its events.
    pub(super) fn exchange(
        self,
        connection: &Connection,
        failure: Option<Failure>,
        started: Stamp,
        ended: Stamp,
    ) -> Exchange {
        let url = url(connection, self.request.as_ref());
        let method = self.request.as_ref().map_or(UNKNOWN_METHOD, |line| &line.method).to_owned();
        let (sent_end, got_begin) = (self.sent_first.map(|_| self.sent_end), self.got_first.map(|_| self.got_begin));
        let mut events = Events { resolution: connection.resolution, events: Vec::with_capacity(24) };
        self.tell(connection, started, &mut events);
        if let Some(failure) = failure {
            events.observe(Moment::Failed, Some(ended));
            events.learn(Fact::Failed(failure));
        }
        Exchange { url, method, started, ended, sent_end, got_begin, events: events.events }
    }

    fn tell(self, connection: &Connection, started: Stamp, events: &mut Events) {
        events.observe(Moment::Start, Some(started));
        let reused = self.opening.is_none();
        if let Some(opening) = &self.opening {
            tell_opening(opening, connection, events);
        }
        events.learn(Fact::Connected(Endpoints {
            reused,
            local: Some(connection.client.to_string()),
            remote: connection.server.to_string(),
            proxy: None,
        }));
        if let Some(tls) = self.tls {
            events.observe(Moment::ClientHello, tls.client_hello);
            events.observe(Moment::ServerHello, tls.server_hello);
            events.observe(Moment::Finished, tls.finished);
            events.observe(Moment::End(Phase::Tls), tls.ready);
            if let Some(session) = tls.session {
                events.learn(Fact::Secured(session));
            }
        }
        if let Some(line) = self.request {
            events.learn(Fact::Request(RequestHead {
                version: line.version,
                headers: line.headers,
                body_bytes: self.request_body,
                header_bytes: line.header_bytes,
            }));
        }
        events.observe(Moment::RequestHanded, self.sent_first);
        events.observe(Moment::End(Phase::Send), self.sent_last.filter(|_| self.is_sent));
        events.observe(Moment::RequestAcked, self.acknowledged);
        for (index, (status, at)) in (0..).zip(self.informational) {
            events.observe(Moment::Informational(index), Some(at));
            events.learn(Fact::Informational(index, status));
        }
        events.observe(Moment::End(Phase::Wait), self.got_first);
        events.observe(Moment::HeadComplete, self.head_complete);
        events.observe(Moment::FirstBodyByte, self.first_body);
        events.observe(Moment::End(Phase::Receive), self.got_last);
        if let Some(head) = self.response {
            events.learn(Fact::Response(head));
            events.learn(Fact::BodyBytes(self.response_body));
        }
    }
}

fn tell_opening(opening: &Opening, connection: &Connection, events: &mut Events) {
    if let Some(lookup) = &opening.lookup {
        tell_lookup(lookup, events);
        events.observe(Moment::End(Phase::Dns), lookup.answered());
    }
    let Some(syn) = opening.syn else { return };
    let established = opening.established(connection.side);
    events.observe(Moment::AttemptStarted(AttemptId(0)), Some(syn));
    events.observe(Moment::AttemptEnded(AttemptId(0)), established);
    events.observe(Moment::End(Phase::Connect), established);
    let result = if established.is_some() { AttemptResult::Won } else { AttemptResult::Failed };
    let attempt = Attempt { address: connection.server.to_string(), result, error: None };
    events.learn(Fact::Attempt(AttemptId(0), attempt));
    if let Some(round_trip) = opening.round_trip(connection.side) {
        events.learn(Fact::SynRoundTrip(round_trip));
    }
}

fn tell_lookup(lookup: &Lookup, events: &mut Events) {
    events.learn(Fact::Resolved(DnsSource::Network));
    for (id, query) in (0..).map(QueryId).zip(&lookup.queries) {
        events.observe(Moment::QuerySent(id), Some(query.sent));
        events.learn(Fact::Question(id, query.question.clone()));
        if let Some((at, answer)) = &query.answer {
            events.observe(Moment::QueryEnded(id), Some(*at));
            events.learn(Fact::Answer(id, answer.clone()));
        }
    }
}

/// A name that nobody connected to, because it could not be resolved.
pub(super) fn unresolved(lookup: &Lookup, failure: Failure, at: Stamp, resolution: Nanos) -> Exchange {
    let started = lookup.began().unwrap_or(at);
    let mut events = Events { resolution, events: Vec::new() };
    events.observe(Moment::Start, Some(started));
    tell_lookup(lookup, &mut events);
    events.observe(Moment::Failed, Some(at));
    events.learn(Fact::Failed(failure));
    Exchange {
        url: format!("dns:{}", lookup.name),
        method: UNKNOWN_METHOD.to_owned(),
        started,
        ended: at,
        sent_end: None,
        got_begin: None,
        events: events.events,
    }
}

/// What it means that a connection ended in a phase.
fn cut_off(phase: Phase, ending: Ending, server: SocketAddr) -> Failure {
    use Ending::{CaptureEnded, ClientLeft, ServerClosed, ServerReset};
    let code = match (phase, ending) {
        (Phase::Blocked | Phase::Dns | Phase::Connect, ServerReset) => FailureCode::ConnectRefused,
        (Phase::Blocked | Phase::Dns | Phase::Connect, ServerClosed) => FailureCode::ConnectFailed,
        (Phase::Blocked | Phase::Dns | Phase::Connect, ClientLeft | CaptureEnded) => FailureCode::ConnectTimeout,
        (Phase::Tls, ServerReset) => FailureCode::TlsReset,
        (Phase::Tls, ServerClosed) => FailureCode::TlsClosed,
        (Phase::Tls, ClientLeft) => FailureCode::TlsFailed,
        (Phase::Tls, CaptureEnded) => FailureCode::TlsTimeout,
        (Phase::Send, ServerReset | ServerClosed) => FailureCode::SendFailed,
        (Phase::Send, ClientLeft | CaptureEnded) => FailureCode::SendTimeout,
        (Phase::Wait, ServerReset) => FailureCode::WaitReset,
        (Phase::Wait, ServerClosed) => FailureCode::WaitClosed,
        (Phase::Wait, ClientLeft | CaptureEnded) => FailureCode::WaitTimeout,
        (Phase::Receive, ServerReset) => FailureCode::ReceiveReset,
        (Phase::Receive, ServerClosed) => FailureCode::ReceiveClosed,
        (Phase::Receive, ClientLeft | CaptureEnded) => FailureCode::ReceiveTimeout,
    };
    let what = match ending {
        ServerClosed => "closed the connection",
        ServerReset if code == FailureCode::ConnectRefused => "refused the connection",
        ServerReset => "reset the connection",
        ClientLeft => "was given up by the client",
        CaptureEnded => "was silent until the capture ended, or until the flow was given up",
    };
    Failure { phase, code, message: format!("{server} {what}") }
}

/// What the client asked for, as far as it can be told: an URL of the protocol, or else of the address.
fn url(connection: &Connection, request: Option<&RequestLine>) -> String {
    let Connection { server, scheme, host, .. } = connection;
    let default_port = match *scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let authority = match host {
        Some(host) if default_port == Some(server.port()) => host.clone(),
        Some(host) => format!("{host}:{}", server.port()),
        None if default_port == Some(server.port()) && server.is_ipv4() => server.ip().to_string(),
        None => server.to_string(),
    };
    let of_connection = format!("{scheme}://{authority}/");
    let Some(line) = request else { return of_connection };
    let asked = if line.target.starts_with('/') {
        line.header("host").filter(|host| !host.is_empty()).map(|host| format!("{scheme}://{host}{}", line.target))
    } else if line.method == "CONNECT" {
        Some(format!("{scheme}://{}/", line.target))
    } else {
        Some(line.target.clone())
    };
    let without_host =
        || if line.target.starts_with('/') { format!("{scheme}://{authority}{}", line.target) } else { of_connection };
    let parsed = asked.and_then(|text| url::Url::parse(&text).ok()).filter(url::Url::has_host);
    parsed.map_or_else(without_host, String::from)
}

struct Events {
    resolution: Nanos,
    events: Vec<Event>,
}

impl Events {
    fn observe(&mut self, moment: Moment, at: Option<Stamp>) {
        if let Some(at) = at {
            // The capture's own clock is the timeline.
            let mark =
                Mark { at: Timestamp::from_nanos(at.as_nanos()), error: self.resolution, source: Evidence::Wire };
            self.events.push(Event::Observed(moment, mark));
        }
    }

    fn learn(&mut self, fact: Fact) {
        self.events.push(Event::Learned(fact));
    }
}

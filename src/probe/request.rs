//! One request from its name to its last byte.

use std::io::Write;

use url::Url;

use super::connect::{self, Dialer};
use super::deadline::Deadline;
use super::dns::{Lookup, Wanted};
use super::fault;
use super::http::{BodySink, Call, Connection, ExchangeLog, Head, Protocol};
use super::recorder::Recorder;
use super::socket::StampedStream;
use super::stream::Stream;
use super::tls::{TlsClient, TlsStream};
use super::{Kept, Probe, clock, tunnel};
use crate::event::{Endpoints, Fact, Failure, FailureCode, Moment, Phase, RequestHead};
use crate::target::{HttpVersion, Redirects, Request, ResolveOverride};
use crate::time::ClockSync;

/// One request under way.
pub(super) struct UnderWay<'a> {
    pub(super) probe: &'a Probe<'a>,
    pub(super) request: &'a Request,
    /// Addresses that the target has of its own.
    pub(super) overrides: &'a [ResolveOverride],
    /// Set up where the URL is `https`.
    pub(super) tls: Option<&'a TlsClient>,
    pub(super) sync: ClockSync,
    pub(super) recorder: &'a mut Recorder,
    /// The response's `Location`, as it came.
    pub(super) location: Option<String>,
    /// Queries that may still be out while the request is under way.
    pub(super) lookup: Option<Lookup>,
}

impl UnderWay<'_> {
    /// Makes the request, and records what came of it and of queries that nobody had to wait for.
    pub(super) fn run<'b>(
        &mut self,
        head: &Head,
        kept: &mut Option<Kept>,
        body: Option<&'b mut (dyn Write + 'b)>,
    ) -> Result<(), Failure> {
        let result = self.request(head, kept, body);
        if let Some(mut lookup) = self.lookup.take() {
            lookup.take_in(self.recorder);
        }
        result
    }

    /// Makes the request, on the kept connection if it leads to the same origin and still stands.
    fn request<'b>(
        &mut self,
        head: &Head,
        kept: &mut Option<Kept>,
        body: Option<&'b mut (dyn Write + 'b)>,
    ) -> Result<(), Failure> {
        let plan = self.probe.plan;
        let start = clock::now();
        let total = Deadline::after(start, plan.limits.total, &self.probe.interrupt);
        let ready = Deadline::after(start, plan.limits.connect, &self.probe.interrupt).or_earlier(&total);
        let origin = self.request.url.origin();
        let reusable = kept.take().filter(|kept| kept.origin == origin);
        let (mut connection, endpoints) = match reusable.and_then(|kept| kept.if_it_stands(self.sync)) {
            Some(kept) => {
                self.recorder.noticed(Moment::Start, clock::now());
                self.recorder.carried_by(kept.connection.flow());
                (kept.connection, Endpoints { reused: true, ..kept.endpoints })
            }
            None => self.open(&ready)?,
        };
        if endpoints.reused {
            self.recorder.learn(Fact::Connected(endpoints.clone()));
        }
        let result = self.exchange(head, &mut connection, body, &total);
        if let Some(counters) = connection.counters() {
            self.recorder.learn(Fact::Transport(counters));
        }
        if result.is_ok() {
            *kept = Some(Kept { origin, connection, endpoints });
        }
        result
    }

    fn exchange<'b>(
        &mut self,
        head: &Head,
        connection: &mut Connection,
        body: Option<&'b mut (dyn Write + 'b)>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let payload = self.request.body.as_deref().unwrap_or_default();
        let mut log = ExchangeLog::default();
        let mut sink = BodySink::new(body, self.request.coding);
        if matches!(self.probe.plan.redirects, Redirects::Follow { .. }) {
            sink.leave_out_redirects();
        }
        let result = connection.exchange(Call { head, body: payload, sink: &mut sink, log: &mut log, deadline });
        if log.head_bytes_sent > 0 {
            self.recorder.learn(Fact::Request(RequestHead {
                version: connection.version().to_owned(),
                headers: connection.fields_as_sent(head),
                body_bytes: payload.len() as u64,
                header_bytes: log.head_bytes_sent,
            }));
        }
        self.location = log.head.as_ref().and_then(|head| {
            head.headers.iter().find(|(name, _)| name == "location").map(|(_, location)| location.clone())
        });
        log.record(self.recorder);
        result
    }

    /// Resolves, connects, shakes hands.
    fn open(&mut self, deadline: &Deadline) -> Result<(Connection, Endpoints), Failure> {
        let (stream, endpoints) = self.connect(deadline)?;
        // Now, and not when TLS is there: a handshake that fails has failed with somebody.
        self.recorder.learn(Fact::Connected(endpoints.clone()));
        let url = &self.request.url;
        let version = self.probe.plan.http;
        if url.scheme() != "https" {
            let protocol = if version == HttpVersion::Http2PriorKnowledge { Protocol::H2 } else { Protocol::H1 };
            return Ok((Connection::new(Stream::plain(stream), protocol), endpoints));
        }
        let client = self.tls.ok_or_else(|| fault::fault(Phase::Tls, FailureCode::TlsFailed, "TLS is not set up"))?;
        let alpn: &[&[u8]] = match version {
            HttpVersion::Negotiate => &[b"h2", b"http/1.1"],
            HttpVersion::Http11 => &[b"http/1.1"],
            HttpVersion::Http2PriorKnowledge => &[b"h2"],
        };
        let tls = TlsStream::handshake(stream, client, bare_host(url), alpn, self.recorder, deadline)?;
        let protocol = match version {
            HttpVersion::Http2PriorKnowledge => Protocol::H2,
            HttpVersion::Negotiate | HttpVersion::Http11 => Protocol::from_alpn(tls.alpn()),
        };
        Ok((Connection::new(Stream::tls(tls), protocol), endpoints))
    }

    /// A byte stream to the server: direct, through a tunnel, or to a proxy that forwards.
    fn connect(&mut self, deadline: &Deadline) -> Result<(StampedStream, Endpoints), Failure> {
        let route = &self.probe.plan.route;
        if let Some(path) = &route.unix_socket {
            let stream = connect::dial_unix(path, self.sync, self.recorder, deadline)?;
            let remote = path.display().to_string();
            return Ok((stream, Endpoints { reused: false, local: None, remote, proxy: None }));
        }
        let url = &self.request.url;
        let port = port(url);
        let proxy = route.proxies.for_url(url);
        let (host, to_port) = match proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => route.endpoint(bare_host(url), port),
        };
        let name = Wanted { host, port: to_port, overrides: self.overrides };
        let addresses = self.probe.resolver.resolve(name, self.recorder, self.sync, deadline)?;
        let dialer = Dialer {
            interface: route.interface.as_ref(),
            attempt_delay: route.attempt_delay,
            tap: self.probe.tap(),
            sync: self.sync,
            port: to_port,
        };
        let raced = dialer.race(addresses, self.recorder, deadline);
        let mut connection = raced.map_err(|failure| match proxy {
            None => failure,
            Some(_) => Failure { message: format!("the proxy cannot be reached: {}", failure.message), ..failure },
        })?;
        self.lookup = connection.lookup.take();
        let endpoints = Endpoints {
            reused: false,
            local: connection.local.map(|address| address.to_string()),
            remote: connection.remote.to_string(),
            proxy: proxy.map(|proxy| format!("http://{}:{}", proxy.host, proxy.port)),
        };
        match proxy {
            Some(proxy) if url.scheme() == "https" => {
                self.recorder.learn(Fact::Connected(endpoints.clone()));
                let host = url.host_str().unwrap_or_default();
                let (stream, established) = tunnel::open(connection.stream, proxy, host, port, deadline)?;
                self.recorder.arrived(Moment::End(Phase::Connect), established);
                Ok((stream, endpoints))
            }
            _ => {
                self.recorder.arrived(Moment::End(Phase::Connect), connection.established);
                Ok((connection.stream, endpoints))
            }
        }
    }
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(80)
}

/// The host without the brackets of an IPv6 literal.
fn bare_host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

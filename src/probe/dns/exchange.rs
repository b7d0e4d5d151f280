//! One question to one server, over UDP, TCP, TLS or HTTPS, with the stamps of its query and its answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_proto::rr::Name;
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};
use url::Url;

use crate::event::{Answer, DnsTransport, Failure, FailureCode, Mark, Phase};
use crate::flow::Place;
use crate::message::dns::{self as message, Record, Unusable};
use crate::probe::clock;
use crate::probe::connect::{self, Dialed};
use crate::probe::deadline::{Deadline, Ended};
use crate::probe::fault::fault;
use crate::probe::http::{self, Fetched};
use crate::probe::kernel::{self, KernelStamp, Stage};
use crate::probe::recorder::Recorder;
use crate::probe::socket::{Arrival, Left, StreamError};
use crate::probe::stream::{Inbound, Stream};
use crate::probe::tap::{Carrier, Opening, Spot, Tap, Watched};
use crate::probe::tls::{TlsClient, TlsStream};
use crate::target::Interface;
use crate::time::ClockSync;

/// A server and how it is spoken to.
#[derive(Clone, Debug)]
pub(super) enum Server {
    Plain(SocketAddr),
    Tls(SocketAddr, String),
    Https(Url, Vec<SocketAddr>),
}

/// What carries one query.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Udp,
    Tcp,
    Tls,
    Https,
}

impl Wire {
    pub(super) const fn transport(self) -> DnsTransport {
        match self {
            Self::Udp => DnsTransport::Udp,
            Self::Tcp => DnsTransport::Tcp,
            Self::Tls => DnsTransport::Tls,
            Self::Https => DnsTransport::Https,
        }
    }
}

impl Server {
    /// How to ask, in order: the next one is for answers that the one before truncated.
    pub(super) const fn wires(&self) -> &'static [Wire] {
        match self {
            Self::Plain(_) => &[Wire::Udp, Wire::Tcp],
            Self::Tls(..) => &[Wire::Tls],
            Self::Https(..) => &[Wire::Https],
        }
    }

    /// As it stands in a trace.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Plain(address) | Self::Tls(address, _) => address.to_string(),
            Self::Https(url, _) => url.to_string(),
        }
    }
}

/// Why a server gave no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    TimedOut,
    Interrupted,
    Malformed,
    /// It was reached, and had no answer to give.
    Failed(String),
    Unreachable(String),
}

impl From<Ended> for NoAnswer {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::TimedOut => Self::TimedOut,
            Ended::Interrupted => Self::Interrupted,
        }
    }
}

impl NoAnswer {
    fn from_stream(error: &StreamError) -> Self {
        match error {
            StreamError::Ended(ended) => (*ended).into(),
            StreamError::Reset(errno) | StreamError::Failed(errno) => {
                Self::Unreachable(format!("the connection failed: {}", errno.desc().to_lowercase()))
            }
            StreamError::Tls(failure) => Self::Unreachable(failure.message.clone()),
        }
    }

    pub(super) fn explain(self, server: &Server, name: &str) -> Failure {
        let server = server.label();
        let (code, message) = match self {
            Self::TimedOut => (FailureCode::DnsTimeout, format!("{server} did not answer for {name} in time")),
            Self::Interrupted => (FailureCode::ClientInterrupted, format!("interrupted while resolving {name}")),
            Self::Malformed => {
                (FailureCode::DnsMalformed, format!("{server} answered for {name} with something that is not DNS"))
            }
            Self::Failed(why) => (FailureCode::DnsServerFailure, format!("{server} did not resolve {name}: {why}")),
            Self::Unreachable(why) => (FailureCode::DnsUnreachable, format!("{server} cannot be asked: {why}")),
        };
        fault(Phase::Dns, code, message)
    }
}

/// What became of a query.
pub(super) struct Exchanged {
    /// When it left; absent where it never did.
    pub(super) left: Option<Left>,
    pub(super) outcome: Result<(Answer, Arrival), NoAnswer>,
}

/// One question, and how it may be asked.
pub(super) struct Call<'a> {
    pub(super) interface: Option<&'a Interface>,
    pub(super) tls: Option<&'a TlsClient>,
    pub(super) tap: Option<&'a Arc<dyn Tap>>,
    pub(super) sync: ClockSync,
    pub(super) deadline: &'a Deadline,
    pub(super) name: &'a Name,
    pub(super) record: Record,
    /// Told when the query was handed to the kernel, as soon as it was: an answer may never come.
    pub(super) handed: &'a dyn Fn(Left),
}

impl Call<'_> {
    pub(super) fn exchange(&self, server: &Server, wire: Wire) -> Exchanged {
        let mut left = None;
        let outcome = match (server, wire) {
            (Server::Plain(address), Wire::Udp) => self.over_udp(*address, &mut left),
            (Server::Https(url, addresses), _) => self.over_https(url, addresses, &mut left),
            (Server::Plain(address), _) => self.over_stream(*address, None, &mut left),
            (Server::Tls(address, name), _) => self.over_stream(*address, Some(name), &mut left),
        };
        Exchanged { left, outcome }
    }

    /// A fresh socket for each query gives it a port of its own, and takes answers from that server alone.
    fn over_udp(&self, server: SocketAddr, left: &mut Option<Left>) -> Result<(Answer, Arrival), NoAnswer> {
        let unreachable = |error: std::io::Error| NoAnswer::Unreachable(error.to_string());
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP)).map_err(unreachable)?;
        socket.set_nonblocking(true).map_err(unreachable)?;
        connect::bind(&socket, self.interface_towards(server.ip()), server).map_err(unreachable)?;
        socket.connect(&server.into()).map_err(unreachable)?;
        // Without stamps the user clock serves, and the trace says so.
        let _ = kernel::stamp_departures(&socket);

        let watched = self.watch(&socket, server);
        // Of datagrams, too, bytes are counted from the first on.
        let spot = |place| watched.as_ref().map(|watched| Spot { flow: watched.id(), place });

        let id = random_id();
        let query = message::encode(id, self.name, self.record);
        let handed = clock::user_mark(clock::now());
        let handed = Left { handed, scheduled: None, kernel: None, wire: spot(Place::SentEnd(query.len() as u64)) };
        socket.send(&query).map_err(unreachable)?;
        (self.handed)(handed);
        *left = Some(handed);

        let mut stamps = Vec::new();
        let mut buffer = vec![0_u8; usize::from(u16::MAX)];
        let mut malformed = false;
        let mut received = 0;
        loop {
            let ready = self.deadline.wait(std::os::fd::AsFd::as_fd(&socket), PollFlags::POLLIN);
            kernel::acknowledge_stamps(&socket, &mut stamps);
            let sent = stamps.iter().find(|stamp| stamp.stage == Stage::Sent).map(|stamp| self.mark(stamp.at));
            *left = Some(Left { kernel: sent, ..handed });
            match ready {
                Err(Ended::TimedOut) if malformed => return Err(NoAnswer::Malformed),
                Err(ended) => return Err(ended.into()),
                Ok(_) => {}
            }
            match kernel::receive(&socket, &mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(unreachable(error)),
                Ok((length, stamp)) => {
                    received += length as u64;
                    let kernel = stamp.map(|stamp| self.mark(stamp));
                    let arrival = Arrival { noticed: clock::now(), kernel, wire: spot(Place::ReceivedEnd(received)) };
                    match message::decode(&buffer[..length], id, self.name, self.record) {
                        Ok(answer) => return Ok((answer, arrival)),
                        Err(Unusable::Malformed) => return Err(NoAnswer::Malformed),
                        // Anyone may send us a datagram: the answer may still come.
                        Err(Unusable::Noise) => malformed = true,
                        Err(Unusable::NotOurs) => {}
                    }
                }
            }
        }
    }

    fn watch(&self, socket: &Socket, server: SocketAddr) -> Option<Watched> {
        self.tap?;
        let local = socket.local_addr().ok()?.as_socket()?;
        let device = connect::device(self.interface_towards(server.ip()));
        Watched::new(self.tap, &Opening { carrier: Carrier::Udp, local, remote: server, device })
    }

    fn mark(&self, stamp: KernelStamp) -> Mark {
        kernel::mark(stamp, &self.sync)
    }

    /// Over TCP, or TLS with a certificate for `tls_name`; messages are prefixed with their length (RFC 1035 §4.2.2).
    fn over_stream(
        &self,
        server: SocketAddr,
        tls_name: Option<&str>,
        left: &mut Option<Left>,
    ) -> Result<(Answer, Arrival), NoAnswer> {
        let mut stream = self.open(&[server], tls_name, &[])?;
        let id = random_id();
        let query = message::encode(id, self.name, self.record);
        let length = u16::try_from(query.len()).map_err(|_| NoAnswer::Malformed)?.to_be_bytes();
        let end = stream.queue(&[&length, query.as_slice()].concat());
        stream.flush(self.deadline).map_err(|error| NoAnswer::from_stream(&error))?;
        *left = stream.left(end);
        if let Some(left) = left {
            (self.handed)(*left);
        }

        let mut received = Vec::new();
        loop {
            let chunk = match stream.chunk(self.deadline).map_err(|error| NoAnswer::from_stream(&error))? {
                Inbound::Bytes(chunk) => chunk,
                Inbound::Closed | Inbound::Truncated => {
                    return Err(NoAnswer::Unreachable("it closed the connection".to_owned()));
                }
            };
            received.extend(chunk.bytes);
            *left = stream.left(end);
            let Some((prefix, rest)) = received.split_first_chunk::<2>() else { continue };
            let length = usize::from(u16::from_be_bytes(*prefix));
            if let Some(message) = rest.get(..length) {
                let answer = message::decode(message, id, self.name, self.record).map_err(|_| NoAnswer::Malformed)?;
                return Ok((answer, chunk.arrivals.last));
            }
        }
    }

    /// A POST of the message (RFC 8484 §4.1), on a connection of its own.
    fn over_https(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
        left: &mut Option<Left>,
    ) -> Result<(Answer, Arrival), NoAnswer> {
        let host = url.host_str().unwrap_or_default();
        let tls_name = (url.scheme() == "https").then_some(host.trim_matches(['[', ']']));
        let stream = self.open(addresses, tls_name, &[b"h2", b"http/1.1"])?;
        let query = message::encode(0, self.name, self.record);
        (self.handed)(Left { handed: clock::user_mark(clock::now()), scheduled: None, kernel: None, wire: None });
        let Fetched { left: sent, status, body, arrival } =
            http::post_dns_message(stream, url, &query, self.deadline).map_err(|failure| self.failed(failure))?;
        *left = sent;
        if status != 200 {
            return Err(NoAnswer::Failed(format!("it answered with HTTP status {status}")));
        }
        let answer = message::decode(&body, 0, self.name, self.record).map_err(|_| NoAnswer::Malformed)?;
        Ok((answer, arrival))
    }

    fn open(&self, addresses: &[SocketAddr], tls_name: Option<&str>, alpn: &[&[u8]]) -> Result<Stream, NoAnswer> {
        let mut unrecorded = Recorder::default();
        let interface = addresses.first().and_then(|server| self.interface_towards(server.ip()));
        let Dialed { stream, .. } = connect::dial(addresses, interface, self.tap, self.sync, self.deadline)
            .map_err(|failure| self.failed(failure))?;
        let Some(name) = tls_name else { return Ok(Stream::plain(stream)) };
        let Some(client) = self.tls else { return Err(NoAnswer::Unreachable("TLS is not set up".to_owned())) };
        TlsStream::handshake(stream, client, name, alpn, &mut unrecorded, self.deadline)
            .map(Stream::tls)
            .map_err(|failure| self.failed(failure))
    }

    /// What a socket towards `server` is bound to. A name server on this host, such as the stub resolver of 127.0.0.53, is
    /// not behind any interface, and an address of the other family cannot be bound to at all.
    fn interface_towards(&self, server: IpAddr) -> Option<&Interface> {
        self.interface.filter(|interface| match interface {
            Interface::Device(_) => !server.is_loopback(),
            Interface::Address(address) => !server.is_loopback() && address.is_ipv4() == server.is_ipv4(),
        })
    }

    fn failed(&self, failure: Failure) -> NoAnswer {
        match self.deadline.check() {
            Err(ended) => ended.into(),
            Ok(()) => NoAnswer::Unreachable(failure.message),
        }
    }
}

/// Unpredictable, so that answers cannot be forged blindly (RFC 5452 §9.2).
fn random_id() -> u16 {
    getrandom::u32().map_or(0, |random| u16::try_from(random >> 16).unwrap_or(0))
}

//! One handshake, with a stamp for every flight.

use nix::poll::PollFlags;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

use super::client::TlsClient;
use super::{TlsStream, certificate};
use crate::event::{Fact, Failure, FailureCode, Moment, Phase, TlsSession};
use crate::probe::deadline::Deadline;
use crate::probe::fault;
use crate::probe::recorder::Recorder;
use crate::probe::socket::{Arrival, Progress, StampedStream};

const DOING: &str = "waiting for the TLS handshake";

/// How the handshake ended: with what the client sent, or with what it received.
enum Last {
    Sent,
    Arrived(Arrival),
}

/// Where flights stand in the byte stream, filled in as they are made.
#[derive(Default)]
struct Flights {
    hello_end: u64,
    last_end: u64,
    server_hello: Option<Arrival>,
}

impl TlsStream {
    /// Shakes hands over a connected stream. `host` is what the certificate must be for. Whatever was learned is recorded
    /// also where it fails.
    pub(crate) fn handshake(
        stream: StampedStream,
        client: &TlsClient,
        host: &str,
        alpn: &[&[u8]],
        recorder: &mut Recorder,
        deadline: &Deadline,
    ) -> Result<Self, Failure> {
        let failed = |message: String| fault::fault(Phase::Tls, FailureCode::TlsFailed, message);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| failed(format!("{host} cannot be the name of a TLS server")))?;
        let (config, witness) = client.for_handshake(alpn);
        let session = ClientConnection::new(config, name).map_err(|error| failed(error.to_string()))?;
        let mut tls = Self::new(stream, session, witness, host.to_owned());

        let mut flights = Flights::default();
        let result = tls.drive(&mut flights, deadline);
        tls.record_flights(&flights, recorder);
        let last = result?;
        match last {
            Last::Arrived(arrival) => recorder.arrived(Moment::End(Phase::Tls), arrival),
            Last::Sent => {
                if let Some(left) = tls.stamped_mut().left(flights.last_end) {
                    recorder.left(Moment::End(Phase::Tls), left);
                }
            }
        }
        recorder.learn(Fact::Secured(tls.agreed()));
        Ok(tls)
    }

    fn drive(&mut self, flights: &mut Flights, deadline: &Deadline) -> Result<Last, Failure> {
        let fail = |error| fault::stream(Phase::Tls, &error, DOING);
        self.collect_output();
        flights.hello_end = self.queued_end();
        let mut last = Last::Sent;
        loop {
            flights.last_end = self.queued_end();
            self.flush_all(deadline)?;
            if !self.session.is_handshaking() {
                return Ok(last);
            }
            match self.try_fill().map_err(fail)? {
                Progress::Blocked => {
                    self.stamped_mut().wait(PollFlags::POLLIN, deadline).map_err(fail)?;
                }
                Progress::Made(false) => return Err(fault::closed(Phase::Tls, DOING)),
                Progress::Made(true) => {
                    while self.session.is_handshaking()
                        && let Some(record) = self.next_record()
                    {
                        if record.is_handshake() {
                            flights.server_hello.get_or_insert(record.arrivals.first);
                        }
                        self.process(&record).map_err(fail)?;
                        let answered = self.queued_end() > flights.last_end;
                        last = if answered { Last::Sent } else { Last::Arrived(record.arrivals.last) };
                    }
                }
            }
        }
    }

    fn flush_all(&mut self, deadline: &Deadline) -> Result<(), Failure> {
        let fail = |error| fault::stream(Phase::Tls, &error, DOING);
        while let Progress::Blocked = self.try_flush().map_err(fail)? {
            self.stamped_mut().wait(PollFlags::POLLOUT, deadline).map_err(fail)?;
        }
        Ok(())
    }

    fn record_flights(&mut self, flights: &Flights, recorder: &mut Recorder) {
        if let Some(left) = self.stamped_mut().left(flights.hello_end) {
            recorder.left(Moment::ClientHello, left);
        }
        if let Some(arrival) = flights.server_hello {
            recorder.arrived(Moment::ServerHello, arrival);
        }
        let seen = self.witness.seen();
        if let Some(verified) = seen.verified {
            recorder.noticed(Moment::Verified, verified);
        }
        if !self.session.is_handshaking()
            && let Some(left) = self.stamped_mut().left(flights.last_end)
        {
            recorder.left(Moment::Finished, left);
        }
        recorder.learn(Fact::Certificates(seen.chain.iter().map(certificate::describe).collect()));
    }

    fn agreed(&self) -> TlsSession {
        let session = &self.session;
        let kind = session.handshake_kind();
        let version = session.protocol_version();
        TlsSession {
            version: match version {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
                other => format!("{other:?}"),
            },
            cipher: session.negotiated_cipher_suite().map_or_else(String::new, |suite| {
                let name = format!("{:?}", suite.suite());
                name.strip_prefix("TLS13_").map_or_else(|| name.clone(), |rest| format!("TLS_{rest}"))
            }),
            group: session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            alpn: session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            resumed: kind == Some(HandshakeKind::Resumed),
            round_trips: match (version, kind) {
                (_, Some(HandshakeKind::FullWithHelloRetryRequest))
                | (Some(ProtocolVersion::TLSv1_2), Some(HandshakeKind::Full)) => 2,
                _ => 1,
            },
        }
    }
}

//! TLS in front of the layers: handshakes, and the record of every connection from then on until it is over.
//!
//! Which server it is that shakes hands is known once the client has named its host, since not all of them speak alike.
//! Invariant: a connection whose client has named a host of the lab is told to the ledger when it is over, in whatever way that
//! came to pass, be it that the lab was stopped.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::clock::wall_clock;
use super::connection::{Connection, Ended, Handshake, TlsSession};
use super::meter::{Meter, Metered};
use super::serve::Host;
use super::served::Ledger;
use super::tls::Servers;
use super::world::Balancer;
use crate::time::{Realtime, Timestamp};

/// A client's connection to a door with TLS. It is over when this is dropped.
pub(super) struct Attended {
    ledger: Arc<Ledger>,
    client: SocketAddr,
    listener: SocketAddr,
    accepted_at: Timestamp<Realtime>,
    since: Instant,
    meter: Arc<Meter>,
    connection: Connection,
    /// What is told in the end; absent before the client has named one of the lab's hosts.
    record: Option<Ended>,
}

impl Attended {
    /// The connection has just been accepted.
    pub(super) fn new(ledger: Arc<Ledger>, client: SocketAddr, listener: SocketAddr, connection: Connection) -> Self {
        Self {
            ledger,
            client,
            listener,
            accepted_at: wall_clock(),
            since: Instant::now(),
            meter: Arc::default(),
            connection,
            record: None,
        }
    }

    /// As it is known so far.
    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The stream in clear text; `None` if there is no handshake, which is the client's to tell about.
    pub(super) async fn shake_hands(
        &mut self,
        stream: TcpStream,
        servers: &Servers,
        hosts: &HashMap<String, Host>,
    ) -> Option<Metered<TlsStream<TcpStream>>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
        let hello = start.client_hello();
        let server_name = hello.server_name().map(str::to_ascii_lowercase);
        let host = server_name.as_deref().and_then(|name| hosts.get(name));
        if let (Some(host), Some(server_name)) = (host, &server_name) {
            let offered = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
            self.record = Some(self.record(host, server_name, offered));
        }
        let is_classic = host.is_some_and(|host| host.layer.station.kind.balancer() == Some(Balancer::Classic));
        let server = if is_classic { &servers.classic } else { &servers.current };
        let stream = match start.into_stream(Arc::clone(server)).await {
            Ok(stream) => stream,
            Err(error) => {
                if let Some(record) = &mut self.record {
                    record.alert = alert(&error);
                }
                return None;
            }
        };
        let took = self.since.elapsed().into();
        self.connection.tls = tls_session(stream.get_ref().1, server_name);
        if let (Some(host), Some(record)) = (host, &mut self.record) {
            record.handshake = Some(took);
            record.connection = self.connection.clone();
            let (layer, station) = (host.layer.station.kind.layer(), host.layer.station.name);
            let (accepted_at, client, connection) = (self.accepted_at, self.client, self.connection.clone());
            self.ledger.shook_hands(Handshake { layer, station, accepted_at, took, client, connection });
        }
        Some(Metered::new(stream, Arc::clone(&self.meter)))
    }

    fn record(&self, host: &Host, server_name: &str, offered: Vec<Vec<u8>>) -> Ended {
        Ended {
            station: host.layer.station.name,
            region: host.region.clone(),
            accepted_at: self.accepted_at,
            lasted: self.since.elapsed().into(),
            handshake: None,
            alert: None,
            client: self.client,
            listener: self.listener,
            server_name: server_name.to_owned(),
            offered,
            received: 0,
            sent: 0,
            connection: self.connection.clone(),
        }
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            let (received, sent) = (self.meter.received(), self.meter.sent());
            self.ledger.ended(Ended { lasted: self.since.elapsed().into(), received, sent, ..record });
        }
    }
}

/// The alert by which the other side ended a handshake.
fn alert(error: &io::Error) -> Option<u8> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(u8::from(*alert)),
        _ => None,
    }
}

fn tls_session(connection: &rustls::ServerConnection, server_name: Option<String>) -> Option<TlsSession> {
    let protocol = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let suite = connection.negotiated_cipher_suite()?.suite().as_str()?;
    let alpn = connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    Some(TlsSession { protocol, cipher: name_of_cipher(suite), server_name, alpn })
}

/// OpenSSL's name of a cipher suite: `TLS_AES_128_GCM_SHA256`, `ECDHE-ECDSA-AES128-GCM-SHA256`.
fn name_of_cipher(suite: &str) -> String {
    if let Some(suite) = suite.strip_prefix("TLS13_") {
        return format!("TLS_{suite}");
    }
    let name = suite.trim_start_matches("TLS_").replace("_WITH_", "_").replace("_POLY1305_SHA256", "_POLY1305");
    name.replace("AES_", "AES").replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_have_the_names_of_openssl() {
        for (suite, name) in [
            ("TLS13_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            ("TLS13_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(name_of_cipher(suite), name);
        }
    }
}

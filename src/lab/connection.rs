//! What the lab's servers know of their clients' connections.

use std::net::SocketAddr;

use crate::time::{Nanos, Realtime, Timestamp};

/// A client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its number, random.
    pub id: u128,
    /// The port that it leads to.
    pub port: u16,
    /// How TLS is spoken on it; `None` in clear text.
    pub tls: Option<TlsSession>,
}

/// How TLS is spoken on a connection, in the words of OpenSSL, which AWS's logs use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSession {
    /// `TLSv1.3`
    pub protocol: &'static str,
    /// `TLS_AES_256_GCM_SHA384`
    pub cipher: String,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// The application's protocol that was agreed on (ALPN): `h2`; `None` where none was.
    pub alpn: Option<String>,
}

/// A TLS handshake with one of the lab's host names, as its server saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Handshake {
    /// The layer that made it.
    pub layer: &'static str,
    /// The name of the server.
    pub station: &'static str,
    /// When the connection had been accepted.
    pub accepted_at: Timestamp<Realtime>,
    /// From there until the handshake was done.
    pub took: Nanos,
    /// The client's address.
    pub client: SocketAddr,
    /// What came of it.
    pub connection: Connection,
}

/// A TLS connection to one of the lab's host names that is over, as its server saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The name of the server.
    pub station: &'static str,
    /// The region that it was in; `None` where the lab has none.
    pub region: Option<String>,
    /// When it had been accepted.
    pub accepted_at: Timestamp<Realtime>,
    /// From there until it was over.
    pub lasted: Nanos,
    /// From its having been accepted until the handshake was done; `None` if it never was.
    pub handshake: Option<Nanos>,
    /// With which alert the client ended the handshake (RFC 8446 §6), if it did.
    pub alert: Option<u8>,
    /// The client's address.
    pub client: SocketAddr,
    /// The address that it leads to.
    pub listener: SocketAddr,
    /// The name that the client asked for.
    pub server_name: String,
    /// The applications' protocols that the client offered (ALPN), the one it likes best first.
    pub offered: Vec<Vec<u8>>,
    /// Bytes from the client, without TLS.
    pub received: u64,
    /// Bytes to the client, without TLS.
    pub sent: u64,
    /// What it was.
    pub connection: Connection,
}

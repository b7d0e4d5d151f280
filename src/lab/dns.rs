//! The name server: UDP and TCP on one port, each answer after the profile's delay.
//!
//! What is answered is decided in `zone`; here are only sockets. Invariant: a query that cannot be answered ends at most its
//! own connection, never the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::Instant;

use super::clock::Sleeper;
use super::zone::{Transport, Zone, answer};
use crate::time::Nanos;

/// How long a connection may be without a query (RFC 7766 §6.2.3 asks for seconds).
const IDLE: Duration = Duration::from_secs(10);

/// What every query needs.
pub(super) struct NameServer {
    pub(super) zone: Zone,
    pub(super) delay: Nanos,
    pub(super) sleeper: Sleeper,
}

impl NameServer {
    async fn answer(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let due = Instant::now() + Duration::from(self.delay);
        let bytes = answer(&self.zone, query, transport)?;
        self.sleeper.until(due).await;
        Some(bytes)
    }
}

/// Answers datagrams for ever.
pub(super) async fn serve_udp(server: Arc<NameServer>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut datagram = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut datagram).await else {
            // An ICMP message about an earlier answer, as a rule: its client has gone.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let query = datagram[..length].to_vec();
        let (server, socket) = (Arc::clone(&server), Arc::clone(&socket));
        tokio::spawn(async move { answer_datagram(&server, &socket, &query, client).await });
    }
}

async fn answer_datagram(server: &NameServer, socket: &UdpSocket, query: &[u8], client: SocketAddr) {
    if let Some(bytes) = server.answer(query, Transport::Udp).await {
        // A client that has gone is no failure of the server.
        let _ = socket.send_to(&bytes, client).await;
    }
}

/// Answers connections for ever.
pub(super) async fn serve_tcp(server: Arc<NameServer>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                // The connection's end, whatever the reason, is nobody else's business.
                tokio::spawn(async move { drop(answer_stream(&server, stream).await) });
            }
            // Out of descriptors, as a rule: leave others the time to close some.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn answer_stream(server: &NameServer, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut query = vec![0; usize::from(tokio::time::timeout(IDLE, stream.read_u16()).await??)];
        tokio::time::timeout(IDLE, stream.read_exact(&mut query)).await??;
        let Some(bytes) = server.answer(&query, Transport::Tcp).await else { return Ok(()) };
        let Ok(length) = u16::try_from(bytes.len()) else { return Ok(()) };
        stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await?;
    }
}

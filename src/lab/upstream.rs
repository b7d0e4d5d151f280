//! Calls from one server of the lab to the next: HTTP/1.1 over kept connections.
//!
//! Its own pool, since CloudFront's `Server-Timing` tells what connecting took and whether it happened at all.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::time::Nanos;

/// A server that is called, and idle connections to it.
#[derive(Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// A response with what getting it took.
pub(super) struct Called {
    pub(super) response: Response<Bytes>,
    /// Time to connect; `None` on a kept connection.
    pub(super) connect: Option<Nanos>,
    /// From the connection until the response's head.
    pub(super) first_byte: Nanos,
}

/// Why a server could not be called.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("cannot connect to {to}")]
    Connect { to: SocketAddr, source: std::io::Error },
    #[error("no response from {to}")]
    Exchange { to: SocketAddr, source: hyper::Error },
}

impl Upstream {
    pub(super) const fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::new(Vec::new()) }
    }

    pub(super) async fn call(&self, request: Request<Bytes>) -> Result<Called, UpstreamError> {
        let failed = |source| UpstreamError::Exchange { to: self.address, source };
        let start = Instant::now();
        let (mut sender, connect) = match self.take_idle() {
            Some(sender) => (sender, None),
            None => (self.connect().await?, Some(Nanos::from(start.elapsed()))),
        };
        let sent = Instant::now();
        let response = sender.send_request(request.map(Full::new)).await.map_err(failed)?;
        let first_byte = Nanos::from(sent.elapsed());
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        self.idle().push(sender);
        Ok(Called { response: Response::from_parts(head, body), connect, first_byte })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle();
        idle.retain(|sender| !sender.is_closed());
        // A connection whose last response was read a moment ago may not be ready yet; another one is.
        let ready = idle.iter().rposition(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, UpstreamError> {
        let to = self.address;
        let stream = TcpStream::connect(to).await.map_err(|source| UpstreamError::Connect { to, source })?;
        stream.set_nodelay(true).map_err(|source| UpstreamError::Connect { to, source })?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|source| UpstreamError::Exchange { to, source })?;
        // Its errors reach whoever waits for a response.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

//! An HTTP/2 server whose every frame a test decides, over TLS or in clear text.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// What the server does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    Serve,
    /// It says goodbye at once: it takes no further request on this connection.
    GoAway,
}

/// A running server.
#[derive(Debug)]
pub struct H2Server {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl H2Server {
    /// Answers each request with `answer`.
    pub fn start<F, A>(tls: Option<Arc<ServerConfig>>, afterwards: Afterwards, answer: F) -> Self
    where
        F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> A + Clone + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, tls, afterwards, answer) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        Self { port, stop: Some(stop), thread: Some(thread) }
    }

    pub fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `https://server.test:PORT` and a path; [`H2Server::resolve`] has the address.
    pub fn https(&self, path: &str) -> String {
        format!("https://server.test:{}{path}", self.port)
    }

    pub fn resolve(&self) -> String {
        format!("server.test:{}:127.0.0.1", self.port)
    }
}

impl Drop for H2Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn accept<F, A>(listener: TcpListener, tls: Option<Arc<ServerConfig>>, afterwards: Afterwards, answer: F)
where
    F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> A + Clone + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    while let Ok((tcp, _)) = listener.accept().await {
        let (answer, tls) = (answer.clone(), tls.clone().map(TlsAcceptor::from));
        tokio::spawn(async move {
            tcp.set_nodelay(true).expect("no delay");
            match tls {
                None => serve::<TcpStream, _, _>(tcp, afterwards, answer).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        serve(stream, afterwards, answer).await;
                    }
                }
            }
        });
    }
}

async fn serve<S, F, A>(stream: S, afterwards: Afterwards, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> A,
    A: Future<Output = ()> + Send + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
        if afterwards == Afterwards::GoAway {
            connection.graceful_shutdown();
        }
    }
}

/// The whole body of a request.
pub async fn body_of(request: http::Request<RecvStream>) -> Vec<u8> {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    bytes
}

/// A response's head without a body yet.
pub fn head(status: u16) -> http::Response<()> {
    http::Response::builder().status(status).body(()).expect("a head")
}

//! A DNS-over-HTTPS server (RFC 8484) over HTTP/1.1 or HTTP/2, as ALPN chooses.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::dns::{Asked, Carrier, Reply, Script};

/// What a request said of itself besides the question.
#[derive(Clone, Debug)]
pub struct Posted {
    pub version: http::Version,
    pub content_type: String,
    pub path: String,
}

/// A server; it ends when it is dropped.
pub struct DohServer {
    pub address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
    runtime: Option<Runtime>,
}

impl DohServer {
    /// Answers with this status and the first reply of the script.
    pub fn start(config: Arc<ServerConfig>, status: u16, script: impl Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let (log, script) = (Arc::clone(&posted), Arc::new(script));
        runtime.spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log, script) = (acceptor.clone(), Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service =
                        service_fn(move |request| answer(request, status, Arc::clone(&log), Arc::clone(&script)));
                    // However the connection ends, its client knows.
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, posted, runtime: Some(runtime) }
    }

    /// The requests so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DohServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    status: u16,
    log: Arc<Mutex<Vec<Posted>>>,
    script: Arc<impl Script>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
    log.lock().unwrap_or_else(PoisonError::into_inner).push(Posted {
        version: request.version(),
        content_type: content_type.unwrap_or_default().to_owned(),
        path: request.uri().path().to_owned(),
    });
    let query = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked::read(&query, Carrier::Https);
    let reply = asked.as_ref().and_then(|asked| script(asked).into_iter().next());
    let body = match (&asked, reply) {
        (Some(asked), Some(Reply { after, says })) => {
            tokio::time::sleep(after).await;
            says.to(asked).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/dns-message"));
    Ok(response)
}

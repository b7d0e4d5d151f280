//! Sockets in front of the layers: connections, HTTP/1.1 and HTTP/2, and which host name leads to which layer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::wall_clock;
use super::connection::Connection;
use super::headers::{Scheme, TRACE};
use super::layer::{Arrival, Layer, NUMBER, PASSED};
use super::secure::Attended;
use super::served::{Ledger, Served};
use super::tls::Servers;

/// The longest request body: API Gateway's quota. All layers take it whole before they pass it on.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is behind a listener.
pub(super) enum Door {
    /// Clients: the host name decides. Requests get a record here.
    Front { hosts: HashMap<String, Host>, tls: Option<Arc<Servers>>, ledger: Arc<Ledger> },
    /// Other servers of the lab.
    Inner(Arc<Layer>),
}

/// What is behind a host name.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) endpoint: &'static str,
    pub(super) region: Option<String>,
    pub(super) layer: Arc<Layer>,
}

/// Accepts connections until the sender of `stop` says so or goes; connections then end after the response that is under way.
pub(super) async fn accept(listener: TcpListener, door: Arc<Door>, mut stop: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, client)) => {
                tokio::spawn(welcome(stream, client, Arc::clone(&door), stop.clone()));
            }
            // Out of descriptors, as a rule: leave others the time to close some.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn welcome(stream: TcpStream, client: SocketAddr, door: Arc<Door>, mut stop: watch::Receiver<()>) {
    // Without it small writes may be late, but right.
    let _ = stream.set_nodelay(true);
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let listener = stream.local_addr().unwrap_or(unknown);
    let connection = Connection { id: random(), port: listener.port(), tls: None };
    if let Door::Front { tls: Some(servers), hosts, ledger } = &*door {
        let mut attended = Attended::new(Arc::clone(ledger), client, listener, connection);
        let handshake = tokio::time::timeout(HANDSHAKE, attended.shake_hands(stream, servers, hosts));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            _ = stop.changed() => return,
        };
        if let Ok(Some(stream)) = shaken {
            let connection = attended.connection();
            converse(stream, client, connection, Arc::clone(&door), stop).await;
        }
    } else {
        converse(stream, client, connection, door, stop).await;
    }
}

/// Numbers that merely have to differ.
fn random() -> u128 {
    let half = || u128::from(getrandom::u64().unwrap_or_default());
    half() << 64 | half()
}

async fn converse<S>(
    stream: S,
    client: SocketAddr,
    connection: Connection,
    door: Arc<Door>,
    mut stop: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (door, connection) = (Arc::clone(&door), connection.clone());
        async move { Ok::<_, Infallible>(door.respond(request, client, connection).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is the client's to tell about.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

impl Door {
    async fn respond(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
        connection: Connection,
    ) -> Response<Full<Bytes>> {
        let arrival = Arrival { at: Instant::now(), wall: wall_clock(), client, scheme: self.scheme() };
        let (mut head, body) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        let (layer, record) = match self {
            Self::Inner(layer) => (layer, None),
            Self::Front { hosts, ledger, .. } => {
                let Some(host) = hosts.get(&host_of(&head)) else {
                    return plain(StatusCode::MISDIRECTED_REQUEST, "the lab has no such host here\n");
                };
                head.headers.remove(PASSED);
                let record = ledger.open(record(&head, host, connection, arrival));
                head.headers.insert(NUMBER, HeaderValue::from(record.number()));
                (&host.layer, Some(record))
            }
        };
        let mut response = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => layer.serve(Request::from_parts(head, body.to_bytes()), arrival).await.map(Full::new),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                plain(StatusCode::PAYLOAD_TOO_LARGE, "the request body is larger than 10 MiB\n")
            }
            Err(_) => plain(StatusCode::BAD_REQUEST, "the request body broke off\n"),
        };
        // RFC 9110 §9.3.2: the head says how long the body would be, and there is none. Over HTTP/2 nobody else takes it away.
        if is_head {
            *response.body_mut() = Full::default();
        }
        if let Some(record) = record {
            record.answered(response.status().as_u16());
        }
        response
    }

    const fn scheme(&self) -> Scheme {
        match self {
            Self::Front { tls: Some(_), .. } => Scheme::Https,
            Self::Front { tls: None, .. } | Self::Inner(_) => Scheme::Http,
        }
    }
}

/// The name that the request is for, in lower case, without port and final dot.
fn host_of(head: &http::request::Parts) -> String {
    let from_header = || head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(http::uri::Authority::as_str).or_else(from_header).unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn record(head: &http::request::Parts, host: &Host, connection: Connection, arrival: Arrival) -> Served {
    Served {
        number: 0,
        endpoint: host.endpoint,
        region: host.region.clone(),
        arrived_at: arrival.wall,
        client: arrival.client,
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        status: None,
        user_agent: text(&head.headers, &USER_AGENT),
        trace_header: text(&head.headers, &TRACE),
        path: host.layer.station.path(),
        connection,
        layers: Vec::new(),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn plain(status: StatusCode, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(sentence.as_bytes())));
    *response.status_mut() = status;
    response
}

//! A started lab, seen from outside.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::sync::Arc;

use bytes::Bytes;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::*;

mod balancers;

/// The host that knows HTTP/1.1 only, and does not negotiate.
const NO_ALPN: &str = "clb";

/// Far beyond what any answer takes here, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Delays as they are by default, but for cold starts, which are a tenth.
fn lab() -> Lab {
    lab_with("")
}

fn lab_with(profile: &str) -> Lab {
    let profile = Profile::parse(profile, "test.toml").unwrap();
    let options = LabOptions { time_scale: TimeScale::new(0.1).unwrap(), ..LabOptions::default() };
    Lab::start(&profile, &options).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Version {
    Http1,
    Http2,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    took: Nanos,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn port(lab: &Lab, name: &str) -> u16 {
    let endpoint = lab.endpoints().iter().find(|endpoint| endpoint.name == name).unwrap();
    url::Url::parse(&endpoint.url).unwrap().port().unwrap()
}

fn request(method: Method, host: &str) -> Request<Full<Bytes>> {
    let uri = format!("https://{host}/some/path?x=1");
    Request::builder().method(method).uri(uri).header("host", host).body(Full::default()).unwrap()
}

/// Sends requests one after the other on one connection.
fn exchange(lab: &Lab, version: Version, requests: Vec<Request<Full<Bytes>>>) -> Vec<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange_on(lab, version, requests)).await.unwrap() })
}

async fn connect(lab: &Lab, version: Version, host: &str) -> TokioIo<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(lab.ca_pem().as_bytes()).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port(lab, "ec2"))).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let protocol = match version {
        Version::Http1 => b"http/1.1".as_slice(),
        Version::Http2 => b"h2".as_slice(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from(host.to_owned()).unwrap(), stream).await.unwrap();
    let agreed = Some(protocol).filter(|_| !host.starts_with(NO_ALPN));
    assert_eq!(stream.get_ref().1.alpn_protocol(), agreed, "{host}");
    TokioIo::new(stream)
}

async fn exchange_on(lab: &Lab, version: Version, requests: Vec<Request<Full<Bytes>>>) -> Vec<Answer> {
    let stream = connect(lab, version, requests[0].uri().host().unwrap()).await;
    let mut answers = Vec::new();
    match version {
        Version::Http1 => {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            for request in requests {
                let start = Instant::now();
                answers.push(read(sender.send_request(request).await.unwrap(), start).await);
                sender.ready().await.unwrap();
            }
        }
        Version::Http2 => {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            for request in requests {
                let start = Instant::now();
                answers.push(read(sender.send_request(request).await.unwrap(), start).await);
            }
        }
    }
    answers
}

async fn read(response: http::Response<hyper::body::Incoming>, start: Instant) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body, took: start.elapsed().into() }
}

fn get(lab: &Lab, name: &str, version: Version) -> Answer {
    exchange(lab, version, vec![request(Method::GET, &format!("{name}.lab.test"))]).remove(0)
}

#[test]
fn every_host_answers_with_its_layers_in_both_versions() {
    let lab = lab();
    for endpoint in lab.endpoints().iter().filter(|endpoint| endpoint.name != "ec2-plain") {
        let versions = [Version::Http1, Version::Http2];
        for version in versions.into_iter().take(if endpoint.name == NO_ALPN { 1 } else { 2 }) {
            let answer = get(&lab, endpoint.name, version);
            if endpoint.name == "redirect" {
                assert_eq!(answer.status, StatusCode::FOUND);
                assert_eq!(answer.header("location"), format!("https://ec2.lab.test:{}/", port(&lab, "ec2")));
                assert_eq!(answer.header("server"), "awselb/2.0");
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{}", endpoint.name);
            assert_eq!(answer.json()["path"], serde_json::json!(endpoint.path), "{} {version:?}", endpoint.name);
            assert!(answer.headers.contains_key("date") && answer.headers.contains_key("content-length"));
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("x-lab-")));
        }
    }
    assert_eq!(get(&lab, "big", Version::Http2).json()["path"], serde_json::json!(["ec2"]));
}

#[test]
fn each_path_has_the_headers_of_its_layers_and_of_no_others() {
    let lab = lab();
    let marks = [
        "apigw-requestid",
        "server",
        "set-cookie",
        "via",
        "x-amz-apigw-id",
        "x-amz-cf-id",
        "x-amzn-remapped-server",
        "x-amzn-requestid",
        "x-amzn-trace-id",
        "x-cache",
    ];
    let expect: [(&str, &[&str]); 11] = [
        ("ec2", &["server"]),
        ("elb", &["server", "set-cookie"]),
        ("clb", &["server", "set-cookie"]),
        ("nlb", &["server"]),
        ("cloudfront", &["server", "via", "x-amz-cf-id", "x-cache"]),
        ("apig-http", &["apigw-requestid", "server", "set-cookie"]),
        ("apig-rest", &["set-cookie", "x-amz-apigw-id", "x-amzn-remapped-server", "x-amzn-requestid"]),
        ("apig-lambda", &["x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id"]),
        ("apig-proxy", &["x-amz-apigw-id", "x-amzn-requestid"]),
        ("function-url", &["x-amzn-requestid", "x-amzn-trace-id"]),
        ("fargate", &["server", "set-cookie"]),
    ];
    for (name, names) in expect {
        let answer = get(&lab, name, Version::Http1);
        let found: Vec<_> = marks.into_iter().filter(|mark| answer.headers.contains_key(*mark)).collect();
        assert_eq!(found, names, "{name}");
    }
}

#[test]
fn no_answer_comes_before_the_delays_of_its_layers() {
    let lab = lab();
    for (name, ms) in
        [("ec2", 1), ("elb", 2), ("clb", 2), ("nlb", 1), ("cloudfront", 8), ("apig-proxy", 8), ("fargate", 2)]
    {
        let twice =
            vec![request(Method::GET, &format!("{name}.lab.test")), request(Method::GET, &format!("{name}.lab.test"))];
        for answer in exchange(&lab, Version::Http1, twice) {
            assert!(answer.took >= Nanos::from_millis(ms), "{name}: {}", answer.took);
            assert!(answer.took < Nanos::from_millis(ms + 2_000), "{name}: {}", answer.took);
        }
    }
}

#[test]
fn the_first_invocation_is_cold_and_the_next_one_warm() {
    let lab = lab();
    for (name, warm_ms) in [("apig-lambda", 23), ("function-url", 21)] {
        let host = format!("{name}.lab.test");
        let answers = exchange(&lab, Version::Http2, vec![request(Method::GET, &host), request(Method::GET, &host)]);
        let cold: Vec<_> = answers.iter().map(|answer| answer.json()["lambda"]["cold"].clone()).collect();
        assert_eq!(cold, [true, false], "{name}");
        // 250 ms and 10 MB at 12 ms, a tenth of both.
        assert!(answers[0].took >= Nanos::from_millis(warm_ms + 37), "{name}: {}", answers[0].took);
        assert!(answers[1].took >= Nanos::from_millis(warm_ms), "{name}: {}", answers[1].took);
        assert!(answers[1].header("x-amzn-trace-id").contains(";Lineage=1:"));
    }
}

#[test]
fn beyond_its_concurrency_a_function_says_429() {
    let lab = lab_with("[lambda]\nconcurrency = 1\nfunction_ms = 3600000");
    let ask = || request(Method::GET, "function-url.lab.test");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime.block_on(async {
        let stream = connect(&lab, Version::Http2, "function-url.lab.test").await;
        let (mut one, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let mut other = one.clone();
        // Whichever gets the sandbox keeps it for an hour, so the first response is the other one's.
        let response = tokio::select! {
            response = one.send_request(ask()) => response,
            response = other.send_request(ask()) => response,
            () = tokio::time::sleep(PATIENCE) => panic!("no response"),
        };
        read(response.unwrap(), Instant::now()).await
    });
    assert_eq!(first.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(first.header("x-amzn-errortype"), "TooManyRequestsException");
}

#[test]
fn the_clients_trace_arrives_at_the_application() {
    let lab = lab();
    let given = "Root=1-67400000-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=bbbbbbbbbbbbbbbb;Sampled=1";
    let mut request = request(Method::GET, "apig-http.lab.test");
    request.headers_mut().insert("x-amzn-trace-id", given.parse().unwrap());
    request.headers_mut().insert("x-lab-passed", "forged".parse().unwrap());
    let answer = exchange(&lab, Version::Http2, vec![request]).remove(0);
    let body = answer.json();
    let seen = body["trace"].as_str().unwrap();
    assert!(seen.starts_with("Self=1-") && seen.ends_with(&format!(";{given}")), "{seen}");
    assert_eq!(body["path"], serde_json::json!(["apig", "elb", "ec2"]));
}

#[test]
fn what_was_served_is_on_record() {
    let lab = lab_with("[lambda]\nfunction_ms = 2");
    let mut request = request(Method::POST, "apig-lambda.lab.test");
    request.headers_mut().insert("user-agent", "recorder".parse().unwrap());
    *request.body_mut() = Full::from("a body");
    let answer = exchange(&lab, Version::Http1, vec![request]).remove(0);
    let served = lab.served();
    let [record] = served.as_slice() else { panic!("{served:?}") };
    assert_eq!((record.number, record.endpoint, record.status), (1, "apig-lambda", Some(200)));
    assert_eq!((record.method.as_str(), record.target.as_str()), ("POST", "/some/path?x=1"));
    assert_eq!(record.user_agent.as_deref(), Some("recorder"));
    let [apig, lambda] = record.layers.as_slice() else { panic!("{record:?}") };
    assert_eq!((apig.layer, lambda.layer), ("apig", "lambda"));
    assert_eq!(apig.request_id.as_deref(), Some(answer.header("x-amzn-requestid")));
    assert_eq!(apig.extended_request_id.as_deref(), Some(answer.header("x-amz-apigw-id")));
    assert_eq!(lambda.trace_header.as_deref(), Some(answer.header("x-amzn-trace-id")));
    let invocation = lambda.invocation.unwrap();
    let cold_start = invocation.placement.cold_start().unwrap();
    assert!(invocation.duration >= Nanos::from_millis(2));
    // Half of the service's own time lies before the function and half behind its due end, in which a function that is late
    // on a busy machine uses some of it.
    assert!(lambda.own() >= cold_start + Nanos::from_millis(20 + 2));
    assert!(lambda.own() >= cold_start + Nanos::from_millis(10) + invocation.duration);
    assert!(apig.own() >= Nanos::from_millis(3) && apig.call.unwrap().total.unwrap() >= lambda.total);
    assert!(answer.took >= apig.total);
}

#[test]
fn head_and_unknown_hosts_and_large_bodies_are_answered() {
    let lab = lab();
    for version in [Version::Http1, Version::Http2] {
        for host in ["ec2.lab.test", "elb.lab.test", "cloudfront.lab.test", "apig-lambda.lab.test"] {
            let head = exchange(&lab, version, vec![request(Method::HEAD, host)]).remove(0);
            assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{host}");
            assert_ne!(head.header("content-length"), "0", "{host}");
        }
    }
    let mut large = request(Method::POST, "ec2.lab.test");
    *large.body_mut() = Full::from(vec![0; 10 * 1024 * 1024 + 1]);
    assert_eq!(exchange(&lab, Version::Http2, vec![large])[0].status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port(&lab, "ec2-plain"))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut ask = |host: &str| {
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut status = vec![0; 1024];
        let length = stream.read(&mut status).unwrap();
        String::from_utf8_lossy(&status[..length.min(12)]).into_owned()
    };
    assert_eq!(ask("EC2.lab.test.:80"), "HTTP/1.1 200");
    assert_eq!(ask("elb.lab.test"), "HTTP/1.1 421");
}

fn dns_query(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, RecordType::A));
    message.to_vec().unwrap()
}

fn over_udp(lab: &Lab, name: &str) -> (Message, Nanos) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    socket.send_to(&dns_query(name), lab.dns_server()).unwrap();
    let mut bytes = vec![0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    (Message::from_vec(&bytes[..length]).unwrap(), start.elapsed().into())
}

#[test]
fn the_name_server_answers_both_transports_after_its_delay() {
    let lab = lab();
    for endpoint in lab.endpoints() {
        let host = url::Url::parse(&endpoint.url).unwrap().host_str().unwrap().to_owned();
        let (answer, took) = over_udp(&lab, &host);
        assert_eq!(answer.answers.last().map(|record| record.data.to_string()), Some("127.0.0.1".to_owned()), "{host}");
        assert!(took >= Nanos::from_micros(800), "{took}");
    }
    assert_eq!(over_udp(&lab, "none.lab.test").0.metadata.response_code, ResponseCode::NXDomain);
    assert!(over_udp(&lab, "big.lab.test").0.metadata.truncation);

    let mut stream = std::net::TcpStream::connect(lab.dns_server()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        let query = dns_query("big.lab.test");
        stream.write_all(&[&u16::try_from(query.len()).unwrap().to_be_bytes(), query.as_slice()].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut bytes = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut bytes).unwrap();
        let answer = Message::from_vec(&bytes).unwrap();
        assert!(bytes.len() > 512 && !answer.metadata.truncation);
        assert_eq!(answer.answers.len(), 4);
    }
}

/// A request to the plain port of `ec2`, which the lab has and has not answered yet.
fn ask_slowly(lab: &Lab) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port(lab, "ec2-plain"))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ec2.lab.test\r\n\r\n").unwrap();
    wait_until(|| lab.ledger.under_way() == 1);
    stream
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A lab whose ports nobody else is given by chance once it is gone: they are below those that the system hands out (`ip(7)`,
/// `ip_local_port_range`).
fn lab_on_ports_of_its_own(profile: &str) -> (Lab, LabOptions) {
    let profile = Profile::parse(profile, "test.toml").unwrap();
    let first = 12_000 + u16::try_from(std::process::id() % 8_000).unwrap() * 2;
    let mut labs = (first..32_000).step_by(2).filter_map(|https_port| {
        let options = LabOptions { https_port, dns_port: https_port + 1, ..LabOptions::default() };
        Some((Lab::start(&profile, &options).ok()?, options))
    });
    labs.next().expect("two free ports")
}

#[test]
fn a_stopped_lab_finishes_what_is_under_way_and_frees_its_ports() {
    let (lab, options) = lab_on_ports_of_its_own("[ec2]\napp_ms = 200");
    let (https, dns) = (port(&lab, "ec2"), lab.dns_server());
    assert_eq!((https, dns.port()), (options.https_port, options.dns_port));
    let mut under_way = ask_slowly(&lab);
    assert!(lab.stop(Nanos::from(PATIENCE)).is_empty());
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    drop(UdpSocket::bind(dns).unwrap());
    let again = Lab::start(&Profile::default(), &options).unwrap();
    assert_eq!((port(&again, "ec2"), again.dns_server()), (https, dns));
    let error = Lab::start(&Profile::default(), &options).unwrap_err();
    assert!(matches!(error, LabError::Bind(_)), "{error}");
}

#[test]
fn a_client_that_gave_up_is_on_record_without_status() {
    let lab = lab_with("[ec2]\napp_ms = 3600000");
    drop(ask_slowly(&lab));
    wait_until(|| !lab.served().is_empty());
    assert_eq!(lab.served()[0].status, None);
}

#[test]
fn dropping_a_lab_does_not_wait_for_its_clients() {
    let lab = lab_with("[ec2]\napp_ms = 3600000");
    let mut stream = ask_slowly(&lab);
    let ledger = Arc::downgrade(&lab.ledger);
    let start = Instant::now();
    drop(lab);
    assert!(start.elapsed() < PATIENCE);
    assert!(ledger.upgrade().is_none(), "a server is left");
    assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
}

/// Who waits in front is logged as each front does it; the answer never comes.
#[test]
fn clients_that_give_up_are_in_the_logs_of_the_first_layer() {
    use super::evidence::Log;
    let profile = "[ec2]\napp_ms = 3600000\n[lambda]\ninvoke_ms = 3600000";
    let lab = lab_with(profile);
    for (name, log, words) in [
        ("elb", Log::AlbAccess, " -1 -1 460 - "),
        ("cloudfront", Log::CloudFrontStandard, "\t000\t"),
        ("apig-lambda", Log::ApiGateway, "\"status\":\"499\""),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let before = lab.served().len();
        runtime.block_on(async {
            let host = format!("{name}.lab.test");
            let stream = connect(&lab, Version::Http2, &host).await;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let asked = tokio::spawn(async move { sender.send_request(request(Method::GET, &host)).await });
            while lab.ledger.under_way() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            asked.abort();
            connection.abort();
        });
        drop(runtime);
        wait_until(|| lab.served().len() > before);
        let served = lab.served().pop().unwrap();
        assert_eq!((served.status, served.layers[0].status), (None, None), "{name}");
        let text = log.of_request(&served, &Profile::default());
        assert!(text.contains(words), "{name}: {text}");
    }
}

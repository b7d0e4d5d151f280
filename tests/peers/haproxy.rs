//! haproxy: a balancer that ends TLS in front of another server, and the ways in which a balancer fails.

use std::fs;

use tempfile::TempDir;
use wirefall::event::{FailureCode, Phase};
use wirefall::trace::Trace;

use crate::certificates::{Authority, HOST, Validity, write_credentials};
use crate::nginx::{long_text, nginx, way_there};
use crate::origin::Origin;
use crate::server::{Program, Server, directory, free_port};
use crate::support::{trace, traced};

const HAPROXY: Program = Program { name: "haproxy", package: "haproxy" };
/// TLS on a port's `bind` line.
const TLS: &str = "ssl crt server.pem alpn h2,http/1.1";

/// haproxy with `sections`, listening on `ports`. Relative paths begin at `directory`.
pub(crate) fn haproxy(sections: &str, ports: &[u16], directory: TempDir) -> Server {
    let configuration = format!(
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 20s\n  timeout server 20s\n  retries 0\n{sections}\n"
    );
    fs::write(directory.path().join("haproxy.cfg"), configuration).expect("a configuration");
    Server::start(HAPROXY, &["-db", "-f", "haproxy.cfg"], ports, directory)
}

/// What one request to a balancer becomes; words beside the way there are `flags`.
fn ask(server: &Server, port: u16, flags: &[&str], path: &str) -> (Trace, Vec<u8>) {
    let mut words = way_there(server.directory(), port);
    words.extend(flags.iter().map(|flag| (*flag).to_owned()));
    words.push(format!("https://{HOST}:{port}{path}"));
    let (traced, body) = traced(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let trace = traced.traces.into_iter().next().expect("a trace");
    (trace, body)
}

fn failure_code(trace: &Trace) -> Option<FailureCode> {
    trace.failure().map(|failure| failure.code)
}

fn milliseconds(trace: &Trace, phase: Phase) -> u64 {
    trace.span(phase).unwrap_or_else(|| panic!("no {phase} in {trace:?}")).duration.get() / 1_000_000
}

#[test]
#[ignore = "needs haproxy and nginx"]
fn what_the_server_behind_says_comes_through_the_balancer() {
    let (directory, port, behind) = (directory(), free_port(), free_port());
    write_credentials(directory.path());
    let text = long_text(20_000);
    let behind_directory = crate::server::directory();
    fs::write(behind_directory.path().join("text"), &text).expect("a file");
    let site = format!("server {{ listen 127.0.0.1:{behind}; root .; gzip on; }}\n");
    let _behind = nginx(&site, &[behind], behind_directory);
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{port} {TLS}\n  default_backend b\nbackend b\n  server s 127.0.0.1:{behind}\n"
    );
    let server = haproxy(&sections, &[port], directory);
    for (flags, version, tls_version) in [
        (&["--http2"][..], "HTTP/2", "TLSv1.3"),
        (&["--http1.1"], "HTTP/1.1", "TLSv1.3"),
        (&["--http2", "--tls-max", "1.2"], "HTTP/2", "TLSv1.2"),
        (&["--http1.1", "--tls-max", "1.2"], "HTTP/1.1", "TLSv1.2"),
    ] {
        let (trace, body) = ask(&server, port, flags, "/text");
        assert_eq!(trace.failure(), None, "{flags:?}");
        assert!(body == text.as_bytes(), "{flags:?}: {} bytes", body.len());
        let response = trace.response.as_ref().expect("a response");
        assert_eq!((response.status, response.version.as_str()), (200, version), "{flags:?}");
        assert!(response.header("server").is_some_and(|server| server.starts_with("nginx")), "{flags:?}");
        let session = trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        assert_eq!(session.version, tls_version, "{flags:?}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn a_delay_in_the_balancer_is_in_the_wait_alone() {
    let (directory, port) = (directory(), free_port());
    write_credentials(directory.path());
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{port} {TLS}\n  timeout tarpit 200ms\n  \
         http-request tarpit deny_status 429\n"
    );
    let server = haproxy(&sections, &[port], directory);
    for http in ["--http1.1", "--http2"] {
        let (trace, _) = ask(&server, port, &[http], "/");
        let status = trace.response.as_ref().map(|response| response.status);
        assert_eq!((trace.failure(), status), (None, Some(429)), "{http}");
        let wait = milliseconds(&trace, Phase::Wait);
        assert!((195..1_000).contains(&wait), "{http}: {wait} ms");
        for phase in [Phase::Connect, Phase::Tls, Phase::Send, Phase::Receive] {
            assert!(milliseconds(&trace, phase) < 100, "{http}: {phase} in {trace:?}");
        }
        let split = trace.wait.expect("a split");
        assert!(split.server.get() > 190_000_000, "{http}: {split:?}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn a_balancer_with_nothing_behind_it_answers_503() {
    let (directory, port, nothing) = (directory(), free_port(), free_port());
    write_credentials(directory.path());
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{port} {TLS}\n  default_backend b\nbackend b\n  server s 127.0.0.1:{nothing}\n"
    );
    let server = haproxy(&sections, &[port], directory);
    for http in ["--http1.1", "--http2"] {
        let (trace, body) = ask(&server, port, &[http], "/");
        let response = trace.response.as_ref().expect("a response");
        assert_eq!((trace.failure(), response.status), (None, 503), "{http}");
        assert!(String::from_utf8_lossy(&body).contains("503 Service Unavailable"), "{http}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn a_missing_client_certificate_is_a_failure_of_tls() {
    let (directory, port) = (directory(), free_port());
    let file = |name: &str| directory.path().join(name);
    let (authority, other) = (Authority::new(), Authority::new());
    authority.write(&file("ca.pem"));
    authority.issue(HOST, Validity::Now, &file("server.pem"));
    authority.issue("client", Validity::Now, &file("client.pem"));
    other.issue("client", Validity::Now, &file("stranger.pem"));
    let [client, stranger] = ["client.pem", "stranger.pem"].map(|name| file(name).display().to_string());
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{port} {TLS} verify required ca-file ca.pem\n  \
         http-request return status 200 content-type text/plain string welcome\n"
    );
    let server = haproxy(&sections, &[port], directory);
    for version in ["1.2", "1.3"] {
        for http in ["--http1.1", "--http2"] {
            let ask = |identity: &[&str]| ask(&server, port, &[&[http, "--tls-max", version], identity].concat(), "/");
            let (known, body) = ask(&["-E", &client]);
            assert_eq!((known.failure(), body.as_slice()), (None, &b"welcome"[..]), "{http} {version}");
            for identity in [&[][..], &["-E", &stranger]] {
                let (refused, _) = ask(identity);
                let failure = refused.failure().expect("a failure");
                let expect = (Phase::Tls, FailureCode::TlsClientCertificate);
                // An alert that says nothing of whose certificate it means: an unknown authority.
                let vague = !identity.is_empty() && failure.code == FailureCode::TlsAlert;
                assert!(vague || (failure.phase, failure.code) == expect, "{http} {version} {identity:?}: {failure:?}");
                assert_eq!((failure.phase, failure.code.exit_status()), (Phase::Tls, 35), "{http} {version}");
            }
        }
    }
}

#[test]
#[ignore = "needs haproxy"]
fn a_balancer_that_hangs_up_has_a_code_for_each_moment() {
    let (directory, during_tls, after_tls) = (directory(), free_port(), free_port());
    write_credentials(directory.path());
    let sections = format!(
        "frontend refuses\n  bind 127.0.0.1:{during_tls} {TLS}\n  tcp-request connection reject\n\
         frontend f\n  bind 127.0.0.1:{after_tls} {TLS}\n  http-request reject if {{ path /reject }}\n  \
         http-request silent-drop if {{ path /drop }}\n"
    );
    let server = haproxy(&sections, &[during_tls, after_tls], directory);

    let (refused, _) = ask(&server, during_tls, &[], "/");
    let code = failure_code(&refused).expect("a failure");
    // The reset may arrive before the client has had a look at its new connection.
    let expect = [FailureCode::TlsClosed, FailureCode::TlsReset, FailureCode::ConnectFailed];
    assert!(expect.contains(&code), "{code}");

    let (rejected, _) = ask(&server, after_tls, &["--http1.1"], "/reject");
    assert_eq!(failure_code(&rejected), Some(FailureCode::WaitClosed));
    assert_eq!(rejected.span(Phase::Receive), None);
    let (rejected, _) = ask(&server, after_tls, &["--http2"], "/reject");
    let code = failure_code(&rejected).expect("a failure");
    assert!(matches!(code, FailureCode::WaitClosed | FailureCode::HttpStreamError), "{code}");

    let (dropped, _) = ask(&server, after_tls, &["--http1.1", "-m", "0.5"], "/drop");
    // Where it may, haproxy makes the kernel forget the connection; else it resets it with a packet that should not get far,
    // and on one machine does.
    let code = failure_code(&dropped).expect("a failure");
    assert!(matches!(code, FailureCode::WaitTimeout | FailureCode::WaitReset), "{code}");
}

#[test]
#[ignore = "needs haproxy"]
fn a_plain_request_through_a_proxy_needs_no_tunnel() {
    let origin = Origin::start();
    let port = free_port();
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{port}\n  http-request deny if METH_CONNECT\n  default_backend b\n\
         backend b\n  server s 127.0.0.1:{}\n",
        origin.port
    );
    let _server = haproxy(&sections, &[port], directory());
    let proxy = format!("http://127.0.0.1:{port}");
    // The name means nothing here: it is the proxy's to look up.
    let (through, body) = traced(&["-x", &proxy, "http://origin.test/after/100"]);
    let through = &through.traces[0];
    assert_eq!((through.failure(), body.as_slice()), (None, &b"late\n"[..]));
    let connect = through.connect.as_ref().expect("a connection");
    assert!(connect.proxy.as_ref().is_some_and(|url| url.starts_with(&proxy)), "{connect:?}");
    assert_eq!(connect.remote, Some(format!("127.0.0.1:{port}")));
    assert_eq!((&through.dns, &through.tls), (&None, &None));
    assert!(milliseconds(through, Phase::Wait) >= 100);

    let refused = trace(&["-x", &proxy, "https://origin.test/"]);
    let failure = refused.failure().expect("a failure");
    assert_eq!((failure.phase, failure.code), (Phase::Connect, FailureCode::ConnectProxyRefused), "{failure}");
}

//! nginx: TLS versions, HTTP/1.1 and HTTP/2, bodies of every framing, kept connections, redirects, certificates.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wirefall::event::{Failure, FailureCode, Phase};
use wirefall::trace::Trace;

use crate::certificates::{self, Authority, HOST, Validity, write_credentials};
use crate::origin::Origin;
use crate::server::{Program, Server, directory, free_port};
use crate::support::{trace, traced};

const NGINX: Program = Program { name: "nginx", package: "nginx-light" };

/// nginx with `servers` (the inside of `http`), listening on `ports`. Relative paths begin at `directory`.
pub(crate) fn nginx(servers: &str, ports: &[u16], directory: TempDir) -> Server {
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
        events {{ worker_connections 256; }}
        http {{
            access_log off; default_type text/plain; ssl_protocols TLSv1.2 TLSv1.3;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            {servers}
        }}\n"
    );
    fs::write(directory.path().join("nginx.conf"), configuration).expect("a configuration");
    let prefix = directory.path().display().to_string();
    Server::start(NGINX, &["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"], ports, directory)
}

/// `server { … }` with TLS and HTTP/2 on a port.
pub(crate) fn tls_site(port: u16, inside: &str) -> String {
    let prefix = "ssl_certificate server.pem; ssl_certificate_key server.pem;";
    format!("server {{ listen 127.0.0.1:{port} ssl http2; server_name {HOST}; root www; {prefix} {inside} }}\n")
}

/// The words that lead to [`HOST`] on a port, trusting the authority in `directory`.
pub(crate) fn way_there(directory: &Path, port: u16) -> Vec<String> {
    let authority = directory.join("ca.pem").display().to_string();
    ["--cacert", &authority, "--resolve", &format!("{HOST}:{port}:127.0.0.1")].map(str::to_owned).to_vec()
}

/// Text that compresses well, unlike its own length.
pub(crate) fn long_text(lines: usize) -> String {
    (0..lines).map(|line| format!("line {line} of a text that says little\n")).collect::<Vec<_>>().concat()
}

fn phases(trace: &Trace) -> Vec<Phase> {
    trace.timeline.spans().map(|span| span.phase).collect()
}

fn failure(trace: &Trace) -> &Failure {
    trace.failure().expect("a failure")
}

struct Site {
    server: Server,
    port: u16,
}

impl Site {
    /// A site with TLS, `inside` its configuration, `files` below its root.
    fn start(inside: &str, files: &[(&str, &str)]) -> Self {
        let (directory, port) = (directory(), free_port());
        write_credentials(directory.path());
        let root = directory.path().join("www");
        fs::create_dir(&root).expect("a directory");
        for (name, content) in files {
            fs::write(root.join(name), content).expect("a file");
        }
        Self { server: nginx(&tls_site(port, inside), &[port], directory), port }
    }

    fn words(&self, flags: &[&str], path: &str) -> Vec<String> {
        let mut words = way_there(self.server.directory(), self.port);
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
        words.push(format!("https://{HOST}:{}{path}", self.port));
        words
    }

    fn trace(&self, flags: &[&str], path: &str) -> Trace {
        trace(&self.words(flags, path).iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn traced(&self, flags: &[&str], path: &str) -> (Vec<Trace>, Vec<u8>) {
        let (traced, body) = traced(&self.words(flags, path).iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(traced.stopped, None);
        (traced.traces, body)
    }
}

#[test]
#[ignore = "needs nginx"]
fn versions_of_tls_and_http_are_what_both_sides_can() {
    let site = Site::start("", &[("a", "hello\n")]);
    for (flags, tls_version, http_version, alpn, round_trips) in [
        (&["--tlsv1.3"][..], "TLSv1.3", "HTTP/2", "h2", 1),
        (&["--tlsv1.3", "--http1.1"], "TLSv1.3", "HTTP/1.1", "http/1.1", 1),
        (&["--tls-max", "1.2"], "TLSv1.2", "HTTP/2", "h2", 2),
        (&["--tls-max", "1.2", "--http1.1"], "TLSv1.2", "HTTP/1.1", "http/1.1", 2),
    ] {
        let trace = site.trace(flags, "/a");
        assert_eq!(trace.failure(), None, "{flags:?}");
        let tls = trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        assert_eq!((tls.version.as_str(), tls.alpn.as_deref()), (tls_version, Some(alpn)), "{flags:?}");
        assert_eq!((tls.round_trips, tls.resumed), (round_trips, false), "{flags:?}");
        let response = trace.response.as_ref().expect("a response");
        assert_eq!((response.status, response.version.as_str()), (200, http_version), "{flags:?}");
        assert_eq!((response.body_bytes, response.header("content-length")), (6, Some("6")), "{flags:?}");
        let [connect, tls, send, wait, receive] =
            [Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Receive];
        assert_eq!(phases(&trace), [connect, tls, send, wait, receive], "{flags:?}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_hello_retry_request_costs_a_round_trip() {
    let site = Site::start("ssl_ecdh_curve secp384r1;", &[("a", "hello\n")]);
    let trace = site.trace(&["--tlsv1.3"], "/a");
    let session = trace.tls.and_then(|tls| tls.session).expect("a session");
    assert_eq!((session.group.as_deref(), session.round_trips), (Some("secp384r1"), 2));
}

#[test]
#[ignore = "needs nginx"]
fn no_version_in_common_ends_the_handshake() {
    let site = Site::start("ssl_protocols TLSv1.2;", &[]);
    let trace = site.trace(&["--tlsv1.3"], "/");
    let failure = failure(&trace);
    assert_eq!((failure.phase, failure.code), (Phase::Tls, FailureCode::TlsIncompatible), "{failure}");
    assert_eq!(phases(&trace), [Phase::Connect, Phase::Tls]);
}

#[test]
#[ignore = "needs nginx"]
fn bodies_arrive_whole_in_every_framing() {
    let (small, large) = (long_text(100), long_text(60_000));
    let inside = "gzip on; gzip_types text/plain; gzip_min_length 1; gzip_http_version 1.0;";
    let site = Site::start(inside, &[("small", &small), ("large", &large), ("empty", "")]);
    for http in ["--http1.1", "--http2"] {
        for (flags, path, expect) in [
            (&[][..], "/small", &small),
            (&[], "/large", &large),
            (&[], "/empty", &String::new()),
            (&["--compressed"], "/small", &small),
            (&["--compressed"], "/large", &large),
        ] {
            let (traces, body) = site.traced(&[&[http], flags].concat(), path);
            assert_eq!(traces[0].failure(), None, "{http} {flags:?} {path}");
            assert!(body == expect.as_bytes(), "{http} {flags:?} {path}: {} bytes", body.len());
            let response = traces[0].response.as_ref().expect("a response");
            let compressed = !flags.is_empty();
            assert_eq!(response.header("content-encoding"), compressed.then_some("gzip"), "{http} {path}");
            let transferred = usize::try_from(response.body_bytes).expect("small");
            if compressed {
                assert!(transferred * 2 < expect.len(), "{http} {path}: {transferred}");
            } else {
                assert_eq!(transferred, expect.len(), "{http} {path}");
            }
            // nginx does not know the length of what it compresses on the way.
            let chunked = compressed && http == "--http1.1";
            assert_eq!(response.header("transfer-encoding"), chunked.then_some("chunked"), "{flags:?} {path}");
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn answers_without_a_body_end_with_their_head() {
    let site = Site::start("location /none { return 204; }", &[("a", "hello\n")]);
    for http in ["--http1.1", "--http2"] {
        for (flags, path, status) in [(&[][..], "/none", 204), (&["-I"], "/a", 200), (&["-I"], "/missing", 404)] {
            let (traces, body) = site.traced(&[&[http], flags].concat(), path);
            assert_eq!(traces[0].failure(), None, "{http} {path}");
            let response = traces[0].response.as_ref().expect("a response");
            assert_eq!((response.status, response.body_bytes, body.len()), (status, 0, 0), "{http} {path}");
            assert_eq!(response.first_body_byte, None, "{http} {path}");
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_request_with_a_body_reaches_the_server_whole() {
    let origin = Origin::start();
    let proxy = format!("client_max_body_size 1m; location / {{ proxy_pass http://127.0.0.1:{}; }}", origin.port);
    let site = Site::start(&proxy, &[]);
    let (short, long) = (long_text(1), long_text(10_000));
    for http in ["--http1.1", "--http2"] {
        for text in [&short, &long] {
            let (traces, body) = site.traced(&[http, "--data-binary", text], "/echo");
            assert_eq!(traces[0].failure(), None, "{http}");
            assert!(body == text.as_bytes(), "{http}: {} of {} bytes", body.len(), text.len());
            let request = traces[0].request.as_ref().expect("a request");
            assert_eq!(request.body_bytes, u64::try_from(text.len()).expect("small"), "{http}");
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_body_that_is_too_large_is_refused_with_a_status() {
    let site = Site::start("client_max_body_size 1k;", &[]);
    for http in ["--http1.1", "--http2"] {
        let (traces, _) = site.traced(&[http, "--data-binary", &long_text(100)], "/");
        let status = traces[0].response.as_ref().map(|response| response.status);
        assert_eq!((traces[0].failure(), status), (None, Some(413)), "{http}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_kept_connection_saves_everything_before_the_request() {
    let site = Site::start("", &[("a", "hello\n")]);
    for http in ["--http1.1", "--http2"] {
        let (traces, _) = site.traced(&[http, "--reuse"], "/a");
        let [cold, warm] = &traces[..] else { panic!("two traces, got {}", traces.len()) };
        assert_eq!(phases(cold), [Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Receive], "{http}");
        assert_eq!(phases(warm), [Phase::Send, Phase::Wait, Phase::Receive], "{http}");
        let connect = warm.connect.as_ref().expect("a connection");
        assert!(connect.reused && connect.attempts.is_empty() && warm.tls.is_none(), "{http}: {connect:?}");
        assert_eq!(connect.local, cold.connect.as_ref().and_then(|connect| connect.local.clone()), "{http}");
        assert_eq!(warm.response.as_ref().map(|response| response.body_bytes), Some(6), "{http}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_connection_that_the_server_closes_is_made_anew() {
    let site = Site::start("keepalive_timeout 0;", &[("a", "hello\n")]);
    let (traces, _) = site.traced(&["--http1.1", "--reuse"], "/a");
    let [_, again] = &traces[..] else { panic!("two traces, got {}", traces.len()) };
    assert_eq!(again.failure(), None);
    assert!(!again.connect.as_ref().expect("a connection").reused);
    // The session is not forgotten with the connection.
    let session = again.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
    assert!(session.resumed, "{session:?}");
}

#[test]
#[ignore = "needs nginx"]
fn redirects_are_a_trace_each() {
    let (directory, plain, secure) = (directory(), free_port(), free_port());
    write_credentials(directory.path());
    let to_secure = format!("return 302 https://{HOST}:{secure}/first?a=1;");
    let plain_site = format!("server {{ listen 127.0.0.1:{plain}; {to_secure} }}\n");
    let inside = "location /first { return 301 /second; } location /second { return 200 'there'; }
        location /loop { return 302 /loop; }";
    let server = nginx(&(plain_site + &tls_site(secure, inside)), &[plain, secure], directory);
    let mut words = way_there(server.directory(), secure);
    words.extend(["--resolve".to_owned(), format!("{HOST}:{plain}:127.0.0.1"), "-L".to_owned()]);
    words.push(format!("http://{HOST}:{plain}/"));
    let (traced, body) = traced(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((traced.stopped, body), (None, b"there".to_vec()));
    let seen: Vec<(u16, &str)> = traced
        .traces
        .iter()
        .map(|trace| (trace.response.as_ref().map_or(0, |response| response.status), trace.subject.url.as_str()))
        .collect();
    let [first, second] = ["first?a=1", "second"].map(|path| format!("https://{HOST}:{secure}/{path}"));
    assert_eq!(seen, [(302, format!("http://{HOST}:{plain}/").as_str()), (301, &first), (200, &second)]);
    for [before, after] in traced.traces.array_windows() {
        assert_eq!(after.subject.redirected_from, Some(before.subject.trace_id));
    }
    // From one URL to the next of the same origin, the connection is kept.
    let reused: Vec<bool> =
        traced.traces.iter().filter_map(|trace| trace.connect.as_ref()).map(|connect| connect.reused).collect();
    assert_eq!(reused, [false, false, true]);
}

#[test]
#[ignore = "needs nginx"]
fn a_client_certificate_is_shown_where_one_is_wanted() {
    let directory = directory();
    let port = free_port();
    let authority = Authority::new();
    authority.write(&directory.path().join("ca.pem"));
    authority.issue(HOST, Validity::Now, &directory.path().join("server.pem"));
    let certificate = directory.path().join("client.pem");
    authority.issue("client", Validity::Now, &certificate);
    let inside = "ssl_verify_client on; ssl_client_certificate ca.pem; location / { return 200 $ssl_client_s_dn; }";
    let server = nginx(&tls_site(port, inside), &[port], directory);
    let certificate = certificate.display().to_string();
    for version in ["1.2", "1.3"] {
        let ask = |flags: &[&str]| {
            let mut words = way_there(server.directory(), port);
            words.extend(["--tls-max", version].iter().chain(flags).map(|word| (*word).to_owned()));
            words.push(format!("https://{HOST}:{port}/"));
            let (traced, body) = traced(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let response = traced.traces[0].response.as_ref().expect("a response");
            (response.status, String::from_utf8_lossy(&body).into_owned())
        };
        assert_eq!(ask(&["-E", &certificate]), (200, "CN=client".to_owned()), "{version}");
        // nginx lets the handshake pass and says it in the response.
        let (status, body) = ask(&[]);
        assert!(status == 400 && body.contains("No required SSL certificate was sent"), "{version}: {status} {body}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn bad_certificates_have_a_code_each() {
    let directory = directory();
    let file = |name: &str| directory.path().join(name);
    let authority = Authority::new();
    authority.write(&file("ca.pem"));
    authority.issue(HOST, Validity::Over, &file("over.pem"));
    authority.issue(HOST, Validity::NotYet, &file("not_yet.pem"));
    authority.issue("other.test", Validity::Now, &file("other.pem"));
    Authority::new().issue(HOST, Validity::Now, &file("unknown.pem"));
    certificates::issue_to_itself(HOST, &file("itself.pem"));
    let cases = [
        ("over", FailureCode::TlsCertificateExpired),
        ("not_yet", FailureCode::TlsCertificateNotYetValid),
        ("other", FailureCode::TlsCertificateWrongName),
        ("unknown", FailureCode::TlsCertificateUnknownIssuer),
        ("itself", FailureCode::TlsCertificateSelfSigned),
    ];
    let ports = cases.map(|_| free_port());
    let site = |((name, _), port): (&(&str, FailureCode), &u16)| {
        let credentials = format!("ssl_certificate {name}.pem; ssl_certificate_key {name}.pem;");
        format!("server {{ listen 127.0.0.1:{port} ssl; {credentials} return 200 'trusting'; }}\n")
    };
    let sites: String = cases.iter().zip(&ports).map(site).collect();
    let server = nginx(&sites, &ports, directory);
    for ((name, code), port) in cases.iter().zip(ports) {
        for version in ["1.2", "1.3"] {
            let mut words = way_there(server.directory(), port);
            words.extend(["--tls-max", version].map(str::to_owned));
            words.push(format!("https://{HOST}:{port}/"));
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            let refused = trace(&words);
            let failure = failure(&refused);
            assert_eq!((failure.phase, failure.code), (Phase::Tls, *code), "{name} {version}: {failure}");
            assert_eq!(failure.code.exit_status(), 60, "{name}");
            // Who the server says it is can be read all the same.
            assert!(refused.tls.is_some_and(|tls| !tls.certificates.is_empty()), "{name} {version}");
            words.push("-k");
            let trusted = trace(&words);
            assert_eq!(trusted.failure(), None, "{name} {version}");
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn http2_without_tls_needs_to_be_known_before() {
    let port = free_port();
    let site = format!("server {{ listen 127.0.0.1:{port} http2; location / {{ return 200 'clear'; }} }}\n");
    let _server = nginx(&site, &[port], directory());
    let url = format!("http://127.0.0.1:{port}/");
    let known = trace(&["--http2-prior-knowledge", &url]);
    assert_eq!(known.response.map(|response| (response.status, response.version)), Some((200, "HTTP/2".to_owned())));
    // To HTTP/1.1, a server that speaks nothing but HTTP/2 answers with frames, or hangs up.
    let unknown = trace(&["-m", "5", &url]);
    let failure = failure(&unknown);
    assert!(matches!(failure.code, FailureCode::HttpMalformed | FailureCode::WaitClosed), "{failure}");
}

#[test]
#[ignore = "needs nginx"]
fn a_slow_body_is_receiving_and_not_waiting() {
    // 100 kB at 200 kB a second.
    let site = Site::start("limit_rate 200k;", &[("a", &"x".repeat(100_000))]);
    for http in ["--http1.1", "--http2"] {
        let trace = site.trace(&[http], "/a");
        let [wait, receive] =
            [Phase::Wait, Phase::Receive].map(|phase| trace.span(phase).expect("a phase").duration.get() / 1_000_000);
        assert!((250..5_000).contains(&receive), "{http}: {receive} ms");
        assert!(wait < receive, "{http}: {wait} ms before {receive} ms");
    }
}

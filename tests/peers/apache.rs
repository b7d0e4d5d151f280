//! apache2: another HTTP/1.1, with `mod_ssl`.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wirefall::event::{FailureCode, Phase};

use crate::certificates::{Authority, HOST, Validity};
use crate::nginx::{long_text, way_there};
use crate::server::{Program, Server, directory, free_port};
use crate::support::traced;

const APACHE: Program = Program { name: "apache2", package: "apache2" };
const MODULES: &str = "/usr/lib/apache2/modules";

/// apache2 with TLS on a port, `inside` its configuration. Paths begin at `directory`, its documents lie in `www` there.
fn apache(inside: &str, port: u16, directory: TempDir) -> Server {
    let modules =
        ["mpm_event", "authz_core", "ssl", "dir", "mime", "alias", "env", "filter", "deflate", "ratelimit", "headers"];
    let load = |name: &str| {
        let file = Path::new(MODULES).join(format!("mod_{name}.so"));
        assert!(file.is_file(), "{} is missing: apt-get install {}", file.display(), APACHE.package);
        format!("LoadModule {name}_module {}\n", file.display())
    };
    let modules: String = modules.into_iter().map(load).collect();
    let root = directory.path().display().to_string();
    let configuration = format!(
        "ServerRoot {root}\nServerName {HOST}\n{modules}\
         User www-data\nGroup www-data\nPidFile apache.pid\nErrorLog error.log\nDefaultRuntimeDir {root}\n\
         Mutex file:{root} default\nTypesConfig /dev/null\nListen 127.0.0.1:{port}\nDocumentRoot {root}/www\n\
         SSLEngine on\nSSLCertificateFile server.pem\nSSLCertificateKeyFile server.pem\nSSLSessionCache none\n\
         AddType text/plain .txt\n{inside}\n"
    );
    fs::write(directory.path().join("apache.conf"), configuration).expect("a configuration");
    let file = directory.path().join("apache.conf").display().to_string();
    // -X: one process, in the foreground.
    Server::start(APACHE, &["-X", "-d", &root, "-f", &file], &[port], directory)
}

/// A directory with credentials and documents.
fn prepared(files: &[(&str, &str)]) -> TempDir {
    let directory = directory();
    let authority = Authority::new();
    authority.write(&directory.path().join("ca.pem"));
    authority.issue(HOST, Validity::Now, &directory.path().join("server.pem"));
    authority.issue("client", Validity::Now, &directory.path().join("client.pem"));
    fs::create_dir_all(directory.path().join("www/inner")).expect("a directory");
    for (name, content) in files {
        fs::write(directory.path().join("www").join(name), content).expect("a file");
    }
    directory
}

fn ask(server: &Server, port: u16, flags: &[&str], path: &str) -> (Vec<wirefall::trace::Trace>, Vec<u8>) {
    let mut words = way_there(server.directory(), port);
    words.extend(flags.iter().map(|flag| (*flag).to_owned()));
    words.push(format!("https://{HOST}:{port}{path}"));
    let (traced, body) = traced(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(traced.stopped, None);
    (traced.traces, body)
}

#[test]
#[ignore = "needs apache2"]
fn apache_speaks_http1_over_both_versions_of_tls() {
    let text = long_text(20_000);
    let port = free_port();
    let directory = prepared(&[("text.txt", &text), ("inner/index.html", "inside\n")]);
    let server = apache("AddOutputFilterByType DEFLATE text/plain\n", port, directory);
    for (version, name, round_trips) in [("1.2", "TLSv1.2", 2), ("1.3", "TLSv1.3", 1)] {
        let ask = |flags: &[&str], path: &str| ask(&server, port, &[&["--tls-max", version], flags].concat(), path);

        let (traces, body) = ask(&["--reuse"], "/text.txt");
        let [cold, warm] = &traces[..] else { panic!("two traces, got {}", traces.len()) };
        assert!(body == text.as_bytes(), "{name}: {} bytes", body.len());
        let session = cold.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        assert_eq!((session.version.as_str(), session.round_trips), (name, round_trips));
        let response = cold.response.as_ref().expect("a response");
        // h2 was offered; without mod_http2 there is none.
        assert_eq!(
            (response.version.as_str(), session.alpn.as_deref().unwrap_or("http/1.1")),
            ("HTTP/1.1", "http/1.1")
        );
        assert!(warm.connect.as_ref().is_some_and(|connect| connect.reused), "{name}");

        let (traces, body) = ask(&["--compressed"], "/text.txt");
        let response = traces[0].response.as_ref().expect("a response");
        assert!(body == text.as_bytes(), "{name}: {} bytes", body.len());
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert_eq!(response.header("transfer-encoding"), Some("chunked"));

        let (traces, body) = ask(&["-L"], "/inner");
        let statuses: Vec<u16> =
            traces.iter().map(|trace| trace.response.as_ref().map_or(0, |response| response.status)).collect();
        assert_eq!((statuses, body.as_slice()), (vec![301, 200], &b"inside\n"[..]), "{name}");
    }
}

#[test]
#[ignore = "needs apache2"]
fn a_throttled_body_is_in_the_receive_phase() {
    let port = free_port();
    let inside = "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 200\n";
    let server = apache(inside, port, prepared(&[("text.txt", &"x".repeat(100_000))]));
    let (traces, body) = ask(&server, port, &[], "/text.txt");
    assert_eq!((traces[0].failure(), body.len()), (None, 100_000));
    let receive = traces[0].span(Phase::Receive).expect("a body").duration.get() / 1_000_000;
    assert!((200..5_000).contains(&receive), "{receive} ms");
}

#[test]
#[ignore = "needs apache2"]
fn apache_wants_a_client_certificate_in_the_handshake() {
    let port = free_port();
    let directory = prepared(&[("text.txt", "welcome\n")]);
    let client = directory.path().join("client.pem").display().to_string();
    let server = apache("SSLVerifyClient require\nSSLCACertificateFile ca.pem\n", port, directory);
    for version in ["1.2", "1.3"] {
        let (traces, body) = ask(&server, port, &["--tls-max", version, "-E", &client], "/text.txt");
        assert_eq!((traces[0].failure(), body.as_slice()), (None, &b"welcome\n"[..]), "{version}");
        let (traces, _) = ask(&server, port, &["--tls-max", version], "/text.txt");
        let failure = traces[0].failure().expect("a failure");
        assert_eq!(
            (failure.phase, failure.code),
            (Phase::Tls, FailureCode::TlsClientCertificate),
            "{version}: {failure}"
        );
    }
}

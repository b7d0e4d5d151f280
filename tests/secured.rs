//! TLS: versions, round trips, trust, identities, resumption, and the key log.

mod support;

use support::http::{Log, response};
use support::tls::{self, Authority, Identity, Terms, Validity, self_signed};
use support::{trace, traced, traced_in};
use wirefall::event::{Phase, TlsSession};
use wirefall::trace::Trace;

fn session(trace: &Trace) -> &TlsSession {
    assert!(trace.failure().is_none(), "{trace:?}");
    trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).unwrap_or_else(|| panic!("no session: {trace:?}"))
}

fn authority() -> (Authority, Identity) {
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    (authority, identity)
}

#[test]
fn round_trips_depend_on_version_and_group() {
    let (authority, identity) = authority();
    let tls12 = &[&rustls::version::TLS12][..];
    let tls13 = &[&rustls::version::TLS13][..];
    let other_group = Some(rustls::crypto::ring::kx_group::SECP384R1);
    for (versions, group, words, version, expect_group, round_trips) in [
        (tls13, None, &[][..], "TLSv1.3", "X25519", 1),
        (tls12, None, &[], "TLSv1.2", "X25519", 2),
        // The client's key share is for another group: the server asks once more (RFC 8446 §4.1.4).
        (tls13, other_group, &[], "TLSv1.3", "secp384r1", 2),
        (rustls::ALL_VERSIONS, None, &["--tls-max", "1.2"], "TLSv1.2", "X25519", 2),
        (rustls::ALL_VERSIONS, None, &["--tlsv1.3"], "TLSv1.3", "X25519", 1),
    ] {
        let config = Terms { versions, group, ..Terms::of(&identity) }.config();
        let server = tls::answering(config, &Log::default(), |_| response("200 OK", "", "hello"));
        let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
        let trace = trace(&[words, &["--cacert", &ca, "--resolve", &resolve, &url]].concat());
        let agreed = session(&trace);
        let got = (agreed.version.as_str(), agreed.group.as_deref(), agreed.round_trips, agreed.resumed);
        assert_eq!(got, (version, Some(expect_group), round_trips, false), "{words:?}: {trace:?}");
        assert!(agreed.cipher.starts_with("TLS_") && agreed.alpn.as_deref() == Some("http/1.1"), "{trace:?}");
        let tls = trace.tls.as_ref().unwrap();
        let marks = [tls.client_hello, tls.server_hello, tls.verified, tls.finished].map(Option::unwrap);
        assert!(marks.is_sorted(), "{trace:?}");
        let span = trace.span(Phase::Tls).unwrap();
        assert!(span.start <= marks[0] && marks[3] <= span.end(), "{trace:?}");
        assert_eq!(tls.certificates.iter().map(|shown| shown.subject.as_str()).collect::<Vec<_>>(), ["CN=server.test"]);
        assert_eq!(tls.certificates[0].issuer, "CN=an authority");
    }
}

#[test]
fn a_certificate_may_be_trusted_itself_or_not_be_asked_for() {
    let identity = self_signed("server.test", Validity::Now);
    let server = tls::answering(Terms::of(&identity).config(), &Log::default(), |_| response("200 OK", "", "hello"));
    let (file, resolve, url) = (identity.certificate_file(), server.resolve(), server.https("/"));
    for words in [&["--cacert", file.as_str()][..], &["-k"]] {
        let trace = trace(&[words, &["--resolve", &resolve, &url]].concat());
        assert_eq!(session(&trace).version, "TLSv1.3");
        assert_eq!(trace.tls.as_ref().unwrap().certificates[0].subject, "CN=server.test");
    }
}

#[test]
fn client_certificates_are_shown() {
    let (authority, identity) = authority();
    let client = authority.issue_client("a client");
    let config = Terms { client_authority: Some(&authority), ..Terms::of(&identity) }.config();
    let server = tls::answering(config, &Log::default(), |_| response("200 OK", "", "hello"));
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let both = tempfile::NamedTempFile::new().unwrap();
    let [certificate, key] = [client.certificate_file(), client.key_file()];
    std::fs::write(both.path(), [std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap()].concat()).unwrap();
    let both = both.path().to_str().unwrap();
    for words in [&["-E", certificate.as_str(), "--key", &key][..], &["-E", both]] {
        for version in ["--tlsv1.3", "--tlsv1.2"] {
            let trace = trace(&[words, &[version, "--cacert", &ca, "--resolve", &resolve, &url]].concat());
            assert_eq!(trace.response.as_ref().unwrap().status, 200, "{trace:?}");
        }
    }
}

#[test]
fn sessions_are_resumed_where_connections_end() {
    let (authority, identity) = authority();
    let config = Terms::of(&identity).config();
    let server = tls::answering(config, &Log::default(), |_| response("200 OK", "Connection: close\r\n", "hello"));
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    for (words, version) in [(&["--tlsv1.3"][..], "TLSv1.3"), (&["--tls-max", "1.2"], "TLSv1.2")] {
        let (traced, _) = traced(&[words, &["--reuse", "--cacert", &ca, "--resolve", &resolve, &url]].concat());
        let [cold, warm] = &traced.traces[..] else { panic!("{traced:?}") };
        let (full, resumed) = (session(cold), session(warm));
        assert_eq!((full.resumed, resumed.resumed), (false, true), "{warm:?}");
        assert_eq!((full.version.as_str(), resumed.version.as_str()), (version, version));
        assert_eq!(resumed.round_trips, 1);
        assert!(!warm.connect.as_ref().unwrap().reused);
        let phases: Vec<Phase> = warm.timeline.spans().map(|span| span.phase).collect();
        assert_eq!(phases, [Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Receive]);
        assert!(warm.tls.as_ref().unwrap().certificates.is_empty(), "none is sent in a resumption");
    }
}

#[test]
fn a_kept_connection_needs_no_handshake() {
    let (authority, identity) = authority();
    let server = tls::answering(Terms::of(&identity).config(), &Log::default(), |_| response("200 OK", "", "hello"));
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let (traced, _) = traced(&["--reuse", "--cacert", &ca, "--resolve", &resolve, &url]);
    let [cold, warm] = &traced.traces[..] else { panic!("{traced:?}") };
    assert!(cold.failure().is_none() && warm.failure().is_none(), "{warm:?}");
    assert!(warm.connect.as_ref().unwrap().reused && warm.tls.is_none(), "{warm:?}");
}

/// Label, client random of 32 bytes, secret: as NSS writes them.
fn check_key_log(text: &str, labels: &[&str]) {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mut seen = Vec::new();
    for line in text.lines() {
        let [label, random, secret] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(random.len() == 64 && is_hex(random) && secret.len() >= 64 && is_hex(secret), "{line}");
        seen.push(label);
    }
    seen.sort_unstable();
    assert_eq!(seen, labels);
}

#[test]
fn secrets_of_a_connection_are_logged_where_asked() {
    let (authority, identity) = authority();
    let server = tls::answering(Terms::of(&identity).config(), &Log::default(), |_| response("200 OK", "", "hello"));
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let directory = tempfile::TempDir::new().unwrap();
    let [flagged, from_environment] = ["flag.log", "environment.log"].map(|name| directory.path().join(name));
    let [flagged, from_environment] = [&flagged, &from_environment].map(|path| path.to_str().unwrap());
    let words = ["--cacert", &ca, "--resolve", &resolve, &url];
    let environment = [("SSLKEYLOGFILE", from_environment)];
    let tls13 = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    traced_in(&environment, &words);
    check_key_log(&std::fs::read_to_string(from_environment).unwrap(), &tls13);
    // The flag is the user's last word, and a file is appended to.
    std::fs::write(flagged, "").unwrap();
    traced_in(&environment, &[&["--keylog", flagged, "--tls-max", "1.2"], &words[..]].concat());
    check_key_log(&std::fs::read_to_string(flagged).unwrap(), &["CLIENT_RANDOM"]);
    traced_in(&environment, &[&["--keylog", flagged, "--tls-max", "1.2"], &words[..]].concat());
    check_key_log(&std::fs::read_to_string(flagged).unwrap(), &["CLIENT_RANDOM", "CLIENT_RANDOM"]);
    check_key_log(&std::fs::read_to_string(from_environment).unwrap(), &tls13);
}

//! Every way in which a request can fail has its phase, its code and its exit status, and keeps what was measured before.

mod support;

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use support::http::{Peer, Server, response};
use support::tls::{Authority, Identity, Terms, TlsPeer, Validity, self_signed};
use support::well_formed::check_failure as check;
use support::{timed_trace, trace};
use wirefall::event::{FailureCode, Phase};
use wirefall::probe::{Interrupt, Probe};

use Phase::{Connect, Receive, Send, Tls, Wait};

/// No failure of these comes later than this, on however busy a machine.
const PROMPT: Duration = Duration::from_secs(5);

/// A server in clear text that reads a request before the script begins.
fn after_request(script: impl Fn(Peer) + std::marker::Send + Sync + 'static) -> Server {
    Server::start(move |mut peer, _| {
        if peer.request().is_some() {
            script(peer);
        }
    })
}

#[test]
fn nobody_listens() {
    // Bound and not listening: nobody else can get the port meanwhile.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let trace = trace(&[&format!("http://127.0.0.1:{port}/")]);
    check("a port without a listener", &trace, FailureCode::ConnectRefused, 7, &[Connect]);
    let [attempt] = &trace.connect.as_ref().unwrap().attempts[..] else { panic!("{trace:?}") };
    assert_eq!(attempt.error.as_deref(), Some("ECONNREFUSED"));
}

#[test]
fn handshakes_that_end_early() {
    let rows: [(&str, &[&str], Script, FailureCode, u8); 8] = [
        ("closes at once", &[], Peer::finish, FailureCode::TlsClosed, 35),
        (
            "closes after the ClientHello",
            &[],
            |mut peer| {
                peer.read_some();
            },
            FailureCode::TlsClosed,
            35,
        ),
        (
            "resets after the ClientHello",
            &[],
            |mut peer| {
                peer.read_some();
                peer.reset();
            },
            FailureCode::TlsReset,
            35,
        ),
        (
            "speaks HTTP",
            &[],
            |mut peer| {
                peer.read_some();
                peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
                peer.finish();
            },
            FailureCode::TlsMalformed,
            35,
        ),
        (
            "says three bytes of nothing",
            &[],
            |mut peer| {
                peer.read_some();
                peer.send([0, 1, 2]);
                peer.finish();
            },
            FailureCode::TlsMalformed,
            35,
        ),
        (
            "sends a record that is too long",
            &[],
            |mut peer| {
                peer.read_some();
                peer.send([22, 3, 3, 0xff, 0xff, 0, 0]);
                peer.finish();
            },
            FailureCode::TlsMalformed,
            35,
        ),
        ("is silent", &["--connect-timeout", "0.3"], |mut peer| peer.hold(), FailureCode::TlsTimeout, 28),
        ("is silent all the time", &["-m", "0.3"], |mut peer| peer.hold(), FailureCode::TlsTimeout, 28),
    ];
    for (what, words, script, code, exit_status) in rows {
        let server = Server::start(move |peer, _| script(peer));
        let (resolve, url) = (server.resolve(), server.https("/"));
        let (trace, took) = timed_trace(&[words, &["-k", "--resolve", &resolve, &url]].concat());
        check(what, &trace, code, exit_status, &[Connect, Tls]);
        assert!(trace.tls.as_ref().unwrap().client_hello.is_some(), "{what}: {trace:?}");
        if code == FailureCode::TlsTimeout {
            assert!((Duration::from_millis(299)..PROMPT).contains(&took), "{what}: {took:?}: {trace:?}");
        }
    }
}

#[test]
fn a_flight_that_stops_in_the_middle() {
    let authority = Authority::new("an authority");
    let config = Terms::of(&authority.issue("server.test", Validity::Now)).config();
    let server = Server::start(move |peer, _| {
        let mut tls = TlsPeer::new(peer, &config);
        tls.hear();
        let flight = tls.outgoing();
        tls.peer.send(&flight[..flight.len() - 20]);
        tls.peer.hold();
    });
    let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let trace = trace(&["--cacert", &file, "--resolve", &resolve, "--connect-timeout", "0.3", &url]);
    check("half a flight", &trace, FailureCode::TlsTimeout, 28, &[Connect, Tls]);
    let tls = trace.tls.as_ref().unwrap();
    assert!(tls.server_hello.is_some() && tls.finished.is_none(), "{trace:?}");
}

/// A server that shakes hands, reads a request where it comes to that, and answers it.
fn secured(terms: &Terms<'_>, after: fn(Peer)) -> Server {
    let config = terms.config();
    Server::start(move |peer, _| match TlsPeer::accept(peer, &config) {
        Err(peer) => after(peer),
        Ok(mut tls) => {
            if tls.request().is_some() {
                tls.send(response("200 OK", "", "hello"));
                tls.finish();
            }
        }
    })
}

#[test]
fn certificates_that_cannot_be_trusted() {
    let authority = Authority::new("an authority");
    let other = Authority::new("another authority");
    let rows: [(&str, Identity, FailureCode); 7] = [
        ("expired", authority.issue("server.test", Validity::UntilYesterday), FailureCode::TlsCertificateExpired),
        (
            "not valid yet",
            authority.issue("server.test", Validity::FromTomorrow),
            FailureCode::TlsCertificateNotYetValid,
        ),
        ("for another name", authority.issue("other.test", Validity::Now), FailureCode::TlsCertificateWrongName),
        ("of an unknown issuer", other.issue("server.test", Validity::Now), FailureCode::TlsCertificateUnknownIssuer),
        ("self-signed", self_signed("server.test", Validity::Now), FailureCode::TlsCertificateSelfSigned),
        (
            "self-signed and expired",
            self_signed("server.test", Validity::UntilYesterday),
            FailureCode::TlsCertificateExpired,
        ),
        (
            "self-signed for another name",
            self_signed("other.test", Validity::Now),
            FailureCode::TlsCertificateSelfSigned,
        ),
    ];
    for (what, identity, code) in rows {
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            let server = secured(&Terms { versions, ..Terms::of(&identity) }, Peer::finish);
            let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
            let trace = trace(&["--cacert", &file, "--resolve", &resolve, &url]);
            check(what, &trace, code, 60, &[Connect, Tls]);
            let tls = trace.tls.as_ref().unwrap();
            let [shown] = &tls.certificates[..] else { panic!("{what}: the certificate is listed: {trace:?}") };
            assert!(shown.subject.starts_with("CN="), "{what}: {trace:?}");
            assert!(tls.server_hello.is_some() && tls.session.is_none() && tls.finished.is_none(), "{what}: {trace:?}");
        }
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_still_needs_name_and_date() {
    for (identity, code) in [
        (self_signed("server.test", Validity::UntilYesterday), FailureCode::TlsCertificateExpired),
        (self_signed("server.test", Validity::FromTomorrow), FailureCode::TlsCertificateNotYetValid),
        (self_signed("other.test", Validity::Now), FailureCode::TlsCertificateWrongName),
    ] {
        let server = secured(&Terms::of(&identity), Peer::finish);
        let (file, resolve, url) = (identity.certificate_file(), server.resolve(), server.https("/"));
        let trace = trace(&["--cacert", &file, "--resolve", &resolve, &url]);
        check("trusted itself", &trace, code, 60, &[Connect, Tls]);
    }
}

#[test]
fn client_certificates_that_are_missing_or_refused() {
    let authority = Authority::new("an authority");
    let stranger = Authority::new("a stranger").issue_client("a client");
    let identity = authority.issue("server.test", Validity::Now);
    let (certificate, key) = (stranger.certificate_file(), stranger.key_file());
    let rows: [(&str, Vec<&str>); 2] =
        [("missing", vec![]), ("of a stranger", vec!["-E", &certificate, "--key", &key])];
    // The server closes in good order; or at once, with the request unread, which makes its TCP reset the connection.
    let ends: [fn(Peer); 2] = [Peer::finish, drop];
    for (what, words) in rows {
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            for end in ends {
                let terms = Terms { versions, client_authority: Some(&authority), ..Terms::of(&identity) };
                let server = secured(&terms, end);
                let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
                let trace = trace(&[&words[..], &["--cacert", &file, "--resolve", &resolve, &url]].concat());
                check(what, &trace, FailureCode::TlsClientCertificate, 35, &[Connect, Tls]);
                assert_eq!(trace.tls.as_ref().unwrap().certificates.len(), 1, "{what}: {trace:?}");
            }
        }
    }
}

#[test]
fn nothing_in_common() {
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    let old = Terms { versions: &[&rustls::version::TLS12], ..Terms::of(&identity) };
    let new = Terms { versions: &[&rustls::version::TLS13], ..Terms::of(&identity) };
    let other_protocol = Terms { alpn: &["other"], ..Terms::of(&identity) };
    for (what, terms, words) in [
        ("an old server", old, &["--tlsv1.3"][..]),
        ("a new server", new, &["--tls-max", "1.2"]),
        ("a server for another protocol", other_protocol, &[]),
    ] {
        let server = secured(&terms, Peer::finish);
        let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
        let trace = trace(&[words, &["--cacert", &file, "--resolve", &resolve, &url]].concat());
        check(what, &trace, FailureCode::TlsIncompatible, 35, &[Connect, Tls]);
    }
}

/// Sends `byte` again and again until the client has gone.
fn drip(peer: &mut Peer, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if peer.tcp.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

const WAITING: &[Phase] = &[Connect, Send, Wait];
const RECEIVING: &[Phase] = &[Connect, Send, Wait, Receive];

type Script = fn(Peer);

#[test]
fn responses_that_do_not_end_in_time() {
    let rows: [(&str, Script, FailureCode, &[Phase]); 4] = [
        ("no answer", |mut peer| peer.hold(), FailureCode::WaitTimeout, WAITING),
        (
            "early hints for ever",
            |mut peer| drip(&mut peer, b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            FailureCode::WaitTimeout,
            WAITING,
        ),
        (
            "a head that drips",
            |mut peer| {
                peer.send("HTTP/1.1 200");
                drip(&mut peer, b" ");
            },
            FailureCode::ReceiveTimeout,
            RECEIVING,
        ),
        (
            "a body that drips",
            |mut peer| {
                peer.send("HTTP/1.1 200 OK\r\n\r\n");
                drip(&mut peer, b"x");
            },
            FailureCode::ReceiveTimeout,
            RECEIVING,
        ),
    ];
    for (what, script, code, phases) in rows {
        let server = after_request(script);
        let (trace, took) = timed_trace(&["-m", "0.4", &server.url("/")]);
        check(what, &trace, code, 28, phases);
        assert!((Duration::from_millis(399)..PROMPT).contains(&took), "{what}: {took:?}: {trace:?}");
        assert!(trace.request.is_some(), "{what}: {trace:?}");
    }
}

/// Gives what was sent time to be read, then resets.
fn reset_later(peer: Peer) {
    thread::sleep(Duration::from_millis(50));
    peer.reset();
}

#[test]
fn responses_that_break_off() {
    type Row<'a> = (&'a str, &'a str, Script, FailureCode, u8, &'a [Phase]);
    let short_body = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let open_chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let half_a_head = "HTTP/1.1 200 OK\r\nServer: ";
    let hint = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let rows: [Row<'_>; 8] = [
        ("an empty reply", "", Peer::finish, FailureCode::WaitClosed, 52, WAITING),
        ("a reset instead of a reply", "", Peer::reset, FailureCode::WaitReset, 56, WAITING),
        ("an early hint and no more", hint, Peer::finish, FailureCode::WaitClosed, 52, WAITING),
        ("less than a status", "HTTP/1.1 2", Peer::finish, FailureCode::WaitClosed, 52, WAITING),
        ("half a head", half_a_head, Peer::finish, FailureCode::ReceiveClosed, 56, RECEIVING),
        ("a body shorter than its length", short_body, Peer::finish, FailureCode::ReceiveClosed, 56, RECEIVING),
        ("chunks without an end", open_chunks, Peer::finish, FailureCode::ReceiveClosed, 56, RECEIVING),
        ("a reset in the body", short_body, reset_later, FailureCode::ReceiveReset, 56, RECEIVING),
    ];
    for (what, answer, end, code, exit_status, phases) in rows {
        let server = after_request(move |mut peer| {
            peer.send(answer);
            end(peer);
        });
        let trace = trace(&[&server.url("/")]);
        check(what, &trace, code, exit_status, phases);
        assert!(trace.request.is_some(), "{what}: {trace:?}");
    }
}

#[test]
fn responses_that_are_not_http() {
    let endless = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(300_000));
    let hints = "HTTP/1.1 103 Early Hints\r\nX: 0123456789\r\n\r\n".repeat(8_000);
    let two_lengths = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello";
    let two_lengths_in_one = "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello";
    let bad_chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n";
    let bad_coding = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello";
    let other_coding = "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 5\r\n\r\nhello";
    let rows: [(&str, &str, FailureCode, u8, &[Phase]); 10] = [
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", FailureCode::HttpMalformed, 1, WAITING),
        ("nearly a head", "HTTP/1.1 2OO OK\r\n\r\n", FailureCode::HttpMalformed, 1, WAITING),
        ("no field", "HTTP/1.1 200 OK\r\nno field\r\n\r\n", FailureCode::HttpMalformed, 1, RECEIVING),
        ("a head without an end", &endless, FailureCode::HttpHeadTooLarge, 56, RECEIVING),
        ("early hints without an end", &hints, FailureCode::HttpHeadTooLarge, 56, WAITING),
        ("two lengths", two_lengths, FailureCode::HttpBadFraming, 56, RECEIVING),
        ("two lengths in one field", two_lengths_in_one, FailureCode::HttpBadFraming, 56, RECEIVING),
        ("chunks that are none", bad_chunks, FailureCode::HttpBadFraming, 56, RECEIVING),
        ("gzip that is none", bad_coding, FailureCode::HttpBadContentCoding, 1, RECEIVING),
        ("a coding that was not asked for", other_coding, FailureCode::HttpBadContentCoding, 1, RECEIVING),
    ];
    for (what, answer, code, exit_status, phases) in rows {
        let answer = answer.to_owned();
        let server = after_request(move |mut peer| {
            peer.send(&answer);
            peer.finish();
        });
        let trace = trace(&["--compressed", &server.url("/")]);
        check(what, &trace, code, exit_status, phases);
        let has_head = matches!(code, FailureCode::HttpBadFraming | FailureCode::HttpBadContentCoding);
        assert_eq!(trace.response.as_ref().map(|head| head.status), has_head.then_some(200), "{what}: {trace:?}");
    }
}

#[test]
fn a_body_until_close_needs_tls_to_say_that_it_ends() {
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    let config = Terms::of(&identity).config();
    let ends: [fn(TlsPeer); 2] = [|tls| tls.peer.finish(), TlsPeer::finish];
    for (end, code) in ends.into_iter().zip([Some(FailureCode::ReceiveClosed), None]) {
        let config = config.clone();
        let server = Server::start(move |peer, _| {
            let Ok(mut tls) = TlsPeer::accept(peer, &config) else { return };
            if tls.request().is_some() {
                tls.send("HTTP/1.1 200 OK\r\n\r\nhello");
                end(tls);
            }
        });
        let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
        let trace = trace(&["--cacert", &file, "--resolve", &resolve, &url]);
        assert_eq!(trace.failure().map(|failure| failure.code), code, "{trace:?}");
        assert_eq!(trace.response.as_ref().unwrap().body_bytes, 5);
    }
}

#[test]
fn an_upload_that_nobody_takes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'x'; 8 * 1_024 * 1_024]).unwrap();
    let body = format!("@{}", file.path().display());
    let rows: [(&str, &[&str], Script, FailureCode, u8); 3] = [
        (
            "reads nothing",
            &["-m", "0.4"],
            |peer| {
                thread::sleep(Duration::from_millis(800));
                drop(peer);
            },
            FailureCode::SendTimeout,
            28,
        ),
        (
            "resets",
            &[],
            |mut peer| {
                peer.read_some();
                peer.reset();
            },
            FailureCode::SendFailed,
            1,
        ),
        (
            "will not answer, and reads no more",
            &["-m", "5"],
            |peer| {
                peer.tcp.shutdown(std::net::Shutdown::Write).unwrap();
                thread::sleep(Duration::from_millis(800));
            },
            FailureCode::SendFailed,
            1,
        ),
    ];
    for (what, words, script, code, exit_status) in rows {
        let server = Server::start(move |peer, _| script(peer));
        let url = server.url("/");
        let trace = trace(&[words, &["--data-binary", &body, &url]].concat());
        check(what, &trace, code, exit_status, &[Connect, Send]);
    }
}

#[test]
fn the_user_ends_a_wait() {
    let interrupt = Interrupt::new();
    let flag = interrupt.flag();
    let server = after_request(move |mut peer| {
        flag.store(true, Ordering::Relaxed);
        peer.hold();
    });
    let (plan, _) = support::plan(&[&server.url("/")]);
    let traced = Probe::new(&plan, interrupt).unwrap().trace(&plan.targets[0], None);
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    support::well_formed::check(trace);
    check("an interrupt", trace, FailureCode::ClientInterrupted, 130, WAITING);
    assert!(trace.total() < PROMPT.into(), "{trace:?}");
}

/// A disk that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_body_that_cannot_be_kept() {
    let server = after_request(|mut peer| {
        peer.send(response("200 OK", "", "hello"));
        peer.finish();
    });
    let (plan, _) = support::plan(&[&server.url("/")]);
    let traced = Probe::new(&plan, Interrupt::new()).unwrap().trace(&plan.targets[0], Some(&mut Full));
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    support::well_formed::check(trace);
    check("a full disk", trace, FailureCode::ClientCannotWrite, 1, RECEIVING);
}

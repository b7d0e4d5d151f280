//! HTTP/2: the same phases, found in its frames.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use support::h2::{Afterwards, H2Server, body_of, head};
use support::http::{Log, response};
use support::tls::{self, Authority, Terms, Validity};
use support::{trace, traced};
use wirefall::event::{Evidence, Phase};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

const DELAY: Duration = Duration::from_millis(300);
const NOISE: Nanos = Nanos::from_millis(290);
const ROUNDING: Nanos = Nanos::from_millis(1);

fn delay() -> Nanos {
    Nanos::from_millis(u64::try_from(DELAY.as_millis()).expect("a short delay"))
}

/// An authority, and a server's TLS that offers HTTP/2 first.
fn tls_with_h2() -> (Authority, Arc<ServerConfig>) {
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    let config = Terms { alpn: &["h2", "http/1.1"], ..Terms::of(&identity) }.config();
    (authority, config)
}

fn complete(trace: &Trace) -> u16 {
    assert!(trace.failure().is_none(), "{trace:?}");
    let response = trace.response.as_ref().expect("a response");
    assert_eq!(response.version, "HTTP/2");
    assert!(response.header_bytes > 9 && trace.request.as_ref().is_some_and(|head| head.header_bytes > 9), "{trace:?}");
    response.status
}

fn check_evidence(trace: &Trace) {
    check_evidence_of(trace, |_| true);
}

fn check_evidence_of(trace: &Trace, concerned: impl Fn(Phase) -> bool) {
    let expect = if cfg!(all(target_os = "linux", not(wirefall_portable))) { Evidence::Kernel } else { Evidence::User };
    for span in trace.timeline.spans().filter(|span| concerned(span.phase)) {
        assert_eq!(span.evidence, expect, "{}: {trace:?}", span.phase);
    }
}

/// The delay is in `slow`, and in no other phase.
fn check(trace: &Trace, slow: Phase) {
    assert_eq!(complete(trace), 200);
    check_evidence(trace);
    for span in trace.timeline.spans() {
        if span.phase == slow {
            assert!(span.duration + ROUNDING >= delay(), "{slow} lacks its delay: {trace:?}");
            assert!(span.duration < delay() + Nanos::from_secs(1), "{slow} takes too long: {trace:?}");
        } else {
            assert!(span.duration < NOISE, "{} takes too long: {trace:?}", span.phase);
        }
    }
}

#[test]
fn a_megabyte_each_way_over_tls() {
    let (authority, config) = tls_with_h2();
    let server = H2Server::start(Some(config), Afterwards::Serve, |request, mut respond| async move {
        assert_eq!(request.headers()["content-length"], "1048576");
        let mut body = body_of(request).await;
        body.reverse();
        let mut stream = respond.send_response(head(200), false).expect("a stream");
        stream.send_data(Bytes::from(body), true).expect("a stream");
    });
    let sent: Vec<u8> = (0..1_048_576_u32).map(|index| u8::try_from(index % 251).unwrap()).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &sent).unwrap();
    let body = format!("@{}", file.path().display());
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let (traced, received) = traced(&["--cacert", &ca, "--resolve", &resolve, "--data-binary", &body, &url]);
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    assert_eq!(complete(trace), 200);
    // Where a read is late it takes in many packets, whose first one only the user clock can place; and so much is sent that
    // the stamp of its end may be lost.
    check_evidence_of(trace, |phase| phase <= Phase::Tls);
    let reversed: Vec<u8> = sent.iter().rev().copied().collect();
    assert!(received == reversed, "what came back is what was sent, reversed");
    assert_eq!(trace.tls.as_ref().unwrap().session.as_ref().unwrap().alpn.as_deref(), Some("h2"));
    assert_eq!(trace.request.as_ref().unwrap().body_bytes, 1_048_576);
    assert_eq!(trace.response.as_ref().unwrap().body_bytes, 1_048_576);
}

#[test]
fn http_1_1_may_be_forced() {
    let (authority, config) = tls_with_h2();
    let log = Log::default();
    let server = tls::answering(config, &log, |_| response("200 OK", "", "hello"));
    let (ca, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let trace = trace(&["--http1.1", "--cacert", &ca, "--resolve", &resolve, &url]);
    assert!(trace.failure().is_none(), "{trace:?}");
    assert_eq!(trace.response.as_ref().unwrap().version, "HTTP/1.1");
    assert_eq!(trace.tls.as_ref().unwrap().session.as_ref().unwrap().alpn.as_deref(), Some("http/1.1"));
    assert_eq!(log.take()[0].line(), "GET / HTTP/1.1");
}

#[test]
fn prior_knowledge_needs_no_tls() {
    let server = H2Server::start(None, Afterwards::Serve, |request, mut respond| async move {
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.uri().path_and_query().expect("a path").as_str(), "/a?b=c");
        assert_eq!(request.headers()["x-one"], "1");
        let body = body_of(request).await;
        let mut stream = respond.send_response(head(200), false).expect("a stream");
        stream.send_data(Bytes::from(body), true).expect("a stream");
    });
    let words = ["--http2-prior-knowledge", "-X", "PUT", "-H", "X-One: 1", "-H", "Connection: close", "-d", "hello"];
    let (traced, body) = traced(&[&words[..], &[&server.http("/a?b=c")]].concat());
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    assert_eq!((complete(trace), body.as_slice()), (200, &b"hello"[..]));
    check_evidence(trace);
    let names: Vec<&str> = trace.request.as_ref().unwrap().headers.iter().map(|(name, _)| name.as_str()).collect();
    let keys = ["x-amzn-trace-id", "traceparent"];
    assert_eq!(names, [&["user-agent", "accept"], &keys[..], &["x-one", "content-length", "content-type"]].concat());
}

#[test]
fn delays_are_in_their_phases() {
    let server = H2Server::start(None, Afterwards::Serve, |request, mut respond| async move {
        let path = request.uri().path().to_owned();
        if path == "/hint" {
            respond.send_informational(head(103)).expect("a stream");
        }
        if path != "/body" {
            tokio::time::sleep(DELAY).await;
        }
        let mut stream = respond.send_response(head(200), false).expect("a stream");
        stream.send_data(Bytes::from_static(b"hello"), false).expect("a stream");
        if path == "/body" {
            tokio::time::sleep(DELAY).await;
        }
        stream.send_data(Bytes::from_static(b" world"), true).expect("a stream");
    });
    for (path, slow) in [("/wait", Phase::Wait), ("/hint", Phase::Wait), ("/body", Phase::Receive)] {
        let (traced, body) = traced(&["--http2-prior-knowledge", &server.http(path)]);
        let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
        check(trace, slow);
        assert_eq!(body, b"hello world");
        let response = trace.response.as_ref().unwrap();
        let wait = trace.span(Phase::Wait).unwrap();
        match (path, &response.informational[..]) {
            ("/hint", [hint]) => {
                assert_eq!(hint.status, 103);
                assert!(hint.at >= wait.start && hint.at < wait.start + NOISE, "{trace:?}");
            }
            (_, informational) => assert!(informational.is_empty(), "{trace:?}"),
        }
        assert!(response.head_complete.unwrap() >= wait.end(), "{trace:?}");
        assert!(response.first_body_byte.unwrap() < wait.end() + NOISE, "{trace:?}");
    }
}

#[test]
fn a_long_head_comes_in_several_frames() {
    let server = H2Server::start(None, Afterwards::Serve, |_, mut respond| async move {
        let mut long = head(200);
        for index in 0..8 {
            let name = http::HeaderName::try_from(format!("x-long-{index}")).expect("a name");
            long.headers_mut().insert(name, http::HeaderValue::try_from("\\".repeat(5_000)).expect("a value"));
        }
        respond.send_response(long, true).expect("a stream");
    });
    let trace = trace(&["--http2-prior-knowledge", &server.http("/")]);
    assert_eq!(complete(&trace), 200);
    let response = trace.response.as_ref().unwrap();
    assert!(response.header_bytes > 16_384 + 9, "longer than one frame may be: {trace:?}");
    assert_eq!(response.header("x-long-7").map(str::len), Some(5_000));
    assert_eq!(response.first_body_byte, None);
    let end = trace.span(Phase::Receive).unwrap().end();
    assert_eq!(response.head_complete, Some(end), "the head is all there is");
}

#[test]
fn a_head_alone_is_in_no_coding() {
    let server = H2Server::start(None, Afterwards::Serve, |_, mut respond| async move {
        let mut coded = head(200);
        coded.headers_mut().insert("content-encoding", http::HeaderValue::from_static("gzip"));
        respond.send_response(coded, true).expect("a stream");
    });
    let trace = trace(&["--http2-prior-knowledge", "-I", "--compressed", &server.http("/")]);
    assert_eq!(complete(&trace), 200);
}

#[test]
fn a_connection_is_used_again_while_it_stands() {
    for (afterwards, stands) in [(Afterwards::Serve, true), (Afterwards::GoAway, false)] {
        let server = H2Server::start(None, afterwards, |_, mut respond| async move {
            // The farewell comes before the answer, and so not too late.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut stream = respond.send_response(head(200), false).expect("a stream");
            stream.send_data(Bytes::from_static(b"hello"), true).expect("a stream");
        });
        let (traced, _) = traced(&["--http2-prior-knowledge", "--reuse", &server.http("/")]);
        let [cold, warm] = &traced.traces[..] else { panic!("{traced:?}") };
        assert_eq!((complete(cold), complete(warm)), (200, 200), "{afterwards:?}");
        assert_eq!(warm.connect.as_ref().unwrap().reused, stands, "{afterwards:?}: {warm:?}");
        assert_eq!(warm.span(Phase::Connect).is_some(), !stands, "{afterwards:?}: {warm:?}");
        assert_eq!(warm.response.as_ref().unwrap().body_bytes, 5);
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_over_counts() {
    let server = H2Server::start(None, Afterwards::Serve, |request, mut respond| async move {
        let mut stream = respond.send_response(head(413), false).expect("a stream");
        stream.send_data(Bytes::from_static(b"too large"), true).expect("a stream");
        drop(request);
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'x'; 4 * 1_024 * 1_024]).unwrap();
    let body = format!("@{}", file.path().display());
    let (traced, body) = traced(&["--http2-prior-knowledge", "-m", "5", "--data-binary", &body, &server.http("/")]);
    let [trace] = &traced.traces[..] else { panic!("{traced:?}") };
    assert_eq!((complete(trace), body.as_slice()), (413, &b"too large"[..]));
}

//! HTTP/2 connections and streams that break off: frames made by hand.

mod support;

use support::http::{Peer, Server};
use support::trace;
use support::well_formed::check_failure;
use wirefall::event::{FailureCode, Phase};

/// An HTTP/2 frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads an HTTP/2 client's preface and frames until its first head is complete.
fn read_until_headers(peer: &mut Peer) -> bool {
    use std::io::Read;
    let mut preface = [0; 24];
    if peer.tcp.read_exact(&mut preface).is_err() {
        return false;
    }
    loop {
        let mut header = [0; 9];
        if peer.tcp.read_exact(&mut header).is_err() {
            return false;
        }
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        if peer.tcp.read_exact(&mut vec![0; usize::try_from(length).expect("a length")]).is_err() {
            return false;
        }
        if header[3] == 1 {
            return true;
        }
    }
}

#[test]
fn http_2_that_breaks_off() {
    let settings = frame(4, 0, 0, &[]);
    let with_settings = |frame: Vec<u8>| [settings.clone(), frame].concat();
    let rows: [(&str, Vec<u8>, FailureCode, u8); 8] = [
        ("garbage", b"garbage garbage garbage garbage".to_vec(), FailureCode::HttpMalformed, 1),
        ("HTTP/1.1", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), FailureCode::HttpMalformed, 1),
        ("a stream error", with_settings(frame(3, 0, 1, &[0, 0, 0, 2])), FailureCode::HttpStreamError, 56),
        ("a refusal", with_settings(frame(3, 0, 1, &[0, 0, 0, 7])), FailureCode::HttpStreamError, 56),
        (
            "a connection error",
            with_settings(frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])),
            FailureCode::HttpStreamError,
            56,
        ),
        ("a farewell", with_settings(frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0])), FailureCode::HttpStreamError, 56),
        ("settings only", settings.clone(), FailureCode::WaitClosed, 52),
        ("nothing", vec![], FailureCode::WaitClosed, 52),
    ];
    for (what, answer, code, exit_status) in rows {
        let server = Server::start(move |mut peer, _| {
            if read_until_headers(&mut peer) {
                peer.send(&answer);
                peer.finish();
            }
        });
        let trace = trace(&["--http2-prior-knowledge", "-m", "5", &server.url("/")]);
        check_failure(what, &trace, code, exit_status, &[Phase::Connect, Phase::Send, Phase::Wait]);
        assert_eq!(trace.request.as_ref().unwrap().version, "HTTP/2");
    }
}

#[test]
fn http_2_that_is_reset_or_silent() {
    type Script = fn(Peer);
    let rows: [(&str, Script, FailureCode, u8); 2] = [
        ("reset", Peer::reset, FailureCode::WaitReset, 56),
        ("silent", |mut peer| peer.hold(), FailureCode::WaitTimeout, 28),
    ];
    for (what, script, code, exit_status) in rows {
        let server = Server::start(move |mut peer, _| {
            if read_until_headers(&mut peer) {
                script(peer);
            }
        });
        let trace = trace(&["--http2-prior-knowledge", "-m", "0.4", &server.url("/")]);
        check_failure(what, &trace, code, exit_status, &[Phase::Connect, Phase::Send, Phase::Wait]);
    }
}

#[test]
fn http_2_whose_body_breaks_off() {
    // `:status: 200` from the static table (RFC 7541, Appendix A, entry 8).
    let began = [frame(4, 0, 0, &[]), frame(1, 4, 1, &[0x88]), frame(0, 0, 1, b"hello")].concat();
    let error = frame(3, 0, 1, &[0, 0, 0, 2]);
    let rows: [(&str, Vec<u8>, FailureCode); 2] = [
        ("closed", began.clone(), FailureCode::ReceiveClosed),
        ("ended with an error", [began, error].concat(), FailureCode::HttpStreamError),
    ];
    for (what, answer, code) in rows {
        let server = Server::start(move |mut peer, _| {
            if read_until_headers(&mut peer) {
                peer.send(&answer);
                peer.finish();
            }
        });
        let trace = trace(&["--http2-prior-knowledge", "-m", "5", &server.url("/")]);
        check_failure(what, &trace, code, 56, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
        assert_eq!(trace.response.as_ref().map(|response| response.status), Some(200), "{what}: {trace:?}");
    }
}

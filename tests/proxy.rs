//! Through an HTTP proxy: clear text is forwarded, TLS goes through a tunnel, and the tunnel's round trip is `connect`.

mod support;

use std::thread;
use std::time::Duration;

use support::http::{Log, Peer, Recorded, Server, answering, response};
use support::tls::{Authority, Terms, TlsPeer, Validity};
use support::trace;
use wirefall::event::{FailureCode, Phase};
use wirefall::time::Nanos;

const DELAY: Duration = Duration::from_millis(300);

#[test]
fn clear_text_is_forwarded() {
    let log = Log::default();
    let proxy = answering(&log, |_| response("200 OK", "", "hello"));
    let address = format!("http://user:s3cr3t@127.0.0.1:{}", proxy.port());
    let trace = trace(&["-x", &address, "http://server.test/a?b=c"]);
    assert!(trace.failure().is_none(), "{trace:?}");
    let [request] = <[Recorded; 1]>::try_from(log.take()).unwrap();
    assert_eq!(request.line(), "GET http://server.test/a?b=c HTTP/1.1");
    assert_eq!(request.header("host"), Some("server.test"));
    assert_eq!(request.header("proxy-authorization"), Some("Basic dXNlcjpzM2NyM3Q="));
    let connect = trace.connect.as_ref().unwrap();
    assert_eq!(connect.proxy.as_deref(), Some(proxy.url("").as_str()));
    assert_eq!(connect.remote.as_deref(), Some(format!("127.0.0.1:{}", proxy.port()).as_str()));
    let json = serde_json::to_string(&trace).unwrap();
    assert!(!json.contains("s3cr3t") && !json.contains("dXNlcjpzM2NyM3Q="), "{json}");
}

#[test]
fn tls_goes_through_a_tunnel() {
    let authority = Authority::new("an authority");
    let config = Terms::of(&authority.issue("server.test", Validity::Now)).config();
    let log = Log::default();
    let seen = log.clone();
    // What a 2xx says of a body is meaningless (RFC 9110 §9.3.6).
    for established in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let (config, seen) = (config.clone(), seen.clone());
        let proxy = Server::start(move |mut peer, _| {
            let Some(connect) = peer.request() else { return };
            seen.push(connect);
            thread::sleep(DELAY);
            peer.send(established);
            let Ok(mut tls) = TlsPeer::accept(peer, &config) else { return };
            if let Some(request) = tls.request() {
                seen.push(request);
                tls.send(response("200 OK", "", "hello"));
                tls.finish();
            }
        });
        let address = format!("127.0.0.1:{}", proxy.port());
        let trace = trace(&["-x", &address, "--cacert", &authority.file(), "https://server.test/a"]);
        assert!(trace.failure().is_none(), "{trace:?}");
        let [connect, request] = <[Recorded; 2]>::try_from(log.take()).unwrap();
        assert_eq!(
            (connect.line(), connect.header("host")),
            ("CONNECT server.test:443 HTTP/1.1", Some("server.test:443"))
        );
        assert_eq!((request.line(), request.header("host")), ("GET /a HTTP/1.1", Some("server.test")));
        let length = |phase| trace.span(phase).unwrap().duration;
        assert!(length(Phase::Connect) + Nanos::from_millis(1) >= DELAY.into(), "{trace:?}");
        assert!(length(Phase::Tls) < Nanos::from_millis(290), "{trace:?}");
        assert_eq!(trace.tls.as_ref().unwrap().certificates[0].subject, "CN=server.test");
    }
}

#[test]
fn tunnels_that_do_not_open() {
    type Script = fn(Peer);
    let rows: [(&str, Script, FailureCode, u8); 5] = [
        (
            "wants credentials",
            |mut peer| {
                peer.send(response("407 Proxy Authentication Required", "", "no"));
                peer.finish();
            },
            FailureCode::ConnectProxyRefused,
            56,
        ),
        (
            "refuses, and leaves the end of its answer open",
            |mut peer| {
                peer.send("HTTP/1.1 403 Forbidden\r\n\r\nno");
                peer.hold();
            },
            FailureCode::ConnectProxyRefused,
            56,
        ),
        ("closes", Peer::finish, FailureCode::ConnectFailed, 7),
        ("resets", Peer::reset, FailureCode::ConnectFailed, 7),
        ("is silent", |mut peer| peer.hold(), FailureCode::ConnectTimeout, 28),
    ];
    for (what, script, code, exit_status) in rows {
        let proxy = Server::start(move |mut peer, _| {
            if peer.request().is_some() {
                script(peer);
            }
        });
        let address = format!("127.0.0.1:{}", proxy.port());
        let trace = trace(&["-x", &address, "-k", "--connect-timeout", "0.4", "https://server.test/"]);
        let failure = trace.failure().unwrap_or_else(|| panic!("{what}: {trace:?}"));
        assert_eq!((failure.code, failure.code.exit_status()), (code, exit_status), "{what}: {failure}");
        let phases: Vec<Phase> = trace.timeline.spans().map(|span| span.phase).collect();
        assert_eq!(phases, [Phase::Connect], "{what}: {trace:?}");
        assert!(trace.connect.as_ref().unwrap().proxy.is_some(), "{what}: {trace:?}");
        assert!(trace.request.is_none() && trace.response.is_none() && trace.tls.is_none(), "{what}: {trace:?}");
    }
}

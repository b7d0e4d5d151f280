//! Connecting from end to end: the real client against addresses that refuse, swallow or accept, and through proxies.

mod support;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::thread;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use support::blackhole::BlackHole;
use support::dns::{Asked, DnsServer, Says};
use support::doh::DohServer;
use support::origin::{OK, Origin, Seen, splice};
use support::tls::Certified;
use support::{BEST_WITNESS, has_ipv6, trace, trace_in};
use wirefall::event::{AttemptResult, Evidence};
use wirefall::time::Nanos;
use wirefall::trace::{Connect, ConnectAttempt, Phase, Trace};

const NAME: &str = "www.wirefall.test";

fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

fn respond_ok(_: &Seen, stream: &mut TcpStream) -> bool {
    stream.write_all(OK.as_bytes()).is_ok()
}

/// A request for [`NAME`] at `port`, which stands for these addresses.
fn connect_to(addresses: &str, port: u16, more: &[&str]) -> Trace {
    let resolve = format!("{NAME}:{port}:{addresses}");
    let url = format!("http://{NAME}:{port}/");
    trace(&[&["--resolve", resolve.as_str()], more, &[url.as_str()]].concat())
}

fn assert_complete(trace: &Trace) {
    assert_eq!(trace.failure(), None, "{trace:#?}");
    assert_eq!(trace.response.as_ref().map(|response| response.status), Some(200));
}

fn assert_failure(trace: &Trace, code: &str, exit: u8, parts: &[&str]) {
    let failure = trace.failure().unwrap_or_else(|| panic!("expected {code}: {trace:#?}"));
    assert_eq!((failure.code.as_str(), failure.code.exit_status()), (code, exit), "{failure}");
    for part in parts {
        assert!(failure.message.contains(part), "{part:?} in {failure}");
    }
    assert_eq!(trace.timeline.spans().last().map(|span| span.phase), Some(Phase::Connect), "{trace:#?}");
}

fn section(trace: &Trace) -> &Connect {
    trace.connect.as_ref().unwrap_or_else(|| panic!("connect: {trace:#?}"))
}

/// Each attempt as `address result error`.
fn attempts(trace: &Trace) -> Vec<String> {
    let text = |attempt: &ConnectAttempt| {
        let error = attempt.error.as_ref().map(|error| format!(" {error}")).unwrap_or_default();
        format!("{} {:?}{error}", attempt.address, attempt.result)
    };
    section(trace).attempts.iter().map(text).collect()
}

fn end(attempt: &ConnectAttempt) -> Nanos {
    attempt.start + attempt.duration.expect("an end")
}

#[test]
fn the_kernel_witnesses_the_handshake_and_counts_what_follows() {
    let origin = Origin::start();
    let trace = trace(&[&format!("http://{}/", origin.address)]);
    assert_complete(&trace);
    assert_eq!(trace.dns, None);
    let span = trace.span(Phase::Connect).expect("connect");
    assert_eq!((span.start, span.evidence), (Nanos::ZERO, BEST_WITNESS));
    assert!(span.duration > Nanos::ZERO);
    let connect = section(&trace);
    assert!(!connect.reused);
    assert_eq!(connect.remote.as_deref(), Some(&*origin.address.to_string()));
    assert_eq!(connect.local.as_deref(), Some(&*origin.seen()[0].peer.to_string()));
    assert_eq!(attempts(&trace), [format!("{} Won", origin.address)]);
    assert_eq!(end(&connect.attempts[0]), span.end());
    let plausible = |rtt: Option<Nanos>| rtt.is_some_and(|rtt| rtt > Nanos::ZERO && rtt < ms(100));
    if BEST_WITNESS == Evidence::Kernel {
        assert!(plausible(connect.rtt), "{connect:?}");
        let counters = trace.transport.expect("counters");
        assert!(plausible(counters.rtt) && plausible(counters.min_rtt), "{counters:?}");
        assert_eq!((counters.retransmits, counters.lost), (0, 0));
        assert!(trace.timeline.spans().all(|span| span.evidence == Evidence::Kernel), "{trace:#?}");
    } else {
        assert_eq!((connect.rtt, trace.transport), (None, None));
        assert!(trace.timeline.spans().all(|span| span.evidence == Evidence::User), "{trace:#?}");
    }
}

#[test]
fn a_refused_address_is_followed_at_once_by_the_next() {
    let origin = Origin::start();
    let port = origin.port();
    let trace = connect_to("127.0.0.3,127.0.0.1", port, &["--happy-eyeballs-timeout-ms", "5000"]);
    assert_complete(&trace);
    assert_eq!(attempts(&trace), [format!("127.0.0.3:{port} Failed ECONNREFUSED"), format!("127.0.0.1:{port} Won")]);
    let [refused, won] = section(&trace).attempts.as_slice() else { panic!("two attempts") };
    assert!(won.start >= end(refused), "{trace:#?}");
    assert!(trace.total() < ms(4_000), "{}", trace.total());
    assert_eq!(trace.span(Phase::Connect).expect("connect").end(), end(won));
}

#[test]
fn a_swallowed_attempt_is_overtaken_after_its_delay() {
    let (hole, origin) = hole_and_origin();
    let port = origin.port();
    let trace = connect_to("127.0.0.1,127.0.0.2", port, &["--happy-eyeballs-timeout-ms", "150"]);
    drop(hole);
    assert_complete(&trace);
    assert_eq!(attempts(&trace), [format!("127.0.0.1:{port} Abandoned"), format!("127.0.0.2:{port} Won")]);
    let [abandoned, won] = section(&trace).attempts.as_slice() else { panic!("two attempts") };
    let delay = won.start.saturating_sub(abandoned.start);
    assert!(delay >= ms(150) && delay < ms(600), "{delay}");
    assert!(won.duration < Some(ms(150)), "{won:?}");
    assert!(end(abandoned) >= end(won));
    let span = trace.span(Phase::Connect).expect("connect");
    assert!(span.duration >= ms(150));
    assert_eq!(span.end(), end(won));
    if let Some(rtt) = section(&trace).rtt {
        assert!(rtt < ms(150), "the round trip is that of the winner: {rtt}");
    }
}

/// A black hole at 127.0.0.1 and a server at 127.0.0.2, on one port.
fn hole_and_origin() -> (BlackHole, Origin) {
    let ([hole], listener) = BlackHole::at(["127.0.0.1"], "127.0.0.2");
    (hole, Origin::over(listener, respond_ok))
}

#[test]
fn a_refusal_by_every_address_names_them_all() {
    let port = Origin::start_at("127.0.0.5:0", respond_ok).port();
    let trace = connect_to("127.0.0.3,127.0.0.4", port, &[]);
    let (first, second) = (format!("127.0.0.3:{port}"), format!("127.0.0.4:{port}"));
    assert_failure(&trace, "connect.refused", 7, &[&first, &second, "connection refused"]);
    assert_eq!(attempts(&trace), [first, second].map(|address| format!("{address} Failed ECONNREFUSED")));
    assert!(trace.total() > Nanos::ZERO);
}

#[test]
fn silence_of_every_address_ends_with_the_limit() {
    let ([hole, other], _) = BlackHole::at(["127.0.0.1", "127.0.0.2"], "127.0.0.5");
    let port = hole.address.port();
    for limit in ["--connect-timeout", "-m"] {
        let trace = connect_to("127.0.0.1,127.0.0.2", port, &["--happy-eyeballs-timeout-ms", "100", limit, "0.4"]);
        let (first, second) = (hole.address.to_string(), other.address.to_string());
        assert_failure(&trace, "connect.timeout", 28, &[&first, &second]);
        assert_eq!(attempts(&trace), [first, second].map(|address| format!("{address} Abandoned")));
        let total = trace.total();
        assert!(total >= ms(250) && total < ms(1_500), "{total}");
    }
}

#[test]
fn a_network_that_cannot_be_reached_says_so() {
    // TCP cannot be spoken to a broadcast address: no packet leaves.
    let trace = trace(&["http://255.255.255.255:80/"]);
    assert_failure(&trace, "connect.unreachable", 7, &["255.255.255.255:80", "unreachable"]);
    let port = Origin::start_at("127.0.0.5:0", respond_ok).port();
    let mixed = connect_to("255.255.255.255,127.0.0.3", port, &[]);
    assert_failure(&mixed, "connect.refused", 7, &["255.255.255.255", "127.0.0.3"]);
}

#[test]
fn ipv6_comes_first_and_families_take_turns() {
    if !has_ipv6() {
        return;
    }
    let origin = Origin::start_at("[::1]:0", respond_ok);
    let port = origin.port();
    let trace = connect_to("127.0.0.3,[::1]", port, &[]);
    assert_complete(&trace);
    assert_eq!(attempts(&trace), [format!("[::1]:{port} Won")]);
    drop(origin);
    let trace = connect_to("127.0.0.3,127.0.0.4,[::1],[::1]", port, &[]);
    let order: Vec<&str> = section(&trace).attempts.iter().map(|attempt| attempt.address.as_str()).collect();
    let expect = ["[::1]", "127.0.0.3", "[::1]", "127.0.0.4"].map(|address| format!("{address}:{port}"));
    assert_eq!(order, expect);
}

#[test]
fn only_the_wanted_family_is_tried() {
    if !has_ipv6() {
        return;
    }
    let origin = Origin::start();
    let port = origin.port();
    let v4 = connect_to("[::1],127.0.0.1", port, &["-4"]);
    assert_complete(&v4);
    assert_eq!(attempts(&v4), [format!("127.0.0.1:{port} Won")]);
    let v6 = connect_to("[::1],127.0.0.1", port, &["-6"]);
    assert_failure(&v6, "connect.refused", 7, &[&format!("[::1]:{port}")]);
    assert_eq!(attempts(&v6).len(), 1);
}

/// The attempts to one family do not wait for the other; dns ends with the answer whose address was used.
#[test]
fn an_address_that_comes_late_joins_the_race() {
    if !has_ipv6() {
        return;
    }
    let ([hole], listener) = BlackHole::at(["127.0.0.1"], "::1");
    let origin = Origin::over(listener, respond_ok);
    let port = origin.port();
    let server = DnsServer::start(|asked: &Asked| {
        let late = Says::Addresses(vec![IpAddr::V6(Ipv6Addr::LOCALHOST)]).after(Duration::from_millis(300));
        let early = Says::Addresses(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]).now();
        vec![if asked.record == RecordType::A { early } else { late }]
    });
    let url = format!("http://{NAME}:{port}/");
    let servers = server.address.to_string();
    let trace = trace(&["--dns-servers", &servers, "--happy-eyeballs-timeout-ms", "100", &url]);
    assert_complete(&trace);
    assert_eq!(attempts(&trace), [format!("{} Abandoned", hole.address), format!("[::1]:{port} Won")]);
    let dns = trace.span(Phase::Dns).expect("dns");
    let [early, late] = section(&trace).attempts.as_slice() else { panic!("two attempts") };
    assert!(dns.duration >= ms(300), "{dns:?}");
    assert!(early.start < dns.end() && late.start >= dns.end(), "{trace:#?}");
    assert_eq!(trace.span(Phase::Connect).expect("connect").end(), end(late));
}

#[test]
fn time_that_runs_out_after_a_refusal_names_the_refusal() {
    let port = Origin::start_at("127.0.0.5:0", respond_ok).port();
    let server = DnsServer::start(|asked: &Asked| match asked.record {
        RecordType::A => vec![Says::Addresses(vec![Ipv4Addr::new(127, 0, 0, 3).into()]).now()],
        _ => vec![],
    });
    let url = format!("http://{NAME}:{port}/");
    let trace = trace(&["--dns-servers", &server.address.to_string(), "--connect-timeout", "0.4", &url]);
    assert_failure(&trace, "connect.timeout", 28, &[&format!("127.0.0.3:{port}: connection refused")]);
}

#[test]
fn connect_to_changes_the_way_and_not_the_request() {
    let origin = Origin::start();
    let port = origin.port();
    for to in [format!("{NAME}:80:127.0.0.1:{port}"), format!("::127.0.0.1:{port}")] {
        let trace = trace(&["--connect-to", &to, &format!("http://{NAME}/path")]);
        assert_complete(&trace);
        assert_eq!(trace.dns, None);
        assert_eq!(section(&trace).remote.as_deref(), Some(&*origin.address.to_string()));
    }
    for seen in origin.seen() {
        assert!(seen.head.starts_with("GET /path HTTP/1.1\r\n"), "{}", seen.head);
        assert!(seen.head.contains(&format!("\r\nHost: {NAME}\r\n")), "{}", seen.head);
    }
}

#[test]
fn sockets_are_bound_as_asked() {
    let origin = Origin::start();
    let url = format!("http://{}/", origin.address);
    for (interface, from) in [("127.0.0.2", "127.0.0.2"), ("lo", "127.0.0.1")] {
        let trace = trace(&["--interface", interface, &url]);
        assert_complete(&trace);
        let peer = origin.seen().last().expect("a request").peer;
        assert_eq!(peer.ip().to_string(), from, "--interface {interface}");
        assert_eq!(section(&trace).local.as_deref(), Some(&*peer.to_string()));
    }
    let trace = trace(&["--interface", "none0", &url]);
    assert_failure(&trace, "connect.failed", 7, &[&origin.address.to_string()]);
    assert_eq!(attempts(&trace), [format!("{} Failed ENODEV", origin.address)]);
}

#[test]
fn an_interface_of_one_family_leaves_the_other_out() {
    let origin = Origin::start();
    let port = origin.port();
    let trace = connect_to("[::1],127.0.0.1", port, &["--interface", "127.0.0.2"]);
    assert_complete(&trace);
    assert_eq!(attempts(&trace), [format!("[::1]:{port} Failed EADDRNOTAVAIL"), format!("127.0.0.1:{port} Won")]);
}

#[test]
fn a_unix_socket_is_an_address_like_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0; 4_096];
        let _ = std::io::Read::read(&mut stream, &mut head).expect("a request");
        stream.write_all(OK.as_bytes()).expect("a response");
    });
    let path = path.to_str().expect("a path in UTF-8");
    let complete = trace(&["--unix-socket", path, "http://www.wirefall.test/"]);
    server.join().expect("a server without complaints");
    assert_complete(&complete);
    assert_eq!((attempts(&complete), &complete.dns), (vec![format!("{path} Won")], &None));

    let missing = format!("{path}-missing");
    let trace = trace(&["--unix-socket", &missing, "http://www.wirefall.test/"]);
    assert_failure(&trace, "connect.refused", 7, &[&missing]);
    assert_eq!(attempts(&trace), [format!("{missing} Failed ENOENT")]);
}

#[test]
fn a_unix_socket_whose_queue_is_full_is_waited_for_until_time_is_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let address = socket2::SockAddr::unix(&path).expect("an address");
    let unix = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
    let listener = unix();
    listener.bind(&address).expect("a bound socket");
    listener.listen(0).expect("a listener");
    let waiting: Vec<socket2::Socket> = std::iter::repeat_with(|| {
        let client = unix();
        client.set_nonblocking(true).expect("a socket that does not block");
        client.connect(&address).map(|()| client)
    })
    .map_while(Result::ok)
    .take(16)
    .collect();
    assert!(waiting.len() < 16, "the queue never fills");
    let trace = trace(&["--unix-socket", path.to_str().expect("UTF-8"), "-m", "0.3", "http://www.wirefall.test/"]);
    assert_failure(&trace, "connect.timeout", 28, &["socket"]);
}

#[test]
fn a_forward_proxy_gets_the_absolute_form_and_the_credentials() {
    let proxy = Origin::start();
    let with_user = format!("http://user:pa%40ss@{}", proxy.address);
    let trace = trace(&["-x", &with_user, "http://www.wirefall.test/path?q=1"]);
    assert_complete(&trace);
    let head = &proxy.seen()[0].head;
    assert!(
        head.starts_with("GET http://www.wirefall.test/path?q=1 HTTP/1.1\r\nHost: www.wirefall.test\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYUBzcw==\r\n"), "{head}");
    assert_eq!(trace.dns, None, "the proxy resolves");
    assert_eq!(section(&trace).proxy.as_deref(), Some(&*format!("http://{}", proxy.address)));
    assert_eq!(attempts(&trace), [format!("{} Won", proxy.address)]);
    let json = serde_json::to_string(&trace).expect("JSON");
    assert!(!json.contains("dXNlcjpwYUBzcw") && !json.contains("pa%40ss") && !json.contains("pa@ss"), "{json}");
}

#[test]
fn a_proxy_is_resolved_in_the_place_of_the_server() {
    let proxy = Origin::start();
    let server = DnsServer::start(|_: &Asked| vec![Says::Addresses(vec![Ipv4Addr::LOCALHOST.into()]).now()]);
    let name = format!("http://proxy.wirefall.test:{}", proxy.port());
    let trace = trace(&["-4", "--dns-servers", &server.address.to_string(), "-x", &name, "http://www.wirefall.test/"]);
    assert_complete(&trace);
    assert_eq!(server.asked().iter().map(|asked| asked.name.as_str()).collect::<Vec<_>>(), ["proxy.wirefall.test"]);
    assert!(trace.span(Phase::Dns).is_some());
}

/// An HTTPS server behind a proxy that does `first` with the connection when CONNECT has come.
fn tunnel(first: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (Certified, DohServer, Origin) {
    let authority = Certified::for_server(NAME, &["h2", "http/1.1"]);
    let far = DohServer::start(authority.server(), 200, |_: &Asked| vec![]);
    let to = far.address;
    let proxy = Origin::start_at("127.0.0.1:0", move |_, stream| {
        first(stream);
        splice(stream, to);
        false
    });
    (authority, far, proxy)
}

#[test]
fn the_delay_of_a_tunnel_counts_to_connect() {
    let (authority, far, proxy) = tunnel(|stream| {
        thread::sleep(Duration::from_millis(300));
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n");
    });
    let port = far.address.port();
    let with_user = format!("http://user:secret@{}", proxy.address);
    let url = format!("https://{NAME}:{port}/");
    let trace = trace(&["--cacert", &authority.file(), "-x", &with_user, &url]);
    assert_complete(&trace);
    let head = &proxy.seen()[0].head;
    assert!(head.starts_with(&format!("CONNECT {NAME}:{port} HTTP/1.1\r\nHost: {NAME}:{port}\r\n")), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{head}");
    assert_eq!(proxy.seen().len(), 1, "the server gets what follows");
    let connect = trace.span(Phase::Connect).expect("connect");
    assert!(connect.duration >= ms(300) && connect.evidence == BEST_WITNESS, "{connect:?}");
    assert!(trace.total().saturating_sub(connect.duration) < ms(250), "{trace:#?}");
    assert!(section(&trace).attempts[0].duration < Some(ms(150)), "the proxy itself is near: {trace:#?}");
    assert_eq!(section(&trace).proxy.as_deref(), Some(&*format!("http://{}", proxy.address)));
    assert_eq!((trace.dns.is_none(), trace.tls.is_some()), (true, true));
    let request = trace.request.as_ref().expect("a request");
    assert!(!request.headers.iter().any(|(name, _)| name.starts_with("proxy-")), "{request:?}");
}

#[test]
fn a_tunnel_that_does_not_come_about_fails_in_connect() {
    type First = fn(&mut TcpStream);
    let cases: [(First, &str, u8, &str); 5] = [
        (
            |stream| {
                let _ = stream.write_all(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n");
            },
            "connect.proxy_refused",
            56,
            "407",
        ),
        (
            |stream| {
                let _ = stream.write_all(b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\nNever");
            },
            "connect.proxy_refused",
            56,
            "403",
        ),
        (|_| {}, "connect.failed", 7, "closed"),
        (
            |stream| {
                let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n");
            },
            "connect.failed",
            7,
            "no tunnel",
        ),
        (|_| thread::sleep(Duration::from_millis(1_500)), "connect.timeout", 28, "no tunnel"),
    ];
    for (first, code, exit, part) in cases {
        let proxy = Origin::start_at("127.0.0.1:0", move |_, stream| {
            first(stream);
            false
        });
        let url = format!("https://{NAME}/");
        let trace = trace(&["--connect-timeout", "0.5", "-x", &proxy.address.to_string(), &url]);
        assert_failure(&trace, code, exit, &[part, &proxy.address.to_string()]);
        assert_eq!((attempts(&trace), &trace.tls), (vec![format!("{} Won", proxy.address)], &None));
    }
}

#[test]
fn a_proxy_that_is_not_there_is_refused_like_a_server() {
    let port = Origin::start_at("127.0.0.5:0", respond_ok).port();
    let proxy = format!("127.0.0.3:{port}");
    for url in ["http://www.wirefall.test/", "https://www.wirefall.test/"] {
        assert_failure(&trace(&["-x", &proxy, url]), "connect.refused", 7, &[&proxy]);
    }
}

/// Variables, words, and whether the request goes through the proxy.
type ProxyCase<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], bool);

#[test]
fn the_environment_names_proxies_and_exceptions() {
    let (origin, proxy) = (Origin::start(), Origin::start());
    let at = proxy.address.to_string();
    let url = format!("http://{}/", origin.address);
    let cases: [ProxyCase<'_>; 9] = [
        (&[], &["-x", &at], true),
        (&[], &["-x", &at, "--noproxy", "127.0.0.0/8"], false),
        (&[], &["-x", &at, "--noproxy", "*"], false),
        (&[("http_proxy", &at)], &[], true),
        (&[("HTTP_PROXY", &at)], &[], false),
        (&[("ALL_PROXY", &at)], &[], true),
        (&[("https_proxy", &at)], &[], false),
        (&[("http_proxy", &at), ("NO_PROXY", "127.0.0.1")], &[], false),
        (&[("http_proxy", &at), ("no_proxy", "127.0.0.1")], &["--noproxy", ""], true),
    ];
    for (variables, words, through) in cases {
        let before = (origin.seen().len(), proxy.seen().len());
        let trace = trace_in(variables, &[words, &[url.as_str()]].concat());
        assert_complete(&trace);
        let seen = (origin.seen().len() - before.0, proxy.seen().len() - before.1);
        assert_eq!(seen, if through { (0, 1) } else { (1, 0) }, "{variables:?} {words:?}");
        assert_eq!(section(&trace).proxy.is_some(), through);
    }
}

#[test]
fn a_request_to_a_winner_alone_reaches_it() {
    let (hole, origin) = hole_and_origin();
    let trace = connect_to("127.0.0.1,127.0.0.2", origin.port(), &["--happy-eyeballs-timeout-ms", "50"]);
    assert_complete(&trace);
    assert_eq!(origin.seen().len(), 1);
    assert_eq!(section(&trace).attempts.iter().filter(|attempt| attempt.result == AttemptResult::Won).count(), 1);
    drop(hole);
}

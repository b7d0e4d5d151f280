//! dnsmasq: a name server that others wrote.

use std::fs;
use std::net::IpAddr;

use tempfile::TempDir;
use wirefall::event::{DnsSource, DnsTransport, FailureCode, Phase};
use wirefall::trace::{DnsQuery, Trace};

use crate::origin::Origin;
use crate::server::{Program, Server, directory, free_port};
use crate::support::trace;

const DNSMASQ: Program = Program { name: "dnsmasq", package: "dnsmasq-base" };

/// dnsmasq with `records` (its own options), answering on a port and asking nobody else.
pub(crate) fn dnsmasq(records: &[&str], port: u16, directory: TempDir) -> Server {
    let pid = format!("--pid-file={}", directory.path().join("dnsmasq.pid").display());
    let port_option = format!("--port={port}");
    let own = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--log-facility=-",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        &pid,
        &port_option,
    ];
    Server::start(DNSMASQ, &[&own[..], records].concat(), &[port], directory)
}

struct Names {
    _server: Server,
    origin: Origin,
    port: u16,
}

impl Names {
    fn start(records: &[&str]) -> Self {
        let port = free_port();
        Self { _server: dnsmasq(records, port, directory()), origin: Origin::start(), port }
    }

    fn trace(&self, flags: &[&str], host: &str) -> Trace {
        let server = format!("127.0.0.1:{}", self.port);
        let url = format!("http://{host}:{}/", self.origin.port);
        trace(&[&["--dns-servers", &server], flags, &[&url]].concat())
    }
}

fn queries(trace: &Trace) -> &[DnsQuery] {
    let dns = trace.dns.as_ref().expect("a resolution");
    assert_eq!(dns.source, DnsSource::Network);
    &dns.queries
}

#[test]
#[ignore = "needs dnsmasq"]
fn answers_are_shown_as_they_were_given() {
    let names = Names::start(&[
        "--local=/peer.test/",
        "--host-record=web.peer.test,127.0.0.1,37",
        "--cname=www.peer.test,web.peer.test,21",
        "--host-record=both.peer.test,127.0.0.1,::1,5",
    ]);
    let v4: IpAddr = [127, 0, 0, 1].into();
    for (host, cname, addresses, ttl) in [
        ("web.peer.test", None, vec![v4], 37),
        ("www.peer.test", Some("web.peer.test"), vec![v4], 21),
        ("both.peer.test", None, vec![v4], 5),
    ] {
        let trace = names.trace(&["-4"], host);
        assert_eq!(trace.failure(), None, "{host}");
        let [query] = queries(&trace) else { panic!("one query, got {:?}", trace.dns) };
        assert_eq!(query.question.server, format!("127.0.0.1:{}", names.port), "{host}");
        assert_eq!((query.question.name.as_str(), query.question.transport), (host, DnsTransport::Udp));
        let answer = query.answer.as_ref().expect("an answer");
        assert_eq!((answer.rcode.as_str(), answer.truncated), ("NOERROR", false), "{host}");
        let chain: Vec<&str> = answer.cname.iter().map(|name| name.trim_end_matches('.')).collect();
        assert_eq!(chain, cname.into_iter().collect::<Vec<_>>(), "{host}");
        assert_eq!(answer.addresses, addresses, "{host}");
        assert_eq!(answer.ttl_s, Some(ttl), "{host}");
        let span = trace.span(Phase::Dns).expect("a resolution");
        assert!(query.duration.is_some_and(|took| took <= span.duration + span.error), "{host}: {query:?}");
    }
}

#[test]
#[ignore = "needs dnsmasq"]
fn both_families_are_asked_and_the_one_that_listens_is_used() {
    let names = Names::start(&[
        "--local=/peer.test/",
        "--host-record=both.peer.test,127.0.0.1,::1",
        "--host-record=web.peer.test,127.0.0.1",
    ]);
    for host in ["both.peer.test", "web.peer.test"] {
        let trace = names.trace(&[], host);
        assert_eq!(trace.failure(), None, "{host}");
        let mut types: Vec<&str> = queries(&trace).iter().map(|query| query.question.record_type.as_str()).collect();
        types.sort_unstable();
        assert_eq!(types, ["A", "AAAA"], "{host}");
        let connect = trace.connect.as_ref().expect("a connection");
        assert_eq!(connect.remote, Some(format!("127.0.0.1:{}", names.origin.port)), "{host}");
    }
}

#[test]
#[ignore = "needs dnsmasq"]
fn names_without_addresses_have_a_code_each() {
    let names = Names::start(&["--local=/peer.test/", "--host-record=web.peer.test,127.0.0.1"]);
    for (flags, host, code, rcode) in [
        (&[][..], "missing.peer.test", FailureCode::DnsNxdomain, "NXDOMAIN"),
        (&["-6"], "web.peer.test", FailureCode::DnsNoAddresses, "NOERROR"),
        // Nobody is behind this server whom it could ask.
        (&[], "elsewhere.test", FailureCode::DnsServerFailure, "REFUSED"),
    ] {
        let trace = names.trace(flags, host);
        let failure = trace.failure().expect("a failure");
        assert_eq!((failure.phase, failure.code), (Phase::Dns, code), "{host}: {failure}");
        assert_eq!(failure.code.exit_status(), 6, "{host}");
        for query in queries(&trace) {
            assert_eq!(query.answer.as_ref().map(|answer| answer.rcode.as_str()), Some(rcode), "{host}");
        }
        assert_eq!(trace.connect, None, "{host}");
    }
}

#[test]
#[ignore = "needs dnsmasq"]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let directory = directory();
    let hosts: Vec<String> = (1..=60).map(|number| format!("127.0.0.{number} many.peer.test\n")).collect();
    let file = directory.path().join("hosts");
    fs::write(&file, hosts.concat()).expect("a file");
    let port = free_port();
    let records = format!("--addn-hosts={}", file.display());
    let _server = dnsmasq(&["--edns-packet-max=512", "--local=/peer.test/", &records], port, directory);
    let origin = Origin::start();
    let server = format!("127.0.0.1:{port}");
    // Only the first of the addresses is listened on, and others may be tried before.
    let trace = trace(&["-4", "--dns-servers", &server, &format!("http://many.peer.test:{}/", origin.port)]);
    assert_eq!(trace.failure(), None);
    let [udp, tcp] = queries(&trace) else { panic!("two queries, got {:?}", trace.dns) };
    assert_eq!((udp.question.transport, tcp.question.transport), (DnsTransport::Udp, DnsTransport::Tcp));
    let [short, whole] = [udp, tcp].map(|query| query.answer.as_ref().expect("an answer"));
    assert!(short.truncated && !whole.truncated);
    assert_eq!(whole.addresses.len(), 60);
    assert!(tcp.start >= udp.start + udp.duration.expect("it ended"), "{udp:?} {tcp:?}");
    let attempts = trace.connect.expect("a connection").attempts;
    assert!(attempts.iter().all(|attempt| attempt.address.starts_with("127.0.0.")), "{attempts:?}");
}

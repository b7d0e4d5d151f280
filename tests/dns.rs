//! Name resolution from end to end: the real client against name servers that do what each test tells them to.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Barrier;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use proptest::prelude::*;
use support::dns::{Asked, Carrier, DnsServer, Reply, Says};
use support::doh::DohServer;
use support::origin::Origin;
use support::tls::Certified;
use support::{BEST_WITNESS, has_ipv6, trace};
use wirefall::event::{AttemptResult, DnsSource, DnsTransport};
use wirefall::lab::{Lab, LabOptions, Profile};
use wirefall::time::Nanos;
use wirefall::trace::{DnsQuery, Evidence, Phase, Trace};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOME_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// Where nobody listens who should.
const ASTRAY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const NAME: &str = "www.wirefall.test";

fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

/// One answer at once: the same for both families.
fn always(says: Says) -> impl support::dns::Script {
    move |_: &Asked| vec![says.clone().now()]
}

/// One script for each family.
fn by_family(v4: &[Reply], v6: &[Reply]) -> impl support::dns::Script + use<> {
    let (v4, v6) = (v4.to_vec(), v6.to_vec());
    move |asked: &Asked| if asked.record == RecordType::A { v4.clone() } else { v6.clone() }
}

/// No question of one family is answered before the like question of the other has come.
fn together(script: impl support::dns::Script) -> impl support::dns::Script {
    let both = Barrier::new(2);
    move |asked: &Asked| {
        both.wait();
        script(asked)
    }
}

fn home() -> Says {
    Says::Addresses(vec![HOME])
}

fn no_data() -> Says {
    Says::Addresses(vec![])
}

fn list(servers: &[&DnsServer]) -> String {
    servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>().join(",")
}

/// A request for [`NAME`], whose addresses these servers say.
fn ask(servers: &[&DnsServer], port: u16, more: &[&str]) -> Trace {
    let url = format!("http://{NAME}:{port}/");
    let servers = list(servers);
    trace(&[&["--dns-servers", servers.as_str()], more, &[url.as_str()]].concat())
}

/// A request that gets no further than this server.
fn fail(server: &DnsServer, more: &[&str], code: &str, exit: u8) -> Trace {
    let trace = ask(&[server], 9, more);
    assert_failure(&trace, code, exit);
    trace
}

fn assert_failure(trace: &Trace, code: &str, exit: u8) {
    let failure = trace.failure().unwrap_or_else(|| panic!("expected {code}: {trace:#?}"));
    assert_eq!((failure.code.as_str(), failure.code.exit_status()), (code, exit), "{failure}");
    let phases: Vec<Phase> = trace.timeline.spans().map(|span| span.phase).collect();
    assert_eq!(phases, [Phase::Dns], "{trace:#?}");
}

fn assert_complete(trace: &Trace) {
    assert_eq!(trace.failure(), None, "{trace:#?}");
    assert_eq!(trace.response.as_ref().map(|response| response.status), Some(200));
}

fn queries<'t>(trace: &'t Trace, record: &str) -> Vec<&'t DnsQuery> {
    let all = trace.dns.iter().flat_map(|dns| &dns.queries);
    all.filter(|query| query.question.record_type == record).collect()
}

fn only_query<'t>(trace: &'t Trace, record: &str) -> &'t DnsQuery {
    let [query] = <[&DnsQuery; 1]>::try_from(queries(trace, record)).expect("one query");
    query
}

/// From the answer that was used to the first connection attempt.
fn answer_to_attempt(trace: &Trace) -> Nanos {
    let dns = trace.span(Phase::Dns).expect("dns");
    let attempt = &trace.connect.as_ref().expect("connect").attempts[0];
    attempt.start.saturating_sub(dns.end())
}

#[test]
fn each_family_is_a_query_of_its_own() {
    let origin = Origin::start();
    let server = DnsServer::start(together(by_family(&[Says::Chain(2, vec![HOME, ASTRAY]).now()], &[no_data().now()])));
    let trace = ask(&[&server], origin.port(), &[]);
    assert_complete(&trace);
    assert_eq!(trace.dns.as_ref().map(|dns| dns.source), Some(DnsSource::Network));
    let dns = trace.span(Phase::Dns).expect("dns");
    assert_eq!((dns.start, dns.evidence), (Nanos::ZERO, BEST_WITNESS));
    if BEST_WITNESS == Evidence::Kernel {
        assert!(dns.error > Nanos::ZERO);
    }

    let v4 = only_query(&trace, "A");
    let v6 = only_query(&trace, "AAAA");
    for query in [v4, v6] {
        assert_eq!(query.question.server, server.address.to_string());
        assert_eq!((query.question.transport, query.question.name.as_str()), (DnsTransport::Udp, NAME));
        assert_eq!(query.question.retries, 0);
        assert!(query.duration.is_some_and(|duration| duration > Nanos::ZERO));
    }
    assert_eq!(v4.start.min(v6.start), Nanos::ZERO);
    assert_eq!(dns.end(), v4.start + v4.duration.expect("an answer"));
    let (v4, v6) = (v4.answer.as_ref().expect("an answer"), v6.answer.as_ref().expect("an answer"));
    assert_eq!((v4.rcode.as_str(), v4.ttl_s, v4.truncated), ("NOERROR", Some(30), false));
    assert_eq!(v4.cname, ["alias-1.wirefall.test", "alias-2.wirefall.test"]);
    assert_eq!(v4.addresses, [HOME, ASTRAY]);
    assert_eq!((v6.rcode.as_str(), v6.addresses.len(), v6.ttl_s), ("NOERROR", 0, None));
}

#[test]
fn the_delay_of_an_answer_shows_in_dns_and_nowhere_else() {
    let origin = Origin::start();
    let server = DnsServer::start(together(by_family(&[home().after(Duration::from_millis(300))], &[no_data().now()])));
    let trace = ask(&[&server], origin.port(), &[]);
    assert_complete(&trace);
    let dns = trace.span(Phase::Dns).expect("dns").duration;
    assert!(dns >= ms(300), "{dns}");
    assert!(trace.total().saturating_sub(dns) < ms(250), "{trace:#?}");
    assert!(only_query(&trace, "A").duration >= Some(ms(300)));
    assert!(only_query(&trace, "AAAA").duration < Some(ms(250)));
}

#[test]
fn families_are_asked_at_once() {
    let origin = Origin::start();
    let late = Duration::from_millis(300);
    let server = DnsServer::start(together(by_family(&[home().after(late)], &[no_data().after(late)])));
    let trace = ask(&[&server], origin.port(), &[]);
    let dns = trace.span(Phase::Dns).expect("dns").duration;
    assert!(dns >= ms(300) && dns < ms(600), "{dns}");
}

#[test]
fn only_the_wanted_family_is_asked_for() {
    let origin = Origin::start();
    let server = DnsServer::start(always(Says::Addresses(vec![HOME, HOME_V6])));
    assert_complete(&ask(&[&server], origin.port(), &["-4"]));
    assert_eq!(server.asked().iter().map(|asked| asked.record).collect::<Vec<_>>(), [RecordType::A]);
    if has_ipv6() {
        let origin = Origin::start_at("[::1]:0", |_, stream| {
            std::io::Write::write_all(stream, support::origin::OK.as_bytes()).is_ok()
        });
        assert_complete(&ask(&[&server], origin.port(), &["-6"]));
        assert_eq!(server.asked().last().map(|asked| asked.record), Some(RecordType::AAAA));
    }
}

#[test]
fn a_silent_aaaa_delays_the_first_attempt_by_50_ms() {
    let origin = Origin::start();
    let server = DnsServer::start(together(by_family(&[home().now()], &[])));
    let trace = ask(&[&server], origin.port(), &[]);
    assert_complete(&trace);
    let v4 = only_query(&trace, "A");
    assert_eq!(trace.span(Phase::Dns).expect("dns").end(), v4.start + v4.duration.expect("an answer"));
    assert!(trace.span(Phase::Dns).expect("dns").duration < ms(250), "{trace:#?}");
    let waited = answer_to_attempt(&trace);
    assert!(waited >= ms(49) && waited < ms(300), "{waited}");
    // It is said why connect took so long, and that it was on purpose.
    let delay = trace.client.resolution_delay.expect("a delay");
    assert!(delay >= ms(49) && delay <= waited + ms(1), "{delay} of {waited}");
    assert!(trace.client.lag < ms(49), "{trace:#?}");
    let v6 = only_query(&trace, "AAAA");
    assert_eq!((v6.duration, &v6.answer), (None, &None));
    assert!(v6.start <= v4.start + ms(200), "{trace:#?}");
}

/// What the slow family's thread reports in between must not begin the delay anew.
#[test]
fn the_resolution_delay_is_50_ms_whatever_happens_in_between() {
    let origin = Origin::start();
    let failing = Says::Code(ResponseCode::ServFail).after(Duration::from_millis(45));
    let first = DnsServer::start(by_family(&[home().now()], &[failing]));
    let second = DnsServer::start(|_: &Asked| vec![]);
    let trace = ask(&[&first, &second], origin.port(), &[]);
    assert_complete(&trace);
    let waited = answer_to_attempt(&trace);
    assert!(waited >= ms(49) && waited < ms(94), "{waited}");
}

#[test]
fn a_silent_a_delays_nothing() {
    if !has_ipv6() {
        return;
    }
    let origin = Origin::start_at("[::1]:0", |_, stream| {
        std::io::Write::write_all(stream, support::origin::OK.as_bytes()).is_ok()
    });
    let server = DnsServer::start(together(by_family(&[], &[Says::Addresses(vec![HOME_V6]).now()])));
    let trace = ask(&[&server], origin.port(), &[]);
    assert_complete(&trace);
    assert!(trace.total() < ms(2_000), "{}", trace.total());
    let v6 = only_query(&trace, "AAAA");
    assert_eq!(trace.span(Phase::Dns).expect("dns").end(), v6.start + v6.duration.expect("an answer"));
    assert_eq!(only_query(&trace, "A").duration, None);
}

#[test]
fn what_does_not_fit_into_a_datagram_is_asked_for_again_over_tcp() {
    for too_long in [Says::Truncated, Says::CutOff] {
        let origin = Origin::start();
        let script = {
            let too_long = too_long.clone();
            move |asked: &Asked| vec![if asked.carrier == Carrier::Udp { too_long.clone() } else { home() }.now()]
        };
        let server = DnsServer::start(together(script));
        let trace = ask(&[&server], origin.port(), &[]);
        assert_complete(&trace);
        for record in ["A", "AAAA"] {
            let seen: Vec<_> = queries(&trace, record)
                .iter()
                .map(|query| (query.question.transport, query.answer.as_ref().map(|answer| answer.truncated)))
                .collect();
            assert_eq!(seen, [(DnsTransport::Udp, Some(true)), (DnsTransport::Tcp, Some(false))], "{too_long:?}");
        }
        let over_tcp = queries(&trace, "A")[1];
        assert_eq!(trace.span(Phase::Dns).expect("dns").end(), over_tcp.start + over_tcp.duration.expect("an answer"));
        assert_eq!(trace.span(Phase::Dns).expect("dns").evidence, BEST_WITNESS);
    }
}

#[test]
fn a_server_that_fails_is_followed_by_the_next() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp, ResponseCode::FormErr] {
        let origin = Origin::start();
        let (failing, working) = (DnsServer::start(always(Says::Code(code))), DnsServer::start(always(home())));
        let trace = ask(&[&failing, &working], origin.port(), &["-4"]);
        assert_complete(&trace);
        let seen: Vec<_> =
            queries(&trace, "A").iter().map(|query| (query.question.server.clone(), query.question.retries)).collect();
        assert_eq!(seen, [(failing.address.to_string(), 0), (working.address.to_string(), 1)]);
        assert_eq!(working.asked().len(), 1);
    }
}

#[test]
fn a_name_without_addresses_fails_with_the_reason() {
    for (says, code, part) in [
        (Says::Code(ResponseCode::NXDomain), "dns.nxdomain", "www.wirefall.test does not exist"),
        (no_data(), "dns.no_addresses", "www.wirefall.test has no A"),
        (Says::Loop, "dns.no_addresses", "www.wirefall.test has no A"),
        (Says::Chain(17, vec![HOME]), "dns.no_addresses", "www.wirefall.test has no A"),
        (Says::Code(ResponseCode::ServFail), "dns.server_failure", "answered SERVFAIL for www.wirefall.test"),
        (Says::Malformed, "dns.malformed", "something that is not DNS"),
    ] {
        let server = DnsServer::start(always(says));
        let trace = fail(&server, &["-4"], code, 6);
        assert!(trace.failure().expect("a failure").message.contains(part), "{trace:#?}");
        assert!(trace.total() > Nanos::ZERO && trace.total() < ms(2_000), "{trace:#?}");
        assert!(trace.connect.is_none());
    }
}

#[test]
fn chains_are_followed_to_their_bound() {
    let origin = Origin::start();
    for (length, followed) in [(1, 1), (16, 16), (60, 16)] {
        let script = move |asked: &Asked| match asked.carrier {
            // The longest does not fit.
            Carrier::Udp if length > 16 => vec![Says::Truncated.now()],
            _ => vec![Says::Chain(length, vec![HOME]).now()],
        };
        let server = DnsServer::start(script);
        let trace = ask(&[&server], origin.port(), &["-4"]);
        let answer = queries(&trace, "A").last().and_then(|query| query.answer.clone()).expect("an answer");
        assert_eq!(answer.cname.len(), followed);
        assert_eq!(trace.failure().is_none(), length <= 16, "{trace:#?}");
    }
}

#[test]
fn silence_ends_with_the_limit() {
    for limit in ["-m", "--connect-timeout"] {
        let server = DnsServer::start(|_: &Asked| vec![]);
        let trace = fail(&server, &[limit, "0.3"], "dns.timeout", 28);
        let total = trace.total();
        // The limit counts from before the threads that ask have begun, the trace from their first query.
        assert!(total >= ms(150) && total < ms(1_500), "{total}");
        for record in ["A", "AAAA"] {
            let query = only_query(&trace, record);
            assert_eq!(query.answer, None);
            assert!(query.start < ms(250), "{trace:#?}");
        }
    }
}

#[test]
fn noise_until_the_limit_is_a_timeout() {
    let server = DnsServer::start(always(Says::Noise(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())));
    fail(&server, &["-m", "0.3"], "dns.timeout", 28);
}

#[test]
fn a_closed_port_is_unreachable() {
    // Connected elsewhere, the socket keeps the port and takes no datagram from us.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect("127.0.0.1:1").expect("a peer");
    let server = socket.local_addr().expect("an address").to_string();
    let trace = trace(&["--dns-servers", &server, "http://www.wirefall.test/"]);
    assert_failure(&trace, "dns.unreachable", 6);
    assert!(trace.failure().expect("a failure").message.contains(&server));
    assert!(trace.total() > Nanos::ZERO);
    assert_eq!(queries(&trace, "A").len(), 2);
}

#[test]
fn a_closed_port_is_followed_by_the_next_server() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect("127.0.0.1:1").expect("a peer");
    let origin = Origin::start();
    let working = DnsServer::start(always(home()));
    let servers = format!("{},{}", socket.local_addr().expect("an address"), working.address);
    let url = format!("http://{NAME}:{}/", origin.port());
    assert_complete(&trace(&["-4", "--dns-servers", &servers, &url]));
}

#[test]
fn strays_and_forgeries_are_ignored() {
    for stray in [
        Says::Noise(vec![]),
        Says::Noise(vec![0xff; 500]),
        Says::WrongId(vec![ASTRAY]),
        Says::OtherQuestion(vec![ASTRAY]),
    ] {
        let origin = Origin::start();
        let answer = home().after(Duration::from_millis(60));
        let server = DnsServer::start(by_family(&[stray.clone().now(), answer], &[no_data().now()]));
        let trace = ask(&[&server], origin.port(), &[]);
        assert_complete(&trace);
        let query = only_query(&trace, "A");
        assert_eq!(query.answer.as_ref().expect("an answer").addresses, [HOME], "{stray:?}");
        assert!(query.duration >= Some(ms(60)), "{stray:?}: {query:?}");
    }
}

#[test]
fn names_compare_without_regard_to_case() {
    let origin = Origin::start();
    let server = DnsServer::start(always(Says::OtherCase(vec![HOME])));
    assert_complete(&ask(&[&server], origin.port(), &["-4"]));
}

#[test]
fn what_needs_no_query_has_no_dns_phase() {
    let origin = Origin::start();
    let unasked = DnsServer::start(|_: &Asked| vec![]);
    let (server, port) = (unasked.address.to_string(), origin.port());
    let resolve = format!("{NAME}:{port}:127.0.0.1");
    for (words, host, source) in [
        (vec![], "127.0.0.1", None),
        (vec!["--resolve", resolve.as_str()], NAME, Some(DnsSource::Override)),
        (vec!["-4"], "localhost", Some(DnsSource::Hosts)),
        (vec!["-4"], "www.localhost", Some(DnsSource::Hosts)),
        (vec!["-4", "--dns-servers", server.as_str()], "localhost", Some(DnsSource::Hosts)),
        (vec!["--dns-servers", server.as_str(), "--resolve", resolve.as_str()], NAME, Some(DnsSource::Override)),
    ] {
        let url = format!("http://{host}:{port}/");
        let trace = trace(&[words.as_slice(), &[url.as_str()]].concat());
        assert_complete(&trace);
        assert_eq!(trace.span(Phase::Dns), None);
        assert_eq!(trace.dns.as_ref().map(|dns| (dns.source, dns.queries.len())), source.map(|source| (source, 0)));
    }
    assert_eq!(unasked.asked().len(), 0);
}

#[test]
fn an_override_without_the_wanted_family_has_no_address() {
    let trace = trace(&["-6", "--resolve", "www.wirefall.test:80:127.0.0.1", "http://www.wirefall.test/"]);
    let failure = trace.failure().expect("a failure");
    assert_eq!((failure.code.as_str(), failure.code.exit_status()), ("dns.no_addresses", 6));
}

#[test]
fn the_interface_of_the_request_is_not_that_of_a_name_server_on_this_host() {
    let origin = Origin::start();
    let server = DnsServer::start(always(home()));
    // 192.0.2.1 is nobody's address: whatever is bound to it fails.
    let trace = ask(&[&server], origin.port(), &["-4", "--interface", "192.0.2.1"]);
    let failure = trace.failure().expect("a failure");
    assert_eq!(failure.phase, Phase::Connect, "{failure}");
    assert_eq!(only_query(&trace, "A").answer.as_ref().expect("an answer").addresses, [HOME]);
    let attempt = &trace.connect.as_ref().expect("connect").attempts[0];
    assert_eq!((attempt.result, attempt.error.as_deref()), (AttemptResult::Failed, Some("EADDRNOTAVAIL")));
    assert!(attempt.start >= trace.span(Phase::Dns).expect("dns").end(), "{trace:#?}");
}

#[test]
fn over_tls_reaching_the_server_is_part_of_dns() {
    let origin = Origin::start();
    let authority = Certified::for_server("dns.wirefall.test", &[]);
    let script = together(by_family(&[home().after(Duration::from_millis(100))], &[no_data().now()]));
    let server = DnsServer::start_tls(authority.server(), script);
    let servers = format!("tls://{}#dns.wirefall.test", server.address);
    let url = format!("http://{NAME}:{}/", origin.port());
    let trace = trace(&["--cacert", &authority.file(), "--dns-servers", &servers, &url]);
    assert_complete(&trace);
    let dns = trace.span(Phase::Dns).expect("dns");
    assert_eq!(dns.evidence, BEST_WITNESS);
    for record in ["A", "AAAA"] {
        let query = only_query(&trace, record);
        assert_eq!(
            (query.question.transport, query.question.server.as_str()),
            (DnsTransport::Tls, &*server.address.to_string())
        );
        assert!(query.start > Nanos::ZERO, "the handshake came first: {trace:#?}");
    }
    let v4 = only_query(&trace, "A");
    assert_eq!(dns.end(), v4.start + v4.duration.expect("an answer"));
    assert!(v4.duration >= Some(ms(100)) && dns.duration > v4.duration.expect("an answer"));
    assert_eq!(trace.tls, None, "the name server's TLS is not the request's");
}

#[test]
fn over_tls_the_certificate_must_have_the_name() {
    let authority = Certified::for_server("dns.wirefall.test", &[]);
    let server = DnsServer::start_tls(authority.server(), always(home()));
    let servers = format!("tls://{}#other.wirefall.test", server.address);
    let trace = trace(&["--cacert", &authority.file(), "--dns-servers", &servers, "http://www.wirefall.test/"]);
    assert_failure(&trace, "dns.unreachable", 6);
    let message = &trace.failure().expect("a failure").message;
    assert!(message.contains("certificate") && message.contains("other.wirefall.test"), "{message}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn over_tls_a_server_that_closes_is_unreachable() {
    let authority = Certified::for_server("dns.wirefall.test", &[]);
    let server = DnsServer::start_tls(authority.server(), always(Says::Close));
    let servers = format!("tls://{}#dns.wirefall.test", server.address);
    let trace = trace(&["--cacert", &authority.file(), "--dns-servers", &servers, "http://www.wirefall.test/"]);
    assert_failure(&trace, "dns.unreachable", 6);
}

#[test]
fn over_https_reaching_the_server_is_part_of_dns() {
    for (alpn, version) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)] {
        let origin = Origin::start();
        let authority = Certified::for_server("localhost", &[alpn]);
        let script = by_family(&[home().after(Duration::from_millis(100))], &[no_data().now()]);
        let server = DohServer::start(authority.server(), 200, script);
        let doh = format!("https://localhost:{}/dns-query", server.address.port());
        let url = format!("http://{NAME}:{}/", origin.port());
        let trace = trace(&["--cacert", &authority.file(), "--doh-url", &doh, &url]);
        assert_complete(&trace);
        for posted in server.posted() {
            assert_eq!((posted.version, posted.path.as_str()), (version, "/dns-query"));
            assert_eq!(posted.content_type, "application/dns-message");
        }
        let dns = trace.span(Phase::Dns).expect("dns");
        assert_eq!(dns.evidence, BEST_WITNESS);
        for record in ["A", "AAAA"] {
            let query = only_query(&trace, record);
            assert_eq!((query.question.transport, query.question.server.as_str()), (DnsTransport::Https, &*doh));
            assert!(query.start > Nanos::ZERO, "the handshake came first: {trace:#?}");
        }
        let v4 = only_query(&trace, "A");
        assert_eq!(dns.end(), v4.start + v4.duration.expect("an answer"), "{alpn}");
        assert!(v4.duration >= Some(ms(100)) && dns.duration > v4.duration.expect("an answer"));
        assert_eq!(trace.connect.as_ref().expect("connect").attempts.len(), 1, "only those of the request");
        assert_eq!(trace.tls, None);
    }
}

#[test]
fn over_https_an_error_is_a_failure_of_the_server() {
    for (status, says, code, part) in [
        (500, home(), "dns.server_failure", "HTTP status 500"),
        (200, Says::Code(ResponseCode::ServFail), "dns.server_failure", "SERVFAIL"),
        (200, Says::Noise(b"<html>".to_vec()), "dns.malformed", "not DNS"),
        (200, Says::Code(ResponseCode::NXDomain), "dns.nxdomain", "does not exist"),
    ] {
        let authority = Certified::for_server("localhost", &["h2"]);
        let server = DohServer::start(authority.server(), status, always(says));
        let doh = format!("https://localhost:{}/dns-query", server.address.port());
        let trace = trace(&["--cacert", &authority.file(), "--doh-url", &doh, "http://www.wirefall.test/"]);
        assert_failure(&trace, code, 6);
        assert!(trace.failure().expect("a failure").message.contains(part), "{trace:#?}");
    }
}

#[test]
fn over_https_without_trust_the_server_is_unreachable() {
    let authority = Certified::for_server("localhost", &["h2"]);
    let stranger = Certified::for_server("localhost", &["h2"]);
    let server = DohServer::start(authority.server(), 200, always(home()));
    let doh = format!("https://localhost:{}/dns-query", server.address.port());
    let trace = trace(&["--cacert", &stranger.file(), "--doh-url", &doh, "http://www.wirefall.test/"]);
    assert_failure(&trace, "dns.unreachable", 6);
}

#[test]
fn every_name_of_the_lab_resolves() {
    let lab = Lab::start(&Profile::default(), &LabOptions::default()).expect("a lab");
    let mut ca = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut ca, lab.ca_pem().as_bytes()).expect("a written file");
    let server = lab.dns_server().to_string();
    let file = ca.path().to_str().expect("a path in UTF-8");
    for endpoint in lab.endpoints() {
        let trace = trace(&["--cacert", file, "--dns-servers", &server, "-m", "5", "-I", &endpoint.url]);
        let used = queries(&trace, "A").into_iter().chain(queries(&trace, "AAAA"));
        // The longest answer fits into what is offered with EDNS.
        assert!(used.into_iter().all(|query| query.question.transport == DnsTransport::Udp), "{trace:#?}");
        assert_eq!(trace.span(Phase::Dns).expect("dns").evidence, BEST_WITNESS);
        assert!(trace.span(Phase::Connect).is_some(), "{}: {trace:#?}", endpoint.url);
    }
    // Nobody serves it; its answer is the longest one there is.
    let trace = trace(&["-4", "--dns-servers", &server, "http://big.lab.test:9/"]);
    let answer = only_query(&trace, "A").answer.as_ref().expect("an answer");
    assert_eq!((answer.cname.len(), answer.addresses.as_slice()), (3, [HOME].as_slice()));
}

/// Any behaviour, for any question.
fn any_says() -> impl Strategy<Value = Says> {
    prop_oneof![
        4 => Just(home()),
        1 => Just(Says::Addresses(vec![HOME, HOME_V6, ASTRAY])),
        2 => Just(no_data()),
        1 => (1_usize..20).prop_map(|length| Says::Chain(length, vec![HOME])),
        1 => Just(Says::Loop),
        2 => proptest::sample::select(vec![ResponseCode::ServFail, ResponseCode::NXDomain, ResponseCode::Refused])
            .prop_map(Says::Code),
        2 => Just(Says::Truncated),
        1 => Just(Says::CutOff),
        1 => Just(Says::Malformed),
        2 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Says::Noise),
        1 => Just(Says::WrongId(vec![ASTRAY])),
        1 => Just(Says::OtherQuestion(vec![ASTRAY])),
        1 => Just(Says::OtherCase(vec![HOME])),
        1 => Just(Says::Close),
    ]
}

fn any_replies() -> impl Strategy<Value = Vec<Reply>> {
    let reply = (any_says(), 0..40_u64).prop_map(|(says, after)| says.after(Duration::from_millis(after)));
    proptest::collection::vec(reply, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() })]

    /// The n-th question gets the n-th replies of its family, and no more after the last.
    #[test]
    fn whatever_servers_do_there_is_a_trace_in_time(
        v4 in proptest::collection::vec(any_replies(), 0..5),
        v6 in proptest::collection::vec(any_replies(), 0..5),
    ) {
        let origin = Origin::start();
        let server = DnsServer::start(move |asked: &Asked| {
            let replies = if asked.record == RecordType::A { &v4 } else { &v6 };
            let tcp = usize::from(asked.carrier == Carrier::Tcp);
            replies.get(2 * asked.before + tcp).cloned().unwrap_or_default()
        });
        let begun = tokio::time::Instant::now();
        let trace = ask(&[&server], origin.port(), &["-m", "0.2"]);
        prop_assert!(begun.elapsed() < Duration::from_secs(2));
        prop_assert!(trace.total() < ms(1_500), "{:#?}", trace);
        prop_assert!(trace.span(Phase::Dns).is_some(), "{:#?}", trace);
        prop_assert!(trace.failure().is_some() || trace.response.is_some());
    }
}

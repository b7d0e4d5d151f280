//! `wirefall pcap` and tshark on the same capture: nginx, haproxy and dnsmasq on loopback, asked by curl and by wirefall.
//!
//! Where both speak of the same thing, the numbers are equal to the nanosecond, because both subtract the same two stamps.
//! What differs, and why:
//! - `tcp.analysis.initial_rtt` of tshark ends with the client's ACK, SYN to SYN-ACK is `tcp.analysis.ack_rtt` of the SYN-ACK:
//!   the trace's round trip equals the latter.
//! - `http.time` of tshark ends with the frame in which the response is complete: it equals `wait` and `receive` together.
//! - `tls.handshake.extensions_alpn_str` is what the client offers: it is the tag `offered`, not what was agreed on.
//! - The version of TLS 1.3 stands in an extension of the ServerHello; the field `tls.handshake.version` says TLS 1.2.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use wirefall::event::Phase;
use wirefall::time::Nanos;

use crate::captured::{CURL, Ports, Tcpdump, length, nanos, port, run, tshark, wirefall};
use crate::certificates::{HOST, write_credentials};
use crate::dnsmasq::dnsmasq;
use crate::haproxy::haproxy;
use crate::nginx::{long_text, nginx, tls_site, way_there};
use crate::origin::Origin;
use crate::server::{directory, free_port};

/// A capture, what is in it, and the servers that were asked.
struct Captured {
    file: PathBuf,
    ports: Ports,
    counts: Counts,
    _servers: Vec<Box<dyn Any>>,
}

/// How much of everything a capture has.
struct Counts {
    flows: usize,
    /// In clear text.
    responses: usize,
    lookups: usize,
    handshakes: usize,
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// curl and wirefall, each with every version of TLS and HTTP.
fn ask_in_private(way: &[String], url: &str) {
    for flags in [&["--tls-max", "1.2", "--http1.1"][..], &["--tlsv1.3", "--http1.1"], &["--tlsv1.3", "--http2"]] {
        let flags = [way, &words(flags), &words(&["-s", "-o", "/dev/null", url])].concat();
        run(&CURL.path(), &flags);
        run(&own_program(), &flags);
    }
}

fn own_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_wirefall"))
}

/// What curl and wirefall ask of nginx and dnsmasq.
fn of_nginx_and_dnsmasq() -> Captured {
    let directory = directory();
    write_credentials(directory.path());
    let root = directory.path().join("www");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("a"), "hello\n").expect("a file");
    fs::write(root.join("long"), long_text(5_000)).expect("a file");
    let (http, tls, dns) = (free_port(), free_port(), free_port());
    let sites = format!("server {{ listen 127.0.0.1:{http}; root www; }}\n") + &tls_site(tls, "");
    let file = directory.path().join("lo.pcap");
    let way = way_there(directory.path(), tls);
    let web = nginx(&sites, &[http, tls], directory);
    let records = ["--local=/peer.test/", "--host-record=web.peer.test,127.0.0.1,37"];
    let names = dnsmasq(&records, dns, crate::server::directory());

    let ports = Ports { http: vec![http], tls: vec![tls], dns: vec![dns] };
    let tcpdump = Tcpdump::start("lo", file, &ports.filter());
    let (curl, own) = (CURL.path(), own_program());
    let plain = |path: &str| format!("http://127.0.0.1:{http}{path}");
    // Kept alive: two requests, one connection.
    run(&curl, &words(&["-s", &plain("/a"), &plain("/long"), "-o", "/dev/null", "-o", "/dev/null"]));
    run(&curl, &words(&["-s", "-I", &plain("/a")]));
    run(&curl, &words(&["-s", &plain("/missing")]));
    run(&own, &words(&["-s", &plain("/a")]));
    let server = format!("127.0.0.1:{dns}");
    run(&own, &words(&["-s", "-4", "--dns-servers", &server, &format!("http://web.peer.test:{http}/a")]));
    ask_in_private(&way, &format!("https://{HOST}:{tls}/long"));
    Captured {
        file: tcpdump.finish(),
        ports,
        counts: Counts { flows: 11, responses: 6, lookups: 1, handshakes: 6 },
        _servers: vec![Box::new(web), Box::new(names)],
    }
}

/// What curl and wirefall ask of haproxy, and haproxy of the server behind it.
fn of_haproxy() -> Captured {
    let directory = directory();
    write_credentials(directory.path());
    let (http, tls, origin) = (free_port(), free_port(), Origin::start());
    let sections = format!(
        "frontend f\n  bind 127.0.0.1:{http}\n  bind 127.0.0.1:{tls} ssl crt server.pem alpn h2,http/1.1\n  \
         default_backend b\nbackend b\n  server s 127.0.0.1:{}\n",
        origin.port
    );
    let file = directory.path().join("lo.pcap");
    let way = way_there(directory.path(), tls);
    let balancer = haproxy(&sections, &[http, tls], directory);

    let ports = Ports { http: vec![http, origin.port], tls: vec![tls], dns: Vec::new() };
    let tcpdump = Tcpdump::start("lo", file, &ports.filter());
    let plain = |path: &str| format!("http://127.0.0.1:{http}{path}");
    let late = [plain("/late-body/30"), plain("/after/20")];
    run(&CURL.path(), &words(&["-s", &late[0], &late[1], "-o", "/dev/null", "-o", "/dev/null"]));
    run(&CURL.path(), &words(&["-s", "-d", "a body", &plain("/echo")]));
    run(&own_program(), &words(&["-s", &plain("/")]));
    ask_in_private(&way, &format!("https://{HOST}:{tls}/after/10"));
    Captured {
        file: tcpdump.finish(),
        ports,
        // Behind the balancer, each of the ten requests has a connection of its own.
        counts: Counts { flows: 3 + 6 + 10, responses: 4 + 10, lookups: 0, handshakes: 6 },
        _servers: vec![Box::new(balancer), Box::new(origin)],
    }
}

#[test]
#[ignore = "needs nginx, dnsmasq, curl, tcpdump, tshark and the right to capture"]
fn both_read_the_same_numbers_of_a_server() {
    check(&of_nginx_and_dnsmasq());
}

#[test]
#[ignore = "needs haproxy, curl, tcpdump, tshark and the right to capture"]
fn both_read_the_same_numbers_of_a_balancer_and_of_what_is_behind_it() {
    check(&of_haproxy());
}

fn check(Captured { file, ports, counts, .. }: &Captured) {
    // On loopback both ends are at the same place.
    let traces = wirefall(file, &["--side", "client"]);
    let first_of = |wanted: &str| {
        traces.iter().find(|trace| {
            port(trace).as_deref() == Some(wanted) && trace.connect.as_ref().is_some_and(|connect| !connect.reused)
        })
    };

    let streams: BTreeSet<String> =
        tshark(file, ports, "tcp", &["tcp.stream"]).into_iter().map(|mut row| row.remove(0)).collect();
    let flows: BTreeSet<Option<String>> = traces.iter().map(|trace| trace.subject.tags.get("flow").cloned()).collect();
    assert_eq!((flows.len(), streams.len()), (counts.flows, counts.flows));

    let answered =
        tshark(file, ports, "tcp.flags.syn==1 && tcp.flags.ack==1", &["tcp.dstport", "tcp.analysis.ack_rtt"]);
    assert_eq!(answered.len(), counts.flows);
    for row in answered {
        let trace = first_of(&row[0]).expect("a trace of this flow");
        let round_trip = trace.connect.as_ref().and_then(|connect| connect.rtt);
        assert_eq!(round_trip, Some(nanos(&row[1])), "{row:?}");
    }

    let again = tshark(file, ports, "tcp.analysis.retransmission", &["tcp.stream"]).len();
    let told: u64 = traces
        .iter()
        .filter_map(|trace| trace.wire.as_ref())
        .map(|wire| wire.sent.retransmitted + wire.received.retransmitted)
        .sum();
    assert_eq!(told, again as u64);

    let mut by_port: BTreeMap<String, Vec<Nanos>> = BTreeMap::new();
    for row in tshark(file, ports, "http.response", &["tcp.dstport", "http.time"]) {
        by_port.entry(row[0].clone()).or_default().push(nanos(&row[1]));
    }
    let mut responses = 0;
    for (port_of_flow, times) in by_port {
        let own = traces.iter().filter(|trace| port(trace).as_ref() == Some(&port_of_flow));
        let own: Vec<Nanos> = own.map(|trace| length(trace, Phase::Wait) + length(trace, Phase::Receive)).collect();
        assert_eq!(own, times, "{port_of_flow}");
        responses += times.len();
    }
    assert_eq!(responses, counts.responses);

    let rows = tshark(file, ports, "dns.flags.response==1", &["dns.qry.name", "dns.time"]);
    let queries: Vec<(String, Option<Nanos>)> = traces
        .iter()
        .filter_map(|trace| trace.dns.as_ref())
        .flat_map(|dns| &dns.queries)
        .map(|query| (query.question.name.clone(), query.duration))
        .collect();
    let rows: Vec<(String, Option<Nanos>)> =
        rows.into_iter().map(|row| (row[0].clone(), Some(nanos(&row[1])))).collect();
    assert_eq!((&queries, rows.len()), (&rows, counts.lookups));

    let hellos = tshark(
        file,
        ports,
        "tls.handshake.type==1",
        &["tcp.srcport", "tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str"],
    );
    assert_eq!(hellos.len(), counts.handshakes);
    for row in hellos {
        let tags = &first_of(&row[0]).expect("a trace of this flow").subject.tags;
        assert_eq!((tags.get("sni"), tags.get("offered")), (Some(&row[1]), Some(&row[2])), "{row:?}");
    }
    let chosen =
        tshark(file, ports, "tls.handshake.type==2", &["tcp.dstport", "tls.handshake.extensions.supported_version"]);
    assert_eq!(chosen.len(), counts.handshakes);
    for row in chosen {
        let trace = first_of(&row[0]).expect("a trace of this flow");
        let session = trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        let expect = if row.get(1).is_some_and(|version| version == "0x0304") { "TLSv1.3" } else { "TLSv1.2" };
        assert_eq!(session.version, expect, "{row:?}");
    }
    // What is encrypted is one exchange each: nothing of the handshake, of tickets or of HTTP/2's frames is taken for one.
    let hidden = traces.iter().filter(|trace| trace.subject.url == format!("https://{HOST}:{}/", ports.tls[0])).count();
    assert_eq!(hidden, counts.handshakes, "{:?}", traces.iter().map(|trace| &trace.subject.url).collect::<Vec<_>>());
}

//! `wirefall pcap` and tshark on the same capture: nginx, haproxy and dnsmasq on loopback, asked by curl and by wirefall.
//!
//! Where both speak of the same thing, the numbers are equal to the nanosecond, because both subtract the same two stamps.
//! What differs, and why:
//! - `tcp.analysis.initial_rtt` of tshark ends with the client's ACK, SYN to SYN-ACK is `tcp.analysis.ack_rtt` of the SYN-ACK:
//!   the trace's round trip equals the latter.
//! - `http.time` of tshark ends with the frame in which the response is complete: it equals `wait` and `receive` together.
//! - `tls.handshake.extensions_alpn_str` is what the client offers: it is the tag `offered`, not what was agreed on.
//! - `tcp.analysis.retransmission` of tshark is of the whole connection: it equals `resent` of the table of flows. Traces are of
//!   exchanges, and know only what was sent again before the last byte of a response had come.
//! - The version of TLS 1.3 stands in an extension of the ServerHello; the field `tls.handshake.version` says TLS 1.2.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wirefall::event::Phase;
use wirefall::time::Nanos;
use wirefall::trace::Trace;

use crate::captured::{CURL, Ports, Tcpdump, length, nanos, run, tshark, wirefall};
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

/// Begins a capture, as soon as the connections that asked whether the servers listen yet are over: a server that has much to
/// do may answer and close them when what is to be captured has begun.
fn capture(file: PathBuf, ports: &Ports) -> Tcpdump {
    const LISTEN: &str = "0A";
    const TIME_WAIT: &str = "06";
    let servers: Vec<String> = ports.http.iter().chain(&ports.tls).map(|port| format!(":{port:04X}")).collect();
    let is_busy = |socket: &str| {
        let fields: Vec<&str> = socket.split_whitespace().collect();
        ![LISTEN, TIME_WAIT].contains(&fields[3])
            && servers.iter().any(|port| fields[1..3].iter().any(|end| end.ends_with(port)))
    };
    for _ in 0..500 {
        let sockets = fs::read_to_string("/proc/thread-self/net/tcp").expect("the kernel tells its sockets");
        if !sockets.lines().skip(1).any(is_busy) {
            return Tcpdump::start("lo", file, &ports.filter());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("connections to {ports:?} are not over");
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
    let tcpdump = capture(file, &ports);
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
    let tcpdump = capture(file, &ports);
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

/// The client's port and the server's, which tell connections apart here: the kernel may give two of them to different servers
/// the same port of the client.
type Ends = [String; 2];

/// The fields of tshark that are the ends of a connection, in a packet of its client and in one of its server.
const OF_CLIENT: [&str; 2] = ["tcp.srcport", "tcp.dstport"];
const OF_SERVER: [&str; 2] = ["tcp.dstport", "tcp.srcport"];

fn ends(trace: &Trace) -> Option<Ends> {
    let connect = trace.connect.as_ref()?;
    let port = |address: &str| Some(address.rsplit_once(':')?.1.to_owned());
    Some([port(connect.local.as_ref()?)?, port(connect.remote.as_ref()?)?])
}

/// How many packets of each connection were sent again: the last column of the table of flows.
fn resent(file: &Path) -> BTreeMap<Ends, u64> {
    let output = Command::new(own_program())
        .env("COLUMNS", "200")
        .arg("pcap")
        .arg(file)
        .args(["--side", "client", "--rows", "1000"])
        .output()
        .expect("wirefall can be run");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = table.lines();
    let header = lines.next().expect("a header");
    assert!(header.ends_with("resent"), "{header}");
    // Behind the column may stand what failed.
    let width = header.chars().count();
    let rows = lines.map(|line| {
        let row: String = line.chars().take(width).collect();
        let words: Vec<&str> = row.split_whitespace().collect();
        let arrow = words.iter().position(|word| *word == "->").expect("both ends");
        let port = |end: &str| end.rsplit_once(':').expect("a port").1.to_owned();
        let count = words.last().expect("a count").parse().expect("a number");
        ([port(words[arrow - 1]), port(words[arrow + 1])], count)
    });
    rows.collect()
}

fn check(Captured { file, ports, counts, .. }: &Captured) {
    // On loopback both ends are at the same place.
    let traces = wirefall(file, &["--side", "client"]);
    let first_of = |wanted: &[String]| {
        traces.iter().find(|trace| {
            ends(trace).is_some_and(|ends| ends == wanted)
                && trace.connect.as_ref().is_some_and(|connect| !connect.reused)
        })
    };

    let streams: BTreeSet<String> =
        tshark(file, ports, "tcp", &["tcp.stream"]).into_iter().map(|mut row| row.remove(0)).collect();
    let flows: BTreeSet<Option<String>> = traces.iter().map(|trace| trace.subject.tags.get("flow").cloned()).collect();
    assert_eq!((flows.len(), streams.len()), (counts.flows, counts.flows));
    let opened = tshark(file, ports, "tcp.flags.syn==1 && tcp.flags.ack==0", &OF_CLIENT);
    let opened: BTreeSet<Ends> = opened.into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    assert_eq!(traces.iter().filter_map(ends).collect::<BTreeSet<_>>(), opened);

    let of_server = |filter: &str, field: &str| tshark(file, ports, filter, &[&OF_SERVER[..], &[field]].concat());
    let answered = of_server("tcp.flags.syn==1 && tcp.flags.ack==1", "tcp.analysis.ack_rtt");
    assert_eq!(answered.len(), counts.flows);
    for row in answered {
        let trace = first_of(&row[..2]).expect("a trace of this flow");
        let round_trip = trace.connect.as_ref().and_then(|connect| connect.rtt);
        assert_eq!(round_trip, Some(nanos(&row[2])), "{row:?}");
    }

    check_what_was_sent_again(file, ports, &traces);

    let mut by_flow: BTreeMap<Ends, Vec<Nanos>> = BTreeMap::new();
    for row in of_server("http.response", "http.time") {
        by_flow.entry([row[0].clone(), row[1].clone()]).or_default().push(nanos(&row[2]));
    }
    let mut responses = 0;
    for (flow, times) in by_flow {
        let own = traces.iter().filter(|trace| ends(trace).as_ref() == Some(&flow));
        let own: Vec<Nanos> = own.map(|trace| length(trace, Phase::Wait) + length(trace, Phase::Receive)).collect();
        assert_eq!(own, times, "{flow:?}");
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
        &[&OF_CLIENT[..], &["tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str"]].concat(),
    );
    assert_eq!(hellos.len(), counts.handshakes);
    for row in hellos {
        let tags = &first_of(&row[..2]).expect("a trace of this flow").subject.tags;
        assert_eq!((tags.get("sni"), tags.get("offered")), (Some(&row[2]), Some(&row[3])), "{row:?}");
    }
    let chosen = of_server("tls.handshake.type==2", "tls.handshake.extensions.supported_version");
    assert_eq!(chosen.len(), counts.handshakes);
    for row in chosen {
        let trace = first_of(&row[..2]).expect("a trace of this flow");
        let session = trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        let expect = if row.get(2).is_some_and(|version| version == "0x0304") { "TLSv1.3" } else { "TLSv1.2" };
        assert_eq!(session.version, expect, "{row:?}");
    }
    // What is encrypted is one exchange each: nothing of the handshake, of tickets or of HTTP/2's frames is taken for one.
    let hidden = traces.iter().filter(|trace| trace.subject.url == format!("https://{HOST}:{}/", ports.tls[0])).count();
    assert_eq!(hidden, counts.handshakes, "{:?}", traces.iter().map(|trace| &trace.subject.url).collect::<Vec<_>>());
}

/// Of each connection as many packets as tshark says, and in its traces those that went by before the response had come.
fn check_what_was_sent_again(file: &Path, ports: &Ports, traces: &[Trace]) {
    let table = resent(file);
    let known: BTreeSet<Ends> = traces.iter().filter_map(ends).collect();
    assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), known);
    let is_client = |row: &[String]| known.contains(&[row[0].clone(), row[1].clone()]);
    let mut again: BTreeMap<Ends, Vec<u64>> = BTreeMap::new();
    for row in tshark(file, ports, "tcp.analysis.retransmission", &[&OF_CLIENT[..], &["frame.time_epoch"]].concat()) {
        let (client, server) = if is_client(&row) { (&row[0], &row[1]) } else { (&row[1], &row[0]) };
        again.entry([client.clone(), server.clone()]).or_default().push(nanos(&row[2]).get());
    }
    for (flow, told) in table {
        let own = || traces.iter().filter(|trace| ends(trace).as_ref() == Some(&flow));
        let times = again.remove(&flow).unwrap_or_default();
        assert_eq!(told, times.len() as u64, "{flow:?}");
        let is_within = |at: u64| {
            own().any(|trace| {
                let began = trace.started_at.as_nanos();
                (began..=began + trace.total().get()).contains(&at)
            })
        };
        let within = times.iter().filter(|at| is_within(**at)).count() as u64;
        let wires = own().filter_map(|trace| trace.wire.as_ref());
        let in_traces: u64 = wires.map(|wire| wire.sent.retransmitted + wire.received.retransmitted).sum();
        // A trace counts flights; what was sent again behind the response may belong to one that had begun before.
        assert!((within..=told).contains(&in_traces), "{flow:?}: {within} of {told} within, {in_traces} in traces");
    }
    assert!(again.is_empty(), "{again:?}");
}

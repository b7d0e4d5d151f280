//! `--hops` in a lab of five namespaces in a row, with known delays and routers that behave as routers do.
//!
//! ```text
//! client ~~ 10 ms ~~ r1 ---- r2 ~~ 20 ms (there) ~~ r3 ---- server
//!                             \______ (back) _______/
//! ```
//!
//! r1 limits the rate of its ICMP, r2 sends none, r3 answers from the address of another interface than the one that packets
//! for the server arrive at, because its way back is another one. The second test program in this directory that compares,
//! `peers/hops.rs`, has tcptraceroute and mtr look at such a lab.
//!
//! Needs the right to make network namespaces and raw sockets, so these tests are ignored unless asked for, and then they
//! fail where the right is missing: as root `cargo test --test hops -- --include-ignored`.

#[path = "support/five.rs"]
mod five;

use std::net::IpAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use five::{Family, Five, IcmpLimits, R1_DELAY, R3_DELAY};
use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{RData, Record};
use pnet::datalink::{Channel, Config};
use wirefall::hops::{Found, Leg, LegKind, Rounds, find_hops};
use wirefall::lab::link::INTERFACE;
use wirefall::packet::{LinkType, TcpFlags, Transport, decode};
use wirefall::probe::Interrupt;
use wirefall::trace::{Evidence, Hop, HopReply, HopsEnded, Trace};

/// What a busy machine may add to a round trip, as an assertion that is to hold anywhere.
const SLACK: Duration = Duration::from_millis(25);

fn wirefall(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    command.args(words).env_clear();
    command
}

/// Runs the program where the lab's client is.
fn run(lab: &Five, words: &[&str]) -> Output {
    lab.client().run(|| wirefall(words).output().expect("the program runs")).expect("the client's namespace")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The traces of a run with `--format jsonl`.
fn traces(output: &Output) -> Vec<Trace> {
    let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn only(output: &Output) -> Trace {
    let traces = traces(output);
    let [trace] = <[Trace; 1]>::try_from(traces).unwrap_or_else(|_| panic!("not one trace: {}", stderr(output)));
    trace
}

/// Hops to an address of the lab, without a trace.
fn find(lab: &Five, from: Family, to: (IpAddr, u16), rounds: u8, interrupt: &Interrupt) -> Found {
    let leg = Leg { source: Some(from.client()), destination: to.into(), kind: LegKind::Direct };
    let rounds = Rounds::new(rounds).expect("a number of rounds");
    let found = lab.client().run(|| find_hops(&leg, None, rounds, interrupt)).expect("the client's namespace");
    found.expect("the right to open raw sockets")
}

/// Hops to the lab's server.
fn hops_to(lab: &Five, family: Family, port: u16, rounds: u8) -> Found {
    find(lab, family, (family.server(), port), rounds, &Interrupt::new())
}

#[track_caller]
fn assert_takes(hop: &Hop, least: Duration) {
    let best = Duration::from(hop.round_trips.expect("an answer").best);
    assert!((least..least + SLACK).contains(&best), "ttl {}: {best:?}, expected {least:?}", hop.ttl);
}

/// What the lab looks like, whoever looks.
fn check_path(hops: &[Hop], family: Family, last: HopReply, rounds: u32) {
    let addresses: Vec<Option<IpAddr>> = hops.iter().map(|hop| hop.address).collect();
    assert_eq!(addresses, [Some(family.r1()), None, Some(family.r3_other()), Some(family.server())], "{hops:?}");
    let [r1, r2, r3, server] = hops else { panic!("{hops:?}") };
    assert!(hops.iter().all(|hop| hop.sent == rounds && hop.other_addresses.is_empty()), "{hops:?}");
    assert_eq!((r2.received, r2.loss, r2.round_trips, r2.step, r2.reply), (0, 1.0, None, None, None));
    assert_eq!(
        [r1, r3, server].map(|hop| hop.reply),
        [Some(HopReply::TimeExceeded), Some(HopReply::TimeExceeded), Some(last)]
    );
    assert_takes(r1, R1_DELAY);
    assert_takes(r3, R1_DELAY + R3_DELAY);
    assert_takes(server, R1_DELAY + R3_DELAY);
    let steps: i64 = [r1, r3, server].iter().filter_map(|hop| hop.step).sum();
    assert_eq!(u64::try_from(steps).ok(), server.round_trips.map(|trips| trips.best.get()), "steps add up");
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn a_trace_says_on_which_hop_its_milliseconds_went() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::OneAnswerOfR1);
        let site = lab.serve(family);
        let url = format!("http://{}/", site.address());
        let source = family.client().to_string();
        let output = run(&lab, &["--hops", "--interface", &source, "--format", "jsonl", "-o", "/dev/null", &url]);
        assert!(output.status.success(), "{}", stderr(&output));
        let trace = only(&output);
        check_path(&trace.hops, family, HopReply::SynAck, 3);
        let search = trace.hop_search.unwrap();
        assert_eq!((search.destination, search.ended), (site.address(), HopsEnded::Destination));
        assert_eq!((search.evidence, search.source.ip()), (Some(Evidence::Kernel), family.client()));
        assert_eq!((trace.hops[0].received, trace.hops[0].loss), (1, 0.667), "r1 answers once in a minute");
        assert_eq!((trace.hops[2].received, trace.hops[3].received), (3, 3));
        site.assert_one_connection_and_no_ghosts(&lab);
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn a_closed_port_answers_too() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        let url = format!("http://{}/", std::net::SocketAddr::new(family.server(), 9));
        let source = family.client().to_string();
        let output = run(&lab, &["--hops", "--interface", &source, "--format", "jsonl", &url]);
        assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
        assert!(stderr(&output).contains("no connection came about; the hops shown lead to"), "{}", stderr(&output));
        let trace = only(&output);
        check_path(&trace.hops, family, HopReply::Rst, 3);
        assert!(trace.hops.iter().all(|hop| hop.ttl == 2 || hop.received == 3), "{:?}", trace.hops);
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn ten_rounds_leave_no_connection_and_send_no_more_than_they_say() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        let site = lab.serve(family);
        let found = hops_to(&lab, family, site.address().port(), 10);
        check_path(&found.hops, family, HopReply::SynAck, 10);
        // Four hops in each round, and up to three that the first one sent past the server.
        assert!((40..=43).contains(&found.search.probes), "{:?}", found.search);
        site.assert_no_connection_and_no_ghosts(&lab);
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn behind_the_last_router_that_answers_the_search_gives_up() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        lab.lose_what_r3_gets();
        let found = hops_to(&lab, family, 80, 2);
        assert_eq!(found.search.ended, HopsEnded::Silence);
        assert_eq!(
            found.hops.iter().map(|hop| hop.received > 0).collect::<Vec<_>>(),
            [true, false, false, false, false, false]
        );
        assert_eq!((found.hops[0].address, found.search.probes), (Some(family.r1()), 12));
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn a_router_without_a_route_ends_the_path() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        let found = find(&lab, family, (family.nowhere(), 80), 3, &Interrupt::new());
        assert_eq!(found.search.ended, HopsEnded::Unreachable, "{found:?}");
        let last = found.hops.last().unwrap();
        assert_eq!((last.address, last.reply), (Some(family.r1()), Some(HopReply::Unreachable(0))));
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn ctrl_c_keeps_what_was_found() {
    let lab = Five::build(IcmpLimits::None);
    lab.lose_what_r3_gets();
    let interrupt = Interrupt::new();
    let flag = interrupt.flag();
    let pressing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        flag.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let family = Family::V4;
    let found = find(&lab, family, (family.server(), 80), 3, &interrupt);
    pressing.join().unwrap();
    assert_eq!((found.search.ended, found.hops[0].address), (HopsEnded::Interrupted, Some(family.r1())));
    assert!(found.search.probes < 12, "{:?}", found.search);
}

/// The IP packets of SYNs that leave the client for the server while something is done.
fn syns_that_leave<T>(lab: &Five, family: Family, work: impl FnOnce() -> T) -> (Vec<Vec<u8>>, T) {
    /// How long nothing may come before the channel is thought empty.
    const QUIET: Duration = Duration::from_millis(200);
    let config = Config { read_timeout: Some(QUIET), ..Config::default() };
    let open = || {
        let interface = pnet::datalink::interfaces().into_iter().find(|interface| interface.name == INTERFACE);
        pnet::datalink::channel(&interface.expect("the client's interface"), config)
    };
    let Channel::Ethernet(_, mut seen) = lab.client().run(open).expect("inside").expect("a channel") else {
        panic!("not Ethernet")
    };
    let done = work();
    let mut syns = Vec::new();
    while let Ok(frame) = seen.next() {
        let length = u32::try_from(frame.len()).expect("a length");
        let Ok(packet) = decode(LinkType::Ethernet, frame, length) else { continue };
        let is_syn = matches!(packet.transport, Transport::Tcp(tcp) if tcp.flags == TcpFlags::SYN);
        if is_syn && packet.ip.destination == family.server() {
            syns.push(frame[14..].to_vec());
        }
    }
    (syns, done)
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn probes_differ_in_nothing_that_balancers_look_at() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        let (syns, found) = syns_that_leave(&lab, family, || hops_to(&lab, family, 80, 2));
        assert_eq!(u32::try_from(syns.len()).ok(), Some(found.search.probes));
        let (header, varies) = match family {
            // Identification, time to live, checksum.
            Family::V4 => (20, [4..6, 8..9, 10..12]),
            // Hop limit.
            Family::V6 => (40, [7..8, 0..0, 0..0]),
        };
        let sequence = header + 4..header + 8;
        let blanked = |syn: &Vec<u8>| {
            let mut syn = syn.clone();
            varies.iter().chain([&sequence]).for_each(|range| syn[range.clone()].fill(0));
            syn
        };
        let first = blanked(&syns[0]);
        assert_eq!(first.len(), header + 24);
        for syn in &syns {
            assert_eq!(blanked(syn), first, "the TCP checksum and the flow label among them");
        }
        let mut sequences: Vec<&[u8]> = syns.iter().map(|syn| &syn[sequence.clone()]).collect();
        sequences.sort_unstable();
        sequences.dedup();
        assert_eq!(sequences.len(), syns.len());
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn names_are_asked_for_only_where_they_are_wanted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Both threads end with the test's process.
    std::thread::spawn(move || {
        loop {
            five::answer_one(&listener);
        }
    });
    let dns = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = dns.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = dns.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let mut message = Message::response(query.metadata.id, OpCode::Query);
            let name = query.queries[0].name().clone();
            let target = RData::PTR(PTR("here.example.".parse().expect("a name")));
            message.add_answer(Record::from_rdata(name, 60, target));
            message.add_queries(query.queries);
            let _ = dns.send_to(&message.to_vec().expect("bytes"), from);
        }
    });
    for (flags, expect, queries) in
        [(vec!["--hops"], None, 0), (vec!["--hops", "--hops-names"], Some("here.example"), 1)]
    {
        let words = [&flags[..], &["--dns-servers", &server, "--format", "jsonl", "-o", "/dev/null", &url]].concat();
        let output = wirefall(&words).output().unwrap();
        let trace = only(&output);
        assert_eq!(trace.hops.len(), 1, "{}", stderr(&output));
        assert_eq!((trace.hops[0].name.as_deref(), trace.hops[0].reply), (expect, Some(HopReply::SynAck)));
        assert_eq!(asked.load(Ordering::SeqCst), queries);
    }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn hops_are_a_table_and_a_ladder() {
    let lab = Five::build(IcmpLimits::None);
    let family = Family::V4;
    let site = lab.serve(family);
    let directory = tempfile::tempdir().unwrap();
    let chart = directory.path().join("chart.svg");
    let (url, source) = (format!("http://{}/", site.address()), family.client().to_string());
    let words = ["--hops", "--hops-rounds", "2", "--interface", &source, "--chart", chart.to_str().unwrap(), &url];
    let output = run(&lab, &words);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let heading = format!("to {} | answers with SYN-ACK | 2 rounds of SYNs | kernel", site.address());
    for expect in [heading.as_str(), "  1  198.18.0.2", "  2  -  ", "  3  10.9.3.3", "  4  10.9.4.4"] {
        assert!(text.contains(expect), "{expect:?} is not in\n{text}");
    }
    let svg = std::fs::read_to_string(chart).unwrap();
    assert!(svg.contains("10.9.3.3") && svg.contains("no answer"));
}

/// What is refused without the capability, as root with it taken away or as anybody else.
#[test]
fn without_the_capability_the_trace_is_what_it_is_without_hops() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || five::answer_one(&listener));
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-net_raw", "--"]).arg(env!("CARGO_BIN_EXE_wirefall"));
    if !nix::unistd::geteuid().is_root() {
        command = wirefall(&[]);
    }
    let output = command.args(["--hops", "--format", "jsonl", &url]).output().unwrap();
    server.join().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("CAP_NET_RAW") && said.contains("setcap cap_net_raw+ep"), "{said}");
    let trace = only(&output);
    assert!(trace.failure().is_none() && trace.hops.is_empty() && trace.hop_search.is_none());
}

#[test]
fn where_there_is_no_path_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("origin.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || five::answer(listener.accept().unwrap().0));
    let path = socket.to_str().unwrap();
    let output = wirefall(&["--hops", "--format", "jsonl", "--unix-socket", path, "http://a/"]).output().unwrap();
    server.join().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("no hops of http://a/: a unix socket has no hops"), "{}", stderr(&output));
    assert!(only(&output).hops.is_empty());
}

//! Captures of several flows, as the table takes them apart.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::event::{Event, Fact, FailureCode};
use crate::message::dns::Record;
use crate::packet::{Ecn, Quoted, TcpFlags, TcpOptions, Unreachable};

/// What the table told: exchanges by flow, flows in the order of their ends, names that were not found.
#[derive(Default)]
struct Told {
    exchanges: Vec<(u64, String)>,
    ended: Vec<(u64, u64)>,
    unresolved: Vec<String>,
    lookups: u64,
    /// Why exchanges failed, and when in ms.
    failures: Vec<(FailureCode, u64)>,
    /// Why flows are thought to be captured where they are.
    whys: Vec<String>,
}

impl Sink for Told {
    fn wants(&mut self, _flow: &Flow, _length: Nanos) -> bool {
        true
    }

    fn exchange(&mut self, flow: &Flow, exchange: Exchange) {
        let looked_up = exchange.events.iter().any(|event| matches!(event, Event::Learned(Fact::Resolved(_))));
        self.lookups += u64::from(looked_up);
        self.failures.extend(exchange.events.iter().filter_map(|event| match event {
            Event::Learned(Fact::Failed(failure)) => Some((failure.code, exchange.ended.as_nanos() / 1_000_000)),
            _ => None,
        }));
        self.exchanges.push((flow.number(), exchange.url));
    }

    fn ended(&mut self, flow: &Flow) {
        self.whys.extend(flow.why().map(|why| why.to_string()));
        self.ended.push((flow.number(), flow.packets()));
    }

    fn unresolved(&mut self, exchange: Exchange) {
        self.unresolved.push(exchange.url);
    }
}

struct Capture {
    table: Table,
    told: Told,
    identification: u32,
}

const ACK: TcpFlags = TcpFlags::ACK;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h.example\r\n\r\n";

impl Capture {
    fn new(rules: Rules) -> Self {
        Self { table: Table::new(rules), told: Told::default(), identification: 0 }
    }

    fn raw(&mut self, millis: u64, packet: &Packet<'_>) {
        let sight = Sight { at: Timestamp::from_nanos(millis * 1_000_000), resolution: Nanos::new(1), interface: 0 };
        self.table.take(&sight, packet, &mut self.told);
    }

    fn ip(&mut self, source: SocketAddr, destination: SocketAddr) -> Ip {
        self.identification += 1;
        Ip {
            source: source.ip(),
            destination: destination.ip(),
            ttl: 64,
            ecn: Ecn::NotCapable,
            length: 0,
            identification: source.is_ipv4().then_some(self.identification),
            fragment: None,
        }
    }

    /// Client and server are told apart by `flags` and ports as in a capture.
    fn tcp(&mut self, millis: u64, from: &str, to: &str, flags: TcpFlags, sequence: u32, payload: &[u8]) -> &mut Self {
        let (source, destination): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let ip = self.ip(source, destination);
        let tcp = Tcp {
            source: source.port(),
            destination: destination.port(),
            sequence,
            acknowledgement: 1,
            flags,
            window: 100,
            options: TcpOptions::new(&[]),
            payload,
            payload_length: u32::try_from(payload.len()).unwrap(),
        };
        self.raw(millis, &Packet { ip, transport: Transport::Tcp(tcp) });
        self
    }

    fn udp(&mut self, millis: u64, from: &str, to: &str, payload: &[u8]) -> &mut Self {
        let (source, destination): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let ip = self.ip(source, destination);
        let length = u32::try_from(payload.len()).unwrap();
        let udp = Udp { source: source.port(), destination: destination.port(), payload, payload_length: length };
        self.raw(millis, &Packet { ip, transport: Transport::Udp(udp) });
        self
    }

    fn over(mut self) -> (Told, Tally) {
        self.table.finish(&mut self.told);
        (self.told, self.table.tally())
    }
}

const C: &str = "10.0.0.1:40000";
const S: &str = "198.51.100.7:80";

#[test]
fn flows_are_told_apart_and_numbered_by_their_first_packets() {
    let mut capture = Capture::new(Rules::default());
    for (millis, client) in [(1, "10.0.0.1:40000"), (2, "10.0.0.1:40001"), (3, "[2001:db8::1]:40000")] {
        let server = if client.starts_with('[') { "[2001:db8::7]:80" } else { S };
        capture.tcp(millis, client, server, TcpFlags::SYN, 0, b"").tcp(
            millis + 10,
            server,
            client,
            TcpFlags::SYN | ACK,
            0,
            b"",
        );
        capture.tcp(millis + 20, client, server, ACK, 1, REQUEST);
    }
    let (told, tally) = capture.over();
    assert_eq!(told.ended, [(1, 3), (2, 3), (3, 3)]);
    let url = |number| (number, "http://h.example/".to_owned());
    assert_eq!(told.exchanges, [url(1), url(2), url(3)]);
    assert_eq!((tally.flows, tally.tcp, tally.copies), (3, 9, 0));
}

#[test]
fn a_flow_ends_when_it_is_closed_idle_begun_anew_or_crowded_out() {
    let rules = Rules { idle: Nanos::from_secs(60), linger: Nanos::from_secs(10), ..Rules::default() };
    let closed = |capture: &mut Capture| {
        capture.tcp(0, C, S, TcpFlags::SYN, 0, b"").tcp(1, S, C, TcpFlags::SYN | ACK, 0, b"");
        capture.tcp(2, C, S, TcpFlags::FIN | ACK, 1, b"").tcp(3, S, C, TcpFlags::FIN | ACK, 1, b"");
    };
    let other = "10.0.0.1:50000";
    // The last ACK comes late and belongs to it; 10 s after the close, it is over.
    let mut capture = Capture::new(rules);
    closed(&mut capture);
    capture.tcp(9_000, C, S, ACK, 2, b"").tcp(10_002, other, S, TcpFlags::SYN, 0, b"");
    assert!(capture.told.ended.is_empty());
    capture.tcp(10_004, other, S, TcpFlags::SYN, 0, b"");
    assert_eq!(capture.told.ended, [(1, 5)]);
    // Idle, as the other one then is.
    capture.tcp(71_000, "10.0.0.9:1", S, TcpFlags::SYN, 0, b"");
    assert_eq!(capture.told.ended, [(1, 5), (2, 2)]);
    // The same ports with another number are another connection; with the same number it is a retransmission.
    let mut capture = Capture::new(rules);
    capture.tcp(0, C, S, TcpFlags::SYN, 5, b"").tcp(1_000, C, S, TcpFlags::SYN, 5, b"").tcp(
        2_000,
        C,
        S,
        TcpFlags::SYN,
        6,
        b"",
    );
    assert_eq!(capture.over().0.ended, [(1, 2), (2, 1)]);
    // There is room for two.
    let mut capture = Capture::new(Rules { most_flows: 2, ..rules });
    for (millis, port) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
        capture.tcp(millis, &format!("10.0.0.1:{port}"), S, TcpFlags::SYN, 7, b"");
    }
    assert_eq!(capture.told.ended, [(2, 1)]);
    assert_eq!(capture.over().1.crowded_out, 1);
}

#[test]
fn a_clock_that_is_set_back_splits_no_flow() {
    let exchange = |capture: &mut Capture, start: u64| {
        capture.tcp(start, C, S, TcpFlags::SYN, 0, b"").tcp(start + 1, S, C, TcpFlags::SYN | ACK, 0, b"");
        capture.tcp(start + 2, C, S, ACK, 1, REQUEST).tcp(start + 3, S, C, ACK, 1, b"HTTP/1.1 204 No\r\n\r\n");
        capture.tcp(start + 4, C, S, TcpFlags::FIN | ACK, 38, b"").tcp(start + 5, S, C, TcpFlags::FIN | ACK, 20, b"");
    };
    let (hour, stray) = (3_600_000, "10.0.0.9:1");
    // By an hour, by a single packet without a time, by a single packet of a later day.
    for times in [&[2 * hour, hour][..], &[2 * hour, 0, 2 * hour], &[hour, 30 * hour, hour]] {
        let mut capture = Capture::new(Rules::default());
        for time in times {
            let _ = capture.tcp(*time, stray, S, TcpFlags::SYN, 9, b"");
        }
        exchange(&mut capture, times[times.len() - 1] + 10);
        let (told, tally) = capture.over();
        assert!(told.ended.contains(&(tally.flows, 6)), "{times:?}: {:?}", told.ended);
    }
    // What was closed before the clock was set back does not linger until that time comes again.
    let mut capture = Capture::new(Rules::default());
    exchange(&mut capture, 2 * hour);
    capture.tcp(hour, stray, S, TcpFlags::SYN, 9, b"");
    assert_eq!(capture.told.ended, [(1, 6)]);
}

#[test]
fn a_syn_that_is_captured_behind_its_answer_begins_nothing() {
    let mut capture = Capture::new(Rules::default());
    capture
        .tcp(1, S, C, TcpFlags::SYN | ACK, 70, b"")
        .tcp(1, C, S, TcpFlags::SYN, 0, b"")
        .tcp(2, C, S, ACK, 1, REQUEST);
    assert_eq!(capture.over().0.ended, [(1, 3)]);
}

#[test]
fn what_flows_hold_together_is_bounded() {
    let mut capture = Capture::new(Rules::default());
    let payload = vec![b'x'; 60_000];
    for port in 1..=100 {
        let client = format!("10.0.0.1:{port}");
        capture.tcp(0, &client, S, TcpFlags::SYN, 0, b"");
        for number in 0..8 {
            // The first byte is missing.
            capture.tcp(1, &client, S, ACK, 2 + number * 60_000, &payload);
        }
        let held: usize = capture.table.flows.iter().flatten().map(|flow| flow.held()).sum();
        assert_eq!(held, capture.table.held);
        assert!(held <= MOST_HELD_IN_ALL, "{port}: {held}");
    }
    assert!(capture.table.held > MOST_HELD_IN_ALL / 2);
    capture.table.finish(&mut capture.told);
    assert_eq!(capture.table.held, 0);
}

#[test]
fn the_client_is_the_one_with_the_syn_or_with_the_higher_port() {
    for (first, flags) in [((C, S), TcpFlags::SYN), ((S, C), TcpFlags::SYN | ACK), ((C, S), ACK), ((S, C), ACK)] {
        let (from, to): (SocketAddr, SocketAddr) = (first.0.parse().unwrap(), first.1.parse().unwrap());
        let tcp = Tcp {
            source: from.port(),
            destination: to.port(),
            sequence: 0,
            acknowledgement: 0,
            flags,
            window: 0,
            options: TcpOptions::new(&[]),
            payload: &[],
            payload_length: 0,
        };
        assert_eq!(flow::is_from_client(from, to, &tcp), first.0 == C, "{first:?} {flags}");
    }
}

#[test]
fn copies_count_once_and_retransmissions_do_not_become_copies() {
    let twice =
        |capture: &mut Capture, millis: u64, from: &str, to: &str, flags: TcpFlags, sequence: u32, payload: &[u8]| {
            for _ in 0..2 {
                capture.tcp(millis, from, to, flags, sequence, payload);
                capture.identification -= 1;
            }
            capture.identification += 1;
        };
    for (client, server) in [(C, S), ("[::1]:40000", "[::1]:80")] {
        let mut capture = Capture::new(Rules::default());
        twice(&mut capture, 1, client, server, TcpFlags::SYN, 0, b"");
        twice(&mut capture, 2, server, client, TcpFlags::SYN | ACK, 0, b"");
        twice(&mut capture, 3, client, server, ACK, 1, b"");
        twice(&mut capture, 4, client, server, ACK, 1, REQUEST);
        // 200 ms later, the same bytes once more.
        twice(&mut capture, 204, client, server, ACK, 1, REQUEST);
        let (told, tally) = capture.over();
        assert_eq!((tally.tcp, tally.copies), (5, 5), "{client}");
        assert_eq!(told.ended, [(1, 5)]);
    }
}

#[test]
fn a_lookup_belongs_to_the_first_flow_that_uses_it() {
    let reply = |rcode: u8, addresses: &[[u8; 4]]| {
        let name = crate::message::dns::parse_name("h.example").unwrap();
        let mut bytes = crate::message::dns::encode(7, &name, Record::A);
        // The query's additional record goes, the answers come.
        bytes.truncate(12 + 11 + 4);
        (bytes[2], bytes[3], bytes[11]) = (0x81, 0x80 | rcode, 0);
        bytes[7] = u8::try_from(addresses.len()).unwrap();
        for address in addresses {
            bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            bytes.extend(address);
        }
        bytes
    };
    let name = crate::message::dns::parse_name("h.example").unwrap();
    let query = crate::message::dns::encode(7, &name, Record::A);
    let (stub, server) = ("10.0.0.1:5353", "10.0.0.53:53");
    let ask = |capture: &mut Capture| {
        capture.udp(0, stub, server, &query).udp(5_000, stub, server, &query);
    };
    let connect = |capture: &mut Capture, millis: u64, client: &str| {
        capture.tcp(millis, client, S, TcpFlags::SYN, 0, b"").tcp(millis + 1, S, client, TcpFlags::SYN | ACK, 0, b"");
        capture.tcp(millis + 2, client, S, ACK, 1, REQUEST);
    };
    // The second flow finds nothing left, and neither does one of another host or one that comes too late.
    for (flows, expect) in [
        (&[(5_040, C), (5_050, "10.0.0.1:40001")][..], 1),
        (&[(5_040, "10.0.0.2:40000")], 0),
        (&[(11_000, C)], 0),
        (&[(5_010, C)], 0),
    ] {
        let mut capture = Capture::new(Rules::default());
        ask(&mut capture);
        let answers_first = flows[0].0 > 5_020;
        if answers_first {
            capture.udp(5_020, server, stub, &reply(0, &[[198, 51, 100, 7]]));
        }
        for (millis, client) in flows {
            connect(&mut capture, *millis, client);
        }
        assert_eq!(capture.over().0.lookups, expect, "{flows:?}");
    }
    // Names that nobody could connect to.
    for (answer, expect) in [
        (Some(reply(3, &[])), &["dns:h.example"][..]),
        (Some(reply(0, &[])), &["dns:h.example"]),
        (None, &["dns:h.example"]),
        (Some(reply(0, &[[198, 51, 100, 7]])), &[]),
    ] {
        let mut capture = Capture::new(Rules::default());
        ask(&mut capture);
        if let Some(answer) = answer {
            capture.udp(5_020, server, stub, &answer);
        }
        // Twelve seconds later it is over, without the capture's end.
        capture.tcp(17_030, C, S, ACK, 0, b"");
        assert_eq!(capture.told.unresolved, expect);
    }
}

#[test]
fn a_syn_that_cannot_be_delivered_fails_with_the_reason() {
    const SYN: TcpFlags = TcpFlags::SYN;
    type Reply = Option<(&'static str, &'static str, TcpFlags)>;
    let refused: Reply = Some((S, C, TcpFlags::RST | ACK));
    let answered: Reply = Some((S, C, SYN | ACK));
    let again: Reply = Some((C, S, SYN));
    let mtu = Unreachable::TooBig { mtu: 1_280 };
    // Quoted number, reason, what follows, and what becomes of it: the code, and when in ms.
    for (number, why, then, expect) in [
        (7, Unreachable::Host, None, Some((FailureCode::ConnectUnreachable, 30))),
        (7, Unreachable::Network, None, Some((FailureCode::ConnectUnreachable, 30))),
        (7, Unreachable::Prohibited, again, Some((FailureCode::ConnectUnreachable, 30))),
        (7, Unreachable::Port, None, Some((FailureCode::ConnectRefused, 30))),
        (7, Unreachable::Host, refused, Some((FailureCode::ConnectRefused, 40))),
        (7, Unreachable::Host, answered, None),
        // A packet of another connection; and one that only has to become smaller.
        (8, Unreachable::Host, None, Some((FailureCode::ConnectTimeout, 90))),
        (7, mtu, None, Some((FailureCode::ConnectTimeout, 90))),
    ] {
        let mut capture = Capture::new(Rules::default());
        capture.tcp(10, C, S, SYN, 7, b"");
        let (client, server): (SocketAddr, SocketAddr) = (C.parse().unwrap(), S.parse().unwrap());
        let (router, ip) = ("192.0.2.1:0".parse().unwrap(), capture.ip(client, server));
        let transport = QuotedTransport::Tcp { source: client.port(), destination: server.port(), sequence: number };
        let icmp = Icmp {
            message_type: 3,
            code: 0,
            meaning: IcmpMeaning::Unreachable(why),
            quoted: Some(Quoted { ip, transport, payload: &[] }),
        };
        let ip = capture.ip(router, client);
        capture.raw(30, &Packet { ip, transport: Transport::Icmp(icmp) });
        if let Some((from, to, flags)) = then {
            capture.tcp(40, from, to, flags, 7, b"");
        }
        capture.udp(90, C, S, b"no DNS at all, whatever it is");
        let (told, _) = capture.over();
        let expect: Vec<_> = expect.into_iter().collect();
        assert_eq!(told.failures, expect, "{number} {why:?} {then:?}");
    }
}

#[test]
fn on_one_host_no_side_is_guessed() {
    for (client, server, expect) in [
        ("127.0.0.1:40000", "127.0.0.1:80", "same host"),
        ("10.0.0.1:40000", "10.0.0.1:80", "same host"),
        (C, S, "16.000 ms later"),
    ] {
        let mut capture = Capture::new(Rules::default());
        capture.tcp(0, client, server, TcpFlags::SYN, 0, b"").tcp(0, server, client, TcpFlags::SYN | ACK, 0, b"");
        capture.tcp(16, client, server, ACK, 1, b"");
        let (told, _) = capture.over();
        assert!(told.whys[0].contains(expect), "{:?}", told.whys);
    }
}

#[test]
fn what_is_no_flow_is_counted() {
    let mut capture = Capture::new(Rules::default());
    let ip = capture.ip(C.parse().unwrap(), S.parse().unwrap());
    for transport in [Transport::Fragment, Transport::Truncated, Transport::Other(50)] {
        capture.raw(1, &Packet { ip, transport });
    }
    capture.udp(2, C, S, b"no DNS at all, whatever it is");
    let (told, tally) = capture.over();
    assert_eq!((tally.fragments, tally.other, tally.flows), (1, 3, 0));
    assert!(told.ended.is_empty());
}

proptest! {
    #[test]
    fn any_packets_leave_no_flow_behind(
        packets in proptest::collection::vec((0_u64..400_000, 0_u8..4, 1_u16..4, 0_u16..32, any::<u32>(), any::<bool>()), 0..120),
    ) {
        let mut capture = Capture::new(Rules { most_flows: 3, ..Rules::default() });
        for (millis, host, port, flags, sequence, back) in packets {
            let client = SocketAddr::new(IpAddr::from([10, 0, 0, host]), 40_000 + port).to_string();
            let (from, to) = if back { (S, client.as_str()) } else { (client.as_str(), S) };
            capture.tcp(millis, from, to, TcpFlags::from_bits(flags), sequence, b"x");
        }
        prop_assert!(capture.table.places.len() <= 3);
        let (told, tally) = capture.over();
        prop_assert_eq!(told.ended.len() as u64, tally.flows);
        prop_assert_eq!(told.ended.iter().map(|(_, packets)| packets).sum::<u64>(), tally.tcp);
    }
}

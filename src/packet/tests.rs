//! Real packets in every wrapping, and properties over any bytes.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::encode::{self, OptionBytes, Unencodable};
use super::*;

/// The SYN of a request to 127.0.0.1, from its IP header on, as captured.
const SYN: &str = "4500003c b93a4000 4006837f 7f000001 7f000001 d5f446a1 fc1e741b 00000000 a002ffd7 fe300000
    0204ffd7 0402080a 9b4c078e 00000000 0103030a";
/// The same to `::1`, answered.
const SYN_ACK_V6: &str = "6007b560 00280640 00000000000000000000000000000001 00000000000000000000000000000001
    46a1da86 31114266 43f9299d a012ffb8 00300000 0204ffc4 0402080a d70dcd0d 403effe4 0103030a";
/// What 127.0.0.1 says about a datagram to a port where nothing listens.
const PORT_UNREACHABLE: &str = "45c0003d ebc20000 4001903b 7f000001 7f000001 0303c572 00000000
    45000021 78884000 4011c441 7f000001 7f000001 aee746a2 000dfe20 68656c6c6f";
/// What `::1` says about one.
const PORT_UNREACHABLE_V6: &str = "600945a6 003d3a40 00000000000000000000000000000001 00000000000000000000000000000001
    010474f4 00000000 6006db52 000d1140 00000000000000000000000000000001 00000000000000000000000000000001
    b24446a2 000d0020 68656c6c6f";
/// Addresses of an IPv6 header.
const ADDRESSES_V6: &str = "20010db8000000000000000000000001 20010db8000000000000000000000002";
/// A TCP header without options: ports 443 to 50000, PSH and ACK.
const TCP_HEADER: &str = "01bbc350 00000001 00000002 50180100 00000000";

/// Hexadecimal digits as bytes; white space is for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn whole(bytes: &[u8]) -> Result<Packet<'_>, Undecodable> {
    decode(LinkType::RawIp, bytes, length(bytes))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_syn_is_the_same_in_every_link_layer() {
    let table = [
        (1, "000000000000 000000000000 0800"),
        (1, "000000000000 000000000000 8100 0064 0800"),
        (1, "000000000000 000000000000 88a8 0064 8100 00c8 0800"),
        (1, "000000000000 000000000000 9100 0001 9100 0002 8100 0003 0800"),
        (113, "0000 0304 0006 000000000000 0000 0800"),
        (113, "0004 0001 0006 000000000000 0000 8100 0064 0800"),
        (276, "0800 0000 00000001 0304 00 06 000000000000 0000"),
        (0, "02000000"),
        (0, "00000002"),
        (108, "00000002"),
        (12, ""),
        (14, ""),
        (101, ""),
        (228, ""),
    ];
    for (link, header) in table {
        // Ethernet pads short frames: what stands behind the IP packet is none of its payload.
        for padding in ["", "000000000000"] {
            let frame = hex(&[header, SYN, padding].concat());
            let packet = decode(LinkType::from_number(link), &frame, length(&frame)).unwrap();
            assert_eq!((packet.ip.source, packet.ip.length), (address("127.0.0.1"), 60), "{link} {header}");
            assert_eq!((packet.ip.ttl, packet.ip.identification), (64, Some(0xb93a)));
            assert_eq!((packet.ip.ecn, packet.ip.fragment), (Ecn::NotCapable, None));
            let Transport::Tcp(tcp) = packet.transport else { panic!("{link} {header}: {packet:?}") };
            assert_eq!((tcp.source, tcp.destination, tcp.sequence), (54_772, 18_081, 0xfc1e_741b));
            assert_eq!((tcp.acknowledgement, tcp.window, tcp.flags), (0, 65_495, TcpFlags::SYN));
            assert_eq!((tcp.payload, tcp.payload_length), (&[][..], 0));
            assert_eq!(tcp.options.mss(), Some(65_495));
            assert_eq!(tcp.options.window_scale(), Some(10));
            assert!(tcp.options.sack_permitted());
            assert_eq!(tcp.options.timestamps(), Some(TcpTimestamps { value: 0x9b4c_078e, echo: 0 }));
        }
    }
}

#[test]
fn ipv6_is_found_by_the_address_families_of_all_systems() {
    for (link, family) in [(0, "18000000"), (0, "1c000000"), (0, "0000001e"), (108, "00000018"), (108, "0000000a")] {
        let frame = hex(&[family, SYN_ACK_V6].concat());
        let packet = decode(LinkType::from_number(link), &frame, length(&frame)).unwrap();
        let Transport::Tcp(tcp) = packet.transport else { panic!("{packet:?}") };
        assert_eq!((packet.ip.destination, packet.ip.ttl, packet.ip.length), (address("::1"), 64, 80));
        assert_eq!((packet.ip.identification, tcp.flags.to_string()), (None, "SA".to_owned()));
        assert_eq!(tcp.options.timestamps(), Some(TcpTimestamps { value: 0xd70d_cd0d, echo: 0x403e_ffe4 }));
    }
}

#[test]
fn what_is_not_a_packet_says_why() {
    let table = [
        (1, "000000000000 000000000000 0806 0001", Undecodable::NotIp(0x0806)),
        (1, "000000000000 000000000000 0026 4242", Undecodable::NotIp(0x26)),
        (1, "000000000000 0000", Undecodable::Truncated(Header::Link)),
        (1, "000000000000 000000000000 8100 00", Undecodable::Truncated(Header::Vlan)),
        (1, "000000000000 000000000000 0800", Undecodable::Truncated(Header::Ipv4)),
        (0, "00000007 00", Undecodable::NotIp(7)),
        (0, "000000", Undecodable::Truncated(Header::Link)),
        (147, "00000000", Undecodable::Link(LinkType::Other(147))),
        (101, "50", Undecodable::Version(5)),
        (101, "4500", Undecodable::Truncated(Header::Ipv4)),
        (101, "60000000", Undecodable::Truncated(Header::Ipv6)),
        // A header of four words, and a total length that ends inside the header.
        (101, "44000014 00000000 40060000 7f000001 7f000001", Undecodable::Length(Header::Ipv4)),
        (101, "45000013 00000000 40060000 7f000001 7f000001", Undecodable::Length(Header::Ipv4)),
        // 19 bytes are no TCP header, 7 no UDP header; a TCP header of four words; a UDP length of seven.
        (101, "45000027 00000000 40060000 7f000001 7f000001", Undecodable::Length(Header::Tcp)),
        (101, "4500001b 00000000 40110000 7f000001 7f000001", Undecodable::Length(Header::Udp)),
        (
            101,
            "45000028 00000000 40060000 7f000001 7f000001 01bbc350 00000001 00000002 40180100 00000000",
            Undecodable::Length(Header::Tcp),
        ),
        (101, "4500001c 00000000 40110000 7f000001 7f000001 0035c350 00070000", Undecodable::Length(Header::Udp)),
    ];
    for (link, bytes, expect) in table {
        let frame = hex(bytes);
        assert_eq!(decode(LinkType::from_number(link), &frame, length(&frame)), Err(expect), "{link} {bytes}");
    }
    let tags = hex(&["000000000000 000000000000", &"8100 0001".repeat(9), "0800"].concat());
    assert_eq!(decode(LinkType::Ethernet, &tags, length(&tags)), Err(Undecodable::TooMany(Header::Vlan)));
    let headers = [hex("60000000 00500040"), hex(ADDRESSES_V6), [0_u8; 8].repeat(10)].concat();
    assert_eq!(whole(&headers), Err(Undecodable::TooMany(Header::Extension)));
}

#[test]
fn extension_headers_are_walked_to_the_transport() {
    // Hop-by-hop, routing, destination options, authentication (of six words), and what the fixed header counts.
    let table = [
        ("0014 06", "", None),
        ("001c 00", "0600 0104 00000000", None),
        ("0024 2b", "3c00 0000 00000000 0600 0104 00000000", None),
        ("002c 33", "0604 0000 00000000 00000000 00000000 00000000 00000000", None),
        // A fragment header that splits nothing.
        ("001c 2c", "0600 0000 0000abcd", Some(0xabcd)),
    ];
    for (fixed, extensions, identification) in table {
        let bytes = hex(&["60000000", fixed, "40", ADDRESSES_V6, extensions, TCP_HEADER].concat());
        let packet = whole(&bytes).unwrap();
        let Transport::Tcp(tcp) = packet.transport else { panic!("{extensions}: {packet:?}") };
        assert_eq!((tcp.source, tcp.destination, tcp.payload_length), (443, 50_000, 0), "{extensions}");
        assert_eq!((packet.ip.length, packet.ip.fragment), (length(&bytes), None));
        assert_eq!(packet.ip.identification, identification);
    }
    for (next, expect) in [("32", Transport::Other(50)), ("3b", Transport::Other(59)), ("00", Transport::Truncated)] {
        let bytes = hex(&["60000000 0004", next, "40", ADDRESSES_V6, "00000000"].concat());
        assert_eq!(whole(&bytes).unwrap().transport, expect, "{next}");
    }
}

#[test]
fn fragments_keep_their_place() {
    let first =
        hex(&["45000034 12342000 40060000 7f000001 7f000001", TCP_HEADER, "0000000000000000 00000000"].concat());
    let packet = whole(&first).unwrap();
    assert_eq!(packet.ip.fragment, Some(Fragment { offset: 0, more: true }));
    assert!(matches!(packet.transport, Transport::Tcp(tcp) if tcp.payload_length == 12));

    let last = hex("4500001c 12340004 40060000 7f000001 7f000001 0102030405060708");
    let packet = whole(&last).unwrap();
    assert_eq!(packet.ip.fragment, Some(Fragment { offset: 32, more: false }));
    assert_eq!(packet.transport, Transport::Fragment);

    let last = hex(&["60000000 0010 2c 40", ADDRESSES_V6, "0600 0021 0000abcd 0102030405060708"].concat());
    let packet = whole(&last).unwrap();
    assert_eq!(packet.ip.fragment, Some(Fragment { offset: 32, more: true }));
    assert_eq!((packet.transport, packet.ip.identification), (Transport::Fragment, Some(0xabcd)));
}

#[test]
fn lengths_come_from_the_headers_wherever_the_capture_ends() {
    let source: SocketAddr = "192.0.2.1:443".parse().unwrap();
    let destination: SocketAddr = "192.0.2.2:50000".parse().unwrap();
    let payload = [7_u8; 1_000];
    let options = OptionBytes::new().timestamps(TcpTimestamps { value: 1, echo: 2 });
    let tcp = Tcp {
        source: 0,
        destination: 0,
        sequence: 1,
        acknowledgement: 2,
        flags: TcpFlags::ACK,
        window: 3,
        options: options.options(),
        payload: &payload,
        payload_length: 1_000,
    };
    let bytes = encode::between(source, destination, Transport::Tcp(tcp)).unwrap();
    assert_eq!(bytes.len(), 20 + 32 + 1_000);
    for kept in 20..bytes.len() {
        let packet = decode(LinkType::RawIp, &bytes[..kept], length(&bytes)).unwrap();
        assert_eq!(packet.ip.length, length(&bytes));
        match packet.transport {
            Transport::Truncated => assert!(kept < 40),
            Transport::Tcp(tcp) => {
                assert_eq!((tcp.payload_length, tcp.payload.len()), (1_000, kept.saturating_sub(52)));
                assert_eq!(tcp.options.timestamps().is_some(), kept >= 52);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_length_of_zero_is_what_the_wire_had() {
    // IPv4 and IPv6 as the sender sees them before its network card splits them.
    let v4 = hex(&["45000000 00000000 40060000 7f000001 7f000001", TCP_HEADER].concat());
    let v6 = hex(&["60000000 0000 06 40", ADDRESSES_V6, TCP_HEADER].concat());
    for (bytes, header) in [(v4, 20), (v6, 40)] {
        let packet = decode(LinkType::RawIp, &bytes, 100_000).unwrap();
        assert_eq!(packet.ip.length, 100_000);
        assert!(matches!(packet.transport, Transport::Tcp(tcp) if tcp.payload_length == 100_000 - header - 20));
    }
}

#[test]
fn udp_states_its_own_length() {
    // A datagram of 12 bytes, a split one of which 4 are here, and one too long for the field.
    let table = [
        ("45000020 00000000", "0014", 12, 4),
        ("45000020 00002000", "0fa0", 3_992, 4),
        ("45000020 00000000", "0000", 4, 4),
        ("45000028 00000000", "000a", 2, 2),
    ];
    for (start, field, expect, kept) in table {
        let bytes =
            hex(&[start, "40110000 7f000001 7f000001 0035c350", field, "0000 01020304 0000000000000000"].concat());
        let Transport::Udp(udp) = whole(&bytes).unwrap().transport else { panic!("{field}") };
        assert_eq!((udp.source, udp.payload_length, udp.payload.len()), (53, expect, kept), "{field}");
    }
}

#[test]
fn routers_quote_what_they_could_not_deliver() {
    for (digits, port) in [(PORT_UNREACHABLE, 44_775), (PORT_UNREACHABLE_V6, 45_636)] {
        let bytes = hex(digits);
        let Transport::Icmp(icmp) = whole(&bytes).unwrap().transport else { panic!("{digits}") };
        assert_eq!(icmp.meaning, IcmpMeaning::Unreachable(Unreachable::Port));
        let quoted = icmp.quoted.unwrap();
        let QuotedTransport::Udp { source, destination, length, .. } = quoted.transport else { panic!("{quoted:?}") };
        assert_eq!((source, destination, length), (port, 18_082, 13));
        assert_eq!((quoted.ip.ttl, quoted.payload.get(8..)), (64, Some(&b"hello"[..])));
    }
}

#[test]
fn icmp_messages_have_one_meaning_in_both_versions() {
    let v4 = "45000038 00010000 fe010000 c0000201 c0000202";
    let v6 = "60000000 0040 3a fe 20010db8000000000000000000000001 20010db8000000000000000000000002";
    let probe_v4 = "4500003c abcd0000 01060000 c0000202 c0000203 d00001bb 00c0ffee";
    let probe_v6 = "60000000 0014 06 01 20010db8000000000000000000000002 20010db8000000000000000000000003
        d00001bb 00c0ffee";
    let table = [
        (v4, probe_v4, "0b00 0000 00000000", IcmpMeaning::TimeExceeded),
        (v4, probe_v4, "0b01 0000 00000000", IcmpMeaning::ReassemblyTimeExceeded),
        (v4, probe_v4, "0301 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Host)),
        (v4, probe_v4, "0304 0000 000005dc", IcmpMeaning::Unreachable(Unreachable::TooBig { mtu: 1_500 })),
        (v4, probe_v4, "030d 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Prohibited)),
        (v4, probe_v4, "0305 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Other(5))),
        (v6, probe_v6, "0300 0000 00000000", IcmpMeaning::TimeExceeded),
        (v6, probe_v6, "0100 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Network)),
        (v6, probe_v6, "0101 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Prohibited)),
        (v6, probe_v6, "0103 0000 00000000", IcmpMeaning::Unreachable(Unreachable::Host)),
        (v6, probe_v6, "0200 0000 00000500", IcmpMeaning::Unreachable(Unreachable::TooBig { mtu: 1_280 })),
        (v6, probe_v6, "0401 0000 00000028", IcmpMeaning::Unreachable(Unreachable::Protocol)),
    ];
    for (ip, probe, message, expect) in table {
        let bytes = hex(&[ip, message, probe].concat());
        let Transport::Icmp(icmp) = whole(&bytes).unwrap().transport else { panic!("{message}") };
        assert_eq!(icmp.meaning, expect, "{message}");
        let quoted = icmp.quoted.unwrap();
        let expect = QuotedTransport::Tcp { source: 53_248, destination: 443, sequence: 0x00c0_ffee };
        assert_eq!((quoted.transport, quoted.ip.ttl), (expect, 1), "{message}");
    }
    for (ip, echo) in [(v4, "0800"), (v6, "8000"), (v6, "8700")] {
        let bytes = hex(&[ip, echo, "0000 00010001 45000000"].concat());
        let Transport::Icmp(icmp) = whole(&bytes).unwrap().transport else { panic!("{echo}") };
        assert_eq!((icmp.meaning, icmp.quoted), (IcmpMeaning::Other, None));
    }
    // A quoted packet that says too little is told as that.
    let short = hex(&[v4, "0b00 0000 00000000 4500003c abcd0000 01060000 c0000202 c0000203 d000"].concat());
    let Transport::Icmp(icmp) = whole(&short).unwrap().transport else { panic!() };
    assert_eq!(icmp.quoted.map(|quoted| quoted.transport), Some(QuotedTransport::Truncated));
}

#[test]
fn options_are_read_up_to_the_first_that_is_broken() {
    let blocks = [SackBlock { left: 1, right: 2 }, SackBlock { left: 0xffff_fff0, right: 5 }];
    let written = OptionBytes::new().timestamps(TcpTimestamps { value: 7, echo: 8 }).sack(&blocks);
    assert_eq!(written.options().sack_blocks().collect::<Vec<_>>(), blocks);
    assert_eq!(written.options().timestamps(), Some(TcpTimestamps { value: 7, echo: 8 }));

    // (options, how many are read, MSS)
    let table = [
        ("", 0, None),
        ("01010101", 0, None),
        ("00 020405b4", 0, None),
        ("01 020405b4", 1, Some(1_460)),
        ("fe0400ff 020405b4", 2, Some(1_460)),
        ("020305 00", 1, None),
        ("0200 020405b4", 0, None),
        ("0201 020405b4", 0, None),
        ("0209 020405b4", 0, None),
        ("02", 0, None),
        ("050b 0000000000000000 00", 1, None),
    ];
    for (digits, count, mss) in table {
        let bytes = hex(digits);
        let options = TcpOptions::new(&bytes);
        assert_eq!((options.iter().count(), options.mss()), (count, mss), "{digits}");
    }
    assert_eq!(TcpOptions::new(&[3, 3, 77]).window_scale(), Some(14));
}

#[test]
fn flags_have_letters() {
    let table = [(0x002, "S"), (0x012, "SA"), (0x018, "PA"), (0x011, "FA"), (0x004, "R"), (0x0c2, "SEC"), (0, "")];
    for (bits, letters) in table {
        assert_eq!(TcpFlags::from_bits(bits).to_string(), letters);
    }
    assert!((TcpFlags::SYN | TcpFlags::ACK).contains(TcpFlags::SYN));
    assert!(!TcpFlags::SYN.contains(TcpFlags::SYN | TcpFlags::ACK));
}

#[test]
fn what_no_header_can_hold_is_refused() {
    let v4: SocketAddr = "192.0.2.1:1".parse().unwrap();
    let v6: SocketAddr = "[::1]:2".parse().unwrap();
    let udp = Udp { source: 1, destination: 2, payload: &[], payload_length: 0 };
    let check = |source, destination, transport| encode::between(source, destination, transport).unwrap_err();
    let families = Unencodable::Families { source_address: v4.ip(), destination: v6.ip() };
    assert_eq!(check(v4, v6, Transport::Udp(udp)), families);
    assert_eq!(check(v4, v4, Transport::Fragment), Unencodable::Transport);
    let long = Udp { payload_length: 65_530, ..udp };
    assert_eq!(check(v4, v4, Transport::Udp(long)), Unencodable::TooLong(65_530));
    let odd = Udp { payload: &[1], ..udp };
    assert_eq!(check(v6, v6, Transport::Udp(odd)), Unencodable::Payload { kept: 1, length: 0 });
    assert_eq!(encode::frame(LinkType::Other(9), &[]), Err(Unencodable::Link(LinkType::Other(9))));
}

#[test]
fn checksums_are_right() {
    for text in ["192.0.2.1:443", "[2001:db8::1]:443"] {
        let end: SocketAddr = text.parse().unwrap();
        let udp = Udp { source: 0, destination: 0, payload: b"odd", payload_length: 3 };
        let bytes = encode::between(end, end, Transport::Udp(udp)).unwrap();
        let start = bytes.len() - 11;
        let sum = checksum::Checksum::of_transport(end.ip(), end.ip(), 17, 11).with(&bytes[start..]);
        assert_eq!(sum.finish(), 0, "{text}");
        if end.is_ipv4() {
            assert_eq!(checksum::Checksum::new().with(&bytes[..20]).finish(), 0);
        }
    }
}

const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::RawIp,
    LinkType::RawIpv4,
    LinkType::RawIpv6,
    LinkType::NullLoopback,
    LinkType::Loop,
    LinkType::Other(9),
];

/// Reads everything that is read on demand.
fn look_everywhere(packet: &Packet<'_>, captured: usize) {
    match packet.transport {
        Transport::Tcp(tcp) => {
            let options = tcp.options;
            assert!(options.iter().count() <= 20);
            let _ = (options.mss(), options.window_scale(), options.sack_permitted(), options.timestamps());
            assert!(options.sack_blocks().count() <= 4);
            assert!(tcp.payload.len() as u64 <= u64::from(tcp.payload_length));
            assert!(tcp.payload.len() <= captured);
        }
        Transport::Udp(udp) => assert!(udp.payload.len() as u64 <= u64::from(udp.payload_length)),
        Transport::Icmp(icmp) => assert!(icmp.quoted.is_none_or(|quoted| quoted.payload.len() <= captured)),
        Transport::Fragment | Transport::Truncated | Transport::Other(_) => {}
    }
}

/// Bytes that are nearly a packet: random ones would seldom get behind the first length field.
fn nearly_packets() -> impl Strategy<Value = Vec<u8>> {
    let seeds = [SYN, SYN_ACK_V6, PORT_UNREACHABLE, PORT_UNREACHABLE_V6].map(hex);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (prop::sample::select(seeds.to_vec()), changes, any::<prop::sample::Index>()).prop_map(
        |(mut bytes, changes, end)| {
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let end = end.index(bytes.len() + 1);
            bytes.truncate(end);
            bytes
        },
    )
}

fn packets() -> impl Strategy<Value = (IpAddr, IpAddr, Ip)> {
    let v4 = any::<([u8; 4], [u8; 4], u16)>()
        .prop_map(|(source, destination, id)| (IpAddr::from(source), IpAddr::from(destination), Some(u32::from(id))));
    let v6 = any::<([u8; 16], [u8; 16], Option<u32>)>()
        .prop_map(|(source, destination, id)| (IpAddr::from(source), IpAddr::from(destination), id));
    (prop_oneof![v4, v6], any::<u8>(), 0_u8..4, any::<bool>()).prop_map(
        |((source, destination, id), ttl, ecn, more)| {
            let fragment = (more && id.is_some()).then_some(Fragment { offset: 0, more: true });
            let ecn = Ecn::from_traffic_class(ecn);
            (source, destination, Ip { source, destination, ttl, ecn, length: 0, identification: id, fragment })
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), nearly_packets()],
        original in any::<u32>(),
    ) {
        for link in LINKS {
            if let Ok(packet) = decode(link, &bytes, original) {
                look_everywhere(&packet, bytes.len());
            }
        }
    }

    #[test]
    fn encode_then_decode_is_the_identity(
        (source, destination, ip) in packets(),
        ports in any::<(u16, u16)>(),
        numbers in any::<(u32, u32, u16)>(),
        flags in 0_u16..0x200,
        words in prop::collection::vec(any::<[u8; 4]>(), 0..=10),
        payload in prop::collection::vec(any::<u8>(), 0..1_500),
        missing in 0_u32..2_000,
        link in prop::sample::select(LINKS[..8].to_vec()),
        kind in prop::sample::select(vec!["tcp", "udp"]),
    ) {
        let payload_length = length(&payload) + missing;
        let options = words.concat();
        let transport = match kind {
            "tcp" => Transport::Tcp(Tcp {
                source: ports.0,
                destination: ports.1,
                sequence: numbers.0,
                acknowledgement: numbers.1,
                flags: TcpFlags::from_bits(flags),
                window: numbers.2,
                options: TcpOptions::new(&options),
                payload: &payload,
                payload_length,
            }),
            _ => Transport::Udp(Udp { source: ports.0, destination: ports.1, payload: &payload, payload_length }),
        };
        let packet = Packet { ip, transport };
        let bytes = encode::packet(&packet).unwrap();
        let frame = encode::frame(link, &bytes).unwrap();
        let decoded = decode(link, &frame, length(&frame) + missing).unwrap();
        prop_assert_eq!((decoded.ip.source, decoded.ip.destination), (source, destination));
        prop_assert_eq!(decoded.ip.length, length(&bytes) + missing);
        prop_assert_eq!(decoded.transport, packet.transport);
        prop_assert_eq!(Ip { length: 0, ..decoded.ip }, packet.ip);
    }
}

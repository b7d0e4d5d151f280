//! The kernel's filter: a classic BPF program that lets through the packets of some flows, and nothing else.
//!
//! Pure: flows in, instructions out. The program reads from the network header on (`SKF_NET_OFF`), so that it is the same on
//! every kind of link, and takes the link's protocol from the packet's metadata (`Documentation/networking/filter.rst` in the
//! kernel's source). A flow is a block that ends in its own `ret`, and jumps over itself where a packet is not the flow's: no
//! jump is longer than one block, whatever their number.
//!
//! What this host sends is let through as it leaves, what it receives as it arrives: the loopback interface shows each packet
//! both ways, and the other way belongs to the other end.
//!
//! Deliberately absent: fragments behind the first, which have no ports, and IPv6 extension headers: no flow of this program's
//! own has any. Both are not let through.

use std::net::{IpAddr, SocketAddr};

use crate::probe::Carrier;

/// Instructions that the kernel takes in one program (`BPF_MAXINSNS`).
const LONGEST: usize = 4_096;

/// One instruction, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) if_true: u8,
    pub(super) if_false: u8,
    pub(super) operand: u32,
}

/// One flow of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) carrier: Carrier,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// How much of each packet is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapLength(pub(super) u32);

/// More flows than one program has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyFlows;

mod code {
    //! Instruction codes (`linux/bpf_common.h`).
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    pub(super) const LOAD_WORD_BEHIND_X: u16 = 0x40;
    pub(super) const LOAD_X: u16 = 0x01;
    pub(super) const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
    pub(super) const JUMP: u16 = 0x05;
    pub(super) const IF_EQUAL: u16 = 0x15;
    pub(super) const IF_ANY_BIT: u16 = 0x45;
    pub(super) const RETURN: u16 = 0x06;
}

/// Offsets from here count from the network header (`SKF_NET_OFF`).
const NETWORK: u32 = 0xfff0_0000;
/// The link's protocol, an `EtherType` (`SKF_AD_OFF + SKF_AD_PROTOCOL`).
const LINK_PROTOCOL: u32 = 0xffff_f000;
/// Whether the packet leaves or arrives (`SKF_AD_OFF + SKF_AD_PKTTYPE`).
const PACKET_TYPE: u32 = 0xffff_f004;
const TO_THIS_HOST: u32 = 0;
const OUTGOING: u32 = 4;
const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
/// The 13 bits of a fragment's offset (RFC 791 §3.1).
const FRAGMENT_OFFSET: u32 = 0x1fff;
const IPV6_HEADER: u32 = 40;

/// The program that keeps so much of the packets of these flows, both directions, and drops the rest.
pub(super) fn program(flows: &[Ends], keep: SnapLength) -> Result<Vec<Instruction>, TooManyFlows> {
    let family = |of: fn(&SocketAddr) -> bool| flows.iter().filter(move |ends| of(&ends.local) && of(&ends.remote));
    let v4: Vec<Instruction> = family(SocketAddr::is_ipv4).flat_map(|ends| block(ends, keep)).collect();
    let v6: Vec<Instruction> = family(SocketAddr::is_ipv6).flat_map(|ends| block(ends, keep)).collect();
    let over_v4 = operand(V4_HEAD.len() + v4.len() + 1)?;
    let program: Vec<Instruction> = [load(code::LOAD_HALF, LINK_PROTOCOL)]
        .into_iter()
        .chain([skip_if_equal(ETHERTYPE_IPV4), jump(over_v4)])
        .chain(V4_HEAD)
        .chain(v4)
        .chain([drop_it()])
        .chain(V6_HEAD)
        .chain(v6)
        .chain([drop_it()])
        .collect();
    if program.len() > LONGEST { Err(TooManyFlows) } else { Ok(program) }
}

/// No fragment behind the first; X is the length of the header.
const V4_HEAD: [Instruction; 4] = [
    load(code::LOAD_HALF, NETWORK + 6),
    Instruction { code: code::IF_ANY_BIT, if_true: 0, if_false: 1, operand: FRAGMENT_OFFSET },
    drop_it(),
    load(code::LOAD_X_HEADER_LENGTH, NETWORK),
];

/// IPv6, and X is the length of its header.
const V6_HEAD: [Instruction; 4] =
    [load(code::LOAD_HALF, LINK_PROTOCOL), skip_if_equal(ETHERTYPE_IPV6), drop_it(), load(code::LOAD_X, IPV6_HEADER)];

/// Lets one flow's packets through. Ports come first: they tell flows apart best.
fn block(ends: &Ends, keep: SnapLength) -> Vec<Instruction> {
    let one_way = |from: SocketAddr, to: SocketAddr, packet_type: u32| {
        let (source_at, destination_at, protocol_at) = if from.is_ipv4() { (12, 16, 9) } else { (8, 24, 6) };
        let ports = u32::from(from.port()) << 16 | u32::from(to.port());
        let protocol = u32::from(ends.carrier.protocol());
        let addresses = words(from.ip(), source_at).chain(words(to.ip(), destination_at));
        let checks: Vec<(Instruction, u32)> = [(load(code::LOAD_WORD_BEHIND_X, NETWORK), ports)]
            .into_iter()
            .chain([(load(code::LOAD_BYTE, NETWORK + protocol_at), protocol)])
            .chain([(load(code::LOAD_BYTE, PACKET_TYPE), packet_type)])
            .chain(addresses)
            .collect();
        // What follows each check: the checks behind it, two instructions each, and `ret`.
        let left = |index: usize| u8::try_from(2 * (checks.len() - 1 - index) + 1).unwrap_or(u8::MAX);
        let mut instructions = Vec::new();
        for (index, (loaded, expect)) in checks.iter().enumerate() {
            instructions.extend([*loaded, unless_equal(*expect, left(index))]);
        }
        instructions.push(Instruction { code: code::RETURN, if_true: 0, if_false: 0, operand: keep.0 });
        instructions
    };
    [one_way(ends.local, ends.remote, OUTGOING), one_way(ends.remote, ends.local, TO_THIS_HOST)].concat()
}

/// Loads of each word of an address that stands at `offset` of the header, and what they should give.
fn words(address: IpAddr, offset: u32) -> impl Iterator<Item = (Instruction, u32)> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
    (0..).zip(words).map(move |(index, word)| (load(code::LOAD_WORD, NETWORK + offset + 4 * index), word))
}

const fn load(code: u16, operand: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, operand }
}

const fn unless_equal(operand: u32, skip: u8) -> Instruction {
    Instruction { code: code::IF_EQUAL, if_true: 0, if_false: skip, operand }
}

const fn skip_if_equal(operand: u32) -> Instruction {
    Instruction { code: code::IF_EQUAL, if_true: 1, if_false: 0, operand }
}

const fn jump(operand: u32) -> Instruction {
    Instruction { code: code::JUMP, if_true: 0, if_false: 0, operand }
}

const fn drop_it() -> Instruction {
    Instruction { code: code::RETURN, if_true: 0, if_false: 0, operand: 0 }
}

fn operand(length: usize) -> Result<u32, TooManyFlows> {
    u32::try_from(length).map_err(|_| TooManyFlows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEEP: SnapLength = SnapLength(128);

    /// What the kernel makes of a packet: how much of it is kept. As `Documentation/networking/filter.rst` has it; a load
    /// from behind the packet's end drops it.
    fn run(program: &[Instruction], ethertype: u16, packet_type: u32, packet: &[u8]) -> u32 {
        let (mut accumulator, mut index, mut at) = (0_u32, 0_u32, 0);
        let load = |offset: u32, length: usize| {
            let from = usize::try_from(offset.wrapping_sub(NETWORK)).unwrap();
            let bytes = packet.get(from..from + length)?;
            Some(bytes.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)))
        };
        loop {
            let Instruction { code: what, if_true, if_false, operand } = program[at];
            at += 1;
            let branch = |condition: bool| usize::from(if condition { if_true } else { if_false });
            let loaded = match what {
                code::LOAD_HALF if operand == LINK_PROTOCOL => Some(u32::from(ethertype)),
                code::LOAD_BYTE if operand == PACKET_TYPE => Some(packet_type),
                code::LOAD_WORD => load(operand, 4),
                code::LOAD_HALF => load(operand, 2),
                code::LOAD_BYTE => load(operand, 1),
                code::LOAD_WORD_BEHIND_X => load(operand.wrapping_add(index), 4),
                code::LOAD_X => {
                    index = operand;
                    continue;
                }
                code::LOAD_X_HEADER_LENGTH => {
                    index = load(operand, 1).map_or(0, |byte| 4 * (byte & 0xf));
                    continue;
                }
                code::JUMP => {
                    at += usize::try_from(operand).unwrap();
                    continue;
                }
                code::IF_EQUAL => {
                    at += branch(accumulator == operand);
                    continue;
                }
                code::IF_ANY_BIT => {
                    at += branch(accumulator & operand != 0);
                    continue;
                }
                code::RETURN => return operand,
                other => panic!("no such instruction: {other:#x}"),
            };
            let Some(loaded) = loaded else { return 0 };
            accumulator = loaded;
        }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ends(carrier: Carrier, local: &str, remote: &str) -> Ends {
        Ends { carrier, local: at(local), remote: at(remote) }
    }

    /// A packet as far as the filter looks, with so many bytes of IPv4 options.
    fn packet(protocol: u8, from: SocketAddr, to: SocketAddr, options: u8) -> (u16, Vec<u8>) {
        let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        match (from.ip(), to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut header = vec![0_u8; 20];
                header[0] = 0x40 | (5 + options / 4);
                header[9] = protocol;
                header[12..16].copy_from_slice(&source.octets());
                header[16..20].copy_from_slice(&destination.octets());
                header.extend(vec![1; usize::from(options)]);
                (0x0800, [header, ports].concat())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut header = vec![0_u8; 40];
                header[0] = 0x60;
                header[6] = protocol;
                header[8..24].copy_from_slice(&source.octets());
                header[24..40].copy_from_slice(&destination.octets());
                (0x86dd, [header, ports].concat())
            }
            _ => panic!("one family"),
        }
    }

    /// Whether a packet is kept as it leaves, and as it arrives.
    fn kept(flows: &[Ends], protocol: u8, from: &str, to: &str, options: u8) -> (bool, bool) {
        let (ethertype, bytes) = packet(protocol, at(from), at(to), options);
        let one_way = |packet_type| {
            let kept = run(&program(flows, KEEP).unwrap(), ethertype, packet_type, &bytes);
            assert!(kept == 0 || kept == KEEP.0, "{kept}");
            kept > 0
        };
        // Promiscuous neighbours' packets never are.
        assert!(!one_way(3));
        (one_way(OUTGOING), one_way(TO_THIS_HOST))
    }

    fn flows() -> Vec<Ends> {
        vec![
            ends(Carrier::Tcp, "192.0.2.1:40000", "198.51.100.2:443"),
            ends(Carrier::Udp, "192.0.2.1:40001", "198.51.100.3:53"),
            ends(Carrier::Tcp, "[2001:db8::1]:40000", "[2001:db8:1:2:3:4:5:6]:443"),
            ends(Carrier::Udp, "[2001:db8::1]:40002", "[2001:db8::53]:53"),
            ends(Carrier::Tcp, "127.0.0.1:5000", "127.0.0.1:5000"),
            ends(Carrier::Tcp, "127.0.0.1:5001", "127.0.0.1:80"),
        ]
    }

    #[test]
    fn a_flow_is_kept_in_both_directions_and_nothing_else_is() {
        let (leaving, arriving, both, neither) = ((true, false), (false, true), (true, true), (false, false));
        for (protocol, from, to, options, expect) in [
            (6, "192.0.2.1:40000", "198.51.100.2:443", 0, leaving),
            (6, "198.51.100.2:443", "192.0.2.1:40000", 0, arriving),
            (6, "198.51.100.2:443", "192.0.2.1:40000", 40, arriving),
            (17, "198.51.100.3:53", "192.0.2.1:40001", 4, arriving),
            (6, "2001:db8::1:40000", "2001:db8:1:2:3:4:5:6:443", 0, leaving),
            (17, "2001:db8::53:53", "2001:db8::1:40002", 0, arriving),
            // One address, two ports: each packet once.
            (6, "127.0.0.1:5001", "127.0.0.1:80", 0, leaving),
            (6, "127.0.0.1:80", "127.0.0.1:5001", 0, arriving),
            // One address and one port: connected to itself, it sends and receives each packet.
            (6, "127.0.0.1:5000", "127.0.0.1:5000", 0, both),
            // Another protocol, port, address, or ends exchanged by halves.
            (17, "192.0.2.1:40000", "198.51.100.2:443", 0, neither),
            (6, "192.0.2.1:40001", "198.51.100.3:53", 0, neither),
            (6, "192.0.2.1:40000", "198.51.100.2:444", 0, neither),
            (6, "192.0.2.1:443", "198.51.100.2:40000", 0, neither),
            (6, "198.51.100.2:40000", "192.0.2.1:443", 0, neither),
            (6, "192.0.2.1:40000", "198.51.100.3:443", 0, neither),
            (6, "192.0.2.2:40000", "198.51.100.2:443", 0, neither),
            (6, "2001:db8::1:40000", "2001:db8:1:2:3:4:5:7:443", 0, neither),
            (6, "2001:db8::2:40000", "2001:db8:1:2:3:4:5:6:443", 0, neither),
        ] {
            let bracketed = |text: &str| match text.rsplit_once(':') {
                Some((address, port)) if address.contains(':') => format!("[{address}]:{port}"),
                _ => text.to_owned(),
            };
            let kept = kept(&flows(), protocol, &bracketed(from), &bracketed(to), options);
            assert_eq!(kept, expect, "{protocol} {from} {to} {options}");
        }
    }

    #[test]
    fn without_flows_or_headers_nothing_is_kept() {
        assert_eq!(kept(&[], 6, "192.0.2.1:40000", "198.51.100.2:443", 0), (false, false));
        assert_eq!(kept(&[], 6, "[::1]:40000", "[::1]:443", 0), (false, false));
        let program = program(&flows(), KEEP).unwrap();
        // ARP, and what ends too early.
        assert_eq!(run(&program, 0x0806, OUTGOING, &[0; 60]), 0);
        let (ethertype, bytes) = packet(6, at("192.0.2.1:40000"), at("198.51.100.2:443"), 0);
        for length in 0..bytes.len() {
            assert_eq!(run(&program, ethertype, OUTGOING, &bytes[..length]), 0, "{length}");
        }
        let mut fragment = bytes;
        fragment[7] = 1;
        assert_eq!(run(&program, ethertype, OUTGOING, &fragment), 0);
    }

    #[test]
    fn the_kernel_takes_no_more_than_it_can() {
        let flow = |port: u16| Ends { local: SocketAddr::new("::1".parse().unwrap(), port), ..flows()[3] };
        let most = (1..1_000).find(|count| program(&(0..*count).map(flow).collect::<Vec<_>>(), KEEP).is_err()).unwrap();
        assert!((80..200).contains(&most), "{most}");
        let many: Vec<Ends> = (0..most - 1).map(flow).collect();
        let last = many[many.len() - 1];
        let (ethertype, bytes) = packet(17, last.remote, last.local, 0);
        assert_eq!(run(&program(&many, KEEP).unwrap(), ethertype, TO_THIS_HOST, &bytes), KEEP.0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..80), v6 in any::<bool>()) {
            let ethertype = if v6 { 0x86dd } else { 0x0800 };
            prop_assert!(run(&program(&flows(), KEEP).unwrap(), ethertype, OUTGOING, &bytes) <= KEEP.0);
        }
    }
}

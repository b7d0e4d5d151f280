//! The probes as bytes: SYNs of one flow that differ in nothing that a load balancer looks at.
//!
//! Balancers choose a path by a hash of addresses, protocol and ports, some over whatever stands in the first bytes of the
//! transport header. All probes share these, as Paris traceroute's do (Augustin et al., "Avoiding traceroute anomalies with
//! Paris traceroute", IMC 2006). What tells them apart is the sequence number: routers quote it (RFC 792), and whoever
//! answers acknowledges it. Its two halves grow and shrink by the same amount, so that the checksum stays the same, too.
//!
//! Deliberately absent: the IP header, which the kernel writes.

use std::net::{IpAddr, SocketAddr};

use pnet::packet::tcp::{MutableTcpPacket, TcpFlags, TcpOption, ipv4_checksum, ipv6_checksum};

/// The bytes of a SYN: a header, and one option.
pub(super) const SYN_BYTES: usize = 24;
/// In words of 32 bits.
const SYN_WORDS: u8 = 6;
/// What a SYN of an ordinary connection announces on Ethernet, for IPv4 and IPv6: some firewalls want to see one.
const MSS_IPV4: u16 = 1_460;
const MSS_IPV6: u16 = 1_440;
/// By how much each half of the sequence number differs from one probe to the next: two probes are then further apart than
/// any window (65,535 bytes) reaches, so that a listener takes none for a part of the connection that another began.
const STRIDE: u16 = 2;
/// Probes whose sequence numbers are told apart; a search sends far fewer.
const MOST_PROBES: u16 = 4_096;

/// The sequence numbers of the probes of one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequences {
    high: u16,
    low: u16,
}

impl Sequences {
    /// From a random number: whoever does not see the probes cannot guess them.
    pub(super) const fn from_random(random: u32) -> Self {
        // No half ever wraps: 0x3fff + 2 × 4096 < 0x10000, and 0xc000 - 2 × 4096 > 0.
        let [high1, high2, low1, low2] = random.to_be_bytes();
        Self { high: u16::from_be_bytes([high1, high2]) & 0x3fff, low: u16::from_be_bytes([low1, low2]) | 0xc000 }
    }

    /// That of a probe, counted from 0.
    pub(super) fn of(self, probe: u16) -> u32 {
        let step = probe.min(MOST_PROBES - 1) * STRIDE;
        u32::from(self.high + step) << 16 | u32::from(self.low - step)
    }

    /// The probe with that number, if one of the first `sent` has it.
    pub(super) fn probe(self, sequence: u32, sent: usize) -> Option<usize> {
        let high = u16::try_from(sequence >> 16).ok()?;
        let probe = high.checked_sub(self.high)? / STRIDE;
        (usize::from(probe) < sent && self.of(probe) == sequence).then_some(usize::from(probe))
    }
}

/// A SYN without its IP header. Both ends are of one family; the checksum is complete.
pub(super) fn syn(source: SocketAddr, destination: SocketAddr, sequence: u32) -> [u8; SYN_BYTES] {
    /// What clients announce before they know better.
    const WINDOW: u16 = 64_240;
    let mut bytes = [0; SYN_BYTES];
    // The bytes are enough for a header: there is always a packet.
    if let Some(mut packet) = MutableTcpPacket::new(&mut bytes) {
        packet.set_source(source.port());
        packet.set_destination(destination.port());
        packet.set_sequence(sequence);
        packet.set_data_offset(SYN_WORDS);
        packet.set_flags(TcpFlags::SYN);
        packet.set_window(WINDOW);
        packet.set_options(&[TcpOption::mss(if destination.is_ipv4() { MSS_IPV4 } else { MSS_IPV6 })]);
        let checksum = match (source.ip(), destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(to)) => ipv4_checksum(&packet.to_immutable(), &source, &to),
            (IpAddr::V6(source), IpAddr::V6(to)) => ipv6_checksum(&packet.to_immutable(), &source, &to),
            _ => 0,
        };
        packet.set_checksum(checksum);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::{LinkType, Transport, decode};

    fn ends(v6: bool) -> (SocketAddr, SocketAddr) {
        let text =
            if v6 { ("[2001:db8::1]:40001", "[2001:db8:9::2]:443") } else { ("192.0.2.10:40001", "198.51.100.2:443") };
        (text.0.parse().unwrap(), text.1.parse().unwrap())
    }

    #[test]
    fn a_syn_is_one_for_those_who_read_it() {
        let (source, destination) = ends(false);
        let syn = syn(source, destination, 0x0102_0304);
        let mut packet = vec![0x45, 0, 0, 44, 0, 0, 0, 0, 9, 6, 0, 0, 192, 0, 2, 10, 198, 51, 100, 2];
        packet.extend(syn);
        let decoded = decode(LinkType::RawIp, &packet, 44).unwrap();
        let Transport::Tcp(tcp) = decoded.transport else { panic!("{decoded:?}") };
        assert_eq!((tcp.source, tcp.destination, tcp.sequence), (40_001, 443, 0x0102_0304));
        assert!(tcp.flags.syn() && !tcp.flags.ack() && tcp.payload.is_empty());
        assert_eq!(tcp.options.mss(), Some(MSS_IPV4));
    }

    /// RFC 1071 over the pseudo header and the bytes, checksum included: 0 where it is right.
    fn rest_of_sum(source: SocketAddr, destination: SocketAddr, syn: &[u8]) -> u16 {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let pseudo = [octets(source.ip()), octets(destination.ip()), vec![0, 6, 0, 24], syn.to_vec()].concat();
        let sum: u32 = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()
    }

    proptest! {
        #[test]
        fn probes_differ_in_their_sequence_number_alone(random in any::<u32>(), probe in 1..300_u16, v6 in any::<bool>()) {
            let (source, destination) = ends(v6);
            let sequences = Sequences::from_random(random);
            let first = syn(source, destination, sequences.of(0));
            let other = syn(source, destination, sequences.of(probe));
            prop_assert_eq!(&first[..4], &other[..4]);
            prop_assert_ne!(&first[4..8], &other[4..8]);
            prop_assert_eq!(&first[8..], &other[8..], "the checksum among them");
            prop_assert_eq!(rest_of_sum(source, destination, &other), 0);
        }

        #[test]
        fn a_sequence_number_names_its_probe_and_no_other(random in any::<u32>(), probe in 0..300_u16, any in any::<u32>()) {
            let sequences = Sequences::from_random(random);
            let number = usize::from(probe);
            prop_assert_eq!(sequences.probe(sequences.of(probe), number + 1), Some(number));
            prop_assert_eq!(sequences.probe(sequences.of(probe), number), None);
            prop_assert_eq!(sequences.probe(sequences.of(probe).wrapping_add(1), 300), None);
            if let Some(found) = sequences.probe(any, 300) {
                prop_assert_eq!(sequences.of(u16::try_from(found).unwrap()), any);
            }
        }

        #[test]
        fn two_probes_are_further_apart_than_a_window(random in any::<u32>(), one in 0..300_u16, other in 0..300_u16) {
            let sequences = Sequences::from_random(random);
            prop_assume!(one != other);
            let apart = sequences.of(one).wrapping_sub(sequences.of(other));
            prop_assert!(apart.min(apart.wrapping_neg()) > 65_535);
        }
    }
}

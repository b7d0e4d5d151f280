//! Which packet answers which probe. Pure; any bytes are an answer to one of the probes, or none.
//!
//! Invariant: nothing counts that does not name the whole flow and one probe of it. An ICMP message has to quote both
//! addresses, both ports and a sequence number that was sent; a SYN-ACK or an RST has to come from the destination's address
//! and port and to acknowledge a sequence number that was sent.

use std::net::{IpAddr, SocketAddr};

use super::syn::Sequences;
use crate::packet::{Icmp, IcmpMeaning, Ip, Packet, QuotedTransport, Tcp, Transport, Unreachable, decode_ip};
use crate::trace::HopReply;

/// The flow that all probes of a search belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbedFlow {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequences: Sequences,
}

/// An answer to one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The probe, counted from 0 in the order of sending.
    pub(super) probe: usize,
    pub(super) from: IpAddr,
    pub(super) reply: HopReply,
}

impl ProbedFlow {
    /// What an IP packet that arrived says of one of the first `sent` probes.
    pub(super) fn answer(&self, packet: &[u8], sent: usize) -> Option<Answer> {
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let Packet { ip, transport } = decode_ip(packet, length).ok()?;
        if ip.destination != self.source.ip() {
            return None;
        }
        let (sequence, reply) = match transport {
            Transport::Tcp(tcp) => self.by_tcp(&ip, &tcp)?,
            Transport::Icmp(icmp) => self.by_icmp(&icmp)?,
            _ => return None,
        };
        Some(Answer { probe: self.sequences.probe(sequence, sent)?, from: ip.source, reply })
    }

    fn by_tcp(&self, ip: &Ip, tcp: &Tcp<'_>) -> Option<(u32, HopReply)> {
        let from = SocketAddr::new(ip.source, tcp.source);
        if !is_same(from, self.destination) || tcp.destination != self.source.port() || !tcp.flags.ack() {
            return None;
        }
        let reply = match (tcp.flags.rst(), tcp.flags.syn()) {
            (true, _) => HopReply::Rst,
            (false, true) => HopReply::SynAck,
            (false, false) => return None,
        };
        Some((tcp.acknowledgement.wrapping_sub(1), reply))
    }

    fn by_icmp(&self, icmp: &Icmp<'_>) -> Option<(u32, HopReply)> {
        let reply = match icmp.meaning {
            IcmpMeaning::TimeExceeded => HopReply::TimeExceeded,
            // A SYN is small enough for any link: a message that calls it too big is about something else.
            IcmpMeaning::Unreachable(why) if !matches!(why, Unreachable::TooBig { .. }) => {
                HopReply::Unreachable(icmp.code)
            }
            _ => return None,
        };
        let quoted = icmp.quoted?;
        let QuotedTransport::Tcp { source, destination, sequence } = quoted.transport else { return None };
        let is_ours = is_same(SocketAddr::new(quoted.ip.source, source), self.source)
            && is_same(SocketAddr::new(quoted.ip.destination, destination), self.destination);
        is_ours.then_some((sequence, reply))
    }
}

/// Whether address and port are the same: the zone of an address is not on the wire.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip() && one.port() == other.port()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hops::syn::syn;

    const SENT: u16 = 7;
    const PROBE: u16 = 3;

    fn flow(v6: bool) -> ProbedFlow {
        let (source, destination) =
            if v6 { ("[2001:db8::1]:40001", "[2001:db8:9::2]:443") } else { ("192.0.2.10:40001", "198.51.100.2:443") };
        ProbedFlow {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            sequences: Sequences::from_random(0x1234_5678),
        }
    }

    fn router(v6: bool) -> IpAddr {
        if v6 { "2001:db8:1::1" } else { "203.0.113.1" }.parse().unwrap()
    }

    fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap();
        let (mut bytes, addresses) = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let [high, low] = (length + 20).to_be_bytes();
                (
                    vec![0x45, 0, high, low, 0, 0, 0, 0, 60, protocol, 0, 0],
                    [source.octets(), destination.octets()].concat(),
                )
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let [high, low] = length.to_be_bytes();
                (vec![0x60, 0, 0, 0, high, low, protocol, 60], [source.octets(), destination.octets()].concat())
            }
            _ => panic!("two families"),
        };
        bytes.extend(addresses);
        bytes.extend(payload);
        bytes
    }

    /// The probe as it left.
    fn probe(flow: &ProbedFlow, number: u16) -> Vec<u8> {
        let syn = syn(flow.source, flow.destination, flow.sequences.of(number));
        ip(flow.source.ip(), flow.destination.ip(), 6, &syn)
    }

    /// An ICMP message of a router that quotes as many bytes of the probe's transport header.
    fn icmp(flow: &ProbedFlow, number: u16, (message, code): (u8, u8), quoted: usize) -> Vec<u8> {
        let v6 = flow.source.is_ipv6();
        let header = if v6 { 40 } else { 20 };
        let mut payload = vec![message, code, 0, 0, 0, 0, 0, 0];
        payload.extend(&probe(flow, number)[..header + quoted]);
        ip(router(v6), flow.source.ip(), if v6 { 58 } else { 1 }, &payload)
    }

    /// A TCP packet from the destination.
    fn tcp(flow: &ProbedFlow, acknowledgement: u32, flags: u8) -> Vec<u8> {
        let ports = [flow.destination.port().to_be_bytes(), flow.source.port().to_be_bytes()].concat();
        let mut header = [ports, vec![0, 0, 0, 9], acknowledgement.to_be_bytes().to_vec()].concat();
        header.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        ip(flow.destination.ip(), flow.source.ip(), 6, &header)
    }

    fn check(flow: &ProbedFlow, packet: &[u8], expect: Option<(IpAddr, HopReply)>) {
        let answer = flow.answer(packet, usize::from(SENT));
        let expect = expect.map(|(from, reply)| Answer { probe: usize::from(PROBE), from, reply });
        assert_eq!(answer, expect, "{packet:02x?}");
    }

    #[test]
    fn routers_and_the_destination_are_told_apart() {
        use HopReply::{Rst, SynAck, TimeExceeded, Unreachable};
        for v6 in [false, true] {
            let flow = flow(v6);
            let (exceeded, prohibited) = if v6 { ((3, 0), (1, 1)) } else { ((11, 0), (3, 13)) };
            check(&flow, &icmp(&flow, PROBE, exceeded, 8), Some((router(v6), TimeExceeded)));
            check(&flow, &icmp(&flow, PROBE, exceeded, 24), Some((router(v6), TimeExceeded)));
            check(&flow, &icmp(&flow, PROBE, prohibited, 8), Some((router(v6), Unreachable(prohibited.1))));
            let acknowledged = flow.sequences.of(PROBE) + 1;
            check(&flow, &tcp(&flow, acknowledged, 0x12), Some((flow.destination.ip(), SynAck)));
            check(&flow, &tcp(&flow, acknowledged, 0x14), Some((flow.destination.ip(), Rst)));
        }
    }

    #[test]
    fn what_names_another_flow_or_no_probe_is_no_answer() {
        for v6 in [false, true] {
            let flow = flow(v6);
            let (exceeded, reassembly) = if v6 { ((3, 0), (3, 1)) } else { ((11, 0), (11, 1)) };
            let too_big = if v6 { (2, 0) } else { (3, 4) };
            let echo = if v6 { (129, 0) } else { (0, 0) };
            for other in [reassembly, too_big, echo] {
                check(&flow, &icmp(&flow, PROBE, other, 8), None);
            }
            check(&flow, &icmp(&flow, PROBE, exceeded, 7), None);
            check(&flow, &icmp(&flow, SENT, exceeded, 8), None);
            let acknowledged = flow.sequences.of(PROBE) + 1;
            for (acknowledged, flags) in [(acknowledged - 1, 0x12), (acknowledged + 1, 0x12), (acknowledged, 0x10)] {
                check(&flow, &tcp(&flow, acknowledged, flags), None);
            }
            check(&flow, &tcp(&flow, acknowledged, 0x02), None);
            check(&flow, &tcp(&flow, acknowledged, 0x04), None);
            check(&flow, &tcp(&flow, flow.sequences.of(SENT) + 1, 0x12), None);
            check(&flow, &probe(&flow, PROBE), None);

            // Every byte of the addresses, of the ports and of the sequence number counts.
            let (packet, from) = (icmp(&flow, PROBE, exceeded, 8), if v6 { 40 + 8 } else { 20 + 8 });
            let addresses = if v6 { 8..40 } else { 12..20 };
            let header = addresses.end;
            for at in addresses.chain(header..header + 8).map(|at| from + at) {
                let mut foreign = packet.clone();
                foreign[at] ^= 0x40;
                check(&flow, &foreign, None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200), v6 in any::<bool>()) {
            let _ = flow(v6).answer(&bytes, usize::from(SENT));
        }

        #[test]
        fn any_damage_leaves_the_probe_or_nothing(at in 0..200_usize, to in any::<u8>(), keep in 0..200_usize, v6 in any::<bool>()) {
            let flow = flow(v6);
            let mut packet = icmp(&flow, PROBE, if v6 { (3, 0) } else { (11, 0) }, 24);
            let length = packet.len();
            packet[at % length] = to;
            packet.truncate(keep.max(1));
            if let Some(answer) = flow.answer(&packet, usize::from(SENT)) {
                prop_assert!(answer.probe < usize::from(SENT));
            }
        }
    }
}

//! As much of an Ethernet frame as the link has to know: whose it is, how long, and which landmark.
//!
//! Its own reading of headers, so that what the program reads from captured packets can be held against what the link did.
//! Invariant: any bytes are read without a panic. Deliberately absent: VLANs, IPv6 extension headers (such a packet has
//! addresses and no landmark but [`Landmark::Packet`]), reassembly, checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::conditions::Landmark;

/// Bytes before the IP header.
const ETHERNET: usize = 14;
const TCP: u8 = 6;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// The type of a TLS record with handshake messages (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// An IP packet in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading<'frame> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Bytes from the IP header to the packet's end, as the header says.
    pub(super) length: u32,
    tcp: Option<Tcp<'frame>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tcp<'frame> {
    flags: u8,
    payload: &'frame [u8],
}

/// `None` where there is no IP packet.
pub(super) fn read(frame: &[u8]) -> Option<Reading<'_>> {
    let ether_type = u16::from_be_bytes(*frame.get(12..)?.first_chunk()?);
    let packet = frame.get(ETHERNET..)?;
    match ether_type {
        0x0800 => read_v4(packet),
        0x86dd => read_v6(packet),
        _ => None,
    }
}

fn read_v4(packet: &[u8]) -> Option<Reading<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let length = u16::from_be_bytes([header[2], header[3]]);
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let fragment_offset = u16::from_be_bytes([header[6] & 0x1f, header[7]]);
    let payload = packet.get(usize::from(header[0] & 0x0f) * 4..usize::from(length).min(packet.len()));
    Some(Reading {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        length: length.into(),
        tcp: payload.filter(|_| header[9] == TCP && fragment_offset == 0).and_then(read_tcp),
    })
}

fn read_v6(packet: &[u8]) -> Option<Reading<'_>> {
    const HEADER: usize = 40;
    let payload_length = usize::from(u16::from_be_bytes(*packet.get(4..)?.first_chunk()?));
    let next_header = *packet.get(6)?;
    let address = |at: usize| Some(IpAddr::from(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?)));
    let payload = packet.get(HEADER..(HEADER + payload_length).min(packet.len()));
    Some(Reading {
        source: address(8)?,
        destination: address(24)?,
        length: u32::try_from(HEADER + payload_length).ok()?,
        tcp: payload.filter(|_| next_header == TCP).and_then(read_tcp),
    })
}

fn read_tcp(packet: &[u8]) -> Option<Tcp<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let payload = packet.get(usize::from(header[12] >> 4) * 4..)?;
    Some(Tcp { flags: header[13], payload })
}

impl Reading<'_> {
    pub(super) fn is(&self, landmark: Landmark) -> bool {
        let flags = |mask: u8| self.tcp.map(|tcp| tcp.flags & mask);
        let payload = self.tcp.map_or(&[][..], |tcp| tcp.payload);
        let begins_handshake = |kind: u8| payload.first() == Some(&HANDSHAKE) && payload.get(5) == Some(&kind);
        match landmark {
            Landmark::Packet => true,
            Landmark::Syn => flags(SYN | ACK) == Some(SYN),
            Landmark::SynAck => flags(SYN | ACK) == Some(SYN | ACK),
            Landmark::Payload => !payload.is_empty(),
            Landmark::ClientHello => begins_handshake(1),
            Landmark::ServerHello => begins_handshake(2),
            Landmark::Fin => flags(FIN) == Some(FIN),
        }
    }
}

#[cfg(test)]
pub(super) mod examples {
    //! Frames for the tests of this module and of those above it.

    use std::net::IpAddr;

    pub(in super::super) const CLIENT_HELLO: &[u8] = &[22, 3, 1, 0, 2, 1, 0];
    pub(in super::super) const SERVER_HELLO: &[u8] = &[22, 3, 3, 0, 2, 2, 0];

    /// A frame with a TCP packet.
    pub(in super::super) fn tcp(source: &str, destination: &str, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut tcp = vec![0; 20];
        tcp[12] = 5 << 4;
        tcp[13] = flags;
        tcp.extend_from_slice(payload);
        let length = u16::try_from(tcp.len()).unwrap();
        let mut frame = vec![0; 12];
        match (source.parse().unwrap(), destination.parse().unwrap()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend_from_slice(&[8, 0, 0x45, 0]);
                frame.extend_from_slice(&(length + 20).to_be_bytes());
                frame.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
                frame.extend_from_slice(&source.octets());
                frame.extend_from_slice(&destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend_from_slice(&length.to_be_bytes());
                frame.extend_from_slice(&[6, 64]);
                frame.extend_from_slice(&source.octets());
                frame.extend_from_slice(&destination.octets());
            }
            families => panic!("{families:?}"),
        }
        frame.extend_from_slice(&tcp);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::examples::{CLIENT_HELLO, SERVER_HELLO, tcp};
    use super::*;

    #[test]
    fn landmarks_are_recognised_in_both_families() {
        use Landmark as L;
        for (source, destination, header) in [("198.18.0.1", "198.18.1.1", 20), ("fd77::1", "fd77:1::1", 40)] {
            for (flags, payload, expect) in [
                (SYN, &b""[..], &[L::Packet, L::Syn][..]),
                (SYN | 0xc0, b"", &[L::Packet, L::Syn]),
                (SYN | ACK, b"", &[L::Packet, L::SynAck]),
                (ACK, b"", &[L::Packet]),
                (ACK, b"GET", &[L::Packet, L::Payload]),
                (ACK, CLIENT_HELLO, &[L::Packet, L::Payload, L::ClientHello]),
                (ACK, SERVER_HELLO, &[L::Packet, L::Payload, L::ServerHello]),
                (ACK | FIN, b"x", &[L::Packet, L::Payload, L::Fin]),
            ] {
                let mut frame = tcp(source, destination, flags, payload);
                // Short frames are padded: what lies behind the packet is no payload.
                frame.extend_from_slice(&[0; 6]);
                let reading = read(&frame).unwrap();
                let found: Vec<_> = L::ALL.into_iter().filter(|landmark| reading.is(*landmark)).collect();
                assert_eq!(found, expect, "{flags:#x} {payload:?}");
                assert_eq!(
                    (reading.source.to_string(), reading.destination.to_string()),
                    (source.into(), destination.into())
                );
                assert_eq!(reading.length as usize, header + 20 + payload.len());
            }
        }
    }

    #[test]
    fn what_is_no_ip_packet_is_not_read() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0; 60]), None);
        let arp = [&[0xff; 12][..], &[8, 6], &[0; 28]].concat();
        assert_eq!(read(&arp), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_no_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120), kind in 0_usize..3) {
            let mut frame = bytes;
            if frame.len() > ETHERNET {
                frame[12..ETHERNET].copy_from_slice(&[[8, 0], [0x86, 0xdd], [8, 6]][kind]);
            }
            if let Some(reading) = read(&frame) {
                for landmark in Landmark::ALL {
                    let _ = reading.is(landmark);
                }
            }
        }
    }
}

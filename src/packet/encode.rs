//! Puts the bytes of packets together, for tests and for probes.
//!
//! Invariant: what is encoded here and then [decoded](super::decode) is the same packet. Its checksums are right if the whole
//! payload is given.
//!
//! Deliberately absent: ICMP, which only routers send, and IP options and extension headers other than the fragment header.

use std::net::{IpAddr, SocketAddr};

use super::checksum::Checksum;
use super::ip::{self, Ecn, Ip};
use super::{LinkType, Packet, SackBlock, Tcp, TcpOptions, TcpTimestamps, Transport, Udp, ipv6};

/// Why a packet has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unencodable {
    /// Source and destination are not of the same version of IP.
    #[error("from {source_address} to {destination}: not the same version of IP")]
    Families {
        /// Who sends it.
        source_address: IpAddr,
        /// Whom it is for.
        destination: IpAddr,
    },
    /// A length for which its field has no room.
    #[error("a length of {0} bytes, for which the header has no room")]
    TooLong(u32),
    /// TCP options that do not fill whole words, or more of them than a header holds.
    #[error("{0} bytes of TCP options: they come in fours, at most 40")]
    Options(usize),
    /// A captured payload that is longer than the payload on the wire.
    #[error("a payload of {kept} bytes, of which the wire has {length}")]
    Payload {
        /// The bytes given.
        kept: usize,
        /// The length given.
        length: u32,
    },
    /// Something other than TCP and UDP.
    #[error("only TCP and UDP are encoded")]
    Transport,
    /// A link layer whose header is not known.
    #[error("no header is known for link type {}", .0.number())]
    Link(LinkType),
}

/// A packet from one address to another as a plain host sends it: 64 hops, no ECN, not a fragment, identification 0.
///
/// The transport's ports are set to those of the addresses.
pub fn between(source: SocketAddr, destination: SocketAddr, transport: Transport<'_>) -> Result<Vec<u8>, Unencodable> {
    let transport = match transport {
        Transport::Tcp(tcp) => Transport::Tcp(Tcp { source: source.port(), destination: destination.port(), ..tcp }),
        Transport::Udp(udp) => Transport::Udp(Udp { source: source.port(), destination: destination.port(), ..udp }),
        other => other,
    };
    let (source, destination) = (source.ip(), destination.ip());
    let identification = source.is_ipv4().then_some(0);
    let ip = Ip { source, destination, ttl: 64, ecn: Ecn::NotCapable, length: 0, identification, fragment: None };
    packet(&Packet { ip, transport })
}

/// The bytes of an IP packet. `ip.length` is not read: it follows from the rest.
pub fn packet(packet: &Packet<'_>) -> Result<Vec<u8>, Unencodable> {
    let Packet { ip, transport } = packet;
    let (protocol, header, payload, length) = match transport {
        Transport::Tcp(tcp) => (ip::TCP, tcp_header(tcp)?, tcp.payload, tcp.payload_length),
        Transport::Udp(udp) => (ip::UDP, udp_header(udp)?, udp.payload, udp.payload_length),
        _ => return Err(Unencodable::Transport),
    };
    if u32::try_from(payload.len()).is_ok_and(|kept| kept > length) {
        return Err(Unencodable::Payload { kept: payload.len(), length });
    }
    let mut transport = header;
    let length = u32::try_from(transport.len()).unwrap_or(u32::MAX).saturating_add(length);
    transport.extend_from_slice(payload);
    let sum = Checksum::of_transport(ip.source, ip.destination, protocol, length).with(&transport).finish();
    let (at, sum) = match (protocol, sum) {
        (ip::TCP, sum) => (16, sum),
        // In UDP zero says that there is no checksum (RFC 768).
        (_, 0) => (6, 0xffff),
        (_, sum) => (6, sum),
    };
    put(&mut transport, at, sum);
    let mut bytes = ip_header(ip, protocol, length)?;
    bytes.append(&mut transport);
    Ok(bytes)
}

/// An IP packet with the header of a link layer before it; its addresses there are made up.
pub fn frame(link: LinkType, packet: &[u8]) -> Result<Vec<u8>, Unencodable> {
    let (ethertype, family) = match packet.first().map(|first| first >> 4) {
        Some(6) => ([0x86, 0xdd], 30_u32),
        _ => ([0x08, 0x00], 2),
    };
    let header = match link {
        LinkType::Ethernet => [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype[..]].concat(),
        // Sent to us, on Ethernet, from an address of six bytes.
        LinkType::LinuxCooked => [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &ethertype[..]].concat(),
        LinkType::LinuxCooked2 => [&ethertype[..], &[0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]].concat(),
        LinkType::RawIp | LinkType::RawIpv4 | LinkType::RawIpv6 => Vec::new(),
        LinkType::NullLoopback => family.to_le_bytes().to_vec(),
        LinkType::Loop => family.to_be_bytes().to_vec(),
        LinkType::Other(_) => return Err(Unencodable::Link(link)),
    };
    Ok([&header, packet].concat())
}

/// TCP options to be written, padded to whole words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionBytes(Vec<u8>);

impl OptionBytes {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With the largest payload that the sender takes.
    #[must_use]
    pub fn mss(self, mss: u16) -> Self {
        self.with(2, &mss.to_be_bytes())
    }

    /// With the number of bits by which windows are shifted.
    #[must_use]
    pub fn window_scale(self, by: u8) -> Self {
        self.with(3, &[by])
    }

    /// With the permission to acknowledge selectively.
    #[must_use]
    pub fn sack_permitted(self) -> Self {
        self.with(4, &[])
    }

    /// With selective acknowledgements.
    #[must_use]
    pub fn sack(self, blocks: &[SackBlock]) -> Self {
        let content: Vec<u8> =
            blocks.iter().flat_map(|block| [block.left.to_be_bytes(), block.right.to_be_bytes()]).flatten().collect();
        self.with(5, &content)
    }

    /// With timestamps.
    #[must_use]
    pub fn timestamps(self, stamps: TcpTimestamps) -> Self {
        self.with(8, &[stamps.value.to_be_bytes(), stamps.echo.to_be_bytes()].concat())
    }

    /// The options as a header has them.
    #[must_use]
    pub fn options(&self) -> TcpOptions<'_> {
        TcpOptions::new(&self.0)
    }

    /// Adds an option behind as many "no operation" bytes as make it end with a word.
    fn with(mut self, kind: u8, content: &[u8]) -> Self {
        let length = content.len() + 2;
        self.0.resize(self.0.len() + length.next_multiple_of(4) - length, 1);
        self.0.push(kind);
        self.0.push(u8::try_from(length).unwrap_or(u8::MAX));
        self.0.extend_from_slice(content);
        self
    }
}

fn tcp_header(tcp: &Tcp<'_>) -> Result<Vec<u8>, Unencodable> {
    let options = tcp.options.as_bytes();
    if options.len() > 40 || !options.len().is_multiple_of(4) {
        return Err(Unencodable::Options(options.len()));
    }
    let words = u16::try_from(5 + options.len() / 4).unwrap_or(u16::MAX);
    let mut header = Vec::with_capacity(60 + tcp.payload.len());
    for port in [tcp.source, tcp.destination] {
        header.extend_from_slice(&port.to_be_bytes());
    }
    for number in [tcp.sequence, tcp.acknowledgement] {
        header.extend_from_slice(&number.to_be_bytes());
    }
    for half in [(words << 12) | tcp.flags.bits(), tcp.window, 0, 0] {
        header.extend_from_slice(&half.to_be_bytes());
    }
    header.extend_from_slice(options);
    Ok(header)
}

fn udp_header(udp: &Udp<'_>) -> Result<Vec<u8>, Unencodable> {
    let length = u16::try_from(udp.payload_length.saturating_add(8));
    let length = length.map_err(|_| Unencodable::TooLong(udp.payload_length))?;
    Ok([udp.source, udp.destination, length, 0].into_iter().flat_map(u16::to_be_bytes).collect())
}

/// The header for so many bytes behind it.
fn ip_header(ip: &Ip, protocol: u8, length: u32) -> Result<Vec<u8>, Unencodable> {
    match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = length.checked_add(20).and_then(|total| u16::try_from(total).ok());
            let total = total.ok_or(Unencodable::TooLong(length))?;
            let identification = ip.identification.unwrap_or(0);
            let identification = u16::try_from(identification).map_err(|_| Unencodable::TooLong(identification))?;
            let fragment = ip.fragment.map_or(0, |part| (part.offset / 8) | (u16::from(part.more) << 13));
            let mut header = vec![0x45, ip.ecn.bits()];
            for half in [total, identification, fragment, u16::from_be_bytes([ip.ttl, protocol]), 0] {
                header.extend_from_slice(&half.to_be_bytes());
            }
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = Checksum::new().with(&header).finish();
            put(&mut header, 10, sum);
            Ok(header)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (next, extension) = match (ip.identification, ip.fragment) {
                (None, None) => (protocol, Vec::new()),
                (identification, fragment) => {
                    let field = fragment.map_or(0, |part| (part.offset & 0xfff8) | u16::from(part.more));
                    let words = [[protocol, 0], field.to_be_bytes()].concat();
                    (ipv6::FRAGMENT, [&words[..], &identification.unwrap_or(0).to_be_bytes()].concat())
                }
            };
            let total = u32::try_from(extension.len()).ok().and_then(|own| length.checked_add(own));
            let total = total.and_then(|total| u16::try_from(total).ok()).ok_or(Unencodable::TooLong(length))?;
            let mut header = vec![0x60, ip.ecn.bits() << 4, 0, 0];
            header.extend(total.to_be_bytes());
            header.extend([next, ip.ttl]);
            header.extend(source.octets());
            header.extend(destination.octets());
            header.extend(extension);
            Ok(header)
        }
        (source_address, destination) => Err(Unencodable::Families { source_address, destination }),
    }
}

/// Overwrites the two bytes at `at`.
fn put(bytes: &mut [u8], at: usize, number: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&number.to_be_bytes());
    }
}

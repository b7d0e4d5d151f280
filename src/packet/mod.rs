//! Bytes of packets and of capture files, as headers: any bytes give a value or an error, never a panic.
//!
//! [`decode`] reads one packet as a link layer delivered it, [`mod@file`] reads and writes the files in which packets are
//! kept, [`encode`] puts the bytes of packets together.
//!
//! Invariants: nothing is copied and nothing is allocated while decoding; lengths on the wire come from the headers, so a
//! packet of which the capture kept only the beginning says how long it was.
//!
//! Deliberately absent: what packets mean together (`flow`), reassembly of fragments, tunnels (GRE, VXLAN, IP in IP, MPLS,
//! PPP over Ethernet), and the verification of checksums: a capture at the sender sees them before the network card has filled them in.

mod checksum;
pub mod encode;
pub mod file;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod tcp;
mod tcp_options;
mod udp;

use std::fmt;

pub use icmp::{Icmp, IcmpMeaning, Quoted, QuotedTransport, Unreachable};
pub use ip::{Ecn, Fragment, Ip};
pub use link::LinkType;
pub use tcp::{Tcp, TcpFlags};
pub use tcp_options::{SackBlock, SackBlocks, TcpOption, TcpOptions, TcpTimestamps};
pub use udp::Udp;

/// An IP packet and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The IP header, and what the extension headers add to it.
    pub ip: Ip,
    /// What the IP packet carries.
    pub transport: Transport<'a>,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// TCP (RFC 9293). In the first of several fragments, its payload is what that fragment carries.
    Tcp(Tcp<'a>),
    /// UDP (RFC 768).
    Udp(Udp<'a>),
    /// ICMP (RFC 792) or `ICMPv6` (RFC 4443).
    Icmp(Icmp<'a>),
    /// A fragment that is not the first: it has no transport header.
    Fragment,
    /// The capture ends before the transport header does.
    Truncated,
    /// Another protocol, by its number: 50 is ESP, 59 is nothing at all.
    Other(u8),
}

/// Why bytes are not read as a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// A link layer that this module does not know.
    #[error("packets of link type {} are not understood", .0.number())]
    Link(LinkType),
    /// A frame that carries something else, such as ARP: its `EtherType`, or the address family of BSD loopback.
    #[error("not an IP packet but protocol {0:#06x}")]
    NotIp(u32),
    /// The version field of the IP header is neither 4 nor 6.
    #[error("an IP header of version {0}")]
    Version(u8),
    /// The capture ends inside this header.
    #[error("the capture ends inside the {0} header")]
    Truncated(Header),
    /// A length field is smaller than the header it stands in, or than what it must hold.
    #[error("the {0} header states a length that cannot hold it")]
    Length(Header),
    /// More IPv6 extension headers or VLAN tags than any honest packet has.
    #[error("too many {0} headers in a row")]
    TooMany(Header),
}

/// A header in which something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The header of the link layer.
    Link,
    /// An IEEE 802.1Q tag.
    Vlan,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
    /// An IPv6 extension header (RFC 8200 §4).
    Extension,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link layer",
            Self::Vlan => "VLAN",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Extension => "IPv6 extension",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// Reads one packet of this link type.
///
/// `bytes` is what was captured, `original_length` how long the packet was on the wire, link header included; it is used
/// only where the IP header leaves the length open (0), as it does for large packets that the network card splits later.
#[inline]
pub fn decode(link: LinkType, bytes: &[u8], original_length: u32) -> Result<Packet<'_>, Undecodable> {
    let inner = link::strip(link, bytes)?;
    let header = u32::try_from(bytes.len() - inner.len()).unwrap_or(u32::MAX);
    decode_ip(inner, original_length.saturating_sub(header))
}

/// Reads an IP packet of either version, `original_length` long on the wire.
#[inline]
pub fn decode_ip(bytes: &[u8], original_length: u32) -> Result<Packet<'_>, Undecodable> {
    let (ip, protocol, payload) = ip::split(bytes, original_length)?;
    let transport = match payload {
        ip::Payload::Whole { captured, length } => transport(&ip, protocol, captured, length)?,
        ip::Payload::LaterFragment => Transport::Fragment,
        ip::Payload::Cut => Transport::Truncated,
    };
    Ok(Packet { ip, transport })
}

#[inline]
fn transport<'a>(ip: &Ip, protocol: u8, captured: &'a [u8], length: u32) -> Result<Transport<'a>, Undecodable> {
    let known = match protocol {
        ip::TCP => tcp::decode(captured, length)?.map(Transport::Tcp),
        ip::UDP => udp::decode(captured, length)?.map(Transport::Udp),
        ip::ICMP if ip.source.is_ipv4() => icmp::decode_v4(captured).map(Transport::Icmp),
        ip::ICMPV6 if ip.source.is_ipv6() => icmp::decode_v6(captured).map(Transport::Icmp),
        other => Some(Transport::Other(other)),
    };
    Ok(known.unwrap_or(Transport::Truncated))
}

#[cfg(test)]
mod tests;

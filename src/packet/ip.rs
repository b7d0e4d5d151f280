//! What both versions of IP say about a packet.

use std::net::IpAddr;

use super::{Undecodable, ipv4, ipv6};

/// IP's number for ICMP.
pub(super) const ICMP: u8 = 1;
/// IP's number for TCP.
pub(super) const TCP: u8 = 6;
/// IP's number for UDP.
pub(super) const UDP: u8 = 17;
/// IP's number for `ICMPv6`.
pub(super) const ICMPV6: u8 = 58;
/// More extension headers, or VLAN tags, than this in one packet are an error.
pub(super) const MOST_EXTENSIONS: usize = 8;

/// The IP header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// Time to live, or hop limit: how many routers it may still pass.
    pub ttl: u8,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: Ecn,
    /// Bytes of the whole IP packet on the wire, IP header and extension headers included.
    pub length: u32,
    /// What fragments of one packet share: 16 bits in IPv4, 32 in IPv6, where only a fragment header has it.
    pub identification: Option<u32>,
    /// Set in the parts of a packet that was split.
    pub fragment: Option<Fragment>,
}

/// Which part of a split packet this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where this part begins in the payload of the whole packet, in bytes; a multiple of eight.
    pub offset: u16,
    /// Whether other parts come behind it.
    pub more: bool,
}

/// Explicit congestion notification: the last two bits of the traffic class (RFC 3168 §5, RFC 9331).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The sender does not understand marks.
    NotCapable,
    /// ECT(1): the sender understands marks, and those of low latency queues.
    Capable1,
    /// ECT(0): the sender understands marks.
    Capable0,
    /// A queue on the way was congested.
    CongestionExperienced,
}

impl Ecn {
    /// From the traffic class, of which it is the last two bits.
    pub(super) const fn from_traffic_class(class: u8) -> Self {
        match class & 0b11 {
            0b00 => Self::NotCapable,
            0b01 => Self::Capable1,
            0b10 => Self::Capable0,
            _ => Self::CongestionExperienced,
        }
    }

    /// The two bits.
    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::NotCapable => 0b00,
            Self::Capable1 => 0b01,
            Self::Capable0 => 0b10,
            Self::CongestionExperienced => 0b11,
        }
    }
}

/// What stands behind the IP headers.
pub(super) enum Payload<'a> {
    /// It begins here; `length` bytes on the wire, of which `captured` is the beginning.
    Whole { captured: &'a [u8], length: u32 },
    /// A part of a split packet that has no transport header.
    LaterFragment,
    /// The capture ends before the payload begins.
    Cut,
}

/// The IP header, the number of the protocol that it carries, and that protocol's bytes.
#[inline]
pub(super) fn split(bytes: &[u8], original_length: u32) -> Result<(Ip, u8, Payload<'_>), Undecodable> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4::split(bytes, original_length),
        Some(6) => ipv6::split(bytes, original_length),
        Some(other) => Err(Undecodable::Version(other)),
        None => Err(Undecodable::Truncated(super::Header::Ipv4)),
    }
}

//! From a frame of the link layer to the IP packet in it.
//!
//! Deliberately absent: addresses of the link layer, and frames that carry no IP.

use super::ip::MOST_EXTENSIONS;
use super::{Header, Undecodable};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// The link layer of a capture, from its number in the registry of link types
/// (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet, with any number of VLAN tags: 1.
    Ethernet,
    /// What `tcpdump -i any` writes, first version: 113.
    LinuxCooked,
    /// What `tcpdump -i any` writes, with the interface's index: 276.
    LinuxCooked2,
    /// IPv4 or IPv6 without a link header: 101, in old files 12 or 14.
    RawIp,
    /// IPv4 without a link header: 228.
    RawIpv4,
    /// IPv6 without a link header: 229.
    RawIpv6,
    /// The address family in the byte order of the machine that captured (BSD, macOS): 0.
    NullLoopback,
    /// The address family in network byte order (OpenBSD): 108.
    Loop,
    /// Another one, by its number: none of those above.
    Other(u16),
}

impl LinkType {
    /// From the number that capture files carry.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::NullLoopback,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            228 => Self::RawIpv4,
            229 => Self::RawIpv6,
            276 => Self::LinuxCooked2,
            other => Self::Other(other),
        }
    }

    /// The number that capture files carry.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::NullLoopback => 0,
            Self::Ethernet => 1,
            Self::RawIp => 101,
            Self::Loop => 108,
            Self::LinuxCooked => 113,
            Self::RawIpv4 => 228,
            Self::RawIpv6 => 229,
            Self::LinuxCooked2 => 276,
            Self::Other(number) => number,
        }
    }
}

/// The IP packet in a frame, with whatever padding follows it.
#[inline]
pub(super) fn strip(link: LinkType, frame: &[u8]) -> Result<&[u8], Undecodable> {
    const CUT: Undecodable = Undecodable::Truncated(Header::Link);
    match link {
        LinkType::Ethernet => {
            let (header, rest) = frame.split_first_chunk::<14>().ok_or(CUT)?;
            tagged(u16::from_be_bytes([header[12], header[13]]), rest)
        }
        LinkType::LinuxCooked => {
            let (header, rest) = frame.split_first_chunk::<16>().ok_or(CUT)?;
            tagged(u16::from_be_bytes([header[14], header[15]]), rest)
        }
        LinkType::LinuxCooked2 => {
            let (header, rest) = frame.split_first_chunk::<20>().ok_or(CUT)?;
            tagged(u16::from_be_bytes([header[0], header[1]]), rest)
        }
        LinkType::RawIp | LinkType::RawIpv4 | LinkType::RawIpv6 => Ok(frame),
        LinkType::NullLoopback | LinkType::Loop => {
            let (family, rest) = frame.split_first_chunk::<4>().ok_or(CUT)?;
            let family = u32::from_be_bytes(*family);
            // Families are below 256: written the other way round, all of the number is in its highest byte.
            let family = if family > 0xffff { family.swap_bytes() } else { family };
            if is_ip_family(family) { Ok(rest) } else { Err(Undecodable::NotIp(family)) }
        }
        LinkType::Other(_) => Err(Undecodable::Link(link)),
    }
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS, 10 on Linux, 23 on Windows.
const fn is_ip_family(family: u32) -> bool {
    matches!(family, 2 | 10 | 23 | 24 | 28 | 30)
}

/// Behind the `EtherType` and any tags of IEEE 802.1Q, 802.1ad or their forerunners.
#[inline]
fn tagged(mut ethertype: u16, mut rest: &[u8]) -> Result<&[u8], Undecodable> {
    for _ in 0..=MOST_EXTENSIONS {
        match ethertype {
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => return Ok(rest),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let (tag, inner) = rest.split_first_chunk::<4>().ok_or(Undecodable::Truncated(Header::Vlan))?;
                ethertype = u16::from_be_bytes([tag[2], tag[3]]);
                rest = inner;
            }
            other => return Err(Undecodable::NotIp(u32::from(other))),
        }
    }
    Err(Undecodable::TooMany(Header::Vlan))
}

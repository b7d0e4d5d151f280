//! The IPv6 header and its extension headers (RFC 8200).
//!
//! Deliberately absent: what the options in extension headers say. A jumbo payload's length (RFC 2675) is taken from the
//! capture's record of the packet, which counts the same bytes.

use std::net::{IpAddr, Ipv6Addr};

use super::ip::{Ecn, Fragment, Ip, MOST_EXTENSIONS, Payload};
use super::ipv4::behind;
use super::{Header, Undecodable};

/// Bytes of the fixed header.
pub(super) const HEADER: usize = 40;
/// The fragment header's number.
pub(super) const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NOTHING: u8 = 59;

/// The header, the protocol behind the extension headers, and what stands behind those.
#[inline]
pub(super) fn split(bytes: &[u8], original_length: u32) -> Result<(Ip, u8, Payload<'_>), Undecodable> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(Undecodable::Truncated(Header::Ipv6));
    };
    let payload_length = match (u16::from_be_bytes([header[4], header[5]]), header[6]) {
        (0, NOTHING) => 0,
        (0, _) => original_length.saturating_sub(40),
        (length, _) => u32::from(length),
    };
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    let mut ip = Ip {
        source: address(8),
        destination: address(24),
        ttl: header[7],
        ecn: Ecn::from_traffic_class(header[1] >> 4),
        length: payload_length.saturating_add(40),
        identification: None,
        fragment: None,
    };
    let (protocol, payload) = extensions(&mut ip, header[6], rest, payload_length)?;
    Ok((ip, protocol, payload))
}

/// Walks the extension headers. `rest` is what was captured behind the fixed header, `length` what the wire had there.
#[inline]
fn extensions<'a>(ip: &mut Ip, mut next: u8, rest: &'a [u8], length: u32) -> Result<(u8, Payload<'a>), Undecodable> {
    let mut at = 0_usize;
    for _ in 0..=MOST_EXTENSIONS {
        if !is_extension(next) {
            let left = u32::try_from(at).ok().and_then(|at| length.checked_sub(at));
            let left = left.ok_or(Undecodable::Length(Header::Extension))?;
            return Ok((next, behind(rest, at, left)));
        }
        let Some(header) = rest.get(at..).and_then(<[u8]>::first_chunk::<8>) else { return Ok((next, Payload::Cut)) };
        at += match next {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(header[1]) + 2) * 4,
            _ => (usize::from(header[1]) + 1) * 8,
        };
        if next == FRAGMENT {
            let field = u16::from_be_bytes([header[2], header[3]]);
            let fragment = Fragment { offset: field & 0xfff8, more: field & 1 != 0 };
            ip.identification = Some(u32::from_be_bytes([header[4], header[5], header[6], header[7]]));
            // A fragment header on a whole packet ("atomic fragment", RFC 6946) splits nothing.
            ip.fragment = (fragment.more || fragment.offset != 0).then_some(fragment);
            if fragment.offset != 0 {
                return Ok((header[0], Payload::LaterFragment));
            }
        }
        next = header[0];
    }
    Err(Undecodable::TooMany(Header::Extension))
}

/// Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6. ESP hides what follows it.
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | FRAGMENT | AUTHENTICATION | 60 | 135 | 139 | 140)
}

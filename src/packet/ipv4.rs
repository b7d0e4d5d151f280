//! The IPv4 header (RFC 791).

use std::net::{IpAddr, Ipv4Addr};

use super::ip::{Ecn, Fragment, Ip, Payload};
use super::{Header, Undecodable};

const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The header, and what stands behind it and its options.
///
/// A total length of zero is what the sender's own capture shows of a packet that the network card will split: the length
/// on the wire stands for it.
#[inline]
pub(super) fn split(bytes: &[u8], original_length: u32) -> Result<(Ip, u8, Payload<'_>), Undecodable> {
    let Some(header) = bytes.first_chunk::<20>() else { return Err(Undecodable::Truncated(Header::Ipv4)) };
    let header_length = usize::from(header[0] & 0x0f) * 4;
    let length = match u16::from_be_bytes([header[2], header[3]]) {
        0 => original_length,
        length => u32::from(length),
    };
    let payload_length = length.checked_sub(u32::from(header[0] & 0x0f) * 4);
    let Some(payload_length) = payload_length.filter(|_| header_length >= 20) else {
        return Err(Undecodable::Length(Header::Ipv4));
    };
    let flags = u16::from_be_bytes([header[6], header[7]]);
    let fragment = Fragment { offset: (flags & OFFSET) * 8, more: flags & MORE_FRAGMENTS != 0 };
    let ip = Ip {
        source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
        destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
        ttl: header[8],
        ecn: Ecn::from_traffic_class(header[1]),
        length,
        identification: Some(u32::from(u16::from_be_bytes([header[4], header[5]]))),
        fragment: (fragment.more || fragment.offset != 0).then_some(fragment),
    };
    let payload =
        if fragment.offset == 0 { behind(bytes, header_length, payload_length) } else { Payload::LaterFragment };
    Ok((ip, header[9], payload))
}

/// The payload that begins at `start` and is `length` bytes long on the wire; what stands behind it is padding.
#[inline]
pub(super) fn behind(bytes: &[u8], start: usize, length: u32) -> Payload<'_> {
    let Some(captured) = bytes.get(start..) else { return Payload::Cut };
    let kept = usize::try_from(length).unwrap_or(usize::MAX).min(captured.len());
    Payload::Whole { captured: captured.get(..kept).unwrap_or(captured), length }
}

//! The UDP header (RFC 768).

use super::{Header, Undecodable};

/// One UDP datagram as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The payload's bytes that were captured: of a split datagram, those of its first fragment.
    pub payload: &'a [u8],
    /// Bytes of payload of the whole datagram, as its own header has it.
    pub payload_length: u32,
}

/// Reads the header; `None` where the capture ends inside it. `length` is what IP carries on the wire.
#[inline]
pub(super) fn decode(captured: &[u8], length: u32) -> Result<Option<Udp<'_>>, Undecodable> {
    const SHORT: Undecodable = Undecodable::Length(Header::Udp);
    let Some((header, behind)) = captured.split_first_chunk::<8>() else {
        return if length < 8 { Err(SHORT) } else { Ok(None) };
    };
    // Zero is what is written for a datagram too long for the field (RFC 2675 §4).
    let payload_length = match u16::from_be_bytes([header[4], header[5]]) {
        0 => length.saturating_sub(8),
        length => u32::from(length).checked_sub(8).ok_or(SHORT)?,
    };
    let kept = usize::try_from(payload_length).unwrap_or(usize::MAX).min(behind.len());
    Ok(Some(Udp {
        source: u16::from_be_bytes([header[0], header[1]]),
        destination: u16::from_be_bytes([header[2], header[3]]),
        payload: behind.get(..kept).unwrap_or(behind),
        payload_length,
    }))
}

//! Options of pcapng blocks: what a file says beside the packets.

use std::borrow::Cow;

use super::order::Order;

/// Ends a list of options.
pub(super) const END: u16 = 0;
/// A text for people.
pub(super) const COMMENT: u16 = 1;
/// Of a packet: direction and the like.
pub(super) const FLAGS: u16 = 2;

/// What a file says about one packet beside its bytes; read when asked for.
#[derive(Clone, Copy, Debug)]
pub struct PacketOptions<'a> {
    bytes: &'a [u8],
    order: Order,
}

/// Which way a packet went through its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketDirection {
    /// Into the machine.
    Inbound,
    /// Out of it.
    Outbound,
}

impl<'a> PacketOptions<'a> {
    pub(super) const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, order }
    }

    /// The comments, in the file's order.
    pub fn comments(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        list(self.bytes, self.order).filter(|(code, _)| *code == COMMENT).map(|(_, text)| String::from_utf8_lossy(text))
    }

    /// Which way the packet went, where the file says so.
    #[must_use]
    pub fn direction(&self) -> Option<PacketDirection> {
        let (_, flags) = list(self.bytes, self.order).find(|(code, _)| *code == FLAGS)?;
        match self.order.u32_at(flags, 0)? & 0b11 {
            1 => Some(PacketDirection::Inbound),
            2 => Some(PacketDirection::Outbound),
            _ => None,
        }
    }
}

/// Codes and values, up to the end mark or the first option that is cut off.
pub(super) fn list(mut bytes: &[u8], order: Order) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_first_chunk::<4>()?;
        let code = order.u16([header[0], header[1]]);
        let length = usize::from(order.u16([header[2], header[3]]));
        if code == END {
            return None;
        }
        let value = rest.get(..length)?;
        bytes = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((code, value))
    })
}

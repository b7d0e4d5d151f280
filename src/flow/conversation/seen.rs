//! What one packet turns out to be.

use crate::event::{Direction, PacketNote};

/// One packet, placed in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// What it is.
    pub what: What,
    /// Its whole payload, new or not; without payload, of length 0 at the offset its sender has reached.
    pub payload: Bytes<'a>,
    /// The part of it that had not gone by before: from the first such byte to the last.
    pub fresh: Option<Bytes<'a>>,
    /// How far it acknowledges the other direction's stream; absent without the flag ACK.
    pub acknowledges: Option<u64>,
    /// It ends its direction's stream, behind its payload.
    pub ends_stream: bool,
}

/// A stretch of one direction's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes<'a> {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has on the wire.
    pub length: u32,
    /// The bytes, as far as they were captured: the beginning of the stretch.
    pub captured: &'a [u8],
}

impl Bytes<'_> {
    /// Where it ends.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset + self.length as u64
    }
}

/// What a packet is. Of several that fit, the first here that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It tears the connection down.
    Reset,
    /// It opens the connection.
    Syn,
    /// It opens the other direction.
    SynAck,
    /// It asks whether the window is open again: one byte beyond a closed window.
    WindowProbe,
    /// It asks whether the other end is there: at most one byte, just before the next.
    KeepAlive,
    /// Bytes, or an end of the stream, that had gone by before.
    Retransmission(Retransmission),
    /// New bytes that lie before bytes that have gone by, too early to have been sent again.
    OutOfOrder,
    /// New bytes, or the end of the stream.
    New,
    /// An acknowledgement that repeats the one before it while bytes are outstanding.
    DuplicateAck,
    /// It tells how much room there is, and nothing else.
    WindowUpdate,
    /// An acknowledgement without payload.
    Ack,
}

/// Why bytes were sent again, as far as one end can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retransmission {
    /// The sender's timer ran out.
    Timeout,
    /// Acknowledgements had asked for it: three duplicates, or selective ones.
    Fast,
    /// The receiver had acknowledged the bytes before.
    Spurious,
}

impl What {
    /// The word for it in a list of packets; absent for what needs none.
    #[must_use]
    pub const fn note(self) -> Option<PacketNote> {
        Some(match self {
            Self::Retransmission(Retransmission::Timeout) => PacketNote::Retransmission,
            Self::Retransmission(Retransmission::Fast) => PacketNote::FastRetransmission,
            Self::Retransmission(Retransmission::Spurious) => PacketNote::SpuriousRetransmission,
            Self::OutOfOrder => PacketNote::OutOfOrder,
            Self::DuplicateAck => PacketNote::DuplicateAck,
            Self::WindowProbe => PacketNote::WindowProbe,
            Self::WindowUpdate => PacketNote::WindowUpdate,
            Self::KeepAlive => PacketNote::KeepAlive,
            Self::Reset | Self::Syn | Self::SynAck | Self::New | Self::Ack => return None,
        })
    }
}

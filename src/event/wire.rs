//! What the packets of one connection told besides the instants of moments.
//!
//! [`Wire`] is the fact as a witness of packets emits it: stamped on the monotonic clock, and without phases, because only
//! [`crate::trace`] knows those. The words that stand in JSON (sides, directions, causes, recoveries) are defined here.
//!
//! Invariant: a count is of what was captured. What a capture cannot tell is absent, or has a cause that says so.

use serde::{Deserialize, Serialize};

use crate::time::{Monotonic, Nanos, Timestamp};

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client, which is the end that opened the connection, to the server.
    Sent,
    /// From the server to the client.
    Received,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Sent => Self::Received,
            Self::Received => Self::Sent,
        }
    }

    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// At which end packets were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where the client's packets leave and the server's arrive.
    Client,
    /// Where the client's packets arrive and the server's leave.
    Server,
}

impl Side {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The way of the packets that leave the capturing host.
    #[must_use]
    pub const fn outward(self) -> Direction {
        match self {
            Self::Client => Direction::Sent,
            Self::Server => Direction::Received,
        }
    }
}

/// What the packets of the connection in use told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The interface that they were captured on, where it has a name.
    pub interface: Option<String>,
    /// At which end.
    pub side: Side,
    /// How many packets were captured.
    pub captured: u64,
    /// How many the capture lost for want of room; absent where it does not say.
    pub dropped: Option<u64>,
    /// The round trip that the handshake shows: SYN to SYN-ACK at the client, SYN-ACK to ACK at the server. Absent where
    /// repeated SYNs leave open which one was answered.
    pub syn_round_trip: Option<Nanos>,
    /// Time to live, or hop limit, of the peer's packets on arrival.
    pub ttl: Option<u8>,
    /// What the client's SYN offered; absent where it was not captured.
    pub client: Option<TcpOffer>,
    /// What the server's SYN-ACK offered; absent where it was not captured.
    pub server: Option<TcpOffer>,
    /// Every packet, or every run of packets where there are too many of them, in the order of time.
    pub runs: Vec<PacketRun>,
    /// What cost time, in the order of its beginning.
    pub delays: Vec<WireDelay>,
    /// Every packet, where a list of them was asked for.
    pub packets: Option<Vec<PacketRow<Timestamp<Monotonic>>>>,
}

/// What one end offers in its SYN (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpOffer {
    /// The largest payload it takes, in bytes; absent where it does not say (then it is 536 over IPv4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mss: Option<u16>,
    /// By how many bits its windows are shifted; absent where it does not scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_scale: Option<u8>,
    /// Whether it takes selective acknowledgements.
    pub sack: bool,
    /// Whether it sends timestamps.
    pub timestamps: bool,
    /// Whether it understands congestion marks.
    pub ecn: bool,
}

/// Counts of packets that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Packets of any kind.
    pub packets: u64,
    /// Bytes of payload, those sent again included.
    pub bytes: u64,
    /// Packets whose bytes had gone by before.
    pub retransmitted: u64,
    /// Packets that came later than ones with higher numbers, and too early to have been sent again.
    pub out_of_order: u64,
    /// Acknowledgements that repeat the one before while bytes are outstanding.
    pub duplicate_acks: u64,
    /// Packets that close the receive window.
    pub zero_windows: u64,
}

impl std::ops::AddAssign for PacketCounts {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.retransmitted += other.retransmitted;
        self.out_of_order += other.out_of_order;
        self.duplicate_acks += other.duplicate_acks;
        self.zero_windows += other.zero_windows;
    }
}

/// Packets that went one way, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRun {
    /// When the first one went by.
    pub start: Timestamp<Monotonic>,
    /// When the last one did; the same for a single packet.
    pub end: Timestamp<Monotonic>,
    /// Which way.
    pub direction: Direction,
    /// How many, and what they were.
    pub counts: PacketCounts,
}

/// Time that something on the wire cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireDelay {
    /// What happened.
    pub trouble: Trouble,
    /// The way of the packets that it happened to.
    pub direction: Direction,
    /// From when on time was lost: the first transmission of what was lost, or, where that could not be seen, the first sign
    /// that it is missing.
    pub start: Timestamp<Monotonic>,
    /// Until it was made good.
    pub end: Timestamp<Monotonic>,
    /// What brought it back; absent where nothing was sent again.
    pub recovery: Option<Recovery>,
}

/// What happened on the wire, as far as one end can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// A SYN did not arrive.
    LostSyn,
    /// A SYN-ACK did not arrive.
    LostSynAck,
    /// One of both, which a capture at the client cannot always tell apart.
    LostSynOrSynAck,
    /// Bytes of the stream did not arrive.
    LostBytes,
    /// Bytes of the stream were late because packets overtook each other.
    Reordering,
    /// The receiver had no room.
    ZeroWindow,
    /// Bytes were sent again though they had arrived, or nothing says why.
    Unexplained,
}

/// How lost bytes came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// The sender's retransmission timer ran out (RFC 6298).
    Timeout,
    /// Acknowledgements told the sender (RFC 5681 §3.2, RFC 8985).
    Fast,
    /// Nothing told the sender, but it did not wait for its timer either: a tail loss probe (RFC 8985 §7).
    Probe,
}

impl Recovery {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Fast => "fast",
            Self::Probe => "probe",
        }
    }
}

/// One packet in a list; `At` is [`Timestamp`] in a fact and [`Nanos`] from the trace's start in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRow<At> {
    /// When it went by.
    #[serde(rename = "at_ns")]
    pub at: At,
    /// Which way.
    pub direction: Direction,
    /// Its control bits, a letter each: `S`, `SA`, `PA`.
    pub flags: String,
    /// Its sequence number relative to the SYN's, which is 0; the first byte of the stream is 1.
    pub sequence: u64,
    /// Its acknowledgement number, relative likewise; 0 without the flag.
    pub acknowledgement: u64,
    /// Bytes of payload.
    pub bytes: u32,
    /// The receive window in bytes, scaled where the scale is known.
    pub window: u32,
    /// What it is, where that is worth a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<PacketNote>,
}

/// What is worth noting of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketNote {
    /// Its bytes had gone by before.
    Retransmission,
    /// The same, and acknowledgements had asked for it.
    FastRetransmission,
    /// The same, and the receiver had them.
    SpuriousRetransmission,
    /// It was overtaken.
    OutOfOrder,
    /// It repeats an acknowledgement.
    DuplicateAck,
    /// It closes the window.
    ZeroWindow,
    /// It asks whether the window is open again.
    WindowProbe,
    /// It opens the window further and nothing else.
    WindowUpdate,
    /// It asks whether the other end is still there (RFC 9293 §3.8.4).
    KeepAlive,
}

//! One TCP connection, read packet by packet.
//!
//! Invariants: any packets in any order give an answer, never a panic; what is remembered is bounded ([`Keep`]); no memory is
//! allocated for an ordinary packet beyond the growth of the lists that remember it.

mod account;
mod handshake;
mod ledger;
mod losses;
mod placed;
mod runs;
mod seen;
mod side;
mod stream;

pub use handshake::{Handshake, RoundTrip};
pub use seen::{Bytes, Retransmission, Seen, What};
pub use side::WhySide;

use handshake::Opening;
use ledger::{Acks, Ledger};
use losses::Delays;
use placed::{Placed, clamp, scaled_window};
use runs::{Remark, Run, Runs};
use stream::Stream;

use crate::event::{Direction, PacketNote, Side};
use crate::packet::{Ip, Tcp, TcpFlags};
use crate::time::{Nanos, Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// How much a conversation remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The times of flights: for files, which have any number of packets. Within a long flight times may be those of its end.
    Flights,
    /// The time of every byte, of a million packets at least: for a connection of our own, of which any landmark may be asked.
    Arrivals,
    /// As before, and a row for every packet.
    Packets,
}

impl Keep {
    /// How long each of the lists may get.
    const fn limit(self) -> usize {
        match self {
            Self::Flights => 256,
            Self::Arrivals | Self::Packets => 1 << 20,
        }
    }
}

/// More rows than this are not kept: a list of packets is for reading.
const MOST_ROWS: usize = 100_000;

/// Where and how packets were captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    /// At which end.
    pub side: Side,
    /// The interface, where it has a name.
    pub interface: Option<String>,
    /// How many packets the capture lost for want of room; absent where it does not say.
    pub dropped: Option<u64>,
    /// What the capture's stamps are rounded to.
    pub resolution: Nanos,
}

/// The first acknowledgement that covers a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// When it went by.
    pub at: Timestamp<Realtime>,
    /// Whether it carried nothing else: one that rides on bytes was held back until there were some.
    pub is_pure: bool,
}

/// One TCP connection, fed packet by packet in the order of capture.
#[derive(Clone, Debug)]
pub struct Conversation {
    opening: Opening,
    /// What the client sends.
    sent: Stream,
    /// What the server sends.
    received: Stream,
    runs: Runs,
    delays: Delays,
    rows: Option<Vec<Row>>,
    is_reset: bool,
}

/// One packet as it is kept for a list.
#[derive(Clone, Copy, Debug)]
struct Row {
    at: At,
    direction: Direction,
    flags: TcpFlags,
    sequence: u64,
    acknowledgement: u64,
    bytes: u32,
    window: u32,
    note: Option<PacketNote>,
}

impl Conversation {
    /// Before its first packet.
    #[must_use]
    pub const fn new(keep: Keep) -> Self {
        let limit = keep.limit();
        Self {
            opening: Opening::new(),
            sent: Stream::new(Ledger::new(limit), Acks::new(limit)),
            received: Stream::new(Ledger::new(limit), Acks::new(limit)),
            runs: match keep {
                Keep::Flights => Runs::of_flights(limit),
                Keep::Arrivals | Keep::Packets => Runs::of_packets(limit),
            },
            delays: Delays::new(),
            rows: match keep {
                Keep::Packets => Some(Vec::new()),
                Keep::Flights | Keep::Arrivals => None,
            },
            is_reset: false,
        }
    }

    /// Whether this packet opens another connection between the same two ends: the caller ends this one, and begins anew.
    #[must_use]
    pub fn is_other(&self, direction: Direction, tcp: &Tcp<'_>) -> bool {
        tcp.flags.syn() && !tcp.flags.ack() && self.stream(direction).is_other(tcp.sequence.wrapping_add(1))
    }

    /// Whether a SYN with this sequence number opened the stream of this direction.
    #[must_use]
    pub fn is_opened_by(&self, direction: Direction, sequence: u32) -> bool {
        self.stream(direction).begins_with(sequence.wrapping_add(1))
    }

    /// Takes the next packet, and says what it is.
    pub fn take<'a>(&mut self, at: Timestamp<Realtime>, direction: Direction, ip: &Ip, tcp: &Tcp<'a>) -> Seen<'a> {
        let first_byte = tcp.sequence.wrapping_add(u32::from(tcp.flags.syn()));
        self.begin(direction, first_byte, tcp);
        let (own, other) = match direction {
            Direction::Sent => (&mut self.sent, &mut self.received),
            Direction::Received => (&mut self.received, &mut self.sent),
        };
        own.ttl.get_or_insert(ip.ttl);
        let window = scaled_window(direction, tcp, &self.opening.seen);
        let start = own.place(first_byte);
        let acknowledged = tcp.flags.ack().then(|| other.place(tcp.acknowledgement));
        let packet = Placed { at, tcp, start, acknowledged, window, around: self.opening.seen.whole() };

        let missing = own.identifications.missing(ip.identification, packet.is_one(self.opening.seen.server));
        let is_next = start == own.ledger.end().cast_signed();
        let (what, recorded) = packet.judge(own, other, &mut self.opening, direction);
        if missing.is_some() && what == What::New && is_next && recorded.fresh.is_some() {
            self.delays.extend(packet.resent_unseen(own, other, direction));
        }
        if recorded.fresh.is_some() {
            self.delays.extend(packet.filled(&recorded, what, own, direction));
            self.delays.extend(packet.waited_for_room(own, direction));
            own.fresh_at = Some(at);
        }
        if let (What::Retransmission(why), Some(before)) = (what, recorded.before) {
            packet.resent(why, before, own);
        }
        if let Some(reached) = acknowledged {
            packet.acknowledge(reached, own, other, direction, &mut self.delays);
        }
        packet.tell_room(own, other, what);
        own.is_answered_alike = matches!(what, What::KeepAlive | What::WindowProbe) || packet.is_ack_before_end(own);
        own.last_at = Some(at);
        other.answered_at = Some(at);
        if tcp.flags.ack() {
            own.said = Some((tcp.acknowledgement, tcp.window));
        }
        self.is_reset |= what == What::Reset;
        if direction == Direction::Sent && tcp.flags.ack() {
            self.opening.confirm(at);
        }
        self.note(&packet, direction, what);
        packet.seen(direction, what, &recorded)
    }

    fn begin(&mut self, direction: Direction, first_byte: u32, tcp: &Tcp<'_>) {
        let (own, other) = match direction {
            Direction::Sent => (&mut self.sent, &mut self.received),
            Direction::Received => (&mut self.received, &mut self.sent),
        };
        if tcp.flags.syn() {
            own.open(first_byte);
        }
        own.begin(first_byte);
        if tcp.flags.ack() {
            other.begin(tcp.acknowledgement);
        }
    }

    /// Keeps the count of this packet, and its row.
    fn note(&mut self, packet: &Placed<'_, '_>, direction: Direction, what: What) {
        let remark = match what {
            What::Retransmission(_) => Remark::Retransmitted,
            What::Syn if self.opening.seen.syns.len() > 1 => Remark::Retransmitted,
            What::SynAck if self.opening.seen.syn_acks.len() > 1 => Remark::Retransmitted,
            What::OutOfOrder => Remark::OutOfOrder,
            What::DuplicateAck => Remark::DuplicateAck,
            _ => Remark::None,
        };
        let run = Run::new(packet.at, direction, packet.tcp.payload_length, remark);
        let run = if packet.closes_window() { run.closing_window() } else { run };
        self.runs.record(run);
        let Some(rows) = self.rows.as_mut().filter(|rows| rows.len() < MOST_ROWS) else { return };
        let is_syn = packet.tcp.flags.syn();
        let note = match what {
            What::Syn | What::SynAck if remark == Remark::Retransmitted => Some(PacketNote::Retransmission),
            _ if packet.closes_window() => Some(PacketNote::ZeroWindow),
            _ => what.note(),
        };
        rows.push(Row {
            at: packet.at,
            direction,
            flags: packet.tcp.flags,
            sequence: if is_syn { 0 } else { clamp(packet.start + 1) },
            acknowledgement: packet.acknowledged.map_or(0, |reached| clamp(reached + 1)),
            bytes: packet.tcp.payload_length,
            window: packet.window,
            note,
        });
    }

    const fn stream(&self, direction: Direction) -> &Stream {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }

    /// When the byte before `end` of the client's stream was first put on the wire.
    #[must_use]
    pub fn sent(&self, end: u64) -> Option<Timestamp<Realtime>> {
        self.sent.ledger.last(end)
    }

    /// When the byte at `offset` of the server's stream first arrived.
    #[must_use]
    pub fn received(&self, offset: u64) -> Option<Timestamp<Realtime>> {
        self.received.ledger.first(offset)
    }

    /// When that byte and every one before it had arrived, so that TCP could hand it over. A byte that the capture missed
    /// counts as arrived when it was acknowledged.
    #[must_use]
    pub fn delivered(&self, offset: u64) -> Option<Timestamp<Realtime>> {
        let covered = |end| self.received.acks.covering(end).map(|advance| advance.at);
        self.received.ledger.complete(offset, covered)
    }

    /// The first acknowledgement of the client's stream up to `end`.
    #[must_use]
    pub fn acknowledged(&self, end: u64) -> Option<Acknowledged> {
        let advance = self.sent.acks.covering(end)?;
        Some(Acknowledged { at: advance.at, is_pure: advance.is_pure })
    }

    /// How the connection was opened.
    #[must_use]
    pub const fn handshake(&self) -> &Handshake {
        &self.opening.seen
    }

    /// The round trip that the handshake shows to a capture at this end: SYN to SYN-ACK at the client, SYN-ACK to the client's
    /// next packet at the server.
    #[must_use]
    pub fn syn_round_trip(&self, side: Side) -> RoundTrip {
        self.opening.round_trip(side)
    }

    /// Both directions' streams have ended, or the connection was torn down.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_reset || (self.sent.end.is_some() && self.received.end.is_some())
    }

    /// Lets go of what lies before `before`, where it will not be asked for again: a connection may carry any number of
    /// exchanges. The handshake stays.
    pub fn forget(&mut self, before: Timestamp<Realtime>) {
        for stream in [&mut self.sent, &mut self.received] {
            stream.ledger.forget(before);
            stream.acks.forget(before);
        }
        self.runs.forget(before);
        self.delays.forget(before);
        if let Some(rows) = &mut self.rows {
            rows.retain(|row| row.at >= before);
        }
    }
}

#[cfg(test)]
mod tests;

//! One TCP connection, read packet by packet.
//!
//! Invariants: any packets in any order give an answer, never a panic; what is remembered is bounded ([`Keep`]); no memory is
//! allocated for an ordinary packet beyond the growth of the lists that remember it.

mod account;
mod handshake;
mod ledger;
mod losses;
mod runs;
mod seen;
mod side;
mod stream;

pub use handshake::{Handshake, RoundTrip};
pub use seen::{Bytes, Retransmission, Seen, What};

use handshake::Opening;
use ledger::{Acks, Advance, Ledger, Recorded};
use losses::{Delay, Delays, Hints, IsOne, LEAST_TIMEOUT, Sign};
use runs::{Remark, Run, Runs};
use stream::{Room, Stream};

use crate::event::{Direction, PacketNote, Recovery, Side, Trouble};
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
/// How soon after later bytes an earlier packet was merely overtaken, where no round trip is known (as tshark has it).
const OVERTAKEN: Nanos = Nanos::from_millis(3);
/// So many repetitions of an acknowledgement ask for a retransmission (the third packet that says so; RFC 5681 §3.2).
const ASKING: u32 = 2;

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
        let packet = Packet { at, tcp, start, acknowledged, window, around: self.opening.seen.whole() };

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
        own.asks_alive = matches!(what, What::KeepAlive | What::WindowProbe);
        own.last_at = Some(at);
        other.answered_at = Some(at);
        if tcp.flags.ack() {
            own.said = Some((tcp.acknowledgement, window));
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
    fn note(&mut self, packet: &Packet<'_, '_>, direction: Direction, what: What) {
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

/// A packet, placed in the streams.
struct Packet<'p, 'a> {
    at: At,
    tcp: &'p Tcp<'a>,
    /// Offset of its first byte; negative before the stream's beginning.
    start: i64,
    /// How far it acknowledges the other stream.
    acknowledged: Option<i64>,
    /// Its window in bytes.
    window: u32,
    /// The handshake's round trip with both ends' own time, where it is known.
    around: Option<Nanos>,
}

fn clamp(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

/// The window in bytes: scaled behind the SYNs, if both offered to scale (RFC 7323 §2.2).
fn scaled_window(direction: Direction, tcp: &Tcp<'_>, handshake: &Handshake) -> u32 {
    let scale = |offer: Option<crate::event::TcpOffer>| offer.and_then(|offer| offer.window_scale);
    match (scale(handshake.client), scale(handshake.server)) {
        (Some(client), Some(server)) if !tcp.flags.syn() => {
            let by = if direction == Direction::Sent { client } else { server };
            u32::from(tcp.window) << by.min(14)
        }
        _ => u32::from(tcp.window),
    }
}

const CONTROL: [TcpFlags; 3] = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST];

impl<'a> Packet<'_, 'a> {
    fn end(&self) -> i64 {
        self.start + i64::from(self.tcp.payload_length)
    }

    fn is_control(&self) -> bool {
        CONTROL.into_iter().any(|flag| self.tcp.flags.contains(flag))
    }

    fn closes_window(&self) -> bool {
        self.tcp.window == 0 && !self.is_control()
    }

    fn is_one(&self, offer: Option<crate::event::TcpOffer>) -> IsOne {
        let largest = offer.and_then(|offer| offer.mss).map_or(536, u32::from).min(1460);
        if self.tcp.payload_length <= largest { IsOne::Certainly } else { IsOne::Perhaps }
    }

    /// What the packet is. Its bytes are recorded, unless it is one of those whose byte is none.
    fn judge(&self, own: &mut Stream, other: &Stream, opening: &mut Opening, direction: Direction) -> (What, Recorded) {
        const NOTHING: Recorded = Recorded { fresh: None, noticed: None, before: None };
        let flags = self.tcp.flags;
        if flags.rst() {
            return (What::Reset, NOTHING);
        }
        let next = own.ledger.end().cast_signed();
        let length = self.tcp.payload_length;
        if length <= 1 && !self.is_control() {
            let is_closed = matches!(own.room, Room::Closed { .. });
            match self.start - next {
                0 if length == 1 && is_closed => return (What::WindowProbe, NOTHING),
                -1 if own.end.is_none() && is_closed => return (What::WindowProbe, NOTHING),
                -1 if own.end.is_none() => return (What::KeepAlive, NOTHING),
                _ => {}
            }
        }
        let recorded = own.ledger.record(clamp(self.start), clamp(self.end()), self.at);
        if flags.syn() {
            let is_answer = flags.ack() && direction == Direction::Received;
            opening.take(self.at, self.tcp);
            return (if is_answer { What::SynAck } else { What::Syn }, recorded);
        }
        let is_end_again = flags.fin() && own.end.is_some();
        if flags.fin() {
            own.end.get_or_insert(clamp(self.end()));
        }
        let what = if length == 0 && !flags.fin() {
            self.judge_empty(own, other)
        } else if self.start < next || (length == 0 && is_end_again) {
            self.judge_repeated(&recorded, own)
        } else {
            What::New
        };
        (what, recorded)
    }

    /// A packet that repeats bytes, or fills a hole.
    fn judge_repeated(&self, recorded: &Recorded, own: &Stream) -> What {
        let quiet = own.answered_at.map_or(Nanos::ZERO, |answered| self.at.since(answered));
        let is_asked = own.acks.reached().map(u64::cast_signed) == Some(self.start) && own.duplicate_acks >= ASKING;
        let is_asked = is_asked || own.selective.cast_signed() > self.start;
        // Whoever was overtaken arrives within a round trip; who was sent again because it was missing, cannot.
        let overtaken = self.around.map_or(OVERTAKEN, |around| Nanos::new(around.get() / 4 * 3));
        let is_late = recorded.noticed.is_some_and(|noticed| self.at.since(noticed) >= overtaken);
        let had_gone_by = recorded.before.is_some();
        if own.acks.reached().is_some_and(|reached| self.end() <= reached.cast_signed()) && recorded.fresh.is_none() {
            What::Retransmission(Retransmission::Spurious)
        } else if !had_gone_by && recorded.fresh.is_some() && !is_late {
            What::OutOfOrder
        } else if is_asked && quiet < LEAST_TIMEOUT + self.around.unwrap_or_default() {
            What::Retransmission(Retransmission::Fast)
        } else {
            What::Retransmission(Retransmission::Timeout)
        }
    }

    /// A packet without bytes, judged as tshark does: by what changed since the sender's last one.
    fn judge_empty(&self, own: &Stream, other: &Stream) -> What {
        let Some((acknowledgement, window)) = own.said else { return What::Ack };
        let behind_all = own.ledger.end() + u64::from(own.end.is_some());
        let is_next = self.start == behind_all.cast_signed();
        let is_same = self.tcp.flags.ack() && acknowledgement == self.tcp.acknowledgement && is_next;
        match (is_same, self.window) {
            (false, _) | (true, 0) => What::Ack,
            (true, now) if now != window => What::WindowUpdate,
            (true, _) if other.asks_alive => What::Ack,
            (true, _) => What::DuplicateAck,
        }
    }

    /// The round trip or, where it is unknown, none.
    fn round_trip(&self) -> Nanos {
        self.around.unwrap_or_default()
    }

    /// What filling a hole had cost.
    fn filled(&self, recorded: &Recorded, what: What, own: &Stream, direction: Direction) -> Option<Delay> {
        let noticed = recorded.noticed?;
        let delay = |trouble, recovery| Delay {
            trouble,
            direction,
            start: noticed,
            end: self.at,
            recovery,
            sign: Sign::Missing,
        };
        if what == What::OutOfOrder {
            return Some(delay(Trouble::Reordering, None));
        }
        let is_fast = own.duplicate_acks > 0 && self.at.since(noticed) < LEAST_TIMEOUT + self.round_trip();
        Some(delay(Trouble::LostBytes, Some(if is_fast { Recovery::Fast } else { Recovery::Timeout })))
    }

    /// In a stream whose sender numbers its packets, one is missing before new bytes that come after a silence: they, or
    /// bytes before them, were lost and have been sent again. Claimed only where everything the other end sent had been
    /// acknowledged, or else the missing packet may have been an acknowledgement. How long the first transmission has been
    /// under way is not known; what is, is that the sender waited for its timer.
    fn resent_unseen(&self, own: &Stream, other: &Stream, direction: Direction) -> Option<Delay> {
        let silence = self.at.since(own.last_at?);
        let least = self.round_trip().get().max(Nanos::from_millis(2).get());
        if !other.is_acknowledged() || silence < Nanos::new(least) {
            return None;
        }
        let timer = LEAST_TIMEOUT + self.round_trip();
        let recovery = if silence < timer { Recovery::Probe } else { Recovery::Timeout };
        let length = if silence < timer { silence } else { timer };
        let (start, sign) = (self.at - length, Sign::Missing);
        Some(Delay { trouble: Trouble::LostBytes, direction, start, end: self.at, recovery: Some(recovery), sign })
    }

    /// Bytes that had gone by before go by again.
    fn resent(&self, why: Retransmission, before: At, own: &mut Stream) {
        let recovery = match why {
            Retransmission::Fast => Recovery::Fast,
            Retransmission::Timeout if self.at.since(before) < LEAST_TIMEOUT => Recovery::Probe,
            Retransmission::Timeout => Recovery::Timeout,
            Retransmission::Spurious => return,
        };
        let clock = self.tcp.options.timestamps().map(|stamps| stamps.value);
        own.repairs.resend(clamp(self.start), clamp(self.end()), before, self.at, recovery, clock);
    }

    /// What time it was waiting for room, when new bytes follow the opening of a window.
    fn waited_for_room(&self, own: &mut Stream, direction: Direction) -> Option<Delay> {
        let Room::Reopened { since, probed, at } = own.room else { return None };
        own.room = Room::Open;
        // Without a probe, bytes that do not follow at once had not been waiting.
        let soon = Nanos::from_millis(10) + self.round_trip() + self.round_trip();
        let had_waited = probed.is_some() || self.at.since(at) < soon;
        had_waited.then_some(Delay {
            trouble: Trouble::ZeroWindow,
            direction,
            start: since,
            end: at,
            recovery: None,
            sign: Sign::Window,
        })
    }

    /// What the packet says of the other stream's receiver.
    fn acknowledge(&self, reached: i64, own: &Stream, other: &mut Stream, direction: Direction, delays: &mut Delays) {
        let reached = clamp(reached.min(other.end.map_or(i64::MAX, u64::cast_signed)));
        let is_pure = self.tcp.payload_length == 0;
        match other.acks.reached() {
            Some(before) if reached > before => other.duplicate_acks = 0,
            Some(before) if reached == before && is_pure && self.is_same_word(own) => {
                other.duplicate_acks = other.duplicate_acks.saturating_add(1);
            }
            _ => {}
        }
        let duplicate = self.selective(reached, other);
        if !other.repairs.is_empty() {
            let echo = self.tcp.options.timestamps().map(|stamps| stamps.echo);
            let least = Nanos::new(self.round_trip().get() / 2);
            for repaired in other.repairs.acknowledge(reached, self.at, Hints { duplicate, echo }, least) {
                // Needless, but the answer was late as well: why, only the other end can tell.
                let nothing_came = own.fresh_at.is_none_or(|fresh| fresh <= repaired.first);
                if repaired.was_needless && !nothing_came {
                    continue;
                }
                delays.add(Delay {
                    trouble: if repaired.was_needless { Trouble::Unexplained } else { Trouble::LostBytes },
                    direction: direction.reverse(),
                    start: repaired.first,
                    end: repaired.through,
                    recovery: Some(repaired.recovery),
                    sign: Sign::Repeated,
                });
            }
        }
        other.acks.record(Advance { end: reached, at: self.at, is_pure });
    }

    /// Whether the acknowledgement is the same as the one before it, window included or not: one with a selective
    /// acknowledgement counts whatever its window.
    fn is_same_word(&self, own: &Stream) -> bool {
        own.said.is_some_and(|(acknowledgement, _)| acknowledgement == self.tcp.acknowledgement)
    }

    /// Notes selective acknowledgements; gives the stretch that is reported to have arrived twice (RFC 2883 §4).
    fn selective(&self, reached: u64, other: &mut Stream) -> Option<(u64, u64)> {
        // Nothing, or timestamps alone, padded: the options of nearly every packet.
        if matches!(self.tcp.options.as_bytes(), [] | [1, 1, 8, 10, _, _, _, _, _, _, _, _]) {
            return None;
        }
        let mut duplicate = None;
        let mut blocks = self.tcp.options.sack_blocks().take(4);
        let mut first = blocks.next().map(|block| (clamp(other.place(block.left)), clamp(other.place(block.right))));
        let second = blocks.next().map(|block| (clamp(other.place(block.left)), clamp(other.place(block.right))));
        if let Some((left, right)) = first
            && (right <= reached || second.is_some_and(|(low, high)| low <= left && right <= high))
        {
            duplicate = first.take();
        }
        let rest = blocks.map(|block| clamp(other.place(block.right)));
        let highest = first.into_iter().chain(second).map(|(_, right)| right).chain(rest).max();
        other.selective = other.selective.max(highest.unwrap_or(0).min(other.ledger.end()));
        duplicate
    }

    /// What the packet says of the room for the other stream, and, as a probe, asks of its own.
    fn tell_room(&self, own: &mut Stream, other: &mut Stream, what: What) {
        if what == What::WindowProbe
            && let Room::Closed { since, probed } = own.room
        {
            own.room = Room::Closed { since, probed: probed.or(Some(self.at)) };
        }
        if self.is_control() {
            return;
        }
        other.room = match (other.room, self.tcp.window) {
            (Room::Open, 0) => Room::Closed { since: self.at, probed: None },
            (Room::Reopened { since, probed, .. }, 0) => Room::Closed { since, probed },
            (Room::Closed { since, probed }, 1..) => Room::Reopened { since, probed, at: self.at },
            (room, _) => room,
        };
    }

    fn seen(&self, direction: Direction, what: What, recorded: &Recorded) -> Seen<'a> {
        let captured = self.tcp.payload;
        let payload = Bytes { offset: clamp(self.start), length: self.tcp.payload_length, captured };
        let fresh = recorded.fresh.map(|(start, end)| {
            let skipped = usize::try_from(start.cast_signed() - self.start).unwrap_or(usize::MAX);
            let length = u32::try_from(end - start).unwrap_or(u32::MAX);
            let rest = captured.get(skipped..).unwrap_or_default();
            let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            Bytes { offset: start, length, captured: &rest[..wanted] }
        });
        let acknowledges = self.acknowledged.map(clamp);
        Seen { direction, what, payload, fresh, acknowledges, ends_stream: self.tcp.flags.fin() }
    }
}

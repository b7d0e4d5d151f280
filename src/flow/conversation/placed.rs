//! One packet at its place in the streams: what it is, and what it says of what came before it.
//!
//! Packets are judged as tshark judges them, but for what it gets wrong because it compares whole packets and not bytes:
//! - A packet that fills a hole was overtaken if its sender's clock (RFC 7323) says that it left before what had shown the hole,
//!   and was sent again if it left after that. Where the clock does not tell, it was overtaken if it comes within three quarters
//!   of a round trip of when the hole showed. tshark measures from the highest packet so far, which in a steady stream is always
//!   recent, and takes any that acknowledgements had asked for within 20 ms for sent again, however soon it comes.
//! - A packet that repeats a part of a larger one (as a sender's own capture has it, before the network card splits it) was
//!   sent again. tshark knows only equal packets, and may call it out of order.
//! - A single byte that has not been acknowledged is no keep-alive, and what looks like one while the window is closed is a
//!   probe of the window: Linux probes so.

use std::cmp::Ordering;

use super::handshake::{Handshake, Opening};
use super::ledger::{Advance, Recorded};
use super::losses::{Delay, Delays, Hints, IsOne, LEAST_TIMEOUT, Sign};
use super::seen::{Bytes, Retransmission, Seen, What};
use super::stream::{Room, Stream};
use crate::event::{Direction, Recovery, TcpOffer, Trouble};
use crate::packet::{Tcp, TcpFlags};
use crate::time::{Nanos, Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// How soon after later bytes an earlier packet was merely overtaken, where no round trip is known (as tshark has it).
const OVERTAKEN: Nanos = Nanos::from_millis(3);
/// So many repetitions of an acknowledgement ask for a retransmission (the third packet that says so; RFC 5681 §3.2).
const ASKING: u32 = 2;

/// A packet, placed in the streams.
pub(super) struct Placed<'p, 'a> {
    pub(super) at: At,
    pub(super) tcp: &'p Tcp<'a>,
    /// Offset of its first byte; negative before the stream's beginning.
    pub(super) start: i64,
    /// How far it acknowledges the other stream.
    pub(super) acknowledged: Option<i64>,
    /// Its window in bytes.
    pub(super) window: u32,
    /// The handshake's round trip with both ends' own time, where it is known.
    pub(super) around: Option<Nanos>,
}

pub(super) fn clamp(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

/// The window in bytes: scaled behind the SYNs, if both offered to scale (RFC 7323 §2.2).
pub(super) fn scaled_window(direction: Direction, tcp: &Tcp<'_>, handshake: &Handshake) -> u32 {
    let scale = |offer: Option<TcpOffer>| offer.and_then(|offer| offer.window_scale);
    match (scale(handshake.client), scale(handshake.server)) {
        (Some(client), Some(server)) if !tcp.flags.syn() => {
            let by = if direction == Direction::Sent { client } else { server };
            u32::from(tcp.window) << by.min(14)
        }
        _ => u32::from(tcp.window),
    }
}

const CONTROL: [TcpFlags; 3] = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST];

impl<'a> Placed<'_, 'a> {
    fn end(&self) -> i64 {
        self.start + i64::from(self.tcp.payload_length)
    }

    fn is_control(&self) -> bool {
        CONTROL.into_iter().any(|flag| self.tcp.flags.contains(flag))
    }

    /// Whether it only acknowledges, from before the end of its stream, which has gone by: the end has overtaken it, or its
    /// sender asks whether the other end is there.
    pub(super) fn is_ack_before_end(&self, own: &Stream) -> bool {
        let is_empty = self.tcp.payload_length == 0 && !self.is_control();
        is_empty && own.end.map(u64::cast_signed) == Some(self.start)
    }

    /// Its sender's clock.
    fn clock(&self) -> Option<u32> {
        self.tcp.options.timestamps().map(|stamps| stamps.value)
    }

    pub(super) fn closes_window(&self) -> bool {
        self.tcp.window == 0 && !self.is_control()
    }

    pub(super) fn is_one(&self, offer: Option<TcpOffer>) -> IsOne {
        let largest = offer.and_then(|offer| offer.mss).map_or(536, u32::from).min(1460);
        if self.tcp.payload_length <= largest { IsOne::Certainly } else { IsOne::Perhaps }
    }

    /// What the packet is. Its bytes are recorded, unless it is one of those whose byte is none.
    pub(super) fn judge(
        &self,
        own: &mut Stream,
        other: &Stream,
        opening: &mut Opening,
        direction: Direction,
    ) -> (What, Recorded) {
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
                // The byte of a keep-alive has been acknowledged; one that has not is sent again in earnest.
                -1 if own.end.is_none() && (length == 0 || own.is_acknowledged()) => return (What::KeepAlive, NOTHING),
                _ => {}
            }
        }
        if self.start > next + i64::from(own.end.is_some())
            && let Some(clock) = self.clock()
        {
            own.show_hole(clamp(self.start), clock);
        }
        let recorded = own.ledger.record(clamp(self.start), clamp(self.end()), self.at);
        if flags.syn() {
            let is_answer = flags.ack() && direction == Direction::Received;
            opening.take(self.at, self.tcp);
            return (if is_answer { What::SynAck } else { What::Syn }, recorded);
        }
        // The end of the stream takes a number, too.
        if length == 0 && self.start > next + i64::from(own.end.is_some()) {
            // An acknowledgement or an end has the number of what comes next: what is before it has been sent.
            own.ledger.miss_before(clamp(self.start), self.at);
        }
        let is_end_again = flags.fin() && own.end.is_some();
        if flags.fin() {
            own.end.get_or_insert(clamp(self.end()));
        }
        let what = if length == 0 && !flags.fin() {
            self.judge_empty(next, own, other)
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
        let against_hole = || own.against_hole(recorded.fresh?.0, self.clock()?);
        let is_late = match against_hole() {
            Some(Ordering::Less) => false,
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) | None => recorded.noticed.is_some_and(|noticed| self.at.since(noticed) >= overtaken),
        };
        let had_gone_by = recorded.before.is_some();
        let has_all = own.acks.reached().is_some_and(|reached| self.end() <= reached.cast_signed());
        if has_all && self.tcp.payload_length > 0 && recorded.fresh.is_none() {
            What::Retransmission(Retransmission::Spurious)
        } else if !had_gone_by && recorded.fresh.is_some() && !is_late {
            What::OutOfOrder
        } else if is_asked && quiet < LEAST_TIMEOUT + self.around.unwrap_or_default() {
            What::Retransmission(Retransmission::Fast)
        } else {
            What::Retransmission(Retransmission::Timeout)
        }
    }

    /// A packet without bytes, judged as tshark does: by what changed since the sender's last one. Before it, bytes up to `next`
    /// had gone by; one that shows a hole is no repetition.
    fn judge_empty(&self, next: i64, own: &Stream, other: &Stream) -> What {
        let Some((acknowledgement, window)) = own.said else { return What::Ack };
        let is_next = self.start == next + i64::from(own.end.is_some());
        let is_same = self.tcp.flags.ack() && acknowledgement == self.tcp.acknowledgement && is_next;
        match (is_same, self.tcp.window) {
            (false, _) | (true, 0) => What::Ack,
            (true, now) if now != window => What::WindowUpdate,
            (true, _) if other.is_answered_alike => What::Ack,
            (true, _) => What::DuplicateAck,
        }
    }

    /// The round trip or, where it is unknown, none.
    fn round_trip(&self) -> Nanos {
        self.around.unwrap_or_default()
    }

    /// What filling a hole had cost.
    pub(super) fn filled(&self, recorded: &Recorded, what: What, own: &Stream, direction: Direction) -> Option<Delay> {
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
    pub(super) fn resent_unseen(&self, own: &Stream, other: &Stream, direction: Direction) -> Option<Delay> {
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
    pub(super) fn resent(&self, why: Retransmission, before: At, own: &mut Stream) {
        let recovery = match why {
            Retransmission::Fast => Recovery::Fast,
            Retransmission::Timeout if self.at.since(before) < LEAST_TIMEOUT => Recovery::Probe,
            Retransmission::Timeout => Recovery::Timeout,
            Retransmission::Spurious => return,
        };
        own.repairs.resend(clamp(self.start), clamp(self.end()), before, self.at, recovery, self.clock());
    }

    /// What time it was waiting for room, when new bytes follow the opening of a window.
    pub(super) fn waited_for_room(&self, own: &mut Stream, direction: Direction) -> Option<Delay> {
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
    pub(super) fn acknowledge(
        &self,
        reached: i64,
        own: &Stream,
        other: &mut Stream,
        direction: Direction,
        delays: &mut Delays,
    ) {
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
    pub(super) fn tell_room(&self, own: &mut Stream, other: &mut Stream, what: What) {
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

    #[inline]
    pub(super) fn seen(&self, direction: Direction, what: What, recorded: &Recorded) -> Seen<'a> {
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

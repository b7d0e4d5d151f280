//! One direction of a connection: its sequence numbers as offsets, and what its receiver said of it.

use std::cmp::Ordering;

use super::ledger::{Acks, Ledger};
use super::losses::{Identifications, Repairs};
use crate::time::{Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// One direction's stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// The sequence number of offset 0.
    base: Option<u32>,
    pub(super) ledger: Ledger,
    /// How its receiver acknowledged it.
    pub(super) acks: Acks,
    pub(super) repairs: Repairs,
    pub(super) identifications: Identifications,
    /// When the last packet of this direction went by.
    pub(super) last_at: Option<At>,
    /// When bytes last went by for the first time.
    pub(super) fresh_at: Option<At>,
    /// Where it ends, once that went by.
    pub(super) end: Option<u64>,
    /// How often the last acknowledgement was repeated.
    pub(super) duplicate_acks: u32,
    /// When its receiver last sent anything.
    pub(super) answered_at: Option<At>,
    /// The highest offset that was acknowledged selectively.
    pub(super) selective: u64,
    /// Its receiver's window.
    pub(super) room: Room,
    /// Time to live of its first packet.
    pub(super) ttl: Option<u8>,
    /// The last acknowledgement number and unscaled window that the *sender* of this stream sent for the other one.
    pub(super) said: Option<(u32, u16)>,
    /// Its last packet has a number before what the other end expects, which answers by saying again what it has said (RFC 9293
    /// §3.10.7.4): that answer asks for nothing.
    pub(super) is_answered_alike: bool,
    holes: Vec<Shown>,
}

/// A hole, and what its sender's clock (RFC 7323) was in the packet that showed it.
#[derive(Clone, Copy, Debug)]
struct Shown {
    start: u64,
    end: u64,
    clock: u32,
}

/// Of more holes at a time, the clocks of the oldest are forgotten.
const MOST_SHOWN: usize = 64;

/// What a receiver says of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Room {
    /// Nothing, or some.
    #[default]
    Open,
    /// None since then; with the time of the first probe.
    Closed { since: At, probed: Option<At> },
    /// Some again, after it had been closed.
    Reopened { since: At, probed: Option<At>, at: At },
}

impl Stream {
    pub(super) const fn new(ledger: Ledger, acks: Acks) -> Self {
        Self {
            base: None,
            ledger,
            acks,
            repairs: Repairs::new(),
            identifications: Identifications::new(),
            last_at: None,
            fresh_at: None,
            end: None,
            duplicate_acks: 0,
            answered_at: None,
            selective: 0,
            room: Room::Open,
            ttl: None,
            said: None,
            is_answered_alike: false,
            holes: Vec::new(),
        }
    }

    /// Lets the stream begin at this number, unless it has begun elsewhere.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.base.get_or_insert(sequence);
    }

    /// Lets the stream begin behind a SYN, which knows better than anything before it, if no byte went by yet.
    pub(super) fn open(&mut self, sequence: u32) {
        if self.ledger.end() == 0 {
            self.base = Some(sequence);
        }
    }

    /// Whether a SYN with this number for its first byte opens another stream than this.
    pub(super) fn is_other(&self, sequence: u32) -> bool {
        self.base.is_some_and(|base| base != sequence)
    }

    /// Whether its first byte has this number.
    pub(super) fn begins_with(&self, sequence: u32) -> bool {
        self.base == Some(sequence)
    }

    /// The offset of a sequence number: the one nearest to the end of what went by. Negative before the beginning.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are offsets modulo 2^32")]
    pub(super) fn place(&self, sequence: u32) -> i64 {
        let next = self.ledger.end();
        let expected = self.base.unwrap_or(sequence).wrapping_add(next as u32);
        next.cast_signed() + i64::from(sequence.wrapping_sub(expected).cast_signed())
    }

    /// A packet at `start` with this value of its sender's clock shows that the bytes before it are missing.
    pub(super) fn show_hole(&mut self, start: u64, clock: u32) {
        if !self.ledger.has_holes() {
            self.holes.clear();
        } else if self.holes.len() >= MOST_SHOWN {
            self.holes.remove(0);
        }
        self.holes.push(Shown { start: self.ledger.end(), end: start, clock });
    }

    /// Whether a packet with this value of its sender's clock was sent before or after the one that showed the hole at
    /// `offset`; equal is within one tick of the clock.
    pub(super) fn against_hole(&self, offset: u64, clock: u32) -> Option<Ordering> {
        let hole = self.holes.iter().rfind(|hole| (hole.start..hole.end).contains(&offset))?;
        Some(clock.wrapping_sub(hole.clock).cast_signed().cmp(&0))
    }

    /// Whether all that went by is acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acks.reached().is_some_and(|reached| reached >= self.ledger.end())
    }
}

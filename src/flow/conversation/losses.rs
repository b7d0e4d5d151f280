//! What was lost, and how long that took to mend.
//!
//! A capture sees the loss of a stream's bytes in one of two ways. Before the place of loss it sees them twice: the time that
//! it took runs from the first transmission to the one that got through. Behind it, it sees that they are missing: the time
//! runs from the arrival of later bytes until the hole is filled. Which one counts depends on the side and is decided when a
//! [`crate::event::Wire`] is drawn up.

use crate::event::{Direction, Recovery, Trouble};
use crate::time::{Nanos, Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// Linux does not let its retransmission timer run for less than this (RFC 6298 asks for a second).
pub(super) const LEAST_TIMEOUT: Nanos = Nanos::from_millis(200);
/// More delays than this are not kept of one connection; the shortest go.
const MOST_DELAYS: usize = 256;
/// More stretches under repair at a time than this are not told apart.
const MOST_REPAIRS: usize = 64;

/// Time that was lost, and how the capture knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) trouble: Trouble,
    pub(super) direction: Direction,
    pub(super) start: At,
    pub(super) end: At,
    pub(super) recovery: Option<Recovery>,
    pub(super) sign: Sign,
}

/// By what a delay shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Packets were seen twice: only a capture before the place of loss does.
    Repeated,
    /// Packets were missing: only a capture behind the place of loss knows that the network did it.
    Missing,
    /// Both ends see the same.
    Window,
}

/// The delays of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays(Vec<Delay>);

impl Delays {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn extend(&mut self, delay: Option<Delay>) {
        if let Some(delay) = delay {
            self.add(delay);
        }
    }

    /// Adds one; of two that began together at the same direction the longer stays.
    pub(super) fn add(&mut self, delay: Delay) {
        let same = |old: &&mut Delay| {
            (old.trouble, old.direction, old.start, old.sign)
                == (delay.trouble, delay.direction, delay.start, delay.sign)
        };
        if let Some(old) = self.0.iter_mut().rev().take(8).find(same) {
            old.end = old.end.max(delay.end);
            return;
        }
        if self.0.len() >= MOST_DELAYS {
            let shortest = (0..self.0.len()).min_by_key(|index| self.0[*index].end.since(self.0[*index].start));
            shortest.map(|index| self.0.remove(index));
        }
        self.0.push(delay);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Delay> {
        self.0.iter()
    }

    /// Lets go of what ended before `before`.
    pub(super) fn forget(&mut self, before: At) {
        self.0.retain(|delay| delay.end >= before);
    }
}

/// The stretches of one direction's stream that were sent again and are not acknowledged yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Repairs(Vec<Repair>);

/// A stretch that was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repair {
    pub(super) start: u64,
    pub(super) end: u64,
    /// When it was first sent.
    pub(super) first: At,
    /// When it was last sent again.
    pub(super) last: At,
    /// When it was sent again before that.
    before_last: Option<At>,
    pub(super) recovery: Recovery,
    /// The sender's clock in the first retransmission (RFC 7323).
    clock: Option<u32>,
    resent: u32,
    duplicates: u32,
}

/// What an acknowledgement says besides its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// The stretch that arrived twice (RFC 2883).
    pub(super) duplicate: Option<(u64, u64)>,
    /// The sender's clock in the packet that is acknowledged (RFC 7323).
    pub(super) echo: Option<u32>,
}

/// A stretch that was sent again and has been acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repaired {
    pub(super) first: At,
    /// When the transmission that got through left.
    pub(super) through: At,
    pub(super) recovery: Recovery,
    /// The first transmission had arrived, too.
    pub(super) was_needless: bool,
}

impl Repairs {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A stretch is sent again.
    pub(super) fn resend(&mut self, start: u64, end: u64, first: At, at: At, recovery: Recovery, clock: Option<u32>) {
        let same = |repair: &&mut Repair| start < repair.end && repair.start < end;
        if let Some(repair) = self.0.iter_mut().find(same) {
            // A stretch that is sent again in pieces was sent again once.
            if start <= repair.start {
                repair.before_last = Some(repair.last);
                repair.resent += 1;
                repair.recovery = if recovery == Recovery::Timeout { recovery } else { repair.recovery };
                repair.last = at;
            }
            // Bytes behind may have been sent again first, by a probe: time was lost from the earlier ones on.
            repair.first = repair.first.min(first);
            repair.start = repair.start.min(start);
            repair.end = repair.end.max(end);
        } else if self.0.len() < MOST_REPAIRS {
            let repair =
                Repair { start, end, first, last: at, before_last: None, recovery, clock, resent: 1, duplicates: 0 };
            self.0.push(repair);
        }
    }

    /// The stream is acknowledged up to `reached`: gives what that settles. `least` is how soon an acknowledgement can follow
    /// what it acknowledges.
    pub(super) fn acknowledge(&mut self, reached: u64, at: At, hints: Hints, least: Nanos) -> Vec<Repaired> {
        if let Some((start, end)) = hints.duplicate {
            for repair in &mut self.0 {
                repair.duplicates += u32::from(start < repair.end && repair.start < end);
            }
        }
        let mut settled = Vec::new();
        self.0.retain(|repair| {
            if repair.end > reached {
                return true;
            }
            let is_too_soon = at.since(repair.last) < least;
            let through = repair.before_last.filter(|_| is_too_soon).unwrap_or(repair.last);
            settled.push(Repaired {
                first: repair.first,
                through,
                recovery: repair.recovery,
                was_needless: repair.was_needless(hints.echo),
            });
            false
        });
        settled
    }

    /// What has not been settled.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Repair> {
        self.0.iter()
    }
}

impl Repair {
    /// Whether the first transmission had arrived: as many duplicates arrived as were sent again (RFC 2883), or what the
    /// acknowledgement answers left before the first retransmission (RFC 3522).
    fn was_needless(&self, echo: Option<u32>) -> bool {
        let answers_the_first = match (self.clock, echo) {
            (Some(clock), Some(echo)) => clock.wrapping_sub(echo).cast_signed() > 0,
            _ => false,
        };
        self.duplicates >= self.resent || answers_the_first
    }
}

/// The numbers that one end gives its IPv4 packets, where it counts them for each connection as Linux does: a number that
/// is left out was a packet that did not arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identifications {
    last: Option<u16>,
    /// How often one number followed the other.
    steps: u8,
    /// The SYN, or SYN-ACK, was number 0, as Linux has it for connections that it counts by themselves.
    begins_with_none: bool,
    is_useless: bool,
}

/// More packets than this missing in a row are another way of counting.
const MOST_MISSING: u16 = 16;
/// So many numbers in a row are counted for this connection alone, whatever the SYN-ACK's was. Hosts that count all their
/// packets together (Windows) leave numbers out in each connection.
const CONVINCING: u8 = 8;

impl Identifications {
    pub(super) const fn new() -> Self {
        Self { last: None, steps: 0, begins_with_none: false, is_useless: false }
    }

    /// Notes a packet's number; how many before it are missing, if any and where that can be known. A packet that may stand
    /// for several (merged on arrival) gives no number to count from.
    #[inline]
    pub(super) fn missing(&mut self, identification: Option<u32>, is_one: IsOne) -> Option<u16> {
        if self.is_useless {
            return None;
        }
        let number = u16::try_from(identification?).ok()?;
        if number == 0 && self.last.is_none() {
            self.begins_with_none = true;
            return None;
        }
        let last = self.last.replace(number);
        if is_one == IsOne::Perhaps {
            self.last = None;
        }
        let step = number.wrapping_sub(last?);
        match step {
            1 => {
                self.steps = self.steps.saturating_add(1);
                None
            }
            2..=MOST_MISSING if self.begins_with_none || self.steps >= CONVINCING => Some(step - 1),
            2..=MOST_MISSING => {
                self.steps = 0;
                None
            }
            _ => {
                self.is_useless = true;
                None
            }
        }
    }
}

/// Whether a captured packet was one packet on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsOne {
    /// It is no larger than a packet may be.
    Certainly,
    /// It is larger: several, merged on arrival or to be split on departure.
    Perhaps,
}

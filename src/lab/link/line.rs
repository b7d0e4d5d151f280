//! One direction of one route: when a packet that arrives now will be due, or why it never will.
//!
//! Pure: time is handed in, and chance comes from a seed. Invariants: without reordering no packet overtakes another; the
//! same packets at the same times with the same seed have the same fate; each kind of chance has its own sequence, so that
//! adding jitter does not change which packets are lost.

use super::conditions::{Bandwidth, Conditions, Landmark, Share, Treatment};
use super::frame::Reading;
use super::log::Cause;
use crate::lab::random::SplitMix64;
use crate::time::{Monotonic, Nanos, Timestamp};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives, once or twice, at this time.
    Due { at: Timestamp<Monotonic>, copies: Copies },
    /// It does not arrive.
    Lost(Cause),
}

/// How often a packet arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    One,
    Two,
}

/// The state of one direction.
#[derive(Debug)]
pub(super) struct Line {
    conditions: Conditions,
    seen: [u64; Landmark::ALL.len()],
    /// When the last packet will have left the sender's buffer.
    busy_until: Timestamp<Monotonic>,
    /// When the last packet that keeps the order arrives.
    last_due: Timestamp<Monotonic>,
    loss: SplitMix64,
    jitter: SplitMix64,
    reordering: SplitMix64,
    duplication: SplitMix64,
}

impl Line {
    pub(super) fn new(conditions: Conditions, seeds: &mut SplitMix64) -> Self {
        let mut generator = || SplitMix64::new(seeds.next());
        Self {
            conditions,
            seen: [0; Landmark::ALL.len()],
            busy_until: Timestamp::default(),
            last_due: Timestamp::default(),
            loss: generator(),
            jitter: generator(),
            reordering: generator(),
            duplication: generator(),
        }
    }

    pub(super) fn offer(&mut self, at: Timestamp<Monotonic>, packet: &Reading<'_>) -> Fate {
        let treatment = self.treatment(packet);
        // Every chance is drawn for every packet, so that one packet's fate does not shift that of the next.
        let lost = draw(&mut self.loss, self.conditions.loss);
        let twice = draw(&mut self.duplication, self.conditions.duplication);
        let jitter = self.jitter.between(Nanos::ZERO, self.conditions.jitter);
        let reordering = self.conditions.reordering.filter(|chance| draw(&mut self.reordering, chance.share));

        if self.conditions.mtu.is_some_and(|mtu| packet.length > mtu) {
            return Fate::Lost(Cause::TooLarge);
        }
        let Some(sent) = self.transmit(at, packet.length) else { return Fate::Lost(Cause::BufferFull) };
        if treatment == Some(Treatment::Lose) {
            return Fate::Lost(Cause::Exception);
        }
        if lost {
            return Fate::Lost(Cause::Chance);
        }
        let in_order = (sent + self.conditions.delay + jitter).max(self.last_due);
        let late = match treatment {
            Some(Treatment::Late(late)) => Some(late),
            _ if self.conditions.accept > Nanos::ZERO && packet.is(Landmark::SynAck) => Some(self.conditions.accept),
            _ => reordering.map(|chance| chance.late),
        };
        // What comes behind does not wait for one that is late.
        if late.is_none() {
            self.last_due = in_order;
        }
        let due = in_order + late.unwrap_or_default();
        let copies = if twice || treatment == Some(Treatment::Duplicate) { Copies::Two } else { Copies::One };
        Fate::Due { at: due, copies }
    }

    /// Counts the packet, and finds out whether it is picked.
    fn treatment(&mut self, packet: &Reading<'_>) -> Option<Treatment> {
        let mut picked = None;
        for (landmark, seen) in Landmark::ALL.into_iter().zip(&mut self.seen) {
            if packet.is(landmark) {
                *seen += 1;
                let exceptions = self.conditions.exceptions.iter();
                let mine = exceptions.filter(|exception| (exception.landmark, exception.nth) == (landmark, *seen));
                picked = mine.map(|exception| exception.treatment).next().or(picked);
            }
        }
        picked
    }

    /// When the packet's last bit has left; `None` where there is no room to wait.
    fn transmit(&mut self, at: Timestamp<Monotonic>, bytes: u32) -> Option<Timestamp<Monotonic>> {
        let Some(bandwidth) = self.conditions.bandwidth else { return Some(at) };
        let backlog = self.busy_until.since(at);
        if bandwidth.bytes_in(backlog) + u64::from(bytes) > bandwidth.buffer_bytes {
            return None;
        }
        self.busy_until = self.busy_until.max(at) + bandwidth.time_of(bytes);
        Some(self.busy_until)
    }
}

impl Bandwidth {
    fn time_of(self, bytes: u32) -> Nanos {
        let nanos = (u128::from(bytes) * 8 * 1_000_000_000).div_ceil(u128::from(self.bits_per_second.get()));
        Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn bytes_in(self, length: Nanos) -> u64 {
        let bytes = u128::from(length.get()) * u128::from(self.bits_per_second.get()) / 8 / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

fn draw(random: &mut SplitMix64, share: Share) -> bool {
    // The upper half of the product of a fraction of 2^64 and a million: uniform from 0 to 999,999.
    let drawn = (u128::from(random.next()) * u128::from(Share::ALL.millionths())) >> 64;
    drawn < u128::from(share.millionths())
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;

//! What the link really did to each packet: the truth that measurements are held against.
//!
//! Invariant: bounded. The oldest entry goes when a new one comes and the log is full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::conditions::Landmark;
use crate::time::{Monotonic, Nanos, Timestamp};

/// How many passages are kept.
pub const PASSAGES_KEPT: usize = 262_144;

/// An end of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Where the clients are.
    Near,
    /// Where the servers are.
    Far,
}

impl End {
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Near => 0,
            Self::Far => 1,
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// One IP packet of a route on the link; a packet that arrives twice has two entries. What belongs to no route (address
/// resolution, as a rule) is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Where it came from.
    pub from: End,
    /// Which of the link's routes it took, counted from 0.
    pub route: usize,
    /// What it is, as exactly as can be told.
    pub landmark: Landmark,
    /// Bytes from the IP header to its end.
    pub length: u32,
    /// When the kernel had it.
    pub arrived: Timestamp<Monotonic>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went on.
    Passed {
        /// When it should have.
        due: Timestamp<Monotonic>,
        /// When it did: just before it was handed to the kernel.
        left: Timestamp<Monotonic>,
    },
    /// It did not.
    Lost(Cause),
}

/// Why a packet was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was picked.
    Exception,
    /// Chance.
    Chance,
    /// It found no room before a line of limited speed.
    BufferFull,
    /// It was larger than the MTU.
    TooLarge,
    /// The kernel did not take it; not meant to happen.
    Refused,
}

impl Passage {
    /// How long it was really held; `None` if it was lost.
    #[must_use]
    pub const fn held(&self) -> Option<Nanos> {
        match self.outcome {
            Outcome::Passed { left, .. } => Some(left.since(self.arrived)),
            Outcome::Lost(_) => None,
        }
    }

    /// How much later than it should it went on; `None` if it was lost.
    #[must_use]
    pub const fn lateness(&self) -> Option<Nanos> {
        match self.outcome {
            Outcome::Passed { due, left } => Some(left.since(due)),
            Outcome::Lost(_) => None,
        }
    }
}

/// The passages.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<VecDeque<Passage>>);

impl Log {
    fn passages(&self) -> MutexGuard<'_, VecDeque<Passage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, passage: Passage) {
        let mut passages = self.passages();
        if passages.len() >= PASSAGES_KEPT {
            passages.pop_front();
        }
        passages.push_back(passage);
    }

    pub(super) fn all(&self) -> Vec<Passage> {
        self.passages().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_passage_goes_first() {
        let log = Log::default();
        let passage = |at| Passage {
            from: End::Near,
            route: 0,
            landmark: Landmark::Packet,
            length: 40,
            arrived: Timestamp::from_nanos(at),
            outcome: Outcome::Passed { due: Timestamp::from_nanos(at + 5), left: Timestamp::from_nanos(at + 7) },
        };
        for at in 0..PASSAGES_KEPT as u64 + 3 {
            log.enter(passage(at));
        }
        let all = log.all();
        assert_eq!((all.len(), all[0].arrived.as_nanos()), (PASSAGES_KEPT, 3));
        assert_eq!((all[0].held(), all[0].lateness()), (Some(Nanos::new(7)), Some(Nanos::new(2))));
        let lost = Passage { outcome: Outcome::Lost(Cause::Chance), ..all[0] };
        assert_eq!((lost.held(), lost.lateness()), (None, None));
    }
}

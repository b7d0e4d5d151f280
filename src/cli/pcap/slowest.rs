//! The flows that the table may show: those with the slowest exchanges.
//!
//! Invariant: no more flows than the table has rows, open ones among them, so that neither memory nor the work of drawing up
//! traces grows with the capture. Which ones they are does not depend on the order in which flows end.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::report::Ended;
use super::told::Told;
use crate::time::Nanos;

/// The slowest first; of equals the one with the lower number.
type Rank = (Reverse<Nanos>, u64);

/// The flows that may get into the table.
#[derive(Debug)]
pub(super) struct Slowest {
    rows: usize,
    ranks: BTreeSet<Rank>,
    flows: HashMap<u64, Place>,
}

/// A flow that has a place, for now.
#[derive(Debug)]
struct Place {
    length: Nanos,
    flow: Flow,
}

#[derive(Debug)]
enum Flow {
    /// Its slowest exchange so far.
    Open(Box<Told>),
    Ended(Box<Ended>),
}

impl Slowest {
    /// Of so many flows.
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, ranks: BTreeSet::new(), flows: HashMap::new() }
    }

    /// Whether an exchange of this length gets its flow into the table, or further up in it.
    pub(super) fn admits(&self, number: u64, length: Nanos) -> bool {
        match self.flows.get(&number) {
            Some(place) => length > place.length,
            None if self.ranks.len() < self.rows => true,
            None => self.ranks.last().is_some_and(|last| (Reverse(length), number) < *last),
        }
    }

    /// The slowest exchange so far of a flow that goes on.
    pub(super) fn open(&mut self, number: u64, told: Told) {
        self.place(number, told.length(), Flow::Open(Box::new(told)));
    }

    /// The slowest exchange of a flow that is over; `None` where the flow has no place in the table.
    pub(super) fn exchange(&self, number: u64) -> Option<&Told> {
        match &self.flows.get(&number)?.flow {
            Flow::Open(told) => Some(told),
            Flow::Ended(_) => None,
        }
    }

    /// A flow is over, whose slowest exchange took so long.
    pub(super) fn ended(&mut self, length: Nanos, ended: Ended) {
        self.place(ended.number, length, Flow::Ended(Box::new(ended)));
    }

    fn place(&mut self, number: u64, length: Nanos, flow: Flow) {
        if let Some(before) = self.flows.insert(number, Place { length, flow }) {
            self.ranks.remove(&(Reverse(before.length), number));
        }
        self.ranks.insert((Reverse(length), number));
        if self.ranks.len() > self.rows
            && let Some((_, fastest)) = self.ranks.pop_last()
        {
            self.flows.remove(&fastest);
        }
    }

    /// All that are over, the slowest first.
    pub(super) fn into_rows(self) -> Vec<Ended> {
        let ended = |place: Place| match place.flow {
            Flow::Ended(ended) => Some(*ended),
            Flow::Open(_) => None,
        };
        let mut rows: Vec<Ended> = self.flows.into_values().filter_map(ended).collect();
        rows.sort_by_key(|row| (Reverse(row.length()), row.number));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn ended(number: u64) -> Ended {
        Ended {
            number,
            four: None,
            began: Timestamp::default(),
            retransmissions: 0,
            told: 0,
            host: None,
            slowest: None,
        }
    }

    #[test]
    fn only_the_slowest_have_a_place_in_whatever_order_they_end() {
        let flows = [(1, 5), (2, 9), (3, 5), (4, 1), (5, 9), (6, 7)];
        let kept = |flows: &[(u64, u64)]| {
            let mut slowest = Slowest::new(3);
            for (number, length) in flows {
                if slowest.admits(*number, Nanos::new(*length)) {
                    slowest.ended(Nanos::new(*length), ended(*number));
                }
            }
            slowest.into_rows().iter().map(|row| row.number).collect::<Vec<_>>()
        };
        let backwards: Vec<(u64, u64)> = flows.into_iter().rev().collect();
        assert_eq!((kept(&flows), kept(&backwards)), (vec![2, 5, 6], vec![2, 5, 6]));
        assert_eq!(kept(&[(9, 4), (8, 4), (7, 4), (6, 4)]), [6, 7, 8]);
    }

    #[test]
    fn a_flow_has_one_place_however_many_exchanges() {
        let mut slowest = Slowest::new(2);
        for length in [3, 1, 4] {
            if slowest.admits(1, Nanos::new(length)) {
                slowest.ended(Nanos::new(length), ended(1));
            }
        }
        slowest.ended(Nanos::new(2), ended(2));
        assert!(!slowest.admits(3, Nanos::new(2)) && slowest.admits(3, Nanos::new(3)));
        assert!(!slowest.admits(1, Nanos::new(4)));
        assert_eq!(slowest.into_rows().len(), 2);
    }
}

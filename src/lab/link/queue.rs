//! The packets on the link, in the order in which they are due: pure, on whatever clock it is handed.
//!
//! Invariant: packets that are due at the same time leave in the order in which they arrived. What belongs to no route
//! (address resolution) passes at once, and so does what is not IP.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::conditions::{Landmark, Route};
use super::frame;
use super::line::{Copies, Fate, Line};
use super::log::{End, Outcome, Passage};
use super::prefix::Prefix;
use crate::lab::random::SplitMix64;
use crate::time::{Monotonic, Timestamp};

/// All routes of a link, and what travels on them.
#[derive(Debug)]
pub(super) struct DelayQueue {
    ways: Vec<Way>,
    held: BinaryHeap<Reverse<Held>>,
    entered: u64,
}

#[derive(Debug)]
struct Way {
    far: Vec<Prefix>,
    /// By the end that packets come from.
    lines: [Line; 2],
}

/// A frame that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Departure {
    pub(super) from: End,
    pub(super) frame: Vec<u8>,
    pub(super) due: Timestamp<Monotonic>,
    /// What the log will say once it has left; `None` for what the log does not mention.
    passage: Option<Passage>,
}

#[derive(Debug)]
struct Held {
    order: u64,
    departure: Departure,
}

impl DelayQueue {
    pub(super) fn new(routes: impl IntoIterator<Item = Route>, seed: u64) -> Self {
        let mut seeds = SplitMix64::new(seed);
        let mut way = |Route { far, there, back }| {
            let lines = [Line::new(there, &mut seeds), Line::new(back, &mut seeds)];
            Way { far, lines }
        };
        Self { ways: routes.into_iter().map(&mut way).collect(), held: BinaryHeap::new(), entered: 0 }
    }

    /// Takes a frame in. What is returned was lost at once.
    pub(super) fn take(&mut self, at: Timestamp<Monotonic>, from: End, frame: Vec<u8>) -> Option<Passage> {
        let Some((passage, fate)) = self.judge(at, from, &frame) else {
            self.hold(Departure { from, frame, due: at, passage: None });
            return None;
        };
        match fate {
            Fate::Lost(cause) => return Some(Passage { outcome: Outcome::Lost(cause), ..passage }),
            Fate::Due { at: due, copies } => {
                let passage = Some(passage);
                if copies == Copies::Two {
                    self.hold(Departure { from, frame: frame.clone(), due, passage });
                }
                self.hold(Departure { from, frame, due, passage });
            }
        }
        None
    }

    /// When the next frame is due.
    pub(super) fn next_due(&self) -> Option<Timestamp<Monotonic>> {
        self.held.peek().map(|Reverse(held)| held.departure.due)
    }

    /// The next frame, if it is due by `now`.
    pub(super) fn release(&mut self, now: Timestamp<Monotonic>) -> Option<Departure> {
        self.next_due().filter(|due| *due <= now)?;
        self.held.pop().map(|Reverse(held)| held.departure)
    }

    /// `None` for what belongs to no route.
    fn judge(&mut self, at: Timestamp<Monotonic>, from: End, frame: &[u8]) -> Option<(Passage, Fate)> {
        let packet = frame::read(frame)?;
        let address = match from {
            End::Near => packet.destination,
            End::Far => packet.source,
        };
        let route = self.ways.iter().position(|way| way.far.iter().any(|prefix| prefix.contains(address)))?;
        let fate = self.ways[route].lines[from.index()].offer(at, &packet);
        let most_exact = [Landmark::ClientHello, Landmark::ServerHello, Landmark::Syn, Landmark::SynAck];
        let by_exactness = most_exact.into_iter().chain([Landmark::Fin, Landmark::Payload]);
        let landmark = { by_exactness }.find(|landmark| packet.is(*landmark)).unwrap_or(Landmark::Packet);
        // Until it leaves, it leaves when it is due; a lost one gets its outcome in `take`.
        let outcome = Outcome::Passed { due: at, left: at };
        Some((Passage { from, route, landmark, length: packet.length, arrived: at, outcome }, fate))
    }

    fn hold(&mut self, departure: Departure) {
        self.entered += 1;
        self.held.push(Reverse(Held { order: self.entered, departure }));
    }
}

impl Departure {
    /// The log's entry, once the frame has left or could not.
    pub(super) fn ended(&self, outcome: Outcome) -> Option<Passage> {
        Some(Passage { outcome, ..self.passage? })
    }
}

impl Held {
    fn key(&self) -> (Timestamp<Monotonic>, u64) {
        (self.departure.due, self.order)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::super::conditions::{Conditions, Share};
    use super::super::frame::examples::tcp;
    use super::super::log::Cause;
    use super::*;
    use crate::time::Nanos;

    const ACK: u8 = 0x10;
    const CLIENT: &str = "198.18.0.1";
    const NEAREST: &str = "198.18.1.1";
    const FARTHEST: &str = "fd77:2::1";

    fn queue() -> DelayQueue {
        let route = |far: &str, ms| Route::of_round_trip(vec![far.parse().unwrap()], Nanos::from_millis(ms));
        DelayQueue::new([route("198.18.1.0/24", 16), route("fd77:2::/32", 200)], 0)
    }

    fn at(ms: u64) -> Timestamp<Monotonic> {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// Everything that leaves, with the milliseconds at which it does.
    fn drain(queue: &mut DelayQueue) -> Vec<(u64, End, Vec<u8>)> {
        let next = || {
            let due = queue.next_due()?;
            assert_eq!(queue.release(due - Nanos::new(1)), None, "early");
            let departure = queue.release(due)?;
            Some((due.as_nanos() / 1_000_000, departure.from, departure.frame))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_region_has_its_own_distance_both_ways() {
        let near = tcp(CLIENT, NEAREST, ACK, b"near");
        let far = tcp("fd77::1", FARTHEST, ACK, b"far");
        let answer = tcp(FARTHEST, "fd77::1", ACK, b"answer");
        let elsewhere = tcp(CLIENT, "198.18.9.1", ACK, b"elsewhere");
        let mut queue = queue();
        for (from, frame) in [(End::Near, &far), (End::Near, &near), (End::Far, &answer), (End::Near, &elsewhere)] {
            assert_eq!(queue.take(at(1), from, frame.clone()), None);
        }
        let expect = [(1, End::Near, elsewhere), (9, End::Near, near), (101, End::Near, far), (101, End::Far, answer)];
        assert_eq!(drain(&mut queue), expect);
    }

    #[test]
    fn what_is_not_ip_passes_at_once_and_unlogged() {
        let arp = [&[0xff; 12][..], &[8, 6], &[0; 28]].concat();
        let mut queue = queue();
        assert_eq!(queue.take(at(3), End::Far, arp.clone()), None);
        let departure = queue.release(at(3)).unwrap();
        assert_eq!((departure.frame.clone(), departure.due), (arp, at(3)));
        assert_eq!(departure.ended(Outcome::Passed { due: at(3), left: at(3) }), None);
    }

    #[test]
    fn the_log_tells_what_was_lost_and_how_long_the_rest_was_held() {
        let lossy = Conditions { loss: Share::ALL, ..Conditions::default() };
        let doubling = Conditions { duplication: Share::ALL, delay: Nanos::from_millis(4), ..Conditions::default() };
        let route = Route { far: vec!["198.18.1.0/24".parse().unwrap()], there: lossy, back: doubling };
        let mut queue = DelayQueue::new([route], 0);
        let lost = queue.take(at(1), End::Near, tcp(CLIENT, NEAREST, 0x02, b"")).unwrap();
        assert_eq!((lost.landmark, lost.length, lost.outcome), (Landmark::Syn, 40, Outcome::Lost(Cause::Chance)));
        queue.take(at(2), End::Far, tcp(NEAREST, CLIENT, 0x12, b""));
        for _ in 0..2 {
            let departure = queue.release(at(6)).unwrap();
            let passage = departure.ended(Outcome::Passed { due: departure.due, left: at(7) }).unwrap();
            assert_eq!((passage.landmark, passage.from), (Landmark::SynAck, End::Far));
            assert_eq!(
                (passage.held(), passage.lateness()),
                (Some(Nanos::from_millis(5)), Some(Nanos::from_millis(1)))
            );
        }
        assert_eq!(queue.next_due(), None);
    }
}

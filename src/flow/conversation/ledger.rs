//! When each byte of one direction's stream first went by, and when it was first acknowledged.
//!
//! Invariant: both lists are bounded. Over their bound they lose detail from the old end: neighbours become a flight, whose
//! inner bytes count as gone by with its last packet; beyond that the oldest are forgotten, and asking for them gives nothing.

use crate::time::{Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// The arrival of stretches of a stream: tiles without gaps between them, some of which are holes.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// Where the first tile begins.
    begin: u64,
    tiles: Vec<Tile>,
    /// How many of the tiles are holes.
    holes: usize,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    end: u64,
    /// When its first byte went by, or, of a hole, when it was noticed.
    first: At,
    /// When its last byte went by, or, of a hole, [`NEVER`].
    last: At,
}

/// The largest window (RFC 7323 §2.3).
const FURTHEST: u64 = 1 << 30;
const NEVER: At = Timestamp::from_nanos(u64::MAX);

impl Tile {
    fn is_hole(&self) -> bool {
        self.last == NEVER
    }
}

/// What a stretch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    /// From the first byte that had not gone by to the last; `None` if all had.
    pub(super) fresh: Option<(u64, u64)>,
    /// When the hole that the stretch fills was noticed.
    pub(super) noticed: Option<At>,
    /// When the first byte of the stretch that had gone by before did.
    pub(super) before: Option<At>,
}

impl Ledger {
    pub(super) const fn new(limit: usize) -> Self {
        Self { begin: 0, tiles: Vec::new(), holes: 0, limit }
    }

    /// Behind the last byte that went by.
    pub(super) fn end(&self) -> u64 {
        self.tiles.last().map_or(self.begin, |tile| tile.end)
    }

    /// Whether bytes before the end have not gone by.
    pub(super) const fn has_holes(&self) -> bool {
        self.holes > 0
    }

    /// Records that `start..end` went by, if it did for the first time.
    #[inline]
    pub(super) fn record(&mut self, start: u64, end: u64, at: At) -> Recorded {
        let reached = self.end();
        if start >= end {
            return Recorded { fresh: None, noticed: None, before: None };
        }
        if start >= reached {
            if start > reached {
                self.holes += 1;
                self.tiles.push(Tile { end: start, first: at, last: NEVER });
            }
            self.push(Tile { end, first: at, last: at });
            return Recorded { fresh: Some((start, end)), noticed: None, before: None };
        }
        self.record_behind(start, end, at)
    }

    /// Records that everything before `start` has been sent: what has not gone by is missing from now on. A number further
    /// away than any window reaches is none of this stream's.
    pub(super) fn miss_before(&mut self, start: u64, at: At) {
        let reached = self.end();
        if start > reached && start - reached <= FURTHEST {
            self.holes += 1;
            self.push(Tile { end: start, first: at, last: NEVER });
        }
    }

    /// Records a stretch that begins before the end of what went by.
    #[cold]
    fn record_behind(&mut self, start: u64, end: u64, at: At) -> Recorded {
        let reached = self.end();
        let mut recorded = Recorded { fresh: None, noticed: None, before: self.first(start) };
        if self.holes > 0 {
            let mut index = self.tiles.partition_point(|tile| tile.end <= start);
            while let Some(tile) = self.tiles.get(index).copied() {
                let begin = self.begin_of(index);
                if begin >= end {
                    break;
                }
                if tile.is_hole() {
                    let (from, to) = (begin.max(start), tile.end.min(end));
                    let (low, _) = recorded.fresh.unwrap_or((from, to));
                    recorded.fresh = Some((low, to));
                    recorded.noticed = recorded.noticed.or(Some(tile.first));
                    index = self.fill(index, from, to, at);
                }
                index += 1;
            }
        }
        if end > reached {
            let (low, _) = recorded.fresh.unwrap_or((reached, end));
            recorded.fresh = Some((low, end));
            self.push(Tile { end, first: at, last: at });
        } else if self.tiles.len() >= self.limit {
            // A hole that is filled piece by piece becomes many tiles.
            self.thin();
        }
        recorded
    }

    /// Splits the hole at `index`, so that `from..to` is a tile of its own; gives the index of that.
    fn fill(&mut self, index: usize, from: u64, to: u64, at: At) -> usize {
        let hole = self.tiles[index];
        let begin = self.begin_of(index);
        let before = (from > begin).then_some(Tile { end: from, ..hole });
        let behind = (to < hole.end).then_some(hole);
        self.holes = self.holes + usize::from(before.is_some()) + usize::from(behind.is_some()) - 1;
        let filled = Tile { end: to, first: at, last: at };
        self.tiles.splice(index..=index, before.into_iter().chain([filled]).chain(behind));
        index + usize::from(before.is_some())
    }

    fn push(&mut self, tile: Tile) {
        self.tiles.push(tile);
        if self.tiles.len() >= self.limit {
            self.thin();
        }
    }

    /// Joins neighbours in the older half, and forgets its older half where that is not enough.
    #[cold]
    fn thin(&mut self) {
        let recent = self.tiles.split_off(self.tiles.len() / 2);
        let mut older: Vec<Tile> = Vec::with_capacity(self.limit);
        let mut is_joined = false;
        for tile in self.tiles.drain(..) {
            match older.last_mut() {
                Some(before) if !is_joined && !before.is_hole() && !tile.is_hole() => {
                    before.last = before.last.max(tile.last);
                    before.end = tile.end;
                    is_joined = true;
                }
                _ => {
                    older.push(tile);
                    is_joined = false;
                }
            }
        }
        if older.len() + recent.len() > self.limit / 8 * 7 {
            let forgotten = older.len() / 2;
            self.begin = forgotten.checked_sub(1).map_or(self.begin, |last| older[last].end);
            older.drain(..forgotten);
        }
        older.extend(recent);
        self.holes = older.iter().filter(|tile| tile.is_hole()).count();
        self.tiles = older;
    }

    fn begin_of(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(self.begin, |before| self.tiles[before].end)
    }

    fn tile(&self, offset: u64) -> Option<(usize, Tile)> {
        if offset < self.begin {
            return None;
        }
        let index = self.tiles.partition_point(|tile| tile.end <= offset);
        Some((index, *self.tiles.get(index)?))
    }

    /// When the byte at `offset` first went by, if it did.
    pub(super) fn first(&self, offset: u64) -> Option<At> {
        let (index, tile) = self.tile(offset).filter(|(_, tile)| !tile.is_hole())?;
        Some(if self.begin_of(index) == offset { tile.first } else { tile.last })
    }

    /// When the byte before `end` first went by, if it did.
    pub(super) fn last(&self, end: u64) -> Option<At> {
        let (_, tile) = self.tile(end.checked_sub(1)?).filter(|(_, tile)| !tile.is_hole())?;
        Some(tile.last)
    }

    /// When the byte at `offset` and every byte before it had gone by. Of a hole, `covered` says when its end was known to
    /// have arrived in spite of the capture.
    pub(super) fn complete(&self, offset: u64, covered: impl Fn(u64) -> Option<At>) -> Option<At> {
        let (index, tile) = self.tile(offset)?;
        let own = self.first(offset).or_else(|| covered(tile.end))?;
        self.tiles[..index].iter().try_fold(own, |latest, tile| {
            let at = if tile.is_hole() { covered(tile.end)? } else { tile.last };
            Some(latest.max(at))
        })
    }

    /// Lets go of what went by before `before`, up to the first hole.
    pub(super) fn forget(&mut self, before: At) {
        let kept = self.tiles.iter().position(|tile| tile.last >= before).unwrap_or(self.tiles.len());
        self.begin = self.begin_of(kept);
        self.tiles.drain(..kept);
    }
}

/// The advances of one direction's acknowledgements.
#[derive(Clone, Debug)]
pub(super) struct Acks {
    advances: Vec<Advance>,
    limit: usize,
}

/// An acknowledgement that covers more than any before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advance {
    pub(super) end: u64,
    pub(super) at: At,
    pub(super) is_pure: bool,
}

impl Acks {
    pub(super) const fn new(limit: usize) -> Self {
        Self { advances: Vec::new(), limit }
    }

    /// How far the stream is acknowledged.
    pub(super) fn reached(&self) -> Option<u64> {
        self.advances.last().map(|advance| advance.end)
    }

    /// Records an acknowledgement, if it advances.
    pub(super) fn record(&mut self, advance: Advance) {
        if self.reached().is_some_and(|reached| advance.end <= reached) {
            return;
        }
        self.advances.push(advance);
        if self.advances.len() >= self.limit {
            let older = self.advances.len() / 2;
            let mut index = 0;
            self.advances.retain(|_| {
                index += 1;
                index > older || index % 2 == 0
            });
        }
    }

    /// The first acknowledgement of everything before `end`.
    pub(super) fn covering(&self, end: u64) -> Option<Advance> {
        self.advances.get(self.advances.partition_point(|advance| advance.end < end)).copied()
    }

    /// Lets go of what was acknowledged before `before`, but for the last.
    pub(super) fn forget(&mut self, before: At) {
        let kept = self.advances.partition_point(|advance| advance.at < before);
        self.advances.drain(..kept.min(self.advances.len().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> At {
        Timestamp::from_nanos(nanos)
    }

    fn ledger(stretches: &[(u64, u64, u64)]) -> Ledger {
        let mut ledger = Ledger::new(64);
        for (start, end, when) in stretches {
            ledger.record(*start, *end, at(*when));
        }
        ledger
    }

    #[test]
    fn a_hole_is_noticed_filled_in_parts_and_complete_with_the_last() {
        let mut ledger = ledger(&[(0, 100, 1), (300, 400, 2)]);
        assert_eq!((ledger.end(), ledger.holes), (400, 1));
        assert_eq!(ledger.first(150), None);
        assert_eq!(ledger.complete(350, |_| None), None);
        assert_eq!(ledger.complete(350, |end| (end == 300).then_some(at(9))), Some(at(9)));
        let part = ledger.record(150, 200, at(3));
        assert_eq!(part, Recorded { fresh: Some((150, 200)), noticed: Some(at(2)), before: None });
        let rest = ledger.record(50, 350, at(4));
        assert_eq!(rest, Recorded { fresh: Some((100, 300)), noticed: Some(at(2)), before: Some(at(1)) });
        assert_eq!((ledger.end(), ledger.holes), (400, 0));
        assert_eq!((ledger.first(160), ledger.first(250), ledger.last(400)), (Some(at(3)), Some(at(4)), Some(at(2))));
        assert_eq!(ledger.complete(350, |_| None), Some(at(4)));
        assert_eq!(ledger.record(0, 400, at(5)).fresh, None);
        assert_eq!(ledger.record(390, 410, at(6)).fresh, Some((400, 410)));
    }

    #[test]
    fn over_its_bound_a_ledger_loses_detail_but_not_the_recent() {
        let mut ledger = Ledger::new(64);
        for index in 0..10_000_u64 {
            ledger.record(index * 10, index * 10 + 10, at(index));
            assert!(ledger.tiles.len() <= 64);
        }
        assert_eq!(ledger.last(100_000), Some(at(9_999)));
        assert_eq!(ledger.last(99_900), Some(at(9_989)));
        assert_eq!((ledger.first(0), ledger.end()), (Some(at(0)), 100_000));
        let middle = ledger.last(50_000).unwrap();
        assert!(middle >= at(4_999), "a lost detail is late, never early: {middle:?}");
    }

    #[test]
    fn a_hole_that_is_filled_in_crumbs_is_bounded_too() {
        let mut ledger = Ledger::new(64);
        ledger.record(0, 1, at(1));
        ledger.record(1_000_000, 1_000_001, at(2));
        for crumb in (2..20_000).step_by(2) {
            ledger.record(crumb, crumb + 1, at(crumb));
            assert!(ledger.tiles.len() <= 64, "{crumb}: {}", ledger.tiles.len());
        }
        assert_eq!((ledger.end(), ledger.last(1_000_001)), (1_000_001, Some(at(2))));
    }

    #[test]
    fn acknowledgements_only_advance() {
        let mut acks = Acks::new(8);
        for (end, when) in [(0, 1), (10, 2), (10, 3), (5, 4), (30, 5)] {
            acks.record(Advance { end, at: at(when), is_pure: true });
        }
        for (end, expect) in [(0, Some(1)), (1, Some(2)), (10, Some(2)), (11, Some(5)), (31, None)] {
            assert_eq!(acks.covering(end).map(|advance| advance.at), expect.map(at), "{end}");
        }
    }

    proptest! {
        #[test]
        fn a_ledger_agrees_with_an_array(stretches in proptest::collection::vec((0..200_u64, 0..40_u64), 0..40)) {
            let mut ledger = Ledger::new(1_000);
            let mut bytes: Vec<Option<u64>> = vec![None; 300];
            for (when, (start, length)) in (1..).zip(stretches) {
                let range = usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap();
                let missing: Vec<u64> = range.clone().filter(|byte| bytes[*byte].is_none()).map(|byte| byte as u64).collect();
                let expect = missing.first().map(|first| (*first, missing[missing.len() - 1] + 1));
                prop_assert_eq!(ledger.record(start, start + length, at(when)).fresh, expect);
                bytes[range].iter_mut().for_each(|byte| *byte = byte.or(Some(when)));
            }
            for (offset, byte) in (0..).zip(&bytes) {
                prop_assert_eq!(ledger.first(offset), byte.map(at));
            }
            let reached = bytes.iter().position(Option::is_none).unwrap();
            for offset in 0..reached {
                let expect = bytes[..=offset].iter().copied().flatten().max().map(at);
                prop_assert_eq!(ledger.complete(offset as u64, |_| None), expect);
            }
        }
    }
}

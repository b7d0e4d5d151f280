//! One direction of a connection, put in order: every byte once, each with the time when it was first seen.
//!
//! Packets that come early are held until what is missing before them has come. What never comes (the capture lost it) is
//! passed over as soon as the receiver has acknowledged it, or when what is held takes more than [`MOST_HELD`].
//!
//! Invariants: offsets count from the byte behind the SYN, or from the first byte seen where the SYN was not; pieces come up
//! in order and without overlap; memory is bounded.
//!
//! Deliberately absent: which copy of a byte is right where two differ. The first one counts, as for most receivers.

use std::collections::BTreeMap;

use crate::time::{Realtime, Timestamp};

/// Memory for what is held of one direction, in bytes.
///
/// What was lost on the way comes again, with up to a window of other bytes before it (RFC 9293 §3.8.6): this is more than the
/// windows that hosts offer by default (Linux at most 6 MiB, `net.ipv4.tcp_rmem`). Were a hole passed over that is still to be
/// filled, a message would end too early. With a larger window that may happen: to holes with more than this behind them.
pub const MOST_HELD: usize = 8 << 20;
/// What a packet that is held takes beside its bytes, about.
const PACKET: usize = 96;

/// Bytes in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'b> {
    /// Offset of the first byte.
    pub(super) offset: u64,
    /// What was captured.
    pub(super) bytes: &'b [u8],
    /// How many bytes follow of which only the number is known: the capture cut the packet, or lost it.
    pub(super) missing: u64,
    /// When these bytes were first seen.
    pub(super) seen: Timestamp<Realtime>,
    /// When these bytes and all before them had been seen.
    pub(super) delivered: Timestamp<Realtime>,
}

/// What of a packet concerns the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'b> {
    /// Sequence number of the payload's first byte (RFC 9293 §3.4; that of a SYN plus one).
    pub(super) sequence: u32,
    /// What was captured of the payload.
    pub(super) payload: &'b [u8],
    /// Its length on the wire.
    pub(super) length: u32,
    /// When the packet was seen.
    pub(super) at: Timestamp<Realtime>,
}

#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    length: u64,
    seen: Timestamp<Realtime>,
}

impl Held {
    /// The memory that it takes, in bytes.
    const fn cost(&self) -> usize {
        PACKET + self.bytes.len()
    }
}

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Sequence number of offset 0.
    base: Option<u32>,
    next: u64,
    held: BTreeMap<u64, Held>,
    /// The memory that `held` takes.
    cost: usize,
    delivered: Timestamp<Realtime>,
    lost: u64,
}

impl Stream {
    /// The direction begins behind a SYN with this sequence number.
    pub(super) fn begin(&mut self, syn: u32) {
        if self.base.is_none() {
            self.base = Some(syn.wrapping_add(1));
        }
    }

    /// The offset behind the last byte that came up.
    #[must_use]
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Bytes that the capture does not have at all.
    #[must_use]
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// The memory that what is held takes, in bytes.
    #[must_use]
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    /// Where a sequence number lies, which must be within 2 GiB of the last byte; `None` before the first byte.
    #[must_use]
    pub(super) fn offset(&self, sequence: u32) -> Option<u64> {
        let expected = self.base?.wrapping_add(u32::try_from(self.next & u64::from(u32::MAX)).ok()?);
        let distance = i64::from(sequence.wrapping_sub(expected).cast_signed());
        self.next.checked_add_signed(distance)
    }

    /// Takes a packet with payload and hands up what is in order by now.
    #[inline]
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, mut up: impl FnMut(Piece<'_>)) {
        self.base.get_or_insert(arrival.sequence);
        let Some(offset) = self.offset(arrival.sequence) else { return };
        if offset > self.next {
            self.hold(offset, arrival);
            if self.cost > MOST_HELD {
                self.pass_hole(u64::MAX, arrival.at, &mut up);
                self.drain(&mut up);
            }
            return;
        }
        self.hand_up(offset, arrival.payload, u64::from(arrival.length), arrival.at, &mut up);
        if !self.held.is_empty() {
            self.drain(&mut up);
        }
    }

    /// The receiver has acknowledged everything before this sequence number: what is missing there was lost by the capture
    /// alone, provided that something behind it has been seen.
    #[inline]
    pub(super) fn acknowledged(&mut self, sequence: u32, at: Timestamp<Realtime>, mut up: impl FnMut(Piece<'_>)) {
        if self.held.is_empty() {
            return;
        }
        if let Some(offset) = self.offset(sequence).filter(|offset| *offset > self.next) {
            self.pass_hole(offset, at, &mut up);
            self.drain(&mut up);
        }
    }

    /// What is missing will not come: hands up everything that is held, with the holes between.
    pub(super) fn finish(&mut self, at: Timestamp<Realtime>, mut up: impl FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.pass_hole(u64::MAX, at, &mut up);
            self.drain(&mut up);
        }
    }

    fn hold(&mut self, offset: u64, arrival: &Arrival<'_>) {
        let longer = self.held.get(&offset).is_none_or(|held| held.length < u64::from(arrival.length));
        if longer {
            let held = Held { bytes: arrival.payload.to_vec(), length: u64::from(arrival.length), seen: arrival.at };
            self.cost += held.cost();
            if let Some(shorter) = self.held.insert(offset, held) {
                self.cost -= shorter.cost();
            }
        }
    }

    /// Passes over what is missing before the first packet held, up to `limit`.
    fn pass_hole(&mut self, limit: u64, at: Timestamp<Realtime>, up: &mut impl FnMut(Piece<'_>)) {
        let Some((first, _)) = self.held.first_key_value() else { return };
        let end = limit.min(*first);
        let missing = end.saturating_sub(self.next);
        if missing > 0 {
            self.lost += missing;
            self.hand_up(self.next, &[], missing, at, up);
        }
    }

    fn drain(&mut self, up: &mut impl FnMut(Piece<'_>)) {
        while let Some(first) = self.held.first_entry() {
            if *first.key() > self.next {
                return;
            }
            let (offset, held) = first.remove_entry();
            self.cost -= held.cost();
            self.hand_up(offset, &held.bytes, held.length, held.seen, up);
        }
    }

    /// Hands up what of a packet that begins at or before the next byte is new.
    #[inline]
    fn hand_up(
        &mut self,
        offset: u64,
        bytes: &[u8],
        length: u64,
        seen: Timestamp<Realtime>,
        up: &mut impl FnMut(Piece<'_>),
    ) {
        let old = self.next - offset;
        let Some(new) = length.checked_sub(old).filter(|new| *new > 0) else { return };
        let bytes = usize::try_from(old).ok().and_then(|old| bytes.get(old..)).unwrap_or(&[]);
        self.delivered = self.delivered.max(seen);
        let missing = new.saturating_sub(bytes.len() as u64);
        up(Piece { offset: self.next, bytes, missing, seen, delivered: self.delivered });
        self.next += new;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> Timestamp<Realtime> {
        Timestamp::from_nanos(nanos)
    }

    fn arrival(sequence: u32, payload: &[u8], nanos: u64) -> Arrival<'_> {
        Arrival { sequence, payload, length: u32::try_from(payload.len()).unwrap(), at: at(nanos) }
    }

    /// Offset, bytes, missing, seen, delivered.
    type Up = (u64, String, u64, u64, u64);

    fn up(piece: Piece<'_>) -> Up {
        let text = String::from_utf8_lossy(piece.bytes).into_owned();
        (piece.offset, text, piece.missing, piece.seen.as_nanos(), piece.delivered.as_nanos())
    }

    fn read(isn: u32, packets: &[(u32, &[u8], u64)]) -> Vec<Up> {
        let (mut stream, mut read) = (Stream::default(), Vec::new());
        stream.begin(isn);
        for (sequence, payload, nanos) in packets {
            stream.take(&arrival(*sequence, payload, *nanos), |piece| read.push(up(piece)));
        }
        read
    }

    fn owned(expect: &[(u64, &str, u64, u64, u64)]) -> Vec<Up> {
        expect
            .iter()
            .map(|(offset, text, missing, seen, done)| (*offset, (*text).to_owned(), *missing, *seen, *done))
            .collect()
    }

    #[test]
    fn order_is_made_and_first_sight_is_kept() {
        let read =
            read(u32::MAX - 1, &[(u32::MAX, b"ab", 1), (3, b"ef", 2), (3, b"ef", 3), (1, b"cd", 4), (2, b"def!", 5)]);
        assert_eq!(read, owned(&[(0, "ab", 0, 1, 1), (2, "cd", 0, 4, 4), (4, "ef", 0, 2, 4), (6, "!", 0, 5, 5)]));
    }

    #[test]
    fn a_packet_that_was_cut_says_how_much_is_missing() {
        let mut stream = Stream::default();
        let mut read = Vec::new();
        let cut = Arrival { length: 10, ..arrival(7, b"abc", 1) };
        stream.take(&cut, |piece| read.push(up(piece)));
        stream.take(&arrival(12, b"defghijkl", 2), |piece| read.push(up(piece)));
        assert_eq!(read, owned(&[(0, "abc", 7, 1, 1), (10, "ijkl", 0, 2, 2)]));
    }

    #[test]
    fn what_the_receiver_has_is_passed_over() {
        let mut stream = Stream::default();
        let mut read = Vec::new();
        stream.take(&arrival(0, b"ab", 1), |piece| read.push(up(piece)));
        stream.acknowledged(5, at(2), |piece| read.push(up(piece)));
        stream.take(&arrival(5, b"f", 3), |piece| read.push(up(piece)));
        stream.acknowledged(2, at(4), |piece| read.push(up(piece)));
        assert_eq!(read.len(), 1);
        stream.acknowledged(6, at(5), |piece| read.push(up(piece)));
        assert_eq!(read[1..], owned(&[(2, "", 3, 5, 5), (5, "f", 0, 3, 5)]));
        assert_eq!((stream.lost(), stream.next()), (3, 6));
    }

    #[test]
    fn a_hole_that_stays_is_passed_over_at_the_bound() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX);
        let payload = vec![0; 1_000];
        let mut taken = 0;
        for number in 0..10_000_u32 {
            stream.take(&arrival(1 + number * 1_000, &payload, 1), |piece| taken += piece.bytes.len());
            assert!(stream.cost <= MOST_HELD && stream.cost == stream.held.len() * (PACKET + 1_000));
        }
        assert_eq!((taken, stream.lost(), stream.cost), (10_000_000, 1, 0));
    }

    #[test]
    fn packets_without_captured_bytes_are_bounded_too() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX);
        let (mut pieces, mut most) = (0, 0);
        for number in 0..100_000_u32 {
            let cut = Arrival { length: 1, ..arrival(1 + number, b"", 1) };
            stream.take(&cut, |_| pieces += 1);
            most = most.max(stream.held.len());
        }
        // The pieces, and the hole before them.
        assert_eq!((pieces, stream.lost(), stream.cost), (100_001, 1, 0));
        assert!(most <= MOST_HELD / PACKET, "{most}");
    }

    #[test]
    fn a_window_behind_a_lost_packet_is_held_until_that_comes_again() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX);
        let payload = [0; 1_448];
        // 6 MiB.
        let packets = (6 << 20) / 1_448;
        for number in 1..packets {
            stream.take(&arrival(number * 1_448, &payload, u64::from(number)), |_| panic!("the first is missing"));
        }
        let (mut bytes, mut delivered) = (0, BTreeMap::new());
        stream.take(&arrival(0, &payload, 9_000), |piece| {
            bytes += piece.bytes.len();
            *delivered.entry(piece.delivered).or_insert(0) += 1;
        });
        assert_eq!(bytes, packets as usize * 1_448);
        assert_eq!(delivered, BTreeMap::from([(at(9_000), packets)]));
        assert_eq!((stream.lost(), stream.cost), (0, 0));
    }

    proptest! {
        #[test]
        fn every_byte_comes_up_once_in_order(isn in any::<u32>(), order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(), lengths in proptest::collection::vec(1..6_usize, 20)) {
            let text: Vec<u8> = (0..lengths.iter().sum::<usize>()).map(|index| u8::try_from(index).unwrap()).collect();
            let starts: Vec<usize> = lengths.iter().scan(0, |sum, length| { let start = *sum; *sum += length; Some(start) }).collect();
            let mut stream = Stream::default();
            stream.begin(isn);
            let mut read = Vec::new();
            for index in order {
                let bytes = &text[starts[index]..starts[index] + lengths[index]];
                let sequence = isn.wrapping_add(1).wrapping_add(u32::try_from(starts[index]).unwrap());
                stream.take(&arrival(sequence, bytes, 1), |piece| read.extend_from_slice(piece.bytes));
            }
            prop_assert_eq!(read, text);
            prop_assert_eq!(stream.cost, 0);
        }

        #[test]
        fn any_packets_are_taken(packets in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..9), 0..2_000_u32, any::<u32>()), 0..60)) {
            let mut stream = Stream::default();
            let mut next = 0;
            let mut check = |piece: Piece<'_>| {
                assert_eq!(piece.offset, next);
                next += piece.bytes.len() as u64 + piece.missing;
            };
            for (sequence, payload, more, acknowledgement) in &packets {
                let length = u32::try_from(payload.len()).unwrap() + more;
                stream.take(&Arrival { sequence: *sequence, payload, length, at: at(1) }, &mut check);
                stream.acknowledged(*acknowledgement, at(2), &mut check);
            }
            stream.finish(at(3), &mut check);
        }
    }
}

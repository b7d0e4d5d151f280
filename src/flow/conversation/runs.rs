//! Counts of packets along time: each packet for itself at first, then flights.
//!
//! A flight lasts as long as bytes go one way. Packets the other way during it are acknowledgements, and make one run beside
//! it. Invariant: at most so many runs; over that, neighbours of one direction in the older half are joined.

use crate::event::{Direction, PacketCounts};
use crate::time::{Realtime, Timestamp};

/// This many runs are single packets, even where flights suffice: enough for a handshake and the beginning of an exchange.
const SINGLE: usize = 24;

/// Packets that went one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: Timestamp<Realtime>,
    pub(super) end: Timestamp<Realtime>,
    bytes: u64,
    packets: u32,
    retransmitted: u32,
    out_of_order: u32,
    duplicate_acks: u32,
    zero_windows: u32,
    pub(super) direction: Direction,
}

/// What one packet adds to a count besides itself and its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Remark {
    #[default]
    None,
    Retransmitted,
    OutOfOrder,
    DuplicateAck,
}

impl Run {
    pub(super) fn new(at: Timestamp<Realtime>, direction: Direction, bytes: u32, remark: Remark) -> Self {
        Self {
            start: at,
            end: at,
            bytes: u64::from(bytes),
            packets: 1,
            retransmitted: u32::from(remark == Remark::Retransmitted),
            out_of_order: u32::from(remark == Remark::OutOfOrder),
            duplicate_acks: u32::from(remark == Remark::DuplicateAck),
            zero_windows: 0,
            direction,
        }
    }

    /// The same packet, closing the window.
    pub(super) const fn closing_window(mut self) -> Self {
        self.zero_windows = 1;
        self
    }

    pub(super) fn counts(&self) -> PacketCounts {
        PacketCounts {
            packets: u64::from(self.packets),
            bytes: self.bytes,
            retransmitted: u64::from(self.retransmitted),
            out_of_order: u64::from(self.out_of_order),
            duplicate_acks: u64::from(self.duplicate_acks),
            zero_windows: u64::from(self.zero_windows),
        }
    }

    fn join(&mut self, later: &Self) {
        self.end = self.end.max(later.end);
        self.bytes = self.bytes.saturating_add(later.bytes);
        self.packets = self.packets.saturating_add(later.packets);
        self.retransmitted = self.retransmitted.saturating_add(later.retransmitted);
        self.out_of_order = self.out_of_order.saturating_add(later.out_of_order);
        self.duplicate_acks = self.duplicate_acks.saturating_add(later.duplicate_acks);
        self.zero_windows = self.zero_windows.saturating_add(later.zero_windows);
    }
}

/// All runs of a connection.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    list: Vec<Run>,
    /// Which way bytes go in this flight.
    flight: Option<Direction>,
    /// Where in the list this flight's run of each direction is.
    open: [Option<usize>; 2],
    single: usize,
    limit: usize,
}

impl Runs {
    /// Flights, in at most `limit` runs.
    pub(super) const fn of_flights(limit: usize) -> Self {
        Self { list: Vec::new(), flight: None, open: [None; 2], single: SINGLE, limit }
    }

    /// Single packets, up to `limit` of them.
    pub(super) const fn of_packets(limit: usize) -> Self {
        Self { list: Vec::new(), flight: None, open: [None; 2], single: limit, limit }
    }

    /// Counts one packet.
    #[inline]
    pub(super) fn record(&mut self, packet: Run) {
        if packet.bytes > 0 && self.flight != Some(packet.direction) {
            self.flight = Some(packet.direction);
            self.open = [None; 2];
        }
        let slot = usize::from(packet.direction == Direction::Received);
        if self.list.len() >= self.single
            && let Some(run) = self.open[slot].and_then(|index| self.list.get_mut(index))
        {
            run.join(&packet);
            return;
        }
        if self.list.len() >= self.limit {
            self.thin();
        }
        self.open[slot] = Some(self.list.len());
        self.list.push(packet);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.list.iter()
    }

    /// Lets go of what ended before `before`.
    pub(super) fn forget(&mut self, before: Timestamp<Realtime>) {
        self.list.retain(|run| run.end >= before);
        self.open = [None; 2];
    }

    #[cold]
    fn thin(&mut self) {
        let recent = self.list.split_off(self.list.len() / 2);
        let mut older: Vec<Run> = Vec::with_capacity(self.limit);
        for pair in self.list.chunks(4) {
            for direction in [Direction::Sent, Direction::Received] {
                let same = pair.iter().filter(|run| run.direction == direction).copied();
                older.extend(same.reduce(|mut run, later| {
                    run.join(&later);
                    run
                }));
            }
        }
        older.extend(recent);
        self.list = older;
        self.open = [None; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_one_run_each_way_and_nothing_is_lost_from_the_counts() {
        let mut runs = Runs::of_flights(64);
        for index in 0..10_000_u32 {
            let direction = if index % 3 == 2 { Direction::Sent } else { Direction::Received };
            let bytes = if direction == Direction::Received { 1_000 } else { 0 };
            runs.record(Run::new(Timestamp::from_nanos(u64::from(index)), direction, bytes, Remark::None));
        }
        assert!(runs.list.len() <= SINGLE + 2, "{}", runs.list.len());
        let packets: u64 = runs.iter().map(|run| run.counts().packets).sum();
        assert_eq!(packets, 10_000);
    }

    #[test]
    fn any_number_of_flights_fits() {
        let mut runs = Runs::of_flights(64);
        for index in 0..10_000_u32 {
            let direction = if index % 2 == 0 { Direction::Sent } else { Direction::Received };
            runs.record(Run::new(Timestamp::from_nanos(u64::from(index)), direction, 1, Remark::None));
            assert!(runs.list.len() <= 64);
        }
        let bytes: u64 = runs.iter().map(|run| run.counts().bytes).sum();
        assert_eq!(bytes, 10_000);
        assert!(
            runs.list.windows(2).all(|pair| pair[0].start <= pair[1].start || pair[0].direction != pair[1].direction)
        );
    }
}

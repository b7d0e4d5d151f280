//! The account of a connection's packets, as a trace learns it.

use std::ops::RangeBounds;

use super::losses::{Delay, Sign};
use super::{Conversation, Observer};
use crate::event::{PacketRow, PacketRun, Trouble, Wire, WireDelay};
use crate::time::{ClockSync, Realtime, Timestamp};

impl Conversation {
    /// What the packets within these times told, to be learned by a trace; `..` for all of them.
    ///
    /// What the handshake told belongs to every such account of a connection, but for the time it cost.
    #[must_use]
    pub fn wire(&self, observer: &Observer, clock: &ClockSync, within: impl RangeBounds<Timestamp<Realtime>>) -> Wire {
        let runs = self.runs.iter().filter(|run| within.contains(&run.start));
        let runs: Vec<PacketRun> = runs
            .map(|run| PacketRun {
                start: clock.to_monotonic(run.start),
                end: clock.to_monotonic(run.end),
                direction: run.direction,
                counts: run.counts(),
            })
            .collect();
        let mut delays: Vec<WireDelay> = self
            .delays(observer)
            .filter(|delay| within.contains(&delay.start) || within.contains(&delay.end))
            .map(|delay| WireDelay {
                trouble: delay.trouble,
                direction: delay.direction,
                start: clock.to_monotonic(delay.start),
                end: clock.to_monotonic(delay.end),
                recovery: delay.recovery,
            })
            .collect();
        delays.sort_by_key(|delay| delay.start);
        let handshake = self.handshake();
        Wire {
            interface: observer.interface.clone(),
            side: observer.side,
            captured: runs.iter().map(|run| run.counts.packets).sum(),
            dropped: observer.dropped,
            syn_round_trip: self.syn_round_trip(observer.side).exact(),
            ttl: self.stream(observer.side.outward().reverse()).ttl,
            client: handshake.client,
            server: handshake.server,
            runs,
            delays,
            packets: self.rows.as_ref().map(|rows| {
                let rows = rows.iter().filter(|row| within.contains(&row.at));
                rows.map(|row| PacketRow {
                    at: clock.to_monotonic(row.at),
                    direction: row.direction,
                    flags: row.flags.to_string(),
                    sequence: row.sequence,
                    acknowledgement: row.acknowledgement,
                    bytes: row.bytes,
                    window: row.window,
                    note: row.note,
                })
                .collect()
            }),
        }
    }

    /// What cost time, as far as a capture at this side can know: packets that it saw twice were lost on the way from here,
    /// packets that it missed on the way to here.
    fn delays(&self, observer: &Observer) -> impl Iterator<Item = Delay> {
        let outward = observer.side.outward();
        let counts = move |delay: &&Delay| match delay.sign {
            Sign::Repeated => delay.direction == outward,
            Sign::Missing => delay.direction != outward,
            Sign::Window => true,
        };
        let unsettled = self.stream(outward).repairs.iter().map(move |repair| Delay {
            trouble: Trouble::LostBytes,
            direction: outward,
            start: repair.first,
            end: repair.last,
            recovery: Some(repair.recovery),
            sign: Sign::Repeated,
        });
        let settled = self.delays.iter().filter(counts).copied();
        self.opening.delay(observer.side).into_iter().chain(settled).chain(unsettled)
    }
}

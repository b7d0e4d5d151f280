//! What the packets told, phase by phase: the `wire` section.
//!
//! A witness of packets knows when something was lost, not what it meant. The names of causes come from here, where the
//! moments are known: bytes that first left before the ClientHello was out were the ClientHello.

use serde::{Deserialize, Serialize};

use super::Timeline;
use crate::event::{
    Direction, Mark, PacketCounts, PacketRow, Phase, Recovery, Side, TcpOffer, Trouble, Wire as Seen, WireDelay,
};
use crate::time::{Monotonic, Nanos, Timestamp};

/// What was captured of the connection in use. Times count from the trace's start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wire {
    /// The interface, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// At which end packets were captured.
    pub side: Side,
    /// How many were captured, those outside of every phase included.
    pub captured: u64,
    /// How many the capture lost for want of room; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// The round trip that the handshake shows; absent where a repeated SYN leaves it open.
    #[serde(rename = "syn_rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub syn_rtt: Option<Nanos>,
    /// Time to live of the peer's packets on arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// What the client's SYN offered; absent where it was not captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<TcpOffer>,
    /// What the server's SYN-ACK offered; absent where it was not captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<TcpOffer>,
    /// What the client sent.
    pub sent: PacketCounts,
    /// What the server sent.
    pub received: PacketCounts,
    /// The phases in which packets went by.
    pub phases: Vec<PhasePackets>,
    /// What cost time.
    pub delays: Vec<Delay>,
    /// Every packet, where a list was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Vec<PacketRow<Nanos>>>,
}

/// The packets of one phase: those after the end of the phase before, up to and with the one that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasePackets {
    /// Which phase.
    pub phase: Phase,
    /// Packets that the client sent.
    pub sent_packets: u64,
    /// Their payload in bytes.
    pub sent_bytes: u64,
    /// Packets that the server sent.
    pub received_packets: u64,
    /// Their payload in bytes.
    pub received_bytes: u64,
}

/// Time that was lost on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// The phase that it made longer; of several the one that has most of it.
    pub phase: Phase,
    /// What happened.
    pub cause: Cause,
    /// From when on.
    #[serde(rename = "start_ns")]
    pub start: Nanos,
    /// How long.
    #[serde(rename = "duration_ns")]
    pub duration: Nanos,
    /// How it was mended; absent where nothing was sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
}

impl Delay {
    /// When it was over.
    #[must_use]
    pub fn end(&self) -> Nanos {
        self.start + self.duration
    }
}

/// What cost time on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The client's SYN did not arrive.
    LostSyn,
    /// The server's SYN-ACK did not arrive.
    LostSynAck,
    /// One of both; nothing in the packets tells which.
    LostSynOrSynAck,
    /// Bytes of the ClientHello did not arrive.
    LostClientHello,
    /// Bytes of the server's first handshake record did not arrive.
    LostServerHello,
    /// Other bytes of the TLS handshake did not arrive.
    LostHandshake,
    /// Bytes of the request did not arrive.
    LostRequest,
    /// Bytes of the response did not arrive.
    LostResponse,
    /// The receiver had no room.
    ZeroWindow,
    /// Packets overtook each other.
    Reordering,
    /// Bytes were sent again that had arrived, while the answer was late, too: an acknowledgement or the answer was lost, or
    /// the other end was slow. One end cannot tell.
    UnknownRetransmission,
}

impl Cause {
    /// The words used on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LostSyn => "SYN lost",
            Self::LostSynAck => "SYN-ACK lost",
            Self::LostSynOrSynAck => "SYN or SYN-ACK lost",
            Self::LostClientHello => "ClientHello lost",
            Self::LostServerHello => "ServerHello lost",
            Self::LostHandshake => "part of the TLS handshake lost",
            Self::LostRequest => "request lost",
            Self::LostResponse => "part of the response lost",
            Self::ZeroWindow => "window closed",
            Self::Reordering => "packets overtaken",
            Self::UnknownRetransmission => "sent again needlessly",
        }
    }

    /// Whether time passed because something had to be sent again.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        !matches!(self, Self::ZeroWindow | Self::Reordering | Self::UnknownRetransmission)
    }
}

/// What a trace knows that a witness of packets does not.
pub(super) struct Known<'a> {
    pub(super) start: Timestamp<Monotonic>,
    pub(super) timeline: &'a Timeline,
    /// The ClientHello has left.
    pub(super) client_hello: Option<Mark>,
    /// The first byte of the server's first handshake record has arrived.
    pub(super) server_hello: Option<Mark>,
    /// The TLS handshake is over.
    pub(super) secured: Option<Mark>,
}

impl Wire {
    /// The section, from the fact and what is known of the trace.
    pub(super) fn new(seen: Seen, known: &Known<'_>) -> Self {
        let mut counts = [PacketCounts::default(); 2];
        let mut phases: Vec<PhasePackets> = Vec::new();
        for run in &seen.runs {
            counts[usize::from(run.direction == Direction::Received)] += run.counts;
            let Some(phase) = known.phase_at(run.start) else { continue };
            let index = phases.iter().position(|entry| entry.phase == phase).unwrap_or_else(|| {
                let nothing =
                    PhasePackets { phase, sent_packets: 0, sent_bytes: 0, received_packets: 0, received_bytes: 0 };
                phases.push(nothing);
                phases.len() - 1
            });
            let entry = &mut phases[index];
            let (packets, bytes) = match run.direction {
                Direction::Sent => (&mut entry.sent_packets, &mut entry.sent_bytes),
                Direction::Received => (&mut entry.received_packets, &mut entry.received_bytes),
            };
            *packets += run.counts.packets;
            *bytes += run.counts.bytes;
        }
        phases.sort_by_key(|entry| entry.phase);
        let [sent, received] = counts;
        Self {
            interface: seen.interface,
            side: seen.side,
            captured: seen.captured,
            dropped: seen.dropped,
            syn_rtt: seen.syn_round_trip,
            ttl: seen.ttl,
            client: seen.client,
            server: seen.server,
            sent,
            received,
            phases,
            delays: seen.delays.iter().filter_map(|delay| known.explain(delay)).collect(),
            packets: seen.packets.map(|rows| rows.into_iter().map(|row| known.row(row)).collect()),
        }
    }

    /// How much of a stretch of the trace passed because something had to be sent again that went this way; overlapping
    /// losses count once.
    pub(super) fn lost_within(&self, start: Nanos, end: Nanos, directions: &[Direction]) -> Nanos {
        let mut reached = start;
        let mut lost = Nanos::ZERO;
        let mut delays: Vec<&Delay> = self.delays.iter().filter(|delay| delay.cause.is_loss()).collect();
        delays.sort_by_key(|delay| delay.start);
        for delay in delays.into_iter().filter(|delay| directions.contains(&delay.cause.direction())) {
            let (from, to) = (delay.start.max(reached), delay.end().min(end));
            lost += to.saturating_sub(from);
            reached = reached.max(to);
        }
        lost
    }
}

impl Cause {
    /// Which way went what was lost, as far as the cause says.
    const fn direction(self) -> Direction {
        match self {
            Self::LostSynAck | Self::LostServerHello | Self::LostResponse => Direction::Received,
            _ => Direction::Sent,
        }
    }
}

impl Known<'_> {
    /// The phase in which a packet went by: one that goes by just as a phase ends, ends it.
    fn phase_at(&self, at: Timestamp<Monotonic>) -> Option<Phase> {
        let at = (at >= self.start).then(|| at.since(self.start))?;
        self.timeline.spans().find(|span| at <= span.end()).map(|span| span.phase)
    }

    /// A delay by its name and phase; `None` for one that is over before the trace starts, or begins after its end.
    fn explain(&self, delay: &WireDelay) -> Option<Delay> {
        let (start, end) = (delay.start.since(self.start), delay.end.since(self.start));
        if delay.end < self.start {
            return None;
        }
        let overlap =
            |from: Nanos, to: Nanos| end.min(to).get().checked_sub(start.max(from).get()).map(|length| length + 1);
        let spans = self.timeline.spans().filter_map(|span| Some((overlap(span.start, span.end())?, span.phase)));
        // Of phases with the same share, the first.
        let (_, phase) = spans.reduce(|most, next| if next.0 > most.0 { next } else { most })?;
        let cause = self.cause(delay, phase);
        Some(Delay { phase, cause, start, duration: end.saturating_sub(start), recovery: delay.recovery })
    }

    fn cause(&self, delay: &WireDelay, phase: Phase) -> Cause {
        let until = |mark: Option<Mark>, at: Timestamp<Monotonic>| mark.is_some_and(|mark| at <= mark.at + mark.error);
        match (delay.trouble, delay.direction) {
            (Trouble::LostSyn, _) => Cause::LostSyn,
            (Trouble::LostSynAck, _) => Cause::LostSynAck,
            (Trouble::LostSynOrSynAck, _) => Cause::LostSynOrSynAck,
            (Trouble::Reordering, _) => Cause::Reordering,
            (Trouble::ZeroWindow, _) => Cause::ZeroWindow,
            (Trouble::Unexplained, _) => Cause::UnknownRetransmission,
            (Trouble::LostBytes, Direction::Sent) if until(self.client_hello, delay.start) => Cause::LostClientHello,
            (Trouble::LostBytes, Direction::Received) if until(self.server_hello, delay.end) => Cause::LostServerHello,
            (Trouble::LostBytes, _) if phase == Phase::Tls && self.server_hello.is_none() => match delay.direction {
                Direction::Sent => Cause::LostHandshake,
                Direction::Received => Cause::LostServerHello,
            },
            (Trouble::LostBytes, _) if phase == Phase::Tls || until(self.secured, delay.start) => Cause::LostHandshake,
            (Trouble::LostBytes, Direction::Sent) => Cause::LostRequest,
            (Trouble::LostBytes, Direction::Received) => Cause::LostResponse,
        }
    }

    fn row(&self, row: PacketRow<Timestamp<Monotonic>>) -> PacketRow<Nanos> {
        PacketRow {
            at: row.at.since(self.start),
            direction: row.direction,
            flags: row.flags,
            sequence: row.sequence,
            acknowledgement: row.acknowledgement,
            bytes: row.bytes,
            window: row.window,
            note: row.note,
        }
    }
}

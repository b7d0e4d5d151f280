//! What the packets of a trace's flows say of its moments.
//!
//! While a request is under way, the recorder notes beside each moment where in which flow it happened. When it is over, the
//! packets of those flows are read ([`crate::flow`]), and each moment gets the stamp of the packet that made it.
//!
//! Packets pass the tap before TCP sees them, so nearly always everything is there at once; what is not is waited for a few
//! milliseconds, and then does without.

use std::collections::BTreeSet;

use super::clock;
use super::recorder::Recorder;
use super::tap::{FlowId, Tap, TappedPacket, Watcher};
use crate::event::{Event, Evidence, Fact, Mark, Moment, Phase, Side};
use crate::flow::{self, Conversation, Direction, Landmark, Observer, Place};
use crate::packet::{self, Packet, Transport};
use crate::time::{ClockSync, Monotonic, Nanos, Realtime, Timestamp};

/// How long packets are waited for in all.
const PATIENCE: Nanos = Nanos::from_millis(5);

/// Adds to a trace what packets say of it.
pub(super) fn testify(watcher: &Watcher, recorder: &mut Recorder, sync: &ClockSync) {
    let deadline = clock::now() + PATIENCE;
    let carrier = recorder.carrier();
    let flows: BTreeSet<FlowId> = recorder.landmarks().iter().map(|(flow, _)| *flow).chain(carrier).collect();
    for id in flows {
        let mut landmarks: Vec<Landmark> = Vec::new();
        for (flow, landmark) in recorder.landmarks() {
            if *flow == id && !landmarks.contains(landmark) {
                landmarks.push(*landmark);
            }
        }
        let reading = Reading::of(watcher, id, &landmarks, deadline);
        if watcher.tap.keeps_notes() {
            reading.annotate(watcher.tap.as_ref(), id, &landmarks);
        }
        let events = if carrier == Some(id) {
            reading.of_carrier(watcher, id, &landmarks, sync, recorder.start())
        } else {
            reading.marks(&landmarks, sync)
        };
        recorder.extend(events);
    }
}

/// The packets of one flow, read.
struct Reading {
    packets: Vec<TappedPacket>,
    content: Content,
}

/// What a flow carries.
enum Content {
    Stream(Box<Conversation>),
    Datagrams(Datagrams),
}

impl Content {
    fn at(&self, place: Place) -> Option<Timestamp<Realtime>> {
        match self {
            Self::Stream(conversation) => place.at(conversation),
            Self::Datagrams(datagrams) => datagrams.at(place),
        }
    }
}

impl Reading {
    /// Reads until every landmark has been seen, or time is up.
    fn of(watcher: &Watcher, id: FlowId, landmarks: &[Landmark], deadline: Timestamp<Monotonic>) -> Self {
        let mut conversation = Conversation::new(watcher.keep);
        let mut datagrams = Datagrams::default();
        let mut packets: Vec<TappedPacket> = Vec::new();
        let mut patience = Nanos::ZERO;
        loop {
            let fresh = watcher.tap.packets(id, packets.len(), patience);
            for tapped in &fresh {
                let Ok(Packet { ip, transport }) = packet::decode_ip(&tapped.bytes, tapped.original_length) else {
                    continue;
                };
                match transport {
                    Transport::Tcp(tcp) => _ = conversation.take(tapped.at, tapped.direction, &ip, &tcp),
                    Transport::Udp(udp) => datagrams.take(tapped.at, tapped.direction, udp.payload_length),
                    _ => {}
                }
            }
            packets.extend(fresh);
            patience = deadline.since(clock::now());
            let found = |landmark: &Landmark| {
                landmark.place.at(&conversation).or_else(|| datagrams.at(landmark.place)).is_some()
            };
            if patience == Nanos::ZERO || landmarks.iter().all(found) {
                break;
            }
        }
        let content =
            if datagrams.is_empty() { Content::Stream(Box::new(conversation)) } else { Content::Datagrams(datagrams) };
        Self { packets, content }
    }

    fn marks(&self, landmarks: &[Landmark], sync: &ClockSync) -> Vec<Event> {
        let mark = |at| Mark { at: sync.to_monotonic(at), error: sync.error(), source: Evidence::Wire };
        let observed = landmarks
            .iter()
            .filter_map(|landmark| Some(Event::Observed(landmark.moment, mark(self.content.at(landmark.place)?))));
        observed.collect()
    }

    /// The marks, and what the packets tell of the connection since the trace's start.
    fn of_carrier(
        &self,
        watcher: &Watcher,
        id: FlowId,
        landmarks: &[Landmark],
        sync: &ClockSync,
        start: Option<Timestamp<Monotonic>>,
    ) -> Vec<Event> {
        let (Content::Stream(conversation), Some(vantage)) = (&self.content, watcher.tap.vantage(id)) else {
            return self.marks(landmarks, sync);
        };
        if self.packets.is_empty() {
            return Vec::new();
        }
        let observer = Observer {
            side: Side::Client,
            interface: Some(vantage.interface),
            dropped: Some(vantage.dropped),
            // The kernel's stamps are not rounded.
            resolution: Nanos::ZERO,
        };
        let since = start.map_or(Timestamp::from_nanos(0), |start| sync.to_realtime(start));
        let wire = conversation.wire(&observer, sync, since..);
        // The handshake of a connection that was there before is not part of this trace.
        let was_there = conversation.handshake().syns.first().is_some_and(|syn| *syn < since);
        flow::witness(landmarks, conversation, sync, &observer)
            .filter(|event| !(was_there && matches!(event, Event::Learned(Fact::SynRoundTrip(_)))))
            .chain([Event::Learned(Fact::Wire(Box::new(wire)))])
            .collect()
    }

    /// Says beside each packet which moments it made.
    fn annotate(&self, tap: &dyn Tap, id: FlowId, landmarks: &[Landmark]) {
        for landmark in landmarks {
            let Some(at) = self.content.at(landmark.place) else { continue };
            let direction = match landmark.place {
                Place::Syn | Place::SentEnd(_) => Direction::Sent,
                Place::SynAck | Place::ReceivedFirst(_) | Place::ReceivedEnd(_) | Place::Acknowledged(_) => {
                    Direction::Received
                }
            };
            let made_it = |packet: &TappedPacket| packet.at == at && packet.direction == direction;
            if let (Some(packet), Some(note)) = (self.packets.iter().position(made_it), note(landmark.moment)) {
                tap.annotate(id, packet, note);
            }
        }
    }
}

/// The datagrams of a flow, read as two streams of their payloads: what is sent and received whole needs no more.
#[derive(Debug, Default)]
struct Datagrams {
    /// When each datagram passed, and where its payload ends.
    sent: Vec<(u64, Timestamp<Realtime>)>,
    received: Vec<(u64, Timestamp<Realtime>)>,
}

impl Datagrams {
    fn take(&mut self, at: Timestamp<Realtime>, direction: Direction, length: u32) {
        let stream = match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        let end = stream.last().map_or(0, |(end, _)| *end) + u64::from(length);
        stream.push((end, at));
    }

    fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.received.is_empty()
    }

    fn at(&self, place: Place) -> Option<Timestamp<Realtime>> {
        let holding = |stream: &[(u64, Timestamp<Realtime>)], end: u64| {
            stream.iter().find(|(behind, _)| *behind >= end).map(|(_, at)| *at)
        };
        match place {
            Place::SentEnd(end) => holding(&self.sent, end),
            Place::ReceivedFirst(offset) => holding(&self.received, offset + 1),
            Place::ReceivedEnd(end) => holding(&self.received, end),
            Place::Syn | Place::SynAck | Place::Acknowledged(_) => None,
        }
    }
}

/// What a packet is to a request, for whoever looks at it in a list of packets.
fn note(moment: Moment) -> Option<String> {
    Some(match moment {
        Moment::End(phase) => {
            let what = match phase {
                Phase::Blocked => return None,
                Phase::Dns => "the answer that is used",
                Phase::Connect => "the connection is established",
                Phase::Tls => "the request may leave",
                Phase::Send => "the last byte of the request",
                Phase::Wait => "the first byte of the final response",
                Phase::Receive => "the last byte of the body",
            };
            format!("end of {phase}: {what}")
        }
        Moment::QuerySent(_) => "dns: a query".to_owned(),
        Moment::QueryEnded(_) => "dns: an answer".to_owned(),
        Moment::AttemptStarted(_) => "connect: an attempt begins".to_owned(),
        Moment::AttemptEnded(_) => "connect: the attempt is won".to_owned(),
        Moment::ClientHello => "tls: the last byte of the ClientHello".to_owned(),
        Moment::ServerHello => "tls: the first byte of the ServerHello".to_owned(),
        Moment::Finished => "tls: the client's Finished".to_owned(),
        Moment::RequestAcked => "wait: the request is acknowledged".to_owned(),
        Moment::Informational(_) => "wait: a 1xx response".to_owned(),
        Moment::HeadComplete => "receive: the last byte of the head".to_owned(),
        Moment::FirstBodyByte => "receive: the first byte of the body".to_owned(),
        Moment::Start | Moment::Failed | Moment::Verified | Moment::RequestHanded | Moment::RequestScheduled => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Timestamp<Realtime> {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn datagrams_are_found_by_their_bytes() {
        let mut datagrams = Datagrams::default();
        for (nanos, direction, length) in [
            (1, Direction::Sent, 40),
            (2, Direction::Received, 12),
            (3, Direction::Received, 60),
            (4, Direction::Sent, 40),
        ] {
            datagrams.take(at(nanos), direction, length);
        }
        for (place, expect) in [
            (Place::SentEnd(40), Some(1)),
            (Place::SentEnd(41), Some(4)),
            (Place::SentEnd(81), None),
            (Place::ReceivedEnd(12), Some(2)),
            (Place::ReceivedEnd(72), Some(3)),
            (Place::ReceivedFirst(12), Some(3)),
            (Place::ReceivedEnd(73), None),
            (Place::Syn, None),
        ] {
            assert_eq!(datagrams.at(place), expect.map(at), "{place:?}");
        }
    }
}

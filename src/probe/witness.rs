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
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::AttemptId;
    use crate::flow::Keep;
    use crate::packet::encode::{OptionBytes, between};
    use crate::packet::{Tcp, TcpFlags, Udp};
    use crate::probe::tap::{Opening, Spot, Vantage};
    use crate::time::ClockPair;

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

    /// Gives some packets at once and the others later.
    #[derive(Debug, Default)]
    struct Script {
        flows: Vec<Vec<TappedPacket>>,
        /// Packets of each flow that are there at once; one more comes with each question.
        at_once: usize,
        questions: AtomicUsize,
        notes: Mutex<Vec<(FlowId, usize, String)>>,
    }

    impl Tap for Script {
        fn watch(&self, _: &Opening<'_>) -> Option<FlowId> {
            None
        }

        fn packets(&self, flow: FlowId, from: usize, _: Nanos) -> Vec<TappedPacket> {
            let there = self.at_once + self.questions.fetch_add(1, Ordering::Relaxed);
            let packets = &self.flows[flow.0 as usize];
            packets[from..there.clamp(from, packets.len())].to_vec()
        }

        fn vantage(&self, _: FlowId) -> Option<Vantage> {
            Some(Vantage { interface: "test0".to_owned(), dropped: 3 })
        }

        fn annotate(&self, flow: FlowId, packet: usize, note: String) {
            self.notes.lock().unwrap().push((flow, packet, note));
        }

        fn closed(&self, _: FlowId) {}

        fn settled(&self) {}

        fn keeps_notes(&self) -> bool {
            true
        }

        fn secret(&self, _: String) {}
    }

    fn tapped(nanos: u64, direction: Direction, transport: Transport<'_>) -> TappedPacket {
        let ends = ["192.0.2.1:40000", "198.51.100.2:80"].map(|end| end.parse::<SocketAddr>().unwrap());
        let [local, remote] = ends;
        let (from, to) = if direction == Direction::Sent { (local, remote) } else { (remote, local) };
        let bytes = between(from, to, transport).unwrap();
        let original_length = u32::try_from(bytes.len()).unwrap();
        TappedPacket { at: at(nanos), direction, bytes: bytes.into(), original_length }
    }

    fn tcp(nanos: u64, direction: Direction, flags: TcpFlags, numbers: (u32, u32), payload: &[u8]) -> TappedPacket {
        let options = OptionBytes::default();
        let (sequence, acknowledgement) = numbers;
        let transport = Transport::Tcp(Tcp {
            source: 0,
            destination: 0,
            sequence,
            acknowledgement,
            flags,
            window: 1_000,
            options: options.options(),
            payload,
            payload_length: u32::try_from(payload.len()).unwrap(),
        });
        tapped(nanos, direction, transport)
    }

    fn udp(nanos: u64, direction: Direction, payload: &[u8]) -> TappedPacket {
        let payload_length = u32::try_from(payload.len()).unwrap();
        tapped(nanos, direction, Transport::Udp(Udp { source: 0, destination: 0, payload, payload_length }))
    }

    /// A connection with one exchange, which begins at 1,000.
    fn connection() -> Vec<TappedPacket> {
        use Direction::{Received, Sent};
        let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
        let syn_ack = TcpFlags::from_bits(syn.bits() | ack.bits());
        vec![
            tcp(1_000, Sent, syn, (99, 0), b""),
            tcp(1_100, Received, syn_ack, (499, 100), b""),
            tcp(1_110, Sent, ack, (100, 500), b""),
            tcp(1_200, Sent, ack, (100, 500), b"GET /"),
            tcp(1_300, Received, ack, (500, 105), b""),
            tcp(1_400, Received, ack, (500, 105), b"head"),
            tcp(1_500, Received, ack, (504, 105), b"body"),
        ]
    }

    /// Monotonic time is 900 behind.
    fn clocks() -> ClockSync {
        let mono = Timestamp::from_nanos;
        ClockSync::from_pairs(&[ClockPair { before: mono(0), realtime: at(900), after: mono(0) }]).unwrap()
    }

    struct Testimony {
        marks: Vec<(Moment, u64)>,
        wires: usize,
        round_trips: usize,
        notes: Vec<(FlowId, usize, String)>,
    }

    fn testimony(script: Script, landmarks: &[(u32, Moment, Place)], start: Option<u64>) -> Testimony {
        let script = Arc::new(script);
        let mut recorder = Recorder::default();
        if let Some(start) = start {
            recorder.noticed(Moment::Start, Timestamp::from_nanos(start));
        }
        for (flow, moment, place) in landmarks {
            recorder.landmark(*moment, Some(Spot { flow: FlowId(*flow), place: *place }));
        }
        recorder.carried_by(Some(FlowId(0)));
        let watcher = Watcher { tap: Arc::<Script>::clone(&script), keep: Keep::Arrivals };
        testify(&watcher, &mut recorder, &clocks());
        let mut found =
            Testimony { marks: Vec::new(), wires: 0, round_trips: 0, notes: script.notes.lock().unwrap().clone() };
        for event in recorder.into_events(Nanos::ZERO) {
            match event {
                Event::Observed(moment, mark) if mark.source == Evidence::Wire => {
                    found.marks.push((moment, mark.at.as_nanos()));
                }
                Event::Learned(Fact::Wire(wire)) => {
                    assert_eq!((wire.interface.as_deref(), wire.dropped), (Some("test0"), Some(3)));
                    found.wires += 1;
                }
                Event::Learned(Fact::SynRoundTrip(_)) => found.round_trips += 1,
                _ => {}
            }
        }
        found.marks.sort_unstable();
        found
    }

    const ATTEMPT: Moment = Moment::AttemptStarted(AttemptId(0));
    const CONNECTED: Moment = Moment::End(Phase::Connect);
    const SENT: Moment = Moment::End(Phase::Send);
    const ANSWERED: Moment = Moment::End(Phase::Wait);
    const DONE: Moment = Moment::End(Phase::Receive);

    fn exchange() -> Vec<(u32, Moment, Place)> {
        vec![
            (0, ATTEMPT, Place::Syn),
            (0, CONNECTED, Place::SynAck),
            (0, SENT, Place::SentEnd(5)),
            (0, Moment::RequestAcked, Place::Acknowledged(5)),
            (0, ANSWERED, Place::ReceivedFirst(0)),
            (0, DONE, Place::ReceivedEnd(8)),
        ]
    }

    #[test]
    fn every_moment_gets_the_stamp_of_its_packet_however_late_that_is_seen() {
        let mut expect = vec![
            (ATTEMPT, 100),
            (CONNECTED, 200),
            (SENT, 300),
            (Moment::RequestAcked, 400),
            (ANSWERED, 500),
            (DONE, 600),
        ];
        expect.sort_unstable();
        for at_once in [0, 3, 7] {
            let script = Script { flows: vec![connection()], at_once, ..Script::default() };
            // What is noted twice is said once.
            let landmarks = [exchange(), exchange()].concat();
            let found = testimony(script, &landmarks, None);
            assert_eq!(found.marks, expect, "{at_once}");
            assert_eq!((found.wires, found.round_trips), (1, 1));
            assert_eq!(found.notes.len(), 6, "{:?}", found.notes);
            let sent = found.notes.iter().find(|(_, _, note)| note.starts_with("end of send"));
            assert_eq!(sent.map(|(flow, packet, _)| (*flow, *packet)), Some((FlowId(0), 3)));
        }
    }

    #[test]
    fn what_was_not_captured_is_not_made_up() {
        let script = Script { flows: vec![connection()], at_once: 7, ..Script::default() };
        let landmarks = [(0, SENT, Place::SentEnd(5)), (0, DONE, Place::ReceivedEnd(9))];
        assert_eq!(testimony(script, &landmarks, None).marks, [(SENT, 300)]);
        let nothing = Script { flows: vec![Vec::new()], ..Script::default() };
        let found = testimony(nothing, &exchange(), None);
        assert_eq!((found.marks.len(), found.wires), (0, 0));
    }

    #[test]
    fn a_kept_connection_has_no_handshake_in_a_later_trace() {
        let script = Script { flows: vec![connection()], at_once: 7, ..Script::default() };
        let found = testimony(script, &[(0, SENT, Place::SentEnd(5))], Some(250));
        assert_eq!((found.marks, found.wires, found.round_trips), (vec![(SENT, 300)], 1, 0));
    }

    #[test]
    fn queries_rest_on_their_datagrams_and_tell_nothing_of_the_connection() {
        let query = vec![udp(950, Direction::Sent, b"query"), udp(980, Direction::Received, b"an answer")];
        let script = Script { flows: vec![connection(), query], at_once: 7, ..Script::default() };
        let (asked, dns) = (Moment::QuerySent(crate::event::QueryId(0)), Moment::End(Phase::Dns));
        let landmarks = [(1, asked, Place::SentEnd(5)), (1, dns, Place::ReceivedEnd(9))];
        let found = testimony(script, &landmarks, None);
        assert_eq!((found.marks, found.wires), (vec![(dns, 80), (asked, 50)], 1));
    }
}

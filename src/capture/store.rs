//! The packets that were captured, flow by flow, within a bound of memory. Pure.
//!
//! Deliberately absent: sockets and filters.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::filter::Ends;
use crate::flow::Direction;
use crate::packet::{self, Packet, TcpFlags, Transport};
use crate::probe::{Carrier, FlowId, TappedPacket};
use crate::time::{Monotonic, Nanos, Realtime, Timestamp};

/// How long a flow whose socket is closed is watched for the rest of its goodbye.
const GOODBYE: Nanos = Nanos::from_millis(500);
/// What a kept packet takes besides its bytes.
const PER_PACKET: usize = 128;

/// A packet, and what is said of it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) packet: TappedPacket,
    pub(super) notes: Vec<String>,
}

/// One flow and its packets.
#[derive(Debug)]
pub(super) struct WatchedFlow {
    pub(super) ends: Ends,
    /// The place of its interface among those that are open.
    pub(super) interface: usize,
    /// Packets that its interface had lost when it was opened.
    pub(super) dropped_before: u64,
    pub(super) packets: Vec<Kept>,
    /// Packets for which there was no room.
    pub(super) left_out: u64,
    closed_at: Option<Timestamp<Monotonic>>,
    finished: Finished,
}

/// Which directions of a TCP connection have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Finished {
    sent: bool,
    received: bool,
}

impl WatchedFlow {
    /// Whether nothing more is expected of it: its socket is closed, and so are both directions, or it had its time.
    fn is_over(&self, now: Timestamp<Monotonic>) -> bool {
        let said_goodbye = self.ends.carrier == Carrier::Udp || (self.finished.sent && self.finished.received);
        self.closed_at.is_some_and(|closed| said_goodbye || now.since(closed) >= GOODBYE)
    }
}

/// All flows.
#[derive(Debug)]
pub(super) struct Store {
    flows: HashMap<FlowId, WatchedFlow>,
    /// The flow that four-tuple belongs to now.
    current: HashMap<(Carrier, SocketAddr, SocketAddr), FlowId>,
    next: u32,
    /// Packets of forgotten flows for which there was no room, by interface.
    left_out: HashMap<usize, u64>,
    taken: usize,
    most: usize,
}

impl Store {
    /// Keeps at most so many bytes of packets.
    pub(super) fn new(most: usize) -> Self {
        Self { flows: HashMap::new(), current: HashMap::new(), next: 0, left_out: HashMap::new(), taken: 0, most }
    }

    pub(super) fn open(&mut self, ends: Ends, interface: usize, dropped_before: u64) -> FlowId {
        let id = FlowId(self.next);
        self.next += 1;
        self.current.insert((ends.carrier, ends.local, ends.remote), id);
        let flow = WatchedFlow {
            ends,
            interface,
            dropped_before,
            packets: Vec::new(),
            left_out: 0,
            closed_at: None,
            finished: Finished::default(),
        };
        self.flows.insert(id, flow);
        id
    }

    pub(super) fn flow(&self, id: FlowId) -> Option<&WatchedFlow> {
        self.flows.get(&id)
    }

    /// All flows, in the order of opening.
    pub(super) fn flows(&self) -> Vec<&WatchedFlow> {
        let mut flows: Vec<_> = self.flows.iter().collect();
        flows.sort_unstable_by_key(|(id, _)| **id);
        flows.into_iter().map(|(_, flow)| flow).collect()
    }

    /// Packets of an interface that are kept.
    pub(super) fn kept_on(&self, interface: usize) -> u64 {
        self.on(interface).map(|flow| flow.packets.len() as u64).sum()
    }

    /// Packets of an interface for which there was no room.
    pub(super) fn left_out_on(&self, interface: usize) -> u64 {
        let forgotten = self.left_out.get(&interface).copied().unwrap_or(0);
        self.on(interface).map(|flow| flow.left_out).sum::<u64>() + forgotten
    }

    fn on(&self, interface: usize) -> impl Iterator<Item = &WatchedFlow> {
        self.flows.values().filter(move |flow| flow.interface == interface)
    }

    /// The ends of the flows of an interface that are still watched.
    pub(super) fn watched_on(&self, interface: usize, now: Timestamp<Monotonic>) -> Vec<Ends> {
        let watched = self.on(interface).filter(|flow| !flow.is_over(now));
        watched.map(|flow| flow.ends).collect()
    }

    /// Whether any flow is still watched.
    pub(super) fn is_watching(&self, now: Timestamp<Monotonic>) -> bool {
        self.flows.values().any(|flow| !flow.is_over(now))
    }

    /// Whether a flow whose socket is closed may still say goodbye.
    pub(super) fn awaits_goodbye(&self, now: Timestamp<Monotonic>) -> bool {
        self.flows.values().any(|flow| flow.closed_at.is_some() && !flow.is_over(now))
    }

    /// Takes in a packet of an interface. Each packet counts once: where a flow's two ends are both on this host, what one end
    /// sends is what the other one receives, and only the end that this program has is its own.
    pub(super) fn take(&mut self, at: Timestamp<Realtime>, direction: Direction, bytes: &[u8]) {
        let kept = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Ok(Packet { ip, transport }) = packet::decode_ip(bytes, kept) else { return };
        let (source, destination) = (ip.source, ip.destination);
        let (carrier, from, to, flags) = match transport {
            Transport::Tcp(tcp) => (Carrier::Tcp, tcp.source, tcp.destination, tcp.flags),
            Transport::Udp(udp) => (Carrier::Udp, udp.source, udp.destination, TcpFlags::default()),
            _ => return,
        };
        let (from, to) = (SocketAddr::new(source, from), SocketAddr::new(destination, to));
        let (local, remote) = match direction {
            Direction::Sent => (from, to),
            Direction::Received => (to, from),
        };
        let Some(flow) = self.current.get(&(carrier, local, remote)).and_then(|id| self.flows.get_mut(id)) else {
            return;
        };
        flow.finished.sent |= flags.rst() || (flags.fin() && direction == Direction::Sent);
        flow.finished.received |= flags.rst() || (flags.fin() && direction == Direction::Received);
        if self.taken + bytes.len() + PER_PACKET > self.most {
            flow.left_out += 1;
            return;
        }
        self.taken += bytes.len() + PER_PACKET;
        let packet = TappedPacket { at, direction, bytes: Arc::from(bytes), original_length: ip.length.max(kept) };
        flow.packets.push(Kept { packet, notes: Vec::new() });
    }

    pub(super) fn annotate(&mut self, id: FlowId, packet: usize, note: String) {
        if let Some(kept) = self.flows.get_mut(&id).and_then(|flow| flow.packets.get_mut(packet))
            && !kept.notes.contains(&note)
        {
            kept.notes.push(note);
        }
    }

    pub(super) fn close(&mut self, id: FlowId, now: Timestamp<Monotonic>) {
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.closed_at.get_or_insert(now);
        }
    }

    /// Forgets flows whose sockets are closed.
    pub(super) fn forget_closed(&mut self) {
        let Self { flows, current, taken, left_out, .. } = self;
        flows.retain(|_, flow| {
            if flow.closed_at.is_some() {
                *left_out.entry(flow.interface).or_default() += flow.left_out;
                *taken -= flow.packets.iter().map(|kept| kept.packet.bytes.len() + PER_PACKET).sum::<usize>();
            }
            flow.closed_at.is_none()
        });
        current.retain(|_, id| flows.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;
    const RST: u8 = 0x04;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn tcp(from: &str, to: &str, flags: u8) -> Vec<u8> {
        let (SocketAddr::V4(from), SocketAddr::V4(to)) = (at(from), at(to)) else { panic!("IPv4") };
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet
    }

    fn ends(local: &str, remote: &str) -> Ends {
        Ends { carrier: Carrier::Tcp, local: at(local), remote: at(remote) }
    }

    fn now(millis: u64) -> Timestamp<Monotonic> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    const US: &str = "127.0.0.1:40000";
    const THEM: &str = "127.0.0.1:80";

    fn take(store: &mut Store, direction: Direction, flags: u8) {
        let (from, to) = if direction == Direction::Sent { (US, THEM) } else { (THEM, US) };
        store.take(Timestamp::from_nanos(1), direction, &tcp(from, to, flags));
    }

    fn kept(store: &Store, id: FlowId) -> Vec<Direction> {
        store.flow(id).unwrap().packets.iter().map(|kept| kept.packet.direction).collect()
    }

    #[test]
    fn a_packet_belongs_to_the_end_that_is_ours() {
        let mut store = Store::new(1 << 20);
        let id = store.open(ends(US, THEM), 0, 0);
        take(&mut store, Direction::Sent, SYN);
        take(&mut store, Direction::Received, ACK);
        // The server's end of the same flow, as loopback shows it, and another flow.
        store.take(Timestamp::from_nanos(1), Direction::Received, &tcp(US, THEM, SYN));
        store.take(Timestamp::from_nanos(1), Direction::Sent, &tcp("127.0.0.1:40001", THEM, SYN));
        store.take(Timestamp::from_nanos(1), Direction::Sent, b"not a packet");
        assert_eq!(kept(&store, id), [Direction::Sent, Direction::Received]);
    }

    #[test]
    fn a_flow_that_is_connected_to_itself_both_sends_and_receives() {
        let mut store = Store::new(1 << 20);
        let id = store.open(ends(US, US), 0, 0);
        for direction in [Direction::Sent, Direction::Received] {
            store.take(Timestamp::from_nanos(1), direction, &tcp(US, US, SYN));
        }
        assert_eq!(kept(&store, id), [Direction::Sent, Direction::Received]);
    }

    #[test]
    fn ports_that_are_used_again_belong_to_the_latest_flow() {
        let mut store = Store::new(1 << 20);
        let first = store.open(ends(US, THEM), 0, 0);
        take(&mut store, Direction::Sent, SYN);
        store.close(first, now(1));
        let second = store.open(ends(US, THEM), 0, 0);
        take(&mut store, Direction::Sent, SYN);
        assert_eq!((kept(&store, first).len(), kept(&store, second).len()), (1, 1));
        store.forget_closed();
        assert!(store.flow(first).is_none());
        take(&mut store, Direction::Sent, ACK);
        assert_eq!(kept(&store, second).len(), 2);
    }

    #[test]
    fn a_closed_flow_is_watched_until_both_have_said_goodbye_or_it_had_its_time() {
        let both = [(Direction::Sent, FIN), (Direction::Received, FIN)];
        for (packets, closed, look, expect) in [
            (&both[..], false, 9_999, true),
            (&[], true, 100, true),
            (&[], true, 600, false),
            (&both[..1], true, 100, true),
            (&both, true, 0, false),
            (&[(Direction::Received, RST)], true, 0, false),
        ] {
            let mut store = Store::new(1 << 20);
            let id = store.open(ends(US, THEM), 0, 0);
            for (direction, flags) in packets {
                take(&mut store, *direction, *flags);
            }
            if closed {
                store.close(id, now(0));
            }
            assert_eq!(store.is_watching(now(look)), expect, "{packets:?} {closed} {look}");
            assert_eq!(store.watched_on(0, now(look)).len(), usize::from(expect));
            assert_eq!(store.awaits_goodbye(now(look)), expect && closed);
        }
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut store = Store::new(3 * (40 + PER_PACKET));
        let id = store.open(ends(US, THEM), 0, 0);
        for _ in 0..5 {
            take(&mut store, Direction::Sent, ACK);
        }
        let flow = store.flow(id).unwrap();
        assert_eq!((flow.packets.len(), flow.left_out), (3, 2));
        store.close(id, now(0));
        store.forget_closed();
        assert_eq!((store.kept_on(0), store.left_out_on(0), store.left_out_on(1)), (0, 2, 0));
        let next = store.open(ends(US, THEM), 0, 0);
        take(&mut store, Direction::Sent, SYN);
        assert_eq!(kept(&store, next).len(), 1);
    }

    #[test]
    fn a_note_is_made_once() {
        let mut store = Store::new(1 << 20);
        let id = store.open(ends(US, THEM), 0, 0);
        take(&mut store, Direction::Sent, SYN);
        for packet in [0, 0, 7] {
            store.annotate(id, packet, "a note".to_owned());
        }
        assert_eq!(store.flow(id).unwrap().packets[0].notes, ["a note"]);
    }
}

//! All connections of a capture, side by side.
//!
//! [`Table`] takes packets in the order of capture, gives each to its flow, and hands exchanges and flows to a [`Sink`] as
//! soon as they are over: memory grows with the flows that are open, not with the capture. A flow is over when both ends have
//! closed it or one has reset it (then it lingers for stragglers), when it has been idle for too long, when its ports are
//! used anew, or when there are more flows than [`Rules::most_flows`]: then the one goes that has been idle the longest.
//!
//! Time is that of the latest packet. Packets of several interfaces may be out of order; one that is earlier by [`Rules::idle`]
//! or more shows that the clock was set back, and time goes on from there.
//!
//! A packet that the capture has twice (loopback shows it leaving and arriving, `any` shows it on several interfaces) counts
//! once: see `copies`.
//!
//! Deliberately absent: reading files, and judging what an exchange means.

mod copies;
mod flow;
mod key;
mod recency;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

pub use flow::Flow;

use super::exchange::{Exchange, Lookups, Undeliverable};
use super::{Direction, Four, Keep, Side};
use crate::event::DnsTransport;
use crate::message::dns::{looks_like_dns, overhear};
use crate::packet::{Icmp, IcmpMeaning, Ip, Packet, QuotedTransport, Tcp, Transport, Udp};
use crate::time::{Nanos, Realtime, Timestamp};
use key::{Key, KeyHasher};
use recency::Recency;

/// DNS over TCP (RFC 7766).
const DNS_PORT: u16 = 53;
/// Bytes that all flows together may hold because bytes before them are missing: a capture of one direction alone, with gaps,
/// would have each flow hold as much as one may.
const MOST_HELD_IN_ALL: usize = 32 << 20;

/// How long flows are kept, and how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most flows that are open at once.
    pub most_flows: usize,
    /// A flow of which nothing is seen for this long is over.
    pub idle: Nanos,
    /// A flow that was closed is kept this long for packets that are late.
    pub linger: Nanos,
    /// At which end packets were captured; `None` where each flow's packets are to tell.
    pub side: Option<Side>,
    /// How much of each connection is remembered.
    pub keep: Keep,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            most_flows: 20_000,
            idle: Nanos::from_secs(300),
            linger: Nanos::from_secs(10),
            side: None,
            keep: Keep::Flights,
        }
    }
}

/// What becomes known.
pub trait Sink {
    /// Whether an exchange that is over, and took so long, is to be told with all its events: they cost more than its packets.
    fn wants(&mut self, flow: &Flow, length: Nanos) -> bool;

    /// An exchange of a flow is over.
    fn exchange(&mut self, flow: &Flow, exchange: Exchange);

    /// A flow is over, and all its exchanges have been told.
    fn ended(&mut self, flow: &Flow);

    /// A name could not be resolved, and nobody connected.
    fn unresolved(&mut self, exchange: Exchange);
}

/// When and where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// When.
    pub at: Timestamp<Realtime>,
    /// What that time is rounded to.
    pub resolution: Nanos,
    /// The number of the interface in its file.
    pub interface: u32,
}

/// Counts over a whole capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// TCP packets that were given to flows.
    pub tcp: u64,
    /// Packets that had been seen before, and were left out.
    pub copies: u64,
    /// Datagrams that were DNS.
    pub dns: u64,
    /// IP fragments without a header, which belong to no flow.
    pub fragments: u64,
    /// Packets that are neither.
    pub other: u64,
    /// Flows in all.
    pub flows: u64,
    /// Flows that were given up because there were too many.
    pub crowded_out: u64,
}

/// The open flows.
#[derive(Debug)]
pub struct Table {
    rules: Rules,
    places: HashMap<Key, usize, KeyHasher>,
    flows: Vec<Option<Box<Flow>>>,
    free: Vec<usize>,
    recency: Recency,
    /// Flows that were closed, and when: in that order.
    closed: VecDeque<(Timestamp<Realtime>, usize, u64)>,
    /// Where the packet before this one belonged.
    last: Option<(Key, usize)>,
    lookups: Lookups,
    lookups_checked: Timestamp<Realtime>,
    now: Timestamp<Realtime>,
    /// Bytes that flows hold because bytes before them are missing.
    held: usize,
    tally: Tally,
}

impl Table {
    /// Without flows.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            places: HashMap::default(),
            flows: Vec::new(),
            free: Vec::new(),
            recency: Recency::default(),
            closed: VecDeque::new(),
            last: None,
            lookups: Lookups::default(),
            lookups_checked: Timestamp::default(),
            now: Timestamp::default(),
            held: 0,
            tally: Tally::default(),
        }
    }

    /// Counts so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes the next packet of the capture.
    #[inline]
    pub fn take(&mut self, sight: &Sight, packet: &Packet<'_>, sink: &mut impl Sink) {
        let is_set_back = self.now.since(sight.at) >= self.rules.idle;
        self.now = if is_set_back { sight.at } else { self.now.max(sight.at) };
        match &packet.transport {
            Transport::Tcp(tcp) => self.tcp(sight, &packet.ip, tcp, sink),
            Transport::Udp(udp) => self.udp(sight, &packet.ip, udp),
            Transport::Fragment => self.tally.fragments += 1,
            Transport::Icmp(icmp) => {
                self.tally.other += 1;
                self.icmp(sight, &packet.ip, icmp);
            }
            Transport::Truncated | Transport::Other(_) => self.tally.other += 1,
        }
        self.expire(sink);
    }

    /// The capture is over: so are all flows. What is taken behind this may be of any other time.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        while let Some(place) = self.recency.oldest() {
            self.end(place, sink);
        }
        for exchange in self.lookups.finish() {
            sink.unresolved(exchange);
        }
        self.closed.clear();
        (self.now, self.lookups_checked) = (Timestamp::default(), Timestamp::default());
    }

    fn udp(&mut self, sight: &Sight, ip: &Ip, udp: &Udp<'_>) {
        if !looks_like_dns(udp.payload) {
            self.tally.other += 1;
            return;
        }
        match overhear(udp.payload) {
            Some(message) => {
                let source = SocketAddr::new(ip.source, udp.source);
                let destination = SocketAddr::new(ip.destination, udp.destination);
                self.tally.dns += 1;
                self.lookups.resolution(sight.resolution);
                self.lookups.overheard(message, source, destination, DnsTransport::Udp, sight.at);
            }
            None => self.tally.other += 1,
        }
    }

    /// What an error message says belongs to the flow whose packet it quotes.
    fn icmp(&mut self, sight: &Sight, ip: &Ip, icmp: &Icmp<'_>) {
        let (IcmpMeaning::Unreachable(why), Some(quoted)) = (icmp.meaning, icmp.quoted) else { return };
        let QuotedTransport::Tcp { source, destination, sequence } = quoted.transport else { return };
        let source = SocketAddr::new(quoted.ip.source, source);
        let (key, from_lesser) = Key::of(source, SocketAddr::new(quoted.ip.destination, destination));
        let place = self.places.get(&key).copied();
        if let Some(flow) = place.and_then(|place| self.flows[place].as_deref_mut()) {
            flow.undeliverable(from_lesser, sequence, Undeliverable { at: sight.at, by: ip.source, why });
        }
    }

    #[inline]
    fn tcp(&mut self, sight: &Sight, ip: &Ip, tcp: &Tcp<'_>, sink: &mut impl Sink) {
        self.tally.tcp += 1;
        let source = SocketAddr::new(ip.source, tcp.source);
        let destination = SocketAddr::new(ip.destination, tcp.destination);
        let (key, from_lesser) = Key::of(source, destination);
        let known = match self.last {
            Some((last, place)) if last == key => Some(place),
            _ => self.places.get(&key).copied(),
        };
        let is_anew = |flow: &Flow| flow.is_other_connection(from_lesser, tcp);
        let known = match known {
            Some(place) if self.flows[place].as_deref().is_some_and(is_anew) => {
                self.end(place, sink);
                None
            }
            known => known,
        };
        let place = known.unwrap_or_else(|| self.begin(key, source, destination, from_lesser, sight, tcp, sink));
        self.last = Some((key, place));
        self.recency.touch(place);
        let Some(flow) = self.flows[place].as_deref_mut() else { return };
        if flow.is_copy(sight, from_lesser, ip, tcp) {
            self.tally.copies += 1;
            self.tally.tcp -= 1;
            return;
        }
        self.held -= flow.held();
        flow.take(sight, from_lesser, ip, tcp, self.rules.side);
        if self.held + flow.held() > MOST_HELD_IN_ALL {
            flow.let_go(sight.at);
        }
        self.held += flow.held();
        if flow.wants_lookup() {
            let Four { local, remote } = flow.four();
            if let Some(lookup) = self.lookups.claim(local.ip(), remote.ip(), sight.at) {
                flow.looked_up(lookup);
            }
        }
        if flow.has_heard() {
            let Four { local, remote } = flow.four();
            for (direction, message, at) in flow.heard() {
                let (from, to) = if direction == Direction::Sent { (local, remote) } else { (remote, local) };
                self.lookups.overheard(message, from, to, DnsTransport::Tcp, at);
            }
        }
        if flow.has_exchanges() {
            flow.tell(sink);
        }
        if flow.closes_now() {
            self.closed.push_back((sight.at, place, flow.number()));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a flow is made of; called in one place")]
    fn begin(
        &mut self,
        key: Key,
        source: SocketAddr,
        destination: SocketAddr,
        from_lesser: bool,
        sight: &Sight,
        tcp: &Tcp<'_>,
        sink: &mut impl Sink,
    ) -> usize {
        if self.places.len() >= self.rules.most_flows.max(1)
            && let Some(oldest) = self.recency.oldest()
        {
            self.tally.crowded_out += 1;
            self.end(oldest, sink);
        }
        self.tally.flows += 1;
        let client_is_source = flow::is_from_client(source, destination, tcp);
        let four = if client_is_source {
            Four { local: source, remote: destination }
        } else {
            Four { local: destination, remote: source }
        };
        let client_is_lesser = client_is_source == from_lesser;
        let is_dns = four.remote.port() == DNS_PORT;
        let side = self.rules.side.unwrap_or(Side::Client);
        let flow = Flow::new(self.tally.flows, four, key, client_is_lesser, side, self.rules.keep, sight, is_dns);
        let place = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() - 1
        });
        self.flows[place] = Some(Box::new(flow));
        self.places.insert(key, place);
        self.recency.add(place);
        place
    }

    /// Ends what is over by now.
    #[inline]
    fn expire(&mut self, sink: &mut impl Sink) {
        while let Some((at, place, number)) = self.closed.front().copied() {
            // What was closed in the future was closed before the clock was set back.
            if self.now.since(at) < self.rules.linger && at.since(self.now) < self.rules.idle {
                break;
            }
            self.closed.pop_front();
            if self.flows[place].as_deref().is_some_and(|flow| flow.number() == number) {
                self.end(place, sink);
            }
        }
        while let Some(oldest) = self.recency.oldest() {
            let is_idle =
                self.flows[oldest].as_deref().is_none_or(|flow| self.now.since(flow.last_seen()) >= self.rules.idle);
            if !is_idle {
                break;
            }
            self.end(oldest, sink);
        }
        if self.now.since(self.lookups_checked) > Nanos::from_secs(1) {
            self.lookups_checked = self.now;
            for exchange in self.lookups.expire(self.now) {
                sink.unresolved(exchange);
            }
        }
    }

    fn end(&mut self, place: usize, sink: &mut impl Sink) {
        self.recency.remove(place);
        let Some(mut flow) = self.flows[place].take() else { return };
        self.places.remove(&flow.key());
        self.free.push(place);
        self.last = None;
        self.held -= flow.held();
        flow.expire(self.now);
        flow.tell(sink);
        sink.ended(&flow);
    }
}

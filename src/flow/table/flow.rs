//! One flow of a table.

use std::net::SocketAddr;

use super::copies::Copies;
use super::key::Key;
use super::{Sight, Sink};
use crate::flow::exchange::{Exchanges, Finished, Lookup, Undeliverable};
use crate::flow::{Conversation, Direction, Four, Keep, Side, What, WhySide};
use crate::message::dns::Overheard;
use crate::packet::{Ip, Tcp};
use crate::time::{Nanos, Realtime, Timestamp};

/// One TCP connection of a capture.
#[derive(Debug)]
pub struct Flow {
    number: u64,
    four: Four,
    key: Key,
    client_is_lesser: bool,
    side: Side,
    why: Option<WhySide>,
    conversation: Conversation,
    exchanges: Exchanges,
    copies: Copies,
    began: Timestamp<Realtime>,
    last: Timestamp<Realtime>,
    resolution: Nanos,
    interface: u32,
    packets: u64,
    bytes: u64,
    retransmissions: u64,
    told: u64,
    fins: [bool; 2],
    closing: Closing,
    looked_up: bool,
    side_is_open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    Now,
    Closed,
}

/// Whether the first packet seen of a flow comes from the client: a SYN does, a SYN-ACK does not. Where the beginning was not
/// captured, the server is the end with the well-known port (RFC 6335 §6), or else with the lower one: clients get theirs
/// from the upper range.
pub(super) fn is_from_client(source: SocketAddr, destination: SocketAddr, tcp: &Tcp<'_>) -> bool {
    if tcp.flags.syn() {
        return !tcp.flags.ack();
    }
    destination.port() <= source.port()
}

impl Flow {
    #[expect(clippy::too_many_arguments, reason = "called in one place, where these are known")]
    pub(super) fn new(
        number: u64,
        four: Four,
        key: Key,
        client_is_lesser: bool,
        side: Side,
        keep: Keep,
        sight: &Sight,
        is_dns: bool,
    ) -> Self {
        let mut exchanges = Exchanges::new(four.local, four.remote, side, sight.resolution);
        if is_dns {
            exchanges.listen_for_dns();
        }
        Self {
            number,
            four,
            key,
            client_is_lesser,
            side,
            why: None,
            conversation: Conversation::new(keep),
            exchanges,
            copies: Copies::default(),
            began: sight.at,
            last: sight.at,
            resolution: sight.resolution,
            interface: sight.interface,
            packets: 0,
            bytes: 0,
            retransmissions: 0,
            told: 0,
            fins: [false; 2],
            closing: Closing::Open,
            looked_up: false,
            side_is_open: true,
        }
    }

    /// Its number, counted from 1 in the order of first packets.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its ends.
    #[must_use]
    pub const fn four(&self) -> Four {
        self.four
    }

    /// At which end its packets were captured, as far as they tell.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Why that end was assumed; `None` where the user said so, or nothing tells.
    #[must_use]
    pub const fn why(&self) -> Option<WhySide> {
        self.why
    }

    /// What its packets tell of losses and round trips.
    #[must_use]
    pub const fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// When its first packet was seen.
    #[must_use]
    pub const fn began(&self) -> Timestamp<Realtime> {
        self.began
    }

    /// When its last packet was seen.
    #[must_use]
    pub const fn last_seen(&self) -> Timestamp<Realtime> {
        self.last
    }

    /// What its packets' times are rounded to.
    #[must_use]
    pub const fn resolution(&self) -> Nanos {
        self.resolution
    }

    /// The number of the interface in its file that saw its first packet.
    #[must_use]
    pub const fn interface(&self) -> u32 {
        self.interface
    }

    /// Its packets, without copies.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of payload, both ways, with those sent again.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Packets whose bytes had gone by before.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// Bytes of payload that the capture does not have.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.exchanges.lost()
    }

    /// The exchanges told so far.
    #[must_use]
    pub const fn told(&self) -> u64 {
        self.told
    }

    /// The name in its ClientHello.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.exchanges.host()
    }

    /// What its client offered to speak inside TLS.
    #[must_use]
    pub fn alpn(&self) -> &[String] {
        self.exchanges.alpn()
    }

    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// Whether a packet begins another connection between the same ends.
    pub(super) fn is_other_connection(&self, from_lesser: bool, tcp: &Tcp<'_>) -> bool {
        self.conversation.is_other(self.direction(from_lesser), tcp)
    }

    #[inline]
    pub(super) fn is_copy(&mut self, sight: &Sight, from_lesser: bool, ip: &Ip, tcp: &Tcp<'_>) -> bool {
        self.copies.is_copy(sight.at, from_lesser, ip, tcp)
    }

    #[inline]
    pub(super) fn take(&mut self, sight: &Sight, from_lesser: bool, ip: &Ip, tcp: &Tcp<'_>, side: Option<Side>) {
        let direction = self.direction(from_lesser);
        self.last = sight.at;
        self.packets += 1;
        self.bytes += u64::from(tcp.payload_length);
        let seen = self.conversation.take(sight.at, direction, ip, tcp);
        self.retransmissions += u64::from(matches!(seen.what, What::Retransmission(_)));
        if self.side_is_open && !tcp.flags.syn() {
            self.settle_side(side);
        }
        self.exchanges.take(sight.at, direction, tcp);
        if tcp.flags.fin() {
            self.fins[usize::from(direction == Direction::Received)] = true;
        }
        if self.closing == Closing::Open && (tcp.flags.rst() || self.fins == [true; 2]) {
            self.closing = Closing::Now;
        }
    }

    /// Takes word that the packet with this number cannot be delivered, if it is the client's SYN.
    pub(super) fn undeliverable(&mut self, from_lesser: bool, sequence: u32, word: Undeliverable) {
        let direction = self.direction(from_lesser);
        if direction == Direction::Sent && self.conversation.is_opened_by(direction, sequence) {
            self.exchanges.undeliverable(word);
        }
    }

    /// Behind the handshake, its packets tell at which end they were captured, if anything does.
    fn settle_side(&mut self, side: Option<Side>) {
        self.side_is_open = false;
        if side.is_none() {
            let Four { local, remote } = self.four;
            let is_one_host = local.ip() == remote.ip() || (local.ip().is_loopback() && remote.ip().is_loopback());
            let why = if is_one_host { WhySide::OneHost } else { self.conversation.side() };
            self.side = why.side();
            self.why = Some(why);
        }
        self.exchanges.captured_at(self.side);
    }

    /// Whether its SYN has just been seen.
    pub(super) fn wants_lookup(&mut self) -> bool {
        let wants = !self.looked_up && self.exchanges.opening().is_some_and(|opening| opening.syn.is_some());
        self.looked_up |= wants;
        wants
    }

    pub(super) fn looked_up(&mut self, lookup: Lookup) {
        self.exchanges.looked_up(lookup);
    }

    pub(super) fn has_heard(&self) -> bool {
        self.exchanges.has_heard()
    }

    pub(super) fn heard(&mut self) -> impl Iterator<Item = (Direction, Overheard, Timestamp<Realtime>)> + '_ {
        self.exchanges.heard()
    }

    pub(super) const fn has_exchanges(&self) -> bool {
        self.exchanges.has_some()
    }

    /// Hands out what is over.
    pub(super) fn tell(&mut self, sink: &mut impl Sink) {
        let exchanges: Vec<_> = self.exchanges.drain().collect();
        let last = exchanges.last().map(Finished::ended);
        for finished in exchanges {
            self.told += 1;
            if sink.wants(self, finished.length()) {
                sink.exchange(self, finished.into());
            }
        }
        if let Some(last) = last {
            // In a pipeline, what comes next has begun before this was over.
            self.conversation.forget(self.exchanges.under_way_since().map_or(last, |since| since.min(last)));
        }
    }

    /// Whether it was closed by its last packet.
    pub(super) fn closes_now(&mut self) -> bool {
        let now = self.closing == Closing::Now;
        if now {
            self.closing = Closing::Closed;
            // What follows are stragglers, and there may be many flows that wait for them: a copy has no room to spare.
            self.conversation.forget(Timestamp::from_nanos(u64::MAX));
            self.conversation = self.conversation.clone();
        }
        now
    }

    /// Bytes held because bytes before them are missing.
    pub(super) const fn held(&self) -> usize {
        self.exchanges.held()
    }

    /// Holds nothing any longer.
    pub(super) fn let_go(&mut self, now: Timestamp<Realtime>) {
        self.exchanges.let_go(now);
    }

    pub(super) fn expire(&mut self, now: Timestamp<Realtime>) {
        self.exchanges.expire(now);
    }

    fn direction(&self, from_lesser: bool) -> Direction {
        if from_lesser == self.client_is_lesser { Direction::Sent } else { Direction::Received }
    }
}

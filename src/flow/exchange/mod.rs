//! What was exchanged on a connection: requests and responses, as far as they can be told.
//!
//! [`Exchanges`] takes the packets of one connection and yields an [`Exchange`] for each request and its response: with heads
//! and lengths where HTTP/1.1 is spoken in clear text, as flights of unknown content where TLS hides it or the protocol is
//! another one. Each is a list of events, from which [`crate::trace::Trace::assemble`] draws phases. The first exchange of a
//! connection pays for it: resolution, connect, tls. Those behind it have `reused`.
//!
//! Invariants: any packets give exchanges, never a panic; memory is bounded for each connection (what is out of order, one
//! head in each direction, the requests of a pipeline).
//!
//! Deliberately absent: bodies, decryption, and what is lost on the wire (that is [`super::Conversation`]'s).

mod context;
mod draft;
mod finished;
mod flights;
mod http;
mod lookup;
mod machine;
mod stream;
mod tap;
mod tickets;
mod tls;
mod undeliverable;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::event::{Direction, Event, Side};
use crate::message::dns::Overheard;
use crate::packet::Tcp;
use crate::time::{Nanos, Realtime, Timestamp};
use context::Context;
use draft::Connection;
pub use draft::{Ending, Opening};
pub use finished::Finished;
pub use lookup::{FRESH, Lookup, Lookups, MOST_LOOKUPS, OVER, Query};
use machine::Machine;
pub use stream::MOST_HELD;
use stream::{Arrival, Stream};
use tickets::Gap;
pub use undeliverable::Undeliverable;

/// The time of a packet.
type Stamp = Timestamp<Realtime>;

/// The method of a request that nobody can read. It is not a token (RFC 9110 §5.6.2), so that no request can have it.
pub const UNKNOWN_METHOD: &str = "?";

/// One exchange, over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was asked for: the request's URL; for unknown content `https://` or `tls://` with the name of the ClientHello or
    /// the server's address, `tcp://` with the address; `dns:NAME` for a name that could not be resolved (RFC 4501).
    pub url: String,
    /// The request's method, or [`UNKNOWN_METHOD`].
    pub method: String,
    /// When it began, with the connection and the lookup that it pays for.
    pub started: Timestamp<Realtime>,
    /// When it was over.
    pub ended: Timestamp<Realtime>,
    /// Offset behind the request's last byte in the client's stream; absent without a request.
    pub sent_end: Option<u64>,
    /// Offset of the response's first byte in the server's stream; absent without a response.
    pub got_begin: Option<u64>,
    /// What was observed, all by the wire, on the capture's own clock.
    pub events: Vec<Event>,
}

/// The exchanges of one connection.
#[derive(Debug)]
pub struct Exchanges {
    context: Context,
    sent: Stream,
    received: Stream,
    machine: Machine,
    client_left: bool,
    /// Where the server's stream ends.
    server_end: Option<u64>,
    is_over: bool,
}

impl Exchanges {
    /// Before the first packet. `resolution` is what the capture's stamps are rounded to.
    #[must_use]
    pub fn new(client: SocketAddr, server: SocketAddr, side: Side, resolution: Nanos) -> Self {
        let connection = Connection { client, server, resolution, side, scheme: "tcp", host: None };
        let context = Context {
            connection,
            opening: None,
            tls: None,
            round_trip: None,
            alpn: Vec::new(),
            tap: None,
            done: Vec::new(),
        };
        Self {
            context,
            sent: Stream::default(),
            received: Stream::default(),
            machine: Machine::Undecided,
            client_left: false,
            server_end: None,
            is_over: false,
        }
    }

    /// At which end the packets were captured, once that is known: before the first byte of payload.
    pub fn captured_at(&mut self, side: Side) {
        self.context.connection.side = side;
        self.context.round_trip = self.context.opening.as_ref().and_then(|opening| opening.round_trip(side));
    }

    /// The lookup that led to this connection.
    pub fn looked_up(&mut self, lookup: Lookup) {
        if let Some(opening) = &mut self.context.opening {
            opening.lookup = Some(lookup);
        }
    }

    /// The name that the client asked for in its last request or its ClientHello.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.context.connection.host.as_deref()
    }

    /// What the client offered to speak inside TLS.
    #[must_use]
    pub fn alpn(&self) -> &[String] {
        &self.context.alpn
    }

    /// Bytes of both directions that are missing in the capture.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.sent.lost() + self.received.lost()
    }

    /// How the connection was opened, until the first exchange has begun.
    #[must_use]
    pub const fn opening(&self) -> Option<&Opening> {
        self.context.opening.as_ref()
    }

    /// Takes the next packet of the connection.
    #[inline]
    pub fn take(&mut self, at: Stamp, direction: Direction, tcp: &Tcp<'_>) {
        if self.is_over {
            return;
        }
        if tcp.flags.syn() {
            self.syn(at, direction, tcp);
        } else if tcp.flags.ack() && self.context.opening.is_some() {
            self.ack(at, direction);
        }
        let Self { context, sent, received, machine, .. } = self;
        let (own, other) = match direction {
            Direction::Sent => (&mut *sent, &mut *received),
            Direction::Received => (&mut *received, &mut *sent),
        };
        let covered = if tcp.flags.ack() { other.offset(tcp.acknowledgement) } else { None };
        if tcp.flags.ack() {
            let back = direction.reverse();
            other.acknowledged(tcp.acknowledgement, at, |piece| machine.take(back, &piece, u64::MAX, context));
        }
        if let (Direction::Received, Some(covered)) = (direction, covered) {
            machine.acknowledged(covered, at);
        }
        match (direction, own.offset(tcp.sequence)) {
            (Direction::Sent, Some(offset)) if tcp.payload_length > 1 && offset < own.next() => {
                machine.sent_again(offset, at);
            }
            (Direction::Received, Some(end)) if end > own.next() => {
                machine.gap(Gap { end, at, covered: covered.unwrap_or(u64::MAX) }, own.next());
            }
            _ => {}
        }
        if tcp.payload_length > 0 {
            let sequence = tcp.sequence.wrapping_add(u32::from(tcp.flags.syn()));
            let arrival = Arrival { sequence, payload: tcp.payload, length: tcp.payload_length, at };
            let covered = covered.unwrap_or(u64::MAX);
            own.take(&arrival, |piece| machine.take(direction, &piece, covered, context));
        }
        if tcp.flags.rst() {
            let ending = match direction {
                Direction::Received if !self.client_left => Ending::ServerReset,
                _ => Ending::ClientLeft,
            };
            self.end(ending, at);
        } else if tcp.flags.fin() {
            self.fin(direction, tcp);
        }
        if self.server_end.is_some_and(|end| self.received.next() >= end) {
            self.end(if self.client_left { Ending::ClientLeft } else { Ending::ServerClosed }, at);
        }
    }

    /// Somebody says that the client's SYN cannot be delivered.
    pub fn undeliverable(&mut self, word: Undeliverable) {
        if let Some(opening) = &mut self.context.opening {
            opening.undeliverable.get_or_insert(word);
        }
    }

    /// When the earliest exchange began that is not over.
    #[must_use]
    pub fn under_way_since(&self) -> Option<Stamp> {
        self.machine.under_way_since()
    }

    /// The memory, in bytes, of what is held because bytes before it are missing.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.sent.cost() + self.received.cost()
    }

    /// Waits no longer for what is missing before the bytes that are held.
    pub fn let_go(&mut self, at: Stamp) {
        let Self { context, sent, received, machine, .. } = self;
        sent.finish(at, |piece| machine.take(Direction::Sent, &piece, u64::MAX, context));
        received.finish(at, |piece| machine.take(Direction::Received, &piece, u64::MAX, context));
    }

    /// Nothing more will come: the flow was silent for too long, or the capture is over.
    pub fn expire(&mut self, at: Stamp) {
        self.let_go(at);
        self.end(if self.client_left { Ending::ClientLeft } else { Ending::CaptureEnded }, at);
    }

    /// The connection is one to a name server: its messages are heard.
    pub fn listen_for_dns(&mut self) {
        self.context.tap = Some(Box::default());
    }

    /// Whether DNS messages were heard that were not asked for before.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.context.tap.as_ref().is_some_and(|tap| !tap.heard.is_empty())
    }

    /// DNS messages that were heard and not asked for before.
    pub fn heard(&mut self) -> impl Iterator<Item = (Direction, Overheard, Stamp)> + '_ {
        self.context.tap.iter_mut().flat_map(|tap| tap.heard.drain(..))
    }

    /// The exchanges that are over and were not asked for before.
    pub fn drain(&mut self) -> impl Iterator<Item = Finished> + use<> {
        // With its room: a connection that lingers is to be small.
        std::mem::take(&mut self.context.done).into_iter()
    }

    /// Whether any exchange is over and was not asked for before.
    #[must_use]
    pub const fn has_some(&self) -> bool {
        !self.context.done.is_empty()
    }

    fn syn(&mut self, at: Stamp, direction: Direction, tcp: &Tcp<'_>) {
        match direction {
            Direction::Sent => self.sent.begin(tcp.sequence),
            Direction::Received => self.received.begin(tcp.sequence),
        }
        if !matches!(self.machine, Machine::Undecided) {
            return;
        }
        let opening = self.context.opening.get_or_insert_default();
        opening.tries += 1;
        match direction {
            Direction::Sent => opening.syn.get_or_insert(at),
            Direction::Received => opening.syn_ack.get_or_insert(at),
        };
        self.captured_at(self.context.connection.side);
    }

    fn ack(&mut self, at: Stamp, direction: Direction) {
        let side = self.context.connection.side;
        if let Some(opening) = &mut self.context.opening
            && direction == Direction::Sent
            && opening.ack.is_none()
        {
            opening.ack = Some(at);
            self.context.round_trip = opening.round_trip(side);
        }
    }

    fn fin(&mut self, direction: Direction, tcp: &Tcp<'_>) {
        match direction {
            Direction::Sent => self.client_left = self.client_left || self.server_end.is_none(),
            Direction::Received => {
                let end = self.received.offset(tcp.sequence).map(|offset| offset + u64::from(tcp.payload_length));
                self.server_end = self.server_end.or(end).or(Some(0));
            }
        }
    }

    fn end(&mut self, ending: Ending, at: Stamp) {
        if !self.is_over {
            self.is_over = true;
            self.machine.end(ending, at, &mut self.context);
        }
    }
}

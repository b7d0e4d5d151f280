//! One TCP connection, read packet by packet.

mod handshake;
mod seen;

use std::ops::RangeBounds;

pub use handshake::{Handshake, RoundTrip};
pub use seen::{Bytes, Retransmission, Seen, What};

use crate::event::{Direction, Side, Wire};
use crate::packet::{Ip, Tcp};
use crate::time::{ClockSync, Nanos, Realtime, Timestamp};

/// How much a conversation remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The times of flights: for files, which have any number of packets. Within a flight times may be those of its end.
    Flights,
    /// The time of every byte: for a connection of our own, of which any landmark may be asked.
    Arrivals,
    /// As before, and a row for every packet.
    Packets,
}

/// Where and how packets were captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    /// At which end.
    pub side: Side,
    /// The interface, where it has a name.
    pub interface: Option<String>,
    /// How many packets the capture lost for want of room; absent where it does not say.
    pub dropped: Option<u64>,
    /// What the capture's stamps are rounded to.
    pub resolution: Nanos,
}

/// The first acknowledgement that covers a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// When it went by.
    pub at: Timestamp<Realtime>,
    /// Whether it carried nothing else: one that rides on bytes was held back until there were some.
    pub is_pure: bool,
}

/// One TCP connection, fed packet by packet in the order of capture.
#[derive(Clone, Debug)]
pub struct Conversation {
    handshake: Handshake,
}

impl Conversation {
    /// Before its first packet.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        let _ = keep;
        Self { handshake: Handshake::default() }
    }

    /// Takes the next packet, and says what it is.
    pub fn take<'a>(&mut self, at: Timestamp<Realtime>, direction: Direction, ip: &Ip, tcp: &Tcp<'a>) -> Seen<'a> {
        let _ = (at, ip);
        let payload = Bytes { offset: 0, length: tcp.payload_length, captured: tcp.payload };
        Seen { direction, what: What::Ack, payload, fresh: None, acknowledges: None, ends_stream: false }
    }

    /// When the byte before `end` of the client's stream was first put on the wire, and every byte before it.
    #[must_use]
    pub fn sent(&self, end: u64) -> Option<Timestamp<Realtime>> {
        let _ = end;
        None
    }

    /// When the byte at `offset` of the server's stream first went by.
    #[must_use]
    pub fn received(&self, offset: u64) -> Option<Timestamp<Realtime>> {
        let _ = offset;
        None
    }

    /// When that byte and every one before it had gone by, so that TCP could hand it over.
    #[must_use]
    pub fn delivered(&self, offset: u64) -> Option<Timestamp<Realtime>> {
        let _ = offset;
        None
    }

    /// The first acknowledgement of the client's stream up to `end`.
    #[must_use]
    pub fn acknowledged(&self, end: u64) -> Option<Acknowledged> {
        let _ = end;
        None
    }

    /// How the connection was opened.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The round trip that the handshake shows to a capture at this end.
    #[must_use]
    pub fn syn_round_trip(&self, side: Side) -> RoundTrip {
        let _ = side;
        RoundTrip::Unknown
    }

    /// At which end the packets were captured, as far as they show it, and the reason as a sentence.
    #[must_use]
    pub fn side(&self) -> (Side, String) {
        (Side::Client, String::new())
    }

    /// Both directions' streams have ended, or the connection was torn down.
    #[must_use]
    pub fn is_over(&self) -> bool {
        false
    }

    /// Lets go of what lies before `before`, where it will not be asked for again: a connection may carry any number of
    /// exchanges. The handshake stays.
    pub fn forget(&mut self, before: Timestamp<Realtime>) {
        let _ = before;
    }

    /// What the packets within these times told, to be learned by a trace; `..` for all of them.
    #[must_use]
    pub fn wire(&self, observer: &Observer, clock: &ClockSync, within: impl RangeBounds<Timestamp<Realtime>>) -> Wire {
        let _ = (clock, within);
        Wire {
            interface: observer.interface.clone(),
            side: observer.side,
            captured: 0,
            dropped: observer.dropped,
            syn_round_trip: None,
            ttl: None,
            client: None,
            server: None,
            runs: Vec::new(),
            delays: Vec::new(),
            packets: None,
        }
    }
}

//! Packets of one flow, read together: which bytes were new, what was lost, when each byte went by.
//!
//! A [`Conversation`] is one TCP connection, fed packet by packet in the order of capture. A [`Landmark`] names the place in
//! it that is a moment of a request; [`witness`] turns landmarks into events.
//!
//! Invariant: offsets count the bytes of one direction's stream from the one behind the SYN (0), in 64 bits, as the client's
//! own byte counts do; a flow whose SYN was not captured counts from the first byte seen.
//!
//! Deliberately absent: what the bytes mean, reading captures, and phases.

mod conversation;
pub mod exchange;
mod landmark;
#[cfg(test)]
pub(crate) mod script;
pub mod table;

use std::fmt;
use std::net::SocketAddr;

use crate::packet::{Ip, Tcp};

pub use crate::event::{Direction, Side};
pub use conversation::{
    Acknowledged, Bytes, Conversation, Handshake, Keep, Observer, Retransmission, RoundTrip, Seen, What, WhySide,
};
pub use landmark::{Landmark, Place, witness};

/// A flow as the client sees it (the four-tuple of RFC 9293 §3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Four {
    /// The client's address and port.
    pub local: SocketAddr,
    /// The server's address and port.
    pub remote: SocketAddr,
}

impl Four {
    /// Which way a packet goes in this flow; `None` for a packet of another one.
    #[must_use]
    pub fn direction(&self, ip: &Ip, tcp: &Tcp<'_>) -> Option<Direction> {
        let is = |end: SocketAddr, address, port| end.ip() == address && end.port() == port;
        let sent = is(self.local, ip.source, tcp.source) && is(self.remote, ip.destination, tcp.destination);
        let received = is(self.remote, ip.source, tcp.source) && is(self.local, ip.destination, tcp.destination);
        match (sent, received) {
            (true, _) => Some(Direction::Sent),
            (_, true) => Some(Direction::Received),
            _ => None,
        }
    }
}

impl fmt::Display for Four {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.local, self.remote)
    }
}

#[cfg(test)]
mod tests;

//! Who watches the client's flows on the wire, as the client sees it.
//!
//! A [`Tap`] is told of each flow before its first packet leaves, and gives the packets of it that it has seen. The client
//! says which byte of a flow belongs to which moment ([`Spot`]); what the packets say of that byte is [`crate::flow`]'s.
//!
//! Invariant: without a tap nothing here costs anything, and a flow that cannot be watched is traced all the same.
//!
//! Deliberately absent: how packets are seen. That is [`crate::capture`]'s.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::flow::{Direction, Keep, Place};
use crate::time::{Nanos, Realtime, Timestamp};

/// What carries a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
}

impl Carrier {
    /// Its number in IP headers (IANA's Assigned Internet Protocol Numbers).
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// A flow whose first packet has not left yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// What carries it.
    pub carrier: Carrier,
    /// This end. Its port is bound already.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The device that the socket is bound to (`--interface`).
    pub device: Option<&'a str>,
}

/// Which of a tap's flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// A packet of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TappedPacket {
    /// The kernel's stamp: when it left, or when it arrived.
    pub at: Timestamp<Realtime>,
    /// As this host sees it.
    pub direction: Direction,
    /// From the IP header on, as much as was kept.
    pub bytes: Arc<[u8]>,
    /// Its length on the wire from the IP header on, in bytes.
    pub original_length: u32,
}

/// What a tap says of a flow besides its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vantage {
    /// The interface that it is watched on: `eth0`.
    pub interface: String,
    /// Packets, of any flow there, that were lost between the interface and the tap since the flow was opened.
    pub dropped: u64,
}

/// Watches flows on the wire. Called from every thread that opens one.
pub trait Tap: fmt::Debug + Send + Sync {
    /// Watches a flow from now on; `None` where that is not possible.
    fn watch(&self, opening: &Opening<'_>) -> Option<FlowId>;

    /// The packets of a flow from the `from`-th on (counted from 0), in the order in which they passed. Where there are none
    /// yet, waits for the next one as long as `patience`.
    fn packets(&self, flow: FlowId, from: usize, patience: Nanos) -> Vec<TappedPacket>;

    /// Where a flow is watched, and what was lost there. `None` for a flow that this tap never watched.
    fn vantage(&self, flow: FlowId) -> Option<Vantage>;

    /// Says what the `packet`-th packet of a flow (counted from 0) is.
    fn annotate(&self, flow: FlowId, packet: usize, note: String);

    /// The flow's socket is closed: little can follow.
    fn closed(&self, flow: FlowId);

    /// Everything about closed flows has been asked.
    fn settled(&self);

    /// Whether notes and TLS secrets are of use: somebody will look at the packets.
    fn keeps_notes(&self) -> bool;

    /// A TLS secret was made: a line of NSS's key log format, without its end.
    fn secret(&self, line: String);
}

/// Who watches a client's flows, and what is wanted of it.
#[derive(Clone, Debug)]
pub struct Watcher {
    /// Who watches.
    pub tap: Arc<dyn Tap>,
    /// What traces have of the packets: [`Keep::Packets`] for a list of them.
    pub keep: Keep,
}

/// A flow that is watched until this is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    tap: Arc<dyn Tap>,
    id: FlowId,
}

impl Watched {
    pub(crate) fn new(tap: Option<&Arc<dyn Tap>>, opening: &Opening<'_>) -> Option<Self> {
        let tap = Arc::clone(tap?);
        let id = tap.watch(opening)?;
        Some(Self { tap, id })
    }

    pub(crate) fn id(&self) -> FlowId {
        self.id
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tap.closed(self.id);
    }
}

/// A place in a watched flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) flow: FlowId,
    pub(crate) place: Place,
}

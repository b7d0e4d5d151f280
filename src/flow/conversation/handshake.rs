//! How a connection was opened.

use crate::event::TcpOffer;
use crate::time::{Nanos, Realtime, Timestamp};

/// The packets that opened a connection; those not captured are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Every SYN, in the order of time.
    pub syns: Vec<Timestamp<Realtime>>,
    /// Every SYN-ACK, in the order of time.
    pub syn_acks: Vec<Timestamp<Realtime>>,
    /// The client's first acknowledgement of a SYN-ACK.
    pub ack: Option<Timestamp<Realtime>>,
    /// What the client's SYN offered.
    pub client: Option<TcpOffer>,
    /// What the server's SYN-ACK offered.
    pub server: Option<TcpOffer>,
}

/// What is known of a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundTrip {
    /// Nothing.
    Unknown,
    /// It is this long.
    Exact(Nanos),
    /// The request was repeated, and it is unknown which one was answered (Karn's ambiguity): one of these, and anything
    /// between where a third was lost.
    Between {
        /// If the last request was answered.
        low: Nanos,
        /// If the first one was.
        high: Nanos,
    },
}

impl RoundTrip {
    /// Its length, where that is unambiguous.
    #[must_use]
    pub const fn exact(self) -> Option<Nanos> {
        match self {
            Self::Exact(length) => Some(length),
            Self::Unknown | Self::Between { .. } => None,
        }
    }
}

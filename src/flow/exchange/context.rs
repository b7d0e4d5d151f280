//! What the machines of one connection share: whose it is, what its first exchange pays for, and what is done.

use super::draft::{Connection, Draft, Ending, Opening, TlsSeen};
use super::tap::Tap;
use super::{Exchange, Stamp};
use crate::event::Failure;
use crate::time::Nanos;

/// One connection's share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) connection: Connection,
    /// Until the first exchange takes it; never there where the connection's beginning was not seen.
    pub(super) opening: Option<Opening>,
    /// As `opening`, for the handshake.
    pub(super) tls: Option<TlsSeen>,
    /// One round trip of the connection's handshake.
    pub(super) round_trip: Option<Nanos>,
    /// What the client offered to speak inside TLS.
    pub(super) alpn: Vec<String>,
    /// On a connection to a name server.
    pub(super) tap: Option<Box<Tap>>,
    /// Exchanges that are over.
    pub(super) done: Vec<Exchange>,
}

impl Context {
    /// A new exchange; the first one pays for the connection.
    pub(super) fn draft(&mut self) -> Draft {
        Draft { opening: self.opening.take(), tls: self.tls.take(), ..Draft::default() }
    }

    pub(super) fn complete(&mut self, draft: Draft) {
        self.done.push(draft.complete(&self.connection));
    }

    pub(super) fn failed(&mut self, draft: Draft, failure: Failure, at: Stamp) {
        self.done.push(draft.failed(&self.connection, failure, at));
    }

    pub(super) fn cut_off(&mut self, draft: Draft, ending: Ending, at: Stamp) {
        self.done.push(draft.cut_off(&self.connection, ending, at));
    }
}

//! What the machines of one connection share: whose it is, what its first exchange pays for, and what is done.

use super::Stamp;
use super::draft::{Connection, Draft, Ending, Opening, TlsSeen};
use super::finished::Finished;
use super::tap::Tap;
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
    pub(super) done: Vec<Finished>,
}

impl Context {
    /// A new exchange; the first one pays for the connection.
    pub(super) fn draft(&mut self) -> Draft {
        Draft { opening: self.opening.take(), tls: self.tls.take(), ..Draft::default() }
    }

    pub(super) fn complete(&mut self, draft: Draft) {
        let finished = draft.complete(&self.connection);
        self.is_done(finished);
    }

    pub(super) fn failed(&mut self, draft: Draft, failure: Failure, at: Stamp) {
        let finished = draft.failed(&self.connection, failure, at);
        self.is_done(finished);
    }

    pub(super) fn cut_off(&mut self, draft: Draft, ending: Ending, at: Stamp) {
        let finished = draft.cut_off(&self.connection, ending, at);
        self.is_done(finished);
    }

    fn is_done(&mut self, finished: Finished) {
        if self.done.is_empty() {
            // Nearly always there is only one, and a vector would make room for four.
            self.done.reserve_exact(1);
        }
        self.done.push(finished);
    }
}

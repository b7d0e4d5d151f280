//! An exchange that is over and not told yet: its length is known, its events are drawn up when somebody wants them.
//!
//! Most exchanges of a long capture are only counted, and events cost more than all packets of a short exchange do.

use super::draft::{Connection, Draft};
use super::{Exchange, Stamp};
use crate::event::Failure;
use crate::time::Nanos;

/// An exchange that is over.
#[derive(Debug)]
pub struct Finished {
    pub(super) draft: Draft,
    /// As it was when the exchange ended: what follows may be of another protocol.
    pub(super) connection: Connection,
    pub(super) failure: Option<Failure>,
    pub(super) started: Stamp,
    pub(super) ended: Stamp,
}

impl Finished {
    /// When it was over.
    #[must_use]
    pub const fn ended(&self) -> Stamp {
        self.ended
    }

    /// How long it took.
    #[must_use]
    pub fn length(&self) -> Nanos {
        self.ended.since(self.started)
    }
}

impl From<Finished> for Exchange {
    fn from(finished: Finished) -> Self {
        let Finished { draft, connection, failure, started, ended } = finished;
        draft.exchange(&connection, failure, started, ended)
    }
}

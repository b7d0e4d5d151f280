//! A router or host on the way says by ICMP that a SYN cannot be delivered.
//!
//! Some clients give up on it (Linux), others ask again (RFC 1122 §4.2.3.9 calls most of these errors soft), so it is only
//! remembered here, and becomes the reason of a failure if no connection comes of it.

use std::net::{IpAddr, SocketAddr};

use super::Stamp;
use crate::event::{Failure, FailureCode, Phase};
use crate::packet::Unreachable;

/// What an ICMP message said of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeliverable {
    /// When the message was seen.
    pub at: Stamp,
    /// Who sent it.
    pub by: IpAddr,
    /// What it gives as the reason.
    pub why: Unreachable,
}

impl Undeliverable {
    /// The failure to connect that it explains; `None` for a packet that is too big, which a client makes smaller.
    pub(super) fn failure(self, server: SocketAddr) -> Option<Failure> {
        let (code, reason) = match self.why {
            Unreachable::TooBig { .. } => return None,
            // As clients are told by their system (`ECONNREFUSED`).
            Unreachable::Port => (FailureCode::ConnectRefused, "the port is closed".to_owned()),
            Unreachable::Network => (FailureCode::ConnectUnreachable, "there is no route to its network".to_owned()),
            Unreachable::Host => (FailureCode::ConnectUnreachable, "the host cannot be reached".to_owned()),
            Unreachable::Protocol => (FailureCode::ConnectUnreachable, "the host does not speak TCP".to_owned()),
            Unreachable::Prohibited => (FailureCode::ConnectUnreachable, "a filter forbids it".to_owned()),
            Unreachable::Other(code) => (FailureCode::ConnectUnreachable, format!("ICMP code {code}")),
        };
        let message = format!("{} says that {server} is unreachable: {reason}", self.by);
        Some(Failure { phase: Phase::Connect, code, message })
    }
}

//! What was observed of one request: the seam between everything that watches and everything that judges.
//!
//! The live client, a capture and a capture file all emit [`Event`]s; [`crate::trace::Trace::assemble`] alone draws phases
//! from them. An event is either a stamped [`Moment`] (possibly one of several stamps of the same moment, from better and
//! worse witnesses) or a [`Fact`] without a time of its own.
//!
//! Invariant: every [`Mark`] is on the monotonic clock, whatever clock its witness used, and says how wrong it may be.

mod fact;
mod failure;
mod wire;

pub use fact::{
    Answer, Attempt, AttemptResult, Certificate, DnsSource, DnsTransport, Endpoints, Fact, Headers, Question,
    RequestHead, ResponseHead, TlsSession, TransportCounters,
};
pub use failure::{Failure, FailureCode};
pub use wire::{
    Direction, PacketCounts, PacketNote, PacketRow, PacketRun, Recovery, Side, TcpOffer, Trouble, Wire, WireDelay,
};

use serde::{Deserialize, Serialize};

use crate::time::{Monotonic, Nanos, Timestamp};

/// Who witnessed an instant, from the least to the most trustworthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// This process read the monotonic clock around a system call.
    User,
    /// The kernel stamped our socket: `SO_TIMESTAMPING` or `TCP_INFO`.
    Kernel,
    /// A packet was seen on the interface or in a capture file.
    Wire,
}

impl Evidence {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Kernel => "kernel",
            Self::Wire => "wire",
        }
    }
}

/// An instant with its witness and error bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, on the monotonic clock.
    pub at: Timestamp<Monotonic>,
    /// The true instant lies within this distance of `at`, either way.
    pub error: Nanos,
    /// Who says so.
    pub source: Evidence,
}

/// The phases of a request, named as HAR 1.2 names them, in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// From the due time of an open-loop schedule until work begins.
    Blocked,
    /// Until the answer that is used has arrived.
    Dns,
    /// Until the winning connection is established (through a proxy: until its tunnel is).
    Connect,
    /// Until the client's Finished has left, or, where the server's Finished comes last (TLS 1.2), until that has arrived:
    /// in both cases, until a request may leave.
    Tls,
    /// Until the last byte of the request has left this host.
    Send,
    /// Until the first byte of the final response (not of a 1xx) has arrived.
    Wait,
    /// Until the last byte of the body has arrived.
    Receive,
}

impl Phase {
    /// All phases in wire order.
    pub const ALL: [Self; 7] =
        [Self::Blocked, Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Receive];

    /// The word used in JSON, charts and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which DNS query of a trace, counted from 0 in the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u32);

/// Which connection attempt of a trace, counted from 0 in the order of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u32);

/// Something that happens at one instant and that several witnesses may stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// The trace begins: it was due (open loop), or its first query or first connection attempt is handed to the kernel.
    Start,
    /// A phase ends; the next one that happens begins.
    End(Phase),
    /// The request fails; nothing is measured after it.
    Failed,
    /// A DNS query is handed to the kernel; where it cannot be, when that was first tried.
    QuerySent(QueryId),
    /// The answer to a query arrives, or the query is given up.
    QueryEnded(QueryId),
    /// The first packet of a connection attempt is handed to the kernel.
    AttemptStarted(AttemptId),
    /// A connection attempt is won, lost or given up.
    AttemptEnded(AttemptId),
    /// The first ClientHello has left this host.
    ClientHello,
    /// The first byte of the server's first handshake record has arrived.
    ServerHello,
    /// The server's certificate and its signature have been checked.
    Verified,
    /// The client's Finished has left this host.
    Finished,
    /// The first byte of the request is handed to the kernel.
    RequestHanded,
    /// The last byte of the request has entered this host's packet scheduler; the end of `send` is when it has left that.
    RequestScheduled,
    /// The peer's TCP has acknowledged the last byte of the request. An acknowledgement may be delayed or ride on the
    /// response, so this is an upper bound of one round trip after the end of `send`.
    RequestAcked,
    /// The first byte of a 1xx response has arrived (counted from 0).
    Informational(u32),
    /// The last byte of the final response's head has arrived.
    HeadComplete,
    /// The first byte of the final response's body has arrived.
    FirstBodyByte,
}

/// One thing that was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A moment was witnessed. The same moment may be witnessed again by another source.
    Observed(Moment, Mark),
    /// Something without a time of its own was learned.
    Learned(Fact),
}

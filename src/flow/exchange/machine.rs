//! Which protocol a connection speaks, decided by the client's first bytes whatever the port, and who reads it.

use super::Stamp;
use super::context::Context;
use super::draft::Ending;
use super::flights::{Flights, Unanswered};
use super::http::{Http, Turn};
use super::stream::Piece;
use super::tickets::Gap;
use super::tls::{Lost, Tls};
use crate::event::Direction;
use crate::message::http::{Requests, Role};
use crate::message::tls::Records;

/// Begins HTTP/2 in clear text (RFC 9113 §3.4): its frames are not read.
const HTTP2: &[u8] = b"PRI * HTTP/2";

/// Who reads the connection.
#[derive(Debug)]
pub(super) enum Machine {
    /// The client has not spoken yet.
    Undecided,
    Http(Box<Http>),
    Tls(Box<Tls>),
    Flights(Box<Flights>),
    /// What is said can no longer be told apart into exchanges.
    Silent,
}

impl Machine {
    /// Takes bytes of one direction. `covered` is how much of the client's stream the packet acknowledges.
    #[inline]
    pub(super) fn take(&mut self, direction: Direction, piece: &Piece<'_>, covered: u64, context: &mut Context) {
        if let Some(tap) = &mut context.tap {
            tap.take(direction, piece);
        }
        match direction {
            Direction::Sent => self.client(piece, context),
            Direction::Received => self.server(piece, covered, context),
        }
    }

    fn client(&mut self, piece: &Piece<'_>, context: &mut Context) {
        if let Self::Undecided = self {
            *self = decide(piece.bytes, context);
        }
        let end = piece.offset + piece.bytes.len() as u64 + piece.missing;
        match self {
            Self::Undecided | Self::Silent => {}
            Self::Http(http) => {
                if let Turn::Unreadable(open) = http.client(piece, context) {
                    let mut flights = Flights::with(open.map(|draft| *draft));
                    flights.client(piece.offset, end, piece.seen, context);
                    *self = Self::Flights(Box::new(flights));
                }
            }
            Self::Tls(tls) => {
                if let Err(Lost(open)) = tls.client(piece, context) {
                    let mut flights = Flights::with(open.map(|draft| *draft));
                    flights.client(piece.offset, end, piece.seen, context);
                    *self = Self::Flights(Box::new(flights));
                }
            }
            Self::Flights(flights) => flights.client(piece.offset, end, piece.seen, context),
        }
    }

    fn server(&mut self, piece: &Piece<'_>, covered: u64, context: &mut Context) {
        match self {
            // A greeting, if this is where the connection begins; else the rest of an exchange that nobody saw.
            Self::Undecided if context.opening.is_some() => {
                let mut flights = Flights::new(Unanswered::Farewell);
                flights.server(piece.offset, piece.seen, piece.delivered, context);
                *self = Self::Flights(Box::new(flights));
            }
            Self::Undecided | Self::Silent => {}
            Self::Http(http) => match http.server(piece, context) {
                Turn::Stay => {}
                Turn::Unreadable(open) => {
                    let mut flights = Flights::with(open.map(|draft| *draft));
                    flights.server(piece.offset, piece.seen, piece.delivered, context);
                    *self = Self::Flights(Box::new(flights));
                }
                Turn::Switched => *self = Self::Silent,
                Turn::Tunnel(taken) => {
                    *self = Self::Undecided;
                    if taken < piece.bytes.len() {
                        let rest =
                            Piece { offset: piece.offset + taken as u64, bytes: &piece.bytes[taken..], ..*piece };
                        self.server(&rest, covered, context);
                    }
                }
            },
            Self::Tls(tls) => {
                if let Err(Lost(open)) = tls.server(piece, covered, context) {
                    let mut flights = Flights::with(open.map(|draft| *draft));
                    flights.server(piece.offset, piece.seen, piece.delivered, context);
                    *self = Self::Flights(Box::new(flights));
                }
            }
            Self::Flights(flights) => flights.server(piece.offset, piece.seen, piece.delivered, context),
        }
    }

    /// The server's TCP has acknowledged the client's stream up to here.
    #[inline]
    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        match self {
            Self::Undecided | Self::Silent => {}
            Self::Http(http) => http.acknowledged(offset, at),
            Self::Tls(tls) => tls.acknowledged(offset, at),
            Self::Flights(flights) => flights.acknowledged(offset, at),
        }
    }

    /// Bytes of the client from this offset on were sent again.
    #[inline]
    pub(super) fn sent_again(&mut self, offset: u64, at: Stamp) {
        if let Self::Tls(tls) = self {
            tls.sent_again(offset, at);
        }
    }

    /// A packet of the server tells of bytes from `next` on that have not been seen.
    #[inline]
    pub(super) fn gap(&mut self, gap: Gap, next: u64) {
        if let Self::Tls(tls) = self {
            tls.gap(gap, next);
        }
    }

    /// When the earliest exchange began that is not over.
    pub(super) fn under_way_since(&self) -> Option<Stamp> {
        match self {
            Self::Undecided | Self::Silent => None,
            Self::Http(http) => http.under_way_since(),
            Self::Tls(tls) => tls.under_way_since(),
            Self::Flights(flights) => flights.under_way_since(),
        }
    }

    /// The connection is over.
    pub(super) fn end(&mut self, ending: Ending, at: Stamp, context: &mut Context) {
        match std::mem::replace(self, Self::Silent) {
            Self::Silent => {}
            Self::Undecided => end_unused(ending, at, context),
            Self::Http(mut http) => http.end(ending, at, context),
            Self::Tls(mut tls) => tls.end(ending, at, context),
            Self::Flights(mut flights) => flights.end(ending, at, context),
        }
    }
}

/// A connection that nobody said anything on: that it was established is all there is to know, and no failure.
fn end_unused(ending: Ending, at: Stamp, context: &mut Context) {
    let Some(opening) = &context.opening else { return };
    let is_established = opening.established(context.connection.side).is_some();
    let has_begun = opening.syn.is_some();
    let draft = context.draft();
    if is_established && ending != Ending::ServerReset {
        context.complete(draft);
    } else if has_begun {
        context.cut_off(draft, ending, at);
    }
}

fn decide(bytes: &[u8], context: &mut Context) -> Machine {
    if Records::begins(bytes) {
        context.connection.scheme = "tls";
        return Machine::Tls(Box::default());
    }
    if bytes.starts_with(HTTP2) {
        context.connection.scheme = "http";
        return Machine::Flights(Box::new(Flights::new(Unanswered::GaveUp)));
    }
    // Other protocols have words in capitals, too; only this one has its name at the end of the first line.
    let first_line = bytes.split(|byte| *byte == b'\n').next().filter(|line| line.len() < bytes.len());
    let named = first_line.is_none_or(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
    });
    if Requests::begins(bytes) && named {
        context.connection.scheme = "http";
        return Machine::Http(Box::default());
    }
    Machine::Flights(Box::new(Flights::new(Unanswered::Farewell)))
}

//! Whether the server's first records behind a TLS 1.3 handshake are the response, or session tickets (RFC 8446 §4.6.1).
//!
//! Both are encrypted and say application data. What tells them apart:
//! 1. Before the client has asked anything there is nothing to answer.
//! 2. A packet that does not acknowledge the whole request was sent before the request was there.
//! 3. What comes last is the answer: nothing is called a ticket unless something of another length follows it.
//! 4. Several tickets are sent at once and have the same length (OpenSSL and `BoringSSL` send two): two or more records in a
//!    row of one length, within what a ticket measures, are tickets.
//! 5. Nothing of HTTP/2 comes before the server's SETTINGS (RFC 9113 §3.4). Where the client speaks HTTP/2, a record of a
//!    ticket's length with one of the length of SETTINGS behind it is a ticket, whenever it came. That the client does is told
//!    by the length of its own records (its preface alone, the acknowledgement of SETTINGS); until then both are held back.
//! 6. A single record of a ticket's length is a ticket if it is not longer than [`SINGLE`], was sent as fast as the network
//!    allows, and in an earlier packet than what follows. As fast as the network allows is within a round trip and a quarter
//!    (and [`SLACK`]) of the client's Finished, or of a packet that carried Finished again ([`Pace`]).
//!
//! A record that was lost and sent again counts from when it is known to have been sent: from the first packet whose sequence
//! number lies behind it; and it acknowledges what that packet does ([`Gap`]).
//!
//! Where HTTP/2 was offered, the server's own first record (its SETTINGS) is treated likewise.
//!
//! The limits: a server that answers at once, in several short records, the first of which looks like a ticket (a head, and
//! the body in a packet of its own), has its first byte told too late, by what lies between; so has one that answers within a
//! round trip of Finished sent again. Told too early is the first byte of a server that does not speak HTTP/2 and takes longer
//! than [`SLACK`] to make a single ticket, or whose single ticket was lost with no packet behind it to tell; or if no round
//! trip is known, because both the SYN and the ClientHello were sent again or are not in the capture.

use super::Stamp;
use super::stream::Piece;
use crate::time::Nanos;

/// Lengths of records that hold a ticket: a key name, a nonce and an encrypted state, perhaps with a certificate.
const TICKET: std::ops::RangeInclusive<usize> = 60..=1_400;
/// A single ticket has at most this length: heads of responses may be longer.
const SINGLE: usize = 520;
/// How long a server may take for a ticket beyond the round trip.
const SLACK: Nanos = Nanos::from_millis(5);
/// Records held back; servers send one or two tickets, or four.
const MOST: usize = 8;

/// Offset, first sight and delivery of a record that was held back.
pub(super) type HeldRecord = (u64, Stamp, Stamp);

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No response.
    Ticket,
    /// It will be known later.
    Doubtful,
    /// Part of the response.
    Content,
    /// Part of the response, and so were the records held back.
    ContentSince(Vec<HeldRecord>),
}

/// What is known about how fast the server can be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// The client's Finished was seen.
    pub(super) finished: Option<Stamp>,
    /// It was seen again, the last time.
    pub(super) again: Option<Stamp>,
    /// From a packet of the client until the server's answer is seen.
    pub(super) round_trip: Option<Nanos>,
}

impl Pace {
    /// Whether a record that was sent at this time, or before, was sent as soon as Finished had come.
    fn is_prompt(&self, sent: Stamp) -> bool {
        let Some(round_trip) = self.round_trip else { return false };
        let limit = round_trip + Nanos::new(round_trip.get() / 4) + SLACK;
        [self.finished, self.again].into_iter().flatten().any(|from| from <= sent && sent.since(from) <= limit)
    }
}

/// A packet of the server with a sequence number behind bytes that have not been seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// Everything before this offset had been sent.
    pub(super) end: u64,
    /// When that packet was seen.
    pub(super) at: Stamp,
    /// How much of the client's stream it acknowledges.
    pub(super) covered: u64,
}

/// A record of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    pub(super) length: usize,
    /// A request is open, and the packet acknowledges all of it.
    pub(super) may_answer: bool,
    /// It has the length of HTTP/2's SETTINGS.
    pub(super) is_preface: bool,
    /// When it was sent at the latest, as seen here.
    pub(super) sent: Stamp,
}

/// The state of a connection.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    is_over: bool,
    length: usize,
    /// The record that waits for the client to show that it speaks HTTP/2, if `held` is the preface.
    ahead: Option<HeldRecord>,
    held: Vec<HeldRecord>,
    is_preface: bool,
    /// The first one held was sent at once.
    is_prompt: bool,
    /// When the client first showed that it speaks HTTP/2.
    http2_since: Option<Stamp>,
}

impl Doubt {
    /// The client speaks HTTP/2.
    pub(super) fn speaks_http2(&mut self, seen: Stamp) {
        self.http2_since.get_or_insert(seen);
    }

    /// What a record is that begins in `piece`.
    pub(super) fn judge(&mut self, suspect: Suspect, piece: &Piece<'_>, pace: Pace) -> Verdict {
        let Suspect { length, may_answer, is_preface, sent } = suspect;
        if self.is_over {
            return Verdict::Content;
        }
        if !may_answer {
            return Verdict::Ticket;
        }
        let here: HeldRecord = (piece.offset, piece.seen, piece.delivered);
        if self.held.is_empty() && (TICKET.contains(&length) || is_preface) {
            self.is_prompt = pace.is_prompt(sent);
            return self.hold(here, length, is_preface);
        }
        if !self.held.is_empty() && length == self.length && self.held.len() < MOST {
            self.held.push(here);
            return Verdict::Doubtful;
        }
        let held = std::mem::take(&mut self.held);
        let ahead = self.ahead.take().filter(|_| self.http2_since.is_none());
        let Some(first) = held.first().copied() else {
            self.is_over = true;
            return Verdict::Content;
        };
        let alone = held.len() == 1 && !self.is_preface;
        let came_alone = self.is_prompt && first.0 != piece.offset && self.length <= SINGLE;
        // Behind the tickets, HTTP/2's preface may follow.
        if is_preface && !self.is_preface {
            self.ahead = Some(first).filter(|_| alone && !came_alone && self.http2_since.is_none());
            return self.hold(here, length, true);
        }
        self.is_over = true;
        match ahead {
            Some(ahead) => Verdict::ContentSince(std::iter::once(ahead).chain(held).collect()),
            None if alone && !came_alone => Verdict::ContentSince(held),
            None => Verdict::Content,
        }
    }

    fn hold(&mut self, record: HeldRecord, length: usize, is_preface: bool) -> Verdict {
        (self.length, self.is_preface) = (length, is_preface);
        self.held.push(record);
        Verdict::Doubtful
    }

    /// More bytes of the record held back last.
    pub(super) fn went_on(&mut self, delivered: Stamp) {
        if let Some((_, _, last)) = self.held.last_mut() {
            *last = delivered;
        }
    }

    /// What is held back looks like HTTP/2's preface, which no client takes for an answer.
    pub(super) fn is_preface_only(&self) -> bool {
        self.is_preface && (self.http2_since.is_some() || self.ahead.is_none())
    }

    /// What is held back has both signs of tickets, a run of one length as fast as the network allows: a client that says more
    /// meanwhile (HTTP/2's first request behind its preface) has not been answered.
    pub(super) fn is_run_of_tickets(&self) -> bool {
        self.is_prompt && !self.is_preface && self.held.len() > 1
    }

    /// Nothing will tell any more: what is held back is content.
    pub(super) fn give_up(&mut self) -> Vec<HeldRecord> {
        if !self.held.is_empty() {
            self.is_over = true;
        }
        let ahead = self.ahead.take().filter(|_| self.http2_since.is_none());
        ahead.into_iter().chain(std::mem::take(&mut self.held)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn suspect(length: usize, sent: Stamp) -> Suspect {
        Suspect { length, may_answer: true, is_preface: false, sent }
    }

    /// Records of these lengths, each in a packet of its own at this millisecond; 20 ms of round trip, Finished at 100.
    fn check(records: &[(usize, u64)], expect: &[Verdict]) {
        let mut doubt = Doubt::default();
        let at = |millis: u64| Timestamp::from_nanos(millis * 1_000_000);
        let verdicts: Vec<Verdict> = (0..)
            .zip(records)
            .map(|(offset, (length, millis))| {
                let seen = at(*millis);
                let piece = Piece { offset, bytes: &[], missing: 0, seen, delivered: seen };
                let round_trip = Some(Nanos::from_millis(20));
                doubt.judge(suspect(*length, seen), &piece, Pace { finished: Some(at(100)), again: None, round_trip })
            })
            .collect();
        assert_eq!(verdicts, expect, "{records:?}");
    }

    #[test]
    fn tickets_come_at_once_or_in_pairs() {
        use Verdict::{Content, ContentSince, Doubtful};
        let at = |millis: u64| Timestamp::from_nanos(millis * 1_000_000);
        check(&[(255, 121), (255, 121), (900, 150)], &[Doubtful, Doubtful, Content]);
        check(&[(255, 300), (255, 300), (900, 350), (255, 351)], &[Doubtful, Doubtful, Content, Content]);
        check(&[(255, 121), (900, 150)], &[Doubtful, Content]);
        // Too late for a ticket: a response in two parts.
        check(&[(255, 200), (900, 210)], &[Doubtful, ContentSince(vec![(0, at(200), at(200))])]);
        check(&[(800, 121), (900, 150)], &[Doubtful, ContentSince(vec![(0, at(121), at(121))])]);
        check(&[(16_401, 121), (255, 121)], &[Content, Content]);
        check(&[(30, 121), (900, 121)], &[Content, Content]);
    }

    #[test]
    fn what_cannot_answer_is_no_answer_and_what_comes_last_is_one() {
        let mut doubt = Doubt::default();
        let seen = Timestamp::from_nanos(5);
        let piece = Piece { offset: 7, bytes: &[], missing: 0, seen, delivered: seen };
        assert_eq!(
            doubt.judge(Suspect { may_answer: false, ..suspect(255, seen) }, &piece, Pace::default()),
            Verdict::Ticket
        );
        assert_eq!(doubt.judge(suspect(255, seen), &piece, Pace::default()), Verdict::Doubtful);
        assert_eq!(doubt.give_up(), [(7, seen, seen)]);
        assert_eq!(doubt.judge(suspect(255, seen), &piece, Pace::default()), Verdict::Content);
    }
}

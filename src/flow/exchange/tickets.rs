//! Whether the server's first records behind a TLS 1.3 handshake are the response, or session tickets (RFC 8446 §4.6.1).
//!
//! Both are encrypted and say application data. What tells them apart:
//! 1. Before the client has asked anything there is nothing to answer.
//! 2. A packet that does not acknowledge the whole request was sent before the request was there.
//! 3. What comes last is the answer: nothing is called a ticket unless something of another length follows it.
//! 4. Several tickets are sent at once and have the same length (OpenSSL and `BoringSSL` send two): two or more records in a
//!    row of one length, within what a ticket measures, are tickets.
//! 5. A single record of such a length is a ticket if it is not longer than [`SINGLE`], came as fast as the network allows:
//!    within a round trip and a quarter of the client's Finished (and [`SLACK`]), and in an earlier packet than what follows.
//!
//! Where HTTP/2 was offered, the server's own first record (its SETTINGS) is treated likewise.
//!
//! The limits: a server that answers at once, in several short records, the first of which looks like a ticket (a head, and
//! the body in a packet of its own), has its first byte told too late, by what lies between; one that takes longer than
//! [`SLACK`] to make a single ticket has it told too early.

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

/// The state of a connection.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    is_over: bool,
    length: usize,
    held: Vec<HeldRecord>,
    is_preface: bool,
}

impl Doubt {
    /// What a record that begins in `piece` is. `may_answer`: a request is open, and the packet acknowledges all of it.
    pub(super) fn judge(
        &mut self,
        length: usize,
        piece: &Piece<'_>,
        may_answer: bool,
        is_preface: bool,
        finished: Option<Stamp>,
        round_trip: Option<Nanos>,
    ) -> Verdict {
        if self.is_over {
            return Verdict::Content;
        }
        if !may_answer {
            return Verdict::Ticket;
        }
        let here: HeldRecord = (piece.offset, piece.seen, piece.delivered);
        if self.held.is_empty() && (TICKET.contains(&length) || is_preface) {
            (self.length, self.is_preface) = (length, is_preface);
            self.held.push(here);
            return Verdict::Doubtful;
        }
        if self.held.last().is_some() && length == self.length && self.held.len() < MOST {
            self.held.push(here);
            return Verdict::Doubtful;
        }
        let held = std::mem::take(&mut self.held);
        let Some((offset, first, _)) = held.first().copied() else {
            self.is_over = true;
            return Verdict::Content;
        };
        let prompt = finished.zip(round_trip).is_some_and(|(finished, round_trip)| {
            first.since(finished) <= round_trip + Nanos::new(round_trip.get() / 4) + SLACK
        });
        let were_tickets = if held.len() > 1 {
            true
        } else {
            self.is_preface || (prompt && offset != piece.offset && self.length <= SINGLE)
        };
        if were_tickets {
            // Behind the tickets, HTTP/2's preface may follow.
            if is_preface && !self.is_preface {
                (self.length, self.is_preface) = (length, true);
                self.held.push(here);
                return Verdict::Doubtful;
            }
            self.is_over = true;
            return Verdict::Content;
        }
        self.is_over = true;
        Verdict::ContentSince(held)
    }

    /// More bytes of the record held back last.
    pub(super) fn went_on(&mut self, delivered: Stamp) {
        if let Some((_, _, last)) = self.held.last_mut() {
            *last = delivered;
        }
    }

    /// What is held back looks like HTTP/2's preface, which no client takes for an answer.
    pub(super) fn is_preface_only(&self) -> bool {
        self.is_preface
    }

    /// Nothing will tell any more: what is held back is content.
    pub(super) fn give_up(&mut self) -> Vec<HeldRecord> {
        if !self.held.is_empty() {
            self.is_over = true;
        }
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// Records of these lengths, each in a packet of its own at this millisecond; 20 ms of round trip, Finished at 100.
    fn check(records: &[(usize, u64)], expect: &[Verdict]) {
        let mut doubt = Doubt::default();
        let at = |millis: u64| Timestamp::from_nanos(millis * 1_000_000);
        let verdicts: Vec<Verdict> = (0..)
            .zip(records)
            .map(|(offset, (length, millis))| {
                let seen = at(*millis);
                let piece = Piece { offset, bytes: &[], missing: 0, seen, delivered: seen };
                doubt.judge(*length, &piece, true, false, Some(at(100)), Some(Nanos::from_millis(20)))
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
        assert_eq!(doubt.judge(255, &piece, false, false, None, None), Verdict::Ticket);
        assert_eq!(doubt.judge(255, &piece, true, false, None, None), Verdict::Doubtful);
        assert_eq!(doubt.give_up(), [(7, seen, seen)]);
        assert_eq!(doubt.judge(255, &piece, true, false, None, None), Verdict::Content);
    }
}

//! Whether the server's first records behind a TLS 1.3 handshake are the response, or session tickets (RFC 8446 §4.6.1).
//!
//! Both are encrypted and say application data. What tells them apart:
//! 1. Before the client has asked anything there is nothing to answer.
//! 2. A packet that does not acknowledge the whole request was sent before the request was there.
//! 3. What comes last is the answer: nothing is called a ticket unless something of another length follows it.
//! 4. Several tickets are sent at once and have the same length (OpenSSL and `BoringSSL` send two): two or more records in a
//!    row of one length, within what a ticket measures, are tickets. Where 1 or 2 tell that one record is a ticket, those of
//!    its length behind it are of the row, and those of another length are none.
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
//! # A client that goes on meanwhile
//! HTTP/2's client sends its preface and its first request in two records, and a ticket may go by between them, or each of a
//! pair before and behind the second. HTTP/1.1's client that goes on has its answer, and this is its next request. Which one
//! it is may be open when its bytes come. Then they are held back too, in order with the server's records ([`Held`]), and what
//! follows decides. They belong to the request that is open, if a record of the length of SETTINGS follows, or one that does
//! not acknowledge them, or if they lie behind a run of tickets, or between the two of a pair that a record of another length
//! follows. Else the records were its answer, and they are the next request. What came later than a single ticket would was an
//! answer at once, unless HTTP/2 shows, or a ticket of the same length is known.
//!
//! Invariant: at most [`MOST`] records and one more are held, and between two of them one run of the client's bytes, of which
//! only the place and the times are kept.
//!
//! # Limits
//! A server that answers at once, in several short records, the first of which looks like a ticket (a head, and the body in a
//! packet of its own), has its first byte told too late, by what lies between; so has one that answers within a round trip of
//! Finished sent again. Told too early is the first byte of a server that does not speak HTTP/2 and takes longer than
//! [`SLACK`] to make a single ticket, or whose single ticket was lost with no packet behind it to tell; or if no round trip is
//! known, because both the SYN and the ClientHello were sent again or are not in the capture.
//!
//! Two exchanges of HTTP/1.1 are told as one, if the first answer looks like a ticket, and the second one begins with a record
//! of the same length and goes on with another, or is as short as SETTINGS where the client offered HTTP/2. One exchange is
//! told as two, if a single ticket comes between the parts of a request of HTTP/1.1, or between the preface and the first
//! request of HTTP/2, and there came later than a single ticket would, or the server packs its SETTINGS into a longer record.

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

/// What a record of the server is, if it is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A session ticket.
    Ticket,
    /// The SETTINGS with which a server begins HTTP/2.
    Settings,
}

impl Kind {
    /// What a record of this length may be where HTTP/2 is not spoken.
    pub(super) fn of_length(length: usize) -> Option<Self> {
        TICKET.contains(&length).then_some(Self::Ticket)
    }
}

/// What is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// A record of the server: the response, or not.
    Record(HeldRecord),
    /// Bytes of the client: of the same request, or of the next one.
    Asked(HeldBytes),
}

/// A record of the server that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldRecord {
    kind: Kind,
    /// Where the packet begins in the server's stream.
    pub(super) offset: u64,
    /// When its first bytes were seen.
    pub(super) seen: Stamp,
    /// When its last bytes and all before them had been seen.
    pub(super) delivered: Stamp,
}

/// Bytes of the client that are held back, with no record of the server between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldBytes {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// When the first ones were seen.
    pub(super) first: Stamp,
    /// When the last ones were.
    pub(super) last: Stamp,
    /// When the server's TCP had acknowledged all.
    pub(super) acknowledged: Option<Stamp>,
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No response. What was held back of the client is of the open request, if the record tells so.
    Ticket(Vec<Held>),
    /// It will be known later.
    Doubtful,
    /// Part of the response. Before it comes what was held back and is no ticket, in order.
    Content(Vec<Held>),
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
    /// What it may be by its length, if it is no response.
    pub(super) kind: Option<Kind>,
    /// A request is open, and the packet acknowledges all that the client has said.
    pub(super) may_answer: bool,
    /// When it was sent at the latest, as seen here.
    pub(super) sent: Stamp,
}

/// The state of a connection.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// There was content: what follows is content.
    is_over: bool,
    /// The client has shown that it speaks HTTP/2.
    shows_http2: bool,
    /// Tickets, as long as it is open whether they are, and SETTINGS behind them, with what the client said meanwhile.
    held: Vec<Held>,
    /// Of the record held last.
    length: usize,
    /// The first record held was sent at once.
    is_prompt: bool,
    /// The length of the first ticket that came when there was nothing to answer.
    known: Option<usize>,
}

impl Doubt {
    /// The client speaks HTTP/2.
    pub(super) fn speaks_http2(&mut self) {
        self.shows_http2 = true;
        if self.holds(Kind::Settings) {
            self.drop_tickets();
        }
    }

    /// What a record is that begins in `piece`.
    pub(super) fn judge(&mut self, suspect: Suspect, piece: &Piece<'_>, pace: Pace) -> Verdict {
        if self.is_over {
            return Verdict::Content(Vec::new());
        }
        if !suspect.may_answer {
            // A server that goes on, and has not got what the client said meanwhile, had not answered what was before.
            if suspect.kind == Some(Kind::Ticket) {
                self.known.get_or_insert(suspect.length);
            }
            return Verdict::Ticket(if self.asked_end().is_some() { self.asked() } else { Vec::new() });
        }
        let is_other = self.known.is_some_and(|length| length != suspect.length);
        let kind = suspect.kind.filter(|kind| *kind != Kind::Ticket || !is_other);
        match kind {
            Some(_) if self.held.is_empty() => self.is_prompt = pace.is_prompt(suspect.sent),
            Some(_) if self.goes_on(suspect.length) => {}
            // Behind the tickets, HTTP/2's SETTINGS may follow.
            Some(Kind::Settings) if !self.holds(Kind::Settings) => {
                if self.shows_http2 || self.run(self.records().count()) > 1 || self.came_alone(piece) {
                    self.drop_tickets();
                }
            }
            _ => {
                let is_ticket = self.are_tickets() || (self.asked_end().is_none() && self.came_alone(piece));
                self.is_over = true;
                return Verdict::Content(if is_ticket { self.asked() } else { std::mem::take(&mut self.held) });
            }
        }
        if let Some(kind) = kind {
            let Piece { offset, seen, delivered, .. } = *piece;
            self.held.push(Held::Record(HeldRecord { kind, offset, seen, delivered }));
            self.length = suspect.length;
        }
        Verdict::Doubtful
    }

    /// More bytes of the record held last.
    pub(super) fn went_on(&mut self, delivered: Stamp) {
        let last = self.held.iter_mut().rev().find_map(|held| match held {
            Held::Record(record) => Some(record),
            Held::Asked(_) => None,
        });
        if let Some(record) = last {
            record.delivered = delivered;
        }
    }

    /// Something is held back, and what the client says now is to wait with it: nobody knows yet which request it is of.
    pub(super) fn is_open(&self) -> bool {
        !self.held.is_empty()
            && (self.is_prompt || self.shows_http2 || self.holds(Kind::Settings) || self.known == Some(self.length))
    }

    /// Nothing is held back.
    pub(super) const fn is_settled(&self) -> bool {
        self.held.is_empty()
    }

    /// The client said more while it was open.
    pub(super) fn ask(&mut self, begin: u64, end: u64, seen: Stamp) {
        if let Some(Held::Asked(bytes)) = self.held.last_mut() {
            *bytes = HeldBytes { end, last: seen, acknowledged: None, ..*bytes };
        } else {
            let bytes = HeldBytes { begin, end, first: seen, last: seen, acknowledged: None };
            self.held.push(Held::Asked(bytes));
        }
    }

    /// Where the client's bytes that are held end.
    pub(super) fn asked_end(&self) -> Option<u64> {
        self.held.iter().rev().find_map(|held| match held {
            Held::Record(_) => None,
            Held::Asked(bytes) => Some(bytes.end),
        })
    }

    /// The server's TCP has acknowledged everything before `offset`.
    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        for held in &mut self.held {
            if let Held::Asked(bytes) = held
                && bytes.end <= offset
            {
                bytes.acknowledged.get_or_insert(at);
            }
        }
    }

    /// Nothing will tell any more: what came last is the answer. Yields what is no ticket, in order.
    pub(super) fn give_up(&mut self) -> Vec<Held> {
        self.is_over |= !self.held.is_empty();
        let behind = self.held.iter().rposition(|held| matches!(held, Held::Asked(_))).map_or(0, |last| last + 1);
        let answer = self.held.split_off(behind);
        let mut before = if self.are_tickets() { self.asked() } else { std::mem::take(&mut self.held) };
        before.extend(answer);
        before
    }

    fn records(&self) -> impl Iterator<Item = &HeldRecord> {
        self.held.iter().filter_map(|held| match held {
            Held::Record(record) => Some(record),
            Held::Asked(_) => None,
        })
    }

    fn holds(&self, kind: Kind) -> bool {
        self.records().any(|record| record.kind == kind)
    }

    /// Whether a record of this length goes on with the run.
    fn goes_on(&self, length: usize) -> bool {
        length == self.length && self.records().count() < MOST
    }

    /// What is held back cannot be an answer, now that there is something behind it: SETTINGS alone, which no client takes for
    /// one, or tickets that came together.
    fn are_tickets(&self) -> bool {
        if self.holds(Kind::Settings) {
            return !self.holds(Kind::Ticket);
        }
        let together = self.held.iter().take_while(|held| matches!(held, Held::Record(_))).count();
        self.run(together) > 1 || self.is_a_pair_interrupted()
    }

    /// How many records of one length there are with these: the one that is known to have been a ticket is of the run, too.
    fn run(&self, records: usize) -> usize {
        records + usize::from(self.known == Some(self.length))
    }

    /// The client spoke once, between two records of one length: HTTP/1.1's client has nothing to say before the second one
    /// that something follows.
    fn is_a_pair_interrupted(&self) -> bool {
        matches!(self.held[..], [Held::Record(_), Held::Asked(_), Held::Record(_)])
    }

    /// What is held back looks like a single ticket, with `behind` behind it.
    fn came_alone(&self, behind: &Piece<'_>) -> bool {
        let mut records = self.records();
        let single = records.next().filter(|_| records.next().is_none());
        single.is_some_and(|record| {
            record.kind == Kind::Ticket && self.is_prompt && self.length <= SINGLE && record.offset != behind.offset
        })
    }

    fn drop_tickets(&mut self) {
        self.held.retain(|held| !matches!(held, Held::Record(HeldRecord { kind: Kind::Ticket, .. })));
    }

    /// What the client said meanwhile, without the server's records.
    fn asked(&mut self) -> Vec<Held> {
        let mut held = std::mem::take(&mut self.held);
        held.retain(|held| matches!(held, Held::Asked(_)));
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn at(millis: u64) -> Stamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    /// Finished at 100, and 20 ms of round trip.
    fn pace() -> Pace {
        Pace { finished: Some(at(100)), again: None, round_trip: Some(Nanos::from_millis(20)) }
    }

    fn suspect(length: usize, sent: Stamp) -> Suspect {
        let kind = if length < 60 { Some(Kind::Settings) } else { Kind::of_length(length) };
        Suspect { length, kind, may_answer: true, sent }
    }

    fn piece(offset: u64, seen: Stamp) -> Piece<'static> {
        Piece { offset, bytes: &[], missing: 0, seen, delivered: seen }
    }

    fn ticket(offset: u64, millis: u64) -> Held {
        record(Kind::Ticket, offset, millis)
    }

    fn record(kind: Kind, offset: u64, millis: u64) -> Held {
        Held::Record(HeldRecord { kind, offset, seen: at(millis), delivered: at(millis) })
    }

    /// Records of these lengths, each in a packet of its own at this millisecond.
    fn check(records: &[(usize, u64)], expect: &[Verdict]) {
        let mut doubt = Doubt::default();
        let verdicts: Vec<Verdict> = (0..)
            .zip(records)
            .map(|(offset, (length, millis))| {
                doubt.judge(suspect(*length, at(*millis)), &piece(offset, at(*millis)), pace())
            })
            .collect();
        assert_eq!(verdicts, expect, "{records:?}");
    }

    #[test]
    fn tickets_come_at_once_or_in_pairs() {
        use Verdict::{Content, Doubtful};
        let content = || Content(Vec::new());
        check(&[(255, 121), (255, 121), (900, 150)], &[Doubtful, Doubtful, content()]);
        check(&[(255, 300), (255, 300), (900, 350), (255, 351)], &[Doubtful, Doubtful, content(), content()]);
        check(&[(255, 121), (900, 150)], &[Doubtful, content()]);
        // Too late for a ticket: a response in two parts.
        check(&[(255, 200), (900, 210)], &[Doubtful, Content(vec![ticket(0, 200)])]);
        check(&[(800, 121), (900, 150)], &[Doubtful, Content(vec![ticket(0, 121)])]);
        check(&[(16_401, 121), (255, 121)], &[content(), content()]);
        check(&[(1_401, 121), (900, 121)], &[content(), content()]);
    }

    #[test]
    fn what_cannot_answer_is_no_answer_and_what_comes_last_is_one() {
        let mut doubt = Doubt::default();
        let (seen, piece) = (at(5), piece(7, at(5)));
        assert_eq!(
            doubt.judge(Suspect { may_answer: false, ..suspect(255, seen) }, &piece, Pace::default()),
            Verdict::Ticket(Vec::new())
        );
        assert_eq!(doubt.judge(suspect(255, seen), &piece, Pace::default()), Verdict::Doubtful);
        assert_eq!(doubt.give_up(), [ticket(7, 5)]);
        assert_eq!(doubt.judge(suspect(255, seen), &piece, Pace::default()), Verdict::Content(Vec::new()));
    }

    /// The client says more behind a record, and this is what is left when another one comes: the server's records by their
    /// offsets, the client's by their ends.
    #[test]
    fn what_the_client_says_meanwhile_waits_for_what_decides() {
        #[derive(Clone, Copy)]
        enum Step {
            Server(usize, u64),
            Client,
            ShowsHttp2,
        }
        use Step::{Client as C, Server as S, ShowsHttp2};
        for (name, steps, expect) in [
            ("behind a run of tickets", &[S(255, 121), S(255, 121), C, S(900, 150)][..], "c2"),
            ("the preface between", &[S(255, 121), C, S(40, 122), S(900, 150)], "c1"),
            ("a ticket on either side", &[S(255, 121), C, S(255, 122), S(40, 122), S(900, 150)], "c1"),
            ("behind the preface", &[S(255, 121), S(40, 122), C, S(900, 150)], "c2"),
            ("before the preface and behind it", &[S(255, 121), C, S(40, 122), C, S(900, 150)], "c1 c3"),
            ("another request", &[S(255, 121), C, S(900, 150)], "s0 c1"),
            ("two other requests", &[S(255, 121), C, S(255, 123), C, S(900, 150)], "s0 c1 s2 c3"),
            ("a pair without the preface", &[S(255, 121), C, S(255, 122), S(187, 123)], "c1"),
            ("a pair with a pause", &[S(255, 121), C, S(255, 300), S(40, 301), S(900, 350)], "c1"),
            ("too late for a single one", &[S(255, 200), S(40, 201), C, S(900, 250)], "s0 s1 c2"),
            ("shown behind it", &[S(255, 200), S(40, 201), C, ShowsHttp2, S(900, 250)], "c2"),
            ("shown before it", &[ShowsHttp2, S(255, 200), C, S(40, 201), S(900, 250)], "c2"),
        ] {
            let mut doubt = Doubt::default();
            let mut left = None;
            for (offset, step) in (0..).zip(steps) {
                match step {
                    Step::Server(length, millis) => {
                        left = match doubt.judge(suspect(*length, at(*millis)), &piece(offset, at(*millis)), pace()) {
                            Verdict::Content(held) => Some(held),
                            _ => None,
                        };
                    }
                    Step::Client => {
                        assert!(doubt.is_open(), "{name}");
                        doubt.ask(offset, offset, at(130));
                    }
                    Step::ShowsHttp2 => doubt.speaks_http2(),
                }
            }
            let left: Vec<String> = left
                .expect("the last record decides")
                .iter()
                .map(|held| match held {
                    Held::Record(record) => format!("s{}", record.offset),
                    Held::Asked(bytes) => format!("c{}", bytes.end),
                })
                .collect();
            assert_eq!(left.join(" "), expect, "{name}");
        }
    }

    #[test]
    fn late_records_are_an_answer_as_soon_as_the_client_asks_again() {
        let mut doubt = Doubt::default();
        doubt.judge(suspect(255, at(200)), &piece(0, at(200)), pace());
        assert!(!doubt.is_open());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut doubt = Doubt::default();
        let mut most = 0;
        for offset in 0..100 {
            doubt.judge(suspect(255, at(121)), &piece(offset, at(121)), pace());
            if doubt.is_open() {
                doubt.ask(offset, offset + 1, at(121));
                doubt.ask(offset + 1, offset + 2, at(121));
            }
            most = most.max(doubt.held.len());
        }
        assert_eq!(most, 2 * MOST);
    }
}

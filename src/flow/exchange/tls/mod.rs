//! TLS as an onlooker sees it: the handshake's marks, then flights of records (RFC 8446, RFC 5246).
//!
//! # The end of the handshake
//! TLS 1.2 shows it: the first handshake record behind a `ChangeCipherSpec` is Finished. TLS 1.3 hides it: from the
//! ServerHello on, every record says application data. What remains is length: a Finished is 4 bytes and a hash, with 1 byte
//! of type and 16 of tag, so the client's record of exactly that length is it. With a client certificate the messages before
//! it come in records of their own, which are passed over; a client that packs all of them into one record has its first
//! record taken for the flight, as soon as the server answers it. Bytes of early data (before the ServerHello) count as
//! request.
//!
//! # What is no response
//! - A record of the length of an alert (in TLS 1.3; TLS 1.2 says so).
//! - Session tickets of TLS 1.3, which a server sends when it has the client's Finished, before or while it works on the
//!   request ([`super::tickets`]).
//! - Where the client offered HTTP/2: records of the length of its control frames, so that the acknowledgement of the
//!   server's SETTINGS is not taken for the next request.
//!
//! # What the capture cut
//! With a short snaplen, hellos and whole records are missing. Where the framing is lost it is taken up again with a packet
//! that begins with a record ([`Records`]). If what the server chose cannot be read, version and cipher are absent; the
//! handshake is over with a client's record of the length of a Finished, or else, once the client sends content, it was over
//! with the packet before.
//!
//! # Limits
//! Padding (RFC 8446 §5.4) hides all lengths. Of HTTP/2 streams that overlap only the outer ends are seen. ALPN's result is
//! encrypted in TLS 1.3: it is absent.
//!
//! Deliberately absent: decryption.

mod alert;
mod shared;

use super::Stamp;
use super::context::Context;
use super::draft::{Draft, Ending};
use super::flights::{Flights, Unanswered};
use super::stream::Piece;
use super::tickets::Gap;
use crate::event::{Failure, FailureCode, Phase};
use crate::message::tls::{Alert, ContentType, Handshake, RecordItem, Records};
use shared::{Bytes, Shared};

/// One direction.
#[derive(Debug, Default)]
struct Half {
    records: Records,
    handshake: Handshake,
    bytes: Bytes,
    alert: [u8; 2],
    alert_length: usize,
    /// `ChangeCipherSpec` has been seen.
    is_encrypted: bool,
    finished: Option<Stamp>,
}

/// The state of a connection.
#[derive(Debug)]
pub(super) struct Tls {
    client: Half,
    server: Half,
    shared: Shared,
}

/// The records can no longer be followed.
#[derive(Debug)]
pub(super) struct Lost(pub(super) Option<Box<Draft>>);

impl Default for Tls {
    fn default() -> Self {
        let shared = Shared { flights: Flights::new(Unanswered::GaveUp), ..Shared::default() };
        Self { client: Half::default(), server: Half::default(), shared }
    }
}

impl Tls {
    pub(super) fn client(&mut self, piece: &Piece<'_>, context: &mut Context) -> Result<(), Lost> {
        let Self { client, server, shared } = self;
        let Half { records, handshake, bytes, alert, alert_length, is_encrypted, finished } = client;
        let at = Place::new(piece);
        let mut up = |item: RecordItem<'_>| match item {
            RecordItem::Began(record) => {
                *alert_length = 0;
                *bytes = shared.client_record(record, *is_encrypted, at.seen, at.end, context, finished);
                if finished.is_some() || shared.packed.is_some() {
                    shared.finished_end.get_or_insert(at.end);
                }
            }
            RecordItem::Bytes(part) => match *bytes {
                Bytes::Clear => handshake.take(part, |message| shared.client_message(message, at.seen, context)),
                Bytes::Alert => collect(part, alert, alert_length),
                Bytes::Content => shared.flights.client(at.begin, at.end, at.seen, context),
                Bytes::Doubtful => shared.asked(at.begin, at.end, at.seen, context),
                Bytes::Ignored => {}
            },
            RecordItem::Unframed if shared.is_ready => shared.asked(at.begin, at.end, at.seen, context),
            RecordItem::Unframed => {}
            RecordItem::Ended(record) => {
                match record.content {
                    ContentType::ChangeCipherSpec => *is_encrypted |= shared.shows_types(),
                    ContentType::Handshake if *is_encrypted => *finished = finished.or(Some(at.seen)),
                    _ if *bytes == Bytes::Alert => {
                        shared.alert(Alert::parse(alert), Ending::ClientLeft, at.seen, context);
                    }
                    _ => {}
                }
                shared.judge(*finished, server.finished, context);
            }
        };
        let read = records.take(piece.bytes, &mut up);
        if piece.missing > 0 {
            records.skip(piece.missing, &mut up);
            handshake.lose();
            if *bytes == Bytes::Clear {
                // The first record in clear text is the ClientHello, even if nobody can read it.
                shared.seen.client_hello.get_or_insert(piece.seen);
            }
        }
        shared.went_on(piece.seen);
        read.map_err(|_| self.lose(context))
    }

    pub(super) fn server(&mut self, piece: &Piece<'_>, covered: u64, context: &mut Context) -> Result<(), Lost> {
        let Self { client, server, shared } = self;
        let Half { records, handshake, bytes, alert, alert_length, is_encrypted, finished } = server;
        let mut up = |item: RecordItem<'_>| match item {
            RecordItem::Began(record) => {
                *alert_length = 0;
                *bytes = shared.server_record(record, *is_encrypted, piece, covered, &mut client.finished, context);
                if *bytes == Bytes::Content {
                    shared.flights.server(piece.offset, piece.seen, piece.delivered, context);
                }
            }
            RecordItem::Bytes(part) => match *bytes {
                Bytes::Clear => handshake.take(part, |message| shared.server_message(message)),
                Bytes::Alert => collect(part, alert, alert_length),
                Bytes::Content => shared.flights.server(piece.offset, piece.seen, piece.delivered, context),
                Bytes::Doubtful => shared.doubt.went_on(piece.delivered),
                Bytes::Ignored => {}
            },
            RecordItem::Unframed if shared.is_ready => {
                shared.settle(context);
                shared.flights.server(piece.offset, piece.seen, piece.delivered, context);
            }
            RecordItem::Unframed => {}
            RecordItem::Ended(record) => {
                match record.content {
                    ContentType::ChangeCipherSpec => *is_encrypted |= shared.shows_types(),
                    ContentType::Handshake if *is_encrypted => *finished = finished.or(Some(piece.delivered)),
                    _ if *bytes == Bytes::Alert => {
                        shared.alert(Alert::parse(alert), Ending::ServerClosed, piece.delivered, context);
                    }
                    _ => {}
                }
                shared.judge(client.finished, *finished, context);
            }
        };
        let read = records.take(piece.bytes, &mut up);
        if piece.missing > 0 {
            records.skip(piece.missing, &mut up);
            handshake.lose();
        }
        shared.went_on(piece.delivered);
        read.map_err(|_| self.lose(context))
    }

    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        self.shared.acknowledged(offset, at);
    }

    /// Bytes of the client from this offset on were sent again.
    pub(super) fn sent_again(&mut self, offset: u64, at: Stamp) {
        self.shared.sent_again(offset, at);
    }

    /// A packet of the server tells of bytes from `next` on that have not been seen.
    pub(super) fn gap(&mut self, gap: Gap, next: u64) {
        self.shared.gap(gap, next);
    }

    pub(super) fn under_way_since(&self) -> Option<Stamp> {
        self.shared.flights.under_way_since()
    }

    /// The connection is over.
    pub(super) fn end(&mut self, ending: Ending, at: Stamp, context: &mut Context) {
        self.shared.settle(context);
        let shared = &mut self.shared;
        if shared.is_ready {
            if let (Some(late), true) = (shared.late_alert, shared.flights.awaits_response()) {
                let message = format!(
                    "{} ended the connection with an alert, whose text is encrypted",
                    context.connection.server
                );
                let failure = Failure { phase: Phase::Tls, code: FailureCode::TlsAlert, message };
                if let Some(draft) = shared.flights.open().map(std::mem::take) {
                    context.failed(draft, failure, late);
                    return;
                }
            }
            shared.flights.end(ending, at, context);
            if context.opening.is_some() {
                let draft = context.draft();
                context.complete(draft);
            }
            return;
        }
        if context.opening.is_none() && shared.seen.client_hello.is_none() {
            return;
        }
        let is_unread = shared.is_unread();
        let mut draft = shared.flights.open().map_or_else(|| context.draft(), std::mem::take);
        draft.tls = Some(std::mem::take(&mut shared.seen));
        match shared.alert.take() {
            Some((failure, at)) => context.failed(draft, failure, at),
            // It may have been over: the capture cut the packets that would tell.
            None if is_unread && ending != Ending::ServerReset => context.complete(draft),
            None => context.cut_off(draft, ending, at),
        }
    }

    /// Records are lost: what was under way goes on as flights.
    fn lose(&mut self, context: &mut Context) -> Lost {
        self.shared.settle(context);
        let open = self.shared.flights.open().map(std::mem::take);
        if open.is_none() && !self.shared.is_ready && self.shared.seen.server_hello.is_some() {
            context.tls = Some(std::mem::take(&mut self.shared.seen));
        }
        Lost(open.map(Box::new))
    }
}

/// Where in the stream a piece ends, and when it was seen.
struct Place {
    begin: u64,
    end: u64,
    seen: Stamp,
}

impl Place {
    fn new(piece: &Piece<'_>) -> Self {
        Self { begin: piece.offset, end: piece.offset + piece.bytes.len() as u64 + piece.missing, seen: piece.seen }
    }
}

fn collect(part: &[u8], alert: &mut [u8; 2], length: &mut usize) {
    for byte in part {
        if let Some(place) = alert.get_mut(*length) {
            *place = *byte;
        }
        *length += 1;
    }
}

//! TLS as an onlooker sees it: the handshake's marks, then flights of records (RFC 8446, RFC 5246).
//!
//! # The end of the handshake
//! TLS 1.2 shows it: the first handshake record behind a ChangeCipherSpec is Finished. TLS 1.3 hides it: from the
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
//! # Limits
//! Padding (RFC 8446 §5.4) hides all lengths. Of HTTP/2 streams that overlap only the outer ends are seen. ALPN's result is
//! encrypted in TLS 1.3: it is absent.
//!
//! Deliberately absent: decryption.

use super::Stamp;
use super::context::Context;
use super::draft::{Draft, Ending, TlsSeen};
use super::flights::{Flights, Unanswered};
use super::stream::Piece;
use super::tickets::{Doubt, Verdict};
use crate::event::{Failure, FailureCode, Phase, TlsSession};
use crate::message::tls::{
    Alert, ClientHello, ContentType, Handshake, Message, Record, RecordItem, Records, ServerHello, cipher_name,
    group_name, version_name,
};

const TLS13: u16 = 0x0304;
/// Type and tag of an encrypted record of TLS 1.3, for all its cipher suites but one (RFC 8446 §5.2).
const OVERHEAD: usize = 17;
/// An alert in an encrypted record of TLS 1.3.
const ALERT: usize = 2 + OVERHEAD;
/// A KeyUpdate in an encrypted record of TLS 1.3.
const KEY_UPDATE: usize = 5 + OVERHEAD;
/// `TLS_AES_256_GCM_SHA384` is the only suite of TLS 1.3 with the longer hash.
const SHA384_SUITE: u16 = 0x1302;
/// HTTP/2 frames that ask for nothing: SETTINGS with ACK, WINDOW_UPDATE or RST_STREAM, PING or GOAWAY, and pairs of them.
const CONTROL: [usize; 5] = [9, 13, 17, 9 + 13, 13 + 13];

/// What the bytes of the record under way are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bytes {
    /// Of the handshake, of an alert, or of a control frame.
    #[default]
    Ignored,
    /// A handshake message in clear text.
    Clear,
    /// An alert in clear text.
    Alert,
    /// Content.
    Content,
    /// Content, or a session ticket.
    Doubtful,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    records: Records,
    handshake: Handshake,
    bytes: Bytes,
    alert: [u8; 2],
    alert_length: usize,
    /// ChangeCipherSpec has been seen.
    is_encrypted: bool,
    finished: Option<Stamp>,
}

/// What both directions say together.
#[derive(Debug, Default)]
struct Shared {
    seen: TlsSeen,
    hello: Option<ClientHello>,
    chosen: Option<ServerHello>,
    group: Option<u16>,
    retried: bool,
    is_ready: bool,
    /// The first record of the client behind the ServerHello that was not of the length of a Finished.
    packed: Option<(Stamp, u64)>,
    alert: Option<(Failure, Stamp)>,
    /// The server's first record behind the handshake was of an alert's length, and nothing has come since.
    late_alert: Option<Stamp>,
    flights: Flights,
    doubt: Doubt,
    /// The server has sent content, in TLS 1.2.
    has_content: bool,
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
pub(super) struct Lost(pub(super) Option<Draft>);

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
            }
            RecordItem::Bytes(part) => match *bytes {
                Bytes::Clear => handshake.take(part, |message| shared.client_message(message, at.seen, context)),
                Bytes::Alert => collect(part, alert, alert_length),
                Bytes::Content | Bytes::Doubtful => shared.flights.client(at.begin, at.end, at.seen, context),
                Bytes::Ignored => {}
            },
            RecordItem::Ended(record) => {
                match record.content {
                    ContentType::ChangeCipherSpec => *is_encrypted |= shared.shows_types(),
                    ContentType::Handshake if *is_encrypted => *finished = finished.or(Some(at.seen)),
                    _ if *bytes == Bytes::Alert => {
                        shared.alert(Alert::parse(alert), Ending::ClientLeft, at.seen, context)
                    }
                    _ => {}
                }
                shared.judge(*finished, server.finished, context);
            }
        };
        let read = records.take(piece.bytes, &mut up);
        let read = read.and_then(|()| if piece.missing > 0 { records.skip(piece.missing, &mut up) } else { Ok(()) });
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
        let read = read.and_then(|()| if piece.missing > 0 { records.skip(piece.missing, &mut up) } else { Ok(()) });
        read.map_err(|_| self.lose(context))
    }

    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        self.shared.flights.acknowledged(offset, at);
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
        let mut draft = shared.flights.open().map_or_else(|| context.draft(), std::mem::take);
        draft.tls = Some(std::mem::take(&mut shared.seen));
        match shared.alert.take() {
            Some((failure, at)) => context.failed(draft, failure, at),
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
        Lost(open)
    }
}

impl Shared {
    fn version(&self) -> Option<u16> {
        self.chosen.as_ref().map(|chosen| chosen.version)
    }

    fn hides_types(&self) -> bool {
        self.version() == Some(TLS13)
    }

    /// What follows a ChangeCipherSpec is encrypted, and says what it is. In TLS 1.3 that record means nothing (RFC 8446 §5).
    fn shows_types(&self) -> bool {
        self.chosen.is_some() && !self.hides_types()
    }

    /// Bytes of content in a record of this length, where that can be told.
    fn plain(&self, length: usize) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        let overhead = if chosen.version == TLS13 {
            OVERHEAD
        } else {
            let name = cipher_name(chosen.cipher);
            if name.contains("CHACHA20") {
                16
            } else if name.contains("GCM") {
                24
            } else {
                return None;
            }
        };
        length.checked_sub(overhead)
    }

    /// HTTP/2 may be spoken: it was chosen, or offered and the choice is hidden.
    fn may_be_http2(&self) -> bool {
        let offered = || self.hello.as_ref().is_some_and(|hello| hello.alpn.iter().any(|name| name == "h2"));
        match &self.chosen {
            Some(chosen) if chosen.version != TLS13 => chosen.alpn.as_deref() == Some("h2"),
            _ => offered(),
        }
    }

    fn is_control(&self, length: usize) -> bool {
        (self.hides_types() && (length == ALERT || length == KEY_UPDATE))
            || (self.may_be_http2() && self.plain(length).is_some_and(|plain| CONTROL.contains(&plain)))
    }

    fn client_record(
        &mut self,
        record: Record,
        is_encrypted: bool,
        seen: Stamp,
        end: u64,
        context: &mut Context,
        finished: &mut Option<Stamp>,
    ) -> Bytes {
        match record.content {
            ContentType::Handshake if !is_encrypted => Bytes::Clear,
            ContentType::Alert if !is_encrypted => Bytes::Alert,
            ContentType::ApplicationData if self.chosen.is_none() => Bytes::Content,
            ContentType::ApplicationData if self.hides_types() && finished.is_none() => {
                let chosen = self.chosen.as_ref().map_or(0, |chosen| chosen.cipher);
                let hash = if chosen == SHA384_SUITE { 48 } else { 32 };
                if record.length == 4 + hash + OVERHEAD {
                    *finished = Some(seen);
                } else if record.length == ALERT {
                    let message = "the client ended the handshake with an alert, whose text is encrypted".to_owned();
                    let failure = Failure { phase: Phase::Tls, code: FailureCode::TlsAlert, message };
                    self.alert.get_or_insert((failure, seen));
                } else if self.packed.is_none() {
                    self.packed = Some((seen, end));
                }
                Bytes::Ignored
            }
            ContentType::ApplicationData if self.is_control(record.length) => Bytes::Ignored,
            ContentType::ApplicationData => {
                self.settle_before_request(context);
                Bytes::Content
            }
            _ => Bytes::Ignored,
        }
    }

    fn server_record(
        &mut self,
        record: Record,
        is_encrypted: bool,
        piece: &Piece<'_>,
        covered: u64,
        client_finished: &mut Option<Stamp>,
        context: &mut Context,
    ) -> Bytes {
        match record.content {
            ContentType::Handshake => {
                self.seen.server_hello.get_or_insert(piece.seen);
                if is_encrypted { Bytes::Ignored } else { Bytes::Clear }
            }
            ContentType::Alert if !is_encrypted => Bytes::Alert,
            ContentType::ApplicationData if self.hides_types() => {
                if client_finished.is_none() {
                    // What the client has packed into one record is its whole flight, if the server has all of it.
                    match self.packed {
                        Some((at, end)) if covered >= end => *client_finished = Some(at),
                        _ => return Bytes::Ignored,
                    }
                    self.judge(*client_finished, None, context);
                }
                self.behind_handshake(record, piece, covered, context)
            }
            ContentType::ApplicationData if self.is_control(record.length) => Bytes::Ignored,
            ContentType::ApplicationData => {
                // Where HTTP/2 was chosen, the server begins with its SETTINGS (RFC 9113 §3.4).
                let is_preface = !self.has_content && self.may_be_http2();
                self.has_content = true;
                if is_preface { Bytes::Ignored } else { Bytes::Content }
            }
            _ => Bytes::Ignored,
        }
    }

    /// A record of the server behind the handshake of TLS 1.3: a ticket, an alert, or content.
    fn behind_handshake(&mut self, record: Record, piece: &Piece<'_>, covered: u64, context: &mut Context) -> Bytes {
        if self.is_control(record.length) {
            if record.length == ALERT && self.flights.awaits_response() {
                self.late_alert.get_or_insert(piece.delivered);
            }
            return Bytes::Ignored;
        }
        self.late_alert = None;
        let asked = self.flights.open().map(|draft| draft.sent_end);
        let may_answer = asked.is_some_and(|end| covered >= end);
        let is_preface = self.may_be_http2() && self.plain(record.length).is_some_and(|plain| plain <= 64);
        let round_trip = context.round_trip;
        match self.doubt.judge(record.length, piece, may_answer, is_preface, self.seen.finished, round_trip) {
            Verdict::Ticket => Bytes::Ignored,
            Verdict::Doubtful => Bytes::Doubtful,
            Verdict::Content => Bytes::Content,
            Verdict::ContentSince(held) => {
                for (offset, seen, delivered) in held {
                    self.flights.server(offset, seen, delivered, context);
                }
                Bytes::Content
            }
        }
    }

    /// The client asks again: what was held back was the answer, unless it can only have been HTTP/2's preface.
    fn settle_before_request(&mut self, context: &mut Context) {
        if self.flights.awaits_response() && !self.doubt.is_preface_only() {
            self.settle(context);
        }
    }

    /// Nothing tells that what was held back were tickets: it is content.
    fn settle(&mut self, context: &mut Context) {
        for (offset, seen, delivered) in self.doubt.give_up() {
            self.flights.server(offset, seen, delivered, context);
        }
    }

    fn client_message(&mut self, message: Message, seen: Stamp, context: &mut Context) {
        if let Message::ClientHello(hello) = message {
            self.seen.client_hello.get_or_insert(seen);
            context.connection.scheme = if hello.alpn.is_empty() || speaks_http(&hello.alpn) { "https" } else { "tls" };
            context.connection.host.clone_from(&hello.server_name);
            context.alpn.clone_from(&hello.alpn);
            self.hello = Some(hello);
        }
    }

    fn server_message(&mut self, message: Message) {
        match message {
            Message::ServerHello(hello) if hello.is_retry => self.retried = true,
            Message::ServerHello(hello) => {
                self.group = hello.group;
                self.chosen = Some(hello);
            }
            Message::ServerKeyExchange(group) => self.group = group,
            _ => {}
        }
    }

    fn alert(&mut self, alert: Option<Alert>, by: Ending, at: Stamp, context: &Context) {
        let Some(alert) = alert.filter(|alert| *alert != Alert::CLOSE_NOTIFY && !self.is_ready) else { return };
        let (who, code) = match by {
            Ending::ClientLeft => ("the client".to_owned(), code_of_client(alert)),
            _ => (context.connection.server.to_string(), code_of_server(alert)),
        };
        let message = format!("{who} ended the handshake with an alert: {}", alert.name());
        self.alert.get_or_insert((Failure { phase: Phase::Tls, code, message }, at));
    }

    /// Whether a request may leave by now.
    fn judge(&mut self, client: Option<Stamp>, server: Option<Stamp>, context: &mut Context) {
        let Some(chosen) = self.chosen.as_ref().filter(|_| !self.is_ready) else { return };
        let asked = self.flights.open().and_then(|draft| draft.sent_first);
        let ready = if chosen.version == TLS13 {
            client
        } else {
            // With False Start (RFC 7918) the request does not wait for the server's Finished.
            client.and_then(|client| server.map(|server| server.max(client)).or(asked))
        };
        let Some(ready) = ready else { return };
        self.is_ready = true;
        self.seen.finished = client;
        self.seen.ready = Some(ready);
        self.seen.session = self.session(client, server);
        match self.flights.open() {
            Some(early) => early.tls = Some(self.seen.clone()),
            None => context.tls = Some(self.seen.clone()),
        }
    }

    fn session(&self, client: Option<Stamp>, server: Option<Stamp>) -> Option<TlsSession> {
        let chosen = self.chosen.as_ref()?;
        let modern = chosen.version == TLS13;
        let named = |hello: &ClientHello| !hello.session_id.is_empty() && hello.session_id == chosen.session_id;
        let resumed = if modern { chosen.by_key } else { self.hello.as_ref().is_some_and(named) };
        let waited_for_server = !modern && !resumed && server.is_some() && server >= client;
        Some(TlsSession {
            version: version_name(chosen.version),
            cipher: cipher_name(chosen.cipher),
            group: self.group.map(group_name),
            alpn: chosen.alpn.clone(),
            resumed,
            round_trips: 1 + u32::from(self.retried) + u32::from(waited_for_server),
        })
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

fn speaks_http(alpn: &[String]) -> bool {
    alpn.iter().any(|name| name == "h2" || name.starts_with("http/"))
}

fn collect(part: &[u8], alert: &mut [u8; 2], length: &mut usize) {
    for byte in part {
        if let Some(place) = alert.get_mut(*length) {
            *place = *byte;
        }
        *length += 1;
    }
}

/// What a client's alert says about the server's certificate (RFC 8446 §6.2).
const fn code_of_client(alert: Alert) -> FailureCode {
    match alert.description {
        45 => FailureCode::TlsCertificateExpired,
        48 => FailureCode::TlsCertificateUnknownIssuer,
        42..=44 | 46 => FailureCode::TlsCertificateInvalid,
        70 | 71 | 120 => FailureCode::TlsIncompatible,
        _ => FailureCode::TlsAlert,
    }
}

/// What a server's alert says about the client.
const fn code_of_server(alert: Alert) -> FailureCode {
    match alert.description {
        42..=46 | 48 | 49 | 116 => FailureCode::TlsClientCertificate,
        70 | 71 | 120 => FailureCode::TlsIncompatible,
        _ => FailureCode::TlsAlert,
    }
}

//! What both directions of a TLS connection say together: how far the handshake is, and what each record holds.

use super::Stamp;
use super::alert::{code_of_client, code_of_server};
use crate::event::{Failure, FailureCode, Phase, TlsSession};
use crate::flow::exchange::context::Context;
use crate::flow::exchange::draft::{Ending, TlsSeen};
use crate::flow::exchange::flights::Flights;
use crate::flow::exchange::stream::Piece;
use crate::flow::exchange::tickets::{Doubt, Gap, Held, Kind, Pace, Suspect, Verdict};
use crate::message::tls::{
    Alert, ClientHello, ContentType, Message, Record, ServerHello, cipher_name, group_name, version_name,
};
use crate::time::Nanos;

const TLS13: u16 = 0x0304;
/// Type and tag of an encrypted record of TLS 1.3, for all its cipher suites but one (RFC 8446 §5.2).
const OVERHEAD: usize = 17;
/// An alert in an encrypted record of TLS 1.3.
const ALERT: usize = 2 + OVERHEAD;
/// A `KeyUpdate` in an encrypted record of TLS 1.3.
const KEY_UPDATE: usize = 5 + OVERHEAD;
/// `TLS_AES_256_GCM_SHA384` is the only suite of TLS 1.3 with the longer hash.
const SHA384_SUITE: u16 = 0x1302;
/// Finished in an encrypted record of TLS 1.3, with the hash of 32 bytes and with that of 48.
const FINISHED: [usize; 2] = [4 + 32 + OVERHEAD, 4 + 48 + OVERHEAD];
/// HTTP/2 frames that ask for nothing: SETTINGS with ACK, `WINDOW_UPDATE` or `RST_STREAM`, PING or GOAWAY, and pairs of them.
const CONTROL: [usize; 5] = [9, 13, 17, 9 + 13, 13 + 13];

/// The words with which a client begins HTTP/2 (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// What the server begins HTTP/2 with has at most this length: SETTINGS of some parameters, with a `WINDOW_UPDATE`.
const SETTINGS: usize = 64;

/// What the bytes of the record under way are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bytes {
    /// Of the handshake, of an alert, or of a control frame.
    #[default]
    Ignored,
    /// A handshake message in clear text.
    Clear,
    /// An alert in clear text.
    Alert,
    /// Content.
    Content,
    /// Of the server: content, or a session ticket. Of the client: of the request that is open, or of the next one.
    Doubtful,
}

/// What both directions say together.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) seen: TlsSeen,
    pub(super) hello: Option<ClientHello>,
    pub(super) chosen: Option<ServerHello>,
    pub(super) group: Option<u16>,
    pub(super) retried: bool,
    pub(super) is_ready: bool,
    /// The first record of the client behind the ServerHello that was not of the length of a Finished.
    pub(super) packed: Option<(Stamp, u64)>,
    pub(super) alert: Option<(Failure, Stamp)>,
    /// The last packet of the handshake so far.
    pub(super) latest: Option<Stamp>,
    /// The server's first record behind the handshake was of an alert's length, and nothing has come since.
    pub(super) late_alert: Option<Stamp>,
    pub(super) flights: Flights,
    pub(super) doubt: Doubt,
    /// The ClientHello was sent again: what lies between it and the ServerHello is no round trip.
    pub(super) hello_again: Option<Stamp>,
    /// The end of the client's packet with Finished, and when a packet with bytes before that was sent again.
    pub(super) finished_end: Option<u64>,
    pub(super) finished_again: Option<Stamp>,
    pub(super) gap: Option<Gap>,
    /// The server has sent content, in TLS 1.2.
    pub(super) has_content: bool,
}

impl Shared {
    /// Bytes went by, at the latest now.
    pub(super) fn went_on(&mut self, at: Stamp) {
        if !self.is_ready {
            self.latest = self.latest.max(Some(at));
        }
    }

    pub(super) fn version(&self) -> Option<u16> {
        self.chosen.as_ref().map(|chosen| chosen.version)
    }

    pub(super) fn hides_types(&self) -> bool {
        self.version() == Some(TLS13)
    }

    /// What follows a `ChangeCipherSpec` is encrypted, and says what it is. In TLS 1.3 that record means nothing (RFC 8446 §5).
    pub(super) fn shows_types(&self) -> bool {
        self.chosen.is_some() && !self.hides_types()
    }

    /// The server has answered, and the capture cut what it chose: the handshake is taken for one of TLS 1.3, until the client
    /// goes on as in TLS 1.2.
    pub(super) fn is_unread(&self) -> bool {
        self.chosen.is_none() && self.seen.server_hello.is_some()
    }

    /// Bytes of content in a record of this length, where that can be told.
    pub(super) fn plain(&self, length: usize) -> Option<usize> {
        let Some(chosen) = &self.chosen else {
            return length.checked_sub(OVERHEAD).filter(|_| self.is_unread());
        };
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

    /// HTTP/2 may be spoken: it was chosen, or offered and the choice is hidden, or both are.
    pub(super) fn may_be_http2(&self) -> bool {
        let offered = || self.hello.as_ref().is_none_or(|hello| hello.alpn.iter().any(|name| name == "h2"));
        match &self.chosen {
            Some(chosen) if chosen.version != TLS13 => chosen.alpn.as_deref() == Some("h2"),
            _ => offered(),
        }
    }

    pub(super) fn is_control(&self, length: usize) -> bool {
        ((self.hides_types() || self.is_unread()) && (length == ALERT || length == KEY_UPDATE))
            || (self.may_be_http2() && self.plain(length).is_some_and(|plain| CONTROL.contains(&plain)))
    }

    pub(super) fn client_record(
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
            ContentType::ApplicationData if self.chosen.is_none() && !self.is_unread() => Bytes::Content,
            ContentType::ApplicationData if self.is_unread() && !self.is_ready && FINISHED.contains(&record.length) => {
                *finished = finished.or(Some(seen));
                Bytes::Ignored
            }
            ContentType::ApplicationData if !self.is_ready && !self.hides_types() && finished.is_none() => {
                // Its Finished is among the bytes that the capture cut.
                self.ready(None, self.latest.unwrap_or(seen), None, context);
                Bytes::Content
            }
            ContentType::ApplicationData if self.hides_types() && finished.is_none() => {
                let chosen = self.chosen.as_ref().map_or(0, |chosen| chosen.cipher);
                if record.length == FINISHED[usize::from(chosen == SHA384_SUITE)] {
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
            ContentType::ApplicationData if self.is_control(record.length) => {
                if self.may_be_http2() && self.plain(record.length).is_some_and(|plain| CONTROL.contains(&plain)) {
                    self.doubt.speaks_http2();
                }
                Bytes::Ignored
            }
            ContentType::ApplicationData => {
                let is_first = self.flights.open().is_none();
                if is_first && self.may_be_http2() && self.plain(record.length) == Some(PREFACE) {
                    self.doubt.speaks_http2();
                }
                if !self.flights.awaits_response() {
                    return Bytes::Content;
                }
                if self.doubt.is_open() {
                    return Bytes::Doubtful;
                }
                // The client asks again: what was held back was the answer.
                self.settle(context);
                Bytes::Content
            }
            _ => Bytes::Ignored,
        }
    }

    pub(super) fn server_record(
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
            ContentType::ApplicationData if self.is_unread() => {
                if self.is_ready {
                    self.behind_handshake(record, piece, covered, context)
                } else {
                    Bytes::Ignored
                }
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
    pub(super) fn behind_handshake(
        &mut self,
        record: Record,
        piece: &Piece<'_>,
        covered: u64,
        context: &mut Context,
    ) -> Bytes {
        if self.is_control(record.length) {
            if record.length == ALERT && self.flights.awaits_response() {
                self.late_alert.get_or_insert(piece.delivered);
            }
            return Bytes::Ignored;
        }
        self.late_alert = None;
        let asked = self.doubt.asked_end().or_else(|| self.flights.open().map(|draft| draft.sent_end));
        let gap = self.gap.filter(|gap| gap.end > piece.offset);
        let covered = gap.map_or(covered, |gap| covered.min(gap.covered));
        let may_answer = asked.is_some_and(|end| covered >= end);
        let is_settings = self.may_be_http2() && self.plain(record.length).is_some_and(|plain| plain <= SETTINGS);
        let kind = if is_settings { Some(Kind::Settings) } else { Kind::of_length(record.length) };
        let sent = gap.map_or(piece.seen, |gap| gap.at.min(piece.seen));
        let suspect = Suspect { length: record.length, kind, may_answer, sent };
        let pace = Pace {
            finished: self.seen.finished,
            again: self.finished_again,
            round_trip: context.round_trip.or_else(|| self.hello_round_trip()),
        };
        match self.doubt.judge(suspect, piece, pace) {
            Verdict::Ticket(held) => {
                self.release(held, context);
                Bytes::Ignored
            }
            Verdict::Doubtful => Bytes::Doubtful,
            Verdict::Content(held) => {
                self.release(held, context);
                Bytes::Content
            }
        }
    }

    /// From the ClientHello to the ServerHello, which is a round trip and what the server takes for its keys.
    fn hello_round_trip(&self) -> Option<Nanos> {
        let (asked, answered) = self.seen.client_hello.zip(self.seen.server_hello)?;
        (self.hello_again.is_none() && !self.retried).then(|| answered.since(asked))
    }

    /// Bytes of the client from this offset on were sent again.
    pub(super) fn sent_again(&mut self, offset: u64, at: Stamp) {
        if self.seen.server_hello.is_none() {
            self.hello_again = Some(at);
        }
        if self.finished_end.is_some_and(|end| offset < end) {
            self.finished_again = Some(at);
        }
    }

    /// The server had sent bytes by now that have not been seen.
    pub(super) fn gap(&mut self, gap: Gap, next: u64) {
        if self.gap.is_none_or(|known| known.end <= next) {
            self.gap = Some(gap);
        }
    }

    /// The client said this while it was open whether it has its answer.
    pub(super) fn asked(&mut self, begin: u64, end: u64, seen: Stamp, context: &mut Context) {
        if self.doubt.is_settled() {
            self.flights.client(begin, end, seen, context);
        } else {
            self.doubt.ask(begin, end, seen);
        }
    }

    /// The server's TCP has acknowledged the client's stream up to here.
    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        self.flights.acknowledged(offset, at);
        self.doubt.acknowledged(offset, at);
    }

    /// Nothing will tell any more what it was that is held back.
    pub(super) fn settle(&mut self, context: &mut Context) {
        let held = self.doubt.give_up();
        self.release(held, context);
    }

    /// What was held back takes its course.
    fn release(&mut self, held: Vec<Held>, context: &mut Context) {
        for held in held {
            match held {
                Held::Record(record) => self.flights.server(record.offset, record.seen, record.delivered, context),
                Held::Asked(bytes) => {
                    for seen in [bytes.first, bytes.last] {
                        self.flights.client(bytes.begin, bytes.end, seen, context);
                    }
                    if let Some(at) = bytes.acknowledged {
                        self.flights.acknowledged(bytes.end, at);
                    }
                }
            }
        }
    }

    pub(super) fn client_message(&mut self, message: Message, seen: Stamp, context: &mut Context) {
        if let Message::ClientHello(hello) = message {
            self.seen.client_hello.get_or_insert(seen);
            context.connection.scheme = if hello.alpn.is_empty() || speaks_http(&hello.alpn) { "https" } else { "tls" };
            context.connection.host.clone_from(&hello.server_name);
            context.alpn.clone_from(&hello.alpn);
            self.hello = Some(hello);
        }
    }

    pub(super) fn server_message(&mut self, message: Message) {
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

    pub(super) fn alert(&mut self, alert: Option<Alert>, by: Ending, at: Stamp, context: &Context) {
        let Some(alert) = alert.filter(|alert| *alert != Alert::CLOSE_NOTIFY && !self.is_ready) else { return };
        let (who, code) = match by {
            Ending::ClientLeft => ("the client".to_owned(), code_of_client(alert)),
            _ => (context.connection.server.to_string(), code_of_server(alert)),
        };
        let message = format!("{who} ended the handshake with an alert: {}", alert.name());
        self.alert.get_or_insert((Failure { phase: Phase::Tls, code, message }, at));
    }

    /// Whether a request may leave by now.
    pub(super) fn judge(&mut self, client: Option<Stamp>, server: Option<Stamp>, context: &mut Context) {
        let asked = self.flights.open().and_then(|draft| draft.sent_first);
        let ready = match &self.chosen {
            _ if self.is_ready => None,
            Some(chosen) if chosen.version == TLS13 => client,
            // With False Start (RFC 7918) the request does not wait for the server's Finished; or the capture cut that.
            Some(_) => client.and_then(|client| server.or(asked.and(self.latest)).map(|latest| latest.max(client))),
            None => client.filter(|_| self.is_unread()),
        };
        if let Some(ready) = ready {
            self.ready(client, ready, server, context);
        }
    }

    /// A request may leave from now on.
    pub(super) fn ready(&mut self, client: Option<Stamp>, ready: Stamp, server: Option<Stamp>, context: &mut Context) {
        self.is_ready = true;
        self.seen.finished = client;
        self.seen.ready = Some(ready);
        self.seen.session = self.session(client, server);
        match self.flights.open() {
            Some(early) => early.tls = Some(self.seen.clone()),
            None => context.tls = Some(self.seen.clone()),
        }
    }

    pub(super) fn session(&self, client: Option<Stamp>, server: Option<Stamp>) -> Option<TlsSession> {
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

fn speaks_http(alpn: &[String]) -> bool {
    alpn.iter().any(|name| name == "h2" || name.starts_with("http/"))
}

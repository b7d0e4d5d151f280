//! Exchanges of which only the flights are known: bytes of the client, then bytes of the server.
//!
//! An exchange lasts from the client's first byte until the last byte of the server before the client speaks again. Where the
//! server speaks first on a new connection (SMTP, SSH), its greeting is an exchange without a request.
//!
//! The limit: a protocol in which both ends speak at once, or which asks again before it has its answer (HTTP/2 with
//! several streams, a pipeline), is seen as fewer and longer exchanges, or as exchanges cut elsewhere than its own.

use super::Stamp;
use super::context::Context;
use super::draft::{Draft, Ending};

/// What it means that a client speaks, gets no answer and leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nothing: nobody knows whether the protocol has answers.
    #[default]
    Farewell,
    /// The client gave up, unless the flight is short and not the first: then it said goodbye.
    GaveUp,
}

/// A flight of so many bytes and less at the end of a connection is a farewell (TLS alerts, HTTP/2's GOAWAY).
const FAREWELL: u64 = 64;

/// The state of a connection.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Option<Draft>,
    begins_at: u64,
    unanswered: Unanswered,
}

impl Flights {
    pub(super) fn new(unanswered: Unanswered) -> Self {
        Self { unanswered, ..Self::default() }
    }

    /// Goes on with an exchange that was under way.
    pub(super) fn with(draft: Option<Draft>) -> Self {
        Self { open: draft, ..Self::default() }
    }

    /// The exchange under way.
    pub(super) fn open(&mut self) -> Option<&mut Draft> {
        self.open.as_mut()
    }

    /// When the exchange under way began.
    pub(super) fn under_way_since(&self) -> Option<Stamp> {
        self.open.as_ref().and_then(Draft::first_seen)
    }

    /// Whether the client has spoken and the server has not answered yet.
    pub(super) fn awaits_response(&self) -> bool {
        self.open.as_ref().is_some_and(|draft| draft.got_first.is_none())
    }

    /// Bytes of the client, up to `end`.
    #[inline]
    pub(super) fn client(&mut self, begin: u64, end: u64, seen: Stamp, context: &mut Context) {
        if !self.awaits_response() {
            if let Some(done) = self.open.take() {
                context.complete(done);
            }
            self.open = Some(context.draft());
            self.begins_at = begin;
        }
        if let Some(draft) = &mut self.open {
            draft.sent(seen, end);
        }
    }

    /// Bytes of the server.
    #[inline]
    pub(super) fn server(&mut self, offset: u64, seen: Stamp, delivered: Stamp, context: &mut Context) {
        if self.open.is_none() && context.opening.is_some() {
            self.open = Some(context.draft());
        }
        if let Some(draft) = &mut self.open {
            draft.is_sent = draft.sent_first.is_some();
            draft.got(offset, seen, delivered);
        }
    }

    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        if let Some(draft) = &mut self.open {
            draft.acknowledge(offset, at);
        }
    }

    pub(super) fn end(&mut self, ending: Ending, at: Stamp, context: &mut Context) {
        let Some(mut draft) = self.open.take() else { return };
        if draft.got_first.is_some() {
            context.complete(draft);
            return;
        }
        draft.is_sent = true;
        let is_farewell = match self.unanswered {
            Unanswered::Farewell => true,
            Unanswered::GaveUp => !draft.is_first() && draft.sent_end.saturating_sub(self.begins_at) <= FAREWELL,
        };
        match (ending, is_farewell) {
            (Ending::ClientLeft, true) if draft.is_first() => context.complete(draft),
            (Ending::ClientLeft, true) => {}
            _ => context.cut_off(draft, ending, at),
        }
    }
}

//! Exchanges of clear HTTP/1.1 (RFC 9112): one for each request, whether kept alive or in a pipeline.
//!
//! Responses belong to requests in their order. A response that ends before its request does ends the exchange; what of the
//! request still comes is passed over.
//!
//! Deliberately absent: bodies, and what a protocol switch or a tunnel carries.

use std::collections::VecDeque;

use super::Stamp;
use super::context::Context;
use super::draft::{Draft, Ending};
use super::stream::Piece;
use crate::event::{Failure, FailureCode, ResponseHead};
use crate::message::http::{Fault, Item, Method, Reader, RequestLine, Requests, Responses};

/// Requests in a pipeline that are followed; those behind them are not.
const MOST_OPEN: usize = 256;
/// 1xx responses to one request that are remembered.
const MOST_INFORMATIONAL: usize = 64;

/// What becomes of a connection after a piece.
#[derive(Debug)]
pub(super) enum Turn {
    /// It goes on.
    Stay,
    /// It is not HTTP/1.1, or no longer readable as such: the exchange under way goes on as flights.
    Unreadable(Option<Box<Draft>>),
    /// A tunnel begins behind so many bytes of the piece.
    Tunnel(usize),
    /// Another protocol begins in which requests cannot be told from responses.
    Switched,
}

/// The state of a connection.
#[derive(Debug, Default)]
pub(super) struct Http {
    requests: Reader<Requests>,
    responses: Reader<Responses>,
    open: VecDeque<Draft>,
    /// The request under way is the last one of `open`.
    is_sending: bool,
    opens_tunnel: bool,
}

impl Http {
    pub(super) fn client(&mut self, piece: &Piece<'_>, context: &mut Context) -> Turn {
        let Self { requests, responses, open, is_sending, .. } = self;
        let end = piece.offset + piece.bytes.len() as u64;
        let mut up = |item: Item<RequestLine>| {
            if item == Item::Began {
                *is_sending = open.len() < MOST_OPEN;
                if *is_sending {
                    open.push_back(context.draft());
                }
            }
            let Some(draft) = open.back_mut().filter(|_| *is_sending) else { return };
            draft.sent(piece.seen, end);
            match item {
                Item::Began => {}
                Item::Head(line) => {
                    responses.role().expect(Method::from(line.method.as_str()));
                    draft.request = Some(line);
                }
                Item::Body(length) => draft.request_body += length,
                Item::Ended => {
                    draft.is_sent = true;
                    *is_sending = false;
                }
            }
        };
        let read = requests.take(piece.bytes, &mut up).map(|_| ()).and_then(|()| match piece.missing {
            0 => Ok(()),
            missing => requests.skip(missing, &mut up),
        });
        if read.is_ok() {
            return Turn::Stay;
        }
        let last = self.open.pop_back();
        self.fail_all(&Fault::Hole, piece.seen, context);
        Turn::Unreadable(last.map(Box::new))
    }

    pub(super) fn server(&mut self, piece: &Piece<'_>, context: &mut Context) -> Turn {
        let Self { responses, open, is_sending, opens_tunnel, .. } = self;
        let mut up = |item: Item<ResponseHead>| {
            // A response to a request that nobody saw.
            let Some(draft) = open.front_mut() else { return };
            match item {
                Item::Began => draft.got(piece.offset, piece.seen, piece.delivered),
                Item::Head(head) if (100..200).contains(&head.status) && head.status != 101 => {
                    if draft.informational.len() < MOST_INFORMATIONAL {
                        draft.informational.push((head.status, draft.got_first.unwrap_or(piece.seen)));
                    }
                    (draft.got_first, draft.got_last) = (None, None);
                }
                Item::Head(head) => {
                    draft.got(piece.offset, piece.seen, piece.delivered);
                    draft.head_complete = Some(piece.delivered);
                    draft.response = Some(head);
                    let method = draft.request.as_ref().map(|line| line.method.as_str());
                    *opens_tunnel = method == Some("CONNECT");
                }
                Item::Body(length) => {
                    draft.got(piece.offset, piece.seen, piece.delivered);
                    draft.first_body.get_or_insert(piece.seen);
                    draft.response_body += length;
                }
                Item::Ended => {
                    draft.got(piece.offset, piece.seen, piece.delivered);
                    if let Some(done) = open.pop_front() {
                        *is_sending &= !open.is_empty();
                        context.complete(done);
                    }
                }
            }
        };
        let read = responses.take(piece.bytes, &mut up).and_then(|taken| match piece.missing {
            0 => Ok(taken),
            _ if taken < piece.bytes.len() => Ok(taken),
            missing => responses.skip(missing, &mut up).map(|()| taken),
        });
        match read {
            Ok(taken) if self.responses.has_switched() => {
                if self.opens_tunnel {
                    Turn::Tunnel(taken)
                } else {
                    Turn::Switched
                }
            }
            Ok(_) => Turn::Stay,
            Err(Fault::Hole) => {
                let front = self.open.pop_front();
                self.fail_all(&Fault::Hole, piece.seen, context);
                Turn::Unreadable(front.map(Box::new))
            }
            Err(fault) => {
                self.fail_all(&fault, piece.seen, context);
                Turn::Unreadable(None)
            }
        }
    }

    pub(super) fn acknowledged(&mut self, offset: u64, at: Stamp) {
        for draft in &mut self.open {
            draft.acknowledge(offset, at);
        }
    }

    /// When the earliest exchange began that is not over: they end in the order in which they begin.
    pub(super) fn under_way_since(&self) -> Option<Stamp> {
        self.open.front().and_then(Draft::first_seen)
    }

    /// The server has closed its direction, which ends a body of unknown length, and everything that is open.
    pub(super) fn end(&mut self, ending: Ending, at: Stamp, context: &mut Context) {
        if ending == Ending::ServerClosed
            && self.responses.close()
            && let Some(done) = self.open.pop_front()
        {
            context.complete(done);
        }
        for draft in self.open.drain(..) {
            context.cut_off(draft, ending, at);
        }
    }

    fn fail_all(&mut self, fault: &Fault, at: Stamp, context: &mut Context) {
        for mut draft in self.open.drain(..) {
            if draft.response.is_none() {
                // What came is no response.
                (draft.got_first, draft.got_last) = (None, None);
            }
            let (phase, server) = (draft.phase(context.connection.side), context.connection.server);
            let code = match fault {
                Fault::HeadTooLong => FailureCode::HttpHeadTooLarge,
                Fault::UnclearLength(_) | Fault::NotChunked(_) => FailureCode::HttpBadFraming,
                Fault::NotHttp(_) | Fault::Hole => FailureCode::HttpMalformed,
            };
            context.failed(draft, Failure { phase, code, message: format!("the answer of {server}: {fault}") }, at);
        }
    }
}

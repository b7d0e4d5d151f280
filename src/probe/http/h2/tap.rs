//! The byte stream below HTTP/2, and what its frames say of when requests left and responses arrived.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use nix::poll::PollFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::Exchange;
use crate::probe::deadline::Deadline;
use crate::probe::http::frames::{END_HEADERS, END_STREAM, Frame, FrameParser, Kind};
use crate::probe::http::log::ExchangeLog;
use crate::probe::socket::{Arrival, Arrivals, Progress, StreamError};
use crate::probe::stream::{Inbound, Stream};

/// The stream, and who watches it.
#[derive(Debug)]
pub(super) struct Tap {
    stream: Stream,
    unread: VecDeque<u8>,
    wants_write: bool,
    closed: bool,
    error: Option<StreamError>,
    outgoing: Outgoing,
    incoming: Incoming,
}

impl Tap {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            unread: VecDeque::new(),
            wants_write: false,
            closed: false,
            error: None,
            outgoing: Outgoing {
                parser: FrameParser::after_preface(),
                seen: Vec::new(),
                ending: None,
                head: HeadSent::default(),
            },
            incoming: Incoming { parser: FrameParser::new(), heads: Vec::new(), first_data: None, latest: None },
        }
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The peer has closed the byte stream.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Why the byte stream failed, once.
    pub(super) fn take_error(&mut self) -> Option<StreamError> {
        self.error.take()
    }

    /// Whether the last frame of a request has been handed over.
    pub(super) fn has_sent(&self, stream: u32) -> bool {
        self.outgoing.end_of(stream).is_some()
    }

    /// Waits until the byte stream may move.
    pub(super) fn wait(&mut self, deadline: &Deadline) -> Result<(), StreamError> {
        let interest = if self.wants_write { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        self.stream.wait(interest, deadline).map(|_| ())
    }

    /// What the frames said of an exchange.
    pub(super) fn transcribe(&mut self, exchange: &Exchange<'_>, log: &mut ExchangeLog) {
        let sent_to = self.outgoing.end_of(exchange.stream).or_else(|| self.outgoing.latest_of(exchange.stream));
        if let Some(offset) = sent_to {
            log.sent = self.stream.left(offset);
            log.acknowledged = self.stream.acknowledged(offset);
        }
        let head = self.outgoing.head;
        let written = head.stream == exchange.stream && self.stream.written() >= head.end;
        if written {
            log.head_bytes_sent = head.bytes;
            log.begun = self.stream.left(head.end).map(|left| left.handed);
        }
        let incoming = &self.incoming;
        let heads: Vec<&HeadSeen> = incoming.heads.iter().filter(|head| head.stream == exchange.stream).collect();
        log.informational =
            exchange.informational.iter().zip(&heads).map(|(status, head)| (*status, head.first)).collect();
        let mut final_head = heads.get(exchange.informational.len()).copied();
        // A complete head of frames that the protocol library has not looked at yet, or refused, is no final response.
        final_head = final_head.filter(|_| exchange.has_head);
        if let (Some(seen), Some(head)) = (final_head, &mut log.head) {
            log.first_byte = Some(seen.first);
            log.head_complete = seen.complete;
            head.header_bytes = seen.bytes;
            log.first_body_byte =
                incoming.first_data.filter(|(stream, _)| *stream == exchange.stream).map(|(_, at)| at);
            log.last_byte = incoming.latest.filter(|(stream, _)| *stream == exchange.stream).map(|(_, at)| at);
        }
    }

    fn failed(&mut self, error: StreamError) -> io::Error {
        self.error = Some(error);
        io::ErrorKind::ConnectionReset.into()
    }

    fn poll_flush(&mut self) -> Poll<io::Result<()>> {
        match self.stream.try_flush() {
            Ok(Progress::Made(())) => {
                self.wants_write = false;
                Poll::Ready(Ok(()))
            }
            Ok(Progress::Blocked) => {
                self.wants_write = true;
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.failed(error))),
        }
    }
}

/// Where the frames of requests ended in the TCP stream.
#[derive(Debug)]
struct Outgoing {
    parser: FrameParser<u64>,
    /// Stream, offset of the frame's end, whether it ends the request.
    seen: Vec<(u32, u64, bool)>,
    /// A request that ends with its head, the head of which continues.
    ending: Option<u32>,
    /// The latest head.
    head: HeadSent,
}

impl Outgoing {
    fn watch(&mut self, bytes: &[u8], end: u64) {
        let Self { parser, seen, ending, head } = self;
        parser.feed(
            bytes,
            |_| end,
            |frame: Frame<u64>| {
                let ends_stream = frame.flags & END_STREAM != 0;
                let ends_head = frame.flags & END_HEADERS != 0;
                if matches!(frame.kind, Kind::Headers | Kind::Continuation) {
                    let before = if head.stream == frame.stream { head.bytes } else { 0 };
                    *head = HeadSent { stream: frame.stream, bytes: before + frame.length, end: frame.last };
                }
                let ends = match frame.kind {
                    Kind::Headers if ends_stream && !ends_head => {
                        *ending = Some(frame.stream);
                        false
                    }
                    Kind::Data | Kind::Headers => ends_stream,
                    Kind::Continuation => ends_head && ending.take_if(|stream| *stream == frame.stream).is_some(),
                    Kind::Other => return,
                };
                seen.retain(|(stream, _, ended)| *stream != frame.stream || *ended);
                seen.push((frame.stream, frame.last, ends));
            },
        );
    }

    fn end_of(&self, stream: u32) -> Option<u64> {
        self.seen.iter().find(|(id, _, ends)| *id == stream && *ends).map(|(_, end, _)| *end)
    }

    fn latest_of(&self, stream: u32) -> Option<u64> {
        self.seen.iter().rev().find(|(id, ..)| *id == stream).map(|(_, end, _)| *end)
    }
}

/// The head of a request.
#[derive(Clone, Copy, Debug, Default)]
struct HeadSent {
    stream: u32,
    /// Of its frames.
    bytes: u64,
    /// Where they end in the TCP stream.
    end: u64,
}

/// One head of a response, or its trailers.
#[derive(Clone, Copy, Debug)]
struct HeadSeen {
    stream: u32,
    first: Arrival,
    complete: Option<Arrival>,
    bytes: u64,
}

/// When the frames of responses arrived.
#[derive(Debug)]
struct Incoming {
    parser: FrameParser<Arrivals>,
    heads: Vec<HeadSeen>,
    first_data: Option<(u32, Arrival)>,
    latest: Option<(u32, Arrival)>,
}

impl Incoming {
    fn watch(&mut self, bytes: &[u8], arrivals: Arrivals) {
        let Self { parser, heads, first_data, latest } = self;
        let of_byte = |index: usize| arrivals.part(index..index + 1);
        parser.feed(bytes, of_byte, |frame: Frame<Arrivals>| {
            let (first, last) = (frame.first.first, frame.last.last);
            let complete = (frame.flags & END_HEADERS != 0).then_some(last);
            match frame.kind {
                Kind::Headers => {
                    heads.retain(|head| head.stream == frame.stream);
                    heads.push(HeadSeen { stream: frame.stream, first, complete, bytes: frame.length });
                }
                Kind::Continuation => {
                    if let Some(head) = heads.last_mut() {
                        head.complete = complete;
                        head.bytes += frame.length;
                    }
                }
                Kind::Data if frame.length > 9 && first_data.is_none_or(|(stream, _)| stream != frame.stream) => {
                    *first_data = Some((frame.stream, first));
                }
                Kind::Data => {}
                Kind::Other => return,
            }
            *latest = Some((frame.stream, last));
        });
    }
}

/// The stream as the protocol library sees it.
pub(super) struct Tapped(pub(super) Rc<RefCell<Tap>>);

impl AsyncRead for Tapped {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut tap = self.0.borrow_mut();
        if tap.unread.is_empty() {
            match tap.stream.try_chunk() {
                Ok(Progress::Blocked) => return Poll::Pending,
                Ok(Progress::Made(Inbound::Closed | Inbound::Truncated)) => {
                    tap.closed = true;
                    return Poll::Ready(Ok(()));
                }
                Ok(Progress::Made(Inbound::Bytes(chunk))) => {
                    tap.incoming.watch(&chunk.bytes, chunk.arrivals);
                    tap.unread.extend(chunk.bytes);
                }
                Err(error) => return Poll::Ready(Err(tap.failed(error))),
            }
        }
        let length = buffer.remaining().min(tap.unread.len());
        let (front, _) = tap.unread.make_contiguous().split_at(length);
        buffer.put_slice(front);
        tap.unread.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut tap = self.0.borrow_mut();
        match tap.poll_flush() {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {}
        }
        let end = tap.stream.queue(bytes);
        tap.outgoing.watch(bytes, end);
        match tap.poll_flush() {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush()
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

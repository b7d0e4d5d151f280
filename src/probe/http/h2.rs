//! HTTP/2: the `h2` crate speaks the protocol over our stream, and two frame parsers beside it watch the same bytes.
//!
//! The crate is driven by hand: its futures are polled whenever the stream may have moved, and `poll(2)` waits in between.
//! Where a frame's bytes lie in the stream says when they left or arrived, whatever time the crate took to look at them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use nix::poll::PollFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::coding::BodySink;
use super::frames::{END_HEADERS, END_STREAM, Frame, FrameParser, Kind};
use super::log::ExchangeLog;
use super::{Head, LONGEST_HEAD};
use crate::event::{Failure, FailureCode, Headers, Phase, ResponseHead, TransportCounters};
use crate::probe::deadline::Deadline;
use crate::probe::fault::{self, fault};
use crate::probe::socket::{Arrival, Arrivals, Progress, StreamError};
use crate::probe::stream::{Inbound, Stream};

/// Large enough that no download waits for a window to open.
const WINDOW: u32 = 8 * 1_024 * 1_024;

/// A connection that speaks HTTP/2.
#[derive(Debug)]
pub(crate) struct Session {
    tap: Rc<RefCell<Tap>>,
    state: State,
    woken: Arc<Woken>,
}

enum State {
    /// The preface has not been written yet.
    New,
    Open {
        sender: SendRequest<Bytes>,
        /// `None` once the peer has ended it: what came before that may still wait to be handed out.
        connection: Option<Box<Connection<Tapped, Bytes>>>,
    },
    Closed,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "New",
            Self::Open { .. } => "Open",
            Self::Closed => "Closed",
        })
    }
}

impl Session {
    pub(super) fn new(stream: Stream) -> Self {
        Self { tap: Rc::new(RefCell::new(Tap::new(stream))), state: State::New, woken: Arc::default() }
    }

    /// Whether another request may follow: the peer has not ended the connection since the last one.
    pub(super) fn is_reusable(&mut self) -> bool {
        let State::Open { connection: Some(connection), .. } = &mut self.state else { return false };
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(connection).poll(&mut Context::from_waker(&waker)).is_pending() && !self.tap.borrow().closed
    }

    pub(super) fn start_counting(&mut self) {
        self.tap.borrow_mut().stream.start_counting();
    }

    pub(super) fn counters(&self) -> Option<TransportCounters> {
        self.tap.borrow().stream.counters()
    }

    pub(super) fn exchange(
        &mut self,
        head: &Head,
        body: &[u8],
        sink: &mut BodySink<'_>,
        log: &mut ExchangeLog,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let mut exchange = Exchange::new(body);
        let result = self.converse(&mut exchange, head, sink, log, deadline);
        self.transcribe(&exchange, log);
        if result.is_err() {
            self.state = State::Closed;
        }
        result
    }

    fn converse(
        &mut self,
        exchange: &mut Exchange<'_>,
        head: &Head,
        sink: &mut BodySink<'_>,
        log: &mut ExchangeLog,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let request = request(head)?;
        self.open(deadline)?;
        self.drive(deadline, Standing::BEFORE, h2::client::SendRequest::poll_ready)?;
        let State::Open { sender, .. } = &mut self.state else { return Err(not_open()) };
        let (response, outgoing) =
            sender.send_request(request, exchange.body.is_empty()).map_err(|error| cannot_send(&error.to_string()))?;
        exchange.stream = u32::from(response.stream_id());
        exchange.outgoing = Some(outgoing);
        exchange.response = Some(response);
        loop {
            let step = self.drive(deadline, exchange.standing(), |_, cx| exchange.poll_step(cx))?;
            match step {
                Step::Informational(status) => exchange.informational.push(status),
                Step::Head(head) => {
                    sink.begin(&head)?;
                    exchange.has_head = true;
                    log.head = Some(head);
                }
                Step::Bytes(bytes) => {
                    log.body_bytes += bytes.len() as u64;
                    sink.write(&bytes)?;
                }
                Step::Done => return sink.finish(),
            }
        }
    }

    fn open(&mut self, deadline: &Deadline) -> Result<(), Failure> {
        if !matches!(self.state, State::New) {
            return Ok(());
        }
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX));
        let mut handshake = Box::pin(builder.handshake::<_, Bytes>(Tapped(Rc::clone(&self.tap))));
        let (sender, connection) = self.block_on(deadline, Standing::BEFORE, |cx| handshake.as_mut().poll(cx))?;
        self.state = State::Open { sender, connection: Some(Box::new(connection)) };
        Ok(())
    }

    /// Polls the connection and `step` until `step` is ready.
    fn drive<T>(
        &mut self,
        deadline: &Deadline,
        standing: Standing,
        mut step: impl FnMut(&mut SendRequest<Bytes>, &mut Context<'_>) -> Poll<Result<T, h2::Error>>,
    ) -> Result<T, Failure> {
        let State::Open { mut sender, mut connection } = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(not_open());
        };
        let result = self.block_on(deadline, standing, |cx| {
            let stepped = step(&mut sender, cx);
            let Some(alive) = connection.as_mut().filter(|_| stepped.is_pending()) else { return stepped };
            let Poll::Ready(ended) = Pin::new(alive).poll(cx) else { return Poll::Pending };
            connection = None;
            // What had arrived before the peer ended the connection is still to be handed out.
            match (step(&mut sender, cx), ended) {
                (Poll::Pending, Err(error)) => Poll::Ready(Err(error)),
                (stepped, _) => stepped,
            }
        });
        self.state = State::Open { sender, connection };
        result
    }

    /// Runs `poll` whenever the stream may have moved, until it is ready.
    fn block_on<T>(
        &self,
        deadline: &Deadline,
        standing: Standing,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, h2::Error>>,
    ) -> Result<T, Failure> {
        const DOING: &str = "speaking HTTP/2";
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut cx = Context::from_waker(&waker);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            match poll(&mut cx) {
                Poll::Ready(Ok(value)) => return Ok(value),
                Poll::Ready(Err(error)) => return Err(self.explain(&error, self.phase(standing))),
                Poll::Pending => {}
            }
            // The futures may have something for one another before the stream has something for them.
            if self.woken.0.load(Ordering::Relaxed) {
                continue;
            }
            let phase = self.phase(standing);
            let mut tap = self.tap.borrow_mut();
            if tap.closed {
                return Err(fault::closed(phase, DOING));
            }
            let interest = if tap.wants_write { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
            tap.stream.wait(interest, deadline).map_err(|error| fault::stream(phase, &error, DOING))?;
        }
    }

    fn explain(&self, error: &h2::Error, phase: Phase) -> Failure {
        if let Some(stream_error) = self.tap.borrow_mut().error.take() {
            return fault::stream(phase, &stream_error, "speaking HTTP/2");
        }
        if self.tap.borrow().closed && error.is_io() {
            return fault::closed(phase, "speaking HTTP/2");
        }
        match error.reason() {
            Some(reason) if error.is_remote() => {
                let what = if error.is_go_away() { "connection" } else { "stream" };
                fault(phase, FailureCode::HttpStreamError, format!("the peer ended the {what} with {reason:?}"))
            }
            _ => fault(phase, FailureCode::HttpMalformed, format!("the answer is not HTTP/2: {error}")),
        }
    }

    fn phase(&self, standing: Standing) -> Phase {
        if standing.has_head {
            Phase::Receive
        } else if self.tap.borrow().outgoing.end_of(standing.stream).is_some() {
            Phase::Wait
        } else {
            Phase::Send
        }
    }

    /// What the frames said of this exchange.
    fn transcribe(&self, exchange: &Exchange<'_>, log: &mut ExchangeLog) {
        let mut tap = self.tap.borrow_mut();
        let sent_to = tap.outgoing.end_of(exchange.stream).or_else(|| tap.outgoing.latest_of(exchange.stream));
        if let Some(offset) = sent_to {
            log.sent = tap.stream.left(offset);
            log.acknowledged = tap.stream.acknowledged(offset);
        }
        let (stream, bytes) = tap.outgoing.head;
        log.head_bytes_sent = if stream == exchange.stream { bytes } else { 0 };
        let incoming = &tap.incoming;
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
}

fn not_open() -> Failure {
    fault(Phase::Send, FailureCode::SendFailed, "the HTTP/2 connection is closed")
}

fn cannot_send(why: &str) -> Failure {
    fault(Phase::Send, FailureCode::ClientCannotSend, format!("the request cannot be sent over HTTP/2: {why}"))
}

fn request(head: &Head) -> Result<http::Request<()>, Failure> {
    let mut builder = http::Request::builder()
        .method(head.method.as_str())
        .uri(format!("{}://{}{}", head.scheme, head.authority, head.path))
        .version(http::Version::HTTP_2);
    for (name, value) in head.h2_fields() {
        builder = builder.header(name, value);
    }
    builder.body(()).map_err(|error| cannot_send(&error.to_string()))
}

/// How far an exchange has come, as far as the frames do not say it.
#[derive(Clone, Copy, Debug)]
struct Standing {
    stream: u32,
    has_head: bool,
}

impl Standing {
    /// No request yet: there is no stream 0.
    const BEFORE: Self = Self { stream: 0, has_head: false };
}

/// One request and its response under way.
struct Exchange<'b> {
    stream: u32,
    body: &'b [u8],
    outgoing: Option<SendStream<Bytes>>,
    response: Option<ResponseFuture>,
    incoming: Option<RecvStream>,
    informational: Vec<u16>,
    has_head: bool,
}

/// What polling an exchange brought.
enum Step {
    Informational(u16),
    Head(ResponseHead),
    Bytes(Bytes),
    Done,
}

impl<'b> Exchange<'b> {
    fn new(body: &'b [u8]) -> Self {
        Self {
            stream: 0,
            body,
            outgoing: None,
            response: None,
            incoming: None,
            informational: Vec::new(),
            has_head: false,
        }
    }

    fn standing(&self) -> Standing {
        Standing { stream: self.stream, has_head: self.has_head }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, h2::Error>> {
        if !self.body.is_empty()
            && let Poll::Ready(Err(error)) = self.poll_send(cx)
            && !self.has_head
            && error.reason() != Some(h2::Reason::NO_ERROR)
        {
            return Poll::Ready(Err(error));
        }
        if let Some(response) = &mut self.response {
            if let Poll::Ready(Some(informational)) = response.poll_informational(cx) {
                return Poll::Ready(informational.map(|head| Step::Informational(head.status().as_u16())));
            }
            return match Pin::new(response).poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(answered)) => {
                    self.response = None;
                    let (parts, body) = answered.into_parts();
                    self.incoming = Some(body);
                    Poll::Ready(Ok(Step::Head(response_head(&parts))))
                }
            };
        }
        self.poll_body(cx)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, h2::Error>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(Ok(Step::Done)) };
        match incoming.poll_data(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                // Cannot fail: exactly what was received is released.
                let _ = incoming.flow_control().release_capacity(bytes.len());
                Poll::Ready(Ok(Step::Bytes(bytes)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(None) => match incoming.poll_trailers(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(Step::Done)),
            },
        }
    }

    /// Hands as much of the body to the protocol as its windows allow.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        while !self.body.is_empty() {
            outgoing.reserve_capacity(self.body.len());
            let capacity = match outgoing.poll_capacity(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok(capacity))) => capacity,
            };
            let (piece, rest) = self.body.split_at(capacity.min(self.body.len()));
            outgoing.send_data(Bytes::copy_from_slice(piece), rest.is_empty())?;
            self.body = rest;
        }
        Poll::Ready(Ok(()))
    }
}

fn response_head(parts: &http::response::Parts) -> ResponseHead {
    let headers: Headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    ResponseHead { status: parts.status.as_u16(), version: "HTTP/2".to_owned(), headers, header_bytes: 0 }
}

/// Remembers that a future has something to do.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The stream, and who watches it.
#[derive(Debug)]
struct Tap {
    stream: Stream,
    unread: VecDeque<u8>,
    wants_write: bool,
    closed: bool,
    error: Option<StreamError>,
    outgoing: Outgoing,
    incoming: Incoming,
}

impl Tap {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            unread: VecDeque::new(),
            wants_write: false,
            closed: false,
            error: None,
            outgoing: Outgoing { parser: FrameParser::after_preface(), seen: Vec::new(), ending: None, head: (0, 0) },
            incoming: Incoming { parser: FrameParser::new(), heads: Vec::new(), first_data: None, latest: None },
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
    /// The stream of the latest head, and the bytes of its frames.
    head: (u32, u64),
}

impl Outgoing {
    fn watch(&mut self, bytes: &[u8], end: u64) {
        let Self { parser, seen, ending, head } = self;
        parser.feed(bytes, end, |frame: Frame<u64>| {
            let ends_stream = frame.flags & END_STREAM != 0;
            let ends_head = frame.flags & END_HEADERS != 0;
            if matches!(frame.kind, Kind::Headers | Kind::Continuation) {
                let before = if head.0 == frame.stream { head.1 } else { 0 };
                *head = (frame.stream, before + frame.length);
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
        });
    }

    fn end_of(&self, stream: u32) -> Option<u64> {
        self.seen.iter().find(|(id, _, ends)| *id == stream && *ends).map(|(_, end, _)| *end)
    }

    fn latest_of(&self, stream: u32) -> Option<u64> {
        self.seen.iter().rev().find(|(id, ..)| *id == stream).map(|(_, end, _)| *end)
    }
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
        parser.feed(bytes, arrivals, |frame: Frame<Arrivals>| {
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
struct Tapped(Rc<RefCell<Tap>>);

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

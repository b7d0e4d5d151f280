//! HTTP/2: the `h2` crate speaks the protocol over our stream, and two frame parsers beside it watch the same bytes.
//!
//! The crate is driven by hand: its futures are polled whenever the stream may have moved, and `poll(2)` waits in between.
//! Where a frame's bytes lie in the stream says when they left or arrived, whatever time the crate took to look at them.
//! `exchange` is one request and its response as the crate sees them; `tap` is the stream, and what its frames say.

mod exchange;
mod tap;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};

use super::{Call, Head};
use crate::event::{Failure, FailureCode, Phase, TransportCounters};
use crate::message::http::LONGEST_HEAD;
use crate::probe::deadline::Deadline;
use crate::probe::fault::{self, fault};
use crate::probe::stream::Stream;
use crate::probe::tap::FlowId;
use crate::time::ClockSync;
use exchange::{Exchange, Step};
use tap::{Tap, Tapped};

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
        Pin::new(connection).poll(&mut Context::from_waker(&waker)).is_pending() && !self.tap.borrow().is_closed()
    }

    pub(super) fn start_trace(&mut self, sync: ClockSync) {
        self.tap.borrow_mut().stream_mut().start_trace(sync);
    }

    pub(super) fn flow(&self) -> Option<FlowId> {
        self.tap.borrow().stream().flow()
    }

    pub(super) fn counters(&self) -> Option<TransportCounters> {
        self.tap.borrow().stream().counters()
    }

    pub(super) fn exchange(&mut self, call: &mut Call<'_, '_>) -> Result<(), Failure> {
        let mut exchange = Exchange::new(call.body);
        let result = self.converse(&mut exchange, call);
        self.tap.borrow_mut().transcribe(&exchange, call.log);
        if result.is_err() {
            self.state = State::Closed;
        }
        result
    }

    fn converse(&mut self, exchange: &mut Exchange<'_>, call: &mut Call<'_, '_>) -> Result<(), Failure> {
        let request = request(call.head)?;
        self.open(call.deadline)?;
        self.drive(call.deadline, Standing::BEFORE, SendRequest::poll_ready)?;
        let State::Open { sender, .. } = &mut self.state else { return Err(not_open()) };
        let (response, outgoing) =
            sender.send_request(request, call.body.is_empty()).map_err(|error| cannot_send(&error.to_string()))?;
        exchange.begin(response, outgoing);
        loop {
            match self.drive(call.deadline, exchange.standing(), |_, cx| exchange.poll_step(cx))? {
                Step::Informational(status) => exchange.informational.push(status),
                Step::Head(head) => {
                    call.sink.begin(&head)?;
                    exchange.has_head = true;
                    call.log.head = Some(head);
                }
                Step::Bytes(bytes) => {
                    call.log.body_bytes += bytes.len() as u64;
                    call.sink.write(&bytes)?;
                }
                Step::Done => return call.sink.finish(),
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
            if tap.is_closed() {
                return Err(fault::closed(phase, DOING));
            }
            tap.wait(deadline).map_err(|error| fault::stream(phase, &error, DOING))?;
        }
    }

    fn explain(&self, error: &h2::Error, phase: Phase) -> Failure {
        if let Some(stream_error) = self.tap.borrow_mut().take_error() {
            return fault::stream(phase, &stream_error, "speaking HTTP/2");
        }
        if self.tap.borrow().is_closed() && error.is_io() {
            return fault::closed(phase, "speaking HTTP/2");
        }
        match error.reason() {
            Some(reason) if error.is_remote() => {
                let what = if error.is_go_away() { "connection" } else { "stream" };
                fault(phase, FailureCode::HttpStreamError, format!("the peer ended the {what} with {reason:?}"))
            }
            _ => fault(phase, FailureCode::HttpMalformed, format!("the answer is not valid HTTP/2: {error}")),
        }
    }

    fn phase(&self, standing: Standing) -> Phase {
        if standing.has_head {
            Phase::Receive
        } else if self.tap.borrow().has_sent(standing.stream) {
            Phase::Wait
        } else {
            Phase::Send
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

/// Remembers that a future has something to do.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

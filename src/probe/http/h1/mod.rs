//! HTTP/1.1: requests written and responses parsed byte by byte.
//!
//! `response` reads one response from whatever pieces it comes in; this is the connection, and the writing.

mod response;

use nix::poll::PollFlags;

use super::Call;
use crate::event::{Failure, Phase};
use crate::probe::fault;
use crate::probe::socket::Progress;
use crate::probe::stream::{Inbound, Stream};
use response::ResponseReader;

/// Written at once; the answer to a request may come before all of it has left. Each write leaves stamps behind, and the
/// kernel drops those for which a receive buffer of the usual 128 KiB has no room: all writes that fit into a send buffer (of
/// 4 MiB, usually) together must leave few.
const SLICE: usize = 1_024 * 1_024;

const SENDING: &str = "sending the request";

/// A connection that speaks HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Session {
    stream: Stream,
    reusable: bool,
}

impl Session {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, reusable: true }
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Whether another request may follow: the last one ended well, and the peer has not closed since.
    pub(super) fn is_reusable(&mut self) -> bool {
        self.reusable && matches!(self.stream.try_chunk(), Ok(Progress::Blocked))
    }

    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    pub(super) fn exchange(&mut self, call: &mut Call<'_, '_>) -> Result<(), Failure> {
        let head = call.head.to_h1();
        let head_end = self.stream.queue(&head);
        let mut end = head_end;
        let mut reader = ResponseReader::new(&call.head.method);
        let result = self.send(&mut end, &mut reader, call).and_then(|()| self.receive(&mut reader, call));
        // Of a request that was answered before its end, what was written counts.
        let end = end.min(self.stream.written());
        if self.stream.written() >= head_end {
            call.log.begun = self.stream.left(head_end).map(|left| left.handed);
            call.log.head_bytes_sent = head.len() as u64;
        }
        call.log.sent = self.stream.left(end);
        call.log.acknowledged = self.stream.acknowledged(end);
        self.reusable = result.is_ok() && reader.keeps_alive();
        result
    }

    /// Writes head and body. A final response that comes before the end ends the writing, and the connection's use.
    fn send(&mut self, end: &mut u64, reader: &mut ResponseReader, call: &mut Call<'_, '_>) -> Result<(), Failure> {
        let fail = |error| fault::stream(Phase::Send, &error, SENDING);
        let mut slices = call.body.chunks(SLICE);
        let mut next = slices.next();
        loop {
            match self.stream.try_flush() {
                Ok(Progress::Made(())) => match next {
                    None => return Ok(()),
                    Some(slice) => {
                        *end = self.stream.queue(slice);
                        next = slices.next();
                    }
                },
                Ok(Progress::Blocked) => {
                    let interest = PollFlags::POLLIN | PollFlags::POLLOUT;
                    let ready = self.stream.wait(interest, call.deadline).map_err(fail)?;
                    if !ready.contains(PollFlags::POLLIN) {
                        continue;
                    }
                    match self.stream.try_chunk().map_err(fail)? {
                        Progress::Blocked => {}
                        Progress::Made(Inbound::Bytes(chunk)) => {
                            reader.feed(&chunk.bytes, chunk.arrivals, call.sink, call.log)?;
                        }
                        // No response can come any more, whether or not the peer would still take the request.
                        Progress::Made(Inbound::Closed | Inbound::Truncated) => {
                            return Err(fault::closed(Phase::Send, SENDING));
                        }
                    }
                    if call.log.head.is_some() {
                        reader.cut_short();
                        return Ok(());
                    }
                }
                // A server may answer and close before it has read everything: its answer counts.
                Err(error) => {
                    reader.cut_short();
                    return self.receive(reader, call).map_err(|_| fail(error));
                }
            }
        }
    }

    fn receive(&mut self, reader: &mut ResponseReader, call: &mut Call<'_, '_>) -> Result<(), Failure> {
        while !reader.is_done() {
            let phase = call.log.phase();
            let inbound = self.stream.chunk(call.deadline);
            match inbound.map_err(|error| fault::stream(phase, &error, "waiting for the response"))? {
                Inbound::Bytes(chunk) => reader.feed(&chunk.bytes, chunk.arrivals, call.sink, call.log)?,
                Inbound::Closed => return reader.closed(call.sink, call.log),
                Inbound::Truncated => return Err(reader.cut_off(call.log)),
            }
        }
        Ok(())
    }
}

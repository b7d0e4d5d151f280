//! The byte stream that HTTP is spoken over: in clear text, or inside TLS.
//!
//! Writing is in two steps, so that a byte's place in the TCP stream is known before it leaves: `queue` says where the
//! bytes will end, `try_flush` moves them. What is read comes in chunks that know when they arrived.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;

use super::deadline::Deadline;
use super::socket::{Arrivals, Left, Progress, StampedStream, StreamError};
use super::tap::FlowId;
use super::tls::TlsStream;
use crate::event::{Mark, TransportCounters};
use crate::time::ClockSync;

const READ_AT_ONCE: usize = 64 * 1_024;

/// Bytes that arrived together.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) arrivals: Arrivals,
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// At least one byte.
    Bytes(Chunk),
    /// The peer closed in good order.
    Closed,
    /// The peer closed TCP without saying so in TLS: more may have been meant to come (RFC 9112 §9.8).
    Truncated,
}

/// Bytes on their way to the kernel.
#[derive(Debug, Default)]
pub(crate) struct Outbound(VecDeque<u8>);

impl Write for Outbound {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Outbound {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The offset at which these bytes will end in `stream`.
    pub(crate) fn end(&self, stream: &StampedStream) -> u64 {
        stream.written() + self.0.len() as u64
    }

    pub(crate) fn try_flush(&mut self, stream: &mut StampedStream) -> Result<Progress<()>, StreamError> {
        while !self.0.is_empty() {
            match stream.try_write(self.0.make_contiguous())? {
                Progress::Blocked => return Ok(Progress::Blocked),
                Progress::Made(length) => _ = self.0.drain(..length),
            }
        }
        Ok(Progress::Made(()))
    }
}

/// A byte stream in clear text.
#[derive(Debug)]
pub(crate) struct PlainStream {
    stream: StampedStream,
    outbound: Outbound,
    scratch: Box<[u8]>,
}

/// A byte stream for HTTP.
#[derive(Debug)]
pub(crate) enum Stream {
    /// In clear text.
    Plain(PlainStream),
    /// Inside TLS.
    Tls(Box<TlsStream>),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stamped().as_fd()
    }
}

impl Stream {
    pub(crate) fn plain(stream: StampedStream) -> Self {
        let scratch = vec![0; READ_AT_ONCE].into_boxed_slice();
        Self::Plain(PlainStream { stream, outbound: Outbound::default(), scratch })
    }

    pub(crate) fn tls(stream: TlsStream) -> Self {
        Self::Tls(Box::new(stream))
    }

    /// Gives the clear stream back, for TLS to be spoken over it: the tunnel through a proxy is ready.
    pub(crate) fn into_stamped(self) -> Option<StampedStream> {
        match self {
            Self::Plain(plain) => Some(plain.stream),
            Self::Tls(_) => None,
        }
    }

    fn stamped(&self) -> &StampedStream {
        match self {
            Self::Plain(plain) => &plain.stream,
            Self::Tls(tls) => tls.stamped(),
        }
    }

    fn stamped_mut(&mut self) -> &mut StampedStream {
        match self {
            Self::Plain(plain) => &mut plain.stream,
            Self::Tls(tls) => tls.stamped_mut(),
        }
    }

    /// Puts bytes behind what is queued, and says at which offset of the TCP stream they will end.
    pub(crate) fn queue(&mut self, bytes: &[u8]) -> u64 {
        match self {
            Self::Plain(plain) => {
                plain.outbound.0.extend(bytes);
                plain.outbound.end(&plain.stream)
            }
            Self::Tls(tls) => tls.queue(bytes),
        }
    }

    /// Writes queued bytes as far as the kernel takes them.
    pub(crate) fn try_flush(&mut self) -> Result<Progress<()>, StreamError> {
        match self {
            Self::Plain(plain) => plain.outbound.try_flush(&mut plain.stream),
            Self::Tls(tls) => tls.try_flush(),
        }
    }

    /// Writes all queued bytes.
    pub(crate) fn flush(&mut self, deadline: &Deadline) -> Result<(), StreamError> {
        while let Progress::Blocked = self.try_flush()? {
            self.wait(PollFlags::POLLOUT, deadline)?;
        }
        Ok(())
    }

    /// What has come in.
    pub(crate) fn try_chunk(&mut self) -> Result<Progress<Inbound>, StreamError> {
        match self {
            Self::Tls(tls) => tls.try_chunk(),
            Self::Plain(plain) => Ok(match plain.stream.try_read(&mut plain.scratch)? {
                Progress::Blocked => Progress::Blocked,
                Progress::Made((0, _)) => Progress::Made(Inbound::Closed),
                Progress::Made((length, arrivals)) => {
                    Progress::Made(Inbound::Bytes(Chunk { bytes: plain.scratch[..length].to_vec(), arrivals }))
                }
            }),
        }
    }

    /// The next that comes in.
    pub(crate) fn chunk(&mut self, deadline: &Deadline) -> Result<Inbound, StreamError> {
        loop {
            match self.try_chunk()? {
                Progress::Made(inbound) => return Ok(inbound),
                Progress::Blocked => _ = self.wait(PollFlags::POLLIN, deadline)?,
            }
        }
    }

    /// Waits until the stream can be read (`POLLIN`) or written (`POLLOUT`), or has failed.
    pub(crate) fn wait(&mut self, interest: PollFlags, deadline: &Deadline) -> Result<PollFlags, StreamError> {
        self.stamped_mut().wait(interest, deadline)
    }

    /// Bytes of the TCP stream written so far.
    pub(crate) fn written(&self) -> u64 {
        self.stamped().written()
    }

    /// The flow that carries it, where that is watched.
    pub(crate) fn flow(&self) -> Option<FlowId> {
        self.stamped().flow()
    }

    /// When the byte before `offset` left.
    pub(crate) fn left(&mut self, offset: u64) -> Option<Left> {
        self.stamped_mut().left(offset)
    }

    /// When the peer acknowledged the byte before `offset`.
    pub(crate) fn acknowledged(&mut self, offset: u64) -> Option<Mark> {
        self.stamped_mut().acknowledged(offset)
    }

    /// A new trace begins on this connection.
    pub(crate) fn start_trace(&mut self, sync: ClockSync) {
        self.stamped_mut().start_trace(sync);
    }

    /// The kernel's counters since the trace began.
    pub(crate) fn counters(&self) -> Option<TransportCounters> {
        self.stamped().counters()
    }
}

//! A connected byte stream whose bytes have times: TCP with the kernel's stamps, or a unix socket with our own.
//!
//! Every boundary is keyed on a byte offset. What is written remembers when it was handed over (stamped before the call: on
//! loopback a write runs the receiver too) and finds the kernel's stamps by offset; what is read comes with its arrival.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use socket2::Socket;

use super::clock;
use super::deadline::{Deadline, Ended};
use super::kernel::{self, Departure, KernelStamp, Stage, TcpState};
use crate::event::{Evidence, Failure, Mark, TransportCounters};
use crate::time::{ClockSync, Monotonic, Nanos, Timestamp};

/// When bytes arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When this process had them.
    pub(crate) noticed: Timestamp<Monotonic>,
    /// When the kernel had them.
    pub(crate) kernel: Option<Mark>,
}

/// When the first and the last byte of one read arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    /// The first byte. Where the read touched several TCP segments its stamp is an upper bound, and its error says so.
    pub(crate) first: Arrival,
    /// The last byte.
    pub(crate) last: Arrival,
}

/// When bytes left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// When they were handed to the kernel.
    pub(crate) handed: Mark,
    /// When they entered the packet scheduler.
    pub(crate) scheduled: Option<Mark>,
    /// When the kernel handed them to the network device.
    pub(crate) kernel: Option<Mark>,
}

impl Left {
    /// Both witnesses of their leaving.
    pub(crate) fn marks(self) -> impl Iterator<Item = Mark> {
        std::iter::once(self.handed).chain(self.kernel)
    }
}

/// Why a stream gave no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// The wait ended first.
    Ended(Ended),
    /// The peer reset the connection, or it was already closed for writing.
    Reset(Errno),
    /// Another error of the system call.
    Failed(Errno),
    /// The TLS session ended with an error: an alert of the peer's, or something that is not TLS.
    Tls(Box<Failure>),
}

impl From<Ended> for StreamError {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

impl StreamError {
    fn from_io(error: &io::Error) -> Self {
        match error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) {
            errno @ (Errno::ECONNRESET | Errno::EPIPE | Errno::ENOTCONN) => Self::Reset(errno),
            errno => Self::Failed(errno),
        }
    }
}

/// The outcome of a call that does not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress<T> {
    /// It did something.
    Made(T),
    /// It would have had to wait.
    Blocked,
}

/// A connected byte stream with stamps.
#[derive(Debug)]
pub(crate) struct StampedStream {
    socket: Socket,
    sync: ClockSync,
    written: u64,
    handed: Vec<(u64, Timestamp<Monotonic>)>,
    departures: Vec<Departure>,
    /// When the stream was last known to hold nothing unread.
    drained: Timestamp<Monotonic>,
    retransmits_before: u32,
}

impl AsFd for StampedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl StampedStream {
    /// Takes a connected, non-blocking socket.
    pub(crate) fn new(socket: Socket, sync: ClockSync) -> Self {
        // Without these stamps the user clock serves, and the trace says so.
        let _ = kernel::stamp_departures(&socket);
        Self {
            socket,
            sync,
            written: 0,
            handed: Vec::new(),
            departures: Vec::new(),
            drained: clock::now(),
            retransmits_before: 0,
        }
    }

    /// Bytes written so far: the offset of the next one.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes what fits.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> Result<Progress<usize>, StreamError> {
        let before = clock::now();
        loop {
            match (&self.socket).write(bytes) {
                Ok(length) => {
                    self.written += length as u64;
                    self.handed.push((self.written, before));
                    return Ok(Progress::Made(length));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Blocked),
                Err(error) => return Err(StreamError::from_io(&error)),
            }
        }
    }

    /// Reads what there is; a length of zero is the end of the stream.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> Result<Progress<(usize, Arrivals)>, StreamError> {
        loop {
            match kernel::receive(&self.socket, buffer) {
                Ok((length, stamp)) => return Ok(Progress::Made((length, self.arrivals(length, stamp)))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained = clock::now();
                    return Ok(Progress::Blocked);
                }
                Err(error) => return Err(StreamError::from_io(&error)),
            }
        }
    }

    fn arrivals(&self, length: usize, stamp: Option<KernelStamp>) -> Arrivals {
        let noticed = clock::now();
        let kernel = stamp.map(|stamp| self.kernel_mark(stamp));
        let last = Arrival { noticed, kernel };
        let Some(mark) = kernel else { return Arrivals { first: last, last } };
        let several = kernel::tcp_state(&self.socket).is_some_and(|state| length > state.receive_mss as usize);
        let uncertain = if several { mark.at.since(self.drained) } else { Nanos::ZERO };
        let first = Arrival { noticed, kernel: Some(Mark { error: mark.error + uncertain, ..mark }) };
        Arrivals { first, last }
    }

    fn kernel_mark(&self, stamp: KernelStamp) -> Mark {
        Mark { at: self.sync.to_monotonic(stamp), error: self.sync.error(), source: Evidence::Kernel }
    }

    /// Waits until the stream can be read (`POLLIN`) or written (`POLLOUT`), or has failed.
    pub(crate) fn wait(&mut self, interest: PollFlags, deadline: &Deadline) -> Result<PollFlags, StreamError> {
        loop {
            let ready = deadline.wait(self.socket.as_fd(), interest)?;
            let stamps_only = ready == PollFlags::POLLERR;
            let before = self.departures.len();
            if ready.contains(PollFlags::POLLERR) {
                kernel::acknowledge_stamps(&self.socket, &mut self.departures);
            }
            // An error that is not a stamp belongs to the next read or write.
            if !(stamps_only && self.departures.len() > before) {
                return Ok(ready);
            }
        }
    }

    /// When the byte before `offset` left.
    pub(crate) fn left(&mut self, offset: u64) -> Option<Left> {
        kernel::acknowledge_stamps(&self.socket, &mut self.departures);
        let (_, handed) = *self.handed.iter().find(|(end, _)| *end >= offset)?;
        Some(Left {
            handed: clock::user_mark(handed),
            scheduled: self.departure(offset, Stage::Scheduled),
            kernel: self.departure(offset, Stage::Sent),
        })
    }

    /// When the peer acknowledged the byte before `offset`.
    pub(crate) fn acknowledged(&mut self, offset: u64) -> Option<Mark> {
        kernel::acknowledge_stamps(&self.socket, &mut self.departures);
        self.departure(offset, Stage::Acknowledged)
    }

    /// The stamp whose key is the byte before `offset`, or the next later one: the kernel may merge writes, and stamps the
    /// last byte of the merged ones. Of a retransmission's several stamps the first counts.
    fn departure(&self, offset: u64, stage: Stage) -> Option<Mark> {
        // Keys wrap at 32 bits; distances up to half of that are unambiguous.
        const HALF: u32 = u32::MAX / 2;
        #[expect(clippy::cast_possible_truncation, reason = "the kernel truncates the offset in the same way")]
        let key = offset.checked_sub(1)? as u32;
        self.departures
            .iter()
            .filter(|departure| departure.stage == stage && departure.key.wrapping_sub(key) <= HALF)
            .min_by_key(|departure| (departure.key.wrapping_sub(key), departure.at))
            .map(|departure| self.kernel_mark(departure.at))
    }

    /// A new trace begins on this connection: retransmissions count from here.
    pub(crate) fn start_counting(&mut self) {
        self.retransmits_before = self.state().map_or(0, |state| state.total_retransmits);
    }

    /// The kernel's counters since the trace began.
    pub(crate) fn counters(&self) -> Option<TransportCounters> {
        self.state().map(|state| TransportCounters {
            min_rtt: state.min_rtt,
            rtt: state.rtt,
            retransmits: state.total_retransmits.saturating_sub(self.retransmits_before),
            lost: state.lost,
        })
    }

    fn state(&self) -> Option<TcpState> {
        kernel::tcp_state(&self.socket)
    }
}

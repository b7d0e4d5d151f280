//! A connected byte stream whose bytes have times: TCP with the kernel's stamps, or a unix socket with our own.
//!
//! Every boundary is keyed on a byte offset. What is written remembers when it was handed over (stamped before the call: on
//! loopback a write runs the receiver too) and finds the kernel's stamps by offset; what is read comes with its arrival.

use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use socket2::Socket;

use super::clock;
use super::deadline::{Deadline, Ended, Waited};
use super::kernel::{self, Departure, KernelStamp, Stage, TcpState};
use super::tap::{FlowId, Spot, Watched};
use crate::event::{Failure, Mark, TransportCounters};
use crate::flow::Place;
use crate::time::{ClockSync, Monotonic, Timestamp};

/// When bytes arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When this process had them.
    pub(crate) noticed: Timestamp<Monotonic>,
    /// When the kernel had them.
    pub(crate) kernel: Option<Mark>,
    /// Where the packets that brought them may be found.
    pub(crate) wire: Option<Spot>,
}

/// Where the bytes of a chunk lie in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The stream's flow, where that is watched.
    flow: Option<FlowId>,
    /// Everything that had to come for them: a TLS record, or themselves.
    start: u64,
    end: u64,
    /// The offset of the first of them.
    content: u64,
    length: u64,
}

impl Extent {
    /// Bytes from `start` to `end`, in clear text.
    pub(crate) const fn plain(flow: Option<FlowId>, start: u64, end: u64) -> Self {
        Self { flow, start, end, content: start, length: end - start }
    }

    /// The content of a record: `length` bytes behind a header of `header` bytes.
    pub(crate) fn content(self, header: u64, length: usize) -> Self {
        Self { content: self.start + header, length: length as u64, ..self }
    }

    fn part(self, range: &Range<usize>) -> Self {
        let (from, to) = (range.start as u64, range.end as u64);
        Self {
            flow: self.flow,
            start: if from == 0 { self.start } else { self.content + from },
            end: if to >= self.length { self.end } else { self.content + to },
            content: self.content + from,
            length: to - from,
        }
    }

    fn spot(&self, place: Place) -> Option<Spot> {
        self.flow.map(|flow| Spot { flow, place })
    }
}

/// When the first and the last byte of one chunk arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    /// The first byte. Where the read touched several TCP segments its stamp is an upper bound, and its error says so.
    pub(crate) first: Arrival,
    /// The last byte.
    pub(crate) last: Arrival,
    extent: Extent,
}

impl Arrivals {
    pub(crate) fn new(first: Arrival, last: Arrival, extent: Extent) -> Self {
        let first = Arrival { wire: extent.spot(Place::ReceivedFirst(extent.start)), ..first };
        let last = Arrival { wire: extent.spot(Place::ReceivedEnd(extent.end)), ..last };
        Self { first, last, extent }
    }

    /// Those of a part of the chunk. What begins in the middle of a read is stamped no earlier than the read's end; the wire
    /// may know better.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let first = if range.start == 0 { self.first } else { self.last };
        Self::new(first, self.last, self.extent.part(&range))
    }

    /// Of a record with a header of so many bytes: those of its content's bytes.
    pub(crate) fn of_content(&self, header: u64, length: usize) -> Self {
        Self { extent: self.extent.content(header, length), ..*self }
    }
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
    /// Where the packet that carried the last of them may be found.
    pub(crate) wire: Option<Spot>,
}

impl Left {
    /// Where the packet that acknowledges them may be found.
    pub(crate) fn acknowledged(&self) -> Option<Spot> {
        match self.wire? {
            Spot { flow, place: Place::SentEnd(offset) } => Some(Spot { flow, place: Place::Acknowledged(offset) }),
            _ => None,
        }
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

/// One write.
#[derive(Clone, Copy, Debug)]
struct Handed {
    /// The offset of the byte behind it.
    end: u64,
    /// Just before the call.
    at: Timestamp<Monotonic>,
    /// Reads that had brought bytes by then.
    reads: u64,
}

/// A connected byte stream with stamps.
#[derive(Debug)]
pub(crate) struct StampedStream {
    socket: Socket,
    sync: ClockSync,
    watched: Option<Watched>,
    written: u64,
    received: u64,
    handed: Vec<Handed>,
    departures: Vec<Departure>,
    /// Reads that brought bytes so far.
    reads: u64,
    /// When the stream was last known to hold nothing unread.
    drained: Timestamp<Monotonic>,
    /// When it was then found to hold something.
    filled: Option<Timestamp<Monotonic>>,
    retransmits_before: u32,
}

impl AsFd for StampedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl StampedStream {
    /// Takes a connected, non-blocking socket.
    pub(crate) fn new(socket: Socket, watched: Option<Watched>, sync: ClockSync) -> Self {
        // Without these stamps the user clock serves, and the trace says so.
        let _ = kernel::stamp_departures(&socket);
        Self {
            socket,
            sync,
            watched,
            written: 0,
            received: 0,
            handed: Vec::new(),
            departures: Vec::new(),
            reads: 0,
            drained: clock::now(),
            filled: None,
            retransmits_before: 0,
        }
    }

    /// Bytes written so far: the offset of the next one.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes read so far: the offset of the next one.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The flow that carries the stream, where that is watched.
    pub(crate) fn flow(&self) -> Option<FlowId> {
        self.watched.as_ref().map(Watched::id)
    }

    /// Writes what fits.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> Result<Progress<usize>, StreamError> {
        let before = clock::now();
        loop {
            match (&self.socket).write(bytes) {
                Ok(length) => {
                    self.written += length as u64;
                    self.handed.push(Handed { end: self.written, at: before, reads: self.reads });
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
                Ok((length, stamp)) => {
                    self.reads += u64::from(length > 0);
                    let (first, last) = self.arrivals(length, stamp);
                    let start = self.received;
                    self.received += length as u64;
                    let arrivals = Arrivals::new(first, last, Extent::plain(self.flow(), start, self.received));
                    self.filled = None;
                    return Ok(Progress::Made((length, arrivals)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained = clock::now();
                    return Ok(Progress::Blocked);
                }
                Err(error) => return Err(StreamError::from_io(&error)),
            }
        }
    }

    /// When the first and the last byte of a read arrived.
    fn arrivals(&self, length: usize, stamp: Option<KernelStamp>) -> (Arrival, Arrival) {
        let noticed = clock::now();
        let kernel = stamp.map(|stamp| self.kernel_mark(stamp));
        let last = Arrival { noticed, kernel, wire: None };
        let Some(mark) = kernel else { return (last, last) };
        if kernel::tcp_state(&self.socket).is_none_or(|state| length <= state.receive_mss as usize) {
            return (last, last);
        }
        // The stamp is that of the last of several segments. The first one had come when the wait for it ended, and had not
        // when there was still nothing.
        let earliest = match self.filled {
            Some(filled) if filled < mark.at => clock::user_mark(filled),
            _ => mark,
        };
        let error = earliest.error + earliest.at.since(self.drained);
        (Arrival { kernel: Some(Mark { error, ..earliest }), ..last }, last)
    }

    fn kernel_mark(&self, stamp: KernelStamp) -> Mark {
        kernel::mark(stamp, &self.sync)
    }

    /// Waits until the stream can be read (`POLLIN`) or written (`POLLOUT`), or has failed.
    pub(crate) fn wait(&mut self, interest: PollFlags, deadline: &Deadline) -> Result<PollFlags, StreamError> {
        loop {
            let Waited { ready, nothing_since } = deadline.watch(self.socket.as_fd(), interest)?;
            if interest.contains(PollFlags::POLLIN) {
                self.drained = nothing_since.map_or(self.drained, |nothing| nothing.max(self.drained));
                self.filled = ready.contains(PollFlags::POLLIN).then(clock::now);
            }
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
        let handed = *self.handed.iter().find(|handed| handed.end >= offset)?;
        Some(Left {
            handed: clock::user_mark(handed.at),
            scheduled: self.departure(offset, Stage::Scheduled),
            kernel: self.departure(offset, Stage::Sent),
            wire: self.flow().map(|flow| Spot { flow, place: Place::SentEnd(offset) }),
        })
    }

    /// When the peer acknowledged the byte before `offset`.
    pub(crate) fn acknowledged(&mut self, offset: u64) -> Option<Mark> {
        kernel::acknowledge_stamps(&self.socket, &mut self.departures);
        self.departure(offset, Stage::Acknowledged)
    }

    fn departure(&self, offset: u64, stage: Stage) -> Option<Mark> {
        let departure = find_departure(&self.departures, &self.handed, offset, stage)?;
        Some(self.kernel_mark(departure.at))
    }

    /// A new trace begins on this connection: retransmissions count from here, and stamps are converted by its clocks.
    pub(crate) fn start_trace(&mut self, sync: ClockSync) {
        self.sync = sync;
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

/// The stamp whose key is the byte before `offset`, or the next later one of the same burst: the kernel may merge writes, and
/// stamps the last byte of the merged ones. A write that followed an answer was not merged with what was answered. Of a
/// retransmission's several stamps the first counts.
fn find_departure(departures: &[Departure], handed: &[Handed], offset: u64, stage: Stage) -> Option<Departure> {
    let write = handed.iter().find(|handed| handed.end >= offset)?;
    let burst_end = handed.iter().filter(|other| other.reads == write.reads).map(|other| other.end).max()?;
    #[expect(clippy::cast_possible_truncation, reason = "the kernel truncates offsets to 32 bits in the same way")]
    let key = |offset: u64| offset.checked_sub(1).map(|last| last as u32);
    let (first, last) = (key(offset)?, key(burst_end)?);
    let distance = |departure: &&Departure| departure.key.wrapping_sub(first);
    departures
        .iter()
        .filter(|departure| departure.stage == stage && distance(departure) <= last.wrapping_sub(first))
        .min_by_key(|departure| (distance(departure), departure.at))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(key: u32, at: u64) -> Departure {
        Departure { key, stage: Stage::Sent, at: Timestamp::from_nanos(at) }
    }

    fn write(end: u64, reads: u64) -> Handed {
        Handed { end, at: Timestamp::default(), reads }
    }

    fn check(departures: &[Departure], writes: &[Handed], offset: u64, expect: Option<u64>) {
        let found = find_departure(departures, writes, offset, Stage::Sent);
        assert_eq!(found.map(|departure| departure.at.as_nanos()), expect, "offset {offset}");
    }

    #[test]
    fn a_byte_finds_its_own_stamp_or_that_of_a_write_it_was_merged_with() {
        let writes = [write(100, 0), write(150, 0), write(400, 1)];
        check(&[stamp(99, 5), stamp(149, 6)], &writes, 100, Some(5));
        check(&[stamp(149, 6)], &writes, 100, Some(6));
        // The write of 400 followed an answer: it was never merged with that of 100.
        check(&[stamp(399, 9)], &writes, 100, None);
        check(&[stamp(399, 9)], &writes, 151, Some(9));
        check(&[stamp(399, 9)], &writes, 401, None);
        // A retransmission stamps the same byte again.
        check(&[stamp(99, 200), stamp(99, 5)], &writes, 100, Some(5));
    }

    #[test]
    fn parts_of_a_chunk_know_their_place_in_the_stream() {
        let flow = Some(FlowId(7));
        let arrival = Arrival { noticed: Timestamp::default(), kernel: None, wire: None };
        let plain = Arrivals::new(arrival, arrival, Extent::plain(flow, 100, 120));
        // A record of 5 + 10 + 16 bytes, with its header, and one with a nonce.
        let record = Arrivals::new(arrival, arrival, Extent::plain(flow, 200, 231));
        let content = record.of_content(5, 10);
        let behind_nonce = Arrivals::new(arrival, arrival, Extent::plain(flow, 200, 239)).of_content(13, 10);
        for (arrivals, range, first, end) in [
            (&plain, 0..20, 100, 120),
            (&plain, 0..7, 100, 107),
            (&plain, 7..20, 107, 120),
            (&plain.part(5..20), 2..15, 107, 120),
            (&plain.part(5..20), 0..3, 105, 108),
            // The first byte cannot be read before the header has come, the last one not before the tag.
            (&content, 0..10, 200, 231),
            (&content, 0..4, 200, 209),
            (&content, 4..10, 209, 231),
            (&content.part(4..10), 1..6, 210, 231),
            (&behind_nonce, 4..5, 217, 218),
        ] {
            let part = arrivals.part(range.clone());
            let places = [part.first.wire, part.last.wire].map(|spot| spot.unwrap().place);
            assert_eq!(places, [Place::ReceivedFirst(first), Place::ReceivedEnd(end)], "{range:?}");
        }
        let unwatched = Arrivals::new(arrival, arrival, Extent::plain(None, 0, 9)).part(1..2);
        assert_eq!((unwatched.first.wire, unwatched.last.wire), (None, None));
    }

    #[test]
    fn keys_wrap_with_the_offset() {
        let past = u64::from(u32::MAX) + 1;
        check(&[stamp(9, 7)], &[write(past + 10, 0)], past - 5, Some(7));
        check(&[stamp(u32::MAX - 100, 7)], &[write(past + 10, 0)], past + 10, None);
    }
}

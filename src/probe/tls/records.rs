//! Cuts what arrives into TLS records, each with the arrival of its first and its last byte.

use std::collections::VecDeque;

use crate::probe::socket::{Arrivals, Extent};
use crate::probe::tap::FlowId;

const HEADER: usize = 5;
/// The longest record (RFC 8446 §5.2: 2^14 + 256; RFC 5246 §6.2.3: 2^14 + 2048).
const LONGEST: usize = (1 << 14) + 2_048;

/// Bytes that arrived and were not yet taken.
#[derive(Debug, Default)]
pub(super) struct RecordBuffer {
    bytes: VecDeque<u8>,
    /// Offset of the first byte of `bytes` in the stream.
    offset: u64,
    /// The stream's flow, where that is watched.
    flow: Option<FlowId>,
    /// The reads that `bytes` came with: the offset of each one's end, and its arrival.
    reads: VecDeque<(u64, Arrivals)>,
}

/// One record, header included. What cannot be a record's header is handed out whole: the TLS library names the fault.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) bytes: Vec<u8>,
    pub(super) arrivals: Arrivals,
}

impl Record {
    /// Whether it says that it carries handshake messages in clear text (RFC 8446 §5.1), as the first one of a handshake does.
    pub(super) fn is_handshake(&self) -> bool {
        self.bytes.first() == Some(&22)
    }
}

impl RecordBuffer {
    /// For a stream whose next byte stands at `offset`.
    pub(super) fn new(flow: Option<FlowId>, offset: u64) -> Self {
        Self { offset, flow, ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], arrivals: Arrivals) {
        self.bytes.extend(bytes);
        self.reads.push_back((self.offset + self.bytes.len() as u64, arrivals));
    }

    /// The next complete record.
    pub(super) fn take(&mut self) -> Option<Record> {
        let length = self.next_length()?;
        let (starts_at, ends_at) = (self.offset, self.offset + length as u64);
        let first = self.read_holding(starts_at)?;
        let last = self.read_holding(ends_at - 1)?;
        let bytes = self.bytes.drain(..length).collect();
        self.offset = ends_at;
        while self.reads.front().is_some_and(|(end, _)| *end <= ends_at) {
            self.reads.pop_front();
        }
        // The stamp of a read is that of its last byte. The first byte of a record in the middle of a read came no later.
        let extent = Extent::plain(self.flow, starts_at, ends_at);
        Some(Record { bytes, arrivals: Arrivals::new(first.first, last.last, extent) })
    }

    fn next_length(&self) -> Option<usize> {
        let kind = *self.bytes.front()?;
        if !(20..=24).contains(&kind) {
            return Some(self.bytes.len());
        }
        let body = usize::from(u16::from_be_bytes([*self.bytes.get(3)?, *self.bytes.get(4)?]));
        if body > LONGEST {
            return Some(self.bytes.len());
        }
        (self.bytes.len() >= HEADER + body).then_some(HEADER + body)
    }

    fn read_holding(&self, offset: u64) -> Option<Arrivals> {
        self.reads.iter().find(|(end, _)| *end > offset).map(|(_, arrivals)| *arrivals)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::socket::Arrival;
    use crate::time::Timestamp;

    fn at(nanos: u64) -> Arrivals {
        let arrival = Arrival { noticed: Timestamp::from_nanos(nanos), kernel: None, wire: None };
        Arrivals::new(arrival, arrival, Extent::default())
    }

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3, length[0], length[1]], body].concat()
    }

    #[test]
    fn a_record_knows_the_reads_that_brought_it() {
        let bytes = [record(22, b"hello"), record(23, b"world!")].concat();
        let mut buffer = RecordBuffer::default();
        buffer.push(&bytes[..3], at(1));
        assert!(buffer.take().is_none());
        buffer.push(&bytes[3..12], at(2));
        let first = buffer.take().unwrap();
        assert_eq!(first.bytes, record(22, b"hello"));
        let times =
            |record: &Record| (record.arrivals.first.noticed.as_nanos(), record.arrivals.last.noticed.as_nanos());
        assert_eq!(times(&first), (1, 2));
        assert!(buffer.take().is_none());
        buffer.push(&bytes[12..], at(3));
        let second = buffer.take().unwrap();
        assert_eq!((second.bytes.len(), times(&second)), (11, (2, 3)));
        assert!(buffer.take().is_none());
    }

    #[test]
    fn what_is_not_tls_comes_out_whole() {
        let mut buffer = RecordBuffer::default();
        buffer.push(b"HTTP/1.1 400 Bad Request\r\n", at(1));
        assert_eq!(buffer.take().unwrap().bytes.len(), 26);
    }

    proptest! {
        #[test]
        fn any_bytes_come_out_in_order(reads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..20)) {
            let mut buffer = RecordBuffer::default();
            let mut taken = Vec::new();
            for read in &reads {
                buffer.push(read, at(1));
                while let Some(record) = buffer.take() {
                    taken.extend(record.bytes);
                }
            }
            taken.extend(buffer.bytes.iter());
            prop_assert_eq!(taken, reads.concat());
        }
    }
}

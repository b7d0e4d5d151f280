//! Packets many at a time, with the bytes in which they lie: what one thread can read and another one take.
//!
//! Invariant: a batch is what can be had without waiting, once its first packet has come. So whoever reads from a capture
//! that is still being made has every packet as soon as it is written.

use std::io::Read;
use std::sync::Arc;

use super::order::Order;
use super::{CaptureFileError, CaptureReader, Captured, Format, Interface, Located, Record, State, pcap, pcapng};

/// Packets in the order of the file, and what else was read on the way to them.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    order: Order,
    located: Vec<Located>,
    interfaces: Arc<Vec<Interface>>,
    damaged: u64,
    first_damage: Option<CaptureFileError>,
    offset: u64,
}

/// Whether more may follow a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It may.
    Partly,
    /// It was the last one: the file ends here.
    ToTheEnd,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            order: Order::Little,
            located: Vec::new(),
            interfaces: Arc::default(),
            damaged: 0,
            first_damage: None,
            offset: 0,
        }
    }
}

impl Batch {
    /// The packets.
    #[inline]
    pub fn packets(&self) -> impl Iterator<Item = Captured<'_>> {
        self.located.iter().filter_map(|located| located.lend(&self.interfaces, &self.bytes, self.order))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.located.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.located.is_empty()
    }

    /// How many more there were that [alone are lost](CaptureFileError::is_of_one_packet).
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// What is wrong with the first of those; told once.
    pub fn first_damage(&mut self) -> Option<CaptureFileError> {
        self.first_damage.take()
    }

    /// The interfaces that the file has named up to the end of this batch.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// How many bytes of the file were read up to the end of this batch, after decompression.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }
}

impl<R: Read> CaptureReader<R> {
    /// Fills a batch anew, whatever was in it, with the next packets. An error comes behind the batch with everything that
    /// was read before it.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<Filled, CaptureFileError> {
        (batch.damaged, batch.first_damage) = (0, None);
        batch.located.clear();
        if let State::Broken(_) = self.state {
            return self.told_already().map(|()| Filled::ToTheEnd);
        }
        while matches!(self.state, State::Reading) && (batch.located.is_empty() || self.holds_record()) {
            match self.record() {
                Ok(Record::Packet(located)) => batch.located.push(located),
                Ok(Record::Other) => {}
                Ok(Record::End) => self.state = State::Ended,
                Err(error) if error.is_of_one_packet() => {
                    batch.damaged += 1;
                    batch.first_damage.get_or_insert(error);
                }
                Err(error) => self.state = State::Broken(error),
            }
        }
        self.packets += batch.located.len() as u64;
        batch.order = self.order();
        batch.interfaces = Arc::clone(&self.interfaces);
        batch.offset = self.window.offset();
        self.window.exchange(&mut batch.bytes);
        Ok(if matches!(self.state, State::Ended) { Filled::ToTheEnd } else { Filled::Partly })
    }

    /// Whether the next record can be had without reading.
    #[inline]
    fn holds_record(&self) -> bool {
        match &self.format {
            Format::Pcap(layout) => pcap::is_held(*layout, self.window.held()),
            Format::Pcapng(section) => pcapng::is_held(section, self.window.held()),
        }
    }
}

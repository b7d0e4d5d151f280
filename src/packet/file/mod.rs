//! Files in which packets are kept: pcap and pcapng, read as a stream, and pcapng written.
//!
//! Invariants: memory does not grow with the file: one buffer of at most [`MOST_BYTES`] and a little more, plus the
//! interfaces and TLS secrets that the file names, both bounded; a [`Batch`] has a buffer of its own. A file that breaks off
//! yields every packet before the break and then says where it broke. Offsets in errors count from the beginning of the
//! file, after decompression.
//!
//! Deliberately absent: opening files (the edges do), going back in a file, and the pcap formats of single vendors.

mod batch;
mod error;
mod interface;
mod options;
mod order;
mod pcap;
mod pcapng;
mod source;
mod ticks;
mod window;
mod writer;

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

pub use batch::{Batch, Filled};
pub use error::{CaptureFileError, Part};
pub use interface::Interface;
pub use options::{PacketDirection, PacketOptions};
pub use writer::{CaptureWriteError, CaptureWriter, InterfaceStatistics, OutgoingPacket};

use super::LinkType;
use crate::time::{Nanos, Realtime, Timestamp};
use order::Order;
use source::Source;
use window::Window;

/// The longest packet or block that is read, in bytes; a longer one is an error.
pub const MOST_BYTES: usize = 16 << 20;
/// The most interfaces that a file may name, in all its sections.
pub const MOST_INTERFACES: usize = 16_384;
/// The most bytes of TLS secrets that are collected from one file.
pub const MOST_SECRETS: usize = 16 << 20;

/// A packet as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// When it was captured, on the clock of the machine that did.
    pub at: Timestamp<Realtime>,
    /// The unit of that clock in this file: the packet was captured at `at` or up to this much later.
    pub resolution: Nanos,
    /// Which of [`CaptureReader::interfaces`] saw it: its place in that list.
    pub interface: u32,
    /// What the bytes begin with.
    pub link: LinkType,
    /// What was kept of the packet.
    pub bytes: &'a [u8],
    /// Bytes of the packet on the wire, link header included.
    pub original_length: u32,
    /// What else the file says about it.
    pub options: PacketOptions<'a>,
}

/// Reads a capture, packet by packet.
///
/// pcap in either byte order, with microseconds or nanoseconds; pcapng with any number of sections and interfaces; both
/// also compressed with gzip or zstd. What it is, is seen from its first bytes.
#[derive(Debug)]
pub struct CaptureReader<R: Read> {
    window: Window<Source<R>>,
    format: Format,
    /// Shared with the batches that were filled; copied when a block changes them.
    interfaces: Arc<Vec<Interface>>,
    key_log: Vec<u8>,
    packets: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Pcap(pcap::Layout),
    Pcapng(pcapng::Section),
}

#[derive(Debug)]
enum State {
    Reading,
    /// A batch has taken the packets before this error, which is to be told next.
    Broken(CaptureFileError),
    Ended,
}

/// What one record of a file is.
enum Record {
    Packet(Located),
    /// Something about packets, taken in.
    Other,
    /// There is none.
    End,
}

/// A packet by its place in the window: what a borrow of the window would be, without holding it.
#[derive(Clone, Debug)]
struct Located {
    at: Timestamp<Realtime>,
    interface: usize,
    bytes: Range<usize>,
    original_length: u32,
    options: Range<usize>,
}

impl<R: Read> CaptureReader<R> {
    /// Reads as much as tells what the file is.
    pub fn open(source: R) -> Result<Self, CaptureFileError> {
        let source = Source::recognise(source).map_err(|source| CaptureFileError::Read { offset: 0, source })?;
        let mut window = Window::new(source);
        let mut interfaces = Vec::new();
        let found = window.peek(4, Part::FileHeader)?.and_then(<[u8]>::first_chunk).copied();
        let found = found.ok_or(CaptureFileError::Truncated { offset: 0, part: Part::FileHeader })?;
        let format = if found == pcapng::SECTION_HEADER {
            Format::Pcapng(pcapng::Section::open(&mut window)?)
        } else {
            let (layout, interface) = pcap::open(found, &mut window)?;
            interfaces.push(interface);
            Format::Pcap(layout)
        };
        let interfaces = Arc::new(interfaces);
        Ok(Self { window, format, interfaces, key_log: Vec::new(), packets: 0, state: State::Reading })
    }

    /// The next packet, in the file's order; `None` at its end, and behind an error that ends the file.
    ///
    /// Behind an error that is [of one packet](CaptureFileError::is_of_one_packet) the packets that follow it can be read.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend from its own buffer")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Captured<'_>>, CaptureFileError> {
        if !matches!(self.state, State::Reading) {
            return self.told_already().map(|()| None);
        }
        loop {
            match self.record() {
                Ok(Record::Packet(located)) => {
                    self.packets += 1;
                    return Ok(located.lend(&self.interfaces, self.window.bytes(), self.order()));
                }
                Ok(Record::Other) => {}
                Ok(Record::End) => {
                    self.state = State::Ended;
                    return Ok(None);
                }
                Err(error) => {
                    if !error.is_of_one_packet() {
                        self.state = State::Ended;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// What is left to say when there is nothing left to read.
    fn told_already(&mut self) -> Result<(), CaptureFileError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Broken(error) => Err(error),
            State::Reading | State::Ended => Ok(()),
        }
    }

    /// The next record.
    #[inline]
    fn record(&mut self) -> Result<Record, CaptureFileError> {
        match &mut self.format {
            Format::Pcap(layout) => pcap::next(*layout, &mut self.window),
            Format::Pcapng(section) => pcapng::next(section, &mut self.window, &mut self.interfaces, &mut self.key_log),
        }
    }

    const fn order(&self) -> Order {
        match &self.format {
            Format::Pcap(layout) => layout.order,
            Format::Pcapng(section) => section.order,
        }
    }

    /// How many packets were given so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// How many bytes of the file were read so far, after decompression.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The interfaces that the file has named so far; what it says about drops stands at its end.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The TLS secrets that the file has carried so far, as lines of an NSS key log.
    #[must_use]
    pub fn key_log(&self) -> &[u8] {
        &self.key_log
    }
}

impl Located {
    #[inline]
    fn lend<'a>(&self, interfaces: &[Interface], bytes: &'a [u8], order: Order) -> Option<Captured<'a>> {
        let interface = interfaces.get(self.interface)?;
        let slice = |place: &Range<usize>| bytes.get(place.clone()).unwrap_or(&[]);
        Some(Captured {
            at: self.at,
            resolution: interface.resolution,
            interface: u32::try_from(self.interface).ok()?,
            link: interface.link,
            bytes: slice(&self.bytes),
            original_length: self.original_length,
            options: PacketOptions::new(slice(&self.options), order),
        })
    }
}

#[cfg(test)]
mod tests;

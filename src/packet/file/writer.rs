//! Writes pcapng, with times in nanoseconds.

use std::io::{self, Write};

use super::{PacketDirection, options, pcapng};
use crate::packet::LinkType;
use crate::time::{Realtime, Timestamp};

/// Bytes a block holds beside its body: type, length, and the length again.
const FRAME: usize = 12;

/// Writes a capture, one block a call.
///
/// Each block goes to the sink in one write: a sink for which calls are dear wants a [`std::io::BufWriter`].
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    sink: W,
    block: Vec<u8>,
    interfaces: u32,
}

/// A packet to be written.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingPacket<'a> {
    /// The number that [`CaptureWriter::interface`] gave.
    pub interface: u32,
    /// When it was captured.
    pub at: Timestamp<Realtime>,
    /// Which way it went, where that is known.
    pub direction: Option<PacketDirection>,
    /// What was kept of it.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire, link header included.
    pub original_length: u32,
    /// What to say about it, a remark each.
    pub comments: &'a [&'a str],
}

/// What an interface counted while the capture ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStatistics {
    /// Packets that it received.
    pub received: Option<u64>,
    /// Packets of those that were lost because the machine was too busy.
    pub dropped: Option<u64>,
}

/// Why a block cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CaptureWriteError {
    /// The sink does not take it.
    #[error("writing the capture")]
    Write(#[source] io::Error),
    /// A text that is too long for the 16 bits of its length.
    #[error("a text of {0} bytes: pcapng has room for 65535")]
    TextTooLong(usize),
    /// More bytes than a block can have.
    #[error("a block of {0} bytes: pcapng has room for 4294967295")]
    BlockTooLong(usize),
    /// An interface that was not described.
    #[error("interface {0} is not described")]
    UnknownInterface(u32),
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file, naming the program that writes it.
    pub fn begin(sink: W, application: &str) -> Result<Self, CaptureWriteError> {
        const APPLICATION: u16 = 4;
        let mut writer = Self { sink, block: Vec::new(), interfaces: 0 };
        writer.start(u32::from_le_bytes(pcapng::SECTION_HEADER));
        writer.u32(pcapng::BYTE_ORDER);
        writer.u16(1);
        writer.u16(0);
        // How long the section is, is not known yet.
        writer.u64(u64::MAX);
        writer.option(APPLICATION, application.as_bytes())?;
        writer.end_options();
        writer.end()?;
        Ok(writer)
    }

    /// Describes an interface, and gives the number by which packets name it.
    pub fn interface(&mut self, name: &str, link: LinkType, snaplen: Option<u32>) -> Result<u32, CaptureWriteError> {
        const NANOSECONDS: u8 = 9;
        self.start(pcapng::INTERFACE);
        self.u16(link.number());
        self.u16(0);
        self.u32(snaplen.unwrap_or(0));
        self.option(pcapng::IF_NAME, name.as_bytes())?;
        self.option(pcapng::IF_TSRESOL, &[NANOSECONDS])?;
        self.end_options();
        self.end()?;
        let number = self.interfaces;
        self.interfaces += 1;
        Ok(number)
    }

    /// Writes a packet.
    pub fn packet(&mut self, packet: &OutgoingPacket<'_>) -> Result<(), CaptureWriteError> {
        self.known(packet.interface)?;
        let kept =
            u32::try_from(packet.bytes.len()).map_err(|_| CaptureWriteError::BlockTooLong(packet.bytes.len()))?;
        self.start(pcapng::ENHANCED_PACKET);
        self.u32(packet.interface);
        self.time(packet.at);
        self.u32(kept);
        self.u32(packet.original_length);
        self.padded(packet.bytes);
        for comment in packet.comments {
            self.option(options::COMMENT, comment.as_bytes())?;
        }
        if let Some(direction) = packet.direction {
            let flags: u32 = match direction {
                PacketDirection::Inbound => 1,
                PacketDirection::Outbound => 2,
            };
            self.option(options::FLAGS, &flags.to_le_bytes())?;
        }
        if !packet.comments.is_empty() || packet.direction.is_some() {
            self.end_options();
        }
        self.end()
    }

    /// Writes TLS secrets, as lines of an NSS key log. Readers decrypt what comes behind them: write them first.
    pub fn secrets(&mut self, key_log: &str) -> Result<(), CaptureWriteError> {
        let length = u32::try_from(key_log.len()).map_err(|_| CaptureWriteError::BlockTooLong(key_log.len()))?;
        self.start(pcapng::SECRETS);
        self.u32(pcapng::TLS_KEY_LOG);
        self.u32(length);
        self.padded(key_log.as_bytes());
        self.end()
    }

    /// Writes what an interface counted until `at`.
    pub fn statistics(
        &mut self,
        interface: u32,
        at: Timestamp<Realtime>,
        counted: InterfaceStatistics,
    ) -> Result<(), CaptureWriteError> {
        self.known(interface)?;
        self.start(pcapng::STATISTICS);
        self.u32(interface);
        self.time(at);
        for (code, count) in [(pcapng::ISB_IFRECV, counted.received), (pcapng::ISB_IFDROP, counted.dropped)] {
            if let Some(count) = count {
                self.option(code, &count.to_le_bytes())?;
            }
        }
        self.end_options();
        self.end()
    }

    /// Flushes the sink and gives it back.
    pub fn finish(mut self) -> Result<W, CaptureWriteError> {
        self.sink.flush().map_err(CaptureWriteError::Write)?;
        Ok(self.sink)
    }

    const fn known(&self, interface: u32) -> Result<(), CaptureWriteError> {
        if interface < self.interfaces { Ok(()) } else { Err(CaptureWriteError::UnknownInterface(interface)) }
    }

    fn start(&mut self, kind: u32) {
        self.block.clear();
        self.u32(kind);
        self.u32(0);
    }

    /// Puts the length at both ends, and writes the block.
    fn end(&mut self) -> Result<(), CaptureWriteError> {
        let bytes = self.block.len() + FRAME - 8;
        let length = u32::try_from(bytes).map_err(|_| CaptureWriteError::BlockTooLong(bytes))?;
        self.u32(length);
        if let Some(field) = self.block.get_mut(4..8) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        self.sink.write_all(&self.block).map_err(CaptureWriteError::Write)
    }

    fn option(&mut self, code: u16, value: &[u8]) -> Result<(), CaptureWriteError> {
        let length = u16::try_from(value.len()).map_err(|_| CaptureWriteError::TextTooLong(value.len()))?;
        self.u16(code);
        self.u16(length);
        self.padded(value);
        Ok(())
    }

    fn end_options(&mut self) {
        self.u32(u32::from(options::END));
    }

    /// The count of nanoseconds, its upper half first.
    fn time(&mut self, at: Timestamp<Realtime>) {
        let nanos = at.as_nanos().to_be_bytes();
        let (upper, lower) = nanos.split_at(4);
        self.block.extend(upper.iter().rev().chain(lower.iter().rev()));
    }

    /// The bytes, and as many zeros as make their number a multiple of four.
    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn u16(&mut self, number: u16) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }
}

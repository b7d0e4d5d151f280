//! pcap files (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html>), and their "modified" form of 1999 with
//! longer record headers.

use std::io::Read;

use super::interface::Interface;
use super::order::Order;
use super::ticks::Ticks;
use super::window::Window;
use super::{CaptureFileError, LinkType, Located, MOST_BYTES, Part, Record};
use crate::time::Timestamp;

const FILE_HEADER: usize = 24;

/// How this file lays out its records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) order: Order,
    /// Nanoseconds that one unit of the second half of a time stamp stands for.
    fraction: u32,
    record_header: usize,
}

/// Reads the file header: how records are laid out, and the one interface that all packets are of.
pub(super) fn open<S: Read>(found: [u8; 4], window: &mut Window<S>) -> Result<(Layout, Interface), CaptureFileError> {
    const CUT: CaptureFileError = CaptureFileError::Truncated { offset: 0, part: Part::FileHeader };
    let (order, magic) = match (u32::from_be_bytes(found), u32::from_le_bytes(found)) {
        (big, _) if is_magic(big) => (Order::Big, big),
        (_, little) if is_magic(little) => (Order::Little, little),
        _ => return Err(CaptureFileError::NotACapture { found }),
    };
    let header = window.peek(FILE_HEADER, Part::FileHeader)?.ok_or(CUT)?;
    let field = |at| order.u32_at(header, at).ok_or(CUT);
    let half = |at| order.u16_at(header, at).ok_or(CUT);
    let (major, minor) = (half(4)?, half(6)?);
    if major != 2 {
        return Err(CaptureFileError::Version { offset: 0, major, minor });
    }
    let snaplen = field(16)?;
    // The upper half says whether frames end with a check sequence, which lies behind the IP packet and is not read.
    let link = LinkType::from_number(u16::try_from(field(20)? & 0xffff).unwrap_or(u16::MAX));
    let (ticks, fraction) = if magic == NANOS { (Ticks::NANOS, 1) } else { (Ticks::MICROS, 1_000) };
    let record_header = if magic == MODIFIED { 24 } else { 16 };
    window.take(FILE_HEADER);
    Ok((Layout { order, fraction, record_header }, Interface::new(link, snaplen, ticks)))
}

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

const fn is_magic(number: u32) -> bool {
    matches!(number, MICROS | NANOS | MODIFIED)
}

/// The next record.
#[inline]
pub(super) fn next<S: Read>(layout: Layout, window: &mut Window<S>) -> Result<Record, CaptureFileError> {
    let Layout { order, fraction, record_header } = layout;
    let offset = window.offset();
    let Some(header) = window.peek(record_header, Part::RecordHeader)? else { return Ok(Record::End) };
    let Some(&[seconds, parts, kept, original]) = header.as_chunks::<4>().0.first_chunk::<4>() else {
        return Ok(Record::End);
    };
    let kept = order.u32(kept);
    let length = usize::try_from(kept).unwrap_or(usize::MAX);
    if length > MOST_BYTES - record_header {
        return Err(CaptureFileError::TooLarge { offset, part: Part::Packet, length: u64::from(kept) });
    }
    // 2^32 seconds and as many microseconds are less than 2^63 nanoseconds.
    let at = u64::from(order.u32(seconds)) * 1_000_000_000 + u64::from(order.u32(parts)) * u64::from(fraction);
    let original_length = order.u32(original);
    if window.peek(record_header + length, Part::Packet)?.is_none() {
        return Err(CaptureFileError::Truncated { offset, part: Part::Packet });
    }
    let begin = window.take(record_header + length) + record_header;
    Ok(Record::Packet(Located {
        at: Timestamp::from_nanos(at),
        interface: 0,
        bytes: begin..begin + length,
        original_length,
        options: 0..0,
    }))
}

/// Whether all of the next record is held.
#[inline]
pub(super) fn is_held(layout: Layout, held: &[u8]) -> bool {
    let kept = layout.order.u32_at(held, 8).and_then(|kept| usize::try_from(kept).ok());
    kept.and_then(|kept| kept.checked_add(layout.record_header)).is_some_and(|length| length <= held.len())
}

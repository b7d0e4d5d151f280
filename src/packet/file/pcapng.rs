//! pcapng files (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-04.html>): blocks in sections.
//!
//! Deliberately absent: names of addresses, journal entries, process information and custom blocks, which are skipped.

use std::io::Read;
use std::sync::Arc;

use super::interface::Interface;
use super::options;
use super::order::Order;
use super::ticks::Ticks;
use super::window::Window;
use super::{CaptureFileError, LinkType, Located, MOST_BYTES, MOST_INTERFACES, MOST_SECRETS, Part, Record};

/// The type of a section header block, the same in either byte order.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// What a section header states to tell its byte order.
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The type of an interface description block.
pub(super) const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
/// The type of an interface statistics block.
pub(super) const STATISTICS: u32 = 5;
/// The type of an enhanced packet block.
pub(super) const ENHANCED_PACKET: u32 = 6;
/// The type of a decryption secrets block.
pub(super) const SECRETS: u32 = 10;
/// The secrets are lines of an NSS key log: "TLSK" as a number.
pub(super) const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Option of an interface: its name.
pub(super) const IF_NAME: u16 = 2;
/// Option of an interface: the length of a tick.
pub(super) const IF_TSRESOL: u16 = 9;
/// Option of an interface: seconds to add to its time stamps.
pub(super) const IF_TSOFFSET: u16 = 14;
/// Option of statistics: packets received.
pub(super) const ISB_IFRECV: u16 = 4;
/// Option of statistics: packets that the interface dropped.
pub(super) const ISB_IFDROP: u16 = 5;
/// Option of statistics: packets that the operating system dropped.
pub(super) const ISB_OSDROP: u16 = 7;

/// Type and length of a block; the length stands behind the block, too.
const FRAME: usize = 12;
/// What stands in an enhanced packet block before the packet, type and length included; the obsolete one is as long.
const PACKET_HEADER: usize = 28;
/// No name of an interface is longer than this on any system; the rest of a longer one is dropped.
const LONGEST_NAME: usize = 256;

/// The part of a file between two section headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) order: Order,
    /// How many interfaces earlier sections named.
    first_interface: usize,
}

impl Section {
    /// Reads the section header that stands at the beginning of the file.
    pub(super) fn open<S: Read>(window: &mut Window<S>) -> Result<Self, CaptureFileError> {
        let mut section = Self { order: Order::Little, first_interface: 0 };
        section.restart(window, 0)?;
        Ok(section)
    }

    /// Reads a section header.
    fn restart<S: Read>(&mut self, window: &mut Window<S>, first_interface: usize) -> Result<(), CaptureFileError> {
        let offset = window.offset();
        let cut = CaptureFileError::Truncated { offset, part: Part::FileHeader };
        let Some(&[_, length, mark]) =
            window.peek(FRAME, Part::FileHeader)?.and_then(|start| start.as_chunks::<4>().0.first_chunk::<3>())
        else {
            return Err(cut);
        };
        self.order = match mark {
            mark if Order::Little.u32(mark) == BYTE_ORDER => Order::Little,
            mark if Order::Big.u32(mark) == BYTE_ORDER => Order::Big,
            _ => return Err(CaptureFileError::NoByteOrder { offset }),
        };
        self.first_interface = first_interface;
        let length = checked(self.order.u32(length), offset)?;
        let block = window.peek(length, Part::FileHeader)?.ok_or(cut)?;
        let (Some(major), Some(minor)) = (self.order.u16_at(block, 12), self.order.u16_at(block, 14)) else {
            return Err(CaptureFileError::Lengths { offset, part: Part::FileHeader });
        };
        if self.order.u32_at(block, length - 4).is_none_or(|again| usize::try_from(again) != Ok(length)) {
            return Err(CaptureFileError::Lengths { offset, part: Part::FileHeader });
        }
        if major != 1 {
            return Err(CaptureFileError::Version { offset, major, minor });
        }
        window.take(length);
        Ok(())
    }
}

/// A block's length, where it can be one.
#[inline]
fn checked(length: u32, offset: u64) -> Result<usize, CaptureFileError> {
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes < FRAME || !bytes.is_multiple_of(4) {
        return Err(CaptureFileError::Lengths { offset, part: Part::Block });
    }
    if bytes > MOST_BYTES {
        return Err(CaptureFileError::TooLarge { offset, part: Part::Block, length: u64::from(length) });
    }
    Ok(bytes)
}

/// The next block.
#[inline]
pub(super) fn next<S: Read>(
    section: &mut Section,
    window: &mut Window<S>,
    interfaces: &mut Arc<Vec<Interface>>,
    key_log: &mut Vec<u8>,
) -> Result<Record, CaptureFileError> {
    let offset = window.offset();
    let Some(start) = window.peek(8, Part::BlockHeader)? else { return Ok(Record::End) };
    let Some(&[kind, length]) = start.as_chunks::<4>().0.first_chunk::<2>() else { return Ok(Record::End) };
    if kind == SECTION_HEADER {
        section.restart(window, interfaces.len())?;
        return Ok(Record::Other);
    }
    let order = section.order;
    let length = checked(order.u32(length), offset)?;
    let Some(block) = window.peek(length, Part::Block)? else { return Ok(Record::End) };
    if order.u32_at(block, length - 4).is_none_or(|again| usize::try_from(again) != Ok(length)) {
        return Err(CaptureFileError::Lengths { offset, part: Part::Block });
    }
    let body = block.get(8..length - 4).unwrap_or(&[]);
    let found = match order.u32(kind) {
        ENHANCED_PACKET => Some(enhanced(block, order)),
        OBSOLETE_PACKET => Some(obsolete(block, order)),
        SIMPLE_PACKET => {
            window.take(length);
            return Err(CaptureFileError::Untimed { offset });
        }
        INTERFACE => {
            if interfaces.len() >= MOST_INTERFACES {
                return Err(CaptureFileError::TooManyInterfaces { offset });
            }
            let described = interface(body, order).ok_or(CaptureFileError::Lengths { offset, part: Part::Block })?;
            Arc::make_mut(interfaces).push(described);
            None
        }
        STATISTICS => {
            let own = Arc::make_mut(interfaces).get_mut(section.first_interface..).unwrap_or(&mut []);
            statistics(body, order, own);
            None
        }
        SECRETS => {
            if !secrets(body, order, key_log) {
                return Err(CaptureFileError::TooManySecrets { offset });
            }
            None
        }
        _ => None,
    };
    let begin = window.take(length);
    let Some(packet) = found else { return Ok(Record::Other) };
    let packet = packet.ok_or(CaptureFileError::Lengths { offset, part: Part::Block })?;
    packet.locate(offset, begin, begin + length, section.first_interface, interfaces).map(Record::Packet)
}

/// Whether all of the next block is held. Of a section header, which may be in another byte order, nobody says so.
#[inline]
pub(super) fn is_held(section: &Section, held: &[u8]) -> bool {
    let Some(&[kind, length]) = held.as_chunks::<4>().0.first_chunk::<2>() else { return false };
    let length = usize::try_from(section.order.u32(length)).unwrap_or(usize::MAX);
    kind != SECTION_HEADER && length <= held.len()
}

/// The fixed fields of a packet block.
struct Fields {
    interface: u32,
    count: u64,
    kept: u32,
    original: u32,
}

#[inline]
fn enhanced(block: &[u8], order: Order) -> Option<Fields> {
    let &[_, _, interface, high, low, kept, original] = block.as_chunks::<4>().0.first_chunk::<7>()?;
    let count = u64::from(order.u32(high)) << 32 | u64::from(order.u32(low));
    Some(Fields { interface: order.u32(interface), count, kept: order.u32(kept), original: order.u32(original) })
}

/// The packet block that enhanced ones replaced: the same but for 16 bits of interface and 16 of a drop count.
fn obsolete(block: &[u8], order: Order) -> Option<Fields> {
    let interface = u32::from(order.u16_at(block, 8)?);
    Some(Fields { interface, ..enhanced(block, order)? })
}

impl Fields {
    /// Where packet and options lie, in a block that lies from `begin` to `end`.
    #[inline]
    fn locate(
        &self,
        offset: u64,
        begin: usize,
        end: usize,
        first_interface: usize,
        interfaces: &[Interface],
    ) -> Result<Located, CaptureFileError> {
        let unknown = CaptureFileError::UnknownInterface { offset, interface: self.interface };
        let place = usize::try_from(self.interface).ok().and_then(|own| own.checked_add(first_interface));
        let Some((place, interface)) = place.and_then(|place| Some((place, interfaces.get(place)?))) else {
            return Err(unknown);
        };
        let at = interface.ticks.moment(self.count).ok_or(CaptureFileError::TimeOutOfRange { offset })?;
        let (bytes, last) = (begin + PACKET_HEADER, end - 4);
        let kept = usize::try_from(self.kept).unwrap_or(usize::MAX);
        if last < bytes || kept > last - bytes {
            return Err(CaptureFileError::PacketLength { offset, length: self.kept });
        }
        let options = (bytes + kept.next_multiple_of(4)).min(last);
        Ok(Located {
            at,
            interface: place,
            bytes: bytes..bytes + kept,
            original_length: self.original,
            options: options..last,
        })
    }
}

/// An interface description block without its frame.
fn interface(body: &[u8], order: Order) -> Option<Interface> {
    let (link, snaplen) = (order.u16_at(body, 0)?, order.u32_at(body, 4)?);
    let (mut name, mut ticks, mut offset) = (None, Ticks::MICROS, 0);
    for (code, value) in options::list(body.get(8..)?, order) {
        match (code, value) {
            (IF_NAME, text) => {
                name = Some(String::from_utf8_lossy(text.get(..LONGEST_NAME).unwrap_or(text)).into_owned());
            }
            (IF_TSRESOL, &[resolution, ..]) => ticks = Ticks::from_option(resolution),
            (IF_TSOFFSET, seconds) => {
                offset = seconds.first_chunk().map_or(0, |seconds| order.u64(*seconds).cast_signed());
            }
            _ => {}
        }
    }
    let described = Interface::new(LinkType::from_number(link), snaplen, ticks.starting_at(offset));
    Some(Interface { name, ..described })
}

/// Takes in an interface statistics block; the last one of an interface counts.
fn statistics(body: &[u8], order: Order, interfaces: &mut [Interface]) {
    let number = order.u32_at(body, 0).and_then(|number| usize::try_from(number).ok());
    let Some(interface) = number.and_then(|number| interfaces.get_mut(number)) else { return };
    let (mut received, mut dropped) = (None, None::<u64>);
    for (code, value) in options::list(body.get(12..).unwrap_or(&[]), order) {
        let Some(count) = value.first_chunk().map(|count| order.u64(*count)) else { continue };
        match code {
            ISB_IFRECV => received = Some(count),
            // Lost in one place or in the other: missing in either case.
            ISB_IFDROP | ISB_OSDROP => dropped = Some(dropped.unwrap_or(0).saturating_add(count)),
            _ => {}
        }
    }
    interface.received = received.or(interface.received);
    interface.dropped = dropped.or(interface.dropped);
}

/// Takes in a decryption secrets block; `false` where that would be too much.
fn secrets(body: &[u8], order: Order, key_log: &mut Vec<u8>) -> bool {
    if order.u32_at(body, 0) != Some(TLS_KEY_LOG) {
        return true;
    }
    let length = order.u32_at(body, 4).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let text = body.get(8..).unwrap_or(&[]);
    let text = text.get(..length).unwrap_or(text);
    if key_log.len() + text.len() > MOST_SECRETS {
        return false;
    }
    key_log.extend_from_slice(text);
    if !matches!(key_log.last(), None | Some(b'\n')) {
        key_log.push(b'\n');
    }
    true
}

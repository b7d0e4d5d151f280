//! What can be wrong with a capture file.

use std::fmt;
use std::io;

use super::{MOST_BYTES, MOST_INTERFACES, MOST_SECRETS};

/// Why a capture file, or one packet of it, cannot be read. Offsets are bytes from the beginning, after decompression.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFileError {
    /// Reading failed, or what was read cannot be decompressed.
    #[error("reading the capture at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file ends in the middle of something.
    #[error("the capture is cut off at byte {offset}, inside {part}")]
    Truncated {
        /// Where the thing that is not whole begins.
        offset: u64,
        /// What it is.
        part: Part,
    },
    /// The first bytes are those of no capture file.
    #[error("not a capture: it begins with {found:02x?}, which is neither pcap nor pcapng, nor gzip or zstd of those")]
    NotACapture {
        /// The first bytes.
        found: [u8; 4],
    },
    /// A format of a later or earlier time.
    #[error("version {major}.{minor} at byte {offset}: pcap 2.x and pcapng 1.x are understood")]
    Version {
        /// Where the header begins.
        offset: u64,
        /// The version before the dot.
        major: u16,
        /// The version behind the dot.
        minor: u16,
    },
    /// A length is larger than anything honest; most likely the bytes before it are not what they seem.
    #[error("{part} of {length} bytes at byte {offset}: at most {MOST_BYTES} are read")]
    TooLarge {
        /// Where it begins.
        offset: u64,
        /// What it is.
        part: Part,
        /// Its length as written.
        length: u64,
    },
    /// The lengths of a block contradict one another.
    #[error("{part} at byte {offset} has lengths that contradict one another")]
    Lengths {
        /// Where the block begins.
        offset: u64,
        /// What it is.
        part: Part,
    },
    /// A section of a pcapng file does not tell its byte order.
    #[error("the section header at byte {offset} has no byte order mark")]
    NoByteOrder {
        /// Where the block begins.
        offset: u64,
    },
    /// More interfaces than anything honest has.
    #[error("more than {MOST_INTERFACES} interfaces, the next one at byte {offset}")]
    TooManyInterfaces {
        /// Where the block begins.
        offset: u64,
    },
    /// More secrets than anything honest has.
    #[error("more than {MOST_SECRETS} bytes of secrets, the next ones at byte {offset}")]
    TooManySecrets {
        /// Where the block begins.
        offset: u64,
    },
    /// A packet that is longer than its block.
    #[error("the packet at byte {offset} claims {length} bytes, which its block does not hold")]
    PacketLength {
        /// Where its block begins.
        offset: u64,
        /// The length as written.
        length: u32,
    },
    /// A packet of an interface that the section has not named.
    #[error("the packet at byte {offset} is of interface {interface}, which nothing describes")]
    UnknownInterface {
        /// Where its block begins.
        offset: u64,
        /// The interface's number in its section.
        interface: u32,
    },
    /// A packet's time cannot be told: before 1970 or after 2554.
    #[error("the packet at byte {offset} has a time outside the years 1970 to 2554")]
    TimeOutOfRange {
        /// Where its block begins.
        offset: u64,
    },
    /// A simple packet block: the format has no room for a time.
    #[error("the packet at byte {offset} has no time (a simple packet block)")]
    Untimed {
        /// Where its block begins.
        offset: u64,
    },
}

impl CaptureFileError {
    /// Whether one packet alone is lost: those behind it can be read.
    #[must_use]
    pub const fn is_of_one_packet(&self) -> bool {
        matches!(
            self,
            Self::PacketLength { .. }
                | Self::UnknownInterface { .. }
                | Self::TimeOutOfRange { .. }
                | Self::Untimed { .. }
        )
    }
}

/// A part of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The beginning of the file, or of a section of it.
    FileHeader,
    /// What stands before each packet of a pcap file.
    RecordHeader,
    /// A packet of a pcap file.
    Packet,
    /// Type and length of a block of a pcapng file.
    BlockHeader,
    /// A block of a pcapng file.
    Block,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileHeader => "a file header",
            Self::RecordHeader => "a record header",
            Self::Packet => "a packet",
            Self::BlockHeader => "a block header",
            Self::Block => "a block",
        })
    }
}

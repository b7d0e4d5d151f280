//! The TCP header (RFC 9293 §3.1).

use std::fmt;
use std::ops::BitOr;

use super::{Header, TcpOptions, Undecodable};

/// One TCP segment as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// The number that the sender expects next; means something only with the flag ACK.
    pub acknowledgement: u32,
    /// The control bits.
    pub flags: TcpFlags,
    /// The receive window as written; to be scaled, except in a SYN (RFC 7323 §2.2).
    pub window: u16,
    /// The options that were captured.
    pub options: TcpOptions<'a>,
    /// The payload's bytes that were captured.
    pub payload: &'a [u8],
    /// Bytes of payload on the wire, as the IP header has it.
    pub payload_length: u32,
}

/// The control bits of a TCP header.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No more bytes from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// The connection is no more.
    pub const RST: Self = Self(0x004);
    /// Hand the bytes to the application now.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x020);
    /// A congestion mark is echoed; in a SYN: marks are understood (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x040);
    /// The congestion window was reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768).
    pub const AE: Self = Self(0x100);

    const LETTERS: [(Self, char); 9] = [
        (Self::SYN, 'S'),
        (Self::FIN, 'F'),
        (Self::RST, 'R'),
        (Self::PSH, 'P'),
        (Self::ACK, 'A'),
        (Self::URG, 'U'),
        (Self::ECE, 'E'),
        (Self::CWR, 'C'),
        (Self::AE, 'N'),
    ];

    /// From the nine bits behind the data offset; others are dropped.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & 0x1ff)
    }

    /// The nine bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether the sender ends its stream.
    #[must_use]
    pub const fn fin(self) -> bool {
        self.contains(Self::FIN)
    }

    /// Whether the sender opens its stream.
    #[must_use]
    pub const fn syn(self) -> bool {
        self.contains(Self::SYN)
    }

    /// Whether the connection is torn down.
    #[must_use]
    pub const fn rst(self) -> bool {
        self.contains(Self::RST)
    }

    /// Whether the bytes are to be handed over now.
    #[must_use]
    pub const fn psh(self) -> bool {
        self.contains(Self::PSH)
    }

    /// Whether the acknowledgement number counts.
    #[must_use]
    pub const fn ack(self) -> bool {
        self.contains(Self::ACK)
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One letter each: `S`, `SA`, `PA`, `FA`, `R`; with ECN `SEC`, `SAE`. No flag at all is the empty text.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters: String =
            Self::LETTERS.into_iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, letter)| letter).collect();
        f.pad(&letters)
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// Reads the header; `None` where the capture ends inside its fixed part. `length` is what IP carries on the wire.
#[inline]
pub(super) fn decode(captured: &[u8], length: u32) -> Result<Option<Tcp<'_>>, Undecodable> {
    const SHORT: Undecodable = Undecodable::Length(Header::Tcp);
    let Some((header, behind)) = captured.split_first_chunk::<20>() else {
        return if length < 20 { Err(SHORT) } else { Ok(None) };
    };
    let header_length = u32::from(header[12] >> 4) * 4;
    let options_length = usize::from(header[12] >> 4) * 4;
    let Some(options_length) = options_length.checked_sub(20) else { return Err(SHORT) };
    let Some(payload_length) = length.checked_sub(header_length) else { return Err(SHORT) };
    let (options, payload) = behind.split_at_checked(options_length).unwrap_or((behind, &[]));
    Ok(Some(Tcp {
        source: u16::from_be_bytes([header[0], header[1]]),
        destination: u16::from_be_bytes([header[2], header[3]]),
        sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        acknowledgement: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: TcpFlags::from_bits(u16::from_be_bytes([header[12], header[13]])),
        window: u16::from_be_bytes([header[14], header[15]]),
        options: TcpOptions::new(options),
        payload,
        payload_length,
    }))
}

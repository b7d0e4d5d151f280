//! The options of a TCP header (RFC 9293 §3.2, RFC 7323, RFC 2018), read when asked for.
//!
//! Invariant: any bytes give a list that ends; an option that is cut off, or whose length cannot be right, ends it.

/// The option bytes of one TCP header, as captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions<'a> {
    bytes: &'a [u8],
}

/// One option that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// The largest payload that the sender takes; in a SYN only.
    Mss(u16),
    /// By how many bits the sender's window is shifted; in a SYN only. More than 14 counts as 14 (RFC 7323 §2.3).
    WindowScale(u8),
    /// The sender understands selective acknowledgements; in a SYN only.
    SackPermitted,
    /// What arrived beyond the acknowledgement number.
    Sack(SackBlocks<'a>),
    /// The sender's clock, and the receiver's as it was last heard.
    Timestamps(TcpTimestamps),
    /// Another one.
    Unknown {
        /// Its number.
        kind: u8,
        /// Its content.
        content: &'a [u8],
    },
}

/// The timestamps option (RFC 7323 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTimestamps {
    /// The sender's clock; its unit is the sender's choice.
    pub value: u32,
    /// The value last heard from the other end; means something only with the flag ACK.
    pub echo: u32,
}

/// A range of sequence numbers that arrived (RFC 2018 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlock {
    /// The first number in the range.
    pub left: u32,
    /// The number behind the last one.
    pub right: u32,
}

impl<'a> TcpOptions<'a> {
    /// The options in these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes themselves, padding included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The options in the order in which they are written, without padding.
    pub fn iter(&self) -> impl Iterator<Item = TcpOption<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            loop {
                match *rest {
                    [1, ref behind @ ..] => rest = behind,
                    [] | [0, ..] | [_] => return None,
                    [kind, length, ..] => {
                        let content = rest.get(2..usize::from(length))?;
                        rest = rest.get(usize::from(length)..)?;
                        return Some(TcpOption::read(kind, content));
                    }
                }
            }
        })
    }

    /// The largest payload that the sender takes.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        self.iter().find_map(|option| if let TcpOption::Mss(mss) = option { Some(mss) } else { None })
    }

    /// By how many bits the sender's later windows are shifted, at most 14.
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.iter().find_map(|option| if let TcpOption::WindowScale(by) = option { Some(by.min(14)) } else { None })
    }

    /// Whether the sender understands selective acknowledgements.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.iter().any(|option| option == TcpOption::SackPermitted)
    }

    /// What arrived beyond the acknowledgement number, the newest first; a first block below it, or within the second, is a
    /// duplicate that arrived (RFC 2883).
    pub fn sack_blocks(&self) -> impl Iterator<Item = SackBlock> + use<'a> {
        self.iter()
            .find_map(|option| if let TcpOption::Sack(blocks) = option { Some(blocks) } else { None })
            .unwrap_or_default()
            .iter()
    }

    /// The sender's clock and its echo of the receiver's.
    #[must_use]
    pub fn timestamps(&self) -> Option<TcpTimestamps> {
        self.iter().find_map(|option| if let TcpOption::Timestamps(stamps) = option { Some(stamps) } else { None })
    }
}

impl<'a> TcpOption<'a> {
    fn read(kind: u8, content: &'a [u8]) -> Self {
        match (kind, content) {
            (2, &[a, b]) => Self::Mss(u16::from_be_bytes([a, b])),
            (3, &[by]) => Self::WindowScale(by),
            (4, []) => Self::SackPermitted,
            (5, blocks) if blocks.len().is_multiple_of(8) => Self::Sack(SackBlocks { bytes: blocks }),
            (8, _) => two_numbers(content).map_or(Self::Unknown { kind, content }, |(value, echo)| {
                Self::Timestamps(TcpTimestamps { value, echo })
            }),
            _ => Self::Unknown { kind, content },
        }
    }
}

/// The ranges of one SACK option, in the order in which they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> SackBlocks<'a> {
    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = SackBlock> + use<'a> {
        self.bytes.chunks_exact(8).filter_map(two_numbers).map(|(left, right)| SackBlock { left, right })
    }
}

/// Exactly eight bytes as two numbers in network byte order.
fn two_numbers(bytes: &[u8]) -> Option<(u32, u32)> {
    let (first, second) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*first), u32::from_be_bytes(second.try_into().ok()?)))
}

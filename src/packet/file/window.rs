//! A moving window over a stream: what is being read lies in one piece, and only what straddles a refill is moved.

use std::fmt;
use std::io::{self, Read};

use super::{CaptureFileError, MOST_BYTES, Part};

/// Bytes asked for at once: large enough that the calls do not count, small enough to stay in the processor's cache.
const REFILL: usize = 256 << 10;

/// The bytes between what was taken and what the source has given.
pub(super) struct Window<S> {
    source: S,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Of `start`, from the beginning of the stream.
    offset: u64,
}

impl<S> fmt::Debug for Window<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("offset", &self.offset)
            .field("held", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

impl<S: Read> Window<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, bytes: vec![0; REFILL], start: 0, end: 0, offset: 0 }
    }

    /// The next `length` bytes, not taken yet; `None` where the stream ends right here. `part` is what they are.
    #[inline]
    pub(super) fn peek(&mut self, length: usize, part: Part) -> Result<Option<&[u8]>, CaptureFileError> {
        if self.end - self.start < length {
            self.fill(length, part)?;
            match self.end - self.start {
                0 => return Ok(None),
                held if held < length => return Err(CaptureFileError::Truncated { offset: self.offset, part }),
                _ => {}
            }
        }
        Ok(self.bytes.get(self.start..self.start + length))
    }

    /// Reads until `needed` bytes are held or the stream ends. The buffer grows as bytes arrive, never by what a length
    /// field claims.
    #[cold]
    fn fill(&mut self, needed: usize, part: Part) -> Result<(), CaptureFileError> {
        if needed > MOST_BYTES {
            return Err(CaptureFileError::TooLarge { offset: self.offset, part, length: needed as u64 });
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < needed {
            if self.end == self.bytes.len() {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(()),
                Ok(read) => self.end = (self.end + read).min(self.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(CaptureFileError::Truncated { offset: self.offset, part });
                }
                Err(source) => {
                    return Err(CaptureFileError::Read { offset: self.offset + self.end as u64, source });
                }
            }
        }
        Ok(())
    }
}

impl<S> Window<S> {
    /// Takes `length` bytes that were peeked at, and says where they lie until the next peek.
    #[inline]
    pub(super) const fn take(&mut self, length: usize) -> usize {
        let at = self.start;
        self.start += length;
        self.offset += length as u64;
        at
    }

    /// The bytes in which the places lie that [`Self::take`] gave since the last refill.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was read and not taken.
    #[inline]
    pub(super) fn held(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or(&[])
    }

    /// Gives away the bytes in which the places lie that [`Self::take`] gave since the last refill, and goes on in those
    /// that it gets for them, whatever these are.
    pub(super) fn exchange(&mut self, other: &mut Vec<u8>) {
        let held = self.end - self.start;
        // A buffer that has grown for a large block is not kept.
        let length = held.max(REFILL);
        other.truncate(length);
        other.shrink_to(length);
        other.resize(length, 0);
        other[..held].copy_from_slice(&self.bytes[self.start..self.end]);
        std::mem::swap(&mut self.bytes, other);
        (self.start, self.end) = (0, held);
    }

    /// How many bytes were taken.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }
}

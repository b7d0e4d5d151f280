//! Compressed files, recognised by their first bytes.
//!
//! Invariant: what could be decompressed before a break comes out before the error does.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Larger windows than this (zstd's `--ultra` and `--long`) are refused: they would have to be held in memory.
const MOST_WINDOW: u64 = 128 << 20;
/// Compressed bytes asked for at once.
const REFILL: usize = 128 << 10;

/// The stream again, with the first bytes that were looked at.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// A stream, decompressed where it is compressed.
pub(super) enum Source<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
    Zstd(Box<Zstd<BufReader<Whole<R>>>>),
}

impl<R: Read> Source<R> {
    /// Looks at the first bytes.
    pub(super) fn recognise(mut stream: R) -> io::Result<Self> {
        let mut first = Vec::with_capacity(ZSTD.len());
        stream.by_ref().take(ZSTD.len() as u64).read_to_end(&mut first)?;
        let zstd = first == ZSTD || matches!(*first, [0x50..=0x5f, 0x2a, 0x4d, 0x18]);
        let gzip = first.starts_with(&GZIP);
        let whole = Cursor::new(first).chain(stream);
        Ok(if gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(REFILL, whole))))
        } else if zstd {
            Self::Zstd(Box::new(Zstd::new(BufReader::with_capacity(REFILL, whole))))
        } else {
            Self::Plain(whole)
        })
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Gzip(stream) => stream.read(buffer),
            Self::Zstd(stream) => stream.read(buffer),
        }
    }
}

impl<R: Read> fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

/// zstd frames (RFC 8878), one behind the other, skippable ones left out.
pub(super) struct Zstd<R> {
    stream: R,
    frame: FrameDecoder,
    /// What is reported when everything that was decompressed before it has been read.
    broken: Option<io::Error>,
}

impl<R: BufRead> Zstd<R> {
    fn new(stream: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MOST_WINDOW);
        Self { stream, frame, broken: None }
    }

    /// Decompresses something, or finds the next frame; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if !self.frame.is_finished() {
            let decoded = self.frame.decode_blocks(&mut self.stream, BlockDecodingStrategy::UptoBlocks(1));
            return match decoded {
                Ok(_) => Ok(true),
                Err(error) => Err(self.cause(error)),
            };
        }
        if let (Some(written), Some(counted)) =
            (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum())
            && written != counted
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of a zstd frame does not match"));
        }
        if self.stream.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.frame.reset(&mut self.stream) {
            Ok(()) => Ok(true),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let skipped = io::copy(&mut self.stream.by_ref().take(u64::from(length)), &mut io::sink())?;
                if skipped == u64::from(length) { Ok(true) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
            Err(error) => Err(self.cause(error)),
        }
    }

    /// The decoder's errors do not tell a stream that ends too early from one that is wrong: whether it ended does.
    fn cause(&mut self, error: FrameDecoderError) -> io::Error {
        match self.stream.fill_buf() {
            Ok([]) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::Error::new(io::ErrorKind::InvalidData, error),
            Err(error) => error,
        }
    }

    /// The decoder holds back as much as later blocks may refer to. After a break nothing comes later: an empty last block
    /// (RFC 8878 §3.1.1.2), and a checksum that nobody reads, make it give everything.
    fn release(&mut self) {
        let last: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
        if !self.frame.is_finished() {
            // If even this fails there is nothing to release, and the break is reported as it was.
            let _ = self.frame.decode_blocks(last, BlockDecodingStrategy::All);
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 {
            if let Some(broken) = &self.broken {
                return Err(io::Error::new(broken.kind(), broken.to_string()));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.broken = Some(error);
                    self.release();
                }
            }
        }
        self.frame.read(buffer)
    }
}

//! Lines out of a stream of bytes.
//!
//! Invariants: memory does not grow with the input: a line longer than [`MOST_BYTES`] is skipped and counted. A line ends with
//! LF or CR LF; the last one may lack it.

use std::io::{self, Read};

use memchr::memchr;

/// The longest line that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;
const CHUNK: usize = 256 << 10;

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer is not yet handed out.
    start: usize,
    end: usize,
    /// The number of the line handed out last.
    number: u64,
    bytes: u64,
    too_long: u64,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

/// A line without its end, and its number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    pub(super) number: u64,
    pub(super) bytes: &'b [u8],
}

impl<R: Read> Lines<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input, buffer: vec![0; CHUNK], start: 0, end: 0, number: 0, bytes: 0, too_long: 0, ended: Ended::No }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut looked_at = 0;
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            let found = memchr(b'\n', pending.get(looked_at..).unwrap_or_default());
            let (length, consumed) = match (found, self.ended) {
                (Some(at), _) => (looked_at + at, looked_at + at + 1),
                (None, Ended::Yes) if pending.is_empty() => return Ok(None),
                (None, Ended::Yes) => (pending.len(), pending.len()),
                (None, Ended::No) => {
                    looked_at = pending.len();
                    if looked_at > MOST_BYTES {
                        self.skip_line()?;
                        looked_at = 0;
                    } else {
                        self.fill()?;
                    }
                    continue;
                }
            };
            let start = self.start;
            self.start += consumed;
            self.number += 1;
            if length > MOST_BYTES {
                self.too_long += 1;
                looked_at = 0;
                continue;
            }
            // Taken again, because the borrow checker does not follow the one above through the loop.
            let line = self.buffer.get(start..start + length).unwrap_or_default();
            return Ok(Some(Line { number: self.number, bytes: line.strip_suffix(b"\r").unwrap_or(line) }));
        }
    }

    /// Bytes read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines handed out or skipped.
    pub(super) const fn lines(&self) -> u64 {
        self.number
    }

    /// Lines that were too long.
    pub(super) const fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Reads more behind what is pending, which moves to the front.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if read == 0 {
            self.ended = Ended::Yes;
        }
        self.end += read;
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Drops everything up to the next end of a line.
    fn skip_line(&mut self) -> io::Result<()> {
        self.number += 1;
        self.too_long += 1;
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = memchr(b'\n', pending) {
                self.start += at + 1;
                return Ok(());
            }
            self.start = self.end;
            if self.ended == Ended::Yes {
                return Ok(());
            }
            self.fill()?;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out bytes in pieces of these sizes, over and over.
    pub(in crate::attribute::aws) struct Pieces<'b> {
        pub(in crate::attribute::aws) bytes: &'b [u8],
        pub(in crate::attribute::aws) sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    }

    impl<'b> Pieces<'b> {
        pub(in crate::attribute::aws) fn of(bytes: &'b [u8], sizes: Vec<usize>) -> Self {
            Self { bytes, sizes: sizes.into_iter().cycle() }
        }
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes.next().unwrap_or(1).clamp(1, room.len()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(size);
            room[..size].copy_from_slice(now);
            self.bytes = later;
            Ok(size)
        }
    }

    fn lines(input: impl Read) -> (Vec<(u64, Vec<u8>)>, u64) {
        let mut lines = Lines::of(input);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.bytes.to_owned()));
        }
        (found, lines.too_long())
    }

    #[test]
    fn a_line_ends_with_lf_or_crlf_or_the_input() {
        let cases: &[(&str, &[(u64, &str)])] = &[
            ("", &[]),
            ("a", &[(1, "a")]),
            ("a\n", &[(1, "a")]),
            ("a\r\nb\r\n", &[(1, "a"), (2, "b")]),
            ("\n\na\rb\n", &[(1, ""), (2, ""), (3, "a\rb")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|(number, line)| (*number, line.as_bytes().to_owned())).collect();
            assert_eq!(lines(text.as_bytes()).0, expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_counted_and_memory_stays() {
        let fits = vec![b'x'; MOST_BYTES];
        let long = vec![b'y'; MOST_BYTES + 1];
        let far_too_long = vec![b'z'; 8 * MOST_BYTES];
        let bytes = [&fits[..], &long, &far_too_long, b"end", &far_too_long].join(&b'\n');
        let (found, too_long) = lines(&bytes[..]);
        assert_eq!(found, [(1, fits), (4, b"end".to_vec())]);
        assert_eq!(too_long, 3);
        let mut reader = Lines::of(&bytes[..]);
        while reader.next().unwrap().is_some() {}
        assert!(reader.buffer.len() <= MOST_BYTES + 3 * CHUNK, "{}", reader.buffer.len());
    }

    proptest! {
        #[test]
        fn any_split_into_chunks_gives_the_same_lines(
            text in proptest::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\r')], 0..500),
            sizes in proptest::collection::vec(1..60_usize, 1..8),
        ) {
            let whole = lines(&text[..]);
            let in_pieces = lines(Pieces::of(&text, sizes));
            prop_assert_eq!(in_pieces, whole);
        }
    }
}

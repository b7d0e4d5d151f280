//! Finds the frames in an HTTP/2 byte stream (RFC 9113 §4.1) and where each began and ended. Pure.
//!
//! Bytes come with a tag (an arrival, or an offset in the TCP stream); a frame carries the tags of its first and last byte.
//! Nothing is validated: the protocol library on the same bytes does that.

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const HEADER: usize = 9;

/// The frames that matter for timing (RFC 9113 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Continuation,
    Other,
}

/// A complete frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<T> {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// Length with its header.
    pub(super) length: u64,
    pub(super) first: T,
    pub(super) last: T,
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub(super) struct FrameParser<T> {
    /// Bytes of a preface still to come.
    preface: usize,
    header: Vec<u8>,
    first: Option<T>,
    /// Payload bytes still to come, once the header is complete.
    left: Option<usize>,
}

impl<T: Copy> FrameParser<T> {
    /// For what a server sends.
    pub(super) fn new() -> Self {
        Self { preface: 0, header: Vec::with_capacity(HEADER), first: None, left: None }
    }

    /// For what a client sends: it begins with 24 bytes that are no frame (RFC 9113 §3.4).
    pub(super) fn after_preface() -> Self {
        Self { preface: 24, ..Self::new() }
    }

    /// Takes bytes, hands out the frames that they complete. `tag` says what the byte at an index is tagged with.
    pub(super) fn feed(&mut self, bytes: &[u8], tag: impl Fn(usize) -> T, mut out: impl FnMut(Frame<T>)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut rest = &bytes[skipped..];
        loop {
            if self.left.is_none() {
                let take = (HEADER - self.header.len()).min(rest.len());
                if take > 0 {
                    self.first.get_or_insert_with(|| tag(bytes.len() - rest.len()));
                }
                self.header.extend_from_slice(&rest[..take]);
                rest = &rest[take..];
                if self.header.len() < HEADER {
                    return;
                }
                self.left = Some(self.payload());
            }
            let left = self.left.unwrap_or(0);
            let take = left.min(rest.len());
            rest = &rest[take..];
            if take < left {
                self.left = Some(left - take);
                return;
            }
            out(self.complete(tag((bytes.len() - rest.len()).saturating_sub(1))));
        }
    }

    fn payload(&self) -> usize {
        usize::from(self.header[0]) << 16 | usize::from(self.header[1]) << 8 | usize::from(self.header[2])
    }

    fn complete(&mut self, last: T) -> Frame<T> {
        let header = &self.header;
        let frame = Frame {
            kind: match header[3] {
                0x0 => Kind::Data,
                0x1 => Kind::Headers,
                0x9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags: header[4],
            stream: u32::from_be_bytes([header[5] & 0x7f, header[6], header[7], header[8]]),
            length: (HEADER + self.payload()) as u64,
            first: self.first.unwrap_or(last),
            last,
        };
        self.header.clear();
        self.first = None;
        self.left = None;
        frame
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn parse(mut parser: FrameParser<usize>, pieces: &[&[u8]]) -> Vec<Frame<usize>> {
        let mut frames = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            parser.feed(piece, |_| index, |frame| frames.push(frame));
        }
        frames
    }

    #[test]
    fn frames_carry_the_tags_of_their_ends() {
        let bytes = [vec![0; 24], frame(4, 0, 0, b""), frame(1, END_HEADERS | END_STREAM, 1, b"head")].concat();
        let frames = parse(FrameParser::after_preface(), &[&bytes[..30], &bytes[30..40], &bytes[40..]]);
        let expect = [
            Frame { kind: Kind::Other, flags: 0, stream: 0, length: 9, first: 0, last: 1 },
            Frame { kind: Kind::Headers, flags: 5, stream: 1, length: 13, first: 1, last: 2 },
        ];
        assert_eq!(frames, expect);
    }

    #[test]
    fn bytes_of_one_piece_may_have_tags_of_their_own() {
        let bytes = [frame(0, 0, 1, b"abc"), frame(0, END_STREAM, 1, b"")].concat();
        let mut ends = Vec::new();
        FrameParser::new().feed(&bytes, |index| index, |frame| ends.push((frame.first, frame.last)));
        assert_eq!(ends, [(0, 11), (12, 20)]);
    }

    proptest! {
        #[test]
        fn where_reads_are_cut_does_not_matter(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 0_usize..300,
        ) {
            let cut = cut.min(bytes.len());
            let shape = |frames: Vec<Frame<usize>>| {
                frames.into_iter().map(|frame| (frame.kind, frame.flags, frame.stream, frame.length)).collect::<Vec<_>>()
            };
            let whole = shape(parse(FrameParser::new(), &[&bytes]));
            prop_assert_eq!(shape(parse(FrameParser::new(), &[&bytes[..cut], &bytes[cut..]])), whole);
        }
    }
}

//! The chunked transfer coding (RFC 9112 §7.1), a byte stream at a time.
//!
//! Deliberately absent: what trailers say.

/// The longest chunk-size or trailer line that is accepted.
const LONGEST_LINE: usize = 8 * 1_024;

/// Takes chunk framing away.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Bytes(u64),
    /// The line end behind a chunk's bytes.
    End,
    Trailers,
    Done,
}

/// The bytes are not chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not in chunks, as its head says")]
pub struct NotChunked;

impl ChunkedDecoder {
    /// The last chunk and its trailers are over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes until the last chunk's trailers end; hands out what the chunks hold, and says how many it took.
    ///
    /// # Errors
    /// If they are no chunks.
    pub fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) -> Result<usize, NotChunked> {
        let mut rest = bytes;
        while !rest.is_empty() && self.state != State::Done {
            rest = match self.state {
                State::Bytes(left) => {
                    let take = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    out(&rest[..take]);
                    let left = left - take as u64;
                    self.state = if left == 0 { State::End } else { State::Bytes(left) };
                    &rest[take..]
                }
                _ => self.line_bytes(rest)?,
            };
        }
        Ok(bytes.len() - rest.len())
    }

    /// Bytes that nobody saw. They can be passed over where they are inside a chunk, and its framing is lost elsewhere.
    ///
    /// # Errors
    /// If they are not all inside the chunk.
    pub fn skip(&mut self, length: u64) -> Result<(), NotChunked> {
        match &mut self.state {
            State::Bytes(left) if *left > length => {
                *left -= length;
                Ok(())
            }
            State::Bytes(left) if *left == length => {
                self.state = State::End;
                Ok(())
            }
            _ => Err(NotChunked),
        }
    }

    /// Takes bytes up to a line end, and acts on the line once it is complete.
    fn line_bytes<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], NotChunked> {
        let (part, rest, complete) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&bytes[..end], &bytes[end + 1..], true),
            None => (bytes, &bytes[bytes.len()..], false),
        };
        if self.line.len() + part.len() > LONGEST_LINE {
            return Err(NotChunked);
        }
        self.line.extend_from_slice(part);
        if complete {
            let line = std::mem::take(&mut self.line);
            self.state = self.after(line.strip_suffix(b"\r").unwrap_or(&line))?;
        }
        Ok(rest)
    }

    fn after(&self, line: &[u8]) -> Result<State, NotChunked> {
        match self.state {
            State::Size => match chunk_size(line)? {
                0 => Ok(State::Trailers),
                size => Ok(State::Bytes(size)),
            },
            State::End if line.is_empty() => Ok(State::Size),
            State::Trailers if line.is_empty() => Ok(State::Done),
            State::Trailers => Ok(State::Trailers),
            _ => Err(NotChunked),
        }
    }
}

/// Hexadecimal digits, then perhaps extensions, which mean nothing here.
fn chunk_size(line: &[u8]) -> Result<u64, NotChunked> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, extension) = line.split_at(end);
    let extension_fits = extension.is_empty() || matches!(extension[0], b';' | b' ' | b'\t');
    let digits = std::str::from_utf8(digits).map_err(|_| NotChunked)?;
    if extension_fits { u64::from_str_radix(digits, 16).map_err(|_| NotChunked) } else { Err(NotChunked) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), NotChunked> {
        let (mut decoder, mut out, mut taken) = (ChunkedDecoder::default(), Vec::new(), 0);
        for piece in pieces {
            taken += decoder.feed(piece, |bytes| out.extend_from_slice(bytes))?;
        }
        Ok((out, taken, decoder.is_done()))
    }

    #[test]
    fn chunks_extensions_and_trailers() {
        let whole = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nnext";
        assert_eq!(decode(&[whole]), Ok((b"hello world".to_vec(), whole.len() - 4, true)));
        assert_eq!(decode(&[b"5\r\nhel"]), Ok((b"hel".to_vec(), 6, false)));
        for bad in ["x\r\n", "\r\n", "5\r\nhelloX\r\n", "ffffffffffffffffff\r\n", "5x\r\n"] {
            assert_eq!(decode(&[bad.as_bytes()]), Err(NotChunked), "{bad:?}");
        }
        assert_eq!(decode(&[&[b'1'; LONGEST_LINE + 1]]), Err(NotChunked));
    }

    proptest! {
        #[test]
        fn any_bytes_are_chunks_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[&bytes]);
        }

        #[test]
        fn where_reads_are_cut_does_not_matter(body in proptest::collection::vec(any::<u8>(), 1..100), cut in 0_usize..120) {
            let coded = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            let cut = cut.min(coded.len());
            prop_assert_eq!(decode(&[&coded[..cut], &coded[cut..]]), Ok((body, coded.len(), true)));
        }
    }
}

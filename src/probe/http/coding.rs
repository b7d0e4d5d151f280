//! Where bodies go: content codings (RFC 9110 §8.4) are undone on the way, if that was asked for.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::event::{Failure, FailureCode, Phase, ResponseHead};
use crate::probe::fault::fault;
use crate::target::ContentCoding;

/// What `--compressed` offers.
pub(super) const OFFERED: &str = "gzip, deflate, br";

/// Receives a body.
pub(crate) struct BodySink<'a> {
    out: Option<&'a mut dyn Write>,
    coding: ContentCoding,
    /// What the head says of the body, until its first byte is there.
    named: Option<Coding>,
    /// Made with the body's first byte: a body without any, as that of a HEAD, is in no coding.
    decoder: Option<Decoder>,
    redirects: RedirectBodies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RedirectBodies {
    Written,
    LeftOut,
}

impl std::fmt::Debug for BodySink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodySink").field("coding", &self.coding).finish_non_exhaustive()
    }
}

impl<'a> BodySink<'a> {
    /// Bodies are written to `out`, decoded if `coding` says so; without `out` they are counted only.
    pub(crate) fn new(out: Option<&'a mut dyn Write>, coding: ContentCoding) -> Self {
        Self { out, coding, named: None, decoder: None, redirects: RedirectBodies::Written }
    }

    /// The bodies of redirects are counted only: they will be followed.
    pub(crate) fn leave_out_redirects(&mut self) {
        self.redirects = RedirectBodies::LeftOut;
    }

    /// Bodies are written as they come.
    pub(crate) fn as_is(out: Option<&'a mut dyn Write>) -> Self {
        Self::new(out, ContentCoding::AsIs)
    }

    /// The head is known, and with it the coding of the body.
    pub(super) fn begin(&mut self, head: &ResponseHead) -> Result<(), Failure> {
        (self.named, self.decoder) = (None, None);
        let headers = &head.headers;
        let is_redirect =
            matches!(head.status, 301..=303 | 307 | 308) && headers.iter().any(|(name, _)| name == "location");
        if is_redirect && self.redirects == RedirectBodies::LeftOut {
            self.out = None;
        }
        if self.coding == ContentCoding::AsIs || self.out.is_none() {
            return Ok(());
        }
        let coding = headers.iter().find(|(name, _)| name == "content-encoding").map(|(_, value)| value.as_str());
        self.named = match coding.unwrap_or("identity").to_ascii_lowercase().as_str() {
            "identity" | "" => None,
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            other => return Err(bad(&format!("the body is coded as {other}, which was not asked for"))),
        };
        Ok(())
    }

    /// Body bytes as they came.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(out) = &mut self.out else { return Ok(()) };
        if let Some(first) = bytes.first()
            && let Some(coding) = self.named.take()
        {
            self.decoder = Some(Decoder::new(coding, *first));
        }
        let written = match &mut self.decoder {
            None => out.write_all(bytes),
            Some(decoder) => {
                let plain =
                    decoder.decode(bytes).map_err(|error| bad(&format!("the body cannot be decoded: {error}")))?;
                out.write_all(&plain)
            }
        };
        written.map_err(|error| {
            fault(Phase::Receive, FailureCode::ClientCannotWrite, format!("the body cannot be written: {error}"))
        })
    }

    /// The body is complete.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let rest = decoder.finish().map_err(|error| bad(&format!("the body ends inside its coding: {error}")))?;
        self.write(&rest)
    }
}

fn bad(message: &str) -> Failure {
    fault(Phase::Receive, FailureCode::HttpBadContentCoding, message)
}

/// The codings that are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
    Deflate(DeflateDecoder<Vec<u8>>),
    Brotli(Box<DecompressorWriter<Vec<u8>>>),
}

impl Decoder {
    /// The decoder of a body that begins with the byte `first`. The coding "deflate" is the zlib format (RFC 9110 §8.4.1.2),
    /// the first byte of which ends in 8 (RFC 1950 §2.2); some servers send the compressed bytes without it.
    fn new(coding: Coding, first: u8) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate if first & 0xf == 8 => Self::Zlib(ZlibDecoder::new(Vec::new())),
            Coding::Deflate => Self::Deflate(DeflateDecoder::new(Vec::new())),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(Vec::new(), 4_096))),
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Zlib(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Deflate(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Brotli(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(mut decoder) => {
                decoder.try_finish()?;
                decoder.finish()
            }
            Self::Zlib(decoder) => decoder.finish(),
            Self::Deflate(decoder) => decoder.finish(),
            Self::Brotli(decoder) => decoder.into_inner().map_err(|_| io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Memory for a body, up to a limit.
#[derive(Debug)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Bounded {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {} bytes", self.most)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coding: &str, pieces: &[&[u8]]) -> Result<Vec<u8>, FailureCode> {
        let mut out = Vec::new();
        let mut sink = BodySink::new(Some(&mut out), ContentCoding::Compressed);
        let head = ResponseHead {
            status: 200,
            version: "HTTP/1.1".to_owned(),
            headers: vec![("content-encoding".to_owned(), coding.to_owned())],
            header_bytes: 0,
        };
        sink.begin(&head)
            .and_then(|()| pieces.iter().try_for_each(|piece| sink.write(piece)))
            .and_then(|()| sink.finish())
            .map_err(|failure| failure.code)?;
        Ok(out)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_decoded_however_they_are_cut() {
        let coded = gzip("where do the milliseconds go?");
        for cut in 0..coded.len() {
            let (front, back) = coded.split_at(cut);
            assert_eq!(decoded("gzip", &[front, back]).unwrap(), b"where do the milliseconds go?");
        }
        // `printf hi | brotli | xxd`
        assert_eq!(decoded("br", &[&[0x8b, 0x00, 0x80, 0x68, 0x69, 0x03]]).unwrap(), b"hi");
        assert_eq!(decoded("identity", &[b"as it is"]).unwrap(), b"as it is");
        assert_eq!(decoded("gzip", &[]).unwrap(), b"");
    }

    #[test]
    fn what_is_not_in_its_coding_is_an_error() {
        let coded = gzip("where do the milliseconds go?");
        for (coding, body) in [
            ("gzip", b"plain".as_slice()),
            ("deflate", b"plain"),
            ("zstd", b""),
            ("gzip", &coded[..20]),
            ("br", &[0x8b, 0x00, 0x80]),
        ] {
            assert_eq!(decoded(coding, &[body]), Err(FailureCode::HttpBadContentCoding), "{coding}");
        }
    }
}

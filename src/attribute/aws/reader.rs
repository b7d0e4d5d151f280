//! Logs read as streams: only what concerns the traces at hand becomes a [`Record`].
//!
//! Invariants: memory grows with the traces, not with the logs (X-Ray's traces apart where a request was sent without any key);
//! a line that is broken, or too long, costs itself alone and is counted; the first line of every input is parsed whatever it
//! says, and an input of which nothing is of the format is said to be of another one, so that it does not pass in silence.
//!
//! Deliberately absent: opening, unpacking and finding inputs.

use std::io::{self, BufReader, Read};

use serde_json::Value;

use super::apig;
use super::cloudfront::{self, Columns};
use super::error::{FieldName, LineError};
use super::format::Format;
use super::lines::Lines;
use super::recognise::recognise;
use super::stream::{self, Broken};
use super::tally::{Foreign, Tally};
use super::xray::Collector;
use super::{alb, alb_connection, classic_elb, lambda, nlb};
use crate::attribute::record::{Record, Source, Where};
use crate::attribute::wanted::Wanted;

/// What is looked at to tell lines from a document that spans them.
const PEEKED: u64 = 4 << 10;
/// What some editors put before text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What had been read before an input.
#[derive(Clone, Copy)]
struct Before {
    broken: u64,
    parsed: u64,
    records: u64,
    segments: u64,
}

/// Reads the inputs of one format, one after the other.
#[derive(Debug)]
pub struct LogReader {
    format: Format,
    xray: Collector,
    tally: Tally,
}

impl LogReader {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, xray: Collector::default(), tally: Tally::default() }
    }

    /// Reads an input to its end and hands out the records that are wanted. X-Ray's come with [`Self::finish`], because a trace
    /// may be spread over inputs.
    ///
    /// An error is the input's own: what came before it has been handed out.
    pub fn read(
        &mut self,
        file: usize,
        mut input: impl Read,
        wanted: &Wanted,
        each: &mut dyn FnMut(Record),
    ) -> io::Result<()> {
        let mut head = Vec::new();
        let peeked = input.by_ref().take(PEEKED).read_to_end(&mut head);
        let mark = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let head = head.split_off(mark);
        let input = io::Cursor::new(head.clone()).chain(Unbroken { input, broke: peeked.err() });
        let before = Before {
            broken: self.tally.broken,
            parsed: self.tally.parsed,
            records: self.tally.records,
            segments: self.xray.segments(),
        };
        match self.format {
            Format::XRay => self.read_xray(file, input, wanted)?,
            Format::ApiGateway(_) | Format::Lambda if is_document(&head) => {
                self.read_document(file, input, wanted, each)?;
            }
            _ => self.read_lines(file, input, wanted, each)?,
        }
        self.look_closer(file, &head, before);
        Ok(())
    }

    /// Whether an input of which nothing was kept is of the format at all.
    fn look_closer(&mut self, file: usize, head: &[u8], before: Before) {
        let was_used = self.tally.records > before.records || self.xray.segments() > before.segments;
        if was_used {
            return;
        }
        let (parsed, broken) = (self.tally.parsed - before.parsed, self.tally.broken - before.broken);
        let is_readable = parsed > 0 && broken < parsed;
        let (foreign, errors) = match recognise(head) {
            _ if head.is_empty() => (Foreign::Empty { file }, 0),
            Some(kind) if self.format.reads(kind) && (broken == 0 || !self.breaks_all(head)) => return,
            Some(kind) if self.format.reads(kind) => (Foreign::Broken { file }, 1),
            // A format of the user's own may look like any other.
            Some(_) if is_readable && matches!(self.format, Format::ApiGateway(Some(_))) => return,
            Some(kind) => (Foreign::LooksLike { file, kind }, 0),
            // A function may print what it likes, but no such bytes.
            None if is_readable && self.format != Format::XRay && !head.contains(&0) => return,
            // Where a field of text begins in what is none, nobody wants to know.
            None => (Foreign::Unknown { file }, u64::from(is_text(head))),
        };
        self.tally.keep_errors(file, errors, before.broken);
        self.tally.foreign.push(foreign);
    }

    /// Whether no line that an input begins with can be read, though it looks like this format: cut documents, or other fields
    /// than the user named.
    fn breaks_all(&self, head: &[u8]) -> bool {
        let columns = self.format.columns();
        let is_read = |line: &[u8]| {
            let mut found = false;
            let parsed = parse(&self.format, &columns, line, Where::default(), &mut |_| found = true);
            parsed.is_ok() && found
        };
        !head.split(|byte| *byte == b'\n').any(is_read)
    }

    /// Hands out what could not be before all was read, and says what was read in all.
    pub fn finish(mut self, wanted: &Wanted, each: &mut dyn FnMut(Record)) -> Tally {
        for records in self.xray.records() {
            // Who wants one of them wants the trace: only its root joins the others.
            if records.iter().any(|record| wanted.wants(record)) {
                for record in records {
                    self.tally.records += 1;
                    each(record);
                }
            }
        }
        self.tally
    }

    fn read_lines(
        &mut self,
        file: usize,
        input: impl Read,
        wanted: &Wanted,
        each: &mut dyn FnMut(Record),
    ) -> io::Result<()> {
        let mut lines = Lines::of(input);
        let mut columns = self.format.columns();
        let mut port = self.format.port(&columns);
        let looks_closely = !self.format.parts_ids();
        let mut first = First::Unseen;
        let ended = loop {
            let line = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            if self.format == Format::CloudFrontStandard
                && let Some(named) = cloudfront::header(line.bytes)
            {
                port = self.format.port(&named);
                columns = named;
                continue;
            }
            let suspect = looks_closely || first.sees(line.bytes) || wanted.may_concern(line.bytes, port);
            if !suspect {
                continue;
            }
            self.tally.parsed += 1;
            let at = Where { file, line: line.number };
            let tally = &mut self.tally;
            let mut keep = |record: Record| {
                if wanted.wants(&record) {
                    tally.records += 1;
                    each(record);
                }
            };
            if let Err(error) = parse(&self.format, &columns, line.bytes, at, &mut keep) {
                self.tally.error(at, error);
            }
        };
        self.tally.bytes += lines.bytes();
        self.tally.lines += lines.lines();
        self.tally.too_long += lines.too_long();
        ended
    }

    fn read_document(
        &mut self,
        file: usize,
        input: impl Read,
        wanted: &Wanted,
        each: &mut dyn FnMut(Record),
    ) -> io::Result<()> {
        let mut input = Counted { input, bytes: 0 };
        let mut broken = Vec::new();
        let format = self.format.clone();
        let tally = &mut self.tally;
        let lines = stream::objects(
            BufReader::new(&mut input),
            lambda::CONTAINERS,
            &[],
            &mut |number, object| {
                let at = Where { file, line: number };
                tally.parsed += 1;
                let mut found = Vec::new();
                let value = Value::Object(object);
                let parsed = match &format {
                    Format::ApiGateway(own) => {
                        apig::parse_value(&value, own.as_ref(), at).map(|record| found.extend(record))
                    }
                    _ => lambda::parse_value(&value, at, &mut |record| found.push(record)),
                };
                if let Err(error) = parsed {
                    tally.error(at, error);
                }
                for record in found.into_iter().filter(|record| wanted.wants(record)) {
                    tally.records += 1;
                    each(record);
                }
            },
            &mut |problem| broken.push(problem),
        );
        self.ended(file, lines, input.bytes, broken)
    }

    fn read_xray(&mut self, file: usize, input: impl Read, wanted: &Wanted) -> io::Result<()> {
        let mut input = Counted { input, bytes: 0 };
        let mut broken = Vec::new();
        let keep = |root| wanted.wants_root(root);
        let documents = self.xray.read(file, BufReader::new(&mut input), &keep, &mut |problem| broken.push(problem));
        self.tally.parsed += documents;
        self.ended(file, documents, input.bytes, broken)
    }

    /// Counts what was read of JSON; the input's own error, if that ended it.
    fn ended(&mut self, file: usize, lines: u64, bytes: u64, broken: Vec<Broken>) -> io::Result<()> {
        self.tally.lines += lines;
        self.tally.bytes += bytes;
        let mut ended = Ok(());
        for problem in broken {
            match problem {
                Broken::Io(error) => ended = Err(error),
                Broken::Document(number, why) => {
                    let at = Where { file, line: number };
                    self.tally.error(at, LineError::new(FieldName::Named("the document"), "JSON", why.as_bytes()));
                }
            }
        }
        ended
    }
}

/// Whether an input that begins so is text; that may be cut in the middle of a letter.
fn is_text(head: &[u8]) -> bool {
    let is_cut = |error: std::str::Utf8Error| error.error_len().is_none();
    !head.contains(&0) && std::str::from_utf8(head).map_or_else(is_cut, |_| true)
}

/// Every line of any format but X-Ray's, whoever it concerns.
pub(super) fn parse(
    format: &Format,
    columns: &Columns,
    line: &[u8],
    at: Where,
    each: &mut dyn FnMut(Record),
) -> Result<(), LineError> {
    let one = match format {
        Format::AlbAccess => filled(line).map(|line| alb::parse(line, at)).transpose(),
        Format::AlbConnection => filled(line).map(|line| alb_connection::parse(line, at)).transpose(),
        Format::ClassicElb => filled(line).map(|line| classic_elb::parse(line, at)).transpose(),
        Format::NlbTls => filled(line).map(|line| nlb::parse(line, at)).transpose(),
        Format::CloudFrontStandard => cloudfront::parse(line, Source::CloudFrontStandard, columns, at),
        Format::CloudFrontRealtime(_) => cloudfront::parse(line, Source::CloudFrontRealtime, columns, at),
        Format::ApiGateway(own) => apig::parse(line, own.as_ref(), at),
        Format::Lambda => return lambda::parse(line, at, each),
        Format::XRay => Ok(None),
    };
    if let Some(record) = one? {
        each(record);
    }
    Ok(())
}

fn filled(line: &[u8]) -> Option<&[u8]> {
    (!line.trim_ascii().is_empty()).then_some(line)
}

/// Whether the first line with anything in it has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Unseen,
    Seen,
}

impl First {
    /// Whether this is the one.
    fn sees(&mut self, line: &[u8]) -> bool {
        if *self == Self::Seen || filled(line).is_none() {
            return false;
        }
        *self = Self::Seen;
        true
    }
}

/// Whether an input is JSON that spans lines, or one line too long to be one, by how it begins: an array, an envelope, or an
/// object whose first line holds nothing else.
fn is_document(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let Some(inside) = head.strip_prefix(b"{") else { return head.starts_with(b"[") };
    let first_line = inside.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first_line.len() < inside.len() && first_line.trim_ascii().is_empty() {
        return true;
    }
    let key = inside.trim_ascii_start().strip_prefix(b"\"").unwrap_or_default();
    lambda::CONTAINERS.iter().any(|name| key.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"\"")))
}

/// An input that may have broken off while it was looked at: what came before that is read first.
struct Unbroken<R> {
    input: R,
    broke: Option<io::Error>,
}

impl<R: Read> Read for Unbroken<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.broke.take().map_or_else(|| self.input.read(room), Err)
    }
}

/// Counts what is read through it.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(room)?;
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;

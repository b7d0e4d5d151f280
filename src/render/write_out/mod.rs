//! curl's `-w FORMAT`: text with variables in it, for scripts that already know curl's.
//!
//! The format is curl's own (7.88 and, for variables that came later, its manual): an unknown variable becomes nothing and is
//! reported, an escape or a brace that leads nowhere stays as it is, and what does not apply is `0` or empty, as curl has it;
//! nowhere else in this program is the unknown written as zero.
//!
//! Deliberately absent: `%output{FILE}` (nothing here opens files) and `%time{…}` (nothing here reads a clock); both stay in
//! the text as they are.

mod variable;

use variable::Value;

use super::escape::printable;
use crate::trace::Trace;

/// One transfer in curl's sense: a chain of redirects.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// Its requests in order; the last one is the one whose response counts.
    pub traces: &'a [Trace],
    /// Which of the URLs on the command line it is, from 0.
    pub index: usize,
    /// The status that the program ends with on behalf of this transfer.
    pub exit_status: u8,
    /// Why it failed, if it failed for another reason than the last trace's.
    pub message: Option<&'a str>,
}

/// Where a part of the text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; where everything goes until told otherwise.
    Stdout,
    /// Standard error, from `%{stderr}` on.
    Stderr,
}

/// A variable that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown --write-out variable: '{}'", printable(.0))]
pub struct UnknownVariable(String);

/// The text in parts, in order, and the variables that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenOut {
    /// What to print, and where. No part is empty.
    pub parts: Vec<(Stream, String)>,
    /// In the order of their appearance.
    pub unknown: Vec<UnknownVariable>,
}

/// Fills in the format.
#[must_use]
pub fn write_out(format: &str, transfer: &Transfer<'_>) -> WrittenOut {
    let mut written = WrittenOut::default();
    let (mut stream, mut text) = (Stream::Stdout, String::new());
    for piece in Pieces(format) {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Escape(character) => text.push(character),
            Piece::Header(name) => text.push_str(&safe(variable::header(transfer, name).unwrap_or_default())),
            Piece::Variable(switch @ ("stdout" | "stderr")) => {
                written.flush(stream, &mut text);
                stream = if switch == "stdout" { Stream::Stdout } else { Stream::Stderr };
            }
            Piece::Variable("onerror") if transfer.exit_status == 0 => break,
            Piece::Variable("onerror") => {}
            Piece::Variable("json") => text.push_str(&variable::json(transfer)),
            Piece::Variable("header_json") => text.push_str(&variable::header_json(transfer)),
            Piece::Variable(name) => match variable::value(transfer, name) {
                Some(Value::Text(value)) => text.push_str(&safe(&value)),
                Some(value) => text.push_str(&value.to_string()),
                None => written.unknown.push(UnknownVariable(name.to_owned())),
            },
        }
    }
    written.flush(stream, &mut text);
    written
}

impl WrittenOut {
    fn flush(&mut self, stream: Stream, text: &mut String) {
        if !text.is_empty() {
            self.parts.push((stream, std::mem::take(text)));
        }
    }
}

/// What a server sent, without its control characters; a tab is white space in a header field (RFC 9110 §5.5) and stays.
fn safe(text: &str) -> String {
    let pieces: Vec<String> = text.split('\t').map(printable).collect();
    pieces.join("\t")
}

/// A format, taken apart.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Escape(char),
    Variable(&'a str),
    Header(&'a str),
}

/// The rest of a format.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let format = self.0;
        let (piece, length) = match format.bytes().next()? {
            b'%' => directive(format),
            b'\\' => escape(format),
            _ => {
                let length = format.find(['%', '\\']).unwrap_or(format.len());
                (Piece::Text(&format[..length]), length)
            }
        };
        self.0 = &format[length..];
        Some(piece)
    }
}

/// What begins with `%`, and its length. Without a closing brace it is text up to the opening one.
fn directive(format: &str) -> (Piece<'_>, usize) {
    if format.starts_with("%%") {
        return (Piece::Escape('%'), 2);
    }
    if let Some(rest) = format.strip_prefix("%{") {
        return braced(rest).map_or((Piece::Text("%{"), 2), |(name, length)| (Piece::Variable(name), 2 + length));
    }
    if let Some(rest) = format.strip_prefix("%header{") {
        return braced(rest).map_or((Piece::Text("%header{"), 8), |(name, length)| (Piece::Header(name), 8 + length));
    }
    pair(format)
}

/// What stands before the closing brace, and the length with it.
fn braced(rest: &str) -> Option<(&str, usize)> {
    rest.find('}').map(|end| (&rest[..end], end + 1))
}

fn escape(format: &str) -> (Piece<'_>, usize) {
    match format.as_bytes().get(1) {
        Some(b'n') => (Piece::Escape('\n'), 2),
        Some(b'r') => (Piece::Escape('\r'), 2),
        Some(b't') => (Piece::Escape('\t'), 2),
        _ => pair(format),
    }
}

/// A sign without a meaning: it and the character after it are text.
fn pair(format: &str) -> (Piece<'_>, usize) {
    let length = format.char_indices().nth(2).map_or(format.len(), |(at, _)| at);
    (Piece::Text(&format[..length]), length)
}

#[cfg(test)]
mod tests;

//! Traces that were saved: files of `--save` and `--format jsonl`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::CommandError;
use super::args::{RunSource, SavedRun};
use super::attribute::kind_of;
use crate::attribute::aws::recognise;
use crate::trace::Trace;

/// What every trace says of itself, whatever its version.
const SCHEMA: &str = "wirefall/trace/";
/// What is looked at to tell what an input is instead.
const LOOKED_AT: usize = 4 << 10;
/// How compressed files begin, by the program that unpacks them.
const COMPRESSED: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "gunzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "unzstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "unxz"),
    (b"BZh", "bunzip2"),
];

/// What stands where a trace should, at one place: `run.jsonl:3:17`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}{}: {found}", column.map_or(String::new(), |column| format!(":{column}")))]
pub(super) struct NoTrace {
    /// The file, or `standard input`.
    file: String,
    /// Counted from 1.
    line: usize,
    /// The byte of the line, counted from 1, where it is known.
    column: Option<usize>,
    found: Found,
}

/// What is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Found {
    #[error("expected a trace of the form wirefall/trace/1: {0}")]
    BrokenTrace(String),
    #[error("expected traces (wirefall/trace/1), a line each{0}")]
    Else(Instead),
    #[error("expected traces (wirefall/trace/1), a line each, but this is compressed: {0} it first")]
    Compressed(&'static str),
    #[error("expected traces (wirefall/trace/1), a line each, but this is not text")]
    NoText,
}

/// What the input looks like instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Instead {
    #[error("")]
    Unknown,
    #[error("; this looks like {what}: wirefall attribute reads it with {flag}")]
    Log { what: &'static str, flag: &'static str },
    #[error("; this looks like --format json: --format jsonl and --save write lines")]
    Document,
}

impl Instead {
    /// By how an input begins.
    fn of(head: &[u8]) -> Self {
        if memchr::memmem::find(head, SCHEMA.as_bytes()).is_some() {
            return Self::Document;
        }
        recognise(head).map_or(Self::Unknown, |kind| {
            let (what, flag) = kind_of(kind);
            Self::Log { what, flag }
        })
    }
}

/// An input of traces, line by line.
struct Lines {
    file: String,
    reader: Box<dyn BufRead>,
    /// How it begins.
    head: Vec<u8>,
    line: usize,
    traces: Vec<Trace>,
}

impl Lines {
    fn of(path: &Path) -> Result<Self, CommandError> {
        let is_stdin = path.as_os_str() == "-";
        let file = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let reader: Box<dyn BufRead> = if is_stdin {
            Box::new(io::stdin().lock())
        } else {
            let opened = File::open(path);
            Box::new(BufReader::new(opened.map_err(|source| Self::unreadable(&file, source))?))
        };
        Ok(Self { file, reader, head: Vec::new(), line: 0, traces: Vec::new() })
    }

    fn unreadable(file: &str, source: io::Error) -> CommandError {
        CommandError::File { doing: "read", file: file.to_owned(), source }
    }

    /// All traces of the input.
    fn read(mut self) -> Result<Vec<Trace>, CommandError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.reader.read_until(b'\n', &mut line);
            if read.map_err(|source| Self::unreadable(&self.file, source))? == 0 {
                return Ok(self.traces);
            }
            self.line += 1;
            self.look_at(&line);
            match self.trace(&line) {
                Ok(trace) => self.traces.extend(trace),
                Err(no_trace) => return Err(no_trace.into()),
            }
        }
    }

    fn look_at(&mut self, line: &[u8]) {
        let room = LOOKED_AT.saturating_sub(self.head.len());
        self.head.extend_from_slice(&line[..line.len().min(room)]);
    }

    /// The trace of a line; `None` of an empty one.
    fn trace(&mut self, line: &[u8]) -> Result<Option<Trace>, NoTrace> {
        if self.line == 1
            && let Some((_, program)) = COMPRESSED.iter().find(|(magic, _)| line.starts_with(magic))
        {
            return Err(self.no_trace(None, Found::Compressed(program)));
        }
        // Where a line breaks off is in it, not on a line behind it.
        let text = std::str::from_utf8(line.trim_ascii_end()).ok().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| self.no_trace(None, Found::NoText))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(text).map(Some).map_err(|error| {
            // A line that says so is a trace, and so is any behind one: what was written last may be cut.
            if text.contains(SCHEMA) || !self.traces.is_empty() {
                let (column, cause) = column_and_cause(&error);
                return self.no_trace(column, Found::BrokenTrace(cause));
            }
            let instead = self.instead();
            self.no_trace(None, Found::Else(instead))
        })
    }

    fn no_trace(&self, column: Option<usize>, found: Found) -> NoTrace {
        NoTrace { file: self.file.clone(), line: self.line, column, found }
    }

    /// What it is, with as much of it as that takes.
    fn instead(&mut self) -> Instead {
        let room = LOOKED_AT.saturating_sub(self.head.len()) as u64;
        // What cannot be read now is no worse than what is not there.
        let _ = self.reader.by_ref().take(room).read_to_end(&mut self.head);
        Instead::of(&self.head)
    }
}

/// The reader knows one line only, and calls that the first: its own words about the place are left out.
fn column_and_cause(error: &serde_json::Error) -> (Option<usize>, String) {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let cause = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    (Some(error.column()).filter(|column| *column > 0), cause)
}

/// The traces of a run.
pub(super) fn read_run(run: &SavedRun) -> Result<Vec<Trace>, CommandError> {
    read_traces(match &run.source {
        RunSource::File(path) => path,
        RunSource::Stdin => Path::new("-"),
    })
}

/// The traces of a file, a JSON document a line; empty lines mean nothing. `-` is standard input.
pub(super) fn read_traces(path: &Path) -> Result<Vec<Trace>, CommandError> {
    Lines::of(path)?.read()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{json, sample};

    #[track_caller]
    fn check(bytes: &[u8], expect: &str) {
        let file = "f".to_owned();
        let lines = Lines {
            file,
            reader: Box::new(io::Cursor::new(bytes.to_vec())),
            head: Vec::new(),
            line: 0,
            traces: Vec::new(),
        };
        let said = match lines.read() {
            Ok(traces) => format!("{} traces", traces.len()),
            Err(error) => error.to_string(),
        };
        assert!(said.starts_with(expect) && !said.contains(" column "), "{said}");
    }

    #[test]
    fn what_is_no_trace_has_one_place_and_says_what_it_looks_like() {
        let trace = json::jsonl(&[sample::secure()]).unwrap();
        let document = json::json(&[sample::secure(), sample::secure()]).unwrap();
        let single = json::json(&[sample::secure()]).unwrap();
        let else_ = "expected traces (wirefall/trace/1), a line each";
        let alb = r#"https 2026-11-21T04:38:33.186641Z app/lb/50dc 192.0.2.1:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET https://x:443/ HTTP/1.1" "curl" - -"#;
        let platform = r#"{"time":"2026-11-21T04:38:33.123Z","type":"platform.start","record":{"requestId":"f-1"}}"#;
        let json_instead = format!("f:1: {else_}; this looks like --format json: ");
        for (text, expect) in [
            (format!("\n{trace}\n{trace}"), "2 traces".to_owned()),
            (String::new(), "0 traces".to_owned()),
            ("[]".to_owned(), format!("f:1: {else_}")),
            ("\nnonsense".to_owned(), format!("f:2: {else_}")),
            (r#"{"number":1,"client":"192.0.2.1:7"}"#.to_owned(), format!("f:1: {else_}")),
            (
                format!("{alb}\n"),
                format!(
                    "f:1: {else_}; this looks like an access log of an Application Load Balancer: wirefall attribute reads it with --alb"
                ),
            ),
            (platform.to_owned(), format!("f:1: {else_}; this looks like a log of Lambda: ")),
            (document, json_instead.clone()),
            (single, json_instead),
            (
                r#"{"schema":"wirefall/trace/1"}"#.to_owned(),
                "f:1:29: expected a trace of the form wirefall/trace/1: missing field".to_owned(),
            ),
            (
                trace[..trace.len() / 2].to_owned(),
                format!("f:1:{}: expected a trace of the form wirefall/trace/1: EOF", trace.len() / 2),
            ),
            (
                format!("{trace}{{\"schema\":\n{trace}"),
                "f:2:10: expected a trace of the form wirefall/trace/1: EOF while parsing a value".to_owned(),
            ),
            (
                format!("{trace}{{"),
                "f:2:1: expected a trace of the form wirefall/trace/1: EOF while parsing an object".to_owned(),
            ),
        ] {
            check(text.as_bytes(), &expect);
        }
        let no_text = format!("f:1: {else_}, but this is not text");
        for (bytes, expect) in [
            (&b"\x1f\x8b\x08\0abc\n"[..], format!("f:1: {else_}, but this is compressed: gunzip it first")),
            (b"\x28\xb5\x2f\xfdabc", format!("f:1: {else_}, but this is compressed: unzstd it first")),
            (b"\x89PNG\r\n\x1a\n", no_text.clone()),
            (b"PK\0\0", no_text),
        ] {
            check(bytes, &expect);
        }
    }
}

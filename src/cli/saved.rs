//! Traces that were saved: files of `--save` and `--format jsonl`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::CommandError;
use crate::trace::Trace;

/// A line that is no trace, at one place: `run.jsonl:3:17`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}{}: expected a trace of the form wirefall/trace/1: {cause}", column.map_or(String::new(), |column| format!(":{column}")))]
pub(super) struct NoTrace {
    /// The file, or `standard input`.
    file: String,
    /// Counted from 1.
    line: usize,
    /// The byte of the line, counted from 1, where it is known.
    column: Option<usize>,
    /// What is wrong there.
    cause: String,
}

impl NoTrace {
    /// The reader knows one line only, and calls that the first: its own words about the place are left out.
    fn new(file: &str, line: usize, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let cause = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        let column = Some(error.column()).filter(|column| *column > 0);
        Self { file: file.to_owned(), line, column, cause }
    }
}

/// The traces of a file, a JSON document a line; empty lines mean nothing. `-` is standard input.
pub(super) fn read_traces(path: &Path) -> Result<Vec<Trace>, CommandError> {
    let is_stdin = path.as_os_str() == "-";
    let file = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |source| CommandError::File { doing: "read", file: file.clone(), source };
    let reader: Box<dyn BufRead> = if is_stdin {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(path).map_err(unreadable)?))
    };
    let mut traces = Vec::new();
    for (index, line) in reader.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if !line.trim().is_empty() {
            let trace = serde_json::from_str(&line);
            traces.push(trace.map_err(|error| NoTrace::new(&file, index + 1, &error))?);
        }
    }
    Ok(traces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_trace_has_one_place() {
        for (line, expect) in [
            ("[]", "f:7: expected a trace of the form wirefall/trace/1: invalid type: sequence"),
            ("{", "f:7:1: expected a trace of the form wirefall/trace/1: EOF while parsing an object"),
            ("nonsense", "f:7:2: expected a trace of the form wirefall/trace/1: expected ident"),
        ] {
            let error = serde_json::from_str::<Trace>(line).unwrap_err();
            let said = NoTrace::new("f", 7, &error).to_string();
            assert!(said.starts_with(expect) && !said.contains(" column "), "{line}: {said}");
        }
    }
}

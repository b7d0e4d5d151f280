//! Traces that were saved: files of `--save` and `--format jsonl`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::CommandError;
use crate::trace::Trace;

/// The traces of a file, a JSON document a line; empty lines mean nothing. `-` is standard input.
pub(super) fn read_traces(path: &Path) -> Result<Vec<Trace>, CommandError> {
    let file = path.display().to_string();
    let unreadable = |source| CommandError::File { doing: "read", file: file.clone(), source };
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(path).map_err(unreadable)?))
    };
    let mut traces = Vec::new();
    for (index, line) in reader.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if !line.trim().is_empty() {
            let trace = serde_json::from_str(&line);
            traces.push(trace.map_err(|cause| CommandError::Input { file: file.clone(), line: index + 1, cause })?);
        }
    }
    Ok(traces)
}

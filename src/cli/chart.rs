//! `wirefall chart`: saved traces as a picture.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::args::{ChartArgs, ChartKind};
use super::{CommandError, drawing};
use crate::render::chart::{self, ChartOptions, StackedOptions};
use crate::stats::grouped;
use crate::trace::Trace;

pub(super) fn run(args: &ChartArgs) -> Result<u8, CommandError> {
    let mut traces = Vec::new();
    for input in &args.inputs {
        traces.extend(read_traces(input)?);
    }
    let options = ChartOptions { title: args.title.clone(), ..ChartOptions::default() };
    let svg = match args.kind {
        ChartKind::Waterfall => chart::waterfall(&traces, &options),
        ChartKind::Stacked => {
            let stacked = StackedOptions { statistic: args.statistic, parts: args.by, order: args.order };
            chart::stacked(&grouped(&traces), stacked, &options)
        }
        ChartKind::Layers => chart::layers(&traces, &options),
    };
    drawing::write_chart(&svg?, &args.output)?;
    Ok(0)
}

/// The traces of a file, a JSON document a line; empty lines mean nothing. `-` is standard input.
fn read_traces(path: &Path) -> Result<Vec<Trace>, CommandError> {
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

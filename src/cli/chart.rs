//! `wirefall chart`: saved traces as a picture.

use super::args::{ChartArgs, ChartKind};
use super::saved::read_traces;
use super::{CommandError, drawing};
use crate::render::chart::ChartOptions;

pub(super) fn run(args: &ChartArgs) -> Result<u8, CommandError> {
    let mut traces = Vec::new();
    for input in &args.inputs {
        traces.extend(read_traces(input)?);
    }
    let options = ChartOptions { title: args.title.clone(), ..ChartOptions::default() };
    match args.kind {
        ChartKind::Waterfall => drawing::draw(&traces, &options, args.output.path(), args.output.form())?,
    }
    Ok(0)
}

//! `wirefall chart`: saved traces as a picture.

use super::args::{ChartArgs, ChartKind, Picture};
use super::console::Console;
use super::outlet::refuse_unwritable;
use super::saved::read_traces;
use super::{CommandError, drawing};
use crate::render::chart::{self, StackedOptions};
use crate::stats::grouped;

pub(super) fn run(args: ChartArgs, console: &mut Console) -> Result<u8, CommandError> {
    refuse_unwritable([("-o", args.output.path())], console)?;
    let mut traces = Vec::new();
    for input in &args.inputs {
        traces.extend(read_traces(input)?);
    }
    let picture = Picture { file: args.output, title: args.title };
    drawing::draw(&picture, |options| match args.kind {
        ChartKind::Waterfall => chart::waterfall(&traces, options),
        ChartKind::Stacked => {
            let stacked = StackedOptions { statistic: args.statistic, parts: args.by, order: args.order };
            chart::stacked(&grouped(&traces), stacked, options)
        }
        ChartKind::Layers => chart::layers(&traces, options),
    })?;
    Ok(0)
}

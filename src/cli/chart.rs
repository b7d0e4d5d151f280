//! `wirefall chart`: saved traces as a picture.

use super::args::{ChartArgs, ChartKind};
use super::saved::read_traces;
use super::{CommandError, drawing};
use crate::render::chart::{self, ChartOptions, StackedOptions};
use crate::stats::grouped;

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
    drawing::write(svg, &args.output)?;
    Ok(0)
}

//! `wirefall chart`: saved traces as a picture.

use super::args::{ChartArgs, ChartKind, Picture, RunsBy};
use super::compare::by_default;
use super::console::Console;
use super::outlet::refuse_unwritable;
use super::saved::read_run;
use super::{CommandError, drawing};
use crate::render::chart::{self, StackedOptions};
use crate::stats::{Run, grouped, grouped_by_run};
use crate::trace::Trace;

pub(super) fn run(args: ChartArgs, console: &mut Console) -> Result<u8, CommandError> {
    let saved = args.runs()?;
    refuse_unwritable([("-o", args.output.path())], console)?;
    let mut runs: Vec<(String, Vec<Trace>)> = Vec::new();
    for run in saved {
        let traces = read_run(&run)?;
        runs.push((run.name, traces));
    }
    let all = || runs.iter().flat_map(|(_, traces)| traces.iter().cloned()).collect::<Vec<Trace>>();
    let picture = Picture { file: args.output, title: args.title };
    drawing::draw(&picture, |options| match args.kind {
        ChartKind::Waterfall => chart::waterfall(&all(), options),
        ChartKind::Stacked => {
            let stacked = StackedOptions {
                statistic: args.statistic,
                parts: args.by,
                order: args.order,
                ..StackedOptions::default()
            };
            let views: Vec<Run<'_>> = runs.iter().map(|(name, traces)| Run { name, traces }).collect();
            match by_default(&views) {
                RunsBy::Run if views.len() > 1 => chart::stacked(&grouped_by_run(&views), stacked, options),
                RunsBy::Run | RunsBy::Vantage => chart::stacked(&grouped(&all()), stacked, options),
            }
        }
        ChartKind::Layers => chart::layers(&all(), options),
    })?;
    Ok(0)
}

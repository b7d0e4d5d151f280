//! Charts into files.

use std::path::Path;

use super::CommandError;
use super::args::ChartFile;
use crate::render::chart::{self, ChartFormat, ChartOptions, StackedOptions, Svg};
use crate::stats::Group;
use crate::trace::Trace;

/// Draws traces as a waterfall into a file.
pub(super) fn draw(
    traces: &[Trace],
    options: &ChartOptions,
    file: &Path,
    form: ChartFormat,
) -> Result<(), CommandError> {
    write(&chart::waterfall(traces, options)?, file, form)
}

/// Draws groups of traces as stacked bars into a file.
pub(super) fn draw_stacked(groups: &[Group<'_>], file: &ChartFile) -> Result<(), CommandError> {
    write_chart(&chart::stacked(groups, StackedOptions::default(), &ChartOptions::default())?, file)
}

/// Writes a chart into the file that was asked for.
pub(super) fn write_chart(svg: &Svg, file: &ChartFile) -> Result<(), CommandError> {
    write(svg, file.path(), file.form())
}

/// Writes a chart into a file.
pub(super) fn write(svg: &Svg, file: &Path, form: ChartFormat) -> Result<(), CommandError> {
    let written = match form {
        ChartFormat::Svg => std::fs::write(file, svg.as_str()),
        ChartFormat::Png => std::fs::write(file, chart::rasterise(svg, chart::DEFAULT_SCALE)?),
    };
    written.map_err(|source| CommandError::File { doing: "write", file: file.display().to_string(), source })
}

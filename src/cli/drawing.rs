//! Charts into files.

use super::CommandError;
use super::args::ChartFile;
use crate::render::chart::{self, ChartFormat, ChartOptions, Svg};
use crate::trace::Trace;

/// Draws traces as a waterfall into a file.
pub(super) fn draw(traces: &[Trace], options: &ChartOptions, file: &ChartFile) -> Result<(), CommandError> {
    let svg = chart::waterfall(traces, options)?;
    write(&svg, file)
}

fn write(svg: &Svg, file: &ChartFile) -> Result<(), CommandError> {
    let written = match file.form() {
        ChartFormat::Svg => std::fs::write(file.path(), svg.as_str()),
        ChartFormat::Png => std::fs::write(file.path(), chart::rasterise(svg, chart::DEFAULT_SCALE)?),
    };
    written.map_err(|source| CommandError::File { doing: "write", file: file.path().display().to_string(), source })
}

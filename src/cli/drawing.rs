//! Charts into files.

use std::path::Path;

use super::CommandError;
use super::args::ChartFile;
use crate::render::chart::{self, ChartError, ChartFormat, Svg};

/// Writes a chart, if there is one, into the file that was asked for.
pub(super) fn write(chart: Result<Svg, ChartError>, file: &ChartFile) -> Result<(), CommandError> {
    write_as(chart, file.path(), file.form())
}

/// Writes a chart, if there is one, into a file that this program chose.
pub(super) fn write_as(chart: Result<Svg, ChartError>, file: &Path, form: ChartFormat) -> Result<(), CommandError> {
    let svg = chart?;
    let written = match form {
        ChartFormat::Svg => std::fs::write(file, svg.as_str()),
        ChartFormat::Png => std::fs::write(file, chart::rasterise(&svg, chart::DEFAULT_SCALE)?),
    };
    written.map_err(|source| CommandError::File { doing: "write", file: file.display().to_string(), source })
}

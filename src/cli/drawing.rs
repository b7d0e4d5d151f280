//! Charts into files.

use std::path::Path;

use super::CommandError;
use super::args::Picture;
use crate::render::chart::{self, ChartError, ChartFormat, ChartOptions, Svg};

/// Draws a chart, if there can be one, into the file that was asked for, under the title that was.
pub(super) fn draw(
    picture: &Picture,
    chart: impl FnOnce(&ChartOptions) -> Result<Svg, ChartError>,
) -> Result<(), CommandError> {
    let options = ChartOptions { title: picture.title.clone(), ..ChartOptions::default() };
    write_as(chart(&options), picture.file.path(), picture.file.form())
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

//! Charts into files.

use std::path::Path;

use super::CommandError;
use crate::render::chart::{self, ChartFormat, ChartOptions};
use crate::trace::Trace;

/// Draws traces as a waterfall into a file.
pub(super) fn draw(
    traces: &[Trace],
    options: &ChartOptions,
    file: &Path,
    form: ChartFormat,
) -> Result<(), CommandError> {
    let svg = chart::waterfall(traces, options)?;
    let written = match form {
        ChartFormat::Svg => std::fs::write(file, svg.as_str()),
        ChartFormat::Png => std::fs::write(file, chart::rasterise(&svg, chart::DEFAULT_SCALE)?),
    };
    written.map_err(|source| CommandError::File { doing: "write", file: file.display().to_string(), source })
}

//! A summary on its way out.

use super::CommandError;
use super::args::{Color, SummaryFormat};
use super::console::{self, Console};
use crate::render::summary;
use crate::stats::Summary;

/// Prints it in one of its forms.
pub(super) fn print(
    summary: &Summary,
    format: SummaryFormat,
    color: Color,
    console: &Console,
) -> Result<(), CommandError> {
    console::print(match format {
        SummaryFormat::Pretty => summary::terminal(summary, &console.style(color)),
        SummaryFormat::Json => summary::json(summary).map_err(CommandError::Json)?,
        SummaryFormat::Jsonl => format!("{}\n", serde_json::to_string(summary).map_err(CommandError::Json)?),
        SummaryFormat::Csv => summary::csv(summary),
        SummaryFormat::Markdown => summary::markdown(summary),
    })
}

//! The summary for people.

use crate::render::terminal::Style;
use crate::stats::Summary;

/// The summary.
#[must_use]
pub fn terminal(summary: &Summary, style: &Style) -> String {
    let _ = (summary, style);
    String::new()
}

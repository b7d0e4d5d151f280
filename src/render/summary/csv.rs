//! The summary as csv.

use crate::stats::Summary;

/// The summary.
#[must_use]
pub fn csv(summary: &Summary) -> String {
    let _ = summary;
    String::new()
}

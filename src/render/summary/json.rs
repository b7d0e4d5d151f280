//! The summary as JSON, in the form `wirefall/summary/1` that [`crate::stats`] defines.

use crate::stats::Summary;

/// One object, indented, with a final newline.
///
/// # Errors
/// If a summary cannot be written as JSON, which its types rule out but serde's signature does not.
pub fn json(summary: &Summary) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(summary)?;
    text.push('\n');
    Ok(text)
}

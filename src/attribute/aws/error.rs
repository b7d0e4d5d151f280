//! Why a line is none of the format it was taken for.

use std::fmt;

/// The longest part of a line that an error repeats, in characters.
const MOST_SHOWN: usize = 60;

/// A line is not of the format it was taken for. Whoever reads the file adds its name and the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: expected {expected}, got {found:?}")]
pub struct LineError {
    /// Where in the line.
    pub at: FieldName,
    /// What stands there in this format.
    pub expected: &'static str,
    /// What stands there instead, cut where it is long.
    pub found: String,
}

impl LineError {
    pub(super) fn new(at: FieldName, expected: &'static str, found: &[u8]) -> Self {
        let text = String::from_utf8_lossy(found);
        let mut shown: String = text.chars().take(MOST_SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { at, expected, found: shown }
    }
}

/// Where in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldName {
    /// A field counted from 1, and its name in AWS's documentation.
    Field(u16, &'static str),
    /// A field that is known by its name alone.
    Named(&'static str),
    /// The line as a whole.
    Line,
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(number, name) => write!(f, "field {number} ({name})"),
            Self::Named(name) => f.write_str(name),
            Self::Line => f.write_str("the line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_and_what_and_is_short() {
        let error = LineError::new(FieldName::Field(6, "request_processing_time"), "seconds, or -1", b"fast");
        assert_eq!(error.to_string(), r#"field 6 (request_processing_time): expected seconds, or -1, got "fast""#);
        let error = LineError::new(FieldName::Line, "JSON", &[b'x'; 500]);
        assert_eq!(error.to_string().chars().count(), r#"the line: expected JSON, got """#.len() + 61);
    }
}

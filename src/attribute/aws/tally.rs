//! What was read of a kind of log, what could not be, and which inputs were none of that kind.

use super::error::LineError;
use crate::attribute::record::{Source, Where};

/// Errors of lines that are kept; more are counted.
const MOST_ERRORS: usize = 20;

/// What was read, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes, as read after unpacking.
    pub bytes: u64,
    /// Lines; of JSON that spans lines, objects.
    pub lines: u64,
    /// Lines that were parsed, because they might have concerned a trace.
    pub parsed: u64,
    /// Records that concern a trace.
    pub records: u64,
    /// Lines that were longer than a mebibyte, and skipped.
    pub too_long: u64,
    /// Parsed lines that were none of the format.
    pub broken: u64,
    /// The first of them.
    pub errors: Vec<(Where, LineError)>,
    /// Inputs of which nothing was of the format.
    pub foreign: Vec<Foreign>,
}

/// An input of which nothing is of the format that it was read as. Its lines are not counted as broken where it is known what
/// they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// There is nothing in it.
    Empty {
        /// Which input, as the caller counts them.
        file: usize,
    },
    /// It looks like something else.
    LooksLike {
        /// Which input, as the caller counts them.
        file: usize,
        /// What it looks like.
        kind: Source,
    },
    /// It looks like no log that is known here.
    Unknown {
        /// Which input, as the caller counts them.
        file: usize,
    },
}

impl Foreign {
    /// Which input, as the caller counts them.
    #[must_use]
    pub const fn file(self) -> usize {
        match self {
            Self::Empty { file } | Self::LooksLike { file, .. } | Self::Unknown { file } => file,
        }
    }
}

impl Tally {
    pub(super) fn error(&mut self, at: Where, error: LineError) {
        self.broken += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push((at, error));
        }
    }
}

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

/// An input of which nothing is of the format that it was read as. Its lines are not counted as broken: none where it is known
/// what they are, or that they are no text, and else only the first.
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
    /// It looks like one, but nothing of it can be read.
    Broken {
        /// Which input, as the caller counts them.
        file: usize,
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
            Self::Empty { file } | Self::LooksLike { file, .. } | Self::Broken { file } | Self::Unknown { file } => {
                file
            }
        }
    }
}

impl Tally {
    /// Forgets what was said of an input's lines but for the first so many; `before` is how many of others' were broken.
    pub(super) fn keep_errors(&mut self, file: usize, most: u64, before: u64) {
        let mut left = most;
        self.errors.retain(|(at, _)| {
            let is_kept = at.file != file || left > 0;
            left -= u64::from(at.file == file && left > 0);
            is_kept
        });
        self.broken = self.broken.min(before + most);
    }

    pub(super) fn error(&mut self, at: Where, error: LineError) {
        self.broken += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push((at, error));
        }
    }
}

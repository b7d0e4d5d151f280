//! How far a long file has been read, on a terminal.

use std::io::{self, IsTerminal};

use super::source::Source;
use crate::cli::console::Console;

/// About so many packets are between two lines.
const EVERY: u64 = 256 * 1_024;

/// The line that is replaced as reading goes on.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    length: Option<u64>,
    on_terminal: bool,
    /// With how many packets the next line is due.
    due: u64,
    is_shown: bool,
}

impl Progress {
    pub(super) fn of(source: &Source, name: &str) -> Self {
        let on_terminal = io::stderr().is_terminal();
        Self { name: name.to_owned(), length: source.length(), on_terminal, due: EVERY, is_shown: false }
    }

    /// So many packets were read, up to this byte (after decompression).
    pub(super) fn at(&mut self, packets: u64, offset: u64, console: &mut Console) {
        if !self.on_terminal || packets < self.due {
            return;
        }
        self.due = packets + EVERY;
        // Of a compressed file, more bytes are read than it has: then only packets are counted.
        let share =
            self.length.filter(|length| *length >= offset).and_then(|length| (offset * 100).checked_div(length));
        let share = share.map_or(String::new(), |share| format!(", {share} %"));
        console.note(&format!("\r\x1b[K{}: {packets} packets{share}", self.name));
        self.is_shown = true;
    }

    pub(super) fn clear(&mut self, console: &mut Console) {
        if std::mem::take(&mut self.is_shown) {
            console.note("\r\x1b[K");
        }
    }
}

//! How much of large inputs has been read: a bar on a terminal.

use std::io::{self, IsTerminal};

use crate::cli::console::Console;

/// Less than this is read before anybody wonders.
const LEAST: u64 = 64 << 20;
/// Bytes between two drawings.
const EVERY: u64 = 4 << 20;
/// Columns of the bar.
const BAR: u64 = 24;

/// The bar, over all inputs, in bytes as they lie on the disk.
#[derive(Debug)]
pub(super) struct Progress {
    all: u64,
    read: u64,
    next: u64,
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    pub(super) fn of(all: u64) -> Self {
        Self { all, read: 0, next: 0, is_wanted: all >= LEAST && io::stderr().is_terminal(), is_shown: false }
    }

    /// So many more bytes.
    pub(super) fn read(&mut self, bytes: u64, name: &str, console: &mut Console) {
        self.read += bytes;
        if !self.is_wanted || self.read < self.next {
            return;
        }
        self.next = self.read + EVERY;
        console.note(&format!("\r\x1b[K{}", line(self.read, self.all, name)));
        self.is_shown = true;
    }

    pub(super) fn clear(&mut self, console: &mut Console) {
        if std::mem::take(&mut self.is_shown) {
            console.note("\r\x1b[K");
        }
    }
}

/// `[######------------------] 75 of 300 MB  alb.log`. Control characters of names stay away from the terminal.
fn line(read: u64, all: u64, name: &str) -> String {
    let filled = usize::try_from(u128::from(read.min(all)) * u128::from(BAR) / u128::from(all.max(1))).unwrap_or(0);
    let bar = format!("{}{}", "#".repeat(filled), "-".repeat(24 - filled.min(24)));
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    format!("[{bar}] {} of {} MB  {name}", read / 1_000_000, all / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let bar = |filled: usize| format!("[{}{}]", "#".repeat(filled), "-".repeat(24 - filled));
        for (read, filled, shown) in [(0, 0, 0), (75_000_000, 6, 75), (300_000_000, 24, 300), (400_000_000, 24, 400)] {
            assert_eq!(line(read, 300_000_000, "a\x1b.log"), format!("{} {shown} of 300 MB  a.log", bar(filled)));
        }
    }
}

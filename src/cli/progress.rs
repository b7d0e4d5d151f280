//! How far a long run has come, and how long it still takes: a line on a terminal, replaced as the run goes on.
//!
//! Deliberately absent: a line anywhere else than on a terminal.

use std::io::{self, IsTerminal};

use super::CommandError;
use super::console::Console;
use super::ending::Ending;
use crate::probe::clock;
use crate::time::{Monotonic, Nanos, Timestamp};

/// Columns of the bar. All together stay within the 80 of a small terminal: a line that wraps is not taken away whole.
const BAR: usize = 20;
/// Columns of what the last step was about.
const LABEL: usize = 16;

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    done: usize,
    begun: Timestamp<Monotonic>,
    terminal: Terminal,
}

#[derive(Debug, PartialEq, Eq)]
enum Terminal {
    Absent,
    Clean,
    Shown,
}

impl Progress {
    /// Of so many steps, the first of which begins now.
    pub(super) fn of(all: usize) -> Self {
        let terminal = if io::stderr().is_terminal() { Terminal::Clean } else { Terminal::Absent };
        Self { all, done: 0, begun: clock::now(), terminal }
    }

    /// One more step is over; `what` it was about.
    pub(super) fn step(&mut self, what: &str, console: &mut Console) {
        self.done += 1;
        if self.terminal != Terminal::Absent {
            let line = line(self.done, self.all, clock::now().since(self.begun), what);
            console.note(&format!("\r\x1b[K{line}"));
            self.terminal = Terminal::Shown;
        }
    }

    /// Takes note of what became of an output; what is said of it takes the line's place.
    pub(super) fn wrote(&mut self, written: Result<(), CommandError>, ending: &mut Ending, console: &mut Console) {
        if written.is_err() {
            self.clear(console);
        }
        ending.wrote(console, written);
    }

    /// So many steps will not be made.
    pub(super) fn leave_out(&mut self, steps: usize) {
        self.all = self.all.saturating_sub(steps).max(self.done);
    }

    /// Takes the line away, for something else to be said or for good.
    pub(super) fn clear(&mut self, console: &mut Console) {
        if self.terminal == Terminal::Shown {
            console.note("\r\x1b[K");
            self.terminal = Terminal::Clean;
        }
    }
}

/// `[######------------------] 45 of 180, 2 min 5 s left  lambda`. Control characters of names stay away from the terminal.
fn line(done: usize, all: usize, took: Nanos, what: &str) -> String {
    let filled = (done * BAR).checked_div(all).unwrap_or(BAR).min(BAR);
    let bar = format!("{}{}", "#".repeat(filled), "-".repeat(BAR - filled));
    let steps_left = all.saturating_sub(done) as u128;
    let left = (u128::from(took.get()) * steps_left).checked_div(done as u128).unwrap_or(0);
    let seconds = u64::try_from(left.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
    let left = match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    };
    let what: String = what.chars().filter(|letter| !letter.is_control()).take(LABEL).collect();
    format!("[{bar}] {done} of {all}, {left} left  {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_steps_so_far() {
        let bar = |filled: usize| format!("[{}{}]", "#".repeat(filled), "-".repeat(BAR - filled));
        for (done, all, millis, expect) in [
            (1, 4, 1_000, format!("{} 1 of 4, 3 s left  ec2", bar(5))),
            (4, 4, 1_000, format!("{} 4 of 4, 0 s left  ec2", bar(20))),
            (1, 100, 1_500, format!("{} 1 of 100, 2 min 29 s left  ec2", bar(0))),
            (1, 100_000, 1_000, format!("{} 1 of 100000, 27 h 46 min left  ec2", bar(0))),
            (0, 0, 0, format!("{} 0 of 0, 0 s left  ec2", bar(20))),
        ] {
            assert_eq!(line(done, all, Nanos::from_millis(millis), "e\x1bc2"), expect);
        }
    }
}

//! How a run ends: the exit code that its targets, its outputs and Ctrl-C make together.
//!
//! Invariant: nothing that goes wrong with one target or one output ends the run. It is said on standard error when it
//! happens, and kept for the exit code.

use super::console::Console;
use super::verdict::Verdict;
use super::{CommandError, chain, exit};
use crate::probe::Interrupt;
use crate::stats::Miss;

/// What has gone wrong so far.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The exit code of the first target that failed.
    failed: Option<u8>,
    /// Objectives that were missed.
    missed: usize,
    /// The first output that could not be written.
    lost: Option<CommandError>,
    /// What was said of outputs: one that fails for every target is named once.
    said: Vec<String>,
}

impl Ending {
    /// Takes note of what became of a target.
    pub(super) fn judge(&mut self, console: &mut Console, verdict: &Verdict) {
        if let Some(message) = &verdict.message {
            console.complain(&format!("({}) {message}", verdict.exit_code));
        }
        if verdict.exit_code != 0 {
            self.failed.get_or_insert(verdict.exit_code);
        }
    }

    /// Takes note of objectives that were missed.
    pub(super) fn miss(&mut self, console: &mut Console, misses: &[Miss]) {
        for miss in misses {
            console.complain(&miss.to_string());
        }
        self.missed += misses.len();
    }

    /// Takes note of what became of an output. A reader of standard output that went away has read enough: that is no error.
    pub(super) fn wrote(&mut self, console: &mut Console, written: Result<(), CommandError>) {
        let Err(error) = written else { return };
        if error.is_reader_gone() {
            return;
        }
        let message = chain(&error);
        if !self.said.contains(&message) {
            console.complain(&message);
            self.said.push(message);
        }
        self.lost.get_or_insert(error);
    }

    /// Ctrl-C counts most, then an output that is missing, then a missed objective, then the first target that failed.
    pub(super) fn exit_code(&self, interrupt: &Interrupt) -> u8 {
        if interrupt.requested() {
            return exit::INTERRUPTED;
        }
        let missed = (self.missed > 0).then_some(exit::SLO);
        self.lost.as_ref().map(CommandError::exit_code).or(missed).or(self.failed).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::sync::atomic::Ordering;

    use super::*;

    fn check(verdicts: &[u8], outputs: &[ErrorKind], expect: u8) {
        let mut console = Console::of_process();
        console.be_quiet();
        let mut ending = Ending::default();
        for exit_code in verdicts {
            ending.judge(&mut console, &Verdict { exit_code: *exit_code, message: None });
        }
        for kind in outputs {
            ending.wrote(&mut console, Err(CommandError::Print(Error::from(*kind))));
        }
        let interrupt = Interrupt::new();
        assert_eq!(ending.exit_code(&interrupt), expect, "{verdicts:?} {outputs:?}");
        interrupt.flag().store(true, Ordering::Relaxed);
        assert_eq!(ending.exit_code(&interrupt), 130, "{verdicts:?} {outputs:?}, then Ctrl-C");
    }

    #[test]
    fn the_exit_code_is_the_first_failure_not_the_largest() {
        check(&[], &[], 0);
        check(&[0, 0], &[], 0);
        check(&[0, 7, 60], &[], 7);
        check(&[60, 7, 0], &[], 60);
        check(&[7], &[ErrorKind::BrokenPipe], 7);
        check(&[0], &[ErrorKind::BrokenPipe], 0);
        check(&[7], &[ErrorKind::BrokenPipe, ErrorKind::StorageFull], 1);
        check(&[0], &[ErrorKind::StorageFull], 1);
    }
}

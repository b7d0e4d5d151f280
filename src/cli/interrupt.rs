//! Ctrl-C, for the commands that run until it comes or may be ended by it.
//!
//! Deliberately absent: what a wait does when it is interrupted, which is [`crate::probe`]'s.

use std::sync::Arc;

use super::{CommandError, exit};
use crate::probe::Interrupt;

/// The first Ctrl-C ends what is under way, and what was measured is written; a second one ends the program at once.
pub(super) fn catch_interrupts() -> Result<Interrupt, CommandError> {
    let interrupt = Interrupt::new();
    let signal = signal_hook::consts::SIGINT;
    let status = i32::from(exit::INTERRUPTED);
    signal_hook::flag::register_conditional_shutdown(signal, status, interrupt.flag())
        .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupt.flag())))
        .map_err(CommandError::Signals)?;
    Ok(interrupt)
}

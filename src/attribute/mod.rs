//! Which layer the wait was spent in, as far as evidence says.
//!
//! Two kinds of evidence. What one response, its names and its chain of canonical names give away ([`passed`]), and what the
//! layers themselves wrote down: their logs.
//!
//! Invariants: only lengths cross clocks, never instants of two machines; evidence that is missing is missing, never 0; what
//! does not fit is rejected with the reason, never bent.
//!
//! Deliberately absent: opening files, and parsing what is no AWS log.

mod headers;
mod hint;
mod names;
mod passed;
#[cfg(test)]
mod specimens;

pub use passed::passed;

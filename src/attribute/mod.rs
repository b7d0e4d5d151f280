//! Which layer the wait was spent in, as far as evidence says.
//!
//! Two kinds of evidence. What one response, its names and its chain of canonical names give away ([`passed`]), and what the
//! layers themselves wrote down: their logs, as [`record::Record`]s, which [`attribute`] joins with traces and puts inside each
//! other within the client's wait.
//!
//! Invariants: only lengths cross clocks, never instants of two machines; evidence that is missing is missing, never 0; what
//! does not fit is rejected with the reason, never bent.
//!
//! Deliberately absent: opening files, and parsing what is no AWS log.

mod attribution;
pub mod aws;
mod chain;
mod claims;
mod headers;
mod hint;
mod join;
mod names;
mod needles;
mod nest;
mod passed;
pub mod record;
mod root;
#[cfg(test)]
mod specimens;
mod stated;
mod statement;
mod unsplit;
pub mod wanted;

pub use attribution::{Tally, attribute, from_response};
pub use passed::passed;
pub use unsplit::{Unsplit, UnsplitBecause};

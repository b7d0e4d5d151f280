//! A summary of many traces as text: for a terminal, a pull request, a spreadsheet, another program.
//!
//! Invariant: nothing is computed here that the summary does not hold; what it says in numbers stands here in the same numbers.

mod csv;
mod json;
mod markdown;
mod objectives;
#[cfg(test)]
mod specimens;
mod terminal;
mod words;

pub use csv::csv;
pub use json::json;
pub use markdown::markdown;
pub use terminal::terminal;
pub use words::interruption;

//! Traces as text and bytes, for people and for other programs.
//!
//! Invariant: a rendering is a function of the traces and its options alone; nothing here opens a file, reads a clock or looks
//! at the environment. What a server sent is never printed to a terminal raw (`escape`).
//!
//! Deliberately absent: measuring. Every length shown was drawn by [`crate::trace`]; at most it is added up along a chain of
//! redirects (`chain`).

mod address;
pub mod attribution;
mod chain;
pub mod chart;
pub mod csv;
mod escape;
pub mod har;
pub mod heads;
pub mod json;
mod layer_medians;
mod length;
pub mod markdown;
pub mod regions;
#[cfg(test)]
pub(crate) mod sample;
pub mod summary;
pub mod terminal;
mod unsplit;
pub mod verbose;
pub mod write_out;

//! The command line: arguments become a [`Plan`](crate::target::Plan), results become text.
//!
//! Invariant: this is the only module that prints, and the only one that reads arguments and the environment.
//!
//! Deliberately absent: anything that another program could not use as a library. Measuring, assembling and drawing live in
//! the modules that this one calls.

pub mod args;

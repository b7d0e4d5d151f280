//! wirefall shows where the milliseconds of a request go.
//!
//! # Data flow
//! A `Plan` says what to ask. The edges do it on their own sockets and emit [`event::Event`]s: stamped moments and learned
//! facts. [`trace::Trace::assemble`] draws phases from them. `render` turns traces into bytes. Only `cli` prints.
//!
//! # Invariants
//! - Phases are computed in one place, [`trace`], whoever observed them.
//! - Everything above the edges is pure: no sockets, no clock, no files.
//! - Kernel time and monotonic time are different types ([`time`]).
//! - A failed request is a trace, not an error.
//!
//! # Module map
//! A module may use those above it in this list; edges may use everything pure but `render`; `cli` uses everything.
//!
//! - `time`: pure
//! - `target`: pure
//! - `packet`: pure
//! - `event`: pure
//! - `message`: pure
//! - `trace`: pure
//! - `flow`: pure
//! - `stats`: pure
//! - `attribute`: pure
//! - `schedule`: pure
//! - `render`: pure
//! - `probe`: edge
//! - `capture`: edge
//! - `hops`: edge
//! - `lab`: edge
//! - `cli`: edge

pub mod attribute;
pub mod capture;
pub mod cli;
pub mod event;
pub mod flow;
pub mod hops;
pub mod lab;
pub mod message;
pub mod packet;
pub mod probe;
pub mod render;
pub mod schedule;
pub mod stats;
pub mod target;
pub mod time;
pub mod trace;

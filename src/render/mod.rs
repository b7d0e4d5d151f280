//! From traces to bytes for people and other programs. Nothing here opens a file, reads a clock or prints.

pub mod chart;

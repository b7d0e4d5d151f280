//! Messages that protocols carry, decoded wherever they were seen: DNS, the clear part of TLS, HTTP/1.1.
//!
//! The probe decodes what it was sent, [`crate::flow`] what it overhears; both with the same code.
//!
//! Invariants: any bytes give a value or an error, never a panic; what is kept of a stream is bounded, whatever it says of its
//! own lengths; the cuts between reads or packets do not matter.
//!
//! Deliberately absent: times. Whoever feeds the bytes knows when they came. Nothing is decrypted.

pub mod dns;
pub mod http;
pub mod tls;

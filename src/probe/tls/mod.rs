//! TLS (RFC 8446, RFC 5246), driven flight by flight on our own sockets.
//!
//! `client` prepares everything that can be prepared before the clock starts, and `bundle` reads what it trusts;
//! `handshake` runs one; `stream` carries data, one record at a time so that every byte of plaintext knows when its record
//! arrived; `verifier` watches certificates being checked; `failure` names what went wrong.

mod bundle;
mod certificate;
mod client;
mod failure;
mod handshake;
mod keylog;
mod records;
mod stream;
mod verifier;

pub(crate) use client::TlsClient;
pub use client::TlsSetupError;
pub(crate) use stream::TlsStream;

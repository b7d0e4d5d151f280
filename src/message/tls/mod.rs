//! What TLS shows in clear text: the framing of its records, and the handshake until it is encrypted (RFC 8446, RFC 5246).
//!
//! [`Records`] cuts a direction's bytes into records, [`Handshake`] puts the messages in them together, [`ClientHello`] and
//! [`ServerHello`] say what they say.
//!
//! Invariant: of a handshake message at most [`LONGEST_HELLO`] bytes are kept, whatever length it claims.
//!
//! Deliberately absent: secrets. Without them nothing behind the ServerHello of TLS 1.3 can be read but lengths.

mod handshake;
mod hello;
mod names;
mod records;

pub use handshake::{Handshake, LONGEST_HELLO, Message};
pub use hello::{ClientHello, ServerHello};
pub use names::{Alert, cipher_name, group_name, version_name};
pub use records::{ContentType, NotTls, Record, RecordItem, Records};

//! HTTP/1.1 as bytes (RFC 9112): heads, where bodies end, and a reader for either direction of a connection.
//!
//! Deliberately absent: bodies. A [`Reader`] counts their bytes; who wants them takes them where they pass.

mod chunked;
mod head;
mod reader;

pub use chunked::{ChunkedDecoder, NotChunked};
pub use head::{Framing, LONGEST_HEAD, Method, RequestLine, UnclearLength, framing, request_framing};
pub(crate) use head::{begins_like, end_of_head, is_final, keeps_alive, parse_response};
pub use reader::{Fault, Item, Reader, Requests, Responses, Role};

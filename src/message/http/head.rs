//! Heads of requests and responses, and what they say about the end of the body (RFC 9112 §6).

use super::chunked::ChunkedDecoder;
use crate::event::{Headers, ResponseHead};

/// The longest head that is accepted; for a response all its 1xx heads together.
pub const LONGEST_HEAD: usize = 256 * 1_024;
/// Header fields that most heads do not exceed.
const USUAL_FIELDS: usize = 64;
/// Header fields accepted in one head.
const MOST_FIELDS: usize = 1_024;

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Debug)]
pub enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// The last chunk says so.
    Chunked(ChunkedDecoder),
    /// The server closes the connection.
    UntilClose,
}

/// What of a request's method decides about the body of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Its response has no body, whatever its head says.
    Head,
    /// A 2xx opens a tunnel.
    Connect,
    /// Any other.
    Other,
}

impl From<&str> for Method {
    fn from(name: &str) -> Self {
        match name {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// `GET`, …
    pub method: String,
    /// A path, an absolute URL (to a proxy), an authority (CONNECT), or `*` (RFC 9112 §3.2).
    pub target: String,
    /// `HTTP/1.0`, `HTTP/1.1`.
    pub version: String,
    /// Its fields, names in lower case.
    pub headers: Headers,
    /// Bytes of the head.
    pub header_bytes: u64,
}

impl RequestLine {
    /// The first value of a field, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// The length of a body is unclear: its `Content-Length` says this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the length of the body is unclear: Content-Length is {0:?}")]
pub struct UnclearLength(pub String);

/// Whether bytes can be the beginning of a text, or hold all of it.
pub(crate) fn begins_like(bytes: &[u8], text: &[u8]) -> bool {
    text.iter().zip(bytes).all(|(expect, got)| expect == got)
}

/// Whether what there is of a head has a status, and not that of a 1xx. 101 (RFC 9110 §15.2.2) ends a request.
pub(crate) fn is_final(head: &[u8]) -> bool {
    const STATUS_AT: usize = "HTTP/1.1 ".len();
    head.get(STATUS_AT..STATUS_AT + 3)
        .is_some_and(|status| status.iter().all(u8::is_ascii_digit) && (status[0] != b'1' || status == b"101"))
}

/// The length of a head whose end lies behind `searched` bytes: after an empty line (RFC 9112 §2.2 allows a bare LF).
pub(crate) fn end_of_head(buffer: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    let line_feeds = buffer.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n');
    line_feeds.map(|(at, _)| at).find_map(|at| {
        let rest = &buffer[at..];
        if rest.starts_with(b"\n\r\n") {
            Some(at + 3)
        } else if rest.starts_with(b"\n\n") {
            Some(at + 2)
        } else {
            None
        }
    })
}

/// The head of a response that [`end_of_head`] found complete.
pub(crate) fn parse_response(bytes: &[u8]) -> Option<ResponseHead> {
    with_room(|fields| {
        let mut response = httparse::Response::new(fields);
        httparse::ParserConfig::default()
            .allow_spaces_after_header_name_in_responses(true)
            .parse_response(&mut response, bytes)?;
        Ok(response.code.zip(response.version).map(|(status, minor)| ResponseHead {
            status,
            version: format!("HTTP/1.{minor}"),
            headers: headers(response.headers),
            header_bytes: bytes.len() as u64,
        }))
    })
}

/// The head of a request that is complete.
pub(super) fn parse_request(bytes: &[u8]) -> Option<RequestLine> {
    with_room(|fields| {
        let mut request = httparse::Request::new(fields);
        request.parse(bytes)?;
        let line = request.method.zip(request.path).zip(request.version);
        Ok(line.map(|((method, target), minor)| RequestLine {
            method: method.to_owned(),
            target: target.to_owned(),
            version: format!("HTTP/1.{minor}"),
            headers: headers(request.headers),
            header_bytes: bytes.len() as u64,
        }))
    })
}

/// Parses with room for as many fields as most heads have, and with more where they do not suffice.
fn with_room<'b, H>(parse: impl Fn(&mut [httparse::Header<'b>]) -> Result<Option<H>, httparse::Error>) -> Option<H> {
    match parse(&mut [httparse::EMPTY_HEADER; USUAL_FIELDS]) {
        Err(httparse::Error::TooManyHeaders) => parse(&mut vec![httparse::EMPTY_HEADER; MOST_FIELDS]).ok().flatten(),
        parsed => parsed.ok().flatten(),
    }
}

fn headers(fields: &[httparse::Header<'_>]) -> Headers {
    let owned = |field: &httparse::Header<'_>| {
        (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned())
    };
    fields.iter().map(owned).collect()
}

fn values<'h>(headers: &'h Headers, name: &'static str) -> impl Iterator<Item = &'h str> {
    headers.iter().filter(move |(field, _)| field == name).flat_map(|(_, value)| value.split(',')).map(str::trim)
}

/// Where the body of a response to a request of this method ends (RFC 9112 §6.3).
///
/// # Errors
/// If its lengths contradict each other or are no numbers.
pub fn framing(head: &ResponseHead, method: Method) -> Result<Framing, UnclearLength> {
    let tunnel = method == Method::Connect && (200..300).contains(&head.status);
    if tunnel || method == Method::Head || matches!(head.status, 101 | 204 | 304) {
        return Ok(Framing::Length(0));
    }
    if is_chunked(&head.headers) {
        return Ok(Framing::Chunked(ChunkedDecoder::default()));
    }
    if values(&head.headers, "transfer-encoding").next().is_some() {
        return Ok(Framing::UntilClose);
    }
    Ok(content_length(&head.headers)?.map_or(Framing::UntilClose, Framing::Length))
}

/// Where the body of a request ends; without a word about it there is none.
///
/// # Errors
/// As for [`framing`].
pub fn request_framing(headers: &Headers) -> Result<Framing, UnclearLength> {
    if is_chunked(headers) {
        return Ok(Framing::Chunked(ChunkedDecoder::default()));
    }
    Ok(Framing::Length(content_length(headers)?.unwrap_or(0)))
}

fn is_chunked(headers: &Headers) -> bool {
    values(headers, "transfer-encoding").last().is_some_and(|last| last.eq_ignore_ascii_case("chunked"))
}

fn content_length(headers: &Headers) -> Result<Option<u64>, UnclearLength> {
    let mut lengths = values(headers, "content-length");
    let Some(first) = lengths.next() else { return Ok(None) };
    let consistent = lengths.all(|length| length == first);
    let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    match first.parse() {
        Ok(length) if consistent && digits => Ok(Some(length)),
        _ => Err(UnclearLength(first.to_owned())),
    }
}

/// Whether another request may follow this response, as far as its head says.
pub(crate) fn keeps_alive(head: &ResponseHead) -> bool {
    let says = |word: &str| values(&head.headers, "connection").any(|option| option.eq_ignore_ascii_case(word));
    if head.version == "HTTP/1.0" { says("keep-alive") } else { !says("close") }
}

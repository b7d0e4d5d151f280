//! Reads one direction of a connection, message by message, from whatever pieces it comes in.
//!
//! Bytes of bodies are counted and passed over. What is kept is the head under way, at most [`LONGEST_HEAD`] bytes.

use std::collections::VecDeque;

use super::chunked::NotChunked;
use super::head::{
    Framing, LONGEST_HEAD, Method, RequestLine, UnclearLength, begins_like, end_of_head, framing, parse_request,
    parse_response, request_framing,
};
use crate::event::ResponseHead;

/// Requests whose responses are still to come; more than any client keeps in a pipeline.
const MOST_EXPECTED: usize = 1_024;
/// The longest method that is believed.
const LONGEST_METHOD: usize = 24;

/// What comes up in a direction, in this order. After the head of a 1xx response the next message begins without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<H> {
    /// The first byte of a message.
    Began,
    /// The last byte of its head.
    Head(H),
    /// So many bytes of its body, without chunk framing.
    Body(u64),
    /// The last byte of the message.
    Ended,
}

/// Why nothing more can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are no HTTP/1 message.
    #[error("it is not HTTP: it begins with \"{0}\"")]
    NotHttp(String),
    /// The head does not end.
    #[error("the head is longer than {LONGEST_HEAD} bytes")]
    HeadTooLong,
    /// The body's end cannot be known.
    #[error(transparent)]
    UnclearLength(#[from] UnclearLength),
    /// The body is not what its head says.
    #[error(transparent)]
    NotChunked(#[from] NotChunked),
    /// Bytes are missing where every one counts.
    #[error("bytes are missing that say where the message ends")]
    Hole,
}

/// What differs between requests and responses.
pub trait Role: Default {
    /// A head of this direction.
    type Head;

    /// Whether bytes can be the beginning of a head.
    fn begins(bytes: &[u8]) -> bool;

    /// A complete head.
    fn parse(bytes: &[u8]) -> Option<Self::Head>;

    /// What follows a head.
    ///
    /// # Errors
    /// If the head does not say where its body ends.
    fn follows(&mut self, head: &Self::Head) -> Result<Follows, UnclearLength>;
}

/// What follows a head.
#[derive(Debug)]
pub enum Follows {
    /// Another head of the same message: this one was a 1xx.
    Head,
    /// A body, perhaps of length 0.
    Body(Framing),
    /// Something that is not HTTP/1: the protocol was switched, or a tunnel begins.
    Other,
}

/// From client to server.
#[derive(Debug, Default)]
pub struct Requests;

/// From server to client.
#[derive(Debug, Default)]
pub struct Responses {
    expected: VecDeque<Method>,
}

impl Responses {
    /// A request was sent whose response will follow those of the requests before it.
    pub fn expect(&mut self, method: Method) {
        if self.expected.len() < MOST_EXPECTED {
            self.expected.push_back(method);
        }
    }
}

impl Role for Requests {
    type Head = RequestLine;

    fn begins(bytes: &[u8]) -> bool {
        let method = bytes.iter().take(LONGEST_METHOD).take_while(|byte| is_method(**byte)).count();
        method > 0 && bytes.get(method).is_none_or(|byte| *byte == b' ') && method < LONGEST_METHOD
    }

    fn parse(bytes: &[u8]) -> Option<RequestLine> {
        parse_request(bytes)
    }

    fn follows(&mut self, head: &RequestLine) -> Result<Follows, UnclearLength> {
        request_framing(&head.headers).map(Follows::Body)
    }
}

/// Methods are tokens; all that are registered are upper case, with a hyphen in two of them.
fn is_method(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'-'
}

impl Role for Responses {
    type Head = ResponseHead;

    fn begins(bytes: &[u8]) -> bool {
        begins_like(bytes, b"HTTP/1.")
    }

    fn parse(bytes: &[u8]) -> Option<ResponseHead> {
        parse_response(bytes)
    }

    fn follows(&mut self, head: &ResponseHead) -> Result<Follows, UnclearLength> {
        if (100..200).contains(&head.status) && head.status != 101 {
            return Ok(Follows::Head);
        }
        let method = self.expected.pop_front().unwrap_or(Method::Other);
        if head.status == 101 || (method == Method::Connect && (200..300).contains(&head.status)) {
            return Ok(Follows::Other);
        }
        framing(head, method).map(Follows::Body)
    }
}

/// The messages of one direction.
#[derive(Debug, Default)]
pub struct Reader<R: Role> {
    role: R,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(Framing),
    Other,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl<R: Role> Reader<R> {
    /// What the other direction has to tell this one.
    pub fn role(&mut self) -> &mut R {
        &mut self.role
    }

    /// What follows is no longer HTTP/1.
    #[must_use]
    pub fn has_switched(&self) -> bool {
        matches!(self.state, State::Other)
    }

    /// Takes bytes and says what came up in them. Returns how many were taken: all, unless the protocol was switched.
    ///
    /// # Errors
    /// If nothing more can be read; the reader is of no use then.
    pub fn take(&mut self, bytes: &[u8], mut up: impl FnMut(Item<R::Head>)) -> Result<usize, Fault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::Head(_) => self.head(rest, &mut up)?,
                State::Body(_) => self.body(rest, &mut up)?,
                State::Other => break,
            };
        }
        Ok(bytes.len() - rest.len())
    }

    /// Passes over bytes that nobody saw.
    ///
    /// # Errors
    /// Unless they are all inside a body that can do without them.
    pub fn skip(&mut self, length: u64, mut up: impl FnMut(Item<R::Head>)) -> Result<(), Fault> {
        let State::Body(framing) = &mut self.state else { return Err(Fault::Hole) };
        match framing {
            Framing::UntilClose => {}
            Framing::Length(left) if *left >= length => *left -= length,
            Framing::Length(_) => return Err(Fault::Hole),
            Framing::Chunked(decoder) => decoder.skip(length).map_err(|_| Fault::Hole)?,
        }
        up(Item::Body(length));
        self.end_at_zero(&mut up);
        Ok(())
    }

    /// The connection was closed. Whether that ended a message.
    pub fn close(&mut self) -> bool {
        let ends = matches!(self.state, State::Body(Framing::UntilClose));
        if ends {
            self.state = State::default();
        }
        ends
    }

    fn head<'b>(&mut self, bytes: &'b [u8], up: &mut impl FnMut(Item<R::Head>)) -> Result<&'b [u8], Fault> {
        let State::Head(buffer) = &mut self.state else { return Ok(bytes) };
        let mut bytes = bytes;
        if buffer.is_empty() {
            // Empty lines between messages mean nothing (RFC 9112 §2.2).
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            bytes = &bytes[blank..];
            if bytes.is_empty() {
                return Ok(bytes);
            }
            up(Item::Began);
        }
        let before = buffer.len();
        let more = &bytes[..bytes.len().min(LONGEST_HEAD + 1 - before)];
        // A head in one piece is read where it lies: a packet may hold a whole pipeline of them.
        let text = if before == 0 {
            more
        } else {
            buffer.extend_from_slice(more);
            buffer.as_slice()
        };
        if !R::begins(text) {
            return Err(not_http(text));
        }
        let Some(length) = end_of_head(text, before) else {
            if text.len() > LONGEST_HEAD {
                return Err(Fault::HeadTooLong);
            }
            if before == 0 {
                buffer.extend_from_slice(more);
            }
            return Ok(&[]);
        };
        let head = R::parse(&text[..length]).ok_or_else(|| not_http(text))?;
        let follows = self.role.follows(&head);
        up(Item::Head(head));
        self.state = match follows? {
            Follows::Head => State::default(),
            Follows::Body(framing) => State::Body(framing),
            Follows::Other => {
                up(Item::Ended);
                State::Other
            }
        };
        self.end_at_zero(up);
        Ok(&bytes[length - before..])
    }

    fn body<'b>(&mut self, bytes: &'b [u8], up: &mut impl FnMut(Item<R::Head>)) -> Result<&'b [u8], Fault> {
        let State::Body(framing) = &mut self.state else { return Ok(bytes) };
        let mut body = 0;
        let taken = match framing {
            Framing::UntilClose => {
                body = bytes.len() as u64;
                bytes.len()
            }
            Framing::Length(left) => {
                let length = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                body = length as u64;
                *left -= body;
                length
            }
            Framing::Chunked(decoder) => decoder.feed(bytes, |part| body += part.len() as u64)?,
        };
        if body > 0 {
            up(Item::Body(body));
        }
        self.end_at_zero(up);
        Ok(&bytes[taken..])
    }

    fn end_at_zero(&mut self, up: &mut impl FnMut(Item<R::Head>)) {
        let is_over = match &self.state {
            State::Body(Framing::Length(left)) => *left == 0,
            State::Body(Framing::Chunked(decoder)) => decoder.is_done(),
            _ => false,
        };
        if is_over {
            self.state = State::default();
            up(Item::Ended);
        }
    }
}

fn not_http(bytes: &[u8]) -> Fault {
    Fault::NotHttp(
        String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).chars().flat_map(char::escape_debug).collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What came up, in short: `began`, `GET`, `200`, the number of bytes of a body, `end`.
    fn requests(pieces: &[&[u8]]) -> Result<Vec<String>, Fault> {
        let mut reader = Reader::<Requests>::default();
        let mut said = Vec::new();
        for piece in pieces {
            reader.take(piece, |item| said.push(short(&item, |head| head.method.clone())))?;
        }
        Ok(said)
    }

    fn responses(methods: &[&str], pieces: &[&[u8]]) -> Result<Vec<String>, Fault> {
        let mut reader = Reader::<Responses>::default();
        for method in methods {
            reader.role().expect((*method).into());
        }
        let mut said = Vec::new();
        for piece in pieces {
            let taken = reader.take(piece, |item| said.push(short(&item, |head| head.status.to_string())))?;
            if taken < piece.len() {
                said.push(format!("other {}", piece.len() - taken));
            }
        }
        if reader.close() {
            said.push("closed".to_owned());
        }
        Ok(said)
    }

    fn short<H>(item: &Item<H>, head: impl Fn(&H) -> String) -> String {
        match item {
            Item::Began => "began".to_owned(),
            Item::Head(this) => head(this),
            Item::Body(length) => length.to_string(),
            Item::Ended => "end".to_owned(),
        }
    }

    #[test]
    fn requests_in_a_pipeline_and_with_bodies() {
        for (text, expect) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "began GET end began GET end"),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\n\r\n",
                "began POST 3 end began GET end",
            ),
            ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "began PUT 2 end"),
            ("\r\n\r\n", ""),
        ] {
            assert_eq!(requests(&[text.as_bytes()]).unwrap().join(" "), expect, "{text}");
        }
        for (text, expect) in [
            ("SSH-2.0-x\r\n", Fault::NotHttp("SSH-2.0-x\\r\\n".to_owned())),
            ("get / HTTP/1.1\r\n\r\n", Fault::NotHttp("get / HTTP/1.1\\r\\n\\r\\n".to_owned())),
            ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", UnclearLength("x".to_owned()).into()),
        ] {
            assert_eq!(requests(&[text.as_bytes()]), Err(expect), "{text}");
        }
        let endless = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; LONGEST_HEAD]].concat();
        assert_eq!(requests(&[&endless]), Err(Fault::HeadTooLong));
    }

    #[test]
    fn what_ends_a_response_depends_on_the_request() {
        let cases: &[(&[&str], &str, &str)] = &[
            (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "began 200 2 end"),
            (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "began 200 end"),
            (
                &["HEAD", "GET"],
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
                "began 200 end began 304 end",
            ),
            (&["GET"], "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n", "began 100 began 204 end"),
            (&["GET"], "HTTP/1.0 200 OK\r\n\r\nall", "began 200 3 closed"),
            (
                &["GET"],
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                "began 200 1 end began 200 closed",
            ),
            (&["CONNECT"], "HTTP/1.1 200 OK\r\n\r\n\x16\x03", "began 200 end other 2"),
            (&["GET"], "HTTP/1.1 101 Switching\r\n\r\nxyz", "began 101 end other 3"),
            // Nobody saw the request.
            (&[], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "began 200 1 end"),
        ];
        for (methods, text, expect) in cases {
            assert_eq!(responses(methods, &[text.as_bytes()]).unwrap().join(" "), *expect, "{text}");
        }
        assert!(matches!(responses(&[], &[b"ICY 200 OK\r\n"]), Err(Fault::NotHttp(_))));
    }

    #[test]
    fn a_hole_in_a_body_is_counted_and_one_elsewhere_is_the_end() {
        let mut reader = Reader::<Responses>::default();
        reader.take(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", |_| ()).unwrap();
        let mut said = Vec::new();
        reader.skip(8, |item| said.push(short(&item, |_| String::new()))).unwrap();
        assert_eq!(said, ["8", "end"]);
        assert_eq!(reader.skip(1, |_| ()), Err(Fault::Hole));
        let mut reader = Reader::<Responses>::default();
        reader.take(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n", |_| ()).unwrap();
        assert_eq!(reader.skip(16, |_| ()), Ok(()));
        assert_eq!(reader.skip(1, |_| ()), Err(Fault::Hole));
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300), prefix in prop::sample::select(vec!["", "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])) {
            let bytes = [prefix.as_bytes(), &bytes].concat();
            let _ = requests(&[&bytes]);
            let _ = responses(&["GET"], &[&bytes]);
        }

        #[test]
        fn where_reads_are_cut_does_not_matter(cut in 0_usize..140) {
            let text = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\nHTTP/1.1 204 x\r\n\r\n";
            let cut = cut.min(text.len());
            let said = responses(&["GET", "GET"], &[&text[..cut], &text[cut..]]).unwrap();
            let words: Vec<&str> = said.iter().map(String::as_str).filter(|word| word.parse::<u64>().is_ok_and(|number| number >= 100) || word.parse::<u64>().is_err()).collect();
            prop_assert_eq!(words, ["began", "103", "began", "200", "end", "began", "204", "end"]);
        }
    }
}

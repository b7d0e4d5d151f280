//! One HTTP/1.1 response, read from whatever pieces it comes in (RFC 9112). Pure but for the sink that it is given.

use crate::event::{Failure, FailureCode, Phase};
use crate::message::http::{
    Framing, LONGEST_HEAD, Method, begins_like, end_of_head, framing, is_final, keeps_alive, parse_response,
};
use crate::probe::fault::{self, fault};
use crate::probe::http::coding::BodySink;
use crate::probe::http::log::ExchangeLog;
use crate::probe::socket::{Arrival, Arrivals};

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(Framing),
    Done,
}

/// Reads one response, whatever the cuts between reads.
#[derive(Debug)]
pub(super) struct ResponseReader {
    state: State,
    method: Method,
    heads_bytes: usize,
    head_began: Option<Arrival>,
    keeps_alive: bool,
    sent_all: bool,
}

impl ResponseReader {
    pub(super) fn new(method: &str) -> Self {
        Self {
            state: State::Head(Vec::new()),
            method: method.into(),
            heads_bytes: 0,
            head_began: None,
            keeps_alive: false,
            sent_all: true,
        }
    }

    /// The request was not sent to its end: nothing can follow it.
    pub(super) fn cut_short(&mut self) {
        self.sent_all = false;
        self.keeps_alive = false;
    }

    /// Whether another request may follow this response.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keeps_alive
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        arrivals: Arrivals,
        sink: &mut BodySink<'_>,
        log: &mut ExchangeLog,
    ) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let arrivals = arrivals.part(bytes.len() - rest.len()..bytes.len());
            rest = match self.state {
                State::Head(_) => {
                    self.head_began.get_or_insert(arrivals.first);
                    self.head_bytes(rest, &arrivals, sink, log)?
                }
                State::Body(_) => self.body_bytes(rest, &arrivals, sink, log)?,
                State::Done => {
                    // Bytes that nobody asked for.
                    self.keeps_alive = false;
                    return Ok(());
                }
            };
        }
        Ok(())
    }

    fn head_bytes<'b>(
        &mut self,
        bytes: &'b [u8],
        arrivals: &Arrivals,
        sink: &mut BodySink<'_>,
        log: &mut ExchangeLog,
    ) -> Result<&'b [u8], Failure> {
        let State::Head(buffer) = &mut self.state else { return Ok(bytes) };
        let before = buffer.len();
        buffer.extend_from_slice(bytes);
        if !begins_like(buffer, b"HTTP/") {
            return Err(malformed(log.phase(), buffer));
        }
        let first = self.head_began.unwrap_or(arrivals.first);
        // Only the final head counts; until its status is there, this may still be a 1xx.
        if is_final(buffer) {
            log.first_byte.get_or_insert(first);
        }
        let length = end_of_head(buffer, before);
        if self.heads_bytes + length.unwrap_or(buffer.len()) > LONGEST_HEAD {
            let message = format!("the response's head is longer than {LONGEST_HEAD} bytes");
            return Err(fault(log.phase(), FailureCode::HttpHeadTooLarge, message));
        }
        let Some(length) = length else { return Ok(&[]) };
        self.heads_bytes += length;
        let head = parse_response(&buffer[..length]).ok_or_else(|| malformed(log.phase(), buffer))?;
        let (head_bytes, rest) = bytes.split_at(length - before);
        let last = arrivals.part(0..head_bytes.len()).last;
        self.head_began = None;
        if (100..200).contains(&head.status) && head.status != 101 {
            log.informational.push((head.status, first));
            self.state = State::Head(Vec::new());
            return Ok(rest);
        }
        log.first_byte = Some(first);
        log.head_complete = Some(last);
        log.last_byte = Some(last);
        // Kept before it is judged: a head that contradicts itself is still what the server said.
        let head = log.head.insert(head);
        let framing = framing(head, self.method)
            .map_err(|unclear| fault(Phase::Receive, FailureCode::HttpBadFraming, unclear.to_string()))?;
        self.keeps_alive = self.sent_all && keeps_alive(head) && !matches!(framing, Framing::UntilClose);
        sink.begin(head)?;
        self.state = match framing {
            Framing::Length(0) => State::Done,
            framing => State::Body(framing),
        };
        Ok(rest)
    }

    fn body_bytes<'b>(
        &mut self,
        bytes: &'b [u8],
        arrivals: &Arrivals,
        sink: &mut BodySink<'_>,
        log: &mut ExchangeLog,
    ) -> Result<&'b [u8], Failure> {
        let State::Body(framing) = &mut self.state else { return Ok(bytes) };
        let mut written = Ok(());
        let mut take = |part: &[u8], log: &mut ExchangeLog| {
            if !part.is_empty() {
                // Chunks are cut out of what came: a part's address says where it stands.
                let at = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
                log.first_body_byte.get_or_insert(arrivals.part(at..bytes.len()).first);
            }
            log.body_bytes += part.len() as u64;
            if written.is_ok() {
                written = sink.write(part);
            }
        };
        let (taken, done) = match framing {
            Framing::UntilClose => {
                take(bytes, log);
                (bytes.len(), false)
            }
            Framing::Length(left) => {
                let length = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                take(&bytes[..length], log);
                *left -= length as u64;
                (length, *left == 0)
            }
            Framing::Chunked(decoder) => {
                let taken = decoder.feed(bytes, |part| take(part, log)).map_err(|_| {
                    let message = "the body is not in chunks, as its head says";
                    fault(Phase::Receive, FailureCode::HttpBadFraming, message)
                })?;
                (taken, decoder.is_done())
            }
        };
        written?;
        log.last_byte = Some(arrivals.part(0..taken).last);
        if done {
            self.state = State::Done;
            sink.finish()?;
        }
        Ok(&bytes[taken..])
    }

    /// The peer closed: that ends a body of unknown length, and is a failure anywhere else.
    pub(super) fn closed(&mut self, sink: &mut BodySink<'_>, log: &ExchangeLog) -> Result<(), Failure> {
        if let State::Body(Framing::UntilClose) = self.state {
            self.state = State::Done;
            return sink.finish();
        }
        Err(self.cut_off(log))
    }

    pub(super) fn cut_off(&self, log: &ExchangeLog) -> Failure {
        match &self.state {
            State::Body(Framing::Length(left)) => fault(
                Phase::Receive,
                FailureCode::ReceiveClosed,
                format!("the peer closed the connection {left} bytes before the end of the body"),
            ),
            State::Head(_) if log.first_byte.is_some() => fault(
                Phase::Receive,
                FailureCode::ReceiveClosed,
                "the peer closed the connection inside the response's head",
            ),
            _ => fault::closed(log.phase(), "waiting for the response"),
        }
    }
}

fn malformed(phase: Phase, bytes: &[u8]) -> Failure {
    let shown: String = String::from_utf8_lossy(bytes).chars().take(24).flat_map(char::escape_debug).collect();
    fault(phase, FailureCode::HttpMalformed, format!("the answer is not HTTP: it begins with \"{shown}\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::socket::Extent;
    use crate::time::Timestamp;

    fn at(nanos: u64) -> Arrivals {
        let arrival = Arrival { noticed: Timestamp::from_nanos(nanos), kernel: None, wire: None };
        Arrivals::new(arrival, arrival, Extent::default())
    }

    struct Read {
        log: ExchangeLog,
        body: Vec<u8>,
        done: bool,
        keeps_alive: bool,
    }

    fn read(method: &str, pieces: &[&[u8]]) -> Result<Read, Failure> {
        let (mut log, mut body) = (ExchangeLog::default(), Vec::new());
        let mut sink = BodySink::as_is(Some(&mut body));
        let mut reader = ResponseReader::new(method);
        for (index, piece) in (1..).zip(pieces) {
            reader.feed(piece, at(index), &mut sink, &mut log)?;
        }
        let (done, keeps_alive) = (reader.is_done(), reader.keeps_alive);
        Ok(Read { log, body, done, keeps_alive })
    }

    fn nanos(arrival: Option<Arrival>) -> Option<u64> {
        arrival.map(|arrival| arrival.noticed.as_nanos())
    }

    #[test]
    fn each_boundary_is_where_its_bytes_are() {
        let read = read(
            "GET",
            &[
                b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nConte",
                b"nt-Length: 5\r\n\r\n",
                b"hel",
                b"lo",
            ],
        )
        .unwrap();
        let log = &read.log;
        assert_eq!(
            log.informational.iter().map(|(status, at)| (*status, at.noticed.as_nanos())).collect::<Vec<_>>(),
            [(103, 1)]
        );
        assert_eq!(nanos(log.first_byte), Some(2));
        assert_eq!(nanos(log.head_complete), Some(3));
        assert_eq!(nanos(log.first_body_byte), Some(4));
        assert_eq!(nanos(log.last_byte), Some(5));
        assert_eq!((read.body.as_slice(), read.done, read.keeps_alive), (b"hello".as_slice(), true, true));
    }

    #[test]
    fn framings() {
        for (method, response, body, done, keeps_alive) in [
            ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi", true, true),
            ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", "until close", false, false),
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", true, true),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "", true, true),
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", "hi", true, false),
            ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", true, false),
            ("GET", "HTTP/1.1 200 OK\nContent-Length: 2, 2\n\nhi", "hi", true, true),
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", "hi", true, false),
        ] {
            let read = read(method, &[response.as_bytes()]).unwrap();
            let got = (String::from_utf8(read.body).unwrap(), read.done, read.keeps_alive);
            assert_eq!(got, (body.to_owned(), done, keeps_alive), "{response:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'a'; LONGEST_HEAD]].concat();
        for (response, code) in [
            (b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(), FailureCode::HttpMalformed),
            (b"HTTP/1.1 two hundred\r\n\r\n", FailureCode::HttpMalformed),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", FailureCode::HttpBadFraming),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", FailureCode::HttpBadFraming),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", FailureCode::HttpBadFraming),
            (&endless, FailureCode::HttpHeadTooLarge),
        ] {
            let failure = read("GET", &[response]).err().unwrap();
            assert_eq!(failure.code, code, "{failure}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("GET", &[&bytes]);
            let _ = read("GET", &[b"HTTP/1.1 200 OK\r\n", &bytes]);
        }

        #[test]
        fn where_reads_are_cut_does_not_matter(cut in 0_usize..70) {
            let whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
            let cut = cut.min(whole.len());
            let read = read("GET", &[&whole[..cut], &whole[cut..]]).unwrap();
            prop_assert_eq!(read.body, b"hi");
            prop_assert!(read.done);
        }
    }
}

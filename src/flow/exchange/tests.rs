//! Connections as scripts, and the exchanges that come of them.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::packet::{TcpFlags, TcpOptions};
use crate::target::Secrets;
use crate::time::{ClockPair, ClockSync};
use crate::trace::{Context as TraceContext, Subject, Trace, TraceId};

/// Both ends' sequence numbers before their SYNs.
const CLIENT: u32 = u32::MAX - 5;
const SERVER: u32 = 77;

/// A connection, packet by packet; times are milliseconds.
pub(super) struct Script {
    exchanges: Exchanges,
    sent: u32,
    received: u32,
    now: u64,
    done: Vec<Exchange>,
}

pub(super) fn at(millis: u64) -> Stamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

impl Script {
    pub(super) fn new(port: u16) -> Self {
        Self::captured_at(port, Side::Client)
    }

    fn captured_at(port: u16, side: Side) -> Self {
        let (client, server) = (([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], port).into());
        let exchanges = Exchanges::new(client, server, side, Nanos::new(1));
        Self { exchanges, sent: CLIENT, received: SERVER, now: 0, done: Vec::new() }
    }

    /// SYN at 100, SYN-ACK at 120, ACK at 121.
    fn open(self) -> Self {
        self.packet(100, Direction::Sent, TcpFlags::SYN, b"")
            .packet(120, Direction::Received, TcpFlags::SYN | TcpFlags::ACK, b"")
            .packet(121, Direction::Sent, TcpFlags::ACK, b"")
    }

    fn packet(mut self, millis: u64, direction: Direction, flags: TcpFlags, payload: &[u8]) -> Self {
        let (own, other) = match direction {
            Direction::Sent => (self.sent, self.received),
            Direction::Received => (self.received, self.sent),
        };
        let length = u32::try_from(payload.len()).unwrap();
        self.raw(millis, direction, flags, own, other, payload, length);
        let next = own.wrapping_add(length + u32::from(flags.syn()) + u32::from(flags.fin()));
        match direction {
            Direction::Sent => self.sent = next,
            Direction::Received => self.received = next,
        }
        self
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a packet")]
    fn raw(
        &mut self,
        millis: u64,
        direction: Direction,
        flags: TcpFlags,
        sequence: u32,
        acknowledgement: u32,
        payload: &[u8],
        length: u32,
    ) {
        self.now = millis;
        let tcp = Tcp {
            source: 0,
            destination: 0,
            sequence,
            acknowledgement,
            flags,
            window: 1_000,
            options: TcpOptions::new(&[]),
            payload,
            payload_length: length,
        };
        self.exchanges.take(at(millis), direction, &tcp);
        self.done.extend(self.exchanges.drain().map(Exchange::from));
    }

    fn client(self, millis: u64, payload: impl AsRef<[u8]>) -> Self {
        self.packet(millis, Direction::Sent, TcpFlags::ACK, payload.as_ref())
    }

    fn server(self, millis: u64, payload: impl AsRef<[u8]>) -> Self {
        self.packet(millis, Direction::Received, TcpFlags::ACK, payload.as_ref())
    }

    /// Bytes of the server in a packet that was on its way before the client's last bytes arrived.
    fn server_before(mut self, millis: u64, payload: &[u8], not_yet: u32) -> Self {
        let (sequence, length) = (self.received, u32::try_from(payload.len()).unwrap());
        let acknowledgement = self.sent.wrapping_sub(not_yet);
        self.raw(millis, Direction::Received, TcpFlags::ACK, sequence, acknowledgement, payload, length);
        self.received = self.received.wrapping_add(length);
        self
    }

    /// The client sends its last bytes again, all in one packet.
    fn client_again(mut self, millis: u64, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap();
        let sequence = self.sent.wrapping_sub(length);
        self.raw(millis, Direction::Sent, TcpFlags::ACK, sequence, self.received, payload, length);
        self
    }

    /// The server's packet with these bytes is lost, and comes at the end of what `between` adds.
    fn server_late(mut self, millis: u64, payload: &[u8], between: impl FnOnce(Self) -> Self) -> Self {
        let (sequence, length) = (self.received, u32::try_from(payload.len()).unwrap());
        self.received = sequence.wrapping_add(length);
        let mut script = between(self);
        script.raw(millis, Direction::Received, TcpFlags::ACK, sequence, script.sent, payload, length);
        script
    }

    /// A packet of which the capture kept the beginning.
    fn cut(mut self, millis: u64, direction: Direction, payload: &[u8], kept: usize) -> Self {
        let (own, other) = match direction {
            Direction::Sent => (self.sent, self.received),
            Direction::Received => (self.received, self.sent),
        };
        let length = u32::try_from(payload.len()).unwrap();
        self.raw(millis, direction, TcpFlags::ACK, own, other, &payload[..kept.min(payload.len())], length);
        match direction {
            Direction::Sent => self.sent = own.wrapping_add(length),
            Direction::Received => self.received = own.wrapping_add(length),
        }
        self
    }

    fn closes(self, millis: u64, direction: Direction) -> Self {
        self.packet(millis, direction, TcpFlags::FIN | TcpFlags::ACK, b"")
    }

    fn resets(self, millis: u64, direction: Direction) -> Self {
        self.packet(millis, direction, TcpFlags::RST | TcpFlags::ACK, b"")
    }

    fn over(mut self) -> Vec<Exchange> {
        self.exchanges.expire(at(self.now + 1_000));
        self.done.extend(self.exchanges.drain().map(Exchange::from));
        self.done
    }

    fn check(self, expect: &[&str]) {
        assert_eq!(self.over().iter().map(short).collect::<Vec<_>>(), expect);
    }
}

pub(super) fn trace(exchange: &Exchange) -> Trace {
    let zero = ClockPair { before: Timestamp::default(), realtime: Timestamp::default(), after: Timestamp::default() };
    let context = TraceContext { clock: ClockSync::from_pairs(&[zero]).unwrap(), secrets: Secrets::Show };
    let subject = Subject {
        trace_id: TraceId::new(1, 2),
        name: None,
        tags: std::collections::BTreeMap::new(),
        path: None,
        vantage: None,
        url: exchange.url.clone(),
        method: exchange.method.clone(),
        expect_status: None,
        redirected_from: None,
    };
    Trace::assemble(subject, &context, exchange.events.clone())
}

/// Method, URL, start, phases in milliseconds, what failed.
pub(super) fn short(exchange: &Exchange) -> String {
    let trace = trace(exchange);
    assert_eq!(exchange.ended.since(exchange.started), trace.total(), "{exchange:?}");
    let mut text = format!("{} {} @{}", exchange.method, exchange.url, exchange.started.as_nanos() / 1_000_000);
    for span in trace.timeline.spans() {
        assert_eq!(span.evidence, crate::event::Evidence::Wire);
        write!(text, " {}:{}", span.phase, span.duration.get() / 1_000_000).unwrap();
    }
    if trace.connect.as_ref().is_some_and(|connect| connect.reused) {
        text.push_str(" reused");
    }
    if let Some(response) = &trace.response {
        write!(text, " {}/{}", response.status, response.body_bytes).unwrap();
    }
    if let Some(failure) = trace.failure() {
        write!(text, " {}", failure.code).unwrap();
    }
    text
}

#[test]
fn clear_http_kept_alive_and_in_a_pipeline() {
    Script::new(8_080)
        .open()
        .client(125, "GET /a HTTP/1.1\r\nHost: h:8080\r\n\r\n")
        .server(160, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        .server(165, "cd")
        .client(200, "POST /b HTTP/1.1\r\nHost: h:8080\r\nContent-Length: 3\r\n\r\n")
        .server(205, "HTTP/1.1 100 Continue\r\n\r\n")
        .client(210, "xyz")
        .server(230, "HTTP/1.1 204 No Content\r\n\r\n")
        .client(300, "GET /1 HTTP/1.1\r\nHost: h:8080\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\n")
        .server(320, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        .closes(400, Direction::Sent)
        .closes(401, Direction::Received)
        .check(&[
            "GET http://h:8080/a @100 connect:20 send:5 wait:35 receive:5 200/4",
            "POST http://h:8080/b @200 send:10 wait:20 receive:0 reused 204/0",
            "GET http://h:8080/1 @300 send:0 wait:20 receive:0 reused 200/2",
            "HEAD http://10.0.0.2:8080/2 @300 send:0 wait:20 receive:0 reused 200/0",
        ]);
}

#[test]
fn a_body_until_the_connection_closes_and_an_informational_response() {
    let script = Script::new(80)
        .open()
        .client(125, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")
        .server(130, "HTTP/1.1 103 Early Hints\r\n\r\n")
        .server(140, "HTTP/1.0 200 OK\r\n\r\nabc")
        .packet(150, Direction::Received, TcpFlags::FIN | TcpFlags::ACK, b"defg");
    let done = script.over();
    assert_eq!(short(&done[0]), "GET http://h/ @100 connect:20 send:5 wait:15 receive:10 200/7");
    let informational = &trace(&done[0]).response.unwrap().informational;
    assert_eq!((informational[0].status, informational[0].at), (103, Nanos::from_millis(30)));
}

#[test]
fn what_goes_wrong_with_a_clear_request() {
    let asked = || Script::new(80).open().client(125, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab";
    asked().closes(150, Direction::Received).check(&["GET http://h/ @100 connect:20 send:5 wait:25 wait.closed"]);
    asked().resets(150, Direction::Received).check(&["GET http://h/ @100 connect:20 send:5 wait:25 wait.reset"]);
    asked().closes(150, Direction::Sent).check(&["GET http://h/ @100 connect:20 send:5 wait:1025 wait.timeout"]);
    asked().check(&["GET http://h/ @100 connect:20 send:5 wait:1000 wait.timeout"]);
    asked()
        .server(130, head)
        .closes(150, Direction::Received)
        .check(&["GET http://h/ @100 connect:20 send:5 wait:5 receive:20 200/2 receive.closed"]);
    asked()
        .server(130, head)
        .resets(150, Direction::Received)
        .check(&["GET http://h/ @100 connect:20 send:5 wait:5 receive:20 200/2 receive.reset"]);
    asked().server(130, "220 hello\r\n").check(&["GET http://h/ @100 connect:20 send:5 wait:5 http.malformed"]);
    Script::new(80)
        .open()
        .client(125, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab")
        .resets(150, Direction::Received)
        .check(&["POST http://h/ @100 connect:20 send:30 send.failed"]);
}

#[test]
fn connections_that_do_not_come_about_or_are_not_used() {
    let syn = || Script::new(80).packet(100, Direction::Sent, TcpFlags::SYN, b"");
    syn().resets(110, Direction::Received).check(&["? tcp://10.0.0.2:80/ @100 connect:10 connect.refused"]);
    syn().check(&["? tcp://10.0.0.2:80/ @100 connect:1000 connect.timeout"]);
    Script::new(80).open().closes(130, Direction::Sent).check(&["? tcp://10.0.0.2:80/ @100 connect:20"]);
    // A connection whose beginning nobody saw, and on which nothing is said.
    Script::new(80).packet(100, Direction::Sent, TcpFlags::ACK, b"").check(&[]);
}

#[test]
fn at_the_server_connect_ends_with_the_ack() {
    Script::captured_at(80, Side::Server)
        .open()
        .client(125, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .server(126, "HTTP/1.1 204 No\r\n\r\n")
        .check(&["GET http://h/ @100 connect:21 send:4 wait:1 receive:0 204/0"]);
}

#[test]
fn other_protocols_are_flights() {
    Script::new(25)
        .open()
        .server(130, "220 mail\r\n")
        .client(150, "EHLO me\r\n")
        .server(160, "250-mail\r\n")
        .server(165, "250 OK\r\n")
        .client(170, "QUIT\r\n")
        .closes(171, Direction::Sent)
        .check(&[
            "? tcp://10.0.0.2:25/ @100 connect:20 wait:10 receive:0",
            "? tcp://10.0.0.2:25/ @150 send:0 wait:10 receive:5 reused",
        ]);
    Script::new(6_379)
        .open()
        .client(130, "*1\r\n$4\r\nPING\r\n")
        .server(140, "+PONG\r\n")
        .check(&["? tcp://10.0.0.2:6379/ @100 connect:20 send:10 wait:10 receive:0"]);
    // A word in capitals is no HTTP without its version.
    Script::new(6_379)
        .open()
        .client(130, "PING x\r\n")
        .server(140, "+PONG\r\n")
        .check(&["? tcp://10.0.0.2:6379/ @100 connect:20 send:10 wait:10 receive:0"]);
}

#[test]
fn a_cut_packet_costs_the_head_but_not_the_times() {
    let mut script = Script::new(80).open();
    let (sent, received) = (script.sent, script.received);
    script.raw(125, Direction::Sent, TcpFlags::ACK, sent, received, b"GET / HTTP/1.1\r\nHo", 100);
    script.raw(
        150,
        Direction::Received,
        TcpFlags::ACK,
        received,
        sent.wrapping_add(100),
        b"HTTP/1.1 200 OK\r\nCo",
        500,
    );
    script.check(&["? http://10.0.0.2/ @100 connect:20 send:5 wait:25 receive:0"]);
}

#[test]
fn a_lost_request_is_sent_when_it_first_left() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut script = Script::new(80).open();
    let (sent, received, length) = (script.sent, script.received, u32::try_from(request.len()).unwrap());
    script = script.client(125, request);
    script.raw(330, Direction::Sent, TcpFlags::ACK, sent, received, request.as_bytes(), length);
    script
        .server(350, "HTTP/1.1 204 No\r\n\r\n")
        .check(&["GET http://h/ @100 connect:20 send:5 wait:225 receive:0 204/0"]);
}

#[test]
fn a_message_lasts_until_its_lost_packet_has_come_again_however_much_came_before_that() {
    // Three quarters of a megabyte behind the lost packet, of which the receiver acknowledges what came before it.
    let part = [b'x'; 1_448];
    let parts = 520;
    let length = u32::try_from(part.len()).unwrap();
    let lose_the_first = |mut script: Script, direction: Direction| {
        let missing = match direction {
            Direction::Sent => &mut script.sent,
            Direction::Received => &mut script.received,
        };
        let begin = *missing;
        *missing = begin.wrapping_add(length);
        for _ in 1..parts {
            script = script.packet(160, direction, TcpFlags::ACK, &part);
            let other = if direction == Direction::Sent { script.received } else { script.sent };
            script.raw(160, direction.reverse(), TcpFlags::ACK, other, begin, b"", 0);
        }
        let other = if direction == Direction::Sent { script.received } else { script.sent };
        script.raw(190, direction, TcpFlags::ACK, begin, other, &part, length);
        script
    };
    let content = format!("Content-Length: {}\r\n\r\n", parts * part.len());

    let asked = Script::new(80)
        .open()
        .client(125, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .server(150, format!("HTTP/1.1 200 OK\r\n{content}"));
    lose_the_first(asked, Direction::Received)
        .check(&["GET http://h/ @100 connect:20 send:5 wait:25 receive:40 200/752960"]);

    let asked =
        Script::captured_at(80, Side::Server).open().client(125, format!("POST / HTTP/1.1\r\nHost: h\r\n{content}"));
    lose_the_first(asked, Direction::Sent)
        .server(200, "HTTP/1.1 204 No\r\n\r\n")
        .check(&["POST http://h/ @100 connect:21 send:69 wait:10 receive:0 204/0"]);
}

#[test]
fn a_tunnel_begins_anew_and_an_upgrade_ends_it() {
    let hello = tls::client_hello("inner.example", &["http/1.1"]);
    Script::new(3_128)
        .open()
        .client(125, "CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n")
        .server(150, "HTTP/1.1 200 OK\r\n\r\n")
        .client(160, &hello)
        .check(&[
            "CONNECT http://inner.example:443/ @100 connect:20 send:5 wait:25 receive:0 200/0",
            "? https://inner.example:3128/ @160 tls:1000 reused tls.timeout",
        ]);
    Script::new(80)
        .open()
        .client(125, "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")
        .server(150, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x01\x02")
        .client(160, [1, 2, 3])
        .server(170, [1, 2, 3])
        .check(&["GET http://h/ws @100 connect:20 send:5 wait:25 receive:0 101/0"]);
}

mod tickets;
mod tls;

proptest! {
    #[test]
    fn any_packets_give_well_formed_traces(
        packets in proptest::collection::vec(
            (any::<bool>(), 0_u16..32, 0_u32..400, 0_u32..400, proptest::sample::select(vec![
                &b""[..], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x17\x03\x03\x00\x20", b"\x15\x03\x03\x00\x02\x02\x28", b"\x00\x01\x02",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
            ]), 0_u32..50),
            0..40,
        ),
    ) {
        let mut script = Script::new(53);
        script.exchanges.listen_for_dns();
        for (index, (sent, flags, sequence, acknowledgement, payload, more)) in (1..).zip(packets) {
            let direction = if sent { Direction::Sent } else { Direction::Received };
            let length = u32::try_from(payload.len()).unwrap() + more / 40;
            script.raw(index, direction, TcpFlags::from_bits(flags), sequence, acknowledgement, payload, length);
        }
        for exchange in script.over() {
            short(&exchange);
        }
    }
}

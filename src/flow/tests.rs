//! From packets to traces: what a loss is called, and which phase it made longer.

use std::collections::BTreeMap;

use super::script::{observer, played, same_clock};
use super::*;
use crate::event::{AttemptId, Event, Evidence, Fact, Moment, Phase, Recovery, ResponseHead};
use crate::target::Secrets;
use crate::time::Nanos;
use crate::trace::{Cause, Context, Method, Outcome, Subject, Trace, TraceId};

/// The trace of a request over TLS: 300 bytes of ClientHello, 80 of Finished, 120 of request; 2800 bytes of the server's
/// handshake, 500 of response.
fn traced(side: Side, script: &str) -> Trace {
    let (conversation, _) = played(script);
    let landmarks = [
        (Moment::Start, Place::Syn),
        (Moment::AttemptStarted(AttemptId(0)), Place::Syn),
        (Moment::AttemptEnded(AttemptId(0)), Place::SynAck),
        (Moment::End(Phase::Connect), Place::SynAck),
        (Moment::ClientHello, Place::SentEnd(300)),
        (Moment::ServerHello, Place::ReceivedFirst(0)),
        (Moment::End(Phase::Tls), Place::SentEnd(380)),
        (Moment::End(Phase::Send), Place::SentEnd(500)),
        (Moment::RequestAcked, Place::Acknowledged(500)),
        (Moment::End(Phase::Wait), Place::ReceivedFirst(2800)),
        (Moment::End(Phase::Receive), Place::ReceivedEnd(3300)),
    ];
    let landmarks = landmarks.map(|(moment, place)| Landmark { moment, place });
    let (clock, observer) = (same_clock(), observer(side));
    let head = ResponseHead { status: 200, version: "HTTP/1.1".to_owned(), headers: vec![], header_bytes: 1 };
    let events = witness(&landmarks, &conversation, &clock, &observer).chain([
        Event::Learned(Fact::Response(head)),
        Event::Learned(Fact::Wire(Box::new(conversation.wire(&observer, &clock, ..)))),
    ]);
    let subject = Subject {
        trace_id: TraceId::new(1, 2),
        name: None,
        tags: BTreeMap::new(),
        path: None,
        vantage: None,
        url: "https://example.com/".to_owned(),
        method: "GET".to_owned(),
        expect_status: None,
        redirected_from: None,
    };
    let trace = Trace::assemble(subject, &Context { clock, secrets: Secrets::Show }, events);
    let text = serde_json::to_string(&trace).unwrap();
    assert_eq!(serde_json::from_str::<Trace>(&text).unwrap(), trace);
    trace
}

const CONNECTED: &str = "0 > S 0 mss 1460\n 16 < SA 0 ack 1 mss 1400 ttl 57 id 0\n 16.1 > A 1 ack 1\n";
const SECURED: &str = "17 > PA 1+300 ack 1\n 33 < A 1+1400 ack 301\n 33 < PA 1401+1400 ack 301\n 33.1 > A 301 ack 2801
    35 > PA 301+80 ack 2801\n";
const ANSWERED: &str =
    "35.2 > PA 381+120 ack 2801\n 52 < A 2801 ack 501\n 79 < PA 2801+500 ack 501\n 79.1 > A 501 ack 3301";

#[test]
fn a_loss_has_a_cause_a_phase_and_a_length() {
    let whole = |parts: [&str; 3]| parts.concat();
    for (script, expect) in [
        (whole([CONNECTED, SECURED, ANSWERED]), None),
        (
            whole(["0 > S 0\n 1000 > S 0\n 1016 < SA 0 ack 1\n", "", ""]),
            Some((Phase::Connect, Cause::LostSynOrSynAck, 0.0, 1000.0, Some(Recovery::Timeout))),
        ),
        (
            whole(["0 > S 0 ts 1/0\n 1000 > S 0 ts 1001/0\n 1016 < SA 0 ack 1 ts 5/1001\n", "", ""]),
            Some((Phase::Connect, Cause::LostSyn, 0.0, 1000.0, Some(Recovery::Timeout))),
        ),
        (
            whole(["0 > S 0 ts 1/0\n 1000 > S 0 ts 1001/0\n 1016 < SA 0 ack 1 ts 5/1\n", "", ""]),
            Some((Phase::Connect, Cause::LostSynAck, 0.0, 1000.0, Some(Recovery::Timeout))),
        ),
        (
            whole([CONNECTED, "17 > PA 1+300 ack 1\n 240 > PA 1+300 ack 1\n 256 < A 1+2800 ack 301\n 260 > A 301+80 ack 2801\n", ""]),
            Some((Phase::Tls, Cause::LostClientHello, 17.0, 223.0, Some(Recovery::Timeout))),
        ),
        (
            whole([
                CONNECTED,
                "17 > PA 1+300 ack 1\n 33 < A 1401+1400 ack 301\n 33 > A 301 ack 1 sack 1401-2801\n 49.2 < A 1+1400 ack 301
                 51 > PA 301+80 ack 2801\n",
                "",
            ]),
            Some((Phase::Tls, Cause::LostServerHello, 33.0, 16.2, Some(Recovery::Fast))),
        ),
        (
            whole([
                CONNECTED,
                "17 > PA 1+300 ack 1\n 33 < A 1 ack 301 id 7\n 249.1 < A 1+2800 ack 301 id 9\n 251 > PA 301+80 ack 2801\n",
                "",
            ]),
            Some((Phase::Tls, Cause::LostServerHello, 33.0, 216.1, Some(Recovery::Timeout))),
        ),
        (
            whole([
                CONNECTED,
                "17 > PA 1+300 ack 1\n 33 < A 1+700 ack 301\n 33 < A 1401+1400 ack 301\n 33 > A 301 ack 701\n 49.2 < A 701+700 ack 301
                 51 > PA 301+80 ack 2801\n",
                "",
            ]),
            Some((Phase::Tls, Cause::LostHandshake, 33.0, 16.2, Some(Recovery::Timeout))),
        ),
        (
            whole([
                CONNECTED,
                SECURED,
                "35.2 > PA 381+120 ack 2801\n 51 < A 2801 ack 381\n 238.2 > PA 381+120 ack 2801\n 255 < A 2801 ack 501
                 266.2 < PA 2801+500 ack 501",
            ]),
            Some((Phase::Wait, Cause::LostRequest, 35.2, 203.0, Some(Recovery::Timeout))),
        ),
        (
            whole([
                CONNECTED,
                SECURED,
                "35.2 > PA 381+120 ack 2801\n 52 < A 2801 ack 501\n 79 < A 2801+400 ack 501 id 4\n 79 < A 2801 ack 501 id 5
                 79.1 > A 501 ack 3201\n 300 < PA 3201+100 ack 501 id 7",
            ]),
            Some((Phase::Receive, Cause::LostResponse, 300.0 - 216.1, 216.1, Some(Recovery::Timeout))),
        ),
        (
            whole([
                CONNECTED,
                SECURED,
                "35.2 > PA 381+120 ack 2801\n 79 < A 3001+300 ack 501\n 81 < PA 2801+200 ack 501",
            ]),
            Some((Phase::Wait, Cause::Reordering, 79.0, 2.0, None)),
        ),
        (
            whole([
                CONNECTED,
                SECURED,
                "35.2 > PA 381+120 ack 2801\n 79 < A 2801+200 ack 501\n 79.1 > A 501 ack 3001 win 0\n 280 < A 3000 ack 501
                 380 > A 501 ack 3001\n 396 < A 3001+300 ack 501",
            ]),
            Some((Phase::Receive, Cause::ZeroWindow, 79.1, 300.9, None)),
        ),
    ] {
        let trace = traced(Side::Client, &script);
        let delays = trace.wire.unwrap().delays;
        let got = delays.first().map(|delay| {
            let (start, duration) = (delay.start.as_millis_f64(), delay.duration.as_millis_f64());
            (delay.phase, delay.cause, start, duration, delay.recovery)
        });
        assert_eq!((got, delays.len()), (expect, usize::from(expect.is_some())), "{script}");
    }
}

#[test]
fn phases_rest_on_the_wire_and_know_their_packets() {
    let trace = traced(Side::Client, &[CONNECTED, SECURED, ANSWERED].concat());
    assert_eq!(trace.outcome, Outcome::Complete);
    let spans: Vec<_> = trace.timeline.spans().map(|span| (span.phase, span.duration.as_millis_f64())).collect();
    let expect =
        [(Phase::Connect, 16.0), (Phase::Tls, 19.0), (Phase::Send, 0.2), (Phase::Wait, 43.8), (Phase::Receive, 0.0)];
    assert_eq!(spans, expect);
    assert!(trace.timeline.spans().all(|span| span.evidence == Evidence::Wire && span.error <= Nanos::new(2)));
    let wire = trace.wire.unwrap();
    let phases: Vec<_> = wire
        .phases
        .iter()
        .map(|entry| (entry.phase, entry.sent_packets, entry.sent_bytes, entry.received_packets, entry.received_bytes))
        .collect();
    let expect = [
        (Phase::Connect, 1, 0, 1, 0),
        (Phase::Tls, 4, 380, 2, 2800),
        (Phase::Send, 1, 120, 0, 0),
        (Phase::Wait, 0, 0, 2, 500),
    ];
    assert_eq!(phases, expect);
    assert_eq!((wire.captured, wire.ttl, wire.syn_rtt), (12, Some(57), Some(Nanos::from_millis(16))));
    assert_eq!((wire.sent.packets, wire.received.packets, wire.packets.map(|rows| rows.len())), (7, 5, Some(12)));
    let split = trace.wait.unwrap();
    assert_eq!(
        (split.method, split.network, split.retransmission),
        (Method::RequestAck, Nanos::from_micros(16_800), None)
    );
}

#[test]
fn a_lost_request_is_taken_out_of_the_split() {
    let script = "35.2 > PA 381+120 ack 2801\n 238.2 > PA 381+120 ack 2801\n 254.2 < A 2801 ack 501\n 266.2 < PA 2801+500 ack 501";
    let trace = traced(Side::Client, &[CONNECTED, SECURED, script].concat());
    let split = trace.wait.unwrap();
    let shares = [split.network, split.server, split.server_low, split.server_high].map(Nanos::as_millis_f64);
    // Both ends of the wait are known to the nanosecond: so are the bounds.
    assert_eq!((shares, split.method), ([16.0, 12.0, 11.999_998, 12.000_002], Method::RequestAck));
    assert_eq!(split.retransmission, Some(Nanos::from_millis(203)));
}

#[test]
fn at_the_server_the_wait_is_its_own() {
    let opened = "0 > S 0 ttl 57\n 0.1 < SA 0 ack 1\n 16 > A 1 ack 1 ttl 57\n";
    let trace = traced(Side::Server, &[opened, SECURED, ANSWERED].concat());
    let split = trace.wait.unwrap();
    assert_eq!((split.network, split.method), (Nanos::ZERO, Method::AtServer));
    assert_eq!(trace.wire.unwrap().ttl, Some(57));
}

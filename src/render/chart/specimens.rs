//! Traces to draw in tests: the written ones of `fixtures/waterfall.jsonl`, and any.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::event::{
    Direction, Endpoints, Event, Evidence, Fact, FailureCode, Mark, Moment, PacketNote, PacketRow, ResponseHead, Side,
    TransportCounters, Trouble, Wire, WireDelay,
};
use crate::target::Secrets;
use crate::time::{ClockPair, ClockSync, Nanos, Timestamp};
use crate::trace::{
    Context, Failure, HopAnswer, HopProbe, HopReply, HopSearch, HopsEnded, Phase, Subject, Trace, TraceId, hops,
};

/// The traces of `fixtures/waterfall.jsonl`.
pub(super) fn written() -> Vec<Trace> {
    let lines = include_str!("../../../fixtures/waterfall.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// From nothing to days, each order of magnitude as likely as the others.
fn any_length() -> impl Strategy<Value = u64> {
    (0..50_u32).prop_flat_map(|bits| 0..=(1_u64 << bits))
}

fn any_failure() -> impl Strategy<Value = Option<Failure>> {
    let phase = proptest::sample::select(Phase::ALL.to_vec());
    let code = proptest::sample::select(FailureCode::ALL.to_vec());
    let failure = (phase, code).prop_map(|(phase, code)| Failure { phase, code, message: String::new() });
    proptest::option::weighted(0.2, failure)
}

fn any_subject() -> impl Strategy<Value = Subject> {
    let url = prop_oneof!["https?://[a-z]{1,30}\\.example(:[0-9]{2,5})?(/[a-z]{1,20}){0,6}", any::<String>()];
    (proptest::option::of(any::<String>()), url, any::<(u32, u128)>()).prop_map(|(name, url, id)| Subject {
        trace_id: TraceId::new(id.0, id.1),
        name,
        tags: BTreeMap::new(),
        path: None,
        vantage: Some("a \"place\"".to_owned()),
        url,
        method: "GET".to_owned(),
        expect_status: None,
        redirected_from: None,
    })
}

/// The hops of a path on which anything may happen, under any names; often none.
fn any_hops(trace: Trace) -> impl Strategy<Value = Trace> {
    let answer = (any::<std::net::IpAddr>(), any_length()).prop_map(|(from, nanos)| HopAnswer {
        from,
        reply: HopReply::TimeExceeded,
        round_trip: Nanos::new(nanos),
        evidence: Evidence::User,
    });
    let probe = (1..20_u8, proptest::option::of(answer)).prop_map(|(ttl, answer)| HopProbe { ttl, answer });
    let probes = prop_oneof![Just(Vec::new()), proptest::collection::vec(probe, 0..30)];
    (probes, proptest::option::of(any::<String>())).prop_map(move |(probes, name)| {
        let mut trace = trace.clone();
        trace.hops = hops(&probes);
        trace.hops.iter_mut().for_each(|hop| hop.name.clone_from(&name));
        trace.hop_search = Some(HopSearch {
            source: ([192, 0, 2, 1], 40_000).into(),
            destination: ([198, 51, 100, 2], 443).into(),
            rounds: 3,
            probes: 0,
            ended: HopsEnded::Silence,
            evidence: None,
        });
        trace
    })
}

/// A trace of any phases, lengths, facts and failures.
pub(super) fn any_trace() -> impl Strategy<Value = Trace> {
    let lengths = proptest::collection::vec(proptest::option::weighted(0.8, any_length()), Phase::ALL.len());
    let instants = proptest::collection::vec(any_length(), 7);
    let traces = (any_subject(), lengths, instants, any_failure(), any::<bool>(), 100..600_u16).prop_map(
        |(subject, lengths, instants, failure, reused, status)| {
            let mark = |at| Mark { at: Timestamp::from_nanos(at), error: Nanos::ZERO, source: Evidence::Kernel };
            let seen = |moment, at| Event::Observed(moment, mark(at));
            let mut at = 0;
            let mut events = vec![seen(Moment::Start, 0)];
            for (phase, length) in Phase::ALL.into_iter().zip(lengths) {
                if let Some(length) = length {
                    at += length;
                    events.push(seen(Moment::End(phase), at));
                }
            }
            let moments = [
                Moment::ClientHello,
                Moment::ServerHello,
                Moment::Verified,
                Moment::Informational(0),
                Moment::Informational(1),
                Moment::RequestAcked,
            ];
            events.extend(moments.into_iter().zip(&instants).map(|(moment, at)| seen(moment, *at)));
            let min_rtt = Some(Nanos::new(instants[6]));
            events.extend(
                [
                    Fact::Connected(Endpoints { reused, local: None, remote: "[::1]:443".to_owned(), proxy: None }),
                    Fact::Transport(TransportCounters { min_rtt, rtt: min_rtt, retransmits: 0, lost: 0 }),
                    Fact::Informational(0, 100),
                    Fact::Informational(1, 103),
                    Fact::Response(ResponseHead {
                        status,
                        version: "HTTP/2".to_owned(),
                        headers: Vec::new(),
                        header_bytes: 0,
                    }),
                ]
                .map(Event::Learned),
            );
            if status % 2 == 0 {
                events.push(Event::Learned(Fact::Wire(Box::new(wire(&instants)))));
            }
            if let Some(failure) = failure {
                events.extend([seen(Moment::Failed, at), Event::Learned(Fact::Failed(failure))]);
            }
            Trace::assemble(subject, &context(), events)
        },
    );
    traces.prop_flat_map(any_hops)
}

/// Packets and losses at any instants.
fn wire(instants: &[u64]) -> Wire {
    let at = |index: usize| Timestamp::from_nanos(instants[index]);
    let row = |(index, at): (usize, &u64)| PacketRow {
        at: Timestamp::from_nanos(*at),
        direction: if index % 2 == 0 { Direction::Sent } else { Direction::Received },
        flags: "A".to_owned(),
        sequence: 1,
        acknowledgement: 1,
        bytes: 0,
        window: 0,
        note: (index % 3 == 0).then_some(PacketNote::Retransmission),
    };
    let delay = |trouble, start, end| WireDelay { trouble, direction: Direction::Sent, start, end, recovery: None };
    Wire {
        interface: None,
        side: Side::Client,
        captured: 0,
        dropped: None,
        syn_round_trip: None,
        ttl: None,
        client: None,
        server: None,
        runs: Vec::new(),
        delays: vec![
            delay(Trouble::LostBytes, at(0).min(at(1)), at(0).max(at(1))),
            delay(Trouble::Unexplained, at(2), at(2)),
            delay(Trouble::ZeroWindow, at(3), at(3)),
        ],
        packets: Some(instants.iter().enumerate().map(row).collect()),
    }
}

/// One to forty of them, some of which follow a redirect.
pub(super) fn any_traces() -> impl Strategy<Value = Vec<Trace>> {
    let traces = proptest::collection::vec((any_trace(), proptest::bool::weighted(0.2)), 1..=40);
    traces.prop_map(|traces| {
        let mut before = None;
        let chained = |(mut trace, is_redirected): (Trace, bool)| {
            trace.subject.redirected_from = before.filter(|_| is_redirected);
            before = Some(trace.subject.trace_id);
            trace
        };
        traces.into_iter().map(chained).collect()
    })
}

fn context() -> Context {
    let instant = Timestamp::from_nanos(0);
    let pair =
        ClockPair { before: instant, realtime: Timestamp::from_nanos(1_700_000_000_000_000_000), after: instant };
    Context { clock: ClockSync::from_pairs(&[pair]).unwrap(), secrets: Secrets::Show }
}

//! Records of made-up logs, by what they name, beside requests of which some share names.

use serde_json::json;

use super::*;
use crate::attribute::record::{Claim, Moment, MomentOf, Part, Where};
use crate::attribute::specimens::{response, trace};
use crate::time::Timestamp;

const URL: &str = "https://example.com/a?b=c";
/// When the specimens began.
const BEGAN: u64 = 1_732_248_000_500_000_000;
const SECOND: i64 = 1_000_000_000;

/// A request with its own id, local port and response fields.
fn request(id: u32, port: u16, back: &[(&str, &str)]) -> Trace {
    let local = format!("192.0.2.10:{port}");
    let root = format!("67400000{id:024x}");
    let headers = [["x-amzn-trace-id", &format!("Root=1-67400000-{id:024x};Sampled=1")]];
    let connect = json!({"reused": false, "local": local, "remote": "198.51.100.2:443", "attempts": []});
    let sent = json!({"version": "HTTP/1.1", "headers": headers, "body_bytes": 0, "header_bytes": 90});
    let more = json!({"trace_id": root, "connect": connect, "request": sent, "response": response(back)});
    trace(URL, 16_000_000, 84_000_000, &more)
}

/// One whose request carried nothing that a log could keep.
fn bare(port: u16) -> Trace {
    let mut trace = request(1, port, &[]);
    trace.request.as_mut().unwrap().headers.clear();
    trace
}

fn root(id: u32) -> Key {
    Key::TraceRoot(format!("67400000{id:024x}").parse().unwrap())
}

fn port(text: &str) -> Key {
    Key::ClientPort(text.parse().unwrap())
}

/// A record that is so many seconds away from the requests by its own clock; `line` tells it from others.
fn record(source: Source, line: u64, keys: Vec<Key>, seconds: i64) -> Record {
    let at = Timestamp::from_nanos(BEGAN.saturating_add_signed(seconds * SECOND));
    let resolution = Nanos::from_millis(1);
    let claim = Claim { part: Part::ElbTarget, duration: Nanos::from_millis(line), resolution };
    Record {
        keys,
        time: Some(Moment { at, of: MomentOf::End, resolution }),
        claims: vec![claim],
        ..Record::new(source, Where { file: 0, line })
    }
}

/// The records that are a trace's, then those refused with the reason.
type Joined<'r> = (Vec<usize>, Vec<(usize, &'r str)>);
/// The same, as tests write it.
type Expected<'r> = (&'r [usize], &'r [(usize, &'r str)]);

/// What each trace is joined with.
#[track_caller]
fn check(traces: &[Trace], records: &[Record], expect: &[Expected<'_>]) {
    let found = join(traces, records);
    let found: Vec<Joined<'_>> = found
        .iter()
        .map(|found| {
            let refused = found.refused.iter().map(|(record, because)| (*record, because.as_str())).collect();
            (found.matches.iter().map(|found| found.record).collect(), refused)
        })
        .collect();
    let expect: Vec<Joined<'_>> =
        expect.iter().map(|(matches, refused)| (matches.to_vec(), refused.to_vec())).collect();
    assert_eq!(found, expect);
}

#[test]
fn by_what_requests_carried_and_responses_named() {
    use Source::{AlbAccess, ApiGateway, CloudFrontStandard, LambdaText, XRay};
    let traces = [
        request(1, 1001, &[("x-amz-apigw-id", "ext1"), ("x-amzn-requestid", "same")]),
        request(2, 1002, &[("x-amz-apigw-id", "ext2"), ("x-amzn-requestid", "same")]),
        request(3, 1003, &[("x-amz-cf-id", "edge3")]),
    ];
    let records = [
        record(AlbAccess, 1, vec![root(1)], 0),
        record(XRay, 2, vec![root(2)], 0),
        record(CloudFrontStandard, 3, vec![Key::CloudFrontId("edge3".into())], 0),
        // A client may set a REST API's request id: the extended one tells.
        record(
            ApiGateway,
            4,
            vec![
                Key::AmznRequestId("same".into()),
                Key::ApigExtendedId("ext2".into()),
                Key::InvocationId("call2".into()),
            ],
            0,
        ),
        record(AlbAccess, 5, vec![root(9)], 0),
    ];
    check(&traces, &records, &[(&[0], &[]), (&[1, 3], &[]), (&[2], &[])]);
    // What API Gateway calls its call, Lambda knows it by; the order of records does not matter.
    let mut learned = records.to_vec();
    learned.insert(0, record(LambdaText, 6, vec![Key::InvocationId("call2".into())], 0));
    check(&traces, &learned, &[(&[1], &[]), (&[0, 2, 4], &[]), (&[3], &[])]);
}

#[test]
fn clocks_that_are_off_change_nothing_but_other_hours_do() {
    for (seconds, fits) in
        [(-5, true), (5, true), (0, true), (-3_000, true), (3_500, true), (-3_700, false), (7_200, false)]
    {
        let records = [record(Source::AlbAccess, 1, vec![root(1)], seconds)];
        let expect: (&[usize], &[(usize, &str)]) = if fits { (&[0], &[]) } else { (&[], &[(0, "wrong_time")]) };
        check(&[request(1, 1001, &[])], &records, &[expect]);
    }
    for (seconds, fits) in [(-5, true), (5, true), (299, true), (-301, false), (302, false)] {
        let records = [record(Source::ClassicElb, 1, vec![port("192.0.2.10:1001")], seconds)];
        let expect: (&[usize], &[(usize, &str)]) = if fits { (&[0], &[]) } else { (&[], &[(0, "wrong_time")]) };
        check(&[bare(1001)], &records, &[expect]);
    }
}

#[test]
fn an_address_is_the_last_resort() {
    use Source::{AlbAccess, ApiGateway, ClassicElb};
    let at = |line, keys| record(ClassicElb, line, keys, 0);
    let ours = || port("192.0.2.10:1001");
    check(&[bare(1001)], &[at(1, vec![ours()])], &[(&[0], &[])]);
    check(&[bare(1001)], &[at(1, vec![port("[::ffff:192.0.2.10]:1001")])], &[(&[0], &[])]);
    // NAT: another address, or another port, is another client.
    check(&[bare(1001)], &[at(1, vec![port("203.0.113.1:1001")]), at(2, vec![port("192.0.2.10:9")])], &[(&[], &[])]);
    // Two requests on one connection, or two records of one port: nothing tells which.
    check(&[bare(1001), bare(1001)], &[at(1, vec![ours()])], &[(&[], &[(0, "ambiguous")]), (&[], &[(0, "ambiguous")])]);
    check(&[bare(1001)], &[at(1, vec![ours()]), at(2, vec![ours()])], &[(&[], &[(0, "ambiguous"), (1, "ambiguous")])]);
    // What is said of the request must be so.
    let with = |facts: RequestFacts| Record { request: Some(facts), ..at(1, vec![ours()]) };
    for (facts, fits) in [
        (RequestFacts { method: Some("GET".into()), status: Some(200), ..RequestFacts::default() }, true),
        (RequestFacts { method: Some("POST".into()), ..RequestFacts::default() }, false),
        (RequestFacts { status: Some(503), ..RequestFacts::default() }, false),
        (RequestFacts { url: Some("https://example.com:443/a?b=c".into()), ..RequestFacts::default() }, true),
        (RequestFacts { url: Some("/a".into()), ..RequestFacts::default() }, true),
        (RequestFacts { url: Some("https://example.com:443/b".into()), ..RequestFacts::default() }, false),
    ] {
        let expect: &[usize] = if fits { &[0] } else { &[] };
        check(&[bare(1001)], &[with(facts)], &[(expect, &[])]);
    }
    // A request that carried its id would have been logged with it.
    let another = record(AlbAccess, 1, vec![root(9), ours()], 0);
    check(&[request(1, 1001, &[])], std::slice::from_ref(&another), &[(&[], &[])]);
    check(&[bare(1001)], &[another], &[(&[0], &[])]);
    // Where one is known by its id, the other one at this port is another request.
    let both = [record(AlbAccess, 1, vec![root(1)], 0), record(AlbAccess, 2, vec![ours()], 0)];
    check(&[request(1, 1001, &[])], &both, &[(&[0], &[])]);
    // Gateways see no clients' ports that would mean anything here.
    check(&[bare(1001)], &[record(ApiGateway, 1, vec![ours()], 0)], &[(&[], &[])]);
    let timeless = Record { time: None, ..at(1, vec![ours()]) };
    check(&[bare(1001)], &[timeless], &[(&[], &[(0, "ambiguous")])]);
}

#[test]
fn a_connection_that_is_known_by_its_port_is_that_of_the_request_that_made_it() {
    let ended = |line, host: &str, lasted: i64, over: i64| {
        let whole = Nanos::from_secs(lasted.unsigned_abs());
        let claim = Claim { part: Part::Connection, duration: whole, resolution: Nanos::from_millis(1) };
        let facts = RequestFacts { host: Some(host.to_owned()), ..RequestFacts::default() };
        let record = record(Source::NlbTls, line, vec![port("192.0.2.10:1001")], over);
        Record { claims: vec![claim], request: Some(facts), ..record }
    };
    let first = request(1, 1001, &[]);
    let mut second = request(2, 1001, &[]);
    if let Some(connect) = &mut second.connect {
        connect.reused = true;
    }
    let traces = [second, first];
    check(&traces, &[ended(1, "Example.com", 3, 3)], &[(&[], &[]), (&[0], &[])]);
    // Another connection from the same port, to another balancer.
    let both = [ended(1, "example.com", 3, 3), ended(2, "other.example", 3, 10)];
    check(&traces, &both, &[(&[], &[]), (&[0], &[])]);
    // It was over long after the request, and by a clock that is off; or it began long after.
    for (lasted, over, fits) in
        [(3_600, 3_600, true), (3_600, 3_605, true), (3_600, 3_595, true), (3_600, 4_000, false)]
    {
        let expect: (&[usize], &[(usize, &str)]) = if fits { (&[0], &[]) } else { (&[], &[(0, "wrong_time")]) };
        check(&traces, &[ended(1, "example.com", lasted, over)], &[(&[], &[]), expect]);
    }
    // Two that nothing tells apart are nobody's.
    let twice = [ended(1, "example.com", 3, 3), ended(2, "example.com", 1, 20)];
    check(&traces, &twice, &[(&[], &[]), (&[], &[(0, "ambiguous"), (1, "ambiguous")])]);
}

#[test]
fn a_root_that_the_user_gave_to_several_requests_is_told_apart_by_what_else_there_is() {
    let same = |port| {
        let mut trace = request(1, port, &[]);
        trace.subject.trace_id = format!("67400001{port:024x}").parse().unwrap();
        trace
    };
    let traces = [same(1001), same(1002)];
    let of_second = record(Source::AlbAccess, 1, vec![root(1), port("192.0.2.10:1002")], 0);
    check(&traces, &[of_second], &[(&[], &[]), (&[0], &[])]);
    let of_any = record(Source::AlbAccess, 1, vec![root(1), port("192.0.2.10:1003")], 0);
    check(&traces, &[of_any], &[(&[], &[(0, "ambiguous")]), (&[], &[(0, "ambiguous")])]);
}

#[test]
fn a_record_delivered_twice_is_one_and_attempts_are_several() {
    let first = record(Source::AlbAccess, 1, vec![root(1)], 0);
    let again = Record { at: Where { file: 1, line: 7 }, ..first.clone() };
    check(&[request(1, 1001, &[])], &[first.clone(), again], &[(&[0], &[])]);
    let later = record(Source::AlbAccess, 2, vec![root(1)], 1);
    check(&[request(1, 1001, &[])], &[later.clone(), first.clone()], &[(&[0], &[(1, "earlier_attempt")])]);
    // Two balancers on one path are two layers.
    let by = |record: Record, name: &str| {
        let facts = RequestFacts { by: Some(name.to_owned()), ..RequestFacts::default() };
        Record { request: Some(facts), ..record }
    };
    check(&[request(1, 1001, &[])], &[by(first, "app/outer"), by(later, "app/inner")], &[(&[0, 1], &[])]);
}

#[test]
fn of_several_invocations_the_gateway_says_which_one_answered() {
    let call = |line, id: &str| record(Source::LambdaText, line, vec![Key::InvocationId(id.to_owned()), root(1)], 0);
    let gateway = record(Source::ApiGateway, 3, vec![root(1), Key::InvocationId("backend".to_owned())], 0);
    let authorizer_and_backend = [call(1, "authorizer"), call(2, "backend"), gateway];
    check(&[request(1, 1001, &[])], &authorizer_and_backend, &[(&[1, 2], &[(0, "other_request")])]);
    check(&[request(1, 1001, &[])], &authorizer_and_backend[..2], &[(&[], &[(0, "ambiguous"), (1, "ambiguous")])]);
    let named = request(1, 1001, &[("x-amzn-requestid", "backend")]);
    check(&[named], &authorizer_and_backend[..2], &[(&[1], &[(0, "other_request")])]);
}

#[test]
fn a_connection_is_that_of_the_request_that_made_it() {
    let tid = || Key::ConnectionTrace("TID_1".to_owned());
    let mut first = request(1, 1001, &[]);
    first.tls = Some(crate::trace::Tls::default());
    let traces = [request(2, 1001, &[]), first];
    let records = [
        record(Source::AlbConnection, 1, vec![tid(), port("192.0.2.10:1001")], 0),
        record(Source::AlbAccess, 2, vec![root(1), tid()], 0),
        record(Source::AlbAccess, 3, vec![root(2), tid()], 0),
    ];
    check(&traces, &records, &[(&[2], &[]), (&[0, 1], &[])]);
}

#[test]
fn a_port_that_is_used_again_is_told_apart_by_the_connections_name() {
    let tid = |name: &str| Key::ConnectionTrace(name.to_owned());
    let ours = || port("192.0.2.10:1001");
    let connection = |line, name: &str| record(Source::AlbConnection, line, vec![tid(name), ours()], 0);
    let traces = [request(1, 1001, &[]), request(2, 1001, &[])];
    let access = |id: u32, name: &str| record(Source::AlbAccess, 3, vec![root(id), tid(name), ours()], 0);
    // Both are named, or one is, so that the other connection is the other request's.
    let both = [connection(1, "TID_1"), connection(2, "TID_2"), access(1, "TID_1"), access(2, "TID_2")];
    check(&traces, &both, &[(&[0, 2], &[]), (&[1, 3], &[])]);
    check(&traces, &both[..3], &[(&[0, 2], &[]), (&[1], &[])]);
    // Another client's connection, before or after ours.
    check(&traces[..1], &both[..3], &[(&[0, 2], &[])]);
    // Nothing names either: they fit equally well.
    check(&traces, &both[..1], &[(&[], &[(0, "ambiguous")]), (&[], &[(0, "ambiguous")])]);
    // An access line that was itself found by its port names the connection too.
    let by_port = record(Source::AlbAccess, 3, vec![tid("TID_2"), ours()], 0);
    check(&[bare(1001)], &[connection(1, "TID_1"), connection(2, "TID_2"), by_port], &[(&[1, 2], &[])]);
}

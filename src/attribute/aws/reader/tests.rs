//! Whole logs: the samples, and what is handed out of them for whom.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::attribute::aws::AccessFormat;
use crate::attribute::aws::lines::tests::Pieces;
use crate::attribute::record::{Key, Part, Remark};
use crate::time::Nanos;
use crate::trace::Trace;

const ALB: &str = include_str!("../../../../fixtures/aws/elb/alb-otel.log");
const ALB_OWN: &str = include_str!("../../../../fixtures/aws/elb/alb-2026.log");
const ALB_CONNECTIONS: &str = include_str!("../../../../fixtures/aws/elb/alb-connections.log");
const CLASSIC: &str = include_str!("../../../../fixtures/aws/elb/clb-otel.log");
const NLB: &str = include_str!("../../../../fixtures/aws/elb/nlb-otel.log");
const CLOUDFRONT: &str = include_str!("../../../../fixtures/aws/cloudfront/docs-standard.log");
const CLOUDFRONT_TWO_HEADERS: &str = include_str!("../../../../fixtures/aws/cloudfront/two-headers.log");
const REALTIME: &str = include_str!("../../../../fixtures/aws/cloudfront/realtime.log");
const APIG: &str = include_str!("../../../../fixtures/aws/apig/json.log");
const APIG_TEXT: &str = include_str!("../../../../fixtures/aws/apig/text.log");
const APIG_TEXT_FORMAT: &str = include_str!("../../../../fixtures/aws/apig/text.format");
const LAMBDA_XRAY: &str = include_str!("../../../../fixtures/aws/lambda/docs-nodejs-xray.log");
const LAMBDA_TEXT: &str = include_str!("../../../../fixtures/aws/lambda/power-tuning-text.log");
const LAMBDA_SNAPSTART: &str = include_str!("../../../../fixtures/aws/lambda/power-tuning-text-snapstart.log");
const TELEMETRY: &str = include_str!("../../../../fixtures/aws/lambda/telemetry-rust-runtime.jsonl");
const LAMBDA_EVENTS: &str = include_str!("../../../../fixtures/aws/lambda/filter-log-events.json");
const LAMBDA_OWN: &str = include_str!("../../../../fixtures/aws/lambda/text.log");
const BEANSTALK: &str =
    include_str!("../../../../fixtures/aws/xray/xray-docs-beanstalk-lambda-coldstart.batch-get-traces.json");

fn realtime() -> Format {
    Format::CloudFrontRealtime(
        Columns::parse("timestamp,c-ip,c-port,time-to-first-byte,time-taken,x-edge-request-id,origin-fbl,origin-lbl")
            .unwrap(),
    )
}

fn text_format() -> Format {
    Format::ApiGateway(Some(AccessFormat::parse(APIG_TEXT_FORMAT).unwrap()))
}

/// Every record of a log, line by line.
fn all(format: &Format, text: &str) -> Vec<Record> {
    let mut columns = format.columns();
    let mut records = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(named) = cloudfront::header(line.as_bytes()) {
            columns = named;
        }
        let at = Where { file: 0, line: number as u64 + 1 };
        parse(format, &columns, line.as_bytes(), at, &mut |record| records.push(record)).unwrap();
    }
    records
}

#[test]
fn every_sample_parses() {
    // The log, its lines, the records in them, and the sum of all lengths they claim in µs.
    let cases: [(&str, Format, &str, usize, usize, u64); 14] = [
        ("alb", Format::AlbAccess, ALB, 2, 2, 2 * (86 + 48 + 37) * 1_000),
        ("alb, 34 fields", Format::AlbAccess, ALB_OWN, 8, 8, 1_190_000),
        ("alb connections", Format::AlbConnection, ALB_CONNECTIONS, 3, 3, 41_000),
        ("classic", Format::ClassicElb, CLASSIC, 2, 2, 2 * (86 + 1_048 + 1_337)),
        ("nlb", Format::NlbTls, NLB, 1, 1, 7_000),
        ("cloudfront", Format::CloudFrontStandard, CLOUDFRONT, 8, 6, 2 * (1 + 1 + 102 + 107 + 103) * 1_000),
        ("cloudfront, two headers", Format::CloudFrontStandard, CLOUDFRONT_TWO_HEADERS, 6, 3, 306_000),
        ("cloudfront, real time", realtime(), REALTIME, 2, 2, 171_000),
        ("apig", Format::ApiGateway(None), APIG, 5, 5, 18_431_000),
        ("apig, text", text_format(), APIG_TEXT, 3, 3, 151_000),
        ("lambda, x-ray", Format::Lambda, LAMBDA_XRAY, 6, 2, 128_830 + 166_620 + 79_670),
        ("lambda", Format::Lambda, LAMBDA_TEXT, 3, 1, 469_400 + 100_990),
        ("lambda, snap start", Format::Lambda, LAMBDA_SNAPSTART, 3, 1, 469_400 + 474_160),
        ("lambda, telemetry", Format::Lambda, TELEMETRY, 18, 6, 2 * (2_598_000 + 2_599_400 + 549_040 + 500_000)),
    ];
    for (name, format, text, lines, records, micros) in cases {
        assert_eq!(text.lines().count(), lines, "{name}");
        let found = all(&format, text);
        assert_eq!(found.len(), records, "{name}");
        let sum: Nanos = found.iter().flat_map(|record| &record.claims).map(|claim| claim.duration).sum();
        assert_eq!(sum, Nanos::from_micros(micros), "{name}");
        let is_report = |record: &Record| matches!(record.source, Source::LambdaText | Source::LambdaJson);
        assert!(found.iter().all(|record| record.time.is_some() || is_report(record)), "{name}");
    }
}

const OWN: &str = "5833726236d228ad5d99923122bbe354";

/// A trace with this id, what it sent and what came back.
fn trace(id: &str, sent: &[[&str; 2]], back: &[[&str; 2]]) -> Trace {
    let value = json!({
        "schema": "wirefall/trace/1", "trace_id": id, "url": "http://x.example/", "method": "GET",
        "started_at": "2026-11-21T04:38:33.123456789Z", "outcome": "complete", "failure": null,
        "redirected_from": null, "total_ns": 0, "phases": [], "client": {"lag_ns": 0},
        "connect": {"reused": false, "local": "192.0.2.10:51234", "remote": "198.51.100.2:80", "attempts": []},
        "request": {"version": "HTTP/1.1", "headers": sent, "body_bytes": 0, "header_bytes": 1},
        "response": {"status": 200, "version": "HTTP/1.1", "header_bytes": 1, "body_bytes": 1, "headers": back,
            "informational": []},
    });
    serde_json::from_value(value).unwrap()
}

fn own() -> Trace {
    let root = format!("Root=1-{}-{}", &OWN[..8], &OWN[8..]);
    trace(
        OWN,
        &[["X-Amzn-Trace-Id", &root]],
        &[["x-amz-cf-id", "own-cloudfront-id-0001=="], ["x-amzn-requestid", "own-request-0001"]],
    )
}

fn sift(format: Format, text: &[u8], wanted: &Wanted) -> (Vec<Record>, Tally) {
    let mut records = Vec::new();
    let mut reader = LogReader::new(format);
    reader.read(0, text, wanted, &mut |record| records.push(record)).unwrap();
    let tally = reader.finish(wanted, &mut |record| records.push(record));
    (records, tally)
}

#[test]
fn only_what_concerns_a_trace_is_handed_out() {
    let wanted = Wanted::of(&[own()]);
    let cases = [
        ("alb", Format::AlbAccess, ALB_OWN, 2),
        ("a port is no key where there is a better one", Format::AlbAccess, ALB, 0),
        ("alb connections, by the port", Format::AlbConnection, ALB_CONNECTIONS, 1),
        ("cloudfront, under another header", Format::CloudFrontStandard, CLOUDFRONT_TWO_HEADERS, 1),
        ("cloudfront, real time", realtime(), REALTIME, 1),
        ("apig", Format::ApiGateway(None), APIG, 1),
        ("apig, text", text_format(), APIG_TEXT, 1),
        ("lambda names an id that nobody knows yet", Format::Lambda, LAMBDA_OWN, 0),
        ("x-ray", Format::XRay, BEANSTALK, 0),
    ];
    for (name, format, text, expected) in cases {
        let everything = if format == Format::XRay { Vec::new() } else { all(&format, text) };
        let (records, tally) = sift(format, text.as_bytes(), &wanted);
        assert_eq!(records.len(), expected, "{name}");
        assert_eq!((tally.records, tally.broken), (expected as u64, 0), "{name}");
        let by_hand: Vec<_> = everything.into_iter().filter(|record| wanted.wants(record)).collect();
        assert_eq!(records, by_hand, "{name}: a glance saw what a look at every line sees");
    }
}

#[test]
fn ids_learned_from_one_log_join_the_next() {
    let mut wanted = Wanted::of(&[own()]);
    let (gateway, _) = sift(Format::ApiGateway(None), APIG.as_bytes(), &wanted);
    for record in &gateway {
        wanted.learn(record);
    }
    let marked = format!("\u{feff}{LAMBDA_EVENTS}");
    for (name, text) in
        [("text", LAMBDA_OWN), ("events that span lines", LAMBDA_EVENTS), ("after a byte order mark", &marked)]
    {
        let (records, tally) = sift(Format::Lambda, text.as_bytes(), &wanted);
        assert_eq!(records.len(), 1, "{name}");
        assert_eq!(tally.broken, 0, "{name}");
        assert_eq!(records[0].keys, [Key::InvocationId("own-invocation-0001".to_owned())], "{name}");
        assert_eq!(records[0].length(Part::LambdaInit), Some(Nanos::from_micros(166_620)), "{name}");
    }
    let (balancer, _) = sift(Format::AlbAccess, ALB_OWN.as_bytes(), &Wanted::of(&[own()]));
    for record in &balancer {
        wanted.learn(record);
    }
    let (connections, _) = sift(Format::AlbConnection, ALB_CONNECTIONS.as_bytes(), &wanted);
    assert_eq!(connections.len(), 2, "by its port, and by conn_trace_id of the requests");
}

#[test]
fn a_trace_of_x_ray_comes_whole_whoever_has_the_key() {
    let by_root = trace("5960260323fc5b688855d396af79b496", &[["user-agent", OWN]], &[]);
    let by_invocation = trace(OWN, &[], &[["x-amzn-requestid", "ac086670-6373-11e7-a174-f31b3397f190"]]);
    for trace in [by_root, by_invocation] {
        let (records, tally) = sift(Format::XRay, BEANSTALK.as_bytes(), &Wanted::of(&[trace]));
        assert_eq!((records.len(), tally.records), (2, 2));
        assert_eq!(tally.bytes, BEANSTALK.len() as u64);
    }
}

#[test]
fn a_log_of_another_format_does_not_pass_in_silence() {
    let wanted = Wanted::of(&[own()]);
    for (format, text, kind) in [
        (Format::AlbAccess, CLASSIC, Source::ClassicElb),
        (Format::ClassicElb, NLB, Source::NlbTls),
        (Format::NlbTls, ALB, Source::AlbAccess),
        (Format::CloudFrontStandard, ALB_CONNECTIONS, Source::AlbConnection),
        (Format::ApiGateway(None), BEANSTALK, Source::XRay),
        (Format::XRay, ALB, Source::AlbAccess),
        (Format::Lambda, CLASSIC, Source::ClassicElb),
    ] {
        let (_, tally) = sift(format, text.as_bytes(), &wanted);
        assert_eq!(tally.foreign, [Foreign::LooksLike { file: 0, kind }]);
        assert_eq!((tally.broken, tally.errors), (0, vec![]), "{kind}: lines are not broken for being of another kind");
    }
    for (format, expected) in [
        (Format::AlbAccess, "field 2 (time): expected an instant"),
        (Format::ClassicElb, "field 1 (time): expected an instant"),
        (Format::NlbTls, "field 3 (time): expected an instant"),
        (Format::CloudFrontStandard, "the line: expected fields parted by tabs"),
        (Format::ApiGateway(None), "the line: expected a JSON object"),
        (Format::XRay, "the document: expected JSON"),
    ] {
        let (_, tally) = sift(format, b"what somebody wrote down\n", &wanted);
        assert_eq!((tally.broken, tally.foreign), (1, vec![Foreign::Unknown { file: 0 }]), "{expected}");
        let (at, error) = &tally.errors[0];
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(at.line, 1);
    }
    assert_eq!(sift(Format::Lambda, b"", &wanted).1.foreign, [Foreign::Empty { file: 0 }]);
    assert_eq!(sift(Format::Lambda, b"\x7fELF\x02\0\0", &wanted).1.foreign, [Foreign::Unknown { file: 0 }]);
    // Documents that are cut off, and fields in another order than they are said to have.
    let cut = &BEANSTALK.as_bytes()[..200];
    let columns = Columns::parse("timestamp,time-to-first-byte,x-edge-request-id").unwrap();
    for (format, text, broken) in [
        (Format::XRay, cut, true),
        (Format::CloudFrontRealtime(Columns::realtime()), b"1574367600.123\t192.0.2.1\tfast\tx\n", true),
        (Format::CloudFrontRealtime(columns), b"1574367600.123\t0.002\tabc==\n", false),
    ] {
        let expected = if broken { vec![Foreign::Broken { file: 0 }] } else { vec![] };
        assert_eq!(sift(format, text, &wanted).1.foreign, expected);
    }
    // What is of the format and of nobody here is no wrong input.
    for (format, text) in [
        (Format::AlbAccess, ALB),
        (Format::ClassicElb, CLASSIC),
        (Format::NlbTls, NLB),
        (Format::AlbConnection, ALB_CONNECTIONS),
        (Format::XRay, BEANSTALK),
        (Format::Lambda, "what a function prints\n"),
        (Format::CloudFrontStandard, "#Version: 1.0\n#Fields: date time x-edge-request-id\n"),
    ] {
        assert_eq!(sift(format, text.as_bytes(), &wanted).1.foreign, []);
    }
}

#[test]
fn broken_and_overlong_lines_cost_themselves() {
    let root = format!("Root=1-{}-{}", &OWN[..8], &OWN[8..]);
    let line = ALB_OWN.lines().find(|line| line.contains(&root)).unwrap();
    let long = "x".repeat(2 << 20);
    let text = format!("{line}\r\nhttps garbage \"{root}\"\n{long}\n\n{line}");
    let (records, tally) = sift(Format::AlbAccess, text.as_bytes(), &Wanted::of(&[own()]));
    assert_eq!(records.iter().map(|record| record.at.line).collect::<Vec<_>>(), [1, 5]);
    assert_eq!((tally.lines, tally.too_long, tally.broken, tally.parsed), (5, 1, 1, 3));
    assert_eq!(tally.errors[0].0, Where { file: 0, line: 2 });
}

#[test]
fn an_input_that_breaks_off_gives_what_came_before() {
    struct Breaks<'b>(&'b [u8]);
    impl Read for Breaks<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            match self.0.read(room)? {
                0 => Err(io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    for (format, text, expected) in
        [(Format::AlbAccess, ALB_OWN, 2), (Format::ApiGateway(None), APIG, 1), (Format::XRay, BEANSTALK, 0)]
    {
        let mut found = 0;
        let mut reader = LogReader::new(format);
        let read = reader.read(0, Breaks(text.as_bytes()), &Wanted::of(&[own()]), &mut |_| found += 1);
        assert_eq!(read.unwrap_err().to_string(), "the disk is gone");
        assert_eq!(found, expected);
    }
}

#[test]
fn documents_are_told_from_lines() {
    let cases = [
        ("{\"requestId\":\"r\"}\n", false),
        ("{\n  \"requestId\": \"r\"\n}", true),
        ("{ \"events\" : [", true),
        ("{\"eventsource\":1}", false),
        ("[{\"time\":1}]", true),
        ("START RequestId", false),
        ("", false),
        ("{", false),
    ];
    for (head, expected) in cases {
        assert_eq!(is_document(head.as_bytes()), expected, "{head:?}");
    }
}

#[test]
fn remarks_of_whole_samples() {
    let remarks = |format: &Format, text: &str| {
        all(format, text).into_iter().flat_map(|record| record.remarks).collect::<std::collections::BTreeSet<_>>()
    };
    let alb = remarks(&Format::AlbAccess, ALB_OWN);
    for expected in [Remark::ClientGone, Remark::NoTarget, Remark::FunctionTarget] {
        assert!(alb.contains(&expected), "{expected:?}");
    }
    let cloudfront = remarks(&Format::CloudFrontStandard, CLOUDFRONT);
    assert_eq!(cloudfront, ["Hit", "OriginDnsError"].map(|result| Remark::CacheResult(result.to_owned())).into());
    assert!(remarks(&Format::ApiGateway(None), APIG).contains(&Remark::Streamed));
}

fn formats() -> Vec<Format> {
    vec![
        Format::AlbAccess,
        Format::AlbConnection,
        Format::ClassicElb,
        Format::NlbTls,
        Format::CloudFrontStandard,
        realtime(),
        Format::ApiGateway(None),
        text_format(),
        Format::Lambda,
        Format::XRay,
    ]
}

fn samples() -> Vec<(Format, &'static str)> {
    vec![
        (Format::AlbAccess, ALB_OWN),
        (Format::AlbConnection, ALB_CONNECTIONS),
        (Format::ClassicElb, CLASSIC),
        (Format::NlbTls, NLB),
        (Format::CloudFrontStandard, CLOUDFRONT_TWO_HEADERS),
        (realtime(), REALTIME),
        (Format::ApiGateway(None), APIG),
        (text_format(), APIG_TEXT),
        (Format::Lambda, LAMBDA_OWN),
        (Format::Lambda, LAMBDA_EVENTS),
        (Format::Lambda, TELEMETRY),
        (Format::XRay, BEANSTALK),
    ]
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let wanted = Wanted::of(&[own(), trace(OWN, &[], &[["x-amzn-requestid", "r"]])]);
        for format in formats() {
            let (records, _) = sift(format, &bytes, &wanted);
            prop_assert!(records.is_empty());
        }
    }

    /// Samples with some bytes changed: near enough to each format to get past its first field.
    #[test]
    fn any_damage_does_no_harm(
        chosen in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let (format, text) = chosen.get(&samples()).clone();
        let mut bytes = text.as_bytes().to_owned();
        for (place, byte) in damage {
            let count = bytes.len();
            bytes[place.index(count)] = byte;
        }
        // An id as short as this makes every line be parsed.
        let wanted = Wanted::of(&[trace(OWN, &[], &[["x-amzn-requestid", "r"]])]);
        let (records, tally) = sift(format, &bytes, &wanted);
        prop_assert!(records.len() as u64 == tally.records);
    }

    #[test]
    fn any_split_into_chunks_gives_the_same_records(
        chosen in any::<prop::sample::Index>(),
        sizes in proptest::collection::vec(1..500_usize, 1..6),
    ) {
        let (format, text) = chosen.get(&samples()).clone();
        let mut wanted = Wanted::of(&[own(), trace("5960260323fc5b688855d396af79b496", &[], &[])]);
        for record in sift(Format::ApiGateway(None), APIG.as_bytes(), &wanted).0 {
            wanted.learn(&record);
        }
        let whole = sift(format.clone(), text.as_bytes(), &wanted);
        let mut records = Vec::new();
        let mut reader = LogReader::new(format);
        reader.read(0, Pieces::of(text.as_bytes(), sizes), &wanted, &mut |record| records.push(record)).unwrap();
        let tally = reader.finish(&wanted, &mut |record| records.push(record));
        prop_assert_eq!((records, tally), whole);
    }
}

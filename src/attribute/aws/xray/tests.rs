//! Breakdowns of documents whose answer is known, and the traps of the format.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::attribute::aws::lines::tests::Pieces;

const BEANSTALK: &str =
    include_str!("../../../../fixtures/aws/xray/xray-docs-beanstalk-lambda-coldstart.batch-get-traces.json");
const PSIZE: &str = include_str!("../../../../fixtures/aws/xray/xray-lambda-coldstart-2018.parsed.json");
const STAGE_SEGMENT: &str = include_str!("../../../../fixtures/aws/xray/xray-docs-apigw-stage-segment.json");
const SUMMARIES: &str = include_str!("../../../../fixtures/aws/xray/xray-docs-get-trace-summaries.json");

const ROOT: &str = "1-58337262-36d228ad5d99923122bbe354";
/// The start of every invented trace.
const EPOCH: f64 = 1_795_235_913.0;

fn read(text: &str) -> (Vec<Record>, usize) {
    let mut collector = Collector::default();
    let mut broken = 0;
    collector.read(0, text.as_bytes(), &|_| true, &mut |_| broken += 1);
    (collector.records().flatten().collect(), broken)
}

/// The five pieces of a call, in milliseconds.
fn breakdown(record: &Record) -> [Option<u64>; 5] {
    let init = if record.claim(Part::LambdaRestore).is_some() { Part::LambdaRestore } else { Part::LambdaInit };
    [Part::LambdaPlacement, init, Part::LambdaGap, Part::LambdaFunction, Part::LambdaTail]
        .map(|part| record.length(part).map(|length| length.get() / 1_000_000))
}

fn lambda_of(records: &[Record]) -> &Record {
    records.iter().find(|record| record.claim(Part::LambdaFunction).is_some()).unwrap()
}

#[test]
fn golden_breakdowns() {
    let cases =
        [("beanstalk", BEANSTALK, [387, 755, 11, 1_740, 2], 2_895), ("psize-35", PSIZE, [561, 12, 4, 0, 2], 579)];
    for (name, text, expected, whole) in cases {
        let (records, broken) = read(text);
        assert_eq!(broken, 0, "{name}");
        let record = lambda_of(&records);
        assert_eq!(breakdown(record), expected.map(Some), "{name}");
        assert_eq!(record.length(Part::LambdaSegment), Some(Nanos::from_millis(whole)), "{name}");
        assert_eq!(expected.iter().sum::<u64>(), whole, "{name}");
        assert!(record.claims.iter().all(|claim| claim.resolution == Nanos::from_millis(1)), "{name}");
    }
}

#[test]
fn the_beanstalk_sample_has_a_service_and_its_function_and_no_duplicates() {
    let (records, _) = read(BEANSTALK);
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.depth, record.request.as_ref().unwrap().by.clone().unwrap(), record.claims[0].part))
        .collect();
    assert_eq!(told, [(0, "Scorekeep".to_owned(), Part::Ec2), (1, "random-name".to_owned(), Part::LambdaSegment)]);
    assert_eq!(records[0].length(Part::Ec2), Some(Nanos::from_millis(3_232)));
    assert_eq!(records[0].request.as_ref().unwrap().method.as_deref(), Some("POST"));
    assert!(records[1].keys.contains(&Key::InvocationId("ac086670-6373-11e7-a174-f31b3397f190".to_owned())));
}

#[test]
fn the_stage_sample_gives_keys_and_the_backends_time() {
    let (records, broken) = read(STAGE_SEGMENT);
    assert_eq!((records.len(), broken), (1, 0));
    let record = &records[0];
    assert_eq!(record.length(Part::ApigResponse), Some(Nanos::from_millis(385)));
    // It ends at 1533928226.6130002: as near to a millisecond as a double can be.
    assert_eq!(record.length(Part::ApigIntegration), Some(Nanos::from_millis(380)));
    assert_eq!(
        record.keys,
        [
            Key::TraceRoot("a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4".parse().unwrap()),
            Key::AmznRequestId("a1b2c3d4-a1b2-a1b2-a1b2-a1b2c3d4e5f6".to_owned()),
            Key::ApigExtendedId("abcde12345abcde=".to_owned()),
        ]
    );
}

#[test]
fn summaries_say_nothing_and_do_no_harm() {
    assert_eq!(read(SUMMARIES), (vec![], 0));
    let both = format!("{SUMMARIES}\n{PSIZE}");
    assert_eq!(read(&both).0.len(), 1);
}

#[test]
fn all_shapes_of_a_trace_are_the_same_trace() {
    let documents: Vec<Value> = serde_json::from_str::<Value>(PSIZE).unwrap()["Segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| segment["Document"].clone())
        .collect();
    let in_strings: Vec<Value> =
        documents.iter().map(|document| json!({"Id": document["id"], "Document": document.to_string()})).collect();
    let as_objects: Vec<Value> =
        documents.iter().map(|document| json!({"Document": document, "Id": document["id"]})).collect();
    let trace = |segments: &[Value]| json!({"Id": ROOT, "Segments": segments, "Duration": 0.5, "LimitExceeded": false});
    let lines = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    let pretty = |value: Value| serde_json::to_string_pretty(&value).unwrap();
    let cases = [
        ("documents in strings", pretty(json!({"Traces": [trace(&in_strings)], "UnprocessedTraceIds": ["x"]}))),
        ("documents as objects", pretty(json!({"Traces": [trace(&as_objects)]}))),
        ("bare segments, an array", Value::from(documents.clone()).to_string()),
        ("bare segments, one a line", lines(&documents)),
        ("segments, one a line, CRLF", lines(&in_strings).replace('\n', "\r\n")),
        ("one after the other", pretty(as_objects[0].clone()) + &pretty(as_objects[1].clone())),
        ("a trace alone", trace(&in_strings).to_string()),
        ("an array of traces", json!([trace(&in_strings[..1]), trace(&in_strings[1..])]).to_string()),
        ("a stored answer in an answer", json!({"Traces": {"Traces": [trace(&in_strings)]}}).to_string()),
        ("twice", lines(&documents).repeat(2)),
    ];
    for (name, text) in cases {
        let (records, broken) = read(&text);
        assert_eq!((records.len(), broken), (1, 0), "{name}");
        assert_eq!(breakdown(&records[0]), [561, 12, 4, 0, 2].map(Some), "{name}");
    }
}

/// A segment or subsegment from `start` to `end`, in milliseconds.
fn part(id: &str, name: &str, start: f64, end: f64, more: &Value) -> Value {
    let mut value = json!({"id": id, "name": name, "start_time": EPOCH + start / 1e3, "end_time": EPOCH + end / 1e3});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

fn segment(id: &str, parent: Option<&str>, origin: &str, start: f64, end: f64, more: &Value) -> Value {
    let mut segment = part(id, id, start, end, &json!({"trace_id": ROOT, "origin": origin, "parent_id": parent}));
    segment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    segment
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn traps_of_a_functions_call() {
    fn service(start: f64, end: f64, more: &Value) -> Value {
        segment("s", None, LAMBDA, start, end, more)
    }
    fn function(parent: &str, start: f64, end: f64, parts: &Value) -> Value {
        segment("f", Some(parent), FUNCTION, start, end, &json!({"subsegments": parts}))
    }
    let none = || json!([]);
    let cases = [
        (
            "warm",
            vec![service(0.0, 30.0, &json!({})), function("s", 5.0, 28.0, &none())],
            [None, None, Some(5), Some(23), Some(2)],
            vec![],
        ),
        (
            "Initialization hangs below the function and lies before it",
            vec![
                service(0.0, 100.0, &json!({})),
                function("s", 60.0, 98.0, &json!([part("i", "Initialization", 20.0, 58.0, &json!({}))])),
            ],
            [Some(20), Some(38), Some(2), Some(38), Some(2)],
            vec![],
        ),
        (
            "Restore in place of it",
            vec![
                service(0.0, 100.0, &json!({})),
                function("s", 60.0, 98.0, &json!([part("i", "Restore", 20.0, 58.0, &json!({}))])),
            ],
            [Some(20), Some(38), Some(2), Some(38), Some(2)],
            vec![],
        ),
        (
            "provisioned: a huge Initialization long before the request",
            vec![
                service(0.0, 30.0, &json!({})),
                function("s", 5.0, 28.0, &json!([part("i", "Initialization", -90_000.0, -80_000.0, &json!({}))])),
            ],
            [None, None, Some(5), Some(23), Some(2)],
            vec![Remark::InitialisedBefore],
        ),
        (
            "Initialization seems to begin before the service's milliseconds do",
            vec![
                service(0.0, 100.0, &json!({})),
                function("s", 60.0, 98.0, &json!([part("i", "Initialization", -0.4, 58.0, &json!({}))])),
            ],
            [Some(0), Some(58), Some(2), Some(38), Some(2)],
            vec![],
        ),
        (
            "Attempt #1 ends after its parent: a call in the background (202)",
            vec![
                service(
                    0.0,
                    30.0,
                    &json!({"http": {"response": {"status": 202}}, "subsegments": [
                        part("d", "Dwell Time", 2.0, 10.0, &json!({})),
                        part("a", "Attempt #1", 10.0, 400.0, &json!({})),
                    ]}),
                ),
                function("a", 12.0, 390.0, &none()),
            ],
            [None, None, Some(12), Some(378), None],
            vec![Remark::Asynchronous],
        ),
        (
            "two attempts: the first one's times",
            vec![
                service(
                    0.0,
                    900.0,
                    &json!({"subsegments": [
                        part("a", "Attempt #1", 10.0, 100.0, &json!({})), part("b", "Attempt #2", 500.0, 890.0, &json!({})),
                    ]}),
                ),
                segment("g", Some("b"), FUNCTION, 510.0, 880.0, &json!({})),
                function("a", 12.0, 90.0, &none()),
            ],
            [None, None, Some(12), Some(78), None],
            vec![Remark::Attempts(2)],
        ),
        (
            "in progress: no end, no length",
            vec![
                {
                    let mut open = service(0.0, 0.0, &json!({"in_progress": true}));
                    open.as_object_mut().unwrap().remove("end_time");
                    open
                },
                function("s", 5.0, 28.0, &none()),
            ],
            [None, None, Some(5), Some(23), None],
            vec![Remark::InProgress],
        ),
        (
            "in progress first, then over",
            vec![
                json!({"id": "s", "trace_id": ROOT, "origin": LAMBDA, "start_time": EPOCH, "in_progress": true}),
                service(0.0, 30.0, &json!({})),
                function("s", 5.0, 28.0, &none()),
            ],
            [None, None, Some(5), Some(23), Some(2)],
            vec![],
        ),
        (
            "inferred duplicates",
            vec![
                service(0.0, 30.0, &json!({})),
                function("s", 5.0, 28.0, &none()),
                segment("x", Some("f"), "AWS::DynamoDB::Table", 6.0, 7.0, &json!({"inferred": true})),
            ],
            [None, None, Some(5), Some(23), Some(2)],
            vec![],
        ),
        (
            "the function's clock stepped back: no negative length",
            vec![service(0.0, 30.0, &json!({})), function("s", 28.0, 5.0, &none())],
            [None, None, Some(28), None, Some(25)],
            vec![],
        ),
        (
            "callers in a circle",
            vec![segment("s", Some("f"), LAMBDA, 0.0, 30.0, &json!({})), function("s", 5.0, 28.0, &none())],
            [None, None, Some(5), Some(23), Some(2)],
            vec![],
        ),
        (
            "the service's segment is missing",
            vec![function("s", 60.0, 98.0, &json!([part("i", "Initialization", 20.0, 58.0, &json!({}))]))],
            [None, Some(38), Some(2), Some(38), None],
            vec![],
        ),
    ];
    for (name, segments, expected, remarks) in cases {
        let (records, broken) = read(&Value::from(segments).to_string());
        assert_eq!((records.len(), broken), (1, 0), "{name}: {records:?}");
        assert_eq!(breakdown(&records[0]), expected, "{name}");
        assert_eq!(records[0].remarks, remarks, "{name}");
    }
}

#[test]
fn handler_and_overhead_are_told_in_microseconds() {
    let segments = json!([
        segment("s", None, LAMBDA, 0.0, 300.0, &json!({})),
        segment(
            "f",
            Some("s"),
            FUNCTION,
            5.25,
            203.5,
            &json!({"subsegments": [
                part("i", "Invocation", 5.5, 202.125, &json!({})), part("o", "Overhead", 202.25, 203.375, &json!({})),
            ]})
        ),
    ]);
    let (records, _) = read(&segments.to_string());
    for (part, micros) in
        [(Part::LambdaInvocation, 196_625), (Part::LambdaOverhead, 1_125), (Part::LambdaFunction, 198_250)]
    {
        let claim = records[0].claim(part).unwrap();
        assert!(claim.duration.get().abs_diff(micros * 1_000) <= 500, "{claim:?}");
        assert_eq!(claim.resolution, Nanos::from_micros(1));
    }
}

#[test]
fn who_called_whom_is_told_by_depth_and_authorizers_functions_are_theirs() {
    let segments = json!([
        segment(
            "stage",
            Some("0123456789abcdef"),
            STAGE,
            0.0,
            200.0,
            &json!({"subsegments": [
                part("auth", "Authorizer", 1.0, 20.0, &json!({"namespace": "aws"})),
                part("call", "Lambda", 22.0, 198.0, &json!({"namespace": "aws"})),
            ]})
        ),
        segment("guard", Some("auth"), LAMBDA, 2.0, 19.0, &json!({})),
        segment("guard-f", Some("guard"), FUNCTION, 3.0, 18.0, &json!({})),
        segment("outer", Some("call"), LAMBDA, 23.0, 197.0, &json!({})),
        segment(
            "outer-f",
            Some("outer"),
            FUNCTION,
            25.0,
            195.0,
            &json!({"subsegments": [
                part("deep", "Lambda", 30.0, 90.0, &json!({"namespace": "aws"})),
            ]})
        ),
        segment("inner", Some("deep"), LAMBDA, 31.0, 89.0, &json!({})),
        segment("box", Some("outer-f"), "AWS::ECS::Fargate", 100.0, 120.0, &json!({})),
        segment("machine", Some("outer-f"), "AWS::EC2::Instance", 130.0, 140.0, &json!({})),
        segment("unheard-of", Some("outer-f"), "AWS::Something::New", 150.0, 160.0, &json!({})),
    ]);
    let (records, _) = read(&segments.to_string());
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let by = record.request.as_ref().unwrap().by.clone().unwrap();
            (record.depth, by, record.claims.iter().map(|claim| claim.part).collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        (0, "stage", vec![Part::ApigResponse, Part::ApigIntegration, Part::ApigAuthorizer]),
        (1, "outer", vec![Part::LambdaSegment, Part::LambdaGap, Part::LambdaFunction, Part::LambdaTail]),
        (2, "inner", vec![Part::LambdaSegment]),
        (2, "box", vec![Part::Fargate]),
        (2, "machine", vec![Part::Ec2]),
        (2, "unheard-of", vec![Part::Service]),
    ];
    assert_eq!(told, expected.map(|(depth, by, parts)| (depth, by.to_owned(), parts)));
}

#[test]
fn only_wanted_traces_stay_and_broken_lines_cost_themselves() {
    let mut collector = Collector::default();
    let other = segment("s", None, LAMBDA, 0.0, 1.0, &json!({}))
        .to_string()
        .replace(ROOT, "1-00000001-36d228ad5d99923122bbe354");
    let own = segment("s", None, LAMBDA, 0.0, 1.0, &json!({})).to_string();
    let text = format!("{other}\n{{\"id\": oh}}\n{own}\n{{\"id\":");
    let wanted = crate::attribute::root::x_ray_root(ROOT.as_bytes()).unwrap();
    let mut broken = Vec::new();
    collector.read(3, text.as_bytes(), &|root| root == wanted, &mut |problem| {
        if let Broken::Document(number, _) = problem {
            broken.push(number);
        }
    });
    assert_eq!(broken, [2, 4]);
    let records: Vec<_> = collector.records().flatten().collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].at, Where { file: 3, line: 2 });
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut collector = Collector::default();
        collector.read(0, &bytes[..], &|_| true, &mut |_| {});
        prop_assert!(collector.records().flatten().all(|record| record.source == Source::XRay));
    }

    /// Documents with anything in place of what should be there.
    #[test]
    fn any_values_do_no_harm(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let odd = [json!(null), json!(-1), json!(1e300), json!("x"), json!([]), json!({}), json!(true), json!(0)];
        let mut segments: Vec<Value> = vec![
            segment("s", Some("f"), LAMBDA, 0.0, 30.0, &json!({"aws": {}, "http": {}})),
            segment("f", Some("s"), FUNCTION, 5.0, 28.0, &json!({"subsegments": [part("i", "Initialization", 1.0, 2.0, &json!({}))]})),
        ];
        for (place, value) in places {
            let count = segments.len();
            let fields = segments[place.index(count)].as_object_mut().unwrap();
            let key = fields.keys().nth(place.index(fields.len())).unwrap().clone();
            fields.insert(key, value.get(&odd).clone());
        }
        let (records, _) = read(&Value::from(segments).to_string());
        prop_assert!(records.len() <= 2);
    }

    #[test]
    fn any_split_into_chunks_gives_the_same_records(sizes in proptest::collection::vec(1..700_usize, 1..6)) {
        let mut collector = Collector::default();
        let input = std::io::BufReader::with_capacity(64, Pieces::of(BEANSTALK.as_bytes(), sizes));
        collector.read(0, input, &|_| true, &mut |_| {});
        prop_assert_eq!(collector.records().flatten().collect::<Vec<_>>(), read(BEANSTALK).0);
    }
}

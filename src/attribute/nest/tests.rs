//! Every rule, on waits of 100 ms of which 16 are a round trip, unless a row says otherwise.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::attribute::specimens::trace;
use crate::attribute::statement::{Covers, Joined, Origin};
use crate::trace::LayerEvidence::{self, AlbLog, ApigLog, CloudFrontLog, Header, LambdaLog, ServerTiming, XRay};
use crate::trace::layers::RejectedBecause;

const MS: u64 = 1_000_000;

/// A length in microseconds by a witness whose record is its own, in steps of a millisecond (X-Ray: of a microsecond).
fn state(says: Says, micros: u64, evidence: LayerEvidence) -> Statement {
    let resolution = match evidence {
        XRay => Nanos::from_micros(1),
        LambdaLog => Nanos::from_micros(10),
        _ => Nanos::from_millis(1),
    };
    let number = evidence as usize;
    let record = Origin { number, at: format!("{evidence}:1"), joined: Joined::ById, depth: None };
    let from_record = !matches!(evidence, ServerTiming | Header);
    Statement {
        says,
        duration: Nanos::from_micros(micros),
        resolution,
        evidence,
        field: "",
        record: from_record.then_some(record),
        covers: Covers::FirstByte,
    }
}

fn whole(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Inclusive(layer.parse().unwrap()), micros, evidence)
}

fn behind(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Behind(layer.parse().unwrap()), micros, evidence)
}

fn part(layer: &str, micros: u64, evidence: LayerEvidence) -> Statement {
    state(Says::Part(layer.parse().unwrap()), micros, evidence)
}

fn on_path(path: &[&str]) -> Value {
    if path.is_empty() { json!({}) } else { json!({"path": path}) }
}

/// Layers with their own times in microseconds, and the parent of each after a `<`.
fn shown(layers: &Layers) -> String {
    let shown = |share: &crate::trace::LayerShare| {
        let within = share.within.as_ref().map_or(String::new(), |within| format!("<{within}"));
        let estimated = if share.estimated { "~" } else { "" };
        let includes: String = share.includes.iter().flat_map(|layer| ["+", layer.as_str()]).collect();
        format!("{}{includes}{within} {estimated}{}", share.layer, share.duration.get() / 1_000)
    };
    layers.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn check(path: &[&str], statements: Vec<Statement>, expect: &str) {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(path));
    let nested = nest(&trace, statements, None);
    assert_eq!(shown(&nested.layers), expect, "{path:?} {:?}", nested.rejected);
    assert_eq!(nested.rejected, [], "{path:?}");
    assert_eq!(nested.layers.sum(), Nanos::from_millis(100));
}

fn rejects(path: &[&str], statements: Vec<Statement>, expect: &str, because: &[(LayerEvidence, &str)]) -> Nested {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(path));
    let nested = nest(&trace, statements, None);
    assert_eq!(shown(&nested.layers), expect, "{path:?} {:?}", nested.rejected);
    let reasons: Vec<_> =
        nested.rejected.iter().map(|rejected| (rejected.evidence, rejected.because.as_str())).collect();
    assert_eq!(reasons, because, "{path:?}");
    nested
}

fn alb(request: u64, target: u64, response: u64) -> Vec<Statement> {
    let mut sum = whole("elb", request + target + response, AlbLog);
    sum.resolution = Nanos::from_millis(3);
    vec![sum, behind("elb", target, AlbLog)]
}

#[test]
fn every_path_of_warm_requests() {
    check(&["ec2"], vec![whole("ec2", 80_000, XRay)], "network ~16000, ec2 80000, unattributed 4000");
    check(&["elb", "ec2"], alb(1_000, 70_000, 1_000), "network ~16000, elb 2000, ec2<elb 70000, unattributed 12000");
    check(
        &["cloudfront", "ec2"],
        vec![whole("cloudfront", 80_000, CloudFrontLog), behind("cloudfront", 70_000, ServerTiming)],
        "network ~16000, cloudfront 10000, ec2<cloudfront 70000, unattributed 4000",
    );
    let apig = |backend: u64| vec![whole("apig", 80_000, ApigLog), behind("apig", backend, ApigLog)];
    let lambda = [apig(70_000), vec![part("lambda.handler", 60_120, LambdaLog)]].concat();
    let expect =
        "network ~16000, apig 10000, lambda.invoke<apig 9880, lambda.handler<lambda.invoke 60120, unattributed 4000";
    check(&["apig", "lambda"], lambda.clone(), expect);
    // Without a path, evidence makes one.
    check(&[], lambda, expect);
    check(
        &["apig", "elb", "ec2"],
        [apig(70_000), alb(1_000, 60_000, 2_000)].concat(),
        "network ~16000, apig 10000, elb<apig 3000, ec2<elb 60000, unattributed 11000",
    );
    check(&["apig", "service"], apig(70_000), "network ~16000, apig 10000, service<apig 70000, unattributed 4000");
    check(
        &["function-url", "lambda"],
        vec![whole("lambda", 70_000, XRay), part("lambda.handler", 60_000, XRay)],
        "network ~16000, lambda.invoke 10000, lambda.handler<lambda.invoke 60000, unattributed 14000",
    );
    check(
        &["elb", "lambda"],
        [alb(1_000, 70_000, 1_000), vec![part("lambda.handler", 60_000, LambdaLog)]].concat(),
        "network ~16000, elb 2000, lambda.invoke<elb 10000, lambda.handler<lambda.invoke 60000, unattributed 12000",
    );
}

#[test]
fn cold_starts() {
    let apig = || vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog)];
    let report = || vec![part("lambda.handler", 20_000, LambdaLog), part("lambda.init", 15_000, LambdaLog)];
    let segment = || {
        vec![
            whole("lambda", 68_000, XRay),
            part("lambda.placement", 25_000, XRay),
            part("lambda.init", 15_100, XRay),
            part("lambda.handler", 20_001, XRay),
        ]
    };
    // With X-Ray, its finer digits count, and what its parts leave of what API Gateway waited is Lambda's own.
    check(
        &["apig", "lambda"],
        [apig(), report(), segment()].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 9899, lambda.placement<lambda.invoke 25000, \
         lambda.init<lambda.invoke 15100, lambda.handler<lambda.invoke 20001, unattributed 4000",
    );
    // Without it, the placement is what nobody saw.
    check(
        &["apig", "lambda"],
        [apig(), report()].concat(),
        "network ~16000, apig 10000, lambda.placement<apig ~35000, lambda.init<apig 15000, lambda.handler<apig 20000, \
         unattributed 4000",
    );
    // Nobody says how long Lambda took as a whole: only what is known is carved out.
    check(
        &["function-url", "lambda"],
        report(),
        "network ~16000, lambda.init 15000, lambda.handler 20000, unattributed 49000",
    );
    let restored = vec![part("lambda.handler", 20_000, LambdaLog), part("lambda.restore", 15_000, LambdaLog)];
    check(
        &["apig", "lambda"],
        [apig(), restored].concat(),
        "network ~16000, apig 10000, lambda.placement<apig ~35000, lambda.restore<apig 15000, lambda.handler<apig 20000, \
         unattributed 4000",
    );
    // A sandbox that was made long before: its initialisation does not fit, and the request was warm.
    let provisioned = vec![part("lambda.handler", 60_000, LambdaLog), part("lambda.init", 90_000, LambdaLog)];
    let nested = rejects(
        &["apig", "lambda"],
        [apig(), provisioned].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
        &[(LambdaLog, "longer_than_outer")],
    );
    assert_eq!(nested.rejected[0].layer, Some(Layer::LambdaInit));
    let long_ago = vec![part("lambda.handler", 60_000, LambdaLog), part("lambda.init", 3_000_000, LambdaLog)];
    rejects(
        &["apig", "lambda"],
        [apig(), long_ago].concat(),
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
        &[(LambdaLog, "longer_than_wait")],
    );
}

#[test]
fn api_gateways_parts() {
    check(
        &["apig", "lambda"],
        vec![
            whole("apig", 80_000, ApigLog),
            behind("apig", 50_000, ApigLog),
            part("apig.waf", 3_000, ApigLog),
            part("apig.authorizer", 20_000, ApigLog),
        ],
        "network ~16000, apig 7000, apig.waf<apig 3000, apig.authorizer<apig 20000, lambda<apig 50000, unattributed 4000",
    );
    // Without its own whole, its parts stand by themselves.
    check(
        &["apig", "lambda"],
        vec![behind("apig", 50_000, ApigLog), part("apig.waf", 3_000, ApigLog)],
        "network ~16000, apig.waf 3000, lambda 50000, unattributed 31000",
    );
}

#[test]
fn what_has_no_evidence_is_absent_and_never_split() {
    let nothing = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["elb", "ec2"]));
    assert_eq!(nest(&nothing, vec![], None), Nested::default());
    // Whose time a balancer waited for, where nothing says what is behind it.
    check(&[], alb(1_000, 70_000, 1_000), "network ~16000, elb 2000, target<elb 70000, unattributed 12000");
    // Two layers behind the gateway, and nothing that tells them apart.
    check(
        &["apig", "elb", "ec2"],
        vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog)],
        "network ~16000, apig 10000, target+elb+ec2<apig 70000, unattributed 4000",
    );
    // The one between two clocks is what lies between them.
    check(
        &["apig", "elb", "ec2"],
        vec![whole("apig", 80_000, ApigLog), behind("apig", 70_000, ApigLog), whole("ec2", 60_000, XRay)],
        "network ~16000, apig 10000, elb<apig 10000, ec2<elb 60000, unattributed 4000",
    );
    // Only the outermost speaks: what is behind it is in its time.
    check(
        &["cloudfront", "elb", "ec2"],
        vec![whole("cloudfront", 80_000, CloudFrontLog)],
        "network ~16000, cloudfront+elb+ec2 80000, unattributed 4000",
    );
    // Only the innermost does.
    check(
        &["cloudfront", "elb", "ec2"],
        vec![whole("ec2", 60_000, XRay)],
        "network ~16000, ec2 60000, unattributed 24000",
    );
    // An edge that answered from its cache asked nobody.
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["cloudfront", "ec2"]));
    let hit = nest(&trace, vec![whole("cloudfront", 1_000, CloudFrontLog)], Some(&Layer::CloudFront));
    assert_eq!(shown(&hit.layers), "network ~16000, cloudfront 1000, unattributed 83000");
    // What a function calls is its own time.
    check(
        &["apig", "lambda"],
        vec![
            whole("apig", 80_000, ApigLog),
            behind("apig", 70_000, ApigLog),
            part("lambda.handler", 60_000, LambdaLog),
            whole("service", 30_000, XRay),
        ],
        "network ~16000, apig 10000, lambda.invoke<apig 10000, lambda.handler<lambda.invoke 60000, unattributed 4000",
    );
}

#[test]
fn what_lies_between_two_clocks_is_neither_layers() {
    check(
        &["elb", "ec2"],
        [alb(1_000, 70_000, 1_000), vec![whole("ec2", 60_000, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 60000, unattributed 22000",
    );
    // AWS's own example of Server-Timing does not add up either, and nothing makes it.
    check(
        &["cloudfront", "elb", "ec2"],
        [
            vec![whole("cloudfront", 84_000, ServerTiming), behind("cloudfront", 77_000, ServerTiming)],
            alb(1_000, 40_000, 1_000),
        ]
        .concat(),
        "network ~16000, cloudfront 7000, cloudfront.origin<cloudfront 35000, elb<cloudfront 2000, ec2<elb 40000",
    );
}

#[test]
fn slack_goes_to_the_network_first_and_is_never_negative() {
    let network = |server: u64, expect: &str| check(&["ec2"], vec![whole("ec2", server, AlbLog)], expect);
    network(84_000, "network ~16000, ec2 84000");
    network(90_000, "network ~10000, ec2 90000");
    network(100_000, "network ~0, ec2 100000");
    // Within the last digit of the log and the wait's own error: clamped.
    network(101_000, "network ~0, ec2 100000");
    rejects(&["ec2"], vec![whole("ec2", 101_002, AlbLog)], "", &[(AlbLog, "longer_than_wait")]);
    // A wrong record is wrong in all it says of its layer, and in nothing that another one says.
    rejects(
        &["elb", "ec2"],
        [alb(1_000, 400_000, 1_000), vec![whole("ec2", 60_000, XRay)]].concat(),
        "network ~16000, ec2 60000, unattributed 24000",
        &[(AlbLog, "longer_than_wait")],
    );
    // The round trip of this very wait is no estimate; packets that were sent again come before it.
    let wait = json!({"network_ns": 16 * MS, "server_ns": 34 * MS, "server_low_ns": 0, "server_high_ns": 84 * MS,
        "retransmission_ns": 50 * MS, "method": "request_ack"});
    let lossy = trace("https://example.com/", 16 * MS, 84 * MS, &json!({"wait": wait}));
    for (server, expect) in [
        (30_000, "network 16000, retransmission 50000, ec2 30000, unattributed 4000"),
        (40_000, "network ~10000, retransmission 50000, ec2 40000"),
        (70_000, "network ~0, retransmission 30000, ec2 70000"),
    ] {
        assert_eq!(shown(&nest(&lossy, vec![whole("ec2", server, XRay)], None).layers), expect);
    }
    // At the server there is no network; without any round trip, nothing is known of it.
    let at_server = json!({"network_ns": 0, "server_ns": 100 * MS, "server_low_ns": 0, "server_high_ns": 100 * MS, "method": "at_server"});
    for wait in [at_server, Value::Null] {
        let trace = trace("https://example.com/", 16 * MS, 84 * MS, &json!({"wait": wait}));
        let nested = nest(&trace, vec![whole("ec2", 60_000, XRay)], None);
        assert_eq!(shown(&nested.layers), "ec2 60000, unattributed 40000");
    }
}

#[test]
fn of_two_that_contradict_each_other_one_goes_with_the_reason() {
    // The inner one, as a rule.
    let nested = rejects(
        &["elb", "ec2"],
        [alb(1_000, 50_000, 1_000), vec![whole("ec2", 70_000, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 50000, unattributed 32000",
        &[(XRay, "longer_than_outer")],
    );
    let because = RejectedBecause::LongerThanOuter {
        duration: Nanos::from_millis(70),
        outer: Layer::Ec2,
        outer_duration: Nanos::from_millis(50),
    };
    assert_eq!((&nested.rejected[0].layer, &nested.rejected[0].because), (&Some(Layer::Ec2), &because));
    // Within both last digits there is no contradiction.
    check(
        &["elb", "ec2"],
        [alb(1_000, 50_000, 1_000), vec![whole("ec2", 50_900, XRay)]].concat(),
        "network ~16000, elb 2000, ec2<elb 50000, unattributed 32000",
    );
    // The outer one, where it was only guessed to be this request's.
    let mut guessed = alb(1_000, 50_000, 1_000);
    for statement in &mut guessed {
        statement.record.as_mut().unwrap().joined = Joined::ByAddress;
    }
    rejects(
        &["elb", "ec2"],
        [guessed, vec![whole("ec2", 70_000, XRay)]].concat(),
        "network ~16000, ec2 70000, unattributed 14000",
        &[(AlbLog, "shorter_than_inner")],
    );
    // The outer one, where it stands alone against several.
    rejects(
        &["cloudfront", "elb", "ec2"],
        [vec![whole("cloudfront", 20_000, CloudFrontLog), whole("elb", 70_100, XRay)], alb(1_000, 68_000, 1_000)]
            .concat(),
        "network ~16000, elb 2100, ec2<elb 68000, unattributed 13900",
        &[(CloudFrontLog, "shorter_than_inner")],
    );
}

#[test]
fn a_stream_is_no_part_of_the_wait() {
    let mut stream = behind("apig", 50_000, ApigLog);
    stream.covers = Covers::Stream;
    rejects(
        &["apig", "lambda"],
        vec![whole("apig", 80_000, ApigLog), stream],
        "network ~16000, apig+lambda 80000, unattributed 4000",
        &[(ApigLog, "streamed")],
    );
}

#[test]
fn an_upload_makes_a_balancers_times_loose() {
    let request = json!({"version": "HTTP/1.1", "headers": [], "body_bytes": 100_000, "header_bytes": 90});
    let mut upload =
        trace("https://example.com/", 16 * MS, 84 * MS, &json!({"request": request, "path": ["elb", "ec2"]}));
    let send = |duration: u64| {
        let mut value = serde_json::to_value(&upload).unwrap();
        value["total_ns"] = json!(16 * MS + duration + 100 * MS);
        value["phases"] = json!([
            {"phase": "connect", "start_ns": 0, "duration_ns": 16 * MS, "evidence": "kernel", "error_ns": 0},
            {"phase": "send", "start_ns": 16 * MS, "duration_ns": duration, "evidence": "kernel", "error_ns": 0},
            {"phase": "wait", "start_ns": 16 * MS + duration, "duration_ns": 100 * MS, "evidence": "kernel", "error_ns": 0},
        ]);
        serde_json::from_value(value).unwrap()
    };
    let (short, long): (Trace, Trace) = (send(1_000), send(60 * MS));
    upload = long;
    let nested = nest(&upload, alb(1_000, 140_000, 1_000), None);
    assert_eq!(shown(&nested.layers), "network ~0, elb ~0, ec2<elb ~100000");
    assert!(nest(&short, alb(1_000, 140_000, 1_000), None).layers.is_empty());
}

#[test]
fn witnesses_stand_side_by_side_and_the_finest_counts() {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["apig", "lambda"]));
    let statements = vec![
        whole("apig", 80_000, ApigLog),
        whole("apig", 79_420, XRay),
        behind("apig", 70_000, ApigLog),
        part("lambda.handler", 60_120, LambdaLog),
        part("lambda.handler", 60_007, XRay),
    ];
    let layers = nest(&trace, statements, None).layers;
    let handler = layers.share(&Layer::LambdaHandler).unwrap();
    let said: Vec<_> =
        handler.witnesses.iter().map(|witness| (witness.evidence, witness.duration.get() / 1_000)).collect();
    assert_eq!(said, [(XRay, 60_007), (LambdaLog, 60_120)]);
    let apig = layers.share(&Layer::Apig).unwrap();
    assert_eq!((apig.evidence, apig.inclusive, apig.witnesses.len()), (XRay, Some(Nanos::from_micros(79_420)), 2));
    // What is computed from two lengths may be off by the last digits of both.
    assert_eq!(apig.resolution, Some(Nanos::from_micros(1_001)));
    assert_eq!(apig.witnesses[1].at.as_deref(), Some("apig log:1"));
}

#[test]
fn a_balancers_rest_has_the_digits_of_its_own_two_times() {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["elb", "ec2"]));
    let layers = nest(&trace, alb(1_000, 70_000, 1_000), None).layers;
    assert_eq!(layers.share(&Layer::Elb).unwrap().resolution, Some(Nanos::from_millis(2)));
}

#[test]
fn a_place_in_time_is_an_interval() {
    let trace = trace("https://example.com/", 16 * MS, 84 * MS, &on_path(&["apig", "lambda"]));
    let statements = vec![
        whole("apig", 80_000, ApigLog),
        behind("apig", 70_000, ApigLog),
        part("lambda.placement", 20_000, XRay),
        part("lambda.init", 10_000, XRay),
        part("lambda.handler", 30_000, XRay),
    ];
    let layers = nest(&trace, statements, None).layers;
    // The wait starts after 16.04 ms; half a round trip is 8; 4 are left when API Gateway has its 80.
    for (layer, low, high) in [
        ("apig", 24_040, 28_040),
        ("lambda.invoke", 24_040, 38_040),
        ("lambda.placement", 24_040, 48_040),
        ("lambda.init", 44_040, 68_040),
        ("lambda.handler", 54_040, 78_040),
    ] {
        let share = layers.share(&layer.parse().unwrap()).unwrap();
        let place = [share.start_low, share.start_high].map(|at| at.unwrap().get() / 1_000);
        assert_eq!(place, [low, high], "{layer}");
    }
    assert_eq!(layers.share(&Layer::Network).unwrap().start_low, None);
}

#[test]
fn what_is_passed_on_is_the_digits_of_the_sample_documents() {
    // Sandbox and download, initialisation, gap, function, tail, as X-Ray's samples have them, in a wait of their length.
    for (parts, expect) in [
        (
            [387, 755, 11, 1_740, 2],
            "lambda.invoke 13000, lambda.placement<lambda.invoke 387000, \
            lambda.init<lambda.invoke 755000, lambda.handler<lambda.invoke 1740000",
        ),
        (
            [561, 12, 4, 0, 2],
            "lambda.invoke 6000, lambda.placement<lambda.invoke 561000, lambda.init<lambda.invoke 12000, \
            lambda.handler<lambda.invoke 0",
        ),
    ] {
        let total: u64 = parts.iter().sum();
        let trace = trace("https://example.com/", 0, total * MS, &json!({"wait": null}));
        let [placement, init, _, handler, _] = parts.map(|part| part * 1_000);
        let statements = vec![
            whole("lambda", total * 1_000, XRay),
            part("lambda.placement", placement, XRay),
            part("lambda.init", init, XRay),
            part("lambda.handler", handler, XRay),
        ];
        assert_eq!(shown(&nest(&trace, statements, None).layers), expect);
    }
}

#[test]
fn an_application_that_states_its_own_time_is_a_witness_of_the_last_layer() {
    let says = |micros| state(Says::Innermost, micros, Header);
    check(&["ec2"], vec![says(60_000)], "network ~16000, ec2 60000, unattributed 24000");
    check(&[], vec![says(60_000)], "network ~16000, target 60000, unattributed 24000");
    check(
        &["elb", "ec2"],
        [alb(1_000, 70_000, 1_000), vec![says(60_000)]].concat(),
        "network ~16000, elb 2000, ec2<elb 70000, unattributed 12000",
    );
}

#[test]
fn a_request_that_failed_has_no_wait_to_split() {
    let failed = trace("https://example.com/", 1, 1, &json!({"response": null}));
    assert_eq!(nest(&failed, vec![whole("ec2", 1, XRay)], None), Nested::default());
}

fn any_says() -> impl Strategy<Value = Says> {
    let layer =
        proptest::sample::select(Layer::KNOWN).prop_filter("is computed", |layer| *layer != Layer::Unattributed);
    let layer = prop_oneof![4 => layer, 1 => Just(Layer::Named("nginx".to_owned()))];
    prop_oneof![
        layer.clone().prop_map(Says::Inclusive),
        layer.clone().prop_map(Says::Behind),
        layer.prop_map(Says::Part),
        Just(Says::Innermost),
    ]
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let evidence = proptest::sample::select(vec![AlbLog, ApigLog, CloudFrontLog, LambdaLog, XRay, ServerTiming]);
    (any_says(), 0..300_000_u64, evidence, 0..4_usize, any::<bool>(), 0..5_u8).prop_map(
        |(says, micros, evidence, number, strong, stream)| {
            let mut statement = state(says, micros, evidence);
            if let Some(record) = &mut statement.record {
                record.number = number;
                record.joined = if strong { Joined::ById } else { Joined::ByAddress };
                record.depth = u32::try_from(number).ok().filter(|_| strong);
            }
            statement.covers = if stream == 0 { Covers::Stream } else { Covers::FirstByte };
            statement
        },
    )
}

proptest! {
    #[test]
    fn own_times_sum_to_the_wait_whatever_is_claimed(
        statements in proptest::collection::vec(any_statement(), 0..12),
        (network, server) in (0..50 * MS, 0..250 * MS),
        path in proptest::sample::subsequence(vec!["cloudfront", "apig", "elb", "lambda", "ec2", "nginx"], 0..5).prop_shuffle(),
        lost in proptest::option::of(0..400 * MS),
        answered in proptest::option::of(proptest::sample::select(Layer::KNOWN)),
    ) {
        let wait = json!({"network_ns": network, "server_ns": server, "server_low_ns": 0, "server_high_ns": server,
            "method": "min_rtt", "retransmission_ns": lost});
        let mut more = on_path(&path);
        more["wait"] = wait;
        let trace = trace("https://example.com/", network, server, &more);
        let given = statements.len();
        let nested = nest(&trace, statements, answered.as_ref());
        prop_assert!(nested.rejected.len() <= given);
        if !nested.layers.is_empty() {
            prop_assert_eq!(nested.layers.sum(), Nanos::new(network + server));
        }
        for share in &nested.layers {
            prop_assert!(share.start_low <= share.start_high, "{:?}", share);
            let end = share.start_low.map(|low| low + share.inclusive.unwrap_or(share.duration));
            prop_assert!(end.is_none_or(|end| end <= Nanos::new(16_040_000 + network + server)), "{:?}", share);
        }
        let written = serde_json::to_string(&nested.layers).unwrap();
        prop_assert_eq!(serde_json::from_str::<Layers>(&written).unwrap(), nested.layers);
    }
}

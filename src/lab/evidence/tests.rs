//! Every format, to the letter.

use serde_json::Value;

use super::*;
use crate::lab::connection::{Connection, TlsSession};
use crate::lab::lambda::{Placement, Start};
use crate::lab::served::Call;
use crate::lab::served::specimen::{given_up, through_apig, through_clb, through_cloudfront, through_elb};
use crate::time::{Nanos, Timestamp};

fn check(log: Log, served: &Served, profile: &str, expect: &str) {
    let profile = Profile::parse(profile, "test.toml").unwrap();
    assert_eq!(log.of_request(served, &profile), expect, "{log:?}");
}

/// What the first layer called did not answer.
fn unreachable(mut served: Served) -> Served {
    let part = &mut served.layers[0];
    part.status = Some(502);
    part.call = part.call.map(|call| Call { first_byte: None, total: Some(Nanos::from_millis(3)), ..call });
    served
}

fn json(log: Log, served: &Served) -> Vec<Value> {
    let text = log.of_request(served, &Profile::default());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const ALB: &str = "h2 2026-11-21T12:30:00.070000Z app/lab-elb/50dc6c495c0c9188 127.0.0.1:40000 127.0.0.1:80 0.005 0.060 0.005 \
    200 200 120 50 \"GET https://elb.lab.test:8443/a?b=\\x22c\\x22 HTTP/2.0\" \"wirefall/1 trace/67400000\" \
    TLS_AES_256_GCM_SHA384 TLSv1.3 \
    arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/lab-elb/73e2d6bc24d8a067 \
    \"Self=1-67400000-ffffffffffffffffffffffff;Root=1-67400000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1\" \
    \"elb.lab.test\" \"arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012\" 0 \
    2026-11-21T12:30:00.000000Z \"forward\" \"-\" \"-\" \"127.0.0.1:80\" \"200\" \"-\" \"-\" \
    TID_0000000000000000000000000000001a \"-\" \"-\" \"-\" 127.0.0.1\n";

#[test]
fn a_load_balancer_logs_what_passed_it() {
    check(Log::AlbAccess, &through_elb(), "", ALB);
    check(Log::AlbAccess, &through_cloudfront(), "", "");
    let ahead = ALB.replace("12:30:00.0", "12:30:05.0");
    check(Log::AlbAccess, &through_elb(), "skew_ms.elb = 5000\nskew_ms.apig = -5000", &ahead);
    let gone = ALB
        .replace("0.005 0.060 0.005 200 200 120 50", "0.005 -1 -1 460 - 120 0")
        .replace(".070000Z app", ".030000Z app")
        .replace("\"127.0.0.1:80\" \"200\"", "\"127.0.0.1:80\" \"-\"");
    check(Log::AlbAccess, &given_up(through_elb()), "", &gone);
    let unanswered = ALB.replace("0.060 0.005 200 200", "-1 -1 502 -").replace("80\" \"200\"", "80\" \"-\"");
    check(Log::AlbAccess, &unreachable(through_elb()), "", &unanswered);
    let mut redirect = through_elb();
    redirect.layers[0].call = None;
    redirect.layers[0].status = Some(302);
    let text = Log::AlbAccess.of_request(&redirect, &Profile::default());
    assert!(
        text.contains(" 127.0.0.1:40000 - -1 -1 -1 302 - 120 50 ") && text.contains(" \"redirect\" \"https"),
        "{text}"
    );
}

#[test]
fn a_load_balancer_logs_its_handshakes() {
    let cipher = "ECDHE-ECDSA-AES128-GCM-SHA256".to_owned();
    let tls = TlsSession { protocol: "TLSv1.2", cipher, server_name: None, alpn: None };
    let mut handshake = Handshake {
        layer: "elb",
        station: "elb",
        accepted_at: Timestamp::from_nanos(1_795_264_200_000_000_000),
        took: Nanos::from_micros(16_700),
        client: "[::1]:4000".parse().unwrap(),
        connection: Connection { id: 0x1a, port: 8443, tls: Some(tls) },
    };
    let line = "2026-11-21T12:30:00.016700Z ::1 4000 8443 TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 0.017 \"-\" - - - \
                TID_0000000000000000000000000000001a\n";
    assert_eq!(Log::AlbConnections.of_handshake(&handshake, &Profile::default()), line);
    for (layer, station) in [("cloudfront", "cloudfront"), ("elb", "clb"), ("elb", "nlb")] {
        (handshake.layer, handshake.station) = (layer, station);
        assert_eq!(Log::AlbConnections.of_handshake(&handshake, &Profile::default()), "", "{station}");
    }
}

const CLB: &str = "2026-11-21T12:30:00.000000Z lab-clb 127.0.0.1:40000 127.0.0.1:80 0.000086 0.061048 0.002203 200 200 7 20 \
    \"GET https://clb.lab.test:8443/a?b=\\x22c\\x22 HTTP/1.1\" \"wirefall/1 trace/67400000\" \
    ECDHE-ECDSA-AES256-GCM-SHA384 TLSv1.2\n";

#[test]
fn a_classic_load_balancer_logs_what_it_received() {
    check(Log::ClbAccess, &through_clb(), "", CLB);
    check(Log::ClbAccess, &through_clb(), "skew_ms.elb = -5000", &CLB.replace("12:30:00", "12:29:55"));
    let gone = CLB.replace("0.061048 0.002203 200 200 7 20", "-1 -1 0 0 7 0");
    check(Log::ClbAccess, &given_up(through_clb()), "", &gone);
    let unanswered = CLB.replace("0.061048 0.002203 200 200", "-1 -1 502 0");
    check(Log::ClbAccess, &unreachable(through_clb()), "", &unanswered);
}

#[test]
fn each_log_has_the_requests_of_its_own_load_balancers() {
    let mut through_nlb = through_clb();
    through_nlb.layers[0].station = "nlb";
    for (served, logs) in [
        (through_elb(), &[Log::AlbAccess, Log::Truth][..]),
        (through_clb(), &[Log::ClbAccess, Log::Truth]),
        (through_nlb, &[Log::Truth]),
        (through_cloudfront(), &[Log::CloudFrontStandard, Log::CloudFrontRealtime, Log::Truth]),
    ] {
        let has_it = |log: &Log| !log.of_request(&served, &Profile::default()).is_empty();
        let found: Vec<Log> = Log::ALL.into_iter().filter(has_it).collect();
        assert_eq!(found, logs, "{}", served.layers[0].station);
    }
}

fn ended() -> Ended {
    let cipher = "TLS_AES_128_GCM_SHA256".to_owned();
    let tls = TlsSession { protocol: "TLSv1.3", cipher, server_name: None, alpn: Some("h2".to_owned()) };
    Ended {
        station: "nlb",
        region: None,
        accepted_at: Timestamp::from_nanos(1_795_264_200_000_000_000),
        lasted: Nanos::from_micros(2_400_700),
        handshake: Some(Nanos::from_micros(16_700)),
        alert: None,
        client: "[::1]:4000".parse().unwrap(),
        listener: "[::1]:8443".parse().unwrap(),
        server_name: "nlb.lab.test".to_owned(),
        offered: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        received: 98,
        sent: 246,
        connection: Connection { id: 0x1a, port: 8443, tls: Some(tls) },
    }
}

const NLB: &str = "tls 2.0 2026-11-21T12:30:02 net/lab-nlb/c6e77e28c25b2234 0f7c2d31e9b84a56 [::1]:4000 [::1]:8443 2401 17 98 246 - \
    arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012 - TLS_AES_128_GCM_SHA256 tlsv13 - \
    nlb.lab.test h2 - \"h2\",\"http/1.1\" 2026-11-21T12:30:00\n";

#[test]
fn a_network_load_balancer_logs_its_connections_when_they_are_over() {
    let check = |ended: &Ended, profile: &str, expect: &str| {
        let profile = Profile::parse(profile, "test.toml").unwrap();
        assert_eq!(Log::NlbTls.of_connection(ended, &profile), expect);
    };
    check(&ended(), "", NLB);
    check(&ended(), "skew_ms.elb = 5000", &NLB.replace("12:30:02", "12:30:07").replace("12:30:00", "12:30:05"));
    let mut refused = ended();
    refused.region = Some("eu-west-1".to_owned());
    (refused.handshake, refused.alert, refused.connection.tls) = (None, Some(48), None);
    (refused.received, refused.sent, refused.offered) = (0, 0, Vec::new());
    let expect = NLB
        .replace("us-east-1", "eu-west-1")
        .replace(" 17 98 246 - ", " - 0 0 48 ")
        .replace("TLS_AES_128_GCM_SHA256 tlsv13", "- -")
        .replace("h2 - \"h2\",\"http/1.1\"", "- - -");
    check(&refused, "", &expect);
    let strange = Ended { offered: vec![b"a \"b\xff".to_vec()], ..ended() };
    check(&strange, "", &NLB.replace("\"h2\",\"http/1.1\"", "\"a%20%22b%FF\""));
    for station in ["elb", "clb", "ec2"] {
        check(&Ended { station, ..ended() }, "", "");
        assert!(
            Log::ALL.iter().all(|log| log.of_connection(&Ended { station, ..ended() }, &Profile::default()).is_empty())
        );
    }
}

/// The value of a field in a line of one of the edge's logs.
fn edge_field(log: Log, served: &Served, field: &str) -> String {
    let fields = match log {
        Log::CloudFrontStandard => {
            let head = log.preamble();
            head.lines().nth(1).unwrap().strip_prefix("#Fields: ").unwrap().to_owned()
        }
        _ => REALTIME_FIELDS.to_owned(),
    };
    let line = log.of_request(served, &Profile::default());
    let values: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
    let names: Vec<&str> = fields.split(' ').collect();
    assert_eq!(names.len(), values.len(), "{line}");
    values[names.iter().position(|name| *name == field).unwrap()].to_owned()
}

#[test]
fn the_edge_logs_what_it_took_and_what_its_origin_took() {
    use Log::{CloudFrontRealtime as Realtime, CloudFrontStandard as Standard};
    let (served, gone) = (through_cloudfront(), given_up(through_cloudfront()));
    for (log, served, field, expect) in [
        (Standard, &served, "date", "2026-11-21"),
        (Standard, &served, "time", "12:30:00"),
        (Standard, &served, "x-edge-location", "IAD89-C1"),
        (Standard, &served, "cs-uri-stem", "/a"),
        (Standard, &served, "cs-uri-query", "b=%22c%22"),
        (Standard, &served, "cs(User-Agent)", "wirefall/1%20trace/67400000"),
        (Standard, &served, "x-edge-request-id", "edge=="),
        (Standard, &served, "x-edge-result-type", "Miss"),
        (Standard, &served, "time-taken", "0.070"),
        (Standard, &served, "time-to-first-byte", "0.070"),
        (Standard, &served, "c-port", "40000"),
        (Standard, &served, "fle-status", "-"),
        (Realtime, &served, "timestamp", "1795264200.070"),
        (Realtime, &served, "origin-fbl", "0.060"),
        (Realtime, &served, "origin-lbl", "0.061"),
        (Realtime, &served, "time-to-first-byte", "0.070"),
        (Standard, &gone, "sc-status", "000"),
        (Standard, &gone, "x-edge-detailed-result-type", "ClientCommError"),
        (Realtime, &gone, "origin-fbl", "-"),
    ] {
        assert_eq!(edge_field(log, served, field), expect, "{log:?} {field}");
    }
    assert_eq!(Log::CloudFrontRealtime.of_request(&through_elb(), &Profile::default()), "");
}

#[test]
fn an_api_logs_its_variables_as_texts() {
    let log = json(Log::ApiGateway, &through_apig()).remove(0);
    for (name, expect) in [
        ("requestId", "rest"),
        ("extendedRequestId", "extended="),
        ("integration.requestId", "call"),
        ("responseLatency", "600"),
        ("integrationLatency", "570"),
        ("waf.latency", "4"),
        ("authorizer.latency", "9"),
        ("authenticate.latency", "-"),
        ("xrayTraceId", "1-67400000-0123456789abcdef01234567"),
        ("status", "200"),
        ("requestTime", "21/Nov/2026:12:30:00 +0000"),
        ("identity.userAgent", "wirefall/1 trace/67400000"),
    ] {
        assert_eq!(log[name], expect, "{name}");
    }
    let gone = json(Log::ApiGateway, &given_up(through_apig())).remove(0);
    assert_eq!((gone["status"].as_str(), gone["integrationLatency"].as_str()), (Some("499"), Some("-")));
    let mut http_api = through_apig();
    http_api.layers[0].extended_request_id = None;
    let log = json(Log::ApiGateway, &http_api).remove(0);
    assert_eq!(
        (log["extendedRequestId"].as_str(), log.get("xrayTraceId"), log.get("waf.latency")),
        (Some("rest"), None, None)
    );
}

const REPORT: &str = "REPORT RequestId: call\tDuration: 128.83 ms\tBilled Duration: 264 ms\tMemory Size: 512 MB\t\
    Max Memory Used: 74 MB\tInit Duration: 135.13 ms\tXRAY TraceId: 1-67400000-0123456789abcdef01234567\t\
    SegmentId: 00000000000000f1\tSampled: true\t\n";

fn text_log(served: &Served) -> String {
    Log::LambdaText.of_request(served, &Profile::default())
}

#[test]
fn a_function_reports_in_text() {
    let served = through_apig();
    let text = text_log(&served);
    assert!(
        text.starts_with(
            "INIT_START Runtime Version: python:3.13.v64\tRuntime Version ARN: arn:aws:lambda:us-east-1::"
        )
    );
    assert!(
        text.ends_with(&format!("START RequestId: call Version: $LATEST\nEND RequestId: call\n{REPORT}")),
        "{text}"
    );
    let mut warm = served.clone();
    let invocation = warm.layers[1].invocation.as_mut().unwrap();
    invocation.placement = Placement::Warm { sandbox: 1 };
    (invocation.placed, invocation.started) = (None, None);
    warm.layers[1].trace_header = Some("Root=1-67400000-0123456789abcdef01234567;Parent=1;Sampled=0".to_owned());
    let report = "REPORT RequestId: call\tDuration: 128.83 ms\tBilled Duration: 129 ms\tMemory Size: 512 MB\tMax Memory Used: 74 MB\t\n";
    assert_eq!(text_log(&warm), format!("START RequestId: call Version: $LATEST\nEND RequestId: call\n{report}"));
    let restored = text_log(&restored(served));
    assert!(restored.contains("\nRESTORE_REPORT Restore Duration: 135.13 ms\n"), "{restored}");
    assert!(restored.contains("\tRestore Duration: 135.13 ms\tBilled Restore Duration: 136 ms\t"), "{restored}");
    assert!(!restored.contains("Init Duration"), "{restored}");
    assert_eq!(text_log(&given_up(through_apig())), "");
}

fn restored(mut served: Served) -> Served {
    let invocation = served.layers[1].invocation.as_mut().unwrap();
    let Placement::Cold { start, .. } = &mut invocation.placement else { panic!("{invocation:?}") };
    *start = Start::Restore(Nanos::from_millis(135));
    served
}

#[test]
fn a_function_reports_in_json() {
    let events = json(Log::LambdaJson, &through_apig());
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expect = ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"];
    assert_eq!(types, expect.map(|name| format!("platform.{name}")));
    let [init, report] = [&events[2], &events[5]];
    assert_eq!(
        (init["time"].as_str(), &init["record"]["metrics"]["durationMs"]),
        (Some("2026-11-21T12:30:00.435Z"), &Value::from(135.13))
    );
    let metrics = &report["record"]["metrics"];
    assert_eq!((&metrics["durationMs"], &metrics["initDurationMs"]), (&Value::from(128.83), &Value::from(135.13)));
    assert_eq!(report["record"]["requestId"], "call");
    let restored = json(Log::LambdaJson, &restored(through_apig()));
    assert_eq!(restored[2]["type"], "platform.restoreReport");
    assert_eq!(restored[5]["record"]["metrics"]["restoreDurationMs"], 135.13);
}

fn documents(served: &Served, profile: &str) -> Vec<Value> {
    let mut traces = Traces::default();
    traces.add(served, &Profile::parse(profile, "test.toml").unwrap());
    let document: Value = serde_json::from_str(&traces.to_json()).unwrap();
    let Some(trace) = document["Traces"].get(0) else { return Vec::new() };
    let segments = trace["Segments"].as_array().unwrap().iter();
    segments.map(|segment| serde_json::from_str(segment["Document"].as_str().unwrap()).unwrap()).collect()
}

/// Milliseconds of a segment since the request arrived.
fn span(segment: &Value) -> [i64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second")]
    let millis = |name: &str| ((segment[name].as_f64().unwrap() - 1_795_264_200.0) * 1e3).round() as i64;
    [millis("start_time"), millis("end_time")]
}

#[test]
fn xray_has_the_stage_the_service_and_the_function() {
    let segments = documents(&through_apig(), "");
    let origins: Vec<&str> = segments.iter().map(|segment| segment["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["AWS::ApiGateway::Stage", "AWS::Lambda", "AWS::Lambda::Function"]);
    let [stage, service, function] = segments.as_slice() else { panic!("{segments:?}") };
    assert_eq!(span(stage), [0, 600]);
    assert_eq!(span(&stage["subsegments"][0]), [20, 590]);
    assert_eq!((span(service), service["aws"]["request_id"].as_str()), ([20, 590], Some("call")));
    assert_eq!(service["parent_id"], stage["subsegments"][0]["id"]);
    assert_eq!((span(function), function["id"].as_str()), ([435, 564], Some("00000000000000f1")));
    assert_eq!(function["parent_id"], service["id"]);
    let names: Vec<_> = function["subsegments"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
    assert_eq!(names, ["Initialization", "Invocation", "Overhead"]);
    assert_eq!(span(&function["subsegments"][0]), [300, 435]);
    let skewed = documents(&through_apig(), "skew_ms.lambda = -5000");
    assert_eq!((span(&skewed[0]), span(&skewed[1])), ([0, 600], [-4980, -4410]));
}

#[test]
fn xray_has_what_is_sampled_only() {
    let mut http_api = through_apig();
    http_api.layers[0].extended_request_id = None;
    assert_eq!(documents(&http_api, "").len(), 2);
    let mut unsampled = through_apig();
    for part in &mut unsampled.layers {
        part.trace_header = part.trace_header.as_ref().map(|header| header.replace("Sampled=1", "Sampled=0"));
    }
    assert_eq!(documents(&unsampled, "").len(), 0);
    assert_eq!(documents(&through_elb(), "").len(), 0);
}

#[test]
fn true_times_sum_to_what_the_first_layer_took() {
    let us = Nanos::from_micros;
    for (served, expect) in [
        (through_elb(), vec![("elb", us(9_000)), ("ec2", us(61_000))]),
        (
            through_apig(),
            vec![
                ("apig", us(17_100)),
                ("apig.waf", us(4_100)),
                ("apig.authorizer", us(9_200)),
                ("lambda.invoke", us(26_041)),
                ("lambda.placement", us(280_000)),
                ("lambda.init", us(135_126)),
                ("lambda.handler", us(128_833)),
            ],
        ),
    ] {
        let times = true_times(&served);
        assert_eq!(times.iter().map(|time| (time.layer, time.own)).collect::<Vec<_>>(), expect);
        assert_eq!(times.iter().map(|time| time.own).sum::<Nanos>(), served.layers[0].total);
        assert!(times.iter().all(|time| time.server <= time.own));
    }
    assert_eq!(true_times(&given_up(through_apig())), []);
    let line = json(Log::Truth, &through_apig()).remove(0);
    assert_eq!(
        (line["trace"].as_str(), line["cold"].as_bool()),
        (Some("1-67400000-0123456789abcdef01234567"), Some(true))
    );
    assert_eq!(
        line["layers"][1],
        serde_json::json!({ "layer": "apig.waf", "own_ns": 4_100_000, "server_ns": 4_100_000 })
    );
}
